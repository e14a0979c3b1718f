import Consortium
import HTTPTransport
import Synchronization

/// To roles of this machine directly, to who has a mailbox here through that, to all others by HTTPS.
final class Switchboard: Courier {
  private let local: LocalCourier
  private let remote: any Courier
  private let here: Set<String>
  private let keepers = Mutex<[any MailboxKeeper]>([])

  init(here: Set<String>, local: LocalCourier, remote: any Courier) {
    (self.here, self.local, self.remote) = (here, local, remote)
  }

  /// Looks for mailboxes at this role from now on.
  func add(_ keeper: any MailboxKeeper) { keepers.withLock { $0.append(keeper) } }

  func send(
    _ request: [UInt8], from sender: String, to recipient: String
  ) async throws(ConsortiumError) -> [UInt8] {
    if here.contains(recipient) {
      return try await local.send(request, from: sender, to: recipient)
    }
    for keeper in keepers.withLock({ $0 }) {
      // Roles of this machine try again by themselves.
      if let mailbox = await keeper.mailbox(of: recipient, keeping: false) {
        return await mailbox.receive(request, from: sender)
      }
    }
    return try await remote.send(request, from: sender, to: recipient)
  }
}
