public import CanonicalEncoding
public import Consensus
import EMRScheme

/// The first item of a block of the consortium chain, signed by the delegate who proposed the block
/// first: the block's time, and why the block before is decided.
public struct BlockOpening: CanonicalObject, Equatable {
  public static let kind = ObjectKind.blockOpening

  /// Of the block.
  public var height: UInt64
  /// The round in which the block was proposed first.
  public var round: UInt64
  /// The block's time, in seconds since 1970.
  public var time: UInt64
  /// Of the block before; none at height 0.
  public var commits: CommitSet?

  public init(height: UInt64, round: UInt64, time: UInt64, commits: CommitSet?) {
    self.height = height
    self.round = round
    self.time = time
    self.commits = commits
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("height", height)
    fields.integer("round", round)
    fields.integer("time", time)
    fields.optional("commits", commits)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    height = try fields.integer("height", in: 0...LedgerLimits.size)
    round = try fields.integer("round", in: 0...ConsensusLimits.round)
    time = try fields.integer("time", in: 0...Limits.latestTime)
    commits = try fields.optional("commits")
  }
}

/// The commits of more than two thirds of the seats for one block, in one round: they decide it.
public struct CommitSet: CanonicalValue, Equatable {
  public var round: UInt64
  /// Of the tree up to and with the block's header.
  public var root: Digest32
  /// By ascending seats.
  public var commits: [Commit]

  /// What one delegate signed beside what all sign alike.
  public struct Commit: CanonicalValue, Equatable {
    public var seat: UInt64
    /// The rounds of the height that timed out for this delegate without a proposal: a bitmap whose
    /// most significant bit is round 0, without zero bytes at its end.
    public var timedOut: [UInt8]
    /// Ed25519, by the voting key of the seat, over the DER of the ``ConsensusVote``.
    public var signature: [UInt8]

    public init(seat: UInt64, timedOut: [UInt8], signature: [UInt8]) {
      (self.seat, self.timedOut, self.signature) = (seat, timedOut, signature)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.integer("seat", seat)
      fields.octets("timedOut", timedOut)
      fields.octets("signature", signature)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      seat = try fields.integer("seat", in: 0...UInt64(ConsensusLimits.seatCount - 1))
      timedOut = try fields.octets("timedOut", 0...ConsensusLimits.timedOutByteCount)
      signature = try fields.octets("signature", count: 64)
    }
  }

  public init(round: UInt64, root: Digest32, commits: [Commit]) {
    self.round = round
    self.root = root
    self.commits = commits
  }

  /// The commits of a certificate, as the next block's opening states them.
  public init(_ certificate: CommitCertificate) {
    round = certificate.round
    root = certificate.root
    commits = certificate.commits.sorted { $0.seat < $1.seat }.map {
      Commit(seat: $0.seat, timedOut: $0.vote.timedOut, signature: $0.signature)
    }
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("round", round)
    fields.digest("root", root)
    fields.list("commits", commits)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    round = try fields.integer("round", in: 0...ConsensusLimits.round)
    root = try fields.digest("root")
    commits = try fields.list("commits", maximum: ConsensusLimits.seatCount)
    guard !commits.isEmpty else {
      throw DecodingFailure(.invalidField, "commits are none")
    }
  }
}
