import ArgumentParser
import CanonicalEncoding
import Consortium
import EMRScheme
import Foundation
import Ledger
import SQLiteBackend
import TransparencyLog

struct Fsck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check all that a data folder holds, and change nothing.",
    discussion: """
      First every store by itself: whether it is there, form, digests, the hash chains of the logs, \
      the modes of key files. Then, if these are in order, the stores against each other: every chain \
      is made anew from its log, and from the leaves that others keep of it, with every signature, \
      and each row of each party's state is compared; the chains are those that supernodes and cloud \
      cosigned, and the cloud holds the record of every complete visit.
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
    /// Leaves of the cloud that were replayed, and records compared; 0 if the stores by themselves
    /// are damaged, and nothing was replayed.
    let leaves: Int
    let records: Int
  }

  func run() async throws {
    let console = output.console
    let existing = try ExistingFolder(folder)
    console.progress("checking the stores of \(folder)")
    let damages =
      try existing.folder.findings() + existing.folder.missingFiles(genesis: existing.genesis)
    var findings = damages.map {
      Report.Finding(code: "\($0.code)", file: $0.file, what: $0.what)
    }
    var (leaves, records) = (0, 0)
    let isReplayed = damages.allSatisfy { $0.code == .insecureFile }
    if isReplayed {
      console.progress("replaying the ledger of \(folder)")
      var faults: [Report.Finding] = []
      do {
        (leaves, faults) = try self.replay(existing, console)
      } catch {
        faults = [try finding(error, "\(folder)/cloud")]
      }
      var replay = try FolderReplay(
        existing, console: console, cloudIsVerified: faults.isEmpty)
      try await replay.run()
      findings += faults + replay.findings
      do {
        findings += try compareCheckpoints(existing)
        let (kept, differing) = try await compareRecords(existing)
        (records, findings) = (kept, findings + differing)
      } catch {
        let failure = try finding(error, folder)
        // Whoever's chain cannot be opened has been named.
        if findings.isEmpty { findings = [failure] }
      }
    }
    console.endProgress()
    let report = Report(
      passed: findings.isEmpty, findings: findings, leaves: leaves, records: records)
    if output.json {
      Console.write(report)
    } else {
      for finding in report.findings { console.line("\(finding.file): \(finding.what)") }
      console.line(
        report.passed
          ? "\(folder): \(Quantity.count(report.leaves, "leaf")) replayed, "
            + "\(Quantity.count(report.records, "record")) compared; all is as it was written"
          : "\(folder): \(Quantity.count(report.findings.count, "finding"))"
            + (isReplayed ? "" : "; nothing was replayed"))
    }
    if !report.passed { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }

  /// Why a store cannot be read. That there is no room for temporary files is no finding.
  private func finding(_ error: any Error, _ file: String) throws -> Report.Finding {
    let failure = CommandFailure(error)
    guard failure.code != "\(StoreError.Code.full)" else { throw failure }
    return Report.Finding(code: failure.code, file: file, what: failure.message)
  }

  /// Makes every decision of the rules again, on an export of what the cloud has.
  private func replay(
    _ existing: ExistingFolder, _ console: Console
  ) throws -> (leaves: Int, findings: [Report.Finding]) {
    let path =
      FileManager.default.temporaryDirectory.path
      + "/bcemr-fsck-\(UInt64.random(in: .min ... .max)).tar"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let logs = try existing.logs()
    let file = try OutputFile(creating: path)
    var sink = UstarSink { try file.write($0) }
    try ExportWriter.write(genesis: existing.genesis, logs: logs, to: &sink)
    try file.finish()
    let audit = try Audit(path, genesis: existing.genesis.digest, console: console)
    let findings = audit.error.map {
      [Report.Finding(code: $0.code, file: "\(folder)/cloud", what: $0.message)]
    }
    return (logs.reduce(0) { $0 + Int($1.size) }, findings ?? [])
  }

  /// Compares what each supernode cosigned and each hospital wrote with what the cloud has: a chain
  /// that lost its end, or that was exchanged, is found here.
  private func compareCheckpoints(_ existing: ExistingFolder) throws -> [Report.Finding] {
    let (folder, genesis) = (existing.folder, existing.genesis)
    var findings: [Report.Finding] = []
    for supernode in genesis.genesis.supernodes {
      let store = try existing.state(supernode.id, chain: ChainName.consortium)
      let view = try ConsortiumView(genesis: genesis, store: store)
      let known = try Supernode.cosignedCheckpoint(in: folder.roleStore(supernode.id))
      if let known, try known.size > view.size || view.checkpoint(size: known.size) != known {
        findings.append(
          Report.Finding(
            code: "diverged", file: "\(self.folder)/\(supernode.id)",
            what: "the consortium chain is not the one that \(supernode.id) cosigned"))
      }
    }
    let consortium = try existing.state("cloud", chain: ChainName.consortium)
    for hospital in genesis.hospitals {
      let cloud = try HospitalView(
        genesis: genesis, hospital: hospital,
        store: existing.state("cloud", chain: hospital), consortium: consortium)
      let own = try HospitalView(
        genesis: genesis, hospital: hospital,
        store: existing.state(hospital, chain: hospital), consortium: consortium)
      let size = min(own.size, cloud.size)
      if try own.root(size: size) != cloud.root(size: size) || own.size < cloud.size {
        findings.append(
          Report.Finding(
            code: "diverged", file: "\(self.folder)/\(hospital)",
            what: "the chain is not the one that the cloud confirmed"))
      }
    }
    return findings
  }

  /// Compares each complete visit with the cloud's record of it.
  private func compareRecords(
    _ existing: ExistingFolder
  ) async throws -> (records: Int, findings: [Report.Finding]) {
    let store = try existing.folder.recordStore()
    var records = 0
    var findings: [Report.Finding] = []
    for log in try existing.logs() where log.chain != ChainName.consortium {
      var position: UInt64 = 0
      while position < log.size {
        let (completions, next) = try log.completions(from: position)
        for completion in completions {
          let visit = completion.context.visitID
          let record = try await store.record(ofVisit: visit)
            .flatMap { try? SealedRecord(encoded: $0) }
          if record?.recordDigest(visitKey: completion.context.visitKey)
            == completion.recordDigest
          {
            records += 1
          } else {
            findings.append(
              Report.Finding(
                code: record == nil ? "missing" : "wrong-digest", file: "\(self.folder)/cloud",
                what: "the record of visit \(visit) of \(log.chain) is not the one on the ledger"
              ))
          }
        }
        position = next
      }
    }
    return (records, findings)
  }
}
