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
  /// Which entry has taken the place of one whose key was given up.
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

  /// Whether the hospital says that it refuses an entry, as far as the row can be read.
  func isRefused(_ entry: Digest32) throws -> Bool {
    try readableRow(entry)?.standing.isRefused == true
  }

  /// Whether the hospital has taken an entry, as far as the row can be read.
  func isTaken(_ entry: Digest32) throws -> Bool {
    try readableRow(entry)?.standing.isTaken == true
  }

  private func readableRow(_ entry: Digest32) throws -> KeptSubmission? {
    try store.readable(Self.openKey(entry)) ?? store.readable(Self.settledKey(entry))
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

  /// What has to be written to keep an entry that says the same as another, under another key: it has the place of
  /// that one among all others, and that one is kept beside it.
  func changes(
    renewing former: Digest32, as entry: Entry, at time: UInt64
  ) throws -> [String: [UInt8]?] {
    guard let known = try row(former) else { return try changes(keeping: entry, at: time) }
    let row = try KeptSubmission(entry, number: known.number, at: time)
    return [
      Self.openKey(entry.digest): Message(row).encoded(),
      Self.renewedKey(former): entry.digest.bytes,
    ]
  }

  /// What was signed anew in the place of an entry.
  func renewal(of entry: Digest32) throws -> Digest32? {
    try store.value(forKey: Self.renewedKey(entry)).flatMap { Digest32($0) }
  }

  /// Whether another entry counts in the place of this one, which nobody is known to have taken.
  func isRenewed(_ row: KeptSubmission) throws -> Bool {
    try !row.standing.isTaken && !row.isOfRecord && renewal(of: row.digest) != nil
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
    let changes = try changes(from: former, to: row).merging(others(row)) { $1 }
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
    var newest: [[String]: KeptSubmission] = [:]
    func subject(_ row: KeptSubmission) -> [String] {
      ["\(row.kind)", row.hospital, "\(row.consent ?? row.visit)"]
    }
    for row in try settled() + open where !row.standing.isRefused {
      if row.number >= newest[subject(row)]?.number ?? 0 { newest[subject(row)] = row }
    }
    var found: [Digest32: KeptSubmission] = [:]
    for row in open {
      if let renewed = try renewal(of: row.digest), let newer = try self.row(renewed),
        !newer.standing.isRefused
      {
        found[row.digest] = newer
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
    try store.write([Self.openKey(entry): nil, Self.renewedKey(entry): nil])
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
