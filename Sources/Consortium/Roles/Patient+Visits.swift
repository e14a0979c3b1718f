public import CanonicalEncoding
import Credentials
public import EMRScheme
import Ledger

/// What a hospital made of a patient's wish to be admitted.
public enum Admission: Sendable, Equatable {
  /// The visit is open on the ledger: with its team in the order of signing. `attempt` above 1: those before
  /// were closed as abandoned.
  case opened(VisitContext, attempt: UInt64)
  /// The Encounter has a complete visit already.
  case complete(visit: Digest32)
}

/// What a patient keeps of a ticket that was used, until there is a visit to agree to: ``PatientAgreement``.
struct PatientAdmission: NamedValue {
  static let name = "patient-admission"

  /// The only form that is ever sent with the ticket.
  let form: AdmissionForm

  init(form: AdmissionForm) { self.form = form }

  func encode(into fields: inout some FieldEncoder) { fields.value("form", form) }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    form = try fields.value("form")
  }
}

/// A record that a completion names, opened.
struct CheckedRecord {
  /// nil if the record is not what the team signed.
  let record: AcceptedRecord?
  let receipt: VisitReceipt
}

extension Patient {
  /// Asks a hospital for a visit and agrees to it, after checking what it is (4.3).
  ///
  /// Asked again with the same ticket, it sends the same form, and agrees to nothing else than before. What
  /// the patient complains of is erased here when there is a visit to agree to, or ten days later.
  /// - Parameters:
  ///   - hospital: its identifier in the ledger.
  ///   - encounter: what the hospital calls the occasion: at most 256 bytes of UTF-8.
  ///   - symptoms: by which the hospital finds the team; told to nobody else.
  ///   - ticket: from the hospital's counter.
  ///   - amended: a complete visit of this patient, of any hospital, that this one adds to or corrects.
  ///   - underWay: a visit of this Encounter that the patient knows of by ``restore(anew:)`` alone, and lets
  ///     the hospital close.
  /// - Throws: ``ConsortiumError``, as `no-team` with the reason.
  public func admit(
    to hospital: String, encounter: String, symptoms: Symptoms = Symptoms(),
    ticket: AdmissionTicket, amending amended: NamedVisit? = nil, closing underWay: Digest32? = nil
  ) async throws -> Admission {
    let encounter = WrittenForm.canonical(encounter)
    try MessageLimits.requireText(encounter, identity)
    let ticketKey = try ticket.key(genesis: genesis.digest, hospital: hospital)
    ticketKeys[hospital] = ticketKey
    let server = try await client.supernode(hospital)
    guard server.role == .hospital else {
      throw ConsortiumError(.unreachable, "there is no hospital \(hospital)")
    }
    try await forgetForms()
    if let agreement = try agreement(ticketKey.publicKey, to: encounter) {
      let context = try visit(agreement.visit, at: hospital).context
      guard context.amends.map(NamedVisit.init) == amended else {
        throw ConsortiumError(.reused, "the ticket was used for another visit")
      }
      return try await authorize(agreement, at: hospital)
    }
    let admission = try await admission(
      ticketKey.publicKey, to: hospital, encounter, symptoms, amending: amended, closing: underWay)
    let visitKeys = try keys(at: hospital, nonce: admission.form.keyNonce)
    let offer = try await client.ask(
      RequestAdmission(admission.form), of: hospital,
      by: [Author(.key(ticketKey.publicKey), ticketKey)])
    switch offer {
    case .complete(let visit): return .complete(visit: visit)
    case .noTeam(let refusal):
      throw ConsortiumError(.noTeam, "\(hospital): \(refusal.reason)")
    case .visit(let context, let evidence, let opening, let attempt):
      let visit = PatientVisit(
        context: context, evidence: evidence, opening: opening, encounter: encounter)
      try await check(visit, opening, visitKeys, admission.form.amends, hospital)
      // The same call may have agreed to another while this one waited.
      if let known = try agreement(ticketKey.publicKey, to: encounter) {
        guard known.contextDigest == context.digest else {
          throw ConsortiumError(.wrongContext, "the hospital has offered another visit before")
        }
      }
      return try await authorize(
        try agree(to: visit, attempt, with: ticketKey.publicKey), at: hospital)
    }
  }

  static func admissionKey(_ ticket: [UInt8]) -> String { "admission/\(ticket.hex)" }

