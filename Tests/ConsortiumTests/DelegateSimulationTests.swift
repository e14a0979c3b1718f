import Testing

@Suite("Delegates under a scheduler that loses, doubles, delays, kills and lies")
struct DelegateSimulationTests {
  private static let seeds = SimulationSeeds(count: 200)

  @Test("agree, lose nothing, convict nobody honest, and go on once the faults stop")
  func laws() async {
    let count = Self.seeds.seeds.count
    let (total, failure) = await Self.seeds.run(DelegateSimulation.Figures()) { seed in
      var simulation = try DelegateSimulation(seed: seed)
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
    let rare = count < 1000 ? DelegateSimulation.Figures.rare : []
    #expect(
      total.counts.allSatisfy { $0.count > 0 || rare.contains($0.name) }, "\(total)")
  }
}
