public import CanonicalEncoding
import EMRScheme

/// The first object of a consortium: who takes part, with which keys, under which rules.
///
/// Its SHA-256 names the ledger; an auditor takes that digest from a source of their own.
public struct Genesis: CanonicalObject, Equatable {
  public static let kind = ObjectKind.genesis

  /// A short name, as `demo`; it stands in the names of cosigning keys.
  public var network: String
  /// The pairing suite of all keys and signatures.
  public var suite: String
  public var rulesVersion: UInt64
  /// The ledger time before the first tick, in seconds since 1970.
  public var createdAt: UInt64
  /// w: seconds that each doctor of a team has, unless a later rule changes it.
  public var window: UInt64
  /// N: how often one doctor may sign again in one visit.
  public var resignatureLimit: UInt64
  /// Seconds of ledger time after which the next delegate may cut a block in place of one that
  /// does not.
  public var takeoverInterval: UInt64
  /// The longest entry, in bytes.
  public var maximumEntryByteCount: UInt64
  public var manager: Manager
  /// Hospital servers and cloud operators.
  public var supernodes: [Supernode]
  /// The supernodes that confirm the consortium chain, in the order of their turns.
  public var delegates: [String]

  public static let currentRulesVersion: UInt64 = 1

  public init(
    network: String, suite: String, createdAt: UInt64, window: UInt64 = 600,
    resignatureLimit: UInt64 = 4, takeoverInterval: UInt64 = 30,
    maximumEntryByteCount: UInt64 = 65_536, manager: Manager, supernodes: [Supernode],
    delegates: [String]
  ) {
    self.network = network
    self.suite = suite
    rulesVersion = Self.currentRulesVersion
    self.createdAt = createdAt
    self.window = window
    self.resignatureLimit = resignatureLimit
    self.takeoverInterval = takeoverInterval
    self.maximumEntryByteCount = maximumEntryByteCount
    self.manager = manager
    self.supernodes = supernodes
    self.delegates = delegates
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("network", network)
    fields.text("suite", suite)
    fields.integer("rulesVersion", rulesVersion)
    fields.integer("createdAt", createdAt)
    fields.integer("window", window)
    fields.integer("resignatureLimit", resignatureLimit)
    fields.integer("takeoverInterval", takeoverInterval)
    fields.integer("maximumEntryByteCount", maximumEntryByteCount)
    fields.value("manager", manager)
    fields.list("supernodes", supernodes)
    fields.list("delegates", delegates.map(DelegateName.init))
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    network = try fields.text("network", maximum: Limits.identifierByteCount)
    suite = try fields.text("suite", maximum: Limits.identifierByteCount)
    rulesVersion = try fields.integer("rulesVersion")
    createdAt = try fields.integer("createdAt", in: 0...Limits.latestTime)
    window = try fields.integer("window", in: 1...86_400 * 366)
    resignatureLimit = try fields.integer("resignatureLimit", in: 0...64)
    takeoverInterval = try fields.integer("takeoverInterval", in: 1...86_400)
    maximumEntryByteCount = try fields.integer("maximumEntryByteCount", in: 1024...1 << 18)
    manager = try fields.value("manager")
    supernodes = try fields.list("supernodes", maximum: 1000)
    delegates = try fields.list("delegates", maximum: 1000, of: DelegateName.self).map(\.id)
  }

  /// The system manager (SM): registers doctors and holds the re-encryption proxy.
  public struct Manager: CanonicalValue, Equatable {
    public var id: String
    public var organisation: String
    /// x: signs registrations (4.2). Ed25519.
    public var registrationKey: [UInt8]
    /// Signs entries. Ed25519.
    public var identityKey: [UInt8]
    /// Receives shares of re-encryption keys. X25519.
    public var agreementKey: [UInt8]

    public init(
      id: String, organisation: String, registrationKey: [UInt8], identityKey: [UInt8],
      agreementKey: [UInt8]
    ) {
      self.id = id
      self.organisation = organisation
      self.registrationKey = registrationKey
      self.identityKey = identityKey
      self.agreementKey = agreementKey
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("id", id)
      fields.text("organisation", organisation)
      fields.octets("registrationKey", registrationKey)
      fields.octets("identityKey", identityKey)
      fields.octets("agreementKey", agreementKey)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      id = try fields.text("id", maximum: Limits.identifierByteCount)
      organisation = try fields.text("organisation", maximum: Limits.identifierByteCount)
      registrationKey = try fields.octets("registrationKey", count: 32)
      identityKey = try fields.octets("identityKey", count: 32)
      agreementKey = try fields.octets("agreementKey", count: 32)
    }
  }

  /// A server that validates a chain and cosigns its checkpoints.
  public struct Supernode: CanonicalValue, Equatable {
    public enum Role: UInt64, Sendable { case hospital = 1, cloud = 2 }

    public var id: String
    public var organisation: String
    public var role: Role
    /// Signs entries (for a hospital: h_i of 4.2). Ed25519.
    public var identityKey: [UInt8]
    /// Receives what is sent to this server alone. X25519.
    public var agreementKey: [UInt8]
    /// One cosigning key per chain that this server validates. Ed25519.
    public var cosigners: [Cosigner]

    public init(
      id: String, organisation: String, role: Role, identityKey: [UInt8], agreementKey: [UInt8],
      cosigners: [Cosigner]
    ) {
      self.id = id
      self.organisation = organisation
      self.role = role
      self.identityKey = identityKey
      self.agreementKey = agreementKey
      self.cosigners = cosigners
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("id", id)
      fields.text("organisation", organisation)
      fields.integer("role", role.rawValue)
      fields.octets("identityKey", identityKey)
      fields.octets("agreementKey", agreementKey)
      fields.list("cosigners", cosigners)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      id = try fields.text("id", maximum: Limits.identifierByteCount)
      organisation = try fields.text("organisation", maximum: Limits.identifierByteCount)
      guard let role = Role(rawValue: try fields.integer("role")) else {
        throw DecodingFailure(.invalidField, "role is neither hospital nor cloud")
      }
      self.role = role
      identityKey = try fields.octets("identityKey", count: 32)
      agreementKey = try fields.octets("agreementKey", count: 32)
      cosigners = try fields.list("cosigners", maximum: 1000)
    }
  }

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
      chain = try fields.text("chain", maximum: Limits.identifierByteCount)
      publicKey = try fields.octets("publicKey", count: 32)
    }
  }

  private struct DelegateName: CanonicalValue {
    var id: String
    init(_ id: String) { self.id = id }
    func encode(into fields: inout some FieldEncoder) { fields.text("id", id) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      id = try fields.text("id", maximum: Limits.identifierByteCount)
    }
  }
}
