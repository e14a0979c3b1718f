import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What a visit needed is forgotten by its doctors when it is over, and by nobody's word before.
@Suite("What is over is forgotten by doctors")
struct DoctorEndingTests {
  private static let hospital = "hospital-1"
  private static let day: UInt64 = 86_400

  /// A visit of a team of two, of which the first has signed, twice.
  struct Stage {
    let test: TestConsortium
    let consortium: LocalConsortium
    let context: VisitContext
    let plan: PlannedVisit
    let groupKey: [UInt8]

    var visit: Digest32 { context.visitID }
    var team: [String] { context.signers.map(\.doctor) }

    init(_ test: TestConsortium = TestConsortium(teamSize: 2)) async throws {
      self.test = test
      consortium = try await test.open()
      plan = test.plan(signingTwice: [1])
      context = try await test.beginVisit(consortium, plan).context
      try await consortium.diagnose(context.visitID, plan, position: 1)
      let row = try test.storage.roleStore("doctors/\(context.signers[0].doctor)")
        .value(forKey: "visit/\(plan.hospital)/\(context.visitID)")
      let kept = try Message<DoctorVisit>(encoded: #require(row)).payload
      groupKey = try #require(kept.groupKey)
    }

    func store(_ position: Int) -> MemoryRoleStore {
      test.storage.roleStore("doctors/\(team[position - 1])")
    }

    func doctor(_ position: Int) async throws -> Doctor {
      try #require(await consortium.doctors[team[position - 1]])
    }

    func followUp() async throws {
      for position in 1...2 { _ = try await doctor(position).followUp() }
    }

    /// The keys of rows of a doctor that the visit needed.
    func rows(_ position: Int) throws -> [String] {
      try ["visit/", "former/", "received/", "piece/", "joined/", "erasure/", "sealed/"].flatMap {
        try store(position).keys(withPrefix: $0)
      }
    }

    /// Whether K is anywhere in the store of a doctor.
    func hasKey(_ position: Int) throws -> Bool {
      let store = store(position)
      return try store.keys(withPrefix: "").contains { key in
        try store.value(forKey: key)?.firstRange(of: groupKey) != nil
      }
    }

    /// The second doctor asks for c_1 again, signs, and the patient reads what both found.
    func finish() async throws -> [[UInt8]] {
      test.wire.intercept(nil)
      try test.storage.loseReceivedFindings()
      try await consortium.diagnose(visit, plan, position: 2)
      try await consortium.complete(visit, at: plan.hospital)
      let record = try await consortium.collect(visit, plan).record
      return try #require(record).findings.map(\.content)
    }
  }

  /// That nothing is left but a short row, and that nothing begins with it.
  private func expectForgotten(_ stage: Stage, _ position: Int) async throws {
    #expect(try stage.rows(position) == [])
    #expect(try !stage.hasKey(position))
    let over = try stage.store(position).keys(withPrefix: "over/")
    #expect(over.count == 1)
    #expect(try #require(try stage.store(position).value(forKey: over[0])).count < 128)
    let doctor = try await stage.doctor(position)
    #expect(try await doctor.visits().isEmpty)
    #expect(
      await ConsortiumError.code { _ = try await doctor.diagnose(stage.visit, [1]) }
        == "wrong-state")
  }

  @Test("a completion that is final: all that the visit needed goes, and not before")
  func completed() async throws {
    let stage = try await Stage()
    try await stage.followUp()
    // Under way, and complete without being final: everything is there.
    let before = try stage.rows(1)
    #expect(before.contains { $0.hasPrefix("former/") })
    try await stage.consortium.diagnose(stage.visit, stage.plan, position: 2)
    try await stage.consortium.complete(stage.visit, at: Self.hospital)
    for position in 1...2 {
      _ = try await stage.doctor(position).followUp()
      #expect(try stage.hasKey(position))
      #expect(try stage.rows(position).contains { $0.hasPrefix("piece/") })
    }
    // The record is there to be stored again, and the completion to be sent again.
    try await stage.consortium.complete(stage.visit, at: Self.hospital)
    try await stage.consortium.settle()
    #expect(try stage.hasKey(1) && stage.hasKey(2))
    try await stage.followUp()
    for position in 1...2 { try await expectForgotten(stage, position) }
    let record = try await stage.consortium.collect(stage.visit, stage.plan).record
    #expect(try #require(record).findings.map(\.content) == stage.plan.findings)
  }

  @Test("an abandonment that is final: the same, once it is")
  func abandoned() async throws {
    let stage = try await Stage()
    let server = try #require(stage.consortium.hospitals[Self.hospital])
    try await server.abandon(stage.visit, .interrupted)
    try await stage.followUp()
    #expect(try stage.hasKey(1) && stage.hasKey(2))
    try await stage.consortium.settle()
    try await stage.followUp()
    for position in 1...2 { try await expectForgotten(stage, position) }
  }

