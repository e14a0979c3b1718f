/// What would be signed by whom: each resource of a history with its visit, its doctor's place, and by which
/// rules. Made without signing anything.
public struct HistoryPlan: Sendable {
  /// A resource.
  public struct Item: Sendable {
    /// As `Observation`.
    public let type: String
    /// Its own id.
    public let id: String?
    /// As `entry[3]`.
    public let place: String
    /// As it was written.
    public let byteCount: Int
    public let rule: PlacementRule
    /// Whose finding it is in.
    public let doctor: DoctorPlace
  }

  /// A visit, or the supplement.
  public struct Part: Sendable {
    public let visit: Visit
    /// In the order of ``Visit/contents``.
    public let items: [Item]
  }

  public let history: FHIRHistory
  /// How many doctors sign.
  public let teamSize: Int
  /// The visits, then the supplement.
  public let parts: [Part]

  /// - Precondition: `teamSize` is in ``Visit/teamSizes``.
  public init(_ history: FHIRHistory, teamSize: Int) {
    (self.history, self.teamSize) = (history, teamSize)
    parts = history.parts.map { visit in
      let items = zip(visit.contents, visit.places(forTeamOf: teamSize)).map { content, doctor in
        Item(
          type: content.resource.type, id: content.resource.id, place: content.resource.place,
          byteCount: content.resource.bytes.count, rule: content.rule, doctor: doctor)
      }
      return Part(visit: visit, items: items)
    }
  }

  /// How many resources of each type lie where by which rule, by type.
  public struct Count: Equatable, Sendable {
    /// As `Observation`.
    public let type: String
    public let rule: PlacementRule
    /// Or in a visit.
    public let isInSupplement: Bool
    /// How many.
    public fileprivate(set) var count: Int
  }

  /// By type, then in the order of the rules.
  public var counts: [Count] { Self.counts(parts) }

  /// Of resources that were placed otherwise than by what they name themselves.
  public var countsByRules: [Count] {
    counts.filter { ![.isVisit, .namesVisit].contains($0.rule) }
  }

  private static func counts(_ parts: [Part]) -> [Count] {
    var counts: [String: Count] = [:]
    for part in parts {
      for item in part.items {
        let isInSupplement = part.visit.kind == .supplement
        counts[
          "\(item.type) \(item.rule.rawValue) \(isInSupplement)",
          default: Count(
            type: item.type, rule: item.rule, isInSupplement: isInSupplement, count: 0)
        ].count += 1
      }
    }
    let ranks = Dictionary(
      uniqueKeysWithValues: PlacementRule.allCases.enumerated().map { ($1, $0) })
    return counts.values.sorted { a, b in
      (a.type, ranks[a.rule] ?? 0, a.isInSupplement ? 1 : 0)
        < (b.type, ranks[b.rule] ?? 0, b.isInSupplement ? 1 : 0)
    }
  }
}
