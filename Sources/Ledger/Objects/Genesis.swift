public import CanonicalEncoding
import EMRScheme

/// The first object of a consortium: who takes part, with which keys, under which rules.
///
/// Its SHA-256 names the ledger; an auditor takes that digest from a source of their own.
public struct Genesis: CanonicalObject, Equatable {
  public static let kind = ObjectKind.genesis
  public static let version: UInt64 = 2
  /// Room for 400 delegates and as many other supernodes, with all their addresses.
  public static let maximumByteCount = 1 << 20

  /// A short name, as `demo`; it stands in the names of cosigning keys.
  public var network: String
  /// The pairing suite of all keys and signatures.
  public var suite: String
  public var rulesVersion: UInt64
  /// The ledger time before the first block, in seconds since 1970.
  public var createdAt: UInt64
  /// E: blocks of the consortium chain in an epoch. Fixed, so that a height says its epoch.
  public var epochLength: UInt64
  /// Who takes part in the first epoch.
  public var members: Members
  /// The supernodes that decide the blocks of the first epoch of the consortium chain and confirm
  /// them, in the order of their seats.
  public var delegates: [String]

  /// The only version of the rules that this program knows.
  public static let currentRulesVersion: UInt64 = 2

  public init(
    network: String, suite: String, createdAt: UInt64, epochLength: UInt64 = 1000,
    members: Members, delegates: [String]
  ) {
    self.network = network
    self.suite = suite
    rulesVersion = Self.currentRulesVersion
    self.createdAt = createdAt
    self.epochLength = epochLength
    self.members = members
    self.delegates = delegates
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("network", network)
    fields.text("suite", suite)
    fields.integer("rulesVersion", rulesVersion)
    fields.integer("createdAt", createdAt)
    fields.integer("epochLength", epochLength)
    fields.object("members", encoded: members.encoded())
    fields.list("delegates", delegates.map(DelegateName.init))
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    network = try fields.identifier("network")
    suite = try fields.identifier("suite")
    rulesVersion = try fields.integer("rulesVersion")
    createdAt = try fields.integer("createdAt", in: 0...Limits.latestTime)
    epochLength = try fields.integer("epochLength", in: 1...1 << 32)
    members = try Members(
      encoded: try fields.object("members", maximum: Members.maximumByteCount))
    delegates = try fields.list("delegates", maximum: 1000, of: DelegateName.self).map(\.id)
  }

  private struct DelegateName: CanonicalValue {
    var id: String
    init(_ id: String) { self.id = id }
    func encode(into fields: inout some FieldEncoder) { fields.text("id", id) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      id = try fields.identifier("id")
    }
  }
}
