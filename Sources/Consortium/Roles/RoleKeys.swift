package import Credentials
import Crypto
import EMRScheme
package import Ledger
import Synchronization
import TransparencyLog

/// Where a role finds randomness; the system's, or a seeded one in tests.
public typealias Randomness = any RandomNumberGenerator & Sendable

/// One generator for several parts of a role: a copy for each would give all of them the same bytes.
final class SharedRandomness: RandomNumberGenerator, Sendable {
  private let generator: Mutex<Randomness>

  init(_ generator: Randomness) { self.generator = Mutex(generator) }

  func next() -> UInt64 { generator.withLock { $0.next() } }
}

/// The names under which key files keep secrets.
private enum SecretName {
  static let identity = "identity"
  static let agreement = "agreement"
  static let registration = "registration"
  static let visitIdentifiers = "visit-identifiers"
  static let signing = "signing"
  static let root = "root"
  static let log = "log"
  static let voting = "voting"
  static func cosigner(_ chain: String) -> String { "cosigner/\(chain)" }
}

extension KeyFile {
  fileprivate func identityKey(
    _ name: String = SecretName.identity
  ) throws(CredentialError) -> IdentityKey {
    try IdentityKey(seed: secret(name))
  }

  fileprivate func agreementKey() throws(CredentialError) -> AgreementKey {
    try AgreementKey(seed: secret(SecretName.agreement))
  }
}

extension IdentityKey {
  /// The same key for the group key exchange.
  func exchangeKey() throws -> Curve25519.Signing.PrivateKey {
    try Curve25519.Signing.PrivateKey(rawRepresentation: encoded())
  }
}

/// The system manager's keys.
package struct ManagerKeys: Sendable {
  /// x: signs registrations (4.2).
  let registration: IdentityKey
  let identity: IdentityKey
  let agreement: AgreementKey

  package init(_ file: KeyFile) throws(CredentialError) {
    registration = try file.identityKey(SecretName.registration)
    identity = try file.identityKey()
    agreement = try file.agreementKey()
  }

  package static func generate(
    owner: String, using generator: inout Randomness
  ) throws(CredentialError) -> KeyFile {
    try KeyFile(
      owner: owner,
      secrets: [
        SecretName.registration: generator.bytes(32), SecretName.identity: generator.bytes(32),
        SecretName.agreement: generator.bytes(32),
      ])
  }

  package func publicPart(id: String, organisation: String) -> Members.Manager {
    Members.Manager(
      id: id, organisation: organisation, registrationKey: registration.publicKey,
      identityKey: identity.publicKey, agreementKey: agreement.publicKey)
  }
}

/// An organisation's key, which no server of it has: it signs what the organisation decides.
package struct OrganisationKeys: Sendable {
  package let identity: IdentityKey

  package init(_ file: KeyFile) throws(CredentialError) { identity = try file.identityKey() }

  package static func generate(
    owner: String, using generator: inout Randomness
  ) throws(CredentialError) -> KeyFile {
    try KeyFile(owner: owner, secrets: [SecretName.identity: generator.bytes(32)])
  }
}

