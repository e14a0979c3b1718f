/// Where a tile of hashes or a bundle of entries stands in a log, and its path below the log's
/// prefix: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]` (C2SP tlog-tiles).
public struct TilePath: Hashable, Sendable, CustomStringConvertible {
  /// What lies there.
  public enum Content: Hashable, Sendable {
    /// The hashes of complete subtrees, each of 256^level leaves.
    case hashes(level: Int)
    /// The leaves themselves, as an ``EntryBundle``.
    case entries
  }

  /// How many hashes or leaves a full one has.
  public static let fullWidth = 256
  /// C2SP's bound; a tree of at most 2⁶³ − 1 leaves has tiles up to level 7.
  public static let maximumLevel = 63

  public let content: Content
  /// Counts from 0 within the level.
  public let index: UInt64
  /// 1 to 256; a partial one has less than 256.
  public let width: Int

  /// - Throws: `range` if no tree of at most 2⁶³ − 1 leaves has it.
  public init(
    _ content: Content, index: UInt64, width: Int = fullWidth
  ) throws(TransparencyLogError) {
    if case .hashes(let level) = content, !(0...Self.maximumLevel).contains(level) {
      throw TransparencyLogError(.range, "there is no level \(level)")
    }
    guard (1...Self.fullWidth).contains(width), index <= UInt64.largest >> 8 else {
      throw TransparencyLogError(.range, "there is no tile \(index) of width \(width)")
    }
    (self.content, self.index, self.width) = (content, index, width)
  }

  init(of tile: HashTile) {
    (content, index, width) = (.hashes(level: tile.level), tile.index, tile.width)
  }

  /// The widest one at this place that a tree of `size` leaves has.
  /// - Throws: `range` if it has none there.
  public init(_ content: Content, index: UInt64, size: UInt64) throws(TransparencyLogError) {
    let level = if case .hashes(let level) = content { level } else { 0 }
    let count = (0...Self.maximumLevel).contains(level) ? size >> (8 * level) : 0
    guard index <= count >> 8, case let rest = count - index << 8, rest > 0 else {
      throw TransparencyLogError(.range, "a tree of size \(size) has no tile \(index) there")
    }
    try self.init(content, index: index, width: Int(min(rest, UInt64(Self.fullWidth))))
  }

  /// - Throws: `encoding` if it is not exactly what ``description`` writes, `range`.
  public init(path text: String) throws(TransparencyLogError) {
    let encoding = TransparencyLogError(.encoding, "this is not the path of a tile")
    guard text.utf8.count <= 64, case var parts = text.split(at: UInt8(ascii: "/"))[...],
      parts.popFirst() == "tile", let kind = parts.popFirst()
    else { throw encoding }
    let content: Content
    if kind == "entries" {
      content = .entries
    } else {
      guard kind.utf8.count <= 2, let level = UInt8(kind) else { throw encoding }
      content = .hashes(level: Int(level))
    }
    var width = Self.fullWidth
    if parts.count > 1, let last = parts.last,
      parts[parts.endIndex - 2].utf8.suffix(2).elementsEqual(".p".utf8)
    {
      guard last.utf8.count <= 3, let value = UInt16(last) else { throw encoding }
      width = Int(value)
      parts.removeLast()
      parts[parts.endIndex - 1] = String(Substring(parts[parts.endIndex - 1].utf8.dropLast(2)))
    }
    // Six elements are more than the largest index takes.
    guard (1...6).contains(parts.count) else { throw encoding }
    var index: UInt64 = 0
    for part in parts {
      guard part.utf8.count <= 4, let digits = UInt64(Substring(part.utf8.suffix(3))) else {
        throw encoding
      }
      index = 1000 * index + digits
    }
    try self.init(content, index: index, width: width)
    // Writing it again refuses signs, zeros too many, an x too many or too few, and `.p/256`.
    guard description.isSameUTF8(as: text) else { throw encoding }
  }

  public var description: String {
    let kind =
      switch content {
      case .hashes(let level): String(level)
      case .entries: "entries"
      }
    var elements: [String] = []
    var rest = index
    repeat {
      let digits = String(rest % 1000)
      let element = String(repeating: "0", count: 3 - digits.utf8.count) + digits
      elements.insert(elements.isEmpty ? element : "x" + element, at: 0)
      rest /= 1000
    } while rest > 0
    let suffix = width < Self.fullWidth ? ".p/\(width)" : ""
    return "tile/\(kind)/" + elements.joined(separator: "/") + suffix
  }
}
