package import CanonicalEncoding
package import Consensus
import TransparencyLog

/// The consortium chain as a delegate decides it block by block, or as somebody else follows it.
///
/// Nothing but whole blocks is ever in it: what is proposed is tried on a copy. The state is
/// committed with each block, together with the leaves and with what makes the block one of the
/// chain: the commits that decided it, or a checkpoint that more than two thirds of the delegates
/// cosigned.
package struct ConsortiumFollower: Sendable {
  package private(set) var engine: ChainEngine<ConsortiumRules>
  package private(set) var final: FinalRecord?
  /// The commits that decided the last block, which the next block has to state; nil before block 0,
  /// and where the last block was followed and its commits were not taken yet.
  package private(set) var decision: CommitCertificate?
  private let decider: any ClaimDecider

  package init(
    genesis: ValidGenesis, store: any StateStore, decider: any ClaimDecider
  ) throws(StoreError) {
    engine = try ChainEngine(
      rules: ConsortiumRules(genesis: genesis), store: store, keepsLeaves: true)
    self.decider = decider
    let view = engine.view()
    final = view.value(.final)
    decision = view.value(.decision)
    if let failure = view.failure { throw failure }
    if let decision, decision.root != (try engine.root()) {
      throw StoreError(.corrupted, "the stored decision is not that of the last block")
    }
  }

  package var genesis: ValidGenesis { engine.rules.genesis }

  /// The chain as it stands.
  package var reader: ConsortiumView { ConsortiumView(engine: engine, final: final) }

  // MARK: Blocks

  /// A block that the chain may go on with.
  package struct TrialBlock: Sendable {
    /// Of the tree up to and with the block's header: it names the block.
    package let root: Digest32
    package let height: UInt64
    package let opening: BlockOpening
    /// The DER of its items, the opening first.
    package let entries: [[UInt8]]
    /// The chain with this block.
    fileprivate let engine: ChainEngine<ConsortiumRules>
  }

  /// Tries items as the next block: rules and claims. Nothing changes.
  ///
  /// - Parameter entries: the DER of the items, the opening first.
  /// - Returns: the first fault, if they are no block.
  package func trial(
    _ entries: [[UInt8]]
  ) throws(StoreError) -> Result<TrialBlock, ChainFault> {
    var engine = engine
    do {
      try engine.replay(entries.map(Leaf.encoded), decidedBy: decider)
    } catch {
      switch error {
      case .store(let error): throw error
      case .fault(let fault): return .failure(fault)
      }
    }
    guard let block = try Self.closed(engine) else {
      return .failure(engine.faultHere(.refused(.openingMissing)))
    }
    return .success(block)
  }

  /// Makes the next block of what waits: everything that the rules accept, in this order, up to the
  /// first that finds no room.
  ///
  /// - Returns: the block, and why entries before the first without room are refused.
  /// - Throws: ``StoreError``; `conflict` if the rules refuse the opening.
  package func build(
    _ opening: Entry, from candidates: [Entry]
  ) throws(StoreError) -> (block: TrialBlock, refused: [Digest32: Refusal]) {
    var engine = engine
    if let refusal = try engine.append(opening, decidedBy: decider) {
      throw StoreError(.conflict, "the rules refuse the opening of a block: \(refusal)")
    }
    var refused: [Digest32: Refusal] = [:]
    for candidate in candidates {
      let refusal = try engine.append(candidate, decidedBy: decider)
      if refusal == .blockFull { break }
      if let refusal { refused[candidate.digest] = refusal }
    }
    guard let block = try Self.closed(engine) else {
      throw StoreError(.corrupted, "a block without an opening")
    }
    return (block, refused)
  }

  /// - Returns: nil if the open block has no item.
  private static func closed(
    _ engine: ChainEngine<ConsortiumRules>
  ) throws(StoreError) -> TrialBlock? {
    let items = engine.openLeaves
    guard let first = items.first, let entry = Leaf.entry(in: first),
      case .blockOpening(let opening) = entry.content.body
    else { return nil }
    var engine = engine
    let header = try engine.close()
    return TrialBlock(
      root: try engine.root(), height: header.height, opening: opening,
      entries: items.map { Array($0.dropFirst()) }, engine: engine)
  }

  /// Entries that wait for the next block, each judged behind those before it, in a block with room.
  ///
  /// So one more costs its own judgement, and not that of all before it again.
  package struct WaitingLine: Sendable {
    private var engine: ChainEngine<ConsortiumRules>
    private let decider: any ClaimDecider

    fileprivate init(_ engine: ChainEngine<ConsortiumRules>, _ decider: any ClaimDecider) {
      (self.engine, self.decider) = (engine, decider)
    }

    /// Has an entry wait behind those that wait.
    ///
    /// - Parameter claimsHold: whether its claims are known to hold.
    /// - Returns: why the rules refuse it; nothing has changed then.
    package mutating func append(
      _ entry: Entry, claimsHold: Bool = false
    ) throws(StoreError) -> Refusal? {
      engine = engine.assuming { $0.assumeOpened() }
      return try engine.append(entry, decidedBy: claimsHold ? nil : decider)
    }
  }

  /// The line in which nothing waits, where the chain stands.
  package var waitingLine: WaitingLine { WaitingLine(engine, decider) }

  /// Why the rules would refuse an entry behind these in a block with room; nil if they would not.
  /// Nothing changes.
  ///
  /// - Parameter waiting: what comes first, of which the claims are known to hold; what the rules
  ///   refuse of it is passed over.
  package func refusal(
    of entry: Entry, after waiting: [Entry]
  ) throws(StoreError) -> Refusal? {
    var line = waitingLine
    for entry in waiting { _ = try line.append(entry, claimsHold: true) }
    return try line.append(entry)
  }

  /// Goes on with a block that is decided: state, leaves and certificate are stored together, or
  /// nothing is. Returns when they are durable.
  ///
  /// - Precondition: the block was tried on the chain as it is, and the certificate is of this block,
  ///   with signatures that were verified.
  package mutating func decide(
    _ block: TrialBlock, by certificate: CommitCertificate
  ) throws(StoreError) {
    precondition(block.height == engine.height, "the block was tried at another place")
    precondition(
      certificate.height == block.height && certificate.root == block.root,
      "the certificate is of another block")
    var engine = block.engine
    try engine.commit(with: [.decision: certificate.stateBytes])
    self.engine = engine
    decision = certificate
  }

  /// Adopts the certificate of the last block, of which only the leaves are known so far.
  ///
  /// - Returns: false, with nothing changed, if it does not decide that block.
  package mutating func adopt(
    decision certificate: CommitCertificate
  ) throws(StoreError) -> Bool {
    guard let header = engine.header, certificate.height == header.height,
      try engine.root() == certificate.root,
      try reader.delegates(forHeight: header.height).holds(certificate, genesis: genesis.digest)
    else { return false }
    try engine.store.commit([StateKey.decision.bytes: certificate.stateBytes])
    decision = certificate
    return true
  }

  // MARK: Checkpoints

  /// Adopts a checkpoint of this chain that more than two thirds of the delegates of its last block
  /// cosigned, and that covers more than the one before. Returns when it is durable.
  ///
  /// No epoch is passed over: the checkpoint at its end comes before any of the next, so that whoever
  /// follows the sets of delegates without the chain can be shown it.
  ///
  /// - Parameter note: a C2SP signed note.
  /// - Returns: false, with nothing changed, if it is no such checkpoint: of another root, of a size
  ///   that ends no block here, or with too few cosignatures.
  package mutating func adopt(final note: String) throws(StoreError) -> Bool {
    guard let size = genesis.consortiumCheckpoint(in: note)?.size, size > final?.size ?? 0,
      size <= engine.size, let height = try height(ofSize: size), isOfNextEpoch(height),
      let cosigned = try confirmed(note, atHeight: height),
      try engine.root(size: size) == cosigned.checkpoint.root
    else { return false }
    let record = FinalRecord(size: size, height: height, note: cosigned.note.encoded)
    var writes: [[UInt8]: [UInt8]?] = [:]
    for (key, value) in changes(final: record) { writes.updateValue(value, forKey: key.bytes) }
    try engine.store.commit(writes)
    final = record
    return true
  }

  /// The height of the first block that is not final.
  package var unfinalHeight: UInt64 { final.map { $0.height + 1 } ?? 0 }

  /// Whether a block is of the epoch in which the first block stands that is not final.
  private func isOfNextEpoch(_ height: UInt64) -> Bool {
    genesis.epoch(ofHeight: height) == genesis.epoch(ofHeight: unfinalHeight)
  }

  private func changes(final record: FinalRecord) -> [StateKey: [UInt8]?] {
    var changes: [StateKey: [UInt8]?] = [.final: record.stateBytes]
    if engine.rules.endsEpoch(record.height) {
      changes[.epochEnd(genesis.epoch(ofHeight: record.height))] = record.stateBytes
    }
    return changes
  }

  /// The size at which an epoch ends of which all blocks are here, and no final checkpoint of that
  /// size: nothing later becomes final before it is.
  package func awaitedEpochEnd() throws(StoreError) -> UInt64? {
    let epoch = genesis.epoch(ofHeight: unfinalHeight)
    let last = (epoch + 1) * genesis.content.epochLength - 1
    return try reader.block(last).map { $0.index + 1 }
  }

  /// Takes blocks that others decided: rules and claims, then state, leaves and checkpoint are stored
  /// together. Returns when they are durable.
  ///
  /// - Parameters:
  ///   - leaves: those from ``ChainEngine/size`` on.
  ///   - note: a checkpoint that ends with them, which more than two thirds of the delegates cosigned,
  ///     of the epoch that comes after what is final: a C2SP signed note. Nil if the leaves go on: then those are taken that the opening of a later
  ///     block certifies, by the commits in it.
  /// - Returns: how many leaves were taken.
  /// - Throws: ``ChainFault`` if the leaves are no chain; ``LedgerError`` `invalid-proof` if the note
  ///   is not a confirmed checkpoint of the chain that they make; ``StoreError``. Nothing has
  ///   changed then.
  @discardableResult
  package mutating func follow(_ leaves: [[UInt8]], final note: String?) throws -> Int {
    guard let note else { return try follow(certified: leaves) }
    guard let last = leaves.last.flatMap({ Leaf.header(in: $0) }), isOfNextEpoch(last.height),
      let cosigned = try confirmed(note, atHeight: last.height),
      cosigned.checkpoint.size == engine.size + UInt64(leaves.count)
    else { throw LedgerError(.invalidProof, "the leaves do not end with a confirmed checkpoint") }
    var next = engine
    try replay(leaves, in: &next)
    guard try next.root().bytes == cosigned.checkpoint.root else {
      throw LedgerError(.invalidProof, "the leaves do not lead to the checkpoint's root")
    }
    let record = FinalRecord(
      size: next.size, height: last.height, note: cosigned.note.encoded)
    var changes = changes(final: record)
    changes.updateValue(nil, forKey: .decision)
    try next.commit(with: changes)
    (engine, final, decision) = (next, record, nil)
    return leaves.count
  }

  private mutating func follow(certified leaves: [[UInt8]]) throws -> Int {
    guard let end = leaves.dropLast().lastIndex(where: Leaf.isHeader) else { return 0 }
    var next = engine
    try replay(Array(leaves[...end]), in: &next)
    var opened = next
    try replay([leaves[end + 1]], in: &opened)
    try next.commit(with: [.decision: nil])
    (engine, decision) = (next, nil)
    return end + 1
  }

  private func replay(
    _ leaves: [[UInt8]], in engine: inout ChainEngine<ConsortiumRules>
  ) throws {
    do {
      try engine.replay(leaves, decidedBy: decider)
    } catch {
      switch error {
      case .store(let error): throw error
      case .fault(let fault): throw fault
      }
    }
  }

  /// The checkpoint in a note with the cosignatures that count, if they are enough for a checkpoint
  /// that ends with the block at a height.
  private func confirmed(
    _ note: String, atHeight height: UInt64
  ) throws(StoreError) -> CosignedCheckpoint? {
    let keys = try reader.delegates(forHeight: height).keys(of: genesis)
    guard let parsed = try? SignedNote(encoded: note),
      let cosigned = keys.cosignedCheckpoint(parsed),
      cosigned.cosigners.count >= keys.threshold
    else { return nil }
    return cosigned
  }

  /// The height of the block that ends at this size; nil if none does.
  private func height(ofSize size: UInt64) throws(StoreError) -> UInt64? {
    let view = engine.view()
    let height: UInt64? = view.value(.blockEnd(size))
    if let failure = view.failure { throw failure }
    return height
  }

  // MARK: Reading

  /// The DER of the items of a closed block.
  ///
  /// - Parameter root: of the tree up to and with its header.
  /// - Returns: nil if the block of this height is another one, or not closed.
  package func items(
    ofBlock height: UInt64, root: Digest32
  ) throws(StoreError) -> [[UInt8]]? {
    let reader = reader
    guard height < reader.height, let block = try reader.block(height),
      try engine.root(size: block.index + 1) == root.bytes
    else { return nil }
    var index: UInt64 = 0
    if height > 0 {
      guard let before = try reader.block(height - 1) else { return nil }
      index = before.index + 1
    }
    var items: [[UInt8]] = []
    while index < block.index {
      guard let leaf = try reader.leaf(index) else { return nil }
      items.append(Array(leaf.dropFirst()))
      index += 1
    }
    return items
  }

  /// Where an entry stands, if it is an item. Why it was refused, whoever submitted it knows.
  package func place(of entry: Digest32) throws(StoreError) -> ItemPlace? {
    let view = engine.view()
    let index: UInt64? = view.value(.item(entry))
    if let failure = view.failure { throw failure }
    return index.map { ItemPlace(index: $0, isFinal: $0 < final?.size ?? 0) }
  }

  package struct ItemPlace: Sendable, Equatable {
    package var index: UInt64
    package var isFinal: Bool

    package init(index: UInt64, isFinal: Bool) { (self.index, self.isFinal) = (index, isFinal) }
  }
}

extension CommitCertificate: StateRecord {}

/// How much of the consortium chain more than two thirds of the delegates have cosigned.
package struct FinalRecord: StateRecord, Equatable {
  package var size: UInt64
  /// Of the last block.
  package var height: UInt64
  /// The checkpoint with its cosignatures, a C2SP signed note.
  package var note: String

  init(size: UInt64, height: UInt64, note: String) {
    (self.size, self.height, self.note) = (size, height, note)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("size", size)
    fields.integer("height", height)
    fields.text("note", note)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    size = try fields.integer("size")
    height = try fields.integer("height")
    note = try fields.text("note", maximum: 1 << 20)
  }
}

extension StateKey {
  package static let final = Self("final")
  /// The checkpoint at the end of an epoch that is final.
  static func epochEnd(_ epoch: UInt64) -> Self { Self("epoch-end/", epoch.stateBytes) }
  /// The certificate of the last block.
  package static let decision = Self("decision")
}
