import CanonicalEncoding
import EMRScheme

/// Who may ask: a set, for a request may be open to several.
package struct Authors: OptionSet, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  package static let hospital = Self(rawValue: 1)
  package static let cloud = Self(rawValue: 2)
  package static let manager = Self(rawValue: 4)
  package static let doctor = Self(rawValue: 8)
  /// The patient of a visit.
  package static let patient = Self(rawValue: 16)
  /// Who holds a key that the recipient expects: a doctor who is to be registered, a patient who is to be
  /// admitted, or one under an address; or any key, for a patient who has no visit yet.
  package static let keyHolder = Self(rawValue: 32)
  /// Who runs parties, and decides who takes part: it has no server, and reads the consortium chain before it votes.
  package static let organisation = Self(rawValue: 64)
  package static let members: Self = [.hospital, .cloud, .manager]

  /// In the words of the specification's table.
  package var names: [String] {
    let all: [(Self, String)] = [
      (.hospital, "hospital"), (.cloud, "cloud"), (.manager, "manager"), (.doctor, "doctor"),
      (.patient, "patient"), (.keyHolder, "key"), (.organisation, "organisation"),
    ]
    return all.filter { contains($0.0) }.map(\.1)
  }
}

/// How a request travels.
package enum Carriage: String, Sendable {
  /// In an ``Envelope``.
  case sealed
  /// As it is, signed inside by a member: about the ledger's chains, which members may read.
  case signed
  /// As it is, by anybody: what it asks for, or brings, proves itself.
  case open
  /// The same, or in an ``Envelope`` by any key: then the answer is of the recipient itself, and to this
  /// question, so what it leaves out it leaves out now. By whom the recipient knows it counts for that one alone.
  case openOrSealed = "open, or sealed"

  package var mayBeBare: Bool { self != .sealed }
  package var mayBeSealed: Bool { self == .sealed || self == .openOrSealed }
  package var isOpen: Bool { self == .open || self == .openOrSealed }
}

/// What holds of one kind of request, before it is decoded.
package struct RequestRule: Sendable {
  package let type: any RoleRequest.Type
  package let carriage: Carriage
  package let authors: Authors
  package let recipients: Set<RoleKind>
  /// Bytes of its `Message`.
  package let limit: Int
  /// Bytes of the answer's.
  package let answerLimit: Int
  /// How many of them one author has in hand at once, or of what is open, one address; what is used up comes
  /// back with time. `Int.max` of what is not counted.
  package let quota: Int
  /// For how many seconds it counts after it was sent; nil of what says no time.
  package let lifetime: UInt64?
  /// Whether all answers are sealed at one length, since their own would tell what they say.
  package let hidesAnswer: Bool

  package var name: String { type.name }

  /// By how many seconds the clock of an author may be ahead.
  static let skew: UInt64 = 600
}

