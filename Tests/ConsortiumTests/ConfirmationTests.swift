import CanonicalEncoding
import Consortium
import Credentials
import Crypto
import EMRScheme
import Ledger
import Pairings
import Synchronization
import TestSupport
import Testing
import TransparencyLog

@Suite("A hospital, its cloud, and what was confirmed")
struct ConfirmationTests {
  private let hospital = "hospital-1"

  private func writer(_ consortium: LocalConsortium) throws -> HospitalWriter {
    try #require(consortium.hospitals[hospital]).ledger.writer
  }

  /// From now on nothing reaches the cloud.
  private func loseCloud(_ test: TestConsortium) {
    test.wire.intercept { transit in
      if transit.recipient == "cloud" { throw ConsortiumError(.unreachable, "no way to the cloud") }
      return try await transit.deliver(transit.request)
    }
  }

  @Test("a cloud takes what its hospital builds on from the hospital, and confirms at once")
  func cloudBehind() async throws {
    let test = TestConsortium(teamSize: 1, hospitals: 6)
    let consortium = try await test.open()
    let (cloud, server) = (consortium.cloud.node, try #require(consortium.hospitals[hospital]).node)
    // Of what the delegates publish it hears nothing more.
    test.wire.intercept { transit in
      if transit.sender == "cloud", transit.payload(FetchOutbox.self) != nil {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      return try await transit.deliver(transit.request)
    }
    let before = try #require(await cloud.consortium.final).height
    for _ in 0..<100 where await server.consortium.final?.height ?? 0 < before + 2 {
      test.pass(seconds: 40)
      for _ in 0..<3 {
        for other in consortium.hospitals.values { _ = try? await other.advance() }
      }
      for other in consortium.hospitals.values { _ = try? await other.node.expire() }
    }
    #expect(await cloud.consortium.final?.height == before)
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    try await consortium.complete(visit, at: hospital)
    #expect(try #require(await cloud.consortium.final).height > before)
  }

  @Test(
    "a hospital with nothing else to do has stored what its cloud has confirmed, and what is anchored"
  )
  func confirmationKept() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    try await consortium.settle()
    let (genesis, storage) = (consortium.genesis, test.storage)
    let state = storage.stateStore(hospital, chain: ChainName.consortium)
    func kept() throws -> HospitalView {
      try HospitalView(
        genesis: genesis, hospital: hospital,
        store: storage.stateStore(hospital, chain: hospital), consortium: state)
    }
    let anchored = try ConsortiumView(genesis: genesis, store: state).anchor(of: hospital)
    let anchor = try #require(anchored)
    let server = try #require(consortium.hospitals[hospital])
    while try await server.attend() {}
    let view = try kept()
    let confirmed = try #require(view.confirmed?.size)
    #expect(try confirmed >= anchor.size && confirmed <= view.size && view.leads(to: anchor))
    #expect(await server.ledger.writer.view.confirmed == view.confirmed)
  }

  // MARK: Without the cloud

  @Test("without its cloud a team goes on signing, and everything is final once it is back")
  func unreachableCloud() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    loseCloud(test)
    for position in 1...3 { try await consortium.diagnose(visit, plan, position: position) }
    #expect(try await test.state(of: visit, consortium).signatures.count == 3)
    func completing() async -> String? {
      await ConsortiumError.code { try await consortium.complete(visit, at: plan.hospital) }
    }
    #expect(await completing() == "unreachable")
    #expect(try await test.state(of: visit, consortium).status == .open)
    // The consortium does not wait for it.
    let before = await consortium.ledgerTime()
    test.pass(seconds: 30)
    #expect(await ConsortiumError.code { try await consortium.settle() } == "unreachable")
    #expect(await consortium.ledgerTime() > before)
    let node = consortium.cloud.node
    #expect(await node.consortium.final?.size == node.consortium.size)
    let written = try writer(consortium)
    #expect(await written.view.confirmed?.size ?? 0 < written.size)

    test.wire.intercept(nil)
    try await consortium.settle()
    #expect(await completing() == nil)
    #expect(try await consortium.collect(visit, plan).record?.findings.count == 3)
    try await consortium.settle()
    #expect(await written.view.confirmed?.size == written.position)
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves })
    #expect(report.chains[1].visits.acknowledged == 1)
  }

  @Test("consent and revocation are not given before the cloud has confirmed them")
  func unconfirmedConsent() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    var consent: Digest32?
    func consenting() async -> String? {
      await ConsortiumError.code {
        consent = try await consortium.consent(
          patient: TestConsortium.patient, to: request, visit: visit,
          expiresAt: TestConsortium.start + 3600)
      }
    }
    test.wire.lose(ConfirmLeaves.self)
    #expect(await consenting() == "outcome-unknown")
    #expect(test.wire.requests(DepositConsent.self).isEmpty)
    test.wire.intercept(nil)
    #expect(await consenting() == nil)
    try await consortium.settle()
    let given = try #require(consent)

    func revoking() async -> String? {
      await ConsortiumError.code {
        try await consortium.revoke(patient: TestConsortium.patient, consent: given)
      }
    }
    test.wire.lose(ConfirmLeaves.self)
    #expect(await revoking() == "outcome-unknown")
    test.wire.intercept(nil)
    #expect(await revoking() == nil)
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: given)
      } == "consent-revoked")
    let log = try await consortium.accessLog(patient: TestConsortium.patient, visit: visit).records
    #expect(log.map(\.event) == [.consented, .requested, .revoked])
  }

  // MARK: Backups

  @Test(
    "a backup put back over a confirmation takes back what the cloud confirmed",
    arguments: [false, true])
  func olderBackup(isAmidVisit: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    let plan = test.plan()
    var backup = try await test.storage.backup(hospital)
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    if isAmidVisit { backup = try await test.storage.backup(hospital) }
    try await consortium.diagnose(visit, plan, position: 1)
    try await consortium.complete(visit, at: hospital)
    let record = try await consortium.collect(visit, plan)
    #expect(record.record != nil)
    try await consortium.settle()
    let leaves = try await test.storage.chainLog(hospital).contents()
    #expect(backup.chain.count < leaves.count)

    try await test.storage.restore(backup)
    consortium = try await test.open()
    let restored = try await test.storage.chainLog(hospital).contents()
    #expect(restored.starts(with: leaves))
    #expect(try await test.state(of: visit, consortium).receipt == .acknowledged)
    #expect(try await consortium.hold(plan).wasKnown)
    #expect(try await consortium.hold(test.plan("encounter-2")).record?.record != nil)
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves })
    #expect(report.chains[1].visits.acknowledged == 3)
    #expect(await consortium.cloud.node.contradictions.isEmpty)
  }

  @Test("a patient who is the first to come after a backup was put back finds the visit")
  func firstToCome() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let backup = try await test.storage.backup(hospital)
    let visit = try await test.completeVisit(consortium, test.plan())
    let state = try await test.state(of: visit, consortium)
    try await consortium.settle()
    try await test.storage.restore(backup)
    // The patient comes before the hospital could do any of its duties.
    test.wire.lose(FetchLeaves.self)
    #expect(await ConsortiumError.code { _ = try await test.open() } == "unreachable")
    test.wire.intercept(nil)
    let root = try PatientRoot(test.secret("root", of: "patients/\(TestConsortium.patient)"))
    let keys: PatientVisitKeys<BLS12381> = try #require(try root.keys(of: state.context))
    let receipt = VisitReceipt(
      visit: visit, recordDigest: try #require(state.record.recordDigest), verdict: .acknowledged)
    let entry = Entry(
      EntryContent(
        genesis: consortium.genesis.digest, chain: hospital, signer: .patient(visit: visit),
        body: receipt), signedBy: keys.signingKey)
    // The visit is known; what is written now belongs to the next generation, which has to begin.
    let client = try test.client(bringing: entry, state.context)
    #expect(
      await ConsortiumError.code { _ = try await client.ask(SubmitEntry(entry), of: hospital) }
        == "not-final")
    _ = try await test.open()
    let answer = try await test.client(bringing: entry, state.context)
      .ask(SubmitEntry(entry), of: hospital)
    #expect(answer.object.outcome == .written)
  }

  @Test("a backup with an open block that conflicts is refused, and nothing is signed for it")
  func conflictingBackup() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    let before = try await test.storage.backup(hospital)
    var other = plan
    other.findings = [[1, 2, 3]]
    let swallowed = Mutex<[String]>([])
    test.wire.intercept { transit in
      if let request = transit.payload(ConfirmLeaves.self) {
        swallowed.withLock { $0.append(request.note) }
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      return try await transit.deliver(transit.request)
    }
    try await consortium.diagnose(visit, other, position: 1)
    let conflicting = try await test.storage.backup(hospital)
    test.wire.intercept(nil)

    // The disk dies, the older backup is used, and all goes on from there.
    try await test.storage.restore(before)
    consortium = try await test.open()
    try await consortium.diagnose(visit, plan, position: 1)
    try await requireNobodyFramed(
      by: conflicting.chain, notes: swallowed.withLock { $0 }, test, consortium)
    try await consortium.complete(visit, at: hospital)
    #expect(
      try await consortium.collect(visit, plan).record?.findings.first?.content
        == plan.findings[0])
    let confirmed = test.wire.requests(ConfirmLeaves.self).count

    // Then somebody finds the newer one.
    try await test.storage.restore(conflicting)
    let code = await ConsortiumError.code { _ = try await test.open() }
    #expect(["inconsistent-log", "ledger-diverged"].contains(code))
    #expect(try await test.storage.chainLog(hospital).contents() == conflicting.chain)
    #expect(test.wire.requests(ConfirmLeaves.self).count == confirmed)
  }

  /// The hospital has signed two trees, as whoever carried its requests can show. Its cloud has cosigned
  /// one of them, so nobody relied on the other, and nobody is convicted.
  private func requireNobodyFramed(
    by lost: [[UInt8]], notes swallowed: [String], _ test: TestConsortium,
    _ consortium: LocalConsortium
  ) async throws {
    let kept = try await test.storage.chainLog(hospital).contents()
    let keys = consortium.genesis.keys(
      of: hospital, generation: consortium.genesis.members.firstGeneration(of: hospital),
      in: consortium.genesis.members)
    let notes = swallowed + test.wire.requests(ConfirmLeaves.self).map(\.note)
    func claim(_ leaves: [[UInt8]], _ index: UInt64) throws -> EquivocationReport.Claim {
      // The last blocks of these leaves that were signed.
      let (note, tree) = try #require(
        notes.reversed().lazy.compactMap { note -> (String, MerkleTree)? in
          guard let checkpoint = keys.checkpoint(in: note), checkpoint.size > index,
            checkpoint.size <= UInt64(leaves.count)
          else { return nil }
          let tree = MerkleTree(leaves: leaves.prefix(Int(checkpoint.size)))
          return tree.root == checkpoint.root ? (note, tree) : nil
        }.first)
      return .init(
        note: note, epoch: 0,
        leaf: .init(
          index: index, hash: try #require(Digest32(MerkleHash.leaf(leaves[Int(index)]))),
          inclusion: try tree.inclusionProof(index: index, size: tree.size).hashes))
    }
    let index = UInt64(try #require(kept.indices.first { kept[$0] != lost[$0] }))
    let claims = try [claim(lost, index), claim(kept, index)]
    // With the cloud's cosignature, as the hospital has got it.
    var confirmed = claims[1]
    confirmed.note = try #require(await writer(consortium).view.confirmed?.note)
    for (one, two) in [
      (claims[0], claims[1]), (claims[1], claims[0]), (claims[0], confirmed),
      (confirmed, claims[0]),
    ] {
      let report = EquivocationReport(chain: hospital, first: one, second: two)
      await #expect(throws: Refusal("no-contradiction")) {
        try await consortium.cloud.node.submit(
          try test.entry(report, by: "cloud", chain: ChainName.consortium, consortium))
      }
    }
    #expect(try await !consortium.cloud.node.consortium.isBarred(hospital))
  }

  @Test("a cloud whose disk was put back is given again what it had confirmed")
  func cloudBackup() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    let backup = try await test.storage.backup("cloud")
    let nothing = MemoryStorage.Backup(place: "cloud", role: [:], chain: [], states: [:])
    let plan = test.plan()
    _ = try await consortium.hold(plan)
    try await consortium.settle()
    let before = try #require(await writer(consortium).view.confirmed)
    for state in [backup, nothing] {
      try await test.storage.restore(state)
      consortium = try await test.open()
      try await consortium.settle()
      let view = try await consortium.cloud.confirmer.view(of: hospital)
      #expect(try #require(view.confirmed).size >= before.size)
      #expect(try await consortium.hold(plan).wasKnown)
    }
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves })
    #expect(report.chains[1].visits.acknowledged == 2)
  }

  @Test("hospital and then its cloud put back, amid a continuation: both go on")
  func bothBackups() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    let (cloud, own) = (
      try await test.storage.backup("cloud"), try await test.storage.backup(hospital)
    )
    let plan = test.plan()
    let visit = try await consortium.hold(plan).visit
    try await consortium.settle()
    let index = try #require(try await test.state(of: visit, consortium).record.completion)
    let entry = try #require(Leaf.entry(in: try await writer(consortium).leaf(index) ?? []))
    let context = try await test.state(of: visit, consortium).context
    try await test.storage.restore(own)
    test.wire.lose(RequestTail.self)
    #expect(await ConsortiumError.code { _ = try await test.open() } == "unreachable")
    test.wire.intercept(nil)
    try await test.storage.restore(cloud)
    // The first block of the new generation is written, and not confirmed: what was confirmed before is
    // answered as of the log that has it.
    test.wire.intercept { transit in
      if transit.payload(ConfirmLeaves.self)?.generation == 1 {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      return try await transit.deliver(transit.request)
    }
    for _ in 1...4 {
      test.pass(seconds: 15)
      _ = await ConsortiumError.code { consortium = try await test.open() }
    }
    let client = try test.client(bringing: entry, context)
    let answer = try await client.ask(SubmitEntry(entry), of: hospital).object
    guard case .confirmed(let confirmation) = answer.outcome else {
      Issue.record("the completion is not confirmed")
      return
    }
    #expect(answer.generation == 0)
    #expect(throws: Never.self) {
      try SubmissionAnswer.check(
        confirmation, of: entry, generation: answer.generation, genesis: consortium.genesis,
        members: consortium.genesis.members)
    }
    test.wire.intercept(nil)
    consortium = try await test.open()
    #expect(try await consortium.hold(plan).wasKnown)
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves })
    #expect(report.chains[1].generation == 1)
  }

  @Test("a cloud that is interrupted while it takes leaves again goes on from there")
  func interruptedRefill() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    let backup = try await test.storage.backup("cloud")
    let held = try await consortium.cloud.confirmer.view(of: hospital).size
    _ = try await consortium.hold(test.plan())
    try await consortium.settle()
    let leaves = try await test.storage.chainLog(hospital).contents()
    try await test.storage.restore(backup)
    test.wire.lose(ConfirmLeaves.self)
    _ = await ConsortiumError.code { _ = try await test.open() }
    test.wire.intercept(nil)
    // The first of several batches, whose answer is lost, again and again.
    let end =
      try #require(
        leaves.indices.first { UInt64($0) >= held && Leaf.isHeader(leaves[$0]) }) + 1
    let tree = MerkleTree(leaves: leaves.prefix(end))
    let key = try LogKey(
      origin: consortium.genesis.origin(of: hospital),
      key: .init(rawRepresentation: test.secret("log", of: hospital)))
    let note = try key.sign(
      Checkpoint(origin: key.verifier.origin, size: tree.size, root: tree.root)
    ).note.encoded
    let client = try test.client(as: hospital)
    for _ in 1...2 {
      let reply = try await client.ask(
        ConfirmLeaves(
          hospital: hospital, generation: 0, from: held,
          leaves: Array(leaves[Int(held)..<end]), note: note), of: "cloud")
      #expect(reply.note.isEmpty)
    }
    consortium = try await test.open()
    #expect(try await consortium.hold(test.plan("encounter-2")).record?.record != nil)
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves })
    #expect(report.chains[1].visits.acknowledged == 3)
  }

  @Test("[attack] a cloud whose disk was put back signs nothing beside what is anchored")
  func cloudBackupAbused() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    let cloudBackup = try await test.storage.backup("cloud")
    let before = try await test.storage.chainLog(hospital).contents()
    let state = test.storage.stateStore(hospital, chain: hospital).values
    _ = try await consortium.hold(test.plan("encounter-1"))
    try await consortium.settle()
    let genesis = consortium.genesis
    // The hospital gives the cloud nothing of what it had confirmed, and another chain from there.
    try await test.storage.restore(cloudBackup)
    test.wire.lose(ConfirmLeaves.self)
    _ = await ConsortiumError.code { _ = try await test.open() }
    test.wire.intercept(nil)
    let node = try LedgerNode(
      id: "manager", genesis: genesis, identity: test.identityKey(of: "manager"), delegate: nil,
      state: MemoryState(), store: MemoryRoleStore(), requests: test.client(as: "manager").requests,
      clock: { TestConsortium.start })
    try await node.catchUp()
    let anchor = try #require(try await node.consortium.anchor(of: hospital))
    let held = try HospitalView(
      genesis: genesis, hospital: hospital,
      store: test.storage.stateStore("cloud", chain: hospital),
      consortium: node.consortiumState
    ).size
    let log = MemoryChainLog()
    try await log.append(before, at: 0)
    let fork = try HospitalWriter(
      genesis: genesis, hospital: hospital, log: log, store: MemoryState(state),
      consortium: node.consortiumState, decider: node.decider,
      identity: test.identityKey(of: hospital))
    try await fork.open()
    try await fork.closeBlock()
    try await fork.follow(try await node.finalBlock())
    try await fork.closeBlock()
    #expect(await fork.size < anchor.size)
    let key = try LogKey(
      origin: genesis.origin(of: hospital),
      key: .init(rawRepresentation: test.secret("log", of: hospital)))
    let blocks = try #require(try await fork.closedBlocks(from: held, signedBy: key))
    let client = try test.client(as: hospital)
    let reply = try await client.ask(
      ConfirmLeaves(
        hospital: hospital, generation: 0, from: held, leaves: blocks.leaves,
        note: blocks.checkpoint.note.encoded), of: "cloud")
    #expect(reply.note.isEmpty)
    // It has taken them, and states nothing of them either.
    let tail = TailStatement(
      genesis: genesis.digest, hospital: hospital, generation: 0, size: await fork.size,
      root: try await fork.root())
    #expect(
      await ConsortiumError.code {
        _ = try await client.ask(
          RequestTail(statement: Signed(tail, by: try test.identityKey(of: hospital))),
          of: "cloud")
      } == "wrong-state")
  }

  // MARK: A lying cloud

  private typealias Lie = @Sendable (LeavesReply) -> LeavesReply

  /// What a cloud can say instead of the leaves that it has, and why it is not believed.
  private static func lies(
    older: String, foreign: String, leaves: [[UInt8]],
    forged: (note: String, bySelf: String, byCloud: String)
  ) -> [(name: String, code: String, lie: Lie)] {
    func noting(_ note: String) -> Lie {
      { LeavesReply(leaves: $0.leaves, note: note, held: $0.held) }
    }
    return [
      (
        "an older checkpoint", "ledger-diverged",
        { LeavesReply(leaves: [], note: older, held: $0.held) }
      ),
      ("nothing at all", "ledger-diverged", { LeavesReply(leaves: [], note: "", held: $0.held) }),
      ("no leaves", "invalid-proof", { LeavesReply(leaves: [], note: $0.note, held: $0.held) }),
      (
        "never the last leaf", "invalid-proof",
        { LeavesReply(leaves: $0.leaves.dropLast(), note: $0.note, held: $0.held) }
      ),
      (
        "other leaves", "inconsistent-log",
        { LeavesReply(leaves: $0.leaves.reversed(), note: $0.note, held: $0.held) }
      ),
      (
        "earlier leaves", "inconsistent-log",
        { LeavesReply(leaves: Array(leaves.prefix($0.leaves.count)), note: $0.note, held: $0.held) }
      ),
      (
        "a checkpoint of other leaves, signed by both", "inconsistent-log", noting(forged.note)
      ),
      ("one that the hospital did not sign", "invalid-proof", noting(forged.byCloud)),
      ("one that the cloud did not cosign", "invalid-proof", noting(forged.bySelf)),
      ("another hospital's", "invalid-proof", noting(foreign)),
    ]
  }

  @Test("[attack] a cloud that withholds or invents leaves is refused, and nothing is written")
  func lyingCloud() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    let backup = try await test.storage.backup(hospital)
    let older = try #require(await writer(consortium).view.confirmed?.note)
    _ = try await consortium.hold(test.plan())
    var plan = test.plan("encounter-2")
    plan.hospital = "hospital-2"
    _ = try await consortium.hold(plan)
    try await consortium.settle()
    let newest = try #require(await writer(consortium).view.confirmed)
    let foreign = try #require(
      await consortium.hospitals["hospital-2"]?.ledger.writer.view.confirmed?.note)
    let leaves = try await test.storage.chainLog(hospital).contents()
    var forged = MerkleTree()
    for leaf in 0..<newest.size { forged.append([UInt8(truncatingIfNeeded: leaf)]) }
    let lies = Self.lies(
      older: older, foreign: foreign, leaves: leaves,
      forged: try test.confirmed(forged, consortium))
    #expect(leaves.count > backup.chain.count)
    let notice = try test.entry(
      AccessNotice(visit: .zero, document: .zero), by: "manager", consortium)
    try await test.storage.restore(backup)
    for (name, code, lie) in lies {
      test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        guard transit.payload(FetchLeaves.self) != nil, transit.sender == "hospital-1" else {
          return reply
        }
        let honest = try ReplyMessage<LeavesReply>(encoded: reply).result.get()
        return ReplyMessage(.success(lie(honest))).encoded()
      }
      let confirmed = test.wire.requests(ConfirmLeaves.self).count
      #expect(await ConsortiumError.code { _ = try await test.open() } == code, "\(name)")
      // Whoever asks the hospital now is told the same.
      let client = try test.client(as: "manager")
      #expect(
        await ConsortiumError.code { _ = try await client.ask(SubmitEntry(notice), of: hospital) }
          == code, "\(name)")
      #expect(try await test.storage.chainLog(hospital).contents() == backup.chain, "\(name)")
      #expect(test.wire.requests(ConfirmLeaves.self).count == confirmed, "\(name)")
    }
    test.wire.intercept(nil)
    consortium = try await test.open()
    // What was confirmed, and then the first block of the next generation.
    #expect(try await test.storage.chainLog(hospital).contents().starts(with: leaves))
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil })
    #expect(report.chains[1].generation == 1)
  }

  @Test("[attack] a false confirmation is not believed")
  func falseConfirmation() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    let writer = try writer(consortium)
    let before = try #require(await writer.view.confirmed)
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    let confirmed = try #require(await writer.view.confirmed?.size)
    #expect(confirmed > before.size)
    // What comes in the place of a confirmation of this tree.
    typealias Lie = @Sendable (MerkleTree) throws -> String
    let lies: [(String, String, Lie)] = [
      ("nothing", "invalid-proof", { _ in "" }),
      ("an older one", "invalid-proof", { _ in before.note }),
      (
        "the hospital's own checkpoint alone", "invalid-proof",
        { try test.confirmed($0, consortium).bySelf }
      ),
      (
        "the cloud's cosignature alone", "invalid-proof",
        { try test.confirmed($0, consortium).byCloud }
      ),
      (
        "one of other leaves, signed by both", "ledger-diverged",
        { tree in
          let forged = MerkleTree(leaves: (0..<tree.size).map { [UInt8(truncatingIfNeeded: $0)] })
          return try test.confirmed(forged, consortium).note
        }
      ),
    ]
    for (name, code, lie) in lies {
      test.wire.intercept { [hospital] transit in
        guard let request = transit.payload(ConfirmLeaves.self), request.hospital == hospital
        else { return try await transit.deliver(transit.request) }
        let kept = try await test.storage.chainLog(hospital).contents().prefix(Int(request.from))
        return try transit.answer(
          ConfirmLeaves.self,
          ConfirmedReply(note: try lie(MerkleTree(leaves: kept + request.leaves))))
      }
      let completed = await ConsortiumError.code {
        try await consortium.complete(visit, at: hospital)
      }
      #expect(completed == "outcome-unknown", "\(name)")
      #expect(await ConsortiumError.code { try await consortium.settle() } == code, "\(name)")
      #expect(await writer.view.confirmed?.size == confirmed, "\(name)")
    }
    test.wire.intercept(nil)
    try await consortium.settle()
    #expect(try await consortium.collect(visit, plan).record != nil)
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }

  @Test(
    "[attack] a hospital has its cloud confirm more of a chain whose tail the cloud has stated",
    arguments: [true, false])
  func confirmedBehindTail(isStated: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    // The hospital keeps a block back that it has signed.
    let kept = Capture<ConfirmLeaves>()
    test.wire.intercept { [hospital] transit in
      guard let request = transit.payload(ConfirmLeaves.self), request.hospital == hospital
      else { return try await transit.deliver(transit.request) }
      kept.value = request
      throw ConsortiumError(.unreachable, "kept back")
    }
    try await consortium.diagnose(visit, plan, position: 1)
    test.wire.intercept(nil)
    let request = try #require(kept.value)
    let client = try test.client(as: hospital)
    let writer = try writer(consortium)
    let tail = TailStatement(
      genesis: consortium.genesis.digest, hospital: hospital, generation: 0, size: request.from,
      root: try #require(Digest32(try await writer.root(size: request.from))))
    if isStated {
      _ = try await client.ask(
        RequestTail(statement: Signed(tail, by: try test.identityKey(of: hospital))), of: "cloud")
    }
    let code = await ConsortiumError.code { _ = try await client.ask(request, of: "cloud") }
    #expect(code == (isStated ? "wrong-state" : nil))
    let held = try await consortium.cloud.confirmer.view(of: hospital).size
    #expect((held == request.from) == isStated)
  }

  // MARK: A fork that is anchored (A5)

  /// Hospital and cloud anchor another chain than the hospital's: these leaves, and a header.
  private func anchorFork(
    _ leaves: [[UInt8]], size: UInt64, _ test: TestConsortium, _ consortium: LocalConsortium
  ) async throws -> MerkleTree {
    var header = try #require(await writer(consortium).header)
    header.firstIndex = size - 1 - header.itemCount
    var tree = MerkleTree()
    for leaf in leaves { tree.append(leaf) }
    for index in UInt64(leaves.count)..<size - 1 { tree.append([UInt8(truncatingIfNeeded: index)]) }
    tree.append(Leaf.header(header).encoded())
    let anchor = Anchor(
      hospital: hospital, note: try test.confirmed(tree, consortium).note, header: header,
      inclusion: try tree.inclusionProof(index: size - 1, size: size).hashes, consistency: [])
    try await consortium.cloud.node.submit(
      try test.entry(anchor, by: hospital, chain: ChainName.consortium, consortium))
    try await consortium.settle()
    return tree
  }

  @Test("[attack] an anchored fork makes nothing final for whoever has the chain")
  func anchoredFork() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.completeVisit(consortium, plan)
    let writer = try writer(consortium)
    let completion = try #require(try await test.state(of: visit, consortium).record.completion)
    // No anchor of the hospital's own chain came before.
    #expect(try await consortium.cloud.node.consortium.anchor(of: hospital) == nil)
    _ = try await anchorFork([], size: writer.size + 10, test, consortium)
    let node = consortium.cloud.node
    let anchor = try #require(try await node.consortium.anchor(of: hospital))
    #expect(await anchor.index < node.consortium.final?.size ?? 0 && completion < anchor.size)

    #expect(try await !node.isFinal(completion, on: writer.view))
    let context = try await test.state(of: visit, consortium).context
    let client = try test.client(consortium, asPatientOf: context)
    for supernode in [hospital, "cloud"] {
      #expect(
        await ConsortiumError.code {
          _ = try await client.ask(test.completion(of: context), of: supernode)
        } == "not-final")
    }
    #expect(
      await ConsortiumError.code { _ = try await consortium.collect(visit, plan) } == "not-final")
    // An auditor says so too.
    let report = try await test.verify(consortium).chains[1]
    #expect(report.fault?.check == .anchors && report.finalLeaves == 0)
  }

  // MARK: Whose word the record digest is (A17)

  @Test("[attack] a completion that the last doctor or the cloud has not signed is not believed")
  func foreignCompletion() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.completeVisit(consortium, plan)
    let index = try #require(try await test.state(of: visit, consortium).record.completion)
    let leaf = try #require(try await writer(consortium).leaf(index))
    let honest = try #require(Leaf.entry(in: leaf))
    let context = try await test.state(of: visit, consortium).context
    let doctor = context.signers[0].doctor
    let completion = try Self.completion(honest)
    var other = completion
    other.recordDigest = .zero
    let receipt = StorageReceipt(
      genesis: consortium.genesis.digest, visit: visit, recordDigest: .zero)
    var stored = other
    stored.storageSignature = try test.identityKey(of: "cloud").sign(receipt)
    let place = "doctors/\(doctor)"
    var stolen = try test.entry(stored, by: doctor, place: hospital, consortium)
    stolen.signature = honest.signature
    let entries = [
      // The hospital says which record it is, in its own name or in the doctor's.
      try test.entry(stored, by: hospital, consortium),
      try test.entry(stored, by: doctor, place: hospital, consortium), stolen,
      // The doctor does, and the cloud has no such record.
      try test.entry(other, by: doctor, place: place, consortium),
      honest,
    ]
    let leaves = entries.map { Leaf.item($0).encoded() }
    let tree = try await anchorFork(leaves, size: 40, test, consortium)
    let view = await consortium.cloud.node.consortium
    let anchor = try #require(try view.anchor(of: hospital))
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    for (number, leaf) in leaves.enumerated() {
      let proof = LeafProof(
        leaf: leaf, index: UInt64(number),
        inclusion: try tree.inclusionProof(index: UInt64(number), size: tree.size).hashes)
      test.wire.intercept { transit in
        guard let asked = transit.payload(ProveVisit.self), asked.subject == .completion else {
          return try await transit.deliver(transit.request)
        }
        let forged = try view.proof(of: anchor.index, knownSize: asked.knownSize, hospital: proof)
        return try transit.answer(ProveVisit.self, try #require(forged))
      }
      let code = await ConsortiumError.code {
        _ = try await patient.client.completion(
          of: visit, at: hospital, for: VisitReader([try test.patient(of: context)]))
      }
      #expect(code == (number == leaves.count - 1 ? nil : "invalid-proof"), "\(number)")
    }
  }

  @inline(never)
  private static func completion(_ entry: Entry) throws -> VisitCompletion {
    guard case .visitCompletion(let completion) = entry.content.body else {
      throw ConsortiumError(.malformed, "no completion")
    }
    return completion
  }

  @Test("as many leaves as a list may have are heard")
  func manyLeaves() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let client = test.client(consortium, as: "hospital-1")
    for (count, code) in [(1 << 17, "unauthenticated"), (1 << 17 + 1, "invalid-field")] {
      let request = ConfirmLeaves(
        hospital: "hospital-1", generation: 0, from: 0,
        leaves: [[UInt8]](repeating: [0], count: count), note: "")
      #expect(
        await ConsortiumError.code { _ = try await client.ask(request, of: "cloud") } == code,
        "\(count)")
    }
  }
}
