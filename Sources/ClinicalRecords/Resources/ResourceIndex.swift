/// Lists of resources by text; nearly all have one element.
struct ResourceIndex {
  private var first: [String: Int] = [:]
  private var more: [String: [Int]] = [:]

  /// What is under one text, in ascending order.
  struct Matches: Sequence {
    fileprivate(set) var first: Int?
    fileprivate var more: [Int] = []

    var count: Int { first == nil ? 0 : 1 + more.count }

    /// The only one, or that there are several; nil if there is none.
    var finding: ResourceDirectory.Finding? {
      first.map { more.isEmpty ? .found($0) : .several }
    }

    func contains(_ index: Int) -> Bool {
      if first == index { return true }
      let place = more.partitionIndex { $0 < index }
      return place < more.count && more[place] == index
    }

    func makeIterator() -> some IteratorProtocol<Int> {
      var (next, place) = (first, 0)
      return AnyIterator {
        guard let current = next else { return nil }
        next = place < more.count ? more[place] : nil
        place += 1
        return current
      }
    }
  }

  /// - Parameter index: not below one that was added before.
  mutating func add(_ index: Int, _ key: String) {
    guard let known = first[key] else {
      first[key] = index
      return
    }
    if known != index, more[key]?.last != index { more[key, default: []].append(index) }
  }

  subscript(key: String) -> Matches {
    guard let one = first[key] else { return Matches(first: nil) }
    return Matches(first: one, more: more[key] ?? [])
  }
}

/// A resource in the `contained` of another.
struct ContainedResource {
  /// Its `resourceType`; nil if it has none, or if several have this id, so that nobody can say what is meant.
  let type: String?
  /// The only resource of the history that has its type and shares an identifier with it.
  let twin: Int?
  /// The first.
  let identifier: JSONValue?

  /// What is contained in a resource and referred to in it, by id. Each is read once, however often it is
  /// referred to.
  ///
  /// - Parameter twin: finds the resource of a type with the identifiers of one that is contained.
  static func referred(
    in resource: JSONValue, twin: (JSONValue, String) -> Int?
  ) -> [String: ContainedResource] {
    var wanted: Set<String> = []
    for range in resource.text.references(in: resource.range) {
      // Most references are not of this kind; the number sign may be escaped.
      let first = resource.text.bytes[range.start + 1]
      guard first == UInt8(ascii: "#") || first == UInt8(ascii: "\\"),
        case .contained(let id)? = JSONValue(resource.text, range).string.map(ReferenceForm.init),
        !id.isEmpty
      else { continue }
      wanted.insert(id)
    }
    var found: [String: ContainedResource] = [:]
    if wanted.isEmpty { return found }
    for value in resource.values(at: "contained") {
      let fields = value.members
      guard let id = fields["id"]?.string, wanted.contains(id) else { continue }
      guard found[id] == nil else {
        found[id] = ContainedResource(type: nil, twin: nil, identifier: nil)
        continue
      }
      let type = fields["resourceType"]?.string
      found[id] = ContainedResource(
        type: type, twin: type.flatMap { twin(value, $0) },
        identifier: value.values(at: "identifier").first)
    }
    return found
  }
}
