import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Sharing: who gives records away is kept from the ledger")
struct CutOffTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital
  private static let others = (2...6).map { "hospital-\($0)" }

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  enum End: CaseIterable { case demanded, expired }

  /// They hear no more of the consortium chain; all else reaches them.
  private static let cutOff: Set<String> = ["hospital-1", "cloud", "manager"]

  @Test(
    "[attack] a courier keeps what has ended from those who look at it: no record leaves",
    arguments: End.allCases)
  func everybody(_ end: End) async throws {
    let test = TestConsortium(teamSize: 1, hospitals: 6)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(
      consortium, lasting: end == .expired ? 3600 : 36_000_000)
    test.pass(seconds: 40)
    try await consortium.settle()
    // It follows when it is asked something.
    try await consortium.manager.node.catchUp()
    let patient = try #require(await consortium.patients[Self.patient])
    let reader = try #require(await consortium.doctors[TestConsortium.reader])
    test.wire.intercept { transit in
      let isRead =
        transit.payload(FetchOutbox.self) != nil || transit.payload(FetchBlock.self) != nil
        || transit.payload(FetchConsortium.self) != nil
      let isRevocation =
        transit.payload(SubmitEntry.self)?.entry.content.body.kind == .revocation
      if isRead && Self.cutOff.contains(transit.sender) || isRevocation {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      return try await transit.deliver(transit.request)
    }
    if end == .demanded {
      #expect(await code { _ = try await patient.revoke(consent) } == "unreachable")
      _ = await code { _ = try await patient.demandRevocation(consent, through: "cloud") }
    }
    let second = try #require(consortium.hospitals["hospital-2"])
    func hasEnded() async throws -> Bool {
      let chain = await second.node.consortium
      return end == .demanded
        ? try chain.isRevokedByDemand(consent, of: visit, at: Self.hospital)
        : chain.time > TestConsortium.start + 4000
    }
    func pass() async throws {
      test.pass(seconds: 40)
      for _ in 0..<3 {
        for other in Self.others { _ = try? await consortium.hospitals[other]?.advance() }
      }
      for other in Self.others { _ = try? await consortium.hospitals[other]?.node.expire() }
    }
    for _ in 0..<400 where try await !hasEnded() { try await pass() }
    #expect(try await hasEnded())
    // As long as what it knows counts as what holds now.
    for _ in 0..<30 { try await pass() }
    let (there, here) = (
      await second.node.consortium.time, await consortium.manager.node.consortium.time
    )
    #expect(test.time < there + 400)
    #expect(test.time > here + LedgerNode.recency)
    let opened = await code { try await reader.open(consent: consent) { _ in } }
    // What expires the doctor's own clock tells.
    #expect(opened == (end == .expired ? "consent-expired" : "out-of-time"))
  }

  @Test("[attack] the cloud alone is kept from the ledger: it gives nothing away to the proxy")
  func cloudCutOff() async throws {
    let test = TestConsortium(teamSize: 1, hospitals: 6)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 36_000_000)
    let reader = try #require(await consortium.doctors[TestConsortium.reader])
    test.wire.intercept { transit in
      let isRead =
        transit.payload(FetchOutbox.self) != nil || transit.payload(FetchBlock.self) != nil
        || transit.payload(FetchConsortium.self) != nil
      if isRead, transit.sender == "cloud" {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      return try await transit.deliver(transit.request)
    }
    for _ in 0..<30 {
      test.pass(seconds: 40)
      for _ in 0..<3 {
        for hospital in consortium.hospitals.values { _ = try? await hospital.advance() }
      }
      for hospital in consortium.hospitals.values { _ = try? await hospital.node.expire() }
    }
    let last = try #require(consortium.hospitals["hospital-2"])
    #expect(await test.time - last.node.consortium.time < 120)
    #expect(await test.time - consortium.cloud.node.consortium.time > LedgerNode.recency)
    #expect(await code { try await reader.open(consent: consent) { _ in } } == "out-of-time")
    // Nothing was lost by it.
    test.wire.intercept { try await $0.deliver($0.request) }
    try await consortium.settle()
    #expect(await code { try await reader.open(consent: consent) { _ in } } == nil)
  }
}
