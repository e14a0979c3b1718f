import CanonicalEncoding
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

@Suite("Checkpoints, anchors and finality")
struct FinalityTests {
  private func visited() throws -> LedgerFixture {
    var ledger = try LedgerFixture.withTeam()
    _ = try ledger.conduct(1)
    try ledger.confirm()
    return ledger
  }

  // MARK: Anchors

  private func refusal(
    _ ledger: inout LedgerFixture, _ change: (inout Anchor) throws -> Void
  ) throws -> String? {
    var anchor = try ledger.anchor()
    try change(&anchor)
    return try ledger.append(anchor, on: "consortium", by: "hospital-1")
  }

  @Test("[attack] anchors of checkpoints that are not cosigned, or of another log or generation")
  func anchoredCheckpoints() throws {
    var ledger = try visited()
    let size = ledger.chain().engine.size
    let root = try ledger.chain().engine.root(size: size)
    let checkpoint = try Checkpoint(
      origin: ledger.genesis.origin(of: "hospital-1"), size: size, root: root)
    let byLog = try ledger.logKey("hospital-1").sign(checkpoint).note
    let byCloud = try ledger.cosigned(checkpoint, of: "hospital-1", by: "cloud").note
    let foreignKey = try LogKey(
      origin: checkpoint.origin, key: try #require(ledger.logKeys["hospital-2"]))
    let otherCloud = try #require(
      try ledger.cosigners["cloud"]?["hospital-2"]?.cosign(checkpoint, at: 1).note)
    for note in [
      // The hospital alone; the cloud alone.
      byLog.encoded, byCloud.encoded,
      // The log key of another hospital; the cloud's key for another one.
      try foreignKey.sign(checkpoint).note.adding(byCloud).encoded,
      try byLog.adding(otherCloud).encoded,
      // A generation that is not.
      try ledger.confirmedNote("hospital-1", size: size, root: root, generation: 1), "nonsense",
    ] {
      #expect(try refusal(&ledger) { $0.note = note } == "wrong-checkpoint")
    }
    #expect(
      try refusal(&ledger) { $0.consistency = [[UInt8](repeating: 0, count: 32)] }
        == "inconsistent-checkpoint")
    #expect(try refusal(&ledger) { _ in } == nil)
  }

  @Test("[attack] anchors of another hospital, or brought by who has no part in them")
  func foreignAnchors() throws {
    var ledger = try visited()
    let genuine = try ledger.anchor()
    #expect(try refusal(&ledger) { $0.hospital = "hospital-2" } == "not-entitled")
    #expect(
      try ledger.append(
        Anchor(
          hospital: "hospital-2", note: genuine.note, header: genuine.header,
          inclusion: genuine.inclusion, consistency: []), on: "consortium", by: "hospital-2")
        == "wrong-checkpoint")
    for party in ["manager", "hospital-2", LedgerFixture.team[0]] {
      #expect(try ledger.append(genuine, on: "consortium", by: party) == "not-entitled")
    }
    #expect(try ledger.append(genuine, on: "consortium", by: "hospital-1") == nil)
  }

  @Test("[attack] anchors with another header, another's place, or another proof")
  func anchoredHeaders() throws {
    var ledger = try visited()
    let changes: [(inout Anchor) -> Void] = [
      { $0.header.time += 1 }, { $0.header.answeredThrough += 1 }, { $0.header.firstIndex += 1 },
      { $0.header.generation = 1 }, { $0.header.chain = "hospital-2" },
      { $0.header.genesis = .zero }, { $0.inclusion = [] }, { $0.inclusion[0][0] ^= 1 },
    ]
    for (number, change) in changes.enumerated() {
      #expect(try refusal(&ledger, change) == "wrong-header", "\(number)")
    }
    #expect(try refusal(&ledger) { _ in } == nil)
  }

  @Test("[attack] an anchor that does not extend the one before, with a false proof, or backwards")
  func anchorsExtend() throws {
    var ledger = try visited()
    let genuine = try ledger.anchor()
    #expect(try refusal(&ledger) { _ in } == nil)
    try ledger.closeConsortiumBlock()
    _ = try ledger.conduct(2)
    try ledger.confirm()
    var next = try ledger.anchor()
    let proof = next.consistency
    func append(_ anchor: Anchor) throws -> String? {
      try ledger.append(anchor, on: "consortium", by: "cloud")
    }
    next.consistency = []
    #expect(try append(next) == "inconsistent-checkpoint")
    next.consistency = proof.map { $0.map { $0 ^ 1 } }
    #expect(try append(next) == "inconsistent-checkpoint")
    // The same size again, and a smaller one.
    #expect(try append(genuine) == "wrong-checkpoint")
    next.consistency = proof
    #expect(try append(next) == nil)
    #expect(try append(genuine) == "wrong-checkpoint")
    var again = next
    again.consistency = []
    #expect(try append(again) == "wrong-checkpoint")
    #expect(try ledger.reader.anchorCount(of: "hospital-1") == 2)
    #expect(try ledger.reader.anchor(number: 2, of: "hospital-1") == nil)
  }

  @Test("[attack] an anchored header whose base is no block of the consortium, or in the open one")
  func unknownBase() throws {
    var ledger = try visited()
    for (height, digest) in [
      (0, Digest32.zero), (1, try ledger.finalBlock().reference.digest),
    ] as [(UInt64, Digest32)] {
      // Hospital and cloud collude: the rules of their chain would refuse this header.
      var leaves = ledger.chain().leaves
      var header = try #require(ledger.chain().engine.header)
      header.base = BlockReference(height: height, digest: digest)
      leaves[leaves.count - 1] = Leaf.header(header).encoded()
      #expect(
        try ledger.append(
          ledger.anchor("hospital-1", leaves: leaves), on: "consortium", by: "cloud")
          == "unknown-base")
    }
  }

  @Test("[attack] a base more than maxLag behind ledger time is anchored no more")
  func staleBase() throws {
    var ledger = try visited()
    let genuine = try ledger.anchor()
    // Wall-clock time alone makes nobody stale.
    try ledger.closeConsortiumBlock(at: 100_000)
    try ledger.advance(60)
    var inTime = try ledger.copy()
    #expect(try inTime.append(genuine, on: "consortium", by: "hospital-1") == nil)
    try ledger.advance(1)
    #expect(try ledger.append(genuine, on: "consortium", by: "hospital-1") == "stale-base")
    // An honest hospital goes on with a later base.
    try ledger.follow()
    try ledger.confirmAndAnchor()
    #expect(
      try ledger.reader.anchor(of: "hospital-1")?.size == ledger.chain().engine.size)
  }

  // MARK: Proofs for who holds no copy

  private func proof(
    _ ledger: LedgerFixture, of index: UInt64, known: UInt64 = 0
  ) throws -> FinalityProof {
    let view = ledger.chain().view
    let reader = ledger.reader
    let anchor = try #require(try reader.firstAnchor(covering: index, of: "hospital-1"))
    return try #require(
      try reader.proof(
        of: anchor.index, knownSize: known,
        hospital: view.proof(
          of: index, leaf: ledger.chain().leaves[Int(index)], size: anchor.size)))
  }

  @Test("a proof of finality holds for its leaf, and for what came before it")
  func proofs() throws {
    var ledger = try visited()
    try ledger.confirmAndAnchor()
    let delegates = KnownDelegates(ledger.genesis)
    let known = try ledger.genesis.consortiumCheckpoint(
      in: #require(ledger.consortium.final).note)
    _ = try ledger.conduct(2)
    try ledger.confirmAndAnchor()
    for index in 0..<ledger.chain().engine.size {
      let proof = try proof(ledger, of: index, known: known?.size ?? 0)
      let leaf = try proof.verify(genesis: ledger.genesis, delegates: delegates, known: known)
      #expect(leaf.chain == "hospital-1")
      #expect(leaf.leaf.encoded() == ledger.chain().leaves[Int(index)])
      #expect(try FinalityProof(sequence: proof.encodedSequence()) == proof)
    }
    let entry = try #require(try ledger.reader.proof(of: 0, knownSize: 0))
    #expect(
      try entry.verify(genesis: ledger.genesis, delegates: delegates, known: nil).chain
        == "consortium")
    // Not final yet.
    _ = try ledger.conduct(3)
    try ledger.confirm()
    #expect(
      try ledger.reader.firstAnchor(
        covering: ledger.chain().engine.size - 1, of: "hospital-1") == nil)
  }

  @Test("a proof of finality has room for the cosignatures of 400 delegates")
  func manyCosigners() throws {
    let checkpoint = try Checkpoint(
      origin: LedgerFixture().genesis.origin(of: "consortium"), size: UInt64(Int64.max),
      root: [UInt8](repeating: 1, count: 32))
    let longest = String(repeating: "x", count: 61)
    let cosigned = try (100..<500).map { number in
      try CosignerKey(
        name: ValidGenesis.cosignerName(
          network: longest + "net", node: "\(longest)\(number)", chain: "consortium")
      ).cosign(checkpoint, at: UInt64(Int64.max))
    }
    let note = try #require(CosignedCheckpoint.merged(cosigned)).note.encoded
    #expect(cosigned.count == 400)
    #expect(note.utf8.count > 1 << 16)
    let leaf = LeafProof(leaf: [1], index: 0, inclusion: [])
    let proof = FinalityProof(
      epoch: 0, note: note, consistency: [], consortium: leaf, hospital: leaf)
    #expect(try FinalityProof(sequence: proof.encodedSequence()) == proof)
  }

  @Test("[attack] a proof of finality with anything changed, or on an older checkpoint")
  func falseProofs() throws {
    var ledger = try visited()
    try ledger.confirmAndAnchor()
    let delegates = KnownDelegates(ledger.genesis)
    let old = try proof(ledger, of: 2)
    let first = try old.verify(genesis: ledger.genesis, delegates: delegates, known: nil).checkpoint
    _ = try ledger.conduct(2)
    try ledger.confirmAndAnchor()
    let genuine = try proof(ledger, of: 8, known: first.size)
    let second = try genuine.verify(
      genesis: ledger.genesis, delegates: delegates, known: first
    ).checkpoint
    func fails(_ change: (inout FinalityProof) throws -> Void) throws {
      var proof = genuine
      try change(&proof)
      #expect(throws: LedgerError.self) {
        try proof.verify(genesis: ledger.genesis, delegates: delegates, known: first)
      }
    }
    try fails { $0.consistency = [] }
    try fails { $0.consistency[0][0] ^= 1 }
    try fails { $0.consortium.index += 1 }
    try fails { $0.hospital?.index += 1 }
    try fails { $0.hospital?.leaf[9] ^= 1 }
    try fails { $0.hospital = old.hospital }
    try fails { $0.consortium = old.consortium }
    // A leaf of the consortium that is no anchor.
    try fails {
      $0.consortium = try #require(
        try ledger.reader.proof(of: 0, knownSize: first.size)
      ).consortium
    }
    // Two delegates of four.
    let few = try ["hospital-1", "cloud"].map {
      try ledger.cosigned(second, of: "consortium", by: $0).note
    }
    try fails { $0.note = try few[0].adding(few[1]).encoded }
    let stale = #expect(throws: LedgerError.self) {
      try old.verify(genesis: ledger.genesis, delegates: delegates, known: second)
    }
    #expect(stale?.code == .staleCheckpoint)
    // A client of another ledger.
    let foreign = try LedgerFixture(seed: 2)
    #expect(throws: LedgerError.self) {
      try genuine.verify(
        genesis: foreign.genesis, delegates: KnownDelegates(foreign.genesis), known: nil)
    }
  }

  @Test("[attack] a confirmation that the cloud did not give, or for another entry")
  func confirmations() throws {
    let ledger = try visited()
    let chain = ledger.chain()
    let size = chain.engine.size
    let entry = try #require(Leaf.entry(in: chain.leaves[2]))
    let genuine = SubmissionAnswer.Confirmation(
      index: 2, note: try #require(chain.confirmed).note,
      inclusion: try chain.engine.inclusion(of: 2, size: size))
    func check(
      _ entry: Entry, generation: UInt64 = 0,
      _ change: (inout SubmissionAnswer.Confirmation) throws -> Void = { _ in }
    ) throws {
      var confirmation = genuine
      try change(&confirmation)
      try SubmissionAnswer.check(
        confirmation, of: entry, generation: generation, genesis: ledger.genesis,
        members: ledger.genesis.members)
    }
    try check(entry)
    #expect(throws: LedgerError.self) { try check(entry, generation: 1) }
    #expect(throws: LedgerError.self) { try check(entry) { $0.index = 3 } }
    #expect(throws: LedgerError.self) { try check(entry) { $0.inclusion[0][0] ^= 1 } }
    #expect(throws: LedgerError.self) {
      try check(try #require(Leaf.entry(in: chain.leaves[3])))
    }
    let checkpoint = try Checkpoint(
      origin: ledger.genesis.origin(of: "hospital-1"), size: size,
      root: chain.engine.root(size: size))
    let alone = try ledger.logKey("hospital-1").sign(checkpoint).note.encoded
    #expect(throws: LedgerError.self) { try check(entry) { $0.note = alone } }
    let answers: [SubmissionAnswer.Outcome] = [
      .written, .confirmed(genuine), .refused(code: "late", position: 7),
    ]
    for outcome in answers {
      let answer = SubmissionAnswer(
        genesis: ledger.genesis.digest, chain: "hospital-1", generation: 0, entry: entry.digest,
        outcome: outcome)
      #expect(try SubmissionAnswer(encoded: answer.encoded()) == answer)
    }
  }
}
