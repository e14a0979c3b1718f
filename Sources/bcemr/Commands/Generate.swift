import ArgumentParser
import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import SQLiteBackend
import Synchronization

struct Generate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a ledger of many visits, to measure with.",
    discussion: """
      Every key and every signature is real, and the folder opens, exports and verifies like any \
      other; on a folder that has a consortium, its ledger grows. What is not made are findings and \
      sealed records: their digests are random, so 'bcemr fsck' misses them. Ledger time goes on by a \
      minute for each 512 visits, and ends at the present.
      """)

  @Option(help: ArgumentHelp("How many visits.", valueName: "n"))
  var visits: Int

  @Option(help: ArgumentHelp("Where the consortium lives.", valueName: "folder"))
  var data: String

  @Option(
    help: ArgumentHelp(
      "How many hospitals have visits, 1 to 16; a new consortium has at least three.",
      valueName: "n"))
  var hospitals = 1

  @Option(help: ArgumentHelp("How many doctors sign a visit, 1 to 16.", valueName: "n"))
  var team = 3

  @OptionGroup var output: OutputOptions

  struct Report: Encodable {
    let genesis: String
    let visits: Int
    /// Consortium blocks on which they were made, about.
    let rounds: Int
    let openingNanoseconds: UInt64
    /// Of a visit: judging, confirming and anchoring; and all, signing too, as time passed.
    let ledgerNanosecondsPerVisit: UInt64
    let nanosecondsPerVisit: UInt64
    let nanoseconds: UInt64
    let peakMemory: Int
    /// What has to be known and is no fault; absent if there is nothing.
    var remarks: [DemoReport.Remark]?
  }

  func validate() throws {
    guard visits > 0 else { throw ValidationError("--visits is at least 1") }
    guard (1...16).contains(hospitals) else { throw ValidationError("--hospitals is 1 to 16") }
    guard (1...Limits.teamSize).contains(team) else {
      throw ValidationError("--team is 1 to \(Limits.teamSize)")
    }
  }

  func run() async throws {
    let console = output.console
    let start = MonotoneTime.nanoseconds()
    try LedgerWitness.requireFree(data)
    let folder = try DataFolder(path: data)
    let report = try await FolderRun.run(in: folder, telling: { console.line($0) }) { run in
      var report = try await generate(
        in: folder, after: run.ledger?.consortium.time, since: start
      ) { try run.begin() }
      report.remarks = run.remarks
      return report
    }
    if output.json {
      Console.write(report)
      return
    }
    console.line(
      "\(data): \(Quantity.count(report.visits, "visit")) in "
        + "\(Quantity.time(nanoseconds: report.nanoseconds)), "
        + "\(Quantity.time(nanoseconds: report.nanosecondsPerVisit)) each, "
        + "\(Quantity.time(nanoseconds: report.ledgerNanosecondsPerVisit)) of them on the ledger; "
        + "opened in \(Quantity.time(nanoseconds: report.openingNanoseconds)), "
        + "\(Quantity.bytes(report.peakMemory)) of memory")
    console.line("genesis \(report.genesis)")
  }

  private func generate(
    in folder: DataFolder, after last: UInt64?, since start: UInt64,
    beforeSigning: @escaping @Sendable () throws -> Void
  ) async throws -> Report {
    let console = output.console
    defer { console.endProgress() }
    let clock = GeneratedTime(
      rounds: (visits + LocalConsortium.generationRound - 1) / LocalConsortium.generationRound,
      after: last)
    var configuration = LocalConsortium.Configuration(teamSize: team)
    configuration.hospitals = max(configuration.hospitals, hospitals)
    let consortium = try await LocalConsortium.open(
      storage: folder, configuration: configuration,
      environment: .init(
        clock: clock.now, nanoseconds: MonotoneTime.nanoseconds, beforeSigning: beforeSigning))
    let opening = MonotoneTime.nanoseconds() - start
    let result: LocalConsortium.Generation
    do {
      result = try await consortium.generateVisits(
        visits, hospitals: hospitals, advancingClock: clock.advance,
        progress: { console.progress("\($0) of \(visits) visits") })
    } catch {
      throw await consortium.cause(of: error)
    }
    return Report(
      genesis: "\(consortium.genesis.digest)", visits: result.visits, rounds: result.rounds,
      openingNanoseconds: opening,
      ledgerNanosecondsPerVisit: result.ledgerNanoseconds / UInt64(visits),
      nanosecondsPerVisit: result.nanoseconds / UInt64(visits), nanoseconds: result.nanoseconds,
      peakMemory: PeakMemory.bytes())
  }
}

/// A clock that goes on when it is told to, and comes to the present at the end.
private final class GeneratedTime: Sendable {
  private let time: Mutex<UInt64>
  private let step: UInt64

  init(rounds: Int, after last: UInt64?) {
    let present = LedgerTime.now()
    // Two more: the founding, and the anchor of the last round.
    let steps = UInt64(rounds) + 2
    let start = max(last ?? 0, present - min(present, 60 * steps))
    step = max(1, (present - min(present, start)) / steps)
    time = Mutex(start)
  }

  var now: @Sendable () -> UInt64 { { self.time.withLock { $0 } } }
  var advance: @Sendable () -> Void { { self.time.withLock { $0 += self.step } } }
}
