/// Who made what a resource says: practitioners, as far as the history names them.
struct Authors {
  private let resources: [FHIRResource]
  private let directory: ResourceDirectory
  /// By PractitionerRole, the reference to its practitioner.
  private var people: [Int: JSONValue] = [:]

  init(_ resources: [FHIRResource], _ directory: ResourceDirectory) {
    (self.resources, self.directory) = (resources, directory)
    for (index, resource) in resources.enumerated() where resource.type == "PractitionerRole" {
      people[index] = resource.value["practitioner"]
    }
  }

  /// The fields that are asked, in this order; the first practitioner in them counts.
  static let paths = [
    "performer", "performer.actor", "recorder", "author", "asserter",
    "resultsInterpreter", "interpreter", "assessor", "participant.individual", "agent.who",
    "requester", "prescriber",
  ]

  /// A text that is the same for the same practitioner of this history; nil if none is named.
  func author(of index: Int) -> String? {
    let fields = resources[index].value.members
    for path in Self.paths {
      let parts = path.split(separator: ".", maxSplits: 1)
      guard let field = fields[String(parts[0])] else { continue }
      let references =
        parts.count == 1
        ? (field.isArray ? field.elements : [field]) : field.values(at: String(parts[1]))
      for reference in references {
        if let practitioner = practitioner(reference, from: index, depth: 0) { return practitioner }
      }
    }
    return nil
  }

  private static let types: Set<String> = ["Practitioner", "PractitionerRole"]

  private func practitioner(_ reference: JSONValue, from index: Int, depth: Int) -> String? {
    switch directory.resolve(reference, from: index, expecting: "Practitioner") {
    case .found(let found):
      let resource = resources[found]
      if resource.type == "PractitionerRole", depth < 2, let person = people[found],
        let practitioner = practitioner(person, from: found, depth: depth + 1)
      {
        return practitioner
      }
      return Self.types.contains(resource.type) ? "#\(found)" : nil
    case .contained(let contained):
      guard let type = contained.type, Self.types.contains(type) else { return nil }
      if let found = contained.twin { return "#\(found)" }
      return contained.identifier.map(Self.text).map { "contained \($0)" }
    case .elsewhere(let type):
      guard let type, Self.types.contains(type) else { return nil }
      return reference["reference"]?.string ?? reference["identifier"].map(Self.text)
    case .several, .mismatch, .nothing: return nil
    }
  }

  private static func text(_ identifier: JSONValue) -> String {
    "\(identifier["system"]?.string ?? "")|\(identifier["value"]?.string ?? "")"
  }
}
