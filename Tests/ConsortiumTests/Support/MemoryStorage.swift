import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import Synchronization

/// Stores that live as long as the test: a consortium opened twice on one finds what it left.
final class MemoryStorage: ConsortiumStorage {
  private struct State {
    var genesis: [UInt8]?
    var keys: [String: KeyFile] = [:]
    var roles: [String: MemoryRoleStore] = [:]
  }

  private let state = Mutex(State())
  let log = MemoryLog()
  let records = MemoryRecords()

  func genesis() -> [UInt8]? { state.withLock { $0.genesis } }
  func create(genesis: [UInt8]) { state.withLock { $0.genesis = genesis } }
  func orderingLog() -> MemoryLog { log }
  func recordStore() -> MemoryRecords { records }

  func roleStore(_ place: String) -> MemoryRoleStore {
    state.withLock { state in
      let store = state.roles[place] ?? MemoryRoleStore()
      state.roles[place] = store
      return store
    }
  }

  func keys(_ place: String, owner: String) -> KeyFile? { state.withLock { $0.keys[place] } }
  func create(keys: KeyFile, _ place: String) { state.withLock { $0.keys[place] = keys } }

  var places: [String] { state.withLock { $0.roles.keys.sorted() } }
}

final class MemoryLog: OrderingLog {
  private let entries = Mutex<[[UInt8]]>([])

  func append(_ new: [[UInt8]]) async throws(OrderingLogError) -> [UInt64] {
    entries.withLock { entries in
      new.map { entry in
        if let known = entries.firstIndex(of: entry) { return UInt64(known) }
        entries.append(entry)
        return UInt64(entries.count - 1)
      }
    }
  }

  func entries(
    from position: UInt64, limit: Int
  ) async throws(OrderingLogError) -> [OrderedEntry] {
    entries.withLock { entries in
      entries.indices.dropFirst(Int(position)).prefix(limit).map {
        OrderedEntry(position: UInt64($0), bytes: entries[$0])
      }
    }
  }

  /// All entries; settable, as only a lying log would.
  var contents: [[UInt8]] {
    get { entries.withLock { $0 } }
    set { entries.withLock { $0 = newValue } }
  }
}

final class MemoryRecords: RecordStore {
  private let records = Mutex<[Digest32: [UInt8]]>([:])

  func put(_ record: [UInt8], visit: Digest32) async throws(StoreError) {
    let isKept = records.withLock { records in
      if let known = records[visit] { return known == record }
      records[visit] = record
      return true
    }
    if !isKept { throw StoreError(.conflict, "another record is stored") }
  }

  func record(ofVisit visit: Digest32) async throws(StoreError) -> [UInt8]? {
    records.withLock { $0[visit] }
  }

  func visits() async throws(StoreError) -> [Digest32] {
    records.withLock { $0.keys.sorted() }
  }

  /// What a dishonest cloud does.
  func replace(_ visit: Digest32, by record: [UInt8]?) {
    records.withLock { $0[visit] = record }
  }
}

final class MemoryRoleStore: RoleStore {
  private let values = Mutex<[String: [UInt8]]>([:])

  func value(forKey key: String) throws(StoreError) -> [UInt8]? { values.withLock { $0[key] } }

  func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
    values.withLock { $0.keys.filter { $0.hasPrefix(prefix) }.sorted() }
  }

  func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
    values.withLock { values in for (key, value) in changes { values[key] = value } }
  }

  var contents: [String: [UInt8]] { values.withLock { $0 } }
}
