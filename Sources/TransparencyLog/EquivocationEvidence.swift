/// Proof that a key cosigned two checkpoints of one log that contradict each other.
///
/// It exists only for checkpoints whose cosignatures have been verified, so that nobody can be
/// accused by somebody else's signature, nor by a proof that merely fails.
public struct EquivocationEvidence: Sendable, Equatable {
  public let earlier: CosignedCheckpoint
  public let later: CosignedCheckpoint
  /// Who cosigned both.
  public let culprits: Set<CosignerVerifier>

  /// Two checkpoints of one size with different roots.
  /// - Throws: `no-contradiction`.
  public init(
    _ one: CosignedCheckpoint, _ other: CosignedCheckpoint
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
  /// *another* root at the earlier size shows that the cosigners of both checkpoints saw two logs.
  /// - Parameters:
  ///   - prefixRoot: the root at the earlier size in the later tree.
  ///   - prefixProof: shows it.
  /// - Throws: `no-contradiction` if the prefix is what the earlier checkpoint says, the logs are
  ///   two, or nobody cosigned both; `proof` or `range` if the prefix is not shown.
  public init(
    _ earlier: CosignedCheckpoint, _ later: CosignedCheckpoint, prefixRoot: [UInt8],
    prefixProof: ConsistencyProof
  ) throws(TransparencyLogError) {
    let (old, new) = (earlier.checkpoint, later.checkpoint)
    try prefixProof.verify(
      oldSize: old.size, oldRoot: prefixRoot, newSize: new.size, newRoot: new.root)
    guard old.origin.isSameUTF8(as: new.origin), old.root != prefixRoot else {
      throw TransparencyLogError(.noContradiction, "the checkpoints can be of one log")
    }
    let culprits = earlier.cosigners.intersection(later.cosigners)
    guard !culprits.isEmpty else {
      throw TransparencyLogError(.noContradiction, "no key cosigned both checkpoints")
    }
    self.earlier = earlier
    self.later = later
    self.culprits = culprits
  }
}
