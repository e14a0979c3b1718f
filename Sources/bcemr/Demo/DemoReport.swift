import ClinicalRecords
import Consortium
import EMRScheme

/// What a demonstration did and found; the JSON of `bcemr demo --json` (docs/command-line.md).
struct DemoReport: Encodable {
  struct Check: Encodable {
    let name: String
    let passed: Bool
  }

  /// How a doctor knows that the patient is there.
  struct PresenceReport: Encodable {
    let doctor: String
    /// code, read from the patient's device, or words, compared.
    let by: String
  }

  /// Who is on a team, and why.
  struct TeamReport: Encodable {
    struct Member: Encodable {
      let doctor: String
      /// For which the rule wanted this doctor, as system|code.
      let specialty: String?
    }

    /// clerk, rule, or rotation.
    let ground: String
    /// The name of the rule.
    let rule: String?
    /// In the order s.
    let members: [Member]
  }

  struct VisitReport: Encodable {
    /// encounter, supplement, or addendum.
    let kind: String
    let encounter: String
    let hospital: String
    let visit: String
    /// The visit that it adds to or corrects.
    let amends: String?
    let team: TeamReport?
    let resources: Int
    let bytes: Int
    /// Whether an earlier run had held it.
    let wasKnown: Bool
    /// What admitted the patient: ticket, from the counter.
    let admittedBy: String
    let presences: [PresenceReport]
    /// acknowledged, or disputed.
    let receipt: String
    /// How the completion and the receipt stand at the end, as proven to who signed them.
    var completionStands: StandingReport?
    var receiptStands: StandingReport?
    let nanoseconds: UInt64
    /// Of what was signed before; absent if there is no difference.
    var differences: DifferenceReport?
  }

  /// How a visit, by the history, differs from what earlier runs have signed. Resources as type and id.
  struct DifferenceReport: Encodable {
    struct Place: Encodable {
      let resource: String
      /// The visit whose record has it, if it is another one.
      let visit: String?
    }

    let added: [String]
    let corrected: [Place]
    let retracted: [String]
    let moved: [Place]
    let elsewhere: [String]
    let absent: [String]
  }

  /// How something that was submitted stands.
  struct StandingReport: Encodable {
    /// sent, written, refused, demanded, confirmed or final.
    let standing: String
    /// Of the hospital's chain, or where it was demanded, of the consortium's.
    let index: UInt64?
    /// Why it was refused.
    let code: String?
  }

  struct SharingReport: Encodable {
    struct Refusal: Encodable {
      let visit: String
      let reason: String
      let code: String
    }

    let doctor: String
    let purpose: String
    let expiresAt: String
    let opened: [String]
    let refused: [Refusal]
    /// How the notices of the consents stand, by visit.
    let consents: [Given]
    /// How the revocation of the first of them stands.
    let revoked: Given?
    var swallowed: SwallowedReport?

    struct Given: Encodable {
      let visit: String
      let stands: StandingReport
    }
  }

  /// A revocation that its hospital did not take.
  struct SwallowedReport: Encodable {
    let visit: String
    let hospital: String
    /// Where the demand stands on the consortium chain.
    let demand: UInt64?
    /// Whom the patient's program names for it.
    let swallowedBy: String?
    /// How the revocation stands at the end.
    let stands: StandingReport
    /// Why the doctor does not open the record any more.
    let refused: String?
  }

  /// What a patient has again who has lost everything but the recovery phrase.
  struct RestoringReport: Encodable {
    /// Of all chains, by all who were asked.
    let leavesLookedAt: UInt64
    let visits: [String]
    /// With who, why and until when.
    let consents: Int
    /// Of which the ledger's notice is all that there is.
    let consentsWithoutDocument: Int
    /// Lines of the access log.
    let accessLog: Int
    /// Hospitals and clouds that were not heard about it.
    let accessLogUnheard: [String]
    /// Whether it is what the patient had before.
    let isSame: Bool
    /// The visit of a consent from before, taken back afterwards.
    let revokedVisit: String
    let refusedCode: String?
    let nanoseconds: UInt64
  }

