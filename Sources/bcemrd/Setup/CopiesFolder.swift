import CanonicalEncoding
import Credentials
import Dispatch
import Foundation
import SQLiteBackend

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where a command copies stores to before they become one file: a new folder beside that file, for their owner
/// alone, which goes when the command ends, also by Ctrl-C.
///
/// Copies are opened by their paths. So nobody else may be able to move them, or the folders above: who could would
/// have other files written to, or written into the result.
final class CopiesFolder {
  let path: String
  /// Of the file that is made of the copies, before it has its name.
  let draft: String
  private let sources: [any DispatchSourceSignal]

  /// - Parameter output: the file that is to come.
  /// - Throws: ``DaemonFailure`` `shared-folder` if somebody else may rename what lies there.
  init(for output: String) throws {
    try Self.requireOwnFolder(around: output)
    // Drawn anew for each, so that nobody has it ready.
    let path = "\(output).\(UInt64.random(in: .min ... .max)).copies"
    let draft = "\(path).new"
    guard unsafe mkdir(path, 0o700) == 0 else {
      throw DaemonFailure(DurableFile.Failure(path: path))
    }
    (self.path, self.draft) = (path, draft)
    // The daemon waits for the copies: who halts the command would halt it too.
    signal(SIGTSTP, SIG_IGN)
    sources = [SIGINT, SIGTERM, SIGHUP].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        Self.remove(path, draft)
        exit(128 + number)
      }
      source.resume()
      return source
    }
  }

  /// Makes the folders for files.
  ///
  /// - Parameter place: this folder, or one that is to be below it.
  func prepare(for names: [String], in place: String) throws {
    for name in names {
      try FileManager.default.createDirectory(
        at: URL(filePath: "\(place)/\(name)").deletingLastPathComponent(),
        withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
  }

  /// Copies stores as they are at one moment into folders that are there, and checks the copies once the daemon
  /// goes on.
  ///
  /// - Returns: for how long it may have waited.
  func copy(_ names: [String], of data: DataFolder, to place: String) throws -> Duration {
    let begun = ContinuousClock.now
    let stores = try HeldStores(names, of: data)
    for name in names { try stores.copy(name, to: "\(place)/\(name)") }
    try stores.release()
    let waited = ContinuousClock.now - begun
    for name in names { try data.checkCopy("\(place)/\(name)", of: name) }
    return waited
  }

  /// Removes the copies, and the file that has no name yet.
  func remove() { Self.remove(path, draft) }

  private static func remove(_ path: String, _ draft: String) {
    try? FileManager.default.removeItem(atPath: draft)
    // A copy may be under way while a signal ends the command.
    for _ in 0..<8 where FileManager.default.fileExists(atPath: path) {
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  /// That nobody but this account and root can rename what lies in a folder, nor the folder.
  private static func requireOwnFolder(around item: String) throws {
    let parent = URL(filePath: item).deletingLastPathComponent().resolvingSymlinksInPath()
    var folder = parent
    while true {
      var status = stat()
      guard unsafe lstat(folder.path(percentEncoded: false), &status) == 0 else {
        throw DaemonFailure(DurableFile.Failure(path: folder.path(percentEncoded: false)))
      }
      let isOwn = status.st_uid == geteuid() || status.st_uid == 0
      // In a sticky one, as /tmp, others rename only what is theirs.
      let isClosed = status.st_mode & 0o022 == 0 || status.st_mode & S_ISVTX != 0
      guard isOwn, isClosed else {
        throw DaemonFailure(
          .badInput,
          "\(folder.path(percentEncoded: false)): others may rename what lies there",
          code: "shared-folder",
          hint: "give a folder of this account, to which nobody else may write")
      }
      let next = folder.deletingLastPathComponent()
      if next.path == folder.path || folder.path == "/" { return }
      folder = next
    }
  }
}
