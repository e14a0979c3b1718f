/// One value of a JSON text that has been checked as a whole: the bytes it was written in.
package struct JSONValue: Sendable {
  private let text: [UInt8]
  /// Without white space around the value.
  private let range: Range<Int>

  package var bytes: ArraySlice<UInt8> { text[range] }

  /// Checks a text and takes its only value.
  ///
  /// - Throws: ``ClinicalRecordError`` with `malformedJSON` or `tooDeep`.
  package init(checking text: [UInt8]) throws(ClinicalRecordError) {
    do {
      _ = try UTF8Span(validating: text.span)
    } catch {
      throw ClinicalRecordError(
        .malformedJSON, "the text is not UTF-8",
        at: .init(of: error.byteOffsets.lowerBound, in: text))
    }
    var scanner = JSONScanner(text, in: text.indices)
    if text.starts(with: [0xef, 0xbb, 0xbf]) {
      throw scanner.malformed("a byte order mark is not part of JSON")
    }
    scanner.skipWhitespace()
    let start = scanner.position
    try scanner.scanValue()
    self.init(text, start..<scanner.position)
    scanner.skipWhitespace()
    if !scanner.isAtEnd {
      throw scanner.malformed("there is more than one JSON value")
    }
  }

  /// What the scanner found in a checked text.
  private init(_ text: [UInt8], _ range: Range<Int>) {
    self.text = text
    self.range = range
  }

  /// An error about this value.
  func error(_ code: ClinicalRecordError.Code, _ message: String) -> ClinicalRecordError {
    ClinicalRecordError(code, message, at: .init(of: range.lowerBound, in: text))
  }

  var isObject: Bool { bytes.first == UInt8(ascii: "{") }
  var isArray: Bool { bytes.first == UInt8(ascii: "[") }

  /// The members of those names, or none if this is not an object.
  ///
  /// - Throws: ``ClinicalRecordError`` with `duplicateKey` if one of the names stands twice, since
  ///   readers differ in which one they take.
  package func members(_ names: String...) throws(ClinicalRecordError) -> [String: JSONValue] {
    guard isObject else { return [:] }
    var found: [String: JSONValue] = [:]
    var scanner = JSONScanner(text, in: range)
    try scanner.scanObject { (key, value) throws(ClinicalRecordError) in
      let key = JSONValue(text, key)
      guard let name = names.first(where: key.isString) else { return }
      guard found.updateValue(JSONValue(text, value), forKey: name) == nil else {
        throw key.error(.duplicateKey, "the key \(name) stands twice in one object")
      }
    }
    return found
  }

  /// Calls `body` with each element, or never if this is not an array.
  func forEachElement(
    _ body: (JSONValue) throws(ClinicalRecordError) -> Void
  ) throws(ClinicalRecordError) {
    guard isArray else { return }
    var scanner = JSONScanner(text, in: range)
    try scanner.scanArray { (element) throws(ClinicalRecordError) in
      try body(JSONValue(text, element))
    }
  }

  /// The strings at a path of names, as `item.encounter.reference`, in the order of the text.
  /// Arrays on the way are walked through, as in FHIRPath; FHIR has no arrays in arrays.
  package func strings(at path: String) throws(ClinicalRecordError) -> [String] {
    try strings(at: path.split(separator: ".")[...])
  }

  private func strings(at path: ArraySlice<Substring>) throws(ClinicalRecordError) -> [String] {
    var found: [String] = []
    if isArray {
      try forEachElement { (element) throws(ClinicalRecordError) in
        if !element.isArray { found += try element.strings(at: path) }
      }
    } else if let name = path.first.map(String.init) {
      found = try members(name)[name]?.strings(at: path.dropFirst()) ?? []
    } else if let string {
      found = [string]
    }
    return found
  }

  /// The first string at the first of these paths that has one.
  func string(at paths: String...) throws(ClinicalRecordError) -> String? {
    for path in paths {
      if let string = try strings(at: path).first { return string }
    }
    return nil
  }

  /// The decoded text, if this is a string.
  package var string: String? {
    guard bytes.first == UInt8(ascii: "\"") else { return nil }
    var rest = bytes.dropFirst().dropLast()
    // UTF-16, since that is what \u escapes are written in.
    var units: [UInt16] = []
    while let escape = rest.firstIndex(of: UInt8(ascii: "\\")) {
      units += String(decoding: rest[..<escape], as: UTF8.self).utf16
      let letter = rest[escape + 1]
      rest = rest[(escape + 2)...]
      switch letter {
      case UInt8(ascii: "b"): units.append(0x08)
      case UInt8(ascii: "f"): units.append(0x0c)
      case UInt8(ascii: "n"): units.append(0x0a)
      case UInt8(ascii: "r"): units.append(0x0d)
      case UInt8(ascii: "t"): units.append(0x09)
      case UInt8(ascii: "u"):
        let digits = String(decoding: rest.prefix(4), as: UTF8.self)
        units += UInt16(digits, radix: 16).map { [$0] } ?? []
        rest = rest.dropFirst(4)
      default: units.append(UInt16(letter))
      }
    }
    let tail = String(decoding: rest, as: UTF8.self)
    return units.isEmpty ? tail : String(decoding: units, as: UTF16.self) + tail
  }

  /// Whether this is that string, byte for byte; String's == would also equate, say, K and U+212A.
  private func isString(_ other: String) -> Bool {
    if bytes.count == other.utf8.count + 2 {
      return bytes.dropFirst().dropLast().elementsEqual(other.utf8)
    }
    // Only with escapes can the bytes be longer than the string they mean.
    guard bytes.count > other.utf8.count + 2, bytes.contains(UInt8(ascii: "\\")) else {
      return false
    }
    return string.map { $0.utf8.elementsEqual(other.utf8) } ?? false
  }
}
