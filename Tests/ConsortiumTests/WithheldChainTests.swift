import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("A cloud that withholds a chain")
struct WithheldChainTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  private func opening(_ consent: Digest32, _ consortium: LocalConsortium) async -> String? {
    await code { _ = try await consortium.openRecord(doctor: Self.reader, consent: consent) }
  }

  /// What the proxy has under a consent.
  private func deposit(_ consent: Digest32, _ test: TestConsortium) throws -> Deposit.State {
    let bytes = try test.storage.roleStore("manager").value(forKey: "deposit/\(consent)")
    return try Message<Deposit>(encoded: #require(bytes)).payload.state
  }

  /// How often the proxy has given somebody a record.
  private func given(_ test: TestConsortium) -> Int {
    test.wire.passages.count { passage in
      passage.kind == Reencrypt.name
        && (try? ReplyMessage<ReencryptedPiece>(encoded: passage.answer).result.get()) != nil
    }
  }

  /// What a changed cloud shows the manager of a chain.
  enum Shown: CaseIterable { case nothing, whatItWas }

  /// How a cloud that helps a doctor answers from now on: the manager is shown nothing new, whoever asks is given
  /// the record, and the doctor, who is in it, is told that the consent stands.
  private func withholding(
    _ shown: Shown, _ test: TestConsortium
  ) throws -> Wire.Interception {
    let own = try #require(
      test.wire.passages.last { $0.kind == FetchOwnRecord.name && $0.recipient == "cloud" })
    let piece = try ReplyMessage<RecordPiece>(encoded: own.answer).result.get()
    let former = test.wire.passages.last {
      $0.kind == FetchLeaves.name && $0.sender == "manager"
    }.flatMap { try? ReplyMessage<LeavesReply>(encoded: $0.answer).result.get() }
    let nothing = LeavesReply(leaves: [], note: "", held: 0)
    let leaves = try #require(shown == .nothing ? nothing : former)
    return { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.recipient == "cloud" else { return reply }
      if transit.sender == "manager", transit.payload(FetchLeaves.self) != nil {
        return try transit.answer(FetchLeaves.self, leaves)
      }
      if transit.payload(FetchConsentedRecord.self) != nil {
        return try transit.answer(FetchConsentedRecord.self, piece)
      }
      if transit.payload(ReadConsent.self) != nil {
        var view = try ReplyMessage<ConsentView>(encoded: transit.open(reply)).result.get()
        view.standing = .final
        return try transit.answer(ReadConsent.self, view)
      }
      return reply
    }
  }

  @Test(
    "[attack] a cloud hides a final revocation from the proxy: no record leaves",
    arguments: Shown.allCases)
  func hiddenRevocation(shown: Shown) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 360_000)
    try await test.pass(seconds: 200, consortium)
    test.wire.intercept(try withholding(shown, test))
    try await consortium.revoke(patient: Self.patient, consent: consent)
    try await test.pass(seconds: 200, consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    let revocation = try await patient.followUp().last { $0.kind == .revocation }
    #expect(revocation?.standing.isFinal == true)
    // An hour later it would be demanded.
    for _ in 0..<4 {
      #expect(await opening(consent, consortium) == "behind-anchor")
      try await test.pass(seconds: 1900, consortium)
    }
    #expect(given(test) == 0)
    guard case .unused = try deposit(consent, test) else {
      Issue.record("x was used, or is gone")
      return
    }
    // Shown what there is, the proxy knows it by itself.
    test.wire.intercept(nil)
    test.pass(seconds: 61)
    try await consortium.settle()
    #expect(try deposit(consent, test) == .over)
    #expect(await opening(consent, consortium) == "consent-revoked")
  }

  @Test("[attack] a cloud withholds a chain: the proxy takes no x, and hears nobody by it")
  func withheldConsent() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let kept = Capture<DepositConsent>()
    let keeping: Wire.Interception = { transit in
      if let deposit = transit.payload(DepositConsent.self) {
        kept.value = deposit
        throw ConsortiumError(.unreachable, "kept back")
      }
      return try await transit.deliver(transit.request)
    }
    let context = try await test.state(of: visit, consortium).context
    let client = try test.client(consortium, asPatientOf: context)
    func depositing() async throws -> String? {
      let deposit = try #require(kept.value)
      return await code { _ = try await client.ask(deposit, of: "manager") }
    }
    test.wire.intercept(keeping)
    let expiry = await consortium.ledgerTime() + 36_000
    #expect(
      await code {
        _ = try await consortium.consent(
          patient: Self.patient, to: request, visit: visit, expiresAt: expiry)
      } == "unreachable")
    try await test.pass(seconds: 100, consortium)
    // Nothing of the chain was shown to the manager yet, so it does not know the patient either.
    test.wire.intercept(try withholding(.nothing, test))
    #expect(try await depositing() == "unauthenticated")
    test.wire.intercept(nil)
    #expect(try await depositing() == nil)

    let cloud = try withholding(.whatItWas, test)
    test.wire.intercept { transit in
      if transit.kind == DepositConsent.name { return try await keeping(transit) }
      return try await cloud(transit)
    }
    #expect(
      await code { _ = try await test.consent(to: visit, purpose: "another", consortium) }
        == "unreachable")
    try await test.pass(seconds: 100, consortium)
    test.wire.intercept(cloud)
    let store = test.storage.roleStore("manager")
    let before = try store.keys(withPrefix: "deposit/")
    #expect(try await depositing() == "behind-anchor")
    #expect(try store.keys(withPrefix: "deposit/") == before)
    test.wire.intercept(nil)
    #expect(try await depositing() == nil)
  }

  @Test(
    "[attack] a cloud hides a revocation before its anchor, and the access is demanded: it waits"
  )
  func demandedAccess() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 360_000)
    try await test.pass(seconds: 200, consortium)
    let cloud = try withholding(.whatItWas, test)
    // A courier, too, is the doctor's: nothing of the hospital gets onto the consortium chain meanwhile.
    test.wire.intercept { transit in
      let isRead = transit.kind == FetchOutbox.name || transit.kind == FetchBlock.name
      if isRead && transit.recipient == Self.hospital
        || transit.kind == OfferEntry.name && transit.sender == Self.hospital
      {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      return try await cloud(transit)
    }
    try await consortium.revoke(patient: Self.patient, consent: consent)
    // The hospital says that the consent was taken back. It might say so of each.
    #expect(await opening(consent, consortium) == "consent-revoked")
    test.pass(seconds: 3600)
    #expect(await opening(consent, consortium) == "not-final")
    await test.rest(consortium, rounds: 2)
    let demands = try await consortium.cloud.node.consortium.demandCount(on: Self.hospital)
    #expect(demands == 1)
    #expect(await opening(consent, consortium) == "not-final")
    // The courier cannot hold the anchor up for ever, and then the cloud hides nothing.
    test.wire.intercept(cloud)
    try await test.pass(seconds: 300, consortium)
    for _ in 0..<3 {
      #expect(await opening(consent, consortium) == "behind-anchor")
      try await test.pass(seconds: 1900, consortium)
    }
    #expect(given(test) == 0)
    test.wire.intercept(nil)
    #expect(await opening(consent, consortium) == "consent-revoked")
  }

  @Test(
    "[attack] a hospital that never moves again keeps no record from whom a patient consented to")
  func silentHospital() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 360_000)
    try await test.pass(seconds: 200, consortium)
    // It takes nothing and writes nothing; the others go on.
    test.wire.lose(SubmitEntry.self)
    #expect(await opening(consent, consortium) == "unreachable")
    test.pass(seconds: 3600)
    #expect(await opening(consent, consortium) == "not-final")
    // Demanded, and final; it has its time to answer.
    try await test.settleOthers(consortium)
    let demands = try await consortium.cloud.node.consortium.demandCount(on: Self.hospital)
    #expect(demands == 1)
    #expect(await opening(consent, consortium) == "not-final")
    try await test.settleOthers(consortium)
    #expect(given(test) == 0)
    #expect(await opening(consent, consortium) == nil)
  }

  @Test("an anchor that comes while an honest cloud answers is asked for, and nobody blamed")
  func anchorMeanwhile() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 36_000)
    let open = try await test.beginVisit(consortium, test.plan("encounter-2")).context.visitID
    try await test.pass(seconds: 200, consortium)
    let server = try #require(consortium.hospitals[Self.hospital])
    let isFirst = Capture<Bool>()
    isFirst.value = true
    let sizes = Capture<[UInt64]>()
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.sender == "manager", transit.kind == FetchLeaves.name, isFirst.value == true
      else { return reply }
      isFirst.value = false
      func anchored() async throws -> UInt64 {
        try await consortium.manager.node.consortium.anchor(of: Self.hospital)?.size ?? 0
      }
      let before = try await anchored()
      try await server.abandon(open, .interrupted)
      try await consortium.settle()
      try await consortium.manager.node.catchUp()
      sizes.value = [before, try await anchored()]
      return reply
    }
    #expect(await opening(consent, consortium) == nil)
    let anchored = try #require(sizes.value)
    #expect(anchored[0] < anchored[1])
  }

  @Test("what a cloud that takes a chain over has not got yet is asked for at the former one")
  func takenOver() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let kept = Capture<DepositConsent>()
    test.wire.intercept { transit in
      if let deposit = transit.payload(DepositConsent.self) {
        kept.value = deposit
        throw ConsortiumError(.unreachable, "kept back")
      }
      return try await transit.deliver(transit.request)
    }
    let expiry = await consortium.ledgerTime() + 360_000
    #expect(
      await code {
        _ = try await consortium.consent(
          patient: Self.patient, to: request, visit: visit, expiresAt: expiry)
      } == "unreachable")
    try await test.pass(seconds: 100, consortium)
    // The new cloud gets nothing: neither from the hospital nor from the former one.
    test.wire.lose { transit in
      transit.isAboutChain && transit.sender != "manager"
        && [transit.sender, transit.recipient].contains("cloud-2")
    }
    try await test.assign("cloud-2", consortium)
    try await test.passEpoch(consortium, mayFail: true)
    await test.rest(consortium)
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    #expect(try await test.held("cloud-2", consortium) == 0)
    let context = try await test.state(of: visit, consortium).context
    let deposit = try #require(kept.value)
    let client = try test.client(consortium, asPatientOf: context)
    #expect(await code { _ = try await client.ask(deposit, of: "manager") } == nil)
  }

  @Test("[attack] a cloud whose disk was put back tells nobody that a consent stands")
  func cloudPutBack() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 36_000)
    try await test.pass(seconds: 200, consortium)
    let backup = try await test.storage.backup("cloud")
    try await consortium.revoke(patient: Self.patient, consent: consent)
    try await test.pass(seconds: 200, consortium)
    try await test.storage.restore(backup)
    // The others tell it what is final; the hospital has not given it the leaves again.
    test.wire.lose(ConfirmLeaves.self)
    #expect(await code { _ = try await test.open() } != nil)
    test.wire.intercept(nil)
    let question = ReadConsent(
      hospital: Self.hospital, visit: visit, consent: consent, doctor: Self.reader)
    let doctor = try test.client(as: Self.reader)
    #expect(await code { _ = try await doctor.ask(question, of: "cloud") } == "behind-anchor")
    let again = try await test.open()
    try await test.pass(seconds: 100, again)
    let view = try await test.client(again, as: Self.reader).ask(question, of: "cloud")
    #expect(view.standing == .revoked)
  }
}
