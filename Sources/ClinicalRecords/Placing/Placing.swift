import TerminalText

/// Where each resource of a history lies, and by which rule.
struct Placing {
  struct Place {
    /// Nil for the supplement.
    let visit: Int?
    let rule: PlacementRule
  }

  private let resources: [FHIRResource]
  private let directory: ResourceDirectory
  /// By resource; nil while it is not known.
  private(set) var places: [Place?]
  /// Which visit an Encounter is.
  private let visits: [Int: Int]

  /// - Parameters:
  ///   - resources: that are to be placed; of those that are left out only that they are there.
  ///   - held: the visits, by the indices of their Encounters.
  ///   - isLeftOut: by resource.
  /// - Throws: ``ClinicalRecordError`` for dates and references that are wrong.
  init(
    _ resources: [FHIRResource], _ directory: ResourceDirectory, held visits: [Int: Int],
    periods: VisitPeriods, isLeftOut: [Bool]
  ) throws(ClinicalRecordError) {
    (self.resources, self.directory, self.visits) = (resources, directory, visits)
    places = [Place?](repeating: nil, count: resources.count)
    let wanted = resources.indices.filter { !isLeftOut[$0] }
    for index in wanted { places[index] = try placeOfItsOwn(index) }
    placeParts(wanted)
    // What a Provenance is about goes before it.
    var provenances: [(index: Int, place: Place?)] = []
    var undated: [Int] = []
    for index in wanted {
      // All are read, also where they are not needed.
      let place = try Self.placeByDate(resources[index], periods)
      if places[index] != nil { continue }
      if resources[index].type == "Provenance" {
        provenances.append((index, place))
      } else {
        places[index] = place
        if place == nil { undated.append(index) }
      }
    }
    for (index, place) in provenances {
      places[index] = placeByTargets(index) ?? place
      if places[index] == nil { undated.append(index) }
    }
    placeNamed(undated)
  }

  /// The visit in which the dates of a resource lie; nil if it has none.
  private static func placeByDate(
    _ resource: FHIRResource, _ periods: VisitPeriods
  ) throws(ClinicalRecordError) -> Place? {
    let dates = try ClinicalDates.dates(of: resource)
    if dates.isEmpty { return nil }
    let (visit, rule) = periods.place(of: dates)
    return Place(visit: visit, rule: rule)
  }

  // MARK: By what it is or names

  private func placeOfItsOwn(_ index: Int) throws(ClinicalRecordError) -> Place? {
    if resources[index].type == "Encounter" {
      return visits[index].map { Place(visit: $0, rule: .isVisit) }
        ?? Place(visit: nil, rule: .visitNotHeld)
    }
    var worst: PlacementRule?
    for reference in Self.encounterReferences(in: resources[index]) {
      switch directory.resolve(reference, from: index, expecting: "Encounter") {
      case .found(let found) where resources[found].type == "Encounter":
        if let visit = visits[found] { return Place(visit: visit, rule: .namesVisit) }
        worst = .visitNotHeld
      case .contained(let contained) where contained.type == "Encounter":
        guard let found = contained.twin else {
          worst = worst ?? .visitNotHere
          continue
        }
        if let visit = visits[found] { return Place(visit: visit, rule: .namesVisit) }
        worst = .visitNotHeld
      case .elsewhere(let type) where type == nil || type == "Encounter":
        worst = worst ?? .visitNotHere
      case .several: worst = worst ?? .visitUnclear
      case .mismatch(let near):
        let text = printable(reference["reference"]?.string ?? "")
        let url = printable(resources[near].fullURL ?? "")
        throw reference.error(
          .mismatchedReference,
          "\(resources[index].label) names \(text), and \(resources[near].label) is \(url)")
      case .found, .contained, .elsewhere, .nothing: break
      }
    }
    return worst.map { Place(visit: nil, rule: $0) }
  }

  private static func encounterReferences(in resource: FHIRResource) -> [JSONValue] {
    let fields = resource.value.members
    return (fields["encounter"].map { $0.isArray ? $0.elements : [$0] } ?? [])
      + (fields["context"].map { $0.isArray ? $0.elements : [$0] } ?? [])
      + (fields["context"]?.values(at: "encounter") ?? [])
      + (fields["item"]?.values(at: "encounter") ?? [])
  }

  // MARK: By what has it as its part

  /// What a visit, or a resource in it, has as diagnosis, result or member, over any number of steps, and no
  /// other visit has so.
  private mutating func placeParts(_ wanted: [Int]) {
    var claims: [Int: Namers] = [:]
    // Each target is looked at again when more is known of it, which is twice at most.
    var waiting = wanted.compactMap { index in
      places[index]?.visit.map { (source: index, known: Namers.visit($0)) }
    }
    while let (source, known) = waiting.popLast() {
      for target in parts(of: source) where places[target] == nil {
        let before = claims[target, default: .nobody]
        guard before != .several, before != known else { continue }
        let after = before == .nobody ? known : .several
        claims[target] = after
        waiting.append((target, after))
      }
    }
    for (target, claim) in claims {
      if case .visit(let visit) = claim {
        places[target] = Place(visit: visit, rule: .partOfVisit)
      }
    }
  }

  private func parts(of index: Int) -> [Int] {
    let value = resources[index].value
    let references: [JSONValue]
    switch resources[index].type {
    case "Encounter": references = value.values(at: "diagnosis.condition")
    case "DiagnosticReport": references = value.values(at: "result")
    case "Observation": references = value.values(at: "hasMember")
    default: return []
    }
    return references.compactMap { reference in
      let finding = directory.resolve(reference, from: index, expecting: "Observation")
      guard case .found(let target) = finding, target != index else { return nil }
      return target
    }
  }

  private func placeByTargets(_ index: Int) -> Place? {
    var common: Int?
    for reference in resources[index].value.values(at: "target") {
      guard
        case .found(let target) = directory.resolve(reference, from: index, expecting: "Resource"),
        let visit = places[target]?.visit, common ?? visit == visit
      else { return nil }
      common = visit
    }
    return common.map { Place(visit: $0, rule: .targetsInVisit) }
  }

  // MARK: By what names it

  /// Who names a resource, through any number of others without a place.
  private enum Namers: Equatable {
    case nobody
    case visit(Int)
    /// Several visits, or something in the supplement.
    case several
  }

  private mutating func placeNamed(_ undated: [Int]) {
    var namers = [Int: Namers](uniqueKeysWithValues: undated.map { ($0, .nobody) })
    // Each resource without a place is looked at again when it has learned more, which is twice at most.
    var waiting: [(source: Int, known: Namers)] = []
    for index in resources.indices {
      if let place = places[index] {
        waiting.append((index, place.visit.map { .visit($0) } ?? .several))
      }
    }
    while let (source, known) = waiting.popLast() {
      for range in resources[source].value.text.references(in: resources[source].value.range) {
        guard !namers.isEmpty,
          let text = JSONValue(resources[source].value.text, range).string,
          case .found(let target) = directory.resolve(text, from: source),
          let before = namers[target], before != .several, before != known
        else { continue }
        let after = before == .nobody ? known : .several
        namers[target] = after
        waiting.append((target, after))
      }
    }
    for index in undated {
      if case .visit(let visit)? = namers[index] {
        places[index] = Place(visit: visit, rule: .namedInVisit)
      } else {
        places[index] = Place(visit: nil, rule: .noDate)
      }
    }
  }
}
