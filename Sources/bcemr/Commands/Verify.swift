import ArgumentParser
import CanonicalEncoding
import Foundation
import Ledger
import TransparencyLog

struct Verify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check an exported ledger, offline and without trust in any server.",
    discussion: """
      Also a proof of one visit, which says itself that it is one; --checkpoint, --chain and \
      --report are for exports.

      The hash of the genesis names the ledger; take it from a source of your own, not from whoever \
      gave you the file.
      """)

  @Argument(
    help: "A file or a folder of tiles that 'bcemr export' wrote, or a file of 'bcemr prove'.")
  var path: String

  @Option(
    help: ArgumentHelp(
      "The ledger that is meant: the 64 hexadecimal digits of its genesis' hash, or its genesis.",
      valueName: "hash|file"))
  var genesis: [String] = []

  @Flag(help: "Check nothing without --genesis, so that no script takes one ledger for another.")
  var requireGenesis = false

  @Option(help: ArgumentHelp("A checkpoint known from before.", valueName: "file"))
  var checkpoint: [String] = []

  @Option(
    name: .customLong("chain"),
    help: ArgumentHelp(
      "A chain that has to be valid, 'consortium' or a hospital; may be repeated. By default all.",
      valueName: "name"))
  var chains: [String] = []

  @Option(
    help: ArgumentHelp(
      "Write a page to print and sign: what was checked, and what of it came out, in plain words.",
      valueName: "file"))
  var report: String?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard genesis.count <= 1 else { throw ValidationError("--genesis is given once") }
    guard !requireGenesis || genesis.count == 1 else {
      throw ValidationError("--require-genesis: say with --genesis which ledger is meant")
    }
    guard checkpoint.count <= 1 else { throw ValidationError("--checkpoint is given once") }
  }

  func run() async throws {
    let meant = try genesis.first.map(GenesisArgument.digest)
    if try VisitAudit.isProof(path) {
      try verifyVisit(meant)
      return
    }
    let known = try checkpoint.first.map(Self.note)
    let audit = try Audit(
      path, genesis: meant, knownNote: known,
      chains: chains,
      console: output.console)
    if let report {
      let asked = AuditPage.Asked(genesis: genesis.first, chains: chains, note: known)
      let page = AuditPage(audit, of: path, asked: asked, at: LedgerTime.now())
      try SystemFile.create(Array(page.source.utf8), at: report)
    }
    audit.print(to: output.console)
    let (faulty, elsewhere) = (audit.faultyChains, audit.chainsElsewhere)
    if audit.passed, !faulty.isEmpty || !elsewhere.isEmpty {
      var text = "Passed of what was asked for, \(chains.joined(separator: ", "))"
      if !faulty.isEmpty { text += "; not of \(faulty.joined(separator: ", "))" }
      if !elsewhere.isEmpty { text += "; not in this file: \(elsewhere.joined(separator: ", "))" }
      output.console.line()
      output.console.line("\(text).")
    }
    if output.json { Console.write(audit) }
    if !audit.passed { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }

  private func verifyVisit(_ genesis: Digest32?) throws {
    guard checkpoint.isEmpty, chains.isEmpty, report == nil else {
      throw CommandFailure(
        .badInput, code: "not-an-export",
        "\(path): this is a proof of one visit, which --checkpoint, --chain and --report are not for",
        hint: "give them with an export")
    }
    let audit = try VisitAudit(path, genesis: genesis)
    audit.print(to: output.console)
    if output.json { Console.write(audit) }
    if !audit.passed { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }

  /// The text of a file that should hold a checkpoint. If it does not, the check of it fails as for one of
  /// another ledger, and why is said here.
  private static func note(at path: String) throws -> String {
    let bytes = try SystemFile.contents(of: path, limit: SignedNote.maximumByteCount)
    let text = String(decoding: bytes, as: UTF8.self)
    do {
      _ = try Checkpoint(body: SignedNote(encoded: text).body)
    } catch {
      let reason =
        bytes.contains(0)
        ? "it is no text ('bcemr inspect' says what a file is)"
        : bytes.contains(UInt8(ascii: "\r"))
          ? "its lines end with CR LF, not with LF" : error.message
      Console.diagnostic("\(path): this is no checkpoint: \(reason)")
    }
    return text
  }
}
