import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import Synchronization
import TestSupport
import Testing

@Suite("Attacks on restoring")
struct RestoringAttackTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital

  /// A patient with a visit that is shared, and what there is of it.
  private struct Situation {
    let test: TestConsortium
    let consortium: LocalConsortium
    let visit: Digest32
    let context: VisitContext
    let consent: Digest32
    let before: PatientHoldings

    init() async throws {
      test = TestConsortium(teamSize: 1)
      consortium = try await test.open()
      visit = try await consortium.hold(test.plan()).visit
      context = try await test.state(of: visit, consortium).context
      consent = try await test.consent(to: visit, purpose: "second opinion", consortium)
      before = try await consortium.holdings(ofPatient: RestoringAttackTests.patient)
    }

    func restore() async throws -> Restoration {
      try await test.loseDevice(consortium)
      return try await consortium.restore(patient: RestoringAttackTests.patient)
    }

    func holdings() async throws -> PatientHoldings {
      try await consortium.holdings(ofPatient: RestoringAttackTests.patient)
    }

    /// The notes that the patient has had the cloud keep.
    var notes: [KeptNote] { test.wire.requests(KeepNote.self).map(\.note) }

    /// Changes the notes that the cloud gives; `nil` for none.
    func answerNotes(_ note: @escaping @Sendable (KeptNote?) -> KeptNote?) {
      test.wire.answer(FetchNote.self) { FetchedNote(status: $0.status, note: note($0.note)) }
    }
  }

  // MARK: Finding

  @Test("[attack] a hospital leaves a patient's visits out, and proves nothing: its cloud has them")
  func omission() async throws {
    let situation = try await Situation()
    situation.test.wire.intercept { transit in
      guard transit.recipient == Self.hospital else {
        return try await transit.deliver(transit.request)
      }
      if let prove = transit.payload(Prove.self), case .visit = prove.subject {
        throw ConsortiumError(.notFinal, "there is no such visit")
      }
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(FindVisits.self) != nil else { return reply }
      var found = try ReplyMessage<FoundVisits>(encoded: transit.open(reply)).result.get()
      found.visits = []
      return try transit.answer(FindVisits.self, found)
    }
    let restoration = try await situation.restore()
    #expect(restoration.isComplete)
    #expect(restoration.visits.map(\.visit) == [situation.visit])
    #expect(try await situation.holdings() == situation.before)

    // Where it does not answer at all, the receipt may be missing, and nothing else.
    situation.test.wire.lose { $0.recipient == Self.hospital }
    let silent = try await situation.restore()
    #expect(!silent.isComplete)
    #expect(silent.sources.filter { $0.failure != nil }.map(\.supernode) == [Self.hospital])
    let holdings = try await situation.holdings()
    #expect(holdings.consents == situation.before.consents)
    #expect(holdings.access == situation.before.access)
    #expect(holdings.visits.map(\.recordDigest) == situation.before.visits.map(\.recordDigest))
    // It is there again: only what failed is asked for.
    situation.test.wire.intercept(nil)
    #expect(try await situation.consortium.restore(patient: Self.patient).isComplete)
    #expect(try await situation.holdings() == situation.before)
  }

  @Test("[attack] somebody else's root finds nothing, and no wrong word is taken")
  func anotherRoot() async throws {
    let situation = try await Situation()
    let phrase = try RecoveryPhrase([UInt8](repeating: 7, count: 32))
    let store = MemoryRoleStore()
    let thief = try situation.test.newDevice(
      words: phrase.text, store: store, situation.consortium)
    let restoration = try await thief.restore()
    #expect(restoration.isComplete && restoration.visits.isEmpty)
    #expect(try await thief.holdings() == PatientHoldings())
    // What it may look at tells it no more than that there are visits.
    #expect(try store.keys(withPrefix: "restoring/found/").isEmpty)
    var words = try situation.test.words().split(separator: " ").map(String.init)
    words[5] = words[5] == "zoo" ? "abandon" : "zoo"
    #expect(throws: CredentialError.self) {
      try situation.test.newDevice(
        words: words.joined(separator: " "), store: store, situation.consortium)
    }
  }

  @Test("[attack] pages with foreign, invented and repeated visits fill nothing and hide nothing")
  func inventedVisits() async throws {
    let situation = try await Situation()
    let own = FoundVisit(
      visit: situation.visit, keyNonce: situation.context.keyNonce,
      signingKey: situation.context.visitSigningKey)
    situation.test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.recipient == Self.hospital, transit.payload(FindVisits.self) != nil else {
        return reply
      }
      var page = try ReplyMessage<FoundVisits>(encoded: transit.open(reply)).result.get()
      page.visits = (0..<page.next).map { number in
        var visit = own
        visit.visit = Digest32(sha256: number.stateBytes)
        // Some with a nonce of nobody, and some with this patient's own.
        if number % 2 == 1 { visit.keyNonce = Digest32(sha256: [1]) }
        return visit
      }
      return try transit.answer(FindVisits.self, page)
    }
    let restoration = try await situation.restore()
    #expect(
      restoration.visits.filter { $0.state == .complete(record: true) }.map(\.visit)
        == [situation.visit])
    // One invention a nonce and source.
    #expect(restoration.visits.count <= 2)
    #expect(try await situation.holdings() == situation.before)
    let store = situation.test.storage.roleStore("patients/\(Self.patient)")
    #expect(try store.keys(withPrefix: "restoring/found/").count == 2)
  }

  @Test("[attack] answers that stand still, go back or never end keep nobody else from being asked")
  func endlessPages() async throws {
    let situation = try await Situation()
    let lies: [@Sendable (_ from: UInt64, FoundVisits) -> FoundVisits] = [
      { from, page in FoundVisits(visits: [], next: from, size: page.size + 1) },
      { from, page in FoundVisits(visits: [], next: from / 2, size: page.size + 1) },
      { from, page in FoundVisits(visits: [], next: from + 1, size: 1 << 62) },
      { from, page in FoundVisits(visits: [], next: from + 16, size: 1 << 62) },
      { from, page in FoundVisits(visits: [], next: from + 4096, size: 1 << 62) },
      { from, page in
        from == 0
          ? FoundVisits(visits: [], next: 4096, size: 1 << 62)
          : FoundVisits(visits: [], next: 0, size: 0)
      },
      { from, page in FoundVisits(visits: [], next: page.size + 1, size: page.size) },
      // More visits than leaves.
      { from, page in
        FoundVisits(
          visits: Array(repeating: page.visits, count: 500).flatMap(\.self), next: page.next,
          size: page.size)
      },
    ]
    for (number, lie) in lies.enumerated() {
      situation.test.pass(seconds: 60)
      let count = Capture<Int>()
      count.value = 0
      situation.test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        guard transit.recipient == Self.hospital, let asked = transit.payload(FindVisits.self)
        else { return reply }
        count.value = (count.value ?? 0) + 1
        // Its own quota does not end this.
        let honest =
          (try? ReplyMessage<FoundVisits>(encoded: transit.open(reply)).result.get())
          ?? FoundVisits(visits: [], next: 0, size: 0)
        return try transit.answer(FindVisits.self, lie(asked.from, honest))
      }
      let restoration = try await situation.restore()
      let isRefusedAtOnce = [0, 1, 2, 6, 7].contains(number)
      #expect(count.value == (isRefusedAtOnce ? 1 : Patient.pageLimit), "lie \(number)")
      #expect(try await situation.holdings() == situation.before, "lie \(number)")
      #expect(!restoration.isComplete, "lie \(number)")
    }
  }

  /// What the work of an answer is asked for.
  private final class CountedChains: HospitalChains {
    let chains: ChainConfirmer
    let asked = Mutex<[(limit: Int, byteCount: Int)]>([])

    init(_ chains: ChainConfirmer) { self.chains = chains }

    func view(of hospital: String) async throws -> HospitalView {
      try await chains.view(of: hospital)
    }

    func leaf(_ index: UInt64, of hospital: String) async throws -> [UInt8]? {
      try await chains.leaf(index, of: hospital)
    }

    func leaves(
      from index: UInt64, of hospital: String, limit: Int, byteCount: Int
    ) async throws -> [[UInt8]] {
      asked.withLock { $0.append((limit, byteCount)) }
      return try await chains.leaves(from: index, of: hospital, limit: limit, byteCount: byteCount)
    }
  }

  @Test("[attack] strangers look for visits without end: answers are bounded, nothing is stored")
  func strangersSearch() async throws {
    let situation = try await Situation()
    let (test, consortium) = (situation.test, situation.consortium)
    var generator = SeededGenerator(seed: 5)
    func ask(_ from: UInt64, _ supernode: String) async throws -> String {
      let key = try IdentityKey(seed: generator.bytes(32))
      return await ConsortiumError.code {
        let reply = try await test.post(consortium, by: Author(.key(key.publicKey), key)).ask(
          FindVisits(hospital: Self.hospital, from: from), of: supernode)
        #expect(reply.visits.count <= 1)
      }
    }
    for supernode in [Self.hospital, "cloud"] {
      test.pass(seconds: 60)
      let store = test.storage.roleStore(supernode)
      let before = try store.keys(withPrefix: "")
      let limit = try #require(RequestTable.byName[FindVisits.name]).quota
      // With a key of its own each time: they count by where they come from.
      for number in 0..<limit {
        let from = number % 2 == 0 ? UInt64(number) : LedgerLimits.size
        #expect(try await ask(from, supernode) == "nothing")
      }
      #expect(try await ask(0, supernode) == "busy")
      #expect(try store.keys(withPrefix: "") == before)
    }
    // Nobody has a hospital look into another's chain.
    test.pass(seconds: 60)
    #expect(try await ask(0, "hospital-2") == "unknown-visit")

    let counted = CountedChains(consortium.cloud.confirmer)
    let views = LedgerViews(node: consortium.cloud.node, chains: counted)
    let page = try await views.findVisits(FindVisits(hospital: Self.hospital, from: 0))
    #expect(page.next == page.size && page.visits.map(\.visit) == [situation.visit])
    let end = try await views.findVisits(
      FindVisits(hospital: Self.hospital, from: LedgerLimits.size))
    #expect(end.visits.isEmpty && end.next == page.size && end.size == page.size)
    #expect(counted.asked.withLock { $0.count } == 1)
    #expect(
      counted.asked.withLock {
        $0.allSatisfy { $0.limit <= 4096 && $0.byteCount <= 1 << 20 }
      })
    let two = try await consortium.cloud.confirmer.leaves(
      from: 1, of: Self.hospital, limit: 2, byteCount: 1 << 20)
    #expect(two == Array(try await test.storage.chainLog(Self.hospital).contents()[1...2]))
  }

  // MARK: Notes

  @Test("[attack] strangers, other patients and parties fetch a note, or write over it")
  func foreignNotes() async throws {
    let situation = try await Situation()
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
    for post in [
      test.post(consortium, by: Author(victim, stranger)),
      test.post(consortium, by: Author(victim, otherKey)),
      test.post(consortium, by: Author(.key(stranger.publicKey), stranger)),
      test.post(consortium, as: Self.hospital), test.post(consortium, as: "manager"),
      test.post(consortium, as: context.signers[0].doctor),
      // The visit as one of another hospital's chain.
      test.post(
        consortium,
        by: Author(.patient(visit: context.visitID, hospital: "hospital-2"), otherKey)),
    ] {
      #expect(
        await ConsortiumError.code { _ = try await post.ask(junk, of: "cloud") }
          == "unauthenticated")
      #expect(
        await ConsortiumError.code { _ = try await post.ask(FetchNote(), of: "cloud") }
          == "unauthenticated")
    }
    // Of the own visit, whatever one likes, once.
    let post = test.post(consortium, by: Author(own, otherKey))
    _ = try await post.ask(junk, of: "cloud")
    _ = try await post.ask(junk, of: "cloud")
    #expect(
      await ConsortiumError.code {
        _ = try await post.ask(
          KeepNote(KeptNote(counter: 1 << 40, sealed: [1, 2, 4])), of: "cloud")
      } == "stale-note")
    #expect(try await post.ask(FetchNote(), of: "cloud").note == junk.note)
    #expect(try store.value(forKey: key) == kept)
    #expect(try store.keys(withPrefix: "note/").count == 2)
    // Longer than a note may be.
    let long = KeptNote(counter: 1 << 41, sealed: [UInt8](repeating: 0, count: 1 << 16 + 1))
    #expect(
      await ConsortiumError.code { _ = try await post.ask(KeepNote(long), of: "cloud") }
        != "nothing")
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
    let situation = try await Situation()
    let (test, consortium) = (situation.test, situation.consortium)
    // By an offer: the patient keeps what there is of that identifier.
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
      } == "wrong-context")
    test.wire.intercept(nil)
    #expect(try await situation.holdings() == situation.before)

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
    let post = test.post(
      consortium, by: Author(.patient(visit: situation.visit, hospital: "hospital-2"), key))
    let junk = KeptNote(counter: 1 << 40, sealed: [1, 2, 3])
    _ = try await post.ask(KeepNote(junk), of: "cloud")
    #expect(try await post.ask(FetchNote(), of: "cloud").note == junk)
    let restoration = try await situation.restore()
    let visit = try #require(restoration.visits.first { $0.visit == situation.visit })
    #expect(visit.hospital == Self.hospital && visit.note == .taken)
    let holdings = try await situation.holdings()
    #expect(holdings.visits == situation.before.visits)
    #expect(holdings.consents == situation.before.consents)
  }

  @Test("[attack] a cloud gives an older note: the ledger shows consents, and they are taken back")
  func olderNote() async throws {
    let situation = try await Situation()
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
    try await patient.keepNote(of: situation.visit)
    #expect(
      try await patient.holdings().consents.map(\.doctor) == [TestConsortium.reader])
  }

  @Test("[attack] notes that are junk, of another visit, forged to the mailbox key, or renumbered")
  func junkNotes() async throws {
    let situation = try await Situation()
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
      sealed: try Letter(.visitNote, genesis: context.genesis, about: context.visitID).seal(
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
