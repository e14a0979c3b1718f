package import CanonicalEncoding
package import Consensus
import Credentials
package import Ledger
import TransparencyLog

/// A role's own replay of the consortium chain: as a delegate who decides its blocks with the others,
/// or as somebody who follows what is final.
///
/// Who brings something is trusted for nothing: votes, certificates and checkpoints prove themselves,
/// and leaves have to lead to them by the rules.
package actor LedgerNode {
  package nonisolated let genesis: ValidGenesis
  package nonisolated let decider: any ClaimDecider
  /// The state of the consortium chain, by which hospitals' chains are judged.
  package nonisolated let consortiumState: any StateStore
  package nonisolated let id: String
  let identity: any PartyIdentity
  let requests: RequestClient
  let peers: PeerEnvelopeKeys
  nonisolated let clock: @Sendable () -> UInt64
  private let gate = SerialGate()
  private let strangers: RequestQuota
  /// The delegate's part, if this is one.
  package private(set) var delegate: Delegate?
  /// The replay of who only follows.
  private var observer: ConsortiumFollower?
  /// Whether the observer's store failed, so that only what it holds counts.
  private var isStale = false { didSet { if isStale { updates.at = nil } } }
  /// Questions to others, of whom nobody is waited for who is late.
  private let questions: TimelyQuestions
  /// For how long what was learned of others counts as the newest.
  private let freshness: Duration
  /// How many updates have begun, the last that has ended well, and when that one began.
  private var updates: (begun: UInt64, done: UInt64, at: ContinuousClock.Instant?) = (0, 0, nil)
  /// Until when nothing is read of who has led astray.
  private var astray: [String: ContinuousClock.Instant] = [:]
  /// Which of the delegates was asked first in the last step.
  private var turn = 0
  /// What was final at the end of the last step.
  private var lastFinal: UInt64?
  /// What other members have shown last, by their identifiers.
  package private(set) var shown: [String: ShownPosition] = [:]

  /// - Parameters:
  ///   - id: the party whose replay it is.
  ///   - state: where the replay is kept; nobody else writes it.
  ///   - keys: a delegate's; nil for who only follows.
  ///   - store: where a delegate's votes are kept.
  ///   - decider: decides claims; that of the genesis' suite unless another is given.
  ///   - clock: seconds since 1970.
  ///   - votingClock: what a delegate says in votes, where that is another: whoever lies about the time
  ///     there would not be heard if it did so in its questions.
  ///   - freshness: for how long one who only follows does without asking again before it does something.
  ///   - patience: for how long an answer of another member is waited for.
  ///   - blockPause: as of ``waitBetweenBlocks(_:)``.
  package init(
    id: String, genesis: ValidGenesis, identity: any PartyIdentity,
    delegate keys: (any DelegateKeys)?,
    state: any StateStore, store: any RoleStore, requests: RequestClient,
    decider given: (any ClaimDecider)? = nil, clock: @escaping @Sendable () -> UInt64,
    votingClock: (@Sendable () -> UInt64)? = nil, freshness: Duration = .zero,
    patience: Duration? = nil, blockPause: Duration = .zero
  ) throws {
    (self.id, self.genesis, self.identity, self.requests) = (id, genesis, identity, requests)
    (self.clock, self.freshness) = (clock, freshness)
    questions = TimelyQuestions(patience: patience)
    peers = PeerEnvelopeKeys(genesis: genesis.digest, requests: requests, clock: clock)
    strangers = RequestQuota(clock: clock)
    let state = CachedStateStore(owning: state)
    consortiumState = state
    decider = try given ?? LedgerSuite.decider(for: genesis)
    if let keys {
      delegate = try Delegate(
        id: id, genesis: genesis, keys: keys, state: state, store: store, decider: decider,
        clock: votingClock ?? clock)
      delegate?.blockPause = blockPause
    } else {
      observer = try ConsortiumFollower(genesis: genesis, store: state, decider: decider)
    }
  }

  private var follower: ConsortiumFollower {
    guard let follower = delegate?.follower ?? observer else {
      preconditionFailure("a node is one of the two")
    }
    return follower
  }

  /// The consortium chain as far as it was decided, or for who follows, as it is final.
  package var consortium: ConsortiumView { follower.reader }

  /// Who takes part in the epoch of the next block.
  package var members: ValidMembers { get throws(StoreError) { try consortium.members } }

  /// Checkpoints that delegates have cosigned and that are not of this chain.
  package var contradictions: [String] { delegate?.contradictions ?? [] }

  /// Who was late in answering, by identifiers of members.
  package nonisolated var lateness: [String: Lateness] { questions.lateness }

  // MARK: Following

  /// Pages of one outbox that are read in one step.
  private static let pageLimit = 64
  /// Pages without the end of a block: any two have more than one has room for, and so have five what no two blocks
  /// hold.
  private static let endlessLimit = 5
  /// For how long, in seconds, nothing is read of who has shown leaves that no block ends, or that the rules refuse, or
  /// statements that are not signed by whom they name.
  private static let astrayPause = 60
  /// How often as long as for one answer one is followed, or others are asked, in one step.
  private static let stepLength = 3

  /// Between two questions of a daemon that does much at a time: less than a delegate takes to learn of a block.
  package static let shortFreshness = Duration.milliseconds(250)

  /// Takes what is final elsewhere. A delegate with a seat learns of it in ``advance()``.
  ///
  /// - Throws: ``StoreError``. That nobody answers is no error: what is known stays.
  package func catchUp() async throws {
    if try takesPart { return }
    if !isFresh { try await update() }
  }

  /// For how long one in turn is enough: what others have shown counts four times as long for who says that it is ready.
  private static let turnPeriod = Duration.seconds(30)

  private var hasAskedEnough: Bool {
    freshness > .zero && updates.at.map { $0.duration(to: .now) < Self.turnPeriod } ?? false
  }

  private var isFresh: Bool { updates.at.map { $0.duration(to: .now) < freshness } ?? false }

  /// The same for whoever asks something and has proven nothing: without end, it is done now and then.
  func catchUpForStrangers() async throws {
    if strangers.take("", limit: Admittance.renewalLimit) { try await catchUp() }
  }

  /// Of whom it is asked what is final.
  private enum Extent {
    /// Of one, in turn: who looks now and then learns of it from the next one.
    case one
    /// One who says that there is nothing more may be dishonest, so more than a third of the delegates have to.
    case enough
    /// Whoever they say they are: the delegates that are known here may be those of long ago.
    case all
  }

  /// Takes what is final elsewhere.
  private func update(asking extent: Extent = .enough) async throws {
    let before = updates.begun
    await gate.enter()
    defer { gate.leave() }
    // Who waited for it, has what was final when it came.
    if extent != .all, updates.done > before { return }
    updates.begun += 1
    let (number, start) = (updates.begun, ContinuousClock.now)
    if isStale {
      observer = try ConsortiumFollower(
        genesis: genesis, store: consortiumState, decider: decider)
      isStale = false
    }
    var answered: Set<String> = []
    let end = endOfStep
    for supernode in try sources(inTurn: extent != .enough) {
      if let end, end < .now { return }
      guard try await followPages(from: supernode) else { continue }
      if extent == .one { return }
      answered.insert(supernode)
      let seats = try delegates.seats
      let count = seats.count { $0.delegate.map(answered.contains) ?? false }
      if extent == .enough, 3 * count > seats.count {
        (updates.done, updates.at) = (number, start)
        return
      }
    }
  }

  /// Who decides the next block, as far as this node knows.
  private var delegates: DelegateSet {
    get throws {
      let reader = consortium
      return try reader.delegates(forHeight: reader.height)
    }
  }

  /// Whom to ask for what is final: the delegates as far as they are known here, then all others, for
  /// the delegates of long ago need not be there any more.
  ///
  /// - Parameter inTurn: whether another delegate comes first each time.
  private func sources(inTurn: Bool) throws -> [String] {
    let delegates = try delegates.delegates(beginningFor: id)
    let others = try members.supernodes.map(\.id).filter { !delegates.contains($0) && $0 != id }
    guard inTurn else { return delegates + others }
    turn &+= 1
    return Self.turned(delegates, by: turn) + Self.turned(others, by: turn)
  }

  private static func turned(_ names: [String], by turn: Int) -> [String] {
    guard !names.isEmpty else { return [] }
    let first = turn % names.count
    return Array(names[first...] + names[..<first])
  }

  /// Until when one step goes on asking, where nobody is waited for.
  private var endOfStep: ContinuousClock.Instant? {
    questions.patience.map { .now + $0 * Self.stepLength }
  }

  /// Takes final leaves from a supernode, page by page.
  ///
  /// - Returns: whether it has shown that there are no more, or brought them.
  private func followPages(from peer: String) async throws -> Bool {
    if isAstray(peer) { return false }
    let end = endOfStep
    var pending: [[UInt8]] = []
    var endless = 0
    while true {
      // What is left is brought by the next step, or by another.
      if pending.isEmpty, let end, end < .now { return false }
      if pending.isEmpty, let end = try follower.awaitedEpochEnd(), end <= follower.engine.size {
        guard try await adoptFinal(covering: end, from: peer) else { return false }
      }
      let from = follower.engine.size + UInt64(pending.count)
      guard let reply = await page(from: from, of: peer) else { return false }
      guard let checkpoint = genesis.consortiumCheckpoint(in: reply.note) else {
        return reply.note.isEmpty && reply.leaves.isEmpty && pending.isEmpty
      }
      if reply.leaves.isEmpty { return pending.isEmpty && checkpoint.size <= from }
      // Others may have come between.
      guard from == follower.engine.size + UInt64(pending.count) else { return true }
      pending += reply.leaves
      let position = from + UInt64(reply.leaves.count)
      guard position <= checkpoint.size else { return false }
      do {
        let count = try follow(pending, final: position == checkpoint.size ? reply.note : nil)
        // More than were given, where the replay was read again from its store.
        guard count <= pending.count else { return true }
        pending.removeFirst(count)
        endless = count > 0 ? 0 : endless + 1
      } catch let error as StoreError {
        throw error
      } catch {
        leadsAstray(peer)
        return false
      }
      if position >= reply.finalSize { return true }
      guard endless < Self.endlessLimit else {
        leadsAstray(peer)
        return false
      }
    }
  }

  private func isAstray(_ peer: String) -> Bool { astray[peer].map { $0 > .now } ?? false }

  /// Where nobody is waited for, nobody who brings nothing keeps this one from what others bring.
  private func leadsAstray(_ peer: String) {
    if questions.patience != nil { astray[peer] = .now + .seconds(Self.astrayPause) }
  }

  /// - Returns: nil if the supernode does not answer.
  private func page(from index: UInt64, of peer: String) async -> ConsortiumReply? {
    let query = ConsortiumQuery(terms(to: peer), from: index)
    guard let reply = try? await ask(FetchConsortium.self, query, about: "\(index)", of: peer)
    else {
      return nil
    }
    note(reply.finalSize, of: peer)
    return reply
  }

  private func note(_ finalSize: UInt64, of peer: String) {
    shown[peer] = ShownPosition(finalSize: finalSize, at: clock())
  }

  /// Takes what is final at a supernode that builds on it, where a delegate would learn of it a moment later.
  ///
  /// - Throws: ``StoreError``. That the supernode shows nothing of it is no error: what is known stays.
  func adoptFinal(of supernode: String, height: UInt64) async throws {
    func isHere() -> Bool { follower.final.map { $0.height >= height } ?? false }
    if isHere() { return }
    // Who only follows has asked delegates, if not just now.
    guard try takesPart else { return try await update() }
    // Not behind the gate: whoever answers late would keep this one from all others.
    _ = try await followPages(from: supernode)
    let size = follower.engine.size
    if !isHere(), size > 0 { _ = try await adoptFinal(covering: size, from: supernode) }
  }

  /// Takes a final checkpoint of leaves that are here, as at the end of an epoch.
  ///
  /// - Returns: whether so many are final here now.
  private func adoptFinal(covering end: UInt64, from peer: String) async throws -> Bool {
    guard let reply = await page(from: end - 1, of: peer) else { return false }
    _ = try delegate?.adopt(final: reply.note)
    do {
      _ = try observer?.adopt(final: reply.note)
    } catch {
      isStale = true
      throw error
    }
    return follower.final?.size ?? 0 >= end
  }

  private func follow(_ leaves: [[UInt8]], final note: String?) throws -> Int {
    let before = follower.engine.size
    _ = try delegate?.follow(leaves, final: note)
    do {
      _ = try observer?.follow(leaves, final: note)
    } catch let error as StoreError {
      // What failed may be stored all the same.
      isStale = true
      throw error
    }
    return Int(clamping: follower.engine.size - before)
  }

  // MARK: Deciding

  /// Between two blocks of a daemon: each is judged, kept and replayed by all, so that what comes within a moment had
  /// better stand in one.
  package static let blockPause = Duration.seconds(1)

  /// Has a delegate let entries come together for so long before it proposes a block.
  package func waitBetweenBlocks(_ pause: Duration) { delegate?.blockPause = pause }

  /// Does everything that is due now: reads what the other delegates have published, and votes,
  /// proposes, decides and cosigns.
  ///
  /// - Returns: whether there is anything new.
  /// - Throws: ``StoreError``; ``ConsortiumError`` `ledger-diverged`.
  package func advance() async throws -> Bool {
    guard try takesPart else {
      // Who looks again in a moment needs nobody's word that there is nothing more, but knows now and then where enough
      // of them are.
      if !isFresh { try await update(asking: hasAskedEnough ? .one : .enough) }
      let isNew = try await handOn()
      defer { lastFinal = follower.final?.size }
      return isNew || follower.final?.size != lastFinal
    }
    await gate.enter()
    defer { gate.leave() }
    var isNew = try await readOutboxes()
    if try await fetchBlocks() { isNew = true }
    if try delegate?.advance() == true { isNew = true }
    if try await handOn() { isNew = true }
    return isNew
  }

  /// Whether this is a delegate who decides blocks now, or has to confirm some.
  package var takesPart: Bool { get throws { try delegate?.takesPart ?? false } }

  /// Hands what was taken while there was a seat to who has one now.
  private func handOn() async throws -> Bool {
    var isNew = false
    for entry in delegate?.orphans ?? [] {
      if try await offer(entry)?.isNew == true { isNew = true }
    }
    return isNew
  }

  /// Offers an entry to the delegates.
  ///
  /// - Returns: whether it was new to one of them; nil if none takes it.
  private func offer(_ entry: Entry) async throws -> OfferReply? {
    var offer = EntryOffer(to: try delegates, by: id)
    while let delegate = offer.next() {
      let about = "\(OfferEntry.name) \(entry.digest)"
      offer.count(
        try? await questions.ask(delegate, about) { [requests] in
          try await requests.ask(OfferEntry(entry), of: delegate)
        })
    }
    return offer.reply
  }

  /// How many outboxes are read at once.
  private static let width = 32

  /// Reads what the other delegates have published: at once where an answer may be late, so that all who are late
  /// cost no more time than one, and else in turn.
  private func readOutboxes() async throws -> Bool {
    let peers = try delegate?.others ?? []
    var isNew = false
    guard questions.patience != nil else {
      for peer in peers where try await read(outboxOf: peer) { isNew = true }
      return isNew
    }
    for first in stride(from: 0, to: peers.count, by: Self.width) {
      let reading = peers[first..<min(first + Self.width, peers.count)].map { peer in
        Task { try await self.read(outboxOf: peer) }
      }
      var results: [Result<Bool, any Error>] = []
      for task in reading { results.append(await task.result) }
      for result in results where try result.get() { isNew = true }
    }
    return isNew
  }

  private func read(outboxOf peer: String) async throws -> Bool {
    if isAstray(peer) { return false }
    let end = questions.patience.map { ContinuousClock.now + $0 }
    var isNew = false
    for number in 0..<Self.pageLimit {
      // What is left is read with the next step.
      if number > 0, let end, end < .now { return true }
      let position = delegate?.position(of: peer) ?? 1
      let query = ConsortiumQuery(terms(to: peer), from: position)
      guard
        let reply = try? await ask(FetchOutbox.self, query, about: "\(position)", of: peer)
      else { return isNew }
      note(reply.finalSize, of: peer)
      let height = delegate?.height
      if try delegate?.receive(reply.items, from: peer, at: position, next: reply.next) == true {
        isNew = true
      }
      if delegate?.hasForged(peer) == true {
        leadsAstray(peer)
        return isNew
      }
      let awaited = try follower.awaitedEpochEnd() ?? .max
      if reply.finalSize > follower.engine.size || reply.finalSize >= awaited {
        if try await followPages(from: peer) { isNew = true }
        return isNew
      }
      // With a new height it is read again from the beginning.
      if reply.items.isEmpty || reply.next >= reply.end || delegate?.height != height {
        return isNew
      }
    }
    return isNew
  }

  /// Fetches the blocks that the delegate wants, each from the first who has it.
  private func fetchBlocks() async throws -> Bool {
    var isNew = false
    for wanted in delegate?.wanted ?? [] {
      for peer in wanted.holders where delegate?.wants(wanted.root) == true {
        let query = BlockQuery(terms(to: peer), height: wanted.height, root: wanted.root)
        let block = try? await ask(FetchBlock.self, query, about: "\(wanted.root)", of: peer)
        if try delegate?.receive(block, for: wanted.root, from: peer) == true { isNew = true }
      }
    }
    return isNew
  }

  /// Has the delegate look again at which keys it has.
  func restartDelegate() throws { try delegate?.restart() }

  /// Whether a block is being decided.
  package var isDeciding: Bool { delegate?.machine.hasBegun ?? false }

  /// Time-outs that wait: whoever drives the delegate says when they expire.
  package var timeouts: [ConsensusTimeout] { delegate?.timeouts ?? [] }

  /// Lets all time-outs expire that wait.
  package func expire() async throws -> Bool { try await expire(timeouts) }

  /// Lets these time-outs expire, if they wait still.
  ///
  /// - Returns: whether anything changed.
  package func expire(_ timeouts: [ConsensusTimeout]) async throws -> Bool {
    var isNew = false
    for timeout in timeouts {
      if try delegate?.expire(timeout) == true { isNew = true }
    }
    // Where nothing comes, others may decide by now.
    let before = follower.engine.size
    try await update(asking: .all)
    return isNew || follower.engine.size != before
  }

  // MARK: Entries

  /// Has an entry of the consortium chain published until it stands there. It may take a block, or
  /// several.
  ///
  /// - Returns: whether it was neither waiting nor standing.
  /// - Throws: the ``Refusal``, as the rules judge it now; ``ConsortiumError`` `unreachable` if no
  ///   delegate takes it.
  @discardableResult
  package func submit(_ entry: Entry) async throws -> Bool {
    if delegate?.hasSeat == true, let isNew = try delegate?.submit(entry) { return isNew }
    try await update()
    if try follower.place(of: entry.digest) != nil { return false }
    if let refusal = try follower.refusal(of: entry, after: []) { throw refusal }
    guard let reply = try await offer(entry) else {
      throw ConsortiumError(.unreachable, "no delegate takes the entry")
    }
    return reply.isNew
  }

  /// Whether an entry that was submitted here waits for a block.
  package func isWaiting(_ entry: Digest32) -> Bool {
    delegate?.isWaiting(entry) ?? false
  }

  /// Takes an entry that somebody else has signed.
  func offer(_ request: OfferEntry) throws -> OfferReply {
    guard delegate?.hasSeat == true, let isNew = try delegate?.submit(request.entry) else {
      throw ConsortiumError(.unsupported, "not a request to who is no delegate")
    }
    return OfferReply(isNew: isNew)
  }

  /// Where an accepted entry of the consortium chain stands.
  package func index(of entry: Digest32) throws -> UInt64? {
    guard let index = try follower.place(of: entry)?.index else { return nil }
    return index
  }

  /// What this party says in each query of its own.
  nonisolated func terms(to recipient: String) -> QueryTerms {
    QueryTerms(genesis: genesis.digest, party: id, recipient: recipient, sentAt: clock())
  }

  /// Asks another for what members may have.
  ///
  /// - Parameter place: what of it, whenever it is asked.
  /// - Throws: also ``ConsortiumError`` `unreachable` for who is late.
  private func ask<Request: QueryRequest>(
    _ request: Request.Type, _ query: Request.Query, about place: String, of peer: String
  ) async throws -> Request.Reply {
    let members = try members
    return try await questions.ask(peer, "\(Request.name) \(place)") { [identity, requests] in
      try await identity.signing(in: members) { key in
        try await requests.ask(Request(query: Signed(Message(query), by: key)), of: peer)
      }
    }
  }

  // MARK: Answers

  private static let pageByteCount = MessageLimits.plain / 2

  /// Those of this epoch, the next as far as it is decided, and the last.
  var neighbouringMembers: [ValidMembers] {
    get throws {
      let reader = consortium
      let epoch = genesis.epoch(ofHeight: reader.height)
      return [
        try reader.members, try reader.nextMembers,
        try reader.members(inEpoch: epoch - min(epoch, 1)),
      ]
    }
  }

  /// What this delegate has published.
  func outbox(_ request: FetchOutbox) throws -> OutboxReply {
    let from = request.asked.from
    guard let delegate else {
      throw ConsortiumError(.unsupported, "not a request to who is no delegate")
    }
    let page = delegate.published(from: from, byteCount: Self.pageByteCount)
    return OutboxReply(
      items: page.items, next: page.next, end: page.end,
      finalSize: delegate.follower.final?.size ?? 0)
  }

  /// The items of a block that this delegate has found valid.
  func block(_ request: FetchBlock) throws -> ProposedBlock {
    let wanted = request.asked
    guard let delegate else {
      throw ConsortiumError(.unsupported, "not a request to who is no delegate")
    }
    guard let block = try delegate.block(wanted.root, height: wanted.height) else {
      throw ConsortiumError(.notFinal, "the delegate does not have this block")
    }
    return block
  }

  /// Final leaves of the consortium chain.
  func leaves(_ request: FetchConsortium) throws -> ConsortiumReply {
    let from = request.asked.from
    let reader = consortium
    let page = try reader.page(from: from, byteCount: Self.pageByteCount)
    return ConsortiumReply(
      leaves: page?.leaves ?? [], note: page?.note ?? "", finalSize: reader.final?.size ?? 0)
  }

  /// The ends of epochs, for who follows the sets of delegates.
  func epochEnds(_ request: FetchEpochEnds) throws -> EpochEndsReply {
    EpochEndsReply(
      ends: try consortium.epochEnds(from: request.epoch, byteCount: Self.pageByteCount))
  }

  /// Who takes part in an epoch that has begun here.
  func members(_ request: FetchMembers) throws -> MembersReply {
    let reader = consortium
    guard request.epoch <= genesis.epoch(ofHeight: reader.height) else {
      throw ConsortiumError(.notFinal, "the epoch has not begun here")
    }
    return MembersReply(try reader.members(inEpoch: request.epoch).members)
  }

  // MARK: Finality

  /// For how many seconds the newest block that is known here says what holds now, at least: blocks come at least
  /// every maxLag/4, and clocks differ by less than ``RequestRule/skew``.
  package static let recency = RequestRule.skew + 300

  /// That what is known here of the consortium chain is of now: whoever is kept from it would give away under
  /// what has ended since.
  ///
  /// - Throws: ``ConsortiumError`` `out-of-time`.
  func requireRecent() throws {
    let (now, time) = (clock(), consortium.time)
    let lifetime = max(Self.recency, RequestRule.skew &+ (try members.numbers.maximumLag))
    guard now <= time &+ lifetime else {
      throw ConsortiumError(
        .outOfTime, "the newest block that \(id) knows is \(now &- time) seconds old")
    }
  }

  /// The last final consortium block.
  ///
  /// - Throws: ``ConsortiumError`` `not-final` before the first.
  package func finalBlock() async throws -> ConsortiumBlock {
    try await catchUp()
    guard let block = try consortium.finalBlock() else {
      throw ConsortiumError(.notFinal, "the consortium has no final block yet")
    }
    return block
  }

  /// Whether a leaf of a hospital's chain is final: covered by a checkpoint whose anchor is final,
  /// and whose root is that of this replay (specification 6.5).
  package func isFinal(_ index: UInt64, on chain: HospitalView) throws -> Bool {
    try finalAnchor(covering: index, on: chain) != nil
  }

  /// The item of a hospital's chain that a proof shows, by an anchor which is final here: for who has no such
  /// leaf of it.
  ///
  /// - Throws: ``LedgerError`` `invalid-proof`; ``StoreError``.
  func item(provenBy proof: FinalityProof, on hospital: String) throws -> Entry? {
    let consortium = consortium
    guard let leaf = proof.hospital,
      let anchor = try consortium.firstAnchor(covering: leaf.index, of: hospital),
      anchor.index < consortium.final?.size ?? 0,
      case .item(let entry) = try leaf.verify(size: anchor.size, root: anchor.root.bytes)
    else { return nil }
    return entry
  }

  func finalAnchor(covering index: UInt64, on chain: HospitalView) throws -> AnchorRecord? {
    let consortium = consortium
    guard let anchor = try consortium.firstAnchor(covering: index, of: chain.hospital),
      anchor.index < consortium.final?.size ?? 0, try chain.leads(to: anchor)
    else { return nil }
    return anchor
  }
}
