import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Foundation
import Ledger
import Pairings
import Synchronization
import TestSupport
import Testing

/// Audit: each test passes when the attack succeeds.
@Suite("Audit", .serialized)
struct AuditTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader

  private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func next() -> Int {
      count.withLock { count in
        count += 1
        return count
      }
    }
  }

  private func say(_ text: String) { print("AUDIT \(text)") }

  private func stranger(_ seed: UInt64) throws -> IdentityKey {
    var generator = SeededGenerator(seed: seed)
    return try IdentityKey(seed: generator.bytes(32))
  }

  @inline(never)
  private func post(
    _ test: TestConsortium, _ consortium: LocalConsortium, name: String, _ author: Author
  ) -> TestPost {
    TestPost(
      courier: consortium.courier, name: name, author: author.principal, keys: [author.key],
      secrets: test.secrets, now: { test.time })
  }

  private func bareCode(_ reply: [UInt8]) async -> String {
    await ConsortiumError.code { _ = try ReplyMessage<Done>(encoded: reply).result.get() }
  }

  // MARK: Finding and proving

  @Test("strangers read every completion of every hospital: find-visits, then prove")
  func strangersReadCompletions() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan(signingTwice: [1])
    let visit = try await consortium.hold(plan).visit
    try await consortium.settle()
    let key = try stranger(31)
    let post = post(test, consortium, name: "nobody", Author(.key(key.publicKey), key))
    for supernode in ["hospital-1", "cloud"] {
      let page = try await post.ask(FindVisits(hospital: "hospital-1", from: 0), of: supernode)
      let found = try #require(page.visits.first)
      #expect(found.visit == visit)
      let proof = try await post.ask(
        Prove(.visit(found.visit, hospital: "hospital-1"), knownSize: 0), of: supernode)
      let leaf = try proof.verify(
        genesis: consortium.genesis, delegates: KnownDelegates(consortium.genesis), known: nil)
      guard case .visitCompletion(let completion)? = leaf.entry?.content.body else {
        Issue.record("no completion")
        return
      }
      #expect(completion.context.visitID == visit)
      #expect(completion.context.signers.count == 2)
      #expect(completion.commitments.map(\.attempt).contains(2))
      say(
        "1 stranger at \(supernode): team \(completion.context.signers.map(\.doctor)), "
          + "opened \(completion.context.openedAt), attempts "
          + "\(completion.commitments.map(\.attempt)), pseudonym \(completion.context.pseudonym)")
    }
  }

  @Test("a courier reads which visits a restoring patient has, with their teams")
  func courierReadsRestoring() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let one = try await consortium.hold(test.plan("e-1", hospital: "hospital-1")).visit
    let two = try await consortium.hold(test.plan("e-2", hospital: "hospital-2")).visit
    try await consortium.settle()
    try await test.loseDevice(consortium)
    let mark = test.wire.passages.count
    _ = try await consortium.restore(patient: Self.patient)
    var seen: [Digest32: [String]] = [:]
    // Raw bytes alone: no key is used.
    for passage in test.wire.passages.dropFirst(mark) where passage.sender == "patient" {
      guard let asked = try? Message<Prove>(encoded: passage.request).payload,
        case .visit(let visit, let hospital) = asked.subject,
        let proof = try? ReplyMessage<FinalityProof>(encoded: passage.reply).result.get()
      else { continue }
      let leaf = try proof.verify(
        genesis: consortium.genesis, delegates: KnownDelegates(consortium.genesis), known: nil)
      guard case .visitCompletion(let completion)? = leaf.entry?.content.body else { continue }
      seen[visit] = [hospital] + completion.context.signers.map(\.doctor)
    }
    #expect(Set(seen.keys) == [one, two])
    say("2 courier links by one restore: \(seen)")
  }

  @Test("a doctor of another hospital reads a visit under way")
  func foreignDoctorReadsVisit() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    let view = try await test.post(consortium, as: Self.reader).ask(
      ReadVisit(hospital: "hospital-1", visit: visit), of: "hospital-1")
    #expect(view.status == .open && view.signatures.count == 1)
    say("3 \(Self.reader) reads \(view.signatures.count) signatures, attempts \(view.attempts)")
  }

  @Test("another hospital learns whose a visit is, by offering its identifier")
  func identifierOracle() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan("e-1", hospital: "hospital-1"))
    try await consortium.settle()
    try await consortium.addPatient(contact: "patient-b", identity: "Basil Ode, 1955-07-01")
    // Hospital 2 looks as anybody may.
    let key = try stranger(32)
    let foreign = try #require(
      try await post(test, consortium, name: "nobody", Author(.key(key.publicKey), key)).ask(
        FindVisits(hospital: "hospital-1", from: 0), of: "cloud"
      ).visits.first?.visit)
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard let asked = transit.payload(RequestAdmission.self),
        transit.recipient == "hospital-2",
        case .visit(var context, let evidence, _, let attempt) =
          try ReplyMessage<AdmissionOffer>(encoded: transit.open(reply)).result.get()
      else { return reply }
      var generator = SeededGenerator(seed: 14)
      let opening = PseudonymOpening(
        hospital: context.hospital, visitID: foreign, identity: asked.form.identity,
        using: &generator)
      (context.visitID, context.pseudonym) = (foreign, opening.pseudonym)
      return try transit.answer(
        RequestAdmission.self,
        .visit(context, evidence: evidence, opening: opening, attempt: attempt))
    }
    var agreed: [String: Int] = [:]
    for contact in [Self.patient, "patient-b"] {
      let before = test.wire.requests(AuthorizeVisit.self).count
      var plan = test.plan("e-2", hospital: "hospital-2")
      plan.patient = contact
      _ = await ConsortiumError.code { _ = try await consortium.open(plan) }
      agreed[contact] = test.wire.requests(AuthorizeVisit.self).count - before
    }
    // What the hospital sees: one of them agrees, and the one whose visit it is does not.
    #expect(agreed == [Self.patient: 0, "patient-b": 1])
    say("4 agreements to a context with hospital-1's identifier: \(agreed)")
  }

  // MARK: Quotas

  @Test("who calls itself patient uses up what all patients have")
  func sharedPatientName() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    try await consortium.settle()
    test.pass(seconds: 61)
    let key = try stranger(33)
    let post = post(test, consortium, name: "patient", Author(.key(key.publicKey), key))
    for supernode in ["hospital-1", "cloud"] {
      for _ in 0..<64 {
        _ = try await post.ask(FindVisits(hospital: "hospital-1", from: 0), of: supernode)
      }
    }
    try await test.loseDevice(consortium)
    let restoration = try await consortium.restore(patient: Self.patient)
    #expect(!restoration.isComplete)
    #expect(!restoration.visits.contains { $0.visit == visit })
    say(
      "5a 128 questions of a stranger: restore finds \(restoration.visits.count) visits, "
        + "failures \(restoration.sources.compactMap { $0.failure?.description })")

    // Bytes that need no key at all.
    test.pass(seconds: 61)
    let junk = Array(
      try post.envelope(FindVisits(hospital: "x", from: 0), to: "hospital-2").bytes
        .prefix(16))
    #expect(ObjectKind(of: junk) == .envelope)
    for _ in 0..<1 << 14 {
      _ = try await consortium.courier.send(junk, from: "patient", to: "hospital-2")
    }
    let code = await ConsortiumError.code {
      _ = try await consortium.open(test.plan("e-9", hospital: "hospital-2"))
    }
    #expect(code == "unreachable")
    say("5b 16384 junk messages of 16 bytes named patient: admission is \(code)")
  }

  @Test("names that nobody has shut everybody out")
  func inventedNames() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await test.beginVisit(consortium, test.plan()).context
    let doctor = test.post(consortium, as: visit.signers[0].doctor)
    let request = ReadVisit(hospital: "hospital-1", visit: visit.visitID)
    #expect(
      await ConsortiumError.code { _ = try await doctor.ask(request, of: "hospital-1") }
        == "nothing")
    let junk = Array(try doctor.envelope(request, to: "hospital-1").bytes.prefix(16))
    test.pass(seconds: 120)
    for number in 0..<1 << 14 {
      _ = try await consortium.courier.send(junk, from: "n\(number)", to: "hospital-1")
    }
    let codes = [
      await ConsortiumError.code { _ = try await doctor.ask(request, of: "hospital-1") },
      await ConsortiumError.code {
        _ = try await doctor.ask(Prove(.consortiumLeaf(index: 0), knownSize: 0), of: "hospital-1")
      },
      await ConsortiumError.code { _ = try await consortium.open(test.plan("e-2")) },
    ]
    #expect(codes == ["busy", "busy", "unreachable"])
    say("6 after 16384 names: doctor, proof, admission: \(codes)")
  }

  @Test("envelopes of nobody keep a colleague's findings out")
  func renewals() async throws {
    let test = TestConsortium(teamSize: 2)
    var consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context
    // The second doctor's program starts again.
    consortium = try await test.open()
    let second = visit.signers[1].doctor
    let key = try stranger(34)
    let post = post(test, consortium, name: "x", Author(.party("nobody-at-all"), key))
    var last = ""
    for _ in 0..<1025 {
      var content = post.content(FetchEpochEnds(from: 0), second)
      (content.name, content.payload) = (HandOverFindings.name, [0x30, 0x01])
      let reply = try await post.send(content, by: key).reply
      last = await bareCode(reply)
    }
    #expect(last == "busy")
    let code = await ConsortiumError.code {
      try await consortium.diagnose(visit.visitID, plan, position: 1)
    }
    #expect(code == "unreachable")
    test.pass(seconds: 61)
    let later = await ConsortiumError.code {
      try await consortium.diagnose(visit.visitID, plan, position: 1)
    }
    #expect(later == "nothing")
    say("7 hand-over during the flood: \(code); a minute later: \(later)")
  }

  @Test("a stranger has the manager ask the cloud, once for each envelope")
  func managerWorks() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    try await consortium.settle()
    let key = try stranger(35)
    let post = post(
      test, consortium, name: "x",
      Author(.patient(visit: .zero, hospital: "hospital-1"), key))
    let mark = test.wire.passages.count
    let count = 1500
    for _ in 0..<count {
      var content = post.content(FetchEpochEnds(from: 0), "manager")
      (content.name, content.payload) = (DepositConsent.name, [0x30, 0x01])
      _ = try await post.send(content, by: key)
    }
    let asked = test.wire.passages.dropFirst(mark).filter { $0.sender == "manager" }
    #expect(asked.count >= count)
    say(
      "8 \(count) envelopes of a stranger: \(asked.count) requests of the manager "
        + "(\(Set(asked.compactMap(\.kind))))")
  }

  @Test("an envelope is answered again once strangers have had theirs answered")
  func forgottenEnvelopes() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    test.pass(seconds: 60)
    let victim = try test.post(consortium, asPatientOf: context)
    let (envelope, _) = try victim.envelope(
      AuthorizeVisit(
        contextDigest: .zero, visitKeyProof: [1], signature: victim.secrets.zeros),
      to: "hospital-1")
    func deliver() async throws -> [UInt8] {
      try await consortium.courier.send(envelope, from: "a courier", to: "hospital-1")
    }
    #expect(ObjectKind(of: try await deliver()) == .sealedAnswer)
    let again = try await deliver()
    #expect(await bareCode(again) == "repeated")
    let key = try stranger(36)
    var refused = 0
    for number in 0..<(1 << 14) + 64 {
      let post = post(
        test, consortium, name: "x\(number % 2)", Author(.key(key.publicKey), key))
      let (reply, answer) = try await post.send(
        post.content(FindVisits(hospital: "hospital-1", from: LedgerLimits.size), "hospital-1"),
        by: key)
      let code = await ConsortiumError.code {
        _ = try ReplyMessage<FoundVisits>(
          encoded: answer.open(SealedAnswer(encoded: reply).sealed)
        ).result.get()
      }
      if code == "busy" { refused += 1 }
    }
    #expect(ObjectKind(of: try await deliver()) == .sealedAnswer)
    say("9 replay is answered; \(refused) of the stranger's envelopes were refused as busy")
  }

  @Test("a courier asks with a member's query, weeks later, and reads what was written since")
  func oldQuery() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await test.consentedVisit(consortium)
    let captured = try #require(
      test.wire.passages.first {
        guard $0.sender == "manager", $0.recipient == "cloud",
          let query = try? Message<FetchLeaves>(encoded: $0.request).payload.query
        else { return false }
        return query.object.payload.from == 0 && query.object.payload.hospital == "hospital-1"
      })
    let later = try await consortium.hold(test.plan("e-2")).visit
    try await consortium.settle()
    test.pass(seconds: 30 * 86_400)
    let reply = try await consortium.courier.send(captured.request, from: "x", to: "cloud")
    let leaves = try ReplyMessage<LeavesReply>(encoded: reply).result.get().leaves
    let opened = leaves.compactMap { leaf -> Digest32? in
      guard case .visitOpening(let opening)? = Leaf.entry(in: leaf)?.content.body else {
        return nil
      }
      return opening.context.visitID
    }
    #expect(opened.contains(later))
    say("10 a query of 30 days ago gives \(leaves.count) leaves, openings \(opened.count)")
  }

  // MARK: Visits

  /// One who diagnoses with findings of so many bytes, and what comes of completing the visit.
  @Test("64 MiB of findings are promised: with 42 the doctor's own store cannot be read any more")
  func largeFindings() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    var plan = test.plan()
    plan.findings = [[UInt8](repeating: 0x61, count: 42 << 20)]
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    let signed = await ConsortiumError.code {
      try await consortium.diagnose(visit, plan, position: 1)
    }
    #expect(signed == "nothing")
    var codes: [String] = []
    for _ in 0..<2 {
      codes.append(
        await ConsortiumError.code {
          try await consortium.complete(visit, at: plan.hospital)
        })
      consortium = try await test.open()
    }
    #expect(!codes.contains("nothing"))
    #expect(try await test.state(of: visit, consortium).signatures.count == 1)
    say("11 one finding of 42 MiB: signed \(signed); completed, twice: \(codes)")
  }

  @Test("a colleague's garbage makes a doctor's visit unreadable after it is signed")
  func garbageHandover() async throws {
    let test = TestConsortium(teamSize: 2)
    var consortium = try await test.open()
    var plan = test.plan()
    plan.findings[0] = [UInt8](repeating: 0x62, count: 4 << 20)
    let state = try await test.beginVisit(consortium, plan)
    let (visit, team) = (state.context.visitID, state.context.signers.map(\.doctor))
    try await consortium.diagnose(visit, plan, position: 1)
    var junk = try #require(test.wire.requests(HandOverFindings.self).last)
    junk.findings.ciphertext = [UInt8](repeating: 1, count: 79 << 20)
    _ = try await test.post(consortium, as: team[0]).ask(junk, of: team[1])
    let signed = await ConsortiumError.code {
      try await consortium.diagnose(visit, plan, position: 2)
    }
    var codes = [
      await ConsortiumError.code { try await consortium.complete(visit, at: plan.hospital) }
    ]
    consortium = try await test.open()
    codes.append(
      await ConsortiumError.code { try await consortium.complete(visit, at: plan.hospital) })
    codes.append(
      await ConsortiumError.code { try await consortium.diagnose(visit, plan, position: 2) })
    #expect(!codes.contains("nothing"))
    #expect(try await test.state(of: visit, consortium).signatures.count == 2)
    say("12 garbage from D_1: D_2 signs: \(signed); completes, again, signs anew: \(codes)")
  }

  @Test("a doctor who signs twice at once forgets what stands on the ledger")
  func twoDiagnoses() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, first) = (context.visitID, context.signers[0].doctor)
    let doctor = try #require(await consortium.doctors[first])
    try await doctor.take(presence: test.presence(of: visit, to: first, consortium).text)
    let arrived = Counter()
    // A courier that is slow.
    test.wire.intercept { transit in
      if transit.payload(ReadVisit.self) != nil, transit.sender == first {
        let reply = try await transit.deliver(transit.request)
        _ = arrived.next()
        for _ in 0..<2000 where arrived.value < 2 { try await Task.sleep(for: .milliseconds(1)) }
        return reply
      }
      let reply = try await transit.deliver(transit.request)
      if transit.payload(SubmitEntry.self) != nil {
        let answer = try ReplyMessage<Signed<SubmissionAnswer>>(encoded: transit.open(reply))
          .result.get().object
        if case .refused = answer.outcome { try await Task.sleep(for: .milliseconds(300)) }
      }
      return reply
    }
    async let one = ConsortiumError.code { try await doctor.diagnose(visit, Array("one".utf8)) }
    async let other = ConsortiumError.code {
      try await doctor.diagnose(visit, Array("other".utf8))
    }
    let codes = await [one, other]
    test.wire.intercept(nil)
    let state = try await test.state(of: visit, consortium)
    #expect(state.signatures.count == 1)
    let resent = await ConsortiumError.code {
      _ = try await test.post(consortium, as: context.signers[1].doctor).ask(
        ResendFindings(visit: visit), of: first)
    }
    let next = await ConsortiumError.code {
      try await consortium.diagnose(visit, plan, position: 2)
    }
    say("13 two at once: \(codes); on the ledger: 1; c_1: \(resent); next doctor: \(next)")
    #expect(resent == "no-handover" || next != "nothing")
  }

  @Test("a hospital says refused, and writes: the doctor forgets the finding that stands")
  func refusedAndWritten() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, first) = (context.visitID, context.signers[0].doctor)
    let key = try test.identityKey(of: "hospital-1")
    let genesis = consortium.genesis.digest
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard let submit = transit.payload(SubmitEntry.self) else { return reply }
      let answer = SubmissionAnswer(
        genesis: genesis, chain: "hospital-1", generation: 0, entry: submit.entry.digest,
        outcome: .refused(code: "late", position: 1))
      return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
    }
    let code = await ConsortiumError.code {
      try await consortium.diagnose(visit, plan, position: 1)
    }
    test.wire.intercept(nil)
    let resent = await ConsortiumError.code {
      _ = try await test.post(consortium, as: context.signers[1].doctor).ask(
        ResendFindings(visit: visit), of: first)
    }
    let doctor = try #require(await consortium.doctors[first])
    let followed = try await doctor.followUp().last?.standing
    #expect(code == "late" && resent == "no-handover")
    #expect(try await test.state(of: visit, consortium).signatures.count == 1)
    #expect(followed == .refused(code: "late", position: 1))
    say("14 said \(code), stands all the same; c_1: \(resent); followed up: \(followed as Any)")
  }

  @Test("a patient's program agrees to two contexts with one key, for one ticket")
  func twoContexts() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let patient = try #require(await consortium.patients[Self.patient])
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let ticket = try await hospital.issueTicket(for: TestConsortium.identity)
    let arrived = Counter()
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(RequestAdmission.self) != nil else { return reply }
      let number = arrived.next()
      for _ in 0..<2000 where arrived.value < 2 { try await Task.sleep(for: .milliseconds(1)) }
      guard number == 2,
        case .visit(var context, _, let opening, let attempt) =
          try ReplyMessage<AdmissionOffer>(encoded: transit.open(reply)).result.get()
      else { return reply }
      let evidence = [UInt8](repeating: 9, count: 32)
      context.evidenceDigest = Digest32(sha256: evidence)
      return try transit.answer(
        RequestAdmission.self,
        .visit(context, evidence: evidence, opening: opening, attempt: attempt))
    }
    @Sendable func admit() async -> String {
      await ConsortiumError.code {
        _ = try await patient.admit(to: "hospital-1", encounter: "e-1", ticket: ticket)
      }
    }
    async let one = admit()
    async let other = admit()
    let codes = await [one, other]
    let agreed = Set(test.wire.requests(AuthorizeVisit.self).map(\.contextDigest))
    #expect(agreed.count == 2)
    say("15 agreements of one ticket: \(agreed.count) contexts; \(codes)")
  }

  @Test("one person and Encounter, two visits under way: another form of the same name")
  func otherForm() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (composed, decomposed) = ("Zo\u{eb}, 1980-02-29", "Zoe\u{308}, 1980-02-29")
    try await consortium.addPatient(contact: "zoe", identity: composed)
    try await consortium.addPatient(contact: "zoe-2", identity: decomposed)
    let hospital = try #require(consortium.hospitals["hospital-1"])
    var attempts: [UInt64] = []
    for contact in ["zoe", "zoe-2"] {
      // The clerk writes the same name both times.
      let ticket = try await hospital.issueTicket(for: composed)
      let admission = try await #require(consortium.patients[contact]).admit(
        to: "hospital-1", encounter: "e-1", ticket: ticket)
      if case .opened(_, let attempt) = admission { attempts.append(attempt) }
    }
    #expect(attempts == [1, 1])
    say("16 attempts of one identity and Encounter, both open: \(attempts)")
    var generator = SeededGenerator(seed: 2)
    var ticket = AdmissionTicket(using: &generator)
    while !ticket.text.dropFirst(13).contains("S") { ticket = AdmissionTicket(using: &generator) }
    let other = ticket.text.replacingOccurrences(of: "S", with: "\u{17f}")
    #expect(try AdmissionTicket(text: other) == ticket)
    say("17 a second form of a printed code is taken: \(other)")
  }

  // MARK: What a slow courier makes a doctor forget

  @Test("a courier holds back the hospital's first call, and the doctor forgets the signed finding")
  func heldAssignment() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let plan = test.plan()
    let visit = try await consortium.open(plan).visit
    let context = try await test.state(of: visit, consortium).context
    let id = context.signers[0].doctor
    let doctor = try #require(await consortium.doctors[id])
    let (assigned, proven) = (Counter(), Counter())
    let isReleased = Capture<Bool>()
    test.wire.intercept { transit in
      if transit.payload(AssignVisit.self) != nil, assigned.next() == 1 {
        // It arrives, and the hospital is told that it did not.
        Task { try? await transit.deliver(transit.request) }
        throw ConsortiumError(.unreachable, "lost")
      }
      let reply = try await transit.deliver(transit.request)
      if transit.sender == id, transit.payload(ProveDoctor.self) != nil, proven.next() == 1 {
        for _ in 0..<20_000 where isReleased.value != true {
          try await Task.sleep(for: .milliseconds(1))
        }
      }
      return reply
    }
    let lost = await ConsortiumError.code {
      try await consortium.agreeOnGroupKey(visit, at: "hospital-1")
    }
    #expect(lost == "unreachable")
    for _ in 0..<5000 where proven.value < 1 { try await Task.sleep(for: .milliseconds(1)) }
    try await consortium.agreeOnGroupKey(visit, at: "hospital-1")
    try await consortium.diagnose(visit, plan, position: 1)
    isReleased.value = true
    try await Task.sleep(for: .milliseconds(500))
    test.wire.intercept(nil)
    // The patient is there once more.
    try await doctor.take(presence: test.presence(of: visit, to: id, consortium).text)
    var codes = [
      await ConsortiumError.code { try await consortium.complete(visit, at: "hospital-1") }
    ]
    consortium = try await test.open()
    codes.append(
      await ConsortiumError.code { try await consortium.complete(visit, at: "hospital-1") })
    codes.append(
      await ConsortiumError.code { try await consortium.diagnose(visit, plan, position: 1) })
    #expect(try await test.state(of: visit, consortium).signatures.count == 1)
    #expect(!codes.contains("nothing"))
    say("24 signed and on the ledger; completed, after a restart, signed anew: \(codes)")
  }

  @Test("a courier holds back an answer, and the doctor forgets what was signed since")
  func heldAnswer() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, id) = (context.visitID, context.signers[0].doctor)
    let doctor = try #require(await consortium.doctors[id])
    try await doctor.take(presence: test.presence(of: visit, to: id, consortium).text)
    let submitted = Counter()
    let isReleased = Capture<Bool>()
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.payload(SubmitEntry.self) != nil, submitted.next() == 1 {
        for _ in 0..<20_000 where isReleased.value != true {
          try await Task.sleep(for: .milliseconds(1))
        }
      }
      return reply
    }
    async let first = ConsortiumError.code { try await doctor.diagnose(visit, Array("one".utf8)) }
    for _ in 0..<5000 where submitted.value < 1 { try await Task.sleep(for: .milliseconds(1)) }
    let second = await ConsortiumError.code {
      try await doctor.diagnose(visit, Array("two".utf8))
    }
    isReleased.value = true
    let codes = [await first, second]
    test.wire.intercept(nil)
    var completed = [
      await ConsortiumError.code { try await consortium.complete(visit, at: "hospital-1") }
    ]
    consortium = try await test.open()
    completed.append(
      await ConsortiumError.code { try await consortium.complete(visit, at: "hospital-1") })
    let state = try await test.state(of: visit, consortium)
    #expect(state.attempts == [2])
    #expect(!completed.contains("nothing"))
    say("25 two signatures: \(codes), attempts \(state.attempts); completed: \(completed)")
  }

  // MARK: Records

  @Test("who signs again after the record was stored has a visit that cannot be completed")
  func storedBefore() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    test.wire.lose { $0.payload(SubmitEntry.self)?.entry.content.body.kind == .visitCompletion }
    let lost = await ConsortiumError.code {
      try await consortium.complete(visit, at: "hospital-1")
    }
    test.wire.intercept(nil)
    // D_1 signs once more, and D_2 after that.
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    let codes = [
      await ConsortiumError.code { try await consortium.complete(visit, at: "hospital-1") },
      await ConsortiumError.code { try await consortium.complete(visit, at: "hospital-1") },
    ]
    #expect(!codes.contains("nothing"))
    say("26 completion \(lost); signed again by both; completed: \(codes)")
  }

  /// Hospital 2 offers its next visit under this identifier.
  private func squat(_ victim: Digest32, _ test: TestConsortium) {
    let store = test.storage.roleStore("hospital-2")
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard let asked = transit.payload(RequestAdmission.self),
        transit.recipient == "hospital-2",
        case .visit(var context, let evidence, _, let attempt) =
          try ReplyMessage<AdmissionOffer>(encoded: transit.open(reply)).result.get()
      else { return reply }
      var generator = SeededGenerator(seed: 14)
      let opening = PseudonymOpening(
        hospital: context.hospital, visitID: victim, identity: asked.form.identity,
        using: &generator)
      (context.visitID, context.pseudonym) = (victim, opening.pseudonym)
      // Its own store.
      let visit = HospitalVisit(context: context, evidence: evidence, opening: opening)
      let key = context.visitSigningKey
      try store.write([
        "offer/\(context.digest)": Message(visit).encoded(),
        "offered/\(victim)/\(Digest32(sha256: key))": key,
      ])
      return try transit.answer(
        RequestAdmission.self,
        .visit(context, evidence: evidence, opening: opening, attempt: attempt))
    }
  }

  @Test("a hospital gives a visit the identifier of another hospital's: that one is never complete")
  func squattedRecord() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let victim = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.addPatient(contact: "patient-b", identity: "Basil Ode, 1955-07-01")
    squat(victim, test)
    var other = test.plan("e-2", hospital: "hospital-2")
    other.patient = "patient-b"
    let opened = try await consortium.open(other).visit
    #expect(opened == victim)
    test.wire.intercept(nil)
    try await consortium.agreeOnGroupKey(victim, at: "hospital-2")
    try await consortium.diagnose(victim, other, position: 1)
    try await consortium.complete(victim, at: "hospital-2")

    try await consortium.diagnose(victim, plan, position: 1)
    let codes = [
      await ConsortiumError.code { try await consortium.complete(victim, at: "hospital-1") },
      await ConsortiumError.code { try await consortium.complete(victim, at: "hospital-1") },
    ]
    #expect(!codes.contains("nothing"))
    say("27 hospital-1's visit, after hospital-2 took its identifier: \(codes)")
  }

  @Test("a hospital takes a visit from a patient who comes back, by its identifier")
  func squattedRestoring() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let consent = try await test.consent(to: visit, purpose: "second opinion", consortium)
    try await test.loseDevice(consortium)
    // An admission before the words are typed in.
    squat(visit, test)
    let opened = try await consortium.open(test.plan("e-2", hospital: "hospital-2")).visit
    #expect(opened == visit)
    test.wire.intercept(nil)
    var failures: [String] = []
    for _ in 0..<2 {
      test.pass(seconds: 61)
      let found = try await consortium.restore(patient: Self.patient).visits
      failures += found.filter { $0.hospital == "hospital-1" }
        .map { $0.failure?.description ?? "nothing" }
    }
    #expect(failures == ["wrong-context", "wrong-context"])
    let revoked = await ConsortiumError.code {
      try await consortium.revoke(patient: Self.patient, consent: consent)
    }
    let opening = await ConsortiumError.code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect(revoked == "consent-unknown" && opening == "nothing")
    say("29 restored twice: \(failures); revoking: \(revoked); the reader opens: \(opening)")
  }

  // MARK: Crashes

  /// With AUDIT_CRASH in the environment: the process dies, which is the proof.
  @Test(
    "a hospital ends a doctor's program by one integer in its answer",
    .enabled(if: ProcessInfo.processInfo.environment["AUDIT_CRASH"] != nil))
  func crashByAttempts() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    test.wire.answer(ReadVisit.self) { view in
      var lie = view
      lie.attempts = lie.attempts.map { _ in .max }
      return lie
    }
    say("28 the doctor diagnoses now")
    let code = await ConsortiumError.code {
      try await consortium.diagnose(visit, plan, position: 1)
    }
    Issue.record("the program goes on: \(code)")
  }

  // MARK: Submissions

  @Test("a hospital alone makes a patient believe that the ledger has the receipt")
  func believedReceipt() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.completeVisit(consortium, plan)
    let key = try test.identityKey(of: "hospital-1")
    let genesis = consortium.genesis.digest
    test.wire.intercept { transit in
      guard let submit = transit.payload(SubmitEntry.self) else {
        return try await transit.deliver(transit.request)
      }
      let answer = SubmissionAnswer(
        genesis: genesis, chain: "hospital-1", generation: 0, entry: submit.entry.digest,
        outcome: .refused(code: "already-receipted", position: 1))
      return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
    }
    let code = await ConsortiumError.code { _ = try await consortium.collect(visit, plan) }
    test.wire.intercept(nil)
    let patient = try #require(await consortium.patients[Self.patient])
    test.pass(seconds: 2 * 86_400)
    _ = try await patient.followUp()
    try await consortium.settle()
    _ = try await patient.followUp()
    #expect(code == "nothing")
    #expect(try await patient.hasReceipted(visit))
    #expect(try await consortium.hold(plan).wasKnown)
    #expect(test.wire.requests(RelayDemand.self).isEmpty)
    #expect(try await test.state(of: visit, consortium).receipt == nil)
    let holdings = try await consortium.holdings(ofPatient: Self.patient)
    #expect(holdings.visits.map(\.isReceipted) == [true])
    say("18 collect: \(code); believed: true; on the ledger: none; demands: 0")
  }

  @Test("one lost message makes the client demand in public, and blame an honest hospital")
  func blamed() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.completeVisit(consortium, plan)
    test.wire.lose(SubmitEntry.self)
    let code = await ConsortiumError.code { _ = try await consortium.collect(visit, plan) }
    test.wire.intercept(nil)
    test.pass(seconds: 3601)
    try await consortium.settle()
    let mark = test.wire.passages.count
    let patient = try #require(await consortium.patients[Self.patient])
    let followed = try #require(try await patient.followUp().last)
    let answered = try test.wire.passages.dropFirst(mark).filter { $0.kind == SubmitEntry.name }
      .map {
        try ReplyMessage<Signed<SubmissionAnswer>>(encoded: $0.answer).result.get().object.outcome
      }
    #expect(answered == [.written])
    #expect(test.wire.requests(RelayDemand.self).count == 1)
    try await consortium.settle()
    let last = try #require(try await patient.followUp().last)
    #expect(last.demand != nil && last.swallowedBy == "hospital-1")
    say(
      "19 collect: \(code); hospital answered at once: \(answered); then \(followed.standing), "
        + "demand \(last.demand as Any), blamed: \(last.swallowedBy as Any)")
  }

  // MARK: Sharing

  @Test("who was asked fills the doctor's store, and who asks the patient's")
  func filledStores() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let asked = try #require(test.wire.requests(ForwardAccessRequest.self).last?.request.object)
    let patients = test.storage.roleStore("patients/\(Self.patient)")
    let keys = try addressKeys(test, consortium, asked.address.id, patients)
    let post = post(
      test, consortium, name: "x", Author(.key(keys.signing.publicKey), keys.signing))
    let certificate = try await post.ask(
      CertifyRequestKey(request: request, visit: visit), of: Self.reader
    ).object
    var generator = SeededGenerator(seed: 41)
    let doctors = test.storage.roleStore("doctors/\(Self.reader)")
    for _ in 0..<4 {
      test.pass(seconds: 60)
      for _ in 0..<64 {
        let consent = Consent(
          genesis: certificate.genesis, hospital: "hospital-1", visit: visit,
          recordDigest: .zero, doctor: Self.reader, purpose: "", expiresAt: 1,
          theta: certificate.requestKey, requestKey: certificate.requestKey,
          agreementKey: certificate.agreementKey, proxy: "manager", salt: generator.bytes(32))
        _ = try await post.ask(
          GrantConsent(
            consent: Signed(consent, by: keys.signing),
            sealedGrant: [UInt8](repeating: 0, count: 4096)), of: Self.reader)
      }
    }
    let grants = try doctors.keys(withPrefix: "grant/")
    #expect(grants.count >= 256)
    say("20 grants of no consent in the doctor's store after 4 minutes: \(grants.count)")

    let doctor = try test.identityKey(of: "doctors/\(Self.reader)")
    let own = test.post(consortium, as: Self.reader)
    for _ in 0..<300 {
      var again = asked
      again.nonce = generator.bytes(32)
      _ = try await own.ask(
        SubmitAccessRequest(request: Signed(again, by: doctor)), of: "manager")
    }
    let requests = try patients.keys(withPrefix: "request/")
    #expect(requests.count >= 300)
    say("21 requests of one doctor in the patient's store: \(requests.count)")
  }

  @inline(never)
  private func addressKeys(
    _ test: TestConsortium, _ consortium: LocalConsortium, _ id: String, _ store: MemoryRoleStore
  ) throws -> PatientAddressKeys {
    let root = try PatientRoot(test.secret("root", of: "patients/\(Self.patient)"))
    let nonce = try #require(
      try store.value(forKey: "address/\(id)").flatMap { Digest32($0) })
    return try root.addressKeys(genesis: consortium.genesis.digest, nonce: nonce)
  }

  @Test("what was made under a consent that was taken back stays with the proxy")
  func keptResults() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, used) = try await test.consentedVisit(consortium)
    _ = try await consortium.openRecord(doctor: Self.reader, consent: used)
    let other = try await consortium.hold(test.plan("e-2")).visit
    let unused = try await test.consent(to: other, purpose: "another", consortium)
    for consent in [used, unused] {
      try await consortium.revoke(patient: Self.patient, consent: consent)
    }
    try await consortium.settle()
    try await test.passEpochless(consortium)
    test.pass(seconds: 60 * 86_400)
    let store = test.storage.roleStore("manager")
    var states: [String] = []
    for consent in [used, unused] {
      let bytes = try #require(try store.value(forKey: "deposit/\(consent)"))
      switch try Message<Deposit>(encoded: bytes).payload.state {
      case .unused: states.append("x")
      case .used: states.append("B_I")
      case .over: states.append("over")
      }
    }
    #expect(states == ["B_I", "x"])
    say("22 two months after both were revoked, the proxy still has: \(states)")
  }

  @Test("an error of a store goes to whoever asks, with the path on the machine and the key")
  func pathsInErrors() throws {
    let error = StoreError(
      .corrupted, "/srv/bcemr/hospital-1/role.sqlite: the value of \"ticket/0a0b\" is damaged")
    let sent = ReplyMessage<Done>(.failure(ConsortiumError(error))).encoded()
    let text = String(decoding: sent, as: UTF8.self)
    #expect(text.contains("/srv/bcemr/hospital-1/role.sqlite") && text.contains("ticket/0a0b"))
    say("23 a bare reply holds the path and the key of the damaged value")
  }
}

extension TestConsortium {
  /// Lets some blocks pass.
  fileprivate func passEpochless(_ consortium: LocalConsortium) async throws {
    for _ in 0..<3 { try await pass(seconds: 100, consortium) }
  }
}
