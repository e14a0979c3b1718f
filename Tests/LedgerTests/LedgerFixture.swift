import CanonicalEncoding
import Consensus
import Credentials
import Crypto
import EMRScheme
import Ledger
import Pairings
import Synchronization
import TestSupport
import Testing
import TransparencyLog

/// A consortium of three hospitals and one cloud whose keys a test holds: the consortium chain, which
/// all four decide, and a chain for each hospital.
///
/// It writes what honest parties would write; attacks write other things with the same keys. Every
/// refusal is compared with the state before it: it may change nothing (C1).
struct LedgerFixture {
  typealias Suite = BLS12381

  let genesis: ValidGenesis
  let manager: (registration: IdentityKey, identity: IdentityKey)
  private(set) var identities: [String: IdentityKey]
  private(set) var cosigners: [String: [String: CosignerKey]]
  private(set) var logKeys: [String: Curve25519.Signing.PrivateKey]
  private(set) var votingKeys: [String: IdentityKey]
  let decider: any ClaimDecider
  var generator: SeededGenerator
  private(set) var consortiumStore = InspectableStore()
  var consortium: ConsortiumFollower
  /// What the next consortium block holds behind its opening.
  private(set) var waiting: [Entry] = []
  /// The consortium chain with an opening and what waits, where the rules judge what comes next.
  private(set) var open: ChainEngine<ConsortiumRules>
  /// On the last consortium block.
  private var cosignatures: [CosignedCheckpoint] = []
  var doctors: [String: TestDoctor] = [:]
  var chains: [String: TestChain] = [:]
  /// Of the delegates' clocks, after ``start``.
  var seconds: UInt64 = 0

  struct TestDoctor {
    let identity: IdentityKey
    let key: DoctorSigningKey<Suite>
    let registration: DoctorRegistration
    let prepared: PreparedDoctorKey<Suite>
  }

  /// A hospital's chain as the hospital writes it.
  struct TestChain {
    let store: InspectableStore
    var engine: ChainEngine<HospitalRules>
    var leaves: [[UInt8]] = []
    var confirmed: ConfirmedRecord?
    /// The hospital, and whoever colludes with it, takes every claim for true.
    var believesEverything = false

    var view: HospitalView { HospitalView(engine: engine, confirmed: confirmed) }
  }

  static let hospitals = ["hospital-1", "hospital-2", "hospital-3"]
  static let start: UInt64 = 1_800_000_000

