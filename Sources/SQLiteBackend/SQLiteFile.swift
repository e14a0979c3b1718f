import Credentials
import Foundation
import GRDB
import GRDBSQLite
package import Ledger

/// What tells one kind of store file from another, and from files of other programs.
struct StoreFormat: Sendable {
  let name: String
  /// SQLite's `application_id`: four letters.
  let applicationID: UInt32
  let version: UInt32
  let schema: String
  /// How much of the file SQLite keeps in memory at most, in KiB; 2,000 is its own default.
  var pageCache = 2_000
  /// Whether what is deleted is overwritten with zeros in the file, whatever SQLite was built to do.
  var erases = false
  /// What is wrong with the rows.
  let findings: @Sendable (Database) throws -> [StoreFinding.Detail]

  static let all = [
    SQLiteRecordStore.format, SQLiteRoleStore.format, SQLiteChainLog.format,
    SQLiteStateStore.format,
  ]
}

/// A store file with one connection, whose commits are on disk when they return.
///
/// Commits go through a rollback journal (`journal_mode = TRUNCATE`, `synchronous = FULL`), not
/// through a write-ahead log: what is acknowledged stands in the file itself, so a copy of the file
/// alone lacks nothing. With a write-ahead log, leaves could lie in `…-wal` alone, even after a clean
/// end, and a copy without it was an older ledger that went on as if nothing were missing. It also
/// lets readers read in a folder where they cannot write. The price is three more waits for the disk:
/// a commit of one leaf takes 1.4 ms instead of 0.4 ms where one wait takes 0.23 ms; blocks share it.
///
/// The file and `…-journal` belong together while a process writes, and after a crash until the file
/// is opened again; a copy without the journal may then hold a part of one commit, which nobody was
/// told of.
package final class SQLiteFile: Sendable {
  let path: String
  private let queue: DatabaseQueue

  /// Opens a file of this format, or creates it.
  ///
  /// A file of another program, of a newer version or with a damaged header is refused before SQLite
  /// gets to see it, so nothing in it changes.
  /// - Parameter fill: writes the first rows of a file that is created.
  init(
    path: String, format: StoreFormat, fill: (Database) throws -> Void = { _ in }
  ) throws(StoreError) {
    self.path = path
    if try !Self.exists(path) { try Self.create(path, format, fill) }
    let header = try format.requireHeader(ofFileAt: path)
    queue = try storing(path) {
      let queue = try DatabaseQueue(path: path, configuration: Self.configuration(format))
      try queue.read { try Self.requireSchema(format, $0) }
      try Self.setJournalMode(of: queue, path)
      // The write-ahead log is gone; should it come back, it would undo what is committed next.
      if header.hasWriteAheadLog { try DurableFile.synchronizeFolder(ofItemAt: path) }
      return queue
    }
  }

  /// Opens a file of this format to read it; writes nothing, and needs no right to. It may be
  /// read while another process writes it.
  init(readingFrom path: String, format: StoreFormat) throws(StoreError) {
    self.path = path
    try format.requireHeader(ofFileAt: path)
    queue = try storing(path) {
      let queue = try Self.openReadOnly(path, pageCache: format.pageCache)
      try queue.read { try Self.requireSchema(format, $0) }
      return queue
    }
  }

  /// A new file in this folder that goes away with this object or this process, and whose commits
  /// are whole but not durable.
  init(temporaryIn folder: String, format: StoreFormat) throws(StoreError) {
    let path = "\(folder)/passing-\(UInt64.random(in: .min ... .max)).sqlite"
    self.path = path
    queue = try storing(folder) {
      // Nobody else may read it, and nothing that is there may be taken for it.
      try DurableFile.create([], at: path)
      defer { try? FileManager.default.removeItem(atPath: path) }
      var configuration = Configuration()
      configuration.prepareDatabase { database in
        // Without a name it cannot have a journal beside it, and nobody to share it with.
        try database.execute(
          sql: """
            PRAGMA locking_mode = EXCLUSIVE;
            PRAGMA journal_mode = MEMORY;
            PRAGMA synchronous = OFF;
            PRAGMA secure_delete = OFF;
            PRAGMA temp_store = MEMORY;
            PRAGMA cache_size = -\(format.pageCache)
            """)
      }
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.writeWithoutTransaction { try $0.execute(sql: format.schema) }
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

  private static func configuration(_ format: StoreFormat) -> Configuration {
    var configuration = Configuration()
    // Somebody may look into the file with a tool of SQLite's.
    configuration.busyMode = .timeout(5)
    configuration.prepareDatabase { database in
      try database.execute(
        sql: """
          PRAGMA synchronous = FULL;
          PRAGMA fullfsync = ON;
          PRAGMA secure_delete = \(format.erases ? "ON" : "OFF");
          PRAGMA cache_size = -\(format.pageCache)
          """)
    }
    return configuration
  }

  /// Also takes a file out of WAL mode, with all that its write-ahead log holds.
  private static func setJournalMode(of queue: DatabaseQueue, _ path: String) throws {
    let mode = try queue.writeWithoutTransaction {
      try String.fetchOne($0, sql: "PRAGMA journal_mode = TRUNCATE")
    }
    guard mode == "truncate" else {
      throw StoreError(.locked, "\(path): another process uses the file")
    }
  }

  /// A connection that cannot write.
  ///
  /// Of a file that a crash left in the middle of a commit, it reads a copy in which that commit is
  /// undone.
  /// - Parameter isHeld: whether a transaction stays open from one use to the next.
  static func openReadOnly(
    _ path: String, pageCache: Int = 2_000, isHeld: Bool = false
  ) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.allowsUnsafeTransactions = isHeld
    configuration.busyMode = .timeout(5)
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA cache_size = -\(pageCache)") }
    do {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      _ = try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema") }
      return queue
    } catch let error as DatabaseError
      where error.extendedResultCode == .SQLITE_READONLY_ROLLBACK
    {
      return try openUndone(path)
    }
  }

  private static func openUndone(_ path: String) throws -> DatabaseQueue {
    let files = FileManager.default
    let folder = files.temporaryDirectory.appending(path: "bcemr-\(UUID().uuidString)").path()
    try DurableFile.createFolder(folder)
    // An open file outlives its name, even if this process does not end well.
    defer { try? files.removeItem(atPath: folder) }
    for suffix in ["", "-journal"] {
      try files.copyItem(atPath: path + suffix, toPath: "\(folder)/copy\(suffix)")
      try files.setAttributes(
        [.posixPermissions: 0o600], ofItemAtPath: "\(folder)/copy\(suffix)")
    }
    let queue = try DatabaseQueue(path: "\(folder)/copy")
    try queue.writeWithoutTransaction { database in
      _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema")
      try database.execute(sql: "PRAGMA query_only = ON")
    }
    return queue
  }

  static func requireSchema(_ format: StoreFormat, _ database: Database) throws {
    let schema = try String.fetchAll(
      database, sql: "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    guard schema == [format.schema] else {
      throw StoreError(.corrupted, "the tables are not those of this \(format.name)")
    }
  }

  private static func exists(_ path: String) throws(StoreError) -> Bool {
    // Looked for first: another process may create the file just now, and these after it.
    let stray = ["-journal", "-wal"].first {
      FileManager.default.fileExists(atPath: path + $0)
    }
    if FileManager.default.fileExists(atPath: path) { return true }
    // It tells of a file that was there; SQLite would take it for the new one's.
    if let stray {
      throw StoreError(.corrupted, "\(path): the file is gone, but \(stray) is there")
    }
    return false
  }

  /// Makes the file under another name first, so that it never exists without its tables and first rows.
  private static func create(
    _ path: String, _ format: StoreFormat, _ fill: (Database) throws -> Void
  ) throws(StoreError) {
    let draft = "\(path).\(UInt64.random(in: .min ... .max))"
    defer { try? FileManager.default.removeItem(atPath: draft) }
    try storing(path) {
      let queue = try DatabaseQueue(path: draft)
      try queue.writeWithoutTransaction { database in
        try database.execute(
          sql: """
            PRAGMA application_id = \(format.applicationID);
            PRAGMA user_version = \(format.version);
            \(format.schema);
            """)
        try fill(database)
      }
      try queue.close()
      let bytes = try DurableFile.read(draft, limit: 1 << 20).bytes
      do throws(DurableFile.Failure) {
        try DurableFile.create(bytes, at: path)
      } catch {
        // Another process was faster.
        guard error.isExisting else { throw error }
      }
    }
  }
}

/// What the first 100 bytes of an SQLite file say (https://www.sqlite.org/fileformat2.html).
struct StoreHeader {
  let applicationID: UInt32
  let version: UInt32
  /// Made before our files left WAL mode.
  let hasWriteAheadLog: Bool

  init(ofFileAt path: String) throws(StoreError) {
    let bytes = try Self.firstBytes(100, ofFileAt: path)
    guard bytes.starts(with: "SQLite format 3\0".utf8) else {
      throw StoreError(.notOurs, "\(path): this is no store file, or its header is damaged")
    }
    // The versions that writers and readers need: both 2 in WAL mode, else both 1.
    guard bytes[18] == bytes[19], (1...2).contains(bytes[18]) else {
      throw StoreError(.notOurs, "\(path): the file is not in the mode of our store files")
    }
    hasWriteAheadLog = bytes[18] == 2
    // SQLite would put its pages over those of the file.
    guard hasWriteAheadLog || !FileManager.default.fileExists(atPath: path + "-wal") else {
      throw StoreError(
        .corrupted, "\(path): beside it stands a write-ahead log, which this file never had")
    }
    func integer(_ offset: Int) -> UInt32 {
      bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
    applicationID = integer(68)
    version = integer(60)
  }

  /// Reads through SQLite's own layer: were this process to open and close the file itself, the
  /// operating system would release the locks of another connection that it has to this file
  /// (https://www.sqlite.org/howtocorrupt.html, 2.2), and two processes could append at once.
  private static func firstBytes(_ count: Int, ofFileAt path: String) throws(StoreError) -> [UInt8]
  {
    let unreadable = StoreError(.unavailable, "\(path): the file cannot be read")
    var connection: OpaquePointer?
    defer { unsafe sqlite3_close(connection) }
    var file: UnsafeMutablePointer<sqlite3_file>?
    guard unsafe sqlite3_open_v2(path, &connection, SQLITE_OPEN_READONLY, nil) == SQLITE_OK,
      unsafe sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file)
        == SQLITE_OK,
      let file = unsafe file, let read = unsafe file.pointee.pMethods?.pointee.xRead
    else { throw unreadable }
    var bytes = [UInt8](repeating: 0, count: count)
    let result = unsafe bytes.withUnsafeMutableBytes {
      unsafe read(file, $0.baseAddress, Int32(count), 0)
    }
    // What is behind the end of a short file reads as zeros.
    guard result == SQLITE_OK || result == SQLITE_IOERR | 2 << 8 else { throw unreadable }
    return bytes
  }
}

extension StoreFormat {
  @discardableResult
  fileprivate func requireHeader(ofFileAt path: String) throws(StoreError) -> StoreHeader {
    let found = try StoreHeader(ofFileAt: path)
    guard found.applicationID == applicationID else {
      throw StoreError(.notOurs, "\(path): this is no \(name)")
    }
    guard found.version <= version else {
      throw StoreError(
        .newerVersion, "\(path): a newer program wrote this \(name) (\(found.version))")
    }
    guard found.version == version else {
      throw StoreError(
        .notOurs, "\(path): an older program wrote this \(name) (\(found.version))")
    }
    return found
  }
}
