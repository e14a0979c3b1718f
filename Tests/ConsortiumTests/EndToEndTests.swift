import CanonicalEncoding
import Consortium
import Ledger
import Testing

@Suite("A visit and its sharing, end to end")
struct EndToEndTests {
  @Test("everybody finds what the team signed", arguments: [1, 3, 16])
  func wholeStory(teamSize: Int) async throws {
    let test = TestConsortium(teamSize: teamSize)
    let consortium = try await test.open()
    let plan = test.plan(signingTwice: [teamSize])
    let outcome = try await consortium.hold(plan)
    let record = try #require(outcome.record?.record)
    #expect(record.findings.map(\.content) == plan.findings)
    #expect(record.findings.last?.attempt == 2)
    #expect(outcome.record?.isNewlyReceipted == true)

    let doctor = "hospital-2-doctor-1"
    let request = try await consortium.requestAccess(
      doctor: doctor, patient: plan.patient, purpose: "second opinion")
    let consent = try await consortium.consent(
      patient: plan.patient, to: request, visit: outcome.visit,
      expiresAt: TestConsortium.start + 3600)
    try await consortium.settle()
    let shared = try await consortium.openRecord(doctor: doctor, consent: consent)
    #expect(shared.findings == record.findings)

    try await consortium.settle()
    let log = try await consortium.accessLog(patient: plan.patient, visit: outcome.visit).records
    #expect(log.map(\.event) == [.consented, .requested, .accessed])
    #expect(log.last?.doctor == doctor && log.last?.purpose == "second opinion")

    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil })
    #expect(report.chains.dropFirst().map(\.visits.complete) == [1, 0, 0])
    #expect(report.chains.dropFirst().map(\.visits.acknowledged) == [1, 0, 0])
    #expect(report.chains.dropFirst().map(\.visits.unprovenTimes) == [0, 0, 0])
    #expect(report.chains.allSatisfy { $0.finalLeaves == $0.leaves })
  }
}
