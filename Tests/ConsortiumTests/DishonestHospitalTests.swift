import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// A hospital's log alone says how a visit under way stands, so its server can say what it likes to its
/// doctors.
@Suite("A hospital that lies to its own")
struct DishonestHospitalTests {
  @Test("[attack] a hospital says that a doctor has signed any number of times")
  func attempts() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    for (attempts, code) in [
      (UInt64.max, "malformed"), (.max - 1, "malformed"), (66, "malformed"), (65, "attempt"),
      (5, "attempt"),
    ] {
      test.wire.answer(ReadVisit.self) { view in
        var view = view
        view.attempts[0] = attempts
        return view
      }
      #expect(
        await ConsortiumError.code {
          try await consortium.diagnose(visit, plan, position: 1)
        } == code, "\(attempts)")
    }
    test.wire.intercept(nil)
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
  }

  @Test("[attack] a hospital vouches for a visit to keys of its own, which is on no ledger")
  func vouchedVisit() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let id = context.signers[0].doctor
    let doctor = try #require(await consortium.doctors[id])
    var foreign = try ForeignKeys()
    let opening = try foreign.opening(like: context)
    let evil = opening.context
    let hospital = test.post(consortium, as: plan.hospital)
    var view = try await test.post(consortium, as: id).ask(
      ReadVisit(hospital: plan.hospital, visit: context.visitID), of: plan.hospital)
    view.contextDigest = evil.digest
    let lie = view
    // A courier cannot say so, whoever assigns the visit: what is not under the hospital's seal is no answer.
    test.wire.intercept { transit in
      guard transit.payload(ReadVisit.self)?.visit == evil.visitID else {
        return try await transit.deliver(transit.request)
      }
      return ReplyMessage(.success(lie)).encoded()
    }
    #expect(
      await ConsortiumError.code {
        _ = try await hospital.ask(AssignVisit(opening: opening), of: id)
      } == "malformed")
    // The hospital can, and the doctor joins.
    test.wire.intercept { transit in
      guard transit.payload(ReadVisit.self)?.visit == evil.visitID else {
        return try await transit.deliver(transit.request)
      }
      return try transit.answer(ReadVisit.self, lie)
    }
    _ = try await hospital.ask(AssignVisit(opening: opening), of: id)
    // It has made α, and shows it itself; but words are compared, and it is not the patient's device.
    let presence = Presence(
      contextDigest: evil.digest, doctor: id, minute: Presence.minute(of: test.time))
    let own = try await test.presence(of: context.visitID, to: id, consortium)
    let forged = PresenceCode(
      visit: evil.visitID, evidence: own.evidence,
      presence: Signed(Message(presence), by: foreign.signing))
    let author = Author(
      .patient(visit: evil.visitID, hospital: plan.hospital), foreign.signing)
    _ = try await test.post(consortium, by: author).ask(ShowPresence(forged), of: id)
    let moved = PresenceCode(
      visit: evil.visitID, evidence: own.evidence, presence: own.presence)
    #expect(
      await ConsortiumError.code { try await doctor.take(presence: moved.text) } == "presence")
    #expect(
      await ConsortiumError.code {
        try await doctor.confirm(own.words.joined(separator: " "), visit: evil.visitID)
      } == "other-words")
    #expect(
      await ConsortiumError.code { try await doctor.diagnose(evil.visitID, [1]) }
        == "wrong-state")
    let signed = test.wire.requests(SubmitEntry.self).filter {
      $0.entry.content.body.kind == .partialSignature
    }
    #expect(signed.isEmpty)
    // The patient's own visit is as it was.
    for position in 1...3 {
      try await consortium.diagnose(context.visitID, plan, position: position)
    }
  }

  @Test("[attack] a hospital signs that it has written a dispute, and keeps it back")
  func receiptKeptBack() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.completeVisit(consortium, plan)
    let key = try test.identityKey(of: plan.hospital)
    let genesis = consortium.genesis.digest
    test.wire.intercept { transit in
      guard let entry = transit.payload(SubmitEntry.self)?.entry,
        entry.content.body.kind == .visitReceipt
      else { return try await transit.deliver(transit.request) }
      let answer = SubmissionAnswer(
        genesis: genesis, chain: "hospital-1", generation: 0, entry: entry.digest,
        outcome: .written)
      return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
    }
    _ = try await consortium.collect(visit, plan)
    try await consortium.settle()
    #expect(try await test.state(of: visit, consortium).receipt == nil)
    // The patient's program keeps it, and says that it is not confirmed.
    consortium = try await test.open()
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    #expect(try await patient.confirmReceipt(visit) == false)
    #expect(try await consortium.hold(plan).wasKnown)
    // A supernode brings it before everybody.
    #expect(
      await ConsortiumError.code {
        try await patient.demandReceipt(visit, through: "cloud")
      } == "not-final")
    test.pass(seconds: 20)
    try await consortium.settle()
    try await patient.demandReceipt(visit, through: "cloud")
    test.pass(seconds: 20)
    try await consortium.settle()
    #expect(try await test.state(of: visit, consortium).receipt == .acknowledged)
    test.wire.intercept(nil)
    #expect(try await patient.confirmReceipt(visit))
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }
}
