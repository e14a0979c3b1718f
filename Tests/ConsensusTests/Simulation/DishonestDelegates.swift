import CanonicalEncoding
import Consensus
import TestSupport

/// The dishonest delegates, who act together: they see every message at once, and reach whom they like
/// when they like. They cannot forge signatures.
struct DishonestDelegates {
  /// What one of them does in a round.
  struct Scheme: Hashable {
    enum Part: Hashable { case proposal, prepare, commit }
    let seat: Int
    let height: UInt64
    let round: UInt64
    let part: Part
  }

  let seats: [Int]
  /// Whether they take care that quorums exist of which one honest delegate knows.
  private let hidesQuorums: Bool
  private var schemes: Set<Scheme> = []
  /// The roots of a height that were named so far.
  private var roots: [UInt64: [Digest32]] = [:]
  private var heard: [SimulatedMessage] = []
  private var height: UInt64 = 0
  private var round: UInt64 = 0
  /// Who gets a block that they made.
  private var receivers: [Digest32: Set<Int>] = [:]

  init(seats: [Int], hidesQuorums: Bool) {
    self.seats = seats
    self.hidesQuorums = hidesQuorums
  }

  func gives(_ root: Digest32, to seat: Int) -> Bool { receivers[root]?.contains(seat) == true }

  mutating func hear(_ message: SimulatedMessage, in simulation: Simulation) {
    guard !seats.isEmpty else { return }
    if heard.count < 300 {
      heard.append(message)
    } else {
      heard[Int(simulation.random.next() % 300)] = message
    }
    if (message.height, message.round) > (height, round) {
      (height, round) = (message.height, message.round)
    }
    switch message {
    case .proposal(let signed): learn(signed.proposal.root, at: message.height)
    case .vote(let signed): if let root = signed.vote.root { learn(root, at: message.height) }
    case .relayed, .certificate: return
    }
    for seat in seats {
      plan(.init(seat: seat, height: message.height, round: message.round, part: .proposal), 300)
      plan(.init(seat: seat, height: message.height, round: message.round, part: .prepare), 900)
      plan(.init(seat: seat, height: message.height, round: message.round, part: .commit), 2000)
    }
    func plan(_ scheme: Scheme, _ delay: UInt64) {
      if schemes.insert(scheme).inserted {
        let delay = UInt64.random(in: 0...delay, using: &simulation.random)
        simulation.schedule(.scheme(scheme), in: delay)
      }
    }
  }

  private mutating func learn(_ root: Digest32, at height: UInt64) {
    if roots[height]?.contains(root) != true { roots[height, default: []].append(root) }
  }

  mutating func act(_ scheme: Scheme, in simulation: Simulation) {
    switch scheme.part {
    case .proposal: propose(scheme, in: simulation)
    case .prepare: vote(scheme, .prepare, in: simulation)
    case .commit: vote(scheme, .commit, in: simulation)
    }
  }

  // MARK: - Proposals

  private mutating func propose(_ scheme: Scheme, in simulation: Simulation) {
    let turn = (scheme.height + scheme.round) % UInt64(simulation.seatCount)
    guard turn == UInt64(scheme.seat) else { return }
    let honest = simulation.honestSeats
    let clock = UInt64(Simulation.epoch) + simulation.now
    let quorums = simulation.witness.quorums(at: scheme.height, below: scheme.round)
    if hidesQuorums, simulation.random.chance(perMille: quorums.isEmpty ? 800 : 400) {
      // So few that with the dishonest they are just a quorum.
      let count = 2 * simulation.seatCount / 3 + 1 - seats.count
      let some = Array(honest.shuffled(using: &simulation.random).prefix(count))
      let root = makeBlock(scheme, clock, for: honest, in: simulation)
      return propose(root, scheme, to: some, in: simulation)
    }
    if hidesQuorums, simulation.random.chance(perMille: 700),
      let quorum = simulation.random.element(of: quorums)
    {
      return propose(again: quorum, scheme, to: honest, in: simulation)
    }
    switch UInt64.random(in: 0..<13, using: &simulation.random) {
    case 0...1:
      let root = makeBlock(scheme, clock, for: honest, in: simulation)
      propose(root, scheme, to: honest, in: simulation)
    case 2...3:
      // Two blocks, one for some and the other for the others.
      let some = subset(of: honest, in: simulation)
      let first = makeBlock(scheme, clock, for: honest, in: simulation)
      let second = makeBlock(scheme, clock, for: honest, in: simulation)
      propose(first, scheme, to: some, in: simulation)
      let others = honest.filter { !some.contains($0) || simulation.random.chance(perMille: 200) }
      propose(second, scheme, to: others, in: simulation)
    case 4:
      let root = makeBlock(
        scheme, clock, for: subset(of: honest, in: simulation), in: simulation)
      propose(root, scheme, to: subset(of: honest, in: simulation), in: simulation)
    case 5...7:
      // Again what a quorum prepared, perhaps not the newest.
      let isNewest = simulation.random.chance(perMille: 300)
      guard let quorum = isNewest ? quorums.last : quorums.first else { return }
      propose(again: quorum, scheme, to: honest, in: simulation)
    case 8:
      // For the first time what is old.
      guard let root = simulation.random.element(of: roots[scheme.height] ?? []) else { return }
      propose(root, scheme, to: honest, in: simulation)
    case 9, 12: proposeWithoutQuorum(scheme, to: honest, in: simulation)
    case 10:
      let far = UInt64.random(in: 0...60_000, using: &simulation.random)
      let time = simulation.random.chance(perMille: 500) ? clock + far : clock - far
      let keepsRules = simulation.random.chance(perMille: 700)
      let root = makeBlock(scheme, time, keepsRules: keepsRules, for: honest, in: simulation)
      propose(root, scheme, to: honest, in: simulation)
    default: return
    }
  }

