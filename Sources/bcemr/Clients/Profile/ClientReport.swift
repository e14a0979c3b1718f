#if Network
  import CanonicalEncoding
  import Consortium
  import Credentials
  import QRCodes

  /// What a command of a doctor or a patient has to say.
  protocol ClientReport: Encodable, Sendable {
    func print(to console: Console)
  }

  extension OutputOptions {
    func deliver(_ report: some ClientReport) {
      if json { Console.write(report) } else { report.print(to: console) }
    }
  }

  /// How stands what was submitted, with what it is.
  struct SubmissionReport: Encodable, Sendable {
    /// signature, completion, receipt, consent or revocation.
    let kind: String
    let entry: String
    let hospital: String
    let visit: String
    let consent: String?
    let stands: DemoReport.StandingReport
    /// Since when it stands so.
    let since: String
    let demand: UInt64?
    let swallowedBy: String?
    /// Whether the hospital has signed less since than its cloud has confirmed.
    let contradicted: Bool

    init(_ submission: Submission) {
      kind = "\(submission.kind)"
      entry = "\(submission.entry)"
      hospital = submission.hospital
      visit = "\(submission.visit)"
      consent = submission.consent.map { "\($0)" }
      stands = DemoReport.StandingReport(submission.standing)
      since = LedgerTime.text(submission.since)
      demand = submission.demand
      swallowedBy = submission.swallowedBy
      contradicted = submission.isContradicted
    }

    static func words(_ submission: Submission) -> String {
      let about = submission.consent.map { "of consent \($0.short)" } ?? ""
      var text =
        "\(submission.kind) \(about.isEmpty ? "" : about + " ")in visit \(submission.visit.short): "
        + submission.standing.told(by: submission.hospital)
      if let party = submission.swallowedBy { text += ", swallowed by \(party)" }
      if submission.isContradicted { text += "; \(submission.hospital) denies it now" }
      return text
    }
  }

  extension Submission {
    /// Whether something is still to come.
    var isWaiting: Bool {
      switch standing {
      case .final, .refused: false
      case .sent, .written, .demanded, .confirmed: true
      }
    }
  }

  extension Digest32 {
    /// As much as tells it from others of one person.
    var short: String { String("\(self)".prefix(12)) }
  }

  /// Something that is named by the first digits of its digest.
  enum Named {
    /// - Parameter noun: as `consent`.
    /// - Throws: ``CommandFailure`` `unknown-<noun>`, `several-<noun>s`, `invalid-<noun>`.
    static func only<Found>(
      _ found: [Found], _ text: String, _ noun: String, hint: String,
      _ digest: (Found) -> Digest32
    ) throws -> Found {
      let digits = text.lowercased()
      guard (8...64).contains(digits.utf8.count), digits.allSatisfy(\.isHexDigit) else {
        throw CommandFailure(
          .badInput, code: "invalid-\(noun)",
          "\(text.debugDescription): a \(noun) is named by 64 hexadecimal digits, or the first 8 or "
            + "more of them")
      }
      let matching = found.filter { "\(digest($0))".hasPrefix(digits) }
      guard let first = matching.first else {
        throw CommandFailure(
          .badInput, code: "unknown-\(noun)", "there is no \(noun) \(digits)", hint: hint)
      }
      guard matching.count == 1 else {
        throw CommandFailure(
          .badInput, code: "several-\(noun)s",
          "\(matching.count) \(noun)s begin so: "
            + matching.prefix(4).map { "\(digest($0))" }.joined(separator: ", "),
          hint: "give more digits, or the hospital with --hospital")
      }
      return first
    }
  }

  /// A code as people carry it: drawn on a terminal, and as text.
  enum ShownCode {
    static func print(_ text: String, to console: Console, drawing: Bool) {
      if drawing, let code = try? QRCode(text, correction: .low) {
        console.verbatim(code.drawn(console.usesColor ? .fixed : .own))
      }
      console.line(text)
    }
  }
#endif
