import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What is made is read as others, or the role itself, will read it, before it is kept, signed or said to be done.
@Suite("What is kept and signed is read back")
struct ReadBackTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital
  private static let doctor = "hospital-1-doctor-1"

  private func code(_ work: () async throws -> Void) async -> String? {
    do {
      try await work()
      return nil
    } catch {
      return (error as? any CodedError)?.codeText ?? "\(error)"
    }
  }

  private func specialties(_ count: Int) throws -> Set<Specialty> {
    Set(
      try (1...count).map {
        try #require(Specialty(system: "http://snomed.info/sct", code: "\($0)"))
      })
  }

  /// A message of any name without a field.
  private struct Empty: CanonicalObject {
    static let kind = ObjectKind.message

    var name: String
    init(_ name: String) { self.name = name }

    func encode(into fields: inout some FieldEncoder) {
      fields.text("name", name)
      fields.value("payload", Done())
    }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      name = try fields.text("name")
      _ = try fields.value("payload", as: Done.self)
    }
  }

  @Test("no store takes a value of any kind that roles keep, if no decoder takes it, or of another")
  func rows() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await test.consentedVisit(consortium)
    #expect(StoredKinds.names.count > 25)
    let places = [
      Self.hospital, "cloud", "manager", "patients/\(Self.patient)", "doctors/\(Self.doctor)",
    ]
    for place in places {
      let store = test.storage.roleStore(place)
      let before = try store.keys(withPrefix: "")
      for name in StoredKinds.names + [FetchEnvelopeKey.name, "nothing"] {
        let refused = await code { try store.write(["row": Empty(name).encoded()]) }
        #expect(refused == "invalid-value", "\(place): \(name)")
      }
      // What is no message is not looked into.
      try store.write(["row": [1, 2, 3]])
      try store.write(["row": nil])
      #expect(try store.keys(withPrefix: "") == before)
    }
  }

  @Test("a doctor has more specialties than there may be: it is said, and the office goes on")
  func manySpecialties() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let hospital = try #require(consortium.hospitals[Self.hospital])
    let before = try await hospital.employeeList().map(\.doctor)
    let height = await hospital.node.consortium.height
    let nine = try specialties(Specialty.countLimit + 1)
    #expect(
      await code { try await hospital.employ("dr-new", fingerprint: .zero, specialties: nine) }
        == "too-large")
    #expect(await code { try await hospital.setSpecialties(of: Self.doctor, nine) } == "too-large")
    #expect(try await hospital.employeeList().map(\.doctor) == before)
    #expect(try await hospital.voidExpectation(of: "dr-new") == false)
    #expect(await hospital.node.consortium.height == height)

    let eight = try specialties(Specialty.countLimit)
    try await hospital.employ("dr-new", fingerprint: .zero, specialties: eight)
    #expect(try await hospital.setSpecialties(of: Self.doctor, eight))
    try await consortium.settle()
    let employees = try await hospital.employeeList()
    for doctor in [Self.doctor, "dr-new"] {
      #expect(Set(employees.first { $0.doctor == doctor }?.specialties ?? []) == eight)
    }
  }

  @Test("a consent that would end behind the year 9999 leaves nothing, and another is given")
  func endlessConsent() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let patient = try await #require(consortium.patients[Self.patient])
    let store = test.storage.roleStore("patients/\(Self.patient)")
    let before = try store.keys(withPrefix: "")
    for time in [UInt64.max, Limits.latestTime + 1] {
      #expect(
        await code {
          _ = try await patient.consent(
            to: request, visit: visit, at: Self.hospital, expiresAt: time)
        } == "too-large")
    }
    #expect(try store.keys(withPrefix: "") == before)
    #expect(try await patient.damagedRows().isEmpty)
    _ = try await patient.consent(
      to: request, visit: visit, at: Self.hospital, expiresAt: Limits.latestTime)
    _ = try await patient.followUp()
    try await patient.keepNotes()
    #expect(try await patient.consents().map(\.expiresAt) == [Limits.latestTime])
  }

  @Test("what is signed as an entry is what a decoder takes, and the same")
  func entries() throws {
    let key = try IdentityKey(seed: [UInt8](repeating: 7, count: 32))
    func content(
      _ body: some CanonicalObject, chain: String = ChainName.consortium,
      signer: EntrySigner = .party("hospital-1")
    ) -> EntryContent {
      EntryContent(genesis: .zero, chain: chain, signer: signer, body: body)
    }
    let good = VisitAbandonment(visit: .zero, reason: .interrupted)
    let (eight, nine) = (try specialties(8), try specialties(9))
    let contents = [
      content(good), content(good, chain: "hospital-1"),
      content(good, signer: .patient(visit: .zero)),
      content(DoctorSpecialties(doctor: "anna", specialties: eight, number: 1)),
      content(DoctorStatusChange(doctor: "anna", status: .retired, number: 1)),
      content(Candidacy(stands: true, number: 1)),
      content(Approval(candidates: ["hospital-1"], number: 1)),
      content(Ballot(motion: .zero, approves: true)),
      content(ConsentNotice(visit: .zero, document: .zero)),
      content(good, chain: "Hospital 1"), content(good, signer: .party("")),
      content(DoctorSpecialties(doctor: "anna", specialties: nine, number: 1)),
      content(DoctorSpecialties(doctor: "Dr. Anna", specialties: eight, number: 1)),
      content(DoctorStatusChange(doctor: "", status: .active, number: 1)),
      content(Approval(candidates: Set((0...2000).map { "hospital-\($0)" }), number: 1)),
    ]
    var signed: [Bool] = []
    for content in contents {
      let unchecked = Entry(content, signedBy: key)
      let decoded = try? Entry(encoded: unchecked.encoded())
      let checked = try? Entry(checked: content, signedBy: key)
      #expect(checked == decoded, "\(content)")
      signed.append(checked != nil)
    }
    #expect(signed == Array(repeating: true, count: 9) + Array(repeating: false, count: 6))
  }

  @Test("no ledger is founded by a genesis that no decoder takes")
  func genesis() async throws {
    let consortium = try await TestConsortium(teamSize: 1).open()
    let founded = consortium.genesis.content
    #expect(try ValidGenesis(founding: founded).digest == consortium.genesis.digest)
    let changes: [(String, (inout Genesis) -> Void)] = [
      ("window 0", { ($0.members.numbers.window, $0.members.numbers.maximumLag) = (0, 0) }),
      ("window 7", { ($0.members.numbers.window, $0.members.numbers.maximumLag) = (7, 1) }),
      ("window", { $0.members.numbers.window = 99_999_999_999 }),
      ("no lag", { $0.members.numbers.maximumLag = 0 }),
      ("resignatures", { $0.members.numbers.resignatureLimit = 65 }),
      ("quota", { $0.members.numbers.signerQuota = 0 }),
      ("epochs of nothing", { $0.epochLength = 0 }),
      ("long epochs", { $0.epochLength = 1 << 33 }),
      ("time", { $0.createdAt = Limits.latestTime + 1 }),
    ]
    for (name, change) in changes {
      var genesis = founded
      change(&genesis)
      let refusal = await code { _ = try ValidGenesis(founding: genesis) }
      #expect(refusal == "invalid-genesis", "\(name)")
      #expect((try? Genesis(encoded: genesis.encoded())) == nil, "\(name)")
    }
  }
}
