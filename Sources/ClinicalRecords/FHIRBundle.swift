/// Bundles of resources that keep every byte of them.
public enum FHIRBundle {
  /// A `collection` Bundle of resources, each exactly as it was written.
  ///
  /// FHIR forbids empty arrays, so a Bundle of nothing has no `entry`.
  public static func collection(of resources: [ArraySlice<UInt8>]) -> [UInt8] {
    var bundle = Array(#"{"resourceType":"Bundle","type":"collection""#.utf8)
    bundle.reserveCapacity(bundle.count + resources.reduce(16) { $0 + $1.count + 14 })
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
    try entries(in: bundle).map(\.bytes)
  }

  /// The entries that hold a resource; one without, as a transaction's DELETE, has nothing to keep.
  static func entries(in bundle: [UInt8]) throws(ClinicalRecordError) -> [FHIRResource] {
    guard bundle.count <= FHIRHistory.maximumByteCount else {
      throw ClinicalRecordError(
        .tooLarge, "the text is larger than \(FHIRHistory.maximumByteCount >> 20) MiB")
    }
    let root = try JSONValue(checking: bundle)
    let members = try root.members("resourceType", "entry")
    guard let type = members["resourceType"]?.string else {
      throw ClinicalRecordError(.notFHIR, "this is JSON, but not a FHIR resource")
    }
    guard type == "Bundle" else {
      throw ClinicalRecordError(.notBundle, "this FHIR resource is not a Bundle")
    }
    guard let list = members["entry"] else { return [] }
    guard list.isArray else { throw list.error(.notFHIR, "the Bundle's entry is not an array") }
    var entries: [FHIRResource] = []
    try list.forEachElement { (entry) throws(ClinicalRecordError) in
      guard entry.isObject else { throw entry.error(.notFHIR, "an entry is not an object") }
      let members = try entry.members("fullUrl", "resource")
      guard let value = members["resource"] else { return }
      let fields = try value.members("resourceType", "id")
      guard let type = fields["resourceType"]?.string else {
        throw value.error(.notFHIR, "a resource has no resourceType")
      }
      entries.append(
        FHIRResource(
          type: type, id: fields["id"]?.string, fullURL: members["fullUrl"]?.string, value: value))
    }
    return entries
  }
}

/// A resource in a Bundle. Resources in its `contained` are part of it.
public struct FHIRResource: Sendable {
  /// As `Observation`.
  public let type: String
  /// The resource's own `id`.
  public let id: String?
  /// What the entry calls the resource: a `urn:uuid:…` or a URL.
  public let fullURL: String?
  let value: JSONValue

  /// The resource as it was written: a slice of the text it came from.
  public var bytes: ArraySlice<UInt8> { value.bytes }
}
