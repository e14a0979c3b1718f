import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Foundation
import Ledger
import Pairings
import TestSupport
import Testing

/// What `scripts/vectors/envelope.py`, which rests on the documents alone, has made.
private struct Vectors: Decodable {
  let exchange: Exchange
  let texts: Texts
  let objects: Objects

  struct Exchange: Decodable {
    let now: UInt64
    let recipient: String
    let genesis, privateKey, publicKey, keyDigest, visit, signingSeed, signingKey, doctorKey: Hex
    let doctor: String
    let nonce, message, content, signature, envelope, envelopeDigest, reply, answer: Hex
    let taken, refusedAnswers: [Hex]
    let refused: [Refused]
  }

  struct Refused: Decodable {
    let name: String
    let bytes: Hex
    let code: String
    let isSealed: Bool
  }

  struct Texts: Decodable {
    let root, addressNonce, addressSigningKey, addressAgreementKey: Hex
    let phrase, addressName, addressText, ticketText, ticketWords: String
    let ticketKey, context, presence: Hex
    let presenceText, presenceWords: String
    let sameTicketTexts, refusedTicketTexts, sameTicketWords, refusedTicketWords: [String]
  }

  struct Objects: Decodable {
    let accessRequest, accessRequestDigest, accessRequestSignature: Hex
    let accessRequestVersion1, statementVersion3: Hex
    let hospitalIdentityKey, envelopeKey: Hex
    let statement, fingerprint, registrationKey, registration, noTeam, noTeamPadded: Hex
    let refusedStatements: [Hex]
  }

  static func read() throws -> Self {
    try #require(VectorFile<Self>("envelope", in: .module).cases.first)
  }
}

/// A hospital that knows one patient and one doctor, and says that everything is done.
private actor Recipient: RoleEndpoint {
  nonisolated let inbox: Inbox
  private let exchange: Vectors.Exchange
  private let genesis: Digest32
  private let key: AgreementKey

  init(_ exchange: Vectors.Exchange) throws {
    self.exchange = exchange
    genesis = try #require(Digest32(exchange.genesis.bytes))
    key = try AgreementKey(seed: exchange.privateKey.bytes)
    inbox = Inbox(genesis: genesis, .hospital, clock: { exchange.now })
  }

  func open(_ envelope: Envelope) throws -> (request: Signed<RequestContent>, answer: AnswerKey) {
    guard envelope.recipient == exchange.recipient,
      envelope.keyDigest == Digest32(sha256: key.publicKey)
    else { throw CredentialError(.decryption, "the envelope is sealed to another key") }
    return try envelope.open(with: key, genesis: genesis)
  }

  func known(_ author: Principal, isRenewed: Bool) async throws -> KnownAuthor? {
    switch author {
    case .party(exchange.doctor): KnownAuthor(.doctor, [exchange.doctorKey.bytes])
    case .patient(let visit, exchange.recipient) where visit.bytes == exchange.visit.bytes:
      KnownAuthor(.patient, [exchange.signingKey.bytes])
    case .key(let key): KnownAuthor(.keyHolder, [key])
    default: nil
    }
  }

  func renewal(of author: Principal) -> String? { "keys" }

  func answer(
    _ request: any RoleRequest, by author: Principal?
  ) async throws -> any CanonicalValue { Done() }

  /// What this answers to some bytes: its code, and whether it is sealed.
  func outcome(_ bytes: [UInt8]) async throws -> (code: String?, isSealed: Bool) {
    let reply = await receive(bytes, from: "courier")
    let isSealed = ObjectKind(of: reply) == .sealedAnswer
    let answer =
      isSealed
      ? try open(Envelope(encoded: bytes)).answer.open(SealedAnswer(encoded: reply).sealed) : reply
    let code = await ConsortiumError.code {
      _ = try ReplyMessage<Done>(encoded: answer).result.get()
    }
    return (code, isSealed)
  }
}

@Suite("What another program makes of the documents")
struct EnvelopeVectorTests {
  @Test("an envelope that it sealed opens, and so does its answer")
  func exchange() async throws {
    let vector = try Vectors.read().exchange
    let recipient = try Recipient(vector)
    let envelope = try Envelope(encoded: vector.envelope.bytes)
    #expect(envelope.keyDigest.bytes == vector.keyDigest.bytes)
    #expect(envelope.digest.bytes == vector.envelopeDigest.bytes)
    let (request, answer) = try await recipient.open(envelope)
    let content = RequestContent(
      genesis: try #require(Digest32(vector.genesis.bytes)), recipient: vector.recipient,
      author: .patient(
        visit: try #require(Digest32(vector.visit.bytes)), hospital: vector.recipient),
      name: AuthorizeVisit.name, nonce: vector.nonce.bytes, sentAt: vector.now,
      payload: vector.message.bytes)
    var named = content
    named.recipientKey = envelope.keyDigest
    #expect(request.object.encoded() == named.encoded())
    #expect(named.encoded() == vector.content.bytes)
    #expect(request.signature == vector.signature.bytes)
    #expect(try request.verified(by: vector.signingKey.bytes).payload == vector.message.bytes)
    _ = try Message<AuthorizeVisit>(encoded: vector.message.bytes)

    // Both ways: its answer under the key that we have, and ours.
    #expect(ReplyMessage(.success(Done())).encoded() == vector.reply.bytes)
    let sealed = try SealedAnswer(encoded: vector.answer.bytes).sealed
    #expect(try answer.open(sealed) == vector.reply.bytes)
    #expect(try answer.open(answer.seal(vector.reply.bytes)) == vector.reply.bytes)
    for bytes in vector.refusedAnswers {
      #expect(throws: CredentialError.self) {
        try answer.open(SealedAnswer(encoded: bytes.bytes).sealed)
      }
    }
  }

