public import CanonicalEncoding
import Ledger

/// What this doctor has submitted: signatures and completions.
extension Doctor: Submitter {
  func authors(of entry: Entry) throws -> [Author] { try authors }

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
  /// needed that is over.
  ///
  /// - Parameter patience: seconds; nil to demand nothing.
  /// - Returns: what was submitted, as ``submissions()``.
  @discardableResult
  public func followUp(
    demandingAfter patience: UInt64? = Submission.patience
  ) async throws -> [Submission] {
    try await follow(demandingAfter: patience)
    try await giveRecordsAgain()
    try forgetFormerFindings()
    try eraseReceivedFindings()
    try await forgetWhatIsOver()
    return try submitted
  }
}
