import Credentials

/// Any DER as a tree, for whoever takes messages apart and puts others together.
struct DER {
  /// The identifier octets.
  var tag: [UInt8]
  /// Of a primitive element.
  var bytes: [UInt8]
  /// Of a constructed one.
  var children: [DER]?

  init(tag: [UInt8], bytes: [UInt8]) { (self.tag, self.bytes) = (tag, bytes) }

  init(tag: [UInt8] = [0x30], _ children: [DER]) {
    (self.tag, bytes, self.children) = (tag, [], children)
  }

  /// - Returns: nil for what is no DER with definite lengths below 2³², or has something behind it.
  init?(_ encoded: [UInt8]) {
    var rest = encoded[...]
    guard let element = Self(from: &rest), rest.isEmpty else { return nil }
    self = element
  }

  private init?(from rest: inout ArraySlice<UInt8>) {
    guard let first = rest.popFirst() else { return nil }
    tag = [first]
    if first & 0x1f == 0x1f {
      repeat {
        guard let next = rest.popFirst() else { return nil }
        tag.append(next)
      } while (tag.last ?? 0) & 0x80 != 0 && tag.count < 3
    }
    guard let short = rest.popFirst() else { return nil }
    var count = Int(short)
    if short >= 0x80 {
      guard (1...4).contains(Int(short & 0x7f)), rest.count >= Int(short & 0x7f) else {
        return nil
      }
      count = rest.prefix(Int(short & 0x7f)).reduce(0) { $0 << 8 | Int($1) }
      rest = rest.dropFirst(Int(short & 0x7f))
    }
    guard rest.count >= count else { return nil }
    var content = rest.prefix(count)
    rest = rest.dropFirst(count)
    (bytes, children) = ([], nil)
    if first & 0x20 == 0 {
      bytes = Array(content)
      return
    }
    var elements: [DER] = []
    while !content.isEmpty {
      guard let element = Self(from: &content) else { return nil }
      elements.append(element)
    }
    children = elements
  }

  func encoded() -> [UInt8] {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(contentCount + 8)
    encode(into: &encoded)
    return encoded
  }

  private var contentCount: Int {
    guard let children else { return bytes.count }
    return children.reduce(0) { count, child in
      let content = child.contentCount
      return count + child.tag.count + 1 + Self.longLength(content).count + content
    }
  }

  /// The octets behind the one that counts them.
  private static func longLength(_ count: Int) -> [UInt8] {
    if count < 0x80 { return [] }
    let octets = (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) }
    return Array(octets.drop { $0 == 0 })
  }

  private func encode(into encoded: inout [UInt8]) {
    let (count, length) = (contentCount, Self.longLength(contentCount))
    encoded += tag
    encoded.append(length.isEmpty ? UInt8(count) : 0x80 | UInt8(length.count))
    encoded += length
    guard let children else {
      encoded += bytes
      return
    }
    for child in children { child.encode(into: &encoded) }
  }

  /// All digests, keys and the like in it.
  var octets: [[UInt8]] {
    if let children { return children.flatMap(\.octets) }
    return tag == [0x04] && (16...1024).contains(bytes.count) ? [bytes] : []
  }

  /// Says it with other values.
  func replacing(_ values: [[UInt8]: [UInt8]]) -> DER {
    if let children {
      return DER(tag: tag, children.map { $0.replacing(values) })
    }
    if let other = values[bytes] { return DER(tag: tag, bytes: other) }
    return self
  }

  /// The same with everything that is signed inside signed by somebody else: octets as long as a
  /// signature belong to the element before them.
  func signed(by key: IdentityKey) -> DER {
    guard let children else { return self }
    var signed: [DER] = []
    for child in children.map({ $0.signed(by: key) }) {
      if let last = signed.last, child.tag == [0x04], child.bytes.count == 64 {
        signed.append(DER(tag: child.tag, bytes: key.sign(last.encoded())))
      } else {
        signed.append(child)
      }
    }
    return DER(tag: tag, signed)
  }
}
