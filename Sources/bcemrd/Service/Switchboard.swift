import Consortium
import HTTPTransport
import Synchronization

/// To roles of this machine directly, to all others by HTTPS.
final class Switchboard: Courier {
  private let local: LocalCourier
  private let remote: any Courier
  private let here: Set<String>

  init(here: Set<String>, local: LocalCourier, remote: any Courier) {
    (self.here, self.local, self.remote) = (here, local, remote)
  }

  func send(
    _ request: [UInt8], from sender: String, to recipient: String
  ) async throws(ConsortiumError) -> [UInt8] {
    if here.contains(recipient) {
      return try await local.send(request, from: sender, to: recipient)
    }
    return try await remote.send(request, from: sender, to: recipient)
  }
}
