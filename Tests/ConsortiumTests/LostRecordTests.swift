import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

/// A cloud that has not got what it has signed for, or is not given what another has signed for.
@Suite("Records that a cloud loses, or is not given")
struct LostRecordTests {
  private static let hospital = TestConsortium.hospital

  enum Loss: String, CaseIterable { case all, onePiece, head }

  /// What a disk does to a record.
  private func lose(_ loss: Loss, of name: RecordName, _ records: FaultyRecords) async throws {
    var rows: [Int: [UInt8]] = [:]
    for row in 0..<(try await records.rowCount(of: name)) {
      rows[row] = try await records.row(row, of: name)
    }
    try await records.remove(name)
    switch loss {
    case .all: return
    case .onePiece: rows[1]?[0] ^= 1
    case .head: rows[0] = [1, 2, 3]
    }
    try await records.put(rows, of: name)
  }

  /// A visit whose completion the cloud has not confirmed, and whose record it has.
  private func unconfirmed(
    _ test: TestConsortium, _ consortium: LocalConsortium, _ plan: PlannedVisit
  ) async throws -> VisitContext {
    let context = try await test.beginVisit(consortium, plan).context
    try await consortium.diagnose(context.visitID, plan, position: 1)
    test.wire.lose(ConfirmLeaves.self)
    #expect(
      await ConsortiumError.code {
        try await consortium.complete(context.visitID, at: Self.hospital)
      } == "outcome-unknown")
    test.wire.intercept(nil)
    return context
  }

  @Test(
    "a cloud confirms nothing without a record that it has lost, until its doctor gives it again",
    arguments: Loss.allCases, [true, false])
  func givenAgain(_ loss: Loss, byItself: Bool) async throws {
    let test = TestConsortium(teamSize: 1, window: 7200)
    let consortium = try await test.open()
    var plan = test.plan()
    plan.findings = [[UInt8](repeating: 0x61, count: 2_500_000)]
    let context = try await unconfirmed(test, consortium, plan)
    let records = test.storage.records
    let name = try #require(try await records.record(ofVisit: context.visitID))
    try await lose(loss, of: name, records)
    #expect(await test.rest(consortium, rounds: 3) == "record-missing")
    let id = context.signers[0].doctor
    if byItself {
      // The doctor's program looks after what it has submitted.
      try await #require(await consortium.doctors[id]).followUp()
    } else {
      try await consortium.complete(context.visitID, at: Self.hospital)
    }
    #expect(await test.rest(consortium) == nil)
    let record = try await consortium.collect(context.visitID, plan).record
    #expect(record?.findings.map(\.content) == plan.findings)
    _ = try await consortium.hold(test.plan("encounter-2"))
  }

  @Test("a cloud that was put back, and lost records too, goes on and says which")
  func putBack() async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    _ = try await consortium.hold(test.plan("encounter-0"))
    try await consortium.settle()
    let backup = try await test.storage.backup("cloud")
    let visit = try await consortium.hold(test.plan()).visit
    try await consortium.settle()
    let records = test.storage.records
    try await records.remove(try #require(try await records.record(ofVisit: visit)))
    try await test.storage.restore(backup)
    consortium = try await test.open()
    #expect(await test.rest(consortium, rounds: 3) == nil)
    #expect(await consortium.cloud.missingRecords(of: Self.hospital) == [visit])
    _ = try await consortium.hold(test.plan("encounter-2"))
    try await consortium.settle()
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }

  @Test("where the doctor is gone too, a vote gives the chain to another cloud, which goes on")
  func anotherCloud() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12, window: 7200)
    let consortium = try await test.openWithTwoClouds()
    try await test.assign("cloud-2", consortium)
    let context = try await unconfirmed(test, consortium, test.plan())
    let records = test.storage.records
    try await records.remove(try #require(try await records.record(ofVisit: context.visitID)))
    test.wire.lose(StoreRecord.self)
    #expect(await test.rest(consortium, rounds: 3) == "record-missing")
    try await test.passEpoch(consortium, mayFail: true)
    #expect(await test.rest(consortium) == nil)
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    let cloud = try test.server("cloud-2", consortium)
    #expect(await cloud.missingRecords(of: Self.hospital) == [context.visitID])
    test.wire.intercept(nil)
    _ = try await consortium.hold(test.plan("encounter-2"))
    try await consortium.settle()
    #expect(try await test.verify(consortium).chains.allSatisfy { $0.fault == nil })
  }

  @Test(
    "[attack] a former cloud says that records are longer: it wastes four, and each comes later")
  func longerThanTheyAre() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.openWithTwoClouds()
    var visits: [Digest32] = []
    for number in 0..<6 {
      visits.append(try await consortium.hold(test.plan("encounter-\(number)")).visit)
    }
    try await consortium.settle()
    try await test.assign("cloud-2", consortium)
    let heads = Mutex<[Digest32: RecordHead]>([:])
    test.wire.intercept { transit in
      if transit.recipient == "cloud", transit.payload(FetchOwnRecord.self) != nil {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      guard let asked = transit.payload(TakeOverRecord.self) else {
        return try await transit.deliver(transit.request)
      }
      let visit = asked.query.object.payload.visit
      guard asked.index < 3 else { throw ConsortiumError(.unreachable, "no more") }
      if asked.index == 0 {
        let reply = try await transit.deliver(transit.request)
        let part = try ReplyMessage<RecordPiece>(encoded: reply).result.get()
        heads.withLock { $0[visit] = part.head }
      }
      guard let head = heads.withLock({ $0[visit] }) else {
        throw ConsortiumError(.unreachable, "no more")
      }
      let lie = try Piece(
        byteCount: Limits.ciphertextByteCount, index: asked.index,
        bytes: [UInt8](repeating: 7, count: Limits.pieceByteCount))
      return ReplyMessage(.success(RecordPiece(head: head, piece: lie))).encoded()
    }
    try await test.passEpoch(consortium, mayFail: true)
    await test.rest(consortium, rounds: 10)
    for number in visits.indices {
      _ = await ConsortiumError.code {
        _ = try await consortium.collect(visits[number], test.plan("encounter-\(number)"))
      }
    }
    let cloud = try test.server("cloud-2", consortium)
    #expect(Set(await cloud.missingRecords(of: Self.hospital)) == Set(visits))
    #expect(heads.withLock { $0.count } == visits.count)
    #expect(try await test.storage.recordStore("cloud-2").records().count <= 4)
    test.wire.intercept(nil)
    await test.rest(consortium, rounds: 10)
    #expect(await cloud.missingRecords(of: Self.hospital).isEmpty)
    for number in visits.indices {
      let plan = test.plan("encounter-\(number)")
      #expect(try await consortium.collect(visits[number], plan).record != nil)
    }
  }
}
