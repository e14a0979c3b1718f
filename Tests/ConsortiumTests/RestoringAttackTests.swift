import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite("Attacks on finding visits again")
struct RestoringAttackTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital

  @Test("[attack] a hospital leaves a patient's visits out, and proves nothing: its cloud has them")
  func omission() async throws {
    let situation = try await RestoringSituation()
    situation.test.wire.intercept { transit in
      guard transit.recipient == Self.hospital else {
        return try await transit.deliver(transit.request)
      }
      if transit.payload(ProveVisit.self) != nil {
        throw ConsortiumError(.notFinal, "there is no such visit")
      }
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(FindVisits.self) != nil else { return reply }
      var found = try ReplyMessage<FoundVisits>(encoded: transit.open(reply)).result.get()
      found.visits = []
      return try transit.answer(FindVisits.self, found)
    }
    let restoration = try await situation.restore()
    #expect(restoration.isComplete)
    #expect(restoration.visits.map(\.visit) == [situation.visit])
    #expect(try await situation.holdings() == situation.before)

    // Where it does not answer at all, the receipt may be missing, and nothing else.
    situation.test.wire.lose { $0.recipient == Self.hospital }
    let silent = try await situation.restore()
    #expect(!silent.isComplete)
    #expect(silent.sources.filter { $0.failure != nil }.map(\.supernode) == [Self.hospital])
    let holdings = try await situation.holdings()
    #expect(holdings.consents == situation.before.consents)
    #expect(holdings.access == situation.before.access)
    #expect(holdings.visits.map(\.recordDigest) == situation.before.visits.map(\.recordDigest))
    // It is there again: only what failed is asked for.
    situation.test.wire.intercept(nil)
    #expect(try await situation.consortium.restore(patient: Self.patient).isComplete)
    #expect(try await situation.holdings() == situation.before)
  }

  @Test("[attack] somebody else's root finds nothing, and no wrong word is taken")
  func anotherRoot() async throws {
    let situation = try await RestoringSituation()
    let phrase = try RecoveryPhrase([UInt8](repeating: 7, count: 32))
    let store = MemoryRoleStore()
    let thief = try situation.test.newDevice(
      words: phrase.text, store: store, situation.consortium)
    let restoration = try await thief.restore()
    #expect(restoration.isComplete && restoration.visits.isEmpty)
    #expect(try await thief.holdings() == PatientHoldings())
    // What it may look at tells it no more than that there are visits.
    #expect(try store.keys(withPrefix: "restoring/found/").isEmpty)
    var words = try situation.test.words().split(separator: " ").map(String.init)
    words[5] = words[5] == "zoo" ? "abandon" : "zoo"
    #expect(throws: CredentialError.self) {
      try situation.test.newDevice(
        words: words.joined(separator: " "), store: store, situation.consortium)
    }
  }

  @Test("[attack] a stranger asks for visits, and learns no identifier to have proven")
  func hiddenIdentifiers() async throws {
    let situation = try await RestoringSituation()
    let stranger = try IdentityKey(seed: [UInt8](repeating: 3, count: 32))
    let client = situation.test.client(
      situation.consortium, by: Author(.key(stranger.publicKey), stranger))
    for supernode in [Self.hospital, "cloud"] {
      let page = try await client.ask(FindVisits(hospital: Self.hospital, from: 0), of: supernode)
      let visit = try #require(
        page.visits.first { $0.keyNonce == situation.context.keyNonce })
      #expect(visit.visit(situation.context.visitKey) == situation.visit)
      #expect(!page.encodedSequence().contains(situation.visit.bytes))
      #expect(visit.hiddenVisit != situation.visit)
    }
  }

  @Test("[attack] pages with foreign, invented and repeated visits fill nothing and hide nothing")
  func inventedVisits() async throws {
    let situation = try await RestoringSituation()
    let own = FoundVisit(
      visit: situation.visit, keyNonce: situation.context.keyNonce,
      signingKey: situation.context.visitSigningKey, visitKey: situation.context.visitKey)
    situation.test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.recipient == Self.hospital, transit.payload(FindVisits.self) != nil else {
        return reply
      }
      var page = try ReplyMessage<FoundVisits>(encoded: transit.open(reply)).result.get()
      page.visits = (0..<page.next).map { number in
        var visit = own
        visit.hiddenVisit = Digest32(sha256: number.stateBytes)
        // Some with a nonce of nobody, and some with this patient's own.
        if number % 2 == 1 { visit.keyNonce = Digest32(sha256: [1]) }
        return visit
      }
      return try transit.answer(FindVisits.self, page)
    }
    let restoration = try await situation.restore()
    #expect(
      restoration.visits.filter { $0.state == .complete(record: true) }.map(\.visit)
        == [situation.visit])
    // One invention a nonce and source.
    #expect(restoration.visits.count <= 2)
    #expect(try await situation.holdings() == situation.before)
    let store = situation.test.storage.roleStore("patients/\(Self.patient)")
    #expect(try store.keys(withPrefix: "restoring/found/").count == 2)
  }

  @Test("[attack] answers that stand still, go back or never end keep nobody else from being asked")
  func endlessPages() async throws {
    let situation = try await RestoringSituation()
    let lies: [@Sendable (_ from: UInt64, FoundVisits) -> FoundVisits] = [
      { from, page in FoundVisits(visits: [], next: from, size: page.size + 1) },
      { from, page in FoundVisits(visits: [], next: from / 2, size: page.size + 1) },
      { from, page in FoundVisits(visits: [], next: from + 1, size: 1 << 62) },
      { from, page in FoundVisits(visits: [], next: from + 16, size: 1 << 62) },
      { from, page in FoundVisits(visits: [], next: from + 4096, size: 1 << 62) },
      { from, page in
        from == 0
          ? FoundVisits(visits: [], next: 4096, size: 1 << 62)
          : FoundVisits(visits: [], next: 0, size: 0)
      },
      { from, page in FoundVisits(visits: [], next: page.size + 1, size: page.size) },
      // More visits than leaves.
      { from, page in
        FoundVisits(
          visits: Array(repeating: page.visits, count: 500).flatMap(\.self), next: page.next,
          size: page.size)
      },
    ]
    for (number, lie) in lies.enumerated() {
      situation.test.pass(seconds: 60)
      let count = Capture<Int>()
      count.value = 0
      situation.test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        guard transit.recipient == Self.hospital, let asked = transit.payload(FindVisits.self)
        else { return reply }
        count.value = (count.value ?? 0) + 1
        // Its own quota does not end this.
        let honest =
          (try? ReplyMessage<FoundVisits>(encoded: transit.open(reply)).result.get())
          ?? FoundVisits(visits: [], next: 0, size: 0)
        return try transit.answer(FindVisits.self, lie(asked.from, honest))
      }
      let restoration = try await situation.restore()
      let isRefusedAtOnce = [0, 1, 2, 6, 7].contains(number)
      #expect(count.value == (isRefusedAtOnce ? 1 : Patient.pageLimit), "lie \(number)")
      #expect(try await situation.holdings() == situation.before, "lie \(number)")
      #expect(!restoration.isComplete, "lie \(number)")
    }
  }

  /// What the work of an answer is asked for.
  private final class CountedChains: HospitalChains {
    let chains: ChainConfirmer
    let asked = Mutex<[(limit: Int, byteCount: Int)]>([])

    init(_ chains: ChainConfirmer) { self.chains = chains }

    func view(of hospital: String) async throws -> HospitalView {
      try await chains.view(of: hospital)
    }

    func leaf(_ index: UInt64, of hospital: String) async throws -> [UInt8]? {
      try await chains.leaf(index, of: hospital)
    }

    func leaves(
      from index: UInt64, of hospital: String, limit: Int, byteCount: Int
    ) async throws -> [[UInt8]] {
      asked.withLock { $0.append((limit, byteCount)) }
      return try await chains.leaves(from: index, of: hospital, limit: limit, byteCount: byteCount)
    }
  }

  @Test("[attack] strangers look for visits without end: answers are bounded, nothing is stored")
  func strangersSearch() async throws {
    let situation = try await RestoringSituation()
    let (test, consortium) = (situation.test, situation.consortium)
    var generator = SeededGenerator(seed: 5)
    func ask(_ from: UInt64, _ supernode: String) async throws -> String? {
      let key = try IdentityKey(seed: generator.bytes(32))
      return await ConsortiumError.code {
        let reply = try await test.client(consortium, by: Author(.key(key.publicKey), key)).ask(
          FindVisits(hospital: Self.hospital, from: from), of: supernode)
        #expect(reply.visits.count <= 1)
      }
    }
    for supernode in [Self.hospital, "cloud"] {
      test.pass(seconds: 60)
      let store = test.storage.roleStore(supernode)
      let before = try store.keys(withPrefix: "")
      let limit = try #require(RequestTable.byName[FindVisits.name]).quota
      // With a key of its own each time: they count by where they come from, as 16 may who share it.
      for number in 0..<16 * limit {
        let from = number % 2 == 0 ? UInt64(number) : LedgerLimits.size
        #expect(try await ask(from, supernode) == nil)
      }
      #expect(try await ask(0, supernode) == "busy")
      #expect(try store.keys(withPrefix: "") == before)
    }
    // Nobody has a hospital look into another's chain.
    test.pass(seconds: 60)
    #expect(try await ask(0, "hospital-2") == "unknown-visit")

    let counted = CountedChains(consortium.cloud.confirmer)
    let views = LedgerViews(node: consortium.cloud.node, chains: counted)
    let page = try await views.findVisits(FindVisits(hospital: Self.hospital, from: 0))
    #expect(page.next == page.size)
    #expect(page.visits.map { $0.visit(situation.context.visitKey) } == [situation.visit])
    let end = try await views.findVisits(
      FindVisits(hospital: Self.hospital, from: LedgerLimits.size))
    #expect(end.visits.isEmpty && end.next == page.size && end.size == page.size)
    #expect(counted.asked.withLock { $0.count } == 1)
    #expect(
      counted.asked.withLock {
        $0.allSatisfy { $0.limit <= 4096 && $0.byteCount <= 1 << 20 }
      })
    let two = try await consortium.cloud.confirmer.leaves(
      from: 1, of: Self.hospital, limit: 2, byteCount: 1 << 20)
    #expect(two == Array(try await test.storage.chainLog(Self.hospital).contents()[1...2]))
  }
}
