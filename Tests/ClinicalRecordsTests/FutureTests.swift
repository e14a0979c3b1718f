import ClinicalRecords
import Testing

@Suite("Dates after now")
struct FutureTests {
  /// 2026-01-10T00:00:00Z.
  private let now: UInt64 = 1_768_003_200

  private func found(_ resources: String...) throws -> [String] {
    let all = [#"{"resourceType": "Patient", "id": "p"}"#] + resources
    let entries = all.map { "{\"resource\": \($0)}" }.joined(separator: ", ")
    let history = try FHIRHistory(
      json: Array(#"{"resourceType": "Bundle", "entry": ["#.utf8) + Array("\(entries)]}".utf8))
    return history.futureDates(now: now).map { "\($0.resource.name) \($0.days)" }
  }

  private func encounter(_ fields: String) -> String {
    #"{"resourceType": "Encounter", "id": "e", \#(fields)}"#
  }

  @Test("are remarked from a day on, by how many")
  func tolerance() throws {
    func result(_ date: String) throws -> [String] {
      try found(
        encounter(#""status": "finished""#),
        #"{"resourceType": "Observation", "id": "o", "effectiveDateTime": "\#(date)"}"#)
    }
    #expect(try result("2026-01-10") == [])
    #expect(try result("2026-01-11") == [])
    #expect(try result("2026-01-11T00:00:00Z") == [])
    #expect(try result("2026-01-11T00:00:01Z") == ["Observation/o 1"])
    // The same second.
    #expect(try result("2026-01-11T14:00:00+14:00") == [])
    #expect(try result("2026-01-20") == ["Observation/o 10"])
    #expect(try result("2026-01") == [])
    #expect(try result("2027") == ["Observation/o 356"])
  }

  @Test("of a visit are its start, or its end if it is over")
  func visits() throws {
    let ahead = #""period": {"start": "2026-01-01", "end": "2026-03-11"}"#
    #expect(try found(encounter(#""status": "finished", \#(ahead)"#)) == ["Encounter/e 60"])
    #expect(try found(encounter(#""status": "in-progress", \#(ahead)"#)) == [])
    #expect(
      try found(encounter(#""status": "in-progress", "period": {"start": "2026-03-11"}"#))
        == ["Encounter/e 60"])
  }

  @Test(
    "are remarked of all that tells of what was, by whatever field of its type",
    arguments: [
      ("AuditEvent", #""recorded": "2030-01-01T00:00:00Z""#),
      ("ImmunizationEvaluation", #""date": "2030-01-01""#),
      ("MeasureReport", #""date": "2030-01-01""#),
      ("MeasureReport", #""period": {"start": "2030-01-01"}"#),
      ("EpisodeOfCare", #""period": {"start": "2030-01-01"}"#),
      ("Observation", #""effectiveTiming": {"event": ["2030-01-01"]}"#),
      (
        "Observation",
        #""effectiveTiming": {"repeat": {"boundsPeriod": {"start": "2030-01-01"}}}"#
      ),
      ("GuidanceResponse", #""occurrenceDateTime": "2030-01-01""#),
      ("Condition", #""abatementDateTime": "2030-01-01""#),
      ("AllergyIntolerance", #""lastOccurrence": "2030-01-01""#),
      ("AdverseEvent", #""detected": "2030-01-01""#),
      ("SupplyRequest", #""authoredOn": "2030-01-01""#),
      ("ResearchSubject", #""period": {"start": "2030-01-01"}"#),
    ])
  func types(type: String, fields: String) throws {
    let held = encounter(#""status": "finished", "period": {"start": "2026-01-01"}"#)
    let found = try found(held, #"{"resourceType": "\#(type)", "id": "x", \#(fields)}"#)
    #expect(found == ["\(type)/x 1452"])
  }

  @Test("of plans are no remark")
  func plans() throws {
    let held = encounter(#""status": "finished", "period": {"start": "2026-01-01"}"#)
    #expect(
      try found(
        held,
        #"{"resourceType": "Appointment", "id": "a", "start": "2030-01-01T08:00:00Z"}"#,
        #"{"resourceType": "Goal", "id": "g", "startDate": "2030-01-01"}"#,
        #"{"resourceType": "Encounter", "id": "f", "status": "planned", "period": {"start": "2030-01-01"}}"#
      ) == [])
  }
}

@Suite("Dates that are too early")
struct EarlyTests {
  private func found(_ observation: String, birth: String = "1990-05-05") throws -> [String] {
    let history = try FHIRHistory(
      json: Array(
        """
        {"resourceType": "Bundle", "entry": [
          {"resource": {"resourceType": "Patient", "id": "p", "birthDate": "\(birth)"}},
          {"resource": {"resourceType": "Encounter", "id": "e", "status": "finished",
            "period": {"start": "2026-01-01T08:00:00Z"}}},
          {"resource": {"resourceType": "Observation", "id": "o",
            "encounter": {"reference": "Encounter/e"}, "effectiveDateTime": "\(observation)"}},
          {"resource": {"resourceType": "FamilyMemberHistory", "id": "f", "date": "1850-01-01",
            "encounter": {"reference": "Encounter/e"}}}]}
        """.utf8))
    return history.earlyDates.map { "\($0.resource.name) \($0.ground.rawValue)" }
  }

  @Test("are remarked before the birth, with a day for time zones")
  func birth() throws {
    #expect(try found("1990-05-05") == [])
    #expect(try found("1990-05-04") == [])
    #expect(try found("1990-05-03") == ["Observation/o before-birth"])
    #expect(try found("1990-05") == [])
    #expect(try found("1989") == ["Observation/o before-birth"])
    #expect(try found("0203-01-01") == ["Observation/o before-birth"])
  }

  @Test("are remarked a hundred years before the visit")
  func century() throws {
    #expect(try found("1926-01-02", birth: "1900") == [])
    #expect(try found("1925-12-30", birth: "1900") == ["Observation/o century-before-visit"])
    #expect(try found("1899", birth: "1900") == ["Observation/o before-birth"])
  }
}
