package import CanonicalEncoding
import EMRScheme
package import Ledger

/// What every query of a member says of itself, so that nobody who has seen it asks the same again of
/// somebody else, or later.
package struct QueryTerms: CanonicalValue, Equatable {
  package var genesis: Digest32
  /// Who asks, and signs with its identity key.
  package var party: String
  package var recipient: String
  /// In seconds since 1970, by the clock of who asks.
  package var sentAt: UInt64

  package init(genesis: Digest32, party: String, recipient: String, sentAt: UInt64) {
    (self.genesis, self.party) = (genesis, party)
    (self.recipient, self.sentAt) = (recipient, sentAt)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("party", party)
    fields.text("recipient", recipient)
    fields.integer("sentAt", sentAt)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    party = try fields.text("party", maximum: Limits.identifierByteCount)
    recipient = try fields.text("recipient", maximum: Limits.identifierByteCount)
    sentAt = try fields.integer("sentAt", in: 0...Limits.latestTime)
  }
}

/// A request that a member has signed inside.
package protocol MemberRequest: RoleRequest {
  /// Who has signed it, as it says itself.
  var party: String { get }
  /// nil of a statement, which is the same whoever is asked, and when.
  var terms: QueryTerms? { get }
  func isSigned(by key: [UInt8]) -> Bool
}

/// What a member signs to be given something.
package protocol PartyQuery: NamedValue {
  var terms: QueryTerms { get }
}

/// A request with such a query in it.
package protocol SignedQueryRequest: MemberRequest {
  associatedtype Query: PartyQuery
  var query: Signed<Message<Query>> { get }
}

/// A request that is such a query and nothing else.
package protocol QueryRequest: SignedQueryRequest {
  init(query: Signed<Message<Query>>)
}

extension SignedQueryRequest {
  package var asked: Query { query.object.payload }
  package var terms: QueryTerms? { asked.terms }
  package var party: String { asked.terms.party }
  package func isSigned(by key: [UInt8]) -> Bool { (try? query.verified(by: key)) != nil }
}

extension QueryRequest {
  package func encode(into fields: inout some FieldEncoder) { fields.value("query", query) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    self.init(query: try fields.value("query"))
  }
}

/// To a delegate: what you have published from a position on.
package struct FetchOutbox: QueryRequest {
  package static let name = "fetch-outbox"
  package typealias Reply = OutboxReply

  package let query: Signed<Message<ConsortiumQuery>>

  package init(query: Signed<Message<ConsortiumQuery>>) { self.query = query }
}

/// To a supernode: the final leaves of the consortium chain from an index on.
package struct FetchConsortium: QueryRequest {
  package static let name = "fetch-consortium"
  /// With the newest final checkpoint; leaves end there or before it.
  package typealias Reply = ConsortiumReply

  package let query: Signed<Message<ConsortiumQuery>>

  package init(query: Signed<Message<ConsortiumQuery>>) { self.query = query }
}

/// To a delegate: the items of a block that you have proposed, or voted for.
package struct FetchBlock: QueryRequest {
  package static let name = "fetch-block"
  package typealias Reply = ProposedBlock

  package let query: Signed<Message<BlockQuery>>

  package init(query: Signed<Message<BlockQuery>>) { self.query = query }
}

package struct ConsortiumQuery: PartyQuery {
  package static let name = "consortium-query"

  package var terms: QueryTerms
  /// A position of an outbox, or an index on the chain.
  package var from: UInt64

  package init(_ terms: QueryTerms, from: UInt64) { (self.terms, self.from) = (terms, from) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("terms", terms)
    fields.integer("from", from)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    terms = try fields.value("terms")
    from = try fields.integer("from", in: 0...LedgerLimits.size)
  }
}

package struct BlockQuery: PartyQuery {
  package static let name = "block-query"

  package var terms: QueryTerms
  package var height: UInt64
  /// Of the whole chain with the block: its name.
  package var root: Digest32

  package init(_ terms: QueryTerms, height: UInt64, root: Digest32) {
    (self.terms, self.height, self.root) = (terms, height, root)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("terms", terms)
    fields.integer("height", height)
    fields.digest("root", root)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    terms = try fields.value("terms")
    height = try fields.integer("height", in: 0...LedgerLimits.size)
    root = try fields.digest("root")
  }
}

