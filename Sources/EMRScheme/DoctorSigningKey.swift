public import CanonicalEncoding
public import Pairings

/// A doctor's secret (d1, d2, d3) (4.2); overwritten when released.
public final class DoctorSigningKey<Suite: PairingSuite>: Sendable {
  let d1, d2, d3: SecretScalar<Suite.Scalar>
  public let publicKey: DoctorPublicKey<Suite>

  private init(
    _ d1: SecretScalar<Suite.Scalar>, _ d2: SecretScalar<Suite.Scalar>,
    _ d3: SecretScalar<Suite.Scalar>
  ) {
    (self.d1, self.d2, self.d3) = (d1, d2, d3)
    publicKey = DoctorPublicKey(
      a: .generatorMultiplied(by: d1.value),
      b1: .generatorMultiplied(by: d2.value), b2: .generatorMultiplied(by: d2.value),
      c1: .generatorMultiplied(by: d3.value), c2: .generatorMultiplied(by: d3.value))
  }

  /// Draws (d1, d2, d3).
  public convenience init(using generator: inout some RandomNumberGenerator) {
    self.init(
      SecretScalar(using: &generator), SecretScalar(using: &generator),
      SecretScalar(using: &generator))
  }

  /// Decodes what ``encoded()`` wrote for a keystore.
  public convenience init(encoded bytes: [UInt8]) throws(SchemeError) {
    let size = Suite.Scalar.encodedByteCount
    guard bytes.count == 3 * size else {
      throw SchemeError(.invalidScalar, "a signing key has \(3 * size) bytes")
    }
    self.init(
      try SecretScalar("d1", encoded: Array(bytes[..<size])),
      try SecretScalar("d2", encoded: Array(bytes[size..<(2 * size)])),
      try SecretScalar("d3", encoded: Array(bytes[(2 * size)...])))
  }

  /// d1 ‖ d2 ‖ d3: for an encrypted keystore only.
  public func encoded() -> [UInt8] {
    d1.value.encoded() + d2.value.encoded() + d3.value.encoded()
  }

  /// What this doctor registers.
  ///
  /// - Parameters:
  ///   - identityKey: an Ed25519 public key, 32 bytes.
  ///   - replaces: the digest of the doctor's statement that this one takes the place of.
  ///   - specialties: at most ``Specialty/countLimit``.
  public func statement(
    genesis: Digest32, doctor: String, hospital: String, identityKey: [UInt8],
    replaces: Digest32? = nil, specialties: Set<Specialty> = []
  ) -> RegistrationStatement {
    let inG1 = Suite.G1.encoded([publicKey.b1, publicKey.c1])
    let inG2 = Suite.G2.encoded([publicKey.a, publicKey.b2, publicKey.c2])
    return RegistrationStatement(
      genesis: genesis, suite: Suite.name, doctor: doctor, hospital: hospital, a: inG2[0],
      b1: inG1[0], b2: inG2[1], c1: inG1[1], c2: inG2[2], identityKey: identityKey,
      replaces: replaces, specialties: specialties)
  }
}
