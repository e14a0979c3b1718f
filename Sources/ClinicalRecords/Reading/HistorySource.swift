/// The resources of a history, each once, with what finds them.
struct HistorySource {
  let resources: [FHIRResource]
  let directory: ResourceDirectory
  /// What was left out before.
  let leftOut: [FHIRHistory.LeftOut]

  /// All of some files.
  ///
  /// - Throws: ``ClinicalRecordError`` for another version of FHIR, two resources of one name that differ,
  ///   and more than ``FHIRHistory/maximumByteCount`` bytes.
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
      all += try file.resources()
    }
    for resource in all { try FHIRVersion.requireR4(resource) }
    var (distinct, repeated): ([FHIRResource], [FHIRHistory.LeftOut]) = ([], [])
    distinct.reserveCapacity(all.count)
    var known = KnownNames()
    for resource in all {
      if let other = known.other(named: resource) {
        guard other.bytes == resource.bytes else { throw Self.differ(other, resource) }
        repeated.append(.init(resource: resource, reason: .repeated))
      } else {
        known.add(resource)
        distinct.append(resource)
      }
    }
    self.init(distinct, leftOut: repeated)
  }

  init(_ resources: [FHIRResource], leftOut: [FHIRHistory.LeftOut]) {
    (self.resources, self.leftOut) = (resources, leftOut)
    directory = ResourceDirectory(resources)
  }

  private static func differ(_ a: FHIRResource, _ b: FHIRResource) -> ClinicalRecordError {
    let code: ClinicalRecordError.Code =
      b.type == "Encounter" ? .duplicateEncounter : .duplicateResource
    return b.value.error(
      code, "\(a.label) and \(b.label) have one id or fullUrl, and are not the same")
  }
}

/// Resources by what they are called.
private struct KnownNames {
  private var byURL: [String: FHIRResource] = [:]
  private var byID: [String: FHIRResource] = [:]

  /// One with the same fullUrl; or with the same type and id, unless both say that they are on different
  /// servers.
  func other(named resource: FHIRResource) -> FHIRResource? {
    if let url = resource.fullURL, let other = byURL[url] { return other }
    guard let id = resource.id, let other = byID["\(resource.type)/\(id)"] else { return nil }
    guard let base = resource.base, let known = other.base else { return other }
    return base == known ? other : nil
  }

  mutating func add(_ resource: FHIRResource) {
    if let url = resource.fullURL { byURL[url] = resource }
    if let id = resource.id, byID["\(resource.type)/\(id)"] == nil {
      byID["\(resource.type)/\(id)"] = resource
    }
  }
}
