import Crypto
import Synchronization
import TestSupport
import Testing
import TransparencyLog

/// Tiles in memory, which can be changed behind the tree's back.
private final class MemoryTiles: TileStore {
  struct Lost: Error, Equatable {}

  struct Place: Hashable {
    let level: Int
    let index: UInt64
  }

  private struct State {
    var tiles: [Place: [UInt8]] = [:]
    var reads = 0
    var isLost = false
  }

  private let state = Mutex(State())

  func tile(level: Int, index: UInt64) throws(Lost) -> [UInt8]? {
    try state.withLock { state throws(Lost) in
      if state.isLost { throw Lost() }
      state.reads += 1
      return state.tiles[Place(level: level, index: index)]
    }
  }

  func commit(_ tiles: [HashTile]) {
    state.withLock { state in
      for tile in tiles {
        state.tiles[Place(level: tile.level, index: tile.index)] = tile.hashes
      }
    }
  }

  func change(_ place: Place, _ change: (inout [UInt8]?) -> Void) {
    state.withLock { change(&$0.tiles[place]) }
  }

  func lose() { state.withLock { $0.isLost = true } }

  var tiles: [Place: [UInt8]] { state.withLock { $0.tiles } }

  func copy() -> MemoryTiles {
    let copy = MemoryTiles()
    let tiles = tiles
    copy.state.withLock { $0.tiles = tiles }
    return copy
  }

  /// How many reads the body takes.
  func reads(_ body: () throws -> Void) rethrows -> Int {
    let before = state.withLock { $0.reads }
    try body()
    return state.withLock { $0.reads } - before
  }
}

private typealias Tree = TiledTree<MemoryTiles>

private func leaf(_ index: some BinaryInteger) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: index >> (8 * $0)) }
}

private func logRefusal(_ body: @autoclosure () throws -> some Any) -> TransparencyLogError.Code? {
  do {
    _ = try body()
    return nil
  } catch TiledTreeError<MemoryTiles.Lost>.log(let error) {
    return error.code
  } catch {
    return .init("another error: \(error)")
  }
}

private let sizesOnEdges: [UInt64] = [
  0, 1, 2, 3, 254, 255, 256, 257, 511, 512, 513, 65_279, 65_280, 65_281, 65_535, 65_536, 65_537,
  65_793, 70_000,
]

/// One tree of 70,000 leaves for all tests, in both forms.
private enum Large {
  static let size: UInt64 = 70_000
  static let reference = MerkleTree(leaves: (0..<size).map(leaf))
  static var store: MemoryTiles { tiled.store }
  static var tree: Tree { tiled.tree }

  private static let tiled: (store: MemoryTiles, tree: Tree) = {
    let store = MemoryTiles()
    do {
      var tree = try Tree(size: 0, store: store)
      for index in 0..<size { try tree.append(leafHash: MerkleHash.leaf(leaf(index))) }
      store.commit(tree.takeChangedTiles())
      return (store, tree)
    } catch {
      preconditionFailure("\(error)")
    }
  }()
}

@Suite("A tree in tiles is the tree of RFC 6962")
struct TiledTreeTests {
  /// A tree of so many leaves whose store holds all tiles.
  private func tree(_ size: Int, _ store: MemoryTiles = MemoryTiles()) throws -> Tree {
    var tree = try Tree(size: 0, store: store)
    for index in 0..<size { try tree.append(leafHash: MerkleHash.leaf(leaf(index))) }
    store.commit(tree.takeChangedTiles())
    return tree
  }

  @Test("root(n) is that of MerkleTree while it grows, and after reopening at every size")
  func roots() throws {
    let store = MemoryTiles()
    var (tree, reference) = (try Tree(size: 0, store: store), MerkleTree())
    for size in UInt64(0)...1100 {
      #expect(try tree.root() == reference.root)
      let reopened = try Tree(size: size, root: reference.root, store: store)
      #expect(try reopened.root() == reference.root)
      #expect(reopened.changedTiles.isEmpty)
      // A tile with more hashes than the tree has leaves is no harm.
      let older = size / 2
      #expect(try Tree(size: older, store: store).root() == reference.root(size: older))
      // From one size to the next, it may be another process that goes on.
      if size.isMultiple(of: 3) { tree = reopened }
      reference.append(leaf(size))
      try tree.append(leafHash: MerkleHash.leaf(leaf(size)))
      store.commit(tree.takeChangedTiles())
    }
  }

