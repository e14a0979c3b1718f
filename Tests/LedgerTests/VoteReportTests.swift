import CanonicalEncoding
import Consensus
import Credentials
import Ledger
import TestSupport
import Testing

/// Specification 6.8: who votes twice loses its seat, and nobody else does.
@Suite("Evidence about votes, and empty seats")
struct VoteReportTests {
  private typealias Statement = VoteEquivocationReport.Statement

  private let roots = [Digest32(sha256: [1]), Digest32(sha256: [2])]

  private func report(
    _ ledger: inout LedgerFixture, _ first: Statement, _ second: Statement,
    by node: String = "cloud"
  ) throws -> String? {
    try ledger.append(
      VoteEquivocationReport(first: first, second: second), on: "consortium", by: node)
  }

  private func vote(
    _ ledger: LedgerFixture, _ root: Digest32?, height: UInt64 = 3, by node: String = "hospital-2",
    key: IdentityKey? = nil, changing change: (inout ConsensusVote) -> Void = { _ in }
  ) throws -> Statement {
    Statement(try ledger.vote(for: root, height: height, by: node, key: key, changing: change))
  }

  private func proposal(
    _ ledger: LedgerFixture, _ root: Digest32, round: UInt64 = 4, validRound: UInt64? = nil,
    by node: String = "hospital-2"
  ) throws -> Statement {
    let proposal = ConsensusProposal(
      genesis: ledger.genesis.digest, epoch: 0, height: 3, round: round, root: root,
      validRound: validRound)
    let key = try #require(ledger.votingKeys[node])
    return Statement(object: proposal.encoded(), signature: key.sign(proposal))
  }

  private func convictions(_ ledger: LedgerFixture) throws -> [UInt64] {
    try ledger.genesis.content.delegates.map {
      try ledger.reader.convictions(of: "organisation-of-\($0)")
    }
  }

  enum Contradiction: CaseIterable {
    case commits, prepares, commitAndNone, prepareAndNone, proposals, proposalsOfOneAgain
    case otherBitmap, farHeight, lateRound
  }

  private func statements(
    _ contradiction: Contradiction, _ ledger: LedgerFixture
  ) throws -> (Statement, Statement) {
    func both(
      _ first: Digest32?, _ second: Digest32?, height: UInt64 = 3,
      _ change: (inout ConsensusVote) -> Void
    ) throws -> (Statement, Statement) {
      try (
        vote(ledger, first, height: height, changing: change),
        vote(ledger, second, height: height, changing: change)
      )
    }
    switch contradiction {
    case .commits: return try both(roots[0], roots[1]) { _ in }
    case .prepares: return try both(roots[0], roots[1]) { $0.phase = .prepare }
    case .commitAndNone: return try both(roots[0], nil) { _ in }
    case .prepareAndNone: return try both(nil, roots[1]) { $0.phase = .prepare }
    case .proposals: return try (proposal(ledger, roots[0]), proposal(ledger, roots[1]))
    case .proposalsOfOneAgain:
      return try (proposal(ledger, roots[0]), proposal(ledger, roots[1], validRound: 2))
    case .otherBitmap:
      return try (
        vote(ledger, roots[0]) { $0.round = 3 },
        vote(ledger, roots[1]) { ($0.round, $0.timedOut) = (3, [0x80]) }
      )
    case .farHeight: return try both(roots[0], roots[1], height: 999) { _ in }
    case .lateRound: return try both(roots[0], roots[1]) { $0.round = ConsensusLimits.round }
    }
  }

