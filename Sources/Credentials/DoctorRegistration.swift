public import CanonicalEncoding
public import EMRScheme
public import Pairings

/// A doctor's keys as they go onto the ledger: statement, proof, and the signatures of the doctor
/// and of the system manager over the DER of the statement.
///
/// The third signature, of the doctor's hospital, is that of the ledger entry around it, so neither
/// the manager nor a hospital registers a doctor alone (item 15).
public struct DoctorRegistration: CanonicalObject, Equatable {
  public static let kind = ObjectKind.doctorRegistration

  public var statement: RegistrationStatement
  public var proof: RegistrationProof
  /// Ed25519 under `statement.identityKey`.
  public var doctorSignature: [UInt8]
  /// Ed25519 under the manager's registration key (x).
  public var managerSignature: [UInt8]

  public init(
    statement: RegistrationStatement, proof: RegistrationProof, doctorSignature: [UInt8],
    managerSignature: [UInt8]
  ) {
    self.statement = statement
    self.proof = proof
    self.doctorSignature = doctorSignature
    self.managerSignature = managerSignature
  }

  /// Signs with both keys, for whoever holds both.
  public init(
    statement: RegistrationStatement, proof: RegistrationProof, doctor: IdentityKey,
    manager: IdentityKey
  ) {
    self.init(
      statement: statement, proof: proof, doctorSignature: doctor.sign(statement),
      managerSignature: manager.sign(statement))
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("statement", encoded: statement.encoded())
    fields.value("proof", proof)
    fields.octets("doctorSignature", doctorSignature)
    fields.octets("managerSignature", managerSignature)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    statement = try RegistrationStatement(
      encoded: try fields.object("statement", maximum: RegistrationStatement.maximumByteCount))
    proof = try fields.value("proof")
    doctorSignature = try fields.octets("doctorSignature", count: 64)
    managerSignature = try fields.octets("managerSignature", count: 64)
  }
}

extension DoctorRegistration {
  /// Checks both signatures.
  ///
  /// - Parameter managerKey: the manager's registration key in the genesis.
  /// - Throws: ``CredentialError`` `registration`, naming the signer.
  public func checkSignatures(managerKey: [UInt8]) throws(CredentialError) {
    try check(doctorSignature, of: "the doctor", statement.identityKey)
    try check(managerSignature, of: "the manager", managerKey)
  }

  private func check(
    _ signature: [UInt8], of signer: String, _ key: [UInt8]
  ) throws(CredentialError) {
    guard IdentityKey.isValid(signature, of: statement, by: key) else {
      throw CredentialError(
        .registration,
        "the signature of \(signer) on the registration of \(statement.doctor) fails")
    }
  }

  /// The scheme's key, after its Schnorr proof is checked (item 11).
  ///
  /// - Throws: ``CredentialError`` `registration`.
  public func verifiedKey<Suite: PairingSuite>(
    _ suite: Suite.Type = Suite.self
  ) throws(CredentialError) -> VerifiedDoctorKey<Suite> {
    guard statement.suite == Suite.name else {
      throw CredentialError(.registration, "a key of \(statement.suite), not of \(Suite.name)")
    }
    do {
      return try VerifiedDoctorKey(verifying: statement, proof: proof)
    } catch {
      throw CredentialError(.registration, error.message)
    }
  }
}

/// A registration whose signatures and proof were checked. Whether it stands on the ledger, only a
/// final block tells.
public struct VerifiedRegistration<Suite: PairingSuite>: Sendable {
  public let registration: DoctorRegistration
  public let key: VerifiedDoctorKey<Suite>

  /// - Parameter managerKey: the manager's registration key in the genesis.
  /// - Throws: ``CredentialError`` `registration`.
  public init(
    verifying registration: DoctorRegistration, managerKey: [UInt8]
  ) throws(CredentialError) {
    try registration.checkSignatures(managerKey: managerKey)
    key = try registration.verifiedKey()
    self.registration = registration
  }
}
