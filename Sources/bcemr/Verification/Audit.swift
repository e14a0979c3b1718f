import CanonicalEncoding
import Foundation
import Ledger
import SQLiteBackend

/// An offline check of an export, with everything to be told about its result.
struct Audit: Encodable {
  typealias Check = Ledger.Verification.Check

  struct Step: Encodable {
    enum Result: String, Encodable {
      case passed
      /// Of the chains that were reached.
      case passedInPart = "passed-in-part"
      case failed
      case notCompared = "not-compared"
      case notReached = "not-reached"
    }

    let check: String
    let meaning: String
    let result: Result
    /// The chains of which nothing is said, since another check of them failed before.
    var notReached: [String] = []
  }

  struct Fault: Encodable {
    let code: String
    let message: String
    /// The block that is not valid any more; 0 if the chain is not judged block by block.
    let block: UInt64
    /// The message without the check and the block.
    let reason: String

    private enum CodingKeys: String, CodingKey {
      case code, message, block
    }
  }

  struct Chain: Encodable {
    let name: String
    let generation: UInt64
    let blocks: UInt64
    let leaves: UInt64
    let finalLeaves: UInt64
    let visits: UInt64
    let acknowledged: UInt64
    let disputed: UInt64
    let abandoned: UInt64
    let unprovenTimes: UInt64
    /// Among ``visits``.
    let addenda: UInt64
    let unprovenAddenda: UInt64
    /// Whether a log key of the chain was convicted.
    let barred: Bool
    /// Whether the export has no file of it.
    let absent: Bool
    let fault: Fault?
  }

  struct Summary: Encodable {
    struct Halt: Encodable {
      let block: UInt64
      let seconds: UInt64
    }

    struct Conviction: Encodable {
      let organisation: String
      let count: UInt64
      /// Whether it is not elected, since no vote has readmitted it.
      let barred: Bool
    }

    struct Members: Encodable {
      let epoch: UInt64
      let organisations: Int
      let voters: Int
      let digest: String
    }

    let network: String
    let genesis: String
    /// Of the last block, in ledger time.
    let time: String
    let doctors: UInt64
    /// Of the last block.
    let members: Members
    let chains: [Chain]
    let halts: [Halt]
    let convictions: [Conviction]
  }

  private enum CodingKeys: String, CodingKey {
    case file, passed, genesisCompared, checks, error, summary, remarks, notProven
  }

  /// What was read, if it was a file that was read to its end.
  let file: InputFile.Content?
  let passed: Bool
  /// Whether the user said which ledger is meant; without it nothing says whose this is.
  let genesisCompared: Bool
  let checks: [Step]
  let error: ReportedError?
  let summary: Summary?
  /// What has to be known and is no fault; absent if there is nothing.
  let remarks: [DemoReport.Remark]?
  /// The names of those that the export has not, and that nobody has asked for: no fault of what was.
  let chainsElsewhere: [String]
  let notProven = [
    "freshness: the ledger may have gone on after the last checkpoint in the file",
    "omission: an entry that the ledger was never given leaves no trace in it",
    "identity: which person or organisation stands behind a key, nor whether the patient was there",
    "truth: whether what the doctors found is right",
    "time: when a patient was examined; times are of signing, by the ledger's own clock",
    "custody: whether the cloud still has a record that it has signed for",
    "delegates: more than two thirds of a set, also of a former one, can make another history; a"
      + " checkpoint from another source shows it",
  ]

