import CanonicalEncoding
public import Consortium
import Foundation
import GRDB
public import Ledger

/// What one role remembers, in one SQLite file, each value with its SHA-256, which every read checks.
public final class SQLiteRoleStore: RoleStore {
  static let format = StoreFormat(
    name: "role store", applicationID: 0x4243_5354, version: 1,
    schema: """
      CREATE TABLE value (
        key TEXT PRIMARY KEY NOT NULL,
        digest BLOB NOT NULL CHECK (length(digest) = 32),
        bytes BLOB NOT NULL
      ) STRICT
      """,
    findings: findings)

  private let file: SQLiteFile

  /// Opens the store at `path`, or creates it.
  public init(path: String) throws(StoreError) {
    file = try SQLiteFile(path: path, format: Self.format)
  }

  /// Opens the store at `path` to read it: writes nothing, not even beside the file, and needs no
  /// right to.
  public init(readingFrom path: String) throws(StoreError) {
    file = try SQLiteFile(readingFrom: path, format: Self.format)
  }

  public func value(forKey key: String) throws(StoreError) -> [UInt8]? {
    try file.read { database in
      let row = try Row.fetchOne(
        database.cachedStatement(sql: "SELECT digest, bytes FROM value WHERE key = ?"),
        arguments: [key])
      return try row.map { row in
        try row.checkedBytes(or: "\(file.path): the value of \"\(key)\" is damaged")
      }
    }
  }

  public func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
    try file.read { database in
      let keys = try String.fetchCursor(
        database.cachedStatement(sql: "SELECT key FROM value WHERE key >= ? ORDER BY key"),
        arguments: [prefix])
      return try Array(keys.prefix { $0.utf8.starts(with: prefix.utf8) })
    }
  }

  public func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
    try file.write { database in
      let remove = try database.cachedStatement(sql: "DELETE FROM value WHERE key = ?")
      let replace = try database.cachedStatement(
        sql: "INSERT OR REPLACE INTO value (key, digest, bytes) VALUES (?, ?, ?)")
      for (key, value) in changes {
        if let value {
          try replace.execute(
            arguments: [key, Data(Digest32(sha256: value).bytes), Data(value)])
        } else {
          try remove.execute(arguments: [key])
        }
      }
    }
  }

  @Sendable private static func findings(_ database: Database) throws -> [StoreFinding.Detail] {
    try Row.wrongDigests(database, sql: "SELECT key AS name, digest, bytes FROM value") {
      "the value of \"\($0)\" does not have its digest"
    }
  }
}
