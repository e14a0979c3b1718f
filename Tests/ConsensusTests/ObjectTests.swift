import CanonicalEncoding
import Consensus
import Testing

@Suite("The objects of consensus")
struct ConsensusObjectTests {
  @Test("decode(encode(x)) == x")
  func roundTrip() throws {
    let vote = ConsensusVote(
      genesis: .zero, epoch: 1, height: 2, round: 9, phase: .commit, root: Digest32(sha256: [1]),
      timedOut: [0x80, 0x80])
    #expect(try ConsensusVote(encoded: vote.encoded()) == vote)
    let proposal = ConsensusProposal(
      genesis: .zero, epoch: 1, height: 2, round: 9, root: .zero, validRound: 3)
    #expect(try ConsensusProposal(encoded: proposal.encoded()) == proposal)
  }
}
