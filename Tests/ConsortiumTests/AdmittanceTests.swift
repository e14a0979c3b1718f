import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Strangers who ask without end")
struct AdmittanceTests {
  private static let patient = TestConsortium.patient
  private static let hospital = "hospital-1"

  /// An envelope of which nothing is right but its beginning.
  private func junk(_ client: TestClient) throws -> [UInt8] {
    let junk = Array(
      try client.envelope(FindVisits(hospital: "x", from: 0), to: "hospital-2").bytes.prefix(16))
    #expect(ObjectKind(of: junk) == .envelope)
    return junk
  }

  private func code(of reply: [UInt8]) async -> String? {
    await ConsortiumError.code { _ = try ReplyMessage<Done>(encoded: reply).result.get() }
  }

  @Test("[attack] whoever comes from where patients come from uses up nothing of theirs")
  func sharedAddress() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    try await consortium.settle()
    test.pass(seconds: 61)
    let client = test.client(consortium, by: try TestConsortium.stranger(), from: "patient")
    let limit = try #require(RequestTable.byName[FindVisits.name]).quota
    for supernode in [Self.hospital, "cloud"] {
      for _ in 0..<limit {
        _ = try await client.ask(FindVisits(hospital: Self.hospital, from: 0), of: supernode)
      }
      // It has had all that one who merely has a key is given.
      #expect(
        await ConsortiumError.code {
          _ = try await client.ask(FindVisits(hospital: Self.hospital, from: 0), of: supernode)
        } == "busy")
    }
    try await test.loseDevice(consortium)
    let restoration = try await consortium.restore(patient: Self.patient)
    #expect(restoration.isComplete && restoration.visits.map(\.visit) == [visit])

    // Bytes that need no key at all: some of an envelope, and what opens as one and is by nobody.
    let junk = try junk(client)
    var content = client.content(FetchEpochEnds(from: 0), "hospital-2")
    content.name = AuthorizeVisit.name
    let contact = try #require(test.secrets.contact("hospital-2"))
    let key = try TestConsortium.stranger(32).key
    content.author = .patient(visit: .zero, hospital: "hospital-2")
    let foreign = try Envelope.seal(content, by: key, to: contact).envelope.encoded()
    for number in 0..<1 << 14 {
      _ = try await consortium.courier.send(
        number % 16 == 0 ? foreign : junk, from: "patient", to: "hospital-2")
    }
    _ = try await consortium.open(test.plan("encounter-9", hospital: "hospital-2"))
  }

  @Test("a clock was a day ahead for one request: what was in hand comes back within a minute")
  func clockAhead() {
    let test = TestConsortium(teamSize: 1)
    let quota = RequestQuota { test.time }
    func takeAll() -> Int { (0..<20).count { _ in quota.take("somebody", limit: 16) } }
    #expect(takeAll() == 16)
    test.pass(seconds: 86_400)
    #expect(takeAll() == 16)
    test.setBack(seconds: 86_400)
    // That it goes back gives nothing.
    #expect(takeAll() == 0)
    test.pass(seconds: 30)
    #expect(takeAll() == 8)
    test.pass(seconds: 60)
    #expect(takeAll() == 16)
  }

  @Test("[attack] more names than anybody can remember shut nobody out")
  func inventedAddresses() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let visit = try await test.beginVisit(consortium, test.plan()).context
    let doctor = test.client(consortium, as: visit.signers[0].doctor)
    let request = ReadVisit(hospital: Self.hospital, visit: visit.visitID)
    _ = try await doctor.ask(request, of: Self.hospital)
    let junk = try junk(doctor)
    let question = Message(FetchMembers(ofEpoch: 0)).encoded()
    test.pass(seconds: 120)
    for number in 0..<(1 << 14) + 64 {
      _ = try await consortium.courier.send(junk, from: "n\(number)", to: Self.hospital)
      _ = try await consortium.courier.send(question, from: "n\(number)", to: Self.hospital)
    }
    // Whoever is nobody, and comes from nowhere that is known, has to wait.
    let reply = try await consortium.courier.send(question, from: "another", to: Self.hospital)
    #expect(await code(of: reply) == "busy")
    // Whoever has proven who it is has not, neither sealed nor from the same address.
    _ = try await doctor.ask(request, of: Self.hospital)
    _ = try await doctor.ask(FetchMembers(ofEpoch: 0), of: Self.hospital)
    _ = try await doctor.ask(Prove(.consortiumLeaf(index: 0), knownSize: 0), of: Self.hospital)
    _ = try await consortium.open(test.plan("encounter-2"))
  }

  @Test("[attack] forms of nobody without end: who has a ticket is admitted")
  func forms() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.open(test.plan())
    let form = try #require(test.wire.requests(RequestAdmission.self).first)
    test.pass(seconds: 61)
    let limit = try #require(RequestTable.byName[RequestAdmission.name]).quota
    var codes: [String?: Int] = [:]
    for number in 0..<4 {
      // From where the patient comes, too.
      let client = test.client(
        consortium, by: try TestConsortium.stranger(40 + UInt64(number)),
        from: number % 2 == 0 ? "patient" : "n\(number)")
      for _ in 0...limit {
        codes[
          await ConsortiumError.code { _ = try await client.ask(form, of: Self.hospital) },
          default: 0] += 1
      }
    }
    #expect(codes["busy", default: 0] >= 4 && Set(codes.keys) == ["busy", "refused"])
    _ = try await consortium.open(test.plan("encounter-2"))
  }

  @Test("[attack] envelopes of nobody, or in a colleague's name, keep no findings out")
  func renewals() async throws {
    let test = TestConsortium(teamSize: 2)
    var consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context
    // The second doctor's program starts again, and knows nobody's keys.
    consortium = try await test.open()
    let second = visit.signers[1].doctor
    let key = try TestConsortium.stranger(34).key
    let mark = test.wire.passages.count
    var codes: Set<String?> = []
    for name in ["nobody-at-all", "hospital-1", visit.signers[0].doctor] {
      let client = test.client(consortium, by: Author(.party(name), key))
      for number in 0..<1025 {
        var content = client.content(FetchEpochEnds(from: 0), second)
        if name == "nobody-at-all" { content.author = .party("\(name)-\(number)") }
        (content.name, content.payload) = (HandOverFindings.name, [0x30, 0x01])
        codes.insert(await code(of: try await client.send(content, by: key).reply))
      }
    }
    #expect(codes == ["busy", "unauthenticated"])
    // They had the doctor ask others as often as it asks about two things, however many they were.
    let asked = test.wire.passages.dropFirst(mark).count { $0.sender == second }
    #expect(asked < 1025)
    try await consortium.diagnose(visit.visitID, plan, position: 1)
    try await consortium.diagnose(visit.visitID, plan, position: 2)
  }

  @Test("[attack] a stranger has the manager ask the cloud now and then, and keeps no patient out")
  func managerWorks() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let key = try TestConsortium.stranger(35).key
    let mark = test.wire.passages.count
    let count = 1500
    for number in 0..<count {
      let hospital = number % 2 == 0 ? Self.hospital : "hospital-\(number)"
      // Of a visit that there is, too.
      let author = Principal.patient(visit: number % 4 == 0 ? visit : .zero, hospital: hospital)
      let client = test.client(consortium, by: Author(author, key))
      var content = client.content(FetchEpochEnds(from: 0), "manager")
      (content.name, content.payload) = (DepositConsent.name, [0x30, 0x01])
      let reply = try await client.send(content, by: key).reply
      #expect(ObjectKind(of: reply) == .message)
    }
    let asked = test.wire.passages.dropFirst(mark).count { $0.sender == "manager" }
    #expect(asked < count / 4, "\(asked)")
    let consent = try await consortium.consent(
      patient: Self.patient, to: request, visit: visit, expiresAt: TestConsortium.start + 3600)
    try await consortium.settle()
    _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
  }

  @Test("[attack] strangers have slow others asked: nobody of the same address is kept out")
  func slowRenewals() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let key = try TestConsortium.stranger(36).key
    // A cloud, or a courier, takes its time for what two other hospitals have written.
    let isReleased = Capture<Bool>()
    let arrived = Capture<Int>()
    arrived.value = 0
    test.wire.intercept { transit in
      if transit.sender == "patient", transit.recipient == "manager",
        transit.payload(DepositConsent.self) == nil
      {
        arrived.change { $0? += 1 }
      }
      if transit.sender == "manager",
        let asked = transit.payload(FetchLeaves.self)?.query.object.payload.hospital,
        asked != Self.hospital
      {
        for _ in 0..<10_000 where isReleased.value != true {
          try await Task.sleep(for: .milliseconds(1))
        }
        // So that a test which fails comes to its end.
        isReleased.value = true
      }
      return try await transit.deliver(transit.request)
    }
    let count = 64
    let code = await withTaskGroup(of: Void.self) { group in
      for number in 0..<count {
        let author = Principal.patient(visit: .zero, hospital: "hospital-\(2 + number % 2)")
        // From where patients come.
        let client = test.client(consortium, by: Author(author, key), from: "patient")
        var content = client.content(FetchEpochEnds(from: 0), "manager")
        (content.name, content.payload) = (DepositConsent.name, [0x30, 0x01])
        group.addTask { [content] in _ = try? await client.send(content, by: key) }
      }
      for _ in 0..<200000 where arrived.value ?? 0 < count {
        try? await Task.sleep(for: .milliseconds(1))
      }
      try? await Task.sleep(for: .milliseconds(300))
      let code = await ConsortiumError.code {
        _ = try await consortium.consent(
          patient: Self.patient, to: request, visit: visit, expiresAt: TestConsortium.start + 3600)
      }
      #expect(isReleased.value != true && arrived.value ?? 0 >= count)
      isReleased.value = true
      return code
    }
    #expect(code == nil)
  }

  @Test("[attack] however many envelopes strangers have taken, another's is not taken again")
  func forgottenEnvelopes() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    test.pass(seconds: 60)
    let victim = try test.client(consortium, asPatientOf: context)
    let (envelope, _) = try victim.envelope(
      AuthorizeVisit(
        contextDigest: .zero, visitKeyProof: [1], signature: victim.secrets.zeros),
      to: Self.hospital)
    func deliver() async throws -> [UInt8] {
      try await consortium.courier.send(envelope, from: "a courier", to: Self.hospital)
    }
    #expect(ObjectKind(of: try await deliver()) == .sealedAnswer)
    let limit = try #require(RequestTable.byName[FindVisits.name]).quota
    let strangers = 2 * (1 << 13) / limit + 1
    for number in 0..<strangers {
      if number % 16 == 0 { test.pass(seconds: 2) }
      let client = test.client(
        consortium, by: try TestConsortium.stranger(100 + UInt64(number)), from: "x\(number)")
      for _ in 0..<limit {
        _ = try await client.ask(
          FindVisits(hospital: Self.hospital, from: LedgerLimits.size), of: Self.hospital)
      }
    }
    #expect(await code(of: try await deliver()) == "repeated")
  }
}
