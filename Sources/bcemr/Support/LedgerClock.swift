import Ledger
import SQLiteBackend

/// The clock of this machine against the time of a ledger.
enum LedgerClock {
  /// So many seconds a clock may be behind the last block: clocks of delegates differ (specification 6.11).
  private static let tolerance: UInt64 = 600
  /// After so many seconds without a block the user is told, in case it is the clock.
  private static let remarkable: UInt64 = 30 * 86_400

  /// Whether a block is from later than a clock can be behind it.
  static func isAhead(_ block: UInt64, of now: UInt64) -> Bool {
    block > now && block - now > tolerance
  }

  /// Looks at the clock before anything is signed with it.
  ///
  /// - Throws: ``CommandFailure`` `clock` if the ledger has a block from later than now.
  static func check(_ ledger: FolderLedger, in folder: DataFolder) throws {
    let last = ledger.consortium.time
    let now = LedgerTime.now()
    let both =
      "the ledger's last block is of \(LedgerTime.text(last)), and this machine's clock says "
      + LedgerTime.text(now)
    guard !isAhead(last, of: now) else {
      throw CommandFailure(
        .badInput, code: "clock", "\(folder.path): \(both)",
        hint: "set the clock: what is signed with it would be refused, or seem late")
    }
    if now > last + remarkable {
      Console.diagnostic("\(folder.path): \(both); if that is not right, stop and set the clock")
    }
  }
}
