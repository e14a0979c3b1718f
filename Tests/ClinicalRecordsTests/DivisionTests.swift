import ClinicalRecords
import Foundation
import Testing

@Suite("Every resource lies in exactly one finding, byte for byte")
struct DivisionTests {
  /// Histories to test with that are not part of the project, beside its folder.
  static let realHistories: [URL] = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let folder = root.deletingLastPathComponent().appending(path: "shared/fhir")
    let files = try? FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    return (files ?? []).filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
  }()

  /// The resources of a file, found by another way than the history's visits.
  private func checkLaw(of json: [UInt8]) throws {
    let history = try FHIRHistory(json: json)
    let all = try FHIRBundle.resources(in: json)
    for count in Visit.teamSizes {
      var recovered: [ArraySlice<UInt8>] = []
      for visit in history.parts {
        let findings = visit.findings(forTeamOf: count)
        #expect(findings.count == count)
        for (index, finding) in findings.enumerated() {
          let share = try FHIRBundle.resources(in: finding)
          let isSupplement = visit.kind == .supplement
          #expect(FHIRBundle.collection(of: share, isSupplement: isSupplement) == finding)
          let doctors = visit.places(forTeamOf: count).map(\.doctor)
          #expect(share.count == doctors.count { $0 == index + 1 })
          recovered += share
        }
        let size = findings.reduce(0) { $0 + $1.count }
        #expect(visit.findingsByteCount(forTeamOf: count) == size)
        if let encounter = visit.encounter {
          #expect(try FHIRBundle.resources(in: findings[0]).first == encounter.bytes)
        }
      }
      // No resource is lost, doubled or changed.
      let leftOut = history.leftOut.map(\.resource.bytes)
      #expect(multiset(recovered + leftOut) == multiset(all))
    }
  }

  @Test(
    "of the real histories",
    .enabled("there is no folder ../shared/fhir") { !realHistories.isEmpty },
    arguments: realHistories)
  func real(file: URL) throws {
    let json = [UInt8](try Data(contentsOf: file))
    try checkLaw(of: json)
    // Foundation reads the same Encounters, and the same number of resources of each.
    let history = try FHIRHistory(json: json)
    let bundle = try #require(
      try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
    let resources = try #require(bundle["entry"] as? [[String: Any]]).compactMap {
      $0["resource"] as? [String: Any]
    }
    let ids = resources.filter { $0["resourceType"] as? String == "Encounter" }
      .compactMap { $0["id"] as? String }
    #expect(history.visits.map(\.encounterID).sorted() == ids.sorted())
    #expect(history.parts.map(\.resources.count).reduce(0, +) == resources.count)
    for visit in history.visits {
      let named = resources.filter { names($0, visit.encounterID) }
      let naming = visit.contents.filter { $0.rule == .namesVisit }.map(\.resource.id)
      #expect(naming == named.map { $0["id"] as? String })
    }
    // Whom all visits name belongs to none of them.
    #expect(history.supplement?.contents.contains { $0.resource.type == "Patient" } == true)
    #expect(history.patient.ground == .identifier)
    #expect(history.patient.name != nil)
    #expect(history.visits.allSatisfy { $0.serviceProvider.hasPrefix("urn:uuid:") })
  }

  private func names(_ resource: [String: Any], _ id: String) -> Bool {
    let direct = [resource["encounter"] as? [String: Any] ?? [:]]
    let items = resource["item"] as? [[String: Any]] ?? []
    let encounters = direct + items.flatMap { $0["encounter"] as? [[String: Any]] ?? [] }
    return encounters.compactMap { $0["reference"] as? String }.first == "urn:uuid:\(id)"
  }

  @Test("of generated histories, and each lies in the visit it names", arguments: 0..<300)
  func generated(seed: Int) throws {
    let generated = GeneratedHistory(seed: UInt64(seed))
    let history = try FHIRHistory(json: generated.json)
    let parts = history.parts.map { visit in
      visit.resources.map { String(decoding: $0.bytes, as: UTF8.self) }
    }
    // There is no supplement of nothing.
    #expect(parts == generated.parts.filter { !$0.isEmpty })
    if seed < 20 { try checkLaw(of: generated.json) }
  }

  @Test("of the example")
  func example() throws { try checkLaw(of: try ExampleTests.json()) }

  @Test("The Encounter is D_1's, the rest goes round, and one left without signs nothing")
  func round() throws {
    let entries = ["Encounter", "A", "B", "C"].map { type in
      let link = type == "Encounter" ? "" : #","encounter":{"reference":"Encounter/1"}"#
      return #"{"resource": {"resourceType":"\#(type)","id":"1"\#(link)} }"#
    }
    // The Encounter stands last in the file.
    let list = (entries.dropFirst() + entries.prefix(1)).joined(separator: ",")
    let json = #"{"resourceType":"Bundle","entry":[\#(list)]}"#
    let visit = try #require(try FHIRHistory(json: Array(json.utf8)).visits.first)
    func types(_ count: Int) throws -> [[String]] {
      try visit.findings(forTeamOf: count).map { finding in
        try FHIRBundle.resources(in: finding).map { resource in
          let text = String(decoding: resource, as: UTF8.self)
          return String(text.split(separator: "\"")[3])
        }
      }
    }
    #expect(try types(1) == [["Encounter", "A", "B", "C"]])
    #expect(try types(3) == [["Encounter", "C"], ["A"], ["B"]])
    #expect(try types(6) == [["Encounter"], ["A"], ["B"], ["C"], [], []])
    let head = #"{"resourceType":"Bundle","type":"collection""#
    let encounter = #"{"resourceType":"Encounter","id":"1"}"#
    #expect(visit.findings(forTeamOf: 6)[5] == Array("\(head)}".utf8))
    #expect(
      visit.findings(forTeamOf: 4)[0]
        == Array(#"\#(head),"entry":[{"resource":\#(encounter)}]}"#.utf8))
  }
}

/// The same for the same resources in any order.
func multiset(_ resources: [ArraySlice<UInt8>]) -> [[UInt8]] {
  resources.map { Array($0) }.sorted { $0.lexicographicallyPrecedes($1) }
}
