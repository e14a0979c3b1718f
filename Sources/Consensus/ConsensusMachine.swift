public import CanonicalEncoding

/// Tendermint's agreement on the block of one height: Algorithm 1 of Buchman, Kwon and Milosevic, The
/// latest gossip on BFT consensus (arXiv 1807.04938), as a machine without network, clock and keys.
///
/// It takes messages, timeouts and judgements of blocks, and answers with what is to be done. Prevote
/// and precommit are called prepare and commit here, values are blocks and named by their root. What
/// differs from the paper, and why it changes neither safety nor termination:
/// - A proposal carries the quorum of prepares that its valid round refers to, so a quorum that others
///   saw need not be remembered (line 28).
/// - A quorum for a root is enough to ask for its block, also if the proposal itself never comes (lines
///   36 and 49): an honest seat of that quorum has it. Nothing is locked or decided before the block
///   has been judged valid.
/// - A round is skipped to if more than a third of the seats are in it *or above* (line 55), since of
///   each seat only two rounds above the current are kept. An honest one of them began that round.
/// - Delegates publish what they signed themselves, where the paper assumes that each message which
///   reaches one reaches everybody. So who sees a quorum that others have to see passes it on: prepares
///   that make a block valid (line 36), and commits that end a round (line 47).
/// - The proposer has a propose timeout too: making a block may fail.
/// - A decision can also be taken over with its commits.
///
/// Memory is bounded, whatever is sent: the messages of the current round, of the 16 below it, and for
/// each seat of the two highest above it, at most two contradictory ones of a kind.
public struct ConsensusMachine: Sendable {
  /// What the machine wants done; see ``ConsensusEffect``.
  public typealias Effect = ConsensusEffect

  /// One height as the chain below it fixes it.
  public struct Setting: Sendable, Equatable {
    /// The digest of the genesis: stands in all that is signed.
    public let genesis: Digest32
    /// Of ``height``: ⌊height / E⌋.
    public let epoch: UInt64
    /// Of the block that is to be decided.
    public let height: UInt64
    /// M; seats are numbered from 0.
    public let seatCount: Int
    /// The seats whose delegate was convicted below this height. Their messages do not count, M
    /// counts them.
    public let emptySeats: Set<UInt64>
    /// The own seat. Nil, or an empty one: the machine says nothing and only watches.
    public let seat: UInt64?

    /// - Precondition: `seatCount` is 1 to 400.
    public init(
      genesis: Digest32, epoch: UInt64, height: UInt64, seatCount: Int, emptySeats: Set<UInt64>,
      seat: UInt64?
    ) {
      precondition((1...ConsensusLimits.seatCount).contains(seatCount), "no such set of delegates")
      self.genesis = genesis
      self.epoch = epoch
      self.height = height
      self.seatCount = seatCount
      self.emptySeats = emptySeats
      self.seat = seat
    }

    /// Whether so many seats are more than two thirds.
    public func isQuorum(_ count: Int) -> Bool { 3 * count > 2 * seatCount }

    /// Whether so many seats are more than a third: one of them is honest.
    public func hasHonestSeat(_ count: Int) -> Bool { 3 * count > seatCount }

    /// Whose turn a round is.
    public func proposer(ofRound round: UInt64) -> UInt64 {
      ConsensusMachine.proposer(height: height, round: round, seatCount: seatCount)
    }
  }

  /// The seat whose turn it is to propose: turns go round.
  public static func proposer(height: UInt64, round: UInt64, seatCount: Int) -> UInt64 {
    let count = UInt64(seatCount)
    return (height % count + round % count) % count
  }

  /// What is to be thought of a block.
  public enum Verdict: Sendable {
    case valid
    /// For good.
    case invalid
    /// Only for a block asked about with the round of its first proposal, and only for that round: its
    /// time is too far from the clock, or its opening is of another round.
    case untimely
  }

  /// How many rounds below the current one are kept: for commits that come late, and as evidence.
  public static let keptRoundCount: UInt64 = 16
  /// How many rounds above the current one are kept of each seat.
  private static let keptHigherRoundCount = 2

  public let setting: Setting
  /// What has to be stored, together with what was signed, before that leaves.
  public private(set) var stored: StoredConsensus
  /// The block that is decided, as soon as there is one.
  public private(set) var decision: CommitCertificate?

  private var isRunning = false
  private var records: [UInt64: RoundRecord] = [:]
  /// By seat, the rounds above the current one that are kept of it, ascending.
  private var higherRounds: [UInt64: [UInt64]] = [:]
  private var blocks: [Digest32: BlockKnowledge] = [:]
  /// A quorum of commits whose block may not have been judged yet.
  private var certificate: CommitCertificate?
  /// What happens once in a round.
  private var done: Set<OncePerRound> = []

