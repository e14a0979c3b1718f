public import CanonicalEncoding

/// Two statements of one seat of which an honest delegate makes only one.
public struct SeatEquivocation: CanonicalValue, Hashable {
  public var seat: UInt64
  public var first: Statement
  public var second: Statement

  /// A signed vote or proposal as it was signed.
  public struct Statement: CanonicalValue, Hashable {
    /// The DER of a ``ConsensusVote`` or ``ConsensusProposal``.
    public var object: [UInt8]
    public var signature: [UInt8]

    public init(object: [UInt8], signature: [UInt8]) {
      (self.object, self.signature) = (object, signature)
    }

    /// As it was signed; nothing of it is verified here.
    public init(_ vote: SignedVote) {
      self.init(object: vote.vote.encoded(), signature: vote.signature)
    }

    /// As it was signed; nothing of it is verified here.
    public init(_ proposal: SignedProposal) {
      self.init(object: proposal.proposal.encoded(), signature: proposal.signature)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.object("object", encoded: object)
      fields.octets("signature", signature)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      object = try fields.object("object", maximum: ConsensusLimits.statementByteCount)
      signature = try fields.octets("signature", count: 64)
    }
  }

  public init(seat: UInt64, first: Statement, second: Statement) {
    self.seat = seat
    self.first = first
    self.second = second
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("seat", seat)
    fields.value("first", first)
    fields.value("second", second)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    seat = try fields.seat("seat")
    first = try fields.value("first")
    second = try fields.value("second")
  }

  /// Where two statements contradict each other.
  public struct Place: Sendable, Hashable {
    /// The digest of the genesis.
    public let genesis: Digest32
    /// Of ``height``, as both statements have it.
    public let epoch: UInt64
    /// Of the block that was to be decided.
    public let height: UInt64
    /// Of this height, from 0.
    public let round: UInt64
    /// Nil: proposals.
    public let phase: ConsensusVote.Phase?
  }

  /// Where these two objects contradict each other: two votes of one phase, or two proposals, of one
  /// round with different roots, where no block differs from every block. No signature is looked at.
  ///
  /// - Returns: nil for objects of which an honest delegate may sign both; so votes that differ in
  ///   `timedOut` alone, and proposals that differ in `validRound` alone.
  public static func contradiction(_ first: [UInt8], _ second: [UInt8]) -> Place? {
    guard let first = position(first), let second = position(second), first.place == second.place,
      first.root != second.root
    else { return nil }
    return first.place
  }

  private static func position(_ object: [UInt8]) -> (place: Place, root: Digest32?)? {
    if let vote = try? ConsensusVote(encoded: object) { return (Place(vote), vote.root) }
    if let proposal = try? ConsensusProposal(encoded: object) {
      return (Place(proposal), proposal.root)
    }
    return nil
  }
}

extension SeatEquivocation.Place {
  init(_ vote: ConsensusVote) {
    self.init(
      genesis: vote.genesis, epoch: vote.epoch, height: vote.height, round: vote.round,
      phase: vote.phase)
  }

  init(_ proposal: ConsensusProposal) {
    self.init(
      genesis: proposal.genesis, epoch: proposal.epoch, height: proposal.height,
      round: proposal.round, phase: nil)
  }
}
