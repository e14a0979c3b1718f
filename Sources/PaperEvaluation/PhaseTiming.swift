public import Pairings
import Synchronization

/// How long the steps take for one suite and team.
public struct PhaseTiming: Codable, Sendable {
  public struct Step: Codable, Sendable {
    public let step: SchemeStep
    public let medianMs: Double
    public let minMs: Double
    /// The median of the distances from the median.
    public let spreadMs: Double
    /// The least time spent in the groups alone; 0 where it was not recorded.
    public let groupMs: Double
    public let operations: OperationCount
  }

  public let suite: String
  /// n.
  public let team: Int
  public let runs: Int
  /// With the points in memory, as the paper's program.
  public let inMemory: [Step]
  /// With every point encoded, decoded and checked, as on a network.
  public let encoded: [Step]

  public subscript(step: SchemeStep) -> Step? { inMemory.first { $0.step == step } }
}

/// Measures the scheme on a suite.
public struct SuiteMeasurement: Sendable {
  public let suite: String
  private let measureInMemory: @Sendable (Int, Sampling) throws -> (Int, [PhaseTiming.Step])
  private let measureEncoded: @Sendable (Int, Sampling) throws -> (Int, [PhaseTiming.Step])

  /// How often a visit is run.
  public struct Sampling: Sendable {
    public let runs: Int
    /// After this time no further run begins, once there were three.
    public let seconds: Double
    /// A monotone clock.
    public let nanoseconds: @Sendable () -> UInt64

    public init(runs: Int, seconds: Double, nanoseconds: @escaping @Sendable () -> UInt64) {
      (self.runs, self.seconds, self.nanoseconds) = (runs, seconds, nanoseconds)
    }
  }

  public init<Suite: PairingSuite>(_ suite: Suite.Type) {
    self.suite = Suite.name
    measureInMemory = { try Self.measure(InMemorySuite<Suite>.self, team: $0, $1) }
    measureEncoded = { try Self.measure(Suite.self, team: $0, $1) }
  }

  /// One measurement at a time: they would disturb each other, and count into each other.
  private static let exclusion = Mutex(())

  /// - Parameter team: n.
  public func timing(team: Int, _ sampling: Sampling) throws -> PhaseTiming {
    try Self.exclusion.withLock { _ in
      let (runs, inMemory) = try measureInMemory(team, sampling)
      let (_, encoded) = try measureEncoded(team, sampling)
      return PhaseTiming(
        suite: suite, team: team, runs: runs, inMemory: inMemory, encoded: encoded)
    }
  }

  private static func measure<Suite: PairingSuite>(
    _ suite: Suite.Type, team: Int, _ sampling: Sampling
  ) throws -> (Int, [PhaseTiming.Step]) {
    var samples: [SchemeStep: [Double]] = [:]
    var groupTimes: [SchemeStep: Double] = [:]
    var counts: [SchemeStep: OperationCount] = [:]
    let clock = sampling.nanoseconds
    let begin = clock()
    var runs = 0
    // The first run makes tables and counts, and is not timed.
    while runs <= sampling.runs {
      if runs > 3, Double(clock() - begin) > sampling.seconds * 1e9 { break }
      var run = SchemeRun<Suite>(team: team)
      try run.run { step, work in
        let start = clock()
        let readings = try Recorder.record(clock, work)
        counts[step] = readings.operations
        guard runs > 0 else { return }
        samples[step, default: []].append(Double(clock() - start) / 1e6)
        groupTimes[step] = min(
          groupTimes[step] ?? .infinity, Double(readings.nanoseconds) / 1e6)
      }
      KnownPoints.forgetAll()
      runs += 1
    }
    let steps = SchemeStep.allCases.map { step in
      let times = (samples[step] ?? []).sorted()
      let median = times.median
      return PhaseTiming.Step(
        step: step, medianMs: median, minMs: times.first ?? 0,
        spreadMs: times.map { abs($0 - median) }.sorted().median,
        groupMs: groupTimes[step] ?? 0,
        operations: counts[step] ?? OperationCount())
    }
    return (runs - 1, steps)
  }
}

extension [Double] {
  /// Of values in ascending order; 0 of none.
  fileprivate var median: Double {
    isEmpty ? 0 : (self[(count - 1) / 2] + self[count / 2]) / 2
  }
}