  @Test("[attack] envelopes with one thing wrong: the refusals of another program, in its order")
  func refused() async throws {
    let vector = try Vectors.read().exchange
    #expect(vector.refused.count == 29)
    for each in vector.refused {
      let outcome = try await Recipient(vector).outcome(each.bytes.bytes)
      #expect(outcome == (each.code, each.isSealed), "\(each.name): \(outcome)")
    }
    let recipient = try Recipient(vector)
    // Both borders of the clock, and another nonce.
    for bytes in [vector.envelope] + vector.taken {
      #expect(try await recipient.outcome(bytes.bytes) == (nil, true))
      #expect(try await recipient.outcome(bytes.bytes) == ("repeated", false))
    }
  }

  /// Without the Python of `make deps-test` there is nobody to ask.
  @Test(
    "it opens what is sealed here",
    .enabled(
      if: ProcessInfo.processInfo.environment["BCEMR_PYTHON"] != nil,
      "BCEMR_PYTHON names no Python"))
  func otherWay() async throws {
    let vector = try Vectors.read().exchange
    let recipient = try Recipient(vector)
    let author = try IdentityKey(seed: vector.signingSeed.bytes)
    let contact = Contact(id: vector.recipient, agreementKey: vector.publicKey.bytes)
    var exchanges: [[String: String]] = []
    for number in 0..<8 {
      let content = RequestContent(
        genesis: try #require(Digest32(vector.genesis.bytes)), recipient: vector.recipient,
        author: .patient(
          visit: try #require(Digest32(vector.visit.bytes)), hospital: vector.recipient),
        name: AuthorizeVisit.name, nonce: [UInt8](repeating: UInt8(number), count: 16),
        sentAt: vector.now, payload: vector.message.bytes)
      let (envelope, answer) = try Envelope.seal(content, by: author, to: contact)
      let reply = await recipient.receive(envelope.encoded(), from: "courier")
      exchanges.append([
        "envelope": envelope.encoded().hex, "author": author.publicKey.hex,
        "message": content.payload.hex, "answer": reply.hex,
        "reply": try answer.open(SealedAnswer(encoded: reply).sealed).hex,
      ])
    }
    func run(_ exchanges: [[String: String]]) throws -> (code: Int32, text: String) {
      let file = FileManager.default.temporaryDirectory
        .appendingPathComponent("bcemr-exchanges-\(UInt64.random(in: 0...UInt64.max)).json")
      defer { try? FileManager.default.removeItem(at: file) }
      let object: [String: Any] = [
        "genesis": vector.genesis.bytes.hex, "recipient": vector.recipient,
        "privateKey": vector.privateKey.bytes.hex, "exchanges": exchanges,
      ]
      try JSONSerialization.data(withJSONObject: object).write(to: file)
      let process = Process()
      process.executableURL = URL(
        fileURLWithPath: ProcessInfo.processInfo.environment["BCEMR_PYTHON"] ?? "")
      process.arguments = [
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
          .appendingPathComponent("../../scripts/vectors/envelope.py").path, "open", file.path,
      ]
      let output = Pipe()
      (process.standardOutput, process.standardError) = (output, output)
      try process.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return (process.terminationStatus, text)
    }
    let (code, text) = try run(exchanges)
    #expect(code == 0 && text.contains("8 exchanges"), "\(text)")
    // It looks: an answer to another request is none.
    exchanges[0]["answer"] = exchanges[1]["answer"]
    #expect(try run(exchanges).code == 1)
  }

  @Test("phrase, address, ticket and presence are the same text, words and keys")
  func texts() async throws {
    let vectors = try Vectors.read()
    let (vector, genesis) = (
      vectors.texts, try #require(Digest32(vectors.exchange.genesis.bytes))
    )
    let root = try PatientRoot(vector.root.bytes)
    #expect(try root.recoveryPhrase.text == vector.phrase)
    #expect(try RecoveryPhrase(words: vector.phrase).secret == vector.root.bytes)
    let keys = try root.addressKeys(
      genesis: genesis, nonce: try #require(Digest32(vector.addressNonce.bytes)))
    #expect(keys.signing.publicKey == vector.addressSigningKey.bytes)
    #expect(keys.agreement.publicKey == vector.addressAgreementKey.bytes)
    let address = try PatientAddress(text: vector.addressText)
    #expect(address.signingKey == keys.signing.publicKey)
    #expect(address.agreementKey == keys.agreement.publicKey)
    #expect(address.id == vector.addressName && address.text == vector.addressText)
    for bad in [vector.ticketText, String(vector.addressText.dropLast())] {
      #expect(await ConsortiumError.code { _ = try PatientAddress(text: bad) } == "malformed")
    }

    let ticket = try AdmissionTicket(text: vector.ticketText)
    #expect(ticket.text == vector.ticketText)
    #expect(ticket.words.joined(separator: " ") == vector.ticketWords)
    #expect(
      try ticket.key(genesis: genesis, hospital: vectors.exchange.recipient).publicKey
        == vector.ticketKey.bytes)
    for text in vector.sameTicketTexts { #expect(try AdmissionTicket(text: text) == ticket) }
    for words in vector.sameTicketWords { #expect(try AdmissionTicket(words: words) == ticket) }
    for text in vector.refusedTicketTexts {
      #expect(await ConsortiumError.code { _ = try AdmissionTicket(text: text) } == "malformed")
    }
    for words in vector.refusedTicketWords {
      #expect(throws: CredentialError.self) { try AdmissionTicket(words: words) }
    }

    let code = try PresenceCode(text: vector.presenceText)
    #expect(Message(code).encoded() == vector.presence.bytes && code.text == vector.presenceText)
    #expect(code.words.joined(separator: " ") == vector.presenceWords)
    let context = try VisitContext(encoded: vector.context.bytes)
    let (doctor, now) = (vectors.exchange.doctor, vectors.exchange.now)
    try code.check(context, for: doctor)
    // Whole minutes count, ten before and after.
    let start = now / 60 * 60
    for time in [start - 600, start, start + 659] { try code.checkMinute(at: time) }
    for time in [start - 601, start + 660] {
      #expect(await ConsortiumError.code { try code.checkMinute(at: time) } == "stale-presence")
    }
    var other = context
    other.visitID = .zero
    #expect(await ConsortiumError.code { try code.check(other, for: doctor) } == "presence")
  }

  @Test("access request, registration and the padding of an answer are the same bytes")
  func objects() throws {
    let vectors = try Vectors.read()
    let vector = vectors.objects
    let request = try AccessRequest(encoded: vector.accessRequest.bytes)
    #expect(request.digest.bytes == vector.accessRequestDigest.bytes)
    #expect(request.address.id == vectors.texts.addressName)
    #expect(
      IdentityKey.isValid(
        vector.accessRequestSignature.bytes, of: request, by: vectors.exchange.doctorKey.bytes))

    let envelopeKey = try Signed<EnvelopeKey>(sequence: vector.envelopeKey.bytes)
      .verified(by: vector.hospitalIdentityKey.bytes)
    #expect(
      envelopeKey
        == EnvelopeKey(
          genesis: try #require(Digest32(vectors.exchange.genesis.bytes)),
          owner: vectors.exchange.recipient, key: vectors.exchange.publicKey.bytes,
          first: 1_790_000_000, last: 1_790_604_800))

    let statement = try RegistrationStatement(encoded: vector.statement.bytes)
    #expect(statement.digest.bytes == vector.fingerprint.bytes)
    #expect(statement.replaces != nil && statement.specialties.count == 2)
    let registration = try DoctorRegistration(encoded: vector.registration.bytes)
    #expect(registration.statement == statement)
    _ = try VerifiedRegistration<BLS12381>(
      verifying: registration, managerKey: vector.registrationKey.bytes)
    #expect {
      try AccessRequest(encoded: vector.accessRequestVersion1.bytes)
    } throws: {
      ($0 as? DecodingFailure)?.code == .unsupportedVersion
    }
    #expect {
      try RegistrationStatement(encoded: vector.statementVersion3.bytes)
    } throws: {
      ($0 as? DecodingFailure)?.code == .unsupportedVersion
    }
    for bytes in vector.refusedStatements {
      #expect(throws: DecodingFailure.self) { try RegistrationStatement(encoded: bytes.bytes) }
    }

    let rule = try #require(RequestTable.byName[RequestAdmission.name])
    let padded = try rule.padded(vector.noTeam.bytes)
    #expect(Digest32(sha256: padded).bytes == vector.noTeamPadded.bytes)
    #expect(try rule.unpadded(padded) == vector.noTeam.bytes)
    for wrong in [
      vector.noTeam.bytes, Array(padded.dropLast()), padded + [0], padded.dropLast() + [1],
      [UInt8](repeating: 0, count: padded.count),
    ] {
      #expect(throws: ConsortiumError.self) { try rule.unpadded(wrong) }
    }
  }
}
