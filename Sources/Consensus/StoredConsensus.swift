public import CanonicalEncoding

/// What a ``ConsensusMachine`` has to find again after a restart, so that it contradicts nothing that
/// it signed. It is stored, in one write with what was signed, before that leaves the machine.
public struct StoredConsensus: CanonicalValue, Equatable {
  public let height: UInt64
  public internal(set) var round: UInt64 = 0
  /// Nil before the height has begun.
  public internal(set) var step: ConsensusStep?
  public internal(set) var locked: LockedBlock?
  public internal(set) var valid: ValidBlock?
  /// The own proposal of this round.
  var proposal: ConsensusProposal?
  /// The own votes of this round and of the rounds below it that are kept, in the order of signing.
  public internal(set) var votes: [ConsensusVote] = []
  /// The rounds of this height in which the propose timeout expired without a proposal.
  var timedOut = TimedOutRounds()
  /// Whether a message of the own seat came that this state knows nothing of: it is then an older
  /// copy, and what signed by it could contradict the newer.
  public internal(set) var isSilenced = false

  /// The block that this delegate committed itself to last.
  public struct LockedBlock: CanonicalValue, Hashable {
    public let round: UInt64
    public let root: Digest32

    init(round: UInt64, root: Digest32) { (self.round, self.root) = (round, root) }

    public func encode(into fields: inout some FieldEncoder) {
      fields.integer("round", round)
      fields.digest("root", root)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      round = try fields.integer("round", in: 0...ConsensusLimits.round)
      root = try fields.digest("root")
    }
  }

  /// The block that a quorum prepared last, as far as this delegate knows, with that quorum.
  public struct ValidBlock: CanonicalValue, Hashable {
    public let round: UInt64
    public let root: Digest32
    public let prepares: [SignedVote]

    init(round: UInt64, root: Digest32, prepares: [SignedVote]) {
      self.round = round
      self.root = root
      self.prepares = prepares
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.integer("round", round)
      fields.digest("root", root)
      fields.list("prepares", prepares)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      round = try fields.integer("round", in: 0...ConsensusLimits.round)
      root = try fields.digest("root")
      prepares = try fields.list("prepares", maximum: ConsensusLimits.seatCount)
    }
  }

  init(height: UInt64) { self.height = height }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("height", height)
    fields.integer("round", round)
    fields.integer("step", step?.rawValue ?? 0)
    fields.optional("locked", locked)
    fields.optional("valid", valid)
    fields.optional("proposal", proposal.map(OwnProposal.init))
    fields.list("votes", votes.map(OwnVote.init))
    fields.octets("timedOut", timedOut.bytes)
    fields.integer("isSilenced", isSilenced ? 1 : 0)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    height = try fields.integer("height", in: 0...ConsensusLimits.height)
    round = try fields.integer("round", in: 0...ConsensusLimits.round)
    let number = try fields.integer("step", in: 0...ConsensusStep.commit.rawValue)
    step = ConsensusStep(rawValue: number)
    locked = try fields.optional("locked")
    valid = try fields.optional("valid")
    proposal = try fields.optional("proposal", of: OwnProposal.self)?.proposal
    votes = try fields.list("votes", maximum: Self.maximumVoteCount, of: OwnVote.self).map(\.vote)
    timedOut = TimedOutRounds(
      try fields.octets("timedOut", 0...ConsensusLimits.timedOutByteCount))
    guard timedOut.isWellFormed(below: .max) else {
      throw DecodingFailure(.invalidField, "timedOut ends with a zero byte")
    }
    isSilenced = try fields.integer("isSilenced", in: 0...1) == 1
  }

  private static let maximumVoteCount = 2 * Int(ConsensusMachine.keptRoundCount + 1)

  private struct OwnVote: CanonicalValue {
    let vote: ConsensusVote
    init(_ vote: ConsensusVote) { self.vote = vote }
    func encode(into fields: inout some FieldEncoder) {
      fields.object("vote", encoded: vote.encoded())
    }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      vote = try ConsensusVote(
        encoded: try fields.object("vote", maximum: ConsensusVote.maximumByteCount))
    }
  }

  private struct OwnProposal: CanonicalValue {
    let proposal: ConsensusProposal
    init(_ proposal: ConsensusProposal) { self.proposal = proposal }
    func encode(into fields: inout some FieldEncoder) {
      fields.object("proposal", encoded: proposal.encoded())
    }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      proposal = try ConsensusProposal(
        encoded: try fields.object("proposal", maximum: ConsensusProposal.maximumByteCount))
    }
  }
}
