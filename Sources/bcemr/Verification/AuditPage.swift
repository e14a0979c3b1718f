import ArgumentParser
import CanonicalEncoding
import Ledger
import TransparencyLog

/// The check of an export as a page to print and to sign, for who does not read the terms of a ledger.
struct AuditPage {
  let audit: Audit
  /// As the user named the file.
  let path: String
  let asked: Asked
  /// By the clock of the machine that checked, in seconds since 1970.
  let time: UInt64

  /// What the user said that is to be checked.
  struct Asked {
    /// Which ledger is meant.
    var genesis: String?
    /// The chains alone that have to be valid; all, if there is none.
    var chains: [String] = []
    /// The checkpoint to compare with.
    var note: String?
  }

  init(_ audit: Audit, of path: String, asked: Asked, at time: UInt64) {
    (self.audit, self.path, self.asked, self.time) = (audit, path, asked, time)
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
    var text = "All checks that were made passed"
    if !asked.chains.isEmpty {
      text += " of what was asked for, \(asked.chains.joined(separator: ", "))"
      let (faulty, elsewhere) = (audit.faultyChains, audit.chainsElsewhere)
      if !faulty.isEmpty {
        text +=
          ". Of what was not asked for, \(faulty.joined(separator: ", ")), a check failed, as Table 2 says"
      }
      if !elsewhere.isEmpty {
        text +=
          ". Nothing is said of \(elsewhere.joined(separator: ", ")), which was not asked for and is not in this file"
      }
    }
    return audit.genesisCompared
      ? text + ". The ledger is the one that was asked for."
      : text
        + ". Which ledger this is was not compared with anything: the page says nothing of whose it "
        + "is until somebody compares the fingerprint below with a source of their own."
  }

  /// What a checkpoint says that it is of.
  private var compared: String {
    guard let note = asked.note else { return "no older checkpoint" }
    guard let signed = try? SignedNote(encoded: note),
      let known = try? Checkpoint(body: signed.body)
    else { return "something that is no checkpoint" }
    return "a checkpoint of \(known.origin) with \(known.size) leaves, root \(known.root.hex)"
  }

  private var subject: Markup {
    .section(
      "What was checked",
      [
        .terms([
          "File": path,
          "Content": audit.file.map { "\($0.bytes) bytes, SHA-256 \($0.sha256)" } ?? "no one file",
          "Checked": "\(LedgerTime.text(time)), by the clock of the machine that checked",
          "By": "bcemr verify, version \(BCEMR.configuration.version)",
          "Ledger asked for": asked.genesis ?? "none was named",
          "Compared with": compared,
        ])
      ])
  }

  private var checks: Markup {
    .section(
      "The checks",
      [
        HTMLTable(
          number: "Table 1", caption: "The eight checks of the specification, section 7.2",
          heads: [
            [
              .init(text: "check"), .init(text: "result"),
              .init(text: "what it shows where it passed"),
            ]
          ],
          rows: audit.checks.map { step in
            [
              step.check, step.result.rawValue.replacing("-", with: " "),
              words(step) + lacking(step),
            ]
          }, leading: 3
        ).markup
      ])
  }

  private func lacking(_ step: Audit.Step) -> String {
    let (notReached, elsewhere) = audit.lacking(step)
    return
      (notReached.isEmpty ? "" : " Nothing is said of \(notReached.joined(separator: ", ")).")
      + (elsewhere.isEmpty ? "" : " Not in this file: \(elsewhere.joined(separator: ", ")).")
  }

  private func words(_ step: Audit.Step) -> String {
    // Of a folder no more was read than what belongs to the export.
    if step.check == "V1", audit.file == nil {
      return "Each file that belongs to it is in the folder, and whole."
    }
    return Self.words[step.check] ?? step.meaning
  }

