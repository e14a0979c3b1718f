import ClinicalRecords
import TerminalText
import Testing
import TestSupport

@Suite("A history is one patient's visits in order")
struct HistoryTests {
  private func code(_ json: [UInt8]) -> ClinicalRecordError.Code? {
    #expect(throws: ClinicalRecordError.self) { try FHIRHistory(json: json) }?.code
  }

  @Test("Visits run by the instant of their start, then file position; without one they are last")
  func order() throws {
    let starts = [
      "2020-06-01T00:30:00+02:00", "2020-05-31T22:29:59.999Z", "2020-05-31T22:29:59.9990000001Z",
      "2020-05-31T22:30:00Z", "2020-05", "2020-05-01", "2020", "2020-01-01T00:00:00Z",
      "1969-12-31T23:59:59Z", "1970", "2020-02-29T12:00:00-14:00", "2020-03-01T02:00:00Z",
      "2016-12-31T23:59:60Z", "2017", "0001", "9999-12-31T23:59:59-14:00",
    ]
    var resources = starts.enumerated().map {
      encounter("\($0)", #""period":{"start":"\#($1)"}"#)
    }
    resources.insert(encounter("none"), at: 0)
    resources.append(encounter("empty", #""period":{}"#))
    let order = try FHIRHistory(json: bundle(resources)).visits.map(\.encounterID)
    #expect(
      order == [
        "14", "8", "9", "12", "13", "6", "7", "10", "11", "4", "5", "1", "2", "0", "3", "15",
        "none", "empty",
      ])
  }

  @Test("An Encounter that did not take place is no visit, and is said")
  func notHeld() throws {
    let history = try FHIRHistory(
      json: bundle(
        encounter("a", #""status":"finished""#), encounter("b", #""status":"cancelled""#),
        encounter("c", #""status":"planned""#), encounter("d", #""status":"entered-in-error""#),
        encounter("e", #""status":"onleave""#),
        resource("Observation", "o", reference("encounter", "Encounter/b")),
        resource("Observation", "w", #""status":"entered-in-error","encounter":7"#),
        resource(
          "Condition", "v",
          #""verificationStatus":{"coding":[{"code":"entered-in-error"}]}"#)))
    #expect(history.visits.map(\.encounterID) == ["a", "e"])
    #expect(history.notHeld.map(\.status) == ["cancelled", "planned", "entered-in-error"])
    let supplement = try #require(history.supplement)
    #expect(supplement.contents.map(\.resource.id) == ["b", "c", "o"])
    #expect(supplement.contents.allSatisfy { $0.rule == .visitNotHeld })
    #expect(history.leftOut.map(\.resource.id) == ["d", "w", "v"])
    #expect(history.leftOut.allSatisfy { $0.reason == .enteredInError })
    // Its findings are in none of the Bundles that are signed.
    let signed = history.parts.flatMap { $0.findings(forTeamOf: 2) }.joined()
    #expect(!String(decoding: Array(signed), as: UTF8.self).contains("entered-in-error"))

    let none = #expect(throws: ClinicalRecordError.self) {
      try FHIRHistory(json: bundle(encounter("b", #""status":"cancelled""#)))
    }
    #expect(none?.code == .noEncounter)
    #expect(none?.message == "no Encounter took place: Encounter/b (entry[0]) is cancelled")
    #expect(code(bundle(encounter("b", #""status":"completed""#))) == .invalidStatus)
    #expect(code(bundle(encounter("b", #""status":1"#))) == .invalidStatus)
  }

  @Test("What identifies the hospital, and an Encounter without an id")
  func identification() throws {
    let visits = try FHIRHistory(
      json: bundle(
        encounter("a", #""serviceProvider":{"display":"D","reference":"Organization/1"}"#),
        encounter("b", #""serviceProvider":{"display":"D","identifier":{"value":"I"}}"#),
        encounter("c", #""serviceProvider":{"display":"D"}"#), encounter("d"),
        #"{"fullUrl":"urn:uuid:5","resource":{"resourceType":"Encounter"}}"#,
        #""resourceType":"Encounter""#)
    ).visits
    #expect(visits.map(\.serviceProvider) == ["Organization/1", "I", "D", "", "", ""])
    // SHA-256 of {"resourceType":"Encounter"}, its first half.
    let content = "#37b120371b093d96956cfe5c4612d1a8"
    #expect(visits.map(\.encounterID) == ["a", "b", "c", "d", "urn:uuid:5", content])
  }

  @Test("[attack] an Encounter that nothing names keeps its name, whatever stands before it")
  func nameless() throws {
    let first = #""resourceType":"Encounter","period":{"start":"2024-01-01"}"#
    let second = #""resourceType":"Encounter","period":{"start":"2024-01-02"}"#
    let before = try FHIRHistory(json: bundle(first, second)).visits.map(\.encounterID)
    #expect(Set(before).count == 2)
    let organization = resource("Organization", "o")
    for list in [[organization, first, second], [second, organization, first]] {
      #expect(try FHIRHistory(json: bundle(list)).visits.map(\.encounterID) == before)
    }
    let lines = try HistoryFile(Array("{\(organization)}\n{\(second)}\n{\(first)}".utf8))
    #expect(try FHIRHistory([lines]).visits.map(\.encounterID) == before)
    // The same bytes are the same visit; others are another one.
    let twice = try FHIRHistory(json: bundle(first, second, first))
    #expect(twice.visits.map(\.encounterID) == before)
    #expect(twice.leftOut.map(\.reason) == [.repeated])
    let changed = try FHIRHistory(json: bundle(first + #","status":"finished""#, second))
    #expect(changed.visits[0].encounterID != before[0])
    #expect(changed.visits[1].encounterID == before[1])
  }

  @Test("Texts for people are bounded and cannot steer a terminal")
  func printableTexts() throws {
    let history = try FHIRHistory(
      json: bundle(
        #""resourceType":"Patient","name":[{"given":["A\u001b[2J","B"],"family":"C\nD"},{"text":"x"}]"#,
        encounter(
          "1",
          #""class":{"code":"AMB"},"type":[{"text":"\u202eevil\u2028é€😀"}],"reasonCode":[{"coding":[{"display":"\#(String(repeating: "e\u{301}", count: 500))"}]}]"#
        )))
    #expect(history.patient.name == "A [2J B C D")
    let visit = history.visits[0]
    #expect(visit.encounterClass == "AMB")
    #expect(visit.type == " evil é€😀")
    #expect(visit.reason == String(repeating: "e\u{301}", count: 60) + "…")
  }

  @Test("[attack] no type, id or file name steers a terminal, and no line of a text does")
  func printableLabels() throws {
    let lines = #"{"resourceType":"X\u001b[2J\nAll checks passed\u009b","id":"\u0007"}"#
    let file = try HistoryFile(
      Array(#"{"resourceType":"Encounter","id":"e"}\#n\#(lines)"#.utf8), name: "a\u{1b}]0;b\u{7}\n")
    let history = try FHIRHistory([file])
    let resource = try #require(history.supplement?.resources.first)
    #expect(resource.label == "X [2J All checks passed /  (line 2 of a ]0;b  )")
    #expect(printableLines("a\u{1b}[1m\u{9b}é\n\u{202e}\r\tb\u{2028}") == "a [1m é\n   b ")
    #expect(printableLines("plain ~\n") == "plain ~\n")
  }

  @Test("What is not a history is refused with its reason")
  func refusals() {
    #expect(code(Array(#"{"name":"x"}"#.utf8)) == .notFHIR)
    #expect(code(Array(#"["resourceType","Bundle"]"#.utf8)) == .notFHIR)
    #expect(code(Array(#"{"resourceType":7}"#.utf8)) == .notFHIR)
    #expect(code(Array(#"{"resourceType":"Bundle","entry":{}}"#.utf8)) == .notFHIR)
    #expect(code(Array(#"{"resourceType":"Bundle","entry":[[]]}"#.utf8)) == .notFHIR)
    #expect(code(bundle(encounter("1"), #""id":"2""#)) == .notFHIR)
    #expect(code(bundle(encounter("1"), #"{"resource":null}"#)) == .notFHIR)
    #expect(code(Array(#"{"resourceType":"Patient"}"#.utf8)) == .noEncounter)
    #expect(code(Array(#"{"resourceType":"Bundle"}"#.utf8)) == .noEncounter)
    #expect(code(bundle(#""resourceType":"Patient""#)) == .noEncounter)
    #expect(code(bundle(encounter("1"), resource("Bundle", "b"))) == .nestedBundle)
    let patients = [resource("Patient", "1"), resource("Patient", "2")]
    #expect(code(bundle(patients + [encounter("1")])) == .severalPatients)
  }

  @Test(
    "The same resource twice is taken once; two of one name that differ are refused with both places"
  )
  func duplicates() throws {
    let twice = try FHIRHistory(
      json: bundle(
        encounter("1"), encounter("2"), encounter("2"),
        entry("urn:uuid:o", resource("Observation", "o", reference("encounter", "Encounter/1"))),
        entry("urn:uuid:o", resource("Observation", "o", reference("encounter", "Encounter/1")))))
    #expect(twice.visits.map(\.encounterID) == ["1", "2"])
    #expect(twice.visits[0].others.count == 1)
    #expect(twice.leftOut.map(\.resource.place) == ["entry[2]", "entry[4]"])
    #expect(twice.leftOut.allSatisfy { $0.reason == .repeated })

    let error = #expect(throws: ClinicalRecordError.self) {
      try FHIRHistory(json: bundle(encounter("1"), encounter("1", #""status":"finished""#)))
    }
    #expect(error?.code == .duplicateEncounter)
    #expect(
      error?.message
        == "Encounter/1 (entry[0]) and Encounter/1 (entry[1]) have one id or fullUrl, "
        + "and are not the same")
    let named = [1, 2].map { entry("urn:x", encounter("\($0)")) }
    #expect(code(bundle(named)) == .duplicateEncounter)
    #expect(
      code(bundle(encounter("1"), resource("Basic", "x"), resource("Basic", "x", #""a":1"#)))
        == .duplicateResource)
    // One id on two servers is two resources; but a hospital knows visits by their id.
    let servers = ["a", "b"].map {
      entry("https://\($0).org/Basic/1", resource("Basic", "1", #""x":"\#($0)""#))
    }
    #expect(
      try FHIRHistory(json: bundle(servers + [encounter("1")])).supplement?.contents.count == 2)
    let visits = ["a", "b"].map {
      entry("https://\($0).org/Encounter/1", encounter("1", #""x":"\#($0)""#))
    }
    #expect(code(bundle(visits)) == .duplicateEncounter)
    // Of two versions it is said which is the newer one, where that shows.
    func hint(_ first: String, _ second: String) -> String? {
      let versions = [first, second].map { resource("Basic", "x", #""meta":{\#($0)}"#) }
      let error = #expect(throws: ClinicalRecordError.self) {
        try FHIRHistory(json: bundle([encounter("1")] + versions))
      }
      return error?.hint
    }
    let old = #""versionId":"9","lastUpdated":"2024-03-01T10:00:00Z""#
    let new = #""versionId":"10","lastUpdated":"2024-03-01T11:00:00+00:30""#
    let keep = "keep entry[2], version 10 of 2024-03-01T11:00:00+00:30, and leave the other out"
    #expect(hint(old, new)?.contains(keep) == true)
    #expect(
      hint(#""versionId":"10""#, #""versionId":"9""#)?.contains("keep entry[1], version 10") == true
    )
    #expect(hint(#""versionId":"a""#, #""versionId":"b""#)?.contains("keep the newer one") == true)
    let unsaid = "keep the one that is right"
    #expect(hint(#""versionId":"1""#, #""source":"x""#)?.contains(unsaid) == true)
    // Without id and fullUrl, an Encounter has a digest for a name, which no id can be.
    let taken = encounter("#37b120371b093d96956cfe5c4612d1a8")
    #expect(code(bundle(#""resourceType":"Encounter""#, taken)) == .invalidID)
  }

  @Test(
    "A key that stands twice anywhere is refused",
    arguments: [
      #"{"resourceType":"Bundle","resourceType":"Bundle","entry":[]}"#,
      #"{"resourceType":"Bundle","entry":[],"\u0065ntry":[]}"#,
      #"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Encounter","x":{"y":[{"z":1,"z":1}]}}}]}"#,
      #"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Encounter"}},{"resource":{"resourceType":"A","valueQuantity":{"value":1,"value":1000}}}]}"#,
    ])
  func duplicateKeys(text: String) {
    let error = #expect(throws: ClinicalRecordError.self) {
      try FHIRHistory(json: Array(text.utf8))
    }
    #expect(error?.code == .duplicateKey)
    #expect(error?.location?.path != nil)
  }

  @Test("64 MiB are taken, one byte more is refused before it is parsed")
  func size() throws {
    let empty = bundle(encounter("1", #""x":"""#))
    let end = Array(#""}}]}"#.utf8)
    let start = Array(empty.dropLast(end.count))
    let filler = FHIRHistory.maximumByteCount - start.count - end.count
    let largest = start + [UInt8](repeating: UInt8(ascii: "x"), count: filler) + end
    #expect(FHIRHistory.maximumByteCount == 67_108_864)
    #expect(largest.count == FHIRHistory.maximumByteCount)
    #expect(try FHIRHistory(json: largest).visits.count == 1)
    #expect(code(largest + [0x20]) == .tooLarge)
    // Not even JSON, and still the size is what is wrong with it.
    #expect(code([UInt8](repeating: 0xff, count: FHIRHistory.maximumByteCount + 1)) == .tooLarge)
  }

  @Test("262144 resources are taken, and one more is refused")
  func count() throws {
    let limit = FHIRHistory.maximumResourceCount
    #expect(limit == 262_144)
    let rest = repeatElement(#""resourceType":"Basic""#, count: limit - 1)
    let history = try FHIRHistory(json: bundle([encounter("1")] + rest))
    #expect(history.supplement?.contents.count == limit - 1)
    #expect(code(bundle([encounter("1"), encounter("2")] + rest)) == .tooLarge)
  }

  @Test("Cut off after any byte, a history is refused")
  func truncation() {
    let json = GeneratedHistory.small.json
    let end = json.lastIndex(of: UInt8(ascii: "}")) ?? 0
    for length in 0...end {
      let error = #expect(throws: ClinicalRecordError.self) {
        try FHIRHistory(json: Array(json[..<length]))
      }
      #expect(error?.code == .malformedJSON)
    }
  }

  @Test("With any byte changed, a history is refused or keeps the law")
  func changedBytes() throws {
    let json = GeneratedHistory.small.json
    var random = SeededGenerator(seed: 1)
    var refused = 0
    for position in json.indices {
      for mask in [UInt8(1) << UInt8.random(in: 0..<8, using: &random), 0x80] {
        var changed = json
        changed[position] ^= mask
        do {
          let history = try FHIRHistory(json: changed)
          let kept = history.parts.flatMap(\.resources) + history.leftOut.map(\.resource)
          let all = try FHIRBundle.resources(in: changed)
          let isKept = multiset(kept.map(\.bytes)) == multiset(all)
          #expect(isKept)
        } catch {
          refused += 1
        }
      }
    }
    #expect(refused > json.count / 2)
  }

  @Test("An error repeats nothing that is found of a person")
  func errorsAreDiscreet() {
    for text in [
      #"{"resourceType":"Solhaug"}"#, #"{"resourceType":"Bundle","Solhaug":Solhaug}"#,
      #"{"resourceType":"Bundle","entry":["Solhaug"]}"#,
      #"{"resourceType":"Bundle","entry":[{"resource":{"id":"Solhaug"}}]}"#,
    ] {
      let error = #expect(throws: ClinicalRecordError.self) {
        try FHIRHistory(json: Array(text.utf8))
      }
      #expect(error?.description.contains("Solhaug") == false)
    }
  }
}
