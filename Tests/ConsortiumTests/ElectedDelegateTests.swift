import CanonicalEncoding
import Consortium
import Ledger
import Testing

@Suite("Hospitals that gain and lose their seats")
struct ElectedDelegateTests {
  private static let voters = (1...4).map { "hospital-\($0)-trust" }

  /// Lets blocks be decided until other delegates sit, at most three epochs.
  private func go(
    on consortium: LocalConsortium, _ test: TestConsortium
  ) async throws -> [String?] {
    let before = try await consortium.delegates()
    for _ in 0..<30 {
      test.pass(seconds: 40)
      try await consortium.settle()
      let now = try await consortium.delegates()
      if now != before { return now }
    }
    return before
  }

  @Test(
    "a hospital without a seat is elected, another loses its own, and visits, proofs and restarts go on"
  )
  func elected() async throws {
    let test = TestConsortium(teamSize: 1, hospitals: 4, epochLength: 7)
    var consortium = try await test.open()
    let first = ["hospital-1", "hospital-2", "hospital-3", "cloud"]
    #expect(try await consortium.delegates() == first)
    // A client that has proofs of the first epoch.
    let visit = try await consortium.hold(test.plan("encounter-1")).visit
    for voter in Self.voters {
      try await consortium.approve(["hospital-4", "hospital-3", "cloud"], by: voter)
    }
    let second = try await go(on: consortium, test)
    #expect(second == ["cloud", "hospital-3", "hospital-4", "hospital-1"])
    func standing(_ hospital: String) async throws -> SeatStanding? {
      try await consortium.hospitals[hospital]?.node.seatStanding()
    }
    #expect(try await standing("hospital-2") == .without(.outvoted))
    #expect(try await standing("hospital-4") == .seated)
    #expect(try await consortium.manager.node.seatStanding() == nil)

    // Who has no seat follows, has visits anchored, and hands its entries to those who have one.
    for hospital in ["hospital-2", "hospital-4"] {
      _ = try await consortium.hold(test.plan("encounter-\(hospital)", hospital: hospital))
    }
    // The patient and a doctor of the hospital without a seat follow the sets to open what is older.
    let reader = "hospital-2-doctor-1"
    let request = try await consortium.requestAccess(
      doctor: reader, patient: TestConsortium.patient, purpose: "second opinion")
    let consent = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: visit,
      expiresAt: TestConsortium.start + 36_000)
    try await consortium.settle()
    #expect(
      try await consortium.openRecord(doctor: reader, consent: consent).findings.count == 1)

    // Everything again from the stores, amid an epoch; then one more set.
    consortium = try await test.open()
    #expect(try await consortium.delegates() == second)
    try await consortium.setCandidacy(of: "hospital-3", stands: false)
    let third = try await go(on: consortium, test)
    #expect(third == ["cloud", "hospital-4", "hospital-1", "hospital-2"])
    #expect(try await standing("hospital-3") == .without(.withdrawn))
    #expect(try await standing("hospital-2") == .seated)
    _ = try await consortium.hold(test.plan("encounter-3", hospital: "hospital-3"))
    try await consortium.settle()

    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil })
    #expect(report.chains.allSatisfy { $0.finalLeaves == $0.leaves })
    #expect(report.chains.dropFirst().map(\.visits.complete) == [1, 1, 1, 1])
    // All replays are one chain, to its end.
    let size = await consortium.cloud.node.consortium.size
    for hospital in consortium.genesis.members.hospitals {
      let node = try #require(consortium.hospitals[hospital]?.node)
      #expect(await node.consortium.size == size, "\(hospital)")
      #expect(await node.consortium.final?.size == size, "\(hospital)")
    }
  }

  @Test("[attack] an approval with a server's key, and a candidacy with the organisation's")
  func otherKeys() async throws {
    let test = TestConsortium(teamSize: 1, hospitals: 4)
    let consortium = try await test.open()
    let node = consortium.cloud.node
    func refusal(_ body: some CanonicalObject, by party: String, _ place: String) async throws
      -> String?
    {
      let entry = Entry(
        EntryContent(
          genesis: consortium.genesis.digest, chain: ChainName.consortium, signer: .party(party),
          body: body),
        signedBy: try test.identityKey(of: place))
      return await ConsortiumError.code { try await node.submit(entry) }
    }
    let approval = Approval(candidates: ["hospital-4"], number: 1)
    let candidacy = Candidacy(stands: false, number: 1)
    let trust = "organisations/hospital-1-trust"
    #expect(
      try await refusal(approval, by: "hospital-1-trust", "hospital-1") == "wrong-signature")
    #expect(try await refusal(approval, by: "hospital-1", "hospital-1") == "not-entitled")
    #expect(try await refusal(candidacy, by: "hospital-1", trust) == "wrong-signature")
    #expect(try await refusal(candidacy, by: "hospital-1-trust", trust) == "not-entitled")
    #expect(try await refusal(approval, by: "hospital-1-trust", trust) == nil)
  }

  @Test(
    "[attack] the first delegate that is asked swallows entries, and says that nothing is final")
  func oneDelegateForAll() async throws {
    let test = TestConsortium(teamSize: 1, hospitals: 4)
    let consortium = try await test.open()
    #expect(try await consortium.delegates().first == "hospital-1")
    test.wire.intercept { transit in
      guard transit.recipient == "hospital-1" else {
        return try await transit.deliver(transit.request)
      }
      if transit.payload(OfferEntry.self) != nil {
        return ReplyMessage(.success(OfferReply(isNew: true))).encoded()
      }
      if transit.payload(FetchConsortium.self) != nil {
        return ReplyMessage(.success(ConsortiumReply(leaves: [], note: "", finalSize: 0)))
          .encoded()
      }
      return try await transit.deliver(transit.request)
    }
    // A hospital without a seat has its visits anchored all the same, and follows.
    _ = try await consortium.hold(test.plan("encounter-1", hospital: "hospital-4"))
    try await consortium.settle()
    let chain = await consortium.cloud.node.consortium
    #expect(try chain.anchor(of: "hospital-4") != nil)
    #expect(await consortium.hospitals["hospital-4"]?.node.consortium.size == chain.size)
  }
}
