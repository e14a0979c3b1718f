import ArgumentParser
import CanonicalEncoding
import Ledger
import SQLiteBackend

struct Prove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a file that shows one visit, and nothing else of the ledger.",
    discussion: """
      What was agreed, the team with its registrations, the signature of all, the digest of the record and the \
      patient's receipt, up to a checkpoint of the delegates: 'bcemr verify' checks the file alone, offline. \
      It holds no record and no key, and does not show who the patient is. It does not grow with the ledger, but by \
      the end of each epoch.
      """)

  @Argument(
    help: ArgumentHelp(
      "The visit's identifier, 64 hexadecimal digits, or the first 8 or more of them.",
      valueName: "visit"))
  var visit: String

  @Option(help: ArgumentHelp("The folder that 'bcemr demo --data' made.", valueName: "folder"))
  var data: String

  @Option(
    name: [.customLong("output"), .customShort("o")],
    help: ArgumentHelp("A new file; '-' is standard output.", valueName: "path"))
  var path: String

  @Option(
    help: ArgumentHelp(
      "Whose chain the visit stands on, if several have one of this name.", valueName: "name"))
  var hospital: String?

  @OptionGroup var output: OutputOptions

  struct Report: Encodable {
    let path: String
    let genesis: String
    let visit: String
    let hospital: String
    let bytes: Int
    /// What has to be known and is no fault; absent if there is nothing.
    let remarks: [DemoReport.Remark]?
  }

  func validate() throws {
    try PipedOutput.check(path, as: "-o -", of: "the file", without: [("--json", output.json)])
  }

  func run() async throws {
    let existing = try ExistingFolder(data)
    let found = try existing.visit(visit, at: hospital)
    let consortium = try existing.consortium()
    let proof: VisitProof
    do {
      proof = try VisitProof(
        of: found.visit, on: existing.chain(found.hospital), consortium)
    } catch let error as UnprovableVisit {
      throw CommandFailure(
        .badInput, code: error.code, "\(data): visit \(found.visit) \(error.words)")
    }
    var bytes: [UInt8] = []
    var sink = UstarSink { bytes += $0 }
    try sink.write(existing.genesis.content.encoded(), to: ExportPath.genesis)
    try sink.write(proof.encoded(), to: ExportPath.visit)
    try sink.finish()
    let remarks = existing.remarks(for: output.console)
    if PipedOutput.isMeant(by: path) {
      let file = OutputFile()
      try file.write(bytes)
      try file.finish()
      return
    }
    try SystemFile.create(bytes, at: path)
    let report = Report(
      path: path, genesis: "\(existing.genesis.digest)", visit: "\(found.visit)",
      hospital: found.hospital, bytes: bytes.count, remarks: remarks)
    if output.json {
      Console.write(report)
      return
    }
    output.console.line(
      "\(path): visit \(report.visit) of \(report.hospital), \(Quantity.bytes(report.bytes))")
    output.console.line("genesis \(report.genesis)")
    output.console.line("Whoever verifies it has to learn this hash in another way.")
    output.console.line(
      "Whether another visit amends this one is not in it: 'bcemr inspect --visit' says so.")
  }
}

extension UnprovableVisit {
  fileprivate var code: String {
    switch self {
    case .unknown: "unknown-visit"
    case .open: "visit-not-complete"
    case .notFinal: "not-final"
    }
  }

  fileprivate var words: String {
    switch self {
    case .unknown: "is not on the ledger"
    case .open: "is neither complete nor abandoned"
    case .notFinal: "is not final yet"
    }
  }
}
