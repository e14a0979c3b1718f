import ArgumentParser
import ScaleSimulation

struct BenchScale: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Simulate the consortium chain of a whole country.",
    discussion: """
      Genuine anchors of all hospitals' chains, doctors' keys, demands, approvals, and votes on a \
      motion; the rules over stores on disk; the consensus of all delegates, in one process and \
      block by block in the country's own time. Beside what is seen stands what an account on paper \
      says (docs/scale.md). Times are CPU time. 1,000 hospitals take some seconds for a block.
      """)

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("How many hospitals; several numbers are compared.", valueName: "count"))
  var hospitals: [Int] = [10, 100, 1000]

  @Option(help: ArgumentHelp("Cloud operators.", valueName: "count"))
  var clouds = 10

  @Option(help: ArgumentHelp("Seats of delegates, 3f + 1.", valueName: "count"))
  var delegates = 7

  @Option(help: ArgumentHelp("Visits of one hospital in a day.", valueName: "count"))
  var visits = 1000.0

  @Option(help: ArgumentHelp("Seconds between two consortium blocks.", valueName: "seconds"))
  var interval: UInt64 = 10

  @Option(help: ArgumentHelp("Simulated time.", valueName: "hours"))
  var hours = 0.1

  @Option(
    help: ArgumentHelp("Blocks of an epoch; by default a third of the time.", valueName: "blocks"))
  var epoch: UInt64?

  @Option(help: ArgumentHelp("Of everything that is random.", valueName: "number"))
  var seed: UInt64 = 1

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard hospitals.allSatisfy({ (1...2000).contains($0) }), (1...2000).contains(clouds) else {
      throw ValidationError("there are 1 to 2000 hospitals, and 1 to 2000 clouds")
    }
    guard delegates % 3 == 1, delegates >= 4, hospitals.allSatisfy({ $0 >= delegates }) else {
      throw ValidationError("delegates are 4, 7, 10 and so on, and not more than hospitals")
    }
    guard visits.isFinite, (0...1e6).contains(visits), (1...3600).contains(interval),
      hours.isFinite, (0.0...240.0).contains(hours),
      epoch.map({ (1...1 << 20).contains($0) }) ?? true
    else { throw ValidationError("a number is out of its range") }
  }

  func run() async throws {
    let console = output.console
    let intervals = max(6, Int((hours * 3600 / Double(interval)).rounded()))
    var loads: [ObservedLoad] = []
    for count in hospitals {
      let country = Country(
        hospitals: count, clouds: min(clouds, count), delegates: delegates,
        visitsPerHospitalAndDay: visits, blockInterval: interval,
        epochLength: epoch ?? UInt64(intervals / 3), registrationsPerDay: Double(count) / 10,
        rotationsPerDay: Double(count) / 2, demandsPerDay: Double(count) / 20)
      loads.append(
        try await TemporaryItems.folder { folder in
          console.progress("making the keys of \(Quantity.count(count, "hospital"))")
          var simulation = try CountrySimulation(
            country, seed: seed, stores: FolderSimulationStores(folder: folder))
          return try simulation.run(intervals: intervals) {
            console.progress("\(Quantity.count(count, "hospital")), interval \($0) of \(intervals)")
          }
        })
    }
    console.endProgress()
    if output.json {
      Console.write(loads)
    } else {
      console.line(ScaleText(loads: loads).text)
    }
  }
}
