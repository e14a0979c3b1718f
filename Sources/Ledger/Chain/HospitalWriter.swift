package import CanonicalEncoding
import Credentials
import EMRScheme
package import TransparencyLog

/// The one writer of a hospital's chain.
///
/// Its log is the chain: an entry that the rules accept is appended where the log ends, and nowhere
/// else, so two processes of one hospital cannot fork it. The state follows block by block and is
/// never ahead of the log; opening replays at most one block.
package actor HospitalWriter {
  private let log: any ChainLog
  private let decider: any ClaimDecider
  private let identity: any PartyIdentity
  private let gate = SerialGate()
  private var engine: ChainEngine<HospitalRules>
  private var confirmed: ConfirmedRecord?
  /// How many leaves the one covers that is stored.
  private var keptSize: UInt64
  /// After a failure nobody knows what the log holds; it is read again before anything else.
  private var isStale = true

  /// - Parameter identity: signs the hospital's own entries.
  package init(
    genesis: ValidGenesis, hospital: String, log: any ChainLog, store: any StateStore,
    consortium: any StateStore, decider: any ClaimDecider, identity: any PartyIdentity
  ) throws(StoreError) {
    self.log = log
    self.decider = decider
    self.identity = identity
    engine = try ChainEngine(
      rules: HospitalRules(
        genesis: genesis, hospital: hospital, consortium: consortium, decider: decider),
      store: store, keepsLeaves: false)
    let view = engine.view()
    let kept: ConfirmedRecord? = view.value(.confirmed)
    (confirmed, keptSize) = (kept, kept?.size ?? 0)
    if let failure = view.failure { throw failure }
  }

  private var genesis: ValidGenesis { engine.rules.genesis }
  private var hospital: String { engine.rules.hospital }

  package var view: HospitalView { HospitalView(engine: engine, confirmed: confirmed) }
  package var size: UInt64 { engine.size }
  package var generation: UInt64 { engine.generation }
  package var position: UInt64 { engine.position }
  package var openItemCount: Int { engine.openLeaves.count }
  package var header: BlockHeader? { engine.header }

  private func serialized<Value: Sendable>(
    _ body: () async throws -> Value
  ) async throws -> Value {
    await gate.enter()
    defer { gate.leave() }
    try await catchUp()
    return try await body()
  }

  // MARK: Opening

  private static let batchByteCount = 1 << 20

  /// Takes what the log holds beyond the state: the open block after a restart, or what stands there
  /// after an append whose outcome is not known.
  ///
  /// The leaves are this writer's own: their claims were decided before they were appended.
  private func catchUp() async throws {
    guard isStale else { return }
    let size = try await log.size()
    guard size >= engine.position else {
      throw LedgerError(
        .inconsistentLog, "the log of \(hospital) ends at \(size), before its state")
    }
    while engine.position < size {
      let leaves = try await log.leaves(
        from: engine.position, limit: Int.max, byteCount: Self.batchByteCount)
      guard !leaves.isEmpty else {
        throw StoreError(.corrupted, "the log of \(hospital) has no leaf \(engine.position)")
      }
      try replay(leaves)
    }
    isStale = false
  }

  /// Replays leaves that stand in the log.
  private func replay(_ leaves: [[UInt8]]) throws {
    for leaf in leaves {
      do {
        _ = try engine.replay(leaf)
      } catch {
        switch error {
        case .store(let error): throw error
        case .fault(let fault):
          throw LedgerError(.inconsistentLog, "the log of \(hospital): \(fault)")
        }
      }
      if engine.openLeaves.isEmpty { try commit() }
    }
  }

  /// Appends leaves of the chain that this writer has lost and its cloud still has, after every
  /// claim of them is decided and their root is that of a checkpoint the cloud cosigned.
  ///
  /// - Parameter leaves: those behind the last header.
  /// - Throws: ``LedgerError`` `inconsistent-log` if they do not continue this log.
  package func recover(_ leaves: [[UInt8]], confirmed: ConfirmedRecord, root: [UInt8]) async throws
  {
    try await serialized {
      // What was written before the loss is known already, if it is the same.
      guard leaves.starts(with: engine.openLeaves) else {
        throw LedgerError(
          .inconsistentLog, "the log of \(hospital) has an open block that its cloud has not")
      }
      let leaves = Array(leaves.dropFirst(engine.openLeaves.count))
      var trial = engine
      var claims: [Claim] = []
      for leaf in leaves {
        do {
          claims += try trial.replay(leaf).map(\.claim)
        } catch {
          throw LedgerError(.inconsistentLog, "what the cloud returns does not continue the log")
        }
      }
      guard trial.openLeaves.isEmpty, try trial.root(size: trial.size) == root,
        decider.firstFailure(of: claims) == nil
      else {
        throw LedgerError(.inconsistentLog, "what the cloud returns is not what it confirmed")
      }
      try await append(leaves) { try replay(leaves) }
      self.confirmed = confirmed
    }
  }

  // MARK: Writing

  /// Appends leaves, then does what follows from them.
  private func append(_ leaves: [[UInt8]], _ follow: () throws -> Void) async throws {
    isStale = true
    try await log.append(leaves, at: engine.position)
    try follow()
    isStale = false
  }

  package enum Outcome: Sendable {
    /// The index of the item; it may have been there before.
    case written(UInt64)
    case refused(Refusal, position: UInt64)
  }

  /// Judges an entry and, if the rules accept it, appends it. Returns when that is durable.
  ///
  /// - Parameters:
  ///   - base: the newest final consortium block, to which the chain's base is moved where the entry
  ///     needs it or the present one is too old.
  ///   - closingBlock: whether the block ends with this entry, although the rules do not ask for it.
  package func submit(
    _ entry: Entry, base: ConsortiumBlock, closingBlock: Bool = false
  ) async throws -> Outcome {
    try await serialized {
      if let known = try view.index(of: entry.digest) { return .written(known) }
      try await answerDemands()
      if try lags(behind: base) || isChanged(entry.content.signer, by: base)
        || isConfirmedByAnother(on: base)
      {
        try await advance(to: base)
      }
      var outcome = try await write(entry, closingBlock: closingBlock)
      if case .refused = outcome, engine.block.base.map({ $0 != base }) ?? true {
        try await advance(to: base)
        outcome = try await write(entry, closingBlock: closingBlock)
      }
      // With the base came a demand for it, which was answered.
      if case .refused = outcome, let known = try view.index(of: entry.digest) {
        return .written(known)
      }
      return outcome
    }
  }

  /// Whether the base is so old that an anchor might not be taken any more.
  private func lags(behind base: ConsortiumBlock) throws -> Bool {
    guard let own = engine.block.base else { return true }
    return base.countedTime > own.countedTime + (try members(at: base)).numbers.maximumLag / 4
  }

  /// By whom the chain is judged on a base.
  private func members(at base: ConsortiumBlock?) throws(StoreError) -> ValidMembers {
    guard let base else { return genesis.members }
    return try members(onBase: base.reference.height)
  }

  private func members(onBase height: UInt64) throws(StoreError) -> ValidMembers {
    let reader = ConsortiumReader(genesis: genesis, store: engine.rules.consortium)
    let members = reader.members(at: height)
    if let failure = reader.state.failure { throw failure }
    return members
  }

  /// Whether a party or doctor who signs has other keys, or another status, as of a base than as of the
  /// present one: a key that was stolen is not to serve until the base moves for another reason.
  private func isChanged(
    _ signer: EntrySigner, by base: ConsortiumBlock
  ) throws(StoreError) -> Bool {
    guard case .party(let id) = signer, let own = engine.block.base,
      own.reference.height < base.reference.height
    else { return false }
    let reader = ConsortiumReader(genesis: genesis, store: engine.rules.consortium)
    let (before, now) = (own.reference.height, base.reference.height)
    let former = reader.doctor(id, at: before)
    let present = reader.doctor(id, at: now)
    let isReplaced =
      reader.members(at: before).identityKey(of: id) != reader.members(at: now).identityKey(of: id)
    if let failure = reader.state.failure { throw failure }
    return isReplaced || former?.version != present?.version
  }

  /// Whether another cloud confirms blocks on a base than on the present one, or the same with another
  /// key: what is written from now on is better confirmed by that one.
  private func isConfirmedByAnother(on base: ConsortiumBlock) throws(StoreError) -> Bool {
    guard let own = engine.block.base, own.reference.height < base.reference.height else {
      return false
    }
    guard let key = try confirmingKey(onBase: base.reference.height) else { return false }
    return try key != confirmingKey(onBase: own.reference.height)
  }

  /// The key of the cloud that confirms blocks on a base; nil if none does.
  private func confirmingKey(onBase height: UInt64) throws(StoreError) -> [UInt8]? {
    try members(onBase: height).cosigners(ofHospital: hospital).first?.key.publicKey
  }

  private func write(_ entry: Entry, closingBlock: Bool = false) async throws -> Outcome {
    let proposal: ChainEngine<HospitalRules>.Proposal
    switch try engine.judge(entry) {
    case .failure(.blockFull):
      try await closeOpenBlock()
      return try await write(entry, closingBlock: closingBlock)
    case .failure(let refusal): return .refused(refusal, position: engine.position)
    case .success(let judged): proposal = judged
    }
    if let refuted = proposal.claims.first(where: { !decider.holds($0.claim) }) {
      return .refused(refuted.refusal, position: engine.position)
    }
    var next = engine
    try next.accept(proposal)
    var leaves = [proposal.leaf]
    // With its header in one step: what the disk takes longest for is to begin.
    if next.mustClose || closingBlock { leaves.append(Leaf.header(try next.close()).encoded()) }
    try await append(leaves) { engine = next }
    if engine.openLeaves.isEmpty { try commit() }
    return .written(proposal.index)
  }

  private func commit() throws(StoreError) {
    try engine.commit(with: [.confirmed: confirmed?.stateBytes])
    keptSize = confirmed?.size ?? 0
  }

  private func closeOpenBlock() async throws {
    guard !engine.openLeaves.isEmpty else { return }
    var next = engine
    let header = try next.close()
    try await append([Leaf.header(header).encoded()]) { engine = next }
    try commit()
  }

  /// Reads what the log holds, and closes a block that was left without its header.
  package func open() async throws {
    try await serialized { if engine.mustClose { try await closeOpenBlock() } }
  }

  /// Reads what the log holds beyond the state, and appends nothing.
  package func readLog() async throws { try await serialized {} }

  /// Appends entries whose claims hold, as whoever made all their signatures knows: the rules judge
  /// them, and no signature is looked at. The open block is closed behind them, and all is appended
  /// and committed together.
  ///
  /// For measurements at sizes that no consortium has reached yet; what a client sent never comes
  /// here.
  /// - Throws: the ``Refusal`` of the first entry that the rules refuse; nothing is appended then.
  package func append(trusting entries: [Entry]) async throws {
    try await serialized {
      let (trial, leaves) = try blocks(of: entries)
      try await append(leaves) { engine = trial }
      try commit()
    }
  }

  private func blocks(
    of entries: [Entry]
  ) throws -> (engine: ChainEngine<HospitalRules>, leaves: [[UInt8]]) {
    var trial = engine
    var leaves: [[UInt8]] = []
    func close() throws(StoreError) {
      if !trial.openLeaves.isEmpty { leaves.append(Leaf.header(try trial.close()).encoded()) }
    }
    for entry in entries {
      var judged = try trial.judge(entry)
      if case .failure(.blockFull) = judged {
        try close()
        judged = try trial.judge(entry)
      }
      let proposal = try judged.get()
      try trial.accept(proposal)
      leaves.append(proposal.leaf)
      if trial.mustClose { try close() }
    }
    try close()
    return (trial, leaves)
  }

  /// Closes the open block, if it has an item.
  package func closeBlock() async throws { try await serialized { try await closeOpenBlock() } }

  // MARK: Base and demands

  private func advance(to base: ConsortiumBlock) async throws {
    if engine.block.base == base { return }
    try await closeOpenBlock()
    guard case .written = try await write(entry(BaseAdvance(base: base.reference), on: base)) else {
      throw LedgerError(.inconsistentLog, "the base of \(hospital) cannot go on")
    }
    try await answerDemands()
  }

  /// Moves the base to a final consortium block and answers the demands up to it.
  package func follow(_ base: ConsortiumBlock) async throws {
    try await serialized { try await advance(to: base) }
  }

  /// Whether there is something that makes the chain follow a base: demands, its age, or another cloud.
  package func isBehind(_ base: ConsortiumBlock, demands: UInt64) throws -> Bool {
    // A chain without a block has no age, but it owes an answer like any other.
    try demands > engine.block.answered
      || engine.header != nil && (lags(behind: base) || isConfirmedByAnother(on: base))
  }

  /// Answers every demand up to the base, by the entry or by why the rules refuse it.
  private func answerDemands() async throws {
    while let demanded = try engine.openDemand() {
      switch try await write(demanded) {
      case .written: continue
      case .refused(let refusal, _):
        let refused = Refused(entry: demanded.digest, code: refusal.code)
        guard case .written = try await write(entry(refused, on: engine.block.base)) else {
          throw LedgerError(.inconsistentLog, "a demand on \(hospital) cannot be answered")
        }
      }
    }
  }

  private func entry(
    _ body: some CanonicalObject, on base: ConsortiumBlock?
  ) throws(StoreError) -> Entry {
    Entry(
      EntryContent(
        genesis: genesis.digest, chain: hospital, signer: .party(hospital), body: body),
      signedBy: identity.identity(in: try members(at: base)))
  }

  // MARK: Confirming

  /// Whole blocks from a leaf on, with the signed checkpoint that ends behind them.
  package struct ClosedBlocks: Sendable {
    package let leaves: [[UInt8]]
    /// Of the first one's base: the same cloud confirms all of them.
    package let baseHeight: UInt64
    package let checkpoint: SignedCheckpoint
  }

  /// The blocks from `index` on, up to the bytes of two full ones, and up to where another cloud confirms, or
  /// the same with another key; nil if there is none. A block may be of a time when longer ones were allowed.
  ///
  /// - Parameter limit: the size of the chain at which the last of them ends, at most.
  package func closedBlocks(
    from index: UInt64, upTo limit: UInt64 = .max, signedBy key: LogKey
  ) async throws -> ClosedBlocks? {
    try await serialized {
      let end = min(limit, engine.size)
      guard index < end else { return nil }
      let read = try await log.leaves(
        from: index, limit: min(Int(clamping: end - index), LedgerLimits.leafListCount),
        byteCount: LedgerLimits.closedBytes)
      var leaves: [[UInt8]] = []
      var baseHeight: UInt64 = 0
      for (offset, leaf) in read.enumerated() where Leaf.isHeader(leaf) {
        guard let height = Leaf.header(in: leaf)?.base.height else { break }
        if leaves.isEmpty {
          baseHeight = height
        } else if genesis.epoch(ofHeight: height) != genesis.epoch(ofHeight: baseHeight),
          try confirmingKey(onBase: height) != confirmingKey(onBase: baseHeight)
        {
          break
        }
        leaves = Array(read.prefix(offset + 1))
      }
      guard !leaves.isEmpty else { return nil }
      let checkpoint = try engine.checkpoint(
        size: index + UInt64(leaves.count),
        origin: genesis.origin(of: hospital, generation: engine.generation))
      return ClosedBlocks(
        leaves: leaves, baseHeight: baseHeight, checkpoint: try key.sign(checkpoint))
    }
  }

  package func root(size: UInt64) throws -> [UInt8] { try engine.root(size: size) }

  /// The root of all closed blocks.
  package func root() throws -> Digest32 { try engine.root() }

  /// The kinds of the items that no block holds yet.
  package var openKinds: Set<ObjectKind> {
    Set(
      engine.openLeaves.compactMap { Leaf.entry(in: $0)?.content.body.kind })
  }

  /// Takes note of a cosigned checkpoint; it is stored with the next block, and can be had again.
  package func confirm(_ record: ConfirmedRecord) {
    if record.size > confirmed?.size ?? 0 { confirmed = record }
  }

  /// Stores the cosigned checkpoint that was noted last, unless a block is open or it is stored: whoever reads the
  /// state beside this process, as for an export, has what is anchored. For who has nothing else to do.
  package func keepConfirmation() async throws {
    guard confirmed?.size ?? 0 > keptSize else { return }
    try await serialized {
      if engine.openLeaves.isEmpty { try commit() }
    }
  }

  /// Bytes of a leaf.
  package func leaf(_ index: UInt64) async throws -> [UInt8]? {
    if index >= engine.size, index < engine.position {
      return engine.openLeaves[Int(index - engine.size)]
    }
    return try await log.leaves(from: index, limit: 1, byteCount: Leaf.maximumByteCount).first
  }

  /// Bytes of the leaves from `index` on that the log has: at most `limit`, and up to `byteCount`
  /// together, but at least one.
  package func leaves(
    from index: UInt64, limit: Int, byteCount: Int
  ) async throws -> [[UInt8]] {
    try await log.leaves(from: index, limit: limit, byteCount: byteCount)
  }
}

extension ChainEngine<HospitalRules> {
  /// The entry of the first demand up to the base that is not answered.
  func openDemand() throws(StoreError) -> Entry? {
    guard let base = block.base else { return nil }
    let reader = ConsortiumReader(genesis: rules.genesis, store: rules.consortium)
    let demand = reader.demand(block.answered, of: rules.hospital)
    var entry: Entry?
    if let demand, demand.height <= base.reference.height {
      entry = reader.demandedEntry(demand.entry)
    }
    if let failure = reader.state.failure { throw failure }
    return entry
  }
}
