import Synchronization
import TestSupport

/// One request in four goes wrong, in each way now and then.
package final class RandomFaults: Sendable {
  private let state: Mutex<(generator: SeededGenerator, count: Int)>

  package init(seed: UInt64) { state = Mutex((SeededGenerator(seed: seed), 0)) }

  package var count: Int { state.withLock { $0.count } }

  @Sendable package func next(_ question: MemoryBucket.Question) -> BucketServer.Fault? {
    state.withLock { state in
      guard Int.random(in: 0..<4, using: &state.generator) == 0 else { return nil }
      state.count += 1
      // Waiting takes time.
      if Int.random(in: 0..<30, using: &state.generator) == 0 { return .slow }
      return BucketServer.Fault.allCases.filter { $0 != .slow }.randomElement(
        using: &state.generator)
    }
  }
}
