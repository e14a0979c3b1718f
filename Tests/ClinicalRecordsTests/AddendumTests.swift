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

  private static func observation(_ id: String?, _ value: Int) -> String {
    let id = id.map { #""id":"\#($0)","# } ?? ""
    return
      #"{"resourceType":"Observation",\#(id)"status":"final","code":{"text":"c"},"encounter":{"reference":"Encounter/e"},"valueInteger":\#(value)}"#
  }

  private static func recorded(_ history: FHIRHistory, team: Int = 2) throws -> RecordedResources {
    var recorded = RecordedResources()
    for visit in history.parts {
      for finding in visit.findings(forTeamOf: team) { try recorded.insert(finding: finding) }
    }
    return recorded
  }

  @Test("what was signed lacks nothing of its own visit, whatever the team", arguments: 1...3)
  func same(team: Int) throws {
    let history = try Self.history(
      Self.encounter, Self.observation("o", 1), Self.observation(nil, 2))
    let recorded = try Self.recorded(history, team: team)
    #expect(recorded.addendum(to: history.visits[0]) == nil)
    #expect(recorded.count(lackingIn: history.visits[0]) == 0)
  }

  @Test("a late result and a corrected one are what the addendum has, and nothing else")
  func lateAndCorrected() throws {
    let recorded = try Self.recorded(
      Self.history(Self.encounter, Self.observation("o", 1), Self.observation("p", 1)))
    let later = try Self.history(
      Self.encounter, Self.observation("o", 2), Self.observation("q", 1), Self.observation(nil, 3))
    let addendum = try #require(recorded.addendum(to: later.visits[0]))
    #expect((addendum.added, addendum.corrected) == (2, 1))
    #expect(addendum.visit.resources.map(\.id) == ["o", "q", nil])
    #expect(recorded.count(lackingIn: later.visits[0]) == 1)
    // Of what has no id too.
    let nameless = try Self.recorded(Self.history(Self.encounter, Self.observation(nil, 7)))
    #expect(nameless.count(lackingIn: later.visits[0]) == 1)
    // With the addendum nothing is lacking any more.
    var both = recorded
    for finding in addendum.visit.findings(forTeamOf: 3) { try both.insert(finding: finding) }
    #expect(both.addendum(to: later.visits[0]) == nil)
  }

  @Test("what is corrected back is signed once more: what was signed last counts")
  func correctedBack() throws {
    let first = try Self.history(Self.encounter, Self.observation("o", 1))
    var recorded = try Self.recorded(first)
    let second = try Self.history(Self.encounter, Self.observation("o", 2))
    let addendum = try #require(recorded.addendum(to: second.visits[0]))
    for finding in addendum.visit.findings(forTeamOf: 2) { try recorded.insert(finding: finding) }
    #expect(recorded.addendum(to: second.visits[0]) == nil)
    let back = try #require(recorded.addendum(to: first.visits[0]))
    #expect((back.added, back.corrected) == (0, 1))
    #expect(back.visit.resources.map(\.id) == ["o"])
  }

  @Test(
    "another form of the same resource is another content: it is signed, and nothing is guessed")
  func anotherForm() throws {
    let recorded = try Self.recorded(Self.history(Self.encounter, Self.observation("o", 1)))
    let spaced = try Self.history(Self.encounter, Self.observation("o", 1) + " ")
    #expect(recorded.addendum(to: spaced.visits[0]) == nil)
    let other = Self.observation("o", 1).replacing(#""status":"#, with: #""status": "#)
    #expect(
      try recorded.addendum(to: Self.history(Self.encounter, other).visits[0])?.corrected == 1)
  }
}
