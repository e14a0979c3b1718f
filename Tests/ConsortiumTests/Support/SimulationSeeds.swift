import Foundation
import Synchronization

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

  /// Runs the seeds, on all processors.
  ///
  /// - Returns: what came of them; as text why the first one failed, and how to see that again.
  func run<Figures: Sendable>(
    _ start: Figures, _ simulate: @escaping @Sendable (UInt64) throws -> Figures,
    adding add: @escaping @Sendable (inout Figures, Figures) -> Void
  ) async -> (figures: Figures, failure: String?) {
    let results = Results(left: seeds[...], figures: start)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
        group.addTask {
          while let seed = results.next() {
            do {
              let figures = try simulate(seed)
              results.change { add(&$0.figures, figures) }
            } catch {
              results.change { $0.failures[seed] = "\(error)" }
            }
          }
        }
      }
    }
    let first = results.failures.min { $0.key < $1.key }
    let failure = first.map { "seed \($0): \($1) (again: BCEMR_SIMULATION_SEED=\($0))" }
    return (results.figures, failure)
  }

  private final class Results<Figures: Sendable>: Sendable {
    struct State {
      var left: ArraySlice<UInt64>
      var figures: Figures
      var failures: [UInt64: String] = [:]
    }

    private let state: Mutex<State>

    init(left: ArraySlice<UInt64>, figures: Figures) {
      state = Mutex(State(left: left, figures: figures))
    }

    var figures: Figures { state.withLock { $0.figures } }
    var failures: [UInt64: String] { state.withLock { $0.failures } }

    /// The next seed, as long as none has failed.
    func next() -> UInt64? {
      state.withLock { $0.failures.isEmpty ? $0.left.popFirst() : nil }
    }

    func change(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
  }
}
