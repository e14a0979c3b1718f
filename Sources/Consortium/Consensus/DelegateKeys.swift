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