  init(
    seed: UInt64 = 1, numbers: Members.Numbers = Members.Numbers(), epochLength: UInt64 = 1000
  ) throws {
    var generator = SeededGenerator(seed: seed)
    func identity() throws -> IdentityKey { try IdentityKey(seed: generator.bytes(32)) }
    let manager = (registration: try identity(), identity: try identity())
    var identities = ["manager": manager.identity]
    var cosigners: [String: [String: CosignerKey]] = [:]
    var logKeys: [String: Curve25519.Signing.PrivateKey] = [:]
    var votingKeys: [String: IdentityKey] = [:]
    var supernodes: [Members.Supernode] = []
    for id in Self.hospitals + ["cloud"] {
      let key = try identity()
      identities[id] = key
      let voting = try identity()
      votingKeys[id] = voting
      let chains = ["consortium"] + (id == "cloud" ? Self.hospitals : [])
      for chain in chains {
        cosigners[id, default: [:]][chain] = try CosignerKey(
          name: ValidGenesis.cosignerName(network: "test", node: id, chain: chain),
          key: Curve25519.Signing.PrivateKey(rawRepresentation: generator.bytes(32)))
      }
      if id != "cloud" {
        logKeys[id] = try Curve25519.Signing.PrivateKey(rawRepresentation: generator.bytes(32))
      }
      supernodes.append(
        Members.Supernode(
          id: id, organisation: "organisation-of-\(id)", role: id == "cloud" ? .cloud : .hospital,
          identityKey: key.publicKey,
          cosigners: chains.map {
            Members.Cosigner(chain: $0, publicKey: cosigners[id]?[$0]?.verifier.key.publicKey ?? [])
          },
          logKey: logKeys[id].map {
            Members.LogKey(publicKey: Array($0.publicKey.rawRepresentation))
          }, votingKey: Members.VotingKey(publicKey: voting.publicKey)))
    }
    var organisations: [Members.Organisation] = []
    for id in ["office"] + supernodes.map(\.organisation) {
      let key = try identity()
      identities[id] = key
      organisations.append(Members.Organisation(id: id, identityKey: key.publicKey))
    }
    genesis = try ValidGenesis(
      Genesis(
        network: "test", suite: Suite.name, createdAt: Self.start, epochLength: epochLength,
        members: Members(
          numbers: numbers, organisations: organisations,
          manager: Members.Manager(
            id: "manager", organisation: "office", registrationKey: manager.registration.publicKey,
            identityKey: manager.identity.publicKey),
          supernodes: supernodes),
        delegates: supernodes.map(\.id)))
    self.manager = manager
    self.identities = identities
    self.cosigners = cosigners
    self.logKeys = logKeys
    self.votingKeys = votingKeys
    self.generator = generator
    decider = try LedgerSuite.decider(for: genesis)
    consortium = try ConsortiumFollower(
      genesis: genesis, store: consortiumStore, decider: decider)
    open = consortium.engine
    for hospital in Self.hospitals {
      let store = InspectableStore()
      chains[hospital] = TestChain(
        store: store,
        engine: try ChainEngine(rules: rules(of: hospital), store: store, keepsLeaves: true))
    }
    try openBlock()
  }

  /// The same ledger, which goes on apart from this one.
  func copy() throws -> LedgerFixture {
    var copy = self
    copy.consortiumStore = consortiumStore.copy()
    copy.consortium = try ConsortiumFollower(
      genesis: genesis, store: copy.consortiumStore, decider: decider)
    try copy.openBlock()
    for (hospital, chain) in chains {
      let store = chain.store.copy()
      var engine = try ChainEngine(
        rules: copy.rules(of: hospital), store: store, keepsLeaves: true)
      for leaf in chain.leaves.dropFirst(Int(engine.size)) { _ = try engine.replay(leaf) }
      copy.chains[hospital] = TestChain(
        store: store, engine: engine, leaves: chain.leaves, confirmed: chain.confirmed,
        believesEverything: chain.believesEverything)
    }
    return copy
  }

  func rules(of hospital: String) -> HospitalRules {
    HospitalRules(
      genesis: genesis, hospital: hospital, consortium: consortiumStore, decider: decider)
  }

