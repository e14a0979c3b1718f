import ArgumentParser
import CanonicalEncoding
import Credentials
import Ledger
import SQLiteBackend

struct ExportLedger: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write the ledger of a data folder into one file that anybody can verify.",
    discussion: """
      The file holds the genesis, all blocks with the entries that were refused, and the newest \
      checkpoints with their cosignatures. It holds no ciphertext and no key.
      """)

  @Option(help: ArgumentHelp("The folder that 'bcemr demo --data' made.", valueName: "folder"))
  var data: String

  @Option(name: [.customLong("output"), .short], help: ArgumentHelp(valueName: "file"))
  var file: String

  @OptionGroup var output: OutputOptions

  struct Report: Encodable {
    struct Chain: Encodable {
      let name: String
      let blocks: Int
    }

    let file: String
    let bytes: Int
    let genesis: String
    let chains: [Chain]
  }

  func run() async throws {
    let console = output.console
    console.progress("replaying the ledger of \(data)")
    let folder = try ExistingFolder(data)
    let export = try await folder.replica().export()
    let bytes = export.encoded()
    try SystemFile.replaceExport(at: file, with: bytes)
    console.endProgress()
    let report = Report(
      file: file, bytes: bytes.count, genesis: "\(export.genesis.digest)",
      chains: ([export.consortium] + export.hospitals).map {
        Report.Chain(name: $0.name, blocks: $0.blocks.count)
      })
    if output.json {
      Console.write(report)
      return
    }
    console.line("\(file): \(Quantity.bytes(report.bytes))")
    for chain in report.chains {
      console.line("  \(chain.name): \(Quantity.count(chain.blocks, "block"))")
    }
    console.line("genesis \(report.genesis)")
    console.line("Whoever verifies the file has to learn this hash in another way.")
  }
}
