import CanonicalEncoding
import ClinicalRecords
import Credentials
import Foundation
import Ledger

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Files as users name them on the command line.
enum SystemFile {
  /// Reads a regular file whole; symbolic links are followed.
  ///
  /// - Parameter limit: in bytes.
  /// - Throws: ``CommandFailure`` for a file that is missing, unreadable, not a regular file, or
  ///   larger than `limit`.
  static func contents(of path: String, limit: Int) throws(CommandFailure) -> [UInt8] {
    guard let resolved = unsafe realpath(path, nil) else {
      throw CommandFailure(DurableFile.Failure(path: path, code: errno))
    }
    defer { unsafe free(resolved) }
    do {
      return try DurableFile.read(unsafe String(cString: resolved), limit: limit).bytes
    } catch {
      guard error.isTooLarge else {
        throw CommandFailure(DurableFile.Failure(path: path, code: error.code))
      }
      throw CommandFailure(
        .badInput, code: "too-large", "\(path): the file is larger than \(limit >> 20) MiB")
    }
  }

  /// Reads a history: a regular file, or all of standard input for `-`. At most one byte more than
  /// ``FHIRHistory/maximumByteCount``.
  ///
  /// - Throws: ``CommandFailure`` as ``contents(of:limit:)``.
  static func historyContents(of path: String) throws(CommandFailure) -> [UInt8] {
    let limit = FHIRHistory.maximumByteCount
    guard path == "-" else { return try contents(of: path, limit: limit) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= limit {
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe read(STDIN_FILENO, $0.baseAddress, $0.count)
      }
      if count == 0 { return bytes }
      guard count > 0 || errno == EINTR else {
        throw CommandFailure(DurableFile.Failure(path: path, code: errno))
      }
      bytes += buffer.prefix(max(count, 0))
    }
    throw CommandFailure(
      .badInput, code: "too-large", "\(path): this is larger than \(limit >> 20) MiB")
  }

  /// A path from the root, without links as far as it is there.
  static func absolute(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
  }

