package import CanonicalEncoding
import EMRScheme
import Ledger

/// Hospital to cloud: confirm these blocks of my chain (4.5).
package struct ConfirmLeaves: RoleRequest {
  package static let name = "confirm-leaves"
  package typealias Reply = ConfirmedReply

  package var hospital: String
  package var generation: UInt64
  /// The index of the first leaf.
  package var from: UInt64
  package var leaves: [[UInt8]]
  /// The checkpoint that ends behind the last leaf, signed with the log key: a C2SP signed note.
  package var note: String

  package init(
    hospital: String, generation: UInt64, from: UInt64, leaves: [[UInt8]], note: String
  ) {
    self.hospital = hospital
    self.generation = generation
    self.from = from
    self.leaves = leaves
    self.note = note
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.integer("generation", generation)
    fields.integer("from", from)
    fields.octetsList("leaves", leaves)
    fields.text("note", note)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    generation = try fields.integer("generation", in: 0...LedgerLimits.size)
    from = try fields.integer("from", in: 0...LedgerLimits.size)
    leaves = try fields.octetsList(
      "leaves", maximum: LedgerLimits.leafListCount, 1...Leaf.maximumByteCount)
    note = try fields.text("note", maximum: LedgerLimits.noteByteCount)
  }
}

/// The newest checkpoint of the chain with the cloud's cosignature, or that of the cloud before it;
/// empty where the leaves were taken and are not cosigned, since another cloud confirmed them or the
/// chain does not reach what is anchored of it yet.
package struct ConfirmedReply: CanonicalValue {
  package var note: String

  package init(note: String) { self.note = note }

  package func encode(into fields: inout some FieldEncoder) { fields.text("note", note) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    note = try fields.text("note", maximum: LedgerLimits.noteByteCount)
  }
}

/// To a cloud: the confirmed leaves of a chain, for its hospital, the cloud that the members give it,
/// and the system manager.
package struct FetchLeaves: QueryRequest {
  package static let name = "fetch-leaves"
  package typealias Reply = LeavesReply

  package let query: Signed<Message<LeavesQuery>>

  package init(query: Signed<Message<LeavesQuery>>) { self.query = query }
}

/// What the hospital, its present cloud or the system manager signs to be given leaves.
package struct LeavesQuery: PartyQuery {
  package static let name = "leaves-query"

  package var terms: QueryTerms
  package var hospital: String
  package var from: UInt64

  package init(_ terms: QueryTerms, hospital: String, from: UInt64) {
    (self.terms, self.hospital, self.from) = (terms, hospital, from)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("terms", terms)
    fields.text("hospital", hospital)
    fields.integer("from", from)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    terms = try fields.value("terms")
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    from = try fields.integer("from", in: 0...LedgerLimits.size)
  }
}

/// Leaves in their order, and the newest cosigned checkpoint; empty if nothing is confirmed.
package struct LeavesReply: CanonicalValue {
  package var leaves: [[UInt8]]
  package var note: String
  /// How many leaves the cloud has, confirmed or not.
  package var held: UInt64

  package init(leaves: [[UInt8]], note: String, held: UInt64) {
    (self.leaves, self.note, self.held) = (leaves, note, held)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.octetsList("leaves", leaves)
    fields.text("note", note)
    fields.integer("held", held)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    leaves = try fields.octetsList(
      "leaves", maximum: LedgerLimits.leafListCount, 1...Leaf.maximumByteCount)
    note = try fields.text("note", maximum: LedgerLimits.noteByteCount)
    held = try fields.integer("held", in: 0...LedgerLimits.size)
  }
}
