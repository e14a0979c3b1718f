import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// Actors are re-entrant at every await: what is asked of a server while it waits must not take back what
/// it does.
@Suite("Servers that are asked while they work")
struct OverlapTests {
  @Test("[attack] a cloud is shown a longer chain while it waits for a record of a shorter one")
  func overlappingConfirmations() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let kept = Capture<[[UInt8]]>()
    kept.value = []
    // Each holds one more visit that is complete.
    test.wire.intercept { transit in
      guard let request = transit.payload(ConfirmLeaves.self),
        request.leaves.contains(where: {
          Leaf.entry(in: $0)?.content.body.kind == .visitCompletion
        })
      else { return try await transit.deliver(transit.request) }
      kept.value?.append(transit.request)
      throw ConsortiumError(.unreachable, "kept back")
    }
    func confirmed() async throws -> UInt64 {
      try await consortium.cloud.confirmer.view(of: "hospital-1").confirmed?.size ?? 0
    }
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    _ = await ConsortiumError.code { try await consortium.complete(visit, at: plan.hospital) }
    // One more block behind it, after some time.
    _ = try await consortium.open(test.plan("behind"))
    await test.rest(consortium)
    let requests = try #require(kept.value)
    test.wire.intercept(nil)
    let (shorter, longer) = (try #require(requests.first), try #require(requests.last))
    let second = Capture<Task<[UInt8], any Error>>()
    test.storage.records.onNextRead {
      second.value = Task {
        try await consortium.courier.send(longer, from: "hospital-1", to: "cloud")
      }
      try? await Task.sleep(for: .milliseconds(200))
    }
    _ = try await consortium.courier.send(shorter, from: "hospital-1", to: "cloud")
    _ = try await second.value?.value
    let size = try await confirmed()
    let last = try #require(
      test.secrets.open(try Envelope(encoded: longer)).map {
        try Message<ConfirmLeaves>(encoded: $0.content.payload).payload
      })
    #expect(requests.count > 1 && size == last.from + UInt64(last.leaves.count))
    try await consortium.settle()
    #expect(try await confirmed() >= size)
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }

  @Test("[attack] strangers ask the proxy while it replays everything anew: the doctor is answered")
  func questionsWhileReplaying() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    for number in 0..<3 { _ = try await consortium.hold(test.plan("before-\(number)")) }
    let (visit, consent) = try await test.consentedVisit(consortium)
    // Its replays are gone; what it keeps of consents is there.
    let backup = try await test.storage.backup("manager")
    try await test.storage.restore(
      MemoryStorage.Backup(place: "manager", role: backup.role, chain: [], states: [:]))
    consortium = try await test.open()
    let running = consortium
    let deposit = try #require(test.wire.requests(DepositConsent.self).last)
    var generator = SeededGenerator(seed: 21)
    let stranger = try IdentityKey(seed: generator.bytes(32))
    let colleague = test.post(consortium, as: "hospital-1-doctor-1")
    let codes = await withTaskGroup(of: String.self) { group in
      for number in 0..<40 as Range<UInt8> {
        group.addTask {
          await ConsortiumError.code {
            let unknown = Principal.patient(
              visit: number < 20 ? visit : Digest32(sha256: [number]),
              hospital: "hospital-\(1 + number % 4)")
            let post = test.post(running, by: Author(unknown, stranger))
            _ = try await post.ask(deposit, of: "manager")
          }
        }
        group.addTask {
          await ConsortiumError.code {
            _ = try await colleague.ask(
              Reencrypt(consent: Digest32(sha256: [number]), sealedShare: [1]), of: "manager")
          }
        }
      }
      group.addTask {
        let code = await ConsortiumError.code {
          let record = try await running.openRecord(
            doctor: TestConsortium.reader, consent: consent)
          #expect(record.visit == visit)
        }
        return "opened: \(code)"
      }
      return await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(codes == ["unauthenticated", "consent-unknown", "opened: nothing"])
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }
}
