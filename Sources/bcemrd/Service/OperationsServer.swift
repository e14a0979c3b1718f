import ArgumentParser
import Consortium
import Foundation
import Hummingbird
import Ledger
import Logging
import ServiceLifecycle

/// What an operator's own programs ask, on a port that nobody else reaches.
struct OperationsServer: Service {
  let listen: DaemonConfiguration.Listen
  let health: Health
  let logger: Logger

  func run() async throws {
    let router = Router()
    router.get("health") { [health] _, _ in
      let report = await health.report()
      return try Self.response(report, report.failedChecks.isEmpty ? .ok : .serviceUnavailable)
    }
    router.get("version") { _, _ in
      try Self.response(["version": BCEMRD.configuration.version], .ok)
    }
    let application = Application(
      router: router,
      configuration: .init(address: .hostname(listen.host, port: listen.port), serverName: nil),
      logger: logger)
    try await application.run()
  }

  private static func response(
    _ value: some Encodable, _ status: HTTPResponse.Status
  ) throws -> Response {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return Response(
      status: status, headers: [.contentType: "application/json"],
      body: .init(byteBuffer: ByteBuffer(bytes: try encoder.encode(value))))
  }
}

/// How the roles of this machine do.
struct Health: Sendable {
  struct FailedCheck: Encodable, Sendable {
    let component: String
    let reason: String
  }

  struct Position: Encodable, Sendable {
    /// The height of the next block of the consortium chain, and its leaves that are final.
    let height: UInt64
    let leaves: UInt64
    /// Ledger time.
    let time: UInt64
  }

  struct Report: Encodable, Sendable {
    let status: String
    let time: String
    let failedChecks: [FailedCheck]
    let roles: [String: Position]
  }

  let drivers: [RoleDriver]

  func report() async -> Report {
    var failed: [FailedCheck] = []
    var roles: [String: Position] = [:]
    for driver in drivers {
      let id = driver.role.id
      let (consortium, contradictions) = (
        await driver.role.node.consortium, await driver.role.node.contradictions
      )
      roles[id] = Position(
        height: consortium.height, leaves: consortium.size, time: consortium.time)
      if let failure = driver.last.failure {
        failed.append(FailedCheck(component: id, reason: failure))
      }
      if !contradictions.isEmpty {
        failed.append(
          FailedCheck(
            component: id, reason: "it has cosigned \(contradictions.count) other checkpoints"))
      }
    }
    return Report(
      status: failed.isEmpty ? "ok" : "failing", time: Date().formatted(.iso8601),
      failedChecks: failed, roles: roles)
  }
}
