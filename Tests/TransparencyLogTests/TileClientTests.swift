import Foundation
import TestSupport
import Testing
import TransparencyLog

/// The Python with `cryptography` that `scripts/read-tiles` is run by; without it these tests are
/// skipped.
private let python = ProcessInfo.processInfo.environment["BCEMR_PYTHON"]

@Suite(
  "Another client reads our tiles, and finds what is wrong with them",
  .enabled(if: python != nil, "BCEMR_PYTHON names no Python"))
struct TileClientTests {
  private struct Tiles: TileStore {
    func tile(level: Int, index: UInt64) throws(Never) -> [UInt8]? { nil }
  }

  /// A log in a folder, as it would be served.
  private final class Folder {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("bcemr-tiles-\(UInt64.random(in: 0...UInt64.max))")
    let log: LogKey
    let cosigner: CosignerKey

    init(size: Int) throws {
      log = try LogKey(origin: "bcemr/00ff/north/0")
      cosigner = try CosignerKey(name: "test/cloud/north")
      var tree = try TiledTree(size: 0, store: Tiles())
      let leaves = (0..<size).map { [UInt8](repeating: UInt8($0 % 251), count: $0 % 300) }
      for leaf in leaves { try tree.append(leafHash: MerkleHash.leaf(leaf)) }
      for tile in tree.takeChangedTiles() { try write(tile.hashes, tile.path) }
      for start in stride(from: 0, to: size, by: TilePath.fullWidth) {
        let bundle = try EntryBundle(
          Array(leaves[start..<min(size, start + TilePath.fullWidth)]))
        try write(
          bundle.encoded,
          TilePath(.entries, index: UInt64(start / TilePath.fullWidth), size: UInt64(size)))
      }
      try sign(size: tree.size, root: MerkleTree(leaves: leaves).root)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func file(_ path: String) -> URL { url.appendingPathComponent(path) }

    private func write(_ bytes: [UInt8], _ path: TilePath) throws {
      let file = file(path.description)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: file)
    }

    func sign(size: UInt64, root: [UInt8], to name: String = "checkpoint") throws {
      let checkpoint = try Checkpoint(origin: log.verifier.origin, size: size, root: root)
      let note = try ConfirmedCheckpoint(log.sign(checkpoint), cosigner.cosign(checkpoint, at: 7))
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      try Data(note.note.encoded.utf8).write(to: file(name))
    }

    func change(_ path: String, _ change: (inout Data) -> Void) throws {
      var data = try Data(contentsOf: file(path))
      change(&data)
      try data.write(to: file(path))
    }

    /// - Returns: the exit code and what was printed.
    func read(_ options: String..., vkey: String? = nil) throws -> (code: Int32, text: String) {
      let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../scripts/read-tiles")
      let process = Process()
      process.executableURL = URL(fileURLWithPath: python ?? "")
      process.arguments =
        [script.path, url.path, "--vkey", vkey ?? log.verifier.description]
        + ["--cosigner", cosigner.verifier.description] + options
      let output = Pipe()
      process.standardOutput = output
      process.standardError = output
      try process.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return (process.terminationStatus, text)
    }
  }

  @Test(
    "logs of every shape are read", arguments: [0, 1, 2, 255, 256, 257, 512, 777, 65_536, 65_793])
  func reads(size: Int) throws {
    let folder = try Folder(size: size)
    let (code, text) = try folder.read()
    #expect(code == 0, "\(text)")
    #expect(text.contains("at size \(size) is signed by bcemr/00ff/north/0, test/cloud/north"))
  }

  @Test("one bit of a tile, a bundle, the note, and a file that is missing, cut off or too long")
  func damage() throws {
    for (path, expected) in [
      ("tile/0/000", "tile 0 of level 0"), ("tile/0/002.p/88", "tile 2 of level 0"),
      ("tile/1/000.p/2", "tile 0 of level 1"), ("tile/entries/001", "FAIL"),
      ("tile/entries/002.p/88", "FAIL"), ("checkpoint", "FAIL"),
    ] {
      let folder = try Folder(size: 600)
      let original = try Data(contentsOf: folder.file(path))
      for change in [
        { (data: inout Data) in data[data.count - 2] ^= 1 }, { $0.removeLast() },
        { $0.append(0) }, { $0 = Data() },
      ] {
        try folder.change(path, change)
        let (code, text) = try folder.read()
        #expect(code == 1 && text.contains("FAIL"), "\(path): \(text)")
        try original.write(to: folder.file(path))
      }
      try folder.change(path) { $0[40] ^= 1 }
      let (code, text) = try folder.read()
      #expect(code == 1 && text.contains(expected), "\(path): \(text)")
      try FileManager.default.removeItem(at: folder.file(path))
      #expect(try folder.read().code == (path == "checkpoint" ? 2 : 1))
    }
  }

  @Test("a full tile serves as a partial one, and a partial one not as a full one")
  func fallback() throws {
    let folder = try Folder(size: 512)
    let first = try EntryBundle(
      encoded: Array(Data(contentsOf: folder.file("tile/entries/001"))), width: 256
    ).entries
    let leaves = (0..<256).map { [UInt8](repeating: UInt8($0 % 251), count: $0 % 300) } + first
    try folder.sign(size: 300, root: MerkleTree(leaves: leaves[..<300]).root)
    // Of level 1, a tile of width 1 was never written, and one of width 2 is no full one.
    #expect(try folder.read().text.contains("tile/1/000 of width 1 is missing"))
    try FileManager.default.copyItem(
      at: folder.file("tile/1/000.p/2"), to: folder.file("tile/1/000.p/1"))
    #expect(try folder.read().code == 1)
    try folder.change("tile/1/000.p/1") { $0 = $0.prefix(32) }
    #expect(try folder.read().code == 0)
  }

  @Test("another key, a root of other leaves, an older checkpoint of a fork")
  func signatures() throws {
    let folder = try Folder(size: 300)
    let other = try LogKey(origin: "bcemr/00ff/north/0").verifier.description
    #expect(try folder.read(vkey: other).code == 1)
    #expect(try folder.read(vkey: "north").code == 2)
    #expect(try folder.read(vkey: folder.cosigner.verifier.description).code == 2)
    let stranger = try CosignerKey(name: "test/stranger").verifier.description
    #expect(try folder.read("--cosigner", stranger).code == 1)
    let leaves = (0..<300).map { [UInt8](repeating: UInt8($0 % 251), count: $0 % 300) }
    try folder.sign(size: 200, root: MerkleTree(leaves: leaves[..<200]).root, to: "old")
    #expect(try folder.read("--old", folder.file("old").path).code == 0)
    try folder.sign(size: 200, root: MerkleTree(leaves: leaves[100...]).root, to: "old")
    #expect(try folder.read("--old", folder.file("old").path).code == 1)
    #expect(try folder.read("--old", folder.file("none").path).code == 2)
    try folder.sign(size: 300, root: MerkleTree(leaves: leaves.reversed()).root)
    #expect(try folder.read().text.contains("FAIL  the tiles do not have the root"))
  }
}
