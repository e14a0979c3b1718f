import CanonicalEncoding
import Consensus

/// Whoever sees all votes can say what a lock forbids: a delegate that has committed to a block prepares
/// another one only if a quorum has prepared that in the round of the commit or in one since (lines 28
/// and 29 of the algorithm). A lock that is lost, or given up for too little, shows here long before two
/// blocks are decided.
struct LockWitness {
  private struct Prepared: Hashable {
    let height: UInt64
    let round: UInt64
    let root: Digest32
  }

  private struct Voter: Hashable {
    let id: String
    let height: UInt64
  }

  private var seats: [Prepared: Set<UInt64>] = [:]
  private var locks: [Voter: (round: UInt64, root: Digest32)] = [:]

  /// Takes a vote that somebody has shown.
  ///
  /// - Parameters:
  ///   - id: who signed it, if that one is honest.
  ///   - quorum: whether so many seats are one.
  /// - Returns: whether a lock forbids it.
  mutating func contradicts(
    _ signed: SignedVote, by id: String?, quorum: (Int) -> Bool
  ) -> Bool {
    let vote = signed.vote
    guard let root = vote.root else { return false }
    if vote.phase == .prepare {
      let place = Prepared(height: vote.height, round: vote.round, root: root)
      seats[place, default: []].insert(signed.seat)
    }
    guard let id else { return false }
    let voter = Voter(id: id, height: vote.height)
    let lock = locks[voter]
    if vote.phase == .commit {
      if lock?.round ?? 0 <= vote.round { locks[voter] = (vote.round, root) }
      return false
    }
    guard let lock, lock.root != root, lock.round < vote.round else { return false }
    return !(lock.round..<vote.round).contains { round in
      let place = Prepared(height: vote.height, round: round, root: root)
      return quorum(seats[place]?.count ?? 0)
    }
  }
}
