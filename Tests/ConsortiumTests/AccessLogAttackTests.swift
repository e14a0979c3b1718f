import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Sharing: attacks on what a patient is shown of it")
struct AccessLogAttackTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let (hospital, cloud) = (TestConsortium.hospital, "cloud")

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  /// Has a supernode show no note, and of the access log what this leaves.
  private func hide(
    _ test: TestConsortium, at supernode: String, notes: Bool = false,
    _ change: @escaping @Sendable ([Entry]) -> [Entry]
  ) {
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.recipient == supernode else { return reply }
      if notes, transit.payload(FetchNote.self) != nil {
        var shown = try ReplyMessage<FetchedNote>(encoded: transit.open(reply)).result.get()
        shown.note = nil
        return try transit.answer(FetchNote.self, shown)
      }
      if transit.payload(ReadAccessLog.self) != nil {
        var shown = try ReplyMessage<AccessLogReply>(encoded: transit.open(reply)).result.get()
        shown.entries = change(shown.entries)
        shown.count = UInt64(shown.entries.count)
        return try transit.answer(ReadAccessLog.self, shown)
      }
      return reply
    }
  }

  /// What the patient signs of a visit that an honest program never would.
  @inline(never)
  private func entry(
    _ body: some CanonicalObject, asPatientOf context: VisitContext, _ test: TestConsortium
  ) throws -> Entry {
    Entry(
      EntryContent(
        genesis: context.genesis, chain: context.hospital,
        signer: .patient(visit: context.visitID), body: body),
      signedBy: try test.patient(of: context).key)
  }

  @Test("[attack] a cloud or a hospital alone leaves accesses and consents out of an access log")
  func hiddenAccess() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    try await consortium.settle()
    let patient = try #require(await consortium.patients[Self.patient])
    let honest = try await patient.accessLog(visit, at: Self.hospital)
    #expect(honest.records.map(\.event) == [.consented, .requested, .accessed])
    #expect(honest.isComplete)
    for supernode in [Self.cloud, Self.hospital] {
      for hidden in [[.accessNotice], [.consentNotice, .accessRequestNotice], []]
        as [[ObjectKind]]
      {
        hide(test, at: supernode) { entries in
          hidden.isEmpty ? [] : entries.filter { !hidden.contains($0.content.body.kind) }
        }
        #expect(try await patient.accessLog(visit, at: Self.hospital) == honest)
      }
      // What comes twice, or in another order, is there once: as who has more has it, or both.
      hide(test, at: supernode) { $0 + $0 }
      let doubled = try await patient.accessLog(visit, at: Self.hospital)
      #expect(doubled == honest)
      hide(test, at: supernode) { $0.reversed().dropLast() }
      #expect(try await patient.accessLog(visit, at: Self.hospital) == honest)
    }
    // Each leaves out something else.
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(ReadAccessLog.self) != nil else { return reply }
      var shown = try ReplyMessage<AccessLogReply>(encoded: transit.open(reply)).result.get()
      shown.entries.remove(at: transit.recipient == Self.cloud ? 0 : 2)
      shown.count = UInt64(shown.entries.count)
      return try transit.answer(ReadAccessLog.self, shown)
    }
    #expect(try await patient.accessLog(visit, at: Self.hospital) == honest)
  }

  @Test("[attack] a visit is consented to so often that no answer has it all: the log goes on")
  func longerThanAnAnswer() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let context = try await test.state(of: visit, consortium).context
    let server = try #require(consortium.hospitals[Self.hospital])
    // What the patient's key signs; nobody is asked.
    let count = 1200
    for number in 0..<count {
      let document = Digest32(sha256: Array("consent \(number)".utf8))
      let notice = try entry(
        ConsentNotice(visit: visit, document: document), asPatientOf: context, test)
      _ = try await server.ledger.submit(notice)
    }
    _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    try await consortium.settle()
    let patient = try #require(await consortium.patients[Self.patient])
    let answered = test.wire.passages.count
    let log = try await patient.accessLog(visit, at: Self.hospital)
    #expect(log.isComplete && log.records.count == count + 3)
    #expect(log.records.last?.event == .accessed)
    #expect(Set(log.records.filter { $0.event == .consented }.map(\.document)).count == count + 1)
    let answers = test.wire.passages.dropFirst(answered).filter { $0.kind == ReadAccessLog.name }
    #expect(answers.count > 2)
    for answer in answers {
      let page = try ReplyMessage<AccessLogReply>(encoded: answer.answer).result.get()
      #expect(page.entries.reduce(0) { $0 + $1.encoded().count } <= AccessLogReply.byteLimit)
      #expect(page.count == UInt64(count + 3))
    }
    // Whoever says that there is more, and shows none, or goes on without end, is named.
    let lies: [@Sendable (AccessLogReply) -> AccessLogReply] = [
      { AccessLogReply(entries: $0.entries, count: $0.count + 1, receipt: nil) },
      { AccessLogReply(entries: Array($0.entries.prefix(1)), count: 1 << 40, receipt: nil) },
      { AccessLogReply(entries: $0.entries, count: 0, receipt: nil) },
    ]
    for (number, lie) in lies.enumerated() {
      test.pass(seconds: 60)
      let asked = Capture<Int>()
      asked.value = 0
      test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        guard transit.recipient == Self.cloud, transit.payload(ReadAccessLog.self) != nil else {
          return reply
        }
        asked.change { $0 = ($0 ?? 0) + 1 }
        let honest = try ReplyMessage<AccessLogReply>(encoded: transit.open(reply)).result.get()
        return try transit.answer(ReadAccessLog.self, lie(honest))
      }
      let shown = try await patient.accessLog(visit, at: Self.hospital)
      #expect(shown.records.count == count + 3, "lie \(number)")
      #expect(shown.unheard[Self.cloud] == (number == 1 ? .tooLarge : .malformed), "lie \(number)")
      #expect(try #require(asked.value) <= 64, "lie \(number)")
    }
  }

  @Test("[attack] who does not answer about an access log, or answers junk, is named in it")
  func silence() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, _) = try await test.consentedVisit(consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    let honest = try await patient.accessLog(visit, at: Self.hospital)
    for supernode in [Self.cloud, Self.hospital] {
      test.wire.lose { $0.recipient == supernode && $0.payload(ReadAccessLog.self) != nil }
      let half = try await patient.accessLog(visit, at: Self.hospital)
      #expect(half.records == honest.records && half.unheard == [supernode: .unreachable])
      #expect(try await patient.holdings().unheard == [supernode: .unreachable])
    }
    test.wire.lose(ReadAccessLog.self)
    #expect(
      await code { _ = try await patient.accessLog(visit, at: Self.hospital) } == "unreachable")
    // Entries of nobody, of another visit, of another chain, and what another may not say.
    test.wire.intercept(nil)
    let other = try await consortium.hold(test.plan("encounter-2")).visit
    let context = try await test.state(of: visit, consortium).context
    let made = Digest32(sha256: [1])
    let junk = [
      try test.entry(Revocation(visit: visit, document: made), by: "manager", consortium),
      try test.entry(ConsentNotice(visit: visit, document: made), by: "manager", consortium),
      try test.entry(AccessNotice(visit: visit, document: made), by: Self.hospital, consortium),
      try test.entry(AccessNotice(visit: other, document: made), by: "manager", consortium),
      try test.entry(
        AccessNotice(visit: visit, document: made), by: "manager", chain: "hospital-2", consortium),
      try entry(AccessNotice(visit: visit, document: made), asPatientOf: context, test),
    ]
    for entry in junk {
      hide(test, at: Self.cloud) { [entry] + $0 + [entry] }
      let shown = try await patient.accessLog(visit, at: Self.hospital)
      #expect(shown.records == honest.records && shown.unheard == [Self.cloud: .malformed])
    }
  }

  @Test("[attack] a cloud alone takes from a restored patient the right to take a consent back")
  func hiddenConsent() async throws {
    let situation = try await RestoringSituation()
    let (test, consortium) = (situation.test, situation.consortium)
    try await test.loseDevice(consortium)
    hide(test, at: Self.cloud, notes: true) { _ in [] }
    let restored = try await consortium.restore(patient: Self.patient)
    #expect(restored.visits.map(\.undocumented) == [[situation.consent]])
    let holdings = try await situation.holdings()
    #expect(holdings.consents.map(\.consent) == [situation.consent])
    #expect(holdings.consents.map(\.doctor) == [nil])
    // As soon as the cloud is honest again, who and why are known, without looking anew.
    test.wire.intercept(nil)
    let again = try await consortium.restore(patient: Self.patient)
    #expect(again.isComplete && again.visits.map(\.undocumented) == [[]])
    #expect(again.visits.map(\.note) == [.taken])
    #expect(try await situation.holdings() == situation.before)

    // The same, and the consent is taken back at once.
    try await test.loseDevice(consortium)
    hide(test, at: Self.cloud, notes: true) { _ in [] }
    _ = try await consortium.restore(patient: Self.patient)
    try await consortium.revoke(patient: Self.patient, consent: situation.consent)
    test.wire.intercept(nil)
    #expect(
      await code {
        _ = try await consortium.openRecord(doctor: Self.reader, consent: situation.consent)
      } == "consent-revoked")
  }

  @Test(
    "[attack] a cloud hides consents while the hospital is not heard: nobody says that it is all")
  func hiddenHalf() async throws {
    let situation = try await RestoringSituation()
    let (test, consortium) = (situation.test, situation.consortium)
    for supernode in [Self.hospital, Self.cloud] {
      try await test.loseDevice(consortium)
      test.wire.intercept { transit in
        if transit.payload(ReadAccessLog.self) != nil, transit.recipient == supernode {
          throw ConsortiumError(.unreachable, "the message is lost")
        }
        let reply = try await transit.deliver(transit.request)
        if transit.payload(FetchNote.self) != nil {
          return try transit.answer(
            FetchNote.self, FetchedNote(status: .complete, note: nil))
        }
        guard transit.payload(ReadAccessLog.self) != nil else { return reply }
        return try transit.answer(
          ReadAccessLog.self, AccessLogReply(entries: [], count: 0, receipt: nil))
      }
      let restored = try await consortium.restore(patient: Self.patient)
      #expect(!restored.isComplete && restored.visits.map(\.failure) == [.unreachable])
      #expect(try await situation.holdings().unheard == [supernode: .unreachable])
      // With the next call all of it is here.
      test.wire.intercept(nil)
      #expect(try await consortium.restore(patient: Self.patient).isComplete)
      #expect(try await situation.holdings() == situation.before)
    }
  }
}
