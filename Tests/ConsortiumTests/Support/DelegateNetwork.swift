import CanonicalEncoding
import Consensus
import Consortium
import Credentials
import Crypto
import Ledger
import Pairings
import Synchronization
import TestSupport
import TransparencyLog

/// The delegates of one consortium in one process, each over stores of its own, with nothing between
/// them but what a test carries: every message can be lost, doubled, held back, or shown to some, and
/// every process killed at any of its writes.
///
/// A dishonest delegate is a pair of twins: two honest programs with one set of keys, of which some
/// readers see the one and some the other. So it signs twice whatever can be signed twice.
struct DelegateNetwork {
  struct Process {
    let id: String
    let keys: Keys
    let disk: Disk
    /// Seconds by which the clock is ahead of the network's, or behind it.
    var clockOffset: Int64 = 0
    /// Whether it puts into its blocks nothing that others have published.
    var omits = false
    /// Nil while the process is down.
    var delegate: Delegate?
  }

  /// A cloud that may be admitted, as the members list it then, with its organisation.
  struct Newcomer {
    let party: Members.Supernode
    let organisation: Members.Organisation
    let keys: Keys
  }

  let genesis: ValidGenesis
  /// Of parties and organisations, as they were made first.
  let identities: [String: IdentityKey]
  /// Organisations' keys by their public parts, also those that are not in force yet, or not any more.
  private var organisationKeys: [[UInt8]: IdentityKey] = [:]
  let newcomers: [Newcomer]
  private let decider: CountingDecider
  private let clock: TestClock
  /// By seat; a dishonest delegate has a second one.
  var processes: [Process]
  private var demandCount: UInt64 = 0
  /// The processes that have done something since somebody has emptied this.
  var touched: Set<Int> = []

  static let start: UInt64 = 1_790_000_000

  /// - Parameters:
  ///   - spares: supernodes that stand and have no seat at first.
  ///   - strangers: more of them, of whom no process runs.
  ///   - hospitals: so many of the delegates, whose organisations vote. The first cloud confirms all
  ///     their chains.
  ///   - newcomers: clouds that are no members yet.
  init(
    delegates count: Int = 4, spares: Int = 0, strangers: Int = 0, hospitals: Int = 1,
    newcomers: Int = 0, seed: UInt64 = 1, maximumLag: UInt64 = 120, epochLength: UInt64 = 1000
  ) throws {
    var generator = SeededGenerator(seed: seed)
    var supernodes: [Members.Supernode] = []
    var identities: [String: IdentityKey] = [:]
    var keys: [Keys] = []
    let members = count + spares + strangers
    for number in 1...(members + newcomers) {
      let isHospital = number <= hospitals
      let id = isHospital ? "hospital-\(number)" : "cloud-\(number - hospitals)"
      let identity = try IdentityKey(seed: generator.bytes(32))
      let voting = try IdentityKey(seed: generator.bytes(32))
      let chains =
        [ChainName.consortium]
        + (number == hospitals + 1 ? (1...hospitals).map { "hospital-\($0)" } : [])
      let cosigners = try chains.map {
        try CosignerKey(
          name: ValidGenesis.cosignerName(network: "test", node: id, chain: $0),
          key: Curve25519.Signing.PrivateKey(rawRepresentation: generator.bytes(32)))
      }
      identities[id] = identity
      keys.append(Keys(identity: identity, voting: voting, cosigner: cosigners[0]))
      supernodes.append(
        Members.Supernode(
          id: id, organisation: "operator-of-\(id)", role: isHospital ? .hospital : .cloud,
          identityKey: identity.publicKey,
          cosigners: zip(chains, cosigners).map {
            Members.Cosigner(chain: $0, publicKey: $1.verifier.key.publicKey)
          },
          logKey: isHospital ? Members.LogKey(publicKey: generator.bytes(32)) : nil,
          votingKey: Members.VotingKey(publicKey: voting.publicKey)))
    }
    let manager = (
      try IdentityKey(seed: generator.bytes(32)), try IdentityKey(seed: generator.bytes(32))
    )
    identities["manager"] = manager.1
    var organisations: [Members.Organisation] = []
    for id in ["office"] + supernodes.map(\.organisation) {
      let key = try IdentityKey(seed: generator.bytes(32))
      identities[id] = key
      organisationKeys[key.publicKey] = key
      organisations.append(Members.Organisation(id: id, identityKey: key.publicKey))
    }
    self.newcomers = (members..<members + newcomers).map {
      Newcomer(party: supernodes[$0], organisation: organisations[$0 + 1], keys: keys[$0])
    }
    genesis = try ValidGenesis(
      Genesis(
        network: "test", suite: BLS12381.name, createdAt: Self.start, epochLength: epochLength,
        members: Members(
          numbers: Members.Numbers(
            window: 4 * maximumLag, maximumLag: maximumLag, signerQuota: 1 << 20,
            supernodeQuota: 1 << 20, seatCount: UInt64(count)),
          organisations: Array(organisations.prefix(members + 1)),
          manager: Members.Manager(
            id: "manager", organisation: "office", registrationKey: manager.0.publicKey,
            identityKey: manager.1.publicKey),
          supernodes: Array(supernodes.prefix(members))),
        delegates: supernodes.prefix(count).map(\.id)))
    self.identities = identities
    decider = CountingDecider(try LedgerSuite.decider(for: genesis))
    clock = TestClock()
    processes = zip(supernodes, keys).prefix(count + spares).map {
      Process(id: $0.id, keys: $1, disk: Disk())
    }
    for index in processes.indices { try boot(index) }
  }

