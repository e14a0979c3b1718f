import ClinicalRecords
import Testing

@Suite("A reference finds its Encounter by FHIR's rules, and only the one it means")
struct ReferenceTests {
  private static let encounters = [
    encounter("first"),
    entry(
      "urn:uuid:u-2",
      encounter("2", #""identifier":[{"system":"urn:s","value":"v1"},{"value":"shared"}]"#)),
    entry("https://a.example/r4/Encounter/3", encounter("3")),
    encounter("4", #""identifier":[{"value":"shared"},{"system":"urn:s|t","value":"a,b é"}]"#),
    entry("urn:oid:2.999.5", encounter("5")),
  ].map { $0.hasPrefix("{") ? $0 : "{\"resource\":{\($0)}}" }

  /// The id of the visit in which a resource lies; the rule if it is in the supplement.
  private func holder(_ link: String, referrer: String = "", more: String = "") throws -> String {
    let observation = entry(referrer, #""resourceType":"Observation","encounter":\#(link)\#(more)"#)
    let history = try FHIRHistory(json: bundle(Self.encounters + [observation]))
    let part = try #require(history.parts.first { !$0.others.isEmpty })
    return part.kind == .supplement ? part.contents[0].rule.rawValue : part.encounterID
  }

  @Test(
    "In every legal form",
    arguments: [
      ("urn:uuid:u-2", "", "2"), ("urn:oid:2.999.5", "", "5"), ("urn:uuid:u-3", "", nil),
      ("u-2", "", nil), ("Encounter/2", "", "2"), ("Encounter/2/_history/7", "", "2"),
      ("Patient/2", "", "no-date"), ("https://b.example/Encounter/2", "", "2"),
      ("https://a.example/r4/Encounter/3", "", "3"),
      ("https://a.example/r4/Encounter/3/_history/1", "", "3"),
      ("https://a.example/r4/Encounter/3#part", "", "3"),
      ("https://b.example/r4/Encounter/3", "", nil), ("Encounter/3", "", "3"),
      ("Encounter/3", "https://a.example/r4/Observation/9", "3"),
      ("Encounter/3", "https://b.example/r4/Observation/9", nil),
      ("Encounter/3", "urn:uuid:u-9", "3"), ("", "", nil), ("/", "", nil), ("2", "", nil),
      ("encounter/2", "", nil), ("Encounter/", "", nil), ("Encounter/2/3", "", nil),
      ("Encounter?identifier=urn:s|v1", "", "2"), ("Encounter?identifier=v1", "", "2"),
      ("Encounter?identifier=urn%3As%7Cv1", "", "2"),
      ("Encounter?identifier=urn%3as%7cv1&_id=2", "", "2"),
      ("Encounter?_id=2&identifier=urn:s|v1", "", "2"),
      ("Encounter?_id=3&identifier=urn:s|v1", "", nil),
      ("Encounter?identifier=other,v1", "", "2"),
      ("Encounter?identifier=a%5C%2Cb%20%C3%A9", "", "4"),
      ("Encounter?identifier=a,b", "", nil), ("Encounter?identifier=v1&status=finished", "", nil),
      ("Encounter?identifier=|v1", "", nil), ("Encounter?identifier=", "", nil),
      ("Encounter?identifier=shared", "", "visit-unclear"),
      ("Encounter?identifier=|shared", "", "visit-unclear"), ("Encounter?identifier=%zz", "", nil),
      ("https://b.example/Encounter?identifier=urn:s|v1", "", "2"),
    ] as [(String, String, String?)])
  func forms(text: String, referrer: String, expected: String?) throws {
    let found = try holder(#"{"reference":"\#(text)"}"#, referrer: referrer)
    #expect(found == expected ?? "visit-not-here")
  }

  @Test("By identifier alone, and where the reference leads nowhere; also of one that is contained")
  func identifiers() throws {
    #expect(try holder(#"{"identifier":{"system":"urn:s","value":"v1"}}"#) == "2")
    #expect(try holder(#"{"identifier":{"value":"v1"}}"#) == "visit-not-here")
    #expect(try holder(#"{"identifier":{"value":"shared"}}"#) == "visit-unclear")
    #expect(
      try holder(#"{"reference":"Encounter/gone","identifier":{"system":"urn:s","value":"v1"}}"#)
        == "2")
    #expect(
      try holder(#"{"reference":"Encounter/3","identifier":{"system":"urn:s","value":"v1"}}"#)
        == "3")
    let contained =
      ##","contained":[{"resourceType":"Encounter","id":"c","identifier":[{"system":"urn:s","value":"v1"}]}]"##
    #expect(try holder(##"{"reference":"#c"}"##, more: contained) == "2")
    #expect(try holder(##"{"reference":"#d"}"##, more: contained) == "visit-not-here")
  }

  @Test(
    "What would be the same with https or small letters is refused, and names both",
    arguments: [
      ("http://a.example/r4/Encounter/3", ""), ("urn:uuid:U-2", ""), ("URN:uuid:u-2", ""),
      ("Encounter/3", "http://a.example/r4/Observation/1"),
      ("http://a.example/r4/Encounter/3/_history/2", ""),
    ])
  func mismatches(text: String, referrer: String) {
    let error = #expect(throws: ClinicalRecordError.self) {
      try holder(#"{"reference":"\#(text)"}"#, referrer: referrer)
    }
    #expect(error?.code == .mismatchedReference)
    #expect(error?.message.contains(" names \(text), and Encounter/") == true)
    #expect(error?.location?.path == "entry[5].resource.encounter")
  }

  @Test("A contained Encounter is part of its parent, and no visit")
  func contained() throws {
    let visits = try FHIRHistory(
      json: bundle(
        encounter("1"), encounter("2"),
        """
        "resourceType":"MedicationDispense","contained":[{\(encounter("3"))}],
        "encounter":{"reference":"#3"},"context":{"reference":"Encounter/2"}
        """)
    ).visits
    #expect(visits.map(\.encounterID) == ["1", "2"])
    #expect(visits.map(\.others.count) == [0, 1])
  }
}
