import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

/// What others can do with messages that wait: nothing.
@Suite("Mailboxes: attacks")
struct MailAttackTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let colleague = "hospital-2-doctor-2"

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  /// A message of the patient's that waits for the reader, who is away, and one that waits for the patient.
  private struct Stage {
    let test = TestConsortium(teamSize: 1, routes: MailRoutes())
    let consortium: LocalConsortium
    let reader: Doctor
    let patient: Patient
    let address: PatientAddress
    let request: Digest32
    let key: IdentityKey

    init() async throws {
      consortium = try await test.open()
      reader = try await #require(consortium.doctors[MailAttackTests.reader])
      patient = try await #require(consortium.patients[MailAttackTests.patient])
      // The doctor's program was there once, so others can seal something to it.
      _ = try await reader.readMail()
      request = try await consortium.requestAccess(
        doctor: MailAttackTests.reader, patient: MailAttackTests.patient, purpose: "care")
      address = try await #require(patient.addresses().first)
      key = try test.addressKey(address, of: MailAttackTests.patient, consortium)
      test.pass(seconds: 120)
    }

    var author: TestClient {
      test.client(consortium, by: Author(.key(key.publicKey), key), from: "10.0.0.1")
    }

    /// Asks the reader, who is away.
    func ask() async -> String? {
      await ConsortiumError.code { _ = try await author.ask(certify, of: MailAttackTests.reader) }
    }

    /// The way of an honest program, to who is known.
    var sealedRequests: SealedRequestClient {
      SealedRequestClient(
        genesis: consortium.genesis.digest,
        requests: RequestClient(courier: consortium.courier, sender: "10.0.0.1"),
        contacts: Nobody(), clock: { [test] in test.time })
    }

    private struct Nobody: Contacts {
      func contact(_ id: String, isRenewed: Bool) async throws -> Contact {
        throw ConsortiumError(.unreachable, "nobody is asked for keys")
      }
    }

    var certify: CertifyRequestKey {
      CertifyRequestKey(request: request, hospital: "hospital-1", visit: .zero)
    }
  }

  @Test("[attack] strangers, colleagues and other hospitals' doctors fetch what waits for others")
  func fetchingForOthers() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    #expect(await stage.ask() == "waiting")
    let stranger = test.client(consortium, by: try TestConsortium.stranger())
    // A colleague has a mailbox, and finds nothing in it.
    let colleague = test.client(consortium, as: Self.colleague)
    #expect(try await colleague.ask(FetchMail(waiting: 0), of: "hospital-2").messages.isEmpty)
    for client in [stranger, test.client(consortium, as: "hospital-1-doctor-1")] {
      #expect(
        await code { _ = try await client.ask(FetchMail(waiting: 0), of: "hospital-2") }
          == "not-entitled")
    }
    // In the doctor's name, with another key.
    let forged = test.client(
      consortium, by: Author(.party(Self.reader), try TestConsortium.stranger().key))
    #expect(
      await code { _ = try await forged.ask(FetchMail(waiting: 0), of: "hospital-2") }
        == "unauthenticated")
    // Half of an address, or none, opens no mailbox of it.
    let agreementKey = stage.address.agreementKey
    #expect(
      try await stranger.ask(
        FetchMail(waiting: 0, agreementKey: agreementKey), of: "manager"
      ).messages.isEmpty)
    for keys in [[], [UInt8](agreementKey.dropLast())] {
      #expect(
        await code {
          _ = try await stranger.ask(FetchMail(waiting: 0, agreementKey: keys), of: "manager")
        } == "not-entitled")
    }
    #expect(
      await code {
        _ = try await colleague.ask(
          FetchMail(waiting: 0, agreementKey: agreementKey), of: "manager")
      } == "not-entitled")
    // What they could not have is there for whose it is.
    #expect(try await stage.reader.readMail() == 1)
    #expect(try await stage.patient.readMail() == 1)
  }

  @Test("[attack] another doctor answers for a doctor, and a stranger for a patient")
  func answeringForOthers() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let (bytes, key) = try stage.author.envelope(stage.certify, to: Self.reader)
    let message = Digest32(sha256: bytes)
    let answer = AnswerMail(message: message, answer: [1, 2, 3])
    let stranger = test.client(consortium, by: try TestConsortium.stranger())
    try await test.reading([Self.reader], patient: false, consortium) {
      // While the doctor's program has the message, before its answer.
      let isTried = Mutex(false)
      test.wire.intercept { transit in
        if transit.kind == AnswerMail.name, transit.author == .party(Self.reader),
          isTried.withLock({ isTried in
            defer { isTried = true }
            return !isTried
          })
        {
          _ = try await test.client(consortium, as: Self.colleague).ask(answer, of: "hospital-2")
          #expect(
            await code { _ = try await stranger.ask(answer, of: "hospital-2") }
              == "not-entitled")
        }
        return try await transit.deliver(transit.request)
      }
      let reply = try await consortium.courier.send(bytes, from: "10.0.0.1", to: Self.reader)
      #expect(isTried.withLock { $0 })
      let opened = try key.open(SealedAnswer(encoded: reply).sealed)
      let certificate = try ReplyMessage<Signed<RequestKeyCertificate>>(encoded: opened).result
        .get()
      #expect(certificate.object.doctor == Self.reader)
    }
    // What an answer fetches is of the own mailbox, whatever it answers.
    #expect(await stage.ask() == "waiting")
    let fetching = AnswerMail(message: message, answer: [1], next: FetchMail(waiting: 0))
    let colleague = test.client(consortium, as: Self.colleague)
    #expect(try await colleague.ask(fetching, of: "hospital-2").messages.isEmpty)
    #expect(
      await code { _ = try await stranger.ask(fetching, of: "hospital-2") } == "not-entitled")
    #expect(
      try await test.client(consortium, as: Self.reader).ask(
        fetching, of: "hospital-2"
      ).messages.count == 1)
    // A patient's message stays where it is.
    let waiting = try #require(try test.waiting("manager").first)
    let digest = try #require(
      test.storage.roleStore("mail/manager").value(forKey: waiting).map { Digest32(sha256: $0) })
    _ = try await stranger.ask(
      AnswerMail(agreementKey: stage.address.agreementKey, message: digest, answer: [1]),
      of: "manager")
    #expect(try test.waiting("manager") == [waiting])
    #expect(try await stage.patient.readMail() == 1)
  }

  @Test("[attack] a courier delivers an answer again: nobody else's message is answered by it")
  func replayedAnswer() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let kept = Mutex<[[UInt8]]>([])
    test.wire.intercept { transit in
      if transit.kind == AnswerMail.name { kept.withLock { $0.append(transit.request) } }
      return try await transit.deliver(transit.request)
    }
    #expect(await stage.ask() == "waiting")
    #expect(try await stage.reader.readMail() == 1)
    test.wire.intercept(nil)
    let replayed = try #require(kept.withLock { $0.first })
    test.pass(seconds: 120)
    #expect(await stage.ask() == "waiting")
    let before = try test.waiting("hospital-2")
    #expect(before.count == 1)
    let reply = try await consortium.courier.send(replayed, from: "courier", to: "hospital-2")
    #expect(
      await code { _ = try ReplyMessage<MailBundle>(encoded: reply).result.get() } == "repeated")
    // Who starts again remembers no envelope: it is about a message that is not there.
    let again = try await test.open()
    _ = try await again.courier.send(replayed, from: "courier", to: "hospital-2")
    #expect(try test.waiting("hospital-2") == before)
  }

  @Test("[attack] who keeps a mailbox changes a message, where it came from, or an answer")
  func changedByKeeper() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let (bytes, key) = try stage.author.envelope(stage.certify, to: Self.reader)
    // A message with any bit changed opens nothing at the doctor, and is answered so.
    var changed = bytes
    changed[changed.count / 2] ^= 1
    _ = try await consortium.courier.send(changed, from: "10.0.0.1", to: Self.reader)
    let rows = test.storage.roleStore("doctors/\(Self.reader)")
    let before = try rows.keys(withPrefix: "")
    #expect(try await stage.reader.readMail() == 1)
    #expect(try rows.keys(withPrefix: "") == before)
    // An answer that was changed, or made up, is none to who asked.
    let mailbox = try #require(
      await consortium.hospitals["hospital-2"]?.mailbox(of: Self.reader, keeping: true))
    try await test.reading([Self.reader], patient: false, consortium) {
      var reply = await mailbox.receive(bytes, from: "10.0.0.1")
      #expect((try? key.open(SealedAnswer(encoded: reply).sealed)) != nil)
      reply[reply.count - 1] ^= 1
      #expect((try? key.open(SealedAnswer(encoded: reply).sealed)) == nil)
      let author = Author(.key(stage.key.publicKey), stage.key)
      let patient = stage.sealedRequests
      let contact = try #require(test.secrets.contact(Self.reader))
      let lies: [@Sendable ([UInt8]) -> [UInt8]] = [
        { $0.dropLast() + [$0[$0.count - 1] ^ 1] },
        { _ in Self.refusal(.waiting) }, { _ in Self.refusal(.notEntitled) },
        { _ in ReplyMessage(.success(Done())).encoded() },
      ]
      for lie in lies {
        test.wire.intercept { transit in
          let reply = try await transit.deliver(transit.request)
          return transit.kind == CertifyRequestKey.name ? lie(reply) : reply
        }
        #expect(
          await code {
            _ = try await patient.ask(stage.certify, of: contact, by: [author])
          } == "unreachable")
      }
      test.wire.intercept(nil)
      _ = try await patient.ask(stage.certify, of: contact, by: [author])
    }
  }

  private static func refusal(_ code: ConsortiumError.Code) -> [UInt8] {
    ReplyMessage<Done>(.failure(ConsortiumError(code, "so says the mailbox"))).encoded()
  }

  @Test("[attack] a stranger makes no mailbox, and nobody but the manager writes to a patient")
  func mailboxesOfNobody() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let hospital = try #require(consortium.hospitals["hospital-2"])
    let strangers = [
      "nobody", "hospital-1-doctor-1", "hospital-2", "manager", stage.address.id,
      "\(Digest32.zero)",
    ]
    for name in strangers {
      #expect(await hospital.mailbox(of: name, keeping: true) == nil, "\(name)")
    }
    let before = try test.waiting("manager")
    let contact = stage.address.contact
    let stranger = try TestConsortium.stranger()
    let client = test.client(consortium, by: stranger)
    let forged = ForwardAccessRequest(
      request: Signed(
        AccessRequest(
          genesis: consortium.genesis.digest, doctor: Self.reader, hospital: "hospital-2",
          address: stage.address, purpose: "x", madeAt: test.time,
          nonce: [UInt8](repeating: 0, count: 32)),
        by: stranger.key))
    let (envelope, _) = try Envelope.seal(
      client.content(forged, contact.id), by: stranger.key, to: contact)
    #expect(
      await code {
        _ = try await consortium.courier.send(envelope.encoded(), from: "x", to: contact.id)
      } == "unreachable")
    #expect(try test.waiting("manager") == before)
    // Nothing that is not sealed is kept.
    let mailbox = try #require(await hospital.mailbox(of: Self.reader, keeping: true))
    for bytes in [[], [1, 2, 3], Message(stage.certify).encoded()] as [[UInt8]] {
      let reply = await mailbox.receive(bytes, from: "10.0.0.1")
      #expect(
        await code { _ = try ReplyMessage<Done>(encoded: reply).result.get() }
          == "unauthenticated")
    }
    #expect(try test.waiting("hospital-2") == [])
  }

  @Test("[attack] strangers ask for mail without end: who has some, at the same address, has it")
  func askingWithoutEnd() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let quota = try #require(RequestTable.byName[FetchMail.name]).quota
    let question = FetchMail(waiting: 0, agreementKey: stage.address.agreementKey)
    var codes: Set<String?> = []
    for seed in 0..<17 as Range<UInt64> {
      let stranger = test.client(
        consortium, by: try TestConsortium.stranger(100 + seed), from: "patient")
      for _ in 0..<quota {
        codes.insert(await code { _ = try await stranger.ask(question, of: "manager") })
      }
    }
    #expect(codes == [nil, "busy"])
    #expect(try await stage.patient.readMail() == 1)
    // Nothing waits any more, and the patient is one of them.
    #expect(await code { _ = try await stage.patient.readMail() } == "busy")
    test.pass(seconds: 60)
    #expect(try await stage.patient.readMail() == 0)
  }

  @Test("[attack] a mailbox shows no key that its doctor has not signed, or whose time is over")
  func shownKeys() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let shown: @Sendable () async throws -> Signed<EnvelopeKey> = {
      try await RequestClient(courier: consortium.courier, sender: "somebody")
        .ask(FetchEnvelopeKey(), of: Self.reader)
    }
    let own = try await shown()
    #expect(own.object.owner == Self.reader)
    // A thief of the colleague's key brings one in the doctor's name; so does the doctor, of another.
    let colleague = try #require(test.secrets.identities(of: Self.colleague).first)
    let doctor = try #require(test.secrets.identities(of: Self.reader).first)
    var other = own.object
    other.key = [UInt8](repeating: 7, count: 32)
    var late = other
    (late.first, late.last) = (test.time - 700_000, test.time - 100)
    var foreign = other
    foreign.owner = Self.colleague
    for (content, signer, author) in [
      (other, colleague, Self.reader), (other, colleague, Self.colleague),
      (late, doctor, Self.reader), (foreign, doctor, Self.reader),
    ] {
      _ = try await test.client(consortium, as: author).ask(
        FetchMail(waiting: 0, envelopeKey: Signed(content, by: signer)), of: "hospital-2")
      #expect(try await shown().object == own.object)
    }
    test.pass(seconds: EnvelopeKey.lifetime)
    #expect(await code { _ = try await shown() } == "unreachable")
  }

  @Test("[attack] invented doctors of a hospital ask without end: others' requests still wait")
  func inventedDoctors() async throws {
    // A third of it is room for two doctors with all that one may have.
    var limits = MailRoutes().limits
    (limits.promisedWeight, limits.totalWeight) = (1 << 16, 6 << 16)
    let test = TestConsortium(teamSize: 1, doctors: 8, routes: MailRoutes(limits: limits))
    let consortium = try await test.open()
    let address = try await consortium.address(ofPatient: Self.patient)
    var outcomes: [String?] = []
    for number in 1...8 {
      let doctor = "hospital-3-doctor-\(number)"
      let key = try test.identityKey(of: "doctors/\(doctor)")
      let client = test.client(consortium, by: Author(.party(doctor), key))
      for question in 0..<16 {
        let request = AccessRequest(
          genesis: consortium.genesis.digest, doctor: doctor, hospital: "hospital-3",
          address: address, purpose: "x", madeAt: test.time,
          nonce: Digest32(sha256: "\(number)/\(question)".utf8).bytes)
        outcomes.append(
          await code {
            _ = try await client.ask(
              SubmitAccessRequest(request: Signed(request, by: key)), of: "manager")
          })
      }
    }
    #expect(outcomes.first == .some(nil) && outcomes.last == "busy")
    for day in 0..<6 {
      let refused = await code {
        _ = try await consortium.requestAccess(
          doctor: Self.reader, patient: Self.patient, purpose: "care on day \(day)")
      }
      #expect(refused == nil)
      test.pass(seconds: 86_400)
    }
  }
}
