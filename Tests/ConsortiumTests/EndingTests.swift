import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What a visit needed is forgotten by hospital, cloud and patient when it is over.
@Suite("What is over is forgotten")
struct EndingTests {
  private static let hospital = "hospital-1"
  private static let day: UInt64 = 86_400

  /// The keys under which bytes stand in the store of a role.
  private func places(
    of bytes: [UInt8], _ test: TestConsortium, _ place: String
  ) throws -> [String] {
    let store = test.storage.roleStore(place)
    return try store.keys(withPrefix: "").filter {
      try store.value(forKey: $0)?.firstRange(of: bytes) != nil
    }
  }

  // MARK: Cloud

  /// A visit whose record is at the cloud, and whose completion was lost on its way.
  private func storedVisit(
    _ test: TestConsortium, _ consortium: LocalConsortium
  ) async throws -> VisitContext {
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    try await consortium.diagnose(context.visitID, plan, position: 1)
    try await consortium.settle()
    test.wire.lose(SubmitEntry.self)
    #expect(
      await ConsortiumError.code {
        try await consortium.complete(context.visitID, at: Self.hospital)
      } != nil)
    test.wire.intercept(nil)
    #expect(try await test.storage.records.visits() == [context.visitID])
    return context
  }

  @Test(
    "[attack] a hospital abandons a visit: its record goes once that is final, and not before",
    arguments: [false, true])
  func abandonedRecords(isEarlierStore: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let context = try await storedVisit(test, consortium)
    let server = try #require(consortium.hospitals[Self.hospital])
    try await server.abandon(context.visitID, .interrupted)
    // The hospital says so, and its cloud has it; no block of the consortium does.
    _ = try await server.ledger.advance()
    for _ in 0..<3 { _ = try await consortium.cloud.advance() }
    #expect(
      try await consortium.cloud.confirmer.view(of: Self.hospital).visit(context.visitID)?.status
        == .abandoned)
    #expect(try await test.storage.records.visits() == [context.visitID])
    let store = test.storage.roleStore("cloud")
    if isEarlierStore {
      for key in try store.keys(withPrefix: "ended") { try store.write([key: nil]) }
      consortium = try await test.open()
    }
    try await consortium.settle()
    test.pass(seconds: 40)
    try await consortium.settle()
    #expect(try await test.storage.records.visits().isEmpty)
    #expect(try store.keys(withPrefix: "ended/").isEmpty)
  }

  @Test("the record that a completion names stays when the others go")
  func completedRecords() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.completeVisit(consortium, plan)
    let named = try #require(try await test.storage.records.record(ofVisit: visit))
    // As of a chain that was taken over, with a record that nobody has named.
    let rows = try #require(try await test.storage.records.row(0, of: named))
    let other = RecordName(hospital: Self.hospital, visit: visit, recordDigest: .zero)
    try await test.storage.records.put([0: rows], of: other)
    try await consortium.settle()
    test.pass(seconds: 40)
    try await consortium.settle()
    #expect(try await test.storage.records.records() == [named])
    #expect(try await consortium.collect(visit, plan).record != nil)
  }

  @Test("[attack] a patient notes something of a visit that was abandoned: the cloud keeps none")
  func abandonedNotes() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    try await test.pass(seconds: 100, consortium)
    let client = try test.client(consortium, asPatientOf: context)
    let store = test.storage.roleStore("cloud")
    func keep(_ counter: UInt64) async -> String? {
      await ConsortiumError.code {
        _ = try await client.ask(
          KeepNote(KeptNote(counter: counter, sealed: [1, 2, 3])), of: "cloud")
      }
    }
    #expect(await keep(1) == nil)
    #expect(try store.keys(withPrefix: "note/").count == 1)
    let server = try #require(consortium.hospitals[Self.hospital])
    try await server.abandon(context.visitID, .interrupted)
    try await test.pass(seconds: 100, consortium)
    #expect(try store.keys(withPrefix: "note/").isEmpty)
    for counter in 1...3 as ClosedRange<UInt64> { #expect(await keep(counter) == "wrong-state") }
    try await test.pass(seconds: 100, consortium)
    #expect(try store.keys(withPrefix: "note/").isEmpty)
    #expect(try await client.ask(FetchNote(), of: "cloud").status == .abandoned)
  }

  // MARK: Patient

  @Test("what a patient complains of goes when there is a visit to agree to")
  func agreed() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let server = try #require(consortium.hospitals[Self.hospital])
    let ticket = try await server.issueTicket(for: TestConsortium.identity)
    let symptoms = test.plan().symptoms
    func admit() async throws -> Admission {
      try await patient.admit(
        to: Self.hospital, encounter: "e-1", symptoms: symptoms, ticket: ticket)
    }
    let complaint = Array(TestConsortium.complaint.utf8)
    let place = "patients/\(TestConsortium.patient)"
    test.wire.lose(RequestAdmission.self)
    #expect(await ConsortiumError.code { _ = try await admit() } == "unreachable")
    #expect(try places(of: complaint, test, place).count == 1)
    test.wire.lose(AuthorizeVisit.self)
    #expect(await ConsortiumError.code { _ = try await admit() } == "unreachable")
    #expect(try places(of: complaint, test, place) == [])
    test.wire.intercept(nil)
    guard case .opened(let context, attempt: 1) = try await admit() else {
      Issue.record("the visit is not open")
      return
    }
    #expect(try await test.state(of: context.visitID, consortium).status == .open)
    // The answer was lost: the same visit is open.
    #expect(try await admit() == .opened(context, attempt: 1))
    #expect(
      await ConsortiumError.code {
        _ = try await patient.admit(to: Self.hospital, encounter: "e-2", ticket: ticket)
      } == "reused")
    #expect(test.wire.requests(RequestAdmission.self).count == 1)
  }

  @Test("a form that led to nothing goes when its ticket is over", arguments: [false, true])
  func unanswered(isEarlierStore: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    test.wire.lose(RequestAdmission.self)
    #expect(
      await ConsortiumError.code { _ = try await consortium.open(test.plan()) } == "unreachable")
    let complaint = Array(TestConsortium.complaint.utf8)
    let place = "patients/\(TestConsortium.patient)"
    let store = test.storage.roleStore(place)
    if isEarlierStore {
      for prefix in ["admission-day/", "admissions-dated"] {
        for key in try store.keys(withPrefix: prefix) { try store.write([key: nil]) }
      }
    }
    _ = try await patient.followUp()
    test.pass(seconds: 9 * Self.day)
    _ = try await patient.followUp()
    #expect(try places(of: complaint, test, place).count == 1)
    test.pass(seconds: 3 * Self.day)
    // By the own clock alone its ticket is not over.
    _ = try await patient.followUp()
    #expect(try places(of: complaint, test, place).count == 1)
    test.pass(seconds: 60)
    try await consortium.settle()
    _ = try await patient.followUp()
    #expect(try places(of: complaint, test, place) == [])
    #expect(try store.keys(withPrefix: "admission").map { $0 } == ["admissions-dated"])
  }

  @Test("a form that was made while the clock was ahead goes no later than others")
  func formByClockAhead() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    test.wire.lose(RequestAdmission.self)
    test.pass(seconds: 400 * Self.day)
    #expect(
      await ConsortiumError.code { _ = try await consortium.open(test.plan()) } == "unreachable")
    test.setBack(seconds: 400 * Self.day)
    _ = try await patient.followUp()
    test.pass(seconds: 12 * Self.day)
    try await consortium.settle()
    _ = try await patient.followUp()
    let place = "patients/\(TestConsortium.patient)"
    #expect(try places(of: Array(TestConsortium.complaint.utf8), test, place) == [])
  }

  // MARK: Hospital

  @Test("a hospital keeps of a visit that is over whose it was, as long as it is told to")
  func hospital() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let server = try #require(consortium.hospitals[Self.hospital])
    let context = try await test.beginVisit(consortium, plan).context
    let visit = context.visitID
    let code = try await test.presence(of: visit, to: context.signers[0].doctor, consortium)
    let store = test.storage.roleStore(Self.hospital)
    try await consortium.diagnose(visit, plan, position: 1)
    try await consortium.complete(visit, at: Self.hospital)
    test.pass(seconds: 100)
    // Complete, and not final.
    try await server.forgetEnded()
    #expect(try store.keys(withPrefix: "visit/").count == 1)
    test.pass(seconds: 100)
    try await consortium.settle()
    test.pass(seconds: 100)
    try await consortium.settle()
    #expect(try store.keys(withPrefix: "visit/").isEmpty)
    // The answer to the form has its days, and then α is nowhere.
    let left = try places(of: code.evidence, test, Self.hospital)
    #expect(left.allSatisfy { $0.hasPrefix("ticket/") })
    test.pass(seconds: 10 * Self.day)
    _ = try await server.issueTicket(for: "Basil Ode, 1955-07-01")
    for gone in [code.evidence, context.visitSigningKey] {
      #expect(try places(of: gone, test, Self.hospital) == [])
    }
    let opening = try await server.patient(ofVisit: visit)
    try opening.check(against: context)
    #expect(opening.identity == TestConsortium.identity)
    // Nobody but who runs the hospital has that forgotten.
    test.pass(seconds: 3650 * Self.day)
    try await consortium.settle()
    #expect(try await server.patient(ofVisit: visit) == opening)
    try await server.forgetPatients(ofVisitsEndedBefore: test.time - 3660 * Self.day)
    #expect(try await server.patient(ofVisit: visit) == opening)
    try await server.forgetPatients(ofVisitsEndedBefore: test.time)
    #expect(
      await ConsortiumError.code { _ = try await server.patient(ofVisit: visit) }
        == "unknown-visit")
    let identity = Array(TestConsortium.identity.utf8)
    #expect(try places(of: identity, test, Self.hospital) == [])
    #expect(try await server.teamChoice(of: visit) == nil)
  }
}
