import CanonicalEncoding
import Consensus
import Consortium
import Credentials
import Ledger
import TestSupport
import Testing
import TransparencyLog

@Suite("Delegates among dishonest ones, liars about time, and disks that fail")
struct DelegateTests {
  private func settled(_ network: DelegateNetwork, _ index: Int = 0) throws -> ConsortiumView {
    try #require(network.processes[index].delegate).follower.reader
  }

  /// Submits so many demands, each through another process that is up.
  private func work(_ network: inout DelegateNetwork, _ count: Int = 4) throws -> [Entry] {
    var entries: [Entry] = []
    for number in 0..<count {
      let index = number % 4
      guard network.processes[index].delegate != nil else { continue }
      let entry = network.demand(by: network.processes[index].id)
      if try network.run(index, { try $0.submit(entry) }) != nil { entries.append(entry) }
    }
    return entries
  }

  private func hold(_ network: DelegateNetwork, _ index: Int, _ entries: [Entry]) throws -> Bool {
    let follower = try #require(network.processes[index].delegate).follower
    return try entries.allSatisfy { try follower.place(of: $0.digest) != nil }
  }

  @Test("decide the same blocks, and each checkpoint has all cosignatures that it needs")
  func honestDelegates() throws {
    var network = try DelegateNetwork()
    for _ in 0..<3 {
      let entries = try work(&network)
      network.pass(seconds: 5)
      try network.settle()
      for index in 0..<4 {
        #expect(try hold(network, index, entries))
        let delegate = try #require(network.processes[index].delegate)
        #expect(delegate.follower.final?.size == delegate.follower.reader.size)
        // Nothing is left but the last decision and cosignature.
        #expect(delegate.published(from: 1, byteCount: .max).items.count == 2)
        #expect(delegate.waiting.isEmpty && delegate.contradictions.isEmpty)
      }
    }
    #expect(try Set((0..<4).map { try settled(network, $0).size }).count == 1)
  }

  @Test("go on without one of four, and not without two; who was away follows")
  func absent() throws {
    var network = try DelegateNetwork()
    try network.settle()
    network.kill(3)
    let first = try work(&network)
    try network.settle()
    #expect(try hold(network, 0, first))
    network.kill(2)
    let height = try settled(network).height
    let second = try work(&network)
    try network.settle()
    #expect(try settled(network).height == height)
    try network.boot(3)
    try network.settle()
    #expect(try hold(network, 0, second) && hold(network, 3, first + second))
    try network.boot(2)
    try network.settle()
    #expect(try hold(network, 2, first + second))
    #expect(try Set((0..<4).map { try settled(network, $0).size }).count == 1)
  }

  /// Prepares of one seat, for a block that nobody has, in one round after the other.
  private func prepares(
    _ network: DelegateNetwork, of seat: Int, rounds: Range<UInt64>, forged: Bool = false
  ) throws -> [OutboxItem] {
    let key = network.processes[seat].keys.voting
    let height = try settled(network).height
    return rounds.map { round in
      let vote = ConsensusVote(
        genesis: network.genesis.digest, epoch: 0, height: height, round: round, phase: .prepare,
        root: Digest32(sha256: [7]), timedOut: [])
      let signature = forged ? [UInt8](repeating: UInt8(round % 251), count: 64) : key.sign(vote)
      return .vote(SignedVote(vote: vote, seat: UInt64(seat), signature: signature))
    }
  }

  private func page(
    _ items: [OutboxItem], of peer: Int, _ network: DelegateNetwork
  ) -> DelegateNetwork.Page {
    DelegateNetwork.Page(
      peer: network.processes[peer].id, position: 1, items: items, next: 1, finalSize: 0)
  }

