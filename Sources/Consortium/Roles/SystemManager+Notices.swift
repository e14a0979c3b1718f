import CanonicalEncoding
import Credentials
import Ledger

/// The notice of a request that its patient has consented to, on its way to the hospital's chain.
struct PendingNotice: NamedValue {
  static let name = "request-notice"

  let notice: AccessRequestNotice
  let hospital: String
  /// As it was signed last; another one where the manager has another key by now.
  var entry: Entry
  /// How often the hospital was sent it.
  var attempts: UInt64 = 0
  /// When that was first, and last, in seconds since 1970 by the proxy's clock.
  var first: UInt64 = 0
  var last: UInt64 = 0

  /// - Parameter entry: the notice, signed by the manager.
  init(_ notice: AccessRequestNotice, _ entry: Entry) {
    (self.notice, self.entry, hospital) = (notice, entry, entry.content.chain)
  }

  mutating func noteAttempt(at time: UInt64) {
    // By a clock that was ahead nobody knows how long ago the first was.
    if attempts == 0 || first > time { first = time }
    (attempts, last) = (attempts + 1, time)
  }

  /// Whether it is to be sent: the longer it takes, the more seldom.
  func isDue(at time: UInt64) -> Bool {
    guard attempts > 0, time >= last, last >= first else { return true }
    return time - last >= min(max((last - first) / 4, Self.shortWait), Self.longWait)
  }

  /// Whether the hospital has had its time. A message or two that were lost are nobody's fault.
  func isOverdue(at time: UInt64) -> Bool {
    attempts >= 3 && time >= first && time - first >= Submission.patience
  }

  /// In seconds.
  private static let (shortWait, longWait): (UInt64, UInt64) = (60, 900)

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", notice.visit)
    fields.digest("document", notice.document)
    fields.value("entry", entry)
    fields.integer("attempts", attempts)
    fields.integer("first", first)
    fields.integer("last", last)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    notice = AccessRequestNotice(
      visit: try fields.digest("visit"), document: try fields.digest("document"))
    entry = try fields.value("entry")
    hospital = entry.content.chain
    attempts = try fields.integer("attempts")
    first = try fields.integer("first")
    last = try fields.integer("last")
  }
}

/// That somebody has asked, and the patient consented, is the manager's to say: it brings the notice to the chain,
/// whatever the hospital does, and nobody waits for that. A hospital that takes none vetoes nothing.
extension SystemManager {
  static func noticeKey(_ consent: Digest32) -> String { "\(noticePrefix)\(consent)" }
  private static let noticePrefix = "request-notice/"
  /// How many of one hospital are sent at once.
  private static let noticesAtOnce = 16

  /// Notices that do not stand yet, by consent. Of those that cannot be read it is said, and no other waits for
  /// them.
  private func knownNotices() throws -> [Digest32: PendingNotice] {
    if let pendingNotices { return pendingNotices }
    var found: [Digest32: PendingNotice] = [:]
    for key in try store.keys(withPrefix: Self.noticePrefix) {
      do {
        let name = [UInt8](hex: String(key.dropFirst(Self.noticePrefix.count)))
        guard let consent = name.flatMap({ Digest32($0) }) else { continue }
        found[consent] = try store.load(key)
      } catch {
        if error.isOfWholeStore { throw error }
        inbox.failures.note(error)
      }
    }
    pendingNotices = found
    return found
  }

  /// Notes what has just been stored under ``noticeKey(_:)``.
  func follow(_ notice: PendingNotice, of consent: Digest32) {
    // Where the store was not looked through yet, it is found there.
    pendingNotices?[consent] = notice
  }

