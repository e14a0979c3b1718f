import Consortium
import DeskInterface
import Foundation

/// A request to the desk of this daemon.
protocol HandledRequest: DeskRequest {
  /// Whether there is more to keep by it.
  static var stores: Bool { get }

  /// - Throws: ``DaemonFailure``, and what the role throws.
  func perform(at desk: Desk) async throws -> Answer
}

extension HandledRequest {
  static var stores: Bool { true }
}

/// The roles of this machine, as the desk asks them.
struct Desk: Sendable {
  let roles: [any DrivenRole]
  let disk: DiskGuard

  /// - Parameter id: nil for the one that there is.
  /// - Throws: ``DaemonFailure`` `no-such-role`.
  func hospital(_ id: String?) throws(DaemonFailure) -> HospitalServer {
    try Self.one(of: roles.compactMap { $0 as? HospitalServer }, id, "hospital")
  }

  /// The same of a cloud.
  func cloud(_ id: String?) throws(DaemonFailure) -> CloudServer {
    try Self.one(of: roles.compactMap { $0 as? CloudServer }, id, "cloud")
  }

  /// The same of any kind.
  func role(_ id: String?) throws(DaemonFailure) -> any DrivenRole {
    try Self.one(of: roles, id, "role")
  }

  private static func one<Role>(
    of roles: [Role], _ id: String?, _ what: String
  ) throws(DaemonFailure) -> Role {
    func name(_ role: Role) -> String { (role as? any DrivenRole)?.id ?? "" }
    let named = roles.filter { id == nil || name($0) == id }
    guard let role = named.first, named.count == 1 else {
      let names = roles.map(name).joined(separator: ", ")
      throw DaemonFailure(
        .badInput,
        roles.isEmpty
          ? "no \(what) runs in this daemon"
          : id.map { "no \(what) called \($0) runs in this daemon" }
            ?? "several of them run in this daemon",
        code: "no-such-role", hint: roles.isEmpty ? nil : "name one by --role: \(names)")
    }
    return role
  }
}

extension Date {
  /// - Parameter seconds: since 1970.
  static func text(_ seconds: UInt64) -> String {
    Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
  }
}
