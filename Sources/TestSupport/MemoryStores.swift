package import CanonicalEncoding
import Consortium
package import Ledger
import Synchronization

/// A record store that lives as long as the object.
package final class MemoryRecordStore: RecordStore {
  private let records = Mutex([Digest32: [UInt8]]())

  package init() {}

  package func put(_ record: [UInt8], visit: Digest32) async throws(StoreError) {
    let stored = records.withLock { records in
      if records[visit] == nil { records[visit] = record }
      return records[visit]
    }
    guard stored == record else {
      throw StoreError(.conflict, "there is another record of visit \(visit)")
    }
  }

  package func record(ofVisit visit: Digest32) async throws(StoreError) -> [UInt8]? {
    records.withLock { $0[visit] }
  }

  package func visits() async throws(StoreError) -> [Digest32] {
    records.withLock { $0.keys.sorted() }
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
