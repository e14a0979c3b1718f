import Credentials
import Foundation
import GRDB
package import Ledger

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension DataFolder {
  /// What a folder holds, for a copy of all of it.
  package struct Inventory: Sendable {
    /// The genesis, and the stores and keys of each role, by their names below the folder, ascending.
    package let files: [String]
    /// What else is there, but for the lock and what SQLite keeps beside its files.
    package let others: [String]
  }

  /// Lists what is here.
  ///
  /// - Throws: ``StoreError`` `unavailable` if something of it is neither a file nor a folder: behind a link
  ///   there may be a store that a copy would lack.
  package func inventory() throws(StoreError) -> Inventory {
    let names = try storing(path) { try FileManager.default.subpathsOfDirectory(atPath: path) }
    var (files, others): ([String], [String]) = ([], [])
    for name in names.sorted() {
      let place = "\(path)/\(name)"
      var status = stat()
      guard unsafe lstat(place, &status) == 0 else {
        throw StoreError(DurableFile.Failure(path: place), place)
      }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: continue
      case S_IFREG: break
      // Of a daemon's desk: there is nothing in it.
      case S_IFSOCK: continue
      default:
        throw StoreError(
          .unavailable, "\(place): this is neither a file nor a folder; it is not followed")
      }
      if Self.isLedgerFile(name) {
        files.append(name)
      } else if name != "lock", !Self.isCompanion(name) {
        others.append(name)
      }
    }
    return Inventory(files: files, others: others)
  }

  /// Whether a file of this name below a data folder belongs to its ledger.
  package static func isLedgerFile(_ name: String) -> Bool {
    if name == Names.genesis { return true }
    var parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let file = parts.removeLast()
    if parts.last == Names.chains {
      parts.removeLast()
      guard isStore(file), isName(String(file.dropLast(storeSuffix.count))) else { return false }
    } else {
      let names = [Names.chain, Names.records, Names.state, Names.mail, Names.keys]
      guard names.contains(file) else { return false }
    }
    do {
      try requireRoleName(parts.joined(separator: "/"))
      return true
    } catch {
      return false
    }
  }

  /// Whether a file of this name is a store.
  package static func isStore(_ name: String) -> Bool { name.hasSuffix(storeSuffix) }

  private static let storeSuffix = ".sqlite"

  static func isCompanion(_ name: String) -> Bool {
    ["-journal", "-wal", "-shm"].contains { name.hasSuffix(storeSuffix + $0) }
  }

  /// Copies a store as of its last commit, page by page, into a new file that its owner alone can read.
  ///
  /// - Parameter name: below the folder.
  /// - Throws: ``StoreError``; `corrupted` if the copy is not what was stored, `foreignStore`, `full`.
  package func copyStore(_ name: String, to target: String) throws(StoreError) {
    let source = "\(path)/\(name)"
    _ = try StoreHeader(ofFileAt: source)
    if let what = Self.foreignOwner(of: name, at: source) {
      throw StoreError(.foreignStore, "\(source): \(what)")
    }
    let queue = try storing(source) { try SQLiteFile.openReadOnly(source) }
    try Self.copy(queue, of: source, to: target)
    try checkCopy(target, of: name)
  }

  /// That a copy of a store is what was stored.
  ///
  /// - Throws: ``StoreError`` `corrupted`.
  package func checkCopy(_ copy: String, of name: String) throws(StoreError) {
    if let finding = StoreCheck.findings(inFileAt: copy).first {
      throw StoreError(.corrupted, "\(path)/\(name): \(finding.what)")
    }
  }

  static func copy(
    _ queue: DatabaseQueue, of source: String, to target: String
  ) throws(StoreError) {
    do throws(StoreError) {
      try storing(source) {
        try DurableFile.create([], at: target)
        let copy = try DatabaseQueue(path: target)
        // A copy that was interrupted is of no use, so nothing is kept to undo it.
        try copy.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = MEMORY") }
        // As it is read here, also in a transaction that was open before.
        try queue.unsafeRead { source in
          try copy.writeWithoutTransaction { try source.backup(to: $0) }
        }
        try copy.close()
      }
    } catch {
      guard error.code == .full else { throw error }
      throw StoreError(.full, "\(target): there is no room for a copy of \(source)")
    }
  }
}
