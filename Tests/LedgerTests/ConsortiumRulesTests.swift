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
    #expect(try ledger.consortium.reader.doctor("ada")?.isFinal == false)
    try ledger.closeConsortiumBlock(cosignedBy: 2)
    #expect(try ledger.consortium.reader.finalBlock() == nil)
    #expect(try ledger.consortium.reader.doctor("ada")?.isFinal == false)
    try ledger.cosign(by: "hospital-3")
    #expect(try ledger.consortium.reader.finalBlock()?.reference.height == 0)
    #expect(try ledger.consortium.reader.doctor("ada")?.isFinal == true)
    #expect(
      try ledger.consortium.reader.identityKey(of: "ada")
        == ledger.doctors["ada"]?.identity.publicKey
    )
    #expect(try ledger.consortium.reader.doctor("eve") == nil)
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
        identityKey: doctor.identity.publicKey, agreementKey: ledger.generator.bytes(32))
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
      identityKey: try IdentityKey(seed: [UInt8](repeating: 7, count: 32)).publicKey,
      agreementKey: [UInt8](repeating: 8, count: 32))
    let twin = DoctorRegistration(
      statement: statement, proof: try ada.key.prove(statement, using: &ledger.generator),
      doctor: try IdentityKey(seed: [UInt8](repeating: 7, count: 32)),
      manager: ledger.manager.registration)
    #expect(try ledger.append(twin, on: "consortium", by: "hospital-1") == "already-registered")
  }

  // MARK: Time and turns

  private func tick(
    _ ledger: inout LedgerFixture, _ index: Int, _ seconds: UInt64
  ) throws -> String? {
    try ledger.append(
      Tick(time: LedgerFixture.start + seconds), on: "consortium",
      by: ledger.genesis.genesis.delegates[index])
  }

  @Test("time is the lower median of more than two thirds, and never goes back")
  func time() throws {
    var ledger = try LedgerFixture()
    #expect(try tick(&ledger, 0, 1_000_000) == nil)
    #expect(try tick(&ledger, 1, 5) == nil)
    try ledger.closeConsortiumBlock()
    // Two of four have spoken: nothing moves.
    #expect(ledger.consortium.reader.time == LedgerFixture.start)
    #expect(try tick(&ledger, 2, 7) == nil)
    #expect(try tick(&ledger, 3, 9) == nil)
    try ledger.closeConsortiumBlock()
    #expect(ledger.consortium.reader.time == LedgerFixture.start + 7)
    #expect(try tick(&ledger, 1, 4) == "wrong-time")
    // An equal one under another signature, which is looked at only then.
    var equal = ledger.entry(
      Tick(time: LedgerFixture.start + 5), on: "consortium",
      by: ledger.genesis.genesis.delegates[1])
    equal.signature[0] ^= 1
    #expect(try ledger.append(equal) == "wrong-time")
    #expect(
      try ledger.append(
        Tick(time: LedgerFixture.start + 50), on: "consortium", by: "manager") == "not-entitled")
  }

  @Test("[attack] a lying minority moves time nowhere")
  func lyingMinority() throws {
    var ledger = try LedgerFixture()
    try ledger.tick(100)
    try ledger.closeConsortiumBlock()
    try ledger.append(
      Tick(time: LedgerFixture.start + 200_000_000), on: "consortium", by: "hospital-1")
    try ledger.closeConsortiumBlock()
    #expect(ledger.consortium.reader.time == LedgerFixture.start + 100)
  }

  @Test(
    "each gap between blocks counts as at most half of maxLag", arguments: [0, 1, 59, 60, 61, 9000])
  func countedTime(gap: UInt64) throws {
    var ledger = try LedgerFixture()
    try ledger.tick(7)
    try ledger.closeConsortiumBlock()
    let before = try #require(ledger.consortium.engine.header)
    #expect(before.countedTime == LedgerFixture.start + 7)
    if gap > 0 { try ledger.tick(7 + gap) } else { try ledger.register("ada", at: "hospital-1") }
    try ledger.closeConsortiumBlock()
    let header = try #require(ledger.consortium.engine.header)
    #expect(header.time == before.time + gap)
    #expect(header.countedTime == before.countedTime + min(gap, 60))
    // Later gaps count by themselves: what was cut off does not come back.
    try ledger.tick(7 + gap + 30)
    try ledger.closeConsortiumBlock()
    #expect(ledger.consortium.engine.header?.countedTime == header.countedTime + 30)
  }

  @Test("blocks are cut in turn, and by the next delegate after the take-over interval")
  func turns() throws {
    var ledger = try LedgerFixture()
    let cut = BlockCut(height: 0)
    #expect(try ledger.append(cut, on: "consortium", by: "hospital-1") == "nothing-to-cut")
    try ledger.tick(10)
    #expect(try ledger.append(cut, on: "consortium", by: "hospital-2") == "not-in-turn")
    #expect(try ledger.append(cut, on: "consortium", by: "manager") == "not-entitled")
    #expect(
      try ledger.append(BlockCut(height: 1), on: "consortium", by: "hospital-1") == "wrong-height")
    try ledger.tick(31)
    #expect(try ledger.append(cut, on: "consortium", by: "hospital-3") == "not-in-turn")
    #expect(try ledger.consortium.reader.mayCut("hospital-2"))
    #expect(try !ledger.consortium.reader.mayCut("hospital-3"))
    #expect(try !ledger.consortium.reader.mayCut("manager"))
    #expect(try ledger.append(cut, on: "consortium", by: "hospital-2") == nil)
    #expect(ledger.consortium.reader.height == 1)
    // Block 1 is the second delegate's.
    try ledger.tick(32)
    #expect(
      try ledger.append(BlockCut(height: 1), on: "consortium", by: "hospital-1") == "not-in-turn")
    #expect(try ledger.append(BlockCut(height: 1), on: "consortium", by: "hospital-2") == nil)
  }

  // MARK: What is an entry

  @Test("[attack] an entry signed by another, for another ledger, or twice")
  func foreignEntries() throws {
    var ledger = try LedgerFixture()
    let tick = Tick(time: LedgerFixture.start + 1)
    #expect(
      try ledger.append(
        tick, on: "consortium", by: "hospital-1", key: ledger.identities["hospital-2"])
        == "wrong-signature")
    #expect(
      try ledger.append(tick, on: "consortium", by: "nobody", key: ledger.identities["hospital-2"])
        == "unknown-signer")
    let foreign = try LedgerFixture(seed: 2)
    let stray = foreign.entry(tick, on: "consortium", by: "hospital-1")
    let misplaced = ledger.entry(tick, on: "hospital-1", by: "hospital-1")
    let image = try ledger.consortium.engine.image(in: ledger.consortiumStore)
    let passedOver = ledger.consortium.passedOver
    for bytes in [
      stray.encoded(), misplaced.encoded(), [], [1, 2, 3],
      [UInt8](repeating: 0x61, count: 100_000),
    ] {
      try ledger.order(encoded: bytes)
    }
    #expect(ledger.consortium.passedOver == passedOver + 5)
    #expect(try ledger.consortium.engine.image(in: ledger.consortiumStore) == image)
    for stranger in [stray, misplaced] {
      guard case .failure(let refusal) = try ledger.consortium.engine.judge(stranger) else {
        Issue.record("it is of this chain")
        continue
      }
      #expect(refusal.code == "wrong-chain")
    }
    let entry = ledger.entry(tick, on: "consortium", by: "hospital-1")
    #expect(try ledger.append(entry) == nil)
    #expect(try ledger.append(entry) == "entry-known")
    #expect(ledger.consortium.engine.openLeaves.count == 1)
  }

  @Test("kinds of a hospital's chain, and a cosignature, are no items")
  func wrongKinds() throws {
    var ledger = try LedgerFixture()
    let visit = Digest32(sha256: [1])
    #expect(
      try ledger.append(
        Revocation(visit: visit, document: visit), on: "consortium", by: "hospital-1")
        == "wrong-kind")
    #expect(
      try ledger.append(
        Refused(entry: visit, code: "late"), on: "consortium", by: "hospital-1") == "wrong-kind")
    try ledger.tick(1)
    try ledger.closeConsortiumBlock(cosignedBy: 0)
    let checkpoint = try ledger.consortium.reader.checkpoint(size: ledger.consortium.engine.size)
    let cosignature = try ledger.cosignature(on: checkpoint, by: "cloud")
    guard case .failure(let refusal) = try ledger.consortium.engine.judge(cosignature) else {
      Issue.record("a cosignature is an item")
      return
    }
    #expect(refusal.code == "wrong-kind")
  }

  @Test("[attack] S1: a body that is no kind of the module stops nobody")
  func strangeBodies() throws {
    var ledger = try LedgerFixture()
    // 60 levels of SEQUENCE in the place of a body.
    var body: [UInt8] = [0x05, 0x00]
    for _ in 0..<60 { body = [0x30, UInt8(body.count)] + body }
    let bytes = ledger.entry(Tick(time: 1), on: "consortium", by: "hospital-1").encoded()
    #expect(throws: DecodingFailure.self) { try EntryBody(encoded: body) }
    let tick = Tick(time: 1).encoded()
    let place = try #require(
      bytes.indices.first { bytes[$0...].starts(with: tick) })
    var forged = bytes
    forged.replaceSubrange(place..<place + tick.count, with: body)
    let image = try ledger.consortium.engine.image(in: ledger.consortiumStore)
    try ledger.order(encoded: forged)
    #expect(try ledger.consortium.engine.image(in: ledger.consortiumStore) == image)
    #expect(
      try ledger.append(Tick(time: LedgerFixture.start + 1), on: "consortium", by: "cloud") == nil)
  }

  @Test("a log with a gap is not replayed")
  func gap() throws {
    var ledger = try LedgerFixture()
    #expect(throws: LedgerError.self) {
      try ledger.consortium.replay(OrderedEntry(position: 1, bytes: []))
    }
  }

  @Test("a follower that opens anew at any block stands where the one before stood")
  func reopening() throws {
    var ledger = try LedgerFixture()
    try ledger.registerTeam(1)
    for seconds in 11...14 as ClosedRange<UInt64> {
      try ledger.tick(seconds)
      let open = try ConsortiumFollower(
        genesis: ledger.genesis, store: ledger.consortiumStore, decider: ledger.decider)
      // What no block holds is replayed from the log.
      var replayed = open
      for position in Int(open.nextPosition)..<ledger.log.count {
        try replayed.replay(
          OrderedEntry(position: UInt64(position), bytes: ledger.log[position]))
      }
      #expect(replayed.engine.position == ledger.consortium.engine.position)
      #expect(
        try replayed.engine.image(in: ledger.consortiumStore)
          == ledger.consortium.engine.image(in: ledger.consortiumStore))
      #expect(open.engine.openLeaves.isEmpty)
      #expect(open.final == ledger.consortium.final)
      try ledger.closeConsortiumBlock()
    }
  }

  @Test("[attack] whoever fills a block leaves room for time, and the next delegate cuts it")
  func fullBlock() throws {
    var numbers = Genesis.Numbers()
    numbers.blockByteLimit = 1 << 17
    var ledger = try LedgerFixture(numbers: numbers)
    let attacker = ledger.genesis.genesis.delegates[0]
    let origin = ledger.genesis.origin(of: attacker)
    func report(_ number: UInt64, padding: Int) throws -> String? {
      let checkpoint = try Checkpoint(
        origin: origin, size: 1 + number, root: [UInt8](repeating: 1, count: 32))
      let note =
        try ledger.logKey(attacker).sign(checkpoint).note.encoded
        + "\u{2014} \(String(repeating: "x", count: padding)) AAAAAAA=\n"
      return try ledger.append(
        FaultReport(chain: attacker, note: note, index: 0), on: "consortium", by: attacker)
    }
    var number: UInt64 = 0
    for padding in [7000, 500, 50, 1] {
      while try report(number, padding: padding) == nil { number += 1 }
    }
    #expect(try report(number, padding: 1) == "block-full")
    // Nobody else could cut before time goes on.
    let next = ledger.genesis.genesis.delegates[1]
    #expect(try ledger.append(BlockCut(height: 0), on: "consortium", by: next) == "not-in-turn")
    try ledger.tick(10)
    try ledger.tick(10 + ledger.genesis.genesis.numbers.takeoverInterval)
    #expect(try ledger.append(BlockCut(height: 0), on: "consortium", by: next) == nil)
    #expect(ledger.consortium.reader.height == 1)
    #expect(
      ledger.consortium.reader.time
        == LedgerFixture.start + 10 + ledger.genesis.genesis.numbers.takeoverInterval)
  }

  // MARK: The genesis

  @Test("[attack] a genesis that breaks a rule", arguments: GenesisFault.allCases)
  func faultyGenesis(fault: GenesisFault) throws {
    var genesis = try LedgerFixture().genesis.genesis
    fault.apply(to: &genesis)
    #expect(throws: LedgerError.self) { try ValidGenesis(genesis) }
  }

  @Test("organisations are told apart by their bytes, as any other program tells them apart")
  func organisations() throws {
    var genesis = try LedgerFixture().genesis.genesis
    // One text to a reader, in two encodings: Swift's comparison of texts finds them equal.
    genesis.supernodes[0].organisation = "caf\u{e9}"
    genesis.supernodes[1].organisation = "cafe\u{301}"
    #expect(genesis.supernodes[0].organisation == genesis.supernodes[1].organisation)
    let valid = try ValidGenesis(genesis)
    #expect(valid.organisations.count == 5)
    // A cloud of such a name cosigns the chain of the other.
    genesis.supernodes[1].organisation = "another"
    genesis.supernodes[3].organisation = "cafe\u{301}"
    #expect(throws: Never.self) { try ValidGenesis(genesis) }
    genesis.supernodes[3].organisation = "caf\u{e9}"
    #expect(throws: LedgerError.self) { try ValidGenesis(genesis) }
  }

  enum GenesisFault: String, CaseIterable {
    case threeDelegates, delegateTwice, foreignDelegate, organisationTooLarge, keyTwice, nameTwice
    case cloudOfTheHospital, chainWithoutCloud, strayCosigner, badName, laterRules, formerRules
    case lagAboveQuarter, hospitalWithoutLogKey, cloudWithLogKey, smallOrderKey, logKeyTwice
    case hospitalNamedConsortium

    func apply(to genesis: inout Genesis) {
      switch self {
      case .threeDelegates: genesis.delegates.removeLast()
      case .delegateTwice: genesis.delegates[0] = genesis.delegates[1]
      case .foreignDelegate: genesis.delegates[0] = "manager"
      case .organisationTooLarge:
        genesis.supernodes[0].organisation = genesis.supernodes[1].organisation
      case .keyTwice: genesis.supernodes[0].identityKey = genesis.manager.registrationKey
      case .nameTwice: genesis.manager.id = "cloud"
      case .cloudOfTheHospital:
        genesis.supernodes[3].organisation = genesis.supernodes[0].organisation
        genesis.delegates = genesis.supernodes.map(\.id)
      case .chainWithoutCloud: genesis.supernodes[3].cosigners.removeLast()
      case .strayCosigner:
        genesis.supernodes[0].cosigners.append(
          Genesis.Cosigner(chain: "hospital-2", publicKey: [UInt8](repeating: 9, count: 32)))
      case .badName: genesis.network = "Test"
      case .laterRules: genesis.rulesVersion = 3
      case .formerRules: genesis.rulesVersion = 1
      case .lagAboveQuarter: genesis.numbers.maximumLag = genesis.numbers.window / 4 + 1
      case .hospitalWithoutLogKey: genesis.supernodes[0].logKey = nil
      case .cloudWithLogKey:
        genesis.supernodes[3].logKey = Genesis.LogKey(
          publicKey: [UInt8](repeating: 9, count: 32))
      case .smallOrderKey:
        genesis.supernodes[0].logKey = Genesis.LogKey(
          publicKey: [1] + [UInt8](repeating: 0, count: 31))
      case .logKeyTwice: genesis.supernodes[0].logKey = genesis.supernodes[1].logKey
      case .hospitalNamedConsortium: genesis.manager.id = "consortium"
      }
    }
  }
}
