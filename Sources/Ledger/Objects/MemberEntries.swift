public import CanonicalEncoding
public import Credentials
import EMRScheme

/// A party as the members list it.
public enum Party: CanonicalValue, Equatable {
  case organisation(Members.Organisation)
  case manager(Members.Manager)
  case supernode(Members.Supernode)

  public var id: String {
    switch self {
    case .organisation(let organisation): organisation.id
    case .manager(let manager): manager.id
    case .supernode(let node): node.id
    }
  }

  /// Who runs it; of an organisation itself.
  public var organisation: String {
    switch self {
    case .organisation(let organisation): organisation.id
    case .manager(let manager): manager.organisation
    case .supernode(let node): node.organisation
    }
  }

  public var identityKey: [UInt8] {
    switch self {
    case .organisation(let organisation): organisation.identityKey
    case .manager(let manager): manager.identityKey
    case .supernode(let node): node.identityKey
    }
  }

  /// All its keys, each once for each use.
  var keys: [[UInt8]] {
    switch self {
    case .organisation(let organisation): [organisation.identityKey]
    case .manager(let manager):
      [manager.registrationKey, manager.identityKey, manager.agreementKey]
    case .supernode(let node):
      [node.identityKey, node.agreementKey] + node.cosigners.map(\.publicKey)
        + (node.logKey.map { [$0.publicKey] } ?? [])
        + (node.votingKey.map { [$0.publicKey] } ?? [])
    }
  }

  public func encode(into fields: inout some FieldEncoder) {
    switch self {
    case .organisation(let organisation):
      fields.integer("kind", 1)
      fields.value("organisation", organisation)
    case .manager(let manager):
      fields.integer("kind", 2)
      fields.value("manager", manager)
    case .supernode(let node):
      fields.integer("kind", 3)
      fields.value("supernode", node)
    }
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.integer("kind", in: 1...3) {
    case 1: self = .organisation(try fields.value("organisation"))
    case 2: self = .manager(try fields.value("manager"))
    default: self = .supernode(try fields.value("supernode"))
    }
  }
}

/// One thing that a ``Motion`` changes.
public enum MemberChange: CanonicalValue, Equatable {
  /// Admits a party, or puts this in the place of what it was: new keys for lost ones, another
  /// organisation that runs it.
  case admit(Party)
  /// Removes a party; an organisation with all its supernodes.
  case remove(String)
  /// Has another cloud, or the same with another key, cosign a hospital's chain.
  case assignCloud(hospital: String, cloud: String, cosigningKey: [UInt8])
  case setNumbers(Members.Numbers)
  case setSeatCount(UInt64)
  /// Lets an organisation that was convicted be elected again.
  case readmit(String)
  /// Lets a hospital's chain go on of which a log key was convicted.
  case unbar(String)

  public func encode(into fields: inout some FieldEncoder) {
    switch self {
    case .admit(let party):
      fields.integer("change", 1)
      fields.value("party", party)
    case .remove(let id):
      fields.integer("change", 2)
      fields.text("id", id)
    case .assignCloud(let hospital, let cloud, let key):
      fields.integer("change", 3)
      fields.text("hospital", hospital)
      fields.text("cloud", cloud)
      fields.octets("cosigningKey", key)
    case .setNumbers(let numbers):
      fields.integer("change", 4)
      fields.value("numbers", numbers)
    case .setSeatCount(let count):
      fields.integer("change", 5)
      fields.integer("seatCount", count)
    case .readmit(let organisation):
      fields.integer("change", 6)
      fields.text("id", organisation)
    case .unbar(let hospital):
      fields.integer("change", 7)
      fields.text("id", hospital)
    }
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.integer("change", in: 1...7) {
    case 1: self = .admit(try fields.value("party"))
    case 2: self = .remove(try fields.identifier("id"))
    case 3:
      self = .assignCloud(
        hospital: try fields.identifier("hospital"), cloud: try fields.identifier("cloud"),
        cosigningKey: try fields.octets("cosigningKey", count: 32))
    case 4: self = .setNumbers(try fields.value("numbers"))
    case 5: self = .setSeatCount(try fields.seatCount())
    case 6: self = .readmit(try fields.identifier("id"))
    default: self = .unbar(try fields.identifier("id"))
    }
  }
}

/// What an organisation asks the others to decide, signed with its key (specification 6.13). It votes
/// for it by this, if it has a vote.
public struct Motion: CanonicalObject, Equatable {
  public static let kind = ObjectKind.motion
  public static let changeLimit = 16
  /// In how many epochs, after the one with the motion, it may pass.
  public static let epochLimit: UInt64 = 10_000

