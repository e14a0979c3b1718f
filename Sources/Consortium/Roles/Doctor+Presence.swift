public import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// Whether the patient is there (specification, item 4).
extension Doctor {
  /// Takes what a patient shows in person: the text of the QR code on the patient's device.
  ///
  /// Where it is signed by S_v of the visit that the hospital has assigned, the visit has the keys of the
  /// person who shows it.
  /// - Returns: the visit.
  /// - Throws: ``ConsortiumError`` `presence`, `stale-presence`.
  @discardableResult
  public func take(presence text: String) throws -> Digest32 {
    let code = try PresenceCode(text: text)
    var visit = try visit(code.visit)
    try check(code, visit)
    try keep(code, in: &visit)
    return code.visit
  }

  /// Keeps what comes by courier, the latest alone, until ``confirm(_:visit:)``: whoever has put other keys
  /// into the visit can send it too.
  func keepPresence(_ request: ShowPresence, by author: Principal?) throws -> Done {
    let code = request.code
    var visit = try visit(code.visit)
    guard author == .patient(visit: code.visit, hospital: visit.context.hospital) else {
      throw ConsortiumError(.presence, "the patient of this visit has not sent this presence")
    }
    try check(code, visit)
    // One that is of none of these minutes, by a clock that was ahead, can be confirmed no more.
    if let known = visit.unconfirmed, code.minute < known.minute,
      (try? known.checkMinute(at: inbox.clock())) != nil
    {
      throw ConsortiumError(.stalePresence, "the patient has shown a later presence")
    }
    visit.unconfirmed = code
    try save(visit)
    return Done()
  }

  /// Takes the six words that the patient reads out, as on the telephone: with the same words, what came by
  /// courier is what the patient has signed.
  ///
  /// - Throws: ``ConsortiumError`` `other-words`, or `stale-presence` when the comparison comes too late;
  ///   ``CredentialError`` `unknown-word` or `word-count` for what cannot be six words.
  public func confirm(_ words: String, visit visitID: Digest32) throws {
    var visit = try visit(visitID)
    guard let code = visit.unconfirmed ?? visit.presence else {
      throw ConsortiumError(.wrongState, "the patient has shown nothing")
    }
    guard try WordPhrase.words(words, count: code.words.count) == code.words else {
      throw ConsortiumError(.otherWords, "the words are not those of what came by courier")
    }
    if visit.unconfirmed == nil { return }
    try code.checkMinute(at: inbox.clock())
    try keep(code, in: &visit)
  }

  private func check(_ code: PresenceCode, _ visit: DoctorVisit) throws {
    try code.check(visit.context, for: id)
    try code.checkMinute(at: inbox.clock())
  }

  private func keep(_ code: PresenceCode, in visit: inout DoctorVisit) throws {
    (visit.presence, visit.unconfirmed) = (code, nil)
    try save(visit)
  }
}
