package import CanonicalEncoding

/// (context, k, (com_1, a_1) … (com_k, a_k)): what D_k signs, and what the key of c_k is bound to.
package struct FindingChain: CanonicalObject {
  package static let kind = ObjectKind.findingChain

  var contextDigest: Digest32
  var position: UInt64
  var commitments: [FindingCommitment]

  /// The chain up to its last commitment.
  package init(contextDigest: Digest32, commitments: some Collection<FindingCommitment>) {
    self.contextDigest = contextDigest
    position = UInt64(commitments.count)
    self.commitments = Array(commitments)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.integer("position", position)
    fields.list("commitments", commitments)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    position = try fields.integer("position", in: 1...UInt64(Limits.teamSize))
    commitments = try fields.list("commitments", maximum: Limits.teamSize)
  }
}
