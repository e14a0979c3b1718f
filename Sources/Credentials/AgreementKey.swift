import CanonicalEncoding
import Crypto
import Foundation

/// An X25519 key that receives messages sealed by HPKE (RFC 9180, base mode): what the paper calls
/// sending "securely" (specification, item 20).
///
/// The suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: records and findings rest on
/// AES-256-GCM already, so this adds no assumption, and every key seals one message. Base mode does
/// not authenticate the sender; a message that must come from somebody is signed inside.
///
/// The key lies in memory that swift-crypto overwrites when it is released.
public final class AgreementKey: Sendable {
  private let key: Curve25519.KeyAgreement.PrivateKey
  /// 32 bytes (RFC 7748).
  public let publicKey: [UInt8]

  private static let suite = HPKE.Ciphersuite(
    kem: .Curve25519_HKDF_SHA256, kdf: .HKDF_SHA256, aead: .AES_GCM_256)
  private static let encapsulatedKeyByteCount = 32
  /// How much longer a sealed message is: the encapsulated key and the tag.
  public static let overhead = encapsulatedKeyByteCount + 16

  /// - Parameter seed: the private key of RFC 7748, 32 bytes.
  /// - Throws: ``CredentialError`` `invalidKey` for another length.
  public init(seed: [UInt8]) throws(CredentialError) {
    guard let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: seed) else {
      throw CredentialError(.invalidKey, "an X25519 key has 32 bytes, not \(seed.count)")
    }
    self.key = key
    publicKey = Array(key.publicKey.rawRepresentation)
  }

  /// The private key: for a keystore only.
  public func encoded() -> [UInt8] { Array(key.rawRepresentation) }

  /// Seals a message for the holder of `publicKey`.
  ///
  /// - Parameters:
  ///   - info: what the message is for; the receiver must name the same.
  ///   - header: data that is not sent but must be the same at the receiver (associated data).
  /// - Returns: the encapsulated key, 32 bytes, then the ciphertext with its tag.
  /// - Throws: ``CredentialError`` `invalidKey` for bytes that are no X25519 key or one of small
  ///   order, under which everybody could read.
  public static func seal(
    _ message: [UInt8], to publicKey: [UInt8], info: [UInt8], authenticating header: [UInt8]
  ) throws(CredentialError) -> [UInt8] {
    let receiver = try contributoryKey(publicKey)
    do {
      var sender = try HPKE.Sender(recipientKey: receiver, ciphersuite: suite, info: Data(info))
      let ciphertext = try sender.seal(message, authenticating: header)
      return Array(sender.encapsulatedKey) + ciphertext
    } catch {
      throw CredentialError(.invalidKey, "the message cannot be sealed to this key")
    }
  }

  /// Opens what ``seal(_:to:info:authenticating:)`` made for this key, `info` and header.
  ///
  /// - Throws: ``CredentialError`` `decryption`, for every cause the same.
  public func open(
    _ sealed: [UInt8], info: [UInt8], authenticating header: [UInt8]
  ) throws(CredentialError) -> [UInt8] {
    do {
      let encapsulatedKey = sealed.prefix(Self.encapsulatedKeyByteCount)
      _ = try Self.contributoryKey(Array(encapsulatedKey))
      var recipient = try HPKE.Recipient(
        privateKey: key, ciphersuite: Self.suite, info: Data(info),
        encapsulatedKey: Data(encapsulatedKey))
      return Array(
        try recipient.open(sealed.dropFirst(encapsulatedKey.count), authenticating: header))
    } catch {
      throw CredentialError(.decryption, "the sealed message does not open")
    }
  }

  /// Seals a request to the holder of `publicKey`, who alone can answer it under ``AnswerKey``.
  ///
  /// - Parameters: as ``seal(_:to:info:authenticating:)``.
  /// - Returns: what ``openRequest(_:info:)`` opens, and the key of the answer.
  /// - Throws: ``CredentialError`` `invalidKey`, as there.
  public static func sealRequest(
    _ message: [UInt8], to publicKey: [UInt8], info: [UInt8]
  ) throws(CredentialError) -> (sealed: [UInt8], answer: AnswerKey) {
    let receiver = try contributoryKey(publicKey)
    do {
      var sender = try HPKE.Sender(recipientKey: receiver, ciphersuite: suite, info: Data(info))
      let ciphertext = try sender.seal(message)
      let encapsulated = Array(sender.encapsulatedKey)
      return (
        encapsulated + ciphertext,
        try AnswerKey(
          sender.exportSecret(context: AnswerKey.label, outputByteCount: 32),
          encapsulatedKey: encapsulated)
      )
    } catch {
      throw CredentialError(.invalidKey, "the message cannot be sealed to this key")
    }
  }

  /// Opens what ``sealRequest(_:to:info:)`` made for this key and `info`.
  ///
  /// - Throws: ``CredentialError`` `decryption`, for every cause the same.
  public func openRequest(
    _ sealed: [UInt8], info: [UInt8]
  ) throws(CredentialError) -> (message: [UInt8], answer: AnswerKey) {
    do {
      let encapsulated = Array(sealed.prefix(Self.encapsulatedKeyByteCount))
      _ = try Self.contributoryKey(encapsulated)
      var recipient = try HPKE.Recipient(
        privateKey: key, ciphersuite: Self.suite, info: Data(info),
        encapsulatedKey: Data(encapsulated))
      let message = try recipient.open(sealed.dropFirst(encapsulated.count))
      return (
        Array(message),
        try AnswerKey(
          recipient.exportSecret(context: AnswerKey.label, outputByteCount: 32),
          encapsulatedKey: encapsulated)
      )
    } catch {
      throw CredentialError(.decryption, "the sealed message does not open")
    }
  }

  /// A public key that is not of small order.
  ///
  /// RFC 9180 (7.1.4) requires a shared secret other than zero, which swift-crypto does not check.
  /// Every private key is a multiple of the cofactor, so one public probe decides for all of them.
  private static func contributoryKey(
    _ bytes: [UInt8]
  ) throws(CredentialError) -> Curve25519.KeyAgreement.PublicKey {
    guard let key = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: bytes),
      let probe = try? Curve25519.KeyAgreement.PrivateKey(
        rawRepresentation: [UInt8](repeating: 1, count: 32)),
      let shared = try? probe.sharedSecretFromKeyAgreement(with: key),
      unsafe shared.withUnsafeBytes({ unsafe $0.contains { $0 != 0 } })
    else { throw CredentialError(.invalidKey, "this is no X25519 key, or one of small order") }
    return key
  }
}
