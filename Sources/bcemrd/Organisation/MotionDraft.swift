import CanonicalEncoding
import Consortium
import Credentials
import Foundation
import Ledger

/// A motion that is not put yet, in a file that goes from one to the next of those who have to agree.
struct MotionDraft: Codable {
  /// Of a file, in bytes.
  private static let byteLimit = 1 << 20

  /// SHA-256 of the genesis, in hexadecimal.
  var genesis: String
  /// Who is to put it.
  var organisation: String
  /// The DER of the motion without consents, in hexadecimal.
  var motion: String
  /// Signatures of who has agreed, in hexadecimal, by their identifiers.
  var consents: [String: String] = [:]

  init(_ motion: Motion, by organisation: String, genesis: Digest32) {
    (self.genesis, self.organisation) = ("\(genesis)", organisation)
    self.motion = motion.encoded().hex
  }

  /// - Throws: ``DaemonFailure`` `no-draft`; `other-ledger`.
  static func read(_ path: String, _ genesis: ValidGenesis) throws -> Self {
    let bytes = try DurableFile.read(path, limit: byteLimit).bytes
    guard let draft = try? JSONDecoder().decode(Self.self, from: Data(bytes)),
      ValidGenesis.isIdentifier(draft.organisation), let motion = try? draft.content(),
      motion.consents.isEmpty
    else {
      throw DaemonFailure(
        .badInput, "\(path): this is no draft of a motion", code: "no-draft",
        hint: "'bcemrd organisation propose -o FILE' makes one")
    }
    guard draft.genesis == "\(genesis.digest)" else {
      throw DaemonFailure(
        .badInput, "\(path): this is a draft for another ledger, \(draft.genesis.prefix(64))",
        code: "other-ledger")
    }
    return draft
  }

  /// Puts it in the place of the file, or makes a new one. Returns when it is durable.
  func write(_ path: String, isNew: Bool = false) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let bytes = Array(try encoder.encode(self)) + Array("\n".utf8)
    if isNew {
      try DurableFile.create(bytes, at: path)
    } else {
      try DurableFile.replace(bytes, at: path)
    }
  }

  /// The motion without consents.
  ///
  /// - Throws: ``DecodingFailure``.
  func content() throws -> Motion {
    guard let bytes = [UInt8](hex: motion) else {
      throw DecodingFailure(.malformed, "the motion is not in hexadecimal")
    }
    return try Motion(encoded: bytes)
  }

  /// Takes the consents that another copy of this draft has.
  ///
  /// - Throws: ``DaemonFailure`` `other-draft` if it is another draft.
  mutating func merge(_ other: MotionDraft, from path: String) throws {
    guard (other.motion, other.organisation) == (motion, organisation) else {
      throw DaemonFailure(
        .badInput, "\(path): this is another draft than the first", code: "other-draft",
        hint: "all have to agree to the same; send the first one around again")
    }
    consents.merge(other.consents) { first, _ in first }
  }

  mutating func add(_ consent: Motion.Consent) { consents[consent.party] = consent.signature.hex }

  /// Whose signatures under this draft are those of their owners, whose are not, and whose keys are not known.
  ///
  /// - Parameter known: keys beside those of the parties that the motion itself admits.
  func standing(
    _ known: [String: [UInt8]], _ genesis: Digest32
  ) throws -> (agreed: [String], unchecked: [String], forged: [String]) {
    let motion = try content()
    var keys = known
    for case .admit(let party) in motion.changes { keys[party.id] = party.identityKey }
    let statement = motion.statement(genesis: genesis, signer: organisation)
    var standing = (agreed: [String](), unchecked: [String](), forged: [String]())
    for (party, consent) in consents.sorted(by: { $0.key < $1.key }) {
      guard let key = keys[party] else {
        standing.unchecked.append(party)
        continue
      }
      if Self.signature(consent, of: statement, by: key) != nil {
        standing.agreed.append(party)
      } else {
        standing.forged.append(party)
      }
    }
    return standing
  }

  /// The signature in a consent; nil if it is not that of this key over this motion.
  private static func signature(
    _ consent: String, of statement: MemberConsent, by key: [UInt8]
  ) -> [UInt8]? {
    guard let signature = [UInt8](hex: consent), signature.count == 64,
      IdentityKey.isValid(signature, of: statement, by: key)
    else { return nil }
    return signature
  }

  /// The motion with those consents that are asked for.
  ///
  /// - Parameter required: who has to agree, and with which keys.
  /// - Throws: ``DaemonFailure`` `not-agreed` that names who is missing, or has not signed just this.
  func agreed(_ required: [String: [UInt8]], _ genesis: Digest32) throws -> Motion {
    var motion = try content()
    let statement = motion.statement(genesis: genesis, signer: organisation)
    func failure(_ parties: [String], _ what: String) -> DaemonFailure {
      DaemonFailure(
        .badInput, "\(parties.joined(separator: ", ")) \(what)", code: "not-agreed",
        hint:
          "'bcemrd organisation agree' for who has the key file, 'bcemrd desk agree' for a server that runs"
      )
    }
    let missing = required.keys.filter { consents[$0] == nil }.sorted()
    guard missing.isEmpty else { throw failure(missing, "did not agree yet") }
    var signed: [Motion.Consent] = []
    var wrong: [String] = []
    for (party, key) in required {
      if let signature = Self.signature(consents[party] ?? "", of: statement, by: key) {
        signed.append(Motion.Consent(party: party, signature: signature))
      } else {
        wrong.append(party)
      }
    }
    guard wrong.isEmpty else {
      throw failure(wrong.sorted(), "has not signed this motion with the key that counts")
    }
    motion.consents = signed.sorted { $0.party.utf8.lexicographicallyPrecedes($1.party.utf8) }
    return motion
  }
}

