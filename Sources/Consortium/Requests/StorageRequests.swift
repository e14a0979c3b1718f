package import CanonicalEncoding
import EMRScheme
import Ledger

/// Last doctor to cloud: keep this piece of a record.
package struct StoreRecord: RoleRequest {
  package static let name = "store-record"
  package typealias Reply = StoredPieces

  package var hospital: String
  package var visit: Digest32
  package var part: RecordPiece

  package init(hospital: String, visit: Digest32, part: RecordPiece) {
    (self.hospital, self.visit, self.part) = (hospital, visit, part)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.value("part", part)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    part = try fields.value("part")
  }
}

/// How much of a record a cloud has.
package struct StoredPieces: CanonicalValue, Equatable {
  /// Pieces that are durable.
  package var held: PiecesHeld
  /// The cloud's signature over the ``StorageReceipt``, given when all of the record is durable; empty
  /// before.
  package var receipt: [UInt8]

  package init(held: PiecesHeld, receipt: [UInt8]) { (self.held, self.receipt) = (held, receipt) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("held", held)
    fields.octets("receipt", receipt)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    held = try fields.value("held")
    receipt = try fields.octets("receipt", 0...64)
    // It becomes part of what the doctor keeps, where only a signature can be read again.
    guard receipt.isEmpty || receipt.count == 64 else {
      throw DecodingFailure(.invalidField, "receipt is neither empty nor a signature")
    }
  }
}

/// Patient to cloud: a piece of the record of my visit.
package struct FetchOwnRecord: RoleRequest {
  package static let name = "fetch-own-record"
  package typealias Reply = RecordPiece

  /// That the visit's completion names.
  package var recordDigest: Digest32
  package var index: Int

  package init(recordDigest: Digest32, index: Int) {
    (self.recordDigest, self.index) = (recordDigest, index)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("recordDigest", recordDigest)
    fields.integer("index", UInt64(index))
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    recordDigest = try fields.digest("recordDigest")
    index = Int(try fields.integer("index", in: Piece.indices))
  }
}

/// Cloud to a cloud that a hospital's chain had before: give me a piece of the record of this visit.
package struct TakeOverRecord: SignedQueryRequest {
  package static let name = "take-over-record"
  package typealias Reply = RecordPiece

  /// By the cloud that asks.
  package let query: Signed<Message<RecordTakeover>>
  package var index: Int

  package init(query: Signed<Message<RecordTakeover>>, index: Int) {
    (self.query, self.index) = (query, index)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("query", query)
    fields.integer("index", UInt64(index))
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    query = try fields.value("query")
    index = Int(try fields.integer("index", in: Piece.indices))
  }
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
