import CanonicalEncoding
import Foundation
import GRDB
public import Ledger

/// Values under keys in one SQLite file, with at most 16 MiB of it in memory.
///
/// Beside each value stand the first 8 bytes of SHA-256(length of the key in 8 bytes, big endian ‖
/// key ‖ value), which every read checks. They are against disks, not against people, who could
/// compute them anew: damage escapes them once in 2^64 times, and in small rows 32 bytes would be the
/// most of the file. That a row is gone is not noticed.
public final class SQLiteStateStore: StateStore {
  /// The longest key and value, in bytes together.
  public static let maximumByteCount = 1 << 24

  static let format = StoreFormat(
    name: "state store", applicationID: 0x4243_5353, version: 1,
    schema: """
      CREATE TABLE state (
        key BLOB PRIMARY KEY NOT NULL,
        mark BLOB NOT NULL,
        value BLOB NOT NULL
      ) STRICT, WITHOUT ROWID
      """,
    pageCache: 16_384,
    findings: findings)

  package let file: SQLiteFile

  /// Opens the store at `path`, or creates it.
  ///
  /// - Throws: ``StoreError``; `notOurs`, `newerVersion` or `corrupted` for a file of another kind,
  ///   which stays as it is.
  public init(path: String) throws(StoreError) {
    file = try SQLiteFile(path: path, format: Self.format)
  }

  /// Opens the store at `path` to read it: writes nothing, not even beside the file, and needs no
  /// right to. A commit is refused as `unavailable`.
  ///
  /// After a crash in the middle of a commit, until somebody opens the store to write, it reads a
  /// temporary copy.
  public init(readingFrom path: String) throws(StoreError) {
    file = try SQLiteFile(readingFrom: path, format: Self.format)
  }

  /// An empty store for a passing use, as verifying what does not fit into memory: a file in this
  /// folder whose name is gone already, so that it ends with this object or this process. Commits are
  /// whole, and never wait for the disk. A commit keeps what it replaces in memory, up to the size of
  /// the store: commit often.
  public static func temporary(in folder: String) throws(StoreError) -> SQLiteStateStore {
    SQLiteStateStore(file: try SQLiteFile(temporaryIn: folder, format: format))
  }

  private init(file: SQLiteFile) { self.file = file }

  public func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
    try file.read { database in
      let row = try Row.fetchOne(
        database.cachedStatement(sql: "SELECT mark, value FROM state WHERE key = ?"),
        arguments: [Data(key)])
      guard let row else { return nil }
      let value = try row.blob("value")
      guard try row.blob("mark") == Self.mark(key, value) else {
        throw StoreError(.corrupted, "\(file.path): a value is not what was stored")
      }
      return value
    }
  }

  public func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
    for (key, value) in changes where key.count + (value?.count ?? 0) > Self.maximumByteCount {
      throw StoreError(
        .tooLarge, "a key and value of more than \(Self.maximumByteCount) bytes together")
    }
    if changes.isEmpty { return }
    // In the order of the table, each of its pages is visited once.
    let sorted = changes.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    try file.write { database in
      let remove = try database.cachedStatement(sql: "DELETE FROM state WHERE key = ?")
      let replace = try database.cachedStatement(
        sql: "INSERT OR REPLACE INTO state (key, mark, value) VALUES (?, ?, ?)")
      for (key, value) in sorted {
        if let value {
          try replace.execute(
            arguments: [Data(key), Data(Self.mark(key, value)), Data(value)])
        } else {
          try remove.execute(arguments: [Data(key)])
        }
      }
    }
  }

  private static func mark(_ key: [UInt8], _ value: [UInt8]) -> [UInt8] {
    Array(Digest32(ofValue: value, underKey: key).bytes.prefix(8))
  }

  @Sendable private static func findings(_ database: Database) throws -> [StoreFinding.Detail] {
    var findings: [StoreFinding.Detail] = []
    let rows = try Row.fetchCursor(database, sql: "SELECT key, mark, value FROM state")
    while let row = try rows.next() {
      let key = try row.blob("key")
      if try row.blob("mark") != mark(key, try row.blob("value")) {
        findings.append((.wrongDigest, "the value of \(text(ofKey: key)) is not what was stored"))
      }
    }
    return findings
  }
}