/// The keys of a hospital server or a cloud operator.
package struct SupernodeKeys: Sendable {
  /// For a hospital, h_i of 4.2.
  let identity: IdentityKey
  let agreement: AgreementKey
  /// As a delegate: signs proposals, prepares and commits.
  let voting: IdentityKey
  /// By chain.
  let cosigners: [String: CosignerKey]
  /// For a hospital: signs its chain. Ed25519, 32 bytes.
  private let log: Curve25519.Signing.PrivateKey?
  /// Makes visit identifiers.
  let visitIdentifiers: SymmetricKey

  package init(_ file: KeyFile, network: String, chains: [String], isHospital: Bool) throws {
    identity = try file.identityKey()
    agreement = try file.agreementKey()
    voting = try file.identityKey(SecretName.voting)
    visitIdentifiers = SymmetricKey(data: try file.secret(SecretName.visitIdentifiers))
    var cosigners: [String: CosignerKey] = [:]
    for chain in chains {
      cosigners[chain] = try CosignerKey(
        name: ValidGenesis.cosignerName(network: network, node: file.owner, chain: chain),
        key: Curve25519.Signing.PrivateKey(
          rawRepresentation: try file.secret(SecretName.cosigner(chain))))
    }
    self.cosigners = cosigners
    log =
      isHospital
      ? try Curve25519.Signing.PrivateKey(rawRepresentation: file.secret(SecretName.log)) : nil
  }

  /// The name in a key file of the key that cosigns a chain.
  static func secretName(cosigning chain: String) -> String { SecretName.cosigner(chain) }

  /// What a delegate signs with; nil without a key for the consortium chain.
  package var delegate: Delegate.Keys? {
    cosigners[ChainName.consortium].map {
      Delegate.Keys(identity: identity, voting: voting, cosigner: $0)
    }
  }

  /// The log keys of a hospital's chain.
  func logKeys(_ store: any RoleStore, _ randomness: SharedRandomness) throws -> LogKeys {
    guard let log else { throw CredentialError(.invalidKey, "the party has no log key") }
    return LogKeys(first: log, store: store, randomness: randomness)
  }

  package static func generate(
    owner: String, chains: [String], isHospital: Bool, using generator: inout Randomness
  ) throws(CredentialError) -> KeyFile {
    var secrets = [
      SecretName.identity: generator.bytes(32), SecretName.agreement: generator.bytes(32),
      SecretName.visitIdentifiers: generator.bytes(32), SecretName.voting: generator.bytes(32),
    ]
    for chain in chains { secrets[SecretName.cosigner(chain)] = generator.bytes(32) }
    if isHospital { secrets[SecretName.log] = generator.bytes(32) }
    return try KeyFile(owner: owner, secrets: secrets)
  }

  package func publicPart(
    id: String, organisation: String, role: Members.Supernode.Role, isCandidate: Bool
  ) -> Members.Supernode {
    Members.Supernode(
      id: id, organisation: organisation, role: role, identityKey: identity.publicKey,
      agreementKey: agreement.publicKey,
      cosigners: cosigners.keys.sorted().compactMap { chain in
        cosigners[chain].map {
          Members.Cosigner(chain: chain, publicKey: $0.verifier.key.publicKey)
        }
      },
      logKey: log.map { Members.LogKey(publicKey: Array($0.publicKey.rawRepresentation)) },
      votingKey: isCandidate ? Members.VotingKey(publicKey: voting.publicKey) : nil)
  }
}

/// A doctor's long-term keys.
package struct DoctorKeys: Sendable {
  /// (d1, d2, d3).
  let signing: DoctorSigningKey<Suite>
  /// Both as registered, until the doctor rotates them.
  var identity: IdentityKey
  var agreement: AgreementKey

  package init(_ file: KeyFile) throws {
    signing = try DoctorSigningKey(encoded: try file.secret(SecretName.signing))
    identity = try file.identityKey()
    agreement = try file.agreementKey()
  }

  package static func generate(
    owner: String, using generator: inout Randomness
  ) throws(CredentialError) -> KeyFile {
    try KeyFile(
      owner: owner,
      secrets: [
        SecretName.signing: DoctorSigningKey<Suite>(using: &generator).encoded(),
        SecretName.identity: generator.bytes(32), SecretName.agreement: generator.bytes(32),
      ])
  }
}

/// A patient's root key.
package struct PatientKeys: Sendable {
  let root: PatientRoot

  package init(_ file: KeyFile) throws(CredentialError) {
    root = try PatientRoot(file.secret(SecretName.root))
  }

  package static func generate(
    owner: String, using generator: inout Randomness
  ) throws(CredentialError) -> KeyFile {
    try KeyFile(owner: owner, secrets: [SecretName.root: generator.bytes(32)])
  }
}
