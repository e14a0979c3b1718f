import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

/// Specification 6.7: what a hospital does not take is demanded of it before everybody.
@Suite("Demands")
struct DemandTests {
  static let team = LedgerFixture.team

  /// A visit with one signature, confirmed and anchored, and a second signature that the hospital
  /// does not take.
  private func withheldSignature() throws -> (LedgerFixture, TestVisit, Entry) {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    try ledger.sign(&visit, position: 1)
    let withheld = try ledger.partialSignature(&visit, position: 2)
    return (ledger, visit, withheld)
  }

  private func completed() throws -> (LedgerFixture, TestVisit) {
    var ledger = try LedgerFixture.withTeam()
    let visit = try ledger.conduct(1)
    try ledger.confirmAndAnchor()
    return (ledger, visit)
  }

  // MARK: Answers

  @Test("a demand is answered by the entry, which counts as of the demand's block")
  func answeredByTheEntry() throws {
    var (ledger, visit, withheld) = try withheldSignature()
    try ledger.closeBlock()
    #expect(try ledger.demand(withheld, by: "hospital-2") == nil)
    try ledger.closeConsortiumBlock(at: 20)
    // It was in time when it was demanded; the hospital answers when T_2 is long over.
    try ledger.advance(1500)
    #expect(try ledger.follow() == nil)
    #expect(ledger.chain().view.answered == 0)
    // Nothing else may come first, not even what the rules would accept.
    #expect(try ledger.append(ledger.abandonment(of: visit)) == "demand-open")
    #expect(try ledger.open(ledger.visit(2, follows: false)) == "demand-open")
    for code in ["late", "wrong-point", "demand-open", "block-full"] {
      let refused = Refused(entry: withheld.digest, code: code)
      #expect(try ledger.append(refused, on: "hospital-1", by: "hospital-1") == "wrong-refusal")
    }
    #expect(try ledger.append(withheld) == nil)
    #expect(ledger.chain().view.answered == 1)
    #expect(try ledger.chain().view.visit(visit.id)?.attempts == [1, 1, 0])
    try ledger.closeBlock()
    #expect(ledger.chain().engine.header?.answeredThrough == 1)
    // Others are judged by the present base again.
    var again = visit
    #expect(try ledger.sign(&again, position: 2, attempt: 2) == "late")
    #expect(try ledger.sign(&visit, position: 3) == nil)
  }

