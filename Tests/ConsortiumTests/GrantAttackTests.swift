import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

/// What is brought in the place of what a patient gives, or gives no more.
@Suite("Sharing: what a patient has not given")
struct GrantAttackTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  @Test(
    "[attack] whoever has an address's key brings another grant of its consent: the first stays")
  func replacedGrant() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let expiry = await consortium.ledgerTime() + 36_000
    let asked = try #require(test.wire.requests(ForwardAccessRequest.self).last).request.object
    let key = try test.addressKey(asked.address, of: Self.patient, consortium)
    let thief = test.client(consortium, by: Author(.key(key.publicKey), key))
    // Before the patient's own has come: the manager has shown the thief the consent.
    test.wire.lose(GrantConsent.self)
    func give() async throws -> Digest32 {
      try await consortium.consent(
        patient: Self.patient, to: request, visit: visit, expiresAt: expiry)
    }
    #expect(await code { _ = try await give() } == "unreachable")
    test.wire.intercept(nil)
    let signed = try #require(test.wire.requests(DepositConsent.self).last?.consent)
    let context = try await test.state(of: visit, consortium).context
    var generator = SeededGenerator(seed: 8)
    let share = ConsentBlinding(for: VisitKey<BLS12381>(using: &generator), using: &generator)
    let evidence = Evidence(using: &generator)
    let foreign = DoctorGrant(
      share: try share.doctorShare.encoded(),
      trapdoor: Trapdoor<BLS12381>(
        evidence: evidence, visitKey: VisitKey<BLS12381>(using: &generator)
      ).encoded())
    let sealed = try SealedMessage(
      .doctorGrant, genesis: consortium.genesis.digest, about: context.digest
    ).seal(
      Message(foreign).encoded(), to: signed.object.agreementKey,
      authenticating: signed.object.digest)
    func bring() async -> [String?] {
      var codes: [String?] = []
      for grant in [[0], sealed] {
        codes.append(
          await code {
            _ = try await thief.ask(
              GrantConsent(consent: signed, sealedGrant: grant), of: Self.reader)
          })
      }
      return codes
    }
    #expect(await bring() == ["consent-mismatch", "consent-mismatch"])
    let consent = try await give()
    #expect(await bring() == ["consent-mismatch", "consent-mismatch"])
    // Nor another signature under the document.
    let own = try #require(
      test.wire.requests(GrantConsent.self).last { ![[0], sealed].contains($0.sealedGrant) })
    let unsigned = GrantConsent(
      consent: Signed(signed.object, by: key), sealedGrant: own.sealedGrant)
    _ = await code { _ = try await thief.ask(unsigned, of: Self.reader) }
    // The patient's own once more, after a lost answer.
    #expect(await code { _ = try await thief.ask(own, of: Self.reader) } == nil)
    try await consortium.settle()
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect(opened == nil)
  }

  @Test(
    "[attack] a hospital takes no notice until its consent was taken back: none is sent any more")
  func noticeOfRevoked() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    let expiry = await consortium.ledgerTime() + 36_000
    func give(until expiry: UInt64) async throws -> Digest32 {
      try await consortium.consent(
        patient: Self.patient, to: request, visit: visit, expiresAt: expiry)
    }
    func notices() -> Int {
      let sent =
        test.wire.requests(SubmitEntry.self).map(\.entry)
        + test.wire.requests(RelayDemand.self).map(\.entry)
      return sent.count { $0.content.body.kind == .consentNotice }
    }
    test.wire.lose {
      $0.payload(SubmitEntry.self)?.entry.content.body.kind == .consentNotice
    }
    #expect(await code { _ = try await give(until: expiry) } == "unreachable")
    let consent = try #require(try await patient.consents().first).consent
    _ = await code { try await patient.revoke(consent) }
    let row = try #require(try await patient.submissions().first { $0.kind == .consent })
    test.wire.intercept(nil)
    let before = notices()
    for _ in 0..<4 {
      test.pass(seconds: 3600)
      _ = try await patient.followUp(demandingAfter: 1)
    }
    #expect(
      await code { try await patient.demand(submission: row.entry) } == "consent-revoked")
    #expect(notices() == before)
    let log = try await patient.accessLog(visit, at: TestConsortium.hospital)
    #expect(log.records.map(\.event) == [.revoked])
    // Another consent to the same is given all the same.
    let again = await consortium.ledgerTime() + 36_000
    let given = try await give(until: again)
    try await consortium.settle()
    _ = try await consortium.openRecord(doctor: Self.reader, consent: given)
  }

  @Test(
    "[attack] a courier holds back the proxy's key until the consent was taken back: x stays here")
  func takenBackWhileAsking() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    let expiry = await consortium.ledgerTime() + 36_000
    let (isHeld, isReleased) = (Capture<Bool>(), Capture<Bool>())
    test.wire.intercept { transit in
      if transit.payload(FetchEnvelopeKey.self) != nil, transit.sender == "patient",
        transit.recipient == "manager"
      {
        isHeld.value = true
        while isReleased.value == nil { try await Task.sleep(for: .milliseconds(5)) }
      }
      return try await transit.deliver(transit.request)
    }
    let giving = Task {
      try await patient.consent(
        to: request, visit: visit, at: TestConsortium.hospital, expiresAt: expiry)
    }
    for _ in 0..<50000 where isHeld.value == nil { try await Task.sleep(for: .milliseconds(5)) }
    #expect(isHeld.value == true)
    let consent = try #require(try await patient.consents().first).consent
    try await patient.revoke(consent)
    isReleased.value = true
    let code = await code { _ = try await giving.value }
    #expect(code == "consent-revoked")
    test.wire.intercept(nil)
    #expect(test.wire.requests(DepositConsent.self).isEmpty)
    #expect(test.wire.requests(GrantConsent.self).isEmpty)
  }
}
