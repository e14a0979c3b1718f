/// The grammar of RFC 8259 over bytes; it builds nothing but lists of the references and the resources in the text.
///
/// Stricter than the RFC where parsers differ: no byte order mark, no escaped surrogate without its
/// other half, no key twice in an object, at most ``maximumDepth`` levels. UTF-8 is checked before.
struct JSONScanner {
  /// Levels of arrays and objects, which bounds the recursion below.
  static let maximumDepth = 256

  /// Keys of an object and of those around it, which bounds what is remembered of them.
  static let maximumKeyCount = 65_536

  private struct Key {
    let hash: UInt64
    let range: JSONRange
    /// Whether there is an escape in it, so that others can mean the same.
    let isEscaped: Bool
  }

  private let text: [UInt8]
  private let end: Int
  private let name: String?
  private var depth = 0
  private(set) var position: Int
  /// The keys of the objects that are open, innermost last.
  private var keys: [Key] = []
  /// Strings that are values of a key `reference`.
  private(set) var references: [JSONRange] = []
  /// Objects that have a string as `resourceType`, by their ends.
  private(set) var resources: [JSONRange] = []
  /// Those of them that hold others, by their ends.
  private(set) var nests: [JSONRange] = []
  /// So that nobody can choose keys that collide.
  private let seed = UInt64.random(in: .min ... .max)

  /// - Parameters:
  ///   - name: of the file, for errors.
  init(_ text: [UInt8], from start: Int = 0, name: String? = nil) {
    self.text = text
    self.name = name
    end = text.count
    position = start
  }

  var isAtEnd: Bool { position == end }

  /// The byte at the position; at the end 0, which the grammar allows nowhere.
  private var next: UInt8 { position < end ? text[position] : 0 }

  func malformed(_ message: String) -> ClinicalRecordError {
    ClinicalRecordError(
      .malformedJSON, isAtEnd ? "the text ends too early" : message,
      at: .init(of: position, in: text, name))
  }

  mutating func skipWhitespace() {
    while next == 0x20 || next == 0x0a || next == 0x0d || next == 0x09 { position += 1 }
  }

  /// One value, from its first byte to behind its last.
  mutating func scanValue() throws(ClinicalRecordError) {
    switch next {
    case UInt8(ascii: "{"): try scanObject()
    case UInt8(ascii: "["): try scanArray()
    case UInt8(ascii: "\""): _ = try scanString()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try scanNumber()
    case UInt8(ascii: "t"): try scanLiteral("true")
    case UInt8(ascii: "f"): try scanLiteral("false")
    case UInt8(ascii: "n"): try scanLiteral("null")
    default: throw malformed("there is no JSON value")
    }
  }

  private mutating func scanObject() throws(ClinicalRecordError) {
    let start = position
    try open()
    let first = keys.count
    var isResource = false
    if next != UInt8(ascii: "}") {
      repeat {
        if try scanMember() { isResource = true }
      } while try goesOn(to: UInt8(ascii: "}"))
    }
    close()
    if isResource {
      let range = JSONRange(start, position)
      if let last = resources.last, last.start > start { nests.append(range) }
      resources.append(range)
    }
    try requireDistinctKeys(from: first)
    keys.removeLast(keys.count - first)
  }

  private mutating func scanArray() throws(ClinicalRecordError) {
    try open()
    if next != UInt8(ascii: "]") {
      repeat { try scanValue() } while try goesOn(to: UInt8(ascii: "]"))
    }
    close()
  }

  private mutating func open() throws(ClinicalRecordError) {
    guard depth < Self.maximumDepth else {
      throw ClinicalRecordError(
        .tooDeep, "arrays and objects are nested more than \(Self.maximumDepth) deep",
        at: .init(of: position, in: text, name))
    }
    depth += 1
    position += 1
    skipWhitespace()
  }

  private mutating func close() {
    position += 1
    depth -= 1
  }

