import CanonicalEncoding
import Consortium
import Credentials
import Synchronization

/// The wire between the roles: remembers every byte on it, and lets a test come between.
final class Wire: Sendable {
  struct Passage: Sendable {
    let sender: String
    let recipient: String
    let request: [UInt8]
    let reply: [UInt8]
    /// What both say: in an envelope, opened with the recipient's keys.
    let message: [UInt8]
    let answer: [UInt8]

    /// Which kind of request it was.
    var kind: String? { FieldDecoder.leadingText(of: .message, in: message, maximum: 64) }
  }

  /// One message on its way.
  struct Transit: Sendable {
    let request: [UInt8]
    let sender: String
    let recipient: String
    fileprivate let opened: (content: RequestContent, answer: AnswerKey)?
    let deliver: @Sendable ([UInt8]) async throws -> [UInt8]

    /// Of what came in an envelope.
    var author: Principal? { opened?.content.author }

    /// The request's `Message`.
    var message: [UInt8] { opened?.content.payload ?? request }

    /// Which kind of request it is.
    var kind: String? { FieldDecoder.leadingText(of: .message, in: message, maximum: 64) }

    private var rule: RequestRule? { kind.flatMap { RequestTable.byName[$0] } }

    /// The request, if it is of this type.
    func payload<Request: RoleRequest>(_ type: Request.Type) -> Request? {
      (try? Message<Request>(encoded: message))?.payload
    }

    /// The recipient's answer, as the recipient itself could read it.
    func open(_ reply: [UInt8]) throws -> [UInt8] {
      guard let opened, ObjectKind(of: reply) == .sealedAnswer else { return reply }
      let answer = try opened.answer.open(SealedAnswer(encoded: reply).sealed)
      return try rule?.unpadded(answer) ?? answer
    }

    /// An answer that the recipient gives.
    func seal(_ answer: [UInt8]) throws -> [UInt8] {
      guard let opened else { return answer }
      return SealedAnswer(sealed: try opened.answer.seal(rule?.padded(answer) ?? answer)).encoded()
    }

    /// The same, of the type that belongs to a request.
    func answer<Request: RoleRequest>(
      _ type: Request.Type, _ reply: Request.Reply
    ) throws -> [UInt8] { try seal(ReplyMessage(.success(reply)).encoded()) }
  }

  /// The secrets with which envelopes are opened.
  private let keys: @Sendable (Envelope) -> (content: RequestContent, answer: AnswerKey)?

  init(
    keys: @escaping @Sendable (Envelope) -> (content: RequestContent, answer: AnswerKey)? = { _ in
      nil
    }
  ) { self.keys = keys }

  typealias Interception = @Sendable (Transit) async throws -> [UInt8]

  /// No tuple: a closure in one would be wrapped once more by each access.
  private struct State {
    var passages: [Passage] = []
    var interception: Interception?
  }

  private let state = Mutex(State())
  private let last = Mutex<(any Courier)?>(nil)
  private let underneath = Mutex<(any Courier)?>(nil)

  func over(_ courier: any Courier) -> any Courier {
    let tapped = Tapped(wire: self, courier: courier)
    last.withLock { $0 = tapped }
    underneath.withLock { $0 = courier }
    return tapped
  }

  /// The one below that courier: what goes with it is neither seen nor kept here.
  var untapped: (any Courier)? { underneath.withLock { $0 } }

  /// The courier of the consortium that was opened last.
  var courier: (any Courier)? { last.withLock { $0 } }

  var passages: [Passage] { state.withLock { $0.passages } }

  /// From now on this stands between the roles; nil for nobody.
  func intercept(_ interception: Interception?) {
    state.withLock { $0.interception = interception }
  }

  /// Loses requests of this type.
  func lose<Request: RoleRequest>(_ type: Request.Type) { lose { $0.payload(type) != nil } }

  /// Loses the requests of which this is true.
  func lose(_ isLost: @escaping @Sendable (Transit) -> Bool) {
    intercept { transit in
      if isLost(transit) { throw ConsortiumError(.unreachable, "the message is lost") }
      return try await transit.deliver(transit.request)
    }
  }

  /// Changes the replies to requests of this type.
  func answer<Request: RoleRequest>(
    _ type: Request.Type, with change: @escaping @Sendable (Request.Reply) -> Request.Reply
  ) {
    intercept { transit in
      let reply = try await transit.deliver(transit.request)
      guard transit.payload(type) != nil else { return reply }
      let honest = try ReplyMessage<Request.Reply>(encoded: transit.open(reply)).result.get()
      return try transit.answer(type, change(honest))
    }
  }

  /// The requests of this type that passed.
  func requests<Request: RoleRequest>(_ type: Request.Type) -> [Request] {
    passages.compactMap { (try? Message<Request>(encoded: $0.message))?.payload }
  }

  private struct Tapped: Courier {
    let wire: Wire
    let courier: any Courier

    func send(
      _ request: [UInt8], from sender: String, to recipient: String
    ) async throws(ConsortiumError) -> [UInt8] {
      let opened = (try? Envelope(encoded: request)).flatMap(wire.keys)
      let transit = Transit(
        request: request, sender: sender, recipient: recipient, opened: opened,
        deliver: { [courier] request in
          try await courier.send(request, from: sender, to: recipient)
        })
      let interception = wire.state.withLock { $0.interception }
      let reply: [UInt8]
      do {
        let way = interception ?? { try await $0.deliver($0.request) }
        reply = try await way(transit)
      } catch {
        throw ConsortiumError(error)
      }
      let passage = Passage(
        sender: sender, recipient: recipient, request: request, reply: reply,
        message: transit.message, answer: (try? transit.open(reply)) ?? reply)
      wire.state.withLock { $0.passages.append(passage) }
      return reply
    }
  }
}
