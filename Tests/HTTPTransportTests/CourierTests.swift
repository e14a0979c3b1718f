import CanonicalEncoding
import Consortium
import Crypto
import HTTPTransport
import Ledger
import NIOCore
import Testing

@Suite("HTTPS: who is asked")
struct CourierTests {
  private func send(
    _ location: Members.Location?, timeouts: HTTPCourier.Timeouts = .init(), count: Int = 1
  ) async -> [(reply: [UInt8]?, code: String?, message: String)] {
    let courier = HTTPCourier.to(location, timeouts: timeouts)
    var outcomes: [(reply: [UInt8]?, code: String?, message: String)] = []
    for number in 0..<count { outcomes.append(await courier.outcome([1, 2, UInt8(number)])) }
    await courier.shutDown()
    return outcomes
  }

  @Test(
    "a request arrives as it was, and so does its answer", arguments: [0, 1, 100_000, 2_000_000])
  func carried(size: Int) async throws {
    let (identity, role) = (try TestIdentity(), TestRole())
    let request = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    try await TestServer.run(identity, role, kind: .cloud) { server in
      let courier = HTTPCourier.to(server.location(identity.pin))
      let reply = await courier.outcome(request).reply
      #expect(reply?.count == size && reply?.elementsEqual(request.reversed()) == true)
      let arrived = role.received.first?.bytes.elementsEqual(request)
      #expect(role.received.count == 1 && arrived == true)
      #expect(role.received.map(\.sender) == ["127.0.0.1"])
      await courier.shutDown()
    }
  }

  @Test("[attack] a server with another key is sent nothing, whatever its certificate says")
  func otherKey() async throws {
    let own = try TestIdentity()
    // For the same name; one that says to be valid longer; another one's pin beside.
    for identity in [try TestIdentity(), try TestIdentity(days: (-9, 900))] {
      let role = TestRole()
      try await TestServer.run(identity, role) { server in
        for pins in [[own.pin], [own.pin, Digest32.zero]] {
          let location = Members.Location(addresses: [server.address], pins: pins)
          let outcome = await send(location, count: 2)
          #expect(outcome.map(\.code) == ["unreachable", "unreachable"])
          #expect(outcome[0].message.contains("\(identity.pin)"))
        }
        #expect(role.received.isEmpty)
      }
    }
  }

  @Test(
    "a renewed certificate, an expired one, another name or authority: the key is what counts")
  func renewed() async throws {
    let key = P256.Signing.PrivateKey()
    let pin = try TestIdentity(key).pin
    for identity in [
      try TestIdentity(key), try TestIdentity(key, days: (-30, -3)),
      try TestIdentity(key, name: "elsewhere"),
    ] {
      let role = TestRole()
      try await TestServer.run(identity, role) { server in
        // As the first pin, and as the second.
        for pins in [[pin], [Digest32.zero, pin]] {
          let location = Members.Location(addresses: [server.address], pins: pins)
          #expect(await send(location)[0].reply == [0, 2, 1])
        }
      }
    }
  }

  @Test("[attack] without a key on the ledger, or without https, nothing is sent")
  func noKey() async throws {
    let (identity, role) = (try TestIdentity(), TestRole())
    try await TestServer.run(identity, role) { server in
      let plain = "http://127.0.0.1:\(server.port)"
      let locations: [Members.Location?] = [
        nil, Members.Location(addresses: [server.address], pins: []),
        Members.Location(addresses: [], pins: [identity.pin]),
        Members.Location(addresses: [plain, "ftp://x", "https:/"], pins: [identity.pin]),
      ]
      for location in locations {
        #expect(await send(location)[0].code == "unreachable", "\(location?.addresses ?? [])")
      }
      let courier = HTTPCourier.to(server.location(identity.pin))
      for name in ["", "..", "a/b", "A", "a?x", String(repeating: "a", count: 65), "a\r\nx"] {
        #expect(await courier.outcome([1], to: name).code == "unreachable")
      }
      await courier.shutDown()
      #expect(role.received.isEmpty)
    }
  }

  @Test(
    "where one address does not answer, the next is asked; what may have arrived is not sent again"
  )
  func addresses() async throws {
    let (identity, role) = (try TestIdentity(), TestRole())
    let slow = TestRole { _ in
      try? await Task.sleep(for: .seconds(30))
      return []
    }
    try await TestServer.run(identity, role) { server in
      let dead = Members.Location(
        addresses: ["https://127.0.0.1:1", server.address], pins: [identity.pin])
      let outcome = await send(dead)[0]
      #expect(outcome.reply == [0, 2, 1], "\(outcome.message)")
      // Another key is as good as nobody.
      try await TestServer.run(try TestIdentity(), TestRole()) { foreign in
        let location = Members.Location(
          addresses: [foreign.address, server.address], pins: [identity.pin])
        #expect(await send(location)[0].reply == [0, 2, 1])
      }
      #expect(role.received.count == 2)
      try await TestServer.run(identity, slow) { silent in
        let location = Members.Location(
          addresses: [silent.address, server.address], pins: [identity.pin])
        var timeouts = HTTPCourier.Timeouts()
        timeouts.exchange = 1
        #expect(await send(location, timeouts: timeouts)[0].code == "unreachable")
        #expect(slow.received.count == 1)
      }
      #expect(role.received.count == 2)
    }
  }

  @Test("[attack] an answer without end is not read to its end")
  func longAnswer() async throws {
    let identity = try TestIdentity()
    let role = TestRole { _ in [UInt8](repeating: 7, count: MessageLimits.message + 1) }
    try await TestServer.run(identity, role) { server in
      let outcome = await send(server.location(identity.pin))[0]
      #expect(outcome.code == "unreachable")
      #expect(outcome.message.contains("too long"))
    }
  }

  @Test("when the ledger names another key, connections to the former one are not used any more")
  func changedPins() async throws {
    let (first, role) = (try TestIdentity(), TestRole())
    try await TestServer.run(first, role) { server in
      let place = Place(server.location(first.pin))
      let courier = HTTPCourier { _ in await place.location }
      #expect(await courier.outcome([1]).reply == [1])
      await place.set(server.location(.zero))
      #expect(await courier.outcome([2]).code == "unreachable")
      await place.set(server.location(first.pin))
      #expect(await courier.outcome([3]).reply == [3])
      #expect(role.received.map(\.bytes) == [[1], [3]])
      await courier.shutDown()
    }
  }

  private actor Place {
    private(set) var location: Members.Location
    init(_ location: Members.Location) { self.location = location }
    func set(_ location: Members.Location) { self.location = location }
  }
}
