public import CanonicalEncoding
public import Credentials
import EMRScheme

/// A party as the members list it.
public enum Party: CanonicalValue, Equatable {
  case organisation(Members.Organisation)
  case manager(Members.Manager)
  case supernode(Members.Supernode)

  /// Its identifier, which nobody else ever had.
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

  /// Signs its entries. Ed25519.
  public var identityKey: [UInt8] {
    switch self {
    case .organisation(let organisation): organisation.identityKey
    case .manager(let manager): manager.identityKey
    case .supernode(let node): node.identityKey
    }
  }

  /// All its keys.
  var keys: [[UInt8]] { keysByUse.map(\.key) }

  /// All its keys with what each is for.
  package var keysByUse: [(use: String, key: [UInt8])] {
    switch self {
    case .organisation(let organisation): [("identity", organisation.identityKey)]
    case .manager(let manager):
      [("registration", manager.registrationKey), ("identity", manager.identityKey)]
    case .supernode(let node):
      [("identity", node.identityKey)]
        + node.cosigners.map { ("cosigner/\($0.chain)", $0.publicKey) }
        + (node.logKey.map { [("log", $0.publicKey)] } ?? [])
        + (node.votingKey.map { [("voting", $0.publicKey)] } ?? [])
    }
  }

  /// The same with other keys for some of its uses.
  package func with(keys: [(use: String, key: [UInt8])]) -> Party {
    let keys = Dictionary(keys.map { ($0.use, $0.key) }) { first, _ in first }
    func replace(_ key: inout [UInt8], _ use: String) { key = keys[use] ?? key }
    switch self {
    case .organisation(var organisation):
      replace(&organisation.identityKey, "identity")
      return .organisation(organisation)
    case .manager(var manager):
      replace(&manager.registrationKey, "registration")
      replace(&manager.identityKey, "identity")
      return .manager(manager)
    case .supernode(var node):
      replace(&node.identityKey, "identity")
      for index in node.cosigners.indices {
        replace(&node.cosigners[index].publicKey, "cosigner/\(node.cosigners[index].chain)")
      }
      if let key = keys["voting"], node.votingKey != nil {
        node.votingKey = Members.VotingKey(publicKey: key)
      }
      return .supernode(node)
    }
  }

  public func encode(into fields: inout some FieldEncoder) {
    var (organisation, manager, node): (Members.Organisation?, Members.Manager?, Members.Supernode?)
    switch self {
    case .organisation(let value): organisation = value
    case .manager(let value): manager = value
    case .supernode(let value): node = value
    }
    fields.optional("organisation", organisation)
    fields.optional("manager", manager)
    fields.optional("supernode", node)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    let organisation: Members.Organisation? = try fields.optional("organisation")
    let manager: Members.Manager? = try fields.optional("manager")
    let node: Members.Supernode? = try fields.optional("supernode")
    switch (organisation, manager, node) {
    case (let value?, nil, nil): self = .organisation(value)
    case (nil, let value?, nil): self = .manager(value)
    case (nil, nil, let value?): self = .supernode(value)
    default: throw DecodingFailure(.invalidField, "a party is not just one of three kinds")
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
  case assignCloud(CloudAssignment)
  case setNumbers(Members.Numbers)
  /// Lets an organisation that was convicted be elected again.
  case readmit(String)
  /// Lets a hospital's chain go on of which a log key was convicted.
  case unbar(String)

  private var number: UInt64 {
    switch self {
    case .admit: 1
    case .remove: 2
    case .assignCloud: 3
    case .setNumbers: 4
    case .readmit: 5
    case .unbar: 6
    }
  }

  public func encode(into fields: inout some FieldEncoder) {
    var (party, id): (Party?, CandidateName?)
    var (cloud, numbers): (CloudAssignment?, Members.Numbers?)
    switch self {
    case .admit(let value): party = value
    case .remove(let name), .readmit(let name), .unbar(let name): id = CandidateName(name)
    case .assignCloud(let value): cloud = value
    case .setNumbers(let value): numbers = value
    }
    fields.integer("change", number)
    fields.optional("party", party)
    fields.optional("id", id)
    fields.optional("cloud", cloud)
    fields.optional("numbers", numbers)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    let number = try fields.integer("change", in: 1...6)
    let party: Party? = try fields.optional("party")
    let id: CandidateName? = try fields.optional("id")
    let cloud: CloudAssignment? = try fields.optional("cloud")
    let numbers: Members.Numbers? = try fields.optional("numbers")
    switch (number, party, id, cloud, numbers) {
    case (1, let party?, nil, nil, nil): self = .admit(party)
    case (2, nil, let id?, nil, nil): self = .remove(id.id)
    case (3, nil, nil, let cloud?, nil): self = .assignCloud(cloud)
    case (4, nil, nil, nil, let numbers?): self = .setNumbers(numbers)
    case (5, nil, let id?, nil, nil): self = .readmit(id.id)
    case (6, nil, let id?, nil, nil): self = .unbar(id.id)
    default: throw DecodingFailure(.invalidField, "a change holds other things than its kind has")
    }
  }
}

/// Who cosigns a hospital's chain, with which key.
public struct CloudAssignment: CanonicalValue, Equatable {
  public var hospital: String
  public var cloud: String
  /// Ed25519, 32 bytes.
  public var cosigningKey: [UInt8]

  public init(hospital: String, cloud: String, cosigningKey: [UInt8]) {
    (self.hospital, self.cloud, self.cosigningKey) = (hospital, cloud, cosigningKey)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.text("cloud", cloud)
    fields.octets("cosigningKey", cosigningKey)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.identifier("hospital")
    cloud = try fields.identifier("cloud")
    cosigningKey = try fields.octets("cosigningKey", count: 32)
  }
}

/// What an organisation asks the others to decide, signed with its key (specification 6.13). It votes
/// for it by this, if it has a vote.
public struct Motion: CanonicalObject, Equatable {
  public static let kind = ObjectKind.motion
  public static let version: UInt64 = 2
  /// How many changes it makes at most.
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
  public static let version: UInt64 = 2

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
