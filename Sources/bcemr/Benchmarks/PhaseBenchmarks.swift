import ClinicalRecords
import Consortium
import SQLiteBackend

/// The phases of section 4 of the paper for teams of 3: what all roles of a consortium work in
/// them, on SQLite in a temporary folder.
enum PhaseBenchmarks {
  /// From admission to the patient's receipt, of visits that follow each other: the block of each is
  /// final then, and its receipt with the next one's.
  private static let visit = "visit_total"
  private static let initialization = "phase_initialization"
  private static let names: [(name: String, phase: Phase)] = [
    ("phase_group_key", .groupKeyGeneration), ("phase_diagnose", .diagnose),
    ("phase_storage", .dataStorage), ("phase_sharing", .dataSharing),
  ]
  private static let foundings = 7
  private static let visits = 50

  /// - Parameter isWanted: whether the benchmark of a name is to run.
  static func timings(
    console: Console, where isWanted: (String) -> Bool
  ) async throws -> [Timing] {
    var timings: [Timing] = []
    if isWanted(initialization) {
      var samples: [Double] = []
      for number in 1...foundings {
        console.progress("measuring \(initialization), \(number) of \(foundings)")
        samples.append(
          try await TemporaryItems.folder { folder in
            let start = MonotoneTime.nanoseconds()
            _ = try await found(folder)
            return Double(MonotoneTime.nanoseconds() - start)
          })
      }
      timings.append(Timing(initialization, samples: samples, iterations: foundings))
    }
    let wanted = names.filter { isWanted($0.name) }
    if !wanted.isEmpty {
      let samples = try await inConsortium { try await phases(of: $0, console) }
      timings += wanted.map { name, phase in
        Timing(name, samples: samples.map { $0[phase] ?? 0 }, iterations: visits)
      }
    }
    if isWanted(visit) {
      let samples = try await TemporaryItems.folder {
        try await wholeVisits(of: found($0), console)
      }
      timings.append(Timing(visit, samples: samples, iterations: visits))
    }
    return timings
  }

  /// Measures with a consortium of its own.
  private static func inConsortium<Value>(
    _ measure: (LocalConsortium) async throws -> Value
  ) async throws -> Value {
    try await TemporaryItems.folder { folder in
      let consortium = try await found(folder)
      do {
        return try await measure(consortium)
      } catch {
        throw await consortium.cause(of: error)
      }
    }
  }

  private static func found(_ folder: DataFolder) async throws -> LocalConsortium {
    try await LocalConsortium.open(
      storage: folder, configuration: .init(teamSize: 3),
      environment: .init(clock: LedgerTime.now, nanoseconds: MonotoneTime.nanoseconds))
  }

  private static let patient = "patient-1"

  /// The visits that are measured, all alike.
  private static func plans() throws -> [PlannedVisit] {
    let findings = try FHIRHistory(json: ExampleHistory.json).visits[1].findings(forTeamOf: 3)
    return (1...visits).map {
      PlannedVisit(
        patient: patient, hospital: "hospital-1", encounter: "\($0)", findings: findings)
    }
  }

  private static func wholeVisits(
    of consortium: LocalConsortium, _ console: Console
  ) async throws -> [Double] {
    try await consortium.addPatient(contact: patient, identity: patient)
    var samples: [Double] = []
    for (index, plan) in try plans().enumerated() {
      console.progress("measuring whole visits, \(index + 1) of \(visits)")
      let start = MonotoneTime.nanoseconds()
      _ = try await consortium.hold(plan)
      samples.append(Double(MonotoneTime.nanoseconds() - start))
    }
    return samples
  }

  /// Holds and shares visits, one after another.
  private static func phases(
    of consortium: LocalConsortium, _ console: Console
  ) async throws -> [[Phase: Double]] {
    try await consortium.addPatient(contact: patient, identity: patient)
    let request = try await consortium.requestAccess(
      doctor: "hospital-2-doctor-1", patient: patient, purpose: "treatment")
    var samples: [[Phase: Double]] = []
    for (index, plan) in try plans().enumerated() {
      console.progress("measuring the phases of visits, \(index + 1) of \(visits)")
      let before = consortium.meter.readings
      let visit = try await consortium.hold(plan).visit
      try await consortium.settle()

      let expiresAt = await consortium.ledgerTime() + 3600
      let consent = try await consortium.consent(
        patient: patient, to: request, visit: visit, expiresAt: expiresAt)
      try await consortium.settle()
      _ = try await consortium.openRecord(doctor: "hospital-2-doctor-1", consent: consent)

      let after = consortium.meter.readings
      samples.append(
        Dictionary(
          uniqueKeysWithValues: names.map { _, phase in
            (phase, Double(after.nanoseconds(in: phase) - before.nanoseconds(in: phase)))
          }))
    }
    return samples
  }
}
