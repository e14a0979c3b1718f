public import CanonicalEncoding
import EMRScheme
import Ledger

/// All that a patient has of visits and consents, to look at and to compare.
public struct PatientHoldings: Sendable, Equatable {
  /// A visit of which this patient knows.
  public struct Visit: Sendable, Equatable {
    /// Its identifier on the ledger.
    public let visit: Digest32
    /// Whose chain has it.
    public let hospital: String
    /// The visit that it adds to or corrects, if any.
    public let amends: NamedVisit?
    /// T, in counted time (specification 6.2), in seconds: it stays behind ledger time by all halts of the
    /// ledger, and is no date.
    public let openedAt: UInt64
    /// T_n, in counted time too: what is not complete by then never is. By a clock it is later by all halts that there
    /// were, as far as this program knows ``Patient/halts()``, and more if the ledger halts before.
    public let lastDeadline: UInt64
    /// Empty if it is not known.
    public let encounter: String
    /// Once the record was opened and found to be what the team signed.
    public let recordDigest: Digest32?
    /// Whether the ledger has its receipt.
    public let isReceipted: Bool
  }

  /// A consent that was given.
  public struct Consent: Sendable, Equatable {
    /// The digest of the document.
    public let consent: Digest32
    /// To what.
    public let visit: Digest32
    /// Whose chain has the visit.
    public let hospital: String
    /// To whom; nil, as what follows, if the ledger's notice is all that there is.
    public let doctor: String?
    /// What the doctor said that it is for.
    public let purpose: String?
    /// Until when, in ledger time, in seconds since 1970.
    public let expiresAt: UInt64?
  }

  /// By the time at which they opened.
  public internal(set) var visits: [Visit] = []
  /// Those of each visit, by their digests.
  public internal(set) var consents: [Consent] = []
  /// The access log of each visit.
  public internal(set) var access: [AccessRecord] = []
  /// Who was not heard about the access log of some visit, and why: there may be more.
  public internal(set) var unheard: [String: ConsortiumError.Code] = [:]
  /// The keys of rows of the store that a disk has damaged: what they had is missing above.
  public internal(set) var damaged: [String] = []

  /// Nothing.
  public init() {}

  /// The same without what was interrupted, of which nothing but the device knows: visits without a record,
  /// and consents of which the ledger has no notice.
  public var onLedger: Self {
    let notices = Set(access.filter { $0.event == .consented }.map(\.document))
    var holdings = self
    holdings.visits.removeAll { $0.recordDigest == nil }
    holdings.consents.removeAll { !notices.contains($0.consent) }
    return holdings
  }
}

extension Patient {
  /// By the time at which they opened; but those that cannot be read.
  private func knownVisits() throws -> [PatientVisit] {
    try store.readable(withPrefix: Self.visitPrefix, as: PatientVisit.self).map(\.value).sorted {
      ($0.context.openedAt, $0.context.visitID) < ($1.context.openedAt, $1.context.visitID)
    }
  }

  /// The visits, by the time at which they opened, by what is known here: nobody is asked. What a disk has damaged
  /// is not among them, and named by ``damagedRows()``.
  public func visits() throws -> [PatientHoldings.Visit] {
    try knownVisits().map { visit in
      let context = visit.context
      return PatientHoldings.Visit(
        visit: context.visitID, hospital: context.hospital,
        amends: context.amends.map(NamedVisit.init), openedAt: context.openedAt,
        lastDeadline: context.deadline(ofPosition: context.signers.count),
        encounter: visit.encounter, recordDigest: visit.recordDigest,
        isReceipted: try hasReceipted(context.visitID, at: context.hospital))
    }
  }

  /// By how many seconds the ledger has halted in all, as far as this program knows: until the last visit began to
  /// which it has agreed, at least. Nobody is asked.
  public func halts() async -> UInt64 { await client.halts }

  /// The consents that were given, to the visits by the time at which they opened, by what is known here:
  /// nobody is asked. Whether one was used says the ``accessLog(_:at:)``. What a disk has damaged is not among
  /// them, and named by ``damagedRows()``.
  public func consents() throws -> [PatientHoldings.Consent] {
    try knownVisits().flatMap { try consents(to: $0.context) }
  }

  /// How it stands that a consent was taken back, by what is known here; nil if it was not.
  public func standing(ofRevocation consent: Digest32) throws -> SubmissionStanding? {
    try standing(of: .revocation, about: consent)
  }

  private func consents(to context: VisitContext) throws -> [PatientHoldings.Consent] {
    try consents(of: context.visitID, at: context.hospital)
      .sorted { $0.document < $1.document }
      .map {
        PatientHoldings.Consent(
          consent: $0.document, visit: $0.visit, hospital: context.hospital,
          doctor: $0.consent?.doctor, purpose: $0.consent?.purpose,
          expiresAt: $0.consent?.expiresAt)
      }
  }

  /// The keys of visits, consents, requests and submissions in the store that cannot be read: each list leaves
  /// them out and has all others.
  public func damagedRows() throws -> [String] {
    try store.damaged(withPrefix: Self.visitPrefix, as: PatientVisit.self)
      + store.damaged(withPrefix: Self.consentPrefix, as: KnownConsent.self)
      + store.damaged(withPrefix: Self.pendingPrefix, as: PendingConsent.self)
      + store.damaged(withPrefix: Self.requestPrefix, as: ForwardAccessRequest.self)
      + rows.damaged()
  }

  /// All that this patient has, and what the ledger says of who read it.
  public func holdings() async throws -> PatientHoldings {
    var holdings = PatientHoldings()
    holdings.damaged = try damagedRows()
    holdings.visits = try visits()
    for visit in try knownVisits() {
      let context = visit.context
      holdings.consents += try consents(to: context)
      if visit.recordDigest != nil {
        do {
          let log = try await accessLog(context.visitID, at: context.hospital)
          holdings.access += log.records
          holdings.unheard.merge(log.unheard) { first, _ in first }
        } catch let error as StoreError {
          throw error
        } catch {
          // A hospital that is silent, or gone, hides nothing of the others.
          holdings.unheard[context.hospital] = ConsortiumError(error).code
        }
      }
    }
    return holdings
  }
}
