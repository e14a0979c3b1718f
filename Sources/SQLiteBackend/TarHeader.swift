/// The header of a file in a backup: ustar (POSIX.1-1988), mode 0600, without owner and time.
enum TarHeader {
  static let blockByteCount = 512
  /// What GNU tar and BSD tar read as a size that eleven octal digits do not hold.
  private static let binarySize: UInt8 = 0x80
  private static let octalLimit: UInt64 = 1 << 33

  /// - Throws: ``BackupError`` for a name that has no place in a header.
  static func encode(_ name: String, byteCount: UInt64) throws(BackupError) -> [UInt8] {
    let (prefix, rest) = try split(name)
    var header = [UInt8](repeating: 0, count: blockByteCount)
    func put(_ bytes: some Collection<UInt8>, at offset: Int) {
      header.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
    func octal(_ value: UInt64, _ digits: Int) -> String.UTF8View {
      let text = String(value, radix: 8)
      return (String(repeating: "0", count: digits - text.utf8.count) + text).utf8
    }
    put(rest.utf8, at: 0)
    put(octal(0o600, 7), at: 100)
    put(octal(0, 7), at: 108)
    put(octal(0, 7), at: 116)
    if byteCount < octalLimit {
      put(octal(byteCount, 11), at: 124)
    } else {
      put([binarySize], at: 124)
      put((0..<8).map { UInt8(truncatingIfNeeded: byteCount >> (8 * (7 - $0))) }, at: 128)
    }
    put(octal(0, 11), at: 136)
    put("        ".utf8, at: 148)
    put("0".utf8, at: 156)
    put("ustar".utf8, at: 257)
    put("00".utf8, at: 263)
    put(prefix.utf8, at: 345)
    let sum = header.reduce(UInt64(0)) { $0 + UInt64($1) }
    put(octal(sum, 6), at: 148)
    header[154] = 0
    return header
  }

  /// What a header says, if it is exactly what ``encode(_:byteCount:)`` writes.
  static func decode(_ header: [UInt8]) throws(BackupError) -> (name: String, byteCount: UInt64) {
    func text(_ range: Range<Int>) -> String? {
      String(validating: header[range].prefix { $0 != 0 }, as: UTF8.self)
    }
    let size: UInt64? =
      header[124] == binarySize
      ? header[128..<136].reduce(0) { $0 << 8 | UInt64($1) }
      : text(124..<135).flatMap { UInt64($0, radix: 8) }
    guard let rest = text(0..<100), let prefix = text(345..<500), let size, !rest.isEmpty else {
      throw BackupError("this is no tar file that a backup is")
    }
    let name = prefix.isEmpty ? rest : "\(prefix)/\(rest)"
    guard try encode(name, byteCount: size) == header else {
      throw BackupError("this is no tar file that a backup is")
    }
    return (name, size)
  }

  /// Names of more than 100 bytes are divided at the first `/` that leaves no more behind it.
  private static func split(
    _ name: String
  ) throws(BackupError) -> (prefix: Substring, rest: Substring) {
    if name.utf8.count <= 100 { return ("", name[...]) }
    for slash in name.indices where name[slash] == "/" {
      let (prefix, rest) = (name[..<slash], name[name.index(after: slash)...])
      if prefix.utf8.count <= 155, (1...100).contains(rest.utf8.count) { return (prefix, rest) }
    }
    throw BackupError("\(name): the name is too long")
  }

  /// Zero bytes behind a file, up to the next block.
  static func padding(_ byteCount: UInt64) -> Int {
    let over = Int(byteCount % UInt64(blockByteCount))
    return over == 0 ? 0 : blockByteCount - over
  }
}
