import TestSupport
import Testing
import TransparencyLog

@Suite("Whoever cosigns two logs under one origin can be shown to, and nobody else")
struct EquivocationTests {
  private let honest = MerkleTree(leaves: (0..<21).map { [UInt8($0)] })
  /// Differs in leaf 5.
  private let fork = MerkleTree(leaves: (0..<21).map { [$0 == 5 ? 0xff : UInt8($0)] })
  private let alice: CosignerKey
  private let bob: CosignerKey

  init() throws {
    alice = try CosignerKey(name: "example.com/alice")
    bob = try CosignerKey(name: "example.com/bob")
  }

  private func cosigned(
    _ tree: MerkleTree, _ size: UInt64, by keys: CosignerKey..., origin: String = "log"
  ) throws -> CosignedCheckpoint {
    let checkpoint = try Checkpoint(origin: origin, size: size, root: tree.root(size: size))
    return try #require(
      CosignedCheckpoint.merged(keys.map { try $0.cosign(checkpoint, at: size) }))
  }

  @Test("two roots of one size")
  func oneSize() throws {
    let evidence = try EquivocationEvidence(
      cosigned(honest, 9, by: alice, bob), cosigned(fork, 9, by: bob))
    #expect(evidence.culprits == [bob.verifier])
  }

  @Test("two sizes, for every pair of them")
  func twoSizes() throws {
    for new in UInt64(6)...21 {
      for old in UInt64(6)...new {
        let evidence = try EquivocationEvidence(
          cosigned(honest, old, by: alice), cosigned(fork, new, by: alice),
          prefixRoot: fork.root(size: old),
          prefixProof: fork.consistencyProof(from: old, to: new))
        #expect(evidence.culprits == [alice.verifier])
      }
    }
  }

  @Test("an honest cosigner of a growing log cannot be accused")
  func honestGrowth() throws {
    for new in UInt64(0)...21 {
      for old in 0...new {
        let (earlier, later) = (
          try cosigned(honest, old, by: alice), try cosigned(honest, new, by: alice)
        )
        #expect(refusal(try EquivocationEvidence(earlier, later)) == .noContradiction)
        let proof = try honest.consistencyProof(from: old, to: new)
        #expect(
          refusal(
            try EquivocationEvidence(
              earlier, later, prefixRoot: honest.root(size: old), prefixProof: proof))
            == .noContradiction)
        // A prefix that the later tree does not have; at size 0 there is only one root.
        guard old > 5 else { continue }
        #expect(
          refusal(
            try EquivocationEvidence(
              earlier, later, prefixRoot: fork.root(size: old),
              prefixProof: fork.consistencyProof(from: old, to: new))) == .proof)
        #expect(
          refusal(
            try EquivocationEvidence(
              earlier, later, prefixRoot: fork.root(size: old), prefixProof: proof)) == .proof)
      }
    }
  }

  @Test("a proof that merely fails accuses nobody")
  func failingProof() throws {
    let (earlier, later) = (
      try cosigned(honest, 9, by: alice), try cosigned(fork, 21, by: alice)
    )
    for root in [honest.root(size: 9), fork.root(size: 9)] {
      #expect(
        refusal(
          try EquivocationEvidence(
            earlier, later, prefixRoot: root, prefixProof: ConsistencyProof(hashes: [])))
          == .proof)
    }
  }

  @Test("two logs, or two cosigners, are no contradiction")
  func twoParties() throws {
    let nine = try cosigned(honest, 9, by: alice)
    #expect(
      refusal(try EquivocationEvidence(nine, cosigned(fork, 9, by: alice, origin: "log2")))
        == .noContradiction)
    #expect(
      refusal(try EquivocationEvidence(nine, cosigned(fork, 9, by: bob))) == .noContradiction)
  }

  @Test("a forged second signature never becomes evidence")
  func forgedSignature() throws {
    let signature = try cosigned(honest, 9, by: alice).note.encoded.split(separator: "\n").last
    let body = try Checkpoint(origin: "log", size: 9, root: fork.root(size: 9)).body
    let forged = try SignedNote(encoded: body + "\n" + #require(signature) + "\n")
    #expect(
      refusal(
        try CosignedCheckpoint(verifying: forged, origin: "log", cosigners: [alice.verifier]))
        == .signature)
  }
}
