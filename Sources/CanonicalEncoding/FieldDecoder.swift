/// Hands out the fields of one SEQUENCE in order; every length is bounded by the caller.
///
/// It reads the bytes where they lie. What it takes for DER and is not differs from what the value is
/// encoded to again, which every decoding compares (``CanonicalObject``, ``CanonicalValue``).
public struct FieldDecoder {
  private let bytes: [UInt8]
  private var position: Int
  private let end: Int

  private init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  static func decodeObject<Object: CanonicalObject>(
    _ bytes: [UInt8]
  ) throws(DecodingFailure) -> Object {
    try checkStructure(bytes, of: Object.self)
    guard bytes.starts(with: Object.kind.identifierOctets) else {
      throw DecodingFailure(.wrongKind, "expected \(Object.kind)")
    }
    var outermost = FieldDecoder(bytes, bytes.indices)
    guard let contents = outermost.element()?.contents else {
      throw DecodingFailure(.malformed, "\(Object.kind) is not DER")
    }
    var tagged = FieldDecoder(bytes, contents)
    var fields = try tagged.constructed("\(Object.kind)")
    try tagged.requireEnd("\(Object.kind)")
    let version = try fields.integer("version")
    guard version == Object.version else {
      throw DecodingFailure(.unsupportedVersion, "\(Object.kind) has version \(version)")
    }
    let object = try Object(from: &fields)
    try fields.requireEnd("\(Object.kind)")
    return object
  }

  static func decodeSequence<Value: CanonicalValue>(
    _ bytes: [UInt8]
  ) throws(DecodingFailure) -> Value {
    var outermost = FieldDecoder(bytes, bytes.indices)
    var fields = try outermost.constructed("\(Value.self)")
    try outermost.requireEnd("\(Value.self)")
    let value = try Value(from: &fields)
    try fields.requireEnd("\(Value.self)")
    return value
  }

  /// The first field of an object after its version, where that is a text; nothing behind it is looked at.
  ///
  /// - Returns: nil if these bytes do not begin like an object of this kind with such a field.
  public static func leadingText(
    of kind: ObjectKind, in bytes: [UInt8], maximum: Int
  ) -> String? {
    guard bytes.starts(with: kind.identifierOctets) else { return nil }
    var outermost = FieldDecoder(bytes, bytes.indices)
    guard let contents = outermost.element()?.contents else { return nil }
    var tagged = FieldDecoder(bytes, contents)
    guard var fields = try? tagged.constructed("fields"), (try? fields.integer("version")) != nil
    else { return nil }
    return try? fields.text("text", maximum: maximum)
  }

  private static func checkStructure(
    _ bytes: [UInt8], of type: (some CanonicalObject).Type
  ) throws(DecodingFailure) {
    do {
      _ = try DERStructure.nodeCount(bytes, maximumNodeCount: type.maximumNodeCount)
    } catch {
      switch error {
      case .tooManyNodes:
        throw DecodingFailure(
          .tooLarge, "\(type.kind) has more than \(type.maximumNodeCount) elements")
      case .tooDeep:
        throw DecodingFailure(
          .malformed, "\(type.kind) has more than \(DERStructure.maximumLevel) levels")
      case .notDER:
        throw DecodingFailure(.malformed, "\(type.kind) is not DER")
      }
    }
  }

  /// An INTEGER in `range`.
  public mutating func integer(
    _ name: String, in range: ClosedRange<UInt64> = 0...UInt64.max
  ) throws(DecodingFailure) -> UInt64 {
    let bytes = try primitive(name, Tag.integer)
    guard let first = bytes.first, first & 0x80 == 0, bytes.count <= 9,
      bytes.count < 9 || first == 0
    else { throw DecodingFailure(.invalidField, "\(name) is not an unsigned 64-bit integer") }
    let value = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard range.contains(value) else {
      throw DecodingFailure(.invalidField, "\(name) is outside \(range)")
    }
    return value
  }

  /// An OCTET STRING of exactly `count` bytes.
  public mutating func octets(
    _ name: String, count: Int
  ) throws(DecodingFailure) -> [UInt8] {
    try octets(name, count...count)
  }

  /// An OCTET STRING whose length is in `bounds`.
  public mutating func octets(
    _ name: String, _ bounds: ClosedRange<Int>
  ) throws(DecodingFailure) -> [UInt8] {
    let bytes = try primitive(name, Tag.octetString)
    guard bounds.contains(bytes.count) else {
      throw DecodingFailure(.invalidField, "\(name) has \(bytes.count) bytes, not \(bounds)")
    }
    return Array(bytes)
  }

