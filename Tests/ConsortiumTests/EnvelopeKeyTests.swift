import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite("The keys that envelopes are sealed to")
struct EnvelopeKeyTests {
  private static let week: UInt64 = 7 * 86_400
  private static let genesis = Digest32(sha256: Array("genesis".utf8))

  /// A role's keys over a store of its own, at a time that the test says.
  private struct Owner {
    let store = MemoryRoleStore()
    let identity: IdentityKey
    private let now = TestTime()

    init() throws { identity = try IdentityKey(seed: [UInt8](repeating: 7, count: 32)) }

    var time: UInt64 {
      get { now.seconds.withLock { $0 } }
      nonmutating set { now.seconds.withLock { $0 = newValue } }
    }

    func start(seed: UInt64 = 1) -> OwnEnvelopeKeys {
      OwnEnvelopeKeys(
        genesis: EnvelopeKeyTests.genesis, owner: "hospital-1", store: store,
        clock: { [now] in now.seconds.withLock { $0 } }, randomness: SeededGenerator(seed: seed))
    }

    func statement(_ keys: OwnEnvelopeKeys) throws -> EnvelopeKey {
      try keys.statement(by: identity).verified(by: identity.publicKey)
    }

    var secrets: [[UInt8]] {
      get throws { try OwnEnvelopeKeys.secrets(in: store).map(\.publicKey) }
    }
  }

  private final class TestTime: Sendable {
    let seconds = Mutex<UInt64>(1_790_000_000)
  }

  private func envelope(to key: EnvelopeKey) throws -> Envelope {
    let author = try IdentityKey(seed: [UInt8](repeating: 9, count: 32))
    return try Envelope.seal(
      RequestContent(
        genesis: Self.genesis, recipient: key.owner, author: .key(author.publicKey),
        name: FindVisits.name, nonce: [UInt8](repeating: 0, count: 16), sentAt: 0, payload: [0]),
      by: author, to: Contact(id: key.owner, agreementKey: key.key)
    ).envelope
  }

  @Test("one is shown for six days, opens for two weeks, and is erased then")
  func life() throws {
    let owner = try Owner()
    let begin = owner.time
    let keys = owner.start()
    let first = try owner.statement(keys)
    #expect(first.first == begin && first.last == begin + Self.week)
    let envelope = try envelope(to: first)
    owner.time = begin + Self.week - 86_401
    #expect(try owner.statement(keys) == first)
    owner.time += 1
    let second = try owner.statement(keys)
    #expect(second.key != first.key && second.first == owner.time)
    // Also after a restart.
    for keys in [keys, owner.start(seed: 2)] {
      #expect(try owner.statement(keys) == second)
      owner.time = begin + 2 * Self.week + 600
      #expect(throws: Never.self) { _ = try keys.open(envelope) }
      #expect(try owner.secrets.contains(first.key))
      owner.time = second.first
    }
    owner.time = begin + 2 * Self.week + 601
    let restarted = owner.start(seed: 3)
    #expect(throws: CredentialError.self) { _ = try restarted.open(envelope) }
    #expect(try !owner.secrets.contains(first.key) && owner.secrets.contains(second.key))
  }

  @Test("a clock that was ahead leaves no key that others do not take")
  func wrongClock() throws {
    let owner = try Owner()
    let now = owner.time
    let keys = owner.start()
    let first = try owner.statement(keys)
    owner.time = now + 365 * 86_400
    let future = try owner.statement(keys)
    owner.time = now + 60
    let after = try owner.statement(keys)
    #expect(future.key != first.key && after.key != future.key)
    #expect(after.first == now + 60 && after.last == now + 60 + Self.week)
    // Back and forth it makes no more of them.
    for time in [now, now + 365 * 86_400, now + 100, now + 365 * 86_400 + 5] {
      owner.time = time
      _ = try owner.statement(keys)
    }
    #expect(try owner.secrets.count <= 3)
  }

  @Test("[attack] whoever takes a hospital's disk opens nothing that was sent two weeks before")
  func stolenDisk() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let visit = try await test.completeVisit(consortium, test.plan())
    let context = try await test.state(of: visit, consortium).context
    let genesis = consortium.genesis.digest
    let recorded = test.wire.passages.compactMap { try? Envelope(encoded: $0.request) }
    /// What opens with any secret that a party's disk has.
    func opened(_ party: String) -> Int {
      let seeds = test.secrets.all(of: party)
      let keys = seeds.compactMap { try? AgreementKey(seed: $0) }
      return recorded.filter { $0.recipient == party }.count { envelope in
        keys.contains { (try? envelope.open(with: $0, genesis: genesis)) != nil }
      }
    }
    let parties = ["hospital-1", "cloud"] + context.signers.map(\.doctor)
    for party in parties { #expect(opened(party) > 0, "\(party)") }
    test.pass(seconds: 2 * Self.week + 601)
    for party in parties {
      _ = try await test.client(consortium, as: "hospital-2").ask(FetchEnvelopeKey(), of: party)
      #expect(opened(party) == 0, "\(party)")
    }
    // And all goes on.
    _ = try await test.completeVisit(consortium, test.plan("encounter-2"))
  }

