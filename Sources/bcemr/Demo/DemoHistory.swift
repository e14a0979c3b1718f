import CanonicalEncoding
import ClinicalRecords
import Consortium
import Crypto
import EMRScheme

/// A patient's history with the visits that are to be held.
struct DemoHistory {
  /// The files' paths; nil for the example that is compiled in.
  let path: String?
  let patient: ClinicalRecords.Patient
  let plan: HistoryPlan
  /// What it has, to be compared with records.
  let present: PresentResources
  /// The visits, then the supplement, as far as they are wanted.
  let visits: [Visit]
  /// Where the patient is reached: a digest of the identity, which whoever guesses the identity can compare.
  let contact: String
  /// What hospitals are told at admission.
  let identity: String

  /// - Throws: ``CommandFailure`` with `too-large` for a visit of more than one record can hold.
  init(_ input: HistoryInput, team: Int, visitLimit: Int?) throws(CommandFailure) {
    path = input.paths.isEmpty ? nil : input.paths.joined(separator: ", ")
    patient = input.history.patient
    plan = HistoryPlan(input.history, teamSize: team)
    present = PresentResources(input.history)
    visits = Array(input.history.parts.prefix(visitLimit ?? .max))
    identity = Self.identifier(patient.identity)
    contact = "patient-" + Array(Digest32(sha256: identity.utf8).bytes.prefix(8)).hex
    for visit in visits {
      let size = visit.findingsByteCount(forTeamOf: team)
      guard size <= Limits.findingsByteCount else {
        throw CommandFailure(
          .badInput, code: "too-large",
          (path.map { "\($0): " } ?? "")
            + "the findings of \(visit.summary) have \(size) bytes, more than the "
            + "\(Limits.findingsByteCount >> 20) MiB of one visit")
      }
    }
  }

  /// What is to happen at a visit.
  ///
  /// - Parameters:
  ///   - hospitals: of the consortium.
  ///   - isFirst: whether a doctor changes their mind once, and the last one is elsewhere.
  func plan(_ visit: Visit, team: Int, hospitals: [String], isFirst: Bool) -> PlannedVisit {
    PlannedVisit(
      patient: contact, hospital: Self.hospital(of: visit, hospitals),
      encounter: Self.identifier(visit.encounterID), symptoms: symptoms(of: visit),
      findings: visit.findings(forTeamOf: team),
      signingTwice: isFirst ? [min(2, team)] : [], comparingWords: isFirst ? [team] : [])
  }

  /// What is to happen at a visit that amends one, as the `number`th: at the same hospital.
  func plan(
    _ addendum: Addendum, number: Int, to visit: NamedVisit, team: Int, hospitals: [String]
  ) -> PlannedVisit {
    var plan = plan(addendum.visit, team: team, hospitals: hospitals, isFirst: false)
    plan.hospital = visit.hospital
    // Known by its number and by what is in it: one that was interrupted goes on, and what was corrected and
    // corrected back is signed each time. What begins with # is no Encounter's id.
    var hash = SHA256()
    for resource in addendum.visit.resources {
      unsafe resource.bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
    }
    plan.encounter = Self.identifier(
      "#addendum-\(number)-\(Array(hash.finalize().prefix(16)).hex)-\(plan.encounter)")
    plan.amends = visit
    return plan
  }

  /// The visits that were held whose Encounter is entered in error by now.
  func retractedVisits(
    among known: [PatientHoldings.Visit]
  ) -> [(encounter: String, visit: PatientHoldings.Visit)] {
    present.retractedEncounters.compactMap { name, encounter in
      known.last { $0.encounter == Self.identifier(encounter) && $0.recordDigest != nil }
        .map { (name, $0) }
    }
  }

  /// What the patient tells the hospital at admission: what the history says the visit is about, as far as
  /// a form has room for it.
  private func symptoms(of visit: Visit) -> Symptoms {
    let codes = visit.complaints().compactMap {
      Symptoms.Code(system: $0.system, code: $0.code, display: $0.display)
        ?? Symptoms.Code(system: $0.system, code: $0.code)
    }
    return Symptoms(codes: Array(codes.prefix(Symptoms.codeLimit)), text: visit.reason ?? "")
      ?? Symptoms()
  }

  /// The hospital of number SHA-256(serviceProvider), a big-endian integer, modulo their number.
  private static func hospital(of visit: Visit, _ hospitals: [String]) -> String {
    let index = Digest32(sha256: visit.serviceProvider.utf8).bytes
      .reduce(0) { (256 * $0 + Int($1)) % hospitals.count }
    return hospitals[index]
  }

  /// An identifier of the file, or its digest if it is too long for a message; that one begins as no
  /// identifier of a file does.
  static func identifier(_ text: String) -> String {
    text.utf8.count <= 256 ? text : "#sha256-\(Digest32(sha256: text.utf8))"
  }
}