  /// An OCTET STRING of 32 bytes.
  public mutating func digest(_ name: String) throws(DecodingFailure) -> Digest32 {
    guard let digest = Digest32(try octets(name, count: 32)) else {
      throw DecodingFailure(.invalidField, "\(name) is not a digest")
    }
    return digest
  }

  /// A UTF8String of 0 to `maximum` bytes.
  public mutating func text(
    _ name: String, maximum: Int = 256
  ) throws(DecodingFailure) -> String {
    let bytes = try primitive(name, Tag.utf8String)
    guard bytes.count <= maximum, let text = String(validating: bytes, as: UTF8.self) else {
      throw DecodingFailure(.invalidField, "\(name) is not UTF-8 of at most \(maximum) bytes")
    }
    return text
  }

  /// A SEQUENCE with the fields of a value, and nothing behind them.
  public mutating func value<Value: CanonicalValue>(
    _ name: String, as type: Value.Type = Value.self
  ) throws(DecodingFailure) -> Value {
    var fields = try constructed(name)
    let value = try Value(from: &fields)
    try fields.requireEnd(name)
    return value
  }

  /// A SEQUENCE OF with at most `maximum` elements.
  public mutating func list<Value: CanonicalValue>(
    _ name: String, maximum: Int, of type: Value.Type = Value.self
  ) throws(DecodingFailure) -> [Value] {
    try elements(name, maximum) { (fields) throws(DecodingFailure) in try fields.value(name) }
  }

  /// A SEQUENCE OF with no element or one.
  public mutating func optional<Value: CanonicalValue>(
    _ name: String, of type: Value.Type = Value.self
  ) throws(DecodingFailure) -> Value? {
    try list(name, maximum: 1, of: type).first
  }

  /// A SEQUENCE OF OCTET STRING with at most `maximum` elements.
  public mutating func octetsList(
    _ name: String, maximum: Int, _ bounds: ClosedRange<Int>
  ) throws(DecodingFailure) -> [[UInt8]] {
    try elements(name, maximum) { (fields) throws(DecodingFailure) in
      try fields.octets(name, bounds)
    }
  }

  /// The complete DER of one top-level object, not yet decoded.
  public mutating func object(
    _ name: String, maximum: Int
  ) throws(DecodingFailure) -> [UInt8] {
    let start = position
    guard let first = element()?.identifier, first & 0xc0 == 0x40, position - start <= maximum
    else {
      throw DecodingFailure(.invalidField, "\(name) is not an object of at most \(maximum) bytes")
    }
    return Array(bytes[start..<position])
  }

  private mutating func elements<Element>(
    _ name: String, _ maximum: Int,
    _ element: (inout FieldDecoder) throws(DecodingFailure) -> Element
  ) throws(DecodingFailure) -> [Element] {
    var sequence = try constructed(name)
    var result: [Element] = []
    while !sequence.isAtEnd {
      guard result.count < maximum else {
        throw DecodingFailure(.invalidField, "\(name) has more than \(maximum) elements")
      }
      result.append(try element(&sequence))
    }
    return result
  }

  private var isAtEnd: Bool { position == end }

  private func requireEnd(_ name: @autoclosure () -> String) throws(DecodingFailure) {
    guard isAtEnd else { throw DecodingFailure(.malformed, "\(name()) has fields too many") }
  }

  private mutating func primitive(
    _ name: String, _ tag: UInt8
  ) throws(DecodingFailure) -> ArraySlice<UInt8> {
    guard let element = element(), element.identifier == tag else {
      throw DecodingFailure(.malformed, "\(name) is missing or of another type")
    }
    return bytes[element.contents]
  }

  private mutating func constructed(
    _ name: @autoclosure () -> String
  ) throws(DecodingFailure) -> FieldDecoder {
    guard let element = element(), element.identifier == Tag.sequence else {
      throw DecodingFailure(.malformed, "\(name()) is missing or of another type")
    }
    return FieldDecoder(bytes, element.contents)
  }

  /// Steps over the next element.
  ///
  /// - Returns: the first octet of its identifier, and where its contents lie; nil if there is none,
  ///   or if it does not end before this SEQUENCE does.
  private mutating func element() -> (identifier: UInt8, contents: Range<Int>)? {
    guard position < end else { return nil }
    let identifier = bytes[position]
    var next = position + 1
    // Tags from 31 on take one octet more: no kind is above 127.
    if identifier & 0x1f == 0x1f { next += 1 }
    guard next < end else { return nil }
    var count = Int(bytes[next])
    next += 1
    if count >= 0x80 {
      let octets = count & 0x7f
      guard (1...7).contains(octets), octets <= end - next else { return nil }
      count = bytes[next..<next + octets].reduce(0) { $0 << 8 | Int($1) }
      next += octets
    }
    guard count <= end - next else { return nil }
    position = next + count
    return (identifier, next..<next + count)
  }
}
