package import CanonicalEncoding
package import Ledger

/// A role's own replay of the consortium chain, and its way to append to the ordering log.
///
/// The log is trusted for nothing but keeping what it has acknowledged.
package actor LedgerNode {
  package nonisolated let genesis: ValidGenesis
  package nonisolated let decider: any ClaimDecider
  /// The state of the consortium chain, by which hospitals' chains are judged.
  package nonisolated let consortiumState: any StateStore
  private let log: any OrderingLog
  private var follower: ConsortiumFollower

  private static let batch = 256
  private static let appendAttempts = 3

  package init(genesis: ValidGenesis, state: any StateStore, log: any OrderingLog) throws {
    self.genesis = genesis
    self.log = log
    consortiumState = state
    decider = try LedgerSuite.decider(for: genesis)
    follower = try ConsortiumFollower(genesis: genesis, store: state, decider: decider)
  }

  /// The consortium chain as far as it was replayed.
  package var consortium: ConsortiumView { follower.reader }

  /// Entries passed over, and cosignatures that contradict this replay.
  package var contradictions: [ConsortiumFollower.Contradiction] { follower.contradictions }
  package var passedOver: Int { follower.passedOver }

  /// The largest size that a supernode was seen to cosign since this node was opened.
  package func cosignedSize(by node: String) -> UInt64 { follower.cosignedSize(by: node) }

  /// Replays what is new in the log.
  ///
  /// - Throws: ``ConsortiumError`` `ledger-diverged` if it is not the log that was replayed before: a
  ///   part of it is gone, or other entries stand there.
  package func catchUp() async throws {
    try await requireSameLog()
    while true {
      let position = follower.nextPosition
      let entries = try await log.entries(from: position, limit: Self.batch)
      // While this waited, another call may have replayed some of these.
      for entry in entries where entry.position >= follower.nextPosition {
        try follower.replay(entry)
      }
      if entries.count < Self.batch { break }
    }
  }

  private func requireSameLog() async throws {
    let place = follower.place
    guard let chain = try await log.chain(upTo: place.count) else {
      throw ConsortiumError(
        .ledgerDiverged,
        "the ordering log has fewer than the \(place.count) entries replayed from it")
    }
    guard chain == place.chain else {
      throw ConsortiumError(
        .ledgerDiverged,
        "the first \(place.count) entries of the ordering log are not those replayed from it")
    }
  }

  /// Appends entries and replays them. Returns when they are durable.
  ///
  /// - Throws: as ``catchUp()``; nothing is appended to another log.
  package func append(_ entries: [[UInt8]]) async throws {
    try await requireSameLog()
    for attempt in 1...Self.appendAttempts {
      do {
        _ = try await log.append(entries)
        break
      } catch {
        // The log takes the same bytes once, so asking again is safe.
        guard error.code == .outcomeUnknown, attempt < Self.appendAttempts else { throw error }
      }
    }
    try await catchUp()
  }

  /// Appends one entry of the consortium chain and waits for the rules' verdict.
  ///
  /// - Throws: the ``Refusal``.
  package func submit(_ entry: Entry) async throws {
    let bytes = entry.encoded()
    try await append([bytes])
    switch try follower.verdict(on: Digest32(sha256: bytes)) {
    case .refused(let refusal): throw refusal
    case nil: throw ConsortiumError(.outcomeUnknown, "the verdict on the entry is not known")
    default: break
    }
  }

  /// Submits an entry that somebody else is behind: what the rules would refuse does not reach the
  /// log.
  ///
  /// - Throws: the ``Refusal``.
  func submitIfAcceptable(_ entry: Entry) async throws {
    try await catchUp()
    if let refusal = try follower.refusal(of: entry) { throw refusal }
    try await submit(entry)
  }

  /// Where an accepted entry of the consortium chain stands.
  package func index(of entry: Digest32) throws -> UInt64? {
    guard case .accepted(let index, _) = try follower.verdict(on: entry) else { return nil }
    return index
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

  func finalAnchor(covering index: UInt64, on chain: HospitalView) throws -> AnchorRecord? {
    let consortium = consortium
    guard let anchor = try consortium.firstAnchor(covering: index, of: chain.hospital),
      anchor.index < consortium.final?.size ?? 0, try chain.leads(to: anchor)
    else { return nil }
    return anchor
  }
}
