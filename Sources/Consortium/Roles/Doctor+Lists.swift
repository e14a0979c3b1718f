public import CanonicalEncoding
import EMRScheme
import Ledger

/// A visit on whose team a doctor is, by what the doctor's own program knows of it: one that was abandoned
/// stays as it was, until that is proven to be final.
public struct AssignedVisit: Sendable, Equatable {
  /// What this doctor is to do next.
  public enum Step: Sendable, Equatable {
    /// Nothing: the hospital has yet to see the team through to its group key.
    case groupKey
    /// To take what the patient shows: ``Doctor/take(presence:)``.
    case presence
    /// To compare words with the patient, whose presence came by courier: ``Doctor/confirm(_:visit:)``.
    case words
    /// To sign, once those before have: ``Doctor/diagnose(_:_:)``; also where it is not known whether a
    /// signature stands.
    case finding
    /// As the last of the team, to put the record where the patient finds it: ``Doctor/completeVisit(_:)``.
    case completion
    /// Nothing any more.
    case done
  }

  /// Its identifier on the ledger.
  public let visit: Digest32
  /// T, in counted time (specification 6.2), in seconds: it stays behind ledger time by all halts of the ledger,
  /// and is no date.
  public let openedAt: UInt64
  /// T_k: the last second in which this doctor can sign, in counted time too. So many seconds are left as it is
  /// ahead of the counted time of the last consortium block, and more if the ledger halts.
  public let deadline: UInt64
  /// Since when this program keeps it, by the own clock, in seconds since 1970: a moment after it opened; nil until
  /// it has its group key.
  public let since: UInt64?
  /// The identifiers of the team, in the order of signing.
  public let team: [String]
  /// k: the place of this doctor among them, from 1.
  public let position: Int
  /// What this doctor is to do next.
  public let step: Step

  init(_ known: DoctorVisit, since: UInt64?) {
    self.since = since
    let context = known.context
    visit = context.visitID
    openedAt = context.openedAt
    deadline = context.deadline(ofPosition: known.position)
    team = context.signers.map(\.doctor)
    position = known.position
    if known.groupKey == nil {
      step = .groupKey
    } else if known.presence == nil {
      step = known.unconfirmed == nil ? .presence : .words
    } else if known.handedOver == nil || known.pending != nil {
      step = .finding
    } else {
      step = position == team.count && known.completion == nil ? .completion : .done
    }
  }
}

/// A consent that a doctor was given.
public struct ReceivedConsent: Sendable, Equatable {
  /// The digest of the document.
  public let consent: Digest32
  /// To what.
  public let visit: Digest32
  /// The identifier of the hospital where the visit was.
  public let hospital: String
  /// What the doctor said that it is for.
  public let purpose: String
  /// Until when, in ledger time, in seconds since 1970.
  public let expiresAt: UInt64
  /// Whether the record was opened and kept: that can be done once.
  public let isUsed: Bool
}

extension Doctor {
  /// The visits on whose teams this doctor is, by the time at which they opened. Those that are over are not
  /// among them any more, once that was proven, or 30 days after the last deadline; nor is what a disk has
  /// damaged, which ``damagedRows()`` names.
  public func visits() throws -> [AssignedVisit] {
    // What is not stored yet is newer.
    var known = pendingVisits
    for (_, visit) in try store.readable(withPrefix: Self.visitPrefix, as: DoctorVisit.self) {
      known[visit.context.visitID] = known[visit.context.visitID] ?? visit
    }
    return try known.values.map { visit in
      let joined = try store.value(forKey: joinedKey(visit.context.visitID))
      return AssignedVisit(visit, since: joined.flatMap { try? UInt64(stateBytes: $0) })
    }.sorted {
      ($0.openedAt, $0.visit) < ($1.openedAt, $1.visit)
    }
  }

  /// Whether this doctor has the group key of a visit.
  ///
  /// - Throws: ``StoreError``.
  package func hasGroupKey(_ visit: Digest32) throws -> Bool {
    try knownVisit(visit)?.groupKey != nil
  }

  /// The consents that this doctor was given, by the time at which they expire: also used ones, and expired
  /// ones for a week; but what a disk has damaged, which ``damagedRows()`` names.
  /// Whether one still stands the ledger says when it is used.
  public func consents() throws -> [ReceivedConsent] {
    var found: [ReceivedConsent] = []
    for (_, held) in try store.readable(withPrefix: Self.grantPrefix, as: HeldConsent.self) {
      let consent = held.consent.object
      found.append(
        ReceivedConsent(
          consent: consent.digest, visit: consent.visit, hospital: consent.hospital,
          purpose: consent.purpose, expiresAt: consent.expiresAt,
          isUsed: held.sealedGrant.isEmpty))
    }
    return found.sorted { ($0.expiresAt, $0.consent) < ($1.expiresAt, $1.consent) }
  }

  /// The keys of visits, signatures, consents and submissions in the store that cannot be read: each list
  /// leaves them out and has all others.
  public func damagedRows() throws -> [String] {
    try store.damaged(withPrefix: Self.visitPrefix, as: DoctorVisit.self)
      + store.damaged(withPrefix: Self.formerPrefix, as: FormerFindings.self)
      + store.damaged(withPrefix: Self.grantPrefix, as: HeldConsent.self)
      + rows.damaged()
  }
}
