import CanonicalEncoding
import EMRScheme
import Ledger

/// What stays of a visit that is over: nothing opens with it, and nothing begins anew.
struct EndedVisit: NamedValue {
  static let name = "ended-visit"

  let contextDigest: Digest32
  /// k.
  let position: Int
  let ending: VisitEnding

  init(_ visit: DoctorVisit, _ ending: VisitEnding) {
    (contextDigest, position) = (visit.context.digest, visit.position)
    self.ending = ending
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.integer("position", UInt64(position))
    fields.integer("ending", ending.rawValue)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    position = Int(try fields.integer("position", in: 1...UInt64(Limits.teamSize)))
    guard let ending = VisitEnding(rawValue: try fields.integer("ending")) else {
      throw DecodingFailure(.invalidField, "ending is not one of 1 to 3")
    }
    self.ending = ending
  }
}

/// Where a doctor's looking for what is over goes on.
struct EndingTurns {
  var kept = Turn<String>()
  var asked = Turn<String>()
  var consents = Turn<String>()
}

/// A visit that is over needs no K, nor anything that it sealed: a disk that is stolen later opens nothing of
/// it. Nobody but the ledger says that it is over, by proof, or by its time with this doctor's own clock.
extension Doctor {
  private static let overPrefix = "over/"
  /// Visits of which pieces may be left.
  private static let erasurePrefix = "erasure/"
  /// Since when a visit is kept, by the own clock, in seconds since 1970. Visits from before this was noted
  /// have none.
  func joinedKey(_ visit: Digest32) -> String { "joined/\(hospital)/\(visit)" }
  private func overKey(_ visit: Digest32) -> String { "\(Self.overPrefix)\(hospital)/\(visit)" }

  /// How long after its last deadline a visit is kept whose end nobody proves, in seconds.
  package static let patienceAfterDeadline: UInt64 = 30 * 86_400
  /// How long a consent is kept after it has expired, in seconds.
  private static let patienceAfterExpiry: UInt64 = 7 * 86_400
  /// How many rows are looked at in one call.
  private static let lookLimit = 64
  /// How many visits somebody is asked about in one call.
  private static let askLimit = 8
  /// How many pieces go in one change, and in one call.
  private static let pieceLimit = (change: 16, call: 256)

  /// Whether a visit of the own hospital is over, and forgotten.
  func isOver(_ visit: Digest32) throws -> Bool {
    try store.value(forKey: overKey(visit)) != nil
  }

  /// - Throws: ``ConsortiumError`` `wrong-state` for a visit that is over.
  func requireNotOver(_ visit: Digest32) throws {
    if try isOver(visit) {
      throw ConsortiumError(.wrongState, "the visit is over")
    }
  }

  /// Forgets what is over, of some visits and consents in turn.
  ///
  /// - Throws: ``StoreError`` at once, or what failed first.
  func forgetWhatIsOver() async throws {
    var steps = SeparateSteps()
    try await steps.take { try await forgetOutlasted() }
    try await steps.take { try await forgetExpiredConsents() }
    try await steps.take { try await forgetEnded() }
    try await steps.take { try erasePieces() }
    try steps.finish()
  }

  /// Forgets visits that are over by what is known here: long after their last deadline, or by the own
  /// completion, which is final.
  func forgetOutlasted() async throws {
    var steps = SeparateSteps()
    var outlasted: [DoctorVisit] = []
    for key in try turns.kept.next(of: store.keys(withPrefix: Self.visitPrefix))
      .prefix(Self.lookLimit)
    {
      turns.kept.pass(key)
      try steps.takeNow {
        guard let visit: DoctorVisit = try store.load(key) else { return }
        try noteTime(visit.context)
        if let completion = visit.completion,
          try rows.standing(of: completion.digest)?.isFinal == true
        {
          try forget(visit, .complete)
        } else if try isOutlasted(visit.context, at: inbox.clock()) {
          outlasted.append(visit)
        }
      }
    }
    if !outlasted.isEmpty {
      // K and c_k do not come back: a clock that is ahead alone ends no visit.
      let time = try await client.timeToForget()
      for visit in outlasted {
        try steps.takeNow {
          if try isOutlasted(visit.context, at: time) { try forget(visit, .outlasted) }
        }
      }
    }
    try steps.finish()
  }

  /// Since when a visit is kept, by the own clock; nil for one of an earlier program. What was noted by a clock that was
  /// ahead counts as of now.
  func joined(_ visit: Digest32) throws -> UInt64? {
    try store.value(forKey: joinedKey(visit)).map { min(try UInt64(stateBytes: $0), inbox.clock()) }
  }

