import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

@Suite("Attacks on a visit")
struct VisitAttackTests {
  private typealias Curve = BLS12381

  // MARK: PK_v (item 4)

  /// A hospital that answers an admission with a context of its own making.
  private func dishonestAdmission(
    _ test: TestConsortium, _ consortium: LocalConsortium,
    change: @escaping @Sendable (inout VisitContext) -> Void
  ) throws {
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(RequestAdmission.self) != nil,
        case .visit(var context, let evidence, let opening, let attempt) =
          try ReplyMessage<AdmissionOffer>(encoded: transit.open(reply)).result.get()
      else { return reply }
      change(&context)
      return try transit.answer(
        RequestAdmission.self,
        .visit(context, evidence: evidence, opening: opening, attempt: attempt))
    }
  }

  @Test("a patient agrees to no team with a doctor who may not act, or whose key is replaced")
  func formerTeam() async throws {
    // Two of three doctors make a team, so that the hospital has an honest one too.
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let stopped = try await patient.client.doctor("hospital-1-doctor-1", by: "hospital-1")
      .statement.signer
    #expect(try await hospital.setStanding(of: "hospital-1-doctor-1", .suspended))
    try await consortium.settle()
    try dishonestAdmission(test, consortium) { $0.signers[0] = stopped }
    #expect(
      await ConsortiumError.code { _ = try await consortium.open(test.plan()) } == "not-active")
    let anew = try test.newProgram(of: "hospital-1-doctor-1", consortium)
    try await hospital.employ("hospital-1-doctor-1", fingerprint: anew.fingerprint())
    try await anew.register()
    #expect(try await hospital.setStanding(of: "hospital-1-doctor-1", .active))
    try await consortium.settle()
    #expect(
      await ConsortiumError.code { _ = try await consortium.open(test.plan()) }
        == "unknown-doctor")
    try dishonestAdmission(test, consortium) { _ in }
    #expect(await ConsortiumError.code { _ = try await consortium.open(test.plan()) } == nil)
  }

  @Test("a patient agrees to no context but one with the patient's own keys and true rules")
  func substitutedContext() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let foreign = try ForeignKeys()
    let (visitKey, signingKey) = (foreign.visitKey.encodedPublicKey, foreign.signing.publicKey)
    let changes: [(String, @Sendable (inout VisitContext) -> Void)] = [
      ("wrong-context", { $0.visitKey = visitKey }),
      ("wrong-context", { $0.visitSigningKey = signingKey }),
      ("wrong-context", { $0.keyNonce = .zero }),
      ("wrong-context", { $0.mailboxKey = signingKey }),
      (
        "wrong-context",
        {
          $0.amends = .init(
            hospital: "hospital-1", visit: .zero,
            patientSignature: [UInt8](repeating: 0, count: 64))
        }
      ),
      ("wrong-context", { $0.window = 86_400 }),
      ("wrong-context", { $0.resignatureLimit = 40 }),
      ("wrong-context", { $0.openedAt += 1 }),
      ("wrong-context", { $0.baseHash = .zero }),
      ("wrong-context", { $0.evidenceDigest = .zero }),
      ("pseudonym", { $0.pseudonym = .zero }),
      ("pseudonym", { $0.visitID = .zero }),
      ("unknown-doctor", { $0.signers[0].doctor = "nobody" }),
      ("unknown-doctor", { $0.signers[0].a = $0.signers[1].a }),
      ("equal-keys", { $0.signers[0] = $0.signers[1] }),
    ]
    for (code, change) in changes {
      try dishonestAdmission(test, consortium, change: change)
      #expect(
        await ConsortiumError.code { _ = try await consortium.open(test.plan()) } == code)
    }
    try dishonestAdmission(test, consortium) { _ in }
    #expect(await ConsortiumError.code { _ = try await consortium.open(test.plan()) } == nil)
  }

  @Test("nobody but its patient has a visit under way closed, before its last deadline")
  func foreignAdmission() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    // Somebody whom the counter takes for the patient.
    try await consortium.addPatient(contact: "impostor", identity: TestConsortium.identity)
    var other = plan
    other.patient = "impostor"
    #expect(await ConsortiumError.code { _ = try await consortium.open(other) } == "visit-open")
    #expect(try await test.state(of: visit, consortium).status == .open)
    try await test.pass(seconds: 1850, consortium)
    #expect(await ConsortiumError.code { _ = try await consortium.open(other) } == nil)
    #expect(try await test.state(of: visit, consortium).status == .abandoned)
  }

  @Test("a doctor signs in no visit that the ledger does not hold, and joins none of others")
  func unknownVisit() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let doctor = context.signers[0].doctor
    let client = test.client(consortium, as: "hospital-1")
    let offer = try #require(test.wire.requests(AssignVisit.self).last).offer
    var foreign = try ForeignKeys()
    let unrecorded = try foreign.opening(like: context)
    let other = try await consortium.open(test.plan("encounter-2")).visit
    let opened = try await test.state(of: other, consortium).context
    func changed(_ context: VisitContext) -> AssignVisit {
      var context = context
      context.evidenceDigest = .zero
      let opening = VisitOpening(
        context: context, visitKeyProof: unrecorded.visitKeyProof,
        patientSignature: unrecorded.patientSignature)
      return AssignVisit(opening: opening, offer: offer)
    }
    #expect(
      await ConsortiumError.code {
        _ = try await client.ask(changed(context), of: doctor)
      } == "wrong-context")
    // That a visit is open is the hospital's word: it is compared before anything is signed.
    _ = try await client.ask(AssignVisit(opening: unrecorded, offer: offer), of: doctor)
    _ = try await client.ask(changed(opened), of: opened.signers[0].doctor)
    for (context, code) in [
      (unrecorded.context, "unknown-visit"), (opened, "wrong-context"),
    ] {
      let signer = try await #require(consortium.doctors[context.signers[0].doctor])
      #expect(
        await ConsortiumError.code {
          _ = try await signer.diagnose(context.visitID, [1])
        } == code)
    }
    #expect(
      await ConsortiumError.code {
        _ = try await client.ask(
          AssignVisit(opening: unrecorded, offer: offer), of: TestConsortium.reader)
      } == "not-entitled")
    for stranger in ["hospital-2", "manager", "cloud", context.signers[1].doctor] {
      let code = await ConsortiumError.code {
        _ = try await test.client(consortium, as: stranger).ask(
          AssignVisit(opening: unrecorded, offer: offer), of: doctor)
      }
      #expect(code == (stranger == "hospital-2" ? "not-entitled" : "unauthenticated"))
    }
  }

  @Test(
    "the ledger refuses a team with a stranger or with one doctor twice, and a PK_v seen before")
  func dishonestOpenings() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    func refusal(_ change: (inout VisitContext) -> Void) async throws -> String? {
      var foreign = try ForeignKeys()
      let opening = try foreign.opening(like: context, change: change)
      let entry = try test.entry(opening, by: "hospital-1", consortium)
      return await ConsortiumError.code { try await test.put(entry, consortium) }
    }
    #expect(try await refusal { $0.signers[0].doctor = "nobody" } == "unknown-doctor")
    #expect(try await refusal { $0.signers[2] = $0.signers[0] } == "doctor-twice")
    #expect(try await refusal { $0.signers[0].a = $0.signers[1].a } == "unknown-doctor")
    #expect(try await refusal { $0.openedAt -= 1 } == "wrong-context")
    #expect(try await refusal { $0.pseudonym = context.pseudonym } == "visit-known")
    #expect(try await refusal { _ in } == nil)
    // The same foreign key again, in yet another visit.
    var foreign = try ForeignKeys()
    _ = foreign.generator.bytes(64)
    let again = try test.entry(
      try foreign.opening(like: context), by: "hospital-1", consortium)
    #expect(
      await ConsortiumError.code { try await test.put(again, consortium) } == "visit-key-known")
  }

  // MARK: Signatures and attempts (item 9)

  @Test("a withdrawn finding stays withdrawn")
  func revivedFinding() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    var plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    let before = try await test.state(of: visit, consortium)
    let second = before.signatures[1]
    plan.findings[0] = Array("{\"finding\":\"another\"}".utf8)
    try await consortium.diagnose(visit, plan, position: 1)
    #expect(try await test.state(of: visit, consortium).signatures.count == 1)

    // D_2's old entry again, byte for byte, and the old signature under a new attempt.
    let doctor = before.context.signers[1].doctor
    let place = "doctors/\(doctor)"
    try await test.put(
      try test.entry(second, by: doctor, place: place, consortium), consortium)
    #expect(try await test.state(of: visit, consortium).signatures.count == 1)
    var revived = second
    revived.commitments[1].attempt = 2
    #expect(
      await ConsortiumError.code {
        try await test.put(
          try test.entry(revived, by: doctor, place: place, consortium), consortium)
      } == "wrong-commitments")
    #expect(
      await ConsortiumError.code {
        try await consortium.diagnose(visit, plan, position: 3)
      } == "no-handover")
    for position in 2...3 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: plan.hospital)
    let record = try await consortium.collect(visit, plan)
    #expect(record.record?.findings.map(\.attempt) == [2, 2, 1])
  }

  @Test("others' variants of a signature do not use up a doctor's attempts")
  func othersVariants() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    var plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    let state = try await test.state(of: visit, consortium)
    let doctor = state.context.signers[1].doctor
    for attempt in 2...7 {
      var variant = state.signatures[0]
      variant.commitments[0].attempt = UInt64(attempt)
      let entry = try test.entry(variant, by: doctor, place: "doctors/\(doctor)", consortium)
      #expect(
        await ConsortiumError.code { try await test.put(entry, consortium) } == "not-entitled")
    }
    #expect(try await test.state(of: visit, consortium).attempts == [1, 0, 0])
    plan.findings[0] = [7, 7, 7]
    try await consortium.diagnose(visit, plan, position: 1)
    #expect(try await test.state(of: visit, consortium).attempts == [2, 0, 0])
  }

  @Test("four re-signatures stand, the fifth is refused, and the patient may begin anew")
  func resignatureLimit() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    var plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    for number in 0...4 as ClosedRange<UInt8> {
      plan.findings[0] = [number]
      try await consortium.diagnose(visit, plan, position: 1)
    }
    #expect(try await test.state(of: visit, consortium).attempts == [5, 0, 0])
    plan.findings[0] = [5]
    #expect(
      await ConsortiumError.code {
        try await consortium.diagnose(visit, plan, position: 1)
      } == "attempt")
    // The doctor's own program stops there; a changed one is stopped by the ledger.
    let state = try await test.state(of: visit, consortium)
    var sixth = state.signatures[0]
    sixth.commitments[0].attempt = 6
    let doctor = state.context.signers[0].doctor
    let entry = try test.entry(sixth, by: doctor, place: "doctors/\(doctor)", consortium)
    #expect(
      await ConsortiumError.code { try await test.put(entry, consortium) } == "resignature-limit")
    // A refusal changes nothing.
    #expect(try await test.state(of: visit, consortium).status == .open)
    #expect(try await test.state(of: visit, consortium).attempts == [5, 0, 0])
    #expect(try await consortium.hold(plan).visit != visit)
    #expect(try await test.state(of: visit, consortium).status == .abandoned)
  }

  @Test("a signature after T_k is refused as late, and what was signed before still counts")
  func lateSignature() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    var plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    try await test.pass(seconds: 650, consortium)
    // What stands is not signed again.
    try await consortium.diagnose(visit, plan, position: 1)
    plan.findings[0] = [7, 7, 7]
    #expect(
      await ConsortiumError.code {
        try await consortium.diagnose(visit, plan, position: 1)
      } == "late")
    #expect(try await test.state(of: visit, consortium).attempts == [1])
    #expect(
      await ConsortiumError.code {
        try await consortium.complete(visit, at: plan.hospital)
      } == "late")
    // The Encounter gets another visit.
    #expect(try await consortium.hold(plan).visit != visit)
  }

  // MARK: The record (item 12)

  /// The record that the last doctor sends to the cloud, which does not arrive.
  private func keptBack(
    _ visit: Digest32, _ test: TestConsortium, _ consortium: LocalConsortium
  ) async throws -> StoreRecord {
    let honest = Capture<StoreRecord>()
    test.wire.intercept { transit in
      if let request = transit.payload(StoreRecord.self) {
        honest.value = request
        throw ConsortiumError(.unreachable, "kept back")
      }
      return try await transit.deliver(transit.request)
    }
    #expect(
      await ConsortiumError.code {
        try await consortium.complete(visit, at: "hospital-1")
      } == "unreachable")
    test.wire.intercept(nil)
    return try #require(honest.value)
  }

  @Test("the cloud takes a record from the last doctor alone, and only a sound one")
  func uploads() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    let context = try await test.state(of: visit, consortium).context
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    test.wire.lose(StoreRecord.self)
    #expect(
      await ConsortiumError.code {
        try await consortium.complete(visit, at: plan.hospital)
      } == "wrong-state")
    try await consortium.diagnose(visit, plan, position: 3)
    let sound = try await keptBack(visit, test, consortium)
    let doctors = context.signers.map(\.doctor)
    func answer(
      by doctor: String, _ visit: Digest32? = nil, _ change: (inout RecordPiece) -> Void
    ) async throws -> String? {
      var part = sound.part
      change(&part)
      let request = StoreRecord(
        hospital: "hospital-1", visit: visit ?? context.visitID, part: part)
      return await ConsortiumError.code {
        _ = try await test.client(consortium, as: doctor).ask(request, of: "cloud")
      }
    }
    #expect(try await answer(by: doctors[0]) { _ in } == "not-entitled")
    #expect(try await answer(by: TestConsortium.reader) { _ in } == "not-entitled")
    #expect(try await answer(by: "hospital-1") { _ in } == "unauthenticated")
    #expect(try await answer(by: doctors[2]) { $0 = $0.changed() } == "record-tampered")
    #expect(
      try await answer(by: doctors[2]) { swap(&$0.head.d, &$0.head.e) } == "one-time-signature")
    #expect(
      try await answer(by: doctors[2]) { $0.head.contextDigest = .zero } == "foreign-context")
    #expect(try await test.storage.records.records() == [])
    #expect(try await answer(by: doctors[2], .zero) { _ in } == "wrong-state")
    // Without the cloud's receipt no completion counts.
    let state = try await test.state(of: visit, consortium)
    let completion = VisitCompletion(
      context: context, commitments: state.signatures[2].commitments,
      signature: state.signatures[2].signature, recordDigest: .zero,
      storageSignature: [UInt8](repeating: 1, count: 64))
    let entry = try test.entry(
      completion, by: doctors[2], place: "doctors/\(doctors[2])", consortium)
    #expect(
      await ConsortiumError.code {
        try await test.put(entry, consortium)
      } == "wrong-storage-receipt")
    try await consortium.complete(visit, at: plan.hospital)
    #expect(try await consortium.collect(visit, plan).record != nil)
  }

  @Test("a patient notices a changed, a foreign and a missing record, and takes the right one")
  func dishonestCloud() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let other = try await consortium.hold(test.plan("encounter-0")).visit
    let foreign = try #require(try await test.storage.records.record(ofVisit: other))
    let fetched = try #require(test.wire.passages.last { $0.kind == FetchOwnRecord.name }).answer
    let part = try ReplyMessage<RecordPiece>(encoded: fetched).result.get()
    let plan = test.plan()
    let visit = try await test.completeVisit(consortium, plan)
    try await consortium.settle()
    func collected() async -> String? {
      await ConsortiumError.code { _ = try await consortium.collect(visit, plan) }
    }
    test.wire.answer(FetchOwnRecord.self) { _ in part }
    #expect(await collected() == "record-tampered")
    test.wire.answer(FetchOwnRecord.self) { $0.changed() }
    #expect(await collected() == "record-tampered")
    test.wire.intercept(nil)
    // The cloud's own disk lost or changed it.
    test.storage.records.replace(visit, by: foreign)
    #expect(await collected() == "record-tampered")
    test.storage.records.replace(visit, by: nil)
    #expect(await collected() == "record-missing")
    test.storage.records.restore()
    #expect(await collected() == nil)
  }

  @Test("a record is given to the holder of S_v alone")
  func foreignQuery() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let patient = Principal.patient(visit: visit, hospital: "hospital-1")
    let fetch = try #require(test.wire.requests(FetchOwnRecord.self).last)
    let clients = [
      test.client(consortium, as: TestConsortium.reader), test.client(consortium, as: "hospital-1"),
      test.client(consortium, as: "manager"),
      test.client(consortium, by: Author(patient, try test.identityKey(of: "hospital-1"))),
    ]
    for client in clients {
      for code in [
        await ConsortiumError.code { _ = try await client.ask(fetch, of: "cloud") },
        await ConsortiumError.code { _ = try await client.ask(ReadAccessLog(), of: "cloud") },
      ] {
        #expect(code == "unauthenticated")
      }
    }
  }

  @Test("a record that the team did not sign is disputed")
  func disputedRecord() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    let state = try await test.state(of: visit, consortium)
    let context = state.context
    let doctor = context.signers[0].doctor
    // The last doctor seals something else than was signed for.
    let opening = try #require(test.wire.requests(AssignVisit.self).first?.opening)
    let evidence = try await test.presence(of: visit, to: doctor, consortium).evidence
    var generator = SeededGenerator(seed: 5)
    let record = try SealedRecord.seal(
      RecordPlaintext(
        context: context, evidence: Evidence(evidence),
        findings: [Finding(content: [1, 2, 3], attempt: 1, using: &generator)]),
      to: VerifiedVisitKey<Curve>(verifying: opening.visitKeyProof, of: context),
      using: &generator)
    let recordDigest = record.recordDigest(visitKey: context.visitKey)
    let client = test.client(consortium, as: doctor)
    let receipt = try await client.ask(
      StoreRecord(hospital: "hospital-1", visit: visit, part: RecordPiece(record)), of: "cloud")
    let completion = VisitCompletion(
      context: context, commitments: state.signatures[0].commitments,
      signature: state.signatures[0].signature, recordDigest: recordDigest,
      storageSignature: receipt.receipt)
    _ = try await client.ask(
      SubmitEntry(
        try test.entry(completion, by: doctor, place: "doctors/\(doctor)", consortium)),
      of: "hospital-1")
    #expect(try await consortium.collect(visit, plan).record == nil)
    #expect(try await test.state(of: visit, consortium).receipt == .disputed)
  }
}
