package import CanonicalEncoding
package import Credentials
package import EMRScheme
package import Ledger
import TransparencyLog

/// Who asks about a visit, and may know of it: its patient, or a doctor with a consent of the patient.
package struct VisitReader: Sendable {
  let authors: [Author]
  let consent: Signed<Consent>?

  package init(_ authors: [Author], consent: Signed<Consent>? = nil) {
    (self.authors, self.consent) = (authors, consent)
  }
}

/// The ledger for who keeps no copy of it: the genesis, the newest final checkpoint, and proofs.
///
/// The checkpoint never goes back, across restarts too, so a supernode cannot show two ledgers to
/// one client.
package actor LedgerClient: MembersSource {
  package nonisolated let genesis: ValidGenesis
  /// Whom to ask first where anybody may be asked; nil for the first hospital there is.
  let home: String?
  private let store: any RoleStore
  nonisolated let requests: RequestClient
  nonisolated let peers: PeerEnvelopeKeys
  nonisolated let clock: @Sendable () -> UInt64
  nonisolated let owner = ClientOwner()
  private(set) var newest: Checkpoint?
  /// Whose cosignatures count.
  private var delegates: KnownDelegates
  /// Of their epoch.
  private var members: ValidMembers
  /// Of earlier epochs, as far as they were proven.
  private var formerMembers: [UInt64: ValidMembers] = [:]
  /// Statements that were proven, by A.
  private var statements: [[UInt8]: PreparedDoctorKey<Suite>] = [:]
  /// Supernodes that have not answered when they were asked last for what any of them knows.
  var silent: Set<String> = []
  /// When supernodes were asked for what is newer, by the own clock.
  private var learned: [String: UInt64] = [:]
  /// By how many seconds the ledger has halted in all, by the newest header that was proven: so much later by a clock
  /// is what is said in counted time.
  package private(set) var halts: UInt64 = 0
  /// Times of the newest header that was proven in this run: the consortium has come that far at least.
  package private(set) var reached: (time: UInt64, countedTime: UInt64) = (0, 0)
  /// When it was last tried to learn them anew, by the own clock.
  var timeAsked: UInt64?
  /// Doctors as they were proven last.
  private var knownDoctors: [String: CurrentDoctor] = [:]

  private static let key = "ledger/checkpoint"
  private static let delegatesKey = "ledger/delegates"
  private static let membersKey = "ledger/members"
  private static let haltsKey = "ledger/halts"
  private static let statementLimit = 256
  private static let membersLimit = 16
  private static let learningPeriod: UInt64 = 3600
  /// In seconds: no visit begins at a block that is much older.
  private static let unremarkableAge: UInt64 = 60
  private static func doctorKey(_ doctor: String) -> String { "ledger/doctor/\(doctor)" }
  private static func completionKey(_ visit: Digest32, _ hospital: String) -> String {
    "ledger/completion/\(hospital)/\(visit)"
  }

  /// - Parameters:
  ///   - home: the hospital of a doctor.
  ///   - clock: seconds since 1970.
  package init(
    genesis: ValidGenesis, home: String? = nil, store: any RoleStore, requests: RequestClient,
    clock: @escaping @Sendable () -> UInt64
  ) throws {
    (self.genesis, self.home, self.clock) = (genesis, home, clock)
    self.store = store
    self.requests = requests
    peers = PeerEnvelopeKeys(genesis: genesis.digest, requests: requests, clock: clock)
    delegates =
      try store.value(forKey: Self.delegatesKey).map(Self.delegates) ?? KnownDelegates(genesis)
    members = try Self.members(of: delegates, genesis, store.value(forKey: Self.membersKey))
    if let bytes = try store.value(forKey: Self.key) {
      newest = try Checkpoint(body: String(decoding: bytes, as: UTF8.self))
    }
    // What a disk has damaged is learned again.
    halts = (try? store.value(forKey: Self.haltsKey)).flatMap { try? UInt64(stateBytes: $0) } ?? 0
  }

  @inline(never)
  private static func delegates(_ bytes: [UInt8]) throws -> KnownDelegates {
    try KnownDelegates(sequence: bytes)
  }

  @inline(never)
  private static func members(
    of delegates: KnownDelegates, _ genesis: ValidGenesis, _ encoded: [UInt8]?
  ) throws -> ValidMembers {
    if delegates.members == genesis.members.digest { return genesis.members }
    guard let encoded,
      let members = genesis.members(delegates.members, sent: try Members(encoded: encoded))
    else { throw ConsortiumError(.invalidProof, "these are not the members of the epoch") }
    return members
  }

  /// The proof that something is final, from a supernode, after all checks.
  ///
  /// - Throws: ``ConsortiumError``, as `not-final`; ``LedgerError`` for a proof that fails.
  package func prove(
    _ subject: Prove.Subject, by supernode: String
  ) async throws -> ProvenLeaf {
    try await prove(subject, by: supernode, .sealed)
  }

  private func prove(
    _ subject: Prove.Subject, by supernode: String, _ way: OpenWay
  ) async throws -> ProvenLeaf {
    try Self.only(
      try await leaves(by: supernode, way) {
        [try await askOpen(Prove(subject, knownSize: $0), of: supernode, way)]
      })
  }

  /// Learns who takes part from what may be an old answer of a supernode, which anybody on the way may give
  /// again. What it proves is true, and there may be more: it serves to find the keys of who is asked next.
  func learnMembers(from supernode: String) async throws {
    _ = try await prove(.consortiumLeaf(index: 0), by: supernode, .bare)
  }

  /// Learns from a supernode, before anything is sealed to it, who takes part: with what was known long ago, this
  /// client would take an identity key for the supernode's that the supernode has given up. Who does not answer, or
  /// is kept from it, is known as before.
  ///
  /// - Parameter isRenewed: whether it is asked although it was asked within the hour.
  func learnNewer(from supernode: String, isRenewed: Bool = false) async throws {
    guard isLearningDue(from: supernode) || isRenewed else { return }
    do {
      try await learnMembers(from: supernode)
    } catch let error as StoreError {
      throw error
    } catch {
      // As known before.
    }
  }

  /// Whether it is long ago that a supernode was asked. It counts as asked from now on.
  private func isLearningDue(from supernode: String) -> Bool {
    let now = clock()
    if let last = learned[supernode], last <= now, now - last < Self.learningPeriod { return false }
    if learned.count >= Self.statementLimit { learned = [:] }
    learned[supernode] = now
    return true
  }

  private static func only(_ leaves: [ProvenLeaf?]) throws -> ProvenLeaf {
    guard let leaf = leaves.first.flatMap(\.self) else {
      throw ConsortiumError(.invalidProof, "nothing is proven")
    }
    return leaf
  }

  /// The same about a visit: who asks shows that it may know.
  func prove(
    _ subject: ProveVisit.Subject, of visit: Digest32, at hospital: String, by supernode: String,
    for reader: VisitReader
  ) async throws -> ProvenLeaf {
    try Self.only(
      try await leaves(by: supernode, .sealed) { knownSize in
        let request = ProveVisit(
          subject, hospital: hospital, visit: visit, consent: reader.consent,
          knownSize: knownSize)
        return [try await self.ask(request, of: supernode, by: reader.authors)]
      })
  }

  /// The set of delegates of an epoch, as far as the supernode can show the way there.
  private func followed(
    to epoch: UInt64, by supernode: String, _ way: OpenWay
  ) async throws -> KnownDelegates {
    var next = delegates
    while next.epoch < epoch {
      let reply = try await askOpen(FetchEpochEnds(from: next.epoch), of: supernode, way)
      guard !reply.ends.isEmpty else { break }
      // Not beyond it: what ends an epoch is confirmed by its own set.
      for end in reply.ends where next.epoch < epoch { try next.follow(end, genesis: genesis) }
    }
    return next
  }

  /// What holds of a doctor as of the last final block that the supernode shows: keys only ever with the
  /// proof that the registration is final and bears the signatures of doctor, hospital and manager.
  ///
  /// A supernode can leave out what is newer, until records can be proven absent; it cannot go back
  /// behind what this client has seen of the doctor, across restarts too.
  /// - Throws: ``ConsortiumError``, as `unknown-doctor` or `stale-doctor`.
  package func doctor(
    _ id: String, by supernode: String
  ) async throws -> CurrentDoctor {
    try await doctors([id], by: supernode)[0]
  }

  /// The same of several, as one answer has room for them, or a few.
  package func doctors(
    _ ids: [String], by supernode: String
  ) async throws -> [CurrentDoctor] {
    var doctors: [CurrentDoctor] = []
    while doctors.count < ids.count {
      let asked = Array(ids[doctors.count...].prefix(Limits.teamSize))
      for (id, leaves) in zip(asked, try await proven(asked, by: supernode)) {
        doctors.append(try await doctor(id, leaves, by: supernode))
      }
    }
    return doctors
  }

  private func doctor(
    _ id: String, _ leaves: ProvenDoctor, by supernode: String
  ) async throws -> CurrentDoctor {
    let registered = try await statement(in: leaves.registration, of: id, by: supernode)
    let statement = registered.verified.statement
    var doctor = CurrentDoctor(
      prepared: registered,
      seen: .init(
        registration: leaves.registration.index, rotation: leaves.rotation?.index ?? 0,
        status: leaves.status?.index ?? 0, specialties: leaves.specialties?.index ?? 0))
    if let leaf = leaves.rotation {
      guard leaf.index > leaves.registration.index, let rotation = leaf.rotation(of: id) else {
        throw ConsortiumError(.unknownDoctor, "the leaf is no rotation of \(id)")
      }
      doctor.identityKey = rotation.identityKey
    }
    if let leaf = leaves.status {
      guard let change = leaf.statusChange(of: id, at: statement.hospital) else {
        throw ConsortiumError(.unknownDoctor, "the leaf is no change of \(id)'s status")
      }
      (doctor.status, doctor.statusChanges) = (change.status, change.number)
    }
    if let leaf = leaves.specialties {
      guard leaf.index > leaves.registration.index,
        let change = leaf.specialties(of: id, at: statement.hospital)
      else {
        throw ConsortiumError(.unknownDoctor, "the leaf is no change of \(id)'s specialties")
      }
      doctor.specialties = change.specialties
    }
    let key = Self.doctorKey(id)
    let seen: CurrentDoctor.Seen? = try store.load(key)
    if let seen, !doctor.seen.isAtLeast(seen) {
      throw ConsortiumError(.staleDoctor, "\(supernode) shows what held of \(id) before")
    }
    if seen != doctor.seen { try store.save(doctor.seen, key) }
    if knownDoctors.count >= Self.statementLimit { knownDoctors.removeAll() }
    knownDoctors[id] = doctor
    return doctor
  }

  /// The same, of a doctor who may act.
  ///
  /// - Throws: also `not-active`.
  package func activeDoctor(
    _ id: String, by supernode: String
  ) async throws -> CurrentDoctor {
    let doctor = try await doctor(id, by: supernode)
    try Self.requireActive(doctor, id)
    return doctor
  }

  private static func requireActive(_ doctor: CurrentDoctor, _ id: String) throws {
    guard doctor.status == .active else {
      throw ConsortiumError(.notActive, "\(id) is suspended or has retired")
    }
  }

  /// Whether it was ever proven to this client what holds of a doctor.
  func hasMet(_ id: String) throws -> Bool { try store.value(forKey: Self.doctorKey(id)) != nil }

  /// A doctor as proven last, in this run.
  func knownDoctor(_ id: String) -> CurrentDoctor? { knownDoctors[id] }

  /// The statement with the keys that a context names, final, whatever came after it.
  private func statement(
    of signer: VisitContext.Signer, by supernode: String
  ) async throws -> PreparedDoctorKey<Suite> {
    if let known = statements[signer.a], known.verified.statement.signer == signer { return known }
    let proven = try await prove(.registration(of: signer), by: supernode)
    let registered = try await statement(in: proven, of: signer.doctor, by: supernode)
    guard registered.verified.statement.signer == signer else {
      throw ConsortiumError(.unknownDoctor, "\(signer.doctor) is registered with other keys")
    }
    return registered
  }

  private func statement(
    in leaf: ProvenLeaf, of doctor: String, by supernode: String
  ) async throws -> PreparedDoctorKey<Suite> {
    let statement = try leaf.statement(of: doctor)
    if let known = statements[statement.a], known.verified.statement == statement { return known }
    let registration: VerifiedRegistration<Suite>
    if let known = try? leaf.registration(of: doctor, genesis: genesis, members: members) {
      registration = known
    } else {
      // Hospital or manager may have had other keys then.
      registration = try leaf.registration(
        of: doctor, genesis: genesis,
        members: try await members(atLeaf: leaf.index, by: supernode))
    }
    let prepared = PreparedDoctorKey(registration.key)
    // A doctor's program meets few colleagues; this bounds what a long life collects.
    if statements.count >= Self.statementLimit { statements.removeAll() }
    statements[statement.a] = prepared
    return prepared
  }

  /// The team of a visit, checked against the registrations that its context names.
  ///
  /// - Parameter supernode: who proves them; by default the hospital.
  package func team(
    of context: VisitContext, by supernode: String? = nil
  ) async throws -> SigningChain<Suite> {
    var signers: [PreparedDoctorKey<Suite>] = []
    for signer in context.signers {
      let doctor = try await statement(of: signer, by: supernode ?? context.hospital)
      guard doctor.verified.statement.hospital == context.hospital else {
        throw ConsortiumError(.unknownDoctor, "\(signer.doctor) is of another hospital")
      }
      signers.append(doctor)
    }
    return try SigningChain(context: context, signers: signers)
  }

  /// That the team of a visit which begins may act, with the keys that the context names.
  package func requireCurrentTeam(of context: VisitContext) async throws {
    // The answer has the registrations that the context names, if these are the present ones.
    let doctors = try await doctors(context.signers.map(\.doctor), by: context.hospital)
    for (signer, doctor) in zip(context.signers, doctors) {
      try Self.requireActive(doctor, signer.doctor)
      guard doctor.statement.signer == signer else {
        throw ConsortiumError(.unknownDoctor, "\(signer.doctor) has other keys by now")
      }
    }
    _ = try await team(of: context)
  }

  /// That a visit has the time for each doctor, and the limit of signatures, that the members have decided for the
  /// epoch of its base.
  ///
  /// - Throws: ``ConsortiumError`` `wrong-context`.
  func requireNumbers(of context: VisitContext) async throws {
    let numbers = try await members(
      inEpoch: genesis.epoch(ofHeight: context.baseHeight), by: context.hospital
    ).numbers
    guard context.window == numbers.window, context.resignatureLimit == numbers.resignatureLimit
    else { throw ConsortiumError(.wrongContext, "the hospital offers other limits") }
  }

  /// Learns how long the ledger had halted when a visit began, where that may be longer than is known here: the block
  /// at which it began says so.
  func learnHalts(before context: VisitContext) async throws {
    guard clock() > context.openedAt &+ halts &+ Self.unremarkableAge else { return }
    _ = try await prove(.consortiumBlock(height: context.baseHeight), by: context.hospital)
  }

  /// The completion of a visit, final, with the team's signature after Eq. (3), the signature of the
  /// last doctor, who alone says which record it is, and the receipt of the cloud that holds it.
  ///
  /// - Parameters:
  ///   - supernode: who proves it: by default the hospital, or else its cloud.
  ///   - reader: who may know of it.
  package func completion(
    of visit: Digest32, at hospital: String, by supernode: String? = nil, for reader: VisitReader
  ) async throws -> (VisitCompletion, VerifiedSignature<Suite>) {
    guard let supernode else {
      return try await byHospitalOrCloud(hospital) {
        try await completion(of: visit, at: hospital, by: $0, for: reader)
      }
    }
    let proven = try await prove(.completion, of: visit, at: hospital, by: supernode, for: reader)
    guard proven.chain == hospital,
      case .visitCompletion(let completion)? = proven.entry?.content.body,
      completion.context.visitID == visit
    else { throw ConsortiumError(.invalidProof, "the leaf is not the completion of the visit") }
    let patient = Principal.patient(visit: visit, hospital: hospital)
    if reader.authors.contains(where: { $0.principal == patient }) {
      try keep(proven.anchored, ofCompletionOf: visit, at: hospital)
    }
    try await checkRecordDigest(completion, proven.entry, by: supernode, for: reader)
    let signature = try await team(of: completion.context, by: supernode).verify(
      SequentialSignature(encoded: completion.signature), commitments: completion.commitments)
    return (completion, signature)
  }

  /// Eq. (3) says nothing of the record: its digest is the last doctor's and the cloud's word.
  private func checkRecordDigest(
    _ completion: VisitCompletion, _ entry: Entry?, by supernode: String, for reader: VisitReader
  ) async throws {
    let context = completion.context
    guard let entry, let last = context.signers.last?.doctor,
      entry.content.signer == .party(last),
      try await isSigned(entry, byLastDoctorOf: context, shownBy: supernode, for: reader)
    else {
      throw ConsortiumError(
        .invalidProof, "the last doctor of the team has not signed for the record")
    }
    let receipt = StorageReceipt(
      genesis: genesis.digest, visit: context.visitID, recordDigest: completion.recordDigest)
    func holds(_ members: ValidMembers) -> Bool {
      guard let cloud = members.cloud(ofHospital: context.hospital),
        let key = members.identityKey(of: cloud)
      else { return false }
      return IdentityKey.isValid(completion.storageSignature, of: receipt, by: key)
    }
    if holds(members) { return }
    // The cloud may have been another, or have had another key.
    let former = try await memberships(
      since: genesis.epoch(ofHeight: context.baseHeight), by: supernode)
    guard former.contains(where: holds) else {
      throw ConsortiumError(.invalidProof, "the cloud has not signed for the record")
    }
  }

  /// The rules have accepted the completion with the key in force then: that of the statement that the
  /// context names, or one that the doctor took before or after.
  private func isSigned(
    _ entry: Entry, byLastDoctorOf context: VisitContext, shownBy supernode: String,
    for reader: VisitReader
  ) async throws -> Bool {
    guard let last = context.signers.last else { return false }
    let statement = try await statement(of: last, by: supernode).verified.statement
    if entry.isSigned(by: statement.identityKey) { return true }
    let leaf = try await prove(
      .signingKey, of: context.visitID, at: context.hospital, by: supernode, for: reader)
    let key: [UInt8]
    if let rotation = leaf.rotation(of: last.doctor) {
      key = rotation.identityKey
    } else {
      key = try await self.statement(in: leaf, of: last.doctor, by: supernode)
        .verified.statement.identityKey
    }
    return entry.isSigned(by: key)
  }

  /// Keeps where the completion of an own visit stands: what a demand has to show, also where nobody shows it any more.
  private func keep(
    _ place: AnchoredLeaf?, ofCompletionOf visit: Digest32, at hospital: String
  ) throws {
    guard let place, try keptPlace(ofCompletionOf: visit, at: hospital) == nil else { return }
    try store.write([Self.completionKey(visit, hospital): place.encodedSequence()])
  }

  /// - Returns: nil also for what a disk has damaged: it is proven again.
  private func keptPlace(
    ofCompletionOf visit: Digest32, at hospital: String
  ) throws -> AnchoredLeaf? {
    try store.value(forKey: Self.completionKey(visit, hospital)).flatMap {
      try? AnchoredLeaf(sequence: $0)
    }
  }

  /// Where the completion of a visit stands, as it was proven to its patient, or else is now.
  func completionPlace(
    of visit: Digest32, at hospital: String, for authors: [Author]
  ) async throws -> AnchoredLeaf {
    if let kept = try keptPlace(ofCompletionOf: visit, at: hospital) { return kept }
    let proven = try await byHospitalOrCloud(hospital) {
      try await prove(.completion, of: visit, at: hospital, by: $0, for: VisitReader(authors))
    }
    guard proven.chain == hospital, let place = proven.anchored,
      case .visitCompletion(let completion)? = proven.entry?.content.body,
      completion.context.visitID == visit
    else { throw ConsortiumError(.invalidProof, "the leaf is not the completion of the visit") }
    try keep(place, ofCompletionOf: visit, at: hospital)
    return place
  }

  // MARK: Members

  package func currentMembers() -> ValidMembers { members }

  package func currentMembers(shownBy supernode: String) async throws -> ValidMembers {
    // Whatever is proven is proven under the newest checkpoint, to which the sets lead.
    _ = try await prove(.consortiumLeaf(index: 0), by: supernode)
    return members
  }

  package func precedingMembers(shownBy supernode: String) async throws -> ValidMembers {
    let epoch = delegates.epoch
    return try await members(inEpoch: epoch == 0 ? 0 : epoch - 1, by: supernode)
  }

  /// The delegates that are known here, by their seats.
  var delegateNames: [String] { delegates.names }

  private func fetchMembers(
    ofEpoch epoch: UInt64, _ digest: Digest32, from supernode: String, _ way: OpenWay
  ) async throws -> ValidMembers {
    let known = [genesis.members, members] + formerMembers.values
    if let known = known.first(where: { $0.digest == digest }) { return known }
    let reply = try await askOpen(FetchMembers(ofEpoch: epoch), of: supernode, way)
    guard let members = genesis.members(digest, sent: reply.members) else {
      throw ConsortiumError(.invalidProof, "\(supernode) shows other members")
    }
    return members
  }

  /// Who took part in an epoch, proven by the last header of the epoch before.
  ///
  /// - Throws: ``ConsortiumError`` `not-final` before the epoch has begun.
  package func members(
    inEpoch epoch: UInt64, by supernode: String
  ) async throws -> ValidMembers {
    if epoch == 0 { return genesis.members }
    if epoch == delegates.epoch { return members }
    if let known = formerMembers[epoch] { return known }
    let header = try await epochEnd(epoch - 1, by: supernode)
    guard let digest = header.nextMembers else {
      throw ConsortiumError(.invalidProof, "the header names no members")
    }
    let members = try await fetchMembers(ofEpoch: epoch, digest, from: supernode, .sealed)
    if formerMembers.count >= Self.membersLimit { formerMembers.removeAll() }
    formerMembers[epoch] = members
    return members
  }

  /// The last header of an epoch.
  private func epochEnd(_ epoch: UInt64, by supernode: String) async throws -> BlockHeader {
    let (next, overflows) = (epoch + 1).multipliedReportingOverflow(
      by: genesis.content.epochLength)
    guard !overflows else { throw ConsortiumError(.notFinal, "there is no such epoch") }
    let proven = try await prove(.consortiumBlock(height: next - 1), by: supernode)
    guard case .header(let header) = proven.leaf, proven.chain == ChainName.consortium,
      header.height == next - 1
    else { throw ConsortiumError(.invalidProof, "the leaf does not end the epoch") }
    return header
  }

  /// Who took part when a leaf of the consortium chain came to stand there.
  private func members(
    atLeaf index: UInt64, by supernode: String
  ) async throws -> ValidMembers {
    var (low, high) = (UInt64(0), delegates.epoch)
    while low < high {
      let middle = low + (high - low) / 2
      if try await epochEnd(middle, by: supernode).index > index {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return try await members(inEpoch: low, by: supernode)
  }

  /// All members that there have been since an epoch, unless they have come back to what they were
  /// before.
  package func memberships(
    since epoch: UInt64, by supernode: String
  ) async throws -> [ValidMembers] {
    var found: [Digest32: ValidMembers] = [members.digest: members]
    var spans = [(first: min(epoch, delegates.epoch), last: delegates.epoch)]
    while let span = spans.popLast() {
      let first = try await members(inEpoch: span.first, by: supernode)
      let last = try await members(inEpoch: span.last, by: supernode)
      found[first.digest] = first
      found[last.digest] = last
      guard first.digest != last.digest, span.last - span.first > 1 else { continue }
      let middle = span.first + (span.last - span.first) / 2
      spans += [(span.first, middle), (middle, span.last)]
    }
    return Array(found.values)
  }

  // MARK: Proofs

  /// The leaves that one answer of a supernode proves, under the checkpoint that is the newest then.
  private func leaves(
    by supernode: String, _ way: OpenWay,
    _ ask: (_ knownSize: UInt64) async throws -> [FinalityProof?]
  ) async throws -> [ProvenLeaf?] {
    while true {
      let known = newest
      let proofs = try await ask(known?.size ?? 0)
      // Another proof may have moved the checkpoint meanwhile; this one was made for the old.
      guard known == newest else { continue }
      let epoch = proofs.compactMap { $0?.epoch }.max() ?? 0
      let delegates = try await followed(to: epoch, by: supernode, way)
      guard known == newest else { continue }
      guard delegates.epoch == epoch else {
        throw ConsortiumError(
          .notFinal, "\(supernode) is behind what has been seen before, or shows no way to it")
      }
      var confirmed: Checkpoint?
      let leaves = try proofs.map {
        let leaf = try $0?.verify(
          genesis: genesis, delegates: delegates, known: known, confirmed: confirmed)
        confirmed = leaf?.checkpoint ?? confirmed
        return leaf
      }
      let checkpoints = leaves.compactMap { $0?.checkpoint }
      guard let checkpoint = checkpoints.first, checkpoints.allSatisfy({ $0 == checkpoint }) else {
        throw ConsortiumError(.invalidProof, "the leaves are proven under several checkpoints")
      }
      var members = members
      if delegates.members != members.digest {
        members = try await fetchMembers(
          ofEpoch: delegates.epoch, delegates.members, from: supernode, way)
        guard known == newest else { continue }
      }
      if checkpoint != known || delegates != self.delegates {
        // A set is kept with the proof that it has confirmed, which leads on from what was known.
        try store.write([
          Self.key: Array(checkpoint.body.utf8), Self.delegatesKey: delegates.encodedSequence(),
          Self.membersKey: members.members.encoded(),
        ])
        (newest, self.delegates, self.members) = (checkpoint, delegates, members)
      }
      for leaf in leaves.compactMap(\.self) { try noteTimes(leaf) }
      return leaves
    }
  }

  /// The difference of both times of a block never shrinks from one to the next, and neither does any of them.
  private func noteTimes(_ leaf: ProvenLeaf) throws {
    guard leaf.chain == ChainName.consortium, case .header(let header) = leaf.leaf else { return }
    reached = (max(reached.time, header.time), max(reached.countedTime, header.countedTime))
    guard header.time - min(header.time, header.countedTime) > halts else { return }
    let halts = header.time - header.countedTime
    try store.write([Self.haltsKey: halts.stateBytes])
    self.halts = halts
  }

  private struct ProvenDoctor {
    let registration: ProvenLeaf
    let rotation: ProvenLeaf?
    let status: ProvenLeaf?
    let specialties: ProvenLeaf?
  }

  /// - Returns: of the first of these, and of one at least.
  private func proven(_ ids: [String], by supernode: String) async throws -> [ProvenDoctor] {
    let leaves = try await leaves(by: supernode, .sealed) {
      try await askOpen(ProveDoctors(ids, knownSize: $0), of: supernode).proofs.flatMap {
        [$0.registration, $0.rotation, $0.status, $0.specialties]
      }
    }
    let proven = stride(from: 0, to: leaves.count, by: 4).compactMap { first in
      leaves[first].map {
        ProvenDoctor(
          registration: $0, rotation: leaves[first + 1], status: leaves[first + 2],
          specialties: leaves[first + 3])
      }
    }
    guard (1...ids.count).contains(proven.count) else {
      throw ConsortiumError(.invalidProof, "no registration is proven")
    }
    return proven
  }
}

extension ProvenLeaf {
  /// What a doctor asserts in this item of the consortium chain, nothing of it checked.
  ///
  /// - Throws: ``ConsortiumError`` `unknown-doctor` if it is no registration of the doctor.
  fileprivate func statement(of doctor: String) throws -> RegistrationStatement {
    guard chain == ChainName.consortium, let entry,
      case .doctorRegistration(let registration) = entry.content.body,
      registration.statement.doctor == doctor
    else { throw ConsortiumError(.unknownDoctor, "the leaf does not register \(doctor)") }
    return registration.statement
  }

  /// The rotation of a doctor's keys in this item; the rules have judged it by the key before.
  fileprivate func rotation(of doctor: String) -> KeyRotation? {
    guard chain == ChainName.consortium, let entry,
      case .keyRotation(let rotation) = entry.content.body, rotation.party == doctor,
      entry.content.signer == .party(doctor)
    else { return nil }
    return rotation
  }

  /// The change of a doctor's status in this item, signed by the doctor or the hospital.
  fileprivate func statusChange(
    of doctor: String, at hospital: String
  ) -> DoctorStatusChange? {
    guard chain == ChainName.consortium, let entry,
      case .doctorStatusChange(let change) = entry.content.body, change.doctor == doctor,
      [.party(doctor), .party(hospital)].contains(entry.content.signer)
    else { return nil }
    return change
  }

  /// The change of a doctor's specialties in this item, signed by the hospital.
  fileprivate func specialties(of doctor: String, at hospital: String) -> DoctorSpecialties? {
    guard chain == ChainName.consortium, let entry,
      case .doctorSpecialties(let change) = entry.content.body, change.doctor == doctor,
      entry.content.signer == .party(hospital)
    else { return nil }
    return change
  }

  /// The registration of a doctor in this item of the consortium chain.
  ///
  /// - Throws: ``ConsortiumError`` `unknown-doctor` if it is none, or if it lacks a signature.
  ///
  /// - Parameter members: of the epoch of the item.
  package func registration(
    of doctor: String, genesis: ValidGenesis, members: ValidMembers
  ) throws -> VerifiedRegistration<Suite> {
    _ = try statement(of: doctor)
    guard let entry, case .doctorRegistration(let registration) = entry.content.body else {
      throw ConsortiumError(.unknownDoctor, "the leaf does not register \(doctor)")
    }
    guard entry.content.signer == .party(registration.statement.hospital),
      let hospitalKey = members.identityKey(of: registration.statement.hospital),
      entry.isSigned(by: hospitalKey), registration.statement.genesis == genesis.digest
    else { throw ConsortiumError(.unknownDoctor, "\(doctor) is not registered by a hospital") }
    return try VerifiedRegistration(
      verifying: registration, managerKey: members.manager.registrationKey)
  }
}
