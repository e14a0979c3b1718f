/// Bytes as a text for a QR code: `BCEMR:`, what they are, and base 32 (RFC 4648, 6) without padding,
/// all of QR's alphanumeric characters.
///
/// Base 45 (RFC 9285) would be 6 % shorter, and has spaces, which no text that people copy keeps.
enum PrintedCode {
  /// Of a text to read, in bytes; a presence has about 450.
  private static let maximumByteCount = 4096
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

  static func text(_ label: String, _ bytes: [UInt8]) -> String {
    var digits: [UInt8] = []
    // At most 4 bits wait for the next byte.
    var (bits, count) = (UInt16(0), 0)
    for byte in bytes {
      bits = bits << 8 | UInt16(byte)
      count += 8
      while count >= 5 {
        count -= 5
        digits.append(alphabet[Int(bits >> UInt16(count) & 31)])
      }
      bits &= 1 << UInt16(count) - 1
    }
    if count > 0 { digits.append(alphabet[Int(bits << UInt16(5 - count) & 31)]) }
    return prefix(label) + String(decoding: digits, as: UTF8.self)
  }

  /// The bytes of a text with this label. Case of ASCII and white space around it make no difference.
  ///
  /// - Returns: nil for any other text, as for one of which bytes have a second form.
  static func bytes(_ text: String, _ label: String) -> [UInt8]? {
    guard text.utf8.count <= maximumByteCount else { return nil }
    let words = text.split(whereSeparator: \.isWhitespace)
    guard words.count == 1 else { return nil }
    // Not by Unicode, for which other characters have these as capital letters.
    let digits = words[0].utf8.map { (0x61...0x7a).contains($0) ? $0 - 0x20 : $0 }
    guard digits.starts(with: prefix(label).utf8) else { return nil }
    var bytes: [UInt8] = []
    var (bits, count) = (UInt16(0), 0)
    for digit in digits.dropFirst(prefix(label).utf8.count) {
      guard let value = alphabet.firstIndex(of: digit) else { return nil }
      bits = bits << 5 | UInt16(value)
      count += 5
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt16(count)))
      }
      bits &= 1 << UInt16(count) - 1
    }
    return Array(Self.text(label, bytes).utf8) == digits ? bytes : nil
  }

  private static func prefix(_ label: String) -> String { "BCEMR:\(label):" }
}
