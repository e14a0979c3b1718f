import Credentials
import GRDB
package import Ledger

/// Stores of a folder, all as they are at one moment, for a copy beside the process that writes in it.
///
/// From its making until its end it reads in all of them, so that no commit to any comes between: what the copies
/// hold together is what would be on the disk if the power failed at that moment, and roles go on from there.
/// The process that writes waits meanwhile, or fails and tries again.
package final class HeldStores {
  private let queues: [String: DatabaseQueue]
  private let folder: DataFolder

  /// - Parameter names: below the folder.
  /// - Throws: ``StoreError``; `locked` if the other process does not let it in for some seconds.
  package init(_ names: [String], of folder: DataFolder) throws(StoreError) {
    var queues: [String: DatabaseQueue] = [:]
    for name in names {
      let source = "\(folder.path)/\(name)"
      _ = try StoreHeader(ofFileAt: source)
      if let what = DataFolder.foreignOwner(of: name, at: source) {
        throw StoreError(.foreignStore, "\(source): \(what)")
      }
      queues[name] = try storing(source) { try SQLiteFile.openReadOnly(source, isHeld: true) }
    }
    for (name, queue) in queues {
      try storing("\(folder.path)/\(name)") {
        try queue.unsafeRead { database in
          try database.execute(sql: "BEGIN")
          // Only with the first look at the file is it held.
          _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema")
        }
      }
    }
    (self.queues, self.folder) = (queues, folder)
  }

  /// Copies one of them into a new file that its owner alone can read. The copy has to be checked
  /// (``DataFolder/checkCopy(_:of:)``), which can wait until the other process goes on.
  ///
  /// - Throws: ``StoreError``; `full`.
  package func copy(_ name: String, to target: String) throws(StoreError) {
    let source = "\(folder.path)/\(name)"
    guard let queue = queues[name] else {
      throw StoreError(.unavailable, "\(source): the store is not held")
    }
    try DataFolder.copy(queue, of: source, to: target)
  }

  /// Lets the other process go on.
  package func release() throws(StoreError) {
    for (name, queue) in queues {
      try storing("\(folder.path)/\(name)") { try queue.close() }
    }
  }
}
