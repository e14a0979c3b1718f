import Credentials
import Foundation

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Long files that their owner alone can read.
enum PrivateOutput {
  /// Writes a new file piece by piece. Returns when it is durable.
  ///
  /// - Returns: how many bytes it has.
  /// - Throws: ``DaemonFailure``, and what `body` throws.
  static func write(
    _ path: String, _ body: (_ write: @escaping ([UInt8]) throws -> Void) throws -> Void
  ) throws -> UInt64 {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw failure(path) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try body { try file.write(contentsOf: Data($0)) }
    let count = try file.offset()
    try file.synchronize()
    try file.close()
    return count
  }

  /// Gives what was written its name, which nothing has yet.
  static func name(_ draft: String, _ path: String) throws {
    guard unsafe link(draft, path) == 0 else { throw failure(path) }
    unsafe unlink(draft)
    try DurableFile.synchronizeFolder(ofItemAt: path)
  }

  private static func failure(_ path: String) -> DaemonFailure {
    DaemonFailure(DurableFile.Failure(path: path))
  }
}
