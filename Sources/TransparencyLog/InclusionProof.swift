/// The hashes that lead from a leaf to a root (RFC 6962 section 2.1.1), the leaf's sibling first.
public struct InclusionProof: Sendable, Equatable {
  /// From the leaf upwards, 32 bytes each.
  public let hashes: [[UInt8]]

  init(path hashes: [[UInt8]]) { self.hashes = hashes }

  /// - Throws: `too-large` above 64 hashes, `encoding` if one is not 32 bytes.
  public init(hashes: [[UInt8]]) throws(TransparencyLogError) {
    try MerkleHash.check(proof: hashes)
    self.hashes = hashes
  }

  /// Shows that the leaf of this hash stands at `index` in the tree of `size` leaves and this root.
  ///
  /// Size and root have to come from one checkpoint: trees of sizes between the same powers of two
  /// can have paths of one shape, so the root alone does not bind the size.
  /// - Throws: `range` unless `index` < `size`, `proof` if the hashes do not lead to the root or are
  ///   not exactly those that it takes, `encoding` if the leaf's hash is not 32 bytes.
  public func verify(
    leafHash: [UInt8], index: UInt64, size: UInt64, root: [UInt8]
  ) throws(TransparencyLogError) {
    try MerkleHash.check(leafHash)
    guard index < size else {
      throw TransparencyLogError(.range, "no leaf \(index) in a tree of size \(size)")
    }
    var path = hashes[...]
    guard Self.root(over: leafHash, at: index, in: 0..<size, &path) == root, path.isEmpty else {
      throw TransparencyLogError(.proof, "the proof does not lead from leaf \(index) to the root")
    }
  }

  /// The way ``MerkleTree`` takes to make a path, back again: the last hash is the topmost sibling.
  /// - Returns: nil if there are too few hashes.
  private static func root(
    over leaf: [UInt8], at index: UInt64, in leaves: Range<UInt64>,
    _ path: inout ArraySlice<[UInt8]>
  ) -> [UInt8]? {
    if leaves.upperBound - leaves.lowerBound == 1 { return leaf }
    guard let sibling = path.popLast() else { return nil }
    return leaves.leftSubtree.contains(index)
      ? root(over: leaf, at: index, in: leaves.leftSubtree, &path).map {
        MerkleHash.node($0, sibling)
      }
      : root(over: leaf, at: index, in: leaves.rightSubtree, &path).map {
        MerkleHash.node(sibling, $0)
      }
  }
}
