import CanonicalEncoding
import Consensus
import Consortium
import Credentials
import Ledger
import TestSupport
import TransparencyLog

/// One ``HospitalNetwork``, one seed, and what must hold after each step.
///
/// How much it sees is told by faults that were planted in the program, one at a time:
///
/// | planted | found | in seed |
/// |---|---|---|
/// | a base moved inside a block, by writer and rules | a base inside a block | 3 |
/// | no new generation for a hospital that has lost what was confirmed | two trees of one generation | 14 |
/// | a cloud that does not store what it has cosigned | forgotten confirmations | 1 |
struct HospitalSimulation: Simulation {
  enum Happening: String, SimulationHappening {
    case steps, blocks
    case faultyBlocks = "of them under faults"
    case hospitalBlocks = "hospital blocks"
    case confirmed = "entries confirmed"
    case confirmedEarly = "of them confirmed under faults"
    case completed = "visits completed"
    case abandoned = "visits abandoned"
    case refused = "entries refused"
    case demanded = "entries demanded"
    case cuts = "powers cut at a write"
    case failures = "writes failed"
    case restarts, lost, doubled, late
    case swallowed = "entries swallowed"
    case outages = "long outages"
    case putBack = "disks put back"
    case generations = "chains continued"
    case accusations
    case newSets = "new sets"
    case admitted = "hospitals admitted"
    case dishonestHospitals = "dishonest hospitals"
    case dishonestClouds = "dishonest clouds"
    case conspiracies = "of them together"
    case convicted = "clouds convicted"
    case barred = "chains barred"

    /// What happens in one seed of fifty or so.
    static let rare: Set<Self> = [.abandoned, .barred, .generations, .accusations]
    static let seedsForRare = 200
  }

  private struct Weather {
    let loss: Int
    let doubling: Int
    let kill: Int
    let failure: Int
    let partition: Int
    let outage: Int
    let time: Int
    let expiry: Int
    /// Per cent of messages after which the sender's next one follows at once.
    let haste: Int
  }

  /// A disk that is to be put back: what of it, when it is copied, and from when on the copy takes its
  /// place.
  private struct Restoration {
    let machine: Int
    let isWhole: Bool
    let copiedAt: Int
    let from: Int
    /// Until then it waits for a moment in which most can go wrong.
    let until: Int
    var copy: PowerDisk.Contents?
    var isDone = false
    /// Whether the hospital has lost leaves that its cloud had confirmed: then it has to begin a new
    /// generation, and signs nothing in the former one any more.
    var requiresContinuation = false
  }

  private var network: HospitalNetwork
  private var generator: SeededGenerator
  private let weather: Weather
  /// How many machines there are without the twins.
  private let originals: Int
  private let dishonest: Set<String>
  /// Machines of different groups do not hear each other.
  private var groups: [Int]
  /// Which machines see the second of a pair of twins.
  private var seesTwin: [Bool]
  /// Machines that are at their duties.
  private var busy: Set<Int> = []
  /// Machines that the last step had to do with; the others are as they were.
  private var touched: Set<Int> = []
  private let reports = Reports()
  private var restoration: Restoration?
  /// What is held back up to a step.
  private var late: [(passage: SimulatedMail.Passage, until: Int)] = []
  private var step = 0
  private(set) var figures = SimulationFigures<Happening>()

  // What was seen.
  private var roots: [UInt64: Digest32] = [:]
  private var heights: [Int: UInt64] = [:]
  private var chains: [String: SeenChain] = [:]
  private var claims: [String: [SignedTree]] = [:]
  /// Two trees that a dishonest cloud has confirmed, with the first leaf in which they differ.
  private var contradictions: [(one: SignedTree, other: SignedTree, index: Int)] = []

  /// What was confirmed of a hospital's chain, by anybody's state.
  private struct SeenChain {
    /// By size.
    var roots: [UInt64: Digest32] = [:]
    var sizes: [UInt64] = []
  }

  /// A note that somebody has signed, with the leaves under it.
  private struct SignedTree {
    let note: String
    let leaves: [[UInt8]]
    /// Whether the cloud has signed it too.
    let isConfirmed: Bool

    /// The first line, which names the generation.
    var origin: Substring { note.prefix { $0 != "\n" } }
  }

  private static let steps = 2000
  private static let visits = 2
  /// Who may be dishonest: a hospital and its cloud, which has a seat too.
  private static let suspects = (hospital: "hospital-3", cloud: "cloud-3")

