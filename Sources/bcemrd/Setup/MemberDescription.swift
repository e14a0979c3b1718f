import CanonicalEncoding
import Credentials
import Foundation
import Ledger

/// What a party tells the others of itself before there is a ledger: public keys, and where its server is.
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

  init(
    _ supernode: Members.Supernode, organisationKey: [UInt8], location: Members.Location
  ) {
    kind = supernode.role == .hospital ? .hospital : .cloud
    (id, organisation) = (supernode.id, supernode.organisation)
    self.organisationKey = organisationKey.hex
    identityKey = supernode.identityKey.hex
    logKey = supernode.logKey?.publicKey.hex
    votingKey = supernode.votingKey?.publicKey.hex
    cosigningKeys = Dictionary(
      supernode.cosigners.map { ($0.chain, $0.publicKey.hex) },
      uniquingKeysWith: { first, _ in first })
    (addresses, pins) = (location.addresses, location.pins.map { "\($0)" })
  }

  init(_ manager: Members.Manager, organisationKey: [UInt8], location: Members.Location) {
    kind = .manager
    (id, organisation) = (manager.id, manager.organisation)
    self.organisationKey = organisationKey.hex
    identityKey = manager.identityKey.hex
    registrationKey = manager.registrationKey.hex
    cosigningKeys = [:]
    (addresses, pins) = (location.addresses, location.pins.map { "\($0)" })
  }

  static func read(_ path: String) throws -> Self {
    let bytes = try DurableFile.read(path, limit: 1 << 16).bytes
    do {
      return try JSONDecoder().decode(Self.self, from: Data(bytes))
    } catch {
      throw DaemonFailure(.badInput, "\(path): this is no description of a party")
    }
  }

  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self)) + Array("\n".utf8)
  }

  // MARK: As the ledger has it

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
