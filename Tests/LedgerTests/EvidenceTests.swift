import CanonicalEncoding
import Credentials
import Crypto
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

/// Specification 6.8, 6.9: evidence convicts who signed two trees, and frames nobody.
@Suite("Evidence and continuation")
struct EvidenceTests {
  private typealias Claim = EquivocationReport.Claim

  private func anchored() throws -> LedgerFixture {
    var ledger = try LedgerFixture.withTeam()
    _ = try ledger.conduct(1)
    try ledger.confirmAndAnchor()
    return ledger
  }

  private func convictions(_ ledger: LedgerFixture, _ node: String) throws -> UInt64 {
    try ledger.reader.convictions(of: "organisation-of-\(node)")
  }

  private func report(
    _ ledger: inout LedgerFixture, _ first: Claim, _ second: Claim,
    on chain: String = "hospital-1", by node: String = "hospital-2"
  ) throws -> String? {
    try ledger.append(
      EquivocationReport(chain: chain, first: first, second: second), on: "consortium", by: node)
  }

  /// The hospital's leaves with another receipt, or so, in the place of a leaf.
  private func fork(_ ledger: LedgerFixture, at index: Int) -> [[UInt8]] {
    var leaves = ledger.chain().leaves
    leaves[index] = Leaf.item(
      ledger.entry(LedgerFixture.consortiumBody(7), on: "hospital-1", by: "hospital-1")
    ).encoded()
    return leaves
  }

  private func leaf(_ leaves: [[UInt8]], _ index: UInt64, size: UInt64) throws
    -> EquivocationReport.ProvenLeaf
  {
    let tree = MerkleTree(leaves: leaves)
    return EquivocationReport.ProvenLeaf(
      index: index,
      hash: try #require(Digest32(MerkleHash.leaf(leaves[Int(index)]))),
      inclusion: try tree.inclusionProof(index: index, size: size).hashes)
  }

  // MARK: Equivocation

