/// What a visit has, by a history, and its record has not: to be signed as a visit of its own that amends it.
public struct Addendum: Sendable {
  /// A resource that stands in a record.
  public struct Place: Equatable, Sendable {
    /// As `Observation/o2`.
    public let name: String
    /// The record that has it, by its number; nil if it is the one that is compared.
    public let record: Int?
  }

  /// The visit with nothing but what is to be signed.
  public let visit: Visit
  /// What is new, by type and id.
  public let added: [String]
  /// What stands in a record otherwise.
  public let corrected: [Place]
  /// What stands in the record and is entered in error by now: it is signed as it is now, with that status.
  public let retracted: [String]
}

/// How a visit, by a history, stands to the records that were signed before.
public struct RecordComparison: Sendable {
  /// What is to be signed; nil if that is nothing.
  public let addendum: Addendum?
  /// What stands in another record just as it is: it is not signed again.
  public let moved: [Addendum.Place]
  /// What the record has and the history has in another visit, or in the supplement, by now.
  public let elsewhere: [String]
  /// What the record has and the history has not, also not as entered in error.
  public let absent: [String]
}

/// Which resources a history has, and where, to be compared with records.
public struct PresentResources: Sendable {
  /// The part of each, by what a hospital knows its visit by.
  fileprivate var parts: [RecordedResources.Key: String] = [:]
  /// Those in no finding.
  fileprivate var leftOut: Set<RecordedResources.Key> = []
  /// What is entered in error.
  fileprivate let retracted: [FHIRResource]

  /// Those of a history.
  public init(_ history: FHIRHistory) {
    for part in history.parts {
      for resource in part.resources { parts[RecordedResources.Key(resource)] = part.encounterID }
    }
    leftOut = Set(history.leftOut.map { RecordedResources.Key($0.resource) })
    retracted = history.leftOut.filter { $0.reason == .enteredInError }.map(\.resource)
  }

  /// Encounters that are entered in error, each with what a hospital would know its visit by.
  public var retractedEncounters: [(name: String, encounterID: String)] {
    retracted.filter { $0.type == "Encounter" }.map { ($0.name, $0.lastingID) }
  }
}

extension RecordedResources {
  /// Compares a visit with its record and all others.
  ///
  /// - Parameters:
  ///   - record: that of the visit, as in ``insert(finding:of:)``; nil for a visit that was not held before.
  ///   - present: what the history of the visit has.
  public func comparison(
    of visit: Visit, with record: Int?, in present: PresentResources
  ) -> RecordComparison {
    var lacking = visit
    lacking.contents = []
    var (added, retracted): ([String], [String]) = ([], [])
    var (corrected, moved): ([Addendum.Place], [Addendum.Place]) = ([], [])
    for content in visit.contents {
      let name = content.resource.name
      guard let known = entry(of: content.resource) else {
        added.append(name)
        lacking.contents.append(content)
        continue
      }
      let place = Addendum.Place(name: name, record: known.record == record ? nil : known.record)
      if known.digest == Self.digest(content.resource) {
        if place.record != nil { moved.append(place) }
        continue
      }
      corrected.append(place)
      lacking.contents.append(content)
    }
    for resource in present.retracted {
      guard let known = entry(of: resource), known.record == record,
        known.digest != Self.digest(resource)
      else { continue }
      retracted.append(resource.name)
      lacking.contents.append(Visit.Content(resource: resource, rule: .partOfVisit, author: nil))
    }
    let own = record.map(entries(ofRecord:)) ?? []
    return RecordComparison(
      addendum: lacking.contents.isEmpty
        ? nil
        : Addendum(visit: lacking, added: added, corrected: corrected, retracted: retracted),
      moved: moved,
      elsewhere: own.filter { key, _ in
        present.parts[key].map { $0 != visit.encounterID } ?? false
      }.map(\.entry.name),
      absent: own.filter { key, _ in
        present.parts[key] == nil && !present.leftOut.contains(key)
      }.map(\.entry.name))
  }

  /// What was signed in records that were not `compared`, and is entered in error by now, but Encounters: nobody
  /// says so in an addendum.
  public func retracted(in present: PresentResources, besides compared: Set<Int>) -> [String] {
    present.retracted.filter { resource in
      guard resource.type != "Encounter", let known = entry(of: resource) else { return false }
      return !compared.contains(known.record) && known.digest != Self.digest(resource)
    }.map(\.name)
  }
}
