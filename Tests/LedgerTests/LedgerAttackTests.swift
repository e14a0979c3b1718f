import CanonicalEncoding
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

/// Attacks of the reviews on a hospital's chain, mounted by the hospital and its cloud together.
@Suite("A hospital and its cloud against everybody else")
struct LedgerAttackTests {
  private func visited() throws -> LedgerFixture {
    var ledger = try LedgerFixture.withTeam()
    _ = try ledger.conduct(1)
    try ledger.confirmAndAnchor()
    return ledger
  }

  /// The chain with an item that the rules refuse, and a header of the hospital's making.
  private func junk(
    _ ledger: LedgerFixture, _ hospital: String = "hospital-1", item: [UInt8]? = nil
  ) throws -> [[UInt8]] {
    let leaves = ledger.chain(hospital).leaves
    var header = try #require(leaves.last.flatMap(Leaf.header(in:)))
    header.firstIndex = UInt64(leaves.count)
    header.itemCount = 1
    header.height += 1
    let item =
      item
      ?? Leaf.item(ledger.entry(LedgerFixture.consortiumBody(7), on: hospital, by: hospital))
      .encoded()
    return leaves + [item, Leaf.header(header).encoded()]
  }

  private func export(
    _ ledger: LedgerFixture, _ hospital: String = "hospital-1", leaves: [[UInt8]]
  ) throws -> MemoryExport {
    var export = try MemoryExport(ledger)
    let tree = MerkleTree(leaves: leaves)
    export.replaceLog(
      "\(hospital)/0",
      with: MemoryExport.log(
        "\(hospital)/0",
        note: try ledger.confirmedNote(hospital, size: tree.size, root: tree.root), leaves: leaves))
    return export
  }

  // MARK: Time

  @Test("[attack] a hospital freezes its base and signs late: not anchored, and no time is proven")
  func frozenBase() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    try ledger.advance(3000)
    // By the base all of it is in time; by everybody else's clock it is long too late.
    for position in 1...3 { #expect(try ledger.sign(&visit, position: position) == nil) }
    #expect(try ledger.complete(visit) == nil)
    try ledger.confirm()
    #expect(try ledger.append(ledger.anchor(), on: "consortium", by: "cloud") == "stale-base")
    var report = try MemoryExport(ledger).verify(ledger)
    #expect(report.chains[1].finalLeaves == 0)
    #expect(report.chains[1].visits.unprovenTimes == 4)
    // It moves its base on in the next block, and that one is anchored.
    try ledger.follow()
    try ledger.confirmAndAnchor()
    report = try MemoryExport(ledger).verify(ledger)
    #expect(report.chains[1].fault == nil)
    #expect(report.chains[1].finalLeaves == report.chains[1].leaves)
    #expect(report.chains[1].visits.complete == 1)
    #expect(report.chains[1].visits.unprovenTimes == 4)
  }

  @Test(
    "a time is proven if the anchor is at most T_k + 2·maxLag",
    arguments: [(840, 0), (841, 1), (1440, 1), (1441, 2), (2040, 2), (2041, 4)]
      as [(UInt64, UInt64)]
  )
  func provenTimes(anchoredAt seconds: UInt64, unproven: UInt64) throws {
    var ledger = try LedgerFixture.withTeam()
    _ = try ledger.conduct(1)
    try ledger.advance(seconds)
    try ledger.follow()
    try ledger.confirmAndAnchor()
    let visits = try MemoryExport(ledger).verify(ledger).chains[1].visits
    // The first, the second, the third with the completion.
    #expect(visits.unprovenTimes == unproven)
  }

  // MARK: Junk

