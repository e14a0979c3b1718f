public import Pairings

/// d': a doctor's key for one visit of one request; overwritten when released.
///
/// The proxy and the patient together learn it (item 2), so it is good for nothing else, and it
/// serves one visit: with two, the ratio of two visit keys would come out.
public final class RequestKey<Suite: PairingSuite>: Sendable {
  let secret: SecretScalar<Suite.Scalar>
  /// A' = d'·g2.
  public let publicKey: Suite.G2
  /// A', compressed.
  public let encodedPublicKey: [UInt8]

  private init(_ secret: SecretScalar<Suite.Scalar>) {
    self.secret = secret
    publicKey = .generatorMultiplied(by: secret.value)
    encodedPublicKey = publicKey.encoded()
  }

  /// Draws d'.
  public convenience init(using generator: inout some RandomNumberGenerator) {
    self.init(SecretScalar(using: &generator))
  }

  /// Decodes what ``encoded()`` wrote for a keystore.
  public convenience init(encoded bytes: [UInt8]) throws(SchemeError) {
    self.init(try SecretScalar("d'", encoded: bytes))
  }

  /// d': for an encrypted keystore only.
  public func encoded() -> [UInt8] { secret.value.encoded() }
}
