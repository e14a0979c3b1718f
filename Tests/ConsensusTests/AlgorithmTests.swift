import CanonicalEncoding
import Consensus
import Testing

/// Each rule of Algorithm 1 with what has to set it off, and with what must not.
@Suite("Algorithm 1, line by line")
struct AlgorithmTests {
  private let a = Bench.a
  private let b = Bench.b

  // MARK: - Rounds

  @Test("line 10: a height begins once, when there is work")
  func line10() {
    var bench = Bench()
    #expect(!bench.machine.hasBegun)
    #expect(bench.begin() == [.schedule(bench.timeout(.propose))])
    #expect(bench.machine.hasBegun)
    #expect(bench.begin().isEmpty)
  }

  @Test("line 10: a valid message begins it too, and no other does")
  func line10ByMessage() {
    var bench = Bench()
    var foreign = bench.vote(0, .prepare, a)
    foreign.vote.genesis = a
    bench.receive([foreign])
    foreign = bench.vote(0, .prepare, a)
    foreign.vote.epoch += 1
    bench.receive([foreign])
    for height in [bench.setting.height - 1, bench.setting.height + 1] {
      foreign = bench.vote(0, .prepare, a)
      foreign.vote.height = height
      bench.receive([foreign])
    }
    bench.receive([4], .prepare, a)
    bench.receive(bench.proposal(a, seat: 1))
    #expect(!bench.machine.hasBegun)
    bench.receive([2], .commit, nil)
    #expect(bench.machine.hasBegun)
  }

