public import CanonicalEncoding
public import Pairings

/// PK_v of a context, after its proof: the only key that records are sealed to.
public struct VerifiedVisitKey<Suite: PairingSuite>: Sendable {
  public let context: VisitContext
  /// Of the visit that the key is for.
  public let contextDigest: Digest32
  /// PK_v.
  public let point: Suite.G2
  let prepared: Suite.PreparedG2

  /// Checks e(π, g2) = e(H_vk(context), PK_v).
  ///
  /// - Parameter proof: π in G1, compressed.
  public init(verifying proof: [UInt8], of context: VisitContext) throws(SchemeError) {
    try self.init(alreadyVerified: context)
    let expected = Suite.hash(context.encoded(), .visitKey)
    guard
      Suite.pairingProductIsIdentity([
        (try Suite.G1("π", proof), SuiteConstants<Suite>.shared.preparedGenerator),
        (-expected, prepared),
      ])
    else { throw SchemeError(.visitKeyProof, "e(π, g2) ≠ e(H_vk(context), PK_v)") }
  }

  /// For a context from a ledger state that verified the proof before.
  package init(alreadyVerified context: VisitContext) throws(SchemeError) {
    point = try Self.decode(context)
    self.context = context
    contextDigest = context.digest
    prepared = Suite.prepare(point)
  }

  /// PK_v, whose proof is still to be checked.
  static func decode(_ context: VisitContext) throws(SchemeError) -> Suite.G2 {
    guard context.suite == Suite.name else {
      throw SchemeError(.foreignContext, "a visit on \(context.suite), not \(Suite.name)")
    }
    return try Suite.G2("PK_v", context.visitKey)
  }
}
