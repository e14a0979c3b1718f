/// Up to 256 consecutive leaves of a log, each behind its length in two bytes, big-endian
/// (C2SP tlog-tiles).
public struct EntryBundle: Sendable, Equatable {
  /// The longest leaf, in bytes.
  public static let maximumEntryByteCount = 65_535
  /// The longest bundle, in bytes.
  public static let maximumByteCount = TilePath.fullWidth * (2 + maximumEntryByteCount)

  /// 1 to 256.
  public let entries: [[UInt8]]

  /// - Throws: `range` without a leaf, `too-large` above 256 or if one is too long.
  public init(_ entries: [[UInt8]]) throws(TransparencyLogError) {
    guard !entries.isEmpty else { throw TransparencyLogError(.range, "a bundle has no entry") }
    guard entries.count <= TilePath.fullWidth,
      entries.allSatisfy({ $0.count <= Self.maximumEntryByteCount })
    else { throw TransparencyLogError(.tooLarge, "a bundle or an entry of it is too long") }
    self.entries = entries
  }

  /// - Parameter width: how many leaves there are, from the path.
  /// - Throws: `encoding` if the bytes are not exactly so many leaves, `range` if no bundle has that
  ///   width, `too-large`.
  public init(encoded bytes: [UInt8], width: Int) throws(TransparencyLogError) {
    guard (1...TilePath.fullWidth).contains(width) else {
      throw TransparencyLogError(.range, "a bundle cannot have \(width) entries")
    }
    guard bytes.count <= Self.maximumByteCount else {
      throw TransparencyLogError(.tooLarge, "the bundle is too long")
    }
    var rest = bytes[...]
    var entries: [[UInt8]] = []
    for index in 0..<width {
      guard rest.count >= 2, case let count = Int(UInt16(bigEndianBytes: rest.prefix(2))),
        rest.count >= 2 + count
      else { throw TransparencyLogError(.encoding, "the bundle ends in or before entry \(index)") }
      entries.append(Array(rest.dropFirst(2).prefix(count)))
      rest = rest.dropFirst(2 + count)
    }
    guard rest.isEmpty else {
      throw TransparencyLogError(.encoding, "the bundle goes on behind its \(width) entries")
    }
    self.entries = entries
  }

  /// Each leaf behind its length in two bytes, big-endian.
  public var encoded: [UInt8] {
    entries.flatMap { UInt16(truncatingIfNeeded: $0.count).bigEndianBytes + $0 }
  }

  /// What stands in the tile of level 0 for these leaves, one hash after the other.
  public var leafHashes: [UInt8] { entries.flatMap(MerkleHash.leaf) }
}
