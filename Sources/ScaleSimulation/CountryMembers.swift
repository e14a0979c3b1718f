import CanonicalEncoding
import Consortium
import Credentials
import Crypto
import Ledger
import Pairings
import TransparencyLog

/// The parties of a country with all their keys, which one process holds for the simulation alone.
struct CountryMembers {
  static let network = "country"
  static let start: UInt64 = 1_800_000_000

  let genesis: ValidGenesis
  let manager: (registration: IdentityKey, identity: IdentityKey)
  /// Of parties and organisations.
  let identities: [String: IdentityKey]
  /// In the order of the members.
  let hospitals: [String]
  let logKeys: [String: LogKey]
  /// Of each hospital's cloud, for its chain.
  let cosigners: [String: CosignerKey]
  /// By seats.
  let delegates: [(id: String, keys: SimulatedKeys)]

  /// - Throws: ``LedgerError`` where there can be no such consortium.
  init(_ country: Country, using random: inout SimulationGenerator) throws {
    func identity(_ random: inout SimulationGenerator) throws -> IdentityKey {
      try IdentityKey(seed: random.bytes(32))
    }
    func cosigner(
      _ node: String, _ chain: String, _ random: inout SimulationGenerator
    ) throws -> CosignerKey {
      try CosignerKey(
        name: ValidGenesis.cosignerName(network: Self.network, node: node, chain: chain),
        key: Curve25519.Signing.PrivateKey(rawRepresentation: random.bytes(32)))
    }
    let hospitals = (1...country.hospitals).map { "hospital-\(Self.number($0))" }
    let clouds = (1...country.clouds).map { "cloud-\(Self.number($0))" }
    var identities: [String: IdentityKey] = [:]
    var cosigners: [String: CosignerKey] = [:]
    var logSecrets: [String: Curve25519.Signing.PrivateKey] = [:]
    var keys: [String: SimulatedKeys] = [:]
    var supernodes: [Members.Supernode] = []
    for (place, id) in (hospitals + clouds).enumerated() {
      let isHospital = place < hospitals.count
      let own = SimulatedKeys(
        identity: try identity(&random), voting: try identity(&random),
        cosigner: try cosigner(id, ChainName.consortium, &random))
      (keys[id], identities[id]) = (own, own.identity)
      if isHospital {
        logSecrets[id] = try Curve25519.Signing.PrivateKey(rawRepresentation: random.bytes(32))
      }
      let chains =
        isHospital
        ? []
        : stride(from: place - hospitals.count, to: hospitals.count, by: clouds.count).map {
          hospitals[$0]
        }
      for chain in chains { cosigners[chain] = try cosigner(id, chain, &random) }
      supernodes.append(
        Members.Supernode(
          id: id, organisation: "operator-of-\(id)", role: isHospital ? .hospital : .cloud,
          identityKey: own.identity.publicKey,
          cosigners: [
            Members.Cosigner(
              chain: ChainName.consortium, publicKey: own.cosigner.verifier.key.publicKey)
          ]
            + chains.map {
              Members.Cosigner(
                chain: $0, publicKey: cosigners[$0]?.verifier.key.publicKey ?? [])
            },
          logKey: logSecrets[id].map {
            Members.LogKey(publicKey: Array($0.publicKey.rawRepresentation))
          }, votingKey: Members.VotingKey(publicKey: own.voting.publicKey),
          location: Members.Location(
            addresses: ["https://bcemr.\(id).example.org:8443"],
            pins: [Digest32(sha256: Array(id.utf8))])))
    }
    let manager = (registration: try identity(&random), identity: try identity(&random))
    identities["manager"] = manager.identity
    var organisations: [Members.Organisation] = []
    for id in ["office"] + supernodes.map(\.organisation) {
      let key = try identity(&random)
      identities[id] = key
      organisations.append(Members.Organisation(id: id, identityKey: key.publicKey))
    }
    let content = Genesis(
      network: Self.network, suite: BLS12381.name, createdAt: Self.start,
      epochLength: country.epochLength,
      members: Members(
        numbers: Members.Numbers(
          window: max(600, 4 * country.maximumLag), maximumLag: country.maximumLag,
          seatCount: UInt64(country.delegates)),
        organisations: organisations,
        manager: Members.Manager(
          id: "manager", organisation: "office", registrationKey: manager.registration.publicKey,
          identityKey: manager.identity.publicKey),
        supernodes: supernodes),
      delegates: supernodes.prefix(country.delegates).map(\.id))
    // As everybody else reads it: what no file can hold is no genesis.
    genesis = try ValidGenesis(Genesis(encoded: content.encoded()))
    (self.manager, self.identities, self.hospitals) = (manager, identities, hospitals)
    self.cosigners = cosigners
    var logKeys: [String: LogKey] = [:]
    for (id, key) in logSecrets {
      logKeys[id] = try LogKey(origin: genesis.origin(of: id), key: key)
    }
    self.logKeys = logKeys
    delegates = content.delegates.compactMap { id in keys[id].map { (id, $0) } }
  }

  /// Four digits, so that all names are of one length.
  private static func number(_ value: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  /// An entry of the consortium chain.
  func entry(_ body: some CanonicalObject, by signer: String, key: IdentityKey? = nil) -> Entry? {
    (key ?? identities[signer]).map {
      Entry(
        EntryContent(
          genesis: genesis.digest, chain: ChainName.consortium, signer: .party(signer), body: body),
        signedBy: $0)
    }
  }
}

/// One key for each use.
struct SimulatedKeys: DelegateKeys {
  let identity: IdentityKey
  let voting: IdentityKey
  let cosigner: CosignerKey

  func identity(in members: ValidMembers) -> IdentityKey { identity }
  func identities(in members: ValidMembers) -> [IdentityKey] { [identity] }
  func votingKey(_ publicKey: [UInt8]) -> IdentityKey? {
    voting.publicKey == publicKey ? voting : nil
  }
  func cosigner(among verifiers: [CosignerVerifier]) -> CosignerKey? {
    verifiers.contains(cosigner.verifier) ? cosigner : nil
  }
}
