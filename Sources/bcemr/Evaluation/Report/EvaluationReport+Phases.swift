import PaperEvaluation

extension EvaluationReport {
  /// Figure 7.
  var phases: Markup {
    let readings = [EvaluatedSuite.Reading.printed, .usual].filter { !levels($0).isEmpty }
    var figures = readings.map { reading in
      figure7(levels(reading), reading.title, id: reading.rawValue)
    }
    if readings.isEmpty { figures.append(figure7([], "BLS12-381 alone", id: "own")) }
    return .section("Phases, n = 3", figures)
  }

  private func figure7(_ levels: [EvaluatedSuite], _ title: String, id: String) -> Markup {
    var series = levels.flatMap { suite in
      let style = SeriesStyle(rawValue: suite.level - 1) ?? .first
      return [
        BarChart.Series(
          name: "level \(suite.level), paper", style: style, isHatched: true,
          values: SchemeStep.phases.map { paper($0, suite) }),
        .init(
          name: "level \(suite.level), here \(suite.sizes)", style: style, isHatched: false,
          values: SchemeStep.phases.map { time($0, suite) }),
      ]
    }
    if let own {
      series.append(
        .init(
          name: "BLS12-381", style: .sixth, isHatched: false,
          values: SchemeStep.phases.map { time($0, own) }))
    }
    let charts = [ValueScale.Kind.linear, .logarithmic].map { scale in
      let text = ChartText(
        id: "figure-7-\(id)-\(scale)", title: "Figure 7, \(title), \(scale) scale",
        xTitle: "phase", yTitle: scale == .linear ? "time in ms" : "time in ms, logarithmic")
      return BarChart(
        text: text, groups: SchemeStep.phases.map(\.title), series: series, scale: scale, unit: "ms"
      ).markup
    }
    let own = own == nil || levels.isEmpty ? "" : ", and those of BLS12-381"
    let hatched = levels.isEmpty ? "" : " Hatched: the paper’s Table 6."
    return .figure(
      "Figure 7, \(title)",
      """
      Phased time costs when n = 3\(own). Above the linear scale of the paper’s figure, below the \
      same values on a logarithmic one.\(hatched)
      """, charts, wide: true)
  }

  // MARK: Figure 8

  var teams: Markup {
    let panels: [Markup] = suites.sorted { order($0) < order($1) }.compactMap(figure8)
    guard !panels.isEmpty else {
      return .section(
        "Delay by the size of the team",
        [
          .paragraph(
            """
            Figure 8 is left out: only teams of 3 were measured. A run without --quick measures \
            teams of 1 to 10.
            """)
        ])
    }
    return .section(
      "Delay by the size of the team",
      [
        .paragraph(
          """
          The paper finds no significant change of initialization and sharing with n. Here \
          initialization makes the keys of all n doctors, and so grows with n.
          """)
      ] + panels)
  }

  /// By reading and level, as the paper has its levels; our own curve last.
  private func order(_ suite: EvaluatedSuite) -> Int {
    switch suite.reading {
    case .printed: suite.level
    case .usual: 10 + suite.level
    case nil: 20
    }
  }

  private func figure8(_ suite: EvaluatedSuite) -> Markup? {
    let sizes = result.timings.filter { $0.suite == suite.name }.map(\.team).sorted()
    guard let first = sizes.first, let last = sizes.last, first < last else { return nil }
    let series = zip(SchemeStep.phases, SeriesStyle.allCases).map { step, style in
      LineChart.Series(
        name: step.title, style: style,
        points: sizes.compactMap { team in time(step, suite, team: team).map { (Double(team), $0) }
        },
        references: paper(step, suite).map { [(3, $0)] } ?? [])
    }
    let letter = ["", " (a)", " (b)", " (c)"][suite.level]
    let number = "Figure 8\(letter), \(suite.reading?.title ?? "BLS12-381")"
    let charts = [ValueScale.Kind.linear, .logarithmic].map { scale in
      let text = ChartText(
        id: "figure-8-\(suite.name)-\(scale)",
        title: "\(number), \(scale) scale", xTitle: "n, doctors in the team",
        yTitle: scale == .linear ? "time in ms" : "time in ms, logarithmic")
      return LineChart(
        text: text, places: (first...last).map(Double.init), series: series, scale: scale,
        unit: "ms", referenceName: "paper, n = 3"
      ).markup
    }
    return .figure(
      number,
      "Computational delay versus n"
        + (suite.reading == nil
          ? "." : ", level \(suite.level), \(suite.sizes). Hollow: the paper’s Table 6, at n = 3."),
      charts)
  }
}
