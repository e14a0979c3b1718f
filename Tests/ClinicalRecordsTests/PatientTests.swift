import ClinicalRecords
import Testing

@Suite("A history is of one patient")
struct PatientTests {
  private func refusal(_ resources: String...) -> ClinicalRecordError? {
    #expect(throws: ClinicalRecordError.self) { try FHIRHistory(json: bundle(resources)) }
  }

  private func patient(_ resources: String...) throws -> ClinicalRecords.Patient {
    try FHIRHistory(json: bundle(resources)).patient
  }

  private let ann = entry(
    "https://a.example/Patient/p",
    resource("Patient", "p", #""identifier":[{"system":"urn:mrn","value":"7"}]"#))

  @Test(
    "[attack] a resource of another patient is refused by name, whatever form the reference has",
    arguments: [
      (#"{"reference":"Patient/q"}"#, "Patient/q"),
      (#"{"reference":"https://a.example/Patient/q"}"#, "https://a.example/Patient/q"),
      (#"{"reference":"https://b.example/Patient/p"}"#, "https://b.example/Patient/p"),
      (#"{"reference":"urn:uuid:9"}"#, "urn:uuid:9"),
      (#"{"identifier":{"system":"urn:mrn","value":"8"}}"#, "urn:mrn|8"),
      (#"{"identifier":{"system":"urn:other","value":"7"}}"#, "urn:other|7"),
      (#"{"reference":"Patient?identifier=urn:mrn%7C8"}"#, "Patient?identifier=urn:mrn%7C8"),
      (##"{"reference":"#c"}"##, "a contained Patient without an identifier of one in the file"),
    ])
  func others(link: String, name: String) {
    let contained = #""contained":[{"resourceType":"Patient","id":"c"}]"#
    for (type, field) in [
      ("Encounter", "subject"), ("Observation", "subject"), ("Immunization", "patient"),
      ("Task", "for"), ("Coverage", "beneficiary"),
    ] {
      let error = refusal(
        ann, encounter("e"), resource(type, "x", #""\#(field)":\#(link),\#(contained)"#))
      #expect(error?.code == .otherPatient)
      #expect(
        error?.message == "\(type)/x (entry[2]) is of \(name), and not of Patient/p (entry[0])")
      #expect(error?.location?.path?.hasPrefix("entry[2].resource.\(field)") == true)
    }
  }

  @Test(
    "The patient's own resources name the patient in every form, or nobody",
    arguments: [
      #"{"reference":"Patient/p"}"#, #"{"reference":"https://a.example/Patient/p/_history/2"}"#,
      #"{"identifier":{"system":"urn:mrn","value":"7"}}"#, #"{"display":"Ann"}"#,
      #"{"reference":"Patient/old","identifier":{"system":"urn:mrn","value":"7"}}"#,
      #"{"reference":"Patient?identifier=urn:mrn|7"}"#, #"{"reference":"Group/g"}"#,
      #"{"reference":"Device/d"}"#, ##"{"reference":"#c"}"##,
    ])
  func own(link: String) throws {
    let contained =
      #""contained":[{"resourceType":"Patient","id":"c","identifier":[{"system":"urn:mrn","value":"7"}]}]"#
    let history = try FHIRHistory(
      json: bundle(ann, encounter("e", #""subject":\#(link),\#(contained)"#)))
    #expect(history.patient.identity == "urn:mrn|7")
  }

  @Test("http for https is refused by name, and so is a patient on another server of that id")
  func mismatch() {
    let error = refusal(ann, encounter("e", reference("subject", "http://a.example/Patient/p")))
    #expect(error?.code == .mismatchedReference)
    #expect(
      error?.message
        == "Encounter/e (entry[1]) is of http://a.example/Patient/p, "
        + "and Patient/p (entry[0]) is https://a.example/Patient/p")
  }

  @Test("What was entered in error may be of anybody, since nobody signs it")
  func enteredInError() throws {
    let wrong = resource(
      "Observation", "o", #""status":"entered-in-error",\#(reference("subject", "Patient/q"))"#)
    let history = try FHIRHistory(json: bundle(ann, encounter("e"), wrong))
    #expect(history.leftOut.map(\.resource.id) == ["o"])
  }

  @Test("Without a Patient, all have to name the same one")
  func noPatient() throws {
    let one = try patient(
      encounter("e", reference("subject", "Patient/p")),
      resource("Observation", "o", reference("subject", "Patient/p")))
    #expect(one.identity == "Patient/p" && one.ground == .reference)
    let error = refusal(
      encounter("e", reference("subject", "Patient/p")),
      resource("Observation", "o", reference("subject", "Patient/q")))
    #expect(error?.code == .otherPatient)
    #expect(
      error?.message
        == "Observation/o (entry[1]) is of Patient/q, and Encounter/e (entry[0]) of Patient/p")
    let nobody = try patient(encounter("e"))
    #expect(nobody.identity == "e" && nobody.ground == .encounter)
  }

  @Test(
    "The identifier by which a patient is known: official, usual, not said, secondary, temp; never old",
    arguments: [
      (#"{"system":"s","value":"1"},{"use":"official","system":"s","value":"2"}"#, "s|2"),
      (
        #"{"use":"temp","system":"s","value":"1"},{"use":"secondary","system":"s","value":"2"}"#,
        "s|2"
      ),
      (
        #"{"use":"usual","system":"s","value":"1"},{"use":"usual","system":"t","value":"2"}"#, "s|1"
      ),
      (#"{"use":"old","system":"s","value":"1"},{"system":"s","value":"2"}"#, "s|2"),
      (#"{"use":"official","value":"1"},{"use":"temp","system":"s","value":"2"}"#, "s|2"),
      (#"{"system":"","value":"1"},{"system":"s","value":""},{"system":"s","value":"2"}"#, "s|2"),
    ])
  func identifiers(list: String, expected: String) throws {
    let patient = try patient(
      resource("Patient", "p", #""identifier":[\#(list)]"#), encounter("e"))
    #expect(patient.identity == expected && patient.ground == .identifier)
  }

  @Test("Two people whose Patient.id is 1 are two, and one is the same in two files")
  func equalIDs() throws {
    let alpha = #""name":[{"family":"Alpha","given":["Ann"]}],"birthDate":"1970-01-01""#
    let people = try [
      patient(resource("Patient", "1", alpha), encounter("e")),
      patient(
        resource("Patient", "1", #""name":[{"family":"Beta"}],"birthDate":"1970-01-01""#),
        encounter("e")),
      patient(
        resource(
          "Patient", "1", #""name":[{"family":"Alpha","given":["Ann"]}],"birthDate":"1999""#),
        encounter("e")),
      patient(
        entry("https://a.example/Patient/1", resource("Patient", "1", alpha)), encounter("e")),
      patient(
        entry("https://b.example/Patient/1", resource("Patient", "1", alpha)), encounter("e")),
      patient(
        resource("Patient", "1", #""identifier":[{"system":"urn:a","value":"1"}]"#), encounter("e")),
      patient(
        resource("Patient", "1", #""identifier":[{"system":"urn:b","value":"1"}]"#), encounter("e")),
    ]
    #expect(Set(people.map(\.identity)).count == people.count)
    #expect(people.prefix(5).allSatisfy { $0.ground == .id })
    let again = try patient(encounter("late"), resource("Patient", "1", alpha))
    #expect(again.identity == people[0].identity)
  }

  // MARK: Several patients

  private let family = [
    resource("Patient", "m", #""identifier":[{"system":"s","value":"m"}]"#),
    resource("Patient", "n", #""identifier":[{"system":"s","value":"n"}]"#),
    encounter(
      "em", "\(reference("subject", "Patient/m")),\(reference("serviceProvider", "Organization/o"))"
    ),
    encounter(
      "en", "\(reference("subject", "Patient/n")),\(reference("serviceProvider", "Organization/o"))"
    ),
    resource(
      "Observation", "om",
      "\(reference("subject", "Patient/m")),\(reference("encounter", "Encounter/em"))"),
    resource("Provenance", "pn", #""target":[{"reference":"Encounter/en"}]"#),
    resource("Organization", "o"), resource("Organization", "unused"),
  ]

  @Test(
    "Several patients are refused, and split on request: each gets what is theirs, all what they share"
  )
  func split() throws {
    let file = try HistoryFile(bundle(family))
    let error = #expect(throws: ClinicalRecordError.self) { try FHIRHistory([file]) }
    #expect(error?.code == .severalPatients)
    #expect(error?.hint?.contains("--split") == true)
    let histories = try FHIRHistory.split([file])
    #expect(histories.map(\.patient.identity) == ["s|m", "s|n"])
    let ids = histories.map { Set($0.parts.flatMap(\.resources).compactMap(\.id)) }
    #expect(ids == [["m", "em", "om", "o"], ["n", "en", "pn", "o"]])
    #expect(histories[0].leftOut.map(\.resource.id) == ["unused"])
    #expect(histories[0].leftOut.map(\.reason) == [.ofNoPatient])
  }

  @Test(
    "[attack] what is of two patients, or of one who is not in the file, is nobody's by splitting",
    arguments: [
      resource("Observation", "x", reference("subject", "Patient/z")),
      resource(
        "Coverage", "x",
        "\(reference("beneficiary", "Patient/m")),\(reference("subject", "Patient/n"))"),
      resource(
        "List", "x",
        #""entry":[{"item":{"reference":"Encounter/em"}},{"item":{"reference":"Encounter/en"}}]"#),
      resource(
        "Observation", "x",
        "\(reference("subject", "Patient/m")),\(reference("encounter", "Encounter/en"))"),
    ])
  func unsplittable(resource: String) throws {
    let file = try HistoryFile(bundle(family + [resource]))
    do {
      let histories = try FHIRHistory.split([file])
      // An Encounter of another patient is not there for this one.
      let content = try #require(histories[0].supplement?.contents.first { $0.resource.id == "x" })
      #expect(content.rule == .visitNotHere)
      #expect(!histories[1].parts.flatMap(\.resources).contains { $0.id == "x" })
    } catch let error as ClinicalRecordError {
      #expect(error.code == .otherPatient)
    }
  }
}
