import CanonicalEncoding

/// The messages of all mailboxes of one keeper, within their bounds.
///
/// Where a mailbox is full, and where all are, the source that has most there loses its newest message to one
/// that would have less, and to one of a role of this machine in any case: a flood keeps out nobody else.
struct MailboxContents: Sendable {
  private(set) var byRecipient: [String: [UInt64: WaitingMail]] = [:]
  private var digests: [String: [Digest32: UInt64]] = [:]
  private var boxes: [String: Weights] = [:]
  private var all = Weights()
  /// For how many messages the holder of a key is expected to ask.
  private(set) var owners: [Digest32: Int] = [:]
  private(set) var parts = HospitalParts()
  let limits: Mailboxes.Limits

  /// How much there is, in all and by source.
  private struct Weights: Sendable {
    var total = 0
    var bySource: [[UInt8]: Int] = [:]
    /// Of it, what was promised to wait: it gives way to nothing.
    var promised: [[UInt8]: Int] = [:]

    /// What is of a role of this machine counts in all alone: it gives way to nothing, and waits for seconds.
    mutating func add(_ mail: WaitingMail, _ sign: Int) {
      total += sign * mail.weight
      if mail.isOwn { return }
      func change(_ weights: inout [[UInt8]: Int]) {
        let weight = weights[mail.source, default: 0] + sign * mail.weight
        weights[mail.source] = weight == 0 ? nil : weight
      }
      if mail.subject == nil { change(&bySource) } else { change(&promised) }
    }
  }

  init(limits: Mailboxes.Limits) { self.limits = limits }

  var depth: Mailboxes.Depth {
    var depth = Mailboxes.Depth(mailboxes: byRecipient.count, weight: all.total)
    for mail in byRecipient.values.lazy.flatMap(\.values) {
      depth.messages += 1
      depth.oldest = min(depth.oldest ?? mail.arrivedAt, mail.arrivedAt)
    }
    return depth
  }

  func messages(for recipient: String) -> [UInt64: WaitingMail] { byRecipient[recipient] ?? [:] }

  func message(_ digest: Digest32, for recipient: String) -> WaitingMail? {
    digests[recipient]?[digest].flatMap { byRecipient[recipient]?[$0] }
  }

  mutating func insert(_ mail: WaitingMail) {
    byRecipient[mail.recipient, default: [:]][mail.number] = mail
    digests[mail.recipient, default: [:]][mail.digest] = mail.number
    boxes[mail.recipient, default: Weights()].add(mail, 1)
    all.add(mail, 1)
    if let owner = mail.owner { owners[owner, default: 0] += 1 }
    parts.insert(mail)
  }

  /// Notes that the store has the bytes.
  mutating func store(_ mail: WaitingMail) {
    byRecipient[mail.recipient]?[mail.number]?.bytes = nil
  }

  mutating func remove(_ mail: WaitingMail) {
    let recipient = mail.recipient
    guard byRecipient[recipient]?.removeValue(forKey: mail.number) != nil else { return }
    digests[recipient]?[mail.digest] = nil
    boxes[recipient]?.add(mail, -1)
    all.add(mail, -1)
    if let owner = mail.owner { owners[owner] = owners[owner].flatMap { $0 > 1 ? $0 - 1 : nil } }
    parts.remove(mail)
    if byRecipient[recipient]?.isEmpty ?? true {
      (byRecipient[recipient], digests[recipient], boxes[recipient]) = (nil, nil, nil)
    }
  }

  /// What has to go so that one more message has room.
  ///
  /// - Throws: ``ConsortiumError`` `busy` if nothing has to that would have more than it.
  func displaced(by mail: WaitingMail) throws(ConsortiumError) -> [WaitingMail] {
    if mail.subject != nil,
      all.promised[mail.source, default: 0] + mail.weight > limits.promisedWeight
    {
      throw Self.full
    }
    var left = self
    var displaced: [WaitingMail] = []
    while let box = left.boxes[mail.recipient], box.total + mail.weight > limits.mailboxWeight {
      let gone = try left.newest(of: box, for: mail, in: left.messages(for: mail.recipient).values)
      displaced.append(gone)
      left.remove(gone)
    }
    while left.all.total + mail.weight > limits.totalWeight {
      let gone = try left.newest(
        of: left.all, for: mail, in: left.byRecipient.values.lazy.flatMap(\.values))
      displaced.append(gone)
      left.remove(gone)
    }
    return displaced
  }

  private static var full: ConsortiumError { ConsortiumError(.busy, "the mailbox is full") }

  /// The newest message of the source that has most, if that has more than the new one's would, or if the new one
  /// is of a role of this machine.
  private func newest(
    of weights: Weights, for mail: WaitingMail, in messages: some Sequence<WaitingMail>
  ) throws(ConsortiumError) -> WaitingMail {
    let part = mail.isOwn ? 0 : weights.bySource[mail.source, default: 0] + mail.weight
    guard let most = weights.bySource.max(by: { $0.value < $1.value }), most.value > part,
      let newest = messages.lazy
        .filter({ $0.source == most.key && $0.subject == nil && !$0.isOwn })
        .max(by: { $0.number < $1.number })
    else { throw Self.full }
    return newest
  }

  /// What is due, in the order in which it is to be fetched: what is of a role of this machine, then the first of
  /// each source, then the next of each. Whatever was handed out more often and not answered is behind what was
  /// so less often, among those of its source and among the first of all sources, and then what is newer.
  func ordered(for recipient: String, at now: UInt64) -> [WaitingMail] {
    var ranks: [[UInt8]: Int] = [:]
    let due = messages(for: recipient).values.filter { $0.isDue(at: now) }
    let ranked = due.sorted { ($0.tries, $0.number) < ($1.tries, $1.number) }.map { mail in
      if mail.isOwn { return (rank: -1, mail: mail) }
      defer { ranks[mail.source, default: 0] += 1 }
      return (rank: ranks[mail.source, default: 0], mail: mail)
    }
    return ranked.sorted {
      ($0.rank, $0.mail.tries, $0.mail.number) < ($1.rank, $1.mail.tries, $1.mail.number)
    }.map(\.mail)
  }

  /// Notes that a message is handed out.
  mutating func noteTry(_ mail: WaitingMail, at now: UInt64) {
    byRecipient[mail.recipient]?[mail.number]?.noteTry(at: now)
  }

  /// When the next message of a mailbox is due, where none is.
  func nextDue(for recipient: String) -> UInt64? {
    messages(for: recipient).values.lazy.map(\.dueAt).min()
  }

  /// What came before a time.
  func messages(before time: UInt64) -> [WaitingMail] {
    byRecipient.values.flatMap { $0.values.filter { $0.arrivedAt < time } }
  }
}
