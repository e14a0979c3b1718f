import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// Who others are, as this node's replay has it, and requests to them in this party's name.
extension LedgerNode: Contacts {
  package func contact(_ id: String, isRenewed: Bool) async throws -> Contact {
    try await peers.contact(id, isRenewed: isRenewed) {
      guard let author = try await known(id, isRenewed: $0) else {
        throw ConsortiumError(.unreachable, "there is nobody called \(id)")
      }
      return author.keys
    }
  }

  /// A member or a doctor; others may be an epoch behind, or ahead.
  func known(_ id: String, isRenewed: Bool) async throws -> KnownAuthor? {
    if isRenewed { try await catchUp() }
    let sets = try neighbouringMembers
    let keys = Set(sets.compactMap { $0.identityKey(of: id) })
    if let kind = sets.lazy.compactMap({ $0.authorKind(of: id) }).first {
      return KnownAuthor(kind, Array(keys))
    }
    return try consortium.finalDoctor(id).map { KnownAuthor(.doctor, [$0.identityKey]) }
  }

  /// Asks somebody in an envelope, as this party.
  ///
  /// - Throws: as ``SealedRequestClient/ask(_:of:by:)``.
  func ask<Request: RoleRequest>(
    sealed request: Request, of recipient: String
  ) async throws -> Request.Reply {
    try await sealedRequests.ask(request, of: recipient, by: authors)
  }

  /// The same to somebody whose keys are known.
  ///
  /// - Parameter courier: brings it there; nil for the one that brings all else.
  func ask<Request: RoleRequest>(
    sealed request: Request, of contact: Contact, over courier: (any Courier)? = nil
  ) async throws -> Request.Reply {
    let way = courier.map { RequestClient(courier: $0, sender: id) } ?? requests
    return try await SealedRequestClient(
      genesis: genesis.digest, requests: way, contacts: self, clock: clock
    ).ask(request, of: contact, by: authors)
  }

  private var authors: [Author] {
    get throws {
      try identity.identities(in: members).map { Author(.party(id), $0) }
    }
  }

  private var sealedRequests: SealedRequestClient {
    SealedRequestClient(genesis: genesis.digest, requests: requests, contacts: self, clock: clock)
  }
}

extension ValidMembers {
  /// What a member may ask as.
  func authorKind(of party: String) -> Authors? {
    if party == manager.id { return .manager }
    if let node = supernode(party) { return node.role == .hospital ? .hospital : .cloud }
    return identityKey(of: party) == nil ? nil : .organisation
  }
}
