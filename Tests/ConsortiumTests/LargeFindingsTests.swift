import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import TestSupport
import Testing

@Suite("Findings of tens of megabytes")
struct LargeFindingsTests {
  /// What a doctor keeps of a visit, in bytes.
  private func stored(_ test: TestConsortium, _ doctor: String, _ visit: Digest32) throws -> Int {
    let store = test.storage.roleStore("doctors/\(doctor)")
    return try #require(try store.value(forKey: "visit/\(visit)")).count
  }

  @Test("are signed, handed over, completed and read, across restarts")
  func honest() async throws {
    let test = TestConsortium(teamSize: 2)
    var consortium = try await test.open()
    var plan = test.plan()
    // A doctor has three copies of them at the end: as handed over, as handed on, and sealed.
    plan.findings = [[UInt8](repeating: 0x20, count: 30 << 20), Array("{}".utf8)]
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    consortium = try await test.open()
    try await consortium.complete(visit, at: plan.hospital)
    consortium = try await test.open()
    let record = try await consortium.collect(visit, plan)
    #expect(record.record?.findings.map(\.content) == plan.findings)
  }

  @Test("[attack] a colleague hands over as much junk as there is room for: the visit goes on")
  func junk() async throws {
    let test = TestConsortium()
    var consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let visit = context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    var junk = try #require(test.wire.requests(HandOverFindings.self).last).findings
    junk.ciphertext = [UInt8](repeating: 0, count: Limits.ciphertextByteCount)
    let doctors = context.signers.map(\.doctor)
    // In the place of what was handed over, and again when a restart has lost it.
    for _ in 0..<2 {
      _ = try await test.post(consortium, as: doctors[0]).ask(
        HandOverFindings(visit: visit, findings: junk), of: doctors[1])
      try await consortium.diagnose(visit, plan, position: 2)
      #expect(try stored(test, doctors[1], visit) < 1 << 14)
      consortium = try await test.open()
    }
    // What is kept with the junk, since the patient comes before the doctor signs, can be read again.
    junk.position = 2
    _ = try await test.post(consortium, as: doctors[1]).ask(
      HandOverFindings(visit: visit, findings: junk), of: doctors[2])
    let third = try #require(await consortium.doctors[doctors[2]])
    try await third.take(
      presence: test.presence(of: visit, to: doctors[2], consortium).text)
    consortium = try await test.open()
    try await consortium.diagnose(visit, plan, position: 3)
    #expect(try stored(test, doctors[2], visit) < 1 << 14)
    try await consortium.complete(visit, at: plan.hospital)
    let record = try await consortium.collect(visit, plan)
    #expect(record.record?.findings.map(\.content) == plan.findings)
  }

  /// Millions of elements in the place of one request's fields.
  private func bomb(_ name: String, mebibytes: Int) -> [UInt8] {
    var nulls = [UInt8](repeating: 0x05, count: mebibytes << 20)
    for index in stride(from: 1, to: nulls.count, by: 2) { nulls[index] = 0 }
    return DER(
      tag: [0x7f, UInt8(ObjectKind.message.rawValue)],
      [
        DER([
          DER(tag: [2], bytes: [1]), DER(tag: [12], bytes: Array(name.utf8)),
          DER(tag: [0x30], bytes: nulls),
        ])
      ]
    ).encoded()
  }

  @Test("[attack] tens of megabytes of the smallest elements are refused before any is kept")
  func elements() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let doctors = context.signers.map(\.doctor)
    // By strangers, without a seal: nothing so long is looked at.
    for door in ["manager", "hospital-1", "cloud", doctors[0]] {
      for name in ["prove", "offer-entry", "fetch-leaves"] {
        let reply = try await consortium.courier.send(
          bomb(name, mebibytes: 40), from: "stranger", to: door)
        let code = await ConsortiumError.code {
          _ = try ReplyMessage<Done>(encoded: reply).result.get()
        }
        #expect(["too-large", "unsupported-request"].contains(code), "\(name) to \(door): \(code)")
      }
    }
    // By a colleague who may send as much: it is refused by the number of its elements.
    let post = test.post(consortium, as: doctors[0])
    var content = post.content(FetchEpochEnds(from: 0), doctors[1])
    content.name = HandOverFindings.name
    content.payload = bomb(HandOverFindings.name, mebibytes: 40)
    let (reply, answer) = try await post.send(content, by: try #require(post.keys.first))
    #expect(
      await ConsortiumError.code {
        _ = try ReplyMessage<Done>(
          encoded: answer.open(SealedAnswer(encoded: reply).sealed)
        ).result.get()
      } == "too-large")
    for position in 1...2 {
      try await consortium.diagnose(context.visitID, plan, position: position)
    }
  }
}
