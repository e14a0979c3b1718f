import Consortium
import EMRScheme
import Ledger
import Testing

@Suite("A hospital whose log is not the one that its cloud has confirmed")
struct ConflictingLogTests {
  private static let hospital = TestConsortium.hospital

  @Test(
    "[attack] a courier has a hospital that was put back sign beside what is confirmed: it stops")
  func signedOn() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    let backup = try await test.storage.backup(Self.hospital)
    let writer = try #require(consortium.hospitals[Self.hospital]).ledger.writer
    let former = try #require(await writer.view.confirmed)
    // The cloud confirms more, and nothing of it is anchored.
    _ = try await test.completeVisit(consortium, test.plan())
    let confirmed = try #require(await writer.view.confirmed)
    #expect(confirmed.size > former.size)

    // After a start from the backup the courier brings what the cloud once said, and no leaves to it.
    try await test.storage.restore(backup)
    test.wire.intercept { transit in
      let isLeaf = transit.payload(ConfirmLeaves.self)?.hospital == Self.hospital
      if isLeaf { throw ConsortiumError(.unreachable, "the message is lost") }
      guard transit.sender == Self.hospital, transit.kind == FetchLeaves.name else {
        return try await transit.deliver(transit.request)
      }
      return try transit.answer(
        FetchLeaves.self, LeavesReply(leaves: [], note: former.note, held: former.size))
    }
    consortium = try await test.open()
    for number in 2...4 {
      let plan = test.plan("encounter-\(number)")
      let visit = try await test.beginVisit(consortium, plan).context.visitID
      _ = await ConsortiumError.code {
        try await consortium.diagnose(visit, plan, position: 1)
      }
    }
    let forked = try #require(consortium.hospitals[Self.hospital]).ledger.writer
    #expect(await forked.size >= confirmed.size)
    let leaves = try await test.storage.chainLog(Self.hospital).contents()

    // It sees at its next start what is confirmed: it neither goes on nor has anything confirmed.
    test.wire.intercept(nil)
    let sent = test.wire.requests(ConfirmLeaves.self).count { $0.hospital == Self.hospital }
    #expect(
      await ConsortiumError.code { _ = try await test.open() } == "ledger-diverged")
    #expect(
      test.wire.requests(ConfirmLeaves.self).count { $0.hospital == Self.hospital } == sent)
    #expect(try await test.storage.chainLog(Self.hospital).contents() == leaves)
  }
}
