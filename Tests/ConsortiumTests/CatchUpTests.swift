import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite("Nobody asks about the consortium more often than it has to")
struct CatchUpTests {
  private static let voter = "hospital-2-trust"

  /// An organisation's replay, and how often it asks.
  private final class Stage: Sendable {
    let test = TestConsortium(teamSize: 1)
    let consortium: LocalConsortium
    let node: LedgerNode
    let state = AwayState()
    private let asked = Mutex(0)
    /// Whether the next answer is held back, and then whether it is.
    let holding = Mutex((isWanted: false, isHeld: false))

    init(freshness: Duration) async throws {
      consortium = try await test.open()
      node = try LedgerNode(
        id: CatchUpTests.voter, genesis: consortium.genesis,
        identity: test.identityKey(of: "organisations/\(CatchUpTests.voter)"), delegate: nil,
        state: state, store: MemoryRoleStore(),
        requests: RequestClient(
          courier: try #require(test.wire.courier), sender: CatchUpTests.voter),
        clock: { [test] in test.time }, freshness: freshness)
      test.wire.intercept { [unowned self] transit in
        let answer = try await transit.deliver(transit.request)
        guard transit.sender == CatchUpTests.voter else { return answer }
        self.asked.withLock { $0 += 1 }
        if self.holding.withLock({ holding in
          defer { if holding.isWanted { holding = (false, true) } }
          return holding.isWanted
        }) {
          try await Self.wait { self.holding.withLock { !$0.isHeld } }
        }
        return answer
      }
    }

    /// How often it has asked since it was called last.
    func questions() -> Int {
      asked.withLock { count in
        defer { count = 0 }
        return count
      }
    }

    static func wait(until condition: () -> Bool) async throws {
      for _ in 0..<60_000 {
        if condition() { return }
        try await Task.sleep(for: .milliseconds(5))
      }
      Issue.record("nothing happens")
    }

    /// Puts something on the chain that is final then.
    func propose(_ hospital: String) async throws -> Digest32 {
      try await consortium.proposeHospital(hospital, sponsor: "hospital-1-trust")
    }

    var motions: [Digest32] {
      get async throws { try await node.consortium.motions().map(\.entry) }
    }
  }

  /// A store that is away while it is told so.
  private final class AwayState: StateStore {
    private let store = MemoryStateStore()
    let isAway = Mutex(false)

    func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? { try store.value(forKey: key) }

    func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
      if isAway.withLock({ $0 }) { throw StoreError(.unavailable, "the disk is away") }
      try store.commit(changes)
    }
  }

