import EMRScheme
import HashToCurve
import Pairings
import TestSupport

/// The sequential multisignature as the paper prints it (4.4): W_k = H0(m_1 ‖ … ‖ m_k, T), no
/// context, no commitments. It exists to show which attacks succeed against it.
struct PrintedChain<Suite: PairingSuite> {
  /// The text's timestamp T.
  var timestamp: UInt64 = 1_700_000_000

  func message(_ findings: [String]) -> Suite.G1 {
    Suite.hashToG1(Array("\(findings.joined())|\(timestamp)".utf8), domain: "PRINTED-H0")
  }

  func messages(_ findings: [String]) -> [Suite.G1] {
    findings.indices.map { message(Array(findings[...$0])) }
  }

  func sign(
    _ findings: [String], with secrets: [DoctorSigningKey<Suite>],
    using random: inout SeededGenerator
  ) throws -> SequentialSignature<Suite> {
    let size = Suite.Scalar.encodedByteCount
    var (r, q, keys) = (Suite.G1.identity, Suite.G1.identity, Suite.G1.identity)
    for (index, secret) in secrets.enumerated() {
      let bytes = secret.encoded()
      let d = try (0..<3).map {
        try Suite.Scalar(encoded: Array(bytes[($0 * size)..<(($0 + 1) * size)]))
      }
      let k = Suite.Scalar(UInt64(index + 1))
      let nonce = Suite.Scalar.random(using: &random)
      r = r + .generatorMultiplied(by: nonce)
      q = q + d[0] * messages(findings)[index] + (d[1] + k * d[2]) * r + nonce * keys
      keys = keys + secret.publicKey.b1 + k * secret.publicKey.c1
    }
    return SequentialSignature(r: r, q: q)
  }
}

/// Eq. (3) on bare points: e(Q, g2) = Π e(W_i, A_i) · e(R, Σ(B_i + i·C_i)).
func equation3Holds<Suite: PairingSuite>(
  _ signature: SequentialSignature<Suite>, _ messages: [Suite.G1],
  _ keys: [DoctorPublicKey<Suite>]
) -> Bool {
  let sum = Suite.G2.sum(
    keys.enumerated().map { $1.b2 + Suite.Scalar(UInt64($0 + 1)) * $1.c2 })
  return Suite.pairingProductIsIdentity(
    [(-signature.q, Suite.G2.generator), (signature.r, sum)] + zip(messages, keys.map(\.a)))
}
