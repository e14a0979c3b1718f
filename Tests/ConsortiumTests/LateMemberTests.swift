import CanonicalEncoding
import Consortium
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite("Members who answer late")
struct LateMemberTests {
  private static let late = "hospital-1"

  /// What members ask each other about the consortium chain.
  private static let questions = [
    FetchOutbox.name, FetchBlock.name, FetchConsortium.name, OfferEntry.name,
  ]

  /// Whether somebody waited for an answer that never comes for as long as its courier let it.
  private final class Held: Sendable {
    private let state = Mutex((isOver: false, hasEnded: false))

    var hasEnded: Bool { state.withLock { $0.hasEnded } }

    func end() { state.withLock { $0.isOver = true } }

    func wait() async throws {
      for _ in 0..<3000 {
        if state.withLock({ $0.isOver }) { return }
        try await Task.sleep(for: .milliseconds(10))
      }
      state.withLock { $0.hasEnded = true }
      throw ConsortiumError(.unreachable, "the courier has waited long enough")
    }
  }

  @Test("[attack] a delegate that holds back all its answers keeps nobody from deciding")
  func held() async throws {
    let test = TestConsortium(teamSize: 1, patience: .milliseconds(100))
    let consortium = try await test.open()
    let held = Held()
    test.wire.intercept { transit in
      let answer = try await transit.deliver(transit.request)
      if transit.recipient == Self.late, let kind = transit.kind, Self.questions.contains(kind) {
        try await held.wait()
      }
      return answer
    }
    let motion = try await consortium.proposeHospital("hospital-4", sponsor: "hospital-2-trust")
    let plan = test.plan(hospital: "hospital-2")
    #expect(try await consortium.hold(plan).record?.record?.findings.count == 1)
    let isFinal = try await consortium.hospitals["hospital-3"]?.node.consortium.motions()
      .contains { $0.entry == motion }
    #expect(isFinal == true)
    // Nobody has waited until the courier gave up.
    #expect(!held.hasEnded)
    held.end()
  }

  @Test("what a late member says counts when it comes: with one that is away, its votes are needed")
  func slow() async throws {
    let test = TestConsortium(teamSize: 1, patience: .milliseconds(50))
    let consortium = try await test.open()
    let answered = Mutex(0)
    test.wire.intercept { transit in
      if transit.recipient == "hospital-2" || transit.sender == "hospital-2" {
        throw ConsortiumError(.unreachable, "it is away")
      }
      let answer = try await transit.deliver(transit.request)
      if transit.recipient == Self.late, let kind = transit.kind, Self.questions.contains(kind) {
        try await Task.sleep(for: .milliseconds(200))
        answered.withLock { $0 += 1 }
      }
      return answer
    }
    _ = try? await consortium.proposeHospital("hospital-4", sponsor: "hospital-3-trust")
    let node = consortium.cloud.node
    func isFinal() async throws -> Bool {
      let view = await node.consortium
      return try view.motions().first.map { $0.index < view.final?.size ?? 0 } ?? false
    }
    for _ in 0..<600 where try await !isFinal() {
      test.pass(seconds: 1)
      try? await consortium.settle()
      try await Task.sleep(for: .milliseconds(20))
    }
    #expect(try await isFinal())
    #expect(answered.withLock { $0 } > 0)
  }
}
