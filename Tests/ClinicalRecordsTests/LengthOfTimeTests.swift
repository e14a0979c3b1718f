import TerminalText
import Testing

@Suite("Lengths of time that somebody has typed")
struct LengthOfTimeTests {
  @Test(
    "What is no number of seconds up to a week is refused, and no Duration is made of it",
    arguments: [
      "1e300", "nan", "-nan", "inf", "-inf", "infinity", "-1", "-1e-300", "604800.1", "1e15", "",
      " ",
      "soon", "1 s", "1,5",
    ])
  func refused(text: String) {
    #expect(LengthOfTime(text) == nil)
  }

  @Test("Others are taken as they are", arguments: [("0", 0), ("0.5", 0.5), ("604800", 604_800)])
  func taken(text: String, seconds: Double) throws {
    let time = try #require(LengthOfTime(text))
    #expect(time.seconds == seconds && time.description == text)
    #expect(time.duration == .milliseconds(Int(seconds * 1000)))
    #expect(LengthOfTime(seconds: seconds) == time)
  }
}
