import CanonicalEncoding

/// What the delegates said of one round, at most two contradictory votes of a seat and phase.
struct RoundRecord: Sendable {
  private(set) var proposal: SignedProposal?
  private var hasReportedProposer = false
  private var prepares = Tally()
  private var commits = Tally()

  var isEmpty: Bool { proposal == nil && prepares.isEmpty && commits.isEmpty }

  /// Keeps a proposal if it is the first.
  ///
  /// - Returns: that the seat contradicted itself, once.
  mutating func insert(_ new: SignedProposal) -> SeatEquivocation? {
    guard let first = proposal else {
      proposal = new
      return nil
    }
    guard first.proposal.root != new.proposal.root, !hasReportedProposer else { return nil }
    hasReportedProposer = true
    return SeatEquivocation(seat: new.seat, first: .init(first), second: .init(new))
  }

  mutating func insert(_ vote: SignedVote) -> SeatEquivocation? {
    switch vote.vote.phase {
    case .prepare: prepares.insert(vote)
    case .commit: commits.insert(vote)
    }
  }

  mutating func removeAll(of seat: UInt64) {
    if proposal?.seat == seat { proposal = nil }
    prepares.remove(seat)
    commits.remove(seat)
  }

  /// A round that is over is not proposed for any more; the proposal stays as evidence.
  mutating func dropPrepares() { proposal?.prepares = [] }

  /// Whether somebody proposed this block or voted for it.
  func names(_ root: Digest32) -> Bool {
    proposal?.proposal.root == root || prepares.counts[root] != nil || commits.counts[root] != nil
  }

  /// The seats that proposed this block, or voted for it.
  func seats(for root: Digest32) -> [UInt64] {
    (proposal.map { $0.proposal.root == root ? [$0.seat] : [] } ?? [])
      + (votes(.prepare, for: root) + votes(.commit, for: root)).map(\.seat)
  }

  /// How many seats voted, for whatever.
  func seatCount(_ phase: ConsensusVote.Phase) -> Int { tally(phase).seatCount }

  func count(_ phase: ConsensusVote.Phase, for root: Digest32?) -> Int {
    tally(phase).counts[root] ?? 0
  }

  /// The block that so many seats voted for as `isQuorum` asks for.
  func block(_ phase: ConsensusVote.Phase, where isQuorum: (Int) -> Bool) -> Digest32? {
    for case (let root?, let count) in tally(phase).counts where isQuorum(count) { return root }
    return nil
  }

  /// The first vote of each seat; seats ascending.
  func votes(_ phase: ConsensusVote.Phase) -> [SignedVote] { tally(phase).firstVotes }

  /// Seats ascending.
  func votes(_ phase: ConsensusVote.Phase, for root: Digest32?) -> [SignedVote] {
    tally(phase).votes(for: root)
  }

  private func tally(_ phase: ConsensusVote.Phase) -> Tally {
    switch phase {
    case .prepare: prepares
    case .commit: commits
    }
  }

  private struct Tally: Sendable {
    /// By seat, the first vote and perhaps one that contradicts it. Both count: others may have seen
    /// only the second, and any two quorums share an honest seat all the same.
    private var votes: [UInt64: [SignedVote]] = [:]
    private(set) var counts: [Digest32?: Int] = [:]

    var isEmpty: Bool { votes.isEmpty }
    var seatCount: Int { votes.count }

    mutating func insert(_ vote: SignedVote) -> SeatEquivocation? {
      let known = votes[vote.seat, default: []]
      guard known.count < 2, known.first?.vote.root != vote.vote.root || known.isEmpty else {
        return nil
      }
      votes[vote.seat] = known + [vote]
      counts[vote.vote.root, default: 0] += 1
      return known.first.map {
        SeatEquivocation(seat: vote.seat, first: .init($0), second: .init(vote))
      }
    }

    mutating func remove(_ seat: UInt64) {
      for vote in votes.removeValue(forKey: seat) ?? [] {
        let count = counts[vote.vote.root, default: 1] - 1
        counts[vote.vote.root] = count > 0 ? count : nil
      }
    }

    var firstVotes: [SignedVote] {
      votes.values.compactMap(\.first).sorted { $0.seat < $1.seat }
    }

    func votes(for root: Digest32?) -> [SignedVote] {
      votes.values.compactMap { $0.first { $0.vote.root == root } }.sorted { $0.seat < $1.seat }
    }
  }
}
