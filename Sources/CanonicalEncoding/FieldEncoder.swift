import SwiftASN1

/// Takes the fields of a ``CanonicalValue`` in order: one implementation writes DER, another
/// describes the value to a reader.
public protocol FieldEncoder {
  mutating func integer(_ name: String, _ value: UInt64)
  mutating func octets(_ name: String, _ value: [UInt8])
  mutating func text(_ name: String, _ value: String)
  mutating func value(_ name: String, _ value: some CanonicalValue)
  mutating func list<Value: CanonicalValue>(_ name: String, _ values: [Value])
  mutating func octetsList(_ name: String, _ values: [[UInt8]])
  /// The complete DER of one top-level object inside another.
  mutating func object(_ name: String, encoded: [UInt8])
}

extension FieldEncoder {
  public mutating func digest(_ name: String, _ value: Digest32) { octets(name, value.bytes) }
}

struct DERFieldEncoder: FieldEncoder {
  var serializer: DER.Serializer

  init(_ serializer: DER.Serializer) { self.serializer = serializer }

  mutating func integer(_ name: String, _ value: UInt64) {
    serializer.appendPrimitiveNode(identifier: .integer) { bytes in
      let significant = max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 8) / 8)
      for index in (0..<significant).reversed() {
        bytes.append(index == 8 ? 0 : UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
      }
    }
  }

  mutating func octets(_ name: String, _ value: [UInt8]) {
    serializer.appendPrimitiveNode(identifier: .octetString) { $0.append(contentsOf: value) }
  }

  mutating func text(_ name: String, _ value: String) {
    serializer.appendPrimitiveNode(identifier: .utf8String) { $0.append(contentsOf: value.utf8) }
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

  mutating func object(_ name: String, encoded: [UInt8]) { serializer.serializeRawBytes(encoded) }

  private mutating func sequence(_ body: (inout Self) -> Void) {
    serializer.appendConstructedNode(identifier: .sequence) { inner in
      // Moved out and back, so that the buffer is never copied.
      var fields = Self(inner)
      inner = DER.Serializer()
      body(&fields)
      inner = fields.serializer
    }
  }
}
