public import CanonicalEncoding
import Crypto
public import EMRScheme
public import Pairings

/// 256 random bits from which a patient derives the keys of every visit (item 18).
///
/// For each visit the patient draws a nonce, which stands in the visit's context on the ledger; the
/// keys follow from root, ledger, hospital and nonce. So no counter can be lost, no two visits share
/// a key, and a restored patient finds a visit's keys by the nonce that the ledger shows. The root
/// lies in memory that swift-crypto overwrites when it is released.
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

  /// The keys of a visit.
  ///
  /// - Parameters:
  ///   - genesis: the ledger: SHA-256 of its genesis.
  ///   - hospital: the hospital's identifier in the genesis.
  ///   - nonce: 32 bytes that the patient drew for this visit.
  /// - Throws: ``CredentialError`` `invalidKey` if p_v would be zero, with probability 1/p.
  public func keys<Suite: PairingSuite>(
    genesis: Digest32, hospital: String, nonce: Digest32, _ suite: Suite.Type = Suite.self
  ) throws(CredentialError) -> PatientVisitKeys<Suite> {
    let visit = Self.visit(genesis, hospital, nonce)
    // 128 bits more than p, so that the bias is below 2^-128.
    let byteCount = Suite.Scalar.encodedByteCount + 16
    let visitKey: VisitKey<Suite>
    do {
      visitKey = try VisitKey(derivedFrom: derive(.visitKey, visit, byteCount, Suite.name))
    } catch {
      throw CredentialError(.invalidKey, error.message)
    }
    return PatientVisitKeys(
      nonce: nonce, visitKey: visitKey,
      signingKey: try signingKey(
        genesis: genesis, hospital: hospital, nonce: nonce, suite: Suite.name),
      mailboxKey: try AgreementKey(seed: derive(.mailboxKey, visit, 32, Suite.name)))
  }

  /// The keys of a visit on the ledger, if it is this patient's.
  ///
  /// - Returns: nil unless they are those that the context names.
  public func keys<Suite: PairingSuite>(
    of context: VisitContext, _ suite: Suite.Type = Suite.self
  ) throws(CredentialError) -> PatientVisitKeys<Suite>? {
    let keys: PatientVisitKeys<Suite> = try keys(
      genesis: context.genesis, hospital: context.hospital, nonce: context.keyNonce)
    return keys.areNamed(in: context) ? keys : nil
  }

  /// S_v alone: by it, one visit after another is tried.
  ///
  /// - Parameter suite: the name of the ledger's suite.
  public func signingKey(
    genesis: Digest32, hospital: String, nonce: Digest32, suite: String
  ) throws(CredentialError) -> IdentityKey {
    try IdentityKey(seed: derive(.signingKey, Self.visit(genesis, hospital, nonce), 32, suite))
  }

  /// The keys of an address under which the patient is reached.
  ///
  /// - Parameter nonce: 32 bytes that the patient drew for this address.
  public func addressKeys(genesis: Digest32, nonce: Digest32) throws(CredentialError)
    -> PatientAddressKeys
  {
    let address = genesis.bytes + nonce.bytes
    return PatientAddressKeys(
      signing: try IdentityKey(seed: derive(.addressSigningKey, address, 32)),
      agreement: try AgreementKey(seed: derive(.addressAgreementKey, address, 32)))
  }

  /// The info of all that is derived for a visit.
  private static func visit(_ genesis: Digest32, _ hospital: String, _ nonce: Digest32) -> [UInt8] {
    genesis.bytes + nonce.bytes + Array(hospital.utf8)
  }

  private enum Use: String {
    case addressSigningKey = "ROOT-ADDRESS-SIGNING-KEY"
    case addressAgreementKey = "ROOT-ADDRESS-AGREEMENT-KEY"
    case visitKey = "ROOT-VISIT-KEY"
    case signingKey = "ROOT-SIGNING-KEY"
    case mailboxKey = "ROOT-MAILBOX-KEY"
  }

  /// HKDF-SHA256 of the root; salt `BCEMR-V01-<suite>-<USE>`, for an address without the suite; info
  /// genesis ‖ nonce ‖ hospital.
  private func derive(
    _ use: Use, _ visit: [UInt8], _ byteCount: Int, _ suite: String? = nil
  ) -> [UInt8] {
    let names = ["BCEMR-V01", suite, use.rawValue].compactMap(\.self)
    let key = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: root, salt: Array(names.joined(separator: "-").utf8),
      info: visit, outputByteCount: byteCount)
    return unsafe key.withUnsafeBytes { unsafe Array($0) }
  }
}

/// A patient's keys for one address.
public struct PatientAddressKeys: Sendable {
  /// Signs what the patient asks under the address.
  public let signing: IdentityKey
  /// Opens what is sealed to the address.
  public let agreement: AgreementKey
}

/// A patient's keys for one visit.
public struct PatientVisitKeys<Suite: PairingSuite>: Sendable {
  /// What they were derived from, beside root, ledger and hospital.
  public let nonce: Digest32
  /// p_v
  public let visitKey: VisitKey<Suite>
  /// S_v
  public let signingKey: IdentityKey
  /// Receives what belongs to the visit.
  public let mailboxKey: AgreementKey

  /// Whether a context names PK_v and S_v.
  public func areNamed(in context: VisitContext) -> Bool {
    context.visitKey == visitKey.encodedPublicKey
      && context.visitSigningKey == signingKey.publicKey
  }
}
