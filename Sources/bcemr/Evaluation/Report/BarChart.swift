/// Bars in groups that stand side by side.
struct BarChart {
  struct Series {
    let name: String
    let style: SeriesStyle
    /// Whether the bars are hatched, as values from elsewhere are.
    let isHatched: Bool
    /// One for each group; nil and 0 are left out.
    let values: [Double?]
  }

  let text: ChartText
  let groups: [String]
  let series: [Series]
  let scale: ValueScale.Kind
  /// Of the values, for what is read and shown for a single bar.
  let unit: String

  private static let gap = 5.0

  var markup: Markup {
    let values = series.flatMap(\.values).compactMap { $0 }
    let frame = ChartFrame(
      text, width: 900, height: 330, y: ValueScale(scale, covering: values), legend: legend)
    let step = (frame.right - frame.left) / Double(max(groups.count, 1))
    let ticks = groups.enumerated().map { index, group in
      (frame.left + (Double(index) + 0.5) * step, group)
    }
    let marks = groups.indices.flatMap { group in
      bars(of: group, from: frame.left + Double(group) * step, width: step, frame)
    }
    return frame.chart(
      description: description, ticks: ticks,
      definitions: series.filter(\.isHatched).map { $0.style.hatching(id: hatchingID($0.style)) },
      marks: marks)
  }

  private func hatchingID(_ style: SeriesStyle) -> String { "\(text.id)-\(style.name)" }

  private func bars(
    of group: Int, from left: Double, width: Double, _ frame: ChartFrame
  ) -> [Markup] {
    // Series of one style stand together.
    let gaps = zip(series, series.dropFirst()).map { $0.style == $1.style ? 1 : Self.gap }
    let inner = width * 0.84
    let barWidth = min(
      30, (inner - gaps.reduce(0, +)) / Double(max(series.count, 1)))
    let all = barWidth * Double(series.count) + gaps.reduce(0, +)
    var x = left + (width - all) / 2
    return series.enumerated().compactMap { index, one in
      defer { x += barWidth + (index < gaps.count ? gaps[index] : 0) }
      guard let value = one.values[group], value > 0, let top = frame.height(of: value) else {
        return nil
      }
      return bar(one, x: x, width: barWidth, top: top, bottom: frame.bottom, value, groups[group])
    }
  }

  private func bar(
    _ series: Series, x: Double, width: Double, top: Double, bottom: Double, _ value: Double,
    _ group: String
  ) -> Markup {
    .element(
      "g", ["class": series.style.name],
      [
        shape(series, x: x, y: top, width: width, height: bottom - top),
        .element(
          "title", [:], text: "\(group), \(series.name): \(ValueScale.number(value)) \(unit)"),
      ])
  }

  private func shape(
    _ series: Series, x: Double, y: Double, width: Double, height: Double
  ) -> Markup {
    // The outline of a hatched bar lies inside, so that both kinds are as wide.
    let inset = series.isHatched ? 0.5 : 0
    return .element(
      "rect",
      [
        "class": series.isHatched ? "bar outlined" : "bar",
        "x": (x + inset).coordinate, "y": (y + inset).coordinate,
        "width": (width - 2 * inset).coordinate,
        "height": max(height - inset, 0.5).coordinate,
        "fill": series.isHatched ? "url(#\(hatchingID(series.style)))" : "currentColor",
      ])
  }

  private var legend: [ChartFrame.LegendItem] {
    // A row of what is from elsewhere, and one of the others.
    let rows = [series.filter(\.isHatched), series.filter { !$0.isHatched }]
    return rows.flatMap { row in
      row.enumerated().map { index, one in
        .init(label: one.name, startsRow: index == 0) { x, y in
          .element(
            "g", ["class": one.style.name],
            [shape(one, x: x - 11, y: y - 6, width: 22, height: 12)])
        }
      }
    }
  }

  private var description: String {
    series.map { one in
      let values = zip(groups, one.values).map { group, value in
        "\(group) \(value.map { ValueScale.number($0) } ?? "not measured")"
      }
      return "\(one.name): \(values.joined(separator: ", "))"
    }.joined(separator: "; ") + "; in \(unit)."
  }
}
