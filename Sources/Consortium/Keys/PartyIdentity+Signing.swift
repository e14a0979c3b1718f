import Credentials
import Ledger

extension PartyIdentity {
  /// Asks somebody who may know another key of this party than it knows itself: one of the two has been
  /// away for an epoch.
  ///
  /// - Throws: what `ask` throws last.
  func signing<Reply: Sendable>(
    in members: ValidMembers, _ ask: (IdentityKey) async throws -> Reply
  ) async throws -> Reply {
    let keys = identities(in: members)
    for key in keys.dropLast() {
      do {
        return try await ask(key)
      } catch let error as ConsortiumError where error.code == .unauthenticated {
        continue
      }
    }
    return try await ask(keys[keys.count - 1])
  }
}
