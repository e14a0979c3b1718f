import PaperEvaluation

extension EvaluationReport {
  /// Table 4.
  var computation: Markup {
    .section("Operations", result.computationTables(suites).flatMap(\.markup))
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
