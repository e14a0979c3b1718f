import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("What a role says of what went wrong")
struct ToldErrorTests {
  @Test("[attack] a role's disk fails: no answer of any role says where, or what was there")
  func secretPlaces() async throws {
    let test = TestConsortium(teamSize: 1)
    let storage = FailingStorage(test.storage)
    let consortium = try await test.open(storage)
    let (visit, consent) = try await test.consentedVisit(consortium)
    let context = try await test.state(of: visit, consortium).context
    let address = try #require(test.wire.requests(ForwardAccessRequest.self).last).request
    let reader = TestConsortium.reader
    let form = try #require(test.wire.requests(RequestAdmission.self).last)
    let ticket = try TestConsortium.stranger()
    let patient = try test.client(consortium, asPatientOf: context)
    // One of each role, whose disk is dead.
    let asked: [(place: String, recipient: String, bytes: [UInt8], answer: AnswerKey)] = [
      try envelope(form, to: "hospital-1", by: test.client(consortium, by: ticket), "hospital-1"),
      try envelope(FetchNote(), to: "cloud", by: patient, "cloud"),
      try envelope(
        Reencrypt(consent: consent, share: [1], index: 0), to: "manager",
        by: test.client(consortium, as: reader), "manager"),
      try envelope(
        CertifyRequestKey(request: .zero, hospital: "hospital-1", visit: visit), to: reader,
        by: test.client(consortium, by: ticket), "doctors/\(reader)"),
      try envelope(
        ForwardAccessRequest(request: address), to: address.object.address.id,
        by: test.client(consortium, as: "manager"), "patients/\(TestConsortium.patient)"),
    ]
    for (place, recipient, bytes, answer) in asked {
      storage.kill(place)
      let reply = try await consortium.courier.send(bytes, from: "x", to: recipient)
      let opened =
        ObjectKind(of: reply) == .sealedAnswer
        ? try answer.open(SealedAnswer(encoded: reply).sealed) : reply
      let text = String(decoding: opened, as: UTF8.self)
      #expect(!text.contains("is dead") && !text.contains(place), "\(place)")
      #expect(text.contains("unavailable"), "\(place)")
    }
    // Whoever runs the role is told.
    let failures = consortium.manager.inbox.failures.recent
    #expect(failures.contains { "\($0)".contains("manager is dead") })
    // And who runs all of them, of the one that failed last.
    let cause = await consortium.cause(
      of: ConsortiumError(.unavailable, "the role cannot answer now"))
    #expect("\(cause)".contains("patients/\(TestConsortium.patient) is dead"))
    let refusal = ConsortiumError(.consentUnknown, "there is none")
    let told = await consortium.cause(of: refusal) as? ConsortiumError
    #expect(told?.code == refusal.code)
    storage.revive()
  }

  private func envelope<Request: RoleRequest>(
    _ request: Request, to recipient: String, by client: TestClient, _ place: String
  ) throws -> (place: String, recipient: String, bytes: [UInt8], answer: AnswerKey) {
    let (bytes, answer) = try client.envelope(request, to: recipient)
    return (place, recipient, bytes, answer)
  }
}
