/// Hides the length of a plaintext: byte 0x80, then zeros up to the next length that Padmé allows,
/// at least 4096 bytes.
///
/// Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PETS 2019, section 4)
/// leaves O(log log L) bits of the length and adds less than 12 %.
package enum PaddedBytes {
  static let minimum = 4096

  package static func length(for count: Int) -> Int {
    let least = max(count + 1, minimum)
    let exponent = Int.bitWidth - 1 - least.leadingZeroBitCount
    let significant = Int.bitWidth - exponent.leadingZeroBitCount
    let mask = (1 << (exponent - significant)) - 1
    return (least + mask) & ~mask
  }

  /// Room for an encoding of these findings, whatever else is in it, and its padding: it is made where it
  /// stays.
  static func capacity(for findings: [Finding]) -> Int {
    length(for: findings.reduce(1 << 16) { $0 + $1.content.count + 64 })
  }

  package static func pad(_ bytes: consuming [UInt8]) -> [UInt8] {
    let length = length(for: bytes.count)
    bytes.reserveCapacity(length)
    bytes.append(0x80)
    bytes.append(contentsOf: repeatElement(0, count: length - bytes.count))
    return bytes
  }

  package static func unpad(_ padded: consuming [UInt8]) throws(SchemeError) -> [UInt8] {
    let length = padded.count
    guard let end = padded.lastIndex(where: { $0 != 0 }), padded[end] == 0x80,
      self.length(for: end) == length
    else { throw SchemeError(.invalidObject, "the padding of a plaintext is wrong") }
    padded.removeSubrange(end...)
    return padded
  }
}
