import CanonicalEncoding
import SwiftASN1
import Testing

private struct Sample: CanonicalObject, Equatable {
  static let kind = ObjectKind.doctorRegistration
  static let maximumByteCount = 1024

  var number: UInt64 = 0
  var bytes: [UInt8] = []
  var text = ""
  var parts: [Part] = []
  var inner: [UInt8] = Leaf().encoded()

  struct Part: CanonicalValue, Equatable {
    var octets: [[UInt8]]
    init(octets: [[UInt8]]) { self.octets = octets }
    func encode(into fields: inout some FieldEncoder) { fields.octetsList("octets", octets) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      octets = try fields.octetsList("octets", maximum: 2, 0...4)
    }
  }

  struct Leaf: CanonicalObject {
    static let kind = ObjectKind.anchor
    init() {}
    func encode(into fields: inout some FieldEncoder) {}
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {}
  }

  init() {}

  func encode(into fields: inout some FieldEncoder) {
    fields.integer("number", number)
    fields.octets("bytes", bytes)
    fields.text("text", text)
    fields.list("parts", parts)
    fields.object("inner", encoded: inner)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    number = try fields.integer("number", in: 0...UInt64.max - 1)
    bytes = try fields.octets("bytes", 0...40)
    text = try fields.text("text", maximum: 8)
    parts = try fields.list("parts", maximum: 2)
    inner = try fields.object("inner", maximum: 64)
  }
}

@Suite("Canonical objects")
struct CanonicalObjectTests {
  private func decoded(_ bytes: [UInt8]) throws(DecodingFailure) -> Sample {
    try Sample(encoded: bytes)
  }

  private func code(_ bytes: [UInt8]) -> DecodingFailure.Code? {
    do throws(DecodingFailure) {
      _ = try Sample(encoded: bytes)
      return nil
    } catch {
      return error.code
    }
  }

  @Test(
    "decode(encode(x)) == x",
    arguments: [0, 1, 127, 128, 255, 256, 1 << 31, 1 << 63, UInt64.max - 1])
  func roundTrip(number: UInt64) throws {
    var sample = Sample()
    sample.number = number
    sample.bytes = Array(0..<33)
    sample.text = "α/é"
    sample.parts = [.init(octets: []), .init(octets: [[1], [2, 3]])]
    #expect(try decoded(sample.encoded()) == sample)
  }

  @Test("the encoding is the DER that the specification prints")
  func bytes() {
    var sample = Sample()
    sample.number = 200
    #expect(
      sample.encoded().hex == "6816" + "3014" + "020101" + "020200c8" + "0400" + "0c00" + "3000"
        + "6b05" + "3003" + "020101")
  }

  @Test("a change of any bit is another object or none")
  func everyBitCounts() throws {
    var sample = Sample()
    sample.bytes = [1, 2, 3]
    sample.parts = [.init(octets: [[9]])]
    let encoded = sample.encoded()
    for index in encoded.indices {
      for bit in 0..<8 {
        var changed = encoded
        changed[index] ^= 1 << UInt8(bit)
        #expect((try? decoded(changed)) != sample)
      }
    }
  }

  @Test("truncated, extended and foreign bytes are refused")
  func refusals() throws {
    let encoded = Sample().encoded()
    for count in encoded.indices { #expect(code(Array(encoded[..<count])) == .malformed) }
    #expect(code(encoded + [0]) == .malformed)
    #expect(code(Sample.Leaf().encoded()) == .wrongKind)
    #expect(code([UInt8](repeating: 0x30, count: 1025)) == .tooLarge)
    var version = encoded
    version[6] = 2
    #expect(code(version) == .unsupportedVersion)
  }

  @Test("lengths and integers in longer forms than needed are refused")
  func notCanonical() throws {
    // The outer length in two bytes.
    let encoded = Sample().encoded()
    #expect(code([encoded[0], 0x81] + encoded[1...]) != nil)
    // The integer 0 with a leading zero byte.
    var padded = encoded
    padded.replaceSubrange(7...9, with: [2, 2, 0, 0])
    padded[1] += 1
    padded[3] += 1
    #expect(code(padded) != nil)
    // A negative integer.
    var negative = encoded
    negative[9] = 0xff
    #expect(code(negative) == .invalidField)
  }

  @Test("bounds of fields hold")
  func bounds() {
    var sample = Sample()
    sample.bytes = [UInt8](repeating: 0, count: 41)
    #expect(code(sample.encoded()) == .invalidField)
    sample = Sample()
    sample.text = "123456789"
    #expect(code(sample.encoded()) == .invalidField)
    sample = Sample()
    sample.parts = [.init(octets: []), .init(octets: []), .init(octets: [])]
    #expect(code(sample.encoded()) == .invalidField)
    sample = Sample()
    sample.number = .max
    #expect(code(sample.encoded()) == .invalidField)
  }

  @Test("text that is not UTF-8 is refused")
  func text() throws {
    var sample = Sample()
    sample.text = "a"
    var encoded = sample.encoded()
    let index = try #require(encoded.firstIndex(of: 0x61))
    encoded[index] = 0xff
    #expect(code(encoded) == .invalidField)
  }

  @Test("every kind is told from its first bytes", arguments: ObjectKind.allCases)
  func kinds(kind: ObjectKind) {
    let tag: [UInt8] =
      kind.rawValue < 31 ? [0x60 | UInt8(kind.rawValue)] : [0x7f, UInt8(kind.rawValue)]
    #expect(ObjectKind(of: tag + [2, 0x30, 0]) == kind)
    #expect(ObjectKind(of: [0x30]) == nil)
    #expect(ObjectKind(of: [0x7f]) == nil)
  }

  @Test("hexadecimal reads what it writes, and nothing else")
  func hex() {
    let bytes: [UInt8] = [0, 1, 0x7f, 0x80, 0xff]
    #expect(bytes.hex == "00017f80ff")
    #expect([UInt8](hex: "00017F80ff") == bytes)
    #expect([UInt8](hex: "0") == nil)
    #expect([UInt8](hex: "0g") == nil)
    #expect([UInt8](hex: "é0") == nil)
    #expect(Digest32(hex: "00") == nil)
  }
}

@Suite("DER of every length")
struct LengthTests {
  private struct Bytes: CanonicalObject, Equatable {
    static let kind = ObjectKind.openingEvidence
    static let maximumByteCount = 1 << 25
    var bytes: [UInt8]
    init(bytes: [UInt8]) { self.bytes = bytes }
    func encode(into fields: inout some FieldEncoder) { fields.octets("bytes", bytes) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      bytes = try fields.octets("bytes", 0...1 << 25)
    }
  }

  @Test(
    "swift-asn1 reads and writes the same bytes",
    arguments: [0, 1, 126, 127, 128, 250, 255, 256, 65_530, 65_535, 65_536, 1 << 24])
  func lengths(count: Int) throws {
    let object = Bytes(bytes: [UInt8](repeating: 7, count: count))
    let encoded = object.encoded()
    #expect(try Bytes(encoded: encoded) == object)
    var serializer = DER.Serializer()
    serializer.serialize(try DER.parse(encoded))
    #expect(serializer.serializedBytes == encoded)
  }
}
