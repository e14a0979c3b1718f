package import CanonicalEncoding
import EMRScheme

/// Why something is no whole backup.
package struct BackupError: Error, Equatable, CustomStringConvertible {
  /// For people.
  package let message: String
  init(_ message: String) { self.message = message }
  package var description: String { message }
}

/// A backup: one tar file of all that a data folder holds.
///
///     bcemr-backup       what it is of: ``Head``
///     genesis.der …      the files, by ascending names
///     SHA256SUMS         their digests, in the form of sha256sum; without it, it is not whole
///
/// Nobody signs it: digests show damage, and not who has made it.
package enum BackupArchive {
  static let headName = "bcemr-backup"
  static let sumsName = "SHA256SUMS"
  static let pieceByteCount = 1 << 20
  static let sumsByteCount: UInt64 = 1 << 26

  /// What a backup begins with.
  package static let beginning = Array(headName.utf8) + [0]

  /// What a backup says of itself, in lines of text.
  package struct Head: Equatable, Sendable {
    static let firstLine = "bcemr-backup/v1"
    static let maximumByteCount = 1024

    /// Of the ledger.
    package let genesis: Digest32
    /// How many final leaves of the consortium chain it has.
    package let leaves: UInt64
    /// The time of the ledger's last block, for people.
    package let until: String

    package init(genesis: Digest32, leaves: UInt64, until: String) {
      (self.genesis, self.leaves, self.until) = (genesis, leaves, until)
    }

    var text: String { "\(Self.firstLine)\ngenesis \(genesis)\nleaves \(leaves)\nuntil \(until)\n" }

    init(text: String) throws(BackupError) {
      let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      guard lines.count == 4, lines.dropFirst().allSatisfy({ $0.count == 2 }),
        let genesis = Digest32(hex: lines[1][1]), let leaves = UInt64(lines[2][1])
      else { throw BackupError("this is no backup of this version") }
      self.init(genesis: genesis, leaves: leaves, until: lines[3][1])
      guard self.text == text, until.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
        throw BackupError("this is no backup of this version")
      }
    }
  }
}

