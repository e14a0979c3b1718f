import CanonicalEncoding
import Consensus
import Credentials
import Ledger
import TestSupport
import Testing
import TransparencyLog

/// Epochs of the consortium chain: who is elected when, whose signatures count in which, and how
/// somebody without the chain follows.
struct EpochTests {
  /// Epochs of three blocks; the fixture's four supernodes are all who stand.
  private func ledger(epochLength: UInt64 = 3) throws -> LedgerFixture {
    try LedgerFixture(epochLength: epochLength)
  }

  private let organisations = LedgerFixture.hospitals.map { "organisation-of-\($0)" }

  /// Closes blocks until the next one is the first of an epoch.
  private func finish(_ ledger: inout LedgerFixture) throws {
    repeat {
      try ledger.closeConsortiumBlock(at: ledger.seconds + 1)
    } while ledger.consortium.engine.height % ledger.genesis.content.epochLength != 0
  }

  private func delegates(_ ledger: LedgerFixture, _ height: UInt64) throws -> [String?] {
    try ledger.reader.delegates(forHeight: height).seats.map(\.delegate)
  }

  private func approve(
    _ ledger: inout LedgerFixture, _ candidates: Set<String>, by organisations: [String]
  ) throws {
    for organisation in organisations {
      let number = try ledger.reader.approval(of: organisation).next
      #expect(
        try ledger.append(
          Approval(candidates: candidates, number: number), on: "consortium", by: organisation)
          == nil)
    }
  }

  private func stand(
    _ ledger: inout LedgerFixture, _ stands: Bool, by supernode: String
  ) throws -> String? {
    let number = try ledger.reader.candidacy(of: supernode).next
    return try ledger.append(
      Candidacy(stands: stands, number: number), on: "consortium", by: supernode)
  }

  @Test("approvals count from the second epoch after theirs on, and give the seats their order")
  func approvalsCount() throws {
    var ledger = try ledger()
    let first: [String?] = ["hospital-1", "hospital-2", "hospital-3", "cloud"]
    try approve(&ledger, ["cloud", "hospital-3"], by: organisations)
    try finish(&ledger)
    #expect(try delegates(ledger, 3) == first)
    // Changed in the epoch that the election ends: what was approved before it counts.
    try approve(&ledger, ["hospital-2"], by: organisations)
    try finish(&ledger)
    #expect(try delegates(ledger, 6) == ["cloud", "hospital-3", "hospital-1", "hospital-2"])
    try finish(&ledger)
    #expect(try delegates(ledger, 9) == ["hospital-2", "cloud", "hospital-3", "hospital-1"])
    #expect(try delegates(ledger, 2) == first, "an epoch keeps its set")
    let header = try #require(ledger.consortium.engine.header)
    #expect(header.nextSeats?.occupants.map(\.?.delegate) == (try delegates(ledger, 9)))
    // Every block of all of them is decided and final, and whoever replays finds the same.
    #expect(ledger.consortium.final?.size == ledger.consortium.engine.size)
    #expect(try MemoryExport(ledger).verify(ledger).chains[0].fault == nil)
  }

  @Test("only the last header of an epoch names seats, and only on the consortium chain")
  func headers() throws {
    var ledger = try ledger()
    for height in 0..<7 as Range<UInt64> {
      try ledger.closeConsortiumBlock()
      #expect((ledger.consortium.engine.header?.nextSeats == nil) == (height % 3 != 2))
    }
    try ledger.follow()
    try ledger.closeBlock()
    #expect(ledger.chain().engine.header?.nextSeats == nil)
  }

  @Test("[attack] votes of strangers, of the manager's and the cloud's organisation")
  func strangersApprovals() throws {
    var ledger = try ledger()
    let approval = Approval(candidates: ["cloud"], number: 1)
    for signer in ["office", "organisation-of-cloud", "manager", "cloud", "hospital-1"] {
      #expect(try ledger.append(approval, on: "consortium", by: signer) == "not-entitled")
    }
    let key = try IdentityKey(seed: [UInt8](repeating: 7, count: 32))
    #expect(
      try ledger.append(approval, on: "consortium", by: "stranger", key: key) == "unknown-signer")
    #expect(
      try ledger.append(approval, on: "consortium", by: organisations[0], key: key)
        == "wrong-signature")
    #expect(
      try ledger.append(
        Approval(candidates: ["cloud", "manager"], number: 1), on: "consortium",
        by: organisations[0])
        == "unknown-candidate")
    #expect(try ledger.append(approval, on: "consortium", by: organisations[0]) == nil)
    // An approval of before, put back by whoever has kept it.
    let second = Approval(candidates: [], number: 2)
    for number in [0, 1, 3] as [UInt64] {
      var other = second
      other.number = number
      #expect(
        try ledger.append(other, on: "consortium", by: organisations[0]) == "wrong-number")
    }
    #expect(try ledger.append(second, on: "consortium", by: organisations[0]) == nil)
  }

  @Test("[attack] a flood of approvals and candidacies ends at a quota of its own")
  func flood() throws {
    var numbers = Members.Numbers()
    numbers.signerQuota = 4
    var ledger = try LedgerFixture(numbers: numbers, epochLength: 3)
    for round in 0..<4 {
      let candidates: Set = round % 2 == 0 ? ["cloud"] : ["hospital-1"]
      try approve(&ledger, candidates, by: [organisations[0]])
    }
    #expect(
      try ledger.append(
        Approval(candidates: ["hospital-2"], number: 5), on: "consortium", by: organisations[0])
        == "quota-spent")
    try approve(&ledger, ["cloud"], by: [organisations[1]])
    for stands in [false, true, false, true] {
      #expect(try stand(&ledger, stands, by: "cloud") == nil)
    }
    #expect(try stand(&ledger, false, by: "cloud") == "quota-spent")
    try finish(&ledger)
    #expect(try stand(&ledger, false, by: "cloud") == nil)
  }

  @Test("who withdraws is not elected again, and not so many withdraw that nobody decides")
  func withdrawals() throws {
    var ledger = try ledger()
    let candidacy = Candidacy(stands: false, number: 1)
    for signer in ["manager", organisations[0]] {
      #expect(try ledger.append(candidacy, on: "consortium", by: signer) == "not-entitled")
    }
    #expect(
      try ledger.append(Candidacy(stands: false, number: 2), on: "consortium", by: "hospital-1")
        == "wrong-number")
    #expect(try stand(&ledger, false, by: "hospital-1") == nil)
    #expect(try stand(&ledger, false, by: "hospital-2") == "too-few-candidates")
    try finish(&ledger)
    #expect(try delegates(ledger, 3) == ["hospital-2", "hospital-3", "cloud", nil])
    // A vacant seat has a turn that nobody keeps, and counts among all.
    #expect(try ledger.reader.delegates(forHeight: 3).emptySeats == [3])
    #expect(try ledger.fault(of: [ledger.opening(round: 0, by: "cloud")]) == "not-in-turn")
    let former = try ledger.opening(round: 0, by: "hospital-1")
    #expect(try ledger.fault(of: [former]) == "not-entitled")
    #expect(try stand(&ledger, true, by: "hospital-1") == nil)
    try finish(&ledger)
    #expect(try delegates(ledger, 6) == ["hospital-2", "hospital-3", "cloud", "hospital-1"])
    #expect(ledger.consortium.final?.size == ledger.consortium.engine.size)
    #expect(try MemoryExport(ledger).verify(ledger).chains[0].fault == nil)
  }

  @Test("[attack] commits and cosignatures by the former set, where the next one decides")
  func formerSet() throws {
    var ledger = try ledger()
    #expect(try stand(&ledger, false, by: "hospital-1") == nil)
    try finish(&ledger)
    let (block, _) = try ledger.consortium.build(ledger.opening(round: 1), from: [])
    // hospital-1 had seat 0; of the others each has one before the former.
    func former(_ node: String) throws -> SignedVote {
      let seat = try #require(ledger.genesis.content.delegates.firstIndex(of: node))
      let vote = ConsensusVote(
        genesis: ledger.genesis.digest, epoch: 1, height: 3, round: 0, phase: .commit,
        root: block.root)
      let key = try #require(ledger.votingKeys[node])
      return SignedVote(vote: vote, seat: UInt64(seat), signature: key.sign(vote))
    }
    let certificate = CommitCertificate(
      height: 3, round: 0, root: block.root,
      commits: try ["hospital-1", "hospital-2", "hospital-3", "cloud"].map(former))
    let set = try ledger.reader.delegates(forHeight: 3)
    #expect(!set.holds(certificate, genesis: ledger.genesis.digest))
    let honest = try ledger.certificate(of: block)
    #expect(set.holds(honest, genesis: ledger.genesis.digest))
    try ledger.consortium.decide(block, by: honest)
    try ledger.dropWaiting()
    let size = ledger.consortium.engine.size
    for node in ["hospital-1", "hospital-2", "hospital-3"] { try ledger.cosign(by: node) }
    #expect(ledger.consortium.final?.size ?? 0 < size, "two of the set and a former delegate")
    try ledger.cosign(by: "cloud")
    #expect(ledger.consortium.final?.size == size)
  }

  // MARK: Turns

  /// Closes a block whose first round timed out for these delegates without a proposal.
  private func close(_ ledger: inout LedgerFixture, silent: [String]) throws {
    let height = ledger.consortium.engine.height
    let (block, _) = try ledger.consortium.build(ledger.opening(round: 1), from: [])
    let set = try ledger.consortium.reader.delegates(forHeight: height)
    let commits = try set.seats.compactMap(\.delegate).map { node in
      try ledger.vote(for: block.root, height: height, by: node) {
        ($0.round, $0.timedOut) = (1, silent.contains(node) ? [0x80] : [])
      }
    }
    let certificate = CommitCertificate(
      height: height, round: 1, root: block.root, commits: commits)
    try ledger.consortium.decide(block, by: certificate)
    try ledger.dropWaiting()
    for delegate in set.seats.compactMap(\.delegate) { try ledger.cosign(by: delegate) }
  }

  @Test("a delegate that misses more than half its turns is not elected while others stand")
  func missedTurns() throws {
    let all = ["hospital-1", "hospital-2", "hospital-3", "cloud"]
    // Whose turn it was at height 0 is silent there, for most of the others, or for one only.
    for (silent, result) in [
      (
        ["hospital-2", "hospital-3", "cloud"], ["hospital-2", "hospital-3", "cloud", "hospital-1"]
      ),
      (["hospital-2", "hospital-3"], ["hospital-2", "hospital-3", "cloud", "hospital-1"]),
      (["hospital-1", "hospital-2"], all), (["hospital-3"], all),
    ] {
      var ledger = try ledger()
      try close(&ledger, silent: silent)
      try finish(&ledger)
      #expect(try delegates(ledger, 3) == result)
      let reader = ledger.reader
      let seats = try reader.election(afterEpoch: 0).seats()
      #expect(seats.map(\.delegate) == result)
    }
  }

  @Test("[attack] a report of two votes in one epoch is of that epoch's set")
  func reportsOfFormerSeats() throws {
    var ledger = try ledger()
    #expect(try stand(&ledger, false, by: "hospital-1") == nil)
    try finish(&ledger)
    func statement(_ root: UInt8, by node: String, height: UInt64) throws
      -> VoteEquivocationReport.Statement
    {
      let vote = ConsensusVote(
        genesis: ledger.genesis.digest, epoch: height / 3, height: height, round: 0,
        phase: .commit, root: Digest32(sha256: [root]))
      let key = try #require(ledger.votingKeys[node])
      return .init(object: vote.encoded(), signature: key.sign(vote))
    }
    func report(by node: String, height: UInt64) throws -> VoteEquivocationReport {
      VoteEquivocationReport(
        first: try statement(1, by: node, height: height),
        second: try statement(2, by: node, height: height))
    }
    // Without a seat in that epoch, what it signs there is worth nothing and convicts of nothing.
    #expect(
      try ledger.append(report(by: "hospital-1", height: 4), on: "consortium", by: "cloud")
        == "no-contradiction")
    // Of an epoch whose set is not elected yet, nobody can say whose vote it is.
    #expect(
      try ledger.append(report(by: "cloud", height: 7), on: "consortium", by: "hospital-2")
        == "no-contradiction")
    #expect(
      try ledger.append(report(by: "hospital-1", height: 2), on: "consortium", by: "cloud") == nil)
    try ledger.closeConsortiumBlock()
    #expect(try ledger.reader.convictions(of: organisations[0]) == 1)
    // It stands again, and is barred all the same.
    #expect(try stand(&ledger, true, by: "hospital-1") == nil)
    try finish(&ledger)
    #expect(try delegates(ledger, 6) == ["hospital-2", "hospital-3", "cloud", nil])
  }

  @Test("the election of an epoch is made again from the leaves before it")
  func electionsAgain() throws {
    var ledger = try ledger()
    try approve(&ledger, ["cloud"], by: [organisations[0]])
    try close(&ledger, silent: ["hospital-2", "hospital-3", "cloud"])
    try finish(&ledger)
    try approve(&ledger, ["hospital-2"], by: organisations)
    for _ in 0..<3 { try finish(&ledger) }
    for epoch in 1...4 as ClosedRange<UInt64> {
      let election = try ledger.consortium.reader.election(
        ofEpoch: epoch, replayingInto: InspectableStore())
      #expect(election.seats().map(\.delegate) == (try delegates(ledger, 3 * epoch)))
      #expect(election.former == (try delegates(ledger, 3 * epoch - 1)).compactMap(\.self))
      #expect(election.approvals.isEmpty == (epoch == 1))
    }
    let first = try ledger.consortium.reader.election(
      ofEpoch: 1, replayingInto: InspectableStore())
    #expect(first.candidates.first { $0.id == "hospital-1" }?.missed == 1)
  }

  // MARK: Who follows

  @Test("no epoch is passed over: its last checkpoint becomes final before any of the next")
  func epochEndsBecomeFinal() throws {
    var ledger = try ledger()
    try ledger.closeConsortiumBlock()
    try ledger.closeConsortiumBlock()
    try ledger.closeConsortiumBlock(cosignedBy: 2)
    let end = ledger.consortium.engine.size
    #expect(try ledger.consortium.awaitedEpochEnd() == end)
    let checkpoint = try ledger.reader.checkpoint(size: end)
    try ledger.closeConsortiumBlock()
    #expect(ledger.consortium.final?.size ?? 0 < end, "all four have cosigned what comes behind")
    let cosigned = try ["hospital-1", "cloud", "hospital-3"].map {
      try ledger.cosigned(checkpoint, of: "consortium", by: $0)
    }
    let note = try #require(CosignedCheckpoint.merged(cosigned)).note.encoded
    #expect(try ledger.consortium.adopt(final: note))
    #expect(try ledger.consortium.awaitedEpochEnd() == nil)
    try ledger.closeConsortiumBlock()
    #expect(ledger.consortium.final?.size == ledger.consortium.engine.size)
  }

  /// Five epochs with three sets, and an end of each.
  private func history() throws -> (ledger: LedgerFixture, ends: [EpochEnd]) {
    var ledger = try ledger()
    try approve(&ledger, ["cloud", "hospital-3"], by: organisations)
    for _ in 0..<5 { try finish(&ledger) }
    try ledger.closeConsortiumBlock()
    let ends = try ledger.reader.epochEnds(from: 0, byteCount: 1 << 20)
    #expect(ends.count == 5)
    return (ledger, ends)
  }

  @Test(
    "a client follows the sets by the ends of epochs, and then takes proofs of the last one alone")
  func knownDelegates() throws {
    let (ledger, ends) = try history()
    let genesis = ledger.genesis
    var known = KnownDelegates(genesis)
    let proof = try #require(try ledger.reader.proof(of: 1, knownSize: 0))
    for (epoch, end) in ends.enumerated() {
      #expect(known.epoch == UInt64(epoch))
      let error = #expect(throws: LedgerError.self) {
        try proof.verify(genesis: genesis, delegates: known, known: nil)
      }
      #expect(error?.code == .laterEpoch)
      #expect(try EpochEnd(sequence: end.encodedSequence()) == end)
      try known.follow(end, genesis: genesis)
      #expect(try KnownDelegates(sequence: known.encodedSequence()) == known)
    }
    #expect(try proof.verify(genesis: genesis, delegates: known, known: nil).chain == "consortium")
    #expect(try ledger.reader.epochEnds(from: 3, byteCount: 1 << 20) == Array(ends[3...]))
    #expect(try ledger.reader.epochEnds(from: 0, byteCount: 1) == [ends[0]])
    #expect(try ledger.reader.epochEnds(from: 5, byteCount: 1 << 20) == [])
  }

  @Test("[attack] an end of an epoch with anything changed, of another epoch, or by another set")
  func falseEnds() throws {
    let (ledger, ends) = try history()
    let genesis = ledger.genesis
    func refuses(_ end: EpochEnd, after count: Int) throws {
      var known = KnownDelegates(genesis)
      for end in ends.prefix(count) { try known.follow(end, genesis: genesis) }
      let before = known
      #expect(throws: LedgerError.self) { try known.follow(end, genesis: genesis) }
      #expect(known == before)
    }
    for count in 0..<4 {
      for (number, end) in ends.enumerated() where number != count {
        try refuses(end, after: count)
      }
      var end = ends[count]
      end.header.leaf[20] ^= 1
      try refuses(end, after: count)
      end = ends[count]
      end.header.index -= 1
      try refuses(end, after: count)
      end = ends[count]
      end.note = ends[count + 1].note
      try refuses(end, after: count)
    }
    // The last header under a later checkpoint, and the header of another block under its own.
    let reader = ledger.reader
    let size = try #require(try reader.block(3)).index + 1
    let middle = try EpochEnd(
      note: note(ledger, size: size, by: LedgerFixture.hospitals),
      header: LeafProof(
        leaf: #require(try reader.leaf(size - 1)), index: size - 1,
        inclusion: ledger.consortium.engine.inclusion(of: size - 1, size: size)))
    try refuses(middle, after: 1)
    var end = ends[0]
    end.header.inclusion = try ledger.consortium.engine.inclusion(of: end.header.index, size: size)
    end.note = try note(ledger, size: size, by: LedgerFixture.hospitals)
    try refuses(end, after: 0)
    // Two of four.
    end = ends[0]
    end.note = try note(ledger, size: end.header.index + 1, by: ["cloud", "hospital-2"])
    try refuses(end, after: 0)
    end.note = try note(ledger, size: end.header.index + 1, by: LedgerFixture.hospitals)
    var known = KnownDelegates(genesis)
    try known.follow(end, genesis: genesis)
  }

  private func note(
    _ ledger: LedgerFixture, size: UInt64, by nodes: [String]
  ) throws -> String {
    let checkpoint = try ledger.reader.checkpoint(size: size)
    return try #require(
      CosignedCheckpoint.merged(
        nodes.map { try ledger.cosigned(checkpoint, of: "consortium", by: $0) })
    ).note.encoded
  }

  @Test(
    "[attack] two sets at one epoch: a second chain that the former set signs is another checkpoint"
  )
  func twoSets() throws {
    var ledger = try ledger()
    try ledger.closeConsortiumBlock()
    try ledger.closeConsortiumBlock()
    var other = try ledger.copy()
    try ledger.closeConsortiumBlock()
    #expect(try stand(&other, false, by: "hospital-1") == nil)
    try other.closeConsortiumBlock()
    let end = try #require(try ledger.reader.epochEnds(from: 0, byteCount: 1 << 20).first)
    let second = try #require(try other.reader.epochEnds(from: 0, byteCount: 1 << 20).first)
    var known = KnownDelegates(ledger.genesis)
    try known.follow(end, genesis: ledger.genesis)
    // Who followed one set takes no end, and no proof, of the other.
    #expect(throws: LedgerError.self) { try known.follow(second, genesis: ledger.genesis) }
    // Both cosigned one size: whoever has both convicts them.
    let report = EquivocationReport(
      chain: "consortium", first: .init(note: end.note, leaf: try leaf(ledger, end)),
      second: .init(note: second.note, leaf: try leaf(other, second)))
    #expect(try ledger.append(report, on: "consortium", by: "hospital-2") == nil)
    for node in LedgerFixture.hospitals {
      #expect(try ledger.reader.convictions(of: "organisation-of-\(node)") == 1)
    }
  }

  /// The leaf behind the last opening, which the two chains have as different items.
  private func leaf(
    _ ledger: LedgerFixture, _ end: EpochEnd
  ) throws -> EquivocationReport.ProvenLeaf {
    let size = end.header.index + 1
    let index = try #require(try ledger.reader.block(1)).index + 2
    let bytes = try #require(try ledger.reader.leaf(index))
    return EquivocationReport.ProvenLeaf(
      index: index, hash: try #require(Digest32(MerkleHash.leaf(bytes))),
      inclusion: try ledger.consortium.engine.inclusion(of: index, size: size))
  }

  @Test("[attack] a former delegate signs another history, at sizes where it has no seat any more")
  func formerDelegateForks() throws {
    var ledger = try ledger()
    #expect(try stand(&ledger, false, by: "hospital-1") == nil)
    for _ in 0..<3 { try finish(&ledger) }
    let size = ledger.consortium.engine.size
    #expect(try ledger.consortium.reader.delegates(forHeight: 8).seat(of: "hospital-1") == nil)
    let notes = try [1, 2].map { byte in
      try ledger.cosigned(
        Checkpoint(
          origin: ledger.genesis.origin(of: "consortium"), size: size,
          root: [UInt8](repeating: byte, count: 32)),
        of: "consortium", by: "hospital-1"
      ).note.encoded
    }
    let report = EquivocationReport(
      chain: "consortium", first: .init(note: notes[0]), second: .init(note: notes[1]))
    #expect(try ledger.append(report, on: "consortium", by: "cloud") == nil)
    #expect(try ledger.reader.convictions(of: organisations[0]) == 1)
  }

  @Test("who follows takes one epoch after the other, each by its own set")
  func followers() throws {
    let (ledger, _) = try history()
    let source = ledger.reader
    var follower = try ConsortiumFollower(
      genesis: ledger.genesis, store: InspectableStore(), decider: ledger.decider)
    let last = try #require(source.final)
    let all = try (0..<last.size).map { try #require(try source.leaf($0)) }
    #expect(throws: LedgerError.self) { try follower.follow(all, final: last.note) }
    #expect(follower.engine.size == 0)
    var pages = 0
    while follower.engine.size < source.size {
      let page = try #require(try source.page(from: follower.engine.size, byteCount: 1 << 20))
      try follower.follow(page.leaves, final: page.note)
      pages += 1
    }
    #expect(pages == 6)
    #expect(follower.final == last)
    #expect(
      try follower.reader.epochEnds(from: 0, byteCount: 1 << 20)
        == source.epochEnds(from: 0, byteCount: 1 << 20))
  }
}
