import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

/// Counted time stays behind by all halts that there ever were, and no clock is compared with it.
@Suite("After a halt of the ledger")
struct HaltTests {
  private static let day: UInt64 = 86_400
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader

  @Test(
    "[attack] the ledger stood still for a day, also before its first block: later visits lose nothing",
    arguments: [true, false])
  func laterVisits(isBeforeFirstBlock: Bool) async throws {
    let test = TestConsortium(teamSize: 2, routes: .patient)
    let consortium = try await test.open(firstBlockAfter: isBeforeFirstBlock ? Self.day : 0)
    if !isBeforeFirstBlock {
      test.pass(seconds: Self.day)
      try await consortium.settle()
    }
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let plan = test.plan()
    let visit = try await consortium.open(plan).visit
    let context = try await test.state(of: visit, consortium).context
    // By a clock it would have been over before it began.
    #expect(context.deadline(ofPosition: 2) + Self.day / 2 < test.time)
    @Sendable func hasKey() throws -> Bool {
      try test.storage.roleStore("hospital-1").value(forKey: "group-key/\(visit)") != nil
    }
    try await test.reading(TestConsortium.staff(), consortium) {
      for _ in 0..<250 where try !hasKey() {
        test.pass(seconds: 1)
        try await hospital.agreeOnGroupKeys()
        try await Task.sleep(for: .milliseconds(20))
      }
      try #require(try hasKey())
      for position in 1...2 {
        try await consortium.diagnose(visit, plan, position: position)
      }
      // What the first doctor has handed over was kept.
      #expect(test.wire.requests(HandOverFindings.self).count == 1)
      #expect(test.wire.requests(ResendFindings.self).isEmpty)
      try await consortium.complete(visit, at: "hospital-1")
      let record = try await consortium.collect(visit, plan).record
      #expect(record?.findings.map(\.content) == plan.findings)
      try await consortium.settle()
      let request = try await consortium.requestAccess(
        doctor: Self.reader, patient: Self.patient, purpose: "second opinion")
      let patient = try await #require(consortium.patients[Self.patient])
      for _ in 0..<20000 where try await patient.requests().isEmpty {
        try await Task.sleep(for: .milliseconds(10))
      }
      let consent = try await consortium.consent(
        patient: Self.patient, to: request, visit: visit,
        expiresAt: await consortium.ledgerTime() + 3600)
      try await consortium.settle()
      let shared = try await consortium.openRecord(doctor: Self.reader, consent: consent)
      #expect(shared.findings.map(\.content) == plan.findings)
    }
  }

  @Test("a hospital's clock was an hour ahead for a moment: its visits have group keys in time")
  func hospitalAhead() async throws {
    let hour: UInt64 = 3600
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let visit = try await consortium.open(test.plan()).visit
    func hasKey() throws -> Bool {
      try test.storage.roleStore("hospital-1").value(forKey: "group-key/\(visit)") != nil
    }
    // The doctor's program is not there yet.
    let lost = Mutex(0)
    test.wire.intercept { transit in
      guard transit.payload(AssignVisit.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      lost.withLock { $0 += 1 }
      throw ConsortiumError(.unreachable, "nobody is there")
    }
    test.pass(seconds: hour)
    try await hospital.agreeOnGroupKeys()
    for _ in 0..<60_000 where lost.withLock({ $0 }) == 0 {
      try await Task.sleep(for: .milliseconds(5))
    }
    try #require(lost.withLock { $0 } == 1)
    test.setBack(seconds: hour)
    test.wire.intercept(nil)
    let context = try await test.state(of: visit, consortium).context
    #expect(test.time < context.deadline(ofPosition: 1))
    for round in 0..<4000 where try !hasKey() {
      if round < 50 { test.pass(seconds: 10) }
      try await hospital.agreeOnGroupKeys()
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(try hasKey())
  }

  @Test("deadlines are told with all halts before the visit, also after a restart")
  func deadlines() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open(firstBlockAfter: Self.day)
    for halt in [0, 380, Self.day] {
      test.pass(seconds: halt)
      try await consortium.settle()
      let context = try await test.beginVisit(consortium, test.plan("encounter-\(halt)")).context
      let began = try await #require(consortium.time(ofBlock: context.baseHeight))
      let id = context.signers[0].doctor
      for _ in 1...2 {
        let doctor = try await #require(consortium.doctors[id])
        let patient = try await #require(consortium.patients[Self.patient])
        #expect(await doctor.halts() == began - context.openedAt)
        #expect(await patient.halts() == began - context.openedAt)
        let hospital = try #require(consortium.hospitals["hospital-1"])
        let open = try await hospital.openVisits().first { $0.visit == context.visitID }
        #expect(try #require(open).beganAt == began)
        consortium = try await test.open()
      }
    }
  }
}
