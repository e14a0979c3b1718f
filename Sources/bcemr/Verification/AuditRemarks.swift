import CanonicalEncoding
import Ledger

extension Audit {
  /// What a reader of a check has to know though nothing is wrong.
  ///
  /// - Parameters:
  ///   - leftOver: how many files of a folder were not read, and the first of them.
  ///   - now: by the clock of this machine, in seconds since 1970.
  static func remarks(
    on report: Ledger.Verification.Report, leftOver: (count: Int, first: String)?,
    now: UInt64 = LedgerTime.now()
  ) -> [DemoReport.Remark] {
    var remarks: [DemoReport.Remark] = []
    func note(_ code: String, _ message: String) {
      remarks.append(DemoReport.Remark(code: code, message: message))
    }
    let empty = report.chains.filter { $0.blocks == 0 && $0.fault == nil }.map(\.name)
    if empty.contains(ChainName.consortium) {
      note(
        "no-block",
        "there is the genesis alone, and no block of the consortium chain: nothing stands on this ledger "
          + "yet, or its files are not here")
    } else if !empty.isEmpty {
      note(
        "no-chain",
        "no file of \(empty.joined(separator: ", ")) is here, and nothing of it is anchored: no visit there "
          + "is final yet")
    }
    let missing = report.chains.filter { $0.isAbsent && $0.fault?.check == .anchors }.map(\.name)
    if !missing.isEmpty {
      note(
        "absent-chain",
        "nothing is said of the visits of \(missing.joined(separator: ", ")), of which no file is here: who "
          + "keeps that chain, the hospital and its cloud, is asked for an export of it")
    }
    if let leftOver {
      note(
        "left-over",
        "\(Quantity.count(leftOver.count, "file")) of the folder \(leftOver.count == 1 ? "is" : "are") none "
          + "of this export, and not looked at: \(leftOver.count == 1 ? "" : "first ")\(leftOver.first)"
      )
    }
    if LedgerClock.isAhead(report.time, of: now) {
      note(
        "future",
        "the last block is of \(LedgerTime.text(report.time)), and this machine's clock says "
          + "\(LedgerTime.text(now)): one of the two clocks is wrong")
    }
    return remarks
  }
}
