import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import Synchronization
import TestSupport

/// What doctors, patients and the staff of hospitals see of a ``HospitalNetwork``, and what they were
/// told.
final class ClientWorld: Sendable {
  struct Figures {
    var completed = 0
    var abandoned = 0
    var refused = 0
    var demanded = 0
  }

  struct Journal {
    var figures = Figures()
    /// What a hospital has signed that it took, and what its cloud has confirmed.
    var written: [Digest32: String] = [:]
    var confirmed: [Digest32: String] = [:]
    /// Demands that stand in a final block, with their indices.
    var demands: [(entry: Entry, index: UInt64)] = []
    /// What hospitals do not hear.
    var swallowed: Set<Digest32> = []
    /// Why something is wrong.
    var violation: String?
    /// Visits under way, by hospital.
    var running: [String: Int] = [:]
    /// Nobody goes on.
    var isOver = false
  }

  /// One of two machines of a party, or its only one.
  private struct Place: Hashable {
    let id: String
    let isTwin: Bool
  }

  private struct State {
    var servers: [Place: HospitalNetwork.Server] = [:]
    var records: [Place: any RecordStore] = [:]
    var twins: Set<String> = []
    var current: ValidMembers
    var journal = Journal()

    /// - Parameter seesTwins: whether of two machines the second is meant.
    func place(of id: String, _ seesTwins: Bool) -> Place {
      Place(id: id, isTwin: seesTwins && twins.contains(id))
    }
  }

  let members: SimulatedMembers
  private let mail: SimulatedMail
  private let clock: @Sendable () -> UInt64
  /// Of who sees the first machines, and of who sees the second ones.
  private let contacts: [Servers]
  private let state: Mutex<State>

  init(
    members: SimulatedMembers, mail: SimulatedMail, clock: @escaping @Sendable () -> UInt64
  ) {
    (self.members, self.mail, self.clock) = (members, mail, clock)
    contacts = [false, true].map {
      Servers(
        members: members,
        peers: PeerEnvelopeKeys(
          genesis: members.genesis.digest, requests: Self.client(mail, seesTwins: $0), clock: clock)
      )
    }
    state = Mutex(State(current: members.genesis.members))
  }

  /// Who takes part by now.
  var currentMembers: ValidMembers {
    get { state.withLock { $0.current } }
    set { state.withLock { $0.current = newValue } }
  }

  var journal: Journal { state.withLock { $0.journal } }

  func note(_ change: (inout Journal) -> Void) { state.withLock { change(&$0.journal) } }

  func set(_ server: HospitalNetwork.Server?, of id: String, isTwin: Bool) {
    state.withLock {
      $0.servers[Place(id: id, isTwin: isTwin)] = server
      if isTwin { $0.twins.insert(id) }
    }
  }

  func set(records: any RecordStore, of id: String, isTwin: Bool) {
    state.withLock { $0.records[Place(id: id, isTwin: isTwin)] = records }
  }

  func hospital(_ id: String, seesTwins: Bool = false) -> HospitalServer? {
    guard case .hospital(let server)? = state.withLock({ $0.servers[$0.place(of: id, seesTwins)] })
    else {
      return nil
    }
    return server
  }

  func cloud(_ id: String, seesTwins: Bool = false) -> CloudServer? {
    guard case .cloud(let server)? = state.withLock({ $0.servers[$0.place(of: id, seesTwins)] })
    else {
      return nil
    }
    return server
  }

  func records(of id: String, seesTwins: Bool) -> (any RecordStore)? {
    state.withLock { $0.records[$0.place(of: id, seesTwins)] }
  }

  /// A client's way to the servers.
  func client(seesTwins: Bool) -> SealedRequestClient {
    SealedRequestClient(
      genesis: members.genesis.digest, requests: Self.client(mail, seesTwins: seesTwins),
      contacts: contacts[seesTwins ? 1 : 0], clock: clock)
  }

  private static func client(_ mail: SimulatedMail, seesTwins: Bool) -> RequestClient {
    RequestClient(courier: mail.courier(of: .init(id: name, seesTwins: seesTwins)), sender: name)
  }

  /// Clients know the servers' keys, and ask for those that envelopes are sealed to.
  private struct Servers: Contacts {
    let members: SimulatedMembers
    let peers: PeerEnvelopeKeys

    func contact(_ id: String, isRenewed: Bool) async throws -> Contact {
      try await peers.contact(id, isRenewed: isRenewed) { _ in
        members.keys[id]?.ring.identities(in: members.genesis.members).map(\.publicKey) ?? []
      }
    }
  }

  static let name = "client"

  /// Returns when somebody wakes who sleeps.
  ///
  /// - Throws: `CancellationError` once the simulation is over, or the hospital is no member any more.
  func sleep(at hospital: String) async throws {
    await mail.sleep()
    if journal.isOver || currentMembers.supernode(hospital) == nil { throw CancellationError() }
  }
}

