import CanonicalEncoding
import Consortium
import Credentials
import Foundation
import Ledger

/// What a party tells the others of itself before it is on the ledger: public keys, and where its server is.
struct MemberDescription: Codable {
  enum Kind: String, Codable, CaseIterable {
    case hospital, cloud, manager
  }

  var kind: Kind
  /// The party's identifier.
  var id: String
  var organisation: String
  /// Signs what the organisation decides. Ed25519, 64 hexadecimal digits, as all keys here.
  var organisationKey: String
  var identityKey: String
  /// The manager's x.
  var registrationKey: String?
  /// A hospital's.
  var logKey: String?
  var votingKey: String?
  /// By chain.
  var cosigningKeys: [String: String]
  /// `https` URLs.
  var addresses: [String]
  /// SHA-256 of the SubjectPublicKeyInfo of one or two TLS keys.
  var pins: [String]
  /// Signatures over all of this, by the key of the organisation and the identity key of the party: nobody puts
  /// keys into a description that are another's, and nobody changes an address on the way.
  var organisationProof: String
  var proof: String

  /// - Throws: ``DaemonFailure`` if one of the keys is not the party's.
  init(
    _ supernode: Members.Supernode, location: Members.Location, organisation ring: KeyRing,
    party: KeyRing
  ) throws {
    kind = supernode.role == .hospital ? .hospital : .cloud
    (id, organisation) = (supernode.id, supernode.organisation)
    organisationKey = ring.publicKey(.identity)?.hex ?? ""
    identityKey = supernode.identityKey.hex
    logKey = supernode.logKey?.publicKey.hex
    votingKey = supernode.votingKey?.publicKey.hex
    cosigningKeys = Dictionary(
      supernode.cosigners.map { ($0.chain, $0.publicKey.hex) },
      uniquingKeysWith: { first, _ in first })
    (addresses, pins) = (location.addresses, location.pins.map { "\($0)" })
    (organisationProof, proof) = ("", "")
    try prove(ring, party)
  }

  init(
    _ manager: Members.Manager, location: Members.Location, organisation ring: KeyRing,
    party: KeyRing
  ) throws {
    kind = .manager
    (id, organisation) = (manager.id, manager.organisation)
    organisationKey = ring.publicKey(.identity)?.hex ?? ""
    identityKey = manager.identityKey.hex
    registrationKey = manager.registrationKey.hex
    cosigningKeys = [:]
    (addresses, pins) = (location.addresses, location.pins.map { "\($0)" })
    (organisationProof, proof) = ("", "")
    try prove(ring, party)
  }

  /// - Throws: ``DaemonFailure`` for what is no description, or lacks the proof that its keys are its own.
  static func read(_ path: String) throws -> Self {
    let bytes = try DurableFile.read(path, limit: 1 << 16).bytes
    let description: Self
    do {
      description = try JSONDecoder().decode(Self.self, from: Data(bytes))
    } catch {
      throw DaemonFailure(.badInput, "\(path): this is no description of a party")
    }
    do {
      try description.requireProof()
    } catch {
      throw DaemonFailure(error, at: path)
    }
    return description
  }

  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self)) + Array("\n".utf8)
  }

  // MARK: Whose keys they are

  private mutating func prove(_ organisation: KeyRing, _ party: KeyRing) throws {
    let statement = try statement
    for (ring, key, proof) in [
      (organisation, organisationKey, \Self.organisationProof), (party, identityKey, \Self.proof),
    ] {
      guard let own = ring.signingKey(.identity, [UInt8](hex: key) ?? []) else {
        throw malformed("a key")
      }
      self[keyPath: proof] = own.sign(statement).hex
    }
  }

  private func requireProof() throws {
    let statement = try statement
    for (key, proof) in [(organisationKey, organisationProof), (identityKey, proof)] {
      guard let key = [UInt8](hex: key), let signature = [UInt8](hex: proof),
        IdentityKey.isValid(signature, of: statement, by: key)
      else {
        throw DaemonFailure(
          .badInput,
          "the description of \(id) is not signed by the keys in it: somebody has changed it, or the keys are "
            + "another's", code: "wrong-proof",
          hint: "ask the party for its file again, as 'bcemrd init' has made it")
      }
    }
  }

  /// Begins as no object of the ledger does, whose tags keep signatures apart.
  private var statement: [UInt8] {
    get throws {
      Array("BC-EMR member description 1\n".utf8) + (try party).encodedSequence()
        + (try member).encodedSequence()
    }
  }

  // MARK: As the ledger has it

  /// - Throws: ``DaemonFailure`` if a key is none.
  var party: Party {
    get throws { kind == .manager ? .manager(try manager) : .supernode(try supernode) }
  }

  var member: Members.Organisation {
    get throws { Members.Organisation(id: organisation, identityKey: try key(organisationKey)) }
  }

  /// - Throws: ``DaemonFailure`` if this is no manager, or a key is missing.
  var manager: Members.Manager {
    get throws {
      Members.Manager(
        id: id, organisation: organisation, registrationKey: try key(registrationKey),
        identityKey: try key(identityKey), location: try location)
    }
  }

  /// - Throws: ``DaemonFailure`` if a key is none.
  var supernode: Members.Supernode {
    get throws {
      Members.Supernode(
        id: id, organisation: organisation, role: kind == .hospital ? .hospital : .cloud,
        identityKey: try key(identityKey),
        cosigners: try cosigningKeys.sorted { $0.key < $1.key }.map {
          Members.Cosigner(chain: $0.key, publicKey: try key($0.value))
        },
        logKey: try logKey.map { Members.LogKey(publicKey: try key($0)) },
        votingKey: try votingKey.map { Members.VotingKey(publicKey: try key($0)) },
        location: try location)
    }
  }

  private var location: Members.Location {
    get throws {
      Members.Location(
        addresses: addresses,
        pins: try pins.map {
          guard let digest = Digest32(hex: $0) else { throw malformed("a pin") }
          return digest
        })
    }
  }

  private func key(_ text: String?) throws -> [UInt8] {
    guard let key = text.flatMap(Digest32.init(hex:))?.bytes else { throw malformed("a key") }
    return key
  }

  private func malformed(_ what: String) -> DaemonFailure {
    DaemonFailure(
      .badInput, "the description of \(id) lacks \(what), or has one that is no 64 digits")
  }
}