  @Test("[attack] two roots of one size convict who cosigned both, and bar the log key beside it")
  func twoRoots() throws {
    var ledger = try anchored()
    let leaves = ledger.chain().leaves
    let other = MerkleTree(leaves: fork(ledger, at: 3))
    let size = UInt64(leaves.count)
    let genuine = try #require(ledger.chain().confirmed).note
    let forged = try ledger.confirmedNote("hospital-1", size: size, root: other.root)
    // Only the log key signed the second.
    let byLog = try ledger.logKey("hospital-1").sign(
      Checkpoint(origin: ledger.genesis.origin(of: "hospital-1"), size: size, root: other.root)
    ).note.encoded
    // What no cloud has cosigned promises nothing: a hospital whose disk was put back signs it again.
    #expect(try report(&ledger, Claim(note: genuine), Claim(note: byLog)) == "no-contradiction")
    #expect(try report(&ledger, Claim(note: byLog), Claim(note: genuine)) == "no-contradiction")
    #expect(try !ledger.reader.isBarred("hospital-1"))
    // With the cloud's cosignature on both, the cloud is convicted. The hospital may have signed the
    // second without knowing of the first; its key goes, and it is not counted.
    #expect(try report(&ledger, Claim(note: forged), Claim(note: genuine)) == nil)
    #expect(try convictions(ledger, "hospital-1") == 0)
    #expect(try convictions(ledger, "cloud") == 1)
    #expect(try ledger.reader.isBarred("hospital-1"))
    #expect(
      try report(&ledger, Claim(note: genuine), Claim(note: forged), by: "cloud") == "entry-known")
    // A log key so convicted anchors nothing more.
    try ledger.closeConsortiumBlock(at: 20)
    _ = try ledger.conduct(2)
    try ledger.confirm()
    #expect(try ledger.append(ledger.anchor(), on: "consortium", by: "hospital-1") == "convicted")
    #expect(try ledger.append(ledger.anchor(), on: "consortium", by: "cloud") == "convicted")
    // Whoever verifies an export is told so.
    let found = try MemoryExport(ledger).verify(ledger)
    #expect(found.convictions.map(\.organisation) == ["organisation-of-cloud"])
    #expect(found.convictions.map(\.count) == [1])
    #expect(found.chains.map(\.isBarred) == [false, true, false, false])
  }

  @Test("[attack] a cloud alone that cosigned two roots is convicted, and no log key is barred")
  func cosignedTwice() throws {
    var ledger = try anchored()
    let size = UInt64(ledger.chain().leaves.count)
    let genuine = try #require(ledger.chain().confirmed).note
    let byCloud = try ledger.cosigned(
      Checkpoint(
        origin: ledger.genesis.origin(of: "hospital-1"), size: size,
        root: [UInt8](repeating: 1, count: 32)), of: "hospital-1", by: "cloud"
    ).note.encoded
    #expect(try report(&ledger, Claim(note: genuine), Claim(note: byCloud)) == nil)
    #expect(try convictions(ledger, "cloud") == 1)
    #expect(try !ledger.reader.isBarred("hospital-1"))
  }

  @Test("[attack] two leaves at one index under two sizes convict")
  func twoLeaves() throws {
    var ledger = try anchored()
    let leaves = ledger.chain().leaves
    let size = UInt64(leaves.count)
    let longer = fork(ledger, at: 3) + [[2, 1], [2, 2]]
    let tree = MerkleTree(leaves: longer)
    let genuine = try #require(ledger.chain().confirmed).note
    let forged = try ledger.confirmedNote("hospital-1", size: tree.size, root: tree.root)
    func claim(_ note: String, _ leaves: [[UInt8]], _ index: UInt64, _ size: UInt64) throws
      -> Claim
    {
      Claim(note: note, leaf: try leaf(leaves, index, size: size))
    }
    // Where both have the same leaf there is no contradiction; nor in two leaves at two places.
    let one = try claim(genuine, leaves, 3, size)
    let same = try claim(forged, longer, 2, tree.size)
    #expect(
      try report(&ledger, try claim(genuine, leaves, 2, size), same) == "no-contradiction")
    #expect(try report(&ledger, one, same) == "no-contradiction")
    #expect(try report(&ledger, one, Claim(note: forged)) == "no-contradiction")
    var twisted = try claim(forged, longer, 3, tree.size)
    twisted.leaf?.inclusion[0][0] ^= 1
    #expect(try report(&ledger, one, twisted) == "no-contradiction")
    #expect(try report(&ledger, one, try claim(forged, longer, 3, tree.size)) == nil)
    #expect(try ledger.reader.isBarred("hospital-1"))
    #expect(try convictions(ledger, "cloud") == 1)
  }

  @Test("[attack] an honest chain that grows cannot be framed, whatever is cut out of it")
  func honestGrowth() throws {
    var ledger = try anchored()
    let (first, former) = (try #require(ledger.chain().confirmed), ledger.chain().leaves)
    _ = try ledger.conduct(2)
    try ledger.confirm()
    let (second, leaves) = (try #require(ledger.chain().confirmed), ledger.chain().leaves)
    #expect(
      try report(&ledger, Claim(note: first.note), Claim(note: second.note)) == "no-contradiction")
    #expect(
      try report(&ledger, Claim(note: first.note), Claim(note: first.note)) == "no-contradiction")
    for index in 0..<first.size {
      let claims = try [
        Claim(note: first.note, leaf: leaf(former, index, size: first.size)),
        Claim(note: second.note, leaf: leaf(leaves, index, size: second.size)),
      ]
      #expect(try report(&ledger, claims[0], claims[1]) == "no-contradiction")
    }
    // A node inside the tree for a leaf: the proof of a shorter path, from below or from above.
    let inner = try leaf(leaves, 0, size: second.size)
    var short = inner
    short.hash = Digest32(sha256: [1] + inner.hash.bytes + inner.inclusion[0])
    short.inclusion.removeFirst()
    #expect(
      try report(
        &ledger, Claim(note: first.note, leaf: leaf(former, 0, size: first.size)),
        Claim(note: second.note, leaf: short)) == "no-contradiction")
    for node in LedgerFixture.hospitals + ["cloud"] {
      #expect(try convictions(ledger, node) == 0)
    }
  }

  @Test(
    "[attack] an honest chain cannot be framed with signatures of other keys, or of another chain")
  func foreignSignatures() throws {
    var ledger = try anchored()
    let first = try #require(ledger.chain().confirmed)
    let root = [UInt8](repeating: 1, count: 32)
    let checkpoint = try Checkpoint(
      origin: ledger.genesis.origin(of: "hospital-1"), size: first.size, root: root)
    let stranger = try LogKey(origin: checkpoint.origin).sign(checkpoint).note
    #expect(
      try report(&ledger, Claim(note: first.note), Claim(note: stranger.encoded))
        == "no-contradiction")
    let foreignCloud = try #require(ledger.cosigners["cloud"]?["hospital-2"])
    #expect(
      try report(
        &ledger, Claim(note: first.note),
        Claim(note: foreignCloud.cosign(checkpoint, at: 1).note.encoded)) == "no-contradiction")
    // Only keys that signed both: the cloud signed the one, the hospital the other.
    let cloudOnly = try ledger.cosigned(
      Checkpoint(
        origin: checkpoint.origin, size: first.size,
        root: MerkleTree(leaves: ledger.chain().leaves).root),
      of: "hospital-1", by: "cloud"
    ).note.encoded
    let logOnly = try ledger.logKey("hospital-1").sign(checkpoint).note.encoded
    #expect(
      try report(&ledger, Claim(note: cloudOnly), Claim(note: logOnly)) == "no-contradiction")
    for node in LedgerFixture.hospitals + ["cloud"] {
      #expect(try convictions(ledger, node) == 0)
    }
    // Who is no supernode reports nothing; and a report of another chain's notes is none.
    #expect(
      try report(&ledger, Claim(note: cloudOnly), Claim(note: logOnly), by: "manager")
        == "not-entitled")
    let forged = try ledger.confirmedNote("hospital-1", size: first.size, root: root)
    for chain in ["hospital-2", "consortium", "hospital-9"] {
      #expect(
        try report(&ledger, Claim(note: first.note), Claim(note: forged), on: chain)
          == "no-contradiction")
    }
  }

  @Test("[attack] delegates who cosign two trees are convicted, and only they")
  func delegates() throws {
    var ledger = try LedgerFixture()
    try ledger.closeConsortiumBlock(at: 10)
    let genuine = try #require(ledger.consortium.final)
    let forged = try Checkpoint(
      origin: ledger.genesis.origin(of: "consortium"), size: genuine.size,
      root: [UInt8](repeating: 1, count: 32))
    let notes = try ["hospital-2", "cloud"].map {
      try ledger.cosigned(forged, of: "consortium", by: $0).note
    }
    #expect(
      try report(
        &ledger, Claim(note: genuine.note), Claim(note: notes[0].adding(notes[1]).encoded),
        on: "consortium") == nil)
    #expect(try convictions(ledger, "hospital-2") == 1)
    #expect(try convictions(ledger, "hospital-1") == 0)
    #expect(try convictions(ledger, "hospital-3") == 0)
    // The cloud signed the second alone; with its signature on the first it is convicted too.
    #expect(try convictions(ledger, "cloud") == 0)
    let first = try ledger.cosigned(
      Checkpoint(
        origin: forged.origin, size: genuine.size,
        root: ledger.reader.checkpoint(size: genuine.size).root),
      of: "consortium", by: "cloud"
    ).note.encoded
    #expect(
      try report(
        &ledger, Claim(note: notes[1].encoded), Claim(note: first), on: "consortium",
        by: "hospital-1") == nil)
    #expect(try convictions(ledger, "cloud") == 1)
  }

  @Test("[attack] a report spends the quota of the supernode, once it is accepted")
  func quota() throws {
    var numbers = Members.Numbers()
    numbers.supernodeQuota = 2
    var ledger = try LedgerFixture.withTeam(numbers: numbers)
    _ = try ledger.conduct(1)
    try ledger.confirm()
    let note = try #require(ledger.chain().confirmed).note
    func fault(_ index: UInt64) throws -> String? {
      try ledger.append(
        FaultReport(chain: "hospital-1", note: note, index: index), on: "consortium",
        by: "hospital-2")
    }
    #expect(try fault(1_000) == "wrong-checkpoint")
    #expect(try fault(1) == nil)
    #expect(try fault(2) == nil)
    #expect(try fault(3) == "quota-spent")
    let claim = Claim(note: note)
    #expect(try report(&ledger, claim, claim) == "quota-spent")
    #expect(try report(&ledger, claim, claim, by: "hospital-3") == "no-contradiction")
    #expect(
      try ledger.append(
        WithholdingReport(hospital: "hospital-1", generation: 0, note: note), on: "consortium",
        by: "hospital-2") == "quota-spent")
  }

  @Test("a report of a fault points to it, and convicts nobody")
  func faultReports() throws {
    var ledger = try anchored()
    let note = try #require(ledger.chain().confirmed).note
    func report(
      _ chain: String, _ note: String, _ index: UInt64, by node: String = "hospital-3"
    ) throws -> String? {
      try ledger.append(
        FaultReport(chain: chain, note: note, index: index), on: "consortium", by: node)
    }
    let size = ledger.chain().engine.size
    #expect(try report("hospital-1", note, size) == "wrong-checkpoint")
    #expect(try report("hospital-2", note, 0) == "wrong-checkpoint")
    #expect(try report("hospital-1", "nonsense", 0) == "wrong-checkpoint")
    #expect(try report("hospital-1", note, 0, by: "manager") == "not-entitled")
    // The cloud's cosignature alone shows nothing that the log has signed.
    let checkpoint = try Checkpoint(
      origin: ledger.genesis.origin(of: "hospital-1"), size: size,
      root: [UInt8](repeating: 1, count: 32))
    let byCloud = try ledger.cosigned(checkpoint, of: "hospital-1", by: "cloud").note.encoded
    #expect(try report("hospital-1", byCloud, 0) == "wrong-checkpoint")
    #expect(try report("hospital-1", note, size - 1) == nil)
    #expect(try report("consortium", try #require(ledger.consortium.final).note, 0) == nil)
    for node in LedgerFixture.hospitals + ["cloud"] {
      #expect(try convictions(ledger, node) == 0)
    }
  }

  // MARK: Continuation

  private func newKey(_ byte: UInt8 = 40) throws -> Curve25519.Signing.PrivateKey {
    try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: byte, count: 32))
  }

  private func continuation(
    _ ledger: LedgerFixture, size: UInt64, root: [UInt8]? = nil, generation: UInt64 = 0,
    key: [UInt8]? = nil, hospital: String = "hospital-1", signedBy signer: String = "cloud"
  ) throws -> Continuation {
    let tail = TailStatement(
      genesis: ledger.genesis.digest, hospital: hospital, generation: generation, size: size,
      root: try #require(Digest32(try root ?? ledger.chain().engine.root(size: size))))
    return Continuation(
      tail: tail, cloudSignature: ledger.identities[signer]?.sign(tail) ?? [],
      logKey: try key ?? Array(newKey().publicKey.rawRepresentation))
  }

  @Test("[attack] a continuation needs the cloud's statement, all that is anchored, and a new key")
  func continuations() throws {
    var ledger = try anchored()
    let size = ledger.chain().engine.size
    func refusal(_ continuation: Continuation, by signer: String = "hospital-1") throws -> String? {
      try ledger.append(continuation, on: "consortium", by: signer)
    }
    let genuine = try continuation(ledger, size: size)
    #expect(try refusal(genuine, by: "cloud") == "not-entitled")
    #expect(try refusal(genuine, by: "hospital-2") == "not-entitled")
    #expect(
      try refusal(continuation(ledger, size: size, signedBy: "hospital-1")) == "wrong-continuation")
    #expect(try refusal(continuation(ledger, size: size - 1)) == "wrong-continuation")
    #expect(try refusal(continuation(ledger, size: size, generation: 1)) == "wrong-continuation")
    #expect(
      try refusal(continuation(ledger, size: size, hospital: "hospital-2")) == "not-entitled")
    var other = genuine
    other.tail.size += 1
    #expect(try refusal(other) == "wrong-continuation")
    other = genuine
    other.tail.genesis = .zero
    other.cloudSignature = ledger.identities["cloud"]?.sign(other.tail) ?? []
    #expect(try refusal(other) == "wrong-continuation")
    // The key is new: not the former, not anybody's of the genesis or the directory, of full order.
    let used = [
      ledger.genesis.members.firstGeneration(of: "hospital-1").logKey,
      ledger.genesis.members.firstGeneration(of: "hospital-2").logKey,
      try #require(ledger.identities["cloud"]).publicKey,
      try #require(ledger.cosigners["cloud"]?["hospital-1"]).verifier.key.publicKey,
      try #require(ledger.doctors[LedgerFixture.team[0]]).identity.publicKey,
      [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31),
    ]
    for key in used {
      #expect(try refusal(continuation(ledger, size: size, key: key)) == "wrong-continuation")
    }
    #expect(try ledger.reader.generation(of: "hospital-1").generation == 0)
    #expect(try refusal(genuine) == nil)
    let next = try ledger.reader.generation(of: "hospital-1")
    #expect(next.generation == 1)
    #expect(next.start == size)
    #expect(next.logKey == genuine.logKey)
    // The next one again has a new key, and keeps what this one has.
    #expect(
      try refusal(continuation(ledger, size: size, generation: 1)) == "wrong-continuation")
    let third = Array(try newKey(41).publicKey.rawRepresentation)
    #expect(
      try refusal(continuation(ledger, size: size - 1, generation: 1, key: third))
        == "wrong-continuation")
    #expect(try refusal(continuation(ledger, size: size, generation: 1, key: third)) == nil)
    // No doctor takes such a key.
    var eve = try ledger.registration(of: "eve", at: "hospital-1")
    var statement = eve.registration.statement
    statement.identityKey = third
    eve = try ledger.registration(of: "eve", at: "hospital-1")
    let registration = DoctorRegistration(
      statement: statement, proof: eve.registration.proof, doctor: eve.identity,
      manager: ledger.manager.registration)
    #expect(
      try ledger.append(registration, on: "consortium", by: "hospital-1") == "already-registered")
  }

  /// A chain that a new log key has continued.
  private struct Continued {
    var ledger: LedgerFixture
    /// Where the former key, and its cloud, have gone on too.
    var former: LedgerFixture
    /// The leaves before the continuation.
    let size: UInt64
    let key: LogKey
    /// Of what the new key has written.
    var anchor: Anchor
  }

  private func continued() throws -> Continued {
    var ledger = try anchored()
    let size = ledger.chain().engine.size
    try ledger.append(continuation(ledger, size: size), on: "consortium", by: "hospital-1")
    try ledger.closeConsortiumBlock(at: 20)
    var former = try ledger.copy()
    _ = try former.conduct(2)
    try former.confirm()
    // Same tree, headers of generation 1 once the base has the continuation.
    #expect(try ledger.follow() == nil)
    _ = try ledger.conduct(2)
    let header = try #require(ledger.chain().engine.header)
    #expect(header.generation == 1)
    let tree = MerkleTree(leaves: ledger.chain().leaves)
    let key = try LogKey(
      origin: ledger.genesis.origin(of: "hospital-1", generation: 1), key: newKey())
    let anchor = Anchor(
      hospital: "hospital-1",
      note: try ledger.confirmedNote(
        "hospital-1", size: tree.size, root: tree.root, by: key), header: header,
      inclusion: try tree.inclusionProof(index: tree.size - 1, size: tree.size).hashes,
      consistency: try tree.consistencyProof(from: size, to: tree.size).hashes)
    return Continued(ledger: ledger, former: former, size: size, key: key, anchor: anchor)
  }

  @Test("[attack] after a continuation the former log key anchors nothing, and the new one goes on")
  func formerKey() throws {
    var scene = try continued()
    #expect(
      try scene.former.append(scene.former.anchor(), on: "consortium", by: "hospital-1")
        == "wrong-checkpoint")
    var otherHeader = scene.anchor
    otherHeader.header.generation = 0
    #expect(
      try scene.ledger.append(otherHeader, on: "consortium", by: "cloud") == "wrong-header")
    #expect(try scene.ledger.append(scene.anchor, on: "consortium", by: "cloud") == nil)
    #expect(try scene.ledger.reader.anchor(of: "hospital-1")?.generation == 1)
  }

  @Test("[attack] an export of both generations, with a header or a log of the wrong one")
  func exportedGenerations() throws {
    let scene = try continued()
    var (ledger, anchor) = (scene.ledger, scene.anchor)
    let former = scene.former
    #expect(try ledger.append(anchor, on: "consortium", by: "cloud") == nil)
    try ledger.closeConsortiumBlock()
    try ledger.closeBlock()
    let leaves = ledger.chain().leaves
    let size = UInt64(leaves.count)
    var continued = ledger.chain()
    continued.confirmed = ConfirmedRecord(size: size, note: anchor.note)
    ledger.chains["hospital-1"] = continued
    var report = try MemoryExport(ledger).verify(ledger)
    #expect(report.chains[1].fault == nil)
    #expect(report.chains[1].generation == 1)
    #expect(report.chains[1].finalLeaves == size)
    #expect(report.chains[1].visits.complete == 2)
    anchor.header.generation = 0
    let forged = Array(leaves.dropLast()) + [Leaf.header(anchor.header).encoded()]
    let tree = MerkleTree(leaves: forged)
    let note = try ledger.confirmedNote(
      "hospital-1", size: tree.size, root: tree.root, by: scene.key)
    var export = try MemoryExport(ledger)
    export.replaceLog(
      "hospital-1/1",
      with: MemoryExport.log("hospital-1/1", note: note, leaves: forged))
    report = try export.verify(ledger)
    #expect(report.chains[1].fault?.check == .rules)
    #expect(report.chains[1].finalLeaves == scene.size)
    // The former key, and its cloud, sign these leaves too: that is no log of the former generation.
    export.replaceLog(
      "hospital-1/1",
      with: MemoryExport.log(
        "hospital-1/0", note: try #require(former.chain().confirmed).note,
        leaves: former.chain().leaves))
    #expect(former.chain().leaves.count == leaves.count)
    report = try export.verify(ledger)
    #expect(report.chains[1].generation == 0)
    #expect(report.chains[1].fault?.check == .anchors)
    #expect(report.chains[1].fault?.reason.contains("later generation") == true)
    #expect(report.chains[1].finalLeaves == size)
  }

  @Test("[attack] a log of a former generation ends where the next one begins, or it is at fault")
  func formerLog() throws {
    var ledger = try anchored()
    let size = ledger.chain().engine.size
    let before = try ledger.copy()
    try ledger.append(continuation(ledger, size: size), on: "consortium", by: "hospital-1")
    try ledger.closeConsortiumBlock(at: 20)
    // Nothing of the new generation is confirmed yet: the former log is all there is.
    let report = try MemoryExport(ledger).verify(ledger)
    #expect(report.chains[1].generation == 0)
    #expect(report.chains[1].fault == nil)
    #expect(report.chains[1].finalLeaves == size)
    // Hospital and cloud go on writing under the former key, on a base from before.
    for number in [2, 3] as [UInt8] {
      var forger = try before.copy()
      _ = try forger.conduct(number)
      try forger.confirm()
      try forger.append(continuation(forger, size: size), on: "consortium", by: "hospital-1")
      try forger.closeConsortiumBlock(at: 20)
      #expect(forger.chain().engine.generation == 0)
      let report = try MemoryExport(forger).verify(forger)
      #expect(report.chains[1].fault?.check == .anchors)
      #expect(report.chains[1].fault?.reason.contains("other leaves") == true)
      #expect(report.chains[1].finalLeaves == size)
    }
    // Or they show less than the next generation stands on, where nothing is anchored.
    ledger = try LedgerFixture.withTeam()
    _ = try ledger.conduct(1)
    let end = ledger.chain().leaves.count
    _ = try ledger.conduct(2)
    try ledger.confirm()
    try ledger.append(
      continuation(ledger, size: ledger.chain().engine.size), on: "consortium", by: "hospital-1")
    try ledger.closeConsortiumBlock(at: 20)
    var export = try MemoryExport(ledger)
    #expect(try export.verify(ledger).chains[1].fault == nil)
    let part = MerkleTree(leaves: ledger.chain().leaves.prefix(end))
    export.replaceLog(
      "hospital-1/0",
      with: MemoryExport.log(
        "hospital-1/0",
        note: try ledger.confirmedNote("hospital-1", size: part.size, root: part.root),
        leaves: Array(ledger.chain().leaves.prefix(end))))
    #expect(try export.verify(ledger).chains[1].fault?.check == .anchors)
    export.replaceLog("hospital-1/0", with: [])
    #expect(try export.verify(ledger).chains[1].fault?.check == .anchors)
  }

  /// A ledger in which a second visit was confirmed and not anchored, and the same ledger in which
  /// hospital and cloud have made another one of as many leaves.
  private func forked() throws -> (genuine: LedgerFixture, forger: LedgerFixture) {
    var genuine = try anchored()
    var forger = try genuine.copy()
    _ = try genuine.conduct(2)
    try genuine.confirm()
    _ = try forger.conduct(3)
    try forger.closeBlock()
    #expect(genuine.chain().engine.size == forger.chain().engine.size)
    return (genuine, forger)
  }

  @Test("[attack] the next generation stands on the root that the cloud has stated")
  func otherLeavesBelowTheStart() throws {
    for isForged in [false, true] {
      let (genuine, forger) = try forked()
      let size = genuine.chain().engine.size
      let root = try (isForged ? forger : genuine).chain().engine.root(size: size)
      let statement = try continuation(genuine, size: size, root: root)
      for (ledger, isStated) in [(genuine, !isForged), (forger, isForged)] {
        var ledger = ledger
        #expect(try ledger.append(statement, on: "consortium", by: "hospital-1") == nil)
        try ledger.closeConsortiumBlock(at: 20)
        #expect(try ledger.follow() == (isStated ? nil : "wrong-generation"))
      }
    }
  }

  @Test("[attack] a leaf that was confirmed and is another one in the next generation convicts")
  func twoGenerations() throws {
    let forks = try forked()
    let genuine = forks.genuine
    var ledger = forks.forger
    let size = genuine.chain().engine.size
    let confirmed = try #require(genuine.chain().confirmed).note
    try ledger.append(continuation(ledger, size: size), on: "consortium", by: "hospital-1")
    try ledger.closeConsortiumBlock(at: 20)
    #expect(try ledger.follow() == nil)
    try ledger.closeBlock()
    let (leaves, former) = (ledger.chain().leaves, genuine.chain().leaves)
    let tree = MerkleTree(leaves: leaves)
    let key = try LogKey(
      origin: ledger.genesis.origin(of: "hospital-1", generation: 1), key: newKey())
    let next = try ledger.confirmedNote("hospital-1", size: tree.size, root: tree.root, by: key)
    func claims(_ index: UInt64) throws -> (Claim, Claim) {
      (
        Claim(note: confirmed, leaf: try leaf(former, index, size: size)),
        Claim(note: next, leaf: try leaf(leaves, index, size: tree.size))
      )
    }
    // The known checkpoint of the former generation is not of this chain.
    var export = try MemoryExport(ledger)
    export.replaceLog(
      "hospital-1/0", with: [])
    export.files += MemoryExport.log("hospital-1/1", note: next, leaves: leaves)
    #expect(try export.verify(ledger).chains[1].fault == nil)
    let found = try export.verify(ledger, known: confirmed)
    #expect(found.knownCheckpointIsCompared == true)
    #expect(found.chains[1].fault?.check == .knownCheckpoint)
    let first = try #require(former.indices.first { former[$0] != leaves[$0] })
    // What both have in common contradicts nothing; nor do leaves behind the start.
    let (one, same) = try claims(UInt64(first - 1))
    #expect(try report(&ledger, one, same) == "no-contradiction")
    var beyond = genuine
    _ = try beyond.conduct(4)
    try beyond.confirm()
    let longer = beyond.chain().leaves
    #expect(
      try report(
        &ledger,
        Claim(
          note: try #require(beyond.chain().confirmed).note,
          leaf: leaf(longer, size, size: UInt64(longer.count))),
        Claim(note: next, leaf: leaf(leaves, size, size: tree.size))) == "no-contradiction")
    let (before, after) = try claims(UInt64(first))
    #expect(try report(&ledger, after, before) == nil)
    #expect(try convictions(ledger, "cloud") == 1)
    #expect(try convictions(ledger, "hospital-1") == 0)
    #expect(try ledger.reader.isBarred("hospital-1"))
  }

  @Test("[attack] two roots of one size in two generations convict, up to the start")
  func twoRootsInTwoGenerations() throws {
    var (genuine, ledger) = try forked()
    let size = genuine.chain().engine.size
    let confirmed = try #require(genuine.chain().confirmed).note
    try ledger.append(continuation(ledger, size: size), on: "consortium", by: "hospital-1")
    let key = try LogKey(
      origin: ledger.genesis.origin(of: "hospital-1", generation: 1), key: newKey())
    func note(_ size: UInt64) throws -> String {
      try ledger.confirmedNote(
        "hospital-1", size: size, root: [UInt8](repeating: 1, count: 32), by: key)
    }
    // Behind the start there is nothing in common.
    genuine.chains["hospital-1"]?.confirmed = nil
    _ = try genuine.conduct(4)
    try genuine.confirm()
    let longer = try #require(genuine.chain().confirmed)
    #expect(
      try report(&ledger, Claim(note: longer.note), Claim(note: note(longer.size)))
        == "no-contradiction")
    #expect(try report(&ledger, Claim(note: confirmed), Claim(note: note(size))) == nil)
    #expect(try convictions(ledger, "cloud") == 1)
  }

  @Test("[attack] a chain does not begin in a generation that starts behind its beginning")
  func generationBeforeTheFirstBlock() throws {
    for (size, code) in [(0, nil), (4, "wrong-generation")] as [(UInt64, String?)] {
      var ledger = try LedgerFixture()
      let root = size == 0 ? MerkleHash.empty : [UInt8](repeating: 1, count: 32)
      // In block 0, which is the hospital's first base.
      try ledger.append(
        continuation(ledger, size: size, root: root), on: "consortium", by: "hospital-1")
      try ledger.closeConsortiumBlock(at: 10)
      #expect(try ledger.follow() == code)
    }
  }

  @Test("[attack] a base passes over no generation that begins elsewhere")
  func skippedGeneration() throws {
    let third = Array(try newKey(41).publicKey.rawRepresentation)
    var ledger = try anchored()
    let size = ledger.chain().engine.size
    // Hospital and cloud write on behind the start of generation 1, and begin generation 2 there.
    var forger = try ledger.copy()
    _ = try forger.conduct(2)
    try forger.confirm()
    let end = forger.chain().engine.size
    for (continuation, generation) in [(size, 0), (end, 1)] as [(UInt64, UInt64)] {
      #expect(
        try forger.append(
          self.continuation(
            forger, size: continuation, generation: generation,
            key: generation == 1 ? third : nil), on: "consortium", by: "hospital-1") == nil)
    }
    try forger.closeConsortiumBlock(at: 20)
    #expect(try forger.follow() == "wrong-generation")
    // Two that begin at one place are passed over together.
    for generation in [0, 1] as [UInt64] {
      try ledger.append(
        continuation(
          ledger, size: size, generation: generation, key: generation == 1 ? third : nil),
        on: "consortium", by: "hospital-1")
    }
    try ledger.closeConsortiumBlock(at: 20)
    #expect(try ledger.follow() == nil)
    try ledger.closeBlock()
    #expect(ledger.chain().engine.generation == 2)
  }

  @Test("[attack] a cloud that states another root than it confirmed is convicted")
  func contradictingTail() throws {
    let forks = try forked()
    var ledger = forks.forger
    let confirmed = try #require(forks.genuine.chain().confirmed)
    try ledger.append(
      continuation(ledger, size: confirmed.size), on: "consortium", by: "hospital-1")
    func report(_ note: String) throws -> String? {
      try ledger.append(
        WithholdingReport(hospital: "hospital-1", generation: 0, note: note), on: "consortium",
        by: "hospital-2")
    }
    // What it states it may have confirmed; what it confirmed before that too.
    let honest = try ledger.confirmedNote(
      "hospital-1", size: confirmed.size, root: ledger.chain().engine.root(size: confirmed.size))
    #expect(try report(honest) == "no-contradiction")
    #expect(try report(confirmed.note) == nil)
    #expect(try convictions(ledger, "cloud") == 1)
    #expect(try !ledger.reader.isBarred("hospital-1"))
  }

  @Test("[attack] who signed two trees and goes on under a new key is barred all the same")
  func outrunReport() throws {
    var ledger = try anchored()
    let confirmed = try #require(ledger.chain().confirmed)
    let forged = try ledger.confirmedNote(
      "hospital-1", size: confirmed.size, root: [UInt8](repeating: 1, count: 32))
    try ledger.append(
      continuation(ledger, size: confirmed.size), on: "consortium", by: "hospital-1")
    #expect(try report(&ledger, Claim(note: confirmed.note), Claim(note: forged)) == nil)
    #expect(try ledger.reader.isBarred("hospital-1"))
    try ledger.closeConsortiumBlock(at: 20)
    #expect(try ledger.follow() == nil)
    try ledger.closeBlock()
    let tree = MerkleTree(leaves: ledger.chain().leaves)
    let key = try LogKey(
      origin: ledger.genesis.origin(of: "hospital-1", generation: 1), key: newKey())
    let anchor = Anchor(
      hospital: "hospital-1",
      note: try ledger.confirmedNote("hospital-1", size: tree.size, root: tree.root, by: key),
      header: try #require(ledger.chain().leaves.last.flatMap(Leaf.header(in:))),
      inclusion: try tree.inclusionProof(index: tree.size - 1, size: tree.size).hashes,
      consistency: try tree.consistencyProof(from: confirmed.size, to: tree.size).hashes)
    #expect(try ledger.append(anchor, on: "consortium", by: "hospital-1") == "convicted")
    #expect(
      try ledger.append(
        continuation(
          ledger, size: confirmed.size, generation: 1,
          key: Array(newKey(41).publicKey.rawRepresentation)), on: "consortium",
        by: "hospital-1") == "convicted")
  }

  @Test("a base finds its generation among many, and continuations have a quota")
  func manyGenerations() throws {
    var numbers = Members.Numbers()
    numbers.supernodeQuota = 20
    var ledger = try LedgerFixture(numbers: numbers)
    func proceed(_ generation: UInt64) throws -> String? {
      try ledger.append(
        continuation(
          ledger, size: 0, root: MerkleHash.empty, generation: generation,
          key: Array(newKey(UInt8(50 + generation)).publicKey.rawRepresentation)),
        on: "consortium", by: "hospital-1")
    }
    // Two in each block.
    for generation in 0..<20 as Range<UInt64> {
      #expect(try proceed(generation) == nil)
      if generation % 2 == 1 {
        try ledger.closeConsortiumBlock(at: ledger.seconds + 10)
        if generation == 9 {
          #expect(try ledger.follow() == nil)
          try ledger.closeBlock()
          #expect(ledger.chain().engine.generation == 10)
        }
      }
    }
    #expect(try proceed(20) == "quota-spent")
    // The later ones start where the chain no longer is.
    #expect(try ledger.follow() == "wrong-generation")
  }

  @Test("[attack] a cloud that confirmed more than it states is convicted; an honest one cannot be")
  func withholding() throws {
    var ledger = try anchored()
    let size = ledger.chain().engine.size
    let anchoredNote = try #require(ledger.chain().confirmed).note
    func report(
      _ note: String, generation: UInt64 = 0, hospital: String = "hospital-1",
      by node: String = "hospital-3"
    ) throws -> String? {
      try ledger.append(
        WithholdingReport(hospital: hospital, generation: generation, note: note),
        on: "consortium", by: node)
    }
    // Before a continuation nothing is stated.
    #expect(try report(anchoredNote) == "no-contradiction")
    // The cloud had confirmed a second visit, and states that it had not.
    var withheld = try ledger.copy()
    _ = try withheld.conduct(2)
    try withheld.confirm()
    let confirmation = try #require(withheld.chain().confirmed)
    #expect(confirmation.size > size)
    try ledger.append(continuation(ledger, size: size), on: "consortium", by: "hospital-1")
    // What it confirmed up to there is honest; what the hospital alone signed above convicts nobody;
    // nor does what it confirms of the next generation, or of another chain.
    #expect(try report(anchoredNote) == "no-contradiction")
    let root = [UInt8](repeating: 1, count: 32)
    let byLog = try ledger.logKey("hospital-1").sign(
      Checkpoint(origin: ledger.genesis.origin(of: "hospital-1"), size: size + 5, root: root)
    ).note.encoded
    #expect(try report(byLog) == "no-contradiction")
    let next = try ledger.confirmedNote(
      "hospital-1", size: size + 5, root: root,
      by: LogKey(origin: ledger.genesis.origin(of: "hospital-1", generation: 1), key: newKey()))
    #expect(try report(next) == "no-contradiction")
    #expect(try report(next, generation: 1) == "no-contradiction")
    let elsewhere = try ledger.confirmedNote("hospital-2", size: size + 5, root: root)
    #expect(try report(elsewhere) == "no-contradiction")
    #expect(try report(elsewhere, hospital: "hospital-2") == "no-contradiction")
    #expect(try report(confirmation.note, generation: .max >> 1) == "no-contradiction")
    #expect(try report(confirmation.note, by: "manager") == "not-entitled")
    #expect(try convictions(ledger, "cloud") == 0)
    #expect(try report(confirmation.note) == nil)
    #expect(try convictions(ledger, "cloud") == 1)
    #expect(try convictions(ledger, "hospital-1") == 0)
    #expect(try report(confirmation.note, by: "hospital-2") == "entry-known")
  }

  @Test("reports and continuations have one form each")
  func forms() throws {
    let ledger = try anchored()
    let note = try #require(ledger.chain().confirmed).note
    let proof = try leaf(ledger.chain().leaves, 1, size: ledger.chain().engine.size)
    let bodies: [any CanonicalObject] = [
      EquivocationReport(
        chain: "hospital-1", first: Claim(note: note, leaf: proof), second: Claim(note: note)),
      FaultReport(chain: "hospital-1", note: note, index: 3),
      WithholdingReport(hospital: "hospital-1", generation: 0, note: note),
      try continuation(ledger, size: 3), try ledger.anchor(),
    ]
    for body in bodies {
      #expect(try EntryBody(encoded: body.encoded()).encoded() == body.encoded())
    }
  }
}
