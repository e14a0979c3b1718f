import CanonicalEncoding
import Consensus
import Consortium
import Foundation
import Ledger
import TestSupport
import Testing
import TransparencyLog

@Suite("Delegates under a scheduler that loses, doubles, delays, kills and lies")
struct DelegateSimulationTests {
  private static let environment = ProcessInfo.processInfo.environment
  /// `BCEMR_SIMULATION_SEED` runs one seed again; `BCEMR_SIMULATION_SEEDS` runs more or fewer, and
  /// `BCEMR_SIMULATION_FIRST` others, from that one on.
  private static let seeds: [UInt64] = {
    func number(_ name: String) -> UInt64? { environment[name].flatMap { UInt64($0) } }
    if let seed = number("BCEMR_SIMULATION_SEED") { return [seed] }
    let first = number("BCEMR_SIMULATION_FIRST") ?? 1
    return (0..<(number("BCEMR_SIMULATION_SEEDS") ?? 100)).map { first &+ $0 }
  }()

  @Test("agree, lose nothing, convict nobody honest, and go on once the faults stop")
  func laws() throws {
    var total = DelegateSimulation.Figures()
    for seed in Self.seeds {
      do {
        var simulation = try DelegateSimulation(seed: seed)
        try simulation.run()
        total.add(simulation.figures)
      } catch {
        Issue.record("seed \(seed): \(error) (again: BCEMR_SIMULATION_SEED=\(seed))")
        return
      }
    }
    print("\(Self.seeds.count) seeds: \(total)")
    guard Self.seeds.count > 20 else { return }
    // What never happens is not tested.
    #expect(total.restarts > 0 && total.equivocators > 0 && total.convicted > 0)
    #expect(total.lateRounds > 0 && total.lost > 0 && total.doubled > 0)
    #expect(total.fetched > 0 && total.forged > 0)
  }
}

/// One network, one seed, and what must hold after each step.
private struct DelegateSimulation {
  struct Figures: CustomStringConvertible {
    var steps = 0
    var blocks = 0
    var entries = 0
    var restarts = 0
    var lost = 0
    var doubled = 0
    var fetched = 0
    var forged = 0
    var lateRounds = 0
    var equivocators = 0
    var convicted = 0
    /// Epochs with another set than the one before.
    var newSets = 0

    mutating func add(_ other: Self) {
      steps += other.steps
      blocks += other.blocks
      entries += other.entries
      restarts += other.restarts
      lost += other.lost
      doubled += other.doubled
      fetched += other.fetched
      forged += other.forged
      lateRounds += other.lateRounds
      equivocators += other.equivocators
      convicted += other.convicted
      newSets += other.newSets
    }

    var description: String {
      """
      \(steps) steps, \(blocks) blocks, \(entries) entries, \(restarts) restarts, \(lost) messages \
      lost, \(doubled) doubled, \(fetched) blocks fetched, \(forged) forged, \(lateRounds) blocks in later rounds, \(newSets) new sets, \
      \(convicted) of \
      \(equivocators) equivocators convicted
      """
    }
  }

  struct Violation: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  private struct Weather {
    let loss: Int
    let doubling: Int
    let delay: Int
    let kill: Int
    let partition: Int
    let work: Int
  }

  /// What was signed for one place, of which there may be one.
  private struct VotePlace: Hashable {
    let id: String
    let height: UInt64
    let round: UInt64
    /// 0 for a proposal.
    let phase: UInt64
  }

  private var network: DelegateNetwork
  private var generator: SeededGenerator
  private let weather: Weather
  /// How many processes there are without the twins.
  private let originals: Int
  private let dishonest: Set<String>
  private var flying: [(page: DelegateNetwork.Page, reader: Int)] = []
  private var flyingBlocks: [(block: ProposedBlock?, root: Digest32, peer: String, reader: Int)] =
    []
  /// Processes of different groups do not hear each other.
  private var groups: [Int]
  /// Which readers see the second of a pair of twins.
  private var seesTwin: [Bool]
  private var roots: [UInt64: Digest32] = [:]
  private var times: [UInt64: UInt64] = [:]
  private var checked: [Int: UInt64] = [:]
  private var signed: [VotePlace: Digest32?] = [:]
  private var acknowledged: [Entry] = []
  private(set) var figures = Figures()

  private static let steps = 400

