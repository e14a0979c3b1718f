import CanonicalEncoding
import Consensus
import Testing

/// Whole courses of a height, most of them after the tests of Tendermint's own implementation.
@Suite("Courses that a height can take")
struct ScenarioTests {
  private let a = Bench.a
  private let b = Bench.b
  private let c = Bench.c

  @Test("one round, as it should be")
  func fullRound() {
    var bench = Bench()
    bench.begin()
    bench.receive(bench.proposal(a))
    #expect(bench.judged(a).prepared == [a])
    #expect(bench.receive([0, 1], .prepare, a).committed == [a])
    #expect(bench.receive([0, 1], .commit, a).decision?.root == a)
  }

  @Test("a round in which nobody hears of a block")
  func fullRoundWithoutBlock() {
    var bench = Bench()
    bench.begin()
    #expect(bench.expire(.propose).prepared == [nil])
    #expect(bench.receive([0, 1], .prepare, nil).committed == [nil])
    #expect(bench.receive([0, 1], .commit, nil).timeouts == [bench.timeout(.commit)])
    bench.expire(.commit)
    #expect(bench.machine.round == 1)
    #expect(bench.machine.stored.locked == nil)
  }

  @Test("a lock stays where there is no newer quorum, for the own turn too")
  func lockWithoutQuorum() {
    var bench = Bench()
    bench.lockFirst()
    bench.leave(0)
    for round: UInt64 in 1...2 {
      #expect(bench.receive(bench.proposal(b, round)).prepared == [nil])
      #expect(bench.receive([0, 1], .prepare, b, round).committed.isEmpty)
      #expect(bench.expire(.prepare, round).committed == [nil])
      bench.leave(round)
    }
    // Round 3 is the own turn.
    #expect(bench.machine.stored.locked?.root == a)
    #expect(bench.machine.stored.step == .prepare)
    #expect(bench.machine.stored.valid?.root == a)
  }

  @Test("a newer quorum for another block moves the lock")
  func relock() {
    var bench = Bench()
    bench.lockFirst()
    bench.leave(0)
    // The own prepare is refused, but all others prepare: that is the newer quorum.
    #expect(bench.receive(bench.proposal(b, 1)).prepared == [nil])
    bench.receive([0, 1, 2], .prepare, b, 1)
    #expect(bench.judged(b).committed == [b])
    #expect(bench.machine.stored.locked?.round == 1)
    #expect(bench.machine.stored.locked?.root == b)
    bench.leave(1)
    let quorum = bench.votes([0, 1, 2], .prepare, b, 1)
    let effects = bench.receive(bench.proposal(b, 2, validRound: 1, prepares: quorum))
    #expect(effects.prepared == [b])
    #expect(effects.questions.isEmpty)
  }

  @Test("a quorum of prepares for no block does not unlock")
  func nilQuorum() {
    var bench = Bench()
    bench.lockFirst()
    bench.leave(0)
    bench.receive(bench.proposal(b, 1))
    #expect(bench.receive([0, 1], .prepare, nil, 1).committed == [nil])
    bench.leave(1)
    #expect(bench.machine.stored.locked?.root == a)
    #expect(bench.receive(bench.proposal(c, 2)).prepared == [nil])
  }