/// One visit, from its opening to the revocation of who may read its record: what its team, its patient
/// and the counter of the hospital send, again and again until it stands.
struct VisitCourse: Sendable {
  private let world: ClientWorld
  private let hospital: String
  private let isTrusted: Bool
  private let seesTwins: Bool
  private var generator: SeededGenerator
  private let patient: IdentityKey
  private var visit: Digest32
  /// Signed and not known to be confirmed: who signed it keeps it.
  private var kept: [Entry] = []

  /// - Parameters:
  ///   - isTrusted: whether hospital and cloud are honest, so that nothing may go wrong.
  ///   - seesTwins: whether it sees the second machines of those who have two.
  init(
    world: ClientWorld, hospital: String, isTrusted: Bool, seesTwins: Bool, seed: UInt64
  ) throws {
    (self.world, self.hospital, self.isTrusted) = (world, hospital, isTrusted)
    self.seesTwins = seesTwins
    var generator = SeededGenerator(seed: seed)
    patient = try IdentityKey(seed: generator.bytes(32))
    visit = Digest32(sha256: generator.bytes(32))
    self.generator = generator
  }

  private var members: SimulatedMembers { world.members }
  private var team: [SimulatedMembers.Doctor] { members.doctors.filter { $0.hospital == hospital } }