  @Test("[attack] a delegate shows votes without end, forged and signed: few are verified")
  func votesWithoutEnd() throws {
    var network = try DelegateNetwork()
    try network.settle()
    for (peer, forged, limit) in [(1, true, 8), (2, false, 256 + 8 * 4)] {
      let items = try prepares(network, of: peer, rounds: 0..<4000, forged: forged)
      let before = try #require(network.processes[3].delegate).verified.checkCount
      for _ in 1...3 { try network.deliver(page(items, of: peer, network), to: 3) }
      let checks = try #require(network.processes[3].delegate).verified.checkCount - before
      #expect(checks > 0)
      #expect(checks <= 3 * UInt64(limit))
      if forged { #expect(checks == 8) }
    }
  }

  @Test("[attack] one seat alone has nobody begin a height, and nobody within a block's pause")
  func hurried() throws {
    for (pause, begins) in [(Duration.nanoseconds(1), true), (.seconds(3600), false)] {
      var network = try DelegateNetwork()
      try network.settle()
      network.processes[3].delegate?.blockPause = pause
      func hasBegun() -> Bool? { network.processes[3].delegate?.machine.hasBegun }
      let height = try settled(network).height
      for peer in [1, 2] {
        let items = try prepares(network, of: peer, rounds: 1000..<1001)
        try network.deliver(page(items, of: peer, network), to: 3)
        _ = try network.run(3) { try $0.advance() }
        #expect(hasBegun() == (peer == 2 && begins))
      }
      // Whoever is asked in vain goes on all the same when something is due.
      network.processes[3].delegate?.blockPause = .zero
      let entry = network.demand(by: network.processes[0].id)
      try network.run(0) { try $0.submit(entry) }
      try network.settle()
      #expect(try settled(network).height > height)
    }
  }

  @Test("[attack] a delegate that signs twice is convicted, and its seat is empty at once")
  func equivocator() throws {
    var network = try DelegateNetwork()
    try network.settle()
    let height = try settled(network).height
    let key = network.processes[1].keys.voting
    let votes = [1, 2].map { (number: UInt8) in
      let vote = ConsensusVote(
        genesis: network.genesis.digest, epoch: 0, height: height, round: 0, phase: .prepare,
        root: Digest32(sha256: [number]), timedOut: [])
      return OutboxItem.vote(SignedVote(vote: vote, seat: 1, signature: key.sign(vote)))
    }
    let page = DelegateNetwork.Page(
      peer: "cloud-1", position: 1, items: votes, next: 1, finalSize: 0)
    try network.deliver(page, to: 3)
    try network.settle()
    let reader = try settled(network)
    #expect(try reader.convictions(of: "operator-of-cloud-1") == 1)
    #expect(try reader.convictions().count == 1)
    let seats = try reader.delegates(forHeight: reader.height).seats
    #expect(seats.map(\.isEmpty) == [false, true, false, false])
    #expect(try network.processes[1].delegate?.seatStanding() == .without(.convicted))
    #expect(try network.processes[0].delegate?.seatStanding() == .seated)
    // The others are just enough, and it takes part in nothing.
    let entries = try [0, 2, 3].map { index in
      let entry = network.demand(by: network.processes[index].id)
      try network.run(index) { try $0.submit(entry) }
      return entry
    }
    try network.settle()
    #expect(try hold(network, 0, entries))
    let decision = try #require(network.processes[0].delegate?.follower.decision)
    #expect(decision.commits.map(\.seat).sorted() == [0, 2, 3])
    // M counts the empty seat all the same: two of four decide nothing.
    network.kill(0)
    let stopped = try settled(network, 2).height
    _ = try work(&network)
    try network.settle()
    #expect(try settled(network, 2).height == stopped)
  }

  @Test(
    "[attack] a proposer leaves out what others have published", arguments: 0..<4, [true, false])
  func omittingProposer(omitting: Int, hasItsOwn: Bool) throws {
    var network = try DelegateNetwork()
    try network.settle()
    network.processes[omitting].omits = true
    var late = 0
    for _ in 0..<4 {
      let height = try settled(network).height
      var entries: [Entry] = []
      for index in 0..<4 where index != omitting || hasItsOwn {
        let entry = network.demand(by: network.processes[index].id)
        try network.run(index) { try $0.submit(entry) }
        entries.append(entry)
      }
      network.pass(seconds: 5)
      try network.settle(expirations: 4)
      for index in 0..<4 { #expect(try hold(network, index, entries)) }
      let blocks = try settled(network).height - height
      #expect(blocks <= 2)
      if blocks == 2 { late += 1 }
    }
    // In its own turn it decides a block without them, if it has something else to put into one.
    #expect((late > 0) == hasItsOwn)
  }

  @Test("[attack] one clock that lies moves the time nowhere", arguments: [86_400, -86_400])
  func lyingClock(offset: Int64) throws {
    var network = try DelegateNetwork()
    network.processes[2].clockOffset = offset
    try network.boot(2)
    for _ in 0..<8 {
      let entries = try work(&network)
      network.pass(seconds: 7)
      try network.settle()
      let reader = try settled(network)
      #expect(try hold(network, 0, entries))
      #expect(reader.time <= network.time && network.time - reader.time <= 10)
    }
  }

  @Test("[attack] items of strangers change nothing")
  func forgedItems() throws {
    var network = try DelegateNetwork()
    try network.settle()
    let entries = try work(&network)
    // Somebody proposes; before anybody reads it, another delegate votes on it for all.
    let (proposed, _) = try propose(&network)
    let (height, root) = (proposed.proposal.height, proposed.proposal.root)
    var forged: [OutboxItem] = []
    var vote = ConsensusVote(
      genesis: network.genesis.digest, epoch: proposed.proposal.epoch, height: height,
      round: 0, phase: .commit, root: Digest32(sha256: [1]), timedOut: [])
    // In the name of others, by the own key.
    let key = network.processes[3].keys
    for seat: UInt64 in [0, 1, 2, 4] {
      for phase in [ConsensusVote.Phase.prepare, .commit] {
        vote.phase = phase
        forged.append(.vote(SignedVote(vote: vote, seat: seat, signature: key.voting.sign(vote))))
      }
    }
    forged.append(
      .decision(
        CommitCertificate(
          height: height, round: 0, root: root,
          commits: (UInt64(0)..<3).map { seat in
            vote.root = root
            return SignedVote(vote: vote, seat: seat, signature: key.voting.sign(vote))
          })))
    for index in 0..<3 {
      let page = DelegateNetwork.Page(
        peer: network.processes[3].id, position: 1, items: forged, next: 1, finalSize: 0)
      let height = try settled(network, index).height
      try network.deliver(page, to: index)
      #expect(try settled(network, index).height == height)
    }
    try network.settle()
    for index in 0..<4 { #expect(try hold(network, index, entries)) }
    #expect(try settled(network).convictions().isEmpty)
  }

  /// Lets whoever's turn it is propose.
  private func propose(
    _ network: inout DelegateNetwork
  ) throws -> (proposal: SignedProposal, proposer: Int) {
    for index in 0..<4 { try network.run(index) { try $0.advance() } }
    for (index, process) in network.processes.enumerated() {
      for case .proposal(let signed) in process.delegate?.published(from: 1, byteCount: .max).items
        ?? []
      { return (signed, index) }
    }
    throw StoreError(.unavailable, "nobody proposes")
  }

  /// Lets everybody read the proposer alone, so that three delegates want the block.
  private func spread(_ network: inout DelegateNetwork, from proposer: Int) throws {
    for reader in 0..<4 where reader != proposer {
      try network.deliver(try #require(network.page(for: reader, from: proposer)), to: reader)
    }
  }

  @Test("[attack] bodies that are not the block change nothing, and another peer is asked")
  func wrongBlocks() throws {
    let forgers: [(ProposedBlock) -> ProposedBlock] = [
      { ProposedBlock(height: $0.height, root: $0.root, entries: []) },
      { ProposedBlock(height: $0.height, root: $0.root, entries: [[1]]) },
      { ProposedBlock(height: $0.height, root: $0.root, entries: Array($0.entries.dropFirst())) },
      { ProposedBlock(height: $0.height, root: $0.root, entries: Array($0.entries.dropLast())) },
      { ProposedBlock(height: $0.height, root: $0.root, entries: $0.entries + $0.entries) },
      { ProposedBlock(height: $0.height + 1, root: $0.root, entries: $0.entries) },
      { ProposedBlock(height: $0.height, root: .zero, entries: $0.entries) },
    ]
    for forge in forgers {
      var network = try DelegateNetwork()
      try network.settle()
      let entries = try work(&network)
      let (proposed, proposer) = try propose(&network)
      try spread(&network, from: proposer)
      let reader = (proposer + 1) % 4
      let liar = network.processes[proposer].id
      let wanted = try #require(network.processes[reader].delegate?.wanted.first)
      #expect(wanted.root == proposed.proposal.root && wanted.holders == [liar])
      let block = try #require(try network.block(wanted, from: proposer))
      try network.bring(forge(block), for: wanted.root, from: liar, to: reader)
      // Nothing is taken; it is wanted as before, and who lied is not asked again.
      #expect(network.processes[reader].delegate?.wants(wanted.root) == true)
      #expect(network.processes[reader].delegate?.wanted.map(\.holders) == [[]])
      try network.bring(block, for: wanted.root, from: liar, to: reader)
      #expect(network.processes[reader].delegate?.wants(wanted.root) == true)
      #expect(network.processes[reader].delegate?.wanted.map(\.holders) == [[]])
      #expect(try network.block(wanted, from: reader) == nil)
      // Others have it, and have voted for it.
      let others = (2...3).map { (proposer + $0) % 4 }
      for other in others {
        try network.fetch(other)
        try network.deliver(try #require(network.page(for: reader, from: other)), to: reader)
      }
      let holders = try #require(network.processes[reader].delegate?.wanted.first?.holders)
      #expect(Set(holders) == Set(others.map { network.processes[$0].id }))
      try network.fetch(reader)
      #expect(network.processes[reader].delegate?.wanted == [])
      #expect(network.processes[reader].disk.image.roles["block/\(wanted.root)"] != nil)
      try network.settle()
      for index in 0..<4 { #expect(try hold(network, index, entries)) }
      let delegate = try #require(network.processes[0].delegate)
      #expect(delegate.height > wanted.height)
      #expect(try delegate.block(wanted.root, height: wanted.height) != nil)
    }
  }

  @Test("[attack] a peer that never serves its block is asked last, and stops nobody")
  func unservedBlock() throws {
    var network = try DelegateNetwork()
    try network.settle()
    let entries = try work(&network)
    let (proposed, proposer) = try propose(&network)
    try spread(&network, from: proposer)
    // It serves one delegate alone, and votes; with the other two they are enough.
    let (served, third, fourth) = (
      (proposer + 1) % 4, (proposer + 2) % 4, (proposer + 3) % 4
    )
    try network.fetch(served)
    let silent = network.processes[proposer].id
    for reader in [third, fourth] {
      try network.fetch(reader, sees: { _, _ in false })
      #expect(network.processes[reader].delegate?.wanted.map(\.holders) == [[silent]])
      try network.deliver(try #require(network.page(for: reader, from: served)), to: reader)
      let holders = network.processes[reader].delegate?.wanted.first?.holders
      #expect(holders == [network.processes[served].id, silent])
    }
    // Nobody has the block of the silent one but from others.
    for _ in 0..<20 {
      for reader in 0..<4 {
        for writer in 0..<4 where writer != reader {
          try network.deliver(try #require(network.page(for: reader, from: writer)), to: reader)
        }
        try network.fetch(reader, sees: { _, writer in writer != proposer })
        try network.run(reader) { try $0.advance() }
      }
    }
    for index in 0..<4 { #expect(try hold(network, index, entries)) }
    let delegate = try #require(network.processes[0].delegate)
    #expect(delegate.height > proposed.proposal.height)
    #expect(try delegate.block(proposed.proposal.root, height: proposed.proposal.height) != nil)
  }

  @Test("[attack] blocks that nobody asked for are not taken, nor kept")
  func unwantedBlocks() throws {
    var network = try DelegateNetwork()
    try network.settle()
    _ = try work(&network)
    let (proposed, proposer) = try propose(&network)
    let (height, root) = (proposed.proposal.height, proposed.proposal.root)
    let block = try #require(
      try network.processes[proposer].delegate?.block(root, height: height))
    let reader = (proposer + 1) % 4
    let before = network.processes[reader].disk
    let (writes, image) = (before.writes, before.image.roles)
    let checks = network.cost.checks
    for number in 0..<200 {
      // A valid block, before its proposal is known, and others under names of their own.
      var other = block
      other.root = number == 0 ? root : Digest32(sha256: [UInt8(number)])
      let taken = try network.bring(
        other, for: other.root, from: network.processes[proposer].id, to: reader)
      #expect(!taken)
    }
    let delegate = try #require(network.processes[reader].delegate)
    #expect(delegate.wanted.isEmpty)
    #expect(try delegate.block(root, height: height) == nil)
    #expect(before.writes == writes && before.image.roles == image)
    #expect(network.cost.checks == checks, "what nobody asked for is judged")
    // What is wanted, and longer than any honest delegate proposes, is not tried.
    try spread(&network, from: proposer)
    var long = block
    long.entries += (0..<32).map { _ in [UInt8](repeating: 0, count: 65_000) }
    try network.bring(long, for: root, from: network.processes[proposer].id, to: reader)
    #expect(network.processes[reader].delegate?.wanted.map(\.holders) == [[]])
    // Nor does a store grow: at the end nobody keeps a block apart from the chain.
    try network.settle()
    for process in network.processes {
      #expect(!process.disk.image.roles.keys.contains { $0.hasPrefix("block/") })
    }
    #expect(
      try network.processes[reader].delegate?.block(root, height: height)?.entries == block.entries)
  }

  /// A vote in the first round of a height.
  private func vote(
    _ phase: ConsensusVote.Phase, _ root: Digest32?, at height: UInt64, by seat: Int,
    _ network: DelegateNetwork
  ) -> OutboxItem {
    let vote = ConsensusVote(
      genesis: network.genesis.digest, epoch: 0, height: height, round: 0, phase: phase,
      root: root, timedOut: [])
    return .vote(
      SignedVote(
        vote: vote, seat: UInt64(seat),
        signature: network.processes[seat].keys.voting.sign(vote)))
  }

  @Test("[attack] statements that are shown again and again are verified once")
  func repeatedStatements() throws {
    var network = try DelegateNetwork()
    try network.settle()
    _ = try work(&network)
    let (proposed, proposer) = try propose(&network)
    let (reader, height) = ((proposer + 1) % 4, proposed.proposal.height)
    var votes: [OutboxItem] = []
    for seat in 0..<4 where seat != reader {
      votes.append(vote(.prepare, proposed.proposal.root, at: height, by: seat, network))
      votes.append(vote(.commit, nil, at: height, by: seat, network))
    }
    var again = proposed.proposal
    again.round = 4
    again.validRound = 0
    let prepares = votes.compactMap { item in
      if case .vote(let signed) = item, signed.vote.phase == .prepare { signed } else { nil }
    }
    let next = SignedProposal(
      proposal: again, seat: UInt64(proposer),
      signature: network.processes[proposer].keys.voting.sign(again), prepares: prepares)
    let page = DelegateNetwork.Page(
      peer: network.processes[proposer].id, position: 1,
      items: (0..<3000).map { votes[$0 % votes.count] }
        + (0..<100).map { _ in OutboxItem.proposal(next) },
      next: 1, finalSize: 0)
    func checks() throws -> Int {
      try #require(network.processes[reader].delegate).verified.checkCount
    }
    let before = try checks()
    try network.deliver(page, to: reader)
    #expect(try checks() == before + votes.count + 1)
    for _ in 0..<3 {
      _ = try network.expireAll()
      try network.deliver(page, to: reader)
    }
    #expect(try checks() == before + votes.count + 1)
    // Who signs without end makes nobody verify others' statements again, and fills no memory.
    let seat = (reader + 1) % 4
    let flood = (0..<1000).map { number in
      vote(.prepare, Digest32(sha256: Array("\(number)".utf8)), at: height, by: seat, network)
    }
    try network.deliver(
      DelegateNetwork.Page(
        peer: network.processes[seat].id, position: 1, items: flood, next: 1, finalSize: 0),
      to: reader)
    let flooded = try checks()
    try network.deliver(page, to: reader)
    let own = votes.filter { item in
      if case .vote(let signed) = item { signed.seat == seat } else { false }
    }
    #expect(try checks() <= flooded + own.count + 1)
  }

  @Test("no height begins while sixteen blocks are not final, and it goes on when they are")
  func unfinished() throws {
    var network = try DelegateNetwork()
    try network.settle()
    let start = try settled(network).height
    func isCarried(_ item: OutboxItem) -> Bool {
      if case .cosignature = item { false } else { true }
    }
    var entries: [Entry] = []
    for _ in 0..<24 {
      entries += try work(&network, 1)
      network.pass(seconds: 31)
      try network.settle(carries: isCarried)
    }
    for index in 0..<4 {
      let delegate = try #require(network.processes[index].delegate)
      #expect(delegate.follower.final?.height == start - 1)
      #expect(delegate.height == start + 16 && !delegate.machine.hasBegun)
      #expect(delegate.published(from: 1, byteCount: .max).items.count < 64)
      #expect(delegate.timeouts.isEmpty)
    }
    // Somebody dishonest cannot make them begin, nor with less than a decision.
    let key = network.processes[3].keys.voting
    let vote = ConsensusVote(
      genesis: network.genesis.digest, epoch: 0, height: start + 16, round: 0, phase: .prepare,
      root: nil, timedOut: [])
    let page = DelegateNetwork.Page(
      peer: network.processes[3].id, position: 1,
      items: [.vote(SignedVote(vote: vote, seat: 3, signature: key.sign(vote)))], next: 1,
      finalSize: 0)
    try network.deliver(page, to: 0)
    #expect(network.processes[0].delegate?.machine.hasBegun == false)
    // A cosigner is back, or the way to them is.
    for index in 0..<4 { try network.boot(index) }
    try network.settle()
    for index in 0..<4 {
      #expect(try hold(network, index, entries))
      let delegate = try #require(network.processes[index].delegate)
      #expect(delegate.height > start + 16)
      #expect(delegate.follower.final?.size == delegate.follower.reader.size)
      #expect(delegate.published(from: 1, byteCount: .max).items.count == 2)
    }
  }

  @Test("[attack] positions that lie make nobody deaf")
  func lyingPositions() throws {
    var network = try DelegateNetwork()
    try network.settle()
    for next in [0, 1 << 40, UInt64(Int64.max)] {
      for reader in 0..<4 {
        for writer in 0..<4 where writer != reader {
          let id = network.processes[writer].id
          let position = try #require(network.processes[reader].delegate).position(of: id)
          let page = DelegateNetwork.Page(
            peer: id, position: position, items: [], next: next, finalSize: 0)
          try network.deliver(page, to: reader)
          // One that lies behind the end shows with the next page. Either way all is read again, and
          // no time-out has to expire for it.
          if next > 0 {
            try network.deliver(#require(network.page(for: reader, from: writer)), to: reader)
          }
          let known = try #require(network.processes[reader].delegate).position(of: id)
          #expect(known == 1, "\(next)")
        }
      }
      let entries = try work(&network)
      try network.settle()
      for index in 0..<4 { #expect(try hold(network, index, entries)) }
    }
  }

  @Test("a delegate whose store has failed passes over nothing that it had read before")
  func readAgain() throws {
    var network = try DelegateNetwork()
    try network.settle()
    let entry = network.demand(by: "hospital-1")
    try network.run(0) { try $0.submit(entry) }
    try network.deliver(#require(network.page(for: 1, from: 0)), to: 1)
    var delegate = try #require(network.processes[1].delegate)
    let own = network.demand(by: "cloud-1")
    network.processes[1].disk.cut(after: 0, isKept: false)
    #expect(throws: StoreError.self) { try delegate.submit(own) }
    network.processes[1].disk.repair()
    // It asks for what comes next, and remembers what it has stored alone.
    let position = delegate.position(of: "hospital-1")
    #expect(position > 1)
    _ = try delegate.receive([], from: "hospital-1", at: position, next: position)
    network.processes[1].delegate = delegate
    try network.deliver(#require(network.page(for: 1, from: 0)), to: 1)
    try network.advance(1)
    #expect(network.processes[1].delegate?.machine.hasBegun == true, "it misses the entry")
  }

  @Test("[attack] nobody fills another's memory with entries that wait")
  func flood() throws {
    var network = try DelegateNetwork()
    try network.settle()
    let junk = (0..<2000).map { _ in OutboxItem.entry(network.demand(by: "cloud-3").encoded()) }
    let page = DelegateNetwork.Page(
      peer: "cloud-3", position: 1, items: junk, next: 2001, finalSize: 0)
    try network.deliver(page, to: 0)
    // What it takes of it is bounded, and the others' entries find room all the same.
    let entries = try work(&network)
    try network.settle()
    #expect(try hold(network, 0, entries))
    #expect(try settled(network).size < 1000)
  }

  @Test("[attack] entries that are refused hide nothing that a delegate has published")
  func refusedOffers() throws {
    var network = try DelegateNetwork()
    try network.settle()
    let entry = network.demand(by: "hospital-1")
    try network.run(0) { try $0.submit(entry) }
    for index in 0..<4 { try network.run(index) { try $0.advance() } }
    let before = try #require(network.processes[0].delegate)
    let items = before.published(from: 1, byteCount: .max).items
    #expect(!items.isEmpty)
    let stray = Entry(
      EntryContent(
        genesis: network.genesis.digest, chain: ChainName.consortium, signer: .party("nobody"),
        body: Demand(entry: entry, completion: nil)),
      signedBy: try IdentityKey(seed: [UInt8](repeating: 7, count: 32)))
    for _ in 0..<3 {
      #expect(throws: Refusal("unknown-signer")) {
        try network.run(0) { try $0.submit(stray) }
      }
      let after = try #require(network.processes[0].delegate)
      #expect(after.published(from: 1, byteCount: .max).items == items)
      #expect(after.timeouts == before.timeouts)
    }
    try network.settle()
    #expect(try hold(network, 0, [entry]))
  }

  @Test(
    "killed at any of its writes, before it or after, a delegate goes on and signs nothing twice")
  func everyWrite() throws {
    func run(cutAfter writes: Int?, isKept: Bool) throws -> Int {
      var network = try DelegateNetwork()
      try network.settle()
      let before = network.processes[1].disk.writes
      if let writes { network.processes[1].disk.cut(after: writes, isKept: isKept) }
      var entries: [Entry] = []
      for _ in 0..<3 {
        entries += try work(&network)
        network.pass(seconds: 3)
        try network.settle()
        if network.processes[1].delegate == nil { try network.boot(1) }
        #expect(try network.unserved(1).isEmpty, "cut after \(writes ?? -1), kept \(isKept)")
      }
      let count = network.processes[1].disk.writes - before
      try network.settle()
      let name = "cut after \(writes ?? -1), kept \(isKept)"
      for index in 0..<4 {
        #expect(try hold(network, index, entries), "\(name)")
        let delegate = try #require(network.processes[index].delegate)
        #expect(delegate.follower.final?.size == delegate.follower.reader.size, "\(name)")
        #expect(delegate.contradictions.isEmpty, "\(name)")
      }
      #expect(try settled(network).convictions().isEmpty, "\(name)")
      return count
    }
    let writes = try run(cutAfter: nil, isKept: true)
    #expect(writes > 10)
    for write in 0..<writes {
      for isKept in [false, true] { _ = try run(cutAfter: write, isKept: isKept) }
    }
  }

  @Test("a delegate whose replay was put back votes on nothing before it is there again")
  func replayPutBack() throws {
    var network = try DelegateNetwork()
    try network.settle()
    let old = network.processes[1].disk.image.state
    for _ in 0..<3 {
      _ = try work(&network)
      network.pass(seconds: 3)
      try network.settle()
    }
    let size = try settled(network).size
    network.kill(1)
    network.processes[1].disk.put(state: old)
    try network.boot(1)
    let height = try settled(network, 1).height
    #expect(height < (try settled(network).height))
    // The others show it what it is about; without the leaves there is nothing that it says.
    for writer in [0, 2, 3] {
      let page = try #require(network.page(for: 1, from: writer))
      try network.deliver(page, to: 1)
      try network.run(1) { try $0.advance() }
    }
    // Somebody dishonest has it begin with the height at which it was, where it has voted before.
    let vote = ConsensusVote(
      genesis: network.genesis.digest, epoch: 0, height: height, round: 0, phase: .prepare,
      root: nil, timedOut: [])
    let liar = network.processes[3]
    try network.deliver(
      DelegateNetwork.Page(
        peer: liar.id, position: 1,
        items: [.vote(SignedVote(vote: vote, seat: 3, signature: liar.keys.voting.sign(vote)))],
        next: 1, finalSize: 0), to: 1)
    #expect(network.processes[1].delegate?.machine.hasBegun == true)
    _ = try network.expireAll()
    let said = try #require(network.processes[1].delegate).published(from: 1, byteCount: .max)
    for case .vote(let signed) in said.items { #expect(signed.vote.height != height) }
    #expect(try settled(network, 1).height == height)
    try network.settle()
    #expect(try settled(network, 1).size >= size)
    let entries = try work(&network)
    network.kill(0)
    try network.settle()
    #expect(try hold(network, 1, Array(entries.dropFirst())))
  }

  /// The others vote for a block, and the first alone hears that it is decided.
  ///
  /// - Returns: where the first stands.
  private func decideForFirst(_ network: inout DelegateNetwork) throws -> ConsortiumView {
    _ = try work(&network)
    network.pass(seconds: 3)
    try network.settle(
      expirations: 0, sees: { reader, _ in reader != 0 },
      carries: { if case .vote(let signed) = $0 { signed.vote.phase != .commit } else { true } })
    try network.settle(expirations: 0, sees: { reader, _ in reader == 0 })
    let decided = try settled(network)
    let last = try settled(network, 3)
    #expect(decided.height == last.height + 1)
    return decided
  }

  /// A delegate has an earlier disk, and something else that it could decide.
  private func putBack(
    _ index: Int, _ backup: (state: [[UInt8]: [UInt8]], roles: [String: [UInt8]]),
    _ network: inout DelegateNetwork
  ) throws {
    network.kill(index)
    network.processes[index].disk.put(state: backup.state, roles: backup.roles)
    try network.boot(index)
    let entry = network.demand(by: network.processes[index].id)
    try network.run(index) { try $0.submit(entry) }
  }

  @Test(
    "[attack] two of four delegates are put back by blocks, to an earlier epoch or amid a height, and whoever decided is cut off",
    arguments: 0...5)
  func backupsAtTwo(blocks: Int) throws {
    var network = try DelegateNetwork(epochLength: 3)
    try network.settle()
    for _ in 0..<2 {
      _ = try work(&network)
      network.pass(seconds: 3)
      try network.settle()
    }
    let backups = [1, 2].map { network.processes[$0].disk.image }
    for _ in 0..<blocks {
      _ = try work(&network)
      network.pass(seconds: 3)
      try network.settle()
    }
    let decided = try decideForFirst(&network)
    for (index, backup) in zip([1, 2], backups) { try putBack(index, backup, &network) }
    let isTogether: (Int, Int) -> Bool = { reader, writer in reader != 0 && writer != 0 }
    for _ in 0..<4 {
      network.pass(seconds: 40)
      try network.settle(sees: isTogether)
    }
    func requireOneChain() throws {
      for index in 1...3 {
        let reader = try settled(network, index)
        let size = min(reader.size, decided.size)
        #expect(
          try reader.checkpoint(size: size).root == decided.checkpoint(size: size).root, "\(index)")
      }
    }
    try requireOneChain()
    network.pass(seconds: 40)
    try network.settle()
    try requireOneChain()
    // Who has voted twice without knowing it is convicted all the same, and nobody else is. With one
    // such among four, the others go on.
    let convicted = try Set(settled(network).convictions().map(\.organisation))
    #expect(convicted.isSubset(of: ["operator-of-cloud-1", "operator-of-cloud-2"]))
    guard convicted.count < 2 else { return }
    let entries = try work(&network)
    for _ in 0..<2 {
      network.pass(seconds: 40)
      try network.settle()
    }
    for index in 0..<4 {
      #expect(try hold(network, index, entries), "\(index)")
      #expect(try settled(network, index).height > decided.height)
    }
  }

  @Test("[attack] what a dishonest delegate makes final for one alone becomes final for all")
  func finalForOne() throws {
    var network = try DelegateNetwork()
    try network.settle()
    network.pass(seconds: 40)
    // The first hears nothing, and nobody is shown what the last one cosigns.
    try network.settle(
      sees: { reader, _ in reader != 0 },
      carries: {
        if case .cosignature(let note) = $0 { !note.contains("cloud-3") } else { true }
      })
    let size = try settled(network, 3).size
    let finals = network.processes.map { $0.delegate?.follower.final?.size ?? 0 }
    #expect(finals[3] == size && finals[1] < size && finals[2] < size)
    // It brings it to the first as final, and says nothing more.
    #expect(try network.follow(0, 3))
    try network.settle(sees: { _, writer in writer != 3 })
    for process in network.processes {
      #expect(process.delegate?.follower.final?.size == size, "\(process.id)")
    }
  }

  // MARK: Epochs

  @Test("a set in which nobody had a seat before goes on where the former one ended")
  func turnover() throws {
    var network = try DelegateNetwork(spares: 4, epochLength: 3)
    try network.settle()
    let chosen = Set(network.processes[4...].map(\.id))
    let approval = try #require(try network.approval(of: chosen, as: 0))
    try network.run(0) { try $0.submit(approval) }
    for _ in 0..<14 {
      network.pass(seconds: 40)
      try network.settle()
    }
    let reader = try #require(network.processes[0].delegate).follower.reader
    #expect(Set(try reader.delegates(forHeight: 6).seats.compactMap(\.delegate)) == chosen)
    #expect(reader.height > 9)
    for process in network.processes {
      #expect(process.delegate?.follower.final?.height == reader.height - 1, "\(process.id)")
    }
  }

  @Test("[attack] an entry of who has lost its seat, and the first that it is handed to hides it")
  func hiddenEntry() throws {
    var network = try DelegateNetwork(spares: 4, epochLength: 3)
    try network.settle()
    let chosen = Set(network.processes[4...].map(\.id))
    let approval = try #require(try network.approval(of: chosen, as: 0))
    try network.run(0) { try $0.submit(approval) }
    for _ in 0..<10 where try settled(network).height < 5 {
      network.pass(seconds: 40)
      try network.settle()
    }
    // The last block of the former set is decided by the three who see nothing of the first.
    let entry = network.demand(by: "hospital-1")
    try network.run(0) { try $0.submit(entry) }
    network.pass(seconds: 40)
    try network.settle(sees: { $1 != 0 })
    let former = try #require(network.processes[0].delegate)
    #expect(former.height == 6 && former.orphans.map(\.digest) == [entry.digest])
    let asked = former.delegates.delegates(beginningFor: network.processes[0].id)
    let first = try #require(asked.first)
    let hiding = try #require(network.processes.firstIndex { $0.id == first })
    #expect(try network.handOn(0))
    #expect(network.processes[hiding].delegate?.isWaiting(entry.digest) == true)
    try network.settle(sees: { $1 != hiding })
    for index in network.processes.indices where index != hiding {
      #expect(try hold(network, index, [entry]), "\(network.processes[index].id)")
    }
  }

  @Test("[attack] a block at the end of an epoch that one delegate was kept from deciding")
  func epochEndTakenFromOthers() throws {
    var network = try DelegateNetwork(epochLength: 3)
    // The first hears nothing, so the others decide without it; the last never cosigns.
    for _ in 0..<5 {
      network.pass(seconds: 40)
      try network.settle(sees: { reader, _ in reader != 0 })
    }
    let source = try #require(network.processes[1].delegate).follower.reader
    let end = try #require(try source.block(2)).index + 1
    let leaves = try (0...end).map { try #require(try source.leaf($0)) }
    // It is shown the epoch with the opening behind, which certifies it, and no checkpoint.
    try network.run(0) { try $0.follow(leaves, final: nil) }
    let delegate = try #require(network.processes[0].delegate)
    #expect(delegate.height == 3 && delegate.follower.final == nil)
    let sizes = delegate.published(from: 1, byteCount: .max).items.compactMap { item -> UInt64? in
      guard case .cosignature(let note) = item else { return nil }
      return network.genesis.consortiumCheckpoint(in: note)?.size
    }
    #expect(sizes.last == end, "its cosignature of the end of the epoch is missing")
    #expect(sizes == sizes.sorted() && Set(sizes).count == sizes.count)
  }

  @Test(
    "[attack] cosignatures of several delegates in one text count for none, in all combinations")
  func cosignatureSubsets() throws {
    var network = try DelegateNetwork()
    try network.settle()
    network.pass(seconds: 40)
    // All decide a block, and nobody is shown a cosignature.
    try network.settle(carries: {
      if case .cosignature = $0 { false } else { true }
    })
    let reader = try #require(network.processes[0].delegate).follower.reader
    let checkpoint = try reader.checkpoint(size: reader.size)
    let parts = try network.processes.map {
      try $0.keys.cosigner.cosign(checkpoint, at: reader.time)
    }
    let before = try #require(network.processes[0].delegate).follower.final?.size
    for subset in 1..<16 where subset.nonzeroBitCount > 1 {
      let chosen = parts.indices.filter { subset >> $0 & 1 == 1 }.map { parts[$0] }
      let note = try #require(CosignedCheckpoint.merged(chosen)).note.encoded
      try network.run(0) {
        try $0.receive([.cosignature(note: note)], from: "cloud-1", at: 1, next: 2)
      }
    }
    #expect(try #require(network.processes[0].delegate).follower.final?.size == before)
    for part in parts[1...] {
      let note = part.note.encoded
      try network.run(0) {
        try $0.receive([.cosignature(note: note)], from: "cloud-1", at: 1, next: 2)
      }
    }
    #expect(network.processes[0].delegate?.follower.final?.size == reader.size)
  }
}
