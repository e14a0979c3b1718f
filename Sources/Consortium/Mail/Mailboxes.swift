package import CanonicalEncoding
import Credentials
import Crypto
import EMRScheme
package import Ledger

/// The mailboxes of those who have no server: a hospital's for its doctors, the manager's for addresses of
/// patients (specification 8.8).
///
/// What comes is handed out when its recipient's program asks, and the answer goes to who has sent it, if it
/// still waits. What nobody fetches in that time is kept, on disk, for as long as any request counts. Messages
/// are sealed: nothing of them can be read or changed here, and no answer be invented.
package actor Mailboxes {
  /// How much there may be, by ``WaitingMail/weight``.
  package struct Limits: Sendable {
    package var mailboxWeight = 1 << 26
    package var totalWeight = 1 << 30
    /// Of what one party was promised that it waits.
    package var promisedWeight = 1 << 22
    /// How long messages are kept, in seconds.
    package var lifetime: UInt64 = 7 * 86_400
    /// For how many seconds after it asked a program counts as there.
    package var presence: UInt64 = 60
    /// How long a sender waits for the answer of a program that is there.
    package var patience = Duration.seconds(20)
    /// How many questions wait for messages at once, in all and at one mailbox.
    package var waiting = (all: 1 << 11, mailbox: 4)

    package init() {}
  }

  /// Where a message comes from.
  package enum Source: Sendable {
    /// Of a network, or of a role of this machine.
    case address(String)
    /// Of a doctor who has proven to be one, and of the hospital, which alone says who its doctors are: all of
    /// them together have one of so many equal parts.
    case doctor(String, of: String, among: Int)
  }

  /// What becomes of a message that nobody fetches.
  package enum Keeping: Sendable, Equatable {
    /// Its sender tries again by itself.
    case nothing
    case message
    /// Its sender tells others that it waits, and once for each subject.
    /// The holder of the Ed25519 key is expected to ask for it.
    case promised(subject: Digest32, key: [UInt8])
  }

  package enum Delivery: Sendable {
    case answer([UInt8])
    /// It lies on disk.
    case kept
    case refused(ConsortiumError)
  }

  /// What waits in all mailboxes together.
  package struct Depth: Sendable {
    /// In which something waits.
    package internal(set) var mailboxes: Int
    package internal(set) var messages = 0
    /// Of ``Limits/totalWeight``.
    package internal(set) var weight: Int
    /// When the oldest message came, in seconds since 1970; nil where nothing waits.
    package internal(set) var oldest: UInt64?
  }

  package var depth: Depth { contents.depth }

  private struct Sender {
    let keeping: Keeping
    let timer: Task<Void, Never>
    let continuation: CheckedContinuation<Delivery, Never>
  }

  private struct Fetcher {
    let number: UInt64
    let timer: Task<Void, Never>
    let continuation: CheckedContinuation<Void, Never>
  }

  /// Whether what nobody fetches is kept.
  package nonisolated let room = Room()
  private let store: any RoleStore
  private let clock: @Sendable () -> UInt64
  private let limits: Limits
  /// Drawn at each start: what is said of an address serves nobody to find it.
  private let labelKey = SymmetricKey(size: .bits256)
  private var contents: MailboxContents
  private var senders: [UInt64: Sender] = [:]
  /// By mailbox, the oldest first.
  private var fetchers: [String: [Fetcher]] = [:]
  private var fetcherCount = 0
  private var lastFetches: [String: UInt64] = [:]
  private var envelopeKeys: [String: Signed<EnvelopeKey>] = [:]
  private var nextNumber: UInt64
  private var sweep = Pause(of: sweepInterval)
  private var isClosed = false

  private static let envelopeKeyPrefix = "envelope-key/"
  private static let sweepInterval: UInt64 = 60
  /// How many messages go at once.
  private static let sweepLimit = 1 << 10
  /// Of how many mailboxes it is remembered when they were asked for last.
  private static let fetchLimit = 1 << 13

  /// Goes on with what the store holds of earlier runs.
  ///
  /// - Parameters:
  ///   - store: of these mailboxes alone.
  ///   - clock: seconds since 1970.
  package init(
    store: any RoleStore, limits: Limits = Limits(), clock: @escaping @Sendable () -> UInt64
  ) throws(StoreError) {
    (self.store, self.limits, self.clock) = (store, limits, clock)
    var contents = MailboxContents(limits: limits)
    nextNumber = 1
    for key in try store.keys(withPrefix: WaitingMail.prefix) {
      guard let mail = WaitingMail(key: key) else { continue }
      contents.insert(mail)
      nextNumber = max(nextNumber, mail.number &+ 1)
    }
    self.contents = contents
  }

  // MARK: Senders

  /// Takes a message for somebody who has a mailbox here, and waits for the answer while there is somebody who
  /// could give one.
  ///
  /// - Parameter keeping: what becomes of it else.
  package func deliver(
    _ bytes: [UInt8], to recipient: String, from source: Source, keeping: Keeping
  ) async -> Delivery {
    guard bytes.count <= MessageLimits.plain,
      (try? Envelope(encoded: bytes))?.recipient == recipient
    else {
      return .refused(ConsortiumError(.unauthenticated, "what waits has to be sealed"))
    }
    guard !isClosed else { return .refused(Self.away(recipient)) }
    let mail = WaitingMail(
      number: nextNumber, to: recipient, from: label(source), at: clock(), keeping: keeping,
      bytes)
    nextNumber &+= 1
    do {
      try forgetOver()
      guard contents.message(mail.digest, for: recipient) == nil else {
        throw ConsortiumError(.repeated, "this message waits already")
      }
      if case .doctor(_, let hospital, let count) = source,
        !contents.parts.haveRoom(for: mail, among: count, limits)
      {
        throw ConsortiumError(.busy, "doctors of \(hospital) have asked as much as may wait")
      }
      let isHeld = isPresent(recipient)
      if !isHeld, keeping == .nothing { throw Self.away(recipient) }
      if !isHeld { try requireRoom() }
      try take(mail, isHeld: isHeld)
      if !isHeld { return .kept }
    } catch {
      return .refused((error as? ConsortiumError) ?? ConsortiumError(telling: error))
    }
    return await withCheckedContinuation { continuation in
      let timer = Task { [patience = limits.patience] in
        try? await Task.sleep(for: patience)
        self.giveUp(mail)
      }
      senders[mail.number] = Sender(keeping: keeping, timer: timer, continuation: continuation)
      wake(recipient)
    }
  }

  /// Puts a message in the place of what has to go for it, with one write.
  private func take(_ mail: WaitingMail, isHeld: Bool) throws {
    let gone = try contents.makeRoom(for: mail)
    var rows = Self.removal(of: gone)
    if !isHeld { rows[mail.key] = mail.bytes }
    do {
      if !rows.isEmpty { try store.write(rows) }
    } catch {
      for mail in gone { contents.insert(mail) }
      throw error
    }
    contents.insert(mail)
    if !isHeld { contents.store(mail) }
    for mail in gone {
      finish(mail, .refused(ConsortiumError(.busy, "others have less in this mailbox")))
    }
  }

  private static func away(_ recipient: String) -> ConsortiumError {
    ConsortiumError(.unreachable, "\(recipient) is away")
  }

  private func requireRoom() throws(ConsortiumError) {
    guard room.isOpen else {
      throw ConsortiumError(.unavailable, "there is no room for what waits")
    }
  }

  private func keep(_ mail: WaitingMail) throws(StoreError) -> Delivery {
    try store.write([mail.key: mail.bytes])
    contents.store(mail)
    return .kept
  }

  /// Ends the wait of a sender whom nobody has answered.
  private func giveUp(_ mail: WaitingMail) {
    guard let sender = senders[mail.number] else { return }
    guard sender.keeping != .nothing else {
      contents.remove(mail)
      return finish(mail, .refused(Self.away(mail.recipient)))
    }
    do {
      try requireRoom()
      finish(mail, try keep(mail))
    } catch {
      contents.remove(mail)
      finish(mail, .refused(ConsortiumError(telling: error)))
    }
  }

  private func finish(_ mail: WaitingMail, _ delivery: Delivery) {
    guard let sender = senders.removeValue(forKey: mail.number) else { return }
    sender.timer.cancel()
    sender.continuation.resume(returning: delivery)
  }

  /// Whether something about a subject is promised to somebody, and waits.
  package func holds(_ subject: Digest32, for recipient: String) -> Bool {
    contents.holds(subject, for: recipient)
  }

  /// Whether something promised waits for the holder of an Ed25519 key.
  package func isAwaited(_ key: [UInt8]) -> Bool {
    contents.owners[Digest32(sha256: key)] != nil
  }

  // MARK: Recipients

  /// Whether a program is there that fetches what comes.
  package func isPresent(_ recipient: String) -> Bool {
    if fetchers[recipient] != nil { return true }
    guard let last = lastFetches[recipient] else { return false }
    return isPresent(since: last, at: clock())
  }

  /// Whether a program that was there at a time counts as there.
  private func isPresent(since last: UInt64, at now: UInt64) -> Bool {
    !Pause(of: limits.presence, since: last).isOver(at: now)
  }

  /// The messages of a mailbox, as many as have room in one answer. They stay until they are answered; those that
  /// were handed out and could not be answered for now come behind the others, and after pauses.
  ///
  /// - Parameter seconds: how long to wait for one where there is none.
  /// - Throws: ``ConsortiumError`` `busy` if too many wait; ``StoreError``.
  package func fetch(_ recipient: String, waiting seconds: UInt64) async throws -> MailBundle {
    try forgetOver()
    noteFetch(recipient)
    let bundle = try bundle(recipient)
    guard bundle.messages.isEmpty, seconds > 0, !isClosed else { return bundle }
    guard fetcherCount < limits.waiting.all else {
      throw ConsortiumError(.busy, "as many wait for messages as may")
    }
    if let oldest = fetchers[recipient], oldest.count >= limits.waiting.mailbox {
      end(oldest[0].number, of: recipient)
    }
    await withCheckedContinuation { continuation in
      let number = nextNumber
      nextNumber &+= 1
      let pause = contents.pause(for: recipient, at: clock()).map { max($0, 1) }
      let timer = Task {
        try? await Task.sleep(for: .seconds(min(seconds, pause ?? seconds)))
        self.end(number, of: recipient)
      }
      fetcherCount += 1
      fetchers[recipient, default: []].append(
        Fetcher(number: number, timer: timer, continuation: continuation))
    }
    noteFetch(recipient)
    return try self.bundle(recipient)
  }

  private func noteFetch(_ recipient: String) {
    let now = clock()
    if lastFetches.count >= Self.fetchLimit {
      lastFetches = lastFetches.filter { isPresent(since: $0.value, at: now) }
      // They come again with the next question of each.
      if lastFetches.count >= Self.fetchLimit { lastFetches = [:] }
    }
    lastFetches[recipient] = now
  }

  private func wake(_ recipient: String) {
    for fetcher in fetchers[recipient] ?? [] { end(fetcher.number, of: recipient) }
  }

  private func end(_ number: UInt64, of recipient: String) {
    guard let index = fetchers[recipient]?.firstIndex(where: { $0.number == number }),
      let fetcher = fetchers[recipient]?.remove(at: index)
    else { return }
    if fetchers[recipient]?.isEmpty ?? true { fetchers[recipient] = nil }
    fetcherCount -= 1
    fetcher.timer.cancel()
    fetcher.continuation.resume()
  }

  private func bundle(_ recipient: String) throws -> MailBundle {
    let now = clock()
    while true {
      var room = (RequestTable.byName[FetchMail.name]?.answerLimit ?? 0) - Envelope.overhead
      var found: [(mail: WaitingMail, bytes: [UInt8])] = []
      var damaged: [WaitingMail] = []
      for mail in contents.first(MailBundle.limit, for: recipient, at: now) {
        room -= mail.byteCount + MailMessage.overhead
        guard room >= 0 else { break }
        if let bytes = try bytes(of: mail) {
          found.append((mail, bytes))
        } else {
          damaged.append(mail)
        }
      }
      if !damaged.isEmpty {
        // Their senders ask again in others.
        try remove(damaged)
        continue
      }
      for (mail, _) in found { contents.noteTry(mail, at: now) }
      return MailBundle(found.map { MailMessage(source: $0.mail.source, bytes: $0.bytes) })
    }
  }

  private func bytes(of mail: WaitingMail) throws -> [UInt8]? {
    if let bytes = mail.bytes { return bytes }
    do {
      guard let bytes = try store.value(forKey: mail.key), Digest32(sha256: bytes) == mail.digest
      else { return nil }
      return bytes
    } catch  where !error.isOfWholeStore {
      return nil
    }
  }

  /// Takes the answer to a message, for who has sent it, and removes the message. One that is not there has been
  /// answered.
  package func answer(
    _ digest: Digest32, for recipient: String, _ answer: [UInt8]
  ) throws(StoreError) {
    noteFetch(recipient)
    guard let mail = contents.message(digest, for: recipient) else { return }
    try remove([mail])
    finish(mail, .answer(answer))
  }

  private func remove(_ mails: [WaitingMail]) throws(StoreError) {
    let rows = Self.removal(of: mails)
    if !rows.isEmpty { try store.write(rows) }
    for mail in mails { contents.remove(mail) }
  }

  /// Of those that lie on disk.
  private static func removal(of mails: [WaitingMail]) -> [String: [UInt8]?] {
    var rows: [String: [UInt8]?] = [:]
    for mail in mails where mail.bytes == nil { rows[mail.key] = .some(nil) }
    return rows
  }

  /// Removes what nobody has fetched in the time that any request counts: it looks once a minute, and goes on
  /// with the next question where there is much.
  ///
  /// - Throws: ``StoreError``.
  package func forgetOver() throws {
    let now = clock()
    guard sweep.isOver(at: now) else { return }
    sweep.begin(at: now)
    contents.setRight(at: now)
    guard now > limits.lifetime else { return }
    let over = contents.messages(before: now - limits.lifetime, limit: Self.sweepLimit)
    try remove(over)
    for mail in over { finish(mail, .refused(Self.away(mail.recipient))) }
    if over.count == Self.sweepLimit { sweep = Pause(of: Self.sweepInterval) }
  }

  // MARK: Envelope keys

  /// Keeps what a doctor shows to who wants to seal something, to be shown while the doctor is away.
  ///
  /// - Parameter statement: is the doctor's own.
  package func note(_ statement: Signed<EnvelopeKey>, of doctor: String) throws {
    if try shown(by: doctor)?.encodedSequence() == statement.encodedSequence() { return }
    try store.write([Self.envelopeKeyPrefix + doctor: statement.encodedSequence()])
    envelopeKeys[doctor] = statement
  }

  /// What a doctor has shown last.
  package func shown(by doctor: String) throws -> Signed<EnvelopeKey>? {
    if let known = envelopeKeys[doctor] { return known }
    guard let bytes = try store.value(forKey: Self.envelopeKeyPrefix + doctor),
      let statement = Self.statement(bytes)
    else { return nil }
    envelopeKeys[doctor] = statement
    return statement
  }

  // Not inlined: the optimizer of Swift 6.3.1 crashes where typed errors meet an async body.
  @inline(never)
  private static func statement(_ bytes: [UInt8]) -> Signed<EnvelopeKey>? {
    try? Signed<EnvelopeKey>(sequence: bytes)
  }

  // MARK: The end

  /// Lets nobody wait any longer: who keeps the mailboxes stops.
  package func close() {
    isClosed = true
    for recipient in fetchers.keys { wake(recipient) }
    for mail in senders.keys.compactMap(contents.message) { giveUp(mail) }
  }

  /// What of a source is told to a recipient, and counted by.
  private func label(_ source: Source) -> [UInt8] {
    switch source {
    case .address(let address):
      Array(HMAC<SHA256>.authenticationCode(for: Array(address.utf8), using: labelKey).prefix(16))
    case .doctor(let id, let hospital, _):
      WaitingMail.hospitalLabel(hospital) + Digest32(sha256: id.utf8).bytes.prefix(8)
    }
  }
}
