import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Foundation
import Ledger
import TestSupport
import Testing

@Suite("The table of requests")
struct RequestTableTests {
  @Test("is that of the specification, line by line")
  func specification() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(
      contentsOf: root.appending(path: "docs/specification.md"), encoding: .utf8)
    let lines = Set(text.split(separator: "\n").map(String.init))
    for rule in RequestTable.rules {
      let authors = rule.carriage.isOpen ? "anybody" : rule.authors.names.joined(separator: ", ")
      let recipients = rule.recipients.map(\.rawValue).sorted().joined(separator: ", ")
      let line = """
        | `\(rule.name)` | \(rule.carriage.rawValue) | \(authors) | \(recipients) | \(rule.limit) \
        | \(rule.answerLimit) | \(rule.quota == .max ? "–" : "\(rule.quota)") | \(rule.lifetime.map { "\($0)" } ?? "–") |
        """
      #expect(lines.contains(line), "\(line)")
    }
    let documented = lines.filter { $0.hasPrefix("| `") && $0.split(separator: "|").count == 8 }
    let carriages: Set<String> = [" sealed ", " signed ", " open ", " open, or sealed "]
    let rows = documented.count {
      carriages.contains(String($0.split(separator: "|", omittingEmptySubsequences: false)[2]))
    }
    #expect(rows == RequestTable.rules.count)
  }

  /// One of each role.
  private func recipients(
    _ consortium: LocalConsortium, doctor: String
  ) async throws -> [(RoleKind, String)] {
    [
      (.manager, "manager"), (.hospital, "hospital-1"), (.cloud, "cloud"), (.doctor, doctor),
      (.patient, try await consortium.address(ofPatient: TestConsortium.patient).id),
    ]
  }

  /// Everybody who is anybody, and what of them a recipient may be asked as.
  private func authors(
    _ test: TestConsortium, _ consortium: LocalConsortium, _ context: VisitContext
  ) throws -> [(kind: Authors, client: TestClient)] {
    var generator = SeededGenerator(seed: 9)
    let stranger = try IdentityKey(seed: generator.bytes(32))
    return [
      (.hospital, test.client(consortium, as: "hospital-1")),
      (.hospital, test.client(consortium, as: "hospital-2")),
      (.cloud, test.client(consortium, as: "cloud")),
      (.manager, test.client(consortium, as: "manager")),
      (.doctor, test.client(consortium, as: context.signers[0].doctor)),
      (.doctor, test.client(consortium, as: TestConsortium.reader)),
      (.patient, try test.client(consortium, asPatientOf: context)),
      (.keyHolder, test.client(consortium, by: Author(.key(stranger.publicKey), stranger))),
      // Somebody else's name, and a stranger's key.
      ([], test.client(consortium, by: Author(.party("hospital-1"), stranger))),
      ([], test.client(consortium, by: Author(.party("manager"), stranger))),
      (
        [],
        test.client(
          consortium,
          by: Author(.patient(visit: context.visitID, hospital: context.hospital), stranger))
      ),
    ]
  }

  @Test("[attack] every kind, by everybody who may not ask it, to everybody: refused undecoded")
  func whoMayAsk() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let recipients = try await recipients(consortium, doctor: context.signers[0].doctor)
    for (kind, recipient) in recipients where kind != .patient {
      _ = try await test.client(consortium, as: "manager").ask(FetchEnvelopeKey(), of: recipient)
    }
    var count = 0
    for rule in RequestTable.rules where rule.carriage == .sealed {
      for (kind, recipient) in recipients {
        for (author, client) in try authors(test, consortium, context) {
          if rule.recipients.contains(kind), !rule.authors.isDisjoint(with: author) { continue }
          // What decodes as nothing would be told so, if anybody looked.
          var content = client.content(FetchEpochEnds(from: 0), recipient)
          (content.name, content.payload) = (rule.name, [0x30, 0x01])
          let key = try #require(client.keys.first)
          let (reply, _) = try await client.send(content, by: key)
          let error = await ConsortiumError.code {
            _ = try ReplyMessage<Done>(encoded: reply).result.get()
          }
          let expected =
            rule.recipients.contains(kind) ? "unauthenticated" : "unsupported-request"
          #expect(error == expected, "\(rule.name) by \(client.author) to \(recipient): \(error)")
          count += 1
        }
      }
    }
    #expect(count > 800)
  }

  @Test("[attack] every kind, as it does not travel, and to whom it is not for: refused undecoded")
  func howItTravels() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let recipients = try await recipients(consortium, doctor: TestConsortium.reader)
    let member = test.client(consortium, as: "hospital-2")
    func code(_ reply: [UInt8]) async -> String? {
      await ConsortiumError.code { _ = try ReplyMessage<Done>(encoded: reply).result.get() }
    }
    for rule in RequestTable.rules {
      for (kind, recipient) in recipients {
        // What decodes as nothing would be told so, if anybody looked.
        let bare = DER(
          tag: [0x7f, UInt8(ObjectKind.message.rawValue)],
          [DER([DER(tag: [2], bytes: [1]), DER(tag: [12], bytes: Array(rule.name.utf8)), DER([])])])
        let told = await code(
          try await consortium.courier.send(bare.encoded(), from: "x", to: recipient))
        if !rule.recipients.contains(kind) {
          #expect(told == "unsupported-request", "\(rule.name) to \(recipient)")
        } else if rule.carriage == .sealed {
          #expect(told == "unauthenticated", "\(rule.name) to \(recipient)")
        } else {
          // It is decoded: its signature, or what proves it, lies inside.
          #expect(told == "malformed" || told == "wrong-kind", "\(rule.name) to \(recipient)")
        }
        guard kind != .patient, rule.carriage == .open || rule.carriage == .signed else { continue }
        var content = member.content(FetchEpochEnds(from: 0), recipient)
        (content.name, content.payload) = (rule.name, [0x30, 0x01])
        let (reply, _) = try await member.send(content, by: try #require(member.keys.first))
        #expect(
          await code(reply)
            == (rule.recipients.contains(kind) ? "unauthenticated" : "unsupported-request"),
          "\(rule.name) to \(recipient)")
      }
    }
  }

  @Test("[attack] envelopes of another ledger, old, early, too large, or of another kind")
  func envelopes() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let doctor = context.signers[0].doctor
    let client = test.client(consortium, as: doctor)
    let request = ReadVisit(hospital: "hospital-1", visit: context.visitID)
    let honest = client.content(request, "hospital-1")
    let key = try #require(client.keys.first)
    func code(_ content: RequestContent) async throws -> String? {
      let (reply, answer) = try await client.send(content, by: key)
      return await ConsortiumError.code {
        guard ObjectKind(of: reply) == .sealedAnswer else {
          _ = try ReplyMessage<Done>(encoded: reply).result.get()
          return
        }
        _ = try ReplyMessage<VisitView>(
          encoded: answer.open(SealedAnswer(encoded: reply).sealed)
        ).result.get()
      }
    }
    #expect(try await code(honest) == nil)
    var changed = honest
    changed.genesis = .zero
    #expect(try await code(changed) == "decryption")
    changed = honest
    changed.sentAt -= 601
    #expect(try await code(changed) == "out-of-time")
    changed.sentAt += 1202
    #expect(try await code(changed) == "out-of-time")
    changed = honest
    changed.payload += [UInt8](repeating: 0, count: 1 << 11)
    #expect(try await code(changed) == "too-large")
    changed = honest
    changed.payload = Message(FetchNote()).encoded()
    #expect(try await code(changed) == "wrong-kind")
  }

  @Test(
    "[attack] envelopes passed on sealed anew, for another ledger, bare, or with any bit changed")
  func envelopesPassedOn() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let doctor = context.signers[0].doctor
    let client = test.client(consortium, as: doctor)
    let request = ReadVisit(hospital: "hospital-1", visit: context.visitID)
    _ = try await client.ask(request, of: "hospital-1")
    let honest = client.content(request, "hospital-1")
    let key = try #require(client.keys.first)
    // Who was asked passes the request on, sealed anew, as one to another.
    let contact = try #require(test.secrets.contact("hospital-2"))
    let (moved, _) = try Envelope.seal(honest, by: key, to: contact)
    func bareCode(_ envelope: Envelope, to recipient: String) async throws -> String? {
      let reply = try await consortium.courier.send(
        envelope.encoded(), from: "somebody", to: recipient)
      return await ConsortiumError.code {
        _ = try ReplyMessage<Done>(encoded: reply).result.get()
      }
    }
    for (name, expected) in [("hospital-1", "decryption"), ("hospital-2", "unauthenticated")] {
      var envelope = moved
      envelope.recipient = name
      #expect(try await bareCode(envelope, to: "hospital-2") == expected, "\(name)")
    }
    // Signed for another ledger, and sealed as for this one.
    let own = try #require(test.secrets.contact("hospital-1"))
    var changed = honest
    changed.genesis = .zero
    let foreign = try Self.sealed(changed, by: key, to: own, as: consortium.genesis.digest)
    #expect(try await bareCode(foreign, to: "hospital-1") == "unauthenticated")
    // A request that has to be sealed is not heard without.
    let bare = try await consortium.courier.send(
      Message(request).encoded(), from: doctor, to: "hospital-1")
    #expect(
      await ConsortiumError.code { _ = try ReplyMessage<Done>(encoded: bare).result.get() }
        == "unauthenticated")
    // Any bit of an envelope.
    let (whole, _) = try client.envelope(request, to: "hospital-1")
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<100 {
      var bytes = whole
      let place = Int.random(in: bytes.indices, using: &generator)
      bytes[place] ^= UInt8(1 << Int.random(in: 0..<8, using: &generator))
      let reply = try await consortium.courier.send(bytes, from: "somebody", to: "hospital-1")
      #expect(ObjectKind(of: reply) == .message, "byte \(place)")
    }
  }

  @Test("[attack] an envelope that is longer than any honest one is refused before it is opened")
  func length() async throws {
    let limit = RequestTable.limit(of: .cloud)
    let rule = try #require(RequestTable.byName[ConfirmLeaves.name])
    // Nobody hears more than a cloud, and a cloud no more than a hospital may have to say: full leaves, or
    // as many as there may be, with all that stands beside them.
    for kind in RoleKind.allCases { #expect(RequestTable.limit(of: kind) <= limit) }
    #expect(limit < 3 << 20)
    let name = String(repeating: "h", count: 64)
    for size in [Leaf.maximumByteCount, 16] {
      let leaves = [[UInt8]](
        repeating: [UInt8](repeating: 1, count: size), count: LedgerLimits.closedBytes / size)
      let longest = Message(
        ConfirmLeaves(
          hospital: name, generation: LedgerLimits.size, from: LedgerLimits.size, leaves: leaves,
          note: String(repeating: "n", count: LedgerLimits.noteByteCount)))
      #expect(longest.encoded().count <= rule.limit)
    }

    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    func code(_ count: Int) async throws -> String? {
      var envelope = Envelope(
        recipient: "cloud", keyDigest: .zero, sealed: [UInt8](repeating: 1, count: count))
      envelope.sealed.removeLast(envelope.encoded().count - count)
      let bytes = envelope.encoded()
      #expect(bytes.count == count)
      let reply = try await consortium.courier.send(bytes, from: "a stranger", to: "cloud")
      return await ConsortiumError.code {
        _ = try ReplyMessage<Done>(encoded: reply).result.get()
      }
    }
    // Only what is looked at shows that no key opens it.
    #expect(try await code(limit) == "decryption")
    #expect(try await code(limit + 1) == "too-large")
  }

  /// A request under a seal that says another ledger than the request.
  // Not inlined: the optimizer of Swift 6.3.1 crashes where typed errors meet an async body.
  @inline(never)
  private static func sealed(
    _ content: RequestContent, by key: IdentityKey, to contact: Contact, as genesis: Digest32
  ) throws -> Envelope {
    var content = content
    content.recipientKey = Digest32(sha256: contact.agreementKey)
    let seal = Seal(
      genesis: genesis, recipient: contact.id, keyDigest: content.recipientKey)
    let (sealed, _) = try AgreementKey.sealRequest(
      Signed(content, by: key).encodedSequence(), to: contact.agreementKey,
      info: Message(seal).encoded())
    return Envelope(recipient: contact.id, keyDigest: seal.keyDigest, sealed: sealed)
  }

  /// What an envelope is bound to, from the specification alone.
  private struct Seal: NamedValue {
    static let name = "envelope"

    var genesis: Digest32
    var recipient: String
    var keyDigest: Digest32

    init(genesis: Digest32, recipient: String, keyDigest: Digest32) {
      (self.genesis, self.recipient, self.keyDigest) = (genesis, recipient, keyDigest)
    }

    func encode(into fields: inout some FieldEncoder) {
      fields.digest("genesis", genesis)
      fields.text("recipient", recipient)
      fields.digest("keyDigest", keyDigest)
    }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      genesis = try fields.digest("genesis")
      recipient = try fields.text("recipient", maximum: 256)
      keyDigest = try fields.digest("keyDigest")
    }
  }

  @Test("[attack] who has read a request, as with a stolen key, seals it anew for another key")
  func sealedAnew() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let doctor = context.signers[0].doctor
    let client = test.client(consortium, as: doctor)
    let contact = try #require(test.secrets.contact("hospital-1"))
    let stolen = try #require(
      OwnEnvelopeKeys.secrets(in: test.storage.roleStore("hospital-1")).first)
    // Sealed to the key that a thief has; the hospital takes another, and has forgotten nothing yet.
    let former = Contact(id: "hospital-1", agreementKey: stolen.publicKey)
    let request = ReadVisit(hospital: "hospital-1", visit: context.visitID)
    let key = try #require(client.keys.first)
    let (kept, _) = try Envelope.seal(client.content(request, "hospital-1"), by: key, to: former)
    #expect(former == contact)
    let opened = try kept.open(with: stolen, genesis: consortium.genesis.digest).request
    test.pass(seconds: EnvelopeKey.lifetime)
    _ = try await client.ask(FetchEnvelopeKey(), of: "hospital-1")
    let present = try #require(test.secrets.contact("hospital-1"))
    #expect(present != former)
    let (anew, answer) = try Envelope.seal(opened, to: present)
    let reply = try await consortium.courier.send(
      anew.encoded(), from: "somebody", to: "hospital-1")
    #expect(
      await ConsortiumError.code { _ = try ReplyMessage<Done>(encoded: reply).result.get() }
        == "unauthenticated")
    #expect((try? answer.open(SealedAnswer(encoded: reply).sealed)) == nil)
  }

  @Test("[attack] an envelope that somebody delivers again and again costs its author nothing")
  func repeated() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    test.pass(seconds: 60)
    let patient = try test.client(consortium, asPatientOf: context)
    let request = AuthorizeVisit(
      contextDigest: .zero, visitKeyProof: [1], signature: patient.secrets.zeros)
    let (envelope, _) = try patient.envelope(request, to: "hospital-1")
    func deliver() async throws -> [UInt8] {
      try await consortium.courier.send(envelope, from: "a courier", to: "hospital-1")
    }
    let first = try await deliver()
    #expect(ObjectKind(of: first) == .sealedAnswer)
    let limit = try #require(RequestTable.byName[AuthorizeVisit.name]).quota
    for _ in 0..<2 * limit {
      let reply = try await deliver()
      #expect(
        await ConsortiumError.code { _ = try ReplyMessage<Done>(encoded: reply).result.get() }
          == "repeated")
    }
    // The author has all but one of its own.
    for _ in 1..<limit {
      #expect(
        await ConsortiumError.code { _ = try await patient.ask(request, of: "hospital-1") }
          == "unknown-visit")
    }
    // Who starts again has forgotten it, and answers what is about the visit as before.
    consortium = try await test.open()
    #expect(ObjectKind(of: try await deliver()) == .sealedAnswer)
  }

  @Test("[attack] whoever asks without end is told so, and others are answered")
  func quotas() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    var generator = SeededGenerator(seed: 12)
    func code(_ client: TestClient) async -> String? {
      await ConsortiumError.code {
        _ = try await client.ask(
          AuthorizeVisit(contextDigest: .zero, visitKeyProof: [1], signature: client.secrets.zeros),
          of: "hospital-1")
      }
    }
    let patient = try test.client(consortium, asPatientOf: context)
    let limit = try #require(RequestTable.byName[AuthorizeVisit.name]).quota
    // That of the visit itself has come back.
    test.pass(seconds: 60)
    for _ in 0..<limit { #expect(await code(patient) == "unknown-visit") }
    #expect(await code(patient) == "busy")
    // Nobody else has less of it, and it comes back.
    let stranger = try IdentityKey(seed: generator.bytes(32))
    let foreign = test.client(
      consortium,
      by: Author(.patient(visit: context.visitID, hospital: "hospital-1"), stranger))
    #expect(await code(foreign) == "unauthenticated")
    test.pass(seconds: 60)
    #expect(await code(patient) == "unknown-visit")
  }
}
