import CanonicalEncoding
import Consensus
import Credentials
import Crypto
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

/// Attacks on who takes part (specification 6.8, 6.13): each was mounted with success once.
@Suite("Attacks on members")
struct MemberAttackTests {
  private let first = "organisation-of-hospital-1"
  private let second = "organisation-of-hospital-2"
  private let third = "organisation-of-hospital-3"
  private let ofCloud = "organisation-of-cloud"

  private func ledger(epochLength: UInt64 = 3) throws -> LedgerFixture {
    try LedgerFixture.withTeam(epochLength: epochLength)
  }

  private func finish(_ ledger: inout LedgerFixture) throws {
    repeat {
      try ledger.closeConsortiumBlock(at: ledger.seconds + 1)
    } while ledger.consortium.engine.height % ledger.genesis.content.epochLength != 0
  }

  private func epoch(_ ledger: LedgerFixture) -> UInt64 {
    ledger.genesis.epoch(ofHeight: ledger.consortium.engine.height)
  }

  private func motion(
    _ ledger: LedgerFixture, _ changes: [MemberChange], by organisation: String,
    agreeing keys: [String: IdentityKey] = [:], lasting epochs: UInt64 = 1,
    key: IdentityKey? = nil
  ) throws -> Entry {
    let motion = Motion(
      number: try ledger.reader.nextMotion(of: organisation), lastEpoch: epoch(ledger) + epochs,
      changes: changes
    ).agreed(genesis: ledger.genesis.digest, signer: organisation, by: keys)
    return ledger.entry(motion, on: "consortium", by: organisation, key: key)
  }

  private func vote(
    _ ledger: inout LedgerFixture, on motion: Entry, by organisations: [String],
    approves: Bool = true
  ) throws -> [String?] {
    try organisations.map {
      try ledger.append(
        Ballot(motion: motion.digest, approves: approves), on: "consortium", by: $0)
    }
  }

