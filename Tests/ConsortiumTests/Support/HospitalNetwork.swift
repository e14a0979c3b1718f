import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import Synchronization
import TestSupport

/// Hospitals, clouds and delegates of one consortium in one process: the servers as they are, each over
/// a disk of its own, with nothing between them but ``SimulatedMail``.
///
/// `hospital-1` stands for election, and its chain is confirmed by `cloud-1`; `hospital-2` only follows
/// the consortium chain, and `cloud-2` confirms its own. `hospital-3`, which `cloud-3` confirms, follows
/// too. Either of these two may be dishonest: twins, two programs with one set of keys, of which some see
/// the one and some the other. `hospital-4` may be admitted, with `cloud-1` to confirm its chain.
struct HospitalNetwork {
  enum Server: Sendable {
    case hospital(HospitalServer)
    case cloud(CloudServer)

    var endpoint: any RoleEndpoint {
      switch self {
      case .hospital(let server): server
      case .cloud(let server): server
      }
    }

    var node: LedgerNode {
      switch self {
      case .hospital(let server): server.node
      case .cloud(let server): server.node
      }
    }

    func advance() async throws -> Bool {
      switch self {
      case .hospital(let server): try await server.advance()
      case .cloud(let server): try await server.advance()
      }
    }
  }

  struct Machine {
    let id: String
    let keys: SupernodeKeys
    let disk = PowerDisk()
    /// Seconds by which the clock is ahead of the network's, or behind it.
    var clockOffset: Int64 = 0
    var run = 0
    /// Nil while it is down.
    var server: Server?
    /// Not to be switched on before this step.
    var isDownUntil = 0
  }

  let members: SimulatedMembers
  let world: ClientWorld
  let mail = SimulatedMail()
  let executor: SeededExecutor
  private let clock = NetworkClock()
  private let decider = StubDecider()
  private let seed: UInt64
  /// A dishonest one has a second machine, behind all others.
  var machines: [Machine] = []

  init(seed: UInt64, spares: Int, epochLength: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    self.seed = seed
    members = try SimulatedMembers(spares: spares, epochLength: epochLength, using: &generator)
    executor = SeededExecutor(seed: seed)
    let clock = clock
    world = ClientWorld(members: members, mail: mail, clock: { clock.seconds(ahead: 0) })
    for id in members.genesis.members.supernodes.map(\.id) + [SimulatedMembers.newcomer] {
      guard let keys = members.keys[id] else { fatalError("no keys of \(id)") }
      machines.append(Machine(id: id, keys: keys))
    }
  }

  /// All hospitals that there may be.
  var hospitals: [String] { genesis.members.hospitals + [SimulatedMembers.newcomer] }

  var genesis: ValidGenesis { members.genesis }
  var time: UInt64 { clock.seconds(ahead: 0) }

  func pass(seconds: UInt64) { clock.pass(seconds) }

  /// A request's `Message`, as its recipient reads it.
  func message(_ request: [UInt8]) -> [UInt8] {
    guard let envelope = try? Envelope(encoded: request) else { return request }
    for machine in machines where machine.id == envelope.recipient {
      let secrets = (try? OwnEnvelopeKeys.secrets(in: machine.disk.rolesInHand)) ?? []
      for key in secrets where Digest32(sha256: key.publicKey) == envelope.keyDigest {
        if let (opened, _) = try? envelope.open(with: key, genesis: genesis.digest) {
          return opened.object.payload
        }
      }
    }
    return request
  }

  // MARK: Machines

  /// Starts a machine from its disk.
  mutating func boot(_ index: Int) throws {
    let run = machines[index].disk.start()
    machines[index].run = run
    let machine = machines[index]
    let (id, disk, clock) = (machine.id, machine.disk, clock)
    let courier = mail.courier(of: .init(id: id, machine: index, run: run))
    let time: @Sendable () -> UInt64 = { clock.seconds(ahead: machine.clockOffset) }
    // Who lies about the time in votes still hears, and is heard by, who speaks now: else it is silent.
    let ear: @Sendable () -> UInt64 = { clock.seconds(ahead: max(-3, min(3, machine.clockOffset))) }
    let isCandidate = !SimulatedMembers.followers.contains(id)
    let node = try LedgerNode(
      id: id, genesis: genesis, identity: members.identity(of: id),
      delegate: isCandidate ? machine.keys.delegate : nil,
      state: disk.state(ChainName.consortium, run: run), store: disk.roles(run: run),
      requests: RequestClient(courier: courier, sender: id), decider: decider, clock: ear,
      votingClock: time)
    if hospitals.contains(id) {
      let server = try HospitalServer(
        id: id, node: node, keys: machine.keys, store: disk.roles(run: run),
        log: disk.log(run: run), state: disk.state(id, run: run), courier: courier, clock: ear,
        randomness: SeededGenerator(seed: seed &* 1_000_003 &+ UInt64(1000 * run + index)))
      machines[index].server = .hospital(server)
    } else {
      let server = try CloudServer(
        id: id, node: node, keys: machine.keys, store: disk.roles(run: run),
        records: disk.records(run: run), stores: { disk.state($0, run: run) }, courier: courier,
        clock: ear,
        randomness: SeededGenerator(seed: seed &* 1_000_003 &+ UInt64(1000 * run + index)))
      machines[index].server = .cloud(server)
      world.set(records: disk.records(run: run), of: id, isTwin: isTwin(index))
    }
    world.set(machines[index].server, of: id, isTwin: isTwin(index))
  }

