import CanonicalEncoding
public import Consortium
import Foundation
import GRDB
public import Ledger

/// What one role remembers, in one SQLite file.
///
/// Beside each value stands SHA-256(length of the key in 8 bytes, big endian ‖ key ‖ value), which
/// every read checks. That a row is gone is not noticed.
///
/// One row, which ``keys(withPrefix:)`` does not show, says whose the store is, so that one that lies in another
/// role's folder is noticed. It is against mistakes, not against people, who could write it anew.
///
/// What is removed or replaced is overwritten in the file before the change is durable. The pages before the
/// change are in the journal until then, and are cut off with it, so that no file of the folder has them; what
/// the disk itself keeps of them is beyond that.
public final class SQLiteRoleStore: RoleStore {
  static let format = StoreFormat(
    name: "role store", applicationID: 0x4243_5354, version: 2,
    schema: """
      CREATE TABLE value (
        key TEXT PRIMARY KEY NOT NULL,
        digest BLOB NOT NULL CHECK (length(digest) = 32),
        bytes BLOB NOT NULL
      ) STRICT
      """,
    erases: true, findings: findings)

  package let file: SQLiteFile

  /// The key of the row that says whose the store is.
  private static let ownerKey = "store-of"

  /// Opens the store at `path`, or creates it.
  ///
  /// - Parameter owner: whose it is, as `doctors/<id>`; one that does not say it yet says it from here on. nil
  ///   for a store that says nothing, and to open one whoever's it is.
  /// - Throws: ``StoreError``; `foreignStore` for another's, which stays as it is.
  public init(path: String, owner: String? = nil) throws(StoreError) {
    file = try SQLiteFile(path: path, format: Self.format) { database in
      if let owner { try Self.replace([(Self.ownerKey, Array(owner.utf8))], database) }
    }
    guard let owner, try !requireOwner(owner) else { return }
    try file.write { try Self.replace([(Self.ownerKey, Array(owner.utf8))], $0) }
  }

  /// Opens the store at `path` to read it: writes nothing, not even beside the file, and needs no
  /// right to.
  ///
  /// - Throws: ``StoreError``; `foreignStore` for another's than `owner`'s. One that does not say whose it is
  ///   is taken for the owner's.
  public init(readingFrom path: String, owner: String? = nil) throws(StoreError) {
    file = try SQLiteFile(readingFrom: path, format: Self.format)
    if let owner { _ = try requireOwner(owner) }
  }

  /// - Returns: whether the store says that it is this one's.
  private func requireOwner(_ owner: String) throws(StoreError) -> Bool {
    guard let known = try value(forKey: Self.ownerKey) else { return false }
    guard known == Array(owner.utf8) else {
      let what = Self.foreign(String(decoding: known, as: UTF8.self), owner)
      throw StoreError(.foreignStore, "\(file.path): \(what)")
    }
    return true
  }

  private static func foreign(_ known: String, _ owner: String) -> String {
    "this is the store of \(DataFolder.isRole(known) ? known : "somebody else"), not of \(owner)"
  }

  /// What is wrong with whose the store at `path` says it is; nil also if it cannot be read.
  static func foreignOwner(ofFileAt path: String, owner: String) -> String? {
    guard let store = try? SQLiteRoleStore(readingFrom: path),
      let known = try? store.value(forKey: ownerKey), known != Array(owner.utf8)
    else { return nil }
    return foreign(String(decoding: known, as: UTF8.self), owner)
  }

  public func value(forKey key: String) throws(StoreError) -> [UInt8]? {
    try file.read { database in
      let row = try Row.fetchOne(
        database.cachedStatement(sql: "SELECT digest, bytes FROM value WHERE key = ?"),
        arguments: [key])
      return try row.map { row in
        guard let value = try Self.value(row, key) else {
          throw StoreError(.corrupted, "\(file.path): the value of \"\(key)\" is damaged")
        }
        return value
      }
    }
  }

  public func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
    try file.read { database in
      let keys = try String.fetchCursor(
        database.cachedStatement(
          sql: "SELECT key FROM value WHERE key >= ? AND key <> ? ORDER BY key"),
        arguments: [prefix, Self.ownerKey])
      return try Array(keys.prefix { $0.utf8.starts(with: prefix.utf8) })
    }
  }

  public func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
    try RoleStoreLimits.check(changes)
    // In the order of the index, each of its pages is visited once.
    let sorted = changes.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    try file.write { try Self.replace(sorted, $0) }
  }

  private static func replace(
    _ changes: [(key: String, value: [UInt8]?)], _ database: Database
  ) throws {
    let remove = try database.cachedStatement(sql: "DELETE FROM value WHERE key = ?")
    let replace = try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO value (key, digest, bytes) VALUES (?, ?, ?)")
    for (key, value) in changes {
      if let value {
        try replace.execute(arguments: [key, Data(digest(value, key).bytes), Data(value)])
      } else {
        try remove.execute(arguments: [key])
      }
    }
  }

  @Sendable private static func findings(_ database: Database) throws -> [StoreFinding.Detail] {
    var findings: [StoreFinding.Detail] = []
    let rows = try Row.fetchCursor(database, sql: "SELECT key, digest, bytes FROM value")
    while let row = try rows.next() {
      let key = String.fromDatabaseValue(row["key"])
      if (try? key.flatMap { try value(row, $0) }) == nil {
        findings.append(
          (.wrongDigest, "the value of \"\(key ?? "?")\" is not what was stored"))
      }
    }
    return findings
  }

  /// The value in a row; nil if it does not have the digest beside it.
  private static func value(_ row: Row, _ key: String) throws -> [UInt8]? {
    let bytes = try row.blob("bytes")
    return try row.blob("digest") == digest(bytes, key).bytes ? bytes : nil
  }

  private static func digest(_ value: [UInt8], _ key: String) -> Digest32 {
    Digest32(ofValue: value, underKey: Array(key.utf8))
  }
}
