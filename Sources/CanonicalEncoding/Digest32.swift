import Crypto

/// A SHA-256 value: 32 bytes.
public struct Digest32: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// 32 of them.
  public let bytes: [UInt8]

  /// The SHA-256 of these bytes.
  public init(sha256 data: some Sequence<UInt8>) { bytes = Array(SHA256.hash(data: Array(data))) }

  /// - Returns: nil unless there are 32 bytes.
  public init?(_ bytes: some Sequence<UInt8>) {
    let bytes = Array(bytes)
    guard bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  /// - Returns: nil unless the text is 64 hexadecimal digits.
  public init?(hex: String) {
    guard let bytes = [UInt8](hex: hex) else { return nil }
    self.init(bytes)
  }

  /// What stands where there is no predecessor: 32 zero bytes.
  public static let zero = Digest32(unchecked: [UInt8](repeating: 0, count: 32))

  private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

  public static func < (a: Digest32, b: Digest32) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }

  /// 64 lower-case hexadecimal digits.
  public var description: String { bytes.hex }
}

extension [UInt8] {
  private static let hexDigits = Array("0123456789abcdef".utf8)

  /// Lower-case hexadecimal; variable time, for public bytes.
  public var hex: String {
    let digits = flatMap { [Self.hexDigits[Int($0 >> 4)], Self.hexDigits[Int($0 & 15)]] }
    return String(decoding: digits, as: UTF8.self)
  }

  /// - Returns: nil unless the text is an even number of hexadecimal digits.
  public init?(hex: String) {
    let digits = hex.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count.isMultiple(of: 2), !digits.contains(nil) else { return nil }
    let values = digits.compactMap { $0 }
    self = stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
  }
}
