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
    let stores: [String: MemoryRoleStore]

    init(
      _ test: TestConsortium, _ consortium: LocalConsortium, logs: [FaultyLog],
      clock: @escaping @Sendable (_ id: String) -> UInt64
    ) throws {
      let genesis = consortium.genesis
      var nodes: [String: Supernode] = [:]
      var stores: [String: MemoryRoleStore] = [:]
      var ownLogs: [String: FaultyLog] = [:]
      for (index, party) in genesis.genesis.supernodes.enumerated() {
        let (id, log) = (party.id, logs[index % logs.count])
        let store = MemoryRoleStore()
        let keys = try SupernodeKeys(
          try #require(test.storage.keys(id)), network: genesis.genesis.network,
          chains: party.cosigners.map(\.chain))
        nodes[id] = Supernode(
          id: id,
          node: try LedgerNode(
            genesis: genesis,
            following: party.role == .hospital ? [id] : genesis.hospitals, log: log),
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

    func confirmed(_ id: String) async throws -> Int {
      let node = try #require(nodes[id]).node
      try await node.catchUp()
      return await node.read { $0.confirmedSize(of: ChainName.consortium) }
    }

    func time(_ id: String) async throws -> UInt64 {
      try await #require(nodes[id]).node.read { $0.consortium.state.time }
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
    let count = honest.count
    for lie in [Array(honest.dropFirst()), Array(honest.prefix(count / 2)), exchanged, []] {
      test.storage.log.show(lie)
      #expect(await ConsortiumError.code { _ = try await test.open() } == "ledger-diverged")
      #expect(try await test.storage.log.contents().count == before)
    }
    test.storage.log.show(nil)
    consortium = try await test.open()
    #expect(try await consortium.hold(test.plan()).wasKnown)
  }

  @Test("a cosignature that was stored but not sent is sent after the restart, the same")
  func repeatedCosignature() async throws {
    let test = TestConsortium()
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    try await consortium.settle()
    let stored = try #require(
      try test.storage.roleStore("cloud").value(forKey: "cosigned/hospital-1"))
    let honest = try await test.storage.log.contents()
    // The crash came after the store and before the log.
    let place = try #require(honest.firstIndex(of: stored))
    try await test.storage.log.restart(with: Array(honest[..<place]))
    for role in test.storage.places {
      let store = test.storage.roleStore(role)
      for key in try store.keys(withPrefix: "cosigned/") {
        // No other cosignature came after it.
        guard let entry = try store.value(forKey: key),
          let position = honest.firstIndex(of: entry), position > place
        else { continue }
        try store.write([key: nil])
      }
    }
    consortium = try await test.open()
    #expect(try await test.storage.log.contents().contains(stored))
    #expect(try await consortium.export().hospitals[0].note.isEmpty == false)
  }

  @Test("a log that shows two orders to two halves makes nothing final")
  func splitLog() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let logs = [FaultyLog(), FaultyLog()]
    let bench = try Bench(test, consortium, logs: logs) { _ in TestConsortium.start + 5 }
    // Hospitals 1 and 3 see one order of the doctors' registrations, the others another.
    let registrations = try await test.storage.log.contents().filter {
      (try? Entry(encoded: $0)).map { ObjectKind(of: $0.content.body) == .doctorRegistration }
        ?? false
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
    let contradictions = try await #require(bench.nodes["hospital-1"]).node.read {
      $0.contradictions.count
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
    try await consortium.complete(visit, at: plan.hospital)
    test.storage.records.replace(visit, by: nil)
    try await consortium.settle()
    func confirmed() async -> (Int, Int) {
      await consortium.cloud.node.read {
        ($0.confirmedSize(of: "hospital-1"), $0.hospitals["hospital-1"]?.blocks.count ?? 0)
      }
    }
    // The block before, with the signatures, is confirmed; the visit's own is not.
    let (without, blocks) = await confirmed()
    #expect(without == blocks - 1)
    #expect(
      await ConsortiumError.code { _ = try await consortium.collect(visit, plan) } == "not-final")
    test.storage.records.restore()
    #expect(try await consortium.collect(visit, plan).record != nil)
    let (with, all) = await confirmed()
    #expect(with == all - 1 || with == all)
  }

  @Test("an anchor with a forged consistency proof, or too few cosigners, is refused")
  func forgedAnchor() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    try await consortium.settle()
    let node = consortium.cloud.node
    let anchored = try #require(await node.read { $0.consortium.state.anchors["hospital-1"] })
    // Hospital and cloud conspire to replace the chain by a longer one.
    var other = MerkleTree()
    for leaf in 0...anchored.size { other.append([UInt8(leaf)]) }
    let cosigned = try test.cosigned(
      other, chain: "hospital-1", by: ["hospital-1", "cloud"], consortium)
    func refusal(_ parts: [CosignedCheckpoint], _ proof: [[UInt8]]) async throws -> String {
      let note = CosignedCheckpoint.merged(parts)?.note.encoded ?? ""
      let anchor = Anchor(hospital: "hospital-1", note: note, consistency: proof)
      let entry = try test.entry(
        anchor, by: "hospital-1", chain: ChainName.consortium, consortium)
      return await ConsortiumError.code { try await node.submit(entry) }
    }
    let proof = try other.consistencyProof(from: anchored.size, to: other.size).hashes
    #expect(try await refusal(cosigned, proof) == "inconsistent-checkpoint")
    #expect(try await refusal(cosigned, []) == "inconsistent-checkpoint")
    #expect(try await refusal([cosigned[0]], proof) == "wrong-checkpoint")
    #expect(try await refusal([cosigned[1]], proof) == "wrong-checkpoint")
  }
}
