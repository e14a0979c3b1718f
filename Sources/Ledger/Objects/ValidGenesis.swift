public import CanonicalEncoding
import Consensus
import Credentials
import EMRScheme
public import TransparencyLog

/// A ``Genesis`` whose rules have been checked, with what follows from it.
public struct ValidGenesis: Sendable {
  public let genesis: Genesis
  /// Names the ledger in every context, entry and header.
  public let digest: Digest32
  public let hospitals: [String]
  private let supernodes: [String: Genesis.Supernode]
  private let verifiers: [String: [CosignerVerifier]]
  private let clouds: [String: String]
  private let originPrefix: String
  private let keys: Set<[UInt8]>
  private let organisationKeys: [String: [UInt8]]
  /// The organisations that run a hospital: each has a vote.
  let voters: Set<String>
  /// The delegates of the first epoch.
  let firstSeats: [SeatOccupant?]

  /// - Throws: ``LedgerError`` naming the rule that is broken.
  public init(_ genesis: Genesis) throws(LedgerError) {
    func require(_ holds: Bool, _ rule: String) throws(LedgerError) {
      if !holds { throw LedgerError(.invalidGenesis, rule) }
    }
    try require(genesis.rulesVersion == Genesis.currentRulesVersion, "rules version is not known")
    let numbers = genesis.numbers
    try require(4 * numbers.maximumLag <= numbers.window, "maximumLag is above a quarter of window")
    let identifiers =
      [genesis.network, genesis.manager.id] + genesis.supernodes.map(\.id)
      + genesis.organisations.map(\.id)
    try require(identifiers.allSatisfy(Self.isIdentifier), "an identifier is not of a-z, 0-9, '-'")
    try require(
      Set(identifiers + [ChainName.consortium]).count == identifiers.count + 1,
      "two parties have one identifier")
    let manager = genesis.manager
    var keys = [manager.registrationKey, manager.identityKey, manager.agreementKey]
    keys += genesis.organisations.map(\.identityKey)
    for node in genesis.supernodes {
      keys += [node.identityKey, node.agreementKey] + node.cosigners.map(\.publicKey)
      if let key = node.logKey { keys.append(key.publicKey) }
      if let key = node.votingKey { keys.append(key.publicKey) }
    }
    try require(Set(keys).count == keys.count, "a key is used twice")
    // A key of small order verifies signatures that nobody made.
    for key in keys where IdentityKey.isOfSmallOrder(key) {
      try require(false, "a key is of small order")
    }

    let supernodes = Dictionary(uniqueKeysWithValues: genesis.supernodes.map { ($0.id, $0) })
    let delegates = genesis.delegates.compactMap { supernodes[$0] }
    try require(
      delegates.count == genesis.delegates.count && Set(genesis.delegates).count == delegates.count,
      "a delegate is not a supernode, or stands twice")
    try require(delegates.count >= 4, "there are fewer than 4 delegates")
    try require(
      delegates.count % 3 == 1 && delegates.count <= ConsensusLimits.seatCount,
      "the number of delegates is not 3f + 1, or above \(ConsensusLimits.seatCount)")
    let organisations = Dictionary(
      uniqueKeysWithValues: genesis.organisations.map { ($0.id, $0.identityKey) })
    for organisation in [manager.organisation] + genesis.supernodes.map(\.organisation) {
      try require(
        organisations[organisation] != nil, "organisation \(organisation) is not in the genesis")
    }
    for group in Dictionary(grouping: delegates, by: \.organisation).values {
      try require(
        3 * group.count < delegates.count,
        "organisation \(group[0].organisation) has a third of the delegates or more")
    }
    let hospitals = genesis.supernodes.filter { $0.role == .hospital }.map(\.id)
    for node in genesis.supernodes {
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
    }
    for node in genesis.supernodes {
      try require(
        (node.logKey != nil) == (node.role == .hospital),
        "\(node.id) is a hospital without a log key, or another party with one")
    }
    for node in genesis.supernodes {
      try require(
        node.votingKey != nil || !genesis.delegates.contains(node.id),
        "\(node.id) is a delegate without a voting key")
      try require(
        node.votingKey == nil || node.cosigners.contains { $0.chain == ChainName.consortium },
        "\(node.id) has a voting key and no cosigning key for the consortium chain")
    }
    func verifiers(
      of chain: String, among nodes: [Genesis.Supernode]
    ) throws(LedgerError) -> [CosignerVerifier] {
      var verifiers: [CosignerVerifier] = []
      for node in nodes {
        for cosigner in node.cosigners where cosigner.chain == chain {
          do {
            verifiers.append(
              try CosignerVerifier(
                name: Self.cosignerName(network: genesis.network, node: node.id, chain: chain),
                publicKey: cosigner.publicKey))
          } catch {
            throw LedgerError(.invalidGenesis, "a cosigning key of chain \(chain) is not a key")
          }
        }
      }
      return verifiers
    }
    _ = try verifiers(of: ChainName.consortium, among: genesis.supernodes)
    var clouds: [String: [CosignerVerifier]] = [:]
    for hospital in hospitals {
      let keys = try verifiers(of: hospital, among: genesis.supernodes)
      try require(
        keys.count == 1, "chain \(hospital) is not cosigned by exactly one cloud operator")
      clouds[hospital] = keys
    }
    self.genesis = genesis
    let digest = genesis.digest
    self.digest = digest
    originPrefix = "bcemr/\(digest)/"
    self.hospitals = hospitals
    self.supernodes = supernodes
    self.verifiers = clouds
    var cloudNames: [String: String] = [:]
    for node in genesis.supernodes where node.role == .cloud {
      for cosigner in node.cosigners { cloudNames[cosigner.chain] = node.id }
    }
    self.clouds = cloudNames
    self.keys = Set(keys)
    self.organisationKeys = organisations
    firstSeats = delegates.map(SeatOccupant.init)
    voters = Set(
      genesis.supernodes.filter { $0.role == .hospital }.map(\.organisation))
  }

