/// Timings of all suites and team sizes, as `bcemr evaluate` makes and keeps them.
public struct Evaluation: Sendable {
  public let isQuick: Bool
  /// By suite, in the order of ``EvaluatedSuite/all``, and then by n.
  public private(set) var timings: [PhaseTiming]

  /// What is measured, in this order.
  public struct Plan: Sendable {
    public let suites: [EvaluatedSuite]
    public let teams: [Int]
    public let isQuick: Bool
    /// Runs of a visit, at most, and the seconds after which no further one begins.
    let runs: Int
    let seconds: Double

    /// - Parameter isQuick: n = 3 alone, and seconds for each suite; else n = 1…10 and 100 runs where
    ///   they take less than half a minute.
    public init(suites: [EvaluatedSuite] = EvaluatedSuite.all, isQuick: Bool) {
      self.suites = suites
      self.isQuick = isQuick
      teams = isQuick ? [3] : Array(1...10)
      (runs, seconds) = isQuick ? (20, 4) : (100, 30)
    }
  }

  /// - Parameters:
  ///   - nanoseconds: a monotone clock.
  ///   - known: what an earlier run has measured, or nil.
  ///   - keep: called with each new measurement, before the next one begins.
  public init(
    _ plan: Plan, nanoseconds: @escaping @Sendable () -> UInt64,
    known: (_ suite: String, _ team: Int) throws -> PhaseTiming?,
    keep: (PhaseTiming) throws -> Void, progress: (String) -> Void
  ) throws {
    isQuick = plan.isQuick
    timings = []
    for suite in plan.suites {
      for team in plan.teams {
        if let timing = try known(suite.name, team) {
          timings.append(timing)
          continue
        }
        progress("measuring \(suite.name), n = \(team)")
        let timing = try suite.measurement.timing(
          team: team,
          .init(runs: plan.runs, seconds: plan.seconds, nanoseconds: nanoseconds))
        try keep(timing)
        timings.append(timing)
      }
    }
  }
}
