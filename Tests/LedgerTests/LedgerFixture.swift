import CanonicalEncoding
import Credentials
import Crypto
import EMRScheme
import Ledger
import Pairings
import TestSupport
import TransparencyLog

/// A consortium of three hospitals and one cloud whose keys a test holds, with one ordering log.
///
/// It writes what honest parties would write; attacks write other entries with the same keys.
struct LedgerFixture {
  typealias Suite = BLS12381

  let genesis: ValidGenesis
  let manager: (registration: IdentityKey, identity: IdentityKey)
  let identities: [String: IdentityKey]
  let cosigners: [String: [String: CosignerKey]]
  var generator: SeededGenerator
  var log: [[UInt8]] = []
  var doctors: [String: TestDoctor] = [:]
  var replica: Replica

  struct TestDoctor {
    let identity: IdentityKey
    let key: DoctorSigningKey<Suite>
    let registration: DoctorRegistration
    let prepared: PreparedDoctorKey<Suite>
  }

  static let hospitals = ["hospital-1", "hospital-2", "hospital-3"]
  static let start: UInt64 = 1_800_000_000

  init(seed: UInt64 = 1) throws {
    var generator = SeededGenerator(seed: seed)
    func identity() throws -> IdentityKey { try IdentityKey(seed: generator.bytes(32)) }
    let manager = (registration: try identity(), identity: try identity())
    var identities = ["manager": manager.identity]
    var cosigners: [String: [String: CosignerKey]] = [:]
    var supernodes: [Genesis.Supernode] = []
    for id in Self.hospitals + ["cloud"] {
      let key = try identity()
      identities[id] = key
      let chains = ["consortium"] + (id == "cloud" ? Self.hospitals : [id])
      for chain in chains {
        cosigners[id, default: [:]][chain] = try CosignerKey(
          name: ValidGenesis.cosignerName(network: "test", node: id, chain: chain),
          key: Curve25519.Signing.PrivateKey(rawRepresentation: generator.bytes(32)))
      }
      supernodes.append(
        Genesis.Supernode(
          id: id, organisation: "organisation of \(id)", role: id == "cloud" ? .cloud : .hospital,
          identityKey: key.publicKey, agreementKey: generator.bytes(32),
          cosigners: chains.map {
            Genesis.Cosigner(chain: $0, publicKey: cosigners[id]?[$0]?.verifier.key.publicKey ?? [])
          }))
    }
    genesis = try ValidGenesis(
      Genesis(
        network: "test", suite: Suite.name, createdAt: Self.start,
        manager: Genesis.Manager(
          id: "manager", organisation: "office", registrationKey: manager.registration.publicKey,
          identityKey: manager.identity.publicKey, agreementKey: generator.bytes(32)),
        supernodes: supernodes, delegates: supernodes.map(\.id)))
    self.manager = manager
    self.identities = identities
    self.cosigners = cosigners
    self.generator = generator
    replica = Replica(
      genesis: genesis, following: Self.hospitals,
      equations: try LedgerSuite.equations(for: genesis))
  }

  // MARK: Entries

  /// An entry as its signer would make it.
  func entry(
    _ body: some CanonicalObject, on chain: String, by signer: String, key: IdentityKey? = nil
  ) -> Entry {
    guard let key = key ?? identities[signer] ?? doctors[signer]?.identity else {
      fatalError("no key of \(signer)")
    }
    return Entry(
      EntryContent(genesis: genesis.digest, chain: chain, signer: .party(signer), body: body),
      signedBy: key)
  }

  /// Puts an entry into the log and replays it.
  @discardableResult
  mutating func append(_ entry: Entry) throws -> EntryStatus? {
    try append(encoded: entry.encoded())
    return replica.status(of: entry.digest, chain: entry.content.chain)
  }

  @discardableResult
  mutating func append(
    _ body: some CanonicalObject, on chain: String, by signer: String, key: IdentityKey? = nil
  ) throws -> EntryStatus? {
    try append(entry(body, on: chain, by: signer, key: key))
  }

  mutating func append(encoded: [UInt8]) throws {
    try replica.replay(OrderedEntry(position: UInt64(log.count), bytes: encoded))
    log.append(encoded)
  }

  // MARK: The consortium chain

