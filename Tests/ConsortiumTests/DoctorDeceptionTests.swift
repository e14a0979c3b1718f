import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What a courier loses, and what a hospital shows that is not so, costs a doctor no attempt, no finding, and
/// nothing of another visit.
@Suite("Doctors whom a courier or a hospital deceives")
struct DoctorDeceptionTests {
  private static let hospital = "hospital-1"
  private static let day: UInt64 = 86_400

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  // MARK: Hand-overs

  @Test(
    "[attack] a courier loses hand-overs: however often the call is made again, it is signed once")
  func lostHandovers() async throws {
    let test = TestConsortium(teamSize: 2)
    var consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    test.wire.lose(HandOverFindings.self)
    for number in 0..<6 {
      #expect(
        await code { try await consortium.diagnose(visit, plan, position: 1) } == "unreachable")
      #expect(try await test.state(of: visit, consortium).attempts == [1, 0])
      if number == 3 { consortium = try await test.open() }
    }
    test.wire.intercept(nil)
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: plan.hospital)
    let record = try await consortium.collect(visit, plan).record
    #expect(record?.findings.map(\.attempt) == [1, 1])
  }

  @Test(
    "[attack] a courier loses the answer to a hand-over: the same call withdraws nobody's signature"
  )
  func lostHandoverAnswer() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    var plan = test.plan()
    let state = try await test.beginVisit(consortium, plan)
    let visit = state.context.visitID
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.payload(HandOverFindings.self) == nil { return reply }
      throw ConsortiumError(.unreachable, "the answer is lost")
    }
    #expect(
      await code { try await consortium.diagnose(visit, plan, position: 1) } == "unreachable")
    test.wire.intercept(nil)
    try await consortium.diagnose(visit, plan, position: 2)
    // The program of D_1 does as its documentation says, also long after T_2.
    for _ in 0..<2 {
      try await consortium.diagnose(visit, plan, position: 1)
      let after = try await test.state(of: visit, consortium)
      #expect(after.attempts == [1, 1] && after.signatures.count == 2)
      try await test.pass(seconds: 2 * state.context.window + 60, consortium)
    }
    test.pass(seconds: 20 * Self.day)
    try await consortium.diagnose(visit, plan, position: 1)
    #expect(try await test.state(of: visit, consortium).attempts == [1, 1])
    // Another content is another signature, which is late by now.
    plan.findings[0] = [7, 7, 7]
    #expect(await code { try await consortium.diagnose(visit, plan, position: 1) } == "late")
  }

  // MARK: What a hospital shows

  /// Has hospital 1 say that it has written what a doctor submits, and write nothing; and show the doctor the
  /// visit like this.
  private func deceive(
    _ doctor: String, _ test: TestConsortium, _ consortium: LocalConsortium,
    isWriting: Bool = false, showing change: (@Sendable (inout VisitView) -> Void)? = nil
  ) throws {
    let key = try test.identityKey(of: Self.hospital)
    let genesis = consortium.genesis.digest
    test.wire.intercept { transit in
      if let entry = transit.payload(SubmitEntry.self)?.entry, !isWriting,
        entry.content.signer == .party(doctor)
      {
        let answer = SubmissionAnswer(
          genesis: genesis, chain: Self.hospital, generation: 0, entry: entry.digest,
          outcome: .written)
        return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
      }
      let reply = try await transit.deliver(transit.request)
      guard let change, transit.payload(ReadVisit.self) != nil, transit.author == .party(doctor)
      else { return reply }
      var view = try ReplyMessage<VisitView>(encoded: transit.open(reply)).result.get()
      change(&view)
      return try transit.answer(ReadVisit.self, view)
    }
  }

  @Test("[attack] a hospital shows numbers of attempts that nobody counts to: the doctor says so")
  func endlessAttempts() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, first) = (context.visitID, context.signers[0].doctor)
    let endless: [UInt64] = [.max, .max - 1, 1 << 63, 1 << 32]
    for number in endless {
      try deceive(first, test, consortium) { view in view.attempts[0] = number }
      #expect(
        await code { try await consortium.diagnose(visit, plan, position: 1) } == "malformed")
    }
    test.wire.intercept(nil)
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    #expect(try await test.state(of: visit, consortium).attempts == [1, 1])
  }

  @Test(
    "[attack] a hospital lies about attempts: a correction comes onto the ledger all the same",
    arguments: [false, true])
  func correction(isLying: Bool) async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    var plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, first) = (context.visitID, context.signers[0].doctor)
    let doctor = try #require(await consortium.doctors[first])
    try await consortium.diagnose(visit, plan, position: 1)
    try deceive(first, test, consortium) { view in
      if isLying { (view.attempts[0], view.signatures) = (0, []) }
    }
    plan.findings[0] = Array("{\"finding\":\"the right one\"}".utf8)
    #expect(try await doctor.diagnose(visit, plan.findings[0]) == .written)
    let entry = try #require(
      try await doctor.submissions().last { $0.kind == .signature }
    ).entry
    // What the doctor can do about it, at once; the hospital has to take what is demanded.
    #expect(await code { try await doctor.demand(submission: entry) } == "not-final")
    try await test.pass(seconds: 60, consortium)
    test.wire.intercept(nil)
    try await test.pass(seconds: 60, consortium)
    let submitted = try await doctor.followUp().last { $0.entry == entry }
    #expect(submitted?.standing.isFinal == true)
    #expect(try await test.state(of: visit, consortium).attempts == [2, 0])
    try await consortium.diagnose(visit, plan, position: 2)
    try await consortium.complete(visit, at: plan.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(record.findings.map(\.content) == plan.findings)
  }

  @Test(
    "[attack] a hospital shows less than it has signed for: the same finding is not signed again")
  func hiddenSignature() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, first) = (context.visitID, context.signers[0].doctor)
    try await consortium.diagnose(visit, plan, position: 1)
    // As before anything was signed, or as if D_1's signature could be withdrawn by another doctor.
    try deceive(first, test, consortium, isWriting: true) { view in
      (view.attempts[0], view.signatures) = (0, [])
    }
    try await consortium.diagnose(visit, plan, position: 1)
    try deceive(first, test, consortium, isWriting: true) { $0.signatures = [] }
    #expect(await code { try await consortium.diagnose(visit, plan, position: 1) } == "malformed")
    // Attempts that there were not: what is signed by them is refused, and is in nobody's way.
    let doctor = try #require(await consortium.doctors[first])
    try deceive(first, test, consortium, isWriting: true) { view in
      (view.attempts[0], view.signatures) = (3, [])
    }
    #expect(await code { try await doctor.diagnose(visit, [1]) } == "malformed")
    test.wire.intercept(nil)
    #expect(try await test.state(of: visit, consortium).attempts == [1, 0])
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    #expect(try await test.state(of: visit, consortium).attempts == [1, 1])
  }

  @Test(
    "[attack] a hospital shows a withdrawn signature for the record: the patient gets what stands")
  func withdrawnSealed() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    var plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, last) = (context.visitID, context.signers[0].doctor)
    try await consortium.diagnose(visit, plan, position: 1)
    let former = try await test.state(of: visit, consortium)
    plan.findings[0] = Array("{\"finding\":\"the right one\"}".utf8)
    try await consortium.diagnose(visit, plan, position: 1)
    let (attempts, signatures) = (former.attempts, former.signatures)
    try deceive(last, test, consortium, isWriting: true) { view in
      (view.attempts, view.signatures) = (attempts, signatures)
    }
    let doctor = try #require(await consortium.doctors[last])
    try await doctor.sealRecord(visit)
    test.wire.intercept(nil)
    try await consortium.complete(visit, at: plan.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(record.findings.map(\.content) == plan.findings)
    #expect(try await test.state(of: visit, consortium).receipt == .acknowledged)
  }

  @Test("[attack] a hospital refuses a signature that it writes: the patient gets what stands")
  func refusedSealed() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    var plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, last) = (context.visitID, context.signers[0].doctor)
    try await consortium.diagnose(visit, plan, position: 1)
    let former = try await test.state(of: visit, consortium)
    let (attempts, signatures) = (former.attempts, former.signatures)
    plan.findings[0] = Array("{\"finding\":\"the right one\"}".utf8)
    let key = try test.identityKey(of: Self.hospital)
    let genesis = consortium.genesis.digest
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if let entry = transit.payload(SubmitEntry.self)?.entry {
        let answer = SubmissionAnswer(
          genesis: genesis, chain: Self.hospital, generation: 0, entry: entry.digest,
          outcome: .refused(code: "late", position: 1))
        return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
      }
      guard transit.payload(ReadVisit.self) != nil else { return reply }
      var view = try ReplyMessage<VisitView>(encoded: transit.open(reply)).result.get()
      (view.attempts, view.signatures) = (attempts, signatures)
      return try transit.answer(ReadVisit.self, view)
    }
    #expect(await code { try await consortium.diagnose(visit, plan, position: 1) } == "late")
    let doctor = try #require(await consortium.doctors[last])
    try await doctor.sealRecord(visit)
    test.wire.intercept(nil)
    try await consortium.complete(visit, at: plan.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(record.findings.map(\.content) == plan.findings)
    #expect(try await test.state(of: visit, consortium).receipt == .acknowledged)
  }

  @Test(
    "[attack] a hospital shows other bytes for the last signature: the doctor's own are completed with"
  )
  func otherBytes() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, last) = (context.visitID, context.signers[0].doctor)
    try await consortium.diagnose(visit, plan, position: 1)
    let doctor = try #require(await consortium.doctors[last])
    // More often than a cloud keeps records of one visit.
    for number in 1...5 as ClosedRange<UInt8> {
      try deceive(last, test, consortium, isWriting: true) { view in
        view.signatures[0].signature[5] ^= number
      }
      try await doctor.sealRecord(visit)
    }
    #expect(await code { try await consortium.complete(visit, at: plan.hospital) } == nil)
    let stored = test.wire.requests(StoreRecord.self).map(\.part.head)
    #expect(stored.count == 1)
    test.wire.intercept(nil)
    #expect(try await test.state(of: visit, consortium).attempts == [1])
    #expect(try await consortium.collect(visit, plan).record != nil)
  }

  @Test(
    "[attack] a hospital says written, and drops it: what was signed comes before what is signed next"
  )
  func droppedFirst() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    var plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, first) = (context.visitID, context.signers[0].doctor)
    try deceive(first, test, consortium)
    try await consortium.diagnose(visit, plan, position: 1)
    #expect(try await test.state(of: visit, consortium).attempts == [0, 0])
    test.wire.intercept(nil)
    plan.findings[0] = Array("{\"finding\":\"the right one\"}".utf8)
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    #expect(try await test.state(of: visit, consortium).attempts == [2, 1])
    try await consortium.complete(visit, at: plan.hospital)
    let record = try #require(try await consortium.collect(visit, plan).record)
    #expect(record.findings.map(\.content) == plan.findings)
  }

  // MARK: What keeps nothing else back

  @Test(
    "[attack] a hospital swallows one completion: its doctor's program forgets other visits still")
  func swallowedCompletion() async throws {
    let test = TestConsortium(teamSize: 1, doctors: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, id) = (context.visitID, context.signers[0].doctor)
    try await consortium.diagnose(visit, plan, position: 1)
    test.wire.lose { transit in
      guard let entry = transit.payload(SubmitEntry.self)?.entry,
        case .visitCompletion(let completion) = entry.content.body
      else { return false }
      return completion.context.visitID == visit
    }
    #expect(
      await code { try await consortium.complete(visit, at: plan.hospital) } == "unreachable")
    let doctor = try #require(await consortium.doctors[id])
    let store = test.storage.roleStore("doctors/\(id)")
    func followUp() async -> String? {
      await code { _ = try await doctor.followUp(demandingAfter: nil) }
    }
    test.pass(seconds: 32 * Self.day)
    try await consortium.settle()
    // It is forgotten here, and from then on nothing can come of what was submitted.
    for _ in 0..<3 { #expect(await followUp() == nil) }
    #expect(try store.keys(withPrefix: "visit/").isEmpty)
    #expect(try store.keys(withPrefix: "piece/").isEmpty)
    #expect(try store.keys(withPrefix: "submission/").isEmpty)
    let other = test.plan("e-2")
    let next = try await test.completeVisit(consortium, other)
    let row = try #require(try store.value(forKey: "visit/\(Self.hospital)/\(next)"))
    let groupKey = try #require(try Message<DoctorVisit>(encoded: row).payload.groupKey)
    try await consortium.settle()
    #expect(await followUp() == nil)
    let withKey = try store.keys(withPrefix: "").filter {
      try store.value(forKey: $0)?.firstRange(of: groupKey) != nil
    }
    #expect(withKey.isEmpty)
  }

  @Test("a row that cannot be read keeps nothing else from being forgotten, and is told")
  func damagedRow() async throws {
    let test = TestConsortium(teamSize: 1, doctors: 1)
    let consortium = try await test.open()
    let visit = try await test.completeVisit(consortium, test.plan())
    let id = try await test.state(of: visit, consortium).context.signers[0].doctor
    try await consortium.settle()
    let store = test.storage.roleStore("doctors/\(id)")
    let damaged = "visit/\(Self.hospital)/\(Digest32.zero)"
    try store.write([damaged: [1, 2, 3], "former/\(Self.hospital)/\(visit)/\(Digest32.zero)": [1]])
    let doctor = try #require(await consortium.doctors[id])
    #expect(await code { _ = try await doctor.followUp() } != nil)
    #expect(try store.keys(withPrefix: "visit/") == [damaged])
    #expect(try store.keys(withPrefix: "over/").count == 1)
    // Nor does it keep the doctor off another team.
    _ = try await test.completeVisit(consortium, test.plan("e-2"))
  }
}