  /// Sends what is due to its hospitals, to all at once: who does not answer holds up no other.
  ///
  /// - Returns: whether the hospitals have taken something that they had not.
  /// - Throws: ``StoreError`` alone.
  @discardableResult
  func bringNotices() async throws -> Bool {
    let now = inbox.clock()
    let due = try knownNotices().filter { $0.value.isDue(at: now) && !bringing.contains($0.key) }
    if due.isEmpty { return false }
    return try await withThrowingTaskGroup(of: Bool.self) { group in
      for (_, notices) in Dictionary(grouping: due, by: \.value.hospital) {
        // Those that have waited longest.
        let first = notices.sorted {
          ($0.value.last, "\($0.key)") < ($1.value.last, "\($1.key)")
        }
        for (consent, _) in first.prefix(Self.noticesAtOnce) {
          group.addTask { try await self.bring(noticeOf: consent) }
        }
      }
      var isNew = false
      for try await wasTaken in group { isNew = wasTaken || isNew }
      return isNew
    }
  }

  private func bring(noticeOf consent: Digest32) async throws -> Bool {
    guard bringing.insert(consent).inserted else { return false }
    defer { bringing.remove(consent) }
    do {
      guard let notice = try await readyNotice(of: consent) else { return false }
      return try await bring(notice, of: consent)
    } catch {
      if error.isOfWholeStore { throw error }
      // A demand waits for its block.
      if ConsortiumError(error).code != .notFinal { inbox.failures.note(error) }
      return false
    }
  }

  /// A notice that is to be sent now, signed with the manager's key of now; nil if there is none, or nobody to
  /// take it.
  private func readyNotice(of consent: Digest32) async throws -> PendingNotice? {
    let members = try await node.members
    let key = keys.ring.identity(in: members)
    guard var notice = pendingNotices?[consent] else { return nil }
    guard members.supernode(notice.hospital) != nil else {
      try dropNotice(of: consent)
      return nil
    }
    if !notice.entry.isSigned(by: key.publicKey) {
      notice.entry = Entry(notice.entry.content, signedBy: key)
    }
    notice.noteAttempt(at: inbox.clock())
    try store.save(notice, Self.noticeKey(consent))
    pendingNotices?[consent] = notice
    return notice
  }

  private func bring(_ notice: PendingNotice, of consent: Digest32) async throws -> Bool {
    var isNew = false
    do {
      try await submit(notice.entry, until: .written)
      isNew = notice.attempts == 1
    } catch {
      if error.isOfWholeStore { throw error }
    }
    // Neither what the hospital says that it has written nor what it says that it refuses is believed: what its
    // cloud has confirmed shows whether the notice stands, by whatever key of the manager.
    do {
      if try await chains.view(of: notice.hospital).isRequested(notice.notice.document) {
        try dropNotice(of: consent)
        return isNew
      }
    } catch {
      if error.isOfWholeStore { throw error }
      inbox.failures.note(error)
    }
    guard notice.isOverdue(at: inbox.clock()), try await mayDemand(notice) else { return isNew }
    // Once the demand is final everybody sees it, and what the hospital answers.
    _ = try await demand(notice.entry)
    try dropNotice(of: consent)
    return isNew
  }

  /// Whether something is left for notices of what the manager may demand in an epoch, as the rules count it: half
  /// of its share of the hospital, and half of what it may through the hospital's cloud, so that they keep no access
  /// from being demanded.
  private func mayDemand(_ notice: PendingNotice) async throws -> Bool {
    let (hospital, digest) = (notice.hospital, notice.entry.digest)
    let cloud = try await node.cloud(ofHospital: hospital)
    let consortium = await node.consortium
    let members = try consortium.members
    let epoch = node.genesis.epoch(ofHeight: consortium.height)
    if demandedNotices.epoch != epoch { demandedNotices = (epoch, [:]) }
    if demandedNotices.places[digest] != nil { return true }
    let counted = try consortium.managersDemands(of: hospital, through: cloud, inEpoch: epoch)
    // What waits for a block is counted here alone.
    let places = demandedNotices.places.values
    let here = max(counted.ofHospital, UInt64(places.count { $0.hospital == hospital }))
    let all = max(counted.all, UInt64(places.count { $0.cloud == cloud }))
    guard here < max(1, members.demandShare / 2),
      all < max(1, members.numbers.supernodeQuota / 2)
    else { return false }
    demandedNotices.places[digest] = (hospital, cloud)
    return true
  }

  private func dropNotice(of consent: Digest32) throws {
    try store.write([Self.noticeKey(consent): nil])
    pendingNotices?[consent] = nil
  }
}
