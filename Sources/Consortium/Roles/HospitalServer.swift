package import CanonicalEncoding
import Credentials
import EMRScheme
package import Ledger

/// A hospital's server: admits patients, agrees group keys with teams, keeps the hospital's chain,
/// and is the way of its doctors and patients to the ledger.
package actor HospitalServer: EnvelopeKeyOwner {
  package nonisolated let id: String
  package nonisolated let node: LedgerNode
  package nonisolated let ledger: HospitalLedger
  nonisolated let views: LedgerViews
  package nonisolated let inbox: Inbox
  /// Where what is sent to its doctors waits; nil where a courier brings it to them itself.
  package nonisolated let mailboxes: Mailboxes?
  let keys: SupernodeKeys
  let store: any RoleStore
  package let envelopeKeys: OwnEnvelopeKeys
  var randomness: Randomness
  /// By visit: an offer is opened, or dropped, and never both.
  let openings = SerialGates<Digest32>()
  /// By visit: one exchange at a time, or two doctors have two keys.
  let exchanges = SerialGates<Digest32>()
  var groupKeys = DueGroupKeys()
  /// When visits that are over are looked for again, by the own clock, and behind which one.
  var sweep = Pause(of: sweepInterval)
  var turn = Turn<String>()

  /// - Parameters:
  ///   - mailboxes: for this hospital's doctors; nil where a courier brings messages to them itself.
  ///   - log: holds this hospital's chain.
  ///   - state: what the chain has come to.
  package init(
    id: String, node: LedgerNode, keys: SupernodeKeys, store: any RoleStore,
    mailboxes: Mailboxes? = nil, log: any ChainLog, state: any StateStore, courier: any Courier,
    clock: @escaping @Sendable () -> UInt64, randomness: Randomness
  ) throws {
    self.id = id
    self.node = node
    self.keys = keys
    self.store = store
    self.mailboxes = mailboxes
    let shared = SharedRandomness(randomness)
    self.randomness = shared
    inbox = Inbox(node.genesis, .hospital, id: id, clock: clock)
    envelopeKeys = OwnEnvelopeKeys(
      genesis: node.genesis.digest, owner: id, store: store, clock: clock, randomness: shared)
    let writer = try HospitalWriter(
      genesis: node.genesis, hospital: id, log: log, store: CachedStateStore(owning: state),
      consortium: node.consortiumState, decider: node.decider, identity: keys.ring)
    ledger = HospitalLedger(
      hospital: id, node: node, writer: writer, identity: keys.ring,
      logKeys: try keys.logKeys(store, shared),
      requests: RequestClient(courier: courier, sender: id),
      clock: clock)
    views = LedgerViews(node: node, chains: OwnChain(hospital: id, writer: writer))
  }

  /// Does everything that is due now, on both chains.
  ///
  /// The consortium's come first: it needs its delegates while a hospital waits for its cloud, and a
  /// hospital does nothing by a chain that contradicts what it cosigned. All else is done each by itself.
  /// - Returns: whether anything changed.
  package func advance() async throws -> Bool {
    let consortium = try await node.advance()
    let own = try await attend()
    return own || consortium
  }

  /// Does what is due on this hospital's own chain and in its stores, by what is known of the consortium chain.
  package func attend() async throws -> Bool {
    var own = false
    var steps = SeparateSteps()
    try await steps.take { own = try await ledger.advance() }
    if !own { try await steps.take { try await ledger.writer.keepConfirmation() } }
    try await steps.take {
      try await node.eraseFormerKeys(of: keys.ring, basedOn: await ledger.writer.view.base)
    }
    try await steps.take { try await forgetEnded() }
    try await steps.take { try await forgetTickets() }
    try await steps.take { try envelopeKeys.eraseOver() }
    try await steps.take { try await mailboxes?.forgetOver() }
    try steps.finish()
    return own
  }

  package func known(
    _ author: Principal, isRenewed: Bool
  ) async throws -> KnownAuthor? {
    switch author {
    case .party(let id): return try await node.known(id, isRenewed: isRenewed)
    case .patient(let visit, let hospital):
      guard hospital == id else { return nil }
      // The visit may be among what this log has lost.
      if isRenewed { try await ledger.meetCloud() }
      let keys = try await views.chains.view(of: id).visit(visit).map { [$0.signingKey] }
      return KnownAuthor(.patient, try keys ?? offeredKeys(of: visit))
    case .key(let key):
      // Any key, so that no answer tells which tickets there are; but who has one is somebody.
      return KnownAuthor(.keyHolder, [key], isProven: try isIssued(key))
    }
  }

  package func renewal(of author: Principal) -> String? {
    switch author {
    case .party: "consortium"
    case .patient(_, let hospital): hospital == id ? "cloud" : nil
    case .key: nil
    }
  }

  package func answer(
    _ request: any RoleRequest, by author: Principal?
  ) async throws -> any CanonicalValue {
    switch request {
    case let request as FetchEnvelopeKey:
      request.reply(try envelopeKeys.statement(by: try await identity))
    case let request as RegisterDoctor: request.reply(try await register(request, by: author))
    case let request as RequestAdmission: request.reply(try await admit(request, by: author))
    case let request as AuthorizeVisit: request.reply(try await open(request, by: author))
    case let request as SubmitEntry: request.reply(try await submit(request.entry, by: author))
    case let request as FindVisits: request.reply(try await views.findVisits(request))
    case let request as ReadVisit: request.reply(try await views.visitView(request, for: author))
    case let request as ReadConsent: request.reply(try await views.consent(request, for: author))
    case let request as ReadAccessLog:
      request.reply(try await views.accessLog(request, for: author))
    case let request as Prove: request.reply(try await views.prove(request))
    case let request as ProveVisit: request.reply(try await views.prove(request, for: author))
    case let request as ProveDoctors: request.reply(try await views.prove(request))
    case let request as FetchOutbox: request.reply(try await node.outbox(request))
    case let request as FetchBlock: request.reply(try await node.block(request))
    case let request as FetchConsortium: request.reply(try await node.leaves(request))
    case let request as FetchEpochEnds: request.reply(try await node.epochEnds(request))
    case let request as FetchMembers: request.reply(try await node.members(request))
    case let request as OfferEntry: request.reply(try await node.offer(request))
    case let request as FetchMail: request.reply(try await fetch(request, by: author))
    case let request as AnswerMail: request.reply(try await answerMail(request, by: author))
    default: throw ConsortiumError(.unsupported, "not a request to a hospital")
    }
  }

  // MARK: Doctors

  private func register(
    _ request: RegisterDoctor, by author: Principal?
  ) async throws -> Done {
    let statement = try request.statement.verified(by: request.statement.object.identityKey)
    guard author == .key(statement.identityKey) else {
      throw ConsortiumError(.notEmployed, "\(statement.doctor) does not work here")
    }
    try await requireEmployed(statement)
    let registration = try await node.ask(
      sealed: CosignRegistration(registration: request), of: node.members.manager.id)
    guard registration.statement == statement else {
      throw ConsortiumError(.malformed, "the manager signed another registration")
    }
    // The office may have taken it back while the manager was asked.
    try await requireEmployed(statement)
    try await node.submit(try await entry(registration))
    return Done()
  }

  /// Suspends a doctor of this hospital, lets the doctor act again, or retires the doctor for good. It
  /// counts from the block on that holds it.
  ///
  /// - Returns: whether the doctor had another status.
  /// - Throws: the ``Refusal``.
  @discardableResult
  package func setStanding(of doctor: String, _ status: DoctorStatus) async throws -> Bool {
    try await node.catchUp()
    guard let record = try await node.consortium.doctor(doctor)?.record,
      record.statement.hospital == id
    else { throw ConsortiumError(.unknownDoctor, "\(doctor) is not registered here") }
    if record.status == status { return false }
    let change = DoctorStatusChange(
      doctor: doctor, status: status, number: record.statusChanges + 1)
    return try await node.submit(try await entry(change))
  }

  // MARK: Gateway

  /// Puts an entry of a doctor, a patient or the system manager on this hospital's chain, and signs
  /// what came of it.
  func submit(
    _ entry: Entry, by author: Principal?
  ) async throws -> Signed<SubmissionAnswer> {
    try entry.require(author)
    return Signed(try await ledger.submit(entry), by: try await identity)
  }

  /// An entry for the consortium chain.
  func entry(_ body: some CanonicalObject) async throws -> Entry {
    try Entry(
      checked: EntryContent(
        genesis: node.genesis.digest, chain: ChainName.consortium, signer: .party(id), body: body),
      signedBy: try await identity)
  }

  // MARK: Keys

  /// The key with which this hospital signs now.
  var identity: IdentityKey {
    get async throws { keys.ring.identity(in: try await node.members) }
  }

  /// Takes new keys of these uses, which count from the next epoch on; the former are erased when nothing
  /// needs them any more. Asked again before that epoch, it takes the same.
  ///
  /// - Throws: the ``Refusal``, as `not-entitled` if the identity key changes already.
  package func rotateKeys(_ uses: Set<KeyUse>) async throws {
    var randomness = randomness
    try await node.rotateKeys(of: keys.ring, uses, using: &randomness)
  }

  /// What has to be done before anything else where the disk was put back: as a delegate, this server
  /// gives up its keys at once and takes others, which count from the next epoch on.
  package func renounceVotes() async throws {
    var randomness = randomness
    try await node.renounceVotes(of: keys.ring, using: &randomness)
  }
}
