public import Pairings

/// A secret scalar on its way between two roles of one consent; used once, overwritten when
/// released.
public final class BlindingShare<Suite: PairingSuite, Holder>: Sendable {
  let secret: OneUseScalar<Suite.Scalar>

  init(_ secret: SecretScalar<Suite.Scalar>) { self.secret = OneUseScalar(secret) }

  /// Takes over what came under a seal.
  public convenience init(encoded bytes: [UInt8]) throws(SchemeError) {
    self.init(try SecretScalar("the share", encoded: bytes))
  }

  /// The scalar, for a message under a seal only.
  /// - Throws: ``SchemeError`` `used` after its use.
  public func encoded() throws(SchemeError) -> [UInt8] { try secret.encoded() }
}

/// t, from the patient to the doctor.
public typealias DoctorShare<Suite: PairingSuite> = BlindingShare<Suite, ShareHolder.Doctor>
/// x = t/p_v, from the patient to the proxy.
public typealias ProxyShare<Suite: PairingSuite> = BlindingShare<Suite, ShareHolder.Proxy>
/// y = d'/t, from the doctor to the proxy.
public typealias BlindedRequestKey<Suite: PairingSuite> = BlindingShare<
  Suite, ShareHolder.BlindedRequest
>

/// Tells apart what would otherwise be three scalars.
public enum ShareHolder {
  /// Of t.
  public enum Doctor {}
  /// Of x.
  public enum Proxy {}
  /// Of y.
  public enum BlindedRequest {}
}

/// The patient's side of one consent for one visit (item 1): a fresh t that keeps p_v from the
/// doctor and d' from the patient, and both from the proxy.
public struct ConsentBlinding<Suite: PairingSuite>: Sendable {
  /// Θ = t·g2, compressed: stands in the consent, and makes both shares checkable.
  public let theta: [UInt8]
  public let doctorShare: DoctorShare<Suite>
  public let proxyShare: ProxyShare<Suite>

  /// Draws t. One blinding serves one visit, doctor and consent: with t used twice, the two proxy
  /// shares give the ratio of two visit keys.
  public init(for key: VisitKey<Suite>, using generator: inout some RandomNumberGenerator) {
    let t = SecretScalar<Suite.Scalar>(using: &generator)
    theta = Suite.G2.generatorMultiplied(by: t.value).encoded()
    doctorShare = DoctorShare(t)
    proxyShare = ProxyShare(t * key.secret.inverted())
  }
}

extension BlindingShare where Holder == ShareHolder.Doctor {
  /// Whether t·g2 = Θ; t is erased.
  ///
  /// - Parameter theta: as in ``blind(_:theta:)``.
  public func fits(theta: [UInt8]) throws(SchemeError) -> Bool {
    let t = try secret.take()
    return try Suite.G2("Θ", theta) == .generatorMultiplied(by: t.value)
  }

  /// y = d'/t, after t·g2 = Θ; t is erased.
  ///
  /// - Parameter theta: Θ as the consent on the ledger holds it.
  /// - Throws: ``SchemeError`` `patientShare` if t is not the one of the consent.
  public func blind(
    _ key: RequestKey<Suite>, theta: [UInt8]
  ) throws(SchemeError) -> BlindedRequestKey<Suite> {
    let t = try secret.take()
    guard try Suite.G2("Θ", theta) == .generatorMultiplied(by: t.value) else {
      throw SchemeError(.patientShare, "t·g2 ≠ Θ: the patient's share is wrong")
    }
    return BlindedRequestKey(key.secret * t.inverted())
  }
}
