import Foundation
import GRDB
import Ledger
import PowerCut
import SQLiteBackend
import TestSupport
import Testing

@Suite("When the power fails")
struct PowerCutTests {
  /// How often each cut is made, each time with another remainder on the disk.
  private static let seeds: UInt64 =
    ProcessInfo.processInfo.environment["BCEMR_POWER_CUT_SEEDS"].flatMap { UInt64($0) } ?? 1

  @Test("log, state and role hold all that was acknowledged, no half of a commit, and go on")
  func stores() async throws {
    let empty = try TemporaryFolder()
    _ = try SQLiteChainLog(path: empty("chain.sqlite"))
    _ = try SQLiteStateStore(path: empty("state.sqlite"))
    _ = try SQLiteRoleStore(path: empty("role.sqlite"))
    let operations = try await run(from: empty, cutAt: nil, seed: 0)
    #expect(operations > 100)
    for operation in 1...operations {
      for seed in 0..<Self.seeds {
        let name = "cut at \(operation) of \(operations), seed \(seed)"
        let reached = try await run(
          from: empty, cutAt: operation, seed: UInt64(operation) << 32 | seed)
        try #require(reached == operation, "\(name)")
      }
    }
    if Self.seeds > 1 { print("\(operations) operations, each cut \(Self.seeds) times") }
  }

  private static let files = ["chain.sqlite", "state.sqlite", "role.sqlite"]

  /// Appends and commits until the power is cut, then opens the stores as after a new start.
  ///
  /// - Returns: how many operations there were.
  private func run(
    from empty: TemporaryFolder, cutAt operation: Int?, seed: UInt64
  ) async throws -> Int {
    let folder = try TemporaryFolder()
    for name in Self.files {
      try FileManager.default.copyItem(atPath: empty(name), toPath: folder(name))
    }
    var written = Written()
    let power = PowerCut(in: folder.path, at: operation, seed: seed)
    do throws(StoreError) {
      try await written.write(in: folder)
      if operation == nil { power.cut() }
    } catch {
      #expect(power.isCut, "\(error)")
      #expect([.outcomeUnknown, .unavailable].contains(error.code), "\(error)")
    }
    let operations = power.operations
    power.end()

    let name = "cut at \(operations), seed \(seed)"
    // Reading comes first, as it must not depend on somebody's having written. Writing goes through
    // the layer again, which spares hours of waiting for the disk.
    let later = PowerCut(in: folder.path, seed: seed)
    defer { later.end() }
    for access in [Access.reading, .writing, .reading] {
      try await written.expectRead(in: folder, by: access, name)
    }
    for file in Self.files {
      #expect(StoreCheck.findings(inFileAt: folder(file)) == [], "\(name)")
    }
    return operations
  }

  @Test("a store that is being made is there, or is made anew")
  func creation() async throws {
    var operation = 1
    while true {
      let folder = try TemporaryFolder()
      let power = PowerCut(in: folder.path, at: operation, seed: UInt64(operation))
      var acknowledged: UInt64 = 0
      do throws(StoreError) {
        let log = try SQLiteChainLog(path: folder("chain.sqlite"))
        try await log.append([[1]], at: 0)
        acknowledged = 1
      } catch {
        #expect(power.isCut)
      }
      let isCut = power.isCut
      power.end()
      if !isCut { break }
      let log = try SQLiteChainLog(path: folder("chain.sqlite"))
      #expect(try await log.size() >= acknowledged)
      try await log.append([[2]], at: log.size())
      operation += 1
    }
    #expect(operation > 20)
  }

  // MARK: The layer itself

  /// Whether a cut during inserts into a database with these settings ever loses one that was
  /// acknowledged, or damages the file.
  private func loses(_ settings: String) throws -> Bool {
    let empty = try TemporaryFolder()
    try Self.open(empty, settings).write {
      try $0.execute(sql: "CREATE TABLE t (n INTEGER, b BLOB)")
    }
    for cut in 1...60 {
      for seed in 0..<6 as Range<UInt64> {
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(
          atPath: empty("test.sqlite"), toPath: folder("test.sqlite"))
        let power = PowerCut(in: folder.path, at: cut, seed: UInt64(cut) << 32 | seed)
        let acknowledged = Self.insert(folder, settings)
        power.cut()
        power.end()
        let found = try? Self.open(folder, settings).read { database in
          let check = try String.fetchOne(database, sql: "PRAGMA integrity_check")
          return check == "ok" ? try Int.fetchAll(database, sql: "SELECT n FROM t") : nil
        }
        guard let rows = found ?? nil, rows.count >= acknowledged, rows == Array(1..<rows.count + 1)
        else { return true }
      }
    }
    return false
  }

  /// The last number whose insert was acknowledged.
  private static func insert(_ folder: TemporaryFolder, _ settings: String) -> Int {
    var acknowledged = 0
    do {
      let queue = try open(folder, settings)
      for number in 1...6 {
        try queue.write {
          try $0.execute(sql: "INSERT INTO t VALUES (?, zeroblob(5000))", arguments: [number])
        }
        acknowledged = number
      }
    } catch {}
    return acknowledged
  }

