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
