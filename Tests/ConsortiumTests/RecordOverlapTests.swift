import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What happens to a record in the midst of what happens to another, or to itself.
@Suite("Records that are stored at once", .serialized)
struct RecordOverlapTests {
  private static let hospital = "hospital-1"

  /// Something that is begun once, amid something else, and has its time to end before that goes on.
  private final class Interruption: Sendable {
    private let isBegun = Capture<Bool>()
    private let isEnded = Capture<Bool>()
    private let body: @Sendable () async -> Void

    init(_ body: @escaping @Sendable () async -> Void) { self.body = body }

    /// Begins it. Where it waits for whom it interrupts, that one goes on.
    func begin() async {
      if isBegun.value == true { return }
      isBegun.value = true
      Task {
        await body()
        isEnded.value = true
      }
      await wait(milliseconds: 300)
    }

    private func wait(milliseconds: Int) async {
      for _ in 0..<milliseconds where isEnded.value != true {
        try? await Task.sleep(for: .milliseconds(1))
      }
    }

    /// - Returns: whether it was begun and has ended.
    func end() async -> Bool {
      await wait(milliseconds: 10_000)
      return isBegun.value == true && isEnded.value == true
    }
  }

  enum Moment: String, CaseIterable { case falsePiece, anotherRecord, expiry }

  @Test(
    "[attack] the last piece of a record comes while it is dropped: what has a receipt is there",
    arguments: Moment.allCases)
  func lastPiece(_ moment: Moment) async throws {
    let signed = try await SignedVisit()
    let records = signed.test.storage.records
    let record = try signed.record(1, byteCount: 2_500_000)
    let other = try signed.record(2, byteCount: 2_500_000)
    for index in 0..<2 { _ = try await signed.store(signed.piece(record, index)) }
    let last = try signed.piece(record, 2)
    let receipt = Capture<[UInt8]>()
    let interruption = Interruption {
      receipt.value = try? await signed.store(last).receipt
    }
    records.meanwhile { step, _ in if step == .removing { await interruption.begin() } }
    switch moment {
    case .falsePiece:
      let wrong = RecordPiece(head: record.head, piece: try signed.piece(other, 2).piece)
      #expect(await ConsortiumError.code { _ = try await signed.store(wrong) } == "record-tampered")
    case .anotherRecord:
      #expect(try await signed.store(signed.piece(other, 0)).held.count == 1)
    case .expiry:
      signed.test.pass(seconds: HalfSentRecords.lifetime + 1)
      _ = try await signed.consortium.cloud.advance()
    }
    #expect(await interruption.end())
    records.meanwhile(nil)
    let rows = try await records.rowCount(of: signed.name(record))
    #expect(receipt.value?.isEmpty ?? true || rows == 4)
    if moment == .expiry { return }
    // Sent again it is stored, and with it the visit is complete.
    for index in 0..<2 { _ = try await signed.store(signed.piece(record, index)) }
    let again = try await signed.store(last).receipt
    #expect(again.count == 64)
    try await signed.complete(record, again)
    #expect(await signed.test.rest(signed.consortium) == nil)
    #expect(try await signed.test.state(of: signed.visit, signed.consortium).status == .complete)
  }

  @Test("[attack] a doctor begins with records all at once: four are kept, each for a week")
  func manyBegun() async throws {
    let test = TestConsortium(teamSize: 1, doctors: 1)
    let consortium = try await test.open()
    var visits: [SignedVisit] = []
    for number in 1...6 {
      visits.append(try await SignedVisit(test.plan("encounter-\(number)"), test, consortium))
    }
    let (records, store) = (test.storage.records, test.storage.roleStore("cloud"))
    let parts = try visits.map { try $0.piece($0.record(1, byteCount: 3_000_000), 0) }
    func check() async throws {
      let half = try store.keys(withPrefix: "half-sent/").count
      #expect(half <= HalfSentRecords.limit)
      // What nobody remembers would be kept for ever.
      #expect(try await records.records().count <= half)
    }
    for index in 0..<4 {
      _ = try await visits[index].store(parts[index])
      test.pass(seconds: 1)
    }
    let (sixth, part) = (visits[5], parts[5])
    let another = Interruption { _ = try? await sixth.store(part) }
    records.meanwhile { step, _ in if step == .removing { await another.begin() } }
    _ = try await visits[4].store(parts[4])
    #expect(await another.end())
    try await check()

    // The oldest once more, amid its being dropped.
    records.meanwhile(nil)
    let kept = Set(try await records.records().map(\.visit))
    let oldest = try #require(visits.firstIndex { kept.contains($0.visit) })
    let (dropped, first) = (visits[oldest], parts[oldest])
    let back = Interruption { _ = try? await dropped.store(first) }
    records.meanwhile { step, _ in if step == .removed { await back.begin() } }
    // One that was dropped before.
    try #require(oldest > 0)
    _ = try await visits[0].store(parts[0])
    #expect(await back.end())
    records.meanwhile(nil)
    try await check()
  }

  @Test("[attack] a doctor stores another record while the visit is completed: one is kept")
  func storedAmidCompletion() async throws {
    let signed = try await SignedVisit()
    let records = signed.test.storage.records
    let (record, other) = (try signed.record(1), try signed.record(2))
    let receipt = try await signed.store(signed.piece(record, 0)).receipt
    let completion = Interruption { try? await signed.complete(record, receipt) }
    let name = signed.name(other)
    records.meanwhile { step, meant in
      if step == .putting, meant == name { await completion.begin() }
    }
    _ = try await signed.store(signed.piece(other, 0))
    #expect(await completion.end())
    records.meanwhile(nil)
    #expect(await signed.test.rest(signed.consortium) == nil)
    #expect(try await signed.test.state(of: signed.visit, signed.consortium).status == .complete)
    #expect(try await records.records() == [signed.name(record)])
  }
}
