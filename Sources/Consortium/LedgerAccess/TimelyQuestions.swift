import CanonicalEncoding
import EMRScheme
import Synchronization

/// Questions to others of which none keeps a role from all others: whoever does not answer in time is asked nothing
/// else until it does, and what it says then is the answer to the same question when that is asked again.
final class TimelyQuestions: Sendable {
  /// For how long an answer is waited for; nil for as long as the courier does.
  let patience: Duration?
  /// Of each of those who are late.
  private let late = Mutex<[String: Late]>([:])

  private struct Late: Sendable {
    let about: String
    let answer: PromisedAnswer
  }

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
    if let late = late.withLock({ $0[peer] }) {
      guard let answer = late.answer.now else { throw Self.isLate(peer) }
      self.late.withLock { $0[peer] = nil }
      if late.about == about, let reply = answer as? Result<Reply, any Error> {
        return try reply.get()
      }
    }
    let promised = PromisedAnswer()
    Task { promised.end(await Self.result(of: question)) }
    guard let answer = await promised.wait(for: patience) else {
      // Who has become late in two questions at once is asked again when the later one is over.
      late.withLock { $0[peer] = Late(about: about, answer: promised) }
      throw Self.isLate(peer)
    }
    guard let reply = answer as? Result<Reply, any Error> else { throw Self.isLate(peer) }
    return try reply.get()
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
    var waiter: CheckedContinuation<(any Sendable)?, Never>?
  }

  private let state = Mutex(State())

  /// nil while it has not come.
  var now: (any Sendable)? { state.withLock { $0.answer } }

  func end(_ answer: any Sendable) {
    let waiter = state.withLock { state in
      defer { (state.answer, state.waiter) = (answer, nil) }
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
