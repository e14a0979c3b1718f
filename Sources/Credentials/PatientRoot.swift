import CanonicalEncoding
import Crypto
public import EMRScheme
public import Pairings

/// 256 random bits from which a patient derives the keys of every visit (item 18).
///
/// Visits are numbered by a counter of the patient's own, which never goes back: a counter used
/// twice would give two visits one key, and one consent would then open both. The root lies in
/// memory that swift-crypto overwrites when it is released.
public final class PatientRoot: Sendable {
  private let root: SymmetricKey

  /// - Parameter bytes: 32 random bytes.
  /// - Throws: ``CredentialError`` `invalidKey` for another length.
  public init(_ bytes: [UInt8]) throws(CredentialError) {
    guard bytes.count == 32 else {
      throw CredentialError(.invalidKey, "a patient's root has 32 bytes, not \(bytes.count)")
    }
    root = SymmetricKey(data: bytes)
  }

  /// The root: for a keystore only.
  public func encoded() -> [UInt8] { unsafe root.withUnsafeBytes { unsafe Array($0) } }

  /// The keys of the visit with this number.
  ///
  /// - Throws: ``CredentialError`` `invalidKey` if p_v would be zero, with probability 1/p.
  public func keys<Suite: PairingSuite>(
    ofVisit counter: UInt64, _ suite: Suite.Type = Suite.self
  ) throws(CredentialError) -> PatientVisitKeys<Suite> {
    PatientVisitKeys(
      counter: counter,
      visitKey: try visitKey(counter),
      signingKey: try IdentityKey(seed: derive(.signingKey, counter, 32, Suite.name)),
      admissionKey: try AgreementKey(seed: derive(.admissionKey, counter, 32, Suite.name)))
  }

  /// Finds the keys that belong to PK_v: how a restored patient recognizes a visit.
  ///
  /// - Parameter visitKey: PK_v, compressed, as a visit context names it.
  /// - Returns: nil if no counter in `counters` leads to PK_v.
  public func keys<Suite: PairingSuite>(
    of visitKey: [UInt8], among counters: Range<UInt64>, _ suite: Suite.Type = Suite.self
  ) throws(CredentialError) -> PatientVisitKeys<Suite>? {
    for counter in counters {
      let candidate: VisitKey<Suite> = try self.visitKey(counter)
      if candidate.encodedPublicKey == visitKey { return try keys(ofVisit: counter) }
    }
    return nil
  }

  private func visitKey<Suite: PairingSuite>(
    _ counter: UInt64
  ) throws(CredentialError) -> VisitKey<Suite> {
    // 128 bits more than p, so that the bias is below 2^-128.
    let byteCount = Suite.Scalar.encodedByteCount + 16
    do {
      return try VisitKey(derivedFrom: derive(.visitKey, counter, byteCount, Suite.name))
    } catch {
      throw CredentialError(.invalidKey, error.message)
    }
  }

  private enum Use: String {
    case visitKey = "ROOT-VISIT-KEY"
    case signingKey = "ROOT-SIGNING-KEY"
    case admissionKey = "ROOT-ADMISSION-KEY"
  }

  /// HKDF-SHA256 of the root; salt `BCEMR-V01-<suite>-<USE>`, info the counter in 8 bytes, big-endian.
  private func derive(
    _ use: Use, _ counter: UInt64, _ byteCount: Int, _ suite: String
  ) -> [UInt8] {
    let key = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: root, salt: Array("BCEMR-V01-\(suite)-\(use.rawValue)".utf8),
      info: unsafe withUnsafeBytes(of: counter.bigEndian) { unsafe Array($0) },
      outputByteCount: byteCount)
    return unsafe key.withUnsafeBytes { unsafe Array($0) }
  }
}

/// A patient's keys for one visit.
public struct PatientVisitKeys<Suite: PairingSuite>: Sendable {
  /// The number of the visit among the patient's own.
  public let counter: UInt64
  /// p_v
  public let visitKey: VisitKey<Suite>
  /// S_v
  public let signingKey: IdentityKey
  /// Receives the hospital's answers at admission, and what belongs to the visit after it.
  public let admissionKey: AgreementKey

  /// (PK_v, S_v), whose digest the patient shows to each doctor.
  public var evidenceKeys: EvidenceKeys {
    EvidenceKeys(
      visitKey: visitKey.encodedPublicKey, visitSigningKey: signingKey.publicKey)
  }
}
