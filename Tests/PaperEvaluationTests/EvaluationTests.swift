import PaperEvaluation
import Pairings
import Synchronization
import Testing

@Suite("The evaluation of the paper")
struct EvaluationTests {
  /// A clock that moves on by a millisecond whenever it is read.
  private static func clock() -> @Sendable () -> UInt64 {
    let time = Atomic<UInt64>(0)
    let box = Box(time)
    return { box.time.add(1_000_000, ordering: .relaxed).newValue }
  }

  private final class Box: Sendable {
    let time: Atomic<UInt64>
    init(_ time: consuming Atomic<UInt64>) { self.time = time }
  }

  private static func timing<Suite: PairingSuite>(
    _ suite: Suite.Type, team: Int
  ) throws -> PhaseTiming {
    try SuiteMeasurement(suite).timing(
      team: team, .init(runs: 2, seconds: 0, nanoseconds: clock()))
  }

  /// What the code does, and the formulas of section 6.1 and of a program with one pairing a time.
  @Test("operations are counted, and are the same on every suite", arguments: [1, 2, 3, 5])
  func counts(team n: Int) throws {
    let own = try Self.timing(BLS12381.self, team: n)
    let symmetric = try Self.timing(TypeA160x512.self, team: n)
    for step in SchemeStep.allCases {
      #expect(own[step]?.operations == symmetric[step]?.operations)
    }
    let diagnose = try #require(own[.diagnose]?.operations)
    // Σ_{k < n} (k + 2) in the checks of Eq. (2), and two for the mask and the trapdoor's digest.
    #expect(diagnose.pairings == (n - 1) * (n + 4) / 2 + 2)
    // Each check is one product; and each doctor hashes what all before have signed.
    #expect(diagnose.finalExponentiations == n - 1 + 2)
    #expect(diagnose.hashes == n * (n - 1) / 2 + n + 3)
    // r_k·g1, and three of each doctor but two of the first; Y, and B, D, E of the record.
    #expect(diagnose.generatorMultiplications == n + 1)
    #expect(diagnose.multiplications == 3 * n - 1 + 3)
    let storage = try #require(own[.storage]?.operations)
    #expect(storage.pairings == n + 2 && storage.hashes == n && storage.exponentiations == 0)
    #expect(storage.finalExponentiations == 1)
    let groupKey = try #require(own[.groupKey]?.operations)
    // U_i and V_k; s_i and s_k, of which K is the sum.
    #expect(groupKey.generatorMultiplications == n + 1)
    #expect(groupKey.multiplications == 2 * n)
    #expect(own[.initialization]?.operations.exponentiations == 5 * n + 1)
  }

  @Test("what was measured before is not measured again")
  func resuming() throws {
    let plan = Evaluation.Plan(
      suites: EvaluatedSuite.all.filter { $0.name == TypeA160x512.name }, isQuick: true)
    var kept: [PhaseTiming] = []
    let first = try Evaluation(
      plan, nanoseconds: Self.clock(), known: { _, _ in nil }, keep: { kept.append($0) },
      progress: { _ in })
    #expect(kept.count == 1 && first.timings.count == 1)
    var progress: [String] = []
    let second = try Evaluation(
      plan, nanoseconds: Self.clock(),
      known: { suite, team in
        kept.first { $0.suite == suite && $0.team == team }
      }, keep: { kept.append($0) }, progress: { progress.append($0) })
    #expect(kept.count == 1 && progress.isEmpty && second.timings.count == 1)
  }

  @Test("the paper gives a time for each of its phases at each level, and for nothing else")
  func table6() {
    for step in SchemeStep.allCases {
      #expect(PaperFigures.table6(step)?.count == (step.isPhase ? 3 : nil))
    }
  }
}