  // MARK: Processes

  /// Starts a process from its disk.
  mutating func boot(_ index: Int) throws {
    processes[index].disk.repair()
    let process = processes[index]
    let (clock, offset) = (clock, process.clockOffset)
    processes[index].delegate = try Delegate(
      id: process.id, genesis: genesis, keys: process.keys, state: process.disk.state,
      store: process.disk.roles, decider: decider, clock: { clock.seconds(ahead: offset) })
    touched.insert(index)
  }

  mutating func kill(_ index: Int) { processes[index].delegate = nil }

  /// Gives a newcomer a process, which somebody starts once it is a member.
  mutating func addProcess(of newcomer: Newcomer) {
    processes.append(Process(id: newcomer.party.id, keys: newcomer.keys, disk: Disk()))
  }

  /// Gives a delegate a twin, with a disk of its own.
  mutating func addTwin(of index: Int) throws {
    processes.append(
      Process(id: processes[index].id, keys: processes[index].keys, disk: Disk()))
    try boot(processes.count - 1)
  }

  mutating func pass(seconds: UInt64) { clock.pass(seconds) }

  var time: UInt64 { clock.seconds(ahead: 0) }

  /// Runs a process; if a write fails, it is dead.
  ///
  /// - Returns: whether there is anything new; nil if it is down, or died.
  @discardableResult
  mutating func run(_ index: Int, _ work: (inout Delegate) throws -> Bool) throws -> Bool? {
    guard var delegate = processes[index].delegate else { return nil }
    // Moved out and back, so that nothing is copied.
    processes[index].delegate = nil
    var isDead = false
    touched.insert(index)
    defer { if !isDead { processes[index].delegate = delegate } }
    do {
      return try work(&delegate)
    } catch let error as StoreError where error.code == .unavailable {
      isDead = true
      return nil
    }
  }

  // MARK: Messages

  struct Page {
    let peer: String
    let position: UInt64
    var items: [OutboxItem]
    let next: UInt64
    /// Final leaves, for who is behind.
    let finalSize: UInt64
  }

  /// What a reader would get from another's outbox now.
  func page(for reader: Int, from writer: Int) -> Page? {
    guard let delegate = processes[writer].delegate, let asking = processes[reader].delegate else {
      return nil
    }
    let position = asking.position(of: processes[writer].id)
    let page = delegate.published(from: position, byteCount: 1 << 20)
    return Page(
      peer: processes[writer].id, position: position, items: page.items, next: page.next,
      finalSize: delegate.follower.final?.size ?? 0)
  }

  /// What was sent and checked.
  struct Cost {
    /// Pages with something in them, and blocks.
    var messages: UInt64 = 0
    var bytes: UInt64 = 0
    /// Of signatures: of delegates' statements, and of what stands in blocks.
    var checks: UInt64 = 0

