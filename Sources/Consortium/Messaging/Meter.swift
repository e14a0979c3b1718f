import Synchronization

/// The kinds of party between which traffic is counted.
public enum RoleKind: String, CaseIterable, Sendable, Comparable {
  case manager, hospital, cloud, doctor, patient

  public static func < (a: RoleKind, b: RoleKind) -> Bool { a.rawValue < b.rawValue }
}

/// The five phases of section 4.
public enum Phase: String, CaseIterable, Sendable {
  case initialization, groupKeyGeneration, diagnose, dataStorage, dataSharing
}

/// Counts bytes and time, per phase and kind of role.
///
/// Roles read no clock: whoever builds the consortium hands one in here.
public final class Meter: Sendable {
  /// Between whom, and in which phase, bytes are counted.
  public struct Traffic: Hashable, Sendable {
    public let phase: Phase
    /// Whose bytes they are.
    public let sender: RoleKind
    /// Who received them.
    public let recipient: RoleKind
  }

  /// Whose time, and in which phase, is counted.
  public struct Work: Hashable, Sendable {
    public let phase: Phase
    /// Who worked.
    public let role: RoleKind
  }

  /// What was counted so far.
  public struct Readings: Sendable {
    /// Bytes of requests and replies, each counted for the one who sent it.
    public internal(set) var bytes: [Traffic: Int] = [:]
    /// Nanoseconds that a kind of role spent itself, without what it waited for others.
    public internal(set) var nanoseconds: [Work: UInt64] = [:]
  }

  private struct State {
    var phase = Phase.initialization
    var readings = Readings()
  }

  /// The time that the present role has waited for others: for several at once, that counts once.
  private final class Frame: Sendable {
    private struct Waiting {
      var count = 0
      var since: UInt64 = 0
      var total: UInt64 = 0
    }

    private let waiting = Mutex(Waiting())

    func begin(_ now: UInt64) {
      waiting.withLock {
        if $0.count == 0 { $0.since = now }
        $0.count += 1
      }
    }

    func end(_ now: UInt64) {
      waiting.withLock {
        $0.count -= 1
        if $0.count == 0 { $0.total += now - min($0.since, now) }
      }
    }

    func waited(_ now: UInt64) -> UInt64 {
      waiting.withLock { $0.total + ($0.count > 0 ? now - min($0.since, now) : 0) }
    }
  }
  @TaskLocal private static var frame: Frame?

  private let clock: @Sendable () -> UInt64
  private let state = Mutex(State())

  /// - Parameter nanoseconds: a monotone clock.
  public init(nanoseconds: @escaping @Sendable () -> UInt64) { clock = nanoseconds }

  public var readings: Readings { state.withLock { $0.readings } }

  public var phase: Phase {
    get { state.withLock { $0.phase } }
    set { state.withLock { $0.phase = newValue } }
  }

  /// Runs a role's work and counts its time for that role, less what it waits for others.
  public func measure<Value: Sendable>(
    _ role: RoleKind, isolation: isolated (any Actor)? = #isolation,
    _ work: () async throws -> Value
  ) async rethrows -> Value {
    let frame = Frame()
    let phase = phase
    let start = clock()
    let waiting = Self.frame
    waiting?.begin(start)
    defer {
      let end = clock()
      waiting?.end(end)
      let elapsed = end - min(start, end)
      let own = elapsed - min(frame.waited(end), elapsed)
      state.withLock {
        $0.readings.nanoseconds[Work(phase: phase, role: role), default: 0] += own
      }
    }
    return try await Self.$frame.withValue(frame, operation: work)
  }

  func count(_ bytes: Int, from sender: RoleKind, to recipient: RoleKind) {
    state.withLock {
      let traffic = Traffic(phase: $0.phase, sender: sender, recipient: recipient)
      $0.readings.bytes[traffic, default: 0] += bytes
    }
  }
}
