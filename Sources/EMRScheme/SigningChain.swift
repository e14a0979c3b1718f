public import CanonicalEncoding
public import Pairings

/// The team of one visit in its order s, ready to sign and verify (4.4).
public struct SigningChain<Suite: PairingSuite>: Sendable {
  public let context: VisitContext
  /// Stands in all that the team signs.
  public let contextDigest: Digest32
  /// The keys of the team, in the order s.
  public let signers: [PreparedDoctorKey<Suite>]

  /// - Throws: ``SchemeError`` if the keys are not those of the context, of another ledger or
  ///   suite, or if two doctors have a key in common.
  public init(
    context: VisitContext, signers: [PreparedDoctorKey<Suite>]
  ) throws(SchemeError) {
    guard context.suite == Suite.name else {
      throw SchemeError(.foreignContext, "a visit on \(context.suite), not \(Suite.name)")
    }
    guard (1...Limits.teamSize).contains(signers.count),
      context.signers == signers.map(\.verified.statement.signer)
    else { throw SchemeError(.team, "the keys are not those of the team in the context") }
    guard signers.allSatisfy({ $0.verified.statement.genesis == context.genesis }) else {
      throw SchemeError(.foreignContext, "a doctor is registered on another ledger")
    }
    guard Set(context.signers.map(\.doctor)).count == signers.count,
      [\VisitContext.Signer.a, \.b, \.c].allSatisfy({ point in
        Set(context.signers.map { $0[keyPath: point] }).count == signers.count
      })
    else { throw SchemeError(.equalKeys, "two doctors of the team have a key in common") }
    self.context = context
    contextDigest = context.digest
    self.signers = signers
  }

  /// W_k = H0(context, k, (com_1, a_1) … (com_k, a_k)) of every k = 1…`commitments.count`.
  func messages(_ commitments: [FindingCommitment]) -> [Suite.G1] {
    commitments.indices.map { Suite.hash(message(commitments[...$0]), .chain) }
  }

  /// (context, k, (com_1, a_1) … (com_k, a_k)), of which W_k is a hash.
  func message(_ commitments: ArraySlice<FindingCommitment>) -> [UInt8] {
    FindingChain(contextDigest: contextDigest, commitments: commitments).encoded()
  }

  /// Σ_{i ≤ k} (B_i + i·C_i), in the source group that the two key paths lead to.
  func keySum<Group: PairingSourceGroup>(
    through k: Int, _ b: KeyPath<DoctorPublicKey<Suite>, Group>,
    _ c: KeyPath<DoctorPublicKey<Suite>, Group>
  ) -> Group {
    // Σ i·C_i by suffix sums, as Σ_i Σ_{j ≥ i} C_j: additions only.
    var suffix = Group.identity
    var sum = Group.identity
    for signer in signers[..<k].reversed() {
      suffix = suffix + signer.key[keyPath: c]
      sum = sum + suffix + signer.key[keyPath: b]
    }
    return sum
  }

  /// What holds of a chain of commitments before any equation is looked at.
  func checkForm(_ commitments: [FindingCommitment]) throws(SchemeError) {
    guard (1...signers.count).contains(commitments.count) else {
      throw SchemeError(.position, "\(commitments.count) signatures in a team of \(signers.count)")
    }
    guard commitments.allSatisfy({ 1...context.resignatureLimit + 1 ~= $0.attempt }) else {
      throw SchemeError(
        .attempt, "an attempt is not in 1 to \(context.resignatureLimit + 1)")
    }
  }
}
