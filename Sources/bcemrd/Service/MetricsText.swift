/// Text in which Prometheus takes measurements, version 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/).
struct MetricsText {
  enum Kind: String { case gauge, counter, histogram }

  private(set) var text = ""

  /// A measurement with one value for each set of labels; nothing of it where there is none.
  mutating func add(
    _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: [String: String], Double)]
  ) {
    guard !samples.isEmpty else { return }
    begin(name, kind, help)
    for (labels, value) in samples { line(name, labels, value) }
  }

  /// The same with one value and no labels.
  mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double?) {
    add(name, kind, help, value.map { [([:], $0)] } ?? [])
  }

  /// - Parameter samples: with how many fell in each class, one more than there are bounds.
  mutating func add(
    _ name: String, _ help: String, bounds: [Double],
    _ samples: [(labels: [String: String], counts: [UInt64], sum: Double)]
  ) {
    guard !samples.isEmpty else { return }
    begin(name, .histogram, help)
    for (labels, counts, sum) in samples {
      var total: UInt64 = 0
      for (index, count) in counts.enumerated() {
        total += count
        let bound = index < bounds.count ? Self.number(bounds[index]) : "+Inf"
        line("\(name)_bucket", labels.merging(["le": bound]) { $1 }, Double(total))
      }
      line("\(name)_sum", labels, sum)
      line("\(name)_count", labels, Double(total))
    }
  }

  private mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  private mutating func line(_ name: String, _ labels: [String: String], _ value: Double) {
    let pairs = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }
    text += name + (pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}")
    text += " \(Self.number(value))\n"
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }

  /// Whole numbers without a fraction.
  private static func number(_ value: Double) -> String {
    Int64(exactly: value).map { "\($0)" } ?? "\(value)"
  }
}
