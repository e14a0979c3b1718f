import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

@Suite("Tickets from the counter")
struct AdmissionTicketTests {
  /// Somebody who knows how forms are made, at a hospital's door.
  private struct Door {
    let test: TestConsortium
    let consortium: LocalConsortium
    let hospital: HospitalServer

    init(_ test: TestConsortium = TestConsortium()) async throws {
      self.test = test
      consortium = try await test.open()
      hospital = try #require(consortium.hospitals["hospital-1"])
    }

    @inline(never)
    func key(_ ticket: AdmissionTicket) throws -> IdentityKey {
      try ticket.key(genesis: consortium.genesis.digest, hospital: "hospital-1")
    }

    @inline(never)
    func form(
      _ ticket: [UInt8], identity: String = TestConsortium.identity,
      encounter: String = "encounter-1", seed: UInt64 = 3
    ) throws -> AdmissionForm {
      var generator = SeededGenerator(seed: seed)
      return AdmissionForm(
        ticket: ticket, identity: identity, encounter: encounter, symptoms: Symptoms(),
        visitKey: VisitKey<BLS12381>(using: &generator).encodedPublicKey,
        visitSigningKey: try IdentityKey(seed: generator.bytes(32)).publicKey,
        mailboxKey: try AgreementKey(seed: generator.bytes(32)).publicKey,
        keyNonce: Digest32(sha256: generator.bytes(32)), closure: nil)
    }

    /// What the hospital answers to a form.
    @inline(never)
    func answer(to form: AdmissionForm, by key: IdentityKey) async throws -> [UInt8] {
      let client = test.client(consortium, by: Author(.key(key.publicKey), key))
      let (reply, answer) = try await client.send(
        client.content(RequestAdmission(form), "hospital-1"), by: key)
      let opened = try answer.open(SealedAnswer(encoded: reply).sealed)
      return try #require(RequestTable.byName[RequestAdmission.name]).unpadded(opened)
    }

    var patient: Patient {
      get async throws { try #require(await consortium.patients[TestConsortium.patient]) }
    }

    func stored() throws -> [String: [UInt8]] {
      let store = test.storage.roleStore("hospital-1")
      return try store.keys(withPrefix: "").reduce(into: [:]) { values, key in
        values[key] = try store.value(forKey: key)
      }
    }
  }

  private static func refusal(_ reply: [UInt8]) -> String? {
    do {
      _ = try ReplyMessage<AdmissionOffer>(encoded: reply).result.get()
      return nil
    } catch {
      return "\(ConsortiumError(error).code)"
    }
  }

  @Test(
    "[attack] whoever knows identity and Encounter and has no ticket learns and changes nothing")
  func uniformRefusal() async throws {
    let door = try await Door()
    let (test, hospital) = (door.test, door.hospital)
    // One Encounter has a complete visit, one has a visit under way, others have none.
    _ = try await door.consortium.hold(test.plan("complete"))
    _ = try await test.beginVisit(door.consortium, test.plan("open"))
    let (own, other) = ("complete", "Somebody Else")
    let void = try await hospital.issueTicket(for: TestConsortium.identity)
    try await hospital.voidTicket(door.key(void).publicKey)
    let spent = try await hospital.issueTicket(for: TestConsortium.identity)
    _ = try await (door.patient).admit(to: "hospital-1", encounter: "spent", ticket: spent)
    let others = try await hospital.issueTicket(for: other)
    let good = try await hospital.issueTicket(for: TestConsortium.identity)
    let expired = try await hospital.issueTicket(for: TestConsortium.identity)
    var generator = SeededGenerator(seed: 8)
    let guessed = AdmissionTicket(using: &generator)
    let elsewhere = try guessed.key(genesis: .zero, hospital: "hospital-1")

    var replies: [[UInt8]] = []
    let before = try door.stored()
    for encounter in [own, "open", "spent", "none"] {
      for ticket in [void, spent, others, guessed] {
        let key = try door.key(ticket)
        let form = try door.form(key.publicKey, encounter: encounter)
        replies.append(try await door.answer(to: form, by: key))
      }
      // A good ticket in somebody else's name, and one that did not sign.
      let key = try door.key(good)
      let inOthersName = try door.form(key.publicKey, identity: other, encounter: encounter)
      replies.append(try await door.answer(to: inOthersName, by: key))
      let form = try door.form(key.publicKey, encounter: encounter)
      replies.append(try await door.answer(to: form, by: elsewhere))
    }
    #expect(try door.stored() == before)
    test.pass(seconds: 86_401)
    let key = try door.key(expired)
    replies.append(try await door.answer(to: door.form(key.publicKey), by: key))
    #expect(Set(replies).count == 1)
    #expect(Self.refusal(try #require(replies.first)) == "refused")
    #expect(try door.stored() == before)
  }

