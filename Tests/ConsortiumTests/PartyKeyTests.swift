import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Parties that take new keys")
struct PartyKeyTests {
  private static let servers = ["hospital-1", "hospital-2", "hospital-3", "cloud", "manager"]
  private static let organisations =
    ["health-authority", "cloud-operator"] + (1...3).map { "hospital-\($0)-trust" }

  /// The keys of a party's file but those that never change.
  private func keys(_ place: String, _ test: TestConsortium) -> Set<String> {
    test.keyNames(place).subtracting(["log", "visit-identifiers", "registration"])
  }

  private func rotateAll(_ consortium: LocalConsortium) async throws {
    for party in Self.servers + Self.organisations { try await consortium.rotateKeys(of: party) }
  }

  private func share(
    _ visit: Digest32, with reader: String, _ consortium: LocalConsortium
  ) async throws -> Int {
    let request = try await consortium.requestAccess(
      doctor: reader, patient: TestConsortium.patient, purpose: "second opinion")
    let consent = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + 3600)
    try await consortium.settle()
    return try await consortium.openRecord(doctor: reader, consent: consent).findings.count
  }

  @Test("all of them at once, with visits under way: everything goes on, and the former are erased")
  func everybody() async throws {
    let test = TestConsortium(teamSize: 2, epochLength: 30)
    var consortium = try await test.open()
    let former = try await consortium.members()
    let before = try await consortium.hold(test.plan("encounter-1")).visit
    let plan = test.plan("encounter-2")
    let underWay = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(underWay, plan, position: 1)
    try await test.passEpoch(consortium)
    try await rotateAll(consortium)
    // Whoever asks twice does not get a third key.
    try await consortium.rotateKeys(of: "cloud")
    #expect(try await consortium.members().digest == former.digest)
    for place in Self.servers + Self.organisations.map({ "organisations/\($0)" }) {
      let names = keys(place, test)
      #expect(names.count % 2 == 0)
      #expect(names.allSatisfy { $0.hasSuffix("#2") || names.contains("\($0)#2") })
    }
    try await test.passEpoch(consortium)
    let present = try await consortium.members()
    for party in Self.servers + Self.organisations {
      #expect(present.identityKey(of: party) != former.identityKey(of: party))
    }
    try await consortium.diagnose(underWay, plan, position: 2)
    try await consortium.complete(underWay, at: plan.hospital)
    try await consortium.settle()
    _ = try await consortium.hold(test.plan("encounter-3", hospital: "hospital-2"))
    _ = try await consortium.hold(test.plan("encounter-4", hospital: "hospital-3"))
    #expect(try await share(before, with: TestConsortium.reader, consortium) == 2)

    for _ in 0..<2 { try await test.passEpoch(consortium) }
    for place in Self.servers {
      #expect(keys(place, test).allSatisfy { $0.hasSuffix("#2") }, "\(place)")
    }
    consortium = try await test.open()
    _ = try await consortium.hold(plan)
    #expect(try await share(underWay, with: TestConsortium.reader, consortium) == 2)
    // Organisations go on voting.
    let motion = try await consortium.proposeHospital(
      "hospital-4", sponsor: "hospital-1-trust")
    for number in 2...3 { try await consortium.vote(on: motion, by: "hospital-\(number)-trust") }
    #expect(try await consortium.status(ofMotion: motion) == .passed)
    // They have no servers, so theirs are erased when they sign.
    for number in 1...3 {
      #expect(keys("organisations/hospital-\(number)-trust", test) == ["identity#2"])
    }
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves })
  }

  @Test("an entry whose answer is lost is asked for again, with the same keys")
  func lostAnswer() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    var consortium = try await test.open()
    test.wire.lose(OfferEntry.self)
    #expect(
      await ConsortiumError.code { try await consortium.rotateKeys(of: "manager") }
        == "unreachable")
    test.wire.intercept(nil)
    let made = try test.secret("identity#2", of: "manager")
    consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-1"))
    try await consortium.rotateKeys(of: "manager")
    #expect(try test.secret("identity#2", of: "manager") == made)
    try await test.passEpoch(consortium)
    #expect(
      try await consortium.members().manager.identityKey == IdentityKey(seed: made).publicKey)
    _ = try await consortium.hold(test.plan("encounter-2"))
  }

  @Test("who was away while its key changed, and while those of others did, comes back")
  func away() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-1", hospital: "hospital-3"))
    try await consortium.rotateKeys(of: "hospital-3")
    await consortium.stop(hospital: "hospital-3")
    for _ in 0..<3 {
      for party in ["hospital-1", "hospital-2", "cloud"] {
        try await consortium.rotateKeys(of: party)
      }
      try await test.passEpoch(consortium)
    }
    try await consortium.start(hospital: "hospital-3")
    try await consortium.settle()
    _ = try await consortium.hold(test.plan("encounter-2", hospital: "hospital-3"))
    consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-3", hospital: "hospital-3"))
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil })
  }

  @Test("[attack] a former key signs an entry, asks for leaves, or makes an offer")
  func formerKeys() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-1"))
    let stolen = try test.identityKey(of: "hospital-1")
    let doctor = DoctorStatusChange(doctor: "hospital-1-doctor-1", status: .retired, number: 1)
    let entry = Entry(
      EntryContent(
        genesis: consortium.genesis.digest, chain: ChainName.consortium,
        signer: .party("hospital-1"), body: doctor),
      signedBy: stolen)
    try await consortium.rotateKeys(of: "hospital-1")
    for _ in 0..<2 { try await test.passEpoch(consortium) }
    let node = consortium.cloud.node
    #expect(await ConsortiumError.code { try await node.submit(entry) } == "wrong-signature")
    let terms = test.terms("hospital-1", to: "cloud")
    let leaves = LeavesQuery(terms, hospital: "hospital-1", from: 0)
    let query = ConsortiumQuery(terms, from: 0)
    let client = try test.client(as: "hospital-1")
    #expect(
      await ConsortiumError.code {
        _ = try await client.ask(
          FetchLeaves(query: Signed(Message(leaves), by: stolen)), of: "cloud")
      } == "unauthenticated")
    #expect(
      await ConsortiumError.code {
        _ = try await client.ask(
          FetchOutbox(query: Signed(Message(query), by: stolen)), of: "cloud")
      } == "unauthenticated")
  }

  @Test("a consent is on its way while the manager takes other keys: it arrives, the same")
  func consentUnderWay() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let expiry = await consortium.ledgerTime() + 36_000
    func consent() async throws -> Digest32 {
      try await consortium.consent(
        patient: TestConsortium.patient, to: request, visit: visit, expiresAt: expiry)
    }
    let sent = Capture<DepositConsent>()
    test.wire.intercept { transit in
      guard let deposit = transit.payload(DepositConsent.self) else {
        return try await transit.deliver(transit.request)
      }
      sent.value = deposit
      throw ConsortiumError(.unreachable, "the message is lost")
    }
    #expect(await ConsortiumError.code { _ = try await consent() } == "unreachable")
    test.wire.intercept(nil)
    let lost = try #require(sent.value)
    let former = try await consortium.members().manager
    try await consortium.rotateKeys(of: "manager")
    for _ in 0..<3 { try await test.passEpoch(consortium) }
    #expect(try await consortium.members().manager.identityKey != former.identityKey)
    let given = try await consent()
    #expect(given == lost.consent.object.digest)
    #expect(test.wire.requests(DepositConsent.self).last?.share == lost.share)
    try await consortium.settle()
    let record = try await consortium.openRecord(
      doctor: TestConsortium.reader, consent: given)
    #expect(record.findings.count == 1)
  }

  @Test("a delegate whose disk was put back gives its keys up, is silent, and has its voice again")
  func renounced() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-1"))
    let hospital = try #require(consortium.hospitals["hospital-2"])
    let voting = try test.secret("voting", of: "hospital-2")
    try await hospital.renounceVotes()
    // The former are gone at once, and asked again it does not take others.
    #expect(keys("hospital-2", test).isDisjoint(with: ["voting", "cosigner/consortium"]))
    let made = try test.secret("voting#2", of: "hospital-2")
    try await hospital.renounceVotes()
    #expect(try test.secret("voting#2", of: "hospital-2") == made)
    #expect(made != voting)
    #expect(await hospital.node.delegate?.hasSeat == false)
    #expect(try await hospital.node.seatStanding() == .without(.givenUp))
    // The others are three of four, and go on.
    _ = try await consortium.hold(test.plan("encounter-2", hospital: "hospital-2"))
    try await test.passEpoch(consortium)
    #expect(await hospital.node.delegate?.hasSeat == true)
    let seat = try #require(
      try await consortium.cloud.node.consortium.delegates(
        forHeight: await consortium.cloud.node.consortium.height
      ).seats.first { $0.delegate == "hospital-2" })
    #expect(seat.votingKey == (try IdentityKey(seed: made)).publicKey)
    // With another silent, nothing would be decided without it.
    await consortium.stop(hospital: "hospital-3")
    _ = try await consortium.hold(test.plan("encounter-3"))
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil })
  }
}
