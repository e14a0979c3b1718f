import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Patients who have nothing but their recovery phrase")
struct RestoringTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader

  private func code(
    _ consortium: LocalConsortium, open consent: Digest32, by doctor: String = reader
  ) async -> String? {
    await ConsortiumError.code {
      _ = try await consortium.openRecord(doctor: doctor, consent: consent)
    }
  }

  @Test("have visits, consents and access log again as they were, and go on with them")
  func allComesBack() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let first = try await consortium.hold(test.plan()).visit
    let second = try await consortium.hold(test.plan("encounter-2", hospital: "hospital-3")).visit
    // Somebody else's, among them.
    try await consortium.addPatient(contact: "patient-b", identity: "Basil Ode, 1955-07-01")
    var other = test.plan("encounter-3")
    other.patient = "patient-b"
    _ = try await consortium.hold(other)
    let used = try await test.consent(to: first, purpose: "a", consortium)
    #expect(await code(consortium, open: used) == nil)
    let revoked = try await test.consent(to: first, purpose: "b", consortium)
    try await consortium.revoke(patient: Self.patient, consent: revoked)
    let standing = try await test.consent(
      to: second, doctor: "hospital-2-doctor-2", purpose: "c", consortium)
    try await consortium.settle()
    let before = try await consortium.holdings(ofPatient: Self.patient)
    #expect(before.visits.count == 2 && before.consents.count == 3)
    #expect(before.access.count == 3 + 3 + 2)
    #expect(before.access.compactMap(\.purpose).count == 2 + 2 + 1)

    try await test.loseDevice(consortium)
    #expect(try await consortium.holdings(ofPatient: Self.patient) == PatientHoldings())
    #expect(try test.storage.roleStore("patients/\(Self.patient)").keys(withPrefix: "").isEmpty)
    let restoration = try await consortium.restore(patient: Self.patient)
    #expect(restoration.isComplete)
    #expect(
      restoration.visits.map(\.state) == [.complete(record: true), .complete(record: true)])
    #expect(restoration.visits.allSatisfy { $0.note == .taken && $0.undocumented.isEmpty })
    #expect(try await consortium.holdings(ofPatient: Self.patient) == before)
    // Once more, and anew: it is the same.
    #expect(try await consortium.restore(patient: Self.patient) == restoration)
    let patient = try #require(await consortium.patients[Self.patient])
    #expect(try await patient.restore(anew: true) == restoration)
    #expect(try await consortium.holdings(ofPatient: Self.patient) == before)

    #expect(try await patient.hasReceipted(first, at: "hospital-1"))
    #expect(try await consortium.hold(test.plan()).wasKnown)
    // What stood is taken back, and something new is given.
    try await consortium.revoke(patient: Self.patient, consent: standing)
    #expect(
      await code(consortium, open: standing, by: "hospital-2-doctor-2") == "consent-revoked")
    let next = try await test.consent(to: second, purpose: "d", consortium)
    #expect(await code(consortium, open: next) == nil)
    try await consortium.settle()
    // A revocation that was signed before is sent as it was.
    try await consortium.revoke(patient: Self.patient, consent: revoked)
    let leaves = try await test.storage.chainLog("hospital-1").contents()
    let revocations = leaves.compactMap { Leaf.entry(in: $0) }.filter {
      $0.content.body.kind == .revocation
    }
    #expect(revocations.count == 1)
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }

  /// No two visits have a key in common.
  private func expectOwnKeys(
    _ visits: [(hospital: String, visit: Digest32)], _ test: TestConsortium,
    _ consortium: LocalConsortium
  ) async throws {
    var contexts: [VisitContext] = []
    for (hospital, visit) in visits {
      contexts.append(try await test.state(of: visit, consortium, hospital).context)
    }
    for count in [
      Set(contexts.map(\.keyNonce)).count, Set(contexts.map(\.visitKey)).count,
      Set(contexts.map(\.visitSigningKey)).count, Set(contexts.map(\.mailboxKey)).count,
    ] {
      #expect(count == visits.count)
    }
  }

  @Test("use no key for a second time: visits, blinding, tickets and certificates")
  func freshKeys() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    var visits: [(hospital: String, visit: Digest32)] = [
      ("hospital-1", try await consortium.hold(test.plan()).visit),
      ("hospital-2", try await consortium.hold(test.plan("e-2", hospital: "hospital-2")).visit),
    ]
    let ticket = try await #require(consortium.hospitals["hospital-1"])
      .issueTicket(for: TestConsortium.identity)
    let device = try #require(await consortium.patients[Self.patient])
    _ = try await device.admit(to: "hospital-1", encounter: "e-3", ticket: ticket)
    let consent = try await test.consent(to: visits[0].visit, purpose: "a", consortium)
    let certificate = try #require(test.wire.requests(DepositConsent.self).last?.certificate.object)

    try await test.loseDevice(consortium)
    #expect(try await consortium.restore(patient: Self.patient).isComplete)
    for hospital in ["hospital-1", "hospital-2", "hospital-3"] {
      let plan = test.plan("again-\(hospital)", hospital: hospital)
      visits.append((hospital, try await consortium.hold(plan).visit))
    }
    try await expectOwnKeys(visits, test, consortium)

    // A ticket that was used is spent: the new program has another form for it.
    let patient = try #require(await consortium.patients[Self.patient])
    #expect(
      await ConsortiumError.code {
        _ = try await patient.admit(to: "hospital-1", encounter: "e-3", ticket: ticket)
      } == "refused")

    // A doctor offers the A' of the consent before: known by the note.
    let key = try test.identityKey(of: "doctors/\(Self.reader)")
    test.wire.answer(CertifyRequestKey.self) { honest in
      var again = honest.object
      (again.requestKey, again.agreementKey) = (certificate.requestKey, certificate.agreementKey)
      return Signed(again, by: key)
    }
    func give() async -> String? {
      await ConsortiumError.code {
        _ = try await test.consent(to: visits[1].visit, purpose: "b", consortium)
      }
    }
    #expect(await give() == "reused")
    #expect(test.wire.requests(DepositConsent.self).count == 1)
    // Without the note, the proxy knows.
    try await test.loseDevice(consortium)
    let store = test.storage.roleStore("cloud")
    for note in try store.keys(withPrefix: "note/") { try store.write([note: nil]) }
    let restoration = try await consortium.restore(patient: Self.patient)
    #expect(restoration.visits.flatMap(\.undocumented) == [consent])
    #expect(await give() == "reused")
    test.wire.intercept(nil)
    let thetas = test.wire.requests(DepositConsent.self).map(\.consent.object.theta)
    #expect(Set(thetas).count == 2)
  }

  @Test("killed at any write, go on and have all of it in the end", arguments: [false, true])
  func killed(isKept: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    _ = try await consortium.hold(test.plan("encounter-2", hospital: "hospital-2"))
    let consent = try await test.consent(to: visit, purpose: "a", consortium)
    try await consortium.revoke(patient: Self.patient, consent: consent)
    try await consortium.settle()
    let before = try await consortium.holdings(ofPatient: Self.patient)
    let words = try test.words()
    var (place, total) = (1, 0)
    while true {
      // Of all that others count by.
      test.pass(seconds: 60)
      let memory = MemoryStorage()
      let device = FailingStorage(
        memory, fault: .init(write: place - 1, isKept: isKept, isPassing: false))
      let result = await ConsortiumError.code {
        let program = try test.newDevice(
          words: words, store: device.roleStore("device"), consortium)
        _ = try await program.restore()
      }
      total = device.writes
      let next = try test.newDevice(
        words: words, store: memory.roleStore("device"), consortium, seed: UInt64(place))
      #expect(try await next.restore().isComplete, "killed at \(place)")
      #expect(try await next.holdings() == before, "killed at \(place)")
      if result == nil { break }
      place += 1
    }
    #expect(place == total + 1 && total >= 10, "\(total)")
  }

  @Test("are told what is under way, and have it closed; what was abandoned is said to be")
  func underWay() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let abandoned = try await test.beginVisit(consortium, test.plan()).context.visitID
    let open = try await test.beginVisit(consortium, test.plan()).context.visitID
    try await consortium.settle()
    test.pass(seconds: 60)
    try await consortium.settle()
    try await test.loseDevice(consortium)
    let restoration = try await consortium.restore(patient: Self.patient)
    let states = Dictionary(
      restoration.visits.map { ($0.visit, $0.state) }, uniquingKeysWith: { first, _ in first })
    #expect(states == [abandoned: .abandoned, open: .underWay])

    let hospital = try #require(consortium.hospitals["hospital-1"])
    let patient = try #require(await consortium.patients[Self.patient])
    #expect(try await patient.visitsUnderWay() == [NamedVisit(open, at: "hospital-1")])
    #expect(try await patient.visits().isEmpty)
    func admit(closing visit: Digest32?) async throws -> Admission {
      try await patient.admit(
        to: "hospital-1", encounter: "encounter-1",
        ticket: hospital.issueTicket(for: TestConsortium.identity), closing: visit)
    }
    #expect(await ConsortiumError.code { _ = try await admit(closing: nil) } == "visit-open")
    guard case .opened(let context, attempt: 3) = try await admit(closing: open) else {
      Issue.record("no third attempt")
      return
    }
    #expect(try await test.state(of: open, consortium).status == .abandoned)
    #expect(context.visitID != open)
  }

  @Test("a consent is not given before its note is kept, and is given with the next call")
  func noteFirst() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    test.wire.lose(KeepNote.self)
    // The visit needs no note.
    let (visit, request) = try await test.visitWithRequest(consortium)
    func consent() async throws -> Digest32 {
      try await consortium.consent(
        patient: Self.patient, to: request, visit: visit,
        expiresAt: TestConsortium.start + 3600)
    }
    #expect(await ConsortiumError.code { _ = try await consent() } == "unreachable")
    let sent = test.wire.requests(SubmitEntry.self).filter {
      $0.entry.content.body.kind == .consentNotice
    }
    #expect(sent.isEmpty)
    #expect(try test.storage.roleStore("cloud").keys(withPrefix: "note/").isEmpty)
    // The answer alone is lost: the same note is sent again, byte for byte.
    let lost = Capture<KeptNote>()
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if let request = transit.payload(KeepNote.self) {
        lost.value = request.note
        throw ConsortiumError(.unreachable, "the answer is lost")
      }
      return reply
    }
    #expect(await ConsortiumError.code { _ = try await consent() } == "unreachable")
    test.wire.intercept(nil)
    let given = try await consent()
    try await consortium.settle()
    #expect(lost.value != nil && test.wire.requests(KeepNote.self).map(\.note).last == lost.value)
    #expect(await code(consortium, open: given) == nil)
    // A revocation does not wait for it.
    test.wire.lose(KeepNote.self)
    try await consortium.revoke(patient: Self.patient, consent: given)
    #expect(await code(consortium, open: given) == "consent-revoked")
  }

  @Test("notes follow to another cloud: the former one's are found, the next goes to the new one")
  func anotherCloud() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    let visit = try await consortium.hold(test.plan()).visit
    let consent = try await test.consent(to: visit, purpose: "a", consortium)
    try await test.assign("cloud-2", consortium)
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    let before = try await consortium.holdings(ofPatient: Self.patient)

    try await test.loseDevice(consortium)
    #expect(try await consortium.restore(patient: Self.patient).isComplete)
    #expect(try await consortium.holdings(ofPatient: Self.patient) == before)
    let former = try test.storage.roleStore("cloud").keys(withPrefix: "note/")
    #expect(former.count == 1)
    #expect(try test.storage.roleStore("cloud-2").keys(withPrefix: "note/").isEmpty)
    try await consortium.revoke(patient: Self.patient, consent: consent)
    #expect(try test.storage.roleStore("cloud-2").keys(withPrefix: "note/") == former)

    // The former one is gone for good.
    for note in former { try test.storage.roleStore("cloud").write([note: nil]) }
    let after = try await consortium.holdings(ofPatient: Self.patient)
    try await test.loseDevice(consortium)
    #expect(try await consortium.restore(patient: Self.patient).isComplete)
    #expect(try await consortium.holdings(ofPatient: Self.patient) == after)
    #expect(after.access.last?.event == .revoked)
  }

  @Test("notes that a cloud has lost are kept again, once the program looks after them")
  func lostNotes() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    _ = try await consortium.hold(test.plan("encounter-2", hospital: "hospital-2"))
    let store = test.storage.roleStore("cloud")
    let key = "note/hospital-1/\(visit)"
    let old = try #require(try store.value(forKey: key))
    _ = try await test.consent(to: visit, purpose: "a", consortium)
    let before = try await consortium.holdings(ofPatient: Self.patient)
    let kept = try store.keys(withPrefix: "note/")
    let count = test.wire.requests(KeepNote.self).count
    try await consortium.keepNotes(ofPatient: Self.patient)
    #expect(test.wire.requests(KeepNote.self).count == count)

    // Its disk was put back: one note is older, the other gone.
    for note in kept { try store.write([note: note == key ? old : nil]) }
    // One visit that fails keeps no other from it.
    test.wire.lose { transit in
      guard let request = transit.payload(KeepNote.self) else { return false }
      return request.note.counter == 1
    }
    #expect(
      await ConsortiumError.code {
        try await consortium.keepNotes(ofPatient: Self.patient)
      } == "unreachable")
    #expect(try store.value(forKey: key) != old)
    #expect(try store.keys(withPrefix: "note/") == [key])
    test.wire.intercept(nil)
    try await consortium.keepNotes(ofPatient: Self.patient)
    #expect(try store.keys(withPrefix: "note/") == kept)
    try await test.loseDevice(consortium)
    #expect(try await consortium.restore(patient: Self.patient).isComplete)
    #expect(try await consortium.holdings(ofPatient: Self.patient) == before)
  }

  @Test("two devices of one patient, one restored: each has what the other has given in the end")
  func twoDevices() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let first = try await test.consent(to: visit, purpose: "a", consortium)
    let store = MemoryRoleStore()
    let other = try test.newDevice(words: test.words(), store: store, consortium)
    #expect(try await other.restore().isComplete)
    let second = try await test.consent(to: visit, purpose: "b", consortium)
    #expect(try await other.holdings().consents.map(\.consent) == [first])
    // Its note is older by now: it takes the newer one, and keeps one above both.
    try await other.revoke(first)
    #expect(
      try await other.holdings().consents.map(\.consent) == [first, second].sorted())
    #expect(try await other.holdings().consents.allSatisfy { $0.doctor != nil })
    try await other.revoke(second)
    #expect(await code(consortium, open: second) == "consent-revoked")
  }

  @Test("follow what the lost device had taken back, and take back what it had given by half")
  func revocationsOfLostDevice() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, signed) = try await test.consentedVisit(consortium, lasting: 36_000)
    // A revocation and a notice of which nobody but the notes knows.
    test.wire.lose {
      [.revocation, .consentNotice].contains(
        $0.payload(SubmitEntry.self)?.entry.content.body.kind)
    }
    func revoke(_ consent: Digest32) async -> String? {
      await ConsortiumError.code {
        try await consortium.revoke(patient: Self.patient, consent: consent)
      }
    }
    #expect(await revoke(signed) == "unreachable")
    let request = try await consortium.requestAccess(
      doctor: Self.reader, patient: Self.patient, purpose: "b")
    let given = await ConsortiumError.code {
      _ = try await consortium.consent(
        patient: Self.patient, to: request, visit: visit,
        expiresAt: await consortium.ledgerTime() + 36_000)
    }
    #expect(given == "unreachable")
    try await test.loseDevice(consortium)
    test.wire.intercept(nil)
    #expect(try await consortium.restore(patient: Self.patient).isComplete)
    let patient = try #require(await consortium.patients[Self.patient])
    #expect(try await patient.followUp().map(\.kind).contains(.revocation))
    #expect(try await patient.standing(ofRevocation: signed)?.isConfirmed == true)
    #expect(await code(consortium, open: signed) == "consent-revoked")
    let unnoticed = try #require(
      try await patient.consents().map(\.consent).first { $0 != signed })
    #expect(await revoke(unnoticed) == nil)
    try await consortium.settle()
    for consent in [signed, unnoticed] {
      _ = try await patient.followUp()
      #expect(try await patient.standing(ofRevocation: consent)?.isFinal == true)
    }
    let entries = try await test.storage.chainLog("hospital-1").contents()
      .compactMap { Leaf.entry(in: $0)?.content.body.kind }
    #expect(entries.filter { $0 == .revocation }.count == 2)
    #expect(entries.filter { $0 == .consentNotice }.count == 1)
  }
}
