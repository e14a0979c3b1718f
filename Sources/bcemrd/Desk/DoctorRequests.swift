import CanonicalEncoding
import Consortium
import DeskInterface
import EMRScheme
import Ledger

extension ExpectDoctor: HandledRequest {
  func perform(at desk: Desk) async throws -> DeskDone {
    let hospital = try desk.hospital(role)
    guard ValidGenesis.isIdentifier(doctor) else {
      throw DaemonFailure(
        .badInput, "this is no identifier of a doctor", code: "bad-identifier",
        hint: "1 to 64 of a-z, 0-9 and '-'")
    }
    guard let digest = Digest32(hex: fingerprint) else {
      throw DaemonFailure(
        .badInput, "this is no fingerprint", code: "bad-fingerprint",
        hint: "64 hexadecimal digits, which the doctor's own program shows")
    }
    let known = try await hospital.employeeList().first { $0.doctor == doctor }
    let specialties = try Set(specialties.map(specialty))
    try await hospital.employ(doctor, fingerprint: digest, specialties: specialties)
    return DeskDone(
      changed: known?.fingerprint != digest || known.map { Set($0.specialties) } != specialties)
  }
}

extension VoidExpectation: HandledRequest {
  static var stores: Bool { false }

  func perform(at desk: Desk) async throws -> DeskDone {
    DeskDone(changed: try await desk.hospital(role).voidExpectation(of: doctor))
  }
}

extension ListDoctors: HandledRequest {
  static var stores: Bool { false }

  func perform(at desk: Desk) async throws -> Answer {
    let hospital = try desk.hospital(role)
    return Answer(
      doctors: try await hospital.employeeList().map {
        Answer.Doctor(
          doctor: $0.doctor,
          standing: $0.status.map { "\($0)" }
            ?? ($0.registration == nil ? "expected" : "elsewhere"),
          fingerprint: "\($0.fingerprint)", specialties: $0.specialties.map(\.description),
          hospital: $0.registration?.hospital,
          registered: $0.registration.map { "\($0.fingerprint)" })
      }, damaged: try await hospital.damagedRows())
  }
}

/// Says on the ledger what a doctor is a specialist in.
struct SetSpecialties: HandledRequest {
  static let name = "specialties"

  var role: String?
  var doctor: String
  var specialties: [String]

  func perform(at desk: Desk) async throws -> DeskDone {
    let hospital = try desk.hospital(role)
    return DeskDone(
      changed: try await hospital.setSpecialties(
        of: doctor, Set(try specialties.map(specialty))))
  }
}

/// Suspends a doctor, lets the doctor act again, or retires the doctor for good.
struct SetStanding: HandledRequest {
  static let name = "standing"

  enum Standing: String, Codable, Sendable {
    case active, suspended, retired

    var status: DoctorStatus {
      switch self {
      case .active: .active
      case .suspended: .suspended
      case .retired: .retired
      }
    }
  }

  var role: String?
  var doctor: String
  var standing: Standing

  func perform(at desk: Desk) async throws -> DeskDone {
    let hospital = try desk.hospital(role)
    return DeskDone(changed: try await hospital.setStanding(of: doctor, standing.status))
  }
}

private func specialty(_ text: String) throws -> Specialty {
  guard let specialty = Specialty(text) else {
    throw DaemonFailure(
      .badInput, "this is no specialty", code: "bad-specialty",
      hint: "SYSTEM|CODE, as http://snomed.info/sct|394579002")
  }
  return specialty
}
