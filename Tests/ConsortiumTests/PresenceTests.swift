import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Whether the patient is there")
struct PresenceTests {
  /// A visit that is open, with one more of the same team that the hospital has opened to keys of its own.
  private struct Stage {
    let test = TestConsortium()
    let consortium: LocalConsortium
    let context: VisitContext
    let foreign: ForeignKeys
    let evil: VisitContext
    var doctors: [String] { context.signers.map(\.doctor) }

    init() async throws {
      consortium = try await test.open()
      context = try await test.beginVisit(consortium, test.plan()).context
      let offer = try #require(test.wire.requests(AssignVisit.self).last).offer
      var foreign = try ForeignKeys()
      let opening = try foreign.opening(like: context)
      (self.foreign, evil) = (foreign, opening.context)
      try await test.put(try test.entry(opening, by: "hospital-1", consortium), consortium)
      for doctor in doctors {
        _ = try await test.client(consortium, as: "hospital-1").ask(
          AssignVisit(opening: opening, offer: offer), of: doctor)
      }
    }

    func doctor(_ position: Int) async throws -> Doctor {
      try #require(await consortium.doctors[doctors[position - 1]])
    }

    func presence(to position: Int) async throws -> PresenceCode {
      try await test.presence(of: context.visitID, to: doctors[position - 1], consortium)
    }

    /// What the hospital makes with its own keys, for its own visit.
    func forged(to position: Int, _ change: (inout Presence) -> Void = { _ in }) async throws
      -> PresenceCode
    {
      var presence = Presence(
        contextDigest: evil.digest, doctor: doctors[position - 1],
        minute: Presence.minute(of: test.time))
      change(&presence)
      return PresenceCode(
        visit: evil.visitID, evidence: try await self.presence(to: position).evidence,
        presence: Signed(Message(presence), by: foreign.signing))
    }

    /// Brings this to a doctor, with S_v of its visit: the hospital's own for the hospital's.
    func bring(_ code: PresenceCode, to position: Int, as visit: VisitContext) async throws {
      let client =
        visit == evil
        ? test.client(
          consortium,
          by: Author(.patient(visit: visit.visitID, hospital: "hospital-1"), foreign.signing))
        : try test.client(consortium, asPatientOf: visit)
      _ = try await client.ask(ShowPresence(code), of: doctors[position - 1])
    }

    /// Whether a doctor takes the patient of a visit for present; nil if nothing of it is kept.
    func hasSeenPatient(_ position: Int, _ visit: VisitContext) throws -> Bool? {
      let store = test.storage.roleStore("doctors/\(doctors[position - 1])")
      let bytes = try store.value(forKey: "visit/hospital-1/\(visit.visitID)")
      return try bytes.map { try Message<DoctorVisit>(encoded: $0).payload.presence != nil }
    }

    /// What becomes of a doctor's wish to sign.
    func signing(_ visit: VisitContext, _ position: Int) async throws -> String? {
      let doctor = try await doctor(position)
      return await ConsortiumError.code { try await doctor.diagnose(visit.visitID, [1]) }
    }
  }

