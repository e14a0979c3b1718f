import PaperEvaluation

/// An evaluation as tables for a terminal.
struct EvaluationText {
  let result: EvaluationResult
  let suites: [EvaluatedSuite]

  var text: String {
    let times =
      [EvaluatedSuite.Reading.printed, .usual].compactMap(table6)
      + suites.compactMap { suite in
        result.timing(suite, team: 3).map { details(suite, $0) }
      } + suites.compactMap(byTeam)
    return (times + result.tables(suites).map(\.text)).joined(separator: "\n\n")
  }

  // MARK: Table 6

  private func table6(_ reading: EvaluatedSuite.Reading) -> String? {
    let levels = suites.filter { $0.reading == reading }
    guard !levels.isEmpty else { return nil }
    let title =
      "Table 6, n = 3, in ms: the paper, the groups alone in this program, and how often faster; "
      + (reading == .printed ? "q as 6.2 prints it" : "q as usual for such p")
    var header = ["phase"]
    for suite in levels { header += [suite.sizes, "here", "times"] }
    let rows = SchemeStep.phases.map { step in
      levels.reduce(into: [step.title]) { row, suite in
        let paper = PaperFigures.table6(step)?[suite.level - 1] ?? 0
        let here = result.timing(suite, team: 3)?[step]?.groupMs ?? 0
        row += [Self.number(paper), Self.number(here), Self.number(here > 0 ? paper / here : 0)]
      }
    }
    return title + "\n" + Table.text([header] + rows)
  }

  // MARK: One suite

  private func details(_ suite: EvaluatedSuite, _ timing: PhaseTiming) -> String {
    let header = [
      "step", "groups", "median", "spread", "checked", "table", "secret", "public", "hash", "pair",
      "final", "lines",
    ]
    let rows = timing.inMemory.map { step in
      let count = step.operations
      let checked = timing.encoded.first { $0.step == step.step }?.medianMs ?? 0
      return [
        step.step.title, Self.number(step.groupMs), Self.number(step.medianMs),
        Self.number(step.spreadMs), Self.number(checked),
        "\(count.generatorMultiplications)", "\(count.multiplications)",
        "\(count.publicMultiplications)", "\(count.hashes)", "\(count.pairings)",
        "\(count.finalExponentiations)", "\(count.preparations)",
      ]
    }
    return """
      \(suite.name), n = 3, \(Quantity.count(timing.runs, "run")), in ms; then multiplications by a \
      table, by a secret, by a public scalar, and other operations
      \(Table.text([header] + rows))
      """
  }

  private func byTeam(_ suite: EvaluatedSuite) -> String? {
    let timings = result.timings.filter { $0.suite == suite.name }
    guard timings.count > 1 else { return nil }
    let header = ["n"] + SchemeStep.phases.map(\.title)
    let rows = timings.map { timing in
      ["\(timing.team)"] + SchemeStep.phases.map { Self.number(timing[$0]?.medianMs ?? 0) }
    }
    return "\(suite.name), medians in ms for teams of n\n" + Table.text([header] + rows)
  }

  /// Three significant digits.
  private static func number(_ value: Double) -> String {
    let decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2
    let factor = [1.0, 10, 100][decimals]
    let scaled = Int((value * factor).rounded())
    if decimals == 0 { return "\(scaled)" }
    let fraction = "\(scaled % Int(factor))"
    return "\(scaled / Int(factor))."
      + String(repeating: "0", count: decimals - fraction.count) + fraction
  }
}

extension SchemeStep {
  var title: String {
    switch self {
    case .initialization: "initialization"
    case .registration: "registration"
    case .admission: "admission"
    case .groupKey: "group key"
    case .diagnose: "diagnose"
    case .storage: "storage"
    case .custody: "custody"
    case .sharing: "sharing"
    }
  }
}