  private static let words = [
    "V1": "Each file in it is whole and in its place: nothing stands twice, or is left over.",
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
      "The chain of the checkpoint that was given for comparison has everything that it had when that was "
      + "made. Of other chains it says nothing.",
    "V7":
      "Every entry keeps the rules, and every signature in it holds: of the doctors, who signed one after "
      + "another, of the hospital, the cloud and whoever has the patient's key of the visit.",
    "V8":
      "Each hospital's chain is the one of which the common chain has recorded the states as it grew.",
  ]

  private func ledger(_ summary: Audit.Summary) -> Markup {
    let members = summary.members
    var parts: [Markup] = [
      .terms([
        "Name": summary.network,
        "Fingerprint": "\(summary.genesis) (SHA-256 of its founding document)",
        "Until": "\(summary.time), by the ledger's own time",
        "Doctors": "\(summary.doctors) registered",
        "Members": "\(members.organisations) organisations, \(members.voters) with a vote",
      ]),
      chains(summary),
    ]
    if !summary.halts.isEmpty {
      let seconds = summary.halts.reduce(0) { $0 + $1.seconds }
      let isOne = summary.halts.count == 1
      parts.append(
        .paragraph(
          "The common chain stood still \(isOne ? "once" : "\(summary.halts.count) times"), for "
            + "\(seconds) seconds\(isOne ? "" : " in all"): by this nobody became late."))
    }
    parts += (audit.remarks ?? []).map { .paragraph("Remark: \($0.message).") }
    for conviction in summary.convictions {
      let keys = Quantity.count(Int(clamping: conviction.count), "key")
      let end = conviction.barred ? "." : ", and readmitted by a vote."
      parts.append(
        .paragraph(
          "\(conviction.organisation) was convicted with \(keys) of signatures that contradict others of "
            + "its own" + end))
    }
    return .section("What the ledger has", parts)
  }

  private func chains(_ summary: Audit.Summary) -> Markup {
    let heads = [
      "chain", "valid", "final", "visits", "acknowledged", "disputed", "abandoned", "remark",
    ]
    return HTMLTable(
      number: "Table 2",
      caption: """
        The chains. Leaves are entries and the ends of blocks: valid are those that keep every rule, up to \
        the first fault; final those that nobody takes back but more than two thirds of the elected servers. \
        A visit is complete when its whole team has signed and the cloud has signed for the sealed record; \
        acknowledged or disputed is what whoever has the patient's key of the visit then signed.
        """,
      heads: [heads.map { HTMLTable.Head(text: $0) }], rows: summary.chains.map(row)
    ).markup
  }

  private func row(_ chain: Audit.Chain) -> [String] {
    var remarks: [String] = []
    if audit.chainsElsewhere.contains(chain.name) {
      remarks.append("not in this file, and not asked for")
    } else if let fault = chain.fault {
      remarks.append(fault.message)
    }
    if chain.unprovenTimes > 0 {
      remarks.append(
        "\(chain.unprovenTimes) signatures or completions of which nothing shows that they were in time, "
          + "which is no fault")
    }
    if chain.addenda > 0 {
      let unproven =
        chain.unprovenAddenda > 0
        ? ", \(chain.unprovenAddenda) of which name a visit of another hospital that this ledger does not "
          + "show to be the same patient's"
        : ""
      remarks.append("\(chain.addenda) of the visits add to another one, or correct it\(unproven)")
    }
    if chain.barred { remarks.append("a key of this chain was convicted") }
    if chain.blocks == 0, chain.fault == nil { remarks.append("no file of it is here") }
    let isJudged = chain.blocks > 0
    func count(_ number: UInt64) -> String { isJudged ? "\(number)" : "unknown" }
    var cells = [
      chain.name, "\(chain.leaves) leaves in \(chain.blocks) blocks", count(chain.finalLeaves),
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
        .paragraph(
          "I have made this check myself"
            + (audit.file == nil ? "." : ", with the file that has the SHA-256 above.")),
        .element(
          "dl", ["class": "blanks"],
          ["Name", "Function", "Place and date", "Signature"].flatMap { name in
            [Markup.element("dt", [:], text: name), .element("dd", [:], text: "\u{a0}")]
          }),
      ])
  }
}
