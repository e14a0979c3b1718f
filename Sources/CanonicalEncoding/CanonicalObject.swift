/// A SEQUENCE of fields, always written in one order and read back in the same.
public protocol CanonicalValue: Sendable {
  /// Writes the fields in the order of the ASN.1 module, each under its name there.
  func encode(into fields: inout some FieldEncoder)
  /// Reads the fields in the same order.
  init(from fields: inout FieldDecoder) throws(DecodingFailure)
}

/// A ``CanonicalValue`` that stands by itself: `[APPLICATION kind] EXPLICIT SEQUENCE { version, … }`.
public protocol CanonicalObject: CanonicalValue {
  /// Its tag: no two types have one.
  static var kind: ObjectKind { get }
  /// The only version that this program reads and writes; 1 unless an object says otherwise.
  static var version: UInt64 { get }
  /// The longest encoding that a decoder looks at, in bytes.
  static var maximumByteCount: Int { get }
  /// How many elements of DER, counted with those inside it, a decoder goes into. 65,536 unless an
  /// object says otherwise: more than any object of the module has that is not a list of entries.
  static var maximumNodeCount: Int { get }
}

extension CanonicalObject {
  public static var version: UInt64 { 1 }
  public static var maximumByteCount: Int { 1 << 16 }
  public static var maximumNodeCount: Int { 1 << 16 }

  /// The canonical DER of this object.
  ///
  /// - Parameter capacity: room for so many bytes is made at the start, so that an object of tens of
  ///   megabytes is not moved while it grows.
  public func encoded(reserving capacity: Int = 0) -> [UInt8] {
    var encoder = DERFieldEncoder(reserving: capacity)
    encoder.constructed(Self.kind.identifierOctets) { tagged in
      tagged.sequence { fields in
        fields.integer("version", Self.version)
        encode(into: &fields)
      }
    }
    return encoder.bytes
  }

  /// Decodes one object and nothing after it.
  ///
  /// - Throws: ``DecodingFailure`` for bytes that are too long, have too many elements, are not DER
  ///   or of more than 40 levels, another object, a version this program does not know, fields out
  ///   of their bounds, or not the canonical form.
  public init(encoded bytes: [UInt8]) throws(DecodingFailure) {
    guard bytes.count <= Self.maximumByteCount else {
      throw DecodingFailure(
        .tooLarge, "\(Self.kind) of \(bytes.count) bytes, limit \(Self.maximumByteCount)")
    }
    self = try FieldDecoder.decodeObject(bytes)
    guard isEncoded(as: bytes) else {
      throw DecodingFailure(.notCanonical, "\(Self.kind) is not in canonical form")
    }
  }

  /// Whether these bytes are what ``encoded(reserving:)`` gives, which is compared and not made: a record
  /// is in memory once, however long it is.
  func isEncoded(as bytes: [UInt8]) -> Bool {
    var comparison = DERComparison(bytes)
    comparison.constructed(Self.kind.identifierOctets) { tagged in
      tagged.sequence { fields in
        fields.integer("version", Self.version)
        encode(into: &fields)
      }
    }
    return comparison.isEqual
  }

  /// SHA-256 of the canonical DER.
  public var digest: Digest32 { Digest32(sha256: encoded()) }
}

extension ObjectKind {
  /// APPLICATION, constructed; numbers from 31 on in the long form.
  var identifierOctets: [UInt8] {
    rawValue < 31 ? [0x60 | UInt8(rawValue)] : [0x7f, UInt8(rawValue)]
  }

  /// The kind of object that these bytes claim to be, from their first tag.
  public init?(of bytes: [UInt8]) {
    guard let first = bytes.first, first & 0xe0 == 0x60 else { return nil }
    if first != 0x7f {
      self.init(rawValue: UInt(first & 0x1f))
    } else {
      guard bytes.count > 1, bytes[1] & 0x80 == 0 else { return nil }
      self.init(rawValue: UInt(bytes[1]))
    }
  }
}

/// Why bytes are not the object they were taken for.
public struct DecodingFailure: CodedError {
  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

/// Why: an open set.
extension ErrorCode<DecodingFailure> {
  /// The bytes are not DER, or not the elements that were expected.
  public static var malformed: Self { Self("malformed") }
  /// More bytes or elements than the object may have.
  public static var tooLarge: Self { Self("too-large") }
  /// Another object than the one that was expected.
  public static var wrongKind: Self { Self("wrong-kind") }
  /// A version that this program does not know.
  public static var unsupportedVersion: Self { Self("unsupported-version") }
  /// The bytes say the same as the object's one encoding, and differ from it.
  public static var notCanonical: Self { Self("not-canonical") }
  /// A field is out of its bounds.
  public static var invalidField: Self { Self("invalid-field") }
}

extension CanonicalValue {
  /// The DER of the bare SEQUENCE, for values that are kept and never hashed or signed by themselves.
  public func encodedSequence() -> [UInt8] {
    var encoder = DERFieldEncoder()
    encoder.sequence { encode(into: &$0) }
    return encoder.bytes
  }

  /// - Throws: ``DecodingFailure`` unless these are the bytes that ``encodedSequence()`` gives.
  public init(sequence bytes: [UInt8]) throws(DecodingFailure) {
    self = try FieldDecoder.decodeSequence(bytes)
    var comparison = DERComparison(bytes)
    comparison.sequence { encode(into: &$0) }
    guard comparison.isEqual else {
      throw DecodingFailure(.notCanonical, "\(Self.self) is not in canonical form")
    }
  }
}
