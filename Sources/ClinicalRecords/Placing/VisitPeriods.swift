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
  private let parts: EncounterParts

  private static let margin = 2

  init(_ visits: [Visit], parts: EncounterParts) {
    self.parts = parts
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
    // Of an Encounter and its parts, the part. Two of which neither is part of the other are never both the
    // wholes of a third.
    var (innermost, isSeveral): (Int?, Bool) = (nil, false)
    func collect(_ index: IntervalIndex, _ low: Int, _ high: Int) {
      index.forEach(from: low, to: high) { period in
        guard dates.allSatisfy(periods[period].holds) else { return true }
        let visit = periods[period].visit
        guard let known = innermost else {
          innermost = visit
          return true
        }
        if parts.isPart(visit, of: known) {
          innermost = visit
        } else if !parts.isPart(known, of: visit) {
          isSeveral = true
        }
        return !isSeveral
      }
    }
    if first.precision == .day {
      collect(byDay, first.day, last.precision == .day ? last.day : last.day - Self.margin)
    } else {
      collect(bySecond, first.seconds, last.precision == .time ? last.seconds : first.seconds)
      collect(byRoughDay, first.day, first.day)
    }
    if isSeveral { return (nil, .dateInSeveralVisits) }
    return innermost.map { ($0, .dateInVisit) } ?? (nil, .dateInNoVisit)
  }
}
