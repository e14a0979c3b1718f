/// The hashes that show one tree to begin with another (RFC 6962 section 2.1.2).
public struct ConsistencyProof: Sendable, Equatable {
  /// In the order of RFC 6962, 32 bytes each.
  public let hashes: [[UInt8]]

  init(path hashes: [[UInt8]]) { self.hashes = hashes }

  /// - Throws: `too-large` above 64 hashes, `encoding` if one is not 32 bytes.
  public init(hashes: [[UInt8]]) throws(TransparencyLogError) {
    try MerkleHash.check(proof: hashes)
    self.hashes = hashes
  }

  /// Shows that the leaves under the old root are the first leaves under the new one.
  ///
  /// The proof is empty from size 0, and between trees of one size, whose roots must be equal.
  /// - Throws: `range` unless `oldSize` ≤ `newSize`, `proof` if the hashes do not lead to both roots
  ///   or are not exactly those that it takes, `encoding` if a root is not 32 bytes.
  public func verify(
    oldSize: UInt64, oldRoot: [UInt8], newSize: UInt64, newRoot: [UInt8]
  ) throws(TransparencyLogError) {
    try MerkleHash.check(oldRoot, newRoot)
    guard oldSize <= newSize else {
      throw TransparencyLogError(.range, "a tree of size \(oldSize) cannot shrink to \(newSize)")
    }
    guard leads(from: (oldSize, oldRoot), to: (newSize, newRoot)) else {
      throw TransparencyLogError(
        .proof, "the tree of size \(newSize) is not shown to begin with that of size \(oldSize)")
    }
  }

  private func leads(
    from old: (size: UInt64, root: [UInt8]), to new: (size: UInt64, root: [UInt8])
  ) -> Bool {
    if old.size == 0 {
      return hashes.isEmpty && old.root == MerkleHash.empty
        && (new.size > 0 || new.root == MerkleHash.empty)
    }
    var path = hashes[...]
    let roots = Self.roots(of: old.size, in: 0..<new.size, known: old.root, &path)
    return roots.map { $0 == old.root && $1 == new.root } == true && path.isEmpty
  }

  /// The way ``MerkleTree`` takes to make a proof, back again.
  ///
  /// - Parameter known: the hash of the old tree, as long as all of it lies in `leaves`.
  /// - Returns: the hashes of the old leaves and of all leaves among these; nil if the proof has
  ///   too few.
  private static func roots(
    of end: UInt64, in leaves: Range<UInt64>, known: [UInt8]?, _ path: inout ArraySlice<[UInt8]>
  ) -> (old: [UInt8], new: [UInt8])? {
    if end == leaves.upperBound { return (known ?? path.popLast()).map { ($0, $0) } }
    guard let sibling = path.popLast() else { return nil }
    return end <= leaves.leftSubtree.upperBound
      ? roots(of: end, in: leaves.leftSubtree, known: known, &path).map {
        ($0, MerkleHash.node($1, sibling))
      }
      : roots(of: end, in: leaves.rightSubtree, known: nil, &path).map {
        (MerkleHash.node(sibling, $0), MerkleHash.node(sibling, $1))
      }
  }
}
