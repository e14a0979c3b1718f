/// A resource of a history whose date is so early that it is hardly meant.
public struct EarlyDate: Sendable {
  /// Why it is remarkable.
  public enum Ground: String, Sendable {
    /// It is before the patient's birth.
    case beforeBirth = "before-birth"
    /// It is a hundred years or more before the visit in which the resource lies.
    case centuryBeforeVisit = "century-before-visit"
  }

  public let resource: FHIRResource
  public let ground: Ground
}

extension FHIRHistory {
  /// What would be signed and is dated more than a day before the patient was born, or a hundred years before
  /// its visit began, in the order of the visits. An Encounter is taken by its start, all else by its first
  /// date; a FamilyMemberHistory tells of others.
  public var earlyDates: [EarlyDate] {
    let birth = patient.birthDate.flatMap { try? FHIRDateTime($0, .date) }
    let (day, century) = (86_400, 100 * 36_525 * 864)
    return parts.flatMap { part in
      part.contents.compactMap { content -> EarlyDate? in
        guard let date = Self.firstDate(of: content, in: part) else { return nil }
        if let birth, date.isCertainlyBefore(birth), date.seconds < birth.seconds - day {
          return EarlyDate(resource: content.resource, ground: .beforeBirth)
        }
        guard let start = part.period.start, content.rule != .isVisit,
          date.seconds < start.seconds - century
        else { return nil }
        return EarlyDate(resource: content.resource, ground: .centuryBeforeVisit)
      }
    }
  }

  private static func firstDate(of content: Visit.Content, in part: Visit) -> FHIRDateTime? {
    if content.rule == .isVisit { return part.period.start }
    let resource = content.resource
    guard !["Encounter", "FamilyMemberHistory"].contains(resource.type) else { return nil }
    return (try? ClinicalDates.dates(of: resource))?.first
  }
}
