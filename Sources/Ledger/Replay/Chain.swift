public import CanonicalEncoding
public import TransparencyLog

/// One chain as its entries make it: state, blocks, and the tree over the blocks.
///
/// The same code runs on the ordering log and on an export, so both reach the same blocks or the
/// difference is found.
public struct Chain<State: ChainState>: Sendable {
  public let name: String
  public let genesis: ValidGenesis
  public private(set) var state: State
  public private(set) var blocks: [Block] = []
  /// Over the hashes of ``blocks``.
  public private(set) var tree = MerkleTree()
  /// Entries that no block holds yet.
  public private(set) var pending: [BlockItem] = []
  /// What the accepted ones among ``pending`` are.
  public private(set) var pendingKinds: Set<ObjectKind> = []
  private var pendingChanges: [StateChange.Change] = []
  private var stateDigest = Digest32.zero
  private var verdicts: [Digest32: Verdict] = [:]

  public init(name: String, genesis: ValidGenesis, state: State) {
    (self.name, self.genesis, self.state) = (name, genesis, state)
  }

  /// - Returns: nil for an entry that has not been ordered.
  public func verdict(on entry: Digest32) -> Verdict? { verdicts[entry] }

  /// Judges one entry and closes the blocks that it completes.
  ///
  /// An entry that was judged before, byte for byte, is passed over.
  /// - Returns: the refusal, or nil if the entry was accepted or passed over.
  @discardableResult
  mutating func process(
    _ entry: Entry, encoded: [UInt8], base: ConsortiumBase, equations: any EquationChecker
  ) -> Refusal? {
    let digest = Digest32(sha256: encoded)
    guard verdicts[digest] == nil else { return nil }
    var item = BlockItem(entry: encoded, refusal: "", baseHeight: base.height)
    do {
      let effect = try state.apply(entry, base: base.state, equations: equations)
      if effect.cut == .visit, !pending.isEmpty { close(base) }
      verdicts[digest] = Verdict(height: blocks.count, refusal: nil)
      pending.append(item)
      if let kind = ObjectKind(of: entry.content.body) { pendingKinds.insert(kind) }
      pendingChanges += effect.changes
      if effect.cut != .none { close(base) }
      return nil
    } catch {
      verdicts[digest] = Verdict(height: blocks.count, refusal: error)
      item.refusal = error.code
      pending.append(item)
      return error
    }
  }

  private mutating func close(_ base: ConsortiumBase) {
    pendingChanges += state.close()
    stateDigest = StateChange(previous: stateDigest, changes: pendingChanges).digest
    let body = BlockBody(items: pending)
    let isConsortium = name == ChainName.consortium
    let header = BlockHeader(
      genesis: genesis.digest, chain: name, height: UInt64(blocks.count),
      previous: blocks.last?.header.digest ?? .zero, bodyDigest: body.digest,
      stateDigest: stateDigest,
      time: (state as? ConsortiumState)?.time ?? base.state.time,
      baseHeight: isConsortium ? 0 : base.height, baseHash: isConsortium ? .zero : base.digest)
    blocks.append(Block(header: header, body: body))
    tree.append(header.digest.bytes)
    state.closed(header)
    pending = []
    pendingKinds = []
    pendingChanges = []
  }

  /// The checkpoint of the first `size` blocks.
  public func checkpoint(size: Int) -> Checkpoint? {
    guard size <= blocks.count else { return nil }
    return try? Checkpoint(
      origin: genesis.origin(of: name), size: UInt64(size), root: tree.root(size: UInt64(size)))
  }
}

/// A consortium block as the base that entries are judged by: its directory and its time.
public struct ConsortiumBase: Sendable {
  public let state: ConsortiumState
  public let height: UInt64
  public let digest: Digest32

  init(state: ConsortiumState, height: UInt64, digest: Digest32) {
    (self.state, self.height, self.digest) = (state, height, digest)
  }

  /// What the consortium's own entries are judged by before its first block.
  init(genesis: ValidGenesis) {
    self.init(state: ConsortiumState(genesis: genesis), height: 0, digest: .zero)
  }
}

/// Where an entry stands: the block that holds or will hold it, and whether it was refused.
public struct Verdict: Sendable {
  public let height: Int
  public let refusal: Refusal?
}
