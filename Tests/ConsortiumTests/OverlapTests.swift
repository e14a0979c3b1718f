import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Synchronization
import Testing

/// What is under way twice at once, or held back meanwhile, makes nobody forget what was signed.
@Suite("Steps that overlap", .serialized)
struct OverlapTests {
  private static let hospital = "hospital-1"

  private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func next() -> Int {
      count.withLock { count in
        count += 1
        return count
      }
    }
  }

  /// Waits until something is so, for some minutes at most.
  private static func wait(_ seconds: Int = 300, until isSo: @Sendable () -> Bool) async throws {
    for _ in 0..<seconds * 1000 where !isSo() { try await Task.sleep(for: .milliseconds(1)) }
  }

  /// How many are under way to each recipient at once.
  private final class Crossings: Sendable {
    private struct State {
      var now: [String: Int] = [:]
      var (count, most) = (0, 0)
    }

    private let state = Mutex(State())
    var count: Int { state.withLock { $0.count } }
    var most: Int { state.withLock { $0.most } }

    func enter(_ recipient: String) {
      state.withLock { state in
        state.count += 1
        state.now[recipient, default: 0] += 1
        state.most = max(state.most, state.now[recipient] ?? 0)
      }
    }

    func leave(_ recipient: String) { state.withLock { $0.now[recipient, default: 0] -= 1 } }
  }

  @Test(
    "[attack] a courier is slow while a delegate takes two steps at once: one waits for the other")
  func twoSteps() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let node = try #require(consortium.hospitals[Self.hospital]).node
    #expect(try await node.takesPart)
    let crossings = Crossings()
    test.wire.intercept { transit in
      guard transit.sender == Self.hospital, transit.payload(FetchOutbox.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      crossings.enter(transit.recipient)
      defer { crossings.leave(transit.recipient) }
      if crossings.count == 1 {
        // The other step comes as far, if it can.
        for _ in 0..<200 where crossings.most < 2 { try await Task.sleep(for: .milliseconds(1)) }
      }
      return try await transit.deliver(transit.request)
    }
    async let one = node.advance()
    async let other = node.advance()
    _ = try await (one, other)
    test.wire.intercept(nil)
    #expect(crossings.most == 1)
    #expect(try await consortium.hold(test.plan()).record?.record != nil)
  }

  @Test("[attack] a courier is slow while a doctor signs twice at once: both are signed, in turn")
  func twoDiagnoses() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, first) = (context.visitID, context.signers[0].doctor)
    let doctor = try #require(await consortium.doctors[first])
    try await doctor.take(presence: test.presence(of: visit, to: first, consortium).text)
    let arrived = Counter()
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.payload(ReadVisit.self) != nil, transit.sender == first {
        _ = arrived.next()
        // Both at once, if they can be.
        try await Self.wait(1) { arrived.value > 1 }
      }
      return reply
    }
    async let one = ConsortiumError.code { try await doctor.diagnose(visit, Array("one".utf8)) }
    async let other = ConsortiumError.code {
      try await doctor.diagnose(visit, Array("other".utf8))
    }
    let codes = await [one, other]
    test.wire.intercept(nil)
    #expect(codes == [nil, nil])
    #expect(try await test.state(of: visit, consortium).attempts == [2, 0])
    try await consortium.diagnose(visit, plan, position: 2)
    try await consortium.complete(visit, at: Self.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(["one", "other"].contains(String(decoding: record.findings[0].content, as: UTF8.self)))
  }

  @Test("[attack] a courier holds back an answer while the doctor signs again: the last one stands")
  func heldAnswer() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, id) = (context.visitID, context.signers[0].doctor)
    let doctor = try #require(await consortium.doctors[id])
    try await doctor.take(presence: test.presence(of: visit, to: id, consortium).text)
    let submitted = Counter()
    let isReleased = Capture<Bool>()
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.payload(SubmitEntry.self) != nil, submitted.next() == 1 {
        try await Self.wait { isReleased.value == true }
      }
      return reply
    }
    async let first = ConsortiumError.code { try await doctor.diagnose(visit, Array("one".utf8)) }
    try await Self.wait { submitted.value > 0 }
    async let second = ConsortiumError.code {
      try await doctor.diagnose(visit, Array("two".utf8))
    }
    // The second has its time to overtake the first, and waits for it.
    try await Self.wait(1) { submitted.value > 1 }
    #expect(submitted.value == 1)
    isReleased.value = true
    #expect(await [first, second] == [nil, nil])
    test.wire.intercept(nil)
    #expect(try await test.state(of: visit, consortium).attempts == [2])
    consortium = try await test.open()
    try await consortium.complete(visit, at: Self.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(record.findings.map(\.content) == [Array("two".utf8)])
  }

  @Test("[attack] a courier holds back the hospital's first call until the doctor has signed")
  func heldAssignment() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let plan = test.plan()
    let visit = try await consortium.open(plan).visit
    let context = try await test.state(of: visit, consortium).context
    let id = context.signers[0].doctor
    let doctor = try #require(await consortium.doctors[id])
    let (assigned, proven, ended) = (Counter(), Counter(), Counter())
    let isReleased = Capture<Bool>()
    test.wire.intercept { transit in
      if transit.payload(AssignVisit.self) != nil, assigned.next() == 1 {
        // It arrives, and the hospital is told that it did not.
        Task {
          _ = try? await transit.deliver(transit.request)
          _ = ended.next()
        }
        throw ConsortiumError(.unreachable, "lost")
      }
      let reply = try await transit.deliver(transit.request)
      if transit.sender == id, transit.payload(ProveDoctors.self) != nil, proven.next() == 1 {
        try await Self.wait { isReleased.value == true }
      }
      return reply
    }
    let lost = await ConsortiumError.code {
      try await consortium.agreeOnGroupKey(visit, at: Self.hospital)
    }
    #expect(lost == "unreachable")
    try await Self.wait { proven.value > 0 }
    try await consortium.agreeOnGroupKey(visit, at: Self.hospital)
    try await consortium.diagnose(visit, plan, position: 1)
    isReleased.value = true
    try await Self.wait { ended.value > 0 }
    #expect(ended.value == 1 && assigned.value == 2)
    test.wire.intercept(nil)
    // The patient is there once more.
    try await doctor.take(presence: test.presence(of: visit, to: id, consortium).text)
    consortium = try await test.open()
    try await consortium.complete(visit, at: Self.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(record.findings.map(\.content) == plan.findings)
  }

  @Test("[attack] a hospital delivers another group key when the team has signed: nothing is lost")
  func otherGroupKey() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    #expect(
      await ConsortiumError.code {
        try await consortium.agreeOnGroupKey(visit, at: Self.hospital)
      } == "wrong-state")
    try await consortium.complete(visit, at: Self.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(record.findings.map(\.content) == plan.findings)
  }

  @Test("[attack] two deliveries are lost: what the first doctor signs, the others can open")
  func lostDeliveries() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await consortium.open(plan).visit
    let first = try await test.state(of: visit, consortium).context.signers[0].doctor
    // The first doctor has K, and the hospital does not learn it; the next K comes to everybody but the first doctor.
    for arrives in [true, false] {
      test.wire.intercept { transit in
        guard transit.recipient == first, transit.payload(ExchangeGroupKey.self)?.step == .delivery
        else { return try await transit.deliver(transit.request) }
        if arrives { _ = try await transit.deliver(transit.request) }
        throw ConsortiumError(.unreachable, "the answer is lost")
      }
      #expect(
        await ConsortiumError.code {
          try await consortium.agreeOnGroupKey(visit, at: Self.hospital)
        } == "unreachable")
    }
    test.wire.intercept(nil)
    #expect(
      await ConsortiumError.code {
        try await consortium.diagnose(visit, plan, position: 1)
      } == "wrong-state")
    try await consortium.agreeOnGroupKey(visit, at: Self.hospital)
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: Self.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(record.findings.map(\.content) == plan.findings)
  }

  @Test("[attack] the first doctor signs amid another exchange: nobody takes another group key")
  func signedAmidExchange() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    let first = try await test.state(of: visit, consortium).context.signers[0].doctor
    let signing = Counter()
    test.wire.intercept { transit in
      if transit.recipient == first, transit.payload(ExchangeGroupKey.self)?.step == .confirmation,
        signing.next() == 1
      {
        try await consortium.diagnose(visit, plan, position: 1)
      }
      return try await transit.deliver(transit.request)
    }
    #expect(
      await ConsortiumError.code {
        try await consortium.agreeOnGroupKey(visit, at: Self.hospital)
      } == "wrong-state")
    test.wire.intercept(nil)
    #expect(signing.value == 1)
    try await consortium.diagnose(visit, plan, position: 2)
    try await consortium.complete(visit, at: Self.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(record.findings.map(\.content) == plan.findings)
  }

  @Test("[attack] a colleague's garbage, as long as there is room, ends no visit that is signed")
  func garbageHandover() async throws {
    let test = TestConsortium(teamSize: 2)
    var consortium = try await test.open()
    var plan = test.plan()
    plan.findings[0] = [UInt8](repeating: 0x62, count: 4 << 20)
    let state = try await test.beginVisit(consortium, plan)
    let (visit, team) = (state.context.visitID, state.context.signers.map(\.doctor))
    try await consortium.diagnose(visit, plan, position: 1)
    let honest = try #require(test.wire.requests(HandOverFindings.self).last)
    // The last is as long as what it takes the place of.
    for byteCount in [66 << 20, honest.piece.byteCount] {
      for index in 0..<Piece.count(of: byteCount) {
        let piece = try Piece(
          byteCount: byteCount, index: index,
          bytes: [UInt8](repeating: 1, count: Piece.length(of: index, byteCount)))
        let held = try await test.client(consortium, as: team[0]).ask(
          HandOverFindings(visit: visit, head: honest.head, piece: piece), of: team[1])
        #expect(held.count == index + 1)
      }
    }
    try await consortium.diagnose(visit, plan, position: 2)
    consortium = try await test.open()
    try await consortium.complete(visit, at: plan.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(record.findings.map(\.content) == plan.findings)
  }

  @Test("[attack] a hospital answers one ticket with two contexts at once: one is agreed to")
  func twoContexts() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let hospital = try #require(consortium.hospitals[Self.hospital])
    let ticket = try await hospital.issueTicket(for: TestConsortium.identity)
    let arrived = Counter()
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(RequestAdmission.self) != nil else { return reply }
      let number = arrived.next()
      try await Self.wait { arrived.value > 1 }
      guard number == 2,
        case .visit(var context, _, let opening, let attempt) =
          try ReplyMessage<AdmissionOffer>(encoded: transit.open(reply)).result.get()
      else { return reply }
      let evidence = [UInt8](repeating: 9, count: 32)
      context.evidenceDigest = Digest32(sha256: evidence)
      return try transit.answer(
        RequestAdmission.self,
        .visit(context, evidence: evidence, opening: opening, attempt: attempt))
    }
    @Sendable func admit() async -> String? {
      await ConsortiumError.code {
        _ = try await patient.admit(to: Self.hospital, encounter: "e-1", ticket: ticket)
      }
    }
    async let one = admit()
    async let other = admit()
    let codes = await [one, other]
    #expect(arrived.value == 2)
    #expect(Set(test.wire.requests(AuthorizeVisit.self).map(\.contextDigest)).count == 1)
    #expect(codes.contains("wrong-context"))
  }
}
