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
  /// Whether this role knows the author itself, and does not merely take any key.
  let isProven: Bool

  package init(_ kind: Authors, _ keys: [[UInt8]], isProven: Bool = true) {
    (self.kind, self.keys, self.isProven) = (kind, keys, isProven)
  }
}

/// What a role needs to judge a request before it looks at it.
package struct Inbox: Sendable {
  let genesis: Digest32
  let kind: RoleKind
  /// The name to which queries of members have to be made; empty for who answers none.
  let id: String
  let clock: @Sendable () -> UInt64
  let admittance: Admittance
  let recent = RecentEnvelopes()
  /// Those of who merely has a key: however many there are, they drive no others out.
  let recentOfKeys = RecentEnvelopes()
  /// What failed in this role itself.
  package let failures = FailureLog()
  package let counts = RequestCounts()
  package let heard = HeardMembers()
  /// For what is to be stored.
  package let room = Room()

  /// - Parameter clock: seconds since 1970.
  init(
    _ genesis: ValidGenesis, _ kind: RoleKind, id: String = "",
    clock: @escaping @Sendable () -> UInt64
  ) {
    self.init(genesis: genesis.digest, kind, id: id, clock: clock)
  }

  /// For a role on the ledger of this genesis.
  package init(
    genesis: Digest32, _ kind: RoleKind, id: String = "",
    clock: @escaping @Sendable () -> UInt64
  ) {
    (self.genesis, self.kind, self.id, self.clock) = (genesis, kind, id, clock)
    admittance = Admittance(clock: clock)
  }
}

/// The answer to a message, and what became of it.
struct MessageReply {
  var bytes: [UInt8]
  /// The code of what went wrong, as its author is told it.
  var failure: ConsortiumError.Code?
  /// Where it is `busy` since too much has this role ask who the author is: about what it would have asked.
  var unasked: String?
}

/// Too much has a role ask for what is newer of a subject; others are told `busy`.
private struct TooManyRenewals: Error {
  let subject: String
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

  /// What has to be asked for to know an author anew: one answer serves for all authors of one subject.
  ///
  /// - Returns: nil where nobody is to be asked. There are as many subjects as this role has to do with, and
  ///   no more, whoever authors say they are.
  func renewal(of author: Principal) async throws -> String?

  /// Answers a well-formed request.
  ///
  /// - Parameter author: of what came in an envelope, or is signed by a member, by whose key it is signed.
  func answer(_ request: any RoleRequest, by author: Principal?) async throws -> any CanonicalValue
}

/// A role that the ledger knows, and to whom envelopes are sealed by keys of a week.
package protocol EnvelopeKeyOwner: RoleEndpoint {
  var envelopeKeys: OwnEnvelopeKeys { get }
}

extension EnvelopeKeyOwner {
  package func open(
    _ envelope: Envelope
  ) throws -> (request: Signed<RequestContent>, answer: AnswerKey) {
    try envelopeKeys.open(envelope)
  }
}

extension RoleEndpoint {
  /// - Parameter address: the sender's, as the transport knows it: a connection that is authenticated, or
  ///   the address where it comes from. Nothing that a sender may choose.
  public nonisolated func receive(_ bytes: [UInt8], from address: String) async -> [UInt8] {
    await reply(to: bytes, from: address).bytes
  }

  /// The same, with what became of it.
  nonisolated func reply(
    to bytes: [UInt8], from address: String
  ) async -> MessageReply {
    let isSealed = ObjectKind(of: bytes) == .envelope
    var name = isSealed ? "sealed" : "bare"
    do {
      // Of what is sealed the kind is known later.
      guard bytes.count <= RequestTable.limit(of: inbox.kind) else {
        throw ConsortiumError(.tooLarge, "\(bytes.count) bytes")
      }
      guard !isSealed else { return try await sealed(bytes, address, &name) }
      let answer = try await bare(bytes, address, &name)
      inbox.counts.note(name, "ok")
      return MessageReply(bytes: answer)
    } catch let error as TooManyRenewals {
      var reply = refused(Self.busy, name)
      reply.unasked = error.subject
      return reply
    } catch {
      return refused(error, name)
    }
  }

