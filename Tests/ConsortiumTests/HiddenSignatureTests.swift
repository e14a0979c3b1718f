import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What a hospital says of signatures that it has written.
@Suite("Signatures that a hospital hides")
struct HiddenSignatureTests {
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  @Test(
    "[attack] a hospital shows a signature as withdrawn that stands: nothing is signed again"
  )
  func shownAsWithdrawn() async throws {
    let test = TestConsortium(teamSize: 3)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, team) = (context.visitID, context.signers.map(\.doctor))
    for position in 1...3 { try await consortium.diagnose(visit, plan, position: position) }
    #expect(try await test.state(of: visit, consortium).attempts == [1, 1, 1])
    let second = try #require(await consortium.doctors[team[1]])
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(ReadVisit.self) != nil, transit.author == .party(team[1]) else {
        return reply
      }
      var view = try ReplyMessage<VisitView>(encoded: transit.open(reply)).result.get()
      // D_1's signature is the one on which D_2 has signed, and D_2's attempts are all there.
      view.signatures = Array(view.signatures.prefix(1))
      return try transit.answer(ReadVisit.self, view)
    }
    var codes: [String?] = []
    for _ in 0..<context.resignatureLimit + 1 {
      codes.append(await code { try await second.diagnose(visit, plan.findings[1]) })
    }
    test.wire.intercept(nil)
    let after = try await test.state(of: visit, consortium)
    #expect(codes.allSatisfy { $0 == "malformed" }, "\(codes)")
    #expect(after.attempts == [1, 1, 1] && after.signatures.count == 3)
    // What is withdrawn indeed is signed anew.
    let first = try #require(await consortium.doctors[team[0]])
    try await first.diagnose(visit, Array("a correction".utf8))
    try await second.diagnose(visit, plan.findings[1])
    #expect(try await test.state(of: visit, consortium).attempts == [2, 2, 1])
  }

  @Test(
    "[attack] a hospital says refused, writes, and gives another group key: what stands opens all the same"
  )
  func groupKeyAfterRefusal() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, team) = (context.visitID, context.signers.map(\.doctor))
    let doctor = try #require(await consortium.doctors[team[0]])
    try await doctor.take(presence: test.presence(of: visit, to: team[0], consortium).text)
    try test.answerSubmissions(consortium, taking: true) { _ in .refused(code: "late", position: 1)
    }
    #expect(await code { try await doctor.diagnose(visit, plan.findings[0]) } == "late")
    test.wire.intercept(nil)
    #expect(try await test.state(of: visit, consortium).attempts == [1, 0])
    #expect(
      await code { try await consortium.agreeOnGroupKey(visit, at: Self.hospital) }
        == "wrong-state")
    // Everybody is honest from now on.
    try await doctor.diagnose(visit, plan.findings[0])
    try await consortium.diagnose(visit, plan, position: 2)
    #expect(try await test.state(of: visit, consortium).attempts == [1, 1])
  }

  @Test("[attack] a hospital hides a signature that is final: the same finding is not signed again")
  func hiddenFinal() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, team) = (context.visitID, context.signers.map(\.doctor))
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    let second = try #require(await consortium.doctors[team[1]])
    try await test.pass(seconds: 100, consortium)
    let submitted = try await second.followUp()
    #expect(submitted.map(\.kind) == [.signature] && submitted.allSatisfy { $0.standing.isFinal })
    for isCounted in [false, true] {
      test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        guard transit.payload(ReadVisit.self) != nil, transit.author == .party(team[1]) else {
          return reply
        }
        var view = try ReplyMessage<VisitView>(encoded: transit.open(reply)).result.get()
        (view.signatures, view.attempts) = (
          Array(view.signatures.prefix(1)), [1, isCounted ? 1 : 0]
        )
        return try transit.answer(ReadVisit.self, view)
      }
      for _ in 0..<3 {
        let code = await code { try await second.diagnose(visit, plan.findings[1]) }
        #expect(code == (isCounted ? "malformed" : nil))
      }
    }
    test.wire.intercept(nil)
    #expect(try await test.state(of: visit, consortium).attempts == [1, 1])
    // Another finding is another signature.
    try await second.diagnose(visit, Array("a correction".utf8))
    #expect(try await test.state(of: visit, consortium).attempts == [1, 2])
    // It goes with the visit.
    try await second.completeVisit(visit)
    try await test.pass(seconds: 100, consortium)
    _ = try await second.followUp()
    let store = test.storage.roleStore("doctors/\(team[1])")
    #expect(try store.keys(withPrefix: "signed/").isEmpty)
  }
}
