import CanonicalEncoding
import Consensus
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

/// The consortium chain as a delegate keeps it: what is tried changes nothing, and what is stored is
/// stored as a whole.
@Suite("Deciding and following the consortium chain")
struct ConsortiumFollowerTests {
  private typealias TrialBlock = ConsortiumFollower.TrialBlock

  /// All that a follower knows.
  private struct Picture: Equatable {
    var header: BlockHeader?
    var root: Digest32
    var final: FinalRecord?
    var decision: CommitCertificate?
    var stored: [[UInt8]: [UInt8]]

    init(_ follower: ConsortiumFollower, _ store: InspectableStore) throws {
      header = follower.engine.header
      root = try follower.engine.root()
      final = follower.final
      decision = follower.decision
      stored = store.values
      #expect(follower.engine.openLeaves.isEmpty)
      #expect(follower.engine.pendingCount == 0)
    }
  }

  private func follower(
    _ ledger: LedgerFixture, _ store: InspectableStore
  ) throws -> ConsortiumFollower {
    try ConsortiumFollower(genesis: ledger.genesis, store: store, decider: ledger.decider)
  }

  /// Whoever opens the store now stands where this follower stands.
  private func expectDurable(
    _ follower: ConsortiumFollower, _ store: InspectableStore, _ ledger: LedgerFixture
  ) throws {
    let opened = try self.follower(ledger, store.copy())
    #expect(try Picture(opened, store) == Picture(follower, store))
    #expect(try opened.engine.image(in: store) == [:])
    // It goes on from there as well.
    let opening = try ledger.opening().encoded()
    guard case .success(let block) = try opened.trial([opening]),
      case .success(let expected) = try follower.trial([opening])
    else {
      Issue.record("no block may follow")
      return
    }
    #expect(block.root == expected.root)
  }

  @Test("[attack] whoever asks for a tile of one leaf has one leaf read")
  func narrowTile() throws {
    let ledger = try LedgerFixture.withTeam()
    _ = try ledger.finalBlock()
    let log = PublishedLog(ledger.consortium.reader)
    try #require(log.size > 4)
    let first = try #require(try ledger.reader.leaf(0))
    // A second one would fail.
    ledger.consortiumStore.fail(afterReads: 1)
    defer { ledger.consortiumStore.fail() }
    let tile = try log.tile(TilePath(.entries, index: 0, width: 1))
    #expect(try EntryBundle(encoded: tile, width: 1).entries == [first])
  }

  private func leaves(_ ledger: LedgerFixture, from first: UInt64 = 0) throws -> [[UInt8]] {
    try (first..<ledger.consortium.engine.size).map { try #require(try ledger.reader.leaf($0)) }
  }

  /// A checkpoint of these leaves, or of what is said instead, that these nodes cosign.
  private func note(
    _ ledger: LedgerFixture, _ leaves: [[UInt8]], size: UInt64? = nil, root: [UInt8]? = nil,
    origin: String? = nil, by nodes: [String] = ["hospital-1", "hospital-3", "cloud"]
  ) throws -> String {
    let tree = MerkleTree(leaves: leaves)
    let checkpoint = try Checkpoint(
      origin: origin ?? ledger.genesis.origin(of: "consortium"), size: size ?? tree.size,
      root: root ?? tree.root)
    return try #require(
      CosignedCheckpoint.merged(
        nodes.map { try ledger.cosigned(checkpoint, of: "consortium", by: $0) })
    ).note.encoded
  }

  // MARK: Trying