  @Test(
    "[attack] a courier shows a key of its own, of somebody else, that is over, or that counts too long",
    arguments: ["own", "other", "over", "long", "ahead", "genesis"])
  func forgedKey(kind: String) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let own = try IdentityKey(seed: [UInt8](repeating: 3, count: 32))
    let forged = try AgreementKey(seed: [UInt8](repeating: 4, count: 32))
    let hospital = try test.identityKey(of: "hospital-1")
    let now = test.time
    let genesis = consortium.genesis.digest
    test.wire.intercept { transit in
      guard transit.payload(FetchEnvelopeKey.self) != nil, transit.recipient == "hospital-1" else {
        return try await transit.deliver(transit.request)
      }
      var key = EnvelopeKey(
        genesis: genesis, owner: "hospital-1", key: forged.publicKey, first: now,
        last: now + Self.week)
      switch kind {
      case "other": key.owner = "hospital-2"
      case "over": (key.first, key.last) = (now - Self.week - 1, now - 1)
      case "long": key.last += 1
      case "ahead": (key.first, key.last) = (now + 601, now + 700)
      case "genesis": key.genesis = .zero
      default: break
      }
      // All but the first are signed with the hospital's key: as if it had ever made such a key.
      return try transit.answer(
        FetchEnvelopeKey.self, Signed(key, by: kind == "own" ? own : hospital))
    }
    let code = await ConsortiumError.code {
      _ = try await test.completeVisit(consortium, test.plan())
    }
    #expect(code == "unreachable")
    let sealed = test.wire.passages.compactMap { try? Envelope(encoded: $0.request) }
    #expect(!sealed.contains { $0.keyDigest == Digest32(sha256: forged.publicKey) })
    test.wire.intercept(nil)
    _ = try await test.completeVisit(consortium, test.plan())
  }

  @Test("[attack] strangers ask for keys without end: who has a ticket still asks, and is admitted")
  func askedWithoutEnd() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let question = Message(FetchEnvelopeKey()).encoded()
    test.pass(seconds: 120)
    for number in 0..<(1 << 14) + 64 {
      _ = try await consortium.courier.send(
        question, from: "stranger-\(number % 5)", to: "hospital-1")
    }
    _ = try await test.completeVisit(consortium, test.plan())
    let rows = try test.storage.roleStore("hospital-1").keys(withPrefix: "envelope-key/")
    #expect(rows.count == 1)
  }

  /// Whatever consortium was opened last.
  private struct PresentCourier: Courier {
    let wire: Wire

    func send(
      _ request: [UInt8], from sender: String, to recipient: String
    ) async throws(ConsortiumError) -> [UInt8] {
      guard let courier = wire.courier else { throw ConsortiumError(.unreachable, "nobody") }
      return try await courier.send(request, from: sender, to: recipient)
    }
  }

  private struct OnePeer: Contacts {
    let peers: PeerEnvelopeKeys
    let identity: [UInt8]

    func contact(_ id: String, isRenewed: Bool) async throws -> Contact {
      try await peers.contact(id, isRenewed: isRenewed) { [identity] _ in [identity] }
    }
  }

  @Test("who has a key that its recipient has lost asks for the new one, and sends again")
  func lostKeys() async throws {
    let test = TestConsortium(teamSize: 1)
    let genesis = try await test.open().genesis.digest
    let client = RequestClient(courier: PresentCourier(wire: test.wire), sender: "somebody")
    let contacts = OnePeer(
      peers: PeerEnvelopeKeys(genesis: genesis, requests: client, clock: { test.time }),
      identity: try test.identityKey(of: "hospital-1").publicKey)
    let sealed = SealedRequestClient(
      genesis: genesis, requests: client, contacts: contacts, clock: { test.time })
    let key = try IdentityKey(seed: [UInt8](repeating: 5, count: 32))
    func ask() async throws {
      _ = try await sealed.ask(
        FindVisits(hospital: "hospital-1", from: 0), of: "hospital-1",
        by: [Author(.key(key.publicKey), key)])
    }
    try await ask()
    let store = test.storage.roleStore("hospital-1")
    try store.write(
      Dictionary(
        uniqueKeysWithValues: try store.keys(withPrefix: "envelope-key/").map { ($0, nil) }))
    _ = try await test.open()
    let before = test.wire.passages.count
    try await ask()
    let kinds = test.wire.passages[before...].filter { $0.sender == "somebody" }.map(\.kind)
    #expect(kinds == [nil, FetchEnvelopeKey.name, FindVisits.name])
  }

  @Test(
    "[attack] whoever takes the disk of somebody to whom nobody writes opens nothing of two months ago"
  )
  func envelopeKeysOfIdleDoctor() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let context = try await test.state(of: visit, consortium).context
    let genesis = consortium.genesis.digest
    let recorded = test.wire.passages.compactMap { try? Envelope(encoded: $0.request) }
    func opened(_ party: String) -> Int {
      let keys = test.secrets.all(of: party).compactMap { try? AgreementKey(seed: $0) }
      return recorded.filter { $0.recipient == party }.count { envelope in
        keys.contains { (try? envelope.open(with: $0, genesis: genesis)) != nil }
      }
    }
    let team = context.signers.map(\.doctor)
    #expect(team.allSatisfy { opened($0) > 0 })
    for _ in 0..<9 {
      test.pass(seconds: 7 * 86_400)
      // The programs run, and do all that is due.
      for id in team { _ = try? await consortium.doctors[id]?.followUp() }
      try? await consortium.settle()
    }
    for id in team + ["hospital-1", "cloud", "manager"] { #expect(opened(id) == 0, "\(id)") }
  }
}
