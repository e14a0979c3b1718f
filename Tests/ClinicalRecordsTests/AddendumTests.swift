import ClinicalRecords
import Testing

@Suite("Addenda to visits")
struct AddendumTests {
  private static func history(_ resources: String...) throws -> FHIRHistory {
    try FHIRHistory(
      json: Array(
        (#"{"resourceType":"Bundle","type":"collection","entry":["#
          + resources.map { #"{"resource":\#($0)}"# }.joined(separator: ",") + "]}").utf8))
  }

  private static let encounter =
    #"{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"period":{"start":"2026-01-05","end":"2026-01-05"}}"#
  private static let patient = #"{"resourceType":"Patient","id":"p"}"#

  private static func observation(
    _ id: String?, _ value: Int, of encounter: String = "e", status: String = "final"
  ) -> String {
    let id = id.map { #""id":"\#($0)","# } ?? ""
    return
      #"{"resourceType":"Observation",\#(id)"status":"\#(status)","code":{"text":"c"},"encounter":{"reference":"Encounter/\#(encounter)"},"valueInteger":\#(value)}"#
  }

  /// The records of a history: that of each part under its number.
  private static func recorded(_ history: FHIRHistory, team: Int = 2) throws -> RecordedResources {
    var recorded = RecordedResources()
    for (number, visit) in history.parts.enumerated() {
      try recorded.insert(findings: visit.findings(forTeamOf: team), of: number)
    }
    return recorded
  }

  private static func compare(
    _ recorded: RecordedResources, _ history: FHIRHistory, part: Int = 0, record: Int? = 0
  ) -> RecordComparison {
    recorded.comparison(
      of: history.parts[part], with: record, in: PresentResources(history))
  }

  private static func places(_ places: [Addendum.Place]) -> [String] {
    places.map { "\($0.name) \($0.record.map(String.init) ?? "own")" }
  }

  @Test("what was signed lacks nothing of its own visit, whatever the team", arguments: 1...3)
  func same(team: Int) throws {
    let history = try Self.history(
      Self.encounter, Self.observation("o", 1), Self.observation(nil, 2))
    let found = Self.compare(try Self.recorded(history, team: team), history)
    #expect(found.addendum == nil)
    #expect(found.absent.isEmpty && found.moved.isEmpty && found.elsewhere.isEmpty)
  }

  @Test("a late result and a corrected one are what the addendum has, and nothing else")
  func lateAndCorrected() throws {
    let recorded = try Self.recorded(
      Self.history(Self.encounter, Self.observation("o", 1), Self.observation("p", 1)))
    let later = try Self.history(
      Self.encounter, Self.observation("o", 2), Self.observation("q", 1), Self.observation(nil, 3))
    let found = Self.compare(recorded, later)
    let addendum = try #require(found.addendum)
    #expect(addendum.added == ["Observation/q", "Observation"])
    #expect(addendum.corrected.map(\.name) == ["Observation/o"])
    #expect(addendum.corrected.map(\.record) == [nil])
    #expect(addendum.visit.resources.map(\.id) == ["o", "q", nil])
    #expect(found.absent == ["Observation/p"])
    // Of what has no id too.
    let nameless = try Self.recorded(Self.history(Self.encounter, Self.observation(nil, 7)))
    #expect(Self.compare(nameless, later).absent == ["Observation"])
    // With the addendum nothing is lacking any more.
    var both = recorded
    try both.insert(findings: addendum.visit.findings(forTeamOf: 3), of: 0)
    #expect(Self.compare(both, later).addendum == nil)
  }

  @Test("what is corrected back is signed once more: what was signed last counts")
  func correctedBack() throws {
    let first = try Self.history(Self.encounter, Self.observation("o", 1))
    var recorded = try Self.recorded(first)
    let second = try Self.history(Self.encounter, Self.observation("o", 2))
    let addendum = try #require(Self.compare(recorded, second).addendum)
    try recorded.insert(findings: addendum.visit.findings(forTeamOf: 2), of: 0)
    #expect(Self.compare(recorded, second).addendum == nil)
    let back = try #require(Self.compare(recorded, first).addendum)
    #expect((back.added, back.corrected.map(\.name)) == ([], ["Observation/o"]))
    #expect(back.visit.resources.map(\.id) == ["o"])
  }

  @Test(
    "another form of the same resource is another content: it is signed, and nothing is guessed")
  func anotherForm() throws {
    let recorded = try Self.recorded(Self.history(Self.encounter, Self.observation("o", 1)))
    let spaced = try Self.history(Self.encounter, Self.observation("o", 1) + " ")
    #expect(Self.compare(recorded, spaced).addendum == nil)
    let other = try Self.history(
      Self.encounter,
      Self.observation("o", 1).replacing(#""status":"#, with: #""status": "#))
    #expect(Self.compare(recorded, other).addendum?.corrected.count == 1)
  }

  /// A result of an Encounter that is not in the first file, and lies in the supplement there.
  private static let second = encounter.replacing(#""id":"e""#, with: #""id":"f""#)
    .replacing("2026-01-05", with: "2026-02-05")

  @Test("what moved from the supplement to its visit is not signed again, and is not absent")
  func moved() throws {
    let first = try Self.history(Self.patient, Self.encounter, Self.observation("o", 1, of: "f"))
    #expect(first.supplement?.resources.map(\.name).contains("Observation/o") == true)
    let recorded = try Self.recorded(first)
    // Another visit that was held then, with nothing in it but its Encounter.
    var both = recorded
    try both.insert(
      findings: Self.history(Self.second).visits[0].findings(forTeamOf: 2), of: 2)
    let later = try Self.history(
      Self.patient, Self.encounter, Self.second, Self.observation("o", 1, of: "f"))
    let visit = Self.compare(both, later, part: 1, record: 2)
    #expect(visit.addendum == nil)
    #expect(Self.places(visit.moved) == ["Observation/o 1"])
    let supplement = Self.compare(both, later, part: 2, record: 1)
    #expect(supplement.elsewhere == ["Observation/o"])
    #expect(supplement.absent.isEmpty && supplement.addendum == nil)
    // With another value it corrects what stands in the supplement's record.
    let corrected = try Self.history(
      Self.patient, Self.encounter, Self.second, Self.observation("o", 2, of: "f"))
    let found = Self.compare(both, corrected, part: 1, record: 2)
    #expect(Self.places(found.addendum?.corrected ?? []) == ["Observation/o 1"])
    #expect(found.addendum?.added == [] && found.moved.isEmpty)
    // Also where the visit is held for the first time.
    let new = Self.compare(recorded, corrected, part: 1, record: nil)
    #expect(Self.places(new.addendum?.corrected ?? []) == ["Observation/o 1"])
    #expect(new.absent.isEmpty && new.elsewhere.isEmpty)
  }

  @Test("what is entered in error by now is signed as it is, once, and is not absent")
  func retracted() throws {
    let first = try Self.history(Self.encounter, Self.observation("o", 1), Self.observation("p", 1))
    var recorded = try Self.recorded(first)
    let later = try Self.history(
      Self.encounter, Self.observation("o", 1),
      Self.observation("p", 1, status: "entered-in-error"),
      Self.observation("never", 1, status: "entered-in-error"))
    let found = Self.compare(recorded, later)
    let addendum = try #require(found.addendum)
    #expect(addendum.retracted == ["Observation/p"])
    #expect(addendum.added.isEmpty && addendum.corrected.isEmpty && found.absent.isEmpty)
    let findings = addendum.visit.findings(forTeamOf: 2)
    #expect(
      findings.contains {
        String(decoding: $0, as: UTF8.self).contains(#""status":"entered-in-error""#)
      })
    // Of a record that is not compared it is told, and signed nowhere.
    let present = PresentResources(later)
    #expect(recorded.retracted(in: present, besides: []) == ["Observation/p"])
    #expect(recorded.retracted(in: present, besides: [0]).isEmpty)
    try recorded.insert(findings: findings, of: 0)
    let again = Self.compare(recorded, later)
    #expect(again.addendum == nil && again.absent.isEmpty)
    #expect(recorded.retracted(in: present, besides: []).isEmpty)
    // What is right again is signed again.
    #expect(Self.compare(recorded, first).addendum?.corrected.map(\.name) == ["Observation/p"])
  }

  @Test("an Encounter that is entered in error is named with what its visit is known by")
  func retractedEncounter() throws {
    let later = try Self.history(
      Self.encounter,
      Self.second.replacing(#""status":"finished""#, with: #""status":"entered-in-error""#))
    let found = PresentResources(later).retractedEncounters
    #expect(found.map(\.name) == ["Encounter/f"] && found.map(\.encounterID) == ["f"])
  }
}
