import CanonicalEncoding
import Ledger
import Testing
import TransparencyLog

/// Every tampering with an export is found by the check that is there for it.
@Suite("An export that was tampered with")
struct TamperedExportTests {
  private let ledger: LedgerFixture
  private let export: MemoryExport
  /// The leaves of hospital-1.
  private let leaves: [[UInt8]]

  init() throws {
    (ledger, export) = try VerificationTests.exported()
    leaves = ledger.chain().leaves
  }

  private func changed(
    _ change: (inout MemoryExport) throws -> Void
  ) throws -> MemoryExport {
    var export = export
    try change(&export)
    return export
  }

  /// The check at which all of it fails.
  private func check(
    _ change: (inout MemoryExport) throws -> Void
  ) throws -> Verification.Check? { try changed(change).check(ledger) }

  /// What is found in the chain of hospital-1.
  private func fault(
    _ change: (inout MemoryExport) throws -> Void
  ) throws -> Verification.Fault? { try changed(change).verify(ledger).chains[1].fault }

  /// A log of hospital-1 with these leaves, as hospital and cloud have signed it.
  private func confirmed(_ leaves: [[UInt8]]) throws -> [MemoryExport.File] {
    let tree = MerkleTree(leaves: leaves)
    return try MemoryExport.log(
      "hospital-1/0",
      note: ledger.confirmedNote("hospital-1", size: tree.size, root: tree.root), leaves: leaves)
  }

  @Test("[attack] another genesis is given for the one that was asked for, or none can be read")
  func genesis() throws {
    var genesis = ledger.genesis.content
    genesis.members.numbers.window += 1
    #expect(try check { $0["genesis.der"] = genesis.encoded() } == .genesisDigest)
    genesis.rulesVersion = 1
    #expect(try changed { $0["genesis.der"] = genesis.encoded() }.check(nil) == .genesisRules)
    #expect(try check { $0["genesis.der"] = [1, 2] } == .archive)
    let foreign = try LedgerFixture(seed: 2)
    #expect(try export.check(foreign) == .genesisDigest)
  }

  @Test("[attack] a leaf is changed: with and without its hash, and with new signatures")
  func leaf() throws {
    var forged = leaves
    var header = try #require(Leaf.header(in: leaves[leaves.count - 1]))
    header.time += 1
    forged[leaves.count - 1] = Leaf.header(header).encoded()
    let note = try #require(ledger.chain().confirmed).note
    let tiles = MemoryExport.log("hospital-1/0", note: note, leaves: forged)
    #expect(
      try fault { try $0.replace("hospital-1/0/tile/entries", with: tiles) }?.check == .tree)
    let found = try fault { $0.replaceLog("hospital-1/0", with: tiles) }
    #expect(found?.check == .tree)
    #expect(found?.height == 0)
    // Signed by hospital and cloud, it is a tree, and the header is not what the items make.
    let signed = try confirmed(forged)
    let report = try changed { $0.replaceLog("hospital-1/0", with: signed) }.verify(ledger)
    #expect(report.chains[1].fault?.check == .rules)
    #expect(report.chains[1].fault?.height == header.height)
    #expect(report.chains[1].blocks == header.height)
    #expect(report.chains[0].fault == nil)
  }

  @Test("[attack] a checkpoint is signed by the hospital alone, or its cloud alone, or is none")
  func checkpoint() throws {
    let tree = MerkleTree(leaves: leaves)
    let checkpoint = try Checkpoint(
      origin: ledger.genesis.origin(of: "hospital-1"), size: tree.size, root: tree.root)
    for note in [
      try ledger.logKey("hospital-1").sign(checkpoint).note,
      try ledger.cosigned(checkpoint, of: "hospital-1", by: "cloud").note,
    ] {
      let found = try fault { $0["hospital-1/0/checkpoint"] = Array(note.encoded.utf8) }
      #expect(found?.check == .checkpoint)
    }
    #expect(try check { $0["hospital-1/0/checkpoint"] = Array("nonsense".utf8) } == .archive)
    #expect(try check { $0["hospital-1/0/checkpoint"] = [0xff, 0xfe] } == .archive)
  }

  @Test("[attack] a file is missing, twice, renamed, in another order, or of nobody")
  func files() throws {
    for (index, file) in export.files.enumerated() {
      #expect(try !changed { $0.files.remove(at: index) }.passes(ledger), "without \(file.path)")
      #expect(try !changed { $0.files.insert(file, at: index) }.passes(ledger))
      #expect(try !changed { $0.files[index].path += "x" }.passes(ledger))
      if index > 0 {
        #expect(try !changed { $0.files.swapAt(index, index - 1) }.passes(ledger))
      }
    }
    let stray = MemoryExport.File(path: "readme", bytes: [1])
    #expect(try check { $0.files.append(stray) } == .archive)
  }

  @Test("[attack] a hospital leaves out what it had anchored: as a whole, or its last block")
  func leftOut() throws {
    let anchored = try #require(try ledger.reader.anchor(of: "hospital-1")).size
    let absent = try changed { $0.replaceLog("hospital-1/0", with: []) }.verify(ledger)
    #expect(absent.chains[1].fault?.check == .anchors)
    #expect(
      absent.chains[1].fault?.reason
        == "no file of it is here, and \(anchored) leaves of it are anchored")
    #expect(absent.chains.map(\.isAbsent).prefix(2) == [false, true])
    let end = try #require(leaves.dropLast().lastIndex(where: Leaf.isHeader)) + 1
    let shorter = try confirmed(Array(leaves.prefix(end)))
    let short = try changed { $0.replaceLog("hospital-1/0", with: shorter) }.verify(ledger)
    #expect(short.chains[1].fault?.check == .anchors)
    #expect(short.chains[1].finalLeaves == 0 && !short.chains[1].isAbsent)
  }
}
