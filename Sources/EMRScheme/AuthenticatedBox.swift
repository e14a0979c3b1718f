internal import Crypto

/// AES-256-GCM under a key that seals one message only, so the nonce is fixed: 12 zero bytes.
enum AuthenticatedBox {
  static let overhead = 16

  /// The ciphertext with the tag behind it.
  static func seal(
    _ plaintext: [UInt8], under key: SymmetricKey, authenticating header: [UInt8]
  ) throws(SchemeError) -> [UInt8] {
    do {
      let box = try AES.GCM.seal(
        plaintext, using: key, nonce: nonce(), authenticating: header)
      return Array(box.combined?.dropFirst(12) ?? box.ciphertext + box.tag)
    } catch {
      throw SchemeError(.decryption, "the message cannot be encrypted")
    }
  }

  static func open(
    _ sealed: [UInt8], under key: SymmetricKey, authenticating header: [UInt8]
  ) throws(SchemeError) -> [UInt8] {
    guard sealed.count >= overhead else {
      throw SchemeError(.decryption, "the ciphertext is shorter than its tag")
    }
    do {
      let box = try AES.GCM.SealedBox(
        nonce: nonce(), ciphertext: sealed.dropLast(overhead), tag: sealed.suffix(overhead))
      return Array(try AES.GCM.open(box, using: key, authenticating: header))
    } catch {
      throw SchemeError(.decryption, "authenticated decryption fails")
    }
  }

  private static func nonce() throws -> AES.GCM.Nonce {
    try AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12))
  }
}
