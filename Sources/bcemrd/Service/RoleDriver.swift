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
    var pace = ServerPace(pause: pause)
    while !Task.isCancelled {
      var (next, failure): (Duration, (any Error)?) = (pace.pause, nil)
      do {
        next = try await pace.take(of: role.node) {
          guard disk.mayStep else {
            throw ConsortiumError(.unavailable, "the disk of the data folder is full")
          }
          return try await role.step()
        }
      } catch {
        failure = error
      }
      note(failure)
      try? await Task.sleep(for: next)
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
