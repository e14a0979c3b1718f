public import CanonicalEncoding
public import Credentials
package import Crypto
import CryptoExtras
import Foundation

/// What a person types to open a ``Keystore``; kept where swift-crypto overwrites it.
public struct Passphrase: Sendable {
  private let bytes: SymmetricKey

  /// What a new passphrase has at least, in characters.
  public static let minimumCharacterCount = 10
  /// Of UTF-8, at most.
  public static let maximumByteCount = 1024

  /// - Parameter text: in whatever form of Unicode: keyboards differ in what they send for one letter.
  /// - Throws: ``CredentialError`` `passphrase` for an empty text, or one that is too long.
  public init(_ text: String) throws(CredentialError) {
    let plain = Array(text.precomposedStringWithCompatibilityMapping.utf8)
    guard (1...Self.maximumByteCount).contains(plain.count) else {
      throw CredentialError(
        .passphrase, "a passphrase has 1 to \(Self.maximumByteCount) bytes")
    }
    bytes = SymmetricKey(data: plain)
  }

  /// One for new keys.
  ///
  /// - Throws: ``CredentialError`` `passphrase` for one that is short, too.
  public init(new text: String) throws(CredentialError) {
    guard text.count >= Self.minimumCharacterCount else {
      throw CredentialError(
        .passphrase, "a passphrase has at least \(Self.minimumCharacterCount) characters")
    }
    try self.init(text)
  }

  /// The key of AES-256-GCM by scrypt (RFC 7914).
  package func key(_ cost: ScryptCost, salt: [UInt8]) throws(CredentialError) -> SymmetricKey {
    do {
      return try unsafe bytes.withUnsafeBytes { passphrase in
        try unsafe KDF.Scrypt.deriveKey(
          from: Array(passphrase), salt: salt, outputByteCount: 32, rounds: 1 << cost.log2N,
          blockSize: Int(cost.blockSize), parallelism: Int(cost.parallelism))
      }
    } catch {
      throw CredentialError(
        .unavailable, "there is not the memory that opening the keys takes, \(cost.megabytes) MiB")
    }
  }
}

// Whoever reads it in a log could use it.
extension Passphrase: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "a passphrase, not shown" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

extension ErrorCode<CredentialError> {
  /// A passphrase that none can be.
  public static var passphrase: Self { Self("passphrase") }
  /// The passphrase does not open the keys; or the file was changed, which looks the same.
  public static var wrongPassphrase: Self { Self("wrong-passphrase") }
}
