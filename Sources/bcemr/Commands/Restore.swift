import ArgumentParser
import CanonicalEncoding
import Credentials
import Foundation
import Ledger
import SQLiteBackend

struct Restore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a data folder from a backup, after checking all of it.",
    discussion: """
      The folder is new or empty, and is there when everything in it was checked, as by 'bcemr fsck', \
      or not at all. What a backup is older than was signed all the same: a folder in which parties \
      would sign a second history is named, and 'bcemr demo' does not go on with it. What is right to do \
      then is in docs/command-line.md, "After a restore".
      """)

  @Argument(help: "A file that 'bcemr backup' wrote; '-' is standard input.")
  var file: String

  @Argument(help: "A new folder, or one in which there is nothing.")
  var folder: String

  @Flag(help: "Restore also what the checks find fault with.")
  var acceptFindings = false

  @OptionGroup var output: OutputOptions

  struct Report: Encodable {
    let passed: Bool
    let restored: Bool
    let path: String
    let genesis: String
    /// Of the consortium chain, which are final, and replayed of all chains.
    let consortiumLeaves: UInt64
    let time: String
    let files: Int
    let leaves: Int
    let records: Int
    let findings: [FolderCheck.Report.Finding]
    /// To what this machine has seen of the ledger; absent where nothing was restored.
    let standing: Standing?
    let error: ReportedError?

    enum Standing: String, Encodable {
      case unseen
      case current
      case olderCopy = "older-copy"
      case copiedFolder = "copied-folder"
      case damagedNote = "damaged-note"
    }
  }

  func run() async throws {
    let console = output.console
    defer { console.endProgress() }
    let folder = String(folder.reversed().drop { $0 == "/" }.reversed())
    try SystemFile.requireNoFolder(at: folder.isEmpty ? self.folder : folder)
    try DataFolder.requireOutside(folder)
    let report = try await TemporaryItems.draft(of: folder) { draft in
      let (head, files) = try unpack(into: draft)
      return try await finish(draft, folder, head, files)
    }
    console.endProgress()
    if output.json { Console.write(report) } else { report.print(from: file, to: console) }
    if let error = report.error, report.restored, !output.json {
      Console.diagnostic(error.message)
      if let hint = error.hint { Console.diagnostic("hint: \(hint)") }
    }
    if !report.restored { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }

  private func unpack(into draft: String) throws -> (head: BackupArchive.Head, files: Int) {
    let input = try InputFile(file)
    do {
      var reader = try BackupReader { try input.read($0) }
      try DurableFile.createFolder(draft)
      var folders: Set<String> = [draft]
      var count = 0
      while let next = try reader.next() {
        output.console.progress("restoring \(next.name)")
        var parts = next.name.split(separator: "/").dropLast().map(String.init)
        var place = draft
        while !parts.isEmpty {
          place += "/\(parts.removeFirst())"
          if folders.insert(place).inserted { try DurableFile.createFolder(place) }
        }
        let file = try OutputFile(creating: "\(draft)/\(next.name)", isPrivate: true)
        while let piece = try reader.piece() { try file.write(piece) }
        try file.finish()
        count += 1
      }
      try DurableFile.create([], at: "\(draft)/lock")
      for place in folders { try DurableFile.synchronizeFolder(ofItemAt: "\(place)/") }
      return (reader.head, count)
    } catch let error as BackupError {
      throw CommandFailure(
        .checkFailed, code: "invalid-backup", "\(file): \(error.message)",
        hint: try file == "-" || SystemFile.beginsLikeBackup(file)
          ? damageHint : "'bcemr inspect \(file)' says what the file is")
    } catch let error as DurableFile.Failure {
      // The draft has a name that means nothing to anybody.
      throw CommandFailure(DurableFile.Failure(path: folder, code: error.code))
    }
  }

  /// What to do with a backup that is not whole, or not what was written.
  private var damageHint: String {
    "nothing of it was restored, and nothing mends it: take another copy of the file, or another backup; "
      + "'tar xf \(file)' takes what is in it out unchecked, and 'bcemr fsck' then names what is damaged"
  }

  /// Checks what was unpacked, and gives it its name.
  private func finish(
    _ draft: String, _ folder: String, _ head: BackupArchive.Head, _ files: Int
  ) async throws -> Report {
    let checked: FolderCheck.Report
    let existing: ExistingFolder
    do {
      existing = try ExistingFolder(draft)
      guard existing.genesis.digest == head.genesis else {
        throw CommandFailure(
          .checkFailed, code: "invalid-backup", "\(file): it is said to be of another ledger")
      }
      checked = try await FolderCheck(existing, named: folder, console: output.console).report()
    } catch {
      let failure = CommandFailure(error)
      throw CommandFailure(
        failure.exitCode, code: failure.code,
        failure.message.replacing(draft, with: folder), hint: nil)
    }
    let isRestored = checked.passed || acceptFindings
    // As what was unpacked has it, whatever the file says of itself.
    let consortium = try existing.consortium()
    var standing: Report.Standing?
    var failure: CommandFailure?
    if isRestored {
      try SystemFile.move(draft, to: folder)
      (standing, failure) = try Self.standing(of: folder)
    }
    return Report(
      passed: checked.passed, restored: isRestored, path: folder, genesis: "\(head.genesis)",
      consortiumLeaves: consortium.final?.size ?? 0, time: LedgerTime.text(consortium.time),
      files: files, leaves: checked.leaves,
      records: checked.records, findings: checked.findings, standing: standing,
      error: failure.map(ReportedError.init))
  }

  private static func standing(
    of path: String
  ) throws -> (standing: Report.Standing?, failure: CommandFailure?) {
    let folder = try DataFolder(reading: path)
    guard let ledger = try folder.ledger() else { return (nil, nil) }
    let (standing, failure) = try LedgerWitness(ledger, in: folder).standing()
    return switch standing {
    case .unseen: (.unseen, failure)
    case .current: (.current, failure)
    case .olderCopy: (.olderCopy, failure)
    case .copiedFolder: (.copiedFolder, failure)
    case .damagedNote: (.damagedNote, failure)
    }
  }
}

