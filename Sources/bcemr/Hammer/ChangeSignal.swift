#if Network
  import Synchronization

  /// Lets others wait until something may have changed.
  final class ChangeSignal: Sendable {
    private struct State {
      var changes: UInt64 = 0
      var nextWaiter: UInt64 = 0
      var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    /// How often something has changed: to be read before it is looked at what is waited for.
    var changes: UInt64 { state.withLock { $0.changes } }

    func notify() {
      let waiters = state.withLock { state in
        state.changes += 1
        defer { state.waiters = [:] }
        return state.waiters.values
      }
      for waiter in waiters { waiter.resume() }
    }

    /// Returns once there were more changes than `seen`, or at the deadline.
    func wait(after seen: UInt64, until deadline: ContinuousClock.Instant) async {
      let number = state.withLock { state in
        defer { state.nextWaiter += 1 }
        return state.nextWaiter
      }
      let timer = Task {
        try? await Task.sleep(until: deadline)
        self.state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
      }
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.changes > seen || ContinuousClock.now >= deadline { return true }
          state.waiters[number] = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
      timer.cancel()
    }
  }
#endif