  /// What a ticket is bound to: the first form that was made with it is the only one.
  package enum TicketUse: Sendable, Equatable {
    case unused
    /// The form waits for an answer, and says this.
    case form(Symptoms)
    /// It has led to a visit: what was said is known here no more.
    case visit
  }

  /// What a ticket was used for, by what is known here.
  package func use(of ticket: AdmissionTicket, at hospital: String) throws -> TicketUse {
    let key = try ticket.key(genesis: genesis.digest, hospital: hospital).publicKey
    if try hasAgreed(with: key) { return .visit }
    let known: PatientAdmission? = try store.load(Self.admissionKey(key))
    return known.map { .form($0.form.symptoms) } ?? .unused
  }

  /// The admission that a ticket is used for: with a nonce of its own, so that its keys are those of no
  /// other visit. One key for two visits would let one consent open both.
  private func admission(
    _ ticket: [UInt8], to hospital: String, _ encounter: String, _ symptoms: Symptoms,
    amending amended: NamedVisit?, closing underWay: Digest32?
  ) async throws -> PatientAdmission {
    func known() throws -> PatientAdmission? {
      guard let known: PatientAdmission = try store.load(Self.admissionKey(ticket)) else {
        return nil
      }
      guard known.form.encounter == encounter, known.form.amends.map(NamedVisit.init) == amended
      else { throw ConsortiumError(.reused, "the ticket was used for another visit") }
      return known
    }
    if let known = try known() { return known }
    var amendedKey: IdentityKey?
    if let amended {
      // Its record has to be complete, and this patient's.
      let (_, _, keys) = try await completion(of: amended.visit, at: amended.hospital)
      amendedKey = keys.signingKey
      if let known = try known() { return known }
    }
    let visitKeys = try keys(at: hospital, nonce: Digest32(sha256: randomness.bytes(32)))
    let admission = PatientAdmission(
      form: AdmissionForm(
        ticket: ticket, identity: identity, encounter: encounter, symptoms: symptoms,
        visitKey: visitKeys.visitKey.encodedPublicKey,
        visitSigningKey: visitKeys.signingKey.publicKey,
        mailboxKey: visitKeys.mailboxKey.publicKey, keyNonce: visitKeys.nonce,
        closure: try closure(ofLastVisit: encounter, at: hospital, underWay),
        amends: amended.flatMap { amended in
          amendedKey.map {
            amended.amended(
              by: visitKeys.signingKey.publicKey, at: hospital, genesis: genesis.digest, key: $0)
          }
        }))
    try keep(admission, ticket)
    return admission
  }

  static func lastVisitKey(_ encounter: String, _ hospital: String) -> String {
    "encounter/\(hospital)/\(encounter)"
  }

  /// Lets the hospital close the visit of an Encounter that was under way before.
  private func closure(
    ofLastVisit encounter: String, at hospital: String, _ underWay: Digest32?
  ) throws -> Signed<Message<VisitClosure>>? {
    let bytes = try store.value(forKey: Self.lastVisitKey(encounter, hospital))
    guard let visitID = underWay ?? bytes.flatMap({ Digest32($0) }) else { return nil }
    let key: IdentityKey
    if let found = try keys(ofVisitUnderWay: visitID, at: hospital) {
      key = found.signingKey
    } else {
      key = try keys(of: try agreedVisit(visitID, at: hospital).context).signingKey
    }
    return Signed(Message(VisitClosure(genesis: genesis.digest, visit: visitID)), by: key)
  }

  /// Checks everything in a context that the patient is about to sign.
  private func check(
    _ visit: PatientVisit, _ opening: PseudonymOpening, _ keys: PatientVisitKeys<Suite>,
    _ amends: VisitContext.AmendedVisit?, _ hospital: String
  ) async throws {
    let context = visit.context
    guard context.genesis == genesis.digest, context.suite == genesis.content.suite,
      context.hospital == hospital,
      keys.areNamed(in: context), context.keyNonce == keys.nonce,
      context.mailboxKey == keys.mailboxKey.publicKey, context.amends == amends,
      opening.identity == identity,
      try Evidence(visit.evidence).digest == context.evidenceDigest
    else { throw ConsortiumError(.wrongContext, "the hospital offers another visit") }
    try requireOffer(visit)
    try opening.check(against: context)
    let proven = try await client.prove(
      .consortiumBlock(height: context.baseHeight), by: hospital)
    guard case .header(let base) = proven.leaf, proven.chain == ChainName.consortium,
      base.height == context.baseHeight, base.digest == context.baseHash,
      base.countedTime == context.openedAt
    else { throw ConsortiumError(.wrongContext, "the visit does not begin at a final block") }
    try await client.requireNumbers(of: context)
    try await client.requireCurrentTeam(of: context)
  }

