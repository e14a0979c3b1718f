import Foundation
package import Ledger

extension EtcdClient {
  /// A key with its value, as it was at some moment.
  package struct Entry: Sendable, Equatable {
    package let key: [UInt8]
    package let value: [UInt8]
    /// Of its last change; it only grows.
    package let revision: Int64
  }

  package struct Page: Sendable {
    package let entries: [Entry]
    package let hasMore: Bool
    /// Of the cluster.
    package let revision: Int64
  }

  /// That a key was changed last in this revision; 0: that there is none.
  package struct Condition: Sendable {
    package let key: [UInt8]
    package let revision: Int64

    package init(_ key: [UInt8], _ revision: Int64) { (self.key, self.revision) = (key, revision) }
  }

  package enum Change: Sendable {
    /// Goes with the lease, unless that is 0.
    case put([UInt8], [UInt8], lease: Int64 = 0)
    case delete([UInt8])
  }

  package enum Outcome: Sendable {
    case done(revision: Int64)
    /// A condition does not hold; with what stands under its keys, nil for none.
    /// An attempt before, of which nobody knows, may have been the reason: `isRepeated`.
    case refused([Entry?], revision: Int64, isRepeated: Bool)
  }

  /// The most changes of a transaction: etcd's own limit is 128 operations.
  package static let changeLimit = 100
  /// The most bytes of them: etcd's limit for a request is 1.5 MiB.
  package static let byteLimit = 1 << 20

  /// Keys from `key` on and before `end`, or one alone. Of a cluster that has a leader.
  ///
  /// - Throws: ``StoreError``
  package func range(
    _ key: [UInt8], end: [UInt8]? = nil, limit: Int = 0, revision: Int64 = 0,
    keysOnly: Bool = false, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> Page {
    let request = Self.range(key, end, limit, revision, keysOnly)
    let answer = try await send(
      "/v3/kv/range", request, GatewayMessages.RangeAnswer.self, until: deadline, isReading: true)
    return try Self.page(answer.body, revision)
  }

  /// The entries of some keys at one revision; nil for those that are not there.
  ///
  /// - Throws: ``StoreError``
  package func entries(
    _ keys: [[UInt8]], revision: Int64 = 0, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> (entries: [Entry?], revision: Int64) {
    let request = GatewayMessages.Transaction(
      compare: [],
      success: keys.map { .init(requestRange: Self.range($0, nil, 0, revision, false)) },
      failure: [])
    let answer = try await send(
      "/v3/kv/txn", request, GatewayMessages.TransactionAnswer.self, until: deadline,
      isReading: true)
    return (
      try Self.entries(answer.body, keys.count),
      revision == 0 ? try Self.revision(answer.body.header) : revision
    )
  }

  /// Makes all changes if all conditions hold, else none.
  ///
  /// - Throws: ``StoreError``; `outcomeUnknown`; `full` after which one more look says what became of it.
  package func commit(
    _ changes: [Change], if conditions: [Condition], until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> Outcome {
    let request = GatewayMessages.Transaction(
      compare: conditions.map { .init(key: Data($0.key), modRevision: "\($0.revision)") },
      success: changes.map { change in
        switch change {
        case .put(let key, let value, let lease):
          .init(
            requestPut: .init(
              key: Data(key), value: Data(value), lease: lease == 0 ? nil : "\(lease)"))
        case .delete(let key): .init(requestDeleteRange: .init(key: Data(key)))
        }
      },
      failure: conditions.map { .init(requestRange: Self.range($0.key, nil, 0, 0, false)) })
    let answer = try await send(
      "/v3/kv/txn", request, GatewayMessages.TransactionAnswer.self, until: deadline)
    let revision = try Self.revision(answer.body.header)
    if answer.body.succeeded == true { return .done(revision: revision) }
    return .refused(
      try Self.entries(answer.body, conditions.count), revision: revision,
      isRepeated: answer.isRepeated)
  }

  // MARK: Leases

  /// - Parameter seconds: after which it is over unless it is kept alive.
  /// - Returns: its number.
  /// - Throws: ``StoreError``; where the outcome is unknown, another is taken.
  package func grantLease(
    _ seconds: Int, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> Int64 {
    let answer = try await send(
      "/v3/lease/grant", GatewayMessages.LeaseGrant(lifetime: "\(seconds)"),
      GatewayMessages.LeaseAnswer.self, until: deadline, isReading: true)
    guard answer.body.id != 0 else { throw StoreError(.unavailable, "etcd gives no lease") }
    return answer.body.id
  }

  /// - Returns: whether the lease is still there.
  package func keepAlive(
    _ lease: Int64, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> Bool {
    let answer = try await send(
      "/v3/lease/keepalive", GatewayMessages.Lease(id: "\(lease)"),
      GatewayMessages.LeaseAnswer.self, until: deadline, isReading: true)
    return answer.body.lifetime > 0
  }

  // MARK: Form

  private static func range(
    _ key: [UInt8], _ end: [UInt8]?, _ limit: Int, _ revision: Int64, _ keysOnly: Bool
  ) -> GatewayMessages.Range {
    .init(
      key: Data(key), rangeEnd: end.map { Data($0) }, limit: limit == 0 ? nil : "\(limit)",
      revision: revision == 0 ? nil : "\(revision)", keysOnly: keysOnly ? true : nil)
  }

  private static func page(
    _ answer: GatewayMessages.RangeAnswer, _ revision: Int64
  ) throws(StoreError) -> Page {
    let entries = (answer.kvs ?? []).map {
      Entry(
        key: Array($0.key ?? Data()), value: Array($0.value ?? Data()),
        revision: $0.modRevision?.value ?? 0)
    }
    return Page(
      entries: entries, hasMore: answer.more == true,
      revision: revision == 0 ? try Self.revision(answer.header) : revision)
  }

  private static func entries(
    _ answer: GatewayMessages.TransactionAnswer, _ count: Int
  ) throws(StoreError) -> [Entry?] {
    let parts = answer.responses ?? []
    guard parts.count == count else {
      throw StoreError(.unavailable, "etcd answers \(parts.count) of \(count) questions")
    }
    return try parts.map { (part) throws(StoreError) in
      try part.responseRange.map { (answer) throws(StoreError) in try page(answer, 1) }?
        .entries.first
    }
  }

  private static func revision(_ header: GatewayMessages.Header?) throws(StoreError) -> Int64 {
    guard let revision = header?.revision?.value, revision > 0 else {
      throw StoreError(.unavailable, "etcd does not say its revision")
    }
    return revision
  }

  /// Behind all keys that begin with a prefix.
  package static func end(of prefix: [UInt8]) -> [UInt8] {
    var end = prefix
    // Prefixes end with a slash.
    if let last = end.popLast() { end.append(last + 1) }
    return end
  }
}
