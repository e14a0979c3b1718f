internal import CanonicalEncoding
internal import Crypto
internal import HashToCurve
internal import Pairings

/// The domain separation tags of the scheme: `BCEMR-V01-<suite>-<USE>`, one for every use.
///
/// Two uses never share a tag: were H1 = H2, the mask of a record would be e(D, g2), which anybody
/// computes (specification, items 5 and 6).
public enum DomainTag: String, CaseIterable, Sendable {
  /// H0 over a signing chain: W_k.
  case chain = "W"
  /// H0 over the evidence: H0(α).
  case evidence = "ALPHA"
  /// H1 over a one-time key: what masks a record.
  case mask = "H1"
  /// H2 over a one-time key: what D is a multiple of.
  case check = "H2"
  /// ḡ, whose discrete logarithm nobody knows.
  case base = "GBAR"
  /// H_vk over a context: what π is a multiple of.
  case visitKey = "VISITKEY"
  /// H3 from the target group to 32 bytes.
  case trapdoor = "H3"
  /// From e(H1(A), Y) to the key of a record.
  case record = "RECORD"
  /// The challenge of a registration proof.
  case registration = "REGISTRATION"
  /// The factor that joins two equations in one check.
  case combiner = "COMBINER"
  /// From s_i to the three keys of the group key exchange.
  case hospitalConfirmation = "GROUP-HOSPITAL"
  case doctorConfirmation = "GROUP-DOCTOR"
  case delivery = "GROUP-DELIVERY"
  /// From K to the key of one c_k.
  case findings = "FINDINGS"

  /// The tag as ASCII text.
  public func text(_ suite: String) -> String { "BCEMR-V01-\(suite)-\(rawValue)" }

  /// SHA-256(SHA-256(tag) ‖ message).
  func hash(_ message: [UInt8], _ suite: String) -> Digest32 {
    Digest32(sha256: Digest32(sha256: text(suite).utf8).bytes + message)
  }

  /// HKDF-SHA256 with the tag as salt.
  func key(_ secret: SymmetricKey, info: [UInt8], _ suite: String) -> SymmetricKey {
    HKDF<SHA256>.deriveKey(
      inputKeyMaterial: secret, salt: Array(text(suite).utf8), info: info,
      outputByteCount: 32)
  }

  /// A scalar from a hash, with a bias below 2^-128.
  func scalar<Scalar: ScalarField>(_ message: [UInt8], _ suite: String) -> Scalar {
    let wide = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: SymmetricKey(data: message), salt: Array(text(suite).utf8),
      outputByteCount: Scalar.encodedByteCount + 16)
    return Scalar(reducing: unsafe wide.withUnsafeBytes { unsafe Array($0) })
  }
}

extension SymmetricKey {
  /// Takes secret bytes over, and overwrites the array that they came in.
  init(wiping bytes: consuming [UInt8]) {
    self.init(data: copy bytes)
    zeroize(&bytes)
  }
}

extension PairingSuite {
  static func hash(_ message: [UInt8], _ tag: DomainTag) -> G1 {
    hashToG1(message, domain: tag.text(name))
  }

  /// Σ sᵢ·hash(mᵢ) for public scalars and messages.
  static func hashSum(_ scalars: [Scalar], _ messages: [[UInt8]], _ tag: DomainTag) -> G1 {
    multiScalarOfHashesVariableTime(scalars, messages, domain: tag.text(name))
  }

  /// H3: the target group to 32 bytes.
  static func trapdoorDigest(_ value: GT) -> Digest32 {
    DomainTag.trapdoor.hash(value.encoded(), name)
  }
}
