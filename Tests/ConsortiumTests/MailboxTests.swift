import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

/// What mailboxes keep, and for how long.
@Suite("Mailboxes: what is kept")
struct MailboxTests {
  private static let doctor = "hospital-1-doctor-1"

  /// Mailboxes on memory, with a clock that the test moves.
  private final class Stage: Sendable {
    let store = MemoryRoleStore()
    let now = Mutex(TestConsortium.start)
    let limits: Mailboxes.Limits

    init(_ limits: Mailboxes.Limits = Mailboxes.Limits()) { self.limits = limits }

    func open() throws -> Mailboxes {
      try Mailboxes(store: store, limits: limits, clock: { self.now.withLock { $0 } })
    }

    func pass(seconds: UInt64) { now.withLock { $0 += seconds } }

    var rows: [String] { get throws { try store.keys(withPrefix: "mail/") } }
  }

  /// What looks like an envelope, as all do that are not opened.
  private func message(
    _ text: String, count: Int = 100, to recipient: String = doctor
  ) -> [UInt8] {
    Envelope(
      recipient: recipient, keyDigest: Digest32(sha256: text.utf8),
      sealed: [UInt8](repeating: 7, count: count)
    ).encoded()
  }

  private func send(
    _ text: String, count: Int = 100, to recipient: String = doctor, from address: String = "a",
    _ mailboxes: Mailboxes, keeping: Mailboxes.Keeping = .message
  ) async -> String {
    switch await mailboxes.deliver(
      message(text, count: count, to: recipient), to: recipient, from: .address(address),
      keeping: keeping)
    {
    case .answer: "answer"
    case .kept: "kept"
    case .refused(let error): "\(error.code)"
    }
  }

