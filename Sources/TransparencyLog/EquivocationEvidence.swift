/// Proof that a key, of a log or a cosigner, signed two checkpoints of one log that contradict each
/// other.
///
/// It exists only for checkpoints whose signatures have been verified, so that nobody can be
/// accused by somebody else's signature, nor by a proof that merely fails.
public struct EquivocationEvidence: Sendable, Equatable {
  /// Of the smaller tree; of one size, the first that was given.
  public let earlier: AttestedCheckpoint
  /// The one that contradicts it.
  public let later: AttestedCheckpoint
  /// Who signed both.
  public let culprits: Set<NoteVerifierKey>

  /// Two checkpoints of one size with different roots.
  /// - Throws: `no-contradiction`.
  public init(
    _ one: AttestedCheckpoint, _ other: AttestedCheckpoint
  ) throws(TransparencyLogError) {
    guard one.checkpoint.size == other.checkpoint.size else {
      throw TransparencyLogError(.noContradiction, "trees of two sizes need a proof")
    }
    try self.init(
      one, other, prefixRoot: other.checkpoint.root, prefixProof: ConsistencyProof(path: []))
  }

  /// Checkpoints of two sizes, where the later tree begins with another tree than the earlier one.
  ///
  /// The later root commits to one root for every smaller size. So a proof of consistency with
  /// *another* root at the earlier size shows that who signed both checkpoints saw two logs.
  /// - Parameters:
  ///   - prefixRoot: the root at the earlier size in the later tree.
  ///   - prefixProof: shows it.
  /// - Throws: `no-contradiction` if the prefix is what the earlier checkpoint says, the logs are
  ///   two, or nobody signed both; `proof` or `range` if the prefix is not shown.
  public init(
    _ earlier: AttestedCheckpoint, _ later: AttestedCheckpoint, prefixRoot: [UInt8],
    prefixProof: ConsistencyProof
  ) throws(TransparencyLogError) {
    let (old, new) = (earlier.checkpoint, later.checkpoint)
    try prefixProof.verify(
      oldSize: old.size, oldRoot: prefixRoot, newSize: new.size, newRoot: new.root)
    guard old.root != prefixRoot else {
      throw TransparencyLogError(.noContradiction, "the checkpoints can be of one log")
    }
    culprits = try earlier.commonKeys(with: later)
    (self.earlier, self.later) = (earlier, later)
  }
}

/// Proof that a key, of a log or a cosigner, signed two checkpoints of one log with different leaves
/// at one index: what a log that only grows cannot have.
///
/// As with ``EquivocationEvidence``, both signatures and both proofs have been verified.
public struct LeafEquivocationEvidence: Sendable, Equatable {
  /// A leaf under a checkpoint.
  public struct Side: Sendable, Equatable {
    public let checkpoint: AttestedCheckpoint
    /// The leaf's own hash in the tree, 32 bytes.
    public let leafHash: [UInt8]
    /// From the leaf to the root of the checkpoint.
    public let inclusion: InclusionProof

    public init(checkpoint: AttestedCheckpoint, leafHash: [UInt8], inclusion: InclusionProof) {
      (self.checkpoint, self.leafHash, self.inclusion) = (checkpoint, leafHash, inclusion)
    }

    func verify(at index: UInt64) throws(TransparencyLogError) {
      try inclusion.verify(
        leafHash: leafHash, index: index, size: checkpoint.checkpoint.size,
        root: checkpoint.checkpoint.root)
    }
  }

  /// Of both leaves.
  public let index: UInt64
  /// The leaf under the first checkpoint.
  public let one: Side
  /// Another leaf at the same index, under the second.
  public let other: Side
  /// Who signed both checkpoints.
  public let culprits: Set<NoteVerifierKey>

  /// - Throws: `no-contradiction` if the leaves are the same, the logs are two, or nobody signed
  ///   both; `proof`, `range` or `encoding` if a leaf is not shown.
  public init(index: UInt64, _ one: Side, _ other: Side) throws(TransparencyLogError) {
    try one.verify(at: index)
    try other.verify(at: index)
    guard one.leafHash != other.leafHash else {
      throw TransparencyLogError(.noContradiction, "the leaf is the same under both checkpoints")
    }
    culprits = try one.checkpoint.commonKeys(with: other.checkpoint)
    (self.index, self.one, self.other) = (index, one, other)
  }
}
