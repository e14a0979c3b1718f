import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Synchronization

/// The answers that a program has given to messages from a mailbox, until the mailbox has them: a message
/// that is fetched twice, since an answer was lost, is answered as before, and nothing is done twice.
final class MailAnswers: Sendable {
  /// How many bytes of answers are remembered; then all are forgotten, and such a message is `repeated`.
  private static let limit = 1 << 23

  private struct State {
    var answers: [Digest32: [UInt8]] = [:]
    var byteCount = 0
  }

  private let state = Mutex(State())

  func answer(_ message: Digest32) -> [UInt8]? { state.withLock { $0.answers[message] } }

  func note(_ answer: [UInt8], to message: Digest32) {
    state.withLock { state in
      if state.byteCount + answer.count > Self.limit { state = State() }
      state.answers[message] = answer
      state.byteCount += answer.count
    }
  }

  func forget(_ message: Digest32) {
    state.withLock { state in
      state.byteCount -= state.answers.removeValue(forKey: message)?.count ?? 0
    }
  }
}

/// Of many, who is the last.
private final class Countdown: Sendable {
  private let left: Mutex<Int>

  init(_ count: Int) { left = Mutex(count) }

  func isOverWithThis() -> Bool {
    left.withLock { left in
      left -= 1
      return left == 0
    }
  }
}

/// What may go well later: others do not answer, or this program's disk is full.
private let passingFailures: Set<ConsortiumError.Code> = [.unreachable, .busy, .unavailable]

/// What came of one of several messages.
private enum MailOutcome: Sendable {
  /// The answer has arrived, and may have brought the next bundle.
  case brought(MailBundle?)
  /// It cannot be answered for now, or the answer has not arrived.
  case kept(any Error)
  /// Who its author is would have to be asked, as of others among them.
  case unasked(MailMessage)
}

extension RoleEndpoint {
  /// Answers what was fetched, each by itself: one that takes long, or whose answer does not arrive, keeps none of
  /// the others back.
  ///
  /// - Parameter bring: takes an answer to where the message was. The last one may bring the next bundle with it.
  /// - Returns: how many answers have arrived, and that bundle.
  /// - Throws: why none has.
  nonisolated func answered(
    _ bundle: MailBundle, _ answers: MailAnswers,
    bringing bring:
      @escaping @Sendable (_ message: Digest32, _ answer: [UInt8], _ isLast: Bool) async throws
      -> MailBundle?
  ) async throws -> (count: Int, next: MailBundle?) {
    let open = Countdown(bundle.messages.count)
    let began = inbox.admittance.moment()
    var (count, next, failure): (Int, MailBundle?, (any Error)?) = (0, nil, nil)
    var messages = bundle.messages
    // What has come for one author by the first look serves the second look at all others.
    for isSecondLook in [false, true] {
      var unasked: [MailMessage] = []
      await withTaskGroup(of: MailOutcome.self) { group in
        for mail in messages {
          group.addTask {
            let digest = Digest32(sha256: mail.bytes)
            let answer = await self.answer(
              to: mail, digest, answers, isSecondLook: isSecondLook, since: began)
            guard let answer else { return .unasked(mail) }
            let isLast = open.isOverWithThis()
            do {
              let next = try await bring(digest, try answer.get(), isLast)
              answers.forget(digest)
              return .brought(next)
            } catch {
              return .kept(error)
            }
          }
        }
        for await outcome in group {
          switch outcome {
          case .brought(let bundle):
            count += 1
            next = next ?? bundle
          case .kept(let error): failure = failure ?? error
          case .unasked(let mail): unasked.append(mail)
          }
        }
      }
      messages = unasked
    }
    if count == 0, let failure { throw failure }
    return (count, next)
  }

  /// - Returns: nil for what is to be looked at once more.
  private nonisolated func answer(
    to mail: MailMessage, _ digest: Digest32, _ answers: MailAnswers, isSecondLook: Bool,
    since began: UInt64
  ) async -> Result<[UInt8], ConsortiumError>? {
    if let known = answers.answer(digest) { return .success(known) }
    var reply = await self.reply(to: mail.bytes, from: "\(Digest32(sha256: mail.source))")
    if let subject = reply.unasked {
      if !isSecondLook { return nil }
      // Whoever the author is, it is nobody by what was asked for since this message was fetched.
      let isKnown = inbox.admittance.hasLearned(subject, after: began)
      if isKnown {
        reply = MessageReply(bytes: Self.unknownAuthor)
      }
    }
    // Of what failed for now nothing is said: it stays where it is, and is taken again.
    if let code = reply.failure, passingFailures.contains(code) {
      inbox.recent.forget(digest)
      inbox.recentOfKeys.forget(digest)
      return .failure(ConsortiumError(code, "a message cannot be answered yet: it is kept"))
    }
    answers.note(reply.bytes, to: digest)
    return .success(reply.bytes)
  }

  private static var unknownAuthor: [UInt8] {
    ReplyMessage<Done>(
      .failure(ConsortiumError(.unauthenticated, "the request is not by who may make it"))
    ).encoded()
  }
}

