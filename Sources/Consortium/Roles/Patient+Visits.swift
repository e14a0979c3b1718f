package import CanonicalEncoding
import Credentials
package import EMRScheme
import Ledger

/// What a hospital made of a patient's wish to be admitted.
package enum Admission: Sendable, Equatable {
  /// The visit is open on the ledger.
  case opened(VisitContext, attempt: UInt64)
  /// The Encounter has a complete visit already.
  case complete(visit: Digest32)
}

/// What a patient keeps of a ticket that was used.
struct PatientAdmission: NamedValue {
  static let name = "patient-admission"

  /// The only form that is ever sent with the ticket.
  let form: AdmissionForm
  /// The context that the patient has agreed to; nil before.
  var agreed: Digest32?

  init(form: AdmissionForm) { self.form = form }

  func encode(into fields: inout some FieldEncoder) {
    fields.value("form", form)
    fields.octets("agreed", agreed?.bytes ?? [])
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    form = try fields.value("form")
    agreed = Digest32(try fields.octets("agreed", 0...32))
  }
}

extension Patient {
  /// Asks a hospital for a visit and agrees to it, after checking what it is (4.3).
  ///
  /// Asked again with the same ticket, it sends the same form, and agrees to nothing else than before.
  /// - Parameters:
  ///   - symptoms: by which the hospital finds the team; told to nobody else.
  ///   - ticket: from the hospital's counter.
  /// - Throws: ``ConsortiumError``, as `no-team` with the reason.
  package func admit(
    to hospital: String, encounter: String, symptoms: Symptoms = Symptoms(),
    ticket: AdmissionTicket
  ) async throws -> Admission {
    let server = try await client.supernode(hospital)
    guard server.role == .hospital else {
      throw ConsortiumError(.unreachable, "there is no hospital \(hospital)")
    }
    let ticketKey = try ticket.key(genesis: genesis.digest, hospital: hospital)
    var admission = try admission(ticketKey.publicKey, to: hospital, encounter, symptoms)
    let visitKeys = try keys(at: hospital, nonce: admission.form.keyNonce)
    let offer = try await client.ask(
      RequestAdmission(admission.form), of: hospital,
      by: [Author(.key(ticketKey.publicKey), ticketKey)])
    switch offer {
    case .complete(let visit): return .complete(visit: visit)
    case .noTeam(let refusal):
      throw ConsortiumError(.noTeam, "\(hospital): \(refusal.reason)")
    case .visit(let context, let evidence, let opening, let attempt):
      guard admission.agreed.map({ $0 == context.digest }) ?? true else {
        throw ConsortiumError(.wrongContext, "the hospital has offered another visit before")
      }
      let visit = PatientVisit(
        context: context, evidence: evidence, opening: opening)
      try await check(visit, visitKeys, hospital)
      if admission.agreed == nil {
        admission.agreed = context.digest
        try store.write([
          Self.key(context.visitID): Message(visit).encoded(),
          Self.lastVisitKey(encounter, hospital): context.visitID.bytes,
          Self.admissionKey(ticketKey.publicKey): Message(admission).encoded(),
        ])
      }
      _ = try await client.ask(
        AuthorizeVisit(
          contextDigest: context.digest, visitKeyProof: try visitKeys.visitKey.prove(context),
          signature: visitKeys.signingKey.sign(context)),
        of: hospital, by: [author(context, visitKeys.signingKey)])
      return .opened(context, attempt: attempt)
    }
  }

  private static func admissionKey(_ ticket: [UInt8]) -> String { "admission/\(ticket.hex)" }

  /// The admission that a ticket is used for: with a nonce of its own, so that its keys are those of no
  /// other visit. One key for two visits would let one consent open both.
  private func admission(
    _ ticket: [UInt8], to hospital: String, _ encounter: String, _ symptoms: Symptoms
  ) throws -> PatientAdmission {
    if let known: PatientAdmission = try store.load(Self.admissionKey(ticket)) {
      guard known.form.encounter == encounter else {
        throw ConsortiumError(.reused, "the ticket was used for another Encounter")
      }
      return known
    }
    let visitKeys = try keys(at: hospital, nonce: Digest32(sha256: randomness.bytes(32)))
    let admission = PatientAdmission(
      form: AdmissionForm(
        ticket: ticket, identity: identity, encounter: encounter, symptoms: symptoms,
        visitKey: visitKeys.visitKey.encodedPublicKey,
        visitSigningKey: visitKeys.signingKey.publicKey,
        mailboxKey: visitKeys.mailboxKey.publicKey, keyNonce: visitKeys.nonce,
        closure: try closure(ofLastVisit: encounter, at: hospital)))
    try store.save(admission, Self.admissionKey(ticket))
    return admission
  }

