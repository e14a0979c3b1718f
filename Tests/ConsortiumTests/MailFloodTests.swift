import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// Messages without end, or that nobody can answer, in a doctor's mailbox.
@Suite("Mailboxes: floods")
struct MailFloodTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  /// A doctor who has asked a patient, and whose program is not running.
  private struct Stage {
    let test = TestConsortium(teamSize: 1, routes: MailRoutes())
    let consortium: LocalConsortium
    let reader: Doctor
    let request: Digest32
    let author: Author

    init() async throws {
      consortium = try await test.open()
      reader = try await #require(consortium.doctors[MailFloodTests.reader])
      let patient = try await #require(consortium.patients[MailFloodTests.patient])
      _ = try await reader.readMail()
      request = try await consortium.requestAccess(
        doctor: MailFloodTests.reader, patient: MailFloodTests.patient, purpose: "care")
      let key = try test.addressKey(
        try await #require(patient.addresses().first), of: MailFloodTests.patient, consortium)
      author = Author(.key(key.publicKey), key)
      test.pass(seconds: 120)
    }

    func certify(_ visit: Digest32 = .zero) -> CertifyRequestKey {
      CertifyRequestKey(request: request, hospital: "hospital-1", visit: visit)
    }

    var waiting: [String] { get throws { try test.waiting("hospital-2") } }

    /// Sends what can be answered at once, and says by which row it waits.
    func sendHonest(from address: String) async throws -> String {
      let code = await ConsortiumError.code {
        _ = try await test.client(consortium, by: author, from: address)
          .ask(certify(Digest32(sha256: address.utf8)), of: MailFloodTests.reader)
      }
      #expect(code == "waiting")
      return try #require(try waiting.last)
    }

    /// A consent that cannot be judged while nobody proves its visit, and is none.
    func grant() async throws -> GrantConsent {
      let certificate = try await test.reading(
        [MailFloodTests.reader], patient: false, consortium
      ) {
        try await test.client(consortium, by: author, from: "10.0.0.1")
          .ask(certify(), of: MailFloodTests.reader)
      }.object
      let consent = Consent(
        genesis: consortium.genesis.digest, hospital: "hospital-1", visit: .zero,
        recordDigest: .zero, doctor: MailFloodTests.reader, purpose: "care",
        expiresAt: test.time + 86_400, theta: [1], requestKey: certificate.requestKey,
        agreementKey: certificate.agreementKey, proxy: "manager",
        salt: [UInt8](repeating: 0, count: 32))
      return GrantConsent(consent: Signed(consent, by: author.key), sealedGrant: [1])
    }
  }

  @Test(
    "[attack] messages that cannot be answered yet keep no other from a doctor",
    arguments: [true, false])
  func unanswerable(fromOneAddress: Bool) async throws {
    let stage = try await Stage()
    let grant = try await stage.grant()
    stage.test.wire.lose(ProveVisit.self)
    for place in 1...MailBundle.limit {
      let address = fromOneAddress ? "203.0.113.7" : "198.51.100.\(place)"
      let code = await code {
        _ = try await stage.test.client(stage.consortium, by: stage.author, from: address)
          .ask(grant, of: Self.reader)
      }
      #expect(code == "waiting")
    }
    let flood = Set(try stage.waiting)
    #expect(flood.count == MailBundle.limit)
    #expect(await code { _ = try await stage.reader.readMail() } == "unreachable")
    // What comes later, from the same address too, is answered by the next question.
    for address in ["203.0.113.7", "10.0.0.2"] {
      // Nobody counts as there any more, so that nobody is waited for.
      stage.test.pass(seconds: 120)
      let honest = try await stage.sendHonest(from: address)
      stage.test.pass(seconds: 1)
      _ = try? await stage.reader.readMail()
      #expect(try !stage.waiting.contains(honest))
    }
    #expect(Set(try stage.waiting) == flood)
    // They were kept for a time at which they can be judged.
    stage.test.wire.intercept(nil)
    for _ in 0..<8 {
      stage.test.pass(seconds: 3600)
      _ = try? await stage.reader.readMail()
    }
    #expect(try stage.waiting == [])
  }

  /// Puts messages in the name of nobody into the reader's mailbox.
  private func sendStrange(_ stage: Stage, places: Int, each: Int) async throws {
    let nobody = Author(.party("nobody"), try TestConsortium.stranger().key)
    for place in 0..<places {
      let client = stage.test.client(stage.consortium, by: nobody, from: "198.51.100.\(place)")
      for _ in 0..<each {
        let (bytes, _) = try client.envelope(
          ResendFindings(visit: .zero, index: 0), to: Self.reader)
        _ = try await stage.consortium.courier.send(bytes, from: client.name, to: Self.reader)
      }
    }
  }

  @Test("[attack] strangers in the name of nobody hold up no mail, and theirs does not stay")
  func strangers() async throws {
    let stage = try await Stage()
    try await sendStrange(stage, places: 100, each: 4)
    let honest = try await stage.sendHonest(from: "10.0.0.2")
    #expect(try stage.waiting.count == 401)
    // By then all that came before it were tried.
    for _ in 0..<7 { _ = try? await stage.reader.readMail() }
    #expect(try !stage.waiting.contains(honest))
    // Of what is asked about one of them, the answer serves all that were fetched with it.
    for _ in 0..<20 {
      stage.test.pass(seconds: 4)
      _ = try? await stage.reader.readMail()
    }
    #expect(try stage.waiting == [])
  }

  @Test("whom nobody could be asked about is not sent away because of others")
  func unasked() async throws {
    let stage = try await Stage()
    stage.test.wire.lose { $0.kind == Prove.name }
    try await sendStrange(stage, places: MailBundle.limit, each: 1)
    for _ in 0..<3 { _ = try? await stage.reader.readMail() }
    let kept = try stage.waiting.count
    #expect(kept > 0 && kept < MailBundle.limit)
    stage.test.wire.intercept(nil)
    for _ in 0..<4 {
      stage.test.pass(seconds: 60)
      _ = try? await stage.reader.readMail()
    }
    #expect(try stage.waiting == [])
  }

  @Test("[attack] a patient has a doctor make no keys for a hospital that there is not")
  func noHospital() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let patient = try await #require(consortium.patients[Self.patient])
    let request = try await consortium.requestAccess(
      doctor: Self.reader, patient: Self.patient, purpose: "care")
    let key = try test.addressKey(
      try await #require(patient.addresses().first), of: Self.patient, consortium)
    let client = test.client(consortium, by: Author(.key(key.publicKey), key))
    for hospital in ["nowhere", "cloud-1", "manager"] {
      #expect(
        await code {
          _ = try await client.ask(
            CertifyRequestKey(request: request, hospital: hospital, visit: .zero),
            of: Self.reader)
        } == "unknown-visit", "\(hospital)")
    }
    let rows = try test.storage.roleStore("doctors/\(Self.reader)").keys(withPrefix: "request/")
    #expect(rows == [])
    #expect(
      await code {
        _ = try await client.ask(
          CertifyRequestKey(request: request, hospital: "hospital-1", visit: .zero),
          of: Self.reader)
      } == nil)
  }
}
