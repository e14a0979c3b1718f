import CanonicalEncoding
import Consortium
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite("One record is opened, by who may")
struct RecordOpeningTests {
  private static let hospital = "hospital-1"

  @Test("its patient opens it as often as wanted, and signs nothing")
  func patient() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    try await consortium.settle()
    let size = try await consortium.exportedLogs().map(\.size)
    for _ in 0..<2 {
      let (record, amendedBy) = try await consortium.openOwnRecord(visit, at: Self.hospital)
      #expect(amendedBy.isEmpty)
      #expect(record.findings.map(\.content) == test.plan().findings)
      #expect(record.visit == visit && record.hospital == Self.hospital)
    }
    #expect(try await consortium.exportedLogs().map(\.size) == size)
  }

  @Test("when a visit opened is told in ledger time, also after a halt")
  func openedAfterHalt() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let halt: UInt64 = 400 * 86_400
    test.pass(seconds: halt)
    try await consortium.settle()
    let visit = try await consortium.hold(test.plan()).visit
    try await consortium.settle()
    let (record, _) = try await consortium.openOwnRecord(visit, at: Self.hospital)
    let time = try #require(await consortium.time(ofBlock: record.baseHeight))
    #expect(time <= test.time && time + 600 >= test.time)
    #expect(record.openedAt + halt / 2 < time)
  }

  @Test("[attack] who is not the visit's patient, or has no consent, a used one, or one taken back")
  func others() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let kept = Mutex<[OpenedRecord]>([])
    func open(_ doctor: String) async -> String? {
      await ConsortiumError.code {
        _ = try await consortium.openSharedRecord(visit, at: Self.hospital, by: doctor) { record in
          kept.withLock { $0.append(record) }
        }
      }
    }
    // Even of the team, without a consent.
    #expect(await open("hospital-3-doctor-1") == "consent-unknown")
    #expect(await open("hospital-1-doctor-1") == "consent-unknown")
    #expect(await open("nobody") == "unknown-doctor")
    #expect(kept.withLock { $0.isEmpty })

    let record = try await consortium.openSharedRecord(
      visit, at: Self.hospital, by: TestConsortium.reader
    ) { record in kept.withLock { $0.append(record) } }
    #expect(record.findings.map(\.content) == test.plan().findings)
    #expect(kept.withLock { $0.count } == 1)
    try await consortium.settle()
    let log = try await consortium.accessLog(patient: TestConsortium.patient, visit: visit)
    #expect(log.records.contains { $0.event == .accessed && $0.document == consent })
    #expect(await open(TestConsortium.reader) == "reused")

    let other = "somebody else"
    try await consortium.addPatient(contact: other, identity: "Charles, 1980-02-29")
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.openOwnRecord(Digest32(sha256: [1]), at: Self.hospital)
      } == "unknown-visit")
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.openOwnRecord(visit, at: "hospital-2")
      } == "unknown-visit")
    #expect(kept.withLock { $0.count } == 1)
  }

  @Test("[attack] a consent that was taken back, or that expired, opens nothing")
  func endedConsents() async throws {
    for isRevoked in [true, false] {
      let test = TestConsortium(teamSize: 1)
      let consortium = try await test.open()
      let (visit, consent) = try await test.consentedVisit(consortium, lasting: 600)
      if isRevoked {
        try await consortium.revoke(patient: TestConsortium.patient, consent: consent)
        try await consortium.settle()
      } else {
        try await test.pass(seconds: 700, consortium)
      }
      let kept = Mutex(0)
      let code = await ConsortiumError.code {
        _ = try await consortium.openSharedRecord(
          visit, at: Self.hospital, by: TestConsortium.reader
        ) { _ in kept.withLock { $0 += 1 } }
      }
      #expect(code == (isRevoked ? "consent-revoked" : "consent-expired"))
      #expect(kept.withLock { $0 } == 0)
    }
  }
}
