import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("What whoever runs a role is told, and decides")
struct OperationTests {
  @Test("A role without room refuses what it would store, answers what it has, and goes on")
  func room() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let inbox = consortium.manager.inbox
    let failures = inbox.failures.recent.count

    func answers() async throws -> (stored: String, read: String) {
      let (bytes, key) = try test.client(consortium, as: TestConsortium.reader).envelope(
        Reencrypt(consent: consent, share: [1], index: 0), to: "manager")
      let sealed = try await consortium.courier.send(bytes, from: "x", to: "manager")
      let stored = try key.open(SealedAnswer(encoded: sealed).sealed)
      let read = try await consortium.courier.send(
        Message(FetchEnvelopeKey()).encoded(), from: "x", to: "manager")
      return (String(decoding: stored, as: UTF8.self), String(decoding: read, as: UTF8.self))
    }

    let open = try await answers()
    inbox.room.isOpen = false
    let closed = try await answers()
    #expect(closed.stored.contains("unavailable") && !open.stored.contains("unavailable"))
    #expect(closed.read == open.read && closed.read.contains("manager"))
    #expect(inbox.failures.recent.count == failures, "that is no failure of the role")
    let noRoom = inbox.counts.all.filter { $0.key.outcome == "no-room" }
    #expect(noRoom.map(\.key.name) == [Reencrypt.name] && noRoom.map(\.value) == [1])
    inbox.room.isOpen = true
    #expect(try await answers().stored == open.stored)
  }

  @Test("Requests are counted by kind and outcome, and what strangers send by two names")
  func counts() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let inbox = consortium.manager.inbox
    func count(_ name: String, _ outcome: String) -> UInt64 {
      inbox.counts.all.filter { $0.key.name == name && $0.key.outcome == outcome }.values
        .reduce(0, +)
    }
    let answered = count(FetchEnvelopeKey.name, "ok")
    _ = try await consortium.courier.send(
      Message(FetchEnvelopeKey()).encoded(), from: "x", to: "manager")
    #expect(count(FetchEnvelopeKey.name, "ok") == answered + 1)
    for number in 0..<3 {
      _ = try await consortium.courier.send([1, 2, UInt8(number)], from: "x", to: "manager")
    }
    #expect(count("bare", "malformed") == 3)
  }

  @Test("The counter sees open visits with their deadlines and teams, and the doctors it took on")
  func counter() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let hospital = try #require(consortium.hospitals[plan.hospital])
    #expect(try await hospital.openVisits().isEmpty)
    let context = try await test.beginVisit(consortium, plan).context
    var visits = try await hospital.openVisits()
    let begun = try #require(visits.first)
    #expect(visits.count == 1 && begun.visit == context.visitID)
    #expect(begun.team == context.signers.map(\.doctor) && begun.signatureCount == 0)
    #expect(begun.openedAt == context.openedAt)
    #expect(begun.nextDeadline == context.deadline(ofPosition: 1))
    #expect(begun.lastDeadline == context.deadline(ofPosition: 2))
    try await consortium.diagnose(context.visitID, plan, position: 1)
    visits = try await hospital.openVisits()
    #expect(visits.first?.signatureCount == 1)
    #expect(visits.first?.nextDeadline == context.deadline(ofPosition: 2))
    #expect(try await visits.first?.isOver(at: hospital.countedTime()) == false)
    // What was counted, and not what has passed: a halt makes nobody late.
    test.pass(seconds: 5000)
    try await consortium.settle()
    #expect(try await visits.first?.isOver(at: hospital.countedTime()) == false)
    try await test.pass(seconds: 1250, consortium)
    visits = try await hospital.openVisits()
    #expect(try await visits.first?.isOver(at: hospital.countedTime()) == true)
    try await hospital.abandon(context.visitID, .interrupted)
    #expect(try await hospital.openVisits().isEmpty)

    let employees = try await hospital.employeeList()
    #expect(employees.map(\.doctor).contains(context.signers[0].doctor))
    #expect(employees.allSatisfy { $0.status == .active })
    try await hospital.employ("newcomer", fingerprint: Digest32(sha256: [1]))
    let newcomer = try await hospital.employeeList().first { $0.doctor == "newcomer" }
    #expect(newcomer?.status == nil && newcomer?.fingerprint == Digest32(sha256: [1]))
    #expect(newcomer?.registration == nil)
  }

  @Test("The office expects nobody whom the ledger has elsewhere, and takes back what it expects")
  func expectations() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (hospital, other) = (
      try #require(consortium.hospitals["hospital-1"]),
      try #require(consortium.hospitals["hospital-2"])
    )
    let told = Digest32(sha256: [1])
    func employee(_ doctor: String, at hospital: HospitalServer) async throws
      -> HospitalServer.Employee?
    {
      try await hospital.employeeList().first { $0.doctor == doctor }
    }

    #expect(
      await ConsortiumError.code {
        try await hospital.employ(TestConsortium.reader, fingerprint: told)
      } == "registered-elsewhere")
    #expect(try await employee(TestConsortium.reader, at: hospital) == nil)

    // Expected at two hospitals, and registered at one of them.
    let doctor = try test.newProgram(of: "newcomer", consortium)
    let fingerprint = try await doctor.fingerprint()
    for office in [hospital, other] {
      try await office.employ("newcomer", fingerprint: fingerprint)
    }
    #expect(try await hospital.voidExpectation(of: "newcomer"))
    #expect(try await !hospital.voidExpectation(of: "newcomer"))
    #expect(try await employee("newcomer", at: hospital) == nil)
    #expect(await ConsortiumError.code { try await doctor.register() } == "not-employed")
    try await hospital.employ("newcomer", fingerprint: fingerprint)
    try await doctor.register()
    try await consortium.settle()
    let here = try #require(await employee("newcomer", at: hospital))
    #expect(here.status == .active && here.registration?.hospital == "hospital-1")
    #expect(here.registration?.fingerprint == fingerprint)
    let elsewhere = try #require(await employee("newcomer", at: other))
    #expect(elsewhere.status == nil && elsewhere.registration?.hospital == "hospital-1")
    #expect(try await other.voidExpectation(of: "newcomer"))
    #expect(try await employee("newcomer", at: other) == nil)

    // Other keys are expected of who is registered, and are not any more; the registration stays.
    #expect(try await !hospital.voidExpectation(of: "newcomer"))
    try await hospital.employ("newcomer", fingerprint: told)
    let expected = try #require(await employee("newcomer", at: hospital))
    #expect(expected.fingerprint == told && expected.registration?.fingerprint == fingerprint)
    #expect(try await hospital.voidExpectation(of: "newcomer"))
    #expect(try await employee("newcomer", at: hospital)?.fingerprint == fingerprint)
    #expect(try await employee("newcomer", at: hospital)?.status == .active)
    #expect(try await !hospital.voidExpectation(of: "newcomer"))

    try await hospital.setStanding(of: "newcomer", .retired)
    try await consortium.settle()
    #expect(
      await ConsortiumError.code { try await hospital.employ("newcomer", fingerprint: told) }
        == "not-active")
  }

  @Test("How far a chain is: what more than a third of the seats show, whatever one of them says")
  func newestPosition() {
    let seats = ["a", "b", "c", nil]
    func newest(_ shown: [String: (UInt64, UInt64)]) -> UInt64? {
      ShownPosition.newest(
        of: shown.mapValues { ShownPosition(finalSize: $0.0, at: $0.1) }, seats: seats, since: 100)
    }
    #expect(newest([:]) == nil)
    #expect(newest(["a": (50, 100)]) == nil, "one may lie")
    #expect(newest(["a": (50, 100), "b": (.max, 100)]) == 50)
    #expect(newest(["a": (50, 100), "b": (60, 100), "c": (0, 100)]) == 50)
    #expect(newest(["a": (50, 99), "b": (60, 100)]) == nil, "it was long ago")
    #expect(newest(["a": (50, 100), "x": (60, 100)]) == nil, "it has no seat")
    let standing = ChainStanding(chain: "consortium", held: 40, newest: 50)
    #expect(standing.behind == 10)
    #expect(ChainStanding(chain: "consortium", held: 60, newest: 50).behind == 0)
    #expect(ChainStanding(chain: "consortium", held: 60, newest: nil).behind == nil)
  }

  @Test("[attack] keys that were put back sign nothing, not even one that came in force since")
  func abandonedKeys() throws {
    var randomness: Randomness = SystemRandomNumberGenerator()
    let file = try SupernodeKeys.generate(
      owner: "cloud", chains: [ChainName.consortium, "hospital-1"], isHospital: false,
      using: &randomness)
    // One that was made, and was to be in force from the next epoch on.
    let both = try file.changed(["voting#2": [UInt8](repeating: 7, count: 32)])
    let ring = try KeyRing(both, network: "test", save: { _ in })
    let before = try ["voting", "voting#2"].map { try IdentityKey(seed: both.secret($0)).publicKey }
    let uses = ring.uses.filter { $0 == .voting || $0.chain != nil }
    let changed = try ring.abandonAll(uses, using: &randomness)
    #expect(
      changed == [.voting, .cosigner(ChainName.consortium), .cosigner("hospital-1")])
    for key in before { #expect(ring.votingKey(key) == nil) }
    let newest = try #require(ring.publicKey(.voting))
    #expect(ring.votingKey(newest) != nil && !before.contains(newest))
    let party = Party.supernode(
      try SupernodeKeys(
        file, ring: KeyRing(file, network: "test", save: { _ in }), isHospital: false
      )
      .publicPart(id: "cloud", organisation: "o", role: .cloud, isCandidate: true))
    #expect(ring.givenUp(of: party) == uses)
    // Without another key in their place, they are simply lost.
    let lost = try KeyRing(
      file.changed(["voting": nil]), network: "test", save: { _ in })
    #expect(lost.givenUp(of: party) == nil)
  }
}
