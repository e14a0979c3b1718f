import CanonicalEncoding
import Consensus
import Consortium
import Foundation
import Ledger

/// A country's consortium chain: genuine entries, the rules over stores that the caller gives, and its
/// delegates' consensus, block by block in the country's own time.
package struct CountrySimulation {
  private let country: Country
  private let members: CountryMembers
  private let stores: any SimulationStores
  private let decider: any ClaimDecider
  private let clock = SimulatedClock(CountryMembers.start)
  private var random: SimulationGenerator
  private var delegates: SimulatedDelegates
  private var hospitals: [SimulatedHospital] = []
  private var people: SimulatedPeople
  /// Who follows the chain as every hospital does.
  private var observer: ConsortiumFollower
  private var sizes = ObjectSizes()
  private var tally = Tally()

  private static let observerName = "observer"
  private static let joinerName = "joiner"

  /// What was seen on the chain.
  private struct Tally {
    var blocks = 0
    var entries = 0
    var anchors = 0
    var bytes = 0
    var longestBlock = (entries: 0, bytes: 0)
    var longestLeaf = 0
    var noteBytes = 0
    var propose = Mean()
    var check = Mean()
    var replay = Mean()
    var replayLast = Mean()
    var offered = 0
    /// Leaves by kind, to be told how long each is.
    var kinds: [ObjectKind: Mean] = [:]
    var headers = Mean()
  }

  /// - Parameter seed: of everything that is random.
  /// - Throws: ``LedgerError`` where there can be no such consortium; what the stores throw.
  package init(_ country: Country, seed: UInt64 = 1, stores: some SimulationStores) throws {
    self.country = country
    self.stores = stores
    var random = SimulationGenerator(seed: seed)
    members = try CountryMembers(country, using: &random)
    decider = try LedgerSuite.decider(for: members.genesis)
    delegates = try SimulatedDelegates(members, stores, decider, clock)
    people = SimulatedPeople(members, votes: country.votes)
    observer = try ConsortiumFollower(
      genesis: members.genesis, store: stores.state(of: Self.observerName), decider: decider)
    let tiles = try SharedTiles(length: country.chainLength, using: &random)
    for id in members.hospitals {
      guard let logKey = members.logKeys[id], let cosigner = members.cosigners[id] else { continue }
      hospitals.append(
        try SimulatedHospital(
          id, members.genesis, logKey, cosigner, length: country.chainLength, tiles: tiles))
    }
    self.random = random
  }

  /// Lets so many intervals pass.
  ///
  /// - Parameter progress: called behind each, with how many have passed.
  package mutating func run(
    intervals: Int, progress: (Int) -> Void = { _ in }
  ) throws -> ObservedLoad {
    // The first block, on which hospitals base their own, and the first anchors, which have no
    // consistency to show, are not counted.
    try delegates.decide()
    try follow()
    for index in hospitals.indices { try anchor(index) }
    try delegates.decide()
    try follow()
    for index in hospitals.indices { hospitals[index].idleBlocks = idleBlocks() }
    (tally, delegates.work) = (Tally(), SimulatedDelegates.Work())
    let before = try stores.byteCount(of: Self.observerName)
    let start = clock.time
    for number in 0..<intervals {
      clock.pass(country.blockInterval)
      try work(inInterval: number, of: intervals)
      try delegates.decide()
      try follow()
      progress(number + 1)
    }
    return try observed(
      seconds: clock.time - start,
      storedBytes: stores.byteCount(of: Self.observerName) - before)
  }

  /// How long ago a hospital's last block may be, as if all had gone on for long: its chance falls with the
  /// chance that there was none since.
  private mutating func idleBlocks() -> UInt64 {
    let interval = country.blocksPerSecond * Double(country.blockInterval)
    while true {
      let age = UInt64.random(in: 0..<country.patience, using: &random)
      if Double.random(in: 0..<1, using: &random) < exp(-interval * Double(age)) { return age }
    }
  }

  // MARK: What is written

  private mutating func work(inInterval number: Int, of intervals: Int) throws {
    for index in hospitals.indices {
      let visitBlocks = random.count(
        average: country.blocksPerSecond * Double(country.blockInterval))
      hospitals[index].write(
        leaves: Double(visitBlocks) * country.leavesPerVisit / max(country.blocksPerVisit, 1))
      hospitals[index].idleBlocks += 1
      if visitBlocks > 0 || hospitals[index].idleBlocks >= country.patience { try anchor(index) }
    }
    let part = Double(country.blockInterval) / Country.day
    for _ in 0..<random.count(average: country.registrationsPerDay * part) {
      if let made = try people.registration(using: &random) { try submit(made.entry, made.party) }
    }
    for _ in 0..<random.count(average: country.rotationsPerDay * part) {
      if let made = try people.rotation(using: &random) { try submit(made.entry, made.party) }
    }
    for _ in 0..<random.count(average: country.demandsPerDay * part) {
      guard let made = people.demand() else { continue }
      try submit(made.entry, made.party)
      if let index = hospitals.firstIndex(where: { $0.id == made.hospital }) {
        hospitals[index].demandCount += 1
      }
    }
    if country.votes {
      // Approvals and votes are spread over the whole time.
      let share = 2 * hospitals.count / max(intervals - 2, 1) + 1
      let epoch = members.genesis.epoch(ofHeight: delegates.reader.height)
      for made in people.votes(share, inEpoch: epoch, using: &random) {
        try submit(made.entry, made.party)
      }
    }
  }

  private mutating func submit(_ entry: Entry, _ party: String) throws {
    tally.offered += 1
    try delegates.submit(entry, by: party)
  }

  /// A hospital closes a block, and anchors what is confirmed, unless an anchor of it waits.
  private mutating func anchor(_ index: Int) throws {
    let reader = observer.reader
    guard let base = try reader.finalBlock() else { return }
    let id = hospitals[index].id
    let anchored = try reader.anchor(of: id)?.size ?? 0
    guard hospitals[index].offeredSize <= anchored else { return }
    let anchor = try hospitals[index].anchor(on: base, after: anchored, using: &random)
    guard let entry = members.entry(anchor, by: id) else { return }
    try submit(entry, id)
  }

  // MARK: What is seen

  /// The observer takes what is final.
  private mutating func follow() throws {
    while let page = try delegates.reader.page(from: observer.reader.size, byteCount: .max),
      !page.leaves.isEmpty
    {
      try measureFirstBlock(of: page.leaves)
      count(page.leaves)
      tally.noteBytes = max(tally.noteBytes, page.note.utf8.count)
      let blocks = page.leaves.count(where: Leaf.isHeader)
      let endsEpoch =
        page.leaves.last.flatMap(Leaf.header(in:)).map { $0.nextSeats != nil } ?? false
      let start = CPUTime.milliseconds()
      try observer.follow(page.leaves, final: page.note)
      let elapsed = CPUTime.milliseconds() - start
      if endsEpoch, blocks == 1 {
        tally.replayLast.add(elapsed)
      } else {
        for _ in 0..<blocks { tally.replay.add(elapsed / Double(blocks)) }
      }
    }
  }

  /// What it costs to propose the next block, and to check it.
  private mutating func measureFirstBlock(of leaves: [[UInt8]]) throws {
    let items = leaves.prefix { !Leaf.isHeader($0) }
    let entries = items.compactMap(Leaf.entry(in:))
    guard entries.count == items.count, let opening = entries.first else { return }
    var start = CPUTime.milliseconds()
    _ = try observer.build(opening, from: Array(entries.dropFirst()))
    tally.propose.add(CPUTime.milliseconds() - start)
    start = CPUTime.milliseconds()
    _ = try observer.trial(items.map { Array($0.dropFirst()) })
    tally.check.add(CPUTime.milliseconds() - start)
  }

  private mutating func count(_ leaves: [[UInt8]]) {
    var block = (entries: 0, bytes: 0)
    for leaf in leaves {
      block.bytes += leaf.count
      tally.longestLeaf = max(tally.longestLeaf, leaf.count)
      guard let entry = Leaf.entry(in: leaf) else {
        tally.headers.add(Double(leaf.count))
        tally.blocks += 1
        tally.entries += block.entries
        tally.bytes += block.bytes
        tally.longestBlock = (
          max(tally.longestBlock.entries, block.entries), max(tally.longestBlock.bytes, block.bytes)
        )
        block = (0, 0)
        continue
      }
      block.entries += 1
      if case .anchor = entry.content.body { tally.anchors += 1 }
      tally.kinds[entry.content.body.kind, default: Mean()].add(Double(leaf.count))
    }
  }

  private func objectSizes() -> ObjectSizes {
    func size(_ kind: ObjectKind) -> Double { tally.kinds[kind]?.value ?? 0 }
    var sizes = ObjectSizes()
    (sizes.opening, sizes.header) = (size(.blockOpening), tally.headers.value)
    (sizes.anchor, sizes.registration) = (size(.anchor), size(.doctorRegistration))
    (sizes.rotation, sizes.demand) = (size(.keyRotation), size(.demand))
    // { generation, size, root, height and digest of the header, answered, height, index }, twice.
    sizes.anchorRecord = 130
    sizes.blockRecords = 200
    return sizes
  }

  private mutating func observed(seconds: UInt64, storedBytes: Int) throws -> ObservedLoad {
    let work = delegates.work
    var cpu = ObservedLoad.CPU()
    let takers = country.delegates / 3 + 1
    cpu.takeEntry = work.takingMs / Double(max(tally.offered * takers, 1))
    cpu.decideBlock = work.decidingMs / Double(max(tally.blocks, 1))
    (cpu.proposeBlock, cpu.checkBlock) = (tally.propose.value, tally.check.value)
    (cpu.replayBlock, cpu.replayLastBlock) = (tally.replay.value, tally.replayLast.value)
    (cpu.joinEntry, cpu.open) = try joined()
    return ObservedLoad(
      hospitals: country.hospitals, clouds: country.clouds, delegates: country.delegates,
      blockInterval: country.blockInterval, seconds: seconds, blocks: tally.blocks,
      entries: tally.entries, anchors: tally.anchors, bytes: tally.bytes, storedBytes: storedBytes,
      longestBlockBytes: tally.longestBlock.bytes, longestBlockEntries: tally.longestBlock.entries,
      longestLeafBytes: tally.longestLeaf,
      membersBytes: members.genesis.members.members.encoded().count,
      genesisBytes: members.genesis.content.encoded().count, noteBytes: tally.noteBytes,
      messages: work.messages, messageBytes: work.bytes, cpu: cpu, refused: work.refused,
      predicted: PredictedLoad(country, objectSizes()),
      decideEntryMs: (work.takingMs + work.decidingMs) / Double(max(tally.entries, 1)))
  }

  /// Somebody joins: takes the whole chain from an observer, page by page, and opens it again.
  private func joined() throws -> (entryMs: Double, openMs: Double) {
    let store = try stores.state(of: Self.joinerName)
    var joiner = try ConsortiumFollower(
      genesis: members.genesis, store: store, decider: decider)
    let source = observer.reader
    var entries = 0
    var start = CPUTime.milliseconds()
    while let page = try source.page(from: joiner.reader.size, byteCount: .max),
      !page.leaves.isEmpty
    {
      entries += page.leaves.count { !Leaf.isHeader($0) }
      try joiner.follow(page.leaves, final: page.note)
    }
    let elapsed = CPUTime.milliseconds() - start
    start = CPUTime.milliseconds()
    _ = try ConsortiumFollower(genesis: members.genesis, store: store, decider: decider)
    return (elapsed / Double(max(entries, 1)), CPUTime.milliseconds() - start)
  }
}
