import CanonicalEncoding
import Ledger

/// An offline check of an export, with everything to be told about its result.
struct Audit: Encodable {
  typealias Check = Ledger.Verification.Check

  struct Step: Encodable {
    enum Result: String, Encodable {
      case passed
      case failed
      case notCompared = "not-compared"
      case notReached = "not-reached"
    }

    let check: String
    let meaning: String
    let result: Result
  }

  struct Hospital: Encodable {
    let name: String
    let blocks: Int
    let finalBlocks: Int
    let visits: Int
    let acknowledged: Int
    let disputed: Int
    let abandoned: Int
    let refusedEntries: Int
  }

  struct Summary: Encodable {
    let network: String
    let genesis: String
    /// Of the last block, in ledger time.
    let time: String
    let consortiumBlocks: Int
    let doctors: Int
    let hospitals: [Hospital]
  }

  let passed: Bool
  let checks: [Step]
  let error: ReportedError?
  let summary: Summary?
  let notProven = [
    "freshness: the ledger may have gone on after the last checkpoint in the file",
    "omission: an entry that the ledger was never given leaves no trace in it",
    "identity: which person or organisation stands behind a key",
  ]

  /// - Parameters:
  ///   - genesis: the ledger that is meant.
  ///   - knownNote: a checkpoint from before.
  init(_ file: [UInt8], genesis: Digest32?, knownNote: String? = nil, console: Console) {
    var reached: [Check] = []
    let outcome = Result { () throws(Ledger.Verification.Failure) in
      try Ledger.Verification.verify(file, genesisDigest: genesis, knownNote: knownNote) { check in
        reached.append(check)
        console.progress("\(check): \(check.meaning)")
      }
    }
    console.endProgress()
    var failed: Check?
    switch outcome {
    case .success(let report):
      (error, summary) = (nil, Summary(report))
    case .failure(let failure):
      failed = failure.check
      error = ReportedError(code: "\(failure.check)", message: "\(failure)")
      summary = nil
    }
    passed = failed == nil
    checks = Check.allCases.map { check in
      let isCompared =
        switch check {
        case .genesisDigest: genesis != nil
        case .newestCheckpoint: knownNote != nil
        default: true
        }
      let result: Step.Result =
        if check == failed { .failed } else if !reached.contains(check) {
          .notReached
        } else { isCompared ? .passed : .notCompared }
      return Step(check: "\(check)", meaning: check.meaning, result: result)
    }
  }

  func print(to console: Console) {
    console.line(
      Table.text(
        checks.map { step in
          [step.check, step.result.rawValue.replacing("-", with: " "), step.meaning]
        }, leading: 3))
    if let error, !console.isQuiet { Console.diagnostic(error.message) }
    guard let summary else { return }
    console.line()
    console.line("ledger     \(summary.network), until \(summary.time)")
    console.line("genesis    \(summary.genesis)")
    if checks[Check.genesisDigest.rawValue - 1].result == .notCompared {
      console.line("           compared with nothing: ask a source you trust for this hash, and")
      console.line("           give it with --genesis")
    }
    console.line(
      "consortium \(Quantity.count(summary.consortiumBlocks, "block")), "
        + Quantity.count(summary.doctors, "doctor"))
    for hospital in summary.hospitals { console.line("\(hospital)") }
    console.line()
    console.line("An export proves what had been recorded up to its checkpoints. It does not prove")
    for item in notProven { console.line("  \(item)") }
  }
}

extension Audit.Summary {
  fileprivate init(_ report: Ledger.Verification.Report) {
    network = report.network
    genesis = "\(report.genesisDigest)"
    time = LedgerTime.text(report.time)
    consortiumBlocks = report.consortiumBlocks
    doctors = report.doctors
    hospitals = report.hospitals.map {
      Audit.Hospital(
        name: $0.name, blocks: $0.blocks, finalBlocks: $0.finalBlocks, visits: $0.visits,
        acknowledged: $0.acknowledged, disputed: $0.disputed, abandoned: $0.abandoned,
        refusedEntries: $0.refusedEntries)
    }
  }
}

extension Audit.Hospital: CustomStringConvertible {
  /// As `hospital-1 9 blocks, 9 final: 2 visits, 2 acknowledged, 1 refused entry`.
  var description: String {
    let exceptional = [(disputed, "disputed"), (abandoned, "abandoned")]
      .filter { $0.0 > 0 }.map { ", \($0.0) \($0.1)" }.joined()
    return "\(name) \(Quantity.count(blocks, "block")), \(finalBlocks) final: "
      + "\(Quantity.count(visits, "visit")), \(acknowledged) acknowledged\(exceptional), "
      + Quantity.count(refusedEntries, "refused entry")
  }
}
