import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Foundation
import Ledger
import TestSupport
import Testing

/// A consent that its patient takes back, and everybody who would rather have it stand.
@Suite("Sharing: what was taken back")
struct RevocationAttackTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  private func wait(for flag: Capture<Bool>) async throws {
    while flag.value == nil { try await Task.sleep(for: .milliseconds(5)) }
  }

  private func kinds(_ test: TestConsortium) async throws -> [ObjectKind] {
    try await test.storage.chainLog(Self.hospital).contents()
      .compactMap { Leaf.entry(in: $0)?.content.body.kind }
      .filter { [.consentNotice, .revocation, .accessNotice, .refused].contains($0) }
  }

  /// On which way a notice comes that was kept back.
  enum Way: CaseIterable { case envelope, following, demand }

  /// A consent whose notice a courier has kept back.
  private struct Kept {
    let test: TestConsortium
    let consortium: LocalConsortium
    let patient: Patient
    let visit: Digest32
    let request: Digest32
    let consent: Digest32
    let notice: Wire.Transit

    var entry: Digest32? { notice.payload(SubmitEntry.self)?.entry.digest }

    init() async throws {
      let test = TestConsortium(teamSize: 1)
      let consortium = try await test.open()
      let (visit, request) = try await test.visitWithRequest(consortium)
      let patient = try #require(await consortium.patients[RevocationAttackTests.patient])
      let expiry = await consortium.ledgerTime() + 3_600_000
      let kept = Capture<Wire.Transit>()
      test.wire.intercept { transit in
        if case .consentNotice? = transit.payload(SubmitEntry.self)?.entry.content.body {
          kept.value = transit
          throw ConsortiumError(.unreachable, "kept back")
        }
        return try await transit.deliver(transit.request)
      }
      let given = await ConsortiumError.code {
        _ = try await patient.consent(
          to: request, visit: visit, at: RevocationAttackTests.hospital, expiresAt: expiry)
      }
      #expect(given == "unreachable")
      test.wire.intercept(nil)
      let consent = try #require(try await patient.consents().first).consent
      let notice = try #require(kept.value)
      (self.test, self.consortium, self.patient) = (test, consortium, patient)
      (self.visit, self.request, self.consent, self.notice) = (visit, request, consent, notice)
    }
  }

  /// The patient's program is about to send the notice again, and takes the consent back before it does.
  private func revoke(_ kept: Kept, whileFollowing entry: Digest32) async throws {
    let (test, patient) = (kept.test, kept.patient)
    let (isHeld, isReleased) = (Capture<Bool>(), Capture<Bool>())
    test.wire.intercept { transit in
      if transit.sender == "patient", isHeld.value == nil,
        case .entry(entry, _)? = transit.payload(Prove.self)?.subject
      {
        isHeld.value = true
        while isReleased.value == nil { try await Task.sleep(for: .milliseconds(5)) }
      }
      return try await transit.deliver(transit.request)
    }
    let following = Task { _ = try await patient.followUp() }
    try await wait(for: isHeld)
    #expect(try await patient.revoke(kept.consent).isConfirmed)
    isReleased.value = true
    try await following.value
    test.wire.intercept(nil)
  }

  @Test(
    "[attack] a notice comes after its consent was taken back, sent late or demanded: it never stands",
    arguments: Way.allCases)
  func lateNotice(on way: Way) async throws {
    let kept = try await Kept()
    let (test, consortium, patient) = (kept.test, kept.consortium, kept.patient)
    let entry = try #require(kept.entry)
    var expected: [ObjectKind] = [.revocation]
    switch way {
    case .envelope:
      #expect(try await patient.revoke(kept.consent).isConfirmed)
      let reply = try await kept.notice.deliver(kept.notice.request)
      let answer = try ReplyMessage<Signed<SubmissionAnswer>>(encoded: kept.notice.open(reply))
      #expect(try answer.result.get().object.outcome.refusal == "consent-revoked")
    case .following:
      try await revoke(kept, whileFollowing: entry)
      #expect(test.wire.requests(SubmitEntry.self).last?.entry.digest == entry)
    case .demand:
      let demand = Capture<Wire.Transit>()
      test.wire.intercept { transit in
        if transit.payload(RelayDemand.self) != nil {
          demand.value = transit
          throw ConsortiumError(.unreachable, "kept back")
        }
        return try await transit.deliver(transit.request)
      }
      #expect(await code { try await patient.demand(submission: entry) } == "unreachable")
      test.wire.intercept(nil)
      #expect(try await patient.revoke(kept.consent).isConfirmed)
      let transit = try #require(demand.value)
      _ = try await transit.deliver(transit.request)
      expected.append(.refused)
    }
    for _ in 0..<4 {
      try await test.pass(seconds: 1900, consortium)
      try await patient.followUp()
    }
    #expect(try await kinds(test) == expected)
    let log = try await patient.accessLog(kept.visit, at: Self.hospital)
    #expect(log.isComplete && log.records.map(\.event) == [.revoked])
    #expect(log.records.first?.doctor == Self.reader)
    #expect(try await patient.standing(ofRevocation: kept.consent)?.isFinal == true)
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil })
    // Who asks is told so, also where no notice ever came.
    let doctor = test.client(consortium, as: Self.reader)
    let view = try await doctor.ask(
      ReadConsent(
        hospital: Self.hospital, visit: kept.visit, consent: kept.consent, doctor: Self.reader),
      of: "cloud")
    #expect(view.standing == .revoked && view.context == nil)
  }

  @Test(
    "another program replays a chain with a consent that was taken back before its notice",
    .enabled(
      if: ProcessInfo.processInfo.environment["BCEMR_PYTHON"] != nil,
      "BCEMR_PYTHON names no Python"))
  func otherProgram() async throws {
    let kept = try await Kept()
    try await kept.patient.revoke(kept.consent)
    // One that is demanded twice over, and one that the hospital does not take of its own accord.
    try await kept.consortium.settle()
    let context = try await kept.test.state(of: kept.visit, kept.consortium).context
    let client = try kept.test.client(kept.consortium, asPatientOf: context)
    let notice = try #require(kept.notice.payload(SubmitEntry.self)?.entry)
    #expect(
      await code { _ = try await client.ask(RelayDemand(notice), of: "cloud") } == "not-final")
    try await kept.consortium.settle()
    kept.test.wire.lose {
      $0.payload(SubmitEntry.self)?.entry.content.body.kind == .revocation
    }
    let second = try await kept.patient.consent(
      to: kept.request, visit: kept.visit, at: Self.hospital,
      expiresAt: await kept.consortium.ledgerTime() + 3600)
    try await kept.consortium.settle()
    #expect(await code { try await kept.patient.revoke(second) } == "unreachable")
    #expect(
      await code { try await kept.patient.demandRevocation(second, through: "cloud") }
        == "not-final")
    try await kept.consortium.settle()
    #expect(try await kinds(kept.test) == [.revocation, .refused, .consentNotice, .revocation])
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("bcemr-export-\(UInt64.random(in: 0...UInt64.max)).tar")
    defer { try? FileManager.default.removeItem(at: file) }
    try await Data(kept.test.exported(kept.consortium)).write(to: file)
    let process = Process()
    process.executableURL = URL(
      fileURLWithPath: ProcessInfo.processInfo.environment["BCEMR_PYTHON"] ?? "")
    process.arguments = [
      URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../scripts/replay-export").path, file.path,
    ]
    let output = Pipe()
    (process.standardOutput, process.standardError) = (output, output)
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0 && text.contains("ok    hospital-1"), "\(text)")
  }

  // MARK: Refusals

  @Test(
    "[attack] a hospital signs that it refuses a revocation, for whatever reason: it is demanded, once",
    arguments: ["unknown-consent", "consent-revoked", "visit-not-complete"])
  func falseRefusal(with refusal: String) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    try test.answerSubmissions(consortium) { entry in
      entry.content.body.kind == .revocation ? .refused(code: refusal, position: 1) : nil
    }
    #expect(await code { try await patient.revoke(consent) } == refusal)
    #expect(try await patient.followUp().last?.standing == .refused(code: refusal, position: 1))
    #expect(test.wire.requests(RelayDemand.self).isEmpty)
    // The hospital had its time. Its operator answers nobody, and its chain does not move.
    test.pass(seconds: Submission.patience)
    try await patient.followUp()
    // It is asked for until it is final, and where it stands.
    var demanded = try #require(try await patient.submissions().last)
    for _ in 0..<3 where demanded.demand == nil {
      try await test.settleOthers(consortium)
      demanded = try #require(try await patient.followUp().last)
    }
    #expect(demanded.kind == .revocation && demanded.demand != nil)
    let asked = test.wire.requests(RelayDemand.self).map(\.entry.digest)
    #expect(Set(asked) == [demanded.entry])
    #expect(demanded.swallowedBy == Self.hospital)
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect(opened == "consent-revoked")
    for _ in 0..<6 {
      try await test.pass(seconds: 1900, consortium)
      try await patient.followUp()
    }
    // Once and no more; the hospital has had to take it.
    #expect(test.wire.requests(RelayDemand.self).count == asked.count)
    #expect(try await patient.standing(ofRevocation: consent)?.isFinal == true)
    #expect(try await kinds(test) == [.consentNotice, .revocation])
  }

  @Test(
    "[attack] a hospital swallows or refuses a revocation sent by a clock that was ahead: it is demanded",
    arguments: [false, true])
  func clockAhead(isRefused: Bool) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 90 * 86_400)
    let patient = try #require(await consortium.patients[Self.patient])
    if isRefused {
      try test.answerSubmissions(consortium) { entry in
        entry.content.body.kind == .revocation
          ? .refused(code: "unknown-consent", position: 1) : nil
      }
    } else {
      test.wire.lose { $0.payload(SubmitEntry.self) != nil && $0.sender == "patient" }
    }
    // It was ahead while the revocation was sent, and is right again.
    test.pass(seconds: 3 * 86_400)
    #expect(await code { try await patient.revoke(consent) } != nil)
    test.setBack(seconds: 3 * 86_400)
    var last = try #require(try await patient.submissions().last)
    // As if it had been sent at the first look behind that.
    for _ in 0..<5 where last.demand == nil {
      test.pass(seconds: Submission.patience / 2)
      last = try #require(try await patient.followUp().last)
      try await test.settleOthers(consortium)
    }
    #expect(last.demand != nil && last.since <= test.time)
    #expect(last.swallowedBy == Self.hospital)
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect(opened == "consent-revoked")
  }

  @Test("a refusal of a revocation that is true is proven, and nothing is demanded")
  func trueRefusal() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    try await patient.revoke(consent)
    try await consortium.settle()
    let final = try #require(try await patient.followUp().last)
    #expect(final.kind == .revocation && final.standing.isFinal)
    // Another device of the same patient has signed the same, with another signature.
    var other = try #require(
      test.wire.requests(SubmitEntry.self).map(\.entry).last {
        $0.content.body.kind == .revocation
      })
    other.signature[0] ^= 1
    let rows = SubmissionRows(store: test.storage.roleStore("patients/\(Self.patient)"))
    try rows.keep(other, at: test.time)
    try rows.change(other.digest) {
      $0.noteAnswer(at: test.time)
      $0.note(.refused(code: "consent-revoked", position: 1), answer: [1], at: test.time)
    }
    for _ in 0..<3 {
      test.pass(seconds: Submission.patience)
      try await patient.followUp()
    }
    let last = try #require(try await patient.submissions().last)
    #expect(last.entry == other.digest && last.standing == final.standing)
    #expect(last.swallowedBy == nil && test.wire.requests(RelayDemand.self).isEmpty)
  }

  // MARK: Room

  /// Who is the patient of sixteen visits, as a hospital's staff may be, spends what the cloud may demand.
  @Test(
    "[attack] one person's many visits spend a cloud's demands: a revocation is demanded all the same"
  )
  func spentDemands() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    try await consortium.addPatient(contact: "patient-b", identity: "Berta Quimby")
    let root = try PatientRoot(test.secret("root", of: "patients/patient-b"))
    var contexts: [VisitContext] = []
    for number in 1...16 {
      var plan = test.plan("sham-\(number)")
      plan.patient = "patient-b"
      let visit = try await consortium.hold(plan).visit
      contexts.append(try await test.state(of: visit, consortium).context)
    }
    try await consortium.settle()
    var codes: [String?: Int] = [:]
    for context in contexts {
      let key = try Self.signingKey(root, context)
      let author = Author(.patient(visit: context.visitID, hospital: context.hospital), key)
      let client = test.client(consortium, by: author)
      for number in 1...18 {
        let entry = Entry(
          EntryContent(
            genesis: context.genesis, chain: context.hospital,
            signer: .patient(visit: context.visitID),
            body: Revocation(
              visit: context.visitID,
              document: Digest32(sha256: Array("\(context.visitID) \(number)".utf8)))),
          signedBy: key)
        let code = await code { _ = try await client.ask(RelayDemand(entry), of: "cloud") }
        codes[code, default: 0] += 1
      }
      test.pass(seconds: 20)
      try await consortium.settle()
    }
    // One of each visit has room of its own; sixteen more cost what any demand does.
    #expect(codes == ["not-final": 272, "quota-spent": 16])
    let patient = try #require(await consortium.patients[Self.patient])
    test.wire.lose { $0.payload(SubmitEntry.self)?.entry.content.body.kind == .revocation }
    #expect(await code { try await patient.revoke(consent) } == "unreachable")
    #expect(
      await code { try await patient.demandRevocation(consent, through: "cloud") } == "not-final")
    try await test.settleOthers(consortium)
    let standing = try await patient.demandRevocation(consent, through: "cloud")
    guard case .demanded = standing else {
      Issue.record("\(standing)")
      return
    }
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect(opened == "consent-revoked")
  }

  @inline(never)
  private static func signingKey(
    _ root: PatientRoot, _ context: VisitContext
  ) throws -> IdentityKey {
    try root.signingKey(
      genesis: context.genesis, hospital: context.hospital, nonce: context.keyNonce,
      suite: context.suite)
  }
}

extension SubmissionAnswer.Outcome {
  fileprivate var refusal: String? { if case .refused(let code, _) = self { code } else { nil } }
}
