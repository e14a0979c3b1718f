internal import CanonicalEncoding
internal import Pairings

/// Why a value of the scheme was refused; the message names the equation that failed.
public struct SchemeError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An open set of reasons.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    /// Bytes that are no point of the group, or the identity where a key is expected.
    public static let invalidPoint = Code("invalid-point")
    /// Bytes that are no scalar in [1, p−1], or key material of a wrong length.
    public static let invalidScalar = Code("invalid-scalar")
    /// Bytes that are not the object they should be, or beyond a limit.
    public static let invalidObject = Code("invalid-object")
    /// A value made for another context, suite or ledger.
    public static let foreignContext = Code("foreign-context")

    /// The proof of knowledge of (d1, d2, d3) fails.
    public static let registrationProof = Code("registration-proof")
    /// e(π, g2) ≠ e(H_vk(context), PK_v).
    public static let visitKeyProof = Code("visit-key-proof")
    /// The patient's evidence names other keys than the context.
    public static let evidence = Code("evidence")
    /// An opening does not lead to the pseudonym of the context.
    public static let pseudonym = Code("pseudonym")

    /// The team is empty, too large, or not the one of the context.
    public static let team = Code("team")
    /// Two doctors of a team have a key in common.
    public static let equalKeys = Code("equal-keys")
    /// A signature at a place in the order s that is not its signer's.
    public static let position = Code("position")
    /// An attempt number beyond 1 + N.
    public static let attempt = Code("attempt")
    /// Equations (2) and (3) of the paper fail.
    public static let chainEquation = Code("chain-equation")
    /// com_k does not open to the finding and salt.
    public static let commitment = Code("commitment")

    /// An Ed25519 key cannot be made or used.
    public static let signing = Code("signing")
    /// The one-time signature S fails.
    public static let oneTimeSignature = Code("one-time-signature")
    /// e(H2(A), B) = e(D, PK_v) or e(ḡ, B) = e(E, PK_v) fails.
    public static let recordEquation = Code("record-equation")
    /// e(H2(A), Y) ≠ e(D, g2).
    public static let openingEquation = Code("opening-equation")
    /// G ≠ H3(e(H0(α), Y)).
    public static let trapdoor = Code("trapdoor")
    /// Authenticated decryption fails.
    public static let decryption = Code("decryption")
    /// The record is not the one whose digest the ledger holds.
    public static let recordDigest = Code("record-digest")

    /// The patient's share is wrong: x·PK_v ≠ Θ at the proxy, t·g2 ≠ Θ at the doctor.
    public static let patientShare = Code("patient-share")
    /// The doctor's share is wrong: y·Θ ≠ A'.
    public static let doctorShare = Code("doctor-share")
    /// A secret for one use was used before.
    public static let used = Code("used")

    /// The hospital's identity signature or confirmation in the group key exchange fails.
    public static let hospitalAuthentication = Code("hospital-authentication")
    /// The doctor's identity signature or confirmation in the group key exchange fails.
    public static let doctorAuthentication = Code("doctor-authentication")
    /// A message of the group key exchange that is not due.
    public static let unexpectedMessage = Code("unexpected-message")
  }

  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { "\(code): \(message)" }
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
