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
  /// The block has no base yet, which comes first.
  static let noBase = Refusal("no-base")
  /// What begins a block stands behind something else.
  static let notFirst = Refusal("not-first")
  /// The consortium block is not known, or not in this chain of blocks.
  public static let unknownBase = Refusal("unknown-base")
  /// The base is older than an anchor may be, or not above the one before.
  static let staleBase = Refusal("stale-base")
  /// A new generation of the chain does not start here, or not on these leaves.
  static let wrongGeneration = Refusal("wrong-generation")
  /// A demand has to be answered first.
  public static let demandOpen = Refusal("demand-open")
  /// A demand is answered with a refusal that the rules do not make, or with another code.
  static let wrongRefusal = Refusal("wrong-refusal")
  /// The entry is of no chain that takes demands: of another ledger, or of a hospital that is no member.
  static let notDemandable = Refusal("not-demandable")
  /// Who signs has spent what it may write of this kind in this epoch.
  static let quotaSpent = Refusal("quota-spent")
  /// The hospital owes an answer to a demand, and anchors nothing before.
  static let answersOwed = Refusal("answers-owed")
  /// The log key of this generation was shown to have signed two histories.
  static let convicted = Refusal("convicted")
  /// A report shows nothing that contradicts itself.
  static let noContradiction = Refusal("no-contradiction")
  /// A header is not the one that the anchored leaves end with.
  static let wrongHeader = Refusal("wrong-header")
  /// A new generation does not go on where the former one ended.
  static let wrongContinuation = Refusal("wrong-continuation")
  /// The access under this consent is noted already.
  static let consentUsed = Refusal("consent-used")
  /// Who signs is no member of this epoch, and no registered doctor.
  static let unknownSigner = Refusal("unknown-signer")
  /// The signature is not by the key in force of who is named.
  static let wrongSignature = Refusal("wrong-signature")
  /// Who signs may not write this.
  static let notEntitled = Refusal("not-entitled")
  /// A block's time is before that of the last one.
  static let wrongTime = Refusal("wrong-time")
  /// Another delegate opens the block in this round.
  static let notInTurn = Refusal("not-in-turn")
  /// An opening names another height than that of the open block.
  static let wrongHeight = Refusal("wrong-height")
  /// The block has no opening yet, which comes first.
  static let openingMissing = Refusal("opening-missing")
  /// The commits do not decide the block before.
  static let wrongCommits = Refusal("wrong-commits")
  /// The entry is not the next of its kind.
  static let wrongNumber = Refusal("wrong-number")
  /// Who is approved is no supernode that can stand for election.
  static let unknownCandidate = Refusal("unknown-candidate")
  /// Without the candidate too few stand to fill the seats.
  static let tooFewCandidates = Refusal("too-few-candidates")
  /// The changes of a motion concern several organisations, or its consents are not just those it needs.
  static let wrongMotion = Refusal("wrong-motion")
  /// The changes of a motion make no members.
  static let wrongMembers = Refusal("wrong-members")
  /// Who has to agree to a motion has not signed it with the key that counts.
  static let wrongConsent = Refusal("wrong-consent")
  /// There is no such motion.
  static let unknownMotion = Refusal("unknown-motion")
  /// The motion is decided, or its last epoch is over.
  static let motionClosed = Refusal("motion-closed")
  /// The organisation has voted on this motion.
  static let alreadyVoted = Refusal("already-voted")
  /// An identifier or a key is, or was, somebody's.
  static let alreadyRegistered = Refusal("already-registered")
  /// A registration is not signed or proven as it has to be, or not of this ledger.
  static let wrongRegistration = Refusal("wrong-registration")
  /// The doctor is suspended, or has retired.
  public static let notActive = Refusal("not-active")
  /// A change of a doctor's standing that says nothing new, is not the next, or would undo retirement.
  static let wrongStanding = Refusal("wrong-standing")
  /// A change of a doctor's specialties that says nothing new, is not the next, or comes after retirement.
  static let wrongSpecialties = Refusal("wrong-specialties")
  /// A rotation changes what it may not, or is not proven by the new key.
  static let wrongRotation = Refusal("wrong-rotation")
  /// A note is no checkpoint of this log that is confirmed and goes on.
  static let wrongCheckpoint = Refusal("wrong-checkpoint")
  /// A checkpoint does not lead on from the one that was anchored before.
  static let inconsistentCheckpoint = Refusal("inconsistent-checkpoint")
  /// A visit is not of this ledger, hospital or base, or not on these terms.
  static let wrongContext = Refusal("wrong-context")
  /// The identifier or the pseudonym of the visit stands on the chain already.
  static let visitKnown = Refusal("visit-known")
  /// A key of the visit stands on the chain already, or two of its keys are one.
  static let visitKeyKnown = Refusal("visit-key-known")
  /// The doctor is not registered, or not with these keys or at this hospital.
  static let unknownDoctor = Refusal("unknown-doctor")
  /// A doctor stands twice in a team.
  static let doctorTwice = Refusal("doctor-twice")
  /// The patient has not signed the visit, or not proven its key.
  static let wrongVisitKeyProof = Refusal("wrong-visit-key-proof")
  /// The patient of the visit that is amended has not signed for it.
  static let wrongAmendment = Refusal("wrong-amendment")
  /// The chain has no such visit.
  static let unknownVisit = Refusal("unknown-visit")
  /// The visit is complete, or abandoned.
  static let visitNotOpen = Refusal("visit-not-open")
  /// The visit is not complete.
  static let visitNotComplete = Refusal("visit-not-complete")
  /// The deadline has passed in counted time.
  static let late = Refusal("late")
  /// An attempt is not the next of this doctor.
  static let wrongAttempt = Refusal("wrong-attempt")
  /// The doctor has signed this visit anew as often as one may.
  static let resignatureLimit = Refusal("resignature-limit")
  /// The commitments, or the signature, are not those that stand before.
  static let wrongCommitments = Refusal("wrong-commitments")
  /// A part of the signature is no point of its group, or the identity.
  static let wrongPoint = Refusal("wrong-point")
  /// The cloud has not signed that it keeps this record.
  static let wrongStorageReceipt = Refusal("wrong-storage-receipt")
  /// The team's signature fails equation (3).
  static let wrongMultisignature = Refusal("wrong-multisignature")
  /// A receipt is of another record than the visit's.
  static let wrongRecordDigest = Refusal("wrong-record-digest")
  /// The visit has a receipt.
  static let alreadyReceipted = Refusal("already-receipted")
  /// A notice of this document stands already.
  static let documentKnown = Refusal("document-known")
  /// The visit has no consent that is still without the notice of its request.
  static let requestLimit = Refusal("request-limit")
  /// The chain has no notice of this consent to this visit.
  static let unknownConsent = Refusal("unknown-consent")
  /// The patient has taken the consent back already.
  public static let consentRevoked = Refusal("consent-revoked")
}
