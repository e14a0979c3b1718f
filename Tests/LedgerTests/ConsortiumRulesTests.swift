import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

@Suite("Rules of the consortium chain")
struct ConsortiumRulesTests {
  // MARK: The directory

  @Test("a registration becomes final with its block, and names the doctor in the directory")
  func registration() throws {
    var ledger = try LedgerFixture()
    #expect(try ledger.register("ada", at: "hospital-1") == nil)
    #expect(try ledger.reader.doctor("ada")?.isFinal == false)
    try ledger.closeConsortiumBlock(cosignedBy: 2)
    #expect(try ledger.reader.finalBlock() == nil)
    #expect(try ledger.reader.doctor("ada")?.isFinal == false)
    try ledger.cosign(by: "hospital-3")
    #expect(try ledger.reader.finalBlock()?.reference.height == 0)
    #expect(try ledger.reader.doctor("ada")?.isFinal == true)
    #expect(
      try ledger.reader.identityKey(of: "ada")
        == ledger.doctors["ada"]?.identity.publicKey
    )
    #expect(try ledger.reader.doctor("eve") == nil)
  }

  @Test("[attack] items 11, 15: a doctor without the signature of hospital or manager, or a proof")
  func falseRegistrations() throws {
    var ledger = try LedgerFixture()
    let doctor = try ledger.registration(of: "eve", at: "hospital-1")
    let genuine = doctor.registration
    // Another hospital submits it, or one that does not exist.
    #expect(try ledger.append(genuine, on: "consortium", by: "hospital-2") == "not-entitled")
    #expect(try ledger.append(genuine, on: "consortium", by: "manager") == "not-entitled")
    // Somebody else signs in the manager's place.
    var forged = genuine
    forged.managerSignature = ledger.identities["manager"]?.sign(genuine.statement.encoded()) ?? []
    #expect(try ledger.append(forged, on: "consortium", by: "hospital-1") == "wrong-registration")
    // Another doctor's proof.
    let other = try ledger.registration(of: "eve", at: "hospital-1").registration
    forged = genuine
    forged.proof = other.proof
    #expect(try ledger.append(forged, on: "consortium", by: "hospital-1") == "wrong-registration")
    // Of another ledger or suite, with all signatures.
    for change in 0..<3 {
      let signing = DoctorSigningKey<LedgerFixture.Suite>(using: &ledger.generator)
      var statement = signing.statement(
        genesis: change == 0 ? Digest32(sha256: []) : ledger.genesis.digest,
        doctor: change == 2 ? "Eve" : "eve", hospital: "hospital-1",
        identityKey: doctor.identity.publicKey)
      if change == 1 { statement.suite = "other" }
      let foreign = DoctorRegistration(
        statement: statement, proof: genuine.proof, doctor: doctor.identity,
        manager: ledger.manager.registration)
      #expect(
        try ledger.append(foreign, on: "consortium", by: "hospital-1") == "wrong-registration")
    }
    #expect(try ledger.append(genuine, on: "consortium", by: "hospital-1") == nil)
  }

  @Test("an identifier or a key is registered once")
  func registeredTwice() throws {
    var ledger = try LedgerFixture()
    try ledger.register("ada", at: "hospital-1")
    let ada = try #require(ledger.doctors["ada"])
    #expect(try ledger.register("ada", at: "hospital-1") == "already-registered")
    #expect(try ledger.register("cloud", at: "hospital-1") == "already-registered")
    #expect(try ledger.register("consortium", at: "hospital-1") == "already-registered")
    // The same scheme key under another name: the rogue colleague of item 11.
    let statement = ada.key.statement(
      genesis: ledger.genesis.digest, doctor: "bob", hospital: "hospital-1",
      identityKey: try IdentityKey(seed: [UInt8](repeating: 7, count: 32)).publicKey)
    let twin = DoctorRegistration(
      statement: statement, proof: try ada.key.prove(statement, using: &ledger.generator),
      doctor: try IdentityKey(seed: [UInt8](repeating: 7, count: 32)),
      manager: ledger.manager.registration)
    #expect(try ledger.append(twin, on: "consortium", by: "hospital-1") == "already-registered")
  }

  // MARK: Time

  @Test(
    "each gap between blocks counts as at most half of maxLag", arguments: [0, 1, 59, 60, 61, 9000])
  func countedTime(gap: UInt64) throws {
    var ledger = try LedgerFixture()
    try ledger.closeConsortiumBlock(at: 7)
    let before = try #require(ledger.consortium.engine.header)
    #expect(before.countedTime == LedgerFixture.start + 7)
    try ledger.closeConsortiumBlock(at: 7 + gap)
    let header = try #require(ledger.consortium.engine.header)
    #expect(header.time == before.time + gap)
    #expect(header.countedTime == before.countedTime + min(gap, 60))
    // Later gaps count by themselves: what was cut off does not come back.
    try ledger.closeConsortiumBlock(at: 7 + gap + 30)
    #expect(ledger.consortium.engine.header?.countedTime == header.countedTime + 30)
  }

  // MARK: What is an entry

  @Test("[attack] an entry signed by another, for another ledger, or twice")
  func foreignEntries() throws {
    var ledger = try LedgerFixture()
    let genuine = try ledger.registration(of: "ada", at: "hospital-1").registration
    let report = LedgerFixture.consortiumBody(1)
    #expect(
      try ledger.append(
        genuine, on: "consortium", by: "hospital-1", key: ledger.identities["hospital-2"])
        == "wrong-signature")
    #expect(
      try ledger.append(
        report, on: "consortium", by: "nobody", key: ledger.identities["hospital-2"])
        == "unknown-signer")
    let foreign = try LedgerFixture(seed: 2)
    for stranger in [
      foreign.entry(genuine, on: "consortium", by: "hospital-1"),
      ledger.entry(genuine, on: "hospital-1", by: "hospital-1"),
    ] {
      #expect(try ledger.fault(of: [ledger.opening(), stranger]) == "wrong-chain")
      guard case .failure(let refusal) = try ledger.open.judge(stranger) else {
        Issue.record("it is of this chain")
        continue
      }
      #expect(refusal.code == "wrong-chain")
    }
    let entry = ledger.entry(genuine, on: "consortium", by: "hospital-1")
    #expect(try ledger.append(entry) == nil)
    #expect(try ledger.append(entry) == "entry-known")
    #expect(ledger.waiting == [entry])
    #expect(try ledger.fault(of: [ledger.opening(), entry, entry]) == "entry-known")
    try ledger.closeConsortiumBlock()
    #expect(try ledger.append(entry) == "entry-known")
  }

  @Test("kinds of a hospital's chain are no items")
  func wrongKinds() throws {
    var ledger = try LedgerFixture()
    let visit = Digest32(sha256: [1])
    let revocation = Revocation(visit: visit, document: visit)
    #expect(try ledger.append(revocation, on: "consortium", by: "hospital-1") == "wrong-kind")
    #expect(
      try ledger.append(
        Refused(entry: visit, code: "late"), on: "consortium", by: "hospital-1") == "wrong-kind")
    // Before an opening nothing has a kind.
    let stray = ledger.entry(revocation, on: "consortium", by: "hospital-1")
    #expect(try ledger.fault(of: [stray]) == "opening-missing")
  }

  @Test("[attack] S1: a body that is no kind of the module stops nobody")
  func strangeBodies() throws {
    let ledger = try LedgerFixture()
    // 60 levels of SEQUENCE in the place of a body.
    var body: [UInt8] = [0x05, 0x00]
    for _ in 0..<60 { body = [0x30, UInt8(body.count)] + body }
    let report = LedgerFixture.consortiumBody(1)
    let bytes = ledger.entry(report, on: "consortium", by: "hospital-1").encoded()
    #expect(throws: DecodingFailure.self) { try EntryBody(encoded: body) }
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: report.encoded()) })
    var forged = bytes
    forged.replaceSubrange(place..<place + report.encoded().count, with: body)
    let opening = try ledger.opening().encoded()
    for junk in [forged, [], [1, 2, 3], [UInt8](repeating: 0x61, count: 100_000)] {
      guard case .failure(let fault) = try ledger.consortium.trial([opening, junk]),
        case .undecodable = fault.reason
      else {
        Issue.record("\(junk.prefix(9)) was read")
        continue
      }
      #expect(fault.index == 1)
    }
    // Bodies that former versions of the rules had.
    for tag in [0x69, 0x6a, 0x6c] as [UInt8] {
      #expect(throws: DecodingFailure.self) {
        try EntryBody(encoded: [tag, 0x08, 0x30, 0x06, 2, 1, 1, 2, 1, 7])
      }
    }
    #expect(try ledger.fault(of: [ledger.opening()]) == nil)
  }

  // MARK: Limits

  @Test("[attack] whoever fills a block leaves room for its opening, and nothing waits for ever")
  func fullBlock() throws {
    var numbers = Members.Numbers()
    numbers.blockByteLimit = 1 << 17
    var ledger = try LedgerFixture(numbers: numbers)
    let attacker = ledger.genesis.content.delegates[0]
    let origin = ledger.genesis.origin(of: attacker)
    func report(_ number: UInt64, padding: Int) throws -> Entry {
      let checkpoint = try Checkpoint(
        origin: origin, size: 1 + number, root: [UInt8](repeating: 1, count: 32))
      let note =
        try ledger.logKey(attacker).sign(checkpoint).note.encoded
        + "\u{2014} \(String(repeating: "x", count: padding)) AAAAAAA=\n"
      return ledger.entry(
        FaultReport(chain: attacker, note: note, index: 0), on: "consortium", by: attacker)
    }
    var number: UInt64 = 0
    for height in 0..<2 as Range<UInt64> {
      for padding in [4000, 500, 50, 1] {
        while try ledger.append(report(number, padding: padding)) == nil { number += 1 }
      }
      // There is no room for the smallest any more, and the rules would take it.
      let last = try report(number, padding: 1)
      #expect(try ledger.append(last) == "block-full")
      #expect(try ledger.consortium.refusal(of: last, after: ledger.waiting) == nil)
      let byteCount = ledger.waiting.reduce(0) { $0 + $1.encoded().count + 1 }
      #expect(byteCount <= 1 << 17)
      #expect(byteCount + last.encoded().count + 1 > 1 << 17)
      // A block of just this many is one; with the other it is none, for all who try it.
      let opening = try ledger.opening()
      #expect(try ledger.fault(of: [opening] + ledger.waiting) == nil)
      #expect(try ledger.fault(of: [opening] + ledger.waiting + [last]) == "block-full")
      // The opening grows by commits, and takes no room from the others.
      #expect(height == 0 || byteCount + opening.encoded().count + 1 > 1 << 17)
      try ledger.closeConsortiumBlock()
      #expect(ledger.reader.height == height + 1)
      #expect(try ledger.append(last) == nil)
      number += 1
    }
  }

  @Test("a block has 65,536 items, its opening counted, whatever the numbers allow")
  func itemLimit() throws {
    var numbers = Members.Numbers()
    numbers.blockByteLimit = 1 << 28
    var ledger = try LedgerFixture(numbers: numbers)
    var engine = ledger.open
    // Signatures are looked at after the rules, and these have none that hold.
    var registration = try ledger.registration(of: "ada", at: "hospital-1").registration
    var entry = ledger.entry(registration, on: "consortium", by: "hospital-1")
    func next(_ number: Int) {
      func key(_ use: UInt8, count: Int) -> [UInt8] {
        let digits = Array("\(number)".utf8)
        return [use] + digits + [UInt8](repeating: 0, count: count - 1 - digits.count)
      }
      registration.statement.doctor = "doctor-\(number)"
      registration.statement.identityKey = key(1, count: 32)
      registration.statement.a = key(3, count: registration.statement.a.count)
      registration.statement.b2 = key(4, count: registration.statement.b2.count)
      registration.statement.c2 = key(5, count: registration.statement.c2.count)
      entry.content.body = .doctorRegistration(registration)
    }
    for number in 1..<65_536 {
      next(number)
      try engine.accept(engine.judge(entry).get())
    }
    next(65_536)
    guard case .failure(let refusal) = try engine.judge(entry) else {
      Issue.record("a block has more than 65,536 items")
      return
    }
    #expect(refusal.code == "block-full")
    let header = try engine.close()
    #expect(header.itemCount == 65_536)
    #expect(try BlockHeader(encoded: header.encoded()) == header)
  }

  // MARK: The genesis

  @Test("[attack] a genesis that breaks a rule", arguments: GenesisFault.allCases)
  func faultyGenesis(fault: GenesisFault) throws {
    var genesis = try LedgerFixture().genesis.content
    fault.apply(to: &genesis)
    #expect(throws: LedgerError.self) { try ValidGenesis(genesis) }
  }

  @Test("3f + 1 delegates up to 400, each with a voting key, and supernodes that are none")
  func manyDelegates() throws {
    for (added, count) in [(0, 4), (3, 7), (396, 400)] {
      var genesis = try LedgerFixture().genesis.content
      genesis.add(added)
      genesis.add(1, areDelegates: false, haveVotingKeys: false)
      let valid = try ValidGenesis(genesis)
      #expect(valid.content.delegates.count == count)
      #expect(KnownDelegates(valid).keys(of: valid).threshold == 2 * count / 3 + 1)
      #expect(try Genesis(encoded: genesis.encoded()) == genesis)
    }
  }

  enum GenesisFault: String, CaseIterable {
    case threeDelegates, delegateTwice, foreignDelegate, organisationTooLarge, keyTwice, nameTwice
    case cloudOfTheHospital, chainWithoutCloud, strayCosigner, badName, laterRules, formerRules
    case lagAboveQuarter, hospitalWithoutLogKey, cloudWithLogKey, smallOrderKey, logKeyTwice
    case hospitalNamedConsortium
    case delegateWithoutVotingKey, voterWithoutCosigningKey, votingKeyTwice, smallOrderVotingKey
    case organisationMissing, organisationTwice, organisationNamedAsParty, organisationKeyTwice
    case moreSeatsThanDelegates
    case votingKeyThatIdentifies, fiveDelegates, sixDelegates, tooManyDelegates

    func apply(to genesis: inout Genesis) {
      switch self {
      case .threeDelegates: genesis.delegates.removeLast()
      case .delegateTwice: genesis.delegates[0] = genesis.delegates[1]
      case .foreignDelegate: genesis.delegates[0] = "manager"
      case .organisationTooLarge:
        genesis.members.supernodes[0].organisation = genesis.members.supernodes[1].organisation
      case .keyTwice:
        genesis.members.supernodes[0].identityKey = genesis.members.manager.registrationKey
      case .nameTwice: genesis.members.manager.id = "cloud"
      case .cloudOfTheHospital:
        genesis.members.supernodes[3].organisation = genesis.members.supernodes[0].organisation
        genesis.delegates = genesis.members.supernodes.map(\.id)
      case .chainWithoutCloud: genesis.members.supernodes[3].cosigners.removeLast()
      case .strayCosigner:
        genesis.members.supernodes[0].cosigners.append(
          Members.Cosigner(chain: "hospital-2", publicKey: [UInt8](repeating: 9, count: 32)))
      case .badName: genesis.network = "Test"
      case .laterRules: genesis.rulesVersion = 3
      case .formerRules: genesis.rulesVersion = 1
      case .lagAboveQuarter:
        genesis.members.numbers.maximumLag = genesis.members.numbers.window / 4 + 1
      case .hospitalWithoutLogKey: genesis.members.supernodes[0].logKey = nil
      case .cloudWithLogKey:
        genesis.members.supernodes[3].logKey = Members.LogKey(
          publicKey: [UInt8](repeating: 9, count: 32))
      case .smallOrderKey:
        genesis.members.supernodes[0].logKey = Members.LogKey(
          publicKey: [1] + [UInt8](repeating: 0, count: 31))
      case .logKeyTwice: genesis.members.supernodes[0].logKey = genesis.members.supernodes[1].logKey
      case .hospitalNamedConsortium: genesis.members.manager.id = "consortium"
      case .delegateWithoutVotingKey: genesis.members.supernodes[1].votingKey = nil
      case .voterWithoutCosigningKey:
        genesis.add(1, areDelegates: false, haveVotingKeys: true)
        genesis.members.supernodes[4].cosigners = []
      case .organisationMissing: genesis.members.organisations.removeLast()
      case .organisationTwice: genesis.members.organisations[1] = genesis.members.organisations[0]
      case .organisationNamedAsParty:
        genesis.members.organisations[1].id = "hospital-2"
        genesis.members.supernodes[0].organisation = "hospital-2"
      case .organisationKeyTwice:
        genesis.members.organisations[1].identityKey = genesis.members.supernodes[0].identityKey
      case .votingKeyTwice:
        genesis.members.supernodes[0].votingKey = genesis.members.supernodes[1].votingKey
      case .smallOrderVotingKey:
        genesis.members.supernodes[0].votingKey = Members.VotingKey(
          publicKey: [1] + [UInt8](repeating: 0, count: 31))
      case .votingKeyThatIdentifies:
        genesis.members.supernodes[0].votingKey = Members.VotingKey(
          publicKey: genesis.members.supernodes[0].identityKey)
      case .fiveDelegates: genesis.add(1)
      case .sixDelegates: genesis.add(2)
      case .tooManyDelegates: genesis.add(399)
      case .moreSeatsThanDelegates: break
      }
      // No fault is one only because there are other seats than delegates.
      genesis.members.numbers.seatCount = UInt64(
        genesis.delegates.count + (self == .moreSeatsThanDelegates ? 3 : 0))
    }
  }
}

extension Genesis {
  /// More clouds, each of an organisation of its own; they cosign the consortium chain.
  mutating func add(_ count: Int, areDelegates: Bool = true, haveVotingKeys: Bool = true) {
    for _ in 0..<count {
      let number = members.supernodes.count
      func key(_ use: UInt8) -> [UInt8] { Digest32(sha256: [use, 0] + "\(number)".utf8).bytes }
      members.supernodes.append(
        Members.Supernode(
          id: "node-\(number)", organisation: "organisation-\(number)", role: .cloud,
          identityKey: key(1),
          cosigners: [Members.Cosigner(chain: "consortium", publicKey: key(3))],
          votingKey: haveVotingKeys ? Members.VotingKey(publicKey: key(4)) : nil))
      members.organisations.append(
        Members.Organisation(id: "organisation-\(number)", identityKey: key(5)))
      if areDelegates { delegates.append("node-\(number)") }
    }
    members.numbers.seatCount = UInt64(delegates.count)
  }
}
