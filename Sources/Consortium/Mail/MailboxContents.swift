import CanonicalEncoding

/// The messages of all mailboxes of one keeper, within their bounds.
///
/// Where a mailbox is full, and where all are, the source that has most there loses its newest message to one
/// that would have less, and to one of a role of this machine in any case: a flood keeps out nobody else.
///
/// What is done with one message costs no more, however many others there are: whatever is looked for is sorted.
struct MailboxContents: Sendable {
  private var messages: [UInt64: WaitingMail] = [:]
  private var boxes: [String: Mailbox] = [:]
  private var all = Weights()
  /// All, the oldest first.
  private var ages = SortedSet<Age>()
  /// For how many messages the holder of a key is expected to ask.
  private(set) var owners: [Digest32: Int] = [:]
  /// How many messages about what was promised lie on disk.
  private var promises: [Promise: Int] = [:]
  private(set) var parts = HospitalParts()
  let limits: Mailboxes.Limits

  private struct Mailbox: Sendable {
    var digests: [Digest32: UInt64] = [:]
    var weights = Weights()
    var order = FetchOrder()
  }

  private struct Promise: Hashable {
    let recipient: String
    let subject: Digest32
  }

  private struct Age: Comparable {
    let waitsSince: UInt64
    let number: UInt64

    init(_ mail: WaitingMail) { (waitsSince, number) = (mail.waitsSince, mail.number) }

    static func < (a: Self, b: Self) -> Bool {
      (a.waitsSince, a.number) < (b.waitsSince, b.number)
    }
  }

  /// How much there is, in all and by source.
  private struct Weights: Sendable {
    private(set) var total = 0
    /// Of it, what was promised to wait: it gives way to nothing.
    private(set) var promised: [[UInt8]: Int] = [:]
    /// The rest.
    private var bySource: [[UInt8]: Part] = [:]
    private var ranks = SortedSet<Rank>()

    private struct Part: Sendable {
      var weight = 0
      var numbers = SortedSet<UInt64>()
    }

    /// Of sources that have the same, the one with the newest message has most.
    private struct Rank: Comparable {
      let weight: Int
      let newest: UInt64
      let source: [UInt8]

      static func < (a: Self, b: Self) -> Bool { (a.weight, a.newest) < (b.weight, b.newest) }
    }

    mutating func insert(_ mail: WaitingMail) { change(mail, 1) { $0.insert(mail.number) } }
    mutating func remove(_ mail: WaitingMail) { change(mail, -1) { $0.remove(mail.number) } }

    /// What is of a role of this machine counts in all alone: it gives way to nothing, and waits for seconds.
    private mutating func change(
      _ mail: WaitingMail, _ sign: Int, _ body: (inout SortedSet<UInt64>) -> Void
    ) {
      total += sign * mail.weight
      let source = mail.source
      if mail.isOwn { return }
      if mail.subject != nil {
        let weight = promised[source, default: 0] + sign * mail.weight
        promised[source] = weight == 0 ? nil : weight
        return
      }
      let before = rank(of: source)
      bySource[source, default: Part()].weight += sign * mail.weight
      body(&bySource[source, default: Part()].numbers)
      if let before { ranks.remove(before) }
      if let after = rank(of: source) {
        ranks.insert(after)
      } else {
        bySource[source] = nil
      }
    }

    /// nil for a source that has nothing.
    private func rank(of source: [UInt8]) -> Rank? {
      bySource[source].flatMap { part in
        part.numbers.last.map { Rank(weight: part.weight, newest: $0, source: source) }
      }
    }

    private func weight(of source: [UInt8]) -> Int { bySource[source]?.weight ?? 0 }

    /// The newest message of the source that has most, if that has more than the new one's would, or if the new
    /// one is of a role of this machine.
    func newest(for mail: WaitingMail) throws(ConsortiumError) -> UInt64 {
      let part = mail.isOwn ? 0 : weight(of: mail.source) + mail.weight
      guard let most = ranks.last, most.weight > part,
        let newest = bySource[most.source]?.numbers.last
      else { throw MailboxContents.full }
      return newest
    }
  }

  init(limits: Mailboxes.Limits) { self.limits = limits }

  var depth: Mailboxes.Depth {
    Mailboxes.Depth(
      mailboxes: boxes.count, messages: messages.count, weight: all.total,
      oldest: ages.first?.waitsSince)
  }

  func message(_ number: UInt64) -> WaitingMail? { messages[number] }

  func message(_ digest: Digest32, for recipient: String) -> WaitingMail? {
    boxes[recipient]?.digests[digest].flatMap { messages[$0] }
  }

  /// Whether something about a subject is promised to somebody, and lies on disk.
  func holds(_ subject: Digest32, for recipient: String) -> Bool {
    promises[Promise(recipient: recipient, subject: subject)] != nil
  }

