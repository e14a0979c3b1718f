import ArgumentParser
import CanonicalEncoding
import Ledger
import TransparencyLog

struct Verify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check an exported ledger, offline and without trust in any server.",
    discussion: """
      The hash of the genesis names the ledger; take it from a source of your own, not from whoever \
      gave you the file.
      """)

  @Argument(help: "A file or a folder of tiles that 'bcemr export' wrote.")
  var path: String

  @Option(
    help: ArgumentHelp("The ledger that is meant, 64 hexadecimal digits.", valueName: "hash"),
    transform: digest)
  var genesis: Digest32?

  @Option(help: ArgumentHelp("A checkpoint known from before.", valueName: "file"))
  var checkpoint: String?

  @Option(
    name: .customLong("chain"),
    help: ArgumentHelp(
      "A chain that has to be valid, 'consortium' or a hospital; may be repeated. By default all.",
      valueName: "name"))
  var chains: [String] = []

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let known = try checkpoint.map { path in
      String(
        decoding: try SystemFile.contents(of: path, limit: SignedNote.maximumByteCount),
        as: UTF8.self)
    }
    let audit = try Audit(
      path, genesis: genesis, knownNote: known, chains: chains, console: output.console)
    audit.print(to: output.console)
    if output.json { Console.write(audit) }
    if !audit.passed { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }

  private static func digest(_ text: String) throws -> Digest32 {
    guard let digest = Digest32(hex: text) else {
      throw ValidationError("a hash has 64 hexadecimal digits")
    }
    return digest
  }
}