  @Test("line 14: whose turn it is makes a block if none is valid, and nobody else")
  func line14() {
    var bench = Bench(seat: 0)
    #expect(
      bench.begin() == [.propose(round: 0), .schedule(bench.timeout(.propose))])
    var other = Bench(seat: 1)
    #expect(other.begin() == [.schedule(other.timeout(.propose))])
    #expect(other.run { $0.proposed(Bench.a, round: 0) }.isEmpty)
  }

  @Test("line 14: an own block is proposed once, in its round, and prepared unasked")
  func line19() {
    var bench = Bench(seat: 0)
    #expect(bench.run { $0.proposed(Bench.a, round: 0) }.isEmpty)
    bench.begin()
    #expect(bench.run { $0.proposed(Bench.a, round: 4) }.isEmpty)
    let effects = bench.run { $0.proposed(Bench.a, round: 0) }
    #expect(effects.proposals.map(\.proposal) == [bench.proposal(a).proposal])
    #expect(effects.prepared == [a])
    #expect(effects.questions.isEmpty)
    #expect(bench.run { $0.proposed(Bench.b, round: 0) }.isEmpty)
  }

  @Test("line 14: a block that comes when the round has gone on is not proposed")
  func lateBlock() {
    var bench = Bench(seat: 0)
    bench.begin()
    bench.expire(.propose)
    #expect(bench.run { $0.proposed(Bench.a, round: 0) }.isEmpty)
  }

  @Test("line 16: a valid block is proposed again, with the quorum that prepared it")
  func line16() {
    var bench = Bench(seat: 1)
    bench.lockFirst()
    bench.receive([2], .prepare, a)
    bench.receive([0, 2, 3], .commit, nil)
    let effects = bench.expire(.commit)
    #expect(effects.proposals.map(\.proposal) == [bench.proposal(a, 1, validRound: 0).proposal])
    #expect(effects.proposals.first?.prepares.map(\.seat) == [0, 1, 2])
    #expect(effects.prepared == [a])
    #expect(!effects.contains(.propose(round: 1)))
  }

  // MARK: - Prepares

  @Test("line 22: a block proposed for the first time is prepared if it is valid and timely")
  func line22() {
    var bench = Bench()
    bench.begin()
    #expect(bench.receive(bench.proposal(a)) == [.judge(root: a, firstProposedIn: 0)])
    #expect(bench.judged(a).prepared == [a])
  }

  @Test("line 22: else nothing is prepared", arguments: [false, true])
  func line22Refused(isInvalid: Bool) {
    var bench = Bench()
    bench.begin()
    bench.receive(bench.proposal(a))
    #expect(bench.judged(b).isEmpty)
    #expect(bench.judged(a, isInvalid ? .invalid : .untimely).prepared == [nil])
  }

  @Test("line 22: only what the seat proposes whose turn it is, and only in this round")
  func line22Foreign() {
    var bench = Bench()
    bench.begin()
    for seat: UInt64 in [1, 2, 3, 4] { bench.receive(bench.proposal(a, seat: seat)) }
    bench.receive(bench.proposal(a, 4))
    bench.judged(a)
    #expect(bench.machine.stored.step == .propose)
    bench.receive(bench.proposal(b))
    #expect(bench.judged(b).prepared == [b])
  }

  @Test("line 22: who is locked prepares the same block, and no other")
  func line22Locked() {
    var bench = Bench()
    bench.lockFirst()
    bench.leave(0)
    let other = bench.receive(bench.proposal(b, 1))
    #expect(other.prepared == [nil])
    #expect(other.questions.isEmpty)
    bench.receive([0, 1], .prepare, nil, 1)
    bench.leave(1)
    #expect(bench.machine.round == 2)
    bench.receive(bench.proposal(a, 2))
    #expect(bench.judged(a).prepared == [a])
  }

  @Test("line 28: a block proposed again is prepared by who is not locked, and no clock is asked")
  func line28() {
    var bench = Bench()
    bench.begin()
    bench.expire(.propose)
    bench.receive([0, 1], .prepare, nil)
    bench.leave(0)
    let quorum = bench.votes([0, 1, 2], .prepare, a)
    let effects = bench.receive(bench.proposal(a, 1, validRound: 0, prepares: quorum))
    #expect(effects.questions == [.judge(root: a, firstProposedIn: nil)])
    #expect(bench.judged(a).prepared == [a])
  }

  @Test("line 28: an answer by the clock does not stand against a block proposed again")
  func line28Untimely() {
    var bench = Bench()
    bench.begin()
    bench.receive(bench.proposal(a))
    bench.judged(a, .untimely)
    bench.receive([0, 1], .prepare, nil)
    bench.leave(0)
    let quorum = bench.votes([0, 1, 2], .prepare, a)
    let effects = bench.receive(bench.proposal(a, 1, validRound: 0, prepares: quorum))
    #expect(effects.questions == [.judge(root: a, firstProposedIn: nil)])
    #expect(bench.judged(a, .untimely).isEmpty)
    #expect(bench.judged(a).prepared == [a])
  }

  @Test(
    "line 28: who is locked lets go for a quorum of the same round or a newer, not for an older",
    arguments: [0, 1, 2] as [UInt64])
  func line28Locked(validRound: UInt64) {
    var bench = Bench()
    bench.begin()
    bench.expire(.propose)
    bench.receive([0, 1], .prepare, nil)
    bench.leave(0)
    bench.receive(bench.proposal(a, 1))
    bench.judged(a)
    bench.receive([0, 1], .prepare, a, 1)
    #expect(bench.machine.stored.locked?.round == 1)
    bench.leave(1)
    bench.expire(.propose, 2)
    bench.receive([0, 1], .prepare, nil, 2)
    bench.leave(2)
    bench.expire(.propose, 3)
    bench.receive([0, 1], .prepare, nil, 3)
    bench.leave(3)
    let quorum = bench.votes([0, 1, 2], .prepare, b, validRound)
    let proposal = bench.proposal(b, 4, validRound: validRound, prepares: quorum)
    var effects = bench.receive(proposal)
    effects += bench.judged(b)
    #expect(effects.prepared == (validRound < 1 ? [nil] : [b]))
  }

  @Test("line 28: a quorum that is none allows nothing")
  func line28WithoutQuorum() {
    var bench = Bench(seatCount: 7, seat: 6, emptySeats: [5])
    bench.begin()
    bench.expire(.propose)
    bench.receive([0, 1, 2, 3, 4], .commit, nil)
    bench.expire(.commit)
    #expect(bench.machine.round == 1)
    let quorum = bench.votes([0, 1, 2, 3, 4], .prepare, a)
    let unfit: [[SignedVote]] = [
      [],
      Array(quorum.dropLast()),
      quorum.dropLast() + quorum.prefix(1),
      Array(quorum.reversed()),
      quorum.dropLast() + bench.votes([5], .prepare, a),
      quorum.dropLast() + bench.votes([6], .prepare, b),
      quorum.dropLast() + bench.votes([6], .prepare, nil),
      quorum.dropLast() + bench.votes([6], .commit, a),
      quorum.dropLast() + bench.votes([6], .prepare, a, 1),
      quorum.dropLast() + bench.votes([7], .prepare, a),
    ]
    for prepares in unfit {
      let proposal = bench.proposal(a, 1, validRound: 0, prepares: prepares)
      #expect(bench.receive(proposal).isEmpty)
    }
    let late = bench.votes([0, 1, 2, 3, 4], .prepare, a, 1)
    #expect(bench.receive(bench.proposal(a, 1, validRound: 1, prepares: late)).isEmpty)
    #expect(bench.receive(bench.proposal(a, 1, prepares: quorum)).isEmpty)
    let proposal = bench.proposal(a, 1, validRound: 0, prepares: quorum)
    #expect(bench.receive(proposal).questions == [.judge(root: a, firstProposedIn: nil)])
  }

  // MARK: - Commits

  @Test("line 34: a quorum of prepares for whatever starts the prepare timeout, once")
  func line34() {
    var bench = Bench()
    bench.begin()
    #expect(bench.receive([0, 1, 2], .prepare, a).timeouts.isEmpty)
    #expect(bench.expire(.propose).timeouts == [bench.timeout(.prepare)])
    var second = Bench()
    second.prepareFirst()
    #expect(second.receive([0], .prepare, nil).timeouts.isEmpty)
    #expect(second.receive([0], .prepare, nil).timeouts.isEmpty)
    #expect(second.receive([1], .prepare, b, 1).timeouts.isEmpty)
    #expect(second.receive([1], .commit, b).timeouts.isEmpty)
    #expect(second.receive([1], .prepare, b).timeouts == [second.timeout(.prepare)])
    #expect(second.receive([2], .prepare, a).timeouts.isEmpty)
  }

  @Test("line 36: a quorum of prepares locks a valid block, and it is committed")
  func line36() {
    var bench = Bench()
    bench.prepareFirst()
    #expect(bench.receive([0], .prepare, a).committed.isEmpty)
    #expect(bench.machine.stored.locked == nil)
    let effects = bench.receive([2], .prepare, a)
    #expect(effects.committed == [a])
    #expect(effects.contains(.relay(bench.votes([0, 2, 3], .prepare, a))))
    #expect(bench.machine.stored.locked?.root == a)
    #expect(bench.machine.stored.locked?.round == 0)
    #expect(bench.machine.stored.valid?.prepares.map(\.seat) == [0, 2, 3])
  }

  @Test("line 36: prepares of other rounds, phases, blocks and of one seat twice are no quorum")
  func line36WithoutQuorum() {
    var bench = Bench()
    bench.prepareFirst()
    bench.receive([0], .prepare, a)
    bench.receive([0], .prepare, a)
    bench.receive([1], .prepare, a, 1)
    bench.receive([1], .prepare, b)
    bench.receive([2], .commit, a)
    #expect(bench.machine.stored.step == .prepare)
    #expect(bench.machine.stored.valid == nil)
  }

  @Test("line 36: nothing is locked that is not judged valid", arguments: [false, true])
  func line36Unjudged(isInvalid: Bool) {
    var bench = Bench()
    bench.begin()
    bench.receive(bench.proposal(a))
    bench.expire(.propose)
    #expect(bench.receive([0, 1, 2], .prepare, a).committed.isEmpty)
    #expect(bench.machine.stored.locked == nil)
    if isInvalid {
      #expect(bench.judged(a, .invalid).committed.isEmpty)
      #expect(bench.machine.stored.locked == nil)
    } else {
      #expect(bench.judged(a).committed == [a])
      #expect(bench.machine.stored.locked?.root == a)
    }
  }

  @Test("line 36: an untimely block that a quorum prepared is asked about again, and locked")
  func line36Untimely() {
    var bench = Bench()
    bench.begin()
    bench.receive(bench.proposal(a))
    #expect(bench.judged(a, .untimely).prepared == [nil])
    let effects = bench.receive([0, 1, 2], .prepare, a)
    #expect(effects.questions == [.judge(root: a, firstProposedIn: nil)])
    #expect(bench.judged(a).committed == [a])
  }

  @Test("line 36: after the own commit, a quorum still makes a block valid, but locks nothing")
  func line42() {
    var bench = Bench()
    bench.begin()
    bench.receive(bench.proposal(a))
    bench.expire(.propose)
    bench.receive([0, 1], .prepare, nil)
    #expect(bench.machine.stored.step == .commit)
    bench.receive([0, 1, 2], .prepare, a)
    let effects = bench.judged(a)
    #expect(effects.committed.isEmpty)
    #expect(effects.contains(.relay(bench.votes([0, 1, 2], .prepare, a))))
    #expect(bench.machine.stored.locked == nil)
    #expect(bench.machine.stored.valid?.root == a)
  }

  @Test("line 36: before the own prepare nothing is locked, but the block is asked for")
  func line36Early() {
    var bench = Bench()
    bench.begin()
    let effects = bench.receive([0, 1, 2], .prepare, a)
    #expect(effects == [.judge(root: a, firstProposedIn: nil)])
    #expect(bench.judged(a).isEmpty)
    #expect(bench.machine.stored.valid == nil)
    // The own prepare is for nothing, the lock stands all the same.
    let late = bench.expire(.propose)
    #expect(late.prepared == [nil])
    #expect(late.committed == [a])
  }

  @Test("line 44: a quorum of prepares for no block commits to none")
  func line44() {
    var bench = Bench()
    bench.begin()
    bench.receive([0, 1, 2], .prepare, nil)
    #expect(bench.machine.stored.step == .propose)
    #expect(bench.expire(.propose).committed == [nil])
    var mixed = Bench()
    mixed.prepareFirst()
    mixed.receive([0, 1], .prepare, nil)
    #expect(mixed.machine.stored.step == .prepare)
    #expect(mixed.receive([2], .prepare, nil).committed == [nil])
  }

  @Test("line 47: a quorum of commits for whatever starts the commit timeout, once, in any step")
  func line47() {
    var bench = Bench()
    bench.begin()
    #expect(bench.receive([0, 0], .commit, a).timeouts.isEmpty)
    #expect(bench.receive([1], .prepare, a).timeouts.isEmpty)
    #expect(bench.receive([1], .commit, nil).timeouts.isEmpty)
    let quorum = [
      bench.vote(0, .commit, a), bench.vote(1, .commit, nil), bench.vote(2, .commit, b),
    ]
    #expect(
      bench.receive([2], .commit, b) == [.relay(quorum), .schedule(bench.timeout(.commit))])
    #expect(bench.receive([1], .commit, b).timeouts.isEmpty)
  }

  // MARK: - Decisions

  @Test("line 49: a quorum of commits decides a valid block, and nothing follows")
  func line49() throws {
    var bench = Bench()
    bench.lockFirst()
    #expect(bench.receive([0], .commit, a).decision == nil)
    let effects = bench.receive([2], .commit, a)
    let decision = try #require(effects.decision)
    #expect(effects.last == .decide(decision))
    #expect(decision.round == 0)
    #expect(decision.root == a)
    #expect(decision.commits.map(\.seat) == [0, 2, 3])
    #expect(bench.machine.decision == decision)
    #expect(bench.receive([1], .commit, a).isEmpty)
    #expect(bench.expire(.commit).isEmpty)
    #expect(bench.receive([0, 1, 2], .prepare, nil, 5).isEmpty)
    #expect(bench.begin().isEmpty)
  }

  @Test("line 49: commits of different rounds or blocks, for none, or prepares decide nothing")
  func line49WithoutQuorum() {
    var bench = Bench()
    bench.lockFirst()
    bench.receive([0], .commit, a)
    #expect(bench.receive([1], .commit, a, 1).decision == nil)
    #expect(bench.receive([2], .commit, b).decision == nil)
    #expect(bench.receive([2], .prepare, a).decision == nil)
    var nothing = Bench()
    nothing.begin()
    #expect(nothing.receive([0, 1, 2], .commit, nil).decision == nil)
    #expect(nothing.judged(.zero).decision == nil)
  }

  @Test("line 49: without its proposal a block is asked for, and decided once it is judged valid")
  func line49Unknown() {
    var bench = Bench()
    bench.begin()
    let effects = bench.receive([0, 1, 2], .commit, a)
    #expect(effects.questions == [.judge(root: a, firstProposedIn: nil)])
    #expect(effects.decision == nil)
    #expect(bench.judged(a).decision?.commits.count == 3)
  }

  @Test("line 49: an invalid block is never decided")
  func line49Invalid() {
    var bench = Bench()
    bench.begin()
    bench.receive([0, 1, 2], .commit, a)
    #expect(bench.judged(a, .invalid).decision == nil)
    #expect(bench.receive([0, 1, 2], .commit, a, 1).decision == nil)
    #expect(bench.judged(a).decision == nil)
  }

  @Test("line 49: commits of a round below and of a round above decide as well")
  func line49OtherRounds() {
    var bench = Bench()
    bench.lockFirst()
    bench.leave(0)
    #expect(bench.machine.round == 1)
    #expect(bench.receive([0, 2], .commit, a).decision?.round == 0)
    var ahead = Bench()
    ahead.begin()
    ahead.receive([0, 1, 2], .commit, a, 9)
    #expect(ahead.judged(a).decision?.round == 9)
  }

  // MARK: - Skipping

  @Test("line 55: more than a third of the seats above lead to their round, and not fewer")
  func line55() {
    var bench = Bench(seatCount: 7, seat: 6)
    bench.begin()
    #expect(bench.receive([0, 1, 0, 1], .prepare, a, 2).isEmpty)
    #expect(bench.receive([2, 3, 4], .prepare, a, 0).timeouts.isEmpty)
    #expect(bench.machine.round == 0)
    #expect(bench.receive([2], .commit, nil, 2).timeouts == [bench.timeout(.propose, 2)])
    #expect(bench.machine.round == 2)
  }

  @Test("line 55: the round is the highest that one honest seat has reached for certain")
  func line55Highest() {
    var bench = Bench()
    bench.begin()
    bench.receive([0], .prepare, a, 90)
    bench.receive([1], .prepare, a, 5)
    #expect(bench.machine.round == 5)
    bench.receive([2], .prepare, a, 70)
    #expect(bench.machine.round == 70)
  }

  @Test("line 55: a proposal counts, an empty seat does not")
  func line55Proposal() {
    var bench = Bench(emptySeats: [0])
    bench.begin()
    bench.receive([0, 1], .prepare, a, 2)
    #expect(bench.machine.round == 0)
    bench.receive(bench.proposal(a, 2))
    #expect(bench.machine.round == 2)
    #expect(bench.machine.stored.step == .propose)
  }

  // MARK: - Timeouts

  @Test("line 57: the propose timeout prepares nothing, in its own round and step")
  func line57() {
    var bench = Bench()
    bench.begin()
    #expect(bench.expire(.propose, 1).isEmpty)
    let foreign = ConsensusTimeout(height: 5, round: 0, step: .propose)
    #expect(bench.run { $0.expire(foreign) }.isEmpty)
    #expect(bench.expire(.propose).prepared == [nil])
    #expect(bench.expire(.propose).isEmpty)
  }

  @Test("line 61: the prepare timeout commits to nothing, in its own round and step")
  func line61() {
    var bench = Bench()
    bench.begin()
    #expect(bench.expire(.prepare).isEmpty)
    bench.expire(.propose)
    #expect(bench.expire(.prepare, 1).isEmpty)
    #expect(bench.expire(.prepare).committed == [nil])
    #expect(bench.expire(.prepare).isEmpty)
  }

  @Test("line 65: the commit timeout starts the next round, from its own alone")
  func line65() {
    var bench = Bench()
    bench.begin()
    #expect(bench.expire(.commit, 1).isEmpty)
    #expect(bench.expire(.commit).timeouts == [bench.timeout(.propose, 1)])
    #expect(bench.machine.round == 1)
    #expect(bench.expire(.commit).isEmpty)
  }

  @Test("no message and no timeout leads above the last round")
  func lastRound() {
    var bench = Bench()
    bench.begin()
    let last = ConsensusLimits.round
    #expect(bench.receive([0, 1], .prepare, nil, last + 1).isEmpty)
    #expect(bench.receive(bench.proposal(a, last + 1)).isEmpty)
    bench.receive([0, 1], .prepare, nil, last)
    #expect(bench.machine.round == last)
    #expect(bench.expire(.commit, last).isEmpty)
    #expect(bench.machine.round == last)
    #expect(bench.timeout(.propose, last).milliseconds() == 1000 + 500 * last)
    #expect(bench.timeout(.propose, last).milliseconds(growth: .max) == .max)
    #expect(bench.timeout(.propose, 1).milliseconds(base: .max, growth: 1) == .max)
  }

  // MARK: - Counting

  @Test(
    "a quorum is more than two thirds of the seats, and more than a third has an honest one",
    arguments: [(1, 1, 1), (3, 3, 2), (4, 3, 2), (6, 5, 3), (7, 5, 3), (10, 7, 4), (400, 267, 134)])
  func quorums(seatCount: Int, quorum: Int, third: Int) {
    let setting = ConsensusMachine.Setting(
      genesis: .zero, epoch: 0, height: 0, seatCount: seatCount, emptySeats: [], seat: nil)
    #expect(setting.isQuorum(quorum) && !setting.isQuorum(quorum - 1))
    #expect(setting.hasHonestSeat(third) && !setting.hasHonestSeat(third - 1))
  }

  @Test("turns go round, whatever the height")
  func turns() {
    for height in [0, 5, UInt64.max] {
      let setting = ConsensusMachine.Setting(
        genesis: .zero, epoch: 0, height: height, seatCount: 7, emptySeats: [], seat: nil)
      let turns = (0..<7).map { setting.proposer(ofRound: $0) }
      #expect(Set(turns) == Set(0..<7))
      #expect(turns.first == height % 7)
    }
  }

  @Test("votes and proposals of empty seats count for nothing, and M counts the seats")
  func emptySeats() {
    var bench = Bench(emptySeats: [0])
    bench.begin()
    #expect(bench.receive(bench.proposal(a)).isEmpty)
    bench.expire(.propose)
    bench.receive([0, 1], .prepare, nil)
    #expect(bench.machine.stored.step == .prepare)
    #expect(bench.receive([2], .prepare, nil).committed == [nil])
    #expect(bench.receive([0, 1], .commit, a).isEmpty)
  }

  @Test("who has no seat, or an empty one, says nothing and decides like everybody")
  func watching() {
    for bench in [Bench(seat: nil), Bench(seat: 0, emptySeats: [0]), Bench(seat: 9)] {
      var bench = bench
      var effects = bench.begin()
      effects += bench.run { $0.proposed(Bench.a, round: 0) }
      effects += bench.expire(.propose)
      effects += bench.receive([1, 2, 3], .prepare, a)
      effects += bench.judged(a)
      #expect(effects.votes.isEmpty && effects.proposals.isEmpty)
      #expect(bench.receive([1, 2, 3], .commit, a).decision?.root == a)
    }
  }
}