  @Test("[attack] forms without a ticket turn no rotation and stay nowhere")
  func noRotation() async throws {
    // Two of three, so that turns show.
    func teams(_ door: Door) async throws -> [String] {
      try await door.test.beginVisit(door.consortium, door.test.plan("3")).context
        .signers.map(\.doctor)
    }
    let quiet = try await Door(TestConsortium(teamSize: 2))
    _ = try await quiet.test.beginVisit(quiet.consortium, quiet.test.plan("1"))
    _ = try await quiet.test.beginVisit(quiet.consortium, quiet.test.plan("2"))
    let door = try await Door(TestConsortium(teamSize: 2))
    _ = try await door.test.beginVisit(door.consortium, door.test.plan("1"))
    let before = try door.stored()
    for number in 0..<20 as Range<UInt64> {
      var generator = SeededGenerator(seed: number)
      let key = try door.key(AdmissionTicket(using: &generator))
      let form = try door.form(key.publicKey, identity: "nobody \(number)", seed: number)
      #expect(Self.refusal(try await door.answer(to: form, by: key)) == "refused")
    }
    #expect(try door.stored() == before)
    // Nor does one ticket, however often its form comes.
    let ticket = try await door.hospital.issueTicket(for: TestConsortium.identity)
    let key = try door.key(ticket)
    let form = try door.form(key.publicKey, encounter: "2")
    for _ in 0..<5 { #expect(Self.refusal(try await door.answer(to: form, by: key)) == nil) }
    let offers = try door.stored().keys.filter { $0.hasPrefix("offer/") }
    #expect(offers.count == 1)
    #expect(try await teams(door) == teams(quiet))
  }

  @Test("the same form has the same answer; another form with its ticket has none")
  func spentByFirstForm() async throws {
    let door = try await Door(TestConsortium(teamSize: 1))
    let (test, patient) = (door.test, try await door.patient)
    let ticket = try await door.hospital.issueTicket(for: TestConsortium.identity)
    func admit(_ encounter: String = "encounter-1") async throws -> Admission {
      try await patient.admit(to: "hospital-1", encounter: encounter, ticket: ticket)
    }
    // The answer is lost, to the form and then to what the patient agrees to.
    func lose<Request: RoleRequest>(_ type: Request.Type) async {
      test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        if transit.payload(type) == nil { return reply }
        throw ConsortiumError(.unreachable, "the answer is lost")
      }
      #expect(await ConsortiumError.code { _ = try await admit() } == "unreachable")
      test.wire.intercept(nil)
    }
    await lose(RequestAdmission.self)
    await lose(AuthorizeVisit.self)
    // Days later it is still the same.
    test.pass(seconds: 3 * 86_400)
    let admission = try await admit()
    guard case .opened(let context, 1) = admission else {
      Issue.record("another attempt")
      return
    }
    #expect(try await admit() == admission)
    #expect(try await test.state(of: context.visitID, door.consortium).context == context)
    #expect(await ConsortiumError.code { _ = try await admit("encounter-2") } == "reused")
    // Somebody who has seen the ticket comes too late with a form of their own.
    let key = try door.key(ticket)
    let late = try door.form(key.publicKey)
    #expect(Self.refusal(try await door.answer(to: late, by: key)) == "refused")
    // An interrupted visit is closed with a new ticket, and tried again.
    let again = try await door.hospital.issueTicket(for: TestConsortium.identity)
    let second = try await patient.admit(
      to: "hospital-1", encounter: "encounter-1", ticket: again)
    guard case .opened(let next, 2) = second else {
      Issue.record("no second attempt")
      return
    }
    #expect(next.keyNonce != context.keyNonce && next.visitKey != context.visitKey)
    #expect(try await test.state(of: context.visitID, door.consortium).status == .abandoned)
  }

