#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Ledger time: whole seconds since 1970, in UTC.
enum LedgerTime {
  /// The clock of this machine; only supernodes are given it.
  @Sendable static func now() -> UInt64 { UInt64(max(0, Date().timeIntervalSince1970)) }

  /// As `2026-11-24T02:25:28Z`.
  static func text(_ seconds: UInt64) -> String {
    Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
  }

  /// The last second of the year 9999.
  private static let latest: UInt64 = 253_402_300_799

  /// The same of a deadline, which is as late as a context says.
  static func deadline(_ seconds: UInt64) -> String { text(min(seconds, latest)) }
}
