import CanonicalEncoding

/// An entry that is to become an item.
package struct Item {
  let entry: Entry
  let digest: Digest32
  /// Where it would stand.
  let index: UInt64
  /// Of the leaf.
  let byteCount: UInt64
}

/// What the rules know of the block that is open; it has no item yet when it is made.
package protocol OpenBlock: Sendable {
  var itemCount: UInt64 { get set }
  var byteCount: UInt64 { get set }
}

/// What the rules put into the header that closes a block.
package struct BlockSummary {
  var generation: UInt64 = 0
  var base: BlockReference
  var time: UInt64
  var countedTime: UInt64
  var answeredThrough: UInt64
  var nextSeats: SeatList?
  var nextMembers: Digest32?
}

/// The rules of one chain.
package protocol ChainRules: Sendable {
  associatedtype Block: OpenBlock

  var genesis: ValidGenesis { get }
  var chain: String { get }

  /// The block that begins behind a header.
  func open(after header: BlockHeader?, _ state: StateView) -> Block

  /// Judges an entry that is of this chain and no item yet.
  func judge(_ item: Item, _ block: inout Block, _ state: StateView) throws(Refusal) -> Judgement

  /// What the rules do to close a block; changes that it makes are the block's last.
  func close(_ block: Block, _ state: StateView) -> BlockSummary

  /// Takes note of the header.
  func closed(_ header: BlockHeader, _ state: StateView)
}
