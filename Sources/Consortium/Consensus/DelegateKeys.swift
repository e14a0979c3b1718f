package import Credentials
package import Ledger
package import TransparencyLog

/// What a delegate signs with, as the set of an epoch has it.
package protocol DelegateKeys: PartyIdentity {
  /// The key of a seat, which signs proposals, prepares and commits.
  ///
  /// - Returns: nil for a key that this party has not, or has no more.
  func votingKey(_ publicKey: [UInt8]) -> IdentityKey?
  /// The key that cosigns checkpoints of the consortium chain, if one of these is this party's.
  func cosigner(among verifiers: [CosignerVerifier]) -> CosignerKey?
}

extension Delegate {
  /// One key for each use.
  package struct Keys: DelegateKeys {
    package let identity: IdentityKey
    package let voting: IdentityKey
    package let cosigner: CosignerKey

    package init(identity: IdentityKey, voting: IdentityKey, cosigner: CosignerKey) {
      (self.identity, self.voting, self.cosigner) = (identity, voting, cosigner)
    }

    package func identity(in members: ValidMembers) -> IdentityKey { identity }
    package func identities(in members: ValidMembers) -> [IdentityKey] { [identity] }

    package func votingKey(_ publicKey: [UInt8]) -> IdentityKey? {
      voting.publicKey == publicKey ? voting : nil
    }

    package func cosigner(among verifiers: [CosignerVerifier]) -> CosignerKey? {
      verifiers.contains(cosigner.verifier) ? cosigner : nil
    }
  }
}
