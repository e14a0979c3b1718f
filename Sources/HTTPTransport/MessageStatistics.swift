import HTTPTypes
import Synchronization

/// What a server counts of messages, for who runs it.
public final class MessageStatistics: Sendable {
  /// How long things took.
  public struct Durations: Sendable, Equatable {
    /// Upper bounds of the classes but the last, in seconds.
    public static let bounds = [
      0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
    ]

    /// How many fell in each class; one more than there are bounds.
    public private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    /// Together, in seconds.
    public private(set) var sum = 0.0

    mutating func note(_ duration: Duration) {
      let (seconds, attoseconds) = duration.components
      let time = Double(seconds) + Double(attoseconds) / 1e18
      counts[Self.bounds.firstIndex { time <= $0 } ?? Self.bounds.count] += 1
      sum += time
    }
  }

  /// What is known of another server.
  public struct Peer: Sendable, Equatable {
    /// Of exchanges that brought an answer.
    public internal(set) var answered = Durations()
    /// How many brought none.
    public internal(set) var failures: UInt64 = 0
    /// By how many seconds the own clock is ahead of what its last answer says; a second is its precision.
    public internal(set) var clockOffset: Double?
    /// When its last answer came, in seconds since 1970.
    public internal(set) var lastAnswer: Double?
  }

  /// All that was counted.
  public struct Counts: Sendable {
    /// Of requests to roles of this machine, by role.
    public internal(set) var served: [String: Durations] = [:]
    /// Requests that no role has heard of, by the word for the problem.
    public internal(set) var problems: [String: UInt64] = [:]
    /// By identifier.
    public internal(set) var peers: [String: Peer] = [:]
  }

  private let state = Mutex(Counts())

  /// With nothing counted.
  public init() {}

  public var counts: Counts { state.withLock { $0 } }

  /// By how many seconds the own clock is ahead of most others; nil while too few have answered.
  public var clockOffset: Double? {
    let offsets = counts.peers.values.compactMap(\.clockOffset).sorted()
    return offsets.isEmpty ? nil : offsets[offsets.count / 2]
  }

  /// Under which all are counted that have a mailbox, since who they are, doctors and addresses of patients, is for
  /// nobody who reads measurements.
  static let mailboxes = "(mailboxes)"

  /// - Parameter role: one that is registered here, or ``mailboxes``.
  func served(_ role: String, _ duration: Duration) {
    state.withLock { $0.served[role, default: Durations()].note(duration) }
  }

  func refused(_ problem: Problem) {
    state.withLock { $0.problems[problem.code, default: 0] += 1 }
  }

  /// - Parameters:
  ///   - peer: one that the ledger knows.
  ///   - date: what stands in its answer.
  func answered(_ peer: String, _ duration: Duration, date: String?, at now: Double) {
    // What lies between is not known better than half of it; a long one says nothing of the clock.
    let offset =
      duration < .seconds(2)
      ? date.flatMap(HTTPDate.seconds).map { now - ($0 + 0.5) } : nil
    state.withLock { state in
      state.peers[peer, default: Peer()].answered.note(duration)
      state.peers[peer]?.lastAnswer = now
      if let offset { state.peers[peer, default: Peer()].clockOffset = offset }
    }
  }

  func failed(_ peer: String) {
    state.withLock { $0.peers[peer, default: Peer()].failures += 1 }
  }
}

/// The date of an HTTP field (RFC 9110, 5.6.7).
package enum HTTPDate {
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// In seconds since 1970; nil of any other form than `Sun, 06 Nov 1994 08:49:37 GMT`.
  package static func seconds(_ text: String) -> Double? {
    let parts = text.split(separator: " ")
    guard text.utf8.count == 29, parts.count == 6, parts[5] == "GMT",
      let day = UInt8(parts[1]), (1...31).contains(day),
      let month = months.firstIndex(of: String(parts[2])),
      let year = UInt16(parts[3]), year >= 1970
    else { return nil }
    let clock = parts[4].split(separator: ":").compactMap { UInt8($0) }
    guard clock.count == 3, clock[0] < 24, clock[1] < 60, clock[2] <= 60 else { return nil }
    // Days since 1970-03-01 of a year that begins in March, after Howard Hinnant's days_from_civil.
    let shifted = Int(year) - (month < 2 ? 1 : 0)
    let dayOfYear = (153 * ((month + 10) % 12) + 2) / 5 + Int(day) - 1
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    return Double(days * 86_400 + Int(clock[0]) * 3600 + Int(clock[1]) * 60 + Int(clock[2]))
  }
}
