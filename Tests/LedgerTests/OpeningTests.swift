import CanonicalEncoding
import Consensus
import Credentials
import Ledger
import TestSupport
import Testing

/// Specification 6.3: what a consortium block begins with, and why the block before is decided.
@Suite("Openings of consortium blocks, and the commits that they state")
struct OpeningTests {
  /// A ledger with block 0; block 1 is the second delegate's.
  private func started(epochLength: UInt64 = 1000) throws -> LedgerFixture {
    var ledger = try LedgerFixture(epochLength: epochLength)
    try ledger.closeConsortiumBlock(at: 10)
    return ledger
  }

  /// The code with which everybody refuses a block with this opening alone.
  private func refusal(
    _ ledger: LedgerFixture, round: UInt64? = nil, by signer: String? = nil,
    key: IdentityKey? = nil, changing change: (inout BlockOpening) throws -> Void = { _ in }
  ) throws -> String? {
    try ledger.fault(
      of: [ledger.opening(round: round, by: signer, key: key, changing: change)])
  }

  // MARK: The opening

  @Test("the opening's time is the block's, and may be that of the block before")
  func time() throws {
    var ledger = try started()
    #expect(ledger.reader.time == LedgerFixture.start + 10)
    try ledger.closeConsortiumBlock(at: 10)
    #expect(ledger.reader.time == LedgerFixture.start + 10)
    try ledger.closeConsortiumBlock(at: 5000)
    #expect(ledger.reader.time == LedgerFixture.start + 5000)
    #expect(ledger.consortium.engine.header?.countedTime == LedgerFixture.start + 70)
    #expect(try refusal(ledger) { $0.time -= 1 } == "wrong-time")
    #expect(try refusal(ledger) { $0.time = 0 } == "wrong-time")
  }

  @Test("[attack] block 0 is not older than the genesis, and states no commits")
  func firstBlock() throws {
    let ledger = try LedgerFixture()
    #expect(try refusal(ledger) { $0.time = LedgerFixture.start - 1 } == "wrong-time")
    let commits = try started().consortium.decision.map { CommitSet($0) }
    #expect(commits != nil)
    #expect(try refusal(ledger) { $0.commits = commits } == "wrong-commits")
    #expect(try refusal(ledger) { $0.time = LedgerFixture.start } == nil)
  }

