/// Finds intervals of integers, without looking at those that do not fit.
struct IntervalIndex {
  struct Interval {
    /// The ends belong to it.
    let low: Int
    let high: Int
    /// What it is the interval of.
    let item: Int
  }

  /// By their low ends.
  private let intervals: [Interval]
  /// A tree of maxima: the highest end of all intervals below a node; the root is 1, the children of n
  /// are 2n and 2n + 1.
  private let highest: [Int]

  init(_ intervals: [Interval]) {
    self.intervals = intervals.sorted { ($0.low, $0.item) < ($1.low, $1.item) }
    var width = 1
    while width < intervals.count { width *= 2 }
    var highest = [Int](repeating: .min, count: 2 * width)
    for (index, interval) in self.intervals.enumerated() { highest[width + index] = interval.high }
    for node in stride(from: width - 1, to: 0, by: -1) {
      highest[node] = max(highest[2 * node], highest[2 * node + 1])
    }
    self.highest = highest
  }

  /// Calls `body` with each interval that holds both numbers, until it answers false.
  func forEach(from low: Int, to high: Int, _ body: (Int) -> Bool) {
    _ = visit(1, 0, highest.count / 2, low, high, body)
  }

  /// Intervals below a node, of which the first has the index `first`.
  private func visit(
    _ node: Int, _ first: Int, _ width: Int, _ low: Int, _ high: Int, _ body: (Int) -> Bool
  ) -> Bool {
    guard first < intervals.count, highest[node] >= high, intervals[first].low <= low else {
      return true
    }
    if width == 1 { return body(intervals[first].item) }
    return visit(2 * node, first, width / 2, low, high, body)
      && visit(2 * node + 1, first + width / 2, width / 2, low, high, body)
  }
}