  private static func lastVisitKey(_ encounter: String, _ hospital: String) -> String {
    "encounter/\(hospital)/\(encounter)"
  }

  /// Lets the hospital close the visit of an Encounter that was under way before.
  private func closure(
    ofLastVisit encounter: String, at hospital: String
  ) throws -> Signed<Message<VisitClosure>>? {
    let bytes = try store.value(forKey: Self.lastVisitKey(encounter, hospital))
    guard let visitID = bytes.flatMap({ Digest32($0) }) else { return nil }
    let key = try keys(of: try visit(visitID).context).signingKey
    return Signed(Message(VisitClosure(genesis: genesis.digest, visit: visitID)), by: key)
  }

  /// Checks everything in a context that the patient is about to sign.
  private func check(
    _ visit: PatientVisit, _ keys: PatientVisitKeys<Suite>, _ hospital: String
  ) async throws {
    let context = visit.context
    guard context.genesis == genesis.digest, context.suite == genesis.genesis.suite,
      context.hospital == hospital,
      keys.areNamed(in: context), context.keyNonce == keys.nonce,
      context.mailboxKey == keys.mailboxKey.publicKey, context.amends == nil,
      visit.opening.identity == identity,
      try Evidence(visit.evidence).digest == context.evidenceDigest
    else { throw ConsortiumError(.wrongContext, "the hospital offers another visit") }
    try visit.opening.check(against: context)
    let proven = try await client.prove(
      .consortiumBlock(height: context.baseHeight), by: hospital)
    guard case .header(let base) = proven.leaf, proven.chain == ChainName.consortium,
      base.height == context.baseHeight, base.digest == context.baseHash,
      base.countedTime == context.openedAt
    else { throw ConsortiumError(.wrongContext, "the visit does not begin at a final block") }
    let numbers = try await client.members(
      inEpoch: genesis.epoch(ofHeight: base.height), by: hospital
    ).numbers
    guard context.window == numbers.window, context.resignatureLimit == numbers.resignatureLimit
    else { throw ConsortiumError(.wrongContext, "the hospital offers other limits") }
    try await client.requireCurrentTeam(of: context)
  }

  /// What the patient shows to a doctor of the team in person, as a QR code: signed for this doctor and
  /// this minute.
  package func presence(_ visitID: Digest32, to doctor: String) throws -> PresenceCode {
    let visit = try visit(visitID)
    guard visit.context.signers.contains(where: { $0.doctor == doctor }) else {
      throw ConsortiumError(.notEntitled, "\(doctor) is not on the team of this visit")
    }
    let presence = Presence(
      contextDigest: visit.context.digest, doctor: doctor,
      minute: Presence.minute(of: inbox.clock()))
    return PresenceCode(
      visit: visitID, evidence: visit.evidence,
      presence: Signed(Message(presence), by: try keys(of: visit.context).signingKey))
  }

  /// The same to a doctor who is elsewhere, by courier.
  ///
  /// - Returns: what was sent; it counts once the patient has read its words to the doctor.
  package func showPresence(
    _ visitID: Digest32, to doctor: String
  ) async throws -> PresenceCode {
    let code = try presence(visitID, to: doctor)
    let context = try visit(visitID).context
    _ = try await client.activeDoctor(doctor, by: context.hospital)
    _ = try await client.ask(
      ShowPresence(code), of: doctor, by: [author(context, try keys(of: context).signingKey)])
    return code
  }

