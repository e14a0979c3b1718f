import TestSupport

/// JSON to be written in one of the many ways that mean the same.
enum Text {
  case raw(String)
  case string(String)
  case array([Text])
  case object([(String, Text)])

  static func reference(_ target: String) -> Text { .object([("reference", .string(target))]) }

  func written(using random: inout SeededGenerator) -> String {
    switch self {
    case .raw(let text): text
    case .string(let text): Self.quoted(text, using: &random)
    case .array(let elements):
      "[" + Self.list(elements.map { $0.written(using: &random) }, using: &random) + "]"
    case .object(let members):
      "{"
        + Self.list(
          members.shuffled(using: &random).map { key, value in
            Self.quoted(key, using: &random) + Self.space(using: &random) + ":"
              + Self.space(using: &random) + value.written(using: &random)
          }, using: &random) + "}"
    }
  }

  private static func list(_ items: [String], using random: inout SeededGenerator) -> String {
    var text = space(using: &random)
    for (index, item) in items.enumerated() {
      text += (index == 0 ? "" : "," + space(using: &random)) + item + space(using: &random)
    }
    return text
  }

  private static func space(using random: inout SeededGenerator) -> String {
    ["", "", "", " ", "\n", "\r\n\t", "   "].randomElement(using: &random) ?? ""
  }

  /// Quoted, with a \u escape now and then where none is needed.
  private static func quoted(_ text: String, using random: inout SeededGenerator) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      let needsEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
      if needsEscape || Int.random(in: 0..<12, using: &random) == 0 {
        quoted += UTF16.encode(scalar).map { $0.map(escape).joined() } ?? ""
      } else {
        quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  private static func escape(_ unit: UInt16) -> String {
    let digits = String(unit, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}

/// A Bundle that was made up together with the right answer.
struct GeneratedHistory {
  let json: [UInt8]
  /// Every resource, in file order.
  let entries: [String]
  /// The visits in order, then the supplement: the Encounter as written, then the others in file order.
  let parts: [[String]]

  init(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let count = Int.random(in: 1...6, using: &random)
    // Distinct starts; the file order is another one.
    let starts = (0..<count).map { "20\(10 + $0)-0\(Int.random(in: 1...9, using: &random))" }
    // The supplement is behind the last visit.
    var written: [(visit: Int, isEncounter: Bool, text: String)] = []
    for visit in 0..<count {
      let encounter = Text.object([
        ("resourceType", .string("Encounter")), ("id", .string("e\(visit)")),
        ("period", .object([("start", .string(starts[visit]))])),
        ("partOf", .reference("Encounter/e0")), ("decoy", Self.decoy),
      ])
      written.append((visit, true, encounter.written(using: &random)))
    }
    for number in 0..<Int.random(in: 0...40, using: &random) {
      let visit = Int.random(in: 0..<count, using: &random)
      var members: [(String, Text)] = [
        ("value", .raw(["1.50", "-0", "1E+2", "0.000", "true"][number % 5])),
        ("decoy", Self.decoy), ("note", .string("}]\"{[ Encounter/e0 \\ €😀\u{7f}")),
      ]
      let link = Text.reference(Self.reference(to: visit, using: &random))
      let strange = Text.reference("Encounter/elsewhere")
      switch Int.random(in: 0..<6, using: &random) {
      case 0:
        members += [("encounter", link), ("context", .reference("Encounter/e0"))]
        members.append(Self.type("MedicationAdministration"))
      case 1: members += [("context", link), Self.type("MedicationStatement")]
      case 2:
        members += [("context", .object([("encounter", .array([strange, link]))]))]
        members.append(Self.type("DocumentReference"))
      case 3:
        members.append(Self.type("Claim"))
        members.append(
          (
            "item",
            .array([
              .object([("sequence", .raw("1"))]),
              .object([("encounter", .array([link, .reference("Encounter/e0")]))]),
            ])
          ))
      case 4:
        members += [("encounter", strange), ("context", link), Self.type("MedicationDispense")]
      default:
        members.append(Self.type(["Basic", "Ä\u{1}😀"][number % 2]))
        if Bool.random(using: &random) { members.append(("encounter", strange)) }
        written.append((count, false, Text.object(members).written(using: &random)))
        continue
      }
      written.append((visit, false, Text.object(members).written(using: &random)))
    }
    written.shuffle(using: &random)
    parts = (0...count).map { visit in
      let own = written.filter { $0.visit == visit }
      return own.filter(\.isEncounter).map(\.text) + own.filter { !$0.isEncounter }.map(\.text)
    }
    entries = written.map(\.text)
    let wrapped = written.map { resource -> Text in
      let isNamed = resource.isEncounter
      return .object(
        [("resource", .raw(resource.text)), ("decoy", Self.decoy)]
          + (isNamed ? [("fullUrl", .string("urn:uuid:\(resource.visit)"))] : []))
    }
    let bundle = Text.object([
      ("resourceType", .string("Bundle")), ("decoy", Self.decoy),
      ("entry", .array(wrapped + [.object([("request", .object([]))])])),
    ])
    json = Array("\n \(bundle.written(using: &random))\r\n".utf8)
  }

  /// One small enough to try every byte of it.
  static let small: GeneratedHistory = {
    var seed: UInt64 = 0
    while true {
      let history = GeneratedHistory(seed: seed)
      if history.json.count < 6_000, history.parts.count > 2,
        history.parts.joined().count > history.parts.count
      {
        return history
      }
      seed += 1
    }
  }()

  /// What a scanner might take for what it looks for.
  private static let decoy = Text.object([
    ("encounter", .reference("Encounter/e0")), ("resource", .object([])),
    ("resourceType", .string("Encounter")), ("entry", .array([.array([.raw("{}")])])),
    ("contained", .array([.object([("resourceType", .string("Encounter"))])])),
  ])

  private static func type(_ name: String) -> (String, Text) { ("resourceType", .string(name)) }

  private static func reference(to visit: Int, using random: inout SeededGenerator) -> String {
    [
      "urn:uuid:\(visit)", "Encounter/e\(visit)", "Encounter/e\(visit)/_history/3",
      "https://example.org/fhir/Encounter/e\(visit)",
    ].randomElement(using: &random) ?? ""
  }
}
