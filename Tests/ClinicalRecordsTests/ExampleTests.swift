import ClinicalRecords
import Foundation
import Testing

@Suite("The example history")
struct ExampleTests {
  /// `Examples/history.json`, which is also compiled into the command line.
  static func json() throws -> [UInt8] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return [UInt8](try Data(contentsOf: root.appending(path: "Examples/history.json")))
  }

  @Test("It tells of four visits to three hospitals")
  func visits() throws {
    let history = try FHIRHistory(json: Self.json())
    #expect(history.patient.name == "Ingrid Mari Solhaug")
    #expect(history.patient.birthDate == "1961-03-18")
    #expect(history.visits.count == 4)
    #expect(Set(history.visits.map(\.serviceProvider)).count == 3)
    let classes = history.visits.map { $0.encounterClass ?? "" }
    #expect(classes == ["ambulatory", "ambulatory", "emergency", "ambulatory"])
    #expect(history.visits[2].reason == "Hypoglycemia")
    // Named by encounter, context.encounter, context and item.encounter.
    let types = history.visits.map { $0.others.map(\.type) }
    #expect(types[0].contains("Observation"))
    #expect(types[1].contains("DocumentReference"))
    #expect(types[2].contains("MedicationAdministration"))
    #expect(types.allSatisfy { $0.contains("Claim") })
    // A hospital of one visit lies in it; the patient and a hospital of two visits in none.
    #expect(types[1].contains("Organization") && types[2].contains("Organization"))
    let rest = try #require(history.supplement?.others)
    #expect(rest.map(\.type) == ["Patient", "Organization", "Practitioner"])
  }

  @Test("1.50 stays 1.50 on its way through a finding")
  func digits() throws {
    let visit = try FHIRHistory(json: Self.json()).visits[0]
    let findings = visit.findings(forTeamOf: 3).map { String(decoding: $0, as: UTF8.self) }
    #expect(findings.contains { $0.contains(#""value": 1.50,"#) })
  }
}