extension Restore.Report {
  fileprivate func print(from file: String, to console: Console) {
    for finding in findings { console.line("\(finding.file): \(finding.what)") }
    guard restored else {
      console.line(
        "\(file): \(Quantity.count(findings.count, "finding")); nothing was restored")
      console.line(
        "The folder was in this state when it was backed up, and restoring mends nothing: look for another "
          + "backup; with --accept-findings it is restored as it is, to look at it with 'bcemr fsck'."
      )
      return
    }
    console.line(
      "\(path): \(Quantity.count(files, "file")); "
        + "\(Quantity.count(Int(consortiumLeaves), "leaf")) of the consortium chain, until \(time)")
    console.line("genesis \(genesis)")
    console.line(
      passed
        ? "\(Quantity.count(leaves, "leaf")) replayed, \(Quantity.count(records, "record")) compared; "
          + "all that is here is as it was written; rows missing of a role's own do not show"
        : "\(Quantity.count(findings.count, "finding")); restored all the same")
    switch standing {
    case .unseen:
      console.line(
        "This machine has not seen the ledger before: whether it was continued since, it cannot tell."
      )
    case .current:
      console.line("It has all that was final when this machine continued the ledger last.")
    case .olderCopy:
      console.line(
        "It lacks, or may lack, what was final when this machine continued the ledger last: look for a newer backup. "
          + "It is not gone on with, and no record is opened; it can be looked at.")
    case .copiedFolder:
      console.line(
        "It has all that was final when this machine continued the ledger last, in a folder that is "
          + "there still: go on with one of the two.")
    case .damagedNote:
      console.line(
        "What this machine has noted of the ledger cannot be read: it is not gone on with.")
    case nil: break
    }
  }
}
