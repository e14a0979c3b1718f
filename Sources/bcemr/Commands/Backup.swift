import ArgumentParser
import CanonicalEncoding
import Ledger
import SQLiteBackend

struct Backup: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy a data folder, with all stores and keys, into one file.",
    discussion: """
      The file holds everything that the folder holds: every private key, unencrypted. It is made for \
      its owner alone to read, and has to be kept like the folder itself; to encrypt it, pipe it into a \
      program that does ('-' is standard output). It also keeps what roles erase later: destroy \
      backups that are not needed any more.

      Each store is copied by SQLite as of its last commit, while no other program writes in the folder, \
      and checked. The file is there when it is whole, or not at all. It is a tar file with the digests of \
      its files at its end. The largest store needs room in TMPDIR.
      """)

  @Argument(help: "The folder that 'bcemr demo --data' made.")
  var folder: String

  @Argument(help: "A new file; '-' is standard output.")
  var file: String

  @Flag(help: "Take the place of an earlier backup of this ledger.")
  var replace = false

  @OptionGroup var output: OutputOptions

  struct Report: Encodable {
    let path: String
    let genesis: String
    /// Of the consortium chain, which are final.
    let leaves: UInt64
    /// Of the ledger's last block.
    let time: String
    let files: Int
    let bytes: Int
    /// What lies in the folder and does not belong to its ledger.
    let leftOut: [String]
    /// What has to be known and is no fault; absent if there is nothing.
    let remarks: [DemoReport.Remark]?
  }

  func validate() throws {
    try PipedOutput.check(
      file, as: "'-'", of: "the backup",
      without: [("--replace", replace), ("--json", output.json)])
  }

  func run() async throws {
    let console = output.console
    let isPiped = PipedOutput.isMeant(by: file)
    let existing = try ExistingFolder(folder)
    try Self.requireWhole(existing)
    let report: Report
    if isPiped {
      let pipe = OutputFile()
      report = try await write(existing, to: pipe)
      try pipe.finish()
    } else {
      let head = try Self.head(of: existing)
      report = try await SystemFile.createBackup(of: head, at: file, replacing: replace) {
        try await write(existing, to: $0)
      }
    }
    console.endProgress()
    guard !isPiped else {
      for name in report.leftOut { Console.diagnostic("\(folder)/\(name): left out") }
      return
    }
    if output.json {
      Console.write(report)
      return
    }
    console.line(
      "\(file): \(Quantity.count(report.files, "file")), \(Quantity.bytes(report.bytes)); "
        + "\(Quantity.count(Int(report.leaves), "leaf")) of the consortium chain, until \(report.time)"
    )
    console.line("genesis \(report.genesis)")
    for name in report.leftOut {
      console.line("left out, since it does not belong to the ledger: \(folder)/\(name)")
    }
    console.line("All private keys are in it, unencrypted: keep it like the folder itself.")
  }

  /// - Throws: ``CommandFailure`` `missing` for a folder that lacks a file: no backup without it takes the
  ///   place of one that has it.
  private static func requireWhole(_ existing: ExistingFolder) throws {
    let path = existing.folder.path
    guard let missing = try existing.folder.missingFiles(members: existing.members).first else {
      return
    }
    throw CommandFailure(
      .checkFailed, code: "\(missing.code)", "\(missing.file): \(missing.what)",
      hint: "'bcemr fsck \(path)' says what else is wrong")
  }

  private static func head(of existing: ExistingFolder) throws -> BackupArchive.Head {
    guard let ledger = try existing.folder.ledger(), ledger.keeper != nil else {
      throw CommandFailure(
        .checkFailed, code: "unreadable",
        "\(existing.folder.path): nobody's replay of the consortium chain can be read",
        hint: "'bcemr fsck \(existing.folder.path)' says what is wrong")
    }
    return BackupArchive.Head(
      genesis: existing.genesis.digest, leaves: ledger.consortium.final?.size ?? 0,
      until: LedgerTime.text(ledger.consortium.time))
  }

  private func write(_ existing: ExistingFolder, to file: OutputFile) async throws -> Report {
    let console = output.console
    let data = existing.folder
    let head = try Self.head(of: existing)
    let inventory = try data.inventory()
    let settings = inventory.others.filter(BackupReader.otherFiles.contains)
    let names = (inventory.files + settings).sorted()
    var writer = try BackupWriter(head) { try file.write($0) }
    for (index, name) in names.enumerated() {
      console.progress("backing up \(name), \(index + 1) of \(names.count)")
      if DataFolder.isStore(name) {
        try await Self.add(store: name, of: data, to: &writer)
      } else {
        try writer.add(name, SystemFile.contents(of: "\(data.path)/\(name)", limit: 1 << 20))
      }
    }
    try writer.finish()
    return Report(
      path: self.file, genesis: "\(head.genesis)", leaves: head.leaves, time: head.until,
      files: names.count, bytes: file.byteCount,
      leftOut: inventory.others.filter { !settings.contains($0) },
      remarks: existing.remarks(for: console))
  }

  /// Adds a copy that SQLite has made, in a folder that nobody else can enter.
  private static func add(
    store name: String, of data: DataFolder, to writer: inout BackupWriter
  ) async throws {
    var copied = writer
    try await TemporaryItems.folder { folder in
      let path = "\(folder.path)/copy"
      try data.copyStore(name, to: path)
      let size = try SystemFile.byteCount(of: path)
      let copy = try InputFile(path)
      try copied.add(name, byteCount: size) { try copy.read($0) }
    }
    writer = copied
  }
}
