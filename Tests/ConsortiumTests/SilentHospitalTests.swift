import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// A hospital whose machine is off, or wishes to be thought so.
@Suite("A hospital that answers nothing")
struct SilentHospitalTests {
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String {
    await ConsortiumError.code(work)
  }

  @Test(
    "[attack] a hospital that answers nothing keeps no final record from whom its patient has let")
  func silentHospital() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    try await test.pass(seconds: 200, consortium)
    test.wire.lose { $0.recipient == Self.hospital }
    var codes: [String] = []
    for _ in 0..<6 {
      codes.append(
        await code { _ = try await consortium.openRecord(doctor: Self.reader, consent: consent) })
      if codes.last == "nothing" { break }
      test.pass(seconds: 3600)
      try await test.settleOthers(consortium)
    }
    #expect(codes.last == "nothing", "\(codes)")
  }
}
