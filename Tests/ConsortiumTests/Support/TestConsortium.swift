import CanonicalEncoding
import Consortium
import Credentials
import Crypto
import EMRScheme
import Ledger
import Pairings
import Synchronization
import TestSupport
import Testing
import TransparencyLog

/// A consortium on memory, with a clock that the test moves and randomness from seeds. It hands out
/// every secret, since whoever attacks has some.
final class TestConsortium: Sendable {
  let storage: MemoryStorage
  let wire: Wire
  /// Where doctors and patients are reached by their mailboxes alone.
  let routes: MailRoutes?
  private let now = Mutex(TestConsortium.start)
  private let configuration: LocalConsortium.Configuration
  /// For how long members wait for each other.
  private let patience: Duration?
  private var teamSize: Int { configuration.teamSize }
  private let openings = Mutex<UInt64>(0)
  private let starts = Mutex<[String: UInt64]>([:])

  static let start: UInt64 = 1_790_000_000
  static let patient = "patient-a"
  static let identity = "Ada Quimby, 1980-02-29"
  /// Which no rule knows, so that the team is by turns.
  static let complaint = "a complaint of which nobody else may hear"
  /// Of another hospital than the visits of ``plan(_:hospital:signingTwice:)``.
  static let reader = "hospital-2-doctor-1"

  init(
    teamSize: Int = 3, hospitals: Int = 3, epochLength: UInt64 = 1000, window: UInt64 = 600,
    storage: MemoryStorage = MemoryStorage(), staffing: StaffingPlan? = nil, doctors: Int? = nil,
    quotas: (signer: UInt64, supernode: UInt64) = (16, 256), routes: MailRoutes? = nil,
    patience: Duration? = nil
  ) {
    (self.routes, self.patience) = (routes, patience)
    var configuration = LocalConsortium.Configuration(teamSize: teamSize)
    (configuration.hospitals, configuration.epochLength) = (hospitals, epochLength)
    configuration.window = window
    (configuration.staffing, configuration.doctors) = (staffing, doctors)
    configuration.quotas = quotas
    self.configuration = configuration
    self.storage = storage
    wire = Wire { TestSecrets(storage).open($0) }
  }

  private init(copying other: TestConsortium, _ storage: MemoryStorage) {
    (configuration, self.storage, patience) = (other.configuration, storage, other.patience)
    routes = other.routes.map { _ in MailRoutes() }
    wire = Wire { TestSecrets(storage).open($0) }
    let (time, count) = (other.time, other.openings.withLock { $0 })
    now.withLock { $0 = time }
    // No stream of random bytes comes again.
    openings.withLock { $0 = count + 1 }
  }

  /// The same on stores of its own, apart from now on.
  func copy() async throws -> TestConsortium {
    TestConsortium(copying: self, try await storage.copy())
  }

  /// Founds the consortium, or starts all roles again from their stores.
  ///
  /// - Parameter wait: how old the genesis is when the consortium begins, in seconds.
  func open(firstBlockAfter wait: UInt64 = 0) async throws -> LocalConsortium {
    try await open(storage, firstBlockAfter: wait)
  }

  /// The same on other stores.
  func open(
    _ storage: some ConsortiumStorage, firstBlockAfter wait: UInt64 = 0
  ) async throws -> LocalConsortium {
    let opening = openings.withLock { count in
      count += 1
      return count
    }
    var environment = LocalConsortium.Environment(
      clock: { self.time }, nanoseconds: { 0 },
      randomness: { role in
        // Another stream after every start, of one role too, as from a real generator.
        let starts = self.starts.withLock { starts in
          starts[role, default: 0] += 1
          return starts[role, default: 0]
        }
        return SeededGenerator(
          seed: role.utf8.reduce(opening &+ starts << 32) { ($0 &* 1_099_511_628_211) ^ UInt64($1) }
        )
      })
    environment.beforeSigning = { self.pass(seconds: wait) }
    environment.patience = patience
    environment.interpose = { [wire, routes] courier in
      wire.over(routes?.over(courier) ?? courier)
    }
    if let routes {
      routes.keepers = []
      environment.mailboxes = { role in
        func store(_ storage: some ConsortiumStorage) throws -> any RoleStore {
          try storage.roleStore("mail/\(role)")
        }
        return try Mailboxes(store: store(storage), limits: routes.limits, clock: { self.time })
      }
    }
    let consortium = try await LocalConsortium.open(
      storage: storage, configuration: configuration, environment: environment)
    routes?.keepers = Array(consortium.hospitals.values)
    try await consortium.addPatient(contact: Self.patient, identity: Self.identity)
    return consortium
  }

