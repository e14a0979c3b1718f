import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing
import TransparencyLog

@Suite("Supernodes under a lying log, lying clocks and lying neighbours")
struct SupernodeTests {
  /// The four supernodes of a founded consortium, each with a log and a clock of its own.
  private struct Bench {
    let nodes: [String: Supernode]
    let logs: [String: FaultyLog]
    let stores: [String: WatchedStore]

    init(
      _ test: TestConsortium, _ consortium: LocalConsortium, logs: [FaultyLog],
      clock: @escaping @Sendable (_ id: String) -> UInt64
    ) throws {
      let genesis = consortium.genesis
      var nodes: [String: Supernode] = [:]
      var stores: [String: WatchedStore] = [:]
      var ownLogs: [String: FaultyLog] = [:]
      for (index, party) in genesis.genesis.supernodes.enumerated() {
        let (id, log) = (party.id, logs[index % logs.count])
        let store = WatchedStore()
        let keys = try SupernodeKeys(
          try #require(test.storage.keys(id)), network: genesis.genesis.network,
          chains: party.cosigners.map(\.chain), isHospital: party.role == .hospital)
        nodes[id] = Supernode(
          id: id, node: try LedgerNode(genesis: genesis, state: MemoryState(), log: log),
          keys: keys, store: store, clock: { clock(id) })
        stores[id] = store
        ownLogs[id] = log
      }
      (self.nodes, self.stores, self.logs) = (nodes, stores, ownLogs)
    }

    func settle(_ ids: [String]? = nil) async throws {
      for _ in 0..<50 {
        var isQuiet = true
        for id in (ids ?? nodes.keys.sorted()) {
          if try await nodes[id]?.advance() == true { isQuiet = false }
        }
        if isQuiet { return }
      }
      Issue.record("the supernodes do not come to rest")
    }

    func confirmed(_ id: String) async throws -> UInt64 {
      let node = try #require(nodes[id]).node
      try await node.catchUp()
      return await node.consortium.final?.size ?? 0
    }

    func time(_ id: String) async throws -> UInt64 {
      await (try #require(nodes[id])).node.consortium.time
    }
  }

  @Test("a log that shows another past after a restart gets no second cosignature")
  func anotherPast() async throws {
    let test = TestConsortium()
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    try await consortium.settle()
    let honest = try await test.storage.log.contents()
    let before = honest.count
    // Without its first entry, cut short, and with two entries exchanged.
    var exchanged = honest
    exchanged.swapAt(0, 1)
    let lies = [Array(honest.dropFirst()), Array(honest.prefix(before / 2)), exchanged, []]
    // Who has a replay of its own, and knows which entries it is of.
    for lie in lies {
      test.storage.log.show(lie)
      #expect(await ConsortiumError.code { _ = try await test.open() } == "ledger-diverged")
      #expect(try await test.storage.log.contents().count == before)
    }
    // Who has lost the replay, and has what was cosigned.
    for lie in lies {
      test.storage.loseConsortiumStates()
      test.storage.log.show(lie)
      #expect(await ConsortiumError.code { _ = try await test.open() } == "ledger-diverged")
      #expect(try await test.storage.log.contents().count == before)
    }
    test.storage.loseConsortiumStates()
    test.storage.log.show(nil)
    consortium = try await test.open()
    #expect(try await consortium.hold(test.plan()).wasKnown)
  }

  @Test("a log that lost its end and grew anew is not taken for the one that was replayed")
  func regrownLog() async throws {
    let test = TestConsortium(teamSize: 1)
    _ = try await test.open()
    let backup = TestConsortium(teamSize: 1, storage: try await test.storage.copy())
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    try await consortium.settle()
    let lost = try await test.storage.log.contents()
    // Somebody goes on from the backup, until the log is as long as before.
    let other = try await backup.open()
    for number in 2...4 { _ = try await other.hold(backup.plan("encounter-\(number)")) }
    let grown = try await backup.storage.log.contents()
    try #require(grown.count > lost.count && !grown.starts(with: lost))

    // Who has gone on as if nothing had happened would have read the rest, and be alone with its blocks.
    try await test.storage.log.restart(with: grown)
    #expect(await ConsortiumError.code { try await consortium.settle() } == "ledger-diverged")
    #expect(await ConsortiumError.code { _ = try await test.open() } == "ledger-diverged")
    let node = consortium.cloud.node
    #expect(await ConsortiumError.code { try await node.append([[1]]) } == "ledger-diverged")
    #expect(try await test.storage.log.contents() == grown)

    try await test.storage.log.restart(with: Array(lost.dropLast()))
    #expect(await ConsortiumError.code { try await consortium.settle() } == "ledger-diverged")
    try await test.storage.log.restart(with: lost)
    #expect(try await test.open().hold(test.plan()).wasKnown)
  }

