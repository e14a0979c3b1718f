import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// Somebody behind the same router as a patient or a doctor asks without end what anybody may ask.
@Suite("Strangers at the same address")
struct FloodedAddressTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital
  private static let supernodes = ["hospital-1", "hospital-2", "hospital-3", "cloud"]

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  /// Uses up what an address may ask of all supernodes, of every open kind.
  private func flood(_ consortium: LocalConsortium, from address: String) async throws {
    let questions = [
      Message(Prove(.consortiumLeaf(index: 1 << 30), knownSize: 0)).encoded(),
      Message(ProveDoctors(["nobody"], knownSize: 0)).encoded(),
      Message(FetchEpochEnds(from: 1 << 30)).encoded(),
      Message(FetchMembers(ofEpoch: 1 << 30)).encoded(),
    ]
    let limit = try #require(RequestTable.byName[Prove.name]).quota
    for supernode in Self.supernodes {
      for question in questions {
        for _ in 0..<limit {
          _ = try await consortium.courier.send(question, from: address, to: supernode)
        }
        let refused = try await consortium.courier.send(question, from: address, to: supernode)
        let told = await code { _ = try ReplyMessage<Done>(encoded: refused).result.get() }
        #expect(told == "busy")
      }
    }
  }

  @Test(
    "[attack] a stranger from where a patient comes keeps out nobody who has a visit or a ticket")
  func patient() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    #expect(try await patient.accessLog(visit, at: Self.hospital).isComplete)
    test.pass(seconds: 61)
    try await flood(consortium, from: "patient")
    let log = await code { _ = try await patient.accessLog(visit, at: Self.hospital) }
    let collected = await code { _ = try await patient.collect(visit, at: Self.hospital) }
    let expiry = await consortium.ledgerTime() + 3600
    let consented = await code {
      _ = try await patient.consent(
        to: request, visit: visit, at: Self.hospital, expiresAt: expiry)
    }
    let admitted = await code { _ = try await consortium.open(test.plan("encounter-2")) }
    #expect([log, collected, consented, admitted] == Array(repeating: nil, count: 4))
  }

  @Test("[attack] a stranger from where a new patient comes does not keep out who has a ticket")
  func newPatient() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    try await flood(consortium, from: "patient")
    #expect(await code { _ = try await consortium.open(test.plan()) } == nil)
  }

  @Test("[attack] a stranger from where a doctor works keeps no doctor from the ledger")
  func doctor() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let reader = try #require(await consortium.doctors[TestConsortium.reader])
    test.pass(seconds: 61)
    try await flood(consortium, from: reader.id)
    #expect(await code { try await reader.open(consent: consent) { _ in } } == nil)
  }

  @Test(
    "[attack] forgeries from one address cost few signature checks, and keep no known member out")
  func unsigned() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    func request(_ party: String, _ key: IdentityKey) -> [UInt8] {
      let query = ConsortiumQuery(test.terms(party, to: "cloud"), from: 0)
      return Message(FetchConsortium(query: Signed(Message(query), by: key))).encoded()
    }
    func send(_ request: [UInt8], from address: String) async throws -> String? {
      let reply = try await consortium.courier.send(request, from: address, to: "cloud")
      return await code { _ = try ReplyMessage<ConsortiumReply>(encoded: reply).result.get() }
    }
    func ask(_ member: String, from address: String) async throws -> String? {
      try await send(try request(member, test.identityKey(of: member)), from: address)
    }
    let stranger = try TestConsortium.stranger().key
    func forge(_ count: Int, _ names: [String]) async throws -> Set<String?> {
      let requests = names.map { request($0, stranger) }
      var codes: Set<String?> = []
      for number in 0..<count {
        codes.insert(try await send(requests[number % requests.count], from: "shared"))
      }
      return codes
    }
    let refused: Set<String?> = ["unauthenticated", "busy"]
    #expect(try await ask("hospital-2", from: "shared") == nil)
    // One check is left: it serves a member, whom it costs nothing, and then one more that nobody has signed.
    let limit = 1 << 10
    #expect(try await forge(limit - 1, ["hospital-1", "nobody"]).isSubset(of: refused))
    #expect(try await ask("hospital-3", from: "shared") == nil)
    #expect(try await forge(1, ["hospital-1"]).isSubset(of: refused))
    // Not even what is signed is looked at now, but of who has come from there before, or comes from elsewhere.
    #expect(try await ask("hospital-1", from: "shared") == "busy")
    #expect(try await ask("hospital-2", from: "shared") == nil)
    #expect(try await ask("hospital-1", from: "elsewhere") == nil)
    // In the name of who has come from there the number is bounded too.
    #expect(try await forge(limit << 4, ["hospital-2"]).isSubset(of: refused))
    #expect(try await ask("hospital-2", from: "shared") == "busy")
    #expect(try await ask("hospital-3", from: "shared") == nil)
    test.pass(seconds: 60)
    #expect(try await ask("hospital-2", from: "shared") == nil)
  }

  @Test("who asks is shown to a supernode that has no time for strangers, and to no other")
  func shown() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, _) = try await test.visitWithRequest(consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    func standings(_ supernode: String) async throws -> [Principal] {
      try await patient.standings(at: supernode).compactMap(\.first?.principal)
    }
    let own = Principal.patient(visit: visit, hospital: Self.hospital)
    #expect(try await standings(Self.hospital).first == own)
    #expect(try await standings("cloud") == [own])
    #expect(try await standings("hospital-2") == [])
    // While all have time, nobody is shown anything in open questions.
    let isShown = Capture<Bool>()
    test.wire.intercept { transit in
      if transit.payload(Prove.self) != nil, let author = transit.author {
        if case .key = author {
          isShown.value = isShown.value ?? false
        } else {
          isShown.value = true
        }
      }
      return try await transit.deliver(transit.request)
    }
    _ = try await patient.accessLog(visit, at: Self.hospital)
    #expect(isShown.value == false)
  }
}
