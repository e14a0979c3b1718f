internal import Crypto

extension Curve25519.Signing.PrivateKey {
  func signature(of message: [UInt8]) throws(SchemeError) -> [UInt8] {
    do {
      return Array(try signature(for: message))
    } catch {
      throw SchemeError(.signing, "the Ed25519 key cannot sign")
    }
  }
}

extension Curve25519.Signing.PublicKey {
  /// Whether an Ed25519 key of 32 bytes signed `message`.
  static func verify(_ signature: [UInt8], of message: [UInt8], by key: [UInt8]) -> Bool {
    guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: key) else { return false }
    return key.isValidSignature(signature, for: message)
  }
}
