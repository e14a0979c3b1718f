import CanonicalEncoding
import Consensus
import Testing

@Suite("A delegate that is flooded")
struct MemoryTests {
  private let a = Bench.a

  /// How many values a value holds, to the last.
  private func weight(_ value: Any) -> Int {
    Mirror(reflecting: value).children.reduce(1) { $0 + weight($1.value) }
  }

  /// One dishonest seat sends for so many rounds above, in both phases, for three blocks each, and
  /// proposes where it is its turn.
  private func flood(_ bench: inout Bench, rounds: [UInt64]) {
    for round in rounds {
      for root in [a, Bench.b, Bench.c] {
        bench.receive([0], .prepare, root, round)
        bench.receive([0], .commit, root, round)
        if bench.setting.proposer(ofRound: round) == 0 {
          bench.receive(bench.proposal(root, round))
        }
      }
    }
  }

  @Test("keeps as much of two rounds as of thousands, in whatever order they come")
  func farRounds() {
    var few = Bench()
    few.begin()
    // In both it is its turn.
    flood(&few, rounds: [4, 8])
    let most = weight(few.machine)
    let ascending = (1...4000).map { UInt64($0) }
    for rounds in [ascending, ascending.reversed(), ascending.map { $0 << 19 }] {
      var bench = Bench()
      bench.begin()
      flood(&bench, rounds: rounds)
      #expect(weight(bench.machine) <= most)
      #expect(bench.machine.round == 0)
      // The others go on undisturbed.
      bench.receive([1, 2], .prepare, a, 1)
      #expect(bench.machine.round == 1)
      bench.receive([1, 2], .commit, a, 3)
      bench.receive([0], .commit, a, 3)
      #expect(bench.judged(a).decision?.round == 3)
    }
  }

  @Test("keeps as much of a hundred rounds gone through as of thousands")
  func pastRounds() {
    func weightAfter(_ count: UInt64) -> Int {
      var bench = Bench()
      bench.begin()
      for round in 0..<count {
        for root in [a, Bench.b, Bench.c] {
          bench.receive([0, 1], .prepare, root, round)
          bench.receive([0, 1], .commit, root, round)
        }
        bench.receive(bench.proposal(Digest32(sha256: [UInt8(round % 251)]), round))
        bench.expire(.propose, round)
        bench.expire(.prepare, round)
        bench.expire(.commit, round)
      }
      #expect(bench.machine.round == count)
      return weight(bench.machine)
    }
    #expect(weightAfter(2000) <= weightAfter(100) + 100)
  }

  @Test("still counts commits of the sixteen rounds below, and no older")
  func lateCommits() {
    for (round, isKept) in [(84, true), (83, false)] as [(UInt64, Bool)] {
      var bench = Bench()
      bench.begin()
      bench.receive([1, 2], .prepare, nil, 100)
      #expect(bench.machine.round == 100)
      bench.receive([0, 1, 2], .commit, a, round)
      #expect((bench.judged(a).decision != nil) == isKept)
    }
  }

  @Test("keeps the two highest rounds of each seat")
  func highestRounds() {
    var bench = Bench()
    bench.begin()
    // Round 5 falls out for seat 1 alone.
    for round: UInt64 in [5, 7, 9] { bench.receive([1], .commit, a, round) }
    bench.receive([0], .commit, a, 7)
    #expect(bench.machine.round == 7)
    bench.receive([2], .commit, a, 7)
    #expect(bench.judged(a).decision?.round == 7)
    var other = Bench()
    other.begin()
    for round: UInt64 in [5, 7, 9] { other.receive([1], .commit, a, round) }
    other.receive([0, 2], .commit, a, 5)
    #expect(other.judged(a).decision == nil)
  }
}