  init(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed &* 0x9E37_79B9_7F4A_7C15)
    let seats = seed.isMultiple(of: 4) ? 7 : 4
    // Of four seeds, one has a single set for all heights.
    let spares = Int.random(in: 0...3, using: &generator)
    let originals = seats + spares
    var network = try DelegateNetwork(
      delegates: seats, spares: spares, seed: seed,
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
    weather = Weather(
      loss: Int.random(in: 0...40, using: &generator),
      doubling: Int.random(in: 0...20, using: &generator),
      delay: Int.random(in: 0...30, using: &generator),
      kill: Int.random(in: 0...6, using: &generator),
      partition: Int.random(in: 0...3, using: &generator),
      work: Int.random(in: 1...12, using: &generator))
    groups = network.processes.map { _ in 0 }
    seesTwin = network.processes.map { _ in Bool.random(using: &generator) }
    figures.equivocators = faults
    (self.network, self.generator, self.originals, self.dishonest) = (
      network, generator, originals, dishonest
    )
  }

  private mutating func happens(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &generator) < percent
  }

  private mutating func anyProcess() -> Int {
    Int.random(in: 0..<network.processes.count, using: &generator)
  }

  private func isHonest(_ index: Int) -> Bool { !dishonest.contains(network.processes[index].id) }

  mutating func run() throws {
    for _ in 0..<Self.steps {
      try step()
      try check()
    }
    try heal()
  }

  // MARK: One step

  private mutating func step() throws {
    figures.steps += 1
    if happens(weather.partition) {
      let count = happens(50) ? 1 : 2
      groups = groups.map { _ in Int.random(in: 0..<count, using: &generator) }
      seesTwin = seesTwin.map { _ in Bool.random(using: &generator) }
    }
    if happens(weather.kill) {
      let index = anyProcess()
      network.processes[index].disk.cut(
        after: Int.random(in: 0...3, using: &generator), isKept: happens(50))
    }
    if happens(weather.work) { try work() }
    if happens(15) { network.pass(seconds: UInt64.random(in: 1...8, using: &generator)) }
    let index = anyProcess()
    guard network.processes[index].delegate != nil else {
      if happens(30) {
        try network.boot(index)
        figures.restarts += 1
      }
      return
    }
    switch Int.random(in: 0..<100, using: &generator) {
    case ..<52: try read(index)
    case ..<66: try fetch(index)
    case ..<72: try deliverLate()
    case ..<77: try expire(index)
    case ..<94: try network.advance(index)
    default:
      let groups = groups
      _ = try network.handOn(index, sees: { groups[$0] == groups[$1] })
    }
  }

  private mutating func work() throws {
    let index = anyProcess()
    if happens(30) { return try choose(index) }
    let entry = network.demand(by: network.processes[index].id)
    if try network.run(index, { try $0.submit(entry) }) == true, isHonest(index) {
      acknowledged.append(entry)
      figures.entries += 1
    }
  }

  /// The organisation with a vote approves some others, or a supernode withdraws or stands again.
  private mutating func choose(_ index: Int) throws {
    let ids = network.processes[..<originals].map(\.id)
    let chosen = Set(ids.shuffled(using: &generator).prefix(originals / 2))
    let entry =
      happens(70) || originals < network.genesis.genesis.delegates.count + 2
      ? try network.approval(of: chosen, as: index)
      : try network.candidacy(of: ids[originals - 1], as: index)
    guard let entry else { return }
    do {
      try network.run(index) { try $0.submit(entry) }
    } catch is Refusal {
      // A vote under way may have the number already, or a quota be spent.
    }
  }

  private mutating func read(_ reader: Int) throws {
    let writer = anyProcess()
    let id = network.processes[writer].id
    guard id != network.processes[reader].id, groups[reader] == groups[writer] else { return }
    if dishonest.contains(id), (writer >= originals) != seesTwin[reader] { return }
    guard let page = network.page(for: reader, from: writer) else { return }
    if isHonest(writer) { try note(page) }
    if happens(weather.loss) {
      figures.lost += 1
      return
    }
    if happens(weather.delay) { flying.append((page, reader)) }
    try network.deliver(page, to: reader)
    if happens(weather.doubling) {
      figures.doubled += 1
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
        network.processes[$0].id == peer && groups[$0] == groups[reader]
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
      figures.forged += 1
    }
    if happens(weather.delay) {
      flyingBlocks.append((block, wanted.root, peer, reader))
      return
    }
    try network.bring(block, for: wanted.root, from: peer, to: reader)
    if block != nil { figures.fetched += 1 }
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

  /// Nobody honest signs twice for one place.
  private mutating func note(_ page: DelegateNetwork.Page) throws {
    for item in page.items {
      let place: VotePlace
      let root: Digest32?
      switch item {
      case .vote(let vote):
        // Prepares of others are passed on.
        guard let voter = try voter(of: vote) else { continue }
        if dishonest.contains(voter) { continue }
        place = VotePlace(
          id: voter, height: vote.vote.height, round: vote.vote.round,
          phase: vote.vote.phase.rawValue)
        root = vote.vote.root
      case .proposal(let proposal):
        place = VotePlace(
          id: page.peer, height: proposal.proposal.height, round: proposal.proposal.round, phase: 0)
        root = proposal.proposal.root
      default: continue
      }
      if let known = signed[place], known != root {
        throw Violation("\(place.id) signs twice at \(place.height)/\(place.round)")
      }
      signed.updateValue(root, forKey: place)
    }
  }

  /// Who has the seat of a vote; nil if nobody here knows that epoch's set.
  private func voter(of vote: SignedVote) throws -> String? {
    for process in network.processes {
      guard let reader = process.delegate?.follower.reader else { continue }
      let seats = try reader.delegates(forHeight: vote.vote.height).seats
      if let voter = seats[Int(vote.seat)].delegate { return voter }
    }
    return nil
  }

  private mutating func check() throws {
    for index in network.processes.indices where isHonest(index) {
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
          figures.blocks += 1
          if height > 0,
            try reader.delegates(forHeight: height).seats.map(\.delegate)
              != reader.delegates(forHeight: height - 1).seats.map(\.delegate)
          {
            figures.newSets += 1
          }
        }
        if height > 0, let before = try reader.block(height - 1), block.time < before.time {
          throw Violation("time goes back at height \(height)")
        }
        if let decision = delegate.follower.decision, decision.height == height,
          decision.round > 0
        {
          figures.lateRounds += 1
        }
      }
      if reader.height < start {
        throw Violation("\(delegate.id) has lost what it decided")
      }
      checked[index] = reader.height
      guard try network.unserved(index).isEmpty else {
        throw Violation("\(delegate.id) does not show a block that it said to be valid")
      }
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
    (flying, flyingBlocks) = ([], [])
    let twins = seesTwin
    for index in network.processes.indices {
      if network.processes[index].delegate == nil { try network.boot(index) }
      network.processes[index].disk.repair()
    }
    // The dishonest go on as they were, or fall silent.
    let areSilent = happens(50)
    let honest = network.processes.indices.map(isHonest)
    for _ in 0..<30 {
      try network.settle(sees: { [originals] reader, writer in
        honest[writer] || !areSilent && (writer >= originals) == twins[reader]
      })
      try check()
      if try isDone() { break }
      network.pass(seconds: 10)
    }
    guard try isDone() else { throw Violation("it does not go on: \(state())") }
    let height =
      network.processes.indices.filter(isHonest).compactMap {
        network.processes[$0].delegate?.height
      }.max() ?? 0
    network.pass(seconds: 40)
    try network.settle(sees: { _, writer in honest[writer] })
    try check()
    for index in network.processes.indices where isHonest(index) {
      guard let delegate = network.processes[index].delegate else { continue }
      guard delegate.height > height else { throw Violation("no block after silence: \(state())") }
    }
    let reader = network.processes.indices.first(where: isHonest).flatMap {
      network.processes[$0].delegate?.follower.reader
    }
    for id in dishonest where try reader?.convictions(of: "operator-of-\(id)") ?? 0 > 0 {
      figures.convicted += 1
    }
  }

  private func isDone() throws -> Bool {
    var sizes: Set<UInt64> = []
    for index in network.processes.indices where isHonest(index) {
      guard let delegate = network.processes[index].delegate else { return false }
      sizes.insert(delegate.follower.reader.size)
      guard delegate.follower.final?.size == delegate.follower.reader.size else { return false }
      for entry in acknowledged where try delegate.follower.verdict(on: entry.digest) == nil {
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
