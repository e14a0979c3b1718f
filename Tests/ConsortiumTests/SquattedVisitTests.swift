import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

/// Every hospital chooses the identifiers of its visits.
@Suite("A visit with another one's identifier")
struct SquattedVisitTests {
  private static let patient = TestConsortium.patient

  @Test("[attack] a hospital takes a visit from a patient who comes back, by its identifier")
  func restoring() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let consent = try await test.consent(to: visit, purpose: "second opinion", consortium)
    try await test.loseDevice(consortium)
    // An admission before the words are typed in.
    test.squat(visit)
    #expect(try await consortium.open(test.plan("e-2", hospital: "hospital-2")).visit == visit)
    test.wire.intercept(nil)
    try await test.pass(seconds: 61, consortium)
    let found = try await consortium.restore(patient: Self.patient).visits
    let own = try #require(found.first { $0.hospital == "hospital-1" })
    #expect(own.state == .complete(record: true) && own.failure == nil)
    #expect(found.first { $0.hospital == "hospital-2" }?.state == .underWay)
    try await consortium.revoke(patient: Self.patient, consent: consent)
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
      } == "consent-revoked")
  }

  @Test("[attack] a hospital gives a visit the identifier of another one's: both go on")
  func underWay() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let before = try await consortium.holdings(ofPatient: Self.patient)
    let second = test.plan("e-2", hospital: "hospital-2")
    test.squat(visit)
    #expect(try await consortium.open(second).visit == visit)
    test.wire.intercept(nil)
    let patient = try #require(await consortium.patients[Self.patient])
    #expect(try await patient.hospitals(ofVisit: visit) == ["hospital-1", "hospital-2"])
    #expect(try await consortium.holdings(ofPatient: Self.patient).onLedger == before)
    // Each is signed and shared with its own keys, notes and consents.
    try await consortium.agreeOnGroupKey(visit, at: "hospital-2")
    try await consortium.diagnose(visit, second, position: 1)
    let request = try await consortium.requestAccess(
      doctor: TestConsortium.reader, patient: Self.patient, purpose: "second opinion")
    let consent = try await consortium.consent(
      patient: Self.patient, to: request, visit: visit, at: "hospital-1",
      expiresAt: await consortium.ledgerTime() + 3600)
    try await consortium.settle()
    let record = try await consortium.openRecord(
      doctor: TestConsortium.reader, consent: consent)
    #expect(record.findings.map(\.content) == test.plan().findings)
    try await consortium.settle()
    let after = try await consortium.holdings(ofPatient: Self.patient)
    #expect(after.consents.map(\.hospital) == ["hospital-1"])
    #expect(after.visits.map(\.hospital).sorted() == ["hospital-1", "hospital-2"])
    // Who names the identifier alone is told that it says too little.
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.accessLog(patient: Self.patient, visit: visit).records
      } == "unknown-visit")
    #expect(try await patient.accessLog(visit, at: "hospital-1").records.count == 3)
  }

  @Test("[attack] another hospital offers an identifier, and does not learn whose the visit is")
  func whoseItIs() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    try await consortium.addPatient(contact: "patient-b", identity: "Basil Ode, 1955-07-01")
    test.squat(visit)
    var agreed: [Int] = []
    for contact in [Self.patient, "patient-b"] {
      let before = test.wire.requests(AuthorizeVisit.self).count
      var plan = test.plan("e-2", hospital: "hospital-2")
      plan.patient = contact
      _ = await ConsortiumError.code { _ = try await consortium.open(plan) }
      agreed.append(test.wire.requests(AuthorizeVisit.self).count - before)
    }
    #expect(agreed == [1, 1])
  }

  @Test("[attack] chains of two hospitals have one identifier: a cloud asks for both records")
  func wantedRecords() throws {
    let store = MemoryRoleStore()
    let visit = Digest32(sha256: [1])
    let wanted = try WantedRecords(store: store)
    for hospital in ["hospital-1", "hospital-2"] { try wanted.add([visit], of: hospital) }
    for list in [wanted, try WantedRecords(store: store)] {
      #expect(list.visits(of: "hospital-1") == [visit] && list.visits(of: "hospital-2") == [visit])
    }
    try wanted.remove(visit, of: "hospital-2")
    #expect(wanted.visits(of: "hospital-2").isEmpty)
    #expect(try WantedRecords(store: store).visits(of: "hospital-1") == [visit])
    #expect(try WantedRecords.contain(visit, of: "hospital-1", in: store))
    #expect(try !WantedRecords.contain(visit, of: "hospital-2", in: store))
  }
}
