package import CanonicalEncoding
package import Consortium
package import Ledger
import Synchronization

/// The rows of a record store.
package struct MemoryRecords: Sendable {
  package var rows: [RecordName: [Int: [UInt8]]] = [:]

  package init() {}

  package mutating func put(_ new: [Int: [UInt8]], of record: RecordName) throws(StoreError) {
    var stored = rows[record] ?? [:]
    for (row, bytes) in new.sorted(by: { $0.key < $1.key }) {
      guard row == 0 || (stored[0] != nil && stored[row] ?? bytes == bytes) else {
        throw StoreError(.conflict, "there is another row \(row) of \(record)")
      }
      stored[row] = bytes
    }
    rows[record] = stored
  }
}

/// A record store that lives as long as the object.
package final class MemoryRecordStore: RecordStore {
  private let contents = Mutex(MemoryRecords())

  package init() {}

  package func put(_ rows: [Int: [UInt8]], of record: RecordName) async throws(StoreError) {
    try contents.withLock { contents throws(StoreError) in try contents.put(rows, of: record) }
  }

  package func row(_ row: Int, of record: RecordName) async throws(StoreError) -> [UInt8]? {
    contents.withLock { $0.rows[record]?[row] }
  }

  package func rowCount(of record: RecordName) async throws(StoreError) -> Int {
    contents.withLock { $0.rows[record]?.count ?? 0 }
  }

  package func remove(_ record: RecordName) async throws(StoreError) {
    contents.withLock { $0.rows[record] = nil }
  }

  package func records(
    ofVisit visit: Digest32, at hospital: String
  ) async throws(StoreError) -> [RecordName] {
    contents.withLock { contents in
      contents.rows.keys.filter { $0.visit == visit && $0.hospital == hospital }.sorted()
    }
  }

  package func records() async throws(StoreError) -> [RecordName] {
    contents.withLock { $0.rows.keys.sorted() }
  }
}

/// A role store that lives as long as the object.
package final class MemoryRoleStore: RoleStore {
  private let values = Mutex([String: [UInt8]]())

  package init() {}

  package func value(forKey key: String) throws(StoreError) -> [UInt8]? {
    values.withLock { $0[key] }
  }

  package func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
    values.withLock { $0.keys.filter { $0.utf8.starts(with: prefix.utf8) } }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  package func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
    try RoleStoreLimits.check(changes)
    values.withLock { values in
      for (key, value) in changes { values[key] = value }
    }
  }
}

/// A chain log that lives as long as the object.
package final class MemoryChainLog: ChainLog {
  private let log = Mutex([[UInt8]]())

  package init() {}

  package func append(_ leaves: [[UInt8]], at position: UInt64) async throws(StoreError) {
    for leaf in leaves where !(1...ChainLogLimits.leafByteCount).contains(leaf.count) {
      throw StoreError(.tooLarge, "a leaf of \(leaf.count) bytes")
    }
    let isAtEnd = log.withLock { log in
      guard UInt64(log.count) == position else { return false }
      log += leaves
      return true
    }
    guard isAtEnd else { throw StoreError(.conflict, "the log does not end at \(position)") }
  }

  package func size() async throws(StoreError) -> UInt64 { log.withLock { UInt64($0.count) } }

  package func leaves(
    from position: UInt64, limit: Int, byteCount: Int
  ) async throws(StoreError) -> [[UInt8]] {
    log.withLock { log in
      guard let first = Int(exactly: position), first < log.count, limit > 0 else { return [] }
      var room = byteCount
      return log[first...].prefix(limit).enumerated().prefix { index, leaf in
        defer { room -= min(room, leaf.count) }
        return index == 0 || leaf.count <= room
      }.map(\.element)
    }
  }
}

/// A state store that lives as long as the object.
package final class MemoryStateStore: StateStore {
  private let values = Mutex([[UInt8]: [UInt8]]())

  package init() {}

  package func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
    values.withLock { $0[key] }
  }

  package func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
    values.withLock { values in
      for (key, value) in changes { values[key] = value }
    }
  }
}
