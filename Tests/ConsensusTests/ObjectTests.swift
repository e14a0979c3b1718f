import CanonicalEncoding
import Consensus
import Testing

@Suite("The objects of consensus")
struct ConsensusObjectTests {
  private let vote = ConsensusVote(
    genesis: Digest32(sha256: []), epoch: 1, height: 2, round: 9, phase: .commit, root: Bench.a,
    timedOut: [0x80, 0x80])
  private let proposal = ConsensusProposal(
    genesis: Digest32(sha256: []), epoch: 1, height: 2, round: 9, root: Bench.a, validRound: 3)

  private func readsVote(_ change: (inout ConsensusVote) -> Void) -> Bool {
    var vote = vote
    change(&vote)
    return (try? ConsensusVote(encoded: vote.encoded())) == vote
  }

  private func readsProposal(_ change: (inout ConsensusProposal) -> Void) -> Bool {
    var proposal = proposal
    change(&proposal)
    return (try? ConsensusProposal(encoded: proposal.encoded())) == proposal
  }

  @Test("a vote is the DER that the specification prints")
  func voteBytes() throws {
    var vote = vote
    vote.genesis = .zero
    vote.phase = .prepare
    vote.timedOut = []
    vote.root = nil
    let zero = [UInt8](repeating: 0, count: 32).hex
    #expect(
      vote.encoded().hex == "7f3f37" + "3035" + "020101" + "0420" + zero + "020101" + "020102"
        + "020109" + "020101" + "3000" + "0400")
    vote.root = .zero
    #expect(vote.encoded().hex.hasSuffix("3022" + "0420" + zero + "0400"))
    #expect(try ConsensusVote(encoded: vote.encoded()) == vote)
  }

  @Test("a proposal is the DER that the specification prints")
  func proposalBytes() throws {
    var proposal = proposal
    proposal.genesis = .zero
    proposal.root = .zero
    let zero = [UInt8](repeating: 0, count: 32).hex
    #expect(
      proposal.encoded().hex == "7f4059" + "3057" + "020101" + "0420" + zero + "020101" + "020102"
        + "020109" + "0420" + zero + "3005" + "3003" + "020103")
    proposal.validRound = nil
    #expect(proposal.encoded().hex.hasSuffix("0420" + zero + "3000"))
    #expect(try ConsensusProposal(encoded: proposal.encoded()) == proposal)
  }

  @Test("bounds of a vote hold")
  func voteBounds() throws {
    #expect(readsVote { _ in })
    #expect(readsVote { $0.height = ConsensusLimits.height })
    #expect(!readsVote { $0.height = ConsensusLimits.height + 1 })
    #expect(!readsVote { $0.epoch = ConsensusLimits.height + 1 })
    #expect(readsVote { $0.round = ConsensusLimits.round })
    #expect(!readsVote { $0.round = ConsensusLimits.round + 1 })
    // Round 8 is named, so the commit is of one above.
    #expect(!readsVote { $0.round = 8 })
    #expect(!readsVote { $0.phase = .prepare })
    #expect(readsVote { ($0.phase, $0.timedOut) = (.prepare, []) })
    #expect(!readsVote { $0.timedOut = [0x80, 0] })
    #expect(!readsVote { $0.timedOut = [0] })
    #expect(readsVote { ($0.round, $0.timedOut) = (256, [UInt8](repeating: 0xff, count: 32)) })
    #expect(!readsVote { ($0.round, $0.timedOut) = (900, [UInt8](repeating: 0xff, count: 33)) })
    // The phase is the INTEGER after round 9.
    let hex = vote.encoded().hex.split(separator: "020109020102", maxSplits: 1)
    let phase = try #require([UInt8](hex: hex.joined(separator: "020109020103")))
    #expect(throws: DecodingFailure.self) { try ConsensusVote(encoded: phase) }
  }

  @Test("bounds of a proposal hold")
  func proposalBounds() {
    #expect(readsProposal { _ in })
    #expect(!readsProposal { $0.height = .max })
    #expect(!readsProposal { $0.epoch = .max })
    #expect(!readsProposal { $0.round = .max })
    #expect(readsProposal { $0.validRound = 8 })
    #expect(!readsProposal { $0.validRound = 9 })
    #expect(!readsProposal { $0.validRound = .max })
  }

  @Test("a change of any bit is another statement or none")
  func everyBitCounts() {
    for encoded in [vote.encoded(), proposal.encoded()] {
      for index in encoded.indices {
        for bit in 0..<8 {
          var changed = encoded
          changed[index] ^= 1 << UInt8(bit)
          #expect((try? ConsensusVote(encoded: changed)) != vote)
          #expect((try? ConsensusProposal(encoded: changed)) != proposal)
        }
      }
    }
  }

  @Test("signed statements and certificates are read as they were written, within their bounds")
  func signed() throws {
    let bench = Bench(seatCount: 400)
    let prepares = bench.votes(Array(0..<400), .prepare, Bench.a)
    let proposal = bench.proposal(Bench.a, 1, validRound: 0, prepares: prepares)
    #expect(try SignedProposal(sequence: proposal.encodedSequence()) == proposal)
    let certificate = CommitCertificate(height: 400, round: 0, root: Bench.a, commits: prepares)
    #expect(try CommitCertificate(sequence: certificate.encodedSequence()) == certificate)

    var many = certificate
    many.commits += prepares.prefix(1)
    #expect(throws: DecodingFailure.self) {
      try CommitCertificate(sequence: many.encodedSequence())
    }
    var signed = prepares[0]
    #expect(try SignedVote(sequence: signed.encodedSequence()) == signed)
    signed.seat = 400
    #expect(throws: DecodingFailure.self) { try SignedVote(sequence: signed.encodedSequence()) }
    signed = prepares[0]
    signed.signature.removeLast()
    #expect(throws: DecodingFailure.self) { try SignedVote(sequence: signed.encodedSequence()) }
  }

  @Test("two statements contradict each other only at one place, with different roots")
  func contradiction() throws {
    let place = try #require(
      SeatEquivocation.contradiction(
        vote.encoded(), changed(vote) { $0.root = nil }.encoded()))
    #expect(place.height == 2 && place.round == 9 && place.phase == .commit && place.epoch == 1)
    #expect(place.genesis == vote.genesis)
    let other = changed(vote) { $0.root = Bench.b }
    let honest = [
      vote,
      changed(vote) { $0.timedOut = [] },
      changed(other) { $0.genesis = .zero },
      changed(other) { $0.epoch = 2 },
      changed(other) { $0.height = 3 },
      changed(other) { $0.round = 10 },
      changed(other) { ($0.phase, $0.timedOut) = (.prepare, []) },
    ]
    for statement in honest {
      #expect(SeatEquivocation.contradiction(vote.encoded(), statement.encoded()) == nil)
    }
    #expect(
      SeatEquivocation.contradiction(
        proposal.encoded(), changed(proposal) { $0.root = Bench.b }.encoded())?.phase == nil)
    #expect(
      SeatEquivocation.contradiction(
        proposal.encoded(), changed(proposal) { $0.root = Bench.b }.encoded()) != nil)
    #expect(
      SeatEquivocation.contradiction(
        proposal.encoded(), changed(proposal) { $0.validRound = nil }.encoded()) == nil)
    #expect(SeatEquivocation.contradiction(vote.encoded(), proposal.encoded()) == nil)
    #expect(SeatEquivocation.contradiction([0x30], [0x31]) == nil)
    let found = SeatEquivocation(
      seat: 1, first: .init(object: vote.encoded(), signature: [UInt8](repeating: 1, count: 64)),
      second: .init(object: other.encoded(), signature: [UInt8](repeating: 2, count: 64)))
    #expect(try SeatEquivocation(sequence: found.encodedSequence()) == found)
  }

  private func changed<Value>(_ value: Value, _ change: (inout Value) -> Void) -> Value {
    var value = value
    change(&value)
    return value
  }
}
