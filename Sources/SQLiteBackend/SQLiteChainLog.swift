import CanonicalEncoding
import Foundation
import GRDB
public import Ledger

/// The leaves of one chain in one SQLite file.
///
/// Each row chains SHA-256(chain of the row before ‖ leaf), 32 zero bytes before the first, so that
/// a changed, moved or missing row is noticed when it is read. That leaves at the end are missing is
/// not: whoever has a checkpoint of the chain notices it.
public final class SQLiteChainLog: ChainLog {
  static let format = StoreFormat(
    name: "chain log", applicationID: 0x4243_434c, version: 1,
    schema: """
      CREATE TABLE leaf (
        position INTEGER PRIMARY KEY,
        chain BLOB NOT NULL CHECK (length(chain) = 32),
        bytes BLOB NOT NULL
      ) STRICT
      """,
    findings: findings)

  package let file: SQLiteFile

  /// Opens the log at `path` to read and append, or creates it.
  ///
  /// - Throws: ``StoreError``; `notOurs`, `newerVersion` or `corrupted` for a file of another kind,
  ///   which stays as it is.
  public init(path: String) throws(StoreError) {
    file = try SQLiteFile(path: path, format: Self.format)
  }

  /// Opens the log at `path` to read it: writes nothing, not even beside the file, and needs no right
  /// to. Appending is refused as `unavailable`.
  ///
  /// After a crash in the middle of an append, until somebody opens the log to append, it reads a
  /// temporary copy.
  public init(readingFrom path: String) throws(StoreError) {
    file = try SQLiteFile(readingFrom: path, format: Self.format)
  }

  public func append(_ leaves: [[UInt8]], at position: UInt64) async throws(StoreError) {
    try ChainLogLimits.require(leaves)
    try file.write { database in
      var last = try ChainedRow.last(database)
      guard UInt64(last.position + 1) == position else {
        throw StoreError(
          .conflict, "\(file.path): the log has \(last.position + 1) leaves, not \(position)")
      }
      let insert = try database.cachedStatement(
        sql: "INSERT INTO leaf (position, chain, bytes) VALUES (?, ?, ?)")
      for leaf in leaves {
        last = last.next(leaf)
        try insert.execute(arguments: [last.position, Data(last.chain.bytes), Data(leaf)])
      }
    }
  }

  /// Takes the same time whatever the size.
  public func size() async throws(StoreError) -> UInt64 {
    try file.read { UInt64(try ChainedRow.last($0).position + 1) }
  }

  public func leaves(
    from position: UInt64, limit: Int, byteCount: Int
  ) async throws(StoreError) -> [[UInt8]] {
    try storedLeaves(from: position, limit: limit, byteCount: byteCount)
  }

  /// The same for who reads in one piece, as an export is written.
  package func storedLeaves(
    from position: UInt64, limit: Int, byteCount: Int
  ) throws(StoreError) -> [[UInt8]] {
    guard limit > 0, let first = Int64(exactly: position) else { return [] }
    return try file.read { database in
      let end = try ChainedRow.last(database).position
      guard first <= end else { return [] }
      // The row before gives the chain that the first one continues.
      guard var last = try ChainedRow.at(first - 1, database) else {
        throw StoreError(.corrupted, "\(file.path): leaf \(first - 1) is missing")
      }
      let rows = try Row.fetchCursor(
        database.cachedStatement(
          sql: "SELECT position, chain, bytes FROM leaf WHERE position >= ? LIMIT ?"),
        arguments: [first, limit])
      var leaves: [[UInt8]] = []
      var room = byteCount
      while let row = try rows.next() {
        let bytes = try row.blob("bytes")
        guard leaves.isEmpty || bytes.count <= room else { return leaves }
        last = last.next(bytes)
        guard try last == ChainedRow(row) else {
          throw StoreError(
            .corrupted, "\(file.path): leaf \(last.position) is not what was appended")
        }
        leaves.append(bytes)
        room -= min(room, bytes.count)
      }
      guard leaves.count == limit || last.position == end else {
        throw StoreError(.corrupted, "\(file.path): leaf \(last.position + 1) is missing")
      }
      return leaves
    }
  }

  @Sendable private static func findings(_ database: Database) throws -> [StoreFinding.Detail] {
    var findings: [StoreFinding.Detail] = []
    var last = ChainedRow.none
    let rows = try Row.fetchCursor(database, sql: "SELECT * FROM leaf ORDER BY position")
    while let row = try rows.next() {
      let stored = try ChainedRow(row)
      let bytes = try row.blob("bytes")
      if stored.position != last.position + 1 {
        findings.append((.gap, "leaf \(last.position + 1) is missing"))
      }
      if !ChainLogLimits.takes(bytes.count) {
        findings.append(
          (.wrongLength, "leaf \(stored.position) has a length that no leaf has"))
      }
      if stored.chain != last.next(bytes).chain {
        findings.append((.brokenChain, "leaf \(stored.position) does not continue the chain"))
      }
      last = stored
    }
    return findings
  }
}

extension ChainLogLimits {
  fileprivate static func takes(_ byteCount: Int) -> Bool {
    (1...leafByteCount).contains(byteCount)
  }

  fileprivate static func require(_ leaves: [[UInt8]]) throws(StoreError) {
    for leaf in leaves where !takes(leaf.count) {
      throw StoreError(
        .tooLarge, "a leaf of \(leaf.count) bytes; the log takes 1 to \(leafByteCount)")
    }
  }
}