  @Test("[attack] an opening by a stranger, out of turn, or under another's signature")
  func foreignOpenings() throws {
    var ledger = try started()
    try ledger.registerTeam(1)
    // Height 2: the third delegate, then those behind it, round by round.
    let delegates = ledger.genesis.content.delegates
    for round in 0...9 as ClosedRange<UInt64> {
      for (seat, delegate) in delegates.enumerated() {
        let isInTurn = (2 + round) % 4 == UInt64(seat)
        #expect(
          try refusal(ledger, round: round, by: delegate) == (isInTurn ? nil : "not-in-turn"))
      }
    }
    let last = ConsensusLimits.round
    #expect(try refusal(ledger, round: last, by: delegates[2]) == nil)
    #expect(try refusal(ledger, round: last, by: delegates[1]) == "not-in-turn")
    #expect(try refusal(ledger, by: "manager") == "not-entitled")
    #expect(try refusal(ledger, by: LedgerFixture.team[0]) == "not-entitled")
    let stranger = try IdentityKey(seed: [UInt8](repeating: 3, count: 32))
    #expect(try refusal(ledger, by: "stranger", key: stranger) == "unknown-signer")
    #expect(try refusal(ledger, key: stranger) == "wrong-signature")
    // Entries are signed with identity keys, votes with voting keys.
    #expect(try refusal(ledger, key: ledger.votingKeys["hospital-3"]) == "wrong-signature")
  }

  @Test(
    "[attack] a block without an opening, with two, with one that is not first, of another height")
  func places() throws {
    var ledger = try started()
    let item = ledger.entry(
      try ledger.registration(of: "ada", at: "hospital-1").registration, on: "consortium",
      by: "hospital-1")
    let (first, second) = (try ledger.opening(), try ledger.opening(round: 1))
    #expect(try ledger.fault(of: []) == "opening-missing")
    #expect(try ledger.fault(of: [item]) == "opening-missing")
    #expect(try ledger.fault(of: [item, first]) == "opening-missing")
    #expect(try ledger.fault(of: [first, second]) == "not-first")
    #expect(try ledger.fault(of: [first, item, second]) == "not-first")
    #expect(try ledger.fault(of: [first, first]) == "entry-known")
    #expect(try ledger.append(second) == "not-first")
    for height in [0, 2, UInt64(Int64.max)] {
      #expect(try refusal(ledger, by: "hospital-2") { $0.height = height } == "wrong-height")
    }
    #expect(try ledger.fault(of: [first, item]) == nil)
    #expect(try ledger.fault(of: [second, item]) == nil)
    // What opened a block opens no second one.
    let opened = try #require(ledger.open.openLeaves.first.flatMap(Leaf.entry(in:)))
    try ledger.closeConsortiumBlock(at: 10)
    #expect(opened == first)
    #expect(try ledger.fault(of: [first]) == "entry-known")
  }

  @Test("the checks of an opening are made in their order")
  func order() throws {
    let ledger = try started()
    let stranger = try IdentityKey(seed: [UInt8](repeating: 3, count: 32))
    let before = try ledger.opening(round: 1)
    var faults: [(inout (opening: BlockOpening, signer: String, follows: Bool)) -> Void] = []
    var codes: [String?] = []
    func then(
      _ code: String?,
      _ mend: @escaping (inout (opening: BlockOpening, signer: String, follows: Bool)) -> Void
    ) {
      codes.append(code)
      faults.append(mend)
    }
    then("unknown-signer") { $0.signer = "manager" }
    then("not-entitled") { $0.signer = "hospital-1" }
    then("not-first") { $0.follows = false }
    then("wrong-height") { $0.opening.height = 1 }
    then("not-in-turn") { $0.signer = "hospital-2" }
    then("wrong-time") { $0.opening.time = LedgerFixture.start + 10 }
    then("wrong-commits") { $0.opening.commits = ledger.consortium.decision.map { CommitSet($0) } }
    then("wrong-signature") { _ in }
    var state = (
      opening: BlockOpening(height: 7, round: 0, time: 0, commits: nil), signer: "stranger",
      follows: true
    )
    // Every one is signed by nobody that counts, which is looked at last.
    for (code, mend) in zip(codes, faults) {
      let entry = ledger.entry(
        state.opening, on: "consortium", by: state.signer, key: stranger)
      #expect(try ledger.fault(of: (state.follows ? [before] : []) + [entry]) == code)
      mend(&state)
    }
    #expect(
      try ledger.fault(of: [ledger.entry(state.opening, on: "consortium", by: state.signer)])
        == nil)
  }

  // MARK: Commits

  /// The opening of block 1 with other commits: each signs a vote that is changed so.
  private func commitRefusal(
    _ ledger: LedgerFixture, commitsBy nodes: [String]? = nil, key: String? = nil,
    round: UInt64 = 0, root: Digest32? = nil, changing change: (inout ConsensusVote) -> Void
  ) throws -> String? {
    try refusal(ledger) { opening in
      let genuine = try #require(opening.commits)
      let root = root ?? genuine.root
      opening.commits = CommitSet(
        round: round, root: root,
        commits: try (nodes ?? ledger.genesis.content.delegates).map { node in
          let vote = try ledger.vote(
            for: root, height: opening.height - 1, by: node,
            key: key.map { ledger.votingKeys[$0] } ?? nil
          ) {
            $0.round = round
            change(&$0)
          }
          return CommitSet.Commit(
            seat: vote.seat, timedOut: vote.vote.timedOut, signature: vote.signature)
        })
    }
  }

  @Test("more than two thirds of the seats decide, in any round, whatever timed out for each")
  func quorum() throws {
    let ledger = try started()
    let delegates = ledger.genesis.content.delegates
    for count in 1...4 {
      #expect(
        try commitRefusal(ledger, commitsBy: Array(delegates.prefix(count))) { _ in }
          == (count < 3 ? "wrong-commits" : nil))
      #expect(
        try commitRefusal(ledger, commitsBy: Array(delegates.suffix(count))) { _ in }
          == (count < 3 ? "wrong-commits" : nil))
    }
    #expect(try commitRefusal(ledger, round: 1) { _ in } == nil)
    #expect(try commitRefusal(ledger, round: ConsensusLimits.round) { _ in } == nil)
    // Rounds 0 and 1, or one of them; and all that can be named.
    for bitmap in [[0x80], [0xc0], [0x40]] as [[UInt8]] {
      #expect(try commitRefusal(ledger, round: 2) { $0.timedOut = bitmap } == nil)
    }
    #expect(
      try commitRefusal(ledger, round: 300) { $0.timedOut = [UInt8](repeating: 255, count: 32) }
        == nil)
  }

  @Test("[attack] commits that no honest delegate has made for this block")
  func foreignCommits() throws {
    let ledger = try started()
    // Everybody, and still nothing: another phase, height, round, epoch, genesis, or block.
    #expect(try commitRefusal(ledger) { $0.phase = .prepare } == "wrong-commits")
    #expect(try commitRefusal(ledger) { $0.height = 1 } == "wrong-commits")
    #expect(try commitRefusal(ledger) { $0.epoch = 1 } == "wrong-commits")
    #expect(try commitRefusal(ledger) { $0.genesis = .zero } == "wrong-commits")
    #expect(try commitRefusal(ledger) { $0.round = 1 } == "wrong-commits")
    #expect(try commitRefusal(ledger, round: 1) { $0.round = 0 } == "wrong-commits")
    #expect(try commitRefusal(ledger) { $0.root = .zero } == "wrong-commits")
    #expect(try commitRefusal(ledger) { $0.root = nil } == "wrong-commits")
    // All have committed another block, and signed it as they should.
    #expect(try commitRefusal(ledger, root: .zero) { _ in } == "wrong-commits")
    let empty = Digest32(sha256: [])
    #expect(try commitRefusal(ledger, root: empty) { _ in } == "wrong-commits")
    // One key for all seats.
    #expect(try commitRefusal(ledger, key: "hospital-1") { _ in } == "wrong-commits")
    #expect(try commitRefusal(ledger) { _ in } == nil)
  }

  @Test("[attack] bitmaps that no vote has: a zero byte at the end, the own round or a later one")
  func bitmaps() throws {
    let ledger = try started()
    for bitmap in [[0], [0x80, 0], [0, 0]] as [[UInt8]] {
      #expect(try commitRefusal(ledger, round: 9) { $0.timedOut = bitmap } == "wrong-commits")
    }
    // The bit of a round is its own, from the most significant on.
    for (round, bitmap) in [(0, [0x80]), (1, [0x40]), (7, [0, 0x80])] as [(UInt64, [UInt8])] {
      #expect(try commitRefusal(ledger, round: round) { $0.timedOut = bitmap } == "wrong-commits")
    }
    #expect(try commitRefusal(ledger, round: 9) { $0.timedOut = [0, 0x80] } == nil)
    // What was signed with one bitmap is stated with another.
    #expect(
      try refusal(ledger) {
        $0.commits?.round = 0
        $0.commits?.commits[2].timedOut = [0x80]
      } == "wrong-commits")
  }

  @Test("[attack] commit sets of which one commit is false, missing, doubled or in another place")
  func changedSets() throws {
    let ledger = try started()
    func changed(_ change: (inout CommitSet, LedgerFixture) throws -> Void) throws -> String? {
      try refusal(ledger) { opening in
        var set = try #require(opening.commits)
        try change(&set, ledger)
        opening.commits = set
      }
    }
    #expect(try refusal(ledger) { $0.commits = nil } == "wrong-commits")
    #expect(try changed { set, _ in set.round = 1 } == "wrong-commits")
    #expect(try changed { set, _ in set.root = .zero } == "wrong-commits")
    #expect(try changed { set, _ in set.commits.swapAt(0, 1) } == "wrong-commits")
    #expect(try changed { set, _ in set.commits.reverse() } == "wrong-commits")
    // Two seats and one of them again: by position, and in order.
    #expect(
      try changed { set, _ in set.commits = [0, 1, 1].map { set.commits[$0] } } == "wrong-commits")
    #expect(
      try changed { set, _ in set.commits = [0, 1, 2, 2].map { set.commits[$0] } }
        == "wrong-commits")
    // A signature under another seat, and one of nobody.
    #expect(
      try changed { set, _ in set.commits[0].signature = set.commits[1].signature }
        == "wrong-commits")
    for index in 0..<4 {
      #expect(try changed { set, _ in set.commits[index].signature[9] ^= 1 } == "wrong-commits")
    }
    // A seat that is none.
    for seat in [4, 399] as [UInt64] {
      #expect(
        try changed { set, _ in set.commits[3].seat = seat } == "wrong-commits")
      #expect(
        try changed { set, _ in
          set.commits.append(
            CommitSet.Commit(seat: seat, timedOut: [], signature: set.commits[0].signature))
        } == "wrong-commits")
    }
    // The delegate's other keys sign no votes.
    #expect(
      try changed { set, ledger in
        let vote = try ledger.vote(
          for: set.root, height: 0, by: "hospital-1", key: ledger.identities["hospital-1"])
        set.commits[0].signature = vote.signature
      } == "wrong-commits")
    #expect(try changed { set, _ in set.commits.removeFirst() } == nil)
    #expect(try changed { _, _ in } == nil)
  }

  @Test("[attack] commits of an earlier block, or of another chain with the same delegates")
  func replayedCommits() throws {
    var ledger = try started()
    let former = try #require(ledger.consortium.decision)
    let foreign = try LedgerFixture(seed: 2)
    try ledger.closeConsortiumBlock(at: 20)
    #expect(try refusal(ledger) { $0.commits = CommitSet(former) } == "wrong-commits")
    // The same root under this ledger's votes, whoever else uses these keys.
    #expect(
      try refusal(ledger) {
        let root = $0.commits?.root
        for (seat, node) in ledger.genesis.content.delegates.enumerated() {
          let vote = try ledger.vote(for: root, height: 1, by: node) {
            $0.genesis = foreign.genesis.digest
          }
          $0.commits?.commits[seat].signature = vote.signature
        }
      } == "wrong-commits")
    #expect(try refusal(ledger) == nil)
  }

  @Test("votes name the epoch of their block's height")
  func epochs() throws {
    var ledger = try started(epochLength: 2)
    for height in 1...5 as ClosedRange<UInt64> {
      let epoch = (height - 1) / 2
      for wrong in Set([0, 1, 2, 3]).subtracting([epoch]) {
        #expect(
          try refusal(ledger) { opening in
            for (seat, node) in ledger.genesis.content.delegates.enumerated() {
              let vote = try ledger.vote(
                for: opening.commits?.root, height: opening.height - 1, by: node
              ) { $0.epoch = wrong }
              opening.commits?.commits[seat].signature = vote.signature
            }
          } == "wrong-commits")
      }
      #expect(try ledger.reader.delegates(forHeight: height - 1).epoch == epoch)
      try ledger.closeConsortiumBlock()
    }
  }

  // MARK: Forms

  @Test("openings have one form, and the longest is an entry")
  func forms() throws {
    let ledger = try started()
    let commits = try #require(ledger.consortium.decision.map { CommitSet($0) })
    let longest = CommitSet(
      round: ConsensusLimits.round, root: commits.root,
      commits: (0..<400).map {
        CommitSet.Commit(
          seat: $0, timedOut: [UInt8](repeating: 255, count: 32),
          signature: [UInt8](repeating: 7, count: 64))
      })
    for set in [nil, commits, longest] {
      let opening = BlockOpening(
        height: LedgerLimits.size, round: ConsensusLimits.round, time: 253_402_300_799, commits: set
      )
      #expect(try BlockOpening(encoded: opening.encoded()) == opening)
      let entry = ledger.entry(opening, on: "consortium", by: "hospital-1")
      #expect(try Leaf(encoded: Leaf.item(entry).encoded()) == .item(entry))
    }
    func rejects(_ change: (inout BlockOpening) -> Void) {
      var opening = BlockOpening(height: 1, round: 0, time: 0, commits: commits)
      change(&opening)
      #expect(throws: DecodingFailure.self) { try BlockOpening(encoded: opening.encoded()) }
    }
    rejects { $0.commits?.commits = [] }
    rejects { $0.commits?.commits[0].seat = 400 }
    rejects { $0.commits?.commits[0].timedOut = [UInt8](repeating: 1, count: 33) }
    rejects { $0.commits?.commits[0].signature.removeLast() }
    rejects { $0.round = ConsensusLimits.round + 1 }
    rejects { $0.commits?.round = ConsensusLimits.round + 1 }
    rejects { $0.height = LedgerLimits.size + 1 }
    rejects { opening in
      opening.commits?.commits = (0...400).map { _ in commits.commits[0] }
    }
  }
}
