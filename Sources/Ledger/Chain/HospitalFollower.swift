package import CanonicalEncoding
import EMRScheme
import TransparencyLog

/// A hospital's chain as somebody else follows it: its cloud, or the system manager.
///
/// Leaves are replayed by the rules, their claims decided in one batch, and the state is committed
/// behind the last block of each batch, with the leaves themselves.
package struct HospitalFollower: Sendable {
  package private(set) var engine: ChainEngine<HospitalRules>
  package private(set) var confirmed: ConfirmedRecord?
  private let decider: any ClaimDecider

  package init(
    genesis: ValidGenesis, hospital: String, store: any StateStore, consortium: any StateStore,
    decider: any ClaimDecider
  ) throws(StoreError) {
    self.decider = decider
    engine = try ChainEngine(
      rules: HospitalRules(
        genesis: genesis, hospital: hospital, consortium: consortium, decider: decider),
      store: store, keepsLeaves: true)
    let view = engine.view()
    confirmed = view.value(.confirmed)
    if let failure = view.failure { throw failure }
  }

  package var size: UInt64 { engine.size }
  package var view: HospitalView { HospitalView(engine: engine, confirmed: confirmed) }
  /// Of the last block's base.
  package var baseHeight: UInt64? { engine.header?.base.height }

  /// Leaves that were replayed and are not stored yet.
  package struct Progress: Sendable {
    fileprivate var engine: ChainEngine<HospitalRules>
    /// Where visits were completed in them.
    fileprivate var completed: [(index: UInt64, completion: VisitCompletion)] = []

    /// The visits that were completed in them.
    package var completions: [VisitCompletion] { completed.map(\.completion) }

    /// The same, behind the first `size` leaves.
    package func completions(behind size: UInt64) -> [VisitCompletion] {
      completed.filter { $0.index >= size }.map(\.completion)
    }

    /// The visits that were abandoned in them.
    package fileprivate(set) var abandoned: [Digest32] = []

    /// The visits that came to their end in them.
    package var ended: [Digest32] { abandoned + completions.map(\.context.visitID) }

    package var size: UInt64 { engine.size }
    /// How many leaves there are, with those behind the last header.
    package var position: UInt64 { engine.position }

    /// Of the last block's base.
    package var baseHeight: UInt64? { engine.header?.base.height }

    package func root() throws(StoreError) -> [UInt8] { try engine.root(size: engine.size) }

    /// The root of the first `size` leaves.
    package func root(size: UInt64) throws(StoreError) -> [UInt8] { try engine.root(size: size) }
  }

  /// Replays the leaves that follow; nothing is stored.
  ///
  /// - Parameters:
  ///   - former: what was replayed before them and is not stored either.
  ///   - isWhole: whether the leaves have to end with a header.
  ///   - trustsClaims: whether the claims are taken as decided, as of leaves made in this process.
  /// - Throws: ``ChainFailure``. With a fault, everything before it holds.
  package func replay(
    _ leaves: [[UInt8]], after former: Progress? = nil, isWhole: Bool = true,
    trustsClaims: Bool = false
  ) throws(ChainFailure) -> Progress {
    var progress = former ?? Progress(engine: engine)
    let start = progress.position
    try progress.engine.replay(leaves, decidedBy: trustsClaims ? nil : decider)
    for (index, leaf) in zip(start..., leaves) {
      switch Leaf.entry(in: leaf)?.content.body {
      case .visitCompletion(let completion): progress.completed.append((index, completion))
      case .visitAbandonment(let abandonment): progress.abandoned.append(abandonment.visit)
      default: continue
      }
    }
    guard !isWhole || progress.engine.openLeaves.isEmpty else {
      throw .fault(progress.engine.faultHere(.headerMissing))
    }
    return progress
  }

  /// Stores what was replayed, which ends with a header. Returns when it is durable.
  ///
  /// - Parameter confirmed: the checkpoint that covers it; without it the former one stays.
  package mutating func commit(
    _ progress: Progress, confirmed: ConfirmedRecord? = nil
  ) throws(StoreError) {
    var engine = progress.engine
    let confirmed = confirmed ?? self.confirmed
    try engine.commit(with: [.confirmed: confirmed?.stateBytes])
    self.engine = engine
    self.confirmed = confirmed
  }

  /// The bytes of the leaves from `index` on, up to `byteCount` together and at least one.
  package func leaves(
    from index: UInt64, limit: Int = .max, byteCount: Int
  ) throws(StoreError) -> [[UInt8]] {
    try engine.storedLeaves(from: index, limit: limit, byteCount: byteCount)
  }
}

extension ChainEngine {
  /// The stored leaves from `index` on, up to `byteCount` together and at least one.
  package func storedLeaves(
    from index: UInt64, limit: Int = .max, byteCount: Int
  ) throws(StoreError) -> [[UInt8]] {
    var leaves: [[UInt8]] = []
    var total = 0
    var next = index
    while next < size, leaves.count < limit {
      guard let leaf = try store.value(forKey: StateKey.leaf(next).bytes) else {
        throw StoreError(.corrupted, "leaf \(next) is missing")
      }
      total += leaf.count
      if total > byteCount, !leaves.isEmpty { break }
      leaves.append(leaf)
      next += 1
    }
    return leaves
  }
}
