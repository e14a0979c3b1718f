import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

@Suite("What was submitted, and how it stands")
struct SubmissionTests {
  private let hospital = "hospital-1"
  private let hour: UInt64 = 3600

  private func patient(_ consortium: LocalConsortium) async throws -> Patient {
    try #require(await consortium.patients[TestConsortium.patient])
  }

  /// Answers of supernodes to who asks whether an entry is final.
  private func answerProofs(
    _ test: TestConsortium, _ answer: @escaping @Sendable (Prove) throws -> FinalityProof?
  ) {
    test.wire.intercept { transit in
      guard let asked = transit.payload(Prove.self), case .entry = asked.subject else {
        return try await transit.deliver(transit.request)
      }
      guard let proof = try answer(asked) else {
        throw ConsortiumError(.notFinal, "unknown")
      }
      return try transit.answer(Prove.self, proof)
    }
  }

  // MARK: The honest way

  @Test(
    "all that patient and doctors submit ends final, with the proof, and is kept as a short row")
  func honest() async throws {
    let test = TestConsortium(teamSize: 2)
    var consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    var patient = try await patient(consortium)
    #expect(try await patient.submissions().map(\.standing) == [.written])
    let consent = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: visit,
      expiresAt: TestConsortium.start + hour)
    #expect(try await patient.standing(ofConsent: consent)?.isConfirmed == true)
    try await consortium.settle()
    #expect(try await patient.revoke(consent).isConfirmed)
    #expect(try await patient.submissions().last?.standing.isFinal == false)
    try await consortium.settle()