  private func pass(
    _ ledger: inout LedgerFixture, _ changes: [MemberChange], by organisations: [String],
    agreeing keys: [String: IdentityKey] = [:]
  ) throws {
    let motion = try motion(ledger, changes, by: organisations[0], agreeing: keys)
    #expect(try ledger.append(motion) == nil)
    #expect(
      try vote(&ledger, on: motion, by: Array(organisations.dropFirst()))
        .allSatisfy { $0 == nil })
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .passed)
  }

  private func key(_ seed: UInt8) throws -> IdentityKey {
    try IdentityKey(seed: [UInt8](repeating: seed, count: 32))
  }

  private func cosigner(_ seed: UInt8, _ node: String, _ chain: String) throws -> CosignerKey {
    try CosignerKey(
      name: ValidGenesis.cosignerName(network: "test", node: node, chain: chain),
      key: Curve25519.Signing.PrivateKey(
        rawRepresentation: [UInt8](repeating: seed, count: 32)))
  }

  private func node(_ ledger: LedgerFixture, _ id: String) throws -> Members.Supernode {
    try #require(ledger.reader.nextMembers.supernode(id))
  }

  private func rotated(
    _ ledger: inout LedgerFixture, _ id: String, _ seed: UInt8
  ) throws -> (
    node: Members.Supernode, key: IdentityKey, voting: IdentityKey, cosigner: CosignerKey
  ) {
    let (identity, voting) = (try key(seed), try key(seed + 1))
    let cosigner = try cosigner(seed + 2, id, "consortium")
    var node = try node(ledger, id)
    node.identityKey = identity.publicKey
    node.votingKey = Members.VotingKey(publicKey: voting.publicKey)
    for index in node.cosigners.indices where node.cosigners[index].chain == "consortium" {
      node.cosigners[index].publicKey = cosigner.verifier.key.publicKey
    }
    return (node, identity, voting, cosigner)
  }

  // MARK: Evidence

  @Test("[attack] the former owner of a supernode frames the organisation that took it over")
  func formerOwnerFramesNewOne() throws {
    var ledger = try ledger()
    let moved = try rotated(&ledger, "hospital-2", 50)
    var node = moved.node
    node.organisation = first
    let former = try #require(ledger.cosigners["hospital-2"]?["consortium"])
    try pass(
      &ledger, [.admit(.supernode(node))], by: [first, third],
      agreeing: ["hospital-2": moved.key, first: try #require(ledger.identities[first])])
    try finish(&ledger)
    ledger.replaceKeys(of: "hospital-2", moved.key, moved.voting, moved.cosigner)
    try finish(&ledger)
    // The new owner signs what is true, once; the former one something false with the old key.
    let genuine = try ledger.reader.checkpoint(size: ledger.consortium.engine.size)
    let forged = try Checkpoint(
      origin: genuine.origin, size: genuine.size, root: [UInt8](repeating: 1, count: 32))
    #expect(
      try ledger.append(
        EquivocationReport(
          chain: "consortium",
          first: .init(note: try former.cosign(forged, at: 1).note.encoded, epoch: 0),
          second: .init(note: try moved.cosigner.cosign(genuine, at: 1).note.encoded, epoch: 1)),
        on: "consortium", by: "hospital-3") == "no-contradiction")
    #expect(try ledger.reader.convictions(of: first) == 0)
  }

  @Test(
    "[attack] a hospital has another cloud state its tail, and accuses the former of withholding")
  func hospitalFramesFormerCloud() throws {
    var ledger = try ledger(epochLength: 20)
    _ = try ledger.conduct(1)
    try ledger.confirmAndAnchor()
    let anchored = ledger.chain().engine.size
    let root = try ledger.chain().engine.root(size: anchored)
    _ = try ledger.conduct(2)
    try ledger.confirm()
    let confirmed = try #require(ledger.chain().confirmed)
    #expect(confirmed.size > anchored)
    // Another cloud gets the chain, by a vote of the others; of the hospital it has what is anchored.
    let (changes, keys) = try ledger.enrol(cloud: "cloud-2")
    try pass(&ledger, changes, by: [first, second, third], agreeing: keys)
    let cosigner = try cosigner(90, "cloud-2", "hospital-1")
    let cloud2 = try #require(ledger.identities["cloud-2"])
    try pass(
      &ledger,
      [
        .assignCloud(
          CloudAssignment(
            hospital: "hospital-1", cloud: "cloud-2",
            cosigningKey: cosigner.verifier.key.publicKey))
      ], by: [second, third], agreeing: ["cloud-2": cloud2])
    try finish(&ledger)
    // What the new cloud states is true: it has confirmed nothing above.
    let tail = TailStatement(
      genesis: ledger.genesis.digest, hospital: "hospital-1", generation: 0, size: anchored,
      root: try #require(Digest32(root)))
    #expect(
      try ledger.append(
        Continuation(
          tail: tail, cloudSignature: cloud2.sign(tail),
          logKey: Array(
            try Curve25519.Signing.PrivateKey(
              rawRepresentation: [UInt8](repeating: 91, count: 32)
            ).publicKey.rawRepresentation)),
        on: "consortium", by: "hospital-1") == nil)
    #expect(try ledger.reader.convictions(of: ofCloud) == 0)
    #expect(
      try ledger.append(
        WithholdingReport(
          hospital: "hospital-1", generation: 0, note: confirmed.note, epoch: 0),
        on: "consortium", by: "hospital-1") == "no-contradiction")
    #expect(try ledger.reader.convictions(of: ofCloud) == 0)
  }

  @Test("[attack] a cloud's key is given to another cloud")
  func keyGivenTwice() throws {
    var ledger = try ledger()
    let (changes, keys) = try ledger.enrol(cloud: "cloud-2")
    try pass(&ledger, changes, by: [first, second, third], agreeing: keys)
    let stolen = try #require(ledger.cosigners["cloud"]?["hospital-1"]?.verifier.key.publicKey)
    let assigned = MemberChange.assignCloud(
      CloudAssignment(hospital: "hospital-1", cloud: "cloud-2", cosigningKey: stolen))
    #expect(
      try ledger.append(
        motion(
          ledger, [assigned], by: second,
          agreeing: ["cloud-2": #require(ledger.identities["cloud-2"])])) == "already-registered")
  }

  @Test("[attack] a delegate votes twice, and keeps its seat with another key")
  func seatAfterRotation() throws {
    var ledger = try ledger()
    let next = try rotated(&ledger, "hospital-2", 50)
    let height = ledger.consortium.engine.height
    let votes = try [Digest32(sha256: [1]), Digest32(sha256: [2])].map {
      VoteEquivocationReport.Statement(
        try ledger.vote(for: $0, height: height, by: "hospital-2"))
    }
    #expect(
      try ledger.append(
        PartyRotation(
          genesis: ledger.genesis.digest, party: .supernode(next.node), key: next.key),
        on: "consortium", by: "hospital-2") == nil)
    try finish(&ledger)
    ledger.replaceKeys(of: "hospital-2", next.key, next.voting, next.cosigner)
    #expect(
      try ledger.append(
        VoteEquivocationReport(first: votes[0], second: votes[1]), on: "consortium", by: "cloud")
        == nil)
    #expect(try ledger.reader.isBarred(organisation: second))
    try ledger.closeConsortiumBlock()
    let delegates = try ledger.reader.delegates(forHeight: ledger.consortium.engine.height)
    #expect(delegates.emptySeats == [try #require(delegates.seat(of: "hospital-2"))])
  }

  // MARK: Readmission

  @Test("[attack] delegates are readmitted with convicted keys, to seats that are empty")
  func readmittedToEmptySeats() throws {
    var ledger = try ledger()
    func convict(_ node: String, by reporter: String) throws {
      let height = ledger.consortium.engine.height
      let votes = try [Digest32(sha256: [1]), Digest32(sha256: [2])].map {
        VoteEquivocationReport.Statement(try ledger.vote(for: $0, height: height, by: node))
      }
      #expect(
        try ledger.append(
          VoteEquivocationReport(first: votes[0], second: votes[1]), on: "consortium",
          by: reporter) == nil)
    }
    for name in ["cloud-2", "cloud-3"] {
      let (changes, keys) = try ledger.enrol(cloud: name)
      try pass(&ledger, changes, by: [first, second, third], agreeing: keys)
    }
    try convict("cloud", by: "hospital-1")
    try finish(&ledger)
    // Never more than one seat of four is empty.
    #expect(
      try ledger.reader.delegates(forHeight: ledger.consortium.engine.height).emptySeats.isEmpty)
    try convict("hospital-3", by: "hospital-1")
    try finish(&ledger)
    #expect(
      try ledger.reader.delegates(forHeight: ledger.consortium.engine.height).emptySeats.isEmpty)
    for (organisation, mover) in [(ofCloud, first), (third, first)] {
      #expect(
        try ledger.append(motion(ledger, [.readmit(organisation)], by: mover)) == "wrong-members")
    }
    // With other keys they can be.
    let fresh = try rotated(&ledger, "hospital-3", 50)
    #expect(
      try ledger.append(
        PartyRotation(
          genesis: ledger.genesis.digest, party: .supernode(fresh.node), key: fresh.key),
        on: "consortium", by: "hospital-3") == nil)
    try pass(&ledger, [.readmit(third)], by: [first, second])
    #expect(try !ledger.reader.isBarred(organisation: third))
  }

  @Test("[attack] a pardon for keys that go on to sign two trees")
  func impunity() throws {
    var ledger = try ledger()
    _ = try ledger.conduct(1)
    try ledger.confirmAndAnchor()
    func forgery(_ byte: UInt8) throws -> String {
      try ledger.confirmedNote(
        "hospital-1", size: UInt64(ledger.chain().leaves.count),
        root: [UInt8](repeating: byte, count: 32))
    }
    func report(_ byte: UInt8) throws -> String? {
      let forged = try forgery(byte)
      return try ledger.append(
        EquivocationReport(
          chain: "hospital-1",
          first: .init(note: try #require(ledger.chain().confirmed).note, epoch: 0),
          second: .init(note: forged, epoch: 0)), on: "consortium", by: "hospital-2")
    }
    #expect(try report(1) == nil)
    #expect(
      try ledger.append(motion(ledger, [.readmit(ofCloud)], by: first)) == "wrong-members")
    try pass(&ledger, [.unbar("hospital-1")], by: [second, third])
    // The chain goes on with another log key, and not with the one that was convicted.
    _ = try ledger.conduct(2)
    try ledger.confirm()
    #expect(
      try ledger.append(ledger.anchor(), on: "consortium", by: "hospital-1") == "convicted")
  }

  // MARK: Votes

  @Test("[attack] a thief with a hospital's key takes a key of the motion that is to replace it")
  func thiefKillsReplacement() throws {
    var ledger = try ledger()
    let thief = try #require(ledger.identities["hospital-3"])
    let replaced = try rotated(&ledger, "hospital-3", 60)
    let motion = try motion(
      ledger, [.admit(.supernode(replaced.node))], by: first,
      agreeing: ["hospital-3": replaced.key])
    #expect(try ledger.append(motion) == nil)
    var node = try node(ledger, "hospital-3")
    node.votes = replaced.node.votes
    #expect(
      try ledger.append(
        PartyRotation(genesis: ledger.genesis.digest, party: .supernode(node), key: thief),
        on: "consortium", by: "hospital-3") == "already-registered")
    #expect(try vote(&ledger, on: motion, by: [second]) == [nil])
    try finish(&ledger)
    #expect(
      try ledger.reader.members.identityKey(of: "hospital-3") == replaced.key.publicKey)
  }

  @Test("[attack] one member keeps everybody from joining, by taking a key of the motion")
  func squatter() throws {
    var ledger = try ledger()
    let joining = try ledger.enrol("hospital-4")
    let motion = try motion(ledger, joining.changes, by: first, agreeing: joining.keys)
    #expect(try ledger.append(motion) == nil)
    var node = try node(ledger, "hospital-3")
    node.votes = joining.node.identityKey
    #expect(
      try ledger.append(
        PartyRotation(
          genesis: ledger.genesis.digest, party: .supernode(node),
          key: try #require(ledger.identities["hospital-3"])),
        on: "consortium", by: "hospital-3") == "already-registered")
    // Nor does a doctor get it, with a proof too.
    let doctor = try ledger.registration(
      of: "hospital-3-doctor-9", at: "hospital-3", identity: joining.identity)
    #expect(
      try ledger.append(doctor.registration, on: "consortium", by: "hospital-3")
        == "already-registered")
    #expect(try vote(&ledger, on: motion, by: [second, third]) == [nil, nil])
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .passed)
  }

  @Test("[attack] a change that concerns the opponent, beside one that all have to decide")
  func bundled() throws {
    var ledger = try ledger()
    let numbers = Members.Numbers(answerWithin: 86_400 * 366, signerQuota: 1)
    let fresh = try cosigner(98, "cloud", "hospital-3").verifier.key.publicKey
    let alone = try motion(ledger, [.setNumbers(numbers)], by: first)
    #expect(try ledger.append(alone) == nil)
    #expect(try vote(&ledger, on: alone, by: [second]) == [nil])
    #expect(try ledger.reader.status(ofMotion: alone.digest) == .open)
    let bundle = try motion(
      ledger,
      [
        .setNumbers(numbers),
        .assignCloud(
          CloudAssignment(hospital: "hospital-3", cloud: "cloud", cosigningKey: fresh)),
      ], by: first, agreeing: ["cloud": try #require(ledger.identities["cloud"])])
    #expect(try ledger.append(bundle) == "wrong-motion")
  }

  @Test("[attack] a ballot against a motion makes it pass")
  func passedByNo() throws {
    var ledger = try ledger()
    for name in ["hospital-4", "hospital-5"] {
      let joining = try ledger.enrol(name)
      try pass(&ledger, joining.changes, by: [first, second, third], agreeing: joining.keys)
    }
    try finish(&ledger)
    let numbers = Members.Numbers(clockTolerance: 20)
    let motion = try motion(ledger, [.setNumbers(numbers)], by: first, lasting: 5)
    #expect(try ledger.append(motion) == nil)
    #expect(try vote(&ledger, on: motion, by: [second, third]) == [nil, nil])
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .open)
    try pass(&ledger, [.remove("organisation-of-hospital-5")], by: [first, second, third])
    try finish(&ledger)
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .open)
    #expect(
      try vote(&ledger, on: motion, by: ["organisation-of-hospital-4"], approves: false) == [nil])
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .open)
  }

  @Test("[attack] a vote that a thief has cast counts after the key was replaced")
  func stolenVote() throws {
    var ledger = try ledger()
    let stolen = try #require(ledger.identities[third])
    let numbers = Members.Numbers(clockTolerance: 20)
    let motion = try motion(ledger, [.setNumbers(numbers)], by: first, lasting: 5)
    #expect(try ledger.append(motion) == nil)
    #expect(
      try ledger.append(
        Ballot(motion: motion.digest, approves: true), on: "consortium", by: third, key: stolen)
        == nil)
    let fresh = try key(70)
    try pass(
      &ledger,
      [.admit(.organisation(Members.Organisation(id: third, identityKey: fresh.publicKey)))],
      by: [first, second], agreeing: [third: fresh])
    try finish(&ledger)
    // With the thief's vote it would be all three; with the fresh key nobody has voted yet.
    #expect(try vote(&ledger, on: motion, by: [second]) == [nil])
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .open)
    #expect(
      try ledger.append(
        Ballot(motion: motion.digest, approves: false), on: "consortium", by: third, key: fresh)
        == nil)
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .open)
  }

}
