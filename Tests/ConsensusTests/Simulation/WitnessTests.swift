import CanonicalEncoding
import Consensus
import Testing

/// The simulation proves as much as its witness sees.
@Suite("The witness of the simulation")
struct WitnessTests {
  private let first = Self.block(0, .zero, time: 10, number: 0)
  private let other = Self.block(0, .zero, time: 10, number: 1)
  private let invalid = Self.block(0, .zero, time: 10, number: 2, keepsRules: false)
  /// Seat 2 is dishonest.
  private var witness = Witness(seatCount: 4, honest: [0, 1, 3], emptySeats: [])

  init() {
    for block in [first, other, invalid] { witness.made(block) }
  }

  private static func block(
    _ height: UInt64, _ parent: Digest32, time: UInt64, number: UInt64, keepsRules: Bool = true
  ) -> SimulatedBlock {
    SimulatedBlock(
      height: height, parent: parent, round: 0, proposer: 2, time: time, convicted: [],
      keepsRules: keepsRules, number: number)
  }

  private func signed(
    _ seat: UInt64, _ phase: ConsensusVote.Phase, _ root: Digest32?, _ round: UInt64,
    _ height: UInt64 = 0, timedOut: [UInt8] = []
  ) -> SignedVote {
    let vote = ConsensusVote(
      genesis: .zero, epoch: 0, height: height, round: round, phase: phase, root: root,
      timedOut: timedOut)
    return SignedVote(vote: vote, seat: seat, signature: [])
  }

  private mutating func propose(
    _ block: SimulatedBlock, _ round: UInt64 = 0, validRound: UInt64? = nil, seat: UInt64 = 2
  ) {
    let proposal = ConsensusProposal(
      genesis: .zero, epoch: 0, height: block.height, round: round, root: block.root,
      validRound: validRound)
    witness.signed(SignedProposal(proposal: proposal, seat: seat, signature: [], prepares: []))
  }

  private mutating func prepare(_ block: SimulatedBlock, _ round: UInt64 = 0, by seats: [UInt64]) {
    let place = Witness.Place(height: block.height, round: round)
    for seat in seats {
      witness.foundTimely(block.root, in: place, at: seat)
      witness.signed(signed(seat, .prepare, block.root, round, block.height))
    }
  }

  private mutating func commit(_ block: SimulatedBlock, _ round: UInt64 = 0, by seats: [UInt64]) {
    for seat in seats { witness.signed(signed(seat, .commit, block.root, round, block.height)) }
  }

  private mutating func decide(_ block: SimulatedBlock, by seats: [UInt64]) {
    let commits = seats.map { signed($0, .commit, block.root, 0, block.height) }
    witness.decided(
      .init(height: block.height, round: 0, root: block.root, commits: commits), at: 0)
  }

  private mutating func agree(on block: SimulatedBlock) {
    propose(block)
    prepare(block, by: [0, 1, 3])
    commit(block, by: [0, 1, 3])
    decide(block, by: [0, 1, 3])
  }

  @Test("has nothing to say of what is right")
  mutating func right() {
    agree(on: first)
    agree(on: Self.block(1, first.root, time: 10, number: 3))
    #expect(witness.fault == "0 prepared an invalid block in Place(height: 1, round: 0)")
    var second = WitnessTests()
    let next = Self.block(1, first.root, time: 10, number: 3)
    second.witness.made(next)
    second.agree(on: first)
    second.agree(on: next)
    #expect(second.witness.fault == nil)
    #expect(second.witness.decisions.count == 2)
  }

  @Test("sees two votes, and two proposals")
  mutating func twice() {
    witness.signed(signed(0, .prepare, nil, 0))
    witness.signed(signed(0, .prepare, nil, 0))
    #expect(witness.fault == nil)
    propose(first)
    prepare(first, by: [0])
    #expect(witness.fault?.contains("voted twice") == true)
    var proposer = WitnessTests()
    proposer.propose(first, seat: 0)
    proposer.propose(first, seat: 0)
    #expect(proposer.witness.fault == nil)
    proposer.propose(other, seat: 0)
    #expect(proposer.witness.fault?.contains("proposed twice") == true)
  }

