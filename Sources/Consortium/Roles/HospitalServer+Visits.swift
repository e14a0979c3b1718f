package import CanonicalEncoding
import Credentials
package import EMRScheme
package import Ledger

/// What a hospital keeps of a visit: α and the opening of PID are known to it, the findings never.
package struct HospitalVisit: NamedValue {
  package static let name = "hospital-visit"

  package var context: VisitContext
  package var evidence: [UInt8]
  package var opening: PseudonymOpening
  /// What the patient agreed to; nil before.
  package var agreed: VisitOpening?

  package init(
    context: VisitContext, evidence: [UInt8], opening: PseudonymOpening,
    agreed: VisitOpening? = nil
  ) {
    self.context = context
    self.evidence = evidence
    self.opening = opening
    self.agreed = agreed
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("context", context)
    fields.octets("evidence", evidence)
    fields.value("opening", opening)
    fields.optional("agreed", agreed)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    context = try fields.value("context")
    evidence = try fields.octets("evidence", count: 32)
    opening = try fields.value("opening")
    agreed = try fields.optional("agreed")
  }
}

extension HospitalServer {
  static let visitPrefix = "visit/"
  static func key(_ visit: Digest32) -> String { "\(visitPrefix)\(visit)" }
  /// S_v of an offer, before the ledger has it.
  static func offeredKey(_ visit: Digest32, _ key: [UInt8]? = nil) -> String {
    "offered/\(visit)/" + (key.map { "\(Digest32(sha256: $0))" } ?? "")
  }
  static let offerPrefix = "offer/"
  static func offerKey(_ contextDigest: Digest32) -> String { "\(offerPrefix)\(contextDigest)" }
  /// Of visits that earlier programs have opened.
  static func openedKey(_ contextDigest: Digest32) -> String { "opened/\(contextDigest)" }

  // MARK: Admission (4.3)

  /// Fixes what the visit is: PID, evidence α, the order s.
  ///
  /// An open visit of this patient and Encounter is abandoned, and the next attempt begins, if its
  /// own patient asks for that or its last deadline has passed. One that is complete stays.
  func admit(_ request: RequestAdmission, by author: Principal?) async throws -> AdmissionOffer {
    if let answer = try spendTicket(request.form, by: author) { return answer }
    do {
      return try await offer(request.form)
    } catch let refusal as TeamRefusal {
      // The same form may find a team later.
      return .noTeam(refusal)
    }
  }

  private func offer(_ form: AdmissionForm) async throws -> AdmissionOffer {
    let base = try await node.finalBlock()
    try await requireAmendment(form)
    var input = firstVisit(of: form.identity, encounter: form.encounter)
    while let known = try await knownVisit(input) {
      switch known.status {
      case .complete:
        try forgetNamedTeam(form)
        return try answer(
          form, .complete(visit: input.visitID(under: keys.visitIdentifiers)))
      case .open:
        // What is under way is not ended where nothing could follow.
        _ = try team(for: form, of: await doctors())
        let visit = input.visitID(under: keys.visitIdentifiers)
        let context = try await views.context(of: visit, at: id)
        try await abandon(visit, try reason(toClose: context, form, time: base.countedTime))
      case .abandoned: break
      }
      input.attempt += 1
    }
    let visitID = input.visitID(under: keys.visitIdentifiers)
    let evidence = Evidence(using: &randomness)
    let opening = PseudonymOpening(
      hospital: id, visitID: visitID, identity: form.identity, using: &randomness)
    let genesis = node.genesis
    let numbers = try await node.consortium.members(at: base.reference.height).numbers
    let doctors = try await doctors()
    let team = try team(for: form, of: doctors)
    let context = VisitContext(
      genesis: genesis.digest, suite: genesis.content.suite, hospital: id,
      pseudonym: opening.pseudonym, visitID: visitID, evidenceDigest: evidence.digest,
      signers: team.signers, openedAt: base.countedTime, window: numbers.window,
      resignatureLimit: numbers.resignatureLimit,
      baseHeight: base.reference.height, baseHash: base.reference.digest,
      visitKey: form.visitKey, visitSigningKey: form.visitSigningKey, keyNonce: form.keyNonce,
      mailboxKey: form.mailboxKey, amends: form.amends)
    let visit = HospitalVisit(context: context, evidence: evidence.bytes, opening: opening)
    let answer = AdmissionOffer.visit(
      context, evidence: evidence.bytes, opening: opening, attempt: input.attempt)
    return try self.answer(
      form, answer,
      team.changes(visitID).merging(
        [
          Self.offerKey(context.digest): Message(visit).encoded(),
          Self.offeredKey(visitID, form.visitSigningKey): form.visitSigningKey,
        ], uniquingKeysWith: { $1 }))
  }

