import CanonicalEncoding
import Ledger
import Synchronization
import TransparencyLog

/// A hospital's chain as the consortium chain sees it: leaves of which only the hashes are there, headers,
/// checkpoints with genuine signatures, and proofs of their true length.
struct SimulatedHospital {
  let id: String
  private let genesis: ValidGenesis
  private let logKey: LogKey
  private let cosigner: CosignerKey
  private var tree: TiledTree<CountedTiles>
  private var header: BlockHeader?
  /// Up to where it has made an anchor.
  private(set) var offeredSize: UInt64 = 0
  /// Consortium blocks since its last block.
  var idleBlocks: UInt64 = 0
  /// Leaves of visits that no block has ended.
  private var openLeaves = 0.0
  var demandCount: UInt64 = 0

  init(
    _ id: String, _ genesis: ValidGenesis, _ logKey: LogKey, _ cosigner: CosignerKey,
    length: UInt64, tiles: SharedTiles
  ) throws {
    (self.id, self.genesis, self.logKey, self.cosigner) = (id, genesis, logKey, cosigner)
    tree = try TiledTree(size: length, store: CountedTiles(common: tiles))
  }

  /// Items are written, of so many leaves on average.
  mutating func write(leaves: Double) { openLeaves += leaves }

  /// Closes a block on the base of the last final consortium block, and has it confirmed.
  ///
  /// - Parameter anchored: up to where the chain is anchored.
  /// - Returns: its anchor.
  mutating func anchor(
    on base: ConsortiumBlock, after anchored: UInt64, using random: inout SimulationGenerator
  ) throws -> Anchor {
    // The base itself, and what was written.
    let items = 1 + Int(openLeaves)
    openLeaves -= openLeaves.rounded(.down)
    let first = tree.size
    for _ in 0..<items { try tree.append(leafHash: random.bytes(32)) }
    let next = BlockHeader(
      genesis: genesis.digest, chain: id, generation: 0, height: header.map { $0.height + 1 } ?? 0,
      previous: header?.digest ?? .zero, firstIndex: first, itemCount: UInt64(items),
      stateDigest: Digest32(random.bytes(32)) ?? .zero, base: base.reference, time: base.time,
      countedTime: base.countedTime, answeredThrough: demandCount)
    try tree.append(leafHash: MerkleHash.leaf(Leaf.header(next).encoded()))
    let checkpoint = try Checkpoint(
      origin: logKey.verifier.origin, size: tree.size, root: tree.root())
    let note = try logKey.sign(checkpoint).note
      .adding(cosigner.cosign(checkpoint, at: base.time).note)
    let anchor = Anchor(
      hospital: id, note: note.encoded, header: next,
      inclusion: try tree.inclusionProof(index: next.index, size: tree.size).hashes,
      consistency: anchored == 0
        ? [] : try tree.consistencyProof(from: anchored, to: tree.size).hashes)
    (header, offeredSize, idleBlocks) = (next, tree.size, 0)
    return anchor
  }

  /// How long the chain is.
  var size: UInt64 { tree.size }
}

/// Tiles of a tree with which all hospitals' chains begin, so that it is made once.
final class SharedTiles: Sendable {
  fileprivate struct Place: Hashable {
    let level: Int
    let index: UInt64
  }

  fileprivate let tiles: [Place: [UInt8]]

  init(length: UInt64, using random: inout SimulationGenerator) throws {
    var tree = try TiledTree(size: 0, store: NoTiles())
    var tiles: [Place: [UInt8]] = [:]
    var word = random.bytes(32)
    for _ in 0..<length {
      word = MerkleHash.leaf(word)
      try tree.append(leafHash: word)
    }
    for tile in tree.takeChangedTiles() {
      tiles[Place(level: tile.level, index: tile.index)] = tile.hashes
    }
    self.tiles = tiles
  }
}

private struct NoTiles: TileStore {
  func tile(level: Int, index: UInt64) throws(Never) -> [UInt8]? { nil }
}

/// What was there at the beginning; what came since is still in the tree.
private struct CountedTiles: TileStore {
  let common: SharedTiles

  func tile(level: Int, index: UInt64) throws(Never) -> [UInt8]? {
    common.tiles[SharedTiles.Place(level: level, index: index)]
  }
}
