import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing
import TransparencyLog

/// The writer of a hospital's chain over its log: what a crash, a second process, a failing disk and
/// a log that does not say what it did can do to it.
@Suite("Writing and following a hospital's chain")
struct EngineTests {
  /// A ledger, and the entries of a visit with its receipt and a consent, in their order.
  private func script() throws -> (ledger: LedgerFixture, base: ConsortiumBlock, entries: [Entry]) {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    var entries = [ledger.openingEntry(of: visit)]
    for position in 1...3 {
      entries.append(try ledger.partialSignature(&visit, position: position))
    }
    entries.append(ledger.completionEntry(of: visit))
    entries.append(ledger.receipt(of: visit))
    let document = Digest32(sha256: [10])
    entries.append(
      ledger.patientEntry(ConsentNotice(visit: visit.id, document: document), of: visit))
    entries.append(
      ledger.entry(
        AccessNotice(visit: visit.id, document: document), on: "hospital-1", by: "manager"))
    return (ledger, try ledger.finalBlock(), entries)
  }

  private func writer(
    _ ledger: LedgerFixture, _ log: any ChainLog, _ store: any StateStore,
    consortium: (any StateStore)? = nil
  ) throws -> HospitalWriter {
    try HospitalWriter(
      genesis: ledger.genesis, hospital: "hospital-1", log: log, store: store,
      consortium: consortium ?? ledger.consortiumStore, decider: ledger.decider,
      identity: #require(ledger.identities["hospital-1"]))
  }

  private func leaves(_ log: any ChainLog) async throws -> [[UInt8]] {
    try await log.leaves(from: 0, limit: .max, byteCount: .max)
  }

  /// What an undisturbed writer makes of the entries, with its last block closed.
  private func undisturbed(
    _ ledger: LedgerFixture, _ entries: [Entry], _ base: ConsortiumBlock
  ) async throws -> (leaves: [[UInt8]], state: [[UInt8]: [UInt8]]) {
    let (log, store) = (MemoryChainLog(), InspectableStore())
    let writer = try writer(ledger, log, store)
    for entry in entries {
      #expect(try await writer.submit(entry, base: base).index != nil)
    }
    try await writer.closeBlock()
    return (try await leaves(log), store.values)
  }

  private func expectValid(_ ledger: LedgerFixture, _ leaves: [[UInt8]]) throws {
    let follower = try HospitalFollower(
      genesis: ledger.genesis, hospital: "hospital-1", store: MemoryStateStore(),
      consortium: ledger.consortiumStore, decider: ledger.decider)
    #expect(throws: Never.self) { try follower.replay(leaves) }
  }

  /// How many leaves the committed state covers.
  private func committed(_ ledger: LedgerFixture, _ store: any StateStore) throws -> UInt64 {
    try ChainEngine(rules: ledger.rules(of: "hospital-1"), store: store, keepsLeaves: false).size
  }

  // MARK: Refusals

  @Test("a refused entry leaves log and state as they were, and names the position")
  func refusal() async throws {
    let (ledger, base, entries) = try script()
    let (log, store) = (MemoryChainLog(), InspectableStore())
    let writer = try writer(ledger, log, store)
    #expect(try await writer.submit(entries[0], base: base).index == 1)
    let (state, stored) = (store.values, try await leaves(log))
    var forged = entries[1]
    forged.signature[0] ^= 1
    let cases: [(Entry, String)] = [
      (entries[2], "wrong-commitments"), (entries[4], "wrong-commitments"),
      (forged, "wrong-signature"), (entries[5], "visit-not-complete"),
      (
        ledger.entry(LedgerFixture.consortiumBody(1), on: "hospital-1", by: "hospital-1"),
        "wrong-kind"
      ),
      (
        ledger.entry(LedgerFixture.consortiumBody(1), on: "hospital-2", by: "hospital-1"),
        "wrong-chain"
      ),
    ]
    for (entry, code) in cases {
      guard case .refused(let refusal, let position) = try await writer.submit(entry, base: base)
      else {
        Issue.record("\(code) was written")
        continue
      }
      #expect(refusal.code == code)
      #expect(position == 2)
      #expect(store.values == state)
      #expect(try await leaves(log) == stored)
    }
    // The same again is written where it was.
    #expect(try await writer.submit(entries[0], base: base).index == 1)
    #expect(try await leaves(log) == stored)
    #expect(try await writer.submit(entries[1], base: base).index == 2)
  }

  @Test("a block that is full is closed, and the entry stands in the next")
  func fullBlock() async throws {
    var numbers = Members.Numbers()
    numbers.blockItemLimit = 2
    var ledger = try LedgerFixture.withTeam(numbers: numbers)
    let visits = try (1...4).map { try ledger.visit($0) }
    let base = try ledger.finalBlock()
    let log = MemoryChainLog()
    let writer = try writer(ledger, log, MemoryStateStore())
    for visit in visits {
      #expect(try await writer.submit(ledger.openingEntry(of: visit), base: base).index != nil)
    }
    try await writer.closeBlock()
    let all = try await leaves(log)
    #expect(all.map(Leaf.isHeader) == [false, false, true, false, false, true, false, true])
    try expectValid(ledger, all)
  }

  @Test("the base moves where an entry needs it, where it lags, and never back")
  func bases() async throws {
    var ledger = try LedgerFixture.withTeam()
    let first = try ledger.finalBlock()
    let old = try ledger.visit(1)
    try ledger.closeConsortiumBlock(at: 20)
    let second = try ledger.finalBlock()
    let new = try ledger.visit(2)
    let log = MemoryChainLog()
    let writer = try writer(ledger, log, MemoryStateStore())
    #expect(try await writer.submit(ledger.openingEntry(of: old), base: first).index == 1)
    // It names a block that this chain has not reached: the base moves.
    #expect(try await writer.submit(ledger.openingEntry(of: new), base: second).index == 4)
    #expect(await writer.view.base == second)
    #expect(try await !writer.isBehind(second, demands: 0))
    #expect(try await writer.isBehind(second, demands: 1))
    try ledger.advance(60)
    let third = try ledger.finalBlock()
    #expect(try await writer.isBehind(third, demands: 0))
    #expect(
      try await writer.submit(ledger.abandonment(of: old), base: third).index == 7)
    #expect(await writer.view.base == third)
    await #expect(throws: LedgerError.self) { try await writer.follow(second) }
    #expect(try await writer.submit(ledger.abandonment(of: new), base: third).index != nil)
    try await writer.closeBlock()
    try expectValid(ledger, await leaves(log))
  }

