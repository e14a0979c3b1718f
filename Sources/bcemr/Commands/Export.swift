import ArgumentParser
import CanonicalEncoding
import Ledger
import TransparencyLog

struct ExportLedger: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write the ledger of a data folder into one file that anybody can verify.",
    discussion: """
      The file is a tar archive of the ledger's logs: the genesis, and for each chain its checkpoint \
      with all signatures, its leaves and its hashes as C2SP tiles. It holds no ciphertext and no key.
      """)

  @Argument(help: "The folder that 'bcemr demo --data' made; --data is the same.")
  var folder: String?

  @Option(help: ArgumentHelp("The folder that 'bcemr demo --data' made.", valueName: "folder"))
  var data: String?

  @Option(
    name: [.customLong("output"), .customShort("o")],
    help: ArgumentHelp("'-' is standard output.", valueName: "path"))
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
    /// What has to be known and is no fault; absent if there is nothing.
    let remarks: [DemoReport.Remark]?
  }

  func validate() throws {
    guard (folder == nil) != (data == nil) else {
      throw ValidationError("name the folder of the ledger, once: FOLDER, or --data FOLDER")
    }
    try PipedOutput.check(
      path, as: "-o -", of: "the file", without: [("--tiles", tiles), ("--json", output.json)])
  }

  func run() async throws {
    let console = output.console
    guard let place = folder ?? data else { return }
    console.progress("exporting the ledger of \(place)")
    let folder = try ExistingFolder(place)
    try folder.requireAnchoredChains()
    let logs = try folder.logs()
    let remarks = folder.remarks(for: console)
    if PipedOutput.isMeant(by: path) {
      let file = OutputFile()
      var sink = UstarSink { try file.write($0) }
      try ExportWriter.write(genesis: folder.genesis, logs: logs, to: &sink)
      try file.finish()
      console.endProgress()
      return
    }
    if tiles {
      try SystemFile.createExport(at: path) { sink in
        try ExportWriter.write(genesis: folder.genesis, logs: logs, to: &sink)
      }
    } else {
      try SystemFile.replaceExport(
        at: path, of: folder.genesis.digest,
        after: { try Self.requireOlder(at: path, than: logs[0], of: folder.genesis) }
      ) { file in
        var sink = UstarSink { try file.write($0) }
        try ExportWriter.write(genesis: folder.genesis, logs: logs, to: &sink)
      }
    }
    console.endProgress()
    let report = Report(
      path: path, genesis: "\(folder.genesis.digest)",
      chains: logs.map { Report.Chain(name: $0.chain, leaves: $0.size) }, remarks: remarks)
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

  /// - Throws: ``CommandFailure`` if an export of this ledger is at `path` that reaches farther.
  private static func requireOlder(
    at path: String, than log: ExportWriter.Log, of genesis: ValidGenesis
  ) throws {
    guard let size = try? consortiumSize(ofExportAt: path, genesis), size > log.size else { return }
    throw CommandFailure(
      .badInput, code: "newer-export",
      "\(path): this export has \(size) leaves of the consortium chain, and the folder \(log.size)",
      hint: "it is kept; if the folder is not an older copy put back, choose another name")
  }

  /// - Returns: nil for what is no export of this ledger.
  private static func consortiumSize(
    ofExportAt path: String, _ genesis: ValidGenesis
  ) throws -> UInt64? {
    let file = try InputFile(path)
    var source = UstarSource { try file.read($0) }
    guard
      try source.file(ExportPath.genesis, limit: Genesis.maximumByteCount)
        == genesis.content.encoded(),
      let note = try source.file(
        ExportPath.checkpoint(ChainName.consortium), limit: SignedNote.maximumByteCount)
    else { return nil }
    let signed = try SignedNote(encoded: String(decoding: note, as: UTF8.self))
    return try Checkpoint(body: signed.body).size
  }
}
