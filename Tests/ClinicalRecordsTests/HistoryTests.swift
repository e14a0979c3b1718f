import ClinicalRecords
import TestSupport
import Testing

@Suite("A history is one patient's visits in order")
struct HistoryTests {
  /// A Bundle of these resources, each the members of one, or a whole entry if it begins with {.
  private func bundle(_ resources: String...) -> [UInt8] { bundle(resources) }

  private func bundle(_ resources: [String]) -> [UInt8] {
    let entries = resources.map { $0.hasPrefix("{") ? $0 : #"{"resource":{\#($0)}}"# }
    return Array(#"{"resourceType":"Bundle","entry":[\#(entries.joined(separator: ","))]}"#.utf8)
  }

  private func encounter(_ id: String, _ more: String = "") -> String {
    #""resourceType":"Encounter","id":"\#(id)"\#(more.isEmpty ? "" : ",")\#(more)"#
  }

  private func code(_ json: [UInt8]) -> ClinicalRecordError.Code? {
    #expect(throws: ClinicalRecordError.self) { try FHIRHistory(json: json) }?.code
  }

  @Test("Visits run by the instant of their start, then file position; without one they are last")
  func order() throws {
    let starts = [
      "2020-06-01T00:30:00+02:00", "2020-05-31T22:29:59.999Z", "2020-05-31T22:29:59.9990000001Z",
      "2020-05-31T22:30:00Z", "2020-05", "2020-05-01", "2020", "2020-01-01T00:00:00Z",
      "1969-12-31T23:59:59Z", "1970", "2020-02-29T12:00:00-14:00", "2020-03-01T02:00:00Z", "",
      "2020-02-30", "2021-02-29", "2020-06-01T00:30:00", "2020-13", "today", "2020-6-01",
      "2020-06-01T24:00:00Z", "2016-12-31T23:59:60Z", "2017", "0001", "2020-06-01T00:30:00.Z",
      "2020-06-01T00:30:00+0200", "+020", "9999-12-31T23:59:59-14:00",
    ]
    var resources = starts.enumerated().map {
      encounter("\($0)", #""period":{"start":"\#($1)"}"#)
    }
    resources.insert(encounter("none"), at: 0)
    resources.append(encounter("number", #""period":{"start":2020}"#))
    let order = try FHIRHistory(json: bundle(resources)).visits.map(\.encounterID)
    #expect(
      order == [
        "22", "8", "9", "20", "21", "6", "7", "10", "11", "4", "5", "1", "2", "0", "3", "26",
        "none", "12", "13", "14", "15", "16", "17", "18", "19", "23", "24", "25", "number",
      ])
  }

  @Test("A reference finds its Encounter by fullUrl, id or identifier, and only the one it means")
  func references() throws {
    let identifier = #""identifier":[{"system":"urn:s","value":"v1"},{"value":"shared"}]"#
    let encounters = [
      #"{"resource":{\#(encounter("first"))}}"#,
      #"{"fullUrl":"urn:uuid:u-2","resource":{\#(encounter("2", identifier))}}"#,
      #"{"fullUrl":"https://a.example/r4/Encounter/3","resource":{\#(encounter("3"))}}"#,
      #"{"resource":{\#(encounter("4", #""identifier":[{"value":"shared"}]"#))}}"#,
    ]
    let expected: [(String, referrer: String, String)] = [
      ("urn:uuid:u-2", "", "2"), ("urn:uuid:u-3", "", "first"), ("u-2", "", "first"),
      ("Encounter/2", "", "2"), ("Encounter/2/_history/7", "", "2"), ("Patient/2", "", "first"),
      ("https://b.example/Encounter/2", "", "2"), ("https://a.example/r4/Encounter/3", "", "3"),
      ("https://a.example/r4/Encounter/3/_history/1", "", "3"),
      ("https://b.example/r4/Encounter/3", "", "first"), ("Encounter/3", "", "3"),
      ("Encounter/3", "https://a.example/r4/Observation/9", "3"),
      ("Encounter/3", "https://b.example/r4/Observation/9", "first"),
      ("Encounter/3", "urn:uuid:u-9", "3"), ("#2", "", "first"), ("", "", "first"),
      ("/", "", "first"), ("2", "", "first"), ("encounter/2", "", "first"),
      ("Encounter?identifier=urn:s|v1", "", "2"), ("Encounter?identifier=v1", "", "2"),
      ("Encounter?identifier=|v1", "", "first"), ("Encounter?identifier=shared", "", "first"),
      ("Encounter?identifier=|shared", "", "first"), ("Encounter?identifier=", "", "first"),
    ]
    for (reference, referrer, id) in expected {
      let observation =
        #"{"fullUrl":"\#(referrer)","resource":{"resourceType":"Observation","encounter":{"reference":"\#(reference)"}}}"#
      let history = try FHIRHistory(json: bundle(encounters + [observation]))
      let holders = history.visits.filter { !$0.others.isEmpty }.map(\.encounterID)
      #expect(holders == [id], "\(reference) from \(referrer)")
    }
  }

  @Test("Without a start the first visit is the file's first; it gets what names no Encounter")
  func firstVisit() throws {
    let visits = try FHIRHistory(
      json: bundle(
        #""resourceType":"Patient""#, encounter("late", #""period":{"start":"2020"}"#),
        encounter("early", #""period":{"start":"2019"}"#),
        #""resourceType":"Observation","encounter":{"reference":"Encounter/gone"}"#,
        #""resourceType":"Observation","encounter":"Encounter/late""#)
    ).visits
    #expect(visits.map(\.encounterID) == ["early", "late"])
    #expect(visits[0].others.map(\.type) == ["Patient", "Observation", "Observation"])
  }

  @Test("A contained Encounter is part of its parent, and no visit")
  func contained() throws {
    let visits = try FHIRHistory(
      json: bundle(
        encounter("1"), encounter("2"),
        """
        "resourceType":"Observation","contained":[{\(encounter("3"))}],
        "encounter":{"reference":"#3"},"context":{"reference":"Encounter/2"}
        """)
    ).visits
    #expect(visits.map(\.encounterID) == ["1", "2"])
    #expect(visits.map(\.others.count) == [0, 1])
  }

  @Test("What identifies the hospital, and an Encounter without an id")
  func identification() throws {
    let visits = try FHIRHistory(
      json: bundle(
        encounter("a", #""serviceProvider":{"display":"D","reference":"Organization/1"}"#),
        encounter("b", #""serviceProvider":{"display":"D","identifier":{"value":"I"}}"#),
        encounter("c", #""serviceProvider":{"display":"D"}"#), encounter("d"),
        #"{"fullUrl":"urn:uuid:5","resource":{"resourceType":"Encounter"}}"#,
        #""resourceType":"Encounter""#)
    ).visits
    #expect(visits.map(\.serviceProvider) == ["Organization/1", "I", "D", "", "", ""])
    #expect(visits.map(\.encounterID) == ["a", "b", "c", "d", "urn:uuid:5", "#5"])
  }

  @Test("Texts for people are bounded and cannot steer a terminal")
  func printableTexts() throws {
    let history = try FHIRHistory(
      json: bundle(
        #""resourceType":"Patient","name":[{"given":["A\u001b[2J","B"],"family":"C\nD"},{"text":"x"}]"#,
        encounter(
          "1",
          #""class":{"code":"AMB"},"type":[{"text":"\u202eevil\u2028é€😀"}],"reasonCode":[{"coding":[{"display":"\#(String(repeating: "e\u{301}", count: 500))"}]}]"#
        )))
    #expect(history.patient.name == "A [2J B C D")
    let visit = history.visits[0]
    #expect(visit.encounterClass == "AMB")
    #expect(visit.type == " evil é€😀")
    #expect(visit.reason == String(repeating: "e\u{301}", count: 60) + "…")
  }

  @Test("What is not a history is refused with its reason")
  func refusals() {
    #expect(code(Array(#"{"name":"x"}"#.utf8)) == .notFHIR)
    #expect(code(Array(#"["resourceType","Bundle"]"#.utf8)) == .notFHIR)
    #expect(code(Array(#"{"resourceType":7}"#.utf8)) == .notFHIR)
    #expect(code(Array(#"{"resourceType":"Bundle","entry":{}}"#.utf8)) == .notFHIR)
    #expect(code(Array(#"{"resourceType":"Bundle","entry":[[]]}"#.utf8)) == .notFHIR)
    #expect(code(bundle(encounter("1"), #""id":"2""#)) == .notFHIR)
    #expect(code(bundle(encounter("1"), #"{"resource":null}"#)) == .notFHIR)
    #expect(code(Array(#"{"resourceType":"Patient"}"#.utf8)) == .notBundle)
    #expect(code(Array(#"{"resourceType":"Bundle"}"#.utf8)) == .noEncounter)
    #expect(code(bundle(#""resourceType":"Patient""#)) == .noEncounter)
    #expect(code(bundle(encounter("1"), encounter("1"))) == .duplicateEncounter)
    let same = #"{"fullUrl":"urn:x","resource":{"resourceType":"Encounter"}}"#
    #expect(code(bundle(same, same)) == .duplicateEncounter)
    let named = [1, 2].map { #"{"fullUrl":"urn:x","resource":{\#(encounter("\($0)"))}}"# }
    #expect(code(bundle(named)) == .duplicateEncounter)
    #expect(code(bundle(#""resourceType":"Encounter""#, encounter("#0"))) == .duplicateEncounter)
    let patient = #""resourceType":"Patient""#
    #expect(code(bundle(encounter("1"), patient, patient)) == .severalPatients)
    #expect(code(bundle(encounter("1"), #""id":"1""#)) == .notFHIR)
  }

  @Test(
    "A key that we read and that stands twice is refused",
    arguments: [
      #"{"resourceType":"Bundle","resourceType":"Bundle","entry":[]}"#,
      #"{"resourceType":"Bundle","entry":[],"\u0065ntry":[]}"#,
      #"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"A"},"resource":{"resourceType":"A"}}]}"#,
      #"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"A","resourceType":"Encounter"}}]}"#,
      #"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Encounter","period":{"start":"2019","start":"2020"}}}]}"#,
      #"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Encounter"}},{"resource":{"resourceType":"A","encounter":{"reference":"a","reference":"b"}}}]}"#,
      #"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Encounter"}},{"resource":{"resourceType":"A","encounter":{},"encounter":{}}}]}"#,
    ])
  func duplicateKeys(text: String) {
    #expect(code(Array(text.utf8)) == .duplicateKey)
  }

  @Test("64 MiB are taken, one byte more is refused before it is parsed")
  func size() throws {
    let empty = bundle(encounter("1", #""x":"""#))
    let end = Array(#""}}]}"#.utf8)
    let start = Array(empty.dropLast(end.count))
    let filler = FHIRHistory.maximumByteCount - start.count - end.count
    let largest = start + [UInt8](repeating: UInt8(ascii: "x"), count: filler) + end
    #expect(FHIRHistory.maximumByteCount == 67_108_864)
    #expect(largest.count == FHIRHistory.maximumByteCount)
    #expect(try FHIRHistory(json: largest).visits.count == 1)
    #expect(code(largest + [0x20]) == .tooLarge)
    // Not even JSON, and still the size is what is wrong with it.
    #expect(code([UInt8](repeating: 0xff, count: FHIRHistory.maximumByteCount + 1)) == .tooLarge)
  }

  @Test("Cut off after any byte, a history is refused")
  func truncation() {
    let json = GeneratedHistory.small.json
    let end = json.lastIndex(of: UInt8(ascii: "}")) ?? 0
    for length in 0...end {
      let error = #expect(throws: ClinicalRecordError.self) {
        try FHIRHistory(json: Array(json[..<length]))
      }
      #expect(error?.code == .malformedJSON)
    }
  }

  @Test("With any byte changed, a history is refused or keeps the law")
  func changedBytes() throws {
    let json = GeneratedHistory.small.json
    var random = SeededGenerator(seed: 1)
    var refused = 0
    for position in json.indices {
      for mask in [UInt8(1) << UInt8.random(in: 0..<8, using: &random), 0x80] {
        var changed = json
        changed[position] ^= mask
        do {
          let history = try FHIRHistory(json: changed)
          let kept = history.visits.flatMap(\.resources).map(\.bytes)
          let isKept = try multiset(kept) == multiset(FHIRBundle.resources(in: changed))
          #expect(isKept)
        } catch {
          refused += 1
        }
      }
    }
    #expect(refused > json.count / 2)
  }

  @Test("An error does not repeat what the file says")
  func errorsAreDiscreet() {
    for text in [
      #"{"resourceType":"Solhaug"}"#, #"{"resourceType":"Bundle","Solhaug":Solhaug}"#,
      #"{"resourceType":"Bundle","entry":["Solhaug"]}"#,
      #"{"resourceType":"Bundle","entry":[{"resource":{"id":"Solhaug"}}]}"#,
    ] {
      let error = #expect(throws: ClinicalRecordError.self) {
        try FHIRHistory(json: Array(text.utf8))
      }
      #expect(error?.description.contains("Solhaug") == false)
    }
  }
}
