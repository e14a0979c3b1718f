import CanonicalEncoding
import Credentials
import Crypto
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

/// Specification 6.13: who takes part, by votes and by what parties change of themselves. Three
/// organisations run a hospital and vote; all three have to where none is concerned, and both others
/// where one is.
@Suite("Members")
struct MemberTests {
  private let first = "organisation-of-hospital-1"
  private let second = "organisation-of-hospital-2"
  private let third = "organisation-of-hospital-3"

  private func ledger(epochLength: UInt64 = 3) throws -> LedgerFixture {
    try LedgerFixture.withTeam(epochLength: epochLength)
  }

  /// Closes blocks until the next one is the first of an epoch.
  private func finish(_ ledger: inout LedgerFixture) throws {
    repeat {
      try ledger.closeConsortiumBlock(at: ledger.seconds + 1)
    } while ledger.consortium.engine.height % ledger.genesis.content.epochLength != 0
  }

  private func epoch(_ ledger: LedgerFixture) -> UInt64 {
    ledger.genesis.epoch(ofHeight: ledger.consortium.engine.height)
  }

  /// A motion with what has to agree to it, as an honest organisation makes it.
  private func motion(
    _ ledger: LedgerFixture, _ changes: [MemberChange], by organisation: String,
    agreeing keys: [String: IdentityKey] = [:], changing change: (inout Motion) -> Void = { _ in }
  ) throws -> Entry {
    var motion = Motion(
      number: try ledger.reader.nextMotion(of: organisation), lastEpoch: epoch(ledger) + 1,
      changes: changes)
    change(&motion)
    if motion.consents.isEmpty {
      motion = motion.agreed(genesis: ledger.genesis.digest, signer: organisation, by: keys)
    }
    return ledger.entry(motion, on: "consortium", by: organisation)
  }

  private func put(
    _ ledger: inout LedgerFixture, _ changes: [MemberChange], by organisation: String,
    agreeing keys: [String: IdentityKey] = [:], changing change: (inout Motion) -> Void = { _ in }
  ) throws -> String? {
    try ledger.append(
      motion(ledger, changes, by: organisation, agreeing: keys, changing: change))
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

  /// A motion that passes by these votes, its own among them.
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

  private func team(_ hospital: Int) -> [String] {
    (1...3).map { "hospital-\(hospital)-doctor-\($0)" }
  }

  private func key(_ seed: UInt8) throws -> IdentityKey {
    try IdentityKey(seed: [UInt8](repeating: seed, count: 32))
  }

  private func node(_ ledger: LedgerFixture, _ id: String) throws -> Members.Supernode {
    try #require(ledger.reader.nextMembers.supernode(id))
  }

  // MARK: Admission

  @Test("a hospital joins by vote with the next epoch, and its chain is one like the others'")
  func joins() throws {
    var ledger = try ledger()
    let joining = try ledger.enrol("hospital-4")
    try pass(&ledger, joining.changes, by: [first, second, third], agreeing: joining.keys)
    #expect(try ledger.reader.members.hospitals.count == 3)
    #expect(
      try ledger.append(
        LedgerFixture.consortiumBody(1), on: "consortium", by: "hospital-4") == "unknown-signer")
    try finish(&ledger)
    #expect(
      try ledger.reader.members.hospitals
        == LedgerFixture.hospitals + ["hospital-4"])
    let header = try #require(ledger.consortium.engine.header)
    #expect(try header.nextMembers == ledger.reader.members.digest)

