import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Pairings

/// Founds a consortium of one manager, some hospitals and one cloud, each run by an organisation.
///
/// At a founding, every party makes its own keys; only the public halves come together.
struct Founder<Storage: ConsortiumStorage> {
  let storage: Storage
  let configuration: LocalConsortium.Configuration
  let environment: LocalConsortium.Environment

  /// Those of the genesis, once there is one.
  private func hospitals() throws -> [String] {
    guard let genesis = try storage.genesis() else {
      return (1...max(configuration.hospitals, 1)).map { "hospital-\($0)" }
    }
    return try ValidGenesis(Genesis(encoded: genesis)).members.hospitals
  }

  private func chains(of supernode: String) throws -> [String] {
    try [ChainName.consortium] + (supernode == FounderNames.cloud ? hospitals() : [])
  }

  private func ring(_ file: KeyFile, _ place: String) throws -> KeyRing {
    let storage = storage
    return try KeyRing(
      file, network: configuration.network, save: { try storage.replace(keys: $0, place) })
  }

  func keys(ofManager id: String) throws -> ManagerKeys {
    var randomness = environment.randomness("keys/\(id)")
    let file = try storage.keys(
      id, owner: id, otherwise: { try ManagerKeys.generate(owner: id, using: &randomness) })
    return ManagerKeys(try ring(file, id))
  }

  func supernodeKeys(_ id: String) throws -> SupernodeKeys {
    var randomness = environment.randomness("keys/\(id)")
    let isHospital = !FounderNames.isCloud(id)
    let file = try storage.keys(
      id, owner: id,
      otherwise: {
        try SupernodeKeys.generate(
          owner: id, chains: chains(of: id), isHospital: isHospital, using: &randomness)
      })
    return try SupernodeKeys(file, ring: ring(file, id), isHospital: isHospital)
  }

  func keys(ofOrganisation id: String) throws -> KeyRing {
    let place = "organisations/\(id)"
    var randomness = environment.randomness("keys/\(place)")
    return try ring(
      storage.keys(
        place, owner: id,
        otherwise: { try OrganisationKeys.generate(owner: id, using: &randomness) }), place)
  }

  /// The keys of an organisation that has some.
  ///
  /// - Throws: ``CredentialError`` `missing-keys`.
  func existingKeys(ofOrganisation id: String) throws -> KeyRing {
    let place = "organisations/\(id)"
    guard try storage.keys(place, owner: id) != nil else {
      throw CredentialError(
        .missingKeys, "\(storage.keyLocation(place)): the keys of \(id) are missing")
    }
    return try keys(ofOrganisation: id)
  }

  /// The stored genesis, or a new one, stored.
  ///
  /// - Throws: ``CredentialError`` `missing-keys` or `foreign-keys` if a party has not the keys that
  ///   stand in the stored one.
  func genesis() throws -> ValidGenesis {
    if let bytes = try storage.genesis() {
      let genesis = try ValidGenesis(Genesis(encoded: bytes))
      for party in [genesis.members.manager.id] + genesis.members.hospitals + [FounderNames.cloud] {
        try requireKeys(of: party, in: genesis)
      }
      // Nobody else's are made anew either.
      let known = try members(knownBy: FounderNames.cloud, genesis)
      for node in known.supernodes where genesis.members.supernode(node.id) == nil {
        try requireKeys(of: node.id, in: genesis, known: known)
      }
      return genesis
    }
    try storage.requireNoStores()
    let (manager, cloud) = (FounderNames.manager, FounderNames.cloud)
    let hospitals = try hospitals()
    // The cloud, and as many hospitals as make a number 3f + 1.
    let seated = hospitals.prefix(hospitals.count / 3 * 3)
    var supernodes: [Members.Supernode] = []
    for id in hospitals {
      supernodes.append(
        try supernodeKeys(id).publicPart(
          id: id, organisation: "\(id)-trust", role: .hospital, isCandidate: true))
    }
    supernodes.append(
      try supernodeKeys(cloud).publicPart(
        id: cloud, organisation: "\(cloud)-operator", role: .cloud, isCandidate: true))
    let organisations = [FounderNames.authority] + supernodes.map(\.organisation)
    let genesis = Genesis(
      network: configuration.network, suite: Suite.name, createdAt: environment.clock(),
      epochLength: configuration.epochLength,
      members: Members(
        numbers: .init(
          window: configuration.window, maximumLag: min(120, configuration.window / 4),
          signerQuota: configuration.quotas.signer, supernodeQuota: configuration.quotas.supernode,
          seatCount: UInt64(seated.count + 1)),
        organisations: try organisations.map {
          Members.Organisation(
            id: $0, identityKey: try keys(ofOrganisation: $0).publicKey(.identity) ?? [])
        },
        manager: try keys(ofManager: manager)
          .publicPart(id: manager, organisation: FounderNames.authority),
        supernodes: supernodes),
      delegates: seated + [cloud])
    let valid = try ValidGenesis(founding: genesis)
    try storage.create(genesis: genesis.encoded())
    return valid
  }

  private func members(knownBy party: String, _ genesis: ValidGenesis) throws -> ValidMembers {
    try ConsortiumView(
      genesis: genesis, store: storage.stateStore(party, chain: ChainName.consortium)
    ).members
  }

  /// Nobody knows new keys of a member that it has not asked for.
  ///
  /// - Parameter others: the members as others know them, by which one is judged who knows of none with it.
  private func requireKeys(
    of party: String, in genesis: ValidGenesis, known others: ValidMembers? = nil
  ) throws {
    let place = storage.keyLocation(party)
    guard let file = try storage.keys(party, owner: party) else {
      throw CredentialError(
        .missingKeys,
        "\(place): the keys of \(party) are missing, and the ledger takes no others in their place")
    }
    // As far as the party itself knows: it erases former keys by what it knows.
    var members = try members(knownBy: party, genesis)
    if members.party(party) == nil, let others { members = others }
    if members.party(party) == nil { return }
    guard try file.isKnown(to: members, network: genesis.content.network) else {
      throw CredentialError(
        .foreignKeys, "\(place): these are not the keys that \(party) has on the ledger")
    }
  }
}

enum FounderNames {
  static let manager = "manager"
  static let cloud = "cloud"
  static let authority = "health-authority"

  /// Clouds are called `cloud`, and those that join `cloud-2` and so on.
  static func isCloud(_ supernode: String) -> Bool {
    supernode == cloud || supernode.hasPrefix("\(cloud)-")
  }
}
