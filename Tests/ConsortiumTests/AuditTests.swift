import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

/// Attacks that succeed: each test passes when the attack does.
@Suite("Audit")
struct AuditTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital
  private static let week: UInt64 = 7 * 86_400

  private func code(_ work: () async throws -> Void) async -> String {
    await ConsortiumError.code(work)
  }

  private func wait(for flag: Capture<Bool>) async throws {
    while flag.value == nil { try await Task.sleep(for: .milliseconds(5)) }
  }

  /// What anybody on the way can say without a seal.
  private static func bare(_ code: String) -> [UInt8] {
    ReplyMessage<Done>(.failure(ConsortiumError(.init(code), "whatever"))).encoded()
  }

  // MARK: Identity keys that were given up

  /// A courier who has an identity key that hospital 1 has given up.
  private struct Thief: Sendable {
    let stolen: IdentityKey
    let own: AgreementKey
    let genesis: Digest32

    @inline(never)
    init(_ test: TestConsortium, _ consortium: LocalConsortium) throws {
      stolen = try test.identityKey(of: AuditTests.hospital)
      own = try AgreementKey(seed: [UInt8](repeating: 4, count: 32))
      genesis = consortium.genesis.digest
    }

    func statement(_ now: UInt64) -> Signed<EnvelopeKey> {
      Signed(
        EnvelopeKey(
          genesis: genesis, owner: AuditTests.hospital, key: own.publicKey, first: now,
          last: now + AuditTests.week),
        by: stolen)
    }

    /// What was sealed to the thief's key.
    @inline(never)
    func open(_ request: [UInt8]) -> (content: RequestContent, answer: AnswerKey)? {
      guard let envelope = try? Envelope(encoded: request),
        envelope.keyDigest == Digest32(sha256: own.publicKey),
        let (signed, answer) = try? envelope.open(with: own, genesis: genesis)
      else { return nil }
      return (signed.object, answer)
    }
  }

  private func isAboutKey(_ transit: Wire.Transit) -> Bool {
    transit.payload(FetchEnvelopeKey.self) != nil && transit.recipient == Self.hospital
      && transit.sender == "patient"
  }

  enum Victim: CaseIterable {
    /// Was shown the thief's envelope key while the identity key was in force, and knows of the next one since.
    case remembers
    /// Has never asked anybody anything: it knows the genesis.
    case isNew
  }

  @Test("who has an identity key that was given up reads forms of admission", arguments: Victim.allCases)
  func givenUpKey(_ victim: Victim) async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    let patient = try #require(await consortium.patients[Self.patient])
    let thief = try Thief(test, consortium)
    if victim == .remembers {
      test.wire.intercept { transit in
        if self.isAboutKey(transit) {
          return try transit.answer(FetchEnvelopeKey.self, thief.statement(test.time))
        }
        if thief.open(transit.request) != nil {
          throw ConsortiumError(.unreachable, "one call fails")
        }
        return try await transit.deliver(transit.request)
      }
      #expect(
        await code { _ = try await patient.client.currentMembers(shownBy: Self.hospital) }
          == "unreachable")
      test.wire.intercept(nil)
    }
    try await consortium.rotateKeys(of: Self.hospital)
    for _ in 0..<3 { try await test.passEpoch(consortium) }
    #expect(!test.keyNames(Self.hospital).contains("identity"))
    if victim == .remembers {
      let members = try await patient.client.currentMembers(shownBy: "cloud")
      #expect(members.identityKey(of: Self.hospital) != thief.stolen.publicKey)
    }
    let read = Capture<AdmissionForm>()
    test.wire.intercept { transit in
      if victim == .isNew, read.value == nil, self.isAboutKey(transit) {
        return try transit.answer(FetchEnvelopeKey.self, thief.statement(test.time))
      }
      if let (content, _) = thief.open(transit.request) {
        if let sent = try? Message<RequestAdmission>(encoded: content.payload) {
          read.value = sent.payload.form
        }
        return Self.bare("decryption")
      }
      return try await transit.deliver(transit.request)
    }
    // Nobody notices.
    _ = try await consortium.open(test.plan())
    let form = try #require(read.value)
    #expect(form.identity == TestConsortium.identity)
    #expect(form.symptoms.text == TestConsortium.complaint)
    print("AUDIT \(victim) read \(form.identity): \(form.symptoms.text)")
  }

  @Test("who has an identity key that was given up says of now what held of a doctor before")
  func staleDoctor() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    let thief = try Thief(test, consortium)
    let doctor = "hospital-1-doctor-1"
    func client() throws -> LedgerClient {
      try LedgerClient(
        genesis: consortium.genesis, store: MemoryRoleStore(),
        requests: RequestClient(courier: consortium.courier, sender: "patient"),
        clock: { test.time })
    }
    _ = try await client().activeDoctor(doctor, by: Self.hospital)
    let kept = try #require(test.wire.passages.last { $0.kind == ProveDoctor.name })
    try await consortium.rotateKeys(of: Self.hospital)
    for _ in 0..<3 { try await test.passEpoch(consortium) }
    let server = try #require(consortium.hospitals[Self.hospital])
    #expect(try await server.setStanding(of: doctor, .suspended))
    try await consortium.settle()
    #expect(
      await code { _ = try await client().activeDoctor(doctor, by: Self.hospital) } == "not-active")
    test.wire.intercept { transit in
      if self.isAboutKey(transit) {
        return try transit.answer(FetchEnvelopeKey.self, thief.statement(test.time))
      }
      if let (content, answer) = thief.open(transit.request), content.name == ProveDoctor.name {
        return SealedAnswer(sealed: try answer.seal(kept.answer)).encoded()
      }
      return try await transit.deliver(transit.request)
    }
    let told = try await client().activeDoctor(doctor, by: Self.hospital)
    #expect(told.status == .active)
    print("AUDIT suspended doctor is \(told.status)")
  }

  // MARK: Revocations

  @inline(never)
  private func noted(
    _ note: KeptNote, of context: VisitContext, _ test: TestConsortium
  ) throws -> VisitNote {
    let root = try PatientRoot(test.secret("root", of: "patients/\(Self.patient)"))
    let keys: PatientVisitKeys<BLS12381>? = try root.keys(of: context)
    return try VisitNote(
      opening: note, of: context.visitID, at: context.hospital, genesis: context.genesis,
      with: #require(keys))
  }

  private func revocations(_ test: TestConsortium) async throws -> Int {
    try await test.storage.chainLog(Self.hospital).contents()
      .count { Leaf.entry(in: $0)?.content.body.kind == .revocation }
  }

  @Test(
    "a revocation is on its way when the device is lost: nobody goes on with it",
    arguments: [true, false])
  func restoredRevocation(isLost: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let context = try await test.state(of: visit, consortium).context
    test.wire.lose { $0.payload(SubmitEntry.self)?.entry.content.body.kind == .revocation }
    #expect(
      await code { try await consortium.revoke(patient: Self.patient, consent: consent) }
        == "unreachable")
    test.wire.intercept(nil)
    // The note at the cloud has it, signed.
    let note = try #require(test.wire.requests(KeepNote.self).last?.note)
    let signed = try noted(note, of: context, test).consents.compactMap(\.revocation)
    #expect(signed.count == 1)
    if isLost {
      try await test.loseDevice(consortium)
      let restoration = try await consortium.restore(patient: Self.patient)
      #expect(restoration.isComplete)
      #expect(restoration.visits.map(\.note) == [.taken])
    }
    let patient = try #require(await consortium.patients[Self.patient])
    for _ in 0..<4 {
      try await test.pass(seconds: 1900, consortium)
      try await patient.followUp()
      try await patient.keepNotes()
    }
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    let standing = try await patient.standing(ofRevocation: consent)
    print("AUDIT device lost: \(isLost); the doctor opens: \(opened); \(String(describing: standing))")
    #expect(opened == (isLost ? "nothing" : "consent-revoked"))
    #expect(try await revocations(test) == (isLost ? 0 : 1))
    if isLost { #expect(standing == nil) }
  }

  enum Then: CaseIterable { case waits, isKilled, demands }

  @Test(
    "a cloud alone holds back the answer to a note: a revocation is neither sent nor demanded",
    arguments: Then.allCases)
  func heldNote(_ then: Then) async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    var patient = try #require(await consortium.patients[Self.patient])
    let (isHeld, isReleased) = (Capture<Bool>(), Capture<Bool>())
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.recipient == "cloud", transit.payload(KeepNote.self) != nil {
        isHeld.value = true
        while isReleased.value == nil { try await Task.sleep(for: .milliseconds(5)) }
      }
      return reply
    }
    let first = patient
    let revoking = Task { _ = try await first.revoke(consent) }
    try await wait(for: isHeld)
    var demanding: Task<Void, any Error>?
    switch then {
    case .waits: break
    case .isKilled:
      // The program is ended, and started again; from now on everybody is honest.
      test.wire.intercept(nil)
      consortium = try await test.open()
      patient = try #require(await consortium.patients[Self.patient])
    case .demands:
      demanding = Task { _ = try await first.demandRevocation(consent, through: "hospital-3") }
    }
    for _ in 0..<4 {
      try await test.pass(seconds: 1900, consortium)
      try await patient.followUp()
    }
    #expect(
      !test.wire.requests(SubmitEntry.self).contains { $0.entry.content.body.kind == .revocation })
    #expect(test.wire.requests(RelayDemand.self).isEmpty)
    #expect(try await patient.submissions().allSatisfy { $0.kind != .revocation })
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    print("AUDIT \(then): two hours after the patient has taken it back the doctor opens: \(opened)")
    #expect(opened == "nothing")
    isReleased.value = true
    _ = try? await revoking.value
    _ = try? await demanding?.value
  }

  // MARK: Codes that a courier chooses

  @Test(
    "a courier has an honest cloud or hospital named in an access log as who is at fault",
    arguments: ["cloud", "hospital-1"], ["malformed", "behind-anchor", "not-entitled"])
  func framed(_ who: String, as fault: String) async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let (visit, _) = try await test.consentedVisit(consortium)
    // Nobody's envelope key is kept across a restart.
    consortium = try await test.open()
    let patient = try #require(await consortium.patients[Self.patient])
    test.wire.intercept { transit in
      if transit.payload(FetchEnvelopeKey.self) != nil, transit.recipient == who,
        transit.sender == "patient"
      {
        return fault == "malformed" ? [1, 2, 3] : Self.bare(fault)
      }
      return try await transit.deliver(transit.request)
    }
    let log = try await patient.accessLog(visit, at: Self.hospital)
    print("AUDIT unheard \(log.unheard)")
    #expect(log.unheard == [who: .init(fault)])
  }

  @Test("a courier has a restored patient told that all is there, and that a complete visit is under way")
  func restoredWithout() async throws {
    let situation = try await RestoringSituation()
    let (test, consortium) = (situation.test, situation.consortium)
    try await test.loseDevice(consortium)
    let isAsked = Capture<Bool>()
    test.wire.intercept { transit in
      guard transit.sender == "patient" else { return try await transit.deliver(transit.request) }
      if transit.payload(FetchNote.self) != nil {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      if transit.payload(ProveVisit.self) != nil {
        isAsked.value = true
        return Self.bare("decryption")
      }
      if isAsked.value == true, transit.payload(FetchEnvelopeKey.self) != nil {
        return Self.bare("not-final")
      }
      return try await transit.deliver(transit.request)
    }
    let restoration = try await consortium.restore(patient: Self.patient)
    print("AUDIT complete: \(restoration.isComplete), \(restoration.visits)")
    #expect(restoration.isComplete)
    #expect(restoration.visits.map(\.state) == [.underWay])
    #expect(try await consortium.visits(ofPatient: Self.patient).isEmpty)
  }

  // MARK: Strangers

  @Test("a stranger from where a patient comes keeps out who has a visit, a ticket, or was asked")
  func flooded() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    // All of them know this patient, and where it comes from.
    #expect(try await patient.accessLog(visit, at: Self.hospital).isComplete)
    test.pass(seconds: 61)
    let limit = try #require(RequestTable.byName[Prove.name]).quota
    let questions = [
      Message(Prove(.consortiumLeaf(index: 1 << 30), knownSize: 0)).encoded(),
      Message(ProveDoctor("nobody", knownSize: 0)).encoded(),
    ]
    for supernode in ["hospital-1", "hospital-2", "hospital-3", "cloud"] {
      for question in questions {
        for _ in 0..<limit {
          _ = try await consortium.courier.send(question, from: "patient", to: supernode)
        }
      }
    }
    let log = await code { _ = try await patient.accessLog(visit, at: Self.hospital) }
    let collected = await code { _ = try await patient.collect(visit, at: Self.hospital) }
    let expiry = await consortium.ledgerTime() + 3600
    let consented = await code {
      _ = try await patient.consent(
        to: request, visit: visit, at: Self.hospital, expiresAt: expiry)
    }
    let admitted = await code { _ = try await consortium.open(test.plan("encounter-2")) }
    print("AUDIT log \(log), collect \(collected), consent \(consented), admission \(admitted)")
    #expect(log == "busy")
    #expect(consented == "busy")
    #expect(admitted == "busy")
    test.pass(seconds: 61)
    #expect(try await patient.accessLog(visit, at: Self.hospital).isComplete)
  }
}
