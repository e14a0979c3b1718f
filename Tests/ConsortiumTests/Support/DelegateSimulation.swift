import CanonicalEncoding
import Consensus
import Consortium
import Credentials
import Ledger
import TestSupport
import TransparencyLog

/// One network, one seed, and what must hold after each step.
///
/// How much it sees is told by faults that were planted in the program, one at a time:
///
/// | planted | found | in seed |
/// |---|---|---|
/// | `ConsensusMachine` restored without its lock | a vote against it | 6 |
/// | a lock given up for a quorum of an earlier round | a vote against it | 39 |
/// | the first proposal's question, with clock and round, asked of every block | a block not shown | 2 |
/// | the items that a peer answers with not compared with the root | a block not shown | 1 |
/// | the blocks of relayed prepares dropped after a restart | a block not shown | 39 |
struct DelegateSimulation: Simulation {
  enum Happening: String, SimulationHappening {
    case steps, blocks
    case faultyBlocks = "of them under faults"
    case entries, restarts, lost, doubled
    case fetched = "blocks fetched"
    case forged = "blocks forged"
    case lateRounds = "blocks in later rounds"
    case motions = "motions put"
    case passed = "motions passed"
    case failed = "motions failed"
    case ballots
    case rotations = "keys of organisations changed"
    case newMembers = "epochs with other members"
    case newcomers = "newcomers started"
    case newcomersSeated = "newcomers with a seat"
    case removed = "members removed"
    case resized = "epochs with another number of seats"
    case newSets = "epochs with other delegates"
    case ambushes
    case equivocators
    case convicted = "equivocators convicted"

    /// What happens in one seed of two hundred or so.
    static let rare: Set<Self> = [.failed]
    static let seedsForRare = 1000
  }

  private struct Weather {
    let loss: Int
    let doubling: Int
    let delay: Int
    let kill: Int
    let partition: Int
    let work: Int
    /// Of a thousand steps, in how many a timeout runs out.
    let expiry: Int
    /// In how many of them most timeouts run out.
    let burst: Int
    /// Of a hundred steps in which somebody alone holds a lock, after how many it is cut off.
    let ambush: Int
    /// In how many of them time passes. Blocks are untimely where it passes faster than messages.
    let time: Int
  }

  /// What was signed for one place, of which there may be one.
  private struct VotePlace: Hashable {
    let id: String
    let height: UInt64
    let round: UInt64
    /// 0 for a proposal.
    let phase: UInt64
  }

  var network: DelegateNetwork
  var generator: SeededGenerator
  private let weather: Weather
  /// How many processes there are without the twins.
  let originals: Int
  /// How many of them have a seat at first.
  let seats: Int
  let dishonest: Set<String>
  private var flying: [(page: DelegateNetwork.Page, reader: Int)] = []
  private var flyingBlocks: [(block: ProposedBlock?, root: Digest32, peer: String, reader: Int)] =
    []
  /// Processes of different groups do not hear each other.
  private var groups: [Int]
  /// A process that holds a lock, cut off until the others are in a later round: of all moments, then it
  /// matters most that it forgets nothing.
  private var ambushed: (process: Int, height: UInt64, round: UInt64, until: Int)?
  /// Which readers see the second of a pair of twins.
  private var seesTwin: [Bool]
  private var roots: [UInt64: Digest32] = [:]
  private var times: [UInt64: UInt64] = [:]
  private var checked: [Int: UInt64] = [:]
  /// Who sits in an epoch, by seat.
  private var sets: [UInt64: [String?]] = [:]
  private var signed: [VotePlace: Digest32?] = [:]
  private var witness = LockWitness()
  private var acknowledged: [Entry] = []
  var figures = SimulationFigures<Happening>()
  /// What has become of motions, and who the members of an epoch are, by anybody's state.
  var outcomes: [Digest32: MotionStatus] = [:]
  var members: [UInt64: Digest32] = [:]

  private static let steps = 900
  static let hospitals = 3
  private static let newcomers = 2

