public import CanonicalEncoding
public import Consortium
import Foundation
import GRDB
public import Ledger

/// Sealed records in one SQLite file, each with its SHA-256, which every read checks.
public final class SQLiteRecordStore: RecordStore {
  static let format = StoreFormat(
    name: "record store", applicationID: 0x4243_5253, version: 1,
    schema: """
      CREATE TABLE record (
        visit BLOB PRIMARY KEY NOT NULL CHECK (length(visit) = 32),
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

  public func put(_ record: [UInt8], visit: Digest32) async throws(StoreError) {
    let digest = Data(Digest32(sha256: record).bytes)
    try file.write { database in
      let visitID = Data(visit.bytes)
      let stored = try Data.fetchOne(
        database.cachedStatement(sql: "SELECT digest FROM record WHERE visit = ?"),
        arguments: [visitID])
      if let stored {
        guard stored == digest else {
          throw StoreError(.conflict, "\(file.path): there is another record of visit \(visit)")
        }
        return
      }
      try database.cachedStatement(
        sql: "INSERT INTO record (visit, digest, bytes) VALUES (?, ?, ?)"
      ).execute(arguments: [visitID, digest, Data(record)])
    }
  }

  public func record(ofVisit visit: Digest32) async throws(StoreError) -> [UInt8]? {
    try file.read { database in
      let row = try Row.fetchOne(
        database.cachedStatement(sql: "SELECT digest, bytes FROM record WHERE visit = ?"),
        arguments: [Data(visit.bytes)])
      return try row.map { row in
        guard let record = try Self.record(row) else {
          throw StoreError(.corrupted, "\(file.path): the record of visit \(visit) is damaged")
        }
        return record
      }
    }
  }

  public func visits() async throws(StoreError) -> [Digest32] {
    try file.read { database in
      try Data.fetchAll(
        database.cachedStatement(sql: "SELECT visit FROM record ORDER BY visit")
      ).compactMap { Digest32($0) }
    }
  }

  @Sendable private static func findings(_ database: Database) throws -> [StoreFinding.Detail] {
    var findings: [StoreFinding.Detail] = []
    let rows = try Row.fetchCursor(
      database, sql: "SELECT lower(hex(visit)) AS name, digest, bytes FROM record")
    while let row = try rows.next() {
      if (try? record(row)) == nil {
        let name = String.fromDatabaseValue(row["name"]) ?? "?"
        findings.append((.wrongDigest, "the record of visit \(name) does not have its digest"))
      }
    }
    return findings
  }

  /// The record in a row; nil if it does not have the digest beside it.
  private static func record(_ row: Row) throws -> [UInt8]? {
    let bytes = try row.blob("bytes")
    return try row.blob("digest") == Digest32(sha256: bytes).bytes ? bytes : nil
  }
}