  /// Whether it is the second of two machines.
  func isTwin(_ index: Int) -> Bool {
    machines.firstIndex { $0.id == machines[index].id } != index
  }

  /// The machine stops at once; what it was about to do is not done.
  mutating func kill(_ index: Int) {
    let machine = machines[index]
    guard machine.server != nil else { return }
    machine.disk.stop()
    machines[index].server = nil
    world.set(nil, of: machine.id, isTwin: isTwin(index))
    mail.bury(.init(id: machine.id, machine: index, run: machine.run))
  }

  /// Gives a machine a twin, with a disk of its own.
  mutating func addTwin(of index: Int) {
    machines.append(Machine(id: machines[index].id, keys: machines[index].keys))
  }

  // MARK: Tasks

  /// Starts something that may wait for messages, and runs it up to there.
  func start(_ work: @escaping @Sendable () async -> Void) {
    Task(executorPreference: executor) { await work() }
    executor.drain()
  }

  struct Blocked: Error {}

  /// Asks actors something that waits for no message.
  func ask<Value: Sendable>(
    _ question: @escaping @Sendable () async throws -> Value
  ) throws -> Value {
    let answer = Capture<Result<Value, any Error>>()
    start {
      do {
        answer.value = .success(try await question())
      } catch {
        answer.value = .failure(error)
      }
    }
    guard let result = answer.value else { throw Blocked() }
    return try result.get()
  }
}

/// Who is in the consortium, with all keys.
struct SimulatedMembers: Sendable {
  struct Doctor: Sendable {
    let id: String
    let hospital: String
    let identity: IdentityKey
    let registration: Entry
    let signer: VisitContext.Signer
  }

  let genesis: ValidGenesis
  let keys: [String: SupernodeKeys]
  /// What makes the newcomer a member.
  let admission: [MemberChange]
  let manager: IdentityKey
  let doctors: [Doctor]
  private let identities: [String: IdentityKey]

  static let start: UInt64 = 1_790_000_000
  static let network = "test"
  /// A hospital that is no member at first, and the cloud that is to confirm its chain.
  static let newcomer = "hospital-4"
  static let newcomersCloud = "cloud-1"
  /// Who never stands for election.
  static let followers = ["hospital-2", "hospital-3"]