  /// Keeps it so, where the own clock was ahead: else the time of this visit would begin anew with each look.
  private func noteTime(_ context: VisitContext) throws {
    let key = joinedKey(context.visitID)
    guard let known = try store.value(forKey: key), let joined = try joined(context.visitID),
      joined.stateBytes != known
    else { return }
    try store.write([key: joined.stateBytes])
  }

  /// Until when D_k can sign by the own clock, if the ledger does not halt meanwhile: T_k, or as long after this
  /// doctor had K as the team has up to there. T_k alone is in counted time, which stays behind by all halts that
  /// there ever were, and the hospital could have named an early one.
  func latest(_ context: VisitContext, position: Int) throws -> UInt64 {
    let window = UInt64(position) &* context.window
    return max(
      context.deadline(ofPosition: position),
      try joined(context.visitID).map { $0 &+ window } ?? 0)
  }

  /// Whether the last deadline has passed long ago.
  private func isOutlasted(_ context: VisitContext, at now: UInt64) throws -> Bool {
    let latest = try latest(context, position: context.signers.count)
    return now > latest && now - latest > Self.patienceAfterDeadline
  }

  /// Forgets visits whose end somebody proves to be final.
  private func forgetEnded() async throws {
    for key in try turns.asked.next(of: store.keys(withPrefix: Self.visitPrefix))
      .prefix(Self.askLimit)
    {
      turns.asked.pass(key)
      do {
        guard let visit: DoctorVisit = try store.readable(key) else { continue }
        let reader = VisitReader(try authors)
        try forget(visit, try await client.ending(of: visit.context, for: reader))
      } catch let error as StoreError {
        throw error
      } catch {
        // It is not over, or nobody says so: it is asked about again.
        continue
      }
    }
  }

  /// Forgets a visit, unless something is under way in it: then it is looked at again.
  private func forget(_ known: DoctorVisit, _ ending: VisitEnding) throws {
    let context = known.context
    let visitID = context.visitID
    guard visitGates[visitID]?.isFree ?? true,
      let visit: DoctorVisit = try store.load(key(visitID)), visit.context == context
    else { return }
    var changes = try removalOfFormerFindings(ofVisit: visitID)
    changes.updateValue(nil, forKey: key(visitID))
    changes.updateValue(nil, forKey: receivedKey(visitID))
    changes.updateValue(nil, forKey: joinedKey(visitID))
    changes.updateValue(nil, forKey: sealedKey(visitID))
    changes[overKey(visitID)] = Message(EndedVisit(visit, ending)).encoded()
    // Pieces are many; K, which opens them, goes at once.
    changes["\(Self.erasurePrefix)\(hospital)/\(visitID)"] = []
    try store.write(changes)
    (exchanges[visitID], pendingVisits[visitID], visitGates[visitID]) = (nil, nil, nil)
  }

  /// Erases pieces of visits that were forgotten; what is left for the next call is remembered.
  private func erasePieces() throws {
    var count = 0
    for mark in try store.keys(withPrefix: Self.erasurePrefix) {
      let prefix = "piece/\(mark.dropFirst(Self.erasurePrefix.count))/"
      var left = try store.keys(withPrefix: prefix)[...]
      repeat {
        if count >= Self.pieceLimit.call { return }
        let some = left.prefix(Self.pieceLimit.change)
        left = left.dropFirst(some.count)
        count += some.count
        var changes: [String: [UInt8]?] = Dictionary(uniqueKeysWithValues: some.map { ($0, nil) })
        if left.isEmpty { changes.updateValue(nil, forKey: mark) }
        try store.write(changes)
      } while !left.isEmpty
    }
  }

  /// Forgets consents that expired long ago without being used, with d' and the share in them.
  private func forgetExpiredConsents() async throws {
    var steps = SeparateSteps()
    var expired: [Consent] = []
    for mark in try turns.consents.next(of: store.keys(withPrefix: Self.grantedPrefix))
      .prefix(Self.lookLimit)
    {
      turns.consents.pass(mark)
      try steps.takeNow {
        guard let digest = try store.value(forKey: mark).flatMap({ Digest32($0) }),
          let held = try heldConsent(digest), case let consent = held.consent.object,
          Self.isLongExpired(consent, at: inbox.clock())
        else { return }
        expired.append(consent)
      }
    }
    if !expired.isEmpty {
      let time = try await client.timeToForget()
      for consent in expired where Self.isLongExpired(consent, at: time) {
        try steps.takeNow {
          // It may have been used meanwhile.
          guard let held = try heldConsent(consent.digest), !held.sealedGrant.isEmpty else {
            return
          }
          try store.write(removal(of: consent))
        }
      }
    }
    try steps.finish()
  }

  private static func isLongExpired(_ consent: Consent, at now: UInt64) -> Bool {
    now > consent.expiresAt && now - consent.expiresAt > patienceAfterExpiry
  }
}