/// Writes a backup from its beginning to its end.
package struct BackupWriter {
  private let write: ([UInt8]) throws -> Void
  private var sums = ""

  /// - Parameter write: appends bytes to the file.
  package init(
    _ head: BackupArchive.Head, write: @escaping ([UInt8]) throws -> Void
  ) throws {
    self.write = write
    try add(BackupArchive.headName, Array(head.text.utf8))
  }

  /// Adds a file that is in memory.
  package mutating func add(_ name: String, _ bytes: [UInt8]) throws {
    var rest = bytes[...]
    try add(name, byteCount: UInt64(bytes.count)) { count in
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
  }

  /// Adds a file piece by piece.
  ///
  /// - Parameter read: the next bytes of the file, so many, or fewer at its end.
  /// - Throws: ``BackupError`` if the file is shorter than it was said to be.
  package mutating func add(
    _ name: String, byteCount: UInt64, read: (Int) throws -> [UInt8]
  ) throws {
    try write(TarHeader.encode(name, byteCount: byteCount))
    var digest = RunningDigest()
    var left = byteCount
    while left > 0 {
      let piece = try read(Int(min(left, UInt64(BackupArchive.pieceByteCount))))
      guard !piece.isEmpty else { throw BackupError("\(name): the file has become shorter") }
      try write(piece)
      digest.update(piece)
      left -= UInt64(piece.count)
    }
    try write([UInt8](repeating: 0, count: TarHeader.padding(byteCount)))
    sums += "\(digest.digest)  \(name)\n"
  }

  /// Adds the digests, which make it whole.
  package mutating func finish() throws {
    let text = sums
    try add(BackupArchive.sumsName, Array(text.utf8))
    try write([UInt8](repeating: 0, count: 2 * TarHeader.blockByteCount))
  }
}

/// Reads a backup from its beginning to its end, without trust in what it says.
package struct BackupReader {
  /// A file in it, which ``piece()`` reads.
  package struct File: Equatable {
    package let name: String
    package let byteCount: UInt64
  }

  package let head: BackupArchive.Head
  private let read: (Int) throws -> [UInt8]
  private var sums = ""
  private var current = File(name: "", byteCount: 0)
  private var left: UInt64 = 0
  private var digest = RunningDigest()

  /// - Parameter read: the next bytes, so many, or fewer at the end.
  /// - Throws: ``BackupError`` if this is no backup.
  package init(read: @escaping (Int) throws -> [UInt8]) throws {
    self.read = read
    let block = try read(TarHeader.blockByteCount)
    guard block.count == TarHeader.blockByteCount, block.starts(with: BackupArchive.beginning)
    else { throw BackupError("this is no backup") }
    let (_, byteCount) = try TarHeader.decode(block)
    guard byteCount <= BackupArchive.Head.maximumByteCount else {
      throw BackupError("this is no backup of this version")
    }
    let bytes = try Self.bytes(Int(byteCount), read)
    try Self.skipPadding(byteCount, read)
    head = try BackupArchive.Head(text: String(decoding: bytes, as: UTF8.self))
    sums = "\(Digest32(sha256: bytes))  \(BackupArchive.headName)\n"
  }

  /// The next file; what is left of the one before has to be read first.
  ///
  /// - Returns: nil at the end of a whole backup, all of whose digests are right.
  /// - Throws: ``BackupError``.
  package mutating func next() throws -> File? {
    precondition(left == 0, "a file was not read to its end")
    let (name, byteCount) = try TarHeader.decode(Self.bytes(TarHeader.blockByteCount, read))
    if name == BackupArchive.sumsName {
      try finish(byteCount)
      return nil
    }
    guard name > current.name else {
      throw BackupError("\(name.debugDescription): the file stands in a wrong place")
    }
    guard DataFolder.isLedgerFile(name) || Self.otherFiles.contains(name) else {
      throw BackupError("\(name.debugDescription): no backup has such a file")
    }
    current = File(name: name, byteCount: byteCount)
    (left, digest) = (byteCount, RunningDigest())
    if byteCount == 0 { try end() }
    return current
  }

  /// What a backup has besides a ledger's own files.
  package static let otherFiles = ["contacts.txt", "demonstration.json"]

  /// The next bytes of the file.
  ///
  /// - Returns: nil at its end.
  /// - Throws: ``BackupError``.
  package mutating func piece() throws -> [UInt8]? {
    guard left > 0 else { return nil }
    let piece = try Self.bytes(Int(min(left, UInt64(BackupArchive.pieceByteCount))), read)
    left -= UInt64(piece.count)
    digest.update(piece)
    if left == 0 { try end() }
    return piece
  }

  private mutating func end() throws {
    try Self.skipPadding(current.byteCount, read)
    sums += "\(digest.digest)  \(current.name)\n"
  }

  private mutating func finish(_ byteCount: UInt64) throws {
    guard byteCount <= BackupArchive.sumsByteCount else {
      throw BackupError("\(BackupArchive.sumsName) is too long")
    }
    let stated = try Self.bytes(Int(byteCount), read)
    try Self.skipPadding(byteCount, read)
    let end = try Self.bytes(2 * TarHeader.blockByteCount, read)
    guard end.allSatisfy({ $0 == 0 }), try read(1).isEmpty else {
      throw BackupError("something follows the end")
    }
    guard stated != Array(sums.utf8) else { return }
    let lines = String(decoding: stated, as: UTF8.self).split(separator: "\n")
    let wrong = sums.split(separator: "\n").first { !lines.contains($0) }
    let name = wrong?.split(separator: " ").last.map(String.init)
    throw BackupError("\(name ?? BackupArchive.sumsName) is not what was backed up")
  }

  private static func bytes(_ count: Int, _ read: (Int) throws -> [UInt8]) throws -> [UInt8] {
    let bytes = try read(count)
    guard bytes.count == count else { throw BackupError("it ends too early: it is not whole") }
    return bytes
  }

  private static func skipPadding(
    _ byteCount: UInt64, _ read: (Int) throws -> [UInt8]
  ) throws {
    guard try bytes(TarHeader.padding(byteCount), read).allSatisfy({ $0 == 0 }) else {
      throw BackupError("the padding is not zero")
    }
  }
}
