internal import Pairings

extension SigningChain {
  /// A signature that somebody claims to be valid.
  public struct Claim: Sendable {
    public var chain: SigningChain
    public var signature: SequentialSignature<Suite>
    public var commitments: [FindingCommitment]

    public init(
      chain: SigningChain, signature: SequentialSignature<Suite>,
      commitments: [FindingCommitment]
    ) {
      (self.chain, self.signature, self.commitments) = (chain, signature, commitments)
    }

    func decidedAlone() -> Result<VerifiedSignature<Suite>, SchemeError> {
      Result { () throws(SchemeError) in
        try chain.verify(signature, commitments: commitments)
      }
    }

    var isWellFormed: Bool {
      (try? chain.checkForm(commitments)) != nil && !signature.r.isIdentity
    }
  }

  /// Verifies many visits j at once, over the distinct doctors d of all of them:
  ///
  ///     e(Σ δ_j·Q_j, g2)
  ///       = Π_d e(Σ δ_j·W_{j,d}, A_d) · e(Σ δ_j·R_j, B_d) · e(Σ δ_j·k_{j,d}·R_j, C_d)
  ///
  /// Every point passed its own subgroup check when it was decoded: there is 3-torsion that a
  /// batched check cannot see. A batch that fails is decided one by one.
  ///
  /// - Parameter generator: the verifier's own. Each δ_j has 128 bits, so a batch with a false
  ///   claim passes with probability 2^-128.
  /// - Returns: a result for each claim, in their order.
  public static func verifyBatch(
    _ claims: [Claim], using generator: inout some RandomNumberGenerator
  ) -> [Result<VerifiedSignature<Suite>, SchemeError>] {
    let pairings = claims.reduce(0) { $0 + $1.commitments.count + 2 }
    guard claims.count > 1, claims.allSatisfy(\.isWellFormed) else {
      return claims.map { $0.decidedAlone() }
    }
    var batch = Batch()
    for claim in claims { batch.add(claim, using: &generator) }
    guard batch.pairingCount < pairings, batch.holds else {
      return claims.map { $0.decidedAlone() }
    }
    return claims.map { .success($0.chain.accepted($0.signature, $0.commitments)) }
  }

  /// The terms of the batch equation, by the point of G2 that they are paired with.
  private struct Batch {
    /// Σ sᵢ·Pᵢ, not yet computed.
    struct Sum {
      var scalars: [Suite.Scalar] = []
      var points: [Suite.G1] = []

      mutating func add(_ scalar: Suite.Scalar, _ point: Suite.G1) {
        scalars.append(scalar)
        points.append(point)
      }

      var value: Suite.G1 { .multiScalarVariableTime(scalars, points) }
    }

    struct Doctor {
      let prepared: PreparedDoctorKey<Suite>
      var a = Sum()
      var b = Sum()
      var c = Sum()
    }

    private var doctors: [[UInt8]: Doctor] = [:]
    private var q = Sum()

    mutating func add(_ claim: Claim, using generator: inout some RandomNumberGenerator) {
      let delta = Suite.Scalar(reducing: generator.bytes(16))
      q.add(delta, -claim.signature.q)
      for (index, w) in claim.chain.messages(claim.commitments).enumerated() {
        let signer = claim.chain.signers[index]
        // All points of a doctor's key, so that two with an A in common stay apart.
        let statement = signer.verified.statement
        let key = statement.a + statement.b2 + statement.c2
        let position = Suite.Scalar(UInt64(index + 1))
        var doctor = doctors[key] ?? Doctor(prepared: signer)
        doctor.a.add(delta, w)
        doctor.b.add(delta, claim.signature.r)
        doctor.c.add(delta * position, claim.signature.r)
        doctors[key] = doctor
      }
    }

    var pairingCount: Int { 1 + 3 * doctors.count }

    var holds: Bool {
      var pairs = [(q.value, SuiteConstants<Suite>.shared.preparedGenerator)]
      for doctor in doctors.values {
        pairs += [
          (doctor.a.value, doctor.prepared.a),
          (doctor.b.value, Suite.prepare(doctor.prepared.key.b2)),
          (doctor.c.value, Suite.prepare(doctor.prepared.key.c2)),
        ]
      }
      return Suite.pairingProductIsIdentity(pairs)
    }
  }
}
