public import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// What this patient has submitted: receipts, consents and revocations.
extension Patient: Submitter {
  /// As whom an entry about a visit is brought.
  func authors(of entry: Entry) throws -> [Author] {
    guard case .patient(let visit) = entry.content.signer else {
      throw ConsortiumError(.unknownVisit, "the entry is not this patient's")
    }
    let context = try self.visit(visit, at: entry.content.chain).context
    return [author(context, try keys(of: context).signingKey)]
  }

  /// The notice of a consent that was taken back, or has expired: who was given nothing needs none, and who was has
  /// one that stands.
  func isWithdrawn(_ row: KeptSubmission) throws -> Bool {
    guard row.kind == .consent, let consent = row.consent else { return false }
    return try given(consent).map(isEnded) ?? false
  }

  /// A refused revocation: the rules refuse one only where another entry of the patient's takes the consent back, and
  /// if that is shown, the consent stands as it was asked for. Somebody reads while it is not.
  func isContested(_ row: KeptSubmission) async throws -> Bool {
    guard row.kind == .revocation else { return false }
    guard case .refused(Refusal.consentRevoked.code, _) = row.standing else { return true }
    return try await !isReplaced(row)
  }

  /// A revocation is needless where another one takes the same consent back, by the ledger or by a final demand.
  func isReplaced(_ row: KeptSubmission) async throws -> Bool {
    guard row.kind == .revocation else { return false }
    do {
      guard let standing = try await provenRevocation(insteadOf: row) else { return false }
      try rows.change(row.digest) { $0.note(another: standing, at: client.clock()) }
      return true
    } catch let error as StoreError {
      throw error
    } catch {
      return false
    }
  }

  /// How it stands that a consent was taken back by another entry of this patient's, as another device has
  /// made one: as a hospital or a cloud says that there is one, but with the proof.
  ///
  /// - Returns: nil unless one is proven to be final, or to be demanded.
  private func provenRevocation(
    insteadOf row: KeptSubmission
  ) async throws -> SubmissionStanding? {
    func isAnother(_ entry: Entry) -> Bool {
      guard case .revocation(let revocation) = entry.content.body else { return false }
      return revocation.document == row.consent && entry.digest != row.digest
    }
    let shown = try await sharing(row.visit, at: row.hospital)
    for entry in shown.entries where isAnother(entry) {
      do {
        return .final(index: try await client.finalIndex(of: entry))
      } catch let error as StoreError {
        throw error
      } catch {
        // It may be a demand that counts.
      }
    }
    return shown.demanded.first { isAnother($0.entry) }.map { .demanded(index: $0.index) }
  }

  /// What this patient has submitted and how it stands, the newest last: all that is not final, and the
  /// last 1024 that are.
  public func submissions() throws -> [Submission] { try submitted }

  /// Demands what was submitted, and was refused or is not final, at once. It becomes visible to all who
  /// read the consortium chain, and may be called again until the demand is final (`not-final`).
  ///
  /// - Returns: how it stands: demanded at least.
  @discardableResult
  public func demand(submission entry: Digest32) async throws -> SubmissionStanding {
    try await demand(submitted: entry)
  }

  /// Goes on with everything that is not final, as ``Submitter/follow(demandingAfter:)``, and forgets forms
  /// whose tickets are over, and consents that have ended before they arrived.
  ///
  /// - Parameter patience: seconds; nil to demand nothing.
  /// - Returns: what was submitted, as ``submissions()``.
  @discardableResult
  public func followUp(
    demandingAfter patience: UInt64? = Submission.patience
  ) async throws -> [Submission] {
    var steps = SeparateSteps()
    // First, so that what says which row is damaged is what is thrown.
    try await steps.take { try requireReadableRows() }
    try await steps.take { try await follow(demandingAfter: patience) }
    try await steps.take { try await forgetForms() }
    try await steps.take { try await forgetEndedConsents() }
    try steps.finish()
    return try submitted
  }

  /// That nothing of the store is damaged.
  ///
  /// - Throws: ``StoreError`` `corrupted`, which names the first row that is.
  private func requireReadableRows() throws {
    if let key = try damagedRows().first {
      throw StoreError(.corrupted, "\"\(key)\" cannot be read")
    }
  }

  /// How the notice of a consent stands.
  package func standing(ofConsent consent: Digest32) throws -> SubmissionStanding? {
    try standing(of: .consent, about: consent)
  }

  /// The receipt as it was signed before, unless it is final: signed once, it is one entry.
  ///
  /// - Returns: and whether it is new, and noted as sent.
  func entry(
    _ receipt: VisitReceipt, at hospital: String, orSigned make: (VisitReceipt) throws -> Entry
  ) throws -> (entry: Entry, isNew: Bool) {
    let known = try (rows.open() + rows.settled()).lazy.compactMap(\.entry).first {
      $0.content.body == .visitReceipt(receipt) && $0.content.chain == hospital
    }
    if let known { return (known, false) }
    let entry = try make(receipt)
    // Nothing comes between looking and keeping.
    try store.write(rows.changes(sending: entry, at: client.clock()))
    return (entry, true)
  }

  /// How the receipt of a visit stands that was final before.
  func finalReceipt(of visit: Digest32, at hospital: String) throws -> SubmissionStanding? {
    try rows.settled().first {
      $0.kind == .receipt && $0.visit == visit && $0.hospital == hospital && $0.standing.isFinal
    }?.standing
  }

  /// How a receipt stands that another program of this patient has given: as a hospital says that there is
  /// one, but with the proof.
  ///
  /// - Throws: ``ConsortiumError`` or ``LedgerError`` unless it is proven to be final.
  func provenReceipt(
    of context: VisitContext, _ key: IdentityKey
  ) async throws -> SubmissionStanding {
    let cloud = try await client.currentCloud(ofHospital: context.hospital)
    let log = try await client.ask(ReadAccessLog(), of: cloud, by: [author(context, key)])
    guard let entry = log.receipt, entry.content.chain == context.hospital,
      entry.content.signer == .patient(visit: context.visitID),
      case .visitReceipt(let receipt) = entry.content.body, receipt.visit == context.visitID,
      entry.isSigned(by: context.visitSigningKey)
    else { throw ConsortiumError(.notFinal, "no receipt of this visit is shown") }
    return .final(index: try await client.finalIndex(of: entry))
  }
}
