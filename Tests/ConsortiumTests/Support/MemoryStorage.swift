import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import Synchronization
import TestSupport

/// Stores that live as long as the test: a consortium opened twice on one finds what it left.
final class MemoryStorage: ConsortiumStorage {
  private struct Contents {
    var genesis: [UInt8]?
    var keys: [String: KeyFile] = [:]
    var roles: [String: MemoryRoleStore] = [:]
    var chains: [String: FaultyChainLog] = [:]
    var states: [String: MemoryState] = [:]
    var records: [String: FaultyRecords] = [:]
  }

  private let state = Mutex(Contents())
  /// Of the first cloud.
  var records: FaultyRecords { recordStore("cloud") }

  func genesis() -> [UInt8]? { state.withLock { $0.genesis } }
  func create(genesis: [UInt8]) { state.withLock { $0.genesis = genesis } }

  func recordStore(_ place: String) -> FaultyRecords {
    state.withLock { state in
      let store = state.records[place] ?? FaultyRecords()
      state.records[place] = store
      return store
    }
  }

  func chainLog(_ place: String) -> FaultyChainLog {
    state.withLock { state in
      let log = state.chains[place] ?? FaultyChainLog()
      state.chains[place] = log
      return log
    }
  }

  func stateStore(_ place: String, chain: String) -> MemoryState {
    state.withLock { state in
      let key = "\(place)/\(chain)"
      let store = state.states[key] ?? MemoryState()
      state.states[key] = store
      return store
    }
  }

  func roleStore(_ place: String) -> MemoryRoleStore {
    state.withLock { state in
      let store = state.roles[place] ?? MemoryRoleStore()
      state.roles[place] = store
      return store
    }
  }

  func keys(_ place: String, owner: String) -> KeyFile? { keys(place) }
  func keys(_ place: String) -> KeyFile? { state.withLock { $0.keys[place] } }
  func create(keys: KeyFile, _ place: String) { state.withLock { $0.keys[place] = keys } }
  func replace(keys: KeyFile, _ place: String) { create(keys: keys, place) }

  var places: [String] { state.withLock { $0.roles.keys.sorted() } }

  /// Every replay's state, by place and chain.
  var states: [String: MemoryState] { state.withLock { $0.states } }

  /// The leaves of the consortium chain in a role's replay, in no order.
  func consortiumLeaves(of place: String) -> [[UInt8]] {
    let prefix = Array("leaf/".utf8)
    return stateStore(place, chain: ChainName.consortium).values
      .filter { $0.key.starts(with: prefix) }.map(\.value)
  }

  /// The same, apart from now on.
  func copy() async throws -> MemoryStorage {
    let copy = MemoryStorage()
    let (state, places) = (state.withLock { $0 }, places)
    for (place, records) in state.records {
      for record in try await records.records() {
        for row in 0..<(try await records.rowCount(of: record)) {
          let bytes = try await records.row(row, of: record) ?? []
          try await copy.recordStore(place).put([row: bytes], of: record)
        }
      }
    }
    copy.state.withLock { ($0.genesis, $0.keys) = (state.genesis, state.keys) }
    for place in Set(places + state.chains.keys) { try await copy.restore(backup(place)) }
    return copy
  }

  /// How much there is in each store.
  func sizes() async throws -> [String: StoreSize] {
    let state = state.withLock { $0 }
    var sizes: [String: StoreSize] = [:]
    for (place, store) in state.roles {
      sizes["role of \(place)"] = try store.keys(withPrefix: "").reduce(into: StoreSize()) {
        $0.add($1.utf8.count + (try store.value(forKey: $1)?.count ?? 0))
      }
    }
    for (place, chain) in state.chains {
      sizes["chain of \(place)"] = try await chain.contents().reduce(into: StoreSize()) {
        $0.add($1.count)
      }
    }
    for (place, store) in state.states {
      sizes["state of \(place)"] = store.values.reduce(into: StoreSize()) {
        $0.add($1.key.count + $1.value.count)
      }
    }
    for (place, records) in state.records {
      var size = StoreSize()
      for record in try await records.records() {
        for row in 0..<(try await records.rowCount(of: record)) {
          size.add(try await records.row(row, of: record)?.count ?? 0)
        }
      }
      sizes["records of \(place)"] = size
    }
    return sizes
  }

  /// Doctors forget what colleagues have handed over.
  func loseReceivedFindings() throws {
    for place in places where place.hasPrefix("doctors/") {
      let store = roleStore(place)
      for key in try store.keys(withPrefix: "received/") { try store.write([key: nil]) }
    }
  }

  // MARK: Backups

  /// What one role's folder holds, but for its keys.
  struct Backup: Sendable {
    let place: String
    let role: [String: [UInt8]]
    let chain: [[UInt8]]
    let states: [String: [[UInt8]: [UInt8]]]
  }

  func backup(_ place: String) async throws -> Backup {
    let store = roleStore(place)
    var role: [String: [UInt8]] = [:]
    for key in try store.keys(withPrefix: "") { role[key] = try store.value(forKey: key) }
    let chain = try await chainLog(place).contents()
    let states = self.states.filter { $0.key.hasPrefix("\(place)/") }.mapValues(\.values)
    return Backup(place: place, role: role, chain: chain, states: states)
  }

