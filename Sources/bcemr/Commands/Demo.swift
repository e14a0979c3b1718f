import ArgumentParser
import ClinicalRecords
import Consortium
import Foundation
import SQLiteBackend

struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a whole consortium in one process on a patient's history.",
    discussion: """
      One system manager, three hospitals and a cloud operator diagnose a history visit by visit, \
      sign, store and confirm it; the patient shares half of it with a doctor of another hospital; \
      the ledger is exported and verified. Private keys lie unencrypted in the data folder and are \
      labelled as demonstration keys: not for patients.

      With --consortium it shows instead how the organisations decide about themselves: a hospital \
      joins by vote, a delegate that misses its turns loses its seat, a doctor retires, a delegate \
      that votes twice is convicted, takes new keys and is readmitted by vote, and a hospital's chain \
      moves with its records to a second cloud.
      """)

  @Option(
    help: ArgumentHelp(
      "A FHIR R4 Bundle of one patient, or NDJSON, up to 64 MiB; repeatable. Without it a small example.",
      valueName: "file"))
  var history: [String] = []

  @Flag(help: "Make a history of each patient of a file.")
  var split = false

  @Option(help: ArgumentHelp("How many doctors sign a visit, 1 to 16.", valueName: "n"))
  var doctors = 3

  @Option(help: ArgumentHelp("At most so many visits of each history.", valueName: "k"))
  var visits: Int?

  @Option(
    help: ArgumentHelp(
      "Where the consortium lives, to go on with it later. Without it a temporary folder.",
      valueName: "folder"))
  var data: String?

  @Flag(help: "Draw the first ticket and the first presence as QR codes.")
  var codes = false

  @Option(
    help: ArgumentHelp(
      "Roster and rule of the hospitals, as JSON, instead of the demonstration's own.",
      valueName: "file"))
  var staffing: String?

  @Flag(help: "Show how the consortium decides who takes part and who decides.")
  var consortium = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard Visit.teamSizes.contains(doctors) else {
      throw ValidationError("--doctors is 1 to 16")
    }
    guard visits.map({ $0 > 0 }) ?? true else { throw ValidationError("--visits is at least 1") }
    guard !consortium || (history.isEmpty && visits == nil && staffing == nil && !codes) else {
      throw ValidationError("--consortium has no histories, no codes and no --staffing")
    }
  }

  func run() async throws {
    if consortium {
      try await showConsortium()
      return
    }
    // All files are read before anything is written.
    let inputs =
      try history.isEmpty ? [HistoryInput.example()] : HistoryInput.read(history, splits: split)
    let histories = try inputs.map { try DemoHistory($0, team: doctors, visitLimit: visits) }
    let staffing = try staffing.map(plan)
    let report =
      if let data {
        try await demonstrate(histories, staffing, continuing: Self.folder(data))
      } else {
        try await TemporaryItems.folder { try await demonstrate(histories, staffing, in: $0) }
      }
    if output.json { Console.write(report) } else { report.print(to: output.console) }
    if !report.passed { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }

  /// Opens a folder that is to stay, or makes it.
  private static func folder(_ path: String) throws -> DataFolder {
    if FileManager.default.fileExists(atPath: path), !SystemFile.isFolder(path) {
      throw CommandFailure(
        .badInput, code: "not-a-folder", "\(path): this is no folder, and --data is one",
        hint: "a history is given with --history")
    }
    try LedgerWitness.requireFree(path)
    return try DataFolder(path: path)
  }

  private func continuing<Value>(
    _ folder: DataFolder, require: (FolderLedger?) throws -> Void,
    _ body: (DataFolder, FolderRun) async throws -> Value
  ) async throws -> Value {
    let settings = DemoSettings(doctors: doctors)
    // One with --consortium founds its own, and finds that there is another.
    if !consortium { try settings.check(folder) }
    let console = output.console
    return try await FolderRun.run(in: folder, telling: { console.line($0) }, require: require) {
      let value = try await body(folder, $0)
      try settings.note(in: folder)
      return value
    }
  }

  private func showConsortium() async throws {
    let report =
      if let data {
        try await continuing(Self.folder(data), require: Self.requireNone(data)) {
          folder, run in
          var report = try await showConsortium(in: folder) { try run.begin() }
          report.remarks = run.remarks
          return report
        }
      } else {
        try await TemporaryItems.folder { try await showConsortium(in: $0) }
      }
    if output.json { Console.write(report) } else { report.print(to: output.console) }
    if !report.passed { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }

  private static func requireNone(_ path: String) -> (FolderLedger?) throws -> Void {
    { ledger in
      guard ledger != nil else { return }
      throw CommandFailure(
        .badInput, code: "not-empty", "\(path): there is a consortium in this folder",
        hint: "--consortium founds one of its own; name a new folder")
    }
  }

  private func showConsortium(
    in folder: DataFolder, beforeSigning: @escaping @Sendable () throws -> Void = {}
  ) async throws -> ConsortiumReport {
    let console = output.console
    defer { console.endProgress() }
    var demonstration = try await ConsortiumDemonstration(
      in: folder, team: doctors, beforeSigning: beforeSigning, console: console)
    do {
      return try await demonstration.run()
    } catch {
      throw await demonstration.consortium.cause(of: error)
    }
  }

  /// Roster and rule from a file.
  private func plan(_ path: String) throws -> StaffingPlan {
    let plan: StaffingPlan
    do {
      plan = try StaffingPlan(
        json: try SystemFile.contents(of: path, limit: StaffingPlan.byteLimit), teamSize: doctors)
    } catch let error as ConsortiumError {
      throw CommandFailure(.badInput, code: "\(error.code)", "\(path): \(error.message)")
    }
    let sizes = [plan.rule.teamSize] + plan.rule.clauses.compactMap(\.teamSize)
    guard sizes.allSatisfy({ $0 == doctors }) else {
      throw CommandFailure(
        .badInput, code: "\(ConsortiumError.Code.invalidStaffing)",
        "\(path): a team_size is not \(doctors)",
        hint: "the demonstration divides a visit among the doctors of --doctors")
    }
    return plan
  }

  /// In a folder that is to stay.
  private func demonstrate(
    _ histories: [DemoHistory], _ staffing: StaffingPlan?, continuing folder: DataFolder
  ) async throws -> DemoReport {
    // The run itself is noted when it begins.
    let remark = try LedgerWitness.remark(on: folder)
    return try await continuing(
      folder, require: { if let ledger = $0 { try LedgerClock.check(ledger, in: folder) } }
    ) { folder, run in
      if let remark { output.console.line(remark.message) }
      var report = try await demonstrate(histories, staffing, in: folder) { try run.begin() }
      let remarks = (remark.map { [$0] } ?? []) + (run.remarks ?? [])
      report.remarks = remarks.isEmpty ? nil : remarks
      return report
    }
  }

  private func demonstrate(
    _ histories: [DemoHistory], _ staffing: StaffingPlan?, in folder: DataFolder,
    beforeSigning: @escaping @Sendable () throws -> Void = {}
  ) async throws -> DemoReport {
    let console = output.console
    defer { console.endProgress() }
    var demonstration = try await Demonstration(
      in: folder, team: doctors, staffing: staffing, drawsCodes: codes,
      beforeSigning: beforeSigning,
      console: console)
    do {
      return try await demonstration.run(histories)
    } catch {
      throw await demonstration.consortium.cause(of: error)
    }
  }
}

extension DemoReport {
  /// The tables at the end of the story.
  fileprivate func print(to console: Console) {
    let roles = phases.first?.roles.map(\.role) ?? []
    func table(_ cell: (PhaseReport.Share) -> String, _ total: (PhaseReport) -> String) -> String {
      Table.text(
        [["phase"] + roles + ["all"]] + phases.map { [$0.phase] + $0.roles.map(cell) + [total($0)] }
      )
    }
    console.heading("Time of each role's own work, by phase")
    console.line(
      table(
        { Quantity.time(nanoseconds: $0.nanoseconds) },
        { Quantity.time(nanoseconds: $0.nanoseconds) }))
    console.heading("Bytes that each role sent, by phase")
    console.line(table({ Quantity.bytes($0.bytesSent) }, { Quantity.bytes($0.bytes) }))
    console.line()
    let failed = checks.count { !$0.passed }
    console.line(
      failed == 0
        ? "All \(checks.count) checks passed, in \(Quantity.time(nanoseconds: nanoseconds))."
        : "\(failed) of \(checks.count) checks FAILED.")
  }
}
