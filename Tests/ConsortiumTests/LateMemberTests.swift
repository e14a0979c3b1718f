import CanonicalEncoding
import Consortium
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite("Members who answer late")
struct LateMemberTests {
  private static let late = "hospital-1"

  /// What members ask each other about the consortium chain.
  private static let questions = [
    FetchOutbox.name, FetchBlock.name, FetchConsortium.name, OfferEntry.name,
  ]

  /// Whether a node has a motion that is final.
  private static func isFinal(at node: LedgerNode) async throws -> Bool {
    let view = await node.consortium
    return try view.motions().first.map { $0.index < view.final?.size ?? 0 } ?? false
  }

  /// Whether somebody waited for an answer that never comes for as long as its courier let it.
  private final class Held: Sendable {
    private let state = Mutex((isOver: false, hasEnded: false))

    var hasEnded: Bool { state.withLock { $0.hasEnded } }

    func end() { state.withLock { $0.isOver = true } }

    func wait() async throws {
      for _ in 0..<60_000 {
        if state.withLock({ $0.isOver }) { return }
        try await Task.sleep(for: .milliseconds(10))
      }
      state.withLock { $0.hasEnded = true }
      throw ConsortiumError(.unreachable, "the courier has waited long enough")
    }
  }

  @Test("[attack] a delegate that holds back all its answers keeps nobody from deciding")
  func held() async throws {
    let test = TestConsortium(teamSize: 1, patience: .milliseconds(100))
    let consortium = try await test.open()
    let held = Held()
    test.wire.intercept { transit in
      let answer = try await transit.deliver(transit.request)
      if transit.recipient == Self.late, let kind = transit.kind, Self.questions.contains(kind) {
        try await held.wait()
      }
      return answer
    }
    let motion = try await consortium.proposeHospital("hospital-4", sponsor: "hospital-2-trust")
    let plan = test.plan(hospital: "hospital-2")
    #expect(try await consortium.hold(plan).record?.record?.findings.count == 1)
    let isFinal = try await consortium.hospitals["hospital-3"]?.node.consortium.motions()
      .contains { $0.entry == motion }
    #expect(isFinal == true)
    // Nobody has waited until the courier gave up.
    #expect(!held.hasEnded)
    // Who runs another sees it, and when it is over.
    let node = try #require(consortium.hospitals["hospital-3"]).node
    let lateness = try #require(node.lateness[Self.late])
    #expect(lateness.isLate && lateness.count > 0)
    test.wire.intercept(nil)
    held.end()
    for _ in 0..<6000 where node.lateness[Self.late]?.isLate == true {
      try await consortium.settle()
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(node.lateness[Self.late]?.isLate == false)
    #expect(node.lateness[Self.late]?.count ?? 0 >= lateness.count)
  }

  @Test("what a late member says counts when it comes: with one that is away, its votes are needed")
  func slow() async throws {
    let test = TestConsortium(teamSize: 1, patience: .milliseconds(50))
    let consortium = try await test.open()
    let answered = Mutex(0)
    test.wire.intercept { transit in
      if transit.recipient == "hospital-2" || transit.sender == "hospital-2" {
        throw ConsortiumError(.unreachable, "it is away")
      }
      let answer = try await transit.deliver(transit.request)
      if transit.recipient == Self.late, let kind = transit.kind, Self.questions.contains(kind) {
        try await Task.sleep(for: .milliseconds(200))
        answered.withLock { $0 += 1 }
      }
      return answer
    }
    _ = try? await consortium.proposeHospital("hospital-4", sponsor: "hospital-3-trust")
    let node = consortium.cloud.node
    for _ in 0..<6000 where try await !Self.isFinal(at: node) {
      test.pass(seconds: 1)
      try? await consortium.settle()
      try await Task.sleep(for: .milliseconds(20))
    }
    #expect(try await Self.isFinal(at: node))
    #expect(answered.withLock { $0 } > 0)
  }

  @Test("[attack] a delegate gives what it calls final leaf by leaf, each in time: others decide")
  func dripped() async throws {
    let test = TestConsortium(teamSize: 1, patience: .milliseconds(200))
    let consortium = try await test.open()
    let honest = try #require(await consortium.cloud.node.consortium.final?.note)
    var lines = honest.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    // No signature is looked at before the leaves come to this end.
    lines[1] = "\(UInt64(1) << 41)"
    let note = lines.joined(separator: "\n")
    let state = Mutex((isOver: false, pages: 0))
    test.wire.intercept { transit in
      guard transit.recipient == Self.late, !state.withLock({ $0.isOver }) else {
        return try await transit.deliver(transit.request)
      }
      if transit.payload(FetchOutbox.self) != nil {
        let answer = try await transit.deliver(transit.request)
        var reply = try ReplyMessage<OutboxReply>(encoded: answer).result.get()
        reply.finalSize = 1 << 40
        return try transit.answer(FetchOutbox.self, reply)
      }
      if transit.payload(FetchConsortium.self) != nil {
        state.withLock { $0.pages += 1 }
        try await Task.sleep(for: .milliseconds(50))
        return try transit.answer(
          FetchConsortium.self,
          ConsortiumReply(leaves: [Array("\0junk".utf8)], note: note, finalSize: 1 << 40))
      }
      return try await transit.deliver(transit.request)
    }
    let proposal = Task {
      try await consortium.proposeHospital("hospital-4", sponsor: "hospital-2-trust")
    }
    let node = try #require(consortium.hospitals["hospital-3"]).node
    // Ten minutes are some thousand times what it takes.
    for _ in 0..<6000 where try await !Self.isFinal(at: node) {
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(
      try await Self.isFinal(at: node),
      "after \(state.withLock { $0.pages }) pages nothing is final")
    state.withLock { $0.isOver = true }
    _ = try? await proposal.value
    test.wire.intercept(nil)
  }

  @Test("a block that takes longer than a member is waited for is decided all the same")
  func slowBlocks() async throws {
    let test = TestConsortium(teamSize: 1, patience: .milliseconds(100))
    let consortium = try await test.open()
    let state = Mutex((isOver: false, given: 0))
    test.wire.intercept { transit in
      let answer = try await transit.deliver(transit.request)
      if transit.payload(FetchBlock.self) != nil, !state.withLock({ $0.isOver }) {
        state.withLock { $0.given += 1 }
        try await Task.sleep(for: .milliseconds(300))
      }
      return answer
    }
    let proposal = Task {
      try await consortium.proposeHospital("hospital-4", sponsor: "hospital-2-trust")
    }
    let node = consortium.cloud.node
    _ = try? await proposal.value
    for _ in 0..<400 where try await !Self.isFinal(at: node) {
      test.pass(seconds: 1)
      try? await consortium.settle()
      // By now every answer that is late has come: what was asked for is here.
      try await Task.sleep(for: .milliseconds(400))
    }
    #expect(
      try await Self.isFinal(at: node),
      "\(state.withLock { $0.given }) answers with blocks are thrown away")
    state.withLock { $0.isOver = true }
    test.wire.intercept(nil)
  }
}
