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
    case contained(ContainedResource)
    /// It would name this resource, if `http` were `https`, or capital letters small.
    case mismatch(Int)
    /// There is no reference: nothing but words.
    case nothing
  }

  /// By fullUrl, which no two have.
  private var byURL: [String: Int] = [:]
  /// By ``ReferenceForm/folded(_:)`` of the fullUrl, the first.
  private var byFoldedURL: [String: Int] = [:]
  /// By the server of the fullUrl and the path on it.
  private var byPath: [Path: Int] = [:]
  /// By the server of the fullUrl and `type/id`, the first; servers of one folded URL are one.
  private var byFoldedPath: [Path: Int] = [:]
  /// By `type/id`.
  private var byID = ResourceIndex()
  /// Those without a server, by `type/id`.
  private var withoutServer = ResourceIndex()
  /// By `type|system|value` and `type*value`, the latter for whatever system.
  private var byIdentifier = ResourceIndex()
  /// What is contained in a resource, as far as something in it refers to that, by id.
  private var contained: [Int: [String: ContainedResource]] = [:]
  /// The numbers of servers, by what stands before `/type/id`.
  private var servers: [Substring: Int] = [:]
  /// The same for those that differ in `http` or `https` alone.
  private var foldedServers: [String: Int] = [:]
  /// By resource.
  private var serverOfResource: [Server?] = []

  private struct Server {
    let number: Int
    let folded: Int
  }

  private struct Path: Hashable {
    let server: Int
    /// As `type/id`.
    let name: Substring
  }

  /// Types that are looked for by identifier.
  private static let identified: Set<String> = [
    "Encounter", "Patient", "Practitioner", "PractitionerRole",
  ]

  init(_ resources: [FHIRResource]) {
    serverOfResource.reserveCapacity(resources.count)
    for (index, resource) in resources.enumerated() {
      add(index, resource)
      guard Self.identified.contains(resource.type) else { continue }
      for identifier in resource.value.values(at: "identifier") {
        guard let value = identifier["value"]?.string else { continue }
        let system = identifier["system"]?.string ?? ""
        byIdentifier.add(index, "\(resource.type)|\(system)|\(value)")
        byIdentifier.add(index, "\(resource.type)*\(value)")
      }
    }
    for (index, resource) in resources.enumerated() {
      let found = ContainedResource.referred(in: resource.value) { contained, type in
        find(identifiedAs: contained, type: type)
      }
      if !found.isEmpty { contained[index] = found }
    }
  }

  private static func number<Key>(of key: Key, in numbers: inout [Key: Int]) -> Int {
    if let known = numbers[key] { return known }
    numbers[key] = numbers.count
    return numbers.count - 1
  }

  private mutating func add(_ index: Int, _ resource: FHIRResource) {
    var server: Server?
    if let base = resource.base {
      server = Server(
        number: Self.number(of: base, in: &servers),
        folded: Self.number(of: ReferenceForm.folded(String(base)), in: &foldedServers))
    }
    serverOfResource.append(server)
    if let url = resource.fullURL {
      byURL[url] = byURL[url] ?? index
      let folded = ReferenceForm.folded(url)
      byFoldedURL[folded] = byFoldedURL[folded] ?? index
      if let server, let base = resource.base {
        let path = Path(server: server.number, name: url[base.endIndex...].dropFirst())
        byPath[path] = byPath[path] ?? index
      }
    }
    guard let id = resource.id else { return }
    let name = "\(resource.type)/\(id)"
    byID.add(index, name)
    guard let server else { return withoutServer.add(index, name) }
    let path = Path(server: server.folded, name: name[...])
    byFoldedPath[path] = byFoldedPath[path] ?? index
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
    let named = fields["type"]?.string.map { Self.typeName($0, expecting: type) } ?? type
    let found = byIdentifier["\(named)|\(identifier["system"]?.string ?? "")|\(value)"]
    if let finding = found.finding { return finding }
    if case .nothing = finding { return .elsewhere(type: named) }
    return finding
  }

  /// The type that `Reference.type` says: its name, or the URL of its definition; the expected one also where
  /// only capital letters differ, lest somebody take it for a type that is not asked for.
  static func typeName(_ text: String, expecting type: String) -> String {
    let name = text.split(separator: "/").last.map(String.init) ?? text
    return name.lowercased() == type.lowercased() ? type : name
  }

  /// The only resource that shares an identifier with another one, as one that is contained.
  private func find(identifiedAs resource: JSONValue, type: String) -> Int? {
    guard Self.identified.contains(type) else { return nil }
    var only: Int?
    for identifier in resource.values(at: "identifier") {
      guard let value = identifier["value"]?.string else { continue }
      let found = byIdentifier["\(type)|\(identifier["system"]?.string ?? "")|\(value)"]
      guard let first = found.first else { continue }
      guard found.count == 1, only ?? first == first else { return nil }
      only = first
    }
    return only
  }

  /// What the text of a reference names.
  func resolve(_ text: String, from index: Int) -> Finding {
    switch ReferenceForm(text) {
    case .illegal: return .elsewhere(type: nil)
    case .contained(let id):
      if id.isEmpty { return .found(index) }
      return contained[index]?[id].map { .contained($0) } ?? .elsewhere(type: nil)
    case .conditional(let type, let parameters): return conditional(type, parameters)
    case .relative(let type, let id):
      let name = "\(type)/\(id)"
      guard let server = serverOfResource[index] else {
        return byID[name].finding ?? .elsewhere(type: type)
      }
      if let found = byPath[Path(server: server.number, name: name[...])] { return .found(found) }
      return find(name, onFolded: server.folded) ?? .elsewhere(type: type)
    case .absolute(let url, let type, let id):
      if let found = byURL[url] { return .found(found) }
      let near = byFoldedURL[ReferenceForm.folded(url)].map { Finding.mismatch($0) }
      guard let type, let id else { return near ?? .elsewhere(type: nil) }
      let server = ReferenceForm.base(url).flatMap {
        foldedServers[ReferenceForm.folded(String($0))]
      }
      return near ?? find("\(type)/\(id)", onFolded: server) ?? .elsewhere(type: type)
    }
  }

  /// By type and id, as seen from a server: what is on none is meant, and the same id on another server is
  /// another resource.
  ///
  /// - Parameter server: nil for one that is not in the file.
  private func find(_ name: String, onFolded server: Int?) -> Finding? {
    if let finding = withoutServer[name].finding { return finding }
    return server.flatMap { byFoldedPath[Path(server: $0, name: name[...])] }.map { .mismatch($0) }
  }

  /// Of several parameters one has to hold for no more resources than these, which bounds the time.
  private static let conditionalLimit = 64

  /// All parameters have to hold; those other than `identifier` and `_id` are not understood.
  private func conditional(_ type: String, _ parameters: [ReferenceForm.Parameter]) -> Finding {
    // By parameter, what each of its values names.
    var matches: [[ResourceIndex.Matches]] = []
    for parameter in parameters {
      let values = Set(Self.alternatives(parameter.value))
      let found: [ResourceIndex.Matches]
      switch parameter.name {
      case "identifier":
        found = values.map { byIdentifier["\(type)\($0.contains("|") ? "|" : "*")\($0)"] }
      case "_id": found = values.map { byID["\(type)/\($0)"] }
      default: return .elsewhere(type: type)
      }
      matches.append(found.filter { $0.count > 0 })
    }
    let sizes = matches.map { $0.reduce(0) { $0 + $1.count } }
    guard let size = sizes.min(), let smallest = sizes.firstIndex(of: size) else {
      return .elsewhere(type: type)
    }
    guard matches.count == 1 || size <= Self.conditionalLimit else { return .several }
    var only: Int?
    for list in matches[smallest] {
      for candidate in list
      where matches.allSatisfy({ $0.contains { $0.contains(candidate) } }) {
        if let only, only != candidate { return .several }
        only = candidate
      }
    }
    return only.map { .found($0) } ?? .elsewhere(type: type)
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