  private mutating func happens(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &generator) < percent
  }

  mutating func run() async throws {
    for doctor in team { try await register(doctor) }
    guard let opening = try await open() else { return }
    guard let (commitments, signature) = try await sign(opening.context),
      try await complete(opening, commitments, signature)
    else {
      world.note { $0.figures.abandoned += 1 }
      _ = try await put(VisitAbandonment(visit: visit, reason: .interrupted))
      return
    }
    world.note { $0.figures.completed += 1 }
    try await share(opening.context)
  }

  // MARK: The hospital's own

  private func register(_ doctor: SimulatedMembers.Doctor) async throws {
    while true {
      if let node = world.hospital(hospital, seesTwins: seesTwins)?.node {
        if (try? await node.consortium.finalDoctor(doctor.id)) ?? nil != nil {
          return
        }
        _ = try? await node.submit(doctor.registration)
      }
      try await world.sleep(at: hospital)
    }
  }

  /// - Returns: nil if the rules refuse every attempt.
  private mutating func open() async throws -> VisitOpening? {
    var attempts = 0
    while attempts < 5 {
      guard let base = try? await world.hospital(hospital, seesTwins: seesTwins)?.node.finalBlock()
      else {
        try await world.sleep(at: hospital)
        continue
      }
      attempts += 1
      let numbers = try? await world.hospital(hospital, seesTwins: seesTwins)?.node.consortium
        .members(at: base.reference.height).numbers
      guard let numbers else { continue }
      let opening = opening(at: base, numbers)
      if try await put(opening) { return opening }
    }
    return nil
  }

  private mutating func opening(
    at base: ConsortiumBlock, _ numbers: Members.Numbers
  ) -> VisitOpening {
    visit = Digest32(sha256: generator.bytes(32))
    let context = VisitContext(
      genesis: members.genesis.digest, suite: BLS12381.name, hospital: hospital,
      pseudonym: Digest32(sha256: generator.bytes(32)), visitID: visit,
      evidenceDigest: Digest32(sha256: generator.bytes(32)), signers: team.map(\.signer),
      openedAt: base.countedTime, window: numbers.window,
      resignatureLimit: numbers.resignatureLimit, baseHeight: base.reference.height,
      baseHash: base.reference.digest, visitKey: generator.bytes(96),
      visitSigningKey: patient.publicKey, keyNonce: Digest32(sha256: generator.bytes(32)),
      mailboxKey: generator.bytes(32))
    return VisitOpening(
      context: context, visitKeyProof: generator.bytes(48),
      patientSignature: patient.sign(context.encoded()))
  }

  /// - Returns: false if the rules refuse it.
  private func put(_ body: some CanonicalObject) async throws -> Bool {
    while true {
      do {
        if let server = world.hospital(hospital, seesTwins: seesTwins) {
          try await server.ledger.put(body)
          return true
        }
      } catch is Refusal {
        return false
      } catch {
        // It may stand, or not: the same again is safe.
      }
      try await world.sleep(at: hospital)
    }
  }

  // MARK: The team

  private func entry(_ body: some CanonicalObject, by signer: String, _ key: IdentityKey) -> Entry {
    Entry(
      EntryContent(
        genesis: members.genesis.digest, chain: hospital, signer: .party(signer), body: body),
      signedBy: key)
  }

  private mutating func sign(
    _ context: VisitContext
  ) async throws -> (commitments: [FindingCommitment], signature: [UInt8])? {
    var commitments: [FindingCommitment] = []
    var signature: [UInt8] = []
    for doctor in team {
      let isFalse = happens(10)
      let former = commitments
      for attempt in 1...(happens(15) ? 2 : 1) {
        let finding = FindingCommitment(
          commitment: Digest32(sha256: generator.bytes(32)), attempt: UInt64(attempt))
        commitments = former + [finding]
        if isFalse, attempt == 1 {
          let lie = entry(
            PartialSignature(
              visit: visit, commitments: commitments, signature: HospitalNetwork.falseSignature),
            by: doctor.id, doctor.identity)
          if case .taken = try await submit(lie, until: .written), isTrusted {
            world.note { $0.violation = "\(hospital) takes what is false" }
          }
        }
        signature = generator.bytes(96)
        let partial = entry(
          PartialSignature(visit: visit, commitments: commitments, signature: signature),
          by: doctor.id, doctor.identity)
        guard try await bring(partial, until: .written) else { return nil }
      }
    }
    return (commitments, signature)
  }

  private mutating func complete(
    _ opening: VisitOpening, _ commitments: [FindingCommitment], _ signature: [UInt8]
  ) async throws -> Bool {
    let record = record(opening.context)
    guard try await store(record), let last = team.last else { return false }
    let cloud = members.cloud(of: hospital)
    let receipt = StorageReceipt(
      genesis: members.genesis.digest, visit: visit, recordDigest: record.digest)
    let completion = VisitCompletion(
      context: opening.context, commitments: commitments, signature: signature,
      recordDigest: record.digest, storageSignature: members.identity(of: cloud).sign(receipt))
    guard try await bring(entry(completion, by: last.id, last.identity), until: .confirmed) else {
      return false
    }
    recordDigest = record.digest
    kept = []
    return true
  }

  private var recordDigest = Digest32.zero

  /// A record that nobody could open.
  private mutating func record(
    _ context: VisitContext
  ) -> (record: SealedRecord, digest: Digest32) {
    let bytes = RecordFields(
      contextDigest: context.digest, a: generator.bytes(32), b: generator.bytes(96),
      c: generator.bytes(64), d: generator.bytes(48), e: generator.bytes(48),
      g: Digest32(sha256: generator.bytes(32)), s: generator.bytes(64)
    ).encoded()
    guard let record = try? SealedRecord(encoded: bytes) else { fatalError("no record") }
    return (record, record.recordDigest(visitKey: context.visitKey))
  }

  /// Has the cloud keep the record once it has confirmed the signatures of the team.
  private func store(_ stored: (record: SealedRecord, digest: Digest32)) async throws -> Bool {
    let (record, digest) = stored
    let name = RecordName(hospital: hospital, visit: visit, recordDigest: digest)
    var header = RecordHeader(head: record.head, byteCount: record.c.count, signature: .zero)
    header.isWhole = true
    let rows = [0: Message(header).encoded(), 1: record.c]
    let cloud = members.cloud(of: hospital)
    while true {
      if let view = try? await world.cloud(cloud, seesTwins: seesTwins)?.confirmer.view(
        of: hospital),
        let signatures = try? view.signatures(of: visit, count: team.count),
        signatures.count == team.count,
        (try? await world.records(of: cloud, seesTwins: seesTwins)?.put(rows, of: name))
          != nil
      {
        return true
      }
      try await world.sleep(at: hospital)
      guard try await bringAgain() else { return false }
    }
  }

  // MARK: The patient

  private func patientEntry(_ body: some CanonicalObject) -> Entry {
    Entry(
      EntryContent(
        genesis: members.genesis.digest, chain: hospital, signer: .patient(visit: visit),
        body: body), signedBy: patient)
  }

  /// After a completion that was confirmed nothing of this may be refused.
  private mutating func share(_ context: VisitContext) async throws {
    try await require(
      patientEntry(
        VisitReceipt(visit: visit, recordDigest: recordDigest, verdict: .acknowledged)), .written)
    guard happens(60) else { return }
    let document = Digest32(sha256: generator.bytes(32))
    try await require(patientEntry(ConsentNotice(visit: visit, document: document)), .confirmed)
    try await require(
      entry(
        AccessRequestNotice(visit: visit, document: document), by: "manager", members.manager),
      .written)
    try await require(
      entry(AccessNotice(visit: visit, document: document), by: "manager", members.manager),
      .written)
    guard happens(50) else { return }
    try await require(patientEntry(Revocation(visit: visit, document: document)), .confirmed)
  }

  private mutating func require(
    _ entry: Entry, _ standing: EntrySubmission.Standing
  ) async throws {
    if try await !bring(entry, until: standing), isTrusted,
      world.currentMembers.supernode(hospital) != nil
    {
      world.note {
        $0.violation = "\(hospital) refuses a \(entry.content.body.kind) after its completion"
      }
    }
  }

  // MARK: Submitting

  private enum Outcome { case taken, refused }

  /// Brings an entry until it stands. What was written before and is lost is brought again first.
  private mutating func bring(
    _ entry: Entry, until standing: EntrySubmission.Standing
  ) async throws -> Bool {
    // A dishonest one hears less.
    if happens(isTrusted ? 8 : 25) { world.note { $0.swallowed.insert(entry.digest) } }
    for _ in 0..<3 {
      if case .taken = try await submit(entry, until: standing) {
        kept.append(entry)
        return true
      }
      guard try await bringAgain() else { break }
    }
    return false
  }

  private func bringAgain() async throws -> Bool {
    for entry in kept {
      if case .refused = try await submit(entry, until: .written) { return false }
    }
    return true
  }

  /// Who has signed an entry of this visit.
  private func author(of entry: Entry) -> Author {
    if case .party(let id) = entry.content.signer {
      let doctor = team.first { $0.id == id }
      return Author(.party(id), doctor?.identity ?? members.identity(of: id))
    }
    return Author(.patient(visit: visit, hospital: hospital), patient)
  }

  private func submit(
    _ entry: Entry, until standing: EntrySubmission.Standing
  ) async throws -> Outcome {
    let (digest, hospital) = (entry.digest, hospital)
    let (client, author) = (world.client(seesTwins: seesTwins), author(of: entry))
    let submission = EntrySubmission(
      genesis: members.genesis, members: CurrentMembers(world),
      ask: { try await client.ask($0, of: $1, by: [author]) })
    var attempts = 0
    while true {
      do {
        try await submission.submit(entry, until: standing)
        world.note { journal in
          journal.written[digest] = hospital
          if case .confirmed = standing { journal.confirmed[digest] = hospital }
        }
        return .taken
      } catch is SignedRefusal {
        world.note { $0.figures.refused += 1 }
        return .refused
      } catch {
        attempts += 1
      }
      if attempts > 2, world.journal.swallowed.contains(digest) { return try await demand(entry) }
      try await world.sleep(at: hospital)
    }
  }

  /// Puts before everybody what the hospital does not hear, and waits for its answer.
  private func demand(_ entry: Entry) async throws -> Outcome {
    let (digest, hospital) = (entry.digest, hospital)
    let cloud = members.cloud(of: hospital)
    var count: UInt64?
    while true {
      if count == nil,
        let place = try? await world.client(seesTwins: seesTwins).ask(
          RelayDemand(entry), of: cloud, by: [author(of: entry)])
      {
        count = try? await world.cloud(cloud, seesTwins: seesTwins)?.node.consortium.demandCount(
          on: hospital)
        let isNew = count != nil
        world.note { journal in
          if isNew { journal.figures.demanded += 1 }
          journal.demands.append((entry, place.index))
        }
      }
      if let count,
        let view = try? await world.cloud(cloud, seesTwins: seesTwins)?.confirmer.view(of: hospital)
      {
        if (try? view.index(of: digest)) ?? nil != nil {
          world.note { $0.confirmed[digest] = hospital }
          return .taken
        }
        if view.answered >= count { return .refused }
      }
      try await world.sleep(at: hospital)
    }
  }
}

