package import CanonicalEncoding
import Credentials
import Synchronization

/// The keys of this week that others seal to, as they have signed them.
///
/// None is kept across a restart: it is one question to each whom a role has something to say.
package final class PeerEnvelopeKeys: Sendable {
  /// So many are remembered; then all are asked for again.
  private static let limit = 1 << 12

  private let genesis: Digest32
  private let requests: RequestClient
  private let clock: @Sendable () -> UInt64
  /// A statement, and by whose key it is signed, so that it is checked once.
  private struct Known {
    let statement: EnvelopeKey
    let signer: [UInt8]
  }

  private let known = Mutex<[String: Known]>([:])

  package init(genesis: Digest32, requests: RequestClient, clock: @escaping @Sendable () -> UInt64)
  {
    (self.genesis, self.requests, self.clock) = (genesis, requests, clock)
  }

  /// - Parameters:
  ///   - isRenewed: whether to ask for what is newer.
  ///   - identities: the peer's Ed25519 keys, as the ledger has them; any of them may have signed.
  /// - Throws: ``ConsortiumError`` `unreachable` if the peer shows no key that counts now.
  package func contact(
    _ id: String, isRenewed: Bool,
    signedBy identities: @Sendable (_ isRenewed: Bool) async throws -> [[UInt8]]
  ) async throws -> Contact {
    // Nobody is asked whom the ledger does not know.
    var keys = try await identities(isRenewed)
    // What a key has signed that its owner has given up since may be a thief's.
    if !isRenewed, let kept = known.withLock({ $0[id] }), kept.statement.counts(at: clock()),
      keys.contains(kept.signer)
    {
      return Contact(id: id, agreementKey: kept.statement.key)
    }
    let statement = try await requests.askBare(FetchEnvelopeKey(), of: id)
    var signer = signer(of: statement, among: keys)
    if !isRenewed, signer == nil {
      // It may sign with another key by now.
      keys = try await identities(true)
      signer = self.signer(of: statement, among: keys)
    }
    let key = statement.object
    // A courier can show an older one whose time is not over, and whose owner still opens with it.
    guard let signer, key.genesis == genesis, key.owner == id, key.counts(at: clock()) else {
      throw ConsortiumError(.unreachable, "\(id) shows no key of its own that counts now")
    }
    known.withLock { known in
      if known.count >= Self.limit { known = [:] }
      known[id] = Known(statement: key, signer: signer)
    }
    return Contact(id: id, agreementKey: key.key)
  }

  private func signer(of statement: Signed<EnvelopeKey>, among keys: [[UInt8]]) -> [UInt8]? {
    keys.first { (try? statement.verified(by: $0)) != nil }
  }
}
