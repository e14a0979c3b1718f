package import CanonicalEncoding
import Credentials
import EMRScheme
package import Ledger

/// SM: signs registrations beside the hospitals, passes requests on to patients, and re-encrypts.
///
/// It holds no key that reads a record: what reaches it are halves of re-encryption keys, each
/// under a consent (specification, item 1).
package actor SystemManager: EnvelopeKeyOwner {
  package nonisolated let id: String
  package nonisolated let node: LedgerNode
  nonisolated let views: LedgerViews
  /// Consents of which the access was shown to be on the ledger: what is asked for in pieces is noted once.
  var noticed: Set<Digest32> = []
  let chains: ChainSubscriber
  let keys: ManagerKeys
  let store: any RoleStore
  package let envelopeKeys: OwnEnvelopeKeys
  package nonisolated let inbox: Inbox
  /// Where what it sends to patients waits; nil where a courier brings it to them itself.
  package nonisolated let mailboxes: Mailboxes?
  /// Consents under which this proxy has a share or a result; nil until the store was looked through.
  var liveDeposits: Set<Digest32>?
  /// When to look again which of them have ended, by this proxy's clock.
  var sweep = Pause(of: sweepInterval)

  /// Notices of requests on their way, by consent; nil until the store was looked through.
  var pendingNotices: [Digest32: PendingNotice]?
  /// Of those, the ones that a hospital is being sent.
  var bringing: Set<Digest32> = []
  /// Notices that were demanded in one epoch: of which hospital, and through which cloud first.
  var demandedNotices: (epoch: UInt64, places: [Digest32: (hospital: String, cloud: String)]) =
    (0, [:])

  /// - Parameters:
  ///   - mailboxes: for patients' addresses; nil where a courier brings messages to patients itself.
  ///   - stores: where the state of a hospital's chain is kept.
  package init(
    node: LedgerNode, keys: ManagerKeys, store: any RoleStore, mailboxes: Mailboxes? = nil,
    stores: @escaping @Sendable (_ hospital: String) throws -> any StateStore,
    courier: any Courier, clock: @escaping @Sendable () -> UInt64, randomness: Randomness
  ) {
    self.mailboxes = mailboxes
    id = node.genesis.members.manager.id
    self.node = node
    self.keys = keys
    self.store = store
    inbox = Inbox(node.genesis, .manager, id: id, clock: clock)
    envelopeKeys = OwnEnvelopeKeys(
      genesis: node.genesis.digest, owner: id, store: store, clock: clock, randomness: randomness)
    chains = ChainSubscriber(
      node: node, identity: keys.ring, requests: RequestClient(courier: courier, sender: id),
      stores: stores)
    views = LedgerViews(node: node, chains: chains)
  }

  /// Does what is due now: what belongs to consents that have ended is erased, and while keys change, former
  /// ones in time; notices of requests are brought to their hospitals.
  ///
  /// - Returns: whether a hospital has taken a notice.
  @discardableResult
  package func advance() async throws -> Bool {
    var isNew = false
    var steps = SeparateSteps()
    try await steps.take { try envelopeKeys.eraseOver() }
    try await steps.take { try await mailboxes?.forgetOver() }
    if keys.ring.isChanging {
      try await steps.take {
        try await node.catchUp()
        try await node.eraseFormerKeys(of: keys.ring)
      }
    }
    try await steps.take { try await eraseEndedDeposits() }
    // The last one: hospitals are waited for.
    try await steps.take { isNew = try await bringNotices() }
    try steps.finish()
    return isNew
  }

  package func known(
    _ author: Principal, isRenewed: Bool
  ) async throws -> KnownAuthor? {
    switch author {
    case .party(let id): return try await node.known(id, isRenewed: isRenewed)
    case .patient(let visit, let hospital):
      let view =
        isRenewed
        ? try await chains.view(of: hospital) : try await chains.storedView(of: hospital)
      return try view?.visit(visit).map { KnownAuthor(.patient, [$0.signingKey]) }
    // Any key, of whatever address: there are as many as patients like, and each opens its own mailbox; but for
    // whom something waits is somebody.
    case .key(let key):
      let isAwaited = await mailboxes?.isAwaited(key) ?? false
      return KnownAuthor(.keyHolder, [key], isProven: isAwaited)
    }
  }

  package func renewal(of author: Principal) async throws -> String? {
    switch author {
    case .party: "consortium"
    case .patient(_, let hospital): try await chains.exists(hospital) ? "chain of \(hospital)" : nil
    case .key: nil
    }
  }

  package func answer(
    _ request: any RoleRequest, by author: Principal?
  ) async throws -> any CanonicalValue {
    switch request {
    case let request as FetchEnvelopeKey:
      request.reply(
        try envelopeKeys.statement(by: keys.ring.identity(in: try await node.members)))
    case let request as CosignRegistration: request.reply(try await cosign(request, by: author))
    case let request as SubmitAccessRequest: request.reply(try await forward(request, by: author))
    case let request as DepositConsent: request.reply(try await deposit(request, by: author))
    case let request as Reencrypt: request.reply(try await reencrypt(request, by: author))
    case let request as FetchMail: request.reply(try await fetch(request, by: author))
    case let request as AnswerMail: request.reply(try await answerMail(request, by: author))
    default: throw ConsortiumError(.unsupported, "not a request to the system manager")
    }
  }

  /// Signs a registration with x, if hospital and doctor stand behind it and its proof holds.
  private func cosign(
    _ request: CosignRegistration, by author: Principal?
  ) async throws -> DoctorRegistration {
    try await node.catchUp()
    let members = try await node.members
    let statement = request.registration.statement.object
    guard statement.genesis == node.genesis.digest,
      members.supernode(statement.hospital)?.role == .hospital,
      author == .party(statement.hospital)
    else { throw ConsortiumError(.unauthenticated, "no hospital asks for this registration") }
    guard
      let registrationKey = keys.ring.signingKey(.registration, members.manager.registrationKey)
    else {
      throw CredentialError(.missingKeys, "\(id) has not the key that signs registrations now")
    }
    let registration = DoctorRegistration(
      statement: statement, proof: request.registration.proof,
      doctorSignature: request.registration.statement.signature,
      managerSignature: registrationKey.sign(statement))
    _ = try VerifiedRegistration<Suite>(
      verifying: registration, managerKey: registrationKey.publicKey)
    return registration
  }

  /// Passes a registered doctor's request on to the patient (4.6, step 1).
  private func forward(
    _ request: SubmitAccessRequest, by author: Principal?
  ) async throws -> Done {
    try await node.catchUp()
    let asked = request.request.object
    guard author == .party(asked.doctor) else {
      throw ConsortiumError(.notEntitled, "the request is another doctor's")
    }
    let doctor = try await node.consortium.activeDoctor(asked.doctor)
    guard doctor.statement.hospital == asked.hospital, asked.genesis == node.genesis.digest else {
      throw ConsortiumError(.unknownDoctor, "\(asked.doctor) is not of \(asked.hospital)")
    }
    _ = try request.request.verified(by: doctor.identityKey)
    return try await forward(request.request)
  }

  /// The key with which the manager signs now.
  var identity: IdentityKey {
    get async throws { keys.ring.identity(in: try await node.members) }
  }

  /// Takes new keys of these uses, as ``HospitalServer/rotateKeys(_:)``. Another x takes a vote.
  package func rotateKeys(_ uses: Set<KeyUse>, using randomness: inout Randomness) async throws {
    try await node.catchUp()
    try await node.rotateKeys(of: keys.ring, uses, using: &randomness)
  }

  func entry(_ body: some CanonicalObject, on chain: String) async throws -> Entry {
    try Entry(
      checked: EntryContent(
        genesis: node.genesis.digest, chain: chain, signer: .party(id), body: body),
      signedBy: try await identity)
  }

  /// Puts an entry on a hospital's chain; returns once it is shown to stand there as asked for.
  func submit(_ entry: Entry, until standing: EntrySubmission.Standing) async throws {
    try await EntrySubmission(
      genesis: node.genesis, members: node,
      ask: { [node] in try await node.ask(sealed: $0, of: $1) }
    ).submit(entry, until: standing)
  }

  /// Puts an entry that its hospital does not take before everybody.
  ///
  /// - Returns: the height of the block with its demand, which is final.
  /// - Throws: ``ConsortiumError`` `not-final` until it is: this can be called again.
  func demand(_ entry: Entry) async throws -> UInt64 {
    try await node.catchUp()
    let consortium = await node.consortium
    if let height = try consortium.height(ofDemandFor: entry) {
      guard let final = consortium.final, height <= final.height else {
        throw ConsortiumError(.notFinal, "the block with the demand is not final")
      }
      return height
    }
    let members = try await node.members
    let own = try await node.cloud(ofHospital: entry.content.chain)
    let others = members.supernodes.filter { $0.role == .cloud && $0.id != own }.map(\.id)
    var failure = ConsortiumError(.notFinal, "the demand waits for a block")
    for cloud in [own] + others {
      do {
        _ = try await node.ask(sealed: RelayDemand(entry), of: cloud)
        break
      } catch let error as ConsortiumError {
        failure = error
        if error.code == .notFinal { break }
      }
    }
    throw failure
  }
}
