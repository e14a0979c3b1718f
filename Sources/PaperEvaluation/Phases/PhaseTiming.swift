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

  /// What one role does in a step.
  public struct Share: Codable, Sendable {
    public let step: SchemeStep
    public let role: SchemeRole
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
  public let shares: [Share]
  public let sent: [SentObject]

  public subscript(step: SchemeStep) -> Step? { inMemory.first { $0.step == step } }
}

/// Measures the scheme on a suite.
public struct SuiteMeasurement: Sendable {
  /// Any suite, so that what surrounds its groups is compiled once and not for each.
  private let base: any PairingSuite.Type

  public var suite: String { base.name }

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

  public init(_ suite: any PairingSuite.Type) { base = suite }

  /// One measurement at a time: they would disturb each other, and count into each other.
  private static let exclusion = Mutex(())

  /// - Parameter team: n.
  public func timing(team: Int, _ sampling: Sampling) throws -> PhaseTiming {
    try Self.exclusion.withLock { _ in try alone(team: team, sampling) }
  }

  private func alone(team: Int, _ sampling: Sampling) throws -> PhaseTiming {
    let inMemory = try Self.measureInMemory(base, team: team, sampling)
    let encoded = try Self.measure(base, team: team, sampling)
    return PhaseTiming(
      suite: suite, team: team, runs: inMemory.runs, inMemory: inMemory.steps,
      encoded: encoded.steps, shares: inMemory.shares, sent: encoded.sent)
  }

  /// The runs of one suite and team.
  private struct Sample {
    var runs = 0
    var steps: [PhaseTiming.Step] = []
    var shares: [PhaseTiming.Share] = []
    var sent: [SentObject] = []
  }

  /// One run: what its steps took, together and in the groups alone, and who did what.
  private struct Readings {
    var elapsed: [SchemeStep: UInt64] = [:]
    var inGroups: [SchemeStep: UInt64] = [:]
    var operations: [SchemeStep: [SchemeRole: OperationCount]] = [:]

    mutating func add(
      _ step: SchemeStep, _ role: SchemeRole, elapsed: UInt64, _ recorded: Recorder.Readings
    ) {
      self.elapsed[step, default: 0] += elapsed
      inGroups[step, default: 0] += recorded.nanoseconds
      operations[step, default: [:]][role, default: OperationCount()] += recorded.operations
    }
  }

  private static func measureInMemory<Suite: PairingSuite>(
    _ suite: Suite.Type, team: Int, _ sampling: Sampling
  ) throws -> Sample {
    try measure(InMemorySuite<Suite>.self, team: team, sampling)
  }

  private static func measure<Suite: PairingSuite>(
    _ suite: Suite.Type, team: Int, _ sampling: Sampling
  ) throws -> Sample {
    let clock = sampling.nanoseconds
    let begin = clock()
    var sample = Sample()
    var counted = Readings()
    var timed: [Readings] = []
    var isWarm = false
    // The first run makes tables and constants, and is neither timed nor counted.
    while timed.count < sampling.runs {
      if timed.count > 2, Double(clock() - begin) > sampling.seconds * 1e9 { break }
      var run = SchemeRun<Suite>(team: team)
      var readings = Readings()
      try run.run { step, role, work in
        let start = clock()
        let recorded = try Recorder.record(clock, work)
        readings.add(step, role, elapsed: clock() - start, recorded)
      }
      KnownPoints.forgetAll()
      if isWarm { timed.append(readings) }
      isWarm = true
      (counted, sample.sent) = (readings, run.sent)
    }
    sample.runs = timed.count
    for step in SchemeStep.allCases {
      let roles = counted.operations[step] ?? [:]
      sample.shares += SchemeRole.allCases.compactMap { role in
        roles[role].map { PhaseTiming.Share(step: step, role: role, operations: $0) }
      }
      let times = timed.map { Double($0.elapsed[step] ?? 0) / 1e6 }.sorted()
      let median = times.median
      sample.steps.append(
        PhaseTiming.Step(
          step: step, medianMs: median, minMs: times.first ?? 0,
          spreadMs: times.map { abs($0 - median) }.sorted().median,
          groupMs: timed.map { Double($0.inGroups[step] ?? 0) / 1e6 }.min() ?? 0,
          operations: roles.values.reduce(into: OperationCount()) { $0 += $1 }))
    }
    return sample
  }
}

extension [Double] {
  /// Of values in ascending order; 0 of none.
  fileprivate var median: Double {
    isEmpty ? 0 : (self[(count - 1) / 2] + self[count / 2]) / 2
  }
}
