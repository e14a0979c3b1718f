import CanonicalEncoding
import Credentials
import Ledger

/// What organisations and operators decide about who decides (specification 6.12).
extension LocalConsortium {
  /// An organisation approves these candidates, and no others, from now on.
  ///
  /// - Throws: the ``Refusal``; ``CredentialError`` `missing-keys` without the organisation's key.
  public func approve(_ candidates: Set<String>, by organisation: String) async throws {
    let keys = try await organisationKeys(organisation)
    let number = try await cloud.node.consortium.approval(of: organisation).next
    try await submit(
      Approval(candidates: candidates, number: number), by: organisation,
      keys.identity(in: try await members()))
  }

  /// A hospital, or the cloud, withdraws its candidacy, or stands again.
  ///
  /// - Throws: as ``approve(_:by:)``.
  public func setCandidacy(of supernode: String, stands: Bool) async throws {
    let members = try await members()
    guard members.supernode(supernode) != nil else {
      throw ConsortiumError(.unreachable, "there is no supernode \(supernode)")
    }
    let keys = try supernodeKeys(supernode).ring
    let number = try await cloud.node.consortium.candidacy(of: supernode).next
    try await submit(
      Candidacy(stands: stands, number: number), by: supernode,
      keys.identity(in: members))
  }

  @discardableResult
  func submit(
    _ body: some CanonicalObject, by party: String, _ key: IdentityKey
  ) async throws -> Digest32 {
    let entry = try Entry(
      checked: EntryContent(
        genesis: genesis.digest, chain: ChainName.consortium, signer: .party(party), body: body),
      signedBy: key)
    try await cloud.node.submit(entry)
    try await settle()
    return entry.digest
  }

  /// Who decides the blocks now, by their seats; nil for a vacant one.
  public func delegates() async throws -> [String?] {
    let consortium = await cloud.node.consortium
    return try consortium.delegates(forHeight: consortium.height).seats.map(\.delegate)
  }
}
