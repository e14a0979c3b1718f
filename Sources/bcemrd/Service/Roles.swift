import Consortium
import Credentials
import Foundation
import Ledger
import SQLiteBackend

/// A role that does what is due when it is asked to.
protocol DrivenRole: Sendable {
  var id: String { get }
  var node: LedgerNode { get }
  var inbox: Inbox { get }

  /// Begins what goes on by itself, and waits for none of it.
  func beginWhatIsDue() async throws

  /// Does what is due beside the consortium chain, which ``node`` does.
  ///
  /// - Returns: whether there was anything.
  func attend() async throws -> Bool

  /// Takes new keys of these uses, which count from the next epoch on; asked again, the same.
  func rotateKeys(_ uses: Set<KeyUse>) async throws
}

extension HospitalServer: DrivenRole {
  func beginWhatIsDue() throws { try agreeOnGroupKeys() }
}

extension CloudServer: DrivenRole {
  func beginWhatIsDue() {}

  func rotateKeys(_ uses: Set<KeyUse>) async throws {
    var randomness: Randomness = SystemRandomNumberGenerator()
    try await rotateKeys(uses, using: &randomness)
  }
}

extension SystemManager: DrivenRole {
  func beginWhatIsDue() {}

  func attend() async throws -> Bool { try await advance() }

  func rotateKeys(_ uses: Set<KeyUse>) async throws {
    var randomness: Randomness = SystemRandomNumberGenerator()
    try await rotateKeys(uses, using: &randomness)
  }
}

/// The roles of one machine, from the keys and stores in its folder.
struct Roles {
  struct Role {
    let kind: RoleKind
    let driven: any DrivenRole
    let endpoint: any Endpoint
    let publisher: any LogPublisher
    /// The uses of which it has given up its keys, and is not listed with others yet.
    let givenUp: Set<KeyUse>
    /// Those that this role keeps.
    var mailboxes: Mailboxes?
    /// Who else is reached through it.
    var keeper: (any MailboxKeeper)?
  }

  let genesis: ValidGenesis
  private let folder: DataFolder
  private let courier: any Courier
  private let records: RecordsInS3?
  private let shared: SharedHospital?
  private let proven: ValidMembers?

  /// - Parameters:
  ///   - records: where clouds keep records; nil for their folders.
  ///   - shared: what a hospital's machines share; nil for who has one.
  ///   - proven: the members as they were proven to who has no replay yet that lists it.
  init(
    genesis: ValidGenesis, folder: DataFolder, records: RecordsInS3?, shared: SharedHospital?,
    courier: any Courier, listedBy proven: ValidMembers?
  ) {
    (self.genesis, self.folder, self.courier) = (genesis, folder, courier)
    (self.records, self.shared, self.proven) = (records, shared, proven)
  }

  /// The role of a party, by what its own replay of the ledger says that it is.
  ///
  /// - Throws: ``DaemonFailure`` for who is no member, or has not the keys that the ledger names.
  func role(of id: String) throws -> Role {
    var known = try ConsortiumView(
      genesis: genesis, store: folder.stateStore(id, chain: ChainName.consortium)
    ).members
    if known.party(id) == nil, let proven { known = proven }
    guard let party = known.party(id) ?? genesis.members.party(id) else {
      throw DaemonFailure(.badInput, "\(id) is no member of this consortium")
    }
    let place = folder.keyLocation(id)
    guard let file = try folder.keys(id, owner: id) else {
      throw RoleKeys.missing(id, at: place, data: folder.path)
    }
    guard let givenUp = try file.givenUp(by: known, network: genesis.content.network) else {
      throw RoleKeys.foreign(id, at: place)
    }
    let folder = folder
    func ring(_ save: @escaping KeyRing.Save) throws -> KeyRing {
      try KeyRing(file, network: genesis.content.network, save: save)
    }
    if case .supernode(let supernode) = party, supernode.role == .hospital {
      let stores = try shared.map { try HospitalStores($0) } ?? HospitalStores(folder, of: id)
      let ring = try ring(stores.save)
      let keys = try SupernodeKeys(file, ring: ring, isHospital: true)
      let mailboxes = try Mailboxes(store: stores.mail, clock: Self.clock)
      let hospital = try HospitalServer(
        id: id, node: node(id, ring, keys.delegate, stores.role), keys: keys, store: stores.role,
        mailboxes: mailboxes, log: stores.log, state: folder.stateStore(id, chain: id),
        courier: courier,
        clock: Self.clock, randomness: SystemRandomNumberGenerator())
      return Role(
        kind: .hospital, driven: hospital, endpoint: hospital, publisher: hospital,
        givenUp: givenUp,
        mailboxes: mailboxes, keeper: hospital)
    }
    guard shared == nil else {
      throw DaemonFailure(.badInput, "engine: \(id) is no hospital, and no other role is shared")
    }
    let ring = try ring { try folder.replace(keys: $0, id) }
    switch party {
    case .manager:
      let mailboxes = try Mailboxes(store: folder.mailStore(id), clock: Self.clock)
      let manager = SystemManager(
        node: try node(id, ring, nil, folder.roleStore(id)), keys: ManagerKeys(ring),
        store: try folder.roleStore(id), mailboxes: mailboxes,
        stores: { try folder.stateStore(id, chain: $0) }, courier: courier, clock: Self.clock,
        randomness: SystemRandomNumberGenerator())
      return Role(
        kind: .manager, driven: manager, endpoint: manager, publisher: manager, givenUp: givenUp,
        mailboxes: mailboxes)
    case .supernode:
      let keys = try SupernodeKeys(file, ring: ring, isHospital: false)
      let cloud = try CloudServer(
        id: id, node: node(id, ring, keys.delegate, folder.roleStore(id)), keys: keys,
        store: folder.roleStore(id),
        records: records?.store(of: id) ?? folder.recordStore(id),
        stores: { try folder.stateStore(id, chain: $0) },
        courier: courier, clock: Self.clock, randomness: SystemRandomNumberGenerator())
      return Role(kind: .cloud, driven: cloud, endpoint: cloud, publisher: cloud, givenUp: givenUp)
    case .organisation:
      throw RoleKeys.organisation(id)
    }
  }

  private func node(
    _ id: String, _ ring: KeyRing, _ delegate: KeyRing?, _ store: any RoleStore
  ) throws -> LedgerNode {
    try LedgerNode(
      id: id, genesis: genesis, identity: ring, delegate: delegate,
      state: folder.stateStore(id, chain: ChainName.consortium), store: store,
      requests: RequestClient(courier: courier, sender: id), clock: Self.clock,
      freshness: LedgerNode.shortFreshness, patience: .seconds(1),
      blockPause: LedgerNode.blockPause)
  }

  @Sendable static func clock() -> UInt64 { UInt64(max(Date().timeIntervalSince1970, 0)) }
}
