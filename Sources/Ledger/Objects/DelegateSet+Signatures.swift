package import CanonicalEncoding
package import Consensus
import Credentials

/// What whoever receives a statement of a delegate checks before anything is made of it.
extension DelegateSet {
  private func votingKey(of seat: UInt64) -> [UInt8]? {
    guard seat < seats.count, !seats[Int(seat)].isEmpty else { return nil }
    return seats[Int(seat)].votingKey
  }

  /// Whether a vote is of this ledger and epoch, and by the delegate in the seat that it names, which
  /// is not empty.
  package func isSigned(_ signed: SignedVote, genesis: Digest32) -> Bool {
    guard signed.vote.genesis == genesis, signed.vote.epoch == epoch,
      let key = votingKey(of: signed.seat)
    else { return false }
    return IdentityKey.isValid(signed.signature, of: signed.vote.encoded(), by: key)
  }

  /// Whether a proposal is by the delegate in the seat that it names, and the prepares that go with it
  /// are each signed.
  package func isSigned(_ signed: SignedProposal, genesis: Digest32) -> Bool {
    guard signed.proposal.genesis == genesis, signed.proposal.epoch == epoch,
      signed.prepares.count <= seats.count, let key = votingKey(of: signed.seat),
      IdentityKey.isValid(signed.signature, of: signed.proposal.encoded(), by: key)
    else { return false }
    return signed.prepares.allSatisfy { isSigned($0, genesis: genesis) }
  }

  /// Whether more than two thirds of the seats have committed themselves to one block, by their
  /// signatures.
  package func holds(_ certificate: CommitCertificate, genesis: Digest32) -> Bool {
    let commits = certificate.commits
    return commits.count <= seats.count && Set(commits.map(\.seat)).count == commits.count
      && isQuorum(commits.count)
      && commits.allSatisfy {
        $0.vote.phase == .commit && $0.vote.height == certificate.height
          && $0.vote.round == certificate.round && $0.vote.root == certificate.root
          && isSigned($0, genesis: genesis)
      }
  }
}
