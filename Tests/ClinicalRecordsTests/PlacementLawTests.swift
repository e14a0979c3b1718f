import ClinicalRecords
import TestSupport
import Testing

/// A history that was made up together with the place of each resource.
private struct PlacedHistory {
  /// The members of each resource.
  var resources: [String] = []
  /// By id, visit and rule.
  var places: [String: String] = [:]
  /// By id, who made it.
  var authors: [String: Int] = [:]
  let visitCount: Int

  init(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    visitCount = Int.random(in: 1...8, using: &random)
    for visit in 0..<visitCount {
      let day = "2020-01-\(11 + 2 * visit)"
      resources.append(
        encounter(
          "v\(visit)",
          #""status":"finished","period":{"start":"\#(day)T08:00:00Z","end":"\#(day)T09:00:00Z"}"#))
      places["v\(visit)"] = "v\(visit) is-visit"
    }
    for number in 0..<Int.random(in: 0...40, using: &random) {
      let visit = Int.random(in: 0..<visitCount, using: &random)
      add("o\(number)", visit, using: &random)
    }
    resources.shuffle(using: &random)
  }

  private mutating func add(_ id: String, _ visit: Int, using random: inout SeededGenerator) {
    let day = "2020-01-\(11 + 2 * visit)"
    let named = reference("encounter", "Encounter/v\(visit)")
    let (members, place): (String, String) =
      switch Int.random(in: 0..<7, using: &random) {
      case 0: (#"\#(named),"effectiveDateTime":"1999-01-01""#, "v\(visit) names-visit")
      case 1: (#""effectiveDateTime":"\#(day)T08:30:00Z""#, "v\(visit) date-in-visit")
      case 2: (#""effectiveDateTime":"\#(day)T09:30:00Z""#, "- date-in-no-visit")
      case 3: (#""effectiveDateTime":"2020-01""#, "- date-too-coarse")
      case 4:
        (
          #"\#(reference("encounter", "Encounter/gone")),"effectiveDateTime":"\#(day)""#,
          "- visit-not-here"
        )
      case 5: (#""note":[{"text":"Encounter/v0"}]"#, "- no-date")
      default: (#"\#(named),\#(reference("device", "Device/d\(id)"))"#, "v\(visit) names-visit")
      }
    var text = members
    if members.contains("Device/") {
      resources.append(resource("Device", "d\(id)"))
      places["d\(id)"] = "v\(visit) named-in-visit"
    }
    if Bool.random(using: &random) {
      let author = Int.random(in: 0..<5, using: &random)
      authors[id] = author
      text +=
        #","performer":[{"reference":"Organization/x"},{"reference":"Practitioner/\#(author)"}]"#
    }
    resources.append(resource("Observation", id, text))
    places[id] = place
  }

  /// What a history says of its resources, in the form of ``places``.
  static func places(_ history: FHIRHistory) -> [String: String] {
    let all = history.parts.flatMap { part in
      part.contents.map { content in
        let visit = part.kind == .supplement ? "-" : part.encounterID
        return (content.resource.id ?? "", "\(visit) \(content.rule.rawValue)")
      }
    }
    return Dictionary(all) { a, b in "\(a) and \(b)" }
  }
}

@Suite("Laws of placing, on generated histories")
struct PlacementLawTests {
  private func places(_ resources: [String]) throws -> [String: String] {
    PlacedHistory.places(try FHIRHistory(json: bundle(resources)))
  }

  @Test(
    "Each resource lies where it was made to lie, in whatever order and form", arguments: 0..<200)
  func placed(seed: Int) throws {
    let made = PlacedHistory(seed: UInt64(seed))
    #expect(try places(made.resources) == made.places)
    var random = SeededGenerator(seed: UInt64(seed) + 1_000)
    #expect(try places(made.resources.shuffled(using: &random)) == made.places)
    let lines = made.resources.map { "{\($0)}" }.joined(separator: "\n")
    let file = try HistoryFile(Array(lines.utf8))
    #expect(PlacedHistory.places(try FHIRHistory([file])) == made.places)
    // On a server, references are relative to it.
    let served = made.resources.map { text in
      let parts = text.split(separator: "\"")
      return entry("https://a.example/r4/\(parts[2])/\(parts[6])", text)
    }
    #expect(try places(served) == made.places)
  }

  @Test(
    "Each practitioner has one place of the team, and what they made is there", arguments: 0..<100)
  func authors(seed: Int) throws {
    let made = PlacedHistory(seed: UInt64(seed))
    let history = try FHIRHistory(json: bundle(made.resources))
    for size in [1, 2, 3, 8] {
      for part in HistoryPlan(history, teamSize: size).parts {
        var places: [Int: Int] = [:]
        for item in part.items {
          let author = item.id.flatMap { made.authors[$0] }
          #expect((1...size).contains(item.doctor.doctor))
          #expect((author != nil) == [.author, .noPlace].contains(item.doctor.rule))
          guard let author, item.doctor.rule == .author else { continue }
          #expect(places[author] ?? item.doctor.doctor == item.doctor.doctor)
          places[author] = item.doctor.doctor
        }
        #expect(Set(places.values).count == places.count)
        // Who appears first is on the first place.
        let first = part.items.first { $0.doctor.rule == .author }
        #expect(first?.doctor.doctor ?? 1 == 1)
      }
    }
  }

  @Test("Without its Encounter, what names a visit is in no other", arguments: 0..<100)
  func missingEncounter(seed: Int) throws {
    let made = PlacedHistory(seed: UInt64(seed))
    guard made.visitCount > 1 else { return }
    let rest = made.resources.filter { !$0.contains(#""Encounter","id":"v0""#) }
    let found = try places(rest)
    for (id, place) in made.places where id != "v0" {
      switch place {
      case "v0 names-visit": #expect(found[id] == "- visit-not-here")
      case "v0 date-in-visit": #expect(found[id] == "- date-in-no-visit")
      case "v0 named-in-visit": #expect(found[id] == "- no-date")
      default: #expect(found[id] == place)
      }
    }
  }

  @Test(
    "Whatever stands twice is taken once; of whomever else one resource is, all is refused",
    arguments: 0..<50)
  func mutated(seed: Int) throws {
    let made = PlacedHistory(seed: UInt64(seed))
    var random = SeededGenerator(seed: UInt64(seed))
    let chosen = try #require(made.resources.randomElement(using: &random))
    let twice = try FHIRHistory(json: bundle(made.resources + [chosen]))
    #expect(PlacedHistory.places(twice) == made.places)
    #expect(twice.leftOut.map(\.reason) == [.repeated])

    let patient = resource("Patient", "p")
    let others = made.resources.map {
      $0 == chosen ? "\($0),\(reference("subject", "Patient/q"))" : $0
    }
    let error = #expect(throws: ClinicalRecordError.self) {
      try FHIRHistory(json: bundle([patient] + others))
    }
    #expect(error?.code == .otherPatient)
  }
}