  /// Of all clocks, in seconds since 1970.
  var time: UInt64 { now.withLock { $0 } }

  func pass(seconds: UInt64) { now.withLock { $0 += seconds } }

  /// A clock that was ahead is set right.
  func setBack(seconds: UInt64) { now.withLock { $0 -= seconds } }

  // MARK: What people do

  func plan(
    _ encounter: String = "encounter-1", hospital: String = "hospital-1",
    signingTwice: Set<Int> = []
  ) -> PlannedVisit {
    PlannedVisit(
      patient: Self.patient, hospital: hospital, encounter: encounter,
      symptoms: Symptoms(codes: [], text: Self.complaint) ?? Symptoms(),
      findings: (1...teamSize).map { finding(encounter, $0) }, signingTwice: signingTwice,
      // One way and the other.
      comparingWords: [1])
  }

  func finding(_ encounter: String, _ position: Int) -> [UInt8] {
    Array("{\"finding\":\"plaintext-\(encounter)-of-doctor-\(position)\"}".utf8)
  }

  /// Moves the clock in steps so small that the ledger counts all of it, as while there is work.
  func pass(seconds: UInt64, _ consortium: LocalConsortium) async throws {
    var left = seconds
    while left > 0 {
      let step = min(left, 50)
      pass(seconds: step)
      try await consortium.settle()
      left -= step
    }
  }

  /// Lets blocks be decided until one of the next epoch is final.
  ///
  /// - Parameter mayFail: whether parties may say meanwhile that they cannot go on, as who cannot reach its
  ///   cloud does.
  func passEpoch(_ consortium: LocalConsortium, mayFail: Bool = false) async throws {
    let genesis = consortium.genesis
    let first = await consortium.cloud.node.consortium.height
    for _ in 0..<5 * genesis.content.epochLength {
      if mayFail {
        await rest(consortium, rounds: 1)
      } else {
        try await pass(seconds: 40, consortium)
      }
      let height = await consortium.cloud.node.consortium.height
      if genesis.epoch(ofHeight: height - 1) > genesis.epoch(ofHeight: first) { return }
    }
    Issue.record("the epoch does not end")
  }

  /// Lets time pass in which parties do what they can.
  ///
  /// - Returns: why they could not do all of it in the last round; nil if they could.
  @discardableResult
  func rest(_ consortium: LocalConsortium, rounds: Int = 8) async -> String? {
    var code: String? = ""
    for _ in 0..<rounds {
      pass(seconds: 40)
      code = await ConsortiumError.code { try await consortium.settle() }
    }
    return code
  }

  /// Lets all supernodes work but hospital-1, which stands still, and whose turns pass by.
  func settleOthers(_ consortium: LocalConsortium) async throws {
    for _ in 0..<6 {
      pass(seconds: 20)
      for _ in 0..<3 {
        _ = try await consortium.cloud.advance()
        for other in ["hospital-2", "hospital-3"] {
          _ = try await consortium.hospitals[other]?.advance()
        }
      }
      _ = try await consortium.cloud.node.expire()
      for other in ["hospital-2", "hospital-3"] {
        _ = try await consortium.hospitals[other]?.node.expire()
      }
    }
  }

  /// A visit on the chain of its hospital.
  struct VisitState {
    let record: VisitRecord
    let context: VisitContext
    let signatures: [PartialSignature]

