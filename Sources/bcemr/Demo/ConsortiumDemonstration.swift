import CanonicalEncoding
import Consortium
import Foundation
import Ledger
import SQLiteBackend
import Synchronization

/// What a demonstration of the consortium's own life found; the JSON of `bcemr demo --consortium --json`
/// (docs/command-line.md).
struct ConsortiumReport: Encodable {
  struct Epoch: Encodable {
    let epoch: UInt64
    /// By their seats.
    let delegates: [String?]
    let organisations: Int
    let hospitals: Int
  }

  let genesis: String
  /// Absent if there are none.
  var remarks: [DemoReport.Remark]?
  var epochs: [Epoch] = []
  var export: DemoReport.ExportReport?
  var checks: [DemoReport.Check] = []
  var passed = false
  var error: ReportedError?
  var nanoseconds: UInt64 = 0
}

/// The life of a consortium itself: a hospital joins by vote, a delegate is silent and loses its seat, a
/// doctor retires, a delegate votes twice, is convicted, and comes back with other keys; and an auditor
/// follows all of it offline.
struct ConsortiumDemonstration {
  let consortium: LocalConsortium
  private let clock: DemoClock
  private let console: Console
  private var report: ConsortiumReport

  private static let voters = (1...3).map { "hospital-\($0)-trust" }
  private static let patient = "patient-1"
  /// E: so short that epochs pass while one watches.
  private static let epochLength: UInt64 = 16

  /// - Parameter beforeSigning: called when its keys are there, before anything is signed.
  init(
    in folder: DataFolder, team: Int, beforeSigning: @escaping @Sendable () throws -> Void,
    console: Console
  ) async throws {
    let clock = DemoClock()
    var configuration = LocalConsortium.Configuration(teamSize: team)
    configuration.epochLength = Self.epochLength
    // One retires.
    configuration.doctors = max(team, 2) + 1
    console.progress("founding the consortium, registering doctors")
    consortium = try await LocalConsortium.open(
      storage: folder, configuration: configuration,
      environment: .init(
        clock: clock.now, nanoseconds: MonotoneTime.nanoseconds, beforeSigning: beforeSigning))
    self.clock = clock
    self.console = console
    report = ConsortiumReport(genesis: "\(consortium.genesis.digest)")
  }

  mutating func run() async throws -> ConsortiumReport {
    let start = MonotoneTime.nanoseconds()
    try await begin()
    try await join()
    try await loseSeat()
    try await retire()
    try await convict()
    try await changeCloud()
    try await exportAndVerify()
    report.nanoseconds = MonotoneTime.nanoseconds() - start
    let failed = report.checks.filter { !$0.passed }
    report.passed = failed.isEmpty
    report.error = failed.first.map { ReportedError(code: "check-failed", message: $0.name) }
    return report
  }

  private mutating func check(_ name: String, _ passed: Bool) {
    report.checks.append(DemoReport.Check(name: name, passed: passed))
    if !passed, !console.isReported { Console.diagnostic("check failed: \(name)") }
  }

