public import CanonicalEncoding

/// A vote with the seat whose delegate signed it.
public struct SignedVote: CanonicalValue, Hashable {
  public var vote: ConsensusVote
  public var seat: UInt64
  /// Ed25519 over the DER of ``vote``, by the seat's voting key.
  public var signature: [UInt8]

  public init(vote: ConsensusVote, seat: UInt64, signature: [UInt8]) {
    self.vote = vote
    self.seat = seat
    self.signature = signature
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("vote", encoded: vote.encoded())
    fields.integer("seat", seat)
    fields.octets("signature", signature)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    vote = try ConsensusVote(
      encoded: try fields.object("vote", maximum: ConsensusVote.maximumByteCount))
    seat = try fields.seat("seat")
    signature = try fields.octets("signature", count: 64)
  }
}

/// A proposal with what allows it.
public struct SignedProposal: CanonicalValue, Hashable {
  public var proposal: ConsensusProposal
  public var seat: UInt64
  /// Ed25519 over the DER of ``proposal``, by the seat's voting key.
  public var signature: [UInt8]
  /// The quorum of prepares of the proposal's valid round; empty without one.
  public var prepares: [SignedVote]

  public init(
    proposal: ConsensusProposal, seat: UInt64, signature: [UInt8], prepares: [SignedVote]
  ) {
    self.proposal = proposal
    self.seat = seat
    self.signature = signature
    self.prepares = prepares
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("proposal", encoded: proposal.encoded())
    fields.integer("seat", seat)
    fields.octets("signature", signature)
    fields.list("prepares", prepares)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    proposal = try ConsensusProposal(
      encoded: try fields.object("proposal", maximum: ConsensusProposal.maximumByteCount))
    seat = try fields.seat("seat")
    signature = try fields.octets("signature", count: 64)
    prepares = try fields.list("prepares", maximum: ConsensusLimits.seatCount)
  }
}

/// More than two thirds of the seats committed one block in one round: it is decided.
public struct CommitCertificate: CanonicalValue, Hashable {
  public var height: UInt64
  public var round: UInt64
  public var root: Digest32
  /// Seats ascending.
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
    height = try fields.integer("height", in: 0...ConsensusLimits.height)
    round = try fields.integer("round", in: 0...ConsensusLimits.round)
    root = try fields.digest("root")
    commits = try fields.list("commits", maximum: ConsensusLimits.seatCount)
  }
}

extension FieldDecoder {
  mutating func seat(_ name: String) throws(DecodingFailure) -> UInt64 {
    try integer(name, in: 0...UInt64(ConsensusLimits.seatCount - 1))
  }
}