  /// The answer that says what went wrong, as far as anybody but this role is told.
  private nonisolated func refused(
    _ error: any Error, _ name: String
  ) -> MessageReply {
    if ConsortiumError.isOwn(error), !(error is NoRoom) { inbox.failures.note(error) }
    let told = ConsortiumError(telling: error)
    inbox.counts.note(name, error is NoRoom ? "no-room" : told.code.description)
    return MessageReply(
      bytes: ReplyMessage<Done>(.failure(told)).encoded(), failure: told.code)
  }

  /// Answers what proves itself, or carries its own signature.
  private nonisolated func bare(
    _ bytes: [UInt8], _ address: String, _ asked: inout String
  ) async throws -> [UInt8] {
    guard let name = FieldDecoder.leadingText(of: .message, in: bytes, maximum: 64) else {
      throw ConsortiumError(.malformed, "this is no request")
    }
    let rule = try rule(name)
    asked = name
    try inbox.room.require(rule)
    guard rule.carriage.mayBeBare else {
      throw ConsortiumError(.unauthenticated, "\(name) has to be sealed")
    }
    try require(rule, bytes.count)
    if rule.carriage.isOpen {
      try require(inbox.admittance.takes(rule, from: address))
      return Self.encoded(
        try await answer(try IncomingRequest(encoded: bytes, as: rule).request, by: nil))
    }
    let request = try IncomingRequest(encoded: bytes, as: rule).request
    guard let signed = request as? any MemberRequest, isForThis(signed.terms) else {
      throw Self.unauthenticated
    }
    let author = Principal.party(signed.party)
    // Before any signature is looked at: anybody can send what nobody has signed.
    guard let check = inbox.admittance.check(author, from: address) else { throw Self.busy }
    func isSigned(_ key: [UInt8]) -> Bool { signed.isSigned(by: key) }
    var known = try await known(author, rule, signing: isSigned)
    if known == nil { known = try await renewed(author, rule, signing: isSigned) }
    guard let known else { throw Self.unauthenticated }
    inbox.admittance.end(check)
    try requireInTime(signed.terms?.sentAt, rule)
    try require(
      inbox.admittance.takes(rule, by: author, isProven: known.isProven, from: address))
    // What says no time may be an old word that somebody else brings again.
    if signed.terms != nil { inbox.heard.note(author, known, at: inbox.clock()) }
    return Self.encoded(try await answer(request, by: author))
  }

  private nonisolated func isForThis(_ terms: QueryTerms?) -> Bool {
    terms.map { $0.genesis == inbox.genesis && $0.recipient == inbox.id } ?? true
  }

  /// Answers what is sealed. Before its author is known, whatever is wrong is told without a seal.
  private nonisolated func sealed(
    _ bytes: [UInt8], _ address: String, _ name: inout String
  ) async throws -> MessageReply {
    let digest = Digest32(sha256: bytes)
    guard !inbox.recent.contains(digest), !inbox.recentOfKeys.contains(digest) else {
      throw Self.repeated
    }
    let (request, key, rule, known) = try await opened(bytes, address)
    let content = request.object
    name = rule.name
    let reply: MessageReply
    do {
      try inbox.room.require(rule)
      try requireInTime(content.sentAt, rule)
      try require(
        inbox.admittance.takes(
          rule, by: content.author, isProven: known.isProven, from: address))
      // What was refused until now flushes nothing out of what is remembered.
      guard (known.isProven ? inbox.recent : inbox.recentOfKeys).insert(digest) else {
        throw Self.repeated
      }
      inbox.heard.note(content.author, known, at: inbox.clock())
      let answer = try await answer(
        IncomingRequest(encoded: content.payload, as: rule).request, by: content.author)
      reply = MessageReply(bytes: Self.encoded(answer))
      inbox.counts.note(name, "ok")
    } catch {
      reply = refused(error, name)
    }
    let sealed = SealedAnswer(sealed: try key.seal(rule.padded(reply.bytes))).encoded()
    return MessageReply(bytes: sealed, failure: reply.failure)
  }

