import CanonicalEncoding
package import Ledger

/// Brings entries to their hospital, and believes only signed answers.
package struct EntrySubmission: Sendable {
  let genesis: ValidGenesis
  let members: any MembersSource
  /// Asks a hospital, in an envelope by who has signed the entry.
  let ask: @Sendable (SubmitEntry, _ hospital: String) async throws -> Signed<SubmissionAnswer>

  package init(
    genesis: ValidGenesis, members: any MembersSource,
    ask:
      @escaping @Sendable (SubmitEntry, _ hospital: String) async throws
      -> Signed<SubmissionAnswer>
  ) {
    (self.genesis, self.members, self.ask) = (genesis, members, ask)
  }

  /// What an answer to a submitted entry has to show before it is believed.
  package enum Standing: Sendable {
    /// The hospital has signed that it took the entry; this may still be lost.
    case written
    /// The cloud, another organisation, has confirmed it.
    case confirmed

    /// - Throws: ``SignedRefusal``; ``ConsortiumError`` `outcome-unknown` if an entry stands for less.
    func require(_ shown: SubmissionStanding) throws -> SubmissionStanding {
      switch shown {
      case .refused(let code, let position): throw SignedRefusal(code: code, position: position)
      case .confirmed, .final: return shown
      case .written where self == .written, .demanded where self == .written: return shown
      case .sent, .written, .demanded:
        throw ConsortiumError(.outcomeUnknown, "the cloud has not confirmed the entry yet")
      }
    }
  }

  /// Submits an entry to its hospital, and says what the answer shows.
  ///
  /// - Throws: ``ConsortiumError`` or ``LedgerError`` if it shows nothing: the entry may stand, and
  ///   submitting it again is safe.
  package func submit(_ entry: Entry) async throws -> ShownSubmission {
    let hospital = entry.content.chain
    let signed = try await ask(SubmitEntry(entry), hospital)
    let answer = try await members.verified(signed, by: hospital)
    guard answer.genesis == genesis.digest, answer.chain == hospital,
      answer.entry == entry.digest
    else { throw ConsortiumError(.malformed, "\(hospital) answers about another entry") }
    let standing: SubmissionStanding
    switch answer.outcome {
    case .refused(let code, _) where Refusal(code).isPassing: standing = .sent
    case .refused(let code, let position): standing = .refused(code: code, position: position)
    case .confirmed(let confirmation):
      try await check(confirmation, of: entry, answer.generation)
      standing = .confirmed(index: confirmation.index)
    case .written: standing = .written
    }
    return ShownSubmission(standing: standing, answer: signed)
  }

  /// The same. Once this returns, the entry stands as asked for, by the signature of who should know.
  ///
  /// - Throws: ``SignedRefusal``; ``ConsortiumError`` `outcome-unknown` if what was
  ///   asked for is not shown.
  @discardableResult
  package func submit(
    _ entry: Entry, until standing: Standing
  ) async throws -> SubmissionStanding {
    try standing.require(try await submit(entry).standing)
  }

  /// That the cloud has confirmed an entry: the present one, or the one before it, which confirms what is
  /// based in its last epoch.
  private func check(
    _ confirmation: SubmissionAnswer.Confirmation, of entry: Entry, _ generation: UInt64
  ) async throws {
    func isConfirmed(by members: ValidMembers) throws(LedgerError) {
      try SubmissionAnswer.check(
        confirmation, of: entry, generation: generation, genesis: genesis, members: members)
    }
    if (try? isConfirmed(by: await members.currentMembers())) != nil { return }
    // The hospital may have moved to an epoch that is not known here yet.
    let hospital = entry.content.chain
    let present = try await members.currentMembers(shownBy: hospital)
    if (try? isConfirmed(by: present)) != nil { return }
    try isConfirmed(by: await members.precedingMembers(shownBy: hospital))
  }
}

/// That the rules refuse an entry, by the signature of the hospital that judged it.
public struct SignedRefusal: Error, Equatable {
  /// Why, as the rules of the chain call it (specification 6.4).
  public let code: String
  /// How many leaves the chain had when the entry was judged.
  public let position: UInt64

  /// The same without the position.
  public var error: ConsortiumError {
    ConsortiumError(.init(code), "the ledger refuses the entry")
  }
}

extension Entry {
  /// That who brings an entry is who has signed it.
  ///
  /// - Throws: ``ConsortiumError`` `not-entitled`.
  func require(_ author: Principal?) throws {
    let signer: Principal =
      switch content.signer {
      case .party(let id): .party(id)
      case .patient(let visit): .patient(visit: visit, hospital: content.chain)
      }
    guard author == signer else {
      throw ConsortiumError(.notEntitled, "the entry is brought by somebody else")
    }
  }
}
