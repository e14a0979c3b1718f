import ArgumentParser
import Credentials
import Foundation
import PaperEvaluation

struct Evaluate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Repeat the evaluation of the paper, section 6, on its curves and on ours.",
    discussion: """
      The phases of section 4 by the scheme's own code, without ledger, network and disk: on \
      BLS12-381, and on symmetric curves of the paper's sizes in both readings of its 'q'. Times are \
      of one core. 'groups' is the part spent in the groups alone, as a program over a pairing \
      library would measure it; 'checked' is the whole phase with every point encoded, decoded and \
      checked. With --output, what was measured is kept, a run that was stopped goes on, and \
      'report.html' in the folder shows the paper's figures and tables beside ours.
      """)

  @Flag(help: "One team size and fewer runs; takes less than two minutes.")
  var quick = false

  @Option(
    help: ArgumentHelp(
      "Only the phases, and only on suites with TEXT in their names.", valueName: "text"))
  var suite: String?

  @Option(
    name: .customLong("output"),
    help: ArgumentHelp("Keep the measurements and a report in this folder.", valueName: "folder"))
  var folder: String?

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let suites = EvaluatedSuite.all.filter { suite.map($0.name.contains) ?? true }
    guard !suites.isEmpty else {
      throw CommandFailure(
        .badInput, code: "unknown-suite", "no suite has '\(suite ?? "")' in its name",
        hint: "the suites are \(EvaluatedSuite.all.map(\.name).joined(separator: ", "))")
    }
    let console = output.console
    let store = try folder.map { try EvaluationFolder(path: $0, isQuick: quick) }
    let evaluation = try Evaluation(
      .init(suites: suites, isQuick: quick), nanoseconds: MonotoneTime.nanoseconds,
      known: { try store?.timing(suite: $0, team: $1) }, keep: { try store?.keep($0) },
      progress: console.progress)
    var result = EvaluationResult(evaluation)
    if suite == nil { try await result.runWhole(progress: console.progress) }
    console.endProgress()
    if output.json {
      Console.write(result)
    } else {
      console.line(EvaluationText(result: result, suites: suites).text)
    }
    guard let store else { return }
    let report = EvaluationReport(
      result, suites, machine: MachineDescription.text, date: Date().formatted(.iso8601))
    let path = try store.keep(report)
    if console.showsProgress, !output.json { Console.diagnostic("the report is in \(path)") }
  }
}

/// Measurements in files of their own, so that a long run can be stopped and go on.
struct EvaluationFolder {
  private let path: String
  private let prefix: String

  /// - Throws: ``CommandFailure`` if there can be no such folder.
  init(path: String, isQuick: Bool) throws {
    self.path = path
    prefix = isQuick ? "quick-" : ""
    do {
      try DurableFile.createFolder(path)
    } catch {
      throw CommandFailure(.badInput, code: "output", "\(path): \(error.message)")
    }
  }

  private func file(_ suite: String, _ team: Int) -> String {
    "\(path)/\(prefix)\(suite)-\(team).json"
  }

  /// What an earlier run has kept; nil where there is nothing, or nothing that can be read.
  func timing(suite: String, team: Int) throws -> PhaseTiming? {
    guard let data = FileManager.default.contents(atPath: file(suite, team)),
      let timing = try? JSONDecoder().decode(PhaseTiming.self, from: data),
      timing.suite == suite, timing.team == team
    else { return nil }
    return timing
  }

  func keep(_ timing: PhaseTiming) throws {
    let path = file(timing.suite, timing.team)
    do {
      let data = try JSONEncoder().encode(timing)
      try data.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw CommandFailure(.badInput, code: "output", "\(path): the measurement cannot be kept")
    }
  }

  /// - Returns: the path of the page, which takes the place of an earlier one whole.
  func keep(_ report: EvaluationReport) throws -> String {
    let path = "\(path)/report.html"
    do {
      try Data(report.page.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw CommandFailure(.badInput, code: "output", "\(path): the report cannot be kept")
    }
    return path
  }
}
