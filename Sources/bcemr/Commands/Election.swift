import ArgumentParser
import Foundation
import Ledger
import SQLiteBackend

/// What is public of an election, and its result, so that anybody can count again.
struct ShowElection: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "election",
    abstract: "Show who is elected to decide the blocks of an epoch, and why.",
    discussion: """
      Without --epoch, the election that ends the present epoch, as it would be if it ended now. With \
      it, the one that gave that epoch its seats, made again from the leaves before it. Everything \
      that the result depends on is shown: candidates with their turns, approvals, and who had the \
      seats before (specification 6.12).
      """)

  @Argument(help: "The folder that 'bcemr demo --data' made.")
  var folder: String

  // What begins with a dash is a value too, so that it is named as a wrong one.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The epoch whose seats were elected, from 1.", valueName: "number"),
    transform: EpochArgument.number)
  var epoch: UInt64?

  @Flag(help: "Show how each seat was given.")
  var explain = false

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let existing = try ExistingFolder(folder)
    let view = try existing.consortium()
    let present = existing.genesis.epoch(ofHeight: view.height)
    let election: Election
    if let epoch {
      guard epoch >= 1, epoch <= present else {
        throw CommandFailure(
          .badInput, code: "no-election",
          present == 0
            ? "no epoch of this ledger is over yet: the genesis has the delegates of epoch 0"
            : "the epochs of this ledger with an election are 1 to \(present)")
      }
      let store = CachedStateStore(
        empty: try SQLiteStateStore.temporary(in: FileManager.default.temporaryDirectory.path))
      election = try view.election(ofEpoch: epoch, replayingInto: store)
    } else {
      election = try view.election(afterEpoch: present)
    }
    let report = ElectionReport(
      election, epoch: epoch ?? present + 1, isOver: epoch != nil, explains: explain)
    if output.json { Console.write(report) } else { report.print(to: output.console) }
  }
}

private struct ElectionReport: Encodable {
  struct Candidate: Encodable {
    let id: String
    let organisation: String
    let barred: Bool
    let turns: UInt64
    let missed: UInt64
    let approvedBy: [String]
  }

  struct Seat: Encodable {
    let seat: Int
    /// Absent if the seat is vacant.
    let delegate: String?
    let reason: String
    /// Exact, as `17/6`.
    let weight: String?
    /// With `--explain`: whom the rule considered, in its order.
    let standings: [Standing]?
  }

  struct Standing: Encodable {
    let candidate: String
    let weight: String
    /// Why the seat could not be its own.
    let obstacle: String?
  }

  let epoch: UInt64
  /// Whether the seats are those of the epoch, and not what they would be now.
  let over: Bool
  let former: [String]
  let candidates: [Candidate]
  let seats: [Seat]

  init(_ election: Election, epoch: UInt64, isOver: Bool, explains: Bool) {
    self.epoch = epoch
    over = isOver
    former = election.former
    candidates = election.candidates.sorted { $0.id < $1.id }.map { candidate in
      Candidate(
        id: candidate.id, organisation: candidate.organisation, barred: candidate.isBarred,
        turns: candidate.turns, missed: candidate.missed,
        approvedBy: election.approvals.filter { $0.value.contains(candidate.id) }.keys.sorted())
    }
    seats = election.steps().enumerated().map { number, step in
      let (reason, weight) = Self.words(step.seat.reason)
      return Seat(
        seat: number, delegate: step.seat.delegate, reason: reason, weight: weight,
        standings: explains ? step.standings.map(Standing.init) : nil)
    }
  }

  private static func words(_ reason: Election.Seat.Reason) -> (reason: String, weight: String?) {
    switch reason {
    case .approved(let weight): ("approved", "\(weight)")
    case .former: ("former", nil)
    case .unapproved: ("unapproved", nil)
    case .waived: ("waived", nil)
    case .vacant: ("vacant", nil)
    }
  }

  func print(to console: Console) {
    console.line(
      over
        ? "The seats of epoch \(epoch):" : "The seats of epoch \(epoch), if the election were now:")
    console.line(
      Table.text(
        seats.map { seat in
          [
            "  \(seat.seat)", seat.delegate ?? "-",
            seat.weight.map { "approved, weight \($0)" } ?? Self.meanings[seat.reason] ?? "",
          ]
        }, leading: 3))
    console.line()
    console.line(
      Table.text(
        [["candidate", "organisation", "turns", "missed", "approved by"]]
          + candidates.map { candidate in
            [
              candidate.id, candidate.organisation + (candidate.barred ? " (barred)" : ""),
              "\(candidate.turns)", "\(candidate.missed)",
              candidate.approvedBy.joined(separator: ", "),
            ]
          }, leading: 5))
    console.line()
    console.line("before     \(former.joined(separator: ", "))")
    for seat in seats {
      guard let standings = seat.standings else { continue }
      console.line()
      console.line("seat \(seat.seat): \(seat.delegate ?? "nobody")")
      for standing in standings {
        console.line(
          "  \(standing.candidate)" + (seat.weight == nil ? "" : ", weight \(standing.weight)")
            + (standing.obstacle.map { ": \($0)" } ?? ""))
      }
    }
  }

  private static let meanings = [
    "former": "had a seat before", "unapproved": "stands, and nobody approves it",
    "waived": "missed turns, and nobody else is left", "vacant": "nobody is left",
  ]
}

extension ElectionReport.Standing {
  fileprivate init(_ standing: Election.Standing) {
    candidate = standing.candidate
    weight = "\(standing.weight)"
    obstacle =
      switch standing.obstacle {
      case nil: nil
      case .barred: "its organisation was convicted"
      case .missedTurns: "it missed more than half of its turns"
      case .organisationHasItsShare: "its organisation has its share of seats"
      }
  }
}
