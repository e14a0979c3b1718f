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
  /// Whether these are the keys that their owner, manager or supernode, has among members. Keys for the
  /// chains of hospitals that were admitted later lie elsewhere.
  package func isKnown(to members: ValidMembers, network: String) throws -> Bool {
    let manager = members.manager
    if owner == manager.id {
      return try ManagerKeys(self).publicPart(id: owner, organisation: manager.organisation)
        == manager
    }
    guard var node = members.supernode(owner) else { return false }
    node.cosigners.sort { $0.chain < $1.chain }
    let held = Set(names)
    node.cosigners.removeAll { !held.contains(SupernodeKeys.secretName(cosigning: $0.chain)) }
    let keys = try SupernodeKeys(
      self, network: network, chains: node.cosigners.map(\.chain),
      isHospital: node.role == .hospital)
    return keys.publicPart(
      id: owner, organisation: node.organisation, role: node.role,
      isCandidate: node.votingKey != nil) == node
  }

  /// Whether this is the key that its owner, an organisation, has among members.
  package func isKnown(asOrganisationOf members: ValidMembers) throws -> Bool {
    try OrganisationKeys(self).identity.publicKey == members.identityKey(of: owner)
  }

  /// Whether these are the keys that a doctor has in the directory.
  package func isKnown(as statement: RegistrationStatement) throws -> Bool {
    let keys = try DoctorKeys(self)
    return keys.signing.statement(
      genesis: statement.genesis, doctor: owner, hospital: statement.hospital,
      identityKey: keys.identity.publicKey, agreementKey: keys.agreement.publicKey,
      replaces: statement.replaces) == statement
  }

  /// - Throws: ``CredentialError`` if a doctor cannot work with these keys.
  package func requireDoctorKeys() throws { _ = try DoctorKeys(self) }

  /// - Throws: ``CredentialError`` if a patient cannot work with these keys.
  package func requirePatientKeys() throws { _ = try PatientKeys(self) }
}
