import CanonicalEncoding
import Consensus
import Consortium
import Ledger
import Testing

@Suite("What a delegate remembers is compared with the chain and with what others hold of it")
struct DelegateRecordsTests {
  private typealias Fault = DelegateRecords.Fault

  /// Everything that does not fit, by process, as the disks are now.
  private func faults(_ network: DelegateNetwork) throws -> [[Fault]] {
    let decider = try LedgerSuite.decider(for: network.genesis)
    let followers = try network.processes.map {
      try ConsortiumFollower(genesis: network.genesis, store: $0.disk.state, decider: decider)
    }
    let longest = try #require(followers.map(\.reader).max { $0.size < $1.size })
    return try network.processes.indices.map { index in
      let (process, own) = (network.processes[index], followers[index])
      let records = try DelegateRecords(of: process.id, in: process.disk.roles)
      var (size, height): (UInt64, UInt64?) = (0, nil)
      for (other, follower) in followers.enumerated() where other != index {
        let name = ValidGenesis.cosignerName(
          network: "test", node: process.id, chain: ChainName.consortium)
        if let final = follower.final, final.note.contains("— \(name) ") {
          size = max(size, final.size)
        }
        if let decision = follower.decision,
          decision.commits.contains(where: { $0.seat == UInt64(index) })
        {
          height = max(height ?? 0, decision.height)
        }
      }
      let beside = (own.reader.size, own.reader.height, own.decision != nil)
      return try records.faults(beside: beside, on: longest)
        + [records.fault(cosigned: size, voted: height)].compactMap(\.self)
    }
  }

  /// Lets delegates decide something, the one with this index until the power fails.
  private func network(
    cutting index: Int = 0, after writes: Int? = nil, isKept: Bool = false
  ) throws -> DelegateNetwork {
    var network = try DelegateNetwork()
    try network.settle()
    if let writes { network.processes[index].disk.cut(after: writes, isKept: isKept) }
    for process in 0..<3 {
      let entry = network.demand(by: network.processes[process].id)
      try network.run(process) { try $0.submit(entry) }
    }
    try network.settle()
    network.processes[index].disk.repair()
    return network
  }

  @Test("nothing is missed where the power failed, at whichever write", arguments: [0, 2])
  func powerCuts(_ index: Int) throws {
    var (writes, wasCut) = (0, true)
    while wasCut {
      for isKept in [false, true] {
        var network = try network(cutting: index, after: writes, isKept: isKept)
        wasCut = network.processes[index].delegate == nil
        #expect(try faults(network) == [[], [], [], []], "write \(writes)")
        if wasCut { try network.boot(index) }
        #expect(try faults(network) == [[], [], [], []], "write \(writes)")
        try network.settle()
        #expect(try faults(network) == [[], [], [], []], "write \(writes)")
      }
      writes += 1
    }
    #expect(writes > 6)
  }

  @Test("a store, or a replay, that was put back")
  func putBack() throws {
    var network = try network()
    let before = network.processes[1].disk.image
    let entry = network.demand(by: "hospital-1")
    try network.run(0) { try $0.submit(entry) }
    try network.settle()
    let after = network.processes[1].disk.image

    network.processes[1].disk.put(roles: before.roles)
    #expect(try faults(network).map { $0.map(\.kind) } == [[], [.behind], [], []])
    #expect(try faults(network)[1].map(\.isOfReplay) == [false])
    #expect(try faults(network)[1][0].what.contains("and keeps a checkpoint of"))

    network.processes[1].disk.put(state: before.state, roles: after.roles)
    let found = try faults(network)
    #expect(found.map { $0.isEmpty } == [true, false, true, true])
    #expect(found[1].allSatisfy { $0.kind == .behind && $0.isOfReplay })

    // Both are what they were, but others have seen more.
    network.processes[1].disk.put(state: before.state, roles: before.roles)
    #expect(try faults(network).map { $0.map(\.kind) } == [[], [.behind], [], []])
    #expect(try faults(network)[1].map(\.isOfReplay) == [false])
  }

  @Test("votes that were forgotten, or the lock that goes with them")
  func forgotten() throws {
    // Between writes of a height at which it has committed itself to a block and not decided.
    var (last, locked): (DelegateNetwork?, Int) = (nil, 0)
    for writes in 0..<40 {
      let network = try network(after: writes, isKept: true)
      guard network.processes[0].delegate == nil else { continue }
      let (state, roles) = network.processes[0].disk.image
      let height = try ConsortiumFollower(
        genesis: network.genesis, store: network.processes[0].disk.state,
        decider: LedgerSuite.decider(for: network.genesis)
      ).reader.height
      let votes = roles.filter { $0.key.hasPrefix("outbox/") }.values.compactMap(Self.vote)
      guard votes.contains(where: { $0.height == height }) else {
        last = network
        continue
      }
      for earlier in [nil, last?.processes[0].disk.image.roles["consensus/state"]]
      where earlier != roles["consensus/state"] {
        var damaged = roles
        damaged["consensus/state"] = earlier
        network.processes[0].disk.put(state: state, roles: damaged)
        let found = try faults(network)
        #expect(found.map { $0.isEmpty } == [false, true, true, true])
        #expect(found[0].allSatisfy { $0.kind == .behind && !$0.isOfReplay })
        #expect(found[0].contains { $0.what.hasSuffix("and consensus/state is from before") })
      }
      if votes.contains(where: {
        $0.height == height && $0.phase == .commit && $0.root != nil
      }) {
        locked += 1
        network.processes[0].disk.put(
          state: state, roles: roles.filter { !$0.key.hasPrefix("block/") })
        let found = try faults(network)
        #expect(found.map { $0.map(\.kind) } == [[.invalid], [], [], []])
        #expect(found[0].contains { $0.what.hasSuffix("that is not kept here") })
      }
      network.processes[0].disk.put(state: state, roles: roles)
      last = network
    }
    #expect(locked > 0)
  }

  @inline(never)
  private static func vote(_ bytes: [UInt8]) -> ConsensusVote? {
    guard case .vote(let signed)? = try? OutboxItem(sequence: bytes) else { return nil }
    return signed.vote
  }

  @Test("another's outbox, an item that cannot be read, a decision that lacks signatures")
  func foreign() throws {
    let network = try network()
    let roles = network.processes[1].disk.image.roles
    network.processes[1].disk.put(roles: network.processes[2].disk.image.roles)
    let exchanged = try faults(network)[1]
    #expect(exchanged.map(\.kind) == [.invalid])
    #expect(exchanged[0].what.hasSuffix("is not cosigned by cloud-1"))

    let items = roles.filter { $0.key.hasPrefix("outbox/") }
    let decision = try #require(
      items.first {
        if case .decision? = try? OutboxItem(sequence: $0.value) { true } else { false }
      })
    var damaged = roles
    // The last byte is one of the last commit's signature.
    damaged[decision.key] = decision.value.dropLast() + [decision.value.last! ^ 1]
    network.processes[1].disk.put(roles: damaged)
    #expect(try faults(network)[1].map(\.kind) == [.invalid])

    for key in [decision.key, "consensus/state", "outbox-next"] {
      damaged = roles
      damaged[key] = [0x30, 0]
      network.processes[1].disk.put(roles: damaged)
      #expect {
        try DelegateRecords(of: "cloud-1", in: network.processes[1].disk.roles)
      } throws: {
        ($0 as? StoreError)?.code == .corrupted
      }
    }
  }
}
