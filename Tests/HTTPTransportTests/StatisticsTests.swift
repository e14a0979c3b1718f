import HTTPTransport
import Testing

@Suite("What a server counts of messages")
struct StatisticsTests {
  @Test(
    "Dates of HTTP",
    arguments: [
      ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
      ("Tue, 29 Feb 2028 23:59:59 GMT", 1_835_481_599),
      ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
    ])
  func dates(_ text: String, _ seconds: Double) { #expect(HTTPDate.seconds(text) == seconds) }

  @Test(
    "What is no such date says nothing of a clock",
    arguments: [
      "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
      "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET",
      "99999999999999999999999999999",
    ])
  func noDates(_ text: String) { #expect(HTTPDate.seconds(text) == nil) }

  @Test("An exchange is counted with its time and the clock of the other, a failed one without")
  func exchanges() async throws {
    let (identity, statistics) = (try TestIdentity(), MessageStatistics())
    try await TestServer.run(identity, TestRole()) { server in
      let location = server.location(identity.pin)
      let courier = HTTPCourier(statistics: statistics) { $0 == "a" ? location : nil }
      _ = await courier.outcome([1, 2, 3])
      let answered = statistics.counts.peers["a"]?.lastAnswer
      #expect(answered != nil)
      let stranger = server.location(try TestIdentity().pin)
      let deceived = HTTPCourier(statistics: statistics) { _ in stranger }
      _ = await deceived.outcome([1, 2, 3])
      #expect(statistics.counts.peers["a"]?.lastAnswer == answered, "a stranger has answered")
      await courier.shutDown()
      await deceived.shutDown()
    }
    let peer = try #require(statistics.counts.peers["a"])
    #expect(peer.answered.counts.reduce(0, +) == 1 && peer.answered.sum > 0)
    #expect(peer.failures == 1)
    let offset = try #require(statistics.clockOffset)
    #expect(abs(offset) <= 2, "one machine has one clock")
  }
}