  /// - Parameters:
  ///   - path: a file or a folder of tiles.
  ///   - genesis: the ledger that is meant.
  ///   - knownNote: a checkpoint from before.
  ///   - chains: those that have to be valid, all if there is none.
  ///   - keep: given the store of each chain.
  /// - Throws: ``CommandFailure`` for a path that is no export at all.
  init(
    _ path: String, genesis: Digest32?, knownNote: String? = nil, chains wanted: [String] = [],
    console: Console, keeping keep: (_ chain: String, any StateStore) -> Void = { _, _ in }
  ) throws {
    try Self.requireExport(path)
    let folder = FileManager.default.temporaryDirectory.path
    func run(_ source: inout some ExportSource) throws -> Ledger.Verification.Report {
      try Ledger.Verification.verify(
        &source, genesisDigest: genesis, knownNote: knownNote,
        stores: { chain in
          let store = CachedStateStore(empty: try SQLiteStateStore.temporary(in: folder))
          keep(chain, store)
          return store
        },
        progress: { chain, leaves, size in
          console.progress("\(chain): \(leaves) of \(size) leaves")
        })
    }
    let outcome: Result<Ledger.Verification.Report, Ledger.Verification.Failure>
    var content: InputFile.Content?
    var leftOver: (count: Int, first: String)?
    do {
      if SystemFile.isFolder(path) {
        var source = FolderSource(folder: path)
        outcome = .success(try run(&source))
        leftOver = source.leftOver()
      } else {
        let file = try InputFile(path)
        var source = UstarSource { try file.read($0) }
        // What was checked is the whole file, also where a check stopped before its end.
        defer {
          while let rest = try? file.read(1 << 20), !rest.isEmpty {}
          content = file.content
        }
        outcome = .success(try run(&source))
      }
    } catch let failure as Ledger.Verification.Failure {
      outcome = .failure(failure)
    }
    console.endProgress()
    file = content

    switch outcome {
    case .failure(let failure):
      passed = false
      genesisCompared = genesis != nil && failure.check.rawValue > Check.genesisDigest.rawValue
      error = ReportedError(code: "\(failure.check)", message: "\(failure)")
      (summary, remarks, chainsElsewhere) = (nil, nil, [])
      checks = Check.allCases.map { check in
        // Reading stopped there: of what is checked file by file nothing was checked to its end.
        let isPassed =
          check.isOfGenesis && check.rawValue < failure.check.rawValue
          && failure.check != .archive
        return Step(
          check: "\(check)", meaning: check.meaning,
          result: check == failure.check
            ? .failed
            : !isPassed
              ? .notReached
              : check == .genesisDigest && genesis == nil ? .notCompared : .passed)
      }
    case .success(let report):
      let names = report.chains.map(\.name)
      if let unknown = wanted.first(where: { !names.contains($0) }) {
        throw CommandFailure(
          .badInput, code: "unknown-chain", "there is no chain \(unknown) in this ledger")
      }
      let faulty = report.chains.filter {
        wanted.isEmpty
          ? $0.fault != nil : wanted.contains($0.name) && ($0.fault != nil || $0.isAbsent)
      }
      let elsewhere = report.chains.filter {
        !wanted.isEmpty && !wanted.contains($0.name) && $0.isAbsent && $0.fault?.check == .anchors
      }.map(\.name)
      chainsElsewhere = elsewhere
      let isCompared = report.knownCheckpointIsCompared
      genesisCompared = report.isGenesisCompared
      passed = faulty.isEmpty && isCompared != false
      error =
        faulty.first.map { chain in
          // Of a chain that is asked for, and of which nothing is anchored, nothing is wrong, and nothing seen.
          chain.fault.map { ReportedError(code: "\($0.check)", message: "\(chain.name): \($0)") }
            ?? ReportedError(
              code: "absent-chain", message: "\(chain.name): no file of it is in this export")
        }
        ?? (isCompared == false
          ? ReportedError(
            code: "\(Check.knownCheckpoint)",
            message:
              "\(Check.knownCheckpoint) failed: the known checkpoint is of no chain of this ledger"
          ) : nil)
      checks = Check.allCases.map { check in
        let fails = report.chains.contains {
          $0.fault?.check == check && !elsewhere.contains($0.name)
        }
        let missing = report.chains.filter {
          elsewhere.contains($0.name) ? check.isOfChain : !check.isReached(in: $0)
        }.map(\.name)
        let passed: Step.Result =
          missing.isEmpty ? .passed : missing == names ? .notReached : .passedInPart
        let result: Step.Result =
          switch check {
          case _ where fails: .failed
          case .genesisDigest where !report.isGenesisCompared: .notCompared
          case .knownCheckpoint: isCompared.map { $0 ? .passed : .failed } ?? .notCompared
          default: passed
          }
        return Step(
          check: "\(check)", meaning: check.meaning, result: result,
          notReached: result == .notCompared ? [] : missing)
      }
      summary = Summary(report)
      let found = Self.remarks(on: report, leftOver: leftOver)
      remarks = found.isEmpty ? nil : found
    }
  }

