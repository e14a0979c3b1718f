package import CanonicalEncoding
package import EMRScheme
import Ledger

/// What stays of a visit that is over: whose its pseudonym is.
struct PatientOfVisit: NamedValue {
  static let name = "patient-of-visit"

  let contextDigest: Digest32
  let opening: PseudonymOpening

  init(_ visit: HospitalVisit) {
    (contextDigest, opening) = (visit.context.digest, visit.opening)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.value("opening", opening)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    opening = try fields.value("opening")
  }
}

/// What a hospital keeps of visits that are over. α, and what the patient agreed to, nobody asks it for any
/// more: the record has the one, the chain the other. Identity and λ stay, as does why the visit had its team:
/// with them a court, or the hospital's own file of the patient, can be told whose a pseudonym is. For how
/// long is for whoever runs the hospital to say.
extension HospitalServer {
  private static let identityPrefix = "identity/"
  private static func identityKey(_ visit: Digest32) -> String { "\(identityPrefix)\(visit)" }
  private static let dayPrefix = "identity-day/"
  /// How often what is over is looked for, in seconds, and how many visits at once.
  static let sweepInterval: UInt64 = 60
  private static let sweepLimit = 32

  /// Forgets what visits needed whose end is final, of some in turn.
  package func forgetEnded() async throws {
    let now = inbox.clock()
    guard sweep.isOver(at: now) else { return }
    sweep.begin(at: now)
    let keys = try turn.next(of: store.keys(withPrefix: Self.visitPrefix)).prefix(Self.sweepLimit)
    if keys.isEmpty { return }
    let chain = try await views.chains.view(of: id)
    var steps = SeparateSteps()
    for key in keys {
      turn.pass(key)
      try await steps.take { try await forget(key, on: chain, at: now) }
    }
    try steps.finish()
  }

  /// Forgets what one visit needed, if its end is final.
  private func forget(_ key: String, on chain: HospitalView, at now: UInt64) async throws {
    guard let visit: HospitalVisit = try store.load(key) else { return }
    let visitID = visit.context.visitID
    guard let end = try chain.end(of: visitID), try await node.isFinal(end, on: chain) else {
      return
    }
    try store.write([
      key: nil, Self.openedKey(visit.context.digest): nil,
      Self.keyedKey(visitID): nil,
      Self.identityKey(visitID): Message(PatientOfVisit(visit)).encoded(),
      "\(Self.dayPrefix)\(now / Self.secondsOfDay)/\(visitID)": [],
    ])
  }

  /// Whether it is known whose the pseudonym of a visit is: it was opened.
  func hasPatient(_ visit: Digest32) throws -> Bool {
    try store.value(forKey: Self.key(visit)) != nil
      || store.value(forKey: Self.identityKey(visit)) != nil
  }

  /// Whose the pseudonym of a visit is, with what proves it.
  ///
  /// - Throws: ``ConsortiumError`` `unknown-visit` for one that was not opened here, or was forgotten.
  package func patient(ofVisit visit: Digest32) async throws -> PseudonymOpening {
    try await noteOpened(visit)
    if let known: HospitalVisit = try store.load(Self.key(visit)) { return known.opening }
    guard let known: PatientOfVisit = try store.load(Self.identityKey(visit)) else {
      throw ConsortiumError(.unknownVisit, "the hospital does not know whose visit this was")
    }
    return known.opening
  }

  /// Forgets whose visits were that came to their end before a day, and why they had their teams: nobody can
  /// say any more whose these pseudonyms are. It is never done unasked. Why visits that were never opened would
  /// have had theirs goes with it, where an earlier program has left that.
  ///
  /// - Parameter time: seconds since 1970, by the clock of this server; all of its day stays.
  package func forgetPatients(ofVisitsEndedBefore time: UInt64) throws {
    try forgetTeamsOfNobody()
    for key in try store.keys(withPrefix: Self.dayPrefix) {
      let parts = key.dropFirst(Self.dayPrefix.count).split(separator: "/")
      guard parts.count == 2, let day = UInt64(parts[0]), day < time / Self.secondsOfDay,
        let visit = Digest32(hex: String(parts[1]))
      else { continue }
      try store.write([
        key: nil, Self.identityKey(visit): nil, Self.choiceKey(visit): nil,
      ])
    }
  }

  /// Forgets teams of visits that were neither opened nor are offered.
  private func forgetTeamsOfNobody() throws {
    let prefix = Self.choicePrefix
    for key in try store.keys(withPrefix: prefix) {
      guard let visit = Digest32(hex: String(key.dropFirst(prefix.count))),
        try !isOffered(visit), try !hasPatient(visit)
      else { continue }
      try store.write([key: nil])
    }
  }
}
