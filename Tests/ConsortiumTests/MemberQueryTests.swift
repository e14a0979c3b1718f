import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Queries of members")
struct MemberQueryTests {
  @Test("[attack] a courier asks with a member's query later, of others, or with other terms")
  func kept() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await test.consentedVisit(consortium)
    var kept: [String: Wire.Passage] = [:]
    for passage in test.wire.passages where kept[passage.kind ?? ""] == nil {
      guard let kind = passage.kind, let rule = RequestTable.byName[kind],
        rule.carriage == .signed, ObjectKind(of: passage.reply) == .message
      else { continue }
      kept[kind] = passage
    }
    let own: Set<String> = [FetchOutbox.name, FetchConsortium.name, FetchLeaves.name]
    #expect(own.isSubset(of: kept.keys))
    func code(_ bytes: [UInt8], to recipient: String) async throws -> String {
      let reply = try await consortium.courier.send(bytes, from: "x", to: recipient)
      guard
        case .failure(let error) = try? ReplyMessage<Done>(encoded: reply).result,
        FieldDecoder.leadingText(of: .message, in: reply, maximum: 64) == "error"
      else { return "answered" }
      return "\(error.code)"
    }
    func heard(at role: String) -> [String: UInt64] {
      (consortium.hospitals[role]?.inbox ?? consortium.cloud.inbox).heard.all
    }
    for kind in own {
      let passage = try #require(kept[kind])
      let other = passage.recipient == "hospital-2" ? "hospital-3" : "hospital-2"
      if RequestTable.byName[kind]?.recipients.contains(.hospital) == true {
        #expect(try await code(passage.request, to: other) == "unauthenticated", "\(kind)")
      }
      let late = try await code(passage.request, to: passage.recipient)
      #expect(late == "answered" || late == "not-final", "\(kind): \(late)")
    }
    // With what was written since.
    _ = try await consortium.hold(test.plan("encounter-2"))
    try await consortium.settle()
    test.pass(seconds: 601)
    for kind in own {
      let passage = try #require(kept[kind])
      #expect(
        try await code(passage.request, to: passage.recipient) == "out-of-time", "\(kind)")
      // Nobody seems to be there by what it has asked long ago; nor does who is no member.
      let heard = heard(at: passage.recipient)
      #expect(!heard.isEmpty && heard.values.allSatisfy { $0 < test.time }, "\(kind)")
      #expect(heard.keys.allSatisfy { consortium.genesis.members.party($0) != nil }, "\(kind)")
    }
    // Other terms under the same signature, or another's.
    let passage = try #require(kept[FetchLeaves.name])
    let query = try Message<FetchLeaves>(encoded: passage.request).payload.query
    var asked = query.object.payload
    asked.terms.sentAt = test.time
    let stranger = try TestConsortium.stranger().key
    for signed in [
      Signed(Message(asked), by: stranger),
      Signed(Message(asked), by: try test.identityKey(of: "hospital-2")),
    ] {
      #expect(
        try await code(
          Message(FetchLeaves(query: signed)).encoded(), to: passage.recipient)
          == "unauthenticated")
    }
    let honest = Signed(Message(asked), by: try test.identityKey(of: asked.terms.party))
    #expect(
      try await code(Message(FetchLeaves(query: honest)).encoded(), to: passage.recipient)
        == "answered")
    #expect(heard(at: passage.recipient)[asked.terms.party] == test.time)
    // Nor ahead of time.
    asked.terms.sentAt = test.time + 601
    let early = Signed(Message(asked), by: try test.identityKey(of: asked.terms.party))
    #expect(
      try await code(Message(FetchLeaves(query: early)).encoded(), to: passage.recipient)
        == "out-of-time")
  }
}