  /// Why something cannot be done; nil if it can.
  private func refusal(_ body: () async throws -> Void) async -> String? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? Refusal)?.code ?? CommandFailure(error).code
    }
  }

  // MARK: Epochs

  /// Lets blocks be decided until a block of the next epoch is final.
  private mutating func passEpoch() async throws {
    let genesis = consortium.genesis
    let first = genesis.epoch(ofHeight: await consortium.cloud.node.consortium.height)
    console.progress("epoch \(first) goes on to its end")
    for _ in 0..<4 * Self.epochLength {
      clock.pass(seconds: 40)
      try await consortium.settle()
      let height = await consortium.cloud.node.consortium.height
      if genesis.epoch(ofHeight: height - 1) > first { break }
    }
    try await note()
  }

  /// Takes note of who takes part and who decides.
  private mutating func note() async throws {
    let view = await consortium.cloud.node.consortium
    let members = try await consortium.members()
    let delegates = try await consortium.delegates()
    let epoch = consortium.genesis.epoch(ofHeight: view.height)
    report.epochs.append(
      .init(
        epoch: epoch, delegates: delegates, organisations: members.organisations.count,
        hospitals: members.hospitals.count))
    console.line(
      "  Seats of epoch \(epoch), at block \(view.height): "
        + "\(delegates.map { $0 ?? "nobody" }.joined(separator: ", ")).")
  }

  private mutating func begin() async throws {
    console.heading("Five organisations")
    let members = try await consortium.members()
    console.line(
      "  \(members.organisations.joined(separator: ", ")).")
    console.line(
      "  Three run a hospital and have a vote each; one runs the cloud, one registers doctors.")
    console.line("  Their four servers decide the blocks of the consortium's chain:")
    try await note()
    try await consortium.addPatient(contact: Self.patient, identity: "Ada Quimby, 1980-02-29")
  }

  private func plan(_ encounter: String, at hospital: String) -> PlannedVisit {
    PlannedVisit(
      patient: Self.patient, hospital: hospital, encounter: encounter,
      findings: (1...consortium.configuration.teamSize).map {
        Array("{\"finding\":\"\(encounter), doctor \($0)\"}".utf8)
      }, signingTwice: [])
  }

  // MARK: A hospital joins

  private mutating func join() async throws {
    console.heading("A hospital joins by vote")
    let motion = try await consortium.proposeHospital("hospital-4", sponsor: Self.voters[0])
    console.line(
      "  \(Self.voters[0]) moves that hospital-4 be admitted, with a trust of its own; the")
    console.line("  hospital, its trust and the cloud have signed that they agree.")
    try await consortium.vote(on: motion, by: Self.voters[1])
    check(
      "two of three votes do not admit a hospital",
      try await consortium.status(ofMotion: motion) == .open)
    console.line("  \(Self.voters[1]) votes for it: two of three are not more than two thirds.")
    try await consortium.vote(on: motion, by: Self.voters[2])
    check(
      "three of three votes admit it", try await consortium.status(ofMotion: motion) == .passed)
    console.line("  \(Self.voters[2]) votes for it: passed. It holds from the next epoch on.")
    let early = await refusal { try await consortium.openHospital("hospital-4") }
    check("no hospital begins before its epoch", early == "wrong-state")
    try await passEpoch()
    try await consortium.openHospital("hospital-4")
    let members = try await consortium.members()
    check(
      "six organisations take part, four with a vote",
      members.organisations.count == 6 && members.voters.count == 4)
    let outcome = try await consortium.hold(plan("admitted-to-4", at: "hospital-4"))
    check("a patient is treated at hospital-4", outcome.record?.record != nil)
    try await consortium.settle()
    console.line("  Six organisations now. A patient is treated at hospital-4; its block is final.")
  }

  // MARK: A delegate misses its turns

  private mutating func loseSeat() async throws {
    console.heading("A delegate is silent, and loses its seat")
    console.line(
      "  hospital-3 is cut off. The others wait for it in its turns, and decide without it.")
    await consortium.stop(hospital: "hospital-3")
    for _ in 0..<2 where try await consortium.delegates().contains("hospital-3") {
      try await passEpoch()
    }
    let delegates = try await consortium.delegates()
    check(
      "who misses its turns is not elected, and the new hospital is",
      !delegates.contains("hospital-3") && delegates.contains("hospital-4"))
    console.line("  It missed more than half of its turns, and hospital-4 has its seat.")
    try await consortium.start(hospital: "hospital-3")
    try await consortium.settle()
    let outcome = try await consortium.hold(plan("treated-at-3", at: "hospital-3"))
    check("a hospital without a seat goes on with its patients", outcome.record?.record != nil)
    console.line(
      "  hospital-3 is there again, reads what it missed, and treats patients as before.")
  }

  // MARK: A doctor retires

  private mutating func retire() async throws {
    console.heading("A doctor retires")
    let doctor = "hospital-1-doctor-1"
    let visit = try await consortium.hold(plan("before-the-end", at: "hospital-1")).visit
    try await consortium.settle()
    try await consortium.retire(doctor: doctor)
    console.line("  \(doctor) has signed a visit, and retires.")
    let reader = "hospital-4-doctor-1"
    let request = try await consortium.requestAccess(
      doctor: reader, patient: Self.patient, purpose: "treatment")
    let consent = try await consortium.consent(
      patient: Self.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + 86_400)
    try await consortium.settle()
    let record = try await consortium.openRecord(doctor: reader, consent: consent)
    check(
      "the signatures of a doctor who has retired stay good",
      record.findings.count == consortium.configuration.teamSize)
    console.line(
      "  The patient shares the visit with \(reader), who opens it: the signature is good.")
    let refused = await refusal {
      _ = try await consortium.requestAccess(
        doctor: doctor, patient: Self.patient, purpose: "curiosity")
    }
    check("who has retired asks for no record", refused == "not-active")
    console.line("  \(doctor) asks for a record: refused, not active.")
  }

  // MARK: A delegate votes twice

  private mutating func convict() async throws {
    console.heading("A delegate votes twice, and is convicted")
    let culprit = "hospital-2"
    check(
      "\(culprit) is a delegate", try await consortium.delegates().contains(culprit))
    try await consortium.voteTwice(as: culprit)
    let convictions = try await consortium.cloud.node.consortium.convictions()
    check("\(culprit)-trust is convicted", convictions.map(\.organisation) == ["\(culprit)-trust"])
    console.line(
      "  \(culprit) signs commits of two blocks of one height and round. Both together are")
    console.line(
      "  the proof: its seat is empty from the next block on, and its trust is not elected")
    console.line("  again. It goes on to vote, to treat patients and to keep its chain.")
    try await passEpoch()
    let delegates = try await consortium.delegates()
    check(
      "the convicted organisation has no seat",
      !delegates.contains(culprit) && delegates.compactMap(\.self).count == 4)
    let early = await refusal {
      _ = try await consortium.put([.readmit("\(culprit)-trust")], by: "hospital-1-trust")
    }
    check("nobody is readmitted with the key that was convicted", early == "wrong-members")
    console.line(
      "  hospital-1-trust moves that it be elected again: refused, as long as its server has")
    console.line("  the key that was convicted.")
    try await readmit(culprit)
  }

  private mutating func readmit(_ culprit: String) async throws {
    let others = ["hospital-1-trust", "hospital-3-trust", "hospital-4-trust"]
    try await consortium.rotateKeys(of: culprit)
    // Approvals count from the epoch after that in which they are given.
    for voter in others { try await consortium.approve([culprit], by: voter) }
    console.line("  \(culprit) takes new keys, and erases the former when nothing needs them any")
    console.line("  more. The three others approve it.")
    try await passEpoch()
    let motion = try await consortium.put([.readmit("\(culprit)-trust")], by: others[0])
    for voter in others.dropFirst() { try await consortium.vote(on: motion, by: voter) }
    check(
      "with other keys it is readmitted by the votes of the others",
      try await consortium.status(ofMotion: motion) == .passed)
    console.line("  The same motion again, and the three vote for it: passed.")
    try await passEpoch()
    check(
      "who is readmitted, and approved, is elected again",
      try await consortium.delegates().contains(culprit))
    let outcome = try await consortium.hold(plan("after-all", at: culprit))
    check("a patient is treated at \(culprit)", outcome.record?.record != nil)
    try await consortium.settle()
    console.line("  \(culprit) has a seat again, and treats a patient.")
  }

  // MARK: A hospital gets another cloud

  private mutating func changeCloud() async throws {
    console.heading("A hospital's chain and records move to another cloud")
    let (hospital, cloud) = ("hospital-1", "cloud-2")
    let voters = (1...4).map { "hospital-\($0)-trust" }
    let past = try await consortium.hold(plan("before-the-move", at: hospital)).visit
    let admission = try await consortium.proposeCloud(cloud, sponsor: voters[0])
    for voter in voters[1...2] { try await consortium.vote(on: admission, by: voter) }
    try await passEpoch()
    try await consortium.openCloud(cloud)
    console.line("  \(cloud) joins by vote. \(voters[1]) moves that it confirm the chain of")
    console.line("  \(hospital), whose trust has no vote on that.")
    let motion = try await consortium.proposeCloud(
      cloud, forHospital: hospital, sponsor: voters[1])
    for voter in voters[2...3] { try await consortium.vote(on: motion, by: voter) }
    check(
      "the three others give \(hospital) another cloud",
      try await consortium.status(ofMotion: motion) == .passed)
    try await passEpoch()
    try await consortium.settle()
    let missing = await consortium.clouds[cloud]?.missingRecords(of: hospital)
    check("the new cloud has all records of \(hospital)", missing?.isEmpty == true)
    console.line("  With the epoch \(cloud) has taken chain and records from the cloud before it.")
    let outcome = try await consortium.hold(plan("after-the-move", at: hospital))
    check("a patient is treated at \(hospital)", outcome.record?.record != nil)
    let reader = "hospital-4-doctor-1"
    let request = try await consortium.requestAccess(
      doctor: reader, patient: Self.patient, purpose: "second opinion")
    let consent = try await consortium.consent(
      patient: Self.patient, to: request, visit: past,
      expiresAt: await consortium.ledgerTime() + 86_400)
    try await consortium.settle()
    let record = try await consortium.openRecord(doctor: reader, consent: consent)
    check(
      "a visit from before the move opens",
      record.findings.count == consortium.configuration.teamSize)
    console.line("  A patient is treated at \(hospital), and an earlier visit is shared as before.")
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

/// A clock that goes on when it is told to, and with the real one.
private final class DemoClock: Sendable {
  private let ahead = Mutex<UInt64>(0)
  private let start = LedgerTime.now() - 86_400

  func pass(seconds: UInt64) { ahead.withLock { $0 += seconds } }

  var now: @Sendable () -> UInt64 { { self.start + self.ahead.withLock { $0 } } }
}

extension ConsortiumReport {
  func print(to console: Console) {
    console.line()
    let failed = checks.count { !$0.passed }
    console.line(
      failed == 0
        ? "All \(checks.count) checks passed, in \(Quantity.time(nanoseconds: nanoseconds))."
        : "\(failed) of \(checks.count) checks FAILED.")
  }
}