  func chain(_ hospital: String = "hospital-1") -> TestChain {
    guard let chain = chains[hospital] else { fatalError("no hospital \(hospital)") }
    return chain
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

  /// Gives an entry to the chain that it names.
  ///
  /// - Returns: the code with which it was refused; nil if it is an item now.
  @discardableResult
  mutating func append(_ entry: Entry) throws -> String? {
    entry.content.chain == ChainName.consortium
      ? try order(entry) : try write(entry, on: entry.content.chain)
  }

  @discardableResult
  mutating func append(
    _ body: some CanonicalObject, on chain: String, by signer: String, key: IdentityKey? = nil
  ) throws -> String? {
    try append(entry(body, on: chain, by: signer, key: key))
  }

  private func code<Rules: ChainRules>(
    _ judged: Result<ChainEngine<Rules>.Proposal, Refusal>
  ) -> String? {
    switch judged {
    case .failure(let refusal): refusal.code
    case .success(let proposal):
      proposal.claims.first { !decider.holds($0.claim) }?.refusal.code
    }
  }

  private mutating func order(_ entry: Entry) throws -> String? {
    let before = try open.image(in: consortiumStore)
    let stored = consortiumStore.values
    let judged = try open.judge(entry)
    let refused = code(judged)
    // Who takes entries says the same of them before they are in a block.
    if refused != "block-full" {
      #expect(try consortium.refusal(of: entry, after: waiting)?.code == refused)
    }
    guard refused == nil, case .success(let proposal) = judged else {
      #expect(try open.image(in: consortiumStore) == before, "\(refused ?? "") changed state")
      #expect(consortiumStore.values == stored)
      return refused
    }
    try open.accept(proposal)
    waiting.append(entry)
    return nil
  }

  private mutating func write(_ entry: Entry, on hospital: String) throws -> String? {
    var chain = chain(hospital)
    let before = try chain.engine.image(in: chain.store)
    let stored = chain.store.values
    let judged = try chain.engine.judge(entry)
    var refused = code(judged)
    if chain.believesEverything, case .success = judged { refused = nil }
    guard refused == nil, case .success(let proposal) = judged else {
      #expect(try chain.engine.image(in: chain.store) == before, "\(refused ?? "") changed state")
      #expect(chain.store.values == stored)
      return refused
    }
    try chain.engine.accept(proposal)
    chain.leaves.append(proposal.leaf)
    let closes = chain.engine.mustClose
    chains[hospital] = chain
    if closes { try closeBlock(hospital) }
    return nil
  }

  // MARK: The consortium chain

  /// The chain with what waits in an open block.
  var reader: ConsortiumView { ConsortiumView(engine: open, final: consortium.final) }

  private mutating func openBlock() throws {
    open = consortium.engine
    for entry in [try opening()] + waiting { try open.accept(open.judge(entry).get()) }
  }

  /// The opening of the next block, as the delegate in turn signs it in the first round whose seat is
  /// not empty.
  func opening(
    at seconds: UInt64? = nil, round: UInt64? = nil, by signer: String? = nil,
    key: IdentityKey? = nil, changing change: (inout BlockOpening) throws -> Void = { _ in }
  ) throws -> Entry {
    let height = consortium.engine.height
    let delegates = try consortium.reader.delegates(forHeight: height)
    let first = (0..<4).first {
      !delegates.emptySeats.contains(delegates.proposer(height: height, round: $0))
    }
    var opening = BlockOpening(
      height: height, round: round ?? first ?? 0,
      time: max(Self.start + (seconds ?? self.seconds), consortium.reader.time),
      commits: consortium.decision.map { CommitSet($0) })
    try change(&opening)
    let seat = Int(delegates.proposer(height: opening.height, round: opening.round))
    return entry(
      opening, on: "consortium",
      by: try signer ?? #require(delegates.seats[seat].delegate), key: key)
  }

  /// A vote of a delegate for a block of the consortium chain, signed, or with anything changed.
  func vote(
    for root: Digest32?, height: UInt64, by node: String, key: IdentityKey? = nil,
    changing change: (inout ConsensusVote) -> Void = { _ in }
  ) throws -> SignedVote {
    var vote = ConsensusVote(
      genesis: genesis.digest, epoch: height / genesis.content.epochLength,
      height: height, round: 0, phase: .commit, root: root)
    change(&vote)
    let seat = try #require(consortium.reader.delegates(forHeight: height).seat(of: node))
    let signer = try #require(key ?? votingKeys[node])
    return SignedVote(vote: vote, seat: seat, signature: signer.sign(vote))
  }

  /// The commits of all delegates, or of these, for a block.
  func certificate(
    of block: ConsortiumFollower.TrialBlock, by nodes: [String]? = nil, round: UInt64 = 0
  ) throws -> CommitCertificate {
    let seats = try consortium.reader.delegates(forHeight: block.height).seats
    let nodes = nodes ?? seats.filter { !$0.isEmpty }.compactMap(\.delegate)
    return CommitCertificate(
      height: block.height, round: round, root: block.root,
      commits: try nodes.map { node in
        try vote(for: block.root, height: block.height, by: node) { $0.round = round }
      })
  }

  /// All decide a block with what waits, `seconds` after the start, and `count` delegates cosign it.
  mutating func closeConsortiumBlock(at seconds: UInt64? = nil, cosignedBy count: Int = 4) throws {
    if let seconds { self.seconds = seconds }
    let (block, refused) = try consortium.build(opening(), from: waiting)
    #expect(refused.isEmpty)
    #expect(block.entries.dropFirst() == waiting.map { $0.encoded() }[...])
    try consortium.decide(block, by: certificate(of: block))
    try dropWaiting()
    let delegates = try consortium.reader.delegates(forHeight: block.height)
    for delegate in delegates.seats.compactMap(\.delegate).prefix(count) {
      try cosign(by: delegate)
    }
  }

  /// Nothing waits any more: a test has decided the block itself.
  mutating func dropWaiting() throws {
    (waiting, cosignatures) = ([], [])
    try openBlock()
  }

  /// Why these items are not the next consortium block, as whoever is to vote on it finds; nil if they
  /// are. Nothing changes.
  func fault(of entries: [Entry]) throws -> String? {
    let stored = consortiumStore.values
    let header = consortium.engine.header
    let result = try consortium.trial(entries.map { $0.encoded() })
    #expect(consortiumStore.values == stored)
    #expect(consortium.engine.header == header)
    #expect(consortium.engine.openLeaves.isEmpty && consortium.engine.pendingCount == 0)
    switch result {
    case .success: return nil
    case .failure(let fault):
      if case .refused(let refusal) = fault.reason { return refusal.code }
      return fault.description
    }
  }

  /// Counted time goes on by so many seconds.
  mutating func advance(_ seconds: UInt64) throws {
    let step = genesis.members.numbers.maximumLag / 2
    var left = seconds
    while left > 0 {
      try closeConsortiumBlock(at: self.seconds + min(step, left))
      left -= min(step, left)
    }
  }

  /// Something that is said on the consortium chain alone.
  static func consortiumBody(_ number: UInt64) -> FaultReport {
    FaultReport(chain: "consortium", note: "", index: number)
  }

  /// A supernode cosigns the consortium chain as it stands, without what waits.
  mutating func cosign(by node: String) throws {
    let checkpoint = try consortium.reader.checkpoint(size: consortium.engine.size)
    cosignatures.append(try cosigned(checkpoint, of: "consortium", by: node))
    let merged = try #require(CosignedCheckpoint.merged(cosignatures))
    _ = try consortium.adopt(final: merged.note.encoded)
  }

  func cosigned(
    _ checkpoint: Checkpoint, of chain: String, by node: String
  ) throws -> CosignedCheckpoint {
    guard let key = cosigners[node]?[chain] else { fatalError("no cosigning key") }
    return try key.cosign(checkpoint, at: consortium.reader.time)
  }

  /// The last final block.
  func finalBlock() throws -> ConsortiumBlock {
    try #require(try reader.finalBlock())
  }

  // MARK: Members

  /// A hospital that asks to be admitted, with what it is to be.
  struct Joining {
    var hospital: String
    var organisation: Members.Organisation
    var node: Members.Supernode
    /// Of its cloud, for its chain.
    var cosigningKey: [UInt8]
    let identity: IdentityKey
    /// Of all who agree.
    let keys: [String: IdentityKey]

    var changes: [MemberChange] {
      [
        .admit(.organisation(organisation)), .admit(.supernode(node)),
        .assignCloud(
          CloudAssignment(hospital: hospital, cloud: "cloud", cosigningKey: cosigningKey)),
      ]
    }
  }

  /// Makes the keys of a supernode with an organisation of its own.
  private mutating func makeKeys(
    _ id: String, isHospital: Bool
  ) throws -> (Members.Organisation, Members.Supernode) {
    let organisation = "organisation-of-\(id)"
    func identity(_ generator: inout SeededGenerator) throws -> IdentityKey {
      try IdentityKey(seed: generator.bytes(32))
    }
    let (own, key, voting) = (
      try identity(&generator), try identity(&generator), try identity(&generator)
    )
    (identities[organisation], identities[id], votingKeys[id]) = (own, key, voting)
    let cosigner = try CosignerKey(
      name: ValidGenesis.cosignerName(network: "test", node: id, chain: "consortium"),
      key: Curve25519.Signing.PrivateKey(rawRepresentation: generator.bytes(32)))
    cosigners[id, default: [:]]["consortium"] = cosigner
    if isHospital {
      logKeys[id] = try Curve25519.Signing.PrivateKey(rawRepresentation: generator.bytes(32))
    }
    return (
      Members.Organisation(id: organisation, identityKey: own.publicKey),
      Members.Supernode(
        id: id, organisation: organisation, role: isHospital ? .hospital : .cloud,
        identityKey: key.publicKey,
        cosigners: [
          Members.Cosigner(chain: "consortium", publicKey: cosigner.verifier.key.publicKey)
        ],
        logKey: isHospital
          ? logKeys[id].map { Members.LogKey(publicKey: Array($0.publicKey.rawRepresentation)) }
          : nil,
        votingKey: Members.VotingKey(publicKey: voting.publicKey))
    )
  }

  mutating func enrol(_ hospital: String) throws -> Joining {
    let (organisation, node) = try makeKeys(hospital, isHospital: true)
    let cosigner = try CosignerKey(
      name: ValidGenesis.cosignerName(network: "test", node: "cloud", chain: hospital),
      key: Curve25519.Signing.PrivateKey(rawRepresentation: generator.bytes(32)))
    cosigners["cloud", default: [:]][hospital] = cosigner
    var keys: [String: IdentityKey] = [:]
    for id in [hospital, organisation.id, "cloud"] { keys[id] = identities[id] }
    return Joining(
      hospital: hospital, organisation: organisation, node: node,
      cosigningKey: cosigner.verifier.key.publicKey,
      identity: try #require(identities[hospital]), keys: keys)
  }

  /// A cloud that cosigns nobody's chain, and what has to be decided to admit it.
  mutating func enrol(cloud: String) throws -> ([MemberChange], [String: IdentityKey]) {
    let (organisation, node) = try makeKeys(cloud, isHospital: false)
    var keys: [String: IdentityKey] = [:]
    for id in [cloud, organisation.id] { keys[id] = identities[id] }
    return ([.admit(.organisation(organisation)), .admit(.supernode(node))], keys)
  }

  /// Begins the chain of a hospital that was admitted.
  mutating func begin(_ hospital: String) throws {
    let store = InspectableStore()
    chains[hospital] = TestChain(
      store: store,
      engine: try ChainEngine(rules: rules(of: hospital), store: store, keepsLeaves: true))
  }

  mutating func replaceKeys(
    of id: String, _ identity: IdentityKey, _ voting: IdentityKey, _ cosigner: CosignerKey
  ) {
    (identities[id], votingKeys[id]) = (identity, voting)
    cosigners[id]?["consortium"] = cosigner
  }

  // MARK: A hospital's chain

  mutating func closeBlock(_ hospital: String = "hospital-1") throws {
    var chain = chain(hospital)
    if !chain.engine.openLeaves.isEmpty {
      chain.leaves.append(Leaf.header(try chain.engine.close()).encoded())
    }
    try chain.engine.commit()
    chains[hospital] = chain
  }

  /// Moves the base of a hospital's chain to the last final block.
  @discardableResult
  mutating func follow(_ hospital: String = "hospital-1") throws -> String? {
    try closeBlock(hospital)
    return try append(
      BaseAdvance(base: finalBlock().reference), on: hospital, by: hospital)
  }

  func logKey(_ hospital: String, generation: UInt64 = 0) throws -> LogKey {
    guard let key = logKeys[hospital] else { fatalError("no log key") }
    return try LogKey(origin: genesis.origin(of: hospital, generation: generation), key: key)
  }

  /// A checkpoint that the hospital signs and its cloud cosigns, whatever it says.
  func confirmedNote(
    _ hospital: String, size: UInt64, root: [UInt8], generation: UInt64 = 0, by key: LogKey? = nil
  ) throws -> String {
    let key = try key ?? logKey(hospital, generation: generation)
    let checkpoint = try Checkpoint(origin: key.verifier.origin, size: size, root: root)
    return try key.sign(checkpoint).note
      .adding(cosigned(checkpoint, of: hospital, by: "cloud").note).encoded
  }

  /// Closes the open block, and hospital and cloud confirm the chain.
  mutating func confirm(_ hospital: String = "hospital-1") throws {
    try closeBlock(hospital)
    var chain = chain(hospital)
    let size = chain.engine.size
    let record = ConfirmedRecord(
      size: size,
      note: try confirmedNote(hospital, size: size, root: chain.engine.root(size: size)))
    chain.confirmed = record
    try chain.engine.commit(with: [.confirmed: record.stateBytes])
    chains[hospital] = chain
  }

  /// An anchor of the hospital's chain as it was confirmed last.
  func anchor(_ hospital: String = "hospital-1") throws -> Anchor {
    let chain = chain(hospital)
    let confirmed = try #require(chain.confirmed)
    let header = try #require(Leaf.header(in: chain.leaves[Int(confirmed.size - 1)]))
    let previous = try reader.anchor(of: hospital)?.size ?? 0
    return Anchor(
      hospital: hospital, note: confirmed.note, header: header,
      inclusion: try chain.engine.inclusion(of: confirmed.size - 1, size: confirmed.size),
      consistency: previous == 0
        ? [] : try chain.engine.consistency(from: previous, to: confirmed.size))
  }

  /// An anchor of leaves that hospital and cloud have signed, whatever they are, as long as a header
  /// ends them.
  func anchor(
    _ hospital: String, leaves: [[UInt8]], consistency: Bool = true
  ) throws -> Anchor {
    let tree = MerkleTree(leaves: leaves)
    let header = try #require(leaves.last.flatMap(Leaf.header(in:)))
    let previous = try reader.anchor(of: hospital)?.size ?? 0
    return Anchor(
      hospital: hospital,
      note: try confirmedNote(hospital, size: tree.size, root: tree.root), header: header,
      inclusion: try tree.inclusionProof(index: tree.size - 1, size: tree.size).hashes,
      consistency: previous == 0 || !consistency
        ? [] : try tree.consistencyProof(from: previous, to: tree.size).hashes)
  }

  /// Confirms the hospital's chain, anchors it and makes that final.
  mutating func confirmAndAnchor(_ hospital: String = "hospital-1") throws {
    try confirm(hospital)
    let code = try append(anchor(hospital), on: "consortium", by: hospital)
    #expect(code == nil)
    try closeConsortiumBlock()
  }

  // MARK: Doctors

  /// A registration with both signatures, not yet on the ledger.
  mutating func registration(
    of id: String, at hospital: String, replacing replaced: Digest32? = nil,
    identity known: IdentityKey? = nil, specialties: Set<Specialty> = []
  ) throws -> TestDoctor {
    let identity = try known ?? IdentityKey(seed: generator.bytes(32))
    let key = DoctorSigningKey<Suite>(using: &generator)
    let statement = key.statement(
      genesis: genesis.digest, doctor: id, hospital: hospital, identityKey: identity.publicKey,
      replaces: replaced, specialties: specialties)
    let proof = try key.prove(statement, using: &generator)
    return TestDoctor(
      identity: identity, key: key,
      registration: DoctorRegistration(
        statement: statement, proof: proof, doctor: identity, manager: manager.registration),
      prepared: PreparedDoctorKey(try VerifiedDoctorKey(verifying: statement, proof: proof)))
  }

  @discardableResult
  mutating func register(
    _ id: String, at hospital: String, replacing replaced: Digest32? = nil,
    specialties: Set<Specialty> = []
  ) throws -> String? {
    let doctor = try registration(
      of: id, at: hospital, replacing: replaced, specialties: specialties)
    let code = try append(doctor.registration, on: "consortium", by: hospital)
    if code == nil { doctors[id] = doctor }
    return code
  }

  /// Registers doctors `<hospital>-doctor-1` … `count` and makes that final.
  mutating func registerTeam(_ count: Int = 3, at hospital: String = "hospital-1") throws {
    for number in 1...count { try register("\(hospital)-doctor-\(number)", at: hospital) }
    try closeConsortiumBlock(at: seconds + 10)
  }

  /// A ledger with the team of hospital 1.
  static func withTeam(
    numbers: Members.Numbers = Members.Numbers(), doctors: Int = 3, epochLength: UInt64 = 1000
  ) throws -> LedgerFixture {
    var ledger = try LedgerFixture(numbers: numbers, epochLength: epochLength)
    try ledger.registerTeam(doctors)
    return ledger
  }

  static let team = ["hospital-1-doctor-1", "hospital-1-doctor-2", "hospital-1-doctor-3"]
}

extension ChainEngine {
  /// All that would be stored if the open block were closed now.
  func image(in store: InspectableStore) throws -> [[UInt8]: [UInt8]?] {
    var copy = self
    if !copy.openLeaves.isEmpty { try copy.close() }
    return try store.trial { try copy.commit() }
  }
}

/// A state store in memory that a test can look into, copy and let fail.
final class InspectableStore: StateStore {
  private struct State {
    var values: [[UInt8]: [UInt8]] = [:]
    var trial: [[UInt8]: [UInt8]?]?
    var readsUntilFailure: Int?
    var commitsUntilFailure: Int?
  }

  private let state: Mutex<State>

  init(_ values: [[UInt8]: [UInt8]] = [:]) { state = Mutex(State(values: values)) }

  var values: [[UInt8]: [UInt8]] { state.withLock { $0.values } }
  func copy() -> InspectableStore { InspectableStore(values) }

  /// The read, or the commit, after so many fails, and no other.
  func fail(afterReads reads: Int? = nil, afterCommits commits: Int? = nil) {
    state.withLock { ($0.readsUntilFailure, $0.commitsUntilFailure) = (reads, commits) }
  }

  /// What `body` would commit.
  func trial(_ body: () throws -> Void) throws -> [[UInt8]: [UInt8]?] {
    state.withLock { $0.trial = [:] }
    defer { state.withLock { $0.trial = nil } }
    try body()
    return state.withLock { $0.trial ?? [:] }
  }

  private static func spend(_ count: inout Int?) throws(StoreError) {
    guard let left = count else { return }
    count = left == 0 ? nil : left - 1
    if left == 0 { throw StoreError(.unavailable, "the test lets it fail") }
  }

  func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
    try state.withLock { state throws(StoreError) in
      try Self.spend(&state.readsUntilFailure)
      return state.values[key]
    }
  }

  func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
    try state.withLock { state throws(StoreError) in
      if state.trial != nil {
        state.trial?.merge(changes) { $1 }
        return
      }
      try Self.spend(&state.commitsUntilFailure)
      for (key, value) in changes { state.values[key] = value }
    }
  }
}

extension EquivocationReport.Claim {
  /// With the keys of the first epoch.
  init(note: String, leaf: EquivocationReport.ProvenLeaf? = nil) {
    self.init(note: note, epoch: 0, leaf: leaf)
  }
}

extension WithholdingReport {
  init(hospital: String, generation: UInt64, note: String) {
    self.init(hospital: hospital, generation: generation, note: note, epoch: 0)
  }
}

extension Members.Supernode {
  /// The key of its votes: of those that it takes without showing that they are its own.
  var votes: [UInt8] {
    get { votingKey?.publicKey ?? [] }
    set { votingKey = Members.VotingKey(publicKey: newValue) }
  }
}
