internal import CanonicalEncoding
public import Pairings

/// p_v: the patient's key for one visit; overwritten when released.
///
/// It serves the equations of re-encryption, T_α and one proof, and signs nothing: a doctor and the
/// proxy together learn it, and then open what that consent opened, no more (item 2).
public final class VisitKey<Suite: PairingSuite>: Sendable {
  let secret: SecretScalar<Suite.Scalar>
  /// PK_v = p_v·g2.
  public let publicKey: Suite.G2
  /// PK_v, compressed.
  public let encodedPublicKey: [UInt8]

  private init(_ secret: SecretScalar<Suite.Scalar>) {
    self.secret = secret
    publicKey = .generatorMultiplied(by: secret.value)
    encodedPublicKey = publicKey.encoded()
  }

  /// Draws p_v, for tests and measurements: a patient derives it.
  public convenience init(using generator: inout some RandomNumberGenerator) {
    self.init(SecretScalar(using: &generator))
  }

  /// The key that belongs to pseudorandom bytes derived from the patient's root (item 18).
  ///
  /// - Parameter bytes: at least 128 bits more than p, at most twice its length: 48 to 64 bytes on
  ///   BLS12-381.
  public convenience init(derivedFrom bytes: [UInt8]) throws(SchemeError) {
    let size = Suite.Scalar.encodedByteCount
    guard (size + 16...max(2 * size, size + 16)).contains(bytes.count) else {
      throw SchemeError(.invalidScalar, "a visit key comes from \(size + 16) bytes or more")
    }
    let secret = SecretScalar(Suite.Scalar(reducing: bytes))
    if secret.value.isZero { throw SchemeError(.invalidScalar, "the visit key is zero") }
    self.init(secret)
  }

  /// π = p_v·H_vk(context) in G1, compressed: shows that who fixed the context knows p_v (item 4).
  ///
  /// - Throws: ``SchemeError`` `visitKeyProof` if the context names another key.
  public func prove(_ context: VisitContext) throws(SchemeError) -> [UInt8] {
    guard context.visitKey == encodedPublicKey, context.suite == Suite.name else {
      throw SchemeError(.visitKeyProof, "the context names another visit key")
    }
    return (secret * Suite.hash(context.encoded(), .visitKey)).encoded()
  }
}
