import ClinicalRecords
import Foundation
import Testing

@Suite("Histories are read in every form in which they come")
struct ReadingTests {
  private let resources = [
    resource("Patient", "p"), encounter("e", reference("subject", "Patient/p")),
    resource("Observation", "o", reference("encounter", "Encounter/e")),
  ]

  private func lines(_ resources: some Sequence<String>, _ end: String = "\n") -> [UInt8] {
    Array(resources.map { "{\($0)}" }.joined(separator: end).utf8)
  }

  /// What is where, without places in files.
  private func summary(_ history: FHIRHistory) -> [String] {
    history.parts.flatMap { part in
      part.contents.map { "\(part.encounterID) \($0.resource.name) \($0.rule)" }
    }
  }

  /// Packed by the gzip of the system, another implementation.
  private func packed(_ bytes: [UInt8]) throws -> [UInt8] {
    let folder = URL.temporaryDirectory.appending(path: "bcemr-gzip-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "file")
    try Data(bytes).write(to: file)
    let process = Process()
    process.executableURL = URL(filePath: "/bin/gzip")
    process.arguments = [file.path]
    try process.run()
    process.waitUntilExit()
    return [UInt8](try Data(contentsOf: folder.appending(path: "file.gz")))
  }

  @Test("A Bundle, NDJSON, a byte order mark and gzip come to the same")
  func forms() throws {
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    let expected = try summary(FHIRHistory(json: bundle(resources)))
    #expect(
      expected == [
        "e Encounter/e isVisit", "e Patient/p namedInVisit", "e Observation/o namesVisit",
      ])
    for text in [bundle(resources), lines(resources), lines(resources, "\r\n\n \n") + [0x0a]] {
      for bytes in [text, mark + text] {
        #expect(try summary(FHIRHistory([HistoryFile(bytes)])) == expected)
        let file = try HistoryFile(packed(bytes))
        #expect(file.isGzip && file.hasByteOrderMark == (bytes.first == 0xef))
        #expect(file.byteCount == bytes.count)
        #expect(try summary(FHIRHistory([file])) == expected)
      }
    }
  }

  @Test("NDJSON files are one history together, each Bundle is one of its own")
  func groups() throws {
    let files = try [
      HistoryFile(lines(resources.prefix(1)), name: "Patient.ndjson"),
      HistoryFile(bundle(resources), name: "bundle.json"),
      HistoryFile(lines(resources.dropFirst()), name: "rest.ndjson"),
    ]
    #expect(files.map(\.form) == [.lines, .bundle, .lines])
    let groups = FHIRHistory.groups(files)
    #expect(groups.map { $0.map(\.name) } == [["Patient.ndjson", "rest.ndjson"], ["bundle.json"]])
    let histories = try groups.map { try FHIRHistory($0) }
    #expect(summary(histories[0]).sorted() == summary(histories[1]).sorted())
    let places = histories[0].parts.flatMap(\.resources).map(\.place)
    #expect(
      Set(places) == ["line 1 of Patient.ndjson", "line 1 of rest.ndjson", "line 2 of rest.ndjson"])
  }

  @Test("An error in one of several files names it")
  func fileOfError() throws {
    let files = try [
      HistoryFile(lines(resources), name: "a.ndjson"),
      HistoryFile(lines([resource("Goal", "g", #""startDate":"soon""#)]), name: "b.ndjson"),
    ]
    let error = #expect(throws: ClinicalRecordError.self) { try FHIRHistory(files) }
    #expect(error?.location?.file == "b.ndjson")
    #expect(error?.location?.path == "startDate")
  }

  @Test(
    "What only looks like NDJSON is refused",
    arguments: [
      "{\"resourceType\":\"Patient\"} {\"resourceType\":\"Patient\"}",
      "{\"resourceType\":\n\"Patient\"}\n{\"resourceType\":\"Patient\"}",
      "{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Pat",
      "{\"resourceType\":\"Patient\"}\n,",
    ])
  func malformedLines(text: String) {
    let error = #expect(throws: ClinicalRecordError.self) { try HistoryFile(Array(text.utf8)) }
    #expect(error?.code == .malformedJSON)
  }

  @Test(
    "Forms that are known and not read are refused with what to do",
    arguments: [
      Array("<Bundle xmlns=\"http://hl7.org/fhir\"/>".utf8), Array("\u{feff}\n<?xml?>".utf8),
      [0xff, 0xfe, 0x7b, 0x00], Array("PK\u{3}\u{4}".utf8),
    ])
  func otherForms(bytes: [UInt8]) {
    let error = #expect(throws: ClinicalRecordError.self) { try HistoryFile(bytes) }
    #expect(error?.code == .unreadableForm)
    #expect(error?.hint != nil)
  }

  // MARK: gzip

  @Test("[attack] a gzip file of a gigabyte is refused when 64 MiB of it have come out")
  func bomb() throws {
    // Members follow each other, so that a small file can hold any amount.
    let member = try packed([UInt8](repeating: 0x20, count: 16 << 20))
    #expect(member.count < 1 << 16)
    let bomb = Array(repeatElement(member, count: 64).joined())
    let error = #expect(throws: ClinicalRecordError.self) { try HistoryFile(bomb) }
    #expect(error?.code == .tooLarge)
    // Four of them are 64 MiB of white space, and no more than that is wrong with them.
    let largest = #expect(throws: ClinicalRecordError.self) {
      try HistoryFile(Array(repeatElement(member, count: 4).joined()))
    }
    #expect(largest?.code == .malformedJSON)
    let more = try packed([0x20])
    let over = #expect(throws: ClinicalRecordError.self) {
      try HistoryFile(Array(repeatElement(member, count: 4).joined()) + more)
    }
    #expect(over?.code == .tooLarge)
  }

  @Test("Cut off or changed, a gzip file is refused or says the same")
  func damagedGzip() throws {
    let whole = try packed(bundle(resources))
    let expected = try summary(FHIRHistory(json: bundle(resources)))
    for length in 2..<whole.count {
      #expect(throws: ClinicalRecordError.self) { try HistoryFile(Array(whole[..<length])) }
    }
    var refused = 0
    for position in whole.indices.dropFirst(2) {
      var changed = whole
      changed[position] ^= 0x10
      do {
        #expect(try summary(FHIRHistory([HistoryFile(changed)])) == expected)
      } catch {
        refused += 1
      }
    }
    // All but the name and time in the header are under a sum.
    #expect(refused > whole.count / 2)
    #expect(throws: ClinicalRecordError.self) { try HistoryFile(whole + [0]) }
  }

  @Test("The limit is that of all files together")
  func limit() throws {
    let half = FHIRHistory.maximumByteCount / 2
    func file(_ id: String, _ size: Int) throws -> HistoryFile {
      let start = Array("{\(encounter(id, #""x":"#))\"".utf8)
      return try HistoryFile(
        start + [UInt8](repeating: 0x78, count: size - start.count - 2) + Array("\"}".utf8))
    }
    #expect(try FHIRHistory([file("a", half), file("b", half)]).visits.count == 2)
    let error = #expect(throws: ClinicalRecordError.self) {
      try FHIRHistory([file("a", half), file("b", half + 1)])
    }
    #expect(error?.code == .tooLarge)
  }
}
