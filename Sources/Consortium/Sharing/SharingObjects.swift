package import CanonicalEncoding
import EMRScheme

/// A doctor asks a patient for earlier records (4.6, step 1); signed with the identity key.
package struct AccessRequest: CanonicalObject, Equatable {
  package static let kind = ObjectKind.accessRequest
  package static let version: UInt64 = 2

  package var genesis: Digest32
  package var doctor: String
  package var hospital: String
  /// Given by the patient for this request: it reaches nobody else, and nobody else answers it.
  package var address: PatientAddress
  package var purpose: String
  /// Seconds since 1970, by the doctor's clock.
  package var madeAt: UInt64
  /// 32 random bytes.
  package var nonce: [UInt8]

  package init(
    genesis: Digest32, doctor: String, hospital: String, address: PatientAddress,
    purpose: String, madeAt: UInt64, nonce: [UInt8]
  ) {
    self.genesis = genesis
    self.doctor = doctor
    self.hospital = hospital
    self.address = address
    self.purpose = purpose
    self.madeAt = madeAt
    self.nonce = nonce
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("doctor", doctor)
    fields.text("hospital", hospital)
    fields.value("address", address)
    fields.text("purpose", purpose)
    fields.integer("madeAt", madeAt)
    fields.octets("nonce", nonce)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    doctor = try fields.text("doctor", maximum: Limits.identifierByteCount)
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    address = try fields.value("address")
    purpose = try fields.text("purpose")
    madeAt = try fields.integer("madeAt", in: 0...Limits.latestTime)
    nonce = try fields.octets("nonce", count: 32)
  }
}

/// A doctor's keys for one visit of one request, signed with the identity key (specification, item
/// 2).
package struct RequestKeyCertificate: CanonicalObject, Equatable {
  package static let kind = ObjectKind.requestKeyCertificate
  package static let version: UInt64 = 2

  package var genesis: Digest32
  /// The digest of the ``AccessRequest``.
  package var request: Digest32
  /// Whose visit it is.
  package var hospital: String
  package var visit: Digest32
  package var doctor: String
  /// A' = d'·g2, fresh for this visit.
  package var requestKey: [UInt8]
  /// X25519, fresh too: receives the patient's share.
  package var agreementKey: [UInt8]
  /// 32 random bytes, so that the digest on the ledger says nothing.
  package var salt: [UInt8]

  package init(
    genesis: Digest32, request: Digest32, hospital: String, visit: Digest32, doctor: String,
    requestKey: [UInt8], agreementKey: [UInt8], salt: [UInt8]
  ) {
    self.genesis = genesis
    self.request = request
    self.hospital = hospital
    self.visit = visit
    self.doctor = doctor
    self.requestKey = requestKey
    self.agreementKey = agreementKey
    self.salt = salt
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.digest("request", request)
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.text("doctor", doctor)
    fields.octets("requestKey", requestKey)
    fields.octets("agreementKey", agreementKey)
    fields.octets("salt", salt)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    request = try fields.digest("request")
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    doctor = try fields.text("doctor", maximum: Limits.identifierByteCount)
    requestKey = try fields.octets("requestKey", Limits.pointByteCounts)
    agreementKey = try fields.octets("agreementKey", count: 32)
    salt = try fields.octets("salt", count: 32)
  }
}

/// One patient's consent for one visit, one doctor, one purpose; signed with S_v.
///
/// Its digest goes to the ledger and is the associated data of every share sent under it.
package struct Consent: CanonicalObject, Equatable {
  package static let kind = ObjectKind.consent

  package var genesis: Digest32
  package var hospital: String
  package var visit: Digest32
  package var recordDigest: Digest32
  package var doctor: String
  package var purpose: String
  /// Ledger time in seconds since 1970; the last second at which the record may be opened.
  package var expiresAt: UInt64
  /// Θ = t·g2.
  package var theta: [UInt8]
  /// A'.
  package var requestKey: [UInt8]
  /// X25519, from the same certificate.
  package var agreementKey: [UInt8]
  /// Who re-encrypts.
  package var proxy: String
  /// 32 random bytes, so that the digest on the ledger says nothing.
  package var salt: [UInt8]

  package init(
    genesis: Digest32, hospital: String, visit: Digest32, recordDigest: Digest32, doctor: String,
    purpose: String, expiresAt: UInt64, theta: [UInt8], requestKey: [UInt8],
    agreementKey: [UInt8], proxy: String, salt: [UInt8]
  ) {
    self.genesis = genesis
    self.hospital = hospital
    self.visit = visit
    self.recordDigest = recordDigest
    self.doctor = doctor
    self.purpose = purpose
    self.expiresAt = expiresAt
    self.theta = theta
    self.requestKey = requestKey
    self.agreementKey = agreementKey
    self.proxy = proxy
    self.salt = salt
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.digest("recordDigest", recordDigest)
    fields.text("doctor", doctor)
    fields.text("purpose", purpose)
    fields.integer("expiresAt", expiresAt)
    fields.octets("theta", theta)
    fields.octets("requestKey", requestKey)
    fields.octets("agreementKey", agreementKey)
    fields.text("proxy", proxy)
    fields.octets("salt", salt)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    recordDigest = try fields.digest("recordDigest")
    doctor = try fields.text("doctor", maximum: Limits.identifierByteCount)
    purpose = try fields.text("purpose")
    expiresAt = try fields.integer("expiresAt", in: 0...Limits.latestTime)
    theta = try fields.octets("theta", Limits.pointByteCounts)
    requestKey = try fields.octets("requestKey", Limits.pointByteCounts)
    agreementKey = try fields.octets("agreementKey", count: 32)
    proxy = try fields.text("proxy", maximum: Limits.identifierByteCount)
    salt = try fields.octets("salt", count: 32)
  }
}
