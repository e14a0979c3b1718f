import Testing

@Suite(
  "Hospitals, clouds and delegates under a scheduler that loses, doubles, delays, kills and lies")
struct HospitalSimulationTests {
  private static let seeds = SimulationSeeds(count: 24)

  @Test("nothing confirmed is lost, one history is final, and all goes on once the faults stop")
  func laws() async {
    let count = Self.seeds.seeds.count
    let (total, failure) = await Self.seeds.run(HospitalSimulation.Figures()) { seed in
      var simulation = try HospitalSimulation(seed: seed)
      try simulation.run()
      return simulation.figures
    } adding: {
      $0.add($1)
    }
    if let failure {
      Issue.record(Comment(rawValue: failure))
      return
    }
    print("\(count) seeds: \(total)")
    guard count > 20 else { return }
    // What never happens is not tested; the rarest things take more seeds.
    let rare = count < 200 ? HospitalSimulation.Figures.rare : []
    #expect(
      total.counts.allSatisfy { $0.count > 0 || rare.contains($0.name) }, "\(total)")
  }
}
