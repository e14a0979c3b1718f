import AsyncHTTPClient
import CanonicalEncoding
import Consortium
import Foundation
import HTTPTransport
import Ledger
import NIOCore
import NIOPosix

/// Who has the ports of a configuration: nobody, the daemon of its data folder, or somebody else.
struct PortCheck {
  let configuration: DaemonConfiguration
  /// Whether a process that writes, as the daemon is, works with the data folder.
  let isRunning: Bool
  /// Of the TLS key; nil where it cannot be read.
  let pin: Digest32?

  /// For how many seconds whoever has a port may say nothing.
  private static let patience: Int64 = 10

  /// - Returns: what was seen at the port for other members.
  /// - Throws: ``DaemonFailure`` if somebody else has it, or the daemon runs, is ready, and is not there.
  func listening() async throws -> String {
    let listen = configuration.listen
    let place = "\(listen.host):\(listen.port)"
    guard try await isTaken(listen, "listen.port") else {
      guard isRunning else { return "\(place): free" }
      // Who waits to be listed, or for another machine to end, is not there yet.
      guard let standing = await standing(), !standing.ready else {
        throw absent(place, "listen.port")
      }
      return "\(place): free; the daemon of this folder runs, and waits before it listens here"
    }
    guard isRunning else { throw taken(listen, "listen.port") }
    guard let pin else {
      return
        "\(place): somebody listens here; by the TLS key, which cannot be read, it would be known"
    }
    guard await answers(with: pin) else { throw unanswered(place, "listen.port") }
    return "\(place): the daemon of this folder listens here"
  }

  /// - Returns: what was seen at the port of health and metrics.
  /// - Throws: ``DaemonFailure`` if somebody else has it, or the daemon runs and is not there.
  func operations() async throws -> String {
    let listen = configuration.operations
    let place = "\(listen.host):\(listen.port)"
    guard try await isTaken(listen, "operations.port") else {
      guard isRunning else { return "\(place): free" }
      throw absent(place, "operations.port")
    }
    guard isRunning else { throw taken(listen, "operations.port") }
    guard await standing() != nil else { throw unanswered(place, "operations.port") }
    return "\(place): the daemon of this folder listens here"
  }

  /// - Throws: ``DaemonFailure`` if nobody can listen there.
  private func isTaken(
    _ listen: DaemonConfiguration.Listen, _ key: String
  ) async throws -> Bool {
    do {
      let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        // What a daemon has left behind that has just ended is in nobody's way.
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .bind(host: listen.host, port: listen.port).get()
      try await channel.close()
      return false
    } catch {
      if (error as? IOError)?.errnoCode == EADDRINUSE { return true }
      throw DaemonFailure(listening: listen, key, error)
    }
  }

  private func taken(_ listen: DaemonConfiguration.Listen, _ key: String) -> DaemonFailure {
    DaemonFailure(listening: listen, key, IOError(errnoCode: EADDRINUSE, reason: "bind"))
  }

  private func unanswered(_ place: String, _ key: String) -> DaemonFailure {
    DaemonFailure(
      .checkFailed,
      "\(place): somebody listens, and does not answer as the daemon of this folder, which runs",
      code: "not-answering",
      hint:
        "it may hang, or wait for its disk: its log says more; or another program has this \(key)")
  }

  private func absent(_ place: String, _ key: String) -> DaemonFailure {
    DaemonFailure(
      .checkFailed, "\(place): free, though the daemon of this folder runs",
      code: "not-listening",
      hint:
        "it may be about to begin; or it was started with another \(key), and has to be restarted")
  }

  // MARK: Who it is

  /// Whether who has the port has the TLS key of this machine, and answers for one of its roles.
  private func answers(with pin: Digest32) async -> Bool {
    guard let id = configuration.roles.first else { return false }
    let location = Members.Location(
      addresses: ["https://\(Self.near(configuration.listen))"], pins: [pin])
    var timeouts = HTTPCourier.Timeouts()
    (timeouts.connection, timeouts.exchange) = (Self.patience, Self.patience)
    let courier = HTTPCourier(timeouts: timeouts) { _ in location }
    let answered = try? await RequestClient(courier: courier, sender: id)
      .ask(FetchEnvelopeKey(), of: id)
    await courier.shutDown()
    return answered != nil
  }

  private struct Standing: Decodable {
    struct Role: Decodable {}

    let ready: Bool
    let roles: [String: Role]
  }

  /// What a daemon of these roles says of itself; nil where none does.
  private func standing() async -> Standing? {
    let client = HTTPClient(eventLoopGroupProvider: .singleton)
    let answer = try? await client.execute(
      HTTPClientRequest(url: "http://\(Self.near(configuration.operations))/ready"),
      timeout: .seconds(Self.patience))
    let body = try? await answer?.body.collect(upTo: 1 << 20)
    try? await client.shutdown()
    guard let body,
      let standing = try? JSONDecoder().decode(Standing.self, from: Data(body.readableBytesView)),
      standing.roles.keys.allSatisfy(configuration.roles.contains)
    else { return nil }
    return standing
  }

  /// Where this machine reaches its own port.
  private static func near(_ listen: DaemonConfiguration.Listen) -> String {
    let host =
      switch listen.host {
      case "0.0.0.0": "127.0.0.1"
      case "::": "::1"
      default: listen.host
      }
    return host.contains(":") ? "[\(host)]:\(listen.port)" : "\(host):\(listen.port)"
  }
}
