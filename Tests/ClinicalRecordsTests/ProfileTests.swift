import ClinicalRecords
import Foundation
import Testing

/// Small histories in the style of national and vendor profiles, all made up, each beside a text of what is
/// expected of it for a team of three: `refused CODE`, or whose it is, and for each resource (id, or place
/// in the file) the visit (`-` for the supplement), the rule, the doctor and that rule.
@Suite("Histories in the style of national and vendor profiles")
struct ProfileTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let file: URL
    let expected: [String]
  }

  static let cases: [Case] = {
    let folder = Bundle.module.url(forResource: "Vectors/profiles", withExtension: nil)
    let files = folder.flatMap {
      try? FileManager.default.contentsOfDirectory(at: $0, includingPropertiesForKeys: nil)
    }
    return (files ?? []).filter { $0.pathExtension != "txt" }.compactMap { file in
      let text = file.deletingPathExtension().appendingPathExtension("txt")
      let lines = (try? String(contentsOf: text, encoding: .utf8))?.split(separator: "\n")
      guard let lines, let sentence = lines.first else { return nil }
      return Case(
        testDescription: String(sentence.dropFirst(2)), file: file,
        expected: lines.dropFirst().map(String.init))
    }.sorted { $0.file.path < $1.file.path }
  }()

  @Test("There are thirty at least, refused and planned")
  func table() {
    #expect(Self.cases.count >= 30)
    let refused = Self.cases.count { $0.expected[0].hasPrefix("refused") }
    #expect(refused >= 8 && Self.cases.count - refused >= 20)
  }

  @Test("Each is planned or refused as it says", arguments: cases)
  func plan(of history: Case) throws {
    let file = try HistoryFile([UInt8](Data(contentsOf: history.file)))
    let plan: HistoryPlan
    do {
      plan = HistoryPlan(try FHIRHistory([file]), teamSize: 3)
    } catch {
      #expect(history.expected == ["refused \(error.code)"], "\(error)")
      return
    }
    var lines = ["patient \(plan.history.patient.identity)"]
    for part in plan.parts {
      let visit = part.visit.kind == .supplement ? "-" : part.visit.encounterID
      lines += part.items.map {
        "\($0.id ?? $0.place) \(visit) \($0.rule.rawValue) \($0.doctor.doctor) \($0.doctor.rule.rawValue)"
      }
    }
    lines += plan.history.leftOut.map { "left-out \($0.resource.id ?? "") \($0.reason.rawValue)" }
    #expect(lines == history.expected)
  }
}
