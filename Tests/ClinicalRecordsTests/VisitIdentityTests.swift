import ClinicalRecords
import Testing

@Suite("What a visit and a patient are known by")
struct VisitIdentityTests {
  private static func visit(
    _ server: String?, _ start: String, _ more: String = "", id: String = "1"
  ) -> String {
    let members = encounter(
      id, #""status":"finished","period":{"start":"\#(start)","end":"\#(start)"}\#(more)"#)
    return server.map { entry("https://\($0).example/Encounter/\(id)", members) }
      ?? #"{"resource":{\#(members)}}"#
  }

  private static func provider(_ text: String) -> String {
    "," + reference("serviceProvider", text)
  }

  private static func history(_ visit: String) throws -> FHIRHistory {
    let patient = #""resourceType":"Patient","identifier":[{"system":"s","value":"1"}]"#
    return try FHIRHistory(json: bundle(patient, visit))
  }

  /// Pairs of Encounters of one id that are two visits.
  private static let pairs: [(String, String)] = [
    (visit("a", "2024-01-01"), visit("b", "2025-05-05")),
    (visit(nil, "2024-01-01"), visit(nil, "2024-01-02")),
    (
      visit("a", "2024-01-01T10:00:00Z", provider("Organization/1")),
      visit("b", "2024-01-01T11:00:00Z", provider("Organization/2"))
    ),
    (
      visit("a", "2024-01-01", provider("https://a.example/Organization/1")),
      visit("b", "2024-01-01", provider("https://b.example/Organization/1"))
    ),
  ]

  @Test(
    "[attack] an Encounter with the id of a visit that is another one does not amend it",
    arguments: pairs)
  func others(first: String, second: String) throws {
    for (held, later) in [(first, second), (second, first)] {
      let (held, later) = (try Self.history(held), try Self.history(later))
      var recorded = RecordedResources()
      try recorded.insert(findings: held.visits[0].findings(forTeamOf: 2), of: 7)
      #expect(recorded.contradiction(of: later.visits[0], toRecord: 7) != nil)
      #expect(recorded.contradiction(of: later.visits[0], toRecord: 8) == nil)
      #expect(recorded.contradiction(of: held.visits[0], toRecord: 7) == nil)
      let error = #expect(throws: ClinicalRecordError.self) {
        try FHIRHistory.requireOneVisitForEachID([held, later])
      }
      #expect(error?.code == .otherVisit && error?.hint != nil)
    }
  }

  @Test(
    "A corrected Encounter is the same visit",
    arguments: [
      visit("a", "2024-01-01"), visit(nil, "2024-01-01", #","type":[{"text":"t"}]"#),
      visit("a", "2024-01-01", provider("Organization/2")),
      visit("a", "2024-01-01T10:00:00Z", provider("Organization/1")), visit("a", "2024-01"),
      encounter("1"),
    ])
  func corrected(later: String) throws {
    let held = try Self.history(Self.visit("a", "2024-01-01", Self.provider("Organization/1")))
    var recorded = RecordedResources()
    try recorded.insert(findings: held.visits[0].findings(forTeamOf: 2), of: 0)
    let history = try Self.history(later)
    #expect(recorded.contradiction(of: history.visits[0], toRecord: 0) == nil)
    try FHIRHistory.requireOneVisitForEachID([held, history])
  }

  @Test("At one hospital an id is of one visit, whatever period is corrected")
  func correctedPeriod() throws {
    let hospital = Self.provider("Organization?identifier=urn:s|1")
    let held = try Self.history(Self.visit(nil, "2024-01-01", hospital))
    let later = try Self.history(Self.visit(nil, "2025-01-01", hospital))
    try FHIRHistory.requireOneVisitForEachID([held, later])
    // Organization/1 can be anybody's.
    let anybody = Self.provider("Organization/1")
    #expect(throws: ClinicalRecordError.self) {
      try FHIRHistory.requireOneVisitForEachID([
        Self.history(Self.visit(nil, "2024-01-01", anybody)),
        Self.history(Self.visit(nil, "2025-01-01", anybody)),
      ])
    }
  }

  @Test(
    "[attack] an id that could be taken for another identifier is refused",
    arguments: [
      "#supplement", "#00000000000000000000000000000000", "a b", "e_1", "",
      "#addendum-1-00-e", String(repeating: "L", count: 65),
    ])
  func invalid(id: String) {
    for resources in [
      [encounter(id)], [resource("Patient", id), encounter("e")],
      [entry(id, #""resourceType":"Encounter""#), encounter("e")],
    ] {
      let error = #expect(throws: ClinicalRecordError.self) {
        try FHIRHistory(json: bundle(resources))
      }
      #expect(error?.code == .invalidID)
    }
  }

  @Test("An id of 64 characters is taken, and a fullUrl that is a URL or URN")
  func valid() throws {
    let id = String(repeating: "aZ0-.", count: 13).prefix(64)
    #expect(try FHIRHistory(json: bundle(encounter("\(id)"))).visits[0].encounterID == id)
    for url in ["urn:uuid:1", "https://a.example/Encounter/e_1"] {
      let history = try FHIRHistory(json: bundle(entry(url, #""resourceType":"Encounter""#)))
      #expect(history.visits[0].encounterID == url)
    }
    // A patient with an identifier is not known by id.
    _ = try FHIRHistory(
      json: bundle(
        resource("Patient", "p_1", #""identifier":[{"system":"s","value":"1"}]"#), encounter("e")))
  }

  @Test("[attack] no two patients have one identity, wherever a | stands")
  func identities() throws {
    func identifier(_ system: String, _ value: String) -> String {
      #"{"system":"\#(system)","value":"\#(value)"}"#
    }
    let pairs = [
      ("urn:a|b", "c"), ("urn:a", "b|c"), (#"urn:a\\"#, "b|c"), (#"urn:a\\|b"#, "c"),
      (#"urn:a\\"#, "b"), ("#reference||urn:a", "b"), ("urn:a", "b"), ("|", "|"),
    ]
    var identities: [String] = []
    for (system, value) in pairs {
      let patient = resource("Patient", "p", #""identifier":[\#(identifier(system, value))]"#)
      identities.append(try FHIRHistory(json: bundle(patient, encounter("e"))).patient.identity)
    }
    for link in ["urn:a|b", "Patient?identifier=urn:a|b"] {
      identities.append(
        try FHIRHistory(json: bundle(encounter("e", reference("subject", link)))).patient.identity)
    }
    let url = entry("urn:a|b", #""resourceType":"Encounter""#)
    identities.append(try FHIRHistory(json: bundle(url)).patient.identity)
    #expect(Set(identities).count == identities.count)
    #expect(identities.contains("urn:a|b"))
    // A reference by an identifier names who has it.
    let named = try FHIRHistory(
      json: bundle(encounter("e", #""subject":{"identifier":\#(identifier("urn:a", "b|c"))}"#)))
    #expect(named.patient.identity == identities[1])
  }
}
