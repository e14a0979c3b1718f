import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Testing

/// Who is told how a visit stands.
@Suite("Looking at a visit")
struct ReadVisitTests {
  private static let hospital = "hospital-1"

  private func code(
    _ test: TestConsortium, _ consortium: LocalConsortium, _ visit: Digest32, as party: String
  ) async -> String? {
    await ConsortiumError.code {
      _ = try await test.client(consortium, as: party).ask(
        ReadVisit(hospital: Self.hospital, visit: visit), of: Self.hospital)
    }
  }

  @Test("[attack] a doctor who is not on its team looks at a visit: under way, abandoned, complete")
  func foreignDoctors() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let abandoned = try await test.beginVisit(consortium, plan).context
    // The Encounter's next visit; its patient has the first one closed.
    let context = try await test.beginVisit(consortium, plan).context
    try await consortium.diagnose(context.visitID, plan, position: 1)
    let team = context.signers.map(\.doctor)
    let everybody = await consortium.doctors.keys.sorted()
    #expect(everybody.count > team.count + 2)
    func look(_ visit: VisitContext) async {
      for doctor in everybody {
        let isOnTeam = visit.signers.contains { $0.doctor == doctor }
        #expect(
          await code(test, consortium, visit.visitID, as: doctor)
            == (isOnTeam ? nil : "not-entitled"), "\(doctor)")
      }
      for stranger in ["hospital-2", "cloud", "manager"] {
        #expect(
          await code(test, consortium, visit.visitID, as: stranger) == "unauthenticated")
      }
    }
    await look(context)
    await look(abandoned)
    // Who was on the team may look on, whatever became of the doctor.
    let server = try #require(consortium.hospitals[Self.hospital])
    try await server.setStanding(of: team[0], .suspended)
    try await consortium.settle()
    #expect(await code(test, consortium, context.visitID, as: team[0]) == nil)
    try await server.setStanding(of: team[0], .active)
    try await consortium.settle()
    try await consortium.diagnose(context.visitID, plan, position: 2)
    try await consortium.complete(context.visitID, at: Self.hospital)
    await look(context)
  }

  @Test(
    "[attack] a doctor asks how consents stand that nobody gave, and learns nothing of the visit")
  func inventedConsents() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let other = try await consortium.hold(test.plan("e-2")).visit
    try await consortium.settle()
    let client = test.client(consortium, as: TestConsortium.reader)
    func view(_ visit: Digest32, _ consent: Digest32, _ supernode: String) async throws
      -> ConsentView
    {
      try await client.ask(
        ReadConsent(
          hospital: Self.hospital, visit: visit, consent: consent, doctor: TestConsortium.reader),
        of: supernode)
    }
    for supernode in [Self.hospital, "cloud"] {
      for (visit, consent) in [(visit, .zero), (other, consent), (other, .zero)] as [(_, Digest32)]
      {
        let shown = try await view(visit, consent, supernode)
        #expect(shown.standing == .unknown && shown.context == nil)
        #expect(shown.recordDigest == .zero)
      }
      #expect(try await view(visit, consent, supernode).context?.visitID == visit)
    }
  }
}
