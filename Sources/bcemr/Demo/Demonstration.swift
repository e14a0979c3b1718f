import CanonicalEncoding
import ClinicalRecords
import Consortium
import Foundation
import Ledger
import SQLiteBackend

/// The whole life of some histories: visits, sharing, revocation, export, verification.
///
/// Whatever must be refused is tried, and its refusal is one of the checks.
struct Demonstration {
  let consortium: LocalConsortium
  private let narrator: Narrator
  let console: Console
  private let team: Int
  private var report: DemoReport
  /// Whether codes, and the words of a recovery phrase, are shown.
  let showsCodes: Bool

  private static let purpose = "treatment"
  static let consentSeconds: UInt64 = 30 * 86_400

  /// Founds the consortium of a folder, or opens it.
  ///
  /// - Parameters:
  ///   - staffing: roster and rule of every hospital; nil for the demonstration's own.
  ///   - drawsCodes: whether the first ticket and the first presence are drawn, and a recovery phrase is
  ///     shown.
  init(
    in folder: DataFolder, team: Int, staffing: StaffingPlan? = nil, drawsCodes: Bool,
    console: Console
  ) async throws {
    let narrator = Narrator(console, team: team, drawsCodes: drawsCodes)
    console.progress("founding the consortium, registering doctors")
    var configuration = LocalConsortium.Configuration(teamSize: team)
    // So many that a rule has a choice.
    let staff = max(team, 3) + 3
    (configuration.doctors, configuration.staffing) = (staff, staffing)
    consortium = try await LocalConsortium.open(
      storage: folder, configuration: configuration,
      environment: .init(
        clock: LedgerTime.now, nanoseconds: MonotoneTime.nanoseconds, observe: narrator.tell))
    let genesis = consortium.genesis
    let doctors = genesis.members.hospitals.count * staff
    console.line(
      "1 system manager, \(Quantity.count(genesis.members.hospitals.count, "hospital")) with \(doctors) "
        + "doctors, 1 cloud operator; every role has its own keys and storage.")
    (self.narrator, showsCodes) = (narrator, drawsCodes)
    self.console = console
    self.team = team
    report = DemoReport(
      genesis: "\(genesis.digest)", suite: genesis.genesis.suite, teamSize: team, doctors: doctors)
  }

  mutating func run(_ histories: [DemoHistory]) async throws -> DemoReport {
    let start = MonotoneTime.nanoseconds()
    for (index, history) in histories.enumerated() {
      try await run(history, isFirst: index == 0)
    }
    try await exportAndVerify()
    let readings = consortium.meter.readings
    report.phases = Phase.allCases.map { DemoReport.PhaseReport($0, readings) }
    report.nanoseconds = MonotoneTime.nanoseconds() - start
    let failed = report.checks.filter { !$0.passed }
    report.passed = failed.isEmpty
    report.error = failed.first.map { ReportedError(code: "check-failed", message: $0.name) }
    return report
  }

  mutating func check(_ name: String, _ passed: Bool) {
    report.checks.append(DemoReport.Check(name: name, passed: passed))
    if !passed, !console.isQuiet { Console.diagnostic("check failed: \(name)") }
  }

  // MARK: Visits

  private mutating func run(_ history: DemoHistory, isFirst: Bool) async throws {
    console.heading("\(history.introduction): \(Quantity.count(history.visits.count, "visit"))")
    try await consortium.addPatient(contact: history.contact, identity: history.identity)
    var held: [HeldVisit] = []
    var result = DemoReport.HistoryReport(file: history.path, patient: history.contact)
    for (index, visit) in history.visits.enumerated() {
      console.progress("\(history.contact): visit \(index + 1) of \(history.visits.count)")
      narrator.begin(visit, number: index + 1, of: history.visits.count)
      let plan = try history.plan(
        visit, team: team, hospitals: consortium.genesis.members.hospitals,
        isFirst: isFirst && index == 0)
      let start = MonotoneTime.nanoseconds()
      let outcome = try await consortium.hold(plan)
      let isAcknowledged = outcome.wasKnown || outcome.record?.record != nil
      check("visit \(outcome.visit): the patient acknowledges the record", isAcknowledged)
      held.append(HeldVisit(visit: outcome.visit, findings: plan.findings, number: index + 1))
      result.visits.append(
        DemoReport.VisitReport(
          encounter: plan.encounter, hospital: plan.hospital, visit: "\(outcome.visit)",
          team: outcome.team.map { .init($0) }, resources: visit.resources.count,
          bytes: plan.findings.reduce(0) { $0 + $1.count },
          wasKnown: outcome.wasKnown, admittedBy: "ticket",
          presences: narrator.presences.map { .init(doctor: $0.doctor, by: $0.by) },
          receipt: isAcknowledged ? "acknowledged" : "disputed",
          nanoseconds: MonotoneTime.nanoseconds() - start))
    }
    try await consortium.settle()
    if let last = result.visits.last {
      result.sharing = try await share(held, of: history, after: last.hospital)
      if isFirst, let shared = held.first {
        result.restoring = try await restore(
          history, sharing: shared.visit, of: shared.number, after: last.hospital)
      }
    }
    report.histories.append(result)
  }

