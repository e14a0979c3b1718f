public import CanonicalEncoding
import EMRScheme

/// Closes a block: the items since the header before it. A checkpoint ends behind a header.
public struct BlockHeader: CanonicalObject, Equatable {
  public static let kind = ObjectKind.blockHeader
  public static let version: UInt64 = 2

  public var genesis: Digest32
  public var chain: String
  /// Counts the continuations of the chain from 0 (specification 6.9); the consortium's is 0.
  public var generation: UInt64
  /// Counts from 0 over all generations.
  public var height: UInt64
  /// The digest of the header before, zero at height 0.
  public var previous: Digest32
  /// The index of the first item; the header's own is this and ``itemCount``.
  public var firstIndex: UInt64
  /// At least 1.
  public var itemCount: UInt64
  /// The digest of ``StateChange``, which chains all changes up to and with this block.
  public var stateDigest: Digest32
  /// The consortium block whose directory and time judged the items; on the consortium chain zero.
  public var base: BlockReference
  /// The time of the base, on the consortium chain the block's own, in seconds since 1970.
  public var time: UInt64
  /// The same, with each gap between two consortium blocks counted as at most half of maxLag
  /// (specification 6.2).
  public var countedTime: UInt64
  /// How many demands on this chain are answered; on the consortium chain zero.
  public var answeredThrough: UInt64
  /// In the last block of an epoch of the consortium chain: who decides the blocks of the next one.
  public var nextSeats: SeatList?
  /// In the same block: the digest of the ``Members`` of the next epoch.
  public var nextMembers: Digest32?

  package init(
    genesis: Digest32, chain: String, generation: UInt64, height: UInt64, previous: Digest32,
    firstIndex: UInt64, itemCount: UInt64, stateDigest: Digest32, base: BlockReference,
    time: UInt64, countedTime: UInt64, answeredThrough: UInt64, nextSeats: SeatList? = nil,
    nextMembers: Digest32? = nil
  ) {
    self.genesis = genesis
    self.chain = chain
    self.generation = generation
    self.height = height
    self.previous = previous
    self.firstIndex = firstIndex
    self.itemCount = itemCount
    self.stateDigest = stateDigest
    self.base = base
    self.time = time
    self.countedTime = countedTime
    self.answeredThrough = answeredThrough
    self.nextSeats = nextSeats
    self.nextMembers = nextMembers
  }

  /// The header's place in the tree.
  public var index: UInt64 { firstIndex &+ itemCount }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("chain", chain)
    fields.integer("generation", generation)
    fields.integer("height", height)
    fields.digest("previous", previous)
    fields.integer("firstIndex", firstIndex)
    fields.integer("itemCount", itemCount)
    fields.digest("stateDigest", stateDigest)
    fields.value("base", base)
    fields.integer("time", time)
    fields.integer("countedTime", countedTime)
    fields.integer("answeredThrough", answeredThrough)
    fields.optional("nextSeats", nextSeats)
    fields.octetsList("nextMembers", nextMembers.map { [$0.bytes] } ?? [])
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    chain = try fields.identifier("chain")
    generation = try fields.integer("generation", in: 0...LedgerLimits.size)
    height = try fields.integer("height", in: 0...LedgerLimits.size)
    previous = try fields.digest("previous")
    firstIndex = try fields.integer("firstIndex", in: 0...LedgerLimits.size)
    itemCount = try fields.integer("itemCount", in: 1...LedgerLimits.blockItemCount)
    stateDigest = try fields.digest("stateDigest")
    base = try fields.value("base")
    time = try fields.integer("time", in: 0...Limits.latestTime)
    countedTime = try fields.integer("countedTime", in: 0...Limits.latestTime)
    answeredThrough = try fields.integer("answeredThrough", in: 0...LedgerLimits.size)
    nextSeats = try fields.optional("nextSeats")
    nextMembers = try fields.octetsList("nextMembers", maximum: 1, 32...32).first.flatMap {
      Digest32($0)
    }
  }
}

/// A block by its height and the digest of its header.
public struct BlockReference: CanonicalValue, Hashable {
  public var height: UInt64
  public var digest: Digest32

  public init(height: UInt64, digest: Digest32) { (self.height, self.digest) = (height, digest) }

  /// What stands where there is no block.
  public static let none = BlockReference(height: 0, digest: .zero)

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("height", height)
    fields.digest("digest", digest)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    height = try fields.integer("height", in: 0...LedgerLimits.size)
    digest = try fields.digest("digest")
  }
}

/// Bounds of what the ledger's objects hold.
public enum LedgerLimits {
  /// Indices, sizes, heights and counts: what C2SP's decimals hold, 2⁶³ − 1.
  public static let size = UInt64(Int64.max)
  /// The items of a block, whatever the genesis says.
  public static let blockItemCount: UInt64 = 1 << 16
  /// The leaves of the items of a block together, in bytes, whatever the members decide.
  public static let blockBytes: UInt64 = 1 << 20
  /// The leaves that a hospital has confirmed at once, in bytes: no block and its header have more.
  public static let closedBytes = 2 * Int(LedgerLimits.blockBytes)
  /// The leaves of a chain that are sent at once: more than any block has.
  public static let leafListCount = 1 << 17
  /// The signed note of a checkpoint in an entry, in bytes.
  public static let noteByteCount = 8192
  /// The signed note of a final checkpoint, with the cosignatures of 400 delegates whose names are as
  /// long as can be, in bytes.
  public static let finalNoteByteCount = 1 << 17
  /// The hashes of one Merkle proof.
  public static let proofHashCount = 64
  /// The longest entry that may be demanded, in bytes (specification 6.7).
  public static let demandedEntryByteCount = 32_768
}

extension FieldDecoder {
  /// An identifier: 1 to 64 of `a` to `z`, `0` to `9` and `-`.
  mutating func identifier(_ name: String) throws(DecodingFailure) -> String {
    let text = try text(name, maximum: Limits.identifierByteCount)
    guard ValidGenesis.isIdentifier(text) else {
      throw DecodingFailure(.invalidField, "\(name) is no identifier")
    }
    return text
  }
}
