import Consortium
import Foundation
import HTTPTransport
import Ledger
import SQLiteBackend
import Testing

@Suite("HTTPS: logs for everybody")
struct LogPagesTests {
  /// A server that shows the logs of a hospital with one visit.
  private static func run(
    _ body: @escaping @Sendable (TestServer, _ size: UInt64) async throws -> Void
  ) async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("logs-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var configuration = LocalConsortium.Configuration(teamSize: 1)
    configuration.doctors = 1
    let consortium = try await LocalConsortium.open(
      storage: DataFolder(path: path), configuration: configuration,
      environment: .init(
        clock: { UInt64(Date().timeIntervalSince1970) },
        nanoseconds: { DispatchTime.now().uptimeNanoseconds }))
    try await consortium.addPatient(contact: "ada", identity: "Ada Quimby, 1980-02-29")
    _ = try await consortium.hold(
      PlannedVisit(
        patient: "ada", hospital: "hospital-1", encounter: "e", findings: [Array("one".utf8)]))
    try await consortium.settle()
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let size = try #require(try await hospital.publishedLog(of: "hospital-1")).size
    try #require(size > 2)
    try await TestServer.run(try TestIdentity(), TestRole()) { server in
      server.server.publish(hospital)
      try await body(server, size)
    }
  }

  private static func get(
    _ server: TestServer, _ path: String, last: UInt64? = nil, closing: Bool = true
  ) async throws -> RawConnection {
    let connection = try await RawConnection(server.port)
    let more =
      (last.map { "last-event-id: \($0)\r\n" } ?? "") + (closing ? "connection: close\r\n" : "")
    try await connection.write("GET /v1/chains/\(path) HTTP/1.1\r\nhost: x\r\n\(more)\r\n")
    return connection
  }

  private static func answer(_ server: TestServer, _ path: String) async throws -> String {
    try await get(server, path).rest()
  }

  @Test("[attack] of a hospital's chain strangers get checkpoint and hashes, and no leaf")
  func leavesAreWithheld() async throws {
    try await Self.run { server, size in
      let checkpoint = try await Self.answer(server, "hospital-1/checkpoint")
      #expect(checkpoint.hasPrefix("HTTP/1.1 200 ") && checkpoint.contains("\n\(size)\n"))
      for width in [1, size] {
        let hashes = try await Self.answer(server, "hospital-1/tile/0/000.p/\(width)")
        #expect(hashes.hasPrefix("HTTP/1.1 200 "))
        #expect(hashes.contains("\r\nContent-Length: \(32 * width)\r\n"), "\(hashes.prefix(300))")
      }
      for (path, status, code) in [
        ("hospital-1/tile/entries/000.p/1", "403", "private-leaves"),
        ("hospital-1/tile/entries/000.p/\(size)", "403", "private-leaves"),
        ("hospital-1/tile/0/000.p/\(size + 1)", "404", "no-such-tile"),
        ("hospital-1/tile/0/000", "404", "no-such-tile"),
        ("hospital-1/tile/0/00.p/1", "404", "no-such-tile"),
        ("hospital-1/tile/63/x999/x999/x999/x999/x999/999", "404", "no-such-tile"),
        ("hospital-2/checkpoint", "404", "no-such-chain"),
        ("hospital-1", "404", "no-such-path"),
      ] {
        let answer = try await Self.answer(server, path)
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(path): \(answer)")
        #expect(answer.contains("urn:bcemr:problem:\(code)"), "\(path): \(answer)")
      }
      let entries = try await Self.answer(server, "consortium/tile/entries/000.p/1")
      #expect(entries.hasPrefix("HTTP/1.1 200 "))
    }
  }

  @Test("[attack] 64 addresses that take all they can leave places to others, more as streams end")
  func placesOfFollowers() {
    var places = FollowerPlaces()
    var held: [String] = []
    func takeAll() {
      for address in (0..<64).map({ "\($0)" }) {
        while places.take(address) == nil { held.append(address) }
      }
    }
    takeAll()
    #expect(held.count == 823)
    #expect(places.take("another") == nil)
    places.leave("another")
    // Each stream ends after a while, and is taken again.
    for _ in 0..<20 * held.count {
      places.leave(held.removeFirst())
      takeAll()
    }
    #expect(held.count < 700, "\(held.count)")
    for address in held { places.leave(address) }
    for address in 0..<FollowerPlaces.limit { #expect(places.take("\(address)") == nil) }
    #expect(places.take("one more") == .busy)
    #expect(places.take("0") == .busy)
  }

  @Test("[attack] one address follows sixteen streams at most, and gives back what it leaves")
  func followers() async throws {
    try await Self.run { server, size in
      var held: [RawConnection] = []
      for _ in 0..<16 {
        held.append(try await Self.get(server, "consortium/follow", closing: false))
      }
      var refused = ""
      // The sixteen may arrive behind it.
      for _ in 0..<1000 where !refused.hasPrefix("HTTP/1.1 429 ") {
        let next = try await Self.get(server, "consortium/follow")
        try await Task.sleep(for: .milliseconds(100))
        async let text = next.rest()
        try? await next.close()
        refused = try await text
      }
      #expect(refused.hasPrefix("HTTP/1.1 429 "), "\(refused)")
      for connection in held { try? await connection.close() }
      var again = ""
      for _ in 0..<1000 where !again.contains("event: checkpoint") {
        try await Task.sleep(for: .milliseconds(100))
        let next = try await Self.get(server, "hospital-1/follow", last: size - 1)
        try await Task.sleep(for: .milliseconds(200))
        async let text = next.rest()
        try? await next.close()
        again = try await text
      }
      #expect(again.contains("id: \(size)\nevent: checkpoint\ndata: "), "\(again)")
      for _ in 0..<2000 where !server.server.traffic.isEmpty {
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(server.server.traffic.isEmpty)
    }
  }
}