  private enum OncePerRound { case prepareTimeout, commitTimeout, validBlock }

  private struct BlockKnowledge: Sendable {
    enum Question: Equatable {
      case content
      case firstProposal(round: UInt64)
    }
    /// The question that is not answered yet.
    var question: Question?
    /// Whether its content is valid, which no clock has a part in.
    var isValid: Bool?
    /// The answer about a round of which it was the first proposal.
    var firstProposal: (round: UInt64, isTimely: Bool)?
  }

  /// - Parameter stored: what a machine of this height left behind. One of a lower height is of no
  ///   use; with one of a higher height this delegate has forgotten what it signed, and only watches.
  public init(_ setting: Setting, restoring stored: StoredConsensus? = nil) {
    self.setting = setting
    if let stored, stored.height == setting.height {
      self.stored = stored
    } else {
      self.stored = StoredConsensus(height: setting.height)
      self.stored.isSilenced = (stored?.height ?? 0) > setting.height
    }
  }

  /// Whether the height has begun: there was work, or a message.
  public var hasBegun: Bool { stored.step != nil }
  /// The current round.
  public var round: UInt64 { stored.round }

  /// The blocks that may still be asked about, proposed or decided here. Who keeps their items, and
  /// no others, keeps what is bounded and enough.
  public var neededBlocks: Set<Digest32> {
    Set(blocks.keys).union(
      [stored.locked?.root, stored.valid?.root, stored.proposal?.root].compactMap(\.self)
        + stored.votes.compactMap(\.root))
  }

  /// The seats that proposed a block or voted for it, as far as it is known; ascending. The honest
  /// ones of those that prepared it, or committed to it, have its items.
  public func seats(for root: Digest32) -> [UInt64] {
    var seats = Set(records.values.flatMap { $0.seats(for: root) })
    if let certificate, certificate.root == root {
      seats.formUnion(certificate.commits.map(\.seat))
    }
    return seats.sorted()
  }

  // MARK: - Inputs

  /// There is work for this height, so its round 0 starts; or the machine was restored, and takes up
  /// where it stopped, with all that it had signed. A message does the same. Nothing happens the
  /// second time.
  public mutating func begin() -> [Effect] { changing(starting: true) { _, _ in } }

  /// Takes a proposal, an own one too. The caller has verified its signature and those of its prepares.
  public mutating func receive(_ signed: SignedProposal) -> [Effect] {
    guard isWellFormed(signed) else { return [] }
    let proposal = signed.proposal
    if signed.seat == setting.seat {
      recognize(proposal.round, isOwn: proposal == stored.proposal)
    }
    signed.prepares.forEach { recognize($0) }
    return changing(starting: true) { machine, effects in
      // They are messages of the seats that signed them.
      for vote in signed.prepares { machine.keep(vote, &effects) }
      guard machine.makesRoom(for: signed.seat, in: proposal.round) else { return }
      if let found = machine.records[proposal.round, default: .init()].insert(signed) {
        effects.append(.equivocation(found))
      }
      if proposal.round < machine.round { machine.records[proposal.round]?.dropPrepares() }
    }
  }

  /// Takes a vote, an own one too. The caller has verified its signature.
  public mutating func receive(_ signed: SignedVote) -> [Effect] {
    guard isWellFormed(signed) else { return [] }
    recognize(signed)
    return changing(starting: true) { $0.keep(signed, &$1) }
  }

  /// Takes a decision over from somebody who has it. The caller has verified the signatures.
  public mutating func receive(_ certificate: CommitCertificate) -> [Effect] {
    guard isQuorum(certificate) else { return [] }
    certificate.commits.forEach { recognize($0) }
    return changing(starting: true) { machine, effects in
      for vote in certificate.commits { machine.keep(vote, &effects) }
      machine.certificate = machine.certificate ?? certificate
    }
  }

  /// Answers ``ConsensusEffect/propose(round:)`` with the root of an own new block, judged valid.
  public mutating func proposed(_ root: Digest32, round: UInt64) -> [Effect] {
    changing { machine, effects in
      guard machine.mayVote, machine.stored.step == .propose, machine.round == round,
        machine.setting.proposer(ofRound: round) == machine.setting.seat,
        machine.stored.proposal == nil
      else { return }
      var block = machine.blocks[root] ?? BlockKnowledge()
      block.isValid = true
      block.firstProposal = (round, true)
      machine.blocks[root] = block
      machine.signProposal(root, &effects)
    }
  }

