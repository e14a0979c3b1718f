import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("What others can have a role keep")
struct StoredRowsTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let day: UInt64 = 86_400

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  @Test("[attack] a patient who was asked gives consents without end for one key")
  func manyGrants() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let honest = try #require(test.wire.requests(GrantConsent.self).last)
    let asked = try #require(test.wire.requests(ForwardAccessRequest.self).last).request.object
    let key = try test.addressKey(asked.address, of: Self.patient, consortium)
    let client = test.client(consortium, by: Author(.key(key.publicKey), key))
    let store = test.storage.roleStore("doctors/\(Self.reader)")
    let before = try store.keys(withPrefix: "grant")
    func give(_ number: UInt8) async -> String? {
      await code {
        var other = honest.consent.object
        other.salt = [UInt8](repeating: number, count: 32)
        _ = try await client.ask(
          GrantConsent(consent: Signed(other, by: key), sealedGrant: honest.sealedGrant),
          of: Self.reader)
      }
    }
    for number in 0..<20 as Range<UInt8> { #expect(await give(number) == "reused") }
    // The same once more is no other.
    _ = try await client.ask(honest, of: Self.reader)
    #expect(try store.keys(withPrefix: "grant") == before)
    _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    #expect(await give(99) == "consent-mismatch")
    #expect(try store.keys(withPrefix: "granted/").isEmpty)
  }

  @Test("[attack] whoever a doctor has asked has keys made without end: others have theirs")
  func manyCertificates() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    // An honest patient's consent is on its way before, and another's request after.
    let (visit, consent) = try await test.consentedVisit(consortium)
    let store = test.storage.roleStore("doctors/\(Self.reader)")
    let limit = 128
    // As many dishonest patients as it takes to fill more than there is room for.
    let addresses = 10
    for number in 1...addresses {
      let request = try await consortium.requestAccess(
        doctor: Self.reader, patient: Self.patient, purpose: "\(number)")
      let asked = try #require(test.wire.requests(ForwardAccessRequest.self).last).request.object
      let key = try test.addressKey(asked.address, of: Self.patient, consortium)
      let client = test.client(consortium, by: Author(.key(key.publicKey), key))
      var codes: [String?: Int] = [:]
      for number in 0..<limit + 8 {
        let visit = Digest32(sha256: Array("\(number)".utf8))
        codes[
          await code {
            _ = try await client.ask(
              CertifyRequestKey(request: request, hospital: "hospital-1", visit: visit),
              of: Self.reader)
          }, default: 0] += 1
      }
      #expect(codes == [nil: limit, "too-large": 8])
      test.pass(seconds: 60)
    }
    let request = try await consortium.requestAccess(
      doctor: Self.reader, patient: Self.patient, purpose: "the honest one")
    for number in 0..<2 {
      let other = try await consortium.hold(test.plan("encounter-\(number + 2)")).visit
      try await consortium.settle()
      _ = try await consortium.consent(
        patient: Self.patient, to: request, visit: other,
        expiresAt: await consortium.ledgerTime() + 3600)
    }
    #expect(try store.keys(withPrefix: "request/").count <= 1024)
    // What was acknowledged as kept is kept.
    #expect(try store.keys(withPrefix: "grant/").count == 3)
    _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    #expect(try await test.state(of: visit, consortium).status == .complete)
  }

  @Test("[attack] patients who were asked give consents that nobody has signed: none takes a place")
  func bogusGrants() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let other = try await consortium.hold(test.plan("e-2")).visit
    let context = try await test.state(of: visit, consortium).context
    let store = test.storage.roleStore("doctors/\(Self.reader)")
    var generator = SeededGenerator(seed: 5)
    let forger = try IdentityKey(seed: generator.bytes(32))
    var codes: [String?: Int] = [:]
    for number in 1...4 {
      let request = try await consortium.requestAccess(
        doctor: Self.reader, patient: Self.patient, purpose: "\(number)")
      let asked = try #require(test.wire.requests(ForwardAccessRequest.self).last).request.object
      let key = try test.addressKey(asked.address, of: Self.patient, consortium)
      let client = test.client(consortium, by: Author(.key(key.publicKey), key))
      let patient = try test.patient(of: context).key
      // Of visits that there are not; of one with the key of another; of the own one, with another record.
      let made = (0..<40).map { Digest32(sha256: Array("\(number)/\($0)".utf8)) }
      for (visit, signer) in made.map({ ($0, forger) }) + [(other, patient), (visit, patient)] {
        let certificate = try await client.ask(
          CertifyRequestKey(request: request, hospital: "hospital-1", visit: visit),
          of: Self.reader
        ).object
        let consent = Consent(
          genesis: consortium.genesis.digest, hospital: "hospital-1", visit: visit,
          recordDigest: .zero, doctor: Self.reader, purpose: "x", expiresAt: Limits.latestTime,
          theta: certificate.requestKey, requestKey: certificate.requestKey,
          agreementKey: certificate.agreementKey, proxy: "manager", salt: generator.bytes(32))
        codes[
          await code {
            _ = try await client.ask(
              GrantConsent(consent: Signed(consent, by: signer), sealedGrant: [0]),
              of: Self.reader)
          }, default: 0] += 1
      }
      test.pass(seconds: 60)
    }
    #expect(codes == ["unknown-visit": 160, "not-entitled": 4, "consent-mismatch": 4])
    #expect(try store.keys(withPrefix: "grant").isEmpty)
    let request = try await consortium.requestAccess(
      doctor: Self.reader, patient: Self.patient, purpose: "the honest one")
    let consent = try await consortium.consent(
      patient: Self.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + 3600)
    try await consortium.settle()
    _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
  }

  @Test("a consent whose visit nobody proves to the doctor now is sent again, and taken then")
  func unprovenGrant() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let store = test.storage.roleStore("doctors/\(Self.reader)")
    let expiry = await consortium.ledgerTime() + 3600
    var given: Digest32?
    test.wire.lose { $0.sender == Self.reader && $0.payload(ProveVisit.self) != nil }
    for expected in ["unreachable", "unreachable", nil, nil] {
      if expected == nil { test.wire.intercept(nil) }
      let outcome = await code {
        given = try await consortium.consent(
          patient: Self.patient, to: request, visit: visit, expiresAt: expiry)
      }
      #expect(outcome == expected)
      #expect(try store.keys(withPrefix: "grant/").count == (expected == nil ? 1 : 0))
    }
    try await consortium.settle()
    _ = try await consortium.openRecord(doctor: Self.reader, consent: #require(given))
  }

  @Test(
    "[attack] a doctor asks a patient without end, and colleagues ask with the doctor's address")
  func manyRequests() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await test.visitWithRequest(consortium)
    let asked = try #require(test.wire.requests(ForwardAccessRequest.self).last?.request.object)
    let store = test.storage.roleStore("patients/\(Self.patient)")
    var generator = SeededGenerator(seed: 41)
    func ask(_ doctor: String, _ asked: AccessRequest) async throws -> String? {
      var again = asked
      (again.doctor, again.nonce) = (doctor, generator.bytes(32))
      again.hospital = String(doctor.prefix(10))
      let signed = Signed(again, by: try test.identityKey(of: "doctors/\(doctor)"))
      return await code {
        _ = try await test.client(consortium, as: doctor).ask(
          SubmitAccessRequest(request: signed), of: "manager")
      }
    }
    var codes: [String?: Int] = [:]
    for _ in 0..<32 { codes[try await ask(Self.reader, asked), default: 0] += 1 }
    // The first is the honest one.
    #expect(codes == [nil: 15, "busy": 17])
    // Each colleague has a share of the room for the address, which they fill together.
    for number in 1...9 {
      let doctor = "hospital-\((number + 2) / 3)-doctor-\((number - 1) % 3 + 1)"
      var codes: [String?: Int] = [:]
      for _ in 0..<20 { codes[try await ask(doctor, asked), default: 0] += 1 }
      #expect(codes[nil] ?? 0 <= 16 && codes["busy"] ?? 0 >= 4, "\(doctor): \(codes)")
    }
    #expect(try store.keys(withPrefix: "request/").count == 64)
    // Another address has room of its own, and what is kept is kept.
    let kept = try store.keys(withPrefix: "request/")
    _ = try await consortium.requestAccess(
      doctor: "hospital-3-doctor-1", patient: Self.patient, purpose: "another")
    #expect(try Set(store.keys(withPrefix: "request/")).isSuperset(of: kept))
    // What counts no more goes first, and by a clock alone that is ahead nothing does.
    test.pass(seconds: 31 * 86_400)
    var later = asked
    later.madeAt = test.time
    #expect(try await ask(Self.reader, later) == "busy")
    #expect(try Set(store.keys(withPrefix: "request/")).isSuperset(of: kept))
    test.pass(seconds: 60)
    try await consortium.settle()
    #expect(try await ask(Self.reader, later) == nil)
    #expect(try store.keys(withPrefix: "request/").count == 2)
  }

  private func states(_ test: TestConsortium, _ consents: [Digest32]) throws -> [String] {
    try consents.map { consent in
      let bytes = try test.storage.roleStore("manager").value(forKey: "deposit/\(consent)")
      switch try Message<Deposit>(encoded: try #require(bytes)).payload.state {
      case .unused: return "x"
      case .used: return "B_I"
      case .over: return "over"
      }
    }
  }

  @Test("[attack] whoever has the proxy's disk later finds nothing of consents that have ended")
  func keptResults() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, used) = try await test.consentedVisit(consortium)
    _ = try await consortium.openRecord(doctor: Self.reader, consent: used)
    let unused = try await test.consent(to: visit, purpose: "another", consortium)
    let standing = try await test.consent(to: visit, purpose: "a third", consortium)
    try await consortium.settle()
    #expect(try states(test, [used, unused, standing]) == ["B_I", "x", "x"])
    for consent in [used, unused] {
      try await consortium.revoke(patient: Self.patient, consent: consent)
    }
    // Nobody asks the proxy for anything.
    try await test.pass(seconds: 61, consortium)
    #expect(try states(test, [used, unused, standing]) == ["over", "over", "x"])
  }

  @Test(
    "[attack] the same after consents have expired, a result was used, or the proxy starts again")
  func keptLonger() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let (visit, used) = try await test.consentedVisit(consortium, lasting: 60 * 86_400)
    let expiring = try await test.consent(to: visit, purpose: "another", consortium)
    _ = try await consortium.openRecord(doctor: Self.reader, consent: used)
    #expect(try states(test, [used, expiring]) == ["B_I", "x"])
    // As after a power cut, with the first sweep of a new run.
    consortium = try await test.open()
    test.pass(seconds: 8 * 86_400)
    try await consortium.settle()
    #expect(try states(test, [used, expiring]) == ["over", "over"])
  }

  @Test("[attack] a cloud that does not answer keeps nothing of consents that have ended")
  func silentCloud() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, expiring) = try await test.consentedVisit(consortium, lasting: 600)
    let revoked = try await test.consent(to: visit, purpose: "another", consortium)
    let standing = try await test.consent(to: visit, purpose: "a third", consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    test.wire.lose { transit in
      transit.sender == "manager" && transit.kind == FetchLeaves.name
        || transit.payload(SubmitEntry.self)?.entry.content.body.kind == .revocation
    }
    #expect(await code { try await patient.revoke(revoked) } == "unreachable")
    #expect(
      await code { try await patient.demandRevocation(revoked, through: "cloud") } == "not-final")
    await test.rest(consortium, rounds: 20)
    #expect(try states(test, [expiring, revoked, standing]) == ["over", "over", "x"])
  }

  @Test("[attack] nobody tells the proxy what time it is: x goes by its own clock, days later")
  func noLedgerTime() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, expiring) = try await test.consentedVisit(consortium, lasting: 600)
    let standing = try await test.consent(to: visit, purpose: "another", consortium)
    test.wire.lose { $0.sender == "manager" }
    test.pass(seconds: 7 * 86_400)
    try await consortium.manager.advance()
    // Its clock may be ahead.
    #expect(try states(test, [expiring, standing]) == ["x", "x"])
    test.pass(seconds: 1200)
    try await consortium.manager.advance()
    #expect(try states(test, [expiring, standing]) == ["over", "x"])
  }

  @Test("[attack] the proxy's clock was a day ahead for a moment: nothing stays longer for that")
  func clockAhead() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, revoked) = try await test.consentedVisit(consortium, lasting: 30 * Self.day)
    test.pass(seconds: Self.day)
    try await consortium.manager.advance()
    test.setBack(seconds: Self.day)
    try await consortium.revoke(patient: Self.patient, consent: revoked)
    try await test.pass(seconds: 200, consortium)
    #expect(try states(test, [revoked]) == ["over"])
  }

  @Test("[attack] a consent was used while the proxy's clock was ahead: B_I goes when others do")
  func usedAhead() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, used) = try await test.consentedVisit(consortium, lasting: 30 * Self.day)
    test.pass(seconds: 500)
    _ = try await consortium.openRecord(doctor: Self.reader, consent: used)
    test.setBack(seconds: 500)
    test.pass(seconds: 61)
    try await consortium.manager.advance()
    #expect(try states(test, [used]) == ["B_I"])
    test.pass(seconds: 7 * Self.day - 100)
    try await consortium.manager.advance()
    #expect(try states(test, [used]) == ["B_I"])
    test.pass(seconds: 200)
    try await consortium.manager.advance()
    #expect(try states(test, [used]) == ["over"])
  }

  @Test("[attack] a hospital was removed: the proxy keeps nothing of consents to its visits")
  func removedHospital() async throws {
    let test = TestConsortium(teamSize: 1, hospitals: 4, epochLength: 12)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3000 * 86_400)
    let elsewhere = try await consortium.hold(test.plan("e-2", hospital: "hospital-2")).visit
    try await consortium.settle()
    let other = try await test.consent(
      to: elsewhere, doctor: "hospital-3-doctor-1", purpose: "another", consortium)
    let motion = try await consortium.put([.remove("hospital-1")], by: "hospital-2-trust")
    for voter in ["hospital-3-trust", "hospital-4-trust"] {
      try await consortium.vote(on: motion, by: voter)
    }
    #expect(try await consortium.status(ofMotion: motion) == .passed)
    try await consortium.manager.advance()
    #expect(try states(test, [consent, other]) == ["x", "x"])
    try await test.passEpoch(consortium, mayFail: true)
    #expect(try await consortium.members().supernode("hospital-1") == nil)
    test.pass(seconds: 61)
    try await consortium.manager.advance()
    #expect(try states(test, [consent, other]) == ["over", "x"])
  }

  @Test("[attack] a hospital assigns visits without end that never get a group key: few are kept")
  func manyAssignments() async throws {
    let test = TestConsortium(teamSize: 1, doctors: 1)
    let consortium = try await test.open()
    let first = try await test.beginVisit(consortium, test.plan()).context
    let id = first.signers[0].doctor
    let honest = try #require(test.wire.requests(AssignVisit.self).last)
    let doctor = try #require(await consortium.doctors[id])
    let hospital = test.client(consortium, as: first.hospital)
    let view = try await test.client(consortium, as: id).ask(
      ReadVisit(hospital: first.hospital, visit: first.visitID), of: first.hospital)
    let opened = Capture<Digest32>()
    test.wire.intercept { transit in
      guard transit.payload(ReadVisit.self) != nil, let context = opened.value else {
        return try await transit.deliver(transit.request)
      }
      var shown = view
      shown.contextDigest = context
      return try transit.answer(ReadVisit.self, shown)
    }
    for number in 0..<Doctor.assignmentLimit + 40 {
      var opening = honest.opening
      opening.context.visitID = Digest32(sha256: Array("\(number)".utf8))
      opened.value = opening.context.digest
      _ = try await hospital.ask(AssignVisit(opening: opening, offer: honest.offer), of: id)
      if number % 32 == 0 { test.pass(seconds: 60) }
    }
    test.wire.intercept(nil)
    // The one with a group key is kept beside them.
    let visits = try await doctor.visits()
    #expect(visits.count == Doctor.assignmentLimit + 1)
    #expect(visits.contains { $0.visit == first.visitID })
    try await consortium.diagnose(first.visitID, test.plan(), position: 1)
    // Assigned after all of them, another one gets its key.
    let next = try await test.beginVisit(consortium, test.plan("e-2")).context
    #expect(try await doctor.visits().contains { $0.visit == next.visitID && $0.step != .groupKey })
  }

  /// A hospital that invents visits, and is the patient of what it invents.
  private struct Inventor {
    let test: TestConsortium
    let consortium: LocalConsortium
    /// A visit that is none of them, and its only doctor.
    let first: VisitContext
    let doctor: String
    private let honest: AssignVisit
    private let evidence: [UInt8]
    private let hospital: TestClient
    private var keys: ForeignKeys

    init() async throws {
      test = TestConsortium(teamSize: 1, doctors: 1)
      consortium = try await test.open()
      first = try await test.beginVisit(consortium, test.plan()).context
      doctor = first.signers[0].doctor
      honest = try #require(test.wire.requests(AssignVisit.self).last)
      evidence = try await test.presence(of: first.visitID, to: doctor, consortium).evidence
      hospital = test.client(consortium, as: first.hospital)
      keys = try ForeignKeys()
    }

    mutating func invent(
      _ change: (inout VisitContext) -> Void = { _ in }
    ) throws -> VisitContext { try keys.opening(like: first, change: change).context }

    func assign(_ context: VisitContext) async -> String? {
      var opening = honest.opening
      opening.context = context
      let request = AssignVisit(opening: opening, offer: honest.offer)
      return await ConsortiumError.code { _ = try await hospital.ask(request, of: doctor) }
    }

    func show(_ context: VisitContext) async -> String? {
      let presence = Presence(
        contextDigest: context.digest, doctor: doctor, minute: Presence.minute(of: test.time))
      let shown = PresenceCode(
        visit: context.visitID, evidence: evidence,
        presence: Signed(Message(presence), by: keys.signing))
      let author = Author(
        .patient(visit: context.visitID, hospital: first.hospital), keys.signing)
      return await ConsortiumError.code {
        _ = try await test.client(consortium, by: author).ask(ShowPresence(shown), of: doctor)
      }
    }
  }

  @Test("[attack] a hospital invents visits, to keys of its own: few are kept, and none for long")
  func inventedVisits() async throws {
    var inventor = try await Inventor()
    let (test, consortium, first) = (inventor.test, inventor.consortium, inventor.first)
    let store = test.storage.roleStore("doctors/\(inventor.doctor)")
    let rows = "visit/\(first.hospital)/"
    let doctor = try #require(await consortium.doctors[inventor.doctor])

    // None that would be under way for years.
    let changes: [(inout VisitContext) -> Void] = [
      { $0.openedAt = test.time + 601 }, { $0.openedAt = Limits.latestTime },
      { $0.window = 86_400 }, { $0.resignatureLimit += 1 },
    ]
    for change in changes {
      let context = try inventor.invent(change)
      #expect(await inventor.assign(context) == "wrong-context")
    }

    // Two wait in memory when there is room for one more.
    let waiting = [try inventor.invent(), try inventor.invent()]
    for context in waiting { #expect(await inventor.assign(context) == nil) }
    let row = try #require(try store.value(forKey: "\(rows)\(first.visitID)"))
    var kept = try Message<DoctorVisit>(encoded: row).payload
    var filling: [String: [UInt8]?] = [:]
    for number in 0..<Doctor.visitLimit - 2 {
      kept.opening.context.visitID = Digest32(sha256: Array("\(number)".utf8))
      filling["\(rows)\(kept.opening.context.visitID)"] = Message(kept).encoded()
    }
    try store.write(filling)
    #expect(await inventor.show(waiting[0]) == nil)
    #expect(await inventor.show(waiting[1]) == "busy")
    let another = try inventor.invent()
    #expect(await inventor.assign(another) == "busy")
    #expect(await code { _ = try await test.beginVisit(consortium, test.plan("e-2")) } == "busy")
    #expect(try store.keys(withPrefix: rows).count == Doctor.visitLimit)
    // What was kept before goes on.
    try await consortium.diagnose(first.visitID, test.plan(), position: 1)

    // Their end is never proven, since they are on no chain.
    test.wire.lose(ProveVisit.self)
    test.pass(seconds: 31 * 86_400)
    try await consortium.settle()
    _ = try await doctor.followUp()
    #expect(try store.keys(withPrefix: rows).count < Doctor.visitLimit)
    let next = try inventor.invent()
    #expect(await inventor.assign(next) == nil)
    #expect(await inventor.show(next) == nil)
  }
}