  @Test("the writer answers demands before anything else, by the entry or by why not")
  func demands() async throws {
    var ledger = try LedgerFixture.withTeam()
    let visit = try ledger.conduct(1)
    let document = Digest32(sha256: [10])
    let consent = ledger.patientEntry(
      ConsentNotice(visit: visit.id, document: document), of: visit)
    try ledger.confirmAndAnchor()
    let (kind, angry) = (ledger.receipt(of: visit), ledger.receipt(of: visit, .disputed))
    // The writer takes over the chain as the fixture has written it.
    let log = MemoryChainLog()
    try await log.append(ledger.chain().leaves, at: 0)
    let store = InspectableStore()
    let writer = try writer(ledger, log, store)
    let base = try ledger.finalBlock()
    #expect(try await writer.submit(kind, base: base).index != nil)
    for entry in [kind, angry, consent] {
      try ledger.demand(entry, by: "hospital-2", proving: visit)
    }
    try ledger.closeConsortiumBlock(at: ledger.seconds + 10)
    try await writer.follow(ledger.finalBlock())
    #expect(await writer.view.answered == 3)
    try await writer.closeBlock()
    let all = try await leaves(log)
    #expect(
      all.suffix(4).map { Leaf.entry(in: $0)?.content.body.kind }
        == [.baseAdvance, .refused, .consentNotice, nil])
    try expectValid(ledger, all)
    let refused = all.compactMap { leaf -> Refused? in
      guard case .refused(let refused)? = Leaf.entry(in: leaf)?.content.body else { return nil }
      return refused
    }
    #expect(refused == [Refused(entry: angry.digest, code: "already-receipted")])
  }

  // MARK: Two processes

  @Test(
    "[attack] two processes of one hospital: the second is told, reads again, and nothing forks")
  func twoWriters() async throws {
    var ledger = try LedgerFixture.withTeam()
    let visits = try (1...6).map { try ledger.visit($0) }
    let entries = visits.map { ledger.openingEntry(of: $0) }
    let base = try ledger.finalBlock()
    let log = MemoryChainLog()
    let writers = try [
      writer(ledger, log, InspectableStore()), writer(ledger, log, InspectableStore()),
    ]
    try await writers[0].open()
    try await writers[1].open()
    #expect(try await writers[0].submit(entries[0], base: base).index == 1)
    for (turn, entry) in entries.enumerated().dropFirst() {
      let writer = writers[turn % 2]
      let error = await #expect(throws: StoreError.self) {
        try await writer.submit(entry, base: base)
      }
      #expect(error?.code == .conflict)
      let size = try await log.size()
      #expect(try await writer.submit(entry, base: base).index == size)
    }
    // What one has written, the other knows.
    let last = try await log.size()
    await #expect(throws: StoreError.self) { try await writers[0].closeBlock() }
    try await writers[0].closeBlock()
    #expect(try await writers[0].submit(entries[5], base: base).index == last - 1)
    let all = try await leaves(log)
    #expect(Set(all).count == all.count)
    try expectValid(ledger, all)
  }

  @Test("[attack] tasks of one writer that overlap are written one after the other")
  func overlapping() async throws {
    var ledger = try LedgerFixture.withTeam()
    let entries = try (1...12).map { ledger.openingEntry(of: try ledger.visit($0)) }
    let base = try ledger.finalBlock()
    let log = FlakyLog(MemoryChainLog())
    let writer = try writer(ledger, log, MemoryStateStore())
    let indices = try await withThrowingTaskGroup(of: UInt64?.self) { group in
      for entry in entries { group.addTask { try await writer.submit(entry, base: base).index } }
      return try await group.reduce(into: Set<UInt64?>()) { $0.insert($1) }
    }
    #expect(indices == Set((1...12).map(UInt64.init)))
    try await writer.closeBlock()
    try expectValid(ledger, await leaves(log))
  }

  // MARK: Crashes

  @Test("reopened after every entry of a visit, the chain is the same, and at most a block is read")
  func reopening() async throws {
    let (ledger, base, entries) = try script()
    let expected = try await undisturbed(ledger, entries, base)
    let (log, store) = (FlakyLog(MemoryChainLog()), InspectableStore())
    for entry in entries {
      let before = log.readCount
      let writer = try writer(ledger, log, store)
      try await writer.open()
      let (covered, size) = (try committed(ledger, store), try await log.size())
      #expect(covered <= size)
      #expect(UInt64(log.readCount - before) == size - covered)
      let open = try await leaves(log).suffix(Int(size - covered))
      #expect(!open.contains(where: Leaf.isHeader))
      #expect(try await writer.submit(entry, base: base).index != nil)
      #expect(try committed(ledger, store) <= (try await log.size()))
    }
    try await self.writer(ledger, log, store).closeBlock()
    #expect(try await leaves(log) == expected.leaves)
    #expect(store.values == expected.state)
  }

  @Test(
    "a log that does not say whether it appended, at any append of a visit", arguments: 0..<9,
    [FlakyLog.Failure.before, .after])
  func outcomeUnknown(append: Int, failure: FlakyLog.Failure) async throws {
    let (ledger, base, entries) = try script()
    let expected = try await undisturbed(ledger, entries, base)
    for reopens in [false, true] {
      let (log, store) = (FlakyLog(MemoryChainLog()), InspectableStore())
      log.fail(afterAppends: append, failure)
      var writer = try writer(ledger, log, store)
      var failures = 0
      for entry in entries {
        do {
          #expect(try await writer.submit(entry, base: base).index != nil)
        } catch let error as StoreError {
          #expect(error.code == .outcomeUnknown)
          failures += 1
          if reopens { writer = try self.writer(ledger, log, store) }
          #expect(try await writer.submit(entry, base: base).index != nil)
        }
        #expect(try committed(ledger, store) <= (try await log.size()))
      }
      #expect(failures == 1)
      try await writer.closeBlock()
      #expect(try await leaves(log) == expected.leaves)
      #expect(store.values == expected.state)
    }
  }

  @Test("a state store that fails at any commit, and then no more", arguments: 0..<3)
  func failingCommits(commit: Int) async throws {
    let (ledger, base, entries) = try script()
    let expected = try await undisturbed(ledger, entries, base)
    for reopens in [false, true] {
      let (log, store) = (MemoryChainLog(), InspectableStore())
      store.fail(afterCommits: commit)
      var writer = try writer(ledger, log, store)
      for entry in entries {
        do {
          #expect(try await writer.submit(entry, base: base).index != nil)
        } catch is StoreError {
          if reopens { writer = try self.writer(ledger, log, store) }
          #expect(try await writer.submit(entry, base: base).index != nil)
        }
      }
      try? await writer.closeBlock()
      try await writer.closeBlock()
      #expect(try await leaves(log) == expected.leaves)
      // The last block may be committed with the next.
      writer = try self.writer(ledger, log, store)
      try await writer.open()
      #expect(store.values == expected.state)
    }
  }

  @Test("a state that cannot be read for a moment, the hospital's or the consortium's")
  func failingReads() async throws {
    let (ledger, base, entries) = try script()
    let expected = try await undisturbed(ledger, entries, base)
    for consortiumFails in [false, true] {
      for read in 0..<200 {
        let (log, store) = (MemoryChainLog(), InspectableStore())
        let consortium = ledger.consortiumStore.copy()
        (consortiumFails ? consortium : store).fail(afterReads: read)
        var opened: HospitalWriter?
        do { opened = try writer(ledger, log, store, consortium: consortium) } catch {}
        let writer = try opened ?? self.writer(ledger, log, store, consortium: consortium)
        var failures = opened == nil ? 1 : 0
        for entry in entries {
          do {
            #expect(try await writer.submit(entry, base: base).index != nil)
          } catch is StoreError {
            failures += 1
            #expect(try await writer.submit(entry, base: base).index != nil, "read \(read)")
          }
        }
        do { try await writer.closeBlock() } catch is StoreError {
          failures += 1
          try await writer.closeBlock()
        }
        #expect(try await leaves(log) == expected.leaves, "read \(read) of \(consortiumFails)")
        if failures == 0 { break }
      }
    }
  }

  @Test("[attack] a log that has lost leaves, or holds others, is not written on")
  func lostLeaves() async throws {
    let (ledger, base, entries) = try script()
    let (log, store) = (MemoryChainLog(), InspectableStore())
    let first = try writer(ledger, log, store)
    for entry in entries { _ = try await first.submit(entry, base: base) }
    try await first.closeBlock()
    let all = try await leaves(log)
    let block = try #require(all.firstIndex(where: Leaf.isHeader)) + 1
    for count in [0, 1, block, all.count - 1] {
      let shorter = MemoryChainLog()
      try await shorter.append(Array(all.prefix(count)), at: 0)
      let writer = try writer(ledger, shorter, store)
      let error = await #expect(throws: LedgerError.self) { try await writer.open() }
      #expect(error?.code == .inconsistentLog)
      await #expect(throws: LedgerError.self) { try await writer.submit(entries[0], base: base) }
      #expect(try await shorter.size() == UInt64(count))
    }
    // Leaves behind the state that the rules refuse, or that are none.
    for strange in [all[1], all[block - 1], [1, 2, 3], [9]] {
      let other = MemoryChainLog()
      try await other.append(Array(all.prefix(block)) + [strange], at: 0)
      let fresh = InspectableStore()
      let writer = try writer(ledger, other, fresh)
      let error = await #expect(throws: LedgerError.self) { try await writer.open() }
      #expect(error?.code == .inconsistentLog)
    }
    // The state of another hospital, or of another ledger.
    #expect(throws: StoreError.self) {
      try ChainEngine(rules: ledger.rules(of: "hospital-2"), store: store, keepsLeaves: false)
    }
    let foreign = try LedgerFixture(seed: 2)
    #expect(throws: StoreError.self) {
      try ChainEngine(rules: foreign.rules(of: "hospital-1"), store: store, keepsLeaves: false)
    }
  }

  @Test(
    "a writer that lost its disk takes from its cloud what the cloud confirmed, and nothing else")
  func recovery() async throws {
    var ledger = try LedgerFixture.withTeam()
    let visit = try ledger.conduct(1)
    try ledger.confirm()
    let chain = ledger.chain()
    let confirmed = try #require(chain.confirmed)
    let root = try chain.engine.root(size: chain.engine.size)
    let (log, store) = (MemoryChainLog(), InspectableStore())
    let writer = try writer(ledger, log, store)
    var others = [Array(chain.leaves.dropLast()), Array(chain.leaves.dropFirst())]
    others.append(chain.leaves)
    others[2][3] = try {
      // A signature on the entry that is false, under the same header.
      var entry = try #require(Leaf.entry(in: chain.leaves[3]))
      entry.signature[0] ^= 1
      return Leaf.item(entry).encoded()
    }()
    for leaves in others {
      await #expect(throws: LedgerError.self) {
        try await writer.recover(leaves, confirmed: confirmed, root: root)
      }
      // Nor with the root of just these leaves: the claims do not hold.
      await #expect(throws: LedgerError.self) {
        try await writer.recover(
          leaves, confirmed: confirmed, root: MerkleTree(leaves: leaves).root)
      }
    }
    #expect(try await log.size() == 0)
    #expect(store.values.isEmpty)
    try await writer.recover(chain.leaves, confirmed: confirmed, root: root)
    #expect(try await leaves(log) == chain.leaves)
    #expect(
      try await writer.submit(ledger.receipt(of: visit), base: ledger.finalBlock()).index
        == UInt64(chain.leaves.count))
  }

  // MARK: Following

  @Test("a follower takes whole blocks only, and a fault takes nothing with it")
  func following() throws {
    var ledger = try LedgerFixture.withTeam()
    _ = try ledger.conduct(1)
    _ = try ledger.conduct(2)
    try ledger.confirm()
    let chain = ledger.chain()
    let store = InspectableStore()
    var follower = try HospitalFollower(
      genesis: ledger.genesis, hospital: "hospital-1", store: store,
      consortium: ledger.consortiumStore, decider: ledger.decider)
    func fault(_ leaves: [[UInt8]], after former: HospitalFollower.Progress? = nil) -> ChainFault? {
      do throws(ChainFailure) {
        _ = try follower.replay(leaves, after: former)
        return nil
      } catch {
        if case .fault(let fault) = error { return fault }
        return nil
      }
    }
    let block = try #require(chain.leaves.firstIndex(where: Leaf.isHeader)) + 1
    let first = Array(chain.leaves.prefix(block))
    #expect(fault(Array(first.dropLast()))?.reason == .headerMissing)
    #expect(fault(Array(first.dropLast()))?.index == UInt64(block - 1))
    // A header that says something else; a leaf that cannot be read; one twice.
    var header = try #require(Leaf.header(in: first[block - 1]))
    header.countedTime += 1
    #expect(fault(first.dropLast() + [Leaf.header(header).encoded()])?.reason == .wrongHeader)
    #expect(fault(first.dropLast() + [[3]])?.index == UInt64(block - 1))
    #expect(fault([first[0], first[0]])?.reason == .refused(.entryKnown))
    #expect(fault([first[block - 1]])?.reason == .wrongHeader)
    // One false claim, found at its leaf: D_2's signature with another's key.
    var forged = try #require(Leaf.entry(in: first[3]))
    forged.signature[1] ^= 1
    var leaves = first
    leaves[3] = Leaf.item(forged).encoded()
    let found = fault(leaves)
    #expect(found?.reason == .refused(Refusal("wrong-signature")))
    #expect(found?.index == 3)
    #expect(store.values.isEmpty)
    let progress = try follower.replay(first)
    #expect(store.values.isEmpty)
    let both = try follower.replay(Array(chain.leaves.dropFirst(block)), after: progress)
    #expect(both.completions.count == 2)
    #expect(both.size == UInt64(chain.leaves.count))
    try follower.commit(both, confirmed: chain.confirmed)
    #expect(store.values == chain.store.values)
  }
}

