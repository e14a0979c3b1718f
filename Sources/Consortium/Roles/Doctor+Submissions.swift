public import CanonicalEncoding
import Credentials
import Ledger

/// What this doctor has submitted: signatures and completions.
extension Doctor: Submitter {
  func authors(of entry: Entry) throws -> [Author] { try authors }

  /// The key is changed while an entry is on its way: what was signed is signed again, word for word.
  func present(_ entry: Entry) async throws -> Entry {
    guard entry.content.signer == .party(id) else { return entry }
    let key = try await provenKey()
    return entry.isSigned(by: key.publicKey) ? entry : Entry(entry.content, signedBy: key)
  }

  /// What is about a visit that is over the hospital takes no more.
  func isOver(_ row: KeptSubmission) throws -> Bool {
    guard row.hospital == hospital, row.kind == .signature || row.kind == .completion else {
      return false
    }
    return try isOver(row.visit)
  }

  /// What this doctor has submitted and how it stands, the newest last: all that is not final, and the
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

  /// Goes on with everything that is not final, as ``Submitter/follow(demandingAfter:)``; gives a record
  /// again whose completion its cloud has not confirmed, which may have lost it; and forgets what a visit
  /// needed that is over. Each of it, of each visit, by itself: what one hospital hinders keeps nothing else
  /// back.
  ///
  /// - Parameter patience: seconds; nil to demand nothing.
  /// - Returns: what was submitted, as ``submissions()``.
  /// - Throws: ``StoreError`` at once, or what failed first, when all the rest was tried.
  @discardableResult
  public func followUp(
    demandingAfter patience: UInt64? = Submission.patience
  ) async throws -> [Submission] {
    var steps = SeparateSteps()
    // First, so that what says which row is damaged is what is thrown.
    try await steps.take { try requireReadableRows() }
    try await steps.take { try await follow(demandingAfter: patience) }
    try await steps.take { try takeBackRefusals() }
    try await steps.take { try await giveRecordsAgain() }
    try await steps.take { try forgetFormerFindings() }
    try await steps.take { try await eraseReceivedFindings() }
    try await steps.take { try await forgetWhatIsOver() }
    try await steps.take { try envelopeKeys.eraseOver() }
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
}
