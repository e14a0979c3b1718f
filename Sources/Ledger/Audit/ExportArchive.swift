/// Takes the files of an export in the order of ``ExportPath``.
public protocol ExportSink {
  /// The next file, whole.
  mutating func write(_ bytes: [UInt8], to path: String) throws
  /// Nothing follows.
  mutating func finish() throws
}

/// Gives the files of an export, which are asked for in the order of ``ExportPath``.
public protocol ExportSource {
  /// The next file, if it has this path.
  ///
  /// - Returns: nil if there is no such file here.
  /// - Throws: ``ExportError`` if it is longer than `limit` or cannot be read to its end.
  mutating func file(_ path: String, limit: Int) throws -> [UInt8]?
  /// Whether the next file has this path.
  mutating func holds(_ path: String) throws -> Bool
  /// - Throws: ``ExportError`` if anything is left.
  mutating func finish() throws
}

/// Why something is no export.
public struct ExportError: Error, Equatable, Sendable, CustomStringConvertible {
  /// For people.
  public let message: String
  /// - Parameter message: for people.
  public init(_ message: String) { self.message = message }
  public var description: String { message }
}

/// One file of an export: ustar (POSIX.1-1988) with nothing in it that differs between two exports
/// of one ledger: mode 0444, and owner, group and time zero.
public enum Ustar {
  static let blockByteCount = 512

  /// The header of a file.
  ///
  /// - Throws: ``ExportError`` for a path longer than 100 bytes, which no chain of this ledger has.
  static func header(_ path: String, byteCount: Int) throws(ExportError) -> [UInt8] {
    guard path.utf8.count <= 100, byteCount < 1 << 33 else {
      throw ExportError("\(path): the name or the file is too long")
    }
    var header = [UInt8](repeating: 0, count: blockByteCount)
    func put(_ text: String, at offset: Int) {
      header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    func octal(_ value: Int, _ digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: digits - text.utf8.count) + text
    }
    put(path, at: 0)
    put(octal(0o444, 7), at: 100)
    put(octal(0, 7), at: 108)
    put(octal(0, 7), at: 116)
    put(octal(byteCount, 11), at: 124)
    put(octal(0, 11), at: 136)
    put("        ", at: 148)
    put("0", at: 156)
    put("ustar", at: 257)
    put("00", at: 263)
    let sum = header.reduce(0) { $0 + Int($1) }
    put(octal(sum, 6), at: 148)
    header[154] = 0
    return header
  }

  /// What a header says, if it is exactly what ``header(_:byteCount:)`` writes.
  static func parse(_ header: [UInt8]) throws(ExportError) -> (path: String, byteCount: Int) {
    let name = header.prefix(100).prefix { $0 != 0 }
    let digits = header[124..<135]
    guard let path = String(validating: name, as: UTF8.self),
      let byteCount = Int(String(decoding: digits, as: UTF8.self), radix: 8),
      byteCount >= 0, byteCount < 1 << 33, !path.isEmpty,
      try Self.header(path, byteCount: byteCount) == header
    else { throw ExportError("this is no tar file that an export makes") }
    return (path, byteCount)
  }

  /// Zero bytes after a file, up to the next block.
  static func padding(_ byteCount: Int) -> Int {
    (blockByteCount - byteCount % blockByteCount) % blockByteCount
  }
}

/// Writes an export as one tar file.
public struct UstarSink: ExportSink {
  private let write: ([UInt8]) throws -> Void

  /// - Parameter write: appends bytes to the file.
  public init(_ write: @escaping ([UInt8]) throws -> Void) { self.write = write }

  public mutating func write(_ bytes: [UInt8], to path: String) throws {
    try write(Ustar.header(path, byteCount: bytes.count))
    try write(bytes)
    try write([UInt8](repeating: 0, count: Ustar.padding(bytes.count)))
  }

  public mutating func finish() throws {
    try write([UInt8](repeating: 0, count: 2 * Ustar.blockByteCount))
  }
}

/// Reads an export from one tar file, from its beginning to its end and once.
public struct UstarSource: ExportSource {
  private let read: (Int) throws -> [UInt8]
  private var header: (path: String, byteCount: Int)?
  private var isAtEnd = false
  /// Where reading has stopped: nobody can tell what the bytes behind it belong to.
  private var failure: ExportError?

  /// - Parameter read: the next bytes of the file, so many, or fewer at its end.
  public init(_ read: @escaping (Int) throws -> [UInt8]) { self.read = read }

  private func bytes(_ count: Int) throws -> [UInt8] {
    let bytes = try read(count)
    guard bytes.count == count else { throw ExportError("the file ends too early") }
    return bytes
  }

  /// Reads on, unless something before could not be read.
  private mutating func reading<Value>(_ body: (inout Self) throws -> Value) throws -> Value {
    if let failure { throw failure }
    do {
      return try body(&self)
    } catch let error as ExportError {
      failure = error
      throw error
    }
  }

  private mutating func peek() throws -> (path: String, byteCount: Int)? {
    try reading { try $0.peeked() }
  }

  private mutating func peeked() throws -> (path: String, byteCount: Int)? {
    if isAtEnd { return nil }
    if let header { return header }
    let block = try bytes(Ustar.blockByteCount)
    if block.allSatisfy({ $0 == 0 }) {
      guard try bytes(Ustar.blockByteCount).allSatisfy({ $0 == 0 }), try read(1).isEmpty else {
        throw ExportError("something follows the end of the tar file")
      }
      isAtEnd = true
      return nil
    }
    header = try Ustar.parse(block)
    return header
  }

  /// The next file, whatever its path.
  public mutating func next(limit: Int) throws -> (path: String, contents: [UInt8])? {
    guard let header = try peek(), let contents = try file(header.path, limit: limit) else {
      return nil
    }
    return (header.path, contents)
  }

  public mutating func holds(_ path: String) throws -> Bool { try peek()?.path == path }

  public mutating func file(_ path: String, limit: Int) throws -> [UInt8]? {
    guard let header = try peek(), header.path == path else { return nil }
    return try reading { source in
      guard header.byteCount <= limit else { throw ExportError("\(path): the file is too long") }
      let contents = try source.bytes(header.byteCount)
      guard try source.bytes(Ustar.padding(header.byteCount)).allSatisfy({ $0 == 0 }) else {
        throw ExportError("\(path): the padding is not zero")
      }
      source.header = nil
      return contents
    }
  }

  public mutating func finish() throws {
    if let rest = try peek() { throw ExportError("\(rest.path): no export has this file here") }
  }
}
