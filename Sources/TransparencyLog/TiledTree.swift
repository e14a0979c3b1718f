/// What holds the hash tiles of a ``TiledTree``.
public protocol TileStore: Sendable {
  /// Why a tile cannot be read.
  associatedtype Failure: Error

  /// The hashes of the tile that are stored, 32 bytes each and up to 256 of them; nil if there are
  /// none. More than the tree has is no harm: the first hashes of a tile never change.
  func tile(level: Int, index: UInt64) throws(Failure) -> [UInt8]?
}

/// Why a ``TiledTree`` cannot be read.
public enum TiledTreeError<StoreFailure: Error>: Error {
  /// `range` for what the tree does not have, `tile` if what the store holds is not of this tree.
  case log(TransparencyLogError)
  case store(StoreFailure)
}

/// The hashes of a tile.
public struct HashTile: Sendable, Hashable {
  /// 0 for hashes of leaves; each hash of level l is over 256^l leaves.
  public let level: Int
  /// Counts from 0 within the level.
  public let index: UInt64
  /// 32 bytes each, 1 to 256 of them.
  public let hashes: [UInt8]

  /// How many hashes it has, 1 to 256.
  public var width: Int { hashes.count / MerkleHash.byteCount }
  public var path: TilePath { TilePath(of: self) }
}

/// An append-only tree of leaves (RFC 6962) whose hashes lie in tiles (C2SP tlog-tiles) in a store.
///
/// Only the tiles on the right edge are in memory, at most one a level, and what has not been taken
/// by ``takeChangedTiles()``. So neither memory nor the cost of an append grows with the size. A root
/// or a proof, of this size or any earlier one, reads a few tiles a level, each of which is compared
/// with its hash in the tile above before anything is made of it: a store that has lost or changed
/// a tile leads to an error, not to a false proof.
///
/// It is a value. Whoever appends works on a copy, commits the changed tiles together with all that
/// belongs to them, and then keeps the copy; a copy that is dropped never was.
///
///     var next = tree
///     for leaf in leaves { try next.append(leafHash: MerkleHash.leaf(leaf)) }
///     let tiles = next.takeChangedTiles()
///     try commit(tiles, …)
///     tree = next
public struct TiledTree<Store: TileStore>: Sendable {
  /// What reading it can come to.
  public typealias Failure = TiledTreeError<Store.Failure>

  private struct Place: Hashable {
    let level: Int
    let index: UInt64
  }

  private static var levelCount: Int { 8 }
  private static var fullByteCount: Int { TilePath.fullWidth * MerkleHash.byteCount }

  private let store: Store
  /// How many leaves there are.
  public private(set) var size: UInt64
  /// The hashes in the last tile of each level, which is not full.
  private var edge: [[UInt8]]
  private var changedEdges: Set<Int> = []
  /// Tiles that became full and were not taken yet.
  private var filled: [Place: [UInt8]] = [:]

  /// Opens the tree of the first `size` leaves.
  ///
  /// - Parameter root: the root at this size, from where it is known to be right. Without it the
  ///   tiles on the right edge are taken as they are.
  /// - Throws: `range` if the size is above 2⁶³ − 1, `tile` if a tile is missing, too short or too
  ///   long, or if they do not have the root; what the store throws.
  public init(size: UInt64, root: [UInt8]? = nil, store: Store) throws(Failure) {
    guard size <= UInt64.largest else {
      throw .log(TransparencyLogError(.range, "no tree has \(size) leaves"))
    }
    self.store = store
    self.size = size
    edge = Array(repeating: [], count: Self.levelCount)
    for level in edge.indices {
      let byteCount = Int(size >> (8 * level) & 0xff) * MerkleHash.byteCount
      if byteCount == 0 { continue }
      let place = Place(level: level, index: size >> (8 * (level + 1)))
      edge[level] = try Self.stored(place, byteCount, in: store)
    }
    if let root, try self.root() != root {
      throw .log(TransparencyLogError(.tile, "the tiles of size \(size) have another root"))
    }
  }

  /// Appends a leaf by its hash, ``MerkleHash/leaf(_:)``.
  /// - Throws: `encoding` if the hash is not 32 bytes, `range` if the tree is full.
  public mutating func append(leafHash: [UInt8]) throws(TransparencyLogError) {
    try MerkleHash.check(leafHash)
    guard size < UInt64.largest else {
      throw TransparencyLogError(.range, "the tree has as many leaves as there can be")
    }
    var hash = leafHash
    for level in edge.indices {
      edge[level] += hash
      changedEdges.insert(level)
      guard edge[level].count == Self.fullByteCount else { break }
      hash = MerkleHash.fold(edge[level][...])
      filled[Place(level: level, index: size >> (8 * (level + 1)))] = edge[level]
      edge[level] = []
    }
    size += 1
  }

  /// The tiles whose bytes changed since they were last taken, each with all its hashes, in the order
  /// of levels and then of indices.
  public var changedTiles: [HashTile] {
    let partial = changedEdges.compactMap { level in
      edge[level].isEmpty
        ? nil
        : HashTile(level: level, index: size >> (8 * (level + 1)), hashes: edge[level])
    }
    let full = filled.map { HashTile(level: $0.level, index: $0.index, hashes: $1) }
    return (partial + full).sorted { ($0.level, $0.index) < ($1.level, $1.index) }
  }

