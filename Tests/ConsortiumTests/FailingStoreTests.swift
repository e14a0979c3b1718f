import CanonicalEncoding
import Consortium
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite("Replays whose stores fail for a moment")
struct FailingStoreTests {
  /// Fails once, at the operation of this number.
  private final class FlakyState: StateStore {
    private let store = MemoryStateStore()
    private let place: Int
    private let isKept: Bool
    private let count = Mutex(0)

    /// - Parameter isKept: whether a commit that fails is stored all the same.
    init(failingAt place: Int, isKept: Bool) { (self.place, self.isKept) = (place, isKept) }

    var operations: Int { count.withLock { $0 } }

    private func step() -> Bool {
      count.withLock { count in
        count += 1
        return count == place
      }
    }

    func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
      if step() { throw StoreError(.unavailable, "the disk is away") }
      return try store.value(forKey: key)
    }

    func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
      let fails = step()
      if !fails || isKept { try store.commit(changes) }
      if fails { throw StoreError(.outcomeUnknown, "the disk is away") }
    }
  }

  /// The signatures were looked at before; they cannot fail here.
  private struct Trusting: ClaimDecider {
    func holds(_ claim: Claim) -> Bool { true }
    func firstFailure(of claims: [Claim]) -> Int? { nil }
  }

  @Test("reach the same chain, wherever the store fails", arguments: [false, true])
  func consortium(isKept: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    for number in 0..<2 {
      _ = try await consortium.conduct(test.plan("encounter-\(number)"))
      test.pass(seconds: 15)
      try await consortium.settle()
    }
    let honest = await consortium.cloud.node.consortium
    let root = try honest.checkpoint(size: honest.size)
    let final = try #require(honest.final)
    let leaves = try (0..<final.size).map { try #require(try honest.leaf($0)) }

    func replay(failingAt place: Int) throws -> Int {
      let store = FlakyState(failingAt: place, isKept: isKept)
      var follower: ConsortiumFollower?
      var failures = 0
      var pageSize = 10
      while true {
        do {
          if follower == nil {
            follower = try ConsortiumFollower(
              genesis: consortium.genesis, store: store, decider: Trusting())
          }
          guard let size = follower?.reader.size, size < final.size else { break }
          let rest = leaves.dropFirst(Int(size))
          let page = Array(rest.prefix(pageSize))
          let kept = try follower?.follow(
            page, final: page.count == rest.count ? final.note : nil)
          pageSize = kept == 0 ? pageSize * 2 : 10
        } catch let error as StoreError {
          failures += 1
          try #require(failures == 1, "\(place): \(error)")
          // What the store holds is what counts: it may have kept what failed.
          follower = nil
        }
      }
      let view = try #require(follower).reader
      #expect(view.size == honest.size, "failed at \(place)")
      #expect(try view.checkpoint(size: honest.size) == root, "failed at \(place)")
      #expect(view.final?.size == honest.final?.size, "failed at \(place)")
      return store.operations
    }
    let operations = try replay(failingAt: 0)
    #expect(operations > 100)
    for place in stride(from: 1, through: operations, by: max(1, operations / 300)) {
      _ = try replay(failingAt: place)
    }
  }

  @Test("lose no confirmation, whichever commit fails, and nobody has to start anew")
  func confirmations() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    var count: UInt64 = 0
    for place in ["cloud", "hospital-1"] {
      for chain in [ChainName.consortium, "hospital-1"] {
        let store = test.storage.stateStore(place, chain: chain)
        for commit in 1...3 {
          let plan = test.plan("encounter-\(place)-\(chain)-\(commit)")
          store.fail(atCommit: commit)
          var codes: [String] = []
          // Whoever is told that something failed tries it again.
          while codes.last != "nothing", codes.count < 5 {
            let code = await ConsortiumError.code {
              _ = try await consortium.hold(plan)
              test.pass(seconds: 20)
              try await consortium.settle()
            }
            codes.append(code)
          }
          #expect(codes.last == "nothing" && !store.isToFail, "\(plan.encounter): \(codes)")
          count += 1
        }
      }
    }
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves })
    #expect(report.chains[1].visits.acknowledged == count)
  }
}
