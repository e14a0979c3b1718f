import CQRencode

/// A text as a QR code (ISO/IEC 18004), made by libqrencode.
///
/// Texts of digits, capital letters and `$%*+-./:` take the least room.
public struct QRCode: Equatable, Sendable {
  /// How much of a code may be unreadable, at most, so that it is read all the same.
  public enum Correction: Sendable {
    /// 7 %.
    case low
    /// 15 %.
    case medium
    /// 25 %.
    case quartile
    /// 30 %.
    case high
  }

  /// How many modules there are from edge to edge, without the quiet zone.
  public let size: Int
  /// Row by row, true for a dark module.
  private let modules: [Bool]

  /// How many light modules the standard wants on each side.
  public static let quietZone = 4

  /// - Parameter text: ASCII; readers do not agree on what other characters are.
  /// - Throws: ``QRCodeError`` for a text that is empty, not ASCII, holds a zero byte, or has no
  ///   room in any code.
  public init(_ text: String, correction: Correction = .medium) throws(QRCodeError) {
    guard !text.isEmpty, text.utf8.allSatisfy({ (1..<0x80).contains($0) }) else {
      throw .invalidText
    }
    // Version 0 lets the library take the smallest code; the texts are case sensitive.
    guard let code = unsafe QRcode_encodeString(text, 0, correction.level, QR_MODE_8, 1) else {
      throw .tooLong
    }
    defer { unsafe QRcode_free(code) }
    let size = Int(unsafe code.pointee.width)
    let data = unsafe UnsafeBufferPointer(start: code.pointee.data, count: size * size)
    self.size = size
    // The lowest bit is the module's colour; the others say what it is for.
    modules = unsafe data.map { $0 & 1 == 1 }
  }

  /// Whether a module is dark; those outside the code are light.
  public func isDark(row: Int, column: Int) -> Bool {
    guard (0..<size).contains(row), (0..<size).contains(column) else { return false }
    return modules[row * size + column]
  }

  /// The code as a picture with its quiet zone: a binary PGM file.
  ///
  /// - Parameter scale: the width of a module in pixels, from 1 on.
  public func pgm(scale: Int) -> [UInt8] {
    let rows = -Self.quietZone..<size + Self.quietZone
    let width = rows.count * scale
    let pixels = rows.flatMap { row in
      let line = rows.flatMap { column in
        [UInt8](repeating: isDark(row: row, column: column) ? 0 : 255, count: scale)
      }
      return (0..<scale).flatMap { _ in line }
    }
    return Array("P5\n\(width) \(width)\n255\n".utf8) + pixels
  }
}

/// Why a text has no QR code.
public enum QRCodeError: Error {
  /// The text is empty, not ASCII, or holds a zero byte.
  case invalidText
  /// The text has no room in the largest code.
  case tooLong
}

extension QRCode.Correction {
  fileprivate var level: QRecLevel {
    switch self {
    case .low: QR_ECLEVEL_L
    case .medium: QR_ECLEVEL_M
    case .quartile: QR_ECLEVEL_Q
    case .high: QR_ECLEVEL_H
    }
  }
}
