/// Finds the resource that a reference names, by FHIR's rules for Bundles.
struct ResourceDirectory {
  /// What a reference comes to.
  enum Finding {
    /// A resource of the history, by its index.
    case found(Int)
    /// Several, of one id on different servers, or of one identifier.
    case several
    /// A resource that is not in the file; its type, where the reference says it.
    case elsewhere(type: String?)
    /// A resource in the one that refers.
    case contained(JSONValue)
    /// It would name this resource, if `http` were `https`, or capital letters small.
    case mismatch(Int)
    /// There is no reference: nothing but words.
    case nothing
  }

  private let resources: [FHIRResource]
  /// By ``ReferenceForm/folded(_:)`` of the fullUrl.
  private var byURL = Index()
  /// By `type/id`.
  private var byID = Index()
  /// By `type|system|value` and `type||value`, the latter for whatever system.
  private var byIdentifier = Index()

  /// Types that are looked for by identifier.
  private static let identified: Set<String> = [
    "Encounter", "Patient", "Practitioner", "PractitionerRole",
  ]

  /// Lists of small numbers by text; nearly all have one element.
  private struct Index {
    private var first: [String: Int] = [:]
    private var more: [String: [Int]] = [:]

    mutating func add(_ index: Int, _ key: String) {
      guard let known = first[key] else {
        first[key] = index
        return
      }
      if known != index, more[key]?.last != index { more[key, default: []].append(index) }
    }

    subscript(key: String) -> [Int] { first[key].map { [$0] + (more[key] ?? []) } ?? [] }
  }

  init(_ resources: [FHIRResource]) {
    self.resources = resources
    for (index, resource) in resources.enumerated() {
      if let url = resource.fullURL { byURL.add(index, ReferenceForm.folded(url)) }
      if let id = resource.id { byID.add(index, "\(resource.type)/\(id)") }
      guard Self.identified.contains(resource.type) else { continue }
      for identifier in resource.value.values(at: "identifier") {
        guard let value = identifier["value"]?.string else { continue }
        let system = identifier["system"]?.string ?? ""
        byIdentifier.add(index, "\(resource.type)|\(system)|\(value)")
        byIdentifier.add(index, "\(resource.type)*\(value)")
      }
    }
  }

  /// - Parameters:
  ///   - reference: a FHIR Reference, an object.
  ///   - index: of the resource that refers.
  ///   - type: of what is looked for, where only an identifier says what it is.
  func resolve(_ reference: JSONValue, from index: Int, expecting type: String) -> Finding {
    let fields = reference.members
    var finding = Finding.nothing
    if let text = fields["reference"]?.string {
      finding = resolve(text, from: index)
      guard case .elsewhere = finding else { return finding }
    }
    // An identifier too says what is meant, also of what is not here.
    guard let identifier = fields["identifier"], let value = identifier["value"]?.string else {
      return finding
    }
    let named = fields["type"]?.string ?? type
    let found = byIdentifier["\(named)|\(identifier["system"]?.string ?? "")|\(value)"]
    if found.count == 1 { return .found(found[0]) }
    if found.count > 1 { return .several }
    if case .nothing = finding { return .elsewhere(type: named) }
    return finding
  }

  /// The only resource that shares an identifier with another one, as one that is contained.
  func find(identifiedAs resource: JSONValue, type: String) -> Int? {
    var found: Set<Int> = []
    for identifier in resource.values(at: "identifier") {
      guard let value = identifier["value"]?.string else { continue }
      found.formUnion(byIdentifier["\(type)|\(identifier["system"]?.string ?? "")|\(value)"])
    }
    return found.count == 1 ? found.first : nil
  }

  /// What the text of a reference names.
  func resolve(_ text: String, from index: Int) -> Finding {
    switch ReferenceForm(text) {
    case .illegal: return .elsewhere(type: nil)
    case .contained(let id):
      if id.isEmpty { return .found(index) }
      let contained = resources[index].value.values(at: "contained")
      return contained.first { $0["id"]?.string == id }.map { .contained($0) }
        ?? .elsewhere(type: nil)
    case .conditional(let type, let parameters): return conditional(type, parameters)
    case .relative(let type, let id):
      let base = resources[index].base
      if let base, let finding = find(url: "\(base)/\(type)/\(id)"), case .found = finding {
        return finding
      }
      return find(type, id, on: base) ?? .elsewhere(type: type)
    case .absolute(let url, let type, let id):
      let finding = find(url: url)
      if let finding, case .found = finding { return finding }
      guard let type, let id else { return finding ?? .elsewhere(type: nil) }
      return finding ?? find(type, id, on: ReferenceForm.base(url)) ?? .elsewhere(type: type)
    }
  }

  /// By a fullUrl, or one that nearly is it.
  private func find(url: String) -> Finding? {
    let candidates = byURL[ReferenceForm.folded(url)]
    let exact = candidates.filter { resources[$0].fullURL == url }
    if exact.count == 1 { return .found(exact[0]) }
    if exact.count > 1 { return .several }
    return candidates.first.map { .mismatch($0) }
  }

  /// By type and id, where one of the two servers is not known; the same id on another server is another
  /// resource.
  private func find(_ type: String, _ id: String, on base: Substring?) -> Finding? {
    let candidates = byID["\(type)/\(id)"]
    let possible = candidates.filter { base == nil || resources[$0].base == nil }
    if possible.count == 1 { return .found(possible[0]) }
    if possible.count > 1 { return .several }
    guard let base else { return nil }
    let folded = ReferenceForm.folded(String(base))
    let near = candidates.first { index in
      resources[index].base.map { ReferenceForm.folded(String($0)) == folded } ?? false
    }
    return near.map { .mismatch($0) }
  }

  /// All parameters have to hold; those other than `identifier` and `_id` are not understood.
  private func conditional(_ type: String, _ parameters: [ReferenceForm.Parameter]) -> Finding {
    var possible: Set<Int>?
    for parameter in parameters {
      let matching: Set<Int>
      switch parameter.name {
      case "identifier":
        matching = Set(
          Self.alternatives(parameter.value).flatMap { token in
            token.contains("|")
              ? byIdentifier["\(type)|\(token)"] : byIdentifier["\(type)*\(token)"]
          })
      case "_id":
        matching = Set(Self.alternatives(parameter.value).flatMap { byID["\(type)/\($0)"] })
      default: return .elsewhere(type: type)
      }
      possible = possible?.intersection(matching) ?? matching
    }
    guard let possible, let first = possible.first else { return .elsewhere(type: type) }
    return possible.count == 1 ? .found(first) : .several
  }

  /// The values between commas; a backslash takes the meaning from the character behind it.
  private static func alternatives(_ value: String) -> [String] {
    var (list, isEscaped) = ([""], false)
    for character in value {
      if !isEscaped, character == "\\" {
        isEscaped = true
      } else if !isEscaped, character == "," {
        list.append("")
      } else {
        list[list.count - 1].append(character)
        isEscaped = false
      }
    }
    return list
  }
}
