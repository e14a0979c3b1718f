public import CanonicalEncoding
import Consensus
import Credentials
import Synchronization
public import TransparencyLog

/// ``Members`` whose rules have been checked (specification 6.6), with what follows from them.
public final class ValidMembers: Sendable {
  public let members: Members
  /// Stands in the last header of the epoch before.
  public let digest: Digest32
  /// In the order of the members.
  public let hospitals: [String]
  /// The organisations that run a hospital: each has a vote.
  public let voters: Set<String>
  private let nodes: [String: Members.Supernode]
  private let organisationKeys: [String: [UInt8]]
  private let verifiers: [String: [CosignerVerifier]]
  private let clouds: [String: String]
  private let keys: Set<[UInt8]>

  /// - Parameter network: of the genesis.
  /// - Throws: ``LedgerError`` `invalid-members`, naming the rule that is broken.
  init(_ members: Members, network: String) throws(LedgerError) {
    func require(_ holds: Bool, _ rule: String) throws(LedgerError) {
      if !holds { throw LedgerError(.invalidMembers, rule) }
    }
    let numbers = members.numbers
    try require(4 * numbers.maximumLag <= numbers.window, "maximumLag is above a quarter of window")
    try require(
      members.numbers.seatCount % 3 == 1 && members.numbers.seatCount >= 4
        && members.numbers.seatCount <= UInt64(ConsensusLimits.seatCount),
      "the number of delegates is not 3f + 1, below 4, or above \(ConsensusLimits.seatCount)")
    let identifiers =
      [network, members.manager.id] + members.supernodes.map(\.id)
      + members.organisations.map(\.id)
    try require(
      identifiers.allSatisfy(ValidGenesis.isIdentifier), "an identifier is not of a-z, 0-9, '-'")
    try require(
      Set(identifiers + [ChainName.consortium]).count == identifiers.count + 1,
      "two parties have one identifier")
    let keys = members.keys
    try require(Set(keys).count == keys.count, "a key is used twice")
    // A key of small order verifies signatures that nobody made.
    for key in keys where IdentityKey.isOfSmallOrder(key) {
      try require(false, "a key is of small order")
    }

    let supernodes = Dictionary(uniqueKeysWithValues: members.supernodes.map { ($0.id, $0) })
    let organisations = Dictionary(
      uniqueKeysWithValues: members.organisations.map { ($0.id, $0.identityKey) })
    for organisation in [members.manager.organisation] + members.supernodes.map(\.organisation) {
      try require(
        organisations[organisation] != nil, "organisation \(organisation) is not a member")
    }
    for node in members.supernodes {
      try require(
        Set(node.cosigners.map(\.chain)).count == node.cosigners.count,
        "\(node.id) has two cosigning keys for one chain")
      for chain in node.cosigners.map(\.chain) {
        try require(
          chain == ChainName.consortium
            || (node.role == .cloud && supernodes[chain]?.role == .hospital
              && supernodes[chain]?.organisation != node.organisation),
          "\(node.id) cannot cosign chain \(chain)")
      }
      try require(
        (node.logKey != nil) == (node.role == .hospital),
        "\(node.id) is a hospital without a log key, or another party with one")
      try require(
        node.votingKey == nil || node.cosigners.contains { $0.chain == ChainName.consortium },
        "\(node.id) has a voting key and no cosigning key for the consortium chain")
    }
    var verifiers: [String: [CosignerVerifier]] = [:]
    var clouds: [String: String] = [:]
    for node in members.supernodes {
      for cosigner in node.cosigners {
        if cosigner.chain != ChainName.consortium { clouds[cosigner.chain] = node.id }
        do {
          verifiers[cosigner.chain, default: []].append(
            try CosignerVerifier(
              name: ValidGenesis.cosignerName(
                network: network, node: node.id, chain: cosigner.chain),
              publicKey: cosigner.publicKey))
        } catch {
          throw LedgerError(
            .invalidMembers, "a cosigning key of chain \(cosigner.chain) is not a key")
        }
      }
    }
    let hospitals = members.supernodes.filter { $0.role == .hospital }
    for hospital in hospitals {
      try require(
        verifiers[hospital.id]?.count == 1,
        "chain \(hospital.id) is not cosigned by exactly one cloud operator")
    }
    self.members = members
    digest = members.digest
    self.hospitals = hospitals.map(\.id)
    voters = Set(hospitals.map(\.organisation))
    nodes = supernodes
    organisationKeys = organisations
    self.verifiers = verifiers
    self.clouds = clouds
    self.keys = Set(keys)
  }

