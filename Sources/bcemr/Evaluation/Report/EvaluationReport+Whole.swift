import PaperEvaluation

extension EvaluationReport {
  /// Table 4.
  var computation: Markup {
    let counted = suites.lazy.compactMap { result.timing($0, team: 3) }.first
    return .section(
      "Operations",
      counted.map { ComputationTables(timing: $0).all.flatMap(\.markup) } ?? [
        .paragraph("No suite was measured for teams of 3.")
      ])
  }

  /// Tables 1 and 3, where they were run.
  var whole: [Markup] {
    [
      (title: "Security", tables: RequirementTables(results: result.requirements).all),
      (title: "Ledger", tables: PlatformTables(load: result.ledgerLoad).all),
    ].compactMap { title, tables in
      tables.isEmpty ? nil : .section(title, tables.flatMap(\.markup))
    }
  }
}
