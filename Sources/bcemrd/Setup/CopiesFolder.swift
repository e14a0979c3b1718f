import CanonicalEncoding
import Credentials
import Dispatch
import Foundation
import SQLiteBackend
import Synchronization

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
  private final class Progress: Sendable {
    enum State { case working, interrupted, named }
    let state = Mutex(State.working)
  }

  let path: String
  /// Of the file that is made of the copies, before it has its name. In the folder, so that nothing comes into
  /// being beside it once it is removed.
  let draft: String
  private let sources: [any DispatchSourceSignal]
  private let progress = Progress()

  /// - Parameter output: the file that is to come.
  /// - Throws: ``DaemonFailure`` `shared-folder` if somebody else may rename what lies there.
  init(for output: String) throws {
    try Self.requireOwnFolder(around: output)
    // Drawn anew for each, so that nobody has it ready.
    let path = "\(output).\(UInt64.random(in: .min ... .max)).copies"
    (self.path, draft) = (path, "\(path)/.draft")
    let progress = progress
    // The daemon waits for the copies: who halts the command would halt it too.
    signal(SIGTSTP, SIG_IGN)
    // Before there is a folder that they have to remove.
    sources = [SIGINT, SIGTERM, SIGHUP].compactMap { number in
      // Whoever started this may have it ignore a signal, as `nohup` does.
      let before = unsafe unsafeBitCast(signal(number, SIG_IGN), to: Int.self)
      let ignored = unsafe unsafeBitCast(SIG_IGN, to: Int.self)
      if before == ignored { return nil }
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        let isFirst = progress.state.withLock { state in
          guard state == .working else { return false }
          state = .interrupted
          return true
        }
        guard isFirst else { return }
        Self.remove(path)
        exit(128 + number)
      }
      source.resume()
      return source
    }
    guard unsafe mkdir(path, 0o700) == 0 else {
      throw DaemonFailure(DurableFile.Failure(path: path))
    }
  }

  /// Makes the folders for files, and none above ``path``: what a signal has removed must not come back.
  ///
  /// - Parameter place: this folder, or one that is to be in it.
  func prepare(for names: [String], in place: String) throws {
    if place != path { try Self.makeFolder(place) }
    for name in names {
      var folder = place
      for part in name.split(separator: "/").dropLast() {
        folder += "/\(part)"
        try Self.makeFolder(folder)
      }
    }
  }

  private static func makeFolder(_ path: String) throws {
    guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw DaemonFailure(DurableFile.Failure(path: path))
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

  /// Gives the file its name, which nothing has yet, unless a signal came first.
  func name(_ output: String) throws {
    try progress.state.withLock { state in
      guard state == .working else { return }
      try PrivateOutput.name(draft, output)
      state = .named
    }
    waitIfInterrupted()
  }

  /// Removes the copies, and the file that has no name yet.
  func remove() {
    waitIfInterrupted()
    Self.remove(path)
  }

  /// Where a signal ends the command, what fails since the copies are gone is not worth a word.
  private func waitIfInterrupted() {
    while progress.state.withLock({ $0 == .interrupted }) { pause() }
  }

  private static func remove(_ path: String) {
    // A copy may be under way while a signal ends the command: files come into it until the folder is gone.
    for _ in 0..<1_000 where FileManager.default.fileExists(atPath: path) {
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
