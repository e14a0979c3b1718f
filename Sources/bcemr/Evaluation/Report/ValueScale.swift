import Foundation

/// An axis of values: where they lie on it, and what is written beside it.
struct ValueScale: Sendable {
  enum Kind: Sendable {
    case linear, logarithmic
  }

  struct Tick: Sendable {
    let value: Double
    /// Empty for a mark between labelled ones.
    let label: String
  }

  let lower: Double
  let upper: Double
  let kind: Kind
  let ticks: [Tick]

  /// Linear scales begin at 0. Values that no measurement has do not count, and have no place.
  init(_ kind: Kind, covering values: [Double]) {
    let values = values.filter { (1e-9...1e15).contains($0) }
    switch kind {
    case .linear: self.init(linearTo: values.max() ?? 0)
    case .logarithmic: self.init(logarithmicOf: values)
    }
  }

  /// A linear scale from the first to the last of these values, each of them labelled.
  init(at values: [Double]) {
    self.init(
      kind: .linear, lower: values.first ?? 0, upper: values.last ?? 1,
      ticks: values.map { Tick(value: $0, label: Self.label($0)) })
  }

  private init(kind: Kind, lower: Double, upper: Double, ticks: [Tick]) {
    (self.kind, self.lower, self.upper, self.ticks) = (kind, lower, upper, ticks)
  }

  private init(linearTo greatest: Double) {
    let step = greatest > 0 ? Self.round(greatest / 5, up: true) : 1
    let count = max(1, Int((greatest / step).rounded(.up)))
    self.init(
      kind: .linear, lower: 0, upper: Double(count) * step,
      ticks: (0...count).map { index in
        Tick(value: Double(index) * step, label: Self.label(Double(index) * step))
      })
  }

  private init(logarithmicOf values: [Double]) {
    // A third below the least, so that a bar of it can be seen.
    let lower = Self.round((values.min() ?? 1) / 1.5, up: false)
    let upper = max(Self.round(values.max() ?? 1, up: true), lower * 10)
    let exponents = Int(log10(lower).rounded(.down))...Int(log10(upper).rounded(.up))
    // Labels at 1, 2 and 5 where there is room for them.
    let labelled: Set = upper / lower > 250 ? [1] : [1, 2, 5]
    let ticks = exponents.flatMap { exponent in
      (1...9).map { digit in
        let value = Double(digit) * pow(10, Double(exponent))
        return Tick(value: value, label: labelled.contains(digit) ? Self.label(value) : "")
      }
    }
    self.init(
      kind: .logarithmic, lower: lower, upper: upper,
      ticks: ticks.filter { $0.value >= lower * 0.999 && $0.value <= upper * 1.001 })
  }

  /// - Returns: 0 for the lower end, 1 for the upper one; nil for what has no place between.
  func fraction(of value: Double) -> Double? {
    guard value >= lower * 0.999, value <= upper * 1.001, upper > lower else { return nil }
    switch kind {
    case .linear: return (value - lower) / (upper - lower)
    case .logarithmic: return log10(value / lower) / log10(upper / lower)
    }
  }

  /// The next of 1, 2 and 5 times a power of ten.
  private static func round(_ value: Double, up: Bool) -> Double {
    let power = pow(10, log10(value).rounded(.down))
    let steps = [1, 2, 5, 10].map { $0 * power }
    let nearest = up ? steps.first { $0 >= value * 0.9999 } : steps.last { $0 <= value * 1.0001 }
    return nearest ?? power
  }

  /// Without digits that say nothing; thousands apart from 10 000 on.
  static func label(_ value: Double, grouped: Bool = true) -> String {
    let rounded = (value * 1e6).rounded() / 1e6
    guard rounded == rounded.rounded(), abs(rounded) < 1e15 else { return "\(rounded)" }
    let digits = "\(Int(rounded))"
    guard grouped, abs(rounded) >= 10_000 else { return digits }
    return digits.enumerated().reduce(into: "") { text, digit in
      let rest = digits.count - digit.offset
      if digit.offset > 0, rest.isMultiple(of: 3) { text += "\u{202f}" }
      text.append(digit.element)
    }
  }

  /// Three significant digits of a value that was measured.
  static func number(_ value: Double) -> String {
    if value == 0 { return "0" }
    let decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3
    return String(format: "%.\(decimals)f", value)
  }
}