    var status: VisitRecord.Status { record.status }
    var attempts: [UInt64] { record.attempts }
    var receipt: VisitReceipt.Verdict? { record.receipt }
  }

  /// A visit that is open and has its group key; the findings are still to come.
  func beginVisit(_ consortium: LocalConsortium, _ plan: PlannedVisit) async throws -> VisitState {
    let visit = try await consortium.open(plan).visit
    try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
    return try await state(of: visit, consortium, plan.hospital)
  }

  /// What the patient's device shows for a doctor now.
  func presence(
    of visit: Digest32, to doctor: String, _ consortium: LocalConsortium,
    at hospital: String = "hospital-1"
  ) async throws -> PresenceCode {
    try await #require(consortium.patients[Self.patient]).presence(
      visit, at: hospital, to: doctor)
  }

  /// A visit that its team has signed and completed; nothing of it is final.
  func completeVisit(
    _ consortium: LocalConsortium, _ plan: PlannedVisit
  ) async throws -> Digest32 {
    let visit = try await beginVisit(consortium, plan).context.visitID
    for position in plan.findings.indices {
      try await consortium.diagnose(visit, plan, position: position + 1)
    }
    try await consortium.complete(visit, at: plan.hospital)
    return visit
  }

  func state(
    of visit: Digest32, _ consortium: LocalConsortium, _ hospital: String = "hospital-1"
  ) async throws -> VisitState {
    guard let writer = consortium.hospitals[hospital]?.ledger.writer,
      let record = try await writer.view.visit(visit),
      let leaf = try await writer.leaf(record.opening), let opening = Self.opening(in: leaf)
    else { throw ConsortiumError(.unknownVisit, "no such visit") }
    return VisitState(
      record: record, context: opening.context,
      signatures: try await writer.view.signatures(of: visit, count: record.attempts.count))
  }

  private static func opening(in leaf: [UInt8]) -> VisitOpening? {
    guard case .visitOpening(let opening)? = Leaf.entry(in: leaf)?.content.body else { return nil }
    return opening
  }

  /// Puts an entry on a hospital's chain, or throws the hospital's signed refusal.
  func put(
    _ entry: Entry, _ consortium: LocalConsortium, _ hospital: String = "hospital-1"
  ) async throws {
    guard let server = consortium.hospitals[hospital] else { return }
    if case .refused(let code, _) = try await server.ledger.submit(entry).outcome {
      throw ConsortiumError(.init(code), "refused")
    }
  }

  /// The program of a doctor of hospital 1 on a new computer, with other keys.
  @inline(never)
  func newProgram(
    of id: String, _ consortium: LocalConsortium, specialties: Set<Specialty> = [],
    seed: UInt64 = 99
  ) throws -> Doctor {
    var generator: Randomness = SeededGenerator(seed: seed)
    let file = try DoctorKeys.generate(owner: id, using: &generator)
    return try Doctor(
      id: id, hospital: "hospital-1", genesis: consortium.genesis, keys: DoctorKeys(file),
      store: MemoryRoleStore(), courier: try #require(wire.courier), clock: { [self] in time },
      randomness: generator, specialties: specialties)
  }

  /// All that stands on any chain.
  func ledger() async throws -> [[UInt8]] {
    var ledger = storage.consortiumLeaves(of: "cloud")
    for hospital in 1...3 {
      ledger += try await storage.chainLog("hospital-\(hospital)").contents()
    }
    return ledger
  }

  /// All logs, as an auditor gets them.
  func exported(_ consortium: LocalConsortium) async throws -> [UInt8] {
    let bytes = Bytes()
    var sink = UstarSink { bytes.append($0) }
    try ExportWriter.write(
      genesis: consortium.genesis, logs: try await consortium.exportedLogs(), to: &sink)
    return bytes.all
  }

  /// Checks everything there is, as an auditor does.
  func verify(_ consortium: LocalConsortium) async throws -> Verification.Report {
    let bytes = Bytes()
    bytes.append(try await exported(consortium))
    var source = UstarSource { bytes.read($0) }
    return try Verification.verify(
      &source, genesisDigest: consortium.genesis.digest, stores: { _ in MemoryStateStore() })
  }

  private final class Bytes {
    private var bytes: [UInt8] = []
    private var position = 0

    var all: [UInt8] { bytes }

    func append(_ more: [UInt8]) { bytes += more }

    func read(_ count: Int) -> [UInt8] {
      defer { position = min(position + count, bytes.count) }
      return Array(bytes[position...].prefix(count))
    }
  }

  /// A final visit and a request for it by ``reader``.
  func visitWithRequest(
    _ consortium: LocalConsortium
  ) async throws -> (visit: Digest32, request: Digest32) {
    let outcome = try await consortium.hold(plan())
    let request = try await consortium.requestAccess(
      doctor: Self.reader, patient: Self.patient, purpose: "second opinion")
    return (outcome.visit, request)
  }

  /// A final consent for a final visit.
  func consentedVisit(
    _ consortium: LocalConsortium, lasting seconds: UInt64 = 3600
  ) async throws -> (visit: Digest32, consent: Digest32) {
    let (visit, request) = try await visitWithRequest(consortium)
    let consent = try await consortium.consent(
      patient: Self.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + seconds)
    try await consortium.settle()
    return (visit, consent)
  }

  // MARK: What an attacker has
  /// Who has a key, and is nobody.
  @inline(never)
  static func stranger(_ seed: UInt64 = 31) throws -> Author {
    var generator = SeededGenerator(seed: seed)
    let key = try IdentityKey(seed: generator.bytes(32))
    return Author(.key(key.publicKey), key)
  }

  // Not inlined: the optimizer of Swift 6.3.1 crashes where their typed errors meet an async body.

  /// With which a patient answers what comes to an address.
  @inline(never)
  func addressKey(
    _ address: PatientAddress, of contact: String, _ consortium: LocalConsortium
  ) throws -> IdentityKey {
    let place = "patients/\(contact)"
    let nonce = try storage.roleStore(place).value(forKey: "address/\(address.id)")
    return try PatientRoot(secret("root", of: place)).addressKeys(
      genesis: consortium.genesis.digest, nonce: try #require(nonce.flatMap { Digest32($0) })
    ).signing
  }

  @inline(never)
  func secret(_ name: String, of place: String) throws -> [UInt8] {
    guard let file = storage.keys(place) else {
      throw ConsortiumError(.unreachable, "no keys at \(place)")
    }
    return try file.secret(name)
  }

  @inline(never)
  func identityKey(of place: String) throws -> IdentityKey {
    try IdentityKey(seed: secret("identity", of: place))
  }

  @inline(never)
  func entry(
    _ body: some CanonicalObject, by party: String, place: String? = nil,
    chain: String = "hospital-1", _ consortium: LocalConsortium
  ) throws -> Entry {
    Entry(
      EntryContent(
        genesis: consortium.genesis.digest, chain: chain, signer: .party(party), body: body),
      signedBy: try identityKey(of: place ?? party))
  }

  @inline(never)
  func logKey(
    of hospital: String = "hospital-1", _ consortium: LocalConsortium
  ) throws -> LogKey {
    try LogKey(
      origin: consortium.genesis.origin(of: hospital),
      key: .init(rawRepresentation: secret("log", of: hospital)))
  }

  /// The names of the keys in a party's file.
  func keyNames(_ place: String) -> Set<String> { Set(storage.keys(place)?.names ?? []) }

  /// Cosignatures on the tree of these leaves, as conspirators make them.
  @inline(never)
  func cosigned(
    _ tree: MerkleTree, chain: String, by nodes: [String], _ consortium: LocalConsortium
  ) throws -> [CosignedCheckpoint] {
    let checkpoint = try Checkpoint(
      origin: consortium.genesis.origin(of: chain), size: tree.size, root: tree.root)
    return try nodes.map { node in
      let name = ValidGenesis.cosignerName(
        network: consortium.genesis.content.network, node: node, chain: chain)
      let key = try CosignerKey(
        name: name, key: .init(rawRepresentation: secret("cosigner/\(chain)", of: node)))
      return try key.cosign(checkpoint, at: Self.start)
    }
  }

  /// A checkpoint of hospital-1's chain, as the hospital and its cloud sign it in conspiracy.
  @inline(never)
  func confirmed(
    _ tree: MerkleTree, _ consortium: LocalConsortium
  ) throws -> (note: String, bySelf: String, byCloud: String) {
    let chain = "hospital-1"
    let checkpoint = try Checkpoint(
      origin: consortium.genesis.origin(of: chain), size: tree.size, root: tree.root)
    let signed = try logKey(of: chain, consortium).sign(checkpoint)
    let cosigned = try #require(cosigned(tree, chain: chain, by: ["cloud"], consortium).first)
    let both = try ConfirmedCheckpoint(signed, cosigned)
    return (both.note.encoded, signed.note.encoded, cosigned.note.encoded)
  }

  /// What a member says in a query that it signs now.
  func terms(_ party: String, to recipient: String) -> QueryTerms {
    QueryTerms(genesis: secrets.genesis, party: party, recipient: recipient, sentAt: time)
  }

  /// The question for the proof of a visit's completion.
  func completion(of context: VisitContext, consent: Signed<Consent>? = nil) -> ProveVisit {
    ProveVisit(
      .completion, hospital: context.hospital, visit: context.visitID, consent: consent,
      knownSize: 0)
  }

  var secrets: TestSecrets { TestSecrets(storage) }

  /// Somebody who asks as a party, with its keys; of a consortium that was opened last, even if its
  /// supernodes cannot go on.
  func client(as party: String) throws -> TestClient {
    TestClient(
      courier: try #require(wire.courier), name: party, author: .party(party),
      keys: secrets.identities(of: party), secrets: secrets, now: { self.now.withLock { $0 } })
  }

  func client(_ consortium: LocalConsortium, as party: String) -> TestClient {
    TestClient(
      courier: consortium.courier, name: party, author: .party(party),
      keys: secrets.identities(of: party), secrets: secrets, now: { self.now.withLock { $0 } })
  }

  /// Who has signed an entry about a visit, of a consortium that was opened last.
  @inline(never)
  func client(bringing entry: Entry, _ context: VisitContext) throws -> TestClient {
    let author: Author
    switch entry.content.signer {
    case .party(let id): return try client(as: id)
    case .patient: author = try patient(of: context)
    }
    return TestClient(
      courier: try #require(wire.courier), name: "patient", author: author.principal,
      keys: [author.key], secrets: secrets, now: { self.now.withLock { $0 } })
  }

  /// The same as whomever, with whatever key, from wherever.
  func client(
    _ consortium: LocalConsortium, by author: Author, from address: String = "somebody"
  ) -> TestClient {
    TestClient(
      courier: consortium.courier, name: address, author: author.principal,
      keys: [author.key], secrets: secrets, now: { self.now.withLock { $0 } })
  }

  /// The same as the patient of a visit.
  @inline(never)
  func client(
    _ consortium: LocalConsortium, asPatientOf context: VisitContext
  ) throws -> TestClient {
    client(consortium, by: try patient(of: context))
  }

  @inline(never)
  func patient(of context: VisitContext) throws -> Author {
    let root = try PatientRoot(secret("root", of: "patients/\(Self.patient)"))
    let keys: PatientVisitKeys<BLS12381>? = try root.keys(of: context)
    return Author(
      .patient(visit: context.visitID, hospital: context.hospital),
      try #require(keys?.signingKey))
  }
}

extension ConsortiumError {
  /// The code of the refusal that `work` ends in; nil if it succeeds.
  static func code(
    isolation: isolated (any Actor)? = #isolation, _ work: () async throws -> Void
  ) async -> String? {
    do {
      try await work()
      return nil
    } catch {
      return "\(ConsortiumError(error).code)"
    }
  }
}
