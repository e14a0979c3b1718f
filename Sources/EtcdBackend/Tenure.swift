public import CanonicalEncoding
import Foundation
public import Ledger
import Synchronization

extension ErrorCode<StoreError> {
  /// Another machine writes now: nothing that this one wrote since was taken, nor will be.
  public static var deposed: Self { Self("deposed") }
}

/// That this machine is the one of its hospital that writes.
///
/// A key of etcd says which machine it is and its term, which grows by one each time another takes it. Every write
/// of every shared store compares the revision of that key in the same transaction, so of two machines that both
/// believe to be the writer, one is, and the other's writes are refused. Neither clocks nor leases are trusted for
/// that: a lease only says when somebody else may try.
public final class Tenure: Sendable {
  /// Who holds the tenure, as the key says it.
  public struct Holder: Sendable, Equatable {
    /// From 1.
    public let term: UInt64
    /// The name of the machine.
    public let name: String
    /// Drawn for each tenure.
    let nonce: [UInt8]

    private static let magic = Array("BCEMRT\u{1}".utf8)

    var bytes: [UInt8] {
      var writer = ByteWriter(Self.magic)
      writer.integer(term)
      writer.raw(nonce)
      writer.counted(Array(name.utf8))
      return writer.bytes
    }

    init(term: UInt64, name: String, nonce: [UInt8]) {
      (self.term, self.name, self.nonce) = (term, name, nonce)
    }

    init?(_ bytes: [UInt8]) {
      var reader = ByteReader(bytes)
      guard reader.raw(Self.magic.count) == Self.magic, let term: UInt64 = reader.integer(),
        let nonce = reader.raw(16), let name = reader.counted(), name.count <= 64, reader.isAtEnd,
        let text = String(validating: name, as: UTF8.self)
      else { return nil }
      self.init(term: term, name: text, nonce: nonce)
    }
  }

  public let holder: Holder
  let engine: SharedEngine
  /// Of the key, while it says that this is the writer.
  let revision: Int64
  private let lifetime: Int
  private let state: Mutex<State>

  private struct State {
    var lease: Int64
    /// When etcd has last said that this is the writer.
    var heard = ContinuousClock.now
    /// Why the tenure is over; nil while it is not known to be.
    var loss: StoreError?
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private init(
    _ holder: Holder, _ engine: SharedEngine, revision: Int64, lease: Int64, lifetime: Int
  ) {
    (self.holder, self.engine, self.revision) = (holder, engine, revision)
    self.lifetime = lifetime
    state = Mutex(State(lease: lease))
  }

  static func key(_ engine: SharedEngine) -> [UInt8] { engine.key("tenure") }
  private static func livenessKey(_ engine: SharedEngine) -> [UInt8] { engine.key("alive") }

  /// What a transaction has to compare.
  var condition: EtcdClient.Condition { .init(Self.key(engine), revision) }

  // MARK: Taking it

  /// What became of trying to take it.
  public enum Attempt: Sendable {
    case taken(Tenure)
    /// This machine holds it, and was heard of within the lifetime of its lease.
    case held(by: Holder)
  }

  /// Takes the tenure, unless its holder is alive.
  ///
  /// - Parameters:
  ///   - name: of this machine, 1 to 64 bytes.
  ///   - lifetime: for how many seconds the holder counts as alive after it was heard of last.
  /// - Throws: ``StoreError``
  public static func take(
    _ engine: SharedEngine, name: String, lifetime: Int = 5
  ) async throws(StoreError) -> Attempt {
    let etcd = engine.etcd
    let (key, livenessKey) = (key(engine), livenessKey(engine))
    let deadline = etcd.deadline
    let found = try await etcd.entries([key, livenessKey], until: deadline).entries
    var term: UInt64 = 0
    if let entry = found[0] {
      guard let holder = Holder(entry.value) else {
        throw StoreError(.corrupted, "etcd: \(String(decoding: key, as: UTF8.self)) is no tenure")
      }
      if found[1] != nil { return .held(by: holder) }
      term = holder.term
    }
    guard term < .max else { throw StoreError(.corrupted, "etcd: there is no term after this one") }
    let own = Holder(
      term: term + 1, name: String(name.prefix(64)),
      nonce: (0..<16).map { _ in UInt8.random(in: .min ... .max) })
    let lease = try await etcd.grantLease(lifetime, until: deadline)
    let outcome = try await etcd.commit(
      [.put(key, own.bytes), .put(livenessKey, own.nonce, lease: lease)],
      if: [.init(key, found[0]?.revision ?? 0), .init(livenessKey, 0)], until: deadline)
    switch outcome {
    case .done(let revision):
      return .taken(
        Tenure(own, engine, revision: revision, lease: lease, lifetime: lifetime))
    case .refused(let present, _, _):
      // It may have been an attempt of ours that was carried out.
      if let entry = present[0], entry.value == own.bytes {
        return .taken(
          Tenure(own, engine, revision: entry.revision, lease: lease, lifetime: lifetime))
      }
      guard let holder = (present[0]?.value).flatMap(Holder.init) else {
        throw StoreError(.conflict, "etcd: the tenure is being taken")
      }
      return .held(by: holder)
    }
  }

  /// Who holds it; nil before anybody has.
  ///
  /// - Throws: ``StoreError``
  public static func present(_ engine: SharedEngine) async throws(StoreError) -> Holder? {
    try await engine.etcd.range(key(engine), until: engine.etcd.deadline)
      .entries.first.flatMap { Holder($0.value) }
  }

  // MARK: Keeping it

  /// Why it is over; nil while it is not known to be.
  public var loss: StoreError? { state.withLock { $0.loss } }

