import CanonicalEncoding
import Consensus

/// Sees all that happens, and says what an honest delegate must not have done.
///
/// It counts and compares for itself, and asks the machines nothing.
struct Witness {
  struct Place: Hashable {
    let height: UInt64
    let round: UInt64
  }

  private struct SeatPlace: Hashable {
    let seat: UInt64
    let height: UInt64
    let round: UInt64
    var kind: UInt64 = 0
  }

  let seatCount: Int
  private let honest: Set<UInt64>
  /// What was done wrong first.
  private(set) var fault: String?
  /// By height, from the blocks decided below it.
  private var emptySeats: [UInt64: Set<UInt64>]
  private var blocks: [Digest32: SimulatedBlock] = [:]
  private var honestVotes: [SeatPlace: ConsensusVote] = [:]
  private var honestProposals: [SeatPlace: ConsensusProposal] = [:]
  /// All proposals and prepares that exist, whoever signed them.
  private var proposals: [Place: Set<ConsensusProposal>] = [:]
  private var prepares: [Place: [Digest32: [SignedVote]]] = [:]
  private var locks: [UInt64: (place: Place, root: Digest32)] = [:]
  /// Where a delegate's clock agreed with a block that the round proposed for the first time.
  private var timely: [Place: [Digest32: Set<UInt64>]] = [:]
  private var expired: Set<SeatPlace> = []
  private(set) var decisions: [UInt64: Digest32] = [:]
  private(set) var leftLocks = 0

  init(seatCount: Int, honest: Set<UInt64>, emptySeats: Set<UInt64>) {
    self.seatCount = seatCount
    self.honest = honest
    self.emptySeats = [0: emptySeats]
  }

  mutating func fail(_ text: String) { fault = fault ?? text }

  // MARK: - What everybody does

  mutating func made(_ block: SimulatedBlock) { blocks[block.root] = block }

  mutating func signed(_ signed: SignedProposal) {
    let proposal = signed.proposal
    let place = Place(height: proposal.height, round: proposal.round)
    proposals[place, default: []].insert(proposal)
    guard honest.contains(signed.seat) else { return }
    let key = SeatPlace(seat: signed.seat, height: proposal.height, round: proposal.round)
    if let other = honestProposals.updateValue(proposal, forKey: key) {
      if other != proposal { fail("\(signed.seat) proposed twice in \(place)") }
      return
    }
    if proposal.validRound != nil, !isBorneOut(proposal) {
      fail("\(signed.seat) proposed again in \(place) what no quorum had prepared")
    }
    if let lock = locks[signed.seat], lock.place.height == place.height,
      proposal.validRound.map({ $0 < lock.place.round }) != false
    {
      fail("\(signed.seat) proposed in \(place) against its lock of \(lock.place)")
    }
  }

  mutating func signed(_ signed: SignedVote) {
    let vote = signed.vote
    let place = Place(height: vote.height, round: vote.round)
    if vote.phase == .prepare, let root = vote.root {
      let known = prepares[place, default: [:]][root, default: []]
      if !known.contains(where: { $0.seat == signed.seat }) {
        prepares[place, default: [:]][root] = known + [signed]
      }
    }
    guard honest.contains(signed.seat) else { return }
    let key = SeatPlace(
      seat: signed.seat, height: vote.height, round: vote.round, kind: vote.phase.rawValue)
    if let other = honestVotes.updateValue(vote, forKey: key) {
      if other != vote { fail("\(signed.seat) voted twice in \(place): \(other), \(vote)") }
      return
    }
    switch vote.phase {
    case .prepare: checkPrepare(vote, signed.seat, place)
    case .commit: checkCommit(vote, signed.seat, place)
    }
  }

  private mutating func checkPrepare(_ vote: ConsensusVote, _ seat: UInt64, _ place: Place) {
    guard let root = vote.root else { return }
    if !isValid(root, at: place.height) { fail("\(seat) prepared an invalid block in \(place)") }
    let allowing = proposals[place, default: []].filter { $0.root == root }
    let isTimely = timely[place]?[root]?.contains(seat) == true
    if !allowing.contains(where: { $0.validRound == nil ? isTimely : isBorneOut($0) }) {
      fail("\(seat) prepared in \(place) what was not proposed, or not in time")
    }
    guard let lock = locks[seat], lock.place.height == place.height, lock.root != root else {
      return
    }
    leftLocks += 1
    let newer = (lock.place.round..<place.round).dropFirst()
    if !newer.contains(where: { hasQuorum(for: root, in: Place(height: place.height, round: $0)) })
    {
      fail("\(seat) left its lock of \(lock.place) in \(place) without a newer quorum")
    }
  }