    static func - (one: Self, other: Self) -> Self {
      Cost(
        messages: one.messages - other.messages, bytes: one.bytes - other.bytes,
        checks: one.checks - other.checks)
    }
  }

  private var sent = Cost()
  /// The checks that a process has counted at its present height.
  private var counted: [Int: UInt64] = [:]

  var cost: Cost {
    var cost = sent
    cost.checks += decider.count
    return cost
  }

  private mutating func countChecks(of index: Int) {
    guard let delegate = processes[index].delegate else { return }
    let now = UInt64(delegate.verified.checkCount)
    let before = counted[index] ?? 0
    // A new height counts from zero.
    sent.checks += now >= before ? now - before : now
    counted[index] = now
  }

  @discardableResult
  mutating func deliver(_ page: Page, to reader: Int) throws -> Bool {
    // Who has no part reads no outboxes.
    guard try processes[reader].delegate?.takesPart == true else { return false }
    defer { countChecks(of: reader) }
    var page = page
    if processes[reader].omits {
      page.items.removeAll { if case .entry = $0 { true } else { false } }
    }
    if !page.items.isEmpty {
      sent.messages += 1
      sent.bytes += page.items.reduce(0) { $0 + UInt64($1.encodedSequence().count) }
    }
    return try receive(page, reader)
  }

  private mutating func receive(_ page: Page, _ reader: Int) throws -> Bool {
    try run(reader) {
      try $0.receive(page.items, from: page.peer, at: page.position, next: page.next)
    } ?? false
  }

  /// What a reader's question for a block would be answered with.
  func block(_ wanted: Delegate.WantedBlock, from writer: Int) throws -> ProposedBlock? {
    try processes[writer].delegate?.block(wanted.root, height: wanted.height)
  }

  /// What a process has said to be valid and does not show to who asks for it.
  func unserved(_ index: Int) throws -> [OutboxItem] {
    guard let delegate = processes[index].delegate else { return [] }
    let reader = delegate.follower.reader
    let height = delegate.height
    let seat = try reader.delegates(forHeight: height).seat(of: delegate.id)
    return try delegate.published(from: 1, byteCount: .max).items.filter { item in
      switch item {
      case .proposal(let signed):
        return try delegate.block(signed.proposal.root, height: height) == nil
      case .vote(let signed):
        // Of rounds long over not even the votes are remembered.
        guard let root = signed.vote.root,
          signed.vote.round + ConsensusMachine.keptRoundCount >= delegate.machine.round,
          signed.seat == seat || signed.vote.phase == .prepare
        else { return false }
        return try delegate.block(root, height: height) == nil
      case .decision(let certificate):
        return try delegate.block(certificate.root, height: certificate.height) == nil
      case .entry, .cosignature: return false
      }
    }
  }

  @discardableResult
  mutating func bring(
    _ block: ProposedBlock?, for root: Digest32, from peer: String, to reader: Int
  ) throws -> Bool {
    if let block {
      sent.messages += 1
      sent.bytes += UInt64(block.encodedSequence().count)
    }
    return try run(reader) { try $0.receive(block, for: root, from: peer) } ?? false
  }

  /// Lets a process ask for the blocks that it wants.
  @discardableResult
  mutating func fetch(
    _ reader: Int, sees: (_ reader: Int, _ writer: Int) -> Bool = { _, _ in true }
  ) throws -> Bool {
    var isNew = false
    for wanted in processes[reader].delegate?.wanted ?? [] {
      for peer in wanted.holders {
        guard processes[reader].delegate?.wants(wanted.root) == true else { break }
        let writer = processes.indices.first { processes[$0].id == peer && sees(reader, $0) }
        let block = try writer.flatMap { try self.block(wanted, from: $0) }
        if try bring(block, for: wanted.root, from: peer, to: reader) { isNew = true }
      }
    }
    return isNew
  }