  /// Behind a value: whether there is another one before the closing bracket.
  private mutating func goesOn(to bracket: UInt8) throws(ClinicalRecordError) -> Bool {
    skipWhitespace()
    if next == bracket { return false }
    guard next == UInt8(ascii: ",") else {
      throw malformed("there is no comma or closing bracket after a value")
    }
    position += 1
    skipWhitespace()
    return true
  }

  /// - Returns: whether it is a string of the key `resourceType`.
  private mutating func scanMember() throws(ClinicalRecordError) -> Bool {
    guard next == UInt8(ascii: "\"") else { throw malformed("there is no key") }
    let start = position
    let isEscaped = try scanString()
    let range = JSONRange(start, position)
    let key = Key(
      hash: hash(of: range, isEscaped: isEscaped), range: range, isEscaped: isEscaped)
    guard keys.count < Self.maximumKeyCount else {
      throw ClinicalRecordError(
        .tooLarge, "an object and those around it have more than \(Self.maximumKeyCount) keys",
        at: .init(of: start, in: text, name))
    }
    keys.append(key)
    skipWhitespace()
    guard next == UInt8(ascii: ":") else { throw malformed("there is no colon after a key") }
    position += 1
    skipWhitespace()
    let value = position
    try scanValue()
    guard text[value] == UInt8(ascii: "\"") else { return false }
    if means(key, "reference") { references.append(JSONRange(value, position)) }
    return means(key, "resourceType")
  }

  // MARK: Keys

  private func means(_ key: Key, _ name: String) -> Bool {
    if key.isEscaped { return decoded(key) == name }
    return key.range.end - key.range.start == name.utf8.count + 2
      && text[key.range.start + 1..<key.range.end - 1].elementsEqual(name.utf8)
  }

  private func decoded(_ key: Key) -> String { JSONValue.decode(text[key.range.range]) }

  /// FNV-1a with a seed, over what the key means.
  private func hash(of range: JSONRange, isEscaped: Bool) -> UInt64 {
    var hash = seed
    if isEscaped {
      for byte in JSONValue.decode(text[range.range]).utf8 {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
      }
    } else {
      for index in range.start + 1..<range.end - 1 {
        hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01b3
      }
    }
    return hash
  }

  /// Byte for byte; String's == would also equate, say, K and U+212A.
  private func areEqual(_ a: Key, _ b: Key) -> Bool {
    guard a.hash == b.hash else { return false }
    if a.isEscaped || b.isEscaped { return decoded(a).utf8.elementsEqual(decoded(b).utf8) }
    return text[a.range.range].elementsEqual(text[b.range.range])
  }

  private mutating func requireDistinctKeys(from first: Int) throws(ClinicalRecordError) {
    var twice: Key?
    if keys.count - first <= 24 {
      for later in keys.indices.dropFirst(first) where twice == nil {
        for earlier in first..<later where areEqual(keys[earlier], keys[later]) {
          twice = keys[later]
        }
      }
    } else {
      // Equal keys come to stand side by side.
      keys[first...].sort { ($0.hash, $0.range.start) < ($1.hash, $1.range.start) }
      for index in keys.indices.dropFirst(first + 1) where areEqual(keys[index - 1], keys[index]) {
        if keys[index].range.start < twice?.range.start ?? .max { twice = keys[index] }
      }
    }
    guard let twice else { return }
    throw ClinicalRecordError(
      .duplicateKey, "a key stands twice in one object",
      at: .init(of: twice.range.start, in: text, name, withPath: true))
  }

  // MARK: Strings, numbers, literals

  /// - Returns: whether there is an escape in it.
  private mutating func scanString() throws(ClinicalRecordError) -> Bool {
    var isEscaped = false
    position += 1
    while true {
      switch next {
      case UInt8(ascii: "\""):
        position += 1
        return isEscaped
      case UInt8(ascii: "\\"):
        isEscaped = true
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
