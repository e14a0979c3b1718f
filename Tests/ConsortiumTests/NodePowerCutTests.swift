import CanonicalEncoding
import Consortium
import Credentials
import Foundation
import Ledger
import PowerCut
import SQLiteBackend
import TestSupport
import Testing

@Suite("A hospital on a disk")
struct NodePowerCutTests {
  private static let hospital = DiskStorage.place
  /// How many of the cuts are made; every one if this is set to 0.
  private static let cuts =
    ProcessInfo.processInfo.environment["BCEMR_NODE_POWER_CUTS"].flatMap { Int($0) } ?? 24

  /// A founded consortium, as its stores hold it.
  private struct Founded {
    let memory: MemoryStorage
    let folder: TemporaryFolder

    init() async throws {
      memory = MemoryStorage()
      folder = try TemporaryFolder()
      let storage = try DiskStorage(memory: memory, path: folder.path)
      _ = try await TestConsortium(teamSize: 1, storage: memory).open(storage)
      storage.close()
    }
  }

  @Test("whenever its power fails, what was acknowledged is there, and all goes on")
  func powerCuts() async throws {
    let founded = try await Founded()
    let operations = try await run(founded, cutAt: nil, seed: 0)
    #expect(operations > 50)
    let step = Self.cuts == 0 ? 1 : max(1, operations / Self.cuts)
    for operation in stride(from: 1, through: operations, by: step) {
      let reached = try await run(founded, cutAt: operation, seed: UInt64(operation))
      #expect(reached == operation, "cut at \(operation) of \(operations)")
    }
  }

  /// Holds a visit until the power is cut, then starts the hospital again.
  ///
  /// - Returns: how many operations there were.
  private func run(_ founded: Founded, cutAt operation: Int?, seed: UInt64) async throws -> Int {
    let folder = try TemporaryFolder(copying: founded.folder)
    let memory = try await founded.memory.copy()
    let test = TestConsortium(teamSize: 1, storage: memory)
    let plan = test.plan()
    let power = PowerCut(in: folder.path, at: operation, seed: seed)
    let storage = try DiskStorage(memory: memory, path: folder.path)
    do {
      let consortium = try await test.open(storage)
      _ = try await consortium.hold(plan)
      try await consortium.settle()
      if operation == nil { power.cut() }
    } catch {
      #expect(power.isCut, "\(error)")
    }
    let operations = power.operations
    storage.close()
    power.end()
    let acknowledged = try acknowledgedEntries(test)
    let name = "cut at \(operations), seed \(seed)"

    let later = PowerCut(in: folder.path, seed: seed)
    defer { later.end() }
    let restarted = try DiskStorage(memory: memory, path: folder.path)
    defer { restarted.close() }
    let consortium = try await test.open(restarted)
    let outcome = try await consortium.hold(plan)
    #expect(outcome.wasKnown || outcome.record?.record != nil, "\(name)")
    try await consortium.settle()
    let leaves = Set(
      try await restarted.chainLog(Self.hospital).leaves(from: 0, limit: .max, byteCount: .max))
    for entry in acknowledged {
      let isThere = leaves.contains(Leaf.item(entry).encoded())
      #expect(isThere, "\(name): an acknowledged \(entry.content.body.kind) is lost")
    }
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves }, "\(name)")
    #expect(report.chains[1].visits.acknowledged == 1, "\(name)")
    for place in ["hospital-2", "hospital-3"] {
      #expect(
        await consortium.hospitals[place]?.node.contradictions.isEmpty == true, "\(name)")
    }
    return operations
  }

  /// What the hospital has signed to have taken, written or confirmed.
  private func acknowledgedEntries(_ test: TestConsortium) throws -> [Entry] {
    test.wire.passages.compactMap { passage in
      guard passage.recipient == Self.hospital,
        let request = try? Message<SubmitEntry>(encoded: passage.message),
        let reply = try? ReplyMessage<Signed<SubmissionAnswer>>(encoded: passage.answer),
        case .success(let answer) = reply.result
      else { return nil }
      if case .refused = answer.object.outcome { return nil }
      return request.payload.entry
    }
  }

  // MARK: Two processes

  /// A writer with a connection and a state of its own, as in another process.
  @inline(never)
  private func writer(
    _ consortium: LocalConsortium, _ path: String, _ test: TestConsortium
  ) throws -> HospitalWriter {
    let node = try #require(consortium.hospitals[Self.hospital]).node
    return try HospitalWriter(
      genesis: consortium.genesis, hospital: Self.hospital, log: SQLiteChainLog(path: path),
      store: MemoryState(), consortium: node.consortiumState, decider: node.decider,
      identity: test.identityKey(of: Self.hospital))
  }

  @Test("two processes of one hospital over one log make one chain")
  func twoWriters() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let node = try #require(consortium.hospitals[Self.hospital]).node
    let base = try await node.finalBlock()
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/chain.sqlite"
    let count: UInt64 = 6
    let entries = try (0..<count).map { number -> Entry in
      var keys = try ForeignKeys(seed: number)
      return try test.entry(keys.opening(like: context), by: Self.hospital, consortium)
    }
    let writers = try (0..<3).map { _ in try writer(consortium, path, test) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (number, writer) in writers.enumerated() {
        group.addTask {
          // Everybody writes everything, each in another order.
          for entry in entries[(2 * number)...] + entries[..<(2 * number)] {
            try await Self.submit(entry, to: writer, base)
          }
        }
      }
      try await group.waitForAll()
    }
    try await writers[0].closeBlock()

    let leaves = try await SQLiteChainLog(path: path)
      .leaves(from: 0, limit: .max, byteCount: .max)
    let follower = try HospitalFollower(
      genesis: consortium.genesis, hospital: Self.hospital, store: MemoryState(),
      consortium: node.consortiumState, decider: node.decider)
    #expect(try follower.replay(leaves).size == UInt64(leaves.count))
    let written = leaves.compactMap { Leaf.entry(in: $0) }
      .filter { $0.content.body.kind == .visitOpening }
    #expect(Set(written.map(\.digest)) == Set(entries.map(\.digest)))
    #expect(written.count == entries.count)
  }

  private static func submit(
    _ entry: Entry, to writer: HospitalWriter, _ base: ConsortiumBlock
  ) async throws {
    while true {
      do {
        let outcome = try await writer.submit(entry, base: base)
        guard case .written = outcome else {
          Issue.record("refused: \(outcome)")
          return
        }
        return
      } catch let error as StoreError {
        // Somebody else was first.
        guard error.code == .conflict else { throw error }
      }
    }
  }
}
