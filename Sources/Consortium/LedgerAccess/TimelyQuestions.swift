import CanonicalEncoding
import EMRScheme
import Synchronization

/// Questions to others of which none keeps a role from all others: whoever does not answer two of them in time is
/// asked nothing else until it does, and what it says then is the answer to the same question when that is asked again.
final class TimelyQuestions: Sendable {
  /// For how long an answer is waited for; nil for as long as the courier does.
  let patience: Duration?
  /// Of each of those who were late, what was asked and has not been asked again since.
  private let late = Mutex<[String: [Late]]>([:])

  private struct Late: Sendable {
    let about: String
    let answer: PromisedAnswer
  }

  /// Questions of one peer to which an answer is remembered, and for how many times as long as is waited.
  private static let (lateLimit, lifetime) = (8, 20)
  /// Questions of one peer to which an answer has still to come.
  private static let openLimit = 2

  init(patience: Duration?) { self.patience = patience }

  /// Asks somebody.
  ///
  /// - Parameters:
  ///   - about: what it is that is asked, by which it is known when it is asked again.
  ///   - question: has an end of its own.
  /// - Throws: what the question throws; ``ConsortiumError`` `unreachable` for who is late.
  func ask<Reply: Sendable>(
    _ peer: String, _ about: String, isolation: isolated (any Actor)? = #isolation,
    _ question: @escaping @Sendable () async throws -> Reply
  ) async throws -> Reply {
    guard let patience else { return try await question() }
    if let answer = try come(from: peer, about, within: patience * Self.lifetime),
      let reply = answer as? Result<Reply, any Error>
    {
      return try reply.get()
    }
    let promised = PromisedAnswer()
    Task { promised.end(await Self.result(of: question)) }
    guard let answer = await promised.wait(for: patience) else {
      late.withLock { late in
        // Who has become late in several questions at once is asked again when all are over.
        late[peer, default: []].append(Late(about: about, answer: promised))
        if let count = late[peer]?.count, count > Self.lateLimit { late[peer]?.removeFirst() }
      }
      throw Self.isLate(peer)
    }
    guard let reply = answer as? Result<Reply, any Error> else { throw Self.isLate(peer) }
    return try reply.get()
  }

  /// What has come late of a peer as the answer to this question. What came long ago says nothing of now, and is
  /// forgotten.
  ///
  /// - Throws: while an answer has still to come to this question, or to several others.
  private func come(
    from peer: String, _ about: String, within lifetime: Duration
  ) throws -> (any Sendable)? {
    try late.withLock { late in
      var known = late[peer] ?? []
      known.removeAll { late in
        late.answer.arrival.map { $0.duration(to: .now) > lifetime } ?? false
      }
      defer { late[peer] = known.isEmpty ? nil : known }
      let open = known.filter { $0.answer.now == nil }
      // One long answer keeps nobody from short ones; whoever answers nothing is asked two things.
      guard open.count < Self.openLimit, !open.contains(where: { $0.about == about }) else {
        throw Self.isLate(peer)
      }
      guard let index = known.firstIndex(where: { $0.about == about }) else { return nil }
      return known.remove(at: index).answer.now
    }
  }

  private static func result<Reply: Sendable>(
    of question: @Sendable () async throws -> Reply
  ) async -> Result<Reply, any Error> {
    do { return .success(try await question()) } catch { return .failure(error) }
  }

  private static func isLate(_ peer: String) -> ConsortiumError {
    ConsortiumError(.unreachable, "\(peer) does not answer in time")
  }
}

/// An answer that comes, or does not come in time.
private final class PromisedAnswer: Sendable {
  private struct State {
    var answer: (any Sendable)?
    var arrival: ContinuousClock.Instant?
    var waiter: CheckedContinuation<(any Sendable)?, Never>?
  }

  private let state = Mutex(State())

  /// nil while it has not come.
  var now: (any Sendable)? { state.withLock { $0.answer } }
  /// When it came.
  var arrival: ContinuousClock.Instant? { state.withLock { $0.arrival } }

  func end(_ answer: any Sendable) {
    let waiter = state.withLock { state in
      defer { (state.answer, state.arrival, state.waiter) = (answer, .now, nil) }
      return state.waiter
    }
    waiter?.resume(returning: answer)
  }

  /// - Returns: nil if it has not come in this time.
  func wait(for time: Duration) async -> (any Sendable)? {
    let timer = Task {
      guard (try? await Task.sleep(for: time)) != nil else { return }
      let waiter = state.withLock { state in
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume(returning: nil)
    }
    defer { timer.cancel() }
    return await withCheckedContinuation { continuation in
      let answer = state.withLock { state in
        if state.answer == nil { state.waiter = continuation }
        return state.answer
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }
}
