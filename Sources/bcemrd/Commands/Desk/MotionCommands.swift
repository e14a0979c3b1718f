import ArgumentParser
import CanonicalEncoding
import DeskInterface
import Ledger

struct DeskConfirmChain: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "confirm-chain",
    abstract: "At a cloud: make the key with which it is to confirm the chain of a hospital.",
    discussion: """
      It counts for nothing before a motion that names it has passed; asked again before, the cloud has the \
      same. From the next epoch on the cloud confirms the chain by itself.
      """)

  @Argument(help: "The hospital, which may be one that is to be admitted.")
  var hospital: String

  @OptionGroup var options: DeskOptions

  func request() -> ConfirmChain { ConfirmChain(role: options.role, hospital: hospital) }
}

struct DeskAgree: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agree",
    abstract: "Agree to a draft in the name of this server; the agreement is put into the file.",
    discussion: """
      Look at it first: 'bcemrd organisation show DRAFT --genesis FILE'. Nothing is sent to anybody.
      """)

  @Argument(help: "The draft, as 'bcemrd organisation propose' wrote it.")
  var draft: String

  @OptionGroup var options: DeskOptions

  func run() async throws {
    let configuration = try await DaemonConfiguration.read(options.config)
    let genesis = try Machine.genesis(configuration)
    var draft = try MotionDraft.read(draft, genesis)
    let answer = try await DeskClient(
      socket: configuration.deskSocket, config: options.config
    ).ask(AgreeToMotion(role: options.role, draft: draft))
    guard let signature = [UInt8](hex: answer.signature) else {
      throw DaemonFailure(.badInput, "the daemon answers with what is no signature")
    }
    draft.add(Motion.Consent(party: answer.party, signature: signature))
    try draft.write(self.draft)
    let report = try DraftReport(draft, nil, genesis.digest)
    if options.json { return try Output.json(report) }
    for line in answer.lines + report.lines { Output.line(line) }
  }
}
