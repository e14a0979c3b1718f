/// Takes the fields of a ``CanonicalValue`` in order: one implementation writes DER, another
/// describes the value to a reader.
public protocol FieldEncoder {
  /// An INTEGER.
  mutating func integer(_ name: String, _ value: UInt64)
  /// An OCTET STRING.
  mutating func octets(_ name: String, _ value: [UInt8])
  /// A UTF8String.
  mutating func text(_ name: String, _ value: String)
  /// A SEQUENCE with the fields of a value.
  mutating func value(_ name: String, _ value: some CanonicalValue)
  /// A SEQUENCE OF such values.
  mutating func list<Value: CanonicalValue>(_ name: String, _ values: [Value])
  /// A SEQUENCE OF OCTET STRING.
  mutating func octetsList(_ name: String, _ values: [[UInt8]])
  /// The complete DER of one top-level object inside another.
  mutating func object(_ name: String, encoded: [UInt8])
}

extension FieldEncoder {
  /// An OCTET STRING of 32 bytes.
  public mutating func digest(_ name: String, _ value: Digest32) { octets(name, value.bytes) }

  /// A SEQUENCE OF with no element or one.
  public mutating func optional<Value: CanonicalValue>(_ name: String, _ value: Value?) {
    list(name, value.map { [$0] } ?? [])
  }
}

/// Writes DER.
///
/// Contents that turn out to be long are moved, all at once, to make room for their length:
/// swift-asn1's serializer does that byte by byte, which took a fifth of a visit's time.
struct DERFieldEncoder: FieldEncoder {
  private(set) var bytes: [UInt8] = []

  init(reserving capacity: Int = 0) {
    if capacity > 0 { bytes.reserveCapacity(capacity) }
  }

  mutating func integer(_ name: String, _ value: UInt64) {
    let significant = max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 8) / 8)
    header(Tag.integer, significant)
    for index in (0..<significant).reversed() {
      bytes.append(index == 8 ? 0 : UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
    }
  }

  mutating func octets(_ name: String, _ value: [UInt8]) {
    header(Tag.octetString, value.count)
    bytes += value
  }

  mutating func text(_ name: String, _ value: String) {
    header(Tag.utf8String, value.utf8.count)
    bytes += value.utf8
  }

  mutating func value(_ name: String, _ value: some CanonicalValue) {
    sequence { value.encode(into: &$0) }
  }

  mutating func list<Value: CanonicalValue>(_ name: String, _ values: [Value]) {
    sequence { fields in for value in values { fields.value(name, value) } }
  }

  mutating func octetsList(_ name: String, _ values: [[UInt8]]) {
    sequence { fields in for value in values { fields.octets(name, value) } }
  }

  mutating func object(_ name: String, encoded: [UInt8]) { bytes += encoded }

  mutating func sequence(_ body: (inout Self) -> Void) { constructed([Tag.sequence], body) }

  /// - Parameter tag: the identifier octets.
  mutating func constructed(_ tag: [UInt8], _ body: (inout Self) -> Void) {
    bytes += tag
    let place = bytes.count
    bytes.append(0)
    body(&self)
    let count = bytes.count - place - 1
    if count < 0x80 {
      bytes[place] = UInt8(count)
    } else {
      let length = Self.length(count)
      bytes[place] = length[0]
      bytes.insert(contentsOf: length[1...], at: place + 1)
    }
  }

  private mutating func header(_ tag: UInt8, _ count: Int) {
    bytes.append(tag)
    if count < 0x80 { bytes.append(UInt8(count)) } else { bytes += Self.length(count) }
  }

  /// X.690, 8.1.3 and 10.1: one byte below 128, else their number and as few as it takes.
  static func length(_ count: Int) -> [UInt8] {
    if count < 0x80 { return [UInt8(count)] }
    let significant = (Int.bitWidth - count.leadingZeroBitCount + 7) / 8
    return [0x80 | UInt8(significant)]
      + (0..<significant).reversed().map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
  }
}

/// The identifiers of universal types.
enum Tag {
  static let integer: UInt8 = 0x02
  static let octetString: UInt8 = 0x04
  static let utf8String: UInt8 = 0x0c
  static let sequence: UInt8 = 0x30
}