  /// Whether a key stands in the genesis, for whatever use.
  func usesKey(_ key: [UInt8]) -> Bool { keys.contains(key) }

  public func supernode(_ id: String) -> Genesis.Supernode? { supernodes[id] }

  /// The Ed25519 key with which this party or organisation of the genesis signs entries.
  public func identityKey(of party: String) -> [UInt8]? {
    party == genesis.manager.id
      ? genesis.manager.identityKey : supernodes[party]?.identityKey ?? organisationKeys[party]
  }

  /// The checkpoint of the consortium chain in a note, whoever signed it.
  ///
  /// - Returns: nil for another origin and for a checkpoint with extension lines.
  package func consortiumCheckpoint(in note: String) -> Checkpoint? {
    guard let body = try? SignedNote(encoded: note).body,
      let checkpoint = try? Checkpoint(body: body),
      checkpoint.origin == origin(of: ChainName.consortium), checkpoint.extensionLines.isEmpty
    else { return nil }
    return checkpoint
  }

  /// Every key that cosigns the consortium chain in some epoch.
  var consortiumCosigners: ChainKeys {
    DelegateSet(epoch: 0, occupants: genesis.supernodes.map(SeatOccupant.init), genesis: self)
      .keys(of: self)
  }

  /// Who decides the blocks of the first epoch.
  var firstDelegates: DelegateSet { DelegateSet(epoch: 0, occupants: firstSeats, genesis: self) }

  /// The epoch in which the block at a height stands.
  public func epoch(ofHeight height: UInt64) -> UInt64 { height / genesis.numbers.epochLength }

  /// The keys whose cosignatures count for a hospital's chain: the cloud's.
  public func cosigners(ofHospital hospital: String) -> [CosignerVerifier] {
    verifiers[hospital] ?? []
  }

  /// The origin line of a chain's checkpoints; each generation of a hospital's chain is a log of its
  /// own.
  public func origin(of chain: String, generation: UInt64 = 0) -> String {
    chain == ChainName.consortium
      ? originPrefix + chain : "\(originPrefix)\(chain)/\(generation)"
  }

  /// The name under which a supernode cosigns a chain.
  public static func cosignerName(network: String, node: String, chain: String) -> String {
    "\(network)/\(node)/\(chain)"
  }

  /// The cloud operator that validates this hospital's chain.
  public func cloud(ofHospital hospital: String) -> String? { clouds[hospital] }

  /// The organisation that runs a party of the genesis.
  public func organisation(of party: String) -> String? {
    party == genesis.manager.id ? genesis.manager.organisation : supernodes[party]?.organisation
  }

  public var organisations: [String] { genesis.organisations.map(\.id) }

  static func isIdentifier(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= Limits.identifierByteCount
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
      }
  }
}

/// A chain is named by its hospital, or ``consortium``.
public enum ChainName {
  public static let consortium = "consortium"
}
