/// Quantities as people read them.
enum Quantity {
  /// As `12.3 ms`: three digits and a unit.
  static func time(nanoseconds: some BinaryInteger) -> String {
    scaled(Double(nanoseconds), by: 1000, ["ns", "µs", "ms", "s"])
  }

  /// As `12.3 KiB`.
  static func bytes(_ count: some BinaryInteger) -> String {
    scaled(Double(count), by: 1024, ["B", "KiB", "MiB", "GiB"])
  }

  /// As `1 entry`, `2 entries`, `3 leaves`, `4 visits` or `5 days`.
  static func count(_ number: Int, _ noun: String) -> String {
    if number == 1 { return "1 \(noun)" }
    let ending = [("y", "ies"), ("leaf", "leaves")].first { noun.hasSuffix($0.0) }
    guard let ending, !noun.hasSuffix("ay") else { return "\(number) \(noun)s" }
    return "\(number) \(noun.dropLast(ending.0.count))\(ending.1)"
  }

  private static func scaled(_ value: Double, by step: Double, _ units: [String]) -> String {
    var value = value
    var unit = 0
    while value >= step, unit < units.count - 1 {
      value /= step
      unit += 1
    }
    let digits = unit == 0 || value >= 100 ? 1.0 : value >= 10 ? 10 : 100
    let rounded = (value * digits).rounded() / digits
    return digits == 1 ? "\(Int(rounded)) \(units[unit])" : "\(rounded) \(units[unit])"
  }
}
