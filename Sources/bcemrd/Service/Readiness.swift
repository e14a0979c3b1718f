import Consortium
import EtcdBackend
import Foundation
import Ledger

/// Whether the roles of this machine are where the others are: by how many leaves they are behind the newest
/// position that is known, and not by a flag that somebody has set once. Nor are they ready while the disk has no
/// room, or nothing they try ends well, so that nobody is sent to who takes nothing.
struct Readiness: Sendable {
  /// What others have shown longer ago does not count, in seconds.
  static let shownWithin: UInt64 = 120

  struct Report: Encodable, Sendable {
    struct Chain: Encodable, Sendable {
      let chain: String
      let held: UInt64
      /// Null while too few others have shown theirs.
      let newest: UInt64?
      let behind: UInt64?
    }

    struct Role: Encodable, Sendable {
      let ready: Bool
      let chains: [Chain]
      /// Why it is not.
      let reasons: [String]
    }

    let ready: Bool
    /// From how many leaves behind on a role is not ready.
    let limit: UInt64
    let roles: [String: Role]
  }

  let drivers: [RoleDriver]
  let settings: LiveSettings
  let disk: DiskGuard
  /// Of a hospital with several machines.
  let tenure: Tenure?

  func report() async -> Report {
    let (limit, patience) = (settings.present.readyBehind, settings.present.readyStalled)
    let refusal = disk.refusal
    var roles: [String: Report.Role] = [:]
    for driver in drivers {
      let chains = await Self.standings(of: driver.role)
      var reasons = refusal.map { ["disk: \($0)"] } ?? []
      if let silence = tenure?.silence {
        reasons.append(
          "etcd: silent for \(silence.components.seconds) seconds; another machine may write")
      }
      let last = driver.last
      if last.stalled > patience {
        let why = last.failure.map { ": \($0)" } ?? ""
        reasons.append("for \(last.stalled) seconds nothing ended well\(why)")
      }
      for chain in chains {
        switch chain.behind {
        case nil:
          reasons.append("\(chain.chain): too few others show how far they are")
        case let behind? where behind > limit:
          reasons.append("\(chain.chain): \(behind) leaves behind")
        default: break
        }
      }
      roles[driver.role.id] = Report.Role(
        ready: reasons.isEmpty,
        chains: chains.map {
          .init(chain: $0.chain, held: $0.held, newest: $0.newest, behind: $0.behind)
        },
        reasons: reasons)
    }
    return Report(ready: roles.values.allSatisfy(\.ready), limit: limit, roles: roles)
  }

  /// Of the consortium chain, then of those of hospitals that the role writes or keeps.
  static func standings(of role: any DrivenRole) async -> [ChainStanding] {
    let consortium =
      (try? await role.node.standing(shownWithin: shownWithin))
      ?? ChainStanding(chain: ChainName.consortium, held: 0, newest: nil)
    // The manager comes to the newest anchor of a hospital's chain before it decides anything by it, and does not
    // follow it in between: that it is behind then is nothing that anybody has to look at.
    if role is SystemManager { return [consortium] }
    return [consortium] + (await (role as? any ChainHolder)?.hospitalChains() ?? [])
  }
}