  struct HistoryReport: Encodable {
    let file: String?
    let patient: String
    /// Resources that were placed by other rules than what they name themselves.
    let placed: [PlanReport.Count]
    /// What is dated after now.
    let future: [PlanReport.Resource]
    /// What is dated before the patient's birth, or a century before its visit.
    let early: [PlanReport.Resource]
    var visits: [VisitReport] = []
    /// What was signed, is entered in error by now, and is amended by nothing.
    var retracted: [String] = []
    var sharing: SharingReport?
    /// Of the first history.
    var restoring: RestoringReport?
  }

  struct PhaseReport: Encodable {
    struct Share: Encodable {
      let role: String
      let nanoseconds: UInt64
      let bytesSent: Int
    }

    let phase: String
    let nanoseconds: UInt64
    let bytes: Int
    let roles: [Share]
  }

  struct ExportReport: Encodable {
    let bytes: Int
    let verification: Audit
  }

  /// What a reader has to know, and is no fault.
  struct Remark: Encodable {
    let code: String
    let message: String
  }

  let genesis: String
  let suite: String
  /// Absent if there are none.
  var remarks: [Remark]?
  let teamSize: Int
  let doctors: Int
  var histories: [HistoryReport] = []
  var export: ExportReport?
  var phases: [PhaseReport] = []
  var checks: [Check] = []
  var passed = false
  var error: ReportedError?
  var nanoseconds: UInt64 = 0
}

extension DemoReport.DifferenceReport {
  /// - Parameters:
  ///   - isHeld: whether the visit was held before; of another one there are no additions.
  ///   - visit: names the visit of a record.
  init(_ comparison: RecordComparison, isHeld: Bool, visit: (Int) -> String?) {
    func places(_ list: [Addendum.Place]) -> [Place] {
      list.map { Place(resource: $0.name, visit: $0.record.flatMap(visit)) }
    }
    added = isHeld ? comparison.addendum?.added ?? [] : []
    corrected = places(comparison.addendum?.corrected ?? [])
    retracted = comparison.addendum?.retracted ?? []
    moved = isHeld ? places(comparison.moved) : []
    (elsewhere, absent) = (comparison.elsewhere, comparison.absent)
  }

  var isEmpty: Bool {
    [added, retracted, elsewhere, absent].allSatisfy(\.isEmpty) && corrected.isEmpty
      && moved.isEmpty
  }
}

extension DemoReport.StandingReport {
  init(_ standing: SubmissionStanding) {
    switch standing {
    case .sent: (self.standing, index, code) = ("sent", nil, nil)
    case .written: (self.standing, index, code) = ("written", nil, nil)
    case .refused(let refusal, _): (self.standing, index, code) = ("refused", nil, refusal)
    case .demanded(let place): (self.standing, index, code) = ("demanded", place, nil)
    case .confirmed(let place): (self.standing, index, code) = ("confirmed", place, nil)
    case .final(let place): (self.standing, index, code) = ("final", place, nil)
    }
  }
}

extension DemoReport.TeamReport {
  init(_ team: TeamChoice) {
    switch team.ground {
    case .clerk: (ground, rule) = ("clerk", nil)
    case .rule(let name): (ground, rule) = ("rule", name)
    case .rotation: (ground, rule) = ("rotation", nil)
    }
    members = team.places.map { .init(doctor: $0.doctor, specialty: $0.specialty?.description) }
  }
}

extension DemoReport.PhaseReport {
  /// - Parameter phase: one of section 4 of the paper.
  init(_ phase: Phase, _ readings: Meter.Readings) {
    self.phase = phase.rawValue
    roles = RoleKind.allCases.map { role in
      Share(
        role: role.rawValue,
        nanoseconds: readings.nanoseconds.lazy
          .filter { $0.key.phase == phase && $0.key.role == role }.reduce(0) { $0 + $1.value },
        bytesSent: readings.bytes(in: phase, sentBy: role))
    }
    nanoseconds = readings.nanoseconds(in: phase)
    bytes = roles.reduce(0) { $0 + $1.bytesSent }
  }
}

extension Meter.Readings {
  /// What all roles together worked in a phase.
  func nanoseconds(in phase: Phase) -> UInt64 {
    nanoseconds.lazy.filter { $0.key.phase == phase }.reduce(0) { $0 + $1.value }
  }

  /// What a kind of role sent in a phase.
  func bytes(in phase: Phase, sentBy sender: RoleKind) -> Int {
    bytes.lazy.filter { $0.key.phase == phase && $0.key.sender == sender }
      .reduce(0) { $0 + $1.value }
  }
}