  @Test("a trial says which block items make, and changes nothing")
  func trial() throws {
    var ledger = try LedgerFixture.withTeam()
    try ledger.register("ada", at: "hospital-2")
    let entries = ([try ledger.opening()] + ledger.waiting).map { $0.encoded() }
    let before = try Picture(ledger.consortium, ledger.consortiumStore)
    let block = try ledger.consortium.trial(entries).get()
    let again = try ledger.consortium.trial(entries).get()
    #expect(try Picture(ledger.consortium, ledger.consortiumStore) == before)
    #expect(block.root == again.root)
    #expect(block.height == 1)
    #expect(block.entries == entries)
    #expect(try block.opening == BlockOpening(encoded: ledger.opening().content.body.encoded()))
    // The root names what the chain becomes with it, and another block has another.
    let (built, refused) = try ledger.consortium.build(ledger.opening(), from: ledger.waiting)
    #expect(built.root == block.root)
    #expect(built.entries == entries)
    #expect(refused.isEmpty)
    #expect(try ledger.consortium.trial([entries[0]]).get().root != block.root)
    #expect(
      try ledger.consortium.trial([ledger.opening(at: 500).encoded()]).get().root
        != ledger.consortium.trial([entries[0]]).get().root)
    #expect(try Picture(ledger.consortium, ledger.consortiumStore) == before)
    try ledger.closeConsortiumBlock()
    #expect(try ledger.consortium.engine.root() == block.root)
    #expect(
      try leaves(ledger, from: before.header.map { $0.index + 1 } ?? 0).dropLast()
        == entries.map { [1] + $0 }[...])
  }

  @Test("[attack] the first fault of a block is named, by the rules or by a claim, with its place")
  func faults() throws {
    var ledger = try LedgerFixture()
    let registrations = try ["ada", "bob", "eve"].map { doctor in
      ledger.entry(
        try ledger.registration(of: doctor, at: "hospital-1").registration, on: "consortium",
        by: "hospital-1")
    }
    let opening = try ledger.opening()
    func fault(_ entries: [Entry]) throws -> ChainFault? {
      #expect(try ledger.fault(of: entries) != nil)
      if case .failure(let fault) = try ledger.consortium.trial(entries.map { $0.encoded() }) {
        return fault
      }
      return nil
    }
    var forged = registrations[1]
    forged.signature[3] ^= 1
    let claim = try fault([opening, registrations[0], forged, registrations[2]])
    #expect(claim?.reason == .refused(Refusal("wrong-signature")))
    #expect(claim?.index == 2)
    #expect(claim?.height == 0)
    let rule = try fault([opening, registrations[0], registrations[0]])
    #expect(rule?.reason == .refused(Refusal("entry-known")))
    #expect(rule?.index == 2)
    // Of two faults the first, whatever it is of.
    let first = try fault([opening, forged, opening])
    #expect(first?.reason == .refused(Refusal("wrong-signature")))
    #expect(first?.index == 1)
    #expect(
      try fault([opening, registrations[0], registrations[0], forged])?.reason
        == .refused(Refusal("entry-known")))
    #expect(try ledger.fault(of: [opening] + registrations) == nil)
  }

  private enum Question: CaseIterable { case trial, building, refusal }

  @Test("a store that cannot be read makes no block, and no refusal")
  func failingReads() throws {
    var ledger = try LedgerFixture.withTeam()
    try ledger.register("ada", at: "hospital-2")
    let entries = [try ledger.opening()] + ledger.waiting
    let before = try Picture(ledger.consortium, ledger.consortiumStore)
    let root = try ledger.consortium.trial(entries.map { $0.encoded() }).get().root
    for question in Question.allCases {
      for read in 0..<200 {
        ledger.consortiumStore.fail(afterReads: read)
        let result = Result { () throws -> Digest32? in
          switch question {
          case .trial: try ledger.consortium.trial(entries.map { $0.encoded() }).get().root
          case .building: try ledger.consortium.build(entries[0], from: ledger.waiting).block.root
          case .refusal:
            try ledger.consortium.refusal(of: ledger.waiting[0], after: []) == nil ? root : nil
          }
        }
        ledger.consortiumStore.fail()
        #expect(try Picture(ledger.consortium, ledger.consortiumStore) == before)
        switch result {
        case .success(let found):
          #expect(found == root)
          #expect(read > 0)
        case .failure(let error): #expect(error is StoreError, "\(error)")
        }
        if case .success = result { break }
      }
    }
  }

  // MARK: Building

  @Test("a block is built of what the rules take, in its order, and says why not of the others")
  func build() throws {
    var ledger = try LedgerFixture()
    func registration(_ doctor: String, by hospital: String = "hospital-1") throws -> Entry {
      ledger.entry(
        try ledger.registration(of: doctor, at: "hospital-1").registration, on: "consortium",
        by: hospital)
    }
    let (ada, twin) = (try registration("ada"), try registration("ada"))
    let stolen = try registration("eve", by: "hospital-2")
    var forged = try registration("bob")
    forged.signature[0] ^= 1
    let strange = ledger.entry(
      Revocation(visit: .zero, document: .zero), on: "consortium", by: "cloud")
    let second = try ledger.opening(round: 1)
    let bob = try registration("bob")
    let before = try Picture(ledger.consortium, ledger.consortiumStore)
    let (block, refused) = try ledger.consortium.build(
      ledger.opening(), from: [ada, twin, stolen, forged, strange, second, bob])
    #expect(block.entries == [try ledger.opening(), ada, bob].map { $0.encoded() })
    #expect(
      refused.mapValues(\.code) == [
        twin.digest: "already-registered", stolen.digest: "not-entitled",
        forged.digest: "wrong-signature", strange.digest: "wrong-kind",
        second.digest: "not-first",
      ])
    #expect(try Picture(ledger.consortium, ledger.consortiumStore) == before)
    // In the other order the other one of the two is taken.
    let turned = try ledger.consortium.build(ledger.opening(), from: [twin, ada])
    #expect(turned.refused.mapValues(\.code) == [ada.digest: "already-registered"])
    try ledger.consortium.decide(block, by: ledger.certificate(of: block))
    #expect(try ledger.consortium.reader.doctor("bob") != nil)
    // What is an item already is known.
    let known = try ledger.consortium.build(ledger.opening(), from: [ada])
    #expect(known.refused == [ada.digest: .entryKnown])
  }

  @Test("an opening that the rules refuse makes no block")
  func foreignOpening() throws {
    var ledger = try LedgerFixture()
    try ledger.closeConsortiumBlock()
    let openings = [
      try ledger.opening(by: "cloud"), try ledger.opening { $0.commits = nil },
      try ledger.opening(key: ledger.identities["cloud"]),
      ledger.entry(LedgerFixture.consortiumBody(1), on: "consortium", by: "hospital-2"),
    ]
    for opening in openings {
      let error = #expect(throws: StoreError.self) {
        try ledger.consortium.build(opening, from: [])
      }
      #expect(error?.code == .conflict)
    }
  }

  @Test("a block ends before the first that finds no room, which is not refused for that")
  func limits() throws {
    var numbers = Members.Numbers()
    numbers.blockByteLimit = 1 << 17
    var ledger = try LedgerFixture(numbers: numbers)
    let origin = ledger.genesis.origin(of: "hospital-1")
    // Reports of about 4,500 bytes; every fourth is one that the rules refuse.
    let reports = try (0..<50).map { number in
      let checkpoint = try Checkpoint(
        origin: origin, size: UInt64(1 + number), root: [UInt8](repeating: 1, count: 32))
      let note =
        try ledger.logKey("hospital-1").sign(checkpoint).note.encoded
        + "\u{2014} \(String(repeating: "x", count: 4000)) AAAAAAA=\n"
      return ledger.entry(
        FaultReport(chain: "hospital-1", note: note, index: number % 4 == 0 ? 1 << 40 : 0),
        on: "consortium", by: "hospital-1")
    }
    // A small one behind them would still fit, and comes after those that came before it.
    let small = ledger.entry(
      try ledger.registration(of: "ada", at: "hospital-1").registration, on: "consortium",
      by: "hospital-1")
    var waiting = reports + [small]
    var taken: [Entry] = []
    var refused: Set<Digest32> = []
    var blocks = 0
    while !waiting.isEmpty {
      let result = try ledger.consortium.build(ledger.opening(), from: waiting)
      let items = try result.block.entries.dropFirst().map { try Entry(encoded: $0) }
      #expect(items.reduce(0) { $0 + $1.encoded().count + 1 } <= 1 << 17)
      #expect(result.refused.values.allSatisfy { $0.code == "wrong-checkpoint" })
      try ledger.consortium.decide(result.block, by: ledger.certificate(of: result.block))
      taken += items
      refused.formUnion(result.refused.keys)
      waiting.removeAll { items.contains($0) || refused.contains($0.digest) }
      blocks += 1
    }
    let expected = reports.enumerated().filter { $0.offset % 4 != 0 }.map(\.element) + [small]
    #expect(taken == expected)
    #expect(refused.count == 13)
    #expect(blocks == 2)
  }

  @Test("an entry is judged behind what waits, whether or not there is room for all of it")
  func waiting() throws {
    var ledger = try LedgerFixture.withTeam()
    let visit = try ledger.conduct(1)
    try ledger.confirm()
    let first = ledger.entry(try ledger.anchor(), on: "consortium", by: "hospital-1")
    let start = ledger.chain().engine.size
    #expect(try ledger.append(ledger.receipt(of: visit)) == nil)
    try ledger.confirm()
    // The anchor of the next checkpoint, proven to extend the first.
    var anchor = try ledger.anchor()
    anchor.consistency = try ledger.chain().engine.consistency(
      from: start, to: ledger.chain().engine.size)
    let second = ledger.entry(anchor, on: "consortium", by: "hospital-1")
    let before = try Picture(ledger.consortium, ledger.consortiumStore)
    func refusal(_ entry: Entry, _ waiting: [Entry]) throws -> String? {
      let code = try ledger.consortium.refusal(of: entry, after: waiting)?.code
      #expect(try Picture(ledger.consortium, ledger.consortiumStore) == before)
      return code
    }
    #expect(try refusal(first, []) == nil)
    #expect(try refusal(second, []) == "inconsistent-checkpoint")
    #expect(try refusal(second, [first]) == nil)
    #expect(try refusal(first, [first]) == "entry-known")
    #expect(try refusal(first, [second, first]) == "entry-known")
    #expect(try refusal(second, [second, first]) == nil)
    var forged = first
    forged.signature[0] ^= 1
    #expect(try refusal(forged, []) == "wrong-signature")
    #expect(try refusal(ledger.opening(), []) == "not-first")
  }

  // MARK: Deciding

  @Test("state, leaves and certificate are stored together, or nothing is")
  func deciding() throws {
    var ledger = try LedgerFixture()
    try ledger.register("ada", at: "hospital-1")
    for _ in 0..<3 {
      let before = try Picture(ledger.consortium, ledger.consortiumStore)
      let (block, _) = try ledger.consortium.build(ledger.opening(), from: ledger.waiting)
      let certificate = try ledger.certificate(of: block)
      #expect(try Picture(ledger.consortium, ledger.consortiumStore) == before)
      ledger.consortiumStore.fail(afterCommits: 0)
      #expect(throws: StoreError.self) { try ledger.consortium.decide(block, by: certificate) }
      #expect(try Picture(ledger.consortium, ledger.consortiumStore) == before)
      try expectDurable(ledger.consortium, ledger.consortiumStore, ledger)
      // The same again, in one commit.
      ledger.consortiumStore.fail(afterCommits: 1)
      try ledger.consortium.decide(block, by: certificate)
      ledger.consortiumStore.fail()
      #expect(ledger.consortium.decision == certificate)
      #expect(ledger.consortium.engine.height == block.height + 1)
      #expect(try ledger.consortium.engine.root() == block.root)
      let stored = try leaves(ledger)
      #expect(MerkleTree(leaves: stored).root == block.root.bytes)
      try expectDurable(ledger.consortium, ledger.consortiumStore, ledger)
      try ledger.dropWaiting()
    }
    #expect(ledger.consortium.engine.height == 3)
  }

  @Test("[attack] a stored decision of another block is found when the chain is opened")
  func strayDecision() throws {
    var ledger = try LedgerFixture()
    try ledger.closeConsortiumBlock()
    let former = try #require(ledger.consortiumStore.values[StateKey.decision.bytes])
    try ledger.closeConsortiumBlock()
    let store = ledger.consortiumStore.copy()
    #expect(throws: Never.self) { try follower(ledger, store) }
    try store.commit([StateKey.decision.bytes: former])
    let error = #expect(throws: StoreError.self) { try follower(ledger, store) }
    #expect(error?.code == .corrupted)
  }

  // MARK: Final checkpoints

  /// Notes of a chain of three blocks with three leaves each, none of which makes anything final.
  private func forgeries(_ ledger: LedgerFixture, _ all: [[UInt8]]) throws -> [String] {
    let delegates = ledger.genesis.content.delegates
    let checkpoint = try ledger.reader.checkpoint(size: 9)
    let key = try #require(ledger.cosigners["hospital-1"]?["consortium"])
    let foreignKey = try #require(ledger.cosigners["cloud"]?["hospital-2"])
    func merged(_ parts: [CosignedCheckpoint]) throws -> String {
      var note = parts[0].note
      for part in parts.dropFirst() { note = try note.adding(part.note) }
      return note.encoded
    }
    let two = try ["hospital-1", "hospital-2"].map {
      try ledger.cosigned(checkpoint, of: "consortium", by: $0)
    }
    let extended = try Checkpoint(body: checkpoint.body + "more\n")
    return [
      "", "nonsense",
      // Fewer than more than two thirds: none, two, one three times, or one that does not count.
      try note(ledger, all, by: ["cloud"]), try merged(two),
      try merged([1, 2, 3].map { try key.cosign(checkpoint, at: $0) }),
      try merged(two + [foreignKey.cosign(checkpoint, at: 1)]),
      // Of another root, or of no block's end, whoever signs it.
      try note(ledger, all, root: [UInt8](repeating: 1, count: 32), by: delegates),
      try note(ledger, Array(all.prefix(8)), by: delegates),
      try note(ledger, Array(all.prefix(7)), by: delegates),
      try note(ledger, all, size: 10, by: delegates),
      try note(ledger, all, size: UInt64(Int64.max), by: delegates),
      try note(ledger, [], by: delegates),
      // Of another log.
      try note(ledger, all, origin: ledger.genesis.origin(of: "hospital-1"), by: delegates),
      // With an extension line, of which this ledger knows none.
      try merged(delegates.map { try ledger.cosigned(extended, of: "consortium", by: $0) }),
    ]
  }

  @Test("[attack] checkpoints that make nothing final: forged, of another root, inside a block")
  func falseCheckpoints() throws {
    var ledger = try LedgerFixture()
    for seconds in [10, 20, 30] as [UInt64] {
      try ledger.register("doctor-\(seconds)", at: "hospital-1")
      try ledger.closeConsortiumBlock(at: seconds, cosignedBy: 0)
    }
    let all = try leaves(ledger)
    let middle = Array(all.prefix(6))
    #expect(all.count == 9 && Leaf.isHeader(middle[5]))
    let forgeries = try forgeries(ledger, all)
    func expectUnchanged(_ notes: [String]) throws {
      let before = try Picture(ledger.consortium, ledger.consortiumStore)
      for note in notes {
        #expect(try !ledger.consortium.adopt(final: note), "\(note)")
        #expect(try Picture(ledger.consortium, ledger.consortiumStore) == before)
      }
    }
    try expectUnchanged(forgeries)
    #expect(ledger.consortium.final == nil)
    // A block in the middle, then the last; never back, and not twice.
    let (early, late) = (try note(ledger, middle), try note(ledger, all))
    #expect(try ledger.consortium.adopt(final: early))
    #expect(ledger.consortium.final?.size == 6)
    #expect(ledger.consortium.final?.height == 1)
    #expect(try ledger.reader.finalBlock()?.time == LedgerFixture.start + 20)
    try expectDurable(ledger.consortium, ledger.consortiumStore, ledger)
    try expectUnchanged([early, try note(ledger, Array(all.prefix(3)))] + forgeries)
    // A disk that fails.
    let before = try Picture(ledger.consortium, ledger.consortiumStore)
    ledger.consortiumStore.fail(afterCommits: 0)
    #expect(throws: StoreError.self) { try ledger.consortium.adopt(final: late) }
    #expect(try Picture(ledger.consortium, ledger.consortiumStore) == before)
    #expect(try ledger.consortium.adopt(final: late))
    try expectDurable(ledger.consortium, ledger.consortiumStore, ledger)
    let delegates = ledger.genesis.content.delegates
    try expectUnchanged([late, early, try note(ledger, all, by: delegates)])
  }

  @Test("what others write beside the cosignatures is not kept")
  func junkInNotes() throws {
    var ledger = try LedgerFixture()
    try ledger.closeConsortiumBlock(cosignedBy: 0)
    let clean = try note(ledger, leaves(ledger))
    let junk = "\u{2014} \(String(repeating: "x", count: 4000)) AAAAAAA=\n"
    #expect(
      try ledger.consortium.adopt(final: clean + String(repeating: junk, count: 200)))
    #expect(ledger.consortium.final?.note == clean)
    // A line under a delegate's name that it has not signed spoils the note.
    try ledger.closeConsortiumBlock(cosignedBy: 0)
    let next = try note(ledger, leaves(ledger))
    let name = ValidGenesis.cosignerName(network: "test", node: "hospital-2", chain: "consortium")
    let line = try #require(
      try note(ledger, leaves(ledger, from: 2), by: ["hospital-2"]).split(separator: "\n").first {
        $0.contains(name)
      })
    #expect(try !ledger.consortium.adopt(final: next + line + "\n"))
    #expect(try ledger.consortium.adopt(final: next))
  }

  // MARK: Following

  /// A ledger of four blocks, the last two of which are followed from the second on.
  private func ahead() throws -> (ledger: LedgerFixture, former: LedgerFixture) {
    var ledger = try LedgerFixture.withTeam()
    try ledger.closeConsortiumBlock(at: 20)
    let former = try ledger.copy()
    try ledger.register("ada", at: "hospital-1")
    try ledger.closeConsortiumBlock(at: 30)
    try ledger.register("bob", at: "hospital-2")
    try ledger.closeConsortiumBlock(at: 40)
    return (ledger, former)
  }

  @Test(
    "whoever was not there takes blocks with a final checkpoint, from any block on, in one commit")
  func following() throws {
    let (ledger, former) = try ahead()
    let final = try #require(ledger.consortium.final)
    let known = former.consortium.engine.size
    for (first, store) in [(0, InspectableStore()), (known, former.consortiumStore.copy())] {
      var follower = try follower(ledger, store)
      let before = try Picture(follower, store)
      store.fail(afterCommits: 0)
      #expect(throws: StoreError.self) {
        try follower.follow(leaves(ledger, from: first), final: final.note)
      }
      #expect(try Picture(follower, store) == before)
      store.fail(afterCommits: 1)
      try follower.follow(leaves(ledger, from: first), final: final.note)
      store.fail()
      #expect(follower.engine.header == ledger.consortium.engine.header)
      #expect(follower.final == final)
      #expect(try follower.reader.doctor("bob")?.isFinal == true)
      // What decided the last block is not in its leaves.
      #expect(follower.decision == nil)
      var expected = ledger.consortiumStore.values
      expected[StateKey.decision.bytes] = nil
      #expect(store.values == expected)
      let opened = try self.follower(ledger, store)
      #expect(try Picture(opened, store) == Picture(follower, store))
      // From the last block on there is nothing to take.
      let after = try Picture(follower, store)
      #expect(throws: LedgerError.self) { try follower.follow([], final: final.note) }
      #expect(try Picture(follower, store) == after)
      #expect(try !follower.adopt(final: final.note))
    }
  }

  /// What is refused, of a follower that stands before the last two blocks.
  private struct Following {
    let ledger: LedgerFixture
    let store: InspectableStore
    var follower: ConsortiumFollower
    /// Of the whole chain, and those that the follower has not.
    let all, genuine: [[UInt8]]

    var known: UInt64 { follower.engine.size }

    /// Whether it is a fault of the chain; nil if something else was thrown, or nothing.
    mutating func refused(_ leaves: [[UInt8]], _ note: String) throws -> Refused? {
      let before = try Picture(follower, store)
      var result: Refused?
      do {
        try follower.follow(leaves, final: note)
        Issue.record("followed")
      } catch let fault as ChainFault {
        result = .fault(fault)
      } catch let error as LedgerError {
        #expect(error.code == .invalidProof)
        result = .proof
      }
      #expect(try Picture(follower, store) == before)
      return result
    }
  }

  private func standsBehind() throws -> Following {
    let (ledger, former) = try ahead()
    let store = former.consortiumStore.copy()
    let follower = try follower(ledger, store)
    let all = try leaves(ledger)
    return Following(
      ledger: ledger, store: store, follower: follower, all: all,
      genuine: Array(all.dropFirst(Int(follower.engine.size))))
  }

  @Test("[attack] leaves and notes that do not belong together are not followed")
  func foreignNotes() throws {
    var following = try standsBehind()
    let (ledger, all, genuine) = (following.ledger, following.all, following.genuine)
    let known = following.known
    let whole = try note(ledger, all)
    // Too few cosigners, junk, another root, another size.
    #expect(
      try following.refused(genuine, note(ledger, all, by: ["cloud", "hospital-2"])) == .proof)
    #expect(try following.refused(genuine, "nonsense") == .proof)
    let otherRoot = try note(ledger, all, root: [UInt8](repeating: 1, count: 32))
    #expect(try following.refused(genuine, otherRoot) == .proof)
    for size in [1, known, UInt64(all.count) - 1, UInt64(all.count) + 1, UInt64(Int64.max)] {
      #expect(try following.refused(genuine, note(ledger, all, size: size)) == .proof)
    }
    // Inside a block, whoever signed it.
    let part = Array(all.dropLast())
    let signedByAll = try note(ledger, part, by: ledger.genesis.content.delegates)
    #expect(
      try following.refused(Array(part.dropFirst(Int(known))), signedByAll) == .proof)
    // Leaves of the wrong place: fewer, more, from another block on, none.
    for leaves in [all, Array(genuine.dropFirst(3)), [], Array(genuine.prefix(3))] {
      #expect(try following.refused(leaves, whole) == .proof)
    }
    try following.follower.follow(genuine, final: whole)
    #expect(following.follower.engine.header == ledger.consortium.engine.header)
  }

  @Test("[attack] leaves that are no chain are not followed, whoever has cosigned them")
  func falseLeaves() throws {
    var following = try standsBehind()
    let (ledger, all, genuine) = (following.ledger, following.all, following.genuine)
    let known = following.known
    let whole = try note(ledger, all)
    // As many, in another order, or with one that is another's: a signature, a header.
    var swapped = genuine
    swapped.swapAt(0, 3)
    #expect(try following.refused(swapped, whole)?.fault != nil)
    for index in genuine.indices {
      var forged = genuine
      switch try Leaf(encoded: genuine[index]) {
      case .item(var entry):
        entry.signature[7] ^= 1
        forged[index] = Leaf.item(entry).encoded()
      case .header(var header):
        header.time += 1
        forged[index] = Leaf.header(header).encoded()
      }
      let found = try following.refused(forged, whole)?.fault
      #expect(found?.index == known + UInt64(index))
      // Nor with a checkpoint of just these leaves that all delegates have cosigned.
      let signed = try note(
        ledger, Array(all.prefix(Int(known))) + forged, by: ledger.genesis.content.delegates)
      #expect(try following.refused(forged, signed)?.fault == found)
    }
    try following.follower.follow(genuine, final: whole)
    #expect(following.follower.engine.header == ledger.consortium.engine.header)
  }

  private enum Refused: Equatable {
    case proof
    case fault(ChainFault)

    var fault: ChainFault? { if case .fault(let fault) = self { fault } else { nil } }
  }

  @Test("[attack] a last block that stands on no decision is not followed, whoever cosigned it")
  func lastBlockWithoutCommits() throws {
    let (ledger, former) = try ahead()
    let delegates = ledger.genesis.content.delegates
    // The last block as its delegate would open it without knowing any commits, or with two.
    for count in [0, 2] {
      var follower = try follower(ledger, former.consortiumStore.copy())
      let opening = try former.opening { opening in
        if count == 0 {
          opening.commits = nil
        } else {
          opening.commits?.commits.removeLast(4 - count)
        }
      }
      // The header is what these items make: another one's would be found by itself.
      var forger = try self.follower(former, former.consortiumStore.copy())
      let (honest, _) = try forger.build(former.opening(), from: [])
      try forger.decide(honest, by: former.certificate(of: honest))
      let header = try #require(forger.engine.header)
      let leaves = [Leaf.item(opening).encoded(), Leaf.header(header).encoded()]
      let signed = try note(ledger, try self.leaves(former) + leaves, by: delegates)
      let fault = #expect(throws: ChainFault.self) { try follower.follow(leaves, final: signed) }
      #expect(fault?.reason == .refused(Refusal("wrong-commits")))
      #expect(fault?.index == former.consortium.engine.size)
      #expect(follower.engine.size == former.consortium.engine.size)
    }
  }

  @Test("page by page blocks are taken that the opening behind them certifies, and no others")
  func pages() throws {
    let (ledger, _) = try ahead()
    let all = try leaves(ledger)
    let headers = all.indices.filter { Leaf.isHeader(all[$0]) }
    let store = InspectableStore()
    var follower = try follower(ledger, store)
    // Nothing is taken of less than a block and an opening.
    for count in 0...headers[0] + 1 {
      #expect(try follower.follow(Array(all.prefix(count)), final: nil) == 0)
      #expect(follower.engine.header == nil)
    }
    #expect(store.values.isEmpty)
    // In one page as far as it goes, whatever follows the opening.
    for count in headers[0] + 2...all.count {
      var other = try self.follower(ledger, InspectableStore())
      let kept = try other.follow(Array(all.prefix(count)), final: nil)
      #expect(kept == (headers.last { $0 < count - 1 } ?? -1) + 1)
      #expect(other.engine.size == UInt64(kept))
    }
    let end = try #require(headers.dropLast().last)
    var cut = Array(all.prefix(end + 2))
    cut.append([9, 9])
    // In pages of each length, from where the one before has ended; then with the checkpoint.
    for length in [headers[0] + 2, all.count] {
      let store = InspectableStore()
      var other = try self.follower(ledger, store)
      var before = try Picture(other, store)
      while other.engine.size <= UInt64(end) {
        let page = all.dropFirst(Int(other.engine.size)).prefix(length)
        store.fail(afterCommits: 0)
        #expect(throws: StoreError.self) { try other.follow(Array(page), final: nil) }
        #expect(try Picture(other, store) == before)
        store.fail(afterCommits: 1)
        #expect(try other.follow(Array(page), final: nil) > 0)
        store.fail()
        #expect(try Picture(self.follower(ledger, store), store) == Picture(other, store))
        #expect(other.final == nil)
        #expect(other.decision == nil)
        before = try Picture(other, store)
      }
      let rest = all.dropFirst(end + 1)
      try other.follow(Array(rest), final: #require(ledger.consortium.final).note)
      #expect(other.engine.header == ledger.consortium.engine.header)
    }
    #expect(try follower.follow(cut, final: nil) == end + 1)
  }

  @Test("[attack] a block that the opening behind it does not certify is not taken")
  func falsePages() throws {
    let (ledger, former) = try ahead()
    let all = try leaves(ledger)
    let end = Int(former.consortium.engine.size)
    // The block behind the first two, as its delegate opens it, with other commits for the second.
    let delegates = ledger.genesis.content.delegates
    let forgeries: [(inout BlockOpening) throws -> Void] = [
      { $0.commits = nil },
      { $0.commits?.commits.removeLast(2) },
      { $0.commits?.commits[1].signature[0] ^= 1 },
      { opening in
        opening.commits?.root = .zero
        for (seat, node) in delegates.enumerated() {
          opening.commits?.commits[seat].signature =
            try ledger.vote(for: .zero, height: opening.height - 1, by: node).signature
        }
      },
      { $0.round += 1 },
    ]
    let proposer = delegates[2]
    for (number, forge) in forgeries.enumerated() {
      let store = InspectableStore()
      var follower = try follower(ledger, store)
      let opening = Leaf.item(try former.opening(by: proposer, changing: forge)).encoded()
      let fault = #expect(throws: ChainFault.self) {
        try follower.follow(Array(all.prefix(end)) + [opening], final: nil)
      }
      #expect(fault?.index == UInt64(end))
      #expect(
        fault?.reason == .refused(Refusal(number == 4 ? "not-in-turn" : "wrong-commits")))
      #expect(store.values.isEmpty)
      #expect(follower.engine.header == nil)
      // Any other leaf certifies as little.
      for other in [
        all[1], [7], Leaf.header(try #require(Leaf.header(in: all[end - 1]))).encoded(),
      ] {
        #expect(throws: ChainFault.self) {
          try follower.follow(Array(all.prefix(end)) + [other], final: nil)
        }
        #expect(store.values.isEmpty)
      }
      // A leaf of the certified blocks that is another's.
      var forged = Array(all.prefix(end + 1))
      var entry = try #require(Leaf.entry(in: forged[1]))
      entry.signature[0] ^= 1
      forged[1] = Leaf.item(entry).encoded()
      #expect(throws: ChainFault.self) { try follower.follow(forged, final: nil) }
      #expect(store.values.isEmpty)
      #expect(try follower.follow(Array(all.prefix(end + 1)), final: nil) == end)
    }
  }

  // MARK: Certificates of followed blocks

  @Test("[attack] the certificate of a followed block is taken if it decides it, and no other")
  func certificates() throws {
    let (ledger, former) = try ahead()
    let store = InspectableStore()
    var follower = try follower(ledger, store)
    let genuine = try #require(ledger.consortium.decision)
    #expect(try !follower.adopt(decision: genuine))
    try follower.follow(leaves(ledger), final: #require(ledger.consortium.final).note)
    let before = try Picture(follower, store)
    func expectRefused(_ change: (inout CommitCertificate) throws -> Void) throws {
      var certificate = genuine
      try change(&certificate)
      #expect(try !follower.adopt(decision: certificate))
      #expect(try Picture(follower, store) == before)
    }
    func resigned(
      _ certificate: inout CommitCertificate, _ change: (inout ConsensusVote) -> Void
    ) throws {
      for (seat, node) in ledger.genesis.content.delegates.enumerated() {
        certificate.commits[seat] = try ledger.vote(
          for: genuine.root, height: genuine.height, by: node, changing: change)
      }
    }
    try expectRefused { $0 = try #require(former.consortium.decision) }
    try expectRefused { $0.root = .zero }
    try expectRefused { $0.height += 1 }
    try expectRefused { $0.height -= 1 }
    try expectRefused { $0.round += 1 }
    try expectRefused { $0.commits.removeLast(2) }
    try expectRefused { $0.commits = [] }
    try expectRefused { $0.commits[3] = $0.commits[2] }
    try expectRefused { $0.commits[0].signature[0] ^= 1 }
    try expectRefused { $0.commits[0].seat = 4 }
    try expectRefused { $0.commits[0].seat = UInt64(Int64.max) }
    try expectRefused { $0.commits[0].signature = $0.commits[1].signature }
    // What a vote says beside its bitmap is what it has signed.
    try expectRefused { $0.commits[1].vote.height += 1 }
    try expectRefused { $0.commits[1].vote.root = nil }
    try expectRefused { $0.commits[1].vote.phase = .prepare }
    try expectRefused { $0.commits[1].vote.timedOut = [0x80] }
    try expectRefused { try resigned(&$0) { $0.phase = .prepare } }
    try expectRefused { try resigned(&$0) { $0.round = 1 } }
    try expectRefused { try resigned(&$0) { $0.genesis = .zero } }
    // In the order in which they came, and with three of four.
    store.fail(afterCommits: 0)
    #expect(throws: StoreError.self) { try follower.adopt(decision: genuine) }
    #expect(try Picture(follower, store) == before)
    var three = genuine
    three.commits = [3, 0, 1].map { genuine.commits[$0] }
    #expect(try follower.adopt(decision: three))
    #expect(follower.decision == three)
    try expectDurable(follower, store, ledger)
    // Now it can open the next block, which the others take.
    let opening = try ledger.opening { $0.commits = CommitSet(three) }
    #expect(try ledger.fault(of: [opening]) == nil)
    #expect(throws: Never.self) { try follower.build(opening, from: []) }
  }

  // MARK: Reading

  @Test("what became of an entry is known of items, and is final with a checkpoint")
  func verdicts() throws {
    var ledger = try LedgerFixture()
    let entry = ledger.entry(
      try ledger.registration(of: "ada", at: "hospital-1").registration, on: "consortium",
      by: "hospital-1")
    #expect(try ledger.append(entry) == nil)
    #expect(try ledger.consortium.place(of: entry.digest) == nil)
    try ledger.closeConsortiumBlock(cosignedBy: 2)
    #expect(
      try ledger.consortium.place(of: entry.digest)
        == ConsortiumFollower.ItemPlace(index: 1, isFinal: false))
    try ledger.cosign(by: "hospital-3")
    #expect(
      try ledger.consortium.place(of: entry.digest)
        == ConsortiumFollower.ItemPlace(index: 1, isFinal: true))
    #expect(try ledger.consortium.place(of: .zero) == nil)
  }
}
