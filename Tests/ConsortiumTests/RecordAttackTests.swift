import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// Attacks on where records are kept: by other hospitals, by doctors, and by who gives them.
@Suite("Attacks on the record store")
struct RecordAttackTests {
  private static let hospital = "hospital-1"

  /// Hospital 2 offers its next visit under this identifier.
  private func squat(_ victim: Digest32, _ test: TestConsortium) {
    let store = test.storage.roleStore("hospital-2")
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard let asked = transit.payload(RequestAdmission.self),
        transit.recipient == "hospital-2",
        case .visit(var context, let evidence, _, let attempt) =
          try ReplyMessage<AdmissionOffer>(encoded: transit.open(reply)).result.get()
      else { return reply }
      var generator = SeededGenerator(seed: 14)
      let opening = PseudonymOpening(
        hospital: context.hospital, visitID: victim, identity: asked.form.identity,
        using: &generator)
      (context.visitID, context.pseudonym) = (victim, opening.pseudonym)
      // Its own store.
      let visit = HospitalVisit(context: context, evidence: evidence, opening: opening)
      let key = context.visitSigningKey
      try store.write([
        "offer/\(context.digest)": Message(visit).encoded(),
        "offered/\(victim)/\(Digest32(sha256: key))": key,
      ])
      return try transit.answer(
        RequestAdmission.self,
        .visit(context, evidence: evidence, opening: opening, attempt: attempt))
    }
  }

  @Test("[attack] a hospital takes another hospital's identifier for its visit: both are complete")
  func squattedRecord() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let victim = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.addPatient(contact: "patient-b", identity: "Basil Ode, 1955-07-01")
    squat(victim, test)
    var other = test.plan("e-2", hospital: "hospital-2")
    other.patient = "patient-b"
    #expect(try await consortium.open(other).visit == victim)
    test.wire.intercept(nil)
    try await consortium.agreeOnGroupKey(victim, at: "hospital-2")
    try await consortium.diagnose(victim, other, position: 1)
    try await consortium.complete(victim, at: "hospital-2")

    try await consortium.diagnose(victim, plan, position: 1)
    try await consortium.complete(victim, at: Self.hospital)
    for plan in [plan, other] {
      let record = try await consortium.collect(victim, plan).record
      #expect(record?.findings.map(\.content) == plan.findings)
    }
    let records = try await test.storage.records.records()
    #expect(records.map(\.visit) == [victim, victim])
    #expect(records.map(\.hospital) == [Self.hospital, "hospital-2"])
  }

  @Test("[attack] who signs again after the record was stored completes the visit all the same")
  func storedBefore() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    var plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    let records = test.storage.records
    // More often than one visit may have records.
    for round in 1...3 {
      plan.findings[0] = Array("{\"finding\":\"number \(round)\"}".utf8)
      for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
      test.wire.lose {
        $0.payload(SubmitEntry.self)?.entry.content.body.kind == .visitCompletion
      }
      #expect(
        await ConsortiumError.code {
          try await consortium.complete(visit, at: Self.hospital)
        } != nil)
      test.wire.intercept(nil)
      // Each has a receipt, which a completion may still bring.
      #expect(try await records.records().count == round)
    }
    plan.findings[0] = Array("{\"finding\":\"the last\"}".utf8)
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: Self.hospital)
    #expect(try await consortium.collect(visit, plan).record != nil)
    let digest = try #require(try await test.state(of: visit, consortium).record.recordDigest)
    #expect(try await records.records().map(\.recordDigest) == [digest])
  }

  @Test("[attack] a cloud's receipt is no signature: the doctor's visit stays, and is completed")
  func receiptThatIsNone() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    for count in [1, 54, 63, 64] {
      test.wire.answer(StoreRecord.self) {
        StoredPieces(held: $0.held, receipt: [UInt8](repeating: 7, count: count))
      }
      #expect(
        await ConsortiumError.code {
          try await consortium.complete(visit, at: Self.hospital)
        } != nil)
    }
    test.wire.intercept(nil)
    try await consortium.complete(visit, at: Self.hospital)
    #expect(try await consortium.collect(visit, plan).record != nil)
  }

  /// What a program that runs does time and again.
  ///
  /// - Returns: why it did not complete the visit, if it was to.
  private func goOn(_ doctor: Doctor, _ visit: Digest32) async throws -> String? {
    var code: String?
    for known in try await doctor.visits() where known.step == .completion {
      code = await ConsortiumError.code { _ = try await doctor.completeVisit(known.visit) }
    }
    _ = try await doctor.followUp()
    return code
  }

  @Test(
    "[attack] a cloud's receipt is nobody's, and a submission is lost: nothing is signed with it",
    arguments: [false, true])
  func receiptOfNobody(isLost: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let visit = context.visitID
    try await consortium.diagnose(visit, test.plan(), position: 1)
    let doctor = try #require(await consortium.doctors[context.signers[0].doctor])
    test.wire.intercept { transit in
      if isLost, case .visitCompletion? = transit.payload(SubmitEntry.self)?.entry.content.body {
        throw ConsortiumError(.unreachable, "lost on the way")
      }
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(StoreRecord.self) != nil else { return reply }
      let honest = try ReplyMessage<StoredPieces>(encoded: transit.open(reply)).result.get()
      return try transit.answer(
        StoreRecord.self,
        StoredPieces(held: honest.held, receipt: [UInt8](repeating: 7, count: 64)))
    }
    #expect(try await goOn(doctor, visit) == "invalid-proof")
    #expect(try await doctor.submissions().allSatisfy { $0.kind == .signature })
    test.wire.intercept(nil)
    #expect(try await goOn(doctor, visit) == nil)
    #expect(try await test.state(of: visit, consortium).status == .complete)
    #expect(try await consortium.collect(visit, test.plan()).record != nil)
  }

  @Test(
    "a cloud takes another key while a completion is on its way: another one takes its place")
  func receiptOfFormerKey() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12, window: 36_000)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let visit = context.visitID
    try await consortium.diagnose(visit, test.plan(), position: 1)
    let doctor = try #require(await consortium.doctors[context.signers[0].doctor])
    func step() async throws -> AssignedVisit.Step? {
      try await doctor.visits().first { $0.visit == visit }?.step
    }
    test.wire.lose { transit in
      guard case .visitCompletion? = transit.payload(SubmitEntry.self)?.entry.content.body
      else { return false }
      return true
    }
    #expect(try await goOn(doctor, visit) == "unreachable")
    #expect(try await step() == .done)
    var randomness: Randomness = SeededGenerator(seed: 7)
    try await consortium.cloud.rotateKeys([.identity], using: &randomness)
    for _ in 0..<3 { try await test.passEpoch(consortium) }
    test.wire.intercept(nil)
    // The refusal comes to who follows the completion up.
    _ = try await doctor.followUp()
    #expect(try await step() == .completion)
    #expect(try await goOn(doctor, visit) == nil)
    #expect(try await test.state(of: visit, consortium).status == .complete)
    #expect(try await consortium.collect(visit, test.plan()).record != nil)
  }

  @Test("[attack] a doctor has the cloud drop a record that has its receipt: it is completed with")
  func droppedRecord() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let visit = context.visitID
    try await consortium.diagnose(visit, test.plan(), position: 1)
    let client = test.client(consortium, as: context.signers[0].doctor)
    let answer = Capture<StoredPieces>()
    test.wire.intercept { transit in
      if case .visitCompletion? = transit.payload(SubmitEntry.self)?.entry.content.body,
        answer.value == nil, var other = test.wire.requests(StoreRecord.self).last
      {
        // The same record, as if C were longer: its length is in no digest.
        other.part.piece = try Piece(
          byteCount: Limits.pieceByteCount + 5, index: 0,
          bytes: [UInt8](repeating: 0, count: Limits.pieceByteCount))
        answer.value = try await client.ask(other, of: "cloud")
      }
      return try await transit.deliver(transit.request)
    }
    try await consortium.complete(visit, at: Self.hospital)
    test.wire.intercept(nil)
    #expect(answer.value?.receipt.isEmpty == false)
    #expect(await test.rest(consortium) == nil)
    #expect(try await consortium.collect(visit, test.plan()).record != nil)
    _ = try await consortium.hold(test.plan("encounter-2"))
  }

  @Test(
    "[attack] a doctor completes with the receipt of a record from before the team signed again")
  func formerReceipt() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, doctor) = (context.visitID, context.signers[0].doctor)
    let kept = Capture<VisitCompletion>()
    test.wire.intercept { transit in
      if case .visitCompletion(let completion)? =
        transit.payload(SubmitEntry.self)?.entry.content.body
      {
        if kept.value == nil { kept.value = completion }
        throw ConsortiumError(.unreachable, "kept back")
      }
      return try await transit.deliver(transit.request)
    }
    var again = plan
    again.findings = [[1, 2, 3]]
    for plan in [plan, again] {
      try await consortium.diagnose(visit, plan, position: 1)
      _ = await ConsortiumError.code { try await consortium.complete(visit, at: Self.hospital) }
    }
    test.wire.intercept(nil)
    let first = try #require(kept.value)
    let signature = try #require(try await test.state(of: visit, consortium).signatures.first)
    let former = VisitCompletion(
      context: context, commitments: signature.commitments, signature: signature.signature,
      recordDigest: first.recordDigest, storageSignature: first.storageSignature)
    _ = try await test.client(consortium, as: doctor).ask(
      SubmitEntry(try test.entry(former, by: doctor, place: "doctors/\(doctor)", consortium)),
      of: Self.hospital)
    // Nothing stands still, and the patient says that this is not what the team has signed.
    #expect(await test.rest(consortium) == nil)
    let collected = try await consortium.collect(visit, plan)
    #expect(collected.record == nil && collected.isNewlyReceipted)
    _ = try await consortium.hold(test.plan("encounter-2"))
  }

  @Test("[attack] a doctor stores one record after another: a visit has four, and then its own")
  func manyRecords() async throws {
    let signed = try await SignedVisit()
    let records = signed.test.storage.records
    for number in UInt64(1)...4 {
      let stored = try await signed.store(signed.piece(signed.record(number), 0))
      #expect(stored.receipt.count == 64)
    }
    let fifth = try signed.piece(signed.record(5), 0)
    #expect(await ConsortiumError.code { _ = try await signed.store(fifth) } == "too-large")
    #expect(try await records.records().count == RecordCustody.limit)
    // What is there, for which the cloud has signed, is taken again and never dropped for another.
    let first = try await signed.store(signed.piece(signed.record(1), 0))
    let digest = try signed.name(signed.record(1)).recordDigest
    try await signed.complete(signed.record(1), first.receipt)
    try await signed.consortium.settle()
    #expect(try await records.records().map(\.recordDigest) == [digest])
  }

  @Test("[attack] ten bytes of a record that the cloud has, again and again: none of it is read")
  func storedAlready() async throws {
    let signed = try await SignedVisit()
    let records = signed.test.storage.records
    let record = try signed.record(1, byteCount: 3_000_000)
    let count = Piece.count(of: record.c.count)
    for index in 0..<count { _ = try await signed.store(signed.piece(record, index)) }
    let before = records.piecesRead
    for number in 0..<20 {
      // Of another length, which is in no digest; and as it is.
      let short = try Piece(byteCount: 10, index: 0, bytes: [UInt8](repeating: 1, count: 10))
      let part = RecordPiece(head: record.head, piece: short)
      let stored = try await signed.store(number < 10 ? part : signed.piece(record, 0))
      #expect(stored.held.count == count && stored.receipt.count == 64)
    }
    #expect(records.piecesRead == before)
  }

  @Test("[attack] half of a record after another: one a visit and four of a doctor, for a week")
  func halfRecords() async throws {
    let signed = try await SignedVisit()
    let (records, test) = (signed.test.storage.records, signed.test)
    let store = test.storage.roleStore("cloud")
    func half() throws -> Int { try store.keys(withPrefix: "half-sent/").count }
    for number in UInt64(1)...8 {
      let record = try signed.record(number, byteCount: 3_000_000)
      for index in 0..<2 {
        #expect(try await signed.store(signed.piece(record, index)).receipt.isEmpty)
      }
      #expect(try await records.records().count == 1)
      #expect(try half() <= HalfSentRecords.limit)
    }
    test.pass(seconds: HalfSentRecords.lifetime)
    try await signed.consortium.settle()
    #expect(try await records.records().count == 1)
    test.pass(seconds: 1)
    try await signed.consortium.settle()
    #expect(try await records.records().isEmpty)
    #expect(try half() == 0)
  }

  @Test("[attack] half of a record came while the cloud's clock was ahead: it stays for a week")
  func halfRecordAhead() async throws {
    let signed = try await SignedVisit()
    let (records, test) = (signed.test.storage.records, signed.test)
    let year: UInt64 = 365 * 86_400
    test.pass(seconds: year)
    let record = try signed.record(1, byteCount: 3_000_000)
    for index in 0..<2 { _ = try await signed.store(signed.piece(record, index)) }
    test.setBack(seconds: year)
    try await signed.consortium.settle()
    #expect(try await records.records().count == 1)
    test.pass(seconds: HalfSentRecords.lifetime + 1)
    try await signed.consortium.settle()
    #expect(try await records.records().isEmpty)
  }

  @Test("[attack] pieces that are not those of the head are all dropped with the last one")
  func wrongPieces() async throws {
    let signed = try await SignedVisit()
    let records = signed.test.storage.records
    let record = try signed.record(1, byteCount: 2_500_000)
    let other = try signed.record(2, byteCount: 2_500_000)
    try #require(record.c.count == other.c.count)
    func mixed(_ index: Int) throws -> RecordPiece {
      RecordPiece(head: record.head, piece: try signed.piece(other, index).piece)
    }
    #expect(try await signed.store(signed.piece(record, 0)).held.count == 1)
    // Not in its turn, or another in its place: nothing changes.
    #expect(try await signed.store(signed.piece(record, 2)).held.count == 1)
    #expect(try await signed.store(mixed(0)).held.count == 1)
    #expect(try await signed.store(mixed(1)).held.count == 2)
    #expect(
      await ConsortiumError.code {
        _ = try await signed.store(signed.piece(record, 2))
      } == "record-tampered")
    #expect(try await records.records().isEmpty)
    // Of another length: C's is in no digest.
    let short = try Piece(byteCount: 10, index: 0, bytes: [UInt8](repeating: 1, count: 10))
    #expect(
      await ConsortiumError.code {
        _ = try await signed.store(RecordPiece(head: record.head, piece: short))
      } == "record-tampered")
    for index in 0..<2 { _ = try await signed.store(signed.piece(record, index)) }
    #expect(try await signed.store(signed.piece(record, 2)).receipt.count == 64)
  }

  @Test("[attack] a cloud that lies in one piece wastes one record's bytes, and no receipt")
  func lyingCloud() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    var plan = test.plan()
    plan.findings = [[UInt8](repeating: 0x61, count: 2_500_000)]
    let visit = try await test.completeVisit(consortium, plan)
    try await consortium.settle()
    func collected() async -> String? {
      await ConsortiumError.code { _ = try await consortium.collect(visit, plan) }
    }
    test.wire.answer(FetchOwnRecord.self) { $0.piece.index == 1 ? $0.changed() : $0 }
    #expect(await collected() == "record-tampered")
    #expect(test.wire.requests(FetchOwnRecord.self).map(\.index) == [0, 1, 2])
    // Longer than it is, with pieces without end: it says how long, and may not say otherwise.
    test.wire.answer(FetchOwnRecord.self) { part in
      let longer = try? Piece(
        byteCount: Limits.ciphertextByteCount, index: part.piece.index,
        bytes: [UInt8](repeating: 0, count: Limits.pieceByteCount))
      guard part.piece.index == 1, let longer else { return part }
      return RecordPiece(head: part.head, piece: longer)
    }
    #expect(await collected() == "record-tampered")
    #expect(test.wire.requests(FetchOwnRecord.self).map(\.index) == [0, 1, 2, 0, 1])
    #expect(try await test.state(of: visit, consortium).receipt == nil)
    test.wire.intercept(nil)
    #expect(await collected() == nil)
  }
}
