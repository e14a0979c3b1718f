import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Testing

@Suite("Rules of a hospital's chain")
struct HospitalRulesTests {
  static let team = ["hospital-1-doctor-1", "hospital-1-doctor-2", "hospital-1-doctor-3"]

  private func ledger() throws -> LedgerFixture {
    var ledger = try LedgerFixture()
    try ledger.registerTeam()
    return ledger
  }

  @Test("a visit: opened, signed in order, complete, confirmed, final", arguments: [1, 2, 3])
  func visit(doctors: Int) throws {
    var ledger = try ledger()
    let visit = try ledger.conduct(1, team: Array(Self.team.prefix(doctors)))
    let blocks = try #require(ledger.replica.hospitals["hospital-1"]?.blocks)
    // What came before the visit's block is a block of its own.
    #expect(blocks.count == 2)
    #expect(blocks[1].visitCompletion?.context == visit.context)
    let entry = ledger.entry(
      ledger.completion(of: visit), on: "hospital-1", by: Self.team[doctors - 1])
    #expect(ledger.replica.status(of: entry.digest, chain: "hospital-1") == .ordered)
    try ledger.cosign("hospital-1", by: "hospital-1")
    #expect(ledger.replica.status(of: entry.digest, chain: "hospital-1") == .ordered)
    try ledger.cosign("hospital-1", by: "cloud")
    #expect(ledger.replica.status(of: entry.digest, chain: "hospital-1") == .confirmed)
    try ledger.append(ledger.anchor("hospital-1"), on: "consortium", by: "hospital-1")
    try ledger.closeConsortiumBlock(cosignedBy: 2)
    #expect(ledger.replica.status(of: entry.digest, chain: "hospital-1") == .confirmed)
    try ledger.cosign("consortium", by: "cloud")
    #expect(ledger.replica.status(of: entry.digest, chain: "hospital-1") == .final)
  }

  @Test("two replicas of one log are in one state")
  func determinism() throws {
    var ledger = try ledger()
    _ = try ledger.conduct(1, team: Self.team)
    try ledger.confirmAndAnchor("hospital-1")
    var other = Replica(
      genesis: ledger.genesis, following: LedgerFixture.hospitals,
      equations: try LedgerSuite.equations(for: ledger.genesis))
    for (position, bytes) in ledger.log.enumerated() {
      try other.replay(OrderedEntry(position: UInt64(position), bytes: bytes))
    }
    #expect(other.export() == ledger.replica.export())
  }

  // MARK: Opening

  @Test("[attack] items 4, 8: openings that are not of this ledger, hospital, time or team")
  func openings() throws {
    var ledger = try ledger()
    try ledger.register("stranger", at: "hospital-2")
    try ledger.tick(11)
    try ledger.closeConsortiumBlock()
    func refusal(
      _ number: UInt8, team: [String] = Self.team,
      _ change: (inout VisitContext) -> Void = { _ in }
    ) throws -> String? {
      try ledger.open(ledger.visit(number, team: team, changing: change)).refusal
    }
    #expect(try refusal(2) { $0.window = 601 } == "wrong-context")
    #expect(try refusal(3) { $0.resignatureLimit = 5 } == "wrong-context")
    #expect(try refusal(4) { $0.openedAt += 1 } == "wrong-context")
    #expect(try refusal(5) { $0.baseHash = .zero } == "wrong-context")
    #expect(try refusal(6) { $0.baseHeight = 77 } == "wrong-context")
    #expect(try refusal(7, team: ["stranger"]) == "unknown-doctor")
    #expect(try refusal(8) == nil)
  }

  @Test("an opening names a block at most one window old")
  func oldBase() throws {
    var ledger = try ledger()
    let visit = try ledger.visit(1, team: Self.team)
    try ledger.tick(10 + 601)
    try ledger.closeConsortiumBlock()
    #expect(try ledger.open(visit).refusal == "wrong-context")
  }

