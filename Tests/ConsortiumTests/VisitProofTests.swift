import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Who is shown a visit")
struct VisitProofTests {
  private static let hospital = "hospital-1"

  private static func code(
    _ client: TestClient, _ consent: Signed<Consent>?, about subject: ProveVisit.Subject,
    of visit: Digest32, to supernode: String
  ) async -> String? {
    await ConsortiumError.code {
      _ = try await client.ask(
        ProveVisit(subject, hospital: hospital, visit: visit, consent: consent, knownSize: 0),
        of: supernode)
    }
  }

  @Test("[attack] strangers, colleagues, members and other patients ask for proofs of a visit")
  func strangers() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let context = try await test.state(of: visit, consortium).context
    let given = try #require(test.wire.requests(GrantConsent.self).last).consent
    #expect(given.object.digest == consent)
    try await consortium.addPatient(contact: "patient-b", identity: "Basil Ode, 1955-07-01")
    var plan = test.plan("encounter-2")
    plan.patient = "patient-b"
    let foreign = try await consortium.hold(plan).visit
    let others = try await test.state(of: foreign, consortium).context
    let patient = try test.patient(of: context)
    let colleague = "hospital-2-doctor-2"
    // The consent, said to be the colleague's, by the colleague; and a patient's for another visit.
    var altered = given.object
    altered.doctor = colleague
    let forged = Signed(altered, by: try test.identityKey(of: "doctors/\(colleague)"))
    altered.visit = foreign
    let elsewhere = Signed(altered, by: patient.key)

    for supernode in [Self.hospital, "cloud"] {
      for subject in [ProveVisit.Subject.completion, .signingKey, .ending] {
        func code(
          _ client: TestClient, _ consent: Signed<Consent>? = nil, of other: Digest32? = nil
        ) async -> String? {
          await Self.code(client, consent, about: subject, of: other ?? visit, to: supernode)
        }
        #expect(await code(test.client(consortium, by: patient)) == nil)
        let reader = test.client(consortium, as: TestConsortium.reader)
        #expect(await code(reader, given) == nil)
        #expect(await code(reader) == "not-entitled")
        // Its team may know that it is over, and no more.
        let team = test.client(consortium, as: context.signers[0].doctor)
        #expect(await code(team) == (subject == .ending ? nil : "not-entitled"))
        let doctor = test.client(consortium, as: colleague)
        for consent in [nil, given, forged, elsewhere] {
          #expect(await code(doctor, consent) == "not-entitled")
        }
        #expect(await code(doctor, elsewhere, of: foreign) == "not-entitled")
        #expect(await code(reader, given, of: foreign) == "not-entitled")
        let other = test.client(consortium, by: patient)
        #expect(await code(other, of: others.visitID) == "not-entitled")
        let unknown = try TestConsortium.stranger()
        let strangers = [
          unknown, Author(patient.principal, unknown.key),
          Author(.party(TestConsortium.reader), unknown.key),
        ]
        for author in strangers {
          #expect(await code(test.client(consortium, by: author), given) == "unauthenticated")
        }
        for member in ["hospital-2", "manager"] {
          #expect(
            await code(test.client(consortium, as: member), given) == "unauthenticated")
        }
      }
    }
  }

  @Test("[attack] proofs of a visit are asked for without a seal")
  func unsealed() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, _) = try await test.consentedVisit(consortium)
    let context = try await test.state(of: visit, consortium).context
    let given = try #require(test.wire.requests(GrantConsent.self).last).consent
    for supernode in [Self.hospital, "cloud"] {
      let bare = try await consortium.courier.send(
        Message(test.completion(of: context, consent: given)).encoded(), from: "x", to: supernode)
      #expect(
        await ConsortiumError.code { _ = try ReplyMessage<Done>(encoded: bare).result.get() }
          == "unauthenticated")
    }
  }

  @Test("[attack] whoever carries what a patient asks learns no visit of the patient")
  func courier() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let one = try await consortium.hold(test.plan("e-1", hospital: Self.hospital)).visit
    let two = try await consortium.hold(test.plan("e-2", hospital: "hospital-2")).visit
    try await consortium.settle()
    try await test.loseDevice(consortium)
    let mark = test.wire.passages.count
    let restoration = try await consortium.restore(patient: TestConsortium.patient)
    #expect(Set(restoration.visits.map(\.visit)) == [one, two])
    // Raw bytes alone: no key is used.
    let passages = test.wire.passages.dropFirst(mark)
    #expect(passages.contains { $0.kind == ProveVisit.name })
    for visit in [one, two] {
      for passage in passages where passage.sender == "patient" {
        for bytes in [passage.request, passage.reply] {
          #expect(!bytes.contains(visit.bytes), "\(passage.kind ?? "")")
        }
      }
    }
  }

  @Test("a visit that a program has not begun is collected by what the chain shows")
  func collectedElsewhere() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.completeVisit(consortium, plan)
    try await consortium.settle()
    try await test.loseDevice(consortium)
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    #expect(try await patient.collect(visit, at: plan.hospital).record?.visit == visit)
    #expect(
      await ConsortiumError.code { _ = try await patient.collect(.zero, at: plan.hospital) }
        == "unknown-visit")
  }
}