  @Test("roots and proofs of random trees, for every earlier size")
  func law() throws {
    let law = Law("tiled(n).proof == merkle(n).proof") { generator in
      let size = Int.random(in: 1...3000, using: &generator)
      let tiled = try tree(size)
      let reference = MerkleTree(leaves: (0..<size).map(leaf))
      for _ in 0..<60 {
        let n = UInt64.random(in: 1...UInt64(size), using: &generator)
        let m = UInt64.random(in: 0...n, using: &generator)
        let index = UInt64.random(in: 0..<n, using: &generator)
        guard try tiled.root(size: n) == reference.root(size: n),
          try tiled.leafHash(at: index) == MerkleHash.leaf(leaf(index)),
          try tiled.inclusionProof(index: index, size: n)
            == reference.inclusionProof(index: index, size: n),
          try tiled.consistencyProof(from: m, to: n) == reference.consistencyProof(from: m, to: n)
        else { return false }
      }
      return true
    }
    #expect(try law.counterexample() == nil)
  }

  @Test("sizes around a full tile and around 256 full tiles", arguments: sizesOnEdges)
  func edges(size: UInt64) throws {
    let reference = Large.reference
    let (tree, reopened) = (
      Large.tree, try Tree(size: size, root: reference.root(size: size), store: Large.store)
    )
    #expect(try tree.root(size: size) == reference.root(size: size))
    for other in sizesOnEdges where other <= size {
      let proof = try reference.consistencyProof(from: other, to: size)
      #expect(try tree.consistencyProof(from: other, to: size) == proof)
      #expect(try reopened.consistencyProof(from: other, to: size) == proof)
      guard other < size else { continue }
      let inclusion = try reference.inclusionProof(index: other, size: size)
      #expect(try tree.inclusionProof(index: other, size: size) == inclusion)
      #expect(try reopened.inclusionProof(index: other, size: size) == inclusion)
    }
  }

  @Test("the tiles are those of C2SP's formula", arguments: [1, 255, 256, 257, 600])
  func formula(size: Int) throws {
    let store = MemoryTiles()
    _ = try tree(size, store)
    let hashes = (0..<size).map { MerkleHash.leaf(leaf($0)) }
    var expected: [MemoryTiles.Place: [UInt8]] = [:]
    for (index, hash) in hashes.enumerated() {
      expected[.init(level: 0, index: UInt64(index / 256)), default: []] += hash
    }
    for index in 0..<size / 256 {
      let leaves = (256 * index..<256 * (index + 1)).map(leaf)
      expected[.init(level: 1, index: 0), default: []] += ReferenceTree.mth(leaves[...])
    }
    #expect(store.tiles == expected)
  }

  @Test("the document's tree of 70,000 leaves")
  func document() throws {
    let widths = Large.store.tiles.reduce(into: [:] as [Int: [Int]]) { widths, tile in
      widths[tile.key.level, default: []].append(tile.value.count / 32)
    }
    #expect(widths[0]?.count == 274 && widths[0]?.filter { $0 == 256 }.count == 273)
    #expect(widths[0]?.contains(112) == true)
    #expect(widths[1]?.sorted() == [17, 256])
    #expect(widths[2] == [1])
    #expect(widths.count == 3)
    let path = try TilePath(.hashes(level: 1), index: 1, size: 70_000)
    #expect(path.description == "tile/1/001.p/17")
    #expect(refusal(try TilePath(.hashes(level: 3), index: 0, size: 70_000)) == .range)
  }