  /// That what the form names as amended can be: nothing is offered that the ledger would refuse.
  private func requireAmendment(_ form: AdmissionForm) async throws {
    guard let amended = form.amends, amended.hospital == id else { return }
    guard let record = try await views.chains.view(of: id).visit(amended.visit) else {
      throw ConsortiumError(.unknownVisit, "there is no visit here that could be amended")
    }
    guard record.status == .complete else {
      throw ConsortiumError(.wrongState, "the visit that is to be amended is not complete")
    }
    let amendment = amended.amendment(
      by: form.visitSigningKey, at: id, genesis: node.genesis.digest)
    guard
      IdentityKey.isValid(
        amended.patientSignature, of: amendment.encoded(), by: record.signingKey)
    else { throw ConsortiumError(.unknownVisit, "there is no visit here that could be amended") }
  }

  /// What names the first visit of a person and Encounter, in whatever form they are written.
  func firstVisit(of identity: String, encounter: String) -> VisitIDInput {
    VisitIDInput(
      patient: WrittenForm.comparable(identity: identity),
      encounter: WrittenForm.canonical(encounter), attempt: 1)
  }

  private func knownVisit(_ input: VisitIDInput) async throws -> VisitRecord? {
    try await views.chains.view(of: id).visit(input.visitID(under: keys.visitIdentifiers))
  }

  /// Why an open visit may be closed; nobody closes another patient's.
  private func reason(
    toClose context: VisitContext, _ form: AdmissionForm, time: UInt64
  ) throws -> VisitAbandonment.Reason {
    if time > context.deadline(ofPosition: context.signers.count) { return .deadlinePassed }
    guard let closure = form.closure,
      case let asked = try closure.verified(by: context.visitSigningKey).payload,
      asked.genesis == context.genesis, asked.visit == context.visitID
    else { throw ConsortiumError(.visitOpen, "the Encounter has a visit under way") }
    return .interrupted
  }

  /// Ends a visit that cannot be completed.
  package func abandon(
    _ visit: Digest32, _ reason: VisitAbandonment.Reason
  ) async throws {
    try await ledger.put(VisitAbandonment(visit: visit, reason: reason))
  }

  /// Opens the visit on the ledger, after the patient agreed to its context.
  func open(_ request: AuthorizeVisit, by author: Principal?) async throws -> Done {
    let unknown = ConsortiumError(.unknownVisit, "the hospital has offered no such visit")
    guard case .patient(let visitID, let hospital) = author, hospital == id else { throw unknown }
    return try await openings.pass(visitID) {
      if try await isOpened(visitID, by: request.contextDigest) { return Done() }
      guard var visit: HospitalVisit = try store.load(Self.offerKey(request.contextDigest)),
        visit.context.visitID == visitID
      else { throw unknown }
      let opening = VisitOpening(
        context: visit.context, visitKeyProof: request.visitKeyProof,
        patientSignature: request.signature)
      try await ledger.put(opening)
      visit.agreed = opening
      try store.write(Self.opened(visit))
      // At once: the patient waits for the first doctor.
      if groupKeys.note(visitID) { try agreeOnGroupKeys() }
      return Done()
    }
  }

  /// S_v of the offers of a visit that the ledger does not have yet.
  func offeredKeys(of visit: Digest32) throws -> [[UInt8]] {
    try store.keys(withPrefix: Self.offeredKey(visit)).compactMap { try store.value(forKey: $0) }
  }

  /// Whether somebody may still agree to a visit.
  func isOffered(_ visit: Digest32) throws -> Bool {
    try !store.keys(withPrefix: Self.offeredKey(visit)).isEmpty
  }

  /// What is kept of an offer that the patient has agreed to.
  private static func opened(_ visit: HospitalVisit) -> [String: [UInt8]?] {
    let context = visit.context
    return [
      key(context.visitID): Message(visit).encoded(), offerKey(context.digest): nil,
      offeredKey(context.visitID, context.visitSigningKey): nil,
    ]
  }

  /// Whether this context opened a visit, so that its answer was lost: then it stands on the chain.
  private func isOpened(_ visitID: Digest32, by contextDigest: Digest32) async throws -> Bool {
    try await noteOpened(visitID)
    return try await views.chains.view(of: id).visit(visitID)?.contextDigest == contextDigest
  }

  func visit(_ visitID: Digest32) async throws -> HospitalVisit {
    try await noteOpened(visitID)
    guard let visit: HospitalVisit = try store.load(Self.key(visitID)) else {
      throw ConsortiumError(.unknownVisit, "the hospital knows no such visit")
    }
    return visit
  }

  /// Takes note of an opening that stands on the chain: the power may have failed behind it, before it was
  /// noted. Until then the offer has what else is known of the visit, so whoever would drop one asks this first.
  func noteOpened(_ visitID: Digest32) async throws {
    if try hasPatient(visitID) { return }
    let chain = try await views.chains.view(of: id)
    guard let record = try chain.visit(visitID),
      let leaf = try await views.chains.leaf(record.opening, of: id),
      case .visitOpening(let opening)? = Leaf.entry(in: leaf)?.content.body,
      var visit: HospitalVisit = try store.readable(Self.offerKey(record.contextDigest))
    else { return }
    visit.agreed = opening
    try store.write(Self.opened(visit))
    _ = groupKeys.note(visitID)
  }
}