extension HospitalWriter.Outcome {
  /// Where the entry stands; nil if it was refused.
  var index: UInt64? { if case .written(let index) = self { index } else { nil } }
}

/// A chain log that fails once, before or after it has appended, and counts what is read.
final class FlakyLog: ChainLog {
  enum Failure: Sendable { case before, after }

  private let log: any ChainLog
  private let state = Mutex((left: Int?.none, failure: Failure.before, reads: 0))

  init(_ log: any ChainLog) { self.log = log }

  var readCount: Int { state.withLock { $0.reads } }

  func fail(afterAppends count: Int, _ failure: Failure) {
    state.withLock { ($0.left, $0.failure) = (count, failure) }
  }

  func append(_ leaves: [[UInt8]], at position: UInt64) async throws(StoreError) {
    let failure: Failure? = state.withLock { state in
      guard let left = state.left else { return nil }
      state.left = left == 0 ? nil : left - 1
      return left == 0 ? state.failure : nil
    }
    // Others get to run where a real log would write.
    await Task.yield()
    if failure == .before { throw StoreError(.outcomeUnknown, "before") }
    try await log.append(leaves, at: position)
    if failure == .after { throw StoreError(.outcomeUnknown, "after") }
  }

  func size() async throws(StoreError) -> UInt64 { try await log.size() }

  func leaves(
    from position: UInt64, limit: Int, byteCount: Int
  ) async throws(StoreError) -> [[UInt8]] {
    let leaves = try await log.leaves(from: position, limit: limit, byteCount: byteCount)
    state.withLock { $0.reads += leaves.count }
    return leaves
  }
}
