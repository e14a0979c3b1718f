import PaperEvaluation

extension EvaluationReport {
  var table6: Markup {
    let tables = [EvaluatedSuite.Reading.printed, .usual].compactMap(table6)
    return .section(
      "The paper’s times and ours",
      tables.isEmpty ? [.paragraph("No suite of the paper’s sizes was measured.")] : tables)
  }

  private func table6(_ reading: EvaluatedSuite.Reading) -> Markup? {
    let levels = levels(reading)
    guard !levels.isEmpty else { return nil }
    var heads: [[HTMLTable.Head]] = [[.init(text: "")], [.init(text: "phase")]]
    for suite in levels {
      heads[0].append(
        .init(text: "Level \(suite.level), \(suite.sizes)", columns: 3, isFirst: true))
      heads[1] += [.init(text: "paper", isFirst: true), .init(text: "here"), .init(text: "factor")]
    }
    if own != nil {
      heads[0].append(.init(text: "BLS12-381", isFirst: true))
      heads[1].append(.init(text: "here", isFirst: true))
    }
    let rows = SchemeStep.phases.map { step in
      [step.title] + levels.flatMap { cells(paper(step, $0), time(step, $0)) }
        + (own.map { [number(time(step, $0))] } ?? [])
    }
    let sums =
      ["all phases"]
      + levels.flatMap { suite in
        cells(sum { paper($0, suite) }, sum { time($0, suite) })
      } + (own.map { suite in [number(sum { time($0, suite) })] } ?? [])
    return HTMLTable(
      number: "Table 6, \(reading.title)",
      caption: """
        Phased time costs when n = 3, in ms: the paper’s, ours in the groups alone, and the factor by \
        which ours are shorter.
        """, heads: heads, rows: rows, sums: sums
    ).markup
  }

  private func sum(_ time: (SchemeStep) -> Double?) -> Double {
    SchemeStep.phases.compactMap(time).reduce(0, +)
  }

  private func cells(_ paper: Double?, _ here: Double?) -> [String] {
    guard let paper, let here, here > 0 else { return [number(paper), number(here), "–"] }
    return [number(paper), number(here), ValueScale.number(paper / here) + " ×"]
  }

  private func number(_ value: Double?) -> String { value.map(ValueScale.number) ?? "–" }

  // MARK: One suite

  var details: Markup {
    .section(
      "Each suite, n = 3",
      [
        .terms([
          "groups": "the least time in the groups alone, in ms, as above",
          "median, spread, least":
            "of the whole phase with its points in memory, in ms; the spread is the median distance "
            + "from the median",
          "checked": "the median with every point encoded, decoded and checked, as on a network",
          "table, secret, public":
            "multiplications of a generator by a table, of another point by a secret, and of a "
            + "point by a public number",
          "hash, pair, final":
            "hashes to the group, Miller loops, and final exponentiations, one for a product",
          "lines, power":
            "second points of pairings made ready, and exponentiations in the target group",
        ])
      ] + suites.compactMap(details))
  }

  private func details(_ suite: EvaluatedSuite) -> Markup? {
    guard let timing = result.timing(suite, team: 3) else { return nil }
    let columns = [
      "groups", "median", "spread", "least", "checked", "table", "secret", "public", "hash", "pair",
      "final", "lines", "power",
    ]
    let rows = timing.inMemory.map { step in
      let count = step.operations
      let checked = timing.encoded.first { $0.step == step.step }?.medianMs
      return [
        step.step.title, number(step.groupMs), number(step.medianMs), number(step.spreadMs),
        number(step.minMs), number(checked),
      ]
        + [
          count.generatorMultiplications, count.multiplications, count.publicMultiplications,
          count.hashes, count.pairings, count.finalExponentiations, count.preparations,
          count.targetExponentiations,
        ].map { $0 == 0 ? "–" : "\($0)" }
    }
    let title =
      suite.reading.map { "Level \(suite.level), \($0.title)" } ?? "The curve of this system"
    return HTMLTable(
      number: suite.name,
      caption: "\(title), n = 3, \(Quantity.count(timing.runs, "run")).",
      heads: [
        [
          .init(text: ""), .init(text: "times in ms", columns: 5, isFirst: true),
          .init(text: "operations", columns: 8, isFirst: true),
        ],
        [.init(text: "step")]
          + columns.enumerated().map {
            .init(text: $0.element, isFirst: $0.offset == 0 || $0.offset == 5)
          },
      ], rows: rows
    ).markup
  }
}
