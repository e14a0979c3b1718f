/// Values over numbers, a line for each series.
struct LineChart {
  typealias Point = (x: Double, y: Double)

  struct Series {
    let name: String
    let style: SeriesStyle
    let points: [Point]
    /// Points from elsewhere that belong to the series; they are hollow, and no line joins them.
    var references: [Point] = []
  }

  let text: ChartText
  /// The labelled places of the horizontal axis, from its one end to the other.
  let places: [Double]
  let series: [Series]
  let scale: ValueScale.Kind
  let unit: String
  /// What the hollow points are, for the legend.
  var referenceName = ""

  var markup: Markup {
    let all = series.flatMap { $0.points + $0.references }
    let frame = ChartFrame(
      text, width: 470, height: 340, y: ValueScale(scale, covering: all.map(\.y)), legend: legend)
    let axis = ValueScale(at: places)
    // Room for the markers at both ends.
    let (start, length) = (frame.left + 14, frame.right - frame.left - 28)
    let ticks = axis.ticks.map { tick in
      (start + (axis.fraction(of: tick.value) ?? 0) * length, tick.label)
    }
    func place(_ point: Point) -> Point? {
      guard let x = axis.fraction(of: point.x), let y = frame.height(of: point.y) else {
        return nil
      }
      return (start + x * length, y)
    }
    let marks = series.map { one in
      Markup.element("g", ["class": one.style.name], lines(one, frame, place))
    }
    return frame.chart(description: description, ticks: ticks, marks: marks)
  }

  private func lines(
    _ one: Series, _ frame: ChartFrame, _ place: (Point) -> Point?
  ) -> [Markup] {
    let points = one.points.compactMap(place)
    let line = points.count < 2 ? [] : [stroke(frame.line(points), one.style)]
    let marked = one.points.compactMap { point in
      place(point).map { marker(one, at: $0, point, isHollow: false) }
    }
    let hollow = one.references.compactMap { point in
      place(point).map { marker(one, at: $0, point, isHollow: true) }
    }
    return line + marked + hollow
  }

  private func stroke(_ path: String, _ style: SeriesStyle) -> Markup {
    .element("path", ["class": "line", "stroke-dasharray": style.dashes, "d": path])
  }

  private func marker(
    _ one: Series, at place: Point, _ point: Point, isHollow: Bool
  ) -> Markup {
    let source = isHollow ? "\(one.name) (\(referenceName))" : one.name
    let values = "\(ValueScale.label(point.x)): \(ValueScale.number(point.y)) \(unit)"
    return .element(
      "path",
      [
        "class": isHollow ? "hollow" : "marker",
        "d": one.style.marker(x: place.x, y: place.y, radius: isHollow ? 5 : 3.2),
      ], [.element("title", [:], text: "\(source), \(values)")])
  }

  private var legend: [ChartFrame.LegendItem] {
    let items = series.map { one in
      ChartFrame.LegendItem(label: one.name) { x, y in
        let line = stroke(
          "M\((x - 12).coordinate) \(y.coordinate)H\((x + 12).coordinate)", one.style)
        let path = one.style.marker(x: x, y: y, radius: 3.2)
        return .element(
          "g", ["class": one.style.name],
          [line, .element("path", ["class": "marker", "d": path])])
      }
    }
    guard series.contains(where: { !$0.references.isEmpty }) else { return items }
    return items + [
      .init(label: referenceName) { x, y in
        .element(
          "path",
          ["class": "hollow", "d": SeriesStyle.first.marker(x: x, y: y, radius: 5)])
      }
    ]
  }

  private var description: String {
    series.map { one in
      let ends = [one.points.first, one.points.count > 1 ? one.points.last : nil].compactMap { $0 }
      let values = ends.map { "\(ValueScale.number($0.y)) at \(ValueScale.label($0.x))" }
      let references = one.references.map {
        "\(referenceName): \(ValueScale.number($0.y)) at \(ValueScale.label($0.x))"
      }
      return ([one.name + ": " + values.joined(separator: " to ")] + references)
        .joined(separator: ", ")
    }.joined(separator: "; ") + "; in \(unit)."
  }
}
