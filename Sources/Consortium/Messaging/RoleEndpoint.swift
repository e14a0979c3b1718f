package import CanonicalEncoding
package import Credentials
import EMRScheme
import Ledger
import TransparencyLog

/// What a role knows of who asks it something.
package struct KnownAuthor: Sendable {
  package let kind: Authors
  /// One of them, for who changes keys.
  package let keys: [[UInt8]]

  package init(_ kind: Authors, _ keys: [[UInt8]]) { (self.kind, self.keys) = (kind, keys) }
}

/// What a role needs to judge a request before it looks at it.
package struct Inbox: Sendable {
  let genesis: Digest32
  let kind: RoleKind
  let clock: @Sendable () -> UInt64
  let quota: RequestQuota

  /// - Parameter clock: seconds since 1970.
  init(_ genesis: ValidGenesis, _ kind: RoleKind, clock: @escaping @Sendable () -> UInt64) {
    (self.genesis, self.kind, self.clock) = (genesis.digest, kind, clock)
    quota = RequestQuota(clock: clock)
  }
}

/// A role: an actor that answers requests, and asks others through the courier alone.
///
/// Whatever arrives is bounded, then authenticated, then decoded, by ``RequestTable``.
package protocol RoleEndpoint: Endpoint, Actor {
  nonisolated var inbox: Inbox { get }

  /// Opens what is sealed to this role.
  ///
  /// - Throws: ``CredentialError`` `decryption` if this is not for it.
  func open(_ envelope: Envelope) throws -> (request: Signed<RequestContent>, answer: AnswerKey)

  /// Who an author is, by what this role knows.
  ///
  /// - Parameter isRenewed: whether it has to ask for what is newer: what it knows did not fit.
  /// - Returns: nil for who is unknown.
  func known(
    _ author: Principal, isRenewed: Bool
  ) async throws -> KnownAuthor?

  /// Answers a well-formed request.
  ///
  /// - Parameter author: of what came in an envelope, by whose key it is signed.
  func answer(_ request: any RoleRequest, by author: Principal?) async throws -> any CanonicalValue
}

extension RoleEndpoint {
  package nonisolated func receive(_ bytes: [UInt8], from sender: String) async -> [UInt8] {
    do {
      guard bytes.count <= Envelope.maximumByteCount else {
        throw ConsortiumError(.tooLarge, "\(bytes.count) bytes")
      }
      guard ObjectKind(of: bytes) == .envelope else { return try await bare(bytes, sender) }
      return try await sealed(bytes, sender)
    } catch {
      return ReplyMessage<Done>(.failure(ConsortiumError(error))).encoded()
    }
  }

  /// Answers what proves itself, or carries its own signature.
  private nonisolated func bare(_ bytes: [UInt8], _ sender: String) async throws -> [UInt8] {
    guard let name = FieldDecoder.leadingText(of: .message, in: bytes, maximum: 64) else {
      throw ConsortiumError(.malformed, "this is no request")
    }
    let rule = try rule(name)
    guard rule.carriage != .sealed else {
      throw ConsortiumError(.unauthenticated, "\(name) has to be sealed")
    }
    try require(rule, bytes.count)
    try take("\(name)/\(sender)", rule.quota)
    return Self.encoded(
      try await answer(try IncomingRequest(encoded: bytes, as: rule).request, by: nil))
  }

  /// Answers what is sealed. Before its author is known, whatever is wrong is told without a seal.
  private nonisolated func sealed(_ bytes: [UInt8], _ sender: String) async throws -> [UInt8] {
    try take("envelope/\(sender)", 1 << 14)
    let (request, key) = try await open(Envelope(encoded: bytes))
    let content = request.object
    let rule = try rule(content.name)
    try require(rule, content.payload.count)
    guard rule.carriage == .sealed, content.genesis == inbox.genesis,
      try await isAuthentic(request, rule)
    else { throw ConsortiumError(.unauthenticated, "the request is not by who may make it") }
    let reply: [UInt8]
    do {
      try requireInTime(content, rule)
      let isRepeated = inbox.quota.isRepeated(request.signature)
      let asker = isRepeated ? "again" : Self.asker(content.author, sender)
      try take("\(content.name)/\(asker)", rule.quota)
      reply = Self.encoded(
        try await answer(
          IncomingRequest(encoded: content.payload, as: rule).request, by: content.author))
    } catch {
      reply = ReplyMessage<Done>(.failure(ConsortiumError(error))).encoded()
    }
    return SealedAnswer(sealed: try key.seal(reply)).encoded()
  }

  private static var renewalLimit: Int { 1 << 10 }

  /// Whose requests are counted together. Anybody makes keys, so their holders count by where they come
  /// from.
  private static func asker(_ author: Principal, _ sender: String) -> String {
    if case .key = author { sender } else { "\(author)" }
  }

  private nonisolated func isAuthentic(
    _ request: Signed<RequestContent>, _ rule: RequestRule
  ) async throws -> Bool {
    let author = request.object.author
    for isRenewed in [false, true] {
      // Whoever claims to be somebody else has this role ask others, but not without end.
      if isRenewed { try take("renewal", Self.renewalLimit) }
      guard let known = try? await known(author, isRenewed: isRenewed) else { continue }
      // Other keys do not make it somebody who may ask.
      if rule.authors.isDisjoint(with: known.kind) { return false }
      if known.keys.contains(where: { (try? request.verified(by: $0)) != nil }) { return true }
    }
    return false
  }

  private nonisolated func rule(_ name: String) throws -> RequestRule {
    guard let rule = RequestTable.byName[name], rule.recipients.contains(inbox.kind) else {
      throw ConsortiumError(.unsupported, "not a request to a \(inbox.kind.rawValue)")
    }
    return rule
  }

  private nonisolated func require(_ rule: RequestRule, _ count: Int) throws {
    guard count <= rule.limit else {
      throw ConsortiumError(.tooLarge, "\(count) bytes, limit \(rule.limit)")
    }
  }

  private nonisolated func requireInTime(_ content: RequestContent, _ rule: RequestRule) throws {
    let now = inbox.clock()
    guard content.sentAt <= now &+ RequestRule.skew, now <= content.sentAt &+ rule.lifetime else {
      throw ConsortiumError(
        .outOfTime, "the request was sent at \(content.sentAt), and it is \(now) here")
    }
  }

  private nonisolated func take(_ name: String, _ limit: Int) throws {
    guard inbox.quota.take(name, limit: limit) else {
      throw ConsortiumError(.busy, "too many requests")
    }
  }

  private static func encoded<Payload: CanonicalValue>(_ payload: Payload) -> [UInt8] {
    ReplyMessage(.success(payload)).encoded()
  }
}

extension ConsortiumError {
  /// What went wrong, in a form that may leave the role.
  package init(_ error: any Error) {
    switch error {
    case let error as ConsortiumError: self = error
    case let error as SignedRefusal: self = error.error
    case let error as Refusal: self.init(Code(error.code), "the ledger refuses the entry")
    case let error as any CodedError: self.init(Code(error.codeText), error.message)
    case let error as TransparencyLogError: self.init(Code("\(error.code)"), error.message)
    default: self.init(.wrongState, "the role cannot answer")
    }
  }
}
