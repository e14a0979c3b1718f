import ArgumentParser

/// The command line of BC-EMR.
@main
struct BCEMR: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bcemr",
    abstract: "A consortium ledger of medical records that many sign and only the patient opens.",
    discussion: """
      Exit codes: 0 all checks passed, 1 a check failed, 2 bad input or environment, 3 it waits for others, \
      64 usage.
      """,
    version: "0.1.0",
    subcommands: [
      Demo.self,
      Plan.self,
      Status.self,
      ShowElection.self,
      ShowMembers.self,
      ExportLedger.self,
      Prove.self,
      OpenRecord.self,
      Verify.self,
      Compare.self,
      ShowCheckpoint.self,
      Fsck.self,
      Backup.self,
      Restore.self,
      Inspect.self,
      Bench.self,
      Generate.self,
      Evaluate.self,
    ] + people)

  /// The programs of people, who reach others over a network.
  private static let people: [any ParsableCommand.Type] = {
    #if Network
      [DoctorCommand.self, PatientCommand.self, Hammer.self]
    #else
      []
    #endif
  }()

  static func main() async {
    SystemFile.ignoreFileSizeSignal()
    SystemFile.reserveStandardStreams()
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      finish(error)
    }
  }

  /// What a person's program says of a failure has its code behind it.
  private static func told(_ failure: CommandFailure) -> String {
    #if Network
      let commands = [DoctorCommand.configuration, PatientCommand.configuration]
      if commands.contains(where: { $0.commandName == CommandLine.arguments.dropFirst().first }) {
        return RefusalTexts.coded(failure.message, failure.code)
      }
    #endif
    return failure.message
  }

  /// Reports why a command did not end well, in the form that was asked for.
  private static func finish(_ error: any Error) -> Never {
    TemporaryItems.awaitSignal()
    let status = exitCode(for: error)
    // Help, version and completions are results, which have to be delivered like any other.
    if status == .success {
      let text = fullMessage(for: error)
      if !text.isEmpty { Console.write(text + "\n", to: .output) }
      exit(withError: ExitCode.success)
    }
    // A code of its own has been explained where it was thrown.
    if error is ExitCode { exit(withError: error) }
    let isUsage = status == .validationFailure
    let failure =
      isUsage
      ? CommandFailure(
        .usage, code: "usage", message(for: error).lowercasedFirst,
        hint: "run 'bcemr --help' or 'bcemr help COMMAND'")
      : CommandFailure(error)
    if CommandLine.arguments.contains("--json") {
      Console.write(["error": ReportedError(failure)])
    } else {
      Console.diagnostic(isUsage ? failure.message : told(failure))
      if let hint = failure.hint { Console.diagnostic("hint: \(hint)") }
    }
    exit(withError: ExitCode(failure.exitCode.rawValue))
  }
}

extension String {
  fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
