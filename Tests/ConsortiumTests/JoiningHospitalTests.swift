import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import Testing

@Suite("Hospitals that join a consortium which is at work")
struct JoiningHospitalTests {
  private static let voters = (1...3).map { "hospital-\($0)-trust" }

  @Test("a hospital is voted in, treats patients, gets a seat, and is there after a restart")
  func joins() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    var consortium = try await test.open()
    let before = try await consortium.hold(test.plan("encounter-1")).visit
    let motion = try await consortium.proposeHospital("hospital-4", sponsor: Self.voters[0])
    #expect(try await consortium.status(ofMotion: motion) == .open)
    for voter in Self.voters.dropFirst() { try await consortium.vote(on: motion, by: voter) }
    #expect(try await consortium.status(ofMotion: motion) == .passed)
    #expect(
      await ConsortiumError.code { try await consortium.openHospital("hospital-4") }
        == "wrong-state")
    try await test.passEpoch(consortium)
    try await consortium.openHospital("hospital-4")
    #expect(try await consortium.members().hospitals.count == 4)

    // A patient who knows the consortium of long ago meets the new hospital.
    let visit = try await consortium.hold(
      test.plan("encounter-2", hospital: "hospital-4")
    ).visit
    for (visit, reader) in [(visit, "hospital-2-doctor-1"), (before, "hospital-4-doctor-1")] {
      let request = try await consortium.requestAccess(
        doctor: reader, patient: TestConsortium.patient, purpose: "second opinion")
      let consent = try await consortium.consent(
        patient: TestConsortium.patient, to: request, visit: visit,
        expiresAt: TestConsortium.start + 36_000)
      try await consortium.settle()
      #expect(
        try await consortium.openRecord(doctor: reader, consent: consent).findings.count == 1)
    }
    for voter in Self.voters + ["hospital-4-trust"] {
      try await consortium.approve(["hospital-4", "cloud"], by: voter)
    }
    for _ in 0..<2 { try await test.passEpoch(consortium) }
    #expect(try await consortium.delegates().contains("hospital-4"))

    consortium = try await test.open()
    #expect(try await consortium.members().hospitals.last == "hospital-4")
    _ = try await consortium.hold(test.plan("encounter-3", hospital: "hospital-4"))
    try await consortium.settle()
    let report = try await test.verify(consortium)
    #expect(report.chains.map(\.name).last == "hospital-4")
    #expect(report.chains.allSatisfy { $0.fault == nil })
    #expect(report.chains.allSatisfy { $0.finalLeaves == $0.leaves })
    #expect(report.chains.last?.visits.complete == 2)
  }

  @Test("[attack] a supernode shows a client other members, or those of another epoch")
  func otherMembers() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    let motion = try await consortium.proposeHospital("hospital-4", sponsor: Self.voters[0])
    for voter in Self.voters.dropFirst() { try await consortium.vote(on: motion, by: voter) }
    try await test.passEpoch(consortium)
    try await consortium.openHospital("hospital-4")
    let genuine = try await consortium.members().members
    var forged = genuine
    // The cloud's key for a key that somebody else has.
    for index in forged.supernodes.indices where forged.supernodes[index].id == "cloud" {
      forged.supernodes[index].identityKey =
        try test.identityKey(of: "organisations/hospital-1-trust").publicKey
    }
    for members in [forged, consortium.genesis.members.members] {
      test.wire.intercept { transit in
        guard transit.payload(FetchMembers.self) != nil else {
          return try await transit.deliver(transit.request)
        }
        return try transit.answer(FetchMembers.self, MembersReply(members))
      }
      #expect(
        await ConsortiumError.code {
          _ = try await consortium.hold(test.plan("encounter-1", hospital: "hospital-4"))
        } == "invalid-proof")
    }
    test.wire.intercept(nil)
    _ = try await consortium.hold(test.plan("encounter-1", hospital: "hospital-4"))
  }

  @Test("[attack] a ballot with a server's key; a motion by somebody who is no organisation")
  func otherKeys() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let node = consortium.cloud.node
    let motion = try await consortium.proposeHospital("hospital-4", sponsor: Self.voters[0])
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
    let ballot = Ballot(motion: motion, approves: true)
    let own = Motion(number: 1, lastEpoch: 1, changes: [.setNumbers(Members.Numbers())])
    let trust = "organisations/hospital-2-trust"
    #expect(try await refusal(ballot, by: "hospital-2-trust", "hospital-2") == "wrong-signature")
    #expect(try await refusal(ballot, by: "hospital-2", "hospital-2") == "not-entitled")
    #expect(try await refusal(own, by: "hospital-2", "hospital-2") == "not-entitled")
    #expect(try await refusal(own, by: "hospital-2-trust", "hospital-2") == "wrong-signature")
    #expect(try await refusal(ballot, by: "hospital-2-trust", trust) == nil)
  }
}
