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
  /// The delegates, whom the genesis fixes for every height.
  let seats: [DelegateSet.Seat]
  /// What a checkpoint of the consortium chain needs: more than two thirds of the delegates.
  public let consortiumKeys: ChainKeys

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
    try require(identifiers.allSatisfy(Self.isIdentifier), "an identifier is not of a-z, 0-9, '-'")
    try require(
      Set(identifiers + [ChainName.consortium]).count == identifiers.count + 1,
      "two parties have one identifier")
    let manager = genesis.manager
    var keys = [manager.registrationKey, manager.identityKey, manager.agreementKey]
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
    // By bytes: a text that looks the same, and is none of these bytes, is another name.
    for group in Dictionary(grouping: delegates, by: { Array($0.organisation.utf8) }).values {
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
              && supernodes[chain]?.organisation.utf8.elementsEqual(node.organisation.utf8)
                != true),
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
        (node.votingKey != nil) == genesis.delegates.contains(node.id),
        "\(node.id) is a delegate without a voting key, or another party with one")
    }
    func cosigners(of chain: String, among ids: [String]) -> [(String, [UInt8])] {
      ids.compactMap { supernodes[$0] }.flatMap { node in
        node.cosigners.filter { $0.chain == chain }.map { (node.id, $0.publicKey) }
      }
    }
    var verifiers: [String: [CosignerVerifier]] = [:]
    for chain in [ChainName.consortium] + hospitals {
      let isConsortium = chain == ChainName.consortium
      let ids = isConsortium ? genesis.delegates : genesis.supernodes.map(\.id)
      let keys = cosigners(of: chain, among: ids)
      try require(
        isConsortium ? keys.count == delegates.count : keys.count == 1,
        isConsortium
          ? "a delegate has no cosigning key for the consortium chain"
          : "chain \(chain) is not cosigned by exactly one cloud operator")
      do {
        verifiers[chain] = try keys.map { id, key in
          try CosignerVerifier(
            name: Self.cosignerName(network: genesis.network, node: id, chain: chain),
            publicKey: key)
        }
      } catch {
        throw LedgerError(.invalidGenesis, "a cosigning key of chain \(chain) is not a key")
      }
    }
    self.genesis = genesis
    let digest = genesis.digest
    self.digest = digest
    originPrefix = "bcemr/\(digest)/"
    self.hospitals = hospitals
    self.supernodes = supernodes
    self.verifiers = verifiers
    var clouds: [String: String] = [:]
    for node in genesis.supernodes where node.role == .cloud {
      for cosigner in node.cosigners { clouds[cosigner.chain] = node.id }
    }
    self.clouds = clouds
    self.keys = Set(keys)
    seats = zip(delegates, verifiers[ChainName.consortium] ?? []).map { node, cosigner in
      DelegateSet.Seat(
        delegate: node.id, votingKey: node.votingKey?.publicKey ?? [], cosigner: cosigner)
    }
    consortiumKeys = DelegateSet(epoch: 0, seats: seats).keys(
      origin: originPrefix + ChainName.consortium)
  }

  /// Whether a key stands in the genesis, for whatever use.
  func usesKey(_ key: [UInt8]) -> Bool { keys.contains(key) }

  public func supernode(_ id: String) -> Genesis.Supernode? { supernodes[id] }

  /// The Ed25519 key with which this party of the genesis signs entries.
  public func identityKey(of party: String) -> [UInt8]? {
    party == genesis.manager.id ? genesis.manager.identityKey : supernodes[party]?.identityKey
  }

  /// The keys whose cosignatures count for this chain.
  public func cosigners(of chain: String) -> [CosignerVerifier] { verifiers[chain] ?? [] }

  /// How many of ``cosigners(of:)`` a checkpoint needs: the cloud for a hospital's chain, beside the
  /// hospital's own signature; more than two thirds of the delegates for the consortium chain.
  public func cosignatureThreshold(of chain: String) -> Int {
    chain == ChainName.consortium ? 2 * genesis.delegates.count / 3 + 1 : 1
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

  /// All organisations, the manager's first, then in the order of the supernodes. Names are told
  /// apart by their bytes.
  public var organisations: [String] {
    var seen: Set<[UInt8]> = []
    return ([genesis.manager.organisation] + genesis.supernodes.map(\.organisation)).filter {
      seen.insert(Array($0.utf8)).inserted
    }
  }

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
