/// Bundles of resources that keep every byte of them.
public enum FHIRBundle {
  /// A `collection` Bundle of resources, each exactly as it was written.
  ///
  /// FHIR forbids empty arrays, so a Bundle of nothing has no `entry`.
  /// - Parameter isSupplement: whether it says that what it holds belongs to no visit.
  public static func collection(
    of resources: [ArraySlice<UInt8>], isSupplement: Bool = false
  ) -> [UInt8] {
    var bundle = Array(#"{"resourceType":"Bundle","#.utf8)
    bundle.reserveCapacity(resources.reduce(160) { $0 + $1.count + 14 })
    if isSupplement {
      bundle += Array(#""meta":{"tag":[{"system":"urn:bcemr:part","code":"supplement"}]},"#.utf8)
    }
    bundle += Array(#""type":"collection""#.utf8)
    for (index, resource) in resources.enumerated() {
      bundle += Array((index == 0 ? #","entry":[{"resource":"# : #"},{"resource":"#).utf8)
      bundle += resource
    }
    if !resources.isEmpty { bundle += Array("}]".utf8) }
    bundle.append(UInt8(ascii: "}"))
    return bundle
  }

  /// The resources of a Bundle in their order, as slices of it.
  ///
  /// - Throws: ``ClinicalRecordError`` if the bytes are not a Bundle of at most
  ///   ``FHIRHistory/maximumByteCount`` bytes.
  public static func resources(
    in bundle: [UInt8]
  ) throws(ClinicalRecordError) -> [ArraySlice<UInt8>] {
    let file = try HistoryFile(bundle)
    guard file.form == .bundle else {
      throw ClinicalRecordError(.notFHIR, "this FHIR resource is not a Bundle")
    }
    return try file.resources().map(\.bytes)
  }
}

extension HistoryFile {
  /// All resources in their order.
  func resources() throws(ClinicalRecordError) -> [FHIRResource] {
    var found: [FHIRResource] = []
    try forEachResource { (resource) throws(ClinicalRecordError) in found.append(resource) }
    return found
  }

  /// Calls `body` with each resource; an entry without one, as a transaction's DELETE, has nothing to keep.
  func forEachResource(
    _ body: (FHIRResource) throws(ClinicalRecordError) -> Void
  ) throws(ClinicalRecordError) {
    if form == .lines {
      for (line, range) in text.ranges.enumerated() {
        try body(try FHIRResource(JSONValue(text, range), position: line, entry: nil))
      }
      return
    }
    guard let list = JSONValue(text, text.ranges[0])["entry"] else { return }
    guard list.isArray else { throw list.error(.notFHIR, "the Bundle's entry is not an array") }
    var number = 0
    try list.forEachElement { (entry) throws(ClinicalRecordError) in
      guard entry.isObject else { throw entry.error(.notFHIR, "an entry is not an object") }
      let members = entry.members
      if let value = members["resource"] {
        try body(try FHIRResource(value, position: number, entry: members))
      }
      number += 1
    }
  }
}

extension HistoryFile {
  /// How many resources of each type there are, in the order in which the types appear.
  ///
  /// - Throws: ``ClinicalRecordError`` for what is no list of resources.
  public func countsByType() throws(ClinicalRecordError) -> [(type: String, count: Int)] {
    var counts: [(type: String, count: Int)] = []
    var places: [String: Int] = [:]
    try forEachResource { (resource) throws(ClinicalRecordError) in
      if let place = places[resource.type] {
        counts[place].count += 1
      } else {
        places[resource.type] = counts.count
        counts.append((resource.type, 1))
      }
    }
    return counts
  }
}
