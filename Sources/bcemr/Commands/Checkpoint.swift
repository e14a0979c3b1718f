import ArgumentParser
import CanonicalEncoding
import Foundation
import Ledger
import SQLiteBackend
import TransparencyLog

/// What somebody keeps to see later that nothing was taken back.
struct ShowCheckpoint: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint",
    abstract: "Print the newest signed checkpoint of a chain, to keep it elsewhere.",
    discussion: """
      A few hundred bytes: size and root of the chain, with the signatures of who answers for it. Who \
      keeps them where nobody of the consortium comes sees later, by 'bcemr verify --checkpoint', whether \
      a ledger still has everything that it had. Of an export it is printed once the export was verified; \
      whose ledger that is, 'bcemr verify --genesis' says.
      """)

  @Argument(
    help: "The folder that 'bcemr demo --data' made, or what 'bcemr export' wrote of it.")
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
    let (genesis, note) = try isExport() ? exported() : kept()
    guard !note.isEmpty else {
      throw CommandFailure(
        .badInput, code: "no-checkpoint", "nothing of \(chain) is signed by who answers for it yet")
    }
    let checkpoint = try Checkpoint(body: SignedNote(encoded: note).body)
    if let path { try SystemFile.create(Array(note.utf8), at: path) }
    if output.json {
      Console.write(
        Report(
          chain: chain, size: checkpoint.size, root: checkpoint.root.hex, genesis: genesis,
          note: note))
    } else if let path {
      output.console.line("\(path): \(chain), \(Quantity.count(Int(checkpoint.size), "leaf"))")
    } else {
      // As it is: a byte more and it is another note.
      output.console.verbatim(note)
    }
  }

  private var unknownChain: CommandFailure {
    CommandFailure(.badInput, code: "unknown-chain", "there is no chain \(chain) in this ledger")
  }

  private func kept() throws -> (genesis: String, note: String) {
    let existing = try ExistingFolder(folder)
    guard let log = try existing.logs().first(where: { $0.chain == chain }) else {
      throw unknownChain
    }
    return ("\(existing.genesis.digest)", log.note)
  }

  // MARK: An export

  /// A file, or a folder of tiles.
  private func isExport() throws -> Bool {
    try SystemFile.isFolder(folder)
      ? FileManager.default.fileExists(atPath: "\(folder)/\(ExportPath.genesis)")
        && !DataFolder.isPlace(folder)
      : FileManager.default.fileExists(atPath: folder) && SystemFile.beginsLikeExport(folder)
  }

  private func exported() throws -> (genesis: String, note: String) {
    if !SystemFile.isFolder(folder), try VisitAudit.isProof(folder) {
      throw CommandFailure(
        .badInput, code: "not-an-export",
        "\(folder): this is a proof of one visit, and has no checkpoint of a chain to keep",
        hint: "take it from an export, or from the data folder")
    }
    let audit = try Audit(folder, genesis: nil, chains: [chain], console: output.console)
    guard audit.passed, let summary = audit.summary,
      let checked = summary.chains.first(where: { $0.name == chain })
    else {
      throw CommandFailure(
        .checkFailed, code: audit.error?.code ?? "V1",
        "\(folder): \(audit.error?.message ?? "the export does not verify")",
        hint: "'bcemr verify \(folder)' says what holds of it")
    }
    let file = ExportPath.checkpoint(ExportPath.log(chain, generation: checked.generation))
    guard let bytes = try contents(of: file) else { return (summary.genesis, "") }
    let note = String(decoding: bytes, as: UTF8.self)
    // What was verified has so many leaves; the file may have been replaced since.
    guard try Checkpoint(body: SignedNote(encoded: note).body).size == checked.leaves else {
      throw CommandFailure(
        .badInput, code: "unavailable", "\(folder): the export was changed while it was read")
    }
    return (summary.genesis, note)
  }

  /// A file of the export; nil if it has none of this name.
  private func contents(of name: String) throws -> [UInt8]? {
    if SystemFile.isFolder(folder) {
      var source = FolderSource(folder: folder)
      return try source.file(name, limit: SignedNote.maximumByteCount)
    }
    let input = try InputFile(folder)
    var source = UstarSource { try input.read($0) }
    while let (path, contents) = try source.next(limit: EntryBundle.maximumByteCount) {
      if path == name { return contents }
    }
    return nil
  }
}
