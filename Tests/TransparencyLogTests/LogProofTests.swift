import TestSupport
import Testing
import TransparencyLog

@Suite("A proof in one text shows a leaf to stand in a log")
struct LogProofTests {
  private static let leaves = (0..<21).map { [UInt8($0)] }
  private let tree = MerkleTree(leaves: leaves)
  private let cosigner: CosignerKey
  private let signed: CosignedCheckpoint
  private let origin = "example.com/log"

  init() throws {
    cosigner = try CosignerKey(name: "example.com/witness")
    signed = try cosigner.cosign(Checkpoint(origin: origin, size: 21, root: tree.root), at: 7)
  }

  private func proof(_ index: UInt64, of size: UInt64 = 21) throws -> LogProof {
    LogProof(
      index: index, inclusion: try tree.inclusionProof(index: index, size: size), note: signed.note)
  }

  private func verify(_ proof: LogProof, leaf: [UInt8]) throws -> CosignedCheckpoint {
    try proof.verify(
      leafHash: MerkleHash.leaf(leaf), origin: origin, cosigners: [cosigner.verifier])
  }

  @Test("another implementation's proofs", arguments: try cases("cosigned") as [CosignedCase])
  func golden(_ vector: CosignedCase) throws {
    let published = try #require(try (cases("roots") as [RootCase]).last).leaves.map(\.bytes)
    for (index, text) in vector.proofs.enumerated() {
      let proof = try LogProof(encoded: text)
      #expect(proof.index == index)
      let cosigned = try proof.verify(
        leafHash: MerkleHash.leaf(published[index]), origin: vector.origin,
        cosigners: vector.cosigners)
      #expect(cosigned.cosignatures.count == 3)
      let tree = MerkleTree(leaves: published)
      let ours = LogProof(
        index: proof.index,
        inclusion: try tree.inclusionProof(index: proof.index, size: vector.size),
        note: cosigned.note)
      #expect(ours.encoded == text)
    }
  }

  @Test("decode(encode(proof)) == proof, and it verifies, for every leaf")
  func roundTrip() throws {
    for (index, leaf) in Self.leaves.enumerated() {
      let proof = try proof(UInt64(index))
      let decoded = try LogProof(encoded: proof.encoded)
      #expect(decoded == proof)
      #expect(try verify(decoded, leaf: leaf) == signed)
    }
  }

  @Test("another leaf, another index, another size, other hashes")
  func forgeries() throws {
    #expect(refusal(try verify(proof(4), leaf: [5])) == .proof)
    let moved = LogProof(index: 5, inclusion: try proof(4).inclusion, note: signed.note)
    #expect(refusal(try verify(moved, leaf: [4])) == .proof)
    let outside = LogProof(index: 21, inclusion: try proof(4).inclusion, note: signed.note)
    #expect(refusal(try verify(outside, leaf: [4])) == .range)
    #expect(refusal(try verify(proof(4, of: 20), leaf: [4])) == .proof)
    let hashes = try proof(4).inclusion.hashes
    for other in [Array(hashes.dropLast()), hashes + [MerkleHash.empty], []] {
      let forged = LogProof(
        index: 4, inclusion: try InclusionProof(hashes: other), note: signed.note)
      #expect(refusal(try verify(forged, leaf: [4])) == .proof)
    }
  }

  @Test("nobody's, another's and another log's checkpoint")
  func checkpoints() throws {
    let (good, leaf) = (try proof(4), MerkleHash.leaf([4]))
    let other = try CosignerKey(name: "example.com/other").verifier
    #expect(refusal(try good.verify(leafHash: leaf, origin: origin, cosigners: [])) == .unsigned)
    #expect(
      refusal(try good.verify(leafHash: leaf, origin: origin, cosigners: [other])) == .unsigned)
    #expect(
      refusal(try good.verify(leafHash: leaf, origin: "b", cosigners: [cosigner.verifier]))
        == .origin)
  }

  @Test("extra data is read, kept, and changes nothing")
  func extra() throws {
    let text = try proof(4).encoded.replacing("\nindex", with: "\nextra AAE=\nindex")
    let decoded = try LogProof(encoded: text)
    #expect(decoded.extra == [0, 1])
    #expect(decoded.encoded == text)
    #expect(try verify(decoded, leaf: [4]) == signed)
  }
}
