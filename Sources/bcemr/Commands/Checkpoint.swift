import ArgumentParser
import CanonicalEncoding
import Ledger
import TransparencyLog

/// What somebody keeps to see later that nothing was taken back.
struct ShowCheckpoint: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint",
    abstract: "Print the newest signed checkpoint of a chain, to keep it elsewhere.",
    discussion: """
      A few hundred bytes: size and root of the chain, with the signatures of who answers for it. Who \
      keeps them where nobody of the consortium comes sees later, by 'bcemr verify --checkpoint', whether \
      a ledger still has everything that it had.
      """)

  @Argument(help: "The folder that 'bcemr demo --data' made.")
  var folder: String

  @Option(help: ArgumentHelp("'consortium' or a hospital.", valueName: "name"))
  var chain = ChainName.consortium

  @Option(
    name: [.customLong("output"), .customShort("o")],
    help: ArgumentHelp("A new file to write it into, instead of stdout.", valueName: "file"))
  var path: String?

  @OptionGroup var output: OutputOptions

  struct Report: Encodable {
    let chain: String
    let size: UInt64
    let root: String
    let genesis: String
    let note: String
  }

  func run() async throws {
    let existing = try ExistingFolder(folder)
    guard let log = try existing.logs().first(where: { $0.chain == chain }) else {
      throw CommandFailure(
        .badInput, code: "unknown-chain", "there is no chain \(chain) in this ledger")
    }
    guard !log.note.isEmpty else {
      throw CommandFailure(
        .badInput, code: "no-checkpoint", "nothing of \(chain) is signed by who answers for it yet")
    }
    if let path { try SystemFile.create(Array(log.note.utf8), at: path) }
    if output.json {
      let checkpoint = try Checkpoint(body: SignedNote(encoded: log.note).body)
      Console.write(
        Report(
          chain: chain, size: checkpoint.size, root: checkpoint.root.hex,
          genesis: "\(existing.genesis.digest)", note: log.note))
    } else if let path {
      output.console.line("\(path): \(chain), \(Quantity.count(Int(log.size), "leaf"))")
    } else {
      // As it is: a byte more and it is another note.
      output.console.verbatim(log.note)
    }
  }
}
