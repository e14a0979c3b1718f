import TestSupport
import Testing
import TransparencyLog

@Suite("Paths of tiles, and bundles of entries")
struct TileTests {
  private static let paths: [(TilePath.Content, UInt64, Int, String)] = [
    (.hashes(level: 0), 0, 256, "tile/0/000"),
    (.hashes(level: 0), 0, 1, "tile/0/000.p/1"),
    (.hashes(level: 7), 999, 255, "tile/7/999.p/255"),
    (.hashes(level: 63), 1000, 256, "tile/63/x001/000"),
    (.hashes(level: 12), 1_234_067, 256, "tile/12/x001/x234/067"),
    (.entries, 1_234_067, 17, "tile/entries/x001/x234/067.p/17"),
    (.entries, 1_000_000, 256, "tile/entries/x001/x000/000"),
    (.entries, (1 << 55) - 1, 256, "tile/entries/x036/x028/x797/x018/x963/967"),
  ]

  @Test("a path is written as the document says, and read again")
  func paths() throws {
    for (content, index, width, text) in Self.paths {
      let path = try TilePath(content, index: index, width: width)
      #expect(path.description == text)
      #expect(try TilePath(path: text) == path)
    }
  }

  @Test("every index is read as it was written")
  func indices() throws {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<2000 {
      let index = generator.next() >> UInt64.random(in: 9...63, using: &generator)
      let width = Int.random(in: 1...256, using: &generator)
      let path = try TilePath(.entries, index: index, width: width)
      #expect(try TilePath(path: path.description) == path)
    }
  }

  @Test(
    "any other form is refused",
    arguments: [
      "", "/", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000",
      "tile/00/000", "tile/+1/000", "tile/-1/000", "tile/x/000", "tile/100/000", "Tile/0/000",
      "/tile/0/000", "tile/0/000/", "tile//000", "tile/0//000", "tile/0/x000/000",
      "tile/0/001/000", "tile/0/x001/x000", "tile/0/x01/000", "tile/0/X001/000",
      "tile/0/x1001/000", "tile/0/+01", "tile/0/-01", "tile/0/ 01", "tile/0/0 1", "tile/0/000.p",
      "tile/0/000.p/", "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/000.p/+5", "tile/0/000p/5",
      "tile/0/000.p/5/", "tile/0/000.p/5/6", "tile/0/.p/5", "tile/0/000.P/5",
      "tile/entries", "tile/entries/", "tile/entry/000", "tile/0/٠٠٠", "tile/0/00é",
      "tile/0/x001/x001/x001/x001/x001/x001/001", "tile/0/000\n", "tile/0/000.p/1000",
    ])
  func otherForms(text: String) {
    #expect(refusal(try TilePath(path: text)) == .encoding)
  }

  @Test(
    "what no tree has is refused",
    arguments: [
      "tile/64/000", "tile/99/000", "tile/0/x001.p/000", "tile/0/000.p/0", "tile/0/000.p/257",
      "tile/0/000.p/999",
      "tile/0/x036/x028/x797/x018/x963/968", "tile/0/x999/x999/x999/x999/x999/999",
    ])
  func impossible(text: String) {
    #expect(refusal(try TilePath(path: text)) == .range)
  }

  @Test("the widest tile at a place in a tree of a size")
  func sizes() throws {
    for (size, index, width): (UInt64, UInt64, Int?) in [
      (0, 0, nil), (1, 0, 1), (255, 0, 255), (256, 0, 256), (256, 1, nil), (257, 1, 1),
      (70_000, 273, 112), (70_000, 274, nil), (70_000, .max, nil),
    ] {
      #expect((try? TilePath(.entries, index: index, size: size))?.width == width)
      #expect((try? TilePath(.hashes(level: 0), index: index, size: size))?.width == width)
    }
    for level in [-1, 64, Int.max, Int.min] {
      #expect(refusal(try TilePath(.hashes(level: level), index: 0, size: 1 << 40)) == .range)
      #expect(refusal(try TilePath(.hashes(level: level), index: 0)) == .range)
    }
    #expect(refusal(try TilePath(.entries, index: 1 << 55)) == .range)
    #expect(refusal(try TilePath(.entries, index: 0, width: 0)) == .range)
    #expect(refusal(try TilePath(.entries, index: 0, width: 257)) == .range)
    #expect(refusal(try TilePath(.entries, index: 0, width: .min)) == .range)
  }

  @Test("decode(encode(bundle)) == bundle", arguments: [1, 2, 255, 256])
  func bundles(width: Int) throws {
    let bundle = try EntryBundle(
      (0..<width).map { [UInt8](repeating: UInt8($0), count: $0 * 31 % 400) })
    let encoded = bundle.encoded
    #expect(try EntryBundle(encoded: encoded, width: width) == bundle)
    let lengths = bundle.entries.map { 2 + $0.count }
    #expect(encoded.count == lengths.reduce(0, +))
    #expect(bundle.leafHashes == bundle.entries.flatMap { MerkleHash.leaf($0) })
    for other in [width - 1, width + 1] {
      let expected: TransparencyLogError.Code = (1...256).contains(other) ? .encoding : .range
      #expect(refusal(try EntryBundle(encoded: encoded, width: other)) == expected)
    }
  }

  @Test("the bytes of a bundle")
  func bundleBytes() throws {
    let bundle = try EntryBundle([[1, 2, 3], [], [UInt8](repeating: 9, count: 258)])
    #expect(bundle.encoded.prefix(9) == [0, 3, 1, 2, 3, 0, 0, 1, 2])
    let longest = try EntryBundle([[UInt8](repeating: 1, count: 65_535)])
    #expect(longest.encoded.prefix(3) == [255, 255, 1])
    #expect(try EntryBundle(encoded: longest.encoded, width: 1) == longest)
  }

  @Test("a bundle cut off anywhere, with bytes behind it, of another length or too long")
  func damagedBundles() throws {
    let encoded = try EntryBundle([[1, 2], [], [3]]).encoded
    for count in encoded.indices {
      #expect(
        refusal(try EntryBundle(encoded: Array(encoded[..<count]), width: 3)) == .encoding)
    }
    for behind: [UInt8] in [[0], [0, 0], [0, 1, 2]] {
      #expect(refusal(try EntryBundle(encoded: encoded + behind, width: 3)) == .encoding)
    }
    #expect(refusal(try EntryBundle(encoded: [], width: 1)) == .encoding)
    for width in [0, -1, 257, Int.max, Int.min] {
      #expect(refusal(try EntryBundle(encoded: encoded, width: width)) == .range)
    }
    let huge = [UInt8](repeating: 0, count: EntryBundle.maximumByteCount + 1)
    #expect(refusal(try EntryBundle(encoded: huge, width: 256)) == .tooLarge)
    #expect(refusal(try EntryBundle([])) == .range)
    #expect(refusal(try EntryBundle(Array(repeating: [], count: 257))) == .tooLarge)
    #expect(refusal(try EntryBundle([[UInt8](repeating: 0, count: 65_536)])) == .tooLarge)
  }
}
