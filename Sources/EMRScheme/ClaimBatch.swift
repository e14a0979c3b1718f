public import Pairings

/// What the ledger of one chain claims about points and pairings, collected to be decided together:
/// by whoever verifies a whole chain or catches up with it.
///
/// Claims of two chains never share a batch, so that the fault of one costs the other nothing.
public struct ClaimBatch<Suite: PairingSuite>: Sendable {
  /// Something that holds or does not, whoever looks.
  public enum Claim: Sendable {
    /// Eq. (3) of a complete visit (paper 4.4), R and Q compressed.
    case multisignature(SigningChain<Suite>, [FindingCommitment], signature: [UInt8])
    /// e(π, g2) = e(H_vk(context), PK_v), π compressed (specification, item 4).
    case visitKey(VisitContext, proof: [UInt8])
    /// R and Q are points of G1, and neither is the identity.
    case partialSignature([UInt8])
  }

  public private(set) var claims: [Claim] = []

  /// Without a claim.
  public init() {}

  /// Collects a claim, and looks at nothing of it.
  ///
  /// - Returns: its place among ``claims`` and among the results of ``verify(using:)``.
  @discardableResult
  public mutating func add(_ claim: Claim) -> Int {
    claims.append(claim)
    return claims.count - 1
  }

  /// Decides every claim: all equations as one product of pairings, and one by one if that fails.
  ///
  /// A claim of ill form fails by itself. Every point passes its own subgroup check when it is
  /// decoded: there is 3-torsion that a batched check cannot see (specification, item 23). Bytes
  /// that stand in two claims, as the last partial signature and the visit's do, are decoded once.
  ///
  /// Chains should share the ``PreparedDoctorKey``s of their doctors, whose pairings are then shared.
  /// While it runs, a visit takes about 40 kB on BLS12-381.
  ///
  /// - Parameter generator: the verifier's own. A false equation passes with probability 2^-128 at
  ///   most.
  /// - Returns: for each claim why it fails, or nil if it holds.
  public func verify(using generator: inout some RandomNumberGenerator) -> [SchemeError?] {
    var equations = ClaimEquations<Suite>()
    var signatures: [[UInt8]: Result<SequentialSignature<Suite>, SchemeError>] = [:]
    func decoded(_ bytes: [UInt8]) throws(SchemeError) -> SequentialSignature<Suite> {
      if let known = signatures[bytes] { return try known.get() }
      let result = Result { () throws(SchemeError) in
        try SequentialSignature<Suite>(encoded: bytes)
      }
      signatures[bytes] = result
      return try result.get()
    }

    var undecided: [Int] = []
    var failures = [SchemeError?](repeating: nil, count: claims.count)
    for (index, claim) in claims.enumerated() {
      do throws(SchemeError) {
        switch claim {
        case .multisignature(let chain, let commitments, let signature):
          try chain.checkComplete(commitments)
          equations.add(
            chain, commitments, try decoded(signature), weight: .randomWeight(using: &generator))
        case .visitKey(let context, let proof):
          let key = try VerifiedVisitKey<Suite>.decode(context)
          equations.add(
            context, key, proof: try Suite.G1("π", proof),
            weight: .randomWeight(using: &generator))
        case .partialSignature(let bytes):
          _ = try decoded(bytes)
          continue
        }
        undecided.append(index)
      } catch {
        failures[index] = error
      }
    }
    // A product of no pairings costs a final exponentiation all the same.
    if !undecided.isEmpty, !equations.hold {
      for index in undecided { failures[index] = claims[index].failure }
    }
    return failures
  }
}

extension ClaimBatch.Claim {
  /// Decides this claim by itself, for who validates as the log grows.
  ///
  /// - Throws: ``SchemeError``: `invalidPoint`; `position`, `attempt` for commitments that cannot
  ///   be those of the visit; `foreignContext`; `chainEquation`, `visitKeyProof`.
  public func check() throws(SchemeError) {
    switch self {
    case .multisignature(let chain, let commitments, let signature):
      try chain.checkComplete(commitments)
      _ = try chain.verify(SequentialSignature(encoded: signature), commitments: commitments)
    case .visitKey(let context, let proof):
      _ = try VerifiedVisitKey<Suite>(verifying: proof, of: context)
    case .partialSignature(let bytes):
      _ = try SequentialSignature<Suite>(encoded: bytes)
    }
  }

  var failure: SchemeError? {
    do throws(SchemeError) { try check() } catch { return error }
    return nil
  }
}

extension SigningChain {
  /// The form of commitments of the whole team.
  fileprivate func checkComplete(_ commitments: [FindingCommitment]) throws(SchemeError) {
    guard commitments.count == signers.count else {
      throw SchemeError(.position, "\(commitments.count) signatures of a team of \(signers.count)")
    }
    try checkForm(commitments)
  }
}
