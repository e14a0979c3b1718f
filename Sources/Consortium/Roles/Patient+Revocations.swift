public import CanonicalEncoding
import Credentials
import Ledger

/// Taking consents back.
extension Patient {
  /// Takes a consent back. Openings that have not happened do not happen any more.
  ///
  /// One whose notice is still on its way is taken back like any other: its hospital takes no notice after it. What the
  /// hospital does not take is demanded by ``followUp(demandingAfter:)``, after an hour, unless told not to, and becomes
  /// visible to all organisations: whoever calls this says so first.
  /// - Returns: how the revocation stands: confirmed at least.
  @discardableResult
  public func revoke(_ consent: Digest32) async throws -> SubmissionStanding {
    let entry = try revocation(of: consent)
    return try await notingAfterwards(consent) { try await submit(entry, until: .confirmed) }
  }

  /// Has the cloud keep a note of a revocation once it was sent, or could not be: before, a cloud would hear of
  /// it first, and could hold it up.
  private func notingAfterwards(
    _ consent: Digest32, _ body: () async throws -> SubmissionStanding
  ) async throws -> SubmissionStanding {
    do {
      let standing = try await body()
      await keepNote(ofRevoked: consent)
      return standing
    } catch {
      await keepNote(ofRevoked: consent)
      throw error
    }
  }

  /// The entry that takes a consent back. It is signed once and stored before it is sent, so that it
  /// is one entry however often and on whatever way it goes: were it signed anew, it could stand on a
  /// chain twice.
  private func revocation(of consent: Digest32) throws -> Entry {
    guard var known = try given(consent) else {
      throw ConsortiumError(.consentUnknown, "the patient has given no such consent")
    }
    if let signed = known.given.revocation { return signed }
    let visit = try visit(known.given.visit, at: known.hospital)
    let signed = try entry(
      Revocation(visit: known.given.visit, document: consent), visit.context,
      try keys(of: visit.context).signingKey)
    known.given.revocation = signed
    // In one step: what is signed is followed, whatever happens next.
    var changes = try rows.changes(keeping: signed, at: client.clock())
    changes[Self.consentKey(consent)] = Message(known).encoded()
    try store.write(changes)
    do {
      try forgetEndedConsents(at: 0)
    } catch  where error.isOfWholeStore {
      throw error
    } catch {
      // What is wrong with another consent keeps none from being taken back.
    }
    return signed
  }

  /// Takes a consent back by a demand, where the hospital does not take the revocation: it counts once
  /// the demand is final, even if the hospital never moves again.
  ///
  /// That a consent of this visit was taken back becomes visible to all who read the consortium chain.
  /// - Returns: how the revocation stands: demanded at least.
  @discardableResult
  public func demandRevocation(
    _ consent: Digest32, through supernode: String
  ) async throws -> SubmissionStanding {
    let entry = try revocation(of: consent)
    do {
      return try await notingAfterwards(consent) { try await demand(entry, through: supernode) }
    } catch let error as ConsortiumError where error.code == .consentRevoked {
      // Another device of this patient has had the same demanded.
      guard let row = try rows.row(entry.digest), try await isReplaced(row) else { throw error }
      return try rows.row(entry.digest)?.standing ?? row.standing
    }
  }

  /// Follows the revocations of a note like those that were signed here: the device that signed them may be lost.
  ///
  /// What this program has signed itself stays what it follows.
  func keepRevocations(_ consents: [GivenConsent]) throws {
    for consent in consents {
      guard let revocation = consent.revocation else { continue }
      let known: KnownConsent? = try store.readable(Self.consentKey(consent.document))
      guard known?.given.revocation ?? revocation == revocation else { continue }
      try rows.keep(revocation, at: client.clock())
    }
  }
}
