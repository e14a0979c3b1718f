import CanonicalEncoding
import Consensus
import TestSupport

/// A set of delegates that agree on one block after the other, in a time and a network of which a seed
/// decides everything: the same seed gives the same run, message for message.
///
/// For a while faults come and go: messages are delayed, lost, doubled and overtaken, seats are cut off
/// from each other, processes stop between any two writes and start again from what they wrote, clocks
/// differ and drift. Dishonest delegates do all the time what they like. Then the faults stop, and
/// everybody has to decide further heights. A ``Witness`` looks on.
final class Simulation {
  /// The true time at the beginning, in milliseconds.
  static let epoch: Int64 = 1_700_000_000_000
  /// How far the time of a block may be from a delegate's clock, times (round + 1).
  static let clockTolerance: UInt64 = 1500
  /// How many heights everybody has to decide after the faults.
  private static let heightsInPeace = 3
  /// In how many steps at most: the slowest of 10,000 seeds takes 13,000.
  private static let stepsInPeace = 30_000

  struct Statistics: Sendable {
    var steps = 0
    var stepsInPeace = 0
    var decisions = 0
    var restarts = 0
    var highestRound: UInt64 = 0
    var reproposals = 0
    var leftLocks = 0
    var equivocations = 0
    var convictions = 0
    var catchUps = 0
    var untimely = 0

    static func += (a: inout Self, b: Self) {
      a.steps += b.steps
      a.stepsInPeace = max(a.stepsInPeace, b.stepsInPeace)
      a.decisions += b.decisions
      a.restarts += b.restarts
      a.highestRound = max(a.highestRound, b.highestRound)
      a.reproposals += b.reproposals
      a.leftLocks += b.leftLocks
      a.equivocations += b.equivocations
      a.convictions += b.convictions
      a.catchUps += b.catchUps
      a.untimely += b.untimely
    }
  }

  enum Event {
    case delivery(SimulatedMessage, from: Int, to: Int)
    case timeout(ConsensusTimeout, seat: Int, life: Int)
    case judgement(Digest32, seat: Int, life: Int, height: UInt64)
    case block(round: UInt64, seat: Int, life: Int, height: UInt64)
    case beginning(seat: Int, life: Int, height: UInt64)
    case reposting(seat: Int, life: Int)
    case restart(seat: Int)
    case weather
    case scheme(DishonestDelegates.Scheme)
    case noise
  }

  let seatCount: Int
  let honestSeats: [Int]
  private let firstEmptySeats: Set<UInt64>
  private let convicts: Bool
  private let stormUntil: UInt64
  /// Whether no quorum that is passed on arrives, as long as there are faults.
  private let losesRelays: Bool

