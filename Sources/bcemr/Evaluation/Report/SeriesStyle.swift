/// How a series looks: a color of the page's style, and what tells it apart without color.
enum SeriesStyle: Int, CaseIterable, Sendable {
  case first, second, third, fourth, fifth, sixth

  /// The class that gives the color.
  var name: String { "series-\(rawValue + 1)" }

  /// Lengths of dashes and gaps; none for a whole line.
  var dashes: String {
    switch self {
    case .first: "none"
    case .second: "7 3"
    case .third: "2 3"
    case .fourth: "8 3 2 3"
    case .fifth: "4 2"
    case .sixth: "12 3"
    }
  }

  /// The outline of the marker, as an SVG path.
  func marker(x: Double, y: Double, radius r: Double) -> String {
    let corners: [(Double, Double)] =
      switch self {
      case .first: []
      case .second: [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
      case .third: [(0, -1.2), (1.1, 0.8), (-1.1, 0.8)]
      case .fourth: [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)]
      case .fifth: [(0, 1.2), (1.1, -0.8), (-1.1, -0.8)]
      case .sixth: [(-0.45, -1.4), (0.45, -1.4), (0.45, 1.4), (-0.45, 1.4)]
      }
    guard !corners.isEmpty else {
      let arc = "a\(r.coordinate) \(r.coordinate) 0 1 0"
      let width = (2 * r).coordinate
      return "M\((x - r).coordinate) \(y.coordinate)\(arc) \(width) 0\(arc) -\(width) 0z"
    }
    return "M"
      + corners.map { "\((x + $0.0 * r).coordinate) \((y + $0.1 * r).coordinate)" }
      .joined(separator: "L") + "z"
  }

  /// A pattern of lines in the color of the series, in a direction of its own.
  func hatching(id: String) -> Markup {
    let angle = [45, -45, 0, 90, 20, -20][rawValue]
    return .element(
      "pattern",
      [
        "id": id, "width": "4", "height": "4", "patternUnits": "userSpaceOnUse",
        "patternTransform": "rotate(\(angle))",
      ],
      [.element("path", ["class": "hatching \(name)", "d": "M2 0V4"])])
  }
}
