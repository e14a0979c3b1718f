import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Doctors who change keys, and who stop")
struct DoctorKeyTests {
  private static let (first, last) = ("hospital-1-doctor-1", "hospital-1-doctor-3")

  private func doctor(_ id: String, _ consortium: LocalConsortium) async throws -> Doctor {
    try #require(await consortium.doctors[id])
  }

  private func expectValid(
    _ test: TestConsortium, _ consortium: LocalConsortium
  ) async throws {
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves })
    // Who is registered anew is counted once.
    #expect(report.doctors == 9)
  }

  /// A client that has seen nothing yet.
  @inline(never)
  private func client(
    _ test: TestConsortium, _ consortium: LocalConsortium
  ) throws -> LedgerClient {
    try LedgerClient(
      genesis: consortium.genesis, store: MemoryRoleStore(),
      requests: test.client(consortium, as: TestConsortium.patient).requests,
      clock: { TestConsortium.start })
  }

  @Test("a past visit opens and verifies when its doctors have retired or have other keys")
  func pastVisits() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let replaced = try await client(test, consortium).doctor(Self.last, by: "hospital-1")
    try await doctor(Self.first, consortium).retire()
    let anew = try test.newProgram(of: Self.last, consortium)
    try await hospital.employ(Self.last, fingerprint: anew.fingerprint())
    try await anew.register()
    try await consortium.settle()
    let present = try await client(test, consortium).doctor(Self.last, by: "hospital-1")
    #expect(present.statement.replaces == replaced.statement.digest)
    #expect(
      try await client(test, consortium).doctor(Self.first, by: "hospital-1").status == .retired)
    // Whoever comes with nothing but the genesis finds the visit as its team has signed it.
    let owner = try await test.patient(of: test.state(of: visit, consortium).context)
    let (completion, _) = try await client(test, consortium).completion(
      of: visit, at: "hospital-1", for: VisitReader([owner]))
    #expect(completion.context.signers.last == replaced.statement.signer)
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    #expect(try await patient.collect(visit, at: "hospital-1").record?.visit == visit)
    let consent = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + 3600)
    try await consortium.settle()
    let record = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
    #expect(record.visit == visit)
    try await expectValid(test, consortium)
  }

  @Test("a doctor rotates amid a visit, and goes on after a restart with the new keys")
  func rotation() async throws {
    let test = TestConsortium()
    var consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    let old = try await doctor(Self.last, consortium)
    #expect(try await !old.rotateKeys())
    #expect(try await !old.rotateKeys())
    try await consortium.settle()
    // Keys in force, and the program does not know it yet.
    consortium = try await test.open()
    #expect(try await doctor(Self.last, consortium).rotateKeys())
    consortium = try await test.open()
    try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
    for position in 1...3 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: plan.hospital)
    try await consortium.settle()
    let present = try await client(test, consortium).doctor(Self.last, by: "hospital-1")
    #expect(present.identityKey != present.statement.identityKey)
    // The completion bears a key that no registration has.
    let owner = try await test.patient(of: test.state(of: visit, consortium).context)
    let (completion, _) = try await client(test, consortium).completion(
      of: visit, at: "hospital-1", for: VisitReader([owner]))
    #expect(completion.context.visitID == visit)
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    #expect(try await patient.collect(visit, at: "hospital-1").record?.visit == visit)
    try await expectValid(test, consortium)
  }

  @Test("[attack] a stolen key is refused by proxy and patient once it is replaced or suspended")
  func stolenKeyAsks() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    let stolen = try test.identityKey(of: "doctors/\(TestConsortium.reader)")
    let address = try await consortium.address(ofPatient: TestConsortium.patient)
    let request = AccessRequest(
      genesis: consortium.genesis.digest, doctor: TestConsortium.reader, hospital: "hospital-2",
      address: address, purpose: "theft", madeAt: TestConsortium.start,
      nonce: [UInt8](repeating: 1, count: 32))
    let submission = SubmitAccessRequest(request: Signed(request, by: stolen))
    let forward = ForwardAccessRequest(request: Signed(request, by: stolen))
    let client = test.client(
      consortium, by: Author(.party(TestConsortium.reader), stolen))
    func codes() async -> [String] {
      [
        await ConsortiumError.code { _ = try await client.ask(submission, of: "manager") },
        await ConsortiumError.code {
          _ = try await test.client(consortium, as: "manager").ask(forward, of: address.id)
        },
      ]
    }
    #expect(await codes() == ["nothing", "nothing"])
    let hospital = try #require(consortium.hospitals["hospital-2"])
    #expect(try await hospital.setStanding(of: TestConsortium.reader, .suspended))
    try await consortium.settle()
    #expect(await codes() == ["not-active", "not-active"])
    // The manager passes none on.
    let passed = test.wire.requests(ForwardAccessRequest.self).count
    #expect(
      await ConsortiumError.code { _ = try await client.ask(submission, of: "manager") }
        == "not-active")
    #expect(test.wire.requests(ForwardAccessRequest.self).count == passed)
    #expect(try await hospital.setStanding(of: TestConsortium.reader, .active))
    let owner = try await doctor(TestConsortium.reader, consortium)
    try await consortium.settle()
    #expect(try await !hospital.setStanding(of: TestConsortium.reader, .active))
    #expect(try await !owner.rotateKeys())
    try await consortium.settle()
    #expect(try await owner.rotateKeys())
    #expect(await codes() == ["unauthenticated", "unauthenticated"])
    // Another hospital has no say.
    let other = try #require(consortium.hospitals["hospital-1"])
    #expect(
      await ConsortiumError.code {
        try await other.setStanding(of: TestConsortium.reader, .suspended)
      } == "unknown-doctor")
  }

  @Test("who is suspended sits on no new team and opens no record, and a visit under way stands")
  func suspended() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let plan = test.plan("encounter-2")
    let open = try await test.beginVisit(consortium, plan).context
    let team = open.signers.map(\.doctor)
    try await consortium.diagnose(open.visitID, plan, position: 1)
    let hospital = try #require(consortium.hospitals["hospital-1"])
    #expect(try await hospital.setStanding(of: team[0], .suspended))
    let readers = try #require(consortium.hospitals["hospital-2"])
    #expect(try await readers.setStanding(of: TestConsortium.reader, .suspended))
    try await consortium.settle()
    // It counts at once for the doctor's own signature, and for the team when the base has moved.
    let stopped = try await doctor(team[0], consortium)
    #expect(
      await ConsortiumError.code {
        try await stopped.diagnose(open.visitID, Array("another finding".utf8))
      } == "not-active")
    try await test.pass(seconds: 50, consortium)
    #expect(
      await ConsortiumError.code {
        try await consortium.diagnose(open.visitID, plan, position: 2)
      } == "not-active")
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
      } == "not-active")
    #expect(
      await ConsortiumError.code { _ = try await consortium.open(test.plan("encounter-3")) }
        == "no-team")
    // Let go on in time, all go on.
    #expect(try await hospital.setStanding(of: team[0], .active))
    #expect(try await readers.setStanding(of: TestConsortium.reader, .active))
    try await consortium.settle()
    for position in 2...3 { try await consortium.diagnose(open.visitID, plan, position: position) }
    try await consortium.complete(open.visitID, at: plan.hospital)
    _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
    try await expectValid(test, consortium)
  }

  @Test("[attack] a supernode that leaves out what is newer cannot go back behind what was seen")
  func staleDirectory() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let store = MemoryRoleStore()
    let patient = test.client(consortium, as: TestConsortium.patient)
    func client() throws -> LedgerClient {
      try LedgerClient(
        genesis: consortium.genesis, store: store, requests: patient.requests,
        clock: { TestConsortium.start })
    }
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let owner = try await doctor(Self.first, consortium)
    #expect(try await !owner.rotateKeys())
    #expect(try await hospital.setStanding(of: Self.first, .suspended))
    let surgery = try #require(Specialty("http://snomed.info/sct|394609007"))
    #expect(try await hospital.setSpecialties(of: Self.first, [surgery]))
    try await consortium.settle()
    let honest = try await client().doctor(Self.first, by: "hospital-1")
    #expect(honest.status == .suspended)
    #expect(honest.specialties == [surgery])
    #expect(honest.identityKey != honest.statement.identityKey)
    for (code, change): (String, @Sendable (inout DoctorProof) -> Void) in [
      ("stale-doctor", { $0.status = nil }), ("stale-doctor", { $0.rotation = nil }),
      ("stale-doctor", { $0.specialties = nil }),
      ("unknown-doctor", { $0.specialties = $0.status }),
      ("unknown-doctor", { $0.specialties = $0.registration }),
      ("unknown-doctor", { $0.rotation = $0.status }),
      ("unknown-doctor", { $0.status = $0.registration }),
      ("unknown-doctor", { $0.registration = $0.status ?? $0.registration }),
    ] {
      test.wire.answer(ProveDoctor.self) { proof in
        var changed = proof
        change(&changed)
        return changed
      }
      // After a restart too.
      let told = await ConsortiumError.code {
        _ = try await client().doctor(Self.first, by: "hospital-1")
      }
      #expect(told == code)
    }
    // Who has never asked before can be told that nothing has changed: the threat model says so.
    test.wire.answer(ProveDoctor.self) { proof in
      var changed = proof
      (changed.status, changed.rotation, changed.specialties) = (nil, nil, nil)
      return changed
    }
    let fooled = try await self.client(test, consortium).doctor(Self.first, by: "hospital-1")
    #expect(fooled.status == .active)
    test.wire.intercept(nil)
    #expect(try await client().doctor(Self.first, by: "hospital-1").status == .suspended)
  }
}
