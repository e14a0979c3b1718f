public import CanonicalEncoding

/// A delegate's vote for a block, or for none, in one round of one height.
public struct ConsensusVote: CanonicalObject, Hashable {
  public static let kind = ObjectKind.consensusVote

  public enum Phase: UInt64, Sendable { case prepare = 1, commit = 2 }

  public var genesis: Digest32
  public var epoch: UInt64
  public var height: UInt64
  public var round: UInt64
  public var phase: Phase
  /// Of the tree up to and with the block's header; nil for no block.
  public var root: Digest32?
  /// Of a commit: the rounds of this height that timed out without a proposal. A bitmap whose most
  /// significant bit is round 0, without zero bytes at its end.
  public var timedOut: [UInt8]

  public init(
    genesis: Digest32, epoch: UInt64, height: UInt64, round: UInt64, phase: Phase,
    root: Digest32?, timedOut: [UInt8] = []
  ) {
    self.genesis = genesis
    self.epoch = epoch
    self.height = height
    self.round = round
    self.phase = phase
    self.root = root
    self.timedOut = timedOut
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.integer("epoch", epoch)
    fields.integer("height", height)
    fields.integer("round", round)
    fields.integer("phase", phase.rawValue)
    fields.octetsList("root", root.map { [$0.bytes] } ?? [])
    fields.octets("timedOut", timedOut)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    epoch = try fields.integer("epoch")
    height = try fields.integer("height", in: 0...UInt64(Int64.max))
    round = try fields.integer("round", in: 0...1 << 32)
    guard let phase = Phase(rawValue: try fields.integer("phase")) else {
      throw DecodingFailure(.invalidField, "phase is neither prepare nor commit")
    }
    self.phase = phase
    root = try fields.octetsList("root", maximum: 1, 32...32).first.flatMap { Digest32($0) }
    timedOut = try fields.octets("timedOut", 0...32)
  }
}
