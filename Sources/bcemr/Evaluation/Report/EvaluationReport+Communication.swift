import PaperEvaluation

extension EvaluationReport {
  /// What one visit sends on BLS12-381, by n: the scheme's own objects.
  private var communication: [(team: Int, bits: Double)] {
    result.timings.filter { $0.suite == own?.name }.map { timing in
      (timing.team, Double(timing.sent.reduce(0) { $0 + 8 * $1.bytes }))
    }
  }

  /// Table 5, Figures 5 and 6.
  var communicationSection: Markup {
    .section(
      "Communication cost",
      [
        .paragraph(
          """
          The lines are the formulas of the paper’s Table 5 with the sizes of its section 6.1: they \
          are computed, not measured.\(communication.isEmpty ? "" : measuredNote) 1 kB is 8000 bits.
          """),
        table5, figure5, figure6,
      ] + CommunicationTables(result: result, suites: suites).measured.flatMap(\.markup))
  }

  private var measuredNote: String {
    " Beside them stands what the scheme’s objects take here, on BLS12-381."
  }

  private var table5: Markup {
    let rows = PaperFigures.ComparedScheme.allCases.map { scheme in
      [scheme.rawValue, unbroken(scheme.formula)]
        + [(3, 200), (3, 1000), (10, 200)].map { n, lambda in
          kilobytes(scheme, n: n, lambda: lambda)
        }.map { ValueScale.number($0) }
    }
    return HTMLTable(
      number: "Table 5",
      caption: """
        Communication cost of ZL, CZ, AS and BC-EMR, in kB. λ is the size of the disease keyword \
        set, which only ZL has.
        """,
      heads: [
        [
          .init(text: "scheme"), .init(text: "formula"), .init(text: "n = 3, λ = 200"),
          .init(text: "n = 3, λ = 1000"), .init(text: "n = 10, λ = 200"),
        ]
      ], rows: rows, leading: 2
    ).markup
  }

  /// Lets a line end before a plus sign outside parentheses only.
  private func unbroken(_ formula: String) -> String {
    var depth = 0
    let text = formula.map { character -> Character in
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      return character == " " && depth > 0 ? "\u{a0}" : character
    }
    return String(text).replacing("+ ", with: "+\u{a0}")
  }

  private var figure5: Markup {
    let lambdas = Array(stride(from: 0, through: 1000, by: 100))
    let measured = communication.first { $0.team == 3 }.map { own in
      lambdas.map { (Double($0), own.bits / 8000) }
    }
    let charts = charts(
      "Figure 5", xTitle: "λ, keywords", places: stride(from: 0, through: 1000, by: 200).map { $0 },
      measured: measured ?? []
    ) { scheme in
      lambdas.map { (Double($0), kilobytes(scheme, n: 3, lambda: $0)) }
    }
    return .figure("Figure 5", "Communication cost versus λ, for n = 3.", charts)
  }

  private var figure6: Markup {
    let charts = charts(
      "Figure 6", xTitle: "n, doctors in the team", places: (1...10).map(Double.init),
      measured: communication.map { (Double($0.team), $0.bits / 8000) }
    ) { scheme in
      (1...10).map { (Double($0), kilobytes(scheme, n: $0, lambda: 200)) }
    }
    return .figure(
      "Figure 6", "Communication cost versus n, for λ = 200 as in the paper.", charts)
  }

  private func kilobytes(
    _ scheme: PaperFigures.ComparedScheme, n: Int, lambda: Int
  ) -> Double {
    Double(PaperFigures.communicationBits(scheme, n: n, lambda: lambda)) / 8000
  }

  /// - Parameter measured: in kB, a further line unless it is empty.
  private func charts(
    _ figure: String, xTitle: String, places: [Double], measured: [LineChart.Point],
    points: (PaperFigures.ComparedScheme) -> [LineChart.Point]
  ) -> [Markup] {
    var series = zip(PaperFigures.ComparedScheme.allCases, SeriesStyle.allCases).map {
      LineChart.Series(name: $0.rawValue, style: $1, points: points($0))
    }
    if !measured.isEmpty {
      series.append(.init(name: "BC-EMR, measured here", style: .sixth, points: measured))
    }
    return [ValueScale.Kind.linear, .logarithmic].map { scale in
      let text = ChartText(
        id: "\(figure.lowercased().replacing(" ", with: "-"))-\(scale)",
        title: "\(figure), \(scale) scale", xTitle: xTitle,
        yTitle: scale == .linear ? "kB" : "kB, logarithmic")
      return LineChart(text: text, places: places, series: series, scale: scale, unit: "kB").markup
    }
  }
}

extension PaperFigures.ComparedScheme {
  /// As Table 5 prints it.
  var formula: String {
    switch self {
    case .zl:
      "(λ + 12)|G₁| + |G₂| + 5|Zₚ*| + 13⌊2/3·nₚ⌋ + |t| + |x| + |ID| + 2|Hash|"
    case .cz:
      "(3n + 1)|G₁| + n|Zₚ*| + 2(n + 1)|ID| + n|Hash| + 2|x| + (n + 1)|t|"
    case .as: "3|G₁| + |ID| + 4|x| + |Hash| + |Zₚ*| + |t| + |Dₚ|"
    case .bcEMR:
      "(3n + 8)|G₁| + 2|G₂| + 2|Zₚ*| + 5|ID| + (n + 6)|x| + 2|Hash| + (n + 2)|α| + n|t| + 2|γ| "
        + "+ 2|l| + (n + 1)|s|"
    }
  }
}
