import Consortium
import Credentials
import Foundation
import Ledger
import SQLiteBackend
import Synchronization

/// A folder that goes away with this object.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory
      .appending(path: "bc-emr-\(UUID().uuidString)").path()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  /// A copy of another.
  init(copying other: TemporaryFolder) throws {
    path = FileManager.default.temporaryDirectory
      .appending(path: "bc-emr-\(UUID().uuidString)").path()
    try FileManager.default.copyItem(atPath: other.path, toPath: path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// One hospital keeps all it has in SQLite files, everybody else in memory.
final class DiskStorage: ConsortiumStorage {
  static let place = "hospital-1"

  let memory: MemoryStorage
  /// Lets go of the folder's lock with the rest; roles hold this object as long as they are asked.
  private let folder: Slot<DataFolder>
  private let open = Mutex<[@Sendable () -> Void]>([])

  init(memory: MemoryStorage, path: String) throws {
    self.memory = memory
    folder = Slot(try DataFolder(path: path))
  }

  /// Closes the files, as when the process of the hospital ends; whoever still uses them fails.
  func close() {
    let open = open.withLock { open in
      defer { open = [] }
      return open
    }
    for close in open { close() }
    folder.close()
  }

  private func slot<Store: Sendable>(_ store: Store) -> Slot<Store> {
    let slot = Slot(store)
    open.withLock { $0.append { slot.close() } }
    return slot
  }

  func genesis() -> [UInt8]? { memory.genesis() }
  func create(genesis: [UInt8]) { memory.create(genesis: genesis) }
  func recordStore(_ place: String) -> FaultyRecords { memory.recordStore(place) }
  func keys(_ place: String, owner: String) -> KeyFile? { memory.keys(place) }
  func create(keys: KeyFile, _ place: String) { memory.create(keys: keys, place) }
  func replace(keys: KeyFile, _ place: String) { memory.replace(keys: keys, place) }

  func chainLog(_ place: String) throws -> DiskLog {
    let log: any ChainLog =
      place == Self.place ? try folder.use().chainLog(place) : memory.chainLog(place)
    return DiskLog(slot: slot(log))
  }

  func stateStore(_ place: String, chain: String) throws -> DiskState {
    let state: any StateStore =
      place == Self.place
      ? try folder.use().stateStore(place, chain: chain) : memory.stateStore(place, chain: chain)
    return DiskState(slot: slot(state))
  }

  func roleStore(_ place: String) throws -> DiskRole {
    let role: any RoleStore =
      place == Self.place ? try folder.use().roleStore(place) : memory.roleStore(place)
    return DiskRole(slot: slot(role))
  }
}

/// A store until it is closed.
final class Slot<Store: Sendable>: Sendable {
  private let store: Mutex<Store?>

  init(_ store: Store) { self.store = Mutex(store) }

  func close() { store.withLock { $0 = nil } }

  func use() throws(StoreError) -> Store {
    guard let store = store.withLock({ $0 }) else {
      throw StoreError(.unavailable, "the process has ended")
    }
    return store
  }
}

struct DiskLog: ChainLog {
  let slot: Slot<any ChainLog>

  func append(_ leaves: [[UInt8]], at position: UInt64) async throws(StoreError) {
    try await slot.use().append(leaves, at: position)
  }

  func size() async throws(StoreError) -> UInt64 { try await slot.use().size() }

  func leaves(
    from position: UInt64, limit: Int, byteCount: Int
  ) async throws(StoreError) -> [[UInt8]] {
    try await slot.use().leaves(from: position, limit: limit, byteCount: byteCount)
  }
}

struct DiskState: StateStore {
  let slot: Slot<any StateStore>

  func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
    try slot.use().value(forKey: key)
  }

  func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
    try slot.use().commit(changes)
  }
}

struct DiskRole: RoleStore {
  let slot: Slot<any RoleStore>

  func value(forKey key: String) throws(StoreError) -> [UInt8]? {
    try slot.use().value(forKey: key)
  }

  func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
    try slot.use().keys(withPrefix: prefix)
  }

  func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
    try slot.use().write(changes)
  }
}