    // Nobody is asked for what nobody has shown; followed up, it is proven, after a restart too.
    for isRestarted in [false, true] {
      if isRestarted { consortium = try await test.open() }
      patient = try await self.patient(consortium)
      var all = try await patient.followUp()
      #expect(all.map(\.kind) == [.receipt, .consent, .revocation])
      for doctor in await consortium.doctors.values.sorted(by: { $0.id < $1.id }) {
        all += try await doctor.followUp()
      }
      let byDoctors = all.dropFirst(3).map(\.kind)
      #expect(byDoctors.filter { $0 == .signature }.count == 2)
      #expect(byDoctors.filter { $0 == .completion }.count == 1)
      let view = try #require(consortium.hospitals[hospital]).ledger.writer
      for submission in all {
        let index = try #require(try await view.view.index(of: submission.entry))
        #expect(submission.standing == .final(index: index), "\(submission.kind)")
        #expect(submission.visit == visit && submission.demand == nil)
        #expect(submission.swallowedBy == nil && !submission.isContradicted)
      }
    }
    let store = test.storage.roleStore("patients/\(TestConsortium.patient)")
    #expect(try store.keys(withPrefix: "submission/").isEmpty)
    for key in try store.keys(withPrefix: "submitted/") {
      let row = try #require(try store.value(forKey: key))
      #expect(row.count < 256)
    }
    #expect(test.wire.requests(RelayDemand.self).isEmpty)
  }

  @Test("two at once follow up: nothing is signed twice, and nothing is lost")
  func twoAtOnce() async throws {
    let stage = try await ActStage(.revocation)
    try stage.answer { _ in .written }
    #expect(await stage.perform() == "outcome-unknown")
    stage.test.wire.intercept(nil)
    let patient = try await patient(stage.consortium)
    for _ in 0..<2 {
      async let first = patient.followUp(demandingAfter: 0)
      async let second = patient.followUp(demandingAfter: 0)
      let (one, other) = try await (first, second)
      #expect(one.map(\.entry) == other.map(\.entry))
      try await stage.consortium.settle()
    }
    let last = try #require(try await stage.followUp())
    #expect(last.standing.isFinal)
    #expect(try await stage.count(last.entry) == 1)
    let sent = stage.test.wire.requests(SubmitEntry.self).map(\.entry).filter {
      $0.content.body.kind == .revocation
    }
    #expect(Set(sent.map(\.digest)) == [last.entry])
  }

  @Test("what is settled takes a bounded room, and what is not is never given up")
  func boundedRoom() throws {
    let store = MemoryRoleStore()
    let rows = SubmissionRows(store: store)
    let key = try IdentityKey(seed: [UInt8](repeating: 7, count: 32))
    func entry(_ number: UInt64) -> Entry {
      let visit = Digest32(sha256: Array("\(number)".utf8))
      return Entry(
        EntryContent(
          genesis: .zero, chain: hospital, signer: .patient(visit: visit),
          body: VisitReceipt(visit: visit, recordDigest: .zero, verdict: .acknowledged)),
        signedBy: key)
    }
    let count = SubmissionRows.settledLimit + 40
    for number in 0..<count { try rows.keep(entry(number), at: 1) }
    #expect(try rows.open().count == Int(count))
    for number in 1..<count {
      try rows.change(entry(number).digest) {
        $0.note(.final(index: number), answer: [], at: 2)
      }
    }
    let settled = try rows.settled()
    #expect(settled.count == Int(SubmissionRows.settledLimit))
    #expect(settled.last?.standing == .final(index: count - 1))
    #expect(try rows.open().map(\.entry) == [entry(0)])
  }

  @Test("[attack] a hospital refuses one entry and takes it, by turns: nothing else is pushed out")
  func refusedByTurns() throws {
    let store = MemoryRoleStore()
    let rows = SubmissionRows(store: store)
    let key = try IdentityKey(seed: [UInt8](repeating: 7, count: 32))
    func entry(_ number: UInt64) -> Entry {
      let visit = Digest32(sha256: Array("\(number)".utf8))
      return Entry(
        EntryContent(
          genesis: .zero, chain: hospital, signer: .patient(visit: visit),
          body: VisitReceipt(visit: visit, recordDigest: .zero, verdict: .acknowledged)),
        signedBy: key)
    }
    func note(_ number: UInt64, _ standing: SubmissionStanding) throws {
      try rows.change(entry(number).digest) { $0.note(standing, answer: [], at: 2) }
    }
    let limit = SubmissionRows.settledLimit
    for number in 0..<2 * limit { try rows.keep(entry(number), at: 1) }
    try note(0, .final(index: 0))
    // As often as there are places.
    for _ in 0..<limit {
      try note(1, .refused(code: "late", position: 1))
      try note(1, .written)
    }
    try note(1, .refused(code: "late", position: 1))
    #expect(try rows.settled().map(\.digest) == [entry(0).digest, entry(1).digest])
    for number in 2..<limit { try note(number, .final(index: number)) }
    #expect(try rows.settled().count == Int(limit))
    // It goes when its turn has come, and not before.
    try note(limit, .final(index: limit))
    #expect(try rows.row(entry(0).digest) == nil)
    #expect(try rows.row(entry(1).digest)?.standing == .refused(code: "late", position: 1))
    try note(limit + 1, .final(index: limit + 1))
    #expect(try rows.row(entry(1).digest) == nil)
    #expect(try rows.settled().count == Int(limit))
    // One that is under way when its place goes has another afterwards.
    try note(2, .final(index: 2))
    try note(limit + 2, .refused(code: "late", position: 1))
    try note(limit + 2, .written)
    for number in limit + 3..<2 * limit { try note(number, .final(index: number)) }
    for number in 2 * limit..<2 * limit + 8 {
      try rows.keep(entry(number), at: 1)
      try note(number, .final(index: number))
    }
    try note(limit + 2, .refused(code: "late", position: 1))
    #expect(try rows.row(entry(limit + 2).digest)?.isSettled == true)
    #expect(try rows.settled().count == Int(limit))
    #expect(try store.keys(withPrefix: "submitted-place/").count == Int(limit))
  }

  // MARK: Who says more than holds, or swallows

  @Test(
    "[attack] a hospital says written and drops it: it is found out, and demanded",
    arguments: [SubmittedAct.partialSignature, .receipt, .revocation])
  func dropped(act: SubmittedAct) async throws {
    let stage = try await ActStage(act)
    let (test, consortium) = (stage.test, stage.consortium)
    try stage.answer { _ in .written }
    #expect(await stage.perform() == (act == .revocation ? "outcome-unknown" : nil))
    let patience: UInt64 = 300
    let early = try #require(try await stage.followUp(demandingAfter: patience))
    #expect(early.standing == .written && early.swallowedBy == nil)
    #expect(try await stage.count(early.entry) == 0 && stage.demands == 0)
    test.pass(seconds: patience)
    let late = try #require(try await stage.followUp(demandingAfter: patience))
    // It has been asked for; nothing is said to be demanded before that is final.
    #expect(late.standing == .written && late.demand == nil)
    let demands = test.wire.requests(RelayDemand.self).map(\.entry)
    #expect(demands.map(\.digest) == [late.entry], "\(demands.map(\.content.body.kind))")
    #expect(late.swallowedBy == nil)
    try await consortium.settle()
    let last = try #require(try await stage.followUp(demandingAfter: patience))
    let entry = last.entry
    #expect(entry == early.entry && last.swallowedBy == hospital)
    let demand = try #require(last.demand)
    let leaf = try #require(try await consortium.cloud.node.consortium.leaf(demand))
    guard case .demand(let demanded)? = Leaf.entry(in: leaf)?.content.body else {
      Issue.record("there is no demand at \(demand)")
      return
    }
    #expect(demanded.entry.digest == entry)
    // The hospital still answers nobody, and has had to take it.
    let writer = try #require(consortium.hospitals[hospital]).ledger.writer
    let index = try #require(try await writer.view.index(of: entry))
    #expect(last.standing == .final(index: index))
    #expect(try await stage.count(entry) == 1)
  }

  @Test(
    "[attack] a hospital refuses what the rules take: its signature is kept, the entry demanded")
  func falseRefusal() async throws {
    let stage = try await ActStage(.receipt)
    let consortium = stage.consortium
    try stage.answer { _ in .refused(code: "late", position: 3) }
    #expect(await stage.perform() == "late")
    let patient = try await patient(consortium)
    let refused = try #require(try await patient.submissions().last)
    #expect(refused.standing == .refused(code: "late", position: 3))
    let stored = try store(stage).value(forKey: "submitted/\(refused.entry)")
    let row = try #require(stored)
    let signed = try #require(stage.test.wire.passages.last { $0.recipient == hospital }?.answer)
    let answer = try ReplyMessage<Signed<SubmissionAnswer>>(encoded: signed).result.get()
    #expect(row.firstRange(of: answer.signature) != nil)
    func demand() async -> String? {
      await ConsortiumError.code { try await patient.demand(submission: refused.entry) }
    }
    // Nobody demands what was refused but whoever is told to.
    stage.test.pass(seconds: 2 * hour)
    _ = try await patient.followUp()
    #expect(stage.demands == 0)
    #expect(await demand() == "not-final")
    #expect(try await patient.submissions().last?.standing == refused.standing)
    try await consortium.settle()
    let standing = try await patient.demand(submission: refused.entry)
    let last = try #require(try await patient.followUp().last)
    let place = try #require(last.demand)
    #expect(standing == .demanded(index: place))
    #expect(last.standing.isFinal && last.entry == refused.entry)
    #expect(try await stage.count(last.entry) == 1)
    #expect(await demand() == "wrong-state")
  }

  private func store(_ stage: ActStage) -> MemoryRoleStore {
    stage.test.storage.roleStore("patients/\(TestConsortium.patient)")
  }

  @Test("[attack] a hospital that never moves again: the demand stands, and that is what is said")
  func neverMoves() async throws {
    let stage = try await ActStage(.revocation)
    let (test, consortium) = (stage.test, stage.consortium)
    test.wire.intercept { transit in
      if transit.recipient == "hospital-1" { throw ConsortiumError(.unreachable, "silent") }
      return try await transit.deliver(transit.request)
    }
    #expect(await stage.perform() == "unreachable")
    let patient = try await patient(consortium)
    for _ in 0..<2 {
      _ = try await patient.followUp(demandingAfter: 0)
      try await test.settleOthers(consortium)
    }
    let submission = try #require(try await patient.followUp(demandingAfter: 0).last)
    let demand = try #require(submission.demand)
    #expect(submission.standing == .demanded(index: demand))
    #expect(submission.swallowedBy == hospital)
    #expect(try await stage.count(submission.entry) == 0)
    // The hospital's word does not make less of it.
    try stage.answer { _ in .written }
    #expect(await stage.perform() == "outcome-unknown")
    #expect(try await patient.submissions().last == submission)
  }

  @Test("[attack] something is demanded of a hospital that has written nothing yet: it answers")
  func demandedFirst() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let writer = try #require(consortium.hospitals["hospital-2"]).ledger.writer
    #expect(await writer.position == 0)
    let notice = try test.entry(
      AccessNotice(visit: Digest32(sha256: [1]), document: .zero), by: "manager",
      chain: "hospital-2", consortium)
    let demand = try test.entry(
      Demand(entry: notice, completion: nil), by: "hospital-1", chain: ChainName.consortium,
      consortium)
    _ = try await consortium.cloud.node.submit(demand)
    try await test.pass(seconds: 120, consortium)
    #expect(await writer.view.answered == 1)
    // And is anchored as before, and treats patients.
    _ = try await consortium.hold(test.plan(hospital: "hospital-2"))
    try await consortium.settle()
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }

  @Test("[attack] a hospital alone makes nothing confirmed")
  func hospitalAlone() async throws {
    let stage = try await ActStage(.revocation)
    let consortium = stage.consortium
    let view = try #require(consortium.hospitals[hospital]).ledger.writer
    let confirmed = try #require(await view.view.confirmed)
    let inclusion = try await view.view.inclusion(of: 0, size: confirmed.size)
    let other = SubmissionAnswer.Confirmation(
      index: 0, note: confirmed.note, inclusion: inclusion)
    let test = stage.test
    // The tree with the entry, under the hospital's own signature, once or twice.
    let bySelf: @Sendable (Entry) -> SubmissionAnswer.Outcome = { entry in
      let tree = MerkleTree(leaves: [Leaf.item(entry).encoded()])
      let note = (try? test.confirmed(tree, consortium).bySelf) ?? ""
      return .confirmed(.init(index: 0, note: note, inclusion: []))
    }
    let byOther: @Sendable (Entry) -> SubmissionAnswer.Outcome = { _ in .confirmed(other) }
    for lie in [byOther, bySelf] {
      try stage.answer(lie)
      #expect(await stage.perform() == "invalid-proof")
      #expect(try await stage.followUp()?.standing == .sent)
    }
    stage.test.wire.intercept(nil)
    #expect(await stage.perform() == nil)
    #expect(try await stage.followUp()?.standing.isConfirmed == true)
  }

  @Test("signatures that the hospital lost come back in their order: the last one stands")
  func supersededSignature() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    var plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let signer = context.signers[0].doctor
    let key = try test.identityKey(of: hospital)
    test.wire.intercept { transit in
      guard let submit = transit.payload(SubmitEntry.self) else {
        return try await transit.deliver(transit.request)
      }
      let answer = SubmissionAnswer(
        genesis: consortium.genesis.digest, chain: "hospital-1", generation: 0,
        entry: submit.entry.digest, outcome: .written)
      return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
    }
    for content in [plan.findings[0], [7, 7, 7]] {
      plan.findings[0] = content
      try await consortium.diagnose(context.visitID, plan, position: 1)
    }
    #expect(try await test.state(of: context.visitID, consortium).attempts == [0])
    test.wire.intercept(nil)
    for _ in 0..<2 {
      _ = try await consortium.followUp(doctor: signer, demandingAfter: 0)
      #expect(try await test.state(of: context.visitID, consortium).attempts == [2])
    }
    try await consortium.complete(context.visitID, at: hospital)
    let record = try await consortium.collect(context.visitID, plan)
    #expect(record.record?.findings.map(\.content) == plan.findings)
    for _ in 0..<2 { _ = try await consortium.followUp(doctor: signer, demandingAfter: 0) }
    let doctor = try #require(await consortium.doctors[signer])
    let left = try await doctor.submissions()
    #expect(left.map(\.kind) == [.signature, .signature, .completion])
    #expect(left.filter { !$0.standing.isFinal }.isEmpty)
  }

  private typealias Forgery = (name: String, make: @Sendable (FinalityProof) -> FinalityProof?)

  /// Proofs that a leaf of the hospital is final, which hospital and cloud can make in conspiracy.
  private static func forgeries(
    of honest: FinalityProof, leaf: [UInt8], other: FinalityProof, in view: ConsortiumView,
    _ test: TestConsortium, _ consortium: LocalConsortium
  ) throws -> [Forgery] {
    let hospital = "hospital-1"
    // Under an anchor of another tree, and one that nobody has accepted.
    let tree = MerkleTree(leaves: [leaf])
    let forged = LeafProof(leaf: leaf, index: 0, inclusion: [])
    let anchor = try #require(try view.anchor(of: hospital))
    let note = try test.confirmed(tree, consortium).note
    var unaccepted = honest
    unaccepted.hospital = forged
    if var item = Leaf.entry(in: honest.consortium.leaf), case .anchor(var body) = item.content.body
    {
      body.note = note
      item.content.body = .anchor(body)
      unaccepted.consortium.leaf = Leaf.item(item).encoded()
    }
    let byNobody = unaccepted
    // The same under a consortium checkpoint of the two of them.
    let two = MerkleTree(leaves: [unaccepted.consortium.leaf, [2, 0]])
    let cosigned = try test.cosigned(
      two, chain: ChainName.consortium, by: [hospital, "cloud"], consortium)
    let byTwo = FinalityProof(
      epoch: 0, note: try #require(CosignedCheckpoint.merged(cosigned)).note.encoded,
      consistency: [],
      consortium: LeafProof(
        leaf: unaccepted.consortium.leaf, index: 0,
        inclusion: try two.inclusionProof(index: 0, size: two.size).hashes), hospital: forged)
    var (otherIndex, unanchored) = (honest, honest)
    otherIndex.hospital?.index += 1
    unanchored.hospital = nil
    let (moved, alone) = (otherIndex, unanchored)
    return [
      ("another entry", { _ in other }), ("another index", { _ in moved }),
      (
        "another anchor", { _ in try? view.proof(of: anchor.index, knownSize: 0, hospital: forged) }
      ),
      ("no accepted anchor", { _ in byNobody }), ("two of four", { _ in byTwo }),
      ("no anchor at all", { _ in alone }),
    ]
  }

  @Test("[attack] hospital and cloud together make nothing final, nor another entry's proof")
  func forgedFinality() async throws {
    let stage = try await ActStage(.revocation)
    let (test, consortium) = (stage.test, stage.consortium)
    #expect(await stage.perform() == nil)
    try await consortium.settle()
    let patient = try await patient(consortium)
    let submission = try #require(try await patient.submissions().last)
    guard case .confirmed(let index) = submission.standing else {
      Issue.record("\(submission.standing)")
      return
    }
    let view = await consortium.cloud.node.consortium
    let chain = try #require(consortium.hospitals[hospital]).ledger.writer
    let leaf = try #require(try await chain.leaf(index))
    let entry = try #require(Leaf.entry(in: leaf))
    let receipt = try #require(try await patient.submissions().first { $0.kind == .receipt })
    let client = test.client(consortium, as: TestConsortium.patient)
    func proof(of entry: Digest32) async throws -> FinalityProof {
      try await client.ask(Prove(.entry(entry, hospital: hospital), knownSize: 0), of: "cloud")
    }
    let honest = try await proof(of: entry.digest)
    let other = try await proof(of: receipt.entry)
    let forgeries = try Self.forgeries(
      of: honest, leaf: leaf, other: other, in: view, test, consortium)
    for (name, make) in forgeries {
      answerProofs(test) { asked in
        guard var proof = make(honest) else { return nil }
        if asked.knownSize > 0, name != "two of four" {
          proof.consistency =
            try view.proof(of: 0, knownSize: asked.knownSize)?.consistency ?? []
        }
        return proof
      }
      #expect(try await patient.followUp().last?.standing == submission.standing, "\(name)")
    }
    // The same way with the honest proof.
    answerProofs(test) {
      try view.proof(
        of: honest.consortium.index, knownSize: $0.knownSize, hospital: honest.hospital)
    }
    #expect(try await patient.followUp().last?.standing == .final(index: index))
  }

  @Test("[attack] what was shown is not taken back by what is said later")
  func goesBack() async throws {
    let stage = try await ActStage(.revocation)
    let (test, consortium) = (stage.test, stage.consortium)
    let patient = try await patient(consortium)
    #expect(await stage.perform() == nil)
    let confirmed = try #require(try await patient.submissions().last)
    #expect(confirmed.standing.isConfirmed && !confirmed.standing.isFinal)
    // The hospital signs less than its cloud has signed: nothing changes, and its word is kept.
    let later: [SubmissionAnswer.Outcome] = [.written, .refused(code: "late", position: 1000)]
    for outcome in later {
      try stage.answer { _ in outcome }
      #expect(await stage.perform() == nil)
      let submission = try #require(try await patient.followUp().last)
      #expect(submission.standing == confirmed.standing && submission.isContradicted)
    }
    test.wire.intercept(nil)
    try await consortium.settle()
    let final = try #require(try await patient.followUp().last)
    #expect(final.standing.isFinal)
    for outcome in later {
      try stage.answer { _ in outcome }
      #expect(await stage.perform() == nil)
      #expect(try await patient.followUp().last == final)
    }
    answerProofs(test) { _ in nil }
    #expect(try await patient.followUp(demandingAfter: 0).last == final)
    #expect(stage.demands == 0)
  }

  @Test(
    "[attack] a courier swallows everything for a day, restarts in between: one entry, no blame")
  func swallowedForADay() async throws {
    let stage = try await ActStage(.revocation)
    let test = stage.test
    let lost: Wire.Interception = { transit in
      if transit.sender == "patient" { throw ConsortiumError(.unreachable, "swallowed") }
      return try await transit.deliver(transit.request)
    }
    test.wire.intercept(lost)
    #expect(await stage.perform() == "unreachable")
    var entries: Set<Digest32> = []
    var consortium = stage.consortium
    for _ in 0..<4 {
      test.pass(seconds: 6 * hour)
      consortium = try await test.open()
      try await consortium.settle()
      let submission = try #require(
        try await consortium.followUp(patient: TestConsortium.patient).last)
      #expect(submission.standing == .sent && submission.swallowedBy == nil)
      entries.insert(submission.entry)
    }
    // It comes through: taken before it is demanded, and nobody is blamed for the day.
    test.wire.intercept(nil)
    _ = try await consortium.followUp(patient: TestConsortium.patient)
    try await consortium.settle()
    let last = try #require(
      try await consortium.followUp(patient: TestConsortium.patient).last)
    #expect(entries == [last.entry] && last.standing.isFinal)
    #expect(last.demand == nil && last.swallowedBy == nil && stage.demands == 0)
    #expect(try await stage.count(last.entry) == 1)
  }

  @Test("[attack] a cloud that names a false place of a demand is asked again")
  func falsePlace() async throws {
    let stage = try await ActStage(.revocation)
    let (test, consortium) = (stage.test, stage.consortium)
    try stage.answer { _ in .written }
    #expect(await stage.perform() == "outcome-unknown")
    let patient = try await patient(consortium)
    let written = try #require(try await patient.submissions().last)
    test.wire.intercept { transit in
      if transit.payload(SubmitEntry.self) != nil {
        throw ConsortiumError(.unreachable, "swallowed")
      }
      if transit.payload(RelayDemand.self) != nil {
        return try transit.answer(RelayDemand.self, DemandPlace(index: 0))
      }
      return try await transit.deliver(transit.request)
    }
    let lied = try #require(try await patient.followUp(demandingAfter: 0).last)
    #expect(lied.standing == written.standing && lied.demand == nil)
    test.wire.lose(SubmitEntry.self)
    _ = try await patient.followUp(demandingAfter: 0)
    try await consortium.settle()
    let last = try #require(try await patient.followUp(demandingAfter: 0).last)
    #expect(last.demand != nil && last.swallowedBy == hospital && last.standing.isFinal)
  }

  @Test("[attack] who does not have an entry reads no hospital's chain by asking for proofs")
  func strangersProofs() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    try await consortium.settle()
    let client = test.client(consortium, as: TestConsortium.reader)
    let leaves = try await test.storage.chainLog(hospital).contents()
    var asked = [visit, .zero, consortium.genesis.digest]
    for (index, leaf) in leaves.enumerated() {
      asked += [Digest32(sha256: leaf), Digest32(sha256: Array("\(index)".utf8))]
      asked += Digest32(MerkleHash.leaf(leaf)).map { [$0] } ?? []
    }
    for supernode in [hospital, "cloud"] {
      for digest in asked {
        #expect(
          await ConsortiumError.code {
            _ = try await client.ask(
              Prove(.entry(digest, hospital: hospital), knownSize: 0), of: supernode)
          } == "not-final")
      }
      let entry = try #require(leaves.compactMap { Leaf.entry(in: $0) }.first)
      let proof = try await client.ask(
        Prove(.entry(entry.digest, hospital: hospital), knownSize: 0), of: supernode)
      #expect(proof.hospital != nil)
    }
  }
}

