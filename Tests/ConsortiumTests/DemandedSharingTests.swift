import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What hospitals and clouds would rather keep off every chain, and what is known of it all the same.
@Suite("Sharing: what is demanded")
struct DemandedSharingTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital
  private let hour = Submission.patience

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  private func opened(_ consent: Digest32, _ consortium: LocalConsortium) async -> String? {
    await code { _ = try await consortium.openRecord(doctor: Self.reader, consent: consent) }
  }

  private func kinds(_ test: TestConsortium) async throws -> [ObjectKind] {
    try await test.storage.chainLog(Self.hospital).contents()
      .compactMap { Leaf.entry(in: $0)?.content.body.kind }
      .filter { [.consentNotice, .revocation, .accessNotice, .refused].contains($0) }
  }

  // MARK: Cut off

  @Test("[attack] a hospital has a revocation confirmed and moves no more: the demand counts")
  func neverAnchored() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    #expect(try await patient.revoke(consent).isConfirmed)
    var last = try #require(try await patient.submissions().last)
    for _ in 0..<6 where last.demand == nil {
      try await test.settleOthers(consortium)
      test.pass(seconds: hour / 2)
      last = try #require(try await patient.followUp().last)
    }
    #expect(last.demand != nil && last.standing.isConfirmed && !last.standing.isFinal)
    #expect(last.swallowedBy == nil)
  }

  // MARK: Through whichever cloud

  @Test("[attack] hospital and cloud take no revocation and no demand: another cloud relays it")
  func anotherCloud() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.openWithTwoClouds()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    // Who takes part by now.
    #expect(try await patient.accessLog(visit, at: Self.hospital).isComplete)
    try await patient.followUp()
    let theirs = [Self.hospital, "cloud"]
    test.wire.lose { $0.sender == "patient" && theirs.contains($0.recipient) }
    #expect(await code { try await patient.revoke(consent) } == "unreachable")
    for _ in 0..<3 {
      test.pass(seconds: hour)
      try await patient.followUp()
      try await test.settleOthers(consortium)
      _ = try await consortium.clouds["cloud-2"]?.advance()
    }
    let last = try #require(try await patient.followUp().last)
    let demand = try #require(last.demand)
    #expect(last.standing == .demanded(index: demand) && last.swallowedBy == Self.hospital)
    let relayed = test.wire.passages.filter { $0.kind == RelayDemand.name }
    #expect(relayed.contains { $0.recipient == "cloud-2" })
    #expect(await opened(consent, consortium) == "consent-revoked")
    // That cloud has none of the hospital's chain: it relays nothing for a patient without the proof, nor for
    // somebody else's key, nor by another visit's completion.
    let proof = try #require(
      test.wire.requests(RelayDemand.self).last?.completion)
    let context = try await test.state(of: visit, consortium).context
    let own = try test.patient(of: context).key
    let stranger = try TestConsortium.stranger().key
    func relay(_ entry: Entry, _ proof: AnchoredLeaf?, by key: IdentityKey) async -> String? {
      await code {
        _ = try await test.client(consortium, by: Author(.key(key.publicKey), key)).ask(
          RelayDemand(entry, completion: proof), of: "cloud-2")
      }
    }
    func revocation(by key: IdentityKey) -> Entry {
      Entry(
        EntryContent(
          genesis: context.genesis, chain: context.hospital, signer: .patient(visit: visit),
          body: Revocation(visit: visit, document: Digest32(sha256: [9]))), signedBy: key)
    }
    #expect(await relay(revocation(by: own), nil, by: own) == "not-entitled")
    #expect(await relay(revocation(by: own), proof, by: stranger) == "not-entitled")
    #expect(await relay(revocation(by: stranger), proof, by: stranger) == "not-entitled")
    // A completion that the stranger has made up stands nowhere.
    var invented = proof
    if var entry = Leaf.entry(in: proof.leaf.leaf),
      case .visitCompletion(var body) = entry.content.body
    {
      body.context.visitSigningKey = stranger.publicKey
      entry.content.body = .visitCompletion(body)
      invented.leaf.leaf = Leaf.item(entry).encoded()
    }
    #expect(await relay(revocation(by: stranger), invented, by: stranger) == "unknown-signer")
    #expect(await relay(revocation(by: own), proof, by: own) == "not-final")
  }

  // MARK: Accesses

  @Test(
    "[attack] a hospital never moves again, and an access stands as a demand alone: it is in the log"
  )
  func demandedAccess() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    test.wire.lose { $0.recipient == Self.hospital && $0.payload(SubmitEntry.self) != nil }
    var outcome: String? = ""
    for _ in 0..<8 where outcome != nil {
      outcome = await opened(consent, consortium)
      test.pass(seconds: hour)
      try await test.settleOthers(consortium)
    }
    #expect(outcome == nil)
    #expect(try await kinds(test) == [.consentNotice])
    test.wire.intercept(nil)
    let patient = try #require(await consortium.patients[Self.patient])
    let log = try await patient.accessLog(visit, at: Self.hospital)
    #expect(log.unheard.isEmpty, "\(log.unheard)")
    let access = try #require(log.records.last)
    #expect(log.isComplete && log.records.filter { $0.event == .accessed } == [access])
    #expect(access.event == .accessed && access.document == consent && access.doctor == Self.reader)
    let place = try #require(access.demand)
    let leaf = try #require(try await consortium.cloud.node.consortium.leaf(place))
    #expect(Leaf.entry(in: leaf)?.content.body.kind == .demand)
    // The hospital follows the consortium, and does nothing of its own.
    for _ in 0..<4 { _ = try await consortium.hospitals[Self.hospital]?.node.advance() }
    // One that leaves it out does not hide it; who names what is none is named.
    for supernode in [Self.hospital, "cloud"] {
      for places in [[], [0], [place, place + 1]] as [[UInt64]] {
        test.wire.intercept { transit in
          let reply = try await transit.deliver(transit.request)
          guard transit.recipient == supernode, transit.payload(ReadAccessLog.self) != nil else {
            return reply
          }
          var shown = try ReplyMessage<AccessLogReply>(encoded: transit.open(reply)).result.get()
          shown.demanded = places
          return try transit.answer(ReadAccessLog.self, shown)
        }
        let shown = try await patient.accessLog(visit, at: Self.hospital)
        #expect(shown.records == log.records)
        #expect(shown.unheard.keys.sorted() == (places.isEmpty ? [] : [supernode]), "\(places)")
      }
    }
    test.wire.intercept(nil)
    // Once the hospital moves, its chain has it, and it is there once.
    try await consortium.settle()
    let later = try await patient.accessLog(visit, at: Self.hospital)
    #expect(later.isComplete && later.records.allSatisfy { $0.demand == nil })
    #expect(later.records.filter { $0.event == .accessed }.count == 1)
  }

  // MARK: Requests

  private static func isNotice(_ transit: Wire.Transit) -> Bool {
    transit.payload(SubmitEntry.self)?.entry.content.body.kind == .accessRequestNotice
  }

  private func notices(_ test: TestConsortium) throws -> Int {
    try test.storage.roleStore("manager").keys(withPrefix: "request-notice/").count
  }

  private func demanded(_ test: TestConsortium) -> [ObjectKind] {
    test.wire.requests(RelayDemand.self).map(\.entry.content.body.kind)
  }

  @Test(
    "[attack] a hospital takes no notice of a request: its patients share, and it is demanded",
    arguments: [nil, "unknown-visit", "document-known"])
  func noNotice(refusal: String?) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    let key = try test.identityKey(of: Self.hospital)
    test.wire.intercept { transit in
      guard Self.isNotice(transit), let entry = transit.payload(SubmitEntry.self)?.entry else {
        return try await transit.deliver(transit.request)
      }
      guard let refusal else { throw ConsortiumError(.unreachable, "the hospital says nothing") }
      let answer = SubmissionAnswer(
        genesis: entry.content.genesis, chain: Self.hospital, generation: 0, entry: entry.digest,
        outcome: .refused(code: refusal, position: 1))
      return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
    }
    let consent = try await patient.consent(
      to: request, visit: visit, at: Self.hospital,
      expiresAt: await consortium.ledgerTime() + 30 * 86_400)
    try await consortium.settle()
    #expect(await opened(consent, consortium) == nil)
    #expect(try notices(test) == 1 && demanded(test).isEmpty)
    for _ in 0..<6 {
      test.pass(seconds: hour / 2)
      try await consortium.settle()
    }
    #expect(demanded(test).contains(.accessRequestNotice))
    #expect(try notices(test) == 0)
    let log = try await patient.accessLog(visit, at: Self.hospital)
    #expect(log.isComplete && log.records.map(\.event) == [.consented, .accessed, .requested])
  }

  @Test("[attack] the manager's clock was ahead when a notice was swallowed: it is demanded")
  func managerAhead() async throws {
    let day: UInt64 = 86_400
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    test.wire.lose(Self.isNotice)
    _ = try await patient.consent(
      to: request, visit: visit, at: Self.hospital,
      expiresAt: await consortium.ledgerTime() + 30 * day)
    test.pass(seconds: 3 * day)
    try await consortium.manager.advance()
    test.setBack(seconds: 3 * day)
    for _ in 0..<6 {
      test.pass(seconds: hour / 2)
      try await consortium.settle()
    }
    #expect(demanded(test).contains(.accessRequestNotice))
    #expect(try notices(test) == 0)
  }

  @Test("a notice that was lost comes when the manager has started again, and is not demanded")
  func lostNotice() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    test.wire.lose(Self.isNotice)
    let (visit, _) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    #expect(try notices(test) == 1)
    test.wire.intercept(nil)
    let again = try await test.open()
    for _ in 0..<3 {
      test.pass(seconds: 200)
      try await again.settle()
    }
    #expect(try notices(test) == 0 && demanded(test).isEmpty)
    let log = try await again.accessLog(patient: Self.patient, visit: visit).records
    #expect(log.map(\.event) == [.consented, .requested])
  }

  @Test("a proxy that does not answer keeps no grant from the doctor: the rest comes later")
  func silentProxy() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let expiry = await consortium.ledgerTime() + 36_000
    func consent() async throws -> Digest32 {
      try await consortium.consent(
        patient: Self.patient, to: request, visit: visit, expiresAt: expiry)
    }
    test.wire.lose { $0.payload(DepositConsent.self) != nil }
    #expect(await code { _ = try await consent() } == "unreachable")
    let granted = test.wire.requests(GrantConsent.self).last?.consent.object.digest
    test.wire.intercept(nil)
    let given = try await consent()
    #expect(granted == given)
    try await consortium.settle()
    #expect(await opened(given, consortium) == nil)
  }

  // MARK: Needless ones

  @Test("a demand that another device's has made needless ends with the proof of that one")
  func anotherDemand() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    let store = MemoryRoleStore()
    let other = try test.newDevice(words: test.words(), store: store, consortium)
    #expect(try await other.restore().isComplete)
    test.wire.lose { $0.payload(SubmitEntry.self)?.entry.content.body.kind == .revocation }
    for device in [patient, other] {
      #expect(await code { try await device.revoke(consent) } == "unreachable")
    }
    // Whether signing again gives other bytes depends on the library; so the stored ones are changed.
    let signature = try #require(try await patient.submissions().last).entry
    let entry = try #require(
      SubmissionRows(store: test.storage.roleStore("patients/\(Self.patient)")).row(signature)?
        .entry)
    var stored = try #require(try store.value(forKey: "consent/\(consent)"))
    let place = try #require(stored.firstRange(of: entry.signature))
    stored[place.lowerBound] ^= 1
    try store.write(["consent/\(consent)": stored])
    func demand(by device: Patient) async throws -> SubmissionStanding {
      try await device.demandRevocation(consent, through: "cloud")
    }
    #expect(await code { _ = try await demand(by: patient) } == "not-final")
    // The other one's is refused, and nothing is final that would make it needless.
    #expect(await code { _ = try await demand(by: other) } == "consent-revoked")
    try await test.settleOthers(consortium)
    let standing = try await demand(by: patient)
    #expect(try await demand(by: other) == standing)
    let last = try #require(try await other.submissions().last)
    #expect(last.entry != entry.digest && last.standing == standing)
    #expect(last.demand != nil && last.swallowedBy == nil)
    test.wire.intercept(nil)
    try await consortium.settle()
    for device in [patient, other] {
      #expect(try await device.followUp().last?.standing.isFinal == true)
    }
    #expect(try await kinds(test) == [.consentNotice, .revocation])
  }

  @Test("a refusal that proves to be true in the end is held against nobody")
  func trueAfterAll() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    #expect(try await patient.revoke(consent).isConfirmed)
    // Another device's, refused and demanded while this one was not final: as the client keeps it.
    var other = try #require(
      test.wire.requests(SubmitEntry.self).map(\.entry).last {
        $0.content.body.kind == .revocation
      })
    other.signature[0] ^= 1
    let rows = SubmissionRows(store: test.storage.roleStore("patients/\(Self.patient)"))
    let refused = SubmissionStanding.refused(code: "consent-revoked", position: 1)
    try rows.keep(other, at: test.time)
    let row = try rows.change(other.digest) {
      $0.noteAnswer(at: test.time)
      $0.note(refused, answer: [1], at: test.time)
      ($0.demand, $0.wasOverdue) = (7, true)
      $0.note(.demanded(index: 7), answer: [], at: test.time)
      // The hospital's answer to the demand takes nothing from that.
      $0.note(refused, answer: [1], at: test.time)
    }
    #expect(row?.submission.standing == .demanded(index: 7))
    #expect(row?.submission.swallowedBy == Self.hospital)
    // Nothing of the hospital's is anchored yet.
    #expect(try await patient.followUp().last?.swallowedBy == Self.hospital)
    try await consortium.settle()
    let last = try #require(try await patient.followUp().last)
    #expect(last.entry == other.digest && last.standing.isFinal && last.swallowedBy == nil)
    #expect(test.wire.requests(RelayDemand.self).isEmpty)
  }

  // MARK: Causes that pass

  @Test(
    "[attack] a hospital signs a cause that passes as a refusal: the entry is sent again",
    arguments: ["block-full", "no-base", "demand-open", "entry-known"])
  func passingCause(code cause: String) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, request) = try await test.visitWithRequest(consortium)
    let visit = try #require(try await consortium.holdings(ofPatient: Self.patient).visits.first)
    let patient = try #require(await consortium.patients[Self.patient])
    try await consortium.settle()
    try await patient.followUp()
    try test.answerSubmissions(consortium) { _ in .refused(code: cause, position: 1) }
    let given = await code {
      _ = try await patient.consent(
        to: request, visit: visit.visit, at: Self.hospital,
        expiresAt: await consortium.ledgerTime() + 36_000)
    }
    #expect(given == "outcome-unknown")
    #expect(try await patient.followUp().last?.standing == .sent)
    // Its time counts all the same.
    test.pass(seconds: hour)
    try await patient.followUp()
    #expect(test.wire.requests(RelayDemand.self).map(\.entry.content.body.kind) == [.consentNotice])
    test.wire.intercept(nil)
    #expect(try await patient.followUp().last?.standing.isConfirmed == true)
  }
}
