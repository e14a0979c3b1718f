import CanonicalEncoding
import Consortium
import Foundation
import Ledger
import Synchronization
import TestSupport
import Testing

/// Laws of what goes wrong between honest people: whatever is lost, late, doubled, killed, or not written,
/// everybody tries again, and the end is the same.
///
/// A few places of each are tried, always the same; `BCEMR_LOSSES=17` tries others, and `BCEMR_LOSSES=all` every one.
@Suite("Loss")
struct LossTests {
  /// What becomes of one request.
  enum Loss: CaseIterable, Sendable {
    case requestLost
    case answerLost
    /// And all roles start again from their stores.
    case answerLostAndRestarted
    case doubled
    /// Its answer comes as that to the next request of the kind, and the request once more, a day later.
    case late
    /// Its answer comes a day later, to who has waited for it.
    case dayLater
  }

  private static let asked = ProcessInfo.processInfo.environment["BCEMR_LOSSES"]
  private static let triesAll = asked == "all"
  /// Decides which places are tried: faults are planted that those of 0 find.
  private static let choice = asked.flatMap { Int($0) }.map { $0 & 0xffff_ffff } ?? 0
  private static let again = triesAll ? "" : " (again: BCEMR_LOSSES=\(choice))"

  /// Disturbs one request of a kind.
  private final class Disturbance: Sendable {
    private struct State {
      var count = 0
      var wantsRestart = false
      var isDone = false
      var held: (transit: Wire.Transit, reply: [UInt8])?
      var lateReply: [UInt8]?
    }

    private let kind: String
    private let number: Int
    private let loss: Loss
    private let passDay: @Sendable () -> Void
    private let state = Mutex(State())

    init(
      _ kind: String, _ number: Int, _ loss: Loss, passDay: @escaping @Sendable () -> Void
    ) {
      (self.kind, self.number, self.loss, self.passDay) = (kind, number, loss, passDay)
    }

    var isDone: Bool { state.withLock { $0.isDone } }
    var wantsRestart: Bool {
      state.withLock { state in
        defer { state.wantsRestart = false }
        return state.wantsRestart
      }
    }

    /// Delivers the request again that was held.
    func deliverLate() async {
      guard let transit = state.withLock({ $0.held })?.transit else { return }
      _ = try? await transit.deliver(transit.request)
    }

    func pass(_ transit: Wire.Transit) async throws -> [UInt8] {
      guard transit.kind == kind else { return try await transit.deliver(transit.request) }
      let (isMeant, late) = state.withLock { state -> (Bool, [UInt8]?) in
        defer { (state.count, state.lateReply) = (state.count + 1, nil) }
        let isMeant = state.count == number
        if isMeant { state.isDone = true }
        return (isMeant, state.lateReply)
      }
      if let late {
        _ = try await transit.deliver(transit.request)
        return late
      }
      guard isMeant else { return try await transit.deliver(transit.request) }
      let lost = ConsortiumError(.unreachable, "lost on the way")
      if loss == .requestLost { throw lost }
      let reply = try await transit.deliver(transit.request)
      switch loss {
      case .requestLost, .answerLost: throw lost
      case .answerLostAndRestarted:
        state.withLock { $0.wantsRestart = true }
        throw lost
      case .doubled: return try await transit.deliver(transit.request)
      case .late:
        state.withLock { ($0.held, $0.lateReply) = ((transit, reply), reply) }
        throw lost
      case .dayLater:
        passDay()
        return reply
      }
    }
  }

  // MARK: Requests

  /// Which kinds of request a course has, and how many of each.
  private static func kinds(_ course: Course) async throws -> [String: Int] {
    let counts = Mutex<[String: Int]>([:])
    let counter = Counter(counts)
    let test = try await course.begin().copy()
    test.wire.intercept { transit in
      if let kind = transit.kind { counter.counts.withLock { $0[kind, default: 0] += 1 } }
      return try await transit.deliver(transit.request)
    }
    var run = Course.Progress(
      test: test, storage: test.storage, consortium: try await test.open())
    for step in course.steps { try await step.body(&run) }
    test.wire.intercept(nil)
    try await course.check(&run, "nothing is lost")
    return counter.counts.withLock { $0 }
  }

  private final class Counter: Sendable {
    let counts: Mutex<[String: Int]>
    init(_ counts: consuming Mutex<[String: Int]>) { self.counts = counts }
  }

