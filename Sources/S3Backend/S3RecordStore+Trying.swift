import Consortium
import CanonicalEncoding
public import Ledger

extension S3RecordStore {
  /// Whether the server honours conditions, on an object of its own, which is removed again.
  ///
  /// - Throws: ``StoreError``; `unavailable` where it does not.
  func tryConditions(until deadline: ContinuousClock.Instant) async throws(StoreError) {
    let key = "\(names.prefix)conditions/\(UInt64.random(in: .min ... .max))"
    let first: [UInt8] = Array("first".utf8)
    func put(_ bytes: [UInt8], _ headers: [(String, String)]) async throws(StoreError) -> Bool {
      try await client.ask(
        .init(method: .put, key: key, headers: headers, body: bytes), until: deadline
      ).isDone
    }
    let isPut = try await put(first, [])
    // Refused each time, so it may be sent again.
    let isReplaced = try await put(Array("second".utf8), [("if-none-match", "*")])
    let isOverwritten = try await put(
      Array("third".utf8), [("if-match", "\"00000000000000000000000000000000\"")])
    let stored = try await client.ask(.init(method: .get, key: key, limit: 64), until: deadline)
    _ = try await client.ask(.init(method: .delete, key: key), until: deadline)
    guard isPut, !isReplaced, !isOverwritten, stored.body == first else {
      throw StoreError(
        .unavailable,
        "\(client.configuration.endpoint) does not honour If-None-Match and If-Match: nothing is kept there"
      )
    }
  }

  /// Puts, reads, lists and removes a record of a store's own, under a prefix that nobody else has.
  ///
  /// - Throws: ``StoreError``; `corrupted` if something else is read than was put.
  public func check() async throws(StoreError) {
    try await makeSure(until: deadline)
    let bytes = (0..<4096).map { _ in UInt8.random(in: .min ... .max) }
    let record = RecordName(
      hospital: "check", visit: Digest32(sha256: bytes), recordDigest: Digest32(sha256: [0] + bytes)
    )
    try await put([0: [1], 1: bytes], of: record)
    guard try await row(1, of: record) == bytes, try await records().contains(record) else {
      throw StoreError(.corrupted, "what was put is not what is read")
    }
    try await remove(record)
    let left = try await rowCount(of: record)
    guard left == 0, try await !records().contains(record) else {
      throw StoreError(.corrupted, "what was removed is still there")
    }
    _ = try await client.ask(.init(method: .delete, key: names.record(record)), until: deadline)
  }
}
