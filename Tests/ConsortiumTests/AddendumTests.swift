import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

@Suite("Visits: addenda")
struct AddendumTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  @Test(
    "a late result is a visit of its own that names the one before, at this hospital or another")
  func addendum() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let amended = NamedVisit(visit, at: Self.hospital)
    var addenda: [NamedVisit] = []
    for (encounter, hospital) in [("late", Self.hospital), ("elsewhere", "hospital-2")] {
      var plan = test.plan(encounter, hospital: hospital)
      plan.amends = amended
      let outcome = try await consortium.hold(plan)
      #expect(outcome.record?.record?.amends == amended)
      addenda.append(NamedVisit(outcome.visit, at: hospital))
      // Again: it is known, and stays what it is.
      #expect(try await consortium.hold(plan).wasKnown)
    }
    try await consortium.settle()
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil })
    #expect(report.chains[1...2].map(\.visits.addenda) == [1, 1])
    #expect(report.chains[1...2].map(\.visits.unprovenAddenda) == [0, 0])
    let patient = try #require(await consortium.patients[Self.patient])
    let visits = try await patient.visits()
    #expect(Set(visits.filter { $0.amends == amended }.map(\.visit)) == Set(addenda.map(\.visit)))
    #expect(visits.first { $0.visit == visit }?.amends == nil)
    // A doctor who reads the addendum sees what it adds to.
    let consent = try await test.consent(to: addenda[0].visit, purpose: "care", consortium)
    let record = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
    #expect(record.amends == amended)
    // The words alone give it back.
    let restored = try await patient.restore(anew: true)
    #expect(restored.isComplete)
    #expect(try await patient.visits().count { $0.amends == amended } == 2)
  }

  /// A hospital that answers an admission with a context of its own making.
  private func offer(
    _ test: TestConsortium, changing change: @escaping @Sendable (inout VisitContext) -> Void
  ) {
    test.wire.answer(RequestAdmission.self) { offer in
      guard case .visit(var context, let evidence, let opening, let attempt) = offer else {
        return offer
      }
      change(&context)
      return .visit(context, evidence: evidence, opening: opening, attempt: attempt)
    }
  }

  @Test(
    "[attack] a hospital drops what a visit amends, or names another visit: nobody agrees to it")
  func substituted() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let other = try await consortium.hold(test.plan("encounter-2")).visit
    var plan = test.plan("late")
    plan.amends = NamedVisit(visit, at: Self.hospital)
    let changes: [@Sendable (inout VisitContext) -> Void] = [
      { $0.amends = nil }, { $0.amends?.visit = other }, { $0.amends?.hospital = "hospital-2" },
      { $0.amends?.patientSignature[0] ^= 1 },
    ]
    for change in changes {
      offer(test, changing: change)
      #expect(await code { _ = try await consortium.open(plan) } == "wrong-context")
    }
    test.wire.intercept(nil)
    let opened = try await consortium.open(plan).visit
    #expect(try await test.state(of: opened, consortium).context.amends?.visit == visit)
  }

  @Test("[attack] a patient adds to a visit of somebody else: no hospital offers it")
  func foreign() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let victim = try await consortium.hold(test.plan()).visit
    try await consortium.addPatient(contact: "patient-b", identity: "Berta Quimby")
    var plan = test.plan("own")
    plan.patient = "patient-b"
    _ = try await consortium.hold(plan)
    plan = test.plan("foreign")
    (plan.patient, plan.amends) = ("patient-b", NamedVisit(victim, at: Self.hospital))
    #expect(await code { _ = try await consortium.open(plan) } == "unknown-visit")
    // A program of one's own signs what it likes.
    let hospital = try #require(consortium.hospitals[Self.hospital])
    let known = try #require(test.wire.requests(RequestAdmission.self).last).form
    for own in [false, true] {
      let ticket = try await hospital.issueTicket(for: "Berta Quimby")
      let key = try ticket.key(genesis: consortium.genesis.digest, hospital: Self.hospital)
      let form = try Self.form(
        like: known, ticket: key.publicKey, amending: own ? .zero : victim, consortium)
      let client = test.client(consortium, by: Author(.key(key.publicKey), key))
      #expect(
        await code { _ = try await client.ask(RequestAdmission(form), of: Self.hospital) }
          == "unknown-visit")
    }
  }

  @inline(never)
  private static func form(
    like known: AdmissionForm, ticket: [UInt8], amending visit: Digest32,
    _ consortium: LocalConsortium
  ) throws -> AdmissionForm {
    var (form, generator) = (known, SeededGenerator(seed: 77))
    let key = try IdentityKey(seed: generator.bytes(32))
    (form.ticket, form.encounter) = (ticket, "foreign")
    (form.visitSigningKey, form.closure) = (key.publicKey, nil)
    let amendment = Amendment(
      genesis: consortium.genesis.digest, amendedHospital: hospital, amendedVisit: visit,
      hospital: hospital, visitSigningKey: key.publicKey)
    form.amends = .init(
      hospital: hospital, visit: visit, patientSignature: key.sign(amendment.encoded()))
    return form
  }

  @Test("a ticket that was used for an addendum is used for nothing else")
  func ticketReused() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let hospital = try #require(consortium.hospitals[Self.hospital])
    let patient = try #require(await consortium.patients[Self.patient])
    let ticket = try await hospital.issueTicket(for: TestConsortium.identity)
    _ = try await patient.admit(
      to: Self.hospital, encounter: "late", ticket: ticket,
      amending: NamedVisit(visit, at: Self.hospital))
    let asked = test.wire.requests(RequestAdmission.self).count
    #expect(
      await code {
        _ = try await patient.admit(to: Self.hospital, encounter: "late", ticket: ticket)
      } == "reused")
    #expect(test.wire.requests(RequestAdmission.self).count == asked)
  }
}
