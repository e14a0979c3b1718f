/// The resources of a history, each once, with what finds them.
struct HistorySource {
  let resources: [FHIRResource]
  let directory: ResourceDirectory
  /// What was left out before.
  let leftOut: [FHIRHistory.LeftOut]

  /// All of some files.
  ///
  /// - Throws: ``ClinicalRecordError`` for another version of FHIR, two resources of one name that differ,
  ///   more than ``FHIRHistory/maximumByteCount`` bytes or ``FHIRHistory/maximumResourceCount`` resources.
  init(_ files: [HistoryFile]) throws(ClinicalRecordError) {
    guard files.reduce(0, { $0 + $1.byteCount }) <= FHIRHistory.maximumByteCount else {
      let limit = FHIRHistory.maximumByteCount >> 20
      throw ClinicalRecordError(.tooLarge, "the files are together larger than \(limit) MiB")
    }
    var all: [FHIRResource] = []
    for file in files {
      if file.form == .bundle {
        let bundle = JSONValue(file.text, file.text.ranges[0])
        try FHIRVersion.requireR4(profilesOf: bundle, bundle.members)
      }
      try file.forEachResource { (resource) throws(ClinicalRecordError) in
        guard all.count < FHIRHistory.maximumResourceCount else {
          throw resource.value.error(
            .tooLarge, "there are more than \(FHIRHistory.maximumResourceCount) resources")
        }
        try FHIRVersion.requireR4(resource)
        all.append(resource)
      }
    }
    var known = KnownNames()
    var (repeated, isRepeated) = (
      [FHIRHistory.LeftOut](), [Bool](repeating: false, count: all.count)
    )
    for index in all.indices {
      guard let other = known.other(named: index, in: all) else {
        known.add(index, of: all)
        continue
      }
      guard all[other].bytes == all[index].bytes else { throw Self.differ(all[other], all[index]) }
      repeated.append(.init(resource: all[index], reason: .repeated))
      isRepeated[index] = true
    }
    if !repeated.isEmpty { all = all.indices.filter { !isRepeated[$0] }.map { all[$0] } }
    self.init(all, leftOut: repeated)
  }

  init(_ resources: [FHIRResource], leftOut: [FHIRHistory.LeftOut]) {
    (self.resources, self.leftOut) = (resources, leftOut)
    directory = ResourceDirectory(resources)
  }

  private static func differ(_ a: FHIRResource, _ b: FHIRResource) -> ClinicalRecordError {
    let code: ClinicalRecordError.Code =
      b.type == "Encounter" ? .duplicateEncounter : .duplicateResource
    return b.value.error(
      code, "\(a.label) and \(b.label) have one id or fullUrl, and are not the same"
    ).with(hint: hint(a, b))
  }

  /// What to do about two resources of one name.
  private static func hint(_ a: FHIRResource, _ b: FHIRResource) -> String {
    let versions = (ResourceVersion(a), ResourceVersion(b))
    let amending =
      "what was signed of the other by an earlier 'bcemr demo' gets an addendum by the newer one"
    switch versions {
    case (let first?, let second?) where first != second:
      let newer = first.isBefore(second).map { $0 ? (b, second) : (a, first) }
      let keep = newer.map { "\($0.0.place), \($0.1.told)" } ?? "the newer one"
      return "they are two versions of one resource, and a history has one of each: keep "
        + "\(keep), and leave the other out; " + amending
    default:
      return "keep the one that is right, and leave the other out, or give it an id of its own if "
        + "it is another resource; of two versions it is the newer one: " + amending
    }
  }
}

/// Resources by what they are called.
private struct KnownNames {
  private var byURL: [String: Int] = [:]
  private var byID: [String: Int] = [:]
  /// Encounters that have neither id nor fullUrl.
  private var byContent: [String: Int] = [:]

  /// Whether this is a visit that is known by its content alone.
  private static func isNameless(_ resource: FHIRResource) -> Bool {
    resource.type == "Encounter" && resource.id == nil && resource.fullURL == nil
  }

  /// One with the same fullUrl; or with the same type and id, unless both say that they are on different
  /// servers.
  func other(named index: Int, in all: [FHIRResource]) -> Int? {
    let resource = all[index]
    if let url = resource.fullURL, let other = byURL[url] { return other }
    if Self.isNameless(resource) { return byContent[resource.contentID] }
    guard let id = resource.id, let other = byID["\(resource.type)/\(id)"] else { return nil }
    guard let base = resource.base, let known = all[other].base else { return other }
    return base == known ? other : nil
  }

  mutating func add(_ index: Int, of all: [FHIRResource]) {
    let resource = all[index]
    if let url = resource.fullURL { byURL[url] = index }
    if Self.isNameless(resource) { byContent[resource.contentID] = index }
    guard let id = resource.id else { return }
    let name = "\(resource.type)/\(id)"
    if byID[name] == nil { byID[name] = index }
  }
}