  /// Answers ``ConsensusEffect/judge(root:firstProposedIn:)``.
  public mutating func judged(_ root: Digest32, _ verdict: Verdict) -> [Effect] {
    changing { machine, _ in
      guard var block = machine.blocks[root], let question = block.question else { return }
      switch (verdict, question) {
      case (.valid, .content): block.isValid = true
      case (.valid, .firstProposal(let round)):
        block.isValid = true
        block.firstProposal = (round, true)
      case (.untimely, .firstProposal(let round)): block.firstProposal = (round, false)
      case (.untimely, .content): return
      case (.invalid, _): block.isValid = false
      }
      block.question = nil
      machine.blocks[root] = block
    }
  }

  /// A timer has run out.
  public mutating func expire(_ timeout: ConsensusTimeout) -> [Effect] {
    changing { machine, effects in
      guard timeout.height == machine.setting.height, timeout.round == machine.round else { return }
      switch timeout.step {
      case .propose:  // line 57
        guard machine.stored.step == .propose else { return }
        if machine.current.proposal == nil { machine.stored.timedOut.insert(machine.round) }
        machine.prepare(nil, &effects)
      case .prepare:  // line 61
        guard machine.stored.step == .prepare else { return }
        machine.commit(nil, &effects)
      case .commit:  // line 65
        machine.startRound(machine.round + 1, &effects)
      }
    }
  }

  // MARK: - Rules

  /// Changes the machine, and then applies the rules as long as one of them does something.
  private mutating func changing(
    starting: Bool = false, _ body: (inout Self, inout [Effect]) -> Void
  ) -> [Effect] {
    guard decision == nil, isRunning || starting else { return [] }
    var effects: [Effect] = []
    if !isRunning { start(&effects) }
    body(&self, &effects)
    while decision == nil, applyRule(&effects) {}
    return effects
  }

  private mutating func applyRule(_ effects: inout [Effect]) -> Bool {
    decide(&effects) || skipRounds(&effects) || prepareProposal(&effects)
      || lockBlock(&effects) || commitNothing(&effects) || scheduleTimeouts(&effects)
  }

  /// Line 10, or after a restart all that is known to have been signed.
  private mutating func start(_ effects: inout [Effect]) {
    isRunning = true
    guard let step = stored.step else { return startRound(0, &effects) }
    if mayVote { effects += stored.votes.map(Effect.sign) }
    if step == .propose { propose(&effects) }
  }

  /// Line 11.
  private mutating func startRound(_ round: UInt64, _ effects: inout [Effect]) {
    guard round <= ConsensusLimits.round else { return }
    stored.round = round
    stored.step = .propose
    stored.proposal = nil
    done = []
    forget()
    propose(&effects)
  }

  /// Lines 14 to 21.
  private mutating func propose(_ effects: inout [Effect]) {
    if mayVote, setting.proposer(ofRound: round) == setting.seat {
      if let root = stored.proposal?.root ?? stored.valid?.root {
        signProposal(root, &effects)
      } else {
        effects.append(.propose(round: round))
      }
    }
    schedule(.propose, &effects)
  }

  private mutating func signProposal(_ root: Digest32, _ effects: inout [Effect]) {
    let valid = stored.valid.flatMap { $0.root == root ? $0 : nil }
    let proposal = ConsensusProposal(
      genesis: setting.genesis, epoch: setting.epoch, height: setting.height, round: round,
      root: root, validRound: valid?.round)
    stored.proposal = proposal
    effects.append(.signProposal(proposal, prepares: valid?.prepares ?? []))
  }

  /// Lines 22 and 28: prepares what is proposed, unless a lock forbids it.
  private mutating func prepareProposal(_ effects: inout [Effect]) -> Bool {
    guard stored.step == .propose, let proposal = current.proposal?.proposal else { return false }
    if let locked = stored.locked, locked.root != proposal.root {
      guard let validRound = proposal.validRound, locked.round <= validRound else {
        prepare(nil, &effects)
        return true
      }
    }
    let isAcceptable =
      proposal.validRound == nil
      ? isFirstProposalValid(proposal.root, &effects) : isValid(proposal.root, &effects)
    guard let isAcceptable else { return false }
    prepare(isAcceptable ? proposal.root : nil, &effects)
    return true
  }

