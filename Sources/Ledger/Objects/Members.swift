public import CanonicalEncoding
import Consensus
import EMRScheme

/// Who takes part in an epoch, with which keys and within which limits: the genesis says it of the
/// first, votes and rotations of those after it (specification 6.13).
public struct Members: CanonicalObject, Equatable {
  public static let kind = ObjectKind.members
  public static let version: UInt64 = 2
  /// Leaves room in the genesis for the names of 400 delegates.
  public static let maximumByteCount = (1 << 20) - (1 << 16)
  /// How many organisations, how many supernodes, and how many chains that one of these cosigns: the
  /// hospitals of a country and their clouds, about as many as there is room for in bytes.
  public static let partyLimit = 2000

  public var numbers: Numbers
  /// Who runs the parties, and decides by vote on who takes part.
  public var organisations: [Organisation]
  public var manager: Manager
  /// Hospital servers and cloud operators.
  public var supernodes: [Supernode]

  public init(
    numbers: Numbers = Numbers(), organisations: [Organisation], manager: Manager,
    supernodes: [Supernode]
  ) {
    self.numbers = numbers
    self.organisations = organisations
    self.manager = manager
    self.supernodes = supernodes
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.value("numbers", numbers)
    fields.list("organisations", organisations)
    fields.value("manager", manager)
    fields.list("supernodes", supernodes)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    numbers = try fields.value("numbers")
    organisations = try fields.list("organisations", maximum: Self.partyLimit)
    manager = try fields.value("manager")
    supernodes = try fields.list("supernodes", maximum: Self.partyLimit)
  }

  /// The limits of this ledger, in seconds, counts and bytes. What each is for stands in
  /// specification 6.6 with the reason of its default.
  public struct Numbers: CanonicalValue, Equatable {
    /// w: seconds that each doctor of a team has.
    public var window: UInt64
    /// N: how often one doctor may sign again in one visit.
    public var resignatureLimit: UInt64
    /// maxLag: seconds by which the base of an anchored header may be behind; at most w/4.
    public var maximumLag: UInt64
    /// L: seconds within which a demand is to be answered.
    public var answerWithin: UInt64
    /// The items of one block of a hospital's chain.
    public var blockItemLimit: UInt64
    /// The leaves of the items of a block of any chain together, in bytes.
    public var blockByteLimit: UInt64
    /// Demands of entries by one signer through one supernode in an epoch.
    public var signerQuota: UInt64
    /// Demands and reports submitted by one supernode in an epoch.
    public var supernodeQuota: UInt64
    /// Seconds by which the time of a block may differ from a delegate's clock in the round that
    /// proposes it first, times one more than the number of the round.
    public var clockTolerance: UInt64
    /// M = 3f + 1: the seats of delegates.
    public var seatCount: UInt64

    public init(
      window: UInt64 = 600, resignatureLimit: UInt64 = 4, maximumLag: UInt64 = 120,
      answerWithin: UInt64 = 3600, blockItemLimit: UInt64 = 256,
      blockByteLimit: UInt64 = 1 << 20, signerQuota: UInt64 = 16, supernodeQuota: UInt64 = 256,
      clockTolerance: UInt64 = 10, seatCount: UInt64 = 4
    ) {
      self.window = window
      self.resignatureLimit = resignatureLimit
      self.maximumLag = maximumLag
      self.answerWithin = answerWithin
      self.blockItemLimit = blockItemLimit
      self.blockByteLimit = blockByteLimit
      self.signerQuota = signerQuota
      self.supernodeQuota = supernodeQuota
      self.clockTolerance = clockTolerance
      self.seatCount = seatCount
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.integer("window", window)
      fields.integer("resignatureLimit", resignatureLimit)
      fields.integer("maximumLag", maximumLag)
      fields.integer("answerWithin", answerWithin)
      fields.integer("blockItemLimit", blockItemLimit)
      fields.integer("blockByteLimit", blockByteLimit)
      fields.integer("signerQuota", signerQuota)
      fields.integer("supernodeQuota", supernodeQuota)
      fields.integer("clockTolerance", clockTolerance)
      fields.integer("seatCount", seatCount)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      window = try fields.integer("window", in: 8...86_400 * 366)
      resignatureLimit = try fields.integer("resignatureLimit", in: 0...64)
      maximumLag = try fields.integer("maximumLag", in: 2...86_400 * 92)
      answerWithin = try fields.integer("answerWithin", in: 1...86_400 * 366)
      blockItemLimit = try fields.integer("blockItemLimit", in: 2...LedgerLimits.blockItemCount)
      blockByteLimit = try fields.integer("blockByteLimit", in: 1 << 17...LedgerLimits.blockBytes)
      signerQuota = try fields.integer("signerQuota", in: 1...1 << 32)
      supernodeQuota = try fields.integer("supernodeQuota", in: 1...1 << 32)
      clockTolerance = try fields.integer("clockTolerance", in: 1...3600)
      seatCount = try fields.integer("seatCount", in: 4...UInt64(ConsensusLimits.seatCount))
    }
  }

  /// Who runs parties of the ledger. One that runs a hospital has a vote in elections.
  public struct Organisation: CanonicalValue, Equatable {
    public var id: String
    /// Signs approvals. Ed25519.
    public var identityKey: [UInt8]

    public init(id: String, identityKey: [UInt8]) {
      (self.id, self.identityKey) = (id, identityKey)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("id", id)
      fields.octets("identityKey", identityKey)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      id = try fields.identifier("id")
      identityKey = try fields.octets("identityKey", count: 32)
    }
  }

