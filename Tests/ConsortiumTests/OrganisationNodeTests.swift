import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import TestSupport
import Testing

@Suite("Organisations decide without a server, by replays of their own")
struct OrganisationNodeTests {
  private static let voters = (1...3).map { "hospital-\($0)-trust" }

  private func key(of organisation: String, _ test: TestConsortium) throws -> IdentityKey {
    try test.identityKey(of: "organisations/\(organisation)")
  }

  private func node(
    _ organisation: String, _ test: TestConsortium, _ consortium: LocalConsortium,
    key: IdentityKey? = nil
  ) throws -> LedgerNode {
    let courier = try #require(test.wire.courier)
    let own = try key ?? self.key(of: organisation, test)
    return try LedgerNode(
      id: organisation, genesis: consortium.genesis, identity: own, delegate: nil,
      state: MemoryStateStore(), store: MemoryRoleStore(),
      requests: RequestClient(courier: courier, sender: organisation), clock: { test.time })
  }

  private func entry(
    _ body: some CanonicalObject, by organisation: String, _ test: TestConsortium,
    _ consortium: LocalConsortium
  ) throws -> Entry {
    Entry(
      EntryContent(
        genesis: consortium.genesis.digest, chain: ChainName.consortium,
        signer: .party(organisation), body: body),
      signedBy: try key(of: organisation, test))
  }

