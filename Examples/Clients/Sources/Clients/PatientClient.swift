import CanonicalEncoding
import Consortium
import Credentials
import Ledger

// example: patients-client
/// A patient's client. All texts are those of QR codes, on its screen or before its camera.
public struct PatientClient: Sendable {
  public let patient: Patient

  public init(
    _ identity: String, _ keys: KeyFile, _ genesis: ValidGenesis, _ store: any RoleStore,
    _ courier: any Courier, clock: @escaping @Sendable () -> UInt64
  ) throws {
    patient = try Patient(
      identity: identity, genesis: genesis, keys: PatientKeys(keys), store: store,
      courier: courier, clock: clock)
  }

  /// Is admitted with the ticket of the counter, and agrees to the visit and its team.
  public func arrive(at hospital: String, for encounter: String, ticket: String) async throws
    -> Admission
  {
    try await patient.admit(
      to: hospital, encounter: encounter, ticket: AdmissionTicket(text: ticket))
  }

  /// What this device shows a doctor of the team.
  public func code(
    for doctor: String, visit: Digest32, at hospital: String
  ) async throws -> String {
    try await patient.presence(visit, at: hospital, to: doctor).text
  }

  /// Opens the record once the visit is final, and gives the receipt; nil if it is not what the team signed.
  public func leave(_ visit: Digest32, at hospital: String) async throws -> OpenedRecord? {
    try await patient.collect(visit, at: hospital).record
  }

  /// Consents to what a doctor has asked: one of `patient.requests()`.
  public func share(
    _ visit: Digest32, at hospital: String, with request: ReceivedRequest, until expiry: UInt64
  ) async throws {
    _ = try await patient.consent(
      to: request.request, visit: visit, at: hospital, expiresAt: expiry)
  }
}
// example end
