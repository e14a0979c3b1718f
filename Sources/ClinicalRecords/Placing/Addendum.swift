/// What a visit has, by a history, and its record has not: to be signed as a visit of its own that amends it.
public struct Addendum: Sendable {
  /// The visit with nothing but what is to be signed.
  public let visit: Visit
  /// How many resources are new.
  public let added: Int
  /// How many stand in the record with the same type and id, and with other content.
  public let corrected: Int
}

/// What the record of a visit and its addenda have: of each resource that has an id, what was signed last.
public struct RecordedResources: Sendable {
  /// By type and id.
  private var latest: [String: ArraySlice<UInt8>] = [:]
  /// Those without an id.
  private var others: Set<ArraySlice<UInt8>> = []

  /// Nothing.
  public init() {}

  /// Takes note of a finding, as ``Visit/findings(forTeamOf:)`` makes them: the record's first, then those of
  /// its addenda in the order in which they were signed.
  ///
  /// - Throws: ``ClinicalRecordError`` if it is no Bundle.
  public mutating func insert(finding: [UInt8]) throws(ClinicalRecordError) {
    for resource in try HistoryFile(finding).resources() {
      if let name = Self.name(resource) {
        latest[name] = resource.bytes
      } else {
        others.insert(resource.bytes)
      }
    }
  }

  /// What they lack of a visit, or have otherwise; nil if nothing.
  public func addendum(to visit: Visit) -> Addendum? {
    var lacking = visit
    lacking.contents.removeAll { content in
      guard let name = Self.name(content.resource) else {
        return others.contains(content.resource.bytes)
      }
      return latest[name] == content.resource.bytes
    }
    if lacking.contents.isEmpty { return nil }
    let corrected = lacking.contents.count { content in
      Self.name(content.resource).map { latest[$0] != nil } ?? false
    }
    return Addendum(
      visit: lacking, added: lacking.contents.count - corrected, corrected: corrected)
  }

  /// How many of their resources a visit has not, neither as they are nor corrected.
  public func count(lackingIn visit: Visit) -> Int {
    let names = Set(visit.contents.compactMap { Self.name($0.resource) })
    let bytes = Set(visit.contents.map(\.resource.bytes))
    return latest.keys.count { !names.contains($0) } + others.count { !bytes.contains($0) }
  }

  private static func name(_ resource: FHIRResource) -> String? {
    resource.id.map { "\(resource.type)/\($0)" }
  }
}
