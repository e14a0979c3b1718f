import Foundation
import Synchronization
import Testing

/// Which seeds a simulation runs: `BCEMR_SIMULATION_SEED` runs one again, `BCEMR_SIMULATION_SEEDS` runs
/// more or fewer, and `BCEMR_SIMULATION_FIRST` others, from that one on.
struct SimulationSeeds {
  let seeds: [UInt64]

  /// - Parameter count: how many, where the environment says nothing.
  init(count: UInt64) {
    let environment = ProcessInfo.processInfo.environment
    func number(_ name: String) -> UInt64? { environment[name].flatMap { UInt64($0) } }
    if let seed = number("BCEMR_SIMULATION_SEED") {
      seeds = [seed]
    } else {
      let first = number("BCEMR_SIMULATION_FIRST") ?? 1
      seeds = (0..<(number("BCEMR_SIMULATION_SEEDS") ?? count)).map { first &+ $0 }
    }
  }

  /// Runs a simulation with the seeds, on all processors. Where they are many, all that can happen has to
  /// have happened: what never happens is not tested.
  func requireLaws<Simulated: Simulation>(of _: Simulated.Type) async {
    let results = Results<Simulated>(left: seeds[...])
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
        group.addTask {
          while let seed = results.next() {
            do {
              var simulation = try Simulated(seed: seed)
              try simulation.run()
              let figures = simulation.figures
              results.change { $0.figures.add(figures) }
            } catch {
              results.change { $0.failures[seed] = "\(error)" }
            }
          }
        }
      }
    }
    if let (seed, failure) = results.failures.min(by: { $0.key < $1.key }) {
      Issue.record("seed \(seed): \(failure) (again: BCEMR_SIMULATION_SEED=\(seed))")
      return
    }
    let total = results.figures
    print("\(seeds.count) seeds: \(total)")
    guard seeds.count > 20 else { return }
    let mayBeAbsent =
      seeds.count < Simulated.Happening.seedsForRare ? Simulated.Happening.rare : []
    #expect(total.absent.isSubset(of: mayBeAbsent), "\(total)")
  }

  private final class Results<Simulated: Simulation>: Sendable {
    struct State {
      var left: ArraySlice<UInt64>
      var figures = SimulationFigures<Simulated.Happening>()
      var failures: [UInt64: String] = [:]
    }

    private let state: Mutex<State>

    init(left: ArraySlice<UInt64>) { state = Mutex(State(left: left)) }

    var figures: SimulationFigures<Simulated.Happening> { state.withLock { $0.figures } }
    var failures: [UInt64: String] { state.withLock { $0.failures } }

    /// The next seed, as long as none has failed.
    func next() -> UInt64? {
      state.withLock { $0.failures.isEmpty ? $0.left.popFirst() : nil }
    }

    func change(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
  }
}
