import ArgumentParser
import Ledger

/// The check of an export as a page to print and to sign, for who does not read the terms of a ledger.
struct AuditPage {
  let audit: Audit
  /// As the user named the file.
  let path: String
  /// With what the user said which ledger is meant.
  let meant: String?
  /// By the clock of the machine that checked, in seconds since 1970.
  let time: UInt64

  init(_ audit: Audit, of path: String, meant: String?, at time: UInt64) {
    (self.audit, self.path, self.meant, self.time) = (audit, path, meant, time)
  }

  /// The source of the page, which is well-formed XML after its doctype.
  var source: String {
    let title = "Check of the export of a ledger"
    return HTMLPage(
      title: title,
      body: [.element("h1", [:], text: title), .paragraph(result), subject, checks]
        + (audit.summary.map { [ledger($0)] } ?? []) + [limits, signature]
    ).source
  }

  private var result: String {
    if let error = audit.error { return "A check failed. \(error.message)." }
    return audit.genesisCompared
      ? "All checks that were made passed, and the ledger is the one that was asked for."
      : "All checks that were made passed. Which ledger this is was not compared with anything: the "
        + "page says nothing of whose it is until somebody compares the fingerprint below with a source "
        + "of their own."
  }

  private var subject: Markup {
    .section(
      "What was checked",
      [
        Self.list([
          ("File", path),
          ("Content", audit.file.map { "\($0.bytes) bytes, SHA-256 \($0.sha256)" } ?? "a folder"),
          ("Checked", "\(LedgerTime.text(time)), by the clock of the machine that checked"),
          ("By", "bcemr verify, version \(BCEMR.configuration.version)"),
          ("Ledger asked for", meant ?? "none was named"),
        ])
      ])
  }

  private var checks: Markup {
    .section(
      "The checks",
      [
        HTMLTable(
          number: "Table 1", caption: "The eight checks of the specification, section 7.2",
          heads: [[.init(text: "check"), .init(text: "result"), .init(text: "in plain words")]],
          rows: audit.checks.map { step in
            let lacks =
              step.notReached.isEmpty
              ? "" : " Nothing is said of \(step.notReached.joined(separator: ", "))."
            return [
              step.check, step.result.rawValue.replacing("-", with: " "),
              (Self.words[step.check] ?? step.meaning) + lacks,
            ]
          }, leading: 3
        ).markup
      ])
  }

  private static let words = [
    "V1": "The file is whole: nothing of it is missing, stands twice, or is left over.",
    "V2": "The ledger is the one that was asked for, by the fingerprint of its founding document.",
    "V3": "The founding document is one that the rules allow.",
    "V4":
      "Those who answer for each chain have signed its present state: for the common chain more than "
      + "two thirds of the elected servers, for a hospital's the hospital and the cloud of another "
      + "organisation.",
    "V5":
      "The entries in the file are those to which these signatures belong: none was changed, taken out, "
      + "put in or moved.",
    "V6":
      "The ledger has everything that it had when the older checkpoint was made which was given for "
      + "comparison.",
    "V7":
      "Every entry keeps the rules, and every signature in it holds: of the doctors, who signed one after "
      + "another, of the hospital, the cloud and the patient.",
    "V8":
      "Each hospital's chain is the one of which the common chain has recorded the states as it grew.",
  ]

  private func ledger(_ summary: Audit.Summary) -> Markup {
    let members = summary.members
    var parts = [
      Self.list([
        ("Name", summary.network),
        ("Fingerprint", "\(summary.genesis) (SHA-256 of its founding document)"),
        ("Until", "\(summary.time), by the ledger's own time"),
        ("Doctors", "\(summary.doctors) registered"),
        ("Members", "\(members.organisations) organisations, \(members.voters) with a vote"),
      ]),
      chains(summary),
    ]
    for conviction in summary.convictions {
      let signatures = Quantity.count(Int(clamping: conviction.count), "signature")
      let end = conviction.barred ? "." : ", and readmitted by a vote."
      parts.append(
        .paragraph(
          "\(conviction.organisation) was convicted of \(signatures) that contradict others of its own"
            + end))
    }
    return .section("What the ledger has", parts)
  }

  /// Names and values.
  private static func list(_ rows: [(name: String, value: String)]) -> Markup {
    var children: [Markup] = []
    for row in rows {
      children.append(.element("dt", [:], text: row.name))
      children.append(.element("dd", [:], text: row.value))
    }
    return .element("dl", [:], children)
  }

  private func chains(_ summary: Audit.Summary) -> Markup {
    let heads = [
      "chain", "valid", "final", "visits", "acknowledged", "disputed", "abandoned", "remark",
    ]
    return HTMLTable(
      number: "Table 2",
      caption: """
        The chains. A visit is complete when its whole team has signed and the cloud has signed for the \
        sealed record; acknowledged or disputed is what the patient then signed.
        """,
      heads: [heads.map { HTMLTable.Head(text: $0) }], rows: summary.chains.map(Self.row)
    ).markup
  }

  private static func row(_ chain: Audit.Chain) -> [String] {
    var remarks: [String] = []
    if let fault = chain.fault { remarks.append(fault.message) }
    if chain.unprovenTimes > 0 {
      remarks.append(
        "\(chain.unprovenTimes) signatures of which nothing shows that they were in time")
    }
    if chain.barred { remarks.append("a key of this chain was convicted") }
    let isJudged = chain.blocks > 0
    func count(_ number: UInt64) -> String { isJudged ? "\(number)" : "unknown" }
    var cells = [
      chain.name, "\(chain.leaves) entries in \(chain.blocks) blocks", count(chain.finalLeaves),
    ]
    let isHospital = chain.name != ChainName.consortium
    for number in [chain.visits, chain.acknowledged, chain.disputed, chain.abandoned] {
      cells.append(isHospital ? count(number) : "")
    }
    return cells + [remarks.joined(separator: "; ")]
  }

  private var limits: Markup {
    .section(
      "What this does not prove",
      [
        .paragraph(
          "An export proves what had been recorded up to its last checkpoint. It does not prove:"),
        .element("ul", [:], audit.notProven.map { .element("li", [:], text: $0) }),
      ])
  }

  private var signature: Markup {
    .section(
      "Signature",
      [
        .paragraph("I have made this check myself, with the file that has the SHA-256 above."),
        .element(
          "dl", ["class": "blanks"],
          ["Name", "Function", "Place and date", "Signature"].flatMap { name in
            [Markup.element("dt", [:], text: name), .element("dd", [:], text: "\u{a0}")]
          }),
      ])
  }
}
