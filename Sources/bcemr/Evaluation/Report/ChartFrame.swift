/// What a chart says beside its data.
struct ChartText: Sendable {
  /// Unique in the page.
  let id: String
  let title: String
  let xTitle: String
  let yTitle: String
}

/// The sizes, the axes and the legend that all charts have. Lengths are units of the view box.
struct ChartFrame {
  struct LegendItem {
    let label: String
    var startsRow = false
    /// Draws the symbol around a point, 12 to each side.
    let symbol: (_ x: Double, _ y: Double) -> Markup
  }

  let text: ChartText
  let width: Double
  let height: Double
  let y: ValueScale
  private let legend: Markup
  let left = 62.0
  let top: Double

  var right: Double { width - 10 }
  var bottom: Double { height - 44 }

  init(_ text: ChartText, width: Double, height: Double, y: ValueScale, legend: [LegendItem]) {
    (self.text, self.width, self.height, self.y) = (text, width, height, y)
    var (x, baseline) = (left, 12.0)
    var symbols: [Markup] = []
    for item in legend {
      let length = 28 + Self.width(of: item.label)
      if x > left, item.startsRow || x + length > width {
        (x, baseline) = (left, baseline + 18)
      }
      symbols.append(item.symbol(x + 12, baseline))
      symbols.append(
        .element(
          "text", ["x": (x + 28).coordinate, "y": (baseline + 4).coordinate], text: item.label))
      x += length + 16
    }
    self.legend = .element("g", ["class": "legend"], symbols)
    top = legend.isEmpty ? 14 : baseline + 20
  }

  /// About as wide as a text is in the usual fonts of screens.
  private static func width(of text: String) -> Double {
    text.reduce(0) { $0 + (" ,.:/()fijlrt".contains($1) ? 4.5 : 7.2) }
  }

  /// The height of a value; nil if it has no place.
  func height(of value: Double) -> Double? {
    y.fraction(of: value).map { bottom - $0 * (bottom - top) }
  }

  /// - Parameters:
  ///   - ticks: labels of the horizontal axis, by their places.
  ///   - definitions: what the marks refer to.
  func chart(
    description: String, ticks: [(x: Double, label: String)], definitions: [Markup] = [],
    marks: [Markup]
  ) -> Markup {
    let names = ["\(text.id)-title", "\(text.id)-description"]
    let lines =
      [Markup.element("title", ["id": names[0]], text: text.title)]
      + [.element("desc", ["id": names[1]], text: description)]
      + (definitions.isEmpty ? [] : [.element("defs", [:], definitions)])
      + [.element("g", ["class": "grid"], y.ticks.compactMap(gridLine))]
      + marks
      + [
        .element(
          "path", ["class": "axis", "d": line([(left, top), (left, bottom), (right, bottom)])])
      ] + [labels(ticks), legend]
    return .element(
      "svg",
      [
        "id": text.id, "viewBox": "0 0 \(width.coordinate) \(height.coordinate)", "role": "img",
        "aria-labelledby": names.joined(separator: " "),
      ], lines)
  }

  func line(_ points: [(x: Double, y: Double)]) -> String {
    "M" + points.map { "\($0.x.coordinate) \($0.y.coordinate)" }.joined(separator: "L")
  }

  private func gridLine(_ tick: ValueScale.Tick) -> Markup? {
    height(of: tick.value).map { y in
      .element(
        "path",
        [
          "class": tick.label.isEmpty ? "between" : "labelled",
          "d": line([(left, y), (right, y)]),
        ])
    }
  }

  private func labels(_ ticks: [(x: Double, label: String)]) -> Markup {
    let values = y.ticks.filter { !$0.label.isEmpty }.compactMap { tick in
      height(of: tick.value).map { y in
        Markup.element(
          "text",
          ["class": "value", "x": (left - 6).coordinate, "y": (y + 4).coordinate],
          text: tick.label)
      }
    }
    let places = ticks.map { tick in
      Markup.element(
        "text",
        ["class": "place", "x": tick.x.coordinate, "y": (bottom + 16).coordinate],
        text: tick.label)
    }
    let middle = (left + right) / 2
    let titles = [
      Markup.element(
        "text", ["class": "place", "x": middle.coordinate, "y": (height - 6).coordinate],
        text: text.xTitle),
      .element(
        "text",
        [
          "class": "place",
          "transform": "translate(12 \(((top + bottom) / 2).coordinate)) rotate(-90)",
        ], text: text.yTitle),
    ]
    return .element("g", [:], values + places + titles)
  }
}
