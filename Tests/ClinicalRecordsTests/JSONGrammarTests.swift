import ClinicalRecords
import Foundation
import Testing

@Suite("The JSON grammar")
struct JSONGrammarTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let isJSON: Bool
    let name: String
    let text: [UInt8]
    var testDescription: String { name }
  }

  static let cases: [Case] = {
    let url = Bundle.module.url(forResource: "Vectors/json-grammar", withExtension: "txt")
    let table = url.flatMap { try? String(contentsOf: $0, encoding: .utf8) } ?? ""
    return table.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      return Case(
        isJSON: fields[0] == "accept", name: String(fields[1]), text: bytes(String(fields[2])))
    }
  }()

  /// Undoes %XX.
  static func bytes(_ text: String) -> [UInt8] {
    let parts = text.split(separator: "%", omittingEmptySubsequences: false)
    return parts.dropFirst().reduce(into: Array(parts[0].utf8)) { bytes, part in
      bytes.append(UInt8(part.prefix(2), radix: 16) ?? 0)
      bytes += Array(part.dropFirst(2).utf8)
    }
  }

  @Test("The table is there, with both verdicts")
  func table() {
    #expect(Self.cases.count > 100)
    #expect(Set(Self.cases.map(\.isJSON)) == [true, false])
  }

  @Test("A text is taken or refused as the table says", arguments: cases)
  func verdict(of text: Case) throws {
    // Alone, and as a part of a larger text.
    for (before, after) in [("", ""), ("[0,", "]"), (#"{"key": "#, "}")] {
      let whole = Array(before.utf8) + text.text + Array(after.utf8)
      if text.isJSON {
        _ = try JSONValue(checking: whole)
      } else {
        let error = #expect(throws: ClinicalRecordError.self) { try JSONValue(checking: whole) }
        #expect(error?.code == .malformedJSON)
        #expect(error?.location != nil)
      }
    }
  }

  @Test("256 levels are taken, 257 refused, a million refused without a crash")
  func depth() throws {
    func nested(_ levels: Int) -> [UInt8] {
      Array(String(repeating: "[", count: levels).utf8)
        + Array(String(repeating: "]", count: levels).utf8)
    }
    _ = try JSONValue(checking: nested(256))
    for levels in [257, 1_000_000] {
      let error = #expect(throws: ClinicalRecordError.self) {
        try JSONValue(checking: nested(levels))
      }
      #expect(error?.code == .tooDeep)
      #expect(error?.location?.byteOffset == 256)
    }
    // Width is not depth.
    _ = try JSONValue(checking: Array("[\(String(repeating: "[],", count: 1_000))[]]".utf8))
  }

  @Test("An error names line and column in characters, and the byte")
  func location() {
    let error = #expect(throws: ClinicalRecordError.self) {
      try JSONValue(checking: Array("{\n \"é€😀\": x}".utf8))
    }
    #expect(error?.location?.byteOffset == 16)
    #expect(error?.location?.line == 2)
    #expect(error?.location?.column == 9)
    #expect(
      error?.description
        == "malformed-json: there is no JSON value at line 2, column 9 (byte 16)")
  }

  @Test(
    "Strings are decoded",
    arguments: [
      (#""""#, ""), (#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{c}\n\r\tz"),
      (#""\u0065ncounter""#, "encounter"), (#""é\u00e9€""#, "éé€"),
      (#""x\ud83d\ude00y😀""#, "x😀y😀"), (#""\u0000""#, "\0"),
    ])
  func decoding(written: String, meant: String) throws {
    #expect(try JSONValue(checking: Array(written.utf8)).string == meant)
  }

  @Test("A path walks through arrays, in the order of the text, and only through its own keys")
  func paths() throws {
    let text = #"""
      {"item": [{"decoy": {"encounter": {"reference": "no"}}, "encounter": [{"reference": "a"},
       {"reference": 5}, {"reference": "b"}]}, [{"encounter": {"reference": "no"}}], 7, "item",
       {"\u0065ncounter": {"refer\u0065nce": "c"}}], "encounter": {"reference": "no"}}
      """#
    let value = try JSONValue(checking: Array(text.utf8))
    #expect(value.strings(at: "item.encounter.reference") == ["a", "b", "c"])
  }

  @Test("A key that looks alike after Unicode normalization is another key")
  func canonicalEquivalence() throws {
    // U+212A KELVIN SIGN is canonically equivalent to K.
    let value = try JSONValue(checking: Array("{\"\u{212a}\":1,\"K\u{212a}\":2}".utf8))
    #expect(value["K"] == nil)
    #expect(value["\u{212a}"]?.bytes == Array("1".utf8)[...])
  }

  @Test(
    "A key that stands twice is refused with its path, also when written differently",
    arguments: [
      (#"{"a":1,"b":2,"\u0061":3}"#, "a", 13), (#"{"x":[{},{"k":{"a":1,"a":2}}]}"#, "x[1].k.a", 21),
      (#"{"\u0061":1,"\u0061":2}"#, "a", 12),
    ])
  func duplicateKey(text: String, path: String, offset: Int) throws {
    let error = #expect(throws: ClinicalRecordError.self) {
      try JSONValue(checking: Array(text.utf8))
    }
    #expect(error?.code == .duplicateKey)
    #expect(error?.location?.path == path)
    #expect(error?.location?.byteOffset == offset)
  }

  @Test("An object and those around it have 65536 keys, and one more is refused")
  func tooManyKeys() throws {
    func text(_ inner: Int) -> [UInt8] {
      let outer = (0..<65_000).map { "\"k\($0)\":0" }.joined(separator: ",")
      let keys = (0..<inner).map { "\"k\($0)\":0" }.joined(separator: ",")
      return Array("[{\(outer),\"o\":{\(keys)}},{\(keys)}]".utf8)
    }
    _ = try JSONValue(checking: text(535))
    let error = #expect(throws: ClinicalRecordError.self) { try JSONValue(checking: text(536)) }
    #expect(error?.code == .tooLarge)
  }

  @Test("Among a thousand keys, the first that stands twice is found")
  func manyKeys() throws {
    var keys = (0..<1_000).map { "\"k\($0 * 7_919 % 1_000)\":0" }
    func text() -> [UInt8] { Array("{\"o\":{\(keys.joined(separator: ","))}}".utf8) }
    _ = try JSONValue(checking: text())
    keys[700] = keys[20]
    keys[800] = keys[3]
    let error = #expect(throws: ClinicalRecordError.self) { try JSONValue(checking: text()) }
    #expect(error?.location?.path == "o.k\(20 * 7_919 % 1_000)")
    #expect(error?.location?.byteOffset == 6 + keys[..<700].reduce(0) { $0 + $1.utf8.count + 1 })
  }
}
