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

  /// Of each of those who were late, how often, and when last; no time for who has answered in time since.
  private let lapses = Mutex<[String: (count: UInt64, last: ContinuousClock.Instant?)]>([:])

  /// Questions of one peer to which an answer is remembered, and for how many times as long as is waited.
  private static let (lateLimit, lifetime) = (8, 20)
  /// Questions of one peer to which an answer has still to come.
  private static let openLimit = 2

  init(patience: Duration?) { self.patience = patience }

  /// How each of those has answered who were late.
  var lateness: [String: Lateness] {
    lapses.withLock { lapses in
      lapses.mapValues { Lateness(count: $0.count, isLate: $0.last != nil) }
    }
  }

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
      noteLate(peer)
      throw Self.isLate(peer)
    }
    guard let reply = answer as? Result<Reply, any Error> else { throw Self.isLate(peer) }
    if Self.isOfPeer(reply) { noteTimely(peer, patience) }
    return try reply.get()
  }

  private func noteLate(_ peer: String) {
    lapses.withLock { lapses in
      lapses[peer] = (count: (lapses[peer]?.count ?? 0) &+ 1, last: .now)
    }
  }

  /// Who is late now and then stays late until it was not for a while: nobody is told of each answer.
  private func noteTimely(_ peer: String, _ patience: Duration) {
    lapses.withLock { lapses in
      guard let last = lapses[peer]?.last, last.duration(to: .now) > patience * Self.lifetime
      else { return }
      lapses[peer]?.last = nil
    }
  }

  /// Whether it is the word of who was asked, be it a refusal: that the way there failed says nothing of when that
  /// answers.
  private static func isOfPeer<Reply>(_ result: Result<Reply, any Error>) -> Bool {
    switch result {
    case .success: true
    case .failure(let error as ConsortiumError): error.code != .unreachable
    case .failure: false
    }
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

/// How another member has answered what it was asked about the consortium chain: for who runs the role.
package struct Lateness: Sendable, Equatable {
  /// Questions that it has not answered in time.
  package let count: UInt64
  /// Whether it has not answered in time again since, for twenty times as long as is waited.
  package let isLate: Bool
}