  private func propose(
    again quorum: [SignedVote], _ scheme: Scheme, to seats: [Int], in simulation: Simulation
  ) {
    guard let vote = quorum.first?.vote, let root = vote.root else { return }
    propose(root, scheme, validRound: vote.round, prepares: quorum, to: seats, in: simulation)
  }

  /// Names a valid round that its prepares do not bear out.
  private mutating func proposeWithoutQuorum(
    _ scheme: Scheme, to honest: [Int], in simulation: Simulation
  ) {
    guard scheme.round > 0, let root = simulation.random.element(of: roots[scheme.height] ?? [])
    else { return }
    let votes = heard.compactMap { message -> SignedVote? in
      guard case .vote(let signed) = message, signed.vote.height == scheme.height else {
        return nil
      }
      return signed
    }
    // Of any rounds, phases and blocks; or many times the same; or one too few.
    var prepares = votes.sorted { $0.seat < $1.seat }
    var validRound = UInt64.random(in: 0..<scheme.round, using: &simulation.random)
    switch UInt64.random(in: 0..<4, using: &simulation.random) {
    case 0: break
    case 1:
      // What was said of the round, whatever it was: a vote of each seat.
      prepares = prepares.filter { $0.vote.round == validRound }
      prepares = zip([nil] + prepares, prepares).filter { $0?.seat != $1.seat }.map(\.1)
    case 2:
      guard let vote = prepares.first else { break }
      prepares = [SignedVote](repeating: vote, count: simulation.seatCount)
    default:
      let quorums = simulation.witness.quorums(at: scheme.height, below: scheme.round)
      guard let quorum = simulation.random.element(of: quorums), let vote = quorum.first?.vote
      else { break }
      prepares = Array(quorum.prefix(2 * simulation.seatCount / 3))
      validRound = vote.round
    }
    propose(
      root, scheme, validRound: validRound, prepares: prepares, to: honest, in: simulation)
  }

  private mutating func makeBlock(
    _ scheme: Scheme, _ time: UInt64, keepsRules: Bool = true, for seats: [Int],
    in simulation: Simulation
  ) -> Digest32 {
    let root = simulation.add(
      height: scheme.height, round: scheme.round, proposer: UInt64(scheme.seat), time: time,
      keepsRules: keepsRules
    ).root
    learn(root, at: scheme.height)
    receivers[root] = Set(seats)
    return root
  }

  private func propose(
    _ root: Digest32, _ scheme: Scheme, validRound: UInt64? = nil, prepares: [SignedVote] = [],
    to seats: [Int], in simulation: Simulation
  ) {
    let proposal = ConsensusProposal(
      genesis: .zero, epoch: 0, height: scheme.height, round: scheme.round, root: root,
      validRound: validRound)
    let signed = simulation.book.sign(proposal, by: UInt64(scheme.seat), prepares: prepares)
    send(.proposal(signed), from: scheme.seat, to: seats, in: simulation)
  }

  // MARK: - Votes

