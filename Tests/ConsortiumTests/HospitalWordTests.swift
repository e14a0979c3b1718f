import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

/// A hospital signs what it likes about what it was sent: nobody forgets anything because of it.
@Suite("The word of a hospital")
struct HospitalWordTests {
  private static let hospital = "hospital-1"

  /// A visit whose first doctor is about to sign.
  private struct Stage {
    let test = TestConsortium(teamSize: 2)
    let consortium: LocalConsortium
    let visit: Digest32
    let doctor: Doctor
    let team: [String]
    let plan: PlannedVisit

    init() async throws {
      consortium = try await test.open()
      plan = test.plan()
      let context = try await test.beginVisit(consortium, plan).context
      visit = context.visitID
      team = context.signers.map(\.doctor)
      doctor = try #require(await consortium.doctors[team[0]])
      try await doctor.take(presence: test.presence(of: visit, to: team[0], consortium).text)
    }

    func sign(_ text: String) async -> String? {
      await ConsortiumError.code { try await doctor.diagnose(visit, Array(text.utf8)) }
    }

    /// What the second doctor goes on from, and the patient reads in the end.
    func finish() async throws -> [String?] {
      test.wire.intercept(nil)
      try await consortium.diagnose(visit, plan, position: 2)
      try await consortium.complete(visit, at: plan.hospital)
      let record = try await consortium.collect(visit, plan).record
      return try #require(record).findings.map { String(decoding: $0.content, as: UTF8.self) }
    }

    /// How the doctor's signatures stand in the end, by its own program; nobody proves to it that the visit
    /// is over, with which all of this would go.
    func standings() async throws -> [SubmissionStanding] {
      try await consortium.settle()
      test.wire.lose(ProveVisit.self)
      return try await doctor.followUp().filter { $0.kind == .signature }.map(\.standing)
    }

    /// How many c_1 the doctor keeps beside the last.
    func former() throws -> Int {
      try test.storage.roleStore("doctors/\(team[0])").keys(withPrefix: "former/").count
    }
  }

  @Test("[attack] a hospital says refused, and writes: the doctor has the finding that stands")
  func refusedAndWritten() async throws {
    let stage = try await Stage()
    try stage.test.answerSubmissions(stage.consortium, taking: true) { _ in
      .refused(code: "late", position: 1)
    }
    #expect(await stage.sign("one") == "late")
    #expect(try await stage.test.state(of: stage.visit, stage.consortium).attempts == [1, 0])
    stage.test.wire.intercept(nil)
    let resent = try await stage.test.client(stage.consortium, as: stage.team[1]).ask(
      ResendFindings(visit: stage.visit, index: 0), of: stage.team[0])
    #expect(resent.head.position == 1)
    #expect(try await stage.finish() == ["one", TextOfPlan.second(stage.plan)])
    #expect(try await stage.standings().map(\.isFinal) == [true])
  }

  @Test("[attack] a hospital refuses one signature, takes another, and writes the first instead")
  func writtenLater() async throws {
    let stage = try await Stage()
    let refused = Capture<Entry>()
    try stage.test.answerSubmissions(stage.consortium) { entry in
      refused.value = entry
      return .refused(code: "late", position: 1)
    }
    #expect(await stage.sign("one") == "late")
    let first = try #require(refused.value)
    try stage.test.answerSubmissions(stage.consortium) { _ in .written }
    #expect(await stage.sign("two") == nil)
    stage.test.wire.intercept(nil)
    try await stage.test.put(first, stage.consortium)
    #expect(try await stage.finish() == ["one", TextOfPlan.second(stage.plan)])
    // Sent again, the other one is refused by the rules; the first is what stands, whatever was said.
    let standings = try await stage.standings()
    #expect(standings.count == 2 && standings[0].isFinal)
    #expect(standings[1] == .sent || !standings[1].isConfirmed)
    #expect(try stage.former() == 1)
  }

  @Test("[attack] a hospital says written, and drops it: what was signed before still opens")
  func droppedAnew() async throws {
    let stage = try await Stage()
    #expect(await stage.sign("one") == nil)
    try stage.test.answerSubmissions(stage.consortium) { _ in .written }
    #expect(await stage.sign("two") == nil)
    #expect(try await stage.test.state(of: stage.visit, stage.consortium).attempts == [1, 0])
    #expect(try await stage.finish() == ["one", TextOfPlan.second(stage.plan)])
  }

