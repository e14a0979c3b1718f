import CanonicalEncoding
import Credentials
import EMRScheme
import Pairings
import TestSupport
import Testing

@Suite("A registration is the work of doctor and manager together")
struct DoctorRegistrationTests {
  private typealias Suite = BLS12381

  private let doctor: IdentityKey
  private let manager: IdentityKey
  private let registration: DoctorRegistration
  private let key: DoctorSigningKey<Suite>

  init() throws {
    var generator = SeededGenerator(seed: 1)
    doctor = try IdentityKey(seed: generator.bytes(32))
    manager = try IdentityKey(seed: generator.bytes(32))
    key = DoctorSigningKey<Suite>(using: &generator)
    let statement = key.statement(
      genesis: .zero, doctor: "ada", hospital: "hospital-1", identityKey: doctor.publicKey)
    registration = DoctorRegistration(
      statement: statement, proof: try key.prove(statement, using: &generator), doctor: doctor,
      manager: manager)
  }

  private func expectRefused(
    _ registration: DoctorRegistration, _ message: String, managerKey: [UInt8]? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(sourceLocation: sourceLocation) {
      try VerifiedRegistration<Suite>(
        verifying: registration, managerKey: managerKey ?? manager.publicKey)
    } throws: {
      let error = $0 as? CredentialError
      return error?.code == .registration && error?.message.contains(message) == true
    }
  }

  @Test("with both signatures and the proof it is accepted, and survives its encoding")
  func accepted() throws {
    let decoded = try DoctorRegistration(encoded: registration.encoded())
    #expect(decoded == registration)
    let verified = try VerifiedRegistration<Suite>(
      verifying: decoded, managerKey: manager.publicKey)
    #expect(verified.key.statement == registration.statement)
    #expect(verified.key.key == key.publicKey)
  }

  @Test("a manager, or whoever says so, cannot register a doctor who did not sign")
  func withoutDoctor() {
    var forged = registration
    forged.doctorSignature = manager.sign(registration.statement)
    expectRefused(forged, "the doctor")
  }

  @Test("a doctor cannot register without the manager")
  func withoutManager() throws {
    var forged = registration
    forged.managerSignature = doctor.sign(registration.statement)
    expectRefused(forged, "the manager")
    expectRefused(
      registration, "the manager", managerKey: try IdentityKey(seed: [UInt8](1...32)).publicKey)
  }

  @Test("no signed field changes: another hospital, another key")
  func changedStatement() {
    var forged = registration
    forged.statement.hospital = "hospital-2"
    expectRefused(forged, "the doctor")
    forged = registration
    forged.statement.identityKey = [UInt8](repeating: 9, count: 32)
    expectRefused(forged, "the doctor")
  }

  @Test("both signatures do not help a proof that fails")
  func wrongProof() throws {
    var generator = SeededGenerator(seed: 2)
    let other = DoctorSigningKey<Suite>(using: &generator)
    // The statement of a key that its holder does not know, with a proof of another.
    let own = other.statement(
      genesis: .zero, doctor: "ada", hospital: "hospital-1", identityKey: doctor.publicKey)
    let forged = DoctorRegistration(
      statement: registration.statement, proof: try other.prove(own, using: &generator),
      doctor: doctor, manager: manager)
    expectRefused(forged, "proof")
  }

  @Test("a registration for another suite is none here")
  func otherSuite() {
    var statement = registration.statement
    statement.suite = "type-a-512"
    let foreign = DoctorRegistration(
      statement: statement, proof: registration.proof, doctor: doctor, manager: manager)
    expectRefused(foreign, "type-a-512")
  }
}
