import Consortium

/// Hands to a role what came over the network.
struct Forwarding: Endpoint {
  let courier: any Courier
  let recipient: String

  func receive(_ bytes: [UInt8], from sender: String) async -> [UInt8] {
    do throws(ConsortiumError) {
      return try await courier.send(bytes, from: sender, to: recipient)
    } catch {
      return []
    }
  }
}
