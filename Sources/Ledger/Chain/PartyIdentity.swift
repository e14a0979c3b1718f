package import Credentials

/// With which key a party signs: it may have taken another, which counts from an epoch on (specification
/// 6.13).
package protocol PartyIdentity: Sendable {
  /// The identity key with which this party signs what these members judge.
  func identity(in members: ValidMembers) -> IdentityKey
  /// The same first, then the others that it has: for who cannot know which of them others expect.
  func identities(in members: ValidMembers) -> [IdentityKey]
}

/// One that stays the same.
extension IdentityKey: PartyIdentity {
  package func identity(in members: ValidMembers) -> IdentityKey { self }
  package func identities(in members: ValidMembers) -> [IdentityKey] { [self] }
}