  /// What the patient shows to a doctor of the team in person, as a QR code: signed for this doctor and
  /// this minute.
  ///
  /// - Parameter agreed: the digest of the context that the patient means, one of those agreed to; by default the
  ///   last one that the hospital has opened, by its word, whatever it has offered since.
  /// - Throws: ``ConsortiumError`` `unknown-visit`, `not-entitled`; `wrong-context` for a context that was not
  ///   agreed to.
  public func presence(
    _ visitID: Digest32, at hospital: String, to doctor: String, agreed: Digest32? = nil
  ) throws -> PresenceCode {
    let visit = try agreedVisit(visitID, at: hospital, agreed)
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
  public func showPresence(
    _ visitID: Digest32, at hospital: String, to doctor: String, agreed: Digest32? = nil
  ) async throws -> PresenceCode {
    let code = try presence(visitID, at: hospital, to: doctor, agreed: agreed)
    let context = try agreedVisit(visitID, at: hospital, agreed).context
    _ = try await client.activeDoctor(doctor, by: context.hospital)
    _ = try await client.ask(
      ShowPresence(code), of: doctor, by: [author(context, try keys(of: context).signingKey)])
    return code
  }

  /// Opens the record of a final visit, compares it with the ledger, and gives the receipt.
  ///
  /// A record that is the one on the ledger but not what the team signed is disputed. One that is
  /// not the one on the ledger is an error: the cloud has to produce the right one. The record is given back
  /// whatever the hospital says to the receipt, or if it says nothing: ``followUp(demandingAfter:)`` goes on.
  /// - Throws: ``ConsortiumError`` `not-final` until the completed visit is; `record-missing`,
  ///   `record-tampered`.
  public func collect(_ visitID: Digest32, at hospital: String) async throws -> CollectedRecord {
    let (completion, signed, visitKeys) = try await completion(of: visitID, at: hospital)
    let context = completion.context
    let opened = try await open(completion, signed, visitKeys)
    try learn(context, opened.record)
    let given = try await give(opened.receipt, context, visitKeys.signingKey)
    try noteReceipt(context, given.standing)
    // What fails is tried again before the next step that needs it.
    try? await keepNote(of: visitID, at: hospital)
    return CollectedRecord(
      record: opened.record.map(OpenedRecord.init), isNewlyReceipted: given.isNew,
      receipt: given.standing, receiptFailure: given.failure)
  }

  /// Whether a visit is open by the word of the hospital's cloud: its team has not completed it.
  package func isOpen(_ visitID: Digest32, at hospital: String) async throws -> Bool {
    let key = try keys(of: try agreedVisit(visitID, at: hospital).context).signingKey
    let cloud = try await client.cloud(ofHospital: hospital)
    return try await client.ask(
      FetchNote(), of: cloud, by: [author(visitID, at: hospital, key)]
    ).status == .open
  }

  /// Opens the record of a visit, and says what the receipt is.
  func open(
    _ completion: VisitCompletion, _ signed: VerifiedSignature<Suite>,
    _ keys: PatientVisitKeys<Suite>
  ) async throws -> CheckedRecord {
    let visitKey = try VerifiedVisitKey<Suite>(alreadyVerified: completion.context)
    let (head, c) = try await record(completion, keys.signingKey)
    let record = try? head.check(for: visitKey).open(c, with: keys.visitKey, signed: signed)
    return CheckedRecord(
      record: record,
      receipt: VisitReceipt(
        visit: completion.context.visitID, recordDigest: completion.recordDigest,
        verdict: record == nil ? .disputed : .acknowledged))
  }

  /// - Returns: whether the hospital has taken it now, and how it stands, or the one before: refused if the
  ///   hospital says so, as that there is one, which nobody proves; sent where it has said nothing; and why it
  ///   is not taken.
  /// - Throws: ``StoreError``.
  func give(
    _ receipt: VisitReceipt, _ context: VisitContext, _ key: IdentityKey
  ) async throws -> (isNew: Bool, standing: SubmissionStanding, failure: ConsortiumError?) {
    if let standing = try finalReceipt(of: receipt.visit, at: context.hospital) {
      return (false, standing, nil)
    }
    let (signed, isNew) = try entry(receipt, at: context.hospital) {
      try self.entry($0, context, key)
    }
    do {
      let standing = try await submit(signed, isNoted: isNew, until: .written) {
        try receiptChanges(context, $0)
      }
      return (true, standing, nil)
    } catch let error as StoreError {
      throw error
    } catch let refusal as SignedRefusal {
      if refusal.code == ConsortiumError.Code.alreadyReceipted.description {
        do {
          return (false, try await provenReceipt(of: context, key), nil)
        } catch let error as StoreError {
          throw error
        } catch {
          // It is refused then.
        }
      }
      let standing = SubmissionStanding.refused(code: refusal.code, position: refusal.position)
      return (false, standing, refusal.error)
    } catch {
      // Kept before it was sent, and sent again by followUp.
      let standing = try rows.row(signed.digest)?.standing ?? .sent
      return (false, standing, standing.isTaken ? nil : ConsortiumError(error))
    }
  }

  /// The record that a completion names: from the hospital's cloud, or from one before it while that one
  /// has not got it.
  func record(
    _ completion: VisitCompletion, _ key: IdentityKey
  ) async throws -> (head: RecordHead, c: [UInt8]) {
    let context = completion.context
    func ask(_ cloud: String) async throws -> (head: RecordHead, c: [UInt8]) {
      try await unfinishedRecord.read(
        completion.recordDigest, visitKey: context.visitKey, from: cloud
      ) { index in
        try await client.ask(
          FetchOwnRecord(recordDigest: completion.recordDigest, index: index), of: cloud,
          by: [author(context, key)])
      }
    }
    var asked = [try await client.cloud(ofHospital: context.hospital)]
    do {
      return try await ask(asked[0])
    } catch let error as ConsortiumError {
      for members in try await memberships(since: context) {
        guard let cloud = members.cloud(ofHospital: context.hospital), !asked.contains(cloud)
        else { continue }
        asked.append(cloud)
        if let record = try? await ask(cloud) { return record }
      }
      throw error
    }
  }

  /// All members since a visit began, by the newest that anybody shows and the first who proves the others: every
  /// supernode has the consortium chain. None if nobody does.
  private func memberships(since context: VisitContext) async throws -> [ValidMembers] {
    let epoch = genesis.epoch(ofHeight: context.baseHeight)
    var supernodes = [context.hospital]
    do {
      supernodes = try await presentMembers().supernodes.map(\.id)
    } catch let error as StoreError {
      throw error
    } catch {
      // The hospital may have been removed, and is all that is left to ask.
    }
    for supernode in supernodes {
      do {
        return try await client.memberships(since: epoch, by: supernode)
      } catch let error as StoreError {
        throw error
      } catch {
        continue
      }
    }
    return []
  }

  /// Keeps a visit as the ledger has it, also one that this program has not begun: its receipt is brought
  /// in its name.
  private func learn(_ context: VisitContext, _ record: AcceptedRecord?) throws {
    var visit = try known(context)
    if visit.evidence.isEmpty { visit.evidence = record?.plaintext.alpha ?? [] }
    visit.recordDigest = record?.recordDigest
    try store.write(try provenChanges(visit))
  }

  /// What has to be written when the hospital has answered to a receipt.
  private func receiptChanges(
    _ context: VisitContext, _ standing: SubmissionStanding
  ) throws -> [String: [UInt8]?] {
    guard standing.isTaken, var visit: PatientVisit = try store.load(Self.key(context)),
      visit.context == context, !visit.isReceipted
    else { return [:] }
    visit.isReceipted = true
    return [Self.key(context): Message(visit).encoded()]
  }

  /// Notes that a visit has its receipt.
  func noteReceipt(_ context: VisitContext, _ standing: SubmissionStanding) throws {
    let changes = try receiptChanges(context, standing)
    if !changes.isEmpty { try store.write(changes) }
  }

  /// Whether the receipt of a visit is known to be on the ledger.
  package func hasReceipted(_ visitID: Digest32, at hospital: String) throws -> Bool {
    let visit: PatientVisit? = try store.load(Self.key(visitID, hospital))
    return try visit?.isReceipted == true || finalReceipt(of: visitID, at: hospital) != nil
  }
}
