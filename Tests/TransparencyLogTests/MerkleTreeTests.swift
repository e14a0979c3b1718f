import TestSupport
import Testing
import TransparencyLog

/// Leaves of several lengths, all different.
private let leaves = (0..<130).map { [UInt8](repeating: UInt8($0), count: $0 % 70) + [UInt8($0)] }
private let tree = MerkleTree(leaves: leaves)

@Suite("The tree and its proofs are those of RFC 6962")
struct MerkleTreeTests {
  @Test("roots of the published leaves", arguments: try cases("roots") as [RootCase])
  func roots(_ vector: RootCase) {
    let tree = MerkleTree(leaves: vector.leaves.map(\.bytes))
    #expect(tree.root == vector.root.bytes)
    #expect(tree.size == vector.leaves.count)
  }

  @Test("inclusion vectors", arguments: try cases("inclusion") as [InclusionCase])
  func inclusion(_ vector: InclusionCase) throws {
    let proof = try InclusionProof(hashes: vector.hashes.map(\.bytes))
    try proof.verify(
      leafHash: vector.leafHash.bytes, index: vector.index, size: vector.size,
      root: vector.root.bytes)
    guard vector.size <= 8 else { return }
    let published = try #require(try (cases("roots") as [RootCase]).last).leaves.map(\.bytes)
    let tree = MerkleTree(leaves: published)
    #expect(try tree.inclusionProof(index: vector.index, size: vector.size) == proof)
    #expect(MerkleHash.leaf(published[Int(vector.index)]) == vector.leafHash.bytes)
  }

  @Test("consistency vectors", arguments: try cases("consistency") as [ConsistencyCase])
  func consistency(_ vector: ConsistencyCase) throws {
    let proof = try ConsistencyProof(hashes: vector.hashes.map(\.bytes))
    try proof.verify(
      oldSize: vector.oldSize, oldRoot: vector.oldRoot.bytes, newSize: vector.newSize,
      newRoot: vector.newRoot.bytes)
    guard vector.newSize <= 8 else { return }
    let published = try #require(try (cases("roots") as [RootCase]).last).leaves.map(\.bytes)
    let tree = MerkleTree(leaves: published)
    #expect(try tree.consistencyProof(from: vector.oldSize, to: vector.newSize) == proof)
  }

  @Test("root(n) == MTH(D[n]), while the tree grows and afterwards")
  func rootsAgree() {
    var growing = MerkleTree()
    for n in 0...leaves.count {
      let expected = ReferenceTree.mth(leaves.prefix(n))
      #expect(growing.root == expected)
      #expect(tree.root(size: UInt64(n)) == expected)
      if n < leaves.count { growing.append(leaves[n]) }
    }
  }

  @Test("inclusionProof(m, n) == PATH(m, D[n])")
  func pathsAgree() throws {
    for n in 1...leaves.count {
      for m in 0..<n {
        let proof = try tree.inclusionProof(index: UInt64(m), size: UInt64(n))
        #expect(proof.hashes == ReferenceTree.path(m, leaves.prefix(n)))
      }
    }
  }

  @Test("consistencyProof(m, n) == PROOF(m, D[n])")
  func subproofsAgree() throws {
    for n in 1...leaves.count {
      for m in 1...n {
        let proof = try tree.consistencyProof(from: UInt64(m), to: UInt64(n))
        #expect(proof.hashes == ReferenceTree.proof(m, leaves.prefix(n)))
      }
      #expect(try tree.consistencyProof(from: 0, to: UInt64(n)).hashes.isEmpty)
    }
  }

  @Test("a copy grows by itself")
  func values() {
    var copy = tree
    copy.append([1])
    #expect(tree.size == 130 && copy.size == 131)
    #expect(copy.root(size: 130) == tree.root && copy.root != tree.root)
  }

