import CanonicalEncoding
import Clients
import Consortium
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

/// The clients of `Examples/Clients`, which see what is public and nothing else, and a courier of their own.
@Suite("Clients of another package")
struct ClientTests {
  private static let hospital = "hospital-1"
  private static let identity = "Basil Ode, 1955-07-01"

  /// A consortium, and who is reached by a courier that it does not know.
  private final class Stage: Sendable {
    let test: TestConsortium
    let consortium: LocalConsortium
    let hospital: HospitalServer
    let courier: ClosureCourier
    private let clients = Mutex<[String: any Endpoint]>([:])

    init() async throws {
      test = TestConsortium()
      consortium = try await test.open()
      hospital = try #require(consortium.hospitals[ClientTests.hospital])
      let network = try #require(test.wire.courier)
      courier = ClosureCourier { try await network.send($0, from: $1, to: $2) }
      test.wire.intercept { [self] transit in
        let client = clients.withLock { $0[transit.recipient] }
        guard let client else { return try await transit.deliver(transit.request) }
        return await client.receive(transit.request, from: transit.sender)
      }
    }

    var clock: @Sendable () -> UInt64 { { [test] in test.time } }

    func reach(_ client: any Endpoint, as name: String) {
      clients.withLock { $0[name] = client }
    }

    /// A doctor with new keys, whom the hospital has taken on and the ledger knows.
    func doctor(_ id: String) async throws -> DoctorClient {
      var random = SystemRandomNumberGenerator()
      let client = try DoctorClient(
        id, at: ClientTests.hospital, DoctorKeys.generate(owner: id, using: &random),
        consortium.genesis, MemoryRoleStore(), courier, clock: clock)
      reach(client.doctor, as: id)
      #expect(
        await ConsortiumError.code { try await client.doctor.register() } == "not-employed")
      try await hospital.employ(id, fingerprint: client.doctor.fingerprint())
      try await client.doctor.register()
      try await consortium.settle()
      return client
    }

