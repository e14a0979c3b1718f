import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Teams by what patients complain of")
struct TeamTests {
  private static let hospital = "hospital-1"
  private static func doctor(_ number: Int) -> String { "\(hospital)-doctor-\(number)" }

  /// The codes of the demonstration's hospitals: doctors 1 to 4 of each.
  private static let (general, heart, glands, emergency) = (
    "http://snomed.info/sct|394814009", "http://snomed.info/sct|394579002",
    "http://snomed.info/sct|394583002", "http://snomed.info/sct|773568002"
  )

  private static func specialty(_ text: String) throws -> Specialty {
    try #require(Specialty(text))
  }

  private static func plan(roster: String = "") throws -> StaffingPlan {
    try StaffingPlan(
      json: Array(
        """
        {
          \(roster)
          "team_size": 2,
          "rules": [
            {"name": "chest", "codes": ["http://snomed.info/sct|29857009"],
             "specialties": ["\(heart)", "\(general)"]},
            {"name": "sugar", "words": ["thirsty"], "specialties": ["\(glands)"]}
          ]
        }
        """.utf8))
  }

  private static func consortium() async throws -> (TestConsortium, LocalConsortium, HospitalServer)
  {
    let test = TestConsortium(teamSize: 2, staffing: try plan(), doctors: 4)
    let consortium = try await test.open()
    return (test, consortium, try #require(consortium.hospitals[hospital]))
  }

  private static func visit(
    _ encounter: String, code: String? = nil, text: String = "", _ test: TestConsortium
  ) throws -> PlannedVisit {
    var plan = test.plan(encounter)
    let codes = code.flatMap { Symptoms.Code(system: "http://snomed.info/sct", code: $0) }
    plan.symptoms = try #require(Symptoms(codes: codes.map { [$0] } ?? [], text: text))
    return plan
  }

  /// The order s that the patient has agreed to.
  private static func team(
    _ plan: PlannedVisit, _ test: TestConsortium, _ consortium: LocalConsortium
  ) async throws -> [Int?] {
    let visit = try await consortium.open(plan).visit
    return try await test.state(of: visit, consortium).context.signers.map {
      Int($0.doctor.dropFirst("\(hospital)-doctor-".count))
    }
  }

  @Test("the team on the ledger is that of the rule, and the hospital knows why")
  func byRule() async throws {
    let (test, consortium, hospital) = try await Self.consortium()
    let plan = try Self.visit("e-1", code: "29857009", test)
    let outcome = try await consortium.hold(plan)
    let context = try await test.state(of: outcome.visit, consortium).context
    #expect(context.signers.map(\.doctor) == [Self.doctor(2), Self.doctor(1)])
    let choice = try #require(try await hospital.teamChoice(of: outcome.visit))
    #expect(choice == outcome.team)
    #expect(choice.ground == .rule("chest"))
    #expect(
      choice.places.map { $0.specialty?.description } == [Self.heart, Self.general])
    #expect(
      try await Self.team(Self.visit("e-2", text: "Thirsty all day", test), test, consortium)
        == [3, 4])
    // By turns: who was on a team the longest ago comes first.
    #expect(try await Self.team(Self.visit("e-3", test), test, consortium) == [2, 1])
    #expect(try await Self.team(Self.visit("e-4", test), test, consortium) == [3, 4])
    // After a restart the rule and the turns go on.
    let again = try await test.open()
    #expect(try await Self.team(Self.visit("e-5", test), test, again) == [2, 1])
    #expect(
      try await Self.team(Self.visit("e-6", code: "29857009", test), test, again) == [2, 1])
  }

  @Test("patients who are admitted at once take turns: each doctor has as many of them")
  func admittedAtOnce() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    for number in 1...12 {
      try await consortium.addPatient(contact: "patient-\(number)", identity: "Person \(number)")
    }
    for round in 1...3 {
      var turns: [String: Int] = [:]
      try await withThrowingTaskGroup(of: String?.self) { group in
        for number in 1...12 {
          var plan = test.plan("e-\(round)-\(number)")
          plan.patient = "patient-\(number)"
          group.addTask { [plan] in
            let visit = try await consortium.open(plan).visit
            return try await test.state(of: visit, consortium).context.signers.first?.doctor
          }
        }
        for try await doctor in group { turns[try #require(doctor), default: 0] += 1 }
      }
      #expect(turns.values.sorted() == [4, 4, 4], "\(turns)")
    }
  }

  @Test("a plan that was read is stored so that it is read again, or it is refused")
  func longPlan() async throws {
    let (test, consortium, hospital) = try await Self.consortium()
    // With indents it is longer than any file may be.
    let rules = (0..<256).map { rule in
      let codes = (0..<96).map { "\"http://snomed.info/sct|\(100_000_000 + rule * 1000 + $0)\"" }
      return "{\"name\":\"rule \(rule)\",\"codes\":[\(codes.joined(separator: ","))],"
        + "\"specialties\":[]}"
    }
    let text = "{\"team_size\":2,\"rules\":[\(rules.joined(separator: ","))]}"
    let plan = try StaffingPlan(json: Array(text.utf8))
    try await hospital.setStaffing(plan)
    #expect(try await hospital.staffing() == plan)
    // What an operator is shown can be set again.
    #expect(try StaffingPlan(json: plan.json()) == plan)
    _ = try await consortium.open(test.plan())
    // One that no file can say is not stored, and the former stays.
    let clause = try #require(plan.rule.clauses.first)
    let rule = try #require(
      TeamRule(clauses: [TeamRule.Clause](repeating: clause, count: 257), teamSize: 1))
    #expect(
      await ConsortiumError.code { try await hospital.setStaffing(StaffingPlan(rule: rule)) }
        == "invalid-staffing")
    #expect(try await hospital.staffing() == plan)
  }

  @Test("[attack] who is off duty, suspended or retired is never on a new team")
  func whoMayNot() async throws {
    let (test, consortium, hospital) = try await Self.consortium()
    func chest(_ encounter: String) async -> String? {
      await ConsortiumError.code {
        _ = try await consortium.open(Self.visit(encounter, code: "29857009", test))
      }
    }
    try await hospital.setStaffing(
      Self.plan(
        roster: """
          "roster": [{"doctor": "\(Self.doctor(1))"}, {"doctor": "\(Self.doctor(3))"},
            {"doctor": "\(Self.doctor(2))", "off": true}],
          """))
    #expect(await chest("e-1") == "no-team")
    #expect(try await Self.team(Self.visit("e-2", test), test, consortium) == [1, 3])
    // By the hours: TestConsortium begins on a Monday at 14:13 UTC.
    func hours(_ from: String, _ to: String) throws -> StaffingPlan {
      try Self.plan(
        roster: """
          "roster": [{"doctor": "\(Self.doctor(1))"}, {"doctor": "\(Self.doctor(2))",
            "shifts": [{"days": ["mon"], "from": "\(from)", "to": "\(to)"}]}],
          """)
    }
    try await hospital.setStaffing(hours("08:00", "13:00"))
    #expect(await chest("e-3") == "no-team")
    try await hospital.setStaffing(hours("13:00", "20:00"))
    #expect(await chest("e-3") == nil)
    try await hospital.setStaffing(Self.plan())
    #expect(try await hospital.setStanding(of: Self.doctor(2), .suspended))
    try await consortium.settle()
    #expect(await chest("e-4") == "no-team")
    // Suspended heart, and one that was said to be a specialist since.
    #expect(try await hospital.setSpecialties(of: Self.doctor(4), [Self.specialty(Self.heart)]))
    #expect(try await !hospital.setSpecialties(of: Self.doctor(1), [Self.specialty(Self.general)]))
    try await consortium.settle()
    #expect(
      try await Self.team(Self.visit("e-4", code: "29857009", test), test, consortium) == [4, 1])
    #expect(try await hospital.setStanding(of: Self.doctor(4), .retired))
    try await consortium.settle()
    #expect(await chest("e-5") == "no-team")
    for encounter in ["e-6", "e-7", "e-8"] {
      let team = try await Self.team(Self.visit(encounter, test), test, consortium)
      #expect(!team.contains(2))
      #expect(!team.contains(4))
    }
  }

  @Test(
    "[attack] a clerk's choice goes above the rule, for one Encounter and patient, but not for all")
  func clerk() async throws {
    let (test, consortium, hospital) = try await Self.consortium()
    try await hospital.setStaffing(Self.plan(roster: "\"roster\": [],"))
    func assign(_ team: [String]?, _ encounter: String, of identity: String) async -> String? {
      await ConsortiumError.code {
        try await hospital.assign(team, toEncounter: encounter, of: identity)
      }
    }
    let patient = TestConsortium.identity
    let named = [Self.doctor(4), Self.doctor(3)]
    // Nobody is on duty: only whom the counter calls.
    let plan = try Self.visit("e-1", code: "29857009", test)
    #expect(await assign(named, "e-1", of: "Somebody else") == nil)
    #expect(await assign(named, "e-2", of: patient) == nil)
    #expect(await ConsortiumError.code { _ = try await consortium.open(plan) } == "no-team")
    #expect(await assign(named, "e-1", of: patient) == nil)
    let visit = try await consortium.open(plan).visit
    #expect(
      try await test.state(of: visit, consortium).context.signers.map(\.doctor) == named)
    #expect(try await hospital.teamChoice(of: visit)?.ground == .clerk)
    // It holds for the next attempt too, and can be taken back.
    #expect(try await Self.team(plan, test, consortium) == [4, 3])
    #expect(await assign(nil, "e-1", of: patient) == nil)
    #expect(await ConsortiumError.code { _ = try await consortium.open(plan) } == "no-team")
    for team in [
      ["stranger"], ["hospital-2-doctor-1"], [Self.doctor(1), Self.doctor(1)], [],
    ] {
      #expect(await assign(team, "e-3", of: patient) == "no-team")
    }
    // Who may act when the clerk says so, and not any more when the patient comes.
    #expect(try await hospital.setStanding(of: Self.doctor(3), .suspended))
    try await consortium.settle()
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.open(Self.visit("e-2", test))
      } == "no-team")
    #expect(await assign([Self.doctor(3)], "e-4", of: patient) == "no-team")
  }

  @Test("a visit under way is not ended where there is no team for the next attempt")
  func noTeamEndsNothing() async throws {
    let (test, consortium, hospital) = try await Self.consortium()
    let plan = try Self.visit("e-1", code: "29857009", test)
    let visit = try await consortium.open(plan).visit
    try await hospital.setStaffing(Self.plan(roster: "\"roster\": [],"))
    #expect(await ConsortiumError.code { _ = try await consortium.open(plan) } == "no-team")
    #expect(try await test.state(of: visit, consortium).status == .open)
    try await consortium.agreeOnGroupKey(visit, at: Self.hospital)
  }

  @Test("why a visit that was never opened would have had its team goes with its ticket")
  func choiceOfNobody() async throws {
    let (test, consortium, hospital) = try await Self.consortium()
    let store = test.storage.roleStore(Self.hospital)
    let sick = try Self.visit("e-1", text: "Thirsty all day", test)
    test.wire.lose(AuthorizeVisit.self)
    #expect(await ConsortiumError.code { _ = try await consortium.open(sick) } == "unreachable")
    test.wire.intercept(nil)
    #expect(try store.keys(withPrefix: "team/").count == 1)
    // Another ticket leads to the same visit: what is said of it stays with it.
    let visit = try await consortium.open(sick).visit
    #expect(try store.keys(withPrefix: "offer/").count == 1)
    let never = try Self.visit("e-2", text: "Thirsty too", test)
    test.wire.lose(AuthorizeVisit.self)
    #expect(await ConsortiumError.code { _ = try await consortium.open(never) } == "unreachable")
    test.wire.intercept(nil)
    #expect(try store.keys(withPrefix: "team/").count == 2)
    for _ in 0..<2 {
      test.pass(seconds: 9 * 86_400)
      _ = try await hospital.issueTicket(for: "Somebody Else")
    }
    #expect(try store.keys(withPrefix: "offer/").isEmpty)
    #expect(try store.keys(withPrefix: "team/") == ["team/\(visit)"])
    // One that an earlier program has left goes when patients are forgotten; others stay as they are.
    let choice = try #require(try await hospital.teamChoice(of: visit))
    try store.write(["team/\(Digest32.zero)": Message(choice).encoded()])
    try await hospital.forgetPatients(ofVisitsEndedBefore: 0)
    #expect(try store.keys(withPrefix: "team/") == ["team/\(visit)"])
  }

  @Test("a team that was named at the counter goes when nobody comes for it any more")
  func namedForNobody() async throws {
    let (test, consortium, hospital) = try await Self.consortium()
    let store = test.storage.roleStore(Self.hospital)
    let named = [Self.doctor(4), Self.doctor(3)]
    func rows() throws -> Int { try store.keys(withPrefix: "named-team/").count }
    func pass(days: UInt64) async throws {
      test.pass(seconds: days * 86_400)
      _ = try await hospital.issueTicket(for: "Somebody Else")
    }
    for encounter in ["e-1", "e-2", "e-3"] {
      try await hospital.assign(named, toEncounter: encounter, of: TestConsortium.identity)
    }
    try await hospital.assign(nil, toEncounter: "e-3", of: TestConsortium.identity)
    #expect(try rows() == 2)
    try await pass(days: 6)
    // A visit is offered by it: it is of use once more.
    #expect(try await Self.team(Self.visit("e-2", test), test, consortium) == [4, 3])
    try await pass(days: 4)
    #expect(try rows() == 1)
    try await pass(days: 4)
    #expect(try rows() == 1)
    // As an earlier program has kept it: from now on.
    for key in try store.keys(withPrefix: "named-day/") { try store.write([key: nil]) }
    try await pass(days: 20)
    #expect(try rows() == 1)
    try await pass(days: 20)
    #expect(try rows() == 0)
    #expect(try store.keys(withPrefix: "named-day/").isEmpty)
  }

  @Test("[attack] the courier learns neither symptoms nor which specialist is missing")
  func secrecy() async throws {
    let (test, consortium, hospital) = try await Self.consortium()
    try await hospital.setStaffing(Self.plan(roster: "\"roster\": [],"))
    let before = test.wire.passages.count
    let refusal = await #expect(throws: ConsortiumError.self) {
      try await consortium.open(Self.visit("e-1", code: "29857009", text: "thirsty", test))
    }
    #expect(refusal?.message.contains(Self.heart) == true)
    for passage in test.wire.passages.dropFirst(before) {
      for bytes in [passage.request, passage.reply] {
        let text = String(decoding: bytes, as: UTF8.self)
        for secret in ["29857009", "thirsty", "394579002", "specialist"] {
          #expect(!text.contains(secret))
        }
      }
    }
    #expect(!(refusal?.message.contains("29857009") ?? true))

    // Nor by a length: another specialty is missing, too few are on duty, a visit is offered, there is one
    // under way, or there is no such ticket.
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.open(Self.visit("e-1", text: "thirsty", test))
      } == "no-team")
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.open(Self.visit("e-1", test))
      } == "no-team")
    try await hospital.setStaffing(Self.plan())
    _ = try await consortium.open(Self.visit("e-1", test))
    let form = try #require(test.wire.requests(RequestAdmission.self).last).form
    let stranger = try IdentityKey(seed: [UInt8](1...32))
    #expect(
      await ConsortiumError.code {
        _ = try await test.client(consortium, by: Author(.key(stranger.publicKey), stranger))
          .ask(RequestAdmission(form), of: Self.hospital)
      } == "refused")
    let admissions = test.wire.passages.filter { $0.kind == RequestAdmission.name }
    #expect(Set(admissions.map(\.answer.count)).count >= 4)
    #expect(Set(admissions.map(\.reply.count)).count == 1)
  }

  @Test("the longest symptoms have room in a form")
  func longestForm() async throws {
    let (test, consortium, _) = try await Self.consortium()
    var plan = test.plan("e-1")
    func text(_ count: Int) -> String { String(repeating: "y", count: count) }
    let code = try #require(
      Symptoms.Code(system: text(96), code: text(64), display: text(128)))
    plan.symptoms = try #require(
      Symptoms(codes: Array(repeating: code, count: 32), text: text(2048)))
    // The second time with the closure of the first.
    for _ in 1...2 { _ = try await consortium.open(plan) }
  }

  @Test("[attack] nobody registers as a specialist of what the hospital has not seen")
  func assertedSpecialties() async throws {
    let (test, consortium, hospital) = try await Self.consortium()
    let heart = try Self.specialty(Self.heart)
    func newcomer(_ specialties: Set<Specialty>) throws -> Doctor {
      try test.newProgram(of: "newcomer", consortium, specialties: specialties)
    }
    let asserting = try newcomer([heart])
    for known: Set<Specialty> in [[], [try Self.specialty(Self.general)]] {
      try await hospital.employ(
        "newcomer", fingerprint: asserting.fingerprint(), specialties: known)
      #expect(
        await ConsortiumError.code { try await asserting.register() } == "wrong-specialties")
    }
    try await hospital.employ(
      "newcomer", fingerprint: asserting.fingerprint(), specialties: [heart])
    try await asserting.register()
    try await consortium.settle()
    #expect(try await hospital.node.consortium.finalDoctor("newcomer")?.specialties == [heart])
    // Keys anew bring what is in force, not what the program was told once.
    #expect(try await hospital.setSpecialties(of: Self.doctor(1), [heart]))
    try await consortium.settle()
    let anew = try test.newProgram(of: Self.doctor(1), consortium, seed: 100)
    try await hospital.employ(Self.doctor(1), fingerprint: anew.fingerprint())
    try await anew.register()
    try await consortium.settle()
    let record = try await hospital.node.consortium.finalDoctor(Self.doctor(1))
    #expect(record?.specialties == [heart])
    #expect(record?.statement.specialties == [heart])
  }
}