  /// Which motion of the organisation it is, from 1.
  public var number: UInt64
  /// The last epoch in which it may pass.
  public var lastEpoch: UInt64
  /// 1 to 16; those that concern an organisation all concern the same.
  public var changes: [MemberChange]
  /// Of whoever has to agree, by ascending bytes of their identifiers.
  public var consents: [Consent]

  /// A party's signature, with its identity key, over the DER of ``MemberConsent``.
  public struct Consent: CanonicalValue, Equatable {
    public var party: String
    public var signature: [UInt8]

    public init(party: String, signature: [UInt8]) {
      (self.party, self.signature) = (party, signature)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("party", party)
      fields.octets("signature", signature)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      party = try fields.identifier("party")
      signature = try fields.octets("signature", count: 64)
    }
  }

  public init(
    number: UInt64, lastEpoch: UInt64, changes: [MemberChange], consents: [Consent] = []
  ) {
    self.number = number
    self.lastEpoch = lastEpoch
    self.changes = changes
    self.consents = consents
  }

  /// What those who have to agree sign.
  ///
  /// - Parameter signer: the organisation that signs the motion.
  public func statement(genesis: Digest32, signer: String) -> MemberConsent {
    var subject = self
    subject.consents = []
    return MemberConsent(genesis: genesis, signer: signer, subject: subject.digest)
  }

  /// The same with the consents of these parties.
  public func agreed(
    genesis: Digest32, signer: String, by keys: [String: IdentityKey]
  ) -> Self {
    let statement = statement(genesis: genesis, signer: signer)
    var motion = self
    motion.consents = keys.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map {
      Consent(party: $0.key, signature: $0.value.sign(statement))
    }
    return motion
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("number", number)
    fields.integer("lastEpoch", lastEpoch)
    fields.list("changes", changes)
    fields.list("consents", consents)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    number = try fields.integer("number", in: 1...LedgerLimits.size)
    lastEpoch = try fields.integer("lastEpoch", in: 0...LedgerLimits.size)
    changes = try fields.list("changes", maximum: Self.changeLimit)
    consents = try fields.list("consents", maximum: 3 * Self.changeLimit)
    guard !changes.isEmpty else { throw DecodingFailure(.invalidField, "changes is empty") }
    guard
      zip(consents, consents.dropFirst()).allSatisfy({
        $0.party.utf8.lexicographicallyPrecedes($1.party.utf8)
      })
    else { throw DecodingFailure(.invalidField, "consents are not in ascending order") }
  }
}

/// An organisation's vote on a motion of another, once and for all; signed with its key.
public struct Ballot: CanonicalObject, Equatable {
  public static let kind = ObjectKind.ballot

  /// The digest of the entry with the motion.
  public var motion: Digest32
  public var approves: Bool

  public init(motion: Digest32, approves: Bool) {
    (self.motion, self.approves) = (motion, approves)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("motion", motion)
    fields.integer("approves", approves ? 1 : 0)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    motion = try fields.digest("motion")
    approves = try fields.integer("approves", in: 0...1) == 1
  }
}

/// A party takes new keys, or another address, signed with the identity key in force: it holds from the
/// next epoch on.
public struct PartyRotation: CanonicalObject, Equatable {
  public static let kind = ObjectKind.partyRotation

  /// As it is to be listed.
  public var party: Party
  /// By the identity key in ``party``, over the DER of ``MemberConsent``.
  public var proof: [UInt8]

  public init(party: Party, proof: [UInt8]) { (self.party, self.proof) = (party, proof) }

  /// A party's own rotation to this key.
  public init(genesis: Digest32, party: Party, key: IdentityKey) {
    self.init(party: party, proof: [UInt8](repeating: 0, count: 64))
    proof = key.sign(statement(genesis: genesis))
  }

  /// What ``proof`` signs.
  public func statement(genesis: Digest32) -> MemberConsent {
    var subject = self
    subject.proof = [UInt8](repeating: 0, count: 64)
    return MemberConsent(genesis: genesis, signer: party.id, subject: subject.digest)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.value("party", party)
    fields.octets("proof", proof)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    party = try fields.value("party")
    proof = try fields.octets("proof", count: 64)
  }
}

/// What a party signs to show that it has the identity key under which it is to be listed, and agrees
/// to what a motion says of it.
public struct MemberConsent: CanonicalObject, Equatable {
  public static let kind = ObjectKind.memberConsent

  public var genesis: Digest32
  /// Who signs the entry.
  public var signer: String
  /// The digest of the ``Motion`` without consents, or of the ``PartyRotation`` with 64 zero bytes as
  /// its proof.
  public var subject: Digest32

  public init(genesis: Digest32, signer: String, subject: Digest32) {
    (self.genesis, self.signer, self.subject) = (genesis, signer, subject)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("signer", signer)
    fields.digest("subject", subject)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    signer = try fields.identifier("signer")
    subject = try fields.digest("subject")
  }
}
