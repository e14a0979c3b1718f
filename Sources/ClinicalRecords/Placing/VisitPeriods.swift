/// When visits were, to find the one in which a date lies.
struct VisitPeriods {
  private struct Period {
    let visit: Int
    let start: FHIRDateTime
    /// Nil if the visit goes on.
    let end: FHIRDateTime?

    /// Whether both ends are points in time.
    var isPrecise: Bool { start.precision == .time && end?.precision ?? .time == .time }

    func holds(_ date: FHIRDateTime) -> Bool {
      !date.isCertainlyBefore(start) && !(end?.isCertainlyBefore(date) ?? false)
    }
  }

  private let periods: [Period]
  /// All, by the days as written; for dates without a time.
  private let byDay: IntervalIndex
  /// Those that are precise, by seconds; for dates with a time.
  private let bySecond: IntervalIndex
  /// The others by days, with two more on each side, since the day as written can be that far from that
  /// of the same instant elsewhere; for dates with a time.
  private let byRoughDay: IntervalIndex
  /// By visit, the visit that it is a part of.
  private let wholes: [Int: Int]

  /// As many as an Encounter with its parts can have; more are several in any case.
  private static let limit = 16
  private static let margin = 2

  /// - Parameter wholes: by visit, the visit that it is a part of.
  init(_ visits: [Visit], wholes: [Int: Int]) {
    self.wholes = wholes
    var list: [Period] = []
    for (index, visit) in visits.enumerated() {
      // A visit of which no day is known attracts nothing by its date.
      guard let start = visit.period.start, start.precision >= .day else { continue }
      var end = visit.period.end
      if end == nil, !visit.isOngoing { end = start.dayAsWritten }
      guard end?.precision ?? .day >= .day else { continue }
      list.append(Period(visit: index, start: start, end: end))
    }
    let periods = list
    let precise = periods.indices.filter { periods[$0].isPrecise }
    let others = periods.indices.filter { !periods[$0].isPrecise }
    func days(_ indices: some Sequence<Int>, margin: Int) -> [IntervalIndex.Interval] {
      indices.map { index in
        IntervalIndex.Interval(
          low: periods[index].start.day - margin,
          high: periods[index].end.map { $0.day + margin } ?? .max, item: index)
      }
    }
    self.periods = periods
    byDay = IntervalIndex(days(periods.indices, margin: 0))
    byRoughDay = IntervalIndex(days(others, margin: Self.margin))
    bySecond = IntervalIndex(
      precise.map { index in
        IntervalIndex.Interval(
          low: periods[index].start.seconds, high: periods[index].end?.seconds ?? .max, item: index)
      })
  }

  /// The visit in which all these dates lie.
  ///
  /// - Parameter dates: not none.
  func place(of dates: [FHIRDateTime]) -> (visit: Int?, rule: PlacementRule) {
    guard dates.allSatisfy({ $0.precision >= .day }) else { return (nil, .dateTooCoarse) }
    let (first, last) = (dates[0], dates[dates.count - 1])
    var found: [Int] = []
    func collect(_ index: IntervalIndex, _ low: Int, _ high: Int) {
      index.forEach(from: low, to: high) { period in
        if dates.allSatisfy(periods[period].holds) { found.append(periods[period].visit) }
        return found.count < Self.limit
      }
    }
    if first.precision == .day {
      collect(byDay, first.day, last.precision == .day ? last.day : last.day - Self.margin)
    } else {
      collect(bySecond, first.seconds, last.precision == .time ? last.seconds : first.seconds)
      collect(byRoughDay, first.day, first.day)
    }
    // Of an Encounter and its parts, the part.
    let wholesOfFound = Set(found.flatMap(self.wholes(of:)))
    let innermost = found.filter { !wholesOfFound.contains($0) }
    if innermost.count > 1 { return (nil, .dateInSeveralVisits) }
    return innermost.first.map { ($0, .dateInVisit) } ?? (nil, .dateInNoVisit)
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
