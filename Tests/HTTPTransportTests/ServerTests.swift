import CanonicalEncoding
import Consortium
import HTTPTransport
import NIOCore
import NIOSSL
import Synchronization
import Testing

@Suite("HTTPS: what a server takes from strangers")
struct ServerTests {
  private static func head(
    _ path: String = "/v1/messages/a", _ length: Int? = nil, method: String = "POST",
    type: String = "application/octet-stream", more: String = ""
  ) -> String {
    "\(method) \(path) HTTP/1.1\r\nhost: x\r\ncontent-type: \(type)\r\n"
      + (length.map { "content-length: \($0)\r\n" } ?? "") + more + "\r\n"
  }

  /// What one connection gets back before it is closed.
  private func answer(_ server: TestServer, _ texts: String...) async throws -> String {
    let connection = try await RawConnection(server.port)
    for text in texts { try? await connection.write(text) }
    return try await connection.rest()
  }

  /// Once all connections are gone, nothing is held.
  private func expectIdle(_ server: TestServer) async throws {
    for _ in 0..<4000 where !server.server.traffic.isEmpty {
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(server.server.traffic.isEmpty)
  }

  @Test("what HTTP sees to be wrong is a problem in JSON, and no role hears of it")
  func problems() async throws {
    let role = TestRole()
    try await TestServer.run(try TestIdentity(), role) { server in
      for (text, status, code) in [
        (Self.head("/v1/messages/b", 1) + "x", "404", "nobody-here"),
        (Self.head("/v1/messages/a/b", 1) + "x", "404", "no-such-path"),
        (Self.head("/", 1) + "x", "404", "no-such-path"),
        (Self.head("/v1/messages/a", 0, method: "PUT"), "404", "no-such-path"),
        (Self.head(type: "text/plain"), "415", "wrong-type"),
        (Self.head("/v1/messages/a", 1 << 40), "413", "too-large"),
      ] {
        let answer = try await answer(server, text)
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(code): \(answer)")
        #expect(answer.contains("application/problem+json"))
        #expect(answer.contains(#""type":"urn:bcemr:problem:\#(code)""#))
      }
      #expect(role.received.isEmpty)
      try await expectIdle(server)
    }
  }

  @Test("[attack] a body longer than any message to the role is not kept, also without a length")
  func longBody() async throws {
    let role = TestRole()
    let identity = try TestIdentity()
    try await TestServer.run(identity, role) { server in
      let limit = RequestTable.limit(of: .doctor)
      let courier = HTTPCourier.to(server.location(identity.pin))
      let outcome = await courier.outcome([UInt8](repeating: 1, count: limit + 1))
      #expect(outcome.code == "unreachable")
      await courier.shutDown()
      let chunk = String(repeating: "x", count: 1 << 16)
      let chunks = (0..<limit >> 16 + 2).map { _ in "10000\r\n\(chunk)\r\n" }.joined()
      let answer = try await answer(
        server, Self.head(more: "transfer-encoding: chunked\r\n"), chunks)
      #expect(answer.hasPrefix("HTTP/1.1 413 "))
      #expect(role.received.isEmpty)
      try await expectIdle(server)
    }
  }

  @Test("[attack] whoever says nothing, or a byte now and then, is cut off")
  func slow() async throws {
    var limits = TrafficLimits()
    (limits.idleSeconds, limits.exchangeSeconds) = (1, 2)
    let role = TestRole()
    try await TestServer.run(try TestIdentity(), role, limits: limits) { server in
      async let silent = RawConnection(server.port).rest()
      async let begun = answer(server, "POST /v1/messages/a HTT")
      let dripping = try await RawConnection(server.port)
      try? await dripping.write(Self.head("/v1/messages/a", 1000))
      var count = 0
      while count < 100 {
        do { try await dripping.write("x") } catch { break }
        count += 1
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(count < 100)
      _ = try await (silent, begun)
      #expect(role.received.isEmpty)
      try await expectIdle(server)
    }
  }

  @Test(
    "[attack] a second request on a connection, sent before the first is answered, has its time too"
  )
  func pipelined() async throws {
    var limits = TrafficLimits()
    (limits.idleSeconds, limits.exchangeSeconds) = (60, 2)
    let role = TestRole()
    try await TestServer.run(try TestIdentity(), role, limits: limits) { server in
      let connection = try await RawConnection(server.port)
      try await connection.write(
        Self.head("/v1/messages/a", 1) + "x" + Self.head("/v1/messages/a", 1000))
      let begun = ContinuousClock.now
      var count = 0
      while begun.duration(to: .now) < .seconds(20) {
        do { try await connection.write("x") } catch { break }
        count += 1
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(count < 150)
      #expect(role.received.count == 1)
      try? await connection.close()
      try await expectIdle(server)
    }
  }

  @Test("[attack] addresses are told apart: IPv4 behind an IPv6 socket too, and a household is one")
  func addresses() throws {
    func name(_ text: String) throws -> String {
      Traffic.name(of: try SocketAddress(ipAddress: text, port: 1))
    }
    #expect(try name("10.0.0.9") == "10.0.0.9")
    #expect(try name("::ffff:10.0.0.9") == "10.0.0.9")
    #expect(try name("::ffff:10.0.0.8") != name("::ffff:10.0.0.9"))
    #expect(try name("::1") != name("::ffff:0.0.0.1"))
    #expect(try name("2001:db8:1:2300::1") == name("2001:db8:1:23ff:ffff::2"))
    #expect(try name("2001:db8:1:2300::1") != name("2001:db8:1:2400::1"))
    #expect(try name("2001:db8:1::1") == name("2001:db8:1:00ff::1"))
  }

  @Test("[attack] one address holds no more connections, and no more bytes, than it may")
  func oneAddress() async throws {
    var limits = TrafficLimits()
    (limits.connectionsByAddress, limits.bytesByAddress) = (3, 1000)
    let role = TestRole()
    try await TestServer.run(try TestIdentity(), role, limits: limits) { server in
      var held: [RawConnection] = []
      for _ in 0..<3 {
        let connection = try await RawConnection(server.port)
        try await connection.write(
          Self.head("/v1/messages/a", 500) + String(repeating: "x", count: 300))
        held.append(connection)
      }
      // The fourth is closed at once.
      #expect(try await answer(server, Self.head("/v1/messages/a", 1) + "x") == "")
      for _ in 0..<10000 where server.server.traffic.byteCount < 900 {
        try await Task.sleep(for: .milliseconds(20))
      }
      // This goes above what the address may send.
      try await held[1].write(String(repeating: "x", count: 150))
      let busy = try await held[1].rest()
      #expect(busy.hasPrefix("HTTP/1.1 429 "))
      #expect(busy.lowercased().contains("retry-after: 1"))
      for connection in [held[0], held[2]] { try? await connection.close() }
      try await expectIdle(server)
      #expect(
        try await answer(
          server, Self.head("/v1/messages/a", 1, more: "connection: close\r\n") + "x"
        )
        .hasPrefix("HTTP/1.1 200 "))
      #expect(role.received.count == 1)
    }
  }

  @Test("[attack] one address begins no more connections a minute than it may: TLS is not begun")
  func handshakes() async throws {
    var limits = TrafficLimits()
    limits.connectionsByAddressAndMinute = 5
    let role = TestRole()
    try await TestServer.run(try TestIdentity(), role, limits: limits) { server in
      let head = Self.head("/v1/messages/a", 1, more: "connection: close\r\n") + "x"
      for _ in 0..<5 { #expect(try await answer(server, head).hasPrefix("HTTP/1.1 200 ")) }
      // One comes back in twelve seconds.
      var refused = 0
      for _ in 0..<20 where try await answer(server, head).isEmpty { refused += 1 }
      #expect(refused > 0)
      #expect(role.received.count == 25 - refused)
      try await expectIdle(server)
    }
    // Each counts by itself, and what was taken comes back.
    let now = Mutex<UInt64>(0)
    let traffic = Traffic(limits) { now.withLock { $0 } }
    func begin(_ address: String, _ count: Int) -> Int {
      (0..<count).count { _ in
        guard traffic.connect(address) else { return false }
        traffic.disconnect(address)
        return true
      }
    }
    #expect(begin("10.0.0.1", 9) == 5)
    #expect(begin("10.0.0.2", 9) == 5)
    now.withLock { $0 = 24 }
    #expect(begin("10.0.0.1", 9) == 2)
    now.withLock { $0 = 84 }
    #expect(begin("10.0.0.1", 9) == 5)
    #expect(traffic.isEmpty)
  }

  @Test("[attack] headers without end, and what is no HTTP, end the connection")
  func garbage() async throws {
    let role = TestRole()
    try await TestServer.run(try TestIdentity(), role) { server in
      let header = "x-a: " + String(repeating: "y", count: 100) + "\r\n"
      for text in [
        Self.head(more: String(repeating: header, count: 200)),
        Self.head(more: "x: " + String(repeating: "y", count: 9000) + "\r\n"),
        "\u{0}\u{1}\u{2} garbage \r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        Self.head(more: "content-length: 3\r\ntransfer-encoding: chunked\r\n") + "abc",
      ] {
        let answer = try await answer(server, text)
        #expect(!answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
      }
      #expect(role.received.isEmpty)
      try await expectIdle(server)
    }
  }

  @Test("[attack] who speaks an older TLS is not spoken with")
  func oldTLS() async throws {
    let role = TestRole()
    try await TestServer.run(try TestIdentity(), role) { server in
      let connection = try await RawConnection(server.port, maximum: .tlsv12)
      try? await connection.write(Self.head("/v1/messages/a", 1) + "x")
      #expect(try await connection.rest() == "")
      #expect(role.received.isEmpty)
    }
  }
}
