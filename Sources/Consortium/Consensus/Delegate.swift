package import CanonicalEncoding
package import Consensus
import Credentials
package import Ledger
import TransparencyLog

/// A delegate's part in deciding the blocks of the consortium chain: the machine of ``Consensus`` over
/// the delegate's own replay, store and outbox (specification 6.11).
///
/// It waits for nothing and asks nobody; ``LedgerNode`` brings what the others publish. A vote is
/// stored, with the lock that it makes, before the outbox shows it; a checkpoint is cosigned once its
/// block is decided and stored.
package struct Delegate: Sendable {
  /// What is kept of another delegate's outbox.
  struct Peer: Sendable {
    /// Where to go on reading.
    var next: UInt64 = 1
    /// Whether something was passed over that is of a later height than the one under way.
    var isAhead = false
    /// Of statements of the height under way, how many it has shown that are not signed by whom they name.
    var forgeries = 0
    var waiting: [WaitingEntry] = []
  }

  package let id: String
  /// For how long, behind a block, one whose turn it is lets entries come together before it begins the next one;
  /// others begin by its proposal, or after twice as long.
  package var blockPause = Duration.zero
  /// When this delegate has come to its height.
  private var heightBegan: ContinuousClock.Instant?
  /// What others have said of a height that has not begun here.
  var early: [SeatStatement] = []
  let keys: any DelegateKeys
  let clock: @Sendable () -> UInt64
  private let state: any StateStore
  private let store: any RoleStore
  private let decider: any ClaimDecider

  package internal(set) var follower: ConsortiumFollower
  /// Of the height under way.
  package private(set) var delegates: DelegateSet
  package internal(set) var machine: ConsensusMachine
  var outbox: Outbox
  var shelf: BlockShelf
  var peers: [String: Peer] = [:]
  /// Time-outs that were asked for and have not expired.
  package private(set) var timeouts: [ConsensusTimeout] = []
  /// Blocks of this height that the rules accept.
  var blocks: [Digest32: ConsortiumFollower.TrialBlock] = [:]
  /// The blocks that the machine asked about, with the round in which each was first proposed if the
  /// clock has to be asked.
  var awaited: [Digest32: UInt64?] = [:]
  /// By the block that was asked for, who has answered with something else.
  var misled: [Digest32: Set<String>] = [:]
  /// Who did not have the block that was asked for, or did not answer.
  var unserved: Set<String> = []
  /// Those of this height and those decided for the next epoch, while it is this height.
  var members: (height: UInt64, sets: [ValidMembers])?
  /// The entries of the outbox as they were judged one behind the other, where the chain stands.
  private var line: (height: UInt64, entries: [Digest32], judged: ConsortiumFollower.WaitingLine)?
  /// Entries that the rules refuse at this height.
  private var idle: Set<Digest32> = []
  /// Cosigned checkpoints by the size of a block's end, of blocks that are not final.
  var cosigned: [UInt64: [CosignedCheckpoint]] = [:]
  /// Checkpoints that delegates have cosigned and that are not of this chain, the last 64.
  package internal(set) var contradictions: [String] = []
  private var lastStored: StoredConsensus?
  /// What was verified of the height under way.
  package internal(set) var verified = VerifiedStatements()
  /// Whether something failed half-way, so that only what is stored counts.
  private(set) var isBroken = false

  static let storedKey = "consensus/state"
  /// What is proposed at once, in bytes.
  private static let proposalByteLimit = 1 << 20
  /// How many decided blocks may be not final. While cosigners are missing nobody else can use such
  /// a block, and each stays in the outbox.
  private static let unfinishedLimit: UInt64 = 16

  /// Opens what the stores hold.
  ///
  /// - Parameters:
  ///   - state: the consortium chain's.
  ///   - clock: seconds since 1970.
  /// - Throws: ``StoreError``; ``ConsortiumError`` `ledger-diverged` if the chain does not lead to
  ///   the checkpoint that was cosigned last.
  package init(
    id: String, genesis: ValidGenesis, keys: any DelegateKeys, state: any StateStore,
    store: any RoleStore,
    decider: any ClaimDecider, clock: @escaping @Sendable () -> UInt64
  ) throws {
    (self.id, self.keys, self.clock) = (id, keys, clock)
    (self.state, self.store, self.decider) = (state, store, decider)
    follower = try ConsortiumFollower(genesis: genesis, store: state, decider: decider)
    outbox = try Outbox(store: store)
    shelf = try BlockShelf(store: store)
    lastStored = try store.value(forKey: Self.storedKey).map(Self.stored)
    (delegates, machine) = try Self.machine(follower, id, keys, lastStored)
    try requireOwnChain()
    // What a crash kept between the decision and the outbox.
    try publishDecision()
    try removeDone()
    if machine.hasBegun { try run(machine.begin()) }
    try persist()
  }

  package var genesis: ValidGenesis { follower.genesis }

  // MARK: Heights

  private static func machine(
    _ follower: ConsortiumFollower, _ id: String, _ keys: any DelegateKeys,
    _ stored: StoredConsensus?
  ) throws -> (DelegateSet, ConsensusMachine) {
    let height = follower.engine.height
    let delegates = try follower.reader.delegates(forHeight: height)
    let seat = delegates.seats.firstIndex {
      $0.delegate == id && keys.votingKey($0.votingKey) != nil
    }
    let setting = ConsensusMachine.Setting(
      genesis: follower.genesis.digest, epoch: delegates.epoch, height: height,
      seatCount: delegates.seats.count, emptySeats: delegates.emptySeats,
      seat: seat.map(UInt64.init))
    return (delegates, ConsensusMachine(setting, restoring: stored))
  }

  @inline(never)
  static func stored(_ bytes: [UInt8]) throws(StoreError) -> StoredConsensus {
    do {
      return try StoredConsensus(sequence: bytes)
    } catch {
      throw StoreError(.corrupted, "\(storedKey) cannot be read: \(error)")
    }
  }

  private mutating func beginHeight() throws {
    (delegates, machine) = try Self.machine(follower, id, keys, lastStored)
    (timeouts, blocks, awaited, misled) = ([], [:], [:], [:])
    for id in peers.keys {
      try peers[id]?.waiting.removeAll {
        try idle.contains($0.digest) || follower.place(of: $0.digest) != nil
      }
    }
    (idle, verified, early) = ([], VerifiedStatements(), [])
    for id in peers.keys { peers[id]?.forgeries = 0 }
    heightBegan = .now
    readAgain()
    if machine.hasBegun { try run(machine.begin()) }
  }

  /// Reads from the beginning what was passed over since its time had not come.
  mutating func readAgain() {
    for (id, peer) in peers where peer.isAhead {
      peers[id]?.next = 1
      peers[id]?.isAhead = false
    }
  }

  /// Whether this height may begin. A decision of it is taken all the same.
  var mayBegin: Bool {
    machine.hasBegun || height < follower.unfinalHeight + Self.unfinishedLimit
  }

  /// The height under way.
  package var height: UInt64 { follower.engine.height }

  /// Whose outboxes there is something to read in: the delegates of the height under way; those of the
  /// first block that is not final, which they have to cosign; and those of the last block, while its
  /// commits are not known here, without which nobody proposes the next one.
  package var others: [String] {
    get throws {
      let cosigning = try follower.reader.delegates(forHeight: follower.unfinalHeight)
      let decided =
        follower.decision == nil && height > 0
        ? try follower.reader.delegates(forHeight: height - 1).seats : []
      var others: [String] = []
      for delegate in (delegates.seats + cosigning.seats + decided).compactMap(\.delegate)
      where delegate != id && !others.contains(delegate) {
        others.append(delegate)
      }
      return others
    }
  }

  /// Whether this delegate has a seat at the height under way.
  package var hasSeat: Bool { seat != nil }

  /// The same, or it had one in a block that is not final yet.
  package var takesPart: Bool {
    get throws {
      let next = follower.unfinalHeight
      return try hasSeat
        || next < height && follower.reader.delegates(forHeight: next).seat(of: id) != nil
    }
  }

  /// What it has taken, and has to hand to those who have a seat: nobody reads its outbox any more.
  package var orphans: [Entry] { hasSeat ? [] : waiting }

  private var seat: UInt64? { machine.setting.seat }

  /// That of the seat.
  private var votingKey: IdentityKey? {
    seat.flatMap { keys.votingKey(delegates.seats[Int($0)].votingKey) }
  }

  // MARK: Storing

  /// Does some work, and stores what came of it. If anything fails, what is not stored is forgotten.
  ///
  /// - Returns: whether there is anything new, for others or on the chain.
  mutating func durably(_ work: (inout Self) throws -> Void) throws -> Bool {
    try recover()
    isBroken = true
    let before = (follower.engine.size, follower.final?.size)
    try work(&self)
    let isNew = try persist()
    isBroken = false
    return isNew || before != (follower.engine.size, follower.final?.size)
  }

  private mutating func recover() throws {
    if isBroken { try restart() }
  }

  /// Begins anew with what is stored.
  mutating func restart() throws {
    let pause = blockPause
    self = try Self(
      id: id, genesis: genesis, keys: keys, state: state, store: store, decider: decider,
      clock: clock)
    blockPause = pause
  }

  @discardableResult
  private mutating func persist() throws -> Bool {
    let round = machine.round
    outbox.removeAll {
      // Of votes for no block nobody needs those of rounds long over.
      if case .vote(let signed) = $0.item {
        signed.vote.root == nil && signed.vote.round < round && round - signed.vote.round > 1
      } else {
        false
      }
    }
    dropBlocks()
    var changes = outbox.takeChanges()
    changes.merge(shelf.takeChanges()) { $1 }
    let stored = machine.stored
    // Of a height at which nothing was said there is nothing to remember; and whose replay was put back
    // remembers what it said above it.
    let isRemembered = machine.hasBegun && height >= lastStored?.height ?? 0
    if isRemembered, stored != lastStored { changes[Self.storedKey] = stored.encodedSequence() }
    guard !changes.isEmpty else { return false }
    try store.write(changes)
    if isRemembered { lastStored = stored }
    return true
  }

  /// What others may read: only what is stored.
  package func published(from position: UInt64, byteCount: Int) -> OutboxPage {
    isBroken
      ? OutboxPage(next: position, end: position)
      : outbox.page(from: position, byteCount: byteCount)
  }

  // MARK: Entries

  /// Takes an entry that is to stand on the chain, and publishes it until it does or the rules refuse
  /// it.
  ///
  /// - Returns: whether it was not waiting, or standing, before.
  /// - Throws: the ``Refusal``; ``ConsortiumError`` `too-large` if too many of the same member wait.
  package mutating func submit(_ entry: Entry) throws -> Bool {
    try recover()
    // A refusal leaves everything as it is: whoever offers what is refused stops nothing.
    guard try isNew(entry) else { return false }
    return try durably { $0.outbox.append(.entry(entry.encoded())) }
  }

  /// - Throws: as ``submit(_:)``.
  private mutating func isNew(_ entry: Entry) throws -> Bool {
    let bytes = entry.encoded()
    let digest = Digest32(sha256: bytes)
    let waiting = outbox.waiting
    if try follower.place(of: digest) != nil || waiting.contains(where: { $0.digest == digest }) {
      return false
    }
    let hasRoom = try hasRoom(for: entry, bytes.count, beside: waiting, in: .outbox)
    var line = try line(of: waiting)
    // Held once, or judging would copy all that was judged before.
    self.line = nil
    let refusal = try line.judged.append(entry)
    if let refusal {
      self.line = line
      throw refusal
    }
    guard hasRoom else {
      throw ConsortiumError(.tooLarge, "too many entries of its member wait for a block")
    }
    line.entries.append(digest)
    self.line = line
    return true
  }

  /// What waits, as it was judged where the chain stands.
  private func line(
    of waiting: [WaitingEntry]
  ) throws(StoreError) -> (
    height: UInt64, entries: [Digest32], judged: ConsortiumFollower.WaitingLine
  ) {
    let entries = waiting.map(\.digest)
    if let line, line.height == height, line.entries == entries { return line }
    var judged = follower.waitingLine
    for waiting in waiting { _ = try judged.append(waiting.entry, claimsHold: true) }
    return (height, entries, judged)
  }

  /// The entries that this delegate has taken and that no block holds.
  package var waiting: [Entry] { outbox.waiting.map(\.entry) }

  /// Whether an entry that this delegate has taken waits for a block.
  package func isWaiting(_ entry: Digest32) -> Bool {
    outbox.items.contains { $0.entry?.digest == entry }
  }

  /// What a block could hold now: the own entries, then those of the others by seat.
  private var candidates: [WaitingEntry] {
    let count = delegates.seats.count
    let own = Int(seat ?? 0)
    return outbox.waiting
      + (1..<max(count, 1)).flatMap { offset in
        delegates.seats[(own + offset) % count].delegate.flatMap { peers[$0] }?.waiting ?? []
      }
  }

  /// As many of them as fit into one message, whatever the genesis allows in a block.
  private var proposable: [Entry] {
    var byteCount = 0
    return candidates.filter {
      byteCount += $0.byteCount
      return byteCount <= Self.proposalByteLimit
    }.map(\.entry)
  }

  /// Whether so long has gone by since the last block.
  func hasPaused(for pause: Duration) -> Bool {
    guard pause > .zero, let heightBegan else { return true }
    return heightBegan.duration(to: .now) >= pause
  }

  /// Whether a block is wanted: something waits that the rules accept, or nothing has happened for a
  /// quarter of maxLag.
  private mutating func isDue() throws -> Bool {
    if height == 0 { return true }
    let isTurn = machine.setting.proposer(ofRound: 0) == seat
    if !hasPaused(for: isTurn ? blockPause : blockPause * 2) { return false }
    let quiet = try follower.reader.members.numbers.maximumLag / 4
    let (now, time) = (clock(), follower.reader.time)
    if now >= time, now - time >= quiet { return true }
    for waiting in candidates where !idle.contains(waiting.digest) {
      if try follower.refusal(of: waiting.entry, after: []) == nil { return true }
      idle.insert(waiting.digest)
    }
    return false
  }

  // MARK: Deciding

  /// Does everything that is due now.
  package mutating func advance() throws -> Bool {
    try durably { (delegate) throws in
      if !delegate.machine.hasBegun, delegate.mayBegin,
        try delegate.isAsked || delegate.isDue()
      {
        try delegate.run(delegate.machine.begin())
        try delegate.receiveEarly()
      }
      try delegate.judgeAwaited()
    }
  }

  /// Lets a time-out expire that was asked for.
  package mutating func expire(_ timeout: ConsensusTimeout) throws -> Bool {
    try durably { (delegate) throws in
      guard let index = delegate.timeouts.firstIndex(of: timeout) else { return }
      delegate.timeouts.remove(at: index)
      // What did not come may have been lost: everything is read again.
      for peer in delegate.peers.keys { delegate.peers[peer]?.next = 1 }
      try delegate.run(delegate.machine.expire(timeout))
    }
  }

  mutating func run(_ effects: [ConsensusEffect]) throws {
    var queue = effects[...]
    while let effect = queue.popFirst() {
      switch effect {
      case .propose(let round): queue += try propose(in: round)
      case .judge(let root, let round):
        awaited.updateValue(round, forKey: root)
        queue += try judge(root)
      case .sign(let vote): queue += try sign(vote)
      case .signProposal(let proposal, let prepares): queue += try sign(proposal, prepares)
      case .relay(let votes):
        // Whoever is dishonest may have shown them to this delegate alone.
        for vote in votes { outbox.appendOnce(.vote(vote)) }
      case .schedule(let timeout): timeouts.append(timeout)
      case .decide(let certificate):
        return try decide(certificate)
      case .equivocation(let evidence): try report(evidence)
      }
    }
  }

  private mutating func propose(in round: UInt64) throws -> [ConsensusEffect] {
    var commits: CommitSet?
    if height > 0 {
      // Who has come by the leaves alone may not have it yet.
      guard let decision = follower.decision else { return [] }
      commits = CommitSet(decision)
    }
    let opening = BlockOpening(
      height: height, round: round, time: max(clock(), follower.reader.time), commits: commits)
    let (block, refused) = try follower.build(try entry(opening), from: proposable)
    idle.formUnion(refused.keys)
    keep(block)
    return machine.proposed(block.root, round: round)
  }

  private mutating func sign(_ vote: ConsensusVote) throws -> [ConsensusEffect] {
    guard let seat, let key = votingKey else { return [] }
    let signed = SignedVote(vote: vote, seat: seat, signature: key.sign(vote))
    // After a restart the machine signs again what it had signed.
    outbox.appendOnce(.vote(signed))
    return machine.receive(signed)
  }

  private mutating func sign(
    _ proposal: ConsensusProposal, _ prepares: [SignedVote]
  ) throws -> [ConsensusEffect] {
    guard let seat, let key = votingKey else { return [] }
    let signed = SignedProposal(
      proposal: proposal, seat: seat, signature: key.sign(proposal), prepares: prepares)
    outbox.appendOnce(.proposal(signed))
    return machine.receive(signed)
  }

  mutating func judgeAwaited() throws {
    for root in Array(awaited.keys) { try run(judge(root)) }
  }

  /// Answers the machine about a block, if its items are known.
  private mutating func judge(_ root: Digest32) throws -> [ConsensusEffect] {
    guard let asked = awaited[root], let block = try block(root) else { return [] }
    awaited.removeValue(forKey: root)
    guard let round = asked else { return machine.judged(root, .valid) }
    let isTimely =
      try block.opening.round == round && isTimely(block.opening.time, in: round)
    return machine.judged(root, isTimely ? .valid : .untimely)
  }

  private func isTimely(_ time: UInt64, in round: UInt64) throws -> Bool {
    let now = clock()
    let (tolerance, overflows) = try follower.reader.members.numbers.clockTolerance
      .multipliedReportingOverflow(by: round.addingReportingOverflow(1).partialValue)
    return overflows || max(time, now) - min(time, now) <= tolerance
  }

  /// The block of this name, if it is known.
  private mutating func block(_ root: Digest32) throws -> ConsortiumFollower.TrialBlock? {
    if let known = blocks[root] { return known }
    // After a restart.
    guard let kept = shelf[root], let block = try trial(kept) else { return nil }
    blocks[root] = block
    return block
  }

  // MARK: Decisions

  private mutating func decide(_ certificate: CommitCertificate) throws {
    guard let block = blocks[certificate.root] else {
      throw StoreError(.conflict, "a block is decided that was not judged")
    }
    try follower.decide(block, by: certificate)
    try publishDecision()
    try removeDone()
    try beginHeight()
  }

  /// The certificate of the last block, and exactly one cosignature on its checkpoint.
  private mutating func publishDecision() throws {
    if let decision = follower.decision { outbox.appendOnce(.decision(decision)) }
    try cosign()
  }

  /// The checkpoint that was cosigned last.
  private func lastCosigned() throws -> Checkpoint? {
    for placed in outbox.items.reversed() {
      if case .cosignature(let note) = placed.item { return try Self.checkpoint(note) }
    }
    return nil
  }

  @inline(never)
  static func checkpoint(_ note: String) throws -> Checkpoint {
    try Checkpoint(body: SignedNote(encoded: note).body)
  }

  /// Cosigns the checkpoint of each block that is decided here and not final, where this delegate had a
  /// seat: also of blocks that it took from others by the commits on them, or its vote would be missing
  /// at the end of an epoch, which nothing passes over. The last block that is final here too: who is
  /// dishonest may have cosigned it for this delegate alone, and the others wait for its cosignature.
  private mutating func cosign() throws {
    let reader = follower.reader
    let last = try lastCosigned()?.size ?? 0
    var height = follower.final?.height ?? 0
    while height < reader.height, let block = try reader.block(height) {
      let size = block.index + 1
      if size > last,
        let key = keys.cosigner(among: try reader.delegates(forHeight: height).cosigners)
      {
        let note = try key.cosign(reader.checkpoint(size: size), at: block.time)
          .note.encoded
        outbox.append(.cosignature(note: note))
        try count(cosignature: note)
      }
      height += 1
    }
  }

  /// A chain that does not lead to what was cosigned is not the one that was decided.
  private func requireOwnChain() throws {
    guard let last = try lastCosigned(), last.size <= follower.reader.size else { return }
    guard try follower.reader.checkpoint(size: last.size) == last else {
      throw ConsortiumError(
        .ledgerDiverged, "the chain does not lead to the checkpoint that was cosigned")
    }
  }

  /// Removes from the outbox what nobody needs any more: of final blocks all but the last decision and
  /// cosignature, of decided heights proposals and votes, and entries that stand or are refused.
  mutating func removeDone() throws {
    let (height, final) = (height, follower.final)
    let newest = try lastCosigned()?.size ?? 0
    try outbox.removeAll { placed throws in
      switch placed.item {
      case .entry: return false
      case .vote(let signed): return signed.vote.height < height
      case .proposal(let signed): return signed.proposal.height < height
      case .decision(let certificate):
        return certificate.height + 1 < height
          && final.map { certificate.height <= $0.height } ?? false
      case .cosignature(let note):
        let size = try Self.checkpoint(note).size
        return size < newest && size <= final?.size ?? 0
      }
    }
    try removeDoneEntries()
  }

  private mutating func removeDoneEntries() throws {
    // Where the chain stands as before, the rules say what they said.
    if let line, line.height == height, line.entries == outbox.waiting.map(\.digest) { return }
    line = nil
    var judged = follower.waitingLine
    var kept: [Digest32] = []
    try outbox.removeAll { placed throws in
      guard let waiting = placed.entry else { return false }
      if try follower.place(of: waiting.digest) != nil { return true }
      if let refusal = try judged.append(waiting.entry), refusal != .blockFull { return true }
      kept.append(waiting.digest)
      return false
    }
    line = (height, kept, judged)
  }

  // MARK: Others' leaves

  /// Takes leaves that are final, from whoever has them, where this delegate was left behind.
  package mutating func follow(_ leaves: [[UInt8]], final note: String?) throws -> Bool {
    try durably { (delegate) throws in
      guard try delegate.follower.follow(leaves, final: note) > 0 else { return }
      try delegate.requireOwnChain()
      try delegate.cosign()
      try delegate.removeDone()
      try delegate.beginHeight()
    }
  }

  // MARK: Evidence

  private mutating func report(_ evidence: SeatEquivocation) throws {
    let report = VoteEquivocationReport(
      first: .init(object: evidence.first.object, signature: evidence.first.signature),
      second: .init(object: evidence.second.object, signature: evidence.second.signature))
    let entry = try entry(report)
    do {
      if try isNew(entry) { outbox.append(.entry(entry.encoded())) }
    } catch is Refusal {
      // Somebody else has reported it.
    } catch is ConsortiumError {
      // Too much waits; it will be seen again.
    }
  }

  /// An entry for the block under way.
  func entry(_ body: some CanonicalObject) throws(StoreError) -> Entry {
    Entry(
      EntryContent(
        genesis: genesis.digest, chain: ChainName.consortium, signer: .party(id), body: body),
      signedBy: keys.identity(in: try follower.reader.members))
  }
}
