import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing
import TransparencyLog

@Suite("Access logs: who is asked")
struct HiddenAccessTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  private func keptProof(
    _ patient: Patient, of cloud: String, _ test: TestConsortium
  ) async throws -> Wire.Passage {
    for _ in 0..<2 { _ = try await patient.client.currentMembers(shownBy: cloud) }
    return try #require(
      test.wire.passages.last {
        $0.kind == Prove.name && $0.recipient == cloud && $0.sender == "patient"
      })
  }

  @Test("[attack] a hospital and a former cloud hide an access: the present cloud is asked")
  func hiddenByFormerCloud() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 30)
    let consortium = try await test.openWithTwoClouds()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    let former = try #require(try await test.presentCloud(consortium))
    _ = try await patient.accessLog(visit, at: Self.hospital)
    let page = try #require(
      test.wire.passages.last { $0.kind == ReadAccessLog.name && $0.recipient == former })
    let old = try ReplyMessage<AccessLogReply>(encoded: page.answer).result.get()
    let kept = try await keptProof(patient, of: former, test)
    try await test.assign("cloud-2", consortium)
    try await test.passEpoch(consortium)
    try await consortium.settle()
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect(opened == nil)
    try await consortium.settle()
    let isAsked = Capture<Bool>()
    test.wire.intercept { transit in
      if transit.sender == "patient", transit.recipient == "cloud-2" { isAsked.value = true }
      // Both show what was the newest, as their own answer of now.
      if transit.payload(Prove.self) != nil, transit.sender == "patient",
        [former, Self.hospital].contains(transit.recipient)
      {
        return try transit.seal(kept.answer)
      }
      if transit.payload(ReadAccessLog.self) != nil, transit.recipient == former {
        return try transit.answer(ReadAccessLog.self, old)
      }
      let reply = try await transit.deliver(transit.request)
      guard transit.recipient == Self.hospital, transit.payload(ReadAccessLog.self) != nil
      else { return reply }
      var shown = try ReplyMessage<AccessLogReply>(encoded: transit.open(reply)).result.get()
      shown.entries.removeAll { $0.content.body.kind == .accessNotice }
      shown.count = UInt64(shown.entries.count)
      return try transit.answer(ReadAccessLog.self, shown)
    }
    let log = try await patient.accessLog(visit, at: Self.hospital)
    #expect(log.records.contains { $0.event == .accessed })
    #expect(isAsked.value == true)
    test.wire.intercept(nil)
    let honest = try await patient.accessLog(visit, at: Self.hospital)
    #expect(honest.isComplete && honest.records.contains { $0.event == .accessed })
  }

  /// What a courier does, with an answer that was the newest.
  enum Freeze: CaseIterable {
    /// It brings the old answer as it was sealed.
    case sealedAgain
    /// It brings what the answer said, without a seal.
    case unsealed
    /// It brings other envelope keys first, so that nobody can be asked in an envelope.
    case otherKeys
    /// A cloud shows what was the newest as its own answer of now, and leaves the access out.
    case withCloud
    /// The same, and nobody else does anything.
    case cloudAlone
  }

  /// What the patient asks is answered with what was kept, as somebody can who is on the way, or the cloud itself.
  ///
  /// - Returns: how often.
  private static func give(
    _ kept: Wire.Passage, again freeze: Freeze, _ forged: Signed<EnvelopeKey>,
    _ test: TestConsortium
  ) -> Capture<Int> {
    let (frozen, met) = (Capture<Int>(), Met())
    frozen.value = 0
    test.wire.intercept { transit in
      guard transit.sender == "patient" else { return try await transit.deliver(transit.request) }
      if freeze == .otherKeys, transit.payload(FetchEnvelopeKey.self) != nil,
        met.names.withLock({ $0.insert(transit.recipient).inserted })
      {
        return try transit.answer(FetchEnvelopeKey.self, forged)
      }
      let isCloud = transit.recipient == "cloud"
      if transit.payload(Prove.self) != nil, isCloud || freeze != .cloudAlone {
        frozen.change { $0 = ($0 ?? 0) + 1 }
        if ObjectKind(of: transit.request) == .message { return kept.answer }
        if isCloud, [.withCloud, .cloudAlone].contains(freeze) {
          return try transit.seal(kept.answer)
        }
        return freeze == .unsealed ? kept.answer : kept.reply
      }
      let reply = try await transit.deliver(transit.request)
      guard [.withCloud, .cloudAlone].contains(freeze), isCloud,
        transit.payload(ReadAccessLog.self) != nil
      else { return reply }
      var shown = try ReplyMessage<AccessLogReply>(encoded: transit.open(reply)).result.get()
      shown.entries.removeAll { $0.content.body.kind == .accessNotice }
      shown.count = UInt64(shown.entries.count)
      return try transit.answer(ReadAccessLog.self, shown)
    }
    return frozen
  }

  @Test(
    "[attack] a courier, or a cloud, gives what was the newest again: no access is hidden",
    arguments: Freeze.allCases)
  func frozen(_ freeze: Freeze) async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 30)
    var consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let known = try #require(await consortium.patients[Self.patient])
    let kept = try await keptProof(known, of: "cloud", test)
    let size = try await known.client.prove(.consortiumLeaf(index: 0), by: "cloud").checkpoint.size
    #expect(try Message<Prove>(encoded: kept.message).payload.knownSize == size)
    // The manager has another key since, which the patient does not know of.
    try await consortium.rotateKeys(of: "manager")
    try await test.passEpoch(consortium)
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect(opened == nil)
    try await consortium.settle()
    // A program that has started anew knows nobody's envelope key yet.
    consortium = try await test.open()
    let patient = try #require(await consortium.patients[Self.patient])
    let stranger = try TestConsortium.stranger()
    let forged = Signed(
      EnvelopeKey(
        genesis: consortium.genesis.digest, owner: "cloud",
        key: [UInt8](repeating: 9, count: 32), first: test.time, last: test.time + 1000),
      by: stranger.key)
    let frozen = Self.give(kept, again: freeze, forged, test)
    let log = try await patient.accessLog(visit, at: Self.hospital)
    #expect(try #require(frozen.value) > 0)
    let isShown = log.records.contains { $0.event == .accessed }
    if freeze == .cloudAlone {
      #expect(isShown)
    } else {
      // What the hospital shows cannot be judged, which says nothing of the hospital.
      #expect(!isShown && log.unheard[Self.hospital] == .unreachable)
    }
    #expect(!log.unheard.values.contains(.malformed))
    test.wire.intercept(nil)
    let honest = try await patient.accessLog(visit, at: Self.hospital)
    #expect(honest.isComplete && honest.records.contains { $0.event == .accessed })
  }

  /// Who was asked for its envelope key.
  private final class Met: Sendable { let names = Mutex<Set<String>>([]) }

  @Test("[attack] who shows its newest block, and an access that no manager has signed, is named")
  func invented() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 30)
    let consortium = try await test.open()
    let (visit, _) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    try await consortium.rotateKeys(of: "manager")
    try await test.passEpoch(consortium)
    let stranger = try TestConsortium.stranger()
    let entry = Entry(
      EntryContent(
        genesis: consortium.genesis.digest, chain: Self.hospital, signer: .party("manager"),
        body: AccessNotice(visit: visit, document: .zero)),
      signedBy: stranger.key)
    test.wire.answer(ReadAccessLog.self) { shown in
      AccessLogReply(
        entries: shown.entries + [entry], count: shown.count + 1, receipt: shown.receipt)
    }
    let log = try await patient.accessLog(visit, at: Self.hospital)
    #expect(log.unheard == ["cloud": .malformed, Self.hospital: .malformed])
    #expect(log.records.map(\.event) == [.consented, .requested])
  }
}