  @Test("what waits is there after a restart, in its order, until it is answered or a week is over")
  func restart() async throws {
    let stage = Stage()
    var mailboxes = try stage.open()
    for text in ["1", "2", "3"] { #expect(await send(text, mailboxes) == "kept") }
    #expect(await send("2", mailboxes) == "repeated")
    #expect(await send("4", mailboxes, keeping: .nothing) == "unreachable")
    mailboxes = try stage.open()
    func waiting() async throws -> [[UInt8]] {
      try await mailboxes.fetch(Self.doctor, waiting: 0).messages.map(\.bytes)
    }
    #expect(try await waiting() == [message("1"), message("2"), message("3")])
    #expect(try await mailboxes.fetch("another", waiting: 0).messages.isEmpty)
    try await mailboxes.answer(Digest32(sha256: message("2")), for: Self.doctor, [1])
    try await mailboxes.answer(Digest32(sha256: message("1")), for: "another", [1])
    #expect(try await waiting() == [message("1"), message("3")])
    stage.pass(seconds: 604_800)
    #expect(await send("5", mailboxes) == "kept")
    #expect(try await waiting().count == 3)
    stage.pass(seconds: 61)
    #expect(try await waiting() == [message("5")])
    #expect(try stage.rows.count == 1)
  }

  @Test("a sender waits for a program that is there, and has its answer; else the message stays")
  func patience() async throws {
    var limits = Mailboxes.Limits()
    limits.patience = .seconds(2)
    let stage = Stage(limits)
    let mailboxes = try stage.open()
    // Nobody is there: at once.
    #expect(await send("1", mailboxes) == "kept")
    let first = try await mailboxes.fetch(Self.doctor, waiting: 0)
    try await mailboxes.answer(Digest32(sha256: message("1")), for: Self.doctor, [1])
    #expect(first.messages.count == 1)
    // Somebody is, and does not answer: later. Until then it lies on no disk.
    async let late = send("2", mailboxes)
    let fetched = try await mailboxes.fetch(Self.doctor, waiting: 25)
    #expect(fetched.messages.map(\.bytes) == [message("2")])
    #expect(try stage.rows.isEmpty)
    #expect(await late == "kept")
    #expect(try stage.rows.count == 1)
    #expect(await send("3", mailboxes, keeping: .nothing) == "unreachable")
    #expect(try await mailboxes.fetch(Self.doctor, waiting: 0).messages.count == 1)
    // One that is answered in time is never on a disk.
    async let answered = send("4", mailboxes)
    for _ in 0..<100000 {
      let bundle = try await mailboxes.fetch(Self.doctor, waiting: 0)
      if bundle.messages.count == 2 { break }
      try await Task.sleep(for: .milliseconds(1))
    }
    try await mailboxes.answer(Digest32(sha256: message("4")), for: Self.doctor, [9])
    #expect(await answered == "answer")
    #expect(try stage.rows.count == 1)
    // Who has not asked for a minute is away.
    stage.pass(seconds: 61)
    #expect(await send("5", mailboxes) == "kept")
  }

  @Test("[attack] a flood from one address keeps out nobody else, and has no more than its mailbox")
  func flood() async throws {
    var limits = Mailboxes.Limits()
    (limits.mailboxWeight, limits.totalWeight) = (20 * 8500, 30 * 8500)
    let stage = Stage(limits)
    let mailboxes = try stage.open()
    #expect(await send("first", from: "honest", mailboxes) == "kept")
    var outcomes: Set<String> = []
    for number in 0..<100 {
      outcomes.insert(await send("flood-\(number)", count: 500, from: "flood", mailboxes))
    }
    #expect(outcomes == ["kept", "busy"])
    #expect(try stage.rows.count <= limits.mailboxWeight / 8192)
    for number in 0..<5 {
      #expect(await send("honest-\(number)", from: "honest-\(number)", mailboxes) == "kept")
    }
    // They come before the flood.
    let bundle = try await mailboxes.fetch(Self.doctor, waiting: 0).messages.map(\.bytes)
    let honest = [message("first")] + (0..<5).map { message("honest-\($0)") }
    #expect(Set(bundle.prefix(7)).isSuperset(of: honest))
    // All mailboxes together, too.
    for number in 0..<100 {
      _ = await send("all-\(number)", to: "other-\(number % 10)", from: "flood", mailboxes)
    }
    #expect(try stage.rows.count <= limits.totalWeight / 8192)
    #expect(await send("last", to: "somebody", from: "honest", mailboxes) == "kept")
    #expect(Set(try await waiting(mailboxes)).isSuperset(of: honest))
    // The same after a restart.
    let again = try stage.open()
    stage.pass(seconds: 61)
    #expect(await send("more", from: "newcomer", again) == "kept")
    #expect(Set(try await waiting(again)).isSuperset(of: honest))
  }

  @Test("[attack] strangers from everywhere do not keep a hospital's own message back")
  func floodFromEverywhere() async throws {
    let stage = Stage()
    let mailboxes = try stage.open()
    for number in 0..<200 {
      #expect(await send("flood-\(number)", from: "flood-\(number)", mailboxes) == "kept")
    }
    // The doctor's program is there, and busy.
    let first = try await mailboxes.fetch(Self.doctor, waiting: 0).messages.map(\.bytes)
    #expect(first.count == MailBundle.limit)
    async let own = send("own", from: "hospital-1", mailboxes, keeping: .nothing)
    var bundle = first
    while bundle == first {
      try await Task.sleep(for: .milliseconds(5))
      bundle = try await mailboxes.fetch(Self.doctor, waiting: 0).messages.map(\.bytes)
    }
    #expect(bundle.first == message("own"))
    try await mailboxes.answer(Digest32(sha256: message("own")), for: Self.doctor, [1])
    #expect(await own == "answer")
  }

  @Test("[attack] a mailbox full of messages from everywhere takes what the hospital itself sends")
  func fullFromEverywhere() async throws {
    for isOneMailbox in [true, false] {
      var limits = Mailboxes.Limits()
      limits.patience = .seconds(600)
      (limits.mailboxWeight, limits.totalWeight) =
        isOneMailbox ? (30 * 8500, 1 << 30) : (1 << 26, 30 * 8500)
      let mailboxes = try Stage(limits).open()
      var kept: [[UInt8]] = []
      while true {
        let (name, number) = ("flood-\(kept.count)", kept.count)
        let recipient = isOneMailbox || number % 2 == 0 ? Self.doctor : "another"
        guard await send(name, count: 100, to: recipient, from: name, mailboxes) == "kept" else {
          break
        }
        kept.append(message(name, to: recipient))
      }
      #expect(kept.count > 20)
      // The doctor's program is there. What the hospital sends is longer than all that any stranger has there.
      _ = try await mailboxes.fetch(Self.doctor, waiting: 0)
      let own = message("own", count: 20000)
      async let answer = send(
        "own", count: 20000, from: "hospital-1", mailboxes, keeping: .nothing)
      var bundle = try await waiting(mailboxes)
      for _ in 0..<2000 where bundle.first != own {
        try await Task.sleep(for: .milliseconds(5))
        bundle = try await waiting(mailboxes)
      }
      #expect(bundle.first == own)
      // Just the newest have made room, and what is the hospital's makes none for others.
      #expect(bundle.contains(kept[0]))
      #expect(await mailboxes.depth.messages < kept.count + 1)
      #expect(await mailboxes.depth.messages > kept.count - 10)
      #expect(await send("later", from: "newcomer", mailboxes) == "busy")
      #expect(try await waiting(mailboxes).first == own)
      try await mailboxes.answer(Digest32(sha256: own), for: Self.doctor, [1])
      #expect(await answer == "answer")
    }
  }

  @Test("what was handed out and not answered comes behind what was not, and after longer pauses")
  func pauses() async throws {
    let stage = Stage()
    let mailboxes = try stage.open()
    #expect(await send("late", from: "a", mailboxes) == "kept")
    // A bundle may be lost on its way: it is there again at once.
    for _ in 0..<2 { #expect(try await waiting(mailboxes) == [message("late")]) }
    stage.pass(seconds: 1)
    for (text, place) in [("1", "a"), ("2", "b"), ("3", "a")] {
      #expect(await send(text, from: place, mailboxes) == "kept")
    }
    #expect(
      try await waiting(mailboxes) == [message("1"), message("2"), message("3"), message("late")])
    for text in ["1", "2", "3"] {
      try await mailboxes.answer(Digest32(sha256: message(text)), for: Self.doctor, [1])
    }
    var pauses: [Int] = []
    var pause = 0
    for _ in 0..<20000 {
      stage.pass(seconds: 1)
      pause += 1
      if try await waiting(mailboxes) == [] { continue }
      pauses.append(pause)
      pause = 0
    }
    #expect(pauses == [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600, 3600, 3600])
    // A clock that is put back keeps nothing from anybody.
    stage.now.withLock { $0 -= 10_000 }
    #expect(try await waiting(mailboxes) == [message("late")])
    #expect(try await waiting(try stage.open()) == [message("late")])
  }

  @Test("a machine was asleep between two readings of its clock: who asks is answered")
  func asleep() async throws {
    for reading in 1...8 {
      let stage = Stage()
      let left = Mutex<Int?>(nil)
      let mailboxes = try Mailboxes(store: stage.store) {
        let isNow = left.withLock { left in
          left = left.map { $0 - 1 }
          return left == 0
        }
        if isNow { stage.pass(seconds: 86_400) }
        return stage.now.withLock { $0 }
      }
      #expect(await send("1", mailboxes) == "kept")
      for _ in 0..<2 {
        #expect(try await waiting(mailboxes) == [message("1")])
        stage.pass(seconds: 1)
      }
      left.withLock { $0 = reading }
      _ = try await mailboxes.fetch(Self.doctor, waiting: 1)
      stage.pass(seconds: 3600)
      #expect(try await waiting(mailboxes) == [message("1")])
    }
  }

  @Test("a keeper's clock was ahead: what came meanwhile waits a week, and no program seems there")
  func clockAhead() async throws {
    let stage = Stage()
    let (mailboxes, week, ahead) = (try stage.open(), UInt64(604_800), UInt64(100_000))
    stage.pass(seconds: ahead)
    #expect(await send("1", mailboxes) == "kept")
    #expect(try await waiting(mailboxes) == [message("1")])
    #expect(await mailboxes.isPresent(Self.doctor))
    stage.now.withLock { $0 -= ahead }
    #expect(await !mailboxes.isPresent(Self.doctor))
    try await mailboxes.forgetOver()
    #expect(await mailboxes.depth.oldest == stage.now.withLock { $0 })
    stage.pass(seconds: week)
    try await mailboxes.forgetOver()
    #expect(try stage.rows.count == 1)
    stage.pass(seconds: 61)
    try await mailboxes.forgetOver()
    #expect(try stage.rows.isEmpty)
  }

  @Test("[attack] what is no envelope for this recipient takes no place")
  func junk() async throws {
    let stage = Stage()
    let mailboxes = try stage.open()
    let junk: [[UInt8]] = [
      [0x7f, 0x50], [0x7f, 0x50, 0x82, 0x01, 0x00] + [UInt8](repeating: 0, count: 256),
      message("x", to: "somebody-else"), message("x") + [0], [],
    ]
    for bytes in junk {
      let outcome = await mailboxes.deliver(
        bytes, to: Self.doctor, from: .address("a"), keeping: .message)
      guard case .refused(let error) = outcome else {
        Issue.record("kept")
        continue
      }
      #expect(error.code == .unauthenticated)
    }
    #expect(try stage.rows == [])
  }

  @Test(
    "[attack] where there is no room nothing is kept, and what waits can be fetched and answered")
  func room() async throws {
    let stage = Stage()
    let mailboxes = try stage.open()
    #expect(await send("before", mailboxes) == "kept")
    mailboxes.room.isOpen = false
    #expect(await send("while", mailboxes) == "unavailable")
    #expect(try stage.rows.count == 1)
    #expect(try await waiting(mailboxes) == [message("before")])
    try await mailboxes.answer(Digest32(sha256: message("before")), for: Self.doctor, [1])
    #expect(try stage.rows == [])
    mailboxes.room.isOpen = true
    stage.pass(seconds: 61)
    #expect(await send("after", mailboxes) == "kept")
    for name in [FetchMail.name, AnswerMail.name] {
      #expect(RequestTable.byName[name]?.stores == false)
    }
  }

  private func waiting(_ mailboxes: Mailboxes) async throws -> [[UInt8]] {
    try await mailboxes.fetch(Self.doctor, waiting: 0).messages.map(\.bytes)
  }

  @Test("[attack] one doctor's requests fill no mailboxes, and what was promised stays")
  func promises() async throws {
    var limits = Mailboxes.Limits()
    (limits.mailboxWeight, limits.promisedWeight) = (20 * 9000, 10 * 9100)
    let stage = Stage(limits)
    let mailboxes = try stage.open()
    func ask(_ number: Int, by doctor: String) async -> String {
      let subject = Digest32(sha256: "\(doctor)/\(number)".utf8)
      switch await mailboxes.deliver(
        message("\(doctor)/\(number)", to: "address-\(number % 3)"), to: "address-\(number % 3)",
        from: .doctor(doctor, of: "hospital-1", among: 1),
        keeping: .promised(subject: subject, key: Array(doctor.utf8)))
      {
      case .kept: return await mailboxes.holds(subject, for: "address-\(number % 3)") ? "kept" : "-"
      case .answer: return "answer"
      case .refused(let error): return "\(error.code)"
      }
    }
    var outcomes: [String] = []
    for number in 0..<30 { outcomes.append(await ask(number, by: "greedy")) }
    #expect(outcomes.count { $0 == "kept" } == 11)
    #expect(outcomes.suffix(15).allSatisfy { $0 == "busy" })
    #expect(await ask(0, by: "another") == "kept")
    for number in 0..<40 {
      _ = await send("flood-\(number)", to: "address-0", from: "flood", mailboxes)
    }
    #expect(await mailboxes.holds(Digest32(sha256: "greedy/0".utf8), for: "address-0"))
    #expect(await mailboxes.holds(Digest32(sha256: "another/0".utf8), for: "address-0"))
    // Whose they are is known after a restart too, until they are answered.
    let again = try stage.open()
    for name in ["greedy", "another"] { #expect(await again.isAwaited(Array(name.utf8))) }
    let waiting = try await again.fetch("address-0", waiting: 0).messages.map(\.bytes)
    #expect(waiting.contains(message("another/0", to: "address-0")))
    try await again.answer(
      Digest32(sha256: message("another/0", to: "address-0")), for: "address-0", [1])
    #expect(await !again.isAwaited(Array("another".utf8)))
    #expect(await again.isAwaited(Array("greedy".utf8)))
  }

  @Test("[attack] a hospital's invented doctors fill no mailboxes: others' requests wait")
  func inventedDoctors() async throws {
    for isOneMailbox in [true, false] {
      var limits = Mailboxes.Limits()
      limits.promisedWeight = 2 * 9000
      (limits.mailboxWeight, limits.totalWeight) =
        isOneMailbox ? (30 * 9000, 1 << 30) : (1 << 26, 30 * 9000)
      let stage = Stage(limits)
      var mailboxes = try stage.open()
      func ask(_ number: Int, by doctor: String, of hospital: String) async -> String {
        let name = "\(doctor)/\(number)"
        let address = isOneMailbox ? "address" : "address-\(number)"
        switch await mailboxes.deliver(
          message(name, to: address), to: address,
          from: .doctor(doctor, of: hospital, among: 3),
          keeping: .promised(subject: Digest32(sha256: name.utf8), key: Array(address.utf8)))
        {
        case .kept: return "kept"
        case .answer: return "answer"
        case .refused(let error): return "\(error.code)"
        }
      }
      // Each has room for two, and the hospital for ten.
      var outcomes: [String] = []
      for number in 0..<40 {
        outcomes.append(
          await ask(number, by: "invented-\(number / 2)", of: "hospital-3"))
      }
      #expect(outcomes.count { $0 == "kept" } == 10 && outcomes.last == "busy")
      // What waits counts after a restart too.
      mailboxes = try stage.open()
      #expect(await ask(40, by: "invented-20", of: "hospital-3") == "busy")
      for hospital in ["hospital-1", "hospital-2"] {
        for number in 0..<10 {
          #expect(await ask(number, by: "\(hospital)-\(number)", of: hospital) == "kept")
        }
      }
      // What is answered makes room.
      let address = isOneMailbox ? "address" : "address-0"
      try await mailboxes.answer(
        Digest32(sha256: message("invented-0/0", to: address)), for: address, [1])
      #expect(await ask(41, by: "invented-21", of: "hospital-3") == "kept")
    }
  }

  @Test("a message that a disk has damaged leaves, and hides no other")
  func damaged() async throws {
    let stage = Stage()
    let mailboxes = try stage.open()
    for text in ["1", "2"] { #expect(await send(text, mailboxes) == "kept") }
    let key = try #require(try stage.rows.first)
    try stage.store.write([key: [1, 2, 3], "mail/garbage": [1]])
    let again = try stage.open()
    #expect(try await waiting(again) == [message("2")])
    #expect(try stage.rows.count == 2)
  }

  /// Counts who has waited.
  private final class Ended: Sendable {
    private let counts = Mutex(0)

    var count: Int { counts.withLock { $0 } }

    func wait(_ recipient: String, _ mailboxes: Mailboxes) async throws {
      _ = try await mailboxes.fetch(recipient, waiting: 3600)
      counts.withLock { $0 += 1 }
    }
  }

  @Test(
    "no more wait than may, the oldest of a mailbox gives way, and the end lets all go",
    .timeLimit(.minutes(10)))
  func ending() async throws {
    var limits = Mailboxes.Limits()
    limits.waiting = (all: 5, mailbox: 2)
    let mailboxes = try Stage(limits).open()
    let ended = Ended()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<3 { group.addTask { try await ended.wait("a", mailboxes) } }
      while ended.count == 0 { try await Task.sleep(for: .milliseconds(1)) }
      #expect(ended.count == 1)
      for name in ["b", "c", "d"] { group.addTask { try await ended.wait(name, mailboxes) } }
      for name in ["b", "c", "d"] {
        while await !mailboxes.isPresent(name) { try await Task.sleep(for: .milliseconds(1)) }
      }
      #expect(
        await ConsortiumError.code { _ = try await mailboxes.fetch("e", waiting: 1) } == "busy")
      #expect(try await mailboxes.fetch("e", waiting: 0).messages.isEmpty)
      await mailboxes.close()
      try await group.waitForAll()
    }
    #expect(ended.count == 6)
    #expect(await send("late", mailboxes) == "unreachable")
  }
}