  /// Line 36: locks a block that a quorum prepared, or at least remembers it for an own proposal.
  private mutating func lockBlock(_ effects: inout [Effect]) -> Bool {
    guard !done.contains(.validBlock),
      let root = current.block(.prepare, where: setting.isQuorum),
      isValid(root, &effects) == true, let step = stored.step, step != .propose
    else { return false }
    done.insert(.validBlock)
    let known = stored.valid.flatMap { $0.round == round && $0.root == root ? $0.prepares : nil }
    // After a restart the votes come in another order, and one quorum is as good as another: taking
    // the new one would be news each time for who restarts again and again.
    let prepares = known ?? quorum(of: current.votes(.prepare, for: root))
    stored.valid = .init(round: round, root: root, prepares: prepares)
    effects.append(.relay(prepares))
    if step == .prepare {
      stored.locked = .init(round: round, root: root)
      commit(root, &effects)
    }
    return true
  }

  /// Line 44.
  private mutating func commitNothing(_ effects: inout [Effect]) -> Bool {
    guard stored.step == .prepare, setting.isQuorum(current.count(.prepare, for: nil)) else {
      return false
    }
    commit(nil, &effects)
    return true
  }

  /// Lines 34 and 47.
  private mutating func scheduleTimeouts(_ effects: inout [Effect]) -> Bool {
    if stored.step == .prepare, setting.isQuorum(current.seatCount(.prepare)),
      done.insert(.prepareTimeout).inserted
    {
      schedule(.prepare, &effects)
    }
    if setting.isQuorum(current.seatCount(.commit)), done.insert(.commitTimeout).inserted {
      // Who leaves this round without a commit of its own would leave the others behind for good, if
      // a dishonest delegate's commit had reached it alone.
      effects.append(.relay(quorum(of: current.votes(.commit))))
      schedule(.commit, &effects)
    }
    return false
  }

  /// As few of these votes as are a quorum.
  private func quorum(of votes: [SignedVote]) -> [SignedVote] {
    Array(votes.prefix(2 * setting.seatCount / 3 + 1))
  }

  /// Line 49.
  private mutating func decide(_ effects: inout [Effect]) -> Bool {
    guard let certificate else { return false }
    switch isValid(certificate.root, &effects) {
    case nil: return false
    case false?:
      self.certificate = nil
      return false
    case true?:
      // Commits that came since say more of the rounds that timed out.
      let commits = records[certificate.round]?.votes(.commit, for: certificate.root) ?? []
      var decision = certificate
      if commits.count > certificate.commits.count { decision.commits = commits }
      self.decision = decision
      effects.append(.decide(decision))
      return true
    }
  }

  /// Line 55.
  private mutating func skipRounds(_ effects: inout [Effect]) -> Bool {
    guard setting.hasHonestSeat(higherRounds.count) else { return false }
    let highest = higherRounds.values.compactMap(\.last).sorted(by: >)
    startRound(highest[setting.seatCount / 3], &effects)
    return true
  }

  private mutating func noteCommits(of round: UInt64) {
    guard certificate == nil, let record = records[round],
      let root = record.block(.commit, where: setting.isQuorum)
    else { return }
    certificate = CommitCertificate(
      height: setting.height, round: round, root: root,
      commits: record.votes(.commit, for: root))
  }

  // MARK: - Statements

  private var mayVote: Bool {
    guard let seat = setting.seat, !stored.isSilenced else { return false }
    return seat < UInt64(setting.seatCount) && !setting.emptySeats.contains(seat)
  }

  private mutating func prepare(_ root: Digest32?, _ effects: inout [Effect]) {
    stored.step = .prepare
    sign(.prepare, root, timedOut: [], &effects)
  }

  private mutating func commit(_ root: Digest32?, _ effects: inout [Effect]) {
    stored.step = .commit
    sign(.commit, root, timedOut: stored.timedOut.below(round).bytes, &effects)
  }

  private mutating func sign(
    _ phase: ConsensusVote.Phase, _ root: Digest32?, timedOut: [UInt8],
    _ effects: inout [Effect]
  ) {
    guard mayVote else { return }
    let vote = ConsensusVote(
      genesis: setting.genesis, epoch: setting.epoch, height: setting.height, round: round,
      phase: phase, root: root, timedOut: timedOut)
    stored.votes.append(vote)
    effects.append(.sign(vote))
  }

  private func schedule(_ step: ConsensusStep, _ effects: inout [Effect]) {
    effects.append(
      .schedule(ConsensusTimeout(height: setting.height, round: round, step: step)))
  }

  // MARK: - Blocks

  /// Whether the content of a block is valid; asks if that is not known.
  private mutating func isValid(_ root: Digest32, _ effects: inout [Effect]) -> Bool? {
    var block = blocks[root] ?? BlockKnowledge()
    if block.isValid == nil, block.question == nil {
      block.question = .content
      blocks[root] = block
      effects.append(.judge(root: root, firstProposedIn: nil))
    }
    return block.isValid
  }

