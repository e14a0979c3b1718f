import ClinicalRecords
import Testing

@Suite("What belongs to no visit is slipped into none")
struct PlacementTests {
  /// Two visits, of a morning in 2019 and of two days in 2021.
  private let visits = [
    encounter(
      "a",
      #""status":"finished","period":{"start":"2019-05-05T08:00:00+02:00","end":"2019-05-05T12:00:00+02:00"}"#
    ),
    encounter("b", #""status":"finished","period":{"start":"2021-01-01","end":"2021-01-02"}"#),
  ]

  private func place(of resources: String..., among visits: [String]? = nil) throws -> [String] {
    try places(bundle((visits ?? self.visits) + resources))
  }

  /// Of each resource that is no Encounter, in file order: the visit, or -, and the rule.
  private func places(_ json: [UInt8]) throws -> [String] {
    try FHIRHistory(json: json).parts.flatMap { part in
      part.contents.filter { $0.resource.type != "Encounter" }.map { content in
        let visit = part.kind == .supplement ? "-" : part.encounterID
        return (content.resource.position, "\(visit) \(content.rule.rawValue)")
      }
    }.sorted { $0.0 < $1.0 }.map(\.1)
  }

  @Test(
    "A date places a resource into the only visit in whose period it lies",
    arguments: [
      ("2019-05-05T10:00:00+02:00", "a date-in-visit"),
      ("2019-05-05T06:00:00Z", "a date-in-visit"),
      ("2019-05-05T05:59:59Z", "- date-in-no-visit"),
      ("2019-05-05T12:00:00.5+02:00", "- date-in-no-visit"),
      ("2019-05-05", "a date-in-visit"), ("2019-05-06", "- date-in-no-visit"),
      ("2019-05", "- date-too-coarse"), ("2019", "- date-too-coarse"),
      ("2021-01-02", "b date-in-visit"), ("2021-01-02T23:59:59-05:00", "b date-in-visit"),
      ("2021-01-03T00:00:00+14:00", "- date-in-no-visit"),
      ("2020-05-05T10:00:00Z", "- date-in-no-visit"),
    ])
  func byDate(date: String, expected: String) throws {
    let placed = try place(
      of: resource("Observation", "o", #""effectiveDateTime":"\#(date)""#))
    #expect(placed == [expected])
  }

  @Test("Each type has its own dates, and the first of them counts")
  func datesByType() throws {
    let day = "2019-05-05"
    let (instant, late) = ("\(day)T10:00:00+02:00", "2021-01-01T10:00:00Z")
    let placed = try place(
      of: resource("Condition", "1", #""onsetDateTime":"2001","recordedDate":"\#(day)""#),
      resource("Condition", "2", #""onsetDateTime":"\#(day)""#),
      resource("Procedure", "3", #""performedPeriod":{"start":"\#(instant)","end":"\#(instant)"}"#),
      resource("Procedure", "4", #""performedPeriod":{"start":"\#(instant)","end":"\#(late)"}"#),
      resource("MedicationRequest", "5", #""authoredOn":"\#(day)""#),
      resource("Observation", "6", #""effectiveInstant":"\#(instant)","issued":"\#(late)""#),
      resource("Observation", "7", #""issued":"\#(late)""#),
      resource(
        "DocumentReference", "8", #""date":"\#(late)","context":{"period":{"start":"\#(day)"}}"#),
      resource("Specimen", "9", #""collection":{"collectedDateTime":"\#(day)"}"#),
      resource("FamilyMemberHistory", "10", #""date":"\#(day)""#),
      // No date of a type that has none: a birth date places nobody.
      resource("RelatedPerson", "11", #""birthDate":"\#(day)""#))
    #expect(
      placed == [
        "a date-in-visit", "a date-in-visit", "a date-in-visit", "- date-in-no-visit",
        "a date-in-visit", "a date-in-visit", "b date-in-visit", "a date-in-visit",
        "a date-in-visit", "a date-in-visit", "- no-date",
      ])
  }

  @Test("A visit without an end has its day, or goes on; one without a day attracts nothing")
  func openVisits() throws {
    let observation = resource("Observation", "o", #""effectiveDateTime":"2022-03-04T22:00:00Z""#)
    func placed(_ status: String, _ start: String) throws -> String {
      try place(
        of: observation,
        among: [encounter("x", #""status":"\#(status)","period":{"start":"\#(start)"}"#)])[0]
    }
    #expect(try placed("finished", "2022-03-04T08:00:00+01:00") == "x date-in-visit")
    #expect(try placed("finished", "2022-03-03T08:00:00+01:00") == "- date-in-no-visit")
    #expect(try placed("in-progress", "2022-03-03T08:00:00+01:00") == "x date-in-visit")
    #expect(try placed("in-progress", "2022-03-05") == "- date-in-no-visit")
    #expect(try placed("in-progress", "2022-03") == "- date-in-no-visit")
    #expect(
      try place(of: observation, among: [encounter("x")]) == ["- date-in-no-visit"])
  }

  @Test("Two visits of one day share no date; of an Encounter and its part it is the part's")
  func overlap() throws {
    let observation = resource("Observation", "o", #""effectiveDateTime":"2022-03-04""#)
    let day = #""period":{"start":"2022-03-04"}"#
    #expect(
      try place(of: observation, among: [encounter("x", day), encounter("y", day)])
        == ["- date-in-several-visits"])
    let ward = [
      encounter("x", day), encounter("y", "\(day),\(reference("partOf", "Encounter/x"))"),
      encounter("z", "\(day),\(reference("partOf", "Encounter/y"))"),
    ]
    #expect(try place(of: observation, among: ward) == ["z date-in-visit"])
    // Encounters that are parts of each other hang nobody up.
    let circle = [
      encounter("x", "\(day),\(reference("partOf", "Encounter/y"))"),
      encounter("y", "\(day),\(reference("partOf", "Encounter/x"))"),
    ]
    _ = try place(of: observation, among: circle)
  }

  @Test("Of twenty Encounters within each other the innermost has the date, in whatever order")
  func nested() throws {
    let observation = resource("Observation", "o", #""effectiveDateTime":"2022-03-04T20:00:00Z""#)
    func ward(_ count: Int) -> [String] {
      (0..<count).map { number in
        let minutes = number < 10 ? "0\(number)" : "\(number)"
        let whole = number == 0 ? "" : "," + reference("partOf", "Encounter/n\(number - 1)")
        return encounter(
          "n\(number)",
          #""period":{"start":"2022-03-04T01:\#(minutes):00Z","end":"2022-03-05T00:00:00Z"}\#(whole)"#
        )
      }
    }
    #expect(try place(of: observation, among: ward(20)) == ["n19 date-in-visit"])
    #expect(try place(of: observation, among: ward(20).reversed()) == ["n19 date-in-visit"])
    let other = encounter("x", #""period":{"start":"2022-03-04","end":"2022-03-04"}"#)
    #expect(
      try place(of: observation, among: ward(20) + [other]) == ["- date-in-several-visits"])
    let deep = (0...65).map { number in
      encounter("n\(number)", number == 0 ? "" : reference("partOf", "Encounter/n\(number - 1)"))
    }
    _ = try FHIRHistory(json: bundle(Array(deep.dropLast())))
    let error = #expect(throws: ClinicalRecordError.self) { try FHIRHistory(json: bundle(deep)) }
    #expect(error?.code == .tooDeep)
    #expect(error?.message.hasPrefix("Encounter/n65 (entry[65])") == true)
  }

  @Test("What two visits have as a part is no one's, over however many steps each has it")
  func partsOfTwo() throws {
    let visits = [
      encounter("e", #""period":{"start":"2022-03-04"}"#),
      encounter("f", #""period":{"start":"2022-04-04"}"#),
    ]
    func report(_ id: String, _ visit: String, _ results: String...) -> String {
      let list = results.map { #"{"reference":"Observation/\#($0)"}"# }.joined(separator: ",")
      return resource(
        "DiagnosticReport", id,
        #"\#(reference("encounter", "Encounter/\(visit)")),"result":[\#(list)]"#)
    }
    let x = resource("Observation", "x")
    let y = resource("Observation", "y", #""hasMember":[{"reference":"Observation/x"}]"#)
    for reports in [
      [report("r", "e", "x", "y"), report("s", "f", "x")],
      [report("r", "e", "x"), report("s", "f", "y")],
      [report("s", "f", "y"), report("r", "e", "x")],
    ] {
      let history = try FHIRHistory(json: bundle(visits + reports + [x, y]))
      let supplement = try #require(history.supplement)
      let content = supplement.contents.first { $0.resource.id == "x" }
      #expect(content?.rule == .noDate)
      let visit = history.visits.first { $0.contents.contains { $0.resource.id == "y" } }
      #expect(visit?.contents.first { $0.resource.id == "y" }?.rule == .partOfVisit)
    }
    let one = try FHIRHistory(json: bundle(visits + [report("r", "e", "y"), x, y]))
    #expect(one.visits[0].resources.map(\.id) == ["e", "r", "x", "y"])
  }

  @Test("Among thousands of visits a long one is found, and what is before all is not")
  func manyVisits() throws {
    var visits = (0..<3_000).map { number in
      let day = "20\(10 + number / 300)-0\(1 + number / 30 % 9)-\(10 + number % 18)"
      return encounter(
        "v\(number)",
        #""period":{"start":"\#(day)T0\#(number % 10):00:00Z","end":"\#(day)T0\#(number % 10):00:00Z"}"#
      )
    }
    visits.append(encounter("long", #""status":"in-progress","period":{"start":"2001-01-01"}"#))
    let placed = try place(
      of: resource("Observation", "1", #""effectiveDateTime":"2025-07-07""#),
      resource("Observation", "2", #""effectiveDateTime":"2000-07-07""#), among: visits)
    #expect(placed == ["long date-in-visit", "- date-in-no-visit"])
  }

  @Test("What names an Encounter that is not here is not placed by its date")
  func elsewhere() throws {
    let date = #""effectiveDateTime":"2019-05-05""#
    func placed(_ link: String) throws -> String {
      try place(of: resource("Observation", "o", "\(date),\(link)"))[0]
    }
    #expect(try placed(reference("encounter", "Encounter/zzz")) == "- visit-not-here")
    #expect(try placed(reference("encounter", "urn:uuid:0")) == "- visit-not-here")
    #expect(try placed(reference("encounter", "b")) == "- visit-not-here")
    #expect(
      try placed(
        ##""encounter":{"reference":"#e"},"contained":[{"resourceType":"Encounter","id":"e"}]"##)
        == "- visit-not-here")
    #expect(
      try placed(#""encounter":{"identifier":{"system":"s","value":"v"}}"#) == "- visit-not-here")
    // Words and an EpisodeOfCare name no visit.
    #expect(try placed(#""encounter":{"display":"the visit"}"#) == "a date-in-visit")
    let dispense = resource(
      "MedicationDispense", "d",
      #""whenHandedOver":"2019-05-05",\#(reference("context", "EpisodeOfCare/1"))"#)
    #expect(try place(of: dispense) == ["a date-in-visit"])
  }

  @Test("Diagnoses, results and members lie with what has them; a Provenance with its targets")
  func parts() throws {
    let placed = try place(
      of: resource("Condition", "c", #""recordedDate":"2001-01-01""#),
      resource(
        "DiagnosticReport", "r",
        #"\#(reference("encounter", "Encounter/b")),"result":[{"reference":"Observation/o"}]"#),
      resource("Observation", "o", #""hasMember":[{"reference":"Observation/m"}]"#),
      resource("Observation", "m"),
      resource(
        "Provenance", "p",
        #""target":[{"reference":"Observation/m"}],"recorded":"2001-01-01T00:00:00Z""#),
      resource(
        "Provenance", "q", #""target":[{"reference":"Observation/m"},{"reference":"Encounter/x"}]"#),
      among: visits + [
        encounter("x", #""diagnosis":[{\#(reference("condition", "Condition/c"))}]"#)
      ])
    #expect(
      placed == [
        "x part-of-visit", "b names-visit", "b part-of-visit", "b part-of-visit",
        "b targets-in-visit", "- no-date",
      ])
  }

  @Test("What two visits have as their own is not placed by that")
  func contested() throws {
    let claims = ["x", "y"].map {
      encounter($0, #""diagnosis":[{\#(reference("condition", "Condition/c"))}]"#)
    }
    #expect(try place(of: resource("Condition", "c"), among: claims) == ["- no-date"])
  }

  @Test("What has no date lies where it is named, if that is one visit and nowhere else")
  func named() throws {
    let placed = try place(
      of: resource("Patient", "p"),
      resource("Medication", "m"), resource("Practitioner", "d"), resource("Location", "l"),
      resource("Organization", "o"), resource("Organization", "never"),
      resource(
        "PractitionerRole", "r",
        "\(reference("practitioner", "Practitioner/d")),\(reference("organization", "Organization/o"))"
      ),
      resource(
        "MedicationRequest", "1",
        "\(reference("encounter", "Encounter/a")),\(reference("medicationReference", "Medication/m")),"
          + "\(reference("requester", "PractitionerRole/r")),\(reference("subject", "Patient/p"))"),
      resource(
        "Procedure", "2",
        "\(reference("encounter", "Encounter/b")),\(reference("location", "Location/l")),\(reference("subject", "Patient/p"))"
      ),
      // In the supplement, which names the location too.
      resource(
        "Procedure", "3", #""performedDateTime":"1999",\#(reference("location", "Location/l"))"#))
    #expect(
      placed == [
        "- no-date", "a named-in-visit", "a named-in-visit", "- no-date", "a named-in-visit",
        "- no-date", "a named-in-visit", "a names-visit", "b names-visit", "- date-too-coarse",
      ])
  }

  @Test("The supplement is a part of its own, and its findings say what it is")
  func supplement() throws {
    let history = try FHIRHistory(
      json: bundle(
        visits + [resource("Patient", "p", reference("managingOrganization", "Organization/h"))]))
    let supplement = try #require(history.supplement)
    #expect(history.parts.count == 3 && supplement.encounter == nil)
    #expect(supplement.encounterID == "#supplement")
    #expect(supplement.serviceProvider == "Organization/h")
    let findings = supplement.findings(forTeamOf: 2).map { String(decoding: $0, as: UTF8.self) }
    let head =
      #"{"resourceType":"Bundle","meta":{"tag":[{"system":"urn:bcemr:part","code":"supplement"}]},"type":"collection""#
    #expect(findings[0].hasPrefix(#"\#(head),"entry":[{"resource":{"resourceType":"Patient""#))
    #expect(findings[1] == "\(head)}")
    #expect(
      history.visits.allSatisfy { visit in
        !visit.findings(forTeamOf: 2).contains {
          String(decoding: $0, as: UTF8.self).contains("supplement")
        }
      })
    #expect(try FHIRHistory(json: bundle(encounter("1"))).supplement == nil)
  }
}