  /// Opens the record of a final visit, compares it with the ledger, and gives the receipt.
  ///
  /// A record that is the one on the ledger but not what the team signed is disputed. One that is
  /// not the one on the ledger is an error: the cloud has to produce the right one.
  package func collect(_ visitID: Digest32, at hospital: String) async throws -> CollectedRecord {
    let (completion, signed) = try await client.completion(of: visitID, at: hospital)
    let context = completion.context
    let visitKeys = try keys(of: context)
    let visitKey = try VerifiedVisitKey<Suite>(alreadyVerified: context)
    let record = try await record(completion, visitKeys.signingKey)
    let accepted = try? record.check(for: visitKey).open(with: visitKeys.visitKey, signed: signed)
    let verdict = accepted == nil ? VisitReceipt.Verdict.disputed : .acknowledged
    let receipt = entry(
      VisitReceipt(visit: visitID, recordDigest: completion.recordDigest, verdict: verdict),
      context, visitKeys.signingKey)
    let isNew = try await give(receipt, until: .written, context, visitKeys.signingKey)
    try remember(completion, accepted, receipt: isNew ? receipt : nil)
    return CollectedRecord(record: accepted.map(OpenedRecord.init), isNewlyReceipted: isNew)
  }

  /// - Returns: whether the ledger had no other receipt before.
  private func give(
    _ receipt: Entry, until standing: EntrySubmission.Standing, _ context: VisitContext,
    _ key: IdentityKey
  ) async throws -> Bool {
    do {
      try await client.submit(receipt, until: standing, by: [author(context, key)])
      return true
    } catch let refusal as SignedRefusal
      where refusal.code == ConsortiumError.Code.alreadyReceipted.description
    {
      return false
    }
  }

  /// Brings the receipt of a visit again, until the cloud has confirmed it: what a hospital alone says that
  /// it has written, it may keep back.
  ///
  /// - Returns: whether it is confirmed. If it stays away, ``demandReceipt(_:through:)`` is left.
  package func confirmReceipt(_ visitID: Digest32) async throws -> Bool {
    guard let receipt = try visit(visitID).receipt else { return try hasReceipted(visitID) }
    let context = try visit(visitID).context
    do {
      _ = try await give(receipt, until: .confirmed, context, keys(of: context).signingKey)
    } catch let error as ConsortiumError where error.code == .outcomeUnknown {
      return false
    }
    var visit = try visit(visitID)
    visit.receipt = nil
    try save(visit)
    return true
  }

  /// Brings a receipt that the hospital keeps back onto the ledger by a demand.
  ///
  /// What the patient found becomes visible to all who read the consortium chain.
  package func demandReceipt(_ visitID: Digest32, through supernode: String) async throws {
    let visit = try visit(visitID)
    guard let receipt = visit.receipt else { return }
    let key = try keys(of: visit.context).signingKey
    try await client.demand(receipt, through: supernode, by: [author(visit.context, key)])
  }

  /// The record that a completion names: from the hospital's cloud, or from one before it while that one
  /// has not got it.
  private func record(
    _ completion: VisitCompletion, _ key: IdentityKey
  ) async throws -> SealedRecord {
    let context = completion.context
    func ask(_ cloud: String) async throws -> SealedRecord {
      let bytes = try await client.ask(
        FetchOwnRecord(), of: cloud, by: [author(context, key)]
      ).bytes
      guard let record = try? SealedRecord(encoded: bytes),
        record.recordDigest(visitKey: context.visitKey) == completion.recordDigest
      else { throw ConsortiumError(.recordTampered, "the record is not the one on the ledger") }
      return record
    }
    var asked = [try await client.cloud(ofHospital: context.hospital)]
    do {
      return try await ask(asked[0])
    } catch let error as ConsortiumError {
      let former = try? await client.memberships(
        since: genesis.epoch(ofHeight: context.baseHeight), by: context.hospital)
      for members in former ?? [] {
        guard let cloud = members.cloud(ofHospital: context.hospital), !asked.contains(cloud)
        else { continue }
        asked.append(cloud)
        if let record = try? await ask(cloud) { return record }
      }
      throw error
    }
  }

  /// Notes that the visit has its receipt.
  private func remember(
    _ completion: VisitCompletion, _ record: AcceptedRecord?, receipt: Entry?
  ) throws {
    guard var visit: PatientVisit = try store.load(Self.key(completion.context.visitID)) else {
      return
    }
    (visit.isReceipted, visit.receipt) = (true, receipt)
    visit.recordDigest = record?.recordDigest
    try save(visit)
  }

  /// Whether the receipt of a visit is known to be on the ledger.
  package func hasReceipted(_ visitID: Digest32) throws -> Bool {
    let visit: PatientVisit? = try store.load(Self.key(visitID))
    return visit?.isReceipted ?? false
  }
}
