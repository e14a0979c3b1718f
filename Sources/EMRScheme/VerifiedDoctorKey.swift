public import Pairings

/// A doctor's key whose registration proof was checked: the only kind that verifies signatures.
public struct VerifiedDoctorKey<Suite: PairingSuite>: Sendable, Equatable {
  public let statement: RegistrationStatement
  public let key: DoctorPublicKey<Suite>

  /// - Throws: ``SchemeError`` for points outside their groups or a proof that fails.
  public init(
    verifying statement: RegistrationStatement, proof: RegistrationProof
  ) throws(SchemeError) {
    try self.init(alreadyVerified: statement)
    try proof.verify(statement, key)
  }

  /// For a statement from a ledger state that verified the proof before.
  package init(alreadyVerified statement: RegistrationStatement) throws(SchemeError) {
    self.statement = statement
    key = try DoctorPublicKey(statement)
  }
}
