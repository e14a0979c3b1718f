public import CanonicalEncoding

/// Why ledger data is not accepted.
public struct LedgerError: CodedError {
  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

/// Why: an open set.
extension ErrorCode<LedgerError> {
  /// A genesis breaks a rule of its own.
  public static var invalidGenesis: Self { Self("invalid-genesis") }
  /// This program has no such pairing suite.
  public static var unknownSuite: Self { Self("unknown-suite") }
  /// The log holds something that no honest log can hold.
  public static var inconsistentLog: Self { Self("inconsistent-log") }
  /// A proof does not prove what it was given for.
  public static var invalidProof: Self { Self("invalid-proof") }
}

/// Why the rules refuse an entry. Codes are part of the rules: an answer to a demand names one.
public struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
  /// As the specification writes it, in 6.3 and 6.4.
  public let code: String
  /// For who reads a code in an answer: the rules have constants of their own.
  public init(_ code: String) { self.code = code }

  public var description: String { code }

  /// Whether it says nothing of the entry, but that something else comes first: who takes the entry puts it behind
  /// that, and refuses nothing because of it. An entry that is known stands.
  public var isPassing: Bool {
    [.blockFull, .noBase, .demandOpen, .entryKnown].contains(self)
  }

  /// The chain takes no entry of this kind.
  static let wrongKind = Refusal("wrong-kind")
  /// The entry is of another ledger or another chain.
  static let wrongChain = Refusal("wrong-chain")
  /// The entry is an item of the chain already.
  public static let entryKnown = Refusal("entry-known")
  /// The block has no room; the next one has.
  public static let blockFull = Refusal("block-full")
  static let noBase = Refusal("no-base")
  static let notFirst = Refusal("not-first")
  /// The consortium block is not known, or not in this chain of blocks.
  public static let unknownBase = Refusal("unknown-base")
  static let staleBase = Refusal("stale-base")
  static let wrongGeneration = Refusal("wrong-generation")
  /// A demand has to be answered first.
  public static let demandOpen = Refusal("demand-open")
  static let wrongRefusal = Refusal("wrong-refusal")
  static let notDemandable = Refusal("not-demandable")
  static let quotaSpent = Refusal("quota-spent")
  static let answersOwed = Refusal("answers-owed")
  static let convicted = Refusal("convicted")
  static let noContradiction = Refusal("no-contradiction")
  static let wrongHeader = Refusal("wrong-header")
  static let wrongContinuation = Refusal("wrong-continuation")
  static let consentUsed = Refusal("consent-used")
  static let unknownSigner = Refusal("unknown-signer")
  static let wrongSignature = Refusal("wrong-signature")
  static let notEntitled = Refusal("not-entitled")
  static let wrongTime = Refusal("wrong-time")
  static let notInTurn = Refusal("not-in-turn")
  static let wrongHeight = Refusal("wrong-height")
  /// The block has no opening yet, which comes first.
  static let openingMissing = Refusal("opening-missing")
  /// The commits do not decide the block before.
  static let wrongCommits = Refusal("wrong-commits")
  /// The entry is not the next of its kind.
  static let wrongNumber = Refusal("wrong-number")
  static let unknownCandidate = Refusal("unknown-candidate")
  /// Without the candidate too few stand to fill the seats.
  static let tooFewCandidates = Refusal("too-few-candidates")
  static let wrongMotion = Refusal("wrong-motion")
  /// The changes of a motion make no members.
  static let wrongMembers = Refusal("wrong-members")
  static let wrongConsent = Refusal("wrong-consent")
  static let unknownMotion = Refusal("unknown-motion")
  static let motionClosed = Refusal("motion-closed")
  static let alreadyVoted = Refusal("already-voted")
  static let alreadyRegistered = Refusal("already-registered")
  static let wrongRegistration = Refusal("wrong-registration")
  /// The doctor is suspended, or has retired.
  public static let notActive = Refusal("not-active")
  /// A change of a doctor's standing that says nothing new, is not the next, or would undo retirement.
  static let wrongStanding = Refusal("wrong-standing")
  /// A change of a doctor's specialties that says nothing new, is not the next, or comes after retirement.
  static let wrongSpecialties = Refusal("wrong-specialties")
  static let wrongRotation = Refusal("wrong-rotation")
  static let wrongCheckpoint = Refusal("wrong-checkpoint")
  static let inconsistentCheckpoint = Refusal("inconsistent-checkpoint")
  static let wrongContext = Refusal("wrong-context")
  static let visitKnown = Refusal("visit-known")
  static let visitKeyKnown = Refusal("visit-key-known")
  static let unknownDoctor = Refusal("unknown-doctor")
  static let doctorTwice = Refusal("doctor-twice")
  static let wrongVisitKeyProof = Refusal("wrong-visit-key-proof")
  /// The patient of the visit that is amended has not signed for it.
  static let wrongAmendment = Refusal("wrong-amendment")
  static let unknownVisit = Refusal("unknown-visit")
  static let visitNotOpen = Refusal("visit-not-open")
  static let visitNotComplete = Refusal("visit-not-complete")
  static let late = Refusal("late")
  static let wrongAttempt = Refusal("wrong-attempt")
  static let resignatureLimit = Refusal("resignature-limit")
  static let wrongCommitments = Refusal("wrong-commitments")
  static let wrongPoint = Refusal("wrong-point")
  static let wrongStorageReceipt = Refusal("wrong-storage-receipt")
  static let wrongMultisignature = Refusal("wrong-multisignature")
  static let wrongRecordDigest = Refusal("wrong-record-digest")
  static let alreadyReceipted = Refusal("already-receipted")
  static let documentKnown = Refusal("document-known")
  /// The visit has no consent that is still without the notice of its request.
  static let requestLimit = Refusal("request-limit")
  static let unknownConsent = Refusal("unknown-consent")
  /// The patient has taken the consent back already.
  public static let consentRevoked = Refusal("consent-revoked")
}