extension SubmittedAct {
  /// What its entry is kept as.
  fileprivate var submission: Submission.Kind {
    switch self {
    case .partialSignature: .signature
    case .receipt: .receipt
    case .consent: .consent
    case .revocation: .revocation
    }
  }
}

extension ActStage {
  /// Follows everything up, and says how the act's entry stands.
  fileprivate func followUp(demandingAfter patience: UInt64? = nil) async throws -> Submission? {
    var all = try await consortium.followUp(
      patient: TestConsortium.patient, demandingAfter: patience)
    for doctor in await consortium.doctors.keys.sorted() {
      all += try await consortium.followUp(doctor: doctor, demandingAfter: patience)
    }
    return all.last { $0.kind == act.submission }
  }

  /// Lets the hospital answer this to all that is submitted, and take nothing.
  fileprivate func answer(
    _ outcome: @escaping @Sendable (Entry) -> SubmissionAnswer.Outcome
  ) throws {
    let key = try test.identityKey(of: "hospital-1")
    let genesis = consortium.genesis.digest
    test.wire.intercept { transit in
      guard let submit = transit.payload(SubmitEntry.self) else {
        return try await transit.deliver(transit.request)
      }
      let answer = SubmissionAnswer(
        genesis: genesis, chain: "hospital-1", generation: 0, entry: submit.entry.digest,
        outcome: outcome(submit.entry))
      return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
    }
  }

  /// How often an entry stands on the hospital's chain.
  fileprivate func count(_ entry: Digest32) async throws -> Int {
    try await test.storage.chainLog("hospital-1").contents()
      .compactMap { Leaf.entry(in: $0) }.count { $0.digest == entry }
  }

  fileprivate var demands: Int { test.wire.requests(RelayDemand.self).count }
}