  /// Whether one of the entries is a cosignature by this supernode.
  private static func cosigns(_ entries: [[UInt8]], _ id: String) -> Bool {
    entries.contains { bytes in
      guard let entry = try? Entry(encoded: bytes) else { return false }
      return entry.content.signer == .party(id) && entry.content.body.kind == .cosignature
    }
  }

  @Test(
    "a cosignature that was stored but not sent is sent again, the same",
    arguments: [true, false])
  func repeatedCosignature(isRestarted: Bool) async throws {
    let test = TestConsortium()
    var consortium = try await test.open()
    let log = test.storage.log
    // Two of four: without them nothing becomes final.
    log.refuse { Self.cosigns($0, "cloud") || Self.cosigns($0, "hospital-2") }
    test.pass(seconds: 20)
    #expect(await ConsortiumError.code { try await consortium.settle() } == "unavailable")
    let key = "cosigned/consortium"
    let stored = try #require(try test.storage.roleStore("cloud").value(forKey: key))
    #expect(try await !log.contents().contains(stored))
    log.refuse(nil)
    if isRestarted { consortium = try await test.open() }
    try await consortium.settle()
    #expect(try await log.contents().contains(stored))
    // Sent once it is enough: nobody repeats what is seen.
    let count = try await log.contents().count
    try await consortium.settle()
    #expect(try await log.contents().count == count)
    #expect(try await test.verify(consortium).chains[0].fault == nil)
  }

