import CanonicalEncoding
import Consortium
import Credentials
import Crypto
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing
import TransparencyLog

@Suite("Keys that are taken, trees that are cut off, clouds that changed")
struct KeyAndCloudAttackTests {
  private static let hospital = TestConsortium.hospital

  /// A dishonest hospital takes somebody's key for a use that proves nothing, and then one of its own, so
  /// that it keeps its voice.
  private func burn(
    _ key: [UInt8], by thief: String, _ consortium: LocalConsortium, _ test: TestConsortium
  ) async throws {
    let own = try #require(try await consortium.members().party(thief))
    let identity = try test.identityKey(of: thief)
    let rotation = PartyRotation(
      genesis: consortium.genesis.digest, party: own.with(keys: [("voting", key)]),
      key: identity)
    _ = try await consortium.cloud.node.submit(
      test.entry(rotation, by: thief, chain: ChainName.consortium, consortium))
    _ = await ConsortiumError.code { try await consortium.settle() }
    await test.rest(consortium, rounds: 2)
    let next = try await consortium.cloud.node.consortium.nextMembers.party(thief)
    let members = try await consortium.members().party(thief)
    #expect(
      next?.keysByUse.contains { $0.key == key } == true
        || members?.keysByUse.contains { $0.key == key } == true)
    try await consortium.hospitals[thief]?.rotateKeys([.voting])
  }

  // MARK: Keys

  @Test("renouncing votes erases the keys in force, whatever was asked for before")
  func renouncedAfterRotation() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-1"))
    let hospital = try #require(consortium.hospitals["hospital-2"])
    try await hospital.rotateKeys([.voting])
    // Now its disk is put back, and it gives up its votes.
    try await hospital.renounceVotes()
    #expect(test.keyNames("hospital-2").isDisjoint(with: ["voting", "cosigner/consortium"]))
    #expect(await hospital.node.delegate?.hasSeat == false)
  }

  @Test("[attack] somebody takes the key that a delegate has made after renouncing its votes")
  func burnedRenunciation() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-1"))
    let hospital = try #require(consortium.hospitals["hospital-3"])
    let seen = Capture<[UInt8]>()
    test.wire.intercept { transit in
      if let offer = transit.payload(OfferEntry.self) {
        if case .partyRotation(let rotation) = offer.entry.content.body {
          seen.value = rotation.party.keysByUse.first { $0.use == "voting" }?.key
        }
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      return try await transit.deliver(transit.request)
    }
    _ = await ConsortiumError.code { try await hospital.renounceVotes() }
    test.wire.intercept(nil)
    try await burn(try #require(seen.value), by: "hospital-2", consortium, test)
    var codes: [String?] = []
    for _ in 0..<3 {
      codes.append(await ConsortiumError.code { try await hospital.renounceVotes() })
      try await test.passEpoch(consortium, mayFail: true)
    }
    #expect(codes.last == .some(nil), "\(codes)")
    #expect(await hospital.node.delegate?.hasSeat == true)
  }

  @Test("[attack] somebody takes the log key of a generation that is to begin")
  func burnedLogKey() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    let backup = try await test.storage.backup(Self.hospital)
    _ = try await test.completeVisit(consortium, test.plan())
    await consortium.stop(hospital: Self.hospital)
    try await test.storage.restore(backup)
    // The courier looks at what the hospital publishes, and keeps it back.
    test.cutOffConsortiumChain()
    try await consortium.start(hospital: Self.hospital)
    await test.rest(consortium, rounds: 2)
    let seed = try #require(
      try test.storage.roleStore(Self.hospital).value(forKey: "log-key/1"))
    let key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed).publicKey
    try await burn(Array(key.rawRepresentation), by: "hospital-2", consortium, test)
    test.wire.intercept(nil)
    var codes: [String?] = []
    for _ in 0..<3 {
      codes.append(await test.rest(consortium))
      _ = await ConsortiumError.code { consortium = try await test.open() }
    }
    let generation = try await consortium.cloud.node.consortium.generation(of: Self.hospital)
    #expect(generation.generation == 1, "\(codes)")
    let code = await ConsortiumError.code {
      _ = try await consortium.hold(test.plan("encounter-2"))
    }
    #expect(code == nil)
  }

  // MARK: Clouds

  @Test("a former cloud that answers, and refuses to confirm, holds a chain up no longer")
  func refusingFormerCloud() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12, window: 7200)
    var consortium = try await test.openWithTwoClouds()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    try await test.assign("cloud-2", consortium)
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    test.wire.intercept { transit in
      if transit.recipient == "cloud", let sent = transit.payload(ConfirmLeaves.self),
        sent.hospital == Self.hospital
      {
        throw ConsortiumError(.wrongState, "leaves from another index on are needed")
      }
      return try await transit.deliver(transit.request)
    }
    try await consortium.diagnose(visit, plan, position: 1)
    try await test.passEpoch(consortium, mayFail: true)
    var codes: [String?] = []
    // Three times maxLag / 2 and more, in one run.
    for _ in 0..<10 { codes.append(await test.rest(consortium)) }
    let generation = try await consortium.cloud.node.consortium.generation(of: Self.hospital)
    #expect(generation.generation == 1, "\(codes)")
    let code = await ConsortiumError.code {
      _ = try await consortium.hold(test.plan("encounter-2"))
    }
    #expect(code == nil)
    _ = await ConsortiumError.code { consortium = try await test.open() }
  }

  @Test(
    "[attack] a hospital shows a cloud that has its chain again another tree than the one between confirmed"
  )
  func thereAndBackFork() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    try await test.assign("cloud-2", consortium)
    await consortium.stop(hospital: Self.hospital)
    try await test.passEpoch(consortium, mayFail: true)
    await test.rest(consortium, rounds: 2)
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    let size = try await test.held("cloud", consortium)
    #expect(try await test.held("cloud-2", consortium) == size)
    let prefix = Array(
      try await test.storage.chainLog(Self.hospital).contents().prefix(Int(size)))
    let client = test.client(consortium, as: Self.hospital)
    let key = try test.logKey(consortium)

    let first = try await test.forked(prefix, consortium)
    let one = try await client.ask(
      TestConsortium.confirmation(of: first, from: size, key), of: "cloud-2"
    ).note
    #expect(!one.isEmpty)
    try await test.assign("cloud", consortium)
    try await test.passEpoch(consortium, mayFail: true)
    await test.rest(consortium, rounds: 2)
    #expect(try await test.presentCloud(consortium) == "cloud")
    let second = try await test.forked(prefix, consortium)
    let other = Capture<String>()
    let code = await ConsortiumError.code {
      other.value = try await client.ask(
        TestConsortium.confirmation(of: second, from: size, key), of: "cloud"
      ).note
    }
    #expect(code == "ledger-diverged" || code == "wrong-state")
    if let two = other.value, !two.isEmpty {
      let reader = await consortium.cloud.node.consortium
      let both = try [one, two].compactMap {
        try reader.keys(of: Self.hospital, note: $0)?.confirmedCheckpoint($0)
      }
      let differs = both.count == 2 && both[0].root != both[1].root
      Issue.record(
        "both confirmed: \(both.map(\.size)), roots differ: \(differs); by honest clouds")
    }
  }

  /// The former cloud alone has confirmed something; the new one has what is anchored.
  private func confirmedByFormer(
    _ test: TestConsortium
  ) async throws -> (
    consortium: LocalConsortium, anchored: UInt64, confirmed: UInt64, leaves: [[UInt8]]
  ) {
    let consortium = try await test.openWithTwoClouds()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    try await test.assign("cloud-2", consortium)
    test.cutOffNewCloud()
    _ = try await test.completeVisit(consortium, test.plan())
    await consortium.stop(hospital: Self.hospital)
    let anchored = try #require(
      try await consortium.cloud.node.consortium.anchor(of: Self.hospital)
    ).size
    let confirmed = try await test.held("cloud", consortium)
    #expect(anchored < confirmed)
    try await test.passEpoch(consortium, mayFail: true)
    await test.rest(consortium, rounds: 1)
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    let leaves = try await test.storage.chainLog(Self.hospital).contents()
    return (consortium, anchored, confirmed, leaves)
  }

  @Test("[attack] a hospital cuts off by a stated tail what its former cloud has confirmed")
  func tailCutsOff() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let (consortium, anchored, confirmed, leaves) = try await confirmedByFormer(test)
    let client = test.client(consortium, as: Self.hospital)
    let key = try test.logKey(consortium)
    let prefix = Array(leaves.prefix(Int(anchored)))
    let asked = Mutex(0)
    func heal() {
      test.wire.intercept { transit in
        if transit.sender == "cloud-2", transit.payload(FetchLeaves.self) != nil {
          asked.withLock { $0 += 1 }
        }
        return try await transit.deliver(transit.request)
      }
    }
    heal()
    if try await test.held("cloud-2", consortium) < anchored {
      let from = try await test.held("cloud-2", consortium)
      _ = try await client.ask(
        TestConsortium.confirmation(of: prefix, from: from, key), of: "cloud-2")
    }
    #expect(try await test.held("cloud-2", consortium) == anchored)
    // The former cloud can be reached; nobody asks it.
    let tail = TailStatement(
      genesis: consortium.genesis.digest, hospital: Self.hospital, generation: 0, size: anchored,
      root: try #require(Digest32(MerkleTree(leaves: prefix).root)))
    let identity = try test.identityKey(of: Self.hospital)
    let signature = Capture<[UInt8]>()
    let code = await ConsortiumError.code {
      signature.value = try await client.ask(
        RequestTail(statement: Signed(tail, by: identity), consistency: []), of: "cloud-2"
      ).bytes
    }
    #expect(code != nil, "asked the former cloud \(asked.withLock { $0 }) times")
    guard let bytes = signature.value else { return }
    test.wire.lose(FetchLeaves.self)
    let confirming = try await goOn(behind: tail, bytes, prefix, test, consortium) { heal() }
    Issue.record("tail \(anchored), former confirmed \(confirmed): \(confirming)")
  }

  /// Another generation behind a tail that the new cloud has stated, and another chain in it.
  ///
  /// - Returns: what comes of it, and of the reports about it.
  private func goOn(
    behind tail: TailStatement, _ signature: [UInt8], _ prefix: [[UInt8]], _ test: TestConsortium,
    _ consortium: LocalConsortium, _ heal: () -> Void
  ) async throws -> String {
    let client = test.client(consortium, as: Self.hospital)
    let node = consortium.cloud.node
    let next = try Curve25519.Signing.PrivateKey(
      rawRepresentation: [UInt8](repeating: 7, count: 32))
    _ = try await node.submit(
      test.entry(
        Continuation(
          tail: tail, cloudSignature: signature, logKey: Array(next.publicKey.rawRepresentation)),
        by: Self.hospital, chain: ChainName.consortium, consortium))
    await test.rest(consortium, rounds: 2)
    #expect(try await node.consortium.generation(of: Self.hospital).generation == 1)
    heal()
    let other = try await test.forked(prefix, consortium)
    let nextKey = try LogKey(
      origin: consortium.genesis.origin(of: Self.hospital, generation: 1), key: next)
    let note = Capture<String>()
    let confirming = await ConsortiumError.code {
      note.value = try await client.ask(
        TestConsortium.confirmation(of: other, from: tail.size, nextKey, generation: 1),
        of: "cloud-2"
      ).note
    }
    let former = try #require(
      try await consortium.cloud.confirmer.view(of: Self.hospital).confirmed)
    var reports: [String?] = []
    let last = consortium.genesis.epoch(ofHeight: await node.consortium.height)
    for epoch in 0...last {
      reports.append(
        await ConsortiumError.code {
          _ = try await node.submit(
            test.entry(
              WithholdingReport(
                hospital: Self.hospital, generation: 0, note: former.note, epoch: epoch),
              by: "hospital-3", chain: ChainName.consortium, consortium))
        })
      guard let second = note.value else { continue }
      reports.append(
        await ConsortiumError.code {
          _ = try await node.submit(
            test.entry(
              EquivocationReport(
                chain: Self.hospital, first: .init(note: former.note, epoch: epoch),
                second: .init(note: second, epoch: last)),
              by: "hospital-3", chain: ChainName.consortium, consortium))
        })
    }
    return "former \(former.size), confirmed \(String(describing: confirming)), reports \(reports)"
  }

  @Test(
    "a cloud that has stated a tail takes nothing more of that generation, and the chain goes on")
  func leavesBehindTail() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium0 = try await test.openWithTwoClouds()
    var consortium = consortium0
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    try await test.assign("cloud-2", consortium)
    let backup = try await test.storage.backup(Self.hospital)
    test.cutOffNewCloud()
    _ = try await test.completeVisit(consortium, test.plan())
    await consortium.stop(hospital: Self.hospital)
    let confirmed = try await test.held("cloud", consortium)
    try await test.passEpoch(consortium, mayFail: true)
    // The hospital's disk is put back; the former cloud is away, until the new one has stated a tail.
    try await test.storage.restore(backup)
    let isStated = Mutex(false)
    test.wire.intercept { transit in
      if transit.recipient == "cloud", transit.isAboutChain, !isStated.withLock({ $0 }) {
        throw ConsortiumError(.unreachable, "cloud does not answer \(transit.sender)")
      }
      let reply = try await transit.deliver(transit.request)
      if transit.payload(RequestTail.self) != nil,
        (try? ReplyMessage<Octets>(encoded: reply).result.get()) != nil
      {
        isStated.withLock { $0 = true }
      }
      return reply
    }
    try await consortium.start(hospital: Self.hospital)
    var codes: [String?] = []
    codes.append(await test.rest(consortium, rounds: 12))
    #expect(isStated.withLock { $0 })
    let generation = try await consortium.cloud.node.consortium.generation(of: Self.hospital)
    let taken = try await test.held("cloud-2", consortium)
    for _ in 0..<4 {
      codes.append(await test.rest(consortium))
      _ = await ConsortiumError.code { consortium = try await test.open() }
    }
    let code = await ConsortiumError.code {
      _ = try await consortium.hold(test.plan("encounter-2"))
    }
    #expect(
      code == nil,
      "former \(confirmed), start \(generation.start) of \(generation.generation), taken \(taken), \(codes)"
    )
  }

  @Test(
    "a cloud with another key whose disk is put back is given its chain again",
    arguments: [false, true])
  func putBackAfterRotation(rotates: Bool) async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    if rotates { try await consortium.rotateKeys(of: "cloud") }
    try await consortium.settle()
    let old = test.storage.stateStore("cloud", chain: Self.hospital).values
    // Nothing of the hospital's gets onto the consortium chain for a while.
    test.cutOffConsortiumChain()
    _ = try await test.completeVisit(consortium, test.plan("encounter-1"))
    try await test.passEpoch(consortium, mayFail: true)
    await test.rest(consortium, rounds: 1)
    _ = await ConsortiumError.code {
      _ = try await test.completeVisit(consortium, test.plan("encounter-2"))
    }
    #expect(test.keyNames("cloud").contains("cosigner/hospital-1") != rotates)
    let anchored = try await consortium.cloud.node.consortium.anchor(of: Self.hospital)?.size
    let confirmed = try await test.held("cloud", consortium)
    let current = try await test.storage.backup("cloud")
    var states = current.states
    states["cloud/\(Self.hospital)"] = old
    try await test.storage.restore(
      MemoryStorage.Backup(
        place: "cloud", role: current.role, chain: current.chain, states: states))
    test.wire.intercept(nil)
    var codes: [String?] = []
    for _ in 0..<6 {
      codes.append(
        await ConsortiumError.code { consortium = try await test.open() })
      test.pass(seconds: 40)
    }
    #expect(codes.last == .some(nil), "anchored \(anchored ?? 0), confirmed \(confirmed), \(codes)")
  }

  @Test("[attack] a former cloud is asked for a record under a consent that was revoked since")
  func revokedAtFormerCloud() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 36_000)
    try await test.assign("cloud-2", consortium)
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    try await consortium.revoke(patient: TestConsortium.patient, consent: consent)
    try await consortium.settle()
    let signed = try #require(test.wire.requests(DepositConsent.self).first).consent
    let client = test.client(consortium, as: "manager")
    var codes: [String?] = []
    for cloud in ["cloud", "cloud-2"] {
      codes.append(
        await ConsortiumError.code {
          _ = try await client.ask(FetchConsentedRecord(consent: signed, index: 0), of: cloud)
        })
    }
    #expect(codes[1] == "consent-revoked")
    #expect(codes[0] != nil, "the former cloud gives the record")
  }

  @Test("[attack] a stolen key of a cloud asks for records once it is replaced")
  func stolenKeyTakesOver() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    let visit = try await consortium.hold(test.plan("encounter-0")).visit
    try await consortium.settle()
    let digest = try #require(try await test.state(of: visit, consortium).record.recordDigest)
    try await test.assign("cloud-2", consortium)
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    let stolen = try test.identityKey(of: "cloud-2")
    try await consortium.rotateKeys(of: "cloud-2")
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    #expect(try await consortium.members().identityKey(of: "cloud-2") != stolen.publicKey)
    let query = RecordTakeover(
      test.terms("cloud-2", to: "cloud"), hospital: Self.hospital, visit: visit,
      recordDigest: digest)
    let client = test.client(consortium, as: "hospital-2")
    let code = await ConsortiumError.code {
      _ = try await client.ask(
        TakeOverRecord(query: Signed(Message(query), by: stolen), index: 0), of: "cloud")
    }
    #expect(code == "unauthenticated")
  }

  @Test("[attack] a stranger has a new cloud ask the former one again and again")
  func strangersQuestions() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await test.assign("cloud-2", consortium)
    // The new cloud has confirmed nothing yet, and may have to learn more.
    test.wire.lose { $0.recipient == "cloud-2" && $0.payload(ConfirmLeaves.self) != nil }
    try await test.passEpoch(consortium, mayFail: true)
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    var generator = SeededGenerator(seed: 6)
    let stranger = try IdentityKey(seed: generator.bytes(32))
    let before = test.wire.requests(FetchLeaves.self).count
    for number in 0..<20 {
      let visit = Digest32(sha256: [UInt8(number)])
      let client = test.client(
        consortium,
        by: Author(.patient(visit: visit, hospital: Self.hospital), stranger))
      #expect(
        await ConsortiumError.code {
          _ = try await client.ask(FetchOwnRecord(recordDigest: .zero, index: 0), of: "cloud-2")
        } == "unauthenticated")
    }
    #expect(test.wire.requests(FetchLeaves.self).count - before <= 1)
  }
}