/// The fields of a sealed record.
private struct RecordFields: CanonicalObject {
  static let kind = ObjectKind.sealedRecord

  var contextDigest: Digest32
  var a, b, c, d, e: [UInt8]
  var g: Digest32
  var s: [UInt8]

  init(
    contextDigest: Digest32, a: [UInt8], b: [UInt8], c: [UInt8], d: [UInt8], e: [UInt8],
    g: Digest32, s: [UInt8]
  ) {
    (self.contextDigest, self.g, self.s) = (contextDigest, g, s)
    (self.a, self.b, self.c, self.d, self.e) = (a, b, c, d, e)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.octets("a", a)
    fields.octets("b", b)
    fields.octets("c", c)
    fields.octets("d", d)
    fields.octets("e", e)
    fields.digest("g", g)
    fields.octets("s", s)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    a = try fields.octets("a", 0...1024)
    b = try fields.octets("b", 0...1024)
    c = try fields.octets("c", 0...1024)
    d = try fields.octets("d", 0...1024)
    e = try fields.octets("e", 0...1024)
    g = try fields.digest("g")
    s = try fields.octets("s", 0...1024)
  }
}

/// The members as those know them who are furthest.
private struct CurrentMembers: MembersSource {
  private let world: ClientWorld

  init(_ world: ClientWorld) { self.world = world }

  func currentMembers() -> ValidMembers { world.currentMembers }
  func currentMembers(shownBy supernode: String) -> ValidMembers { world.currentMembers }
  func newerMembers() -> ValidMembers { world.currentMembers }
  func precedingMembers(shownBy supernode: String) -> ValidMembers { world.currentMembers }
}
