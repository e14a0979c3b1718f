internal import CanonicalEncoding
internal import Pairings

extension SigningChain {
  /// D_k's signature after those of D_1 … D_{k−1} (4.4):
  ///
  ///     R_k = R_{k−1} + r·g1
  ///     Z_k = r·Σ_{i<k}(B_i + i·C_i)
  ///     Q_k = d1·W_k + Q_{k−1} + (d2 + k·d3)·R_k + Z_k
  ///
  /// The signature covers commitments, and takes the findings: nobody signs what they have not
  /// seen, or can deny later to have seen it (item 7).
  ///
  /// - Parameters:
  ///   - findings: m_1 … m_k with their salts, D_k's own last.
  ///   - previous: what came before, verified by Eq. (2); nil for D_1.
  /// - Throws: ``SchemeError`` `commitment` unless the first k − 1 findings open the previous
  ///   commitments; `foreignContext` for a previous signature of another visit; `position` unless
  ///   the key is D_k's; `attempt` beyond 1 + N.
  public func sign(
    _ findings: [Finding], after previous: VerifiedSignature<Suite>?,
    with secret: DoctorSigningKey<Suite>, using generator: inout some RandomNumberGenerator
  ) throws(SchemeError) -> SequentialSignature<Suite> {
    let commitments = [FindingCommitment](to: findings, contextDigest: contextDigest)
    guard let own = commitments.last, (previous?.commitments ?? []) == Array(commitments.dropLast())
    else {
      throw SchemeError(.commitment, "the findings do not open the commitments signed before")
    }
    return try sign(own, after: previous, with: secret, using: &generator)
  }

  /// Signs for findings that were opened before.
  package func sign(
    _ own: FindingCommitment, after previous: VerifiedSignature<Suite>?,
    with secret: DoctorSigningKey<Suite>, using generator: inout some RandomNumberGenerator
  ) throws(SchemeError) -> SequentialSignature<Suite> {
    guard previous == nil || previous?.contextDigest == contextDigest else {
      throw SchemeError(.foreignContext, "the previous signature belongs to another visit")
    }
    let commitments = (previous?.commitments ?? []) + [own]
    try checkForm(commitments)
    let k = commitments.count
    guard signers[k - 1].key == secret.publicKey else {
      throw SchemeError(.position, "place \(k) in the order is another doctor's")
    }
    let chain = FindingChain(contextDigest: contextDigest, commitments: commitments)
    let w = Suite.hash(chain.encoded(), .chain)
    let exponent = SecretScalar(secret.d2.value + Suite.Scalar(UInt64(k)) * secret.d3.value)
    let earlierKeys = keySum(through: k - 1, \.b1, \.c1)
    while true {
      let nonce = SecretScalar<Suite.Scalar>(using: &generator)
      let r = (previous?.signature.r ?? .identity) + .generatorMultiplied(by: nonce.value)
      // R_k = 0 has probability 1/p, and would be refused by every verifier.
      if r.isIdentity { continue }
      // D_1's Z is 0, as nobody signed before.
      let (scalars, points) =
        k == 1
        ? ([secret.d1, exponent], [w, r])
        : ([secret.d1, exponent, nonce], [w, r, earlierKeys])
      let q = SecretScalar.sum(scalars, points)
      return SequentialSignature(r: r, q: q + (previous?.signature.q ?? .identity))
    }
  }
}
