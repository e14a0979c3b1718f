import CanonicalEncoding
import Crypto
import EMRScheme
import Pairings

/// Operations of the scheme by itself, for a team of 3.
enum SchemeBenchmarks {
  typealias Suite = BLS12381

  static func all() throws -> [Benchmark] {
    var random = SystemRandomNumberGenerator()
    let keys = (1...3).map { _ in DoctorSigningKey<Suite>(using: &random) }
    let doctors = try keys.enumerated().map { index, key -> PreparedDoctorKey<Suite> in
      let statement = key.statement(
        genesis: .zero, doctor: "doctor-\(index + 1)", hospital: "hospital-1",
        identityKey: Array(Curve25519.Signing.PrivateKey().publicKey.rawRepresentation))
      let proof = try key.prove(statement, using: &random)
      return PreparedDoctorKey(try VerifiedDoctorKey(verifying: statement, proof: proof))
    }
    let visits = try (0..<batchedVisits).map { index in
      try SignedVisit(index, by: keys, doctors, using: &random)
    }
    let visit = visits[0]
    var batch = ClaimBatch<Suite>()
    for claim in visits.flatMap(\.claims) { batch.add(claim) }
    return [
      // What a supernode does for Eq. (3) of one visit: decode (R, Q), then 5 pairings in one.
      Benchmark("visit_verify") {
        try visit.chain.verify(
          SequentialSignature(encoded: visit.signatures[2]), commitments: visit.commitments)
      },
      // One visit of a batch: Eq. (3), the proof of the visit key, three partial signatures.
      Benchmark("visit_verify_batched", operations: batchedVisits) {
        var random = SystemRandomNumberGenerator()
        return batch.verify(using: &random)
      },
    ]
  }

  private static let batchedVisits = 256

  /// A visit with all that it claims on the ledger.
  private struct SignedVisit {
    let chain: SigningChain<Suite>
    let commitments: [FindingCommitment]
    /// (R, Q) of each doctor.
    var signatures: [[UInt8]] = []
    let visitKeyProof: [UInt8]

    init(
      _ number: Int, by keys: [DoctorSigningKey<Suite>], _ doctors: [PreparedDoctorKey<Suite>],
      using random: inout some RandomNumberGenerator
    ) throws {
      let visitKey = VisitKey<Suite>(using: &random)
      let context = VisitContext(
        genesis: .zero, suite: Suite.name, hospital: "hospital-1", pseudonym: .zero,
        visitID: Digest32(sha256: "\(number)".utf8), evidenceDigest: .zero,
        signers: doctors.map(\.verified.statement.signer), openedAt: 0, window: 600,
        resignatureLimit: 4, baseHeight: 0, baseHash: .zero, visitKey: visitKey.encodedPublicKey,
        visitSigningKey: Array(Curve25519.Signing.PrivateKey().publicKey.rawRepresentation),
        keyNonce: .zero,
        mailboxKey: Array(Curve25519.KeyAgreement.PrivateKey().publicKey.rawRepresentation))
      visitKeyProof = try visitKey.prove(context)
      chain = try SigningChain(context: context, signers: doctors)
      let findings = doctors.map { _ in Finding(content: [1], attempt: 1, using: &random) }
      commitments = [FindingCommitment](to: findings, contextDigest: chain.contextDigest)
      var signature: VerifiedSignature<Suite>?
      for (index, key) in keys.enumerated() {
        let next = try chain.sign(commitments[index], after: signature, with: key, using: &random)
        signature = try chain.verify(next, commitments: Array(commitments[...index]))
        signatures.append(next.encoded())
      }
    }

    var claims: [ClaimBatch<Suite>.Claim] {
      [.visitKey(chain.context, proof: visitKeyProof)]
        + signatures.map { .partialSignature($0) }
        + [.multisignature(chain, commitments, signature: signatures[signatures.count - 1])]
    }
  }
}
