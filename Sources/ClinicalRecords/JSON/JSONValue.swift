/// One value of a JSON text that has been checked as a whole: the bytes it was written in.
package struct JSONValue: Sendable {
  let text: JSONText
  /// Without white space around the value.
  let range: JSONRange

  package var bytes: ArraySlice<UInt8> { text.bytes[range.range] }

  /// Checks a text and takes its only value.
  ///
  /// - Throws: ``ClinicalRecordError`` with `malformedJSON`, `tooDeep` or `duplicateKey`.
  package init(checking text: [UInt8]) throws(ClinicalRecordError) {
    if text.starts(with: [0xef, 0xbb, 0xbf]) {
      throw JSONScanner(text).malformed("a byte order mark is not part of JSON")
    }
    let checked = try JSONText(checking: text)
    self.init(checked, checked.ranges[0])
  }

  /// What was found in a checked text.
  init(_ text: JSONText, _ range: JSONRange) {
    self.text = text
    self.range = range
  }

  /// An error about this value, which names its path.
  func error(_ code: ClinicalRecordError.Code, _ message: String) -> ClinicalRecordError {
    ClinicalRecordError(
      code, message, at: .init(of: range.start, in: text.bytes, text.name, withPath: true))
  }

  private var first: UInt8 { text.bytes[range.start] }
  var isObject: Bool { first == UInt8(ascii: "{") }
  var isArray: Bool { first == UInt8(ascii: "[") }
  var isString: Bool { first == UInt8(ascii: "\"") }

  /// The members, none if this is not an object.
  var members: JSONMembers {
    var list: [(key: JSONRange, value: JSONRange)] = []
    guard isObject else { return JSONMembers(text, list) }
    var position = skipSpace(range.start + 1)
    while text.bytes[position] != UInt8(ascii: "}") {
      let key = JSONRange(position, text.endOfString(position))
      // Behind the colon.
      position = skipSpace(skipSpace(key.end) + 1)
      let value = JSONRange(position, text.endOfValue(position))
      list.append((key, value))
      position = skipSpace(value.end)
      if text.bytes[position] == UInt8(ascii: ",") { position = skipSpace(position + 1) }
    }
    return JSONMembers(text, list)
  }

  /// The member of that name, if this is an object that has one.
  package subscript(name: String) -> JSONValue? { members[name] }

  /// The elements, none if this is not an array.
  var elements: [JSONValue] {
    var list: [JSONValue] = []
    forEachElement { list.append($0) }
    return list
  }

  /// Calls `body` with each element, or never if this is not an array.
  func forEachElement<Failure: Error>(
    _ body: (JSONValue) throws(Failure) -> Void
  ) throws(Failure) {
    guard isArray else { return }
    var position = skipSpace(range.start + 1)
    while text.bytes[position] != UInt8(ascii: "]") {
      let value = JSONRange(position, text.endOfValue(position))
      try body(JSONValue(text, value))
      position = skipSpace(value.end)
      if text.bytes[position] == UInt8(ascii: ",") { position = skipSpace(position + 1) }
    }
  }

  private func skipSpace(_ start: Int) -> Int {
    var position = start
    while text.bytes[position] <= 0x20 { position += 1 }
    return position
  }

  /// The values at a path of names, as `item.encounter`, in the order of the text. Arrays on the way
  /// are walked through, as in FHIRPath; FHIR has no arrays in arrays.
  func values(at path: String) -> [JSONValue] {
    var found = [self]
    for name in path.split(separator: ".") {
      found = found.flatMap { value in
        (value.isArray ? value.elements : [value]).compactMap { $0[String(name)] }
      }
    }
    return found.flatMap { $0.isArray ? $0.elements : [$0] }
  }

  /// The strings at such a path.
  package func strings(at path: String) -> [String] { values(at: path).compactMap(\.string) }

  /// The first string at the first of these paths that has one.
  func string(at paths: String...) -> String? {
    for path in paths {
      if let string = strings(at: path).first { return string }
    }
    return nil
  }

  /// The decoded text, if this is a string.
  package var string: String? { isString ? Self.decode(bytes) : nil }

  /// What a string with its quotes means.
  static func decode(_ quoted: ArraySlice<UInt8>) -> String {
    var rest = quoted.dropFirst().dropLast()
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
}

/// The members of one object, to be asked for by name.
struct JSONMembers {
  private let text: JSONText
  private let list: [(key: JSONRange, value: JSONRange)]

  init(_ text: JSONText, _ list: [(key: JSONRange, value: JSONRange)]) {
    (self.text, self.list) = (text, list)
  }

  var isEmpty: Bool { list.isEmpty }

  subscript(name: String) -> JSONValue? {
    for member in list where isKey(member.key, name) { return JSONValue(text, member.value) }
    return nil
  }

  /// Whether a key means this name, byte for byte.
  private func isKey(_ key: JSONRange, _ name: String) -> Bool {
    let bytes = text.bytes[key.start + 1..<key.end - 1]
    if bytes.count == name.utf8.count { return bytes.elementsEqual(name.utf8) }
    // Only with escapes can the bytes be longer than the string they mean.
    guard bytes.count > name.utf8.count, bytes.contains(UInt8(ascii: "\\")) else { return false }
    return JSONValue.decode(text.bytes[key.range]).utf8.elementsEqual(name.utf8)
  }
}