  /// Lets a process take what is final for another one.
  @discardableResult
  mutating func follow(_ reader: Int, _ writer: Int) throws -> Bool {
    var isNew = false
    while let own = processes[reader].delegate?.follower,
      let source = processes[writer].delegate?.follower.reader,
      let final = source.final, final.size > own.final?.size ?? 0
    {
      if let end = try own.awaitedEpochEnd() {
        guard end <= final.size, let page = try source.page(from: end - 1, byteCount: .max),
          try run(reader, { try $0.adopt(final: page.note) }) == true
        else { return isNew }
        isNew = true
        continue
      }
      guard final.size > own.reader.size,
        let page = try source.page(from: own.reader.size, byteCount: .max),
        try run(reader, { try $0.follow(page.leaves, final: page.note) }) == true
      else { return isNew }
      isNew = true
    }
    return isNew
  }

  /// Everybody reads everybody, as `sees` allows, and does what is due, until nothing is new.
  ///
  /// - Parameter isDone: whether no timeout need expire any more.
  mutating func settle(
    expirations: Int = 40, sees: (_ reader: Int, _ writer: Int) -> Bool = { _, _ in true },
    carries: (OutboxItem) -> Bool = { _ in true }, isDone: (Self) throws -> Bool = { _ in false }
  ) throws {
    var left = expirations
    for _ in 0..<10_000 {
      var isNew = false
      for reader in processes.indices {
        for writer in processes.indices
        where processes[writer].id != processes[reader].id && sees(reader, writer) {
          if var page = page(for: reader, from: writer) {
            page.items.removeAll { !carries($0) }
            if try deliver(page, to: reader) { isNew = true }
          }
          if try follow(reader, writer) { isNew = true }
        }
        if try fetch(reader, sees: sees) { isNew = true }
        if try advance(reader) { isNew = true }
        if try handOn(reader, sees: sees) { isNew = true }
      }
      if isNew { continue }
      guard left > 0, try !isDone(self), try expireAll() else { return }
      left -= 1
    }
  }

  /// Lets a process do what is due, if it has a part in it.
  @discardableResult
  mutating func advance(_ index: Int) throws -> Bool {
    guard try processes[index].delegate?.takesPart == true else { return false }
    return try run(index) { try $0.advance() } ?? false
  }

  /// Lets a process hand on what it has taken and cannot put into a block any more.
  mutating func handOn(
    _ index: Int, sees: (_ reader: Int, _ writer: Int) -> Bool = { _, _ in true }
  ) throws -> Bool {
    guard let delegate = processes[index].delegate else { return false }
    var isNew = false
    for entry in delegate.orphans {
      var offer = EntryOffer(to: delegate.delegates, by: delegate.id)
      while let id = offer.next() {
        // Whoever has no seat by then takes nothing; of twins one is asked.
        let other = processes.indices.first {
          processes[$0].id == id && sees($0, index) && processes[$0].delegate?.hasSeat == true
        }
        do {
          let taken = try other.flatMap { try run($0) { try $0.submit(entry) } }
          offer.count(taken.map { OfferReply(isNew: $0) })
        } catch is Refusal {
          continue
        }
      }
      if offer.reply?.isNew == true { isNew = true }
    }
    return isNew
  }

  /// - Returns: whether anything waited.
  mutating func expireAll() throws -> Bool {
    var isWaiting = false
    for index in processes.indices {
      guard let delegate = processes[index].delegate, delegate.machine.hasBegun else { continue }
      for timeout in delegate.timeouts {
        isWaiting = true
        try run(index) { try $0.expire(timeout) }
      }
    }
    return isWaiting
  }

  // MARK: Work

  /// What an organisation signs with now, as a process knows the chain; nil if it is no member.
  private func key(of organisation: String, as index: Int) throws -> IdentityKey? {
    guard let reader = processes[index].delegate?.follower.reader,
      let key = try reader.members.identityKey(of: organisation)
    else { return nil }
    return organisationKeys[key]
  }

  private func entry(
    by organisation: String, as index: Int, _ body: some CanonicalObject
  ) throws -> Entry? {
    try key(of: organisation, as: index).map {
      Entry(
        EntryContent(
          genesis: genesis.digest, chain: ChainName.consortium, signer: .party(organisation),
          body: body), signedBy: $0)
    }
  }

