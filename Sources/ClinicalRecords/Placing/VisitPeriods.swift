/// When visits were, to find the one in which a date lies.
struct VisitPeriods {
  private struct Period {
    let visit: Int
    let start: FHIRDateTime
    /// Nil if the visit goes on.
    let end: FHIRDateTime?

    var lastDay: Int { end?.day ?? .max }

    func holds(_ date: FHIRDateTime) -> Bool {
      !date.isCertainlyBefore(start) && !(end?.isCertainlyBefore(date) ?? false)
    }
  }

  /// By the day on which they start.
  private var periods: [Period] = []
  /// A tree of maxima: the last days of all periods below a node.
  private var latest: [Int] = []
  /// By visit, the visit that it is a part of.
  private let wholes: [Int: Int]

  /// As many as an Encounter with its parts can have; more are several in any case.
  private static let limit = 16

  /// - Parameter wholes: by visit, the visit that it is a part of.
  init(_ visits: [Visit], wholes: [Int: Int]) {
    self.wholes = wholes
    for (index, visit) in visits.enumerated() {
      // A visit of which no day is known attracts nothing by its date.
      guard let start = visit.period.start, start.precision >= .day else { continue }
      var end = visit.period.end
      if end == nil, !visit.isOngoing { end = start.dayAsWritten }
      guard end?.precision ?? .day >= .day else { continue }
      periods.append(Period(visit: index, start: start, end: end))
    }
    periods.sort { ($0.start.day, $0.visit) < ($1.start.day, $1.visit) }
    var width = 1
    while width < periods.count { width *= 2 }
    latest = [Int](repeating: .min, count: 2 * width)
    for (index, period) in periods.enumerated() { latest[width + index] = period.lastDay }
    for node in stride(from: width - 1, to: 0, by: -1) {
      latest[node] = max(latest[2 * node], latest[2 * node + 1])
    }
  }

  /// The visit in which all these dates lie.
  ///
  /// - Parameter dates: not none.
  func place(of dates: [FHIRDateTime]) -> (visit: Int?, rule: PlacementRule) {
    guard dates.allSatisfy({ $0.precision >= .day }) else { return (nil, .dateTooCoarse) }
    var found: [Int] = []
    collect(1, 0, latest.count / 2, dates, &found)
    // Of an Encounter and its parts, the part.
    let wholesOfFound = Set(found.flatMap(self.wholes(of:)))
    let innermost = found.filter { !wholesOfFound.contains($0) }
    if innermost.count > 1 { return (nil, .dateInSeveralVisits) }
    return innermost.first.map { ($0, .dateInVisit) } ?? (nil, .dateInNoVisit)
  }

  /// Visits below a node that hold all dates.
  private func collect(
    _ node: Int, _ first: Int, _ width: Int, _ dates: [FHIRDateTime], _ found: inout [Int]
  ) {
    // A day as written can be two days from that of the same instant elsewhere.
    let margin = 2
    guard first < periods.count, found.count < Self.limit, latest[node] >= dates[0].day - margin,
      periods[first].start.day <= dates[0].day + margin
    else { return }
    if width == 1 {
      if dates.allSatisfy(periods[first].holds) { found.append(periods[first].visit) }
      return
    }
    collect(2 * node, first, width / 2, dates, &found)
    collect(2 * node + 1, first + width / 2, width / 2, dates, &found)
  }

  /// The visits that a visit is a part of, however many there are between them.
  private func wholes(of visit: Int) -> [Int] {
    var found: [Int] = []
    var next = wholes[visit]
    while let whole = next, whole != visit, found.count < Self.limit {
      found.append(whole)
      next = wholes[whole]
    }
    return found
  }
}
