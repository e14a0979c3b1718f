import CanonicalEncoding
import Consensus
import Testing

@Suite("A delegate that starts again")
struct RestartTests {
  private let a = Bench.a
  private let b = Bench.b

  @Test("says again what it said, and only that, at whatever point it stopped")
  func repeats() throws {
    // Of the seat whose turn round 0 is, so that there is a proposal too.
    let inputs: [(inout Bench) -> [ConsensusEffect]] = [
      { $0.begin() },
      { $0.run { $0.proposed(Bench.a, round: 0) } },
      { $0.receive([1, 2], .prepare, Bench.a) },
      { $0.receive([1, 2], .commit, nil) },
      { $0.expire(.commit) },
      { $0.expire(.propose, 1) },
      { $0.receive([1, 2], .prepare, nil, 1) },
    ]
    for count in 1...inputs.count {
      var bench = Bench(seat: 0)
      let before = inputs.prefix(count).flatMap { $0(&bench) }
      let stored = bench.machine.stored
      try bench.restart()
      let after = bench.begin()
      #expect(after.votes == before.votes)
      for (proposal, _) in after.proposals {
        #expect(before.proposals.contains { $0.proposal == proposal })
      }
      #expect(bench.machine.stored == stored)
      #expect(bench.begin().isEmpty)
    }
  }

  @Test("proposes the block that it had signed, and waits for no other")
  func proposal() throws {
    var bench = Bench(seat: 0)
    bench.begin()
    let proposal = bench.machine.proposed(a, round: 0).proposals.map(\.proposal)
    try bench.restart()
    let effects = bench.begin()
    #expect(effects.proposals.map(\.proposal) == proposal)
    #expect(!effects.contains(.propose(round: 0)))
    #expect(bench.run { $0.proposed(Bench.b, round: 0) }.isEmpty)
    // The clock may have gone on in the meantime.
    #expect(effects.questions == [.judge(root: a, firstProposedIn: 0)])
    #expect(bench.judged(a, .untimely).prepared == [nil])
  }

  @Test("asks for a block again if it had none, and has its timeout")
  func proposing() throws {
    var bench = Bench(seat: 0)
    bench.begin()
    try bench.restart()
    #expect(bench.begin() == [.propose(round: 0), .schedule(bench.timeout(.propose))])
  }

  @Test("proposes again what was valid, with its quorum")
  func validBlock() throws {
    var bench = Bench(seat: 1)
    bench.lockFirst()
    bench.receive([2], .prepare, a)
    bench.receive([0, 2, 3], .commit, nil)
    let before = bench.machine.expire(bench.timeout(.commit)).proposals
    try bench.restart()
    let after = bench.begin().proposals
    #expect(after.map(\.proposal) == before.map(\.proposal))
    #expect(after.map(\.prepares) == before.map(\.prepares))
    #expect(after.first?.proposal.validRound == 0)
  }

  @Test("keeps its lock")
  func lock() throws {
    var bench = Bench()
    bench.lockFirst()
    try bench.restart()
    bench.begin()
    #expect(bench.machine.stored.locked?.root == a)
    bench.leave(0)
    try bench.restart()
    bench.begin()
    #expect(bench.receive(bench.proposal(b, 1)).prepared == [nil])
  }

  @Test("keeps the quorum that it has shown, whichever votes come first")
  func sameQuorum() throws {
    var bench = Bench()
    bench.prepareFirst()
    bench.receive([0, 1], .prepare, a)
    let stored = bench.machine.stored
    #expect(stored.valid?.prepares.map(\.seat) == [0, 1, 3])
    try bench.restart()
    bench.begin()
    bench.receive([1, 2], .prepare, a)
    let effects = bench.judged(a)
    #expect(effects.contains(.relay(stored.valid?.prepares ?? [])))
    #expect(bench.machine.stored == stored)
  }

  @Test("does not prepare a second time, with whatever it hears first")
  func secondPrepare() throws {
    var bench = Bench()
    bench.begin()
    bench.expire(.propose)
    try bench.restart()
    var effects = bench.receive(bench.proposal(a))
    effects += bench.judged(a)
    #expect(effects.prepared == [nil])
  }

  @Test("counts its own votes again, and those of others when they come again")
  func tally() throws {
    var bench = Bench()
    bench.prepareFirst()
    try bench.restart()
    bench.begin()
    bench.receive([0, 1], .prepare, a)
    #expect(bench.judged(a).committed == [a])
  }

  @Test("names the same rounds that timed out")
  func timedOut() throws {
    var bench = Bench()
    bench.begin()
    bench.expire(.propose)
    try bench.restart()
    bench.receive([0, 1], .prepare, nil)
    bench.leave(0)
    try bench.restart()
    bench.begin()
    bench.expire(.propose, 1)
    let commit = try #require(bench.receive([0, 1], .prepare, nil, 1).votes.first)
    #expect(commit.timedOut == [0x80])
  }

  @Test("is not told by what it stored of a lower height")
  func lowerHeight() {
    var old = Bench()
    old.lockFirst()
    let setting = ConsensusMachine.Setting(
      genesis: .zero, epoch: 7, height: 5, seatCount: 4, emptySeats: [], seat: 3)
    let machine = ConsensusMachine(setting, restoring: old.machine.stored)
    #expect(!machine.hasBegun)
    #expect(machine.stored == ConsensusMachine(setting).stored)
  }

  @Test("says nothing if it stored something of a higher height")
  func higherHeight() {
    var old = Bench()
    old.begin()
    let setting = ConsensusMachine.Setting(
      genesis: .zero, epoch: 7, height: 3, seatCount: 4, emptySeats: [], seat: 3)
    var machine = ConsensusMachine(setting, restoring: old.machine.stored)
    _ = machine.begin()
    let timeout = ConsensusTimeout(height: 3, round: 0, step: .propose)
    #expect(machine.expire(timeout).votes.isEmpty)
  }

  @Test("says nothing more when a message of its own seat comes that it knows nothing of")
  func olderCopy() throws {
    for round: UInt64 in [0, 3] {
      var bench = Bench()
      bench.receive([3], .prepare, b, round)
      #expect(bench.machine.stored.isSilenced)
      try bench.restart()
      bench.begin()
      #expect(bench.expire(.propose).votes.isEmpty)
    }
    var proposer = Bench()
    proposer.begin()
    proposer.receive(proposer.proposal(a, 3))
    #expect(proposer.machine.stored.isSilenced)
    var carried = Bench()
    let quorum = carried.votes([0, 1, 3], .prepare, a)
    carried.receive(carried.proposal(a, 1, validRound: 0, prepares: quorum))
    #expect(carried.machine.stored.isSilenced)
  }

  @Test("is not silenced by what it said itself, in this round or one before")
  func ownMessages() {
    var bench = Bench()
    bench.lockFirst()
    bench.receive([3], .prepare, a)
    bench.receive([3], .commit, a)
    bench.leave(0)
    bench.receive([3], .prepare, a)
    bench.receive([3], .commit, b)
    #expect(!bench.machine.stored.isSilenced)
  }

  @Test("cannot be told by damaged bytes")
  func damaged() throws {
    var bench = Bench()
    bench.lockFirst()
    let bytes = bench.machine.stored.encodedSequence()
    #expect(try StoredConsensus(sequence: bytes) == bench.machine.stored)
    for count in bytes.indices {
      #expect(throws: DecodingFailure.self) {
        try StoredConsensus(sequence: Array(bytes[..<count]))
      }
    }
    #expect(throws: DecodingFailure.self) { try StoredConsensus(sequence: bytes + [0]) }
  }
}
