public import CanonicalEncoding
public import Crypto

/// What a visit's identifier is an HMAC over: the same visit gets the same identifier, and nobody
/// without the hospital's key can tell whose it is.
public struct VisitIDInput: CanonicalObject, Equatable {
  public static let kind = ObjectKind.visitIDInput

  /// The patient as the hospital compares them (specification 8.2): up to 1024 bytes, since this form may be
  /// longer than what was sent.
  public var patient: String
  /// The id of the FHIR Encounter.
  public var encounter: String
  /// 1, and one more after each abandoned attempt.
  public var attempt: UInt64

  public init(patient: String, encounter: String, attempt: UInt64) {
    (self.patient, self.encounter, self.attempt) = (patient, encounter, attempt)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("patient", patient)
    fields.text("encounter", encounter)
    fields.integer("attempt", attempt)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    patient = try fields.text("patient", maximum: 1024)
    encounter = try fields.text("encounter")
    attempt = try fields.integer("attempt", in: 1...UInt64.max)
  }

  /// HMAC-SHA256 under a key of the hospital.
  public func visitID(under key: SymmetricKey) -> Digest32 {
    let code = HMAC<SHA256>.authenticationCode(for: encoded(), using: key)
    // A code has the 32 bytes of a digest.
    return Digest32(code) ?? .zero
  }
}