extension MotionDraft {
  /// Agrees with a key file: of who is to be admitted, of an organisation that is to run somebody, or of a cloud.
  ///
  /// - Returns: in whose name, and the key that signed.
  /// - Throws: ``DaemonFailure`` `nothing-asked`, `foreign-keys`.
  mutating func agree(_ file: KeyFile, _ genesis: ValidGenesis) throws -> (String, [UInt8]) {
    let ring = try KeyRing(file, network: genesis.content.network, save: { _ in })
    let (motion, owner) = (try content(), ring.owner)
    var wanted: [UInt8]?
    var isAsked = false
    for change in motion.changes {
      switch change {
      case .admit(let party) where party.id == owner:
        guard try Self.holds(file, ring, party) else { throw Self.foreignKeys(owner) }
        (wanted, isAsked) = (party.identityKey, true)
      case .admit(let party) where party.organisation == owner: isAsked = true
      case .assignCloud(let assigned) where assigned.cloud == owner:
        guard ring.publicKey(.cosigner(assigned.hospital)) == assigned.cosigningKey else {
          throw Self.foreignKeys(owner)
        }
        isAsked = true
      default: break
      }
    }
    guard isAsked else {
      throw DaemonFailure(
        .badInput, "this motion asks nothing of \(owner)", code: "nothing-asked")
    }
    let newest = ring.publicKey(.identity) ?? []
    guard let key = ring.signingKey(.identity, wanted ?? newest) else {
      throw Self.foreignKeys(owner)
    }
    add(
      Motion.Consent(
        party: owner,
        signature: key.sign(motion.statement(genesis: genesis.digest, signer: organisation))))
    return (owner, key.publicKey)
  }

  /// Whether all keys with which a motion lists a party are in its file; a TLS key is in none.
  private static func holds(_ file: KeyFile, _ ring: KeyRing, _ party: Party) throws -> Bool {
    guard ring.givenUp(of: party)?.isEmpty == true else { return false }
    guard case .supernode(let node) = party, node.role == .hospital else { return true }
    return try SupernodeKeys(file, ring: ring, isHospital: true).publicPart(
      id: node.id, organisation: node.organisation, role: .hospital, isCandidate: false
    ).logKey == node.logKey
  }

  private static func foreignKeys(_ owner: String) -> DaemonFailure {
    DaemonFailure(
      .badInput, "the motion lists \(owner) with another key than the file has",
      code: "foreign-keys", hint: "tell who proposes it; nothing was agreed to")
  }
}
