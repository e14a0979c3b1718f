package import CanonicalEncoding

/// What a motion would come to if it were put now, before anybody has signed anything.
package struct MotionPreview: Sendable {
  /// The organisation that does not vote on it; nil if it concerns nobody.
  package let concerned: String?
  /// Who has to agree, with the identity key that each signs with (specification 6.13).
  package let consents: [String: [UInt8]]
}

extension ConsortiumView {
  /// Looks at changes of the members of the next epoch, as far as those are decided. Seats, and keys that somebody
  /// has or had, are looked at when the motion is put.
  ///
  /// - Throws: the ``Refusal``, as `wrong-members`, or `wrong-motion` if they concern several; ``StoreError``.
  package func preview(of changes: [MemberChange]) throws -> MotionPreview {
    let next = try nextMembers
    let concerned = next.members.organisations(concernedBy: changes)
    guard let own = concerned.first, concerned.allSatisfy({ $0 == own }) else {
      throw Refusal.wrongMotion
    }
    let changed = try ValidMembers(
      next.members.changed(by: changes), network: genesis.content.network)
    return MotionPreview(
      concerned: own, consents: try next.consents(to: changes, making: changed))
  }

  /// The organisations that have voted for a motion, or against it, with the key that each has now: of others the
  /// votes count no more.
  package func countedVotes(on motion: Digest32) throws(StoreError) -> [String: Bool] {
    let members = try members
    return try reading { view in
      var votes: [String: Bool] = [:]
      for voter in members.voters {
        let ballot: BallotRecord? = view.value(.ballot(motion, voter))
        guard let ballot,
          ballot.key == Digest32(sha256: members.identityKey(of: voter) ?? [])
        else { continue }
        votes[voter] = ballot.approves == 1
      }
      return votes
    }
  }
}
