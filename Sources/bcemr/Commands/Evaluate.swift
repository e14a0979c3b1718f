import ArgumentParser
import PaperEvaluation

struct Evaluate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Repeat the evaluation of the paper, section 6, with this program.")

  @Flag(help: "Fewer runs and team sizes; takes less than two minutes.")
  var quick = false

  @Option(help: ArgumentHelp("Only the suites with TEXT in their names.", valueName: "text"))
  var suite: String?

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let console = output.console
    var timings: [PhaseTiming] = []
    for evaluated in EvaluatedSuite.all where suite.map(evaluated.name.contains) ?? true {
      console.progress("measuring \(evaluated.name)")
      timings.append(
        try evaluated.measurement.timing(
          team: 3,
          .init(runs: quick ? 10 : 100, seconds: 5, nanoseconds: MonotoneTime.nanoseconds)))
    }
    console.endProgress()
    if output.json { return Console.write(timings) }
    for timing in timings {
      console.heading("\(timing.suite), n = \(timing.team), \(timing.runs) runs")
      console.line(
        Table.text(
          [["step", "in memory", "least", "encoded", "exp", "hash", "pair", "final", "prep", "gt"]]
            + zip(timing.inMemory, timing.encoded).map { memory, encoded in
              let count = memory.operations
              return [
                memory.step.rawValue, Quantity.time(nanoseconds: UInt64(memory.medianMs * 1e6)),
                Quantity.time(nanoseconds: UInt64(memory.minMs * 1e6)),
                Quantity.time(nanoseconds: UInt64(encoded.medianMs * 1e6)),
                "\(count.generatorMultiplications)+\(count.multiplications)+\(count.publicMultiplications)",
                "\(count.hashes)", "\(count.pairings)", "\(count.finalExponentiations)",
                "\(count.preparations)", "\(count.targetExponentiations)",
              ]
            }))
    }
  }
}
