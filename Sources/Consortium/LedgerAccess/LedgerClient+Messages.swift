import CanonicalEncoding
import Credentials
import EMRScheme
package import Ledger

/// Who others are, as far as it is proven to this client, and requests to them.
extension LedgerClient: Contacts {
  package func contact(_ id: String, isRenewed: Bool) async throws -> Contact {
    try await peers.contact(id, isRenewed: isRenewed) {
      [try await self.identity(of: id, isRenewed: $0)]
    }
  }

  /// The Ed25519 key with which somebody signs.
  private func identity(of id: String, isRenewed: Bool) async throws -> [UInt8] {
    if isRenewed { _ = try await newerMembers() }
    if currentMembers().identityKey(of: id) != nil {
      try await learnNewer(from: currentMembers().supernode(id) == nil ? anySupernode : id)
      if let key = currentMembers().identityKey(of: id) { return key }
    }
    if !isRenewed, let known = knownDoctor(id) { return known.identityKey }
    do {
      return try await askAny { try await doctor(id, by: $0) }.identityKey
    } catch let error as ConsortiumError where error.code == .unknownDoctor {
      // One that is new shows itself.
      guard let key = try await currentMembers(shownBy: id).identityKey(of: id) else {
        throw ConsortiumError(.unreachable, "there is nobody called \(id)")
      }
      return key
    }
  }

  /// A member, or a doctor whom this client has met, with a proof.
  func known(_ id: String, isRenewed: Bool) async throws -> KnownAuthor? {
    let members = isRenewed ? try await newerMembers() : currentMembers()
    if let kind = members.authorKind(of: id) {
      return KnownAuthor(kind, members.identityKey(of: id).map { [$0] } ?? [])
    }
    if !isRenewed { return knownDoctor(id).map { KnownAuthor(.doctor, [$0.identityKey]) } }
    // Nobody has this client ask, and keep, what holds of a doctor whom it has never met.
    guard try hasMet(id) else { return nil }
    return KnownAuthor(.doctor, [try await askAny { try await doctor(id, by: $0) }.identityKey])
  }

  /// What has to be asked for to know a party anew: what holds of one doctor whom this client has met, or
  /// who takes part.
  func renewal(of id: String) throws -> String {
    try hasMet(id) && currentMembers().authorKind(of: id) == nil ? "doctor \(id)" : "members"
  }

  /// Asks somebody in an envelope.
  ///
  /// - Throws: as ``SealedRequestClient/ask(_:of:by:)``.
  func ask<Request: RoleRequest>(
    _ request: Request, of recipient: String, by authors: [Author]
  ) async throws -> Request.Reply {
    try await sealedRequests.ask(request, of: recipient, by: authors)
  }

  nonisolated var sealedRequests: SealedRequestClient {
    SealedRequestClient(genesis: genesis.digest, requests: requests, contacts: self, clock: clock)
  }

  /// Whom to ask first for what any supernode knows.
  var anySupernode: String { home ?? currentMembers().hospitals.first ?? "" }

  package func newerMembers() async throws -> ValidMembers {
    try await askAny { try await currentMembers(shownBy: $0) }
  }

  /// Asks for what any supernode knows, of one after the other until one says something that is proven: none cuts
  /// anybody off by being silent. Those that were so last are asked last.
  ///
  /// - Throws: what the first has thrown, or that somebody is unknown by all who answer.
  func askAny<Answer: Sendable>(
    _ ask: (_ supernode: String) async throws -> Answer
  ) async throws -> Answer {
    var failure: (any Error)?
    for supernode in supernodesInTurn {
      do {
        let answer = try await ask(supernode)
        silent.remove(supernode)
        return answer
      } catch let error as StoreError {
        throw error
      } catch let error as CancellationError {
        throw error
      } catch let error as ConsortiumError where error.code == .unknownDoctor {
        failure = error
      } catch {
        failure = failure ?? error
        silent.insert(supernode)
      }
    }
    throw failure ?? ConsortiumError(.unreachable, "there is no supernode")
  }

  /// The own hospital or the first, then the other hospitals, then clouds; those that are silent last.
  private var supernodesInTurn: [String] {
    let members = currentMembers()
    var all: [String] = []
    for id in [anySupernode] + members.hospitals + members.supernodes.map(\.id)
    where !id.isEmpty && !all.contains(id) {
      all.append(id)
    }
    return all.filter { !silent.contains($0) } + all.filter(silent.contains)
  }
}
