/// Why a proof, a note or a key of a transparency log is refused.
public struct TransparencyLogError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An open set of reasons.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    /// The code as text, which stays the same from version to version.
    public init(_ description: String) { self.description = description }

    /// The bytes are not the one canonical form of what they should be.
    public static let encoding = Code("encoding")
    /// Longer than anything this module reads.
    public static let tooLarge = Code("too-large")
    /// An index, a size or a time that cannot be.
    public static let range = Code("range")
    /// A proof that does not lead to the root.
    public static let proof = Code("proof")
    /// A name or a public key that cannot be one.
    public static let key = Code("key")
    /// The checkpoint is of another log.
    public static let origin = Code("origin")
    /// A signature under the name and ID of a known key that is not by that key.
    public static let signature = Code("signature")
    /// No known key has signed.
    public static let unsigned = Code("unsigned")
    /// Signatures that should be on one text are on two.
    public static let text = Code("text")
    /// A stored tile is missing, cut off, or not of the tree.
    public static let tile = Code("tile")
    /// A checkpoint has extension lines where none are allowed.
    public static let extensionLine = Code("extension-line")
    /// The checkpoints do not contradict each other, or no key signed both.
    public static let noContradiction = Code("no-contradiction")
  }

  public let code: Code
  /// For people; never holds a secret.
  public let message: String

  /// With a reason for programs, and a message for people.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { "\(code): \(message)" }
}