  @Test("[attack] a hospital refuses all that a doctor signs: what is kept has a bound")
  func refusedWithoutEnd() async throws {
    let stage = try await Stage()
    try stage.test.answerSubmissions(stage.consortium) { _ in
      .refused(code: "late", position: 1)
    }
    var codes: [String?] = []
    for number in 0..<18 { codes.append(await stage.sign("\(number)")) }
    #expect(
      codes == [String?](repeating: "late", count: 16) + ["outcome-unknown", "outcome-unknown"])
    #expect(try stage.former() == 16)
  }

  @Test("[attack] a hospital refuses all that a doctor signs: a demand lets the doctor go on")
  func demandedOfMany() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    try test.answerSubmissions(consortium) { _ in .refused(code: "late", position: 1) }
    for number in 0..<16 { #expect(await stage.sign("\(number)") == "late") }
    // Also where the hospital would take it by now.
    test.wire.intercept(nil)
    #expect(await stage.sign("one more") == "outcome-unknown")
    let refused = try #require(
      try await stage.doctor.submissions().last { $0.kind == .signature }?.entry)
    #expect(
      await ConsortiumError.code {
        try await stage.doctor.demand(submission: refused)
      } == "not-final")
    try await test.pass(seconds: 40, consortium)
    try await stage.doctor.demand(submission: refused)
    try await test.pass(seconds: 40, consortium)
    #expect(await stage.sign("one more") == nil)
    #expect(try stage.former() <= 1)
    #expect(try await stage.finish() == ["one more", TextOfPlan.second(stage.plan)])
  }

  @Test("what was signed before is kept until another signature is confirmed, and no longer")
  func confirmed() async throws {
    let stage = try await Stage()
    for text in ["one", "two", "three"] { #expect(await stage.sign(text) == nil) }
    #expect(try stage.former() == 2)
    #expect(try await stage.finish() == ["three", TextOfPlan.second(stage.plan)])
    #expect(try await stage.standings().last?.isFinal == true)
    #expect(try stage.former() == 0)
  }

  @Test(
    "[attack] a hospital refuses all that a doctor signs: what is signed before anew leaves room again"
  )
  func refusedBehindOneSignature() async throws {
    let stage = try await Stage()
    let (test, consortium, visit) = (stage.test, stage.consortium, stage.visit)
    let second = try #require(await consortium.doctors[stage.team[1]])
    try await second.take(
      presence: test.presence(of: visit, to: stage.team[1], consortium).text)
    let store = test.storage.roleStore("doctors/\(stage.team[1])")
    func refused(_ count: Int) async throws -> [String?] {
      try test.answerSubmissions(consortium) { _ in .refused(code: "late", position: 1) }
      var codes: [String?] = []
      for number in 0..<count {
        codes.append(
          await ConsortiumError.code {
            try await second.diagnose(visit, Array("\(number)".utf8))
          })
      }
      test.wire.intercept(nil)
      return codes
    }
    var total = 0
    // The first one may sign four times more.
    for round in 1...4 {
      #expect(await stage.sign("round \(round)") == nil)
      #expect(
        try await refused(17) == [String?](repeating: "late", count: 16) + ["outcome-unknown"])
      total += 16
      #expect(try store.keys(withPrefix: "former/").count == total)
    }
    // In all there is a bound too.
    #expect(await stage.sign("round 5") == nil)
    #expect(try await refused(1) == ["outcome-unknown"])
    #expect(try store.keys(withPrefix: "former/").count == 64)
  }

  @Test(
    "a hospital that refused all of a doctor's, and relents, takes what is signed behind another")
  func refusedAndGoneOn() async throws {
    let stage = try await Stage()
    let (test, consortium, visit) = (stage.test, stage.consortium, stage.visit)
    #expect(await stage.sign("one") == nil)
    let second = try #require(await consortium.doctors[stage.team[1]])
    try await second.take(
      presence: test.presence(of: visit, to: stage.team[1], consortium).text)
    try test.answerSubmissions(consortium) { _ in .refused(code: "late", position: 1) }
    for number in 0..<16 {
      _ = await ConsortiumError.code { try await second.diagnose(visit, Array("\(number)".utf8)) }
    }
    test.wire.intercept(nil)
    let stuck = await ConsortiumError.code { try await second.diagnose(visit, Array("x".utf8)) }
    #expect(stuck == "outcome-unknown")
    #expect(await stage.sign("two") == nil)
    #expect(try await stage.finish() == ["two", TextOfPlan.second(stage.plan)])
  }

  // MARK: Receipts

  @Test("[attack] a hospital alone says that there is a receipt: it is not believed, nor forgotten")
  func believedReceipt() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.completeVisit(consortium, plan)
    try test.answerSubmissions(consortium) { _ in
      .refused(code: "already-receipted", position: 1)
    }
    let collected = try await consortium.collect(visit, plan)
    #expect(collected.record != nil && !collected.isNewlyReceipted)
    #expect(collected.receipt == .refused(code: "already-receipted", position: 1))
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    #expect(try await !patient.hasReceipted(visit, at: Self.hospital))
    let holdings = try await consortium.holdings(ofPatient: TestConsortium.patient)
    #expect(holdings.visits.map(\.isReceipted) == [false])
    // The same entry comes again, and stands then.
    test.wire.intercept(nil)
    let again = try await consortium.hold(plan)
    #expect(!again.wasKnown && again.record?.receipt == .written)
    #expect(try await test.state(of: visit, consortium).receipt == .acknowledged)
    let receipts = test.wire.requests(SubmitEntry.self).map(\.entry).filter {
      $0.content.body.kind == .visitReceipt
    }
    #expect(receipts.count == 2 && Set(receipts.map(\.digest)).count == 1)
    #expect(try await patient.hasReceipted(visit, at: Self.hospital))
  }

  @Test("a receipt that another device has given is believed, with its proof")
  func receiptOfAnotherDevice() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await consortium.hold(plan).visit
    let other = try test.newDevice(words: test.words(), store: MemoryRoleStore(), consortium)
    let index = Capture<UInt64>()
    for isFinal in [false, true] {
      // The receipt came after all that is final.
      if isFinal { try await consortium.settle() }
      try test.answerSubmissions(consortium) { _ in
        .refused(code: "already-receipted", position: 1)
      }
      let collected = try await other.collect(visit, at: Self.hospital)
      #expect(!collected.isNewlyReceipted && collected.receipt.isFinal == isFinal)
      #expect(try await other.hasReceipted(visit, at: Self.hospital) == isFinal)
      if case .final(let place) = collected.receipt { index.value = place }
    }
    let writer = try #require(consortium.hospitals[Self.hospital]).ledger.writer
    #expect(try await writer.view.receipt(of: visit) == index.value)
  }
}

/// The findings of a plan as texts.
private enum TextOfPlan {
  static func second(_ plan: PlannedVisit) -> String {
    String(decoding: plan.findings[1], as: UTF8.self)
  }
}
