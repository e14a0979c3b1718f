/// Compares what ``DERFieldEncoder`` would write with bytes that there are, without writing it.
struct DERComparison: FieldEncoder {
  private let bytes: [UInt8]
  private var position = 0
  private var hasDiffered = false

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Whether everything was the same, and nothing is left.
  var isEqual: Bool { !hasDiffered && position == bytes.count }

  mutating func integer(_ name: String, _ value: UInt64) {
    let significant = max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 8) / 8)
    header(Tag.integer, significant)
    for index in (0..<significant).reversed() {
      take(index == 8 ? 0 : UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
    }
  }

  mutating func octets(_ name: String, _ value: [UInt8]) {
    header(Tag.octetString, value.count)
    take(value)
  }

  mutating func text(_ name: String, _ value: String) {
    header(Tag.utf8String, value.utf8.count)
    take(Array(value.utf8))
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

  mutating func object(_ name: String, encoded: [UInt8]) { take(encoded) }

  mutating func sequence(_ body: (inout Self) -> Void) { constructed([Tag.sequence], body) }

  /// Takes the length as it stands there, and afterwards compares it with that of the contents.
  ///
  /// - Parameter tag: the identifier octets.
  mutating func constructed(_ tag: [UInt8], _ body: (inout Self) -> Void) {
    take(tag)
    guard !hasDiffered, position < bytes.count else {
      hasDiffered = true
      return
    }
    let place = position
    let first = bytes[place]
    position += 1 + (first < 0x80 ? 0 : Int(first & 0x7f))
    guard position <= bytes.count else {
      hasDiffered = true
      return
    }
    let start = position
    body(&self)
    if !hasDiffered, !bytes[place..<start].elementsEqual(DERFieldEncoder.length(position - start)) {
      hasDiffered = true
    }
  }

  private mutating func header(_ tag: UInt8, _ count: Int) {
    take(tag)
    if count < 0x80 { take(UInt8(count)) } else { take(DERFieldEncoder.length(count)) }
  }

  private mutating func take(_ byte: UInt8) {
    guard !hasDiffered, position < bytes.count, bytes[position] == byte else {
      hasDiffered = true
      return
    }
    position += 1
  }

  private mutating func take(_ expected: [UInt8]) {
    guard !hasDiffered, expected.count <= bytes.count - position,
      bytes[position..<position + expected.count] == expected[...]
    else {
      hasDiffered = true
      return
    }
    position += expected.count
  }
}
