import CanonicalEncoding
import Credentials
import Ledger

/// A role that submits entries of its own: it keeps each before it is sent, and follows it until it is
/// final.
///
/// How an entry stands only ever rises, by what is shown; the hospital's bare word takes nothing back.
protocol Submitter: Actor {
  nonisolated var client: LedgerClient { get }
  var store: any RoleStore { get }

  /// As whom this role brings an entry of its own.
  func authors(of entry: Entry) throws -> [Author]

  /// The same entry under the key in force, kept in its place, where it is signed with one that is not in force any
  /// more; nil where it is, or is signed anew already and refused. The one before is still looked for.
  func renewal(of entry: Entry) async throws -> Entry?

  /// Whether an entry can be taken no more, if it was not before.
  func isOver(_ row: KeptSubmission) throws -> Bool

  /// Whether an entry is not wanted any more: it is not sent again.
  func isWithdrawn(_ row: KeptSubmission) throws -> Bool

  /// Whether what a hospital has refused is demanded once its time is over, without anybody being asked; it is first
  /// looked whether the refusal is shown to be true.
  func isContested(_ row: KeptSubmission) async throws -> Bool

  /// Whether another entry is shown that says the same, so that this one is needless; how that one stands is kept then.
  func isReplaced(_ row: KeptSubmission) async throws -> Bool
}

extension Submitter {
  func renewal(of entry: Entry) async throws -> Entry? { nil }
  func isOver(_ row: KeptSubmission) throws -> Bool { false }
  func isWithdrawn(_ row: KeptSubmission) throws -> Bool { false }
  func isContested(_ row: KeptSubmission) async throws -> Bool { false }
  func isReplaced(_ row: KeptSubmission) async throws -> Bool { false }

  var rows: SubmissionRows { SubmissionRows(store: store) }

  /// Submits an entry, which is kept before.
  ///
  /// - Parameters:
  ///   - isNoted: whether ``SubmissionRows/changes(sending:at:)`` was written just now, with something else.
  ///   - others: what else is written when the hospital has answered, and with what the answer shows: how the
  ///     entry stands.
  /// - Returns: how it stands, by what was shown, now or before.
  /// - Throws: ``SignedRefusal``; ``ConsortiumError`` `outcome-unknown` if what was asked for is not
  ///   shown: ``follow(demandingAfter:)`` goes on with it.
  @discardableResult
  func submit(
    _ entry: Entry, isNoted: Bool = false, until standing: EntrySubmission.Standing,
    keeping others: (SubmissionStanding) throws -> [String: [UInt8]?] = { _ in [:] }
  ) async throws -> SubmissionStanding {
    try standing.require(try await send(entry, isNoted: isNoted, keeping: others))
  }

  private func send(
    _ entry: Entry, isNoted: Bool = false,
    keeping others: (SubmissionStanding) throws -> [String: [UInt8]?] = { _ in [:] }
  ) async throws -> SubmissionStanding {
    if !isNoted {
      let changes = try rows.changes(sending: entry, at: client.clock())
      if !changes.isEmpty { try store.write(changes) }
    }
    let shown: ShownSubmission
    do {
      shown = try await client.submit(entry, by: authors(of: entry))
    } catch let error as ConsortiumError where error.code == .unauthenticated {
      // It does not stand there, and can be taken no more: its key was given up while it was on its way.
      guard let renewed = try await renewal(of: entry) else { throw error }
      return try await send(renewed, keeping: others)
    }
    let row = try rows.change(entry.digest) {
      $0.noteAnswer(at: client.clock())
      $0.note(shown.standing, answer: shown.answer.encodedSequence(), at: client.clock())
    } and: {
      try others($0?.standing ?? shown.standing)
    }
    return row?.standing ?? shown.standing
  }

  /// Demands an entry of its hospital. Once this returns, the demand is final.
  ///
  /// The entry becomes visible to all who read the consortium chain.
  /// - Returns: how the entry stands.
  /// - Throws: ``ConsortiumError`` `not-final` until the demand is: it can be called again.
  @discardableResult
  func demand(_ entry: Entry, through supernode: String) async throws -> SubmissionStanding {
    try rows.keep(entry, at: client.clock())
    let index: UInt64
    do {
      index = try await client.demand(entry, through: supernode, by: authors(of: entry))
    } catch let error as ConsortiumError where error.code == .notFinal {
      // It waits for a block: from now on the hospital may take the entry because of it.
      try rows.change(entry.digest) { $0.demandedAt = $0.demandedAt ?? client.clock() }
      throw error
    }
    let row = try rows.change(entry.digest) { row in
      row.demand = index
      let raised = row.standing.raised(by: .demanded(index: index))
      if raised != row.standing { (row.standing, row.since) = (raised, client.clock()) }
    }
    return row?.standing ?? .demanded(index: index)
  }

  /// Demands what was submitted, and was refused or is not final, without waiting for anything more.
  ///
  /// - Throws: as ``demand(_:through:)``; ``ConsortiumError`` `wrong-state` if there is nothing to demand.
  func demand(submitted entry: Digest32) async throws -> SubmissionStanding {
    guard let row = try rows.row(entry), let kept = row.entry else {
      throw ConsortiumError(.wrongState, "there is no such entry that is not final")
    }
    if try isWithdrawn(row) {
      throw ConsortiumError(.consentRevoked, "what it says was taken back, or has expired")
    }
    try await demand(kept)
    let renewed = try rows.renewal(of: entry)
    return try rows.row(renewed ?? entry)?.standing ?? .sent
  }