  /// Opens an envelope and finds its author authentic.
  private nonisolated func opened(
    _ bytes: [UInt8], _ address: String
  ) async throws -> (Signed<RequestContent>, AnswerKey, RequestRule, KnownAuthor) {
    let (request, key, rule, known) = try await lookedAt(bytes, address)
    if let known { return (request, key, rule, known) }
    // Who asks what anybody may ask can ask it as nobody.
    if rule.carriage.isOpen { throw Self.unauthenticated }
    // Others are asked, who may be slow: meanwhile it takes no place of who comes from the same address.
    guard
      let known = try await renewed(
        request.object.author, rule, signing: { (try? request.verified(by: $0)) != nil })
    else { throw Self.unauthenticated }
    return (request, key, rule, known)
  }

  /// Opens an envelope, and says who its author is by what this role knows.
  private nonisolated func lookedAt(
    _ bytes: [UInt8], _ address: String
  ) async throws -> (Signed<RequestContent>, AnswerKey, RequestRule, KnownAuthor?) {
    try require(inbox.admittance.open(from: address))
    defer { inbox.admittance.close(from: address) }
    let (request, key) = try await open(Envelope(encoded: bytes))
    let content = request.object
    let rule = try rule(content.name)
    try require(rule, content.payload.count)
    guard rule.carriage.mayBeSealed, content.genesis == inbox.genesis else {
      throw Self.unauthenticated
    }
    let known = try await known(
      content.author, rule,
      signing: { (try? request.verified(by: $0)) != nil })
    return (request, key, rule, known)
  }

  private static var unauthenticated: ConsortiumError {
    ConsortiumError(.unauthenticated, "the request is not by who may make it")
  }

  private static var busy: ConsortiumError { ConsortiumError(.busy, "too many requests") }

  private static var repeated: ConsortiumError {
    ConsortiumError(.repeated, "this envelope has come before: its author asks again in another")
  }

  /// Who an author is, by what others know that is newer. Whoever claims to be somebody else has this role ask
  /// them, but not without end.
  private nonisolated func renewed(
    _ author: Principal, _ rule: RequestRule, signing isSigned: ([UInt8]) -> Bool
  ) async throws -> KnownAuthor? {
    guard let subject = try await renewal(of: author) else { return nil }
    guard inbox.admittance.renews(subject) else { throw TooManyRenewals(subject: subject) }
    defer { inbox.admittance.endRenewal(of: subject) }
    return try await known(author, rule, renewing: subject, signing: isSigned)
  }

  /// Who an author is.
  ///
  /// - Parameter subject: of what it asks for what is newer; nil where it does not.
  /// - Returns: nil if none of its keys that are known has signed.
  /// - Throws: ``ConsortiumError`` `unauthenticated` if it may not ask this; ``StoreError``.
  private nonisolated func known(
    _ author: Principal, _ rule: RequestRule, renewing subject: String? = nil,
    signing isSigned: ([UInt8]) -> Bool
  ) async throws -> KnownAuthor? {
    let known: KnownAuthor?
    do {
      let moment = inbox.admittance.moment()
      known = try await self.known(author, isRenewed: subject != nil)
      if let subject { inbox.admittance.learn(subject, askedAt: moment) }
    } catch let error as StoreError {
      throw error
    } catch {
      return nil
    }
    guard let known else { return nil }
    // Other keys do not make it somebody who may ask.
    if rule.authors.isDisjoint(with: known.kind) { throw Self.unauthenticated }
    return known.keys.contains(where: isSigned) ? known : nil
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

  /// - Parameter sentAt: nil of what says no time, and counts at any.
  private nonisolated func requireInTime(_ sentAt: UInt64?, _ rule: RequestRule) throws {
    guard let sentAt, let lifetime = rule.lifetime else { return }
    let now = inbox.clock()
    guard sentAt <= now &+ RequestRule.skew, now <= sentAt &+ lifetime else {
      throw ConsortiumError(
        .outOfTime, "the request was sent at \(sentAt), and it is \(now) here")
    }
  }

  private nonisolated func require(_ isTaken: Bool) throws {
    guard isTaken else { throw Self.busy }
  }

  private static func encoded<Payload: CanonicalValue>(_ payload: Payload) -> [UInt8] {
    ReplyMessage(.success(payload)).encoded()
  }
}

extension ConsortiumError {
  /// What went wrong, for this role and who runs it; what others are told of it is ``init(telling:)``.
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
