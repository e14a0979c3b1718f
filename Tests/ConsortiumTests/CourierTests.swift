import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite("A courier that lies, repeats and forgets")
struct CourierTests {
  private typealias Answer = Signed<SubmissionAnswer>

  /// What answers an entry.
  private typealias Lie = @Sendable (Entry) throws -> [UInt8]

  private static func answer(
    by key: IdentityKey, _ genesis: ValidGenesis, generation: UInt64 = 0,
    chain: String = "hospital-1", _ outcome: SubmissionAnswer.Outcome
  ) -> Lie {
    { entry in
      let answer = SubmissionAnswer(
        genesis: genesis.digest, chain: chain, generation: generation, entry: entry.digest,
        outcome: outcome)
      return ReplyMessage(.success(Answer(answer, by: key))).encoded()
    }
  }

  /// What is no answer of the hospital to the entry, and what who asks makes of it.
  private static func lies(
    of act: SubmittedAct, _ stage: ActStage, otherAnswer: [UInt8]
  ) async throws -> [(name: String, code: String, lie: Lie)] {
    let genesis = stage.consortium.genesis
    let other = try stage.test.identityKey(of: "hospital-2")
    let ofNobody: [(String, String, Lie)] = [
      ("done", "malformed", { _ in ReplyMessage(.success(Done())).encoded() }),
      ("nothing", "malformed", { _ in [] }),
      ("garbage", "malformed", { _ in [UInt8](repeating: 0x30, count: 1000) }),
      ("somebody else's answer", "malformed", { _ in otherAnswer }),
      ("written, by another hospital", "unauthenticated", answer(by: other, genesis, .written)),
      (
        "refused, by another hospital", "unauthenticated",
        answer(by: other, genesis, .refused(code: "late", position: 0))
      ),
    ]
    guard act.needsConfirmation else { return ofNobody }
    // Even the hospital alone cannot say that its cloud has confirmed it.
    let own = try stage.test.identityKey(of: "hospital-1")
    let writer = try #require(stage.consortium.hospitals["hospital-1"]).ledger.writer
    let view = await writer.view
    let confirmed = try #require(view.confirmed)
    let outcome = SubmissionAnswer.Outcome.confirmed(
      SubmissionAnswer.Confirmation(
        index: 0, note: confirmed.note,
        inclusion: try view.inclusion(of: 0, size: confirmed.size)))
    return ofNobody + [
      ("written, by the hospital", "outcome-unknown", answer(by: own, genesis, .written)),
      ("another entry's confirmation", "invalid-proof", answer(by: own, genesis, outcome)),
      (
        "of another generation", "invalid-proof",
        answer(by: own, genesis, generation: 1, outcome)
      ),
      (
        "of another chain", "malformed", answer(by: own, genesis, chain: "hospital-2", outcome)
      ),
    ]
  }

