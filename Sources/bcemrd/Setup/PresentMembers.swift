import Foundation
import Ledger
import SQLiteBackend

/// Who takes part, as a machine knows without asking anybody.
struct PresentMembers {
  let members: ValidMembers
  /// The height of the next block there; nil of who has no replay yet, and goes by the genesis.
  let height: UInt64?

  /// By the newest replay among those of the roles, also while the daemon runs.
  init(_ configuration: DaemonConfiguration, _ genesis: ValidGenesis) throws {
    do {
      try self.init(reading: configuration, genesis)
    } catch {
      // A block may have been committed between two reads; not twice within a moment.
      try self.init(reading: configuration, genesis)
    }
  }

  private init(reading configuration: DaemonConfiguration, _ genesis: ValidGenesis) throws {
    var newest: ConsortiumView?
    for role in configuration.roles {
      let path = "\(configuration.data)/\(role)/chains/\(ChainName.consortium).sqlite"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let view = try ConsortiumView(
        genesis: genesis, store: SQLiteStateStore(readingFrom: path))
      if view.height >= newest?.height ?? 0 { newest = view }
    }
    members = try newest?.members ?? genesis.members
    height = newest?.height
  }
}