    func patient(_ keys: KeyFile, _ store: any RoleStore) throws -> PatientClient {
      try PatientClient(
        ClientTests.identity, keys, consortium.genesis, store, courier, clock: clock)
    }
  }

  private static func step(
    _ client: DoctorClient, _ visit: Digest32
  ) async throws -> AssignedVisit.Step? {
    try await client.doctor.visits().first { $0.visit == visit }?.step
  }

  private static let findings = [Array("plaintext-first".utf8), Array("plaintext-second".utf8)]

  @Test("a doctor's and a patient's client hold a visit and share it, by what is public")
  func wholeStory() async throws {
    let stage = try await Stage()
    var random = SystemRandomNumberGenerator()
    let keys = try PatientKeys.generate(owner: "basil", using: &random)
    let store = MemoryRoleStore()
    let client = try stage.patient(keys, store)
    let visit = try await Self.holdVisit(client, stage)

    // Sharing, with a doctor who was not there.
    let reader = try await stage.doctor("newcomer-3")
    let address = try await client.patient.makeAddress()
    stage.reach(client.patient, as: address.id)
    #expect(try await client.patient.addresses() == [address])
    #expect(try await client.patient.requests().isEmpty)
    try await reader.ask(address.text, purpose: "second opinion")
    let requests = try await client.patient.requests()
    let request = try #require(requests.first)
    #expect(requests.count == 1 && request.doctor == "newcomer-3" && request.address == address)
    #expect(request.purpose == "second opinion" && request.hospital == Self.hospital)
    #expect(request.madeAt == stage.test.time)
    try await Self.share(visit, client, with: reader, by: request, stage)

    // The same program again, and one that has the words alone.
    let again = try stage.patient(keys, store)
    #expect(try await again.patient.addresses() == [address])
    #expect(try await again.patient.requests() == requests)
    let words = try PatientKeys(keys).recoveryPhrase.text
    let restored = try stage.patient(
      PatientKeys.restored(owner: "basil", from: RecoveryPhrase(words: words)), MemoryRoleStore())
    #expect(try await restored.patient.restore().isComplete)
    #expect(try await restored.patient.holdings().visits.map(\.visit) == [visit])
    for submission in try await client.patient.followUp() { #expect(submission.standing.isFinal) }
  }

  /// A visit from the counter to the record, with two doctors.
  private static func holdVisit(
    _ client: PatientClient, _ stage: Stage
  ) async throws -> Digest32 {
    let doctors = [try await stage.doctor("newcomer-1"), try await stage.doctor("newcomer-2")]
    let team = doctors.map(\.doctor.id)
    try await stage.hospital.assign(team, toEncounter: "e-1", of: identity)
    let ticket = try await stage.hospital.issueTicket(for: identity).text
    let admission = try await client.arrive(at: hospital, for: "e-1", ticket: ticket)
    var opened: VisitContext?
    if case .opened(let context, attempt: 1) = admission { opened = context }
    let context = try #require(opened, "the visit is not open")
    let visit = context.visitID
    #expect(context.signers.map(\.doctor) == team)
    #expect(try await doctors[0].doctor.visits().isEmpty)
    try await stage.hospital.establishGroupKey(visit)
    for (index, doctor) in doctors.enumerated() {
      let assigned = try #require(try await doctor.doctor.visits().first)
      #expect(assigned.visit == visit && assigned.team == team)
      #expect(assigned.position == index + 1 && assigned.step == .presence)
      #expect(assigned.openedAt == context.openedAt)
      #expect(assigned.deadline == context.deadline(ofPosition: index + 1))
      try await doctor.see(
        client.code(for: team[index], visit: visit, at: hospital), finding: findings[index])
      #expect(try await step(doctor, visit) == .done)
    }
    #expect(
      await ConsortiumError.code { _ = try await client.leave(visit, at: hospital) } != nil)
    try await stage.consortium.settle()
    let record = try #require(try await client.leave(visit, at: hospital))
    #expect(record.findings.map(\.content) == findings)
    return visit
  }

  /// A request is consented to, and the record read once.
  private static func share(
    _ visit: Digest32, _ client: PatientClient, with reader: DoctorClient,
    by request: ReceivedRequest, _ stage: Stage
  ) async throws {
    #expect(try await reader.doctor.consents().isEmpty)
    let expiry = await stage.consortium.ledgerTime() + 3600
    try await client.share(visit, at: hospital, with: request, until: expiry)
    try await stage.consortium.settle()
    let consent = try #require(try await reader.doctor.consents().first)
    #expect(consent.visit == visit && consent.expiresAt == expiry && !consent.isUsed)
    #expect(consent.purpose == request.purpose && consent.hospital == hospital)
    let kept = Mutex<[[UInt8]]>([])
    try await reader.read(consent) { record in
      kept.withLock { $0 = record.findings.map(\.content) }
    }
    #expect(kept.withLock { $0 } == findings)
    #expect(try await reader.doctor.consents().map(\.isUsed) == [true])
    try await stage.consortium.settle()
    #expect(
      try await client.patient.accessLog(visit, at: hospital).records.map(\.event) == [
        .consented, .requested, .accessed,
      ])
  }

  @Test("a doctor hears whether consents were taken back, from whom and as of when")
  func consentStandings() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let doctor = try #require(await consortium.doctors[TestConsortium.reader])
    func standing() async throws -> ConsentStandings.Standing? {
      let found = try await doctor.consentStandings()
      #expect(found.unheard.isEmpty)
      return found.known[consent]
    }
    let given = try #require(try await standing())
    #expect(given.state == .stands && given.cloud == "cloud")
    #expect((TestConsortium.start...test.time).contains(given.time))
    test.wire.lose(ReadConsent.self)
    let lost = try await doctor.consentStandings()
    #expect(lost.known.isEmpty && lost.unheard == ["hospital-1": .unreachable])
    test.wire.intercept(nil)
    _ = try await consortium.revoke(patient: TestConsortium.patient, consent: consent)
    #expect(try await standing()?.state == .revoked)
    // Nobody's word has it forgotten.
    #expect(try await doctor.consents().map(\.consent) == [consent])
    let asked = test.wire.requests(ReadConsent.self).count
    test.pass(seconds: 86_400)
    #expect(try await standing() == nil)
    #expect(test.wire.requests(ReadConsent.self).count == asked, "it has expired: nobody is asked")
  }

  @Test("a doctor's list of visits says what is to be done next, after a restart too")
  func steps() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let plan = test.plan()
    let visit = try await consortium.open(plan).visit
    let context = try await test.state(of: visit, consortium).context
    let id = try #require(context.signers.first).doctor
    func step(_ doctor: Doctor? = nil, _ id: String = id) async throws -> AssignedVisit.Step? {
      let known = try #require(await consortium.doctors[id])
      return try await (doctor ?? known).visits().first { $0.visit == visit }?.step
    }
    #expect(try await step() == nil)
    // An assignment without its group key is in no store yet.
    test.wire.lose(ExchangeGroupKey.self)
    await #expect(throws: (any Error).self) {
      try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
    }
    #expect(try await step() == .groupKey)
    test.wire.intercept(nil)
    try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
    #expect(try await step() == .presence)
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let doctor = try #require(await consortium.doctors[id])
    let code = try await patient.showPresence(visit, at: "hospital-1", to: id)
    #expect(try await step() == .words)
    try await doctor.confirm(code.words.joined(separator: " "), visit: visit)
    #expect(try await step() == .finding)
    // Whether the signature stands is not known.
    test.wire.lose(SubmitEntry.self)
    let finding = plan.findings[0]
    await #expect(throws: (any Error).self) { try await doctor.diagnose(visit, finding) }
    #expect(try await step() == .finding)
    test.wire.intercept(nil)
    try await doctor.diagnose(visit, finding)
    #expect(try await step() == .done)
    for position in 2...context.signers.count {
      try await consortium.diagnose(visit, plan, position: position)
    }
    let last = context.signers[context.signers.count - 1].doctor
    #expect(try await step(nil, last) == .completion)
    let reopened = try await test.open()
    let known = try #require(await reopened.doctors[last])
    #expect(try await step(known) == .completion)
    try await known.completeVisit(visit)
    #expect(try await step(known) == .done)
  }

  @Test("an address is read from its text, and from no other text")
  func addressText() async throws {
    let stage = try await Stage()
    var random = SystemRandomNumberGenerator()
    let client = try stage.patient(
      PatientKeys.generate(owner: "basil", using: &random), MemoryRoleStore())
    let address = try await client.patient.makeAddress()
    let text = address.text
    #expect(text.count == 117 && text.hasPrefix("BCEMR:ADDRESS:"))
    #expect(try PatientAddress(text: " \(text.lowercased())\n") == address)
    let ticket = try await stage.hospital.issueTicket(for: Self.identity).text
    // Of the last character two bits are in use.
    let others = [
      "", text + "A", String(text.dropLast()), String(text.dropLast(8)), text.dropLast() + "B",
      ticket, text.replacing("ADDRESS", with: "TICKET"), text.replacing(":", with: ""),
    ]
    for other in others {
      #expect(
        await ConsortiumError.code { _ = try PatientAddress(text: String(other)) } == "malformed")
    }
  }

  @Test("a text that no recipient would read is refused before anything is kept")
  func longTexts() async throws {
    let stage = try await Stage()
    let client = try await stage.doctor("newcomer-1")
    var random = SystemRandomNumberGenerator()
    let store = MemoryRoleStore()
    let patient = try stage.patient(PatientKeys.generate(owner: "basil", using: &random), store)
    let address = try await patient.patient.makeAddress()
    let kept = try store.keys(withPrefix: "")
    let text = String(repeating: "x", count: 257)
    #expect(
      await ConsortiumError.code { try await client.ask(address.text, purpose: text) }
        == "too-large")
    let ticket = try await stage.hospital.issueTicket(for: Self.identity).text
    #expect(
      await ConsortiumError.code {
        _ = try await patient.arrive(at: Self.hospital, for: text, ticket: ticket)
      } == "too-large")
    #expect(try store.keys(withPrefix: "") == kept)
  }
  @Test("a ticket is not shown, however it is printed")
  func ticketIsSecret() async throws {
    let stage = try await Stage()
    let ticket = try await stage.hospital.issueTicket(for: Self.identity)
    var told = "\(ticket) \([ticket]) \(String(reflecting: ticket))"
    dump([ticket], to: &told)
    #expect(!told.contains("secret") && told.contains("not shown"))
  }
}