  /// What an organisation with a vote approves from now on, as a process knows the chain.
  func approval(
    of candidates: Set<String>, by voter: String = "operator-of-hospital-1", as index: Int
  ) throws -> Entry? {
    guard let reader = processes[index].delegate?.follower.reader else { return nil }
    return try entry(
      by: voter, as: index,
      Approval(candidates: candidates, number: try reader.approval(of: voter).next))
  }

  /// What an organisation asks the others to decide, as a process knows the chain.
  ///
  /// - Parameter epochs: for how many epochs it stays open.
  func motion(
    _ changes: [MemberChange], by organisation: String, agreeing parties: [String], as index: Int,
    epochs: UInt64 = 6
  ) throws -> Entry? {
    guard let reader = processes[index].delegate?.follower.reader else { return nil }
    let motion = Motion(
      number: try reader.nextMotion(of: organisation),
      lastEpoch: genesis.epoch(ofHeight: reader.height) + epochs, changes: changes)
    let keys = identities.filter { parties.contains($0.key) }
    return try entry(
      by: organisation, as: index,
      motion.agreed(genesis: genesis.digest, signer: organisation, by: keys))
  }

  /// An organisation's vote on a motion.
  func ballot(
    on motion: Digest32, approves: Bool, by organisation: String, as index: Int
  ) throws -> Entry? {
    try entry(by: organisation, as: index, Ballot(motion: motion, approves: approves))
  }

  /// An organisation's change of its own key.
  mutating func rotation(
    of organisation: String, to key: IdentityKey, as index: Int
  ) throws -> Entry? {
    organisationKeys[key.publicKey] = key
    let party = Party.organisation(
      Members.Organisation(id: organisation, identityKey: key.publicKey))
    return try entry(
      by: organisation, as: index,
      PartyRotation(genesis: genesis.digest, party: party, key: key))
  }

  /// A supernode's withdrawal, or that it stands again.
  func candidacy(of id: String, as index: Int) throws -> Entry? {
    guard let reader = processes[index].delegate?.follower.reader, let key = identities[id] else {
      return nil
    }
    let known = try reader.candidacy(of: id)
    return Entry(
      EntryContent(
        genesis: genesis.digest, chain: ChainName.consortium, signer: .party(id),
        body: Candidacy(stands: !known.stands, number: known.next)),
      signedBy: key)
  }

  /// Another entry that the rules accept from this supernode.
  mutating func demand(by id: String) -> Entry {
    demandCount += 1
    guard let manager = identities["manager"], let supernode = identities[id] else {
      fatalError("no key of \(id)")
    }
    let notice = Entry(
      EntryContent(
        genesis: genesis.digest, chain: "hospital-1", signer: .party("manager"),
        body: AccessNotice(
          visit: Digest32(sha256: demandCount.description.utf8.map { $0 }), document: .zero)),
      signedBy: manager)
    return Entry(
      EntryContent(
        genesis: genesis.digest, chain: ChainName.consortium, signer: .party(id),
        body: Demand(entry: notice, completion: nil)),
      signedBy: supernode)
  }
}

/// Counts the signatures that somebody has decided. All processes share it, so what one has decided need
/// not be computed for another.
private final class CountingDecider: ClaimDecider {
  private struct Signature: Hashable {
    let signature: [UInt8]
    let message: [UInt8]
    let key: [UInt8]
  }

  private let decider: any ClaimDecider
  private let counter = Mutex<UInt64>(0)
  private let known = Mutex<[Signature: Bool]>([:])

  init(_ decider: any ClaimDecider) { self.decider = decider }

  var count: UInt64 { counter.withLock { $0 } }

  func holds(_ claim: Claim) -> Bool {
    counter.withLock { $0 += 1 }
    return decide(claim)
  }

  func firstFailure(of claims: [Claim]) -> Int? {
    counter.withLock { $0 += UInt64(claims.count) }
    return claims.firstIndex { !decide($0) }
  }

  private func decide(_ claim: Claim) -> Bool {
    guard case .signature(let signature, let message, let key) = claim else {
      return decider.holds(claim)
    }
    let name = Signature(signature: signature, message: message, key: key)
    if let known = known.withLock({ $0[name] }) { return known }
    let holds = decider.holds(claim)
    known.withLock { $0[name] = holds }
    return holds
  }
}

