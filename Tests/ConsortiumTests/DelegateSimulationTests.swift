import Testing

@Suite("Delegates under a scheduler that loses, doubles, delays, kills and lies")
struct DelegateSimulationTests {
  @Test("agree, lose nothing, convict nobody honest, and go on once the faults stop")
  func laws() async {
    await SimulationSeeds(count: 200).requireLaws(of: DelegateSimulation.self)
  }
}
