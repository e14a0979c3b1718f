import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Access logs: who is asked")
struct HiddenAccessTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String {
    await ConsortiumError.code(work)
  }

  private func keptProof(
    _ patient: Patient, of cloud: String, _ test: TestConsortium
  ) async throws -> Wire.Passage {
    for _ in 0..<2 { _ = try await patient.client.currentMembers(shownBy: cloud) }
    return try #require(
      test.wire.passages.last {
        $0.kind == Prove.name && $0.recipient == cloud && $0.sender == "patient"
      })
  }

  @Test("[attack] a hospital and a former cloud hide an access: the present cloud is asked")
  func hiddenByFormerCloud() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 30)
    let consortium = try await test.openWithTwoClouds()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    let former = try #require(try await test.presentCloud(consortium))
    _ = try await patient.accessLog(visit, at: Self.hospital)
    let page = try #require(
      test.wire.passages.last { $0.kind == ReadAccessLog.name && $0.recipient == former })
    let old = try ReplyMessage<AccessLogReply>(encoded: page.answer).result.get()
    let kept = try await keptProof(patient, of: former, test)
    try await test.assign("cloud-2", consortium)
    try await test.passEpoch(consortium)
    try await consortium.settle()
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect(opened == "nothing")
    try await consortium.settle()
    let isAsked = Capture<Bool>()
    test.wire.intercept { transit in
      if transit.sender == "patient", transit.recipient == "cloud-2" { isAsked.value = true }
      if transit.request == kept.request, transit.sender == "patient",
        [former, Self.hospital].contains(transit.recipient)
      {
        return kept.reply
      }
      if transit.payload(ReadAccessLog.self) != nil, transit.recipient == former {
        return try transit.answer(ReadAccessLog.self, old)
      }
      let reply = try await transit.deliver(transit.request)
      guard transit.recipient == Self.hospital, transit.payload(ReadAccessLog.self) != nil
      else { return reply }
      var shown = try ReplyMessage<AccessLogReply>(encoded: transit.open(reply)).result.get()
      shown.entries.removeAll { $0.content.body.kind == .accessNotice }
      shown.count = UInt64(shown.entries.count)
      return try transit.answer(ReadAccessLog.self, shown)
    }
    let log = try await patient.accessLog(visit, at: Self.hospital)
    #expect(log.records.contains { $0.event == .accessed })
    #expect(isAsked.value == true)
    test.wire.intercept(nil)
    let honest = try await patient.accessLog(visit, at: Self.hospital)
    #expect(honest.isComplete && honest.records.contains { $0.event == .accessed })
  }
}
