import CanonicalEncoding
import Credentials
package import Ledger

/// How a party agrees to a motion that would list it, or have it confirm a chain (specification 6.13).
extension LedgerNode {
  /// Agrees as the party whose node this is.
  ///
  /// - Parameter signer: the organisation that is to sign the motion.
  /// - Throws: the ``Refusal`` of a motion that cannot be put; ``ConsortiumError`` `not-entitled` if this party
  ///   has nothing to agree to in it, or not with a key that it has.
  package func consent(to motion: Motion, by signer: String) async throws -> Motion.Consent {
    try await catchUp()
    let consortium = consortium
    let wanted = try consortium.preview(of: motion.changes).consents[id]
    let keys = identity.identities(in: try consortium.nextMembers)
    guard let key = keys.first(where: { $0.publicKey == wanted }) else {
      throw ConsortiumError(
        .notEntitled,
        wanted == nil
          ? "the motion asks nothing of \(id)"
          : "the motion has a key in it that \(id) has not, as its identity key")
    }
    return Motion.Consent(
      party: id, signature: key.sign(motion.statement(genesis: genesis.digest, signer: signer)))
  }
}

extension CloudServer {
  /// As ``LedgerNode/consent(to:by:)``, where the cosigning keys in the motion are this cloud's own.
  package func consent(to motion: Motion, by signer: String) async throws -> Motion.Consent {
    for case .assignCloud(let assigned) in motion.changes where assigned.cloud == id {
      guard keys.publicKey(.cosigner(assigned.hospital)) == assigned.cosigningKey else {
        throw ConsortiumError(
          .notEntitled,
          "this is not the key that \(id) has made for the chain of \(assigned.hospital)")
      }
    }
    return try await node.consent(to: motion, by: signer)
  }
}
