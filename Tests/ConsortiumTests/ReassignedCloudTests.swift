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

@Suite("Hospitals whose chain a vote gives to another cloud")
struct ReassignedCloudTests {
  private static let hospital = TestConsortium.hospital

  private func writer(_ consortium: LocalConsortium) throws -> HospitalWriter {
    try #require(consortium.hospitals[Self.hospital]).ledger.writer
  }

  private func key(
    _ cloud: String, _ consortium: LocalConsortium
  ) async throws -> [UInt8]? {
    try await consortium.members().supernode(cloud)?.cosigners
      .first { $0.chain == Self.hospital }?.publicKey
  }

  /// A cloud that takes part in deciding blocks, and answers nothing about the hospital's chain.
  private func silence(_ cloud: String, _ test: TestConsortium) {
    test.wire.lose { $0.recipient == cloud && $0.isAboutChain }
  }

  /// That a doctor of another hospital reads the record of a visit.
  private func requireReadable(
    _ visit: Digest32, _ consortium: LocalConsortium, findings: Int
  ) async throws {
    let request = try await consortium.requestAccess(
      doctor: TestConsortium.reader, patient: TestConsortium.patient, purpose: "second opinion")
    let consent = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + 36_000)
    try await consortium.settle()
    #expect(
      try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
        .findings.count == findings)
  }

  /// What an auditor says of the hospital's chain.
  private func audited(
    _ consortium: LocalConsortium, _ test: TestConsortium
  ) async throws -> Verification.ChainReport {
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves })
    return try #require(report.chains.first { $0.name == Self.hospital })
  }

  // MARK: The change

  @Test("the new cloud takes chain and records; visits under way go on, and past ones open")
  func reassigned() async throws {
    let test = TestConsortium(teamSize: 2, epochLength: 12)
    var consortium = try await test.openWithTwoClouds()
    let past = try await consortium.hold(test.plan("encounter-0")).visit
    let elsewhere = try await consortium.hold(
      test.plan("encounter-9", hospital: "hospital-2")
    ).visit
    try await test.assign("cloud-2", consortium)
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    #expect(try await test.presentCloud(consortium) == "cloud")
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    #expect(try await test.presentCloud(consortium) == "cloud-2")

    // All of the chain is with the new cloud, and it has what was stored before.
    let cloud = try test.server("cloud-2", consortium)
    #expect(await cloud.missingRecords(of: Self.hospital).isEmpty)
    #expect(try await test.storage.recordStore("cloud-2").visits() == [past])
    #expect(
      try await cloud.confirmer.view(of: Self.hospital).size
        == consortium.hospitals[Self.hospital]?.ledger.writer.size)
    try await consortium.diagnose(visit, plan, position: 2)
    try await consortium.complete(visit, at: plan.hospital)
    #expect(try await consortium.collect(visit, plan).record?.findings.count == 2)
    #expect(try await test.storage.recordStore("cloud-2").record(ofVisit: visit) != nil)
    #expect(try await test.storage.recordStore("cloud").record(ofVisit: visit) == nil)
    // The former one is not needed any more, and by who knows of no change it is asked first.
    silence("cloud", test)
    #expect(
      try await consortium.collect(past, test.plan("encounter-0")).record?.findings.count == 2)
    try await requireReadable(past, consortium, findings: 2)
    try await requireReadable(visit, consortium, findings: 2)
    #expect(
      try await consortium.accessLog(patient: TestConsortium.patient, visit: past).records.count
        == 3)
    test.wire.intercept(nil)
    try await requireReadable(elsewhere, consortium, findings: 2)

    consortium = try await test.open()
    #expect(try await consortium.hold(test.plan("encounter-2")).record?.record != nil)
    try await consortium.settle()
    let chain = try await audited(consortium, test)
    #expect(chain.generation == 0 && chain.visits.acknowledged == 3)
    #expect(await consortium.cloud.node.contradictions.isEmpty)
  }

  @Test("the same cloud with another key confirms each block with the one of its base's epoch")
  func anotherKey() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    let former = try await key("cloud", consortium)
    try await test.assign("cloud", consortium)
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    // The last block before the change is sent only after it.
    test.wire.lose(ConfirmLeaves.self)
    try await consortium.diagnose(visit, plan, position: 1)
    try await test.passEpoch(consortium, mayFail: true)
    test.wire.intercept(nil)
    try await consortium.settle()
    #expect(try await key("cloud", consortium) != former)
    try await consortium.complete(visit, at: plan.hospital)
    #expect(try await consortium.collect(visit, plan).record != nil)
    consortium = try await test.open()
    #expect(try await consortium.hold(test.plan("encounter-2")).record?.record != nil)
    try await consortium.settle()
    let chain = try await audited(consortium, test)
    #expect(chain.generation == 0 && chain.visits.acknowledged == 3)
  }

  @Test("a chain that comes back to its first cloud, with another key")
  func thereAndBack() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    var visits: [Digest32] = []
    for (number, cloud) in ["cloud-2", "cloud"].enumerated() {
      visits.append(try await consortium.hold(test.plan("encounter-\(number)")).visit)
      try await test.assign(cloud, consortium)
      try await test.passEpoch(consortium, mayFail: true)
      try await consortium.settle()
    }
    #expect(try await test.presentCloud(consortium) == "cloud")
    silence("cloud-2", test)
    for (number, visit) in visits.enumerated() {
      let plan = test.plan("encounter-\(number)")
      #expect(try await consortium.collect(visit, plan).record != nil)
    }
    _ = try await consortium.hold(test.plan("encounter-2"))
    test.wire.intercept(nil)
    try await consortium.settle()
    #expect(try await audited(consortium, test).visits.acknowledged == 3)
  }

  @Test("what the former cloud confirms late, after the epoch has begun, it confirms")
  func lateConfirmation() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    try await test.assign("cloud-2", consortium)
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    test.wire.lose(ConfirmLeaves.self)
    let completed = await ConsortiumError.code {
      try await consortium.complete(visit, at: plan.hospital)
    }
    #expect(completed == "outcome-unknown")
    try await test.passEpoch(consortium, mayFail: true)
    test.wire.intercept(nil)
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    try await consortium.settle()
    // Answered with the former cloud's word, or the present one's.
    try await consortium.complete(visit, at: plan.hospital)
    #expect(try await consortium.collect(visit, plan).record != nil)
    #expect(try await test.storage.recordStore("cloud-2").record(ofVisit: visit) != nil)
    let chain = try await audited(consortium, test)
    #expect(chain.generation == 0 && chain.visits.acknowledged == 1)
  }

  // MARK: A former cloud that does not answer

  @Test("without the former cloud the chain goes on in a new generation; its records come later")
  func silentFormerCloud() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12, window: 7200)
    var consortium = try await test.openWithTwoClouds()
    let past = try await consortium.hold(test.plan("encounter-0")).visit
    try await consortium.settle()
    try await test.assign("cloud-2", consortium)
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    let other = test.plan("encounter-1b")
    let begun = try await test.beginVisit(consortium, other).context.visitID
    silence("cloud", test)
    // The record is with the former cloud, the completion confirmed by nobody.
    let completed = await ConsortiumError.code {
      try await consortium.complete(visit, at: plan.hospital)
    }
    #expect(completed == "outcome-unknown")
    try await test.passEpoch(consortium, mayFail: true)
    await test.rest(consortium)
    try await consortium.settle()
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    let generation = try await consortium.cloud.node.consortium.generation(of: Self.hospital)
    #expect(generation.generation == 1)

    try await consortium.diagnose(begun, other, position: 1)
    try await consortium.complete(begun, at: other.hospital)
    #expect(try await consortium.collect(begun, other).record != nil)
    // What is with the former one alone is said, and stops nothing else.
    let missing = await (try test.server("cloud-2", consortium)).missingRecords(of: Self.hospital)
    #expect(Set(missing) == [past, visit])
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.collect(past, test.plan("encounter-0"))
      } == "record-missing")
    consortium = try await test.open()
    test.wire.intercept(nil)
    // Who asks gets it at once; the rest comes by itself.
    #expect(try await consortium.collect(past, test.plan("encounter-0")).record != nil)
    await test.rest(consortium)
    try await consortium.settle()
    #expect(
      await (try test.server("cloud-2", consortium)).missingRecords(of: Self.hospital).isEmpty)
    #expect(try await test.storage.recordStore("cloud-2").visits().count == 3)
    #expect(try await consortium.collect(visit, plan).record != nil)
    try await consortium.settle()
    let chain = try await audited(consortium, test)
    #expect(chain.generation == 1 && chain.visits.acknowledged == 3)
    #expect(await consortium.cloud.node.contradictions.isEmpty)
  }

  @Test("what the former cloud confirmed is proven without it, by its cosignature and by anchors")
  func provenWithoutFormerCloud() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await test.assign("cloud-2", consortium)
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    // The new cloud cannot take anything from the former one, which confirms to the end.
    test.wire.lose { $0.recipient == "cloud" && $0.sender == "cloud-2" && $0.isAboutChain }
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    try await consortium.complete(visit, at: plan.hospital)
    #expect(try await consortium.collect(visit, plan).record != nil)
    try await consortium.settle()
    #expect(try await audited(consortium, test).generation == 0)
  }

  // MARK: Restarts

  /// What fails the first times it passes, after the other side has done it or before; all roles start
  /// again from their stores every time.
  enum Moment: String, CaseIterable {
    case leavesToNewCloud, confirmationOfNewCloud, leavesFromFormerCloud, record, tail, statedTail

    /// Whether nobody but the new cloud reaches the former one.
    var losesFormer: Bool { self == .tail || self == .statedTail }
  }

  /// Loses messages and answers of a moment, as long as some are left to be lost.
  private func disturb(_ moment: Moment, _ left: Capture<Int>, _ test: TestConsortium) {
    test.wire.intercept { transit in
      func fails(_ isMeant: Bool) -> Bool {
        guard isMeant else { return false }
        var fails = false
        left.change { left in
          left = (left ?? 0) - 1
          fails = left ?? 0 >= 0
        }
        return fails
      }
      let isToNew = transit.recipient == "cloud-2"
      if moment.losesFormer, transit.recipient == "cloud", transit.isAboutChain,
        transit.sender != "cloud-2"
      {
        throw ConsortiumError(.unreachable, "cloud does not answer \(transit.sender)")
      }
      let isLeaves = isToNew && transit.payload(ConfirmLeaves.self) != nil
      let isTail = transit.payload(RequestTail.self) != nil
      let isPull = transit.sender == "cloud-2" && transit.payload(FetchLeaves.self) != nil
      let isRecord = transit.payload(TakeOverRecord.self) != nil
      if fails(
        moment == .leavesToNewCloud && isLeaves || moment == .tail && isTail
          || moment == .leavesFromFormerCloud && isPull || moment == .record && isRecord)
      {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      let reply = try await transit.deliver(transit.request)
      if fails(
        moment == .confirmationOfNewCloud && isLeaves || moment == .statedTail && isTail)
      {
        throw ConsortiumError(.unreachable, "the answer is lost")
      }
      return reply
    }
  }

  @Test(
    "whatever stops amid the change, the roles go on from their stores",
    arguments: Moment.allCases)
  func restarts(at moment: Moment) async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12, window: 7200)
    var consortium = try await test.openWithTwoClouds()
    let past = try await consortium.hold(test.plan("encounter-0")).visit
    try await test.assign("cloud-2", consortium)
    consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    let losesFormer = moment.losesFormer
    let left = Capture<Int>()
    left.value = 3
    disturb(moment, left, test)
    try await consortium.diagnose(visit, plan, position: 1)
    for _ in 0..<40 {
      test.pass(seconds: 40)
      if losesFormer {
        await consortium.stop(hospital: Self.hospital)
        try await consortium.start(hospital: Self.hospital)
      } else {
        _ = await ConsortiumError.code { consortium = try await test.open() }
      }
      let isOver = try #require(left.value) <= 0
      if isOver, try await test.presentCloud(consortium) == "cloud-2" { break }
      // The hospital counts how long the former cloud is silent by one run.
      for _ in 0..<3 where losesFormer {
        test.pass(seconds: 40)
        _ = await ConsortiumError.code { try await consortium.settle() }
      }
    }
    #expect(try #require(left.value) <= 0, "\(moment)")
    await test.rest(consortium)
    try await consortium.settle()
    test.wire.intercept(nil)
    consortium = try await test.open()
    try await consortium.complete(visit, at: plan.hospital)
    #expect(try await consortium.collect(visit, plan).record != nil)
    await test.rest(consortium)
    try await consortium.settle()
    #expect(
      await (try test.server("cloud-2", consortium)).missingRecords(of: Self.hospital).isEmpty)
    #expect(try await consortium.collect(past, test.plan("encounter-0")).record != nil)
    let chain = try await audited(consortium, test)
    #expect(chain.generation == (losesFormer ? 1 : 0))
    #expect(chain.visits.acknowledged == 2)
    #expect(await consortium.cloud.node.contradictions.isEmpty)
  }

  @Test("a backup put back at the change takes back what the former cloud confirmed")
  func backupPutBack() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    var consortium = try await test.openWithTwoClouds()
    try await test.assign("cloud-2", consortium)
    let backup = try await test.storage.backup(Self.hospital)
    // The former cloud alone knows of this visit: nothing of it is anchored, nor with the new one.
    test.cutOffNewCloud()
    let visit = try await test.completeVisit(consortium, test.plan())
    await consortium.stop(hospital: Self.hospital)
    try await test.passEpoch(consortium, mayFail: true)
    try await test.storage.restore(backup)
    test.wire.intercept(nil)
    consortium = try await test.open()
    await test.rest(consortium)
    try await consortium.settle()
    #expect(try await test.state(of: visit, consortium).status == .complete)
    #expect(try await consortium.collect(visit, test.plan()).record != nil)
    try await consortium.settle()
    let chain = try await audited(consortium, test)
    #expect(chain.generation == 1 && chain.visits.acknowledged == 1)
  }

  // MARK: Attacks

  /// Blocks that the former cloud has not confirmed, and one on a base of the new epoch behind them, as a
  /// dishonest hospital makes it.
  private struct Unconfirmed {
    let held: UInt64
    let leaves: [[UInt8]]
    /// How many leaves there are up to the last block of the former epoch.
    let formerSize: UInt64
    let key: LogKey

    func request(upTo size: UInt64) throws -> ConfirmLeaves {
      try TestConsortium.confirmation(of: Array(leaves.prefix(Int(size))), from: held, key)
    }
  }

  private func unconfirmed(
    _ consortium: LocalConsortium, _ test: TestConsortium
  ) async throws -> Unconfirmed {
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.settle()
    test.wire.lose(ConfirmLeaves.self)
    try await consortium.diagnose(visit, plan, position: 1)
    await consortium.stop(hospital: Self.hospital)
    try await test.passEpoch(consortium, mayFail: true)
    test.wire.intercept(nil)
    try await consortium.settle()
    let (leaves, formerSize) = try await test.continued(consortium)
    return Unconfirmed(
      held: try await test.held("cloud-2", consortium), leaves: leaves, formerSize: formerSize,
      key: try test.logKey(consortium))
  }

  @Test("[attack] a hospital takes to its new cloud what the former one has not confirmed")
  func unconfirmedLeaves() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await test.assign("cloud-2", consortium)
    let made = try await unconfirmed(consortium, test)
    let size = UInt64(made.leaves.count)
    #expect(made.held > 0 && made.held < made.formerSize && made.formerSize < size)
    let client = test.client(consortium, as: Self.hospital)
    func confirming(_ size: UInt64, by cloud: String) async -> String? {
      await ConsortiumError.code { _ = try await client.ask(made.request(upTo: size), of: cloud) }
    }
    var codes = [await confirming(made.formerSize, by: "cloud-2")]
    // Behind a block of the new epoch they are not less unconfirmed.
    codes.append(await confirming(size, by: "cloud-2"))
    // The former cloud confirms what is based in its epochs, and nothing else.
    codes.append(await confirming(size, by: "cloud"))
    #expect(codes == ["not-final", "wrong-state", "wrong-state"])
    let cloud = try test.server("cloud-2", consortium)
    #expect(try await cloud.confirmer.view(of: Self.hospital).size == made.held)

    // A statement that cuts off or exchanges what the new cloud has, or by the former cloud.
    let genesis = consortium.genesis.digest
    let hospital = try test.identityKey(of: Self.hospital)
    let tree = MerkleTree(leaves: made.leaves)
    var forged = MerkleTree()
    for leaf in 0..<size { forged.append([UInt8(truncatingIfNeeded: leaf)]) }
    func stating(
      _ tree: MerkleTree, _ size: UInt64, _ consistency: [[UInt8]], by cloud: String
    ) async -> String? {
      await ConsortiumError.code {
        let root = try #require(Digest32(tree.root(size: size)))
        let tail = TailStatement(
          genesis: genesis, hospital: Self.hospital, generation: 0, size: size, root: root)
        _ = try await client.ask(
          RequestTail(statement: Signed(tail, by: hospital), consistency: consistency), of: cloud)
      }
    }
    let held = made.held
    let proof = try tree.consistencyProof(from: held, to: size).hashes
    codes = [
      await stating(tree, held - 1, [], by: "cloud-2"),
      await stating(forged, size, proof, by: "cloud-2"),
      await stating(tree, size, [], by: "cloud-2"), await stating(tree, size, proof, by: "cloud"),
      await stating(tree, size, proof, by: "cloud-2"),
    ]
    #expect(codes == Array(repeating: "wrong-state", count: 4) + [nil])
  }

  @Test("[attack] a hospital shows its new cloud another chain than the former one has confirmed")
  func twoChains() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await test.assign("cloud-2", consortium)
    let made = try await unconfirmed(consortium, test)
    let client = test.client(consortium, as: Self.hospital)
    _ = try await client.ask(made.request(upTo: made.formerSize), of: "cloud")

    // The same but for the last block of the former epoch, which nobody has anchored.
    let other = Unconfirmed(
      held: made.held,
      leaves: try await test.forked(Array(made.leaves.prefix(Int(made.held))), consortium),
      formerSize: made.held, key: made.key)
    let code = await ConsortiumError.code {
      _ = try await client.ask(other.request(upTo: UInt64(other.leaves.count)), of: "cloud-2")
    }
    #expect(code == "ledger-diverged")
    let cloud = try test.server("cloud-2", consortium)
    #expect(try await cloud.confirmer.view(of: Self.hospital).size == made.held)
    // It takes the one that was confirmed, by the former cloud alone.
    try await consortium.settle()
    let view = try await cloud.confirmer.view(of: Self.hospital)
    #expect(view.size == made.formerSize)
    #expect(try view.root(size: view.size) == MerkleTree(leaves: made.leaves).root(size: view.size))
  }

  /// A chain by the rules as good as what was confirmed, and as long: the last block on another base.
  private func fork(
    behind anchored: UInt64, upTo confirmed: UInt64, _ test: TestConsortium,
    _ consortium: LocalConsortium
  ) async throws -> [[UInt8]] {
    try await test.pass(seconds: 40, consortium)
    let genuine = try await test.storage.chainLog(Self.hospital).contents()
    let (fork, log) = try await test.writer(Array(genuine.prefix(Int(anchored))), consortium)
    let base = try await consortium.cloud.node.finalBlock()
    try await fork.follow(base)
    for leaf in genuine.dropFirst(Int(anchored)) {
      guard let entry = Leaf.entry(in: leaf), await fork.position + 1 < confirmed else { continue }
      if case .baseAdvance = entry.content.body { continue }
      _ = try await fork.submit(entry, base: base)
    }
    try await fork.closeBlock()
    let forked = try await log.leaves(from: 0, limit: .max, byteCount: .max)
    #expect(forked.count == Int(confirmed) && forked != Array(genuine.prefix(forked.count)))
    return forked
  }

  /// What a former cloud gives instead of the leaves that it has.
  private enum FalseLeaves: CaseIterable {
    case cutOff, swapped, repeated, forked, otherNote

    func change(_ leaves: inout LeavesReply, forked: [[UInt8]], foreign: String) {
      let count = leaves.leaves.count
      switch self {
      case .swapped where count > 2: leaves.leaves.swapAt(count - 3, count - 2)
      case .repeated where count > 1: leaves.leaves[count - 2] = leaves.leaves[0]
      case .forked: leaves.leaves = forked
      case .swapped, .repeated, .otherNote: leaves.note = foreign
      case .cutOff: leaves.leaves = leaves.leaves.dropLast(count > 0 ? 1 : 0)
      }
    }
  }

  @Test("[attack] a former cloud gives leaves that fork behind what is proven")
  func forkedLeaves() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    var consortium = try await test.openWithTwoClouds()
    _ = try await consortium.hold(test.plan("encounter-0"))
    _ = try await consortium.hold(test.plan("encounter-9", hospital: "hospital-2"))
    try await test.assign("cloud-2", consortium)
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    // Confirmed, and not anchored.
    test.wire.lose { $0.sender == Self.hospital && $0.payload(OfferEntry.self) != nil }
    try await consortium.diagnose(visit, plan, position: 1)
    await consortium.stop(hospital: Self.hospital)
    let anchored = try #require(
      try await consortium.cloud.node.consortium.anchor(of: Self.hospital)
    ).size
    let confirmed = try await test.held("cloud", consortium)
    #expect(anchored < confirmed)

    let forked = try await fork(behind: anchored, upTo: confirmed, test, consortium)
    let foreign = try #require(
      try await consortium.cloud.confirmer.view(of: "hospital-2").confirmed
    ).note
    let shown = Mutex(0)
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.sender == "cloud-2", transit.payload(FetchLeaves.self) != nil else {
        return reply
      }
      var leaves = try ReplyMessage<LeavesReply>(encoded: reply).result.get()
      let from = transit.payload(FetchLeaves.self)?.query.object.payload.from ?? 0
      let round = shown.withLock { round in
        round += 1
        return round
      }
      let lies = FalseLeaves.allCases
      lies[round % lies.count].change(
        &leaves, forked: Array(forked.dropFirst(Int(from))), foreign: foreign)
      return ReplyMessage(.success(leaves)).encoded()
    }
    try await test.passEpoch(consortium, mayFail: true)
    for _ in 0..<5 { _ = await ConsortiumError.code { try await consortium.settle() } }
    #expect(shown.withLock { $0 } >= 5)
    let view = try await test.server("cloud-2", consortium).confirmer.view(of: Self.hospital)
    #expect(view.size <= anchored)
    let genuine = try await consortium.cloud.confirmer.view(of: Self.hospital)
    #expect(try view.root(size: view.size) == genuine.root(size: view.size))

    // The hospital has all of it, with the former cloud's cosignature.
    consortium = try await test.open()
    try await consortium.complete(visit, at: plan.hospital)
    #expect(try await consortium.collect(visit, plan).record != nil)
    try await consortium.settle()
    #expect(try await audited(consortium, test).generation == 0)
  }

  @Test("[attack] a former cloud that returns wrong records is passed over")
  func wrongRecords() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    let past = try await consortium.hold(test.plan("encounter-0")).visit
    let other = try await consortium.hold(test.plan("encounter-1")).visit
    try await consortium.settle()
    let records = test.storage.recordStore("cloud")
    let genuine = try await records.rows(ofVisit: past)
    func part(_ visit: Digest32) async throws -> RecordPiece {
      let rows = try await records.rows(ofVisit: visit)
      let header = try Message<RecordHeader>(encoded: rows[0]).payload
      return RecordPiece(
        head: header.head,
        piece: try Piece(byteCount: header.byteCount, index: 0, bytes: rows[1]))
    }
    let (right, foreign) = (try await part(past), try await part(other))
    var otherHead = right
    swap(&otherHead.head.d, &otherHead.head.e)
    try await test.assign("cloud-2", consortium)
    let taken = test.storage.recordStore("cloud-2")
    let lies = [
      ReplyMessage(.success(Octets([1, 2, 3]))).encoded(),
      ReplyMessage(.success(foreign)).encoded(), ReplyMessage(.success(otherHead)).encoded(),
      ReplyMessage(.success(right.changed())).encoded(),
    ]
    let round = Mutex(0)
    test.wire.intercept { transit in
      if transit.recipient == "cloud", transit.payload(FetchOwnRecord.self) != nil {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(TakeOverRecord.self) != nil else { return reply }
      return round.withLock { round in
        round += 1
        return lies[round % lies.count]
      }
    }
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    for _ in lies {
      #expect(
        await ConsortiumError.code {
          _ = try await consortium.collect(past, test.plan("encounter-0"))
        } == "record-missing")
    }
    #expect(test.wire.requests(TakeOverRecord.self).count >= 2 * lies.count)
    // What it gave in the place of another is right for its own visit alone.
    #expect(try await taken.record(ofVisit: past) == nil)
    #expect(
      await (try test.server("cloud-2", consortium)).missingRecords(of: Self.hospital).contains(
        past))
    // It stops nothing that is not about these records.
    #expect(try await consortium.hold(test.plan("encounter-2")).record?.record != nil)
    test.wire.intercept(nil)
    #expect(try await consortium.collect(past, test.plan("encounter-0")).record != nil)
    #expect(try await taken.rows(ofVisit: past)[1...] == genuine[1...])
  }

  @Test("[attack] a former cloud goes on as if it had the chain, with the hospital's help")
  func formerCloudGoesOn() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await test.assign("cloud-2", consortium)
    // What the new cloud is told by the former one comes late.
    let reply = Capture<LeavesReply>()
    test.wire.intercept { transit in
      guard transit.sender == "cloud-2", transit.payload(FetchLeaves.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      guard let reply = reply.value else {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      return ReplyMessage(.success(reply)).encoded()
    }
    let cloud = try test.server("cloud-2", consortium)
    await consortium.stop(hospital: Self.hospital)
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    #expect(try await cloud.confirmer.view(of: Self.hospital).size == 0)

    let (leaves, formerSize) = try await test.continued(consortium)
    func shown(_ size: UInt64) throws -> LeavesReply {
      let part = Array(leaves.prefix(Int(size)))
      let note = try test.confirmed(MerkleTree(leaves: part), consortium).note
      return LeavesReply(leaves: part, note: note, held: size)
    }
    let anchored = try #require(
      try await consortium.cloud.node.consortium.anchor(of: Self.hospital)
    ).size
    reply.value = try shown(UInt64(leaves.count))
    try await consortium.settle()
    // The block on a base of the new epoch is not the former cloud's to confirm.
    #expect(try await cloud.confirmer.view(of: Self.hospital).size <= anchored)
    reply.value = try shown(formerSize)
    try await consortium.settle()
    #expect(try await cloud.confirmer.view(of: Self.hospital).size == formerSize)
  }

  @Test("[attack] nobody but the cloud that the members give the hospital is given its records")
  func strangersAsk() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    let visit = try await consortium.hold(test.plan("encounter-0")).visit
    try await consortium.settle()
    let digest = try #require(try await test.state(of: visit, consortium).record.recordDigest)
    let genesis = consortium.genesis.digest
    let client = test.client(consortium, as: "cloud-2")
    func asking(
      _ owner: String, as cloud: String, signedBy place: String, hospital: String = Self.hospital,
      genesis other: Digest32? = nil, digest named: Digest32? = nil
    ) async -> String? {
      await ConsortiumError.code {
        var terms = test.terms(cloud, to: owner)
        terms.genesis = other ?? genesis
        let query = RecordTakeover(
          terms, hospital: hospital, visit: visit, recordDigest: named ?? digest)
        _ = try await client.ask(
          TakeOverRecord(
            query: Signed(Message(query), by: try test.identityKey(of: place)), index: 0),
          of: owner)
      }
    }
    // It may be the next one, and is not yet.
    try await test.assign("cloud-2", consortium)
    #expect(await asking("cloud", as: "cloud-2", signedBy: "cloud-2") == "not-entitled")
    #expect(await asking("cloud", as: "manager", signedBy: "manager") == "unauthenticated")
    #expect(
      await asking("cloud", as: Self.hospital, signedBy: Self.hospital) == "unauthenticated")
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    #expect(await asking("cloud", as: "cloud-2", signedBy: "cloud-2") == nil)
    #expect(await asking("cloud", as: "cloud-2", signedBy: "hospital-2") == "unauthenticated")
    #expect(
      await asking("cloud", as: "cloud-2", signedBy: "cloud-2", genesis: .zero)
        == "unauthenticated")
    #expect(
      await asking("cloud", as: "cloud-2", signedBy: "cloud-2", digest: .zero) == "record-missing")
    // The cloud of another hospital, as that, for that one's and for this one's.
    #expect(await asking("cloud-2", as: "cloud", signedBy: "cloud") == "not-entitled")
    #expect(
      await asking("cloud", as: "cloud", signedBy: "cloud", hospital: "hospital-2")
        == "unknown-visit")
    // Nor its leaves.
    func leaves(_ owner: String, signedBy place: String) async -> String? {
      await ConsortiumError.code {
        let query = LeavesQuery(
          test.terms(place, to: owner), hospital: Self.hospital, from: 0)
        _ = try await client.ask(
          FetchLeaves(query: Signed(Message(query), by: try test.identityKey(of: place))),
          of: owner)
      }
    }
    #expect(await leaves("cloud-2", signedBy: "cloud") == "unauthenticated")
    #expect(await leaves("cloud", signedBy: "hospital-2") == "unauthenticated")
    #expect(await leaves("cloud", signedBy: "cloud-2") == nil)
  }
}
