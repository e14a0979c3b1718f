import CanonicalEncoding
import EMRScheme

/// Replays a chain leaf by leaf with bounded memory: claims are decided in batches, and the state is
/// committed behind each. Where a batch does not hold, it is replayed once more to find the first
/// leaf at fault, and the chain ends before it.
struct ChainReplay<Rules: ChainRules> {
  private(set) var engine: ChainEngine<Rules>
  private(set) var fault: ChainFault?
  private let decider: any ClaimDecider

  /// Where the present batch began, with its leaves.
  private var start: ChainEngine<Rules>
  private var leaves: [[UInt8]] = []
  private var claims: [Claim] = []
  /// Of the leaf that makes each claim.
  private var owners: [(leaf: Int, refusal: Refusal)] = []

  /// Enough for a batch's equations to cost a visit next to nothing, in memory about 10 MB.
  private static var claimLimit: Int { 4096 }
  /// Consents and refusals make few claims and many leaves.
  private static var leafLimit: Int { 4096 }

  init(
    rules: Rules, store: any StateStore, decider: any ClaimDecider
  ) throws(StoreError) {
    engine = try ChainEngine(rules: rules, store: store, keepsLeaves: false)
    start = engine
    self.decider = decider
  }

  /// Replays the next leaf, unless a fault was found before.
  ///
  /// - Parameter decoded: what decoding the leaf has come to.
  mutating func replay(
    _ leaf: [UInt8], _ decoded: Result<Leaf, DecodingFailure>
  ) throws(StoreError) {
    guard fault == nil else { return }
    do {
      for claim in try engine.replay(leaf, decoded) {
        claims.append(claim.claim)
        owners.append((leaves.count, claim.refusal))
      }
      leaves.append(leaf)
    } catch {
      switch error {
      case .store(let error): throw error
      case .fault(let found):
        // The claims before it may fail too, and then come first.
        try decide()
        if fault == nil { try end(with: found) }
        return
      }
    }
    let isFull = claims.count >= Self.claimLimit || leaves.count >= Self.leafLimit
    if isFull, engine.openLeaves.isEmpty { try decide() }
  }

  /// Decides what is undecided; nothing follows.
  mutating func finish() throws(StoreError) {
    guard fault == nil else { return }
    try decide()
    if fault == nil, !engine.openLeaves.isEmpty {
      try end(
        with: ChainFault(
          index: engine.position, height: engine.height, reason: .headerMissing))
    }
  }

  private mutating func decide() throws(StoreError) {
    if let first = decider.firstFailure(of: claims) {
      let (leaf, refusal) = owners[first]
      engine = start
      for before in leaves.prefix(leaf) { try again(before) }
      return try end(
        with: ChainFault(
          index: engine.position, height: engine.height, reason: .refused(refusal)))
    }
    // A batch begins behind a header; an open block stays in it.
    guard engine.openLeaves.isEmpty else { return (claims, owners) = ([], []) }
    try engine.commit()
    start = engine
    (leaves, claims, owners) = ([], [], [])
  }

  /// What stands before the block of the fault is the chain.
  private mutating func end(with fault: ChainFault) throws(StoreError) {
    self.fault = fault
    let valid = leaves.prefix(Int(fault.index - start.position))
    engine = start
    for leaf in valid.prefix((valid.lastIndex(where: Leaf.isHeader) ?? -1) + 1) {
      try again(leaf)
    }
    try engine.commit()
    (leaves, claims, owners) = ([], [], [])
  }

  /// Replays a leaf that was replayed before, from the same state.
  private mutating func again(_ leaf: [UInt8]) throws(StoreError) {
    do {
      _ = try engine.replay(leaf)
    } catch {
      throw StoreError(.corrupted, "two replays of one chain differ")
    }
  }
}