  @Test("[attack] a hospital that answers one form twice gets the patient's agreement once")
  func twoAnswers() async throws {
    let door = try await Door(TestConsortium(teamSize: 1))
    let (test, patient) = (door.test, try await door.patient)
    let ticket = try await door.hospital.issueTicket(for: TestConsortium.identity)
    let first = try await patient.admit(
      to: "hospital-1", encounter: "encounter-1", ticket: ticket)
    // The hospital forgets what it has answered, and offers another visit for the same keys.
    let key = "ticket/\(try door.key(ticket).publicKey.hex)"
    try test.storage.roleStore("hospital-1").write([
      key: Message(
        IssuedTicket(identity: TestConsortium.identity, expiresAt: test.time + 1000)
      ).encoded()
    ])
    guard case .opened(let context, _) = first else { return }
    try await door.hospital.abandon(context.visitID, .interrupted)
    // It has no way to: with this ticket the patient agrees to the same once more, and asks for nothing.
    #expect(
      try await patient.admit(to: "hospital-1", encounter: "encounter-1", ticket: ticket) == first)
    #expect(test.wire.requests(RequestAdmission.self).count == 1)
    let agreed = test.wire.requests(AuthorizeVisit.self).map(\.contextDigest)
    #expect(agreed == [context.digest, context.digest])
  }

