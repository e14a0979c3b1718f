import ArgumentParser

/// The daemon of an organisation: hospital servers, clouds and the system manager on a machine of its own.
@main
struct BCEMRD: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bcemrd",
    abstract: "Runs the roles of one organisation, reached by others over HTTPS.",
    discussion: """
      A party begins with 'init', which makes its keys and a description for the others. When all \
      descriptions of a new consortium are together, one of them puts them into a genesis with 'found', and \
      everybody compares its digest. Then each runs its own, and asks it at its 'desk'. Who joins later is \
      proposed, and decided on, by 'organisation'.

      Exit codes: 0 well, 1 a check failed, 2 bad input or environment, 64 usage.
      """,
    version: "0.1.0",
    subcommands: [
      Initialize.self, Found.self, Check.self, Run.self, DeskCommands.self,
      OrganisationCommands.self,
      Backup.self, Restore.self, Export.self, EngineCommands.self, SupportBundle.self,
    ])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch let failure as DaemonFailure {
      end(failure)
    } catch let error where exitCode(for: error) == .failure && !(error is ExitCode) {
      end(DaemonFailure(error))
    } catch {
      exit(withError: error)
    }
  }

  private static func end(_ failure: DaemonFailure) -> Never {
    Output.failure(failure)
    exit(withError: ExitCode(failure.status.rawValue))
  }
}
