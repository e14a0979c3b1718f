import BucketSupport
import CanonicalEncoding
import Consortium
import Ledger
import S3Backend
import Synchronization
import TestSupport
import Testing

@Suite("S3 that answers late, badly, or not at all")
struct FaultTests {
  @Test(
    "a change whose answer is lost is made once",
    arguments: [
      BucketServer.Fault.lostAnswer, .failedAfter, .cutAnswer, .slow,
    ])
  func lostAnswer(_ fault: BucketServer.Fault) async throws {
    let puts = Mutex(0)
    let scene = try await Scene(fault: { question in
      guard question.method == "PUT", question.isManifest else { return nil }
      return puts.withLock {
        $0 += 1; return $0.isMultiple(of: 2) ? nil : fault
      }
    })
    let store = try scene.store()
    try await store.put([0: [1]], of: scene.record)
    try await store.put([0: [2]], of: scene.record)
    // Each was answered to nobody, and found to be done.
    let bytes = scene.bucket.contents[
      ObjectNames(prefix: scene.configuration.prefix).record(scene.record)]
    let manifest = RecordManifest(bytes ?? [], of: scene.record)
    #expect(manifest == RecordManifest(generation: 2, rows: .kept(first: [2], pieces: [])))
  }

  @Test("[attack] what was given up and arrives later undoes nothing that was acknowledged since")
  func late() async throws {
    let network = HoldingNetwork()
    let scene = try await Scene(fault: network.fault)
    let store = try await scene.filled([9, 9])
    let hasty = try await scene.hastyStore()
    let pending = try await network.hold("PUT") {
      try await hasty.put([0: [66]], of: scene.record)
    }
    let unremoved = try await network.hold("PUT") { try await hasty.remove(scene.record) }
    #expect(pending == .outcomeUnknown && unremoved == .outcomeUnknown)
    try await store.put([0: [2], 2: [8]], of: scene.record)
    network.deliver(to: scene.bucket)
    for (row, bytes) in ([[2], [9, 9], [8]] as [[UInt8]]).enumerated() {
      #expect(try await store.row(row, of: scene.record) == bytes)
    }
    // Removed, but for the pieces; then wholly, and put again with the same pieces.
    let half = try await network.hold("DELETE") { try await hasty.remove(scene.record) }
    #expect(half != nil)
    try await store.remove(scene.record)
    network.deliver(to: scene.bucket)
    #expect(try await store.rowCount(of: scene.record) == 0)
    #expect(try await store.records().isEmpty)
    try await store.put([0: [2], 1: [9, 9], 2: [8]], of: scene.record)
    network.deliver(to: scene.bucket)
    #expect(try await store.row(1, of: scene.record) == [9, 9])
    #expect(try await store.row(2, of: scene.record) == [8])
  }

  @Test("a removal that was cut off stays in the listings, and is finished by another")
  func cutRemoval() async throws {
    let isDown = Mutex(false)
    let scene = try await Scene(
      fault: { question in
        question.method == "DELETE" && isDown.withLock { $0 } ? .busy : nil
      })
    let store = try await scene.filled([1], [2])
    let hasty = try await scene.hastyStore()
    isDown.withLock { $0 = true }
    let cut = try await failure { try await hasty.remove(scene.record) }
    #expect(cut.code == .unavailable)
    #expect(try await store.row(0, of: scene.record) == nil)
    #expect(try await store.rowCount(of: scene.record) == 0)
    #expect(try await store.records(ofVisit: scene.record.visit, at: "north") == [scene.record])
    isDown.withLock { $0 = false }
    try await store.remove(scene.record)
    #expect(try await store.records().isEmpty)
    #expect(scene.bucket.keys("pieces/").isEmpty)
    #expect(scene.bucket.contents.filter { $0.key.contains("records/") }.map(\.value.count) == [48])
  }

  @Test("rows that could not be put leave none, and nothing that is not in the listings")
  func cutPut() async throws {
    let isDown = Mutex(true)
    let scene = try await Scene(
      fault: { question in
        question.method == "PUT" && question.key.contains("-2-") && isDown.withLock { $0 }
          ? .busy : nil
      })
    let store = try scene.store()
    let hasty = try await scene.hastyStore()
    let rows: [Int: [UInt8]] = [0: [1], 1: [2], 2: [3]]
    let cut = try await failure { try await hasty.put(rows, of: scene.record) }
    #expect(cut.code == .unavailable)
    #expect(try await store.rowCount(of: scene.record) == 0)
    #expect(try await store.row(1, of: scene.record) == nil)
    #expect(scene.bucket.keys("pieces/").count == 1)
    #expect(try await store.records() == [scene.record])
    try await store.remove(scene.record)
    #expect(scene.bucket.keys("pieces/").isEmpty)
    isDown.withLock { $0 = false }
    try await store.put(rows, of: scene.record)
    #expect(try await store.row(2, of: scene.record) == [3])
  }

