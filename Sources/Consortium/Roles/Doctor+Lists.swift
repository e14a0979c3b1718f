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
  /// T_k: the last second in which this doctor can sign, in counted time too: later by a clock by all halts that there
  /// were, as far as this program knows ``Doctor/halts()``, and more if the ledger halts before.
  public let deadline: UInt64
  /// T_n: the last second in which the last of the team can sign, and complete the visit, in counted time too: what is
  /// not complete by then never is.
  public let lastDeadline: UInt64
  /// Since when this program keeps it, by the own clock, in seconds since 1970: a moment after it opened; nil until
  /// it has its group key.
  public let since: UInt64?
  /// The identifiers of the team, in the order of signing.
  public let team: [String]
  /// k: the place of this doctor among them, from 1.
  public let position: Int
  /// What this doctor is to do next.
  public let step: Step

  /// - Parameters:
  ///   - isSigned: whether the last signature is neither one of which nothing is known, nor one that the hospital
  ///     says it refuses, whoever has heard its answer.
  ///   - isCompleted: whether a completion stands, or is on its way.
  init(_ known: DoctorVisit, since: UInt64?, isSigned: Bool, isCompleted: Bool) {
    self.since = since
    let context = known.context
    visit = context.visitID
    openedAt = context.openedAt
    deadline = context.deadline(ofPosition: known.position)
    lastDeadline = context.deadline(ofPosition: context.signers.count)
    team = context.signers.map(\.doctor)
    position = known.position
    if known.groupKey == nil {
      step = .groupKey
    } else if known.presence == nil {
      step = known.unconfirmed == nil ? .presence : .words
    } else if known.handedOver == nil || !isSigned {
      step = .finding
    } else {
      step = position == team.count && !isCompleted ? .completion : .done
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

/// How consents stand that a doctor has not used, as far as somebody has said so.
public struct ConsentStandings: Sendable, Equatable {
  /// How one stands, by the word of the cloud that confirms its hospital's chain, which is asked when it is used, too.
  public struct Standing: Sendable, Equatable {
    /// What the chain has of it.
    public enum State: String, Sendable {
      /// No notice of it.
      case unknown
      /// A notice that is not final.
      case pending
      /// A final notice.
      case stands
      /// That the patient has taken it back, which is not undone.
      case revoked
    }

    /// What the chain has of it.
    public let state: State
    /// The identifier of the cloud.
    public let cloud: String
    /// Ledger time of the last block that the cloud has, in seconds since 1970: what came later is not in it.
    public let time: UInt64
  }

  /// By the digests of the documents.
  public internal(set) var known: [Digest32: Standing] = [:]
  /// The hospitals whose clouds were not heard, and why.
  public internal(set) var unheard: [String: ConsortiumError.Code] = [:]

  /// Where nobody was asked.
  public init() {}
}

extension ConsentStandings.Standing {
  init(_ view: ConsentView, by cloud: String) {
    (self.cloud, time) = (cloud, view.time)
    switch view.standing {
    case .unknown: state = .unknown
    case .pending: state = .pending
    case .final: state = .stands
    case .revoked: state = .revoked
    }
  }
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
    var completed: [Digest32]?
    func isCompleted(_ visit: DoctorVisit) throws -> Bool {
      if try completion(of: visit) != nil { return true }
      if visit.position < visit.context.signers.count || visit.mark == nil { return false }
      // The hospital may have refused one that stands.
      let standing = try completed ?? standingCompletions()
      completed = standing
      return standing.contains(visit.context.visitID)
    }
    return try known.values.map { visit in
      // What is damaged hides no visit.
      let joined = try? joined(visit.context.visitID)
      return AssignedVisit(
        visit, since: joined,
        isSigned: try isSigned(visit),
        isCompleted: try isCompleted(visit))
    }.sorted {
      ($0.openedAt, $0.visit) < ($1.openedAt, $1.visit)
    }
  }

  /// The visits whose completions more than the hospital has signed for.
  private func standingCompletions() throws -> [Digest32] {
    try rows.submissions().filter {
      $0.kind == .completion && $0.hospital == hospital && $0.standing.isConfirmed
    }.map(\.visit)
  }

  /// Whether it is known what the hospital has done with the last signature, and it is none that it says it refuses.
  private func isSigned(_ visit: DoctorVisit) throws -> Bool {
    if let pending = visit.pending { return try rows.isTaken(pending.digest) }
    return try visit.mark.map { try !rows.isRefused($0.entry) } ?? true
  }

  /// By how many seconds the ledger has halted in all, as far as this program knows: until the last visit began that
  /// it was assigned, at least, if somebody has proven that. Nobody is asked.
  public func halts() async -> UInt64 { await client.halts }

  /// Whether this doctor has the group key of a visit.
  ///
  /// - Throws: ``StoreError``.
  package func hasGroupKey(_ visit: Digest32) throws -> Bool {
    try knownVisit(visit)?.groupKey != nil
  }

  /// How the consents stand that are neither used nor, by the own clock, expired: asked of the clouds that are asked
  /// when they are used. What is heard is kept nowhere, and nothing is erased by it.
  ///
  /// - Throws: ``StoreError``.
  public func consentStandings() async throws -> ConsentStandings {
    var found = ConsentStandings()
    for (_, held) in try store.readable(withPrefix: Self.grantPrefix, as: HeldConsent.self) {
      let consent = held.consent.object
      // Who does not answer about one does not about the next.
      guard !held.sealedGrant.isEmpty, consent.expiresAt >= inbox.clock(),
        found.unheard[consent.hospital] == nil
      else { continue }
      do {
        let cloud = try await client.cloud(ofHospital: consent.hospital)
        let view = try await view(of: consent, by: cloud)
        found.known[consent.digest] = .init(view, by: cloud)
      } catch let error as StoreError {
        throw error
      } catch {
        found.unheard[consent.hospital] = ConsortiumError(error).code
      }
    }
    return found
  }

  /// The consents that this doctor was given, by the time at which they expire: also used ones, and expired
  /// ones for a week; but what a disk has damaged, which ``damagedRows()`` names.
  /// Whether one still stands ``consentStandings()`` asks, and the ledger says when it is used.
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
