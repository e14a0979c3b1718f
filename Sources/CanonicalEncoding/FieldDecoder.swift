import SwiftASN1

/// Hands out the fields of one SEQUENCE in order; every length is bounded by the caller.
public struct FieldDecoder {
  private var nodes: ASN1NodeCollection.Iterator

  private init(_ nodes: ASN1NodeCollection) { self.nodes = nodes.makeIterator() }

  static func decodeObject<Object: CanonicalObject>(
    _ bytes: [UInt8]
  ) throws(DecodingFailure) -> Object {
    try checkStructure(bytes, of: Object.self)
    let root: ASN1Node
    do {
      root = try DER.parse(bytes)
    } catch {
      throw DecodingFailure(.malformed, "\(Object.kind) is not DER")
    }
    guard root.identifier == Object.kind.identifier else {
      throw DecodingFailure(.wrongKind, "expected \(Object.kind)")
    }
    var tagged = FieldDecoder(try children(root, "\(Object.kind)"))
    var fields = FieldDecoder(try tagged.constructed("\(Object.kind)"))
    try tagged.end("\(Object.kind)")
    let version = try fields.integer("version")
    guard version == Object.version else {
      throw DecodingFailure(.unsupportedVersion, "\(Object.kind) has version \(version)")
    }
    let object = try Object(from: &fields)
    try fields.end("\(Object.kind)")
    return object
  }

  static func decodeSequence<Value: CanonicalValue>(
    _ bytes: [UInt8]
  ) throws(DecodingFailure) -> Value {
    let root: ASN1Node
    do {
      root = try DER.parse(bytes)
    } catch {
      throw DecodingFailure(.malformed, "\(Value.self) is not DER")
    }
    guard root.identifier == .sequence else {
      throw DecodingFailure(.malformed, "\(Value.self) is no SEQUENCE")
    }
    var fields = FieldDecoder(try children(root, "\(Value.self)"))
    let value = try Value(from: &fields)
    try fields.end("\(Value.self)")
    return value
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
    let bytes = try primitive(name, .integer)
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
    let bytes = try primitive(name, .octetString)
    guard bounds.contains(bytes.count) else {
      throw DecodingFailure(.invalidField, "\(name) has \(bytes.count) bytes, not \(bounds)")
    }
    return Array(bytes)
  }

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
    let bytes = try primitive(name, .utf8String)
    guard bytes.count <= maximum, let text = String(validating: bytes, as: UTF8.self) else {
      throw DecodingFailure(.invalidField, "\(name) is not UTF-8 of at most \(maximum) bytes")
    }
    return text
  }

  public mutating func value<Value: CanonicalValue>(
    _ name: String, as type: Value.Type = Value.self
  ) throws(DecodingFailure) -> Value {
    var fields = FieldDecoder(try constructed(name))
    let value = try Value(from: &fields)
    try fields.end(name)
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
    guard let node = nodes.next(), node.identifier.tagClass == .application,
      node.encodedBytes.count <= maximum
    else {
      throw DecodingFailure(.invalidField, "\(name) is not an object of at most \(maximum) bytes")
    }
    return Array(node.encodedBytes)
  }

  private mutating func elements<Element>(
    _ name: String, _ maximum: Int,
    _ element: (inout FieldDecoder) throws(DecodingFailure) -> Element
  ) throws(DecodingFailure) -> [Element] {
    var sequence = FieldDecoder(try constructed(name))
    var result: [Element] = []
    while !sequence.isAtEnd {
      guard result.count < maximum else {
        throw DecodingFailure(.invalidField, "\(name) has more than \(maximum) elements")
      }
      result.append(try element(&sequence))
    }
    return result
  }

  private var isAtEnd: Bool {
    var ahead = nodes
    return ahead.next() == nil
  }

  private func end(_ name: @autoclosure () -> String) throws(DecodingFailure) {
    guard isAtEnd else { throw DecodingFailure(.malformed, "\(name()) has fields too many") }
  }

  private mutating func primitive(
    _ name: String, _ identifier: ASN1Identifier
  ) throws(DecodingFailure) -> ArraySlice<UInt8> {
    guard let node = nodes.next(), node.identifier == identifier,
      case .primitive(let bytes) = node.content
    else { throw DecodingFailure(.malformed, "\(name) is missing or of another type") }
    return bytes
  }

  private mutating func constructed(
    _ name: @autoclosure () -> String
  ) throws(DecodingFailure) -> ASN1NodeCollection {
    guard let node = nodes.next(), node.identifier == .sequence else {
      throw DecodingFailure(.malformed, "\(name()) is missing or of another type")
    }
    return try Self.children(node, name())
  }

  private static func children(
    _ node: ASN1Node, _ name: @autoclosure () -> String
  ) throws(DecodingFailure) -> ASN1NodeCollection {
    guard case .constructed(let children) = node.content else {
      throw DecodingFailure(.malformed, "\(name()) is not constructed")
    }
    return children
  }
}
