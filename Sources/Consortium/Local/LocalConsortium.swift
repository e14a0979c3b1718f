import CanonicalEncoding
import Credentials
import EMRScheme
public import Ledger
import Synchronization

/// A whole consortium in one process: a system manager, hospitals, a cloud operator, doctors and
/// patients, each with keys and storage of its own, who talk through a courier alone.
///
/// This is the driver: it stands for what people do, and for the passing of messages and time.
public actor LocalConsortium {
  /// How a consortium is founded and staffed. What stands in the genesis counts at the founding alone.
  public struct Configuration: Sendable {
    /// The name of the ledger: 1 to 64 of a-z, 0-9 and '-'.
    public var network = "demo"
    /// How many hospitals there are, at least one.
    public var hospitals = 3
    /// n: the doctors of a team, 1 to 16.
    public var teamSize = 3
    /// How many doctors each hospital has; nil for the larger of n and 3.
    public var doctors: Int?
    /// Roster and rule of every hospital; nil for those of the demonstration.
    public var staffing: StaffingPlan?
    /// w, in seconds; fixed by the genesis.
    public var window: UInt64 = 600
    /// E, in blocks; fixed by the genesis.
    public var epochLength: UInt64 = 1000
    /// What a signer, and a supernode, may write in an epoch; fixed by the genesis.
    package var quotas: (signer: UInt64, supernode: UInt64) = (16, 256)

    public init(teamSize: Int = 3) { self.teamSize = teamSize }
  }

  /// What the consortium takes from outside: no role reads a clock or makes randomness itself.
  public struct Environment: Sendable {
    /// Seconds since 1970; given to the supernodes, doctors and patients.
    public var clock: @Sendable () -> UInt64
    /// A monotone clock, for the meter.
    public var nanoseconds: @Sendable () -> UInt64
    /// A generator for each role.
    public var randomness: @Sendable (_ role: String) -> Randomness
    /// Told of what happens, as it happens.
    public var observe: @Sendable (ConsortiumEvent) -> Void
    /// Called when genesis and keys are there and belong to each other, before anything is signed.
    public var beforeSigning: @Sendable () throws -> Void
    /// Puts a courier between the roles and the one that delivers, to watch or to attack.
    package var interpose: @Sendable (any Courier) -> any Courier = { $0 }
    /// The mailboxes that a hospital or the manager keeps; nil where the courier reaches doctors and patients.
    package var mailboxes: @Sendable (_ role: String) throws -> Mailboxes? = { _ in nil }
    /// As of ``LedgerNode``.
    package var freshness = Duration.zero
    package var patience: Duration?

    public init(
      clock: @escaping @Sendable () -> UInt64, nanoseconds: @escaping @Sendable () -> UInt64,
      randomness: @escaping @Sendable (String) -> Randomness = { _ in
        SystemRandomNumberGenerator()
      },
      observe: @escaping @Sendable (ConsortiumEvent) -> Void = { _ in },
      beforeSigning: @escaping @Sendable () throws -> Void = {}
    ) {
      self.clock = clock
      self.nanoseconds = nanoseconds
      self.randomness = randomness
      self.observe = observe
      self.beforeSigning = beforeSigning
    }
  }

  public nonisolated let genesis: ValidGenesis
  public nonisolated let meter: Meter
  public nonisolated let configuration: Configuration
  /// Whether this run has founded it.
  public private(set) var isNew = false
  package nonisolated let manager: SystemManager
  /// By identifier; who is admitted begins later.
  package nonisolated var hospitals: [String: HospitalServer] { servers.withLock { $0 } }
  private let servers: Mutex<[String: HospitalServer]>
  /// The cloud of the genesis.
  package nonisolated let cloud: CloudServer
  /// By identifier, all clouds; who is admitted begins later.
  package nonisolated var clouds: [String: CloudServer] {
    otherClouds.withLock { $0 }.merging([cloud.id: cloud]) { first, _ in first }
  }
  private let otherClouds: Mutex<[String: CloudServer]>
  package private(set) var doctors: [String: Doctor] = [:]
  package internal(set) var patients: [String: Patient] = [:]
  package nonisolated let courier: any Courier
  let delivery: LocalCourier
  let storage: any ConsortiumStorage
  let environment: Environment

  /// Founds a consortium, or opens the one that the storage holds.
  ///
  /// - Throws: what the storage and ``Environment/beforeSigning`` throw; ``ConsortiumError`` `ledger-diverged` if a
  ///   supernode's chain is not the one that it has cosigned.
  public static func open(
    storage: some ConsortiumStorage, configuration: Configuration, environment: Environment
  ) async throws -> LocalConsortium {
    let founded = try storage.genesis()
    let founder = Founder(
      storage: storage, configuration: configuration, environment: environment)
    let genesis = try founder.genesis()
    try environment.beforeSigning()
    let consortium = try LocalConsortium(storage, founder, genesis)
    do {
      try await consortium.start(isNew: founded == nil)
    } catch {
      throw await consortium.cause(of: error)
    }
    return consortium
  }

  private init<Storage: ConsortiumStorage>(
    _ storage: Storage, _ founder: Founder<Storage>, _ genesis: ValidGenesis
  ) throws {
    let (configuration, environment) = (founder.configuration, founder.environment)
    let known = try ConsortiumView(
      genesis: genesis,
      store: storage.stateStore(FounderNames.cloud, chain: ChainName.consortium))
    let meter = Meter(nanoseconds: environment.nanoseconds)
    let delivery = LocalCourier(meter: meter)
    let courier = environment.interpose(delivery)
    func node(_ place: String, _ ring: KeyRing, _ keys: KeyRing?) throws -> LedgerNode {
      try Self.node(place, genesis, ring, keys, storage, environment, courier)
    }

    let managerID = genesis.members.manager.id
    let managerKeys = try founder.keys(ofManager: managerID)
    manager = SystemManager(
      node: try node(managerID, managerKeys.ring, nil), keys: managerKeys,
      store: try storage.roleStore(managerID), mailboxes: try environment.mailboxes(managerID),
      stores: { try storage.stateStore(managerID, chain: $0) }, courier: courier,
      clock: environment.clock, randomness: environment.randomness("envelopes/\(managerID)"))
    delivery.register(manager, .manager, id: managerID)

    var hospitals: [String: HospitalServer] = [:]
    for id in try known.members.hospitals {
      let keys = try founder.supernodeKeys(id)
      let hospital = try Self.hospital(
        id, node(id, keys.ring, keys.delegate), keys, storage, environment, courier)
      hospitals[id] = hospital
      delivery.register(hospital, .hospital, id: id)
    }
    servers = Mutex(hospitals)

    func cloudServer(_ id: String) throws -> CloudServer {
      let keys = try founder.supernodeKeys(id)
      let server = try Self.cloud(
        id, node(id, keys.ring, keys.delegate), keys, storage, environment, courier)
      delivery.register(server, .cloud, id: id)
      return server
    }
    cloud = try cloudServer(FounderNames.cloud)
    var clouds: [String: CloudServer] = [:]
    for node in try known.members.supernodes
    where node.role == .cloud && node.id != FounderNames.cloud {
      clouds[node.id] = try cloudServer(node.id)
    }
    otherClouds = Mutex(clouds)

    self.genesis = genesis
    self.meter = meter
    self.delivery = delivery
    self.courier = courier
    self.storage = storage
    self.configuration = configuration
    self.environment = environment
  }

  private static func hospital(
    _ id: String, _ node: LedgerNode, _ keys: SupernodeKeys, _ storage: some ConsortiumStorage,
    _ environment: Environment, _ courier: any Courier
  ) throws -> HospitalServer {
    try HospitalServer(
      id: id, node: node, keys: keys, store: storage.roleStore(id),
      mailboxes: environment.mailboxes(id), log: storage.chainLog(id),
      state: storage.stateStore(id, chain: id), courier: courier, clock: environment.clock,
      randomness: environment.randomness(id))
  }

  private static func cloud(
    _ id: String, _ node: LedgerNode, _ keys: SupernodeKeys, _ storage: some ConsortiumStorage,
    _ environment: Environment, _ courier: any Courier
  ) throws -> CloudServer {
    try CloudServer(
      id: id, node: node, keys: keys, store: storage.roleStore(id),
      records: storage.recordStore(id), stores: { try storage.stateStore(id, chain: $0) },
      courier: courier, clock: environment.clock,
      randomness: environment.randomness("envelopes/\(id)"))
  }

  private static func node(
    _ id: String, _ genesis: ValidGenesis, _ ring: KeyRing, _ delegate: KeyRing?,
    _ storage: some ConsortiumStorage, _ environment: Environment, _ courier: any Courier
  ) throws -> LedgerNode {
    try LedgerNode(
      id: id, genesis: genesis, identity: ring, delegate: delegate,
      state: storage.stateStore(id, chain: ChainName.consortium),
      store: storage.roleStore(id), requests: RequestClient(courier: courier, sender: id),
      clock: environment.clock, freshness: environment.freshness, patience: environment.patience)
  }

  private func node(
    _ id: String, _ keys: SupernodeKeys, _ storage: some ConsortiumStorage
  ) throws -> LedgerNode {
    try Self.node(id, genesis, keys.ring, keys.delegate, storage, environment, courier)
  }

  /// Starts the server of a cloud that was admitted.
  func begin(cloud id: String, _ keys: SupernodeKeys) throws {
    func make(_ storage: some ConsortiumStorage) throws -> CloudServer {
      try Self.cloud(id, node(id, keys, storage), keys, storage, environment, courier)
    }
    let server = try make(storage)
    otherClouds.withLock { $0[id] = server }
    delivery.register(server, .cloud, id: id)
  }

  /// Starts the server of a hospital that was admitted.
  func begin(hospital id: String, _ keys: SupernodeKeys) throws -> HospitalServer {
    func make(_ storage: some ConsortiumStorage) throws -> HospitalServer {
      try Self.hospital(id, node(id, keys, storage), keys, storage, environment, courier)
    }
    let server = try make(storage)
    servers.withLock { $0[id] = server }
    delivery.register(server, .hospital, id: id)
    return server
  }

  /// Switches the server of a hospital off: it answers nobody until it is started again.
  public func stop(hospital id: String) {
    servers.withLock { $0[id] = nil }
    delivery.unregister(id)
  }

  /// Starts the server of a hospital from what it has stored.
  ///
  /// - Throws: what opening its stores throws.
  public func start(hospital id: String) throws {
    if hospitals[id] == nil { _ = try begin(hospital: id, supernodeKeys(id)) }
  }

  private func start(isNew: Bool) async throws {
    self.isNew = isNew
    meter.phase = .initialization
    try await settle()
    environment.observe(
      isNew
        ? .founded(genesis: genesis.digest)
        : .reopened(genesis: genesis.digest, foundedAt: genesis.content.createdAt))
    for server in hospitalServers { try await staff(server) }
    try await settle()
  }

  /// Gives a hospital its doctors.
  func staff(_ server: HospitalServer) async throws {
    guard
      let plan = configuration.staffing
        ?? DemonstrationStaff.plan(teamSize: configuration.teamSize)
    else {
      throw ConsortiumError(.wrongState, "a team has 1 to \(Limits.teamSize) doctors")
    }
    try await server.setStaffing(plan)
    for number in 1...max(configuration.doctors ?? 3, configuration.teamSize, 1) {
      try await addDoctor(
        "\(server.id)-doctor-\(number)", DemonstrationStaff.specialties(ofDoctor: number),
        at: server)
    }
  }

  /// The servers of the hospitals, by ascending names.
  private nonisolated var hospitalServers: [HospitalServer] {
    hospitals.values.sorted { $0.id < $1.id }
  }

  /// The clouds' servers, by ascending names.
  private nonisolated var cloudServers: [CloudServer] {
    clouds.values.sorted { $0.id < $1.id }
  }

  /// Takes a doctor on, and registers the keys unless the ledger has them.
  private func addDoctor(
    _ id: String, _ specialties: Set<Specialty>, at hospital: HospitalServer
  ) async throws {
    let place = "doctors/\(id)"
    var randomness = environment.randomness(place)
    let isRegistered = try await hospital.node.consortium.doctor(id) != nil
    let file = try storage.keys(
      place, owner: id,
      otherwise: {
        guard !isRegistered else {
          throw CredentialError(
            .missingKeys,
            "\(storage.keyLocation(place)): the keys of \(id), who is registered, are missing")
        }
        return try DoctorKeys.generate(owner: id, using: &randomness)
      })
    let doctor = try Doctor(
      id: id, hospital: hospital.id, genesis: genesis, keys: DoctorKeys(file),
      store: storage.anyRoleStore(place), courier: courier, clock: environment.clock,
      randomness: randomness, specialties: specialties)
    doctors[id] = doctor
    delivery.register(doctor, .doctor, id: id)
    if isRegistered { return }
    // The doctor comes to the counter, and shows what the program at home shows.
    try await hospital.employ(
      id, fingerprint: doctor.fingerprint(), specialties: specialties)
    try await meter.measure(.doctor) { try await doctor.register() }
    environment.observe(.doctorRegistered(doctor: id, hospital: hospital.id))
  }

  /// Brings a patient in, with the keys of an earlier run if there are some.
  ///
  /// - Parameters:
  ///   - contact: what this driver calls the patient: 1 to 64 of a-z, 0-9 and '-'; no identity.
  ///   - identity: what hospitals are told at admission.
  public func addPatient(contact: String, identity: String) throws {
    if patients[contact] != nil { return }
    let place = "patients/\(contact)"
    var randomness = environment.randomness(place)
    let file = try storage.keys(
      place, owner: contact,
      otherwise: { try PatientKeys.generate(owner: contact, using: &randomness) })
    let store = try storage.anyRoleStore(place)
    let patient = try Patient(
      identity: identity, genesis: genesis, keys: PatientKeys(file), store: store,
      courier: courier, clock: environment.clock, randomness: randomness)
    patients[contact] = patient
    for address in try Patient.addresses(store) {
      delivery.register(patient, .patient, id: address)
    }
  }

  /// A new address of a patient, where messages arrive from now on.
  package func address(ofPatient id: String) async throws -> PatientAddress {
    let patient = try patient(id)
    let address = try await patient.makeAddress()
    delivery.register(patient, .patient, id: address.id)
    return address
  }

  func patient(_ contact: String) throws -> Patient {
    guard let patient = patients[contact] else {
      throw ConsortiumError(.unreachable, "there is no patient \(contact)")
    }
    return patient
  }

  func doctor(_ id: String) throws -> Doctor {
    guard let doctor = doctors[id] else {
      throw ConsortiumError(.unknownDoctor, "there is no doctor \(id)")
    }
    return doctor
  }

  func hospital(_ id: String) throws -> HospitalServer {
    guard let hospital = hospitals[id] else {
      throw ConsortiumError(.unreachable, "there is no hospital \(id)")
    }
    return hospital
  }

  // MARK: The ledger

  /// Lets the supernodes work until none has anything left to do: what was submitted is final then.
  ///
  /// Where all of them wait for somebody who does not speak, their time-outs expire.
  /// - Throws: what the first supernode cannot do that fails, once the others have nothing left to do, or its
  ///   store has failed in so many rounds that it will not come back;
  ///   ``ConsortiumError`` `not-final` if too few delegates are there to decide a block.
  public func settle() async throws {
    var quietRounds = 0
    var expirations = 0
    /// In how many rounds in a row a store has failed.
    var lame = 0
    for _ in 0..<Self.roundLimit {
      var failure: (any Error)?
      var failed: Set<String> = []
      var isQuiet = true
      for server in cloudServers {
        do {
          if try await meter.measure(.cloud, { try await server.advance() }) { isQuiet = false }
        } catch {
          failure = failure ?? error
          failed.insert(server.id)
        }
      }
      for server in hospitalServers {
        do {
          let advanced = try await meter.measure(.hospital) { try await server.advance() }
          if advanced { isQuiet = false }
        } catch {
          failure = failure ?? error
          failed.insert(server.id)
        }
      }
      lame = failure is StoreError ? lame + 1 : 0
      if lame >= Self.lameLimit, let failure { throw failure }
      quietRounds = isQuiet ? quietRounds + 1 : 0
      guard isQuiet else { continue }
      if expirations < Self.expirationLimit, try await expire(without: failed) {
        expirations += 1
        continue
      }
      // Who failed may have done part of the work before, for which others have waited.
      if let failure {
        if quietRounds >= 2 { throw failure }
        continue
      }
      guard expirations < Self.expirationLimit else { break }
      // What a hospital was brought has to become final too.
      if try await manager.advance() { continue }
      return
    }
    throw ConsortiumError(.notFinal, "the supernodes do not come to rest")
  }

  /// Lets the time-outs of a block under way expire.
  ///
  /// - Returns: whether there were any.
  private func expire(without failed: Set<String>) async throws -> Bool {
    var isDeciding = false
    for node in cloudServers.map(\.node) + hospitalServers.map(\.node)
    where !failed.contains(node.id) {
      guard await node.isDeciding else { continue }
      isDeciding = true
      do {
        _ = try await node.expire()
      } catch is StoreError {
        // It is told by its next step.
      }
    }
    return isDeciding
  }

  private static let roundLimit = 4000
  /// Far more rounds than a block takes.
  private static let lameLimit = 256
  /// Rounds of voting without an outcome.
  private static let expirationLimit = 64

  /// Has the blocks made that come without work too: here nobody makes them while nothing is done.
  func keepUp() async throws {
    let time = await ledgerTime()
    guard environment.clock() > time &+ LedgerNode.recency else { return }
    do {
      try await settle()
    } catch let error as StoreError {
      throw error
    } catch {
      // Who cannot go on says so to who asks it.
    }
  }

  /// Ledger time in seconds since 1970.
  public func ledgerTime() async -> UInt64 {
    await cloud.node.consortium.time
  }

  /// Ledger time of a block of the consortium chain, in seconds since 1970; nil if it cannot be read.
  package func time(ofBlock height: UInt64) async -> UInt64? {
    try? await cloud.node.consortium.block(height)?.time
  }

  /// Everything that is final on the consortium chain and confirmed on the hospitals', for an
  /// auditor.
  package func exportedLogs() async throws -> [ExportWriter.Log] {
    try await settle()
    var logs = [ExportWriter.Log(await cloud.node.consortium)]
    let consortium = await cloud.node.consortium
    for hospital in try consortium.hospitals {
      let id = try consortium.members(having: hospital).cloud(ofHospital: hospital) ?? cloud.id
      guard let server = clouds[id] else {
        throw ConsortiumError(.unreachable, "there is no cloud \(id)")
      }
      logs.append(ExportWriter.Log(try await server.confirmer.view(of: hospital)))
    }
    return logs
  }
}

extension ConsortiumStorage {
  func anyRoleStore(_ place: String) throws -> any RoleStore { try roleStore(place) }

  /// The stored keys, or new ones, stored.
  func keys(
    _ place: String, owner: String, otherwise generate: () throws -> KeyFile
  ) throws -> KeyFile {
    if let file = try keys(place, owner: owner) { return file }
    let file = try generate()
    try create(keys: file, place)
    return file
  }
}
