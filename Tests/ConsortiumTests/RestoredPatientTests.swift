import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import TestSupport
import Testing

@Suite("A patient who has nothing but the root")
struct RestoredPatientTests {
  @Test("[attack] two programs with one root, one of them new, use no key of a visit twice")
  func restored() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await consortium.hold(plan).visit
    let first = try await test.state(of: visit, consortium).context
    let file = try #require(test.storage.keys("patients/\(TestConsortium.patient)"))
    let restored = try Patient(
      identity: TestConsortium.identity, genesis: consortium.genesis, keys: PatientKeys(file),
      store: MemoryRoleStore(), courier: consortium.courier, clock: { test.time },
      randomness: SeededGenerator(seed: 5))
    // What was before is found again.
    let record = try await restored.collect(visit, at: plan.hospital)
    #expect(record.record?.findings.map(\.content) == plan.findings)
    // Either is admitted again and again, here and elsewhere; no two visits share anything of the keys,
    // or one consent would open both.
    let original = try #require(await consortium.patients[TestConsortium.patient])
    var contexts = [first]
    for (number, patient) in [restored, original, restored, original].enumerated() {
      let id = "hospital-\(1 + number / 2)"
      let hospital = try #require(consortium.hospitals[id])
      let ticket = try await hospital.issueTicket(for: TestConsortium.identity)
      let admission = try await patient.admit(
        to: id, encounter: "encounter-\(9 + number)", ticket: ticket)
      guard case .opened(let context, 1) = admission else {
        Issue.record("not admitted")
        return
      }
      contexts.append(context)
    }
    for keys in [
      contexts.map(\.visitKey), contexts.map(\.visitSigningKey), contexts.map(\.mailboxKey),
      contexts.map(\.keyNonce.bytes), contexts.map(\.pseudonym.bytes),
    ] {
      #expect(Set(keys).count == contexts.count)
    }
  }
}
