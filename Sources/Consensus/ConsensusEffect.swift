public import CanonicalEncoding

/// The steps of a round.
public enum ConsensusStep: UInt64, Sendable, Comparable {
  case propose = 1
  case prepare = 2
  case commit = 3

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A timer that a ``ConsensusMachine`` asks for, and is told of when it has run out.
public struct ConsensusTimeout: Sendable, Hashable {
  /// Of the machine that asked for it.
  public let height: UInt64
  /// In which it runs.
  public let round: UInt64
  public let step: ConsensusStep

  public init(height: UInt64, round: UInt64, step: ConsensusStep) {
    self.height = height
    self.round = round
    self.step = step
  }

  /// How long the timer runs: base + round · growth, in milliseconds, or the most that there is.
  ///
  /// It grows so that, however slow the network, some round is longer than its messages take.
  public func milliseconds(base: UInt64 = 1000, growth: UInt64 = 500) -> UInt64 {
    let (product, overflowed) = round.multipliedReportingOverflow(by: growth)
    let (sum, carried) = base.addingReportingOverflow(product)
    return overflowed || carried ? .max : sum
  }
}

/// What a ``ConsensusMachine`` wants done, in this order.
public enum ConsensusEffect: Sendable, Equatable {
  /// Make a new block for this round; answered by ``ConsensusMachine/proposed(_:round:)``.
  case propose(round: UInt64)
  /// Is the block with this root valid? Answered by ``ConsensusMachine/judged(_:_:)`` as soon as the
  /// block is there, if its round is over too; never if it never comes. Until then no other question
  /// about it is asked.
  ///
  /// With `firstProposedIn` the block is proposed for the first time: its opening has to be of this
  /// round and the clock is asked too. Without, no clock judges it.
  case judge(root: Digest32, firstProposedIn: UInt64?)
  /// Sign this vote, store it with ``ConsensusMachine/stored``, publish it, and give it back by
  /// ``ConsensusMachine/receive(_:)-(SignedVote)``.
  case sign(ConsensusVote)
  /// The same for a proposal, that these prepares go with.
  case signProposal(ConsensusProposal, prepares: [SignedVote])
  /// Store with ``ConsensusMachine/stored``, and publish, a quorum of votes that others signed: whoever
  /// of them is dishonest may have told nobody else, and nobody would go on without them. Whoever reads
  /// it gives each vote to its machine by ``ConsensusMachine/receive(_:)-(SignedVote)``.
  ///
  /// The last one of each phase is to be published again, like the own messages, until the height is
  /// decided.
  case relay([SignedVote])
  /// Start a timer.
  case schedule(ConsensusTimeout)
  /// The block of the height is decided; nothing follows.
  case decide(CommitCertificate)
  /// A delegate contradicted itself.
  case equivocation(SeatEquivocation)
}
