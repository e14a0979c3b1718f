// The recursions of RFC 6962 over a range of leaves. Whoever has the hashes of complete subtrees
// gives them; all other subtrees lie on the right edge.

extension Range<UInt64> {
  /// Where RFC 6962 divides these leaves, two or more: the left part is complete, its size k the
  /// largest power of two below theirs.
  private var merkleSplit: UInt64 {
    lowerBound + 1 << (UInt64.bitWidth - 1 - (upperBound - lowerBound - 1).leadingZeroBitCount)
  }

  var leftSubtree: Self { lowerBound..<merkleSplit }
  var rightSubtree: Self { merkleSplit..<upperBound }

  /// MTH(D[self]) of one leaf or more.
  func merkleHash<Failure>(
    _ complete: (Self) throws(Failure) -> [UInt8]
  ) throws(Failure) -> [UInt8] {
    let count = upperBound - lowerBound
    guard count & (count - 1) == 0 else {
      return MerkleHash.node(
        try leftSubtree.merkleHash(complete), try rightSubtree.merkleHash(complete))
    }
    return try complete(self)
  }

  /// PATH(index, D[self]).
  func merklePath<Failure>(
    to index: UInt64, _ complete: (Self) throws(Failure) -> [UInt8]
  ) throws(Failure) -> [[UInt8]] {
    if upperBound - lowerBound == 1 { return [] }
    let (left, right) = (leftSubtree, rightSubtree)
    return left.contains(index)
      ? try left.merklePath(to: index, complete) + [try right.merkleHash(complete)]
      : try right.merklePath(to: index, complete) + [try left.merkleHash(complete)]
  }

  /// SUBPROOF(m, D[self], b): b tells that the verifier has the hash of the old tree's part.
  func merkleSubproof<Failure>(
    upTo end: UInt64, isWholeOldTree: Bool, _ complete: (Self) throws(Failure) -> [UInt8]
  ) throws(Failure) -> [[UInt8]] {
    if end == upperBound { return isWholeOldTree ? [] : [try merkleHash(complete)] }
    let (left, right) = (leftSubtree, rightSubtree)
    return end <= left.upperBound
      ? try left.merkleSubproof(upTo: end, isWholeOldTree: isWholeOldTree, complete)
        + [try right.merkleHash(complete)]
      : try right.merkleSubproof(upTo: end, isWholeOldTree: false, complete)
        + [try left.merkleHash(complete)]
  }
}