  private struct HeldVisit {
    let visit: Digest32
    let findings: [[UInt8]]
    let number: Int
  }

  // MARK: Sharing

  /// The patient lets a doctor of the next hospital read the first half of the visits.
  private mutating func share(
    _ visits: [HeldVisit], of history: DemoHistory, after hospital: String
  ) async throws -> DemoReport.SharingReport {
    let hospitals = consortium.genesis.members.hospitals
    let index = hospitals.firstIndex(of: hospital) ?? 0
    let doctor = "\(hospitals[(index + 1) % hospitals.count])-doctor-1"
    let half = visits.prefix((visits.count + 1) / 2)
    console.progress("\(history.contact): sharing \(Quantity.count(half.count, "visit"))")
    console.heading("Sharing")
    let request = try await consortium.requestAccess(
      doctor: doctor, patient: history.contact, purpose: Self.purpose)
    let expiresAt = await consortium.ledgerTime() + Self.consentSeconds

    var consents: [Digest32] = []
    for visit in half {
      consents.append(
        try await consortium.consent(
          patient: history.contact, to: request, visit: visit.visit, expiresAt: expiresAt))
    }
    try await consortium.settle()
    console.line(
      "  The patient consents to \(Self.list(half)), until \(LedgerTime.text(expiresAt)).")

    var opened: [String] = []
    for (visit, consent) in zip(half, consents) {
      let record = try await consortium.openRecord(doctor: doctor, consent: consent)
      check(
        "visit \(visit.visit): the doctor reads what the team signed",
        record.findings.map(\.content) == visit.findings)
      opened.append("\(visit.visit)")
    }
    console.line(
      "  \(doctor) opens \(Self.list(half)) and finds what the teams signed, byte for byte.")

    var refused: [DemoReport.SharingReport.Refusal] = []
    for visit in visits.dropFirst(half.count) {
      let refusal = try await consortium.openRecordWithoutConsent(
        doctor: doctor, visit: visit.visit)
      refuse(visit, "no consent", refusal, expected: .consentUnknown, &refused)
    }
    if visits.count > half.count {
      console.line(
        "  \(doctor) asks for \(Self.list(visits.dropFirst(half.count))) too: refused, there is no consent."
      )
    }
    if let first = half.first, let consent = consents.first {
      try await consortium.revoke(patient: history.contact, consent: consent)
      try await consortium.settle()
      let refusal = try await refusal(doctor, consent)
      refuse(first, "consent revoked", refusal, expected: .consentRevoked, &refused)
      console.line(
        "  The patient takes the consent to visit \(first.number) back; \(doctor) asks again: refused."
      )
      console.line("  What was read before stays read.")
    }
    return DemoReport.SharingReport(
      doctor: doctor, purpose: Self.purpose, expiresAt: LedgerTime.text(expiresAt), opened: opened,
      refused: refused)
  }

  /// Why the doctor cannot open a record; nil if it opens.
  func refusal(_ doctor: String, _ consent: Digest32) async throws -> ConsortiumError? {
    do {
      _ = try await consortium.openRecord(doctor: doctor, consent: consent)
      return nil
    } catch let refusal as ConsortiumError {
      return refusal
    }
  }

  private mutating func refuse(
    _ visit: HeldVisit, _ reason: String, _ refusal: ConsortiumError?,
    expected: ConsortiumError.Code, _ refused: inout [DemoReport.SharingReport.Refusal]
  ) {
    check("visit \(visit.visit): refused, \(reason)", refusal?.code == expected)
    guard let refusal else { return }
    refused.append(
      .init(visit: "\(visit.visit)", reason: reason, code: "\(refusal.code)"))
  }

  /// As `visit 1` or `visits 1 to 3`.
  private static func list(_ visits: ArraySlice<HeldVisit>) -> String {
    guard let first = visits.first?.number, let last = visits.last?.number else { return "nothing" }
    return first == last ? "visit \(first)" : "visits \(first) to \(last)"
  }

  // MARK: Audit

  private mutating func exportAndVerify() async throws {
    console.progress("exporting the ledger and verifying it")
    console.heading("Export and offline verification")
    let export = try await DemoReport.ExportReport(of: consortium, console: console)
    check(
      "the exported ledger verifies against the hash of the genesis", export.verification.passed)
    report.export = export
  }
}

extension DemoReport.ExportReport {
  /// Exports the ledger of a consortium, and verifies the file.
  init(of consortium: LocalConsortium, console: Console) async throws {
    let path =
      FileManager.default.temporaryDirectory.path
      + "/bcemr-export-\(UInt64.random(in: .min ... .max)).tar"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let logs = try await consortium.exportedLogs()
    let file = try OutputFile(creating: path)
    var sink = UstarSink { try file.write($0) }
    try ExportWriter.write(genesis: consortium.genesis, logs: logs, to: &sink)
    try file.finish()
    console.line(
      "The ledger in one file, \(Quantity.bytes(file.byteCount)), with no record and no key in it:")
    verification = try Audit(path, genesis: consortium.genesis.digest, console: console)
    verification.print(to: console)
    bytes = file.byteCount
  }
}
