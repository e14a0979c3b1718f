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

  private func code(_ work: () async throws -> Void) async -> String? {
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
    var codes: [String?] = []
    for _ in 0..<6 {
      codes.append(
        await code { _ = try await consortium.openRecord(doctor: Self.reader, consent: consent) })
      if codes.last == .some(nil) { break }
      test.pass(seconds: 3600)
      try await test.settleOthers(consortium)
    }
    #expect(codes.last == .some(nil), "\(codes)")
  }

  /// A final visit whose record the patient has not collected, and what the patient has of it.
  private func uncollected(
    _ test: TestConsortium, _ consortium: LocalConsortium
  ) async throws -> (visit: Digest32, patient: Patient) {
    let visit = try await test.completeVisit(consortium, test.plan())
    try await test.pass(seconds: 100, consortium)
    return (visit, try #require(await consortium.patients[TestConsortium.patient]))
  }

  @Test("[attack] a hospital falls silent behind the completion: its patient reads the record")
  func silentAfterCompletion() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, patient) = try await uncollected(test, consortium)
    test.wire.lose { $0.recipient == Self.hospital }
    for _ in 0..<2 {
      let collected = try await patient.collect(visit, at: Self.hospital)
      #expect(collected.record?.findings.map(\.content) == test.plan().findings)
      #expect(!collected.isNewlyReceipted && collected.receipt == .sent)
    }
    #expect(try await !patient.hasReceipted(visit, at: Self.hospital))
    let known = try await patient.holdings().visits
    #expect(known.map(\.isReceipted) == [false] && known.allSatisfy { $0.recordDigest != nil })
    _ = try await patient.followUp()
    #expect(try await !patient.hasReceipted(visit, at: Self.hospital))
    // It comes back: the same receipt is given, once.
    test.wire.intercept(nil)
    _ = try await patient.followUp()
    #expect(try await test.state(of: visit, consortium).receipt == .acknowledged)
    try await test.pass(seconds: 100, consortium)
    _ = try await patient.followUp()
    #expect(try await patient.hasReceipted(visit, at: Self.hospital))
    let receipts = test.wire.requests(SubmitEntry.self).map(\.entry).filter {
      $0.content.body.kind == .visitReceipt
    }
    #expect(Set(receipts.map(\.digest)).count == 1)
  }

  @Test("[attack] a hospital refuses the receipt for no reason: its patient reads the record")
  func refusedReceipt() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, patient) = try await uncollected(test, consortium)
    let refused = SubmissionStanding.refused(code: "unknown-visit", position: 1)
    try test.answerSubmissions(consortium) { _ in .refused(code: "unknown-visit", position: 1) }
    let collected = try await patient.collect(visit, at: Self.hospital)
    #expect(collected.record != nil && collected.receipt == refused)
    #expect(try await !patient.hasReceipted(visit, at: Self.hospital))
  }

  @Test("a patient's own store that fails is no silent hospital: nothing is said to be collected")
  func failingStore() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, _) = try await uncollected(test, consortium)
    let failing = FailingStorage(try await test.storage.copy())
    let store = failing.roleStore("patients/restored")
    let device = try test.newDevice(words: test.words(), store: store, consortium)
    _ = try await device.restore()
    test.wire.intercept { transit in
      if transit.payload(SubmitEntry.self) != nil { failing.kill("patients/restored") }
      return try await transit.deliver(transit.request)
    }
    await #expect(throws: StoreError.self) {
      _ = try await device.collect(visit, at: Self.hospital)
    }
  }

  @Test(
    "a hospital that is silent about its former clouds hides no record: others prove who they were")
  func silentAboutClouds() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    let (visit, patient) = try await uncollected(test, consortium)
    try await test.assign("cloud-2", consortium)
    // The new cloud is not given the records.
    test.wire.lose { $0.payload(TakeOverRecord.self) != nil }
    try await test.passEpoch(consortium, mayFail: true)
    await test.rest(consortium)
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    #expect(try await test.storage.recordStore("cloud-2").record(ofVisit: visit) == nil)
    // By its own look the patient knows of the new one.
    _ = await code { _ = try await patient.accessLog(visit, at: Self.hospital) }
    test.wire.lose {
      $0.payload(TakeOverRecord.self) != nil
        || $0.recipient == Self.hospital && $0.sender == "patient"
    }
    let collected = try await patient.collect(visit, at: Self.hospital)
    #expect(collected.record?.findings.map(\.content) == test.plan().findings)
  }
}