  @Test("no proof is made outside the tree")
  func outside() {
    #expect(refusal(try tree.inclusionProof(index: 5, size: 5)) == .range)
    #expect(refusal(try tree.inclusionProof(index: 5, size: 131)) == .range)
    #expect(refusal(try MerkleTree().inclusionProof(index: 0, size: 0)) == .range)
    #expect(refusal(try tree.consistencyProof(from: 9, to: 8)) == .range)
    #expect(refusal(try tree.consistencyProof(from: 9, to: 131)) == .range)
  }
}

@Suite("Only the right proof verifies")
struct ProofForgeryTests {
  private func included(
    _ hashes: [[UInt8]], _ leaf: [UInt8], _ index: Int, _ size: Int, _ root: [UInt8]
  ) -> Bool {
    refusal(
      try InclusionProof(hashes: hashes).verify(
        leafHash: leaf, index: UInt64(index), size: UInt64(size), root: root)) == nil
  }

  private func consistent(
    _ hashes: [[UInt8]], _ oldSize: Int, _ oldRoot: [UInt8], _ newSize: Int, _ newRoot: [UInt8]
  ) -> Bool {
    refusal(
      try ConsistencyProof(hashes: hashes).verify(
        oldSize: UInt64(oldSize), oldRoot: oldRoot, newSize: UInt64(newSize), newRoot: newRoot))
      == nil
  }

  /// Proofs that differ from this one: a hash more or less at either end or doubled, two
  /// exchanged, and in every hash one bit, or all bits one by one.
  private func forgeries(
    of hashes: [[UInt8]], allBits: Bool, _ generator: inout SeededGenerator
  ) -> [[[UInt8]]] {
    let stranger = generator.bytes(32)
    var forged = [[stranger] + hashes, hashes + [stranger], hashes + [stranger, stranger]]
    if !hashes.isEmpty {
      forged += [
        Array(hashes.dropFirst()), Array(hashes.dropLast()), hashes + hashes.suffix(1), [],
      ]
    }
    if hashes.count > 1 {
      var exchanged = hashes
      exchanged.swapAt(0, 1)
      forged.append(exchanged)
    }
    for position in hashes.indices {
      let bits = allBits ? Array(0..<256) : [Int.random(in: 0..<256, using: &generator)]
      for bit in bits {
        var changed = hashes
        changed[position] = changed[position].flipped(bit)
        forged.append(changed)
      }
    }
    return forged
  }

  @Test("inclusion(i, n) verifies iff leaf, index, size, root and every hash are the right ones")
  func inclusion() throws {
    var generator = SeededGenerator(seed: 1)
    for n in 1...leaves.count {
      let root = tree.root(size: UInt64(n))
      for i in 0..<n {
        let leaf = MerkleHash.leaf(leaves[i])
        let proof = try tree.inclusionProof(index: UInt64(i), size: UInt64(n)).hashes
        let bit = Int.random(in: 0..<256, using: &generator)
        try #require(included(proof, leaf, i, n, root))
        #expect(!included(proof, leaf.flipped(bit), i, n, root))
        #expect(!included(proof, leaf, i, n, root.flipped(bit)))
        #expect(!included(proof, MerkleHash.leaf(leaves[(i + 1) % 130]), i, n, root))
        for other in [i ^ 1, i ^ 2, i + 1, i - 1, i + 64, n - 1, n, n + 1, Int.max]
        where other != i && other >= 0 {
          #expect(!included(proof, leaf, other, n, root))
        }
        for other in [n - 1, n + 1, n + 2, 2 * n, n / 2] where other != n && other <= 130 {
          #expect(!included(proof, leaf, i, other, tree.root(size: UInt64(other))))
        }
        for forged in forgeries(of: proof, allBits: n == 13, &generator) {
          #expect(!included(forged, leaf, i, n, root))
        }
      }
    }
  }

  @Test("a root is bound to its size by the checkpoint; a path, only to its turns")
  func shape() throws {
    for n in 1...40 {
      let root = tree.root(size: UInt64(n))
      for i in 0..<n {
        let proof = try tree.inclusionProof(index: UInt64(i), size: UInt64(n)).hashes
        for other in 1...80 {
          let verifies = included(proof, MerkleHash.leaf(leaves[i]), i, other, root)
          let hasSameTurns =
            i < other && ReferenceTree.turns(i, other) == ReferenceTree.turns(i, n)
          #expect(verifies == hasSameTurns)
        }
      }
    }
  }

