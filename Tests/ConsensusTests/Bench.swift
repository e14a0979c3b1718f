import CanonicalEncoding
import Consensus

/// One machine among seats whose messages the test makes up.
struct Bench {
  static let a = Digest32(sha256: [1])
  static let b = Digest32(sha256: [2])
  static let c = Digest32(sha256: [3])

  let setting: ConsensusMachine.Setting
  var machine: ConsensusMachine

  /// - Parameters:
  ///   - seat: 3 proposes in rounds 3, 7, … of the four seats.
  init(seatCount: Int = 4, seat: UInt64? = 3, emptySeats: Set<UInt64> = []) {
    setting = .init(
      genesis: .zero, epoch: 7, height: UInt64(seatCount), seatCount: seatCount,
      emptySeats: emptySeats, seat: seat)
    machine = ConsensusMachine(setting)
  }

  /// Stops the machine and starts it with what it stored.
  mutating func restart() throws {
    let stored = try StoredConsensus(sequence: machine.stored.encodedSequence())
    machine = ConsensusMachine(setting, restoring: stored)
  }

  // MARK: - What others say

  func vote(
    _ seat: UInt64, _ phase: ConsensusVote.Phase, _ root: Digest32?, _ round: UInt64 = 0,
    timedOut: [UInt8] = []
  ) -> SignedVote {
    signed(
      ConsensusVote(
        genesis: setting.genesis, epoch: setting.epoch, height: setting.height, round: round,
        phase: phase, root: root, timedOut: timedOut),
      seat)
  }

  func votes(
    _ seats: [UInt64], _ phase: ConsensusVote.Phase, _ root: Digest32?, _ round: UInt64 = 0
  ) -> [SignedVote] {
    seats.map { vote($0, phase, root, round) }
  }

  func proposal(
    _ root: Digest32, _ round: UInt64 = 0, validRound: UInt64? = nil,
    prepares: [SignedVote] = [], seat: UInt64? = nil
  ) -> SignedProposal {
    signed(
      ConsensusProposal(
        genesis: setting.genesis, epoch: setting.epoch, height: setting.height, round: round,
        root: root, validRound: validRound),
      seat ?? setting.proposer(ofRound: round), prepares)
  }

  func signed(_ vote: ConsensusVote, _ seat: UInt64) -> SignedVote {
    SignedVote(
      vote: vote, seat: seat,
      signature: [UInt8](repeating: UInt8(truncatingIfNeeded: seat), count: 64))
  }

  private func signed(
    _ proposal: ConsensusProposal, _ seat: UInt64, _ prepares: [SignedVote]
  ) -> SignedProposal {
    SignedProposal(
      proposal: proposal, seat: seat,
      signature: [UInt8](repeating: UInt8(truncatingIfNeeded: seat), count: 64),
      prepares: prepares)
  }

  func timeout(_ step: ConsensusStep, _ round: UInt64 = 0) -> ConsensusTimeout {
    ConsensusTimeout(height: setting.height, round: round, step: step)
  }

  // MARK: - What the machine does

  /// Gives the machine back what it signs, as its delegate does.
  ///
  /// - Returns: all effects.
  @discardableResult
  mutating func run(
    _ input: (inout ConsensusMachine) -> [ConsensusEffect]
  ) -> [ConsensusEffect] {
    var effects = input(&machine)
    var index = 0
    while index < effects.count {
      switch effects[index] {
      case .sign(let vote):
        effects += machine.receive(signed(vote, setting.seat ?? 0))
      case .signProposal(let proposal, let prepares):
        effects += machine.receive(signed(proposal, setting.seat ?? 0, prepares))
      default: break
      }
      index += 1
    }
    return effects
  }

  @discardableResult
  mutating func begin() -> [ConsensusEffect] { run { $0.begin() } }

  @discardableResult
  mutating func receive(_ proposal: SignedProposal) -> [ConsensusEffect] {
    run { $0.receive(proposal) }
  }

  @discardableResult
  mutating func receive(_ votes: [SignedVote]) -> [ConsensusEffect] {
    votes.flatMap { vote in run { $0.receive(vote) } }
  }

  @discardableResult
  mutating func receive(
    _ seats: [UInt64], _ phase: ConsensusVote.Phase, _ root: Digest32?, _ round: UInt64 = 0
  ) -> [ConsensusEffect] {
    receive(votes(seats, phase, root, round))
  }

  @discardableResult
  mutating func judged(
    _ root: Digest32, _ verdict: ConsensusMachine.Verdict = .valid
  ) -> [ConsensusEffect] {
    run { $0.judged(root, verdict) }
  }

  @discardableResult
  mutating func expire(_ step: ConsensusStep, _ round: UInt64 = 0) -> [ConsensusEffect] {
    let timeout = timeout(step, round)
    return run { $0.expire(timeout) }
  }

  // MARK: - Where tests begin

  /// Round 0 with a block proposed, judged valid and prepared.
  mutating func prepareFirst(_ root: Digest32 = a) {
    begin()
    receive(proposal(root))
    judged(root)
  }

  /// Locked on a block in round 0, with which the seats 0 and 1 agreed.
  mutating func lockFirst(_ root: Digest32 = a) {
    prepareFirst(root)
    receive([0, 1], .prepare, root)
  }

  /// Goes from the commit step of a round to the next round, where nothing was decided.
  mutating func leave(_ round: UInt64) {
    receive([0, 1, 2], .commit, nil, round)
    expire(.commit, round)
  }
}

extension [ConsensusEffect] {
  /// What was voted for, in order.
  func roots(_ phase: ConsensusVote.Phase) -> [Digest32?] {
    compactMap { effect -> Digest32?? in
      guard case .sign(let vote) = effect, vote.phase == phase else { return nil }
      return .some(vote.root)
    }
  }

  var prepared: [Digest32?] { roots(.prepare) }
  var committed: [Digest32?] { roots(.commit) }

  var votes: [ConsensusVote] {
    compactMap { if case .sign(let vote) = $0 { vote } else { nil } }
  }

  var timeouts: [ConsensusTimeout] {
    compactMap { if case .schedule(let timeout) = $0 { timeout } else { nil } }
  }

  var decision: CommitCertificate? {
    lazy.compactMap { if case .decide(let certificate) = $0 { certificate } else { nil } }.first
  }

  var equivocations: [SeatEquivocation] {
    compactMap { if case .equivocation(let found) = $0 { found } else { nil } }
  }

  var questions: [ConsensusEffect] {
    filter { if case .judge = $0 { true } else { false } }
  }

  var proposals: [(proposal: ConsensusProposal, prepares: [SignedVote])] {
    compactMap {
      if case .signProposal(let proposal, let prepares) = $0 { (proposal, prepares) } else { nil }
    }
  }
}
