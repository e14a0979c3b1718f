import CanonicalEncoding
import Consortium
import DeskInterface
import Ledger

/// Takes new keys of a role, which count from the next epoch on.
struct RotateKeys: HandledRequest {
  static let name = "rotate-keys"

  var role: String?
  /// As `identity`; empty for all that the role may change by itself.
  var uses: [String]

  struct Answer: DeskAnswer {
    var role: String
    var uses: [String]
    /// From which height on the new keys count.
    var fromHeight: UInt64

    var lines: [String] {
      ["\(role): new keys for \(uses.joined(separator: ", ")) from height \(fromHeight) on"]
    }
  }

  func perform(at desk: Desk) async throws -> Answer {
    let role = try desk.role(role)
    let node = role.node
    let all = KeyUse.all(of: try await node.members.party(role.id))
    let asked = uses.isEmpty ? all : all.filter { uses.contains($0.name) }
    guard asked.count == (uses.isEmpty ? all.count : Set(uses).count), !asked.isEmpty else {
      throw DaemonFailure(
        .badInput, "\(role.id) has no such key, or does not change it by itself",
        code: "bad-use", hint: "one of: \(all.map(\.name).sorted().joined(separator: ", "))")
    }
    try await role.rotateKeys(asked)
    return Answer(
      role: role.id, uses: asked.map(\.name).sorted(), fromHeight: try await node.nextEpochHeight)
  }
}

/// Gives up the keys with which a delegate decides and confirms blocks, and takes others: for a disk that was
/// put back.
struct RenounceVotes: HandledRequest {
  static let name = "renounce-votes"

  var role: String?

  func perform(at desk: Desk) async throws -> DeskDone {
    let role = try desk.role(role)
    var randomness: Randomness = SystemRandomNumberGenerator()
    switch role {
    case let role as HospitalServer: try await role.renounceVotes()
    case let role as CloudServer: try await role.renounceVotes(using: &randomness)
    default: throw DaemonFailure(.badInput, "\(role.id) decides no blocks", code: "no-delegate")
    }
    return DeskDone(changed: true)
  }
}

extension LedgerNode {
  /// The first height of the next epoch, which members' changes count from.
  fileprivate var nextEpochHeight: UInt64 {
    get throws {
      let length = genesis.content.epochLength
      return (genesis.epoch(ofHeight: consortium.height) + 1) * length
    }
  }
}
