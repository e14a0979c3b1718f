import CanonicalEncoding
import Consortium
import EMRScheme
import Foundation
import Ledger
import SQLiteBackend

/// Checks all that a data folder holds, and changes nothing.
struct FolderCheck {
  struct Report: Encodable {
    struct Finding: Encodable, Equatable {
      let code: String
      let file: String
      let what: String

      /// - Parameter what: may name the file before what is wrong with it.
      init(code: String, file: String, what: String) {
        let place = "\(file): "
        (self.code, self.file) = (code, file)
        self.what = what.hasPrefix(place) ? String(what.dropFirst(place.count)) : what
      }
    }

    let passed: Bool
    let findings: [Finding]
    /// Leaves of the cloud that were replayed, and records compared; 0 if the stores by themselves
    /// are damaged, and nothing was replayed.
    let leaves: Int
    let records: Int
    private var isReplayed = true
    /// What has to be known and is no fault; absent if there is nothing.
    var remarks: [DemoReport.Remark]?

    private enum CodingKeys: CodingKey { case passed, findings, leaves, records, remarks }

    init(findings: [Finding], leaves: Int, records: Int, isReplayed: Bool) {
      passed = findings.isEmpty
      (self.findings, self.leaves, self.records) = (findings, leaves, records)
      self.isReplayed = isReplayed
    }

    /// The sentence behind the findings.
    var summary: String {
      passed
        ? "\(Quantity.count(leaves, "leaf")) replayed, "
          + "\(Quantity.count(records, "record")) compared; all that is here is as it was "
          + "written; rows missing of a role's own do not show"
        : Quantity.count(findings.count, "finding")
          + (isReplayed ? "" : "; nothing was replayed")
    }

    func printFindings(to console: Console) {
      for finding in findings { console.line("\(finding.file): \(finding.what)") }
    }
  }

  private let existing: ExistingFolder
  private let folder: String
  private let name: String
  private let console: Console

  /// - Parameter name: what messages call the folder.
  init(_ existing: ExistingFolder, named name: String, console: Console) {
    (self.existing, self.name, self.console) = (existing, name, console)
    folder = existing.folder.path
  }

  /// - Throws: what keeps the check from being made, as a full disk.
  func report() async throws -> Report {
    console.progress("checking the stores of \(name)")
    let damages =
      try existing.folder.findings() + existing.folder.missingFiles(members: existing.members)
    var findings = damages.map {
      Report.Finding(code: "\($0.code)", file: $0.file, what: $0.what)
    }
    var (leaves, records) = (0, 0)
    let isReplayed = damages.allSatisfy {
      $0.code == .insecureFile || ($0.file.hasSuffix("/keys.pem") && $0.code != .missing)
    }
    var keys = KeyFileCheck(existing, passingOver: Set(damages.map(\.file)))
    if isReplayed {
      console.progress("replaying the ledger of \(name)")
      var faults: [Report.Finding] = []
      do {
        (leaves, faults) = try self.replay()
      } catch {
        faults = [try finding(error, "\(folder)/cloud")]
      }
      var replay = try FolderReplay(
        existing, console: console, cloudIsVerified: faults.isEmpty)
      try await replay.run()
      // What stops the export of a chain stops its replay, too.
      findings += faults.filter { !replay.findings.contains($0) } + replay.findings
      keys.directory = try replay.directory()
      do {
        let (kept, differing) = try await compareRecords()
        (records, findings) = (kept, findings + differing)
      } catch {
        let failure = try finding(error, folder)
        // Whoever's chain cannot be opened has been named.
        if findings.isEmpty { findings = [failure] }
      }
    }
    findings += try keys.findings()
    // A log that cannot be read was named.
    let logs = isReplayed ? (try? existing.logs()) : nil
    findings += try DemoSettings.findings(in: existing.folder, logs)
    console.endProgress()
    return Report(
      findings: findings.map(renamed), leaves: leaves, records: records, isReplayed: isReplayed)
  }

  /// With the name of the folder in the place of where it is.
  private func renamed(_ finding: Report.Finding) -> Report.Finding {
    func text(_ text: String) -> String { text.replacing("\(folder)/", with: "\(name)/") }
    return Report.Finding(
      code: finding.code, file: text(finding.file), what: text(finding.what))
  }

