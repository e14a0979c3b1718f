package import CanonicalEncoding
package import EMRScheme
import Ledger

/// Last doctor to cloud: keep this record.
package struct StoreRecord: RoleRequest {
  package static let name = "store-record"
  /// The cloud's signature over the ``StorageReceipt``, given when the record is durable.
  package typealias Reply = Octets

  package var hospital: String
  package var visit: Digest32
  package var record: SealedRecord

  package init(hospital: String, visit: Digest32, record: SealedRecord) {
    (self.hospital, self.visit, self.record) = (hospital, visit, record)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.value("record", record)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    record = try fields.value("record")
  }
}

/// Patient to cloud: the record of my visit.
package struct FetchOwnRecord: RoleRequest {
  package static let name = "fetch-own-record"
  /// The DER of the ``SealedRecord``.
  package typealias Reply = Octets

  package init() {}
  package func encode(into fields: inout some FieldEncoder) {}
  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {}
}

/// Cloud to a cloud that a hospital's chain had before: give me the record of this visit.
package struct TakeOverRecord: QueryRequest {
  package static let name = "take-over-record"
  /// The DER of the ``SealedRecord``.
  package typealias Reply = Octets

  /// By the cloud that asks.
  package let query: Signed<Message<RecordTakeover>>

  package init(query: Signed<Message<RecordTakeover>>) { self.query = query }
}

/// What the present cloud of a hospital signs to be given a record of it.
package struct RecordTakeover: PartyQuery {
  package static let name = "record-takeover"

  package var terms: QueryTerms
  package var hospital: String
  package var visit: Digest32
  /// That the visit's completion names.
  package var recordDigest: Digest32

  package init(
    _ terms: QueryTerms, hospital: String, visit: Digest32, recordDigest: Digest32
  ) {
    (self.terms, self.hospital) = (terms, hospital)
    (self.visit, self.recordDigest) = (visit, recordDigest)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("terms", terms)
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.digest("recordDigest", recordDigest)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    terms = try fields.value("terms")
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    recordDigest = try fields.digest("recordDigest")
  }
}
