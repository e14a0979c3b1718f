import CanonicalEncoding
import ClinicalRecords
import Consortium

/// A patient's history with the visits that are to be held.
struct DemoHistory {
  /// The file's path; nil for the example that is compiled in.
  let path: String?
  let patient: ClinicalRecords.Patient
  let visits: [Visit]
  /// Where the patient is reached: says nothing about who it is to those who do not have the file.
  let contact: String
  /// What hospitals are told at admission.
  let identity: String

  /// - Throws: ``CommandFailure`` for a file that is no FHIR history.
  init(path: String?, visitLimit: Int?) throws(CommandFailure) {
    let json =
      if let path {
        try SystemFile.contents(of: path, limit: FHIRHistory.maximumByteCount)
      } else {
        ExampleHistory.json
      }
    let history: FHIRHistory
    do {
      history = try FHIRHistory(json: json)
    } catch {
      throw CommandFailure(error, at: path)
    }
    self.path = path
    patient = history.patient
    visits = Array(history.visits.prefix(visitLimit ?? .max))
    // A history without a Patient is told apart by its first Encounter.
    identity = Self.identifier(patient.id.isEmpty ? history.visits[0].encounterID : patient.id)
    contact = "patient-" + Array(Digest32(sha256: identity.utf8).bytes.prefix(8)).hex
  }

  /// As a physician would introduce the patient.
  var introduction: String {
    let facts = [
      patient.name ?? "A patient", patient.gender, patient.birthDate.map { "born \($0)" },
    ]
    return facts.compactMap(\.self).joined(separator: ", ")
  }

  /// What is to happen at a visit.
  ///
  /// - Parameters:
  ///   - hospitals: of the consortium.
  ///   - isFirst: whether a doctor changes their mind once, and the last one is elsewhere.
  /// - Throws: ``CommandFailure`` where the history says twice what the visit is about.
  func plan(
    _ visit: Visit, team: Int, hospitals: [String], isFirst: Bool
  ) throws(CommandFailure) -> PlannedVisit {
    PlannedVisit(
      patient: contact, hospital: Self.hospital(of: visit, hospitals),
      encounter: Self.identifier(visit.encounterID), symptoms: try symptoms(of: visit),
      findings: visit.findings(forTeamOf: team),
      signingTwice: isFirst ? [min(2, team)] : [], comparingWords: isFirst ? [team] : [])
  }

  /// What the patient tells the hospital at admission: what the history says the visit is about, as far as
  /// a form has room for it.
  private func symptoms(of visit: Visit) throws(CommandFailure) -> Symptoms {
    let complaints: [Coding]
    do {
      complaints = try visit.complaints()
    } catch {
      throw CommandFailure(error, at: path)
    }
    let codes = complaints.compactMap {
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

  /// An identifier of the file, or its digest if it is too long for a message.
  private static func identifier(_ text: String) -> String {
    text.utf8.count <= 256 ? text : "\(Digest32(sha256: text.utf8))"
  }
}

extension Visit {
  /// As `2024-02-06, Encounter for check up`.
  var summary: String {
    [start.map { String($0.prefix(10)) }, type ?? encounterClass, reason]
      .compactMap(\.self).joined(separator: ", ")
  }

  /// What doctor `position` of the team sees, as `1 Encounter, 3 Observations`.
  func share(ofPosition position: Int, team: Int) -> String {
    var counts: [(type: String, count: Int)] = []
    for index in stride(from: position - 1, to: resources.count, by: team) {
      let type = resources[index].type
      if let known = counts.firstIndex(where: { $0.type == type }) {
        counts[known].count += 1
      } else {
        counts.append((type, 1))
      }
    }
    if counts.isEmpty { return "nothing of their own" }
    return counts.map { Quantity.count($0.count, $0.type) }.joined(separator: ", ")
  }
}
