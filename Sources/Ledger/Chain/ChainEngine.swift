package import CanonicalEncoding
package import TransparencyLog

/// One chain as its leaves make it: the rules, the state after them, and the tree over them.
///
/// A writer asks it to judge an entry, appends the leaf to its log, and tells it; who follows gives
/// it leaves. Both reach the same state by the same code, or the difference is found. What is not
/// committed lies in memory: the writes since the last ``commit(with:)``, which is at least one
/// block's. A copy is another engine over the same store, so a trial can be thrown away.
package struct ChainEngine<Rules: ChainRules>: Sendable {
  package let rules: Rules
  package let store: any StateStore
  /// Whether the leaves are kept in the state store, beside a log that has them or without one.
  private let keepsLeaves: Bool

  /// The header before the open block.
  package private(set) var header: BlockHeader?
  package private(set) var block: Rules.Block
  /// The leaves of the open block.
  package private(set) var openLeaves: [[UInt8]] = []
  /// Whether nothing but a header may follow.
  package private(set) var mustClose = false

  private var tree: TiledTree<StoredTiles>
  private var changes: [StateChange.Change] = []
  private var pending: [StateKey: [UInt8]?] = [:]

  /// Opens the chain where its state was committed last.
  ///
  /// - Throws: ``StoreError``; `corrupted` if the state is not one of this chain.
  package init(
    rules: Rules, store: any StateStore, keepsLeaves: Bool
  ) throws(StoreError) {
    self.rules = rules
    self.store = store
    self.keepsLeaves = keepsLeaves
    let view = StateView(store: store, open: [:])
    let head: HeadRecord? = view.value(.head)
    header = head?.header
    block = rules.open(after: head?.header, view)
    if let failure = view.failure { throw failure }
    if let header, header.genesis != rules.genesis.digest || header.chain != rules.chain {
      throw StoreError(.corrupted, "the state is one of another ledger or chain")
    }
    do {
      tree = try TiledTree(
        size: head.map { $0.header.index + 1 } ?? 0, root: head?.root.bytes,
        store: StoredTiles(store: store))
    } catch {
      throw StoreError("the tree's tiles do not fit the state", error)
    }
  }

  /// How many leaves there are up to the last header.
  package var size: UInt64 { header.map { $0.index + 1 } ?? 0 }

  /// How many leaves there are, with those of the open block.
  package var position: UInt64 { size + UInt64(openLeaves.count) }

  /// The generation of the last block.
  package var generation: UInt64 { header?.generation ?? 0 }

  /// How many blocks are closed.
  package var height: UInt64 { header.map { $0.height + 1 } ?? 0 }

  // MARK: Judging

  /// An entry that the rules accept if its claims hold, with all that accepting it does.
  package struct Proposal: Sendable {
    package let leaf: [UInt8]
    package let digest: Digest32
    package let index: UInt64
    package let claims: [RequiredClaim]
    fileprivate let block: Rules.Block
    fileprivate let changes: [StateChange.Change]
    fileprivate let writes: [StateKey: [UInt8]?]
    fileprivate let closesBlock: Bool
  }

  /// Judges an entry as the next item; nothing changes.
  ///
  /// - Throws: ``StoreError`` if the state cannot be read.
  package func judge(_ entry: Entry) throws(StoreError) -> Result<Proposal, Refusal> {
    try judge(entry, encoded: entry.encoded())
  }

  private func judge(
    _ entry: Entry, encoded: [UInt8]
  ) throws(StoreError) -> Result<Proposal, Refusal> {
    let view = StateView(store: store, open: pending)
    let result = propose(entry, encoded, view)
    if let failure = view.failure { throw failure }
    return result
  }

  private func propose(
    _ entry: Entry, _ encoded: [UInt8], _ view: StateView
  ) -> Result<Proposal, Refusal> {
    Result { () throws(Refusal) in
      guard entry.content.genesis == rules.genesis.digest, entry.content.chain == rules.chain
      else { throw .wrongChain }
      guard !mustClose else { throw .blockFull }
      let digest = Digest32(sha256: encoded)
      guard !view.holds(.item(digest)) else { throw .entryKnown }
      let item = Item(
        entry: entry, digest: digest, index: position, byteCount: UInt64(encoded.count) + 1)
      var block = block
      let judgement = try rules.judge(item, &block, view)
      try require(judgement.roots, view)
      block.itemCount += 1
      block.byteCount += item.byteCount
      view.note(.item(digest), item.index)
      return Proposal(
        leaf: Leaf.encoded(item: encoded), digest: digest, index: item.index,
        claims: judgement.claims, block: block, changes: view.changes, writes: view.writes,
        closesBlock: judgement.closesBlock)
    }
  }

  /// Requires that the tree up to here has each of these roots.
  private func require(_ roots: [RequiredRoot], _ view: StateView) throws(Refusal) {
    guard !roots.isEmpty else { return }
    let own = view.reading { () throws(StoreError) in try root(size: position) }
    for required in roots where required.root.bytes != own { throw required.refusal }
  }

  /// Appends an entry as the next item, if rules and claims allow it.
  ///
  /// - Parameter decider: nil if the claims are known to hold.
  /// - Returns: why the entry is refused; nothing has changed then.
  mutating func append(
    _ entry: Entry, decidedBy decider: (any ClaimDecider)?
  ) throws(StoreError) -> Refusal? {
    switch try judge(entry) {
    case .failure(let refusal): return refusal
    case .success(let proposal):
      if let decider, let refuted = proposal.claims.first(where: { !decider.holds($0.claim) }) {
        return refuted.refusal
      }
      try accept(proposal)
      return nil
    }
  }

  /// The same chain with another thought of its open block, to try things.
  func assuming(_ change: (inout Rules.Block) -> Void) -> Self {
    var copy = self
    change(&copy.block)
    return copy
  }

  /// Takes an entry that was judged for this place.
  package mutating func accept(_ proposal: Proposal) throws(StoreError) {
    precondition(proposal.index == position, "the entry was judged for another place")
    block = proposal.block
    changes += proposal.changes
    pending.merge(proposal.writes) { $1 }
    mustClose = proposal.closesBlock
    try append(proposal.leaf)
    openLeaves.append(proposal.leaf)
  }

  private mutating func append(_ leaf: [UInt8]) throws(StoreError) {
    if keepsLeaves { pending[.leaf(tree.size)] = leaf }
    do {
      try tree.append(leafHash: MerkleHash.leaf(leaf))
    } catch {
      throw StoreError(.corrupted, "the tree's tiles cannot be read: \(error)")
    }
  }

  // MARK: Blocks

  /// A header, and what closing the block with it writes.
  private typealias Closing = (header: BlockHeader, writes: [StateKey: [UInt8]?])

  // Returns no view: one that lived on would have `pending` copied with the first change.
  private func closing() throws(StoreError) -> Closing {
    precondition(!openLeaves.isEmpty, "a block has an item")
    let view = StateView(store: store, open: pending)
    let summary = rules.close(block, view)
    let stateDigest = StateChange(
      previous: header?.stateDigest ?? .zero, changes: changes + view.changes
    ).digest
    let next = BlockHeader(
      genesis: rules.genesis.digest, chain: rules.chain, generation: summary.generation,
      height: height,
      previous: header?.digest ?? .zero, firstIndex: size, itemCount: UInt64(openLeaves.count),
      stateDigest: stateDigest, base: summary.base, time: summary.time,
      countedTime: summary.countedTime, answeredThrough: summary.answeredThrough,
      nextSeats: summary.nextSeats, nextMembers: summary.nextMembers)
    rules.closed(next, view)
    if let failure = view.failure { throw failure }
    return (next, view.writes)
  }

  /// Closes the open block. If a store cannot be read, nothing changes.
  ///
  /// - Precondition: the block has an item.
  /// - Returns: the header; its leaf is the next one of the log.
  @discardableResult
  package mutating func close() throws(StoreError) -> BlockHeader {
    let closing = try closing()
    try close(closing)
    return closing.header
  }

  private mutating func close(_ closing: Closing) throws(StoreError) {
    let (next, writes) = closing
    let block = try block(after: next)
    // Nothing has changed before here, so that closing can be tried again after a failure.
    pending.merge(writes) { $1 }
    self.block = block
    header = next
    openLeaves = []
    changes = []
    mustClose = false
    try append(Leaf.header(next).encoded())
  }

  private func block(after header: BlockHeader) throws(StoreError) -> Rules.Block {
    // Of its own scope: a view that lives on would make the next write copy all that is pending.
    let view = StateView(store: store, open: pending)
    let block = rules.open(after: header, view)
    if let failure = view.failure { throw failure }
    return block
  }

  // MARK: Following

  /// Takes the next leaf of somebody else's log.
  ///
  /// - Returns: the claims that have to hold for it, none for a header.
  /// - Throws: ``ChainFailure``; after a fault the engine stands where it stood.
  package mutating func replay(_ leaf: [UInt8]) throws(ChainFailure) -> [RequiredClaim] {
    try replay(leaf, Result { () throws(DecodingFailure) in try Leaf(encoded: leaf) })
  }

  /// - Parameter result: what decoding the leaf has come to.
  mutating func replay(
    _ leaf: [UInt8], _ result: Result<Leaf, DecodingFailure>
  ) throws(ChainFailure) -> [RequiredClaim] {
    let decoded: Leaf
    switch result {
    case .success(let leaf): decoded = leaf
    case .failure(let error): throw fault(.undecodable(error.message))
    }
    do {
      switch decoded {
      case .item(let entry):
        guard !mustClose else { throw fault(.headerMissing) }
        // What was decoded is canonical: encoding it again gives the same bytes.
        switch try judge(entry, encoded: Array(leaf.dropFirst())) {
        case .success(let proposal):
          try accept(proposal)
          return proposal.claims
        case .failure(let refusal): throw fault(.refused(refusal))
        }
      case .header(let header):
        guard !openLeaves.isEmpty else { throw fault(.wrongHeader) }
        let closing = try closing()
        guard closing.header == header else { throw fault(.wrongHeader) }
        try close(closing)
        return []
      }
    } catch let failure as ChainFailure {
      throw failure
    } catch let error as StoreError {
      throw .store(error)
    } catch {
      throw fault(.wrongHeader)
    }
  }

  private func fault(_ reason: ChainFault.Reason) -> ChainFailure { .fault(faultHere(reason)) }

  /// A fault of the next leaf.
  func faultHere(_ reason: ChainFault.Reason) -> ChainFault {
    ChainFault(index: position, height: height, reason: reason)
  }

  /// Takes the next leaves of somebody else's log, and decides their claims together.
  ///
  /// - Parameter decider: nil if the claims are known to hold.
  /// - Throws: ``ChainFailure`` with the first fault, of the rules or of a claim; where the engine
  ///   stands then is not defined.
  package mutating func replay(
    _ leaves: [[UInt8]], decidedBy decider: (any ClaimDecider)?
  ) throws(ChainFailure) {
    var claims: [Claim] = []
    var faults: [ChainFault] = []
    func decide() throws(ChainFailure) {
      if let first = decider?.firstFailure(of: claims) { throw .fault(faults[first]) }
    }
    for leaf in leaves {
      let place = (index: position, height: height)
      do {
        for claim in try replay(leaf) {
          claims.append(claim.claim)
          faults.append(
            ChainFault(index: place.index, height: place.height, reason: .refused(claim.refusal)))
        }
      } catch {
        // The claims before it may fail too, and then come first.
        if case .fault = error { try decide() }
        throw error
      }
    }
    try decide()
  }

  // MARK: Committing

  /// Stores all that the closed blocks changed. Returns when it is durable.
  ///
  /// - Precondition: no block is open: what is stored is never ahead of a header.
  /// - Parameter more: what is stored with it.
  package mutating func commit(with more: [StateKey: [UInt8]?] = [:]) throws(StoreError) {
    precondition(openLeaves.isEmpty, "what is stored ends with a header")
    var writes: [[UInt8]: [UInt8]?] = [:]
    writes.reserveCapacity(pending.count + more.count)
    for (key, value) in pending { writes.updateValue(value, forKey: key.bytes) }
    for (key, value) in more { writes.updateValue(value, forKey: key.bytes) }
    var tree = tree
    for tile in tree.takeChangedTiles() {
      writes[StoredTiles.key(tile.level, tile.index).bytes] = tile.hashes
    }
    if writes.isEmpty { return }
    if let header {
      writes[StateKey.head.bytes] = HeadRecord(header: header, root: try root()).stateBytes
    }
    try store.commit(writes)
    pending = [:]
    self.tree = tree
  }

  /// How many writes wait for ``commit(with:)``.
  package var pendingCount: Int { pending.count }

  // MARK: Reading

  /// A view of the state with the open block's changes.
  package func view() -> StateView { StateView(store: store, open: pending) }

  /// The checkpoint of the first `size` leaves, which end with a header.
  package func checkpoint(size: UInt64, origin: String) throws(StoreError) -> Checkpoint {
    try reading { try Checkpoint(origin: origin, size: size, root: tree.root(size: size)) }
  }

  /// The root of all closed blocks.
  package func root() throws(StoreError) -> Digest32 {
    guard let root = Digest32(try root(size: size)) else {
      throw StoreError(.corrupted, "a root is no digest")
    }
    return root
  }

  package func root(size: UInt64) throws(StoreError) -> [UInt8] {
    try reading { try tree.root(size: size) }
  }

  package func inclusion(of index: UInt64, size: UInt64) throws(StoreError) -> [[UInt8]] {
    try reading { try tree.inclusionProof(index: index, size: size).hashes }
  }

  package func consistency(from old: UInt64, to new: UInt64) throws(StoreError) -> [[UInt8]] {
    try reading { try tree.consistencyProof(from: old, to: new).hashes }
  }

  private func reading<Value>(_ body: () throws -> Value) throws(StoreError) -> Value {
    do {
      return try body()
    } catch {
      throw StoreError("the tree cannot be read", error)
    }
  }

  /// The first hashes of a stored tile.
  package func storedHashes(
    level: Int, index: UInt64, count: Int
  ) throws(StoreError) -> [UInt8] {
    let hashes = try StoredTiles(store: store).tile(level: level, index: index) ?? []
    guard hashes.count >= count * MerkleHash.byteCount else {
      throw StoreError(.corrupted, "tile \(index) of level \(level) is missing")
    }
    return Array(hashes.prefix(count * MerkleHash.byteCount))
  }
}