  @Test(
    "[attack] a hospital that opens a visit to keys of its own is found out by the first doctor")
  func substitutedKeys() async throws {
    let stage = try await Stage()
    let doctor = try await stage.doctor(1)
    // In person the patient's own code does not fit the visit that the hospital has assigned.
    let own = try await stage.presence(to: 1)
    let moved = PresenceCode(
      visit: stage.evil.visitID, evidence: own.evidence, presence: own.presence)
    #expect(
      await ConsortiumError.code { try await doctor.take(presence: moved.text) } == "presence")
    // The hospital knows α, and signs with the key that it has put into its visit: by courier that is kept,
    // but the words are not those that the patient's own device shows.
    let forged = try await stage.forged(to: 1)
    try await stage.bring(forged, to: 1, as: stage.evil)
    let words = own.words.joined(separator: " ")
    #expect(
      await ConsortiumError.code {
        try await doctor.confirm(words, visit: stage.evil.visitID)
      } == "other-words")
    #expect(try stage.hasSeenPatient(1, stage.evil) == false)
    // Another α, or the patient's signature over another context, is none either.
    for code in [
      PresenceCode(
        visit: stage.context.visitID, evidence: [UInt8](repeating: 0, count: 32),
        presence: own.presence),
      PresenceCode(
        visit: stage.context.visitID, evidence: own.evidence, presence: forged.presence),
    ] {
      #expect(
        await ConsortiumError.code { try await doctor.take(presence: code.text) } == "presence")
    }
    #expect(try await stage.signing(stage.context, 1) == "wrong-state")
    // Nor does it serve for a context with the patient's S_v and the hospital's PK_v.
    var half = stage.context
    half.visitKey = stage.evil.visitKey
    #expect(
      await ConsortiumError.code { try own.check(half, for: stage.doctors[0]) } == "presence")
    try await doctor.take(presence: own.text)
    #expect(try await stage.signing(stage.context, 1) == nil)
  }

  @Test("[attack] a courier in between swaps what the patient shows: other words, or nothing")
  func swappedPresence() async throws {
    let stage = try await Stage()
    let (test, doctor) = (stage.test, try await stage.doctor(1))
    let patient = try #require(await stage.consortium.patients[TestConsortium.patient])
    let visit = stage.context.visitID
    // The hospital's visit in place of the patient's: the doctor has it, and the words are others.
    test.wire.lose(ShowPresence.self)
    #expect(
      await ConsortiumError.code {
        _ = try await patient.showPresence(visit, at: "hospital-1", to: doctor.id)
      } == "unreachable")
    test.wire.intercept(nil)
    try await stage.bring(stage.forged(to: 1), to: 1, as: stage.evil)
    let shown = try await stage.presence(to: 1)
    for other in [stage.evil.visitID, visit] {
      #expect(
        await ConsortiumError.code {
          try await doctor.confirm(shown.words.joined(separator: " "), visit: other)
        } == (other == visit ? "wrong-state" : "other-words"))
    }
    // In the name of the patient's visit nobody else brings anything.
    let forged = try await stage.forged(to: 1) { $0.contextDigest = stage.context.digest }
    let code = PresenceCode(visit: visit, evidence: shown.evidence, presence: forged.presence)
    for author in [
      Author(.patient(visit: visit, hospital: "hospital-1"), stage.foreign.signing),
      Author(.party("hospital-1"), try test.identityKey(of: "hospital-1")),
    ] {
      #expect(
        await ConsortiumError.code {
          _ = try await test.client(stage.consortium, by: author).ask(
            ShowPresence(code), of: doctor.id)
        } == "unauthenticated")
    }
    #expect(
      await ConsortiumError.code { try await stage.bring(code, to: 1, as: stage.evil) }
        == "presence")
    #expect(try await stage.signing(stage.context, 1) == "wrong-state")

    // Between a presence and its words an older one is no longer taken.
    let old = try await stage.presence(to: 1)
    test.pass(seconds: 120)
    let new = try await patient.showPresence(visit, at: "hospital-1", to: doctor.id)
    #expect(
      await ConsortiumError.code { try await stage.bring(old, to: 1, as: stage.context) }
        == "stale-presence")
    try await doctor.confirm(new.words.joined(separator: "  ").uppercased(), visit: visit)
    #expect(try await stage.signing(stage.context, 1) == nil)
  }

  @Test("what a patient has shown while clocks were ahead keeps out nothing that is shown now")
  func shownAhead() async throws {
    let stage = try await Stage()
    let (test, doctor) = (stage.test, try await stage.doctor(1))
    let patient = try #require(await stage.consortium.patients[TestConsortium.patient])
    let visit = stage.context.visitID
    test.pass(seconds: 7200)
    _ = try await patient.showPresence(visit, at: "hospital-1", to: doctor.id)
    test.setBack(seconds: 7200)
    let shown = try await patient.showPresence(visit, at: "hospital-1", to: doctor.id)
    try await doctor.confirm(shown.words.joined(separator: " "), visit: visit)
    #expect(try await stage.signing(stage.context, 1) == nil)
  }

  @Test("[attack] a doctor passes the patient's code on to a colleague, or keeps it for later")
  func passedOn() async throws {
    let stage = try await Stage()
    let (first, second) = (try await stage.doctor(1), try await stage.doctor(2))
    let code = try await stage.presence(to: 1)
    try await first.take(presence: code.text)
    #expect(
      await ConsortiumError.code { try await second.take(presence: code.text) } == "presence")
    #expect(
      await ConsortiumError.code { try await stage.bring(code, to: 2, as: stage.context) }
        == "presence")
    // The name, or the minute, is not changed without the patient.
    let renamed = try Self.changed(
      code, Array(stage.doctors[0].utf8), to: Array(stage.doctors[1].utf8))
    #expect(renamed.presence.object.payload.doctor == second.id)
    #expect(
      await ConsortiumError.code { try await second.take(presence: renamed.text) }
        == "presence")
    // Made for the second doctor, by whoever had the patient's device in hand, and shown later.
    let kept = try await stage.presence(to: 2)
    stage.test.pass(seconds: 11 * 60)
    let later = try Self.changed(
      kept, Self.bigEndian(kept.minute), to: Self.bigEndian(kept.minute + 11))
    #expect(later.minute == kept.minute + 11)
    #expect(
      await ConsortiumError.code { try await second.take(presence: later.text) } == "presence")
    for code in [kept, code] {
      let doctor = code.words == kept.words ? second : first
      #expect(
        await ConsortiumError.code { try await doctor.take(presence: code.text) }
          == "stale-presence")
    }
    #expect(
      await ConsortiumError.code { try await stage.bring(kept, to: 2, as: stage.context) }
        == "stale-presence")
    #expect(try await stage.signing(stage.context, 2) == "wrong-state")
    // What the first has seen in time serves for every signature of the visit.
    for content in [[1], [2]] as [[UInt8]] {
      try await first.diagnose(stage.context.visitID, content)
    }
  }

  /// A code in which bytes are replaced by as many others; the signature stays.
  @inline(never)
  private static func changed(
    _ code: PresenceCode, _ bytes: [UInt8], to others: [UInt8]
  ) throws -> PresenceCode {
    try Message<PresenceCode>(
      encoded: Message(code).encoded().replacing(bytes, with: others)
    ).payload
  }

  private static func bigEndian(_ minute: UInt64) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: minute >> (24 - 8 * UInt64($0))) }
  }

  @Test("a presence counts within ten minutes, both ways, and until its words are compared")
  func minutes() async throws {
    let stage = try await Stage()
    let doctor = try await stage.doctor(2)
    let code = try await stage.presence(to: 2)
    for (minute, isFresh) in [(-10, true), (-11, false), (10, true), (11, false)] {
      let time = UInt64(Int(stage.test.time) + 60 * minute)
      #expect(
        await ConsortiumError.code { try code.checkMinute(at: time) }
          == (isFresh ? nil : "stale-presence"))
    }
    #expect(
      await ConsortiumError.code { try code.checkMinute(at: .max) } == "stale-presence")
    try await stage.bring(code, to: 2, as: stage.context)
    stage.test.pass(seconds: 11 * 60)
    let words = code.words.joined(separator: " ")
    let visit = stage.context.visitID
    #expect(
      await ConsortiumError.code { try await doctor.confirm(words, visit: visit) }
        == "stale-presence")
    // What nobody can have read out is a typing error, and told as one.
    for (typed, fault) in [
      ("", CredentialError.Code.wordCount), ("zoo zoo", .wordCount),
      (words + " zoo", .wordCount), (String(words.dropLast()) + "q", .unknownWord),
    ] {
      await #expect {
        try await doctor.confirm(typed, visit: visit)
      } throws: {
        ($0 as? CredentialError)?.code == fault
      }
    }
    #expect(
      await ConsortiumError.code {
        try await doctor.confirm(words.replacing(" ", with: ", "), visit: visit)
      } == "stale-presence")
    #expect(
      await ConsortiumError.code {
        try await doctor.confirm("zoo zoo zoo zoo zoo zoo", visit: visit)
      } == "other-words")
    let again = try await stage.presence(to: 2)
    try await stage.bring(again, to: 2, as: stage.context)
    #expect(
      await ConsortiumError.code { try await doctor.confirm(words, visit: visit) }
        == "other-words")
    try await doctor.confirm(again.words.joined(separator: " "), visit: visit)
    // Once more is no harm, however late.
    stage.test.pass(seconds: 3600)
    try await doctor.confirm(again.words.joined(separator: " "), visit: visit)
  }

  @Test("the words are those of the signature too, which nobody but the patient can choose")
  func words() async throws {
    let stage = try await Stage()
    let code = try await stage.presence(to: 1)
    #expect(code.words.count == 6)
    let same = PresenceCode(
      visit: code.visit, evidence: code.evidence,
      presence: Signed(code.presence.object, by: stage.foreign.signing))
    #expect(same.presence.object.encoded() == code.presence.object.encoded())
    #expect(same.words != code.words)
    #expect(try await stage.presence(to: 2).words != code.words)
  }

  @Test("a presence that waits for its words is there after a restart")
  func restart() async throws {
    let stage = try await Stage()
    let code = try await stage.presence(to: 1)
    try await stage.bring(code, to: 1, as: stage.context)
    let again = try await stage.test.open()
    let doctor = try #require(await again.doctors[stage.doctors[0]])
    try await doctor.confirm(code.words.joined(separator: " "), visit: stage.context.visitID)
    try await doctor.diagnose(stage.context.visitID, [1])
  }

  @Test("a patient signs for no doctor who is not on the team")
  func foreignDoctor() async throws {
    let stage = try await Stage()
    #expect(
      await ConsortiumError.code {
        _ = try await stage.test.presence(
          of: stage.context.visitID, to: TestConsortium.reader, stage.consortium)
      } == "not-entitled")
  }

  @Test("the text of a code is one of QR's least alphabet, and has one form")
  func text() async throws {
    let stage = try await Stage()
    let code = try await stage.presence(to: 1)
    let text = code.text
    let alphabet = Set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
    #expect(text.hasPrefix("BCEMR:PRESENCE:") && text.allSatisfy(alphabet.contains))
    #expect(text.count < 500)
    #expect(try PresenceCode(text: "\n \(text.lowercased()) ").text == text)
    var generator = SeededGenerator(seed: 1)
    let ticket = AdmissionTicket(using: &generator)
    for bad in [
      "", "BCEMR:PRESENCE:", String(text.dropLast()), text + "A", text + " A", "X" + text,
      text.replacing("BCEMR:PRESENCE", with: "BCEMR:TICKET"), ticket.text,
      text.replacing("A", with: "1"), String(repeating: text, count: 100),
    ] {
      #expect(
        await ConsortiumError.code { _ = try PresenceCode(text: bad) } == "malformed")
    }
  }

  @Test("[attack] one junk message ends no exchange of a group key")
  func junkInExchange() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await consortium.open(plan).visit
    let codes = Capture<[String?]>()
    codes.value = []
    let client = test.client(consortium, as: plan.hospital)
    test.wire.intercept { transit in
      if let request = transit.payload(ExchangeGroupKey.self) {
        // Before the hospital's own message arrives, others in its name: no message, and a changed one.
        let changed: [UInt8] = request.message.dropLast() + [0]
        for message in [[0], changed] {
          let junk = ExchangeGroupKey(visit: request.visit, step: request.step, message: message)
          let (bytes, answer) = try client.envelope(junk, to: transit.recipient)
          let reply = try await transit.deliver(bytes)
          let code = await ConsortiumError.code {
            _ = try ReplyMessage<Octets>(
              encoded: answer.open(SealedAnswer(encoded: reply).sealed)
            ).result.get()
          }
          codes.change { $0?.append(code) }
        }
      }
      return try await transit.deliver(transit.request)
    }
    try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
    test.wire.intercept(nil)
    #expect(codes.value?.count == 12 && codes.value?.contains(nil) == false)
    for position in 1...3 { try await consortium.diagnose(visit, plan, position: position) }
  }

  @Test("[attack] an offer of a group key that was held back comes amid the next exchange")
  func heldOffer() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await consortium.open(plan).visit
    // The first exchange is given up, since one of its offers does not arrive.
    let held = Capture<[UInt8]>()
    let first = try await test.state(of: visit, consortium).context.signers[0].doctor
    test.wire.intercept { transit in
      if transit.payload(AssignVisit.self) != nil, transit.recipient == first {
        held.value = transit.request
        throw ConsortiumError(.unreachable, "held back")
      }
      return try await transit.deliver(transit.request)
    }
    #expect(
      await ConsortiumError.code {
        try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
      } == "unreachable")
    // The doctor has taken it never before, and answers it, behind the offer of the second.
    let replies = Capture<[ObjectKind?]>()
    replies.value = []
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.recipient == first, transit.payload(AssignVisit.self) != nil,
        let offer = held.value
      {
        held.value = nil
        replies.value?.append(ObjectKind(of: try await transit.deliver(offer)))
      }
      return reply
    }
    try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
    test.wire.intercept(nil)
    #expect(replies.value == [.sealedAnswer])
    for position in 1...3 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: plan.hospital)
    #expect(try await consortium.collect(visit, plan).record?.findings.count == 3)
  }
}
