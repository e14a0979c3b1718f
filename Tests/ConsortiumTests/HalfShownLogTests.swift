import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

/// Access logs of which somebody honest has less than there is.
@Suite("Access logs that are shown by half")
struct HalfShownLogTests {
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital

  /// What a hospital shows of an access log: all but accesses.
  private static func withoutAccesses(
    _ transit: Wire.Transit, _ reply: [UInt8]
  ) throws -> [UInt8] {
    var shown = try ReplyMessage<AccessLogReply>(encoded: transit.open(reply)).result.get()
    shown.entries.removeAll { $0.content.body.kind == .accessNotice }
    shown.count = UInt64(shown.entries.count)
    return try transit.answer(ReadAccessLog.self, shown)
  }

  @Test("[attack] a hospital hides an access while its honest new cloud has less than is anchored")
  func accessHiddenBehindAnchor() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 24)
    let consortium = try await test.openWithTwoClouds()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 360_000)
    try await test.pass(seconds: 100, consortium)
    let before = try await test.held("cloud", consortium)
    _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    try await test.pass(seconds: 100, consortium)
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let honest = try await patient.accessLog(visit, at: Self.hospital)
    #expect(honest.records.map(\.event) == [.consented, .requested, .accessed])
    try await test.assign("cloud-2", consortium)
    // The former cloud does not answer the new one, and the hospital does not send it anything yet.
    test.wire.lose {
      ($0.sender == "cloud-2" || $0.recipient == "cloud-2") && $0.isAboutChain
    }
    try await test.passEpoch(consortium, mayFail: true)
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    #expect(try await test.held("cloud-2", consortium) == 0)
    let anchor = try await consortium.cloud.node.consortium.anchor(of: Self.hospital)
    #expect(try #require(anchor).size > before)

    // The hospital gives the new cloud a true beginning of what is anchored, without the access.
    let leaves = try await test.storage.chainLog(Self.hospital).contents()
    let request = try TestConsortium.confirmation(
      of: Array(leaves.prefix(Int(before))), from: 0, test.logKey(consortium))
    test.wire.intercept { transit in
      if transit.sender == "cloud-2", transit.isAboutChain {
        throw ConsortiumError(.unreachable, "the former cloud does not answer")
      }
      let reply = try await transit.deliver(transit.request)
      guard transit.recipient == Self.hospital, transit.payload(ReadAccessLog.self) != nil else {
        return reply
      }
      return try Self.withoutAccesses(transit, reply)
    }
    _ = try await test.client(consortium, as: Self.hospital).ask(request, of: "cloud-2")
    #expect(try await test.held("cloud-2", consortium) == before)
    let shown = try await patient.accessLog(visit, at: Self.hospital)
    #expect(!shown.isComplete && shown.unheard["cloud-2"] == .behindAnchor)
  }

  @Test("[attack] a hospital and a lost message hide an access: a former cloud says that it is one")
  func accessHiddenByFormerCloud() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 24)
    let consortium = try await test.openWithTwoClouds()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 360_000)
    try await test.pass(seconds: 100, consortium)
    // The patient's device is switched off meanwhile.
    try await test.assign("cloud-2", consortium)
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    try await test.pass(seconds: 100, consortium)
    let asked = Mutex<[String]>([])
    test.wire.intercept { transit in
      // The courier loses one open question, and the hospital does not answer it.
      if transit.sender == "patient",
        transit.payload(Prove.self)?.subject == .consortiumLeaf(index: 0)
      {
        throw ConsortiumError(.unreachable, "lost, or not answered")
      }
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(ReadAccessLog.self) != nil else { return reply }
      asked.withLock { $0.append(transit.recipient) }
      // The clouds are honest.
      return transit.recipient == Self.hospital ? try Self.withoutAccesses(transit, reply) : reply
    }
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let shown = try await patient.accessLog(visit, at: Self.hospital)
    #expect(asked.withLock { $0 } == ["cloud", Self.hospital])
    #expect(!shown.records.map(\.event).contains(.accessed))
    #expect(!shown.isComplete && shown.unheard["cloud"] == .notEntitled)
    test.wire.intercept(nil)
    let honest = try await patient.accessLog(visit, at: Self.hospital)
    #expect(honest.records.map(\.event).contains(.accessed))
  }

  @Test("[attack] a hospital hides a visit while its cloud was put back: nobody says it is all")
  func visitHiddenBehindAnchor() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let shown = try await consortium.hold(test.plan("encounter-1")).visit
    try await test.pass(seconds: 200, consortium)
    let backup = try await test.storage.backup("cloud")
    let hidden = try await consortium.hold(test.plan("encounter-2")).visit
    try await test.pass(seconds: 200, consortium)
    let nonce = try await test.state(of: hidden, consortium).context.keyNonce
    let words = try test.words()
    try await test.storage.restore(backup)
    // The hospital has not given its cloud the leaves again.
    test.wire.lose(ConfirmLeaves.self)
    #expect(await ConsortiumError.code { _ = try await test.open() } != nil)
    test.wire.intercept { transit in
      if transit.payload(ConfirmLeaves.self) != nil {
        throw ConsortiumError(.unreachable, "the hospital sends nothing")
      }
      let reply = try await transit.deliver(transit.request)
      guard transit.recipient == Self.hospital, transit.payload(FindVisits.self) != nil else {
        return reply
      }
      var page = try ReplyMessage<FoundVisits>(encoded: transit.open(reply)).result.get()
      page.visits.removeAll { $0.keyNonce == nonce }
      return try transit.answer(FindVisits.self, page)
    }
    let device = try test.newDevice(words: words, store: MemoryRoleStore(), consortium)
    let half = try await device.restore()
    #expect(!half.visits.map(\.visit).contains(hidden))
    let sources = half.sources.filter { $0.hospital == Self.hospital }
    #expect(!half.isComplete)
    #expect(sources.first { $0.supernode == "cloud" }?.failure == .behindAnchor)
    #expect(sources.first { $0.supernode == Self.hospital }?.isComplete == true)
    // As soon as it has them, all is found.
    test.wire.intercept(nil)
    let again = try await test.open()
    try await test.pass(seconds: 100, again)
    let other = try test.newDevice(words: words, store: MemoryRoleStore(), again, seed: 78)
    let whole = try await other.restore()
    #expect(Set(whole.visits.map(\.visit)) == [shown, hidden])
    #expect(whole.isComplete)
  }

  @Test("one chain that nobody shows hides nothing of the others, and is named")
  func holdingsOfAll() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-1"))
    _ = try await consortium.hold(test.plan("encounter-2", hospital: "hospital-2"))
    try await consortium.settle()
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    #expect(try await patient.holdings().visits.count == 2)
    test.wire.lose { transit in
      guard transit.payload(ReadAccessLog.self) != nil,
        case .patient(_, "hospital-2")? = transit.author
      else { return false }
      return true
    }
    let shown = try await patient.holdings()
    #expect(shown.visits.count == 2 && shown.access.allSatisfy { $0.hospital == Self.hospital })
    #expect(shown.unheard["hospital-2"] == .unreachable)
  }

  @Test(
    "a hospital was removed by vote: its patients are shown what they have there and elsewhere"
  )
  func removedHospital() async throws {
    let test = TestConsortium(teamSize: 1, hospitals: 4, epochLength: 12)
    let consortium = try await test.open()
    let past = try await consortium.hold(test.plan("e-1")).visit
    _ = try await consortium.hold(test.plan("e-2", hospital: "hospital-2"))
    try await consortium.settle()
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    #expect(try await patient.holdings().visits.count == 2)
    let motion = try await consortium.put([.remove("hospital-1")], by: "hospital-2-trust")
    for voter in ["hospital-3-trust", "hospital-4-trust"] {
      try await consortium.vote(on: motion, by: voter)
    }
    try await test.passEpoch(consortium, mayFail: true)
    #expect(try await consortium.members().supernode("hospital-1") == nil)
    for _ in 0..<3 {
      let shown = try await patient.holdings()
      #expect(shown.visits.map(\.visit).contains(past) && shown.visits.count == 2)
      await test.rest(consortium, rounds: 2)
    }
  }
}
