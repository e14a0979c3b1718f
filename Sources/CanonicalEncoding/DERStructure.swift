/// The elements of DER, counted before anything is parsed.
///
/// An element can be 2 bytes, and what is decoded from it takes many times that. So whoever sends
/// 38 MiB, signed by nobody, could take gigabytes. This walk holds nothing for an element, only where
/// the open ones end.
enum DERStructure {
  /// The outermost element is level 1.
  ///
  /// The deepest object of the module, the reply with a proof of a visit that is complete, has 22.
  /// This leaves room for an object inside others.
  static let maximumLevel = 40

  enum Failure: Error, Equatable {
    case tooManyNodes, tooDeep, notDER
  }

  /// Counts the elements of one outermost element, which has to take all bytes.
  ///
  /// Identifiers are those of tags up to 127, and not the end of contents; lengths are definite and
  /// minimal (X.690, 10.1). What stands in a primitive element is not looked at.
  /// - Throws: `tooManyNodes` at the first above `maximumNodeCount`, `tooDeep`, `notDER`.
  static func nodeCount(_ bytes: [UInt8], maximumNodeCount: Int) throws(Failure) -> Int {
    var reader = Reader(bytes: bytes)
    /// Where the elements end that are open, the innermost last.
    var ends: [Int] = []
    ends.reserveCapacity(maximumLevel)
    var count = 0
    repeat {
      guard ends.count < maximumLevel else { throw .tooDeep }
      guard count < maximumNodeCount else { throw .tooManyNodes }
      count += 1
      let limit = ends.last ?? bytes.count
      let isConstructed = try reader.identifier(before: limit)
      let length = try reader.length(before: limit)
      guard length <= limit - reader.position else { throw .notDER }
      if isConstructed {
        ends.append(reader.position + length)
      } else {
        reader.position += length
      }
      while ends.last == reader.position { ends.removeLast() }
    } while !ends.isEmpty
    guard reader.position == bytes.count else { throw .notDER }
    return count
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func byte(before limit: Int) throws(Failure) -> UInt8 {
      guard position < limit else { throw .notDER }
      defer { position += 1 }
      return bytes[position]
    }

    /// - Returns: whether the element is constructed.
    mutating func identifier(before limit: Int) throws(Failure) -> Bool {
      let first = try byte(before: limit)
      if first & 0x1f == 0x1f {
        guard case 0x1f...0x7f = try byte(before: limit) else { throw .notDER }
      } else if first & 0xdf == 0 {
        // The end of contents.
        throw .notDER
      }
      return first & 0x20 != 0
    }

    mutating func length(before limit: Int) throws(Failure) -> Int {
      let first = try byte(before: limit)
      if first < 0x80 { return Int(first) }
      // Of 8 bytes it might not fit an Int, and nothing is that long.
      guard case 1...7 = first & 0x7f else { throw .notDER }
      var value = 0
      for index in 0..<(first & 0x7f) {
        let next = try byte(before: limit)
        guard index > 0 || next > 0 else { throw .notDER }
        value = value << 8 | Int(next)
      }
      guard value >= 0x80 else { throw .notDER }
      return value
    }
  }
}
