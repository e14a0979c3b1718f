import Consortium

// example: courier
/// Hands bytes to whatever carries them: a connection, a pipe, a mailbox. None of it is trusted.
public struct ClosureCourier: Courier {
  let carry:
    @Sendable (_ bytes: [UInt8], _ sender: String, _ recipient: String) async throws -> [UInt8]

  public init(carry: @escaping @Sendable ([UInt8], String, String) async throws -> [UInt8]) {
    self.carry = carry
  }

  public func send(
    _ request: [UInt8], from sender: String, to recipient: String
  ) async throws(ConsortiumError) -> [UInt8] {
    do {
      return try await carry(request, sender, recipient)
    } catch {
      throw ConsortiumError(.unreachable, "\(recipient) does not answer")
    }
  }
}
// example end
