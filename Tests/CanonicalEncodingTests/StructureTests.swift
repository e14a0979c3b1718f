import CanonicalEncoding
import Testing

/// Takes any object inside, of any size.
private struct Envelope: CanonicalObject {
  static let kind = ObjectKind.doctorRegistration
  static let maximumByteCount = 1 << 26

  var inner: [UInt8]

  init(_ inner: [UInt8]) { self.inner = inner }

  func encode(into fields: inout some FieldEncoder) { fields.object("inner", encoded: inner) }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    inner = try fields.object("inner", maximum: Self.maximumByteCount)
  }
}

/// The same with room for 100 elements.
private struct SmallEnvelope: CanonicalObject {
  static let kind = ObjectKind.doctorRegistration
  static let maximumNodeCount = 100

  var inner: [UInt8]

  func encode(into fields: inout some FieldEncoder) { fields.object("inner", encoded: inner) }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    inner = try fields.object("inner", maximum: Self.maximumByteCount)
  }
}

/// Elements that the envelope has itself: its tag, its SEQUENCE, its version.
private let ownNodeCount = 3

private func element(_ identifier: [UInt8], _ contents: [UInt8]) -> [UInt8] {
  var length = [UInt8(contents.count & 0xff)]
  if contents.count > 0x7f {
    var rest = contents.count >> 8
    while rest > 0 {
      length.insert(UInt8(rest & 0xff), at: 0)
      rest >>= 8
    }
    length.insert(0x80 | UInt8(length.count), at: 0)
  }
  return identifier + length + contents
}

/// An object of `count` elements: its tag, and NULLs of two bytes each.
private func nulls(_ count: Int) -> [UInt8] {
  element([0x6b], Array(repeatElement([0x05, 0x00], count: count - 1).joined()))
}

/// An object of so many levels, its tag being the first.
private func nested(_ levels: Int) -> [UInt8] {
  (1...levels).reduce(into: []) { inner, level in
    inner = element(level == levels ? [0x6b] : [0x30], inner)
  }
}

private func code(_ body: @autoclosure () throws -> some Any) -> DecodingFailure.Code? {
  do {
    _ = try body()
    return nil
  } catch {
    return (error as? DecodingFailure)?.code
  }
}

@Suite("The structure of DER is walked before anything is kept of it")
struct StructureTests {
  @Test("tens of MiB of the smallest elements are refused by their number", arguments: [4, 16, 48])
  func bomb(mebibytes: Int) {
    let bytes = Envelope(nulls(mebibytes << 19)).encoded()
    #expect(code(try Envelope(encoded: bytes)) == .tooLarge)
  }

  @Test("as many elements as an object may have, and one more")
  func nodeCount() throws {
    let most = SmallEnvelope.maximumNodeCount - ownNodeCount
    #expect(try SmallEnvelope(encoded: Envelope(nulls(most)).encoded()).inner == nulls(most))
    #expect(code(try SmallEnvelope(encoded: Envelope(nulls(most + 1)).encoded())) == .tooLarge)
    let standard = Envelope.maximumNodeCount - ownNodeCount
    #expect(Envelope.maximumNodeCount == 65_536)
    #expect(code(try Envelope(encoded: Envelope(nulls(standard)).encoded())) == nil)
    #expect(code(try Envelope(encoded: Envelope(nulls(standard + 1)).encoded())) == .tooLarge)
  }

  @Test("40 levels are read and 41 are not, nor very many")
  func depth() {
    // The envelope's tag and SEQUENCE are two of them.
    #expect(code(try Envelope(encoded: Envelope(nested(38)).encoded())) == nil)
    for levels in [39, 48, 49, 60, 1000] {
      let bytes = Envelope(nested(levels)).encoded()
      #expect(code(try Envelope(encoded: bytes)) == .malformed)
    }
    for identifier: [UInt8] in [[0x30], [0x68], [0x7f, 0x1f]] {
      let open = Array(repeatElement(identifier + [0x80], count: 1 << 20).joined())
      #expect(code(try Envelope(encoded: open)) == .malformed)
      let long = Array(repeatElement(identifier + [0x84, 1, 0, 0, 0], count: 1 << 20).joined())
      #expect(code(try Envelope(encoded: long)) == .malformed)
    }
  }

  @Test("a level that is left does not count any more")
  func siblings() {
    let branch = nested(37)
    let branches = element([0x6b], Array(repeatElement(branch, count: 50).joined()))
    #expect(code(try Envelope(encoded: Envelope(branches).encoded())) == nil)
  }

  @Test(
    "lengths that are indefinite, longer than needed, behind the parent's end or cut off",
    arguments: [
      "6880", "68800000", "688103020101", "68820080" + String(repeating: "05", count: 128),
      "68fe01", "68ff" + String(repeating: "7f", count: 127), "6888ffffffffffffffff",
      "68887fffffffffffffff", "6887ffffffffffffff", "6884ffffffff", "6881", "6882ff", "68", "",
      "680130", "68033001", "6802", "68023001", "6804300205", "680430020502", "680430030500",
      "6804300105", "68060500300305", "68043000", "68000000",
    ])
  func lengths(hex: String) throws {
    let bytes = try #require([UInt8](hex: hex))
    #expect(code(try Envelope(encoded: bytes)) == .malformed)
  }

  @Test(
    "tags that no object has: the end of contents, above 127, longer than needed, cut off",
    arguments: ["0000", "2000", "1f8100", "7f1e00", "7f818100", "1f", "7f"])
  func identifiers(hex: String) throws {
    let bytes = try #require([UInt8](hex: hex))
    #expect(code(try Envelope(encoded: Envelope(element([0x6b], bytes)).encoded())) == .malformed)
    #expect(code(try Envelope(encoded: bytes)) == .malformed)
  }

  @Test("the highest tag and the longest length are no exception")
  func extremes() throws {
    let long = element([0x7f, 0x7f], element([0x04], [UInt8](repeating: 0, count: 1 << 24)))
    #expect(try Envelope(encoded: Envelope(long).encoded()).inner == long)
  }

  @Test("an object cut off anywhere")
  func truncated() throws {
    let bytes = Envelope(nested(20)).encoded()
    for count in bytes.indices {
      #expect(code(try Envelope(encoded: Array(bytes[..<count]))) == .malformed)
    }
  }
}
