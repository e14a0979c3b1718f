public import CanonicalEncoding
public import Credentials

/// What an entry says: exactly one of these kinds, decoded by it (specification 6.3). There is no
/// other canonical body, so an entry that decodes alone decodes inside whatever carries it.
public enum EntryBody: Sendable, Equatable {
  // The consortium chain
  case doctorRegistration(DoctorRegistration)
  case doctorStatusChange(DoctorStatusChange)
  case doctorSpecialties(DoctorSpecialties)
  case keyRotation(KeyRotation)
  case blockOpening(BlockOpening)
  case anchor(Anchor)
  indirect case demand(Demand)
  case equivocationReport(EquivocationReport)
  case faultReport(FaultReport)
  case withholdingReport(WithholdingReport)
  case voteEquivocationReport(VoteEquivocationReport)
  case continuation(Continuation)
  case candidacy(Candidacy)
  case approval(Approval)
  case motion(Motion)
  case ballot(Ballot)
  case partyRotation(PartyRotation)
  // A hospital's chain
  case baseAdvance(BaseAdvance)
  case visitOpening(VisitOpening)
  case partialSignature(PartialSignature)
  case visitCompletion(VisitCompletion)
  case visitAbandonment(VisitAbandonment)
  case visitReceipt(VisitReceipt)
  case accessRequestNotice(AccessRequestNotice)
  case consentNotice(ConsentNotice)
  case revocation(Revocation)
  case accessNotice(AccessNotice)
  case refused(Refused)

  public var object: any CanonicalObject {
    switch self {
    case .doctorRegistration(let body): body
    case .doctorStatusChange(let body): body
    case .doctorSpecialties(let body): body
    case .keyRotation(let body): body
    case .blockOpening(let body): body
    case .anchor(let body): body
    case .demand(let body): body
    case .equivocationReport(let body): body
    case .faultReport(let body): body
    case .withholdingReport(let body): body
    case .voteEquivocationReport(let body): body
    case .continuation(let body): body
    case .candidacy(let body): body
    case .approval(let body): body
    case .motion(let body): body
    case .ballot(let body): body
    case .partyRotation(let body): body
    case .baseAdvance(let body): body
    case .visitOpening(let body): body
    case .partialSignature(let body): body
    case .visitCompletion(let body): body
    case .visitAbandonment(let body): body
    case .visitReceipt(let body): body
    case .accessRequestNotice(let body): body
    case .consentNotice(let body): body
    case .revocation(let body): body
    case .accessNotice(let body): body
    case .refused(let body): body
    }
  }

  public var kind: ObjectKind { type(of: object).kind }

  /// The DER of the body, which begins with the tag of its kind.
  public func encoded() -> [UInt8] { object.encoded() }

  /// - Throws: ``DecodingFailure`` unless the bytes are the canonical form of one of these kinds.
  public init(encoded bytes: [UInt8]) throws(DecodingFailure) {
    switch ObjectKind(of: bytes) {
    case .doctorRegistration: self = .doctorRegistration(try .init(encoded: bytes))
    case .doctorStatusChange: self = .doctorStatusChange(try .init(encoded: bytes))
    case .doctorSpecialties: self = .doctorSpecialties(try .init(encoded: bytes))
    case .keyRotation: self = .keyRotation(try .init(encoded: bytes))
    case .blockOpening: self = .blockOpening(try .init(encoded: bytes))
    case .anchor: self = .anchor(try .init(encoded: bytes))
    case .demand: self = .demand(try .init(encoded: bytes))
    case .equivocationReport: self = .equivocationReport(try .init(encoded: bytes))
    case .faultReport: self = .faultReport(try .init(encoded: bytes))
    case .withholdingReport: self = .withholdingReport(try .init(encoded: bytes))
    case .voteEquivocationReport:
      self = .voteEquivocationReport(try .init(encoded: bytes))
    case .continuation: self = .continuation(try .init(encoded: bytes))
    case .candidacy: self = .candidacy(try .init(encoded: bytes))
    case .approval: self = .approval(try .init(encoded: bytes))
    case .motion: self = .motion(try .init(encoded: bytes))
    case .ballot: self = .ballot(try .init(encoded: bytes))
    case .partyRotation: self = .partyRotation(try .init(encoded: bytes))
    case .baseAdvance: self = .baseAdvance(try .init(encoded: bytes))
    case .visitOpening: self = .visitOpening(try .init(encoded: bytes))
    case .partialSignature: self = .partialSignature(try .init(encoded: bytes))
    case .visitCompletion: self = .visitCompletion(try .init(encoded: bytes))
    case .visitAbandonment: self = .visitAbandonment(try .init(encoded: bytes))
    case .visitReceipt: self = .visitReceipt(try .init(encoded: bytes))
    case .accessRequestNotice: self = .accessRequestNotice(try .init(encoded: bytes))
    case .consentNotice: self = .consentNotice(try .init(encoded: bytes))
    case .revocation: self = .revocation(try .init(encoded: bytes))
    case .accessNotice: self = .accessNotice(try .init(encoded: bytes))
    case .refused: self = .refused(try .init(encoded: bytes))
    default: throw DecodingFailure(.wrongKind, "no entry has such a body")
    }
  }

  init(_ body: some CanonicalObject) {
    switch body {
    case let body as DoctorRegistration: self = .doctorRegistration(body)
    case let body as DoctorStatusChange: self = .doctorStatusChange(body)
    case let body as DoctorSpecialties: self = .doctorSpecialties(body)
    case let body as KeyRotation: self = .keyRotation(body)
    case let body as BlockOpening: self = .blockOpening(body)
    case let body as Anchor: self = .anchor(body)
    case let body as Demand: self = .demand(body)
    case let body as EquivocationReport: self = .equivocationReport(body)
    case let body as FaultReport: self = .faultReport(body)
    case let body as WithholdingReport: self = .withholdingReport(body)
    case let body as VoteEquivocationReport: self = .voteEquivocationReport(body)
    case let body as Continuation: self = .continuation(body)
    case let body as Candidacy: self = .candidacy(body)
    case let body as Approval: self = .approval(body)
    case let body as Motion: self = .motion(body)
    case let body as Ballot: self = .ballot(body)
    case let body as PartyRotation: self = .partyRotation(body)
    case let body as BaseAdvance: self = .baseAdvance(body)
    case let body as VisitOpening: self = .visitOpening(body)
    case let body as PartialSignature: self = .partialSignature(body)
    case let body as VisitCompletion: self = .visitCompletion(body)
    case let body as VisitAbandonment: self = .visitAbandonment(body)
    case let body as VisitReceipt: self = .visitReceipt(body)
    case let body as AccessRequestNotice: self = .accessRequestNotice(body)
    case let body as ConsentNotice: self = .consentNotice(body)
    case let body as Revocation: self = .revocation(body)
    case let body as AccessNotice: self = .accessNotice(body)
    case let body as Refused: self = .refused(body)
    default: preconditionFailure("\(type(of: body)) is no body of an entry")
    }
  }
}
