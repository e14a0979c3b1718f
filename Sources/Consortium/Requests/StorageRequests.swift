package import CanonicalEncoding
package import EMRScheme
import Ledger

/// Last doctor to cloud: keep this record.
package struct StoreRecord: RoleRequest {
  package static let name = "store-record"
  /// The cloud's signature over the ``StorageReceipt``, given when the record is durable.
  package typealias Reply = Octets

  package var record: SealedRecord
  /// By the doctor.
  package var upload: Signed<Message<RecordUpload>>

  package init(record: SealedRecord, upload: Signed<Message<RecordUpload>>) {
    (self.record, self.upload) = (record, upload)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("record", record)
    fields.value("upload", upload)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    record = try fields.value("record")
    upload = try fields.value("upload")
  }
}

/// What the last doctor of a visit signs to have its record stored.
package struct RecordUpload: NamedValue {
  package static let name = "record-upload"

  package var genesis: Digest32
  package var hospital: String
  package var visit: Digest32
  package var recordDigest: Digest32

  package init(genesis: Digest32, hospital: String, visit: Digest32, recordDigest: Digest32) {
    self.genesis = genesis
    self.hospital = hospital
    self.visit = visit
    self.recordDigest = recordDigest
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.digest("recordDigest", recordDigest)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    recordDigest = try fields.digest("recordDigest")
  }
}

/// What a patient signs with S_v to be given something about one visit.
package struct PatientQuery: NamedValue {
  package static let name = "patient-query"

  package enum Subject: UInt64, Sendable { case record = 1, accessLog }

  package var genesis: Digest32
  package var hospital: String
  package var visit: Digest32
  package var subject: Subject

  package init(genesis: Digest32, hospital: String, visit: Digest32, subject: Subject) {
    self.genesis = genesis
    self.hospital = hospital
    self.visit = visit
    self.subject = subject
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.integer("subject", subject.rawValue)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    guard let subject = Subject(rawValue: try fields.integer("subject")) else {
      throw DecodingFailure(.invalidField, "subject is not one of 1 and 2")
    }
    self.subject = subject
  }
}

/// Patient to cloud: my record. Who sends this again learns a ciphertext that passed by before.
package struct FetchOwnRecord: RoleRequest {
  package static let name = "fetch-own-record"
  /// The DER of the ``SealedRecord``.
  package typealias Reply = Octets

  package var query: Signed<Message<PatientQuery>>

  package init(query: Signed<Message<PatientQuery>>) { self.query = query }

  package func encode(into fields: inout some FieldEncoder) { fields.value("query", query) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    query = try fields.value("query")
  }
}

/// Cloud to a cloud that a hospital's chain had before: give me the record of this visit.
package struct TakeOverRecord: RoleRequest {
  package static let name = "take-over-record"
  /// The DER of the ``SealedRecord``.
  package typealias Reply = Octets

  /// By the cloud that asks.
  package var query: Signed<Message<RecordTakeover>>

  package init(query: Signed<Message<RecordTakeover>>) { self.query = query }

  package func encode(into fields: inout some FieldEncoder) { fields.value("query", query) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    query = try fields.value("query")
  }
}

/// What the present cloud of a hospital signs to be given a record of it.
package struct RecordTakeover: NamedValue {
  package static let name = "record-takeover"

  package var genesis: Digest32
  package var hospital: String
  package var visit: Digest32
  /// That the visit's completion names.
  package var recordDigest: Digest32
  /// Who asks.
  package var cloud: String

  package init(
    genesis: Digest32, hospital: String, visit: Digest32, recordDigest: Digest32, cloud: String
  ) {
    self.genesis = genesis
    self.hospital = hospital
    self.visit = visit
    self.recordDigest = recordDigest
    self.cloud = cloud
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.digest("recordDigest", recordDigest)
    fields.text("cloud", cloud)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    recordDigest = try fields.digest("recordDigest")
    cloud = try fields.text("cloud", maximum: Limits.identifierByteCount)
  }
}
