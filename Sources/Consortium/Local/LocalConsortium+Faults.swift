import CanonicalEncoding
import Consensus
import Credentials
import Ledger

/// What goes wrong in a consortium, for a demonstration of what follows from it.
extension LocalConsortium {
  /// A doctor retires for good.
  public func retire(doctor id: String) async throws {
    try await doctor(id).retire()
    try await settle()
  }

  /// Signs two votes of which an honest delegate signs one, with the delegate's own key, and has the
  /// cloud report both.
  ///
  /// - Throws: ``ConsortiumError`` `not-entitled` if it is no delegate of the last block; the
  ///   ``Refusal``.
  public func voteTwice(as delegate: String) async throws {
    let consortium = await cloud.node.consortium
    let height = max(consortium.height, 1) - 1
    let seats = try consortium.delegates(forHeight: height)
    guard let seat = seats.seats.first(where: { $0.delegate == delegate }),
      let key = try supernodeKeys(delegate).ring.votingKey(seat.votingKey)
    else { throw ConsortiumError(.notEntitled, "\(delegate) is no delegate of the last block") }
    let votes = [1, 2].map { (number: UInt8) in
      let vote = ConsensusVote(
        genesis: genesis.digest, epoch: seats.epoch, height: height, round: 0, phase: .commit,
        root: Digest32(sha256: [number]))
      return VoteEquivocationReport.Statement(object: vote.encoded(), signature: key.sign(vote))
    }
    try await submit(
      VoteEquivocationReport(first: votes[0], second: votes[1]), by: cloud.id,
      supernodeKeys(cloud.id).ring.identity(in: try consortium.members))
  }
}
