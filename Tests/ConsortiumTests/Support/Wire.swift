import CanonicalEncoding
import Consortium
import Synchronization

/// The wire between the roles: remembers every byte on it, and lets a test come between.
final class Wire: Sendable {
  struct Passage: Sendable {
    let sender: String
    let recipient: String
    let request: [UInt8]
    let reply: [UInt8]
  }

  /// One message on its way.
  struct Transit: Sendable {
    let request: [UInt8]
    let sender: String
    let recipient: String
    let deliver: @Sendable ([UInt8]) async throws -> [UInt8]

    /// The request, if it is of this type.
    func payload<Request: RoleRequest>(_ type: Request.Type) -> Request? {
      (try? Message<Request>(encoded: request))?.payload
    }
  }

  typealias Interception = @Sendable (Transit) async throws -> [UInt8]

  /// No tuple: a closure in one would be wrapped once more by each access.
  private struct State {
    var passages: [Passage] = []
    var interception: Interception?
  }

  private let state = Mutex(State())
  private let last = Mutex<(any Courier)?>(nil)

  func over(_ courier: any Courier) -> any Courier {
    let tapped = Tapped(wire: self, courier: courier)
    last.withLock { $0 = tapped }
    return tapped
  }

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
      let honest = try ReplyMessage<Request.Reply>(encoded: reply).result.get()
      return ReplyMessage(.success(change(honest))).encoded()
    }
  }

  /// The requests of this type that passed.
  func requests<Request: RoleRequest>(_ type: Request.Type) -> [Request] {
    passages.compactMap { (try? Message<Request>(encoded: $0.request))?.payload }
  }

  private struct Tapped: Courier {
    let wire: Wire
    let courier: any Courier

    func send(
      _ request: [UInt8], from sender: String, to recipient: String
    ) async throws(ConsortiumError) -> [UInt8] {
      let transit = Transit(request: request, sender: sender, recipient: recipient) {
        [courier] request in try await courier.send(request, from: sender, to: recipient)
      }
      let interception = wire.state.withLock { $0.interception }
      let reply: [UInt8]
      do {
        let way = interception ?? { try await $0.deliver($0.request) }
        reply = try await way(transit)
      } catch {
        throw ConsortiumError(error)
      }
      let passage = Passage(
        sender: sender, recipient: recipient, request: request, reply: reply)
      wire.state.withLock { $0.passages.append(passage) }
      return reply
    }
  }
}
