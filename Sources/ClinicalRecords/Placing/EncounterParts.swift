/// Which visits are parts of which, by `Encounter.partOf`.
struct EncounterParts {
  /// How many visits one can be a part of, in a row: more than any hospital has, so that parts are told from
  /// wholes in bounded time.
  static let maximumDepth = 64

  /// By visit, the visit that it is directly a part of.
  private let wholes: [Int: Int]
  /// By visit that is a part, how many it is a part of.
  private let depths: [Int: Int]

  /// The visits of a history by the indices of their Encounters. What says that it is a part of itself, over
  /// any number of steps, is a part of nothing.
  ///
  /// - Throws: ``ClinicalRecordError`` with `tooDeep` for more than ``maximumDepth`` in a row.
  init(
    _ visits: [Int: Int], _ resources: [FHIRResource], _ directory: ResourceDirectory
  ) throws(ClinicalRecordError) {
    var named: [Int: Int] = [:]
    for (index, visit) in visits {
      guard let reference = resources[index].value["partOf"],
        case .found(let whole) = directory.resolve(reference, from: index, expecting: "Encounter")
      else { continue }
      named[visit] = visits[whole]
    }
    for visit in Self.inRings(named) { named[visit] = nil }
    var depths: [Int: Int] = [:]
    for visit in named.keys {
      var chain: [Int] = []
      var next = visit
      while depths[next] == nil, let whole = named[next] {
        chain.append(next)
        next = whole
      }
      for part in chain.reversed() {
        depths[part] = (named[part].flatMap { depths[$0] } ?? 0) + 1
      }
    }
    (wholes, self.depths) = (named, depths)
    for (index, visit) in visits.sorted(by: { $0.key < $1.key })
    where depths[visit] ?? 0 > Self.maximumDepth {
      throw resources[index].value.error(
        .tooDeep,
        "\(resources[index].label) is a part of more than \(Self.maximumDepth) Encounters in a row")
    }
  }

  /// Those from which one comes back to themselves.
  private static func inRings(_ wholes: [Int: Int]) -> Set<Int> {
    var (seen, rings): (Set<Int>, Set<Int>) = ([], [])
    for start in wholes.keys where !seen.contains(start) {
      var places: [Int: Int] = [:]
      var (chain, next): ([Int], Int?) = ([], start)
      while let visit = next, !seen.contains(visit), places[visit] == nil {
        places[visit] = chain.count
        chain.append(visit)
        next = wholes[visit]
      }
      if let visit = next, let first = places[visit] { rings.formUnion(chain[first...]) }
      seen.formUnion(chain)
    }
    return rings
  }

  /// Whether a visit is a part of another one, over any number of steps.
  func isPart(_ visit: Int, of whole: Int) -> Bool {
    var next = visit
    for _ in 0..<max(0, (depths[visit] ?? 0) - (depths[whole] ?? 0)) {
      next = wholes[next] ?? next
    }
    return next == whole && visit != whole
  }
}
