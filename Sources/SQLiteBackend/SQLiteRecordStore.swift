public import CanonicalEncoding
public import Consortium
import Foundation
import GRDB
public import Ledger

/// Sealed records in one SQLite file, in rows of at most 1 MiB.
///
/// Beside each stands SHA-256(length of its name in 8 bytes, big endian ‖ name ‖ bytes), which every read
/// checks; the name is that of the record, a slash, and the number of the row.
public final class SQLiteRecordStore: RecordStore {
  static let format = StoreFormat(
    name: "record store", applicationID: 0x4243_5253, version: 2,
    schema: """
      CREATE TABLE piece (
        hospital TEXT NOT NULL,
        visit BLOB NOT NULL CHECK (length(visit) = 32),
        record BLOB NOT NULL CHECK (length(record) = 32),
        position INTEGER NOT NULL CHECK (position >= 0),
        digest BLOB NOT NULL CHECK (length(digest) = 32),
        bytes BLOB NOT NULL,
        PRIMARY KEY (hospital, visit, record, position)
      ) STRICT
      """,
    erases: true, findings: findings)

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

  public func put(_ rows: [Int: [UInt8]], of record: RecordName) async throws(StoreError) {
    try file.write { database in
      let select = try database.cachedStatement(
        sql: "SELECT digest FROM piece WHERE \(Self.isRow)")
      let replace = try database.cachedStatement(
        sql: """
          INSERT OR REPLACE INTO piece (hospital, visit, record, position, digest, bytes)
          VALUES (?, ?, ?, ?, ?, ?)
          """)
      for (row, bytes) in rows.sorted(by: { $0.key < $1.key }) {
        let digest = Data(Self.digest(bytes, record, row).bytes)
        if row > 0 {
          let stored = try Data.fetchOne(select, arguments: Self.arguments(record, row))
          guard stored ?? digest == digest,
            try Data.fetchOne(select, arguments: Self.arguments(record, 0)) != nil
          else {
            throw StoreError(.conflict, "\(file.path): there is another row \(row) of \(record)")
          }
          if stored != nil { continue }
        }
        try replace.execute(arguments: Self.arguments(record, row) + [digest, Data(bytes)])
      }
    }
  }

  public func row(_ row: Int, of record: RecordName) async throws(StoreError) -> [UInt8]? {
    try file.read { database in
      let stored = try Row.fetchOne(
        database.cachedStatement(sql: "SELECT digest, bytes FROM piece WHERE \(Self.isRow)"),
        arguments: Self.arguments(record, row))
      return try stored.map { stored in
        guard let bytes = try Self.bytes(stored, record, row) else {
          throw StoreError(.corrupted, "\(file.path): row \(row) of \(record) is damaged")
        }
        return bytes
      }
    }
  }

  public func rowCount(of record: RecordName) async throws(StoreError) -> Int {
    try file.read { database in
      try Int.fetchOne(
        database.cachedStatement(sql: "SELECT count(*) FROM piece WHERE \(Self.isRecord)"),
        arguments: Self.arguments(record)) ?? 0
    }
  }

  public func remove(_ record: RecordName) async throws(StoreError) {
    try file.write { database in
      try database.cachedStatement(sql: "DELETE FROM piece WHERE \(Self.isRecord)")
        .execute(arguments: Self.arguments(record))
    }
  }

  public func records(
    ofVisit visit: Digest32, at hospital: String
  ) async throws(StoreError) -> [RecordName] {
    try file.read { database in
      try Data.fetchAll(
        database.cachedStatement(
          sql: """
            SELECT DISTINCT record FROM piece WHERE hospital = ? AND visit = ? ORDER BY record
            """), arguments: [hospital, Data(visit.bytes)]
      ).compactMap { Digest32($0) }.map {
        RecordName(hospital: hospital, visit: visit, recordDigest: $0)
      }
    }
  }

  public func records() async throws(StoreError) -> [RecordName] {
    try file.read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT DISTINCT hospital, visit, record FROM piece ORDER BY hospital, visit, record
          """
      ).compactMap(Self.name)
    }
  }

  @Sendable private static func findings(_ database: Database) throws -> [StoreFinding.Detail] {
    var findings: [StoreFinding.Detail] = []
    let rows = try Row.fetchCursor(
      database, sql: "SELECT hospital, visit, record, position, digest, bytes FROM piece")
    while let row = try rows.next() {
      let (name, position) = (name(row), Int.fromDatabaseValue(row["position"]) ?? -1)
      if (try? name.flatMap { try bytes(row, $0, position) }) == nil {
        let place = name.map { "\($0)" } ?? "?"
        findings.append(
          (.wrongDigest, "row \(position) of record \(place) does not have its digest"))
      }
    }
    return findings
  }

  private static let isRecord = "hospital = ? AND visit = ? AND record = ?"
  private static let isRow = "\(isRecord) AND position = ?"

  private static func arguments(_ record: RecordName) -> StatementArguments {
    [record.hospital, Data(record.visit.bytes), Data(record.recordDigest.bytes)]
  }

  private static func arguments(_ record: RecordName, _ row: Int) -> StatementArguments {
    arguments(record) + [row]
  }

  private static func name(_ row: Row) -> RecordName? {
    guard let hospital = String.fromDatabaseValue(row["hospital"]),
      let visit = Data.fromDatabaseValue(row["visit"]).flatMap({ Digest32($0) }),
      let record = Data.fromDatabaseValue(row["record"]).flatMap({ Digest32($0) })
    else { return nil }
    return RecordName(hospital: hospital, visit: visit, recordDigest: record)
  }

  /// The bytes in a row; nil if they do not have the digest beside them.
  private static func bytes(_ row: Row, _ record: RecordName, _ position: Int) throws -> [UInt8]? {
    let bytes = try row.blob("bytes")
    return try row.blob("digest") == digest(bytes, record, position).bytes ? bytes : nil
  }

  private static func digest(_ bytes: [UInt8], _ record: RecordName, _ row: Int) -> Digest32 {
    Digest32(ofValue: bytes, underKey: Array("\(record)/\(row)".utf8))
  }
}
