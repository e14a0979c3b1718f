import Foundation
import Testing

@Suite("Simulated delegates, with everything that can go wrong")
struct SimulationTests {
  /// How many seeds are tried, from 0 on.
  private static let count = number("BCEMR_SIMULATION_SEEDS") ?? 200
  /// The only seed to try.
  private static let seed = number("BCEMR_SIMULATION_SEED")
  private static let taskCount: UInt64 = 4

  private static func number(_ name: String) -> UInt64? {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
  }

  @Test("agree on one block for each height, whatever the seed")
  func agreement() async {
    let seeds = Self.seed.map { $0..<$0 + 1 } ?? 0..<Self.count
    let start = ContinuousClock.now
    var total = Simulation.Statistics()
    await withTaskGroup(of: Simulation.Statistics.self) { group in
      for task in 0..<Self.taskCount {
        group.addTask { Self.run(seeds.filter { $0 % Self.taskCount == task }) }
      }
      for await statistics in group { total += statistics }
    }
    if Self.seed != nil || Self.count > 200 {
      print("\(seeds.count) seeds: \(total), \(ContinuousClock.now - start)")
    }
    // All that is to be survived has to have happened.
    guard seeds.count >= 200 else { return }
    #expect(total.decisions > 10 * seeds.count)
    #expect(total.restarts > 10 * seeds.count)
    #expect(total.highestRound > 5)
    #expect(total.reproposals > seeds.count)
    #expect(total.leftLocks > seeds.count / 10)
    #expect(total.equivocations > 10 * seeds.count)
    #expect(total.convictions > seeds.count / 10)
    #expect(total.catchUps > seeds.count)
    #expect(total.untimely > seeds.count)
  }

  private static func run(_ seeds: [UInt64]) -> Simulation.Statistics {
    var total = Simulation.Statistics()
    for seed in seeds {
      let simulation = Simulation(seed: seed)
      if let fault = simulation.run() {
        Issue.record(
          """
          seed \(seed): \(fault)
          BCEMR_SIMULATION_SEED=\(seed) swift test -c release --filter SimulationTests
          """)
      }
      total += simulation.statistics
    }
    return total
  }
}