  /// For how long etcd has not said that this is the writer, if that is longer than its lease lives: another may
  /// have taken over.
  public var silence: Duration? {
    let age = ContinuousClock.now - state.withLock(\.heard)
    return age > .seconds(lifetime) ? age : nil
  }

  /// Notes that somebody else writes.
  func lose(to holder: Holder?) -> StoreError {
    let error = StoreError(
      .deposed,
      "term \(self.holder.term) of \(self.holder.name) is over: "
        + (holder.map { "\($0.name) writes in term \($0.term)" } ?? "the tenure is gone"))
    end(error)
    return error
  }

  private func end(_ reason: StoreError) {
    let waiting = state.withLock { state in
      state.loss = state.loss ?? reason
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Says that this machine is alive, until it is over or the task is cancelled.
  ///
  /// It runs on threads of its own, so that a daemon all of whose others wait for etcd stays alive.
  public func keep() async {
    let pause = Duration.milliseconds(lifetime * 1000 / 4)
    await withTaskExecutorPreference(EngineThreads.shared) {
      while !Task.isCancelled, loss == nil {
        try? await Task.sleep(for: pause)
        guard !Task.isCancelled else { return }
        // Whoever does not reach etcd tries again; whether it may write, the next write tells.
        do throws(StoreError) { try await renew() } catch {}
      }
    }
  }

  private func renew() async throws(StoreError) {
    let etcd = engine.etcd
    let deadline = ContinuousClock.now.advanced(by: .seconds(lifetime))
    let (key, livenessKey) = (Self.key(engine), Self.livenessKey(engine))
    let found = try await etcd.entries([key, livenessKey], until: deadline).entries
    guard found[0]?.revision == revision else {
      _ = lose(to: (found[0]?.value).flatMap(Holder.init))
      return
    }
    state.withLock { $0.heard = ContinuousClock.now }
    if found[1] != nil, try await etcd.keepAlive(state.withLock({ $0.lease }), until: deadline) {
      return
    }
    // It was away for longer, and nobody has come meanwhile.
    let lease = try await etcd.grantLease(lifetime, until: deadline)
    let outcome = try await etcd.commit(
      [.put(livenessKey, holder.nonce, lease: lease)], if: [condition], until: deadline)
    if case .done = outcome { state.withLock { $0.lease = lease } }
  }

  /// Waits until it is known to be over, or the task is cancelled.
  public func untilLost() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.loss != nil || Task.isCancelled { return true }
          state.waiting.append(continuation)
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      let waiting = state.withLock { state in
        defer { state.waiting = [] }
        return state.waiting
      }
      for continuation in waiting { continuation.resume() }
    }
  }

  /// Lets another take it at once. The last thing that is done: nothing is written after.
  public func release() async {
    end(StoreError(.deposed, "term \(holder.term) of \(holder.name) is over: it was let go"))
    let etcd = engine.etcd
    let deadline = ContinuousClock.now.advanced(by: .seconds(lifetime))
    _ = try? await etcd.commit(
      [.delete(Self.livenessKey(engine))], if: [condition], until: deadline)
  }

  // MARK: Writing

  /// Makes changes in one transaction, if this machine is the writer and a store's head is as it was read, and
  /// moves the head.
  ///
  /// - Parameters:
  ///   - head: with a value that no other move has.
  ///   - revision: of the head as it was read; 0 if there was none.
  /// - Returns: the revision of the new head.
  /// - Throws: ``StoreError``; `conflict` if the head was another, `deposed`, `outcomeUnknown`, `full`.
  func move(
    _ head: [UInt8], from revision: Int64, to value: [UInt8], _ changes: [EtcdClient.Change] = []
  ) async throws(StoreError) -> Int64 {
    if let loss { throw loss }
    let etcd = engine.etcd
    let deadline = etcd.deadline
    let outcome: EtcdClient.Outcome
    do throws(StoreError) {
      outcome = try await etcd.commit(
        [.put(head, value)] + changes, if: [condition, .init(head, revision)], until: deadline)
    } catch {
      // What crosses the end of the space is carried out and refused all the same.
      if [.full, .outcomeUnknown].contains(error.code),
        let entry = try? await etcd.range(head, until: etcd.deadline).entries.first,
        entry.value == value
      {
        return entry.revision
      }
      throw error
    }
    switch outcome {
    case .done(let revision): return revision
    case .refused(let present, _, let isRepeated):
      if let entry = present[1], entry.value == value { return entry.revision }
      guard present[0]?.revision == self.revision else {
        throw lose(to: (present[0]?.value).flatMap(Holder.init))
      }
      let name = String(decoding: head, as: UTF8.self)
      if isRepeated, let entry = present[1],
        await !wasPassed(head, from: revision, to: entry, deadline, value)
      {
        throw StoreError(.outcomeUnknown, "etcd: \(name) was moved, perhaps by this write")
      }
      throw StoreError(.conflict, "etcd: \(name) was moved by another")
    }
  }

  /// Whether all moves of a head since a revision are known, and none is the one to `value`.
  private func wasPassed(
    _ head: [UInt8], from revision: Int64, to present: EtcdClient.Entry,
    _ deadline: ContinuousClock.Instant, _ value: [UInt8]
  ) async -> Bool {
    var entry = present
    // Two that are open on one machine: few moves lie between.
    for _ in 0..<16 {
      if entry.value == value { return false }
      guard entry.revision > revision else { return entry.revision == revision }
      // What was compacted meanwhile is not known.
      guard
        let page = try? await engine.etcd.range(
          head, revision: entry.revision - 1, until: deadline)
      else { return false }
      guard let former = page.entries.first else { return revision == 0 }
      entry = former
    }
    return false
  }
}