/// Everything that one role may ask of another, and who, of whom, how large, how often and for how long
/// (specification 8.1): what is not in it is refused before it is decoded.
package enum RequestTable {
  /// A request to a role that is always there.
  private static let soon: UInt64 = 600
  /// One to somebody who may be away.
  private static let days: UInt64 = 7 * 86_400
  private static let page = MessageLimits.plain
  /// A ``Piece`` with the head of what it is a piece of.
  private static let piece = Limits.pieceByteCount + 8 << 10

  package static let rules: [RequestRule] = [
    // To seal anything else
    // As often as anybody likes: whoever is refused here can say nothing at all, and the answer is one that
    // is signed once and costs less than to count.
    open(
      FetchEnvelopeKey.self, to: [.hospital, .cloud, .manager, .doctor], 64, answer: 1 << 10,
      quota: .max),
    // Initialization (4.2)
    sealed(RegisterDoctor.self, by: .keyHolder, to: .hospital, 4 << 10),
    sealed(CosignRegistration.self, by: .hospital, to: .manager, 4 << 10, answer: 4 << 10),
    // Group key generation (4.3)
    sealed(
      RequestAdmission.self, by: .keyHolder, to: [.hospital], 16 << 10, answer: 16 << 10,
      hidesAnswer: true),
    sealed(AuthorizeVisit.self, by: .patient, to: .hospital, 1 << 10, quota: 16),
    sealed(AssignVisit.self, by: .hospital, to: .doctor, 17 << 10, answer: 4 << 10, for: days),
    sealed(ShowPresence.self, by: .patient, to: .doctor, 1 << 10, quota: 64, for: days),
    sealed(ExchangeGroupKey.self, by: .hospital, to: .doctor, 20 << 10, answer: 20 << 10),
    // Diagnose (4.4)
    sealed(HandOverFindings.self, by: .doctor, to: .doctor, piece, for: days),
    sealed(ResendFindings.self, by: .doctor, to: .doctor, 256, answer: piece, for: days),
    // Data storage (4.4, step 3, and 4.5)
    sealed(StoreRecord.self, by: .doctor, to: .cloud, piece),
    sealed(FetchOwnRecord.self, by: .patient, to: .cloud, 256, answer: piece),
    signed(TakeOverRecord.self, by: .cloud, to: [.cloud], 1 << 10, answer: piece),
    // What a patient finds again (specification 8.5)
    sealed(
      FindVisits.self, by: .keyHolder, to: [.hospital, .cloud], 256, answer: 1 << 20, quota: 64),
    sealed(KeepNote.self, by: .patient, to: .cloud, 66 << 10, quota: 64),
    sealed(FetchNote.self, by: .patient, to: .cloud, 256, answer: 66 << 10, quota: 64),
    // Data sharing (4.6)
    sealed(SubmitAccessRequest.self, by: .doctor, to: .manager, 4 << 10),
    sealed(ForwardAccessRequest.self, by: .manager, to: .patient, 4 << 10, for: days),
    sealed(CertifyRequestKey.self, by: .keyHolder, to: .doctor, 512, answer: 4 << 10, for: days),
    sealed(DepositConsent.self, by: .patient, to: .manager, 16 << 10, quota: 64),
    sealed(GrantConsent.self, by: .keyHolder, to: .doctor, 16 << 10, quota: 64, for: days),
    sealed(Reencrypt.self, by: .doctor, to: .manager, 8 << 10, answer: piece),
    sealed(FetchConsentedRecord.self, by: .manager, to: .cloud, 16 << 10, answer: piece),
    // Mailboxes (specification 8.8)
    sealed(
      FetchMail.self, by: [.doctor, .keyHolder], to: [.hospital, .manager], 1 << 10,
      answer: page, quota: 1 << 8),
    sealed(
      AnswerMail.self, by: [.doctor, .keyHolder], to: [.hospital, .manager],
      piece + 2 * Envelope.overhead + 1 << 10, answer: page),
    // The consortium chain
    signed(FetchOutbox.self, to: [.hospital, .cloud], 1 << 10),
    signed(FetchBlock.self, to: [.hospital, .cloud], 1 << 10),
    signed(
      FetchConsortium.self, by: [.members, .organisation], to: [.hospital, .cloud], 1 << 10),
    openOrSealed(OfferEntry.self, to: [.hospital, .cloud], page, answer: 256),
    // Ledger
    sealed(
      SubmitEntry.self, by: [.doctor, .patient, .manager], to: .hospital, 1 << 18,
      answer: 1 << 18),
    sealed(
      ConfirmLeaves.self, by: .hospital, to: .cloud, MessageLimits.closedBlocks,
      answer: 16 << 10),
    signed(FetchLeaves.self, to: [.cloud], 1 << 10),
    signed(RequestTail.self, by: .hospital, to: [.cloud], 8 << 10, answer: 1 << 10, for: nil),
    sealed(
      RelayDemand.self, by: [.doctor, .patient, .manager, .keyHolder], to: .cloud, 1 << 18,
      answer: 1 << 10),
    openOrSealed(Prove.self, to: [.hospital, .cloud], 8 << 10),
    sealed(
      ProveVisit.self, by: [.cloud, .doctor, .patient], to: [.hospital, .cloud], 16 << 10,
      answer: page),
    openOrSealed(ProveDoctors.self, to: [.hospital, .cloud], 4 << 10),
    openOrSealed(FetchEpochEnds.self, to: [.hospital, .cloud], 256),
    openOrSealed(FetchMembers.self, to: [.hospital, .cloud], 256),
    sealed(ReadVisit.self, by: .doctor, to: .hospital, 1 << 10, answer: 1 << 20),
    sealed(ReadConsent.self, by: .doctor, to: [.hospital, .cloud], 1 << 10, answer: 16 << 10),
    sealed(ReadAccessLog.self, by: .patient, to: [.hospital, .cloud], 1 << 10, answer: page),
  ]

  /// The longest that a role of this kind hears, sealed or not, in bytes.
  package static func limit(of recipient: RoleKind) -> Int { limits[recipient] ?? 0 }

  private static let limits: [RoleKind: Int] = rules.reduce(into: [:]) { limits, rule in
    for recipient in rule.recipients {
      limits[recipient] = max(limits[recipient] ?? 0, rule.limit + Envelope.overhead)
    }
  }

  package static let byName = Dictionary(uniqueKeysWithValues: rules.map { ($0.name, $0) })

  private static func sealed(
    _ type: any RoleRequest.Type, by authors: Authors, to recipients: Set<RoleKind>, _ limit: Int,
    answer: Int = 256, quota: Int = 1 << 12, for lifetime: UInt64 = soon,
    hidesAnswer: Bool = false
  ) -> RequestRule {
    RequestRule(
      type: type, carriage: .sealed, authors: authors, recipients: recipients, limit: limit,
      answerLimit: answer, quota: quota, lifetime: lifetime, hidesAnswer: hidesAnswer)
  }

  private static func sealed(
    _ type: any RoleRequest.Type, by authors: Authors, to recipient: RoleKind, _ limit: Int,
    answer: Int = 256, quota: Int = 1 << 12, for lifetime: UInt64 = soon
  ) -> RequestRule {
    sealed(
      type, by: authors, to: [recipient], limit, answer: answer, quota: quota, for: lifetime)
  }

  private static func signed(
    _ type: any RoleRequest.Type, by authors: Authors = .members, to recipients: Set<RoleKind>,
    _ limit: Int, answer: Int = page, for lifetime: UInt64? = soon
  ) -> RequestRule {
    RequestRule(
      type: type, carriage: .signed, authors: authors, recipients: recipients, limit: limit,
      answerLimit: answer, quota: 1 << 16, lifetime: lifetime, hidesAnswer: false)
  }

  private static func open(
    _ type: any RoleRequest.Type, to recipients: Set<RoleKind>, _ limit: Int, answer: Int,
    quota: Int
  ) -> RequestRule {
    RequestRule(
      type: type, carriage: .open, authors: [], recipients: recipients, limit: limit,
      answerLimit: answer, quota: quota, lifetime: nil, hidesAnswer: false)
  }

  private static func openOrSealed(
    _ type: any RoleRequest.Type, to recipients: Set<RoleKind>, _ limit: Int, answer: Int = page
  ) -> RequestRule {
    RequestRule(
      type: type, carriage: .openOrSealed, authors: [.doctor, .patient, .keyHolder],
      recipients: recipients, limit: limit, answerLimit: answer, quota: 1 << 12, lifetime: nil,
      hidesAnswer: false)
  }
}
