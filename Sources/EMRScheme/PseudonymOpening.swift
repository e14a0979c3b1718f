public import CanonicalEncoding

/// PID_j = SHA-256(hospital, visit id, ID_j, λ): opened by whoever holds λ, to one identity only.
///
/// The paper's E(ID ⊕ λ ‖ λ) (4.3) opens to any identity one likes (item 16).
public struct PseudonymOpening: CanonicalObject, Equatable {
  public static let kind = ObjectKind.pseudonymOpening

  /// ID_i.
  public var hospital: String
  /// The visit that the pseudonym is for.
  public var visitID: Digest32
  /// ID_j: the patient as the hospital knows them.
  public var identity: String
  /// λ_j: 32 random bytes, known to the hospital and the patient.
  public var lambda: [UInt8]

  /// Draws λ.
  public init(
    hospital: String, visitID: Digest32, identity: String,
    using generator: inout some RandomNumberGenerator
  ) {
    (self.hospital, self.visitID, self.identity) = (hospital, visitID, identity)
    lambda = generator.bytes(32)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.digest("visitID", visitID)
    fields.text("identity", identity)
    fields.octets("lambda", lambda)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visitID = try fields.digest("visitID")
    identity = try fields.text("identity")
    lambda = try fields.octets("lambda", count: 32)
  }

  /// PID_j.
  public var pseudonym: Digest32 { digest }

  /// - Throws: ``SchemeError`` `pseudonym` unless this opens the pseudonym of `context`.
  public func check(against context: VisitContext) throws(SchemeError) {
    guard hospital == context.hospital, visitID == context.visitID,
      pseudonym == context.pseudonym
    else { throw SchemeError(.pseudonym, "the opening does not lead to the visit's pseudonym") }
  }
}
