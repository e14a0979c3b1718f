import CanonicalEncoding
public import Credentials
import Crypto
import EMRScheme
package import Ledger
import Synchronization

/// Where a role finds randomness; the system's, or a seeded one in tests.
public typealias Randomness = any RandomNumberGenerator & Sendable

/// One generator for several parts of a role: a copy for each would give all of them the same bytes.
final class SharedRandomness: RandomNumberGenerator, Sendable {
  private let generator: Mutex<Randomness>

  init(_ generator: Randomness) { self.generator = Mutex(generator) }

  func next() -> UInt64 { generator.withLock { $0.next() } }
}

/// The names under which key files keep secrets, beside those of a ``KeyUse``.
private enum SecretName {
  static let visitIdentifiers = "visit-identifiers"
  static let signing = "signing"
  static let root = "root"
  static let log = "log"
}

extension IdentityKey {
  /// The same key for the group key exchange.
  func exchangeKey() throws -> Curve25519.Signing.PrivateKey {
    try Curve25519.Signing.PrivateKey(rawRepresentation: encoded())
  }
}

extension KeyRing {
  fileprivate func newest(_ use: KeyUse) throws(CredentialError) -> [UInt8] {
    guard let key = publicKey(use) else {
      throw CredentialError(.invalidFile, "the keys of \(owner) lack \"\(use.name)\"")
    }
    return key
  }
}

/// The system manager's keys, of which x signs registrations (4.2).
package struct ManagerKeys: Sendable {
  package let ring: KeyRing

  package init(_ ring: KeyRing) { self.ring = ring }

  package static func generate(
    owner: String, using generator: inout Randomness
  ) throws(CredentialError) -> KeyFile {
    let uses: [KeyUse] = [.registration, .identity]
    return try KeyFile(
      owner: owner,
      secrets: Dictionary(
        uses.map { ($0.name, generator.bytes(32)) }, uniquingKeysWith: { first, _ in first }))
  }

  /// - Throws: ``CredentialError`` `invalidFile` if a key is missing.
  package func publicPart(
    id: String, organisation: String
  ) throws(CredentialError) -> Members.Manager {
    Members.Manager(
      id: id, organisation: organisation, registrationKey: try ring.newest(.registration),
      identityKey: try ring.newest(.identity))
  }
}

/// An organisation's keys, which no server of it has: they sign what the organisation decides.
package enum OrganisationKeys {
  package static func generate(
    owner: String, using generator: inout Randomness
  ) throws(CredentialError) -> KeyFile {
    try KeyFile(owner: owner, secrets: [KeyUse.identity.name: generator.bytes(32)])
  }
}

/// The keys of a hospital server, whose identity key is h_i of 4.2, or of a cloud operator.
package struct SupernodeKeys: Sendable {
  package let ring: KeyRing
  /// For a hospital: signs its chain. Ed25519, 32 bytes.
  private let log: Curve25519.Signing.PrivateKey?
  /// Makes visit identifiers.
  let visitIdentifiers: SymmetricKey

  /// - Parameters:
  ///   - file: what `ring` was made of, with the keys that are in no ring.
  package init(_ file: KeyFile, ring: KeyRing, isHospital: Bool) throws {
    self.ring = ring
    visitIdentifiers = SymmetricKey(data: try file.secret(SecretName.visitIdentifiers))
    log =
      isHospital
      ? try Curve25519.Signing.PrivateKey(rawRepresentation: file.secret(SecretName.log)) : nil
  }

  /// What a delegate signs with; nil without keys for the consortium chain.
  package var delegate: KeyRing? {
    ring.uses.isSuperset(of: [.voting, .cosigner(ChainName.consortium)]) ? ring : nil
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
      KeyUse.identity.name: generator.bytes(32), KeyUse.voting.name: generator.bytes(32),
      SecretName.visitIdentifiers: generator.bytes(32),
    ]
    for chain in chains { secrets[KeyUse.cosigner(chain).name] = generator.bytes(32) }
    if isHospital { secrets[SecretName.log] = generator.bytes(32) }
    return try KeyFile(owner: owner, secrets: secrets)
  }

  /// The party as it is to be listed, with its newest keys.
  ///
  /// - Throws: ``CredentialError`` `invalidFile` if a key is missing.
  package func publicPart(
    id: String, organisation: String, role: Members.Supernode.Role, isCandidate: Bool
  ) throws(CredentialError) -> Members.Supernode {
    Members.Supernode(
      id: id, organisation: organisation, role: role, identityKey: try ring.newest(.identity),
      cosigners: ring.uses.compactMap(\.chain).sorted().compactMap { chain in
        ring.publicKey(.cosigner(chain)).map { Members.Cosigner(chain: chain, publicKey: $0) }
      },
      logKey: log.map { Members.LogKey(publicKey: Array($0.publicKey.rawRepresentation)) },
      votingKey: isCandidate ? Members.VotingKey(publicKey: try ring.newest(.voting)) : nil)
  }
}

