import Consensus

/// When a server takes its next step, and how long it waits for other delegates.
package struct ServerPace: Sendable {
  /// Between two steps at most, where the last one brought something new; of the consortium chain for a delegate, for
  /// whose votes others wait.
  /// What comes meanwhile is taken together, so that load makes no more steps.
  package static let shortPause = Duration.milliseconds(250)

  /// Between two steps where nothing is awaited.
  package let pause: Duration
  private var running: [ConsensusTimeout: ContinuousClock.Instant] = [:]

  package init(pause: Duration) { self.pause = pause }

  /// Takes a step, and lets the time-outs of the node expire that are over.
  ///
  /// - Parameter step: returns whether there was anything new.
  /// - Returns: how long to wait before the next.
  package mutating func take(
    of node: LedgerNode, _ step: () async throws -> Bool
  ) async throws -> Duration {
    var isNew = try await step()
    let (now, timeouts) = (ContinuousClock.now, await node.timeouts)
    running = Dictionary(uniqueKeysWithValues: Set(timeouts).map { ($0, running[$0] ?? now) })
    let over = timeouts.filter { timeout in
      let length = Duration.milliseconds(Int64(clamping: timeout.milliseconds()))
      return running[timeout].map { $0.advanced(by: length) <= now } ?? false
    }
    if !isNew, !over.isEmpty { isNew = try await node.expire(over) }
    guard isNew, try await node.takesPart else { return pause }
    return min(pause, Self.shortPause)
  }
}
