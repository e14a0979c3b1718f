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
  }

  private let state = Mutex(Contents())
  let log = FaultyLog()
  let records = FaultyRecords()

  func genesis() -> [UInt8]? { state.withLock { $0.genesis } }
  func create(genesis: [UInt8]) { state.withLock { $0.genesis = genesis } }
  func orderingLog() -> FaultyLog { log }
  func recordStore() -> FaultyRecords { records }

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

  var places: [String] { state.withLock { $0.roles.keys.sorted() } }

  /// Every replay's state, by place and chain.
  var states: [String: MemoryState] { state.withLock { $0.states } }

  /// Forgets what replays of the consortium chain have come to, as after the loss of these files.
  func loseConsortiumStates() {
    state.withLock { state in
      state.states = state.states.filter { !$0.key.hasSuffix("/\(ChainName.consortium)") }
    }
  }

  /// The same, apart from now on.
  func copy() async throws -> MemoryStorage {
    let copy = MemoryStorage()
    let (state, places) = (state.withLock { $0 }, places)
    _ = try await copy.log.append(log.contents())
    for visit in try await records.visits() {
      if let record = try await records.record(ofVisit: visit) {
        try await copy.records.put(record, visit: visit)
      }
    }
    copy.state.withLock { ($0.genesis, $0.keys) = (state.genesis, state.keys) }
    for place in Set(places + state.chains.keys) { try await copy.restore(backup(place)) }
    return copy
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
        state.states[key] = backup.states[key].map { MemoryState($0) }
      }
    }
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

/// A log that does what it should until a test says otherwise.
final class FaultyLog: OrderingLog {
  private struct Faults {
    var lostAnswers = 0
    var served = 0
    var refuses: (@Sendable ([[UInt8]]) -> Bool)?
    var isSlow = false
  }

  private let kept = Mutex(MemoryOrderingLog())
  private var honest: MemoryOrderingLog { kept.withLock { $0 } }
  private let shown = Mutex<[[UInt8]]?>(nil)
  private let faults = Mutex(Faults())

  func append(_ entries: [[UInt8]]) async throws(OrderingLogError) -> [UInt64] {
    let (isRefused, isSlow) = faults.withLock { ($0.refuses?(entries) == true, $0.isSlow) }
    if isRefused { throw OrderingLogError(.unavailable, "the disk is full") }
    if isSlow { await Self.wait() }
    let positions = try await honest.append(entries)
    if isSlow { await Self.wait() }
    let isLost = faults.withLock { faults in
      defer { faults.lostAnswers = max(faults.lostAnswers - 1, 0) }
      return faults.lostAnswers > 0
    }
    if isLost { throw OrderingLogError(.outcomeUnknown, "the answer is lost") }
    return positions
  }

  /// Lets everybody else go first, for a while.
  private static func wait() async {
    for _ in 0..<Int.random(in: 1...20) { await Task.yield() }
  }

  func entries(
    from position: UInt64, limit: Int
  ) async throws(OrderingLogError) -> [OrderedEntry] {
    if faults.withLock({ $0.isSlow }) { await Self.wait() }
    let entries: [OrderedEntry]
    if let shown = shown.withLock({ $0 }) {
      entries = shown.indices.dropFirst(Int(position)).prefix(limit).map {
        OrderedEntry(position: UInt64($0), bytes: shown[$0])
      }
    } else {
      entries = try await honest.entries(from: position, limit: limit)
    }
    faults.withLock { $0.served += entries.count }
    return entries
  }

  func chain(upTo count: UInt64) async throws(OrderingLogError) -> Digest32? {
    guard let shown = shown.withLock({ $0 }) else { return try await honest.chain(upTo: count) }
    let log = MemoryOrderingLog()
    _ = try await log.append(shown)
    return try await log.chain(upTo: count)
  }

  func contents() async throws -> [[UInt8]] {
    try await honest.entries(from: 0, limit: .max).map(\.bytes)
  }

  /// From now on the log shows these entries; nil makes it honest again.
  func show(_ entries: [[UInt8]]?) { shown.withLock { $0 = entries } }

  /// The log as it was at an earlier time: these entries, and no others.
  func restart(with entries: [[UInt8]]) async throws {
    let log = MemoryOrderingLog()
    _ = try await log.append(entries)
    kept.withLock { $0 = log }
  }

  /// The next answers to `append` do not arrive, although the entries are kept.
  func loseAnswers(_ count: Int) { faults.withLock { $0.lostAnswers = count } }

  /// Refuses to append what this is true for; nil for nothing.
  func refuse(_ condition: (@Sendable ([[UInt8]]) -> Bool)?) {
    faults.withLock { $0.refuses = condition }
  }

  /// From now on others come between the calls.
  func slowDown() { faults.withLock { $0.isSlow = true } }

  /// How many entries were read.
  var served: Int { faults.withLock { $0.served } }
}

/// A record store that a dishonest cloud can change.
final class FaultyRecords: RecordStore {
  private let honest = MemoryRecordStore()
  private let replaced = Mutex<[Digest32: [UInt8]?]>([:])

  func put(_ record: [UInt8], visit: Digest32) async throws(StoreError) {
    try await honest.put(record, visit: visit)
  }

  func record(ofVisit visit: Digest32) async throws(StoreError) -> [UInt8]? {
    if let other = replaced.withLock({ $0[visit] }) { return other }
    return try await honest.record(ofVisit: visit)
  }

  func visits() async throws(StoreError) -> [Digest32] { try await honest.visits() }

  /// From now on other bytes are found for a visit; nil for none.
  func replace(_ visit: Digest32, by record: [UInt8]?) {
    replaced.withLock { $0[visit] = .some(record) }
  }

  func restore() { replaced.withLock { $0 = [:] } }
}
