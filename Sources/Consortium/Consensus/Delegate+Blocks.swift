package import CanonicalEncoding
import Consensus
import Ledger

/// The items of blocks: those that others ask for, and those that this delegate asks others for.
extension Delegate {
  /// A block of the height under way on which the machine waits.
  package struct WantedBlock: Sendable, Equatable {
    package let height: UInt64
    package let root: Digest32
    /// Who may have it, since they proposed it or voted for it; who has not had one that was asked for
    /// comes last.
    package let holders: [String]
  }

  /// The longest items of a block that are taken: more than an honest delegate proposes.
  private static let byteLimit = 3 << 19

  /// The blocks whose items have to be brought, by ``receive(_:for:from:)``.
  package var wanted: [WantedBlock] {
    awaited.keys.filter { blocks[$0] == nil }.sorted {
      $0.bytes.lexicographicallyPrecedes($1.bytes)
    }
    .map { root in
      let holders = machine.seats(for: root).compactMap { delegates.seats[Int($0)].delegate }
        .filter { $0 != id && misled[root]?.contains($0) != true }
      return WantedBlock(
        height: height, root: root,
        holders: holders.filter { !unserved.contains($0) }
          + holders.filter { unserved.contains($0) })
    }
  }

  package func wants(_ root: Digest32) -> Bool { awaited[root] != nil && blocks[root] == nil }

  /// Receives what a peer has answered that was asked for a block; nil if it did not have it. Nothing
  /// else is taken.
  ///
  /// Something that is not the block says nothing about the block: it is wanted as before, from
  /// others.
  package mutating func receive(
    _ block: ProposedBlock?, for root: Digest32, from peer: String
  ) throws -> Bool {
    guard wants(root), misled[root]?.contains(peer) != true else { return false }
    guard let block else {
      unserved.insert(peer)
      return false
    }
    return try durably { (delegate) throws in
      guard delegate.wants(root) else { return }
      guard block.root == root, block.height == delegate.height,
        block.entries.reduce(0, { $0 + $1.count }) <= Self.byteLimit,
        let tried = try delegate.trial(block)
      else {
        delegate.misled[root, default: []].insert(peer)
        return
      }
      delegate.unserved.remove(peer)
      delegate.keep(tried)
      try delegate.judgeAwaited()
    }
  }

  /// The block that these items make, if it is the one that they are said to be.
  func trial(_ block: ProposedBlock) throws -> ConsortiumFollower.TrialBlock? {
    guard block.height == height, case .success(let tried) = try follower.trial(block.entries),
      tried.root == block.root
    else { return nil }
    return tried
  }

  /// Keeps a valid block, so that this delegate can vote for it and others can have it.
  mutating func keep(_ block: ConsortiumFollower.TrialBlock) {
    blocks[block.root] = block
    shelf.insert(
      ProposedBlock(height: block.height, root: block.root, entries: block.entries))
  }

  /// Drops blocks that nobody asks for any more. Those that are decided stand on the chain.
  mutating func dropBlocks() {
    let height = height
    let needed = machine.neededBlocks.union(relayedBlocks)
    blocks = blocks.filter { needed.contains($0.key) }
    shelf.removeAll {
      $0.height < height || ($0.height == height && !needed.contains($0.root))
    }
  }

  /// The blocks of which the outbox shows prepares, of rounds whose messages are kept. After a restart
  /// the machine may not know any more that it has passed on a quorum of them.
  private var relayedBlocks: [Digest32] {
    let oldest = machine.round - min(machine.round, ConsensusMachine.keptRoundCount)
    return outbox.items.compactMap { placed in
      guard case .vote(let signed) = placed.item, signed.vote.phase == .prepare,
        signed.vote.height == height, signed.vote.round >= oldest
      else { return nil }
      return signed.vote.root
    }
  }

  /// A block that this delegate has found valid or decided, and stored; nil if it has not.
  package func block(_ root: Digest32, height: UInt64) throws -> ProposedBlock? {
    if isBroken { return nil }
    if let kept = shelf[root], kept.height == height { return kept }
    return try follower.items(ofBlock: height, root: root).map {
      ProposedBlock(height: height, root: root, entries: $0)
    }
  }
}