  @Test("callers share an answer, and none has one that was asked for before it called")
  func shared() async throws {
    let stage = try await Stage(freshness: .zero)
    try await stage.node.catchUp()
    let alone = stage.questions()
    #expect(alone > 0)
    stage.holding.withLock { $0.isWanted = true }
    let first = Task { try await stage.node.catchUp() }
    try await Stage.wait { stage.holding.withLock { $0.isHeld } }
    // What the answer that is held says is older than this.
    let motion = try await stage.propose("hospital-4")
    let callers = (1...8).map { _ in
      Task {
        try await stage.node.catchUp()
        return try await stage.motions
      }
    }
    try await Task.sleep(for: .seconds(1))
    stage.holding.withLock { $0.isHeld = false }
    try await first.value
    for caller in callers { #expect(try await caller.value == [motion]) }
    // Each by itself would have asked: eight times as much, and pages of what is new.
    #expect(stage.questions() < 8 * alone)
  }

  @Test("for a while nothing is asked again, and no longer; who demands it asks at once")
  func fresh() async throws {
    let stage = try await Stage(freshness: .seconds(3600))
    try await stage.node.catchUp()
    _ = stage.questions()
    let motion = try await stage.propose("hospital-4")
    try await stage.node.catchUp()
    #expect(stage.questions() == 0)
    #expect(try await stage.motions.isEmpty)
    _ = try await stage.node.expire([])
    #expect(stage.questions() > 0)
    #expect(try await stage.motions == [motion])
    let short = try await Stage(freshness: .milliseconds(20))
    try await short.node.catchUp()
    let other = try await short.propose("hospital-4")
    try await Task.sleep(for: .milliseconds(30))
    try await short.node.catchUp()
    #expect(try await short.motions == [other])
  }

  @Test("[attack] one delegate says that nothing is final: who looks learns of it from the next")
  func inTurn() async throws {
    let stage = try await Stage(freshness: .milliseconds(1))
    let first = Mutex<String?>(nil)
    _ = try await stage.node.advance()
    let motion = try await stage.propose("hospital-4")
    stage.test.wire.intercept { transit in
      guard transit.sender == Self.voter, transit.payload(FetchConsortium.self) != nil,
        first.withLock({ first in
          first = first ?? transit.recipient
          return first == transit.recipient
        })
      else { return try await transit.deliver(transit.request) }
      return try transit.answer(
        FetchConsortium.self, ConsortiumReply(leaves: [], note: "", finalSize: 0))
    }
    try await Task.sleep(for: .milliseconds(10))
    _ = try await stage.node.advance()
    #expect(try await stage.motions.isEmpty)
    _ = try await stage.node.advance()
    #expect(try await stage.motions == [motion])
  }

  @Test("entries that come within a block's pause stand in one block")
  func together() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let nodes = consortium.hospitals.values.map(\.node) + consortium.clouds.values.map(\.node)
    func wait(_ pause: Duration) async {
      for node in nodes { await node.waitBetweenBlocks(pause) }
    }
    let chain = await consortium.cloud.node.consortium
    await wait(.seconds(3600))
    for organisation in ["hospital-1-trust", "hospital-2-trust"] {
      let entry = Entry(
        EntryContent(
          genesis: consortium.genesis.digest, chain: ChainName.consortium,
          signer: .party(organisation), body: Approval(candidates: ["hospital-1"], number: 1)),
        signedBy: try test.identityKey(of: "organisations/\(organisation)"))
      #expect(try await consortium.cloud.node.submit(entry))
    }
    try await consortium.settle()
    #expect(await consortium.cloud.node.consortium.height == chain.height)
    await wait(.zero)
    try await consortium.settle()
    let view = await consortium.cloud.node.consortium
    #expect(view.height == chain.height + 1)
    #expect(view.size == chain.size + 4)
  }

  @Test("of an outbox as many pages are asked for as there are", arguments: [1, 3])
  func pages(of count: UInt64) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let node = try #require(consortium.hospitals["hospital-1"]).node
    let asked = Mutex<[UInt64]>([])
    test.wire.intercept { transit in
      guard transit.recipient == "hospital-2", let request = transit.payload(FetchOutbox.self)
      else { return try await transit.deliver(transit.request) }
      let position = request.asked.from
      let first = asked.withLock { positions in
        positions.append(position)
        return positions[0]
      }
      return try transit.answer(
        FetchOutbox.self,
        OutboxReply(
          items: [.cosignature(note: "junk")], next: position + 1, end: first + count,
          finalSize: 0))
    }
    _ = try await node.advance()
    test.wire.intercept(nil)
    let positions = asked.withLock(\.self)
    #expect(positions == Array(positions[0]..<(positions[0] + count)))
  }

  @Test("where the own store has failed since, everything is asked again")
  func failed() async throws {
    let stage = try await Stage(freshness: .seconds(3600))
    try await stage.node.catchUp()
    let motion = try await stage.propose("hospital-4")
    stage.state.isAway.withLock { $0 = true }
    await #expect(throws: StoreError.self) { _ = try await stage.node.expire([]) }
    stage.state.isAway.withLock { $0 = false }
    _ = stage.questions()
    try await stage.node.catchUp()
    #expect(stage.questions() > 0)
    #expect(try await stage.motions == [motion])
  }
}