  @Test("a ticket that is taken back admits nobody, and its offer is gone")
  func voided() async throws {
    let door = try await Door(TestConsortium(teamSize: 1))
    let (test, patient) = (door.test, try await door.patient)
    let ticket = try await door.hospital.issueTicket(for: TestConsortium.identity)
    #expect(
      try await door.hospital.openTickets(of: TestConsortium.identity)
        == [try door.key(ticket).publicKey])
    #expect(try await door.hospital.openTickets(of: "Somebody Else").isEmpty)
    let sent = Capture<AuthorizeVisit>()
    test.wire.intercept { transit in
      guard let request = transit.payload(AuthorizeVisit.self) else {
        return try await transit.deliver(transit.request)
      }
      sent.value = request
      throw ConsortiumError(.unreachable, "the message is lost")
    }
    func admit(_ ticket: AdmissionTicket) async -> String? {
      await ConsortiumError.code {
        _ = try await patient.admit(
          to: "hospital-1", encounter: "encounter-1", ticket: ticket)
      }
    }
    #expect(await admit(ticket) == "unreachable")
    let lost = try #require(sent.value)
    test.wire.intercept(nil)
    let open = try await door.hospital.openTickets(of: TestConsortium.identity)
    #expect(open.count == 1)
    let offer = try #require(
      try door.stored().first { $0.key.hasPrefix("offer/") }.map {
        try Message<HospitalVisit>(encoded: $0.value).payload.context
      })
    for key in open { try await door.hospital.voidTicket(key) }
    #expect(
      await ConsortiumError.code {
        _ = try await test.client(door.consortium, asPatientOf: offer).ask(lost, of: "hospital-1")
      } == "unauthenticated")
    // There is no form any more to be refused, and S_v is nobody's.
    #expect(await admit(ticket) == "unreachable")
    let next = try await door.hospital.issueTicket(for: TestConsortium.identity)
    #expect(await admit(next) == nil)
    // What is open is not closed by that.
    #expect(try await door.hospital.openTickets(of: TestConsortium.identity).isEmpty)
    try await door.hospital.voidTicket(door.key(next).publicKey)
    #expect(try await door.consortium.open(test.plan()).isNew)
  }

  /// A visit whose opening stands on the chain, and of which the power failed before the hospital noted it.
  private func openedUnnoted(_ door: Door) async throws -> Digest32 {
    let store = door.test.storage.roleStore("hospital-1")
    let opened = Capture<Digest32>()
    door.test.wire.intercept { transit in
      guard transit.payload(AuthorizeVisit.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      if case .patient(let visit, _)? = transit.author { opened.value = visit }
      var before: [String: [UInt8]?] = [:]
      for key in try store.keys(withPrefix: "") { before[key] = try store.value(forKey: key) }
      _ = try await transit.deliver(transit.request)
      for key in try store.keys(withPrefix: "") where before[key] == nil {
        before.updateValue(nil, forKey: key)
      }
      try store.write(before)
      throw ConsortiumError(.unreachable, "the power fails")
    }
    #expect(
      await ConsortiumError.code { _ = try await door.consortium.open(door.test.plan()) }
        == "unreachable")
    door.test.wire.intercept(nil)
    return try #require(opened.value)
  }

  @Test(
    "[attack] a ticket is taken back whose visit was opened as the power failed: whose it is stays",
    arguments: [false, true])
  func voidedBehindOpening(isExpired: Bool) async throws {
    var door = try await Door(TestConsortium(teamSize: 1))
    let visit = try await openedUnnoted(door)
    #expect(try door.stored().keys.contains { $0.hasPrefix("offer/") })
    #expect(try door.stored().keys.allSatisfy { !$0.hasPrefix("visit/") })
    door = try await Door(door.test)
    let issued = try door.stored().keys.filter { $0.hasPrefix("ticket/") }
    let ticket = try #require(issued.first.flatMap { [UInt8](hex: String($0.dropFirst(7))) })
    if isExpired {
      door.test.pass(seconds: 10 * 86_400)
      _ = try await door.hospital.issueTicket(for: "Somebody Else")
    } else {
      // It has opened a visit, so the counter is not told of it; it is taken back by its code.
      #expect(try await door.hospital.openTickets(of: TestConsortium.identity).isEmpty)
      try await door.hospital.voidTicket(ticket)
    }
    #expect(try !door.stored().keys.contains("ticket/\(ticket.hex)"))
    #expect(try door.stored().keys.allSatisfy { !$0.hasPrefix("offer") })
    let context = try await door.test.state(of: visit, door.consortium).context
    let opening = try await door.hospital.patient(ofVisit: visit)
    try opening.check(against: context)
    #expect(opening.identity == TestConsortium.identity)
    #expect(try await door.hospital.teamChoice(of: visit) != nil)
    if !isExpired {
      try await door.consortium.agreeOnGroupKey(visit, at: "hospital-1")
      try await door.consortium.diagnose(visit, door.test.plan(), position: 1)
    }
  }

  @Test("tickets that have expired are forgotten, with the offers that nobody agreed to")
  func forgotten() async throws {
    let door = try await Door(TestConsortium(teamSize: 1))
    let (test, hospital) = (door.test, door.hospital)
    _ = try await door.consortium.open(test.plan("opened"))
    let ticket = try await hospital.issueTicket(for: TestConsortium.identity)
    let key = try door.key(ticket)
    _ = try await door.answer(to: door.form(key.publicKey), by: key)
    _ = try await hospital.issueTicket(for: TestConsortium.identity)
    func count(_ prefix: String) throws -> Int {
      try door.stored().keys.count { $0.hasPrefix(prefix) }
    }
    #expect(try (count("ticket/"), count("ticket-day/"), count("offer/")) == (3, 3, 1))
    test.pass(seconds: 7 * 86_400)
    _ = try await hospital.issueTicket(for: TestConsortium.identity)
    #expect(try (count("ticket/"), count("ticket-day/"), count("offer/")) == (4, 4, 1))
    test.pass(seconds: 3 * 86_400)
    _ = try await hospital.issueTicket(for: TestConsortium.identity)
    #expect(try (count("ticket/"), count("ticket-day/"), count("offer/")) == (2, 2, 0))
    #expect(try count("visit/") == 1)
  }

  @Test("a ticket that was issued while the hospital's clock was ahead is good for a day")
  func clockAhead() async throws {
    let door = try await Door(TestConsortium(teamSize: 1))
    let (test, hospital, day) = (door.test, door.hospital, UInt64(86_400))
    _ = try await hospital.issueTicket(for: TestConsortium.identity)
    test.pass(seconds: 400 * day)
    let ticket = try await hospital.issueTicket(for: TestConsortium.identity)
    let key = try door.key(ticket)
    test.setBack(seconds: 400 * day)
    // It is issued, and nobody is told that it ends in a year.
    _ = try await hospital.issueTicket(for: "Somebody Else")
    let issued = try await hospital.issued(key.publicKey)
    #expect(issued?.expiresAt == test.time + day)
    // It is forgotten with the others.
    func tickets() throws -> Int { try door.stored().keys.count { $0.hasPrefix("ticket") } }
    test.pass(seconds: 11 * day)
    _ = try await hospital.issueTicket(for: "Somebody Else")
    #expect(try tickets() == 3)
  }

  @Test("a ticket is read from its words and from its code, and is good at one hospital")
  func forms() async throws {
    let door = try await Door()
    let ticket = try await door.hospital.issueTicket(for: TestConsortium.identity)
    #expect(ticket.words.count == 12 && ticket.text.count == 39)
    #expect(try AdmissionTicket(words: ticket.words.joined(separator: " ")) == ticket)
    #expect(try AdmissionTicket(text: ticket.text.lowercased()) == ticket)
    for bad in ["", ticket.text + "A", String(ticket.text.dropLast()), "BCEMR:TICKET:AAAA"] {
      #expect(await ConsortiumError.code { _ = try AdmissionTicket(text: bad) } == "malformed")
    }
    #expect(
      await ConsortiumError.code { _ = try AdmissionTicket(words: "abandon") } == "word-count")
    let patient = try await door.patient
    #expect(
      await ConsortiumError.code {
        _ = try await patient.admit(to: "hospital-2", encounter: "encounter-1", ticket: ticket)
      } == "refused")
    #expect(
      await ConsortiumError.code { _ = try await door.hospital.issueTicket(for: "") }
        == "wrong-state")
    #expect(
      await ConsortiumError.code {
        _ = try await door.hospital.issueTicket(for: String(repeating: "i", count: 257))
      } == "wrong-state")
  }

  @Test("a patient's program knows what a ticket is bound to, and whether a visit is complete")
  func use() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let ticket = try await hospital.issueTicket(for: TestConsortium.identity)
    let plan = test.plan()
    func admit() async throws -> Admission {
      try await patient.admit(
        to: "hospital-1", encounter: plan.encounter, symptoms: plan.symptoms, ticket: ticket)
    }
    #expect(try await patient.use(of: ticket, at: "hospital-1") == .unused)
    test.wire.lose(RequestAdmission.self)
    #expect(await ConsortiumError.code { _ = try await admit() } == "unreachable")
    #expect(try await patient.use(of: ticket, at: "hospital-1") == .form(plan.symptoms))
    test.wire.intercept(nil)
    guard case .opened(let context, attempt: 1) = try await admit() else {
      Issue.record("no visit")
      return
    }
    #expect(try await patient.use(of: ticket, at: "hospital-1") == .visit)
    let visit = context.visitID
    try await consortium.agreeOnGroupKey(visit, at: "hospital-1")
    // Until the cloud has the opening.
    for _ in 1...2 {
      test.pass(seconds: 60)
      try await consortium.settle()
    }
    #expect(try await patient.isOpen(visit, at: "hospital-1"))
    try await consortium.diagnose(visit, plan, position: 1)
    try await consortium.complete(visit, at: "hospital-1")
    try await consortium.settle()
    #expect(try await !patient.isOpen(visit, at: "hospital-1"))
  }
}
