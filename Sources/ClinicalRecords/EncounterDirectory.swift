/// Finds the Encounter that a reference names (FHIR R4, "Resolving references in Bundles").
struct EncounterDirectory {
  private var byURL: [String: Int] = [:]
  private var byID: [String: (base: Substring?, index: Int)] = [:]
  /// By `system|value` and by `value`; nothing where several Encounters share it.
  private var byIdentifier: [String: Int?] = [:]

  /// - Parameter encounters: of different ids.
  /// - Throws: ``ClinicalRecordError`` with `duplicateEncounter` if two share a fullUrl.
  init(_ encounters: [FHIRResource]) throws(ClinicalRecordError) {
    for (index, encounter) in encounters.enumerated() {
      let url = encounter.fullURL
      if let url, byURL.updateValue(index, forKey: url) != nil {
        throw ClinicalRecordError(.duplicateEncounter, "two Encounters share a fullUrl")
      }
      if let id = encounter.id { byID[id] = (url.flatMap(Self.base), index) }
      guard let identifiers = try encounter.value.members("identifier")["identifier"] else {
        continue
      }
      try identifiers.forEachElement { (identifier) throws(ClinicalRecordError) in
        guard let value = try identifier.string(at: "value") else { return }
        let system = try identifier.string(at: "system") ?? ""
        for token in [value, "\(system)|\(value)"] {
          let first = byIdentifier[token, default: index]
          byIdentifier.updateValue(first == index ? index : nil, forKey: token)
        }
      }
    }
  }

  /// The position of the Encounter, or nothing if it is not in the Bundle.
  ///
  /// - Parameters:
  ///   - reference: `urn:uuid:…`, a URL, `Encounter/id`, either with `/_history/version`, or
  ///     `Encounter?identifier=system|value`.
  ///   - referrer: the fullUrl of the resource that refers, to which `Encounter/id` is relative.
  func index(of reference: String, from referrer: String?) -> Int? {
    if let index = byURL[reference] { return index }
    let query = "Encounter?identifier="
    if reference.hasPrefix(query) {
      return byIdentifier[String(reference.dropFirst(query.count))] ?? nil
    }
    var path = reference.split(separator: "/", omittingEmptySubsequences: false)
    if path.count >= 4, path[path.count - 2] == "_history" { path.removeLast(2) }
    guard path.count >= 2, path[path.count - 2] == "Encounter",
      let id = path.last, let entry = byID[String(id)]
    else { return nil }
    let url = path.count == 2 ? referrer : path.joined(separator: "/")
    // The same id on another server is another Encounter; a urn: does not tell the server.
    guard let base = url.flatMap(Self.base), let known = entry.base else { return entry.index }
    return base == known ? entry.index : nil
  }

  /// The server in `server/type/id`, if the URL is of that form.
  private static func base(_ url: String) -> Substring? {
    guard url.contains("://"), let id = url.lastIndex(of: "/"),
      let type = url[..<id].lastIndex(of: "/")
    else { return nil }
    return url[..<type]
  }
}
