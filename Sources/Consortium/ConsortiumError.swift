public import CanonicalEncoding

/// Why a role refuses, or cannot do, what it was asked; it crosses the courier as it is.
public struct ConsortiumError: Error, CanonicalValue, Equatable, CustomStringConvertible {
  /// An open set of reasons. Refusals of the ledger keep their own codes, as `late`.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    // Messages
    public static let malformed = Code("malformed")
    public static let tooLarge = Code("too-large")
    public static let unreachable = Code("unreachable")
    public static let unsupported = Code("unsupported-request")
    /// A signature or a sealed message is not by, or for, the party it names.
    public static let unauthenticated = Code("unauthenticated")

    // Ledger
    public static let ledgerDiverged = Code("ledger-diverged")
    public static let invalidProof = Code("invalid-proof")
    /// A proof against an older checkpoint than one that was seen before.
    public static let staleCheckpoint = Code("stale-checkpoint")
    /// The ledger does not hold this, or it is not final yet.
    public static let notFinal = Code("not-final")
    public static let outcomeUnknown = Code("outcome-unknown")

    // Visits
    public static let unknownDoctor = Code("unknown-doctor")
    public static let notEmployed = Code("not-employed")
    public static let unknownVisit = Code("unknown-visit")
    /// The visit is not in the state that this step needs.
    public static let wrongState = Code("wrong-state")
    /// A visit under way is closed for nobody but its patient.
    public static let visitOpen = Code("visit-open")
    public static let wrongContext = Code("wrong-context")
    public static let notEntitled = Code("not-entitled")
    public static let noHandover = Code("no-handover")
    /// The ledger's own code for a second receipt of one visit.
    public static let alreadyReceipted = Code("already-receipted")
    public static let recordMissing = Code("record-missing")
    /// The record is not the one whose digest the ledger holds.
    public static let recordTampered = Code("record-tampered")

    // Sharing
    public static let consentUnknown = Code("consent-unknown")
    public static let consentRevoked = Code("consent-revoked")
    public static let consentExpired = Code("consent-expired")
    public static let consentNotFinal = Code("consent-not-final")
    public static let consentMismatch = Code("consent-mismatch")
    /// A key or a share for one use was used before.
    public static let reused = Code("reused")
  }

  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) { (self.code, self.message) = (code, message) }

  public var description: String { "\(code): \(message)" }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("code", String(code.description.prefix(64)))
    fields.text("message", String(message.prefix(200)))
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    code = Code(try fields.text("code", maximum: 256))
    message = try fields.text("message", maximum: 1024)
  }
}
