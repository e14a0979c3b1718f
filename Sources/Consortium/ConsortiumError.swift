public import CanonicalEncoding

/// Why a role refuses, or cannot do, what it was asked; it crosses the courier as it is.
public struct ConsortiumError: CodedError, CanonicalValue {
  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) { (self.code, self.message) = (code, message) }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("code", String(code.description.prefix(64)))
    fields.text("message", String(message.prefix(200)))
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    code = Code(try fields.text("code", maximum: 256))
    message = try fields.text("message", maximum: 1024)
  }
}

/// Why: an open set.
extension ErrorCode<ConsortiumError> {
  // Messages
  /// The bytes are no message, or none of the kind that was expected.
  public static var malformed: Self { Self("malformed") }
  /// More bytes, or more of something, than there may be.
  public static var tooLarge: Self { Self("too-large") }
  /// No answer came, or there is nobody of this name; what the other has done is not known.
  public static var unreachable: Self { Self("unreachable") }
  /// It lies in the mailbox of its recipient, who is away; whoever carries this may say so without its being
  /// so.
  public static var waiting: Self { Self("waiting") }
  /// Not a request to this role.
  public static var unsupported: Self { Self("unsupported-request") }
  /// A signature or a sealed message is not by, or for, the party it names.
  public static var unauthenticated: Self { Self("unauthenticated") }

  /// The clocks of two parties differ, or the request was long on its way.
  public static var outOfTime: Self { Self("out-of-time") }
  /// What comes is not new: somebody on the way delivers it once more.
  public static var repeated: Self { Self("repeated") }
  /// Somebody asks more than one may.
  public static var busy: Self { Self("busy") }

  /// Something of the role itself fails, as its disk; whoever runs it is told what.
  public static var unavailable: Self { Self("unavailable") }

  /// What was sealed does not open: the code of ``CredentialError``, from whom it was sealed to.
  static var unopened: Self { Self("decryption") }

  // Ledger
  /// A chain is not the one that was signed, cosigned or anchored before.
  public static var ledgerDiverged: Self { Self("ledger-diverged") }
  /// A proof or a confirmation does not show what it was given for.
  public static var invalidProof: Self { Self("invalid-proof") }
  /// A proof against an older checkpoint than one that was seen before.
  public static var staleCheckpoint: Self { Self("stale-checkpoint") }
  /// What is known of a chain, or shown of it, is less than what is anchored of it: whoever keeps it withholds
  /// the rest, or has lost it.
  public static var behindAnchor: Self { Self("behind-anchor") }
  /// The ledger does not hold this, or it is not final yet.
  public static var notFinal: Self { Self("not-final") }
  /// The entry may stand or not; to submit it again is safe.
  public static var outcomeUnknown: Self { Self("outcome-unknown") }

  // Visits
  /// The doctor is not registered, or not with these keys or at this hospital.
  public static var unknownDoctor: Self { Self("unknown-doctor") }
  /// The hospital has not taken this doctor on.
  public static var notEmployed: Self { Self("not-employed") }
  /// A registration has other keys than those that the hospital was told.
  public static var wrongFingerprint: Self { Self("wrong-fingerprint") }
  /// The ledger has the doctor's identifier at another hospital, where it stays for good, or a member is called so.
  public static var registeredElsewhere: Self { Self("registered-elsewhere") }
  /// A registration asserts other specialties than those that the hospital knows.
  public static var wrongSpecialties: Self { Self("wrong-specialties") }
  /// A file with roster and rule of a hospital is not as it has to be.
  public static var invalidStaffing: Self { Self("invalid-staffing") }
  /// The hospital has no team for this admission.
  public static var noTeam: Self { Self("no-team") }
  /// The doctor is not registered, is suspended, or has retired.
  public static var notActive: Self { Self("not-active") }
  /// A server shows an earlier state of a doctor than it, or another, has shown before.
  public static var staleDoctor: Self { Self("stale-doctor") }
  /// No such visit is known to who was asked.
  public static var unknownVisit: Self { Self("unknown-visit") }
  /// The visit is not in the state that this step needs.
  public static var wrongState: Self { Self("wrong-state") }
  /// No patient of this visit has been with this doctor, as far as this shows.
  public static var presence: Self { Self("presence") }
  /// A presence was signed earlier or later than the doctor's clock allows.
  public static var stalePresence: Self { Self("stale-presence") }
  /// The words that the patient reads out are not those of the presence that came by courier.
  public static var otherWords: Self { Self("other-words") }
  /// An admission without a good ticket, whatever is wrong with it.
  public static var refused: Self { Self("refused") }
  /// A visit under way is closed for nobody but its patient.
  public static var visitOpen: Self { Self("visit-open") }
  /// A visit is not the one that was agreed to, or not on these terms.
  public static var wrongContext: Self { Self("wrong-context") }
  /// Who asks, signs or brings something may not.
  public static var notEntitled: Self { Self("not-entitled") }
  /// The doctor before has not signed, or has handed nothing on.
  public static var noHandover: Self { Self("no-handover") }
  /// Who is given something needs it no more, and keeps nothing of it.
  public static var notNeeded: Self { Self("not-needed") }
  /// A notice of this document stands already.
  public static var documentKnown: Self { Self("document-known") }
  /// The ledger's own code for a second receipt of one visit.
  public static var alreadyReceipted: Self { Self("already-receipted") }
  /// The record is not here, or no cloud keeps it.
  public static var recordMissing: Self { Self("record-missing") }
  /// The record is not the one whose digest the ledger holds.
  public static var recordTampered: Self { Self("record-tampered") }

  /// A note of a visit is older than the one that the cloud has.
  public static var staleNote: Self { Self("stale-note") }

  // Sharing
  /// The ledger holds no such consent, or nobody was given one.
  public static var consentUnknown: Self { Self("consent-unknown") }
  /// The patient has taken the consent back.
  public static var consentRevoked: Self { Self("consent-revoked") }
  /// Ledger time, or the clock of who checks, is past the consent's last second.
  public static var consentExpired: Self { Self("consent-expired") }
  /// The consent stands on its chain, and its block is not final yet.
  public static var consentNotFinal: Self { Self("consent-not-final") }
  /// Consent, certificate or key is for another visit, record, doctor or proxy.
  public static var consentMismatch: Self { Self("consent-mismatch") }
  /// A key or a share for one use was used before.
  public static var reused: Self { Self("reused") }
}
