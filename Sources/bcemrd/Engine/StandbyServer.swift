import ArgumentParser
import EtcdBackend
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle

/// The operations port of a machine that waits: it is well, and not ready.
struct StandbyServer: Service {
  private struct Report: Encodable {
    let status: String
    let time: String
    let failedChecks: [Health.FailedCheck]
    let roles: [String: Health.Position] = [:]
    /// Which machine writes; null while that is not known.
    let writer: String?
  }

  private struct Refusal: Encodable {
    let ready = false
    let limit: UInt64
    let roles: [String: Readiness.Report.Role] = [:]
    let reasons = ["standby"]
    let writer: String?
  }

  let configuration: DaemonConfiguration
  let upkeep: Upkeep
  let standby: Standby
  let logger: Logger

  func run() async throws {
    let router = Router()
    router.get("health") { [standby, upkeep] _, _ in
      // That it cannot follow is no reason to end it.
      let failed =
        upkeep.disk.failedChecks
        + (standby.failure.map { [.init(component: "standby", reason: $0)] } ?? [])
      return try OperationsServer.response(
        Report(
          status: failed.isEmpty ? "ok" : "failing", time: Date().formatted(.iso8601),
          failedChecks: failed, writer: standby.writer?.name), .ok)
    }
    router.get("ready") { [standby, configuration] _, _ in
      try OperationsServer.response(
        Refusal(limit: configuration.readyBehind, writer: standby.writer?.name),
        .serviceUnavailable)
    }
    router.get("metrics") { [upkeep] _, _ in
      OperationsServer.response(
        upkeep.metrics {
          $0.add("bcemr_engine_standby", .gauge, "Whether another machine writes: 1.", 1)
        })
    }
    router.get("version") { _, _ in
      try OperationsServer.response(["version": BCEMRD.configuration.version], .ok)
    }
    try await OperationsServer.serve(router, on: configuration.operations, logger)
  }
}
