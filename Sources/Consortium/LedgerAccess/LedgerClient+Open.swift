import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Synchronization

/// How a supernode is asked what anybody may ask it.
enum OpenWay {
  /// In an envelope, wherever it is proven who the supernode is: the answer is its own, and of now.
  case sealed
  /// As it is: whoever is between may give an old answer, of anybody. For finding out who it is.
  case bare
}

/// By what a supernode knows who asks: nobody else's questions are counted against it there.
protocol KnownToSupernodes: AnyObject, Sendable {
  /// As whom a supernode may know the asker, the likeliest first; each is one principal, with its keys.
  ///
  /// - Throws: ``StoreError``.
  func standings(at supernode: String) async throws -> [[Author]]
}

/// Who a client asks for.
final class ClientOwner: Sendable {
  private struct Reference { weak var owner: (any KnownToSupernodes)? }
  private let reference = Mutex(Reference())

  var owner: (any KnownToSupernodes)? {
    get { reference.withLock { $0.owner } }
    set { reference.withLock { $0.owner = newValue } }
  }
}

/// What anybody may ask a supernode.
extension LedgerClient {
  /// Asks a supernode, by a key that is drawn for this question, so that nobody links it with another.
  ///
  /// Where that one has no time for strangers, as while somebody behind the same router asks without end, it is
  /// asked by who the owner is to it already: a patient of its visits, a doctor, who has a ticket of its own. It
  /// learns then who asks, and nobody else does.
  ///
  /// Somebody who is no member by all that it shows has no key that is proven, and is asked without a seal: it
  /// follows the consortium chain no more, or not yet, and says nothing of now.
  /// - Throws: ``ConsortiumError``, the supernode's own, or `unreachable`, also where its key cannot be checked.
  func askOpen<Request: RoleRequest>(
    _ request: Request, of supernode: String, _ way: OpenWay = .sealed
  ) async throws -> Request.Reply {
    guard way == .sealed, try await isMember(supernode) else {
      return try await requests.askBare(request, of: supernode)
    }
    let way = SealedRequestClient(
      genesis: genesis.digest, requests: requests, contacts: ProvenSupernodes(client: self),
      clock: clock)
    do {
      return try await way.ask(request, of: supernode, by: [Self.freshAuthor()])
    } catch let busy as ConsortiumError where busy.code == .busy {
      for authors in try await owner.owner?.standings(at: supernode) ?? [] {
        do {
          return try await way.ask(request, of: supernode, by: authors)
        } catch let error as ConsortiumError where [.busy, .unreachable].contains(error.code) {
          continue
        }
      }
      throw busy
    }
  }

  private func isMember(_ supernode: String) async throws -> Bool {
    if currentMembers().identityKey(of: supernode) != nil { return true }
    // One that is new shows itself.
    try await learnMembers(from: supernode)
    return currentMembers().identityKey(of: supernode) != nil
  }

  @inline(never)
  private static func freshAuthor() throws -> Author {
    var generator = SystemRandomNumberGenerator()
    let key = try IdentityKey(seed: generator.bytes(32))
    return Author(.key(key.publicKey), key)
  }

  /// To what an envelope to a supernode is sealed. Nobody is asked in an envelope for that: where the key that
  /// it shows is not signed by the one that is known here, it may have another by now, and shows so itself.
  fileprivate func supernodeContact(_ id: String, isRenewed: Bool) async throws -> Contact {
    try await peers.contact(id, isRenewed: isRenewed) { isRenewed in
      try await self.learnNewer(from: id, isRenewed: isRenewed)
      guard let key = await currentMembers().identityKey(of: id) else {
        throw ConsortiumError(.unreachable, "there is no supernode \(id)")
      }
      return [key]
    }
  }
}

/// Supernodes, found without asking anybody in an envelope.
private struct ProvenSupernodes: Contacts {
  let client: LedgerClient

  func contact(_ id: String, isRenewed: Bool) async throws -> Contact {
    try await client.supernodeContact(id, isRenewed: isRenewed)
  }
}
