public import CanonicalEncoding

/// A delegate's proposal of a block in one round of one height.
public struct ConsensusProposal: CanonicalObject, Hashable {
  public static let kind = ObjectKind.consensusProposal

  public var genesis: Digest32
  public var epoch: UInt64
  public var height: UInt64
  public var round: UInt64
  /// Of the tree up to and with the block's header.
  public var root: Digest32
  /// The round in which more than two thirds prepared this block before.
  public var validRound: UInt64?

  public init(
    genesis: Digest32, epoch: UInt64, height: UInt64, round: UInt64, root: Digest32,
    validRound: UInt64?
  ) {
    self.genesis = genesis
    self.epoch = epoch
    self.height = height
    self.round = round
    self.root = root
    self.validRound = validRound
  }

  private struct Round: CanonicalValue {
    var round: UInt64
    init(_ round: UInt64) { self.round = round }
    func encode(into fields: inout some FieldEncoder) { fields.integer("round", round) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      round = try fields.integer("round", in: 0...1 << 32)
    }
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.integer("epoch", epoch)
    fields.integer("height", height)
    fields.integer("round", round)
    fields.digest("root", root)
    fields.optional("validRound", validRound.map(Round.init))
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    epoch = try fields.integer("epoch")
    height = try fields.integer("height", in: 0...UInt64(Int64.max))
    round = try fields.integer("round", in: 0...1 << 32)
    root = try fields.digest("root")
    validRound = try fields.optional("validRound", of: Round.self)?.round
  }
}