  @Test("[attack] of two writers of one row one is refused, and no row of either is lost")
  func twoWriters() async throws {
    let scene = try await Scene()
    let stores = [try scene.store(), try scene.store()]
    try await stores[0].put([0: [0]], of: scene.record)
    for row in 1...12 {
      let outcomes = try await withThrowingTaskGroup(
        of: (Int, StoreError.Code?).self, returning: [(Int, StoreError.Code?)].self
      ) { group in
        for (number, store) in stores.enumerated() {
          group.addTask {
            // One row that both write, and one of each.
            let rows = [row: [UInt8(number)], 1000 + 2 * row + number: [UInt8(row)]]
            return (
              number,
              try await failure { try await store.put(rows, of: scene.record) }
                .code
            )
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let winner = try #require(outcomes.first { $0.1 == nil }?.0)
      #expect(outcomes.first { $0.0 != winner }?.1 == .conflict)
      for store in stores {
        #expect(try await store.row(row, of: scene.record) == [UInt8(winner)])
        #expect(try await store.row(1000 + 2 * row + winner, of: scene.record) == [UInt8(row)])
        #expect(try await store.rowCount(of: scene.record) == 1 + 2 * row)
      }
    }
  }

  @Test("who says nothing is given up in time, and named", .timeLimit(.minutes(10)))
  func silent() async throws {
    let scene = try await Scene(
      patience: 1.2,
      reply: { _ in
        try? await Task.sleep(for: .seconds(3600))
        return nil
      })
    let store = try scene.store()
    let outcome = try await failure {
      _ = try await store.row(0, of: scene.record)
    }
    #expect(outcome.code == .unavailable && outcome.message.contains("records/north/"))
  }

  @Test(
    "nobody there, no bucket, no right: unavailable, and never that there is no row",
    arguments: [
      (403, "AccessDenied"), (404, "NoSuchBucket"), (404, ""), (301, "PermanentRedirect"),
      (400, "AuthorizationHeaderMalformed"), (500, "InternalError"), (503, "SlowDown"), (412, ""),
    ])
  func refused(status: Int, code: String) async throws {
    let scene = try await Scene(patience: 1, reply: { _ in .failed(status, code) })
    let store = try scene.store()
    for body: () async throws -> Void in [
      { try await store.put([0: [1]], of: scene.record) },
      { _ = try await store.row(0, of: scene.record) },
      { _ = try await store.records() },
      { try await store.remove(scene.record) },
    ] {
      let outcome = try await failure(body)
      #expect(outcome.code != nil)
      #expect(code.isEmpty || outcome.message.contains(code), "\(outcome.message)")
    }
  }

  @Test("[attack] a server that honours no conditions is given nothing")
  func unconditional() async throws {
    let scene = try await Scene(MemoryBucket(ignoresConditions: true))
    let store = try scene.store()
    let outcome = try await failure {
      try await store.put([0: [1]], of: scene.record)
    }
    #expect(outcome.code == .unavailable && outcome.message.contains("If-None-Match"))
    #expect(scene.bucket.contents.isEmpty)
  }

  @Test("rows above 1 MiB, and numbers that are none, are refused; what is put otherwise is not")
  func limits() async throws {
    let scene = try await Scene()
    let store = try await scene.filled([])
    let long = [UInt8](repeating: 1, count: (1 << 20) + 1)
    for rows in [[0: long], [1: long], [-1: []], [Int(UInt32.max) + 1: []]] {
      let outcome = try await failure {
        try await store.put(rows, of: scene.record)
      }
      #expect(outcome.code == .tooLarge)
    }
    try await store.put([0: Array(long.dropLast()), 2: Array(long.dropLast())], of: scene.record)
    #expect(try await store.row(2, of: scene.record)?.count == 1 << 20)
  }
}

/// Keeps requests back, so that they arrive when nobody waits for them any more.
private final class HoldingNetwork: Sendable {
  private let state = Mutex<(method: String?, questions: [MemoryBucket.Question])>((nil, []))

  @Sendable func fault(_ question: MemoryBucket.Question) -> BucketServer.Fault? {
    state.withLock { state in
      guard question.method == state.method else { return nil }
      state.questions.append(question)
      return .lostQuestion
    }
  }

  /// Keeps back what has this method while the closure runs.
  ///
  /// - Returns: why that failed.
  func hold(_ method: String, _ body: () async throws -> Void) async throws -> StoreError.Code? {
    state.withLock { $0.method = method }
    defer { state.withLock { $0.method = nil } }
    return try await failure(body).code
  }

  /// Delivers all that was kept back, in the order in which it was sent.
  func deliver(to bucket: MemoryBucket) {
    for question in state.withLock({ $0.questions }) { _ = bucket.reply(to: question) }
  }
}