  /// - Throws: ``CommandFailure`` for what does not even begin like an export.
  private static func requireExport(_ path: String) throws {
    // What comes on standard input can be read once.
    if path == "-" { return }
    if SystemFile.isFolder(path), DataFolder.isPlace(path) {
      throw CommandFailure(
        .badInput, code: "not-an-export",
        "\(path): this is the data folder of a consortium, and no export of its ledger",
        hint:
          "'bcemr export --data \(path) --output FILE' writes one; 'bcemr fsck \(path)' checks the folder"
      )
    }
    let isExport =
      SystemFile.isFolder(path)
      ? FileManager.default.fileExists(atPath: "\(path)/\(ExportPath.genesis)")
      : try SystemFile.beginsLikeExport(path)
    guard isExport else {
      throw CommandFailure(
        .badInput, code: "not-an-export", "\(path): this is no export of a ledger",
        hint: "'bcemr inspect' says what a file is")
    }
  }

  /// The names of those that are here, or were asked for, and have a fault.
  var faultyChains: [String] {
    (summary?.chains ?? []).filter { $0.fault != nil }.map(\.name)
      .filter { !chainsElsewhere.contains($0) }
  }

  /// Of which chains a step says nothing: since one before it failed, and since they are in another file.
  func lacking(_ step: Step) -> (notReached: [String], elsewhere: [String]) {
    guard [.passedInPart, .failed].contains(step.result) else { return ([], []) }
    return (
      step.notReached.filter { !chainsElsewhere.contains($0) },
      step.notReached.filter(chainsElsewhere.contains)
    )
  }

  func print(to console: Console) {
    console.line(
      Table.text(
        checks.map { step in
          let lacks = lacking(step)
          var meaning = step.meaning
          if !lacks.notReached.isEmpty {
            meaning += "; not reached of \(lacks.notReached.joined(separator: ", "))"
          }
          if !lacks.elsewhere.isEmpty {
            meaning += "; not in this file: \(lacks.elsewhere.joined(separator: ", "))"
          }
          return [step.check, step.result.rawValue.replacing("-", with: " "), meaning]
        }, leading: 3))
    if let error, !console.isReported { Console.diagnostic(error.message) }
    guard let summary else { return }
    console.line()
    console.line("ledger     \(summary.network), until \(summary.time)")
    console.line("genesis    \(summary.genesis)")
    if checks[Check.genesisDigest.rawValue - 1].result == .notCompared {
      console.line("           compared with nothing: ask a source you trust for this hash, and")
      console.line("           give it with --genesis")
    }
    console.line("doctors    \(summary.doctors)")
    // Of the first epoch the genesis says it.
    if summary.members.epoch > 0 {
      console.line(
        "members    \(summary.members.organisations) organisations, \(summary.members.voters) with "
          + "a vote, in epoch \(summary.members.epoch)")
    }
    for chain in summary.chains {
      let isElsewhere = chainsElsewhere.contains(chain.name)
      console.line(isElsewhere ? chain.elsewhere : "\(chain)")
    }
    if !summary.halts.isEmpty {
      let seconds = summary.halts.reduce(0) { $0 + $1.seconds }
      console.line(
        "halts      \(summary.halts.count), \(seconds) s in all: by these nobody became late")
    }
    for conviction in summary.convictions {
      let times = conviction.count == 1 ? "once" : "\(conviction.count) times"
      console.line(
        "convicted  \(conviction.organisation), \(times), of contradicting signatures"
          + (conviction.barred ? "" : ", and readmitted by vote"))
    }
    for remark in remarks ?? [] { console.line("remark     \(remark.message)") }
    console.line()
    console.line("An export proves what had been recorded up to its checkpoints. It does not prove")
    for item in notProven { console.line("  \(item)") }
  }
}

