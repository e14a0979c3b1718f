import PaperEvaluation

/// Everything that `bcemr evaluate` found; the JSON of `--json` (docs/command-line.md).
struct EvaluationResult: Encodable {
  let isQuick: Bool
  /// Table 6, Figures 7 and 8, and the operations of Table 4.
  let timings: [PhaseTiming]
  /// Table 3; empty where some suites only were asked for, as are the following.
  var requirements: [RequirementResult] = []
  /// Beside Table 5, by n.
  var traffic: [VisitTraffic] = []
  /// Beside Table 1.
  var ledgerLoad: [LedgerLoad] = []

  /// - Parameter evaluation: the timings.
  init(_ evaluation: Evaluation) {
    (isQuick, timings) = (evaluation.isQuick, evaluation.timings)
  }

  /// Runs what does not depend on the suites.
  mutating func runWhole(progress: (String) -> Void) async throws {
    progress("mounting the attacks of Table 3")
    requirements = try Requirements.run()
    for team in isQuick ? [3] : Array(1...10) {
      progress("measuring what a visit sends, n = \(team)")
      traffic.append(try await VisitTraffic.measure(team: team))
    }
    for (hospitals, visits) in isQuick
      ? [(3, 1), (3, 4), (6, 1)]
      : [(3, 1), (3, 2), (3, 4), (3, 8), (3, 16), (6, 1), (9, 1), (12, 1)]
    {
      progress("measuring the load of the ledger: \(hospitals) hospitals, \(visits) visits each")
      ledgerLoad.append(try await LedgerLoad.measure(hospitals: hospitals, visits: visits))
    }
  }

  /// Tables 1, 3, 4 and 5, as far as there is something to show.
  func tables(_ suites: [EvaluatedSuite]) -> [ResultTable] {
    PlatformTables(load: ledgerLoad).all + RequirementTables(results: requirements).all
      + computationTables(suites) + CommunicationTables(result: self, suites: suites).all
  }

  /// Table 4, by any suite that was measured for teams of 3.
  func computationTables(_ suites: [EvaluatedSuite]) -> [ResultTable] {
    let counted = suites.lazy.compactMap { timing($0, team: 3) }.first
    return counted.map { ComputationTables(timing: $0).all } ?? []
  }

  func timing(_ suite: EvaluatedSuite, team: Int) -> PhaseTiming? {
    timings.first { $0.suite == suite.name && $0.team == team }
  }
}
