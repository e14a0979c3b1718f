import CanonicalEncoding
import Consortium
import Ledger
import Synchronization
import TestSupport

/// All stores of one machine. Its power fails at a write that a test chooses: the write is on the disk
/// then, or it is not, and nothing after it is. What was started before the power came back writes and
/// reads nothing any more.
final class PowerDisk: Sendable {
  struct Contents {
    /// By chain.
    var states: [String: [[UInt8]: [UInt8]]] = [:]
    var roles: [String: [UInt8]] = [:]
    var log: [[UInt8]] = []
    var records = MemoryRecords()
  }

  private struct State {
    var contents = Contents()
    var run = 0
    var isOut = true
    /// Writes until the next failure.
    var left: Int?
    var isKept = false
    /// Whether the machine goes on after the failure.
    var isPassing = false
    var failures = 0
  }

  private let disk = Mutex(State())

  /// Switches the machine on.
  ///
  /// - Returns: the number of this run, which its stores belong to.
  func start() -> Int {
    disk.withLock { disk in
      disk.run += 1
      (disk.isOut, disk.left) = (false, nil)
      return disk.run
    }
  }

  func stop() { disk.withLock { $0.isOut = true } }

  /// Lets a write fail, 0 for the next.
  ///
  /// - Parameter isPassing: whether only this one fails, and the machine goes on.
  func fail(after writes: Int, isKept: Bool, isPassing: Bool) {
    disk.withLock { ($0.left, $0.isKept, $0.isPassing) = (writes, isKept, isPassing) }
  }

  /// Nothing fails any more.
  func repair() { disk.withLock { $0.left = nil } }

  var isOut: Bool { disk.withLock { $0.isOut } }
  /// How many writes have failed.
  var failures: Int { disk.withLock { $0.failures } }

  /// What the disk holds. To set it, the machine has to be off.
  var contents: Contents {
    get { disk.withLock { $0.contents } }
    set { disk.withLock { $0.contents = newValue } }
  }

  // MARK: Stores

  func state(_ chain: String, run: Int) -> any StateStore {
    States(disk: self, run: run, chain: chain)
  }
  func roles(run: Int) -> any RoleStore { Roles(disk: self, run: run) }
  func log(run: Int) -> any ChainLog { Log(disk: self, run: run) }
  func records(run: Int) -> any RecordStore { Records(disk: self, run: run) }

  /// What roles keep, as somebody reads it who has the disk in hand.
  var rolesInHand: any RoleStore { Roles(disk: self, run: nil) }

  private func read<Value>(_ run: Int?, _ body: (Contents) -> Value) throws(StoreError) -> Value {
    try disk.withLock { disk throws(StoreError) in
      guard run == nil || !disk.isOut && disk.run == run else {
        throw StoreError(.unavailable, "the power is out")
      }
      return body(disk.contents)
    }
  }

  private func write(
    _ run: Int?, _ body: (inout Contents) throws(StoreError) -> Void
  ) throws(StoreError) {
    try disk.withLock { disk throws(StoreError) in
      guard !disk.isOut, disk.run == run else {
        throw StoreError(.unavailable, "the power is out")
      }
      if let left = disk.left, left == 0 {
        disk.left = nil
        disk.failures += 1
        disk.isOut = !disk.isPassing
        if disk.isKept { try body(&disk.contents) }
        throw StoreError(.outcomeUnknown, "the write has failed")
      }
      disk.left = disk.left.map { $0 - 1 }
      try body(&disk.contents)
    }
  }

  private struct States: StateStore {
    let disk: PowerDisk
    let run: Int
    let chain: String

    func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
      try disk.read(run) { $0.states[chain]?[key] }
    }

    func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
      try disk.write(run) { contents throws(StoreError) in
        for (key, value) in changes { contents.states[chain, default: [:]][key] = value }
      }
    }
  }

  private struct Roles: RoleStore {
    let disk: PowerDisk
    let run: Int?

    func value(forKey key: String) throws(StoreError) -> [UInt8]? {
      try disk.read(run) { $0.roles[key] }
    }

    func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
      try disk.read(run) { $0.roles.keys.filter { $0.hasPrefix(prefix) }.sorted() }
    }

    func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
      try disk.write(run) { contents throws(StoreError) in
        for (key, value) in changes { contents.roles[key] = value }
      }
    }
  }

  private struct Log: ChainLog {
    let disk: PowerDisk
    let run: Int

    func append(_ leaves: [[UInt8]], at position: UInt64) async throws(StoreError) {
      try disk.write(run) { contents throws(StoreError) in
        guard UInt64(contents.log.count) == position else {
          throw StoreError(.conflict, "the log does not end at \(position)")
        }
        contents.log += leaves
      }
    }

    func size() async throws(StoreError) -> UInt64 { try disk.read(run) { UInt64($0.log.count) } }

    func leaves(
      from position: UInt64, limit: Int, byteCount: Int
    ) async throws(StoreError) -> [[UInt8]] {
      try disk.read(run) { contents in
        guard let first = Int(exactly: position), first < contents.log.count else { return [] }
        var room = byteCount
        return contents.log[first...].prefix(limit).enumerated().prefix { index, leaf in
          defer { room -= min(room, leaf.count) }
          return index == 0 || leaf.count <= room
        }.map(\.element)
      }
    }
  }

  private struct Records: RecordStore {
    let disk: PowerDisk
    let run: Int

    func put(_ rows: [Int: [UInt8]], of record: RecordName) async throws(StoreError) {
      try disk.write(run) { contents throws(StoreError) in
        try contents.records.put(rows, of: record)
      }
    }

    func row(_ row: Int, of record: RecordName) async throws(StoreError) -> [UInt8]? {
      try disk.read(run) { $0.records.rows[record]?[row] }
    }

    func rowCount(of record: RecordName) async throws(StoreError) -> Int {
      try disk.read(run) { $0.records.rows[record]?.count ?? 0 }
    }

    func remove(_ record: RecordName) async throws(StoreError) {
      try disk.write(run) { contents throws(StoreError) in contents.records.rows[record] = nil }
    }

    func records(
      ofVisit visit: Digest32, at hospital: String
    ) async throws(StoreError) -> [RecordName] {
      try disk.read(run) { contents in
        contents.records.rows.keys.filter { $0.visit == visit && $0.hospital == hospital }.sorted()
      }
    }

    func records() async throws(StoreError) -> [RecordName] {
      try disk.read(run) { $0.records.rows.keys.sorted() }
    }
  }
}
