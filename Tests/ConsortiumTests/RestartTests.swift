import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import Testing

@Suite("Roles that start again from their stores")
struct RestartTests {
  @Test("between any two steps, nothing changes")
  func restartLaw() async throws {
    let test = TestConsortium()
    let plan = test.plan(signingTwice: [2])
    var consortium = try await test.open()
    let visit = try await consortium.open(plan).visit
    consortium = try await test.open()
    try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
    for position in 1...3 {
      consortium = try await test.open()
      try await consortium.diagnose(visit, plan, position: position)
    }
    consortium = try await test.open()
    let last = try await test.state(of: visit, consortium).context.signers[2].doctor
    try await #require(consortium.doctors[last]).sealRecord(visit)
    consortium = try await test.open()
    try await consortium.complete(visit, at: plan.hospital)
    consortium = try await test.open()
    let record = try await consortium.collect(visit, plan)
    #expect(record.record?.findings.map(\.content) == plan.findings)
    #expect(record.record?.findings.map(\.attempt) == [1, 2, 1])

    consortium = try await test.open()
    let request = try await consortium.requestAccess(
      doctor: TestConsortium.reader, patient: plan.patient, purpose: "second opinion")
    consortium = try await test.open()
    let consent = try await consortium.consent(
      patient: plan.patient, to: request, visit: visit, expiresAt: TestConsortium.start + 3600)
    consortium = try await test.open()
    let shared = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
    #expect(shared.findings == record.record?.findings)
    consortium = try await test.open()
    let report = try Verification.verify(
      try await consortium.export().encoded(), genesisDigest: consortium.genesis.digest)
    #expect(report.hospitals[0].acknowledged == 1 && report.hospitals[0].abandoned == 0)
  }

  @Test("an interrupted visit is abandoned and tried again; a final one is not repeated")
  func runAgain() async throws {
    let test = TestConsortium()
    let plan = test.plan()
    var consortium = try await test.open()
    let first = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(first, plan, position: 1)

    consortium = try await test.open()
    let outcome = try await consortium.hold(plan)
    #expect(outcome.visit != first && !outcome.wasKnown)
    #expect(try await test.state(of: first, consortium).status == .abandoned)

    consortium = try await test.open()
    let again = try await consortium.hold(plan)
    #expect(again.visit == outcome.visit && again.wasKnown && again.record == nil)
  }

  @Test("a complete visit without a receipt gets it")
  func missingReceipt() async throws {
    let test = TestConsortium()
    let plan = test.plan()
    var consortium = try await test.open()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    for position in 1...3 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: plan.hospital)
    consortium = try await test.open()
    let outcome = try await consortium.hold(plan)
    #expect(outcome.visit == visit && !outcome.wasKnown)
    #expect(outcome.record?.isNewlyReceipted == true)
    #expect(try await test.state(of: visit, consortium).receipt == .acknowledged)
  }

  @Test("an append whose answer is lost is repeated, and the entry stands once")
  func lostAnswers() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    test.storage.log.loseAnswers(2)
    let outcome = try await consortium.hold(test.plan())
    #expect(outcome.record?.record != nil)
    let entries = try await test.storage.log.contents()
    #expect(Set(entries).count == entries.count)
  }

  @Test("a visit key is never used twice, however often admission fails")
  func countersGoUp() async throws {
    let test = TestConsortium()
    var consortium = try await test.open()
    test.wire.lose(RequestAdmission.self)
    for _ in 0..<3 {
      await #expect(
        ConsortiumError.code { _ = try await consortium.open(test.plan()) } == "unreachable")
      consortium = try await test.open()
    }
    test.wire.intercept(nil)
    let visit = try await consortium.open(test.plan()).visit
    let context = try await test.state(of: visit, consortium).context
    let place = "patients/\(TestConsortium.patient)"
    let fourth: PatientVisitKeys<BLS12381> = try PatientRoot(test.secret("root", of: place))
      .keys(ofVisit: 4)
    #expect(EvidenceKeys(context) == fourth.evidenceKeys)
  }
}
