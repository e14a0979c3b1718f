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

  static let purpose = "treatment"
  static let consentSeconds: UInt64 = 30 * 86_400

  /// Founds the consortium of a folder, or opens it.
  ///
  /// - Parameters:
  ///   - staffing: roster and rule of every hospital; nil for the demonstration's own.
  ///   - drawsCodes: whether the first ticket and the first presence are drawn, and a recovery phrase is
  ///     shown.
  ///   - beforeSigning: called when its keys are there, before anything is signed.
  init(
    in folder: DataFolder, team: Int, staffing: StaffingPlan? = nil, drawsCodes: Bool,
    beforeSigning: @escaping @Sendable () throws -> Void = {}, console: Console
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
        clock: LedgerTime.now, nanoseconds: MonotoneTime.nanoseconds, observe: narrator.tell,
        beforeSigning: beforeSigning))
    let genesis = consortium.genesis
    let doctors = genesis.members.hospitals.count * staff
    console.line(
      "1 system manager, \(Quantity.count(genesis.members.hospitals.count, "hospital")) with \(doctors) "
        + "doctors, 1 cloud operator; every role has its own keys and storage.")
    (self.narrator, showsCodes) = (narrator, drawsCodes)
    self.console = console
    self.team = team
    report = DemoReport(
      genesis: "\(genesis.digest)", suite: genesis.content.suite, teamSize: team, doctors: doctors)
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
    if !passed, !console.isReported { Console.diagnostic("check failed: \(name)") }
  }

  // MARK: Visits

  private mutating func run(_ history: DemoHistory, isFirst: Bool) async throws {
    console.heading("\(history.patient.introduction): \(history.plan.size)")
    for remark in history.plan.remarks { console.line("  " + remark) }
    try await consortium.addPatient(contact: history.contact, identity: history.identity)
    // A run that was killed while the device was lost.
    if try await consortium.mayLackHoldings(history.contact) {
      _ = try await consortium.restore(patient: history.contact)
    }
    var held: [HeldVisit] = []
    var result = DemoReport.HistoryReport(
      file: history.path, patient: history.contact,
      placed: history.plan.countsByRules.map(PlanReport.Count.init),
      future: PlanReport.Resource.future(of: history.plan.history),
      early: PlanReport.Resource.early(in: history.plan.history))
    let hospitals = consortium.genesis.members.hospitals
    // What this run adds is of no visit that comes after in it.
    let known = try await consortium.visits(ofPatient: history.contact)
    var recorded = try await self.recorded(of: history, among: known)
    try requireSameVisits(history, recorded, among: known)
    var compared: Set<Int> = []
    for (index, visit) in history.visits.enumerated() {
      console.progress("\(history.contact): visit \(index + 1) of \(history.visits.count)")
      guard let visit = unsigned(visit, of: history, recorded, among: known) else { continue }
      narrator.begin(visit, number: index + 1, of: history.visits.count)
      var plan = history.plan(
        visit, team: team, hospitals: hospitals, isFirst: isFirst && index == 0)
      // Where it was, whatever the history says by now of who provides the service.
      let encounter = plan.encounter
      if let one = known.first(where: { $0.encounter == encounter && $0.recordDigest != nil }) {
        plan.hospital = one.hospital
      }
      var (one, report, isOlder) = try await hold(plan, visit, number: index + 1)
      let named = NamedVisit(one.visit, at: one.hospital)
      if isOlder {
        try await open(named, of: history, among: known, into: &recorded)
        try requireSameVisits(history, recorded, among: known)
      }
      let record = isOlder ? recorded.records[named] : nil
      let comparison = recorded.resources.comparison(
        of: visit, with: record?.number, in: history.present)
      report.differences = tell(comparison, recorded, isHeld: isOlder)
      result.visits.append(report)
      if let record {
        compared.insert(record.number)
        (one.findings, one.addenda) = (record.findings, record.addenda)
        if let addendum = comparison.addendum {
          let plan = history.plan(
            addendum, number: one.addenda.count + 1, to: named, team: team, hospitals: hospitals)
          narrator.begin(
            addendum.visit, addendumTo: index + 1, number: one.addenda.count + 1)
          let (more, report, _) = try await hold(plan, addendum.visit, number: index + 1)
          one.addenda.append(more)
          result.visits.append(report)
        }
      }
      held.append(one)
    }
    result.retracted = tellRetracted(history, recorded, compared: compared, among: known)
    try await consortium.settle()
    try await followUp(&result)
    if let last = result.visits.last {
      result.sharing = try await share(held, of: history, after: last.hospital)
      if isFirst, let first = held.first, let reader = result.sharing?.doctor {
        result.sharing?.swallowed = try await swallow(
          first, of: history, at: first.hospital, reader: reader)
        result.restoring = try await restore(
          history, sharing: first.visit, of: first.number, after: last.hospital)
      }
    }
    report.histories.append(result)
  }

  /// Holds a visit, and says what came of it, and whether its record is older than this plan.
  private mutating func hold(
    _ plan: consuming PlannedVisit, _ visit: Visit, number: Int
  ) async throws -> (HeldVisit, DemoReport.VisitReport, isOlder: Bool) {
    let start = MonotoneTime.nanoseconds()
    let findings = plan.findings.map { Digest32(sha256: $0) }
    let byteCount = plan.findings.reduce(0) { $0 + $1.count }
    let (hospital, encounter, amends) = (plan.hospital, plan.encounter, plan.amends)
    // The plan has the findings until they are signed, and nobody else has them.
    let outcome = try await consortium.hold(plan)
    let isAcknowledged = outcome.wasKnown || outcome.record?.record != nil
    check("visit \(outcome.visit): the patient acknowledges the record", isAcknowledged)
    let signed = outcome.record?.record?.digests
    return (
      HeldVisit(visit: outcome.visit, hospital: hospital, findings: findings, number: number),
      DemoReport.VisitReport(
        kind: amends == nil ? visit.kind.rawValue : "addendum", encounter: encounter,
        hospital: hospital, visit: "\(outcome.visit)", amends: amends.map { "\($0.visit)" },
        team: outcome.team.map { .init($0) }, resources: visit.resources.count,
        bytes: byteCount, wasKnown: outcome.wasKnown, admittedBy: "ticket",
        presences: narrator.presences.map { .init(doctor: $0.doctor, by: $0.by) },
        receipt: isAcknowledged ? "acknowledged" : "disputed",
        nanoseconds: MonotoneTime.nanoseconds() - start),
      isOlder: outcome.wasKnown || signed.map { $0 != findings } ?? false
    )
  }

  /// The programs of patient and doctors ask how stands what they have submitted.
  private mutating func followUp(_ history: inout DemoReport.HistoryReport) async throws {
    console.heading("What was submitted")
    let receipts = try await consortium.followUp(patient: history.patient)
    var completions: [Submission] = []
    for doctor in await consortium.doctors.keys.sorted() {
      completions += try await consortium.followUp(doctor: doctor)
    }
    func standing(_ submissions: [Submission], _ kind: Submission.Kind, _ visit: String)
      -> SubmissionStanding?
    {
      submissions.last { $0.kind == kind && "\($0.visit)" == visit }?.standing
    }
    var unproven: [String] = []
    for index in history.visits.indices {
      let visit = history.visits[index].visit
      let completion = standing(completions, .completion, visit)
      let receipt = standing(receipts, .receipt, visit)
      if completion?.isFinal != true || receipt?.isFinal != true { unproven.append(visit) }
      history.visits[index].completionStands = completion.map { .init($0) }
      history.visits[index].receiptStands = receipt.map { .init($0) }
    }
    // One that was interrupted was closed as abandoned.
    let held = Set(history.visits.map(\.visit))
    let signatures = completions.filter {
      $0.kind == .signature && held.contains("\($0.visit)")
    }
    check(
      "\(history.patient): signatures, completions and receipts are proven to be final",
      unproven.isEmpty && signatures.allSatisfy(\.standing.isFinal))
    console.line(
      "  \(Quantity.count(signatures.count, "signature")), "
        + "\(Quantity.count(history.visits.count - unproven.count, "completion")) and as many receipts: "
        + "who signed them has the proof that they are final.")
  }

  struct HeldVisit {
    let visit: Digest32
    let hospital: String
    /// SHA-256 of each, as signed.
    var findings: [Digest32]
    let number: Int
    /// What amends it, in the order in which it was opened.
    var addenda: [HeldVisit] = []
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
    let logs = try await consortium.exportedLogs()
    (verification, bytes) = try TemporaryItems.file { path in
      let file = try OutputFile(creating: path)
      var sink = UstarSink { try file.write($0) }
      try ExportWriter.write(genesis: consortium.genesis, logs: logs, to: &sink)
      try file.finish()
      console.line(
        "The ledger in one file, \(Quantity.bytes(file.byteCount)), with no record and no key in it:"
      )
      return (
        try Audit(path, genesis: consortium.genesis.digest, console: console), file.byteCount
      )
    }
    verification.print(to: console)
  }
}
