import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

/// What a message costs a keeper that has many.
@Suite("Mailboxes: what a message costs")
struct MailboxCostTests {
  /// A store that counts how often it is written to.
  private final class CountedStore: RoleStore {
    private let store = MemoryRoleStore()
    private let state = Mutex((writes: 0, isFull: false))

    var writes: Int { state.withLock { $0.writes } }
    func fill(_ isFull: Bool) { state.withLock { $0.isFull = isFull } }

    func value(forKey key: String) throws(StoreError) -> [UInt8]? { try store.value(forKey: key) }

    func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
      try store.keys(withPrefix: prefix)
    }

    func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
      let isFull = state.withLock { state in
        state.writes += 1
        return state.isFull
      }
      if isFull { throw StoreError(.unavailable, "the disk is full") }
      try store.write(changes)
    }
  }

  private final class Stage: Sendable {
    let store = CountedStore()
    let now = Mutex(TestConsortium.start)
    let limits: Mailboxes.Limits

    init(_ limits: Mailboxes.Limits) { self.limits = limits }

    func open() throws -> Mailboxes {
      try Mailboxes(store: store, limits: limits, clock: { self.now.withLock { $0 } })
    }

    func pass(seconds: UInt64) { now.withLock { $0 += seconds } }

    var rows: Int { get throws { try store.keys(withPrefix: "mail/").count } }
  }

  private func message(_ text: String, count: Int, to recipient: String) -> [UInt8] {
    Envelope(
      recipient: recipient, keyDigest: Digest32(sha256: text.utf8),
      sealed: [UInt8](repeating: 7, count: count)
    ).encoded()
  }

  private func send(
    _ text: String, count: Int = 40, to recipient: String, from address: String,
    _ mailboxes: Mailboxes
  ) async -> String {
    switch await mailboxes.deliver(
      message(text, count: count, to: recipient), to: recipient, from: .address(address),
      keeping: .message)
    {
    case .answer: "answer"
    case .kept: "kept"
    case .refused(let error): "\(error.code)"
    }
  }

  @Test("[attack] small messages fill all mailboxes: the next, and their end, cost one write each")
  func full() async throws {
    var limits = Mailboxes.Limits()
    (limits.mailboxWeight, limits.totalWeight) = (1 << 23, 1 << 24)
    let stage = Stage(limits)
    let mailboxes = try stage.open()
    var count = 0
    while await send("\(count)", to: "doctor-\(count % 5)", from: "flood", mailboxes) == "kept" {
      count += 1
    }
    // However small they are: 131,072 of them fill all that a keeper has by default, and 8,192 a mailbox.
    #expect(count == limits.totalWeight / 8192)
    #expect(await mailboxes.depth.weight == limits.totalWeight)
    let defaults = Mailboxes.Limits()
    #expect(defaults.totalWeight / 8192 == 131_072 && defaults.mailboxWeight / 8192 == 8192)

    // The longest takes the place of many. What cannot be stored takes none.
    let length = 1 << 20
    stage.store.fill(true)
    let failed = await send("long", count: length, to: "doctor-1", from: "honest", mailboxes)
    #expect(failed == "unavailable")
    #expect(try await mailboxes.depth.messages == count && stage.rows == count)
    stage.store.fill(false)
    let before = stage.store.writes
    #expect(await send("long", count: length, to: "doctor-1", from: "honest", mailboxes) == "kept")
    #expect(stage.store.writes == before + 1)
    let left = try stage.rows
    // It weighs as much as 128 and a half of them.
    #expect(left == count - 129 + 1)
    #expect(await mailboxes.depth.messages == left)

    // After a week some of them go with each question, until none is left.
    let again = try stage.open()
    stage.pass(seconds: limits.lifetime + 61)
    for question in 1...3 {
      let (before, rows) = (stage.store.writes, try stage.rows)
      _ = try await again.fetch("doctor-\(question)", waiting: 0)
      #expect(try stage.rows == max(0, rows - 1024))
      #expect(stage.store.writes == before + (rows > 0 ? 1 : 0))
    }
    #expect(try await again.depth.messages == 0 && stage.rows == 0)
  }

  /// The same rules over a list in which everything is searched for.
  private struct PlainMailboxes {
    struct Mail {
      let number: Int
      let recipient: String
      let source: String
      let bytes: [UInt8]
      var tries = 0
      var triedAt: UInt64 = 0

      var weight: Int { max(bytes.count + 4096, 8192) }
      var rank: (Int, Int) { (tries, number) }

      func isDue(_ now: UInt64) -> Bool {
        tries < 2 || triedAt + min(3600, 4 << UInt64(tries - 2)) <= now
      }
    }

    let limits: Mailboxes.Limits
    var mails: [Mail] = []
    var count = 0

    mutating func send(_ bytes: [UInt8], to recipient: String, from source: String) -> Bool {
      let mail = Mail(number: count, recipient: recipient, source: source, bytes: bytes)
      count += 1
      var left = mails
      for (limit, isHere) in [
        (limits.mailboxWeight, { (mail: Mail) in mail.recipient == recipient }),
        (limits.totalWeight, { _ in true }),
      ] {
        while left.filter(isHere).reduce(mail.weight, { $0 + $1.weight }) > limit {
          let parts = Dictionary(grouping: left.filter(isHere), by: \.source)
          let most = parts.mapValues { $0.reduce(0) { $0 + $1.weight } }.max { $0.value < $1.value }
          let own = (parts[source] ?? []).reduce(mail.weight) { $0 + $1.weight }
          guard let most, most.value > own,
            let newest = parts[most.key]?.map(\.number).max()
          else { return false }
          left.removeAll { $0.number == newest }
        }
      }
      mails = left + [mail]
      return true
    }

    mutating func fetch(_ recipient: String, at now: UInt64) -> [[UInt8]] {
      let due = mails.filter { $0.recipient == recipient && $0.isDue(now) }
      var found: [(rank: Int, mail: Mail)] = []
      for part in Dictionary(grouping: due, by: \.source).values {
        found += part.sorted { $0.rank < $1.rank }.enumerated().map { ($0.offset, $0.element) }
      }
      found.sort { a, b in a.rank == b.rank ? a.mail.rank < b.mail.rank : a.rank < b.rank }
      for (_, mail) in found.prefix(MailBundle.limit) {
        for index in mails.indices where mails[index].number == mail.number {
          if mails[index].tries == 0 || mails[index].triedAt != now { mails[index].tries += 1 }
          mails[index].triedAt = now
        }
      }
      return found.prefix(MailBundle.limit).map(\.mail.bytes)
    }
  }

  @Test("what gives way, and in which order what stays is fetched, is as by searching a plain list")
  func asByPlainList() async throws {
    var limits = Mailboxes.Limits()
    (limits.mailboxWeight, limits.totalWeight) = (150 * 9000, 400 * 9000)
    (limits.presence, limits.patience) = (0, .zero)
    let stage = Stage(limits)
    let mailboxes = try stage.open()
    var plain = PlainMailboxes(limits: limits)
    var generator = SeededGenerator(seed: 39)
    var (outcomes, longest) = ([String: Int](), 0)
    for step in 0..<2000 {
      let recipient = "doctor-\(Int.random(in: 0..<4, using: &generator))"
      switch Int.random(in: 0..<20, using: &generator) {
      case 0..<16:
        // One is loud, and many are not.
        let source = "\(max(0, Int.random(in: -20..<100, using: &generator)))"
        let count = Int.random(in: 4200..<9000, using: &generator)
        let text = "\(step)"
        let outcome = await send(text, count: count, to: recipient, from: source, mailboxes)
        let isKept = plain.send(
          message(text, count: count, to: recipient), to: recipient, from: source)
        #expect((outcome == "kept") == isKept)
        outcomes[outcome, default: 0] += 1
      case 16, 17:
        let bundle = try await mailboxes.fetch(recipient, waiting: 0).messages.map(\.bytes)
        let expected = plain.fetch(recipient, at: stage.now.withLock { $0 })
        try #require(bundle == expected)
        longest = max(longest, bundle.count)
      default:
        let waiting = plain.mails.filter { $0.recipient == recipient }
        guard let mail = waiting.randomElement(using: &generator) else { continue }
        try await mailboxes.answer(Digest32(sha256: mail.bytes), for: recipient, [1])
        plain.mails.removeAll { $0.number == mail.number }
      }
      #expect(await mailboxes.depth.messages == plain.mails.count)
      #expect(await mailboxes.depth.weight == plain.mails.reduce(0) { $0 + $1.weight })
      stage.pass(seconds: UInt64(Int.random(in: 0..<4, using: &generator)))
    }
    #expect(outcomes["kept", default: 0] > 500 && outcomes["busy", default: 0] > 20)
    #expect(longest == MailBundle.limit)
  }
}
