import CanonicalEncoding
import Consensus

/// What delegates send each other.
enum SimulatedMessage: Hashable {
  case proposal(SignedProposal)
  case vote(SignedVote)
  /// Passed on by somebody who has not signed them.
  case relayed([SignedVote])
  case certificate(CommitCertificate)

  var height: UInt64 {
    switch self {
    case .proposal(let signed): signed.proposal.height
    case .vote(let signed): signed.vote.height
    case .relayed(let votes): votes.first?.vote.height ?? 0
    case .certificate(let certificate): certificate.height
    }
  }

  var round: UInt64 {
    switch self {
    case .proposal(let signed): signed.proposal.round
    case .vote(let signed): signed.vote.round
    case .relayed(let votes): votes.first?.vote.round ?? 0
    case .certificate(let certificate): certificate.round
    }
  }

  var isCommitOfBlock: Bool {
    guard case .vote(let signed) = self else { return false }
    return signed.vote.phase == .commit && signed.vote.root != nil
  }

  /// Tells the kinds of messages of one round apart.
  var kind: UInt64 {
    switch self {
    case .proposal: 0
    case .vote(let signed): signed.vote.phase.rawValue
    case .relayed(let votes): votes.first?.vote.phase.rawValue ?? 0
    case .certificate: 3
    }
  }
}

/// A block, of which the delegates vote on the root alone.
struct SimulatedBlock {
  let height: UInt64
  let parent: Digest32
  /// Of its opening.
  let round: UInt64
  let proposer: UInt64
  /// Milliseconds of the proposer's clock.
  let time: UInt64
  /// The seats that are empty above it.
  let convicted: [UInt64]
  /// Whether the rules accept its items.
  let keepsRules: Bool
  let number: UInt64

  var root: Digest32 {
    Digest32(sha256: "\(height) \(parent) \(round) \(proposer) \(time) \(number)".utf8)
  }
}

/// Signatures that nobody can forge: each names the statement that it was made for.
struct SignatureBook {
  private var votes: [SignedVote] = []
  private var proposals: [SignedProposal] = []
  private var known: [Statement: UInt64] = [:]

  private struct Statement: Hashable {
    let seat: UInt64
    let vote: ConsensusVote?
    let proposal: ConsensusProposal?
  }

  mutating func sign(_ vote: ConsensusVote, by seat: UInt64) -> SignedVote {
    let statement = Statement(seat: seat, vote: vote, proposal: nil)
    if let index = known[statement] { return votes[Int(index)] }
    let index = UInt64(votes.count)
    let signed = SignedVote(vote: vote, seat: seat, signature: Self.signature(index))
    votes.append(signed)
    known[statement] = index
    return signed
  }

  mutating func sign(
    _ proposal: ConsensusProposal, by seat: UInt64, prepares: [SignedVote]
  ) -> SignedProposal {
    let statement = Statement(seat: seat, vote: nil, proposal: proposal)
    let index = known[statement] ?? UInt64(proposals.count)
    let signed = SignedProposal(
      proposal: proposal, seat: seat, signature: Self.signature(index), prepares: prepares)
    if known.updateValue(index, forKey: statement) == nil { proposals.append(signed) }
    return signed
  }

  func isGenuine(_ message: SimulatedMessage) -> Bool {
    switch message {
    case .vote(let signed): isGenuine(signed)
    case .relayed(let votes): votes.allSatisfy(isGenuine)
    case .proposal(let signed): isGenuine(signed) && signed.prepares.allSatisfy(isGenuine)
    case .certificate(let certificate): certificate.commits.allSatisfy(isGenuine)
    }
  }

  /// Whether the seat signed both statements, and they contradict each other.
  func proves(_ equivocation: SeatEquivocation) -> Bool {
    isGenuine(equivocation.first, by: equivocation.seat)
      && isGenuine(equivocation.second, by: equivocation.seat)
      && SeatEquivocation.contradiction(equivocation.first.object, equivocation.second.object)
        != nil
  }

  private func isGenuine(_ statement: SeatEquivocation.Statement, by seat: UInt64) -> Bool {
    if let vote = try? ConsensusVote(encoded: statement.object) {
      return isGenuine(SignedVote(vote: vote, seat: seat, signature: statement.signature))
    }
    guard let proposal = try? ConsensusProposal(encoded: statement.object) else { return false }
    return isGenuine(
      SignedProposal(
        proposal: proposal, seat: seat, signature: statement.signature, prepares: []))
  }

  private func isGenuine(_ signed: SignedVote) -> Bool {
    let index = Self.index(signed.signature)
    return index < votes.count && votes[index] == signed
  }

  private func isGenuine(_ signed: SignedProposal) -> Bool {
    let index = Self.index(signed.signature)
    return index < proposals.count && proposals[index].proposal == signed.proposal
      && proposals[index].seat == signed.seat
  }

  private static func signature(_ index: UInt64) -> [UInt8] {
    (0..<64).map { $0 < 8 ? UInt8(truncatingIfNeeded: index >> (8 * UInt64($0))) : 0 }
  }

  private static func index(_ signature: [UInt8]) -> Int {
    signature.prefix(7).reversed().reduce(0) { $0 << 8 | Int($1) }
  }
}
