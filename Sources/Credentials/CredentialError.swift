/// Why a credential was refused; the message never holds a secret.
public struct CredentialError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An open set of reasons.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    /// Bytes that are no key of this kind.
    public static let invalidKey = Code("invalid-key")
    /// A sealed message is not for this key, this purpose or this associated data.
    public static let decryption = Code("decryption")
    /// A signature or the proof of a registration fails.
    public static let registration = Code("registration")

    /// A key file is there already, and is not overwritten.
    public static let fileExists = Code("file-exists")
    /// A key file that somebody else could read or exchange.
    public static let insecureFile = Code("insecure-file")
    /// Not a key file, or the key file of another role.
    public static let invalidFile = Code("invalid-file")
    /// The file system refuses.
    public static let unavailable = Code("unavailable")
  }

  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) { (self.code, self.message) = (code, message) }

  public var description: String { "\(code): \(message)" }
}
