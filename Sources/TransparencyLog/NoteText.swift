#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

// The few forms of which C2SP's texts are made. Everything is compared as UTF-8: characters that
// look alike are not the same, and a combining mark does not hide a space or a newline.

extension String {
  func isSameUTF8(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }

  /// No control characters below U+0020.
  var isPrintable: Bool { utf8.allSatisfy { $0 >= 0x20 } }

  func split(at byte: UInt8) -> [String] {
    utf8.split(separator: byte, omittingEmptySubsequences: false).map { String(Substring($0)) }
  }

  /// The lines, without their newlines.
  /// - Throws: `encoding` unless every line ends with a newline and no other control character is
  ///   there.
  func printableLines() throws(TransparencyLogError) -> [String] {
    let lines = split(at: UInt8(ascii: "\n"))
    guard lines.count > 1, lines.last == "", lines.allSatisfy(\.isPrintable) else {
      throw TransparencyLogError(
        .encoding, "a line does not end with a newline, or has a control character")
    }
    return lines.dropLast()
  }

  /// What follows a keyword and one space.
  func argument(of keyword: String) -> String? {
    let prefix = keyword.utf8 + [UInt8(ascii: " ")]
    return utf8.starts(with: prefix) ? String(Substring(utf8.dropFirst(prefix.count))) : nil
  }
}

extension UInt64 {
  /// A size, index or time as C2SP writes it: decimal, without a leading zero, at most 2⁶³ − 1.
  init(canonicalDecimal text: String) throws(TransparencyLogError) {
    guard text.utf8.count <= 19, let value = UInt64(text), String(value).isSameUTF8(as: text),
      value <= UInt64.largest
    else {
      throw TransparencyLogError(.encoding, "a number is not a decimal of at most 2^63 - 1")
    }
    self = value
  }

  /// 2⁶³ − 1: sizes, indices and times are not above it.
  static let largest = UInt64(Int64.max)
}

extension [UInt8] {
  var base64: String { Data(self).base64EncodedString() }

  /// Decodes standard base64 with padding (RFC 4648 section 4).
  init(canonicalBase64 text: String) throws(TransparencyLogError) {
    // Encoding again refuses unused bits that are not zero.
    guard let data = Data(base64Encoded: text), data.base64EncodedString().isSameUTF8(as: text)
    else { throw TransparencyLogError(.encoding, "a value is not canonical base64") }
    self = Array(data)
  }
}