    try ledger.begin("hospital-4")
    try ledger.registerTeam(3, at: "hospital-4")
    #expect(try ledger.follow("hospital-4") == nil)
    _ = try ledger.conduct(1, team: team(4), at: "hospital-4")
    try ledger.confirmAndAnchor("hospital-4")
    // It is elected like any other, and has a vote.
    let approval = Approval(candidates: ["hospital-4"], number: 1)
    for voter in [first, second, third, "organisation-of-hospital-4"] {
      #expect(try ledger.append(approval, on: "consortium", by: voter) == nil)
    }
    try finish(&ledger)
    try finish(&ledger)
    let seats = try ledger.reader.delegates(forHeight: ledger.consortium.engine.height).seats
    #expect(seats.first?.delegate == "hospital-4")
    try finish(&ledger)
    let report = try MemoryExport(ledger).verify(ledger)
    #expect(report.chains.map(\.name).last == "hospital-4")
    #expect(report.chains.allSatisfy { $0.fault == nil })
    #expect(report.chains.last?.visits.complete == 1)
  }

  @Test("[attack] a block of a hospital before the epoch that admits it")
  func tooEarly() throws {
    var ledger = try ledger()
    let joining = try ledger.enrol("hospital-4")
    try pass(&ledger, joining.changes, by: [first, second, third], agreeing: joining.keys)
    try ledger.begin("hospital-4")
    #expect(try ledger.follow("hospital-4") == "not-entitled")
    // A base of before counts no more later either.
    let former = try ledger.finalBlock().reference
    try finish(&ledger)
    #expect(
      try ledger.append(
        BaseAdvance(base: former), on: "hospital-4", by: "hospital-4") == "not-entitled")
    // The last block of the epoch before is of that epoch.
    #expect(try ledger.follow("hospital-4") == "not-entitled")
    try ledger.closeConsortiumBlock()
    #expect(try ledger.follow("hospital-4") == nil)
  }

  @Test("[attack] a motion with one thing wrong")
  func wrongMotions() throws {
    var ledger = try ledger()
    let joining = try ledger.enrol("hospital-4")
    let (changes, keys) = (joining.changes, joining.keys)
    for signer in ["manager", "hospital-1", "cloud", "hospital-1-doctor-1"] {
      #expect(
        try ledger.append(
          Motion(number: 1, lastEpoch: 1, changes: [.setNumbers(Members.Numbers())]),
          on: "consortium",
          by: signer) == "not-entitled", "\(signer)")
    }
    for number in [0, 2] as [UInt64] {
      let code = try put(&ledger, changes, by: first, agreeing: keys) { $0.number = number }
      #expect(code == "wrong-number")
    }
    #expect(
      try put(&ledger, changes, by: first, agreeing: keys) {
        $0.lastEpoch += Motion.epochLimit + 1
      } == "wrong-motion")
    try finish(&ledger)
    #expect(
      try put(&ledger, changes, by: first, agreeing: keys) { $0.lastEpoch = 0 } == "wrong-motion")
    // Everybody who is to be a member agrees, and nobody else, to just this motion.
    for party in keys.keys {
      var fewer = keys
      fewer[party] = nil
      #expect(try put(&ledger, changes, by: first, agreeing: fewer) == "wrong-motion", "\(party)")
      var forged = keys
      forged[party] = try key(9)
      #expect(try put(&ledger, changes, by: first, agreeing: forged) == "wrong-consent", "\(party)")
    }
    var more = keys
    more["hospital-1"] = ledger.identities["hospital-1"]
    #expect(try put(&ledger, changes, by: first, agreeing: more) == "wrong-motion")
    let consents = Motion(number: 1, lastEpoch: 9, changes: changes)
      .agreed(genesis: ledger.genesis.digest, signer: first, by: keys).consents
    #expect(
      try put(&ledger, changes, by: first) { $0.consents = consents } == "wrong-consent")
    let ofOther = Motion(number: 1, lastEpoch: epoch(ledger) + 1, changes: changes)
      .agreed(genesis: ledger.genesis.digest, signer: second, by: keys).consents
    #expect(try put(&ledger, changes, by: first) { $0.consents = ofOther } == "wrong-consent")
    #expect(try put(&ledger, changes, by: first, agreeing: keys) == nil)
  }

  @Test("[attack] a motion whose changes make no members", arguments: BadChange.allCases)
  func badChanges(_ bad: BadChange) throws {
    var ledger = try ledger()
    let joining = try ledger.enrol("hospital-4")
    let (changes, keys, code) = try bad.changes(joining, &ledger)
    #expect(try put(&ledger, changes, by: first, agreeing: keys) == code)
  }

  enum BadChange: String, CaseIterable {
    case hospitalWithoutCloud, cloudOfItsOwn, organisationMissing, nameOfDoctor, nameOfNetwork
    case nameOfParty, keyOfDoctor, keyOfGenesis, keyTwice, smallOrder, otherManager, noSuchParty
    case otherLogKey, otherRole, tooManySeats, noThirdOfSeats, nobodyBarred, chainNotBarred, lag
    case removingManagersOrganisation, twoOrganisations, removingTwo
    case backWithOtherLogKey, backAsHospital, removingWhatJoins, cloudOfNobody, keysExchanged
    case keyOfAnotherParty, otherOrganisationSameKeys, otherOrganisationOneKey, readmittingNobody

    typealias Made = (changes: [MemberChange], keys: [String: IdentityKey], code: String)

    func changes(
      _ joining: LedgerFixture.Joining, _ ledger: inout LedgerFixture
    ) throws -> Made {
      let made =
        ofNewcomer(joining, ledger) ?? ofNewcomersKeys(joining, ledger)
        ?? ofMember(joining, ledger) ?? ofMembersKeys(joining, ledger) ?? ofOthers(joining, ledger)
      return try #require(made, "\(self)")
    }

    private func agreed(_ id: String, _ ledger: LedgerFixture) -> [String: IdentityKey] {
      ledger.identities[id].map { [id: $0] } ?? [:]
    }

    /// Who joins, under another name.
    private func renamed(
      _ joining: LedgerFixture.Joining, _ id: String
    ) -> (changes: [MemberChange], keys: [String: IdentityKey]) {
      var joining = joining
      joining.node.id = id
      var keys = joining.keys
      keys["hospital-4"] = nil
      keys[id] = joining.identity
      joining.hospital = id
      return (joining.changes, keys)
    }

    private func ofNewcomer(_ joining: LedgerFixture.Joining, _ ledger: LedgerFixture) -> Made? {
      var joining = joining
      switch self {
      case .hospitalWithoutCloud:
        return (Array(joining.changes.dropLast()), joining.keys, "wrong-members")
      case .cloudOfItsOwn:
        joining.node.organisation = "organisation-of-cloud"
        return (Array(joining.changes.dropFirst()), joining.keys, "wrong-members")
      case .organisationMissing:
        return (Array(joining.changes.dropFirst()), joining.keys, "wrong-members")
      case .nameOfDoctor:
        let (changes, keys) = renamed(joining, "hospital-1-doctor-1")
        return (changes, keys, "already-registered")
      case .nameOfNetwork:
        let (changes, keys) = renamed(joining, "test")
        return (changes, keys, "wrong-members")
      case .nameOfParty:
        joining.node.organisation = "office"
        let (changes, keys) = renamed(joining, "manager")
        return (Array(changes.dropFirst()), keys, "wrong-members")
      case .removingWhatJoins:
        return (joining.changes + [.remove("hospital-4")], joining.keys, "wrong-members")
      case .cloudOfNobody:
        return (Array(joining.changes.dropFirst().reversed()), joining.keys, "wrong-motion")
      case .twoOrganisations:
        return (
          joining.changes + [.remove("organisation-of-hospital-3")], joining.keys, "wrong-motion"
        )
      default: return nil
      }
    }

    private func ofNewcomersKeys(
      _ joining: LedgerFixture.Joining, _ ledger: LedgerFixture
    ) -> Made? {
      var joining = joining
      switch self {
      case .keyOfDoctor:
        joining.node.votes =
          ledger.doctors["hospital-1-doctor-1"]?.registration.statement.identityKey ?? []
        return (joining.changes, joining.keys, "already-registered")
      case .keyOfGenesis:
        joining.node.votes = ledger.genesis.members.manager.identityKey
        return (joining.changes, joining.keys, "wrong-members")
      case .keyTwice:
        joining.node.votes = joining.node.identityKey
        return (joining.changes, joining.keys, "wrong-members")
      case .smallOrder:
        joining.node.votes = [1] + [UInt8](repeating: 0, count: 31)
        return (joining.changes, joining.keys, "wrong-members")
      default: return nil
      }
    }

    /// Another hospital-2, or its return as another.
    private func ofMember(_ joining: LedgerFixture.Joining, _ ledger: LedgerFixture) -> Made? {
      var node = ledger.genesis.members.supernode("hospital-2") ?? joining.node
      let keys = agreed("hospital-2", ledger)
      switch self {
      case .otherRole:
        (node.role, node.logKey) = (.cloud, nil)
        return ([.admit(.supernode(node))], keys, "wrong-members")
      case .backWithOtherLogKey:
        node.logKey = joining.node.logKey
        return (
          [
            .remove("hospital-2"), .admit(.supernode(node)),
            .assignCloud(
              CloudAssignment(
                hospital: "hospital-2", cloud: "cloud", cosigningKey: joining.cosigningKey)),
          ], keys.merging(agreed("cloud", ledger)) { $1 }, "wrong-members"
        )
      case .backAsHospital:
        (node.role, node.logKey) = (.cloud, nil)
        return ([.remove("hospital-2"), .admit(.supernode(node))], keys, "wrong-members")
      case .otherOrganisationSameKeys:
        node.organisation = "organisation-of-hospital-3"
        return ([.admit(.supernode(node))], keys, "wrong-members")
      case .otherOrganisationOneKey:
        let (voting, log) = (node.votingKey, node.logKey)
        node = joining.node
        (node.id, node.organisation, node.logKey, node.votingKey) =
          ("hospital-2", "organisation-of-hospital-3", log, voting)
        return ([.admit(.supernode(node))], keys, "wrong-members")
      default: return nil
      }
    }

    private func ofMembersKeys(
      _ joining: LedgerFixture.Joining, _ ledger: LedgerFixture
    ) -> Made? {
      var node = ledger.genesis.members.supernode("hospital-2") ?? joining.node
      let keys = agreed("hospital-2", ledger)
      switch self {
      case .otherLogKey:
        node.logKey = joining.node.logKey
        return ([.admit(.supernode(node))], keys, "wrong-members")
      case .keysExchanged:
        (node.identityKey, node.votes) = (node.votes, node.identityKey)
        return ([.admit(.supernode(node))], keys, "already-registered")
      case .keyOfAnotherParty:
        var joining = joining
        let votes = node.votes
        node.votes = joining.node.votes
        joining.node.votes = votes
        joining.node.organisation = "organisation-of-hospital-2"
        return (
          [.admit(.supernode(node))] + joining.changes.dropFirst(), joining.keys,
          "already-registered"
        )
      default: return nil
      }
    }

    private func ofOthers(_ joining: LedgerFixture.Joining, _ ledger: LedgerFixture) -> Made? {
      switch self {
      case .otherManager:
        var manager = ledger.genesis.members.manager
        manager.id = "another"
        return ([.admit(.manager(manager))], agreed("manager", ledger), "wrong-members")
      case .noSuchParty: return ([.remove("nobody")], [:], "wrong-members")
      case .tooManySeats:
        return ([.setNumbers(Members.Numbers(seatCount: 5))], [:], "wrong-members")
      // Seven seats, of an organisation at most two, and five organisations with one supernode.
      case .noThirdOfSeats:
        return ([.setNumbers(Members.Numbers(seatCount: 7))], [:], "too-few-candidates")
      case .nobodyBarred: return ([.readmit("organisation-of-cloud")], [:], "wrong-members")
      case .chainNotBarred: return ([.unbar("hospital-1")], [:], "wrong-members")
      case .lag:
        return ([.setNumbers(Members.Numbers(window: 100))], [:], "wrong-members")
      case .readmittingNobody: return ([.readmit("nobody")], [:], "wrong-members")
      case .removingManagersOrganisation: return ([.remove("office")], [:], "wrong-members")
      case .removingTwo:
        return (
          [.remove("organisation-of-hospital-2"), .remove("organisation-of-hospital-3")], [:],
          "wrong-motion"
        )
      default: return nil
      }
    }
  }

  // MARK: Votes

  @Test("[attack] ballots of strangers, of who is concerned, twice, and on nothing")
  func ballots() throws {
    var ledger = try ledger()
    let motion = try motion(ledger, [.remove(third)], by: first)
    #expect(try ledger.append(motion) == nil)
    for voter in ["office", "organisation-of-cloud", "manager", "hospital-2", third] {
      #expect(try vote(&ledger, on: motion, by: [voter]) == ["not-entitled"], "\(voter)")
    }
    #expect(
      try ledger.append(
        Ballot(motion: motion.digest, approves: true), on: "consortium", by: second, key: key(9))
        == "wrong-signature")
    // Who has put it has voted.
    #expect(try vote(&ledger, on: motion, by: [first]) == ["already-voted"])
    let other = ledger.entry(LedgerFixture.consortiumBody(1), on: "consortium", by: "cloud")
    #expect(try vote(&ledger, on: other, by: [second]) == ["unknown-motion"])
    #expect(try vote(&ledger, on: motion, by: [second], approves: false) == [nil])
    #expect(try vote(&ledger, on: motion, by: [second]) == ["already-voted"])
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .open)
    try finish(&ledger)
    #expect(try ledger.reader.members.digest == ledger.genesis.members.digest)
  }

  @Test("more than two thirds of those who may vote: of three all, of two both, of four three")
  func majority() throws {
    var ledger = try ledger()
    let numbers = Members.Numbers(clockTolerance: 20)
    var motion = try motion(ledger, [.setNumbers(numbers)], by: first)
    #expect(try ledger.append(motion) == nil)
    #expect(try vote(&ledger, on: motion, by: [second]) == [nil])
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .open)
    #expect(try vote(&ledger, on: motion, by: [third]) == [nil])
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .passed)
    #expect(try ledger.reader.members.numbers.clockTolerance == 10)
    let joining = try ledger.enrol("hospital-4")
    try pass(&ledger, joining.changes, by: [first, second, third], agreeing: joining.keys)
    try finish(&ledger)
    #expect(try ledger.reader.members.numbers.clockTolerance == 20)
    motion = try self.motion(ledger, [.setNumbers(Members.Numbers())], by: first)
    #expect(try ledger.append(motion) == nil)
    #expect(try vote(&ledger, on: motion, by: [second]) == [nil])
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .open)
    #expect(try vote(&ledger, on: motion, by: ["organisation-of-hospital-4"]) == [nil])
    #expect(try ledger.reader.status(ofMotion: motion.digest) == .passed)
  }

  @Test("a motion lapses with its last epoch, and nobody votes on what is decided")
  func lapses() throws {
    var ledger = try ledger()
    let changes = [MemberChange.setNumbers(Members.Numbers(clockTolerance: 20))]
    let lapsing = try motion(ledger, changes, by: first)
    #expect(try ledger.append(lapsing) == nil)
    try finish(&ledger)
    #expect(try vote(&ledger, on: lapsing, by: [second]) == [nil])
    try finish(&ledger)
    #expect(try vote(&ledger, on: lapsing, by: [third]) == ["motion-closed"])
    let joining = try ledger.enrol("hospital-4")
    let passing = try motion(ledger, joining.changes, by: first, agreeing: joining.keys)
    #expect(try ledger.append(passing) == nil)
    #expect(try vote(&ledger, on: passing, by: [second, third]) == [nil, nil])
    #expect(try vote(&ledger, on: passing, by: [first]) == ["motion-closed"])
  }

  @Test("what others have passed meanwhile can make a motion fail, and nothing half done remains")
  func conflicts() throws {
    var ledger = try ledger()
    let joining = try ledger.enrol("hospital-4")
    let one = try motion(ledger, joining.changes, by: first, agreeing: joining.keys)
    #expect(try ledger.append(one) == nil)
    // Its keys stand in one motion at a time.
    var other = try motion(ledger, joining.changes, by: second, agreeing: joining.keys)
    #expect(try ledger.append(other) == "already-registered")
    #expect(try vote(&ledger, on: one, by: [second, third]) == [nil, nil])
    other = try motion(
      ledger, joining.changes, by: second, agreeing: joining.keys
    ) { $0.lastEpoch += 1 }
    #expect(try ledger.append(other) == nil)
    let before = try ledger.reader.nextMembers.digest
    // The same again changes nothing; without the organisation the hospital cannot stay.
    #expect(try vote(&ledger, on: other, by: [first, third]) == [nil, nil])
    #expect(try ledger.reader.status(ofMotion: other.digest) == .passed)
    #expect(try ledger.reader.nextMembers.digest == before)
    let gone = try motion(ledger, [.remove("organisation-of-hospital-4")], by: first)
    let replaced = try motion(
      ledger, [.remove("hospital-4")], by: second)
    for motion in [gone, replaced] { #expect(try ledger.append(motion) == nil) }
    #expect(try vote(&ledger, on: gone, by: [second, third]) == [nil, nil])
    #expect(try vote(&ledger, on: replaced, by: [first, third]) == [nil, nil])
    #expect(try ledger.reader.status(ofMotion: gone.digest) == .passed)
    #expect(try ledger.reader.status(ofMotion: replaced.digest) == .failed)
    #expect(try ledger.reader.nextMembers.digest == ledger.genesis.members.digest)
    try finish(&ledger)
    #expect(try ledger.reader.members.hospitals == LedgerFixture.hospitals)
    // A name and keys that were given once are not given again.
    #expect(
      try put(&ledger, joining.changes, by: third, agreeing: joining.keys) == "already-registered")
  }

  @Test("[attack] a flood of motions ends at a quota of its own")
  func flood() throws {
    var ledger = try ledger()
    for count in 1...16 as ClosedRange<UInt64> {
      let numbers = Members.Numbers(answerWithin: 3600 + count)
      #expect(try put(&ledger, [.setNumbers(numbers)], by: first) == nil)
    }
    #expect(try put(&ledger, [.setNumbers(Members.Numbers())], by: first) == "quota-spent")
    #expect(
      try ledger.append(
        Approval(candidates: [], number: 1), on: "consortium", by: first) == nil)
    #expect(try put(&ledger, [.setNumbers(Members.Numbers())], by: second) == nil)
    try finish(&ledger)
    #expect(try put(&ledger, [.setNumbers(Members.Numbers())], by: first) == nil)
  }

  // MARK: Removal

  @Test(
    "who is removed has no vote, no seat and no chain from the next epoch on; what was is valid")
  func removal() throws {
    var ledger = try ledger()
    try ledger.registerTeam(3, at: "hospital-3")
    #expect(try ledger.follow("hospital-3") == nil)
    _ = try ledger.conduct(1, team: team(3), at: "hospital-3")
    try ledger.confirmAndAnchor("hospital-3")
    // So that there are four who stand.
    let (changes, keys) = try ledger.enrol(cloud: "cloud-2")
    try pass(&ledger, changes, by: [first, second, third], agreeing: keys)
    try pass(&ledger, [.remove(third)], by: [first, second])
    #expect(
      try ledger.append(Approval(candidates: [], number: 1), on: "consortium", by: third) == nil)
    try finish(&ledger)
    #expect(try ledger.reader.members.hospitals == ["hospital-1", "hospital-2"])
    for signer in [third, "hospital-3"] {
      #expect(
        try ledger.append(LedgerFixture.consortiumBody(3), on: "consortium", by: signer)
          == "unknown-signer")
    }
    // Its last base is the last block of the epoch that had it.
    #expect(try ledger.follow("hospital-3") == nil)
    try ledger.confirm("hospital-3")
    try ledger.closeConsortiumBlock()
    #expect(try ledger.follow("hospital-3") == "not-entitled")
    // Its last blocks on a former base can be anchored by its cloud, for as long as they are not late.
    #expect(try ledger.append(ledger.anchor("hospital-3"), on: "consortium", by: "cloud") == nil)
    let seats = try ledger.reader.delegates(forHeight: ledger.consortium.engine.height).seats
    #expect(!seats.map(\.delegate).contains("hospital-3"))
    // Nobody takes the name, as a doctor or as a hospital.
    #expect(try ledger.register("hospital-3", at: "hospital-1") == "already-registered")
    let again = try ledger.enrol("hospital-3")
    #expect(
      try put(&ledger, again.changes, by: first, agreeing: again.keys) == "already-registered")
    try ledger.closeConsortiumBlock()
    let report = try MemoryExport(ledger).verify(ledger)
    #expect(report.chains.map(\.name) == ["consortium"] + LedgerFixture.hospitals)
    #expect(report.chains.allSatisfy { $0.fault == nil })
    #expect(report.chains.last?.visits.complete == 1)
  }

  @Test("[attack] the last organisations that could decide blocks are voted out")
  func removalOfDelegates() throws {
    var ledger = try ledger()
    #expect(try put(&ledger, [.remove(third)], by: first) == nil)
    try pass(&ledger, [.remove(third)], by: [second, first])
    // Three of four seats are a quorum; two are none.
    #expect(try put(&ledger, [.remove(second)], by: first) == "too-few-candidates")
  }

  // MARK: Rotation

  private func rotated(
    _ ledger: inout LedgerFixture, _ id: String, _ seed: UInt8
  ) throws -> (
    node: Members.Supernode, key: IdentityKey, voting: IdentityKey, cosigner: CosignerKey
  ) {
    let (identity, voting) = (try key(seed), try key(seed + 1))
    let cosigner = try CosignerKey(
      name: ValidGenesis.cosignerName(network: "test", node: id, chain: "consortium"),
      key: Curve25519.Signing.PrivateKey(
        rawRepresentation: [UInt8](repeating: seed + 2, count: 32)))
    var node = try node(ledger, id)
    node.identityKey = identity.publicKey
    node.votingKey = Members.VotingKey(publicKey: voting.publicKey)
    for index in node.cosigners.indices where node.cosigners[index].chain == "consortium" {
      node.cosigners[index].publicKey = cosigner.verifier.key.publicKey
    }
    return (node, identity, voting, cosigner)
  }

  @Test("a party takes new keys with the next epoch: identity, voting and cosigning key")
  func rotation() throws {
    var ledger = try ledger()
    let next = try rotated(&ledger, "hospital-2", 50)
    let rotation = PartyRotation(
      genesis: ledger.genesis.digest, party: .supernode(next.node), key: next.key)
    #expect(try ledger.append(rotation, on: "consortium", by: "hospital-2") == nil)
    // Not before.
    #expect(
      try ledger.append(
        Candidacy(stands: true, number: 1), on: "consortium", by: "hospital-2", key: next.key)
        == "wrong-signature")
    let checkpoint = try ledger.reader.checkpoint(size: ledger.consortium.engine.size)
    let former = try #require(ledger.cosigners["hospital-2"]?["consortium"])
    try finish(&ledger)
    #expect(
      try ledger.append(
        Candidacy(stands: true, number: 1), on: "consortium", by: "hospital-2")
        == "wrong-signature")
    ledger.replaceKeys(of: "hospital-2", next.key, next.voting, next.cosigner)
    try finish(&ledger)
    #expect(ledger.consortium.final?.size == ledger.consortium.engine.size)
    #expect(
      try ledger.append(
        Candidacy(stands: true, number: 1), on: "consortium", by: "hospital-2") == nil)
    #expect(try MemoryExport(ledger).verify(ledger).chains.allSatisfy { $0.fault == nil })

    // What the former key signs still convicts, in the epoch that had it.
    let forged = try Checkpoint(
      origin: checkpoint.origin, size: checkpoint.size, root: [UInt8](repeating: 1, count: 32))
    let claims = try [checkpoint, forged].map {
      EquivocationReport.Claim(
        note: try former.cosign($0, at: ledger.reader.time).note.encoded, epoch: 0)
    }
    var report = EquivocationReport(chain: "consortium", first: claims[0], second: claims[1])
    report.second.epoch = epoch(ledger)
    #expect(try ledger.append(report, on: "consortium", by: "cloud") == "no-contradiction")
    report.second.epoch = epoch(ledger) + 1
    #expect(try ledger.append(report, on: "consortium", by: "cloud") == "no-contradiction")
    report.second.epoch = 0
    #expect(try ledger.append(report, on: "consortium", by: "cloud") == nil)
    #expect(try ledger.reader.convictions(of: second) == 1)
  }

  @Test("[attack] a party that hides behind two keys of two epochs signs two trees")
  func equivocationAcrossRotation() throws {
    var ledger = try ledger()
    let next = try rotated(&ledger, "hospital-2", 50)
    #expect(
      try ledger.append(
        PartyRotation(
          genesis: ledger.genesis.digest, party: .supernode(next.node), key: next.key),
        on: "consortium", by: "hospital-2") == nil)
    let checkpoint = try ledger.reader.checkpoint(size: ledger.consortium.engine.size)
    let former = try #require(ledger.cosigners["hospital-2"]?["consortium"])
    try finish(&ledger)
    ledger.replaceKeys(of: "hospital-2", next.key, next.voting, next.cosigner)
    let forged = try Checkpoint(
      origin: checkpoint.origin, size: checkpoint.size, root: [UInt8](repeating: 1, count: 32))
    #expect(
      try ledger.append(
        EquivocationReport(
          chain: "consortium",
          first: .init(
            note: try former.cosign(checkpoint, at: 1).note.encoded, epoch: 0),
          second: .init(note: try next.cosigner.cosign(forged, at: 1).note.encoded, epoch: 1)),
        on: "consortium", by: "cloud") == nil)
    #expect(try ledger.reader.convictions(of: second) == 2)
  }

  @Test("[attack] who has lost a party by a vote takes it back in what is left of the epoch")
  func rotationAfterVote() throws {
    var ledger = try ledger()
    let (moved, lost) = (
      try rotated(&ledger, "hospital-2", 50), try rotated(&ledger, "hospital-3", 60)
    )
    var node = moved.node
    node.organisation = first
    let owner = try #require(ledger.identities[first])
    try pass(
      &ledger, [.admit(.supernode(node))], by: [first, third],
      agreeing: ["hospital-2": moved.key, first: owner])
    try pass(
      &ledger, [.admit(.supernode(lost.node))], by: [first, second],
      agreeing: ["hospital-3": lost.key])
    for (id, node) in [("hospital-2", node), ("hospital-3", lost.node)] {
      var taken = node
      taken.identityKey = try key(80).publicKey
      #expect(
        try ledger.append(
          PartyRotation(
            genesis: ledger.genesis.digest, party: .supernode(taken), key: key(80)),
          on: "consortium", by: id) == "not-entitled")
    }
    try finish(&ledger)
    #expect(try ledger.reader.members.organisation(of: "hospital-2") == first)
    #expect(try ledger.reader.members.identityKey(of: "hospital-3") == lost.key.publicKey)
  }

  @Test("[attack] a rotation with one thing wrong", arguments: BadRotation.allCases)
  func wrongRotations(_ bad: BadRotation) throws {
    var ledger = try ledger()
    var (node, key, _, _) = try rotated(&ledger, "hospital-2", 50)
    var (signer, code) = ("hospital-2", "wrong-rotation")
    switch bad {
    case .otherSigner: (signer, code) = ("hospital-1", "not-entitled")
    case .otherOrganisation: node.organisation = first
    case .otherRole: (node.role, node.logKey) = (.cloud, nil)
    case .otherLogKey: node.logKey = Members.LogKey(publicKey: key.publicKey)
    case .noVotingKey: node.votingKey = nil
    case .anotherChain:
      node.cosigners.append(
        Members.Cosigner(chain: "hospital-1", publicKey: ledger.generator.bytes(32)))
    case .noConsortiumKey: node.cosigners = []
    case .keyTwice: node.votes = key.publicKey
    case .keyOfAnother: node.votes = ledger.genesis.members.manager.identityKey
    case .keyOfDoctor:
      code = "already-registered"
      node.votes =
        ledger.doctors["hospital-1-doctor-1"]?.registration.statement.identityKey ?? []
    case .smallOrder: node.votes = [UInt8](repeating: 0, count: 32)
    case .nothingNew:
      node = try self.node(ledger, "hospital-2")
      key = try #require(ledger.identities["hospital-2"])
    case .falseProof: key = try self.key(99)
    case .proofForAnotherLedger: break
    }
    let genesis = bad == .proofForAnotherLedger ? Digest32.zero : ledger.genesis.digest
    let rotation = PartyRotation(genesis: genesis, party: .supernode(node), key: key)
    #expect(try ledger.append(rotation, on: "consortium", by: signer) == code)
  }

  enum BadRotation: String, CaseIterable {
    case otherSigner, otherOrganisation, otherRole, otherLogKey, noVotingKey, anotherChain
    case noConsortiumKey, keyTwice, keyOfAnother, keyOfDoctor, smallOrder, nothingNew, falseProof
    case proofForAnotherLedger
  }

  @Test(
    "organisation and manager rotate; the key that signs registrations is for a vote to replace")
  func otherRotations() throws {
    var ledger = try ledger()
    let fresh = try key(70)
    let organisation = PartyRotation(
      genesis: ledger.genesis.digest,
      party: .organisation(Members.Organisation(id: first, identityKey: fresh.publicKey)),
      key: fresh)
    #expect(try ledger.append(organisation, on: "consortium", by: first) == nil)
    var manager = ledger.genesis.members.manager
    manager.registrationKey = try key(71).publicKey
    #expect(
      try ledger.append(
        PartyRotation(
          genesis: ledger.genesis.digest, party: .manager(manager),
          key: #require(ledger.identities["manager"])),
        on: "consortium", by: "manager") == "wrong-rotation")
    try pass(
      &ledger, [.admit(.manager(manager))], by: [first, second, third],
      agreeing: ["manager": #require(ledger.identities["manager"])])
    try finish(&ledger)
    #expect(
      try ledger.append(Approval(candidates: [], number: 1), on: "consortium", by: first)
        == "wrong-signature")
    #expect(
      try ledger.append(
        Approval(candidates: [], number: 1), on: "consortium", by: first, key: fresh) == nil)
    // Whose registration the former key signed stays registered; nobody new is by it.
    #expect(try ledger.register("late", at: "hospital-1") == "wrong-registration")
    #expect(try ledger.follow() == nil)
    _ = try ledger.conduct(1)
  }

  @Test("a key that was lost is replaced by a vote of the others")
  func lostKey() throws {
    var ledger = try ledger()
    let fresh = try key(70)
    let replaced = MemberChange.admit(
      .organisation(Members.Organisation(id: third, identityKey: fresh.publicKey)))
    try pass(&ledger, [replaced], by: [first, second], agreeing: [third: fresh])
    try finish(&ledger)
    #expect(
      try ledger.append(
        Approval(candidates: [], number: 1), on: "consortium", by: third) == "wrong-signature")
    #expect(
      try ledger.append(
        Approval(candidates: [], number: 1), on: "consortium", by: third, key: fresh) == nil)
  }

  // MARK: Others

  @Test("seats grow by vote, with who stands for them")
  func moreSeats() throws {
    var ledger = try ledger()
    for number in 2...4 {
      let (changes, keys) = try ledger.enrol(cloud: "cloud-\(number)")
      try pass(&ledger, changes, by: [first, second, third], agreeing: keys)
    }
    try pass(&ledger, [.setNumbers(Members.Numbers(seatCount: 7))], by: [first, second, third])
    let known = KnownDelegates(ledger.genesis)
    try finish(&ledger)
    let height = ledger.consortium.engine.height
    #expect(try ledger.reader.delegates(forHeight: height).seats.count == 7)
    #expect(try ledger.reader.delegates(forHeight: height - 1).seats.count == 4)
    try ledger.closeConsortiumBlock(cosignedBy: 4)
    #expect(ledger.consortium.final?.height == height - 1)
    try ledger.closeConsortiumBlock(cosignedBy: 5)
    #expect(ledger.consortium.final?.height == height + 1)
    // And a client without the chain follows.
    var followed = known
    for end in try ledger.reader.epochEnds(from: 0, byteCount: 1 << 20) {
      try followed.follow(end, genesis: ledger.genesis)
    }
    #expect(followed.epoch == 1)
    #expect(followed.keys(of: ledger.genesis).threshold == 5)
    #expect(try followed.members == ledger.reader.members.digest)
    #expect(followed.members != known.members)
    #expect(try MemoryExport(ledger).verify(ledger).chains[0].fault == nil)
  }

  @Test(
    "who was convicted is elected again, and a barred chain goes on, after a vote of the others")
  func readmission() throws {
    var ledger = try ledger()
    _ = try ledger.conduct(1)
    try ledger.confirmAndAnchor()
    let leaves = ledger.chain().leaves
    let forged = try ledger.confirmedNote(
      "hospital-1", size: UInt64(leaves.count), root: [UInt8](repeating: 1, count: 32))
    let genuine = try #require(ledger.chain().confirmed).note
    #expect(
      try ledger.append(
        EquivocationReport(
          chain: "hospital-1", first: .init(note: genuine, epoch: 0),
          second: .init(note: forged, epoch: 0)),
        on: "consortium", by: "hospital-2") == nil)
    let cloud = "organisation-of-cloud"
    #expect(try ledger.reader.election(afterEpoch: 0).candidates.filter(\.isBarred).count == 1)
    #expect(try ledger.reader.isBarred("hospital-1"))
    // With the key that was convicted it could do the same again, and nothing would follow.
    #expect(try put(&ledger, [.readmit(cloud)], by: first) == "wrong-members")
    var node = try node(ledger, "cloud")
    for index in node.cosigners.indices where node.cosigners[index].chain == "hospital-1" {
      node.cosigners[index].publicKey = ledger.generator.bytes(32)
    }
    #expect(
      try ledger.append(
        PartyRotation(
          genesis: ledger.genesis.digest, party: .supernode(node),
          key: #require(ledger.identities["cloud"])), on: "consortium", by: "cloud") == nil)
    try pass(&ledger, [.readmit(cloud)], by: [first, second, third])
    #expect(try ledger.reader.election(afterEpoch: 0).candidates.allSatisfy { !$0.isBarred })
    #expect(try ledger.reader.convictions(of: cloud) == 1)
    try pass(&ledger, [.unbar("hospital-1")], by: [second, third])
    #expect(try !ledger.reader.isBarred("hospital-1"))
  }

  @Test("[attack] an export whose header names other members than the votes made")
  func forgedHeader() throws {
    var ledger = try ledger()
    try finish(&ledger)
    var leaves = try (0..<ledger.consortium.engine.size).map {
      try #require(try ledger.reader.leaf($0))
    }
    let last = try #require(leaves.last.flatMap(Leaf.header(in:)))
    for members in [Digest32(sha256: [1]), nil] as [Digest32?] {
      var header = last
      header.nextMembers = members
      leaves[leaves.count - 1] = Leaf.header(header).encoded()
      var export = try MemoryExport(ledger)
      let tree = MerkleTree(leaves: leaves)
      let checkpoint = try Checkpoint(
        origin: ledger.genesis.origin(of: "consortium"), size: tree.size, root: tree.root)
      let notes = try (LedgerFixture.hospitals + ["cloud"]).map {
        try ledger.cosigned(checkpoint, of: "consortium", by: $0)
      }
      let note = try #require(CosignedCheckpoint.merged(notes)).note.encoded
      export.replaceLog(
        "consortium", with: MemoryExport.log("consortium", note: note, leaves: leaves))
      let fault = try export.verify(ledger).chains[0].fault
      #expect(fault?.check == .rules)
      #expect(fault?.height == 2)
    }
  }
}
