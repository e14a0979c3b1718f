import CanonicalEncoding
import Credentials
package import Ledger

/// How a party takes new keys (specification 6.13).
extension LedgerNode {
  /// Asks for new keys of a party, this node's or one that has no node, from the next epoch on.
  ///
  /// - Parameters:
  ///   - ring: the party's; the new keys are in it when others hear of them.
  ///   - uses: those that the party is not listed with are passed over.
  /// - Throws: the ``Refusal``; ``ConsortiumError`` `not-entitled` for who is no member,
  ///   `unreachable` if no delegate takes the entry.
  package func rotateKeys(
    of ring: KeyRing, _ uses: Set<KeyUse>, using randomness: inout Randomness
  ) async throws {
    let (id, consortium) = (ring.owner, consortium)
    let members = try consortium.members
    guard let present = members.party(id), let next = try consortium.nextMembers.party(id) else {
      throw ConsortiumError(.notEntitled, "\(id) is no member of the consortium")
    }
    let party = try ring.renewed(
      next, since: present, uses, isRegistered: { try consortium.isRegistered($0) },
      using: &randomness)
    // Asked for before, and decided.
    if party == next { return }
    guard let key = ring.signingKey(.identity, party.identityKey) else {
      throw CredentialError(.missingKeys, "the identity key of \(id) is not here")
    }
    let rotation = PartyRotation(genesis: genesis.digest, party: party, key: key)
    try await submit(
      try Entry(
        checked: EntryContent(
          genesis: genesis.digest, chain: ChainName.consortium, signer: .party(id), body: rotation),
        signedBy: ring.identity(in: members)))
  }

  /// Gives up, at once, the keys with which this node decides and confirms blocks, and asks for others from
  /// the next epoch on: its disk was put back, so it may have signed what it does not know of. Until then
  /// it has no voice; the seat stays.
  ///
  /// - Throws: as ``rotateKeys(of:_:using:)``; the keys are given up all the same, and the next call asks
  ///   again.
  func renounceVotes(of ring: KeyRing, using randomness: inout Randomness) async throws {
    let uses: Set<KeyUse> = [.voting, .cosigner(ChainName.consortium)]
    if let present = try members.party(id),
      try ring.abandon(uses, of: present, using: &randomness)
    {
      try restartDelegate()
    }
    try await rotateKeys(of: ring, uses, using: &randomness)
  }

  /// Erases former keys of a party, this node's or one that has no node, that nothing needs any more: those
  /// with which nobody judges what is written now.
  ///
  /// A registration that a former x has signed may still be under way, so that key stays for one epoch more.
  /// Keys for the chains of hospitals are not among these.
  ///
  /// - Parameter base: of what the party writes on a chain of its own; nil if it has none, or has written
  ///   nothing.
  package func eraseFormerKeys(of ring: KeyRing, basedOn base: ConsortiumBlock?) throws {
    guard ring.isChanging, let final = consortium.final else { return }
    let height = min(final.height, base?.reference.height ?? final.height)
    try eraseFormerKeys(of: ring, from: genesis.epoch(ofHeight: height))
  }

  /// As ``eraseFormerKeys(of:basedOn:)``, for who writes on the chains of others: their blocks may be
  /// based in an earlier epoch than that which is final, so the keys stay for one more.
  func eraseFormerKeys(of ring: KeyRing) throws {
    guard ring.isChanging, let final = consortium.final else { return }
    let epoch = genesis.epoch(ofHeight: final.height)
    if epoch > 0 { try eraseFormerKeys(of: ring, from: epoch - 1) }
  }

  private func eraseFormerKeys(of ring: KeyRing, from epoch: UInt64) throws {
    if let party = try consortium.members(inEpoch: epoch).party(ring.owner) {
      try ring.eraseKeys(before: party, [.identity, .voting, .cosigner(ChainName.consortium)])
    }
    if epoch > 0, let party = try consortium.members(inEpoch: epoch - 1).party(ring.owner) {
      try ring.eraseKeys(before: party, [.registration])
    }
  }
}
