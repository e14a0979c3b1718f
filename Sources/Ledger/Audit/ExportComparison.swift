import TransparencyLog

/// How one chain in two exports of one ledger goes together: which of the two goes on where the other
/// ends, or where they part.
///
/// It compares roots of trees, so neither export has to be read again after ``Verification``.
public enum ExportComparison: Equatable, Sendable {
  case same
  /// The first has all leaves of the second, and more.
  case firstGoesOn
  /// The second has all leaves of the first, and more.
  case secondGoesOn
  /// Both have the leaves before this one, and then others.
  case parts(atLeaf: UInt64)

  /// One chain of an export, as it was verified.
  public struct Chain {
    let size: UInt64
    let store: any StateStore

    /// - Parameters:
    ///   - size: how many of its leaves are compared: at most as many as were read.
    ///   - store: the one that ``Verification`` was given for the chain.
    public init(size: UInt64, store: any StateStore) { (self.size, self.store) = (size, store) }

    fileprivate func tree() throws -> TiledTree<VerifiedTiles> {
      try TiledTree(size: size, store: VerifiedTiles(store: store))
    }
  }

  /// - Throws: ``StoreError``, and of a store that is not that of the chain.
  public init(_ first: Chain, _ second: Chain) throws {
    let (a, b) = (try first.tree(), try second.tree())
    /// Whether both have the same first `size` leaves.
    func isCommon(_ size: UInt64) throws -> Bool { try a.root(size: size) == b.root(size: size) }
    let common = min(first.size, second.size)
    guard try isCommon(common) else {
      // As trees with equal leaves have equal roots, and no others, this is one border.
      var (equal, different) = (UInt64(0), common)
      while different - equal > 1 {
        let middle = equal + (different - equal) / 2
        if try isCommon(middle) { equal = middle } else { different = middle }
      }
      self = .parts(atLeaf: equal)
      return
    }
    self =
      first.size == second.size ? .same : first.size > second.size ? .firstGoesOn : .secondGoesOn
  }
}
