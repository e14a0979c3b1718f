import Testing

@Suite(
  "Hospitals, clouds and delegates under a scheduler that loses, doubles, delays, kills and lies")
struct HospitalSimulationTests {
  @Test("nothing confirmed is lost, one history is final, and all goes on once the faults stop")
  func laws() async {
    await SimulationSeeds(count: 24).requireLaws(of: HospitalSimulation.self)
  }
}
