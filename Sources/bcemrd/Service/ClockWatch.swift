import Foundation
import HTTPTransport
import Logging
import ServiceLifecycle
import Synchronization

/// Says in the log when the clock of this machine is not that of most others, and when it is so again.
final class ClockWatch: Service {
  /// From so many seconds on it is off: half of what a ledger of the usual numbers takes (specification 6.11).
  private static let tolerance: Double = 5
  private static let interval = Duration.seconds(5)

  private let statistics: MessageStatistics
  private let logger: Logger
  private let isOff = Mutex(false)

  /// - Parameter statistics: of what other members were asked.
  init(_ statistics: MessageStatistics, logger: Logger) {
    (self.statistics, self.logger) = (statistics, logger)
  }

  func run() async throws {
    await repeatUntilShutdown(every: Self.interval) { self.look() }
  }

  private func look() {
    guard let offset = statistics.clockOffset else { return }
    let now = abs(offset) > Self.tolerance
    let before = isOff.withLock { isOff in
      defer { isOff = now }
      return isOff
    }
    guard before != now else { return }
    let told: Logger.Metadata = ["ahead": "\(Self.text(offset))"]
    if now {
      logger.error("the clock is off, by what most members say", metadata: told)
    } else {
      logger.notice("the clock is right again", metadata: told)
    }
  }

  /// Seconds with one digit behind the point.
  static func text(_ seconds: Double) -> String {
    seconds.formatted(
      .number.precision(.fractionLength(1)).locale(Locale(identifier: "en_US_POSIX"))
        .grouping(.never))
  }
}
