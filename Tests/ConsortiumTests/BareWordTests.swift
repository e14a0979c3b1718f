import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What a courier says without a seal, and what one supernode says alone.
@Suite("Words of who is on the way")
struct BareWordTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  /// What anybody on the way can say without a seal.
  private static func bare(_ code: String) -> [UInt8] {
    ReplyMessage<Done>(.failure(ConsortiumError(.init(code), "whatever"))).encoded()
  }

  @Test(
    "[attack] a courier has no honest cloud or hospital named in an access log as who is at fault",
    arguments: ["cloud", "hospital-1"], ["malformed", "behind-anchor", "not-entitled"])
  func framed(_ who: String, as fault: String) async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let (visit, _) = try await test.consentedVisit(consortium)
    // Nobody's envelope key is kept across a restart.
    consortium = try await test.open()
    let patient = try #require(await consortium.patients[Self.patient])
    test.wire.intercept { transit in
      if transit.payload(FetchEnvelopeKey.self) != nil, transit.recipient == who,
        transit.sender == "patient"
      {
        return fault == "malformed" ? [1, 2, 3] : Self.bare(fault)
      }
      return try await transit.deliver(transit.request)
    }
    let log = try await patient.accessLog(visit, at: Self.hospital)
    #expect(log.unheard == [who: .unreachable])
  }

  @Test(
    "[attack] a courier has who is honest named in no access log, at any time",
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
    #expect(log.unheard == [who: .unreachable])
  }

  @Test("[attack] a courier has no restored patient told that all is there, and a visit under way")
  func restoredWithout() async throws {
    let situation = try await RestoringSituation()
    let (test, consortium) = (situation.test, situation.consortium)
    try await test.loseDevice(consortium)
    let isAsked = Capture<Bool>()
    test.wire.intercept { transit in
      guard transit.sender == "patient" else { return try await transit.deliver(transit.request) }
      if transit.payload(FetchNote.self) != nil {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      if transit.payload(ProveVisit.self) != nil {
        isAsked.value = true
        return Self.bare("decryption")
      }
      if isAsked.value == true, transit.payload(FetchEnvelopeKey.self) != nil {
        return Self.bare("not-final")
      }
      return try await transit.deliver(transit.request)
    }
    let restoration = try await consortium.restore(patient: Self.patient)
    #expect(!restoration.isComplete)
  }

  @Test(
    "[attack] a cloud alone has no restored patient told that all is there, while its hospital is not heard",
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
    #expect(!restoration.isComplete)
  }

  @Test("[attack] a courier has no doctor's program forget a signature that stands on the ledger")
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
    #expect(after.map(\.kind) == [.signature])
    let settled = try await doctor.followUp(demandingAfter: nil)
    #expect(settled.map(\.standing.isFinal) == [true])
  }
}