  /// How what was submitted last of this kind stands, about a visit or a consent.
  func standing(of kind: Submission.Kind, about subject: Digest32) throws -> SubmissionStanding? {
    func last(_ kept: [KeptSubmission]) throws -> SubmissionStanding? {
      let found = try kept.filter {
        try $0.kind == kind && ($0.consent ?? $0.visit) == subject && !rows.isRenewed($0)
      }
      // One that was refused leaves what was there before.
      return (found.last { !$0.standing.isRefused } ?? found.last)?.standing
    }
    return try last(rows.open()) ?? last(rows.settled())
  }

  /// What was submitted and is known here, the newest last.
  var submitted: [Submission] {
    get throws {
      try (rows.settled() + rows.open()).filter { try !rows.isRenewed($0) }
        .sorted { $0.number < $1.number }.map(\.submission)
    }
  }

  // MARK: Following

  /// Goes on with everything that is not final: sends it again, and asks for the proof that it is final.
  ///
  /// What one hospital or cloud does not do is no reason to leave the rest. What a hospital has refused is
  /// looked for too, and not sent: it may have written what it says that it refuses. It is demanded, once, where it
  /// is contested. What is confirmed may still be cut off, before it is anchored: it is demanded like what is not.
  /// - Parameter patience: the hospital's time in seconds, as ``Submission/patience``. What it does not take
  ///   is demanded then, and becomes visible to all who read the consortium chain; nil for never.
  /// - Throws: ``StoreError`` alone.
  func follow(demandingAfter patience: UInt64?) async throws {
    for row in try rows.settled() where row.standing.isRefused {
      if let entry = row.entry { try await attempt { try await self.proveFinal(entry) } }
      try await attempt { try await self.contest(row.digest, demandingAfter: patience) }
    }
    let superseded = try rows.superseded()
    for row in try rows.open() {
      try await attempt {
        if let newer = superseded[row.digest] {
          try await self.follow(row, supersededBy: newer)
        } else {
          try await self.follow(row.digest, demandingAfter: patience)
        }
      }
    }
  }

  /// Follows what is not sent any more, for it may stand all the same, until what came after it is final.
  private func follow(_ row: KeptSubmission, supersededBy newer: KeptSubmission) async throws {
    guard let entry = row.entry else { return }
    try await attempt { try await self.proveFinal(entry) }
    let isFinal = try rows.row(row.digest)?.standing.isFinal ?? true
    if !isFinal, newer.standing.isFinal { try rows.drop(row.digest) }
  }

  private func follow(_ digest: Digest32, demandingAfter patience: UInt64?) async throws {
    guard let known = try rows.row(digest), let entry = known.entry, !known.isSettled else {
      return
    }
    if try isOver(known), !known.isOfRecord { return try await dropUnlessFinal(entry) }
    if try isWithdrawn(known) { return try await attempt { try await self.proveFinal(entry) } }
    if known.demandedAt != nil, known.demand == nil, !known.standing.isConfirmed {
      try await attempt { try await self.demand(entry) }
    }
    // Before anything is sent or demanded: it may stand although no answer came.
    try await attempt { try await self.proveFinal(entry) }
    guard let looked = try rows.row(digest), !looked.standing.isFinal else { return }
    // The hospital may rightly have refused what was demanded.
    if looked.demand != nil, try await isReplaced(looked), try rows.row(digest)?.isSettled == true {
      return
    }
    try rows.change(digest) { $0.noteLook(at: client.clock()) }
    try await attempt { _ = try await self.send(entry) }
    guard let patience, let row = try rows.row(digest), !row.isSettled,
      row.isOverdue(after: patience, at: client.clock())
    else { return }
    // Who has signed for it, with its cloud, has not swallowed it: the consortium may have stood still.
    if !row.standing.isConfirmed || !row.denial.isEmpty {
      try rows.change(digest) { $0.wasOverdue = true }
    }
    if row.demand == nil { try await demand(entry) }
  }

  /// Demands what was refused, where that is contested and the hospital has had its time: everybody sees then what
  /// it answers.
  private func contest(_ digest: Digest32, demandingAfter patience: UInt64?) async throws {
    guard let refused = try rows.change(digest, { $0.noteTime(client.clock()) }),
      try await isContested(refused),
      // As it is now.
      let row = try rows.row(digest), let entry = row.entry, row.standing.isRefused,
      row.demand == nil
    else { return }
    if let patience, row.isOverdue(after: patience, at: client.clock()) {
      try rows.change(digest) { $0.wasOverdue = true }
    } else if row.demandedAt == nil {
      return
    }
    try await demand(entry)
  }

  /// Forgets what can be taken no more, unless it was, or nobody says that it was not.
  private func dropUnlessFinal(_ entry: Entry) async throws {
    do {
      try await proveFinal(entry)
    } catch let error as ConsortiumError where error.code == .notFinal {
      try rows.drop(entry.digest)
    }
  }

  /// Demands an entry through the hospital's cloud, or another one.
  private func demand(_ kept: Entry) async throws {
    let entry = try await renewal(of: kept) ?? kept
    let members = await client.currentMembers()
    let own = try await client.cloud(ofHospital: entry.content.chain)
    let others = members.supernodes.filter { $0.role == .cloud && $0.id != own }.map(\.id)
    for cloud in [own] + others {
      do {
        try await demand(entry, through: cloud)
        return
      } catch let error as StoreError {
        throw error
      } catch {
        if ConsortiumError(error).code == .consentRevoked, let row = try rows.row(entry.digest),
          try await isReplaced(row)
        {
          return
        }
        if cloud == others.last ?? own { throw error }
      }
    }
  }

  private func proveFinal(_ entry: Entry) async throws {
    let index = try await client.finalIndex(of: entry)
    try rows.change(entry.digest) {
      $0.note(.final(index: index), answer: [], at: client.clock())
    }
  }

  /// Tries something that may be tried again: nothing is lost where it fails.
  private func attempt(_ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch {
      if error.isOfWholeStore { throw error }
    }
  }
}