/// Leaves of one epoch in their order, and the final checkpoint at its end, or the newest; empty if
/// nothing is final.
package struct ConsortiumReply: CanonicalValue {
  package var leaves: [[UInt8]]
  package var note: String
  /// How many leaves are final.
  package var finalSize: UInt64

  package init(leaves: [[UInt8]], note: String, finalSize: UInt64) {
    (self.leaves, self.note, self.finalSize) = (leaves, note, finalSize)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.octetsList("leaves", leaves)
    fields.text("note", note)
    fields.integer("finalSize", finalSize)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    leaves = try fields.octetsList(
      "leaves", maximum: LedgerLimits.leafListCount, 1...Leaf.maximumByteCount)
    note = try fields.text("note", maximum: 1 << 20)
    finalSize = try fields.integer("finalSize", in: 0...LedgerLimits.size)
  }
}

/// To a supernode: the ends of epochs from one on, by which the sets of delegates are followed.
package struct FetchEpochEnds: RoleRequest {
  package static let name = "fetch-epoch-ends"
  package typealias Reply = EpochEndsReply

  package var epoch: UInt64

  package init(from epoch: UInt64) { self.epoch = epoch }

  package func encode(into fields: inout some FieldEncoder) { fields.integer("epoch", epoch) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    epoch = try fields.integer("epoch", in: 0...LedgerLimits.size)
  }
}

/// To a supernode: who takes part in an epoch. The answer proves itself by its digest, which stands in
/// the last header of the epoch before.
package struct FetchMembers: RoleRequest {
  package static let name = "fetch-members"
  package typealias Reply = MembersReply

  package var epoch: UInt64

  package init(ofEpoch epoch: UInt64) { self.epoch = epoch }

  package func encode(into fields: inout some FieldEncoder) { fields.integer("epoch", epoch) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    epoch = try fields.integer("epoch", in: 0...LedgerLimits.size)
  }
}

package struct MembersReply: CanonicalValue {
  package var members: Members

  package init(_ members: Members) { self.members = members }

  package func encode(into fields: inout some FieldEncoder) {
    fields.object("members", encoded: members.encoded())
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    members = try Members(
      encoded: try fields.object("members", maximum: Members.maximumByteCount))
  }
}

package struct EpochEndsReply: CanonicalValue {
  package var ends: [EpochEnd]

  package init(ends: [EpochEnd]) { self.ends = ends }

  package func encode(into fields: inout some FieldEncoder) { fields.list("ends", ends) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    ends = try fields.list("ends", maximum: EpochEnd.pageLimit)
  }
}

package struct OutboxReply: CanonicalValue {
  package var items: [OutboxItem]
  /// Where to go on reading.
  package var next: UInt64
  /// The position behind all items that there are: there are more if it is another one.
  package var end: UInt64
  /// How many leaves of the consortium chain are final for the delegate.
  package var finalSize: UInt64

  package init(items: [OutboxItem], next: UInt64, end: UInt64, finalSize: UInt64) {
    (self.items, self.next, self.end, self.finalSize) = (items, next, end, finalSize)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.list("items", items)
    fields.integer("next", next)
    fields.integer("end", end)
    fields.integer("finalSize", finalSize)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    items = try fields.list("items", maximum: 1 << 14)
    next = try fields.integer("next", in: 0...LedgerLimits.size)
    end = try fields.integer("end", in: 0...LedgerLimits.size)
    finalSize = try fields.integer("finalSize", in: 0...LedgerLimits.size)
  }
}

/// To a delegate: have this entry put on the consortium chain.
package struct OfferEntry: RoleRequest {
  package static let name = "offer-entry"
  package typealias Reply = OfferReply

  package var entry: Entry

  package init(_ entry: Entry) { self.entry = entry }

  package func encode(into fields: inout some FieldEncoder) { fields.value("entry", entry) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    entry = try fields.value("entry")
  }
}

package struct OfferReply: CanonicalValue {
  /// Whether the entry was neither waiting nor standing.
  package var isNew: Bool

  package init(isNew: Bool) { self.isNew = isNew }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("isNew", isNew ? 1 : 0)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    isNew = try fields.integer("isNew", in: 0...1) == 1
  }
}