extension StoreError {
  /// Why a stored tree cannot be read: what the store says, or else what is wrong with the tiles.
  fileprivate init(_ what: String, _ error: any Error) {
    switch error {
    case TiledTreeError<StoreError>.store(let error): self = error
    case TiledTreeError<StoreError>.log(let error):
      self.init(.corrupted, "\(what): \(error.message)")
    default: self.init(.corrupted, "\(what): \(error)")
    }
  }
}

/// Why leaves are no chain from here on.
public struct ChainFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong with the leaf.
  public enum Reason: Equatable, Sendable {
    case undecodable(String)
    /// The rules refuse the entry.
    case refused(Refusal)
    /// The header is not the one that the items make.
    case wrongHeader
    /// An item stands where its block had to be closed.
    case headerMissing
  }

  /// Of the leaf at fault.
  public let index: UInt64
  /// Of the block in which it stands.
  public let height: UInt64
  public let reason: Reason

  init(index: UInt64, height: UInt64, reason: Reason) {
    (self.index, self.height, self.reason) = (index, height, reason)
  }

  public var description: String { "block \(height): \(what)" }

  /// The same without the block.
  var what: String {
    switch reason {
    case .undecodable(let message): "leaf \(index) cannot be read: \(message)"
    case .refused(let refusal): "the rules refuse item \(index): \(refusal)"
    case .wrongHeader: "the header at \(index) is not the one that the items make"
    case .headerMissing: "no header stands at \(index), where the block had to be closed"
    }
  }
}

package enum ChainFailure: Error {
  case fault(ChainFault)
  case store(StoreError)
}

/// The header at which the state was committed.
struct HeadRecord: StateRecord {
  var header: BlockHeader
  /// Of the tree up to it, by which the stored tiles are checked.
  var root: Digest32

  init(header: BlockHeader, root: Digest32) { (self.header, self.root) = (header, root) }

  func encode(into fields: inout some FieldEncoder) {
    fields.object("header", encoded: header.encoded())
    fields.digest("root", root)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    header = try BlockHeader(
      encoded: try fields.object("header", maximum: BlockHeader.maximumByteCount))
    root = try fields.digest("root")
  }
}

extension StateKey {
  static let head = Self("head")
  static func leaf(_ index: UInt64) -> Self { Self("leaf/", index.stateBytes) }
}

/// A tree's hash tiles among the values of the state.
struct StoredTiles: TileStore {
  let store: any StateStore

  static func key(_ level: Int, _ index: UInt64) -> StateKey {
    StateKey("tile/", [UInt8(clamping: level)], index.stateBytes)
  }

  func tile(level: Int, index: UInt64) throws(StoreError) -> [UInt8]? {
    try store.value(forKey: Self.key(level, index).bytes)
  }
}
