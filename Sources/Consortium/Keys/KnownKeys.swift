package import CanonicalEncoding
package import Credentials
package import EMRScheme
package import Ledger

extension ErrorCode<CredentialError> {
  /// The ledger knows a party's keys, and the party has none.
  package static var missingKeys: Self { Self("missing-keys") }
  /// The ledger knows other keys of this party.
  package static var foreignKeys: Self { Self("foreign-keys") }
}

/// Compares keys with their public halves on the ledger. What others do not know of is not compared:
/// the key that makes visit identifiers, and a patient's root key.
extension KeyFile {
  /// Whether the keys are here that their owner, a party of the ledger, has among members. There may be
  /// others beside them, which were or are to be in force.
  package func isKnown(to members: ValidMembers, network: String) throws -> Bool {
    guard let party = members.party(owner) else { return false }
    let ring = try KeyRing(self, network: network, save: { _ in })
    return try ring.holdsKeys(of: party) && hasLogKey(of: party, ring)
  }

  /// The same of who may have given up keys with which blocks are decided and confirmed, and has not been listed
  /// with others yet.
  ///
  /// - Returns: the uses of which the keys are given up; nil if the keys are not this party's.
  package func givenUp(by members: ValidMembers, network: String) throws -> Set<KeyUse>? {
    guard let party = members.party(owner) else { return nil }
    let ring = try KeyRing(self, network: network, save: { _ in })
    guard let uses = ring.givenUp(of: party), try hasLogKey(of: party, ring) else { return nil }
    return uses
  }

  private func hasLogKey(of party: Party, _ ring: KeyRing) throws -> Bool {
    guard case .supernode(let node) = party, node.role == .hospital else { return true }
    let keys = try SupernodeKeys(self, ring: ring, isHospital: true)
    return try keys.publicPart(
      id: owner, organisation: node.organisation, role: .hospital, isCandidate: false
    ).logKey == node.logKey
  }

  /// Whether these are the keys that a doctor has in the directory.
  package func isKnown(as statement: RegistrationStatement) throws -> Bool {
    let keys = try DoctorKeys(self)
    return keys.signing.statement(
      genesis: statement.genesis, doctor: owner, hospital: statement.hospital,
      identityKey: keys.identity.publicKey, replaces: statement.replaces,
      specialties: Set(statement.specialties)) == statement
  }

  /// - Throws: ``CredentialError`` if a doctor cannot work with these keys.
  package func requireDoctorKeys() throws { _ = try DoctorKeys(self) }

  /// - Throws: ``CredentialError`` if a patient cannot work with these keys.
  package func requirePatientKeys() throws { _ = try PatientKeys(self) }
}
