import ArgumentParser

struct Fsck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check all that a data folder holds, and change nothing.",
    discussion: """
      First every store by itself: whether it is there, form, digests, the hash chains of the logs; \
      and key files, whether they are those that the ledger knows. Then, if the stores are in order, \
      each against the others: every chain is made anew from its log, and from the leaves that \
      parties keep of it, with every signature, and each row of each party's chains is compared; they \
      reach to what is anchored and cosigned, delegates remember what others have of their votes, and \
      the cloud holds the record of every complete visit, or asks the cloud before it, which has it. \
      The folder needs about as much room again in \
      TMPDIR.
      """)

  @Argument(help: "The folder that 'bcemr demo --data' made.")
  var folder: String

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let console = output.console
    let existing = try ExistingFolder(folder)
    var report = try await FolderCheck(existing, named: folder, console: console).report()
    report.remarks = existing.remarks(for: console)
    if output.json {
      Console.write(report)
    } else {
      report.printFindings(to: console)
      console.line("\(folder): \(report.summary)")
    }
    if !report.passed { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }
}
