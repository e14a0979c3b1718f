import Consortium
import Synchronization

/// The wire between the roles: remembers every byte on it, and changes some for an attacker.
final class Wire: Sendable {
  struct Passage: Sendable {
    let sender: String
    let recipient: String
    let request: [UInt8]
    let reply: [UInt8]
  }

  typealias Change = @Sendable (_ request: [UInt8], _ from: String, _ to: String) -> [UInt8]?

  private let state = Mutex((passages: [Passage](), change: Change?.none))

  func over(_ courier: any Courier) -> any Courier { Tapped(wire: self, courier: courier) }

  var passages: [Passage] { state.withLock { $0.passages } }

  /// From now on requests are changed on their way, and lost where the result is nil.
  func change(_ change: Change?) { state.withLock { $0.change = change } }

  private struct Tapped: Courier {
    let wire: Wire
    let courier: any Courier

    func send(
      _ request: [UInt8], from sender: String, to recipient: String
    ) async throws(ConsortiumError) -> [UInt8] {
      let change = wire.state.withLock { $0.change }
      guard let request = change.map({ $0(request, sender, recipient) }) ?? request else {
        throw ConsortiumError(.unreachable, "the message is lost")
      }
      let reply = try await courier.send(request, from: sender, to: recipient)
      let passage = Passage(sender: sender, recipient: recipient, request: request, reply: reply)
      wire.state.withLock { $0.passages.append(passage) }
      return reply
    }
  }
}