  /// Why a store cannot be read. That there is no room for temporary files is no finding.
  private func finding(_ error: any Error, _ file: String) throws -> Report.Finding {
    let failure = CommandFailure(error)
    guard failure.code != "\(StoreError.Code.full)" else { throw failure }
    return Report.Finding(code: failure.code, file: failure.place ?? file, what: failure.message)
  }

  /// Makes every decision of the rules again, on an export of what the clouds have.
  private func replay() throws -> (leaves: Int, findings: [Report.Finding]) {
    let logs = try existing.logs()
    let audit = try TemporaryItems.file { path in
      let file = try OutputFile(creating: path)
      var sink = UstarSink { try file.write($0) }
      try ExportWriter.write(genesis: existing.genesis, logs: logs, to: &sink)
      try file.finish()
      return try Audit(path, genesis: existing.genesis.digest, console: console)
    }
    return (logs.reduce(0) { $0 + Int($1.size) }, Self.findings(audit, existing))
  }

  /// The first fault that the rules find, with the cloud that keeps the chain.
  private static func findings(
    _ audit: Audit, _ existing: ExistingFolder
  ) -> [Report.Finding] {
    guard let error = audit.error else { return [] }
    let chain = audit.summary?.chains.first { $0.fault != nil }?.name ?? ChainName.consortium
    let cloud =
      chain == ChainName.consortium ? existing.allClouds[0] : existing.keeper(of: chain)
    return [
      Report.Finding(
        code: error.code, file: "\(existing.folder.path)/\(cloud)", what: error.message)
    ]
  }

  /// Compares each complete visit with the record that the hospital's cloud has of it. One that the cloud
  /// has not got yet from the cloud before it, and asks for, is looked for there.
  private func compareRecords() async throws -> (records: Int, findings: [Report.Finding]) {
    var records = 0
    var faults: [String: RecordFaults] = [:]
    let stores = try existing.allClouds.map { ($0, try existing.folder.recordStore($0)) }
    for log in try existing.logs() where log.chain != ChainName.consortium {
      let cloud = existing.cloud(of: log.chain)
      let wanted = try existing.folder.roleStore(cloud)
      // Where the chain is still on its way, the cloud does not know yet what to ask for.
      let isOnItsWay = existing.keeper(of: log.chain) != cloud
      var position: UInt64 = 0
      while position < log.size {
        let (completions, next) = try log.completions(from: position)
        for completion in completions {
          let visit = completion.context.visitID
          let mayBeElsewhere =
            try isOnItsWay || WantedRecords.contain(visit, of: log.chain, in: wanted)
          var (isThere, isMissing) = (false, true)
          for (owner, store) in stores where owner == cloud || mayBeElsewhere {
            let custody = RecordCustody(records: store)
            if owner == cloud { isMissing = try await !custody.hasBegun(completion) }
            if await custody.holds(completion) { isThere = true }
          }
          if isThere {
            records += 1
          } else {
            faults[cloud, default: RecordFaults(file: "\(folder)/\(cloud)/records.sqlite")]
              .add("\(visit) of \(log.chain)", isMissing: isMissing)
          }
        }
        position = next
      }
    }
    return (records, existing.allClouds.flatMap { faults[$0]?.findings ?? [] })
  }
}

/// Visits whose records are missing or not those on the ledger: some of either by name, then their
/// number.
private struct RecordFaults {
  let file: String
  private var missing: [String] = []
  private var changed: [String] = []
  private var (missingCount, changedCount) = (0, 0)

  private static let limit = 8

  init(file: String) { self.file = file }

  mutating func add(_ visit: String, isMissing: Bool) {
    if isMissing {
      missingCount += 1
      if missingCount <= Self.limit { missing.append(visit) }
    } else {
      changedCount += 1
      if changedCount <= Self.limit { changed.append(visit) }
    }
  }

  var findings: [FolderCheck.Report.Finding] {
    findings("missing", missing, missingCount, "is missing", "are missing")
      + findings(
        "wrong-digest", changed, changedCount, "is not the one on the ledger",
        "are not those on the ledger")
  }

  private func findings(
    _ code: String, _ visits: [String], _ count: Int, _ one: String, _ many: String
  ) -> [FolderCheck.Report.Finding] {
    var texts = visits.map { "the record of visit \($0) \(one)" }
    let more = count - visits.count
    if more > 0 { texts.append("\(more) more \(more == 1 ? "record \(one)" : "records \(many)")") }
    return texts.map { FolderCheck.Report.Finding(code: code, file: file, what: $0) }
  }
}
