package import CanonicalEncoding
package import Ledger

/// What a role has submitted, in its store; a step here is one change of the store, so that nothing comes
/// between.
///
/// What is not settled has its row under way, which nobody but the role itself can make, one for each
/// entry of its own. Of what is settled the last 1024 are kept: final ones without their entry, refused
/// ones with it and the hospital's signature, so that they can still be demanded. Each has one place among
/// them, however often a hospital refuses it and takes it after all.
package struct SubmissionRows: Sendable {
  let store: any RoleStore

  package init(store: any RoleStore) { self.store = store }

  package static let settledLimit: UInt64 = 1024

  private static let openPrefix = "submission/"
  private static let settledPrefix = "submitted/"
  private static let slotPrefix = "submitted-slot/"
  /// Where an entry has its slot that is settled, or was.
  private static let placePrefix = "submitted-place/"
  /// Which entry says the same as one whose key was given up, under the next key.
  private static let renewedPrefix = "submission-renewed/"
  private static let countKey = "submissions"
  private static let settledCountKey = "submissions-settled"

  private static func openKey(_ entry: Digest32) -> String { openPrefix + "\(entry)" }
  private static func settledKey(_ entry: Digest32) -> String { settledPrefix + "\(entry)" }
  private static func renewedKey(_ entry: Digest32) -> String { renewedPrefix + "\(entry)" }
  private static func placeKey(_ entry: Digest32) -> String { placePrefix + "\(entry)" }

  /// Those that are not settled, the oldest first.
  package func open() throws -> [KeptSubmission] { try rows(Self.openPrefix) }

  /// Those that are settled, the oldest first.
  package func settled() throws -> [KeptSubmission] { try rows(Self.settledPrefix) }

  package func row(_ entry: Digest32) throws -> KeptSubmission? {
    try store.load(Self.openKey(entry)) ?? store.load(Self.settledKey(entry))
  }

  /// Whether the hospital says that it refuses what an entry says, as far as the rows can be read.
  func isRefused(_ entry: Digest32) throws -> Bool {
    try shown(of: entry)?.standing.isRefused == true
  }

  /// Whether the hospital has taken what an entry says, as far as the rows can be read.
  func isTaken(_ entry: Digest32) throws -> Bool {
    try shown(of: entry)?.standing.isTaken == true
  }

  private func readableRow(_ entry: Digest32) throws -> KeptSubmission? {
    try store.readable(Self.openKey(entry)) ?? store.readable(Self.settledKey(entry))
  }

  // MARK: Signed anew

  /// Which entry was signed anew as which.
  private func renewals() throws -> [Digest32: Digest32] {
    var found: [Digest32: Digest32] = [:]
    for key in try store.keys(withPrefix: Self.renewedPrefix) {
      guard let former = Digest32(hex: String(key.dropFirst(Self.renewedPrefix.count))),
        let renewed = try store.value(forKey: key).flatMap({ Digest32($0) })
      else { continue }
      found[former] = renewed
    }
    return found
  }

  /// An entry and all that say the same under other keys, in the order in which they were signed.
  private static func forms(
    of entry: Digest32, in renewals: [Digest32: Digest32]
  ) -> [Digest32] {
    if renewals.isEmpty { return [entry] }
    let former = Dictionary(renewals.map { ($1, $0) }) { first, _ in first }
    var forms = [entry]
    while let before = former[forms[0]], !forms.contains(before) { forms.insert(before, at: 0) }
    while let after = renewals[forms[forms.count - 1]], !forms.contains(after) {
      forms.append(after)
    }
    return forms
  }

  /// What is kept of an entry and of all that say the same under other keys, in the order in which they were signed,
  /// as far as it can be read.
  func forms(of entry: Digest32) throws -> [KeptSubmission] {
    try Self.forms(of: entry, in: renewals()).compactMap(readableRow)
  }

  /// Of those that say the same, the one by which most is shown, or else the newest: it is refused where each is.
  private static func shown(_ forms: [KeptSubmission]) -> KeptSubmission? {
    forms.enumerated().max {
      ($0.element.standing.rank, $0.offset) < ($1.element.standing.rank, $1.offset)
    }?.element
  }

  /// What is kept of what an entry says, by whichever of those that say the same most is shown.
  func shown(of entry: Digest32) throws -> KeptSubmission? {
    try Self.shown(forms(of: entry))
  }

  /// How what an entry says stands.
  ///
  /// - Parameter row: what is about to be kept of one that says the same.
  func standing(
    of entry: Digest32, with row: KeptSubmission? = nil
  ) throws -> SubmissionStanding? {
    guard let row else { return try shown(of: entry)?.standing }
    return Self.shown(try forms(of: entry).map { $0.digest == row.digest ? row : $0 })?.standing
  }

  /// Of those that say the same as an entry, the one that is sent: who is said to have taken one, or has to answer it,
  /// is asked for that one, and else for the newest that is not refused.
  func sent(of entry: Digest32) throws -> KeptSubmission? { try Self.sent(forms(of: entry)) }

  private static func sent(_ forms: [KeptSubmission]) -> KeptSubmission? {
    func rank(_ row: KeptSubmission) -> Int {
      row.denial.isEmpty ? row.standing.rank : SubmissionStanding.sent.rank
    }
    return forms.enumerated().max {
      (rank($0.element), $0.offset) < (rank($1.element), $1.offset)
    }?.element
  }

  /// Keeps an entry that says the same as another, under another key, with what is known of that one, which is kept
  /// beside it: either may be what stands.
  ///
  /// - Parameter body: how that one comes to stand.
  func renew(
    _ former: Digest32, as entry: Entry, at time: UInt64,
    _ body: (inout KeptSubmission) -> Void = { _ in }
  ) throws {
    guard let known = try row(former) else { return _ = try keep(entry, at: time) }
    var refused = known
    body(&refused)
    var renewed = try KeptSubmission(entry, number: known.number, at: time)
    renewed.takeOver(refused)
    let newest = try Self.forms(of: former, in: renewals()).last ?? former
    var changes = try changes(from: known, to: refused)
    changes[Self.openKey(entry.digest)] = Message(renewed).encoded()
    changes[Self.renewedKey(newest)] = entry.digest.bytes
    try store.write(changes)
  }

  /// What is written when an entry is final: nothing else that says the same is needed any more, and what is known of
  /// that goes over. What was signed before it still leads to it, for who has named that.
  private func settle(_ row: inout KeptSubmission) throws -> [String: [UInt8]?] {
    let renewals = try renewals()
    let digests = Self.forms(of: row.digest, in: renewals)
    if digests.count == 1 { return [:] }
    var changes: [String: [UInt8]?] = [:]
    var isBefore = true
    for digest in digests {
      if digest == row.digest {
        isBefore = false
      } else {
        if let other = try readableRow(digest) { row.join(other) }
        changes.updateValue(nil, forKey: Self.openKey(digest))
        changes.updateValue(nil, forKey: Self.settledKey(digest))
      }
      if !isBefore, renewals[digest] != nil {
        changes.updateValue(nil, forKey: Self.renewedKey(digest))
      }
    }
    return changes
  }

  /// What is written so that nothing leads to an entry any more: where another one follows it, what led to it leads
  /// there.
  private func removalOfForm(_ entry: Digest32) throws -> [String: [UInt8]?] {
    let renewals = try renewals()
    var changes: [String: [UInt8]?] = [:]
    if renewals[entry] != nil { changes.updateValue(nil, forKey: Self.renewedKey(entry)) }
    for (former, renewed) in renewals where renewed == entry {
      changes.updateValue(renewals[entry]?.bytes, forKey: Self.renewedKey(former))
    }
    return changes
  }

  /// One that cannot be read hides none of the others.
  private func rows(_ prefix: String) throws -> [KeptSubmission] {
    try store.readable(withPrefix: prefix).map(\.value).sorted { $0.number < $1.number }
  }

  /// The keys of those that cannot be read.
  func damaged() throws -> [String] {
    try [Self.openPrefix, Self.settledPrefix].flatMap {
      try store.damaged(withPrefix: $0, as: KeptSubmission.self)
    }
  }

  /// Keeps an entry, before it is sent.
  ///
  /// - Returns: what is kept of it.
  @discardableResult
  package func keep(_ entry: Entry, at time: UInt64) throws -> KeptSubmission {
    if let known = try row(entry.digest) { return known }
    let (row, changes) = try kept(entry, at: time)
    try store.write(changes)
    return row
  }

  /// What has to be written to keep an entry, together with what the entry is of: nothing if it is kept.
  func changes(keeping entry: Entry, at time: UInt64) throws -> [String: [UInt8]?] {
    try row(entry.digest) == nil ? kept(entry, at: time).changes : [:]
  }

  /// What has to be written before an entry is sent: that it is, and the entry, if it is not kept.
  func changes(sending entry: Entry, at time: UInt64) throws -> [String: [UInt8]?] {
    if let former = try row(entry.digest) {
      var row = former
      row.noteAttempt(at: time)
      return try changes(from: former, to: row)
    }
    return try kept(entry, isSent: true, at: time).changes
  }

  /// All that was submitted, the oldest first; of what was signed anew one, by which most is shown, with what is known
  /// of all.
  func submissions() throws -> [KeptSubmission] {
    let (renewals, all) = (try renewals(), try settled() + open())
    if renewals.isEmpty { return all.sorted { $0.number < $1.number } }
    return try all.compactMap { row in
      let forms = try Self.forms(of: row.digest, in: renewals).compactMap(readableRow)
      guard Self.shown(forms)?.digest == row.digest else { return nil }
      var whole = row
      for form in forms where form.digest != row.digest { whole.join(form) }
      return whole
    }.sorted { $0.number < $1.number }
  }

  private func kept(
    _ entry: Entry, isSent: Bool = false, at time: UInt64
  ) throws -> (row: KeptSubmission, changes: [String: [UInt8]?]) {
    let number = try count(Self.countKey)
    var row = try KeptSubmission(entry, number: number, at: time)
    if isSent { row.noteAttempt(at: time) }
    return (
      row,
      [
        Self.openKey(entry.digest): Message(row).encoded(),
        Self.countKey: Message(Count(number + 1)).encoded(),
      ]
    )
  }

  /// Changes what is kept of an entry.
  ///
  /// - Parameter others: what else is written with it, by what is kept then.
  /// - Returns: what is kept now; nil if nothing is.
  @discardableResult
  package func change(
    _ entry: Digest32, _ body: (inout KeptSubmission) -> Void,
    and others: (KeptSubmission?) throws -> [String: [UInt8]?] = { _ in [:] }
  ) throws -> KeptSubmission? {
    guard let former = try row(entry) else {
      let changes = try others(nil)
      if !changes.isEmpty { try store.write(changes) }
      return nil
    }
    var row = former
    body(&row)
    let settled = try row.standing.isFinal && !former.standing.isFinal ? settle(&row) : [:]
    let changes = try changes(from: former, to: row).merging(settled) { $1 }
      .merging(others(row)) { $1 }
    if !changes.isEmpty { try store.write(changes) }
    return row
  }

  /// What has to be written so that another row is kept of an entry.
  private func changes(
    from former: KeptSubmission, to row: KeptSubmission
  ) throws -> [String: [UInt8]?] {
    let (entry, bytes) = (row.digest, Message(row).encoded())
    if bytes == Message(former).encoded() { return [:] }
    guard row.isSettled else {
      // One that was refused may be taken after all.
      return [Self.openKey(entry): bytes, Self.settledKey(entry): nil]
    }
    var changes: [String: [UInt8]?] = [Self.openKey(entry): nil, Self.settledKey(entry): bytes]
    if try !former.isSettled && store.value(forKey: Self.placeKey(entry)) == nil {
      let number = try count(Self.settledCountKey)
      let slot = Self.slotPrefix + "\(number % Self.settledLimit)"
      if let oldest = try store.value(forKey: slot).flatMap({ Digest32($0) }), oldest != entry {
        changes[Self.settledKey(oldest)] = .some(nil)
        changes[Self.placeKey(oldest)] = .some(nil)
        changes.merge(try removalOfForm(oldest)) { $1 }
      }
      changes[slot] = entry.bytes
      changes[Self.placeKey(entry)] = Array(slot.utf8)
      changes[Self.settledCountKey] = Message(Count(number + 1)).encoded()
    }
    return changes
  }

  /// What is under way and has another of its kind, about the same, made since in its place, and that
  /// one: sent again, the older one could come to count after it. A signature with a lower attempt cannot.
  func superseded() throws -> [Digest32: KeptSubmission] {
    let open = try open()
    if open.isEmpty { return [:] }
    let renewals = try renewals()
    var newest: [[String]: KeptSubmission] = [:]
    func subject(_ row: KeptSubmission) -> [String] {
      ["\(row.kind)", row.hospital, "\(row.consent ?? row.visit)"]
    }
    for row in try settled() + open where !row.standing.isRefused {
      if row.number >= newest[subject(row)]?.number ?? 0 { newest[subject(row)] = row }
    }
    var found: [Digest32: KeptSubmission] = [:]
    for row in open {
      if let sent = try Self.sent(Self.forms(of: row.digest, in: renewals).compactMap(readableRow)),
        sent.digest != row.digest
      {
        found[row.digest] = sent
        continue
      }
      if let newer = newest[subject(row)], newer.number > row.number, !row.comesBefore(newer) {
        found[row.digest] = newer
      }
    }
    return found
  }

  /// Forgets what is under way and will not be sent any more.
  func drop(_ entry: Digest32) throws {
    try store.write(removalOfForm(entry).merging([Self.openKey(entry): nil]) { $1 })
  }

  private func count(_ key: String) throws -> UInt64 {
    try store.load(key, as: Count.self)?.value ?? 0
  }

  struct Count: NamedValue {
    static let name = "submission-count"
    let value: UInt64
    init(_ value: UInt64) { self.value = value }
    func encode(into fields: inout some FieldEncoder) { fields.integer("value", value) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      value = try fields.integer("value")
    }
  }
}
