import CanonicalEncoding
import ClinicalRecords
import Consortium
import QRCodes
import Synchronization
import TerminalText

/// Tells what happens in the consortium, in the words of a hospital.
final class Narrator: Sendable {
  private let console: Console
  private let team: Int
  /// The visit that is being held.
  private let visit = Mutex<Visit?>(nil)
  /// How the doctors of this visit know that the patient is there.
  private let seen = Mutex<[(doctor: String, by: String)]>([])
  /// The labels of codes that are still to be drawn, one of each.
  private let undrawn: Mutex<Set<String>>

  /// - Parameter drawsCodes: whether the first ticket and the first presence are drawn.
  init(_ console: Console, team: Int, drawsCodes: Bool) {
    (self.console, self.team) = (console, team)
    undrawn = Mutex(drawsCodes ? ["ticket", "presence"] : [])
  }

  var presences: [(doctor: String, by: String)] { seen.withLock { $0 } }

  func begin(_ visit: Visit, number: Int, of count: Int) {
    self.visit.withLock { $0 = visit }
    seen.withLock { $0 = [] }
    console.heading("Visit \(number) of \(count): \(visit.summary)")
  }

  func begin(_ addendum: Visit, addendumTo visit: Int, number: Int) {
    self.visit.withLock { $0 = addendum }
    seen.withLock { $0 = [] }
    console.heading("Addendum \(number) to visit \(visit): \(addendum.summary)")
  }

  func tell(_ event: ConsortiumEvent) {
    switch event {
    case .founded(let genesis):
      console.line("A new consortium; its ledger is \(genesis).")
    case .reopened(let genesis, let foundedAt):
      console.line(
        "The consortium that was founded \(LedgerTime.text(foundedAt)); its ledger is \(genesis).")
    case .doctorRegistered: break
    case .ticketIssued(let hospital, _, let code, let words):
      console.line("  The counter of \(hospital) identifies the patient and hands out a ticket.")
      draw("ticket", code, "  As words: \(words.joined(separator: " ")).")
    case .presenceShown(_, let doctor, let code, let words):
      presence(doctor, code, words)
    case .visitOpened(let visit, let hospital, let team, _, let attempt):
      if attempt > 1 {
        console.line("  An interrupted attempt is closed as abandoned; this is attempt \(attempt).")
      }
      console.line(
        "  Admitted to \(hospital) under a new pseudonym; the patient agrees to a team of")
      console.line("  \(team.doctors.joined(separator: ", ")).")
      console.line("  \(Self.reason(of: team)).")
      console.line("  The visit is \(visit) of \(hospital).")
    case .visitKnown(let visit, let hospital):
      console.line("  \(hospital) has held this visit already; it is not repeated.")
      console.line("  The visit is \(visit) of \(hospital).")
    case .groupKeyAgreed:
      console.line("  The team has a group key, which it shares with the hospital alone.")
    case .signed(_, let doctor, let position, let attempt, let deadline):
      signed(doctor, position, attempt, deadline)
    case .sealed(_, let doctor):
      console.line("  \(doctor) seals the record, so that only the patient can open it.")
    case .completed(_, let hospital, let standing):
      console.line(
        "  The cloud keeps the sealed record; the visit has its block: \(standing.told(by: hospital))."
      )
    case .final:
      console.line("  Hospital and cloud confirm the block, the consortium anchors it: final.")
    case .receipted(_, let hospital, let isAcknowledged, let standing):
      console.line(
        isAcknowledged
          ? "  The patient opens the record, compares it with the ledger, and signs the receipt,"
          : "  The record is not what the team signed: the patient DISPUTES it in a receipt,")
      console.line("  which is \(standing.told(by: hospital)).")
    case .accessRequested(let doctor, _, let purpose):
      console.line("  \(doctor) asks to read earlier visits, for \(purpose).")
    case .consented, .recordShared, .revoked: break
    }
  }

  private func presence(_ doctor: String, _ code: String, _ words: [String]?) {
    seen.withLock { $0.append((doctor, words == nil ? "code" : "words")) }
    guard let words else {
      console.line("  \(doctor) reads the code on the patient's device: the patient is there.")
      draw("presence", code)
      return
    }
    console.line("  \(doctor) is elsewhere; on the telephone the patient reads out")
    console.line("  \(words.joined(separator: " ")), the words that \(doctor) has too.")
  }

  /// Draws a code if it is the first of its kind.
  private func draw(_ label: String, _ text: String, _ caption: String? = nil) {
    guard undrawn.withLock({ $0.remove(label) }) != nil, let code = try? QRCode(text) else {
      return
    }
    console.verbatim(code.drawn(console.usesColor ? .fixed : .own) + "\n")
    if let caption { console.line(caption) }
  }

  /// Which rule chose a team, and for what.
  private static func reason(of team: TeamChoice) -> String {
    let wanted = team.places.compactMap { place in
      place.specialty.map { DemonstrationStaff.name(of: $0) }
    }
    let rest = team.places.count - wanted.count
    switch team.ground {
    case .clerk: return "The counter named them"
    case .rotation: return "No rule matches what the patient complains of; it was their turn"
    case .rule(let name):
      let turns = rest == 0 ? "" : wanted.isEmpty ? "; it was their turn" : "; the rest by turns"
      let specialties = wanted.isEmpty ? "" : ": " + wanted.joined(separator: ", then ")
      return "The hospital's rule \"\(printable(name))\"\(specialties)\(turns)"
    }
  }

  private func signed(_ doctor: String, _ position: Int, _ attempt: Int, _ deadline: UInt64) {
    if attempt > 1 {
      console.line("  \(doctor) signs again, which withdraws the first signature.")
      return
    }
    let share = visit.withLock { $0?.share(ofPosition: position, team: team) } ?? ""
    let checked =
      position == 1
      ? "" : ", after checking \(Quantity.count(position - 1, "earlier signature"))"
    console.line("  \(doctor) signs \(share)\(checked).")
  }
}

extension SubmissionStanding {
  /// As `written by hospital-1`, or `confirmed by the cloud at 17`.
  ///
  /// - Parameter hospital: whose chain it is.
  func told(by hospital: String) -> String {
    switch self {
    case .sent: "sent to \(hospital), which has shown nothing"
    case .written: "written by \(hospital)"
    case .refused(let code, _): "refused by \(hospital) (\(code))"
    case .demanded(let index): "demanded before everybody at \(index)"
    case .confirmed(let index): "confirmed by the cloud at \(index)"
    case .final(let index): "final at \(index)"
    }
  }
}
