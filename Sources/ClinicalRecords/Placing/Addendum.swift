import Crypto

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
  /// The parts in which each is, by what a hospital knows their visits by.
  fileprivate var parts: [RecordedResources.Key: [String]] = [:]
  /// How many are in no finding.
  fileprivate var leftOut: [RecordedResources.Key: Int] = [:]
  /// What is entered in error.
  fileprivate let retracted: [FHIRResource]

  /// Those of a history.
  public init(_ history: FHIRHistory) {
    for part in history.parts {
      for resource in part.resources {
        parts[RecordedResources.Key(resource), default: []].append(part.encounterID)
      }
    }
    for one in history.leftOut { leftOut[RecordedResources.Key(one.resource), default: 0] += 1 }
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
  ///   - record: that of the visit, as in ``insert(findings:of:)``; nil for a visit that was not held before.
  ///   - present: what the history of the visit has.
  public func comparison(
    of visit: Visit, with record: Int?, in present: PresentResources
  ) -> RecordComparison {
    var groups: [Key: [Visit.Content]] = [:]
    for content in visit.contents { groups[Key(content.resource), default: []].append(content) }
    let retracted = self.retracted(groups, of: record, in: present)
    for content in retracted { groups[Key(content.resource), default: []].append(content) }
    let retractedDigests = Set(retracted.map { Self.digest($0.resource) })

    // By key, what is to be signed of it, and what each that is lacking is.
    var found: [Key: Difference] = [:]
    for (key, group) in groups {
      found[key] = difference(
        key, group, of: record, isOnly: present.parts[key, default: []].count <= 1)
    }
    var lacking = visit
    lacking.contents = []
    var (added, withdrawn): ([String], [String]) = ([], [])
    var (corrected, moved): ([Addendum.Place], [Addendum.Place]) = ([], [])
    var seen: [Key: Int] = [:]
    for content in visit.contents + retracted {
      let key = Key(content.resource)
      let place = seen[key, default: 0]
      seen[key] = place + 1
      guard let difference = found[key] else { continue }
      let name = content.resource.name
      switch difference.kinds[place] {
      case .same: break
      case .moved(let other): moved.append(.init(name: name, record: other))
      case .lacking where retractedDigests.contains(Self.digest(content.resource)):
        withdrawn.append(name)
      case .lacking(corrects: let other?):
        corrected.append(.init(name: name, record: other == record ? nil : other))
      case .lacking(corrects: nil): added.append(name)
      }
      if difference.isSigned(place) { lacking.contents.append(content) }
    }
    let (elsewhere, absent) = leftovers(of: record, in: visit, groups, present)
    return RecordComparison(
      addendum: lacking.contents.isEmpty
        ? nil
        : Addendum(visit: lacking, added: added, corrected: corrected, retracted: withdrawn),
      moved: moved, elsewhere: elsewhere, absent: absent)
  }

  /// How resources of one key stand to what was signed of it.
  private struct Difference {
    enum Kind {
      case same
      /// It stands in this record just as it is.
      case moved(Int)
      /// It stands there otherwise; nil if it stands nowhere.
      case lacking(corrects: Int?)

      var isLacking: Bool {
        if case .lacking = self { true } else { false }
      }
    }

    /// Of each resource.
    var kinds: [Kind]
    /// Whether with one of them the others are signed once more, since it cannot be told which is which.
    let isWhole: Bool

    func isSigned(_ place: Int) -> Bool {
      switch kinds[place] {
      case .lacking: true
      case .same: isWhole && kinds.contains(where: \.isLacking)
      case .moved: false
      }
    }
  }

  /// - Parameter isOnly: whether no other part of the history has the key.
  private func difference(
    _ key: Key, _ group: [Visit.Content], of record: Int?, isOnly: Bool
  ) -> Difference {
    let known = self.known(under: key)
    let own = known.first { $0.record == record }
    // What was signed before the own is superseded.
    var others = known.filter { $0.record != record && $0.number > own?.number ?? -1 }
    // Of one that is in the history once, what was signed last counts.
    if own == nil, isOnly, group.count == 1 { others = Array(others.suffix(1)) }
    var rest = own?.digests ?? []
    var digests: [(SHA256.Digest, Int)] = others.flatMap { other in
      other.digests.map { ($0, other.record) }
    }
    var kinds: [Difference.Kind?] = group.map { content in
      let digest = Self.digest(content.resource)
      guard let place = rest.firstIndex(of: digest) else { return nil }
      rest.remove(at: place)
      return .same
    }
    for (place, content) in group.enumerated() where kinds[place] == nil {
      let digest = Self.digest(content.resource)
      if let match = digests.lastIndex(where: { $0.0 == digest }) {
        kinds[place] = .moved(digests.remove(at: match).1)
      } else if !rest.isEmpty {
        rest.removeLast()
        kinds[place] = .lacking(corrects: record)
      } else {
        kinds[place] = .lacking(corrects: own == nil && isOnly ? others.last?.record : nil)
      }
    }
    let isWhole = if case .name = key { true } else { false }
    return Difference(kinds: kinds.map { $0 ?? .same }, isWhole: isWhole)
  }

  /// What is entered in error by now and stands in this record: where more of its key were signed than the visit
  /// has.
  private func retracted(
    _ groups: [Key: [Visit.Content]], of record: Int?, in present: PresentResources
  ) -> [Visit.Content] {
    var room: [Key: Int] = [:]
    return present.retracted.compactMap { resource in
      let key = Key(resource)
      let known = self.known(under: key)
      guard let own = known.first(where: { $0.record == record }),
        known.last?.record == record || present.parts[key] != nil
      else { return nil }
      let left = room[key] ?? own.digests.count - (groups[key]?.count ?? 0)
      guard left > 0 else { return nil }
      room[key] = left - 1
      return Visit.Content(resource: resource, rule: .partOfVisit, author: nil)
    }
  }

  /// What a record has and its visit has not: what the history has elsewhere, and what it has not.
  private func leftovers(
    of record: Int?, in visit: Visit, _ groups: [Key: [Visit.Content]], _ present: PresentResources
  ) -> (elsewhere: [String], absent: [String]) {
    var (elsewhere, absent): ([String], [String]) = ([], [])
    let own = record.map { entries(ofRecord: $0) } ?? []
    for (key, entry) in own {
      var left = entry.digests.count - (groups[key]?.count ?? 0)
      guard left > 0 else { continue }
      let others = present.parts[key, default: []].count { $0 != visit.encounterID }
      if others > 0 { elsewhere.append(entry.name) }
      left -= others + (present.leftOut[key] ?? 0)
      if left > 0 { absent.append(entry.name) }
    }
    return (elsewhere, absent)
  }

  /// What was signed in records that were not `compared`, and is entered in error by now, but Encounters: nobody
  /// says so in an addendum.
  public func retracted(in present: PresentResources, besides compared: Set<Int>) -> [String] {
    present.retracted.filter { resource in
      guard resource.type != "Encounter", let known = self.known(under: Key(resource)).last else {
        return false
      }
      return !compared.contains(known.record) && !known.digests.contains(Self.digest(resource))
    }.map(\.name)
  }
}
