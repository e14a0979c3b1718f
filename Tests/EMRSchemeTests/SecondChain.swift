import CanonicalEncoding
import EMRScheme
import HashToCurve
import Pairings

/// W_k and the equations of 4.4 written a second time, from the documents alone.
struct SecondChain: CanonicalObject {
  static var kind: ObjectKind { .findingChain }
  var contextDigest: Digest32
  var position: UInt64
  var commitments: [FindingCommitment]

  init(_ contextDigest: Digest32, _ commitments: [FindingCommitment]) {
    self.contextDigest = contextDigest
    position = UInt64(commitments.count)
    self.commitments = commitments
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.integer("position", position)
    fields.list("commitments", commitments)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    position = try fields.integer("position", in: 1...16)
    commitments = try fields.list("commitments", maximum: 16)
  }

  /// W_k.
  var w: BLS12381.G1 { BLS12381.hashToG1(encoded(), domain: "BCEMR-V01-bls12-381-W") }
}
