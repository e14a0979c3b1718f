import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Testing
import TransparencyLog

@Suite("Rules of the consortium chain")
struct ConsortiumRulesTests {
  @Test("a registration becomes final with its block, and names the doctor in the directory")
  func registration() throws {
    var ledger = try LedgerFixture()
    let status = try ledger.register("ada", at: "hospital-1")
    #expect(status == .ordered)
    #expect(ledger.replica.finalBase == nil)
    try ledger.closeConsortiumBlock(cosignedBy: 2)
    #expect(ledger.replica.finalBase == nil)
    try ledger.cosign("consortium", by: "hospital-3")
    #expect(ledger.replica.finalBase?.state.doctors.keys.sorted() == ["ada"])
  }

  @Test("[attack] items 11, 15: a doctor without the signature of hospital or manager, or a proof")
  func falseRegistrations() throws {
    var ledger = try LedgerFixture()
    let doctor = try ledger.registration(of: "eve", at: "hospital-1")
    let genuine = doctor.registration
    // Another hospital submits it, or one that does not exist.
    #expect(
      try ledger.append(genuine, on: "consortium", by: "hospital-2").refusal == "not-entitled")
    #expect(try ledger.append(genuine, on: "consortium", by: "manager").refusal == "not-entitled")
    // Somebody else signs in the manager's place.
    var forged = genuine
    forged.managerSignature = ledger.identities["manager"]?.sign(genuine.statement.encoded()) ?? []
    #expect(
      try ledger.append(forged, on: "consortium", by: "hospital-1").refusal
        == "wrong-registration")
    // Another doctor's proof.
    let other = try ledger.registration(of: "eve", at: "hospital-1").registration
    forged = genuine
    forged.proof = other.proof
    #expect(
      try ledger.append(forged, on: "consortium", by: "hospital-1").refusal
        == "wrong-registration")
    #expect(try ledger.append(genuine, on: "consortium", by: "hospital-1") == .ordered)
  }

  @Test("an identifier or a key is registered once")
  func registeredTwice() throws {
    var ledger = try LedgerFixture()
    try ledger.register("ada", at: "hospital-1")
    let ada = try #require(ledger.doctors["ada"])
    #expect(try ledger.register("ada", at: "hospital-1").refusal == "already-registered")
    #expect(try ledger.register("cloud", at: "hospital-1").refusal == "already-registered")
    // The same scheme key under another name: the rogue colleague of item 11.
    let statement = ada.key.statement(
      genesis: ledger.genesis.digest, doctor: "bob", hospital: "hospital-1",
      identityKey: try IdentityKey(seed: [UInt8](repeating: 7, count: 32)).publicKey,
      agreementKey: [UInt8](repeating: 8, count: 32))
    let twin = DoctorRegistration(
      statement: statement, proof: try ada.key.prove(statement, using: &ledger.generator),
      doctor: try IdentityKey(seed: [UInt8](repeating: 7, count: 32)),
      manager: ledger.manager.registration)
    #expect(
      try ledger.append(twin, on: "consortium", by: "hospital-1").refusal == "already-registered")
  }

  @Test("time is the lower median of more than two thirds, and never goes back")
  func time() throws {
    var ledger = try LedgerFixture()
    let delegates = ledger.genesis.genesis.delegates
    func tick(_ index: Int, _ seconds: UInt64) throws -> EntryStatus? {
      try ledger.append(
        Tick(time: LedgerFixture.start + seconds), on: "consortium", by: delegates[index])
    }
    #expect(try tick(0, 1_000_000) == .ordered)
    #expect(try tick(1, 5) == .ordered)
    try ledger.closeConsortiumBlock()
    // Two of four have spoken: nothing moves.
    #expect(ledger.replica.consortium.state.time == LedgerFixture.start)
    #expect(try tick(2, 7) == .ordered)
    #expect(try tick(3, 9) == .ordered)
    try ledger.closeConsortiumBlock()
    #expect(ledger.replica.consortium.state.time == LedgerFixture.start + 7)
    #expect(try tick(1, 4).refusal == "wrong-time")
  }

  @Test("[attack] a lying minority moves time nowhere")
  func lyingMinority() throws {
    var ledger = try LedgerFixture()
    try ledger.tick(100)
    try ledger.closeConsortiumBlock()
    let far: UInt64 = 200_000_000
    try ledger.append(
      Tick(time: LedgerFixture.start + far), on: "consortium", by: "hospital-1")
    try ledger.closeConsortiumBlock()
    #expect(ledger.replica.consortium.state.time == LedgerFixture.start + 100)
  }

  @Test("blocks are cut in turn, and by the next delegate after the take-over interval")
  func turns() throws {
    var ledger = try LedgerFixture()
    let cut = BlockCut(height: 0)
    #expect(try ledger.append(cut, on: "consortium", by: "hospital-1").refusal == "nothing-to-cut")
    try ledger.tick(10)
    #expect(try ledger.append(cut, on: "consortium", by: "hospital-2").refusal == "not-in-turn")
    #expect(try ledger.append(cut, on: "consortium", by: "manager").refusal == "not-entitled")
    #expect(
      try ledger.append(BlockCut(height: 1), on: "consortium", by: "hospital-1").refusal
        == "wrong-height")
    try ledger.tick(31)
    #expect(try ledger.append(cut, on: "consortium", by: "hospital-3").refusal == "not-in-turn")
    // The same bytes again are one entry: this delegate cuts the block with another one.
    try ledger.append(Tick(time: LedgerFixture.start + 32), on: "consortium", by: "hospital-2")
    #expect(ledger.replica.consortium.state.mayCut("hospital-2"))
    #expect(!ledger.replica.consortium.state.mayCut("hospital-3"))
  }

  @Test("[attack] an entry signed by another, for another ledger, or twice")
  func foreignEntries() throws {
    var ledger = try LedgerFixture()
    let tick = Tick(time: LedgerFixture.start + 1)
    #expect(
      try ledger.append(
        tick, on: "consortium", by: "hospital-1", key: ledger.identities["hospital-2"]
      ).refusal == "wrong-signature")
    #expect(
      try ledger.append(
        tick, on: "consortium", by: "nobody", key: ledger.identities["hospital-2"]
      ).refusal == "unknown-signer")
    let foreign = try LedgerFixture(seed: 2)
    let passedOver = ledger.replica.passedOver
    try ledger.append(
      encoded: foreign.entry(tick, on: "consortium", by: "hospital-1").encoded())
    try ledger.append(encoded: [1, 2, 3])
    try ledger.append(encoded: [UInt8](repeating: 0x61, count: 100_000))
    #expect(ledger.replica.passedOver == passedOver + 3)
    let entry = ledger.entry(tick, on: "consortium", by: "hospital-1")
    #expect(try ledger.append(entry) == .ordered)
    let pending = ledger.replica.consortium.pending.count
    #expect(try ledger.append(entry) == .ordered)
    #expect(ledger.replica.consortium.pending.count == pending)
  }

  @Test("a log with a gap is not replayed")
  func gap() throws {
    var ledger = try LedgerFixture()
    #expect(throws: LedgerError.self) {
      try ledger.replica.replay(OrderedEntry(position: 1, bytes: []))
    }
  }

  @Test("[attack] a genesis that breaks a rule", arguments: GenesisFault.allCases)
  func faultyGenesis(fault: GenesisFault) throws {
    var genesis = try LedgerFixture().genesis.genesis
    fault.apply(to: &genesis)
    #expect(throws: LedgerError.self) { try ValidGenesis(genesis) }
  }

  enum GenesisFault: String, CaseIterable {
    case threeDelegates, delegateTwice, foreignDelegate, organisationTooLarge, keyTwice, nameTwice
    case cloudOfTheHospital, chainWithoutCloud, strayCosigner, badName, laterRules

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
      case .strayCosigner: genesis.supernodes[0].cosigners[1].chain = "hospital-2"
      case .badName: genesis.network = "Test"
      case .laterRules: genesis.rulesVersion = 2
      }
    }
  }
}

extension EntryStatus? {
  /// The code of a refusal; nil for anything else.
  var refusal: String? {
    if case .refused(let refusal) = self { refusal.code } else { nil }
  }
}
