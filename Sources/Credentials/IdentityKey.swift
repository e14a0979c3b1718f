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
  /// are no key, a key of small order, or no signature.
  public static func isValid(
    _ signature: [UInt8], of message: [UInt8], by publicKey: [UInt8]
  ) -> Bool {
    guard !isOfSmallOrder(publicKey),
      let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey)
    else { return false }
    return key.isValidSignature(signature, for: message)
  }

  /// Under a key of order 1, 2, 4 or 8 one signature fits many messages, so that whoever registered
  /// it could deny every one of them. RFC 8032 does not refuse such keys, nor does swift-crypto.
  public static func isOfSmallOrder(_ publicKey: [UInt8]) -> Bool {
    guard let last = publicKey.last else { return false }
    let y = Array(publicKey.dropLast()) + [last & 0x7f]
    return smallOrderPoints.contains { $0 == y }
  }

  /// The y-coordinates of these points, little-endian, with those that are not reduced.
  private static let smallOrderPoints =
    [
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ].compactMap { [UInt8](hex: $0) }

  /// Signs the DER of `object`, whose tag keeps the signatures of all kinds of objects apart.
  public func sign(_ object: some CanonicalObject) -> [UInt8] { sign(object.encoded()) }

  /// Whether `signature` is that of the DER of `object`.
  public static func isValid(
    _ signature: [UInt8], of object: some CanonicalObject, by publicKey: [UInt8]
  ) -> Bool {
    isValid(signature, of: object.encoded(), by: publicKey)
  }
}