  public var numbers: Members.Numbers { members.numbers }
  public var manager: Members.Manager { members.manager }
  public var supernodes: [Members.Supernode] { members.supernodes }
  /// The identifiers of all organisations, in the order of the members.
  public var organisations: [String] { members.organisations.map(\.id) }

  /// How much of a supernode's quota of demands may be of one hospital: an equal part for each, and one for who
  /// is of none; in a large consortium at least what two doctors may demand, so that none alone has it all.
  package var demandShare: UInt64 {
    max(2 * numbers.signerQuota, numbers.supernodeQuota / UInt64(hospitals.count + 1))
  }

  /// The hospital or cloud with this identifier.
  public func supernode(_ id: String) -> Members.Supernode? { nodes[id] }

  /// The party with this identifier.
  public func party(_ id: String) -> Party? {
    if id == manager.id { return .manager(manager) }
    if let node = nodes[id] { return .supernode(node) }
    return organisationKeys[id].map { .organisation(Members.Organisation(id: id, identityKey: $0)) }
  }

  /// The Ed25519 key with which this party or organisation signs entries.
  public func identityKey(of party: String) -> [UInt8]? {
    party == manager.id
      ? manager.identityKey : nodes[party]?.identityKey ?? organisationKeys[party]
  }

  /// The cloud operator that validates this hospital's chain.
  public func cloud(ofHospital hospital: String) -> String? { clouds[hospital] }

  /// The keys whose cosignatures count for a hospital's chain: the cloud's.
  public func cosigners(ofHospital hospital: String) -> [CosignerVerifier] {
    hospital == ChainName.consortium ? [] : verifiers[hospital] ?? []
  }

  /// The organisation that runs a party.
  public func organisation(of party: String) -> String? {
    party == manager.id ? manager.organisation : nodes[party]?.organisation
  }

  /// Whether a key stands among the members', for whatever use.
  func usesKey(_ key: [UInt8]) -> Bool { keys.contains(key) }

  /// The generation with which a hospital's chain begins.
  public func firstGeneration(of hospital: String) -> GenerationRecord {
    GenerationRecord(
      generation: 0, start: 0, root: Digest32(sha256: []), height: 0,
      logKey: supernode(hospital)?.logKey?.publicKey ?? [])
  }
}

extension Members {
  /// All keys, each once for each use.
  var keys: [[UInt8]] {
    organisations.flatMap { Party.organisation($0).keys } + Party.manager(manager).keys
      + supernodes.flatMap { Party.supernode($0).keys }
  }
}

extension ErrorCode<LedgerError> {
  /// Organisations and parties that break a rule of specification 6.6.
  public static var invalidMembers: Self { Self("invalid-members") }
}

/// Members that were checked before, by their digest and the network: of many blocks they are the same.
final class KnownMembers: Sendable {
  static let shared = KnownMembers()
  private static let limit = 64

  private struct Name: Hashable {
    let digest: Digest32
    let network: String
  }

  private let known = Mutex<[Name: ValidMembers]>([:])

  /// - Parameter bytes: of the members with this digest.
  /// - Returns: nil if they are other ones, or break a rule.
  func members(
    _ digest: Digest32, network: String, _ bytes: () -> [UInt8]?
  ) -> ValidMembers? {
    let name = Name(digest: digest, network: network)
    if let found = known.withLock({ $0[name] }) { return found }
    guard let bytes = bytes(), let members = try? Members(encoded: bytes),
      members.digest == digest, let valid = try? ValidMembers(members, network: network)
    else { return nil }
    known.withLock {
      if $0.count >= Self.limit { $0.removeAll(keepingCapacity: true) }
      $0[name] = valid
    }
    return valid
  }
}
