import PaperEvaluation

/// Table 4, and what this system does instead.
struct ComputationTables {
  /// Of any suite: the operations are the same on all.
  let timing: PhaseTiming

  var all: [ResultTable] { [formulas, steps] }

  /// The paper's own size for its comparison.
  private static let lambda = 1000

  private var formulas: ResultTable {
    let n = timing.team
    let paper = PaperFigures.ComparedScheme.allCases.map { scheme in
      let sides = PaperFigures.Side.allCases.map {
        PaperFigures.computation(scheme, $0, n: n, lambda: Self.lambda)
      }
      return [scheme.rawValue] + sides.flatMap { ["\($0.m)", "\($0.e)", "\($0.b)", "–", "–"] }
    }
    let own = PaperFigures.Side.allCases.flatMap { side in
      let count = total(side)
      return [
        "0", "\(count.exponentiations)", "\(count.pairings)", "\(count.finalExponentiations)",
        "\(count.hashes)",
      ]
    }
    let columns = ["m", "e", "b", "final", "hash"]
    return ResultTable(
      number: "Table 4",
      caption: "operations of the patient (P) and of the last and the other doctor (D), n = \(n), "
        + "λ = \(Self.lambda): by the paper's formulas, and counted here in all steps",
      columns: ["scheme"] + columns.map { "P: \($0)" } + columns.map { "D: \($0)" },
      rows: paper + [["counted here"] + own],
      notes: [
        "The paper leaves out hashes to the group and exponentiations in the target group. 'final' "
          + "counts final exponentiations: many pairings share one."
      ])
  }

  private func total(_ side: PaperFigures.Side) -> OperationCount {
    SchemeStep.allCases.reduce(into: OperationCount()) { $0 += timing.operations($1, side) }
  }

  private var steps: ResultTable {
    let n = timing.team
    let steps = PaperFigures.computationSteps(n: n)
    return ResultTable(
      number: "Table 4, step by step",
      caption: "where BC-EMR's formulas come from, and what is counted here, n = \(n)",
      columns: ["side", "step", "the paper's", "e", "b", "here: e", "here: b"],
      rows: steps.map { step in
        let own = timing.operations(step.step, step.side)
        return [
          step.side.rawValue, step.step.title, step.what, "\(step.e)", "\(step.b)",
          "\(own.exponentiations)", "\(own.pairings)",
        ]
      }, leading: 3,
      notes: steps.compactMap { step in
        step.difference.map { "\(step.side.rawValue), \(step.step.title): \($0)." }
      })
  }
}
