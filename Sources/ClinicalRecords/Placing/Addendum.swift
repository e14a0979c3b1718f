/// What a visit has, by a history, and its record has not: to be signed as a visit of its own that amends it.
public struct Addendum: Sendable {
  /// The visit with nothing but what is to be signed.
  public let visit: Visit
  /// How many resources are new.
  public let added: Int
  /// How many stand in the record with the same type and id, and with other content.
  public let corrected: Int
}

/// What the record of a visit and its addenda have.
public struct RecordedResources: Sendable {
  private var bytes: Set<ArraySlice<UInt8>> = []
  private var names: Set<String> = []

  /// Nothing.
  public init() {}

  /// Takes note of a finding, as ``Visit/findings(forTeamOf:)`` makes them.
  ///
  /// - Throws: ``ClinicalRecordError`` if it is no Bundle.
  public mutating func insert(finding: [UInt8]) throws(ClinicalRecordError) {
    for resource in try HistoryFile(finding).resources() {
      bytes.insert(resource.bytes)
      if let name = Self.name(resource) { names.insert(name) }
    }
  }

  /// What they lack of a visit; nil if nothing.
  public func addendum(to visit: Visit) -> Addendum? {
    var lacking = visit
    lacking.contents.removeAll { bytes.contains($0.resource.bytes) }
    if lacking.contents.isEmpty { return nil }
    let corrected = lacking.contents.count {
      Self.name($0.resource).map(names.contains) ?? false
    }
    return Addendum(
      visit: lacking, added: lacking.contents.count - corrected, corrected: corrected)
  }

  /// How many of their resources a visit has not, neither as they are nor corrected.
  public func count(lackingIn visit: Visit) -> Int {
    let own = Set(visit.contents.compactMap { Self.name($0.resource) })
    return names.count { !own.contains($0) }
  }

  private static func name(_ resource: FHIRResource) -> String? {
    resource.id.map { "\(resource.type)/\($0)" }
  }
}
