import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport

/// What a hospital can do against its own patients and doctors.
extension TestConsortium {
  /// Lets hospital 1 sign this about what is submitted; nil for the honest answer.
  ///
  /// - Parameter isTaken: what it puts on its chain all the same.
  func answerSubmissions(
    _ consortium: LocalConsortium, taking isTaken: Bool = false,
    _ outcome: @escaping @Sendable (Entry) -> SubmissionAnswer.Outcome?
  ) throws {
    let key = try identityKey(of: "hospital-1")
    let genesis = consortium.genesis.digest
    wire.intercept { transit in
      guard let entry = transit.payload(SubmitEntry.self)?.entry, let outcome = outcome(entry)
      else { return try await transit.deliver(transit.request) }
      if isTaken { _ = try await transit.deliver(transit.request) }
      let answer = SubmissionAnswer(
        genesis: genesis, chain: "hospital-1", generation: 0, entry: entry.digest,
        outcome: outcome)
      return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
    }
  }

  /// Has a hospital give the visit that it opens next this identifier.
  func squat(_ victim: Digest32, at hospital: String = "hospital-2") {
    let store = storage.roleStore(hospital)
    wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard let asked = transit.payload(RequestAdmission.self), transit.recipient == hospital,
        case .visit(var context, let evidence, _, let attempt) =
          try ReplyMessage<AdmissionOffer>(encoded: transit.open(reply)).result.get()
      else { return reply }
      var generator = SeededGenerator(seed: 14)
      let opening = PseudonymOpening(
        hospital: context.hospital, visitID: victim, identity: asked.form.identity,
        using: &generator)
      (context.visitID, context.pseudonym) = (victim, opening.pseudonym)
      let key = context.visitSigningKey
      try store.write([
        "offer/\(context.digest)": Message(
          HospitalVisit(context: context, evidence: evidence, opening: opening)
        ).encoded(),
        "offered/\(victim)/\(Digest32(sha256: key))": key,
      ])
      return try transit.answer(
        RequestAdmission.self,
        .visit(context, evidence: evidence, opening: opening, attempt: attempt))
    }
  }

  /// Has hospital 1 offer a visit that it has offered before once more, with the keys of the next form: for
  /// the same Encounter, if the form is for that.
  func offerAgain(_ context: VisitContext) {
    wire.intercept { transit in
      guard let asked = transit.payload(RequestAdmission.self) else {
        return try await transit.deliver(transit.request)
      }
      return try transit.answer(RequestAdmission.self, try Self.offer(context, to: asked.form))
    }
  }

  @inline(never)
  private static func offer(
    _ former: VisitContext, to form: AdmissionForm
  ) throws -> AdmissionOffer {
    var generator = SeededGenerator(seed: UInt64(form.keyNonce.bytes[0]))
    let evidence = Evidence(using: &generator)
    let opening = PseudonymOpening(
      hospital: former.hospital, visitID: former.visitID, identity: form.identity,
      using: &generator)
    var context = former
    (context.pseudonym, context.evidenceDigest) = (opening.pseudonym, evidence.digest)
    (context.visitKey, context.visitSigningKey) = (form.visitKey, form.visitSigningKey)
    (context.mailboxKey, context.keyNonce) = (form.mailboxKey, form.keyNonce)
    return .visit(context, evidence: evidence.bytes, opening: opening, attempt: 1)
  }
}
