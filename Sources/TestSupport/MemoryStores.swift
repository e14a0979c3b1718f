package import CanonicalEncoding
import Consortium
package import Ledger
import Synchronization

/// An ordering log that lives as long as the object.
package final class MemoryOrderingLog: OrderingLog {
  private struct Contents {
    var entries: [[UInt8]] = []
    var positions: [[UInt8]: UInt64] = [:]
    /// Over the first 0, 1, 2, … entries.
    var chain: [Digest32] = [.zero]
  }

  private let log = Mutex(Contents())

  package init() {}

  package func append(_ entries: [[UInt8]]) async throws(OrderingLogError) -> [UInt64] {
    log.withLock { log in
      entries.map { entry in
        if let position = log.positions[entry] { return position }
        let position = UInt64(log.entries.count)
        log.entries.append(entry)
        log.positions[entry] = position
        log.chain.append(Digest32(sha256: log.chain[log.chain.count - 1].bytes + entry))
        return position
      }
    }
  }

  package func entries(
    from position: UInt64, limit: Int
  ) async throws(OrderingLogError) -> [OrderedEntry] {
    log.withLock { log in
      guard let first = Int(exactly: position), first < log.entries.count, limit > 0 else {
        return []
      }
      return log.entries[first...].prefix(limit).enumerated().map {
        OrderedEntry(position: position + UInt64($0.offset), bytes: $0.element)
      }
    }
  }

  package func chain(upTo count: UInt64) async throws(OrderingLogError) -> Digest32? {
    log.withLock { $0.chain.indices.contains(Int(clamping: count)) ? $0.chain[Int(count)] : nil }
  }
}

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
