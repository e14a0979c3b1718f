/// An append-only tree of leaves (RFC 6962) that keeps the hash of every complete subtree.
///
/// An append takes two hashes on average; a root or a proof, of this size or of any earlier one,
/// at most one for each level. It holds 64 bytes a leaf.
public struct MerkleTree: Sendable {
  /// `levels[k]` holds one after the other the hashes of the complete subtrees of 2ᵏ leaves.
  private var levels: [[UInt8]] = []
  /// How many leaves there are.
  public private(set) var size: UInt64 = 0

  /// Without a leaf.
  public init() {}

  /// Of these leaves, in their order.
  public init(leaves: some Sequence<[UInt8]>) {
    for leaf in leaves { append(leaf) }
  }

  /// Puts a leaf behind all others.
  public mutating func append(_ leaf: [UInt8]) {
    var hash = MerkleHash.leaf(leaf)
    var level = 0
    // Each trailing one in the binary size is a subtree that finds its right sibling.
    while true {
      if level == levels.count { levels.append([]) }
      levels[level] += hash
      guard size >> level & 1 == 1 else { break }
      hash = MerkleHash.node(levels[level].suffix(2 * MerkleHash.byteCount))
      level += 1
    }
    size += 1
  }

  /// The root over all leaves.
  public var root: [UInt8] { root(size: size) }

  /// The root over the first leaves.
  /// - Precondition: `size` is not above that of the tree.
  public func root(size: UInt64) -> [UInt8] {
    precondition(size <= self.size, "the tree is smaller")
    return size == 0 ? MerkleHash.empty : (0..<size).merkleHash(completeHash)
  }

  /// PATH(m, D[n]): that the leaf at `index` stands in the tree of `size` leaves.
  /// - Throws: `range` unless `index` < `size` ≤ that of the tree.
  public func inclusionProof(
    index: UInt64, size: UInt64
  ) throws(TransparencyLogError) -> InclusionProof {
    guard index < size, size <= self.size else {
      throw TransparencyLogError(.range, "no leaf \(index) in the tree of size \(size)")
    }
    return InclusionProof(path: (0..<size).merklePath(to: index, completeHash))
  }

  /// PROOF(m, D[n]): that the tree of `newSize` leaves begins with that of `oldSize`.
  /// - Throws: `range` unless `oldSize` ≤ `newSize` ≤ the size of the tree.
  public func consistencyProof(
    from oldSize: UInt64, to newSize: UInt64
  ) throws(TransparencyLogError) -> ConsistencyProof {
    guard oldSize <= newSize, newSize <= size else {
      throw TransparencyLogError(.range, "no tree of size \(newSize) after one of size \(oldSize)")
    }
    return ConsistencyProof(
      path: oldSize == 0
        ? []
        : (0..<newSize).merkleSubproof(upTo: oldSize, isWholeOldTree: true, completeHash))
  }

  /// Of the complete subtree over these leaves, 2ᵏ of them at a multiple of 2ᵏ.
  private func completeHash(of leaves: Range<UInt64>) -> [UInt8] {
    let level = (leaves.upperBound - leaves.lowerBound).trailingZeroBitCount
    let offset = Int(leaves.lowerBound >> level) * MerkleHash.byteCount
    return Array(levels[level][offset..<offset + MerkleHash.byteCount])
  }
}
