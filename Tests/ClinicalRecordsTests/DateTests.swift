import ClinicalRecords
import Testing

@Suite("Dates are those of FHIR, and others are refused with their path")
struct DateTests {
  @Test(
    "Dates that FHIR does not have",
    arguments: [
      ("2020-01-01T12:00:00", "has a time, but no time zone"),
      ("2020-02-30", "is no day of the calendar"), ("2021-02-29", "is no day of the calendar"),
      ("1900-02-29", "is no day of the calendar"), ("2020-13", "is no day of the calendar"),
      ("2020-00-10", "is no day of the calendar"), ("0000", "is no day of the calendar"),
      ("20200101", "is not of the form YYYY-MM-DD"), ("2020-6-01", "is not of the form YYYY-MM-DD"),
      ("today", "is not of the form YYYY-MM-DD"), ("", "is not of the form YYYY-MM-DD"),
      ("+020", "is not of the form YYYY-MM-DD"), ("2020-01-01 ", "is not of the form YYYY-MM-DD"),
      ("２０２０", "is not of the form YYYY-MM-DD"),
      ("2020-01-01T24:00:00Z", "has no time from 00:00:00 to 23:59:60"),
      ("2020-01-01T10:60:00Z", "has no time from 00:00:00 to 23:59:60"),
      ("2020-01-01T10:00:61Z", "has no time from 00:00:00 to 23:59:60"),
      ("2020-01-01T10:00Z", "has no time of the form hh:mm:ss"),
      ("2020-01-01T100000Z", "has no time of the form hh:mm:ss"),
      ("2020-01-01T10:00:00.Z", "has no digits behind the point"),
      ("2020-01-01T10:00:00+24:00", "has no zone of the form Z or ±hh:mm, up to 14:00"),
      ("2020-01-01T10:00:00+14:01", "has no zone of the form Z or ±hh:mm, up to 14:00"),
      ("2020-01-01T10:00:00+0200", "has no zone of the form Z or ±hh:mm, up to 14:00"),
      ("2020-01-01T10:00:00z", "has a time, but no time zone"),
      ("2020-01T10:00:00Z", "has a time, but no day"),
    ])
  func refused(date: String, reason: String) {
    let period = refusal(encounter("x", #""period":{"start":"\#(date)"}"#))
    #expect(period?.code == .invalidDate)
    #expect(period?.message == "the date \(date) \(reason)")
    #expect(period?.location?.path == "entry[1].resource.period.start")
    // Also where the visit is named and the date decides nothing.
    let observation = refusal(
      resource(
        "Observation", "x",
        #""effectivePeriod":{"end":"\#(date)"},\#(reference("encounter", "Encounter/e"))"#))
    #expect(observation?.location?.path == "entry[1].resource.effectivePeriod.end")
  }

  @Test(
    "Dates that FHIR has",
    arguments: [
      "2020", "2020-02", "2020-02-29", "2000-02-29", "0001-01-01", "9999-12-31T23:59:59-14:00",
      "2016-12-31T23:59:60Z", "2020-01-01T00:00:00.123456789012Z", "2020-01-01T10:00:00+14:00",
    ])
  func taken(date: String) {
    #expect(refusal(encounter("x", #""period":{"start":"\#(date)"}"#)) == nil)
  }

  @Test("An instant has a time; a date is a string; a period does not end before it begins")
  func others() {
    let issued = refusal(resource("Observation", "x", #""issued":"2020-01-01""#))
    #expect(issued?.message == "the date 2020-01-01 has no time")
    #expect(
      refusal(resource("Goal", "x", #""startDate":2020"#))?.message == "a date is not a string")
    let reversed = refusal(encounter("x", #""period":{"start":"2020-01-02","end":"2020-01-01"}"#))
    #expect(reversed?.message == "a period ends before it begins")
    #expect(reversed?.location?.path == "entry[1].resource.period")
    // On one day, whatever the zone.
    #expect(
      refusal(encounter("x", #""period":{"start":"2020-01-01T23:00:00-05:00","end":"2020-01-01"}"#))
        == nil)
  }
}
