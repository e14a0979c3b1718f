import ArgumentParser
import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Pairings
import SQLiteBackend
import TransparencyLog

struct Fsck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check all that a data folder holds, and change nothing.",
    discussion: """
      First every store by itself: form, digests, the chain of the ordering log, the modes of key \
      files. Then the stores against each other: the log replays to what the supernodes cosigned, \
      and the cloud holds the record of every complete visit.
      """)

  @Argument(help: "The folder that 'bcemr demo --data' made.")
  var folder: String

  @OptionGroup var output: OutputOptions

  struct Report: Encodable {
    struct Finding: Encodable {
      let code: String
      let file: String
      let what: String
    }

    let passed: Bool
    let findings: [Finding]
    /// Entries replayed and records compared; 0 if the stores by themselves are damaged.
    let entries: Int
    let records: Int
  }

  func run() async throws {
    let console = output.console
    let existing = try ExistingFolder(folder)
    console.progress("checking the stores of \(folder)")
    var findings = try existing.folder.findings().map {
      Report.Finding(code: "\($0.code)", file: $0.file, what: $0.what)
    }
    var (entries, records) = (0, 0)
    if findings.isEmpty {
      console.progress("replaying the ledger of \(folder)")
      let replica = try await existing.replica()
      entries = Int(replica.nextPosition)
      findings = try compareCheckpoints(replica, existing.folder)
      let (count, differing) = try await compareRecords(replica, existing.folder)
      (records, findings) = (count, findings + differing)
    }
    console.endProgress()
    let report = Report(
      passed: findings.isEmpty, findings: findings, entries: entries, records: records)
    if output.json {
      Console.write(report)
    } else {
      for finding in report.findings { console.line("\(finding.file): \(finding.what)") }
      console.line(
        report.passed
          ? "\(folder): \(Quantity.count(report.entries, "ledger entry")) replayed, "
            + "\(Quantity.count(report.records, "record")) compared; all is as it was written"
          : "\(folder): \(Quantity.count(report.findings.count, "finding"))")
    }
    if !report.passed { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }

  /// Compares the replay with what each supernode cosigned last: a log that lost its end, or that
  /// was exchanged, is found here.
  private func compareCheckpoints(
    _ replica: Replica, _ folder: DataFolder
  ) throws -> [Report.Finding] {
    try replica.genesis.genesis.supernodes.flatMap { supernode in
      try Supernode.cosignedCheckpoints(in: folder.roleStore(supernode.id))
        .filter { chain, known in
          replica.checkpoint(of: chain, size: Int(clamping: known.size)) != known
        }
        .map { chain, _ in
          Report.Finding(
            code: "diverged", file: "\(self.folder)/ordering",
            what: "it does not lead to the checkpoint of \(chain) that \(supernode.id) cosigned")
        }
    }
  }

  /// Compares each complete visit with the cloud's record of it.
  private func compareRecords(
    _ replica: Replica, _ folder: DataFolder
  ) async throws -> (records: Int, findings: [Report.Finding]) {
    let store = try folder.recordStore()
    var records = 0
    var findings: [Report.Finding] = []
    for hospital in replica.genesis.hospitals {
      for (id, visit) in replica.hospitals[hospital]?.state.visits ?? [:] {
        guard case .complete(let digest) = visit.status else { continue }
        let record = try await store.record(ofVisit: id).flatMap { try? SealedRecord(encoded: $0) }
        if record?.recordDigest(visitKey: visit.context.visitKey) == digest {
          records += 1
        } else {
          findings.append(
            Report.Finding(
              code: record == nil ? "missing" : "wrong-digest", file: "\(self.folder)/cloud",
              what: "the record of visit \(id) of \(hospital) is not the one on the ledger"))
        }
      }
    }
    return (records, findings)
  }
}
