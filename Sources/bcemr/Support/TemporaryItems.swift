import Dispatch
import Foundation
import SQLiteBackend
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What a command makes for itself in `TMPDIR`, or `/tmp`. It is gone when the command ends, also by a signal
/// that can be caught; of folders that were left all the same, which hold keys, the next one is rid.
enum TemporaryItems {
  private static let (folderPrefix, filePrefix) = ("bcemr-temporary-", "bcemr-export-")
  /// Those of this process.
  private static let paths = Mutex<Set<String>>([])
  private static let isEnding = Mutex(false)

  /// Runs `body` with a new data folder, which is removed afterwards.
  static func folder<Value>(_ body: (DataFolder) async throws -> Value) async throws -> Value {
    removeAbandonedFolders()
    let path = add(folderPrefix)
    defer { remove(path) }
    return try await body(try DataFolder(path: path))
  }

  /// Runs `body` with the name of a new file, which is removed afterwards.
  static func file<Value>(_ body: (_ path: String) throws -> Value) throws -> Value {
    let path = add(filePrefix)
    defer { remove(path) }
    return try body(path)
  }

  /// Runs `body` with the name of something new beside `path`, which is to be renamed once it is whole; if it
  /// was not, it is removed.
  static func draft<Value>(
    of path: String, _ body: (_ draft: String) async throws -> Value
  ) async throws -> Value {
    let draft = "\(path).\(UInt64.random(in: .min ... .max)).new"
    add(path: draft)
    defer { remove(draft) }
    return try await body(draft)
  }

  /// Once a signal ends the process, it ends when what was made is gone, and not with the failure that comes of
  /// that.
  static func awaitSignal() {
    while isEnding.withLock({ $0 }) { sleep(1) }
  }

  private static var parent: String { FileManager.default.temporaryDirectory.path }

  private static func add(_ prefix: String) -> String {
    let path = "\(parent)/\(prefix)\(UInt64.random(in: .min ... .max))"
    add(path: path)
    return path
  }

  private static func add(path: String) {
    _ = unsafe signals
    paths.withLock { _ = $0.insert(path) }
  }

  private static func remove(_ path: String) {
    try? FileManager.default.removeItem(atPath: path)
    paths.withLock { _ = $0.remove(path) }
  }

  /// Removes folders of processes of this user that were killed: nobody has locked them.
  private static func removeAbandonedFolders() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    where name.hasPrefix(folderPrefix) && name.dropFirst(folderPrefix.count).allSatisfy(\.isNumber)
    {
      let path = "\(parent)/\(name)"
      var status = stat()
      guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
        status.st_uid == geteuid(), let folder = try? DataFolder(path: path, creating: false)
      else { continue }
      withExtendedLifetime(folder) { try? FileManager.default.removeItem(atPath: path) }
    }
  }

  /// What ends a process and can be caught: what is here is removed first.
  private nonisolated(unsafe) static let signals: [any DispatchSourceSignal] = [
    SIGINT, SIGTERM, SIGHUP,
  ].compactMap { number in
    // Whoever started this may have it ignore a signal, as `nohup` does.
    let before = unsafe unsafeBitCast(signal(number, SIG_IGN), to: Int.self)
    let ignored = unsafe unsafeBitCast(SIG_IGN, to: Int.self)
    if before == ignored { return nil }
    let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
    source.setEventHandler {
      isEnding.withLock { $0 = true }
      // Nothing more is said of files that go away under the program.
      let silence = unsafe open("/dev/null", O_WRONLY)
      dup2(silence, STDERR_FILENO)
      for path in paths.withLock({ $0 }) {
        // The program still runs: under another name nothing is made in the folder while it goes.
        let other = path + "0"
        unsafe rename(path, other)
        try? FileManager.default.removeItem(atPath: other)
      }
      signal(number, SIG_DFL)
      // To the process: this thread takes no signals.
      kill(getpid(), number)
      sleep(1)
      _exit(128 + number)
    }
    source.resume()
    return source
  }
}
