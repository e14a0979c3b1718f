import Crypto
import TestSupport
import Testing
import TransparencyLog

@Suite("Whoever signs two logs under one origin can be shown to, and nobody else")
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
  ) throws -> AttestedCheckpoint {
    let checkpoint = try Checkpoint(origin: origin, size: size, root: tree.root(size: size))
    return AttestedCheckpoint(
      try #require(CosignedCheckpoint.merged(keys.map { try $0.cosign(checkpoint, at: size) })))
  }

  private func signed(
    _ tree: MerkleTree, _ size: UInt64, by key: LogKey
  ) throws -> AttestedCheckpoint {
    let checkpoint = try Checkpoint(
      origin: key.verifier.origin, size: size, root: tree.root(size: size))
    return AttestedCheckpoint(try key.sign(checkpoint))
  }

  private func side(
    _ tree: MerkleTree, _ index: UInt64, _ checkpoint: AttestedCheckpoint
  ) throws -> LeafEquivocationEvidence.Side {
    .init(
      checkpoint: checkpoint, leafHash: try leafHash(tree, index),
      inclusion: try tree.inclusionProof(index: index, size: checkpoint.checkpoint.size))
  }

  private func leafHash(_ tree: MerkleTree, _ index: UInt64) throws -> [UInt8] {
    tree.root == fork.root && index == 5
      ? MerkleHash.leaf([0xff]) : MerkleHash.leaf([UInt8(index)])
  }

  @Test("two roots of one size")
  func oneSize() throws {
    let evidence = try EquivocationEvidence(
      cosigned(honest, 9, by: alice, bob), cosigned(fork, 9, by: bob))
    #expect(evidence.culprits == [bob.verifier.key])
  }

  @Test("two sizes, for every pair of them")
  func twoSizes() throws {
    for new in UInt64(6)...21 {
      for old in UInt64(6)...new {
        let evidence = try EquivocationEvidence(
          cosigned(honest, old, by: alice), cosigned(fork, new, by: alice),
          prefixRoot: fork.root(size: old),
          prefixProof: fork.consistencyProof(from: old, to: new))
        #expect(evidence.culprits == [alice.verifier.key])
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

  @Test("a log key that signed two roots of one size, or of two sizes")
  func logKey() throws {
    let log = try LogKey(origin: "log")
    let nine = try signed(honest, 9, by: log)
    let evidence = try EquivocationEvidence(nine, signed(fork, 9, by: log))
    #expect(evidence.culprits == [log.verifier.key])
    #expect(
      try EquivocationEvidence(
        nine, signed(fork, 21, by: log), prefixRoot: fork.root(size: 9),
        prefixProof: fork.consistencyProof(from: 9, to: 21)
      ).culprits == [log.verifier.key])
    #expect(
      refusal(try EquivocationEvidence(nine, signed(honest, 9, by: log))) == .noContradiction)
    // Another key under the same origin is somebody else's.
    let other = try LogKey(origin: "log")
    #expect(
      refusal(try EquivocationEvidence(nine, signed(fork, 9, by: other))) == .noContradiction)
  }

  @Test("one pair of bytes as the key of a log and of a cosigner is two keys")
  func keyTypes() throws {
    let key = Curve25519.Signing.PrivateKey()
    let log = try LogKey(origin: "log", key: key)
    let cosigner = try CosignerKey(name: "log", key: key)
    #expect(
      refusal(
        try EquivocationEvidence(signed(honest, 9, by: log), cosigned(fork, 9, by: cosigner)))
        == .noContradiction)
  }

  @Test("a confirmed checkpoint accuses its log and its cosigners")
  func confirmed() throws {
    let log = try LogKey(origin: "log")
    let sides = try [honest, fork].map { tree in
      let checkpoint = try Checkpoint(origin: "log", size: 9, root: tree.root(size: 9))
      return AttestedCheckpoint(
        try ConfirmedCheckpoint(log.sign(checkpoint), alice.cosign(checkpoint, at: 1)))
    }
    let evidence = try EquivocationEvidence(sides[0], sides[1])
    #expect(evidence.culprits == [log.verifier.key, alice.verifier.key])
    // What is handed on verifies for somebody who has only the notes.
    for side in [evidence.earlier, evidence.later] {
      _ = try ConfirmedCheckpoint(
        verifying: SignedNote(encoded: side.note.encoded), log: log.verifier,
        cosigners: [alice.verifier])
    }
  }

  @Test("two leaves at one index, for every pair of sizes")
  func leaves() throws {
    let log = try LogKey(origin: "log")
    for one in UInt64(6)...21 {
      for other in UInt64(6)...21 {
        let evidence = try LeafEquivocationEvidence(
          index: 5, side(honest, 5, signed(honest, one, by: log)),
          side(fork, 5, signed(fork, other, by: log)))
        #expect(evidence.culprits == [log.verifier.key])
      }
    }
  }

  @Test("leaves of an honest log, of two logs or of two keys accuse nobody")
  func honestLeaves() throws {
    let log = try LogKey(origin: "log")
    let right = try side(honest, 5, signed(honest, 9, by: log))
    for size in UInt64(6)...21 {
      let checkpoint = try signed(honest, size, by: log)
      #expect(
        refusal(
          try LeafEquivocationEvidence(index: 5, right, side(honest, 5, checkpoint)))
          == .noContradiction)
      // Whatever else is said to stand there is not shown.
      for (leaf, proof) in [
        (MerkleHash.leaf([0xff]), try honest.inclusionProof(index: 5, size: size)),
        (MerkleHash.leaf([4]), try honest.inclusionProof(index: 4, size: size)),
        (MerkleHash.leaf([0xff]), try fork.inclusionProof(index: 5, size: size)),
      ] {
        let wrong = LeafEquivocationEvidence.Side(
          checkpoint: checkpoint, leafHash: leaf, inclusion: proof)
        #expect(refusal(try LeafEquivocationEvidence(index: 5, right, wrong)) == .proof)
        #expect(refusal(try LeafEquivocationEvidence(index: 5, wrong, right)) == .proof)
      }
      #expect(
        refusal(try LeafEquivocationEvidence(index: size, right, side(honest, 5, checkpoint)))
          != nil)
    }
    let strangers = [
      try signed(fork, 9, by: LogKey(origin: "log")),
      try signed(fork, 9, by: LogKey(origin: "log2")),
      try cosigned(fork, 9, by: alice),
    ]
    for stranger in strangers {
      #expect(
        refusal(try LeafEquivocationEvidence(index: 5, right, side(fork, 5, stranger)))
          == .noContradiction)
    }
  }

  @Test("a node in place of a leaf, or a hash of another length, accuses nobody")
  func nodes() throws {
    let log = try LogKey(origin: "log")
    let eight = try signed(honest, 8, by: log)
    let right = try side(honest, 0, eight)
    let node = MerkleTree(leaves: [[0], [1]]).root
    let short = LeafEquivocationEvidence.Side(
      checkpoint: eight, leafHash: node,
      inclusion: try InclusionProof(hashes: Array(right.inclusion.hashes.dropFirst())))
    #expect(refusal(try LeafEquivocationEvidence(index: 0, right, short)) == .proof)
    let long = LeafEquivocationEvidence.Side(
      checkpoint: eight, leafHash: node + [0], inclusion: right.inclusion)
    #expect(refusal(try LeafEquivocationEvidence(index: 0, right, long)) == .encoding)
  }
}
