/// Which doctor of a team gets a resource, and why.
public struct DoctorPlace: Equatable, Sendable {
  /// Why it is that doctor.
  public enum Rule: String, Sendable, CaseIterable {
    /// The first doctor has the Encounter.
    case encounter = "has-encounter"
    /// The history says who made it, and this is that practitioner's place.
    case author = "made-it"
    /// It says so, but the team has fewer places than the visit has practitioners: in turn.
    case noPlace = "author-without-place"
    /// It does not: in turn.
    case turn = "in-turn"

    /// For people.
    public var explanation: String {
      switch self {
      case .encounter: "has the Encounter"
      case .author: "made it"
      case .noPlace: "in turn; who made it has no place"
      case .turn: "in turn"
      }
    }
  }

  /// From 1.
  public let doctor: Int
  public let rule: Rule
}

extension Visit {
  /// How many doctors a visit can have: 1...16.
  public static let teamSizes = 1...16

  /// The doctor of each of the ``contents``.
  ///
  /// D₁ gets the Encounter. The practitioners of the visit have the places of the team, in the order in
  /// which they appear; what one of them made goes to that place. All else goes round the team in file
  /// order, from D₂ on, and in a supplement from D₁ on.
  ///
  /// - Precondition: `count` is in ``teamSizes``.
  public func places(forTeamOf count: Int) -> [DoctorPlace] {
    precondition(Self.teamSizes.contains(count), "a team has 1 to 16 doctors")
    var turn = kind == .encounter ? 1 : 0
    return contents.map { content in
      if content.rule == .isVisit { return DoctorPlace(doctor: 1, rule: .encounter) }
      if let author = content.author, author < count {
        return DoctorPlace(doctor: author + 1, rule: .author)
      }
      turn += 1
      return DoctorPlace(
        doctor: (turn - 1) % count + 1, rule: content.author == nil ? .turn : .noPlace)
    }
  }

  /// The findings m₁ … mₙ of a team: `collection` Bundles that share out the visit's resources by
  /// ``places(forTeamOf:)``.
  ///
  /// A doctor left without one gets a Bundle of nothing. Each resource lies in exactly one finding,
  /// byte for byte, and ``FHIRBundle/resources(in:)`` gives it back.
  ///
  /// - Precondition: `count` is in ``teamSizes``.
  public func findings(forTeamOf count: Int) -> [[UInt8]] {
    var shares = [[ArraySlice<UInt8>]](repeating: [], count: count)
    for (content, place) in zip(contents, places(forTeamOf: count)) {
      shares[place.doctor - 1].append(content.resource.bytes)
    }
    return shares.map { FHIRBundle.collection(of: $0, isSupplement: kind == .supplement) }
  }
}

extension Visit {
  /// How many bytes ``findings(forTeamOf:)`` have together, without making them.
  public func findingsByteCount(forTeamOf count: Int) -> Int {
    let head = FHIRBundle.collection(of: [], isSupplement: kind == .supplement).count
    var sizes = [Int](repeating: head, count: count)
    for (content, place) in zip(contents, places(forTeamOf: count)) {
      // The first of a Bundle opens its list of entries, and the last closes it.
      let isFirst = sizes[place.doctor - 1] == head
      sizes[place.doctor - 1] += content.resource.bytes.count + (isFirst ? 24 : 14)
    }
    return sizes.reduce(0, +)
  }
}
