import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
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
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil })
    #expect(report.chains[1].visits.acknowledged == 1 && report.chains[1].visits.abandoned == 0)
  }

  @Test(
    "a hospital that stops between an opening and its own note of it goes on",
    arguments: [false, true])
  func openingWithoutNote(isBegunAnew: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    let plan = test.plan()
    var consortium = try await test.open()
    let store = test.storage.roleStore(plan.hospital)
    test.wire.intercept { transit in
      guard transit.payload(AuthorizeVisit.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      var before: [String: [UInt8]?] = [:]
      for key in try store.keys(withPrefix: "") { before[key] = try store.value(forKey: key) }
      let reply = try await transit.deliver(transit.request)
      for key in try store.keys(withPrefix: "") where before[key] == nil {
        before.updateValue(nil, forKey: key)
      }
      try store.write(before)
      return reply
    }
    let visit = try await consortium.open(plan).visit
    test.wire.intercept(nil)
    consortium = try await test.open()
    if isBegunAnew {
      #expect(try await consortium.hold(plan).record?.record != nil)
      #expect(try await test.state(of: visit, consortium).status == .abandoned)
    } else {
      try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
      try await consortium.diagnose(visit, plan, position: 1)
      try await consortium.complete(visit, at: plan.hospital)
      #expect(try await consortium.collect(visit, plan).record != nil)
    }
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
    let visit = try await test.completeVisit(consortium, plan)
    consortium = try await test.open()
    let outcome = try await consortium.hold(plan)
    #expect(outcome.visit == visit && !outcome.wasKnown)
    #expect(outcome.record?.isNewlyReceipted == true)
    #expect(try await test.state(of: visit, consortium).receipt == .acknowledged)
  }

  @Test("a leaf whose append has an unknown outcome is found again, and stands once")
  func lostLeaves() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let log = test.storage.chainLog("hospital-1")
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    log.loseAnswers(1)
    #expect(
      await ConsortiumError.code {
        try await consortium.diagnose(visit, plan, position: 1)
      } == "outcome-unknown")
    try await consortium.diagnose(visit, plan, position: 1)
    #expect(try await test.state(of: visit, consortium).attempts == [1])
    log.loseAnswers(1)
    #expect(
      await ConsortiumError.code {
        try await consortium.complete(visit, at: plan.hospital)
      } == "outcome-unknown")
    #expect(try await consortium.hold(plan).record?.record?.findings.count == 1)
    let leaves = try await log.contents()
    #expect(Set(leaves).count == leaves.count)
    #expect(try await test.verify(consortium).chains[1].visits.acknowledged == 1)
  }

  @Test("a visit key is never used twice, however often admission fails")
  func freshNonces() async throws {
    let test = TestConsortium()
    var consortium = try await test.open()
    let sent = Capture<[AdmissionForm]>()
    sent.value = []
    test.wire.intercept { transit in
      guard let request = transit.payload(RequestAdmission.self) else {
        return try await transit.deliver(transit.request)
      }
      sent.value?.append(request.form)
      throw ConsortiumError(.unreachable, "the message is lost")
    }
    for _ in 0..<3 {
      await #expect(
        ConsortiumError.code { _ = try await consortium.open(test.plan()) } == "unreachable")
      consortium = try await test.open()
    }
    test.wire.intercept(nil)
    let visit = try await consortium.open(test.plan()).visit
    let context = try await test.state(of: visit, consortium).context
    let forms = try #require(sent.value)
    #expect(Set(forms.map(\.keyNonce) + [context.keyNonce]).count == 4)
    #expect(Set(forms.map(\.visitKey) + [context.visitKey]).count == 4)
    // The root and what stands on the ledger are enough to find the keys again.
    let root = try PatientRoot(test.secret("root", of: "patients/\(TestConsortium.patient)"))
    let keys: PatientVisitKeys<BLS12381>? = try root.keys(of: context)
    #expect(keys?.mailboxKey.publicKey == context.mailboxKey)
  }
}
