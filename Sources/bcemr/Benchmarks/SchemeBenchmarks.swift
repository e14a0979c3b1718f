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
    let visitKey = VisitKey<Suite>(using: &random)
    let doctors = try keys.enumerated().map { index, key -> PreparedDoctorKey<Suite> in
      let statement = key.statement(
        genesis: .zero, doctor: "doctor-\(index + 1)", hospital: "hospital-1",
        identityKey: Array(Curve25519.Signing.PrivateKey().publicKey.rawRepresentation),
        agreementKey: Array(Curve25519.KeyAgreement.PrivateKey().publicKey.rawRepresentation))
      let proof = try key.prove(statement, using: &random)
      return PreparedDoctorKey(try VerifiedDoctorKey(verifying: statement, proof: proof))
    }
    let context = VisitContext(
      genesis: .zero, suite: Suite.name, hospital: "hospital-1", pseudonym: .zero, visitID: .zero,
      evidenceDigest: .zero, signers: doctors.map(\.verified.statement.signer), openedAt: 0,
      window: 600, resignatureLimit: 4, baseHeight: 0, baseHash: .zero,
      visitKey: visitKey.encodedPublicKey,
      visitSigningKey: Array(Curve25519.Signing.PrivateKey().publicKey.rawRepresentation),
      keyNonce: .zero,
      mailboxKey: Array(Curve25519.KeyAgreement.PrivateKey().publicKey.rawRepresentation))
    let chain = try SigningChain(context: context, signers: doctors)
    let findings = (1...3).map { Finding(content: [$0], attempt: 1, using: &random) }
    let commitments = [FindingCommitment](to: findings, contextDigest: chain.contextDigest)
    var signature: VerifiedSignature<Suite>?
    for (index, key) in keys.enumerated() {
      let next = try chain.sign(commitments[index], after: signature, with: key, using: &random)
      signature = try chain.verify(next, commitments: Array(commitments[...index]))
    }
    let encoded = signature?.signature.encoded() ?? []
    return [
      // What a supernode does for Eq. (3) of one visit: decode (R, Q), then 5 pairings in one.
      Benchmark("visit_verify") {
        try chain.verify(SequentialSignature(encoded: encoded), commitments: commitments)
      }
    ]
  }
}
