#if Network
  import Histogram
  import Synchronization

  /// What a load has come to.
  ///
  /// A latency is counted from when the visit or the sharing was to begin, whatever kept it from beginning then:
  /// otherwise a network that stands still would be asked less, and seem fast (coordinated omission). It is kept
  /// where that time is in the window; what is done in the window counts for the rate.
  final class LoadRecorder: Sendable {
    /// What was counted of one step.
    struct Step {
      /// From the intended beginning, in microseconds.
      var latencies = Histogram<UInt64>(highestTrackableValue: longest)
      /// From the end of the step before, in microseconds.
      var durations = Histogram<UInt64>(highestTrackableValue: longest)
      /// How many ended in the window.
      var count = 0
    }

    /// An hour; what is longer counts as that.
    private static let longest: UInt64 = 3_600_000_000

    private struct State {
      var steps: [LoadStep: Step] = [:]
      var errors: [LoadStep: [String: Int]] = [:]
      var window: Range<ContinuousClock.Instant>?
      var intended = (visits: 0, sharings: 0)
    }

    private let state = Mutex(State())

    /// Begins to count.
    func open(_ window: Range<ContinuousClock.Instant>) { state.withLock { $0.window = window } }

    var steps: [LoadStep: Step] { state.withLock { $0.steps } }
    /// By the code of the error.
    var errors: [LoadStep: [String: Int]] { state.withLock { $0.errors } }
    /// How many visits and sharings were to begin in the window.
    var intended: (visits: Int, sharings: Int) { state.withLock { $0.intended } }

    /// Notes that a visit, or a sharing, was to begin.
    func begin(_ intended: ContinuousClock.Instant, isSharing: Bool) {
      state.withLock { state in
        guard state.window?.contains(intended) == true else { return }
        if isSharing { state.intended.sharings += 1 } else { state.intended.visits += 1 }
      }
    }

    /// Notes that a step has ended now.
    ///
    /// - Returns: now.
    @discardableResult
    func end(
      _ step: LoadStep, intended: ContinuousClock.Instant, since begun: ContinuousClock.Instant
    ) -> ContinuousClock.Instant {
      let now = ContinuousClock.now
      state.withLock { state in
        guard let window = state.window else { return }
        if window.contains(intended) {
          state.steps[step, default: Step()].latencies.record(Self.microseconds(now - intended))
          state.steps[step, default: Step()].durations.record(Self.microseconds(now - begun))
        }
        if window.contains(now) { state.steps[step, default: Step()].count += 1 }
      }
      return now
    }

    /// Notes that a visit, or a sharing, ended at a step: at any time, for none is to.
    func fail(_ step: LoadStep, _ code: String) {
      state.withLock { $0.errors[step, default: [:]][code, default: 0] += 1 }
    }

    private static func microseconds(_ duration: Duration) -> UInt64 {
      let (seconds, attoseconds) = duration.components
      let value = max(0, seconds) * 1_000_000 + attoseconds / 1_000_000_000_000
      return min(UInt64(max(0, value)), longest)
    }
  }
#endif