  @Test("what others have shown while a clock was ahead does not count as of now")
  func clockAhead() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let node = try node(Self.voters[1], test, consortium)
    test.pass(seconds: 400)
    try await node.catchUp()
    #expect(try await node.standing(shownWithin: 120).newest != nil)
    test.setBack(seconds: 400)
    #expect(try await node.standing(shownWithin: 120).newest == nil)
    // With one reading of the clock, whatever it says: as where no time is known yet.
    test.setBack(seconds: test.time)
    #expect(try await node.standing(shownWithin: 120).newest == nil)
  }

  @Test("[attack] one supernode hides a motion from an organisation, or shows it other leaves")
  func hiddenMotion() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let motion = try await consortium.proposeHospital("hospital-4", sponsor: Self.voters[0])
    let liar = "hospital-1"
    let lies: [@Sendable (ConsortiumReply) -> ConsortiumReply] = [
      { _ in ConsortiumReply(leaves: [], note: "", finalSize: 0) },
      { ConsortiumReply(leaves: [], note: $0.note, finalSize: 0) },
      { reply in
        var reply = reply
        for index in reply.leaves.indices {
          reply.leaves[index][reply.leaves[index].count / 2] ^= 1
        }
        return reply
      },
      { reply in
        var reply = reply
        reply.leaves.removeLast(min(1, reply.leaves.count))
        return reply
      },
    ]
    for lie in lies {
      test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        guard transit.recipient == liar, transit.payload(FetchConsortium.self) != nil else {
          return reply
        }
        let honest = try ReplyMessage<ConsortiumReply>(encoded: reply).result.get()
        return try transit.answer(FetchConsortium.self, lie(honest))
      }
      let node = try node(Self.voters[1], test, consortium)
      try await node.catchUp()
      let found = try await node.consortium.motions()
      #expect(found.map(\.entry) == [motion])
      #expect(found.first?.status == .open)
      #expect(try await node.consortium.countedVotes(on: motion) == [Self.voters[0]: true])
      #expect(try await node.standing(shownWithin: 120).newest != nil)
    }
    // Nobody at all: then nothing is said to hold.
    test.wire.lose(FetchConsortium.self)
    let cutOff = try node(Self.voters[1], test, consortium)
    try await cutOff.catchUp()
    #expect(try await cutOff.standing(shownWithin: 120).newest == nil)
  }

  @Test(
    "[attack] an organisation's key asks for more than the consortium chain; another's key asks in its name"
  )
  func otherQuestions() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    let name = Self.voters[0]
    let own = try key(of: name, test)
    let courier = try #require(test.wire.courier)
    let requests = RequestClient(courier: courier, sender: name)
    func terms(_ recipient: String) -> QueryTerms {
      QueryTerms(
        genesis: consortium.genesis.digest, party: name, recipient: recipient, sentAt: test.time)
    }
    func chain(_ key: IdentityKey) async -> String? {
      await ConsortiumError.code {
        let query = ConsortiumQuery(terms("hospital-2"), from: 0)
        _ = try await requests.ask(
          FetchConsortium(query: Signed(Message(query), by: key)), of: "hospital-2")
      }
    }
    #expect(await chain(own) == nil)
    #expect(await chain(try TestConsortium.stranger().key) == "unauthenticated")
    #expect(await chain(try key(of: Self.voters[1], test)) == "unauthenticated")
    let others: [String?] = [
      await ConsortiumError.code {
        let query = ConsortiumQuery(terms("hospital-2"), from: 1)
        _ = try await requests.ask(
          FetchOutbox(query: Signed(Message(query), by: own)), of: "hospital-2")
      },
      await ConsortiumError.code {
        let query = BlockQuery(terms("hospital-2"), height: 1, root: .zero)
        _ = try await requests.ask(
          FetchBlock(query: Signed(Message(query), by: own)), of: "hospital-2")
      },
      await ConsortiumError.code {
        let query = LeavesQuery(terms("cloud"), hospital: "hospital-1", from: 0)
        _ = try await requests.ask(FetchLeaves(query: Signed(Message(query), by: own)), of: "cloud")
      },
    ]
    #expect(others == ["unauthenticated", "unauthenticated", "unauthenticated"])
  }

  @Test(
    "[attack] a motion is put again, or with consents to another; a cloud agrees to keys that it made alone"
  )
  func agreedTwice() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let sponsor = Self.voters[0]
    let node = try node(sponsor, test, consortium)
    try await node.catchUp()
    var randomness: Randomness = SeededGenerator(seed: 7)
    let cosigner = try await consortium.cloud.makeCosigner(for: "hospital-1", using: &randomness)
    func motion(_ key: [UInt8], number: UInt64 = 1) -> Motion {
      Motion(
        number: number, lastEpoch: 3,
        changes: [
          .assignCloud(CloudAssignment(hospital: "hospital-1", cloud: "cloud", cosigningKey: key))
        ])
    }
    let preview = try await node.consortium.preview(of: motion(cosigner).changes)
    #expect(preview.consents.keys.sorted() == ["cloud"])
    #expect(preview.concerned == "hospital-1-trust")

    let stranger = try TestConsortium.stranger().key.publicKey
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.cloud.consent(to: motion(stranger), by: sponsor)
      } == "not-entitled")
    let second = try #require(consortium.hospitals["hospital-2"])
    #expect(
      await ConsortiumError.code {
        _ = try await second.node.consent(to: motion(cosigner), by: sponsor)
      } == "not-entitled")

    let consent = try await consortium.cloud.consent(to: motion(cosigner), by: sponsor)
    func refusal(_ motion: Motion, by organisation: String) async throws -> String? {
      let entry = try entry(motion, by: organisation, test, consortium)
      return await ConsortiumError.code { try await node.submit(entry) }
    }
    func agreed(_ motion: Motion) -> Motion {
      var motion = motion
      motion.consents = [consent]
      return motion
    }
    // By another organisation, with another number: nobody has agreed to these.
    #expect(try await refusal(agreed(motion(cosigner)), by: Self.voters[1]) == "wrong-consent")
    #expect(
      try await refusal(agreed(motion(cosigner, number: 2)), by: sponsor) == "wrong-number")
    #expect(try await refusal(agreed(motion(cosigner)), by: sponsor) == nil)
    try await consortium.settle()
    try await node.catchUp()
    #expect(try await node.consortium.motions().count == 1)
    #expect(
      try await refusal(agreed(motion(cosigner, number: 2)), by: sponsor) == "already-registered")
  }
}