  private func vote(
    _ scheme: Scheme, _ phase: ConsensusVote.Phase, in simulation: Simulation
  ) {
    let place = Witness.Place(height: scheme.height, round: scheme.round)
    let honest = simulation.honestSeats
    let known = roots[scheme.height] ?? []
    let favourite = simulation.witness.supports(in: place).max { $0.count < $1.count }?.root
    let root =
      simulation.random.chance(perMille: 700)
      ? favourite : simulation.random.element(of: known) ?? favourite
    if hidesQuorums, simulation.random.chance(perMille: 800) {
      // All to the same one, whom the round decides.
      let chosen = honest[Int((scheme.height ^ scheme.round) % UInt64(honest.count))]
      cast(simulation.random.chance(perMille: 500) || phase == .prepare ? favourite : nil, [chosen])
      if phase == .prepare { cast(nil, honest.filter { $0 != chosen }) }
      return
    }
    let some = subset(of: honest, in: simulation)
    switch UInt64.random(in: 0..<8, using: &simulation.random) {
    case 0: return
    case 1...2: cast(root, honest)
    case 3:
      cast(root, some)
      cast(nil, honest.filter { !some.contains($0) })
    case 4: cast(root, some)
    case 5:
      for seat in honest { cast(simulation.random.element(of: known + [.zero]), [seat]) }
    case 6: cast(nil, honest)
    default:
      cast(simulation.random.element(of: known), some)
      cast(root, honest)
      cast(nil, some)
    }

    func cast(_ root: Digest32?, _ seats: [Int]) {
      var timedOut: [UInt8] = []
      if phase == .commit, simulation.random.chance(perMille: 300) {
        timedOut = simulation.random.bytes(Int.random(in: 0...40, using: &simulation.random))
      }
      let vote = ConsensusVote(
        genesis: .zero, epoch: 0, height: scheme.height, round: scheme.round, phase: phase,
        root: root, timedOut: timedOut)
      let signed = simulation.book.sign(vote, by: UInt64(scheme.seat))
      send(.vote(signed), from: scheme.seat, to: seats, in: simulation)
    }
  }

  // MARK: - Noise

  /// Old messages, far rounds, false certificates.
  mutating func makeNoise(in simulation: Simulation) {
    guard let seat = simulation.random.element(of: seats) else { return }
    schemes = schemes.filter { $0.height + 2 > height }
    switch UInt64.random(in: 0..<4, using: &simulation.random) {
    case 0...1:
      for _ in 0..<5 {
        guard let message = simulation.random.element(of: heard) else { return }
        send(message, from: seat, to: simulation.honestSeats, in: simulation)
      }
    case 2:
      let distances: [UInt64] = [1, 2, 5, 100, 1 << 32, .max - round]
      let distance = simulation.random.element(of: distances) ?? 1
      for part in [ConsensusVote.Phase.prepare, .commit] {
        let vote = ConsensusVote(
          genesis: .zero, epoch: 0, height: height, round: round + distance, phase: part,
          root: simulation.random.element(of: roots[height] ?? []))
        let signed = simulation.book.sign(vote, by: UInt64(seat))
        send(.vote(signed), from: seat, to: simulation.honestSeats, in: simulation)
      }
    default: sendFalseCertificate(from: seat, in: simulation)
    }
  }

  private func sendFalseCertificate(from seat: Int, in simulation: Simulation) {
    guard let root = simulation.random.element(of: roots[height] ?? []) else { return }
    var commits: [SignedVote] = []
    for case .vote(let signed) in heard
    where signed.vote.height == height && signed.vote.phase == .commit {
      commits.append(signed)
    }
    commits.sort { $0.seat < $1.seat }
    if simulation.random.chance(perMille: 500) { commits.removeAll { $0.vote.root != root } }
    let certificate = CommitCertificate(
      height: height, round: commits.first?.vote.round ?? 0, root: root, commits: commits)
    send(.certificate(certificate), from: seat, to: simulation.honestSeats, in: simulation)
  }

  private func subset(of seats: [Int], in simulation: Simulation) -> [Int] {
    let share = UInt64.random(in: 100...900, using: &simulation.random)
    return seats.filter { _ in simulation.random.chance(perMille: share) }
  }

  private func send(
    _ message: SimulatedMessage, from seat: Int, to seats: [Int], in simulation: Simulation
  ) {
    simulation.sees(message)
    for other in seats {
      let delay = UInt64.random(in: 0...100, using: &simulation.random)
      simulation.schedule(.delivery(message, from: seat, to: other), in: delay)
    }
  }
}