  /// Returns ``changedTiles``, and from then on expects those that are full in the store.
  public mutating func takeChangedTiles() -> [HashTile] {
    defer { (changedEdges, filled) = ([], [:]) }
    return changedTiles
  }

  /// The root over all leaves.
  public func root() throws(Failure) -> [UInt8] { try root(size: size) }

  /// The root over the first leaves.
  /// - Throws: `range` if `size` is above that of the tree, `tile`, what the store throws.
  public func root(size: UInt64) throws(Failure) -> [UInt8] {
    guard size <= self.size else {
      throw .log(TransparencyLogError(.range, "the tree has only \(self.size) leaves"))
    }
    if size == 0 { return MerkleHash.empty }
    var reader = Reader(tree: self)
    return try (0..<size).merkleHash { leaves throws(Failure) in try reader.hash(of: leaves) }
  }

  /// The hash of the leaf at `index`.
  /// - Throws: `range` unless `index` is below the size, `tile`, what the store throws.
  public func leafHash(at index: UInt64) throws(Failure) -> [UInt8] {
    guard index < size else {
      throw .log(TransparencyLogError(.range, "the tree has only \(size) leaves"))
    }
    var reader = Reader(tree: self)
    return try reader.hash(of: index..<index + 1)
  }

  /// PATH(m, D[n]): that the leaf at `index` stands in the tree of `size` leaves.
  /// - Throws: `range` unless `index` < `size` ≤ that of the tree, `tile`, what the store throws.
  public func inclusionProof(index: UInt64, size: UInt64) throws(Failure) -> InclusionProof {
    guard index < size, size <= self.size else {
      throw .log(TransparencyLogError(.range, "no leaf \(index) in the tree of size \(size)"))
    }
    var reader = Reader(tree: self)
    return InclusionProof(
      path: try (0..<size).merklePath(to: index) { leaves throws(Failure) in
        try reader.hash(of: leaves)
      })
  }

  /// PROOF(m, D[n]): that the tree of `newSize` leaves begins with that of `oldSize`.
  /// - Throws: `range` unless `oldSize` ≤ `newSize` ≤ the size of the tree, `tile`, what the store
  ///   throws.
  public func consistencyProof(
    from oldSize: UInt64, to newSize: UInt64
  ) throws(Failure) -> ConsistencyProof {
    guard oldSize <= newSize, newSize <= size else {
      throw .log(
        TransparencyLogError(.range, "no tree of size \(newSize) after one of size \(oldSize)"))
    }
    if oldSize == 0 { return ConsistencyProof(path: []) }
    var reader = Reader(tree: self)
    return ConsistencyProof(
      path: try (0..<newSize).merkleSubproof(upTo: oldSize, isWholeOldTree: true) {
        leaves throws(Failure) in try reader.hash(of: leaves)
      })
  }

  /// The first bytes of a stored tile.
  private static func stored(
    _ place: Place, _ byteCount: Int, in store: Store
  ) throws(Failure) -> [UInt8] {
    let bytes: [UInt8]?
    do { bytes = try store.tile(level: place.level, index: place.index) } catch {
      throw .store(error)
    }
    guard let bytes, (byteCount...fullByteCount).contains(bytes.count),
      bytes.count.isMultiple(of: MerkleHash.byteCount)
    else {
      throw .log(
        TransparencyLogError(
          .tile, "tile \(place.index) of level \(place.level) is missing, too short or too long"))
    }
    return Array(bytes.prefix(byteCount))
  }

  /// Reads each tile once for one root or proof.
  private struct Reader {
    let tree: TiledTree
    var read: [Place: [UInt8]] = [:]

    /// The hash of the complete subtree over these leaves, 2ᵏ of them at a multiple of 2ᵏ.
    mutating func hash(of leaves: Range<UInt64>) throws(Failure) -> [UInt8] {
      let exponent = (leaves.upperBound - leaves.lowerBound).trailingZeroBitCount
      let level = exponent / 8
      let first = leaves.lowerBound >> (8 * level)
      let hashes = try tile(Place(level: level, index: first >> 8))
      let start = Int(first & 0xff) * MerkleHash.byteCount
      return MerkleHash.fold(
        hashes[start..<start + (1 << (exponent % 8)) * MerkleHash.byteCount])
    }

    private mutating func tile(_ place: Place) throws(Failure) -> [UInt8] {
      if let known = read[place] ?? tree.filled[place] { return known }
      if place.index == tree.size >> (8 * (place.level + 1)) { return tree.edge[place.level] }
      // Left of the edge every tile is full, and its hash stands in the one above.
      let hashes = try TiledTree.stored(place, TiledTree.fullByteCount, in: tree.store)
      let above = try tile(Place(level: place.level + 1, index: place.index >> 8))
      let start = Int(place.index & 0xff) * MerkleHash.byteCount
      guard MerkleHash.fold(hashes[...]) == Array(above[start..<start + MerkleHash.byteCount])
      else {
        throw .log(
          TransparencyLogError(
            .tile, "tile \(place.index) of level \(place.level) is not of this tree"))
      }
      read[place] = hashes
      return hashes
    }
  }
}