/// The time of a network.
private final class TestClock: Sendable {
  private let now = Mutex(DelegateNetwork.start)

  func pass(_ seconds: UInt64) { now.withLock { $0 += seconds } }

  func seconds(ahead offset: Int64) -> UInt64 {
    now.withLock { UInt64(Int64($0) + offset) }
  }
}

/// The stores of one process. A test lets a write fail, with all that the process was about to do: the
/// write is on the disk then, or it is not.
final class Disk: Sendable {
  private struct Fuse {
    /// Writes until the power fails.
    var left: Int?
    var isKept = false
    var isOut = false
    var count = 0
  }

  private let fuse = Mutex(Fuse())
  private let values = Mutex<[[UInt8]: [UInt8]]>([:])
  private let roleValues = Mutex<[String: [UInt8]]>([:])

  var state: any StateStore { State(disk: self) }
  var roles: any RoleStore { Roles(disk: self) }

  /// How many writes there were.
  var writes: Int { fuse.withLock { $0.count } }

  /// Lets the power fail at a write, 0 for the next.
  func cut(after writes: Int, isKept: Bool) {
    fuse.withLock { $0 = Fuse(left: writes, isKept: isKept, isOut: false, count: $0.count) }
  }

  func repair() { fuse.withLock { $0 = Fuse(count: $0.count) } }

  /// What the disk holds now.
  var image: (state: [[UInt8]: [UInt8]], roles: [String: [UInt8]]) {
    (values.withLock { $0 }, roleValues.withLock { $0 })
  }

  func put(
    state: [[UInt8]: [UInt8]]? = nil, roles: [String: [UInt8]]? = nil
  ) {
    if let state { values.withLock { $0 = state } }
    if let roles { roleValues.withLock { $0 = roles } }
  }

  private func write(_ change: () -> Void) throws(StoreError) {
    let outcome = fuse.withLock { fuse -> (isOut: Bool, isKept: Bool) in
      if fuse.isOut { return (true, false) }
      fuse.count += 1
      guard let left = fuse.left else { return (false, true) }
      if left > 0 {
        fuse.left = left - 1
        return (false, true)
      }
      fuse.isOut = true
      return (true, fuse.isKept)
    }
    if outcome.isKept { change() }
    if outcome.isOut { throw StoreError(.unavailable, "the power is out") }
  }

  private func requirePower() throws(StoreError) {
    if fuse.withLock({ $0.isOut }) { throw StoreError(.unavailable, "the power is out") }
  }

  private struct State: StateStore {
    let disk: Disk

    func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
      try disk.requirePower()
      return disk.values.withLock { $0[key] }
    }

    func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
      try disk.write {
        disk.values.withLock { values in
          for (key, value) in changes { values[key] = value }
        }
      }
    }
  }

  private struct Roles: RoleStore {
    let disk: Disk

    func value(forKey key: String) throws(StoreError) -> [UInt8]? {
      try disk.requirePower()
      return disk.roleValues.withLock { $0[key] }
    }

    func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
      try disk.requirePower()
      return disk.roleValues.withLock { $0.keys.filter { $0.hasPrefix(prefix) }.sorted() }
    }

    func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
      try disk.write {
        disk.roleValues.withLock { values in
          for (key, value) in changes { values[key] = value }
        }
      }
    }
  }
}

extension DelegateNetwork {
  /// One key for each use.
  struct Keys: DelegateKeys {
    let identity: IdentityKey
    let voting: IdentityKey
    let cosigner: CosignerKey

    func identity(in members: ValidMembers) -> IdentityKey { identity }
    func identities(in members: ValidMembers) -> [IdentityKey] { [identity] }

    func votingKey(_ publicKey: [UInt8]) -> IdentityKey? {
      voting.publicKey == publicKey ? voting : nil
    }

    func cosigner(among verifiers: [CosignerVerifier]) -> CosignerKey? {
      verifiers.contains(cosigner.verifier) ? cosigner : nil
    }
  }
}