  mutating func insert(_ mail: WaitingMail) {
    messages[mail.number] = mail
    ages.insert(Age(mail))
    all.insert(mail)
    boxes[mail.recipient, default: Mailbox()].digests[mail.digest] = mail.number
    boxes[mail.recipient, default: Mailbox()].weights.insert(mail)
    boxes[mail.recipient, default: Mailbox()].order.insert(mail)
    if let owner = mail.owner { owners[owner, default: 0] += 1 }
    count(mail, 1)
    parts.insert(mail)
  }

  /// Notes that the store has the bytes.
  mutating func store(_ mail: WaitingMail) {
    guard messages[mail.number]?.bytes != nil else { return }
    messages[mail.number]?.bytes = nil
    if let stored = messages[mail.number] { count(stored, 1) }
  }

  private mutating func count(_ mail: WaitingMail, _ sign: Int) {
    guard let subject = mail.subject, mail.bytes == nil else { return }
    let promise = Promise(recipient: mail.recipient, subject: subject)
    let count = promises[promise, default: 0] + sign
    promises[promise] = count == 0 ? nil : count
  }

  mutating func remove(_ mail: WaitingMail) {
    guard let mail = messages.removeValue(forKey: mail.number) else { return }
    ages.remove(Age(mail))
    all.remove(mail)
    boxes[mail.recipient]?.digests[mail.digest] = nil
    boxes[mail.recipient]?.weights.remove(mail)
    boxes[mail.recipient]?.order.remove(mail)
    if boxes[mail.recipient]?.digests.isEmpty ?? false { boxes[mail.recipient] = nil }
    if let owner = mail.owner { owners[owner] = owners[owner].flatMap { $0 > 1 ? $0 - 1 : nil } }
    count(mail, -1)
    parts.remove(mail)
  }

  /// Removes what has to go so that one more message has room.
  ///
  /// - Returns: what was removed.
  /// - Throws: ``ConsortiumError`` `busy` if nothing has to that would have more than it; then nothing is removed.
  mutating func makeRoom(for mail: WaitingMail) throws(ConsortiumError) -> [WaitingMail] {
    if mail.subject != nil,
      all.promised[mail.source, default: 0] + mail.weight > limits.promisedWeight
    {
      throw Self.full
    }
    var gone: [WaitingMail] = []
    do throws(ConsortiumError) {
      while let weight = boxes[mail.recipient]?.weights.total,
        weight + mail.weight > limits.mailboxWeight,
        let newest = try boxes[mail.recipient]?.weights.newest(for: mail)
      {
        remove(newest, &gone)
      }
      while all.total + mail.weight > limits.totalWeight {
        remove(try all.newest(for: mail), &gone)
      }
    } catch {
      for mail in gone { insert(mail) }
      throw error
    }
    return gone
  }

  private mutating func remove(_ number: UInt64, _ gone: inout [WaitingMail]) {
    guard let mail = messages[number] else { return }
    remove(mail)
    gone.append(mail)
  }

  private static var full: ConsortiumError { ConsortiumError(.busy, "the mailbox is full") }

  /// The first that are due, in the order in which they are to be fetched; at most so many.
  mutating func first(_ limit: Int, for recipient: String, at now: UInt64) -> [WaitingMail] {
    let messages = messages
    boxes[recipient]?.order.pass(to: now) { messages[$0] }
    return boxes[recipient]?.order.first(limit).compactMap { messages[$0] } ?? []
  }

  /// Notes that a message is handed out.
  mutating func noteTry(_ mail: WaitingMail, at now: UInt64) {
    guard let before = messages[mail.number] else { return }
    messages[mail.number]?.noteTry(at: now)
    guard let after = messages[mail.number] else { return }
    boxes[mail.recipient]?.order.remove(before)
    boxes[mail.recipient]?.order.insert(after, at: now)
  }

  /// In how many seconds the next message of a mailbox is due, where none is.
  func pause(for recipient: String, at now: UInt64) -> UInt64? {
    boxes[recipient]?.order.nextDue.map { $0 - min($0, now) }
  }

  /// What has come by a clock that was ahead waits from now on.
  mutating func setRight(at now: UInt64) {
    while let last = ages.last, last.waitsSince > now {
      ages.remove(last)
      messages[last.number]?.waitsSince = now
      if let mail = messages[last.number] { ages.insert(Age(mail)) }
    }
  }

  /// What waits since before a time, the oldest first; at most so many.
  func messages(before time: UInt64, limit: Int) -> [WaitingMail] {
    ages.lazy.prefix { $0.waitsSince < time }.prefix(limit).compactMap { messages[$0.number] }
  }
}
