import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

/// Rows of a store that a disk has damaged, or an earlier program wrote otherwise.
@Suite("Rows that cannot be read")
struct DamagedRowTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String {
    await ConsortiumError.code(work)
  }

  @Test("a row of the proxy that cannot be read keeps x of no other consent")
  func damagedDeposit() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let other = try await test.consent(
      to: visit, doctor: "hospital-3-doctor-1", purpose: "another", consortium)
    let store = test.storage.roleStore("manager")
    try store.write(["deposit/\(other)": [1, 2, 3]])
    _ = await code { try await consortium.revoke(patient: Self.patient, consent: consent) }
    for _ in 0..<5 { try await test.pass(seconds: 100, consortium) }
    let bytes = try #require(try store.value(forKey: "deposit/\(consent)"))
    #expect(try Message<Deposit>(encoded: bytes).payload.state == .over)
  }

  @Test("a row of a ticket that cannot be read keeps nobody from being admitted, and goes")
  func damagedTicket() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let server = try #require(consortium.hospitals[Self.hospital])
    _ = try await server.issueTicket(for: TestConsortium.identity)
    let store = test.storage.roleStore(Self.hospital)
    let key = try #require(try store.keys(withPrefix: "ticket/").first)
    try store.write([key: [1, 2, 3]])
    test.pass(seconds: 10 * 86_400)
    for _ in 0..<3 {
      test.pass(seconds: 86_400)
      let issued = await code { _ = try await server.issueTicket(for: "Somebody Else") }
      #expect(issued == "nothing", "\(issued)")
    }
    #expect(try store.value(forKey: key) == nil)
  }

  @Test("a row of a patient that cannot be read keeps no consent from being taken back")
  func damagedPending() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let store = test.storage.roleStore("patients/\(Self.patient)")
    try store.write(["pending-consent/\(Digest32.zero)/hospital-1/\(Digest32.zero)": [1, 2, 3]])
    let patient = try #require(await consortium.patients[Self.patient])
    let first = await code { try await patient.revoke(consent) }
    try await consortium.settle()
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect(first == "nothing" && opened == "consent-revoked", "\(first) \(opened)")
  }
}
