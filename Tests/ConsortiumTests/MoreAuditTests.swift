import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// More attacks that succeed.
@Suite("Audit, more")
struct MoreAuditTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader
  private static let hospital = TestConsortium.hospital
  private static let others = (2...6).map { "hospital-\($0)" }

  private func code(_ work: () async throws -> Void) async -> String {
    await ConsortiumError.code(work)
  }

  enum End: CaseIterable { case demanded, expired }

  @Test(
    "a courier keeps the consortium chain from proxy, cloud and hospital: what has ended there opens",
    arguments: End.allCases)
  func cutOff(_ end: End) async throws {
    let test = TestConsortium(teamSize: 1, hospitals: 6)
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(
      consortium, lasting: end == .expired ? 3600 : 36_000_000)
    let patient = try #require(await consortium.patients[Self.patient])
    let isCut: Set<String> = ["hospital-1", "cloud", "manager"]
    test.wire.intercept { transit in
      let isRead =
        transit.payload(FetchOutbox.self) != nil || transit.payload(FetchBlock.self) != nil
        || transit.payload(FetchConsortium.self) != nil
      let isRevocation =
        transit.payload(SubmitEntry.self)?.entry.content.body.kind == .revocation
      if isRead && isCut.contains(transit.sender) || isRevocation {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      return try await transit.deliver(transit.request)
    }
    if end == .demanded {
      #expect(await code { _ = try await patient.revoke(consent) } == "unreachable")
      #expect(
        await code { _ = try await patient.demandRevocation(consent, through: "cloud") }
          == "not-final")
    }
    let second = try #require(consortium.hospitals["hospital-2"])
    func hasEnded() async throws -> Bool {
      let chain = await second.node.consortium
      return end == .demanded
        ? try chain.isRevokedByDemand(consent, of: visit, at: Self.hospital)
        : chain.time > TestConsortium.start + 3600 + 86_400
    }
    func pass() async throws {
      test.pass(seconds: end == .demanded ? 40 : 400)
      for _ in 0..<3 {
        for other in Self.others { _ = try? await consortium.hospitals[other]?.advance() }
      }
      for other in Self.others { _ = try? await consortium.hospitals[other]?.node.expire() }
    }
    for _ in 0..<400 where try await !hasEnded() { try await pass() }
    #expect(try await hasEnded())
    // Long after.
    if end == .demanded { test.pass(seconds: 2 * 86_400) }
    for _ in 0..<4 { try await pass() }
    let (there, here) = (
      await second.node.consortium.time, await consortium.cloud.node.consortium.time
    )
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    print("AUDIT \(end): ledger time \(there), at the cloud \(here), own \(test.time): \(opened)")
    #expect(opened == "nothing")
  }

  @Test(
    "a cloud alone has a restored patient told that all is there, while its hospital is not heard",
    arguments: [VisitRecord.Status.open, .abandoned])
  func hiddenCompletion(_ status: VisitRecord.Status) async throws {
    let situation = try await RestoringSituation()
    let (test, consortium) = (situation.test, situation.consortium)
    try await test.loseDevice(consortium)
    test.wire.intercept { transit in
      if transit.payload(FetchNote.self) != nil {
        return try transit.answer(FetchNote.self, FetchedNote(status: status, note: nil))
      }
      if transit.payload(ProveVisit.self) != nil, transit.sender == "patient" {
        if transit.recipient == Self.hospital {
          throw ConsortiumError(.unreachable, "the message is lost")
        }
        return try transit.seal(
          ReplyMessage<Done>(.failure(ConsortiumError(.notFinal, "whatever"))).encoded())
      }
      return try await transit.deliver(transit.request)
    }
    let restoration = try await consortium.restore(patient: Self.patient)
    print("AUDIT complete: \(restoration.isComplete), \(restoration.visits)")
    #expect(restoration.isComplete)
    #expect(restoration.visits.map(\.state) == [status == .open ? .underWay : .abandoned])
    #expect(try await consortium.visits(ofPatient: Self.patient).isEmpty)
  }

  private static func bare(_ code: String) -> [UInt8] {
    ReplyMessage<Done>(.failure(ConsortiumError(.init(code), "whatever"))).encoded()
  }

  @Test("a cloud is told by a note that a revocation comes, and its friend is faster")
  func warned() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    let told = Capture<String>()
    test.wire.intercept { transit in
      if transit.payload(KeepNote.self) != nil, transit.recipient == "cloud" {
        let opened = await ConsortiumError.code {
          _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
        }
        told.value = told.value ?? opened
      }
      return try await transit.deliver(transit.request)
    }
    // Nobody loses anything, and no clock moves.
    #expect(try await patient.revoke(consent).isConfirmed)
    print("AUDIT before the revocation is sent the doctor opens: \(told.value ?? "-")")
    #expect(told.value == "nothing")
  }

  @Test(
    "a courier has who is honest named in an access log, with no restart",
    arguments: ["cloud", "hospital-1"])
  func framedAtAnyTime(_ who: String) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, _) = try await test.consentedVisit(consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    #expect(try await patient.accessLog(visit, at: Self.hospital).isComplete)
    test.wire.intercept { transit in
      guard transit.sender == "patient", transit.recipient == who else {
        return try await transit.deliver(transit.request)
      }
      if transit.payload(ReadAccessLog.self) != nil { return Self.bare("decryption") }
      if transit.payload(FetchEnvelopeKey.self) != nil { return [1, 2, 3] }
      return try await transit.deliver(transit.request)
    }
    let log = try await patient.accessLog(visit, at: Self.hospital)
    print("AUDIT unheard \(log.unheard)")
    #expect(log.unheard == [who: .malformed])
  }

  @Test("a courier has a doctor's program forget a signature that stands on the ledger")
  func forgotten() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let id = context.signers[0].doctor
    try await consortium.diagnose(context.visitID, plan, position: 1)
    try await #require(consortium.hospitals[Self.hospital]).abandon(context.visitID, .interrupted)
    try await test.pass(seconds: 200, consortium)
    let doctor = try #require(await consortium.doctors[id])
    test.wire.lose {
      $0.sender == id && ($0.payload(Prove.self) != nil || $0.payload(SubmitEntry.self) != nil)
    }
    let before = try await doctor.followUp(demandingAfter: nil)
    #expect(before.map(\.kind) == [.signature] && before.allSatisfy { !$0.standing.isFinal })
    let isAsked = Capture<Bool>()
    test.wire.intercept { transit in
      guard transit.sender == id else { return try await transit.deliver(transit.request) }
      if transit.payload(Prove.self) != nil {
        isAsked.value = true
        return Self.bare("decryption")
      }
      if isAsked.value == true, transit.payload(FetchEnvelopeKey.self) != nil {
        return Self.bare("not-final")
      }
      return try await transit.deliver(transit.request)
    }
    let after = try await doctor.followUp(demandingAfter: nil)
    test.wire.intercept(nil)
    let signatures = try await test.storage.chainLog(Self.hospital).contents()
      .count { Leaf.entry(in: $0)?.content.body.kind == .partialSignature }
    print("AUDIT submissions \(before.map(\.standing)), then \(after.map(\.standing)); on the ledger \(signatures)")
    #expect(after.isEmpty && signatures == 1)
    #expect(try await doctor.followUp(demandingAfter: nil).isEmpty)
  }
}
