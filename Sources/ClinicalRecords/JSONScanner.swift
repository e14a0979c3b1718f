/// The grammar of RFC 8259 over bytes; it finds where values begin and end, and builds none.
///
/// Stricter than the RFC where parsers differ: no byte order mark, no escaped surrogate without
/// its other half, at most ``maximumDepth`` levels. UTF-8 is checked before, by ``JSONValue``.
struct JSONScanner {
  /// Levels of arrays and objects, which bounds the recursion below.
  static let maximumDepth = 256

  private let text: [UInt8]
  private let end: Int
  private var depth = 0
  private(set) var position: Int

  /// - Parameter range: where to scan in the text.
  init(_ text: [UInt8], in range: Range<Int>) {
    self.text = text
    end = range.upperBound
    position = range.lowerBound
  }

  var isAtEnd: Bool { position == end }

  /// The byte at the position; at the end 0, which the grammar allows nowhere.
  private var next: UInt8 { position < end ? text[position] : 0 }

  func malformed(_ message: String) -> ClinicalRecordError {
    ClinicalRecordError(
      .malformedJSON, isAtEnd ? "the text ends too early" : message,
      at: .init(of: position, in: text))
  }

  mutating func skipWhitespace() {
    while next == 0x20 || next == 0x0a || next == 0x0d || next == 0x09 { position += 1 }
  }

  /// One value, from its first byte to behind its last.
  mutating func scanValue() throws(ClinicalRecordError) {
    switch next {
    case UInt8(ascii: "{"):
      try scanObject { (_, _) throws(ClinicalRecordError) in }
    case UInt8(ascii: "["):
      try scanArray { (_) throws(ClinicalRecordError) in }
    case UInt8(ascii: "\""): try scanString()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try scanNumber()
    case UInt8(ascii: "t"): try scanLiteral("true")
    case UInt8(ascii: "f"): try scanLiteral("false")
    case UInt8(ascii: "n"): try scanLiteral("null")
    default: throw malformed("there is no JSON value")
    }
  }

  /// An object; the ranges of each key, with its quotes, and each value go to `member`.
  mutating func scanObject(
    _ member: (Range<Int>, Range<Int>) throws(ClinicalRecordError) -> Void
  ) throws(ClinicalRecordError) {
    try scanList(closedBy: UInt8(ascii: "}")) { (scanner) throws(ClinicalRecordError) in
      guard scanner.next == UInt8(ascii: "\"") else { throw scanner.malformed("there is no key") }
      let keyStart = scanner.position
      try scanner.scanString()
      let key = keyStart..<scanner.position
      scanner.skipWhitespace()
      guard scanner.next == UInt8(ascii: ":") else {
        throw scanner.malformed("there is no colon after a key")
      }
      scanner.position += 1
      scanner.skipWhitespace()
      let valueStart = scanner.position
      try scanner.scanValue()
      try member(key, valueStart..<scanner.position)
    }
  }

  /// An array; the range of each element goes to `element`.
  mutating func scanArray(
    _ element: (Range<Int>) throws(ClinicalRecordError) -> Void
  ) throws(ClinicalRecordError) {
    try scanList(closedBy: UInt8(ascii: "]")) { (scanner) throws(ClinicalRecordError) in
      let start = scanner.position
      try scanner.scanValue()
      try element(start..<scanner.position)
    }
  }

  /// Items between commas, from the opening bracket to behind the closing one.
  @inline(__always)
  private mutating func scanList(
    closedBy bracket: UInt8, _ scanItem: (inout Self) throws(ClinicalRecordError) -> Void
  ) throws(ClinicalRecordError) {
    guard depth < Self.maximumDepth else {
      throw ClinicalRecordError(
        .tooDeep, "arrays and objects are nested more than \(Self.maximumDepth) deep",
        at: .init(of: position, in: text))
    }
    depth += 1
    position += 1
    skipWhitespace()
    if next != bracket {
      while true {
        try scanItem(&self)
        skipWhitespace()
        if next == bracket { break }
        guard next == UInt8(ascii: ",") else {
          throw malformed("there is no comma or closing bracket after a value")
        }
        position += 1
        skipWhitespace()
      }
    }
    position += 1
    depth -= 1
  }

  private mutating func scanString() throws(ClinicalRecordError) {
    position += 1
    while true {
      switch next {
      case UInt8(ascii: "\""):
        position += 1
        return
      case UInt8(ascii: "\\"):
        try scanEscape()
      case 0x00...0x1f:
        throw malformed("a control character stands in a string")
      default:
        position += 1
      }
    }
  }

  private mutating func scanEscape() throws(ClinicalRecordError) {
    position += 1
    switch next {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 1
    case UInt8(ascii: "u"):
      let unit = try scanCodeUnit()
      if UTF16.isLeadSurrogate(unit) {
        guard next == UInt8(ascii: "\\") else { throw malformed("a surrogate stands alone") }
        position += 1
        guard next == UInt8(ascii: "u"), UTF16.isTrailSurrogate(try scanCodeUnit()) else {
          throw malformed("a surrogate stands alone")
        }
      } else if UTF16.isTrailSurrogate(unit) {
        throw malformed("a surrogate stands alone")
      }
    default:
      throw malformed("an escape in a string is not one of JSON's")
    }
  }

  /// The value of `uXXXX`.
  private mutating func scanCodeUnit() throws(ClinicalRecordError) -> UInt16 {
    position += 1
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(next)).hexDigitValue else {
        throw malformed("a \\u escape needs four hexadecimal digits")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }

  private mutating func scanNumber() throws(ClinicalRecordError) {
    if next == UInt8(ascii: "-") { position += 1 }
    // A leading 0 stands alone: what follows it is then no part of the number.
    if next == UInt8(ascii: "0") { position += 1 } else { try scanDigits() }
    if next == UInt8(ascii: ".") {
      position += 1
      try scanDigits()
    }
    if next | 0x20 == UInt8(ascii: "e") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try scanDigits()
    }
  }

  private mutating func scanDigits() throws(ClinicalRecordError) {
    let start = position
    while case UInt8(ascii: "0")...UInt8(ascii: "9") = next { position += 1 }
    if position == start { throw malformed("a digit is missing in a number") }
  }

  private mutating func scanLiteral(_ name: StaticString) throws(ClinicalRecordError) {
    for byte in name.description.utf8 {
      guard next == byte else { throw malformed("there is no JSON value") }
      position += 1
    }
  }
}
