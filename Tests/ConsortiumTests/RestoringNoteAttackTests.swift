import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

@Suite("Attacks on the notes of visits")
struct RestoringNoteAttackTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital

  @Test("[attack] strangers, other patients and parties fetch a note, or write over it")
  func foreignNotes() async throws {
    let situation = try await RestoringSituation()
    let (test, consortium, context) = (situation.test, situation.consortium, situation.context)
    var generator = SeededGenerator(seed: 6)
    let stranger = try IdentityKey(seed: generator.bytes(32))
    try await consortium.addPatient(contact: "patient-b", identity: "Basil Ode, 1955-07-01")
    var plan = test.plan("encounter-b")
    plan.patient = "patient-b"
    let other = try await test.state(of: consortium.hold(plan).visit, consortium).context
    let root = try PatientRoot(test.secret("root", of: "patients/patient-b"))
    let keys: PatientVisitKeys<BLS12381>? = try root.keys(of: other)
    let otherKey = try #require(keys?.signingKey)
    let store = test.storage.roleStore("cloud")
    let key = "note/\(Self.hospital)/\(situation.visit)"
    let kept = try #require(try store.value(forKey: key))
    let junk = KeepNote(KeptNote(counter: 1 << 40, sealed: [1, 2, 3]))

    let victim = Principal.patient(visit: context.visitID, hospital: Self.hospital)
    let own = Principal.patient(visit: other.visitID, hospital: Self.hospital)
    for client in [
      test.client(consortium, by: Author(victim, stranger)),
      test.client(consortium, by: Author(victim, otherKey)),
      test.client(consortium, by: Author(.key(stranger.publicKey), stranger)),
      test.client(consortium, as: Self.hospital), test.client(consortium, as: "manager"),
      test.client(consortium, as: context.signers[0].doctor),
      // The visit as one of another hospital's chain.
      test.client(
        consortium,
        by: Author(.patient(visit: context.visitID, hospital: "hospital-2"), otherKey)),
    ] {
      #expect(
        await ConsortiumError.code { _ = try await client.ask(junk, of: "cloud") }
          == "unauthenticated")
      #expect(
        await ConsortiumError.code { _ = try await client.ask(FetchNote(), of: "cloud") }
          == "unauthenticated")
    }
    // Of the own visit, whatever one likes, once.
    let client = test.client(consortium, by: Author(own, otherKey))
    _ = try await client.ask(junk, of: "cloud")
    _ = try await client.ask(junk, of: "cloud")
    #expect(
      await ConsortiumError.code {
        _ = try await client.ask(
          KeepNote(KeptNote(counter: 1 << 40, sealed: [1, 2, 4])), of: "cloud")
      } == "stale-note")
    #expect(try await client.ask(FetchNote(), of: "cloud").note == junk.note)
    #expect(try store.value(forKey: key) == kept)
    #expect(try store.keys(withPrefix: "note/").count == 2)
    // Longer than a note may be.
    let long = KeptNote(counter: 1 << 41, sealed: [UInt8](repeating: 0, count: 1 << 16 + 1))
    #expect(
      await ConsortiumError.code { _ = try await client.ask(KeepNote(long), of: "cloud") }
        != nil)
    _ = try await situation.restore()
    #expect(try await situation.holdings() == situation.before)
  }

  /// The opening of a visit at hospital 2 that has the identifier of another hospital's, and keys of its own.
  @inline(never)
  private func squattedOpening(
    _ visit: Digest32, like other: VisitContext, _ key: IdentityKey
  ) throws -> VisitOpening {
    var generator = SeededGenerator(seed: 13)
    let visitKey = VisitKey<BLS12381>(using: &generator)
    var context = other
    (context.visitID, context.pseudonym) = (visit, Digest32(sha256: generator.bytes(32)))
    context.visitKey = visitKey.encodedPublicKey
    context.visitSigningKey = key.publicKey
    context.mailboxKey = try AgreementKey(seed: generator.bytes(32)).publicKey
    return VisitOpening(
      context: context, visitKeyProof: try visitKey.prove(context),
      patientSignature: key.sign(context))
  }

  @Test("[attack] another hospital gives a visit of its own the identifier of this one")
  func squattedIdentifier() async throws {
    let situation = try await RestoringSituation()
    let (test, consortium) = (situation.test, situation.consortium)
    // By an offer: the patient keeps what there is of that identifier, and both are told apart.
    test.wire.answer(RequestAdmission.self) { offer in
      guard case .visit(var context, let evidence, _, let attempt) = offer else { return offer }
      var generator = SeededGenerator(seed: 14)
      let opening = PseudonymOpening(
        hospital: context.hospital, visitID: situation.visit, identity: TestConsortium.identity,
        using: &generator)
      (context.visitID, context.pseudonym) = (situation.visit, opening.pseudonym)
      return .visit(context, evidence: evidence, opening: opening, attempt: attempt)
    }
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.open(test.plan("e-2", hospital: "hospital-2"))
      } == "unreachable")
    test.wire.intercept(nil)
    #expect(try await situation.holdings().onLedger == situation.before)
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    #expect(
      try await patient.hospitals(ofVisit: situation.visit) == [Self.hospital, "hospital-2"])

    // On its chain: its patient has a note of that visit, and this one another.
    let honest = try await test.state(
      of: consortium.open(test.plan("e-3", hospital: "hospital-2")).visit, consortium,
      "hospital-2"
    ).context
    var generator = SeededGenerator(seed: 15)
    let key = try IdentityKey(seed: generator.bytes(32))
    try await #require(consortium.hospitals["hospital-2"]).ledger.put(
      squattedOpening(situation.visit, like: honest, key))
    try await consortium.settle()
    test.pass(seconds: 60)
    try await consortium.settle()
    let client = test.client(
      consortium, by: Author(.patient(visit: situation.visit, hospital: "hospital-2"), key))
    let junk = KeptNote(counter: 1 << 40, sealed: [1, 2, 3])
    _ = try await client.ask(KeepNote(junk), of: "cloud")
    #expect(try await client.ask(FetchNote(), of: "cloud").note == junk)
    let restoration = try await situation.restore()
    let visit = try #require(restoration.visits.first { $0.visit == situation.visit })
    #expect(visit.hospital == Self.hospital && visit.note == .taken)
    let holdings = try await situation.holdings()
    #expect(holdings.visits == situation.before.visits)
    #expect(holdings.consents == situation.before.consents)
  }

  @Test("[attack] a cloud gives an older note: the ledger shows consents, and they are taken back")
  func olderNote() async throws {
    let situation = try await RestoringSituation()
    let old = try #require(situation.notes.first)
    situation.answerNotes { _ in old }
    let restoration = try await situation.restore()
    #expect(restoration.visits.map(\.undocumented) == [[situation.consent]])
    let holdings = try await situation.holdings()
    #expect(holdings.consents.map(\.consent) == [situation.consent])
    #expect(holdings.consents.map(\.doctor) == [nil])
    #expect(holdings.access.map(\.event) == situation.before.access.map(\.event))
    #expect(holdings.access.allSatisfy { $0.doctor == nil })
    // The newer note that the cloud has is not lost by an older one in its place.
    try await situation.consortium.revoke(patient: Self.patient, consent: situation.consent)
    #expect(
      await ConsortiumError.code {
        _ = try await situation.consortium.openRecord(
          doctor: TestConsortium.reader, consent: situation.consent)
      } == "consent-revoked")
    #expect(situation.notes.last?.counter == old.counter + 1)
    situation.test.wire.intercept(nil)
    // Once it is given, who and why are known again.
    let patient = try #require(await situation.consortium.patients[Self.patient])
    try await patient.keepNote(of: situation.visit, at: Self.hospital)
    #expect(
      try await patient.holdings().consents.map(\.doctor) == [TestConsortium.reader])
  }

  @Test("[attack] notes that are junk, of another visit, forged to the mailbox key, or renumbered")
  func junkNotes() async throws {
    let situation = try await RestoringSituation()
    let (test, context) = (situation.test, situation.context)
    let other = try await situation.consortium.hold(
      test.plan("encounter-2", hospital: "hospital-2"))
    let foreign = try #require(situation.notes.last)
    let note = try #require(situation.notes.dropLast().last)
    var generator = SeededGenerator(seed: 8)
    // Whoever knows the context can seal to its mailbox key; but S_v is the patient's alone.
    let forger = try IdentityKey(seed: generator.bytes(32))
    let grant = try #require(test.wire.requests(GrantConsent.self).last?.consent.object)
    var invented = grant
    invented.doctor = "hospital-3-doctor-1"
    let lie = VisitNote(
      genesis: context.genesis, hospital: context.hospital, visit: context.visitID, counter: 9,
      encounter: "", evidence: [], opening: nil, consents: [GivenConsent(consent: invented)])
    let forged = KeptNote(
      counter: 9,
      sealed: try SealedMessage(.visitNote, genesis: context.genesis, about: context.visitID).seal(
        PaddedBytes.pad(Signed(Message(lie), by: forger).encodedSequence()),
        to: context.mailboxKey))
    let before = try await situation.holdings()
    #expect(before.visits.map(\.visit).contains(other.visit))
    for junk in [
      KeptNote(counter: 1, sealed: [0]), KeptNote(counter: 3, sealed: generator.bytes(4144)),
      KeptNote(counter: note.counter + 1, sealed: note.sealed), foreign, forged,
    ] {
      situation.test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        guard transit.payload(FetchNote.self) != nil else { return reply }
        return try transit.answer(FetchNote.self, FetchedNote(status: .complete, note: junk))
      }
      let restored = try await situation.restore()
      let visit = try #require(restored.visits.first { $0.visit == situation.visit })
      #expect(visit.note == .junk && visit.undocumented == [situation.consent])
      let holdings = try await situation.holdings()
      #expect(holdings.visits.count == 2)
      #expect(holdings.consents.map(\.consent) == [situation.consent])
      #expect(holdings.consents.map(\.doctor) == [nil])
    }
    situation.test.wire.intercept(nil)
    let honest = try await situation.restore()
    #expect(honest.visits.allSatisfy { $0.note == .taken })
    #expect(try await situation.holdings() == before)
  }
}
