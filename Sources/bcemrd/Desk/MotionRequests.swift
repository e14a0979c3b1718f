import CanonicalEncoding
import Consortium
import Credentials
import DeskInterface
import Ledger

/// Makes the key with which a cloud is to confirm the chain of a hospital.
struct ConfirmChain: HandledRequest {
  static let name = "confirm-chain"

  var role: String?
  var hospital: String

  struct Answer: DeskAnswer {
    var hospital: String
    var cloud: String
    /// Ed25519, in hexadecimal.
    var key: String

    var assignment: String { "\(hospital):\(cloud):\(key)" }

    var lines: [String] {
      [
        "\(cloud) is ready to confirm the chain of \(hospital); give this to who proposes it:",
        "--cloud \(assignment)",
      ]
    }
  }

  func perform(at desk: Desk) async throws -> Answer {
    try Identifiers.check(hospital, "confirm-chain")
    let cloud = try desk.cloud(role)
    var randomness: Randomness = SystemRandomNumberGenerator()
    let key = try await cloud.makeCosigner(for: hospital, using: &randomness)
    return Answer(hospital: hospital, cloud: cloud.id, key: key.hex)
  }
}

/// Agrees to a motion in the name of a role.
struct AgreeToMotion: HandledRequest {
  static let name = "agree"

  var role: String?
  var draft: MotionDraft

  struct Answer: DeskAnswer {
    var party: String
    /// In hexadecimal.
    var signature: String

    var lines: [String] { ["\(party) agrees to it; the agreement is in the file"] }
  }

  func perform(at desk: Desk) async throws -> Answer {
    let role = try desk.role(role)
    let motion = try draft.content()
    guard draft.genesis == "\(role.node.genesis.digest)", motion.consents.isEmpty,
      ValidGenesis.isIdentifier(draft.organisation)
    else {
      throw DaemonFailure(.badInput, "this is no draft for this ledger", code: "other-ledger")
    }
    let consent =
      if let cloud = role as? CloudServer {
        try await cloud.consent(to: motion, by: draft.organisation)
      } else {
        try await role.node.consent(to: motion, by: draft.organisation)
      }
    return Answer(party: consent.party, signature: consent.signature.hex)
  }
}