  var random: SeededGenerator
  var book = SignatureBook()
  var witness: Witness
  var blocks: [Digest32: SimulatedBlock] = [:]
  private(set) var delegates: [SimulatedDelegate]
  private(set) var statistics = Statistics()
  private(set) var now: UInt64 = 0
  private var weather: Weather
  private var dishonest: DishonestDelegates
  private var queue = EventQueue<Event>()
  /// How many heights everybody has to have decided in the end; nil as long as there are faults.
  private var goal: Int?

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    seatCount = random.element(of: [4, 4, 4, 7, 7, 10]) ?? 4
    let most = (seatCount - 1) / 3
    let count = random.chance(perMille: 700) ? most : Int.random(in: 0...most, using: &random)
    let seats = Array((0..<seatCount).shuffled(using: &random).prefix(count)).sorted()
    honestSeats = (0..<seatCount).filter { !seats.contains($0) }
    let firstEmptySeats: Set<UInt64> =
      random.chance(perMille: 250) ? Set(seats.prefix(1).map(UInt64.init)) : []
    self.firstEmptySeats = firstEmptySeats
    convicts = random.chance(perMille: 300)
    losesRelays = random.chance(perMille: 700)
    stormUntil = .random(in: 60_000...150_000, using: &random)
    delegates = (0..<seatCount).map { SimulatedDelegate(seat: UInt64($0)) }
    weather = .fair(seatCount: seatCount)
    dishonest = DishonestDelegates(
      seats: seats, hidesQuorums: random.chance(perMille: 600))
    witness = Witness(
      seatCount: seatCount, honest: Set(honestSeats.map(UInt64.init)),
      emptySeats: firstEmptySeats)
  }

  /// - Returns: what went wrong, nil if nothing did.
  func run() -> String? {
    for seat in honestSeats { start(seat) }
    schedule(.weather, in: 0)
    schedule(.noise, in: 0)
    while witness.fault == nil, let (time, event) = queue.next() {
      now = time
      statistics.steps += 1
      happen(event)
      guard let goal else { continue }
      statistics.stepsInPeace += 1
      let heights = honestSeats.map { Int(delegates[$0].height) }
      if heights.allSatisfy({ $0 >= goal }) { break }
      if statistics.stepsInPeace > Self.stepsInPeace {
        witness.fail("no progress without faults: the heights are \(heights)")
      }
    }
    statistics.decisions = witness.decisions.count
    statistics.leftLocks = witness.leftLocks
    return witness.fault
  }

  func schedule(_ event: Event, in delay: UInt64) { queue.schedule(event, at: now + delay) }

  private func happen(_ event: Event) {
    switch event {
    case .delivery(let message, let from, let to): deliver(message, from, to)
    case .timeout(let timeout, let seat, let life):
      guard life == delegates[seat].life else { return }
      witness.expired(timeout, at: UInt64(seat))
      input(seat) { $0.expire(timeout) }
    case .judgement(let root, let seat, let life, let height):
      guard life == delegates[seat].life, height == delegates[seat].height else { return }
      judge(root, seat)
    case .block(let round, let seat, let life, let height):
      guard life == delegates[seat].life, height == delegates[seat].height else { return }
      makeBlock(round, seat)
    case .beginning(let seat, let life, let height):
      guard life == delegates[seat].life, height == delegates[seat].height else { return }
      input(seat) { $0.begin() }
    case .reposting(let seat, let life):
      guard life == delegates[seat].life else { return }
      repost(seat)
    case .restart(let seat):
      statistics.restarts += 1
      start(seat)
    case .weather: changeWeather()
    case .scheme(let scheme): dishonest.act(scheme, in: self)
    case .noise:
      dishonest.makeNoise(in: self)
      schedule(.noise, in: .random(in: 100...3000, using: &random))
    }
  }

  private func changeWeather() {
    guard now < stormUntil else {
      weather = .fair(seatCount: seatCount)
      goal = (honestSeats.map { Int(delegates[$0].height) }.max() ?? 0) + Self.heightsInPeace
      return
    }
    weather = .random(seatCount: seatCount, using: &random)
    for seat in honestSeats where random.chance(perMille: 300) {
      let bound: Int64 = random.chance(perMille: 200) ? 5000 : 700
      delegates[seat].clockOffset = .random(in: -bound...bound, using: &random)
      delegates[seat].clockDrift = .random(in: -5...5, using: &random)
    }
    schedule(.weather, in: .random(in: 500...5000, using: &random))
  }

  // MARK: - Processes

  private func start(_ seat: Int) {
    // What is read is what was written.
    if let stored = delegates[seat].disk.consensus {
      guard let read = try? StoredConsensus(sequence: stored.encodedSequence()), read == stored
      else { return witness.fail("\(seat) cannot read what it stored") }
      delegates[seat].disk.consensus = read
    }
    delegates[seat].start(setting(of: seat))
    input(seat) { $0.begin() }
    scheduleReposting(seat)
  }

  /// Perhaps the process stops here.
  private func survives(_ seat: Int, isLocking: Bool = false) -> Bool {
    guard delegates[seat].machine != nil else { return false }
    let perMille = isLocking ? 5 * weather.crashPerMille : weather.crashPerMille
    guard random.chance(perMille: perMille) else { return true }
    delegates[seat].stop()
    schedule(.restart(seat: seat), in: .random(in: 10...3000, using: &random))
    return false
  }

  private func setting(of seat: Int) -> ConsensusMachine.Setting {
    let convicted = delegates[seat].disk.decisions.flatMap { blocks[$0.root]?.convicted ?? [] }
    return ConsensusMachine.Setting(
      genesis: .zero, epoch: 0, height: delegates[seat].height, seatCount: seatCount,
      emptySeats: firstEmptySeats.union(convicted), seat: UInt64(seat))
  }

  private func input(_ seat: Int, _ change: (inout ConsensusMachine) -> [ConsensusEffect]) {
    guard witness.fault == nil, let effects = delegates[seat].use(change) else { return }
    let (life, height) = (delegates[seat].life, delegates[seat].height)
    let messages = signed(effects, seat)
    if !messages.isEmpty || (!effects.isEmpty && random.chance(perMille: 200)) {
      guard survives(seat) else { return }
      delegates[seat].write(messages)
      for message in messages {
        sees(message)
        if case .vote(let vote) = message { requireBlock(vote.vote.root, seat) }
      }
      let isLocking = messages.contains { $0.isCommitOfBlock }
      guard survives(seat, isLocking: isLocking) else { return }
      for message in messages { publish(message, from: seat) }
      guard survives(seat) else { return }
    }
    for effect in effects { carryOut(effect, seat) }
    for message in messages
    where delegates[seat].life == life && delegates[seat].height == height {
      receive(message, seat)
    }
  }

  private func requireBlock(_ root: Digest32?, _ seat: Int) {
    if let root, !delegates[seat].blocks.contains(root) {
      witness.fail("\(seat) votes for a block, or decides one, that it has not got")
    }
  }

  private func receive(_ message: SimulatedMessage, _ seat: Int) {
    switch message {
    case .proposal(let signed): input(seat) { $0.receive(signed) }
    case .vote(let signed): input(seat) { $0.receive(signed) }
    case .relayed(let votes): for vote in votes { input(seat) { $0.receive(vote) } }
    case .certificate(let certificate): input(seat) { $0.receive(certificate) }
    }
  }

  private func signed(_ effects: [ConsensusEffect], _ seat: Int) -> [SimulatedMessage] {
    effects.compactMap { effect in
      switch effect {
      case .sign(let vote): .vote(book.sign(vote, by: UInt64(seat)))
      case .signProposal(let proposal, let prepares):
        .proposal(book.sign(proposal, by: UInt64(seat), prepares: prepares))
      case .relay(let votes): .relayed(votes)
      default: nil
      }
    }
  }

  /// From now on this message exists.
  func sees(_ message: SimulatedMessage) {
    switch message {
    case .proposal(let signed):
      if signed.proposal.validRound != nil { statistics.reproposals += 1 }
      witness.signed(signed)
    case .vote(let signed): witness.signed(signed)
    case .relayed, .certificate: break
    }
  }

  private func carryOut(_ effect: ConsensusEffect, _ seat: Int) {
    let (life, height) = (delegates[seat].life, delegates[seat].height)
    switch effect {
    case .sign, .signProposal, .relay: break
    case .schedule(let timeout):
      statistics.highestRound = max(statistics.highestRound, timeout.round)
      schedule(.timeout(timeout, seat: seat, life: life), in: timeout.milliseconds())
    case .propose(let round):
      schedule(
        .block(round: round, seat: seat, life: life, height: height),
        in: .random(in: weather.work, using: &random))
    case .judge(let root, let round):
      if let round {
        witness.asksClock(root, in: .init(height: height, round: round), at: UInt64(seat))
      }
      delegates[seat].questions[root] = .some(round)
      schedule(
        .judgement(root, seat: seat, life: life, height: height),
        in: .random(in: weather.work, using: &random))
    case .equivocation(let equivocation):
      statistics.equivocations += 1
      witness.reports(equivocation, at: UInt64(seat), book)
      delegates[seat].suspects.insert(equivocation.seat)
    case .decide(let certificate): decide(certificate, seat)
    }
  }

  private func decide(_ certificate: CommitCertificate, _ seat: Int) {
    witness.decided(certificate, at: UInt64(seat))
    requireBlock(certificate.root, seat)
    guard survives(seat) else { return }
    delegates[seat].write(certificate)
    guard survives(seat) else { return }
    delegates[seat].begin(setting(of: seat))
    let (life, height) = (delegates[seat].life, delegates[seat].height)
    // Some have work for the next height, others begin when they hear of it.
    let delay: UInt64 = random.chance(perMille: 500) ? 0 : .random(in: 0...2000, using: &random)
    schedule(.beginning(seat: seat, life: life, height: height), in: delay)
  }

  // MARK: - Blocks

  private func makeBlock(_ round: UInt64, _ seat: Int) {
    let delegate = delegates[seat]
    let suspects = delegate.suspects.filter { !witness.isEmpty($0, at: delegate.height) }.sorted()
    let block = add(
      height: delegate.height, round: round, proposer: UInt64(seat),
      time: delegate.clock(at: now), convicted: convicts ? suspects : [])
    statistics.convictions += block.convicted.count
    delegates[seat].blocks.insert(block.root)
    let place = Witness.Place(height: block.height, round: round)
    witness.foundTimely(block.root, in: place, at: UInt64(seat))
    input(seat) { $0.proposed(block.root, round: round) }
  }

  /// A new block behind the one decided last, not earlier than it unless `isLate`.
  func add(
    height: UInt64, round: UInt64, proposer: UInt64, time: UInt64, convicted: [UInt64] = [],
    keepsRules: Bool = true
  ) -> SimulatedBlock {
    let parent = height > 0 ? witness.decisions[height - 1].flatMap { blocks[$0] } : nil
    let block = SimulatedBlock(
      height: height, parent: parent?.root ?? .zero, round: round, proposer: proposer,
      time: keepsRules ? max(time, parent?.time ?? 0) : time, convicted: convicted,
      keepsRules: keepsRules, number: UInt64(blocks.count))
    blocks[block.root] = block
    witness.made(block)
    return block
  }

  private func judge(_ root: Digest32, _ seat: Int) {
    guard let question = delegates[seat].questions[root] else { return }
    guard let block = blocks[root], canFetch(root, seat) else {
      // Perhaps somebody has it later.
      return schedule(
        .judgement(
          root, seat: seat, life: delegates[seat].life, height: delegates[seat].height),
        in: .random(in: 100...400, using: &random))
    }
    delegates[seat].blocks.insert(root)
    delegates[seat].questions[root] = nil
    let verdict = verdict(on: block, firstProposedIn: question, seat)
    if let question, verdict == .valid {
      let place = Witness.Place(height: block.height, round: question)
      witness.foundTimely(root, in: place, at: UInt64(seat))
    }
    if verdict == .untimely { statistics.untimely += 1 }
    input(seat) { $0.judged(root, verdict) }
  }

  private func verdict(
    on block: SimulatedBlock, firstProposedIn round: UInt64?, _ seat: Int
  ) -> ConsensusMachine.Verdict {
    let delegate = delegates[seat]
    let parent = delegate.disk.decisions.last.flatMap { blocks[$0.root] }
    guard block.keepsRules, block.height == delegate.height,
      block.parent == parent?.root ?? .zero, block.time >= parent?.time ?? 0
    else { return .invalid }
    guard let round else { return .valid }
    let clock = delegate.clock(at: now)
    let difference = max(block.time, clock) - min(block.time, clock)
    let isTimely = difference <= Self.clockTolerance * (round + 1)
    return block.round == round && isTimely ? .valid : .untimely
  }

  private func canFetch(_ root: Digest32, _ seat: Int) -> Bool {
    delegates[seat].blocks.contains(root) || dishonest.gives(root, to: seat)
      || honestSeats.contains {
        delegates[$0].machine != nil && delegates[$0].blocks.contains(root)
          && weather.groups[$0] == weather.groups[seat]
      }
  }

  // MARK: - Network

  private func publish(_ message: SimulatedMessage, from seat: Int) {
    for other in honestSeats where other != seat { send(message, from: seat, to: other) }
    dishonest.hear(message, in: self)
  }

  private func send(_ message: SimulatedMessage, from: Int, to: Int) {
    if losesRelays, goal == nil, case .relayed = message { return }
    guard weather.groups[from] == weather.groups[to], !weather.isBlind(to, for: message),
      !random.chance(perMille: weather.lossPerMille)
    else { return }
    let copies = random.chance(perMille: weather.copyPerMille) ? 2 : 1
    for _ in 0..<copies {
      schedule(
        .delivery(message, from: from, to: to),
        in: .random(in: weather.delay, using: &random))
    }
  }

  private func deliver(_ message: SimulatedMessage, _ from: Int, _ to: Int) {
    let height = delegates[to].height
    guard delegates[to].machine != nil, book.isGenuine(message) else { return }
    if message.height < height, honestSeats.contains(from) {
      // Who is behind is told what was decided.
      if case .certificate = message { return }
      let decision = delegates[to].disk.decisions[Int(message.height)]
      return send(.certificate(decision), from: to, to: from)
    }
    guard message.height == height else { return }
    receive(message, to)
    if case .certificate = message, delegates[to].height > height { statistics.catchUps += 1 }
  }

  private func scheduleReposting(_ seat: Int) {
    let timeout = ConsensusTimeout(
      height: 0, round: delegates[seat].machine?.round ?? 0, step: .propose)
    let interval = timeout.milliseconds()
    schedule(
      .reposting(seat: seat, life: delegates[seat].life),
      in: .random(in: interval / 2...interval, using: &random))
  }

  /// Posts the own messages of the height again.
  private func repost(_ seat: Int) {
    let outbox = delegates[seat].disk.outbox
    for message in outbox.suffix(3) { publish(message, from: seat) }
    for message in outbox.dropLast(3) {
      if case .relayed = message { publish(message, from: seat) }
    }
    if let older = random.element(of: outbox) { publish(older, from: seat) }
    scheduleReposting(seat)
  }
}
