public import CanonicalEncoding
import Crypto
import Foundation

/// An Ed25519 key that signs for a person, an organisation or a visit (S_v); one key a use.
///
/// The key lies in memory that swift-crypto overwrites when it is released.
public final class IdentityKey: Sendable {
  private let key: Curve25519.Signing.PrivateKey
  /// 32 bytes (RFC 8032).
  public let publicKey: [UInt8]

  /// - Parameter seed: the private key of RFC 8032, 32 bytes.
  /// - Throws: ``CredentialError`` `invalidKey` for another length.
  public init(seed: [UInt8]) throws(CredentialError) {
    guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
      throw CredentialError(.invalidKey, "an Ed25519 seed has 32 bytes, not \(seed.count)")
    }
    self.key = key
    publicKey = Array(key.publicKey.rawRepresentation)
  }

  /// The seed: for a keystore only.
  public func encoded() -> [UInt8] { Array(key.rawRepresentation) }

  /// The signature: 64 bytes.
  public func sign(_ message: [UInt8]) -> [UInt8] {
    guard let signature = try? key.signature(for: message) else {
      preconditionFailure("Ed25519 signs every message")
    }
    return Array(signature)
  }

  /// Whether `signature` is that of `message` under an Ed25519 key of 32 bytes; false for bytes that
  /// are no key or no signature.
  public static func isValid(
    _ signature: [UInt8], of message: [UInt8], by publicKey: [UInt8]
  ) -> Bool {
    guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else {
      return false
    }
    return key.isValidSignature(signature, for: message)
  }

  /// Signs the DER of `object`, whose tag keeps the signatures of all kinds of objects apart.
  public func sign(_ object: some CanonicalObject) -> [UInt8] { sign(object.encoded()) }

  /// Whether `signature` is that of the DER of `object`.
  public static func isValid(
    _ signature: [UInt8], of object: some CanonicalObject, by publicKey: [UInt8]
  ) -> Bool {
    isValid(signature, of: object.encoded(), by: publicKey)
  }
}
