import ArgumentParser
import DeskInterface
import Foundation

/// What a clerk and the registration office do, at a daemon that runs.
struct DeskCommands: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "desk",
    abstract: "Ask a running daemon what a hospital's counter and its operator need.",
    discussion: """
      It asks over a socket in the data folder, which the account of the daemon alone can open. With \
      '--identity -' a patient's identity is read from standard input, so that no other user of the machine \
      sees it among the arguments of a process.
      """,
    subcommands: [
      DeskExpectDoctor.self, DeskVoidExpectation.self, DeskDoctors.self, DeskSpecialties.self,
      DeskSuspend.self, DeskReinstate.self, DeskRetire.self, DeskTicket.self, DeskTickets.self,
      DeskVoidTicket.self, DeskTeam.self, DeskStaffing.self, DeskVisits.self, DeskRotateKeys.self,
      DeskRenounceVotes.self, DeskConfirmChain.self, DeskAgree.self,
    ])
}

/// The options of every command of the desk.
struct DeskOptions: ParsableArguments {
  @Option(help: "The configuration of the daemon.")
  var config: String

  @Option(help: "The identifier of the role, where several run in one daemon.")
  var role: String?

  @Flag(help: "Print one JSON value instead of text.")
  var json = false

  /// Asks, and prints the answer.
  func show<Asked: DeskRequest>(
    _ request: Asked, and appendix: (Asked.Answer) throws -> String? = { _ in nil }
  ) async throws {
    let configuration = try await DaemonConfiguration.read(config)
    let answer = try await DeskClient(
      socket: configuration.deskSocket, config: config
    ).ask(request)
    if json { return try Output.json(answer) }
    for line in answer.lines { Output.line(line) }
    if let appendix = try appendix(answer) { Output.verbatim(appendix) }
  }
}

/// A command that asks one thing and prints the answer.
protocol DeskCommand: AsyncParsableCommand {
  associatedtype Asked: DeskRequest

  var options: DeskOptions { get }
  func request() throws -> Asked
  /// What follows the answer where it is printed as text.
  func appendix(_ answer: Asked.Answer) throws -> String?
}

extension DeskCommand {
  mutating func run() async throws { try await options.show(try request(), and: appendix) }

  func appendix(_ answer: Asked.Answer) throws -> String? { nil }
}

/// Whom a command is about.
struct PatientOption: ParsableArguments {
  @Option(
    help: """
      The patient's identity, as the patient's own program states it, as SYSTEM|VALUE; '-' reads one line of \
      standard input.
      """)
  var identity: String

  /// Whether `bcemr patient` can state this identity.
  static func isUsual(_ text: String) -> Bool {
    let parts = text.split(separator: "|", omittingEmptySubsequences: false)
    return parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && text.utf8.count <= 256
  }

  func value() throws -> String {
    guard identity == "-" else { return identity }
    guard let line = readLine(), !line.isEmpty, line.utf8.count <= 1024 else {
      throw DaemonFailure(
        .badInput, "standard input has no identity", code: "bad-identity",
        hint: "one line of at most 1024 bytes")
    }
    return line
  }
}
