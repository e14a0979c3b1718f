import ArgumentParser
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle

/// What an operator's own programs ask, on a port that nobody else reaches.
struct OperationsServer: Service {
  let listen: DaemonConfiguration.Listen
  let health: Health
  let readiness: Readiness
  let metrics: Metrics
  let logger: Logger

  func run() async throws {
    let router = Router()
    router.get("health") { [health] _, _ in
      let report = await health.report()
      return try Self.response(report, report.failedChecks.isEmpty ? .ok : .serviceUnavailable)
    }
    router.get("ready") { [readiness] _, _ in
      let report = await readiness.report()
      return try Self.response(report, report.ready ? .ok : .serviceUnavailable)
    }
    router.get("metrics") { [metrics] _, _ in
      Self.response(await metrics.text())
    }
    router.get("version") { _, _ in
      try Self.response(["version": BCEMRD.configuration.version], .ok)
    }
    try await Self.serve(router, on: listen, logger)
  }

  /// Answers on the operations port until the daemon stops.
  ///
  /// - Throws: ``DaemonFailure``
  static func serve(
    _ router: Router<BasicRequestContext>, on listen: DaemonConfiguration.Listen, _ logger: Logger
  ) async throws {
    let application = Application(
      router: router,
      configuration: .init(address: .hostname(listen.host, port: listen.port), serverName: nil),
      onServerRunning: { _ in
        logger.info("listens", metadata: ["for": "operations", "port": "\(listen.port)"])
      },
      logger: logger.ofServer)
    do {
      try await application.run()
    } catch {
      throw DaemonFailure(listening: listen, "operations.port", error)
    }
  }

  /// Measurements, for Prometheus.
  static func response(_ text: String) -> Response {
    Response(
      status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
      body: .init(byteBuffer: ByteBuffer(string: text)))
  }

  static func response(
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
