package import CanonicalEncoding
import EMRScheme
package import Ledger

/// To a supernode: put this entry, which its hospital has not taken, before everybody.
///
/// What a demand shows of the entry becomes visible to all who read the consortium chain. A cloud that has not the
/// hospital's chain does not know the patient of a visit: there the patient comes as who holds S_v, and shows the
/// completion that names it.
package struct RelayDemand: RoleRequest {
  package static let name = "relay-demand"
  /// Where the demand stands on the consortium chain.
  package typealias Reply = DemandPlace

  package var entry: Entry
  /// Of an entry that a patient has signed: where the visit's completion stands, for a cloud that has not this chain.
  package var completion: AnchoredLeaf?

  package init(_ entry: Entry, completion: AnchoredLeaf? = nil) {
    (self.entry, self.completion) = (entry, completion)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("entry", entry)
    fields.optional("completion", completion)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    entry = try fields.value("entry")
    completion = try fields.optional("completion")
  }

  /// That who brings it has signed the entry.
  ///
  /// - Throws: ``ConsortiumError`` `not-entitled`.
  func require(_ author: Principal?) throws {
    guard case .key(let key)? = author else { return try entry.require(author) }
    guard case .patient(let visit) = entry.content.signer, entry.isSigned(by: key),
      case .visitCompletion(let body)? =
        completion.flatMap({ Leaf.entry(in: $0.leaf.leaf) })?.content.body,
      body.context.visitID == visit, body.context.visitSigningKey == key
    else { throw ConsortiumError(.notEntitled, "the entry is brought by somebody else") }
  }
}

/// The index of a demand, for its proof.
package struct DemandPlace: CanonicalValue {
  package var index: UInt64

  package init(index: UInt64) { self.index = index }

  package func encode(into fields: inout some FieldEncoder) { fields.integer("index", index) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    index = try fields.integer("index", in: 0...LedgerLimits.size)
  }
}

/// Hospital to cloud: state how much of this generation of my chain you have confirmed, and confirm
/// no more of it (specification 6.9).
package struct RequestTail: MemberRequest {
  package static let name = "request-tail"
  /// The cloud's signature over the ``TailStatement`` in the request.
  package typealias Reply = Octets

  /// By the hospital's identity key.
  package var statement: Signed<TailStatement>

  /// From the leaves that the cloud has to those of the statement; empty if it has all of them, or none.
  package var consistency: [[UInt8]]

  package init(statement: Signed<TailStatement>, consistency: [[UInt8]] = []) {
    (self.statement, self.consistency) = (statement, consistency)
  }

  package var party: String { statement.object.hospital }
  package var terms: QueryTerms? { nil }
  package func isSigned(by key: [UInt8]) -> Bool { (try? statement.verified(by: key)) != nil }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("statement", statement)
    fields.octetsList("consistency", consistency)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    statement = try fields.value("statement")
    consistency = try fields.octetsList(
      "consistency", maximum: LedgerLimits.proofHashCount, 32...32)
  }
}
