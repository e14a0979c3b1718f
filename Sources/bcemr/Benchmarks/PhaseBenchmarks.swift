import ClinicalRecords
import Consortium
import SQLiteBackend

/// The phases of section 4 of the paper for teams of 3: what all roles of a consortium work in
/// them, on SQLite in a temporary folder.
enum PhaseBenchmarks {
  /// From admission to a final receipt: everything that a visit costs.
  private static let visit = "visit_total"
  private static let initialization = "phase_initialization"
  private static let names: [(name: String, phase: Phase)] = [
    ("phase_group_key", .groupKeyGeneration), ("phase_diagnose", .diagnose),
    ("phase_storage", .dataStorage), ("phase_sharing", .dataSharing),
  ]
  private static let foundings = 7
  private static let visits = 25

  /// - Parameter isWanted: whether the benchmark of a name is to run.
  static func timings(
    console: Console, where isWanted: (String) -> Bool
  ) async throws -> [Timing] {
    var timings: [Timing] = []
    if isWanted(initialization) {
      console.progress("measuring \(initialization)")
      var samples: [Double] = []
      for _ in 0..<foundings {
        samples.append(
          try await DataFolder.temporary { folder in
            let start = MonotoneTime.nanoseconds()
            _ = try await found(folder)
            return Double(MonotoneTime.nanoseconds() - start)
          })
      }
      timings.append(Timing(initialization, samples: samples, iterations: foundings))
    }
    let wanted = names.map(\.name).filter(isWanted) + [visit].filter(isWanted)
    guard !wanted.isEmpty else { return timings }
    console.progress("measuring the phases of \(visits) visits")
    let samples = try await DataFolder.temporary { try await holdVisits(found($0)) }
    return timings
      + wanted.compactMap { name in
        samples[name].map { Timing(name, samples: $0, iterations: visits) }
      }
  }

  private static func found(_ folder: DataFolder) async throws -> LocalConsortium {
    try await LocalConsortium.open(
      storage: folder, configuration: .init(teamSize: 3),
      environment: .init(clock: LedgerTime.now, nanoseconds: MonotoneTime.nanoseconds))
  }

  /// Holds and shares visits, one after another.
  private static func holdVisits(
    _ consortium: LocalConsortium
  ) async throws -> [String: [Double]] {
    let patient = "patient-1"
    try await consortium.addPatient(contact: patient, identity: patient)
    let findings = try FHIRHistory(json: ExampleHistory.json).visits[1].findings(forTeamOf: 3)
    let request = try await consortium.requestAccess(
      doctor: "hospital-2-doctor-1", patient: patient, purpose: "treatment")
    var samples: [String: [Double]] = [:]
    for number in 1...visits {
      let before = consortium.meter.readings
      let start = MonotoneTime.nanoseconds()
      let visit = try await consortium.hold(
        PlannedVisit(
          patient: patient, hospital: "hospital-1", encounter: "\(number)", findings: findings)
      ).visit
      try await consortium.settle()
      samples[Self.visit, default: []].append(Double(MonotoneTime.nanoseconds() - start))

      let expiresAt = await consortium.ledgerTime() + 3600
      let consent = try await consortium.consent(
        patient: patient, to: request, visit: visit, expiresAt: expiresAt)
      try await consortium.settle()
      _ = try await consortium.openRecord(doctor: "hospital-2-doctor-1", consent: consent)

      let after = consortium.meter.readings
      for (name, phase) in names {
        samples[name, default: []].append(
          Double(after.nanoseconds(in: phase) - before.nanoseconds(in: phase)))
      }
    }
    return samples
  }
}
