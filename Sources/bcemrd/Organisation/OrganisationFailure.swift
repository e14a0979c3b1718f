import CanonicalEncoding
import Consortium
import Ledger

extension DaemonFailure {
  /// What an organisation is told of what went wrong: what the rules refuse, in words.
  init(toOrganisation error: any Error) {
    let code: String
    switch error {
    case let error as Refusal: code = error.code
    case let error as ConsortiumError: code = "\(error.code)"
    default:
      self.init(error)
      return
    }
    guard let text = Self.refusals[code] else {
      let error = ConsortiumError(error)
      self.init(.badInput, error.message, code: code)
      return
    }
    self.init(.badInput, text.message, code: code, hint: text.hint)
  }

  private static let refusals: [String: (message: String, hint: String?)] = [
    "not-entitled": (
      "this organisation has no vote on that: it runs no hospital, or the motion concerns it",
      "'bcemrd organisation motions' says who may vote"
    ),
    "already-voted": ("this organisation has voted on that motion; a vote is not taken back", nil),
    "motion-closed": (
      "that motion is decided, or its last epoch is over",
      "what is wanted still is proposed again"
    ),
    "unknown-motion": ("the ledger has no such motion", nil),
    "wrong-number": (
      "another motion or approval of this organisation came between",
      "make the draft again: its number is the next"
    ),
    "wrong-motion": (
      "the changes concern several organisations, or the motion has other consents than it needs",
      "propose each organisation's changes by themselves"
    ),
    "wrong-members": (
      "the changes cannot be made: they name who is not there, or what comes out breaks a rule of members",
      "specification 6.13 has the rules; a hospital needs a cloud of another organisation"
    ),
    "wrong-consent": ("somebody has agreed with another key than the one that counts", nil),
    "already-registered": (
      "an identifier or a key in it is, or was, somebody's, or stands in another open motion",
      "identifiers and keys are never given twice"
    ),
    "too-few-candidates": (
      "without them too few would stand for election to fill the seats of delegates", nil
    ),
    "unknown-candidate": (
      "one of them is no hospital or cloud that stands for election",
      "'bcemrd organisation members' lists who stands"
    ),
    "quota-spent": (
      "this organisation has put as many motions in this epoch as it may",
      "wait for the next epoch"
    ),
    "unreachable": (
      "no delegate takes it, or nobody answers", "try again; 'bcemrd check' asks each member"
    ),
  ]
}
