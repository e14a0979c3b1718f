import PaperEvaluation
import Pairings
import Testing

@Suite("Table 4")
struct ComputationTests {
  @Test("the paper's formula is the sum of its steps", arguments: 1...10)
  func formula(n: Int) {
    for side in PaperFigures.Side.allCases {
      let steps = PaperFigures.computationSteps(n: n).filter { $0.side == side }
      let total = PaperFigures.computation(.bcEMR, side, n: n, lambda: 0)
      #expect(steps.reduce(0) { $0 + $1.e } == total.e && steps.reduce(0) { $0 + $1.b } == total.b)
    }
  }

  /// What is written beside the table about the differences, as counts. For n = 2 those of Diagnose
  /// would add up to nothing.
  @Test("this system differs where it says so, and nowhere else", arguments: [3, 4, 5])
  func differences(n: Int) throws {
    let timing = try SuiteMeasurement(TypeA160x512.self).timing(
      team: n, .init(runs: 1, seconds: 0, nanoseconds: { 0 }))
    for step in PaperFigures.computationSteps(n: n) {
      let own = timing.operations(step.step, step.side)
      let change = (e: own.exponentiations - step.e, b: own.pairings - step.b)
      #expect((change != (0, 0)) == (step.difference != nil), "\(step.step), \(step.side)")
      switch (step.step, step.side) {
      case (.admission, .patient): #expect(change == (1, 0))
      case (.sharing, .patient): #expect(change == (1, 0))
      case (.initialization, .doctor): #expect(change == (2, 0))
      // The first messages of the proof are five points.
      case (.registration, .doctor): #expect(change == (5, 0))
      // Without Π C_i^i, with Y.
      case (.diagnose, .doctor): #expect(change == (1 - (n - 1), 0))
      case (.sharing, .doctor): #expect(change == (5, -2))
      default: #expect(change == (0, 0))
      }
    }
  }

  @Test("all that a step takes is somebody's", arguments: [1, 3])
  func shares(n: Int) throws {
    let timing = try SuiteMeasurement(BLS12381.self).timing(
      team: n, .init(runs: 1, seconds: 0, nanoseconds: { 0 }))
    for step in SchemeStep.allCases {
      let parts = timing.shares.filter { $0.step == step }
      var sum = OperationCount()
      for part in parts { sum += part.operations }
      #expect(sum == timing[step]?.operations)
    }
    #expect(timing.shares.contains { $0.role == .doctor } == (n > 1))
    #expect(timing.sent.allSatisfy { $0.bytes > 0 && $0.count > 0 })
  }
}
