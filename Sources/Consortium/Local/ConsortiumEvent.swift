public import CanonicalEncoding

/// What happened, for somebody who tells the story.
public enum ConsortiumEvent: Sendable {
  case founded(genesis: Digest32)
  case reopened(genesis: Digest32, foundedAt: UInt64)
  case doctorRegistered(doctor: String, hospital: String)

  /// The counter has identified the patient. `code` is the ticket as the text of a QR code.
  case ticketIssued(hospital: String, patient: String, code: String, words: [String])
  /// 4.3. `attempt` above 1: the attempts before were closed as abandoned. `openedAt` is T, in counted time
  /// (specification 6.2), which is no date.
  case visitOpened(
    visit: Digest32, hospital: String, team: TeamChoice, openedAt: UInt64, attempt: UInt64)
  /// The Encounter has a complete visit from an earlier run.
  case visitKnown(visit: Digest32, hospital: String)
  case groupKeyAgreed(visit: Digest32, team: [String])

  /// The doctor knows that the patient is there: `words` were compared, or `code` was read from the
  /// patient's device as a QR code.
  case presenceShown(visit: Digest32, doctor: String, code: String, words: [String]?)
  /// 4.4. `deadline` is T_k, in counted time too.
  case signed(visit: Digest32, doctor: String, position: Int, attempt: Int, deadline: UInt64)
  case sealed(visit: Digest32, doctor: String)
  /// 4.5: the cloud holds the record, and the visit has its block.
  case completed(visit: Digest32, hospital: String, standing: SubmissionStanding)
  /// The block is anchored in a final consortium block.
  case final(visit: Digest32)
  /// `acknowledged` is false for a disputed record; `standing` is that of the receipt.
  case receipted(
    visit: Digest32, hospital: String, acknowledged: Bool, standing: SubmissionStanding)

  /// 4.6.
  case accessRequested(doctor: String, patient: String, purpose: String)
  case consented(
    visit: Digest32, consent: Digest32, expiresAt: UInt64, standing: SubmissionStanding)
  case recordShared(visit: Digest32, doctor: String)
  case revoked(consent: Digest32, standing: SubmissionStanding)
}
