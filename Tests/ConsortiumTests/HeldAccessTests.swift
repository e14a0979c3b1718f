import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What the proxy waits for is held back until the consent has ended.
@Suite("Sharing: answers that are held back from the proxy")
struct HeldAccessTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  private func wait(for flag: Capture<Bool>) async throws {
    while flag.value == nil { try await Task.sleep(for: .milliseconds(5)) }
  }

  private func deposit(_ consent: Digest32, _ test: TestConsortium) throws -> Deposit.State {
    let bytes = try test.storage.roleStore("manager").value(forKey: "deposit/\(consent)")
    return try Message<Deposit>(encoded: #require(bytes)).payload.state
  }

  private func kinds(_ test: TestConsortium) async throws -> [ObjectKind] {
    try await test.storage.chainLog("hospital-1").contents()
      .compactMap { Leaf.entry(in: $0)?.content.body.kind }
      .filter { [.consentNotice, .revocation, .accessNotice, .accessRequestNotice].contains($0) }
  }

  @Test(
    "[attack] an answer about the access is held until the revocation is final: no record leaves")
  func heldNotice() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 30 * 86_400)
    let patient = try #require(await consortium.patients[Self.patient])
    let doctor = try #require(await consortium.doctors[Self.reader])
    let (isHeld, isReleased) = (Capture<Bool>(), Capture<Bool>())
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if case .accessNotice? = transit.payload(SubmitEntry.self)?.entry.content.body {
        isHeld.value = true
        while isReleased.value == nil { try await Task.sleep(for: .milliseconds(5)) }
      }
      return reply
    }
    let opening = Task {
      await ConsortiumError.code { _ = try await doctor.open(consent: consent) }
    }
    try await wait(for: isHeld)
    try await consortium.revoke(patient: Self.patient, consent: consent)
    try await test.pass(seconds: 600, consortium)
    test.pass(seconds: 2 * 86_400)
    try await consortium.settle()
    let revocation = try await patient.followUp().last { $0.kind == .revocation }
    #expect(revocation?.standing.isFinal == true)
    // The proxy itself knows that the consent was taken back, and has erased what was made under it.
    #expect(try deposit(consent, test) == .over)
    isReleased.value = true
    let outcome = await opening.value
    #expect(outcome == "consent-revoked")
    test.wire.intercept(nil)
  }

  @Test(
    "[attack] an access is written behind a demanded revocation, on an old base: no record leaves")
  func accessAfterDemand() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 360_000)
    let patient = try #require(await consortium.patients[Self.patient])
    let doctor = try #require(await consortium.doctors[Self.reader])
    let server = try #require(consortium.hospitals[Self.hospital])
    let signed = try #require(test.wire.requests(GrantConsent.self).last?.consent)
    let base = try await server.node.finalBlock()
    let (isHeld, isReleased) = (Capture<Bool>(), Capture<Bool>())
    test.wire.intercept { transit in
      guard let submit = transit.payload(SubmitEntry.self) else {
        return try await transit.deliver(transit.request)
      }
      switch submit.entry.content.body {
      case .revocation: throw ConsortiumError(.unreachable, "the hospital takes no revocation")
      case .accessNotice:
        isHeld.value = true
        while isReleased.value == nil { try await Task.sleep(for: .milliseconds(5)) }
        _ = try await server.ledger.writer.submit(submit.entry, base: base, closingBlock: true)
        return try await transit.deliver(transit.request)
      default: return try await transit.deliver(transit.request)
      }
    }
    let opening = Task {
      await ConsortiumError.code { _ = try await doctor.open(consent: consent) }
    }
    try await wait(for: isHeld)
    #expect(await code { try await patient.revoke(consent) } == "unreachable")
    #expect(
      await code { try await patient.demandRevocation(consent, through: "cloud") } == "not-final")
    try await test.settleOthers(consortium)
    try await patient.demandRevocation(consent, through: "cloud")
    let manager = test.client(consortium, as: "manager")
    let refused = await code {
      _ = try await manager.ask(FetchConsentedRecord(consent: signed, index: 0), of: "cloud")
    }
    #expect(refused == "consent-revoked")
    #expect(try await !kinds(test).contains(.accessNotice))
    isReleased.value = true
    let outcome = await opening.value
    #expect(outcome == "consent-revoked")
    test.wire.intercept(nil)
    try await consortium.settle()
  }

  // MARK: Demands of others

  private static func swallow(
    _ kind: ObjectKind, at hospitals: Set<String>
  ) -> @Sendable (Wire.Transit) -> Bool {
    {
      hospitals.contains($0.recipient)
        && $0.payload(SubmitEntry.self)?.entry.content.body.kind == kind
    }
  }

  /// How it ends where a doctor tries for some hours to open what a hospital hinders.
  private func opened(
    _ consent: Digest32, _ test: TestConsortium, _ consortium: LocalConsortium
  ) async throws -> String? {
    var last: String?
    for _ in 0..<6 {
      last = await code {
        _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
      }
      if last == nil { break }
      test.pass(seconds: 1800)
      try await consortium.settle()
    }
    return last
  }

  @Test("[attack] a hospital's invented doctors demand all they may: an access is demanded still")
  func inventedDoctors() async throws {
    let test = TestConsortium(teamSize: 1, doctors: 8, quotas: (signer: 2, supernode: 16))
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 30 * 86_400)
    test.wire.lose(Self.swallow(.accessNotice, at: [Self.hospital]))
    /// Has the cloud demand what nobody ever takes, of whatever hospital.
    func demand(_ number: UInt8, by doctor: String) async throws -> String? {
      let key = try test.identityKey(of: "doctors/\(doctor)")
      let entry = Entry(
        EntryContent(
          genesis: consortium.genesis.digest, chain: "hospital-3", signer: .party(doctor),
          body: AccessNotice(visit: Digest32(sha256: [number]), document: .zero)), signedBy: key)
      return await code {
        _ = try await test.client(consortium, by: Author(.party(doctor), key)).ask(
          RelayDemand(entry, completion: nil), of: "cloud")
      }
    }
    var outcomes: [String?] = []
    for number in 0..<16 as Range<UInt8> {
      outcomes.append(try await demand(number, by: "hospital-3-doctor-\(number / 2 + 1)"))
      try await consortium.settle()
    }
    #expect(outcomes.count { $0 == "not-final" } == 4 && outcomes.last == "quota-spent")
    #expect(try await demand(100, by: "hospital-1-doctor-1") == "not-final")
    #expect(try await opened(consent, test, consortium) == nil)
    let demanded = test.wire.requests(RelayDemand.self).map(\.entry)
    #expect(demanded.contains { $0.content.signer == .party("manager") })
  }

  @Test(
    "[attack] hospitals take no notices of requests: accesses there and elsewhere are demanded still"
  )
  func undemandedNotices() async throws {
    let test = TestConsortium(teamSize: 1, quotas: (signer: 1, supernode: 16))
    let consortium = try await test.open()
    let (hinderers, victim) = (["hospital-1", "hospital-2"], "hospital-3")
    var visits: [String: Digest32] = [:]
    var consents: [Digest32] = []
    for hospital in hinderers + [victim] {
      visits[hospital] = try await consortium.hold(
        test.plan("encounter-\(hospital)", hospital: hospital)
      ).visit
    }
    let expiry = await consortium.ledgerTime() + 30 * 86_400
    func consent(to request: Digest32, at hospital: String) async throws -> Digest32 {
      try await consortium.consent(
        patient: Self.patient, to: request, visit: #require(visits[hospital]), expiresAt: expiry)
    }
    let first = try await consortium.requestAccess(
      doctor: Self.reader, patient: Self.patient, purpose: "what is opened")
    for hospital in ["hospital-1", victim] {
      consents.append(try await consent(to: first, at: hospital))
    }
    try await consortium.settle()
    let hinders = [
      Self.swallow(.accessRequestNotice, at: Set(hinderers)),
      Self.swallow(.accessNotice, at: ["hospital-1", victim]),
    ]
    test.wire.lose { transit in hinders.contains { $0(transit) } }
    // More than the manager may demand of each.
    for number in 0..<6 {
      let request = try await consortium.requestAccess(
        doctor: Self.reader, patient: Self.patient, purpose: "purpose \(number)")
      for hospital in hinderers { _ = try await consent(to: request, at: hospital) }
    }
    for _ in 0..<8 {
      try await consortium.settle()
      test.pass(seconds: 1800)
    }
    func demanded(_ kind: ObjectKind) -> Int {
      let entries = test.wire.requests(RelayDemand.self).map(\.entry)
      return Set(entries.filter { $0.content.body.kind == kind }.map(\.digest)).count
    }
    #expect(demanded(.accessRequestNotice) == 4)
    for consent in consents { #expect(try await opened(consent, test, consortium) == nil) }
    #expect(demanded(.accessNotice) == 2)
  }
}
