import CanonicalEncoding
import Consortium
import Credentials
import DeskInterface
import Foundation
import Ledger

extension IssueTicket: HandledRequest {
  func perform(at desk: Desk) async throws -> Answer {
    let hospital = try desk.hospital(role)
    let ticket = try await hospital.issueTicket(for: identity)
    let key = try ticket.key(
      genesis: hospital.node.genesis.digest, hospital: hospital.id
    ).publicKey
    guard let issued = try await hospital.issued(key) else {
      throw DaemonFailure(.badInput, "the ticket was voided meanwhile", code: "voided")
    }
    return Answer(
      ticket: key.hex, expires: Date.text(issued.expiresAt), words: ticket.words,
      code: ticket.text)
  }
}

/// The tickets of a person that have opened no visit.
struct ListTickets: HandledRequest {
  static let name = "tickets"
  static let stores = false

  var role: String?
  var identity: String

  struct Answer: DeskAnswer {
    struct Ticket: Codable, Sendable {
      var ticket: String
      var expires: String
      /// Whether a form has come with it.
      var isUsed: Bool
    }

    var tickets: [Ticket]
    var lines: [String] {
      if tickets.isEmpty { return ["there are none"] }
      return tickets.map { "\($0.ticket)  until \($0.expires)  \($0.isUsed ? "used" : "not used")" }
    }
  }

  func perform(at desk: Desk) async throws -> Answer {
    let hospital = try desk.hospital(role)
    var tickets: [Answer.Ticket] = []
    for key in try await hospital.openTickets(of: identity) {
      guard let issued = try await hospital.issued(key) else { continue }
      tickets.append(
        Answer.Ticket(
          ticket: key.hex, expires: Date.text(issued.expiresAt), isUsed: issued.form != nil))
    }
    return Answer(tickets: tickets)
  }
}

/// Takes a ticket back, with the visit that it was offered; one that is open stays.
struct VoidTicket: HandledRequest {
  static let name = "void-ticket"
  static let stores = false

  var role: String?
  /// Its public key, 64 hexadecimal digits.
  var ticket: String

  func perform(at desk: Desk) async throws -> DeskDone {
    let hospital = try desk.hospital(role)
    guard let key = Digest32(hex: ticket)?.bytes else {
      throw DaemonFailure(
        .badInput, "this is no ticket", code: "bad-ticket",
        hint: "the 64 hexadecimal digits that 'bcemrd desk tickets' shows")
    }
    let isKnown = try await hospital.isIssued(key)
    try await hospital.voidTicket(key)
    return DeskDone(changed: isKnown)
  }
}

/// Names the team of an Encounter above rule and roster, or takes that back.
struct AssignTeam: HandledRequest {
  static let name = "team"

  var role: String?
  var identity: String
  var encounter: String
  /// In the order s; nil takes back what was named.
  var doctors: [String]?

  func perform(at desk: Desk) async throws -> DeskDone {
    let hospital = try desk.hospital(role)
    try await hospital.assign(doctors, toEncounter: encounter, of: identity)
    return DeskDone(changed: true)
  }
}

/// Sets who is on duty and which condition gets which team, from the next admission on.
struct SetStaffing: HandledRequest {
  static let name = "staffing"

  var role: String?
  /// As in docs/command-line.md.
  var plan: String

  func perform(at desk: Desk) async throws -> DeskDone {
    let hospital = try desk.hospital(role)
    let plan = try StaffingPlan(json: Array(plan.utf8))
    // Whatever stands there, readable or not, a new plan takes its place.
    let isNew = (try? await hospital.staffing()) != plan
    try await hospital.setStaffing(plan)
    return DeskDone(changed: isNew)
  }
}

/// What was set.
struct ReadStaffing: HandledRequest {
  static let name = "present-staffing"
  static let stores = false

  var role: String?

  struct Answer: DeskAnswer {
    var plan: String
    var lines: [String] { [plan] }
  }

  func perform(at desk: Desk) async throws -> Answer {
    let plan = try await desk.hospital(role).staffing()
    return Answer(plan: String(decoding: try plan.json(), as: UTF8.self))
  }
}

/// The visits that are open.
struct ListVisits: HandledRequest {
  static let name = "visits"
  static let stores = false
  /// How many are shown at most.
  private static let limit = 10_000

  var role: String?

  struct Answer: DeskAnswer {
    struct Visit: Codable, Sendable {
      var visit: String
      var opened: String
      /// Until when the doctor whose turn it is may sign, in ledger time, unless the ledger halts once more.
      var nextDeadline: String
      var lastDeadline: String
      /// In the order s.
      var team: [String]
      /// How many have signed.
      var signed: Int
      /// Whether it can only be abandoned any more: who is next is late.
      var isOver: Bool
    }

    /// By ledger time.
    var time: String
    /// Counted time, by which deadlines are judged: behind ledger time by all halts of the ledger.
    var countedTime: String
    /// These halts, in seconds: they are in the deadlines of the visits.
    var halts: UInt64
    var visits: [Visit]
    /// How many there are, shown or not.
    var count: Int
    /// Rows of the hospital's store that cannot be read.
    var damaged: [String]

    /// What becomes of a visit in which nobody can sign any more.
    private static let ending =
      "nobody can sign in it any more; it is closed when the patient comes with another ticket"

    var lines: [String] {
      [
        "ledger time \(time)"
          + (halts > 0 ? ", halts of \(halts) s in all, by which deadlines are later" : "")
      ]
        + visits.map {
          "\($0.visit)  opened \($0.opened)  next by \($0.nextDeadline)  last by \($0.lastDeadline)  "
            + "signed \($0.signed) of \($0.team.joined(separator: ", "))"
            + ($0.isOver ? "  over: \(Self.ending)" : "")
        } + (visits.isEmpty ? ["no visit is open"] : [])
        + (visits.count < count ? ["\(count - visits.count) more"] : [])
        + DeskText.lines(damaged: damaged)
    }
  }

  func perform(at desk: Desk) async throws -> Answer {
    let hospital = try desk.hospital(role)
    let visits = try await hospital.openVisits()
    let (ledger, counted) = try await hospital.times()
    let halts = ledger - min(ledger, counted)
    return Answer(
      time: Date.text(ledger), countedTime: Date.text(counted), halts: halts,
      visits: visits.prefix(Self.limit).map {
        Answer.Visit(
          visit: "\($0.visit)", opened: Date.text($0.beganAt),
          nextDeadline: Date.text($0.nextDeadline &+ halts),
          lastDeadline: Date.text($0.lastDeadline &+ halts),
          team: $0.team, signed: $0.signatureCount, isOver: $0.isOver(at: counted))
      }, count: visits.count, damaged: try await hospital.damagedRows())
  }
}
