#if Network
  import CanonicalEncoding
  import Consortium
  import Ledger

  extension CommandFailure {
    /// What a doctor or a patient is told of what went wrong, with its code in brackets. That somebody does not
    /// answer, or that the ledger is not that far, is no fault: it is tried again. What a refusal means,
    /// ``RefusalTexts`` says.
    ///
    /// - Parameter waiting: how much is kept and sent later.
    init(asClient error: any Error, waiting: Int, agent: String) {
      if let known = error as? CommandFailure,
        known.hint != nil || !Self.waitingCodes.contains(known.code)
      {
        self.init(
          known.exitCode, code: known.code, RefusalTexts.coded(known.message, known.code),
          hint: known.hint, place: known.place)
        return
      }
      let isOfRules = error is SignedRefusal || error is Refusal
      let failure = CommandFailure(isOfRules ? ConsortiumError(error) : error)
      let (message, hint) = RefusalTexts.explained(failure.message, code: failure.code)
      // Another's disk that has no room has some later; one's own is nothing that waiting mends.
      let isAway = (error as? ConsortiumError)?.code == .unavailable
      guard isAway || Self.waitingCodes.contains(failure.code) else {
        self.init(
          failure.exitCode, code: failure.code, message, hint: failure.hint ?? hint,
          place: failure.place)
        return
      }
      let later =
        waiting > 0
        ? "\(Quantity.count(waiting, "entry")) of yours \(waiting == 1 ? "waits and is" : "wait and are") "
          + "sent again by '\(agent)'"
        : "nothing of it was signed that would have to be sent; run the command again later"
      let named = RefusalTexts.waiting(failure.message, among: Self.waitingCodes)
      self.init(
        .waits, code: named ?? failure.code, message,
        hint: [hint, later].compactMap(\.self).joined(separator: "; "))
    }

    private static let waitingCodes = Set(
      [
        ConsortiumError.Code.unreachable, .outcomeUnknown, .notFinal, .consentNotFinal, .noHandover,
        .busy, .behindAnchor,
      ].map(\.description))
  }
#endif
