package import CanonicalEncoding
import TransparencyLog

/// The consortium chain as the ordering log makes it: every replica of one log reaches the same
/// leaves.
///
/// What the rules accept becomes an item; what they refuse, and what is no entry of this chain, is
/// passed over and leaves nothing behind. The state is committed with each block, and opening
/// replays at most one.
package struct ConsortiumFollower: Sendable {
  package private(set) var engine: ChainEngine<ConsortiumRules>
  /// How far the ordering log was replayed.
  package private(set) var place: LogPlace
  /// Entries passed over since this was opened.
  package private(set) var passedOver = 0
  /// What cosigners have signed against each other or against this replay, the last 64.
  package private(set) var contradictions: [Contradiction] = []
  package private(set) var final: FinalRecord?

  private let decider: any ClaimDecider
  private var cosignatures: [UInt64: [CosignedCheckpoint]] = [:]
  /// The largest size that each cosigner was seen to sign since this was opened, by name.
  private var cosignedSizes: [String: UInt64] = [:]
  /// Why entries were refused, the last 1,024.
  private var refusals: [Digest32: Refusal] = [:]
  private var refused: [Digest32] = []

  private static let refusalLimit = 1024
  private static let contradictionLimit = 64

  /// A cosigned checkpoint that is not of the chain this replay reached.
  package struct Contradiction: Sendable, Equatable {
    package let note: String
  }

  package init(
    genesis: ValidGenesis, store: any StateStore, decider: any ClaimDecider
  ) throws(StoreError) {
    engine = try ChainEngine(
      rules: ConsortiumRules(genesis: genesis), store: store, keepsLeaves: true)
    self.decider = decider
    let view = engine.view()
    place = view.value(.logPlace) ?? .start
    final = view.value(.final)
    if let failure = view.failure { throw failure }
  }

  package var genesis: ValidGenesis { engine.rules.genesis }
  /// The position of the ordering log's next entry.
  package var nextPosition: UInt64 { place.count }

  // MARK: Replay

  /// Replays the next entry of the log.
  ///
  /// - Throws: ``LedgerError`` `inconsistent-log` if it is not the next one; ``StoreError``.
  package mutating func replay(_ ordered: OrderedEntry) throws {
    guard ordered.position == nextPosition else {
      throw LedgerError(
        .inconsistentLog, "position \(ordered.position) follows where \(nextPosition) was expected")
    }
    guard let entry = try? Entry(encoded: ordered.bytes), entry.content.genesis == genesis.digest,
      entry.content.chain == ChainName.consortium
    else {
      passedOver += 1
      place.pass(ordered.bytes)
      return
    }
    try closeBlock()
    if case .cosignature(let body) = entry.content.body {
      try take(body)
    } else {
      try take(entry)
    }
    place.pass(ordered.bytes)
    try closeBlock()
  }

  /// After a failure of the store this happens before the next entry is looked at: what the entry is
  /// must not depend on when the store failed.
  private mutating func closeBlock() throws {
    if engine.mustClose { try engine.close() }
    if hasUnstoredBlock { try engine.commit(with: [.logPlace: place.stateBytes]) }
  }

  private var hasUnstoredBlock: Bool { engine.openLeaves.isEmpty && engine.pendingCount > 0 }

  private mutating func take(_ entry: Entry) throws {
    switch try engine.judge(entry) {
    case .success(let proposal):
      if let refuted = proposal.claims.first(where: { !decider.holds($0.claim) }) {
        note(refuted.refusal, of: proposal.digest)
      } else {
        try engine.accept(proposal)
      }
    case .failure(let refusal): note(refusal, of: entry.digest)
    }
  }

  /// Why the rules would refuse an entry now; nil if they would not. Nothing changes.
  package func refusal(of entry: Entry) throws(StoreError) -> Refusal? {
    switch try engine.judge(entry) {
    case .success(let proposal): proposal.claims.first { !decider.holds($0.claim) }?.refusal
    case .failure(let refusal): refusal
    }
  }

  private mutating func note(_ refusal: Refusal, of entry: Digest32) {
    passedOver += 1
    if refused.count == Self.refusalLimit { refusals[refused.removeFirst()] = nil }
    if refusals.updateValue(refusal, forKey: entry) == nil { refused.append(entry) }
  }

  // MARK: Cosignatures

  private mutating func take(_ body: Cosignature) throws {
    let keys = genesis.consortiumKeys
    guard let claimed = keys.checkpoint(in: body.note), claimed.size <= engine.size,
      let note = try? SignedNote(encoded: body.note)
    else {
      passedOver += 1
      return
    }
    let own = try engine.checkpoint(size: claimed.size, origin: keys.origin)
    // Nothing hangs on one more cosignature of what has enough; against it, one is evidence.
    guard claimed.size > final?.size ?? 0 || own != claimed,
      let cosigned = keys.cosignedCheckpoint(note), cosigned.cosignatures.count == 1
    else {
      passedOver += 1
      return
    }
    // Who cosigned a checkpoint that ends elsewhere than behind a header of this chain has another.
    guard own == claimed, try height(ofSize: claimed.size) != nil else {
      if contradictions.count == Self.contradictionLimit { contradictions.removeFirst() }
      contradictions.append(Contradiction(note: body.note))
      return
    }
    try add(cosigned, keys)
  }

  private mutating func add(_ cosigned: CosignedCheckpoint, _ keys: ChainKeys) throws {
    let size = cosigned.checkpoint.size
    for cosigner in cosigned.cosigners {
      cosignedSizes[cosigner.name] = max(cosignedSizes[cosigner.name] ?? 0, size)
    }
    if cosignatures[size]?.contains(where: { $0.cosigners == cosigned.cosigners }) != true {
      cosignatures[size, default: []].append(cosigned)
    }
    guard size > final?.size ?? 0, let parts = cosignatures[size], parts.count >= keys.threshold,
      let merged = CosignedCheckpoint.merged(parts), let height = try height(ofSize: size)
    else { return }
    let record = FinalRecord(size: size, height: height, note: merged.note.encoded)
    try engine.store.commit([StateKey.final.bytes: record.stateBytes])
    final = record
    cosignatures = cosignatures.filter { $0.key > size }
  }

  /// The height of the block that ends at this size; nil if none does.
  private func height(ofSize size: UInt64) throws(StoreError) -> UInt64? {
    let view = engine.view()
    let height: UInt64? = view.value(.blockEnd(size))
    if let failure = view.failure { throw failure }
    return height
  }

  /// The largest size that a supernode was seen to cosign since this was opened.
  package func cosignedSize(by node: String) -> UInt64 {
    cosignedSizes[
      ValidGenesis.cosignerName(
        network: genesis.genesis.network, node: node, chain: ChainName.consortium)] ?? 0
  }

  // MARK: Reading

  /// What the rules said of an entry that was ordered: nil if it has not been, or that was long ago
  /// and it was refused.
  package func verdict(on entry: Digest32) throws(StoreError) -> Verdict? {
    let view = engine.view()
    let index: UInt64? = view.value(.item(entry))
    if let failure = view.failure { throw failure }
    if let index { return .accepted(index: index, isFinal: index < final?.size ?? 0) }
    return refusals[entry].map { .refused($0) }
  }

  package enum Verdict: Sendable, Equatable {
    case accepted(index: UInt64, isFinal: Bool)
    case refused(Refusal)
  }

  /// The chain with the entries that no block holds yet.
  package var reader: ConsortiumView { ConsortiumView(engine: engine, final: final) }
}

/// How many entries of the ordering log were replayed, and which: their number alone would let another
/// log go on where this one was lost, and replicas part without noticing it.
package struct LogPlace: StateRecord, Equatable {
  package private(set) var count: UInt64
  /// ``OrderingLog/chain(upTo:)`` over them.
  package private(set) var chain: Digest32

  package static let start = LogPlace(count: 0, chain: .zero)

  private init(count: UInt64, chain: Digest32) { (self.count, self.chain) = (count, chain) }

  mutating func pass(_ entry: [UInt8]) {
    count += 1
    chain = Digest32(sha256: chain.bytes + entry)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("count", count)
    fields.digest("chain", chain)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    count = try fields.integer("count")
    chain = try fields.digest("chain")
  }
}

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
  package static let logPlace = Self("log-position")
  package static let final = Self("final")
}