  @Test("sees who prepares what is invalid, not proposed, not timely or not borne out")
  mutating func prepares() {
    propose(invalid)
    prepare(invalid, by: [0])
    #expect(witness.fault?.contains("invalid block") == true)
    var unproposed = WitnessTests()
    unproposed.prepare(first, by: [0])
    #expect(unproposed.witness.fault?.contains("not proposed") == true)
    var untimely = WitnessTests()
    untimely.propose(first)
    untimely.witness.signed(signed(0, .prepare, first.root, 0))
    #expect(untimely.witness.fault?.contains("not in time") == true)
    var again = WitnessTests()
    again.propose(first, 1, validRound: 0)
    again.witness.signed(signed(0, .prepare, first.root, 1))
    #expect(again.witness.fault?.contains("not proposed") == true)
  }

  @Test("sees a commit that no quorum allows, where an empty seat counts for nothing")
  mutating func commits() {
    propose(first)
    prepare(first, by: [0, 1])
    commit(first, by: [0])
    #expect(witness.fault?.contains("no quorum") == true)
    var empty = WitnessTests()
    empty.witness = Witness(seatCount: 4, honest: [0, 1, 3], emptySeats: [2])
    empty.witness.made(first)
    empty.propose(first)
    empty.prepare(first, by: [0, 1, 2])
    empty.commit(first, by: [0])
    #expect(empty.witness.fault?.contains("no quorum") == true)
  }

  @Test("sees a lock left, or not proposed, without a newer quorum")
  mutating func locks() {
    propose(other)
    prepare(other, by: [0, 1, 2])
    propose(first, 1)
    prepare(first, 1, by: [0, 1, 2])
    commit(first, 1, by: [0])
    #expect(witness.fault == nil)
    var older = self
    older.propose(other, 2, validRound: 0)
    older.prepare(other, 2, by: [0])
    #expect(older.witness.fault?.contains("left its lock") == true)
    var own = self
    own.propose(other, 2, validRound: 0, seat: 0)
    #expect(own.witness.fault?.contains("against its lock") == true)
    prepare(other, 2, by: [2])
    propose(other, 2)
    witness.signed(signed(1, .prepare, other.root, 2))
    #expect(witness.fault?.contains("not in time") == true)
  }

  @Test("sees who claims that a round timed out that did not")
  mutating func timeouts() {
    let timeout = ConsensusTimeout(height: 0, round: 0, step: .propose)
    witness.expired(timeout, at: 0)
    witness.signed(signed(0, .commit, nil, 1, timedOut: [0x80]))
    #expect(witness.fault == nil)
    witness.signed(signed(1, .commit, nil, 1, timedOut: [0x80]))
    #expect(witness.fault?.contains("timed out") == true)
  }

  @Test("sees a decision without a quorum, a second one, and time that goes back")
  mutating func decisions() {
    propose(first)
    prepare(first, by: [0, 1, 3])
    var few = self
    few.decide(first, by: [0, 1])
    #expect(few.witness.fault?.contains("without a quorum of commits") == true)
    var twice = self
    twice.decide(first, by: [0, 1, 1])
    #expect(twice.witness.fault?.contains("without a quorum of commits") == true)
    var unclocked = WitnessTests()
    unclocked.decide(first, by: [0, 1, 2])
    #expect(unclocked.witness.fault?.contains("only 0 clocks") == true)
    decide(first, by: [0, 1, 3])
    #expect(witness.fault == nil)
    var back = self
    let early = Self.block(1, first.root, time: 9, number: 3)
    back.witness.made(early)
    back.agree(on: early)
    #expect(back.witness.fault?.contains("time went back") == true)
    decide(other, by: [0, 1, 3])
    #expect(witness.fault?.contains("another block") == true)
  }

  @Test("sees an honest delegate accused, and a clock asked of a block proposed again")
  mutating func accusations() {
    var book = SignatureBook()
    func found(_ seat: UInt64) -> SeatEquivocation {
      SeatEquivocation(
        seat: seat,
        first: .init(book.sign(signed(seat, .prepare, first.root, 0).vote, by: seat)),
        second: .init(book.sign(signed(seat, .prepare, nil, 0).vote, by: seat)))
    }
    witness.reports(found(2), at: 0, book)
    #expect(witness.fault == nil)
    var forged = self
    var report = found(2)
    report.seat = 3
    forged.witness.reports(report, at: 0, book)
    #expect(forged.witness.fault?.contains("accuses 3") == true)
    witness.reports(found(3), at: 0, book)
    #expect(witness.fault?.contains("accuses 3") == true)
    var clock = WitnessTests()
    clock.propose(first, 1, validRound: 0)
    clock.witness.asksClock(first.root, in: .init(height: 0, round: 1), at: 0)
    #expect(clock.witness.fault?.contains("asks its clock") == true)
  }
}
