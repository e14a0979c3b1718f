import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Queries of members")
struct MemberQueryTests {
  private static let own: Set<String> = [
    FetchOutbox.name, FetchConsortium.name, FetchLeaves.name,
  ]

  /// What somebody on the way keeps of a visit and its sharing: of each kind the first.
  private func kept(of test: TestConsortium) -> [String: Wire.Passage] {
    var kept: [String: Wire.Passage] = [:]
    for passage in test.wire.passages where kept[passage.kind ?? ""] == nil {
      guard let kind = passage.kind, let rule = RequestTable.byName[kind],
        rule.carriage == .signed, ObjectKind(of: passage.reply) == .message
      else { continue }
      kept[kind] = passage
    }
    return kept
  }

  private func answer(
    to bytes: [UInt8], of recipient: String, _ consortium: LocalConsortium
  ) async throws -> String {
    let reply = try await consortium.courier.send(bytes, from: "x", to: recipient)
    guard
      case .failure(let error) = try? ReplyMessage<Done>(encoded: reply).result,
      FieldDecoder.leadingText(of: .message, in: reply, maximum: 64) == "error"
    else { return "answered" }
    return "\(error.code)"
  }

  private func heard(at role: String, _ consortium: LocalConsortium) -> [String: UInt64] {
    (consortium.hospitals[role]?.inbox ?? consortium.cloud.inbox).heard.all
  }

  @Test("[attack] a courier asks with a member's query later, of others, or with other terms")
  func kept() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await test.consentedVisit(consortium)
    let kept = kept(of: test)
    #expect(Self.own.isSubset(of: kept.keys))
    for kind in Self.own {
      let passage = try #require(kept[kind])
      let other = passage.recipient == "hospital-2" ? "hospital-3" : "hospital-2"
      if RequestTable.byName[kind]?.recipients.contains(.hospital) == true {
        let told = try await answer(to: passage.request, of: other, consortium)
        #expect(told == "unauthenticated", "\(kind)")
      }
      let late = try await answer(to: passage.request, of: passage.recipient, consortium)
      #expect(late == "answered" || late == "not-final", "\(kind): \(late)")
    }
    // With what was written since.
    _ = try await consortium.hold(test.plan("encounter-2"))
    try await consortium.settle()
    test.pass(seconds: 601)
    for kind in Self.own {
      let passage = try #require(kept[kind])
      let told = try await answer(to: passage.request, of: passage.recipient, consortium)
      #expect(told == "out-of-time", "\(kind)")
      // Nobody seems to be there by what it has asked long ago; nor does who is no member.
      let heard = heard(at: passage.recipient, consortium)
      #expect(!heard.isEmpty && heard.values.allSatisfy { $0 < test.time }, "\(kind)")
      #expect(heard.keys.allSatisfy { consortium.genesis.members.party($0) != nil }, "\(kind)")
    }
    try await expectOtherTermsRefused(of: try #require(kept[FetchLeaves.name]), test, consortium)
  }

  /// Other terms under the same signature, or another's, or ahead of time.
  private func expectOtherTermsRefused(
    of passage: Wire.Passage, _ test: TestConsortium, _ consortium: LocalConsortium
  ) async throws {
    let query = try Message<FetchLeaves>(encoded: passage.request).payload.query
    var asked = query.object.payload
    func told(by key: IdentityKey) async throws -> String {
      let request = FetchLeaves(query: Signed(Message(asked), by: key))
      return try await answer(
        to: Message(request).encoded(), of: passage.recipient, consortium)
    }
    let own = try test.identityKey(of: asked.terms.party)
    asked.terms.sentAt = test.time
    #expect(try await told(by: TestConsortium.stranger().key) == "unauthenticated")
    #expect(try await told(by: test.identityKey(of: "hospital-2")) == "unauthenticated")
    #expect(try await told(by: own) == "answered")
    #expect(heard(at: passage.recipient, consortium)[asked.terms.party] == test.time)
    asked.terms.sentAt = test.time + 601
    #expect(try await told(by: own) == "out-of-time")
  }
}
