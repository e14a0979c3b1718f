import CanonicalEncoding
import Consortium
import Credentials
import Ledger

// example: doctors-client
/// A doctor's client. All texts are those of QR codes, on a patient's screen.
public struct DoctorClient: Sendable {
  public let doctor: Doctor

  public init(
    _ id: String, at hospital: String, _ keys: KeyFile, _ genesis: ValidGenesis,
    _ store: any RoleStore, _ courier: any Courier, clock: @escaping @Sendable () -> UInt64
  ) throws {
    doctor = try Doctor(
      id: id, hospital: hospital, genesis: genesis, keys: DoctorKeys(keys), store: store,
      courier: courier, clock: clock)
  }

  /// Sees a patient, and signs what was found; who is the last of the team completes the visit.
  public func see(_ code: String, finding: [UInt8]) async throws {
    let visit = try await doctor.take(presence: code)
    try await doctor.diagnose(visit, finding)
    for mine in try await doctor.visits() where mine.visit == visit && mine.step == .completion {
      try await doctor.completeVisit(visit)
    }
  }

  /// Asks the patient who has shown an address for earlier records.
  public func ask(_ address: String, purpose: String) async throws {
    _ = try await doctor.requestAccess(address: PatientAddress(text: address), purpose: purpose)
  }

  /// Opens what a patient has consented to, one of `doctor.consents()`: once, so it is kept first.
  public func read(
    _ consent: ReceivedConsent, keepingBy keep: @Sendable (OpenedRecord) async throws -> Void
  ) async throws {
    try await doctor.open(consent: consent.consent, keepingBy: keep)
  }
}
// example end
