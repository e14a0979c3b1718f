public import CanonicalEncoding
internal import Pairings

/// Why a value of the scheme was refused; the message names the equation that failed.
public struct SchemeError: CodedError {
  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

/// Why: an open set.
extension ErrorCode<SchemeError> {
  /// Bytes that are no point of the group, or the identity where a key is expected.
  public static var invalidPoint: Self { Self("invalid-point") }
  /// Bytes that are no scalar in [1, p−1], or key material of a wrong length.
  public static var invalidScalar: Self { Self("invalid-scalar") }
  /// Bytes that are not the object they should be, or beyond a limit.
  public static var invalidObject: Self { Self("invalid-object") }
  /// A value made for another context, suite or ledger.
  public static var foreignContext: Self { Self("foreign-context") }

  /// The proof of knowledge of (d1, d2, d3) fails.
  public static var registrationProof: Self { Self("registration-proof") }
  /// e(π, g2) ≠ e(H_vk(context), PK_v).
  public static var visitKeyProof: Self { Self("visit-key-proof") }
  /// A record holds another α than the context.
  public static var evidence: Self { Self("evidence") }
  /// An opening does not lead to the pseudonym of the context.
  public static var pseudonym: Self { Self("pseudonym") }

  /// The team is empty, too large, or not the one of the context.
  public static var team: Self { Self("team") }
  /// Two doctors of a team have a key in common.
  public static var equalKeys: Self { Self("equal-keys") }
  /// A signature at a place in the order s that is not its signer's.
  public static var position: Self { Self("position") }
  /// An attempt number beyond 1 + N.
  public static var attempt: Self { Self("attempt") }
  /// Equations (2) and (3) of the paper fail.
  public static var chainEquation: Self { Self("chain-equation") }
  /// com_k does not open to the finding and salt.
  public static var commitment: Self { Self("commitment") }

  /// An Ed25519 key cannot be made or used.
  public static var signing: Self { Self("signing") }
  /// The one-time signature S fails.
  public static var oneTimeSignature: Self { Self("one-time-signature") }
  /// e(H2(A), B) = e(D, PK_v) or e(ḡ, B) = e(E, PK_v) fails.
  public static var recordEquation: Self { Self("record-equation") }
  /// e(H2(A), Y) ≠ e(D, g2).
  public static var openingEquation: Self { Self("opening-equation") }
  /// G ≠ H3(e(H0(α), Y)).
  public static var trapdoor: Self { Self("trapdoor") }
  /// Authenticated decryption fails.
  public static var decryption: Self { Self("decryption") }
  /// The record is not the one whose digest the ledger holds.
  public static var recordDigest: Self { Self("record-digest") }

  /// The patient's share is wrong: x·PK_v ≠ Θ at the proxy, t·g2 ≠ Θ at the doctor.
  public static var patientShare: Self { Self("patient-share") }
  /// The doctor's share is wrong: y·Θ ≠ A'.
  public static var doctorShare: Self { Self("doctor-share") }
  /// A secret for one use was used before.
  public static var used: Self { Self("used") }

  /// The hospital's identity signature or confirmation in the group key exchange fails.
  public static var hospitalAuthentication: Self { Self("hospital-authentication") }
  /// The doctor's identity signature or confirmation in the group key exchange fails.
  public static var doctorAuthentication: Self { Self("doctor-authentication") }
  /// A message of the group key exchange that is not due.
  public static var unexpectedMessage: Self { Self("unexpected-message") }
}

extension PairingSourceGroup {
  /// Decodes a point that is on its curve, in its subgroup, and not the identity.
  init(_ name: String, _ bytes: [UInt8]) throws(SchemeError) {
    do {
      try self.init(encodedNonIdentity: bytes)
    } catch {
      throw SchemeError(.invalidPoint, "\(name): \(error.message)")
    }
  }
}

extension ScalarField {
  /// Decodes a scalar in [1, p−1].
  init(_ name: String, _ bytes: [UInt8]) throws(SchemeError) {
    do {
      try self.init(encoded: bytes)
    } catch {
      throw SchemeError(.invalidScalar, "\(name): \(error.message)")
    }
    if isZero { throw SchemeError(.invalidScalar, "\(name) is zero") }
  }
}

extension CanonicalObject {
  /// Decodes an object that somebody sent.
  init(received bytes: [UInt8]) throws(SchemeError) {
    do {
      try self.init(encoded: bytes)
    } catch {
      throw SchemeError(.invalidObject, error.message)
    }
  }
}
