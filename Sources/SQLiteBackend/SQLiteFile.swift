import Credentials
import Foundation
import GRDB
package import Ledger

/// What tells one kind of store file from another, and from files of other programs.
struct StoreFormat: Sendable {
  let name: String
  /// SQLite's `application_id`: four letters.
  let applicationID: UInt32
  let version: UInt32
  let schema: String
  /// What is wrong with the rows.
  let findings: @Sendable (Database) throws -> [StoreFinding.Detail]

  static let all = [SQLiteOrderingLog.format, SQLiteRecordStore.format, SQLiteRoleStore.format]
}

/// A store file with one connection, whose commits are on disk when they return.
package final class SQLiteFile: Sendable {
  let path: String
  private let queue: DatabaseQueue

  /// Opens a file of this format, or creates it.
  ///
  /// A file of another program, of a newer version or with a damaged header is refused before SQLite
  /// gets to see it, so nothing in it changes.
  init(path: String, format: StoreFormat) throws(StoreError) {
    self.path = path
    if try !Self.exists(path) { try Self.create(path, format) }
    let found = try StoreHeader(ofFileAt: path)
    guard found.applicationID == format.applicationID else {
      throw StoreError(.notOurs, "\(path): this is no \(format.name)")
    }
    guard found.version <= format.version else {
      throw StoreError(
        .newerVersion, "\(path): a newer program wrote this \(format.name) (\(found.version))")
    }
    queue = try storing(path) {
      let queue = try DatabaseQueue(path: path, configuration: Self.configuration())
      try queue.read { try Self.requireSchema(format, $0) }
      return queue
    }
  }

  /// Runs `body` on the calling thread. This connection is the only one that writes, and it does
  /// one thing after the other, so several queries see one state without a transaction.
  func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
    try storing(path) { try queue.unsafeRead(body) }
  }

  /// Runs `body` on the calling thread, in a transaction that is durable on return.
  func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
    try storing(path) {
      try queue.writeWithoutTransaction { database in
        // GRDB's own transactions compile their statements each time.
        try database.cachedStatement(sql: "BEGIN IMMEDIATE").execute()
        do {
          let value = try body(database)
          try database.cachedStatement(sql: "COMMIT").execute()
          return value
        } catch {
          // SQLite may have rolled back already, as when the disk is full.
          if database.isInsideTransaction { try? database.rollback() }
          throw error
        }
      }
    }
  }

  /// A setting of the connection that writes, as `PRAGMA synchronous`.
  package func setting(_ name: String) throws(StoreError) -> String {
    try storing(path) {
      try queue.writeWithoutTransaction { database in
        try DatabaseValue.fetchOne(database, sql: "PRAGMA \(name)")?.description ?? ""
      }
    }
  }

  // GRDB's own set-up of WAL mode would choose NORMAL, which may lose acknowledged commits when the
  // power fails. Our files are created in WAL mode, so that set-up never runs.
  private static func configuration() -> Configuration {
    var configuration = Configuration()
    // Somebody may look into the file with a tool of SQLite's.
    configuration.busyMode = .timeout(5)
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON")
    }
    return configuration
  }

  /// A connection that cannot write.
  static func openReadOnly(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.readonly = true
    return try DatabaseQueue(path: path, configuration: configuration)
  }

  static func requireSchema(_ format: StoreFormat, _ database: Database) throws {
    let schema = try String.fetchAll(
      database, sql: "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    guard schema == [format.schema] else {
      throw StoreError(.corrupted, "the tables are not those of this \(format.name)")
    }
  }

  private static func exists(_ path: String) throws(StoreError) -> Bool {
    if FileManager.default.fileExists(atPath: path) { return true }
    // SQLite would replay it into the new file.
    guard !FileManager.default.fileExists(atPath: path + "-wal") else {
      throw StoreError(.corrupted, "\(path): the file is gone, but its write-ahead log is there")
    }
    return false
  }

  /// Makes the file under another name first, so that it never exists without its tables.
  private static func create(_ path: String, _ format: StoreFormat) throws(StoreError) {
    let draft = "\(path).\(UInt64.random(in: .min ... .max))"
    defer { try? FileManager.default.removeItem(atPath: draft) }
    try storing(path) {
      let queue = try DatabaseQueue(path: draft)
      try queue.writeWithoutTransaction { database in
        try database.execute(
          sql: """
            PRAGMA application_id = \(format.applicationID);
            PRAGMA user_version = \(format.version);
            PRAGMA journal_mode = WAL;
            \(format.schema);
            """)
      }
      try queue.close()
      let bytes = try DurableFile.read(draft, limit: 1 << 20).bytes
      try DurableFile.create(bytes, at: path)
    }
  }
}

/// What the first 100 bytes of an SQLite file say (https://www.sqlite.org/fileformat2.html).
struct StoreHeader {
  let applicationID: UInt32
  let version: UInt32

  init(ofFileAt path: String) throws(StoreError) {
    let bytes = try storing(path) {
      guard let file = FileHandle(forReadingAtPath: path) else {
        throw StoreError(.unavailable, "\(path): the file cannot be read")
      }
      defer { try? file.close() }
      return [UInt8](try file.read(upToCount: 100) ?? Data())
    }
    guard bytes.count == 100, bytes.starts(with: "SQLite format 3\0".utf8) else {
      throw StoreError(.notOurs, "\(path): this is no store file, or its header is damaged")
    }
    // Both are 2 in WAL mode.
    guard bytes[18...19] == [2, 2] else {
      throw StoreError(.notOurs, "\(path): the file is not in the mode of our store files")
    }
    func integer(_ offset: Int) -> UInt32 {
      bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
    applicationID = integer(68)
    version = integer(60)
  }
}