  /// Holds a course of which one thing fails.
  private static func hold(
    _ course: Course, on test: TestConsortium, storage: any ConsortiumStorage,
    _ place: String, revive: () async throws -> Bool, end: () async -> Void = {},
    whose: () -> String = { "" }
  ) async throws {
    var opened: LocalConsortium?
    var failure: (any Error)?
    for _ in 0..<tries where opened == nil {
      do {
        opened = try await test.open(storage)
      } catch {
        failure = error
        _ = try await revive()
      }
    }
    var run = Course.Progress(
      test: test, storage: storage,
      consortium: try #require(opened, "\(place): \(String(describing: failure))"))
    for step in course.steps {
      var failure: (any Error)?
      for _ in 0..<tries {
        do {
          try await step.body(&run)
          failure = nil
          break
        } catch {
          failure = error
          // What is started may fail too, where nobody has seen the failure before.
          if try await revive() { try? await run.restart() }
          // Meanwhile the servers go on.
          try? await run.consortium.settle()
        }
      }
      if let failure {
        Issue.record("\(place): \(step.name) fails for good: \(failure) \(whose())")
        return
      }
    }
    await end()
    try await course.check(&run, place)
  }

  private static let tries = 4

  @Test("one request of any kind is lost, or comes twice, or late, and the end is the same")
  func losses() async throws {
    var untried = Set(RequestTable.rules.map(\.name))
    for course in Course.all {
      let counts = try await Self.kinds(course)
      let kinds = untried.intersection(counts.keys).sorted()
      untried.subtract(kinds)
      let begun = try await course.begin()
      let cases = kinds.flatMap { kind in
        Loss.allCases.flatMap { loss in
          Self.numbers(counts[kind] ?? 0).map { (kind, loss, $0) }
        }
      }
      try await Self.inParallel(cases) { kind, loss, number in
        let place =
          "\(course.name): \(kind) \(number + 1) of \(counts[kind] ?? 0), \(loss)\(Self.again)"
        let test = try await begun.copy()
        let disturbance = Disturbance(kind, number, loss) { test.pass(seconds: 86_400) }
        test.wire.intercept { try await disturbance.pass($0) }
        try await Self.hold(
          course, on: test, storage: test.storage, place,
          revive: { disturbance.wantsRestart },
          end: {
            test.wire.intercept(nil)
            if loss == .late {
              test.pass(seconds: 86_400)
              await disturbance.deliverLate()
            }
          })
        #expect(disturbance.isDone, "\(place): it does not come to this")
      }
    }
    // A kind that no course has is not tried: give it one.
    #expect(untried == [], "no course has these")
  }

  /// The first, and another, or all.
  private static func numbers(_ count: Int) -> [Int] {
    if triesAll { return Array(0..<count) }
    return count > 1 ? [0, 1 + (count / 2 - 1 + choice) % (count - 1)] : [0]
  }

  private static func inParallel<Case: Sendable>(
    _ cases: [Case], _ body: @escaping @Sendable (Case) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      let width = ProcessInfo.processInfo.activeProcessorCount
      for (index, one) in cases.enumerated() {
        if index >= width { try await group.next() }
        group.addTask { try await body(one) }
      }
      try await group.waitForAll()
    }
  }

  // MARK: Writes

  @Test(
    "a role dies at any write, or its disk fails there, and the end is the same",
    arguments: [Course.visitAndSharing, .founding])
  func writes(course: Course) async throws {
    let begun = try await course.begin()
    let honest = try await begun.copy()
    let counting = FailingStorage(honest.storage)
    let writes = Capture<Int>()
    try await Self.hold(
      course, on: honest, storage: counting, "\(course.name): nothing fails",
      revive: { false }, end: { writes.value = counting.writes })
    let count = try #require(writes.value)
    #expect(count > 60)
    // An odd step, so that no role is left out that writes every so many times.
    let step = Self.triesAll ? 1 : max(1, count / 24) | 1
    let kinds = [(false, false), (true, false), (false, true), (true, true)]
    let first = Self.choice % step
    let faults = stride(from: first, to: count, by: step).enumerated().flatMap { index, write in
      (Self.triesAll ? kinds : [kinds[(index + Self.choice / step) % 4]]).map {
        FailingStorage.Fault(write: write, isKept: $0.0, isPassing: $0.1)
      }
    }
    try await Self.inParallel(faults) { fault in
      let test = try await begun.copy()
      let storage = FailingStorage(test.storage, fault: fault)
      let place = "\(course.name), \(fault) of \(count)\(Self.again)"
      try await Self.hold(
        course, on: test, storage: storage, place,
        revive: {
          guard storage.failed != nil, !fault.isPassing else { return false }
          storage.revive()
          return true
        },
        whose: { "(a write of \(storage.failed ?? "nobody"))" })
      #expect(storage.failed != nil, "\(place): it does not come to this")
    }
  }
}