  @Test("a late quorum of an earlier round for another block does not unlock")
  func lockSafety() {
    var bench = Bench()
    bench.begin()
    bench.receive(bench.proposal(a))
    bench.expire(.propose)
    bench.receive([0, 1], .prepare, nil)
    bench.leave(0)
    bench.receive(bench.proposal(b, 1))
    bench.judged(b)
    bench.receive([0, 1], .prepare, b, 1)
    #expect(bench.machine.stored.locked?.root == b)
    // The quorum for the first block comes to light only now.
    bench.receive([0, 1, 2], .prepare, a)
    #expect(bench.machine.stored.locked?.root == b)
    bench.leave(1)
    let quorum = bench.votes([0, 1, 2], .prepare, a)
    #expect(
      bench.receive(bench.proposal(a, 2, validRound: 0, prepares: quorum)).prepared == [nil])
  }

  @Test("what became valid without being locked is proposed again in the own turn")
  func proposeValidBlock() {
    var bench = Bench(seat: 1)
    bench.begin()
    bench.receive(bench.proposal(a))
    bench.expire(.propose)
    bench.receive([0, 2], .prepare, nil)
    bench.receive([0, 2, 3], .prepare, a)
    bench.judged(a)
    #expect(bench.machine.stored.locked == nil)
    bench.receive([0, 2, 3], .commit, nil)
    let effects = bench.expire(.commit)
    #expect(effects.proposals.map(\.proposal.validRound) == [0])
    #expect(effects.prepared == [a])
  }

  @Test("prepares and proposals of a round above wait for it")
  func ahead() {
    var bench = Bench()
    bench.begin()
    bench.receive(bench.proposal(a, 1))
    #expect(bench.machine.round == 0)
    let effects = bench.receive([0], .prepare, a, 1)
    #expect(bench.machine.round == 1)
    #expect(effects.questions == [.judge(root: a, firstProposedIn: 1)])
    #expect(bench.judged(a).prepared == [a])
    #expect(bench.receive([2], .prepare, a, 1).committed == [a])
  }

  @Test("who is behind is led on by a proposal with its quorum")
  func quorumAhead() {
    var bench = Bench()
    bench.begin()
    let quorum = bench.votes([0, 1, 2], .prepare, a, 5)
    bench.receive(bench.proposal(a, 6, validRound: 5, prepares: quorum))
    #expect(bench.machine.round == 5)
    bench.receive([0], .prepare, a, 6)
    #expect(bench.machine.round == 6)
    #expect(bench.judged(a).prepared == [a])
  }

  @Test("two proposals of one round: the first is voted on, and both convict")
  func proposerEquivocation() throws {
    var bench = Bench()
    bench.begin()
    bench.receive(bench.proposal(a))
    let second = bench.proposal(b)
    let found = try #require(bench.receive(second).equivocations.first)
    #expect(found.seat == 0)
    #expect(found.first == .init(bench.proposal(a)))
    #expect(found.second == .init(second))
    #expect(SeatEquivocation.contradiction(found.first.object, found.second.object) != nil)
    #expect(bench.receive(bench.proposal(c)).equivocations.isEmpty)
    #expect(bench.judged(a).prepared == [a])
  }

  @Test("a proposal that differs in its valid round alone convicts nobody")
  func sameProposal() {
    var bench = Bench()
    bench.begin()
    bench.receive([0, 1], .prepare, nil, 1)
    bench.receive(bench.proposal(a, 1))
    let quorum = bench.votes([0, 1, 2], .prepare, a)
    let again = bench.proposal(a, 1, validRound: 0, prepares: quorum)
    #expect(bench.receive(again).equivocations.isEmpty)
  }

  @Test("two votes of one seat convict, in either phase, and none differs from a block")
  func voteEquivocation() throws {
    for phase in [ConsensusVote.Phase.prepare, .commit] {
      var bench = Bench()
      bench.begin()
      bench.receive([0], phase, a)
      #expect(bench.receive([0], phase, a).equivocations.isEmpty)
      let found = try #require(bench.receive([0], phase, nil).equivocations.first)
      #expect(found.first == .init(bench.vote(0, phase, a)))
      #expect(found.second == .init(bench.vote(0, phase, nil)))
      let place = SeatEquivocation.contradiction(found.first.object, found.second.object)
      #expect(place?.phase == phase)
      #expect(bench.receive([0], phase, b).equivocations.isEmpty)
    }
  }

  @Test("a commit that differs in its timeouts alone, and another round or phase, convict nobody")
  func honestVotes() {
    var bench = Bench()
    bench.begin()
    var effects = bench.receive([bench.vote(0, .commit, a, 1, timedOut: [0x80])])
    effects += bench.receive([0], .commit, a, 1)
    effects += bench.receive([0], .prepare, b, 1)
    effects += bench.receive([0], .commit, b, 2)
    #expect(effects.equivocations.isEmpty)
  }

  @Test("votes that a proposal or a certificate carries convict as well")
  func carriedVotes() {
    var bench = Bench()
    bench.begin()
    bench.receive([0], .prepare, b)
    let prepares = bench.votes([0, 1, 2], .prepare, a)
    let proposal = bench.proposal(a, 1, validRound: 0, prepares: prepares)
    #expect(bench.receive(proposal).equivocations.map(\.seat) == [0])
    bench.receive([1], .commit, b)
    let certificate = CommitCertificate(
      height: 4, round: 0, root: a, commits: bench.votes([0, 1, 2], .commit, a))
    #expect(bench.run { $0.receive(certificate) }.equivocations.map(\.seat) == [1])
  }

  @Test("a vote that contradicts another still counts for its own block")
  func bothCount() {
    var bench = Bench()
    bench.prepareFirst()
    bench.receive([0], .prepare, b)
    bench.receive([0, 1], .prepare, a)
    #expect(bench.machine.stored.locked?.root == a)
  }

  @Test("commits that reached one alone take nobody out of a round that the others stay in")
  func hiddenCommit() throws {
    // Seat 0 is dishonest, and lets seat 3 alone have its commit.
    var ahead = Bench()
    ahead.begin()
    ahead.expire(.propose)
    let relayed = ahead.receive([0, 1, 2], .commit, nil)
    ahead.expire(.commit)
    #expect(ahead.machine.round == 1)
    #expect(ahead.machine.stored.step == .propose)
    var behind = Bench(seat: 1)
    behind.begin()
    behind.expire(.propose)
    behind.receive([0, 2], .prepare, nil)
    #expect(behind.receive([2], .commit, nil).timeouts.isEmpty)
    let commits = try #require(
      relayed.lazy.compactMap { if case .relay(let votes) = $0 { votes } else { nil } }.first)
    #expect(behind.receive(commits).timeouts == [behind.timeout(.commit)])
  }

  @Test("a certificate brings up whoever was away, once the block is there")
  func certificate() {
    var bench = Bench()
    let certificate = CommitCertificate(
      height: 4, round: 40, root: a, commits: bench.votes([0, 1, 2], .commit, a, 40))
    #expect(
      bench.run { $0.receive(certificate) }.questions == [.judge(root: a, firstProposedIn: nil)])
    #expect(bench.judged(a).decision == certificate)
  }

  @Test("a certificate that is none decides nothing")
  func falseCertificate() {
    var bench = Bench(emptySeats: [2])
    let good = CommitCertificate(
      height: 4, round: 1, root: a, commits: bench.votes([0, 1, 3], .commit, a, 1))
    func changed(_ change: (inout CommitCertificate) -> Void) -> CommitCertificate {
      var certificate = good
      change(&certificate)
      return certificate
    }
    let vote = { bench.vote($0, $1, $2, $3) }
    let falsified = [
      changed { $0.height = 5 },
      changed { $0.round = 2 },
      changed { $0.root = b },
      changed { $0.commits.removeLast() },
      changed { $0.commits.reverse() },
      changed { $0.commits[2] = $0.commits[1] },
      changed { $0.commits[2] = vote(2, .commit, Bench.a, 1) },
      changed { $0.commits[2] = vote(3, .commit, nil, 1) },
      changed { $0.commits[2] = vote(3, .commit, Bench.a, 2) },
      changed { $0.commits[2] = vote(3, .prepare, Bench.a, 1) },
      changed { $0.commits[2].vote.epoch = 8 },
      changed { $0.commits[2].vote.height = 5 },
    ]
    for certificate in falsified {
      #expect(bench.run { $0.receive(certificate) }.isEmpty)
      #expect(bench.judged(a).isEmpty)
    }
    #expect(!bench.machine.hasBegun)
    var honest = Bench(seat: 2, emptySeats: [2])
    honest.run { $0.receive(good) }
    #expect(honest.judged(a).decision == good)
  }

  @Test("commits that came after the quorum stand in the decision too")
  func laterCommits() {
    var bench = Bench(seatCount: 7, seat: 6)
    bench.begin()
    bench.receive([0, 1, 2, 3, 4], .commit, a)
    bench.receive([5], .commit, a)
    #expect(bench.judged(a).decision?.commits.map(\.seat) == [0, 1, 2, 3, 4, 5])
  }

  // MARK: - Rounds that timed out

  @Test("a commit names the rounds below it that timed out without a proposal, and no others")
  func timedOut() throws {
    var bench = Bench()
    bench.begin()
    bench.expire(.propose)
    bench.receive([0, 1], .prepare, nil)
    #expect(bench.machine.round == 0)
    bench.leave(0)
    // In round 1 a proposal comes whose block never does; round 2 is skipped.
    bench.receive(bench.proposal(a, 1))
    bench.expire(.propose, 1)
    bench.receive([0, 1], .prepare, nil, 9)
    let commit = try #require(bench.expire(.propose, 9).votes.last)
    #expect(commit.timedOut == [0x80])
    #expect(commit.saysTimedOut(0))
    #expect(!commit.saysTimedOut(1) && !commit.saysTimedOut(9) && !commit.saysTimedOut(1 << 40))
    bench.leave(9)
    bench.expire(.propose, 10)
    let next = try #require(bench.receive([0, 1], .prepare, nil, 10).votes.first)
    #expect(next.timedOut == [0x80, 0x40])
    #expect(next.saysTimedOut(9))
  }

  @Test("rounds from 256 on are not named")
  func manyRounds() throws {
    var bench = Bench()
    bench.begin()
    var effects: [ConsensusEffect] = []
    for round: UInt64 in [255, 256, 300] {
      bench.receive([0, 1], .prepare, nil, round)
      effects += bench.expire(.propose, round)
    }
    let commit = try #require(effects.votes.last)
    #expect(commit.timedOut == [UInt8](repeating: 0, count: 31) + [1])
    #expect(try ConsensusVote(encoded: commit.encoded()) == commit)
  }

  // MARK: - Questions

  @Test("a block is asked for once, also if it is never judged")
  func askedOnce() {
    var bench = Bench()
    bench.begin()
    var effects = bench.receive(bench.proposal(a))
    effects += bench.receive([0, 1, 2], .prepare, a)
    effects += bench.receive([0, 1, 2], .commit, a)
    effects += bench.expire(.propose)
    #expect(effects.questions == [.judge(root: a, firstProposedIn: 0)])
    #expect(bench.judged(a).decision?.root == a)
  }

  @Test("a block of an earlier round is no first proposal of a later one, and no worse for it")
  func oldBlock() {
    var bench = Bench()
    bench.begin()
    bench.receive(bench.proposal(a))
    #expect(bench.judged(a).prepared == [a])
    bench.receive([0, 1], .prepare, nil)
    bench.expire(.prepare)
    bench.leave(0)
    let effects = bench.receive(bench.proposal(a, 1))
    #expect(effects.questions == [.judge(root: a, firstProposedIn: 1)])
    #expect(bench.judged(a, .untimely).prepared == [nil])
    #expect(bench.receive([0, 1, 2], .prepare, a, 1).committed == [a])
  }
}