  /// All delegates state the time, `seconds` after the start.
  mutating func tick(_ seconds: UInt64) throws {
    for delegate in genesis.genesis.delegates {
      try append(Tick(time: Self.start + seconds), on: "consortium", by: delegate)
    }
  }

  /// Closes a consortium block and has `count` delegates cosign it.
  mutating func closeConsortiumBlock(cosignedBy count: Int = 4) throws {
    let height = replica.consortium.blocks.count
    let delegate = genesis.genesis.delegates[height % 4]
    try append(BlockCut(height: UInt64(height)), on: "consortium", by: delegate)
    for delegate in genesis.genesis.delegates.prefix(count) {
      try cosign("consortium", by: delegate)
    }
  }

  /// A supernode cosigns a chain as it stands.
  mutating func cosign(_ chain: String, by node: String) throws {
    let size =
      chain == "consortium"
      ? replica.consortium.blocks.count : replica.hospitals[chain]?.blocks.count ?? 0
    guard let checkpoint = replica.checkpoint(of: chain, size: size) else { return }
    try append(cosignature(on: checkpoint, of: chain, by: node), on: chain, by: node)
  }

  func cosignature(
    on checkpoint: Checkpoint, of chain: String, by node: String
  ) throws -> Cosignature {
    guard let key = cosigners[node]?[chain] else { fatalError("no cosigning key") }
    return Cosignature(
      note: try key.cosign(checkpoint, at: replica.consortium.state.time).note.encoded)
  }

  /// Hospital and cloud confirm the hospital's chain, and the hospital anchors it.
  mutating func confirmAndAnchor(_ hospital: String) throws {
    try cosign(hospital, by: hospital)
    try cosign(hospital, by: "cloud")
    try append(anchor(hospital), on: "consortium", by: hospital)
    try closeConsortiumBlock()
  }

  func anchor(_ hospital: String) throws -> Anchor {
    guard let chain = replica.hospitals[hospital], let note = replica.confirmedNote(of: hospital)
    else { fatalError("nothing is confirmed") }
    let old = replica.consortium.state.anchors[hospital]?.size ?? 0
    let new = UInt64(replica.confirmedSize(of: hospital))
    return Anchor(
      hospital: hospital, note: note,
      consistency: old == 0
        ? [] : try chain.tree.consistencyProof(from: old, to: new).hashes)
  }

  // MARK: Doctors

  /// A registration with both signatures, not yet on the ledger.
  mutating func registration(of id: String, at hospital: String) throws -> TestDoctor {
    let identity = try IdentityKey(seed: generator.bytes(32))
    let key = DoctorSigningKey<Suite>(using: &generator)
    let statement = key.statement(
      genesis: genesis.digest, doctor: id, hospital: hospital, identityKey: identity.publicKey,
      agreementKey: generator.bytes(32))
    let proof = try key.prove(statement, using: &generator)
    return TestDoctor(
      identity: identity, key: key,
      registration: DoctorRegistration(
        statement: statement, proof: proof, doctor: identity, manager: manager.registration),
      prepared: PreparedDoctorKey(try VerifiedDoctorKey(verifying: statement, proof: proof)))
  }

  @discardableResult
  mutating func register(_ id: String, at hospital: String) throws -> EntryStatus? {
    let doctor = try registration(of: id, at: hospital)
    doctors[id] = doctor
    return try append(doctor.registration, on: "consortium", by: hospital)
  }

  /// Registers doctors `<hospital>-doctor-1` … `count` and makes that final.
  mutating func registerTeam(_ count: Int = 3, at hospital: String = "hospital-1") throws {
    for number in 1...count { try register("\(hospital)-doctor-\(number)", at: hospital) }
    try tick(10)
    try closeConsortiumBlock()
  }
}

extension LedgerFixture {
  /// From here on the replica is that of colluding supernodes: every equation holds for it.
  mutating func believeEveryEquation() throws {
    let colluding = Replica(
      genesis: genesis, following: Self.hospitals, equations: BelievesEverything())
    replica = try log.enumerated().reduce(into: colluding) { replica, entry in
      try replica.replay(OrderedEntry(position: UInt64(entry.offset), bytes: entry.element))
    }
  }

  private final class BelievesEverything: EquationChecker {
    func holds(_ claim: EquationClaim) -> Bool { true }
  }
}