extension Ledger.Verification.Check {
  /// Whether it is done with before any chain is read.
  fileprivate var isOfGenesis: Bool { self == .genesisDigest || self == .genesisRules }

  /// Whether it says something of each chain, and not of the export.
  fileprivate var isOfChain: Bool { [.tree, .checkpoint, .rules, .anchors].contains(self) }

  /// Whether it was made of a chain: where one check of it fails, those behind it say nothing of it
  /// (specification 7). Eq. 3 and the anchors are judged by what a chain is, once that is known.
  fileprivate func isReached(in chain: Ledger.Verification.ChainReport) -> Bool {
    let order: [Self] = [.archive, .tree, .checkpoint, .knownCheckpoint, .rules, .anchors]
    guard let fault = chain.fault, let failed = order.firstIndex(of: fault.check),
      let own = order.firstIndex(of: self)
    else { return true }
    return own <= failed
  }
}

extension Audit.Summary {
  fileprivate init(_ report: Ledger.Verification.Report) {
    network = report.network
    genesis = "\(report.genesisDigest)"
    time = LedgerTime.text(report.time)
    doctors = report.doctors
    chains = report.chains.map(Audit.Chain.init)
    halts = report.halts.map { Halt(block: $0.height, seconds: $0.seconds) }
    convictions = report.convictions.map {
      Conviction(organisation: $0.organisation, count: $0.count, barred: $0.isBarred)
    }
    members = Members(
      epoch: report.members.epoch, organisations: report.members.organisations,
      voters: report.members.voters, digest: "\(report.members.digest)")
  }
}

extension Audit.Chain: CustomStringConvertible {
  fileprivate init(_ report: Ledger.Verification.ChainReport) {
    name = report.name
    generation = report.generation
    blocks = report.blocks
    leaves = report.leaves
    finalLeaves = report.finalLeaves
    visits = report.visits.complete
    acknowledged = report.visits.acknowledged
    disputed = report.visits.disputed
    abandoned = report.visits.abandoned
    unprovenTimes = report.visits.unprovenTimes
    addenda = report.visits.addenda
    unprovenAddenda = report.visits.unprovenAddenda
    barred = report.isBarred
    absent = report.isAbsent
    fault = report.fault.map {
      Audit.Fault(code: "\($0.check)", message: "\($0)", block: $0.height, reason: $0.reason)
    }
  }

  /// What is said where nobody has asked for it, and it is in another file.
  var elsewhere: String {
    "\(name) is not in this file, and was not asked for"
      + (fault.map { ": \($0.reason)" } ?? "")
  }

  /// As `hospital-1 valid to block 9, 52 of 57 leaves final: 2 visits, 2 acknowledged`.
  var description: String {
    if blocks == 0, fault == nil {
      return name == ChainName.consortium
        ? "\(name) has no block here" : "\(name) has no block here, and none of it is anchored"
    }
    if absent, let fault { return "\(name) is not in this export: \(fault.message)" }
    let validity =
      blocks == 0 ? "no valid block" : "valid to block \(blocks - 1)"
    var text = "\(name) \(validity)"
    if name != ChainName.consortium {
      let exceptional = [
        (addenda, "addenda"), (unprovenAddenda, "of them unproven"), (disputed, "disputed"),
        (abandoned, "abandoned"), (unprovenTimes, "of unproven time"),
      ].filter { $0.0 > 0 }.map { ", \($0.0) \($0.1)" }.joined()
      text +=
        blocks == 0
        ? ": nothing is known of its visits"
        : ", \(finalLeaves) of \(leaves) leaves final: "
          + "\(Quantity.count(Int(visits), "visit")), \(acknowledged) acknowledged\(exceptional)"
    }
    if let fault { text += "; then \(fault.message)" }
    if barred { text += "; a log key of it is convicted, and it is anchored no more" }
    return text
  }
}
