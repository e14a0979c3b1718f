import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import Synchronization
import TestSupport

/// The disks of all roles, of which one fails at a write that a test chooses: only at this one, or the
/// role dies there, and reads and writes nothing more until it is started again.
final class FailingStorage: ConsortiumStorage {
  struct Fault: Sendable {
    /// Counted over all roles, 0 for the first.
    let write: Int
    /// Whether what fails is on the disk all the same.
    let isKept: Bool
    /// Whether the role goes on.
    let isPassing: Bool
  }

  private struct Disks {
    var writes = 0
    var fault: Fault?
    var dead: Set<String> = []
    /// Where it failed.
    var failed: String?
  }

  private let memory: MemoryStorage
  private let state = Mutex(Disks())

  init(_ memory: MemoryStorage, fault: Fault? = nil) {
    self.memory = memory
    state.withLock { $0.fault = fault }
  }

  /// How many writes there were.
  var writes: Int { state.withLock { $0.writes } }
  /// Whose disk has failed, if one has.
  var failed: String? { state.withLock { $0.failed } }

  /// From now on a role reads and writes nothing.
  func kill(_ place: String) { state.withLock { _ = $0.dead.insert(place) } }

  /// Switches on again what is dead.
  func revive() { state.withLock { $0.dead = [] } }

  fileprivate func requireAlive(_ place: String) throws(StoreError) {
    if state.withLock({ $0.dead.contains(place) }) {
      throw StoreError(.unavailable, "\(place) is dead")
    }
  }

  private enum Outcome { case works, failsButKept, fails }

  private func step(_ place: String) -> Outcome {
    state.withLock { state in
      defer { state.writes += 1 }
      guard let fault = state.fault, fault.write == state.writes else { return .works }
      state.failed = place
      if !fault.isPassing { state.dead.insert(place) }
      return fault.isKept ? .failsButKept : .fails
    }
  }

  fileprivate func write(
    _ place: String, _ body: () async throws(StoreError) -> Void
  ) async throws(StoreError) {
    try requireAlive(place)
    let outcome = step(place)
    if outcome != .fails { try await body() }
    if outcome != .works { throw StoreError(.outcomeUnknown, "a write of \(place) has failed") }
  }

  fileprivate func write(
    _ place: String, _ body: () throws(StoreError) -> Void
  ) throws(StoreError) {
    try requireAlive(place)
    let outcome = step(place)
    if outcome != .fails { try body() }
    if outcome != .works { throw StoreError(.outcomeUnknown, "a write of \(place) has failed") }
  }

  // MARK: The consortium's

  func genesis() throws -> [UInt8]? { memory.genesis() }

  func create(genesis: [UInt8]) throws {
    try write("the founder") { memory.create(genesis: genesis) }
  }

  func keys(_ place: String, owner: String) throws -> KeyFile? {
    try requireAlive(place)
    return memory.keys(place, owner: owner)
  }

  func create(keys: KeyFile, _ place: String) throws {
    try write(place) { memory.create(keys: keys, place) }
  }

  func replace(keys: KeyFile, _ place: String) throws {
    try write(place) { memory.replace(keys: keys, place) }
  }

  // MARK: Stores

  func chainLog(_ place: String) -> Log {
    Log(storage: self, place: place, log: memory.chainLog(place))
  }

  func stateStore(_ place: String, chain: String) -> States {
    States(storage: self, place: place, store: memory.stateStore(place, chain: chain))
  }

  func recordStore(_ place: String) -> Records {
    Records(storage: self, place: place, store: memory.recordStore(place))
  }

  func roleStore(_ place: String) -> Role {
    Role(storage: self, place: place, store: memory.roleStore(place))
  }

  struct Role: RoleStore {
    fileprivate let storage: FailingStorage
    fileprivate let place: String
    fileprivate let store: MemoryRoleStore

    func value(forKey key: String) throws(StoreError) -> [UInt8]? {
      try storage.requireAlive(place)
      return try store.value(forKey: key)
    }

    func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
      try storage.requireAlive(place)
      return try store.keys(withPrefix: prefix)
    }

    func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
      try storage.write(place) { () throws(StoreError) in try store.write(changes) }
    }
  }

  struct States: StateStore {
    fileprivate let storage: FailingStorage
    fileprivate let place: String
    fileprivate let store: MemoryState

    func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
      try storage.requireAlive(place)
      return try store.value(forKey: key)
    }

    func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
      try storage.write(place) { () throws(StoreError) in try store.commit(changes) }
    }
  }

  struct Log: ChainLog {
    fileprivate let storage: FailingStorage
    fileprivate let place: String
    fileprivate let log: FaultyChainLog

    func append(_ leaves: [[UInt8]], at position: UInt64) async throws(StoreError) {
      try await storage.write(place) { () async throws(StoreError) in
        try await log.append(leaves, at: position)
      }
    }

    func size() async throws(StoreError) -> UInt64 {
      try storage.requireAlive(place)
      return try await log.size()
    }

    func leaves(
      from position: UInt64, limit: Int, byteCount: Int
    ) async throws(StoreError) -> [[UInt8]] {
      try storage.requireAlive(place)
      return try await log.leaves(from: position, limit: limit, byteCount: byteCount)
    }
  }

  struct Records: RecordStore {
    fileprivate let storage: FailingStorage
    fileprivate let place: String
    fileprivate let store: FaultyRecords

    func put(_ rows: [Int: [UInt8]], of record: RecordName) async throws(StoreError) {
      try await storage.write(place) { () async throws(StoreError) in
        try await store.put(rows, of: record)
      }
    }

    func row(_ row: Int, of record: RecordName) async throws(StoreError) -> [UInt8]? {
      try storage.requireAlive(place)
      return try await store.row(row, of: record)
    }

    func rowCount(of record: RecordName) async throws(StoreError) -> Int {
      try storage.requireAlive(place)
      return try await store.rowCount(of: record)
    }

    func remove(_ record: RecordName) async throws(StoreError) {
      try await storage.write(place) { () async throws(StoreError) in
        try await store.remove(record)
      }
    }

    func records(
      ofVisit visit: Digest32, at hospital: String
    ) async throws(StoreError) -> [RecordName] {
      try storage.requireAlive(place)
      return try await store.records(ofVisit: visit, at: hospital)
    }

    func records() async throws(StoreError) -> [RecordName] {
      try storage.requireAlive(place)
      return try await store.records()
    }
  }
}
