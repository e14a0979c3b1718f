public import CanonicalEncoding
import EMRScheme
import Ledger

/// All that a patient has of visits and consents, to look at and to compare.
public struct PatientHoldings: Sendable, Equatable {
  public struct Visit: Sendable, Equatable {
    public let visit: Digest32
    public let hospital: String
    /// T, in seconds since 1970.
    public let openedAt: UInt64
    /// Empty if it is not known.
    public let encounter: String
    /// Once the record was opened and found to be what the team signed.
    public let recordDigest: Digest32?
    public let isReceipted: Bool
  }

  public struct Consent: Sendable, Equatable {
    public let consent: Digest32
    public let visit: Digest32
    /// Who, why and until when; nil if the ledger's notice is all that there is.
    public let doctor: String?
    public let purpose: String?
    public let expiresAt: UInt64?
  }

  /// By the time at which they opened.
  public internal(set) var visits: [Visit] = []
  /// Those of each visit, by their digests.
  public internal(set) var consents: [Consent] = []
  /// The access log of each visit.
  public internal(set) var access: [AccessRecord] = []

  /// Nothing.
  public init() {}
}

extension Patient {
  /// All that this patient has, and what the ledger says of who read it.
  package func holdings() async throws -> PatientHoldings {
    var known: [PatientVisit] = []
    for key in try store.keys(withPrefix: Self.visitPrefix) {
      if let visit: PatientVisit = try store.load(key) { known.append(visit) }
    }
    known.sort {
      ($0.context.openedAt, $0.context.visitID) < ($1.context.openedAt, $1.context.visitID)
    }
    var holdings = PatientHoldings()
    for visit in known {
      let context = visit.context
      holdings.visits.append(
        PatientHoldings.Visit(
          visit: context.visitID, hospital: context.hospital, openedAt: context.openedAt,
          encounter: visit.encounter, recordDigest: visit.recordDigest,
          isReceipted: visit.isReceipted))
      holdings.consents += try consents(of: context.visitID)
        .sorted { $0.document < $1.document }
        .map {
          PatientHoldings.Consent(
            consent: $0.document, visit: $0.visit, doctor: $0.consent?.doctor,
            purpose: $0.consent?.purpose, expiresAt: $0.consent?.expiresAt)
        }
      if visit.recordDigest != nil { holdings.access += try await accessLog(context.visitID) }
    }
    return holdings
  }
}