  @Test("changed tiles: the last of each level that was touched, and those that became full")
  func changes() throws {
    var tree = try tree(254)
    #expect(tree.changedTiles.isEmpty)
    for index in 254..<258 { try tree.append(leafHash: MerkleHash.leaf(leaf(index))) }
    let paths = tree.changedTiles.map { "\($0.path)" }
    #expect(paths == ["tile/0/000", "tile/0/001.p/2", "tile/1/000.p/1"])
    #expect(tree.takeChangedTiles().count == 3)
    #expect(tree.changedTiles.isEmpty && tree.takeChangedTiles().isEmpty)
    try tree.append(leafHash: MerkleHash.leaf(leaf(258)))
    #expect(tree.changedTiles.map(\.path.description) == ["tile/0/001.p/3"])
    #expect(tree.changedTiles.map(\.width) == [3])
  }

  @Test("a copy can be appended to and dropped, before and after it is committed")
  func speculation() throws {
    let store = MemoryTiles()
    let kept = try tree(250, store)
    let root = try kept.root()
    var copy = kept
    for index in 0..<600 { try copy.append(leafHash: MerkleHash.leaf(leaf(7 * index))) }
    let reference = MerkleTree(
      leaves: (0..<250).map(leaf) + (0..<600).map { leaf(7 * $0) })
    // Nothing of it is in the store, and it proves what it has.
    #expect(try copy.root() == reference.root)
    #expect(
      try copy.inclusionProof(index: 255, size: 850)
        == reference.inclusionProof(index: 255, size: 850))
    #expect(kept.size == 250 && kept.changedTiles.isEmpty)
    #expect(try kept.root() == root)
    // Another future of the same tree.
    var other = kept
    for index in 250..<800 { try other.append(leafHash: MerkleHash.leaf(leaf(index))) }
    store.commit(other.takeChangedTiles())
    #expect(try other.root() == MerkleTree(leaves: (0..<800).map(leaf)).root)
    // Reopened where it was: what was written behind that is not looked at, and is overwritten.
    var again = try Tree(size: 250, root: root, store: store)
    for index in 0..<600 { try again.append(leafHash: MerkleHash.leaf(leaf(7 * index))) }
    store.commit(again.takeChangedTiles())
    #expect(try again.root() == reference.root)
    #expect(
      try again.consistencyProof(from: 300, to: 850)
        == reference.consistencyProof(from: 300, to: 850))
  }

  @Test("a proof reads a few tiles, however large the tree")
  func reads() throws {
    // Of its own: other tests read the large store at the same time.
    let store = Large.store.copy()
    let tree = try Tree(size: Large.size, store: store)
    #expect(try store.reads { _ = try tree.root() } == 0)
    for index: UInt64 in [0, 255, 256, 40_000, 69_998] {
      #expect(try store.reads { _ = try tree.inclusionProof(index: index, size: 70_000) } <= 3)
      #expect(try store.reads { _ = try tree.inclusionProof(index: index, size: 69_999) } <= 6)
    }
    #expect(try store.reads { _ = try tree.consistencyProof(from: 40_000, to: 69_000) } <= 6)
    #expect(try store.reads { _ = try Tree(size: 70_000, store: store) } == 3)
  }

  @Test("what the tree does not have")
  func outside() throws {
    let tree = try tree(5)
    #expect(logRefusal(try tree.root(size: 6)) == .range)
    #expect(logRefusal(try tree.leafHash(at: 5)) == .range)
    #expect(logRefusal(try tree.inclusionProof(index: 5, size: 5)) == .range)
    #expect(logRefusal(try tree.inclusionProof(index: 5, size: 6)) == .range)
    #expect(logRefusal(try tree.inclusionProof(index: .max, size: .max)) == .range)
    #expect(logRefusal(try tree.consistencyProof(from: 4, to: 3)) == .range)
    #expect(logRefusal(try tree.consistencyProof(from: 4, to: 6)) == .range)
    #expect(logRefusal(try Tree(size: 1 << 63, store: MemoryTiles())) == .range)
    #expect(logRefusal(try Tree(size: .max, store: MemoryTiles())) == .range)
    #expect(logRefusal(try Tree(size: (1 << 63) - 1, store: MemoryTiles())) == .tile)
    var copy = tree
    #expect(refusal(try copy.append(leafHash: [1])) == .encoding)
    #expect(copy.size == 5 && copy.changedTiles.isEmpty)
  }

  @Test("the largest tree there is takes no leaf more")
  func largest() throws {
    let store = MemoryTiles()
    for level in 0..<8 {
      let index: UInt64 = level == 7 ? 0 : ((1 << 63) - 1) >> (8 * UInt64(level) + 8)
      store.change(.init(level: level, index: index)) { $0 = [UInt8](repeating: 7, count: 8160) }
    }
    store.change(.init(level: 7, index: 0)) { $0 = [UInt8](repeating: 7, count: 127 * 32) }
    var tree = try Tree(size: (1 << 63) - 1, store: store)
    #expect(refusal(try tree.append(leafHash: MerkleHash.empty)) == .range)
    tree = try Tree(size: (1 << 63) - 2, store: store)
    try tree.append(leafHash: [UInt8](repeating: 7, count: 32))
    #expect(try tree.root() == Tree(size: (1 << 63) - 1, store: store).root())
    #expect(try tree.inclusionProof(index: (1 << 63) - 2, size: (1 << 63) - 1).hashes.count == 62)
  }

  @Test("tiles that are lost, cut off, too long or changed are errors, not false proofs")
  func damage() throws {
    let places: [MemoryTiles.Place] = [
      .init(level: 0, index: 0), .init(level: 0, index: 256), .init(level: 1, index: 0),
    ]
    for place in places {
      let store = MemoryTiles()
      for (place, hashes) in Large.store.tiles { store.change(place) { $0 = hashes } }
      let tree = try Tree(size: 70_000, root: Large.reference.root, store: store)
      let index = place.level == 0 ? place.index * 256 + 3 : 30_000
      let good = try #require(store.tiles[place])
      #expect(logRefusal(try tree.inclusionProof(index: index, size: 70_000)) == nil)
      for bad: [UInt8]? in [
        nil, [], Array(good.dropLast()), Array(good.dropLast(32)), good + [0], good + good,
        good.flipped(8 * 1000), Array(good[32...] + good[..<32]),
        [UInt8](repeating: 0, count: good.count),
      ] {
        store.change(place) { $0 = bad }
        #expect(logRefusal(try tree.inclusionProof(index: index, size: 70_000)) == .tile)
        #expect(logRefusal(try tree.consistencyProof(from: index + 1, to: 70_000)) == .tile)
        // What does not need it is there as before.
        #expect(logRefusal(try tree.root()) == nil)
      }
    }
  }

  @Test("a right edge that is lost, cut off, too long or not of the root does not open")
  func damagedEdge() throws {
    let root = MerkleTree(leaves: (0..<600).map(leaf)).root
    for place in [MemoryTiles.Place(level: 0, index: 2), .init(level: 1, index: 0)] {
      let store = MemoryTiles()
      _ = try tree(600, store)
      let good = try #require(store.tiles[place])
      for bad: [UInt8]? in [
        nil, [], Array(good.dropLast()), Array(good.dropLast(32)), good + [0],
        good + [UInt8](repeating: 0, count: 8192),
      ] {
        store.change(place) { $0 = bad }
        #expect(logRefusal(try Tree(size: 600, store: store)) == .tile)
      }
      store.change(place) { $0 = good.flipped(9) }
      #expect(logRefusal(try Tree(size: 600, root: root, store: store)) == .tile)
      // Without the root nothing tells, until a full tile is read.
      #expect(logRefusal(try Tree(size: 600, store: store)) == nil)
    }
  }

  @Test("what the store throws arrives as it is")
  func storeErrors() throws {
    let store = MemoryTiles()
    let tree = try tree(300, store)
    store.lose()
    func lost(_ body: @autoclosure () throws -> some Any) -> Bool {
      do {
        _ = try body()
        return false
      } catch TiledTreeError<MemoryTiles.Lost>.store {
        return true
      } catch {
        return false
      }
    }
    #expect(lost(try Tree(size: 300, store: store)))
    #expect(lost(try tree.inclusionProof(index: 3, size: 300)))
    #expect(lost(try tree.consistencyProof(from: 3, to: 300)))
    #expect(!lost(try tree.root()))
  }
}
