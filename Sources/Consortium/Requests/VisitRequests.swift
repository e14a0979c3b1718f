package import CanonicalEncoding
package import EMRScheme
package import Ledger

/// Patient to hospital: admit me, by the ticket that signs this.
package struct RequestAdmission: RoleRequest {
  package static let name = "request-admission"
  package typealias Reply = AdmissionOffer

  package var form: AdmissionForm

  package init(_ form: AdmissionForm) { self.form = form }

  package func encode(into fields: inout some FieldEncoder) { fields.value("form", form) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    form = try fields.value("form")
  }
}

/// What a patient tells a hospital at admission (4.3), and nobody else.
package struct AdmissionForm: NamedValue {
  package static let name = "admission-form"

  /// The public key of the ticket from the counter, which signs the form.
  package var ticket: [UInt8]
  /// ID_j.
  package var identity: String
  package var encounter: String
  package var symptoms: Symptoms
  /// PK_v.
  package var visitKey: [UInt8]
  /// S_v.
  package var visitSigningKey: [UInt8]
  /// X25519: receives what belongs to the visit.
  package var mailboxKey: [UInt8]
  /// What these keys were derived from.
  package var keyNonce: Digest32
  /// Closes an interrupted visit of this Encounter, signed with the S_v of that visit.
  package var closure: Signed<Message<VisitClosure>>?
  /// The visit that this one is to add to or correct.
  package var amends: VisitContext.AmendedVisit?

  package init(
    ticket: [UInt8], identity: String, encounter: String, symptoms: Symptoms,
    visitKey: [UInt8], visitSigningKey: [UInt8], mailboxKey: [UInt8], keyNonce: Digest32,
    closure: Signed<Message<VisitClosure>>?, amends: VisitContext.AmendedVisit? = nil
  ) {
    self.ticket = ticket
    (self.identity, self.encounter, self.symptoms) = (identity, encounter, symptoms)
    (self.visitKey, self.visitSigningKey) = (visitKey, visitSigningKey)
    (self.mailboxKey, self.keyNonce, self.closure) = (mailboxKey, keyNonce, closure)
    self.amends = amends
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.octets("ticket", ticket)
    fields.text("identity", identity)
    fields.text("encounter", encounter)
    fields.value("symptoms", symptoms)
    fields.octets("visitKey", visitKey)
    fields.octets("visitSigningKey", visitSigningKey)
    fields.octets("mailboxKey", mailboxKey)
    fields.digest("keyNonce", keyNonce)
    fields.optional("closure", closure)
    fields.optional("amends", amends)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    ticket = try fields.octets("ticket", count: 32)
    identity = try fields.text("identity")
    encounter = try fields.text("encounter")
    guard WrittenForm.isCanonical(identity), WrittenForm.isCanonical(encounter) else {
      throw DecodingFailure(.notCanonical, "identity or encounter is in another written form")
    }
    symptoms = try fields.value("symptoms")
    visitKey = try fields.octets("visitKey", Limits.pointByteCounts)
    visitSigningKey = try fields.octets("visitSigningKey", count: 32)
    mailboxKey = try fields.octets("mailboxKey", count: 32)
    keyNonce = try fields.digest("keyNonce")
    closure = try fields.optional("closure")
    amends = try fields.optional("amends")
  }
}

/// What a patient signs with S_v to have an open visit closed, so that another can begin.
package struct VisitClosure: NamedValue {
  package static let name = "visit-closure"

  package var genesis: Digest32
  package var visit: Digest32

  package init(genesis: Digest32, visit: Digest32) {
    (self.genesis, self.visit) = (genesis, visit)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.digest("visit", visit)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    visit = try fields.digest("visit")
  }
}

/// The hospital's answer to an admission: a visit to agree to, one that is complete already, or why there is
/// no team.
package enum AdmissionOffer: NamedValue {
  package static let name = "admission-offer"

  /// Attempts before this one were abandoned.
  case visit(VisitContext, evidence: [UInt8], opening: PseudonymOpening, attempt: UInt64)
  case complete(visit: Digest32)
  case noTeam(TeamRefusal)

  package func encode(into fields: inout some FieldEncoder) {
    switch self {
    case .visit(let context, let evidence, let opening, let attempt):
      fields.integer("answer", 1)
      fields.value("context", context)
      fields.octets("evidence", evidence)
      fields.value("opening", opening)
      fields.integer("attempt", attempt)
    case .complete(let visit):
      fields.integer("answer", 2)
      fields.digest("visit", visit)
    case .noTeam(let refusal):
      fields.integer("answer", 3)
      fields.value("refusal", refusal)
    }
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.integer("answer", in: 1...3) {
    case 1:
      self = .visit(
        try fields.value("context"), evidence: try fields.octets("evidence", count: 32),
        opening: try fields.value("opening"), attempt: try fields.integer("attempt"))
    case 2: self = .complete(visit: try fields.digest("visit"))
    default: self = .noTeam(try fields.value("refusal"))
    }
  }
}