  /// Whether a block that this round proposes for the first time is valid and timely; asks if that is
  /// not known.
  private mutating func isFirstProposalValid(
    _ root: Digest32, _ effects: inout [Effect]
  ) -> Bool? {
    var block = blocks[root] ?? BlockKnowledge()
    if block.isValid == false { return false }
    if let known = block.firstProposal, known.round == round { return known.isTimely }
    if block.question == nil {
      block.question = .firstProposal(round: round)
      blocks[root] = block
      effects.append(.judge(root: root, firstProposedIn: round))
    }
    return nil
  }

  // MARK: - Messages

  private var current: RoundRecord { records[round] ?? RoundRecord() }

  /// Says nothing more if this seat signed what this machine has not: then it was restored from an
  /// older copy, or another one runs beside it, and it could contradict itself.
  private mutating func recognize(_ round: UInt64, isOwn: Bool) {
    if round > self.round || (round == self.round && !isOwn) { stored.isSilenced = true }
  }

  private mutating func recognize(_ signed: SignedVote) {
    if signed.seat == setting.seat {
      recognize(signed.vote.round, isOwn: stored.votes.contains(signed.vote))
    }
  }

  private func counts(_ seat: UInt64) -> Bool {
    seat < UInt64(setting.seatCount) && !setting.emptySeats.contains(seat)
  }

  private func isWellFormed(_ signed: SignedVote) -> Bool {
    let vote = signed.vote
    return counts(signed.seat) && vote.genesis == setting.genesis && vote.epoch == setting.epoch
      && vote.height == setting.height && vote.round <= ConsensusLimits.round
      && vote.hasWellFormedTimedOut
  }

  private func isWellFormed(_ signed: SignedProposal) -> Bool {
    let proposal = signed.proposal
    guard counts(signed.seat), proposal.genesis == setting.genesis,
      proposal.epoch == setting.epoch, proposal.height == setting.height,
      proposal.round <= ConsensusLimits.round,
      setting.proposer(ofRound: proposal.round) == signed.seat
    else { return false }
    guard let validRound = proposal.validRound else { return signed.prepares.isEmpty }
    return validRound < proposal.round
      && isQuorum(signed.prepares, .prepare, validRound, proposal.root)
  }

  private func isQuorum(_ certificate: CommitCertificate) -> Bool {
    certificate.height == setting.height
      && isQuorum(certificate.commits, .commit, certificate.round, certificate.root)
  }

  /// Whether these are votes of different seats, seats ascending, for one block, and a quorum.
  private func isQuorum(
    _ votes: [SignedVote], _ phase: ConsensusVote.Phase, _ round: UInt64, _ root: Digest32
  ) -> Bool {
    setting.isQuorum(votes.count)
      && zip(votes, votes.dropFirst()).allSatisfy { $0.seat < $1.seat }
      && votes.allSatisfy {
        isWellFormed($0) && $0.vote.phase == phase && $0.vote.round == round
          && $0.vote.root == root
      }
  }

  private mutating func keep(_ signed: SignedVote, _ effects: inout [Effect]) {
    let vote = signed.vote
    guard makesRoom(for: signed.seat, in: vote.round) else { return }
    if let found = records[vote.round, default: .init()].insert(signed) {
      effects.append(.equivocation(found))
    }
    if vote.phase == .commit { noteCommits(of: vote.round) }
  }

  /// Makes room for a message, and says whether there is any.
  private mutating func makesRoom(for seat: UInt64, in round: UInt64) -> Bool {
    guard round > self.round else { return self.round - round <= Self.keptRoundCount }
    var rounds = higherRounds[seat, default: []]
    guard !rounds.contains(round) else { return true }
    rounds.append(round)
    rounds.sort()
    if rounds.count > Self.keptHigherRoundCount {
      let dropped = rounds.removeFirst()
      if dropped == round { return false }
      records[dropped]?.removeAll(of: seat)
      if records[dropped]?.isEmpty == true { records[dropped] = nil }
    }
    higherRounds[seat] = rounds
    return true
  }

  /// Drops what a new round makes needless.
  private mutating func forget() {
    let lowest = round - min(round, Self.keptRoundCount)
    records = records.filter { $0.key >= lowest }
    for number in records.keys where number < round { records[number]?.dropPrepares() }
    higherRounds = higherRounds.compactMapValues { rounds in
      let higher = rounds.filter { $0 > round }
      return higher.isEmpty ? nil : higher
    }
    stored.votes.removeAll { $0.round < lowest }
    let needed = [stored.locked?.root, stored.valid?.root, certificate?.root]
    blocks = blocks.filter { block in
      needed.contains(block.key) || records.values.contains { $0.names(block.key) }
    }
  }
}
