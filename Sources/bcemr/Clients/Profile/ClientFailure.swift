#if Network
  import CanonicalEncoding
  import Consortium
  import Ledger

  extension CommandFailure {
    /// What a doctor or a patient is told of what went wrong. That somebody does not answer, or that the ledger is
    /// not that far, is no fault: it is tried again.
    ///
    /// - Parameter waiting: how much is kept and sent later.
    init(asClient error: any Error, waiting: Int, agent: String) {
      let failure = CommandFailure(error)
      guard Self.waitingCodes.contains(failure.code) else {
        self = failure
        return
      }
      let later =
        waiting > 0
        ? "\(Quantity.count(waiting, "entry")) of yours waits and is sent again by '\(agent)'"
        : "nothing of it was signed that would have to be sent; run the command again later"
      let message = failure.message.replacing(
        ", or somebody on the way, refuses: unreachable", with: " does not answer")
      self.init(.waits, code: failure.code, message, hint: later)
    }

    private static let waitingCodes = Set(
      [
        ConsortiumError.Code.unreachable, .outcomeUnknown, .notFinal, .consentNotFinal, .noHandover,
        .busy, .behindAnchor,
      ].map(\.description))
  }
#endif
