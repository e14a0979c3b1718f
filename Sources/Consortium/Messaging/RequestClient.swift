package import CanonicalEncoding
import Credentials
import Crypto
import EMRScheme
import Ledger

/// Whom a request is sealed to.
package struct Contact: Sendable, Equatable {
  package let id: String
  /// X25519: of this week (``EnvelopeKey``), or of a patient's address.
  package let agreementKey: [UInt8]

  package init(id: String, agreementKey: [UInt8]) {
    (self.id, self.agreementKey) = (id, agreementKey)
  }
}

/// Where a role finds the keys of others.
package protocol Contacts: Sendable {
  /// - Parameter isRenewed: whether to ask for what is newer.
  /// - Throws: ``ConsortiumError`` `unreachable` if there is nobody of this name.
  func contact(_ id: String, isRenewed: Bool) async throws -> Contact
}

/// A role's way to the others.
package struct RequestClient: Sendable {
  let courier: any Courier
  /// Where an answer goes.
  let sender: String

  package init(courier: any Courier, sender: String) {
    (self.courier, self.sender) = (courier, sender)
  }

  /// Sends a request that is not sealed, and decodes its reply.
  ///
  /// - Throws: ``ConsortiumError``, the recipient's own or one of the way there.
  package func ask<Request: RoleRequest>(
    _ request: Request, of recipient: String
  ) async throws -> Request.Reply {
    let bytes = try await courier.send(
      Message(request).encoded(), from: sender, to: recipient)
    return try Self.reply(bytes, to: Request.self, recipient).get()
  }

  /// The same of what is signed by nobody as a whole: an error, and what cannot be read, is the word of anybody on
  /// the way, and no more than that there was no answer.
  ///
  /// - Throws: ``ConsortiumError`` `unreachable`.
  func askBare<Request: RoleRequest>(
    _ request: Request, of recipient: String
  ) async throws -> Request.Reply {
    do {
      return try await ask(request, of: recipient)
    } catch {
      throw ConsortiumError(
        .unreachable,
        "\(recipient), or somebody on the way, refuses: \(ConsortiumError(error).code)")
    }
  }

  static func reply<Request: RoleRequest>(
    _ bytes: [UInt8], to type: Request.Type, _ recipient: String
  ) throws -> Result<Request.Reply, ConsortiumError> {
    let limit = RequestTable.byName[type.name]?.answerLimit ?? 0
    guard bytes.count <= limit + ReplyMessage<Done>.errorByteCount else {
      throw ConsortiumError(.tooLarge, "the reply of \(recipient) has \(bytes.count) bytes")
    }
    do {
      return try ReplyMessage<Request.Reply>(encoded: bytes).result
    } catch {
      throw ConsortiumError(.malformed, "the reply of \(recipient): \(error.message)")
    }
  }
}

/// A role's way to others in envelopes: nobody between them reads, changes or invents anything.
package struct SealedRequestClient: Sendable {
  let genesis: Digest32
  let requests: RequestClient
  let contacts: any Contacts
  /// Seconds since 1970.
  let clock: @Sendable () -> UInt64

  package init(
    genesis: Digest32, requests: RequestClient, contacts: any Contacts,
    clock: @escaping @Sendable () -> UInt64
  ) {
    (self.genesis, self.requests, self.contacts, self.clock) = (genesis, requests, contacts, clock)
  }

  /// Seals a request to somebody, and believes only an answer under the same seal.
  ///
  /// Either side may have been away while the other's key changed: where the recipient cannot open the
  /// envelope, what is newer is asked for; where it does not know the author's key, the next is tried.
  /// - Parameter authors: one principal, with its keys in the order in which they are tried.
  /// - Throws: ``ConsortiumError``: the recipient's own, or `unreachable`, which says nothing of what the
  ///   recipient has done.
  package func ask<Request: RoleRequest>(
    _ request: Request, of recipient: String, by authors: [Author]
  ) async throws -> Request.Reply {
    let contact = try await contacts.contact(recipient, isRenewed: false)
    let outcome = try await send(request, to: contact, by: authors)
    if case .refused(let error) = outcome, error.code == .unopened,
      case let newer = try await contacts.contact(recipient, isRenewed: true), newer != contact
    {
      return try await send(request, to: newer, by: authors).get(from: recipient)
    }
    return try outcome.get(from: recipient)
  }

  /// The same to somebody whose keys are known.
  package func ask<Request: RoleRequest>(
    _ request: Request, of contact: Contact, by authors: [Author]
  ) async throws -> Request.Reply {
    try await send(request, to: contact, by: authors).get(from: contact.id)
  }

  private func send<Request: RoleRequest>(
    _ request: Request, to contact: Contact, by authors: [Author]
  ) async throws -> Outcome<Request.Reply> {
    var outcome = Outcome<Request.Reply>.refused(ConsortiumError(.unreachable, "nobody asks"))
    for author in authors {
      outcome = try await send(request, to: contact, by: author)
      guard case .refused(let error) = outcome, error.code == .unauthenticated else { break }
    }
    return outcome
  }

  private enum Outcome<Reply: Sendable>: Sendable {
    case answer(Result<Reply, ConsortiumError>)
    /// By anybody.
    case refused(ConsortiumError)

    func get(from recipient: String) throws -> Reply {
      switch self {
      case .answer(let result): return try result.get()
      case .refused(let error):
        throw ConsortiumError(
          .unreachable, "\(recipient), or somebody on the way, refuses: \(error.code)")
      }
    }
  }

  private func send<Request: RoleRequest>(
    _ request: Request, to contact: Contact, by author: Author
  ) async throws -> Outcome<Request.Reply> {
    let content = RequestContent(
      genesis: genesis, recipient: contact.id, author: author.principal, name: Request.name,
      nonce: unsafe SymmetricKey(size: .bits128).withUnsafeBytes { unsafe Array($0) },
      sentAt: clock(),
      payload: Message(request).encoded())
    let (envelope, key) = try Envelope.seal(content, by: author.key, to: contact)
    let bytes = try await requests.courier.send(
      envelope.encoded(), from: requests.sender, to: contact.id)
    guard ObjectKind(of: bytes) == .sealedAnswer else {
      guard case .failure(let error) = try? ReplyMessage<Done>(encoded: bytes).result else {
        // Anybody on the way can put that there: it says nothing of who was asked.
        throw ConsortiumError(.unreachable, "what comes from \(contact.id) is not sealed")
      }
      return .refused(error)
    }
    return .answer(try open(bytes, key, contact.id, Request.self))
  }

  private func open<Request: RoleRequest>(
    _ bytes: [UInt8], _ key: AnswerKey, _ recipient: String, _ type: Request.Type
  ) throws -> Result<Request.Reply, ConsortiumError> {
    let opened: [UInt8]
    do {
      opened = try key.open(SealedAnswer(encoded: bytes).sealed)
    } catch {
      throw ConsortiumError(.unreachable, "what comes as the answer of \(recipient) is not its own")
    }
    let answer = try RequestTable.byName[type.name]?.unpadded(opened) ?? opened
    return try RequestClient.reply(answer, to: type, recipient)
  }
}
