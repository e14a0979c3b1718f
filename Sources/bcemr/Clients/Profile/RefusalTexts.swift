#if Network
  import CanonicalEncoding
  import Consortium

  /// What a refusal means to a doctor or a patient, and what can be done: of others a code alone comes, since what else
  /// an error says may name keys and places of a store.
  enum RefusalTexts {
    struct Text: Sendable {
      let sentence: String
      let hint: String?

      fileprivate init(_ sentence: String, _ hint: String? = nil) {
        (self.sentence, self.hint) = (sentence, hint)
      }
    }

    /// By code: those of ``ConsortiumError``, and those of the ledger's rules (specification 6.4).
    static let byCode: [String: Text] = [
      "wrong-specialties": Text(
        "the hospital expects other specialties than this profile has",
        "ask the office which it expects; they are named when a profile is made, by "
          + "'bcemr doctor init --specialty', and its fingerprint is another one"),
      "not-employed": Text(
        "the hospital's office does not expect this doctor yet",
        "show it 'bcemr doctor fingerprint', and run the command again"),
      "wrong-fingerprint": Text(
        "the hospital's office was told the fingerprint of other keys",
        "show it 'bcemr doctor fingerprint' again"),
      "registered-elsewhere": Text(
        "the ledger has this identifier at another hospital, where it stays",
        "make a profile with another identifier, by 'bcemr doctor init'"),
      "unknown-doctor": Text(
        "the doctor is not registered, or not with these keys or at this hospital",
        "keys count once a block has them, some seconds after 'bcemr doctor register'"),
      "not-active": Text(
        "the doctor is suspended or has retired", "the hospital's office knows more"),
      "unauthenticated": Text(
        "who asks is not known by these keys",
        "a doctor registers first; a visit is known to its doctors once they are assigned"),
      "no-team": Text(
        "the hospital has no team for this admission",
        "ask at the counter: doctors have to be registered and on duty, or a clerk names the team"),
      "refused": Text(
        "the hospital admits nobody by this form and ticket, and says no more: the ticket may be another "
          + "person's or another hospital's, used for another form, taken back, or older than a day",
        "compare --hospital, and the identity of the profile, with what the counter has; it issues another ticket"
      ),
      "visit-open": Text(
        "there is a visit under way for this occasion",
        "it ends when it is complete, or once its last deadline is over"),
      "late": Text(
        "the deadline has passed in ledger time",
        "nothing can be signed in this visit by this place any more; the patient is admitted again, with another ticket"
      ),
      "visit-not-open": Text("the visit is over"),
      "resignature-limit": Text("the finding was signed anew as often as it may be"),
      "unknown-visit": Text("whoever was asked knows no such visit"),
      "wrong-state": Text("the visit, or what it is about, is not at this step"),
      "no-handover": Text(
        "the doctor before has not signed, or has handed nothing on",
        "it arrives while 'bcemr doctor run' runs for both"),
      "not-final": Text(
        "no final block shows it yet", "a block takes some seconds"),
      "consent-not-final": Text(
        "the consent stands, and its block is not final yet", "a block takes some seconds"),
      "consent-unknown": Text("the ledger has no such consent"),
      "consent-revoked": Text(
        "the patient has taken the consent back", "'bcemr doctor request' asks again"),
      "consent-expired": Text("the consent is over", "'bcemr doctor request' asks again"),
      "reused": Text("what counts once was used before"),
      "record-missing": Text(
        "the cloud does not have the record",
        "the program of the last doctor gives it again: 'bcemr doctor run'"),
      "not-entitled": Text("who asks for this may not"),
      "busy": Text("more is asked than is taken at a time", "wait a minute"),
      "out-of-time": Text(
        "the clocks differ, or it was too long on its way", "compare this machine's clock"),
      "unavailable": Text("whoever was asked fails at the moment, as its disk", "try again later"),
    ]

    /// What others say that tells nothing but a code.
    private static let bare: Set<String> = [
      "the role refuses", "the role cannot answer now", "the ledger refuses the entry",
    ]
    private static let refusing = ", or somebody on the way, refuses"
    private static let onTheWay = "\(refusing): "

    /// The code that somebody, or who is on the way, gives as the reason, if it is one that waiting mends: a party that
    /// says it is there, and a message that names one code has no other.
    static func waiting(_ message: String, among codes: Set<String>) -> String? {
      guard let range = message.firstRange(of: onTheWay) else { return nil }
      let inner = String(message[range.upperBound...])
      return codes.contains(inner) ? inner : nil
    }

    /// A message with its code in brackets behind it, as every one is told.
    static func coded(_ message: String, _ code: String) -> String {
      message.hasSuffix("(\(code))") ? message : "\(message) (\(code))"
    }

    /// The message that says a code, with its meaning where it is known.
    ///
    /// - Returns: the message, with the code in brackets behind it, and what can be done.
    static func explained(_ message: String, code: String) -> (message: String, hint: String?) {
      if bare.contains(message) {
        let text = byCode[code]
        return (coded(text?.sentence ?? message, code), text?.hint)
      }
      // What is not sealed comes from anybody, and says so.
      guard let range = message.firstRange(of: onTheWay) else {
        return (coded(message, code), byCode[code]?.hint)
      }
      let inner = String(message[range.upperBound...])
      if inner == "\(ConsortiumError.Code.unreachable)" {
        return (coded("\(message[..<range.lowerBound]) does not answer", inner), nil)
      }
      guard let text = byCode[inner] else {
        return (coded("\(message[..<range.lowerBound])\(refusing)", inner), nil)
      }
      return (coded("\(message[..<range.upperBound])\(text.sentence)", inner), text.hint)
    }
  }
#endif
