import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What is longer than a message goes, and is kept, in pieces.
@Suite("Pieces of findings and records")
struct PieceTests {
  private static let hospital = "hospital-1"

  /// A plan with findings of so many bytes.
  private func long(_ test: TestConsortium, _ byteCounts: Int...) -> PlannedVisit {
    var plan = test.plan()
    plan.findings = byteCounts.enumerated().map { index, count in
      [UInt8](repeating: 0x61 + UInt8(index), count: count)
    }
    return plan
  }

  @Test("no message with findings or a record is longer than 1 MiB and its head")
  func messages() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = long(test, 2_200_000, 1_100_000)
    let visit = try await consortium.hold(plan).visit
    let context = try await test.state(of: visit, consortium).context
    let consent = try await test.consent(to: visit, purpose: "second opinion", consortium)
    let opened = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
    #expect(opened.findings.map(\.content) == plan.findings)
    let longest = test.wire.passages.flatMap { [$0.request.count, $0.reply.count] }.max()
    #expect(try #require(longest) < Limits.pieceByteCount + 16 << 10)
    let stored = test.wire.requests(StoreRecord.self)
    #expect(stored.map(\.part.piece.index) == [0, 1, 2, 3])
    #expect(test.wire.requests(HandOverFindings.self).map(\.piece.index) == [0, 1, 2])
    #expect(test.wire.requests(FetchOwnRecord.self).map(\.index) == [0, 1, 2, 3])
    #expect(test.wire.requests(FetchConsentedRecord.self).map(\.index) == [0, 1, 2, 3])
    // Nor is a row; and of c_1, c_2 and the record only the last doctor keeps the latter two.
    for signer in context.signers {
      let store = test.storage.roleStore("doctors/\(signer.doctor)")
      for key in try store.keys(withPrefix: "") {
        let value = try #require(try store.value(forKey: key))
        #expect(value.count <= Limits.pieceByteCount)
      }
      let pieces = try store.keys(withPrefix: "piece/").count
      #expect(pieces == (signer.doctor == context.signers[1].doctor ? 8 : 3))
      #expect(try store.keys(withPrefix: "received/").isEmpty)
    }
    #expect(try test.storage.roleStore("cloud").keys(withPrefix: "half-sent/").isEmpty)
    // The access is written once, and not for every piece.
    try await consortium.settle()
    let log = try await consortium.accessLog(patient: TestConsortium.patient, visit: visit).records
    #expect(log.map(\.event) == [.consented, .requested, .accessed])
  }

  @Test(
    "a piece that is lost, with its answer or without, is where it goes on, also after a restart",
    arguments: [false, true], [false, true])
  func lost(answer: Bool, restarting: Bool) async throws {
    let test = TestConsortium(teamSize: 2)
    var consortium = try await test.open()
    let plan = long(test, 2_200_000, 1_100_000)
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    /// Loses the piece of number 2, of a kind, once.
    func disturb(_ isMeant: @escaping @Sendable (Wire.Transit) -> Bool) {
      let isDone = Capture<Bool>()
      test.wire.intercept { transit in
        guard isDone.value == nil, isMeant(transit) else {
          return try await transit.deliver(transit.request)
        }
        isDone.value = true
        if answer { _ = try await transit.deliver(transit.request) }
        throw ConsortiumError(.unreachable, "a piece is lost")
      }
    }
    func attempt(_ body: (LocalConsortium) async throws -> Void) async throws {
      #expect(await ConsortiumError.code { try await body(consortium) } == "unreachable")
      if restarting { consortium = try await test.open() }
      try await body(consortium)
    }
    disturb { $0.payload(HandOverFindings.self)?.piece.index == 2 }
    #expect(
      await ConsortiumError.code {
        try await consortium.diagnose(visit, plan, position: 1)
      } == "unreachable")
    if restarting { consortium = try await test.open() }
    // The next doctor asks for what has not come.
    try await consortium.diagnose(visit, plan, position: 2)
    #expect(test.wire.requests(ResendFindings.self).map(\.index) == (answer ? [] : [2]))
    // Piece 0 is how a sender asks how far it was.
    disturb { $0.payload(StoreRecord.self)?.part.piece.index == 2 }
    try await attempt { try await $0.complete(visit, at: Self.hospital) }
    #expect(
      test.wire.requests(StoreRecord.self).map(\.part.piece.index)
        == (answer ? [0, 1, 0, 3] : [0, 1, 0, 2, 3]))
    try await consortium.settle()
    disturb { $0.payload(FetchOwnRecord.self)?.index == 2 }
    try await attempt { consortium in
      let record = try await consortium.collect(visit, plan).record
      #expect(record?.findings.map(\.content) == plan.findings)
    }
    #expect(
      test.wire.requests(FetchOwnRecord.self).map(\.index)
        == (restarting ? [0, 1, 0, 1, 2, 3] : [0, 1, 2, 3]))
  }

  @Test("findings of 42 MiB are signed, completed and read, across restarts")
  func large() async throws {
    let test = TestConsortium(teamSize: 2)
    var consortium = try await test.open()
    let plan = long(test, 42 << 20, 100)
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    consortium = try await test.open()
    try await consortium.complete(visit, at: plan.hospital)
    consortium = try await test.open()
    let record = try await consortium.collect(visit, plan)
    #expect(record.record?.findings.map(\.content) == plan.findings)
  }

  @Test("[attack] findings above the limit are refused before anything is signed or sent")
  func aboveTheLimit() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let limit = Limits.findingsByteCount
    let tooLarge = long(test, limit, 1)
    #expect(await ConsortiumError.code { _ = try await consortium.hold(tooLarge) } == "too-large")
    #expect(test.wire.requests(RequestAdmission.self).isEmpty)

    var plan = long(test, limit + 1, 0)
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    let before = test.wire.passages.count
    #expect(
      await ConsortiumError.code {
        try await consortium.diagnose(visit, plan, position: 1)
      } == "too-large")
    #expect(test.wire.passages[before...].allSatisfy { $0.kind != SubmitEntry.name })
    // The second doctor has room for what the first one left.
    plan.findings = [[UInt8](repeating: 1, count: limit - 10), [UInt8](repeating: 2, count: 11)]
    try await consortium.diagnose(visit, plan, position: 1)
    #expect(
      await ConsortiumError.code {
        try await consortium.diagnose(visit, plan, position: 2)
      } == "too-large")
    #expect(try await test.state(of: visit, consortium).signatures.count == 1)
    plan.findings[1].removeLast()
    try await consortium.diagnose(visit, plan, position: 2)
    try await consortium.complete(visit, at: plan.hospital)
    let record = try await consortium.collect(visit, plan).record
    #expect(record?.findings.map(\.content) == plan.findings)
  }

  @Test("[attack] a colleague hands over as much junk as there is room for: the visit goes on")
  func junk() async throws {
    let test = TestConsortium(teamSize: 2)
    var consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, doctors) = (context.visitID, context.signers.map(\.doctor))
    try await consortium.diagnose(visit, plan, position: 1)
    let honest = try #require(test.wire.requests(HandOverFindings.self).last)
    let store = test.storage.roleStore("doctors/\(doctors[1])")
    // Ten of them, as long as there may be, of which all but the last piece is sent.
    let pieces = Piece.count(of: Limits.ciphertextByteCount)
    for number in UInt8(1)...10 {
      var junk = honest
      junk.head.ciphertextDigest = Digest32(sha256: [number])
      for index in 0..<(number == 10 ? pieces - 1 : 2) {
        junk.piece = try Piece(
          byteCount: Limits.ciphertextByteCount, index: index,
          bytes: [UInt8](repeating: number, count: Limits.pieceByteCount))
        _ = try await test.client(consortium, as: doctors[0]).ask(junk, of: doctors[1])
      }
      #expect(try store.keys(withPrefix: "piece/").count < pieces)
    }
    consortium = try await test.open()
    try await consortium.diagnose(visit, plan, position: 2)
    #expect(try store.keys(withPrefix: "piece/").count == 1)
    try await consortium.complete(visit, at: plan.hospital)
    let record = try await consortium.collect(visit, plan)
    #expect(record.record?.findings.map(\.content) == plan.findings)
  }

  @Test("[attack] a colleague hands over what nobody needs any more: nothing of it is kept")
  func unneeded() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    var plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let (visit, doctors) = (context.visitID, context.signers.map(\.doctor))
    let store = test.storage.roleStore("doctors/\(doctors[1])")
    func handOver(_ honest: HandOverFindings, in context: VisitContext) async throws {
      let team = context.signers.map(\.doctor)
      for index in 0..<3 {
        var junk = honest
        junk.piece = try Piece(
          byteCount: Limits.ciphertextByteCount, index: index,
          bytes: [UInt8](repeating: 7, count: Limits.pieceByteCount))
        // Nobody is told that it is kept.
        #expect(
          await ConsortiumError.code {
            _ = try await test.client(consortium, as: team[0]).ask(junk, of: team[1])
          } == "not-needed")
      }
    }
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    let honest = try #require(test.wire.requests(HandOverFindings.self).last)
    let kept = try store.keys(withPrefix: "piece/").count
    try await handOver(honest, in: context)
    #expect(try store.keys(withPrefix: "received/").isEmpty)
    #expect(try store.keys(withPrefix: "piece/").count == kept)
    // Whoever signs again asks for what the other has signed again.
    plan.findings[0] = [0x33]
    for position in 1...2 { try await consortium.diagnose(visit, plan, position: position) }
    try await consortium.complete(visit, at: plan.hospital)
    #expect(
      try await consortium.collect(visit, plan).record?.findings.map(\.content) == plan.findings)
    try await handOver(honest, in: context)
    #expect(try store.keys(withPrefix: "received/").isEmpty)

    // In a visit that ends without this doctor it is erased, and comes no more.
    let ended = test.plan("encounter-2")
    let second = try await test.beginVisit(consortium, ended).context
    try await consortium.diagnose(second.visitID, ended, position: 1)
    let last = try #require(test.wire.requests(HandOverFindings.self).last)
    let waiting = second.signers[1].doctor
    let other = test.storage.roleStore("doctors/\(waiting)")
    func received() throws -> Int {
      try ["received/", "piece/"].reduce(0) { count, prefix in
        try count
          + other.keys(withPrefix: prefix).filter { $0.contains("\(second.visitID)") }.count
      }
    }
    #expect(try received() == 2)
    // By the own clock alone it is not over.
    let doctor = try #require(await consortium.doctors[waiting])
    test.pass(seconds: 3 * 86_400)
    try await doctor.followUp()
    #expect(try received() == 2)
    try await test.pass(seconds: 2 * second.window + 60, consortium)
    try await doctor.followUp()
    #expect(try received() == 0)
    try await handOver(last, in: second)
    #expect(try received() == 0)
  }

  @Test(
    "[attack] a doctor's clock is ahead while findings come, or behind them: what is acknowledged is there",
    arguments: [false, true])
  func clockAhead(isBehind: Bool) async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let context = try await test.beginVisit(consortium, plan).context
    let visit = context.visitID
    var team: [Doctor] = []
    for signer in context.signers {
      let doctor = try #require(await consortium.doctors[signer.doctor])
      _ = try await doctor.take(
        presence: test.presence(of: visit, to: doctor.id, consortium).text)
      team.append(doctor)
    }
    test.wire.intercept { transit in
      guard transit.payload(HandOverFindings.self) != nil, !isBehind else {
        return try await transit.deliver(transit.request)
      }
      test.pass(seconds: 3600)
      defer { test.setBack(seconds: 3600) }
      return try await transit.deliver(transit.request)
    }
    _ = try await team[0].diagnose(visit, plan.findings[0])
    test.wire.intercept(nil)
    if isBehind {
      test.pass(seconds: 20 * 86_400)
      try await team[1].followUp()
      test.setBack(seconds: 20 * 86_400)
    }
    // The first doctor has gone home.
    test.wire.lose(ResendFindings.self)
    _ = try await team[1].diagnose(visit, plan.findings[1])
    try await consortium.complete(visit, at: plan.hospital)
    let record = try await consortium.collect(visit, plan).record
    #expect(record?.findings.map(\.content) == plan.findings)
  }

  @Test("the consortium stands still while a visit is under way: what is handed over is kept")
  func haltOnTheWay() async throws {
    let test = TestConsortium(teamSize: 2)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    test.pass(seconds: 86_400)
    try await consortium.settle()
    try await consortium.diagnose(visit, plan, position: 1)
    test.wire.lose(ResendFindings.self)
    try await consortium.diagnose(visit, plan, position: 2)
    try await consortium.complete(visit, at: plan.hospital)
  }

  @Test("what is no piece is refused when it is decoded")
  func forms() throws {
    let limit = Limits.pieceByteCount
    let good = try Piece(byteCount: limit + 5, index: 1, bytes: [1, 2, 3, 4, 5])
    #expect(good.isLast)
    #expect(try Piece(sequence: good.encodedSequence()) == good)
    for (byteCount, index, count) in [
      (limit + 5, 1, 4), (limit + 5, 1, 6), (limit + 5, 0, 5), (limit + 5, 2, 5), (5, 0, 0),
      (0, 0, 0), (Limits.ciphertextByteCount + 1, 0, limit), (limit + 5, -1, limit),
    ] {
      #expect(throws: DecodingFailure.self) {
        _ = try Piece(
          byteCount: byteCount, index: index, bytes: [UInt8](repeating: 1, count: count))
      }
    }
  }
}
