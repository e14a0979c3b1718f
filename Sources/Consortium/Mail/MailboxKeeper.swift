import CanonicalEncoding
import EMRScheme
import Ledger

/// A role that keeps mailboxes for others: a hospital for its doctors.
public protocol MailboxKeeper: Sendable {
  /// What takes messages for somebody who has a mailbox here.
  ///
  /// - Parameter keeping: whether what nobody fetches is kept; a role of this machine tries again by itself.
  /// - Returns: nil for who has none.
  func mailbox(of recipient: String, keeping: Bool) async -> (any Endpoint)?
}

/// The mailbox of a doctor, as the network sees it.
private struct DoctorMailbox: Endpoint {
  let mailboxes: Mailboxes
  let doctor: String
  let keeping: Mailboxes.Keeping
  let clock: @Sendable () -> UInt64

  func receive(_ bytes: [UInt8], from sender: String) async -> [UInt8] {
    if FieldDecoder.leadingText(of: .message, in: bytes, maximum: 64) == FetchEnvelopeKey.name {
      return await envelopeKey()
    }
    switch await mailboxes.deliver(bytes, to: doctor, from: .address(sender), keeping: keeping) {
    case .answer(let answer): return answer
    case .kept: return Self.refusal(.waiting)
    case .refused(let error): return Self.refusal(error.code)
    }
  }

  /// The key that the doctor's program has brought last: it bears the doctor's signature.
  private func envelopeKey() async -> [UInt8] {
    do {
      guard let statement = try await mailboxes.shown(by: doctor),
        statement.object.counts(at: clock())
      else { return Self.refusal(.unreachable) }
      return ReplyMessage(.success(statement)).encoded()
    } catch {
      return Self.refusal(.unavailable)
    }
  }

  private static func refusal(_ code: ConsortiumError.Code) -> [UInt8] {
    ReplyMessage<Done>(.failure(ConsortiumError(code, "the mailbox has no answer"))).encoded()
  }
}

/// A hospital keeps the mailboxes of its doctors.
extension HospitalServer: MailboxKeeper {
  package nonisolated func mailbox(of recipient: String, keeping: Bool) async -> (any Endpoint)? {
    guard let mailboxes, await hasDoctor(recipient) else { return nil }
    return DoctorMailbox(
      mailboxes: mailboxes, doctor: recipient, keeping: keeping ? .message : .nothing,
      clock: inbox.clock)
  }

  /// Whether somebody is registered as a doctor of this hospital, by the last final block.
  private nonisolated func hasDoctor(_ id: String) async -> Bool {
    let record = try? await node.consortium.finalDoctor(id)
    return record?.statement.hospital == self.id
  }

  /// What waits for a doctor of this hospital, who asks.
  func fetch(_ request: FetchMail, by author: Principal?) async throws -> MailBundle {
    let (mailboxes, doctor) = try await mailbox(request, author)
    // One that is not the doctor's own, or counts no more, is no reason to keep anything back.
    if let shown = request.envelopeKey, case let key = shown.object, key.owner == doctor,
      key.genesis == inbox.genesis, key.counts(at: inbox.clock()),
      let identity = try await node.consortium.finalDoctor(doctor)?.identityKey,
      (try? shown.verified(by: identity)) != nil
    {
      try await mailboxes.note(shown, of: doctor)
    }
    return try await mailboxes.fetch(doctor, waiting: request.waiting)
  }

  /// A doctor's answer, for who waits for it, and what comes next.
  func answerMail(_ request: AnswerMail, by author: Principal?) async throws -> MailBundle {
    let (mailboxes, doctor) = try await mailbox(request, author)
    try await mailboxes.answer(request.message, for: doctor, request.answer)
    guard let next = request.next else { return MailBundle([]) }
    return try await fetch(next, by: author)
  }

  /// The mailbox that an author may open: a doctor's own.
  private func mailbox(
    _ request: some MailRequest, _ author: Principal?
  ) async throws -> (Mailboxes, String) {
    let name = try request.mailbox(of: author)
    guard let mailboxes, author == .party(name), await hasDoctor(name) else {
      throw ConsortiumError(.notEntitled, "\(name) has no mailbox here")
    }
    return (mailboxes, name)
  }
}

/// The manager keeps what it sends to addresses of patients itself, and takes nothing for them from others.
extension SystemManager {
  /// Hands a request to a patient, or has it wait: what a doctor is told then counts after a restart too.
  func forward(_ request: Signed<AccessRequest>) async throws -> Done {
    let (address, forwarded) = (request.object.address, ForwardAccessRequest(request: request))
    guard let mailboxes else {
      return try await node.ask(sealed: forwarded, of: address.contact)
    }
    let subject = request.object.digest
    let hospitals = try await node.members.hospitals.count
    if await mailboxes.holds(subject, for: address.id) { return Done() }
    do {
      return try await node.ask(
        sealed: forwarded, of: address.contact,
        over: AddressCourier(
          mailboxes: mailboxes,
          source: .doctor(
            request.object.doctor, of: request.object.hospital, among: hospitals),
          subject: subject, key: address.signingKey))
    } catch let error as ConsortiumError where error.code == .waiting {
      guard await mailboxes.holds(subject, for: address.id) else {
        throw ConsortiumError(.unreachable, "nobody is at this address")
      }
      return Done()
    }
  }

  /// What waits for the patient who has the keys of an address, and asks with them.
  func fetch(_ request: FetchMail, by author: Principal?) async throws -> MailBundle {
    let (mailboxes, address) = try mailbox(request, author)
    return try await mailboxes.fetch(address, waiting: request.waiting)
  }

  /// A patient's answer, and what comes next.
  func answerMail(_ request: AnswerMail, by author: Principal?) async throws -> MailBundle {
    let (mailboxes, address) = try mailbox(request, author)
    try await mailboxes.answer(request.message, for: address, request.answer)
    guard let next = request.next else { return MailBundle([]) }
    return try await fetch(next, by: author)
  }

  private func mailbox(
    _ request: some MailRequest, _ author: Principal?
  ) throws -> (Mailboxes, String) {
    let name = try request.mailbox(of: author)
    guard let mailboxes, case .key = author else {
      throw ConsortiumError(.notEntitled, "\(name) has no mailbox here")
    }
    return (mailboxes, name)
  }
}

/// To the mailbox of one address, for one doctor's request.
private struct AddressCourier: Courier {
  let mailboxes: Mailboxes
  let source: Mailboxes.Source
  let subject: Digest32
  let key: [UInt8]

  func send(
    _ request: [UInt8], from sender: String, to recipient: String
  ) async throws(ConsortiumError) -> [UInt8] {
    switch await mailboxes.deliver(
      request, to: recipient, from: source, keeping: .promised(subject: subject, key: key))
    {
    case .answer(let answer): return answer
    case .kept: throw ConsortiumError(.waiting, "it waits for the patient")
    case .refused(let error): throw error
    }
  }
}