  private static func open(_ folder: TemporaryFolder, _ settings: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.prepareDatabase { try $0.execute(sql: settings) }
    return try DatabaseQueue(path: folder("test.sqlite"), configuration: configuration)
  }

  @Test(
    "settings that wait for the disk lose nothing",
    arguments: [
      "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL",
      "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL",
      "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA",
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
    ])
  func safe(_ settings: String) throws { #expect(try !loses(settings)) }

  @Test(
    "settings that do not are caught",
    arguments: [
      "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF",
      "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = NORMAL",
      // The deleted journal may come back, and undo what was acknowledged.
      "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL",
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
      "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL",
    ])
  func unsafe(_ settings: String) throws { #expect(try loses(settings)) }
}

/// What was acknowledged, and what the store was asked for last.
/// What the stores have acknowledged, and what they were asked for last.
private struct Written {
  private var generator = SeededGenerator(seed: 7)
  private var leaves = Two<[[UInt8]]>([])
  private var state = Two<[[UInt8]: [UInt8]]>([:])
  private var role = Two<[String: [UInt8]]>([:])

  mutating func write(in folder: TemporaryFolder) async throws(StoreError) {
    let log = try SQLiteChainLog(path: folder("chain.sqlite"))
    let store = try SQLiteStateStore(path: folder("state.sqlite"))
    let roleStore = try SQLiteRoleStore(path: folder("role.sqlite"))
    for round in 0..<5 {
      let more = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
        generator.bytes(Int.random(in: 1...3000, using: &generator))
      }
      leaves.attempted = leaves.acknowledged + more
      try await log.append(more, at: UInt64(leaves.acknowledged.count))
      leaves.acknowledge()
      var changes: [[UInt8]: [UInt8]?] = [:]
      for _ in 0..<12 {
        let key = [UInt8.random(in: 0..<40, using: &generator)]
        let isRemoved = Int.random(in: 0..<3, using: &generator) == 0
        changes[key] = .some(
          isRemoved ? nil : generator.bytes(Int.random(in: 0...1500, using: &generator)))
      }
      for (key, value) in changes { state.attempted[key] = value }
      try store.commit(changes)
      state.acknowledge()
      // As a delegate does: what it says next, where it stands, and what is settled goes.
      var writes: [String: [UInt8]?] = ["consensus": generator.bytes(700)]
      for item in 0..<3 { writes["outbox/\(3 * round + item)"] = generator.bytes(900) }
      for item in 0..<2 { writes.updateValue(nil, forKey: "outbox/\(3 * round - 4 + item)") }
      for (key, value) in writes { role.attempted[key] = value }
      try roleStore.write(writes)
      role.acknowledge()
    }
  }

  /// The stores have one of both; where they are opened to be written, more is written.
  mutating func expectRead(
    in folder: TemporaryFolder, by access: Access, _ name: String
  ) async throws {
    let log = try access.log(folder("chain.sqlite"))
    let store = try access.state(folder("state.sqlite"))
    let roleStore = try access.role(folder("role.sqlite"))
    let stored = try await log.leaves(from: 0, limit: .max, byteCount: .max)
    // Compared outside, as a failure would print all bytes.
    let isOne = leaves.both.contains(stored)
    #expect(isOne, "\(name): \(stored.count) leaves of \(leaves.acknowledged.count)")
    #expect(try await log.size() == UInt64(stored.count), "\(name)")
    var values: [[UInt8]: [UInt8]] = [:]
    for key in UInt8(0)..<40 { values[[key]] = try store.value(forKey: [key]) }
    let isOneState = state.both.contains(values)
    #expect(isOneState, "\(name): the state")
    var kept: [String: [UInt8]] = [:]
    for key in try roleStore.keys(withPrefix: "") { kept[key] = try roleStore.value(forKey: key) }
    let isOneRole = role.both.contains(kept)
    #expect(isOneRole, "\(name): the role")
    guard access == .writing else { return }
    try await log.append([[1, 2, 3]], at: UInt64(stored.count))
    try store.commit([[0]: [1]])
    leaves = Two(stored + [[1, 2, 3]])
    values[[0]] = [1]
    state = Two(values)
    try roleStore.write(["outbox/0": [1]])
    kept["outbox/0"] = [1]
    role = Two(kept)
  }
}

private struct Two<Value: Equatable> {
  private(set) var acknowledged: Value
  var attempted: Value

  init(_ value: Value) { (acknowledged, attempted) = (value, value) }

  var both: [Value] { [acknowledged, attempted] }

  mutating func acknowledge() { acknowledged = attempted }
}

private enum Access {
  case reading, writing

  func log(_ path: String) throws -> SQLiteChainLog {
    try self == .reading ? SQLiteChainLog(readingFrom: path) : SQLiteChainLog(path: path)
  }

  func state(_ path: String) throws -> SQLiteStateStore {
    try self == .reading ? SQLiteStateStore(readingFrom: path) : SQLiteStateStore(path: path)
  }

  func role(_ path: String) throws -> SQLiteRoleStore {
    try self == .reading ? SQLiteRoleStore(readingFrom: path) : SQLiteRoleStore(path: path)
  }
}
