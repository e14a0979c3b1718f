import Synchronization

/// Lets one task at a time through, in the order in which they came. Actors are re-entrant at every
/// await; what must not overlap passes through here.
package final class SerialGate: Sendable {
  private struct State {
    var isTaken = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  package init() {}

  /// Whether nobody is inside, nor waits.
  package var isFree: Bool { state.withLock { !$0.isTaken } }

  package func enter() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        if state.isTaken {
          state.waiting.append(continuation)
          return false
        }
        state.isTaken = true
        return true
      }
      if isFree { continuation.resume() }
    }
  }

  package func leave() {
    let next: CheckedContinuation<Void, Never>? = state.withLock { state in
      if state.waiting.isEmpty {
        state.isTaken = false
        return nil
      }
      return state.waiting.removeFirst()
    }
    next?.resume()
  }
}

/// A gate for each of many things, which there is while somebody is in it or waits before it.
package final class SerialGates<Key: Hashable & Sendable>: Sendable {
  private struct Used {
    let gate = SerialGate()
    var count = 0
  }

  private let gates = Mutex<[Key: Used]>([:])

  package init() {}

  /// Does something while nobody else does anything with the same.
  // Not inlined: the optimizer of Swift 6.3.1 crashes where typed errors meet an async body.
  @inline(never)
  package func pass<Value: Sendable>(
    _ key: Key, isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Value
  ) async throws -> Value {
    let gate = gates.withLock { gates in
      gates[key, default: Used()].count += 1
      return gates[key, default: Used()].gate
    }
    await gate.enter()
    defer {
      gate.leave()
      gates.withLock { gates in
        gates[key]?.count -= 1
        if gates[key]?.count == 0 { gates[key] = nil }
      }
    }
    return try await body()
  }
}