  @Test(
    "[attack] whoever is told that something is done is shown it",
    arguments: SubmittedAct.allCases)
  func falseAnswers(act: SubmittedAct) async throws {
    let stage = try await ActStage(act)
    let (test, genesis) = (stage.test, stage.consortium.genesis)
    // The genuine answer to another entry.
    let honest = try #require(
      test.wire.passages.last { (try? Message<SubmitEntry>(encoded: $0.message)) != nil }
        ?? test.wire.passages.last)
    let before = try await stage.entries(act.kind).count
    let lies = try await Self.lies(of: act, stage, otherAnswer: honest.answer)
    for (name, code, lie) in lies {
      stage.answer(act, lie)
      #expect(await stage.perform() == code, "\(name)")
      #expect(try await stage.entries(act.kind).count == before, "\(name)")
    }
    // A courier does not even get so far: what is not under the seal of this exchange is no answer, and
    // nothing is said of the hospital.
    let made = Self.answer(by: try test.identityKey(of: "hospital-1"), genesis, .written)
    let refusal = ReplyMessage<Done>(
      .failure(ConsortiumError(.init("late"), "the ledger refuses the entry"))
    ).encoded()
    for lie: @Sendable (Entry) throws -> [UInt8] in [
      made, { _ in refusal }, { _ in honest.reply }, { _ in [] },
    ] {
      stage.answer(act, isSealed: false, lie)
      #expect(await stage.perform() == "unreachable")
      #expect(try await stage.entries(act.kind).count == before)
    }
    test.wire.intercept(nil)
    #expect(await stage.perform() == nil)
    #expect(try await stage.entries(act.kind).count == before + 1)
  }

  @Test(
    "what a courier swallows, going or coming, is sent again and stands once",
    arguments: SubmittedAct.allCases)
  func swallowed(act: SubmittedAct) async throws {
    let stage = try await ActStage(act)
    let before = try await stage.entries(act.kind).count
    stage.answer(act) { _ in throw ConsortiumError(.unreachable, "swallowed") }
    #expect(await stage.perform() == "unreachable")
    #expect(try await stage.entries(act.kind).count == before)
    let sent = Capture<Entry>()
    stage.test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard let entry = stage.submission(transit, act) else { return reply }
      sent.value = entry
      throw ConsortiumError(.unreachable, "the answer is swallowed")
    }
    #expect(await stage.perform() == "unreachable")
    #expect(try await stage.entries(act.kind).count == before + 1)

    // The same entry again is answered by where it stands now.
    stage.test.wire.intercept(nil)
    let entry = try #require(sent.value)
    let client = try stage.test.client(
      bringing: entry, try await stage.test.state(of: stage.visit, stage.consortium).context)
    func outcome() async throws -> SubmissionAnswer.Outcome {
      let reply = try await client.ask(SubmitEntry(entry), of: "hospital-1")
      return try reply.verified(
        by: stage.consortium.genesis.members.identityKey(of: "hospital-1") ?? []
      )
      .outcome
    }
    if act == .receipt { #expect(try await outcome() == .written) }
    #expect(await stage.perform() == nil)
    #expect(try await stage.entries(act.kind).count == before + 1)
    try await stage.consortium.settle()
    guard case .confirmed(let confirmation) = try await outcome() else {
      // Without a block of its own a signature waits for the visit's.
      #expect(act == .partialSignature)
      return
    }
    try SubmissionAnswer.check(
      confirmation, of: entry, generation: 0, genesis: stage.consortium.genesis,
      members: stage.consortium.genesis.members)
  }

  @Test("a consent of which any part was lost is given again, and opens the record once")
  func lostParts() async throws {
    func swallowing<Request: RoleRequest>(
      _ type: Request.Type, isDelivered: Bool
    ) async throws {
      let test = TestConsortium(teamSize: 1)
      let consortium = try await test.open()
      let (visit, request) = try await test.visitWithRequest(consortium)
      test.wire.intercept { transit in
        guard transit.payload(type) != nil else {
          return try await transit.deliver(transit.request)
        }
        if isDelivered { _ = try await transit.deliver(transit.request) }
        throw ConsortiumError(.unreachable, "lost")
      }
      func consent() async throws -> Digest32 {
        try await consortium.consent(
          patient: TestConsortium.patient, to: request, visit: visit,
          expiresAt: TestConsortium.start + 3600)
      }
      #expect(await ConsortiumError.code { _ = try await consent() } == "unreachable")
      test.wire.intercept(nil)
      let given = try await consent()
      try await consortium.settle()
      #expect(
        try await consortium.openRecord(doctor: TestConsortium.reader, consent: given).visit
          == visit)
      #expect(
        await ConsortiumError.code {
          _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: given)
        } == "reused")
      try await consortium.settle()
      let log = try await consortium.accessLog(patient: TestConsortium.patient, visit: visit)
        .records
      #expect(log.map(\.event) == [.consented, .requested, .accessed])
    }
    for isDelivered in [false, true] {
      try await swallowing(DepositConsent.self, isDelivered: isDelivered)
      try await swallowing(GrantConsent.self, isDelivered: isDelivered)
    }
  }

  @Test("[attack] a held-back signature cannot make a doctor forget what stands on the ledger")
  func heldBackSignature() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    let held = Mutex<[[UInt8]]>([])
    let shelf = Shelf(held)
    test.wire.intercept { transit in
      guard transit.payload(SubmitEntry.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      shelf.held.withLock { $0.append(transit.request) }
      throw ConsortiumError(.unreachable, "held back")
    }
    for _ in 0..<3 {
      #expect(
        await ConsortiumError.code {
          try await consortium.diagnose(visit, plan, position: 1)
        } == "unreachable")
    }
    test.wire.intercept(nil)
    // All that was signed is delivered now, the oldest first, and the doctor hears nothing of it.
    for request in shelf.held.withLock({ $0 }) {
      _ = try await consortium.courier.send(
        request, from: TestConsortium.patient, to: plan.hospital)
    }
    for position in 2...3 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: plan.hospital)
    let record = try await consortium.collect(visit, plan)
    #expect(record.record?.findings.map(\.content) == plan.findings)
    #expect(record.record?.findings.map(\.attempt) == [1, 1, 1])
  }

  private final class Shelf: Sendable {
    let held: Mutex<[[UInt8]]>
    init(_ held: consuming Mutex<[[UInt8]]>) { self.held = held }
  }

  @Test("a lost answer to a signature loses no finding, whatever the doctor signs next")
  func lostSignatureAnswer() async throws {
    for isOther in [false, true] {
      let test = TestConsortium()
      var consortium = try await test.open()
      var plan = test.plan()
      let visit = try await test.beginVisit(consortium, plan).context.visitID
      test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        guard transit.payload(SubmitEntry.self) != nil else { return reply }
        throw ConsortiumError(.unreachable, "the answer is lost")
      }
      #expect(
        await ConsortiumError.code {
          try await consortium.diagnose(visit, plan, position: 1)
        } == "unreachable")
      test.wire.intercept(nil)
      consortium = try await test.open()
      if isOther { plan.findings[0] = [7, 7, 7] }
      try await consortium.diagnose(visit, plan, position: 1)
      #expect(
        try await test.state(of: visit, consortium).attempts == [isOther ? 2 : 1, 0, 0])
      for position in 2...3 { try await consortium.diagnose(visit, plan, position: position) }
      try await consortium.complete(visit, at: plan.hospital)
      #expect(
        try await consortium.collect(visit, plan).record?.findings.map(\.content)
          == plan.findings)
    }
  }

  // MARK: Strangers (A15)

  @Test("[attack] a stranger's questions cost no replay and stop nobody")
  func strangersQuestions() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    try await consortium.settle()
    let client = test.client(consortium, as: TestConsortium.reader)
    let questions = 30
    let hospitals = ["hospital-1", "hospital-2", "nobody", "consortium", "manager", ""]
    func work() -> (leaves: Int, reads: Int) {
      let leaves = (1...3).map { test.storage.chainLog("hospital-\($0)").served }.reduce(0, +)
      return (leaves, test.storage.states.values.map(\.reads).reduce(0, +))
    }
    let before = work()
    /// But for the question which key to seal to.
    func passages() -> Int { test.wire.passages.count { $0.kind != FetchEnvelopeKey.name } }
    let passed = passages()
    for number in 0..<questions {
      let stray = Digest32(sha256: [UInt8(number)])
      let hospital = hospitals[number % hospitals.count]
      for supernode in ["hospital-1", "cloud"] {
        _ = await ConsortiumError.code {
          _ = try await client.ask(
            ReadConsent(
              hospital: hospital, visit: stray, consent: stray, doctor: TestConsortium.reader),
            of: supernode)
        }
        #expect(
          await ConsortiumError.code {
            _ = try await client.ask(ReadVisit(hospital: hospital, visit: stray), of: supernode)
          } != nil)
      }
    }
    let after = work()
    #expect(after.leaves == before.leaves)
    #expect(after.reads - before.reads < 40 * questions)
    // Nobody asked anybody else.
    #expect(passages() == passed + 4 * questions)
    #expect(try await consortium.hold(test.plan("encounter-2")).record?.record != nil)
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }
}

extension ActStage {
  /// Every entry of this kind on the hospital's chain.
  fileprivate func entries(_ kind: ObjectKind) async throws -> [Entry] {
    try await test.storage.chainLog("hospital-1").contents().compactMap {
      Leaf.entry(in: $0)
    }.filter { $0.content.body.kind == kind }
  }

  fileprivate func submission(_ transit: Wire.Transit, _ act: SubmittedAct) -> Entry? {
    guard let entry = transit.payload(SubmitEntry.self)?.entry,
      entry.content.body.kind == act.kind
    else { return nil }
    return entry
  }

  /// From now on this answers the act's submission, and nothing is submitted.
  ///
  /// - Parameter isSealed: whether the hospital answers so, or a courier.
  fileprivate func answer(
    _ act: SubmittedAct, isSealed: Bool = true,
    _ answer: @escaping @Sendable (Entry) throws -> [UInt8]
  ) {
    test.wire.intercept { transit in
      guard let entry = submission(transit, act) else {
        return try await transit.deliver(transit.request)
      }
      return isSealed ? try transit.seal(answer(entry)) : try answer(entry)
    }
  }
}
