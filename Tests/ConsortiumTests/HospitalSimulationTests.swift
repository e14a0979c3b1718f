import CanonicalEncoding
import Consensus
import Consortium
import Foundation
import Ledger
import TestSupport
import Testing
import TransparencyLog

@Suite("Hospitals, clouds and delegates under a scheduler that loses, doubles, delays and kills")
struct HospitalSimulationTests {
  private static let environment = ProcessInfo.processInfo.environment
  /// `BCEMR_SIMULATION_SEED` runs one seed again; `BCEMR_SIMULATION_SEEDS` runs more or fewer.
  private static let seeds: [UInt64] = {
    if let seed = environment["BCEMR_SIMULATION_SEED"].flatMap({ UInt64($0) }) { return [seed] }
    return Array(1...(environment["BCEMR_SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 30))
  }()

  @Test("nothing confirmed is lost, one history is final, and all goes on once the faults stop")
  func laws() throws {
    var total = HospitalSimulation.Figures()
    for seed in Self.seeds {
      do {
        var simulation = try HospitalSimulation(seed: seed)
        try simulation.run()
        total.add(simulation.figures)
      } catch {
        Issue.record("seed \(seed): \(error) (again: BCEMR_SIMULATION_SEED=\(seed))")
        return
      }
    }
    print("\(Self.seeds.count) seeds: \(total)")
    guard Self.seeds.count > 20 else { return }
    // What never happens is not tested; the rarest things take more seeds.
    let rare = Self.seeds.count < 200 ? HospitalSimulation.Figures.rare : []
    #expect(
      total.counts.allSatisfy { $0.count > 0 || rare.contains($0.name) }, "\(total)")
  }
}
