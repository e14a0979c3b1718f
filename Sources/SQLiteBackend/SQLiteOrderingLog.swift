public import CanonicalEncoding
import Foundation
import GRDB
public import Ledger

/// The embedded ordering log: one SQLite file, for all roles of one machine.
///
/// Each row chains SHA-256(chain of the row before ‖ entry), 32 zero bytes before the first, so that
/// a changed, moved or missing row is noticed when it is read.
public final class SQLiteOrderingLog: OrderingLog {
  /// The longest entry, in bytes.
  public static let maximumEntryByteCount = 1 << 18

  static let format = StoreFormat(
    name: "ordering log", applicationID: 0x4243_4f4c, version: 1,
    schema: """
      CREATE TABLE entry (
        position INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
        chain BLOB NOT NULL CHECK (length(chain) = 32),
        bytes BLOB NOT NULL
      ) STRICT
      """,
    findings: findings)

  package let file: SQLiteFile

  /// Opens the log at `path`, or creates it.
  public init(path: String) throws(StoreError) {
    file = try SQLiteFile(path: path, format: Self.format)
  }

  /// Opens the log at `path` to read it: writes nothing, not even beside the file, and needs no
  /// right to.
  public init(readingFrom path: String) throws(StoreError) {
    file = try SQLiteFile(readingFrom: path, format: Self.format)
  }

  public func append(_ entries: [[UInt8]]) async throws(OrderingLogError) -> [UInt64] {
    for entry in entries where entry.count > Self.maximumEntryByteCount {
      throw OrderingLogError(
        .tooLarge,
        "an entry of \(entry.count) bytes; the log takes \(Self.maximumEntryByteCount)")
    }
    if entries.isEmpty { return [] }
    do {
      return try file.write { database in
        var last = try ChainedRow.last(.entries, database)
        let find = try database.cachedStatement(
          sql: "SELECT position, chain FROM entry WHERE digest = ?")
        let insert = try database.cachedStatement(
          sql: "INSERT INTO entry (position, digest, chain, bytes) VALUES (?, ?, ?, ?)")
        return try entries.map { entry in
          let digest = Data(Digest32(sha256: entry).bytes)
          if let known = try Row.fetchOne(find, arguments: [digest]) {
            return UInt64(try ChainedRow(known).position)
          }
          last = last.next(entry)
          try insert.execute(
            arguments: [last.position, digest, Data(last.chain.bytes), Data(entry)])
          return UInt64(last.position)
        }
      }
    } catch {
      throw OrderingLogError(error)
    }
  }

  public func entries(
    from position: UInt64, limit: Int
  ) async throws(OrderingLogError) -> [OrderedEntry] {
    guard limit > 0, let first = Int64(exactly: position) else { return [] }
    do {
      return try file.read { database in
        let end = try ChainedRow.last(.entries, database).position
        guard first <= end else { return [] }
        // The row before gives the chain that the first one continues.
        guard var last = try ChainedRow.at(first - 1, .entries, database) else {
          throw missing(first - 1)
        }
        let rows = try Row.fetchCursor(
          database.cachedStatement(
            sql: "SELECT position, chain, bytes FROM entry WHERE position >= ? LIMIT ?"),
          arguments: [first, limit])
        var entries: [OrderedEntry] = []
        while let row = try rows.next() {
          let bytes = try row.blob("bytes")
          last = last.next(bytes)
          guard try last == ChainedRow(row) else {
            throw StoreError(
              .corrupted, "\(file.path): entry \(last.position) is not what was appended")
          }
          entries.append(OrderedEntry(position: UInt64(last.position), bytes: bytes))
        }
        guard entries.count == limit || last.position == end else {
          throw missing(last.position + 1)
        }
        return entries
      }
    } catch {
      throw OrderingLogError(error)
    }
  }

  public func chain(upTo count: UInt64) async throws(OrderingLogError) -> Digest32? {
    guard let next = Int64(exactly: count) else { return nil }
    do {
      return try file.read { database in
        if let row = try ChainedRow.at(next - 1, .entries, database) { return row.chain }
        guard try ChainedRow.last(.entries, database).position < next else {
          throw missing(next - 1)
        }
        return nil
      }
    } catch {
      throw OrderingLogError(error)
    }
  }

  private func missing(_ position: Int64) -> StoreError {
    StoreError(.corrupted, "\(file.path): entry \(position) is missing")
  }

  @Sendable private static func findings(_ database: Database) throws -> [StoreFinding.Detail] {
    try ChainedRow.findings(.entries, database) { stored, bytes, row in
      try row.blob("digest") == Digest32(sha256: bytes).bytes
        ? nil : (.wrongDigest, "entry \(stored.position) does not have its digest")
    }
  }
}

extension OrderingLogError {
  init(_ error: StoreError) {
    let code: Code =
      switch error.code {
      case .corrupted: .corrupted
      case .outcomeUnknown: .outcomeUnknown
      default: .unavailable
      }
    self.init(code, error.message)
  }
}
