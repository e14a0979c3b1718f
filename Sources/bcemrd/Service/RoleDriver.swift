import Consensus
import Consortium
import Ledger
import Logging
import ServiceLifecycle
import Synchronization

/// Has a role do what is due, and its time-outs expire in time.
final class RoleDriver: Service {
  /// How it went last.
  struct State: Sendable {
    var hasStepped = false
    var failure: String?
    /// When a step has ended well; at first when it was to begin.
    var success = ContinuousClock.now
  }

  /// Between two steps of a delegate at most, where the last one brought something new: others wait for its votes.
  /// What comes meanwhile is taken together, so that load makes no more steps.
  static let shortPause = Duration.milliseconds(100)

  let role: any DrivenRole
  private let pause: Duration
  private let logger: Logger
  private let disk: DiskGuard
  private let state = Mutex(State())

  init(_ role: any DrivenRole, pause: Double, disk: DiskGuard, logger: Logger) {
    (self.role, self.pause, self.disk) = (role, .seconds(pause), disk)
    var logger = logger
    logger[metadataKey: "role"] = "\(role.id)"
    self.logger = logger
  }

  var last: State { state.withLock { $0 } }

  func run() async throws {
    await cancelWhenGracefulShutdown { await self.drive() }
  }

  private func drive() async {
    let clock = ContinuousClock()
    var running: [ConsensusTimeout: ContinuousClock.Instant] = [:]
    while !Task.isCancelled {
      var isNew = false
      var failure: (any Error)?
      do {
        guard disk.mayStep else {
          throw ConsortiumError(.unavailable, "the disk of the data folder is full")
        }
        isNew = try await role.step()
        let timeouts = await role.node.timeouts
        running = Dictionary(
          uniqueKeysWithValues: Set(timeouts).map { ($0, running[$0] ?? clock.now) })
        let over = timeouts.filter { timeout in
          running[timeout].map {
            $0.advanced(by: .milliseconds(Int64(clamping: timeout.milliseconds()))) <= clock.now
          } ?? false
        }
        if !isNew, !over.isEmpty { isNew = try await role.node.expire(over) }
      } catch {
        failure = error
      }
      note(failure)
      let isAwaited = isNew ? (try? await role.node.takesPart) ?? false : false
      try? await Task.sleep(for: isAwaited ? min(pause, Self.shortPause) : pause)
    }
    logger.info("stopped")
  }

  /// What changes is logged, and not what stays the same.
  private func note(_ error: (any Error)?) {
    let text = error.map { ConsortiumError($0) }.map { "\($0.code): \($0.message)" }
    let before = state.withLock { state in
      defer {
        (state.hasStepped, state.failure) = (true, text)
        if text == nil { state.success = .now }
      }
      return state
    }
    if let text, before.failure != text {
      logger.warning("cannot go on", metadata: ["reason": "\(text)"])
    }
    if text == nil, before.failure != nil { logger.info("goes on again") }
    if text == nil, !before.hasStepped { logger.info("works") }
  }
}