/// Patient to hospital: the patient agrees to exactly the context of this digest.
package struct AuthorizeVisit: RoleRequest {
  package static let name = "authorize-visit"
  package typealias Reply = Done

  package var contextDigest: Digest32
  /// π.
  package var visitKeyProof: [UInt8]
  /// By S_v over the context.
  package var signature: [UInt8]

  package init(contextDigest: Digest32, visitKeyProof: [UInt8], signature: [UInt8]) {
    self.contextDigest = contextDigest
    self.visitKeyProof = visitKeyProof
    self.signature = signature
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.octets("visitKeyProof", visitKeyProof)
    fields.octets("signature", signature)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    visitKeyProof = try fields.octets("visitKeyProof", Limits.pointByteCounts)
    signature = try fields.octets("signature", count: 64)
  }
}

/// Hospital to doctor: you are on the team of this visit, whose group key is to be agreed on (4.3); the reply is the
/// doctor's answer to the offer.
package struct AssignVisit: RoleRequest {
  package static let name = "assign-visit"
  package typealias Reply = Octets

  /// What the hospital put on the ledger.
  package var opening: VisitOpening
  /// The first message of the exchange, with U_i: the same for the whole team.
  package var offer: [UInt8]

  package init(opening: VisitOpening, offer: [UInt8]) {
    (self.opening, self.offer) = (opening, offer)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("opening", opening)
    fields.octets("offer", offer)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    opening = try fields.value("opening")
    offer = try fields.octets("offer", 1...1 << 10)
  }
}

/// Patient to doctor: a presence, which the doctor keeps until both have compared words of it.
package struct ShowPresence: RoleRequest {
  package static let name = "show-presence"
  package typealias Reply = Done

  package var code: PresenceCode

  package init(_ code: PresenceCode) { self.code = code }

  package func encode(into fields: inout some FieldEncoder) { fields.value("code", code) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    code = try fields.value("code")
  }
}

/// Hospital to doctor: a message of the group key exchange (4.3) behind the offer; the reply is the next.
package struct ExchangeGroupKey: RoleRequest {
  package static let name = "exchange-group-key"
  package typealias Reply = Octets

  package enum Step: UInt64, Sendable { case confirmation = 1, delivery }

  package var visit: Digest32
  package var step: Step
  package var message: [UInt8]

  package init(visit: Digest32, step: Step, message: [UInt8]) {
    self.visit = visit
    self.step = step
    self.message = message
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", visit)
    fields.integer("step", step.rawValue)
    fields.octets("message", message)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visit = try fields.digest("visit")
    guard let step = Step(rawValue: try fields.integer("step")) else {
      throw DecodingFailure(.invalidField, "step is neither 1 nor 2")
    }
    self.step = step
    message = try fields.octets("message", 1...1 << 14)
  }
}

/// D_k to D_{k+1}: a piece of c_k (4.4).
package struct HandOverFindings: RoleRequest {
  package static let name = "hand-over-findings"
  package typealias Reply = PiecesHeld

  package var visit: Digest32
  package var head: FindingsHead
  package var piece: Piece

  package init(visit: Digest32, head: FindingsHead, piece: Piece) {
    (self.visit, self.head, self.piece) = (visit, head, piece)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", visit)
    fields.value("head", head)
    fields.value("piece", piece)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visit = try fields.digest("visit")
    head = try fields.value("head")
    piece = try fields.value("piece")
  }
}

/// D_k to D_{k−1}: send a piece of c_{k−1} again (4.4, step 2).
package struct ResendFindings: RoleRequest {
  package static let name = "resend-findings"
  package typealias Reply = HandOverFindings

  package var visit: Digest32
  package var index: Int

  package init(visit: Digest32, index: Int) { (self.visit, self.index) = (visit, index) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", visit)
    fields.integer("index", UInt64(index))
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visit = try fields.digest("visit")
    index = Int(try fields.integer("index", in: Piece.indices))
  }
}
