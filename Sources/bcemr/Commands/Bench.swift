import ArgumentParser

struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure the cryptography and the phases of a visit.",
    discussion: """
      Times are of one core. The phases are those of section 4 of the paper, for teams of 3: the \
      work of all roles together, on SQLite in a temporary folder, every commit flushed to disk. \
      phase_initialization founds a consortium with 9 doctors; visit_total is all that one of many \
      visits in a row costs, from admission to the patient's receipt, without sharing. It is less than \
      the sum of the phases: these are of a run in which every visit is shared, and waits for blocks of \
      its own until it is final. All of it takes two to five minutes; --filter takes less.
      """,
    subcommands: [BenchScale.self])

  @Option(help: ArgumentHelp("Only what has TEXT in its name.", valueName: "text"))
  var filter: String?

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let console = output.console
    var timings: [Timing] = []
    for benchmark in try PairingBenchmarks.all() + SchemeBenchmarks.all()
    where isWanted(benchmark.name) {
      console.progress("measuring \(benchmark.name)")
      timings.append(try benchmark.timing())
    }
    timings += try await PhaseBenchmarks.timings(console: console, where: isWanted)
    console.endProgress()
    guard !timings.isEmpty else {
      throw CommandFailure(
        .badInput, code: "unknown-benchmark", "no benchmark has '\(filter ?? "")' in its name",
        hint: "run 'bcemr bench' to see all names")
    }
    if output.json {
      Console.write(timings)
    } else {
      let rows = timings.map {
        [
          $0.name, Quantity.time(nanoseconds: $0.medianNs), Quantity.time(nanoseconds: $0.minNs),
          "\($0.iterations)",
        ]
      }
      console.line(Table.text([["operation", "median", "least", "iterations"]] + rows))
    }
  }

  private func isWanted(_ name: String) -> Bool { filter.map(name.contains) ?? true }
}
