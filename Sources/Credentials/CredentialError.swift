public import CanonicalEncoding

/// Why a credential was refused; the message never holds a secret.
public struct CredentialError: CodedError {
  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) { (self.code, self.message) = (code, message) }
}

/// Why: an open set.
extension ErrorCode<CredentialError> {
  /// Bytes that are no key of this kind.
  public static var invalidKey: Self { Self("invalid-key") }
  /// A sealed message is not for this key, this purpose or this associated data.
  public static var decryption: Self { Self("decryption") }
  /// A signature or the proof of a registration fails.
  public static var registration: Self { Self("registration") }

  /// A word that is not in the list.
  public static var unknownWord: Self { Self("unknown-word") }
  /// Too few words for a phrase, or too many.
  public static var wordCount: Self { Self("word-count") }
  /// Words of the list that are no phrase: the checksum fails.
  public static var wordChecksum: Self { Self("word-checksum") }

  /// A key file is there already, and is not overwritten.
  public static var fileExists: Self { Self("file-exists") }
  /// A key file that somebody else could read or exchange.
  public static var insecureFile: Self { Self("insecure-file") }
  /// Not a key file, or the key file of another role.
  public static var invalidFile: Self { Self("invalid-file") }
  /// The file system refuses.
  public static var unavailable: Self { Self("unavailable") }
}
