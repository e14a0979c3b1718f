import PaperEvaluation

/// Table 3 with what was run.
struct RequirementTables {
  let results: [RequirementResult]

  var all: [ResultTable] { results.isEmpty ? [] : [summary, checks] }

  private var summary: ResultTable {
    ResultTable(
      number: "Table 3",
      caption: "what the paper claims, and what became of the attacks and properties behind it",
      columns: ["", "requirement"] + PaperFigures.ComparedScheme.allCases.map(\.rawValue)
        + ["run: as printed", "run: here"],
      rows: Requirement.allCases.map { row in
        let ran = results.filter { $0.row == row }
        return [row.rawValue, row.name]
          + PaperFigures.ComparedScheme.allCases.map { PaperFigures.table3(row, $0) ? "√" : "×" }
          + [verdict(ran.compactMap(\.printed)), verdict(ran.map(\.ours))]
      }, leading: 2)
  }

  private func verdict(_ outcomes: [Outcome]) -> String {
    if outcomes.isEmpty { return "–" }
    return outcomes.allSatisfy(\.verdict.isGood) ? "√" : "×"
  }

  private var checks: ResultTable {
    ResultTable(
      number: "Table 3, the runs",
      caption: "on the scheme as printed, and on this system with its reason for refusing",
      columns: ["", "who does what, or the property", "as printed", "here"],
      rows: results.map { result in
        let reasons = result.ours.refusals
        return [
          result.row.rawValue, result.claim, result.printed?.verdict.rawValue ?? "–",
          result.ours.verdict.rawValue
            + (reasons.isEmpty ? "" : ": " + reasons.joined(separator: ", ")),
        ]
      }, leading: 4,
      notes: Requirement.allCases.compactMap { row in
        row.note.map { "\(row.rawValue) also rests on the ledger: \($0)." }
      })
  }
}
