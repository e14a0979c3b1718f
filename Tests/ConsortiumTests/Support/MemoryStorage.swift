import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import Synchronization
import TestSupport

/// Stores that live as long as the test: a consortium opened twice on one finds what it left.
final class MemoryStorage: ConsortiumStorage {
  private struct State {
    var genesis: [UInt8]?
    var keys: [String: KeyFile] = [:]
    var roles: [String: MemoryRoleStore] = [:]
  }

  private let state = Mutex(State())
  let log = FaultyLog()
  let records = FaultyRecords()

  func genesis() -> [UInt8]? { state.withLock { $0.genesis } }
  func create(genesis: [UInt8]) { state.withLock { $0.genesis = genesis } }
  func orderingLog() -> FaultyLog { log }
  func recordStore() -> FaultyRecords { records }

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
}

/// A log that does what it should until a test says otherwise.
final class FaultyLog: OrderingLog {
  private let kept = Mutex(MemoryOrderingLog())
  private var honest: MemoryOrderingLog { kept.withLock { $0 } }
  private let shown = Mutex<[[UInt8]]?>(nil)
  private let lostAnswers = Mutex(0)

  func append(_ entries: [[UInt8]]) async throws(OrderingLogError) -> [UInt64] {
    let positions = try await honest.append(entries)
    let isLost = lostAnswers.withLock { count in
      defer { count = max(count - 1, 0) }
      return count > 0
    }
    if isLost { throw OrderingLogError(.outcomeUnknown, "the answer is lost") }
    return positions
  }

  func entries(
    from position: UInt64, limit: Int
  ) async throws(OrderingLogError) -> [OrderedEntry] {
    guard let shown = shown.withLock({ $0 }) else {
      return try await honest.entries(from: position, limit: limit)
    }
    return shown.indices.dropFirst(Int(position)).prefix(limit).map {
      OrderedEntry(position: UInt64($0), bytes: shown[$0])
    }
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
  func loseAnswers(_ count: Int) { lostAnswers.withLock { $0 = count } }
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
