import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

/// Doctors and patients who are reached by their mailboxes, and in no other way.
@Suite("Mailboxes")
struct MailTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  /// A visit in which no presence goes by courier.
  private func byHand(_ plan: PlannedVisit) -> PlannedVisit {
    var plan = plan
    plan.comparingWords = []
    return plan
  }

  @Test("a visit, its sharing and its end, while all programs read what comes")
  func wholeStory() async throws {
    let test = TestConsortium(teamSize: 2, routes: .patient)
    let consortium = try await test.open()
    let plan = test.plan()
    try await test.reading(TestConsortium.staff(), consortium) {
      let outcome = try await consortium.hold(plan)
      #expect(outcome.record?.record?.findings.map(\.content) == plan.findings)
      let request = try await consortium.requestAccess(
        doctor: Self.reader, patient: Self.patient, purpose: "second opinion")
      let patient = try await #require(consortium.patients[Self.patient])
      for _ in 0..<20000 where try await patient.requests().isEmpty {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(try await patient.requests().map(\.request) == [request])
      let consent = try await consortium.consent(
        patient: Self.patient, to: request, visit: outcome.visit,
        expiresAt: await consortium.ledgerTime() + 3600)
      try await consortium.settle()
      let shared = try await consortium.openRecord(doctor: Self.reader, consent: consent)
      #expect(shared.findings.map(\.content) == plan.findings)
    }
    // Everything was answered.
    for keeper in ["hospital-1", "hospital-2", "manager"] {
      #expect(try test.waiting(keeper) == [], "\(keeper)")
    }
  }

  @Test("a doctor who is away finds in the morning what came in the evening")
  func away() async throws {
    let test = TestConsortium(teamSize: 2, routes: .patient)
    var consortium = try await test.open()
    let plan = byHand(test.plan())
    let doctors = TestConsortium.staff()
    let visit = try await test.reading(doctors, consortium) { [consortium] in
      try await test.beginVisit(consortium, plan).context
    }
    let names = visit.signers.map(\.doctor)
    // The second doctor is away: what the first hands on waits.
    #expect(
      await code { try await consortium.diagnose(visit.visitID, plan, position: 1) }
        == "unreachable")
    #expect(try test.waiting("hospital-1").count == 1)
    consortium = try await test.open()
    let second = try await #require(consortium.doctors[names[1]])
    #expect(try await second.readMail() == 1)
    #expect(try await second.readMail() == 0)
    #expect(try test.waiting("hospital-1") == [])
    try await consortium.diagnose(visit.visitID, plan, position: 2)
    try await consortium.complete(visit.visitID, at: "hospital-1")
    let record = try await consortium.collect(visit.visitID, plan).record
    #expect(record?.findings.map(\.content) == plan.findings)
  }

  @Test("[attack] a patient and a doctor who are away find request and consent, whatever is lost")
  func awayFromSharing() async throws {
    let test = TestConsortium(teamSize: 2, routes: .patient)
    var consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.reading(TestConsortium.staff(), consortium) { [consortium] in
      try await consortium.hold(plan).visit
    }
    // The patient is away: the doctor is told that the request is on its way.
    let request = try await consortium.requestAccess(
      doctor: Self.reader, patient: Self.patient, purpose: "second opinion")
    #expect(try test.waiting("manager").count == 1)
    consortium = try await test.open()
    let patient = try await #require(consortium.patients[Self.patient])
    try await expectFound(request, by: patient, test)

    // The doctor makes keys for it, and is away when the consent comes.
    test.wire.lose(GrantConsent.self)
    let expiry = await consortium.ledgerTime() + 86_400
    @Sendable func consent(_ consortium: LocalConsortium) async throws -> Digest32 {
      try await consortium.consent(
        patient: Self.patient, to: request, visit: visit, expiresAt: expiry)
    }
    try await test.reading([Self.reader], patient: false, consortium) { [consortium] in
      #expect(await code { _ = try await consent(consortium) } == "unreachable")
    }
    test.wire.intercept(nil)
    #expect(await code { _ = try await consent(consortium) } == "unreachable")
    #expect(try test.waiting("hospital-2").count == 1)
    consortium = try await test.open()
    let reader = try await #require(consortium.doctors[Self.reader])
    #expect(try await reader.readMail() == 1)
    try await consortium.settle()
    let digests = try patient.givenConsents(of: visit, test)
    let record = try await consortium.openRecord(
      doctor: Self.reader, consent: try #require(digests.first))
    #expect(record.findings.map(\.content) == plan.findings)
  }

  /// What waits for the patient is found once, and stays while nobody can say who asks.
  private func expectFound(
    _ request: Digest32, by patient: Patient, _ test: TestConsortium
  ) async throws {
    #expect(try await patient.requests().isEmpty)
    // The doctor's hospital does not answer.
    test.wire.intercept { transit in
      if transit.recipient == "hospital-2", transit.sender == "patient" {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      return try await transit.deliver(transit.request)
    }
    for _ in 0..<2 {
      #expect(await code { _ = try await patient.readMail() } == "unreachable")
      #expect(try test.waiting("manager").count == 1)
    }
    #expect(try await patient.requests().isEmpty)
    test.wire.intercept(nil)
    #expect(try await patient.readMail() == 1)
    #expect(try await patient.requests().map(\.request) == [request])
    #expect(try test.waiting("manager") == [])
  }

  @Test("a hospital agrees on a group key by itself, once its whole team is there")
  func groupKey() async throws {
    let test = TestConsortium(teamSize: 2, routes: .patient)
    let consortium = try await test.open()
    let plan = byHand(test.plan())
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let visit = try await consortium.open(plan).visit
    let context = try await test.state(of: visit, consortium).context
    let names = context.signers.map(\.doctor)
    @Sendable func hasKey() throws -> Bool {
      try test.storage.roleStore("hospital-1").value(forKey: "group-key/\(visit)") != nil
    }
    @Sendable func tryFor(_ rounds: Int) async throws {
      for _ in 0..<rounds where try !hasKey() {
        test.pass(seconds: 1)
        try await hospital.agreeOnGroupKeys()
        try await Task.sleep(for: .milliseconds(20))
      }
    }
    try await tryFor(20)
    try await test.reading([names[0]], consortium) { try await tryFor(20) }
    #expect(try !hasKey())
    @Sendable func messages() -> Int {
      test.wire.passages.count { [AssignVisit.name, ExchangeGroupKey.name].contains($0.kind) }
    }
    #expect(messages() == 0)
    try await test.reading(names, consortium) {
      try await tryFor(250)
      #expect(try hasKey())
      #expect(messages() == 6)
      try await hospital.agreeOnGroupKeys()
      for position in 1...2 {
        try await consortium.diagnose(visit, plan, position: position)
      }
      try await consortium.complete(visit, at: "hospital-1")
      let record = try await consortium.collect(visit, plan).record
      #expect(record?.findings.map(\.content) == plan.findings)
      #expect(messages() == 6)
    }
  }

  @Test("the first doctor of a team has the group key last")
  func firstHasItLast() async throws {
    let test = TestConsortium(teamSize: 3)
    let consortium = try await test.open()
    let visit = try await consortium.open(test.plan()).visit
    let team = try await test.state(of: visit, consortium).context.signers.map(\.doctor)
    let given = Mutex<[String]>([])
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.payload(ExchangeGroupKey.self)?.step == .delivery {
        given.withLock { $0.append(transit.recipient) }
      }
      return reply
    }
    try await consortium.agreeOnGroupKey(visit, at: "hospital-1")
    #expect(given.withLock { $0.count } == 3)
    #expect(given.withLock { $0.last } == team[0])
  }

  @Test("[attack] doctors who never answer keep no other visit from its group key")
  func silentDoctors() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let hospital = try #require(consortium.hospitals["hospital-1"])
    // More than are under way at once, and one with a doctor who answers.
    let count = 40
    var visits: [Digest32] = []
    for number in 1...count {
      visits.append(try await consortium.open(test.plan("encounter-\(number)")).visit)
    }
    let honest = try #require(visits.last)
    let state = Mutex((told: [Digest32](), round: 0))
    test.wire.intercept { transit in
      guard let request = transit.payload(AssignVisit.self),
        case let visit = request.opening.context.visitID, visit != honest
      else { return try await transit.deliver(transit.request) }
      let round = state.withLock { state in
        state.told.append(visit)
        return state.round
      }
      for _ in 0..<60_000 where state.withLock({ $0.round }) == round {
        try await Task.sleep(for: .milliseconds(5))
      }
      throw ConsortiumError(.unreachable, "nobody answers")
    }
    for round in 1...3 {
      for _ in 0..<60_000 where state.withLock({ $0.told.count }) < 16 * round {
        test.pass(seconds: 1)
        try await hospital.agreeOnGroupKeys()
        try await Task.sleep(for: .milliseconds(5))
      }
      state.withLock { $0.round += 1 }
    }
    #expect(Set(state.withLock { $0.told.prefix(count - 1) }).count == count - 1)
    #expect(try test.storage.roleStore("hospital-1").value(forKey: "group-key/\(honest)") != nil)
  }

  @Test("a key that a doctor has, whose answer was lost, is brought again and is the same")
  func groupKeyAgain() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await consortium.open(plan).visit
    let count = Mutex(0)
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.payload(ExchangeGroupKey.self)?.step == .delivery,
        count.withLock({ count in
          count += 1
          return count % 2 == 1
        })
      {
        throw ConsortiumError(.unreachable, "the answer is lost")
      }
      return reply
    }
    try await consortium.agreeOnGroupKey(visit, at: "hospital-1")
    #expect(count.withLock { $0 } == 4)
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: "hospital-1")
  }

  @Test("who keeps reading has the next message with an answer, and misses none that is lost so")
  func keptReading() async throws {
    let test = TestConsortium(teamSize: 2, routes: .patient)
    let consortium = try await test.open()
    let plan = byHand(test.plan())
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let visit = try await consortium.open(plan).visit
    let team = try await test.state(of: visit, consortium).context.signers.map(\.doctor)
    let kinds = Mutex([String: [String]]())
    let lost = Mutex<Set<String>>([])
    test.wire.intercept { transit in
      guard team.contains(transit.sender), let kind = transit.kind,
        [FetchMail.name, AnswerMail.name].contains(kind)
      else { return try await transit.deliver(transit.request) }
      let reply = try await transit.deliver(transit.request)
      // The first answer of each doctor arrives, and what it brings is lost.
      if kind == AnswerMail.name, lost.withLock({ $0.insert(transit.sender).inserted }) {
        throw ConsortiumError(.unreachable, "the next message is lost")
      }
      kinds.withLock { $0[transit.sender, default: []].append(kind) }
      return reply
    }
    let taken = Capture<Int>()
    taken.value = 0
    var programs: [Task<Void, Never>] = []
    for id in team {
      let doctor = try await #require(consortium.doctors[id])
      programs.append(
        Task {
          while !Task.isCancelled {
            try? await doctor.keepReadingMail(waiting: 5) { count in
              taken.change { $0 = ($0 ?? 0) + count }
            }
          }
        })
    }
    for _ in 0..<30_000
    where try test.storage.roleStore("hospital-1").value(forKey: "group-key/\(visit)") == nil {
      test.pass(seconds: 1)
      try await hospital.agreeOnGroupKeys()
      try await Task.sleep(for: .milliseconds(20))
    }
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: "hospital-1")
    for program in programs { program.cancel() }
    for program in programs { await program.value }
    #expect(try await consortium.collect(visit, plan).record?.findings.count == 2)
    #expect(try test.waiting("hospital-1") == [])
    #expect(lost.withLock { $0 } == Set(team))
    // An assignment and two messages of the exchange for each, and findings.
    #expect(taken.value ?? 0 >= 7)
    let isBrought = kinds.withLock { kinds in
      kinds.values.contains { kinds in
        zip(kinds, kinds.dropFirst()).contains { $0 == AnswerMail.name && $1 == AnswerMail.name }
      }
    }
    #expect(isBrought)
  }

  @Test("[attack] a silent first hospital, and a new key of the manager: patients read their mail")
  func firstIsSilent() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12, routes: MailRoutes())
    var consortium = try await test.open()
    let plan = test.plan(hospital: "hospital-2")
    _ = try await test.reading(TestConsortium.staff(), consortium) { [consortium] in
      try await consortium.hold(plan).visit
    }
    try await consortium.rotateKeys(of: "manager")
    for _ in 0..<3 { try await test.passEpoch(consortium) }
    consortium = try await test.open()
    test.wire.lose { $0.sender == TestConsortium.patient && $0.recipient == "hospital-1" }
    _ = try await consortium.requestAccess(
      doctor: "hospital-3-doctor-1", patient: TestConsortium.patient, purpose: "care")
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    #expect(try await patient.readMail() == 1)
    #expect(try await patient.requests().count == 1)
  }

  @Test("all doctors of a team are told of a visit at once, where they have mailboxes")
  func toldAtOnce() async throws {
    let test = TestConsortium(teamSize: 2, routes: .patient)
    let consortium = try await test.open()
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let visit = try await consortium.open(byHand(test.plan())).visit
    let team = try await test.state(of: visit, consortium).context.signers.map(\.doctor)
    let told = Mutex<Set<String>>([])
    test.wire.intercept { transit in
      guard transit.payload(AssignVisit.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      told.withLock { _ = $0.insert(transit.recipient) }
      // Nobody is told anything before everybody is.
      for _ in 0..<30_000 where told.withLock({ $0.count }) < team.count {
        try await Task.sleep(for: .milliseconds(10))
      }
      guard told.withLock({ $0.count }) == team.count else {
        throw ConsortiumError(.unreachable, "the others are told later")
      }
      return try await transit.deliver(transit.request)
    }
    try await test.reading(team, consortium) { try await hospital.establishGroupKey(visit) }
    #expect(told.withLock { $0 } == Set(team))
    for doctor in team { #expect(try await consortium.doctors[doctor]?.hasGroupKey(visit) == true) }
  }

  enum Loss: CaseIterable, Sendable { case request, answer, doubled }

  @Test(
    "whatever of fetching and answering is lost or doubled, a message is taken once and leaves",
    arguments: [FetchMail.name, AnswerMail.name], Loss.allCases)
  func losses(kind: String, loss: Loss) async throws {
    let test = TestConsortium(teamSize: 1, routes: .patient)
    let consortium = try await test.open()
    let request = try await consortium.requestAccess(
      doctor: Self.reader, patient: Self.patient, purpose: "second opinion")
    let patient = try await #require(consortium.patients[Self.patient])
    let disturbed = Mutex(0)
    test.wire.intercept { transit in
      guard transit.kind == kind,
        disturbed.withLock({ count in
          count += 1
          return count == 1
        })
      else { return try await transit.deliver(transit.request) }
      if loss == .request { throw ConsortiumError(.unreachable, "lost") }
      let reply = try await transit.deliver(transit.request)
      if loss == .answer { throw ConsortiumError(.unreachable, "lost") }
      return loss == .doubled ? try await transit.deliver(transit.request) : reply
    }
    // What the disturbed call says is no matter; the next ones do all of it.
    _ = try? await patient.readMail()
    #expect(disturbed.withLock { $0 } >= 1)
    _ = try await patient.readMail()
    #expect(try await patient.requests().map(\.request) == [request])
    #expect(try test.waiting("manager") == [])
    #expect(try await patient.readMail() == 0)
  }
}

extension Patient {
  /// The consents to a visit that this patient's store has.
  fileprivate nonisolated func givenConsents(
    of visit: Digest32, _ test: TestConsortium
  ) throws -> [Digest32] {
    let prefix = "visit-consent/hospital-1/\(visit)/"
    return try test.storage.roleStore("patients/\(TestConsortium.patient)")
      .keys(withPrefix: prefix).compactMap { Digest32(hex: String($0.dropFirst(prefix.count))) }
  }
}