  @Test(
    "[attack] two votes of one place, or two proposals, convict their seat",
    arguments: Contradiction.allCases)
  func convicted(contradiction: Contradiction) throws {
    for turned in [false, true] {
      var ledger = try LedgerFixture()
      let (first, second) = try statements(contradiction, ledger)
      #expect(try convictions(ledger) == [0, 0, 0, 0])
      #expect(
        try report(&ledger, turned ? second : first, turned ? first : second) == nil)
      #expect(try convictions(ledger) == [0, 1, 0, 0])
      // From the next block on.
      #expect(try ledger.reader.delegates(forHeight: 0).emptySeats == [])
      #expect(try ledger.reader.delegates(forHeight: 1).emptySeats == [1])
      // No second conviction of one key, whatever else it has signed.
      #expect(try report(&ledger, second, first, by: "hospital-3") == "entry-known")
      #expect(
        try report(
          &ledger, vote(ledger, roots[0], height: 9), vote(ledger, roots[1], height: 9),
          by: "hospital-1") == "entry-known")
      #expect(
        try report(
          &ledger, vote(ledger, roots[0], by: "cloud"), vote(ledger, roots[1], by: "cloud"),
          by: "hospital-1") == nil)
      #expect(try convictions(ledger) == [0, 1, 0, 1])
    }
  }

  @Test("[attack] an honest delegate cannot be framed by what it has signed")
  func honestVotes() throws {
    var ledger = try LedgerFixture()
    func expectHonest(_ first: Statement, _ second: Statement) throws {
      #expect(try report(&ledger, first, second) == "no-contradiction")
    }
    // It votes for one block in two rounds, for two blocks in two rounds, in both phases, twice the
    // same, at two heights; what timed out may be said in two ways.
    let commit = try vote(ledger, roots[0])
    try expectHonest(commit, commit)
    try expectHonest(commit, vote(ledger, roots[0]) { $0.round = 1 })
    try expectHonest(commit, vote(ledger, roots[1]) { $0.round = 1 })
    try expectHonest(commit, vote(ledger, nil) { $0.round = 1 })
    try expectHonest(commit, vote(ledger, roots[0]) { $0.phase = .prepare })
    try expectHonest(commit, vote(ledger, roots[1]) { $0.phase = .prepare })
    try expectHonest(commit, vote(ledger, nil) { $0.phase = .prepare })
    try expectHonest(commit, vote(ledger, roots[1], height: 4))
    try expectHonest(
      vote(ledger, roots[0]) { $0.round = 3 },
      vote(ledger, roots[0]) { ($0.round, $0.timedOut) = (3, [0x80]) })
    try expectHonest(vote(ledger, nil), vote(ledger, nil))
    // It proposes in two rounds, again what it has proposed, and votes for something else.
    let first = try proposal(ledger, roots[0])
    try expectHonest(first, first)
    try expectHonest(first, proposal(ledger, roots[1], round: 8))
    try expectHonest(first, proposal(ledger, roots[0], validRound: 2))
    try expectHonest(first, vote(ledger, roots[1]) { $0.round = 4 })
    try expectHonest(first, vote(ledger, roots[1]) { ($0.round, $0.phase) = (4, .prepare) })
    #expect(try convictions(ledger) == [0, 0, 0, 0])
    #expect(try ledger.reader.delegates(forHeight: 1).emptySeats == [])
  }

  @Test("[attack] a delegate is not framed by what others sign, here or elsewhere")
  func framed() throws {
    var ledger = try LedgerFixture()
    let genuine = try vote(ledger, roots[0])
    func expectHonest(_ second: Statement, after first: Statement? = nil) throws {
      #expect(try report(&ledger, first ?? genuine, second) == "no-contradiction")
      #expect(try report(&ledger, second, first ?? genuine) == "no-contradiction")
    }
    // Another delegate's vote, which is as good; a key of nobody; keys that sign other things.
    try expectHonest(vote(ledger, roots[1], by: "hospital-3"))
    let stranger = try IdentityKey(seed: [UInt8](repeating: 3, count: 32))
    try expectHonest(vote(ledger, roots[1], key: stranger))
    try expectHonest(vote(ledger, roots[1], key: ledger.identities["hospital-2"]))
    try expectHonest(
      vote(ledger, roots[1], key: stranger), after: vote(ledger, roots[0], key: stranger))
    try expectHonest(
      vote(ledger, roots[1], key: ledger.identities["hospital-2"]),
      after: vote(ledger, roots[0], key: ledger.identities["hospital-2"]))
    // A signature of the one over the other.
    try expectHonest(
      Statement(object: vote(ledger, roots[1]).object, signature: genuine.signature))
    var forged = try vote(ledger, roots[1])
    forged.signature[5] ^= 1
    try expectHonest(forged)
    // Both in another ledger with the same keys, or in an epoch that this height is not in.
    try expectHonest(
      vote(ledger, roots[1]) { $0.genesis = .zero },
      after: vote(ledger, roots[0]) { $0.genesis = .zero })
    try expectHonest(vote(ledger, roots[1]) { $0.genesis = .zero })
    try expectHonest(
      vote(ledger, roots[1]) { $0.epoch = 1 }, after: vote(ledger, roots[0]) { $0.epoch = 1 })
    try expectHonest(vote(ledger, roots[1]) { $0.epoch = 1 })
    // What the key signed is no vote: an entry's content, a header, a vote that nobody decodes.
    let key = try #require(ledger.votingKeys["hospital-2"])
    let header = try #require(
      try {
        var other = try LedgerFixture()
        try other.closeConsortiumBlock()
        return other.consortium.engine.header
      }())
    for object in [try ledger.opening().content.encoded(), header.encoded(), [0x69, 0]] {
      try expectHonest(Statement(object: object, signature: key.sign(object)))
    }
    try expectHonest(vote(ledger, roots[1]) { $0.timedOut = [0x80] })
    try expectHonest(vote(ledger, roots[1]) { ($0.phase, $0.timedOut) = (.prepare, [0x80]) })
    #expect(try convictions(ledger) == [0, 0, 0, 0])
    // And the genuine contradiction is still one.
    #expect(try report(&ledger, genuine, vote(ledger, roots[1])) == nil)
  }

  @Test("[attack] reports are a supernode's, and cost its quota")
  func reporters() throws {
    var numbers = Members.Numbers()
    numbers.supernodeQuota = 1
    var ledger = try LedgerFixture.withTeam(numbers: numbers)
    let both = try (vote(ledger, roots[0]), vote(ledger, roots[1]))
    for node in ["manager", LedgerFixture.team[0]] {
      #expect(try report(&ledger, both.0, both.1, by: node) == "not-entitled")
    }
    let body = VoteEquivocationReport(first: both.0, second: both.1)
    #expect(
      try ledger.append(body, on: "consortium", by: "cloud", key: ledger.identities["hospital-1"])
        == "wrong-signature")
    #expect(try report(&ledger, both.0, both.0) == "no-contradiction")
    #expect(try report(&ledger, both.0, both.1) == nil)
    #expect(try report(&ledger, both.0, both.1) == "entry-known")
    let third = try (
      vote(ledger, roots[0], by: "hospital-3"), vote(ledger, roots[1], by: "hospital-3")
    )
    #expect(try report(&ledger, third.0, third.1) == "quota-spent")
    // Even the convicted delegate's supernode reports others.
    #expect(try report(&ledger, third.0, third.1, by: "hospital-2") == nil)
  }

  @Test("a report has one form, and holds no object longer than 1024 bytes")
  func forms() throws {
    let ledger = try LedgerFixture()
    let body = try VoteEquivocationReport(
      first: vote(ledger, roots[0]), second: proposal(ledger, roots[0]))
    #expect(try EntryBody(encoded: body.encoded()).encoded() == body.encoded())
    var long = body
    // A primitive application tag, three octets of length, and the rest.
    long.first.object = [0x49, 0x82, 0x03, 0xfc] + [UInt8](repeating: 1, count: 1020)
    #expect(long.first.object.count == 1024)
    #expect(try VoteEquivocationReport(encoded: long.encoded()) == long)
    long.first.object = [0x49, 0x82, 0x03, 0xfd] + [UInt8](repeating: 1, count: 1021)
    #expect(throws: DecodingFailure.self) { try VoteEquivocationReport(encoded: long.encoded()) }
    var short = body
    short.second.signature.removeLast()
    #expect(throws: DecodingFailure.self) { try VoteEquivocationReport(encoded: short.encoded()) }
  }

  // MARK: Empty seats

  /// Block 1, opened by its delegate, holds the report about it: its seat is empty from block 2 on.
  private func emptied() throws -> LedgerFixture {
    var ledger = try LedgerFixture()
    try ledger.closeConsortiumBlock(at: 10)
    #expect(
      try report(&ledger, vote(ledger, roots[0]), vote(ledger, roots[1]), by: "hospital-1") == nil)
    try ledger.closeConsortiumBlock(at: 20)
    return ledger
  }

  private func commits(
    _ ledger: LedgerFixture, _ opening: inout BlockOpening, by nodes: [String]
  ) throws {
    let root = try #require(opening.commits?.root)
    opening.commits?.commits = try nodes.map {
      let vote = try ledger.vote(for: root, height: opening.height - 1, by: $0)
      return CommitSet.Commit(seat: vote.seat, timedOut: [], signature: vote.signature)
    }
  }

  @Test("[attack] an empty seat opens no block, commits none, and still counts among all")
  func emptySeat() throws {
    var ledger = try emptied()
    let all = ledger.genesis.content.delegates
    let others = all.filter { $0 != "hospital-2" }
    func refusal(commitsBy nodes: [String]) throws -> String? {
      try ledger.fault(of: [ledger.opening { try commits(ledger, &$0, by: nodes) }])
    }
    // It has committed the block with the report, where its seat was not empty yet.
    #expect(try ledger.reader.delegates(forHeight: 1).emptySeats == [])
    #expect(try ledger.reader.delegates(forHeight: 2).emptySeats == [1])
    #expect(ledger.consortium.decision?.commits.map(\.seat) == [0, 1, 2, 3])
    #expect(try refusal(commitsBy: all) == nil)
    #expect(try refusal(commitsBy: ["hospital-1", "hospital-2", "cloud"]) == nil)
    #expect(try refusal(commitsBy: others) == nil)
    // Block 2 is of the third delegate; in round 3 the second would open it.
    #expect(
      try ledger.fault(of: [ledger.opening(round: 3, by: "hospital-2")]) == "not-in-turn")
    #expect(try ledger.fault(of: [ledger.opening(round: 2, by: "hospital-1")]) == nil)
    try ledger.closeConsortiumBlock(at: 30)
    // It has not committed block 2.
    #expect(ledger.consortium.decision?.commits.map(\.seat) == [0, 2, 3])
    #expect(try refusal(commitsBy: others) == nil)
    #expect(try refusal(commitsBy: all) == "wrong-commits")
    #expect(try refusal(commitsBy: ["hospital-1", "hospital-2", "cloud"]) == "wrong-commits")
    // Two of the three that are left are two of four.
    for missing in others {
      #expect(try refusal(commitsBy: others.filter { $0 != missing }) == "wrong-commits")
    }
    // In its own turn the next one opens.
    while ledger.reader.height % 4 != 1 { try ledger.closeConsortiumBlock() }
    #expect(try ledger.fault(of: [ledger.opening(round: 0)]) == "not-in-turn")
    let opening = try ledger.opening()
    #expect(opening.content.signer == .party("hospital-3"))
    #expect(try ledger.fault(of: [opening]) == nil)
    try ledger.closeConsortiumBlock()
    // The checkpoint needs as many cosigners as before.
    #expect(ledger.consortium.final?.size == ledger.consortium.engine.size)
    #expect(try ledger.reader.delegates(forHeight: 9).seats.count == 4)
    let export = try MemoryExport(ledger).verify(ledger)
    #expect(export.chains[0].fault == nil)
    #expect(export.convictions.map(\.organisation) == ["organisation-of-hospital-2"])
  }

  @Test("[attack] two empty seats of four: nothing is decided any more, and nothing else is broken")
  func twoEmptySeats() throws {
    var ledger = try emptied()
    #expect(
      try report(
        &ledger, vote(ledger, roots[0], by: "cloud"), vote(ledger, roots[1], by: "cloud"),
        by: "hospital-1") == nil)
    // The three that are left decide the block with the second report.
    try ledger.closeConsortiumBlock(at: 30)
    #expect(try ledger.reader.delegates(forHeight: 3).emptySeats == [1, 3])
    let opening = try ledger.opening(round: 1, by: "hospital-1")
    #expect(try ledger.fault(of: [opening]) == nil)
    let (block, _) = try ledger.consortium.build(opening, from: [])
    // Whoever went on all the same: no opening can state commits for it.
    try ledger.consortium.decide(block, by: ledger.certificate(of: block))
    for nodes in [["hospital-1", "hospital-3"], ledger.genesis.content.delegates] {
      let next = try ledger.opening(round: 0) { try commits(ledger, &$0, by: nodes) }
      #expect(try ledger.fault(of: [next]) == "wrong-commits")
    }
  }
}
