package import CanonicalEncoding
package import Consensus
import Credentials

/// Statements of delegates whose signatures were verified, so that none is verified twice, whoever
/// shows it again and again.
package struct VerifiedStatements: Sendable {
  /// By seat: who signs without end makes only its own forgotten.
  private var digests: [UInt64: Set<Digest32>] = [:]
  /// How many signatures were checked.
  package var checkCount = 0

  /// More than an honest seat signs in the rounds that are kept.
  private static let limit = 128

  package init() {}

  fileprivate mutating func isSigned(
    _ statement: [UInt8], _ signature: [UInt8], by seat: UInt64, _ key: [UInt8]
  ) -> Bool {
    let digest = Digest32(sha256: signature + statement)
    if digests[seat]?.contains(digest) == true { return true }
    checkCount += 1
    guard IdentityKey.isValid(signature, of: statement, by: key) else { return false }
    if digests[seat, default: []].count == Self.limit { digests[seat] = [] }
    digests[seat, default: []].insert(digest)
    return true
  }
}

/// What whoever receives a statement of a delegate checks before anything is made of it.
extension DelegateSet {
  private func votingKey(of seat: UInt64) -> [UInt8]? {
    guard seat < seats.count, !seats[Int(seat)].isEmpty else { return nil }
    return seats[Int(seat)].votingKey
  }

  /// Whether a vote is of this ledger and epoch, and by the delegate in the seat that it names, which
  /// is not empty.
  ///
  /// - Parameter verified: what was verified against this set before.
  package func isSigned(
    _ signed: SignedVote, genesis: Digest32, remembering verified: inout VerifiedStatements
  ) -> Bool {
    guard signed.vote.genesis == genesis, signed.vote.epoch == epoch,
      let key = votingKey(of: signed.seat)
    else { return false }
    return verified.isSigned(signed.vote.encoded(), signed.signature, by: signed.seat, key)
  }

  /// Whether a proposal is by the delegate in the seat that it names, and the prepares that go with it
  /// are each signed.
  package func isSigned(
    _ signed: SignedProposal, genesis: Digest32, remembering verified: inout VerifiedStatements
  ) -> Bool {
    guard signed.proposal.genesis == genesis, signed.proposal.epoch == epoch,
      signed.prepares.count <= seats.count, let key = votingKey(of: signed.seat),
      verified.isSigned(signed.proposal.encoded(), signed.signature, by: signed.seat, key)
    else { return false }
    return signed.prepares.allSatisfy {
      isSigned($0, genesis: genesis, remembering: &verified)
    }
  }

  /// Whether more than two thirds of the seats have committed themselves to one block, by their
  /// signatures.
  package func holds(
    _ certificate: CommitCertificate, genesis: Digest32,
    remembering verified: inout VerifiedStatements
  ) -> Bool {
    let commits = certificate.commits
    return commits.count <= seats.count && Set(commits.map(\.seat)).count == commits.count
      && isQuorum(commits.count)
      && commits.allSatisfy {
        $0.vote.phase == .commit && $0.vote.height == certificate.height
          && $0.vote.round == certificate.round && $0.vote.root == certificate.root
          && isSigned($0, genesis: genesis, remembering: &verified)
      }
  }

  package func holds(_ certificate: CommitCertificate, genesis: Digest32) -> Bool {
    var verified = VerifiedStatements()
    return holds(certificate, genesis: genesis, remembering: &verified)
  }
}
