import Consortium
import Foundation
import Ledger

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
  let disk: DiskGuard

  func report() async -> Report {
    var failed = disk.failedChecks
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

extension DiskGuard {
  /// None while there is room.
  var failedChecks: [Health.FailedCheck] {
    refusal.map { [Health.FailedCheck(component: "disk", reason: $0)] } ?? []
  }
}
