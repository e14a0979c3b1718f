/// Why a resource lies in a visit, or in the supplement, which holds what belongs to no visit.
public enum PlacementRule: String, Sendable, CaseIterable {
  /// It is the Encounter of the visit.
  case isVisit = "is-visit"
  /// It names the visit as its encounter.
  case namesVisit = "names-visit"
  /// The Encounter has it as a diagnosis, or a resource of the visit as a result or member.
  case partOfVisit = "part-of-visit"
  /// A Provenance, of whose targets all are in the visit.
  case targetsInVisit = "targets-in-visit"
  /// Its date lies in the period of the visit, and of no other.
  case dateInVisit = "date-in-visit"
  /// It has no date, and only resources of the visit name it.
  case namedInVisit = "named-in-visit"

  /// The Encounter that it is, or names, did not take place.
  case visitNotHeld = "visit-not-held"
  /// The Encounter that it names is not in the file.
  case visitNotHere = "visit-not-here"
  /// Several Encounters fit what it names.
  case visitUnclear = "visit-unclear"
  /// Its date lies in no visit.
  case dateInNoVisit = "date-in-no-visit"
  /// Its date lies in several visits.
  case dateInSeveralVisits = "date-in-several-visits"
  /// Its date is a year or a month.
  case dateTooCoarse = "date-too-coarse"
  /// It has no date by which it could be placed, and no visit alone names it.
  case noDate = "no-date"

  /// For people.
  public var explanation: String {
    switch self {
    case .isVisit: "is the visit"
    case .namesVisit: "names the visit"
    case .partOfVisit: "a diagnosis or result of the visit"
    case .targetsInVisit: "its targets are in the visit"
    case .dateInVisit: "by its date"
    case .namedInVisit: "named in this visit alone"
    case .visitNotHeld: "of an Encounter that did not take place"
    case .visitNotHere: "names an Encounter that is not here"
    case .visitUnclear: "names several Encounters"
    case .dateInNoVisit: "its date is in no visit"
    case .dateInSeveralVisits: "its date is in several visits"
    case .dateTooCoarse: "its date is no day"
    case .noDate: "without a date"
    }
  }
}