  init(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed &* 0x9E37_79B9_7F4A_7C15)
    let seats = seed.isMultiple(of: 4) ? 7 : 4
    // Of four seeds, one has a single set for all heights.
    let spares = Int.random(in: 0...3, using: &generator)
    let originals = seats + spares
    var network = try DelegateNetwork(
      delegates: seats, spares: spares, hospitals: Self.hospitals, newcomers: Self.newcomers,
      seed: seed,
      epochLength: spares == 0 ? 1000 : UInt64.random(in: 1...3, using: &generator))
    let faults = Int.random(in: 0...(seats - 1) / 3, using: &generator)
    var dishonest: Set<String> = []
    for index in (0..<originals).shuffled(using: &generator).prefix(faults) {
      dishonest.insert(network.processes[index].id)
    }
    for index in 0..<originals {
      let isDishonest = dishonest.contains(network.processes[index].id)
      network.processes[index].clockOffset =
        isDishonest
        ? Int64.random(in: -100_000...100_000, using: &generator)
        : Int64.random(in: -3...3, using: &generator)
      if isDishonest { try network.addTwin(of: index) }
    }
    for index in network.processes.indices { try network.boot(index) }
    for newcomer in network.newcomers { network.addProcess(of: newcomer) }
    // Of each kind of fault there are none in half of the seeds, or little could go on under all of them.
    func perhaps(_ range: ClosedRange<Int>) -> Int {
      Bool.random(using: &generator) ? Int.random(in: range, using: &generator) : 0
    }
    weather = Weather(
      loss: perhaps(1...40), doubling: perhaps(1...20), delay: perhaps(1...30),
      kill: perhaps(1...20),
      partition: perhaps(1...20), work: Int.random(in: 3...9, using: &generator),
      expiry: Int.random(in: 5...50, using: &generator), burst: perhaps(1...20),
      ambush: perhaps(20...80),
      time: Int.random(in: 1...20, using: &generator))
    groups = network.processes.map { _ in 0 }
    seesTwin = network.processes.map { _ in Bool.random(using: &generator) }
    figures[.equivocators] = faults
    (self.network, self.generator, self.originals, self.seats, self.dishonest) = (
      network, generator, originals, seats, dishonest
    )
  }

  mutating func happens(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &generator) < percent
  }

  /// Of a thousand.
  private mutating func happensRarely(_ count: Int) -> Bool {
    Int.random(in: 0..<1000, using: &generator) < count
  }

  mutating func anyProcess() -> Int {
    Int.random(in: 0..<network.processes.count, using: &generator)
  }

  /// One of those that have committed to a block which is not decided: who forgets now does most harm.
  private mutating func anyLocked() -> Int? {
    network.processes.indices.filter { lock(of: $0) != nil }.randomElement(using: &generator)
  }

  private func lock(of index: Int) -> (height: UInt64, round: UInt64)? {
    guard let delegate = network.processes[index].delegate,
      let locked = delegate.machine.stored.locked
    else { return nil }
    return (delegate.height, locked.round)
  }

  /// Cuts off who holds a lock, has the others go on without it, and lets it come back, often after a
  /// restart.
  private mutating func ambush() throws {
    if let (process, height, round, until) = ambushed {
      let others = network.processes.indices.filter { $0 != process }.compactMap {
        network.processes[$0].delegate
      }
      let hasGoneOn = others.contains { $0.height == height && $0.machine.round > round }
      if figures[.steps] % 4 == 0, !hasGoneOn {
        for index in network.processes.indices where index != process && happens(70) {
          try expire(index)
        }
      }
      guard figures[.steps] > until || others.contains(where: { $0.height > height }) || hasGoneOn
      else { return }
      // The next one may be cut off before this one comes back.
      guard !hasGoneOn || happens(10) else { return try cutOff(above: round, at: height) }
      ambushed = nil
      if happens(50) {
        network.kill(process)
        try boot(process)
      }
    } else if happens(weather.ambush) {
      try cutOff(above: nil, at: nil)
    }
  }

  private mutating func cutOff(above round: UInt64?, at height: UInt64?) throws {
    let candidates = network.processes.indices.compactMap { index in
      isHonest(index) && index < originals ? lock(of: index).map { (index, $0) } : nil
    }.filter { candidate in
      round.map { candidate.1.round > $0 && candidate.1.height == height } ?? true
    }
    guard candidates.count == 1, let (index, (height, round)) = candidates.first else { return }
    figures[.ambushes] += 1
    ambushed = (index, height, round, figures[.steps] + 60)
  }

  /// Whether two processes hear each other.
  private func reaches(_ one: Int, _ other: Int) -> Bool {
    groups[one] == groups[other] && one != ambushed?.process && other != ambushed?.process
  }

  func isHonest(_ index: Int) -> Bool { !dishonest.contains(network.processes[index].id) }

  mutating func run() throws {
    for _ in 0..<Self.steps {
      try step()
      try check()
    }
    figures[.faultyBlocks] = figures[.blocks]
    try heal()
  }

  // MARK: One step

  private mutating func step() throws {
    figures[.steps] += 1
    if happensRarely(weather.partition) {
      let count = happens(50) ? 1 : 2
      groups = groups.map { _ in Int.random(in: 0..<count, using: &generator) }
      seesTwin = seesTwin.map { _ in Bool.random(using: &generator) }
    }
    if happensRarely(weather.kill) {
      let index = happens(50) ? anyLocked() ?? anyProcess() : anyProcess()
      network.processes[index].disk.cut(
        after: Int.random(in: 0...3, using: &generator), isKept: happens(50))
    }
    if happens(weather.work) { try work() }
    try ambush()
    if happensRarely(weather.expiry) { try expire(anyProcess()) }
    if happensRarely(weather.burst) {
      // What is as long for all runs out for most at once.
      for index in network.processes.indices where happens(70) { try expire(index) }
    }
    if happensRarely(weather.time) {
      network.pass(seconds: UInt64.random(in: 1...8, using: &generator))
    }
    let index = anyProcess()
    guard network.processes[index].delegate != nil else {
      if happens(30) { try boot(index) }
      return
    }
    switch Int.random(in: 0..<100, using: &generator) {
    case ..<25: try read(index, anyProcess())
    case ..<40: try fetch(index)
    case ..<44: try deliverLate()
    case ..<50: try network.advance(index)
    case ..<94:
      for writer in network.processes.indices.shuffled(using: &generator) {
        try read(index, writer)
      }
      try fetch(index)
      try network.advance(index)
    default:
      let groups = groups
      _ = try network.handOn(index, sees: { groups[$0] == groups[$1] })
    }
  }

  private mutating func boot(_ index: Int) throws {
    guard try isMember(index) else { return }
    if index >= originals, network.processes[index].disk.writes == 0, isHonest(index) {
      figures[.newcomers] += 1
    }
    try network.boot(index)
    figures[.restarts] += 1
  }

  private mutating func work() throws {
    let index = anyProcess()
    if happens(75) { return try decide(as: index) }
    let entry = network.demand(by: network.processes[index].id)
    // A newcomer may be no member any more, and what it has taken is gone with it.
    if try submit(entry, to: index) == true, isHonest(index), index < originals {
      acknowledged.append(entry)
      figures[.entries] += 1
    }
  }

  /// - Returns: whether the process has taken an entry that was new; nil if it is down, or the rules
  ///   refuse the entry, as where another with its number is under way.
  @discardableResult
  mutating func submit(_ entry: Entry, to index: Int) throws -> Bool? {
    do {
      return try network.run(index) { try $0.submit(entry) }
    } catch is Refusal {
      return nil
    }
  }

  private mutating func read(_ reader: Int, _ writer: Int) throws {
    let id = network.processes[writer].id
    guard id != network.processes[reader].id, reaches(reader, writer) else { return }
    if dishonest.contains(id), (writer >= originals) != seesTwin[reader] { return }
    guard let page = network.page(for: reader, from: writer) else { return }
    try note(page, of: writer)
    if happens(weather.loss) {
      figures[.lost] += 1
      return
    }
    if happens(weather.delay) { flying.append((page, reader)) }
    try network.deliver(page, to: reader)
    if happens(weather.doubling) {
      figures[.doubled] += 1
      try network.deliver(page, to: reader)
    }
    if page.finalSize > network.processes[reader].delegate?.follower.reader.size ?? .max {
      try network.follow(reader, writer)
    }
  }

  private mutating func fetch(_ reader: Int) throws {
    guard let wanted = network.processes[reader].delegate?.wanted.randomElement(using: &generator),
      let peer = wanted.holders.first
    else { return }
    guard
      let writer = network.processes.indices.first(where: {
        network.processes[$0].id == peer && reaches($0, reader)
          && (!dishonest.contains(peer) || ($0 >= originals) == seesTwin[reader])
      }), !happens(weather.loss)
    else {
      // Nobody answers.
      try network.bring(nil, for: wanted.root, from: peer, to: reader)
      return
    }
    var block = try network.block(wanted, from: writer)
    if !isHonest(writer), happens(30) {
      block?.entries.removeLast()
      figures[.forged] += 1
    }
    if happens(weather.delay) {
      flyingBlocks.append((block, wanted.root, peer, reader))
      return
    }
    try network.bring(block, for: wanted.root, from: peer, to: reader)
    if block != nil { figures[.fetched] += 1 }
  }

  private mutating func deliverLate() throws {
    if !flyingBlocks.isEmpty, happens(50) {
      let index = Int.random(in: 0..<flyingBlocks.count, using: &generator)
      let (block, root, peer, reader) = flyingBlocks.remove(at: index)
      try network.bring(block, for: root, from: peer, to: reader)
    }
    guard !flying.isEmpty else { return }
    let (page, reader) = flying.remove(at: Int.random(in: 0..<flying.count, using: &generator))
    try network.deliver(page, to: reader)
  }

  private mutating func expire(_ index: Int) throws {
    guard let timeout = network.processes[index].delegate?.timeouts.first else { return }
    try network.run(index) { try $0.expire(timeout) }
  }

  // MARK: Invariants

  /// Nobody honest signs twice for one place, or against a lock.
  private mutating func note(_ page: DelegateNetwork.Page, of writer: Int) throws {
    for item in page.items {
      switch item {
      case .vote(let vote): try note(vote)
      case .proposal(let signed):
        for vote in signed.prepares { try note(vote) }
        guard isHonest(writer) else { continue }
        let proposal = signed.proposal
        try note(
          proposal.root,
          at: VotePlace(
            id: page.peer, height: proposal.height, round: proposal.round, phase: 0))
      default: continue
      }
    }
  }

  private mutating func note(_ signed: SignedVote) throws {
    // Prepares of others are passed on.
    guard let (voter, seatCount) = try voter(of: signed) else { return }
    let vote = signed.vote
    let honest = voter.flatMap { dishonest.contains($0) ? nil : $0 }
    if witness.contradicts(signed, by: honest, quorum: { 3 * $0 > 2 * seatCount }) {
      throw Violation(
        "\(voter ?? "-") votes against its lock at \(vote.height)/\(vote.round)")
    }
    guard let honest else { return }
    try note(
      vote.root,
      at: VotePlace(
        id: honest, height: vote.height, round: vote.round, phase: vote.phase.rawValue))
  }

  private mutating func note(_ root: Digest32?, at place: VotePlace) throws {
    if let known = signed[place], known != root {
      throw Violation("\(place.id) signs twice at \(place.height)/\(place.round)")
    }
    signed.updateValue(root, forKey: place)
  }

  /// Who has the seat of a vote, and how many seats there are; nil if nobody here knows that epoch's set.
  private mutating func voter(of vote: SignedVote) throws -> (id: String?, seatCount: Int)? {
    let (epoch, seat) = (network.genesis.epoch(ofHeight: vote.vote.height), Int(vote.seat))
    if let known = sets[epoch] { return (known[seat], known.count) }
    for process in network.processes {
      guard let reader = process.delegate?.follower.reader, reader.height >= vote.vote.height else {
        continue
      }
      let set = try reader.delegates(forHeight: vote.vote.height).seats.map(\.delegate)
      sets[epoch] = set
      return (set[seat], set.count)
    }
    return nil
  }

  private mutating func check() throws {
    let touched = network.touched
    network.touched = []
    for index in touched.sorted() where isHonest(index) {
      guard let delegate = network.processes[index].delegate else { continue }
      let reader = delegate.follower.reader
      let start = checked[index] ?? 0
      // A process that was killed may stand below where it was seen; it never stood otherwise.
      for height in min(start, reader.height)..<reader.height {
        guard let block = try reader.block(height) else { throw Violation("a block is missing") }
        let root = try reader.checkpoint(size: block.index + 1).root
        let digest = Digest32(root) ?? .zero
        if let known = roots[height], known != digest {
          throw Violation("two blocks are decided at height \(height)")
        }
        if roots.updateValue(digest, forKey: height) == nil {
          figures[.blocks] += 1
          if height > 0,
            try reader.delegates(forHeight: height).seats.map(\.delegate)
              != reader.delegates(forHeight: height - 1).seats.map(\.delegate)
          {
            figures[.newSets] += 1
            try noteSeats(at: height, reader)
          }
        }
        if height > 0, let before = try reader.block(height - 1), block.time < before.time {
          throw Violation("time goes back at height \(height)")
        }
        if let decision = delegate.follower.decision, decision.height == height,
          decision.round > 0
        {
          figures[.lateRounds] += 1
        }
      }
      if reader.height < start {
        throw Violation("\(delegate.id) has lost what it decided")
      }
      if reader.height > start || reader.height == 0 { try checkMembers(reader, of: index) }
      checked[index] = reader.height
      if let item = try network.unserved(index).first {
        throw Violation("\(delegate.id) does not show a block that it said to be valid: \(item)")
      }
      if reader.height == start { continue }
      for id in network.processes.indices where isHonest(id) {
        let organisation = "operator-of-\(network.processes[id].id)"
        if try reader.convictions(of: organisation) > 0 {
          throw Violation("\(organisation) is convicted, and honest")
        }
      }
    }
  }

  // MARK: The end

  private mutating func heal() throws {
    groups = groups.map { _ in 0 }
    ambushed = nil
    (flying, flyingBlocks) = ([], [])
    let twins = seesTwin
    for index in network.processes.indices {
      if network.processes[index].delegate == nil { try boot(index) }
      network.processes[index].disk.repair()
    }
    // The dishonest go on as they were, or fall silent.
    let areSilent = happens(50)
    let honest = network.processes.indices.map(isHonest)
    try settle { [originals] reader, writer in
      honest[writer] || !areSilent && (writer >= originals) == twins[reader]
    }
    let height =
      network.processes.indices.filter(isHonest).compactMap {
        network.processes[$0].delegate?.height
      }.max() ?? 0
    network.pass(seconds: 60)
    try settle(to: height + 1) { _, writer in honest[writer] }
    try passMotion { _, writer in honest[writer] }
    let reader = network.processes.indices.first(where: isHonest).flatMap {
      network.processes[$0].delegate?.follower.reader
    }
    for id in dishonest where try reader?.convictions(of: "operator-of-\(id)") ?? 0 > 0 {
      figures[.convicted] += 1
    }
  }

  /// All read all, as `sees` allows, until everybody stands where all stand, at this height or above.
  mutating func settle(
    to height: UInt64 = 0, sees: (_ reader: Int, _ writer: Int) -> Bool
  ) throws {
    for _ in 0..<30 {
      let simulation = self
      try network.settle(sees: sees, isDone: { try simulation.isDone($0, at: height) })
      try check()
      // Whoever was admitted meanwhile begins.
      for index in network.processes.indices where network.processes[index].delegate == nil {
        try boot(index)
      }
      if try isDone(network, at: height) { return }
      network.pass(seconds: 10)
    }
    throw Violation("it does not go on: \(state())")
  }

  private func isDone(_ network: DelegateNetwork, at height: UInt64) throws -> Bool {
    var sizes: Set<UInt64> = []
    let members = try furthest(in: network)?.members
    for index in network.processes.indices where isHonest(index) {
      guard index < originals || members?.supernode(network.processes[index].id) != nil else {
        continue
      }
      guard let delegate = network.processes[index].delegate, delegate.height >= height else {
        return false
      }
      sizes.insert(delegate.follower.reader.size)
      guard delegate.follower.final?.size == delegate.follower.reader.size else { return false }
      for entry in acknowledged where try delegate.follower.place(of: entry.digest) == nil {
        return false
      }
    }
    return sizes.count == 1
  }

  private func state() -> String {
    network.processes.map { process in
      let delegate = process.delegate
      let round = delegate?.machine.round ?? 0
      return """
        \(process.id)\(dishonest.contains(process.id) ? "!" : "") \
        h\(delegate?.height ?? 0) r\(round) \
        \(delegate?.machine.stored.step.map { "\($0)" } ?? "-") \
        seat \(delegate?.machine.setting.seat.map { "\($0)" } ?? "-") \
        final \(delegate?.follower.final?.height.description ?? "-") \
        waiting \(delegate?.waiting.count ?? 0) silenced \
        \(delegate?.machine.stored.isSilenced ?? false)
        """
    }.joined(separator: "; ")
  }
}