  /// The system manager (SM): registers doctors and holds the re-encryption proxy.
  public struct Manager: CanonicalValue, Equatable {
    public var id: String
    public var organisation: String
    /// x: signs registrations (4.2). Ed25519.
    public var registrationKey: [UInt8]
    /// Signs entries. Ed25519.
    public var identityKey: [UInt8]
    public var location: Location

    public init(
      id: String, organisation: String, registrationKey: [UInt8], identityKey: [UInt8],
      location: Location = Location()
    ) {
      self.id = id
      self.organisation = organisation
      self.registrationKey = registrationKey
      self.identityKey = identityKey
      self.location = location
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("id", id)
      fields.text("organisation", organisation)
      fields.octets("registrationKey", registrationKey)
      fields.octets("identityKey", identityKey)
      fields.value("location", location)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      id = try fields.identifier("id")
      organisation = try fields.identifier("organisation")
      registrationKey = try fields.octets("registrationKey", count: 32)
      identityKey = try fields.octets("identityKey", count: 32)
      location = try fields.value("location")
    }
  }

  /// Where a party's server is reached, and by which TLS keys it is known.
  public struct Location: CanonicalValue, Equatable {
    /// `https` URLs; none for a party without a server of its own.
    public var addresses: [String]
    /// SHA-256 of the SubjectPublicKeyInfo of one or two TLS keys.
    public var pins: [Digest32]

    public init(addresses: [String] = [], pins: [Digest32] = []) {
      (self.addresses, self.pins) = (addresses, pins)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.octetsList("addresses", addresses.map { Array($0.utf8) })
      fields.octetsList("pins", pins.map(\.bytes))
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      addresses = []
      for bytes in try fields.octetsList("addresses", maximum: 4, 1...256) {
        // Printable ASCII, so that a URL has one form.
        guard bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else {
          throw DecodingFailure(.invalidField, "an address is not printable ASCII")
        }
        addresses.append(String(decoding: bytes, as: UTF8.self))
      }
      pins = try fields.octetsList("pins", maximum: 2, 32...32).compactMap { Digest32($0) }
    }
  }

  /// A server that validates a chain and cosigns its checkpoints.
  public struct Supernode: CanonicalValue, Equatable {
    /// What the server does for visits.
    public enum Role: UInt64, Sendable { case hospital = 1, cloud = 2 }

    public var id: String
    public var organisation: String
    public var role: Role
    /// Signs entries (for a hospital: h_i of 4.2). Ed25519.
    public var identityKey: [UInt8]
    /// One cosigning key for each chain of others that this server validates. Ed25519.
    public var cosigners: [Cosigner]
    /// For a hospital, the key that signs its chain's first generation. Ed25519.
    public var logKey: LogKey?
    /// For who stands for election, the key that signs its proposals and votes. Ed25519.
    public var votingKey: VotingKey?
    public var location: Location

    public init(
      id: String, organisation: String, role: Role, identityKey: [UInt8],
      cosigners: [Cosigner], logKey: LogKey? = nil, votingKey: VotingKey? = nil,
      location: Location = Location()
    ) {
      self.id = id
      self.organisation = organisation
      self.role = role
      self.identityKey = identityKey
      self.cosigners = cosigners
      self.logKey = logKey
      self.votingKey = votingKey
      self.location = location
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("id", id)
      fields.text("organisation", organisation)
      fields.integer("role", role.rawValue)
      fields.octets("identityKey", identityKey)
      fields.list("cosigners", cosigners)
      fields.optional("logKey", logKey)
      fields.optional("votingKey", votingKey)
      fields.value("location", location)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      id = try fields.identifier("id")
      organisation = try fields.identifier("organisation")
      guard let role = Role(rawValue: try fields.integer("role")) else {
        throw DecodingFailure(.invalidField, "role is neither hospital nor cloud")
      }
      self.role = role
      identityKey = try fields.octets("identityKey", count: 32)
      cosigners = try fields.list("cosigners", maximum: Members.partyLimit)
      logKey = try fields.optional("logKey")
      votingKey = try fields.optional("votingKey")
      location = try fields.value("location")
    }
  }

  /// A key that signs a hospital's chain. Ed25519.
  public struct LogKey: CanonicalValue, Equatable {
    public var publicKey: [UInt8]

    public init(publicKey: [UInt8]) { self.publicKey = publicKey }

    public func encode(into fields: inout some FieldEncoder) {
      fields.octets("publicKey", publicKey)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      publicKey = try fields.octets("publicKey", count: 32)
    }
  }

  /// A key that signs a delegate's proposals and votes. Ed25519.
  public struct VotingKey: CanonicalValue, Equatable {
    public var publicKey: [UInt8]

    public init(publicKey: [UInt8]) { self.publicKey = publicKey }

    public func encode(into fields: inout some FieldEncoder) {
      fields.octets("publicKey", publicKey)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      publicKey = try fields.octets("publicKey", count: 32)
    }
  }

  /// A key that cosigns the checkpoints of one chain. Ed25519.
  public struct Cosigner: CanonicalValue, Equatable {
    public var chain: String
    public var publicKey: [UInt8]

    public init(chain: String, publicKey: [UInt8]) {
      (self.chain, self.publicKey) = (chain, publicKey)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("chain", chain)
      fields.octets("publicKey", publicKey)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      chain = try fields.identifier("chain")
      publicKey = try fields.octets("publicKey", count: 32)
    }
  }
}
