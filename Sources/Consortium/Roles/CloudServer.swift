package import CanonicalEncoding
import Credentials
import Crypto
import EMRScheme
package import Ledger
import TransparencyLog

/// A cloud operator: keeps sealed records, and confirms hospitals' chains as the second supernode
/// of another organisation (4.5).
package actor CloudServer: EnvelopeKeyOwner {
  package nonisolated let id: String
  package nonisolated let node: LedgerNode
  package nonisolated let confirmer: ChainConfirmer
  nonisolated let views: LedgerViews
  let custody: RecordCustody
  let keys: KeyRing
  let requests: RequestClient
  let wanted: WantedRecords
  let halfSent: HalfSentRecords
  let store: any RoleStore
  package let envelopeKeys: OwnEnvelopeKeys
  package nonisolated let inbox: Inbox
  /// By hospital, when records that were not given are asked for again, in ledger time, and behind which
  /// one.
  var nextDemands: [String: (time: UInt64, after: Digest32)] = [:]
  /// By hospital, which visit that is over was looked at last.
  var turns: [String: Turn<Digest32>] = [:]
  /// By hospital whose chain another cloud has by now.
  var openElsewhere: [String: OpenElsewhere] = [:]
  /// Whether what was kept before ends were remembered is known.
  var hasLookedForEnded = false
  /// By hospital, when somebody's question about a visit that is not known makes this cloud ask the one
  /// before it again, in ledger time.
  private var nextTakeOver: [String: UInt64] = [:]

  /// - Parameter stores: where the state of a hospital's chain is kept.
  package init(
    id: String, node: LedgerNode, keys: SupernodeKeys, store: any RoleStore,
    records: any RecordStore,
    stores: @escaping @Sendable (_ hospital: String) throws -> any StateStore,
    courier: any Courier, clock: @escaping @Sendable () -> UInt64, randomness: Randomness
  ) throws {
    self.id = id
    self.node = node
    self.keys = keys.ring
    custody = RecordCustody(records: records)
    halfSent = HalfSentRecords(store: store, custody: custody)
    requests = RequestClient(courier: courier, sender: id)
    self.store = store
    wanted = try WantedRecords(store: store)
    inbox = Inbox(node.genesis, .cloud, id: id, clock: clock)
    envelopeKeys = OwnEnvelopeKeys(
      genesis: node.genesis.digest, owner: id, store: store, clock: clock, randomness: randomness)
    confirmer = ChainConfirmer(
      node: node, keys: keys.ring, custody: custody,
      source: ConfirmedLeaves(node: node, identity: keys.ring, requests: requests), wanted: wanted,
      ended: EndedVisits(store: store), stores: stores)
    views = LedgerViews(node: node, chains: confirmer, ofCloud: id)
  }

  /// Agrees to confirm the chain of a hospital that is to be admitted, or to have another cloud or
  /// another key of this one.
  ///
  /// - Returns: the key with which this cloud will cosign it: the same again until it is registered, for
  ///   no key is given twice.
  package func makeCosigner(
    for hospital: String, using randomness: inout Randomness
  ) async throws -> [UInt8] {
    try await node.catchUp()
    let consortium = await node.consortium
    return try keys.make(
      .cosigner(hospital), isUsed: { try consortium.isRegistered($0) }, using: &randomness)
  }

  /// The key with which this cloud signs now.
  private var identity: IdentityKey {
    get async throws { keys.identity(in: try await node.members) }
  }

  /// Takes new keys of these uses, as ``HospitalServer/rotateKeys(_:)``.
  package func rotateKeys(_ uses: Set<KeyUse>, using randomness: inout Randomness) async throws {
    try await node.rotateKeys(of: keys, uses, using: &randomness)
  }

  /// As ``HospitalServer/renounceVotes()``.
  package func renounceVotes(using randomness: inout Randomness) async throws {
    try await node.renounceVotes(of: keys, using: &randomness)
  }

  /// Does everything that is due now, for each hospital by itself.
  ///
  /// - Returns: whether anything changed.
  /// - Throws: what failed first, when all the rest was tried.
  package func advance() async throws -> Bool {
    let consortium = try await node.advance()
    let own = try await attend()
    return own || consortium
  }

  /// Does what is due of the chains that this cloud confirms and in its stores, by what is known of the consortium
  /// chain.
  package func attend() async throws -> Bool {
    var isNew = false
    var steps = SeparateSteps()
    if keys.isChanging {
      try await steps.take { try await node.eraseFormerKeys(of: keys, basedOn: nil) }
      try await steps.take { try await confirmer.eraseFormerKeys() }
    }
    let members = try await node.members
    try await steps.take { try await halfSent.expire(at: inbox.clock()) }
    try await steps.take { try envelopeKeys.eraseOver() }
    for hospital in confirmer.hospitals {
      try await steps.take { try await dropEnded(of: hospital) }
    }
    for hospital in confirmer.hospitals {
      guard members.cloud(ofHospital: hospital) == id else {
        try await steps.take { try await dropEndedElsewhere(of: hospital) }
        continue
      }
      openElsewhere[hospital] = nil
      try await steps.take { if try await confirmer.takeOver(hospital) { isNew = true } }
      try await steps.take { if try await fetchWanted(of: hospital) { isNew = true } }
    }
    try steps.finish()
    return isNew
  }

  package func known(
    _ author: Principal, isRenewed: Bool
  ) async throws -> KnownAuthor? {
    switch author {
    case .party(let id): return try await node.known(id, isRenewed: isRenewed)
    case .patient(let visit, let hospital):
      if isRenewed, try await !takeOverOnDemand(hospital) { return nil }
      return try await confirmer.view(of: hospital).visit(visit).map {
        KnownAuthor(.patient, [$0.signingKey])
      }
    case .key(let key): return KnownAuthor(.keyHolder, [key], isProven: false)
    }
  }

  package func renewal(of author: Principal) async throws -> String? {
    switch author {
    case .party: "consortium"
    case .patient(_, let hospital):
      try await node.members.cloud(ofHospital: hospital) == id ? "chain of \(hospital)" : nil
    case .key: nil
    }
  }

  package func answer(
    _ request: any RoleRequest, by author: Principal?
  ) async throws -> any CanonicalValue {
    switch request {
    case let request as FetchEnvelopeKey:
      request.reply(try envelopeKeys.statement(by: try await identity))
    case let request as StoreRecord: request.reply(try await keep(request, by: author))
    case let request as FetchOwnRecord:
      request.reply(try await record(forPatient: request, author))
    case let request as FetchConsentedRecord:
      request.reply(try await record(forProxy: request, author))
    case let request as FindVisits: request.reply(try await views.findVisits(request))
    case let request as KeepNote: request.reply(try await keep(request, by: author))
    case let request as FetchNote: request.reply(try await note(for: author))
    case let request as TakeOverRecord: request.reply(try await record(forCloud: request))
    case let request as ConfirmLeaves: request.reply(try await confirm(request, by: author))
    case let request as RequestTail: request.reply(try await state(request))
    case let request as RelayDemand: request.reply(try await relay(request, by: author))
    case let request as FetchLeaves:
      request.reply(try await confirmer.leaves(request.asked, limit: MessageLimits.plain / 2))
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
    default: throw ConsortiumError(.unsupported, "not a request to a cloud")
    }
  }

  private func confirm(
    _ request: ConfirmLeaves, by author: Principal?
  ) async throws -> ConfirmedReply {
    guard author == .party(request.hospital) else {
      throw ConsortiumError(.notEntitled, "\(request.hospital) does not ask itself")
    }
    return try await confirmer.confirm(request)
  }

  /// Puts an entry that its hospital has not taken before everybody, as a demand; asked again, says
  /// where it stands.
  ///
  /// - Throws: the ``Refusal``; ``ConsortiumError`` `not-final` until a block holds the demand.
  private func relay(_ request: RelayDemand, by author: Principal?) async throws -> DemandPlace {
    let entry = request.entry
    try request.require(author)
    try await node.catchUp()
    if let index = try await node.consortium.index(ofDemandFor: entry) {
      return DemandPlace(index: index)
    }
    let demand = try Entry(
      checked: EntryContent(
        genesis: node.genesis.digest, chain: ChainName.consortium, signer: .party(id),
        body: try await views.demand(entry, showing: request.completion)),
      signedBy: try await identity)
    try await node.submit(demand)
    throw ConsortiumError(.notFinal, "the demand waits for a block")
  }

  /// States how much of a generation this cloud has confirmed; it confirms no more of it from then on.
  private func state(_ request: RequestTail) async throws -> Octets {
    let tail = request.statement.object
    _ = try await node.verified(request.statement, by: tail.hospital)
    try await confirmer.close(tail, consistency: request.consistency)
    return Octets(try await identity.sign(tail))
  }

  /// Takes a piece of a record from the last doctor of a visit whose team has signed.
  private func keep(_ request: StoreRecord, by author: Principal?) async throws -> StoredPieces {
    guard try await node.members.cloud(ofHospital: request.hospital) == id else {
      throw ConsortiumError(.notEntitled, "another cloud keeps the records of that hospital")
    }
    let context = try await signed(request.visit, at: request.hospital).context
    guard let last = context.signers.last, author == .party(last.doctor) else {
      throw ConsortiumError(.notEntitled, "the last doctor of the team stores the record")
    }
    try await node.catchUp()
    _ = try await node.consortium.activeDoctor(last.doctor)
    let recordDigest = request.part.head.recordDigest(visitKey: context.visitKey)
    let name = RecordCustody.name(context, recordDigest)
    let (held, isWhole) = try await halfSent.take(
      request.part.piece, of: name, by: last.doctor, at: inbox.clock()
    ) { [custody] in
      try await custody.take(request.part, context: context, recordDigest: recordDigest) {
        // The visit may have been completed since.
        try await self.signed(request.visit, at: request.hospital).signature
      }
    }
    guard isWhole else { return StoredPieces(held: PiecesHeld(count: held), receipt: []) }
    let receipt = StorageReceipt(
      genesis: node.genesis.digest, visit: request.visit, recordDigest: recordDigest)
    return StoredPieces(
      held: PiecesHeld(count: held), receipt: try await identity.sign(receipt))
  }

  /// A visit that is open and signed by its team, with the digest of the last signature: the hospital has its
  /// blocks confirmed up to there.
  private func signed(
    _ visit: Digest32, at hospital: String
  ) async throws -> (context: VisitContext, signature: Digest32) {
    let view = try await confirmer.view(of: hospital)
    guard let context = try view.openContext(of: visit),
      case let signatures = try view.signatures(of: visit, count: context.signers.count),
      signatures.count == context.signers.count, let last = signatures.last
    else { throw ConsortiumError(.wrongState, "the visit is not open, or not signed by its team") }
    return (context, Digest32(sha256: last.signature))
  }

  private func record(
    forPatient request: FetchOwnRecord, _ author: Principal?
  ) async throws -> RecordPiece {
    let (_, visit, hospital) = try await views.visit(of: author)
    let completion = try await views.chains.completion(of: visit, at: hospital)
    guard completion.recordDigest == request.recordDigest else {
      throw ConsortiumError(.recordMissing, "the completion names another record")
    }
    return try await record(of: completion.context, completion.recordDigest, piece: request.index)
  }

  /// The chain may be on its way from the cloud before this one. Anybody may ask for visits that there are
  /// not, so that cloud is not asked each time.
  private func takeOverOnDemand(_ hospital: String) async throws -> Bool {
    let time = await node.consortium.time
    guard try await node.members.cloud(ofHospital: hospital) == id,
      time >= nextTakeOver[hospital] ?? 0
    else { return false }
    nextTakeOver[hospital] = time + (try await node.members.numbers.maximumLag / 4)
    return try await confirmer.takeOver(hospital)
  }

  private func record(
    forProxy request: FetchConsentedRecord, _ author: Principal?
  ) async throws -> RecordPiece {
    let proxy = try await node.members.manager
    let signed = request.consent
    let consent = signed.object
    guard author == .party(proxy.id) else {
      throw ConsortiumError(.notEntitled, "the proxy takes out records")
    }
    // A cloud before this one does not learn of revocations any more.
    guard try await node.members.cloud(ofHospital: consent.hospital) == id else {
      throw ConsortiumError(.notEntitled, "another cloud keeps the records of that hospital")
    }
    let view = try await views.consent(
      ReadConsent(
        hospital: consent.hospital, visit: consent.visit, consent: consent.digest,
        doctor: consent.doctor))
    let standing = try StandingConsent(
      checking: signed, against: view, genesis: node.genesis, proxy: proxy.id,
      clock: inbox.clock())
    try await node.requireRecent()
    return try await record(
      of: standing.context, standing.consent.recordDigest, piece: request.index)
  }
}
