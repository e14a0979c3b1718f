package import CanonicalEncoding
import EMRScheme

/// Doctor to system manager: pass this request on to the patient (4.6, step 1).
package struct SubmitAccessRequest: RoleRequest {
  package static let name = "submit-access-request"
  package typealias Reply = Done

  package var request: Signed<AccessRequest>

  package init(request: Signed<AccessRequest>) { self.request = request }

  package func encode(into fields: inout some FieldEncoder) { fields.value("request", request) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    request = try fields.value("request")
  }
}

/// System manager to patient: a registered doctor asks.
package struct ForwardAccessRequest: RoleRequest {
  package static let name = "forward-access-request"
  package typealias Reply = Done

  package var request: Signed<AccessRequest>

  package init(request: Signed<AccessRequest>) { self.request = request }

  package func encode(into fields: inout some FieldEncoder) { fields.value("request", request) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    request = try fields.value("request")
  }
}

/// Patient to doctor: make keys for this visit of your request.
package struct CertifyRequestKey: RoleRequest {
  package static let name = "certify-request-key"
  package typealias Reply = Signed<RequestKeyCertificate>

  /// The digest of the ``AccessRequest``.
  package var request: Digest32
  /// Whose visit it is.
  package var hospital: String
  package var visit: Digest32
  /// A' of a consent that has ended, which another is to take the place of; empty for none.
  package var replaced: [UInt8]

  package init(request: Digest32, hospital: String, visit: Digest32, replaced: [UInt8] = []) {
    (self.request, self.hospital, self.visit) = (request, hospital, visit)
    self.replaced = replaced
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("request", request)
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.octets("replaced", replaced)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    request = try fields.digest("request")
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    replaced = try fields.octets("replaced", 0...Limits.pointByteCounts.upperBound)
  }
}

/// Patient to system manager: the proxy's share x, under a consent.
package struct DepositConsent: RoleRequest {
  package static let name = "deposit-consent"
  package typealias Reply = Done

  package var consent: Signed<Consent>
  package var certificate: Signed<RequestKeyCertificate>
  /// x.
  package var share: [UInt8]

  package init(
    consent: Signed<Consent>, certificate: Signed<RequestKeyCertificate>, share: [UInt8]
  ) {
    self.consent = consent
    self.certificate = certificate
    self.share = share
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("consent", consent)
    fields.value("certificate", certificate)
    fields.octets("share", share)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    consent = try fields.value("consent")
    certificate = try fields.value("certificate")
    share = try fields.octets("share", Limits.scalarByteCounts)
  }
}

/// Patient to doctor: the doctor's share t and the trapdoor, under a consent.
package struct GrantConsent: RoleRequest {
  package static let name = "grant-consent"
  package typealias Reply = Done

  package var consent: Signed<Consent>
  /// ``DoctorGrant``, sealed to the certified key with the consent's digest as associated data.
  package var sealedGrant: [UInt8]

  package init(consent: Signed<Consent>, sealedGrant: [UInt8]) {
    (self.consent, self.sealedGrant) = (consent, sealedGrant)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("consent", consent)
    fields.octets("sealedGrant", sealedGrant)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    consent = try fields.value("consent")
    sealedGrant = try fields.octets("sealedGrant", 1...4096)
  }
}

/// What ``GrantConsent`` seals.
package struct DoctorGrant: NamedValue {
  package static let name = "doctor-grant"

  /// t.
  package var share: [UInt8]
  /// T_α.
  package var trapdoor: [UInt8]

  package init(share: [UInt8], trapdoor: [UInt8]) {
    (self.share, self.trapdoor) = (share, trapdoor)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.octets("share", share)
    fields.octets("trapdoor", trapdoor)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    share = try fields.octets("share", Limits.scalarByteCounts)
    trapdoor = try fields.octets("trapdoor", Limits.pointByteCounts)
  }
}

/// Doctor to system manager: re-encrypt the record under this consent (4.6, steps 2 and 3), and give a
/// piece of it.
package struct Reencrypt: RoleRequest {
  package static let name = "reencrypt"
  package typealias Reply = ReencryptedPiece

  /// The digest of the consent.
  package var consent: Digest32
  /// y.
  package var share: [UInt8]
  package var index: Int

  package init(consent: Digest32, share: [UInt8], index: Int) {
    (self.consent, self.share, self.index) = (consent, share, index)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("consent", consent)
    fields.octets("share", share)
    fields.integer("index", UInt64(index))
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    consent = try fields.digest("consent")
    share = try fields.octets("share", Limits.scalarByteCounts)
    index = Int(try fields.integer("index", in: Piece.indices))
  }
}

/// B_I, and a piece of the record that it opens.
package struct ReencryptedPiece: CanonicalValue, Equatable {
  package var bI: [UInt8]
  package var part: RecordPiece

  package init(bI: [UInt8], part: RecordPiece) { (self.bI, self.part) = (bI, part) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.octets("bI", bI)
    fields.value("part", part)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    bI = try fields.octets("bI", Limits.pointByteCounts)
    part = try fields.value("part")
  }
}

/// System manager to cloud: a piece of the record of this consent's visit.
package struct FetchConsentedRecord: RoleRequest {
  package static let name = "fetch-consented-record"
  package typealias Reply = RecordPiece

  package var consent: Signed<Consent>
  package var index: Int

  package init(consent: Signed<Consent>, index: Int) {
    (self.consent, self.index) = (consent, index)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("consent", consent)
    fields.integer("index", UInt64(index))
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    consent = try fields.value("consent")
    index = Int(try fields.integer("index", in: Piece.indices))
  }
}
