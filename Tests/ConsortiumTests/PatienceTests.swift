import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import Testing

/// From when on a hospital owes an answer.
@Suite("How long a hospital has")
struct PatienceTests {
  private let hour: UInt64 = 3600

  @Test("[attack] a courier that loses a message makes nobody demand, nor blame the hospital")
  func lostMessage() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.completeVisit(consortium, plan)
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    // Two, a day apart.
    test.wire.lose(SubmitEntry.self)
    #expect(try await consortium.collect(visit, plan).receiptFailure?.code == .unreachable)
    test.pass(seconds: 24 * hour)
    try await consortium.settle()
    #expect(try await patient.followUp().last?.standing == .sent)
    #expect(test.wire.requests(RelayDemand.self).isEmpty)
    // An hour later it is answered at once, and no more is asked for: an answer is what was owed.
    test.wire.intercept(nil)
    test.pass(seconds: hour)
    try await consortium.settle()
    #expect(try await patient.followUp().last?.standing == .written)
    #expect(test.wire.requests(RelayDemand.self).isEmpty)
    try await consortium.settle()
    let last = try #require(try await patient.followUp().last)
    #expect(last.standing.isFinal && last.demand == nil && last.swallowedBy == nil)
  }

  @Test("a hospital that answers nothing is overdue after three attempts, spread over its time")
  func unanswered() throws {
    func isOverdue(_ attempts: [UInt64], after patience: UInt64 = 3600) throws -> Bool {
      var row = try self.row()
      for attempt in attempts { row.noteAttempt(at: attempt) }
      return row.isOverdue(after: patience, at: attempts.last ?? 0)
    }
    let early: [[UInt64]] = [
      [], [0], [0, 9000], [0, 1, 2, 9000], [0, 1800, 3599], [9000, 1800, 3600],
    ]
    let late: [[UInt64]] = [[0, 1800, 3600], [0, 1, 2, 1800, 1801, 3600], [0, 3000, 7000]]
    for attempts in early { #expect(try !isOverdue(attempts), "\(attempts)") }
    for attempts in late { #expect(try isOverdue(attempts), "\(attempts)") }
    #expect(try isOverdue([5, 5, 5], after: 0))
    #expect(try !isOverdue([5, 5], after: 0))
    // However many there are, a bounded number is remembered, and the first and the last are among them.
    #expect(try isOverdue(Array(0...4700)))
    #expect(try !isOverdue(Array(0...3599)))
    var row = try self.row()
    for attempt in 0..<10_000 as Range<UInt64> { row.noteAttempt(at: attempt) }
    #expect(row.attempts.count <= 16 && row.attempts.first == 0 && row.attempts.last == 9999)
    let stored = try Message<KeptSubmission>(encoded: Message(row).encoded()).payload
    #expect(stored.attempts == row.attempts)
  }

  @Test("a hospital that has answered has its time from then on")
  func answered() throws {
    var row = try self.row()
    for attempt in [0, 1800, 3600] as [UInt64] { row.noteAttempt(at: attempt) }
    row.noteAnswer(at: 3600)
    row.noteAttempt(at: 7000)
    #expect(!row.isOverdue(after: 3600, at: 7199) && row.isOverdue(after: 3600, at: 7200))
    // The first answer counts, and a clock that goes back makes nobody late.
    row.noteAnswer(at: 7000)
    #expect(row.isOverdue(after: 3600, at: 7200) && !row.isOverdue(after: 3600, at: 3000))
  }

  @Test("moments that were noted by a clock that was ahead count as the first one behind it")
  func clockAhead() throws {
    let ahead: UInt64 = 1_000_000
    var row = try self.row()
    for attempt in [ahead, 1800, 3600] { row.noteAttempt(at: attempt) }
    #expect(!row.isOverdue(after: 3600, at: 3600))
    row.noteAttempt(at: 5400)
    #expect(row.isOverdue(after: 3600, at: 5400))
    row = try self.row()
    for attempt in [0, ahead, 3600] { row.noteAttempt(at: attempt) }
    #expect(!row.isOverdue(after: 3600, at: 3600))
    row = try self.row()
    row.noteAnswer(at: ahead)
    row.noteTime(100)
    #expect(!row.isOverdue(after: 3600, at: 3699) && row.isOverdue(after: 3600, at: 3700))
    // Whatever a clock says, and a store has, nothing overflows.
    row = try self.row()
    for attempt in [UInt64.max, .max, .max, 0, .max, 1, 2, .max] { row.noteAttempt(at: attempt) }
    #expect(!row.isOverdue(after: 3600, at: 3))
  }

  private func row() throws -> KeptSubmission {
    let key = try IdentityKey(seed: [UInt8](repeating: 7, count: 32))
    let receipt = VisitReceipt(visit: .zero, recordDigest: .zero, verdict: .acknowledged)
    let entry = Entry(
      EntryContent(
        genesis: .zero, chain: "hospital-1", signer: .patient(visit: .zero), body: receipt),
      signedBy: key)
    return try KeptSubmission(entry, number: 0, at: 0)
  }
}
