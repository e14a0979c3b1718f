/// Carries one request to a role and its reply back; all that roles ever exchange.
///
/// A courier is not trusted: what matters is signed or sealed by the roles themselves, and both
/// directions are bounded and checked on arrival. `sender` serves routing alone.
public protocol Courier: Sendable {
  /// - Throws: ``ConsortiumError`` `unreachable` if no reply came.
  func send(
    _ request: [UInt8], from sender: String, to recipient: String
  ) async throws(ConsortiumError) -> [UInt8]
}

/// What a courier delivers to.
public protocol Endpoint: Sendable {
  /// Answers any bytes: with a reply, or with an error in the form of one.
  ///
  /// - Parameter sender: the address of who sends, as the transport itself knows it. How much it may ask for
  ///   hangs on it, as long as nobody has proven who it is; it is nobody's word for anything else.
  func receive(_ bytes: [UInt8], from sender: String) async -> [UInt8]
}