  @Test(
    "[attack] A4: a hospital and its cloud anchor junk: the others, and the visits before, stand")
  func junkAnchored() throws {
    var ledger = try visited()
    try ledger.registerTeam(2, at: "hospital-2")
    _ = try ledger.conduct(
      2, team: ["hospital-2-doctor-1", "hospital-2-doctor-2"], at: "hospital-2")
    try ledger.confirmAndAnchor("hospital-2")
    let honest = try MemoryExport(ledger).verify(ledger)
    let items: [[UInt8]?] = [nil, [9, 9, 9], [1], [UInt8](repeating: 1, count: 65_535)]
    for item in items {
      var attacked = try ledger.copy()
      let leaves = try junk(attacked, item: item)
      // Nobody but who replays can see it: the anchor is taken.
      #expect(
        try attacked.append(
          attacked.anchor("hospital-1", leaves: leaves), on: "consortium", by: "cloud") == nil)
      try attacked.closeConsortiumBlock()
      // Whether the junk is in the export or left out, the visit stays final.
      for export in [
        try export(attacked, leaves: leaves), try MemoryExport(attacked),
      ] {
        let report = try export.verify(attacked)
        #expect(report.chains[0].fault == nil)
        #expect(report.chains[2] == honest.chains[2])
        #expect(report.chains[1].fault != nil)
        #expect(report.chains[1].fault?.height == honest.chains[1].blocks)
        #expect(report.chains[1].finalLeaves == honest.chains[1].finalLeaves)
        #expect(report.chains[1].blocks == honest.chains[1].blocks)
        #expect(report.chains[1].visits == honest.chains[1].visits)
      }
      // The other hospital goes on.
      _ = try attacked.conduct(3, team: ["hospital-2-doctor-1"], at: "hospital-2")
      try attacked.confirmAndAnchor("hospital-2")
    }
  }

  @Test("[attack] a hospital breaks its chain to repudiate an old visit: the visit stays final")
  func repudiation() throws {
    var ledger = try visited()
    let final = ledger.chain().engine.size
    _ = try ledger.conduct(2)
    try ledger.confirmAndAnchor()
    let second = ledger.chain().engine.size
    // From its first block on, everything is other than it was; the anchor cannot follow.
    var leaves = ledger.chain().leaves
    leaves[2] = leaves[1]
    let rewritten = try junk(ledger)
    leaves += rewritten.suffix(2)
    // It proves what it can: that this tree begins with the size anchored before.
    #expect(
      try ledger.append(
        ledger.anchor("hospital-1", leaves: leaves), on: "consortium", by: "cloud")
        == "inconsistent-checkpoint")
    let refused = try ledger.anchor("hospital-1", leaves: leaves, consistency: false)
    #expect(
      try ledger.append(refused, on: "consortium", by: "hospital-1") == "inconsistent-checkpoint")
    // It exports the rewritten chain, with every signature it has.
    let report = try export(ledger, leaves: leaves).verify(ledger)
    #expect(report.chains[1].fault != nil)
    #expect(report.chains[1].leaves < final)
    // Whoever has the leaves, as its cloud or an auditor, shows the chain as it was.
    let shown = try MemoryExport(ledger).verify(ledger)
    #expect(shown.chains[1].fault == nil)
    #expect(shown.chains[1].finalLeaves == second)
    #expect(shown.chains[1].visits.complete == 2)
  }

  // MARK: Forks

  @Test("[attack] A5: an anchored fork makes nothing final on the chain that it is not of")
  func anchoredFork() throws {
    var ledger = try visited()
    let first = try #require(try ledger.reader.anchor(of: "hospital-1"))
    let start = ledger.chain().engine.size
    // Both go on from the first anchor with as many leaves; the fork is anchored.
    var fork = try ledger.copy()
    _ = try fork.conduct(7)
    try fork.confirm()
    _ = try ledger.conduct(8)
    try ledger.confirm()
    #expect(ledger.chain().engine.size == fork.chain().engine.size)
    #expect(try ledger.append(fork.anchor(), on: "consortium", by: "hospital-1") == nil)
    try ledger.closeConsortiumBlock()
    let second = try #require(try ledger.reader.anchor(of: "hospital-1"))
    #expect(second.size == ledger.chain().engine.size)
    #expect(try ledger.chain().view.leads(to: first))
    #expect(try !ledger.chain().view.leads(to: second))
    #expect(try fork.chain().view.leads(to: second))
    // Nor is an anchor ahead of what one has.
    var ahead = first
    ahead.size = second.size + 1
    #expect(try !ledger.chain().view.leads(to: ahead))
    let report = try MemoryExport(ledger).verify(ledger)
    #expect(report.chains[1].fault?.check == .anchors)
    #expect(report.chains[1].finalLeaves == start)
    #expect(report.chains[0].fault == nil)
    // The fork's anchor was in time, and proves no time of this chain.
    #expect(report.chains[1].visits.complete == 2)
    #expect(report.chains[1].visits.unprovenTimes == 4)
    // What the others hold is the fork; the hospital cannot anchor its other chain any more.
    _ = try ledger.conduct(9)
    try ledger.confirm()
    #expect(
      try ledger.append(ledger.anchor(), on: "consortium", by: "hospital-1")
        == "inconsistent-checkpoint")
    // And whoever has both checkpoints convicts both signers.
    let size = fork.chain().engine.size
    let one = try ledger.confirmedNote(
      "hospital-1", size: size, root: ledger.chain().engine.root(size: size))
    let other = try #require(fork.chain().confirmed).note
    #expect(
      try ledger.append(
        EquivocationReport(
          chain: "hospital-1", first: .init(note: one), second: .init(note: other)),
        on: "consortium", by: "hospital-3") == nil)
    #expect(try ledger.reader.convictions(of: "organisation-of-cloud") == 1)
    #expect(try ledger.reader.isBarred("hospital-1"))
  }

  @Test("[attack] a chain that was never anchored honestly has nothing final")
  func neverAnchored() throws {
    var ledger = try LedgerFixture.withTeam()
    _ = try ledger.conduct(1)
    try ledger.confirm()
    var leaves = ledger.chain().leaves
    leaves.swapAt(1, 2)
    #expect(
      try ledger.append(
        ledger.anchor("hospital-1", leaves: leaves), on: "consortium", by: "hospital-1") == nil)
    try ledger.closeConsortiumBlock()
    let report = try MemoryExport(ledger).verify(ledger)
    #expect(report.chains[1].fault?.check == .anchors)
    #expect(report.chains[1].finalLeaves == 0)
    #expect(
      try !ledger.chain().view.leads(
        to: #require(try ledger.reader.anchor(of: "hospital-1"))))
  }
}
