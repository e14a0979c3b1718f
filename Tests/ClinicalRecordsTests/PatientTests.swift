import ClinicalRecords
import TestSupport
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

  @Test(
    "[attack] nor by any other field that says whose it is, nor within another resource",
    arguments: [
      ("Appointment", #""participant":[{"actor":@}]"#, "participant[0].actor"),
      ("AppointmentResponse", #""actor":@"#, "actor"),
      ("Schedule", #""actor":[{"reference":"Practitioner/1"},@]"#, "actor[1]"),
      ("AuditEvent", #""entity":[{"what":@}]"#, "entity[0].what"),
      ("DocumentReference", #""context":{"sourcePatientInfo":@}"#, "context.sourcePatientInfo"),
      ("EnrollmentRequest", #""candidate":@"#, "candidate"),
      ("ResearchSubject", #""individual":@"#, "individual"),
      ("Group", #""member":[{"entity":@}]"#, "member[0].entity"),
      ("MessageHeader", #""focus":[@]"#, "focus[0]"), ("Task", #""focus":@"#, "focus"),
      ("Observation", #""focus":[@]"#, "focus[0]"), ("Provenance", #""target":[@]"#, "target[0]"),
      ("Composition", #""section":[{"focus":@}]"#, "section[0].focus"),
      ("VerificationResult", #""target":[@]"#, "target[0]"),
      (
        "Observation",
        ##""subject":{"reference":"Patient/p"},"contained":[{"resourceType":"Observation","id":"c","subject":@}],"hasMember":[{"reference":"#c"}]"##,
        "contained[0].subject"
      ),
      (
        "Observation",
        #""contained":[{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Group","member":{"entity":@}}}]}]"#,
        "contained[0].entry[0].resource.member.entity"
      ),
      (
        "Parameters",
        #""parameter":[{"part":[{"resource":{"resource\u0054ype":"Task","for":@}}]}]"#,
        "parameter[0].part[0].resource.for"
      ),
    ])
  func otherFields(type: String, members: String, path: String) throws {
    let links = [
      (#"{"reference":"Patient/q"}"#, "Patient/q"),
      (#"{"reference":"https://b.example/Patient/p"}"#, "https://b.example/Patient/p"),
      (#"{"reference":"urn:uuid:9","type":"Patient"}"#, "urn:uuid:9"),
      (#"{"type":"Patient","identifier":{"system":"urn:mrn","value":"8"}}"#, "urn:mrn|8"),
    ]
    func resource(_ link: String) -> String {
      Self.made(type, members.replacing("@", with: link))
    }
    for (link, name) in links {
      let error = refusal(ann, encounter("e"), resource(link))
      #expect(error?.code == .otherPatient)
      #expect(
        error?.message == "\(type)/x (entry[2]) is of \(name), and not of Patient/p (entry[0])")
      #expect(error?.location?.path == "entry[2].resource.\(path)")
    }
    // The own patient, and whoever is no patient, may stand there.
    for link in [#"{"reference":"Patient/p"}"#, #"{"reference":"Practitioner/q"}"#] {
      #expect(try patient(ann, encounter("e"), resource(link)).identity == "urn:mrn|7")
    }
  }

  @Test(
    "[attack] nor in forms that say it otherwise: a type by its URL, other letters, an identifier alone",
    arguments: [
      #"{"type":"http://hl7.org/fhir/StructureDefinition/Patient","identifier":{"system":"urn:mrn","value":"8"}}"#,
      #"{"type":"patient","identifier":{"system":"urn:mrn","value":"8"}}"#,
      #"{"type":"PATIENT","reference":"urn:uuid:9"}"#,
    ])
  func otherTypes(link: String) {
    for (type, members) in [
      ("Observation", #""subject":@"#), ("Provenance", #""target":[@]"#),
      ("Appointment", #""participant":[{"actor":@}]"#),
    ] {
      let error = refusal(
        ann, encounter("e"), Self.made(type, members.replacing("@", with: link)))
      #expect(error?.code == .otherPatient)
    }
  }

  @Test(
    "[attack] what does not say whose it is as FHIR does is refused, and not passed over",
    arguments: [
      (#""subject":"Patient/q""#, "subject"), (#""subject":7"#, "subject"),
      (#""subject":null"#, "subject"),
      (#""subject":[[{"reference":"Patient/q"}]]"#, "subject[0]"),
      (#""subject":{"reference":9}"#, "subject.reference"),
      (#""subject":{"reference":["Patient/q"]}"#, "subject.reference"),
      (#""subject":{"reference":"patient/q"}"#, "subject.reference"),
      (#""subject":{"identifier":[{"value":"8"}]}"#, "subject.identifier"),
      (#""subject":{"identifier":{"system":"urn:mrn","value":8}}"#, "subject.identifier.value"),
      (#""subject":{"type":["Patient"]}"#, "subject.type"),
      (##""subject":{"reference":"#c"}"##, "subject"),
      (
        ##""subject":{"reference":"#c"},"contained":[{"id":"c","identifier":[{"value":"8"}]}]"##,
        "subject"
      ),
      (
        ##""subject":{"reference":"#c"},"contained":[{"resourceType":"Group","id":"c"},{"resourceType":"Patient","id":"c"}]"##,
        "subject"
      ),
    ])
  func malformed(members: String, path: String) {
    for patient in [ann, resource("Device", "d")] {
      let error = refusal(patient, encounter("e"), Self.made("Observation", members))
      #expect(error?.code == .malformedReference)
      #expect(error?.message.hasPrefix("Observation/x (entry[2]) does not say whose it is") == true)
      #expect(error?.location?.path == "entry[2].resource.\(path)")
    }
  }

  @Test("[attack] nor where others than patients may stand, over arrays in arrays")
  func malformedInOpenFields() {
    for (type, members) in [
      ("Appointment", #""participant":[[{"actor":{"reference":"Patient/q"}}]]"#),
      ("Provenance", #""target":["Patient/q"]"#),
      ("AuditEvent", #""entity":[{"what":{"reference":"patient/q"}}]"#),
      (
        "Provenance",
        ##""target":[{"reference":"#c"}],"contained":[{"id":"c","name":[{"family":"Q"}]}]"##
      ),
    ] {
      #expect(
        refusal(ann, encounter("e"), Self.made(type, members))?.code == .malformedReference)
    }
  }

  private static func made(_ type: String, _ members: String) -> String {
    resource(type, "x", members)
  }

  @Test(
    "Who is related, asks, answers, pays or is a donor is not whose it is",
    arguments: [
      ("RelatedPerson", #""patient":{"reference":"Patient/p"},"identifier":[{"value":"q"}]"#),
      (
        "Observation",
        #""subject":{"reference":"Patient/p"},"focus":[{"reference":"Patient/q"}],"performer":[{"reference":"Patient/q"}]"#
      ),
      ("Task", #""for":{"reference":"Patient/p"},"focus":{"reference":"Patient/q"}"#),
      (
        "Coverage",
        #""beneficiary":{"reference":"Patient/p"},"subscriber":{"reference":"Patient/q"}"#
      ),
      ("QuestionnaireResponse", #""source":{"reference":"Patient/q"}"#),
      ("Person", #""link":[{"target":{"reference":"Patient/q"}}]"#),
      ("Appointment", #""participant":[{"actor":{"reference":"urn:uuid:9"}}]"#),
      ("Appointment", #""participant":[{"actor":{"identifier":{"system":"s","value":"1"}}}]"#),
    ])
  func related(type: String, members: String) throws {
    let mother = ann.dropLast(2) + #","link":[{"other":{"reference":"Patient/q"}}]}}"#
    let history = try FHIRHistory(
      json: bundle(String(mother), encounter("e"), Self.made(type, members)))
    #expect(history.parts.flatMap(\.resources).contains { $0.type == type })
  }

  @Test("[attack] without a Patient too, two are told apart wherever their references differ")
  func longReferences() {
    let start = "Patient/" + String(repeating: "1", count: 130)
    let error = refusal(
      encounter("e", reference("subject", start + "2")),
      resource("Observation", "o", reference("subject", start + "3")))
    #expect(error?.code == .otherPatient)
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

  @Test("Who has no visit has no history, and is told with all that is theirs, wherever they stand")
  func withoutVisit() throws {
    let others = [
      resource("Patient", "w", #""identifier":[{"system":"s","value":"w"}]"#),
      encounter("ew", #""status":"planned",\#(reference("subject", "Patient/w"))"#),
      resource(
        "Observation", "ow",
        "\(reference("subject", "Patient/w")),\(reference("device", "Device/dw"))"),
      resource("Device", "dw", reference("owner", "Organization/o")),
    ]
    for all in [family + others, others + family, others + family + others] {
      let histories = try FHIRHistory.split([HistoryFile(bundle(all))])
      #expect(histories.map(\.patient.identity) == ["s|m", "s|n"])
      let left = histories[0].leftOut.filter { $0.reason == .withoutVisit }
      #expect(left.map(\.resource.id) == ["w", "ew", "ow", "dw"])
      #expect(histories[1].leftOut.isEmpty)
      try checkLaw(bundle(all), histories)
    }
    let none = #expect(throws: ClinicalRecordError.self) {
      try FHIRHistory.split([HistoryFile(bundle(others + [resource("Patient", "v")]))])
    }
    #expect(none?.code == .noEncounter)
  }

  @Test(
    "Splitting loses nothing: what is in no finding is left out once, and said", arguments: 0..<100)
  func splitLaw(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let count = Int.random(in: 2...5, using: &random)
    var resources = (0..<count).map { resource("Patient", "p\($0)") }
    // One has a visit in any case.
    resources.append(encounter("e0", reference("subject", "Patient/p0")))
    for number in 1...Int.random(in: 1...30, using: &random) {
      let subject = reference("subject", "Patient/p\(Int.random(in: 0..<count, using: &random))")
      let shared = reference("device", "Device/d\(Int.random(in: 0..<4, using: &random))")
      let status = ["planned", "finished", "entered-in-error"].randomElement(using: &random) ?? ""
      switch Int.random(in: 0..<4, using: &random) {
      case 0: resources.append(encounter("e\(number)", #"\#(subject),"status":"\#(status)""#))
      case 1: resources.append(resource("Device", "d\(number)"))
      case 2: resources.append(resources.randomElement(using: &random) ?? "")
      default:
        resources.append(
          resource("Observation", "o\(number)", #"\#(subject),\#(shared),"status":"\#(status)""#))
      }
    }
    resources.shuffle(using: &random)
    let json = bundle(resources)
    try checkLaw(json, FHIRHistory.split([HistoryFile(json)]))
  }

  /// Requires that each resource is in one finding of each history that has it, or else left out once.
  private func checkLaw(_ json: [UInt8], _ histories: [FHIRHistory]) throws {
    var signed: [[UInt8]: Int] = [:]
    var left: [[UInt8]: Int] = [:]
    for history in histories {
      var own: Set<[UInt8]> = []
      for finding in history.parts.flatMap({ $0.findings(forTeamOf: 3) }) {
        for resource in try FHIRBundle.resources(in: finding) {
          #expect(own.insert(Array(resource)).inserted)
        }
      }
      for resource in own { signed[resource, default: 0] += 1 }
      for one in history.leftOut { left[Array(one.resource.bytes), default: 0] += 1 }
    }
    var all: [[UInt8]: Int] = [:]
    for resource in try FHIRBundle.resources(in: json) { all[Array(resource), default: 0] += 1 }
    #expect(Set(all.keys) == Set(signed.keys).union(left.keys))
    for (resource, count) in all {
      // What stands there again is left out each time.
      #expect(left[resource, default: 0] == (signed[resource] == nil ? count : count - 1))
      #expect(signed[resource, default: 0] <= histories.count)
    }
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
