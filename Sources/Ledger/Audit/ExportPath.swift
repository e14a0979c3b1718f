import TransparencyLog

/// Where things stand in an export: a folder, or a tar file of it, with the ledger's logs as C2SP
/// tiles (specification 7.1).
///
///     genesis.der
///     consortium/checkpoint
///     consortium/tile/entries/000 …        the leaves, 256 a file
///     consortium/tile/0/000 …              the hashes
///     hospital-1/0/checkpoint …            a hospital's chain, by generation
///
/// Files stand in this order, chains in that of the genesis, and nothing else is there. A chain
/// without a confirmed block has no file.
public enum ExportPath {
  /// The DER of the genesis, the first file.
  public static let genesis = "genesis.der"

  /// The folder of one log.
  public static func log(_ chain: String, generation: UInt64) -> String {
    chain == ChainName.consortium ? chain : "\(chain)/\(generation)"
  }

  /// The checkpoint of a log whose folder is given: a C2SP signed note.
  public static func checkpoint(_ log: String) -> String { "\(log)/checkpoint" }

  /// How many leaves or hashes a tile has.
  static let width: UInt64 = 256

  /// The paths of all entry bundles of a log, in their order, with the number of leaves in each.
  static func bundles(_ log: String, size: UInt64) -> some Sequence<(path: String, count: Int)> {
    tiles(size).map { index, count in
      (path(log, .entries, index, count), count)
    }
  }

  /// The paths of all hash tiles of a log, level by level, with level, index and number of hashes.
  static func hashTiles(
    _ log: String, size: UInt64
  ) -> some Sequence<(path: String, level: Int, index: UInt64, count: Int)> {
    (0..<8).lazy.flatMap { level in
      tiles(size >> (8 * UInt64(level))).map { index, count in
        (path(log, .hashes(level: level), index, count), level, index, count)
      }
    }
  }

  private static func tiles(
    _ size: UInt64
  ) -> LazyMapSequence<Range<UInt64>, (index: UInt64, count: Int)> {
    (0..<(size + width - 1) / width).lazy.map { index in
      (index, Int(min(width, size - index * width)))
    }
  }

  private static func path(
    _ log: String, _ content: TilePath.Content, _ index: UInt64, _ count: Int
  ) -> String {
    guard let tile = try? TilePath(content, index: index, width: count) else {
      preconditionFailure("a log of at most 2^63 - 1 leaves has this tile")
    }
    return "\(log)/\(tile)"
  }
}