  init(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed &* 0x9E37_79B9_7F4A_7C15)
    // Of two seeds, one has a single set for all heights.
    let spares = Int.random(in: 0...1, using: &generator)
    var network = try HospitalNetwork(
      seed: seed, spares: spares,
      epochLength: spares == 0 ? 1000 : UInt64.random(in: 2...5, using: &generator))
    originals = network.machines.count
    let dishonest = Set(
      [
        [], [], [Self.suspects.hospital], [Self.suspects.cloud],
        [Self.suspects.hospital, Self.suspects.cloud],
      ][Int.random(in: 0..<5, using: &generator)])
    for index in network.machines.indices where dishonest.contains(network.machines[index].id) {
      network.addTwin(of: index)
    }
    for index in network.machines.indices {
      let isDishonest = dishonest.contains(network.machines[index].id)
      network.machines[index].clockOffset =
        isDishonest
        ? Int64.random(in: -100_000...100_000, using: &generator)
        : Int64.random(in: -3...3, using: &generator)
      if network.machines[index].id != SimulatedMembers.newcomer { try network.boot(index) }
    }
    // Of each kind of fault there are none in half of the seeds, or little could go on under all of them.
    func faults(_ range: ClosedRange<Int>) -> Int {
      Bool.random(using: &generator) ? Int.random(in: range, using: &generator) : 0
    }
    weather = Weather(
      loss: faults(1...20), doubling: faults(1...15), kill: faults(1...8), failure: faults(1...8),
      partition: faults(1...4), outage: faults(1...2),
      time: Int.random(in: 1...6, using: &generator),
      expiry: Int.random(in: 2...8, using: &generator),
      haste: Int.random(in: 80...98, using: &generator))
    groups = network.machines.map { _ in 0 }
    seesTwin = network.machines.map { _ in Bool.random(using: &generator) }
    if Bool.random(using: &generator) {
      // A hospital, or more rarely one of their clouds.
      let ids = ["hospital-1", "hospital-2", "hospital-1", "hospital-2", "cloud-1", "cloud-2"]
      let id = ids[Int.random(in: 0..<6, using: &generator)]
      restoration = Restoration(
        machine: network.machines.firstIndex { $0.id == id } ?? 0,
        // Who votes on blocks may not forget what it has said.
        isWhole: id == "hospital-2",
        copiedAt: Int.random(in: 0..<Self.steps / 2, using: &generator),
        from: Int.random(in: Self.steps / 2..<Self.steps * 3 / 4, using: &generator),
        until: Self.steps - 100)
    }
    let (hospital, cloud) = Self.suspects
    figures[.dishonestHospitals] = dishonest.contains(hospital) ? 1 : 0
    figures[.dishonestClouds] = dishonest.contains(cloud) ? 1 : 0
    figures[.conspiracies] = dishonest.count == 2 ? 1 : 0
    (self.network, self.generator, self.dishonest) = (network, generator, dishonest)
    keepSides()
    for hospital in network.hospitals { chains[hospital] = SeenChain() }
    for hospital in network.genesis.members.hospitals { try startVisits(at: hospital) }
  }

  private mutating func happens(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &generator) < percent
  }

  /// Of a thousand.
  private mutating func happensRarely(_ count: Int) -> Bool {
    Int.random(in: 0..<1000, using: &generator) < count
  }

  private mutating func anyMachine() -> Int {
    Int.random(in: 0..<network.machines.count, using: &generator)
  }

  private func isHonest(_ index: Int) -> Bool { !dishonest.contains(network.machines[index].id) }

  private func isHospital(_ index: Int) -> Bool {
    network.hospitals.contains(network.machines[index].id)
  }

  /// Whether a hospital and its cloud are honest.
  private func isTrusted(_ hospital: String) -> Bool {
    !dishonest.contains(hospital) && !dishonest.contains(network.members.cloud(of: hospital))
  }

  private mutating func startVisits(at hospital: String) throws {
    let world = network.world
    let isTrusted = isTrusted(hospital)
    // Of whoever may have a twin, some see the one and some the other.
    for number in 0..<(isTrusted ? 1 : 2) * Self.visits {
      let course = try VisitCourse(
        world: world, hospital: hospital, isTrusted: isTrusted,
        seesTwins: !number.isMultiple(of: 2), seed: generator.next())
      world.note { $0.running[hospital, default: 0] += 1 }
      network.start {
        var course = course
        try? await course.run()
        world.note { $0.running[hospital, default: 0] -= 1 }
      }
    }
  }

  /// A dishonest hospital and its cloud act together: each of their machines sees those of its side.
  private mutating func keepSides() {
    for index in network.machines.indices where !isHonest(index) {
      seesTwin[index] = network.isTwin(index)
    }
  }

  mutating func run() throws {
    defer { end() }
    for _ in 0..<Self.steps {
      step += 1
      try oneStep()
    }
    figures[.faultyBlocks] = figures[.blocks]
    figures[.confirmedEarly] = network.world.journal.confirmed.count
    try heal()
    let journal = network.world.journal
    figures[.steps] = step
    figures[.confirmed] = journal.confirmed.count
    figures[.completed] = journal.figures.completed
    figures[.abandoned] = journal.figures.abandoned
    figures[.refused] = journal.figures.refused
    figures[.demanded] = journal.figures.demanded
    figures[.failures] = network.machines.reduce(0) { $0 + $1.disk.failures }
  }

  // MARK: One step

  private mutating func oneStep() throws {
    try weatherChanges()
    if happensRarely(weather.expiry) { expire(anyMachine()) }
    if happensRarely(weather.time) {
      network.pass(seconds: UInt64.random(in: 1...8, using: &generator))
    }
    switch Int.random(in: 0..<100, using: &generator) {
    case ..<42: try deliver()
    case ..<72: try advanceAny()
    case ..<92: wake()
    case ..<94: admit(by: "hospital-\(Int.random(in: 1...3, using: &generator))")
    case ..<95: choose()
    default: try boot(anyMachine())
    }
    try afterStep()
  }

  private mutating func weatherChanges() throws {
    if happensRarely(weather.partition) {
      let count = happens(50) ? 1 : 2
      groups = groups.map { _ in Int.random(in: 0..<count, using: &generator) }
      seesTwin = seesTwin.map { _ in Bool.random(using: &generator) }
      keepSides()
    }
    if happensRarely(weather.kill) {
      let isKept = happens(50)
      network.machines[anyMachine()].disk.fail(
        after: Int.random(in: 0...4, using: &generator), isKept: isKept, isPassing: false)
    }
    if happensRarely(weather.failure) {
      let isKept = happens(50)
      network.machines[anyMachine()].disk.fail(
        after: Int.random(in: 0...4, using: &generator), isKept: isKept, isPassing: true)
    }
    if happensRarely(weather.outage) {
      let index = anyMachine()
      network.kill(index)
      busy.remove(index)
      network.machines[index].isDownUntil = step + Int.random(in: 100...800, using: &generator)
      figures[.outages] += 1
    }
    if let restoration, !restoration.isDone {
      let machine = restoration.machine
      if restoration.copy == nil, step >= restoration.copiedAt {
        self.restoration?.copy = network.machines[machine].disk.contents
      }
      if step >= restoration.from, step >= restoration.until || isUnconfirmed(machine) {
        try putBack()
      }
    }
  }

  /// Whether a hospital has signed more than its cloud has confirmed, and a message with it is on its
  /// way: what it writes now in the place of that is another tree.
  private func isUnconfirmed(_ machine: Int) -> Bool {
    guard let size = chains[network.machines[machine].id]?.sizes.last else { return false }
    return network.mail.requests(of: machine).contains { request in
      let message = network.message(request)
      guard let request = try? Message<ConfirmLeaves>(encoded: message).payload else {
        return false
      }
      return Int(request.from) + request.leaves.count > size
    }
  }

  /// An old copy takes the place of a disk, or of what is on it of a hospital's chain.
  private mutating func putBack() throws {
    guard let restoration, let copy = restoration.copy else { return }
    self.restoration?.isDone = true
    let machine = restoration.machine
    for request in network.mail.requests(of: machine) { try note(request, by: machine) }
    network.kill(machine)
    // What it had sent is lost, or comes late.
    for passage in network.mail.takeRequests(of: machine) where happens(60) {
      late.append((passage, step + Int.random(in: 0...800, using: &generator)))
    }
    busy.remove(machine)
    let kept = (copy.log.lastIndex(where: Leaf.isHeader) ?? -1) + 1
    self.restoration?.requiresContinuation =
      kept < chains[network.machines[machine].id]?.sizes.last ?? 0
    var contents = network.machines[machine].disk.contents
    if restoration.isWhole {
      contents = copy
    } else {
      contents.log = copy.log
      for chain in contents.states.keys where chain != ChainName.consortium {
        contents.states[chain] = copy.states[chain]
      }
    }
    network.machines[machine].disk.contents = contents
    figures[.putBack] += 1
  }

  private mutating func boot(_ index: Int) throws {
    guard network.machines[index].server == nil, step >= network.machines[index].isDownUntil,
      network.world.currentMembers.supernode(network.machines[index].id) != nil
    else { return }
    try network.boot(index)
    touched.insert(index)
    figures[.restarts] += 1
  }

  private mutating func advance(_ index: Int) throws {
    guard let server = network.machines[index].server, !busy.contains(index) else { return }
    busy.insert(index)
    touched.insert(index)
    let (reports, run) = (reports, network.machines[index].run)
    network.start {
      do {
        let isNew = try await server.advance()
        reports.end(index, run, isNew ? .worked : .rested)
      } catch {
        reports.end(index, run, .failed("\(error)"))
      }
    }
  }

  /// A machine that has no duty under way does what is due; if all have, a message goes on.
  private mutating func advanceAny() throws {
    let free = network.machines.indices.filter {
      network.machines[$0].server != nil && !busy.contains($0)
    }
    guard let index = free.randomElement(using: &generator) else { return try deliver() }
    try advance(index)
  }

  private mutating func expire(_ index: Int) {
    guard let node = network.machines[index].server?.node else { return }
    touched.insert(index)
    network.start { _ = try? await node.expire() }
  }

  private mutating func wake() {
    guard network.mail.sleeping > 0 else { return }
    wake(Int.random(in: 0..<network.mail.sleeping, using: &generator))
  }

  /// A client may ask any server.
  private mutating func wake(_ index: Int) {
    network.mail.wake(index)
    touched.formUnion(network.machines.indices)
    network.executor.drain()
  }

  /// An organisation approves others.
  private mutating func choose() {
    let hospital = happens(50) ? "hospital-1" : "hospital-2"
    let candidates = network.world.currentMembers.supernodes.filter { $0.votingKey != nil }
    let chosen = Set(candidates.map(\.id).shuffled(using: &generator).prefix(3))
    submit(by: "operator-of-\(hospital)", at: hospital) { view in
      Approval(
        candidates: chosen, number: try view.approval(of: "operator-of-\(hospital)").next)
    }
  }

  /// An organisation has the newcomer admitted: it moves that, or votes for it.
  private mutating func admit(by hospital: String) {
    guard network.genesis.content.epochLength < 1000 else { return }
    let (members, organisation) = (network.members, "operator-of-\(hospital)")
    submit(by: organisation, at: happens(50) ? "hospital-1" : "hospital-2") { view in
      if try view.nextMembers.supernode(SimulatedMembers.newcomer) != nil { return nil }
      if let motion = try view.motions().first(where: { $0.status == .open }) {
        return Ballot(motion: motion.entry, approves: true)
      }
      let genesis = members.genesis
      return Motion(
        number: try view.nextMotion(of: organisation),
        lastEpoch: genesis.epoch(ofHeight: view.height) + 50, changes: members.admission
      ).agreed(
        genesis: genesis.digest, signer: organisation,
        by: Dictionary(
          uniqueKeysWithValues: SimulatedMembers.admitting.map { ($0, members.identity(of: $0)) }))
    }
  }

  /// Has an organisation put something onto the consortium chain, as a hospital knows it.
  private mutating func submit(
    by organisation: String, at hospital: String,
    _ body: @escaping @Sendable (ConsortiumView) throws -> (any CanonicalObject)?
  ) {
    guard let node = network.world.hospital(hospital)?.node else { return }
    touched.formUnion(network.machines.indices)
    let (genesis, key) = (network.genesis.digest, network.members.identity(of: organisation))
    network.start {
      guard let body = try? await body(node.consortium) else { return }
      _ = try? await node.submit(
        Entry(
          EntryContent(
            genesis: genesis, chain: ChainName.consortium, signer: .party(organisation),
            body: body), signedBy: key))
    }
  }

  // MARK: Mail

  /// The machine that a sender reaches under a name.
  private func route(_ passage: SimulatedMail.Passage) -> Int? {
    let candidates = network.machines.indices.filter {
      network.machines[$0].id == passage.recipient
    }
    let sees = passage.sender.machine.map { seesTwin[$0] } ?? passage.sender.seesTwins
    guard let machine = sees ? candidates.last : candidates.first,
      network.machines[machine].server != nil
    else { return nil }
    if let sender = passage.sender.machine, groups[sender] != groups[machine] { return nil }
    return machine
  }

  private mutating func touch(_ passage: SimulatedMail.Passage) {
    if let sender = passage.sender.machine {
      touched.insert(sender)
    } else {
      touched.formUnion(network.machines.indices)
    }
    for index in network.machines.indices where network.machines[index].id == passage.recipient {
      touched.insert(index)
    }
  }

  private mutating func deliver() throws {
    guard network.mail.count > 0 else { return }
    var next: Int? = Int.random(in: 0..<network.mail.count, using: &generator)
    while let index = next {
      let passage = network.mail.take(index)
      try deliver(passage, isCalm: false)
      try afterStep()
      next = happens(weather.haste) ? network.mail.index(from: passage.sender) : nil
    }
  }

  private mutating func deliver(_ passage: SimulatedMail.Passage, isCalm: Bool) throws {
    defer { network.executor.drain() }
    touch(passage)
    if passage.reply == nil, let sender = passage.sender.machine {
      try note(passage.request, by: sender)
    }
    if !isCalm, !passage.isCopy, happens(weather.loss) {
      figures[.lost] += 1
      network.mail.lose(passage)
      return
    }
    if let reply = passage.reply {
      network.mail.complete(passage, with: reply)
      return
    }
    if passage.isCopy { figures[.late] += 1 }
    guard let machine = route(passage), let server = network.machines[machine].server else {
      network.mail.lose(passage)
      return
    }
    if isSwallowed(passage) {
      figures[.swallowed] += 1
      network.mail.lose(passage)
      return
    }
    if !isCalm, !passage.isCopy, happens(weather.doubling) {
      figures[.doubled] += 1
      network.mail.add(
        SimulatedMail.Passage(
          number: network.mail.number(), sender: passage.sender, recipient: passage.recipient,
          request: passage.request, isCopy: true))
    }
    network.mail.begin(passage, by: machine)
    let mail = network.mail
    network.start {
      let reply = await server.endpoint.receive(passage.request, from: passage.sender.id)
      mail.answer(passage.number, with: reply)
    }
  }

  /// Whether a hospital does not hear this entry.
  private func isSwallowed(_ passage: SimulatedMail.Passage) -> Bool {
    guard passage.sender.machine == nil,
      let request = try? Message<SubmitEntry>(encoded: network.message(passage.request))
    else { return false }
    return network.world.journal.swallowed.contains(request.payload.entry.digest)
  }

  // MARK: Invariants

  private mutating func afterStep() throws {
    for (passage, until) in late where until <= step { network.mail.add(passage) }
    late.removeAll { $0.until <= step }
    for (index, run, outcome) in reports.take() where network.machines[index].run == run {
      try end(index, outcome)
    }
    for index in network.machines.indices where network.machines[index].server != nil {
      guard network.machines[index].disk.isOut else { continue }
      network.kill(index)
      busy.remove(index)
      figures[.cuts] += 1
    }
    for index in touched.sorted() { try check(index) }
    touched = []
    if let violation = network.world.journal.violation { throw Violation(violation) }
  }

  /// A machine is through with its duties.
  private mutating func end(_ index: Int, _ outcome: Reports.Outcome) throws {
    busy.remove(index)
    if case .failed(let message) = outcome {
      lastFailures[index] = message
      return
    }
    lastFailures[index] = nil
    guard let snapshot = try snapshot(index) else { return }
    let journal = network.world.journal
    for chain in snapshot.chains
    where chain.hospital == network.machines[index].id && isHonest(index) {
      try check(journal, on: chain, keepsWritten: !mayForget(index))
    }
  }

  /// Whether an old copy has taken the place of what a machine had.
  private func mayForget(_ index: Int) -> Bool {
    restoration?.machine == index && restoration?.isDone == true
  }

  private var lastFailures: [Int: String] = [:]

  /// What a machine shows of the chains.
  private struct Snapshot: Sendable {
    var consortium: ConsortiumView
    var chains: [HospitalView] = []
  }

  private func snapshot(_ index: Int) throws -> Snapshot? {
    guard let server = network.machines[index].server else { return nil }
    let (hospitals, members) = (network.hospitals, network.members)
    let id = network.machines[index].id
    do {
      return try network.ask {
        var snapshot = Snapshot(consortium: await server.node.consortium)
        switch server {
        case .hospital(let server):
          snapshot.chains = [await server.ledger.writer.view]
        case .cloud(let server):
          for hospital in hospitals where members.cloud(of: hospital) == id {
            snapshot.chains.append(try await server.confirmer.view(of: hospital))
          }
        }
        return snapshot
      }
    } catch is StoreError {
      return nil
    }
  }

  private mutating func check(_ index: Int) throws {
    guard let snapshot = try snapshot(index) else { return }
    guard isHonest(index) else {
      for chain in snapshot.chains { try noteConfirmed(chain, of: index) }
      return
    }
    do {
      try check(snapshot.consortium, of: index)
      for chain in snapshot.chains { try check(chain, of: index) }
    } catch let error as StoreError
      where error.code == .unavailable || error.code == .outcomeUnknown
    {
      // The power is out; it is seen at the next step.
    }
  }

  private mutating func check(_ reader: ConsortiumView, of index: Int) throws {
    let id = network.machines[index].id
    let start = heights[index] ?? 0
    for height in min(start, reader.height)..<reader.height {
      guard let block = try reader.block(height) else { throw Violation("a block is missing") }
      let root = Digest32(try reader.checkpoint(size: block.index + 1).root) ?? .zero
      if let known = roots[height], known != root {
        throw Violation("two blocks are decided at height \(height)")
      }
      if roots.updateValue(root, forKey: height) == nil {
        figures[.blocks] += 1
        if height > 0,
          try reader.delegates(forHeight: height).seats.map(\.delegate)
            != reader.delegates(forHeight: height - 1).seats.map(\.delegate)
        {
          figures[.newSets] += 1
        }
      }
      if height > 0, let before = try reader.block(height - 1),
        block.time < before.time || block.countedTime < before.countedTime
      {
        throw Violation("time goes back at height \(height)")
      }
    }
    let isForgetful = mayForget(index) && restoration?.isWhole == true
    if reader.height < start, !isForgetful { throw Violation("\(id) has lost what it decided") }
    if reader.height == start { return }
    heights[index] = reader.height
    if reader.height == heights.values.max() { try note(reader.members) }
    for other in network.machines.indices where isHonest(other) {
      let organisation = "operator-of-\(network.machines[other].id)"
      if try reader.convictions(of: organisation) > 0 {
        throw Violation("\(organisation) is convicted, and honest")
      }
    }
    for hospital in network.hospitals
    where try !dishonest.contains(hospital) && reader.isBarred(hospital) {
      throw Violation("the chain of \(hospital) is barred, and it is honest")
    }
  }

  /// The members as those know them who are furthest.
  private mutating func note(_ members: ValidMembers) throws {
    let former = network.world.currentMembers
    network.world.currentMembers = members
    let newcomer = SimulatedMembers.newcomer
    guard former.supernode(newcomer) == nil, members.supernode(newcomer) != nil else { return }
    figures[.admitted] += 1
    try startVisits(at: newcomer)
  }

  /// All states of a hospital's chain have the roots of what was confirmed of it.
  private mutating func check(_ view: HospitalView, of index: Int) throws {
    let hospital = view.hospital
    guard var seen = chains[hospital] else { return }
    defer { chains[hospital] = seen }
    let who = network.machines[index].id
    if let size = seen.sizes.last(where: { $0 <= view.size }),
      try view.root(size: size) != seen.roots[size]?.bytes
    {
      throw Violation("\(who) has another chain of \(hospital) up to \(size) than was confirmed")
    }
    // It stores what it cosigns before anybody has it.
    if !isHospital(index), !mayForget(index), view.confirmed?.size ?? 0 < seen.sizes.last ?? 0 {
      throw Violation("\(who) has forgotten what it confirmed of \(hospital)")
    }
    guard let confirmed = view.confirmed, confirmed.size > 0, seen.roots[confirmed.size] == nil
    else { return }
    guard confirmed.size <= view.size else {
      throw Violation("\(who) has confirmed more of \(hospital) than it has")
    }
    seen.roots[confirmed.size] = Digest32(try view.root(size: confirmed.size))
    let place = seen.sizes.firstIndex { $0 > confirmed.size } ?? seen.sizes.count
    seen.sizes.insert(confirmed.size, at: place)
    for size in seen.sizes[..<place].suffix(1) + seen.sizes[place...].prefix(2).dropFirst()
    where size <= view.size {
      guard try view.root(size: size) == seen.roots[size]?.bytes else {
        throw Violation("two histories of \(hospital) are confirmed: \(size), \(confirmed.size)")
      }
    }
  }

  // MARK: Accusations

  /// Whoever carries a message can show what was signed in it.
  private mutating func note(_ request: [UInt8], by machine: Int) throws {
    guard request.count > 512, isHospital(machine),
      let request = try? Message<ConfirmLeaves>(encoded: network.message(request)).payload
    else { return }
    let size = Int(request.from) + request.leaves.count
    let log = network.machines[machine].disk.contents.log
    guard log.count >= size, Array(log[Int(request.from)..<size]) == request.leaves else { return }
    try note(
      SignedTree(note: request.note, leaves: Array(log[..<size]), isConfirmed: false),
      of: request.hospital)
  }

  /// What a dishonest cloud has confirmed to one of two machines of a hospital.
  private mutating func noteConfirmed(_ view: HospitalView, of machine: Int) throws {
    guard let confirmed = view.confirmed, confirmed.size > 0,
      claims[view.hospital]?.contains(where: { $0.note == confirmed.note }) != true,
      let hospital = network.machines.indices.first(where: {
        network.machines[$0].id == view.hospital
          && (isHonest($0) || network.isTwin($0) == network.isTwin(machine))
      })
    else { return }
    let leaves = network.machines[hospital].disk.contents.log.prefix(Int(confirmed.size))
    guard leaves.count == Int(confirmed.size),
      try MerkleTree(leaves: Array(leaves)).root(size: confirmed.size)
        == view.root(size: confirmed.size)
    else { return }
    try note(
      SignedTree(note: confirmed.note, leaves: Array(leaves), isConfirmed: true),
      of: view.hospital)
  }

  private mutating func note(_ tree: SignedTree, of hospital: String) throws {
    let known = claims[hospital] ?? []
    if known.contains(where: { $0.note == tree.note }) { return }
    claims[hospital, default: []].append(tree)
    for other in known where other.isConfirmed == tree.isConfirmed {
      guard
        let index = zip(other.leaves, tree.leaves).enumerated().first(where: {
          $0.element.0 != $0.element.1
        })?.offset
      else { continue }
      if !dishonest.contains(hospital), other.origin == tree.origin,
        restoration?.requiresContinuation == true
      {
        throw Violation(
          "\(hospital) signs two trees of one generation, and lost what was confirmed")
      }
      if tree.isConfirmed { contradictions.append((other, tree, index)) }
      try accuse(hospital, other, tree, at: index)
    }
  }

  private mutating func accuse(
    _ hospital: String, _ one: SignedTree, _ other: SignedTree, at index: Int
  ) throws {
    figures[.accusations] += 1
    func claim(_ signed: SignedTree) throws -> EquivocationReport.Claim {
      let tree = MerkleTree(leaves: signed.leaves)
      return .init(
        note: signed.note, epoch: 0,
        leaf: .init(
          index: UInt64(index),
          hash: Digest32(MerkleHash.leaf(signed.leaves[index])) ?? .zero,
          inclusion: try tree.inclusionProof(index: UInt64(index), size: tree.size).hashes))
    }
    let report = EquivocationReport(
      chain: hospital, first: try claim(one), second: try claim(other))
    let (accuser, genesis) = ("cloud-1", network.genesis.digest)
    let entry = Entry(
      EntryContent(
        genesis: genesis, chain: ChainName.consortium, signer: .party(accuser), body: report),
      signedBy: network.members.identity(of: accuser))
    guard let node = network.world.cloud(accuser)?.node else { return }
    network.start { _ = try? await node.submit(entry) }
  }

  // MARK: The end

  private static let rounds = 60

  private mutating func heal() throws {
    groups = groups.map { _ in 0 }
    if restoration?.isDone == false { restoration = nil }
    for index in network.machines.indices {
      network.machines[index].disk.repair()
      network.machines[index].isDownUntil = 0
      try boot(index)
    }
    // The dishonest go on as they were, or fall silent.
    if happens(50) {
      for index in network.machines.indices where !isHonest(index) { network.kill(index) }
    }
    for _ in 0..<Self.rounds {
      try settle()
      if try isDone() { break }
      network.pass(seconds: 10)
      for hospital in network.genesis.members.hospitals { admit(by: hospital) }
      // Whoever was admitted meanwhile begins.
      for index in network.machines.indices where isHonest(index) { try boot(index) }
      if let (one, other, index) = contradictions.first {
        try accuse(Self.suspects.hospital, one, other, at: index)
      }
    }
    guard try isDone() else { throw Violation("it does not go on: \(try state())") }
    try checkEnd()
  }

  /// All machines do their duties, and all mail is delivered, until nothing is new.
  private mutating func settle() throws {
    var left = 10
    for _ in 0..<2000 {
      var isNew = false
      for index in network.machines.indices { try advance(index) }
      let before = network.world.journal
      try deliverAll()
      for _ in 0..<network.mail.sleeping { wake(0) }
      try deliverAll()
      for (index, run, outcome) in reports.take() where network.machines[index].run == run {
        // Two machines of one party may give each other work for ever.
        if case .worked = outcome, isHonest(index) { isNew = true }
        try end(index, outcome)
      }
      step += 1
      try afterStep()
      let journal = network.world.journal
      if journal.confirmed.count != before.confirmed.count || journal.running != before.running {
        isNew = true
      }
      if isNew { continue }
      if try left == 0 || isDone() { return }
      left -= 1
      for index in network.machines.indices { expire(index) }
    }
  }

  private mutating func deliverAll() throws {
    while network.mail.count > 0 { try deliver(network.mail.take(0), isCalm: true) }
  }

  private func isDone() throws -> Bool {
    let running = network.world.journal.running
    guard running.allSatisfy({ $0.value == 0 || !isTrusted($0.key) }) else { return false }
    let members = network.world.currentMembers
    let mayBeAdmitted = network.genesis.content.epochLength < 1000
    if mayBeAdmitted, members.supernode(SimulatedMembers.newcomer) == nil { return false }
    var sizes: Set<UInt64> = []
    var views: [String: Set<UInt64>] = [:]
    for index in network.machines.indices where isHonest(index) {
      if members.supernode(network.machines[index].id) == nil { continue }
      guard let snapshot = try snapshot(index) else { return false }
      let reader = snapshot.consortium
      sizes.insert(reader.size)
      guard reader.final?.size == reader.size else { return false }
      let convicted = try reader.convictions(of: "operator-of-\(Self.suspects.cloud)")
      if !contradictions.isEmpty, convicted == 0 { return false }
      for chain in snapshot.chains
      where isTrusted(chain.hospital) && members.supernode(chain.hospital) != nil {
        views[chain.hospital, default: []].insert(chain.position)
        guard chain.confirmed?.size == chain.position,
          try reader.anchor(of: chain.hospital)?.size == chain.position,
          try reader.demandCount(on: chain.hospital) == chain.answered
        else { return false }
      }
    }
    return sizes.count == 1 && views.allSatisfy { $0.value.count == 1 }
  }

  /// What was promised is kept, on the chain and as final.
  private mutating func checkEnd() throws {
    let journal = network.world.journal
    for index in network.machines.indices where isHonest(index) {
      guard let snapshot = try snapshot(index) else { continue }
      for chain in snapshot.chains {
        let hospital = network.machines.firstIndex { $0.id == chain.hospital }
        let keepsWritten = hospital.map { isHonest($0) && !mayForget($0) } ?? true
        if isTrusted(chain.hospital) || isHospital(index) || !keepsWritten {
          try check(journal, on: chain, keepsWritten: keepsWritten)
        }
        guard isHospital(index) else { continue }
        figures[.hospitalBlocks] += Int(chain.height)
        figures[.generations] += Int(
          try snapshot.consortium.generation(of: chain.hospital).generation)
      }
      for demand in journal.demands
      where try snapshot.consortium.index(ofDemandFor: demand.entry) != demand.index {
        throw Violation("a demand at \(demand.index) is lost")
      }
      if index == 0 {
        let (hospital, cloud) = Self.suspects
        figures[.convicted] +=
          try snapshot.consortium.convictions(of: "operator-of-\(cloud)") > 0
          ? 1 : 0
        figures[.barred] += try snapshot.consortium.isBarred(hospital) ? 1 : 0
      }
      try checkTimes(of: index)
    }
  }

  /// - Parameter keepsWritten: whether what is not confirmed has to be there too.
  private func check(
    _ journal: ClientWorld.Journal, on chain: HospitalView, keepsWritten: Bool
  ) throws {
    let promises = keepsWritten ? [journal.written, journal.confirmed] : [journal.confirmed]
    for promised in promises {
      for (entry, hospital) in promised where hospital == chain.hospital {
        guard try chain.index(of: entry) != nil else {
          throw Violation("an entry that \(hospital) has taken is lost")
        }
      }
    }
  }

  private func checkTimes(of index: Int) throws {
    guard isHospital(index) else { return }
    var last: BlockHeader?
    var isFirst = true
    for leaf in network.machines[index].disk.contents.log {
      guard let header = Leaf.header(in: leaf) else {
        if case .baseAdvance? = Leaf.entry(in: leaf)?.content.body, !isFirst {
          throw Violation("\(network.machines[index].id) moves its base inside a block")
        }
        isFirst = false
        continue
      }
      isFirst = true
      if let last,
        header.time < last.time || header.countedTime < last.countedTime
          || header.answeredThrough < last.answeredThrough || header.generation < last.generation
          || header.height != last.height + 1
      {
        throw Violation("\(network.machines[index].id) goes back at block \(header.height)")
      }
      last = header
    }
  }

  private func state() throws -> String {
    var lines = ["\(network.world.journal.running) visits under way"]
    if let restoration, restoration.isDone {
      lines.append("the disk of \(network.machines[restoration.machine].id) was put back")
    }
    for index in network.machines.indices {
      let machine = network.machines[index]
      let snapshot = try? snapshot(index)
      var line = "\(machine.id)\(isHonest(index) ? "" : "!") h\(snapshot?.consortium.height ?? 0)"
      line += " final \(snapshot?.consortium.final?.size ?? 0)/\(snapshot?.consortium.size ?? 0)"
      for chain in snapshot?.chains ?? [] {
        line += " \(chain.hospital): \(chain.confirmed?.size ?? 0)/\(chain.position)"
        line += " anchored \(try snapshot?.consortium.anchor(of: chain.hospital)?.size ?? 0)"
        let demands = try snapshot?.consortium.demandCount(on: chain.hospital) ?? 0
        line += " answered \(chain.answered)/\(demands)"
        if try snapshot?.consortium.isBarred(chain.hospital) == true { line += " barred" }
      }
      if busy.contains(index) { line += " busy" }
      if let failure = lastFailures[index] { line += " (\(failure))" }
      lines.append(line)
    }
    return lines.joined(separator: "; ")
  }

  /// Lets go of all that still waits.
  private mutating func end() {
    for index in network.machines.indices { network.kill(index) }
    network.world.note { $0.isOver = true }
    while network.mail.count > 0 || network.mail.sleeping > 0 {
      while network.mail.count > 0 { network.mail.lose(network.mail.take(0)) }
      while network.mail.sleeping > 0 { network.mail.wake(0) }
      network.executor.drain()
    }
  }
}

/// What machines say of their duties when they are through.
private final class Reports: Sendable {
  enum Outcome: Sendable { case worked, rested, failed(String) }

  private let ended = Capture<[(index: Int, run: Int, outcome: Outcome)]>()

  func end(_ index: Int, _ run: Int, _ outcome: Outcome) {
    ended.value = (ended.value ?? []) + [(index, run, outcome)]
  }

  func take() -> [(index: Int, run: Int, outcome: Outcome)] {
    defer { ended.value = [] }
    return ended.value ?? []
  }
}
