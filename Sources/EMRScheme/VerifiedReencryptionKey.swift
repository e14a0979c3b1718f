internal import CanonicalEncoding
public import Pairings

/// rk = x·y = d'/p_v at the proxy, made of shares that were checked; for one re-encryption.
public final class VerifiedReencryptionKey<Suite: PairingSuite>: Sendable {
  private let rk: OneUseScalar<Suite.Scalar>
  private let contextDigest: Digest32

  /// Checks x·PK_v = Θ and y·Θ = A', then multiplies; x and y are erased (item 1).
  ///
  /// - Parameters:
  ///   - theta: Θ as the consent on the ledger holds it.
  ///   - requestKey: A' as the doctor's certificate and the consent hold it.
  /// - Throws: ``SchemeError`` `patientShare` or `doctorShare`, naming who sent a bad share.
  public init(
    proxyShare: ProxyShare<Suite>, blinded: BlindedRequestKey<Suite>, theta: [UInt8],
    requestKey: [UInt8], visitKey: VerifiedVisitKey<Suite>
  ) throws(SchemeError) {
    let theta = try Suite.G2("Θ", theta)
    let requestKey = try Suite.G2("A'", requestKey)
    let x = try proxyShare.takeChecked(theta: theta, visitKey: visitKey)
    let y = try blinded.secret.take()
    guard y * theta == requestKey else {
      throw SchemeError(.doctorShare, "y·Θ ≠ A': the doctor's share is wrong")
    }
    rk = OneUseScalar(x * y)
    contextDigest = visitKey.contextDigest
  }

  /// B_I = rk·B (4.6 (3)); rk is erased.
  ///
  /// - Throws: ``SchemeError`` `foreignContext` for a record of another visit; `used` the second
  ///   time.
  public func reencrypt(
    _ record: VerifiedSealedRecord<Suite>
  ) throws(SchemeError) -> ReencryptedRecord {
    ReencryptedRecord(bI: try reencrypt(record.head), record: record.record)
  }

  /// The same of a head: nothing else of a record is needed for B_I.
  package func reencrypt(_ record: VerifiedRecordHead<Suite>) throws(SchemeError) -> [UInt8] {
    guard record.head.contextDigest == contextDigest else {
      throw SchemeError(.foreignContext, "the key re-encrypts another visit")
    }
    let rk = try rk.take()
    return (rk * record.b).encoded()
  }
}

extension BlindingShare where Holder == ShareHolder.Proxy {
  /// Checks x·PK_v = Θ; x is erased.
  ///
  /// - Parameter theta: Θ as the consent on the ledger holds it.
  /// - Throws: ``SchemeError`` `patientShare` if x is not that of this consent and visit.
  public func check(
    theta: [UInt8], visitKey: VerifiedVisitKey<Suite>
  ) throws(SchemeError) {
    _ = try takeChecked(theta: Suite.G2("Θ", theta), visitKey: visitKey)
  }

  /// x, if x·PK_v = Θ.
  fileprivate func takeChecked(
    theta: Suite.G2, visitKey: VerifiedVisitKey<Suite>
  ) throws(SchemeError) -> SecretScalar<Suite.Scalar> {
    let x = try secret.take()
    guard x * visitKey.point == theta else {
      throw SchemeError(.patientShare, "x·PK_v ≠ Θ: the patient's share is wrong")
    }
    return x
  }
}
