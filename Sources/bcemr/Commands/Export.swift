import ArgumentParser
import CanonicalEncoding
import Ledger

struct ExportLedger: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write the ledger of a data folder into one file that anybody can verify.",
    discussion: """
      The file is a tar archive of the ledger's logs: the genesis, and for each chain its checkpoint \
      with all signatures, its leaves and its hashes as C2SP tiles. It holds no ciphertext and no key.
      """)

  @Option(help: ArgumentHelp("The folder that 'bcemr demo --data' made.", valueName: "folder"))
  var data: String

  @Option(name: [.customLong("output"), .customShort("o")], help: ArgumentHelp(valueName: "path"))
  var path: String

  @Flag(help: "Write a folder of tiles instead of one file.")
  var tiles = false

  @OptionGroup var output: OutputOptions

  struct Report: Encodable {
    struct Chain: Encodable {
      let name: String
      let leaves: UInt64
    }

    let path: String
    let genesis: String
    let chains: [Chain]
  }

  func run() async throws {
    let console = output.console
    console.progress("exporting the ledger of \(data)")
    let folder = try ExistingFolder(data)
    let logs = try folder.logs()
    if tiles {
      try SystemFile.createExport(at: path) { sink in
        try ExportWriter.write(genesis: folder.genesis, logs: logs, to: &sink)
      }
    } else {
      try SystemFile.replaceExport(at: path) { file in
        var sink = UstarSink { try file.write($0) }
        try ExportWriter.write(genesis: folder.genesis, logs: logs, to: &sink)
      }
    }
    console.endProgress()
    let report = Report(
      path: path, genesis: "\(folder.genesis.digest)",
      chains: logs.map { Report.Chain(name: $0.chain, leaves: $0.size) })
    if output.json {
      Console.write(report)
      return
    }
    console.line(path)
    for chain in report.chains {
      console.line("  \(chain.name): \(Quantity.count(Int(chain.leaves), "leaf"))")
    }
    console.line("genesis \(report.genesis)")
    console.line("Whoever verifies it has to learn this hash in another way.")
  }
}
