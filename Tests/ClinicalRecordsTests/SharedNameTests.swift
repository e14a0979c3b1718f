import ClinicalRecords
import Testing

@Suite("Resources of one type and id, on several servers or without an id")
struct SharedNameTests {
  /// An Observation of Encounter/e at a.example, on a server.
  private static func result(_ server: String, _ value: String, _ more: String = "") -> String {
    entry(
      "https://\(server).example/Observation/1",
      resource(
        "Observation", "1",
        #"\#(reference("encounter", "https://a.example/Encounter/e")),"valueString":"\#(value)"\#(more)"#
      ))
  }

  private static let visit = entry("https://a.example/Encounter/e", encounter("e"))

  private static func history(_ resources: String...) throws -> FHIRHistory {
    try FHIRHistory(json: bundle(resources))
  }

  private static func recorded(_ history: FHIRHistory, team: Int = 3) throws -> RecordedResources {
    var recorded = RecordedResources()
    for (number, part) in history.parts.enumerated() {
      try recorded.insert(findings: part.findings(forTeamOf: team), of: number)
    }
    return recorded
  }

  private static func compare(
    _ recorded: RecordedResources, _ history: FHIRHistory, part: Int = 0, record: Int? = 0
  ) -> RecordComparison {
    recorded.comparison(of: history.parts[part], with: record, in: PresentResources(history))
  }

  private static func places(_ places: [Addendum.Place]) -> [String] {
    places.map { "\($0.name) \($0.record.map(String.init) ?? "own")" }
  }

  /// Signs what an addendum has, and requires that the same history lacks nothing then.
  private static func sign(
    _ addendum: Addendum?, _ recorded: inout RecordedResources, _ history: FHIRHistory
  ) throws {
    let findings = try #require(addendum).visit.findings(forTeamOf: 2)
    try recorded.insert(findings: findings, of: 0)
    #expect(compare(recorded, history).addendum == nil)
    #expect(compare(recorded, history).absent.isEmpty)
  }

  @Test("that are unchanged are not signed again, whoever of the team has them", arguments: 1...3)
  func unchanged(team: Int) throws {
    let history = try Self.history(Self.visit, Self.result("a", "A"), Self.result("b", "B"))
    let found = Self.compare(try Self.recorded(history, team: team), history)
    #expect(found.addendum == nil)
    #expect(found.absent.isEmpty && found.moved.isEmpty && found.elsewhere.isEmpty)
  }

  @Test("of which one is corrected are signed together, once, since no record says which is which")
  func oneCorrected() throws {
    var recorded = try Self.recorded(
      Self.history(Self.visit, Self.result("a", "A"), Self.result("b", "B")))
    let later = try Self.history(Self.visit, Self.result("a", "A"), Self.result("b", "C"))
    let addendum = try #require(Self.compare(recorded, later).addendum)
    #expect(addendum.corrected.map(\.name) == ["Observation/1"] && addendum.added.isEmpty)
    #expect(addendum.visit.resources.count == 2)
    try Self.sign(addendum, &recorded, later)
    // A third one is added, and one is gone: the record keeps it.
    let third = try Self.history(
      Self.visit, Self.result("a", "A"), Self.result("b", "C"), Self.result("c", "D"))
    let added = try #require(Self.compare(recorded, third).addendum)
    #expect(added.added == ["Observation/1"] && added.corrected.isEmpty)
    try Self.sign(added, &recorded, third)
    let fewer = Self.compare(recorded, try Self.history(Self.visit, Self.result("b", "C")))
    #expect(fewer.addendum == nil)
    #expect(fewer.absent == ["Observation/1"])
  }

  @Test("of which one is entered in error are signed together, once")
  func oneRetracted() throws {
    var recorded = try Self.recorded(
      Self.history(Self.visit, Self.result("a", "A"), Self.result("b", "B")))
    let later = try Self.history(
      Self.visit, Self.result("a", "A"),
      Self.result("b", "B", #","status":"entered-in-error""#))
    let addendum = try #require(Self.compare(recorded, later).addendum)
    #expect(addendum.retracted == ["Observation/1"])
    #expect(addendum.added.isEmpty && addendum.corrected.isEmpty)
    try Self.sign(addendum, &recorded, later)
  }

  @Test("of two visits are each compared with the own record, in one file and in two")
  func twoVisits() throws {
    func visit(_ server: String, _ day: String, _ value: String) -> [String] {
      let link = reference("encounter", "https://\(server).example/Encounter/\(server)")
      return [
        entry(
          "https://\(server).example/Encounter/\(server)",
          encounter(server, #""period":{"start":"\#(day)","end":"\#(day)"}"#)),
        entry(
          "https://\(server).example/Observation/1",
          resource("Observation", "1", #"\#(link),"valueString":"\#(value)""#)),
      ]
    }
    let (first, second) = (visit("a", "2024-01-01", "A"), visit("b", "2024-02-01", "B"))
    let both = try FHIRHistory(json: bundle(first + second))
    let recorded = try Self.recorded(both)
    for part in 0...1 {
      let found = Self.compare(recorded, both, part: part, record: part)
      #expect(found.addendum == nil && found.moved.isEmpty && found.elsewhere.isEmpty)
      let alone = try FHIRHistory(json: bundle(part == 0 ? first : second))
      #expect(Self.compare(recorded, alone, record: part).addendum == nil)
    }
    let corrected = try FHIRHistory(json: bundle(visit("a", "2024-01-01", "C") + second))
    let addendum = try #require(Self.compare(recorded, corrected).addendum)
    #expect(Self.places(addendum.corrected) == ["Observation/1 own"])
    #expect(Self.compare(recorded, corrected, part: 1, record: 1).addendum == nil)
  }

  @Test("without an id are signed as often as they stand in the history")
  func nameless() throws {
    let one = #""resourceType":"Observation",\#(reference("encounter", "Encounter/e"))"#
    var recorded = try Self.recorded(Self.history(encounter("e"), one))
    let later = try Self.history(encounter("e"), one, one)
    let addendum = try #require(Self.compare(recorded, later).addendum)
    #expect(addendum.added == ["Observation"])
    #expect(addendum.visit.resources.count == 1)
    try Self.sign(addendum, &recorded, later)
    let fewer = Self.compare(recorded, try Self.history(encounter("e"), one))
    #expect(fewer.addendum == nil && fewer.absent == ["Observation"])
  }

  @Test("of an Encounter that is cancelled by now, what was signed is not signed again")
  func cancelled() throws {
    let link = reference("encounter", "Encounter/e")
    let observation = resource("Observation", "o", link)
    let recorded = try Self.recorded(Self.history(encounter("e"), observation))
    let later = try Self.history(
      encounter("e", #""status":"cancelled""#), encounter("f"), observation)
    let supplement = Self.compare(recorded, later, part: 1, record: nil)
    #expect(supplement.addendum?.visit.resources.map(\.name) == ["Encounter/e"])
    #expect(Self.places(supplement.addendum?.corrected ?? []) == ["Encounter/e 0"])
    #expect(Self.places(supplement.moved) == ["Observation/o 0"])
  }
}
