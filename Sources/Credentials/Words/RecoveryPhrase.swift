/// 256 secret bits as 24 words with a checksum (BIP-39), for paper: a patient who has lost everything
/// else has the root again by them.
///
/// The words are the secret. Nothing here is derived from a password, as in BIP-39's seeds.
public struct RecoveryPhrase: Equatable, Sendable {
  /// 24 of them, the secret itself.
  public let words: [String]
  /// 32 bytes.
  public let secret: [UInt8]

  /// - Throws: ``CredentialError`` `invalidKey` unless there are 32 bytes.
  public init(_ secret: [UInt8]) throws(CredentialError) {
    guard secret.count == Self.byteCount else {
      throw CredentialError(
        .invalidKey, "a recovery phrase holds \(Self.byteCount) bytes, not \(secret.count)")
    }
    self.secret = secret
    words = WordPhrase.words(for: secret)
  }

  /// Reads words as people type them: case, white space and compatibility forms of letters make no
  /// difference.
  ///
  /// - Throws: ``CredentialError`` `unknownWord`, naming the word that is none; `wordCount`;
  ///   `wordChecksum` if the words do not belong together.
  public init(words text: String) throws(CredentialError) {
    try self.init(WordPhrase.secret(text, byteCount: Self.byteCount))
  }

  /// The words in one line.
  public var text: String { words.joined(separator: " ") }

  private static let byteCount = 32
}

extension PatientRoot {
  /// The root on paper.
  public var recoveryPhrase: RecoveryPhrase {
    get throws(CredentialError) { try RecoveryPhrase(encoded()) }
  }

  /// The root that was written down.
  public convenience init(_ phrase: RecoveryPhrase) throws(CredentialError) {
    try self.init(phrase.secret)
  }
}