  @Test("overlapping calls of advance never store an older checkpoint over a newer one")
  func overlappingAdvance() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let log = FaultyLog()
    log.slowDown()
    let shared = Shared(Mutex(TestConsortium.start + 20))
    let bench = try Bench(test, consortium, logs: [log]) { _ in shared.now.withLock { $0 } }
    for _ in 0..<12 {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for node in bench.nodes.values {
          for _ in 0..<4 { group.addTask { _ = try await node.advance() } }
        }
        try await group.waitForAll()
      }
      shared.now.withLock { $0 += 15 }
    }
    for (id, store) in bench.stores {
      let sizes = try store.cosigned.map { try Self.size($0) }
      #expect(sizes.count > 3, "\(id)")
      #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $0 < $1 }, "\(id): \(sizes)")
      // And nothing else was ever sent.
      let sent = try await log.contents().filter { Self.cosigns([$0], id) }
      #expect(Set(sent).isSubset(of: store.cosigned), "\(id)")
    }
    #expect(try await bench.confirmed("cloud") > 0)
  }

  @inline(never)
  private static func size(_ entry: [UInt8]) throws -> UInt64 {
    guard case .cosignature(let body) = try Entry(encoded: entry).content.body else { return 0 }
    return try Checkpoint(body: SignedNote(encoded: body.note).body).size
  }

  /// Remembers every cosignature that was ever stored.
  private final class WatchedStore: RoleStore {
    private let store = MemoryRoleStore()
    private let written = Mutex<[[UInt8]]>([])

    var cosigned: [[UInt8]] { written.withLock { $0 } }

    func value(forKey key: String) throws(StoreError) -> [UInt8]? {
      try store.value(forKey: key)
    }

    func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
      try store.keys(withPrefix: prefix)
    }

    func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
      try store.write(changes)
      if let entry = changes["cosigned/consortium"] ?? nil {
        written.withLock { $0.append(entry) }
      }
    }
  }

  @Test("a log that shows two orders to two halves makes nothing final")
  func splitLog() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let logs = [FaultyLog(), FaultyLog()]
    let bench = try Bench(test, consortium, logs: logs) { _ in TestConsortium.start + 5 }
    // Hospitals 1 and 3 see one order of the doctors' registrations, the others another.
    let registrations = try await test.storage.log.contents().filter {
      (try? Entry(encoded: $0))?.content.body.kind == .doctorRegistration
    }
    _ = try await logs[0].append(registrations)
    _ = try await logs[1].append(registrations.reversed())
    for _ in 0..<4 {
      try await bench.settle()
      // The log passes everything on, so that both halves see all cosignatures.
      for (from, to) in [(0, 1), (1, 0)] {
        _ = try await logs[to].append(try await logs[from].contents())
      }
    }
    for id in bench.nodes.keys { #expect(try await bench.confirmed(id) == 0) }
    // Whose chain is as long as what the other half cosigned sees that it is another one.
    var contradictions = 0
    for supernode in bench.nodes.values {
      contradictions += await supernode.node.contradictions.count
    }
    #expect(contradictions > 0)
  }

  @Test("a log that withholds one supernode's entries stops nothing that three can do")
  func withheldEntries() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let logs = (0..<4).map { _ in FaultyLog() }
    let shared = FaultyLog()
    let bench = try Bench(
      test, consortium, logs: [shared, shared, shared, logs[3]]
    ) { _ in TestConsortium.start + 40 }
    try await bench.settle()
    #expect(try await bench.confirmed("hospital-1") > 0)
    #expect(try await bench.confirmed("cloud") == 0)
  }

  @Test("one lying clock moves the ledger's time nowhere", arguments: [true, false])
  func lyingClock(isAhead: Bool) async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let now = Mutex(TestConsortium.start + 20)
    let day: UInt64 = 86_400
    let shared = Shared(now)
    let bench = try Bench(test, consortium, logs: [FaultyLog()]) { id in
      let honest = shared.now.withLock { $0 }
      return id == "hospital-2" ? (isAhead ? honest + day : honest - 15) : honest
    }
    for _ in 0..<4 {
      try await bench.settle()
      let time = try await bench.time("cloud")
      let honest = shared.now.withLock { $0 }
      #expect(time <= honest && honest - time <= 20)
      shared.now.withLock { $0 += 20 }
    }
  }

  private final class Shared: Sendable {
    let now: Mutex<UInt64>
    init(_ now: consuming Mutex<UInt64>) { self.now = now }
  }

  @Test("nobody cosigns a time far from the own clock")
  func distantTime() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let day: UInt64 = 86_400
    let bench = try Bench(test, consortium, logs: [FaultyLog()]) { id in
      TestConsortium.start + (id == "cloud" ? 20 : day)
    }
    try await bench.settle()
    #expect(try await bench.time("cloud") == TestConsortium.start + day)
    #expect(try bench.stores["cloud"]?.value(forKey: "cosigned/consortium") == nil)
    #expect(try bench.stores["hospital-1"]?.value(forKey: "cosigned/consortium") != nil)
  }

  @Test("the cloud confirms no visit whose record it does not hold")
  func missingRecord() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    for position in 1...3 { try await consortium.diagnose(visit, plan, position: position) }
    test.storage.records.replace(visit, by: nil)
    #expect(
      await ConsortiumError.code {
        try await consortium.complete(visit, at: plan.hospital)
      } == "outcome-unknown")
    #expect(await ConsortiumError.code { try await consortium.settle() } == "record-missing")
    let writer = try #require(consortium.hospitals["hospital-1"]).ledger.writer
    // The block before, with the signatures, is confirmed; the visit's own is not.
    let completion = try #require(try await test.state(of: visit, consortium).record.completion)
    let confirmed = try #require(await writer.view.confirmed?.size)
    #expect(confirmed <= completion)
    #expect(await writer.size > completion)
    #expect(
      await ConsortiumError.code { _ = try await consortium.collect(visit, plan) }
        == "record-missing")
    test.storage.records.restore()
    #expect(try await consortium.collect(visit, plan).record != nil)
    try await consortium.settle()
    #expect(await writer.view.confirmed?.size == writer.position)
  }

  @Test("an anchor with a forged consistency proof, or too few cosigners, is refused")
  func forgedAnchor() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    try await consortium.settle()
    let node = consortium.cloud.node
    let anchored = try #require(try await node.consortium.anchor(of: "hospital-1"))
    let header = try #require(await consortium.hospitals["hospital-1"]?.ledger.writer.header)
    // Hospital and cloud conspire to replace the chain by a longer one.
    var other = MerkleTree()
    for leaf in 0...anchored.size { other.append([UInt8(truncatingIfNeeded: leaf), 1]) }
    let notes = try test.confirmed(other, consortium)
    func refusal(_ note: String, _ proof: [[UInt8]]) async throws -> String {
      let anchor = Anchor(
        hospital: "hospital-1", note: note, header: header, inclusion: [], consistency: proof)
      let entry = try test.entry(
        anchor, by: "hospital-1", chain: ChainName.consortium, consortium)
      return await ConsortiumError.code { try await node.submit(entry) }
    }
    let proof = try other.consistencyProof(from: anchored.size, to: other.size).hashes
    #expect(try await refusal(notes.note, proof) == "inconsistent-checkpoint")
    #expect(try await refusal(notes.note, []) == "inconsistent-checkpoint")
    #expect(try await refusal(notes.bySelf, proof) == "wrong-checkpoint")
    #expect(try await refusal(notes.byCloud, proof) == "wrong-checkpoint")
  }
}
