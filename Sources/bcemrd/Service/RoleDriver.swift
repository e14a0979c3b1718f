import Consortium
import HTTPTransport
import Ledger
import Logging
import ServiceLifecycle
import Synchronization

/// Has a role do what is due, and its time-outs expire in time.
///
/// The consortium chain is driven by itself: whatever keeps a role from its other duties, as a cloud that does not
/// answer, others wait for its votes.
final class RoleDriver: Service {
  enum Work: String, CaseIterable {
    case consortium = "the consortium chain"
    case duties = "its other duties"
  }

  /// How it went last.
  struct State: Sendable {
    fileprivate var failures: [Work: String] = [:]
    fileprivate var stepped: Set<Work> = []
    /// When a step has ended well, or was kept from that by others alone; at first when it was to begin.
    fileprivate var successes: [Work: ContinuousClock.Instant]
    /// How often there was something new on the consortium chain.
    fileprivate var news: UInt64 = 0

    fileprivate init() {
      successes = Dictionary(uniqueKeysWithValues: Work.allCases.map { ($0, .now) })
    }

    var failure: String? { failures[.consortium] ?? failures[.duties] }
    /// For how many seconds nothing has ended well that others cannot keep from it: of the consortium chain nobody is
    /// waited for, and of the other duties for as long as a courier waits, perhaps for two at once.
    var stalled: Int64 {
      let now = ContinuousClock.now
      let silences = successes.map { work, success in
        (now - success).components.seconds - (work == .duties ? 2 * Self.exchange : 0)
      }
      return max(0, silences.max() ?? 0)
    }

    private static let exchange = HTTPCourier.Timeouts().exchange
  }

  let role: any DrivenRole
  private let pause: Duration
  private let logger: Logger
  private let disk: DiskGuard
  private let state = Mutex(State())

  /// Between two looks whether there is something new.
  private static let look = Duration.milliseconds(100)

  init(_ role: any DrivenRole, pause: Double, disk: DiskGuard, logger: Logger) {
    (self.role, self.pause, self.disk) = (role, .seconds(pause), disk)
    var logger = logger
    logger[metadataKey: "role"] = "\(role.id)"
    self.logger = logger
  }

  var last: State { state.withLock { $0 } }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withDiscardingTaskGroup { group in
        group.addTask { await self.driveConsortium() }
        group.addTask { await self.attend() }
      }
    }
    logger.info("stopped")
  }

  private func driveConsortium() async {
    var pace = ServerPace(pause: pause)
    var observer = RoleObserver(logger)
    while !Task.isCancelled {
      var (next, failure): (Duration, (any Error)?) = (pace.pause, nil)
      do {
        next = try await pace.take(of: role.node) {
          try requireRoom()
          try await role.beginWhatIsDue()
          return try await role.node.advance()
        }
        if next < pace.pause { state.withLock { $0.news &+= 1 } }
      } catch {
        failure = error
      }
      note(failure, .consortium)
      await observer.look(at: role.node)
      try? await Task.sleep(for: next)
    }
  }

  /// Does what else is due, as long as all is well with the consortium chain: nothing is done by one that contradicts
  /// what this role has cosigned.
  private func attend() async {
    while !Task.isCancelled {
      let before = last
      var isNew = false
      if before.stepped.contains(.consortium), before.failures[.consortium] == nil {
        do {
          try requireRoom()
          isNew = try await role.attend()
          note(nil, .duties)
        } catch {
          if !Task.isCancelled { note(error, .duties) }
        }
      }
      if isNew {
        try? await Task.sleep(for: min(pause, ServerPace.shortPause))
      } else {
        await waitForNews(after: before.news)
      }
    }
  }

  private func waitForNews(after news: UInt64) async {
    let end = ContinuousClock.now + pause
    while !Task.isCancelled, last.news == news,
      case let left = ContinuousClock.now.duration(to: end),
      left > .zero
    {
      try? await Task.sleep(for: min(left, Self.look))
    }
  }

  private func requireRoom() throws {
    guard disk.mayStep else {
      throw ConsortiumError(.unavailable, "the disk of the data folder is full")
    }
  }

  /// What changes is logged, and not what stays the same.
  private func note(_ error: (any Error)?, _ work: Work) {
    let text = error.map { ConsortiumError($0) }.map { "\($0.code): \($0.message)" }
    let isOwn = error.map(ConsortiumError.isOwn) ?? false
    let before = state.withLock { state in
      defer {
        state.stepped.insert(work)
        state.failures[work] = text
        if text == nil || work == .duties && !isOwn { state.successes[work] = .now }
      }
      return state
    }
    if let text, before.failures[work] != text {
      logger.warning("cannot go on", metadata: ["reason": "\(text)", "with": "\(work.rawValue)"])
    }
    if text == nil, before.failures[work] != nil { logger.info("goes on again") }
    if text == nil, !before.stepped.contains(work), work == .consortium { logger.info("works") }
  }
}