  @Test("[attack] a signature that was late when it was demanded stays late")
  func lateWhenDemanded() throws {
    var (ledger, visit, withheld) = try withheldSignature()
    try ledger.closeBlock()
    try ledger.advance(1201)
    try ledger.demand(withheld, by: "hospital-2")
    try ledger.closeConsortiumBlock(at: ledger.seconds + 1)
    try ledger.follow()
    #expect(try ledger.append(withheld) == "late")
    let refused = ledger.entry(
      Refused(entry: withheld.digest, code: "late"), on: "hospital-1", by: "hospital-1")
    // Nobody refuses in the hospital's name, and nobody refuses something else.
    let body = Refused(entry: withheld.digest, code: "late")
    #expect(try ledger.append(body, on: "hospital-1", by: "cloud") == "not-entitled")
    #expect(
      try ledger.append(
        body, on: "hospital-1", by: "hospital-1", key: ledger.identities["cloud"])
        == "wrong-signature")
    #expect(
      try ledger.append(Refused(entry: .zero, code: "late"), on: "hospital-1", by: "hospital-1")
        == "demand-open")
    #expect(try ledger.append(refused) == nil)
    #expect(ledger.chain().view.answered == 1)
    #expect(try ledger.chain().view.visit(visit.id)?.attempts == [1, 0, 0])
    // The refusal of what is answered says nothing.
    #expect(
      try ledger.append(
        Refused(entry: withheld.digest, code: "wrong-point"), on: "hospital-1", by: "hospital-1")
        == "wrong-kind")
  }

  @Test("[attack] a refusal for a reason that is none is refused by whoever replays")
  func wrongRefusal() throws {
    var (ledger, visit) = try completed()
    let receipt = ledger.receipt(of: visit)
    try ledger.demand(receipt, by: "cloud", proving: visit)
    try ledger.closeConsortiumBlock(at: 20)
    try ledger.follow()
    let lie = ledger.entry(
      Refused(entry: receipt.digest, code: "already-receipted"), on: "hospital-1", by: "hospital-1")
    #expect(try ledger.append(lie) == "wrong-refusal")
    // The hospital appends it all the same: its chain ends there for everybody.
    var engine = ledger.chain().engine
    let failure = #expect(throws: ChainFailure.self) {
      try engine.replay(Leaf.item(lie).encoded())
    }
    guard case .fault(let fault)? = failure else {
      Issue.record("no fault")
      return
    }
    #expect(fault.reason == .refused(Refusal("wrong-refusal")))
    #expect(fault.index == ledger.chain().engine.position)
    #expect(try ledger.append(receipt) == nil)
  }

  @Test("[attack] a patient who sends one receipt to the hospital and demands another")
  func twoReceipts() throws {
    var (ledger, visit) = try completed()
    let (kind, angry) = (ledger.receipt(of: visit), ledger.receipt(of: visit, .disputed))
    #expect(try ledger.append(kind) == nil)
    try ledger.demand(angry, by: "hospital-3", proving: visit)
    try ledger.closeConsortiumBlock(at: 20)
    try ledger.follow()
    #expect(try ledger.append(angry) == "already-receipted")
    #expect(
      try ledger.append(
        Refused(entry: angry.digest, code: "visit-not-complete"), on: "hospital-1",
        by: "hospital-1") == "wrong-refusal")
    #expect(
      try ledger.append(
        Refused(entry: angry.digest, code: "already-receipted"), on: "hospital-1",
        by: "hospital-1") == nil)
    #expect(ledger.chain().view.answered == 1)
    #expect(try ledger.chain().view.visit(visit.id)?.receipt == .acknowledged)
  }

  @Test("a refusal by a claim: the demanded completion has no team's signature")
  func refusedByAClaim() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    for position in 1...3 { try ledger.sign(&visit, position: position) }
    var completion = ledger.completion(of: visit)
    completion.storageSignature[0] ^= 1
    let demanded = ledger.entry(completion, on: "hospital-1", by: Self.team[2])
    try ledger.demand(demanded, by: "hospital-2")
    try ledger.closeConsortiumBlock(at: 20)
    try ledger.follow()
    #expect(try ledger.append(demanded) == "wrong-storage-receipt")
    let before = try ledger.chain().view.visit(visit.id)
    #expect(
      try ledger.append(
        Refused(entry: demanded.digest, code: "wrong-multisignature"), on: "hospital-1",
        by: "hospital-1") == "wrong-refusal")
    #expect(
      try ledger.append(
        Refused(entry: demanded.digest, code: "wrong-storage-receipt"), on: "hospital-1",
        by: "hospital-1") == nil)
    // C1: the trial of the refused completion has changed nothing.
    #expect(try ledger.chain().view.visit(visit.id) == before)
    #expect(try ledger.complete(visit) == nil)
  }

  @Test("demands are answered in the consortium's order, over as many blocks as it takes")
  func manyDemands() throws {
    var ledger = try LedgerFixture.withTeam()
    let visits = try (1...3).map { number in
      var visit = try ledger.visit(UInt8(number), team: [Self.team[0]])
      try ledger.open(visit)
      try ledger.sign(&visit, position: 1)
      return visit
    }
    try ledger.closeBlock()
    let completions = visits.map { ledger.completionEntry(of: $0) }
    for (completion, node) in zip(completions, LedgerFixture.hospitals) {
      try ledger.demand(completion, by: node)
    }
    try ledger.closeConsortiumBlock(at: 20)
    try ledger.follow()
    #expect(try ledger.append(completions[1]) == "demand-open")
    let height = ledger.chain().engine.height
    for completion in completions { #expect(try ledger.append(completion) == nil) }
    #expect(ledger.chain().engine.height == height + 3)
    #expect(ledger.chain().view.answered == 3)
    #expect(ledger.chain().engine.header?.answeredThrough == 3)
    try ledger.confirmAndAnchor()
  }

  @Test("an entry that is an item already counts as answered")
  func alreadyAnItem() throws {
    var (ledger, visit) = try completed()
    let receipt = ledger.receipt(of: visit)
    #expect(try ledger.append(receipt) == nil)
    let consent = ledger.patientEntry(
      ConsentNotice(visit: visit.id, document: Digest32(sha256: [10])), of: visit)
    // The first is open when the second, which is an item before it, is demanded.
    try ledger.demand(consent, by: "hospital-2", proving: visit)
    try ledger.demand(receipt, by: "hospital-2", proving: visit)
    try ledger.closeConsortiumBlock(at: 20)
    try ledger.follow()
    #expect(ledger.chain().view.answered == 0)
    #expect(try ledger.append(receipt) == "entry-known")
    #expect(try ledger.append(consent) == nil)
    #expect(ledger.chain().view.answered == 2)
    // Alone, it is answered with the base.
    let second = ledger.patientEntry(
      ConsentNotice(visit: visit.id, document: Digest32(sha256: [11])), of: visit)
    #expect(try ledger.append(second) == nil)
    try ledger.demand(second, by: "hospital-2", proving: visit)
    try ledger.closeConsortiumBlock(at: 30)
    try ledger.follow()
    #expect(ledger.chain().view.answered == 3)
  }

  // MARK: What cannot be demanded

  @Test("[attack] demands by strangers, with false signatures, of other kinds, chains, or twice")
  func falseDemands() throws {
    var (ledger, visit) = try completed()
    var second = try ledger.visit(2)
    let signature = try ledger.partialSignature(&second, position: 1)
    // Who is no supernode demands nothing.
    #expect(try ledger.demand(signature, by: "manager") == "not-entitled")
    #expect(try ledger.demand(signature, by: Self.team[0]) == "not-entitled")
    let body = Demand(entry: signature, completion: nil)
    #expect(
      try ledger.append(body, on: "consortium", by: "cloud", key: ledger.identities["hospital-1"])
        == "wrong-signature")
    // Nobody signed it, or somebody who is not registered.
    var forged = signature
    forged.signature[5] ^= 1
    #expect(try ledger.demand(forged, by: "cloud") == "wrong-signature")
    let content = signature.content
    let stranger = Entry(
      EntryContent(
        genesis: content.genesis, chain: content.chain, signer: .party("stranger"),
        body: content.body), signedBy: try IdentityKey(seed: [UInt8](repeating: 3, count: 32)))
    #expect(try ledger.demand(stranger, by: "cloud") == "unknown-signer")
    // Of another ledger, of the consortium's chain, of no hospital's.
    for chain in ["consortium", "cloud", "hospital-9"] {
      let misplaced = ledger.entry(
        Revocation(visit: visit.id, document: .zero), on: chain, by: Self.team[0])
      #expect(try ledger.demand(misplaced, by: "cloud") == "not-demandable")
    }
    let foreign = Entry(
      EntryContent(
        genesis: .zero, chain: "hospital-1", signer: content.signer, body: content.body),
      signedBy: try #require(ledger.doctors[Self.team[0]]).identity)
    #expect(try ledger.demand(foreign, by: "cloud") == "not-demandable")
    // What the hospital itself signs is its own to say: no such demand can even be read.
    let kinds: [Entry] = [
      ledger.openingEntry(of: second), ledger.abandonment(of: second),
      ledger.entry(BaseAdvance(base: .none), on: "hospital-1", by: "hospital-1"),
      ledger.entry(Refused(entry: .zero, code: "late"), on: "hospital-1", by: "hospital-1"),
      ledger.entry(body, on: "hospital-1", by: "cloud"),
      ledger.entry(LedgerFixture.consortiumBody(1), on: "hospital-1", by: "cloud"),
    ]
    for entry in kinds {
      let encoded = Demand(entry: entry, completion: nil).encoded()
      #expect(throws: DecodingFailure.self) { try Demand(encoded: encoded) }
      let demand = ledger.entry(
        Demand(entry: entry, completion: nil), on: "consortium", by: "cloud"
      ).encoded()
      guard
        case .failure(let fault) = try ledger.consortium.trial([
          ledger.opening().encoded(), demand,
        ]), case .undecodable = fault.reason
      else {
        Issue.record("a demand of \(entry.content.body.kind) was read")
        continue
      }
    }
    #expect(try ledger.demand(signature, by: "cloud") == nil)
    #expect(try ledger.demand(signature, by: "hospital-2") == "entry-known")
    #expect(try ledger.reader.demandCount(on: "hospital-1") == 1)
  }

  @Test("[attack] S_v is proven by the completion under an anchored root, and by nothing else")
  func completionProofs() throws {
    var (ledger, visit) = try completed()
    let receipt = ledger.receipt(of: visit)
    // Under the first anchor, although there is a later one: who anchors often makes no proof stale.
    let genuine = try ledger.completionProof(of: visit)
    _ = try ledger.conduct(3)
    try ledger.confirmAndAnchor()
    #expect(try ledger.reader.anchorCount(of: "hospital-1") == 2)
    func refusal(_ entry: Entry, _ proof: Demand.CompletionProof?) throws -> String? {
      try ledger.append(Demand(entry: entry, completion: proof), on: "consortium", by: "cloud")
    }
    #expect(try refusal(receipt, nil) == "unknown-signer")
    var proof = genuine
    proof.index += 1
    #expect(try refusal(receipt, proof) == "unknown-signer")
    proof = genuine
    proof.inclusion[0][0] ^= 1
    #expect(try refusal(receipt, proof) == "unknown-signer")
    for anchor in [1, 2, LedgerLimits.size] {
      proof = genuine
      proof.anchor = anchor
      #expect(try refusal(receipt, proof) == "unknown-signer")
    }
    // The completion of another visit, which is not anchored, with a key of the attacker's own.
    let second = try ledger.conduct(2)
    try ledger.confirm()
    proof = genuine
    proof.entry = ledger.completionEntry(of: second)
    #expect(try refusal(receipt, proof) == "unknown-signer")
    #expect(try refusal(ledger.receipt(of: second), genuine) == "unknown-signer")
    let unanchored = try ledger.completionProof(of: second, size: ledger.chain().engine.size)
    #expect(try refusal(ledger.receipt(of: second), unanchored) == "unknown-signer")
    // An opening alone, by which anybody at the hospital could invent patients.
    proof = genuine
    proof.entry = ledger.openingEntry(of: visit)
    proof.index = try #require(try ledger.chain().view.visit(visit.id)).opening
    let anchor = try #require(try ledger.reader.anchor(number: 0, of: "hospital-1"))
    proof.inclusion = try ledger.chain().engine.inclusion(of: proof.index, size: anchor.size)
    let body = Demand(entry: receipt, completion: proof)
    #expect(throws: DecodingFailure.self) { try Demand(encoded: body.encoded()) }
    // The right visit, and another's signature.
    let stolen = Entry(receipt.content, signedBy: second.patient)
    #expect(try refusal(stolen, genuine) == "wrong-signature")
    // A party's entry needs no opening, and has none.
    var third = try ledger.visit(9)
    let signature = try ledger.partialSignature(&third, position: 1)
    #expect(try refusal(signature, genuine) == "unknown-signer")
    #expect(try refusal(receipt, genuine) == nil)
  }

  @Test("[attack] demands of one kind keep out no demands of another, and no evidence")
  func separateQuotas() throws {
    var numbers = Members.Numbers()
    (numbers.signerQuota, numbers.supernodeQuota) = (1, 1)
    var ledger = try LedgerFixture.withTeam(numbers: numbers)
    let victim = try ledger.conduct(1)
    var other = try ledger.visit(2)
    try ledger.open(other)
    try ledger.confirmAndAnchor()
    let note = try #require(ledger.chain().confirmed)
    #expect(try ledger.demand(ledger.partialSignature(&other, position: 1), by: "cloud") == nil)
    #expect(
      try ledger.demand(ledger.partialSignature(&other, position: 2), by: "cloud")
        == "quota-spent")
    #expect(try ledger.demand(ledger.receipt(of: victim), by: "cloud", proving: victim) == nil)
    let access = ledger.entry(
      AccessNotice(visit: victim.id, document: .zero), on: "hospital-1", by: "manager")
    #expect(try ledger.demand(access, by: "cloud") == nil)
    let forged = try ledger.confirmedNote(
      "hospital-1", size: note.size, root: [UInt8](repeating: 1, count: 32))
    #expect(
      try ledger.append(
        EquivocationReport(
          chain: "hospital-1", first: .init(note: note.note), second: .init(note: forged)),
        on: "consortium", by: "cloud") == nil)
  }

  @Test("demands of a signer and of a supernode are counted in each epoch")
  func quotas() throws {
    var numbers = Members.Numbers()
    (numbers.signerQuota, numbers.supernodeQuota) = (2, 3)
    var ledger = try LedgerFixture.withTeam(numbers: numbers, epochLength: 3)
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    func signature(_ attempt: UInt64, position: Int = 1) throws -> Entry {
      try ledger.partialSignature(&visit, position: position, attempt: attempt)
    }
    #expect(try ledger.demand(signature(1), by: "hospital-2") == nil)
    // A false one costs the signer nothing.
    var forged = try signature(2)
    forged.signature[0] ^= 1
    #expect(try ledger.demand(forged, by: "hospital-2") == "wrong-signature")
    #expect(try ledger.demand(signature(2), by: "hospital-2") == nil)
    let third = try signature(3)
    #expect(try ledger.demand(third, by: "hospital-2") == "quota-spent")
    #expect(try ledger.demand(signature(1, position: 2), by: "hospital-2") == nil)
    let fourth = try signature(2, position: 2)
    #expect(try ledger.demand(fourth, by: "hospital-2") == "quota-spent")
    #expect(try ledger.demand(fourth, by: "hospital-3") == nil)
    // What one supernode has used up, another has not: no supernode shuts a signer's way.
    #expect(try ledger.demand(signature(4), by: "hospital-3") == nil)
    // Still in the epoch: blocks 0 to 2.
    try ledger.closeConsortiumBlock(at: 20)
    #expect(ledger.reader.height == 2)
    #expect(try ledger.demand(third, by: "hospital-2") == "quota-spent")
    try ledger.closeConsortiumBlock(at: 30)
    #expect(try ledger.demand(third, by: "hospital-2") == nil)
    #expect(try ledger.reader.demandCount(on: "hospital-1") == 6)
  }

  @Test("[attack] doctors of one hospital, however many, spend no other's share, nor the manager's")
  func shares() throws {
    var numbers = Members.Numbers()
    // With three hospitals a share is a quarter.
    (numbers.signerQuota, numbers.supernodeQuota) = (2, 16)
    var ledger = try LedgerFixture.withTeam(numbers: numbers)
    for hospital in ["hospital-2", "hospital-3"] { try ledger.registerTeam(at: hospital) }
    var last: UInt8 = 0
    func demand(
      _ signer: String, of hospital: String = "hospital-1", by node: String = "cloud"
    ) throws -> String? {
      last += 1
      let body = Revocation(visit: Digest32(sha256: [last]), document: .zero)
      return try ledger.demand(ledger.entry(body, on: hospital, by: signer), by: node)
    }
    let spent = "quota-spent"
    for hospital in ["hospital-2", "hospital-3"] {
      let codes = try [1, 1, 1, 2, 2, 3].map { try demand("\(hospital)-doctor-\($0)") }
      #expect(codes == [nil, nil, spent, nil, nil, spent])
      // Nor does it go on in its own name, or with another doctor.
      #expect(try demand(hospital) == spent)
      try ledger.register("\(hospital)-doctor-4", at: hospital)
      #expect(try demand("\(hospital)-doctor-4") == spent)
      #expect(try demand("\(hospital)-doctor-4", by: "hospital-1") == nil)
    }
    // Who is of no hospital has one share with all who are not.
    let others = ["cloud", "cloud", "cloud", "office", "office", "organisation-of-hospital-3"]
    #expect(try others.map { try demand($0) } == [nil, nil, spent, nil, nil, spent])
    let victims = try [1, 1, 2, 2, 3].map { try demand("hospital-1-doctor-\($0)") }
    #expect(victims == [nil, nil, nil, nil, spent])
    // The manager has as much again for each hospital.
    for hospital in LedgerFixture.hospitals {
      let codes = try (0..<5).map { _ in try demand("manager", of: hospital) }
      #expect(codes == [nil, nil, nil, nil, spent])
    }
    #expect(try demand("manager", by: "hospital-1") == nil)
  }

  @Test("a share is an equal part, and never less than what two doctors may demand")
  func shareOfFew() throws {
    var numbers = Members.Numbers()
    #expect(try LedgerFixture(numbers: numbers).genesis.members.demandShare == 64)
    numbers.supernodeQuota = 100
    #expect(try LedgerFixture(numbers: numbers).genesis.members.demandShare == 32)
    numbers.signerQuota = 1 << 32
    #expect(try LedgerFixture(numbers: numbers).genesis.members.demandShare == 1 << 33)
  }

  // MARK: A hospital that does not answer

  @Test("[attack] a censor: who owes an answer for longer than L is anchored no more")
  func censor() throws {
    var numbers = Members.Numbers()
    numbers.answerWithin = 300
    var ledger = try LedgerFixture.withTeam(numbers: numbers)
    let visit = try ledger.conduct(1)
    try ledger.confirmAndAnchor()
    let receipt = ledger.receipt(of: visit, .disputed)
    // Demanded in the block that counts as time 20.
    try ledger.demand(receipt, by: "hospital-2", proving: visit)
    try ledger.closeConsortiumBlock(at: 20)
    // The censor never moves to a base at or behind the demand's: it answers nothing, and its base
    // grows old; or it follows, and then nothing may be written but the answer.
    try ledger.advance(300)
    var censor = try ledger.copy()
    try censor.follow()
    #expect(try censor.open(censor.visit(2, follows: false)) == "demand-open")
    try censor.confirm()
    // After exactly L it is still in time, a second later it is not.
    var inTime = try censor.copy()
    #expect(try inTime.append(inTime.anchor(), on: "consortium", by: "cloud") == nil)
    try censor.advance(1)
    #expect(try censor.append(censor.anchor(), on: "consortium", by: "cloud") == "answers-owed")
    // Once it answers, it goes on.
    #expect(try censor.append(receipt) == nil)
    try censor.confirmAndAnchor()
    #expect(try censor.chain().view.visit(visit.id)?.receipt == .disputed)
  }

  @Test("a demanded revocation counts although the hospital never moves again")
  func demandedRevocation() throws {
    var (ledger, visit) = try completed()
    let document = Digest32(sha256: [10])
    try ledger.append(
      ledger.patientEntry(ConsentNotice(visit: visit.id, document: document), of: visit))
    let revocation = ledger.patientEntry(
      Revocation(visit: visit.id, document: document), of: visit)
    func isRevoked() throws -> Bool {
      try ledger.reader.isRevokedByDemand(
        document, of: visit.id, at: visit.hospital)
    }
    #expect(try !isRevoked())
    #expect(try ledger.demand(revocation, by: "hospital-2", proving: visit) == nil)
    #expect(try !isRevoked())
    try ledger.closeConsortiumBlock(at: 20, cosignedBy: 2)
    #expect(try !isRevoked())
    try ledger.cosign(by: "hospital-3")
    #expect(try isRevoked())
    #expect(try ledger.chain().view.consent(document)?.isRevoked == false)
    // The hospital, once it moves, has to take it before the AccessNotice.
    try ledger.follow()
    #expect(
      try ledger.append(
        AccessNotice(visit: visit.id, document: document), on: "hospital-1", by: "manager")
        == "demand-open")
    #expect(try ledger.append(revocation) == nil)
    #expect(
      try ledger.append(
        AccessNotice(visit: visit.id, document: document), on: "hospital-1", by: "manager")
        == "consent-revoked")
  }

  @Test("[attack] nobody revokes another's consent by a demand")
  func foreignRevocation() throws {
    var (ledger, visit) = try completed()
    let document = Digest32(sha256: [10])
    try ledger.append(
      ledger.patientEntry(ConsentNotice(visit: visit.id, document: document), of: visit))
    let attacker = try ledger.conduct(2)
    try ledger.confirmAndAnchor()
    func isRevoked() throws -> Bool {
      try ledger.reader.isRevokedByDemand(
        document, of: visit.id, at: visit.hospital)
    }
    // A doctor, a hospital, and the patient of another visit in that visit's name and in its own.
    let theirs = Revocation(visit: visit.id, document: document)
    let byDoctor = ledger.entry(theirs, on: "hospital-1", by: Self.team[0])
    let byHospital = ledger.entry(theirs, on: "hospital-1", by: "hospital-2")
    let byPatient = ledger.patientEntry(theirs, of: attacker)
    let ownVisit = ledger.patientEntry(
      Revocation(visit: attacker.id, document: document), of: attacker)
    #expect(try ledger.demand(byDoctor, by: "hospital-2") == nil)
    #expect(try ledger.demand(byHospital, by: "hospital-2") == nil)
    #expect(try ledger.demand(byPatient, by: "hospital-2", proving: attacker) == nil)
    #expect(try ledger.demand(ownVisit, by: "hospital-2", proving: attacker) == nil)
    try ledger.closeConsortiumBlock(at: ledger.seconds + 10)
    #expect(try !isRevoked())
    try ledger.follow()
    for (entry, code) in [
      (byDoctor, "not-entitled"), (byHospital, "not-entitled"), (byPatient, "not-entitled"),
    ] {
      #expect(try ledger.append(entry) == code)
      #expect(
        try ledger.append(
          Refused(entry: entry.digest, code: code), on: "hospital-1", by: "hospital-1") == nil)
    }
    // It says something of the attacker's visit alone.
    #expect(try ledger.append(ownVisit) == nil)
    #expect(try ledger.chain().view.consent(document)?.isRevoked == false)
    #expect(
      try ledger.append(
        AccessNotice(visit: visit.id, document: document), on: "hospital-1", by: "manager") == nil)
  }
}

extension LedgerFixture {
  /// The completion of a visit under the checkpoint that was anchored last, or that of a size.
  func completionProof(of visit: TestVisit, size: UInt64? = nil) throws -> Demand.CompletionProof {
    let chain = chain(visit.hospital)
    let index = try #require(try chain.view.visit(visit.id)?.completion)
    let anchored = try size ?? #require(try reader.anchor(of: visit.hospital)).size
    return Demand.CompletionProof(
      entry: completionEntry(of: visit),
      anchor: try reader.anchorCount(of: visit.hospital) - 1, index: index,
      inclusion: try chain.engine.inclusion(of: index, size: anchored))
  }

  /// A supernode demands an entry of the hospital that it names.
  @discardableResult
  mutating func demand(
    _ entry: Entry, by node: String, proving visit: TestVisit? = nil
  ) throws -> String? {
    try append(
      Demand(entry: entry, completion: visit.map { try completionProof(of: $0) }), on: "consortium",
      by: node)
  }
}