extension Doctor {
  /// Answers what has come to this doctor's mailbox at the hospital: what others send is taken when this is
  /// called. While nobody calls it, messages wait there for seven days, but those of the hospital itself, which
  /// tries again; and a group key is agreed on only while the programs of the whole team call it.
  ///
  /// - Parameter seconds: for how many seconds to wait for a message where there is none; at most 25.
  /// - Returns: how many messages were answered. They are the oldest: there may be more.
  /// - Throws: what kept the mailbox from being read, as ``ConsortiumError`` `unreachable`; it can be called
  ///   again, and nothing is lost.
  public func readMail(waiting seconds: UInt64 = 0) async throws -> Int {
    let bundle = try await ask(fetching(seconds), of: hospital)
    return try await answered(bundle, mailAnswers) { message, answer, _ in
      _ = try await self.ask(AnswerMail(message: message, answer: answer), of: self.hospital)
      return nil
    }.count
  }

  /// Answers what comes to this doctor's mailbox, until the task is cancelled: as ``readMail(waiting:)`` again and
  /// again, but an answer asks for the next message.
  ///
  /// - Parameters:
  ///   - seconds: for how long each question waits where there is no message; at least 1.
  ///   - told: told after each question how many messages were taken, before the last of them is answered.
  /// - Throws: as ``readMail(waiting:)``; `CancellationError`.
  public func keepReadingMail(
    waiting seconds: UInt64, _ told: @escaping @Sendable (_ count: Int) async -> Void
  ) async throws {
    var known: MailBundle?
    while true {
      try Task.checkCancellation()
      var bundle = known
      if bundle == nil { bundle = try await ask(fetching(seconds), of: hospital) }
      guard let bundle, !bundle.messages.isEmpty else {
        await told(0)
        known = nil
        continue
      }
      known = try await answered(bundle, mailAnswers) { message, answer, isLast in
        if isLast { await told(bundle.messages.count) }
        let next = isLast ? try await self.fetching(seconds) : nil
        return try await self.ask(
          AnswerMail(message: message, answer: answer, next: next), of: self.hospital)
      }.next
    }
  }

  private func fetching(_ seconds: UInt64) throws -> FetchMail {
    FetchMail(waiting: seconds, envelopeKey: try envelopeKeys.statement(by: keys.identity))
  }
}

extension Patient {
  /// At how many addresses, the newest ones, it is waited for messages at once.
  private static let waitingLimit = 8

  /// Answers what has come to the mailboxes of all addresses of this patient, which the manager keeps: messages
  /// wait there for seven days.
  ///
  /// The manager learns which addresses are asked for at one time from one place.
  /// - Parameter seconds: for how many seconds to wait for a message where there is none; at most 25.
  /// - Returns: how many messages were answered. They are the oldest: there may be more.
  /// - Throws: what kept all mailboxes from being read, as ``ConsortiumError`` `unreachable`; it can be called
  ///   again, and nothing is lost.
  public func readMail(waiting seconds: UInt64 = 0) async throws -> Int {
    let addresses = try newestAddresses()
    if addresses.isEmpty {
      // As if the answer came: whoever calls this in turn does not call it without end.
      try? await Task.sleep(for: .seconds(min(seconds, FetchMail.longestWait)))
      return 0
    }
    let count = try await readMail(at: addresses, waiting: 0)
    if count > 0 || seconds == 0 { return count }
    return try await readMail(at: Array(addresses.prefix(Self.waitingLimit)), waiting: seconds)
  }

  private func readMail(at addresses: [PatientAddressKeys], waiting seconds: UInt64) async throws
    -> Int
  {
    let manager = await client.currentMembers().manager.id
    let (client, answers) = (client, mailAnswers)
    let results = await withTaskGroup(of: Result<Int, any Error>.self) { group in
      var results: [Result<Int, any Error>] = []
      for (index, keys) in addresses.enumerated() {
        if index >= Self.waitingLimit, let result = await group.next() { results.append(result) }
        group.addTask {
          let author = Author(.key(keys.signing.publicKey), keys.signing)
          let agreementKey = keys.agreement.publicKey
          do {
            let bundle = try await client.ask(
              FetchMail(waiting: seconds, agreementKey: agreementKey), of: manager, by: [author])
            return .success(
              try await self.answered(bundle, answers) { message, answer, _ in
                _ = try await client.ask(
                  AnswerMail(agreementKey: agreementKey, message: message, answer: answer),
                  of: manager, by: [author])
                return nil
              }.count)
          } catch {
            return .failure(error)
          }
        }
      }
      for await result in group { results.append(result) }
      return results
    }
    let counts = results.compactMap { try? $0.get() }
    // The first says why no mailbox was read.
    if counts.isEmpty { return try results.first?.get() ?? 0 }
    return counts.reduce(0, +)
  }

  /// The keys of all addresses, the newest first as far as this program has made them.
  private func newestAddresses() throws -> [PatientAddressKeys] {
    let known = try Self.addresses(store)
    let made = madeAddresses.filter(known.contains)
    return try (made.reversed() + known.filter { !made.contains($0) }).compactMap(addressKeys)
  }
}