/// A doctor's long-term keys.
public struct DoctorKeys: Sendable {
  /// (d1, d2, d3).
  let signing: DoctorSigningKey<Suite>
  /// As registered, until the doctor rotates it.
  var identity: IdentityKey
  /// Of A and the identity key of the file, in this order: of no other file.
  let digest: Digest32

  /// Opens the keys of a file.
  ///
  /// - Throws: ``CredentialError`` `invalidFile` if one is missing, `invalidKey`, or ``SchemeError``, for bytes
  ///   that are none.
  public init(_ file: KeyFile) throws {
    signing = try DoctorSigningKey(encoded: try file.secret(SecretName.signing))
    identity = try IdentityKey(seed: file.secret(KeyUse.identity.name))
    let statement = signing.statement(
      genesis: .zero, doctor: file.owner, hospital: "", identityKey: identity.publicKey)
    digest = Digest32(sha256: statement.a + identity.publicKey)
  }

  /// Makes the keys of a doctor, to be stored before anybody hears of them.
  ///
  /// - Parameters:
  ///   - owner: the doctor's identifier: 1 to 64 bytes.
  ///   - generator: for cryptography, as the system's.
  public static func generate(
    owner: String, using generator: inout some RandomNumberGenerator
  ) throws(CredentialError) -> KeyFile {
    try KeyFile(
      owner: owner,
      secrets: [
        SecretName.signing: DoctorSigningKey<Suite>(using: &generator).encoded(),
        KeyUse.identity.name: generator.bytes(32),
      ])
  }
}

/// A patient's root key.
public struct PatientKeys: Sendable {
  let root: PatientRoot

  /// Opens the root of a file.
  ///
  /// - Throws: ``CredentialError`` `invalidFile` if there is none.
  public init(_ file: KeyFile) throws(CredentialError) {
    root = try PatientRoot(file.secret(SecretName.root))
  }

  /// Makes a root, to be stored before it is used.
  ///
  /// - Parameters:
  ///   - owner: what the file calls the patient, and nobody else hears: 1 to 64 bytes.
  ///   - generator: for cryptography, as the system's.
  public static func generate(
    owner: String, using generator: inout some RandomNumberGenerator
  ) throws(CredentialError) -> KeyFile {
    try KeyFile(owner: owner, secrets: [SecretName.root: generator.bytes(32)])
  }

  /// The same from the words on paper; ``Patient/restore(anew:)`` finds what belongs to it.
  public static func restored(
    owner: String, from phrase: RecoveryPhrase
  ) throws(CredentialError) -> KeyFile {
    try KeyFile(owner: owner, secrets: [SecretName.root: phrase.secret])
  }

  /// The root in 24 words, for paper: who has them has everything.
  public var recoveryPhrase: RecoveryPhrase {
    get throws(CredentialError) { try root.recoveryPhrase }
  }
}
