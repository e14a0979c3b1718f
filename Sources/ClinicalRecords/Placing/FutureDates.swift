/// A resource of a history that is dated after now, though it tells of what was.
public struct FutureDate: Sendable {
  public let resource: FHIRResource
  /// How far ahead of now it is: whole days, at least 1.
  public let days: Int
}

extension FHIRHistory {
  /// What may lie ahead: what tells of a plan, and not of what was.
  private static let plans: Set<String> = [
    "Appointment", "AppointmentResponse", "CarePlan", "Goal",
  ]

  /// What would be signed and is dated more than a day after `now`, in the order of the visits: an Encounter
  /// by its start, or by its end if it is over, all else by its first date. A day, since a date without a
  /// time zone may be anybody's, and clocks differ.
  ///
  /// - Parameter now: seconds since 1970-01-01T00:00:00Z.
  public func futureDates(now: UInt64) -> [FutureDate] {
    let day = 86_400
    let now = Int(clamping: min(now, UInt64(Int.max / 2)))
    return parts.flatMap { part in
      part.contents.compactMap { content in
        let latest = Self.dates(of: content, in: part).map(\.seconds).max()
        guard let latest, latest > now + day else { return nil }
        return FutureDate(resource: content.resource, days: (latest - now) / day)
      }
    }
  }

  private static func dates(of content: Visit.Content, in part: Visit) -> [FHIRDateTime] {
    if content.rule == .isVisit {
      return [part.period.start, part.isOngoing ? nil : part.period.end].compactMap(\.self)
    }
    let resource = content.resource
    guard resource.type != "Encounter", !plans.contains(resource.type),
      let first = (try? ClinicalDates.dates(of: resource))?.first
    else { return [] }
    return [first]
  }
}