  @Test("[attack] hospital and cloud say that a visit is over that is not: no doctor forgets it")
  func lies() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    // Of another visit of the same team, all is true.
    let server = try #require(consortium.hospitals[Self.hospital])
    let other = try await test.beginVisit(consortium, test.plan("encounter-2")).context
    try await server.abandon(other.visitID, .interrupted)
    try await consortium.settle()
    let opening = try #require(try await server.ledger.writer.view.visit(stage.visit)).opening
    let leaf = try #require(try await server.ledger.writer.leaf(opening))
    let entry = try #require(Leaf.entry(in: leaf))
    let lies: [@Sendable (ProveVisit, Wire.Transit) async throws -> FinalityProof] = [
      { asked, _ in
        try await test.client(consortium, as: other.signers[0].doctor).ask(
          ProveVisit(
            .ending, hospital: Self.hospital, visit: other.visitID, consent: nil,
            knownSize: asked.knownSize), of: Self.hospital)
      },
      { asked, _ in
        try await test.client(consortium, as: other.signers[0].doctor).ask(
          Prove(.entry(entry.digest, hospital: Self.hospital), knownSize: asked.knownSize),
          of: Self.hospital)
      },
      { _, _ in throw ConsortiumError(.wrongState, "the visit is over") },
    ]
    let count = Capture<Int>()
    for lie in lies {
      test.wire.intercept { transit in
        if let asked = transit.payload(ReadVisit.self), asked.visit == stage.visit {
          throw ConsortiumError(.wrongState, "the visit is over")
        }
        guard let asked = transit.payload(ProveVisit.self), asked.visit == stage.visit else {
          return try await transit.deliver(transit.request)
        }
        count.value = (count.value ?? 0) + 1
        return try transit.answer(ProveVisit.self, try await lie(asked, transit))
      }
      for position in 1...2 {
        _ = try await stage.doctor(position).followUp()
        #expect(try stage.hasKey(position))
      }
    }
    // Both supernodes were asked, of each lie by both doctors.
    #expect(count.value == 3 * 2 * 2)
    #expect(try stage.rows(1).contains { $0.hasPrefix("piece/") })
    #expect(try await stage.finish() == stage.plan.findings)
  }

  @Test("[attack] a hospital assigns a visit that is over once more: nobody begins it anew")
  func assignedAgain() async throws {
    let stage = try await Stage()
    let assigned = try #require(stage.test.wire.requests(AssignVisit.self).last)
    let shown = try #require(stage.test.wire.passages.last { $0.kind == ReadVisit.name })
    let view = try ReplyMessage<VisitView>(encoded: shown.answer).result.get()
    #expect(view.status == .open)
    _ = try await stage.finish()
    try await stage.followUp()
    stage.test.wire.intercept { transit in
      guard transit.payload(ReadVisit.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      return try transit.answer(ReadVisit.self, view)
    }
    let client = stage.test.client(stage.consortium, as: Self.hospital)
    #expect(
      await ConsortiumError.code { _ = try await client.ask(assigned, of: stage.team[0]) }
        == "wrong-state")
    try await expectForgotten(stage, 1)
  }

  @Test("a visit whose end nobody proves is forgotten 30 days after its last deadline")
  func outlasted() async throws {
    let stage = try await Stage()
    stage.test.wire.lose(ProveVisit.self)
    let last = stage.context.deadline(ofPosition: 2)
    let joined = stage.test.time
    stage.test.pass(seconds: max(last, joined) - stage.test.time + 30 * Self.day)
    try await stage.consortium.settle()
    try await stage.followUp()
    #expect(try stage.hasKey(1) && stage.hasKey(2))
    stage.test.pass(seconds: 3600)
    try await stage.consortium.settle()
    try await stage.followUp()
    for position in 1...2 { try await expectForgotten(stage, position) }
  }

  @Test("a row of an earlier program is forgotten at the first look, when its time is over")
  func earlierRows() async throws {
    let stage = try await Stage()
    stage.test.wire.lose(ProveVisit.self)
    let store = stage.store(1)
    for key in try store.keys(withPrefix: "joined/") { try store.write([key: nil]) }
    stage.test.pass(seconds: 40 * Self.day)
    try await stage.consortium.settle()
    _ = try await stage.doctor(1).followUp()
    try await expectForgotten(stage, 1)
  }

  @Test("[attack] a doctor's clock was ahead for a while: no visit that is under way is forgotten")
  func clockAhead() async throws {
    let stage = try await Stage()
    stage.test.pass(seconds: 400 * Self.day)
    try await stage.followUp()
    // A visit that is assigned meanwhile has others looked at.
    let assigned = try #require(stage.test.wire.requests(AssignVisit.self).last)
    let client = stage.test.client(stage.consortium, as: Self.hospital)
    _ = await ConsortiumError.code { _ = try await client.ask(assigned, of: stage.team[0]) }
    stage.test.setBack(seconds: 400 * Self.day)
    #expect(try stage.hasKey(1) && stage.hasKey(2))
    #expect(try await stage.finish() == stage.plan.findings)
  }

  @Test("a visit that came while the clock was ahead is forgotten when it would be else")
  func joinedAhead() async throws {
    let stage = try await Stage()
    stage.test.wire.lose(ProveVisit.self)
    let store = stage.store(1)
    let key = try #require(try store.keys(withPrefix: "joined/").first)
    try store.write([key: (stage.test.time + 400 * Self.day).stateBytes])
    let doctor = try await stage.doctor(1)
    #expect(try await doctor.visits().first?.since == stage.test.time)
    _ = try await doctor.followUp()
    stage.test.pass(seconds: 32 * Self.day)
    try await stage.consortium.settle()
    _ = try await doctor.followUp()
    try #require(try !stage.hasKey(1))
    try await expectForgotten(stage, 1)
  }

  @Test("[attack] the ledger stood still for months: by its deadlines nobody forgets a visit")
  func halted() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    test.pass(seconds: 90 * Self.day)
    try await consortium.settle()
    let stage = try await Stage(test)
    // Counted time is behind by the halt: T_n lies months back, and the visit is under way.
    #expect(stage.context.deadline(ofPosition: 2) + 60 * Self.day < test.time)
    stage.test.wire.lose(ProveVisit.self)
    try await stage.followUp()
    #expect(try stage.hasKey(1) && stage.hasKey(2))
    #expect(try await stage.finish() == stage.plan.findings)
  }

  @Test("pieces of a visit that is over go a few at a time, also after a restart; no others do")
  func pieces() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    var plan = test.plan()
    plan.findings = [[UInt8](repeating: 7, count: 20 << 20)]
    let visit = try await test.completeVisit(consortium, plan)
    let context = try await test.state(of: visit, consortium).context
    try await consortium.settle()
    let doctor = context.signers[0].doctor
    let store = test.storage.roleStore("doctors/\(doctor)")
    #expect(try store.keys(withPrefix: "piece/").count > 40)
    // The power fails between the rows and the pieces.
    var kept: [String: [UInt8]?] = [:]
    for key in try store.keys(withPrefix: "piece/") { kept[key] = try store.value(forKey: key) }
    _ = try await #require(consortium.doctors[doctor]).followUp()
    #expect(try store.keys(withPrefix: "piece/").isEmpty)
    kept["erasure/\(Self.hospital)/\(visit)"] = []
    let foreign = "piece/\(Self.hospital)/\(Digest32.zero)/\(Digest32.zero)/0"
    kept[foreign] = [1]
    try store.write(kept)
    consortium = try await test.open()
    _ = try await #require(consortium.doctors[doctor]).followUp()
    #expect(try store.keys(withPrefix: "piece/") == [foreign])
    #expect(try store.keys(withPrefix: "erasure/").isEmpty)
  }

  @Test("a call asks about a few visits, and all have their turn")
  func turns() async throws {
    let test = TestConsortium(teamSize: 1, hospitals: 3, doctors: 1)
    let consortium = try await test.open()
    var visits: [Digest32] = []
    for number in 0..<11 {
      visits.append(try await test.completeVisit(consortium, test.plan("e-\(number)")))
    }
    try await consortium.settle()
    let doctor = try await test.state(of: visits[0], consortium).context.signers[0].doctor
    let store = test.storage.roleStore("doctors/\(doctor)")
    // So that nothing is known here of the own completions.
    for key in try store.keys(withPrefix: "submi") { try store.write([key: nil]) }
    var left: [Int] = []
    for _ in 0..<2 {
      let before = test.wire.requests(ProveVisit.self).count
      _ = try await #require(consortium.doctors[doctor]).followUp()
      #expect(test.wire.requests(ProveVisit.self).count - before <= 8)
      left.append(try store.keys(withPrefix: "visit/").count)
    }
    #expect(left == [3, 0])
  }

  @Test("[attack] a doctor's clock was ahead for a while: the consents that stand open records")
  func consentsByClockAhead() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let doctor = try #require(await consortium.doctors[TestConsortium.reader])
    test.pass(seconds: 40 * Self.day)
    _ = try await doctor.followUp()
    test.setBack(seconds: 40 * Self.day)
    let opened = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
    #expect(opened.findings.map(\.content) == test.plan().findings)
  }

  @Test("d' and the share of a consent that expired are erased a week later")
  func consents() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let store = test.storage.roleStore("doctors/\(TestConsortium.reader)")
    let doctor = try #require(await consortium.doctors[TestConsortium.reader])
    func rows() throws -> Int {
      try ["grant/", "granted/", "request/", "request-key/"].reduce(0) {
        try $0 + store.keys(withPrefix: $1).count
      }
    }
    #expect(try rows() == 4)
    test.pass(seconds: 6 * Self.day)
    _ = try await doctor.followUp()
    #expect(try rows() == 4)
    test.pass(seconds: 2 * Self.day)
    try await consortium.settle()
    _ = try await doctor.followUp()
    #expect(try rows() == 0)
    #expect(try await doctor.consents().isEmpty)
    #expect(
      await ConsortiumError.code { _ = try await doctor.open(consent: consent) }
        == "consent-unknown")
  }
}
