/// Writes what the engine stores: integers big-endian, bytes behind their length in four.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init(_ bytes: [UInt8] = []) { self.bytes = bytes }

  mutating func integer(_ value: some FixedWidthInteger) {
    for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  mutating func raw(_ value: some Sequence<UInt8>) { bytes += value }

  mutating func counted(_ value: some Collection<UInt8>) {
    integer(UInt32(truncatingIfNeeded: value.count))
    bytes += value
  }
}

/// Reads it; nil from where on it is none.
struct ByteReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: some Sequence<UInt8>) { rest = Array(bytes)[...] }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func raw(_ count: Int) -> [UInt8]? {
    guard count >= 0, count <= rest.count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return Array(rest.prefix(count))
  }

  mutating func integer<Number: FixedWidthInteger>() -> Number? {
    raw(Number.bitWidth / 8)?.reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }

  mutating func counted() -> [UInt8]? {
    guard let count: UInt32 = integer() else { return nil }
    return raw(Int(count))
  }
}