  /// Puts a backup in the place of the folder.
  func restore(_ backup: Backup) async throws {
    let role = MemoryRoleStore()
    try role.write(backup.role.mapValues { Optional($0) })
    let chain = FaultyChainLog()
    if !backup.chain.isEmpty { try await chain.append(backup.chain, at: 0) }
    state.withLock { state in
      state.roles[backup.place] = role
      state.chains[backup.place] = chain
      for key in state.states.keys where key.hasPrefix("\(backup.place)/") {
        state.states[key] = nil
      }
      for (key, values) in backup.states { state.states[key] = MemoryState(values) }
    }
  }
}

/// How much a store holds.
struct StoreSize: Equatable {
  var rows = 0
  var bytes = 0

  mutating func add(_ byteCount: Int) { (rows, bytes) = (rows + 1, bytes + byteCount) }

  static func - (one: Self, other: Self) -> Self {
    Self(rows: one.rows - other.rows, bytes: one.bytes - other.bytes)
  }
}

/// A state store that can be looked at, copied, and counted.
final class MemoryState: StateStore {
  private let state: Mutex<(values: [[UInt8]: [UInt8]], reads: Int)>

  init(_ values: [[UInt8]: [UInt8]] = [:]) { state = Mutex((values, 0)) }

  func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
    state.withLock { state in
      state.reads += 1
      return state.values[key]
    }
  }

  func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
    state.withLock { state in
      for (key, value) in changes { state.values[key] = value }
    }
  }

  var values: [[UInt8]: [UInt8]] { state.withLock { $0.values } }
  /// How often something was looked up.
  var reads: Int { state.withLock { $0.reads } }
}

/// A hospital's log that does what it should until a test says otherwise.
final class FaultyChainLog: ChainLog {
  private let honest = MemoryChainLog()
  private let faults = Mutex((lostAnswers: 0, served: 0))

  func append(_ leaves: [[UInt8]], at position: UInt64) async throws(StoreError) {
    try await honest.append(leaves, at: position)
    let isLost = faults.withLock { faults in
      defer { faults.lostAnswers = max(faults.lostAnswers - 1, 0) }
      return faults.lostAnswers > 0
    }
    if isLost { throw StoreError(.outcomeUnknown, "the answer is lost") }
  }

  func size() async throws(StoreError) -> UInt64 { try await honest.size() }

  func leaves(
    from position: UInt64, limit: Int, byteCount: Int
  ) async throws(StoreError) -> [[UInt8]] {
    let leaves = try await honest.leaves(from: position, limit: limit, byteCount: byteCount)
    faults.withLock { $0.served += leaves.count }
    return leaves
  }

  func contents() async throws(StoreError) -> [[UInt8]] {
    try await honest.leaves(from: 0, limit: .max, byteCount: .max)
  }

  /// The next answers to `append` do not arrive, although the leaves are kept.
  func loseAnswers(_ count: Int) { faults.withLock { $0.lostAnswers = count } }

  /// How many leaves were read.
  var served: Int { faults.withLock { $0.served } }
}

/// A record store that a dishonest cloud can change, and in which other things happen meanwhile.
final class FaultyRecords: RecordStore {
  enum Step: Sendable { case putting, removing, removed }

  private let honest = MemoryRecordStore()
  private let other = Mutex<(@Sendable (Step, RecordName) async -> Void)?>(nil)
  private let replaced = Mutex<[Digest32: RecordName?]>([:])
  private let reads = Mutex(0)

  /// How many pieces were read.
  var piecesRead: Int { reads.withLock { $0 } }

  func put(_ rows: [Int: [UInt8]], of record: RecordName) async throws(StoreError) {
    await other.withLock { $0 }?(.putting, record)
    try await honest.put(rows, of: record)
  }

  /// Before something is done to a record, or after it, this happens; nil for nothing.
  func meanwhile(_ body: (@Sendable (Step, RecordName) async -> Void)?) {
    other.withLock { $0 = body }
  }

  func row(_ row: Int, of record: RecordName) async throws(StoreError) -> [UInt8]? {
    guard let found = found(record) else { return nil }
    if row > 0 { reads.withLock { $0 += 1 } }
    return try await honest.row(row, of: found)
  }

  func rowCount(of record: RecordName) async throws(StoreError) -> Int {
    guard let found = found(record) else { return 0 }
    return try await honest.rowCount(of: found)
  }

  func remove(_ record: RecordName) async throws(StoreError) {
    await other.withLock { $0 }?(.removing, record)
    try await honest.remove(record)
    await other.withLock { $0 }?(.removed, record)
  }

  func records(
    ofVisit visit: Digest32, at hospital: String
  ) async throws(StoreError) -> [RecordName] {
    try await honest.records(ofVisit: visit, at: hospital)
  }

  func records() async throws(StoreError) -> [RecordName] { try await honest.records() }

  private func found(_ record: RecordName) -> RecordName? {
    replaced.withLock { $0[record.visit] ?? record }
  }

  /// From now on the rows of another record are found for a visit; nil for none.
  func replace(_ visit: Digest32, by record: RecordName?) {
    replaced.withLock { $0[visit] = .some(record) }
  }

  func restore() { replaced.withLock { $0 = [:] } }
}