  @Test("[attack] item 4: the hospital puts a key of its own in place of PK_v")
  func substitutedVisitKey() throws {
    var ledger = try ledger()
    let genuine = try ledger.visit(1, team: Self.team)
    let own = try ledger.visit(2, team: Self.team)
    var context = genuine.context
    context.visitKey = own.context.visitKey
    // The hospital knows p_v of its own key, but cannot sign with the patient's S_v.
    let opening = VisitOpening(
      context: context, visitKeyProof: try own.visitKey.prove(context),
      patientSignature: own.patient.sign(context.encoded()))
    #expect(
      try ledger.append(opening, on: "hospital-1", by: "hospital-1").refusal
        == "wrong-visit-key-proof")
    // With the patient's signature on another context, or without a proof for the key.
    let moved = VisitOpening(
      context: context, visitKeyProof: genuine.opening.visitKeyProof,
      patientSignature: genuine.opening.patientSignature)
    #expect(
      try ledger.append(moved, on: "hospital-1", by: "hospital-1").refusal
        == "wrong-visit-key-proof")
  }

  @Test("[attack] item 4: a visit key, visit or pseudonym seen before")
  func seenBefore() throws {
    var ledger = try ledger()
    let first = try ledger.visit(1, team: Self.team)
    try ledger.open(first)
    #expect(try ledger.open(try ledger.visit(1, team: Self.team)).refusal == "visit-known")
    var context = first.context
    context.visitID = Digest32(sha256: [77])
    context.pseudonym = Digest32(sha256: [78])
    let again = VisitOpening(
      context: context, visitKeyProof: try first.visitKey.prove(context),
      patientSignature: first.patient.sign(context.encoded()))
    #expect(
      try ledger.append(again, on: "hospital-1", by: "hospital-1").refusal == "visit-key-known")
  }

  @Test("a doctor stands once in a team")
  func doctorTwice() throws {
    var ledger = try ledger()
    let visit = try ledger.visit(1, team: [Self.team[0]])
    var context = visit.context
    context.signers += context.signers
    let opening = VisitOpening(
      context: context, visitKeyProof: try visit.visitKey.prove(context),
      patientSignature: visit.patient.sign(context.encoded()))
    #expect(
      try ledger.append(opening, on: "hospital-1", by: "hospital-1").refusal == "doctor-twice")
  }

  // MARK: Signing

  @Test("[attack] item 17: a signature after T_k = T + k·w is late")
  func late() throws {
    var ledger = try ledger()
    var visit = try ledger.visit(1, team: Self.team)
    try ledger.open(visit)
    #expect(try ledger.sign(&visit, position: 1) == .ordered)
    let inTime = try ledger.partialSignature(&visit, position: 2)
    try ledger.tick(10 + 1200)
    try ledger.closeConsortiumBlock()
    #expect(try ledger.append(inTime) == .ordered)
    try ledger.tick(10 + 1801)
    try ledger.closeConsortiumBlock()
    #expect(try ledger.sign(&visit, position: 3).refusal == "late")
    #expect(try ledger.complete(visit).refusal == "late")
    #expect(
      try ledger.append(
        VisitAbandonment(visit: visit.id, reason: .deadlinePassed), on: "hospital-1",
        by: "hospital-1") == .ordered)
  }

  @Test("out of order, by another doctor, or over other commitments")
  func order() throws {
    var ledger = try ledger()
    var visit = try ledger.visit(1, team: Self.team)
    var unopened = visit
    let early = try ledger.partialSignature(&unopened, position: 1)
    #expect(try ledger.append(early).refusal == "unknown-visit")
    try ledger.open(visit)
    var ahead = visit
    let first = try ledger.partialSignature(&ahead, position: 1)
    let second = try ledger.partialSignature(&ahead, position: 2)
    #expect(try ledger.append(second).refusal == "wrong-commitments")
    // D_2 submits D_1's place.
    let body = try PartialSignature(encoded: first.content.body)
    #expect(
      try ledger.append(body, on: "hospital-1", by: Self.team[1]).refusal == "not-entitled")
    #expect(try ledger.append(first) == .ordered)
    // D_2 signed over another finding of D_1.
    try ledger.sign(&visit, position: 1, finding: "another")
    let other = try ledger.partialSignature(&visit, position: 2)
    #expect(try ledger.append(other).refusal == "wrong-commitments")
  }

  @Test("[attack] item 9: a re-signature withdraws the former and all after it, for good")
  func resignature() throws {
    var ledger = try ledger()
    var visit = try ledger.visit(1, team: Self.team)
    try ledger.open(visit)
    try ledger.sign(&visit, position: 1)
    try ledger.sign(&visit, position: 2)
    let withdrawn = visit
    try ledger.sign(&visit, position: 3)
    let old = ledger.completion(of: visit)
    // D_1 signs again: everybody after has to as well.
    #expect(try ledger.sign(&visit, position: 1, attempt: 2, finding: "revised") == .ordered)
    #expect(
      try ledger.append(old, on: "hospital-1", by: Self.team[2]).refusal == "wrong-commitments")
    // The withdrawn finding cannot be revived, neither as it was nor re-randomized.
    let revived = PartialSignature(
      visit: visit.id, commitments: withdrawn.commitments,
      signature: try withdrawn.rerandomized(using: &ledger.generator))
    #expect(
      try ledger.append(revived, on: "hospital-1", by: Self.team[1]).refusal == "wrong-attempt")
    try ledger.append(
      PartialSignature(
        visit: visit.id, commitments: withdrawn.commitments,
        signature: withdrawn.encodedSignature), on: "hospital-1", by: Self.team[1])
    #expect(ledger.replica.hospitals["hospital-1"]?.state.visits[visit.id]?.signatures.count == 1)
    #expect(try ledger.sign(&visit, position: 2, attempt: 2) == .ordered)
    #expect(try ledger.sign(&visit, position: 3, attempt: 2) == .ordered)
    #expect(try ledger.complete(visit) == .ordered)
  }

  @Test("[attack] item 9: others' variants of a signature do not count as attempts")
  func variants() throws {
    var ledger = try ledger()
    var visit = try ledger.visit(1, team: Self.team)
    try ledger.open(visit)
    try ledger.sign(&visit, position: 1)
    for attempt in 2...5 as ClosedRange<UInt64> {
      var variant = visit
      let entry = try ledger.partialSignature(&variant, position: 1, attempt: attempt)
      let body = try PartialSignature(encoded: entry.content.body)
      #expect(
        try ledger.append(body, on: "hospital-1", by: Self.team[1]).refusal == "not-entitled")
      #expect(
        try ledger.append(
          body, on: "hospital-1", by: Self.team[0], key: ledger.doctors[Self.team[1]]?.identity
        ).refusal == "wrong-signature")
    }
    #expect(ledger.replica.hospitals["hospital-1"]?.state.visits[visit.id]?.attempts == [1, 0, 0])
    #expect(try ledger.sign(&visit, position: 2) == .ordered)
  }

  @Test("a fifth re-signature ends the visit")
  func resignatureLimit() throws {
    var ledger = try ledger()
    var visit = try ledger.visit(1, team: Self.team)
    try ledger.open(visit)
    for attempt in 1...5 as ClosedRange<UInt64> {
      #expect(try ledger.sign(&visit, position: 1, attempt: attempt) == .ordered)
    }
    // The scheme itself refuses to verify a sixth attempt, so the entry is made by hand.
    var commitments = visit.commitments
    commitments[0].attempt = 6
    let sixth = PartialSignature(
      visit: visit.id, commitments: commitments, signature: visit.encodedSignature)
    #expect(
      try ledger.append(sixth, on: "hospital-1", by: Self.team[0]).refusal
        == "resignature-limit")
    #expect(try ledger.sign(&visit, position: 2).refusal == "visit-not-open")
  }

  @Test("[attack] signatures that are no points, or R = 0", arguments: [0, 1, 2])
  func points(fault: Int) throws {
    var ledger = try ledger()
    var visit = try ledger.visit(1, team: Self.team)
    try ledger.open(visit)
    let entry = try ledger.partialSignature(&visit, position: 1)
    var body = try PartialSignature(encoded: entry.content.body)
    switch fault {
    case 0: body.signature[20] ^= 1
    case 1: body.signature.replaceSubrange(0..<48, with: [0xc0] + [UInt8](repeating: 0, count: 47))
    default: body.signature.removeLast()
    }
    #expect(try ledger.append(body, on: "hospital-1", by: Self.team[0]).refusal == "wrong-point")
  }

  @Test("[attack] item 12: the last doctor completes a visit whose record the cloud does not hold")
  func withoutRecord() throws {
    var ledger = try ledger()
    var visit = try ledger.visit(1, team: Self.team)
    try ledger.open(visit)
    for position in 1...3 { try ledger.sign(&visit, position: position) }
    // The cloud's receipt is for another digest, or the hospital signed in its place.
    var completion = ledger.completion(of: visit)
    completion.recordDigest = Digest32(sha256: [10])
    #expect(
      try ledger.append(completion, on: "hospital-1", by: Self.team[2]).refusal
        == "wrong-storage-receipt")
    completion = ledger.completion(of: visit)
    completion.storageSignature =
      ledger.identities["hospital-1"]?.sign(
        StorageReceipt(
          genesis: ledger.genesis.digest, visit: visit.id, recordDigest: completion.recordDigest))
      ?? []
    #expect(
      try ledger.append(completion, on: "hospital-1", by: Self.team[2]).refusal
        == "wrong-storage-receipt")
    #expect(try ledger.complete(visit) == .ordered)
  }

  @Test("[attack] M1: the last doctor completes with a signature that is not the team's")
  func forgedCompletion() throws {
    var ledger = try ledger()
    var visit = try ledger.visit(1, team: Self.team)
    try ledger.open(visit)
    try ledger.sign(&visit, position: 1)
    try ledger.sign(&visit, position: 2)
    // D_3 publishes points that satisfy no equation.
    let foreign = try ledger.visit(2, team: Self.team)
    var other = foreign
    _ = try ledger.partialSignature(&other, position: 1)
    var signed = visit
    _ = try ledger.partialSignature(&signed, position: 3)
    let forged = PartialSignature(
      visit: visit.id, commitments: signed.commitments, signature: other.encodedSignature)
    #expect(try ledger.append(forged, on: "hospital-1", by: Self.team[2]) == .ordered)
    var completion = ledger.completion(of: signed)
    completion.signature = other.encodedSignature
    #expect(
      try ledger.append(completion, on: "hospital-1", by: Self.team[2]).refusal
        == "wrong-multisignature")
    #expect(
      try ledger.append(ledger.completion(of: signed), on: "hospital-1", by: Self.team[1]).refusal
        == "not-entitled")
  }

  // MARK: After the visit

  @Test("receipt, consent, revocation and access, each by whom it belongs to and once")
  func sharing() throws {
    var ledger = try ledger()
    let visit = try ledger.conduct(1, team: Self.team)
    let digest = Digest32(sha256: [9])
    func patient(_ body: some CanonicalObject) throws -> EntryStatus? {
      try ledger.append(ledger.patientEntry(body, of: visit))
    }
    func manager(_ body: some CanonicalObject) throws -> EntryStatus? {
      try ledger.append(body, on: "hospital-1", by: "manager")
    }
    let wrong = VisitReceipt(visit: visit.id, recordDigest: .zero, verdict: .acknowledged)
    #expect(try patient(wrong).refusal == "wrong-record-digest")
    let receipt = VisitReceipt(visit: visit.id, recordDigest: digest, verdict: .acknowledged)
    #expect(
      try ledger.append(receipt, on: "hospital-1", by: "hospital-1").refusal == "not-entitled")
    #expect(try patient(receipt) == .ordered)
    #expect(
      try patient(VisitReceipt(visit: visit.id, recordDigest: digest, verdict: .disputed)).refusal
        == "already-receipted")

    let document = Digest32(sha256: [10])
    let access = AccessNotice(visit: visit.id, document: document)
    #expect(try manager(access).refusal == "unknown-consent")
    #expect(
      try manager(ConsentNotice(visit: visit.id, document: document)).refusal == "not-entitled")
    #expect(try patient(ConsentNotice(visit: visit.id, document: document)) == .ordered)
    // The same bytes are the same entry; another entry about the document is refused.
    #expect(try manager(access).refusal == "unknown-consent")
    #expect(
      try manager(AccessNotice(visit: .zero, document: document)).refusal == "unknown-consent")
    #expect(try patient(Revocation(visit: visit.id, document: document)) == .ordered)
    #expect(ledger.replica.hospitals["hospital-1"]?.state.consents[document]?.isRevoked == true)
    #expect(
      try manager(AccessRequestNotice(visit: visit.id, document: document)) == .ordered)
    #expect(
      try ledger.append(
        AccessRequestNotice(visit: visit.id, document: document), on: "hospital-1",
        by: "hospital-2"
      ).refusal == "not-entitled")
  }

  @Test("[attack] item 1: an access under a revoked consent is refused")
  func accessAfterRevocation() throws {
    var ledger = try ledger()
    let visit = try ledger.conduct(1, team: Self.team)
    let document = Digest32(sha256: [10])
    try ledger.append(
      ledger.patientEntry(ConsentNotice(visit: visit.id, document: document), of: visit))
    try ledger.append(
      ledger.patientEntry(Revocation(visit: visit.id, document: document), of: visit))
    #expect(
      try ledger.append(
        AccessNotice(visit: visit.id, document: document), on: "hospital-1", by: "manager"
      ).refusal == "consent-revoked")
  }
}
