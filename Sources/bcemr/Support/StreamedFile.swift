import CanonicalEncoding
import Credentials
import Crypto
import Foundation
import Ledger

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file that is written from its beginning to its end.
final class OutputFile {
  private let path: String
  private let descriptor: Int32
  private let isDurable: Bool
  private var buffer: [UInt8] = []
  private(set) var byteCount = 0

  /// - Parameter isPrivate: whether its owner alone can read it.
  /// - Throws: ``DurableFile/Failure``; `isExisting` if there is something of this name.
  init(creating path: String, isPrivate: Bool = false) throws(DurableFile.Failure) {
    (self.path, isDurable) = (path, true)
    descriptor = unsafe open(
      path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, isPrivate ? 0o600 : 0o644)
    guard descriptor >= 0 else { throw DurableFile.Failure(path: path) }
  }

  /// Standard output, which is as durable as whoever reads it makes it.
  init() {
    (path, descriptor, isDurable) = ("stdout", dup(STDOUT_FILENO), false)
  }

  deinit { close(descriptor) }

  func write(_ bytes: [UInt8]) throws(DurableFile.Failure) {
    buffer += bytes
    byteCount += bytes.count
    if buffer.count >= 1 << 20 { try flush() }
  }

  private func flush() throws(DurableFile.Failure) {
    var rest = buffer[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Self.write(descriptor, $0)
      }
      guard count >= 0 || errno == EINTR else { throw DurableFile.Failure(path: path) }
      rest = rest.dropFirst(max(count, 0))
    }
    buffer = []
  }

  private static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    #else
      unsafe Darwin.write(descriptor, bytes.baseAddress, bytes.count)
    #endif
  }

  /// Returns when all bytes are durable.
  func finish() throws(DurableFile.Failure) {
    try flush()
    guard !isDurable || fsync(descriptor) == 0 else { throw DurableFile.Failure(path: path) }
  }
}

/// A regular file that is read from its beginning to its end; symbolic links are followed. `-` is standard
/// input, whatever that is.
final class InputFile {
  private let path: String
  private let descriptor: Int32
  private var hash = SHA256()
  private var byteCount = 0

  /// What a file holds.
  struct Content: Encodable {
    let bytes: Int
    let sha256: String
  }

  /// What was read so far.
  var content: Content {
    Content(bytes: byteCount, sha256: Array(hash.finalize()).hex)
  }

  /// - Throws: ``CommandFailure`` for a file that is missing, unreadable, or no regular file.
  init(_ path: String) throws(CommandFailure) {
    self.path = path
    if path == "-" {
      descriptor = dup(STDIN_FILENO)
      return
    }
    // Without O_NONBLOCK, opening a FIFO waits for somebody to write into it.
    descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandFailure(DurableFile.Failure(path: path)) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw CommandFailure(DurableFile.Failure(path: path, code: EINVAL))
    }
  }

  deinit { close(descriptor) }

  /// So many bytes, or fewer at the end of the file.
  func read(_ count: Int) throws(CommandFailure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe Self.read(descriptor, UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
      }
      if got == 0 { break }
      guard got > 0 || errno == EINTR else {
        throw CommandFailure(DurableFile.Failure(path: path))
      }
      filled += max(got, 0)
    }
    bytes.removeLast(count - filled)
    hash.update(data: bytes)
    byteCount += filled
    return bytes
  }

  private static func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
    #else
      unsafe Darwin.read(descriptor, buffer.baseAddress, buffer.count)
    #endif
  }
}

/// Writes an export as a new folder of tiles, which any C2SP client reads.
struct FolderSink: ExportSink {
  let folder: String
  /// All folders that were made.
  private var made: [String]

  /// - Throws: ``DurableFile/Failure``; `isExisting` if something of this name is there.
  init(creating folder: String) throws(DurableFile.Failure) {
    guard unsafe mkdir(folder, 0o755) == 0 else { throw DurableFile.Failure(path: folder) }
    self.folder = folder
    made = [folder]
  }

  mutating func write(_ bytes: [UInt8], to path: String) throws {
    var parts = path.split(separator: "/").map(String.init)
    let name = parts.removeLast()
    var place = folder
    for part in parts {
      place += "/\(part)"
      if unsafe mkdir(place, 0o755) == 0 {
        made.append(place)
      } else if errno != EEXIST {
        throw DurableFile.Failure(path: place)
      }
    }
    let file = try OutputFile(creating: "\(place)/\(name)")
    try file.write(bytes)
    try file.finish()
  }

  /// Returns when the names in the folders are durable too.
  func finish() throws {
    for place in made { try DurableFile.synchronizeFolder(ofItemAt: "\(place)/") }
  }
}

/// Reads an export from a folder of tiles.
struct FolderSource: ExportSource {
  let folder: String
  /// The files that were read: one in 256 leaves.
  private var read: Set<String> = []

  init(folder: String) { self.folder = folder }

  mutating func file(_ path: String, limit: Int) throws -> [UInt8]? {
    let name = "\(folder)/\(path)"
    guard unsafe access(name, F_OK) == 0 else { return nil }
    read.insert(path)
    do {
      return try SystemFile.contents(of: name, limit: limit)
    } catch {
      guard ["too-large", "not-a-file"].contains(error.code) else { throw error }
      throw ExportError("\(path): this is no file of at most \(limit) bytes")
    }
  }

  func holds(_ path: String) -> Bool { unsafe access("\(folder)/\(path)", F_OK) == 0 }

  /// A folder may hold more, which ``leftOver()`` names: tiles of smaller sizes, as a server of logs keeps
  /// them.
  func finish() {}

  /// How many files lie in the folder that were not read, and the first of them by name.
  func leftOver() -> (count: Int, first: String)? {
    var found: (count: Int, first: String)?
    let files = FileManager.default.enumerator(atPath: folder)
    while let path = files?.nextObject() as? String {
      if read.contains(path) || SystemFile.isFolder("\(folder)/\(path)") { continue }
      found = ((found?.count ?? 0) + 1, min(found?.first ?? path, path))
    }
    return found
  }
}