  /// The folder in which something lies; of the root the root.
  static func parent(of path: String) -> String {
    URL(fileURLWithPath: path).deletingLastPathComponent().path
  }

  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Writes an export under its name, whole or not at all. Returns when it is durable.
  ///
  /// It is made under a name of its own beside it: what a process that was killed leaves there is in
  /// nobody's way, and of two that write at the same time each renames its own.
  /// - Throws: ``CommandFailure``; `file-exists` if something else than an export would be lost.
  /// - Parameter write: writes the export.
  static func replaceExport(
    at path: String, of genesis: Digest32, _ write: (OutputFile) throws -> Void
  ) throws {
    var status = stat()
    if unsafe lstat(path, &status) == 0 {
      // A rename would put the file in the place of a device or a link.
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw CommandFailure(DurableFile.Failure(path: path, code: EINVAL))
      }
    }
    if unsafe stat(path, &status) == 0, status.st_size > 0 {
      func kept(_ reason: String) -> CommandFailure {
        CommandFailure(
          .badInput, code: "file-exists", "\(path): \(reason); it is kept",
          hint: "choose another name")
      }
      guard try beginsLikeExport(path) else { throw kept("this is no export") }
      guard try isExport(path, of: genesis) else {
        throw kept("this is no export of this ledger")
      }
    }
    try draft(of: path, replacing: unsafe lstat(path, &status) == 0) { new in
      let file = try OutputFile(creating: new)
      try write(file)
      try file.finish()
    }
  }

  /// Whether a file has the genesis of a ledger and a log behind it, as its exports have, and its proofs have
  /// not.
  private static func isExport(_ path: String, of genesis: Digest32) throws -> Bool {
    let file = try InputFile(path)
    var source = UstarSource { try file.read($0) }
    do {
      guard let bytes = try source.file(ExportPath.genesis, limit: Genesis.maximumByteCount) else {
        return false
      }
      guard Digest32(sha256: bytes) == genesis else { return false }
      if try source.holds(ExportPath.checkpoint(ChainName.consortium)) { return true }
      // One of a ledger without a block.
      try source.finish()
      return true
    } catch is ExportError {
      return false
    }
  }

  /// Writes an export as a new folder, whole or not at all. Returns when it is durable.
  ///
  /// - Throws: ``CommandFailure``; nothing of this name may be there.
  /// - Parameter write: writes the export.
  static func createExport(at path: String, _ write: (inout FolderSink) throws -> Void) throws {
    let path = String(path.reversed().drop { $0 == "/" }.reversed())
    try requireNothing(at: path)
    try draft(of: path) { new in
      var sink = try FolderSink(creating: new)
      try write(&sink)
    }
  }

  /// Writes a new file, whole or not at all. Returns when it is durable.
  ///
  /// - Parameter isPrivate: whether its owner alone can read it.
  /// - Throws: ``CommandFailure``; nothing of this name may be there.
  static func create(_ bytes: [UInt8], at path: String, isPrivate: Bool = false) throws {
    try requireNothing(at: path)
    try draft(of: path) { new in
      let file = try OutputFile(creating: new, isPrivate: isPrivate)
      try file.write(bytes)
      try file.finish()
    }
  }

  /// - Throws: ``CommandFailure`` `file-exists` if something of this name is there.
  static func requireNothing(at path: String) throws {
    var status = stat()
    guard unsafe lstat(path, &status) != 0 else { throw taken(path) }
  }

  private static func taken(_ path: String) -> CommandFailure {
    CommandFailure(
      .badInput, code: "file-exists", "\(path): something of this name is there; it is kept",
      hint: "choose another name")
  }

  /// Makes something under another name, and gives it its own once it is whole.
  ///
  /// - Parameter replacing: whether it takes the place of a file. Otherwise nothing loses its name, also not what
  ///   has come there meanwhile.
  private static func draft(
    of path: String, replacing: Bool = false, _ make: (_ new: String) throws -> Void
  ) throws {
    let new = "\(path).\(UInt64.random(in: .min ... .max)).new"
    do {
      try make(new)
      if replacing {
        guard unsafe rename(new, path) == 0 else { throw DurableFile.Failure(path: path) }
      } else {
        try name(new, path)
      }
      try DurableFile.synchronizeFolder(ofItemAt: path)
    } catch {
      try? FileManager.default.removeItem(atPath: new)
      if let failure = error as? DurableFile.Failure {
        if failure.isExisting { throw taken(path) }
        throw CommandFailure(DurableFile.Failure(path: path, code: failure.code))
      }
      throw error
    }
  }

  /// Whether a file begins with the first file of an export.
  static func beginsLikeExport(_ path: String) throws -> Bool {
    let input = try InputFile(path)
    return try input.read(1024).starts(with: Array(ExportPath.genesis.utf8) + [0])
  }

  enum Stream: Int32 {
    case output = 1
    case diagnostics = 2

    /// Whether it is a terminal that knows more than lines.
    var isTerminal: Bool {
      isatty(rawValue) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }
  }

  /// - Returns: nil if all bytes were written, else what the system says.
  static func put(_ bytes: [UInt8], into stream: Stream) -> String? {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe write(stream.rawValue, $0.baseAddress, $0.count)
      }
      guard count >= 0 || errno == EINTR else {
        return DurableFile.Failure(path: "\(stream)", code: errno).message
      }
      rest = rest.dropFirst(max(count, 0))
    }
    return nil
  }

  /// Takes the places of standard streams that whoever started this has closed, so that no file that is opened
  /// gets a stream's number, and with it what is written there. Nothing can be written into what takes them.
  static func reserveStandardStreams() {
    for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
    where fcntl(number, F_GETFD) == -1 && errno == EBADF {
      _ = unsafe open("/dev/null", O_RDONLY)
    }
  }

  /// Lets a write beyond `ulimit -f` fail like one on a full disk instead of ending the process.
  static func ignoreFileSizeSignal() { signal(SIGXFSZ, SIG_IGN) }
}