  @Test("consistency(m, n) verifies iff sizes, roots and every hash are the right ones")
  func consistency() throws {
    var generator = SeededGenerator(seed: 2)
    for n in 0...leaves.count {
      let newRoot = tree.root(size: UInt64(n))
      for m in 0...n {
        let oldRoot = tree.root(size: UInt64(m))
        let proof = try tree.consistencyProof(from: UInt64(m), to: UInt64(n)).hashes
        let bit = Int.random(in: 0..<256, using: &generator)
        try #require(consistent(proof, m, oldRoot, n, newRoot))
        #expect(!consistent(proof, m, oldRoot.flipped(bit), n, newRoot))
        // Every tree follows the empty one, whatever its root.
        #expect(consistent(proof, m, oldRoot, n, newRoot.flipped(bit)) == (m == 0 && n > 0))
        #expect(consistent(proof, n, newRoot, m, oldRoot) == (m == n))
        for other in [m - 1, m + 1, m ^ 2] where m > 0 && other != m && (1...n).contains(other) {
          #expect(!consistent(proof, other, tree.root(size: UInt64(other)), n, newRoot))
        }
        for other in [n - 1, n + 1, 2 * n] where other != n && (m...130).contains(other) && m > 0 {
          #expect(!consistent(proof, m, oldRoot, other, tree.root(size: UInt64(other))))
        }
        for forged in forgeries(of: proof, allBits: n == 13, &generator) {
          #expect(!consistent(forged, m, oldRoot, n, newRoot))
        }
      }
    }
  }

  @Test("a log that changed an old leaf has no proof", arguments: [0, 5, 36, 63])
  func rewritten(_ changed: Int) throws {
    var rewritten = leaves
    rewritten[changed] = [0xff]
    let fork = MerkleTree(leaves: rewritten)
    for m in UInt64(changed + 1)...64 {
      for n in m...100 {
        let proof = try fork.consistencyProof(from: m, to: n).hashes
        #expect(
          !consistent(proof, Int(m), tree.root(size: m), Int(n), fork.root(size: n)))
      }
    }
  }

  @Test("a node shown as a leaf is not one")
  func nodeAsLeaf() throws {
    let children = leaves[..<2].flatMap(MerkleHash.leaf)
    let proof = try tree.inclusionProof(index: 0, size: 4).hashes
    let root = tree.root(size: 4)
    #expect(!included(Array(proof.dropFirst()), MerkleHash.leaf(children), 0, 2, root))
  }

  @Test("proofs of over 64 hashes, hashes and roots of other lengths are refused")
  func bounds() {
    let hash = [UInt8](repeating: 7, count: 32)
    for count in [65, 1000] {
      #expect(
        refusal(try InclusionProof(hashes: Array(repeating: hash, count: count))) == .tooLarge)
      #expect(
        refusal(try ConsistencyProof(hashes: Array(repeating: hash, count: count))) == .tooLarge)
    }
    for bytes in [[], Array(hash.dropLast()), hash + [7]] {
      #expect(refusal(try InclusionProof(hashes: [hash, bytes])) == .encoding)
      #expect(refusal(try ConsistencyProof(hashes: [hash, bytes])) == .encoding)
      #expect(!included([], bytes, 0, 1, bytes))
      #expect(!consistent([], 3, bytes, 3, bytes))
    }
  }

  @Test("moving the boundary between two hashes does not help")
  func boundary() throws {
    let root = tree.root(size: 2)
    let (first, second) = (MerkleHash.leaf(leaves[0]), MerkleHash.leaf(leaves[1]))
    #expect(included([second], first, 0, 2, root))
    #expect(!included([], first + second, 0, 1, root))
    #expect(!included([second.suffix(31)], first + second.prefix(1), 0, 2, root))
  }
}
