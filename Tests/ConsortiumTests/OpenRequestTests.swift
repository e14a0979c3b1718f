import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("What anybody may ask, in envelopes")
struct OpenRequestTests {
  private static let hospital = TestConsortium.hospital
  private static let question = Prove(.consortiumLeaf(index: 0), knownSize: 0)

  /// The code of a bare refusal; nil of what is sealed.
  private func refusal(_ reply: [UInt8]) async -> String? {
    if ObjectKind(of: reply) == .sealedAnswer { return nil }
    return await ConsortiumError.code {
      _ = try ReplyMessage<Done>(encoded: reply).result.get()
    }
  }

  @Test("any key is answered in an envelope, and all kinds that may be bare say the same both ways")
  func answered() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let stranger = try TestConsortium.stranger()
    let client = test.client(consortium, by: stranger)
    func both<Request: RoleRequest>(_ request: Request) async throws -> [[UInt8]] {
      let (reply, key) = try await client.send(
        client.content(request, Self.hospital), by: stranger.key)
      let bare = try await consortium.courier.send(
        Message(request).encoded(), from: "somebody", to: Self.hospital)
      return [try key.open(SealedAnswer(encoded: reply).sealed), bare]
    }
    var answers = [
      try await both(Self.question),
      try await both(ProveDoctors([context.signers[0].doctor], knownSize: 0)),
      try await both(FetchEpochEnds(from: 0)), try await both(FetchMembers(ofEpoch: 0)),
    ]
    for answer in answers { #expect(answer[0] == answer[1] && !answer[0].isEmpty) }
    // What it refuses it refuses under the seal.
    answers = [try await both(FetchMembers(ofEpoch: 1 << 40))]
    #expect(answers[0][0] == answers[0][1])
    #expect(await refusal(answers[0][1]) != nil)
  }

  @Test("[attack] open questions in others' names, of other carriages, and again: refused")
  func refused() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let context = try await test.beginVisit(consortium, test.plan()).context
    let stranger = try TestConsortium.stranger()
    let other = try TestConsortium.stranger(32)
    let client = test.client(consortium, by: stranger)
    let mark = test.wire.passages.count
    // Another's key; and a party, or a patient, who need not say who they are.
    let member = test.client(consortium, as: "cloud")
    let patient = try test.patient(of: context)
    let claims: [(Principal, IdentityKey)] = [
      (stranger.principal, other.key), (.party("cloud"), stranger.key),
      (.party("nobody-at-all"), stranger.key),
      (.party("cloud"), try #require(member.keys.first)), (patient.principal, stranger.key),
    ]
    for (author, key) in claims {
      var content = client.content(Self.question, Self.hospital)
      content.author = author
      let reply = try await client.send(content, by: key).reply
      #expect(await refusal(reply) == "unauthenticated", "\(author)")
    }
    // For none of them was anybody asked.
    #expect(test.wire.passages.dropFirst(mark).allSatisfy { $0.sender == "somebody" })
    // What has to be bare, and what there is not.
    for rule in RequestTable.rules where rule.recipients.contains(.hospital) {
      var content = client.content(Self.question, Self.hospital)
      (content.name, content.payload) = (rule.name, [0x30, 0x01])
      let told = await refusal(try await client.send(content, by: stranger.key).reply)
      let isTaken = rule.carriage.mayBeSealed && rule.authors.contains(.keyHolder)
      #expect(told == (isTaken ? nil : "unauthenticated"), "\(rule.name)")
    }
    var unknown = client.content(Self.question, Self.hospital)
    unknown.name = "prove-nothing"
    #expect(
      await refusal(try await client.send(unknown, by: stranger.key).reply)
        == "unsupported-request")
    // An envelope that was answered is not answered again, wherever it comes from.
    let (envelope, _) = try client.envelope(Self.question, to: Self.hospital)
    let deliveries: [(String, String?)] = [
      ("somebody", nil), ("somebody", "repeated"), ("x", "repeated"),
    ]
    for (address, told) in deliveries {
      let reply = try await consortium.courier.send(envelope, from: address, to: Self.hospital)
      #expect(await refusal(reply) == told)
    }
  }

  @Test("[attack] whoever draws a key for each question has what its address has, and no more")
  func quota() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let limit = try #require(RequestTable.byName[FetchMembers.name]).quota
    let request = FetchMembers(ofEpoch: 0)
    _ = try await test.client(consortium, as: "cloud").ask(FetchEnvelopeKey(), of: Self.hospital)
    func told(_ seed: UInt64, from address: String) async throws -> String? {
      let author = try TestConsortium.stranger(seed)
      let client = test.client(consortium, by: author, from: address)
      let (reply, key) = try await client.send(
        client.content(request, Self.hospital), by: author.key)
      return await ConsortiumError.code {
        _ = try ReplyMessage<MembersReply>(
          encoded: key.open(SealedAnswer(encoded: reply).sealed)
        ).result.get()
      }
    }
    let bare = Message(request).encoded()
    for number in 0..<limit {
      if number % 4 == 0 {
        #expect(try await told(1000 + UInt64(number), from: "a") == nil)
      } else {
        _ = try await consortium.courier.send(bare, from: "a", to: Self.hospital)
      }
    }
    #expect(try await told(1, from: "a") == "busy")
    let reply = try await consortium.courier.send(bare, from: "a", to: Self.hospital)
    #expect(await refusal(reply) == "busy")
    #expect(try await told(1, from: "b") == nil)
    test.pass(seconds: 60)
    #expect(try await told(2, from: "a") == nil)
  }
}
