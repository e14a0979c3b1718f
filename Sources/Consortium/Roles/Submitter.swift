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

  /// The same entry under the key that is proven to be in force: itself, where it is signed with that one, or its author
  /// takes no other key.
  ///
  /// - Throws: where nobody proves which it is.
  func present(_ entry: Entry) async throws -> Entry

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
  func present(_ entry: Entry) async throws -> Entry { entry }
  func isOver(_ row: KeptSubmission) throws -> Bool { false }
  func isWithdrawn(_ row: KeptSubmission) throws -> Bool { false }
  func isContested(_ row: KeptSubmission) async throws -> Bool { false }
  func isReplaced(_ row: KeptSubmission) async throws -> Bool { false }

  var rows: SubmissionRows { SubmissionRows(store: store) }

  /// Submits an entry, which is kept before; where it was signed anew, whichever of those that say the same is to be
  /// sent. It stands as what most is shown of: it is refused where each of them is.
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
    let known = try rows.sent(of: entry.digest)
    if let known, known.standing.isFinal, known.digest != entry.digest {
      return try note(known.standing, of: known.digest, keeping: others)
    }
    let sent = known?.entry ?? entry
    if !isNoted || sent.digest != entry.digest {
      let changes = try rows.changes(sending: sent, at: client.clock())
      if !changes.isEmpty { try store.write(changes) }
    }
    let shown: ShownSubmission
    do {
      shown = try await client.submit(sent, by: authors(of: sent))
    } catch let error as ConsortiumError where error.code == .unauthenticated {
      // Nobody has signed that, so it is no more than silence; but the entry may stand.
      guard let index = try await provenIndex(of: sent) else { throw error }
      return try note(.final(index: index), of: sent.digest, keeping: others)
    }
    return try await take(shown, of: sent, keeping: others)
  }

  /// Takes what a hospital has signed of an entry. Of one whose key was given up it signs that the rules refuse it,
  /// unless it stands: then the same is signed with the key in force, and kept beside it. A refusal of one of several
  /// that say the same may be true because another one of them stands, so all are looked for.
  private func take(
    _ shown: ShownSubmission, of sent: Entry,
    keeping others: (SubmissionStanding) throws -> [String: [UInt8]?]
  ) async throws -> SubmissionStanding {
    var present = sent
    if shown.standing.isRefused, try rows.row(sent.digest)?.standing.isFinal != true {
      let isOfKey = shown.standing.isOfKey
      if isOfKey {
        do {
          present = try await self.present(sent)
        } catch {
          if error.isOfWholeStore { throw error }
          // As long as nobody proves that the key was given up.
        }
      }
      let forms = try rows.forms(of: sent.digest)
      if present != sent || forms.count > 1 {
        for form in forms {
          guard let entry = form.entry, let index = try await provenIndex(of: entry) else {
            continue
          }
          return try note(.final(index: index), of: entry.digest, keeping: others)
        }
      }
      if isOfKey, present == sent, case .party = sent.content.signer {
        // The hospital does not know of the key yet: that comes first, and nothing is refused.
        return try note(
          .sent, of: sent.digest, isAnswer: true, answer: shown.answer.encodedSequence(),
          keeping: others)
      }
    }
    let now = client.clock()
    if present != sent, try !rows.forms(of: sent.digest).contains(where: { $0.entry == present }) {
      try rows.renew(sent.digest, as: present, at: now) {
        $0.noteAnswer(at: now)
        $0.note(shown.standing, answer: shown.answer.encodedSequence(), at: now)
      }
      return try await send(present, keeping: others)
    }
    let standing = try note(
      shown.standing, of: sent.digest, isAnswer: true,
      answer: shown.answer.encodedSequence(), keeping: others)
    // Another one may have been signed before, and not be refused.
    guard shown.standing.isRefused, let next = try rows.sent(of: sent.digest),
      let entry = next.entry, next.digest != sent.digest, !next.isSettled
    else { return standing }
    return try await send(entry, keeping: others)
  }

  /// Notes what was shown of an entry, with what follows from how that stands which it says.
  private func note(
    _ shown: SubmissionStanding, of entry: Digest32, isAnswer: Bool = false,
    answer: [UInt8] = [], keeping others: (SubmissionStanding) throws -> [String: [UInt8]?]
  ) throws -> SubmissionStanding {
    let now = client.clock()
    var standing = shown
    try rows.change(entry) {
      if isAnswer { $0.noteAnswer(at: now) }
      $0.note(shown, answer: answer, at: now)
    } and: {
      standing = try rows.standing(of: entry, with: $0) ?? shown
      return try others(standing)
    }
    return standing
  }

  /// Where an entry is final, if anybody proves that.
  private func provenIndex(of entry: Entry) async throws -> UInt64? {
    do {
      return try await client.finalIndex(of: entry)
    } catch {
      if error.isOfWholeStore { throw error }
      return nil
    }
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

  /// Demands what was submitted, and was refused or is not final, without waiting for anything more; where it was signed
  /// anew, however often, whichever is sent.
  ///
  /// - Throws: as ``demand(_:through:)``; ``ConsortiumError`` `wrong-state` if there is nothing to demand.
  func demand(submitted entry: Digest32) async throws -> SubmissionStanding {
    guard let row = try rows.sent(of: entry), let kept = row.entry else {
      throw ConsortiumError(.wrongState, "there is no such entry that is not final")
    }
    if try isWithdrawn(row) {
      throw ConsortiumError(.consentRevoked, "what it says was taken back, or has expired")
    }
    try await demand(kept)
    return try rows.standing(of: entry) ?? .sent
  }

  /// How what was submitted last of this kind stands, about a visit or a consent.
  func standing(of kind: Submission.Kind, about subject: Digest32) throws -> SubmissionStanding? {
    func last(_ kept: [KeptSubmission]) throws -> SubmissionStanding? {
      let found = kept.filter { $0.kind == kind && ($0.consent ?? $0.visit) == subject }
      // One that was refused leaves what was there before.
      return (found.last { !$0.standing.isRefused } ?? found.last)?.standing
    }
    let kept = try rows.submissions()
    return try last(kept.filter { !$0.isSettled }) ?? last(kept.filter(\.isSettled))
  }

  /// What was submitted and is known here, the newest last.
  var submitted: [Submission] {
    get throws { try rows.submissions().map(\.submission) }
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
    // It may be signed anew by now.
    guard let patience, let row = try rows.sent(of: digest), let sent = row.entry, !row.isSettled,
      row.isOverdue(after: patience, at: client.clock())
    else { return }
    // Who has signed for it, with its cloud, has not swallowed it: the consortium may have stood still.
    if !row.standing.isConfirmed || !row.denial.isEmpty {
      try rows.change(row.digest) { $0.wasOverdue = true }
    }
    if row.demand == nil { try await demand(sent) }
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

  /// Demands an entry through the hospital's cloud, or another one. One whose key was given up may be demanded already:
  /// who says that it can be no more has looked whether it is. Then the same is signed with the key in force, and
  /// demanded, unless what was said stands.
  private func demand(_ kept: Entry) async throws {
    guard let failure = try await failure(demanding: kept) else { return }
    guard failure.isOfKey, case let present = try await present(kept), present != kept else {
      throw failure.error
    }
    for form in try rows.forms(of: kept.digest) {
      if let entry = form.entry { try await attempt { try await self.proveFinal(entry) } }
    }
    let forms = try rows.forms(of: kept.digest)
    if forms.contains(where: { $0.standing.isFinal }) { return }
    if let known = forms.first(where: { $0.entry == present }) {
      if known.demand != nil { return }
    } else {
      try rows.renew(kept.digest, as: present, at: client.clock())
    }
    if let failure = try await self.failure(demanding: present) { throw failure.error }
  }

  /// Demands an entry through one cloud after another.
  ///
  /// - Returns: what failed last, and whether any says that its key is not in force; nil once it is demanded.
  private func failure(
    demanding entry: Entry
  ) async throws -> (error: any Error, isOfKey: Bool)? {
    let members = await client.currentMembers()
    let own = try await client.cloud(ofHospital: entry.content.chain)
    let others = members.supernodes.filter { $0.role == .cloud && $0.id != own }.map(\.id)
    var failure: (error: any Error, isOfKey: Bool)?
    for cloud in [own] + others {
      do {
        try await demand(entry, through: cloud)
        return nil
      } catch let error as StoreError {
        throw error
      } catch {
        let code = ConsortiumError(error).code
        if code == .consentRevoked, let row = try rows.row(entry.digest),
          try await isReplaced(row)
        {
          return nil
        }
        let isOfKey = code.description == Refusal.ofKey.code
        failure = (error, isOfKey || failure?.isOfKey == true)
      }
    }
    return failure
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

extension Refusal {
  /// That an entry is not signed with the key in force of who has to have signed it.
  fileprivate static let ofKey = Refusal("wrong-signature")
}

extension SubmissionStanding {
  /// Whether an entry is refused for its key.
  fileprivate var isOfKey: Bool {
    if case .refused(Refusal.ofKey.code, _) = self { true } else { false }
  }
}
