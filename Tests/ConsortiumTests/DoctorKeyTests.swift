import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Synchronization
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

  /// What is on its way while its doctor takes another key.
  struct OnTheWay: Sendable, CustomTestStringConvertible {
    /// Or else a signature.
    let isCompletion: Bool
    /// Whether the answer is lost, or else the request.
    let isTaken: Bool
    /// Whether the program goes on with it by itself, or else the doctor makes the call again.
    let isFollowed: Bool

    static let all = [false, true].flatMap { isCompletion in
      [false, true].flatMap { isTaken in
        [false, true].map {
          OnTheWay(isCompletion: isCompletion, isTaken: isTaken, isFollowed: $0)
        }
      }
    }

    var testDescription: String {
      "\(isCompletion ? "completion" : "signature"), \(isTaken ? "answer" : "request") lost, "
        + (isFollowed ? "followed up" : "called again")
    }
  }

  @Test(
    "what is lost while a doctor takes another key comes to stand, and counts once",
    arguments: OnTheWay.all)
  func lostBeforeRotation(_ way: OnTheWay) async throws {
    let test = TestConsortium(teamSize: 1, window: 36_000)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let visit = context.visitID
    let owner = try await doctor(context.signers[0].doctor, consortium)
    _ = try await owner.take(presence: test.presence(of: visit, to: owner.id, consortium).text)
    func goOn() async -> String? {
      await ConsortiumError.code {
        if way.isCompletion {
          _ = try await owner.completeVisit(visit)
        } else {
          _ = try await owner.diagnose(visit, plan.findings[0])
        }
      }
    }
    if way.isCompletion { _ = try await owner.diagnose(visit, plan.findings[0]) }
    let isTaken = way.isTaken
    test.wire.intercept { transit in
      guard transit.payload(SubmitEntry.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      if isTaken { _ = try await transit.deliver(transit.request) }
      throw ConsortiumError(.unreachable, "lost on the way")
    }
    #expect(await goOn() == "unreachable")
    var isRotated = false
    for _ in 0..<10 where !isRotated {
      isRotated = try await owner.rotateKeys()
      try await test.pass(seconds: 20, consortium)
    }
    #expect(isRotated)
    test.wire.intercept(nil)
    if way.isFollowed {
      _ = try await owner.followUp()
    } else {
      #expect(await goOn() == nil)
    }
    // What is final by now is forgotten.
    let step = try await owner.visits().first { $0.visit == visit }?.step ?? .done
    #expect(step == (way.isCompletion ? .done : .completion))
    if !way.isCompletion { _ = try await owner.completeVisit(visit) }
    let state = try await test.state(of: visit, consortium)
    #expect(state.status == .complete && state.attempts == [1])
    try await consortium.settle()
    let submitted = try await owner.followUp()
    #expect(submitted.map { $0.kind } == [.signature, .completion])
    #expect(submitted.filter { !$0.standing.isFinal } == [])
    #expect(try await consortium.collect(visit, plan).record != nil)
  }

  @Test("[attack] an answer about a doctor's keys is held back until the next key is on its way")
  func heldAnswer() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let owner = try await doctor(Self.first, consortium)
    #expect(try await !owner.rotateKeys())
    try await consortium.settle()
    let state = Mutex((holds: true, isHeld: false, isReleased: false))
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      let isHeld = state.withLock { state in
        guard state.holds, transit.sender == Self.first, transit.payload(ProveDoctors.self) != nil
        else { return false }
        (state.holds, state.isHeld) = (false, true)
        return true
      }
      while isHeld, !state.withLock({ $0.isReleased }) {
        try await Task.sleep(for: .milliseconds(1))
      }
      return reply
    }
    async let first = owner.rotateKeys()
    while !state.withLock({ $0.isHeld }) { try await Task.sleep(for: .milliseconds(1)) }
    // Whoever waits no longer calls again, and takes the next key later.
    #expect(try await owner.rotateKeys())
    #expect(try await !owner.rotateKeys())
    state.withLock { $0.isReleased = true }
    #expect(try await first)
    try await consortium.settle()
    #expect(try await owner.rotateKeys())
    let present = try await client(test, consortium).doctor(Self.first, by: "hospital-1")
    let file = try #require(test.storage.keys("doctors/\(Self.first)", owner: Self.first))
    let renewed = try await owner.keyFile(renewing: file)
    #expect(
      try IdentityKey(seed: renewed.secret("identity")).publicKey == present.identityKey)
    _ = try await consortium.hold(test.plan())
  }

  @Test("a key file that was renewed opens the same doctor, whatever the store still has")
  func renewedKeyFile() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let place = "doctors/\(Self.first)"
    let file = try #require(test.storage.keys(place, owner: Self.first))
    let owner = try await doctor(Self.first, consortium)
    #expect(try await owner.keyFile(renewing: file).encoded() == file.encoded())
    #expect(try await !owner.rotateKeys())
    // What is only offered is in no file.
    #expect(try await owner.keyFile(renewing: file).encoded() == file.encoded())
    try await consortium.settle()
    #expect(try await owner.rotateKeys())
    let renewed = try await owner.keyFile(renewing: file)
    let present = try await client(test, consortium).doctor(Self.first, by: "hospital-1")
    let identity = try IdentityKey(seed: renewed.secret("identity"))
    #expect(identity.publicKey == present.identityKey)
    #expect(try renewed.secret("signing") == file.secret("signing"))
    // With the store that has the row of the key before, and with an empty one.
    for store in [test.storage.roleStore(place), MemoryRoleStore()] as [any RoleStore] {
      let again = try Doctor(
        id: Self.first, hospital: "hospital-1", genesis: consortium.genesis,
        keys: DoctorKeys(renewed), store: store, courier: consortium.courier,
        clock: { TestConsortium.start })
      #expect(try await again.keyFile(renewing: renewed).encoded() == renewed.encoded())
    }
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
    func codes() async -> [String?] {
      [
        await ConsortiumError.code { _ = try await client.ask(submission, of: "manager") },
        await ConsortiumError.code {
          _ = try await test.client(consortium, as: "manager").ask(forward, of: address.id)
        },
      ]
    }
    #expect(await codes() == [nil, nil])
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

  /// Several are asked for at once: none is taken for another, and who is left out is asked for again.
  private func expectEachItsOwn(
    _ team: [String], _ test: TestConsortium, ask: ([String]) async throws -> [CurrentDoctor]
  ) async throws {
    for change in [
      { (proofs: inout [DoctorProof]) in proofs.swapAt(0, 1) }, { $0[1] = $0[0] },
      { $0 += [$0[0]] }, { $0[1].registration = $0[0].status ?? $0[0].registration },
    ] as [@Sendable (inout [DoctorProof]) -> Void] {
      test.wire.answer(ProveDoctors.self) { proofs in
        var changed = proofs
        change(&changed.proofs)
        return changed
      }
      let told = await ConsortiumError.code { _ = try await ask(team) }
      #expect(["unknown-doctor", "invalid-proof"].contains(told))
    }
    test.wire.answer(ProveDoctors.self) { DoctorProofs(Array($0.proofs.prefix(1))) }
    let both = try await ask(team)
    #expect(both.map(\.statement.doctor) == team)
    #expect(both.map(\.status) == [.suspended, .active])
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
      test.wire.answer(ProveDoctors.self) { proofs in
        var changed = proofs
        change(&changed.proofs[0])
        return changed
      }
      // After a restart too.
      let told = await ConsortiumError.code {
        _ = try await client().doctor(Self.first, by: "hospital-1")
      }
      #expect(told == code)
    }
    try await expectEachItsOwn([Self.first, "hospital-1-doctor-2"], test) {
      try await client().doctors($0, by: "hospital-1")
    }
    // Who has never asked before can be told that nothing has changed: the threat model says so.
    test.wire.answer(ProveDoctors.self) { proofs in
      var changed = proofs
      changed.proofs[0].status = nil
      (changed.proofs[0].rotation, changed.proofs[0].specialties) = (nil, nil)
      return changed
    }
    let fooled = try await self.client(test, consortium).doctor(Self.first, by: "hospital-1")
    #expect(fooled.status == .active)
    test.wire.intercept(nil)
    #expect(try await client().doctor(Self.first, by: "hospital-1").status == .suspended)
  }

  @Test(
    "[attack] a courier gives an old answer about a doctor again, who was suspended since",
    arguments: [nil, true, false] as [Bool?])
  func oldAnswer(isSealed: Bool?) async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let store = MemoryRoleStore()
    let requests = test.client(consortium, as: TestConsortium.patient).requests
    func client() throws -> LedgerClient {
      try LedgerClient(
        genesis: consortium.genesis, store: store, requests: requests,
        clock: { TestConsortium.start })
    }
    // Twice, so that the last answer is what anybody is told who has seen as much.
    for _ in 0..<2 { _ = try await client().activeDoctor(Self.first, by: "hospital-1") }
    let kept = try #require(test.wire.passages.last { $0.kind == ProveDoctors.name })
    #expect(ObjectKind(of: kept.request) == .envelope)
    let hospital = try #require(consortium.hospitals["hospital-1"])
    #expect(try await hospital.setStanding(of: Self.first, .suspended))
    try await consortium.settle()
    let forged = Signed(
      EnvelopeKey(
        genesis: consortium.genesis.digest, owner: "hospital-1",
        key: [UInt8](repeating: 9, count: 32), first: test.time, last: test.time + 1000),
      by: try TestConsortium.stranger().key)
    let given = Capture<Int>()
    given.value = 0
    test.wire.intercept { transit in
      if transit.payload(ProveDoctors.self) != nil {
        given.change { $0 = ($0 ?? 0) + 1 }
        return isSealed == true ? kept.reply : kept.answer
      }
      // Where the hospital's key cannot be checked, is it asked without a seal?
      if isSealed == nil, transit.payload(FetchEnvelopeKey.self) != nil {
        given.change { $0 = ($0 ?? 0) + 1 }
        return try transit.answer(FetchEnvelopeKey.self, forged)
      }
      return try await transit.deliver(transit.request)
    }
    #expect(
      await ConsortiumError.code {
        _ = try await client().activeDoctor(Self.first, by: "hospital-1")
      } == "unreachable")
    #expect(try #require(given.value) > 0)
    test.wire.intercept(nil)
    #expect(
      await ConsortiumError.code {
        _ = try await client().activeDoctor(Self.first, by: "hospital-1")
      } == "not-active")
  }

  @inline(never)
  private static func kept(_ row: String, in store: any RoleStore) throws -> RotatedKey {
    let bytes = try store.value(forKey: row)
    return try Message<RotatedKey>(encoded: #require(bytes)).payload
  }

  @inline(never)
  private static func keyFile(_ seed: UInt64) throws -> KeyFile {
    var generator = SeededGenerator(seed: seed)
    return try DoctorKeys.generate(owner: first, using: &generator)
  }

  /// The program of the first doctor, as it starts on a store.
  @inline(never)
  private static func program(
    _ file: KeyFile, _ store: any RoleStore, _ seed: UInt64, _ test: TestConsortium,
    _ consortium: LocalConsortium
  ) throws -> Doctor {
    try Doctor(
      id: first, hospital: "hospital-1", genesis: consortium.genesis, keys: DoctorKeys(file),
      store: store, courier: try #require(test.wire.courier), clock: { test.time },
      randomness: SeededGenerator(seed: seed))
  }

  @Test("[attack] a doctor whose keys a thief has registers anew with the own store")
  func registrationAnew() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let robbed = try await doctor(Self.first, consortium)
    #expect(try await !robbed.rotateKeys())
    try await consortium.settle()
    #expect(try await robbed.rotateKeys())
    // One more that is not in force yet.
    #expect(try await !robbed.rotateKeys())
    let store = test.storage.roleStore("doctors/\(Self.first)")
    let former = [
      try Self.kept("keys/rotated", in: store), try Self.kept("keys/pending", in: store),
    ]
    let file = try Self.keyFile(99)
    var seed: UInt64 = 99
    func program() throws -> Doctor {
      seed += 1
      return try Self.program(file, store, seed, test, consortium)
    }
    let server = try #require(consortium.hospitals["hospital-1"])
    let anew = try program()
    try await server.employ(Self.first, fingerprint: try await anew.fingerprint())
    try await anew.register()
    try await consortium.settle()
    let registered = try await client(test, consortium).doctor(Self.first, by: "hospital-1")
    #expect(registered.identityKey == registered.statement.identityKey)
    #expect(try await anew.fingerprint() == registered.statement.digest)

    // What stands in the store of the keys from before takes the place of none of these, after a start either;
    // and what is rotated under these is used after one.
    for _ in 0..<2 {
      #expect(try await !program().rotateKeys())
      try await consortium.settle()
      #expect(try await program().rotateKeys())
    }
    let present = try await client(test, consortium).doctor(Self.first, by: "hospital-1")
    #expect(present.statement == registered.statement)
    #expect(present.identityKey != registered.identityKey)
    let rotated = try Self.kept("keys/rotated", in: store)
    #expect(!former.map(\.identity).contains(rotated.identity))
    // A thief who puts the former row there again has the doctor sign with no former key.
    try store.write(["keys/rotated": Message(former[0]).encoded()])
    #expect(try await program().fingerprint() == registered.statement.digest)
  }
}
