import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

/// A hospital gives a patient one identifier for two visits.
@Suite("Visits: an identifier that is offered again")
struct RepeatedOfferTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  /// That a visit has its record, is restored, shared, shown in the access log, and taken back.
  private func requireOwn(
    _ visit: Digest32, _ test: TestConsortium, _ consortium: LocalConsortium
  ) async throws {
    #expect(await code { _ = try await consortium.collect(visit, test.plan()) } == nil)
    let patient = try #require(await consortium.patients[Self.patient])
    try await test.pass(seconds: 61, consortium)
    let restored = try await patient.restore(anew: true).visits.filter { $0.visit == visit }
    #expect(restored.contains { $0.state == .complete(record: true) && $0.failure == nil })
    let consent = try await test.consent(to: visit, purpose: "second opinion", consortium)
    #expect(
      try await patient.accessLog(visit, at: Self.hospital).records.map(\.event)
        == [.consented, .requested])
    try await consortium.revoke(patient: Self.patient, consent: consent)
    #expect(
      await code {
        _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
      } == "consent-revoked")
  }

  @Test(
    "[attack] a hospital offers a visit's identifier for another Encounter: nobody agrees to it")
  func anotherEncounter() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await test.completeVisit(consortium, test.plan())
    let agreed = test.wire.requests(AuthorizeVisit.self).count
    // The patient comes again for something else, before the record was opened, and once it was.
    for number in 2...3 {
      test.squat(visit, at: Self.hospital)
      #expect(
        await code { _ = try await consortium.open(test.plan("e-\(number)")) } == "wrong-context")
      test.wire.intercept(nil)
      try await consortium.settle()
      #expect(await code { _ = try await consortium.collect(visit, test.plan()) } == nil)
    }
    #expect(test.wire.requests(AuthorizeVisit.self).count == agreed)
    try await requireOwn(visit, test, consortium)
    // For what the hospital is honest about, it has a visit of its own.
    #expect(try await consortium.open(test.plan("e-2")).visit != visit)
  }

  @Test(
    "[attack] a hospital offers a complete visit once more for its Encounter: it opens all the same"
  )
  func sameEncounter() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await test.completeVisit(consortium, test.plan())
    let context = try await test.state(of: visit, consortium).context
    test.offerAgain(context)
    // More than once: all that was agreed to is tried.
    for _ in 0..<3 { _ = await code { _ = try await consortium.open(test.plan()) } }
    test.wire.intercept(nil)
    let agreed = Set(test.wire.requests(AuthorizeVisit.self).map(\.contextDigest))
    #expect(agreed.count == 4)
    try await consortium.settle()
    // Nor does the hospital help to find it.
    test.wire.lose(FindVisits.self)
    #expect(await code { _ = try await consortium.collect(visit, test.plan()) } == nil)
    // Now that the ledger has it, nothing takes its place.
    test.offerAgain(context)
    #expect(await code { _ = try await consortium.open(test.plan()) } == "wrong-context")
    test.wire.intercept(nil)
    try await requireOwn(visit, test, consortium)
    let store = test.storage.roleStore("patients/\(Self.patient)")
    let bytes = try #require(try store.value(forKey: "visit/\(Self.hospital)/\(visit)"))
    #expect(bytes.indices.contains { bytes[$0...].starts(with: context.keyNonce.bytes) })
  }

  @Test("[attack] a hospital offers one identifier without end: what is kept of it is bounded")
  func offersWithoutEnd() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await test.beginVisit(consortium, test.plan()).context
    test.offerAgain(visit)
    var agreed = 1
    while agreed <= Patient.agreementLimit + 1 {
      if await code({ _ = try await consortium.open(test.plan()) }) == "wrong-context" { break }
      agreed += 1
    }
    test.wire.intercept(nil)
    #expect(agreed == Patient.agreementLimit)
    let store = test.storage.roleStore("patients/\(Self.patient)")
    let nonces = try store.value(forKey: "agreed-nonces/\(Self.hospital)/\(visit.visitID)")
    #expect(nonces?.count == 32 * Patient.agreementLimit)
    // The first one is the one that is under way.
    #expect(nonces?.prefix(32).elementsEqual(visit.keyNonce.bytes) == true)
  }

  @Test("[attack] a hospital alone hides a past visit from a patient who comes back with the words")
  func hiddenFromRestored() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let consent = try await test.consent(to: visit, purpose: "second opinion", consortium)
    let before = try await consortium.holdings(ofPatient: Self.patient)
    try await test.loseDevice(consortium)
    // An admission before the words were typed in: the patient knows nothing of the visit.
    test.squat(visit, at: Self.hospital)
    _ = await code { _ = try await consortium.open(test.plan("e-2")) }
    test.wire.intercept(nil)
    let patient = try #require(await consortium.patients[Self.patient])
    #expect(try await patient.hospitals(ofVisit: visit) == [Self.hospital])
    try await test.pass(seconds: 61, consortium)
    let restored = try await consortium.restore(patient: Self.patient).visits
    let own = restored.filter { $0.visit == visit }
    #expect(own.map(\.state) == [.complete(record: true)] && own.allSatisfy { $0.failure == nil })
    #expect(try await consortium.holdings(ofPatient: Self.patient) == before)
    #expect(await code { _ = try await consortium.collect(visit, test.plan()) } == nil)
    try await consortium.revoke(patient: Self.patient, consent: consent)
    #expect(
      await code {
        _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
      } == "consent-revoked")
    // What was found is not agreed to, even before anybody has proven it.
    try await test.loseDevice(consortium)
    test.wire.lose(ProveVisit.self)
    let found = try await consortium.restore(patient: Self.patient).visits
    #expect(found.contains { $0.visit == visit && $0.state == .underWay })
    test.squat(visit, at: Self.hospital)
    #expect(await code { _ = try await consortium.open(test.plan("e-3")) } == "wrong-context")
    // Without a search, the record is there all the same.
    try await test.loseDevice(consortium)
    test.squat(visit, at: Self.hospital)
    _ = await code { _ = try await consortium.open(test.plan("e-4")) }
    test.wire.intercept(nil)
    #expect(await code { _ = try await consortium.collect(visit, test.plan()) } == nil)
  }

  @Test("an authorization that comes late, after another offer was agreed to, loses no visit")
  func lateAuthorization() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let visit = context.visitID
    let doctor = try #require(await consortium.doctors[context.signers[0].doctor])
    let code = try await test.presence(of: visit, to: context.signers[0].doctor, consortium)
    // As if the counter had taken back the ticket of what is opened all the same.
    test.offerAgain(context)
    _ = await self.code { _ = try await consortium.open(test.plan()) }
    test.wire.intercept(nil)
    _ = try await doctor.take(presence: code.text)
    _ = try await doctor.diagnose(visit, test.plan().findings[0])
    _ = try await doctor.completeVisit(visit)
    try await consortium.settle()
    try await requireOwn(visit, test, consortium)
    let holdings = try await consortium.holdings(ofPatient: Self.patient)
    #expect(holdings.visits.map(\.encounter) == ["encounter-1"])
  }

  @Test("[attack] a hospital offers a visit under way once more: presence is for the one it opened")
  func presenceOfOpened() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let (visit, signer) = (context.visitID, context.signers[0].doctor)
    let patient = try #require(await consortium.patients[Self.patient])
    let doctor = try #require(await consortium.doctors[signer])
    test.offerAgain(context)
    _ = await code { _ = try await consortium.open(test.plan()) }
    test.wire.intercept(nil)
    let agreed = test.wire.requests(AuthorizeVisit.self).map(\.contextDigest)
    #expect(agreed.count == 2 && agreed[0] == context.digest && agreed[1] != context.digest)
    _ = try await doctor.take(
      presence: patient.presence(visit, at: Self.hospital, to: signer).text)
    // Named, it is for that one and no other.
    let other = try await patient.presence(
      visit, at: Self.hospital, to: signer, agreed: agreed[1])
    #expect(await code { try await doctor.take(presence: other.text) } == "presence")
    #expect(
      await code {
        _ = try await patient.presence(visit, at: Self.hospital, to: signer, agreed: .zero)
      } == "wrong-context")
    let shown = try await patient.showPresence(visit, at: Self.hospital, to: signer)
    try await doctor.confirm(shown.words.joined(separator: " "), visit: visit)
    _ = try await doctor.diagnose(visit, test.plan().findings[0])
    _ = try await doctor.completeVisit(visit)
    try await consortium.settle()
    try await requireOwn(visit, test, consortium)
    // Of what was agreed to beside it nothing stays.
    let store = test.storage.roleStore("patients/\(Self.patient)")
    #expect(try store.keys(withPrefix: "agreed-context/").isEmpty)
    #expect(try store.keys(withPrefix: "opened-context/").isEmpty)
  }
}
