import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// A key that its owner has replaced, and that a thief has.
@Suite("Identity keys that were given up")
struct GivenUpKeyTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }
  private static let week: UInt64 = 7 * 86_400

  /// What anybody on the way can say without a seal.
  private static func bare(_ code: String) -> [UInt8] {
    ReplyMessage<Done>(.failure(ConsortiumError(.init(code), "whatever"))).encoded()
  }

  /// A courier who has an identity key that hospital 1 has given up.
  private struct Thief: Sendable {
    let stolen: IdentityKey
    let own: AgreementKey
    let genesis: Digest32

    @inline(never)
    init(_ test: TestConsortium, _ consortium: LocalConsortium) throws {
      stolen = try test.identityKey(of: GivenUpKeyTests.hospital)
      own = try AgreementKey(seed: [UInt8](repeating: 4, count: 32))
      genesis = consortium.genesis.digest
    }

    func statement(_ now: UInt64) -> Signed<EnvelopeKey> {
      Signed(
        EnvelopeKey(
          genesis: genesis, owner: GivenUpKeyTests.hospital, key: own.publicKey, first: now,
          last: now + GivenUpKeyTests.week),
        by: stolen)
    }

    /// What was sealed to the thief's key.
    @inline(never)
    func open(_ request: [UInt8]) -> (content: RequestContent, answer: AnswerKey)? {
      guard let envelope = try? Envelope(encoded: request),
        envelope.keyDigest == Digest32(sha256: own.publicKey),
        let (signed, answer) = try? envelope.open(with: own, genesis: genesis)
      else { return nil }
      return (signed.object, answer)
    }
  }

  private func isAboutKey(_ transit: Wire.Transit) -> Bool {
    transit.payload(FetchEnvelopeKey.self) != nil && transit.recipient == Self.hospital
      && transit.sender == "patient"
  }

  enum Victim: CaseIterable {
    /// Was shown the thief's envelope key while the identity key was in force, and knows of the next one since.
    case remembers
    /// Has never asked anybody anything: it knows the genesis.
    case isNew
  }

  @Test(
    "[attack] who has an identity key that was given up reads no form of admission",
    arguments: Victim.allCases)
  func givenUpKey(_ victim: Victim) async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    let patient = try #require(await consortium.patients[Self.patient])
    let thief = try Thief(test, consortium)
    if victim == .remembers {
      test.wire.intercept { transit in
        if self.isAboutKey(transit) {
          return try transit.answer(FetchEnvelopeKey.self, thief.statement(test.time))
        }
        if thief.open(transit.request) != nil {
          throw ConsortiumError(.unreachable, "one call fails")
        }
        return try await transit.deliver(transit.request)
      }
      #expect(
        await code { _ = try await patient.client.currentMembers(shownBy: Self.hospital) }
          == "unreachable")
      test.wire.intercept(nil)
    }
    try await consortium.rotateKeys(of: Self.hospital)
    for _ in 0..<3 { try await test.passEpoch(consortium) }
    #expect(!test.keyNames(Self.hospital).contains("identity"))
    if victim == .remembers {
      let members = try await patient.client.currentMembers(shownBy: "cloud")
      #expect(members.identityKey(of: Self.hospital) != thief.stolen.publicKey)
    }
    let read = Capture<AdmissionForm>()
    test.wire.intercept { transit in
      if victim == .isNew, read.value == nil, self.isAboutKey(transit) {
        return try transit.answer(FetchEnvelopeKey.self, thief.statement(test.time))
      }
      if let (content, _) = thief.open(transit.request) {
        if let sent = try? Message<RequestAdmission>(encoded: content.payload) {
          read.value = sent.payload.form
        }
        return Self.bare("decryption")
      }
      return try await transit.deliver(transit.request)
    }
    // Who shows the thief's key every time keeps the form from the hospital, and has nothing of it.
    let outcome = await code { _ = try await consortium.open(test.plan()) }
    #expect(outcome == (victim == .isNew ? "unreachable" : nil))
    #expect(read.value == nil)
  }

  @Test("[attack] who has an identity key that was given up says nothing of now")
  func staleDoctor() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    let thief = try Thief(test, consortium)
    let doctor = "hospital-1-doctor-1"
    func client() throws -> LedgerClient {
      try LedgerClient(
        genesis: consortium.genesis, store: MemoryRoleStore(),
        requests: RequestClient(courier: consortium.courier, sender: "patient"),
        clock: { test.time })
    }
    _ = try await client().activeDoctor(doctor, by: Self.hospital)
    let kept = try #require(test.wire.passages.last { $0.kind == ProveDoctors.name })
    try await consortium.rotateKeys(of: Self.hospital)
    for _ in 0..<3 { try await test.passEpoch(consortium) }
    let server = try #require(consortium.hospitals[Self.hospital])
    #expect(try await server.setStanding(of: doctor, .suspended))
    try await consortium.settle()
    #expect(
      await code { _ = try await client().activeDoctor(doctor, by: Self.hospital) } == "not-active")
    test.wire.intercept { transit in
      if self.isAboutKey(transit) {
        return try transit.answer(FetchEnvelopeKey.self, thief.statement(test.time))
      }
      if let (content, answer) = thief.open(transit.request), content.name == ProveDoctors.name {
        return SealedAnswer(sealed: try answer.seal(kept.answer)).encoded()
      }
      return try await transit.deliver(transit.request)
    }
    #expect(
      await code { _ = try await client().activeDoctor(doctor, by: Self.hospital) } != nil)
  }
}