  private mutating func checkCommit(_ vote: ConsensusVote, _ seat: UInt64, _ place: Place) {
    for round in 0..<256 where vote.saysTimedOut(UInt64(round)) {
      let key = SeatPlace(seat: seat, height: place.height, round: UInt64(round))
      if !expired.contains(key) { fail("\(seat) says in \(place) that \(round) timed out") }
    }
    guard let root = vote.root else { return }
    if !hasQuorum(for: root, in: place) {
      fail("\(seat) committed in \(place) what no quorum had prepared")
    }
    locks[seat] = (place, root)
  }

  // MARK: - What only the honest do

  mutating func expired(_ timeout: ConsensusTimeout, at seat: UInt64) {
    if timeout.step == .propose {
      expired.insert(SeatPlace(seat: seat, height: timeout.height, round: timeout.round))
    }
  }

  mutating func asksClock(_ root: Digest32, in place: Place, at seat: UInt64) {
    let isFirst = proposals[place, default: []].contains {
      $0.root == root && $0.validRound == nil
    }
    if !isFirst { fail("\(seat) asks its clock in \(place) of a block that is proposed again") }
  }

  mutating func foundTimely(_ root: Digest32, in place: Place, at seat: UInt64) {
    timely[place, default: [:]][root, default: []].insert(seat)
  }

  mutating func reports(
    _ equivocation: SeatEquivocation, at seat: UInt64, _ book: borrowing SignatureBook
  ) {
    if honest.contains(equivocation.seat) || !book.proves(equivocation) {
      fail("\(seat) accuses \(equivocation.seat) wrongly")
    }
  }

  mutating func decided(_ certificate: CommitCertificate, at seat: UInt64) {
    let (height, root) = (certificate.height, certificate.root)
    let seats = certificate.commits.map(\.seat)
    if seats != Set(seats).sorted() || !isQuorum(seats, at: height)
      || !certificate.commits.allSatisfy({
        $0.vote.phase == .commit && $0.vote.root == root && $0.vote.height == height
          && $0.vote.round == certificate.round
      })
    {
      fail("\(seat) decided \(height) without a quorum of commits")
    }
    if !isValid(root, at: height) { fail("\(seat) decided an invalid block at \(height)") }
    if let other = decisions.updateValue(root, forKey: height) {
      if other != root { fail("\(seat) decided another block at \(height)") }
      return
    }
    guard let block = blocks[root] else { return }
    if let parent = blocks[block.parent], block.time < parent.time {
      fail("the time went back at \(height)")
    }
    let clocks = timely[Place(height: height, round: block.round)]?[root]?.count ?? 0
    if 3 * (clocks + seatCount - honest.count) <= 2 * seatCount {
      fail("only \(clocks) clocks agreed with the block at \(height)")
    }
    emptySeats[height + 1] = emptySeats[height, default: []].union(block.convicted)
  }

  // MARK: - What is true

  /// The quorums of prepares that exist at a height, whoever knows of them.
  func quorums(at height: UInt64, below round: UInt64) -> [[SignedVote]] {
    (0..<min(round, 64)).flatMap { round in
      let place = Place(height: height, round: round)
      return (prepares[place] ?? [:]).sorted { $0.key < $1.key }.compactMap { root, votes in
        hasQuorum(for: root, in: place)
          ? votes.filter { !isEmpty($0.seat, at: height) }.sorted { $0.seat < $1.seat } : nil
      }
    }
  }

  /// How many seats prepare each block of a round.
  func supports(in place: Place) -> [(root: Digest32, count: Int)] {
    (prepares[place] ?? [:]).map { ($0.key, $0.value.count) }.sorted { $0.root < $1.root }
  }

  func isEmpty(_ seat: UInt64, at height: UInt64) -> Bool {
    emptySeats[height]?.contains(seat) == true
  }

  /// Whether a quorum prepared the block in the valid round that the proposal names.
  private func isBorneOut(_ proposal: ConsensusProposal) -> Bool {
    proposal.validRound.map {
      hasQuorum(for: proposal.root, in: Place(height: proposal.height, round: $0))
    } == true
  }

  private func hasQuorum(for root: Digest32, in place: Place) -> Bool {
    isQuorum(prepares[place]?[root]?.map(\.seat) ?? [], at: place.height)
  }

  private func isQuorum(_ seats: [UInt64], at height: UInt64) -> Bool {
    3 * Set(seats).subtracting(emptySeats[height] ?? []).count > 2 * seatCount
  }

  private func isValid(_ root: Digest32, at height: UInt64) -> Bool {
    guard let block = blocks[root], block.height == height, block.keepsRules else { return false }
    return height == 0 || decisions[height - 1] == block.parent
  }
}
