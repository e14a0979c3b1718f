public import CanonicalEncoding

/// A vote with its voter's signature.
public struct SignedVote: CanonicalValue, Hashable {
  public var vote: ConsensusVote
  public var seat: UInt64
  /// Ed25519, by the voting key of the seat, over the DER of ``vote``.
  public var signature: [UInt8]

  public init(vote: ConsensusVote, seat: UInt64, signature: [UInt8]) {
    (self.vote, self.seat, self.signature) = (vote, seat, signature)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("vote", encoded: vote.encoded())
    fields.integer("seat", seat)
    fields.octets("signature", signature)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    vote = try ConsensusVote(encoded: try fields.object("vote", maximum: 1024))
    seat = try fields.integer("seat", in: 0...399)
    signature = try fields.octets("signature", count: 64)
  }
}

/// That a block is decided: the commits of more than two thirds of the seats in one round.
public struct CommitCertificate: CanonicalValue, Hashable {
  public var height: UInt64
  public var round: UInt64
  public var root: Digest32
  public var commits: [SignedVote]

  public init(height: UInt64, round: UInt64, root: Digest32, commits: [SignedVote]) {
    self.height = height
    self.round = round
    self.root = root
    self.commits = commits
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("height", height)
    fields.integer("round", round)
    fields.digest("root", root)
    fields.list("commits", commits)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    height = try fields.integer("height", in: 0...UInt64(Int64.max))
    round = try fields.integer("round", in: 0...1 << 32)
    root = try fields.digest("root")
    commits = try fields.list("commits", maximum: 400)
  }
}
