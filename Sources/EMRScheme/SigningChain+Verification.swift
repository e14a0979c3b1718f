internal import Pairings

extension SigningChain {
  /// Checks Eq. (2), and Eq. (3) if all n have signed, as one product of k + 2 pairings:
  ///
  ///     e(Q_k, g2) = Π_{i ≤ k} e(W_i, A_i) · e(R_k, Σ_{i ≤ k}(B_i + i·C_i))
  ///
  /// - Parameter commitments: (com_1, a_1) … (com_k, a_k); their number is k.
  public func verify(
    _ signature: SequentialSignature<Suite>, commitments: [FindingCommitment]
  ) throws(SchemeError) -> VerifiedSignature<Suite> {
    try checkForm(commitments)
    try checkNonce(signature)
    let keys = Suite.prepare(keySum(through: commitments.count, \.b2, \.c2))
    let pairs =
      [(-signature.q, SuiteConstants<Suite>.shared.preparedGenerator), (signature.r, keys)]
      + zip(messages(commitments), signers.lazy.map(\.a))
    guard Suite.pairingProductIsIdentity(pairs) else { throw Self.equationFails }
    return VerifiedSignature(
      alreadyVerified: signature, contextDigest: contextDigest, commitments: commitments)
  }

  func checkNonce(_ signature: SequentialSignature<Suite>) throws(SchemeError) {
    if signature.r.isIdentity { throw SchemeError(.invalidPoint, "R is the identity") }
  }

  static var equationFails: SchemeError {
    SchemeError(.chainEquation, "the signatures of the team do not satisfy equation (3)")
  }
}
