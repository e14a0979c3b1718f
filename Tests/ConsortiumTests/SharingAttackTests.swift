import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

@Suite("Attacks on sharing")
struct SharingAttackTests {
  private let reader = TestConsortium.reader

  private func code(
    _ test: TestConsortium, _ consortium: LocalConsortium, open consent: Digest32
  ) async -> String? {
    await ConsortiumError.code {
      _ = try await consortium.openRecord(doctor: reader, consent: consent)
    }
  }

  /// The proxy's answer to a request that somebody kept, and the cloud's to the proxy's.
  private func answers(
    to request: Reencrypt, _ consent: Signed<Consent>, _ test: TestConsortium,
    _ consortium: LocalConsortium
  ) async throws -> [String?] {
    let fetch = FetchConsentedRecord(consent: consent, index: 0)
    let before = test.wire.requests(FetchConsentedRecord.self).count
    let code = await ConsortiumError.code {
      _ = try await test.client(consortium, as: reader).ask(request, of: "manager")
    }
    #expect(
      test.wire.requests(FetchConsentedRecord.self).count == before,
      "the proxy leaves it to the cloud to refuse")
    return [
      code,
      await ConsortiumError.code {
        _ = try await test.client(consortium, as: "manager").ask(fetch, of: "cloud")
      },
    ]
  }

  /// A doctor's request with y in it, kept back on its way to the proxy.
  private func keptRequest(
    _ test: TestConsortium, _ consortium: LocalConsortium, _ consent: Digest32
  ) async throws -> Reencrypt {
    let kept = Capture<Reencrypt>()
    test.wire.intercept { transit in
      if let request = transit.payload(Reencrypt.self) {
        kept.value = request
        throw ConsortiumError(.unreachable, "kept back")
      }
      return try await transit.deliver(transit.request)
    }
    #expect(await code(test, consortium, open: consent) == "unreachable")
    test.wire.intercept(nil)
    return try #require(kept.value)
  }

  @Test("without a consent no record leaves; before it is final neither")
  func consentComesFirst() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let refusal = try await consortium.openRecordWithoutConsent(doctor: reader, visit: visit)
    #expect(refusal.code == .consentUnknown)
    #expect(await code(test, consortium, open: visit) == "consent-unknown")
    let consent = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: visit,
      expiresAt: TestConsortium.start + 3600)
    #expect(await code(test, consortium, open: consent) == "consent-not-final")
    try await consortium.settle()
    #expect(await code(test, consortium, open: consent) == nil)
  }

  @Test("a revoked consent opens nothing: not at the doctor, not at the proxy, not at the cloud")
  func replayAfterRevocation() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let request = try await keptRequest(test, consortium, consent)
    let signed = try #require(test.wire.requests(GrantConsent.self).last?.consent)
    try await consortium.revoke(patient: TestConsortium.patient, consent: consent)
    // Even before the revocation is final; and the doctor does not leave it to the proxy to refuse.
    let asked = test.wire.requests(Reencrypt.self).count
    #expect(await code(test, consortium, open: consent) == "consent-revoked")
    #expect(test.wire.requests(Reencrypt.self).count == asked)
    #expect(
      try await answers(to: request, signed, test, consortium)
        == ["consent-revoked", "consent-revoked"])
    try await consortium.settle()
    #expect(
      try await answers(to: request, signed, test, consortium)
        == ["consent-revoked", "consent-revoked"])
  }

  @Test("[attack] a share that was kept comes when its consent was taken back: refused for that")
  func shareAfterRevocation() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let kept = try #require(test.wire.requests(DepositConsent.self).last)
    let author = try test.patient(of: try await test.state(of: visit, consortium).context)
    func deposit(_ deposit: DepositConsent) async -> String? {
      await ConsortiumError.code {
        _ = try await test.client(consortium, by: author).ask(deposit, of: "manager")
      }
    }
    #expect(await deposit(kept) == nil)
    // One of which the ledger has no notice.
    var other = kept.consent.object
    other.salt[0] ^= 1
    let unknown = DepositConsent(
      consent: Signed(other, by: author.key), certificate: kept.certificate, share: kept.share)
    #expect(await deposit(unknown) == "consent-unknown")
    try await consortium.revoke(patient: TestConsortium.patient, consent: consent)
    #expect(await deposit(kept) == "consent-revoked")
    try await consortium.settle()
    #expect(await deposit(kept) == "consent-revoked")
    #expect(await deposit(unknown) == "consent-unknown")
  }

  @Test(
    "[attack] a wrong x in the patient's name is refused when it comes, and keeps out no right one")
  func wrongShare() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let kept = Capture<DepositConsent>()
    test.wire.intercept { transit in
      guard let deposit = transit.payload(DepositConsent.self) else {
        return try await transit.deliver(transit.request)
      }
      kept.value = deposit
      throw ConsortiumError(.unreachable, "kept back")
    }
    let expiry = TestConsortium.start + 3600
    func consent() async throws -> Digest32 {
      try await consortium.consent(
        patient: TestConsortium.patient, to: request, visit: visit, expiresAt: expiry)
    }
    #expect(await ConsortiumError.code { _ = try await consent() } == "unreachable")
    test.wire.intercept(nil)
    let right = try #require(kept.value)
    let context = try await test.state(of: visit, consortium).context
    func deposit(_ share: [UInt8]) async throws -> String? {
      let deposit = DepositConsent(
        consent: right.consent, certificate: right.certificate, share: share)
      return await ConsortiumError.code {
        _ = try await test.client(consortium, asPatientOf: context).ask(deposit, of: "manager")
      }
    }
    let zeros = [UInt8](repeating: 0, count: 32)
    let foreign = Array(zeros.dropLast()) + [7]
    let full = [UInt8](repeating: 0xff, count: 32)
    let store = test.storage.roleStore("manager")
    let cases: [([UInt8], String)] = [
      (foreign, "patient-share"), (zeros, "invalid-scalar"), ([7], "invalid-scalar"),
      (full, "invalid-scalar"),
    ]
    for (wrong, code) in cases {
      #expect(try await deposit(wrong) == code)
      for prefix in ["deposit/", "use/", "visit-deposit/"] {
        #expect(try store.keys(withPrefix: prefix).isEmpty)
      }
    }
    #expect(try await deposit(right.share) == nil)
    #expect(try await deposit(foreign) == "reused")
    let given = try await consent()
    #expect(given == right.consent.object.digest)
    try await consortium.settle()
    #expect(await code(test, consortium, open: given) == nil)
  }

  @Test("a hospital that takes no revocation keeps no consent alive: the patient's demand ends it")
  func demandedRevocation() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let request = try await keptRequest(test, consortium, consent)
    let signed = try #require(test.wire.requests(GrantConsent.self).last?.consent)
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let withheld = Capture<[Entry]>()
    withheld.value = []
    test.wire.intercept { transit in
      guard let submit = transit.payload(SubmitEntry.self) else {
        return try await transit.deliver(transit.request)
      }
      if submit.entry.content.body.kind == .revocation { withheld.value?.append(submit.entry) }
      throw ConsortiumError(.unreachable, "the hospital takes no entry")
    }
    #expect(await ConsortiumError.code { try await patient.revoke(consent) } == "unreachable")
    #expect(
      await ConsortiumError.code {
        try await patient.demandRevocation(consent, through: "cloud")
      } == "not-final")
    // Written counts for nothing: nobody could rely on it.
    let fetch = FetchConsentedRecord(consent: signed, index: 0)
    let client = test.client(consortium, as: "manager")
    #expect(
      await ConsortiumError.code { _ = try await client.ask(fetch, of: "cloud") } == nil)

    let writer = try #require(consortium.hospitals["hospital-1"]).ledger.writer
    let position = await writer.position
    try await test.settleOthers(consortium)
    try await patient.demandRevocation(consent, through: "cloud")
    #expect(await code(test, consortium, open: consent) == "consent-revoked")
    #expect(
      try await answers(to: request, signed, test, consortium)
        == ["consent-revoked", "consent-revoked"])
    // All of this without a step of the hospital, for which the same entry waits.
    #expect(await writer.position == position)
    let demanded = test.wire.requests(RelayDemand.self).map(\.entry)
    #expect(demanded.count == 2 && demanded.allSatisfy { [$0] == withheld.value })
    // Asked for again, as after the patient's program began anew, it is the same demand.
    test.wire.intercept(nil)
    let entry = try #require(demanded.first)
    let context = try await test.state(of: visit, consortium).context
    let again = try await test.client(consortium, asPatientOf: context).ask(
      RelayDemand(entry), of: "cloud")
    let place = try await consortium.cloud.node.consortium.index(ofDemandFor: entry)
    #expect(again.index == place)
    try await consortium.settle()
    let leaves = try await test.storage.chainLog("hospital-1").contents()
    let revocations = leaves.compactMap { Leaf.entry(in: $0) }.filter {
      $0.content.body.kind == .revocation
    }
    #expect(revocations == withheld.value)
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }

  @Test(
    "a revocation is signed once, whatever way it goes and however often",
    arguments: [true, false])
  func oneRevocation(isDemandedFirst: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let sent = Capture<[Entry]>()
    sent.value = []
    test.wire.intercept { transit in
      if let submit = transit.payload(SubmitEntry.self) { sent.value?.append(submit.entry) }
      if let demand = transit.payload(RelayDemand.self) { sent.value?.append(demand.entry) }
      throw ConsortiumError(.unreachable, "the message is lost")
    }
    func takeBack(byDemand: Bool) async throws {
      if byDemand {
        try await patient.demandRevocation(consent, through: "cloud")
      } else {
        try await patient.revoke(consent)
      }
    }
    #expect(
      await ConsortiumError.code {
        try await takeBack(byDemand: isDemandedFirst)
      } == "unreachable")
    // Whether signing again gives other bytes depends on the library; so the stored ones are changed.
    let first = try #require(sent.value?.first)
    let key = "consent/\(consent)"
    let store = test.storage.roleStore("patients/\(TestConsortium.patient)")
    var stored = try #require(try store.value(forKey: key))
    let place = try #require(stored.firstRange(of: first.signature))
    stored[place.lowerBound] ^= 1
    try store.write([key: stored])
    for byDemand in [true, false] {
      #expect(
        await ConsortiumError.code { try await takeBack(byDemand: byDemand) } == "unreachable")
    }
    let signatures = try #require(sent.value).dropFirst().map(\.signature)
    #expect(signatures.count == 2 && signatures.allSatisfy { $0 != first.signature })
    #expect(Set(signatures).count == 1)
  }

  @Test("an expired consent opens nothing, at the doctor, the proxy and the cloud")
  func expired() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 100)
    let request = try await keptRequest(test, consortium, consent)
    let signed = try #require(test.wire.requests(GrantConsent.self).last?.consent)
    test.pass(seconds: 101)
    try await consortium.settle()
    #expect(await code(test, consortium, open: consent) == "consent-expired")
    #expect(
      try await answers(to: request, signed, test, consortium)
        == ["consent-expired", "consent-expired"])
  }

  @Test("[attack] a consent has expired by all clocks while no block is decided: no record leaves")
  func expiredByClock() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 100)
    let request = try await keptRequest(test, consortium, consent)
    let signed = try #require(test.wire.requests(GrantConsent.self).last?.consent)
    let given = try deposit(test)
    let expiry = signed.object.expiresAt
    test.pass(seconds: expiry + 1 - test.time)
    #expect(await code(test, consortium, open: consent) == "consent-expired")
    #expect(
      try await answers(to: request, signed, test, consortium)
        == ["consent-expired", "consent-expired"])
    #expect(await consortium.ledgerTime() <= expiry)
    // A clock may be wrong: what the patient has given stays until the ledger says the same.
    #expect(try deposit(test) == given)
    try await consortium.settle()
    #expect(await consortium.ledgerTime() > expiry)
    #expect(
      try await answers(to: request, signed, test, consortium)
        == ["consent-expired", "consent-expired"])
    #expect(try deposit(test) == .over)
  }

  @Test("a consent serves once")
  func usedTwice() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    #expect(await code(test, consortium, open: consent) == nil)
    #expect(await code(test, consortium, open: consent) == "reused")
    let context = try await test.state(of: visit, consortium).context
    // The same answer again, if the first was lost, as long as that may be: B_I opens nothing without d'.
    let request = try #require(test.wire.requests(Reencrypt.self).last)
    let client = test.client(consortium, as: reader)
    let given = try #require(test.wire.passages.last { $0.kind == Reencrypt.name })
    let again = try await client.ask(request, of: "manager")
    #expect(
      try ReplyMessage<ReencryptedPiece>(encoded: given.answer).result.get() == again)
    // x is not there any more, and does not come back.
    let grant = try #require(test.wire.requests(DepositConsent.self).last)
    let patient = try test.client(consortium, asPatientOf: context)
    _ = try await patient.ask(grant, of: "manager")
    #expect(try deposit(test) == .used(result: again.bI, at: test.time))
    try await consortium.settle()
    let log = try await consortium.accessLog(patient: TestConsortium.patient, visit: visit).records
    #expect(log.map(\.event) == [.consented, .requested, .accessed])
    // Once it is revoked, that is the reason.
    try await consortium.revoke(patient: TestConsortium.patient, consent: consent)
    #expect(await code(test, consortium, open: consent) == "consent-revoked")
    #expect(
      await ConsortiumError.code { _ = try await client.ask(request, of: "manager") }
        == "consent-revoked")
    #expect(try deposit(test) == .over)
  }

  /// What the proxy has under the last consent.
  private func deposit(_ test: TestConsortium) throws -> Deposit.State {
    let store = test.storage.roleStore("manager")
    let key = try #require(try store.keys(withPrefix: "deposit/").last)
    return try Message<Deposit>(encoded: try #require(try store.value(forKey: key))).payload.state
  }

  @Test("[attack] what was re-encrypted once is given again under a standing consent alone")
  func lateReencryption() async throws {
    for isRevoked in [true, false] {
      let test = TestConsortium(teamSize: 1)
      let consortium = try await test.open()
      let (_, consent) = try await test.consentedVisit(consortium, lasting: 30 * 86_400)
      let asked = Capture<Reencrypt>()
      test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        guard let request = transit.payload(Reencrypt.self) else { return reply }
        asked.value = request
        throw ConsortiumError(.unreachable, "the answer is lost")
      }
      #expect(await code(test, consortium, open: consent) == "unreachable")
      test.wire.intercept(nil)
      guard case .used = try deposit(test) else {
        Issue.record("the share is not used")
        continue
      }
      // The doctor, who has d' still, wants it after the consent was taken back, or after it was forgotten.
      if isRevoked {
        try await consortium.revoke(patient: TestConsortium.patient, consent: consent)
      } else {
        test.pass(seconds: 7 * 86_400 + 1)
      }
      #expect(
        await code(test, consortium, open: consent) == (isRevoked ? "consent-revoked" : "reused"))
      let request = try #require(asked.value)
      #expect(
        await ConsortiumError.code {
          _ = try await test.client(consortium, as: reader).ask(request, of: "manager")
        } == (isRevoked ? "consent-revoked" : "reused"))
      #expect(try deposit(test) == .over)
    }
  }

  @Test(
    "[attack] a hospital says written, and writes no access: no record leaves before all see it")
  func accessNotWritten() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 10 * 3600)
    try test.answerSubmissions(consortium) { entry in
      entry.content.body.kind == .accessNotice ? .written : nil
    }
    func events() async throws -> [AccessRecord.Event] {
      try await consortium.accessLog(patient: TestConsortium.patient, visit: visit).records.map(
        \.event)
    }
    func given() -> Int {
      test.wire.passages.filter { passage in
        passage.kind == Reencrypt.name
          && (try? ReplyMessage<ReencryptedPiece>(encoded: passage.answer).result.get()) != nil
      }.count
    }
    for _ in 0..<2 {
      #expect(await code(test, consortium, open: consent) == "outcome-unknown")
      try await test.pass(seconds: 60, consortium)
    }
    #expect(try await events() == [.consented, .requested])
    #expect(given() == 0)
    // After an hour it is put before everybody, and this hospital takes it then.
    test.pass(seconds: 3600)
    #expect(await code(test, consortium, open: consent) == "not-final")
    #expect(given() == 0)
    try await test.pass(seconds: 60, consortium)
    #expect(await code(test, consortium, open: consent) == nil)
    #expect(given() == 1)
    #expect(try await events() == [.consented, .requested, .accessed])
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }

  @Test("a record that the doctor could not keep is opened again, until it is kept")
  func keptRecord() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    for _ in 0..<2 {
      let reader = try #require(await consortium.doctors[reader])
      await #expect(throws: CancellationError.self) {
        _ = try await reader.open(consent: consent, keepingBy: { _ in throw CancellationError() })
      }
      consortium = try await test.open()
    }
    let reader = try #require(await consortium.doctors[reader])
    let kept = Capture<OpenedRecord>()
    _ = try await reader.open(consent: consent, keepingBy: { kept.value = $0 })
    #expect(kept.value?.visit == visit)
    #expect(await code(test, consortium, open: consent) == "reused")
    try await consortium.settle()
    let log = try await consortium.accessLog(patient: TestConsortium.patient, visit: visit).records
    #expect(log.map(\.event) == [.consented, .requested, .accessed])
  }

  @Test("a consent for one doctor is of no use to another, nor to the manager's own doctor")
  func anotherDoctor() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let other = "hospital-2-doctor-2"
    let grant = try #require(test.wire.requests(GrantConsent.self).last)
    let client = test.client(consortium, as: other)
    #expect(
      await ConsortiumError.code { _ = try await client.ask(grant, of: other) } == "unauthenticated"
    )

    // A share of the other doctor's own: y·Θ ≠ A', and the doctor is blamed.
    var generator = SeededGenerator(seed: 3)
    let foreign = RequestKey<BLS12381>(using: &generator)
    let request = Reencrypt(consent: consent, share: foreign.encoded(), index: 0)
    #expect(
      await ConsortiumError.code {
        _ = try await client.ask(request, of: "manager")
      } == "consent-unknown")
    // Nobody has the doctor blamed but the doctor.
    #expect(
      await ConsortiumError.code {
        _ = try await test.client(consortium, as: reader).ask(request, of: "manager")
      } == "doctor-share")

    // The manager makes a consent for a doctor of its own: nobody but the patient can sign it.
    let honest = grant.consent.object
    var forged = honest
    forged.doctor = other
    forged.requestKey = foreign.encodedPublicKey
    let signed = Signed(forged, by: try test.identityKey(of: "manager"))
    #expect(
      await ConsortiumError.code {
        _ = try await test.client(consortium, as: "manager").ask(
          FetchConsentedRecord(consent: signed, index: 0), of: "cloud")
      } == "consent-unknown")
    let notice = ConsentNotice(visit: visit, document: forged.digest)
    #expect(
      await ConsortiumError.code {
        try await test.put(try test.entry(notice, by: "manager", consortium), consortium)
      } == "not-entitled")
    // With the honest consent's place on the ledger, but another text under it.
    var moved = honest
    moved.salt[0] ^= 1
    let movedConsent = Signed(moved, by: try test.identityKey(of: "manager"))
    #expect(
      await ConsortiumError.code {
        _ = try await test.client(consortium, as: "manager").ask(
          FetchConsentedRecord(consent: movedConsent, index: 0), of: "cloud")
      } == "consent-unknown")
    // The failed attempts have not used up the true doctor's.
    #expect(await code(test, consortium, open: consent) == nil)
  }

  @Test("nobody but the manager takes a record out of the cloud")
  func foreignProxy() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    _ = try await test.consentedVisit(consortium)
    let grant = try #require(test.wire.requests(GrantConsent.self).last)
    #expect(
      await ConsortiumError.code {
        _ = try await test.client(consortium, as: "hospital-2").ask(
          FetchConsentedRecord(consent: grant.consent, index: 0), of: "cloud")
      } == "unauthenticated")
  }

  @Test("a patient gives no second consent for one A', a proxy takes no second one for one Θ")
  func reusedKeys() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (first, request) = try await test.visitWithRequest(consortium)
    let second = try await consortium.hold(test.plan("encounter-2")).visit
    let expiry = TestConsortium.start + 3600
    _ = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: first, expiresAt: expiry)
    let used = try #require(test.wire.requests(DepositConsent.self).last)

    // The doctor certifies the same A' for another visit.
    var certificate = used.certificate.object
    certificate.visit = second
    let repeated = Signed(certificate, by: try test.identityKey(of: "doctors/\(reader)"))
    test.wire.answer(CertifyRequestKey.self) { _ in repeated }
    let deposits = test.wire.requests(DepositConsent.self).count
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.consent(
          patient: TestConsortium.patient, to: request, visit: second, expiresAt: expiry)
      } == "reused")
    #expect(
      test.wire.requests(DepositConsent.self).count == deposits,
      "the patient leaves it to the proxy to refuse")
    test.wire.intercept(nil)

    // A patient's changed program uses t again.
    let root = try PatientRoot(
      test.secret("root", of: "patients/\(TestConsortium.patient)"))
    let context = try await test.state(of: second, consortium).context
    let keys = try #require(try root.keys(of: context, BLS12381.self))
    let digest = try #require(try await test.state(of: second, consortium).record.recordDigest)
    var consent = used.consent.object
    consent.visit = second
    consent.recordDigest = digest
    let notice = ConsentNotice(visit: second, document: consent.digest)
    let content = EntryContent(
      genesis: consortium.genesis.digest, chain: "hospital-1", signer: .patient(visit: second),
      body: notice)
    try await test.put(Entry(content, signedBy: keys.signingKey), consortium)
    let deposit = DepositConsent(
      consent: Signed(consent, by: keys.signingKey), certificate: repeated,
      share: used.share)
    #expect(
      await ConsortiumError.code {
        _ = try await test.client(consortium, asPatientOf: context).ask(deposit, of: "manager")
      } == "reused")
  }

  @Test("a changed or missing record is given to nobody to read, and the consent stays good")
  func dishonestCloud() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let other = try await consortium.hold(test.plan("encounter-0")).visit
    let foreign = try #require(try await test.storage.records.record(ofVisit: other))
    let fetched = try #require(test.wire.passages.last { $0.kind == FetchOwnRecord.name }).answer
    let part = try ReplyMessage<RecordPiece>(encoded: fetched).result.get()
    let (visit, consent) = try await test.consentedVisit(consortium)
    test.wire.answer(FetchConsentedRecord.self) { _ in part }
    #expect(await code(test, consortium, open: consent) == "record-tampered")
    test.wire.answer(FetchConsentedRecord.self) { reply in
      var changed = reply
      swap(&changed.head.d, &changed.head.e)
      return changed
    }
    #expect(await code(test, consortium, open: consent) == "record-tampered")
    guard case .unused = try deposit(test) else {
      Issue.record("x was used for another record")
      return
    }
    // C itself passes the proxy, and is compared by the reader.
    test.wire.answer(FetchConsentedRecord.self) { $0.changed() }
    #expect(await code(test, consortium, open: consent) == "record-tampered")
    test.wire.intercept(nil)
    test.storage.records.replace(visit, by: nil)
    #expect(await code(test, consortium, open: consent) == "record-missing")
    test.storage.records.replace(visit, by: foreign)
    #expect(await code(test, consortium, open: consent) == "record-tampered")
    test.storage.records.restore()
    #expect(await code(test, consortium, open: consent) == nil)
  }

  @Test("a doctor opens nothing that the proxy changed")
  func dishonestProxy() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    test.wire.answer(Reencrypt.self) { reply in
      var changed = reply
      changed.bI = reply.part.head.b
      return changed
    }
    #expect(await code(test, consortium, open: consent) == "record-equation")
  }

  @Test("[attack] a patient gives the trapdoor of another record: the doctor takes none for it")
  func otherTrapdoor() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    // A patient's changed program has another α.
    let signer = try await test.state(of: visit, consortium).context.signers[0].doctor
    let evidence = try await test.presence(of: visit, to: signer, consortium).evidence
    let store = test.storage.roleStore("patients/\(TestConsortium.patient)")
    var changed = 0
    for key in try store.keys(withPrefix: "visit/") {
      guard var value = try store.value(forKey: key), let place = value.firstRange(of: evidence)
      else { continue }
      value.replaceSubrange(place, with: [UInt8](repeating: 9, count: evidence.count))
      try store.write([key: value])
      changed += 1
    }
    #expect(changed == 1)
    let consent = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + 3600)
    try await consortium.settle()
    #expect(await code(test, consortium, open: consent) == "record-tampered")
  }

  @Test("a patient hears of no request by a stranger")
  func strangersRequest() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let address = try await consortium.address(ofPatient: TestConsortium.patient)
    let request = AccessRequest(
      genesis: consortium.genesis.digest, doctor: "nobody", hospital: "hospital-2",
      address: address, purpose: "curiosity", madeAt: TestConsortium.start,
      nonce: [UInt8](repeating: 0, count: 32))
    var named = request
    named.doctor = reader
    let key = try test.identityKey(of: "hospital-2")
    let client = test.client(consortium, as: reader)
    for (request, atManager, atPatient) in [
      (request, "not-entitled", "unknown-doctor"), (named, "unauthenticated", "unauthenticated"),
    ] {
      let signed = Signed(request, by: key)
      #expect(
        await ConsortiumError.code {
          _ = try await client.ask(SubmitAccessRequest(request: signed), of: "manager")
        } == atManager)
      #expect(
        await ConsortiumError.code {
          _ = try await test.client(consortium, as: "manager").ask(
            ForwardAccessRequest(request: signed), of: address.id)
        } == atPatient)
    }
    // Nobody but the manager brings one.
    let honest = Signed(named, by: try test.identityKey(of: "doctors/\(reader)"))
    for stranger in [reader, "hospital-1", "cloud"] {
      #expect(
        await ConsortiumError.code {
          _ = try await test.client(consortium, as: stranger).ask(
            ForwardAccessRequest(request: honest), of: address.id)
        } == "unauthenticated")
    }
  }

  @Test("[attack] a request is redirected to another patient, kept for a year, or names no address")
  func redirectedRequest() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    try await consortium.addPatient(contact: "patient-b", identity: "Basil Ode, 1955-07-01")
    let address = try await consortium.address(ofPatient: TestConsortium.patient)
    let other = try await consortium.address(ofPatient: "patient-b")
    let request = AccessRequest(
      genesis: consortium.genesis.digest, doctor: reader, hospital: "hospital-2",
      address: address, purpose: "second opinion", madeAt: TestConsortium.start,
      nonce: [UInt8](repeating: 0, count: 32))
    let manager = test.client(consortium, as: "manager")
    func code(_ request: AccessRequest, to address: PatientAddress) async throws -> String? {
      let signed = Signed(request, by: try test.identityKey(of: "doctors/\(reader)"))
      return await ConsortiumError.code {
        _ = try await manager.ask(ForwardAccessRequest(request: signed), of: address.id)
      }
    }
    // A dishonest manager has it in hand.
    #expect(try await code(request, to: other) == "unknown-doctor")
    #expect(try await code(request, to: address) == nil)
    test.pass(seconds: 31 * 86_400)
    #expect(try await code(request, to: address) == "unknown-doctor")
  }

  @Test("[attack] strangers and colleagues put garbage in the place of grants, or fill a store")
  func foreignGrants() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let context = try await test.state(of: visit, consortium).context
    let honest = try #require(test.wire.requests(GrantConsent.self).last)
    let place = "doctors/\(reader)"
    // But for what is proven of the ledger.
    func stored() throws -> [String] {
      try test.storage.roleStore(place).keys(withPrefix: "").filter { !$0.hasPrefix("ledger/") }
    }
    let before = try stored().sorted()
    var generator = SeededGenerator(seed: 4)
    let stranger = try IdentityKey(seed: generator.bytes(32))
    var garbage = honest
    garbage.sealedGrant[40] ^= 1
    let clients = [
      test.client(consortium, as: "hospital-1"), test.client(consortium, as: "manager"),
      test.client(consortium, as: "hospital-1-doctor-1"),
      try test.client(consortium, asPatientOf: context),
      test.client(consortium, by: Author(.key(stranger.publicKey), stranger)),
    ]
    for client in clients {
      #expect(
        await ConsortiumError.code { _ = try await client.ask(garbage, of: reader) }
          == "unauthenticated")
    }
    #expect(try stored().sorted() == before)
    // Another patient whom the doctor has asked is heard, and has no say in this.
    try await consortium.addPatient(contact: "patient-b", identity: "Basil Ode, 1955-07-01")
    _ = try await consortium.requestAccess(
      doctor: reader, patient: "patient-b", purpose: "another")
    let address = try #require(test.wire.requests(ForwardAccessRequest.self).last).request.object
      .address
    let key = try test.addressKey(address, of: "patient-b", consortium)
    let other = test.client(consortium, by: Author(.key(key.publicKey), key))
    let certify = try #require(test.wire.requests(CertifyRequestKey.self).last)
    let asked = try stored().sorted()
    for visit in [certify.visit, .zero] {
      #expect(
        await ConsortiumError.code {
          _ = try await other.ask(
            CertifyRequestKey(
              request: certify.request, hospital: certify.hospital, visit: visit), of: reader)
        } == "not-entitled")
    }
    #expect(
      await ConsortiumError.code { _ = try await other.ask(garbage, of: reader) }
        == "not-entitled")
    #expect(try stored().sorted() == asked)
    #expect(await code(test, consortium, open: consent) == nil)
  }
}
