#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Small files that are on disk as a whole or not at all.
package enum DurableFile {
  /// What the file system refused.
  package struct Failure: Error {
    package let path: String
    /// The value of `errno`.
    package let code: Int32

    package init(path: String, code: Int32 = errno) { (self.path, self.code) = (path, code) }

    package var isExisting: Bool { code == EEXIST }
    package var isMissing: Bool { code == ENOENT }
    package var isSymbolicLink: Bool { code == ELOOP }
    package var isLocked: Bool { code == EWOULDBLOCK }
    package var isFull: Bool { [ENOSPC, EDQUOT, EFBIG].contains(code) }
    package var isTooLarge: Bool { code == EMSGSIZE }
    package var isNoFile: Bool { code == EINVAL }

    /// The path and what errno says, as `…: No such file or directory`.
    package var message: String {
      if isNoFile { return "\(path): this is no regular file" }
      if isTooLarge { return "\(path): the file is too long" }
      let reason = unsafe strerror(code).map { unsafe String(cString: $0) }
      return "\(path): \(reason ?? "error \(code)")"
    }
  }

  package struct Contents {
    package let bytes: [UInt8]
    /// Nobody but this process's user may read or write the file.
    package let isPrivate: Bool
  }

  /// Creates a file that its owner alone can read. Returns when bytes and name are durable.
  ///
  /// - Throws: ``Failure``; `isExisting` if there is something of this name, which stays as it is.
  package static func create(_ bytes: [UInt8], at path: String) throws(Failure) {
    // A link, unlike a rename, never replaces what is there.
    try put(bytes, at: path, through: "\(path).\(UInt64.random(in: .min ... .max))") {
      unsafe link($0, $1)
    }
  }

  /// The same in the place of a file that is there: whenever it stops, the name stands for the one or the
  /// other, whole.
  package static func replace(_ bytes: [UInt8], at path: String) throws(Failure) {
    let temporary = "\(path).new"
    // Left behind by who was killed here.
    unsafe unlink(temporary)
    try put(bytes, at: path, through: temporary) { unsafe rename($0, $1) }
  }

  private static func put(
    _ bytes: [UInt8], at path: String, through temporary: String,
    _ give: (_ temporary: String, _ path: String) -> Int32
  ) throws(Failure) {
    let descriptor = unsafe open(
      temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure(path: path) }
    defer {
      close(descriptor)
      unsafe unlink(temporary)
    }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe write(descriptor, $0.baseAddress, $0.count)
      }
      guard count >= 0 || errno == EINTR else { throw Failure(path: path) }
      rest = rest.dropFirst(max(count, 0))
    }
    guard fsync(descriptor) == 0, give(temporary, path) == 0 else { throw Failure(path: path) }
    try synchronizeFolder(ofItemAt: path)
  }

  /// Reads a regular file whole.
  ///
  /// - Parameter limit: in bytes; a longer file is refused before it is read.
  /// - Throws: ``Failure``; `isTooLarge`, `isSymbolicLink`, `isNoFile` for a folder or a device.
  package static func read(_ path: String, limit: Int) throws(Failure) -> Contents {
    // Without O_NONBLOCK, opening a FIFO waits for somebody to write into it.
    let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(path: path) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw Failure(path: path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(path: path, code: EINVAL) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: max(1, min(limit, Int(status.st_size)) + 1))
    while bytes.count <= limit {
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe Self.read(descriptor, $0)
      }
      if count == 0 {
        let isPrivate = status.st_mode & 0o077 == 0 && status.st_uid == geteuid()
        return Contents(bytes: bytes, isPrivate: isPrivate)
      }
      guard count > 0 || errno == EINTR else { throw Failure(path: path) }
      bytes += buffer.prefix(max(count, 0))
    }
    throw Failure(path: path, code: EMSGSIZE)
  }

  /// Whether the mode of a file lets others than its owner read, change or run it.
  package static func isOpenToOthers(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & 0o077 != 0
  }

  private static func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
    #else
      unsafe Darwin.read(descriptor, buffer.baseAddress, buffer.count)
    #endif
  }

  /// Creates a folder that its owner alone can enter, unless it is there. Returns when it is durable.
  package static func createFolder(_ path: String) throws(Failure) {
    guard unsafe mkdir(path, 0o700) == 0 else {
      let code = errno
      var status = stat()
      guard code == EEXIST, unsafe lstat(path, &status) == 0 else {
        throw Failure(path: path, code: code)
      }
      guard status.st_mode & S_IFMT == S_IFDIR else { throw Failure(path: path, code: ENOTDIR) }
      return
    }
    try synchronizeFolder(ofItemAt: path)
  }

  /// Makes the names in the folder around an item durable.
  package static func synchronizeFolder(ofItemAt path: String) throws(Failure) {
    let parent = path.lastIndex(of: "/").map { path[..<$0] } ?? "."
    let folder = parent.isEmpty ? "/" : String(parent)
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(path: folder) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw Failure(path: folder) }
  }
}
