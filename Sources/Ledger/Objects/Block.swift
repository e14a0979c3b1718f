public import CanonicalEncoding
import EMRScheme

/// A block: one visit (figure 4), or the administrative entries since the block before.
public struct Block: CanonicalObject, Equatable {
  public static let kind = ObjectKind.block
  public static let maximumByteCount = 1 << 28
  public static let maximumNodeCount = 1 << 22

  public var header: BlockHeader
  public var body: BlockBody

  public init(header: BlockHeader, body: BlockBody) { (self.header, self.body) = (header, body) }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("header", encoded: header.encoded())
    fields.object("body", encoded: body.encoded())
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    header = try BlockHeader(
      encoded: try fields.object("header", maximum: BlockHeader.maximumByteCount))
    body = try BlockBody(encoded: try fields.object("body", maximum: BlockBody.maximumByteCount))
  }
}

/// What the hash of a block covers; it is the leaf of the chain's RFC 6962 tree.
public struct BlockHeader: CanonicalObject, Equatable {
  public static let kind = ObjectKind.blockHeader

  public var genesis: Digest32
  public var chain: String
  /// Counts from 0.
  public var height: UInt64
  /// The hash of the header before, zero at height 0.
  public var previous: Digest32
  public var bodyDigest: Digest32
  /// The digest of ``StateChange``, which chains all changes up to and with this block.
  public var stateDigest: Digest32
  /// Ledger time in seconds since 1970.
  public var time: UInt64
  /// The final consortium block whose directory and time the entries were judged by; for the
  /// consortium chain itself zero.
  public var baseHeight: UInt64
  public var baseHash: Digest32

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("chain", chain)
    fields.integer("height", height)
    fields.digest("previous", previous)
    fields.digest("bodyDigest", bodyDigest)
    fields.digest("stateDigest", stateDigest)
    fields.integer("time", time)
    fields.integer("baseHeight", baseHeight)
    fields.digest("baseHash", baseHash)
  }

  init(
    genesis: Digest32, chain: String, height: UInt64, previous: Digest32, bodyDigest: Digest32,
    stateDigest: Digest32, time: UInt64, baseHeight: UInt64, baseHash: Digest32
  ) {
    self.genesis = genesis
    self.chain = chain
    self.height = height
    self.previous = previous
    self.bodyDigest = bodyDigest
    self.stateDigest = stateDigest
    self.time = time
    self.baseHeight = baseHeight
    self.baseHash = baseHash
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    chain = try fields.text("chain", maximum: Limits.identifierByteCount)
    height = try fields.integer("height")
    previous = try fields.digest("previous")
    bodyDigest = try fields.digest("bodyDigest")
    stateDigest = try fields.digest("stateDigest")
    time = try fields.integer("time", in: 0...Limits.latestTime)
    baseHeight = try fields.integer("baseHeight")
    baseHash = try fields.digest("baseHash")
  }
}

/// The entries of a block in the order of the log, with the rules' verdicts.
public struct BlockBody: CanonicalObject, Equatable {
  public static let kind = ObjectKind.blockBody
  public static let maximumByteCount = 1 << 28
  public static let maximumNodeCount = 1 << 22

  public var items: [BlockItem]

  public init(items: [BlockItem]) { self.items = items }

  public func encode(into fields: inout some FieldEncoder) { fields.list("items", items) }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    items = try fields.list("items", maximum: 1 << 20)
  }
}

public struct BlockItem: CanonicalValue, Equatable {
  /// The DER of an ``Entry``.
  public var entry: [UInt8]
  /// Empty for an accepted entry, else the code of its ``Refusal``. Refused entries stay.
  public var refusal: String
  /// The consortium block that this entry was judged by.
  public var baseHeight: UInt64

  public init(entry: [UInt8], refusal: String, baseHeight: UInt64) {
    (self.entry, self.refusal, self.baseHeight) = (entry, refusal, baseHeight)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("entry", encoded: entry)
    fields.text("refusal", refusal)
    fields.integer("baseHeight", baseHeight)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    entry = try fields.object("entry", maximum: Entry.maximumByteCount)
    refusal = try fields.text("refusal", maximum: 64)
    baseHeight = try fields.integer("baseHeight")
  }
}

extension Block {
  /// The completion of the visit, if this is the block of one.
  public var visitCompletion: VisitCompletion? {
    guard body.items.count == 1, body.items[0].refusal.isEmpty,
      let entry = try? Entry(encoded: body.items[0].entry)
    else { return nil }
    return try? VisitCompletion(encoded: entry.content.body)
  }
}
