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
}
