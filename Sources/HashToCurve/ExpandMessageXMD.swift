import Crypto

/// `expand_message_xmd` of RFC 9380, section 5.3.1, with SHA-256.
package enum ExpandMessageXMD {
  private static let blockByteCount = 64

  /// Derives uniform bytes from a message.
  ///
  /// - Parameters:
  ///   - domain: the domain separation tag, at least one byte; one longer than 255 bytes is hashed
  ///     first (section 5.3.3).
  ///   - count: at most 255 · 32 bytes.
  package static func expand(_ message: [UInt8], domain: [UInt8], count: Int) -> [UInt8] {
    let blockCount = (count + SHA256.byteCount - 1) / SHA256.byteCount
    precondition(!domain.isEmpty, "a domain separation tag is not empty")
    precondition(1...255 ~= blockCount, "the length is 1 to \(255 * SHA256.byteCount) bytes")
    let tag = domain.count <= 255 ? domain : hash(Array("H2C-OVERSIZE-DST-".utf8), domain)
    let suffix = tag + [UInt8(tag.count)]

    let seed = hash(
      [UInt8](repeating: 0, count: blockByteCount), message,
      [UInt8(count >> 8), UInt8(count & 0xff), 0], suffix)
    var block = hash(seed, [1], suffix)
    var expanded = block
    for index in 2..<(blockCount + 1) {
      block = hash(zip(seed, block).map { $0 ^ $1 }, [UInt8(index)], suffix)
      expanded += block
    }
    return Array(expanded.prefix(count))
  }

  private static func hash(_ parts: [UInt8]...) -> [UInt8] {
    var hasher = SHA256()
    for part in parts { hasher.update(data: part) }
    return Array(hasher.finalize())
  }
}