  /// - Parameter spares: clouds that stand and have no seat at first.
  init(spares: Int, epochLength: UInt64, using generator: inout SeededGenerator) throws {
    var identities: [String: IdentityKey] = [:]
    var keys: [String: SupernodeKeys] = [:]
    var supernodes: [Members.Supernode] = []
    let clouds = (1...(3 + spares)).map { "cloud-\($0)" }
    let ids = ["hospital-1", "hospital-2", "hospital-3", Self.newcomer] + clouds
    for id in ids {
      let isHospital = id.hasPrefix("hospital")
      var chains = [ChainName.consortium]
      // The first three clouds confirm the chains of the three hospitals.
      if let number = clouds.prefix(3).firstIndex(of: id) {
        chains.append("hospital-\(number + 1)")
      }
      if id == Self.newcomersCloud { chains.append(Self.newcomer) }
      var randomness: Randomness = SeededGenerator(seed: generator.next())
      let file = try SupernodeKeys.generate(
        owner: id, chains: chains, isHospital: isHospital, using: &randomness)
      let own = try SupernodeKeys(
        file, ring: KeyRing(file, network: Self.network, save: { _ in }), isHospital: isHospital)
      keys[id] = own
      identities[id] = try IdentityKey(seed: file.secret("identity"))
      supernodes.append(
        try own.publicPart(
          id: id, organisation: "operator-of-\(id)", role: isHospital ? .hospital : .cloud,
          isCandidate: !Self.followers.contains(id)))
    }
    let newcomer = supernodes.remove(at: 3)
    // The key for it is named when it is admitted.
    var assignment: CloudAssignment?
    for index in supernodes.indices where supernodes[index].id == Self.newcomersCloud {
      for cosigner in supernodes[index].cosigners where cosigner.chain == Self.newcomer {
        assignment = CloudAssignment(
          hospital: Self.newcomer, cloud: Self.newcomersCloud, cosigningKey: cosigner.publicKey)
      }
      supernodes[index].cosigners.removeAll { $0.chain == Self.newcomer }
    }
    let registration = try IdentityKey(seed: generator.bytes(32))
    manager = try IdentityKey(seed: generator.bytes(32))
    identities["manager"] = manager
    var organisations: [Members.Organisation] = []
    for id in ["office"] + supernodes.map(\.organisation) + [newcomer.organisation] {
      let key = try IdentityKey(seed: generator.bytes(32))
      identities[id] = key
      organisations.append(Members.Organisation(id: id, identityKey: key.publicKey))
    }
    guard let own = organisations.popLast(), let assignment else { fatalError("no newcomer") }
    admission = [
      .admit(.organisation(own)), .admit(.supernode(newcomer)), .assignCloud(assignment),
    ]
    let genesis = try ValidGenesis(
      Genesis(
        network: Self.network, suite: BLS12381.name, createdAt: Self.start,
        epochLength: epochLength,
        members: Members(
          numbers: Members.Numbers(
            window: 480, maximumLag: 120, answerWithin: 600, signerQuota: 1 << 20,
            supernodeQuota: 1 << 20),
          organisations: organisations,
          manager: Members.Manager(
            id: "manager", organisation: "office", registrationKey: registration.publicKey,
            identityKey: manager.publicKey),
          supernodes: supernodes),
        delegates: ["hospital-1", "cloud-1", "cloud-2", "cloud-3"]))
    self.genesis = genesis
    self.keys = keys
    self.identities = identities
    var doctors: [Doctor] = []
    for hospital in genesis.members.hospitals + [Self.newcomer] {
      guard let employer = identities[hospital] else { continue }
      for number in 1...2 {
        let identity = try IdentityKey(seed: generator.bytes(32))
        let statement = RegistrationStatement(
          genesis: genesis.digest, suite: BLS12381.name, doctor: "\(hospital)-doctor-\(number)",
          hospital: hospital, a: generator.bytes(96), b1: generator.bytes(48),
          b2: generator.bytes(96), c1: generator.bytes(48), c2: generator.bytes(96),
          identityKey: identity.publicKey)
        let proof = RegistrationProof(
          challenge: generator.bytes(32), z1: generator.bytes(32), z2: generator.bytes(32),
          z3: generator.bytes(32))
        let body = DoctorRegistration(
          statement: statement, proof: proof, doctor: identity, manager: registration)
        doctors.append(
          Doctor(
            id: statement.doctor, hospital: hospital, identity: identity,
            registration: Entry(
              EntryContent(
                genesis: genesis.digest, chain: ChainName.consortium, signer: .party(hospital),
                body: body), signedBy: employer),
            signer: statement.signer))
      }
    }
    self.doctors = doctors
  }

  func identity(of party: String) -> IdentityKey {
    guard let key = identities[party] else { fatalError("no key of \(party)") }
    return key
  }

  func cloud(of hospital: String) -> String {
    genesis.members.cloud(ofHospital: hospital) ?? Self.newcomersCloud
  }

  /// Who has to agree to ``admission``.
  static let admitting = [newcomer, "operator-of-\(newcomer)", newcomersCloud]
}

/// Signatures are checked, each once for all machines; what pairings would tell is written on the entry.
private final class StubDecider: ClaimDecider {
  private struct Signature: Hashable {
    let signature: [UInt8]
    let message: [UInt8]
    let key: [UInt8]

    var isValid: Bool { IdentityKey.isValid(signature, of: message, by: key) }
  }

  private let known = Mutex<[Signature: Bool]>([:])

  func holds(_ claim: Claim) -> Bool {
    switch claim {
    case .signature(let signature, let message, let key):
      decide(Signature(signature: signature, message: message, key: key))
    case .registration(let registration, let managerKey):
      (try? registration.checkSignatures(managerKey: managerKey)) != nil
    case .visitKey(_, let proof): proof != Self.falseProof
    case .partialSignature(let signature): signature != Self.falseSignature
    case .multisignature(let completion, _): completion.signature != Self.falseSignature
    }
  }

  func firstFailure(of claims: [Claim]) -> Int? { claims.firstIndex { !holds($0) } }

  private func decide(_ signature: Signature) -> Bool {
    if let known = known.withLock({ $0[signature] }) { return known }
    let isValid = signature.isValid
    known.withLock { $0[signature] = isValid }
    return isValid
  }

  static let falseProof = [UInt8](repeating: 0xff, count: 48)
  static let falseSignature = [UInt8](repeating: 0xff, count: 96)
}

extension HospitalNetwork {
  /// What the stub takes for points that are none.
  static let falseSignature = StubDecider.falseSignature
}

/// The time of a network.
private final class NetworkClock: Sendable {
  private let now = Mutex(SimulatedMembers.start)

  func pass(_ seconds: UInt64) { now.withLock { $0 += seconds } }

  func seconds(ahead offset: Int64) -> UInt64 { now.withLock { UInt64(Int64($0) + offset) } }
}
