import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// Rows of a store that a disk has damaged, or an earlier program wrote otherwise.
@Suite("Rows that cannot be read")
struct DamagedRowTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  @Test("a row of the proxy that cannot be read keeps x of no other consent")
  func damagedDeposit() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let other = try await test.consent(
      to: visit, doctor: "hospital-3-doctor-1", purpose: "another", consortium)
    let store = test.storage.roleStore("manager")
    try store.write(["deposit/\(other)": [1, 2, 3]])
    _ = await code { try await consortium.revoke(patient: Self.patient, consent: consent) }
    for _ in 0..<5 { try await test.pass(seconds: 100, consortium) }
    let bytes = try #require(try store.value(forKey: "deposit/\(consent)"))
    #expect(try Message<Deposit>(encoded: bytes).payload.state == .over)
  }

  @Test("a row of a ticket that cannot be read keeps nobody from being admitted, and goes")
  func damagedTicket() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let server = try #require(consortium.hospitals[Self.hospital])
    _ = try await server.issueTicket(for: TestConsortium.identity)
    let store = test.storage.roleStore(Self.hospital)
    let key = try #require(try store.keys(withPrefix: "ticket/").first)
    try store.write([key: [1, 2, 3]])
    test.pass(seconds: 10 * 86_400)
    for _ in 0..<3 {
      test.pass(seconds: 86_400)
      let issued = await code { _ = try await server.issueTicket(for: "Somebody Else") }
      #expect(issued == nil)
    }
    #expect(try store.value(forKey: key) == nil)
  }

  @Test("a hospital's row that cannot be read hides no other ticket, doctor or visit; it is mended")
  func damagedCounter() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let server = try #require(consortium.hospitals[Self.hospital])
    let person = "Grace, who has lost a ticket"
    let visit = try await test.beginVisit(consortium, test.plan()).context.visitID
    let damagedVisit = try await test.beginVisit(consortium, test.plan("e-2")).context.visitID
    let tickets = [
      try await server.issueTicket(for: person), try await server.issueTicket(for: person),
    ]
    let lost = try tickets.map {
      try $0.key(genesis: consortium.genesis.digest, hospital: Self.hospital).publicKey
    }
    try await server.employ("dr-new", fingerprint: .zero)
    try await server.assign(["hospital-1-doctor-1"], toEncounter: "e-3", of: person)
    let store = test.storage.roleStore(Self.hospital)
    let before = try await server.employeeList().map(\.doctor)
    #expect(before.contains("dr-new") && before.contains("hospital-1-doctor-1"))
    #expect(try await server.damagedRows().isEmpty)

    let named = try #require(try store.keys(withPrefix: "named-team/").first)
    let damaged = [
      "visit/\(damagedVisit)", "ticket/\(lost[0].hex)", "employed/dr-new",
      "employed/hospital-1-doctor-1", named,
    ]
    try store.write(Dictionary(uniqueKeysWithValues: damaged.map { ($0, [1, 2, 3]) }))
    try store.write(["rotation": [1, 2, 3]])
    let day = try #require(try store.keys(withPrefix: "named-day/").first)
    try store.write([day: [1, 2, 3]])
    for key in try store.keys(withPrefix: "envelope-key/") { try store.write([key: [1, 2, 3]]) }

    #expect(try await server.damagedRows() == damaged)
    #expect(try await server.openTickets(of: person) == [lost[1]])
    #expect(try await server.openVisits().map(\.visit) == [visit])
    let readable = before.filter { $0 != "dr-new" && $0 != "hospital-1-doctor-1" }
    #expect(try await server.employeeList().map(\.doctor) == readable)
    // After a start too somebody else is admitted.
    let again = try await test.open()
    let restarted = try #require(again.hospitals[Self.hospital])
    _ = try await test.beginVisit(again, test.plan("e-4"))

    // What can be set at the counter is set anew, or taken back.
    try await restarted.voidTicket(lost[0])
    try await restarted.employ("dr-new", fingerprint: .zero)
    #expect(try await restarted.voidExpectation(of: "hospital-1-doctor-1"))
    try await restarted.assign(nil, toEncounter: "e-3", of: person)
    #expect(try await restarted.damagedRows() == ["visit/\(damagedVisit)"])
    #expect(try await restarted.employeeList().map(\.doctor) == before)
    #expect(try await restarted.voidExpectation(of: "dr-new"))
  }

  @Test("a row of a patient that cannot be read keeps no consent from being taken back")
  func damagedPending() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let store = test.storage.roleStore("patients/\(Self.patient)")
    try store.write(["pending-consent/\(Digest32.zero)/hospital-1/\(Digest32.zero)": [1, 2, 3]])
    let patient = try #require(await consortium.patients[Self.patient])
    let first = await code { try await patient.revoke(consent) }
    try await consortium.settle()
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect([first, opened] == [nil, "consent-revoked"])
  }

  @Test("a row of a doctor that cannot be read hides no other visit, consent or submission")
  func damagedDoctor() async throws {
    let test = TestConsortium(teamSize: 1, doctors: 1)
    let consortium = try await test.open()
    _ = try await test.beginVisit(consortium, test.plan()).context
    _ = try await test.beginVisit(consortium, test.plan("e-2")).context
    let other = try await consortium.hold(test.plan("e-3", hospital: "hospital-3")).visit
    try await consortium.settle()
    let id = "hospital-1-doctor-1"
    let doctor = try #require(await consortium.doctors[id])
    let signer = try #require(await consortium.doctors["hospital-3-doctor-1"])
    for purpose in ["one", "two"] {
      _ = try await test.consent(to: other, doctor: id, purpose: purpose, consortium)
    }
    #expect(try await doctor.damagedRows().isEmpty)
    let (store, signed) = (
      test.storage.roleStore("doctors/\(id)"),
      test.storage.roleStore("doctors/hospital-3-doctor-1")
    )
    let (visits, consents) = (try await doctor.visits(), try await doctor.consents())
    let submissions = try await signer.submissions()
    #expect(visits.count == 2 && consents.count == 2 && submissions.count == 2)
    func damage(_ prefix: String, _ store: any RoleStore) throws -> String {
      let key = try #require(try store.keys(withPrefix: prefix).first)
      try store.write([key: [1, 2, 3]])
      return key
    }
    let damaged = [try damage("visit/", store), try damage("grant/", store)]
    #expect(try await doctor.visits().count == 1)
    #expect(try await doctor.consents().count == 1)
    #expect(try await doctor.damagedRows() == damaged)
    #expect(await code { try await doctor.followUp() } == "corrupted")
    let submission = try damage("submission/", signed)
    #expect(try await signer.submissions().count == 1)
    #expect(try await signer.damagedRows() == [submission])
  }

  @Test("a row of a patient that cannot be read hides no other visit, consent or request")
  func damagedPatient() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let other = try await consortium.hold(test.plan("e-2")).visit
    try await consortium.settle()
    _ = try await test.consent(to: other, purpose: "another", consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    let before = try await patient.holdings()
    #expect(before.visits.count == 2 && before.consents.count == 2 && before.damaged.isEmpty)
    #expect(try await patient.requests().count == 2)
    let store = test.storage.roleStore("patients/\(Self.patient)")
    let request = try #require(try store.keys(withPrefix: "request/").first)
    let damaged = ["visit/\(Self.hospital)/\(other)", "consent/\(consent)", request]
    try store.write(Dictionary(uniqueKeysWithValues: damaged.map { ($0, [1, 2, 3]) }))
    let holdings = try await patient.holdings()
    #expect(holdings.visits.map(\.visit) == [visit] && holdings.damaged == damaged)
    #expect(try await patient.requests().count == 1)
    #expect(try await patient.consents().isEmpty)
    #expect(await code { try await patient.followUp() } == "corrupted")
    // A note without the consent takes the place of none that has it.
    let notes = test.wire.requests(KeepNote.self).count
    #expect(await code { try await patient.keepNotes() } == "corrupted")
    #expect(test.wire.requests(KeepNote.self).count == notes)
  }

  @Test("a row of a record that is half here cannot be read: others expire, and it goes")
  func damagedHalfRecord() async throws {
    let test = TestConsortium(teamSize: 1, doctors: 1)
    let consortium = try await test.open()
    let (store, records) = (test.storage.roleStore("cloud"), test.storage.records)
    var parts: [(visit: SignedVisit, piece: RecordPiece)] = []
    for number in 1...6 {
      let signed = try await SignedVisit(test.plan("encounter-\(number)"), test, consortium)
      parts.append((signed, try signed.piece(signed.record(1, byteCount: 3_000_000), 0)))
    }
    for part in parts.prefix(3) { _ = try await part.visit.store(part.piece) }
    let key = try #require(try store.keys(withPrefix: "half-sent/").first)
    try store.write([key: [1, 2, 3]])
    // What makes room for others is that one.
    for part in parts.dropFirst(3) { _ = try await part.visit.store(part.piece) }
    #expect(try store.value(forKey: key) == nil)
    let second = try #require(try store.keys(withPrefix: "half-sent/").first)
    try store.write([second: [1, 2, 3]])
    test.pass(seconds: HalfSentRecords.lifetime + 1)
    _ = try await consortium.cloud.advance()
    #expect(try store.keys(withPrefix: "half-sent/").isEmpty)
    #expect(try await records.records().isEmpty)
  }

  @Test(
    "a row of a consent, or of a visit, is damaged: restoring gives it back, and it is taken back",
    arguments: [false, true])
  func damagedConsent(isVisit: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let context = try await test.state(of: visit, consortium).context
    #expect(context.visitID == visit)
    try await patient.keepNotes()
    let store = test.storage.roleStore("patients/\(TestConsortium.patient)")
    try store.write([isVisit ? "visit/hospital-1/\(visit)" : "consent/\(consent)": [1, 2, 3]])
    _ = await code { try await patient.revoke(consent) }
    #expect(try await patient.restore(anew: true).isComplete)
    #expect(await code { try await patient.revoke(consent) } == nil)
    #expect(
      await code {
        _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
      } == "consent-revoked")
  }
}
